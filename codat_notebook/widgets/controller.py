"""What happens behind the console: messages of its parts become actions of the session, changes become states.

All of it runs on the engine thread. An action that fails ends in ``session.errors`` and in a notice; a draw is cheap
and says everything anew, so that no part can be forgotten. What the console knows is in ``scene``.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codat_notebook import frames
from codat_notebook.client import events
from codat_notebook.models.errors import CodatLendingError
from codat_notebook.runs.cells import CompanyStatus, company_status
from codat_notebook.runs.records import ErrorRecord, Subject
from codat_notebook.runs.run import RefreshRun
from codat_notebook.session import name_query
from codat_notebook.widgets import pickers, scene
from codat_notebook.widgets.code import Code
from codat_notebook.widgets.data_types import DataTypePicker
from codat_notebook.widgets.header import Header
from codat_notebook.widgets.heatmap import Heatmap
from codat_notebook.widgets.notice import Notice, notice_item
from codat_notebook.widgets.part import Message
from codat_notebook.widgets.progress import Progress
from codat_notebook.widgets.refresh_bar import RefreshBar
from codat_notebook.widgets.run_view import RunView, number_of
from codat_notebook.widgets.table import FrameTable
from codat_notebook.widgets.tabs import Tabs
from codat_notebook.widgets.timeline import Timeline

if TYPE_CHECKING:
    from codat_notebook.session import Session

#: Seconds between two updates of the tables while something runs.
TABLES_EVERY = 0.5
#: Companies offered again before anything is typed.
RECENT = 5


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one console."""

    header: Header
    notice: Notice
    company: pickers.CompanyPicker
    connection: pickers.ConnectionPicker
    cards: pickers.ConnectionCards
    data_types: DataTypePicker
    bar: RefreshBar
    progress: Progress
    tabs: Tabs
    operations: FrameTable
    errors: FrameTable
    freshness: Heatmap
    timeline: Timeline
    requests: FrameTable
    code: Code


