"""What the console knows, and how each part draws it: pure functions from a :class:`ConsoleState` to their states."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from codat_notebook.client.codat_lending import SERVERS
from codat_notebook.models.secret import host
from codat_notebook.models.shared import PullOperation
from codat_notebook.planning.snapshots import seen
from codat_notebook.planning.sync_settings import Settings
from codat_notebook.planning.verdict import Readiness
from codat_notebook.runs.cells import CompanyStatus
from codat_notebook.runs.context import CompanyFacts
from codat_notebook.runs.durations import usual_durations
from codat_notebook.runs.folder import RunFolder
from codat_notebook.runs.run import RefreshRun
from codat_notebook.runs.watching import CompanyWatch
from codat_notebook.session import Session
from codat_notebook.widgets import pickers
from codat_notebook.widgets.charts import HeatmapState, TimelineState, heatmap_state, timeline_state
from codat_notebook.widgets.code import CodeState, code_text
from codat_notebook.widgets.data_types import (
    NO_OFFER,
    BarState,
    DataTypesState,
    all_by_connection,
    data_type_rows,
    data_types_state,
    in_progress,
)
from codat_notebook.widgets.header import NOT_CONNECTED, ActivityState, HeaderState, QuotaState, WatchState
from codat_notebook.widgets.history import WHOLE, LoadedHistory
from codat_notebook.widgets.notice import NoticeCard, NoticeState, notice_state
from codat_notebook.widgets.progress import ProgressState, minute, progress_state
from codat_notebook.widgets.ready_panel import ReadyState, Wanted, ready_state, tab_label
from codat_notebook.widgets.tabs import LABELS, PORTFOLIO, TabsState, tabs_state
from codat_notebook.words import count, iso, number

if TYPE_CHECKING:
    from codat_notebook.widgets.run_overview import PortfolioRunView

#: What stands in the place of a company's operations where there are none.
NEVER_PULLED = "No data of this company has been pulled yet."


def first_states(session: Session | None, *, can_switch: bool = True) -> dict[str, Any]:
    """Part -> what it shows before anything was asked. Without a session most parts are hidden, and have no state."""
    if session is None:
        idle = progress_state([], status="idle")
        return {"header": NOT_CONNECTED, "notice": notice_state([]), "progress": idle, "tabs": tabs_state()}
    first = ConsoleState(can_switch=can_switch)
    return {name: draw(first, session) for name, draw in STATES.items()}


@dataclass(slots=True)
class ConsoleState:
    """The state of one console; changed by its controller only.

    ``company`` is the picked one, ``watch`` keeps what is known of it current, ``past`` is what was read of its older
    operations; ``problem`` is why what was ``typed`` last is no company; ``runs`` are the refreshes on screen.
    ``all_clicked``: the last click was *Refresh all*; ``products`` have a refresh of their own, ``product`` is the
    chosen one, ``caution`` what they say against the other way. ``tab`` is what the reader looks at, ``asked_tab``
    where the kernel has sent them. ``wanted`` is what the company may be ready for, ``verdict`` the answer;
    ``portfolio`` the heatmap of all companies, once it was looked at. ``can_switch``: a form offers other sessions.
    ``folder`` is where journals are, ``run`` the view of the run that is opened, ``asked_run`` the name of one that is
    looked for. The ``seq`` numbers answer the browser's clicks.
    """

    company: pickers.CompanyName | None = None
    watch: CompanyWatch | None = None
    first_link: frozenset[str] | None = None
    settings: Settings | None = None
    loading: bool = False
    problem: str | None = None
    typed: str = ""
    connection_id: str | None = None
    selected: list[str] = field(default_factory=list)
    recent: list[pickers.CompanyName] = field(default_factory=list)
    search: pickers.SearchState | None = None
    past: LoadedHistory = field(default_factory=LoadedHistory)
    runs: tuple[RefreshRun, ...] = ()
    notices: list[NoticeCard] = field(default_factory=list)
    activity: ActivityState | None = None
    all_clicked: bool = False
    products: list[str] = field(default_factory=list)
    caution: str | None = None
    product: str | None = None
    can_switch: bool = True
    folder: RunFolder | None = None
    run: "PortfolioRunView | None" = None
    asked_run: str | None = None
    wanted: Wanted = field(default_factory=Wanted)
    verdict: Readiness | None = None
    portfolio: HeatmapState | None = None
    ready_seq: int = 0
    tab: str = "companies"
    asked_tab: str = "companies"
    pick_seq: int = 0
    bar_seq: int = 0
    notice_seq: int = 0

    @property
    def status(self) -> CompanyStatus | None:
        """What is known of the company; ``None`` while it is read for the first time, or could not be."""
        return self.watch.status if self.watch else None

    @property
    def facts(self) -> CompanyFacts | None:
        """What is known of the company itself."""
        return self.status.facts if self.status else None

    @property
    def related(self) -> list[pickers.CompanyName]:
        """The company's parent and its subsidiaries."""
        facts = self.facts
        parents = [(facts.parent, "parent")] if facts and facts.parent else []
        pairs = [*parents, *((each, "subsidiary") for each in (facts.subsidiaries if facts else ()))]
        return [{"id": each.id, "name": each.name or each.id, "note": note} for each, note in pairs if each.id]

    @property
    def unconnected(self) -> str | None:
        """Why the company has no connections, where it has none."""
        return self.facts.unconnected if self.facts and not self.facts.connections else None

    @property
    def running_types(self) -> set[str]:
        """The data types that are being refreshed now, also those that wait to be queued, of what is shown."""
        queueing = (row for run in self.runs if not run.done for row in run.rows if row.state == "queueing")
        running = self.watch.running if self.watch else ()
        return {each.data_type for each in (*queueing, *running) if self.concerns(each.connection_id)}

    def operations(self) -> list[PullOperation]:
        """The company's newest operations, newest first."""
        return self.status.operations if self.status is not None else []

    @property
    def total(self) -> int:
        """How many operations Codat has of the company; 0 where it has more than it gave and does not say."""
        return self.status.total if self.status is not None else 0

    def concerns(self, connection_id: str | None) -> bool:
        """Whether something of this connection, or of none, is shown: all of it while no connection is chosen."""
        return self.connection_id is None or connection_id in (None, self.connection_id)

    def operation(self, id: str) -> PullOperation | None:
        """One of the company's operations, also one that is older than those."""
        return next((each for each in self.operations() if each.id == id), self.past.operations.get(id))


