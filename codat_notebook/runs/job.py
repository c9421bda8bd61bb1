"""What a run knows while it works: its rows, its phase, and who is to be told of changes.

A :class:`Job` is changed on the engine thread only, by ``queueing`` and ``following``; each change replaces the tuple
of rows, so that any thread may read a consistent snapshot.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from codat_notebook.models.instants import instant
from codat_notebook.models.shared import PullOperation
from codat_notebook.models.vocabulary import is_failed
from codat_notebook.runs import polling
from codat_notebook.runs.desk import CompanyFacts, Desk
from codat_notebook.runs.records import Subject, from_operation, log_error
from codat_notebook.runs.rows import Row

#: Phases of a run; the last three are ends.
PHASES = ("queueing", "following", "done", "stopped", "failed")


@dataclass(slots=True)
class Job:
    """The working state of one run. ``data_types`` is ``None`` where everything is refreshed."""

    desk: Desk
    company_id: str
    data_types: tuple[str, ...] | None
    connection_id: str | None = None
    rows: tuple[Row, ...] = ()
    phase: str = "queueing"
    note: str | None = None
    company: CompanyFacts | None = None
    observers: list[Callable[[], object]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.rows = tuple(Row(data_type, self.connection_id) for data_type in self.data_types or ())

    @property
    def name(self) -> str:
        """The company's name, its id until that is known."""
        return self.company.name if self.company else self.company_id

    def subject(self, row: Row | None = None) -> Subject:
        """What error records say of a row, or of the company."""
        if self.company is None:
            return Subject(company_id=self.company_id)
        return self.company.subject(row.data_type, row.connection_id) if row else self.company.subject()

    def set_rows(self, rows: Iterable[Row]) -> None:
        """Replace the rows and tell the observers. A failed operation gets its error record here, once."""
        self.rows = tuple(map(self._with_failure, rows))
        self._tell()

    def set_phase(self, phase: str, note: str | None = None) -> None:
        """Enter a phase, with a remark for the reader, and tell the observers."""
        self.phase, self.note = phase, note
        self._tell()

    def replace(self, old: Row, new: Row) -> None:
        """Replace one row."""
        self.set_rows(new if row is old else row for row in self.rows)

    def _tell(self) -> None:
        for observer in tuple(self.observers):
            observer()

    def _with_failure(self, row: Row) -> Row:
        operation = row.operation
        if operation is None or row.error is not None or not is_failed(operation.status):
            return row
        subject = self.subject(Row(operation.data_type, operation.connection_id))
        return replace(row, error=log_error(self.desk.errors, from_operation(operation, self.desk.now, subject)))

    async def look(self) -> list[PullOperation]:
        """The company's newest operations: one request, whatever the number of rows."""
        request = {
            "company_id": self.company_id,
            "order_by": "-requested",
            "page_size": polling.page_size(len(self.rows)),
        }
        return (await self.desk.client.manage_data.pull_operations.list_async(request=request)).results

    def origin(self, operation: PullOperation) -> str | None:
        """The origin of an operation that no row has yet; ``None`` if it is none of this run's."""
        requested = instant(operation.requested)
        if requested is None or requested < self._since():
            return None
        if self.data_types is None:
            return "queued"
        wanted = operation.data_type in self.data_types and self.connection_id in (None, operation.connection_id)
        return "appeared" if wanted else None

    def _since(self) -> datetime:
        """The server's time at which this run began, less two seconds for the coarseness of its ``Date``."""
        elapsed = (time.monotonic() - self.began) * self.desk.client.clock.speed
        return self.desk.now - timedelta(seconds=elapsed + 2)
