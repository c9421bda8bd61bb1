"""How fresh a company's data is, per cell: company x connection x data type.

Codat's data status carries no connection: with two banks of which one is dead, the type reads fresh. So a cell's state
comes from the history of its connection, and from the data status where that knows of something that no history shows
and that can be this cell's; ``source`` says which.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from codat_notebook.diagnosis import Advice, diagnose
from codat_notebook.models.instants import instant
from codat_notebook.models.shared import Connection, DataStatus, PullOperation
from codat_notebook.models.status import AT_MACHINE, is_failed, is_problem, is_running, meaning
from codat_notebook.models.vocabulary import DatasetStatus, SchemaDataType
from codat_notebook.runs.memory import Look

if TYPE_CHECKING:  # the context holds what is watched, which is made of these
    from codat_notebook.runs.context import CompanyFacts, RunContext

#: Operations of the history that are read to tell connections apart: one request.
DEPTH = 1000
#: From this age on an operation that runs is suspect: waited for no longer, and queued anew where the caller says so.
OVERDUE = timedelta(days=7)
#: Failures in a row from which on another try is no remedy: the wait doubles with each, from a day to a fortnight.
LASTING = 3
_WAITS = timedelta(days=1), timedelta(days=14)
#: A data status and a history that are so far apart at most speak of the same sync.
_ALIKE = timedelta(minutes=2)
#: Within this time of its creation a connection is read for the first time.
_FIRST_READ = timedelta(days=2)

#: Connection id and data type.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Cell:
    """One data type of one connection: a row of ``session.status``. ``status`` is ``None`` where nothing ever ran.

    ``completed`` is that of the latest operation, without which an unknown status counts as running. ``advice`` is the
    diagnosis of one that failed, ``due`` the time before which it is not to be refreshed again by itself.
    """

    company_id: str
    connection_id: str
    data_type: str
    platform: str
    status: str | None
    last_success: datetime | None
    last_requested: datetime | None
    age: timedelta | None
    message: str | None
    operation_id: str | None
    source: str
    completed: str | None = None
    #: What the company's sync settings do for it, in words, where they were read.
    setting: str | None = None
    advice: Advice | None = None
    due: datetime | None = None
    #: How often it has failed in a row, as far as its history is known.
    failures: int = 0
    #: Whether its operation runs for so long that it may never end.
    overdue: bool = False
    #: Whether its operation waits for the customer's machine.
    at_machine: bool = False

    @property
    def lasting(self) -> str | None:
        """Since when it fails again and again, in words."""
        if self.failures < LASTING:
            return None
        since = self.last_success
        worked = f"not since {since.day} {since:%B %Y}" if since else "this has never worked"
        return f"failed {self.failures} times in a row, {worked}"

    @property
    def expected(self) -> bool:
        """Whether it failed as it has to: nobody can mend it, and no refresh changes it."""
        return self.advice is not None and self.advice.expected

    @property
    def unhealthy(self) -> bool:
        """Whether it failed last, and did not have to."""
        return is_problem(self.status or "") and not self.expected


@dataclass(frozen=True, slots=True)
class CompanyStatus:
    """What is known of a company at one moment: its facts, its newest operations, and the cells made of both.

    ``total`` counts all its operations; 0 if there are more than these and Codat does not say how many. ``statuses``
    is the data status by data type; ``whole``: the operations are all that there ever were.
    """

    facts: "CompanyFacts"
    operations: list[PullOperation]
    cells: list[Cell]
    total: int = 0
    statuses: Mapping[str, DataStatus] = field(default_factory=dict)
    whole: bool = False

    def with_operations(self, seen: Iterable[PullOperation], now: datetime) -> "CompanyStatus":
        """The same with what was seen of its operations since, in any order; itself where nothing is new.

        An operation that has ended never runs again: a late answer does not undo it.
        """
        known = {operation.id: operation for operation in self.operations}
        news = {
            operation.id: operation
            for operation in seen
            if (old := known.get(operation.id)) is None or (old != operation and is_running(old.status, old.completed))
        }
        if not news:
            return self
        operations = sorted((known | news).values(), key=lambda each: each.requested or "", reverse=True)
        return replace(
            self,
            operations=operations,
            cells=make_cells(self.facts, self.statuses, operations, self.whole, now),
            total=self.total + len(operations) - len(known) if self.total else 0,
        )


async def company_status(context: "RunContext", company_id: str) -> CompanyStatus:
    """Ask for all that a company's cells are made of: three requests at the same time, the first time four."""
    asked = context.now
    facts, statuses, page = await asyncio.gather(
        context.company(company_id),
        context.client.manage_data.get_status_async(request={"company_id": company_id}),
        context.client.manage_data.pull_operations.list_async(
            request={"company_id": company_id, "order_by": "-requested", "page_size": DEPTH}
        ),
    )
    whole = page.links.next is None
    cells = make_cells(facts, statuses.by_type, page.results, whole, context.now)
    look = Look(facts, asked, page.results, statuses.by_type, whole)
    await context.remember(lambda memory: memory.saw([look]))
    total = len(page.results) if whole else page.total_results
    return CompanyStatus(facts, page.results, cells, total, statuses.by_type, whole)


