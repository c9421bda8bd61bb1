"""The rows of a run and how they change: pure functions over frozen values, so that they can be tested without I/O.

A :class:`Row` is one thing that was asked for (a data type, of one connection or of any) and, once it is known, the
pull operation that answers it. :func:`absorb` takes what Codat's history shows now and gives the rows after it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, NamedTuple

from codat_notebook.models.shared import PullOperation
from codat_notebook.models.status import is_failed, is_running
from codat_notebook.runs.records import ErrorRecord


class RowState(NamedTuple):
    """How a state of a row is shown: its words, its tone (see ``status.TONES``), as what a total counts it (as
    ``status.Meaning.kind``), and its sign where that is not the tone's."""

    words: str
    tone: str
    kind: str
    symbol: str | None = None


#: States of a row, in the order in which totals name them; a row with an operation is shown by that one's status.
STATES: Final = {
    "queueing": RowState("to be queued", "idle", "running", "…"),
    "running": RowState("running", "run", "running"),
    "complete": RowState("complete", "ok", "complete"),
    "failed": RowState("failed", "bad", "failed"),
    "refused": RowState("not accepted", "bad", "failed"),
    "unknown": RowState("maybe queued", "warn", "running", "?"),
    "not queued by Codat": RowState("not queued by Codat", "idle", "other"),
}
#: Those of which something is still to come; a row in any other has ended.
OPEN_STATES: Final = ("queueing", "running")


@dataclass(frozen=True, slots=True)
class Row:
    """One data type of a run, with its operation once that is known.

    ``origin`` says where the operation comes from: ``queued`` by this run, ``attached`` because it ran already,
    ``appeared`` at the same time without having been asked for by name. ``seen`` is the server's time at which the end
    of the operation was seen.
    """

    data_type: str
    connection_id: str | None = None
    operation: PullOperation | None = None
    origin: str | None = None
    error: ErrorRecord | None = None
    outcome: str | None = None
    company_id: str = ""
    seen: datetime | None = None

    @property
    def operation_id(self) -> str | None:
        """Of its operation, once that is known."""
        return self.operation.id if self.operation is not None else None

    @property
    def state(self) -> str:
        """One of :data:`STATES`."""
        if self.operation is None:
            return self.outcome or "queueing"
        status = self.operation.status
        if is_failed(status):
            return "failed"
        return "running" if is_running(status, self.operation.completed) else "complete"

    @property
    def open(self) -> bool:
        """Whether something is still to come."""
        return self.state in OPEN_STATES


def fits(row: Row, operation: PullOperation) -> bool:
    """Whether ``operation`` can be what the row waits for."""
    return (
        row.operation is None
        and row.outcome in (None, "unknown")
        and row.data_type == operation.data_type
        and row.connection_id in (None, operation.connection_id)
    )


def absorb(
    rows: Sequence[Row], seen: Iterable[PullOperation], origin_of: Callable[[PullOperation], str | None]
) -> tuple[Row, ...]:
    """The rows after a look at the history that shows the operations ``seen``, in any order.

    ``origin_of`` gives the origin of an operation that no row has yet, or ``None`` if it is none of this run's. An
    operation that has ended never runs again: a late answer does not undo it.
    """
    now = {operation.id: operation for operation in seen if operation.id}
    after = [
        replace(row, operation=now[row.operation_id]) if row.open and row.operation_id in now else row for row in rows
    ]
    taken = {row.operation_id for row in rows}
    for operation in sorted(now.values(), key=lambda o: o.requested or ""):
        origin = None if operation.id in taken else origin_of(operation)
        if origin is None:
            continue
        place = next((i for i, row in enumerate(after) if fits(row, operation)), None)
        if place is None:
            after.append(_row(operation, origin if origin == "attached" else "appeared", rows))
        else:
            after[place] = _row(operation, origin, rows)
    return tuple(after)


def _row(operation: PullOperation, origin: str, rows: Sequence[Row]) -> Row:
    company_id = rows[0].company_id if rows else operation.company_id
    return Row(operation.data_type, operation.connection_id, operation, origin, company_id=company_id)
