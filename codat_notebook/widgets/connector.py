"""Which session a console acts for: the one it was given, none yet, or one that its form has connected.

Whether a browser may change that is decided here and nowhere else: by ``ways`` and ``read_only``, which come from who
made the console and are in no trait. A message that asks for more is ignored, and logged.

A connection is tried before it is used: one request tells whether Codat knows the key. While it is tried, and when it
fails, the console goes on with the session that it had. What the console has opened itself it closes; what it was
given it leaves to its owner.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from codat_notebook.client import events
from codat_notebook.models.errors import ConfigurationError
from codat_notebook.models.secret import Secret
from codat_notebook.runs.engine import Engine, engine
from codat_notebook.session import connect
from codat_notebook.widgets.connect import Cancel, ConnectBy, ProblemState, connect_state, server_address
from codat_notebook.widgets.console_parts import Parts
from codat_notebook.widgets.controller import Controller, waiting_text
from codat_notebook.widgets.header import NOT_CONNECTED

if TYPE_CHECKING:
    from codat_notebook.session import Session

_log = logging.getLogger("codat_notebook")


class Connector:
    """Holds the session of one console and changes it. All but ``start`` happens on the engine thread.

    ``ways``: those of ``connect.WAYS`` that a browser may connect in; without any the session is fixed. ``read_only``:
    every session that is opened here refuses what queues, whatever the browser asks for.
    """

    def __init__(self, session: "Session | None", parts: Parts, ways: Sequence[str], *, read_only: bool) -> None:
        self.session = session
        self.parts = parts
        self._ways = tuple(ways)
        self._read_only = read_only
        self._owned = False
        self._controller: Controller | None = None
        self._forget_close: Callable[[], None] | None = None
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
                opening = partial(connect, secret, sandbox=secret is None, read_only=read_only)
                self._trying = asyncio.get_running_loop().create_task(self._try(opening, message.way))

    async def _try(self, opening: Callable[[], "Session"], way: str) -> None:
        """Open a session and ask it for something; then act for it, or say why not."""
        here = engine()
        here.hold(self)  # also when the session that fails was the only one
        address = "the sandbox" if way == "sandbox" else server_address()
        self._show(f"Connecting to {address}")
        session = None
        try:
            session = await here.in_worker(opening)
            forget = session.watch(partial(self._on_event, session, address))
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

    def _give_up(self, tried: "Session | None", here: Engine) -> None:
        if self.session is not None:
            here.release(self)
        if tried is not None:
            _close(tried)

    def _on_event(self, session: "Session", address: str, event: events.Event) -> None:
        """No silent waiting: why the next try is later, and when."""
        if session is not self.session and isinstance(event, events.Waiting):
            self._show(f"Connecting to {address}. {waiting_text(event.reason)}", event.seconds)

    # The session.

    def _use(self, session: "Session") -> None:
        """Act for another session from now on."""
        self._let_go()
        self.session = session
        self._owned = True
        self._state["connection"] += 1
        self._control(session)
        self._show()
        session.context.engine.release(self)

    def _control(self, session: "Session") -> None:
        post = session.context.engine.post
        self._forget_close = session.observe_close(lambda: post(self._closed))
        self._controller = Controller(session, self.parts, can_switch=bool(self._ways))
        self._controller.start()

    def _closed(self) -> None:
        """Somebody else closed the session."""
        self._owned = False
        self._let_go()
        self.parts.header.show(NOT_CONNECTED, at_once=True)
        what_to_do = "Connect again to go on." if self._ways else ""
        self._show(problem=ProblemState(why="The session was closed.", do=what_to_do, way="", correlation_id=None))

    def _let_go(self) -> None:
        session, self.session = self.session, None
        if self._controller is not None:
            self._controller.stop()
            self._controller = None
        if self._forget_close is not None:
            self._forget_close()
            self._forget_close = None
        if self._owned and session is not None:
            _close(session)
        self._owned = False

    def _show(
        self, connecting: str | None = None, wait: float | None = None, problem: ProblemState | None = None
    ) -> None:
        state = connect_state(
            self._ways, required=self.session is None, read_only=self._read_only, connecting=connecting, wait=wait,
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
        raise ConfigurationError("The environment holds no key: set CODAT_API_KEY before you start Jupyter.")
    return secret


def _close(session: "Session") -> None:
    """Close a session of the console's own, beside the engine: closing waits for it."""
    threading.Thread(target=session.close, name="codat-closing", daemon=True).start()


def _problem(error: Exception, session: "Session | None", way: str, address: str) -> ProblemState:
    """What went wrong, in the form and (of the session that is in use, if there is one) in the error log."""
    if session is None:
        return {"why": str(error), "do": "", "way": way, "correlation_id": None}
    record = session.context.report(error, f"The connection to {address} could not be made")
    return {"why": record.why, "do": record.action, "way": way, "correlation_id": record.correlation_id}
