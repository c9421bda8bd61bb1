"""What a reader does in the console: choose a company, a connection and data types, and refresh them.

A search or a choice that is overtaken by the next one is cancelled, so that its answer never stands for the later one.
Refreshes are followed on screen until they end; the ages are read again then.
"""

import asyncio
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress

from codat_notebook.models.errors import CodatLendingError
from codat_notebook.models.products import caution, refreshable
from codat_notebook.models.vocabulary import ID, custom_identifier
from codat_notebook.planning.sync_settings import merged
from codat_notebook.runs.cells import CompanyStatus
from codat_notebook.runs.context import find_companies, name_query
from codat_notebook.runs.journal import Start
from codat_notebook.runs.run import RefreshRun
from codat_notebook.runs.targets import Target, Targets
from codat_notebook.runs.watching import CompanyWatch
from codat_notebook.session import Session
from codat_notebook.widgets import pickers
from codat_notebook.widgets.console_state import ConsoleState
from codat_notebook.widgets.data_types import ChooseProduct, RefreshAll, RefreshSelected, Select
from codat_notebook.widgets.looking import Looking
from codat_notebook.widgets.notice import ErrorBoundary
from codat_notebook.widgets.progress import (
    OpenRow,
    Progress,
    Retry,
    RetryLater,
    RunView,
    ShowRows,
    StopWatching,
    WatchAgain,
)
from codat_notebook.widgets.ready_panel import AskReady, RunPlan, Wanted, chosen
from codat_notebook.widgets.renderer import Renderer

#: Companies offered again before anything is typed.
RECENT = 5
#: Seconds for which a company's facts, once read, stand for those that a refresh asks for.
FACTS_LAST = 60.0
_UNREAD = "The company could not be read"
#: Session -> the companies used last, so that a console that is made anew offers them, too.
_used: weakref.WeakKeyDictionary[Session, list[pickers.CompanyName]] = weakref.WeakKeyDictionary()


