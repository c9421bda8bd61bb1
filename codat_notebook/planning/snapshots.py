"""What is known of companies, and how it is read: their connections, their cells, what their histories tell.

Cells are read at the pace that the session's governor allows: the history of a company tells its connections apart, and
a second request is sent only where it does not reach back far enough. One company's trouble is told by its
:class:`CompanySnapshot`; what stops all of them (the reserve of the day's quota, an outage) ends the asking, and those
that are left say why.

With a memory, a company is asked for again only where something can have changed: :func:`due` says when. What is
known of the others is as old as their ``seen`` says, and never older than a day.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from codat_notebook.models.errors import CodatLendingError, InvalidRequestError
from codat_notebook.models.instants import instant
from codat_notebook.models.operations import ListPullOperationsRequest
from codat_notebook.models.platforms import BY_KEY, BY_NAME, median_seconds
from codat_notebook.models.shared import Connection, PullOperation
from codat_notebook.models.status import is_problem, is_running
from codat_notebook.models.vocabulary import did_you_mean
from codat_notebook.planning.relinks import expiry
from codat_notebook.planning.selection import Selection
from codat_notebook.planning.sync_settings import Settings, merged
from codat_notebook.runs.cells import DEPTH, Cell, all_succeeded, make_cells, reaches_back
from codat_notebook.runs.context import CompanyFacts, Facts, RunContext, check_ids, facts_of, find_companies
from codat_notebook.runs.durations import NEWEST, Durations, seconds_taken
from codat_notebook.runs.governor import Hold
from codat_notebook.runs.memory import Look, mark_of
from codat_notebook.runs.records import Subject
from codat_notebook.runs.targets import check_types

T = TypeVar("T")
Progress = Callable[[int, int], object]
UNKNOWN = "unknown company"
UNREADABLE = "could not be read"
#: Companies that are read at the same time.
AT_ONCE = 24
#: Real seconds: between two looks whether a request may go, and for which a plan waits until one may.
_LOOK, _LONGEST = 0.02, 90.0
#: How long what is remembered of a company is good for, where nothing tells of a change: of what failed, of others.
OFTEN, LONG = timedelta(hours=8), timedelta(days=1)
#: Companies that are remembered at one go, so that a look that is killed has not been in vain.
_KEPT = 100


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
        status = str(operation.status or "")
        if status == "Complete":
            if len(self.seconds) < NEWEST and (seconds := seconds_taken(operation)) is not None:
                self.seconds.append(seconds)
        elif not is_problem(status):
            return
        elif self.failed == self.ended:  # no success so far: part of the streak
            self.streak += 1
            if self.kind is None:
                self.kind = status
                self.failed_at = operation.told
        self.failed += status != "Complete"
        self.ended += 1


def histories(operations: Iterable[PullOperation]) -> dict[tuple[str, str], CellHistory]:
    """Cell (connection id, data type) -> its past, from operations that come newest first."""
    by_cell: dict[tuple[str, str], CellHistory] = {}
    for operation in operations:
        by_cell.setdefault((operation.connection_id, str(operation.data_type)), CellHistory()).add(operation)
    return by_cell


@dataclass(frozen=True, slots=True)
class CompanySnapshot:
    """What is known of one company. Keys of its cells are (connection id, data type)."""

    id: str
    name: str
    facts: CompanyFacts | None = None  # None where Codat finds nothing under this id
    cells: tuple[Cell, ...] = ()
    running: frozenset[tuple[str, str]] = frozenset()  # cells with an operation under way
    histories: Mapping[tuple[str, str], CellHistory] = field(default_factory=dict)
    trouble: str | None = None  # why there are no cells
    seen: datetime | None = None  # when its data was last asked for
    settings: Settings | None = None  # where they were asked for

    @property
    def connections(self) -> Mapping[str, Connection]:
        """The company's connections by id."""
        return self.facts.connections if self.facts else {}

    @property
    def linked(self) -> set[str]:
        """The ids of the connections that Codat can read."""
        return {id for id, connection in self.connections.items() if connection.is_linked}


def seen(
    facts: CompanyFacts, cells: Iterable[Cell], operations: Sequence[PullOperation], settings: Settings | None = None,
    at: datetime | None = None,
) -> CompanySnapshot:  # fmt: skip
    """What is known of a company, of its facts, its cells and its operations, newest first, asked for ``at`` a time."""
    running = frozenset((o.connection_id, str(o.data_type)) for o in operations if is_running(o.status, o.completed))
    done = histories(operations)
    return CompanySnapshot(facts.id, facts.name, facts, tuple(cells), running, done, settings=settings, seen=at)