def reaches_back(facts: "CompanyFacts", operations: Iterable[PullOperation]) -> bool:
    """Whether a history that has no further pages begins where its connections began, as far as is told: Codat reads a
    connection when it is linked. Where it begins later, or is empty, the data status may know of more."""
    first: dict[str, datetime] = {}
    for operation in operations:
        if (requested := instant(operation.requested)) is not None:
            first[operation.connection_id] = min(requested, first.get(operation.connection_id, requested))
    for connection in facts.connections.values():
        began, created = first.get(connection.id), instant(connection.created)
        if connection.last_sync and began is None:
            return False
        if began and created and began > created + _FIRST_READ:
            return False
    return True


def all_succeeded(facts: "CompanyFacts", operations: Sequence[PullOperation]) -> bool:
    """Whether a history shows a success of each cell that there is, so that the data status cannot know of more."""
    there = {(id, name) for id, names in facts.supported.items() for name in names}
    there |= {(each.connection_id, each.data_type) for each in operations}
    return there == {(o.connection_id, o.data_type) for o in operations if o.status == "Complete" and o.told}


def make_cells(
    facts: "CompanyFacts",
    statuses: Mapping[str, DataStatus],
    operations: Iterable[PullOperation],
    whole: bool,
    now: datetime,
) -> list[Cell]:
    """The cells of a company, from the data status by data type and its operations, newest first; ``whole``: whether
    these are all that there ever were."""
    latest: dict[Key, PullOperation] = {}
    successes: dict[Key, PullOperation] = {}
    histories: dict[str, list[PullOperation]] = {}
    failures: Counter[Key] = Counter()
    shown: set[str] = set()  # the data types whose data status speaks of an operation that is here
    for operation in operations:
        histories.setdefault(operation.connection_id, []).append(operation)
        kind = (operation.connection_id, operation.data_type)
        if kind not in successes and is_problem(operation.status):
            failures[kind] += 1
        latest.setdefault(kind, operation)
        if operation.status == "Complete":
            successes.setdefault(kind, operation)
            if operation.data_type not in shown and _is_sync_of(operation, statuses.get(operation.data_type)):
                shown.add(operation.data_type)
    keys = {(id, data_type) for id, types in facts.supported.items() for data_type in types} | latest.keys()
    if len(facts.connections) == 1:  # what neither the platform nor the history shows (any more) can be of no other
        keys |= {(id, name) for id in facts.connections for name, told in statuses.items() if _tells(told)}
    cells = []
    for key in sorted(keys):
        told = None if key[1] in shown else statuses.get(key[1])
        status = _unseen(told, key, keys, latest, successes, whole) if told is not None and _tells(told) else None
        cell = _cell(facts, key, latest.get(key), successes.get(key), status, now)
        failed = is_failed(cell.status or "")
        cell = replace(cell, failures=failures[key]) if failed else cell
        cells.append(_diagnosed(cell, latest.get(key), facts, histories.get(key[0], ()), now) if failed else cell)
    return cells


