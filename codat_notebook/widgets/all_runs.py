"""All runs of a session, and those of a folder of journals: listed, opened in place of the list, resumed.

While somebody looks at the list it is read again every two seconds, from disk and memory alone. A run that is opened is
as it was left until somebody resumes it. The one that a page's address names is taken up by itself where its page was
closed in the middle of it: not where a person has stopped it, and not before the process that works on it lets go.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets

from codat_notebook.models.secret import host
from codat_notebook.runs.context import CompanyFacts
from codat_notebook.runs.folder import ELSEWHERE, LEFT, kept_run, runs_frame
from codat_notebook.runs.journal import Start
from codat_notebook.runs.run import RefreshRun
from codat_notebook.runs.store import JournalError, JournalInUseError
from codat_notebook.session import Session
from codat_notebook.tables.column import Row
from codat_notebook.widgets.console_state import ConsoleState
from codat_notebook.widgets.notice import ErrorBoundary
from codat_notebook.widgets.part import close_all
from codat_notebook.widgets.run_overview import PortfolioRunView
from codat_notebook.widgets.table import FrameTable, MoreState

if TYPE_CHECKING:
    import pandas as pd

#: Real seconds between two looks at the folder, and at a journal that another process has.
EVERY, AGAIN = 2.0, 0.5
_SHARED = "All visitors to this page share one account"
_SEEN = ": they see what you start here, and you see what they start"
_UNOPENED = "The run could not be opened"


class AllRuns:
    """The view of one console. All methods are for the engine thread.

    ``facts`` gives what is known of a company, ``opened`` is the box of the run on screen; ``watch`` is told of a run
    that was taken up while a company is on screen, ``changed`` that another run, or none, is, ``pick`` of the company
    of a run that is to be opened.
    """

    def __init__(
        self, session: Session, state: ConsoleState, boundary: ErrorBoundary, table: FrameTable, opened: ipywidgets.Box,
        facts: Callable[[str], CompanyFacts | None], watch: Callable[[RefreshRun], object],
        changed: Callable[[], object], pick: Callable[[str], object],
    ) -> None:  # fmt: skip
        self._session = session
        self._state = state
        self._boundary = boundary
        self._table = table
        self._opened = opened
        self._facts = facts
        self._watch = watch
        self._changed = changed
        self._pick = pick
        self._listing: asyncio.Task[None] | None = None
        self._opening: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waits = ""
        self._listens = False

    def start(self) -> None:
        """Listen to the table."""
        self._listens, self._state.asked_run = True, ""
        self._table.what = "runs"
        self._table.on_row = self._on_row
        self._table.update(None)
        self._table.tell_empty("Reading the runs…")

    def stop(self) -> None:
        """Listen no more; the runs go on."""
        self._listens, self._table.on_row = False, None
        if self._timer is not None:
            self._timer.cancel()
        self.leave()

    def follow(self) -> None:
        """List the runs while somebody looks at them."""
        looked = self._state.tab == "runs" and self._state.company is None and self._state.run is None
        if looked and self._listens and (self._listing is None or self._listing.done()):
            self._listing = self._boundary.spawn("The runs could not be listed", self._list)

    async def _list(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        engine, runs = self._session.context.engine, [run for run in self._session.runs if run.successor is None]
        frame, others = await engine.in_worker(self._frame, runs)
        self._table.update(frame)
        live = host() == "the app" and not self._session.is_sandbox
        shared = f"{_SHARED}{_SEEN if self._state.folder is not None else ''}." if live else ""
        elsewhere = f"Runs on another server are left out: {others:,}." if others else ""
        text = " ".join(filter(None, (self._waits, elsewhere, shared)))
        self._table.tell_empty(" ".join(filter(None, ("Nothing has been refreshed yet.", text))))
        more: MoreState = {"text": text, "busy": bool(self._waits), "failed": False, "actions": []}
        self._table.tell_more(more if text else None)
        self._timer = engine.loop.call_later(EVERY, self.follow)  # not after a failure, which is told once

    def _frame(self, runs: list[RefreshRun]) -> "tuple[pd.DataFrame, int]":
        """The frame, and how many journals are of another server. A journal tells of a run that has ended here."""
        folder, server = self._state.folder, self._session.client.server_url
        mine = [run for run in runs if not self._is_left(run)]
        kept = folder.runs([run.journal.resolve() for run in mine if run.journal is not None]) if folder else []
        ours = [each for each in kept if each.about.get("server", server) == server]
        return runs_frame(mine, ours, self._session.context.names), len(kept) - len(ours)

    def _is_left(self, run: RefreshRun) -> bool:
        """Whether a run has let go of its journal, which another process may have resumed since."""
        folder, journal = self._state.folder, run.journal
        return bool(folder and journal and run.done and journal.resolve().parent == folder.path.resolve())

    # Opening.

    def _on_row(self, row: Row | None) -> None:
        if row is not None:
            self._table.select(None)  # so that the same one can be opened again
            self.open(str(row["id"]))

    def open(self, id: str) -> None:
        """A run by its id, or by the name of its journal, in place of the list."""
        self._begin(self._open, id)

    def take_up(self, name: str, after: asyncio.Task[None] | None = None) -> None:
        """The run of the journal of this name: opened; or, ``after`` a company was read, followed together with it."""
        self._begin(self._take_up, name, after)
        self._state.asked_run = name

    def _begin(self, action: Callable[..., Any], *arguments: Any) -> None:
        """What is opened last is shown."""
        if self._opening is not None:
            self._opening.cancel()
        self._waits = self._state.asked_run = ""
        self._opening = self._boundary.spawn(_UNOPENED, action, *arguments)

    async def _open(self, id: str) -> None:
        runs = [run for run in self._session.runs if run.successor is None and not self._is_left(run)]
        here = (run for run in runs if id in (run.id, run.journal.name if run.journal is not None else None))
        self.show(next(here, None) or await self._found(await self._find(id), Start.left))

    async def _find(self, name: str) -> Path:
        folder = self._state.folder
        path = await self._session.context.engine.in_worker(folder.find, name) if folder is not None else None
        if path is None:
            raise JournalError(f"There is no run {name[:80]!r} here: it was deleted, or is in another folder.")
        return path

    async def _found(self, path: Path, how: Callable[..., Start]) -> RefreshRun:
        """A run by its journal: as it was left, or resumed."""
        context = self._session.context
        start = await context.engine.in_worker(how, context, path)
        for company in start.companies:
            company.facts, company.stale = self._facts(company.company_id), True
        return RefreshRun(context, start, work=how != Start.left)

    async def _take_up(self, name: str, after: asyncio.Task[None] | None) -> None:
        try:
            path = await self._find(name)
            if after is not None:
                await asyncio.wait([after])
            while (run := await self._free(path)) is None:  # also while a page that was closed just now ends
                self._waits = f"{name} is in use by another page or process; it opens here once that is done."
                self.follow()
                await asyncio.sleep(AGAIN)
            self._watch(run) if after is not None else self.show(run)
        finally:
            if self._opening is asyncio.current_task():
                self._waits = self._state.asked_run = ""
                self._changed()

    async def _free(self, path: Path) -> RefreshRun | None:
        """The run of a journal: resumed where it was interrupted, else as it was left; ``None`` while it is in use."""
        kept = await self._session.context.engine.in_worker(kept_run, path)
        on = kept is not None and kept.state in (LEFT, ELSEWHERE) and not self._session.read_only
        try:
            return await self._found(path, Start.resumed if on else Start.left)
        except JournalInUseError:
            return None

    def show(self, run: RefreshRun) -> None:
        """Open a run in place of the list, and turn to it."""
        self.leave()
        view = PortfolioRunView(run, self._boundary, self._pick)
        self._state.run, self._opened.children = view, (view,)
        self._state.tab = self._state.asked_tab = "runs"
        self._changed()

    def leave(self) -> None:
        """The list again; the run goes on."""
        if self._opening is not None and self._opening is not asyncio.current_task():
            self._opening.cancel()
        if (view := self._state.run) is not None:
            self._state.run, self._opened.children = None, ()
            view.leave()
            close_all([view])
            self._changed()
            self.follow()
