"""What the history of a company says about each of its cells: how often refreshes fail, how long they take. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from codat_notebook.models.instants import instant
from codat_notebook.models.shared import PullOperation
from codat_notebook.models.status import is_problem

#: Durations kept of a cell, the newest ones.
KEPT = 20


@dataclass(slots=True)
class CellHistory:
    """The operations of one cell that have ended, newest first."""

    ended: int = 0
    failed: int = 0
    streak: int = 0  # failures since the last success
    kind: str | None = None  # the newest one's status, if the cell's last operation failed
    failed_at: datetime | None = None
    seconds: list[float] = field(default_factory=list)

    def add(self, operation: PullOperation) -> None:
        """One that is older than those before. What the platform does not offer is no failure of a refresh."""
        status, end = str(operation.status or ""), instant(operation.completed)
        if status == "Complete":
            start = instant(operation.requested)
            if start and end and len(self.seconds) < KEPT:
                self.seconds.append((end - start).total_seconds())
        elif not is_problem(status):
            return
        elif self.failed == self.ended:  # no success so far: part of the streak
            self.streak += 1
            if self.kind is None:
                self.kind, self.failed_at = status, end
        self.failed += status != "Complete"
        self.ended += 1


def histories(operations: Iterable[PullOperation]) -> dict[tuple[str, str], CellHistory]:
    """Cell (connection id, data type) -> its past, from operations that come newest first."""
    found: dict[tuple[str, str], CellHistory] = {}
    for operation in operations:
        found.setdefault((operation.connection_id, str(operation.data_type)), CellHistory()).add(operation)
    return found
