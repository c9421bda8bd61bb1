"""Two charts of how data was read: how fresh it is now, and the pull operations over time.

The heatmap has rows (connections, or companies) by data types. The kernel sends when each cell was last read, of any
number of rows one window; the browser makes days of it, so that an open notebook goes on ageing. A cell says its days
as a number and as a colour, and in words where the pointer or the keyboard is.

The timeline has one row a data type (and connection), with all operations of the table's frame as bars, which say what
their rows in the progress say. What would be drawn over each other is one bar, by the browser, which zooms and pans
alone, so that it works while the kernel is busy. Of a long history the kernel has joined more, and tells apart where
the reader looks: what is sent stays small.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from codat_notebook.models import vocabulary
from codat_notebook.models.status import OLD, STALE, TONES, Meaning, is_problem, meaning, with_status
from codat_notebook.planning.health import FAIL, LATE, WARN, Goal, PortfolioStatus
from codat_notebook.runs.cells import Cell
from codat_notebook.tables.column import Row
from codat_notebook.widgets.part import Click, FromBrowser, Part
from codat_notebook.widgets.progress import ShowRows
from codat_notebook.widgets.table import FilterText
from codat_notebook.words import count, number

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

#: Days from which on a cell takes the next colour.
STEPS = (2, OLD, 14, STALE)
#: Rows sent at once.
WINDOW = 200
#: Bars sent at once. Of more operations than that, those are joined that begin within so many pixels of each other; the
#: whole, where nobody has looked closer, counts as so wide.
MOST, NEAR, WIDE = 1_200, 4, 1_200
#: So often what nobody looks at is joined further, before what is looked at is.
ROUNDS = 8

#: The colours of bars, the worst one last, which a joined bar has.
_WORST = sorted(TONES, key=("ok", "idle", "run", "warn", "bad").index)
_ORDER = {key: place for place, key in enumerate(vocabulary.DATA_TYPES)}


class ChartRow(TypedDict):
    """A row's name and a word beside it."""

    label: str
    note: str


def place(data_type: str, connection_id: str = "") -> tuple[int, str, str]:
    """Where a data type's row or column stands in a chart: in Codat's order, those that it does not know last."""
    return _ORDER.get(data_type, len(_ORDER)), data_type, connection_id


class HeatmapColumn(TypedDict):
    """A data type; ``goal``: the days from which on it gets old and is out of date, where it has a goal."""

    key: str
    name: str
    goal: list[float] | None


class HeatmapRow(ChartRow):
    """A connection or a company with a cell for each column.

    A cell is ``None`` where the data is not supported, or when it was last read successfully (seconds since 1970, 0 for
    never) and the failure of the last attempt in words, or "".
    """

    key: str
    cells: list[list[Any] | None]


class HeatmapState(TypedDict):
    """A window of ``rows`` from the ``first``, of ``total``; ``steps`` are days. ``opens``: its rows are companies,
    which a click opens. ``search`` is the text that they are filtered by, ``None`` where they cannot be; ``seq`` the
    last one that is answered."""

    title: str
    search: str | None
    seq: int
    opens: bool
    steps: list[int]
    columns: list[HeatmapColumn]
    rows: list[HeatmapRow]
    first: int
    window: int
    total: int
    empty: str


