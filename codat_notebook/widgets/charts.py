"""Two charts of how data was read: how fresh it is now, and the pull operations over time.

The heatmap has rows (connections, or companies) by data types. The kernel sends when each cell was last read, of any
number of rows one window; the browser makes days of it, so that an open notebook goes on ageing. A cell says its days
as a number and as a colour, and in words where the pointer or the keyboard is.

The timeline has one row a data type (and connection), with the newest operations as bars, which say what their rows in
the progress say. Zooming and panning happen in the browser alone, so that they work while the kernel is busy.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Literal, TypedDict

from codat_notebook.models import vocabulary
from codat_notebook.models.shared import PullOperation
from codat_notebook.models.status import OLD, STALE, is_problem, meaning
from codat_notebook.planning.health import FAIL, LATE, WARN, PortfolioStatus
from codat_notebook.runs.cells import Cell
from codat_notebook.widgets.part import Part
from codat_notebook.widgets.progress import ShowRows
from codat_notebook.words import iso, number

#: Days from which on a cell takes the next colour.
STEPS = (2, OLD, 14, STALE)
#: Rows sent at once.
WINDOW = 200
#: Bars sent at once, the newest ones.
MOST = 500

_ORDER = {key: place for place, key in enumerate(vocabulary.DATA_TYPES)}


class ChartRow(TypedDict):
    """A row's name and a word beside it."""

    label: str
    note: str


def place(data_type: str, connection_id: str = "") -> tuple[int, str, str]:
    """Where a data type's row or column stands in a chart: in Codat's order, those that it does not know last."""
    return _ORDER.get(data_type, len(_ORDER)), data_type, connection_id


class HeatmapColumn(TypedDict):
    """A data type."""

    key: str
    name: str


class HeatmapRow(ChartRow):
    """A connection or a company with a cell for each column.

    A cell is ``None`` where the data is not supported, or when it was last read with success (seconds since 1970, 0 for
    never) and the failure of the last try or "".
    """

    key: str
    cells: list[list[Any] | None]


