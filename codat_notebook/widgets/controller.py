"""What happens behind the console: messages of its parts become actions of the session, changes become states.

All of it runs on the engine thread, under the boundary of ``notice``. What readers choose and refresh is in
``actions``; ``renderer`` puts the ``state`` on screen. The controller joins them for one session, and takes them apart.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from codat_notebook.client import events
from codat_notebook.widgets.actions import Choosing, Refreshing
from codat_notebook.widgets.console_parts import Parts
from codat_notebook.widgets.console_state import ConsoleState
from codat_notebook.widgets.details_presenter import details
from codat_notebook.widgets.history import HistoryLoader
from codat_notebook.widgets.notice import Dismiss, ErrorBoundary, Errors
from codat_notebook.widgets.pickers import Search
from codat_notebook.widgets.renderer import Renderer
from codat_notebook.widgets.tabs import Tab

if TYPE_CHECKING:
    from codat_notebook.session import Session


class Controller:
    """Acts for one console on one session, from ``start`` to ``stop``; everything else is messages and events."""

    def __init__(self, session: "Session", parts: Parts, *, can_switch: bool) -> None:
        self.session = session
        self.parts = parts
        self.state = ConsoleState(can_switch=can_switch)
        self.boundary = ErrorBoundary(session, self.state, lambda: self.renderer.all())
        self.renderer = Renderer(session, parts, self.state, self.boundary)
        self.refreshing = Refreshing(session, self.state, self.boundary, self.renderer, parts.progress)
        self.choosing = Choosing(session, self.state, self.boundary, self.renderer, self.refreshing)
        self.history = HistoryLoader(session, self.state, self.boundary, parts.operations, self.renderer.all)
        self.renderer.follow = self.history.follow
        self.details = details(session, self.state, self.boundary, parts)
        self._forget: list[Callable[[], None]] = []

    def _handlers(self) -> dict[Any, Callable[[Any], None]]:
        return {
            self.parts.company: self.choosing.on_company, self.parts.connection: self.choosing.on_connection,
            self.parts.data_types: self.choosing.on_data_types, self.parts.bar: self.refreshing.on_bar,
            self.parts.progress: self.refreshing.on_progress, self.parts.notice: self._on_notice,
            self.parts.tabs: self._on_tabs,
        }  # fmt: skip

    def start(self) -> None:
        """Listen to the parts and to the session, and draw for the first time."""
        for part, handler in self._handlers().items():
            part.on_message = self.boundary.caught(handler)
        post = self.session.context.engine.post
        self._forget = [
            self.session.watch(lambda event: post(self._on_event, event)),
            self.session.error_log.observe(lambda _: post(self.renderer.errors)),
        ]
        self.history.start()
        for presenter in self.details:
            presenter.start()
        post(self._begin)

    def _begin(self) -> None:
        self.renderer.all()
        self.renderer.errors()
        self.choosing.on_company(Search())

    def stop(self) -> None:
        """Listen and draw no more, and cancel what is under way. The session and its runs go on."""
        for part in self._handlers():
            part.on_message = None
        for forget in self._forget:
            forget()
        self._forget = []
        for presenter in self.details:
            presenter.stop()
        self.history.stop()
        self.refreshing.unwatch()
        self.renderer.stop()
        self.boundary.stop()

    def _on_notice(self, message: Dismiss | Errors) -> None:
        state = self.state
        state.notice_seq = message.seq
        if isinstance(message, Dismiss):
            state.notices = [item for item in state.notices if item["key"] != message.key]
        else:
            state.tab = "errors"
            state.asked_tab = "errors"
            self.renderer.tabs()
        self.renderer.all()

    def _on_tabs(self, message: Tab) -> None:
        self.state.tab = message.name
        if self.state.asked_tab != "operations":
            self.state.asked_tab = self.state.tab  # so that the errors can be asked for once more
        self.renderer.later()

    def _on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Waiting):
            self.state.activity = {"text": waiting_text(event.reason), "wait": event.seconds}
        elif isinstance(event, events.Attempt):
            self.state.activity = None
            if self.state.tab == "requests":
                self.renderer.later()
        self.renderer.header()


def waiting_text(reason: str) -> str:
    """Why the client waits, for people; ``reason`` is the client's own word.

    >>> waiting_text("429, too many requests"), waiting_text("status 503"), waiting_text("ConnectError: refused")
    ('Codat asks to wait', 'Codat has an error of its own', 'No answer from Codat')
    """
    if reason.startswith("429"):
        return "Codat asks to wait"
    return "Codat has an error of its own" if reason.startswith("status 5") else "No answer from Codat"
