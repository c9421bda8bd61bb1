"""The rows of a run, how they change, and what they add up to: pure functions over frozen values.

A :class:`Row` is one thing that was asked for (a data type, of one connection or of any) and, once it is known, the
pull operation that answers it. :func:`absorb` takes what Codat's history shows now and gives the rows after it.
:func:`progress_of` says in numbers how far they are, :func:`remedies_of` what is to do.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from codat_notebook import frames
from codat_notebook.models.shared import PullOperation
from codat_notebook.models.status import is_failed, is_running
from codat_notebook.runs.governor import local
from codat_notebook.runs.records import ErrorRecord, from_operation

if TYPE_CHECKING:
    import pandas as pd

    from codat_notebook.runs.cells import CompanyStatus


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
    "unqueued": RowState("not queued", "idle", "other"),
}
#: Those of which something is still to come; a row in any other has ended.
OPEN_STATES: Final = ("queueing", "running")


@dataclass(frozen=True, slots=True)
class Row:
    """One data type of a run, with its operation once that is known.

    ``origin`` says where the operation comes from: ``queued`` by this run, ``attached`` because it ran already,
    ``appeared`` at the same time without having been asked for by name. ``seen`` is the server's time at which the end
    of the operation was seen. ``outcome`` is the state of a row without an operation; ``unqueued``: it was left so when
    the run was watched again. What is tried again is a new row, with the one ``before`` it, whose ``next_at`` says from
    when on that may be queued (``None``: at once).
    """

    data_type: str
    connection_id: str | None = None
    operation: PullOperation | None = None
    origin: str | None = None
    error: ErrorRecord | None = None
    outcome: str | None = None
    company_id: str = ""
    seen: datetime | None = None
    before: Row | None = None
    next_at: datetime | None = None

    @property
    def attempts(self) -> tuple[Row, ...]:
        """The row as each attempt left it, this one last."""
        return (*self.before.attempts, self) if self.before is not None else (self,)

    @property
    def attempt(self) -> int:
        """Which attempt this is: 1 at first."""
        return len(self.attempts)

    @property
    def due(self) -> datetime | None:
        """From when on it may be queued, where that is a later time."""
        return self.before.next_at if self.before is not None else None

    @property
    def newest(self) -> Row:
        """Its newest attempt that has an operation; itself where none has."""
        return next((each for each in reversed(self.attempts) if each.operation is not None), self)

    @property
    def failures(self) -> list[tuple[int, ErrorRecord]]:
        """Each attempt that failed with its error. Those that were tried again say how that went, and need nothing."""
        done = f"Nothing to do: attempt {self.attempt} succeeded." if self.state == "complete" else ""
        told = []
        for each in self.attempts:
            if (error := each.error) is not None:
                if each is not self:
                    action = done or f"See attempt {self.attempt}."
                    error = replace(error, action=action, retry="never", retry_at=None, link_url=None)
                told.append((each.attempt, error))
        return told

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
        and row.outcome in (None, "unknown", "unqueued")
        and row.data_type == operation.data_type
        and row.connection_id in (None, operation.connection_id)
    )


def absorb(
    rows: Sequence[Row], seen: Iterable[PullOperation], origin_of: Callable[[PullOperation], str | None]
) -> tuple[Row, ...]:
    """The rows after a look at the history that shows the operations ``seen``, in any order. ``origin_of`` gives the
    origin of an operation that no row has yet, or ``None`` if it is none of this run's. An operation that has ended
    never runs again: a late answer does not undo it."""
    now = {operation.id: operation for operation in seen if operation.id}
    after = [
        replace(row, operation=now[row.operation_id]) if row.open and row.operation_id in now else row for row in rows
    ]
    taken = {each.operation_id for row in rows for each in row.attempts}
    for operation in sorted(now.values(), key=lambda o: o.requested or ""):
        origin = None if operation.id in taken else origin_of(operation)
        if origin is None:
            continue
        company_id = rows[0].company_id if rows else operation.company_id
        row = Row(operation.data_type, operation.connection_id, operation, origin, company_id=company_id)
        place = next((i for i, waiting in enumerate(after) if fits(waiting, operation)), None)
        if place is not None:
            after[place] = replace(row, before=after[place].before)
        else:
            after.append(row if origin == "attached" else replace(row, origin="appeared"))
    return tuple(after)


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far a run is, in numbers.

    ``total``: operations asked for or found; ``ended``: those with an end (of whatever kind); ``queued``: those known
    to Codat; ``companies`` and ``companies_ended``. ``per_minute``: ends a minute (server's time) so far;
    ``expected_end``: when the last one is expected at this rate, ``None`` before there is a rate or after the end.
    ``looks``: requests spent on looking; ``looks_saved``: how many more polling would have spent until now, by its own
    rhythm, where the run hears events.
    """

    total: int
    ended: int
    queued: int
    companies: int
    companies_ended: int
    seconds: float
    per_minute: float
    expected_end: datetime | None
    looks: int = 0
    looks_saved: int = 0

    @property
    def share(self) -> float:
        """Ended of total, 0 to 1."""
        return self.ended / self.total if self.total else 1.0