def header(state: ConsoleState, session: Session) -> HeaderState:
    """Where we are connected, what runs, what is left of the quota."""
    quota = session.quota
    left: QuotaState | None = None
    if quota and quota.remaining is not None:
        resets_at = iso(quota.resets_at.isoformat()) if quota.resets_at else None
        left = {"remaining": quota.remaining, "limit": quota.limit, "resets_at": resets_at}
    return {
        "mode": "sandbox" if session.is_sandbox else "live",
        "address": urlsplit(session.client.server_url).netloc,
        "read_only": session.read_only,
        "can_switch": state.can_switch,
        "running": _running(state, session),
        "watch": _watch(state),
        "quota": left,
        "activity": state.activity,
    }


def _running(state: ConsoleState, session: Session) -> int:
    """Operations that run: all of the company on screen, of others what the session's own runs refresh."""
    id, running = (state.watch.company_id, len(state.watch.running)) if state.watch else ("", 0)
    for run in session.runs:
        if not run.done:
            running += run.counts.get("running", 0) - sum(row.state == "running" for row in run.rows_of(id))
    return running


def _watch(state: ConsoleState) -> WatchState | None:
    watch = state.watch
    if watch is None or watch.checked is None:
        return None
    return {
        "checked": iso(watch.checked.isoformat()) or "",
        "every": watch.rhythm if watch.watched else None,
        "looks": watch.looks,
        "problem": watch.problem,
    }


def company(state: ConsoleState, session: Session) -> pickers.CompanyState:
    """The company picker. A made-up company has no page in Codat's portal."""
    facts, related = state.facts, state.related[: pickers.MOST]
    return {
        "company": state.company,
        "tags": _tags(facts) if facts else [],
        "portal": pickers.portal_url(facts.id) if facts and not session.is_sandbox else None,
        "loading": state.loading,
        "opened": state.run is not None,
        "run": _journal(state),
        "search": state.search,
        "recent": [*related, *(row for row in state.recent if row["id"] not in {each["id"] for each in related})],
        "error": state.problem,
        "typed": state.typed if state.problem else None,
        "seq": state.pick_seq,
    }