def after(snapshot: CompanySnapshot, ended: Iterable[PullOperation], now: datetime) -> CompanySnapshot:
    """The same with operations that are seen to have ended since its data was asked for; itself where that knows them.

    Of a company of which nothing was asked for, they are not enough to tell anything.
    """
    facts, cells = snapshot.facts, {(cell.connection_id, cell.data_type): cell for cell in snapshot.cells}
    news: dict[tuple[str, str], Cell] = {}
    for operation in ended if facts is not None and snapshot.seen is not None else ():
        key = (operation.connection_id, str(operation.data_type))
        old = news.get(key) or cells.get(key)
        known = old is not None and key not in snapshot.running and old.operation_id == operation.id
        asked = instant(operation.requested) or now
        later = old is not None and old.last_requested is not None and old.last_requested > asked
        if known or later or facts is None:
            continue
        [cell] = make_cells(replace(facts, supported={}), {}, [operation], False, now)
        if old is not None and cell.status != "Complete":
            cell = replace(cell, last_success=old.last_success, age=old.age, failures=old.failures + 1)
        news[key] = cell
    if not news:
        return snapshot
    return replace(snapshot, cells=tuple((cells | news).values()), running=snapshot.running - news.keys())


def durations_of(snapshots: Iterable[CompanySnapshot]) -> Durations:
    """How long refreshes take, as the histories of these companies show it."""
    durations = Durations(lambda platform, data_type: median_seconds(BY_NAME.get(platform), data_type))
    for snapshot in snapshots:
        platforms = snapshot.facts.platforms if snapshot.facts else {}
        for (connection, data_type), history in snapshot.histories.items():
            for seconds in history.seconds:
                durations.learn(platforms.get(connection, ""), data_type, seconds)
    return durations


async def read_facts(context: RunContext, wanted: Selection) -> list[CompanySnapshot]:
    """The companies with their connections and nothing more, which is remembered: one request for 5,000 of them.

    Raises the client's typed errors where they cannot be listed."""
    await check_ids(context.client, wanted.targets or (), where_near=True)
    facts: Facts
    if wanted.targets is None:
        companies = await find_companies(context.client, None, None)
        facts = {company.id.lower(): await context.facts(company) for company in companies}
    else:
        facts = await facts_of(context, list(wanted.targets), each=True)
    _check_words(wanted, [each for each in facts.values() if isinstance(each, CompanyFacts)])
    snapshots = []
    for id, each in facts.items():
        if isinstance(each, CodatLendingError):
            snapshots.append(CompanySnapshot(id, id, trouble=_trouble(context, id, each)))
        elif wanted.takes_company(each):
            snapshots.append(CompanySnapshot(each.id, each.name, each))
    check_named(wanted.named, snapshots)
    looks = [Look(each.facts, context.now) for each in snapshots if each.facts is not None]
    await context.remember(lambda memory: memory.saw(looks))
    if wanted.targets is None:
        await context.remember(lambda memory: memory.prune(context.now))
    return snapshots


def check_named(data_types: Iterable[str], snapshots: Iterable[CompanySnapshot], *others: str) -> None:
    """Raise ``ValueError`` for a data type that is none of the ``others`` and that nobody has, where one is near."""
    supported = (types for each in snapshots if each.facts is not None for types in each.facts.supported.values())
    check_types(data_types, {*others}.union(*supported))


def _check_words(wanted: Selection, companies: Sequence[CompanyFacts]) -> None:
    """Raise ``ValueError`` for a platform or a tag that nobody has, where another one is near."""
    linked, pairs = names_and_tags(companies)
    tags = {name: name for name, _ in pairs}
    platforms = {name.casefold(): name for name in linked | {*BY_NAME, *BY_KEY}}
    for what, words, known in (("platform", wanted.platforms, platforms), ("tag", wanted.tags, tags)):
        missing = [word for word in words or () if word not in known]
        if missing and (meant := did_you_mean(missing[0], known.values())):
            raise ValueError(f"No company has the {what} {missing[0]!r}.{meant}")


def names_and_tags(companies: Iterable[CompanyFacts]) -> tuple[set[str], set[tuple[str, str]]]:
    """What companies are chosen by: the names and keys of the platforms that they have connections to, and their tags
    with their values."""
    companies = list(companies)
    connections = [connection for each in companies for connection in each.connections.values()]
    names = {name for each in connections for name in (each.platform_name, each.integration_key) if name}
    return names, {tag for each in companies for tag in each.tags.items()}


