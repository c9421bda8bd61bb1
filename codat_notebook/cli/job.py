"""A job of ``refresh``: what a journal has left over from before, then the plan that was given, within one time-out.

Nothing is dropped: a plan that comes to a journal whose run has not ended is kept there before anything is sent, and
begun after it, by this job or by the next. All time is that of the engine's loop, so that a night can be tried in a
second. What came of it all is :attr:`Job.runs`, :attr:`Job.code` and :attr:`Job.problem`.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from codat_notebook.cli.exits import Exit
from codat_notebook.cli.outcome import NOT_BEGUN, code_of, of_plan, of_run
from codat_notebook.cli.printing import say
from codat_notebook.cli.stopping import CommandError, Stop, Stopped
from codat_notebook.runs.context import RunContext
from codat_notebook.runs.engine import wait
from codat_notebook.runs.journal import Start
from codat_notebook.runs.run import RefreshRun
from codat_notebook.runs.store import JournalInUseError
from codat_notebook.runs.targets import Targets

T = TypeVar("T")

#: Seconds between two looks whether a journal is free.
_LOOK = 1.0
#: Seconds that a run gets to close its journal.
_CLOSING = 30.0


@dataclass
class Job:
    """See the module's docstring.

    ``journal`` keeps the runs; ``again``: the plan is begun anew also where it is that of the run that is resumed.
    ``timeout`` and ``wait_lock`` are seconds: until everything is stopped, and to wait for a journal that another
    process works on. ``name`` is what the plan is called in the report; ``every``, seconds between lines of progress.
    """

    context: RunContext
    stop: Stop
    journal: Path | None = None
    reserve: float = 0
    again: bool = False
    timeout: float | None = None
    wait_lock: float = 0
    name: str | None = None
    every: float = 15.0
    #: A report of each run, in order, also of what was not begun.
    runs: list[dict[str, Any]] = field(default_factory=list)
    #: Why nothing could be done or not all: in words.
    problem: str | None = None
    #: The status of an answer that ended a run, and concerns the whole account.
    status: str | None = None
    #: Whether another process has the journal.
    held: bool = False
    #: What Codat says of the ids where it finds nothing of what the last run was to refresh.
    absent: str | None = None

    def __post_init__(self) -> None:
        self._began = self.context.client.clock.monotonic()
        self._until = self._now + (math.inf if self.timeout is None else self.timeout)

    @property
    def _now(self) -> float:
        return self.context.engine.loop.time()

    @property
    def times(self) -> tuple[str, str]:
        """When it began, and now: the server's times."""
        clock = self.context.client.clock
        now = self.context.now
        began = now - timedelta(seconds=(clock.monotonic() - self._began) * clock.speed)
        return f"{began:%Y-%m-%dT%H:%M:%SZ}", f"{now:%Y-%m-%dT%H:%M:%SZ}"

    @property
    def left(self) -> float | None:
        """Seconds until the time is over; ``None``: as many as it takes."""
        return None if self.timeout is None else max(self._until - self._now, 0.0)

    @property
    def code(self) -> Exit:
        """How it ended: of all operations the highest code, and 1 where nothing of them was even asked for."""
        if self.held:
            return Exit.HELD
        if self.problem is not None and not self.context.posted:
            return Exit.PROBLEM
        return max(map(code_of, self.runs), default=Exit.DONE)

    def unless_stopped(self, work: Callable[[], T]) -> T:
        """The result of something that is asked first. Raises :class:`Stopped`, or :class:`CommandError` where the time
        is over and Codat has answered nothing."""
        try:
            return self.stop.unless(work, self.left)
        except Stopped:
            if not self.stop.asked and not self.context.answered:
                raise CommandError(self._silence) from None
            raise

    def work(self, targets: Targets | None) -> None:
        """Resume what the journal has, then do what is wanted, if anything is; until the end, or a stop."""
        start = self._begun(lambda waited: self._start(targets, waited))
        while start is not None:
            waits = start.waits
            over, note = self._follow(start) and self.left != 0, "kept in the journal, next in line"
            start = self._begun(self._next) if over else None
            if start is None:
                if waits and over and not self.held:
                    note, self.held = "taken over by another process, which will report its end", True
                    self.problem = f"Another process has worked on the journal {self.journal} in the meantime."
                self.runs += [of_plan(plan.targets, plan.about, note) for plan in waits]
        if self.held and targets is not None and targets.digest not in {run["plan"] for run in self.runs}:
            about = {"plan": targets.digest, **self._notes}
            self.runs.append(of_plan(targets, about, "not kept: another process works on the journal"))
        for run in self.runs:
            if run["outcome"] == NOT_BEGUN:
                say(f"{run['name'] or 'The plan'} was not begun: {run['note']}.")

    @property
    def _notes(self) -> dict[str, str]:
        return {} if self.name is None else {"name": self.name}

    def _next(self, waited: bool) -> Start | None:
        return None if self.journal is None else Start.waiting(self.context, self.journal)

    def _start(self, targets: Targets | None, waited: bool) -> Start:
        if targets is None:
            assert self.journal is not None, "there is a plan or a journal"
            return Start.resumed(self.context, self.journal)
        if self.journal is None:
            return Start.of(self.context, targets, reserve=self.reserve, notes=self._notes)
        return Start.behind(
            self.context, targets, self.journal, self.reserve, self._notes, again=self.again, waited=waited
        )

    def _begun(self, begin: Callable[[bool], Start | None]) -> Start | None:
        """What ``begin`` gives, as soon as the journal is free: it is told whether it was not at first."""
        until, waited = min(self._now + self.wait_lock, self._until), False
        while True:
            try:
                return begin(waited)
            except JournalInUseError as error:
                if self.stop.asked or self._now >= until:
                    self.problem = str(error)
                    self.held = True
                    return None
                if not waited:
                    say(f"{error} Waiting for it.")
                waited = True
                self.context.engine.call(asyncio.sleep(min(_LOOK, until - self._now)))

    def _follow(self, start: Start) -> bool:
        """Tell the progress of a run until its end; whether it has ended, and what waits may be begun."""
        name = (start.about or {}).get("name") or "the run"
        if start.continued:
            say(f"Resuming {name}, which had not ended.")
        run = RefreshRun(self.context, start)
        told, next_line = None, 0.0
        ending = self.context.engine.submit(self._ended(run))
        while not ending.done():
            if self.stop.asked:
                run.stop_watching()
            elif self._now >= next_line and (line := run.line) != told:
                say(line)
                told, next_line = line, self._now + self.every
            with contextlib.suppress(TimeoutError):
                wait(ending, 0.2)
        stopped = run.phase == "stopped"
        if run.trouble is not None:
            self.problem = f"{run.trouble.why} {run.trouble.action}"
            self.status = run.trouble.status
        elif stopped and not self.stop.asked and not self.context.answered:
            self.problem = self._silence
        known = {None, "", *run.company.connections} if run.company is not None else set()
        missing = [row.error.why for row in run.rows if row.error is not None and row.error.status == "404"
                   and row.connection_id not in known]  # fmt: skip
        self.absent = missing[0] if len(missing) == len(run.rows) > 0 else None
        self.runs.append(of_run(start, run))
        if stopped:
            say("Stopped watching. Codat carries on with what is queued; with its journal the run can be resumed.")
        if self.problem is None:
            skipped = f"; {len(start.skipped):,} skipped" if start.skipped else ""
            say(f"{run.line}{skipped}")
        return not stopped and run.trouble is None

    async def _ended(self, run: RefreshRun) -> None:
        """Wait for the run's end, or stop watching it when the time is over."""
        try:
            async with asyncio.timeout(self.left):
                await run
        except TimeoutError:
            run.stop_watching()
            async with asyncio.timeout(_CLOSING):
                await run

    @property
    def _silence(self) -> str:
        """That Codat has answered nothing in all the time that was given, and the latest it was heard to say."""
        why = next(reversed(self.context.governor.reasons.values()), "no answer")
        return f"Codat is out of reach: {why}. It did not answer within the {self.timeout:g} s of --timeout."
