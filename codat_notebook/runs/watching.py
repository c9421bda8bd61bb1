"""Companies that somebody looks at, kept as Codat has them now, whoever started what runs there.

A :class:`CompanyWatch` holds what is known of one company: one state, from which every view is drawn. While somebody
looks at it, it looks at the company's newest operations, one request each time: every few seconds while something
runs, at a sparing rhythm while nothing does, and not at all once nobody looks. What a run of the same session hears
goes into the same state, so nothing is asked twice. All of it is for the engine's thread.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from codat_notebook.client.lookup import SLACK
from codat_notebook.events import Event
from codat_notebook.models.errors import CodatLendingError
from codat_notebook.models.instants import instant
from codat_notebook.models.shared import PullOperation
from codat_notebook.models.status import is_running
from codat_notebook.runs.cells import CompanyStatus, company_status
from codat_notebook.runs.engine import Observer, Throttle
from codat_notebook.runs.polling import page_size
from codat_notebook.runs.records import Subject

if TYPE_CHECKING:
    from codat_notebook.runs.context import RunContext

#: Real seconds between two looks while something runs; they grow to the second where nothing changes any more.
RUNNING = (3.0, 60.0)
#: The longer nothing has changed, the later the next look at what runs: after this share of the time since.
SLOWING = 0.02
#: Real seconds between two looks while nothing runs, at first and later, and after how long that is.
IDLE, IDLE_LATER, LATER = 60.0, 300.0, 600.0
#: Real seconds after which the connections are read again though nothing happened.
FACTS_LAST = 7200.0
#: Looks a minute of one session at companies where something runs, and at others.
BUDGET = (40.0, 10.0)
#: Real seconds before a failed look is tried again: the first wait and the longest.
BACK_OFF = (2.0, 60.0)
#: What was requested so shortly before something that runs was started together with it.
TOGETHER = timedelta(seconds=60)


class CompanyWatch:
    """One company, kept current while somebody looks. Made by :meth:`Watching.of`.

    ``status`` is what is known (``None`` until it was read), ``checked`` the server's time at which that was true,
    ``problem`` why the last look failed, ``looks`` how many requests were spent on looking.
    """

    def __init__(self, watching: "Watching", company_id: str) -> None:
        self.company_id = company_id
        self.status: CompanyStatus | None = None
        self.checked: datetime | None = None
        self.problem: str | None = None
        self.looks = 0
        #: Real seconds (the clock's) at which everything was read.
        self.read_at = float("-inf")
        self._watching = watching
        self._context = watching.context
        self._viewers: set[object] = set()
        self._throttle = Throttle(self._context.engine.loop)
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[CompanyStatus] | None = None
        self._looked = self._news = float("-inf")
        self._pause = 0.0
        self._over = self._told = False

    # Who looks.

    @property
    def watched(self) -> bool:
        """Whether somebody looks."""
        return bool(self._viewers)

    def enter(self, viewer: object) -> None:
        """Somebody looks, or looks still: what is older than the rhythm allows is looked at at once."""
        if self._context.closed:
            return
        if not self._viewers:
            self._news = self._now
        self._viewers.add(viewer)
        self._watching.keep(self)
        if self._task is None or self._task.done():
            self._task = self._context.engine.loop.create_task(self._follow())
        self._wake.set()

    def leave(self, viewer: object) -> None:
        """Somebody looks away. With the last one looking ends; what is known stays, and says since when."""
        self._viewers.discard(viewer)
        if not self._viewers:
            self.stop()
            self._throttle.ring()

    def stop(self) -> None:
        """Look no more."""
        self._viewers.clear()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Have ``observer`` called on changes, a few times a second at most; returns the function that ends it."""
        self._watching.keep(self)
        self._throttle.observers.append(observer)
        return lambda: self._forget(observer)

    def _forget(self, observer: Observer) -> None:
        self._throttle.observers.remove(observer)
        self._watching.tidy()

    @property
    def held(self) -> bool:
        """Whether somebody looks, or wants to hear of changes."""
        return bool(self._viewers or self._throttle.observers)

    # What is known.

    @property
    def running(self) -> list[PullOperation]:
        """The company's operations that run, as last seen."""
        operations = self.status.operations if self.status is not None else ()
        return [each for each in operations if is_running(each.status, each.completed)]

    @property
    def under_way(self) -> list[PullOperation]:
        """The operations that run, with those that were started together with them and have ended; newest first."""
        running = self.running
        times = [time for each in running if (time := instant(each.requested))]
        if not times or self.status is None:
            return running
        since = min(times) - TOGETHER
        return [each for each in self.status.operations if (instant(each.requested) or since) >= since]

    def is_ours(self, operation: PullOperation) -> bool:
        """Whether this session has queued an operation."""
        return operation.id in self._watching.queued_here

    @property
    def now(self) -> datetime:
        """The server's time."""
        return self._context.now

    @property
    def rhythm(self) -> float:
        """Real seconds between two looks as things are."""
        quiet = self._now - self._news
        most = BUDGET[0 if self.running else 1]
        share = 60.0 / most * self._watching.alike(self)
        if self.running:
            return max(min(max(RUNNING[0], quiet * SLOWING), RUNNING[1]), share)
        return max(IDLE if quiet < LATER else IDLE_LATER, share)

    async def read(self, *, after_now: bool = False) -> CompanyStatus:
        """Read everything anew: the company with its connections, the data status, the newest operations.

        Whoever asks meanwhile gets the same answer, unless it is to be begun ``after_now``. Raises the client's typed
        errors.
        """
        if after_now and self._reading is not None:
            await asyncio.wait([self._reading])
        if self._reading is None or self._reading.done():
            self._reading = asyncio.get_running_loop().create_task(self._read())
        return await asyncio.shield(self._reading)

    async def _read(self) -> CompanyStatus:
        status = await company_status(self._context, self.company_id)
        before = self.status.operations if self.status is not None else ()
        self._take(status.with_operations(before, self._context.now))
        self.read_at = self._looked = self._now
        self.checked = self._context.now
        self.problem = None
        self._pause = 0.0
        self._over = False
        self._told = False
        return status

    def saw(self, operations: Iterable[PullOperation]) -> None:
        """Take in operations that an answer showed, of whichever request; they may be in any order."""
        if self.status is not None:
            self._take(self.status.with_operations(operations, self._context.now))

    def looked_at(self, operations: Sequence[PullOperation]) -> None:
        """Take in a look at the newest operations, by a run or by this watch."""
        self._looked = self._now
        self._pause = 0.0
        self.problem = None
        self._told = False
        self.checked = self._context.now
        self.saw(operations)
        self._throttle.ring()

    def hear(self, event: Event) -> None:
        """Codat tells that something has ended, or that a connection or the company changed: it is looked at soon, by
        the rhythm of what runs. What is older than the last look was seen in it."""
        if event.generated is not None and self.checked is not None and event.generated < self.checked - SLACK:
            return
        self._told = self._told or bool(event.data_types)
        self._over = self._over or event.type.startswith(("connection.", "company.")) or bool(event.connection_status)
        self._wake.set()

    def _take(self, status: CompanyStatus) -> None:
        ran, before, self.status = bool(self.running), self.status, status
        if before is None or status.operations != before.operations:
            self._news = self._now
            self._over = self._over or (ran and not self.running)
            self._wake.set()  # the rhythm may be another one
        self._throttle.ring()

    # Looking.

    @property
    def _now(self) -> float:
        return self._context.client.clock.monotonic()

    def _rest(self) -> float:
        """Real seconds until the next look: at once where all has ended, which may have changed more than it shows."""
        rhythm = min(self.rhythm, RUNNING[0]) if self._told else self.rhythm
        return 0.0 if self._over and not self._pause else self._looked + (self._pause or rhythm) - self._now

    async def _follow(self) -> None:
        while True:
            if (rest := self._rest()) > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(rest):
                        await self._wake.wait()
                self._wake.clear()
            elif not self._over and self._watching.run_looks(self.company_id):
                self._looked = self._now
            elif (hold := self._context.governor.hold()) is not None:
                await asyncio.sleep(hold.seconds or 0.1)
            else:
                await self._look()

    async def _look(self) -> None:
        """Once: the newest operations; everything where all has ended, or the connections are long unread."""
        self._context.governor.begin()
        try:
            if self.status is None or self._over or self._now - self.read_at > FACTS_LAST:
                await self.read()
                self.looks += 3
            else:
                self.looked_at(await self._newest())
                self.looks += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told and tried again; nobody awaits this
            self._trouble(error)
        finally:
            self._context.governor.end()

    async def _newest(self) -> list[PullOperation]:
        assert self.status is not None
        run = {each.id for each in self.running}
        last = max((place for place, each in enumerate(self.status.operations) if each.id in run), default=0)
        page = await self._context.client.manage_data.pull_operations.list_async(
            request={"company_id": self.company_id, "order_by": "-requested", "page_size": page_size(last)}
        )
        return page.results

    def _trouble(self, error: Exception) -> None:
        """Told once, until a look succeeds; tried again ever later."""
        self._looked = self._now
        self._pause = min(self._pause * 2, BACK_OFF[1]) or BACK_OFF[0]
        if isinstance(error, CodatLendingError) and error.retry_at is not None:
            self._context.governor.hold_until(error.retry_at)
        if self.problem is None:
            what = "The company could not be read"
            self.problem = self._context.report(error, what, Subject(company_id=self.company_id)).why
        self._throttle.ring()


