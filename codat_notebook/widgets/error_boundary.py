"""The guard under which all actions of a console run: kept tasks, and what goes wrong in them is told.

An exception in a task vanishes in Jupyter. Here it ends in ``session.errors`` and in a notice, in plain words; the
messages of the notices come back here, too.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from codat_notebook.runs.records import ErrorRecord, Subject
from codat_notebook.widgets.console_state import ConsoleState
from codat_notebook.widgets.notice import record_item
from codat_notebook.widgets.part import Message
from codat_notebook.widgets.run_view import number_of

if TYPE_CHECKING:
    from codat_notebook.session import Session


class ErrorBoundary:
    """Runs the actions of one console. ``draw`` is called when there is something new to tell."""

    def __init__(self, session: "Session", scene: ConsoleState, draw: Callable[[], object]) -> None:
        self._session, self._scene, self._draw = session, scene, draw
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, what: str, action: Callable[..., Awaitable[None]], *arguments: Any) -> asyncio.Task[None]:
        """Run an action as a kept task whose failure is told, as ``what``: in the error log and in a notice."""
        task = asyncio.get_running_loop().create_task(self._guarded(what, action, *arguments))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def caught(self, handler: Callable[[Message], object]) -> Callable[[Message], None]:
        """A part's handler whose own failure is told: on the engine thread it would vanish."""

        def handle(message: Message) -> None:
            try:
                handler(message)
            except Exception as error:  # noqa: BLE001 - whatever it is, the reader is told; nobody else would
                self.tell(self._session.context.report(error, "The click could not be acted on", self._subject()))

        return handle

    def _subject(self) -> Subject | None:
        company = self._scene.company
        return Subject(company_id=company["id"]) if company else None

    async def _guarded(self, what: str, action: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        try:
            await action(*arguments)
        except Exception as error:  # noqa: BLE001 - whatever it is, the reader is told; nobody else would
            self.tell(self._session.context.report(error, what, self._subject()))

    def tell(self, record: ErrorRecord) -> None:
        """Show an error as a notice; one that says the same replaces the older one."""
        item = record_item(record)
        self._scene.notices = [item, *(old for old in self._scene.notices if old["what"] != record.what)]
        self._draw()

    def on_notice(self, message: Message) -> None:
        """A notice was dismissed, or all errors are to be seen."""
        self._scene.notice_seq = number_of(message, "seq")
        if message.get("type") == "dismiss":
            self._scene.notices = [item for item in self._scene.notices if item["key"] != message.get("key")]
        elif message.get("type") == "errors":
            self._scene.asked_tab = self._scene.tab = "errors"
        self._draw()

    def stop(self) -> None:
        """Cancel what is under way."""
        for task in tuple(self._tasks):
            task.cancel()