def progress_of(
    counted: Mapping[str, int],
    companies: tuple[int, int],
    began: datetime,
    now: datetime,
    ended_before: int,
    looks: tuple[int, int] = (0, 0),
) -> RunProgress:
    """The numbers. ``companies``: all and ended; ``ended_before``: operations that had ended when the run began;
    ``looks``: that were and were saved."""
    total, over = sum(counted.values()), ended(counted)
    seconds = max((now - began).total_seconds(), 0.0)
    rate = (over - ended_before) / seconds if seconds else 0.0
    left = (total - over) / rate if rate else math.inf
    expected = now + timedelta(seconds=left) if 0 < left < 366 * 86_400 else None
    queued = sum(counted.get(state, 0) for state in ("running", "complete", "failed"))
    return RunProgress(total, over, queued, *companies, seconds, rate * 60, expected, *looks)


def line_of(at: RunProgress, counts: Mapping[str, int]) -> str:
    """The numbers in a line of text."""
    parts = [f"{at.ended:,} of {at.total:,} ended ({at.share:.0%})"]
    parts += [f"{number:,} {state}" for state, number in counts.items() if state != "complete"]
    if at.expected_end is not None:
        parts += [f"{at.per_minute:,.0f} a minute", f"end expected {local(at.expected_end)}"]
    return ", ".join(parts)


def ended(counted: Mapping[str, int]) -> int:
    """How many of so many rows in each state have ended."""
    return sum(number for state, number in counted.items() if state not in OPEN_STATES)


def failures(counted: Mapping[str, int]) -> int:
    """How many of so many rows in each state ended in failure: a run or a company that has some is not simply done."""
    return counted.get("failed", 0) + counted.get("refused", 0)


def phase_of(phase: str, counted: Mapping[str, int]) -> str:
    """A phase as it is told: what has failed is not ``done``."""
    return "with failures" if phase == "done" and failures(counted) else phase


def remedies_of(rows: Iterable[Row]) -> pd.DataFrame:
    """What to do, the remedy that most companies need first: what one rule diagnoses shares one."""
    groups: dict[str, list[ErrorRecord]] = {}
    for row in rows:
        if row.error is not None:
            groups.setdefault(rule_of(row) or "", []).append(row.error)
    companies = {rule: len({error.company_id for error in group}) for rule, group in groups.items()}
    rules = sorted(groups, key=lambda rule: (-companies[rule], -len(groups[rule]), rule))
    ordered = [groups[rule] for rule in rules]
    columns: dict[str, list[object]] = {
        "rule": [*rules],
        "status": [_commonest(error.status or "" for error in group) for group in ordered],
        "what": [_commonest(error.what for error in group) for group in ordered],
        "action": [_commonest(error.action for error in group) for group in ordered],
        "companies": [companies[rule] for rule in rules],
        "operations": [len(group) for group in ordered],
        "link_urls": [len({error.link_url for error in group if error.link_url}) for group in ordered],
    }
    return frames.build(frames.REMEDIES, columns)


def rule_of(row: Row) -> str | None:
    """The ``rule`` of the remedy that a row needs; ``None`` where it has no error."""
    return None if row.error is None else row.error.rule or row.error.status or ""


def _commonest(texts: Iterable[str]) -> str:
    return Counter(texts).most_common(1)[0][0]


class Latest:
    """What is known of a run's rows by now, by whichever request: a run that was stopped or has ended hears nothing."""

    def __init__(self, status: CompanyStatus) -> None:
        self._status = status
        self._by_id = {each.id: each for each in status.operations}
        self._of_cell = {(each.connection_id, each.data_type): each for each in reversed(status.operations)}

    def of(self, row: Row, now: datetime) -> Row:
        """The row with its operation as it is; what is said of a failure holds good while nothing newer is known."""
        if row.operation is None:
            return row
        operation, error = self._by_id.get(row.operation.id, row.operation), row.error
        after = self._of_cell.get((operation.connection_id, operation.data_type), operation)
        if error is not None and error.operation_id == operation.id != after.id:
            connection = self._status.facts.connections.get(operation.connection_id)
            error = from_operation(operation, connection, self._status.operations, now, error.company)
        same = error is row.error and operation == row.operation
        return row if same else replace(row, operation=operation, error=error)
