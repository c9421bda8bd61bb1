"""All companies of a run at work: who is queued, who is looked at, and when, within the limits.

A :class:`Fleet` drives :class:`Job`s; one company is a fleet of one. One loop starts requests as tasks, as many as the
session's governor lets it: looks that are due first (their price already counts what they hold up), then what waits to
be queued, company after company, so that the operations of one end close together. Nothing is asked twice and nobody
waits for the trouble of another; only what concerns the whole account (the key, the plan) ends the run.
"""

import asyncio
import heapq
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from itertools import count
from typing import Any, TypeVar

from codat_notebook.models.errors import CodatLendingError
from codat_notebook.runs.desk import Desk
from codat_notebook.runs.durations import Durations
from codat_notebook.runs.following import look, plan_look
from codat_notebook.runs.governor import Hold, local
from codat_notebook.runs.job import ALL, Job
from codat_notebook.runs.polling import price_of
from codat_notebook.runs.queueing import Book, send
from codat_notebook.runs.records import logger
from codat_notebook.runs.rows import Row
from codat_notebook.utils import BackoffStrategy, RetryConfig

T = TypeVar("T")

#: Queueing requests at the same time for one company; Codat allows ten in all, so one is left for a person.
AT_ONCE = 9
#: Nobody waits for a single answer of a portfolio: a doubt is cleared up for as long as keys are good (an hour).
UNATTENDED = RetryConfig("backoff", BackoffStrategy(500, 60_000, 1.5, 45 * 60_000), True)
#: Real seconds after which a run looks again whether others have left room.
OTHERS = 0.1


