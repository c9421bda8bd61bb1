"""The cells of many companies, read at the same time within Codat's limits.

One request for the history of each company tells its connections apart, and one more is sent only where that does not
reach back far enough. So many companies are read at once, at the pace that the session's governor allows. One company's
trouble is a reading that says so; what stops all of them (the reserve of the day's quota, an outage) ends the asking,
and those that are left say why.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from codat_notebook.models.errors import CodatLendingError
from codat_notebook.models.shared import PullOperation
from codat_notebook.models.vocabulary import is_running
from codat_notebook.planning.cell_history import histories
from codat_notebook.planning.snapshots import UNREADABLE, CompanySnapshot, Which, read_facts
from codat_notebook.runs.cells import DEPTH, Cell, make_cells
from codat_notebook.runs.context import CompanyFacts, RunContext

T = TypeVar("T")
Progress = Callable[[int, int], object]

#: Companies that are read at the same time.
AT_ONCE = 24
#: Real seconds: between two looks whether a request may go, and for which a plan waits until one may.
_LOOK, _LONGEST = 0.02, 90.0

_LATER = "Codat takes no more requests now"
OUTAGE = "not read: Codat does not answer"


async def read_cells(
    context: RunContext, which: Which, *, reserve: float = 0.1, progress: Progress | None = None
) -> list[CompanySnapshot]:
    """Companies with their cells: one request for each, sometimes two, after those of ``read_facts``.

    Parameters
    ----------
    context, which : the session's, and whose.
    reserve : share of the day's quota at which the reading stops.
    progress : called with how many are read and how many there are, never on the engine's thread.

    Raises ``ValueError`` for a reserve that is none.
    """
    if not (isinstance(reserve, (int, float)) and reserve >= 0):
        raise ValueError(f"reserve: a share of the day's quota, such as 0.1, not {reserve!r}.")
    snapshots = await read_facts(context, which)
    reader, work = _Reader(context, reserve), iter(range(len(snapshots)))
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
    return snapshots


class _Stopped(Exception):
    """Nothing more is asked."""


class _Reader:
    """Reads one company after another until something stops it; ``why`` says what."""

    def __init__(self, context: RunContext, reserve: float) -> None:
        self._desk, self._reserve = context, reserve
        self.why: str | None = None

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
            self._desk.report(error, what, snapshot.facts.subject())
            if self._desk.governor.trying:
                self.why = OUTAGE
            return replace(snapshot, trouble=UNREADABLE)

    async def _read(self, snapshot: CompanySnapshot, facts: CompanyFacts) -> CompanySnapshot:
        calls, request = self._desk.client.manage_data, {"company_id": facts.id}
        newest = {**request, "order_by": "-requested", "page_size": DEPTH}
        page = await self._in_turn(lambda: calls.pull_operations.list_async(request=newest))
        whole = page.links.next is None
        cells = make_cells(facts, {}, page.results, whole, self._desk.now)
        if not whole and any(cell.last_success is None for cell in cells):
            statuses = await self._in_turn(lambda: calls.get_status_async(request=request))
            cells = make_cells(facts, statuses.by_type, page.results, whole, self._desk.now)
        return _with(snapshot, cells, page.results)

    async def _in_turn(self, call: Callable[[], Awaitable[T]]) -> T:
        """Send a request when the session may; the time of waiting is not taken from what its retries may take."""
        governor = self._desk.governor
        while (pause := self._pause()) > 0:  # noqa: ASYNC110 - the governor goes by the time, and has no event
            await asyncio.sleep(pause)
        governor.begin()
        try:
            return await call()
        finally:
            governor.end()

    def _pause(self) -> float:
        """Real seconds until the next look whether a request may go; 0 if one may. Raises what stops the reading."""
        hold = self._desk.governor.hold(self._reserve)
        if self.why is None and hold is not None and (hold.seconds or 0.0) > _LONGEST:
            self.why = f"not read: {_lower((hold.why or _LATER).partition(';')[0])}"
        if self.why is not None:
            raise _Stopped
        return 0.0 if hold is None else min(hold.seconds or _LOOK, 1.0)


def _lower(sentence: str) -> str:
    """A sentence as a part of another."""
    return f"the{sentence[3:]}" if sentence.startswith("The ") else sentence


def _with(snapshot: CompanySnapshot, cells: list[Cell], operations: list[PullOperation]) -> CompanySnapshot:
    return replace(
        snapshot,
        cells=tuple(cells),
        running=frozenset((o.connection_id, o.data_type) for o in operations if is_running(o.status, o.completed)),
        histories=histories(operations),
    )