def _trouble(context: RunContext, id: str, error: CodatLendingError) -> str:
    """Why nothing is known of a company."""
    if isinstance(error, InvalidRequestError) or error.status_code == 404:
        return UNKNOWN
    context.report(error, "A company could not be read", Subject(company_id=id))
    return UNREADABLE


async def read_cells(
    context: RunContext, wanted: Selection, *, reserve: float = 0.1, progress: Progress | None = None,
    settings: Callable[[Iterable[Cell]], bool] | bool = False,
) -> list[CompanySnapshot]:  # fmt: skip
    """Companies with their cells: one request for each, sometimes two, after those of ``read_facts``; with a memory
    none for those of which it knows enough.

    The parameters are those of ``Session.plan``; with ``settings`` (or where it says so of the cells) one request more
    for each company, and one for the client's. ``progress`` is never called on the engine's thread. Raises
    ``ValueError`` for a reserve that is none.
    """
    if not (isinstance(reserve, (int, float)) and reserve >= 0):
        raise ValueError(f"reserve: a share of the day's quota, such as 0.1, not {reserve!r}.")
    snapshots = await read_facts(context, wanted)
    await look_at(context, snapshots, reserve=reserve, progress=progress, settings=settings)
    return snapshots


async def look_at(
    context: RunContext, snapshots: list[CompanySnapshot], *, reserve: float = 0.1, progress: Progress | None = None,
    settings: Callable[[Iterable[Cell]], bool] | bool = False,
) -> None:  # fmt: skip
    """The same of companies whose facts are known: each snapshot is replaced in the list as soon as it is read."""
    reader, work = _Reader(context, reserve, settings, await _known(context, snapshots)), iter(range(len(snapshots)))
    done = 0

    async def worker() -> None:
        nonlocal done
        for place in work:
            snapshots[place] = await reader.read(snapshots[place])
            done += 1
            if progress is not None:
                context.engine.run_user_code(progress, done, len(snapshots))

    async with asyncio.TaskGroup() as group:
        for _ in range(min(AT_ONCE, len(snapshots))):
            group.create_task(worker())
    await reader.keep()


async def _known(context: RunContext, snapshots: Iterable[CompanySnapshot]) -> dict[str, Look]:
    """Company id -> what is remembered of it and still good."""
    facts = [snapshot.facts for snapshot in snapshots if snapshot.facts is not None]
    looks = await context.remember(lambda memory: memory.recall(facts)) or {}
    again = due(looks.values(), context.now)
    return {id: look for id, look in looks.items() if id not in again}


def due(looks: Collection[Look], now: datetime) -> set[str]:
    """The ids of the companies that have to be asked for again, of which this is remembered and the connections are
    those of now.

    A connection that was read, lost or linked again, or that shows a new error, tells so in the list of companies
    (``lastSync``, ``status``, ``dataConnectionErrors``). A failure need not: what runs is asked for each time, and what
    would be older than a day at the next look, which is expected to come as soon as this one did. So that companies
    which were first asked for together are not all due together, those that were asked for longest ago take turns: as
    many as of a day have passed since the last look; and as many as of eight hours, of those with a failure in the last
    day, or an authorization that may end in the next.
    """
    due_ids, rest, wary = set[str](), list[Look](), set[str]()
    for look in sorted(looks, key=lambda each: each.at):
        operations = look.operations or ()
        running = any(is_running(each.status, each.completed) for each in operations)
        if running or look.mark != mark_of(look.facts) or (now - look.at) + (now - (look.before or look.at)) >= LONG:
            due_ids.add(look.facts.id)
        else:
            rest.append(look)
            failed = (each.told for each in operations if is_problem(each.status))
            ends = (expiry(each, (), now) for each in look.facts.linked)
            if any(told is not None and now - told < LONG for told in failed) or any(
                end is not None and now < end.earliest < now + LONG for end in ends
            ):
                wary.add(look.facts.id)
    for waiting, every in (([each for each in rest if each.facts.id in wary], OFTEN), (rest, LONG)):
        turns = sum(_passed(each, now, every, place / len(waiting)) for place, each in enumerate(waiting))
        due_ids |= {each.facts.id for each in waiting[:turns]}
    return due_ids


