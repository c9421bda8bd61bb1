"""What happens behind the console: messages of its parts become actions of the session, changes become states.

All of it runs on the engine thread. Each kind of action has its module: ``choosing`` (company, connection, data
types), ``refreshing`` (runs), ``guard`` (what goes wrong, and its notices); ``drawing`` puts what is known, the
``scene``, on screen. The controller joins them for one session, and takes them apart again.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from codat_notebook.client import events
from codat_notebook.widgets.choosing import Choosing
from codat_notebook.widgets.console_state import ConsoleState
from codat_notebook.widgets.error_boundary import ErrorBoundary
from codat_notebook.widgets.history import History
from codat_notebook.widgets.inspecting import browsings
from codat_notebook.widgets.part import Message
from codat_notebook.widgets.parts import Parts
from codat_notebook.widgets.refreshing import Refreshing
from codat_notebook.widgets.renderer import Renderer

if TYPE_CHECKING:
    from codat_notebook.session import Session


class Controller:
    """Acts for one console on one session, from ``start`` to ``stop``; everything else is messages and events."""

    def __init__(self, session: "Session", parts: Parts, *, can_switch: bool) -> None:
        self.session = session
        self.parts = parts
        self.scene = ConsoleState(can_switch=can_switch)
        self.guard = ErrorBoundary(session, self.scene, lambda: self.drawing.all())
        self.drawing = Renderer(session, parts, self.scene, self.guard)
        self.refreshing = Refreshing(session, self.scene, self.guard, self.drawing, parts.progress)
        self.choosing = Choosing(session, self.scene, self.guard, self.drawing, self.refreshing)
        self.history = History(session, self.scene, self.guard, parts.operations, self.drawing.all)
        self.drawing.follow = self.history.follow
        self.browsings = browsings(session, self.scene, self.guard, parts)
        self._forget: list[Callable[[], None]] = []

    def _handlers(self) -> dict[Any, Callable[[Message], None]]:
        return {
            self.parts.company: self.choosing.on_company,
            self.parts.connection: self.choosing.on_connection,
            self.parts.data_types: self.choosing.on_data_types,
            self.parts.bar: self.refreshing.on_bar,
            self.parts.progress: self.refreshing.on_progress,
            self.parts.notice: self._on_notice,
            self.parts.tabs: self._on_tabs,
        }

    def start(self) -> None:
        """Listen to the parts and to the session, and draw for the first time."""
        for part, handler in self._handlers().items():
            part.on_message = self.guard.caught(handler)
        post = self.session.context.engine.post
        self._forget = [
            self.session.watch(lambda event: post(self._on_event, event)),
            self.session.error_log.observe(lambda _: post(self.drawing.errors)),
        ]
        self.history.start()
        for browsing in self.browsings:
            browsing.start()
        post(self._begin)

    def _begin(self) -> None:
        self.drawing.all()
        self.drawing.errors()
        self.choosing.list_companies()

    def stop(self) -> None:
        """Listen and draw no more, and cancel what is under way. The session and its runs go on."""
        for part in self._handlers():
            part.on_message = None
        for forget in self._forget:
            forget()
        self._forget = []
        for browsing in self.browsings:
            browsing.stop()
        self.history.stop()
        self.refreshing.unwatch()
        self.drawing.stop()
        self.guard.stop()

    def _on_notice(self, message: Message) -> None:
        self.guard.on_notice(message)
        if message.get("type") == "errors":
            self.drawing.tabs()

    def _on_tabs(self, message: Message) -> None:
        self.scene.tab = str(message.get("name") or "")
        if self.scene.asked_tab != "operations":
            self.scene.asked_tab = self.scene.tab  # so that the errors can be asked for once more
        self.drawing.later()

    def _on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Waiting):
            self.scene.activity = (waiting_text(event.reason), event.seconds)
        elif isinstance(event, events.Attempt):
            self.scene.activity = None
            if self.scene.tab == "requests":
                self.drawing.later()
        self.drawing.header()


def waiting_text(reason: str) -> str:
    """Why the client waits, for people; ``reason`` is the client's own word.

    >>> waiting_text("429, too many requests"), waiting_text("status 503"), waiting_text("ConnectError: refused")
    ('Codat asks to wait', 'Codat has an error of its own', 'No answer from Codat')
    """
    if reason.startswith("429"):
        return "Codat asks to wait"
    return "Codat has an error of its own" if reason.startswith("status 5") else "No answer from Codat"