def _journal(state: ConsoleState) -> str | None:
    """The name of the journal of the run on screen, by which a page's address finds it again; "" where it has none, and
    ``None`` before it is known whether one was asked for."""
    runs = [state.run.run] if state.run is not None else [run for run in state.runs if not run.done]
    names = (run.journal.name for run in reversed(runs) if run.journal is not None and state.folder is not None)
    return next(names, state.asked_run)


def keep_open(state: ConsoleState, until: str = "") -> str | None:
    """What is said in the app before a click where a run ends with its page: ``until`` is an ISO time."""
    if state.folder is not None or host() != "the app":
        return None
    return f"Keep this page open{f' until about {until}' if until else ''}: closing it ends queueing and watching."


def _tags(facts: CompanyFacts) -> list[list[str]]:
    """The tags, and the company's parent, subsidiaries and products beside them."""
    told = {
        "parent": facts.parent and (facts.parent.name or facts.parent.id),
        "subsidiaries": number(len(facts.subsidiaries)) if facts.subsidiaries else None,
        "products": ", ".join(facts.products),
    }
    return [[name, value] for name, value in [*told.items(), *facts.tags.items()] if value]


def connection(state: ConsoleState, session: Session) -> pickers.ConnectionState:
    """The menu of connections: what is refreshed, and what is shown."""
    if state.facts is None:
        return pickers.connection_state()
    return pickers.connection_state(_cards(state), company=state.facts.id, value=state.connection_id)


def cards(state: ConsoleState, session: Session) -> pickers.CardsState:
    """The connections beside the menu."""
    status: Literal["none", "loading", "ready"] = "ready" if state.status else "loading" if state.loading else "none"
    return {"status": status, "connections": _cards(state), "empty": state.unconnected}


def _cards(state: ConsoleState) -> list[pickers.ConnectionCard]:
    return pickers.connection_cards(state.facts.connections.values() if state.facts else ())


def data_types(state: ConsoleState, session: Session) -> DataTypesState:
    """The list of data types with their ages."""
    status = state.status
    if status is None:
        id = state.company["id"] if state.company and state.loading else None
        return data_types_state(id, [], status="loading")
    rows = data_type_rows(status.facts, status.cells, state.connection_id, state.running_types, state.settings)
    return data_types_state(
        status.facts.id, rows, selected=state.selected, connections=_cards(state), empty=state.unconnected
    )


def bar(state: ConsoleState, session: Session) -> BarState:
    """The refresh buttons."""
    queueing = [run for run in state.runs if run.phase == "queueing"]
    offer: BarState = {
        **NO_OFFER, "selected": state.selected, "blocked": _blocked(state, session), "seq": state.bar_seq,
        "busy": _queueing_text(queueing) if queueing else None,
    }  # fmt: skip
    if state.status is None:
        return offer
    facts, everything, total = state.status.facts, [], None
    if state.first_link is not None:
        names = {card["id"]: card["platform"] for card in _cards(state)}
        everything = all_by_connection(facts, state.first_link, names)
        total = sum(len(row["types"]) for row in everything)
    what = count(total, "operation") if total is not None else "everything in its sync settings"
    ask = f"Refresh all data for {facts.name}? This queues {what} across all its connections."
    return {
        **offer,
        "company": state.company,
        "total": total,
        "connection": facts.platforms.get(state.connection_id or ""),
        "confirm": None if session.is_sandbox else ask,
        "everything": everything,
        "products": state.products,
        "caution": state.caution,
        "running": in_progress(facts, state.status.cells, state.connection_id, state.running_types),
        "keep": keep_open(state, _usual_end(state, session)),
    }


def _usual_end(state: ConsoleState, session: Session) -> str:
    """When a refresh that is begun now has usually ended: an ISO time to the minute, "" where nothing tells."""
    usual = usual_durations(state.operations()) if state.folder is None and host() == "the app" else {}
    chosen = [seconds for (_, name), seconds in usual.items() if name in state.selected] or [*usual.values()]
    return minute(session.context.now + timedelta(seconds=max(chosen))) if chosen else ""


def _blocked(state: ConsoleState, session: Session) -> str | None:
    if session.read_only:
        return "This session is read-only: nothing is queued."
    if state.facts is not None and not state.facts.linked:
        unlinked = "None of this company's connections is linked, so there is nothing to read."
        return state.unconnected if state.facts.only_parent else unlinked
    return None


