"""How a console is drawn anew: each part gets its state from that of the console.

A draw is cheap and says everything, so that no part can be forgotten. The tables and charts cost more: they are framed
in a worker, at most twice a second, and only where somebody looks.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from codat_notebook import frames
from codat_notebook.models.shared import PullOperation
from codat_notebook.runs.engine import Throttle, pace
from codat_notebook.runs.records import Log
from codat_notebook.session import Session
from codat_notebook.widgets import console_state
from codat_notebook.widgets.console_parts import Parts
from codat_notebook.widgets.notice import ErrorBoundary

if TYPE_CHECKING:
    import pandas as pd

#: Seconds between two updates of the tables while something runs.
TABLES_EVERY = 0.5
#: Those of a long history come less often, by what it takes to frame it, but at least so often.
TABLES_AT_LEAST_EVERY = 3.0


class Renderer:
    """Draws one console out of its state. All methods are for the engine thread."""

    def __init__(
        self, session: Session, parts: Parts, state: console_state.ConsoleState, boundary: ErrorBoundary
    ) -> None:
        self._session = session
        self._parts = parts
        self._state = state
        self._boundary = boundary
        self._soon = Throttle(session.context.engine.loop, self._tables, every=TABLES_EVERY)
        self._drawn_company: str | None = None
        self._timelines = 0
        self._older: tuple[Mapping[str, PullOperation], pd.DataFrame] | None = None
        #: Called before the tables are drawn, so that what is known of a company's history is that of its status.
        self.follow: Callable[[], object] = lambda: None

    def draw(self, *names: str, at_once: bool = False) -> None:
        """The parts of these names; ``at_once`` where it answers a click."""
        for name in names:
            state = console_state.STATES[name](self._state, self._session)
            getattr(self._parts, name).show(state, at_once=at_once)

    def all(self) -> None:
        """Every part. The tables follow."""
        self.draw("header", "notice", "company", "connection", "cards", "data_types", "bar", "tabs", "code")
        self._parts.operations.tell_empty(console_state.no_operations(self._state))
        self.later()

    def bar(self) -> None:
        """The refresh buttons, at once: it answers a click."""
        self.draw("bar", at_once=True)

    def errors(self) -> None:
        """The errors and how many they are; where a connection is chosen, those of it and of none."""
        frame, log, chosen = self._session.errors, self._session.error_log, self._state.connection_id
        first = log.appended - len(frame)
        if chosen is not None:
            frame = frame[frame["connection_id"].isna() | (frame["connection_id"] == chosen)]
        self._parts.errors.update(frame.set_axis(range(first, first + len(frame))))
        self.draw("tabs")

    def later(self) -> None:
        """The tables and charts, soon."""
        self._soon.ring()

    def _tables(self) -> None:
        """The operations always; the other tabs when they are looked at, and all but the timeline when a company was
        read."""
        self.follow()
        status, boundary = self._state.status, self._boundary
        company = status.facts.id if status is not None else None
        anew, self._drawn_company = company != self._drawn_company, company
        if status is None:
            self._parts.operations.update(None)
        else:
            operations, platforms, now = self._state.operations(), status.facts.platforms, self._session.context.now
            self._parts.operations.company = status.facts.name
            looked = self._state.tab == "timeline"  # a thousand bars are a quarter of a saved notebook
            boundary.spawn("The operations could not be shown", self._frame, operations, platforms, now, looked)
        self.judge()
        for name in ("freshness", "timeline", "requests"):
            if anew or name == self._state.tab:
                boundary.spawn(f"The tab {name} could not be drawn", self._tab, name)

    def judge(self, *, at_once: bool = False) -> None:
        """Whether the company is ready, as the latest state of it has it."""
        self._state.verdict = console_state.verdict(self._state, self._session)
        self.draw("ready", "tabs", at_once=at_once)

    async def _tab(self, name: str) -> None:
        if name == "timeline" and self._state.status is not None:
            return  # it is drawn of the operations' frame, once there is a new one
        if name == "requests":
            frame = await self._session.context.engine.in_worker(lambda: self._session.requests)
            self._parts.requests.update(_numbered(frame, self._session.request_log))
        else:
            self.draw(name)

    async def _frame(
        self, newest: list[PullOperation], platforms: dict[str, str], now: datetime, timeline: bool
    ) -> None:
        """The newest operations and the older ones below. Those do not change, and are framed once."""
        engine, past = self._session.context.engine, self._state.past.operations
        begun = engine.loop.time()
        frame = await engine.in_worker(frames.pull_operations, newest, platforms, now)
        if past:
            if self._older is None or self._older[0] is not past:
                self._older = past, await engine.in_worker(frames.pull_operations, past.values(), platforms, now)
            older = self._older[1]
            frame = await engine.in_worker(lambda: frames.stacked(frame, older[~older["id"].isin(frame["id"])]))
        if (chosen := self._state.connection_id) is not None:
            frame = frame[frame["connection_id"] == chosen].reset_index(drop=True)
        self._parts.operations.update(frame)
        if timeline:
            await self._timeline()
        self._soon.every = pace(engine.loop.time() - begun, TABLES_EVERY, TABLES_AT_LEAST_EVERY)

    def open(self, operation_id: str) -> None:
        """The details of an operation, beside the table of operations, to which the browser has switched by itself."""
        self._parts.operations.select(operation_id)

    def look(self) -> None:
        """The timeline, at once: its reader looks elsewhere, or opens an operation."""
        self._boundary.spawn("The timeline could not be drawn", self._timeline)

    async def _timeline(self) -> None:
        """The operations that the table has, as bars."""
        status, part, session = self._state.status, self._parts.timeline, self._session
        if status is None:
            return
        total = self._state.total if self._state.connection_id is None else 0  # Codat counts them by company
        about = {"company": status.facts.id, "total": total, "empty": console_state.no_operations(self._state)}
        work = partial(part.drawn, self._parts.operations.frame, session.context.now, **about)
        self._timelines += 1
        mine = self._timelines
        state, row = await session.context.engine.in_worker(work)
        if mine == self._timelines:  # else a newer one is under way
            part.show(state, at_once=True)
            if part.on_row is not None:
                part.on_row(row)

    def stop(self) -> None:
        """Draw no more."""
        self._soon.stop()


def _numbered(frame: "pd.DataFrame", log: Log[Any]) -> "pd.DataFrame":
    """The frame of a log with its records' numbers for labels: a selected row stays the same one when the oldest go."""
    return frame.set_axis(range(log.appended - len(frame), log.appended))
