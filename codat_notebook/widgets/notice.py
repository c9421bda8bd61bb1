"""What went wrong in the console: the boundary under which all its actions run, and the cards that tell of it.

An exception in a click handler or a background task vanishes in Jupyter. Here it ends in ``session.errors`` and in a
card: what, to what, why, what to do, and the correlation id that support asks for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from codat_notebook.runs.records import ErrorRecord, Subject
from codat_notebook.session import Session
from codat_notebook.tables import exports
from codat_notebook.widgets.part import Click, Part
from codat_notebook.widgets.table import ExportAs, StopExport
from codat_notebook.words import and_more, iso, utc

if TYPE_CHECKING:
    from codat_notebook.widgets.console_state import ConsoleState

#: Cards shown at once; the others are counted.
MOST = 3


class NoticeCard(TypedDict):
    """A card: "what, when, details", then why, then what to do.

    ``link`` is a link to relink, ``support`` the text that "Copy for support" copies.
    """

    key: str
    what: str
    when: str | None
    details: list[str]
    why: str
    do: str
    correlation_id: str | None
    link: str | None
    support: str


class NoticeState(TypedDict):
    """The newest cards, and how many more there are."""

    items: list[NoticeCard]
    more: int
    seq: int


class Dismiss(Click, frozen=True):
    """Take a card away."""

    key: str = ""


class Errors(Click, frozen=True):
    """Show all errors of the session."""


def record_item(record: ErrorRecord) -> NoticeCard:
    """The card of an error that the session remembers; of its status it tells only that of an HTTP answer."""
    when = record.time.isoformat()
    details = [record.status] if record.status and record.status.isdigit() else []
    correlation = f"Correlation id: {record.correlation_id}" if record.correlation_id else ""
    support = (record.what, f"When: {when}", *details, record.why, record.action, correlation)
    return {
        "key": f"{record.what}@{when}", "what": record.what, "when": iso(when), "details": details, "why": record.why,
        "do": record.action, "correlation_id": record.correlation_id, "link": record.link_url,
        "support": "\n".join(filter(None, support)),
    }  # fmt: skip


def notice_state(items: Sequence[NoticeCard], seq: int = 0) -> NoticeState:
    """The state of a :class:`Notice`: the first few of ``items`` (newest first) and how many more there are."""
    return {"items": list(items[:MOST]), "more": max(0, len(items) - MOST), "seq": seq}


class Notice(Part[NoticeState]):
    """Cards for errors and warnings (class ``codat-notice``), nothing at all while there are none."""

    classes = ("codat-notice",)
    files = ("card.js", "notice.js", "card.css", "notice.css")
    messages = Dismiss | Errors

    @staticmethod
    def text(state: NoticeState, now: str) -> str:
        """Each card in a few lines; times in UTC."""
        return "\n\n".join([utc(item["support"]) for item in state["items"]] + and_more(state["more"]))


class ErrorBoundary:
    """Runs the actions of one console. ``draw`` is called when there is something new to tell."""

    def __init__(self, session: Session, state: "ConsoleState", draw: Callable[[], object]) -> None:
        self._session = session
        self._state = state
        self._draw = draw
        self._tasks: set[asyncio.Task[None]] = set()
        self._files: dict[Part[Any], asyncio.Task[None]] = {}

    def spawn(self, what: str, action: Callable[..., Awaitable[None]], *arguments: Any) -> asyncio.Task[None]:
        """Run an action as a kept task whose failure is told, as ``what``: in the error log and in a notice."""
        task = asyncio.get_running_loop().create_task(self._guarded(what, action, *arguments))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def deliver(
        self, what: str, part: Part[Any], made: Callable[[], exports.Made], message: ExportAs | StopExport
    ) -> None:
        """Send a part the file that its reader asks for, in the place of one that is under way; or no more of it."""
        if (before := self._files.pop(part, None)) is not None:
            before.cancel()
        if isinstance(message, ExportAs):
            in_worker = self._session.context.engine.in_worker
            self._files[part] = self.spawn(what, exports.deliver, part.send, made(), message.seq, in_worker)

    def caught(self, handler: Callable[[Any], object]) -> Callable[[Any], None]:
        """A part's handler whose own failure is told: on the engine thread it would vanish."""

        def handle(message: Click) -> None:
            try:
                handler(message)
            except Exception as error:  # noqa: BLE001 - whatever it is, the reader is told; nobody else would
                self._tell(error, "The click could not be acted on")

        return handle

    async def _guarded(self, what: str, action: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        try:
            await action(*arguments)
        except Exception as error:  # noqa: BLE001 - whatever it is, the reader is told; nobody else would
            self._tell(error, what)

    def _tell(self, error: Exception, what: str) -> None:
        """Log an error and show it as a notice; one that says the same replaces the older one."""
        company = self._state.company
        subject = Subject(company_id=company["id"]) if company else None
        record = self._session.context.report(error, what, subject)
        self._state.notices = [record_item(record), *(old for old in self._state.notices if old["what"] != what)]
        self._draw()

    def stop(self) -> None:
        """Cancel what is under way."""
        for task in tuple(self._tasks):
            task.cancel()