def _diagnosed(
    cell: Cell, latest: PullOperation | None, facts: "CompanyFacts", history: Sequence[PullOperation], now: datetime
) -> Cell:
    """A cell that failed, with its diagnosis. What only the data status tells of has no operation to look at."""
    id, data_type, status = cell.connection_id, SchemaDataType(cell.data_type), DatasetStatus(cell.status or "")
    operation = latest or PullOperation(connection_id=id, data_type=data_type, status=status)
    advice = diagnose(operation, facts.connections.get(id), history, now=now)
    due = advice.due(operation.told) if operation.told else None
    if due is not None and operation.told is not None and cell.failures >= LASTING:
        due = max(due, operation.told + min(_WAITS[0] * 2 ** min(cell.failures - LASTING, 9), _WAITS[1]))
    return replace(cell, advice=advice, due=due if due and due > now else None)


def _tells(status: DataStatus) -> bool:
    """Whether a data status says more than that nothing was ever read."""
    return status.current_status is not None or status.last_successful_sync is not None


def _unseen(
    status: DataStatus,
    key: Key,
    keys: Iterable[Key],
    latest: Mapping[Key, PullOperation],
    successes: Mapping[Key, PullOperation],
    whole: bool,
) -> DataStatus | None:
    """The data status of a type of which no history shows the sync, where it can be this cell's: no other connection
    has the type, or nothing tells whose it is and of this cell nothing better is known."""
    others = [each for each in keys if each[1] == key[1] and each != key]
    synced, ours = instant(status.last_successful_sync), successes.get(key)
    if synced is None:  # it only failed, or runs
        return status if not any(each in latest for each in (key, *others)) else None
    if ours is not None:
        return status if not others and synced > (ours.told or synced) else None
    return status if not (others and whole and any(each in successes for each in others)) else None


def _is_sync_of(operation: PullOperation, status: DataStatus | None) -> bool:
    """Whether a data status speaks of this success."""
    if status is None or status.last_successful_sync is None:
        return False
    read, synced = operation.told, instant(status.last_successful_sync)
    near = read is not None and synced is not None and abs(read - synced) <= _ALIKE
    return near or operation.id == status.latest_successful_sync_id


def is_overdue(operation: PullOperation, now: datetime) -> bool:
    """Whether an operation runs for so long that it may never end; no time that Codat documents for one is as long."""
    requested = instant(operation.requested)
    return is_running(operation.status, operation.completed) and requested is not None and now - requested > OVERDUE


def at_machine(operation: PullOperation, connection: Connection | None) -> bool:
    """Whether an operation waits for the customer's machine, so that nothing of it is read yet."""
    there = connection is not None and connection.on_premise
    return meaning(operation.status, operation.completed, operation.status_description, there).text == AT_MACHINE


def _cell(
    facts: "CompanyFacts",
    key: Key,
    latest: PullOperation | None,
    success: PullOperation | None,
    status: DataStatus | None,
    now: datetime,
) -> Cell:
    """One cell. ``status`` is given only where it tells what the history lacks."""
    connection_id, data_type = key
    synced = instant(status.last_successful_sync) if status else None
    last_success = synced or (success.told if success else None)
    behind = latest is not None and synced is not None and synced > (latest.told or synced)
    shown, connection = None if behind else latest, facts.connections.get(connection_id)
    waits = shown is not None and at_machine(shown, connection)
    return Cell(
        company_id=facts.id,
        connection_id=connection_id,
        data_type=data_type,
        platform=facts.platforms.get(connection_id, ""),
        status=shown.status if shown else (status.current_status if status else None),
        last_success=last_success,
        last_requested=instant(latest.requested) if latest else None,
        age=now - last_success if last_success else None,
        message=(shown.error_message or shown.status_description or (AT_MACHINE if waits else None)) if shown else None,
        operation_id=shown.id if shown else (status.latest_sync_id if status else None),
        source="dataStatus" if status else "history",
        completed=shown.completed if shown else None,
        overdue=shown is not None and is_overdue(shown, now),
        at_machine=waits,
    )
