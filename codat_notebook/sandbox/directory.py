"""Finding companies among a hundred thousand: by query and tags, in an order, in milliseconds.

Orders by what never changes are sorted once and kept. The order of the last sync is kept, too, and the companies that
have been synced since are moved to their new places in it.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping, Sequence
from math import inf
from typing import Final

from codat_notebook.sandbox import records
from codat_notebook.sandbox.companies import CompanyStore
from codat_notebook.sandbox.listing import Listing

CHANGING: Final = "lastSync"
_FEW: Final = 1_000  # that move; for more it is quicker to sort all of them again


class Directory(Listing):
    """The list of an estate's companies."""

    def __init__(self, estate: CompanyStore) -> None:
        super().__init__(len(estate), records.of_companies(estate), "Company")
        self._estate = estate
        self._tags = Listing(len(estate), records.of_tags(estate), "Company")
        self._orders: dict[str, Sequence[int]] = {}
        self._synced: list[float] = []

    def chosen(self, parameters: Mapping[str, str]) -> bytes | None:
        """What both ``query`` and ``tags`` let through."""
        tags = parameters.get("tags")
        masks = super().chosen(parameters), self._tags.mask(tags) if tags else None
        both = [int.from_bytes(mask, "little") for mask in masks if mask is not None]
        return (both[0] & both[-1]).to_bytes(self.count, "little") if both else None

    def in_order(self, order: str) -> Sequence[int]:
        """All companies in that order, sorted once."""
        if order.removeprefix("-") == CHANGING:
            self._follow()
        if order not in self._orders:
            self._orders[order] = super().in_order(order)
        return self._orders[order]

    def _follow(self) -> None:
        """Take the companies that were synced since to their new places in the orders that are kept."""
        before, now = self._synced, self._estate.last_syncs()
        if before == now:
            return
        moved = [index for index, at in enumerate(now) if at != before[index]] if before else range(self.count)
        for order in (CHANGING, f"-{CHANGING}"):
            kept = self._orders.pop(order, ())
            if kept and len(moved) < _FEW:
                self._orders[order] = _moved(kept, moved, now, -1 if order[0] == "-" else 1)
        self._synced = now.copy()


def _moved(order: Sequence[int], moved: Sequence[int], values: Sequence[float], sign: int) -> list[int]:
    """An order in which some take other places; those of one value stand by their index."""

    def place(index: int) -> tuple[float, int]:
        value = values[index]
        return sign * (-inf if value != value else value), index

    going = set(moved)
    changed = [index for index in order if index not in going]
    for index in moved:
        insort(changed, index, key=place)
    return changed