class Watching:
    """The companies of one session that are looked at, and the operations that the session has queued."""

    def __init__(self, context: "RunContext") -> None:
        self.context = context
        #: Ids of operations that this session has queued.
        self.queued_here: set[str] = set()
        self._companies: dict[str, CompanyWatch] = {}

    def of(self, company_id: str) -> CompanyWatch:
        """The state of one company, the same for all who ask."""
        key = company_id.lower()
        if key not in self._companies:
            self._companies[key] = CompanyWatch(self, company_id)
        return self._companies[key]

    def known(self, company_id: str) -> CompanyWatch | None:
        """The same where somebody looks, or has looked."""
        return self._companies.get(company_id.lower())

    def alike(self, watch: CompanyWatch) -> int:
        """How many companies share a part of the budget with one: those where something runs, or the others."""
        return sum(each.watched and bool(each.running) == bool(watch.running) for each in self._companies.values())

    def keep(self, watch: CompanyWatch) -> None:
        """Have what is heard of a company reach this state of it."""
        self._companies[watch.company_id.lower()] = watch

    def tidy(self) -> None:
        """Forget the companies that nobody holds."""
        self._companies = {key: each for key, each in self._companies.items() if each.held}

    def run_looks(self, company_id: str) -> bool:
        """Have a run of this session that follows a company look at it now; False if there is none."""
        looks: list[bool] = [run._look_now(company_id) for run in self.context.held()]
        return any(looks)

    def took(self, company_id: str, operations: Sequence[PullOperation]) -> None:
        """Remember what this session queued. Whoever looks at the company sees it at once."""
        new = [each for each in operations if each.id not in self.queued_here]
        self.queued_here.update(each.id for each in new)
        if new and (watch := self.known(company_id)) is not None:
            watch.saw(new)

    def stop(self) -> None:
        """Look at nothing more; the session ends."""
        for each in self._companies.values():
            each.stop()