class Controller:
    """Acts for one console. ``start`` begins; everything else happens by messages and events."""

    def __init__(self, session: "Session", parts: Parts) -> None:
        self.session = session
        self.parts = parts
        self.scene = scene.Scene()
        self._view: RunView | None = None
        self._forget_runs: list[Callable[[], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._searching: asyncio.Task[None] | None = None
        self._picking: asyncio.Task[None] | None = None
        self._tables_due = False
        self._drawn_status: CompanyStatus | None = None

    def start(self) -> None:
        """Listen to the parts and to the session, and draw for the first time."""
        handlers: dict[Any, Callable[[Message], None]] = {
            self.parts.company: self._on_company,
            self.parts.connection: self._on_connection,
            self.parts.data_types: self._on_data_types,
            self.parts.bar: self._on_bar,
            self.parts.progress: self._on_progress,
            self.parts.notice: self._on_notice,
            self.parts.tabs: self._on_tabs,
        }
        for part, handler in handlers.items():
            part.on_message = handler
        post = self.session.desk.engine.post
        self.session.watch(lambda event: post(self._on_event, event))
        self.session.error_log.observe(lambda _: post(self._draw_errors))
        post(self._begin)

    def _begin(self) -> None:
        self._draw()
        self._draw_errors()
        self._searching = self._spawn("The companies could not be listed", self._search, "")

    # Messages of the parts.

    def _on_company(self, message: Message) -> None:
        if message.get("type") == "search":
            if self._searching is not None:
                self._searching.cancel()
            text = str(message.get("text") or "")
            self._searching = self._spawn("The companies could not be searched", self._search, text)
        elif message.get("type") == "pick":
            if self._picking is not None:
                self._picking.cancel()
            id, self.scene.pick_seq = str(message.get("id") or ""), number_of(message, "seq")
            self._picking = self._spawn("The company could not be read", self._pick, id)

    def _on_connection(self, message: Message) -> None:
        known = self.scene.status.facts.connections if self.scene.status else {}
        chosen = message.get("id")
        self.scene.connection_id = chosen if chosen in known else None
        self._draw()

    def _on_data_types(self, message: Message) -> None:
        if message.get("type") == "select":
            self.scene.selected = [str(key) for key in message.get("selected") or ()]
            self.scene.all_clicked = False
            self.parts.code.show(scene.code(self.scene, self.session))

    def _on_bar(self, message: Message) -> None:
        self.scene.bar_seq = number_of(message, "seq")
        # The message names the company that was on screen: a click on an older picture queues nothing.
        if self.scene.status is not None and message.get("company") == self.scene.status.facts.id:
            types = [str(key) for key in message.get("data_types") or ()]
            self.scene.all_clicked = message.get("type") == "refresh_all"
            if self.scene.all_clicked:
                self._watch(self.session.refresh_all(self.scene.status.facts.id))
            elif types:
                chosen = self.scene.connection_id
                self._watch(self.session.refresh(self.scene.status.facts.id, *types, connection_id=chosen))
        self._draw(at_once=True)

    def _on_progress(self, message: Message) -> None:
        if self._view is not None:
            self._view.act(message)

    def _on_notice(self, message: Message) -> None:
        self.scene.notice_seq = number_of(message, "seq")
        if message.get("type") == "dismiss":
            self.scene.notices = [item for item in self.scene.notices if item["key"] != message.get("key")]
        elif message.get("type") == "errors":
            self.scene.asked_tab = self.scene.tab = "errors"
            self.parts.tabs.show(scene.tabs(self.scene, self.session), at_once=True)
        self._draw()

    def _on_tabs(self, message: Message) -> None:
        self.scene.tab = str(message.get("name") or "")
        if self.scene.asked_tab != "operations":
            self.scene.asked_tab = self.scene.tab  # so that the errors can be asked for once more
        self._draw_later()

    # Actions.

    def _spawn(self, what: str, action: Callable[..., Awaitable[None]], *arguments: Any) -> asyncio.Task[None]:
        """Run an action as a kept task whose failure is told, as ``what``: in the error log and in a notice."""
        task = asyncio.get_running_loop().create_task(self._guarded(what, action, *arguments))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guarded(self, what: str, action: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        try:
            await action(*arguments)
        except Exception as error:  # noqa: BLE001 - whatever it is, the reader is told; nobody else would
            subject = Subject(company_id=self.scene.company["id"]) if self.scene.company else None
            self._tell(self.session.desk.report(error, what, subject))

    def _tell(self, record: ErrorRecord) -> None:
        """Show an error as a notice; one that says the same replaces the older one."""
        item = notice_item(
            f"{record.what}@{record.time.isoformat()}",
            record.what,
            why=record.why,
            to_do=record.action,
            when=record.time.isoformat(),
            details=[record.status] if record.status and record.status.isdigit() else [],
            correlation_id=record.correlation_id,
            link_url=record.link_url,
        )
        self.scene.notices = [item, *(old for old in self.scene.notices if old["what"] != record.what)]
        self._draw()

    async def _search(self, text: str) -> None:
        self.scene.search = {**pickers.search_results(text, []), "status": "searching"}
        self._draw()
        request = {"query": name_query(text), "order_by": "name", "page_size": pickers.MOST}
        try:
            page = await self.session.client.companies.list_async(request=request)
        except CodatLendingError:
            self.scene.search = {**pickers.search_results(text, []), "status": "error", "error": "No answer"}
            self._draw()
            raise
        found = [
            {"id": c.id, "name": c.name, "note": ", ".join(k.platform_name for k in c.data_connections or ())}
            for c in page.results
        ]
        self.scene.search = pickers.search_results(text, found, max(page.total_results, len(found)))
        self._draw()

    async def _pick(self, company_id: str) -> None:
        now = self.scene
        now.problem = pickers.id_problem(company_id)
        if now.problem:
            self._draw()
            return
        self._unwatch()
        now.company, now.status, now.loading = {"id": company_id, "name": self._name(company_id)}, None, True
        now.connection_id, now.selected, now.first_link, now.all_clicked = None, [], None, False
        self._draw()
        try:
            now.status = await company_status(self.session.desk, company_id)
        except CodatLendingError as error:
            now.company = None
            now.problem = "Codat knows no company of this id." if error.status_code == 404 else error.message
            raise
        finally:
            if self._picking is asyncio.current_task():  # a later choice has its own loading to end
                now.loading = False
                self._draw()
        now.company = {"id": now.status.facts.id, "name": now.status.facts.name}
        self._remember(now.company)
        open_runs = [run for run in self.session.runs if run.company_id == company_id and not run.done]
        for run in open_runs:
            self._watch(run)
        self._draw()
        now.first_link = await self.session.desk.first_link(company_id)
        self._draw()

    def _name(self, company_id: str) -> str:
        offered = [*(self.scene.search or {}).get("results", ()), *self.scene.recent]
        return next((row["name"] for row in offered if row["id"] == company_id), company_id)

    def _remember(self, company: dict[str, str]) -> None:
        others = [row for row in self.scene.recent if row["id"] != company["id"]]
        self.scene.recent = [dict(company), *others][:RECENT]

    # Runs.

    def _watch(self, run: RefreshRun) -> None:
        """Put a run on screen, beside those that have not ended yet."""
        runs = [*(old for old in self.scene.runs if not old.done and old is not run), run]
        self._unwatch()
        self.scene.runs = runs
        self._view = RunView(runs, self.parts.progress)
        self._forget_runs = [each.observe(self._run_changed) for each in runs]
        self._run_changed()

    def _unwatch(self) -> None:
        for forget in self._forget_runs:
            forget()
        if self._view is not None:
            self._view.detach()
        self.scene.runs, self._view, self._forget_runs = [], None, []

    def _run_changed(self) -> None:
        self._draw()
        company = self.scene.company
        if company and self.scene.runs and all(run.done for run in self.scene.runs):
            self._spawn("The data status could not be read again", self._renew, company["id"])

    async def _renew(self, company_id: str) -> None:
        """Read the ages again after a refresh."""
        status = await company_status(self.session.desk, company_id)
        if self.scene.status is not None and self.scene.status.facts.id == company_id:
            self.scene.status = status
            self._draw()

    # Drawing.

    def _on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Waiting):
            self.scene.activity = (waiting_text(event.reason), event.seconds)
        elif isinstance(event, events.Attempt):
            self.scene.activity = None
            if self.scene.tab == "requests":
                self._draw_later()
        self.parts.header.show(scene.header(self.scene, self.session))

    def _draw(self, at_once: bool = False) -> None:
        now, session, parts = self.scene, self.session, self.parts
        connection, cards = scene.connections(now, session.desk.now)
        parts.header.show(scene.header(now, session))
        parts.company.show(scene.company(now))
        parts.connection.show(connection)
        parts.cards.show(cards)
        parts.data_types.show(scene.data_types(now, session))
        parts.bar.show(scene.bar(now, session), at_once=at_once)
        parts.notice.show(scene.notice(now))
        parts.code.show(scene.code(now, session))
        if self._view is None:
            parts.progress.show(scene.progress(now, session))
        self._draw_later()

    def _draw_later(self) -> None:
        if not self._tables_due:
            self._tables_due = True
            self.session.desk.engine.loop.call_later(TABLES_EVERY, self._draw_tables)

    def _draw_tables(self) -> None:
        """The operations always; the other tabs when they are looked at, and all of them when a company was read."""
        self._tables_due = False
        status = self.scene.status
        operations, now = self.scene.operations(), self.session.desk.now
        if status is None:
            self.parts.operations.update(None)
        else:
            self._spawn("The operations could not be shown", self._frame, operations, status.facts.platforms, now)
        anew, self._drawn_status = status is not self._drawn_status, status
        for name in ("freshness", "timeline", "requests"):
            if anew or name == self.scene.tab:
                self._spawn(f"The tab {name} could not be drawn", self._draw_tab, name)

    async def _draw_tab(self, name: str) -> None:
        if name == "requests":
            self.parts.requests.update(await self.session.desk.engine.in_worker(lambda: self.session.requests))
        else:
            getattr(self.parts, name).show(getattr(scene, name)(self.scene, self.session))

    async def _frame(self, operations: list[Any], platforms: dict[str, str], now: Any) -> None:
        frame = await self.session.desk.engine.in_worker(frames.pull_operations, operations, platforms, now)
        self.parts.operations.update(frame)

    def _draw_errors(self) -> None:
        self.parts.errors.update(self.session.errors)
        self.parts.tabs.show(scene.tabs(self.scene, self.session))


def waiting_text(reason: str) -> str:
    """Why the client waits, for people; ``reason`` is the client's own word.

    >>> waiting_text("429, too many requests"), waiting_text("status 503"), waiting_text("ConnectError: refused")
    ('Codat asks to wait', 'Codat has an error of its own', 'No answer from Codat')
    """
    if reason.startswith("429"):
        return "Codat asks to wait"
    return "Codat has an error of its own" if reason.startswith("status 5") else "No answer from Codat"
