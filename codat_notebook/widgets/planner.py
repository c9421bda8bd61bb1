"""What becomes of the companies that a reader has selected: a plan, which can be run."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pandas as pd

from codat_notebook.planning.plan import plan_rows
from codat_notebook.planning.plan_view import PlanFrame, plan_frame
from codat_notebook.planning.selection import select
from codat_notebook.runs.run import RefreshRun
from codat_notebook.session import Session
from codat_notebook.tables import exports
from codat_notebook.tables.column import Row
from codat_notebook.widgets.all_companies import AllCompanies
from codat_notebook.widgets.console_state import ConsoleState, keep_open
from codat_notebook.widgets.notice import ErrorBoundary
from codat_notebook.widgets.plan_panel import (
    SCOPES,
    USUAL,
    Fold,
    LeavePlan,
    PlanPanel,
    RunShown,
    Scope,
    can_be_ticked,
    digest,
    no_plan,
    offered_types,
    plan_state,
    table_rows,
)
from codat_notebook.widgets.table import ExportAs, FacetValues, FrameTable, StopExport
from codat_notebook.words import count

_UNSTARTED = "The refresh could not be started"


class Plans:
    """The plan of one console. All methods are for the engine thread.

    ``turn`` is called with the name of the tab to show, ``pick`` with the id of a company that was clicked, ``show``
    with a run that came of a plan.
    """

    def __init__(
        self, session: Session, state: ConsoleState, boundary: ErrorBoundary, companies: AllCompanies, part: PlanPanel,
        rows: FrameTable, turn: Callable[[str], object], pick: Callable[[str], object],
        show: Callable[[RefreshRun], object],
    ) -> None:  # fmt: skip
        self._session = session
        self._state = state
        self._boundary = boundary
        self._companies = companies
        self._part = part
        self._rows = rows
        self._turn = turn
        self._pick = pick
        self._show = show
        self._ids: list[str] = []
        self._types: tuple[str, ...] = ()
        self._scope = USUAL
        self._without: set[tuple[str, str, str]] = set()
        self._folded = True
        self._changed = False
        self._busy = ""
        self._shown: pd.DataFrame | None = None
        self._plan: PlanFrame | None = None
        self._seq = self._draws = 0

    def start(self) -> None:
        """Listen to the tables."""
        self._rows.what = "refresh plan"
        self._rows.on_row = self._on_row
        self._rows.on_tick = self._on_tick
        self._companies.on_plan = self.open
        self._companies.on_progress = self._tell
        self._close()

    def stop(self) -> None:
        """Listen no more. The run goes on."""
        self._rows.on_row = self._rows.on_tick = None
        self._companies.on_plan = None

    async def open(self, ids: list[str]) -> None:
        """Plan a refresh of these companies; those are read of which too little is known."""
        self._close()
        self._turn("plan")
        self._tell(f"Looking at {count(len(ids), 'company')}…")
        try:
            await self._companies.look(ids)
            self._ids = ids
        finally:
            self._tell()  # where it was stopped, or failed
        await self._draw()

    def on_message(self, message: FacetValues | Scope | Fold | RunShown | LeavePlan | ExportAs | StopExport) -> None:
        """What the reader does in the panel."""
        if isinstance(message, ExportAs | StopExport):
            if self._plan is not None:
                made = partial(exports.pieces, self._plan, "csv", exports.safe_name("refresh plan"))
                self._boundary.deliver("The plan could not be saved", self._part, made, message)
            return
        self._seq = max(message.seq, self._seq)
        match message:
            case FacetValues(values=types):
                self._types = types
            case Scope(scope=scope) if scope in SCOPES:
                self._scope = scope
            case Fold(folded=folded):
                self._folded = folded
            case LeavePlan():
                self._close()
                self._turn("companies")
            case RunShown(digest=shown) if not (self._busy or self._session.read_only):
                self._busy = "Checking whether this still holds…"
                self._boundary.spawn(_UNSTARTED, self._start, shown)
        self._redraw()

    def _close(self) -> None:
        """No plan."""
        self._ids = []
        self._plan = self._shown = None
        self._without = set()
        self._folded = True
        self._changed = False
        self._rows.update(None)
        self._tell()

    def _tell(self, text: str = "") -> None:
        """What stands in place of a plan, while there is none."""
        if not self._ids:
            self._part.show(no_plan(text, self._seq) if text else no_plan(seq=self._seq), at_once=True)

    # The rows.

    def _on_row(self, row: Row | None) -> None:
        if row is not None:
            self._rows.select(None)
            self._pick(str(row["company_id"]))

    def _on_tick(self) -> None:
        if self._shown is not None:
            for cell in self._shown.loc[can_be_ticked(self._shown), "cell"]:
                company, connection, name = cell.split(" ", 2)
                (self._without.discard if cell in self._rows.ticked else self._without.add)((company, connection, name))
        self._redraw()

    # The plan.

    def _planned(self) -> PlanFrame:
        """The plan, of what is known now."""
        older = None if self._scope in ("", "failed") else self._scope
        wanted = select(self._ids, self._types or None, older_than=older, failed=self._scope == "failed")
        known = self._companies.known(self._ids)
        return plan_frame(plan_rows(known, replace(wanted, without=frozenset(self._without))), self._session.quota)

    def _redraw(self) -> None:
        self._boundary.spawn("The plan could not be shown", self._draw)

    async def _draw(self) -> None:
        self._draws += 1
        mine, in_worker = self._draws, self._session.context.engine.in_worker
        if not self._ids:
            return
        plan = await in_worker(self._planned)
        offered = offered_types(self._companies.known(self._ids))
        state = await in_worker(lambda: plan_state(
            plan, offered, self._types, self._scope, live=not self._session.is_sandbox,
            read_only=self._session.read_only, folded=self._folded, changed=self._changed, busy=self._busy,
            keep=keep_open(self._state) or "", seq=self._seq,
        ))  # fmt: skip
        rows = await in_worker(table_rows, plan, self._folded)
        if mine != self._draws:
            return  # a newer one is under way
        self._plan, self._shown = plan, rows
        self._part.show(state, at_once=True)
        self._rows.update(rows)
        self._rows.ticked = rows.loc[rows["action"] == "queue", "cell"]

    async def _start(self, shown: str) -> None:
        """Run the plan if it is still the one that was ``shown``; else show what it is now."""
        now, folder = self._session.context.now, self._state.folder
        try:
            await self._companies.look(self._ids)
            plan = await self._session.context.engine.in_worker(self._planned)
            self._changed = digest(plan) != shown
            if not self._changed and (plan["action"] == "queue").any():
                run = await self._session.refresh_async(plan, journal=folder.new(now) if folder is not None else None)
                self._close()
                if self._state.company is None:  # else the reader went on to a company; it is among the runs
                    self._show(run)
        finally:
            self._busy = ""
            self._redraw()
