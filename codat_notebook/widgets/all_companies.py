"""All companies of an account, while none is picked: what each needs, and what looking at them costs.

The first few are shown at once and all as soon as they are listed, which takes a request for 5,000 of them. Nothing
more is asked until somebody clicks on a button that says how many requests it takes; left open, the view asks nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from codat_notebook import report
from codat_notebook.models.errors import CodatLendingError
from codat_notebook.planning import needs
from codat_notebook.planning.health import PortfolioStatus
from codat_notebook.planning.selection import Selection
from codat_notebook.planning.snapshots import CompanySnapshot, after, look_at, read_facts, seen
from codat_notebook.planning.verdict import BADGES, FRESH
from codat_notebook.runs.context import CompanyFacts
from codat_notebook.runs.engine import Throttle, pace
from codat_notebook.runs.polling import LARGEST_PAGE
from codat_notebook.runs.run import RefreshRun
from codat_notebook.runs.watching import CompanyWatch
from codat_notebook.session import Session
from codat_notebook.tables.column import Column, Row
from codat_notebook.tables.exports import Made
from codat_notebook.tables.sheet import Filter
from codat_notebook.widgets import pickers
from codat_notebook.widgets.charts import HeatmapState, OpenCompany, portfolio_state
from codat_notebook.widgets.console_state import ConsoleState
from codat_notebook.widgets.notice import ErrorBoundary
from codat_notebook.widgets.progress import ShowRows
from codat_notebook.widgets.table import FilterText, FrameTable, MoreState
from codat_notebook.words import count, iso, number

_TONES = {
    needs.CUSTOMER: "bad", needs.REFRESH: "warn", needs.RUNNING: "run", needs.FINE: "ok", needs.UNSEEN: "idle",
}  # fmt: skip
_READY = {word.lower(): tone for word, tone in BADGES.values()} | {FRESH[0].lower(): FRESH[1]}
_HIDDEN = Column(hidden=True)
COMPANY_COLUMNS = {
    "company": Column(), "state": Column("needs", "status", tone=lambda row: _TONES.get(row["state"])),
    "action": Column("what to do first"), "link_url": Column("link", "link"),
    "ready": Column("ready?", "status", tone=lambda row: _READY.get(row["ready"]), facet=True),
    "oldest_type": Column("oldest data", "data_type"),
    "age": Column("age", since="oldest"), "fresh": Column("within goal", "percent"), "connections": Column(),
    "failure": Column("last failure"), "last_sync": Column("last sync", facet=True), "late": _HIDDEN,
    "running": _HIDDEN, "oldest": _HIDDEN, "failed": Column("failed", hidden=True, facet=True),
    "platforms": Column(hidden=True, facet=True), "tags": Column(hidden=True, facet=True), "seen": _HIDDEN,
    "company_id": _HIDDEN,
}  # fmt: skip
COMPANY_FILTERS: dict[str, Filter] = {
    "Need a customer": ("state", needs.CUSTOMER), "Need a refresh": ("state", needs.REFRESH),
    "Running": ("state", needs.RUNNING), "Fine": ("state", needs.FINE), "Not looked at": ("state", needs.UNSEEN),
    "Failed": lambda frame: frame["failure"].notna(), "Ready": ("ready", "ready"),
}  # fmt: skip
#: How long what was seen of a company is good for a plan.
GOOD_FOR = timedelta(minutes=15)
#: Requests that a report takes for each company, and one for each ``ValidationError``.
PER_REPORT = 3
#: Seconds between two updates of the table while companies are looked at, at the least.
EVERY = 0.5
_UNREAD, UNREPORTED = "The companies could not be listed", "The report could not be made"
READING = "Reading the companies…"
UNSEEN_ALL = "No matching company has been looked at yet: click “Look at” on the first tab."


def offer(
    matching: int, unseen: int, listed: int, meant: int = 0, aged: int = 0, ticked: bool = False
) -> list[list[str]]:
    """What can be asked for, and what it takes: to look at the companies that match and nobody has looked at, or at all
    that match; to plan a refresh of those that are ``meant``, of which ``aged`` are looked at first, or a report on
    them; or to read the list of companies again.

    >>> offer(400, 335, 5000)[0]
    ['look 335', 'Look at 335 companies (about 336 requests)']
    >>> offer(400, 335, 5000, 18, 5, True)[1]
    ['plan 18', 'Plan a refresh of 18 selected companies (about 6 requests)…']
    """
    pages = max(1, -(-listed // LARGEST_PAGE))
    many = unseen or matching
    look = f"Look {'' if unseen else 'again '}at {count(many, 'company')} (about {number(many + pages)} requests)"
    price = f"about {number(aged + pages)} requests" if aged else "no request"
    them = count(meant, "selected company" if ticked else "company")
    plan = f"Plan a refresh of {them} ({price})…"
    report = f"Report on {them} (about {number(PER_REPORT * meant)} requests)…"
    offers = [[f"look {many}", look]] if many else []
    offers += [[f"plan {meant}", plan], ["report", report]] if meant else []
    return [*offers, ["list", f"Read the list again ({count(pages, 'request')})"]]


class AllCompanies:
    """Fills the table of companies of one console. All methods are for the engine thread.

    ``pick`` is called with the id of a company that was clicked, ``draw`` with the name of a part to draw.
    """

    def __init__(
        self, session: Session, state: ConsoleState, boundary: ErrorBoundary, table: FrameTable,
        pick: Callable[[str], object], draw: Callable[[str], object],
    ) -> None:  # fmt: skip
        self._session = session
        self._state = state
        self._boundary = boundary
        self._table = table
        self._pick = pick
        self._draw_part = draw
        self._first = self._typed = 0
        self._known: dict[str, CompanySnapshot] = {}
        self._total = 0
        self._reading: list[CompanySnapshot] = []
        self._read = 0
        self._offered: list[str] = []
        self._meant: list[str] = []
        #: What plans a refresh of companies, and what is told while companies are looked at for it.
        self.on_plan: Callable[[list[str]], Awaitable[None]] | None = None
        self.on_progress: Callable[[str], object] = lambda text: None
        self._task: asyncio.Task[None] | None = None
        self._failed = self._undrawn = False
        self._draws = 0
        self._judged = session.context.now
        self._heard: set[str] = set()
        self._forget: dict[str, Callable[[], None]] = {}
        loop = session.context.engine.loop
        self._soon = Throttle(loop, partial(self._draw_soon, self._draw), every=EVERY)
        self._around = Throttle(loop, partial(self._draw_soon, self._draw_around), every=EVERY)

    def start(self) -> None:
        """Listen to the table, and list the companies."""
        self._table.what = "companies"
        self._table.on_row, self._table.on_more = self._on_row, self._on_more
        self._table.on_report = partial(self._boundary.deliver, UNREPORTED, self._table, self._report)
        self._table.on_view = self._table.on_tick = self._on_view
        self._table.update(None)
        self._table.tell_empty(READING)
        self._table.tell_more(None)
        self._begin(self._list)

    def stop(self) -> None:
        """Listen no more; what is under way is cancelled with the boundary."""
        self._table.on_row = self._table.on_more = self._table.on_view = self._table.on_tick = None
        self._table.on_report = None
        for forget in self._forget.values():
            forget()
        self._soon.stop()
        self._around.stop()

    def facts(self, company_id: str) -> CompanyFacts | None:
        """What the list told of a company."""
        known = self._known.get(company_id)
        return known.facts if known is not None else None

    def saw(self, watch: CompanyWatch | None) -> None:
        """Take in what the console knows of the company that is on screen, before it goes."""
        if watch is not None and (status := watch.status) is not None:
            snapshot = seen(status.facts, status.cells, status.operations, at=watch.checked)
            self._known[snapshot.id] = snapshot
            self._undrawn = True

    def follow(self) -> None:
        """Hear of the session's runs, and draw what was left undrawn while something else was on screen."""
        for run in self._session.runs:
            if run.id not in self._heard:
                self._heard.add(run.id)
                self._undrawn = True
                if not run.done:
                    self._forget[run.id] = run.observe(partial(self._changed, run))
        if self._state.company is None and self._undrawn and self._state.tab in ("companies", "freshness"):
            self._soon.ring()
        elif self._state.company is None and self._state.tab == "freshness":
            self._around.ring()

    def _changed(self, run: RefreshRun) -> None:
        if run.done:
            self._forget.pop(run.id)()
        self._undrawn = True
        self.follow()

    # What the reader does.

    def _on_view(self, *_: Any) -> None:
        """Other rows of the same frame; it is made anew if something can have changed since."""
        self._around.ring()
        if self._session.runs or self._session.context.now - self._judged > GOOD_FOR:
            self._soon.ring()

    def _on_row(self, row: Row | None) -> None:
        if row is not None:
            self._table.select(None)  # so that the same one can be opened again
            self._pick(str(row["company_id"]))

    def on_heatmap(self, message: ShowRows | OpenCompany | FilterText) -> None:
        """Other rows, or one of them. Its filter is that of the table."""
        if isinstance(message, FilterText):
            self._typed = message.seq
            self._table.search(message.text)
        elif isinstance(message, ShowRows):
            self._first = message.first
            self._around.ring_now()
        elif message.key in self._known:
            self._pick(message.key)

    def _on_more(self, name: str) -> None:
        if name == "stop" and self._task is not None:
            self._task.cancel()
        elif name == "list":
            self._begin(self._list)
        elif name == f"look {len(self._offered)}":  # a click on an older price buys nothing
            self._begin(self._look, self._offered)
        elif name == f"plan {len(self._meant)}" and self.on_plan is not None:
            self._begin(self.on_plan, self._meant)

    def _report(self) -> Made:
        return report.pieces(self._session.context, self._meant)

    def _begin(self, action: Callable[..., Any], *arguments: Any) -> None:
        """One thing at a time."""
        if self._task is None or self._task.done():
            self._task = self._boundary.spawn(_UNREAD, self._guarded, action, *arguments)

    async def _guarded(self, action: Callable[..., Any], *arguments: Any) -> None:
        self._failed = True  # until it has worked
        try:
            await action(*arguments)
            self._failed = False
        except asyncio.CancelledError:
            self._failed = False
            raise
        finally:
            self._take(self._reading)
            self._reading = []
            self._task = None
            self._soon.ring_now()

    async def _list(self) -> None:
        """The first companies, which the field offers, too; then all."""
        if not self._known:
            try:
                page = await self._session.client.companies.list_async(
                    request={"order_by": "name", "page_size": pickers.MOST}
                )
            except CodatLendingError:
                self._offer(pickers.no_answer(""))
                raise
            self._total = max(page.total_results, len(page.results))
            self._offer(pickers.search_results("", pickers.named(page.results), self._total))
            facts = [await self._session.context.facts(each) for each in page.results]
            self._take([CompanySnapshot(each.id, each.name, each) for each in facts])
            self._soon.ring()
            if page.links.next is None:
                return
        self._listed(await read_facts(self._session.context, Selection()))

    def _offer(self, first: pickers.SearchState) -> None:
        """The field offers the same, until something is typed there."""
        if self._state.search is None:
            self._state.search = first
            self._draw_part("company")

    def _listed(self, snapshots: list[CompanySnapshot]) -> None:
        """All companies there are; what is known of their data stays."""
        before, self._known, self._total = self._known, {}, len(snapshots)
        self._take([replace(before.get(each.id, each), facts=each.facts, name=each.name) for each in snapshots])

    async def look(self, ids: list[str]) -> None:
        """Look at those of these companies of which too little is known to plan a refresh; none may need it."""
        before, mine = self._task, asyncio.current_task()
        while before is not None and before is not mine:
            await asyncio.wait([before])
            before = self._task
        if aged := self._aged(ids):
            self._task = mine
            try:
                await self._look(aged)
            finally:
                self._take(self._reading)
                self._reading, self._task = [], before
                self._soon.ring()

    def _aged(self, ids: Iterable[str]) -> list[str]:
        """Those that were not looked at, or too long ago, or not since this session refreshed something of them."""
        seen, since = (
            {id: self._known[id].seen for id in ids if id in self._known},
            self._session.context.now - GOOD_FOR,
        )
        for run in self._session.runs:
            for id in run.company_ids:
                if (time := seen.get(id)) is not None and (run.checked is None or run.checked >= time):
                    seen[id] = None
        able = {id for id in seen if self._known[id].connections}
        return [id for id, time in seen.items() if id in able and (time is None or time < since)]

    async def _look(self, ids: list[str]) -> None:
        self._listed(await read_facts(self._session.context, Selection()))
        self._reading, self._read = [self._known[id] for id in ids if id in self._known], 0
        post = self._session.context.engine.post
        await look_at(self._session.context, self._reading, progress=lambda done, _: post(self._looked, done))

    def _looked(self, done: int) -> None:
        self._read = done
        self.on_progress(self._looking())
        self._around.ring()
        self._soon.ring()

    def _looking(self) -> str:
        return f"Looking at companies: {number(self._read)} of {number(len(self._reading))}…"

    def _take(self, snapshots: list[CompanySnapshot]) -> None:
        self._known |= {each.id: each for each in snapshots}

    # What is drawn.

    def _draw_soon(self, draw: Callable[[], Any]) -> None:
        self._undrawn = self._state.company is not None  # nobody looks
        if self._undrawn:
            return
        self._boundary.spawn("The companies could not be shown", draw)

    async def _draw(self) -> None:
        """The rows, which takes a while for thousands of them."""
        engine, self._draws = self._session.context.engine, self._draws + 1
        mine, begun, now = self._draws, engine.loop.time(), self._session.context.now
        status = PortfolioStatus(self.known(), Selection(), now, question=self._state.wanted.asked())
        frame = await engine.in_worker(lambda: status.companies)
        self._soon.every = pace(engine.loop.time() - begun, EVERY)
        if mine != self._draws:
            return  # a newer one is under way
        self._judged = now
        self._table.update(frame)
        await self._draw_around()

    async def _draw_around(self) -> None:
        """What is said of the rows that match, and their heatmap."""
        engine, task = self._session.context.engine, self._task
        if self._table.frame is None:
            return  # there are none yet
        shown = await engine.in_worker(lambda: self._table.visible)
        await self._table.drawn()  # the rows first, and at once
        if task is not self._task:
            return  # what has begun or ended meanwhile draws the rows anew
        unseen = shown.loc[shown["seen"].isna() & shown["connections"].ne(""), "company_id"]
        self._offered = (unseen if len(unseen) else shown["company_id"]).tolist()
        ticked = self._table.ticked & self._known.keys()
        self._meant = [id for id in self._known if id in ticked] or shown["company_id"].tolist()
        if self._table.frame.empty and task is None:  # else rows are on their way
            self._table.tell_empty("This account has no companies yet." if not self._failed else _UNREAD)
        self._table.tell_more(self._told(len(shown), len(unseen), bool(ticked)))
        if self._state.tab == "freshness":
            ids = shown.loc[shown["seen"].notna(), "company_id"].tolist()
            self._state.portfolio = await engine.in_worker(self._heatmap, ids)
            self._draw_part("freshness")

    def _heatmap(self, ids: list[str]) -> HeatmapState:
        """How fresh those are that match and were looked at."""
        status = PortfolioStatus(self.known(ids), Selection(), self._session.context.now)
        text = self._table.view.text
        return portfolio_state(status, self._first, empty=UNSEEN_ALL, opens=True, search=text, seq=self._typed)

    def known(self, ids: Iterable[str] | None = None) -> list[CompanySnapshot]:
        """What is known of these companies, or of all; what this session refreshes now, and what came of it."""
        for run in self._session.runs:
            for id in run.company_ids:
                if (before := self._known.get(id)) is not None:
                    ended = (row.operation for row in run.rows_of(id) if row.operation is not None and not row.open)
                    self._known[id] = after(before, ended, self._session.context.now)
        known = self._known | {each.id: each for each in self._reading}
        known = known if ids is None else {id: known[id] for id in ids if id in known}
        for run in self._session.runs:
            for row in run.rows if not run.done else ():
                if row.open and (each := known.get(row.company_id)) is not None:
                    cell = (row.connection_id or "", row.data_type)
                    known[each.id] = replace(each, running=each.running | {cell})
        return list(known.values())

    def _told(self, matching: int, unseen: int, ticked: bool) -> MoreState:
        """The line below the rows."""
        busy = self._task is not None
        if busy and self._reading:
            text = self._looking()
        elif busy:
            text = f"{number(len(self._known))} of {count(self._total, 'company')} listed…" if self._total else READING
        else:
            text = f"{_UNREAD}. These are from an earlier list." if self._failed else self._oldest_look()
        plan = (len(self._meant), len(self._aged(self._meant)), ticked)
        actions = [["stop", "Stop"]] if busy else offer(matching, unseen, self._total, *plan)
        return {"text": text, "busy": busy, "failed": self._failed and not busy, "actions": actions}

    def _oldest_look(self) -> str:
        times = [each.seen for each in self._known.values() if each.seen is not None]
        since = f" The oldest look was at {iso(min(times).isoformat())}." if times else ""
        wanted = self._state.wanted.asked()
        ready = f" Ready for {wanted.name}, {wanted.period or 'with no period chosen'}?" if times else ""
        return f"{number(len(times))} of {count(len(self._known), 'company')} looked at.{since}{ready}"
