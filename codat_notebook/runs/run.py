"""The handle of a refresh: what a notebook user holds while Codat works and afterwards.

A :class:`RefreshRun` starts its work on the engine thread when it is made: facts about the companies, then the
``scheduler``. Whoever holds it reads what it knows, waits for it, steers it, or watches it. What goes wrong on the way
ends in the row that it belongs to and in the session's error log; a failed operation is an outcome and raises nothing.
"""

import asyncio
import concurrent.futures
import contextlib
import math
import time
import uuid
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

from codat_notebook import display, forking, frames
from codat_notebook.client.async_driver import running_loop
from codat_notebook.client.clock import ServerClock
from codat_notebook.events import Event
from codat_notebook.models.errors import CodatLendingError, shown
from codat_notebook.runs.attempts import Retries, carried, retries_of
from codat_notebook.runs.company_run import CompanyRun, end_of, summary_of
from codat_notebook.runs.context import CompanyFacts, RunContext
from codat_notebook.runs.engine import Observer, Throttle, wait, wait_async
from codat_notebook.runs.journal import Journal, Start
from codat_notebook.runs.records import ErrorRecord, RefreshError
from codat_notebook.runs.rows import STATES, Row, RunProgress, ended, line_of, progress_of, remedies_of
from codat_notebook.runs.scheduler import Scheduler

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

_COPY = "a copy from when this process was forked"


