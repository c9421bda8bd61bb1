"""What happens behind the console: messages of its parts become actions of the session, changes become states.

All of it runs on the engine thread, under the boundary of ``notice``. What readers choose and refresh is in
``actions``; ``renderer`` puts the ``state`` on screen. The controller joins them for one session, and takes them apart.
The connector above it says which session that is: the one the console was given, or one that its form has connected.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple

from codat_notebook import report
from codat_notebook.client import events
from codat_notebook.models.errors import ConfigurationError
from codat_notebook.models.secret import Secret, host
from codat_notebook.planning.sync_settings import explained
from codat_notebook.runs.engine import Engine, engine
from codat_notebook.runs.folder import RunFolder
from codat_notebook.runs.run import RefreshRun
from codat_notebook.session import Session, connect
from codat_notebook.tables.column import Row
from codat_notebook.widgets.actions import Actions
from codat_notebook.widgets.all_companies import UNREPORTED, AllCompanies
from codat_notebook.widgets.all_runs import AllRuns
from codat_notebook.widgets.connect import Cancel, ConnectBy, ProblemState, connect_state, server_address
from codat_notebook.widgets.console_parts import Parts
from codat_notebook.widgets.console_state import ConsoleState
from codat_notebook.widgets.details import (
    Checked,
    DetailsPresenter,
    DetailsState,
    error_with_checks,
    operation_details,
    request_details,
)
from codat_notebook.widgets.header import NOT_CONNECTED
from codat_notebook.widgets.history import HistoryLoader
from codat_notebook.widgets.looking import Looking
from codat_notebook.widgets.notice import Dismiss, ErrorBoundary, Errors
from codat_notebook.widgets.part import Part
from codat_notebook.widgets.pickers import OpenRun, Pick, ReadAgain, Search
from codat_notebook.widgets.planner import Plans
from codat_notebook.widgets.renderer import Renderer
from codat_notebook.widgets.table import ExportAs, StopExport
from codat_notebook.widgets.tabs import Tab

_log = logging.getLogger("codat_notebook")


class Opening(NamedTuple):
    """What a console begins with: a company by name or id, the folder of its journals, and the name of one of them."""

    company: str | None = None
    folder: RunFolder | None = None
    run: str | None = None


class Controller:
    """Acts for one console on one session, from ``start`` to ``stop``; everything else is messages and events."""

    def __init__(
        self, session: Session, parts: Parts, kernel: asyncio.AbstractEventLoop | None, *, can_switch: bool,
        opening: "Opening",
    ) -> None:  # fmt: skip
        self.session = session
        self.parts = parts
        self.state = ConsoleState(can_switch=can_switch, folder=opening.folder)
        self.boundary = ErrorBoundary(session, self.state, lambda: self.renderer.all())
        self.renderer = Renderer(session, parts, self.state, self.boundary)
        self.looking = Looking(session.context.engine, kernel)
        self.actions = Actions(session, self.state, self.boundary, self.renderer, parts.progress, self.looking)
        self.history = HistoryLoader(session, self.state, self.boundary, parts.operations, self.renderer.all)
        self.renderer.follow = self._follow
        self.companies = AllCompanies(
            session, self.state, self.boundary, parts.companies, self._open, self.renderer.draw
        )
        self.runs = AllRuns(
            session, self.state, self.boundary, parts.runs, parts.opened, self.companies.facts, self._watch_here,
            partial(self.renderer.draw, "company", "tabs", at_once=True), self._open,
        )  # fmt: skip
        self.plans = Plans(
            session, self.state, self.boundary, self.companies, parts.plan, parts.plan_rows, self._turn, self._open,
            self.runs.show,
        )  # fmt: skip
        self._asked = opening
        browsed = partial(DetailsPresenter, session, self.boundary)
        self.details = [
            browsed(parts.operations, parts.operation_details, self._operation),
            browsed(parts.timeline, parts.timeline_details, self._operation),
            browsed(parts.errors, parts.error_details, error_with_checks),
            browsed(parts.requests, parts.request_details, lambda row: (request_details(row), None)),
        ]
        self._listening = ExitStack()

    def start(self) -> None:
        """Listen to the parts and to the session, and draw for the first time."""
        handlers: dict[Any, Callable[[Any], None]] = {
            self.parts.company: self._on_company, self.parts.connection: self.actions.on_connection,
            self.parts.data_types: self.actions.on_data_types, self.parts.bar: self.actions.on_bar,
            self.parts.progress: self.actions.on_progress, self.parts.notice: self._on_notice,
            self.parts.ready: self.actions.on_ready, self.parts.tabs: self._on_tabs, self.parts.header: lambda _: None,
            self.parts.plan: self.plans.on_message, self.parts.freshness: self.companies.on_heatmap,
        }  # fmt: skip
        for part in (each for each in vars(self.parts).values() if isinstance(each, Part)):
            part.clock = self.session.client.clock
            part.on_copied = self.session.context.copied
        for part, handler in handlers.items():
            part.on_message = self.boundary.caught(partial(self._on_message, handler))
            self._listening.callback(setattr, part, "on_message", None)
        post = self.session.context.engine.post
        self._listening.callback(self.session.context.events.observe(lambda event: post(self._on_event, event)))
        self._listening.callback(self.session.error_log.observe(lambda _: post(self.renderer.errors)))
        self.parts.timeline.on_look = self.renderer.look
        self._listening.callback(setattr, self.parts.timeline, "on_look", None)
        self.history.start()
        for presenter in self.details:
            presenter.start()
        post(self._begin)

    def _on_message(self, handler: Callable[[Any], None], message: Any) -> None:
        """Whatever comes from a browser, somebody looks at it."""
        self.looking.seen()
        handler(message)

    def _begin(self) -> None:
        self.renderer.all()
        self.renderer.errors()
        self.companies.start()
        self.runs.start()
        self.plans.start()
        company, run = self._asked.company, self._asked.run
        picked = self.actions.pick_named(company) if company else None
        if run and not company:
            self.state.tab = self.state.asked_tab = "runs"
            self.renderer.draw("tabs", at_once=True)
        if run:
            self.runs.take_up(run, picked)

    def stop(self) -> None:
        """Listen and draw no more, and cancel what is under way. The session and its runs go on."""
        self._listening.close()
        for presenter in self.details:
            presenter.stop()
        self.history.stop()
        self.companies.stop()
        self.runs.stop()
        self.plans.stop()
        self.actions.stop()
        self.renderer.stop()
        self.boundary.stop()

    def _operation(self, row: Row) -> tuple[DetailsState, Checked | None] | None:
        """The details of an operation, and that it is the one whose checks are asked for once it has ended."""
        state, company = self.state, self.state.company
        operation, status = state.operation(str(row["id"])), state.status
        if operation is None:  # gone with its company
            return None
        connection = status.facts.connections.get(operation.connection_id) if status else None
        history = status.operations if status else ()
        setting = None if state.settings is None else explained(state.settings, operation.data_type, False)
        shown = operation_details(operation, connection, history, self.session.context.now, setting)
        return shown, (company["id"], operation.id) if company and not shown["checks"] else None

    def _follow(self) -> None:
        self.history.follow()
        self.companies.follow()
        self.runs.follow()

    def _watch_here(self, run: RefreshRun) -> None:
        """A run was taken up, with its company on screen."""
        if self.state.status is not None and self.state.status.facts.id == run.company_id:
            self.actions.watch(run)
            self.actions.draw()

    def _on_company(self, message: Search | Pick | OpenRun | ReadAgain | ExportAs | StopExport) -> None:
        if isinstance(message, ExportAs | StopExport):
            if (company := self.state.company) is not None:
                made = partial(report.pieces, self.session.context, [company["id"]])
                self.boundary.deliver(UNREPORTED, self.parts.company, made, message)
            return
        if isinstance(message, OpenRun):
            self.state.pick_seq = message.seq
            self.runs.open(message.name)
            self.renderer.draw("company")
            return
        if isinstance(message, Pick):
            self.companies.saw(self.state.watch)
            if not message.id and self.state.company is None:  # back from a run to all of them
                self.state.pick_seq = message.seq
                self.runs.leave()
                return
        self.actions.on_company(message)

    def _open(self, company_id: str) -> None:
        """A company of the table was clicked."""
        self._on_company(Pick(self.state.pick_seq, company_id))

    def _turn(self, tab: str) -> None:
        """Lead the reader to a tab."""
        self.state.tab = self.state.asked_tab = tab
        self.renderer.draw("tabs", at_once=True)

    def _on_notice(self, message: Dismiss | Errors) -> None:
        state = self.state
        state.notice_seq = message.seq
        if isinstance(message, Dismiss):
            state.notices = [item for item in state.notices if item["key"] != message.key]
        else:
            self._turn("errors")
        self.renderer.all()

    def _on_tabs(self, message: Tab) -> None:
        self.state.tab = message.name
        if self.state.asked_tab not in ("operations", "companies"):
            self.state.asked_tab = self.state.tab  # so that the errors can be opened again
        self.renderer.later()

    def _on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Waiting):
            self.state.activity = {"text": waiting_text(event.reason), "until": _until(event)}
        elif isinstance(event, events.Attempt):
            self.state.activity = None
            if self.state.tab == "requests":
                self.renderer.later()
        self.renderer.draw("header")


def _until(event: events.Waiting) -> str:
    return event.until.isoformat(timespec="milliseconds")


def waiting_text(reason: str) -> str:
    """Why the client waits, for people; ``reason`` is the client's own word.

    >>> waiting_text("429, too many requests"), waiting_text("status 503"), waiting_text("ConnectError: refused")
    ('Codat asks us to wait', 'Codat has an internal error', 'No answer from Codat')
    """
    if reason.startswith("429"):
        return "Codat asks us to wait"
    return "Codat has an internal error" if reason.startswith("status 5") else "No answer from Codat"


class Connector:
    """Holds the session of one console and changes it. All but ``start`` happens on the engine thread.

    Whether a browser may change it is decided here and nowhere else: by ``ways`` (those of ``connect.WAYS``; without
    any the session is fixed) and ``read_only`` (every session that is opened here refuses what queues), which come from
    who made the console and are in no trait. A message that asks for more is ignored, and logged.

    A connection is tried before it is used: one request tells whether Codat knows the key. While it is tried, and when
    it fails, the console goes on with the session that it had. What the console has opened itself it closes; what it
    was given it leaves to its owner.
    """

    def __init__(
        self, session: Session | None, parts: Parts, ways: Sequence[str], *, read_only: bool,
        opening: Opening | None = None, **limits: Any,
    ) -> None:  # fmt: skip
        self.session = session
        self.parts = parts
        self._ways = tuple(ways)
        self._read_only = read_only
        self._limits = limits
        self._opening = opening or Opening()
        self._kernel = _kernel()
        self._owned = False
        self._controller: Controller | None = None
        self._acting = ExitStack()
        self._trying: asyncio.Task[None] | None = None
        self._state = {"connection": 0, "seq": 0}

    def start(self) -> None:
        """Act for the session that was given, or wait for one."""
        self.parts.connect.on_message = self._on_message
        if self.session is None:
            engine().hold(self)
        else:
            self._control(self.session)

    def stop(self) -> None:
        """Act no more, and close the session if the console opened it."""
        self.parts.connect.on_message = None
        if self._trying is not None:
            self._trying.cancel()
        self._let_go()
        engine().release(self)

    # Messages.

    def _on_message(self, message: ConnectBy | Cancel) -> None:
        self._state["seq"] = message.seq
        if isinstance(message, Cancel):
            if self._trying is not None:
                self._trying.cancel()
        elif message.way not in self._ways:
            _log.warning("A browser asked to connect in a way that this console does not offer; nothing was done.")
        elif self._trying is None or self._trying.done():
            try:
                secret = _secret(message)
            except ConfigurationError as error:
                self._show(problem=ProblemState(why=error.message, do="", way=message.way, correlation_id=None))
            else:
                read_only = self._read_only or message.read_only
                opening = partial(connect, secret, sandbox=secret is None, read_only=read_only, **self._limits)
                self._trying = asyncio.get_running_loop().create_task(self._try(opening, message.way))

    async def _try(self, opening: Callable[[], Session], way: str) -> None:
        """Open a session and ask it for something; then act for it, or say why not."""
        here = engine()
        here.hold(self)  # also when the session that fails was the only one
        address = "the sandbox" if way == "sandbox" else server_address()
        self._show(f"Connecting to {address}")
        session = None
        try:
            session = await here.in_worker(opening)
            self.parts.connect.clock = session.client.clock
            forget = session.context.events.observe(partial(self._on_event, session, address))
            await session.client.companies.list_async(request={"page_size": 1})
            forget()
        except Exception as error:  # noqa: BLE001 - whatever it is, the reader is told; nobody else would
            self._show(problem=_problem(error, self.session or session, way, address))
            self._give_up(session, here)
        except asyncio.CancelledError:
            self._show()
            self._give_up(session, here)
            raise
        else:
            self._use(session)

    def _give_up(self, tried: Session | None, here: Engine) -> None:
        if self.session is not None:
            here.release(self)
        if tried is not None:
            _close(tried)

    def _on_event(self, session: Session, address: str, event: events.Event) -> None:
        """No silent waiting: why the next try is later, and when."""
        if session is not self.session and isinstance(event, events.Waiting):
            self._show(f"Connecting to {address}. {waiting_text(event.reason)}", _until(event))

    # The session.

    def _use(self, session: Session) -> None:
        """Act for another session from now on."""
        self._let_go()
        self.session = session
        self._owned = True
        self._state["connection"] += 1
        self._control(session)
        self._show()
        session.context.engine.release(self)

    def _control(self, session: Session) -> None:
        post = session.context.engine.post
        self._acting.callback(session.context.closing.observe(lambda _: post(self._closed)))
        opening, self._opening = self._opening, Opening(folder=self._opening.folder)  # another account may not have it
        self._controller = Controller(session, self.parts, self._kernel, can_switch=bool(self._ways), opening=opening)
        self._acting.callback(self._controller.stop)
        self._controller.start()

    def _closed(self) -> None:
        """Somebody else closed the session."""
        self._owned = False
        self._let_go()
        self.parts.header.show(NOT_CONNECTED, at_once=True)
        what_to_do = "Connect again to continue." if self._ways else ""
        self._show(problem=ProblemState(why="The session was closed.", do=what_to_do, way="", correlation_id=None))

    def _let_go(self) -> None:
        session, self.session = self.session, None
        self._acting.close()
        self._controller = None
        if self._owned and session is not None:
            _close(session)
        self._owned = False

    def _show(
        self, connecting: str | None = None, until: str | None = None, problem: ProblemState | None = None
    ) -> None:
        state = connect_state(
            self._ways, required=self.session is None, read_only=self._read_only, connecting=connecting, until=until,
            problem=problem, **self._state,
        )  # fmt: skip
        self.parts.connect.show(state, at_once=True)


def _secret(message: ConnectBy) -> Secret | None:
    """The key of a way to connect; the sandbox needs none. Raises :class:`ConfigurationError` where it is no key."""
    if message.way == "sandbox":
        return None
    secret = message.key if message.way == "key" else Secret.from_environment()
    if isinstance(secret, ConfigurationError):
        raise secret
    if not isinstance(secret, Secret):
        raise ConfigurationError(f"The environment holds no key: set CODAT_API_KEY before you start {host()}.")
    return secret


def _kernel() -> asyncio.AbstractEventLoop | None:
    """The loop on which a kernel runs cells and hands on messages; ``None`` outside of one."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _close(session: Session) -> None:
    """Close a session of the console's own, beside the engine: closing waits for it."""
    threading.Thread(target=session.close, name="codat-closing", daemon=True).start()


def _problem(error: Exception, session: Session | None, way: str, address: str) -> ProblemState:
    """What went wrong, in the form and (of the session that is in use, if there is one) in the error log."""
    if session is None:
        return {"why": str(error), "do": "", "way": way, "correlation_id": None}
    record = session.context.report(error, f"The connection to {address} could not be made")
    return {"why": record.why, "do": record.action, "way": way, "correlation_id": record.correlation_id}
