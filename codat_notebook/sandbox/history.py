"""The list of a company's pull operations, which are kept in the order in which they were requested."""

from __future__ import annotations

from collections.abc import Sequence

from codat_notebook.sandbox import records
from codat_notebook.sandbox.listing import Listing
from codat_notebook.sandbox.operations import Operation


class History(Listing):
    """Pull operations of one company at an instant, oldest first."""

    def __init__(self, operations: Sequence[Operation], now: int) -> None:
        super().__init__(len(operations), records.of_operations(operations, now), "Dataset")

    def in_order(self, order: str) -> Sequence[int]:
        """By the time of the request they stand in order already."""
        if order == "requested":
            return range(self.count)
        return range(self.count)[::-1] if order == "-requested" else super().in_order(order)
