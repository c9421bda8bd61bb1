"""All companies of a run at work: who is queued, who is looked at, and when, within the limits.

A :class:`Scheduler` drives companies, be they one or thousands. One loop starts requests as tasks, as many as the
session's governor lets it: looks that are due first (their price already counts what they hold up), then what waits to
be queued, company after company, so that the operations of one end close together. Nothing is asked twice and nobody
waits for the trouble of another; only what concerns the whole account (the key, the plan) ends the run.
"""

import asyncio
import contextlib
import heapq
import math
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from itertools import count, zip_longest
from typing import Any, TypeVar

from codat_notebook import words
from codat_notebook.events import Event
from codat_notebook.models.errors import CodatLendingError
from codat_notebook.runs.cells import OVERDUE
from codat_notebook.runs.company_run import ALL, LOOK, CompanyRun
from codat_notebook.runs.context import SILENCE, CompanyFacts, RunContext, facts_of
from codat_notebook.runs.durations import Durations
from codat_notebook.runs.following import hear, look, looks_without, news_due, plan_look
from codat_notebook.runs.governor import DAY, Hold, local
from codat_notebook.runs.journal import Journal, Start
from codat_notebook.runs.polling import price_of
from codat_notebook.runs.records import logger
from codat_notebook.runs.rows import Row
from codat_notebook.runs.sending import send
from codat_notebook.utils import BackoffStrategy, RetryConfig

T = TypeVar("T")

#: Queueing requests at the same time for one company; Codat allows ten in all, so one is left for a person.
AT_ONCE = 9
#: Nobody waits for a single answer of a portfolio: a doubt is cleared up for as long as keys are good (an hour).
UNATTENDED = RetryConfig("backoff", BackoffStrategy(500, 60_000, 1.5, 45 * 60_000), True)
#: Real seconds after which a run looks at the clock again while something waits for its time.
NAP = 60.0
#: Real seconds after which a run looks again whether others have left room.
OTHERS = 0.1


