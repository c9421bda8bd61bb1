"""Whom to simulate: cells as a strategy sees them, and beside them the truth that it does not see.

A portfolio is made up from the sandbox's profiles (``Portfolio.synthetic``) or taken from a frame
(``Portfolio.from_frame``). The truth is how often each cell really changes, how long its refreshes take and how often
they fail; the ``rate`` in the cells is what is believed of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from codat_notebook.models.platforms import BY_KIND, SPREAD, changes_a_day, median_seconds
from codat_notebook.strategies.cell_table import CELLS, Columns, table
from codat_notebook.strategies.indices import Flags, Floats
from codat_notebook.strategies.learning import assumed_rates

_DAY = 86_400.0
#: Columns that a frame may have beside those of the cells: the truth, and what a refresh takes.
TRUTH = {"true_rate": np.nan, "latency": 0.0, "failure_rate": 0.0, "price": np.nan}
#: Columns, what is expected of their numbers, and whether they are so.
_NUMBERS: Final[tuple[tuple[str, str, Callable[[Floats], Flags]], ...]] = (
    ("weight true_rate latency rate", "a finite number >= 0", lambda each: (each >= 0) & (each < np.inf)),
    ("cost price", "a finite number > 0", lambda each: (each > 0) & (each < np.inf)),
    ("failure_rate", "a number from 0 to below 1", lambda each: (each >= 0) & (each < 1)),
    ("age", "a number of days >= 0, or infinity,", lambda each: each >= 0),
)
_P95 = float(np.exp(1.6448536 * SPREAD))


@dataclass(frozen=True)
class Portfolio:
    """Cells and the truth about them; ``len(portfolio)`` cells.

    ``cells`` is the table of ``strategies.cell_table``; ``truth`` has, per cell, ``true_rate`` (changes a day),
    ``latency`` (median days from start to end), ``failure_rate`` (per refresh) and ``price`` of a refresh. ``observed``
    says whether refreshes tell if they found changes (webhooks): without it nothing can be learned.
    """

    cells: pd.DataFrame
    truth: pd.DataFrame
    observed: bool = True
    #: Requests that read the cells before a round; ``None``: one for each company, and one for 5,000 of them.
    reading: float | None = None

    def __post_init__(self) -> None:
        for names, wanted, good in _NUMBERS:
            for name in names.split():
                values = (self.cells if name in self.cells else self.truth)[name].to_numpy(np.float64)
                fits = good(values) | (np.isnan(values) & (name in ("rate", "price")))  # which may be unknown
                if not fits.all():
                    row = int(np.argmin(fits))
                    raise ValueError(
                        f"portfolio: {name}: expected {wanted} for each cell, but row {row} is {values[row]}"
                    )

    def __len__(self) -> int:
        return len(self.cells)

    def __repr__(self) -> str:
        companies, rates = self.cells["company"].nunique(), self.cells["rate"].notna().mean()
        return f"<Portfolio of {len(self):,} cells, {companies:,} companies; rates given for {rates:.0%}>"

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, *, observed: bool = True) -> Portfolio:
        """A portfolio from any columns of ``CELLS`` and ``TRUTH``; what is missing is filled with what says the least.

        Where ``true_rate`` is missing, the believed ``rate`` is taken for true, and where that is unknown too, the rate
        that the sandbox assumes for the data type.

        Raises
        ------
        ValueError : no frame, a column of neither, or a number that makes no sense.
        """
        if not isinstance(frame, pd.DataFrame):
            raise ValueError(f"a portfolio is made of a DataFrame with a row per cell, not of {type(frame).__name__}")
        if unknown := sorted(set(frame.columns) - set(CELLS) - set(TRUTH)):
            raise ValueError(f"a portfolio has no column {', '.join(unknown)}; it has {', '.join((*CELLS, *TRUTH))}")
        cells = table({name: frame[name].reset_index(drop=True) for name in frame if name in CELLS}, rows=len(frame))
        if "company" not in frame:
            cells["company"] = pd.Categorical([f"Company {row}" for row in range(len(frame))])
        given = {name: frame[name].to_numpy(np.float64) if name in frame else usual for name, usual in TRUTH.items()}
        truth = pd.DataFrame(given, index=cells.index)
        truth["true_rate"] = truth["true_rate"].fillna(pd.Series(assumed_rates(Columns.of(cells))))
        return cls(cells, truth, observed)

    @classmethod
    def synthetic(
        cls,
        companies: int = 100,
        *,
        seed: int = 0,
        data_types: Sequence[str] | None = None,
        rates: str = "assumed",
        observed: bool = True,
    ) -> Portfolio:
        """A made-up portfolio with the platforms, durations, failures and changes of the sandbox's profiles.

        Each company has an accounting platform, half of them a bank and a third a shop. A cell changes as often as its
        data type usually does, times a factor of its own (Gamma, shape 2, mean 1); weights are exposures (Pareto 1.5).

        Parameters
        ----------
        companies, seed : how many; the same seed gives the same portfolio.
        data_types : which; by default all that a platform supports.
        rates : what is believed: ``"assumed"`` (that of the data type), ``"known"`` (the truth), ``"unknown"``.
        observed : see the class.
        """
        if rates not in ("assumed", "known", "unknown"):
            raise ValueError(f'rates: "assumed", "known" or "unknown", not {rates!r}')
        rng = np.random.default_rng(seed)
        frame = pd.DataFrame(_made_up(companies, rng, data_types), columns=list(_COLUMNS))
        usual = frame["true_rate"].to_numpy(np.float64)
        frame["true_rate"] = usual * rng.gamma(2.0, 0.5, len(frame))
        frame["age"] = rng.uniform(0.0, 7.0, len(frame))
        frame["latency_p95"] = frame["latency"] * _P95
        believed = {"assumed": usual, "known": frame["true_rate"].to_numpy(), "unknown": np.full(len(frame), np.nan)}
        return cls.from_frame(frame.assign(rate=believed[rates]), observed=observed)

    @classmethod
    def from_session(cls, session: Any, **options: Any) -> Portfolio:
        """Real companies as a portfolio: ages, durations and failure rates as their pull histories show them.

        Change rates come from ``observed`` changes or a ``known`` frame; the others are assumed from the data type, and
        every result says for how many cells (``rates_assumed``).

        Parameters
        ----------
        session : of which the companies are read, by ``session.cells``.
        options : those of ``session.cells``: companies, data_types, report, observed, known, prices, ...

        Examples
        --------
        >>> portfolio = Portfolio.from_session(session, report="financials")  # doctest: +SKIP
        >>> simulate(optimal(), portfolio, budget="50 refreshes/day")         # doctest: +SKIP
        """
        before = session.request_log.appended
        frame = session.cells(**options)
        reading = float(session.request_log.appended - before)
        frame = frame[[name for name in frame if name in CELLS or name in TRUTH]]
        return replace(cls.from_frame(frame, observed=options.get("observed") is not None), reading=reading)

    def believing(self, rates: Any) -> Portfolio:
        """The same portfolio, where other rates are believed: one number per cell, or ``"known"`` for the truth."""
        given = self.truth["true_rate"].to_numpy() if isinstance(rates, str) and rates == "known" else rates
        believed = np.broadcast_to(np.asarray(given, dtype=np.float64), (len(self),))
        return replace(self, cells=self.cells.assign(rate=believed))

    def priced(self, prices: Mapping[str, float], default: float | None = None) -> Portfolio:
        """The same portfolio with a price of a refresh for each platform, and one for all others.

        >>> made = Portfolio.synthetic(2, data_types=["bills"]).priced({"Xero": 0.02}, default=0.01)
        >>> made.truth["price"].isin([0.01, 0.02]).all().item()
        True
        """
        price = self.cells["platform"].map(dict(prices)).astype("float64")
        price = price if default is None else price.fillna(float(default))
        return replace(self, truth=self.truth.assign(price=price))


_COLUMNS = (
    "company", "connection", "data_type", "platform", "source_type", "status", "weight", "true_rate", "latency",
    "failure_rate",
)  # fmt: skip


def _made_up(
    companies: int, rng: np.random.Generator, data_types: Sequence[str] | None
) -> Iterator[tuple[str | float, ...]]:
    for number in range(companies):
        company, weight = f"Company {number:04}", float(rng.pareto(1.5) + 1)
        for kind, chance in (("Accounting", 1.0), ("Banking", 0.5), ("Commerce", 0.33)):
            if rng.random() >= chance:
                continue
            platform = BY_KIND[kind][int(rng.integers(len(BY_KIND[kind])))]
            for data_type in platform.types:
                if data_type not in platform.refuses and (data_types is None or data_type in data_types):
                    yield (
                        company, f"{company}, {platform.name}", data_type, platform.name, platform.source_type,
                        "Complete", weight, changes_a_day(data_type), median_seconds(platform, data_type) / _DAY,
                        platform.failure_rate,
                    )  # fmt: skip
