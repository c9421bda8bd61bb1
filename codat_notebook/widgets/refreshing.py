"""The refreshes of a console: started by its buttons, followed on screen until they end, the ages then read again."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from codat_notebook.runs.cells import company_status
from codat_notebook.runs.durations import usual_durations
from codat_notebook.runs.run import RefreshRun
from codat_notebook.widgets.console_state import ConsoleState
from codat_notebook.widgets.error_boundary import ErrorBoundary
from codat_notebook.widgets.part import Message
from codat_notebook.widgets.progress import Progress
from codat_notebook.widgets.renderer import Renderer
from codat_notebook.widgets.run_view import RunView, number_of

if TYPE_CHECKING:
    from codat_notebook.session import Session


class Refreshing:
    """The runs on one console's screen, on the engine thread."""

    def __init__(
        self, session: "Session", scene: ConsoleState, guard: ErrorBoundary, drawing: Renderer, part: Progress
    ) -> None:
        self._session, self._scene, self._guard, self._drawing = session, scene, guard, drawing
        self._part = part
        self._view: RunView | None = None
        self._forget: list[Callable[[], None]] = []
        self._clicked = 0

    def on_bar(self, message: Message) -> None:
        """One of the buttons was clicked."""
        seq = number_of(message, "seq")
        again, self._clicked = seq and seq == self._clicked, seq
        self._scene.bar_seq = max(seq, self._scene.bar_seq)
        # The message names the company that was on screen: a click on an older picture queues nothing.
        # One that was delivered twice is acted on once.
        if not again and self._scene.status is not None and message.get("company") == self._scene.status.facts.id:
            types = [str(key) for key in message.get("data_types") or ()]
            self._scene.all_clicked = message.get("type") == "refresh_all"
            if self._scene.all_clicked:
                self.watch(self._session.refresh_all(self._scene.status.facts.id))
            elif types:
                chosen = self._scene.connection_id
                self.watch(self._session.refresh(self._scene.status.facts.id, *types, connection_id=chosen))
        self._drawing.all(at_once=True)

    def on_progress(self, message: Message) -> None:
        """A button beside the progress was clicked."""
        if self._view is None:
            return
        started = self._view.retry() if message.get("type") == "retry" else []
        for run in started:
            self.watch(run, number_of(message, "seq"))
        if not started:
            self._view.act(message)

    def watch(self, run: RefreshRun, seq: int = 0) -> None:
        """Put a run on screen, beside those that have not ended yet; ``seq`` is that of the click that started it."""
        runs = [*(old for old in self._scene.runs if not old.done and old is not run), run]
        self.unwatch()
        self._scene.runs = runs
        usual = usual_durations(self._scene.status.operations) if self._scene.status else {}
        self._view = RunView(runs, self._part, usual=usual, seq=seq)
        self._view.draw()
        self._forget = [each.observe(self._changed) for each in runs]
        self._changed()

    def unwatch(self) -> None:
        """Take the runs off the screen; they go on."""
        for forget in self._forget:
            forget()
        if self._view is not None:
            self._view.detach()
        self._scene.runs, self._view, self._forget = [], None, []

    def _changed(self) -> None:
        self._drawing.all()
        company = self._scene.company
        if company and self._scene.runs and all(run.done for run in self._scene.runs):
            self._guard.spawn("The data status could not be read again", self._renew, company["id"])

    async def _renew(self, company_id: str) -> None:
        """Read the ages again after a refresh."""
        status = await company_status(self._session.context, company_id)
        if self._scene.status is not None and self._scene.status.facts.id == company_id:
            self._scene.status = status
            self._drawing.all()
