"""Reads a company's older operations from Codat, where the reader wants to see them.

The line below the table loads older ones, or all of them. A span of time in the filter that begins before what is
there is asked of Codat by its query, so that a day of last year costs one request and not a hundred.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from codat_notebook.models.errors import CodatLendingError
from codat_notebook.models.instants import instant
from codat_notebook.models.shared import PullOperation
from codat_notebook.runs.records import Subject
from codat_notebook.tables.facets import ends
from codat_notebook.tables.sheet import View
from codat_notebook.widgets.console_state import ConsoleState
from codat_notebook.widgets.error_boundary import ErrorBoundary
from codat_notebook.widgets.past import PAGE, WHOLE, Span, followed, more_state
from codat_notebook.widgets.table import FrameTable

if TYPE_CHECKING:
    from codat_notebook.session import Session

#: Operations after which a long reading tells how far it is.
STEP = 5000
_WHAT = "Older operations could not be read"
_DAYS = "Loading the operations of these days:"
_REFUSED = "Codat does not filter by these days: load older operations instead."


class History:
    """Reads older operations for one console. All methods are for the engine thread.

    ``draw`` is called when the table has more to show.
    """

    def __init__(
        self,
        session: "Session",
        scene: ConsoleState,
        guard: ErrorBoundary,
        table: FrameTable,
        draw: Callable[[], object],
    ) -> None:
        self._session, self._scene, self._guard, self._table, self._draw = session, scene, guard, table, draw
        self._task: asyncio.Task[None] | None = None
        self._coming: list[PullOperation] = []
        self._wanted: tuple[str, ...] = ()

    def start(self) -> None:
        """Follow what the reader wants to see."""
        self._table.on_more, self._table.on_view = self._on_more, self._on_view

    def stop(self) -> None:
        """Follow it no more."""
        self._table.on_more = self._table.on_view = None
        self._cancel()
        self._table.tell_more(None)

    def follow(self) -> None:
        """Take over a company's status that was read anew; what is under way for another company ends."""
        status, company = self._scene.status, self._scene.past.company
        if status is None or status.facts.id != company:
            self._cancel()
        self._scene.past = followed(self._scene.past, status)
        self._tell()

    def _on_more(self, name: str) -> None:
        if name == "stop":
            self._cancel()
            self._draw()
        elif name == "older":
            self._load("Loading older operations:", self._older)
        elif name == "all":
            self._load("Loading all operations:", self._span, WHOLE)

    def _on_view(self, view: View) -> None:
        """A span of time that begins before what is there is read from Codat."""
        wanted = view.facets.get("requested", ())
        if wanted == self._wanted:
            return
        self._wanted = wanted
        if self._scene.past.loading == _DAYS:
            self._cancel()
        span = ends(wanted, self._session.context.now)
        if (since := span[0]) is None or not self._lacks(span):
            return
        newest = sorted(self._known(), key=lambda o: o.requested, reverse=True)[: self._scene.past.reached]
        oldest = min((time for o in newest if (time := instant(o.requested))), default=since)
        if since < oldest:
            self._load(_DAYS, self._span, span)

    def _lacks(self, span: Span) -> bool:
        state = self._state()
        return state is not None and not self._scene.past.holds(span)

    def _known(self) -> list[PullOperation]:
        return list({**self._scene.past.operations, **{o.id: o for o in self._scene.operations()}}.values())

    def _load(self, words: str, action: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        if self._scene.status is None:
            return
        self._cancel()
        self._scene.past = replace(self._scene.past, loading=words, failed="")
        self._task = self._guard.spawn(_WHAT, self._told, action, *arguments)
        self._tell()

    async def _told(self, action: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        """What goes wrong is told where the operations are missing, and in the session's errors."""
        failed = ""
        try:
            await action(*arguments)
        except CodatLendingError as error:
            record = self._session.context.report(error, _WHAT, Subject(company_id=self._scene.past.company))
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
        before = self._scene.past.reached // PAGE
        request = self._request(page=before + 1, page_size=PAGE)
        page = await self._session.client.manage_data.pull_operations.list_async(request=request)
        self._coming = list(page.results)
        past, last = self._scene.past, (WHOLE,) if page.links.next is None else ()
        self._take(reached=max(past.reached, before * PAGE + len(page.results)), spans=past.spans + last)

    async def _span(self, span: Span) -> None:
        """Everything within a span of time, page after page."""
        ends_said = [(sign, end) for sign, end in zip((">=", "<="), span, strict=True) if end]
        query = "&&".join(f"requested{sign}{end:%Y-%m-%dT%H:%M:%SZ}" for sign, end in ends_said)
        request = self._request(**({"query": query} if query else {}))
        async for operation in self._session.client.manage_data.pull_operations.iterate_async(request=request):
            self._coming.append(operation)
            if len(self._coming) % STEP == 0:
                self._tell()
        past = self._scene.past
        reached = past.reached if query else max(past.reached, len(self._coming))
        self._take(reached=reached, spans=(*past.spans, span))

    def _request(self, **further: Any) -> dict[str, Any]:
        return {"company_id": self._scene.past.company, "order_by": "-requested", **further}

    def _take(self, **changes: Any) -> None:
        """Keep what has come, with the newest operations, which may be pushed out of the next status by newer ones."""
        coming, self._coming = self._coming, []
        status = self._scene.status
        newest = status.operations if coming and status else []
        self._scene.past = self._scene.past.holding([*coming, *newest], **changes)
        self._tell()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
            self._take(loading="")

    def _state(self) -> Any:
        status, past = self._scene.status, self._scene.past
        if status is None:
            return None
        return more_state(past, past.known([*self._scene.operations(), *self._coming]), self._scene.total)

    def _tell(self) -> None:
        self._table.tell_more(self._state())