class Scheduler:
    """The companies of a run, which are those of ``start``; ``changed`` is called after each change."""

    def __init__(
        self, context: RunContext, start: Start, journal: Journal | None, changed: Callable[[], object]
    ) -> None:
        self.context = context
        self.companies = {company.company_id: company for company in start.companies}
        self.counts: Counter[str] = Counter()
        self.phases: Counter[str] = Counter()
        self.paused = False
        self.hold: Hold | None = None
        #: The server's time of the last look that was answered.
        self.checked: datetime | None = None
        #: When it was counted last how many requests wait to queue something, and how many.
        self._backlog = float("-inf"), 0
        self.durations = Durations()
        self._journal = journal
        self._reserve = start.reserve
        self._patience = start.patience
        most = context.pacing.per_company if context.pacing is not None else None
        self._at_once = AT_ONCE if most is None else max(min(most - 1, AT_ONCE), 1)
        self._hears = start.events
        self._by_id = {id.lower(): company for id, company in self.companies.items()}
        #: How many looks there were, and how many more there would have been by polling alone.
        self.looks = self.looks_saved = 0
        self._changed = changed
        self._queue: deque[CompanyRun] = deque()
        self._looks: list[tuple[float, int, CompanyRun]] = []
        self._timed: list[tuple[datetime, int, CompanyRun, int]] = []
        self._order = count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._fatal: CodatLendingError | None = None
        #: The clock's seconds since when what has to be known first is asked for.
        self._asking = math.inf
        for company in self.companies.values():
            company.changed = self._company_changed
            company.retries = UNATTENDED if len(self.companies) > 1 else None
            self.counts.update(row.state for row in company.rows)
            self.phases[company.phase] += 1

    # What it is told.

    def _company_changed(self, company: CompanyRun, rows: tuple[Row, ...], phase: str) -> None:
        """Keep the counts and the journal, given the rows and the phase before."""
        if rows is not company.rows:
            for position, (old, row) in enumerate(zip_longest(rows, company.rows)):
                if old is row:
                    continue
                self.counts[row.state] += 1
                if old is not None:
                    self.counts[old.state] -= 1
                new = old is None or (old.state, old.operation_id) != (row.state, row.operation_id)
                if self._journal is not None and new:
                    self._journal.note(company, position)
        if phase != company.phase:
            self.phases[phase] -= 1
            self.phases[company.phase] += 1
            if self._journal is not None and company.ended:  # also where its last look changed no row
                self._journal.note(company, ALL)
        self._changed()

    @property
    def open(self) -> int:
        """How many companies have not ended."""
        return self.phases["queueing"] + self.phases["following"]

    @property
    def notes(self) -> list[str | None]:
        """What is waited for."""
        number, due = self.waits
        waits = f"{number:,} to be retried from {local(due)}" if due is not None else None
        hold = self.hold.why if self.hold else None
        stuck = self.stuck if hold is None else None
        machines = sum(each.at_machine for each in self.companies.values()) if self.counts.get("running") else 0
        queued = f"{words.count(machines, 'operation')} queued until the customer's machine is on" if machines else None
        return [hold, stuck, waits, queued]

    def pause(self, paused: bool) -> None:
        """Queue nothing more, or go on with it."""
        self.paused = paused
        self.wake()

    def look_now(self, company_id: str) -> bool:
        """Have one company looked at as soon as the limits allow; False where it is not followed (any more).

        After trouble it has a pause, which stays.
        """
        company = self.companies.get(company_id)
        if company is None or company.ended:
            return False
        if not (company.looking or company.pause):
            self._due(company, 0.0)
            self._wake.set()
        return True

    def hear(self, event: Event) -> bool:
        """Take in what Codat tells of a company's reads; whether something here waits for one of them.

        One look serves all that is told by then; after trouble the pause stays.
        """
        company = self._by_id.get(event.company_id.lower())
        if company is None or company.ended or not hear(company, event):
            return False
        if not (company.looking or company.pause) and (news := news_due(company, self._price)) is not None:
            seconds = self.context.client.clock.real(news)
            if company.due is None or self._now + seconds < company.due:
                self._due(company, seconds)
                self._wake.set()
        return True

    def wake(self) -> None:
        """Something changed outside: think again."""
        self._wake.set()
        self._changed()

    # Work.

    async def patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What has to be known before the work begins, asked for again each time that Codat asks us to wait first."""
        governor = self.context.governor
        self._asking = self._now
        while True:
            try:
                answer = await ask()
                self._asking = math.inf
                return answer
            except CodatLendingError as error:
                if error.status_code != 429 or error.retry_at is None or not self.open:
                    raise
                if self._now - self._asking > OVERDUE.total_seconds() or error.retry_at > self.context.now + DAY:
                    raise
                governor.hold_until(error.retry_at)
            while (hold := governor.hold(self._reserve)) is not None:
                self._held(hold)
                await asyncio.sleep(OTHERS if hold.seconds is None else hold.seconds)

    async def learn_facts(self) -> None:
        """Ask for the companies that are not known, or not any more; those that cannot be read are refused."""
        unread = {each.company_id: each for each in self.companies.values() if each.facts is None or each.stale}
        try:
            facts = await self.patiently(lambda: facts_of(self.context, list(unread)))
        except CodatLendingError:
            if self.open:
                raise
            return  # a run that has ended is shown without names
        for id, company in unread.items():
            answer = facts[id]
            if isinstance(answer, CompanyFacts):
                company.facts = answer
                company.stale = False
            elif not company.ended:
                what = f"The refresh of {company.name} could not be started"
                company.refuse(self.context.report(answer, what, company.subject()))
        self._changed()

    async def work(self) -> None:
        """Until nothing more is to come. Raises what concerns the whole account."""
        try:
            for company in self.companies.values():
                if company.ended:
                    continue
                for position, due in company.timed.items():
                    heapq.heappush(self._timed, (due, next(self._order), company, position))
                if company.waiting:
                    self._queue.append(company)
                elif not company.timed:
                    company.set_phase("following", company.note)
                self._plan(company)
            while self._fatal is None and self.open:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._start_what_may()):
                        await self._wake.wait()
                self._wake.clear()
            if self._fatal is not None:
                raise self._fatal
        finally:
            if self._journal is not None:  # it is closed first: to it, what was sent and not answered is a doubt
                await self._journal.finish()
            tasks = tuple(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _start_what_may(self) -> float | None:
        """Start requests while there is room; gives the seconds after which there may be more to do."""
        self._take_due()
        while (chosen := self._next()) is not None:
            hold = self.context.governor.hold(self._reserve)
            self._held(hold)
            if hold is not None:
                return hold.seconds if hold.seconds is not None or self._tasks else OTHERS
            self._start(*chosen)
        self._held(None)
        pauses = [max(self._looks[0][0] - self._now, 0.0)] if self._looks else []
        if self._timed:  # clocks stop and jump: nobody sleeps until a time of day
            left = (self._timed[0][0] - self.context.client.clock.at_least()).total_seconds()
            pauses.append(min(max(self.context.client.clock.real(left), OTHERS), NAP))
        if self._tasks:
            pauses.append(SILENCE)
            if self.stuck:
                self._changed()  # for how long is part of what is told
        return min(pauses, default=None)

    def _take_due(self) -> None:
        """What has waited for its time, and may be tried again now, waits for its turn."""
        while self._timed and self._timed[0][0] <= self.context.client.clock.at_least():
            _, _, company, position = heapq.heappop(self._timed)
            if company.timed.pop(position, None) is not None:
                company.waiting.append(position)
                if company not in self._queue:
                    self._queue.append(company)
            self._changed()

    @property
    def waits(self) -> tuple[int, datetime | None]:
        """How many rows wait for their time, and which time is the next."""
        timed = [(each, tuple(each.timed.items())) for each in self.companies.values() if each.timed]
        number = sum(company.rows_at(place) for company, times in timed for place, _ in times)
        return number, min((due for _, times in timed for _, due in times), default=None)

    @property
    def stuck(self) -> str | None:
        """For how long an answer has been waited for, where that is longer than a reader should wonder, and why."""
        reasons = self.context.governor.reasons
        if (asked := self._now - self._asking) >= SILENCE:
            why = next(reversed(reasons.values()), "no answer yet")
            return f"waiting {asked:.0f} s for Codat to list the companies ({why})"
        waits = [(each.waited, each) for each in tuple(self.companies.values()) if each.since]
        long = [(seconds, each) for seconds, each in waits if seconds >= SILENCE]
        if not long:
            return None
        seconds, company = max(long, key=lambda wait: wait[0])
        why = reasons.get(company.company_id.lower(), "no answer yet")
        others = f", and for {len(long) - 1:,} other companies" if len(long) > 1 else ""
        return f"waiting {seconds:.0f} s for Codat's answer for {company.name} ({why}){others}"

    def _held(self, hold: Hold | None) -> None:
        before, self.hold = self.hold, hold
        if (before and before.why) != (hold and hold.why):
            self._changed()

    @property
    def _now(self) -> float:
        return self.context.client.clock.monotonic()

    def _next(self) -> tuple[CompanyRun, bool] | None:
        """Who is next, and whether it is looked at or queues something. Nothing is taken yet."""
        while self._looks and self._looks[0][2].due != self._looks[0][0]:
            heapq.heappop(self._looks)
        # In an outage a look is no risk.
        if self._looks and (self._looks[0][0] <= self._now or self.context.governor.trying):
            return self._looks[0][2], True
        if not self.paused and not (self._journal and self._journal.trouble):
            for company in self._queue:
                if company.under_way < self._at_once:
                    return company, False
        return None

    def _start(self, company: CompanyRun, to_look: bool) -> None:
        """Take what is next of a company; the rest happens in a task."""
        if to_look:
            company.due = None
            company.looking = True
            action = self._looked(company)
        else:
            company.under_way += 1
            action = self._sent(company, company.waiting.popleft())
            if not company.waiting:
                self._leave(company)
        self.context.governor.begin()
        task = asyncio.get_running_loop().create_task(self._guarded(company, action))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self.context.governor.end()
        self._tasks.discard(task)
        self._wake.set()

    async def _guarded(self, company: CompanyRun, action: Coroutine[Any, Any, None]) -> None:
        """One company's trouble is its own; the account's is everyone's."""
        try:
            await action
        except CodatLendingError as error:
            self._fatal = self._fatal or error
        except Exception as error:  # noqa: BLE001 - it is told with its traceback, and the other companies go on
            logger.exception("The refresh of %s ended because of an error in codat_notebook", company.company_id)
            what = f"The refresh of {company.name} ended because of an error in codat_notebook"
            company.refuse(self.context.report(error, what, company.subject()))
            self._leave(company)

    def _leave(self, company: CompanyRun) -> None:
        if company in self._queue:
            self._queue.remove(company)

    async def _sent(self, company: CompanyRun, position: int) -> None:
        company.since.setdefault(position, self._now)
        try:
            await send(company, position, self._journal)
        finally:
            if position not in company.waiting:
                del company.since[position]
            if (due := company.timed.get(position)) is not None:
                heapq.heappush(self._timed, (due, next(self._order), company, position))
            company.under_way -= 1
            if company.waiting and company not in self._queue:
                self._queue.appendleft(company)
        if company.queued and not company.ended:
            company.set_phase("following", company.note)
        if company.queued or company.due is None:
            self._plan(company)

    async def _looked(self, company: CompanyRun) -> None:
        company.since.setdefault(LOOK, self._now)
        self.looks += 1
        without = looks_without(company, self.durations, self._price) if self._hears else None
        try:
            await look(company, self.durations)
            if not company.pause:
                self.checked = self.context.now
            if without is not None:  # the last look is one that polling would have needed as well
                self.looks_saved += without() - (not company.ended)
        finally:
            if not company.pause or company.ended:
                del company.since[LOOK]
            company.looking = False
        self._plan(company)

    def _plan(self, company: CompanyRun) -> None:
        """Settle when to look at a company next; while one looks, that is settled afterwards."""
        if company.looking:
            return
        company.planned = self._now
        seconds = None if company.ended else plan_look(company, self.durations, self._price, self._hears)
        company.due = None
        if seconds is not None:
            self._due(company, seconds)
        self._wake.set()

    @property
    def _price(self) -> float:
        if self._now - self._backlog[0] > 1.0:  # it costs too much to be counted each time
            self._backlog = self._now, sum(len(waiting.waiting) for waiting in self._queue)
        return price_of(self._patience, self.open, self._backlog[1], self.context.governor.slot)

    def _due(self, company: CompanyRun, seconds: float) -> None:
        company.due = self._now + seconds
        heapq.heappush(self._looks, (company.due, next(self._order), company))
