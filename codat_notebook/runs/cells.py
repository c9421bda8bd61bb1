"""How fresh a company's data is, per cell: company x connection x data type.

Codat's data status carries no connection: with two banks of which one is dead, the type reads fresh. So a cell's state
comes from the history of its connection, and from the data status only where the history does not reach back far
enough; ``source`` says which.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from codat_notebook.diagnosis import Advice, diagnose
from codat_notebook.models.instants import instant
from codat_notebook.models.shared import DataStatus, PullOperation
from codat_notebook.models.status import is_failed, is_running
from codat_notebook.models.vocabulary import DatasetStatus, SchemaDataType, custom_identifier

if TYPE_CHECKING:  # the context holds what is watched, which is made of these
    from codat_notebook.runs.context import CompanyFacts, RunContext

#: Operations of the history that are read to tell connections apart: one request.
DEPTH = 1000


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

    @property
    def expected(self) -> bool:
        """Whether it failed as it has to: nobody can mend it, and no refresh changes it."""
        return self.advice is not None and self.advice.expected


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
    request = {"company_id": company_id}
    facts, statuses, page = await asyncio.gather(
        context.company(company_id),
        context.client.manage_data.get_status_async(request=request),
        context.client.manage_data.pull_operations.list_async(
            request={**request, "order_by": "-requested", "page_size": DEPTH}
        ),
    )
    whole = page.links.next is None
    cells = make_cells(facts, statuses.by_type, page.results, whole, context.now)
    total = len(page.results) if whole else page.total_results
    return CompanyStatus(facts, page.results, cells, total, statuses.by_type, whole)


def make_cells(
    facts: "CompanyFacts",
    statuses: Mapping[str, DataStatus],
    operations: Iterable[PullOperation],
    whole: bool,
    now: datetime,
) -> list[Cell]:
    """The cells of a company, from the data status by data type and its operations, newest first; ``whole``: whether
    these are all that there ever were."""
    latest: dict[tuple[str, str], PullOperation] = {}
    successes: dict[tuple[str, str], PullOperation] = {}
    histories: dict[str, list[PullOperation]] = {}
    for operation in operations:
        histories.setdefault(operation.connection_id, []).append(operation)
        kind = (operation.connection_id, operation.data_type)
        latest.setdefault(kind, operation)
        if operation.status == "Complete":
            successes.setdefault(kind, operation)
    keys = {(id, data_type) for id, types in facts.supported.items() for data_type in types} | latest.keys()
    if len(facts.connections) == 1:  # a custom type that the history no longer shows can be of no other
        keys |= {(id, name) for id in facts.connections for name in statuses if custom_identifier(name) is not None}
    cells = []
    for key in sorted(keys):
        cell = _cell(facts, key, latest.get(key), successes.get(key), None if whole else statuses.get(key[1]), now)
        failed = is_failed(cell.status or "")
        cells.append(_diagnosed(cell, latest.get(key), facts, histories.get(key[0], ()), now) if failed else cell)
    return cells


def _diagnosed(
    cell: Cell, latest: PullOperation | None, facts: "CompanyFacts", history: Sequence[PullOperation], now: datetime
) -> Cell:
    """A cell that failed, with its diagnosis. What only the data status tells of has no operation to look at."""
    id, data_type, status = cell.connection_id, SchemaDataType(cell.data_type), DatasetStatus(cell.status or "")
    operation = latest or PullOperation(connection_id=id, data_type=data_type, status=status)
    advice = diagnose(operation, facts.connections.get(id), history, now=now)
    ended = instant(operation.completed) or instant(operation.requested)
    due = advice.due(ended) if ended else None
    return replace(cell, advice=advice, due=due if due and due > now else None)


def _cell(
    facts: "CompanyFacts",
    key: tuple[str, str],
    latest: PullOperation | None,
    success: PullOperation | None,
    status: DataStatus | None,
    now: datetime,
) -> Cell:
    """One cell. ``status`` is given only where the history may lack this cell's last success."""
    connection_id, data_type = key
    last_success = instant(success.completed) if success else None
    older = status if last_success is None and status and status.last_successful_sync is not None else None
    if older:
        last_success = instant(older.last_successful_sync)
    return Cell(
        company_id=facts.id,
        connection_id=connection_id,
        data_type=data_type,
        platform=facts.platforms.get(connection_id, ""),
        status=latest.status if latest else (older.current_status if older else None),
        last_success=last_success,
        last_requested=instant(latest.requested) if latest else None,
        age=now - last_success if last_success else None,
        message=(latest.error_message or latest.status_description) if latest else None,
        operation_id=latest.id if latest else (older.latest_sync_id if older else None),
        source="dataStatus" if older else "history",
        completed=latest.completed if latest else None,
    )