class RefreshRun:
    """A refresh of one company or of thousands, live. Made by ``Session.refresh``, ``refresh_all`` and ``resume``.

    As a cell's last line it is its live view. ``await run`` and ``run.wait()`` wait for the end; cancelling a waiter
    stops the waiting, not the following. ``run.operations``, ``run.errors`` and ``run.summary`` are frames of what is
    known at the moment. In a forked child it is a frozen copy that says so: the run goes on in the parent, and to wait
    for it or steer it raises ``forking.InheritedError``.

    >>> run = session.refresh(company_id, "invoices", "bills")  # doctest: +SKIP
    >>> run.wait(timeout=60).operations                         # doctest: +SKIP
    >>> run = session.refresh(session.plan(older_than="7D"), journal="refresh.sqlite")  # doctest: +SKIP
    >>> run.wait(tell=print).summary                            # doctest: +SKIP
    """

    def __init__(self, context: RunContext, start: Start, *, work: bool = True) -> None:
        self._context = context
        self._start = start
        self._companies = start.companies
        self._throttle = Throttle(context.engine.loop)
        self._version = 0
        self._rows: tuple[int, tuple[Row, ...]] = (-1, ())
        self._task: asyncio.Task[Any] | None = None
        self._stopping = not work  # it is only looked at, until somebody goes on with it
        self._end: tuple[str, str | None] | None = None if work else end_of(start.companies, cancelled=True)
        self._frozen: tuple[datetime, float] | None = None
        self._lock = forking.Lock()
        #: What concerns the whole account (the key, the network) and ended the run, if anything did. Rows that have it
        #: as their error are no refusals: they were not asked for yet, and a journal still has them to be queued.
        self.trouble: ErrorRecord | None = None
        #: The run that goes on with this one's rows, once it was retried or watched again.
        self.successor: RefreshRun | None = None
        kept = start.store if work else None
        self._journal = Journal(kept, context.engine, self._on_journal) if kept is not None else None
        self._scheduler = Scheduler(context, start, self._journal, self._changed)
        #: What finds it again in ``session.runs``, from another request or cell.
        self.id = uuid.uuid4().hex
        self._began = context.client.clock.monotonic()
        self._ended_before = ended(self.counts)
        context.hold(self)
        forking.remember(self)
        self._future: concurrent.futures.Future[None] = context.engine.submit(self._work())

    def _after_fork(self) -> None:
        """In a forked child: the parent goes on with it, and what is known here stays as it is."""
        if self._frozen is None:
            phase, note = self._end or ("stopped", "the run goes on in the parent process")
            self._end = phase, "; ".join(filter(None, (_COPY, note)))
            self._frozen = self._times
            self._version += 1  # what was put together may be older than what it was put together from

    def _check(self) -> None:
        if self._frozen is not None:
            raise forking.InheritedError(
                f"This refresh of {self.company_name} is {_COPY}. Wait for it and steer it in the parent process; "
                "session.refresh() begins one here."
            )

    # Work, on the engine's thread.

    async def _work(self) -> None:
        self._task = asyncio.current_task()
        try:
            if self._stopping:
                raise asyncio.CancelledError
            await self._context.touch(self.company_ids)
            await self._scheduler.learn_facts()
            await self._scheduler.work()
            await self._context.touch(self.company_ids)
            self._finish(*end_of(self._companies))
        except CodatLendingError as error:
            await self._give_up(error)
        except Exception as error:
            self._context.report(error, "The refresh ended because of an error in codat_notebook")
            self._finish("failed", str(error))
            raise
        finally:
            try:  # who goes on with it needs the journal
                if self._journal is not None:
                    await self._journal.finish()
            finally:
                if self._end is None:  # cancelled, wherever that was
                    self._finish(*end_of(self._companies, cancelled=True))

    async def _give_up(self, error: CodatLendingError) -> None:
        """End by trouble that concerns all; what has no operation was refused, but the journal may still queue it."""
        if self._journal is not None:
            await self._journal.finish()
        doing = "started" if self._scheduler.phases["queueing"] else "followed"
        what = f"The refresh of {self.company_name} could not be {doing}"
        self.trouble = record = self._context.report(error, what, self._only.subject() if self._only else None)
        for company in self._companies:
            if not company.ended:
                company.refuse(record)
        self._finish("failed", record.why)

    def _finish(self, phase: str, note: str | None) -> None:
        self._end = phase, note
        self._version += 1
        self._throttle.ring_now()

    def _changed(self) -> None:
        self._version += 1
        self._throttle.ring()

    def _on_journal(self, trouble: Exception | None) -> None:
        if trouble is not None:
            self._context.report(trouble, "The journal of the refresh could not be written")
        self._scheduler.wake()

    def _look_now(self, company_id: str) -> bool:
        """Have one company looked at without waiting for its turn; False where it is not followed (any more)."""
        return self._end is None and self._scheduler.look_now(company_id)

    def _hear(self, event: Event) -> bool:
        """Take in a webhook event; False where nothing here waits for what it tells."""
        return self._end is None and self._scheduler.hear(event)

    # What it knows: from memory, at any time, from any thread.

    @property
    def _only(self) -> CompanyRun | None:
        return self._companies[0] if len(self._companies) == 1 else None

    @property
    def company_ids(self) -> list[str]:
        """The companies' ids, in the order of the plan."""
        return [company.company_id for company in self._companies]

    @property
    def company_id(self) -> str:
        """The company's id; empty where there are several."""
        return self._only.company_id if self._only else ""

    @property
    def company_name(self) -> str:
        """The company's name (its id until Codat has told the name), or how many companies there are."""
        return self._only.name if self._only else f"{len(self._companies):,} companies"

    @property
    def company(self) -> CompanyFacts | None:
        """The company and its connections when the run began; ``None`` until Codat has told, and for several."""
        return self._only.facts if self._only else None

    def facts_of(self, company_id: str) -> CompanyFacts | None:
        """A company of the run and its connections; ``None`` until Codat has told."""
        return self._scheduler.companies[company_id].facts

    def rows_of(self, company_id: str) -> tuple[Row, ...]:
        """The rows of one company, a snapshot; none of one that the run does not refresh."""
        company = self._scheduler.companies.get(company_id)
        return company.rows if company is not None else ()

    @property
    def journal(self) -> "Path | None":
        """The file that it is written down in."""
        return self._start.store.path if self._start.store is not None else None

    @property
    def began(self) -> datetime | None:
        """The server's time of the first request that queued something, in this process or an earlier one."""
        times = [company.began for company in self._companies if company.began is not None]
        return datetime.fromtimestamp(min(times), UTC) if times else None

    @property
    def platforms(self) -> dict[str, str]:
        """Connection id -> platform, of all companies."""
        return dict(chain.from_iterable(company.platforms.items() for company in self._companies))

    @property
    def rows(self) -> tuple[Row, ...]:
        """The run's rows, a snapshot; put together when they are asked for after a change."""
        if self._rows[0] != self._version:
            self._rows = self._version, tuple(chain.from_iterable(company.rows for company in self._companies))
        return self._rows[1]

    @property
    def latest(self) -> tuple[Row, ...]:
        """The rows with what was heard of them since, by whichever request: a run that has ended hears nothing."""
        return tuple(chain.from_iterable(company.latest for company in self._companies))

    @property
    def phase(self) -> str:
        """``queueing``, ``following``, or how it ended: ``done``, ``stopped`` (watching), ``failed``."""
        under_way = "queueing" if self._scheduler.phases["queueing"] else "following"
        return self._end[0] if self._end is not None else under_way

    @property
    def note(self) -> str | None:
        """A remark about the phase: what is waited for, or why the run ended early."""
        note, caution = (self._only.note, self._only.caution) if self._only else (None, None)
        if self._end is not None:
            notes = [self._end[1] or note, caution]
        else:
            paused = "paused: nothing more is queued" if self.paused and self.phase == "queueing" else None
            trouble = f"{self._journal.trouble}; queueing waits" if self._journal and self._journal.trouble else None
            if self._only is None and not self.counts.keys() & {"queueing", "running"}:  # it only looks
                note = next((each.note for each in self._companies if each.note and not each.ended), None)
            notes = [paused, trouble, *self._scheduler.notes, note, caution]
        return "; ".join(filter(None, notes)) or None

    @property
    def done(self) -> bool:
        """Whether nothing more is to come."""
        return self._end is not None

    @property
    def closed(self) -> bool:
        """Whether its session was closed, or is read-only, so that nothing more can be begun from it."""
        return self._context.closed or self._context.client.read_only

    @property
    def paused(self) -> bool:
        """Whether queueing was paused by :meth:`pause`."""
        return self._scheduler.paused

    @property
    def counts(self) -> dict[str, int]:
        """State -> number of rows, without the states that no row has; kept up to date, so it costs nothing."""
        counts = self._scheduler.counts if self._frozen is None else Counter(row.state for row in self.rows)
        return {state: number for state in STATES if (number := counts.get(state, 0))}

    @property
    def progress(self) -> RunProgress:
        """How far it is: totals, throughput, expected end. See :class:`rows.RunProgress`."""
        phases, (now, monotonic) = self._scheduler.phases, self._times
        if self._frozen is not None:
            phases = Counter(company.phase for company in self._companies)
        began = now - timedelta(seconds=(monotonic - self._began) * self.clock.speed)
        companies = len(self._companies), phases["done"] + phases["failed"]
        looks = self._scheduler.looks, max(self._scheduler.looks_saved, 0)
        progress = progress_of(self.counts, companies, began, now, self._ended_before, looks)
        return replace(progress, expected_end=None) if self._scheduler.waits[0] else progress

    @property
    def usual(self) -> dict[tuple[str, str], float]:
        """Connection id and data type -> seconds that such an operation usually takes: of what runs, where known."""
        running = (row.operation for row in self.rows if row.open and row.operation is not None)
        return self._scheduler.durations.usual_of(running, self.platforms)

    @property
    def line(self) -> str:
        """The progress in a line of text."""
        told = "; ".join(filter(None, (line_of(self.progress, self.counts), self.note)))
        return shown(f"{self.company_name}: {told}")

    @property
    def is_sandbox(self) -> bool:
        """Whether it reaches no real company: on a sandbox."""
        return self._context.is_sandbox

    @property
    def now(self) -> datetime:
        """The server's time; in a forked child that of the fork."""
        return self._times[0]

    @property
    def _times(self) -> tuple[datetime, float]:
        """The server's time and the monotonic one."""
        return self._frozen or (self._context.now, self._context.client.clock.monotonic())

    @property
    def checked(self) -> datetime | None:
        """The server's time of the last look that was answered: what is known is as of then."""
        return self._scheduler.checked

    def copied(self, text: str) -> None:
        """See :meth:`RunContext.copied`."""
        self._context.copied(text)

    @property
    def clock(self) -> ServerClock:
        """The server's clock."""
        return self._context.client.clock

    @property
    def operations(self) -> "pd.DataFrame":
        """The newest operation of each row as a frame: ``origin`` and ``attempt`` (1 at first), then the columns of
        ``frames.pull_operations``."""
        rows = [row for row in (row.newest for row in self.rows) if row.operation is not None]
        told: dict[str, frames.Extra] = {"origin": ("category", [row.origin for row in rows])}
        told["attempt"] = "count", [row.attempt for row in rows]
        return frames.pull_operations([row.operation for row in rows], self.platforms, self.now, extra=told)

    @property
    def errors(self) -> "pd.DataFrame":
        """What went wrong in this run as a frame: requests that failed and operations that ended in a failure, each
        with its ``attempt``. What was tried again since stays, and says how that went."""
        told = [each for company in self._companies for each in company.failures]
        return frames.errors((error for _, error in told), {"attempt": ("count", [attempt for attempt, _ in told])})

    @property
    def retries(self) -> Retries:
        """How many rows may be tried again now, how many later, and from when on; see :meth:`retry_failed`."""
        may = self.done and self.successor is None and self._frozen is None and not self.closed
        return retries_of(self.latest, self.now) if may else Retries()

    @property
    def unfinished(self) -> bool:
        """Whether it was left before the end, so that :meth:`watch_again` goes on with it."""
        may = self.done and self.successor is None and self._frozen is None
        return may and not all(company.over for company in self._companies)

    @property
    def summary(self) -> "pd.DataFrame":
        """A row for each company: ``company``, ``phase``, ``operations`` and how many of them are in which state
        (``queueing``, ``running``, ``complete``, ``failed``, ``refused``, ``unknown``, ``not_queued`` by Codat,
        ``unqueued``), ``skipped``, ``platforms``, ``note``, ``company_id``."""
        return summary_of(self._companies, self._start.skipped)

    @property
    def remedies(self) -> "pd.DataFrame":
        """What to do about failures, what most companies need first: ``rule``, ``status``, ``what``, ``action``, and
        how many ``companies``, ``operations`` and ``link_urls`` it concerns."""
        return remedies_of(self.rows)

    @property
    def skipped(self) -> "pd.DataFrame":
        """The rows of the plan that were left out: ``company_id``, ``data_type``, ``connection_id``, ``reason``."""
        return frames.of_rows(frames.SKIPPED, self._start.skipped)

    def __repr__(self) -> str:
        parts = ", ".join(f"{number} {state}" for state, number in self.counts.items()) or self.phase
        return shown(f"<RefreshRun of {self.company_name}: {parts}{'; ' + self.note if self.note else ''}>")

    def _repr_html_(self) -> str:
        columns = ["data_type", "platform", "status", "requested", "duration", "message", "origin"]
        return display.static_html(repr(self), self.operations[columns], self.now)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return display.mimebundle(self, **options)

    # Waiting, watching, steering.

    def wait(self, timeout: float | None = None, tell: Callable[[str], object] | None = None) -> "RefreshRun":
        """Wait until the run has ended or ``timeout`` (seconds) is over, and return the run either way.

        ``tell`` is called with a line about the progress when that has changed, at most once a second:
        ``run.wait(tell=print)``. Raises ``RuntimeError`` on the engine's own thread, where it would wait for itself.
        """
        self._check()
        if self._context.engine.on_thread:
            raise RuntimeError("run.wait() would wait for its own thread: use `await run` here.")
        until = math.inf if timeout is None else time.monotonic() + timeout
        told = None
        while not self._future.done() and (rest := until - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError, concurrent.futures.CancelledError):  # outcomes: `phase` tells
                wait(self._future, min(rest, 1.0))
            if tell is not None and (text := self.line) != told:
                tell(told := text)
        self._context.engine.settle()
        return self

    def __await__(self) -> Generator[Any, None, "RefreshRun"]:
        self._check()
        running_loop()
        yield from wait_async(self._future).__await__()
        yield from self._context.engine.settle_async().__await__()
        return self

    def raise_for_outcome(self) -> "RefreshRun":
        """Return the run if all that was asked for is complete: ``(await run).raise_for_outcome().operations``.

        Raises :class:`RefreshError` for the first row that was refused, failed, is in doubt or was left before its
        end; it holds the records of all of them. ``RuntimeError`` for a run that has not ended.

        >>> session.refresh(company_id, "invoices").wait().raise_for_outcome()  # doctest: +SKIP
        """
        if not self.done:
            raise RuntimeError("This run has not ended yet: wait for its end, or await it.")
        if (bad := [row for row in self.rows if row.state != "complete"]) or self.phase == "failed":
            errors = [row.error for row in bad if row.error]
            raise RefreshError(f"{len(bad):,} of {len(self.rows):,} did not complete.", errors)
        return self

    def pause(self) -> None:
        """Queue nothing more until :meth:`resume`. What is queued is followed on."""
        self._pause(True)

    def resume(self) -> None:
        """Go on with queueing after :meth:`pause`."""
        self._pause(False)

    def _pause(self, paused: bool) -> None:
        self._check()
        if self._journal is not None:
            self._context.engine.post(self._journal.hold, paused)
        self._context.engine.post(self._scheduler.pause, paused)

    def stop_watching(self) -> None:
        """Stop queueing and following. Codat carries on with what is queued: its API cannot cancel."""
        self._check()
        self._context.engine.post(self._cancel)

    def _cancel(self) -> None:
        """On the engine's thread. The future is left to end by itself: who waits for it waits for the journal too."""
        self._stopping = True
        if self._journal is not None:
            self._journal.hold(True)
        if self._task is not None:
            self._task.cancel()

    def retry_failed(self, later: bool = False) -> "RefreshRun":
        """Queue once more what failed and may succeed now, and return the run that goes on with all rows at once.

        What may be tried again, and when, the diagnosis of each failure tells (``run.errors``, ``run.retries``): a
        missing permission or a type that the platform lacks is not, and a limit not before some hours are over. What
        is done stays done, what failed stays with its remedy; what is tried again is the next ``attempt`` of its row.
        The new run has the same journal; this one stays as it is, and knows it as its ``successor``.

        Raises ``ValueError`` if there is nothing of the kind, ``RuntimeError`` for a run that has not ended or that has
        a successor, and :class:`runs.JournalError` if its journal was continued elsewhere.

        >>> run = run.retry_failed(later=True)  # doctest: +SKIP

        Parameters
        ----------
        later : what may be tried again later is, too, at its time. Until then it waits, while the kernel lives; with a
            journal ``session.resume`` waits on. ``stop_watching`` ends that.
        """
        self._check()
        retries = retries_of(self.latest, self.now)
        if self.done and self.successor is None and not (retries.now or (later and retries.later)):
            when = f"{retries}: run.retry_failed(later=True) waits for that." if retries.later else ""
            raise ValueError(when or "Nothing in this run can be retried: run.errors says what to do instead.")
        return self._go_on(retry=True, later=later)

    def watch_again(self, queue: bool = False) -> "RefreshRun":
        """Follow once more what was still open when the watching ended, and return the run that does at once.

        It has the same rows and the same journal, as after :meth:`retry_failed`. Nothing is queued, unless ``queue``
        says that what had not been queued is to be. Raises ``ValueError`` if everything had ended; else as
        :meth:`retry_failed`.
        """
        self._check()
        if self.done and self.successor is None and not self.unfinished:
            raise ValueError("Nothing in this run is left to watch: everything has ended.")
        return self._go_on(queue=queue)

    def _go_on(self, **how: bool) -> "RefreshRun":
        with self._lock:
            if self.successor is not None:
                raise RuntimeError(f"This run continues as run.successor: {self.successor!r}. Use that one.")
            if not self.done:
                raise RuntimeError("This run has not ended yet: wait for its end, or stop watching it first.")
            companies = [carried(company, self.now, **how) for company in self._companies]
            unwritten = self._journal is not None and self._journal.trouble is not None
            start = self._start.gone_on_with(self._context, companies, unwritten)
            self.successor = RefreshRun(self._context, start)
            return self.successor

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Have ``observer`` called on the engine thread on changes, a few times a second at most, and at the end;
        returns the function that ends it."""
        self._throttle.observers.append(observer)
        return lambda: self._throttle.observers.remove(observer)
