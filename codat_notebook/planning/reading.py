"""The state of many companies, asked for at the same time within Codat's limits.

A list of companies holds their connections, so one request stands for thousands; after that one request for the
history of each company tells its connections apart, and one more only where that does not reach back far enough. So
many are under way at once, never more than two for one company. A company that cannot be read is a
:class:`Reading` with its trouble, never the end of the others; where the reserve of the day's quota is reached, those
that are left say so.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from codat_notebook.models.errors import CodatLendingError, InvalidRequestError
from codat_notebook.models.instants import instant
from codat_notebook.models.shared import Company, PullOperation
from codat_notebook.models.vocabulary import is_running
from codat_notebook.planning.pasts import Past, pasts
from codat_notebook.runs.cells import DEPTH, Cell, make_cells
from codat_notebook.runs.desk import CompanyFacts, Desk
from codat_notebook.runs.records import Subject

#: Companies that are read at the same time.
AT_ONCE = 24
#: From so many companies on they are listed, not asked for one by one.
LISTED_FROM = 6
#: Companies that one page may hold.
PAGE = 5000

UNKNOWN = "unknown company"
UNREADABLE = "could not be read"
RESERVED = "not read: the day's quota is down to its reserve"

Progress = Callable[[int, int], object]


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of one company. ``facts`` is ``None`` where Codat does not know it.

    ``running`` are the cells (connection id, data type) with an operation under way; ``durations`` are seconds that
    operations took, with platform and data type; ``pasts`` is what the history tells of each cell; ``trouble`` says why
    there are no cells.
    """

    id: str
    name: str
    facts: CompanyFacts | None = None
    cells: tuple[Cell, ...] = ()
    running: frozenset[tuple[str, str]] = frozenset()
    durations: tuple[tuple[str, str, float], ...] = ()
    pasts: Mapping[tuple[str, str], Past] = field(default_factory=dict)
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Which:
    """Which companies: those of ``ids`` (``None``: all) that have all the ``tags``."""

    ids: tuple[str, ...] | None = None
    tags: Mapping[str, str] | None = None

    def takes(self, company: Company) -> bool:
        """Whether a company has the tags."""
        has = company.tags or {}
        return all(has.get(name) == value for name, value in (self.tags or {}).items())


async def read_facts(desk: Desk, which: Which) -> list[Reading]:
    """The companies with their connections and nothing more: one request for 5,000 of them.

    Raises the client's typed errors where the companies cannot be listed.
    """
    if which.ids is not None and len(which.ids) < LISTED_FROM:
        singly = [await _company(desk, id) for id in which.ids]
        return [await _reading(desk, found, which.ids[n]) for n, found in enumerate(singly) if _wanted(found, which)]
    listed = {
        company.id.lower(): company
        async for company in desk.client.companies.iterate_async(request={"order_by": "name", "page_size": PAGE})
    }
    if which.ids is None:
        return [await _reading(desk, company) for company in listed.values() if which.takes(company)]
    named = {id: listed.get(id.lower(), UNKNOWN) for id in which.ids}
    return [await _reading(desk, found, id) for id, found in named.items() if _wanted(found, which)]


def _wanted(found: Company | str, which: Which) -> bool:
    return isinstance(found, str) or which.takes(found)


async def _company(desk: Desk, id: str) -> Company | str:
    """A company, or why there is none."""
    try:
        return await desk.client.companies.get_async(request={"company_id": id})
    except InvalidRequestError:
        return UNKNOWN
    except CodatLendingError as error:
        if error.status_code == 404:
            return UNKNOWN
        desk.report(error, "A company could not be read", Subject(company_id=id))
        return UNREADABLE


async def _reading(desk: Desk, found: Company | str, id: str = "") -> Reading:
    if isinstance(found, str):
        return Reading(id, id, trouble=found)
    facts = await desk.facts(found, id)
    return Reading(facts.id, facts.name, facts)


async def read_cells(
    desk: Desk, which: Which, *, reserve: float = 0.1, progress: Progress | None = None
) -> list[Reading]:
    """The same with the cells of each company: one request for each, sometimes two.

    Parameters
    ----------
    desk, which : the session's, and whose.
    reserve : share of the day's quota at which the reading stops.
    progress : called with how many are read and how many there are, never on the engine's thread.
    """
    readings = await read_facts(desk, which)
    work: Iterator[int] = iter(range(len(readings)))
    done = 0

    async def worker() -> None:
        nonlocal done
        for place in work:
            readings[place] = await _with_cells(desk, readings[place], reserve)
            done += 1
            if progress is not None:
                desk.engine.run_user_code(progress, done, len(readings))

    async with asyncio.TaskGroup() as group:
        for _ in range(min(AT_ONCE, len(readings))):
            group.create_task(worker())
    return readings


async def _with_cells(desk: Desk, reading: Reading, reserve: float) -> Reading:
    facts = reading.facts
    if facts is None or not facts.connections:
        return reading
    if _at_reserve(desk, reserve):
        return replace(reading, trouble=RESERVED)
    request = {"company_id": facts.id}
    try:
        page = await desk.client.manage_data.pull_operations.list_async(
            request={**request, "order_by": "-requested", "page_size": DEPTH}
        )
        whole = page.links.next is None
        cells = make_cells(facts, {}, page.results, whole, desk.now)
        if not whole and any(cell.last_success is None for cell in cells):
            statuses = await desk.client.manage_data.get_status_async(request=request)
            cells = make_cells(facts, statuses.by_type, page.results, whole, desk.now)
    except CodatLendingError as error:
        desk.report(error, f"The state of {facts.name} could not be read", facts.subject())
        return replace(reading, trouble=UNREADABLE)
    running, durations = _running(page.results), _durations(facts, page.results)
    return replace(reading, cells=tuple(cells), running=running, durations=durations, pasts=pasts(page.results))


def _at_reserve(desk: Desk, reserve: float) -> bool:
    """Whether only the reserve of the quota is left, given that what is under way is not in what was told yet."""
    quota = desk.client.quota
    if quota is None or quota.remaining is None or quota.limit is None:
        return False
    return quota.remaining - 2 * AT_ONCE <= reserve * quota.limit


def _running(operations: Iterable[PullOperation]) -> frozenset[tuple[str, str]]:
    return frozenset((o.connection_id, o.data_type) for o in operations if is_running(o.status, o.completed))


def _durations(facts: CompanyFacts, operations: Iterable[PullOperation]) -> tuple[tuple[str, str, float], ...]:
    """How long the newest operation of each cell that ended well took."""
    found: dict[tuple[str, str], tuple[str, str, float]] = {}
    for operation in operations:
        key = operation.connection_id, str(operation.data_type)
        start, end = instant(operation.requested), instant(operation.completed)
        if operation.status == "Complete" and key not in found and start and end:
            platform = facts.platforms.get(operation.connection_id, "")
            found[key] = platform, key[1], (end - start).total_seconds()
    return tuple(found.values())
