"""A frame made ready for a table: the rows that a view shows, their order, and one page of them for the browser.

Pure and free of widgets: a :class:`Sheet` belongs to one frame and remembers what it has worked out for it (orders,
matches, counts), so that turning a page costs nothing. A :class:`TableView` is what the reader has asked for. The same
frame and view always give the same page, whatever was shown before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from codat_notebook.models import status
from codat_notebook.tables import column as cols
from codat_notebook.tables.column import Clock, Column, ColumnValues, FacetState, Row, Shown, Span
from codat_notebook.words import seconds_between

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

T = TypeVar("T")
#: A quick filter: a function from the frame to a boolean mask, or (column, value), or (column, [values]).
Filter = Callable[["pd.DataFrame"], Any] | tuple[str, Any]

_SEARCHED = ("text", "prose", "status", "data_type", "id")


class Heading(TypedDict):
    """A column's heading; ``sort`` is "asc", "desc" or ""."""

    key: str
    label: str
    kind: str
    sort: str


class QuickFilter(TypedDict):
    """A quick filter and how many rows it leaves."""

    label: str
    count: int


class PageState(TypedDict):
    """One page of a table and all that stands around it. ``keys`` tell its rows apart, ``first`` is its first row.

    ``ticks`` says of each row whether it is ticked, ``None`` where it cannot be; ``ticked`` how many of all that match
    are, how many could be, and how many rows are ticked in all. Without boxes to tick ``ticks`` is ``None``.
    """

    title: str
    empty: str
    noun: str
    columns: list[Heading]
    rows: list[list[Any]]
    keys: list[str]
    first: int
    page: int
    pages: int
    matching: int
    total: int
    text: str
    quick: str
    filters: list[QuickFilter]
    facets: list[FacetState]
    selected: str | None
    ticks: list[bool | None] | None
    ticked: list[int]


@dataclass(frozen=True)
class TableView:
    """What the reader asked for: the order, the text in the filter box, the quick filter, the page (from 0).

    ``facets`` holds what is chosen by column: values, or the two ends of a span of time
    (:mod:`codat_notebook.tables.column`).
    """

    sort: tuple[str, str] | None = None
    text: str = ""
    quick: str = ""
    page: int = 0
    facets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def sorted_by(self, column: str, kind: str) -> TableView:
        """In the order of a column of this kind: texts from A on, all else from the largest on; then the other way."""
        first, second = ("asc", "desc") if kind in _SEARCHED else ("desc", "asc")
        return replace(self, sort=(column, second if self.sort == (column, first) else first), page=0)

    def with_facet(self, column: str, chosen: tuple[str, ...]) -> TableView:
        """Filtered by what is chosen of a column: nothing, or two open ends, is no filter."""
        others = {key: each for key, each in self.facets.items() if key != column}
        return replace(self, facets=others if chosen in ((), ("", "")) else {**others, column: chosen}, page=0)


@dataclass(frozen=True)
class Layout:
    """What the owner of a table has fixed: see :class:`codat_notebook.widgets.table.FrameTable`."""

    title: str = ""
    empty: str = ""
    noun: str = "row"
    page_size: int = 50
    key: str = "id"
    columns: Mapping[str, Column] = field(default_factory=dict)
    filters: Mapping[str, Filter] = field(default_factory=dict)
    now: Clock | None = None
    ticks: Callable[[pd.DataFrame], Any] | None = None


