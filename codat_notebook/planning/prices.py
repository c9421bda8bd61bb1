"""What one refresh costs in money, by platform, as the user's own frame says. Pure.

Codat tells no prices, and the platforms' are contracts: so none is built in, and a price that was not given is
unknown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Price(NamedTuple):
    """The price of one refresh."""

    amount: float
    currency: str | None


@dataclass(frozen=True)
class Prices:
    """Prices by platform and, where they differ, by data type; the most exact one counts."""

    known: Mapping[tuple[str | None, str | None], Price] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.known)

    def of(self, platform: str | None, data_type: str | None) -> Price | None:
        """The price of a refresh; ``None`` if it is not known."""
        name = platform.casefold() if platform is not None else None
        keys = ((name, data_type), (name, None), (None, data_type), (None, None))
        return next((self.known[key] for key in keys if key in self.known), None)

    @classmethod
    def of_frame(cls, prices: Any) -> Prices:
        """Prices from a frame with ``platform``, ``price``, maybe ``data_type`` and ``currency``; or one for all.

        A missing platform or data type stands for all of them; a missing price is unknown.

        Raises ``ValueError`` for a frame without these columns and for a price that is none.

        >>> Prices.of_frame(0.02).of("Xero", "invoices")
        Price(amount=0.02, currency=None)
        """
        if prices is None:
            return cls()
        if isinstance(prices, (int, float)) and not isinstance(prices, bool):
            return cls({(None, None): Price(_amount(prices), None)})
        columns = set(getattr(prices, "columns", ()))
        if not {"platform", "price"} <= columns:
            raise ValueError("prices: a frame with the columns platform and price (of one refresh), or one number.")
        rows = prices[[name for name in ("platform", "data_type", "price", "currency") if name in columns]]
        return cls(dict(_entry(row) for row in rows.to_dict("records") if not _missing(row["price"])))


def _entry(row: Mapping[Any, Any]) -> tuple[tuple[str | None, str | None], Price]:
    platform, data_type, currency = (_text(row.get(name)) for name in ("platform", "data_type", "currency"))
    return (platform.casefold() if platform else None, data_type), Price(_amount(row["price"]), currency)


def _text(value: Any) -> str | None:
    return None if _missing(value) else str(value)


def _missing(value: Any) -> bool:
    import pandas as pd

    return value is None or bool(pd.isna(value))


def _amount(value: Any) -> float:
    try:
        amount = float(value)
    except (TypeError, ValueError):
        amount = math.nan
    if not 0 <= amount < math.inf:
        raise ValueError(f"prices: a price is a number of money, at least 0, not {value!r}.")
    return amount
