"""FrameTable: a DataFrame of any size on screen, paged, sorted and filtered in the kernel.

The browser gets the rows that it shows and no others, so a hundred thousand rows cost what fifty do. What the reader
asks for (:class:`TableView`) is kept apart from the frame, so a live update keeps all of it. Work is done in a worker,
one piece at a time, and a result for a view that has changed meanwhile is dropped: a page by
:mod:`codat_notebook.tables.sheet`, what the reader takes away by :mod:`codat_notebook.tables.exports`.
"""

from __future__ import annotations

import asyncio
import difflib
import inspect
import logging
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from codat_notebook import words
from codat_notebook.markup import Markup, h, table, text_of
from codat_notebook.tables import exports
from codat_notebook.tables.column import Column, Row
from codat_notebook.tables.sheet import Filter, Layout, PageState, Sheet, TableView
from codat_notebook.widgets.part import Click, Part, not_live

if TYPE_CHECKING:
    import pandas as pd

    from codat_notebook.client.clock import ServerClock

__all__ = ["Column", "FrameTable", "View"]

View = TableView

_log = logging.getLogger("codat_notebook")
#: Rows and columns of the static form, for front ends without widgets, and characters of a cell of its text.
_STATIC_ROWS, _STATIC_COLUMNS, _STATIC_WIDTH = 10, 12, 40


class MoreState(TypedDict):
    """The line below the rows: that there are more than the frame holds, and ``actions`` as [name, words]."""

    text: str
    busy: bool
    failed: bool
    actions: list[list[str]]


class TableState(PageState):
    """A page, what went wrong in the owner's own code (``notice``), and the last message that it answers."""

    notice: str
    more: MoreState | None
    seq: int


class SortBy(Click, frozen=True, kw_only=True, tag="sort"):
    """In the order of this column, or in the other direction."""

    column: str


class FilterText(Click, frozen=True, kw_only=True, tag="filter"):
    """Only rows with all of these words."""

    text: str


class QuickLabel(Click, frozen=True, kw_only=True, tag="quick"):
    """Only rows of the quick filter with this label; all for ""."""

    label: str


class FacetValues(Click, frozen=True, kw_only=True, tag="facet"):
    """Only rows whose column holds one of these values, or a time between these ends; all for none."""

    column: str
    values: tuple[str, ...]


class ClearFilters(Click, frozen=True, tag="clear"):
    """All rows, in the order that there is."""


class TurnTo(Click, frozen=True, kw_only=True, tag="page"):
    """The page with this number, from 0."""

    page: int


class SelectRow(Click, frozen=True, kw_only=True, tag="select"):
    """The row with this key, or none."""

    key: str | None


class TickRow(Click, frozen=True, kw_only=True, tag="tick"):
    """Tick the row with this key, or without a key all that match; or tick them no more."""

    on: bool
    key: str | None = None


class LoadMore(Click, frozen=True, kw_only=True, tag="more"):
    """One of the ``actions`` of the line below the rows."""

    name: str


class ExportAs(Click, frozen=True, kw_only=True, tag="export"):
    """Answer with the pieces of one of ``exports.CHOICES``, or (``html``) of a report of what the rows are about."""

    choice: Literal["copy", "csv", "xlsx", "html"]


class StopExport(Click, frozen=True):
    """Make and send no more of what was asked for."""


Asked = SortBy | FilterText | QuickLabel | FacetValues | ClearFilters | TurnTo | SelectRow | TickRow | LoadMore
Message = Asked | ExportAs | StopExport