def heatmap_state(
    cells: Iterable[Cell], rows: Mapping[str, tuple[str, str]], *,
    by: Literal["connection_id", "company_id"] = "connection_id", first: int = 0, empty: str = "Nothing to show yet.",
    title: str = "", opens: bool = False, goal: Callable[[str], Goal | None] = lambda _: None,
    search: str | None = None, seq: int = 0,
) -> HeatmapState:  # fmt: skip
    """The state of a :class:`Heatmap`.

    ``rows`` are in their order: key -> (label, a word beside it). ``by`` is the field of a cell that holds the key of
    its row: cells of no row are left out, and where several meet, the oldest is shown. The window begins at the page
    that holds the row ``first``. ``empty`` stands in place of rows when there are none. ``goal``: of a data type; a
    column with one is coloured by it.
    """
    cells_of: dict[str, dict[str, list[Cell]]] = {}
    for cell in cells:
        if getattr(cell, by) in rows:
            cells_of.setdefault(getattr(cell, by), {}).setdefault(cell.data_type, []).append(cell)
    columns = sorted({data_type for row in cells_of.values() for data_type in row}, key=place)
    first = max(0, min(first, (len(rows) - 1) // WINDOW * WINDOW))
    window = islice(rows.items(), first, first + WINDOW)
    return {
        "title": title,
        "search": search,
        "seq": seq,
        "opens": opens,
        "steps": list(STEPS),
        "columns": [{"key": key, "name": vocabulary.plain_name(key), "goal": _days(goal(key))} for key in columns],
        "rows": [
            {"key": key, "label": label, "note": note, "cells": [_cell(cells_of.get(key, {}).get(c)) for c in columns]}
            for key, (label, note) in window
        ],
        "first": first,
        "window": WINDOW,
        "total": len(rows),
        "empty": empty,
    }


def _days(goal: Goal | None) -> list[float] | None:
    return [limit / timedelta(days=1) for limit in goal] if goal else None


def _cell(cells: list[Cell] | None) -> list[Any] | None:
    """``None`` (no such data), or when it was last read (whole seconds since 1970, 0 for never) and how it failed."""
    readable = [cell for cell in cells or () if cell.last_success is not None or not cell.expected]
    if not readable:
        return None
    oldest = min(int(cell.last_success.timestamp()) if cell.last_success else 0 for cell in readable)
    failed = next((with_status(cell.status) for cell in readable if cell.status and is_problem(cell.status)), "")
    return [oldest, failed]


class OpenCompany(FromBrowser, frozen=True, tag="open"):
    """Show the company of this row."""

    key: str


class Heatmap(Part[HeatmapState]):
    """A heatmap of ages (class ``codat-heatmap``): arrows, Home and End move from cell to cell."""

    classes = ("codat-heatmap",)
    files = ("chart.js", "heatmap.js", "chart.css", "heatmap.css")
    messages = ShowRows | OpenCompany | FilterText


def portfolio_rows(status: PortfolioStatus) -> dict[str, tuple[str, str]]:
    """The heatmap's rows, the companies with most failing cells first: id -> (name, what is to be said of it)."""
    verdicts: dict[str, Counter[str | None]] = {reading.id: Counter() for reading in status.snapshots}
    for cell in status.current:
        verdicts[cell.company_id][status.verdict(cell)] += 1
    names = {reading.id: reading.name for reading in status.snapshots}
    notes = {reading.id: reading.trouble or _note(verdicts[reading.id]) for reading in status.snapshots}
    worst = sorted(verdicts, key=lambda id: [-verdicts[id][verdict] for verdict in reversed(LATE)])
    return {id: (names[id], notes[id]) for id in worst}


def _note(verdicts: Counter[str | None]) -> str:
    words = {FAIL: "out of date", WARN: "getting old"}
    late = [f"{number(verdicts[each])} {words[each]}" for each in words if verdicts[each]]
    if not late:
        return "all fresh" if verdicts.total() else "nothing to read"
    return ", ".join(late).replace(" ", f" of {number(verdicts.total())} ", 1)


def portfolio_state(
    status: PortfolioStatus, first: int = 0, *, empty: str = "This portfolio has no companies.", opens: bool = False,
    search: str = "", named: str = "", seq: int = 0,
) -> HeatmapState:  # fmt: skip
    """The state of a :class:`Heatmap` of a portfolio, coloured by its goals: of the companies that are ``named`` so.
    ``search`` is what the reader has typed, ``seq`` the message that brought it."""
    rows = {id: row for id, row in portfolio_rows(status).items() if named.casefold() in row[0].casefold()}
    cells = [cell for cell in status.current if cell.company_id in rows]
    title = f"{count(len(rows), 'company')}: {_note(Counter(map(status.verdict, cells)))}" if rows else ""
    return heatmap_state(
        cells, rows, by="company_id", first=first, empty="No company matches." if named else empty, title=title,
        opens=opens, goal=status.goal, search=search, seq=seq,
    )  # fmt: skip


def portfolio_view(status: PortfolioStatus) -> Heatmap:
    """A heatmap of a portfolio's state: a widget to show anywhere, as often as wanted."""
    part = Heatmap(clock=status.clock)
    typed = FilterText(text="")

    def act(message: ShowRows | OpenCompany | FilterText) -> None:
        nonlocal typed
        typed = message if isinstance(message, FilterText) else typed
        first = message.first if isinstance(message, ShowRows) else 0
        text = typed.text.strip()
        part.show(portfolio_state(status, first, search=typed.text, named=text, seq=typed.seq), at_once=True)

    part.state = portfolio_state(status)
    part.on_message = act
    return part


class TimelineRow(ChartRow):
    """A data type, and its ``platform``: a row for each connection."""

    key: str
    platform: str


class Bar(TypedDict):
    """An operation in a row (by its index), or ``count`` of them that stand so close that they are one bar.

    Times are seconds since 1970; ``until`` is None while one of them runs. ``failed`` of them are drawn red; ``key``,
    ``tone`` and ``text``, the outcome in words, are those of the worst one, the newest if several are as bad.
    """

    key: str
    row: int
    since: int
    until: int | None
    tone: str
    text: str
    count: int
    failed: int


class TimelineState(TypedDict):
    """Bars, oldest first, of ``held`` operations; Codat has ``total``, or does not say (0).

    ``grouped``: where the reader looks, further ones may be told apart by asking for it. A ``company`` other than
    before starts with a view of its own.
    """

    company: str
    rows: list[TimelineRow]
    bars: list[Bar]
    held: int
    total: int
    grouped: bool
    empty: str
    seq: int


class LookAt(Click, frozen=True, kw_only=True):
    """The reader looks at this time (seconds since 1970), which is drawn so many pixels wide."""

    since: float
    until: float
    width: float


class OpenBar(Click, frozen=True, kw_only=True):
    """Show the details of the operation with this key, or none."""

    key: str | None


def timeline_state(
    frame: "pd.DataFrame | None", now: datetime, look: LookAt | None = None, *, company: str = "", total: int = 0,
    empty: str = "Nothing to show yet.", seq: int = 0,
) -> TimelineState:  # fmt: skip
    """The state of a :class:`Timeline`.

    ``frame`` has pull operations, in any order; one without a readable time of request is left out. Up to :data:`MOST`
    have a bar each. Of more, those that begin within a few pixels of each other are one: where the reader looks (before
    they have said so: among the newest) of that view's pixels, elsewhere of those of the whole. ``total`` counts the
    operations that Codat has. ``empty`` stands in place of bars when there are none.
    """
    readable = None if frame is None else frame[frame["requested"].notna()]
    rows, bars = ([], []) if readable is None or readable.empty else _drawn(readable, int(now.timestamp()), look)
    return {
        "company": company, "rows": rows, "bars": bars,
        "held": 0 if frame is None else len(frame), "total": total,
        "grouped": readable is not None and len(bars) < len(readable), "empty": empty, "seq": seq,
    }  # fmt: skip


def _drawn(frame: "pd.DataFrame", now: int, look: LookAt | None) -> tuple[list[TimelineRow], list[Bar]]:
    import numpy as np

    rows, row = _rows(frame)
    meanings, outcome = _outcomes(frame)
    runs = np.array([each.kind == "running" for each in meanings])[outcome]
    since, until = _seconds(frame["requested"]), _seconds(frame["completed"])
    until = np.where(runs, now, np.where(frame["completed"].notna(), np.maximum(until, since), since))
    order = np.lexsort((since, row))
    row, outcome, runs, since, until = (each[order] for each in (row, outcome, runs, since, until))
    width = np.full(len(row), max(1.0, (now - since.min()) / WIDE * NEAR))
    if look is None:
        far = since < np.sort(since)[-MOST // 2 :][0]
        width[~far] = 1.0
    else:
        half = (look.until - look.since) / 2
        far = (until < look.since - half) | (since > look.until + half)
        width[~far] = max(1.0, half * 2 / max(1.0, look.width) * NEAR)
    begins, rounds = np.arange(len(row)), 0
    while len(begins) > max(MOST, len(rows)):
        slot = since // width
        begins = np.flatnonzero(np.r_[True, (row[1:] != row[:-1]) | (slot[1:] != slot[:-1])])
        rounds += 1
        width = np.where(far | (rounds > ROUNDS) | (not far.any()), width * 2, width)
    bad = np.array([_WORST.index(each.tone) for each in meanings])[outcome]
    worst = np.maximum.reduceat(bad * len(row) + np.arange(len(row)), begins) % len(row)
    columns = (
        frame["id"].iloc[order[worst]].tolist(), row[begins].tolist(), since[begins].tolist(),
        np.maximum.reduceat(until, begins).tolist(), np.logical_or.reduceat(runs, begins).tolist(),
        outcome[worst].tolist(), np.diff(begins, append=len(row)).tolist(),
        np.add.reduceat(bad == len(_WORST) - 1, begins, dtype=int).tolist(),
    )  # fmt: skip
    bars: list[Bar] = [
        {"key": key, "row": line, "since": first, "until": None if running else last, "tone": meanings[at].tone,
         "text": meanings[at].text, "count": many, "failed": failed}
        for key, line, first, last, running, at, many, failed in zip(*columns, strict=True)
    ]  # fmt: skip
    return rows, sorted(bars, key=lambda bar: bar["since"])


def _rows(frame: "pd.DataFrame") -> tuple[list[TimelineRow], "NDArray[Any]"]:
    """A row for each data type (and connection), and for each operation the index of its own."""
    import numpy as np

    types, connections = (frame[name].cat.codes.to_numpy("int64") for name in ("data_type", "connection_id"))
    lanes, at, lane = np.unique((types << 32) + connections, return_index=True, return_inverse=True)
    named = [
        tuple(_or_empty(frame[name].iloc[n]) for name in ("data_type", "connection_id", "platform"))
        for n in at.tolist()
    ]
    order = sorted(range(len(lanes)), key=lambda n: place(*named[n][:2]))
    many = Counter(data_type for data_type, _, _ in named)
    rows: list[TimelineRow] = [
        {"key": key, "label": vocabulary.plain_name(key), "note": name if many[key] > 1 else "", "platform": name}
        for key, _, name in (named[n] for n in order)
    ]
    return rows, np.argsort(order)[lane]


def _outcomes(frame: "pd.DataFrame") -> tuple[list[Meaning], "NDArray[Any]"]:
    """What the operations' statuses mean, and for each operation the index of its own meaning."""
    import numpy as np

    names = [*map(str, frame["status"].cat.categories), ""]
    meanings = [meaning(name, "ended") for name in names]
    outcome = frame["status"].cat.codes.to_numpy("int64") % len(names)  # the code of a missing one is -1
    ended = frame["completed"].notna().to_numpy()
    for n in np.flatnonzero(~ended | np.array([each.kind == "running" for each in meanings])[outcome]).tolist():
        said = _or_empty(frame["message"].iloc[n])
        meanings.append(meaning(names[outcome[n]], "ended" if ended[n] else None, said))
        outcome[n] = len(meanings) - 1
    return meanings, outcome


def _or_empty(text: Any) -> str:
    return text if isinstance(text, str) else ""


def _seconds(times: "pd.Series[Any]") -> "NDArray[np.float64]":
    milliseconds: NDArray[np.int64] = times.dt.tz_localize(None).to_numpy("datetime64[ms]").astype("int64")
    return milliseconds / 1000


class Timeline(Part[TimelineState]):
    """Operations as bars over time (class ``codat-timeline``): zoom and pan by buttons, keys, wheel and pointer."""

    classes = ("codat-timeline",)
    files = ("chart.js", "axis.js", "timeline.js", "chart.css", "timeline.css")
    messages = LookAt | OpenBar

    def __init__(self, state: TimelineState | None = None, **traits: Any) -> None:
        super().__init__(state, **traits)
        #: Where the reader looks, if they said so, and the operation whose details are open.
        self.look: LookAt | None = None
        self.opened: str | None = None
        #: For the package's own use, as those of a table: called when there is something to draw anew, and with each
        #: draw the row of the operation that is open; the clock.
        self.on_look: Callable[[], object] | None = None
        self.on_row: Callable[[Row | None], object] | None = None
        self.now: Callable[[], datetime] | None = None
        self.on_message = self._act

    def _act(self, message: LookAt | OpenBar) -> None:
        if isinstance(message, LookAt):
            self.look = message
        else:
            self.opened = message.key
        if self.on_look is not None:
            self.on_look()

    def select(self, key: str | None) -> None:
        """Open the details of this operation, or none, with the next draw."""
        self.opened = key

    def drawn(self, frame: "pd.DataFrame | None", now: datetime, **about: Any) -> tuple[TimelineState, Row | None]:
        """The state for a frame, and the row of the operation that is open. Another company is looked at anew."""
        if about["company"] != self.state.get("company"):
            self.look = self.opened = None
        seq = self.look.seq if self.look else 0
        row = None if frame is None or self.opened is None else frame[frame["id"] == self.opened]
        open = None if row is None or row.empty else dict(row.iloc[0])
        return timeline_state(frame, now, self.look, seq=seq, **about), open