def _queueing_text(runs: list[RefreshRun]) -> str:
    waiting = sum(len(run.rows) for run in runs)
    return f"Queueing {count(waiting, 'data type')}…" if waiting else "Queueing…"


def progress(state: ConsoleState, session: Session) -> ProgressState:
    """The progress while there is no run to follow."""
    return progress_state([], status="idle")


def notice(state: ConsoleState, _: Session) -> NoticeState:
    """The cards about what went wrong."""
    return notice_state(state.notices, state.notice_seq)


def tabs(state: ConsoleState, session: Session) -> TabsState:
    """The strip of tabs: of all companies while none is picked."""
    label, missing = tab_label(state.verdict)
    errors = sum(state.concerns(each.connection_id) for each in session.error_log)
    labels = {**LABELS, "ready": label} if state.company else PORTFOLIO
    return tabs_state(state.asked_tab, labels, errors=errors, ready=missing)


def verdict(state: ConsoleState, session: Session) -> Readiness | None:
    """Whether the company on screen is ready, as far as is known of it now."""
    status = state.status
    if status is None:
        return None
    company = seen(status.facts, status.cells, status.operations, state.settings)
    return Readiness(company, state.wanted.asked(), session.context.now)


def ready(state: ConsoleState, session: Session) -> ReadyState:
    """The verdict with its reasons, and the question."""
    return ready_state(
        state.verdict, state.wanted, empty=_until_read(state, "whether it is ready"), read_only=session.read_only,
        live=not session.is_sandbox, seq=state.ready_seq,
    )  # fmt: skip


def no_operations(state: ConsoleState) -> str:
    """What stands in the place of operations where there are none."""
    if state.status is None:
        return _until_read(state, "its pull operations")
    if any(state.concerns(each.connection_id) for each in state.operations()):
        return "Reading its pull operations…"  # their frame is under way
    if state.facts is not None and state.facts.only_parent:
        return state.facts.unconnected
    return NEVER_PULLED if state.connection_id is None else "Nothing has been pulled through this connection yet."


def _until_read(state: ConsoleState, what: str) -> str:
    """What stands where a company will, before one is picked and while it is read."""
    return f"Reading {what}…" if state.loading else f"Pick a company to see {what}."


def freshness(state: ConsoleState, session: Session) -> HeatmapState:
    """The heatmap of the company's connections by data types: the cells of ``session.status``; or of all companies."""
    status = state.status
    if state.company is None and state.portfolio is not None:
        return state.portfolio
    if status is None:
        return heatmap_state([], {}, empty=_until_read(state, "how fresh its data is"))
    rows = {card["id"]: (card["platform"], card["words"]) for card in _cards(state) if state.concerns(card["id"])}
    return heatmap_state(status.cells, rows, empty="" if rows else status.facts.unconnected)


def timeline(state: ConsoleState, session: Session) -> TimelineState:
    """The company's operations over time, before there are any; then they are those of the table."""
    return timeline_state(None, session.context.now, empty=_until_read(state, "its operations over time"))


def code(state: ConsoleState, session: Session) -> CodeState:
    """The Python for what the buttons do, or for the last click on *Refresh all*."""
    id = state.company["id"] if state.company and state.status else None
    url = session.client.server_url
    text = code_text(
        session.context.begun_on_sandbox,
        id,
        state.selected,
        state.connection_id,
        refresh_all=state.all_clicked,
        whole_history=state.past.holds(WHOLE),
        read_only=session.read_only,
        server_url=None if url.rstrip("/") in SERVERS else url,
        product=state.product,
    )
    return CodeState(title=_code_title(state, session.read_only), text=text)


def _code_title(state: ConsoleState, read_only: bool) -> str:
    if state.status is None:
        return "Lists the companies, as the field above does"
    if not read_only and state.all_clicked:
        return "What “Refresh all” did"
    if not read_only and state.selected:
        return f"What “Refresh {len(state.selected)} selected” does"
    return "Reads what this console shows"


#: Part -> what it shows.
STATES: dict[str, Callable[[ConsoleState, Session], Any]] = {
    draw.__name__: draw
    for draw in (
        header, notice, company, connection, cards, data_types, bar, progress, tabs, ready, freshness, timeline, code,
    )
}  # fmt: skip
