"""What the history of a company says about each of its cells: how often refreshes fail, how long they take. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from codat_notebook.models.instants import instant
from codat_notebook.models.shared import PullOperation
from codat_notebook.models.vocabulary import is_failed
from codat_notebook.runs.durations import NEWEST, seconds_taken


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
        status, seconds = str(operation.status or ""), seconds_taken(operation)
        if status == "Complete":
            if seconds is not None and len(self.seconds) < NEWEST:
                self.seconds.append(seconds)
        elif not is_failed(status) or status == "NotSupported":
            return
        elif self.failed == self.ended:  # no success so far: part of the streak
            self.streak += 1
            if self.kind is None:
                self.kind = status
                self.failed_at = instant(operation.completed)
        self.failed += status != "Complete"
        self.ended += 1


def histories(operations: Iterable[PullOperation]) -> dict[tuple[str, str], CellHistory]:
    """Cell (connection id, data type) -> its past, from operations that come newest first."""
    by_cell: dict[tuple[str, str], CellHistory] = {}
    for operation in operations:
        by_cell.setdefault((operation.connection_id, str(operation.data_type)), CellHistory()).add(operation)
    return by_cell