class HeatmapState(TypedDict):
    """A window of ``rows`` from the ``first``, of ``total``; ``steps`` are days."""

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
) -> HeatmapState:  # fmt: skip
    """The state of a :class:`Heatmap`.

    ``rows`` are in their order: key -> (label, a word beside it). ``by`` is the field of a cell that holds the key of
    its row: cells of no row are left out, and where several meet, the oldest is shown. The window begins at the page
    that holds the row ``first``. ``empty`` stands in place of rows when there are none.
    """
    cells_of: dict[str, dict[str, list[Cell]]] = {}
    for cell in cells:
        if getattr(cell, by) in rows:
            cells_of.setdefault(getattr(cell, by), {}).setdefault(cell.data_type, []).append(cell)
    columns = sorted({data_type for row in cells_of.values() for data_type in row}, key=place)
    first = max(0, min(first, (len(rows) - 1) // WINDOW * WINDOW))
    window = islice(rows.items(), first, first + WINDOW)
    return {
        "steps": list(STEPS),
        "columns": [{"key": key, "name": vocabulary.plain_name(key)} for key in columns],
        "rows": [
            {"key": key, "label": label, "note": note, "cells": [_cell(cells_of.get(key, {}).get(c)) for c in columns]}
            for key, (label, note) in window
        ],
        "first": first,
        "window": WINDOW,
        "total": len(rows),
        "empty": empty,
    }


def _cell(cells: list[Cell] | None) -> list[Any] | None:
    """``None`` (no such data), or when it was last read (whole seconds since 1970, 0 for never) and how it failed."""
    readable = [cell for cell in cells or () if cell.last_success is not None or not cell.expected]
    if not readable:
        return None
    oldest = min(int(cell.last_success.timestamp()) if cell.last_success else 0 for cell in readable)
    failed = next((cell.status for cell in readable if cell.status and is_problem(cell.status)), "")
    return [oldest, failed]


class Heatmap(Part[HeatmapState]):
    """A heatmap of ages (class ``codat-heatmap``): arrows, Home and End move from cell to cell."""

    classes = ("codat-heatmap",)
    files = ("chart.js", "heatmap.js", "chart.css", "heatmap.css")
    messages = ShowRows


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
    late = [f"{number(verdicts[each])} of {number(verdicts.total())} {words[each]}" for each in words if verdicts[each]]
    return ", ".join(late) or ("all fresh" if verdicts.total() else "nothing to read")


def portfolio_view(status: PortfolioStatus) -> Heatmap:
    """A heatmap of a portfolio's state: a widget to show anywhere, as often as wanted."""
    part, cells, rows = Heatmap(clock=status.clock), status.current, portfolio_rows(status)

    def state(first: int = 0) -> HeatmapState:
        empty = "No company is in this portfolio."
        return heatmap_state(cells, rows, by="company_id", first=first, empty=empty)

    part.state = state()
    part.on_message = lambda message: part.show(state(message.first), at_once=True)
    return part


class Bar(TypedDict):
    """An operation in a row (by its index); ``until`` is None while it runs, ``text`` the outcome in words."""

    key: str
    row: int
    since: str
    until: str | None
    tone: str
    text: str
    platform: str


class TimelineState(TypedDict):
    """Bars, oldest first; ``total`` counts the operations, more than the bars if those are cut.

    A ``company`` other than before starts with a view of its own.
    """

    company: str
    rows: list[ChartRow]
    bars: list[Bar]
    total: int
    empty: str


def timeline_state(
    operations: Iterable[PullOperation], platforms: Mapping[str, str] | None = None, *,
    company: str = "", more: int = 0, empty: str = "Nothing to show yet.",
) -> TimelineState:  # fmt: skip
    """The state of a :class:`Timeline`.

    ``operations`` come in any order; one without a readable time of request is left out. ``platforms`` names the
    connections by their ids. ``more`` counts the operations that Codat has beside these. ``empty`` stands in place of
    bars when there are none.
    """
    names = platforms or {}
    newest = sorted(operations, key=lambda o: o.requested or "", reverse=True)
    shown: list[tuple[Bar, PullOperation]] = []
    total = len(newest)
    for operation in newest:
        if len(shown) == MOST:
            break
        bar = _bar(operation, names.get(operation.connection_id, ""))
        if bar is None:
            total -= 1
        else:
            shown.append((bar, operation))
    keys = sorted({(o.data_type, o.connection_id) for _, o in shown}, key=lambda key: place(*key))
    types = [data_type for data_type, _ in keys]
    rows: list[ChartRow] = [
        {"label": data_type, "note": names.get(connection, "") if types.count(data_type) > 1 else ""}
        for data_type, connection in keys
    ]
    number = {key: n for n, key in enumerate(keys)}
    return {
        "company": company, "rows": rows,
        "bars": [bar | {"row": number[o.data_type, o.connection_id]} for bar, o in reversed(shown)],
        "total": total + more, "empty": empty,
    }  # fmt: skip


def _bar(operation: PullOperation, platform: str) -> Bar | None:
    drawn = meaning(operation.status, operation.completed, operation.status_description)
    since, until = iso(operation.requested, exact=True), iso(operation.completed, exact=True)
    if since is None:
        return None
    if until is None and drawn.kind != "running":
        until = since  # it ended, and nobody says when
    return {
        "key": operation.id, "row": 0, "since": since, "until": until, "tone": drawn.tone, "text": drawn.text,
        "platform": platform,
    }  # fmt: skip


class Timeline(Part[TimelineState]):
    """Operations as bars over time (class ``codat-timeline``), with zoom and pan by buttons, keys, wheel and pointer.
    Sends no messages.
    """

    classes = ("codat-timeline",)
    files = ("chart.js", "axis.js", "timeline.js", "chart.css", "timeline.css")
