"""What the reader chooses: a company out of a search, one of its connections, data types.

A search or a choice that is overtaken by the next one is cancelled, so that its answer never stands for the later one.
"""

import asyncio
import weakref
from typing import TYPE_CHECKING

from codat_notebook.models.errors import CodatLendingError
from codat_notebook.runs.cells import company_status
from codat_notebook.runs.finding import name_query
from codat_notebook.widgets import pickers
from codat_notebook.widgets.console_state import ConsoleState
from codat_notebook.widgets.error_boundary import ErrorBoundary
from codat_notebook.widgets.part import Message
from codat_notebook.widgets.refreshing import Refreshing
from codat_notebook.widgets.renderer import Renderer
from codat_notebook.widgets.run_view import number_of

if TYPE_CHECKING:
    from codat_notebook.session import Session

#: Companies offered again before anything is typed.
RECENT = 5
#: Session -> the companies used last, so that a console that is made anew offers them, too.
_used: "weakref.WeakKeyDictionary[Session, list[Message]]" = weakref.WeakKeyDictionary()


class Choosing:
    """The choices of one console, on the engine thread."""

    def __init__(
        self, session: "Session", scene: ConsoleState, guard: ErrorBoundary, drawing: Renderer, refreshing: Refreshing
    ) -> None:
        self._session, self._scene, self._guard, self._drawing = session, scene, guard, drawing
        self._refreshing = refreshing
        scene.recent = _used.get(session, [])
        self._searching: asyncio.Task[None] | None = None
        self._picking: asyncio.Task[None] | None = None

    def list_companies(self) -> None:
        """Ask for the first companies, to be offered before anything is typed."""
        self._searching = self._guard.spawn("The companies could not be listed", self._search, "")

    def on_company(self, message: Message) -> None:
        """A text to search for, or a picked company."""
        if message.get("type") == "search":
            if self._searching is not None:
                self._searching.cancel()
            text = str(message.get("text") or "")
            self._searching = self._guard.spawn("The companies could not be searched", self._search, text)
        elif message.get("type") == "pick":
            if self._picking is not None:
                self._picking.cancel()
            id, self._scene.pick_seq = str(message.get("id") or ""), number_of(message, "seq")
            self._picking = self._guard.spawn("The company could not be read", self._pick, id)

    def on_connection(self, message: Message) -> None:
        """One connection, or all of them."""
        known = self._scene.status.facts.connections if self._scene.status else {}
        chosen = message.get("id")
        self._scene.connection_id = chosen if chosen in known else None
        self._drawing.all()

    def on_data_types(self, message: Message) -> None:
        """The ticked data types."""
        if message.get("type") == "select":
            self._scene.selected = [str(key) for key in message.get("selected") or ()]
            self._scene.all_clicked = False
            self._drawing.code()

    async def _search(self, text: str) -> None:
        self._scene.search = {**pickers.search_results(text, []), "status": "searching"}
        self._drawing.company()
        request = {"query": name_query(text), "order_by": "name", "page_size": pickers.MOST}
        try:
            page = await self._session.client.companies.list_async(request=request)
        except CodatLendingError:
            self._scene.search = {**pickers.search_results(text, []), "status": "error", "error": "No answer"}
            self._drawing.company(at_once=True)
            raise
        found = [
            {"id": c.id, "name": c.name, "note": ", ".join(k.platform_name for k in c.data_connections or ())}
            for c in page.results
        ]
        self._scene.search = pickers.search_results(text, found, max(page.total_results, len(found)))
        self._drawing.company(at_once=True)

    async def _pick(self, company_id: str) -> None:
        now = self._scene
        now.problem = pickers.id_problem(company_id)
        if now.problem:
            self._drawing.all()
            return
        self._refreshing.unwatch()
        now.company, now.status, now.loading = {"id": company_id, "name": self._name(company_id)}, None, True
        now.connection_id, now.selected, now.first_link, now.all_clicked = None, [], None, False
        self._drawing.all()
        try:
            now.status = await company_status(self._session.context, company_id)
        except CodatLendingError as error:
            now.company = None
            now.problem = "Codat knows no company of this id." if error.status_code == 404 else error.message
            raise
        finally:
            if self._picking is asyncio.current_task():  # a later choice has its own loading to end
                now.loading = False
                self._drawing.all()
        now.company = {"id": now.status.facts.id, "name": now.status.facts.name}
        self._remember(now.company)
        for run in self._session.runs:
            if run.company_id == company_id and not run.done:
                self._refreshing.watch(run)
        self._drawing.all()
        now.first_link = await self._session.context.first_link(company_id)
        self._drawing.all()

    def _name(self, company_id: str) -> str:
        offered = [*(self._scene.search or {}).get("results", ()), *self._scene.recent]
        return next((row["name"] for row in offered if row["id"] == company_id), company_id)

    def _remember(self, company: dict[str, str]) -> None:
        others = [row for row in self._scene.recent if row["id"] != company["id"]]
        self._scene.recent = _used[self._session] = [dict(company), *others][:RECENT]
