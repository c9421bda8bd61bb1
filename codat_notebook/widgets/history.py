"""A company's operations beyond its newest ones: what of them was read, how it is read, what the table says of it.

The console shows a thousand operations at once; a company may have a hundred thousand. The line below the table loads
older ones, or all. Pages are counted from the newest operation, which new ones only move to later pages: a page read
late leaves no gap. A span of time in the filter that begins before what is there is asked of Codat by its query, so
that a day of last year costs one request and not a hundred.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from codat_notebook.models.errors import CodatLendingError
from codat_notebook.models.instants import instant
from codat_notebook.models.operations import ListPullOperationsRequestTypedDict
from codat_notebook.models.shared import PullOperation
from codat_notebook.runs.records import Subject
from codat_notebook.session import Session
from codat_notebook.tables.column import ends
from codat_notebook.tables.sheet import TableView
from codat_notebook.widgets.notice import ErrorBoundary
from codat_notebook.widgets.table import FrameTable, MoreState
from codat_notebook.words import count, number

if TYPE_CHECKING:
    from codat_notebook.widgets.console_state import ConsoleState

#: Operations of a page: what every deployment of Codat's gives.
PAGE = 2000

#: Two ends in time; ``None`` for an open one.
Span = tuple[datetime | None, datetime | None]
WHOLE: Span = (None, None)


@dataclass(frozen=True, slots=True)
class LoadedHistory:
    """Operations of one company by id, none as long as its newest ones are all that was asked for.

    ``reached`` says how many of the newest are there without a gap, ``spans`` which spans of time are there whole.
    ``loading`` and ``failed`` are what is told of it.
    """

    company: str = ""
    operations: Mapping[str, PullOperation] = field(default_factory=dict)
    reached: int = 0
    spans: tuple[Span, ...] = ()
    loading: str = ""
    failed: str = ""

    def holding(self, further: Iterable[PullOperation], **changes: Any) -> "LoadedHistory":
        """The same with further operations."""
        return replace(self, operations={**self.operations, **{o.id: o for o in further}}, **changes)

    def count(self, newest: Iterable[PullOperation]) -> int:
        """How many operations are there with the newest ones."""
        return len(self.operations) + sum(operation.id not in self.operations for operation in newest)

    def holds(self, span: Span) -> bool:
        """Whether everything within a span of time was read."""
        return any(_within(span, each) for each in self.spans)


def _within(inner: Span, outer: Span) -> bool:
    begins = outer[0] is None or (inner[0] is not None and outer[0] <= inner[0])
    return begins and (outer[1] is None or (inner[1] is not None and inner[1] <= outer[1]))


def more_state(past: LoadedHistory, there: int, total: int) -> MoreState | None:
    """The line below the table: how much of the history is there, and what can be done. ``None`` if it is whole.

    ``there`` operations are there, Codat has ``total``, or more than these where that is 0.

    >>> more_state(LoadedHistory(), 1000, 100_000)["text"]
    'The newest 1,000 of 100,000 operations. Filters and exports cover only these.'
    """
    all_of_them = f" of {number(total)}" if total else ""
    if past.loading:
        words = f"{past.loading} {number(there)}{all_of_them}"
        return {"text": words, "busy": True, "failed": False, "actions": [["stop", "Stop"]]}
    if past.holds(WHOLE) or there >= (total or there + 1):
        return None
    held = f"{number(there)} of {count(total, 'operation')}" if total else count(there, "operation")
    islands = bool(past.spans) or len(past.operations) > past.reached  # of days that were asked for by themselves
    held = held if islands else f"The newest {held}"
    actions = [["older", "Load older"], ["all", f"Load all{' ' + number(total) if total else ''}"]]
    text = f"{held}. Filters and exports cover only these."
    return {"text": f"{past.failed} {text}".strip(), "busy": False, "failed": bool(past.failed), "actions": actions}


#: Operations after which a long reading tells how far it is.
STEP = 5000
_WHAT = "Older operations could not be read"
_DAYS = "Loading operations from these days:"
_REFUSED = "Codat cannot filter by these days: load older operations instead."


class HistoryLoader:
    """Reads older operations for one console. All methods are for the engine thread.

    ``draw`` is called when the table has more to show.
    """

    def __init__(
        self, session: Session, state: "ConsoleState", boundary: ErrorBoundary, table: FrameTable,
        draw: Callable[[], object],
    ) -> None:  # fmt: skip
        self._session = session
        self._state = state
        self._boundary = boundary
        self._table = table
        self._draw = draw
        self._task: asyncio.Task[None] | None = None
        self._coming: list[PullOperation] = []
        self._wanted: tuple[str, ...] = ()

    def start(self) -> None:
        """Follow what the reader wants to see."""
        self._table.on_more = self._on_more
        self._table.on_view = self._on_view

    def stop(self) -> None:
        """Follow it no more."""
        self._table.on_more = self._table.on_view = None
        self._cancel()
        self._table.tell_more(None)

    def follow(self) -> None:
        """Take over a company's status that was read anew: nothing is lost of the same one, another one begins anew."""
        status, past = self._state.status, self._state.past
        if status is None or status.facts.id != past.company:
            self._cancel()
            self._state.past = (
                LoadedHistory(company=status.facts.id, reached=len(status.operations)) if status else LoadedHistory()
            )
        elif past.operations:
            self._state.past = past.holding(status.operations)
        self._tell()

    def _on_more(self, name: str) -> None:
        if name == "stop":
            self._cancel()
            self._draw()
        elif name == "older":
            self._load("Loading older operations:", self._older)
        elif name == "all":
            self._load("Loading all operations:", self._span, WHOLE)

    def _on_view(self, view: TableView) -> None:
        """A span of time that begins before what is there is read from Codat."""
        wanted = view.facets.get("requested", ())
        if wanted == self._wanted:
            return
        self._wanted = wanted
        if self._state.past.loading == _DAYS:
            self._cancel()
        span = ends(wanted, self._session.context.now)
        if (since := span[0]) is None or self._more() is None or self._state.past.holds(span):
            return
        there = {**self._state.past.operations, **{o.id: o for o in self._state.operations()}}
        newest = sorted(there.values(), key=lambda o: o.requested, reverse=True)[: self._state.past.reached]
        oldest = min((time for o in newest if (time := instant(o.requested))), default=since)
        if since < oldest:
            self._load(_DAYS, self._span, span)

    def _load(self, words: str, action: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        if self._state.status is None:
            return
        self._cancel()
        self._state.past = replace(self._state.past, loading=words, failed="")
        self._task = self._boundary.spawn(_WHAT, self._told, action, *arguments)
        self._tell()

    async def _told(self, action: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        """What goes wrong is told where the operations are missing, and in the session's errors."""
        failed = ""
        try:
            await action(*arguments)
        except CodatLendingError as error:
            record = self._session.context.report(error, _WHAT, Subject(company_id=self._state.past.company))
            refused = error.status_code == 400 and action == self._span
            failed = _REFUSED if refused else f"{record.what}: {record.why} {record.action}"
        except Exception:
            self._ended("")
            raise
        self._ended(failed)

    def _ended(self, failed: str) -> None:
        self._task = None
        self._take(loading="", failed=failed)
        self._draw()

    async def _older(self) -> None:
        """The page on which the next older operation stands."""
        before = self._state.past.reached // PAGE
        page = await self._session.client.manage_data.pull_operations.list_async(
            request={**self._request, "page": before + 1, "page_size": PAGE}
        )
        self._coming = list(page.results)
        past, last = self._state.past, (WHOLE,) if page.links.next is None else ()
        self._take(reached=max(past.reached, before * PAGE + len(page.results)), spans=past.spans + last)

    async def _span(self, span: Span) -> None:
        """Everything within a span of time, page after page."""
        ends_said = [(sign, end) for sign, end in zip((">=", "<="), span, strict=True) if end]
        query = "&&".join(f"requested{sign}{end:%Y-%m-%dT%H:%M:%SZ}" for sign, end in ends_said)
        request: ListPullOperationsRequestTypedDict = {**self._request, "query": query or None}
        async for operation in self._session.client.manage_data.pull_operations.iterate_async(request=request):
            self._coming.append(operation)
            if len(self._coming) % STEP == 0:
                self._tell()
        past = self._state.past
        reached = past.reached if query else max(past.reached, len(self._coming))
        self._take(reached=reached, spans=(*past.spans, span))

    @property
    def _request(self) -> ListPullOperationsRequestTypedDict:
        return {"company_id": self._state.past.company, "order_by": "-requested"}

    def _take(self, **changes: Any) -> None:
        """Keep what has come, with the newest operations, which may be pushed out of the next status by newer ones."""
        coming, self._coming = self._coming, []
        status = self._state.status
        newest = status.operations if coming and status else []
        self._state.past = self._state.past.holding([*coming, *newest], **changes)
        self._tell()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
            self._take(loading="")

    def _more(self) -> MoreState | None:
        status, past = self._state.status, self._state.past
        if status is None:
            return None
        return more_state(past, past.count([*self._state.operations(), *self._coming]), self._state.total)

    def _tell(self) -> None:
        self._table.tell_more(self._more())