class Actions:
    """What the reader of one console chooses, and the runs on its screen. All of it is on the engine thread."""

    def __init__(
        self, session: Session, state: ConsoleState, boundary: ErrorBoundary, renderer: Renderer, part: Progress,
        looking: Looking,
    ) -> None:  # fmt: skip
        self._session = session
        self._state = state
        self._boundary = boundary
        self._renderer = renderer
        self._looking = looking
        self._view = RunView(part, changed=self.draw, concerns=state.concerns)
        self._forget: Callable[[], object] = lambda: None
        self._searching: asyncio.Task[None] | None = None
        self._picking: asyncio.Task[None] | None = None
        self._clicked = 0
        self._from = "companies"
        state.recent = _used.get(session, [])
        state.wanted = chosen.get(session, state.wanted)

    # Choosing.

    def on_company(self, message: pickers.Search | pickers.Pick | pickers.ReadAgain) -> None:
        """A text to search for ("": the first companies, which are offered before one is typed), or a company; or to
        read the one on screen again."""
        if isinstance(message, pickers.Search):
            if self._searching is not None:
                self._searching.cancel()
            self._searching = self._boundary.spawn("The companies could not be listed", self._search, message.text)
        elif isinstance(message, pickers.ReadAgain):
            self._state.pick_seq = message.seq
            if self._state.watch is not None and not self._state.loading:
                self._boundary.spawn("The company could not be read again", self._read_again, self._state.watch)
            else:
                self._renderer.draw("company", at_once=True)
        else:
            if self._picking is not None:
                self._picking.cancel()
            self._state.pick_seq = message.seq
            if message.id:
                self._picking = self._boundary.spawn(_UNREAD, self._pick, message.id)
            else:
                self._leave()

    def _leave(self) -> None:
        """All companies again."""
        now = self._state
        now.company = now.problem = None
        now.loading = False
        self._at(None)
        self._limit(None)
        self._turn_tab()
        self.draw()

    def _turn_tab(self) -> None:
        """The first tab of what is shown now; back from a company of the run that is open, that one."""
        back = self._state.run is not None and self._from == "runs"
        self._state.tab = self._state.asked_tab = (
            "operations" if self._state.company else "runs" if back else "companies"
        )

    def pick_named(self, company: str) -> asyncio.Task[None]:
        """A company by its id or its whole name, as who made the console has named it."""
        self._picking = self._boundary.spawn(_UNREAD, self._pick_named, company.strip())
        return self._picking

    async def _pick_named(self, company: str) -> None:
        if ID.fullmatch(company):
            await self._pick(company)
            return
        found = await find_companies(self._session.client, company, None)
        same = [each for each in found if each.name.casefold() == company.casefold()]
        if len(same) == 1:
            self._session.context.names[same[0].id] = same[0].name
            await self._pick(same[0].id)
        else:
            self._state.typed = company
            what = f"{len(same)} companies have" if same else "No company in this account has"
            self._state.problem = f"{what} this name{': give the id' if same else ''}."
            self._renderer.all()

    def on_connection(self, message: pickers.ChooseConnection) -> None:
        """One connection, or all of them."""
        connections = self._state.facts.connections if self._state.facts else {}
        self._limit(message.id if message.id in connections else None)
        self.draw()

    def _limit(self, connection_id: str | None) -> None:
        """Show what is of this connection; ``None``: of all."""
        changed = connection_id != self._state.connection_id
        self._state.connection_id = connection_id
        if changed:
            self._renderer.errors()

    def on_data_types(self, message: Select) -> None:
        """The ticked data types."""
        self._state.selected = list(message.selected)
        self._state.all_clicked = False
        self._renderer.draw("code")

    async def _search(self, text: str) -> None:
        self._state.search = {**pickers.search_results(text, []), "status": "searching"}
        self._renderer.draw("company")
        try:
            page = await self._session.client.companies.list_async(
                request={"query": name_query(text), "order_by": "name", "page_size": pickers.MOST}
            )
        except CodatLendingError:
            self._state.search = pickers.no_answer(text)
            self._renderer.draw("company", at_once=True)
            raise
        self._state.search = pickers.search_results(text, pickers.named(page.results), page.total_results)
        self._renderer.draw("company", at_once=True)

    async def _pick(self, company_id: str) -> None:
        now = self._state
        now.typed = self._name(company_id)
        now.problem = pickers.id_problem(company_id)
        if now.problem:
            self._renderer.all()
            return
        first, now.company = now.company is None, {"id": company_id, "name": self._name(company_id)}
        now.loading = True
        if first:
            self._from = now.tab
            self._turn_tab()
        watch = self._session.context.watching.of(company_id)
        self._at(watch)
        self._limit(None)
        now.selected = []
        now.first_link = now.settings = None
        now.all_clicked = False
        now.product = None
        self.draw()
        try:
            status = await watch.read()
        except CodatLendingError as error:
            now.company = None
            self._turn_tab()
            self._at(None)
            now.problem = "No company in this account has this id."
            if error.status_code == 404:  # a slip of the reader's, told beside the field and nowhere else
                return
            now.problem = "This company could not be read."  # why not is told by the notice
            raise
        else:
            now.notices = [item for item in now.notices if item["what"] != _UNREAD]
            now.products = refreshable(status.facts.products)
            now.caution = caution(status.facts.products)
            now.company = {"id": status.facts.id, "name": status.facts.name}
            self._remember(now.company)
            self.watch(*(run for run in self._session.runs if run.company_id == company_id and not run.done))
        finally:
            if self._picking is asyncio.current_task():  # a later choice has its own loading to end
                now.loading = False
                self.draw()
        told = await self._session.context.company_settings(company_id)
        now.first_link = told.first_link
        now.settings = merged(company_id, told)  # the client's are not asked for: Codat tells what holds here
        self._renderer.all()

    def _at(self, watch: CompanyWatch | None) -> None:
        """Show this company from now on: its state, none other. The runs on screen go on."""
        forget, self._forget = self._forget, watch.observe(self.draw) if watch is not None else lambda: None
        forget()
        self._state.watch = watch
        self._looking.at(watch)
        self._view.follow(watch=watch)
        self._state.runs = ()

    async def _read_again(self, watch: CompanyWatch) -> None:
        self._state.loading = True
        self._renderer.draw("company", at_once=True)
        try:
            await watch.read(after_now=True)  # what was begun before the click does not know what came since
        finally:
            self._state.loading = False
            self.draw()

    def _name(self, company_id: str) -> str:
        results = self._state.search["results"] if self._state.search else []
        offered = [*results, *self._state.related, *self._state.recent]
        name = self._session.context.names.get(company_id, company_id)
        return next((row["name"] for row in offered if row["id"] == company_id), name)

    def _remember(self, company: pickers.CompanyName) -> None:
        others = [row for row in self._state.recent if row["id"] != company["id"]]
        self._state.recent = _used[self._session] = [company, *others][:RECENT]

    # Refreshing.

    def on_bar(self, message: RefreshSelected | RefreshAll | ChooseProduct) -> None:
        """A button was clicked, or a product chosen. What a click starts is drawn when it begins, after this."""
        if isinstance(message, ChooseProduct):
            self._choose(message)
            return
        seq, status = message.seq, self._state.status
        again, self._clicked = seq and seq == self._clicked, seq
        self._state.bar_seq = max(seq, self._state.bar_seq)
        # The message names the company that was on screen: a click on an older picture queues nothing.
        # One that was delivered twice is acted on once.
        product, known = message.product or None, status is not None and message.company == status.facts.id
        if not again and status is not None and known and self._offered(product):
            self._state.all_clicked = isinstance(message, RefreshAll)
            self._state.product = product
            if isinstance(message, RefreshAll):
                self.watch(self._begun(status, None, product))
            elif message.data_types:
                self.watch(self._begun(status, self._targets(status, message.data_types, product), product))
        self._renderer.bar()

    def _choose(self, message: ChooseProduct) -> None:
        facts, product = self._state.facts, message.product or None
        if facts is not None and message.company == facts.id and self._offered(product):
            self._state.product = product
            self._renderer.draw("code")

    def _offered(self, product: str | None) -> bool:
        return product is None or product in self._state.products

    def _targets(self, status: CompanyStatus, data_types: Iterable[str], product: str | None) -> tuple[Target, ...]:
        """The types on the chosen connection, or on whichever have them; a custom one on each that has read it.

        The refresh of a product takes no connection.
        """
        if product is not None:
            return tuple((name, None) for name in dict.fromkeys(data_types))
        chosen = self._state.connection_id
        linked = {connection.id for connection in status.facts.linked}
        targets: dict[Target, None] = {}
        for name in data_types:
            several = chosen is None and custom_identifier(name) is not None
            read = [cell.connection_id for cell in status.cells if several and cell.data_type == name]
            places: list[str | None] = [id for id in read if id in linked]
            targets.update(dict.fromkeys((name, id) for id in places or [chosen]))
        return tuple(targets)

    def _begun(
        self, status: CompanyStatus, wanted: tuple[Target, ...] | None, product: str | None = None
    ) -> RefreshRun:
        """A run as ``session.refresh`` begins it, without another request for facts that were read just now."""
        context, folder = self._session.context, self._state.folder
        journal = folder.new(context.now) if folder is not None else None
        start = Start.of(context, Targets({status.facts.id: wanted}, product=product), journal)
        watch = self._state.watch
        if watch is not None and context.client.clock.monotonic() - watch.read_at < FACTS_LAST:
            start.companies[0].facts = status.facts
        return RefreshRun(context, start)

    def on_ready(self, message: AskReady | RunPlan) -> None:
        """What the company may be ready for was chosen; or the plan that would make it ready is to be run."""
        state = self._state
        again, state.ready_seq = message.seq <= state.ready_seq, max(message.seq, state.ready_seq)
        if isinstance(message, AskReady):
            with suppress(ValueError):  # what no form of ours offers changes nothing
                wanted = Wanted(message.purpose, message.period_end, message.sources)
                state.wanted = chosen[self._session] = wanted
        elif not again and state.verdict is not None and message.company == state.verdict.snapshot.id:
            rows = [row for row in state.verdict.plan_rows() if row.action == "queue"]
            targets = tuple((row.data_type or "", row.connection_id) for row in rows)
            if state.status is not None and targets and not self._session.read_only:
                self.watch(self._begun(state.status, targets))
        self._renderer.judge(at_once=True)

    def on_progress(self, message: ShowRows | StopWatching | WatchAgain | Retry | RetryLater | OpenRow) -> None:
        """A button beside the progress was clicked, or one of its rows."""
        if isinstance(message, OpenRow):
            self._renderer.open(message.key)
            return
        if isinstance(message, StopWatching | WatchAgain):
            self._looking.want(isinstance(message, WatchAgain))
        self._view.act(message)
        self._state.runs = self._view.runs

    def watch(self, *runs: RefreshRun) -> None:
        """Put runs on screen, beside those that are there and have not ended. They are drawn at their next change."""
        under_way = [run for run in self._state.runs if not run.done]
        self._view.follow(*dict.fromkeys((*under_way, *runs)), watch=self._state.watch)
        self._state.runs = self._view.runs

    def stop(self) -> None:
        """Look at no company any more; the runs go on."""
        self._at(None)
        self._looking.stop()

    def draw(self) -> None:
        """Draw everything, from the one state of the company."""
        self._renderer.all()
        self._view.draw()