class FrameTable(Part[TableState]):
    """A table of a DataFrame that stays fast at any size and live while its frame changes.

    Parameters
    ----------
    frame : what to show; ``None`` shows ``empty`` until there is something.
    title : a heading above the table.
    empty : what stands in place of rows when there are none.
    noun : what a row is, for the count ("1,284 operations").
    page_size : rows on a page.
    columns : how columns are shown, by name; those it names come first, in its order. Others are shown by their dtype.
    key : the column that tells rows apart, so that a selection survives updates; without it the index does.
    sort : column and "asc" or "desc" to begin with, where the frame has that column; or ``None``.
    filters : quick filters by label: a function from the frame to a mask, ``(column, value)`` or ``(column, [...])``.
        Filters by what a column holds are declared by the column: ``Column(facet=True)``.
    ticks : rows get boxes to tick, those of a mask that this function makes of the frame; ``ticked`` has their keys.
    now : what filters such as "last hour" count from; by default the newest time of the column.
    clock : the server's, of the session that the frame is from: by it durations of what has not ended go on.
    traits : as any widget takes them: ``layout=ipywidgets.Layout(width="60%")``, for one.

    Notes
    -----
    ``title``, ``empty`` and all values are shown as text, never as markup.

    Examples
    --------
    >>> import pandas as pd
    >>> table = FrameTable(pd.DataFrame({"id": ["a", "b"], "size": [1, 2]}), sort=("size", "desc"))
    >>> list(table.visible["id"])
    ['b', 'a']
    """

    classes = ("codat-table",)
    interval = 0.5
    messages = Message
    files = ("popover.js", "export.js", "facets.js", "table.js", "table.css", "export.css", "facets.css")

    def __init__(
        self, frame: pd.DataFrame | None = None, *, title: str = "", empty: str = "Nothing to show yet.",
        noun: str = "row", page_size: int = 50, columns: Mapping[str, Column] | None = None, key: str = "id",
        sort: tuple[str, str] | None = ("requested", "desc"), filters: Mapping[str, Filter] | None = None,
        ticks: Callable[[pd.DataFrame], Any] | None = None, now: Callable[[], datetime] | None = None,
        clock: ServerClock | None = None, **traits: Any,
    ) -> None:  # fmt: skip
        _check_keywords(type(self), traits)
        #: What spans such as the last hour count from; ``None`` for the newest time of the column.
        self.now = now
        self._layout = Layout(title, empty, noun, page_size, key, columns or {}, filters or {}, self._clock, ticks)
        self._sheet = self._sheet_of(frame)
        self._view = TableView(sort=sort)
        self._selected: str | None = None
        self._ticked: frozenset[str] = frozenset()
        self._answered = 0
        self._failures = {"draw": "", "listener": "", "export": ""}
        self._exporting: asyncio.Task[None] | None = None
        self._wanted = False
        self._at_once = False
        self._task: asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None
        self._listeners: list[Callable[[Row], object]] = []
        self._more: MoreState | None = None
        self._empty = empty
        #: For the package's own use: what files are named after, and whose rows these are, which is a column in them.
        self.what = title or words.count(2, noun).removeprefix("2 ")
        self.company = ""
        #: For the package's own use, called on the engine thread: what the reader asked for beyond the frame (an
        #: action's name, see ``tell_more``), and each other view.
        self.on_more: Callable[[str], object] | None = None
        self.on_view: Callable[[TableView], object] | None = None
        #: Likewise with each other choice of ticked rows.
        self.on_tick: Callable[[], object] | None = None
        #: For the package's own use, called on the engine thread with each draw: the selected row as it is now.
        self.on_row: Callable[[Row | None], object] | None = None
        #: Likewise with each wish for a report, and with the end of it.
        self.on_report: Callable[[ExportAs | StopExport], object] | None = None
        super().__init__(self._dressed(self._sheet.page(self._view, None)), clock=clock, **traits)
        self.on_message = self._act

    @property
    def frame(self) -> pd.DataFrame | None:
        """What is shown: a copy of the frame that was given. Assigning another one updates the table."""
        return self._sheet.frame

    @frame.setter
    def frame(self, frame: pd.DataFrame | None) -> None:
        self.update(frame)

    def update(self, frame: pd.DataFrame | None) -> None:
        """Show another frame, from any thread. Order, filters, page, scroll and selection stay."""
        self._sheet = self._sheet_of(frame)
        self._engine.post(self._renew, False)

    def _sheet_of(self, frame: pd.DataFrame | None) -> Sheet:
        """Of a copy, since a sheet's frame must not change."""
        return Sheet(None if frame is None else frame.copy(), self._layout)

    @property
    def view(self) -> TableView:
        """What the reader asked for: sort, text, quick filter, page."""
        return self._view

    @property
    def visible(self) -> pd.DataFrame:
        """All rows that match the filters, over all pages, in the order shown, with all columns."""
        return self._sheet.visible(self._view)

    @property
    def selected(self) -> Row | None:
        """The selected row as a dict of the frame's values, or ``None``."""
        return None if self._selected is None else self._sheet.row(self._selected)

    @property
    def ticked(self) -> frozenset[str]:
        """The keys of the rows that are ticked. Assigning others ticks those, from any thread; listeners are not told.

        >>> FrameTable().ticked
        frozenset()
        """
        return self._ticked

    @ticked.setter
    def ticked(self, keys: Iterable[str]) -> None:
        self._ticked = frozenset(keys)
        self._engine.post(self._renew, True)

    def _clock(self) -> datetime | None:
        return self.now() if self.now is not None else None

    def tell_more(self, more: MoreState | None) -> None:
        """Say below the rows that there are more than the frame holds, from any thread; ``None`` for nothing."""
        self._engine.post(lambda: self._say(more, self._empty))

    def tell_empty(self, text: str) -> None:
        """Say something else in the place of rows where there are none, from any thread."""
        self._engine.post(lambda: self._say(self._more, text))

    def _say(self, more: MoreState | None, empty: str) -> None:
        if (more, empty) != (self._more, self._empty):
            self._more = more
            self._empty = empty
            self._dress()

    def select(self, key: str | None) -> None:
        """Select the row with this key, or none of them, from any thread. Listeners are not told.

        >>> FrameTable().select(None)
        """
        self._engine.post(self._choose, key)

    def _choose(self, key: str | None) -> None:
        self._selected = key
        self._renew(True)

    def search(self, text: str) -> None:
        """Show only rows with all of these words, as if the reader had typed them, from any thread.

        >>> FrameTable().search("")
        """
        self._engine.post(self._act, FilterText(text=text))

    def on_select(self, callback: Callable[[Row], object]) -> None:
        """Have ``callback(row)`` called, on the thread for users' code, whenever the reader selects a row.

        >>> table = FrameTable()
        >>> table.on_select(lambda row: row["id"])
        """
        self._listeners.append(callback)

    async def drawn(self) -> None:
        """Return once the newest frame and view are worked out and sent, however soon after the last time."""
        while self._wanted or self._task is not None:
            self._at_once = True
            await (asyncio.wait([self._task]) if self._task else asyncio.sleep(0))
        if self._pending is not None:
            self._write()

    # On the engine thread, all of it.

    def _act(self, message: Message) -> None:
        if isinstance(message, ExportAs | StopExport):
            self._export(message)
            return
        if isinstance(message, TickRow):
            self._engine.loop.create_task(self._tick(message)).add_done_callback(partial(self._ended, "draw"))
            return
        self._answered = message.seq or self._answered
        self._failures["listener"] = ""
        match message:
            case SelectRow(key=key):
                self._selected = key
                if self._listeners and key is not None:
                    self._telling = self._engine.loop.create_task(self._tell(self._sheet, key, self._telling))
                    self._telling.add_done_callback(partial(self._ended, "listener"))
            case LoadMore(name=name):
                if self.on_more is not None:
                    self.on_more(name)
            case _:
                view = _viewed(self._view, message, self._sheet.kinds)
                if view is not self._view and self.on_view is not None:
                    self.on_view(view)
                self._view = view
        self._renew(True)

    async def _tick(self, message: TickRow) -> None:
        keys = await self._engine.in_worker(self._sheet.tickable, self._view)
        keys = keys if message.key is None else keys & {message.key}
        self._ticked = self._ticked | keys if message.on else self._ticked - keys
        self._answered = message.seq or self._answered
        self._renew(True)
        if self.on_tick is not None:
            self.on_tick()

    def _export(self, message: ExportAs | StopExport) -> None:
        if self._exporting is not None:
            self._exporting.cancel()  # the reader has enough of it, or asked for another one
        if self.on_report is not None and (isinstance(message, StopExport) or message.choice == "html"):
            self.on_report(message)
        elif isinstance(message, ExportAs):
            self._failures["export"] = ""
            self._exporting = self._engine.loop.create_task(self._deliver(self._sheet, self._view, message))
            self._exporting.add_done_callback(partial(self._ended, "export"))

    async def _deliver(self, sheet: Sheet, view: TableView, message: ExportAs) -> None:
        made = self._made(sheet, view, message.choice)
        await exports.deliver(self.send, made, message.seq, self._engine.in_worker)

    def _made(self, sheet: Sheet, view: TableView, choice: str) -> Generator[exports.Piece]:
        frame = sheet.taken_away(view)
        if self.company and "company" not in frame:
            frame.insert(0, "company", self.company)
        yield from exports.pieces(frame, choice, exports.safe_name(self.company, self.what))

    async def _tell(self, sheet: Sheet, key: str, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])  # listeners hear of rows in the order of the clicks
        row = await self._engine.in_worker(sheet.row, key)
        if row is None:
            return
        for listener in self._listeners:
            self._engine.run_user_code(listener, row).add_done_callback(partial(self._ended, "listener"))

    def _ended(self, about: str, done: asyncio.Task[None] | Future[Any]) -> None:
        """Tell what a filter, a tone or a listener of the owner's raised; nobody awaits them, so it is logged, too."""
        if not done.cancelled() and (error := done.exception()) is not None:
            _log.error("A table's own code failed.", exc_info=error)
            self._engine.post(self._complain, about, f"{type(error).__name__}: {error}")

    def _renew(self, at_once: bool) -> None:
        self._wanted = True
        self._at_once |= at_once
        if self._task is None:
            self._engine.expect(("page", id(self)))
            self._task = self._engine.loop.create_task(self._work())
            self._task.add_done_callback(self._worked)

    async def _work(self) -> None:
        self._wanted = False
        sheet, view, selected, ticked = self._sheet, self._view, self._selected, self._ticked
        page = await self._engine.in_worker(sheet.page, view, selected, ticked)
        self._failures["draw"] = ""
        if view is self._view and selected == self._selected and ticked is self._ticked:
            at_once, self._at_once = self._at_once, False
            self._offer(self._dressed(page), at_once)
            if self.on_row is not None:
                self.on_row(None if selected is None else sheet.row(selected))

    def _worked(self, task: asyncio.Task[None]) -> None:
        self._task = None
        self._engine.settled(("page", id(self)))
        self._ended("draw", task)
        if self._wanted and not task.cancelled():
            self._renew(False)

    def _dress(self) -> None:
        """Say something else around the same rows."""
        self._offer(self._dressed(self._pending or self.state), True)

    def _dressed(self, page: PageState) -> TableState:
        notice = " ".join(filter(None, self._failures.values()))
        return {**page, "empty": self._empty, "notice": notice, "more": self._more, "seq": self._answered}

    def _complain(self, about: str, failure: str) -> None:
        self._failures[about] = failure
        self._dress()

    # Where no widget can be shown.

    def __repr__(self) -> str:
        frame = self._sheet.frame
        if frame is None:
            return f"FrameTable(empty: {self._layout.empty})"
        return f"FrameTable({words.count(len(frame), self._layout.noun)}, {words.count(frame.shape[1], 'column')})"

    @staticmethod
    def text(state: TableState, now: str) -> str:
        """The first rows of the page in columns, and how many there are; times in UTC."""
        if not state["rows"]:
            return state["empty"]
        heads, rows = first_rows(state)
        cells = [[" ".join(cell.split())[:_STATIC_WIDTH] for cell in row] for row in (heads, *rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
        return "\n".join([*lines, count_text(state)])

    def _repr_html_(self) -> str:
        return table_html(self.state) + h("p", not_live(self.as_of))


def first_rows(state: TableState) -> tuple[list[str], list[list[str]]]:
    """The heads and cells, in words, of a page's first rows. Left out are columns without any text there, and links:
    they open for whoever has them, and what is shown without a widget may be published."""
    heads = state["columns"][:_STATIC_COLUMNS]
    rows = [
        [static_text(cell, head["kind"]) for cell, head in zip(row, heads, strict=False)]
        for row in state["rows"][:_STATIC_ROWS]
    ]
    kept = [place for place in range(len(heads)) if heads[place]["kind"] != "link" and any(row[place] for row in rows)]
    return [heads[place]["label"] for place in kept], [[row[place] for place in kept] for row in rows]


def count_text(state: TableState) -> str:
    """How many of the rows :func:`first_rows` gives."""
    return f"{min(len(state['rows']), _STATIC_ROWS)} of {words.count(state['total'], state['noun'])}."


def table_html(state: TableState) -> Markup:
    """The first rows as a table, for front ends without widgets."""
    if not state["rows"]:
        return h("p", state["empty"])
    return text_of([table(*first_rows(state)), h("p", count_text(state))])


def _viewed(view: TableView, message: Asked, kinds: Mapping[str, str]) -> TableView:
    """The view after a message; the same one if that names a column that there is not (``kinds`` has those)."""
    match message:
        case SortBy(column=column) if column in kinds:
            return view.sorted_by(column, kinds[column])
        case FacetValues(column=column, values=values) if column in kinds:
            return view.with_facet(column, values)
        case FilterText(text=text):
            return replace(view, text=text, page=0)
        case QuickLabel(label=label):
            return replace(view, quick=label, page=0)
        case ClearFilters():
            return TableView(view.sort)
        case TurnTo(page=page):
            return replace(view, page=max(0, page))
    return view


def _check_keywords(kind: type[FrameTable], given: Iterable[str]) -> None:
    """Refuse what is no keyword: a widget takes any and does nothing with it."""
    names = [name for name in (*inspect.signature(kind).parameters, *kind.class_trait_names()) if name != "traits"]
    for name in given:
        if name not in names:
            nearest = difflib.get_close_matches(name, names, 1, 0)[0]
            raise TypeError(f"{kind.__name__} has no keyword {name!r}; the nearest is {nearest!r}")


def static_text(cell: Any, kind: str) -> str:
    """A cell of the state in words, as the browser shows it but in UTC."""
    if cell is None:
        return ""
    if kind in ("status", "data_type"):
        return str(cell[0])
    if kind == "duration" and isinstance(cell, list):
        return f"since {words.utc(cell[0])}"
    if kind == "duration" and not isinstance(cell, str):
        return words.duration(cell)
    if kind == "time":
        return str(cell).replace("T", " ").removesuffix("Z")
    return f"{cell} %" if kind == "percent" else str(cell)