class Fleet:
    """The companies of a run.

    Args:
        desk: the session's services.
        jobs: a job for each company.
        book: the journal, if there is one.
        reserve: requests of the day's quota that are not touched; below 1 a share of it.
        patience: seconds of waiting that a request is worth; see ``polling``.
        changed: called after each change, on the engine thread.
    """

    def __init__(
        self, desk: Desk, jobs: Iterable[Job], book: Book | None, reserve: float, patience: float,
        changed: Callable[[], object],
    ) -> None:  # fmt: skip
        self.desk = desk
        self.jobs = {job.company_id: job for job in jobs}
        self.counts: Counter[str] = Counter()
        self.phases: Counter[str] = Counter()
        self.paused = False
        self.hold: Hold | None = None
        self._backlog = float("-inf"), 0
        self.durations = Durations()
        self._book, self._reserve, self._patience, self._changed = book, reserve, patience, changed
        self._queue: deque[Job] = deque()
        self._looks: list[tuple[float, int, Job]] = []
        self._order = count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._fatal: CodatLendingError | None = None
        self._phase_of: dict[Job, str] = {}
        for job in self.jobs.values():
            self._adopt(job)

    def _adopt(self, job: Job) -> None:
        job.changed = self._job_changed
        job.retries = UNATTENDED if len(self.jobs) > 1 else None
        self.counts.update(row.state for row in job.rows)
        self._phase_of[job] = job.phase
        self.phases[job.phase] += 1

    # What it is told.

    def _job_changed(self, job: Job, before: tuple[Row, ...]) -> None:
        """Keep the counts and the journal; never more work than the job has rows."""
        if before is not job.rows:
            for position, row in enumerate(job.rows):
                old = before[position] if position < len(before) else None
                if old is not row:
                    self._row_changed(job, position, old, row)
        if self._phase_of[job] != job.phase:
            self.phases[self._phase_of[job]] -= 1
            self.phases[job.phase] += 1
            self._phase_of[job] = job.phase
            if self._book is not None and job.ended:  # also where its last look changed no row
                self._book.note(job, ALL)
        self._changed()

    def _row_changed(self, job: Job, position: int, old: Row | None, row: Row) -> None:
        if old is not None:
            self.counts[old.state] -= 1
        self.counts[row.state] += 1
        known = old.operation.id if old is not None and old.operation is not None else None
        new = row.operation is not None and row.operation.id != known
        if self._book is not None and (new or old is None or old.state != row.state):
            self._book.note(job, position)

    @property
    def open(self) -> int:
        """How many companies have not ended."""
        return self.phases["queueing"] + self.phases["following"]

    def backlog(self) -> int:
        """How many requests wait to queue something, counted once a second."""
        now = self.desk.client.clock.monotonic()
        if now - self._backlog[0] > 1.0:
            self._backlog = now, sum(len(job.waiting) for job in tuple(self._queue))
        return self._backlog[1]

    def pause(self, paused: bool) -> None:
        """Queue nothing more, or go on with it."""
        self.paused = paused
        self.wake()

    def wake(self) -> None:
        """Something changed outside: think again."""
        self._wake.set()
        self._changed()

    # Work.

    async def patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What has to be known before the work begins, asked for again each time that Codat asks to wait first."""
        governor = self.desk.governor
        while True:
            try:
                return await ask()
            except CodatLendingError as error:
                if error.status_code != 429 or error.retry_at is None or not self.open:
                    raise
                governor.hold_until(error.retry_at, f"Codat asks to wait until {local(error.retry_at)}")
            while (hold := governor.hold(self._reserve)) is not None:
                self._held(hold)
                await asyncio.sleep(OTHERS if hold.seconds is None else hold.seconds)

    async def work(self) -> None:
        """Until nothing more is to come. Raises what concerns the whole account."""
        try:
            for job in self.jobs.values():
                self._begin(job)
            while self._fatal is None and self.open:
                seconds = self._start_what_may()
                await self._sleep(seconds)
            if self._fatal is not None:
                raise self._fatal
        finally:
            await self._stop()

    def _begin(self, job: Job) -> None:
        if job.ended:
            return
        if job.waiting:
            self._queue.append(job)
        else:
            job.set_phase("following", job.note)
        self._plan(job)

    async def _stop(self) -> None:
        """End what is under way. The journal is closed before: to it, what was sent and not answered is a doubt."""
        if self._book is not None:
            await self._book.finish()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _sleep(self, seconds: float | None) -> None:
        """Until something happens, or so many seconds."""
        timer = None if seconds is None else asyncio.get_running_loop().call_later(seconds, self._wake.set)
        await self._wake.wait()
        self._wake.clear()
        if timer is not None:
            timer.cancel()

    def _start_what_may(self) -> float | None:
        """Start requests while there is room; gives the seconds after which there may be more to do."""
        while True:
            job, action = self._next()
            if job is None:
                self._held(None)
                return self._until_look()
            hold = self.desk.governor.hold(self._reserve)
            self._held(hold)
            if hold is not None:
                return hold.seconds if hold.seconds is not None or self._tasks else OTHERS
            assert action is not None
            self._start(job, action)

    def _held(self, hold: Hold | None) -> None:
        before, self.hold = self.hold, hold
        if (before.why if before else None) != (hold.why if hold else None):
            self._changed()

    def _next(self) -> tuple[Job | None, Callable[[Job], Coroutine[Any, Any, None]] | None]:
        """Who is next, and what for. Nothing is taken yet."""
        now = self.desk.client.clock.monotonic()
        while self._looks and self._looks[0][2].due != self._looks[0][0]:
            heapq.heappop(self._looks)
        if self._looks and (self._looks[0][0] <= now or self.desk.governor.trying):  # in an outage a look is no risk
            return self._looks[0][2], self._look
        if not self.paused and not (self._book and self._book.trouble):
            for job in self._queue:
                if job.under_way < AT_ONCE:
                    return job, self._send
        return None, None

    def _until_look(self) -> float | None:
        return max(self._looks[0][0] - self.desk.client.clock.monotonic(), 0.0) if self._looks else None

    def _start(self, job: Job, action: Callable[[Job], Coroutine[Any, Any, None]]) -> None:
        self.desk.governor.begin()
        task = asyncio.get_running_loop().create_task(self._guarded(job, action(job)))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self.desk.governor.end()
        self._tasks.discard(task)
        self._wake.set()

    async def _guarded(self, job: Job, action: Coroutine[Any, Any, None]) -> None:
        """One company's trouble is its own; the account's is everyone's."""
        try:
            await action
        except CodatLendingError as error:
            self._fatal = self._fatal or error
        except Exception as error:  # noqa: BLE001 - it is told with its traceback, and the other companies go on
            logger.exception("The refresh of %s was ended by an error of codat_notebook itself", job.company_id)
            what = f"The refresh of {job.name} was ended by an error of codat_notebook itself"
            record = self.desk.report(error, what, job.subject())
            job.refuse(record)
            job.set_phase("failed", record.why)
            self._leave(job)

    def _send(self, job: Job) -> Coroutine[Any, Any, None]:
        """Take the job's next row; the rest happens in the task."""
        position = job.waiting.popleft()
        job.under_way += 1
        if not job.waiting:
            self._leave(job)
        return self._sent(job, position)

    def _leave(self, job: Job) -> None:
        if job in self._queue:
            self._queue.remove(job)

    async def _sent(self, job: Job, position: int) -> None:
        try:
            await send(job, position, self._book)
        finally:
            job.under_way -= 1
            if job.waiting and job not in self._queue:
                self._queue.appendleft(job)
        if job.queued and not job.ended:
            job.set_phase("following", job.note)
        if job.queued or job.due is None:
            self._plan(job)

    def _look(self, job: Job) -> Coroutine[Any, Any, None]:
        job.due, job.looking = None, True
        return self._looked(job)

    async def _looked(self, job: Job) -> None:
        try:
            await look(job, self.durations)
        finally:
            job.looking = False
        self._plan(job)

    def _plan(self, job: Job) -> None:
        """Settle when to look at a job next; while one looks, that is settled afterwards."""
        if job.looking:
            return
        price = price_of(self._patience, self.open, self.backlog(), self.desk.governor.slot)
        seconds = None if job.ended else plan_look(job, self.durations, price)
        if seconds is None:
            job.due = None
        else:
            job.due = self.desk.client.clock.monotonic() + seconds
            heapq.heappush(self._looks, (job.due, next(self._order), job))
        self._wake.set()