def _passed(look: Look, now: datetime, every: timedelta, place: float) -> bool:
    """Whether a moment that comes once in a time, at a ``place`` in it of 0 to 1, has passed since the last look."""
    last, present = ((time.timestamp() / every.total_seconds() - place) // 1 for time in (look.before or look.at, now))
    return last < present


class _Stopped(Exception):
    """Nothing more is asked."""


@dataclass(slots=True)
class _Reader:
    """Reads one company after another until something stops it; ``why`` says what."""

    context: RunContext
    reserve: float
    settings: Callable[[Iterable[Cell]], bool] | bool
    known: Mapping[str, Look]
    why: str | None = None
    looks: list[Look] = field(default_factory=list)

    async def read(self, snapshot: CompanySnapshot) -> CompanySnapshot:
        """A company with its cells, or with the trouble that there was."""
        if snapshot.facts is None or not snapshot.facts.connections:
            return snapshot
        try:
            return await self._read(snapshot, snapshot.facts)
        except _Stopped:
            return replace(snapshot, trouble=self.why)
        except CodatLendingError as error:
            what = f"The state of {snapshot.name} could not be read"
            self.context.report(error, what, snapshot.facts.subject())
            if self.context.governor.trying:
                self.why = "not read: Codat does not answer"
            return replace(snapshot, trouble=UNREADABLE)

    async def _read(self, snapshot: CompanySnapshot, facts: CompanyFacts) -> CompanySnapshot:
        known = self.known.get(facts.id)
        look = known or await self._asked(facts)
        cells = _cells(look, self.context.now)
        settings = await self._settings_of(facts, cells)
        words = None if settings is None else {name: setting.words for name, setting in settings.items()}
        self.looks.append(
            replace(look, settings=words) if known is None else Look(facts, self.context.now, settings=words)
        )
        if len(self.looks) >= _KEPT:
            await self.keep()
        return seen(facts, cells, (look.operations or ())[:DEPTH], settings, look.at)

    async def _asked(self, facts: CompanyFacts) -> Look:
        """What Codat tells of a company's data now."""
        asked, calls, id = self.context.now, self.context.client.manage_data, facts.id
        newest = ListPullOperationsRequest(company_id=id, order_by="-requested", page_size=DEPTH)
        page = await self._in_turn(lambda: calls.pull_operations.list_async(request=newest))
        look = Look(facts, asked, page.results, whole=page.links.next is None)
        if (look.whole and reaches_back(facts, page.results)) or all_succeeded(facts, page.results):
            return look
        statuses = await self._in_turn(lambda: calls.get_status_async(request={"company_id": id}))
        return replace(look, statuses=statuses.by_type)

    async def keep(self) -> None:
        """Remember what was read."""
        looks, self.looks = self.looks, []
        await self.context.remember(lambda memory: memory.saw(looks))

    async def _settings_of(self, facts: CompanyFacts, cells: Iterable[Cell]) -> Settings | None:
        """What the settings do for a company; ``None`` where nobody needs them, and, with a word in the errors, where
        they cannot be read."""
        if not (self.settings(cells) if callable(self.settings) else self.settings):
            return None
        try:
            profile = await self._in_turn(self.context.profile_settings)
            company = await self._in_turn(lambda: self.context.company_settings(facts.id))
        except CodatLendingError as error:
            self.context.report(error, f"The sync settings of {facts.name} could not be read", facts.subject())
            return None
        return merged(facts.id, company, profile)

    async def _in_turn(self, call: Callable[[], Awaitable[T]]) -> T:
        """Send a request when the session may; the time of waiting is not taken from what its retries may take."""
        governor = self.context.governor
        while (hold := self._hold()) is not None:  # noqa: ASYNC110 - the governor has no event, it goes by time
            await asyncio.sleep(min(hold.seconds or _LOOK, 1.0))
        governor.begin()
        try:
            return await call()
        finally:
            governor.end()

    def _hold(self) -> Hold | None:
        """What keeps a request waiting. Raises where that stops the reading."""
        hold = self.context.governor.hold(self.reserve)
        if self.why is None and hold is not None and (hold.seconds or 0.0) > _LONGEST:
            why = (hold.why or "Codat takes no more requests now").partition(";")[0]
            self.why = f"not read: {re.sub('^The ', 'the ', why)}"
        if self.why is not None:
            raise _Stopped
        return hold


def _cells(look: Look, now: datetime) -> list[Cell]:
    return make_cells(look.facts, look.statuses, (look.operations or ())[:DEPTH], look.whole, now)