class Sheet:
    """A frame (or ``None``, nothing yet) with what has been worked out for it. Its frame must not change."""

    def __init__(self, frame: pd.DataFrame | None, layout: Layout) -> None:
        self.frame = frame
        self.layout = layout
        self.columns = [] if frame is None else cols.shown_columns(frame, layout.columns)
        self.kinds: dict[str, str] = {column.key: column.kind for column in self.columns}
        self._facets = [column.key for column in self.columns if column.facet]
        self._known: dict[Hashable, Any] = {}
        self._drawn: dict[str, int] = {}

    def page(self, view: TableView, selected: str | None, ticked: Collection[str] = ()) -> PageState:
        """The state that the browser draws: one page and all that stands around it."""
        rows = self.rows(view)
        size = self.layout.page_size
        number = min(view.page, max(0, (len(rows) - 1) // size))
        here = rows[number * size : (number + 1) * size]
        visible = [column for column in self.columns if not column.hidden]
        keys = self._key_texts(here)
        self._drawn.update(zip(keys, here, strict=True))
        may, boxes = self._may_tick(), self.layout.ticks is not None
        open = rows[may[rows]] if boxes and len(rows) else []
        return {
            "title": self.layout.title, "empty": self.layout.empty, "noun": self.layout.noun,
            "columns": [self._heading(column, view) for column in visible],
            "rows": self._cells(visible, here), "keys": keys,
            "first": number * size, "page": number, "pages": -(-len(rows) // size),
            "matching": len(rows), "total": 0 if self.frame is None else len(self.frame),
            "text": view.text, "quick": view.quick,
            "filters": [{"label": label, "count": int(self._mask(label).sum())} for label in self.layout.filters],
            "facets": [
                self._facet(key).state(self._kept(view, key), view.facets.get(key, ())) for key in self._facets
            ],
            "selected": selected,
            "ticks": [key in ticked if may[n] else None for key, n in zip(keys, here, strict=True)] if boxes else None,
            "ticked": [sum(key in ticked for key in self._key_texts(open)) if ticked else 0, len(open), len(ticked)],
        }  # fmt: skip

    def rows(self, view: TableView) -> NDArray[np.intp] | list[Any]:
        """Positions in the frame of all rows of the view, over all its pages, in its order."""
        if self.frame is None:
            return []
        order = self._order(view.sort)
        return order[self._kept(view)[order]]

    def tickable(self, view: TableView) -> set[str]:
        """The keys of all rows of the view, over all its pages, that can be ticked."""
        rows, may = self.rows(view), self._may_tick()
        return set(self._key_texts(rows[may[rows]])) if len(rows) else set()

    def _may_tick(self) -> NDArray[np.bool_]:
        return self._masked("ticks", self.layout.ticks or (lambda frame: [False] * len(frame)))

    def visible(self, view: TableView) -> pd.DataFrame:
        """The part of the frame that the view shows, over all pages, with all columns."""
        import pandas as pd

        return pd.DataFrame() if self.frame is None else self.frame.iloc[self.rows(view)]

    def taken_away(self, view: TableView) -> pd.DataFrame:
        """What is ``visible``, without the row numbers of a frame whose index says nothing."""
        import pandas as pd

        shown = self.visible(view)
        index = None if self.frame is None else self.frame.index
        numbers = isinstance(index, pd.RangeIndex) and index.name is None
        return shown.reset_index(drop=True) if numbers else shown

    def row(self, key: str) -> Row | None:
        """The row with this key as a dict of the frame's values, or ``None`` if there is none."""
        place = self._place(key)
        return None if place is None else self._rows([place])[0]

    def _place(self, key: str) -> int | None:
        place: int | None = self._drawn.get(key)  # what is selected has been on a page, mostly
        if place is not None or self.frame is None:
            return place
        column = next((c for c in self.columns if c.key == self.layout.key), None)
        if column is not None and column.values.dtype == "string" and not key.startswith("#"):
            # Looked for anew in each new frame, where a table of all keys would take too long.
            places = (column.values == key).fillna(False).to_numpy(dtype=bool).nonzero()[0]
            return int(places[0]) if len(places) else None
        return self._once("places", lambda: {k: n for n, k in enumerate(self._key_texts(self._order(None)))}).get(key)

    def _rows(self, places: Any) -> list[Row]:
        values = [column.values.iloc[places].tolist() for column in self.columns]
        return [dict(zip(self.kinds, row, strict=True)) for row in zip(*values, strict=True)]

    def _heading(self, column: Shown, view: TableView) -> Heading:
        direction = view.sort[1] if view.sort and view.sort[0] == column.key else ""
        return {"key": column.key, "label": column.label, "kind": column.kind, "sort": direction}

    def _cells(self, visible: list[Shown], here: Any) -> list[list[Any]]:
        sent = [self._sent(column, here) for column in visible]
        return [list(row) for row in zip(*sent, strict=True)] if sent else [[] for _ in here]

    def _sent(self, column: Shown, here: Any) -> list[Any]:
        if column.kind == "status":
            return self._with_tones(column, here)
        values = cols.cells(column, here)
        ends = {each.key: each for each in self.columns if each.key in (column.since, column.until)}
        if column.since in ends and not column.until:
            return [None if start is None else [start] for start in cols.cells(ends[column.since], here)]
        if len(ends) < 2:
            return values
        since, until = (cols.cells(ends[key], here) for key in (column.since, column.until))
        return [
            None if value is None else _lasted(value, start, end)
            for value, start, end in zip(values, since, until, strict=True)
        ]

    def _with_tones(self, column: Shown, here: Any) -> list[Any]:
        """Each status in words, with its tone and its key."""
        tone, keys = column.tone, cols.cells(column, here)
        rows = self._rows(here) if tone else [{} for _ in keys]
        return [
            None if key is None else [status.plain_status(key), (tone and tone(row)) or status.tone(key), key]
            for key, row in zip(keys, rows, strict=True)
        ]

    def _key_texts(self, here: Any) -> list[str]:
        if self.frame is None:
            return []
        column = next((c for c in self.columns if c.key == self.layout.key), None)
        places = self._order(None)
        if column is None:
            return [cols.text(label) for label in (self.frame.index if self.frame.index.is_unique else places)[here]]
        values = column.values.iloc[here]
        # A row without a key has its position for one: it can be selected, though not found again after an update.
        triples = zip(values, values.isna(), places[here], strict=True)
        return [f"#{place}" if gone else cols.text(value) for value, gone, place in triples]

    def _order(self, sort: tuple[str, str] | None) -> NDArray[np.intp]:
        import numpy as np

        column = next((c for c in self.columns if sort and c.key == sort[0]), None)
        if column is None or sort is None:
            return self._once("order", lambda: np.arange(0 if self.frame is None else len(self.frame)))
        ascending = sort[1] == "asc"

        def work() -> NDArray[np.intp]:
            ordered = cols.sort_key(column).sort_values(ascending=ascending, kind="stable", na_position="last")
            return ordered.index.to_numpy()

        return self._once(("order", sort), work)

    def _kept(self, view: TableView, but: str = "") -> NDArray[np.bool_]:
        """Which rows pass all filters of a view, the facet of the column ``but`` left out."""
        import numpy as np

        kept = np.ones(0 if self.frame is None else len(self.frame), dtype=bool)
        if view.quick in self.layout.filters:
            kept &= self._mask(view.quick)
        for word in view.text.casefold().split():
            kept &= self._matches(word)
        for key in self._facets:
            if key in view.facets and key != but:
                kept &= self._facet(key).mask(view.facets[key])
        return kept

    def _facet(self, key: str) -> ColumnValues | Span:
        column = next(each for each in self.columns if each.key == key)
        names = next((each for each in self.columns if each.key == column.named_by), None)
        time, now = column.kind == "time", self.layout.now
        return self._once(("facet", key), lambda: Span(column, now) if time else ColumnValues(column, names))

    def _mask(self, label: str) -> NDArray[np.bool_]:
        return self._masked(("mask", label), self.layout.filters[label])

    def _masked(self, name: Hashable, chosen: Filter) -> NDArray[np.bool_]:
        import numpy as np
        import pandas as pd

        frame = self.frame
        if frame is None or frame.empty:
            return np.zeros(0 if frame is None else len(frame), dtype=bool)

        def work() -> NDArray[np.bool_]:
            if callable(chosen):
                mask = chosen(frame)
            else:
                name, value = chosen
                mask = frame[name].isin([value] if isinstance(value, str) or not hasattr(value, "__iter__") else value)
            return pd.array(mask, dtype="boolean").fillna(False).to_numpy(dtype=bool)

        return self._once(name, work)

    def _matches(self, word: str) -> NDArray[np.bool_]:
        import numpy as np

        def work() -> NDArray[np.bool_]:
            match = np.zeros(0 if self.frame is None else len(self.frame), dtype=bool)
            for column in self.columns:
                if column.kind in _SEARCHED and (column.facet or not column.hidden):
                    match |= cols.matching(column, partial(self._folded, column), word)
            return match

        return self._once(("word", word), work)

    def _folded(self, column: Shown) -> list[str]:
        return self._once(("folded", column.key), lambda: cols.folded_texts(column))

    def _once(self, name: Hashable, work: Callable[[], T]) -> T:
        # Two threads may both work it out, which costs time but gives the same.
        if name not in self._known:
            self._known[name] = work()
        result: T = self._known[name]
        return result


def _lasted(value: Any, start: str | None, end: str | None) -> Any:
    """A length as everybody tells it: that of what has not ended is its beginning, from which the browser counts."""
    if start and end:
        seconds = seconds_between(start, end)
        return value if seconds is None else seconds
    return [start] if start else value
