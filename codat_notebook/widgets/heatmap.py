"""How fresh every data type is, at one look: rows (connections, or companies) by data types, days since the last sync.

The kernel sends when each cell was last read; the browser makes days of it, so that an open notebook goes on ageing.
Of any number of rows one window is sent. A cell says its days as a number and as a colour, and in words where the
pointer or the keyboard is.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from codat_notebook.models import vocabulary
from codat_notebook.models.status import OLD, STALE, is_problem
from codat_notebook.planning.health import LATE
from codat_notebook.runs.cells import Cell
from codat_notebook.widgets.part import Part
from codat_notebook.widgets.progress import ShowRows
from codat_notebook.widgets.timeline import ChartRow, place
from codat_notebook.words import and_more, count

if TYPE_CHECKING:
    from codat_notebook.planning.health import PortfolioStatus

#: Days from which on a cell takes the next colour.
STEPS = (2, OLD, 14, STALE)
#: Rows sent at once.
WINDOW = 200


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
    """A window of ``rows`` from the ``first``, of ``total``; ``steps`` are days, ``now`` and ``speed`` the server's."""

    now: str
    speed: float
    steps: list[int]
    columns: list[HeatmapColumn]
    rows: list[HeatmapRow]
    first: int
    window: int
    total: int
    empty: str


def heatmap_state(
    cells: Iterable[Cell], now: datetime, rows: Mapping[str, tuple[str, str]], *,
    by: Literal["connection_id", "company_id"] = "connection_id", first: int = 0, empty: str = "Nothing to show yet.",
    speed: float = 1.0,
) -> HeatmapState:  # fmt: skip
    """The state of a :class:`Heatmap`; ``now`` and ``speed`` are the server's.

    ``rows`` are in their order: key -> (label, a word beside it). ``by`` is the field of a cell that holds the key of
    its row: cells of no row are left out, and where several meet, the oldest is shown. The window begins at the page
    that holds the row ``first``. ``empty`` stands in place of rows when there are none.
    """
    cells_of: dict[str, dict[str, list[Cell]]] = {}
    for cell in cells:
        if getattr(cell, by) in rows:
            cells_of.setdefault(getattr(cell, by), {}).setdefault(cell.data_type, []).append(cell)
    types = {data_type for row in cells_of.values() for data_type in row}
    columns = sorted(types, key=place)
    first = max(0, min(first, (len(rows) - 1) // WINDOW * WINDOW))
    window = islice(rows.items(), first, first + WINDOW)
    return {
        "now": now.isoformat(),
        "speed": speed,
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

    @staticmethod
    def text(state: HeatmapState) -> str:
        """One line a row, each data type with its days."""
        now = datetime.fromisoformat(state["now"]).timestamp()
        lines = [f"{row['label']}: {_words(row['cells'], state['columns'], now)}" for row in state["rows"]]
        return "\n".join(lines + and_more(state["total"] - len(lines), "more row")) or state["empty"]


def _words(cells: list[Any], columns: list[HeatmapColumn], now: float) -> str:
    pairs = zip(cells, columns, strict=True)
    return ", ".join(f"{column['key']} {_age(cell[0], now)}" for cell, column in pairs if cell is not None)


def _age(then: int, now: float) -> str:
    return f"{max(0, int(now - then)) // 86400} d" if then else "never"


def portfolio_rows(status: "PortfolioStatus") -> dict[str, tuple[str, str]]:
    """The heatmap's rows, the companies with most failing cells first: id -> (name, what is to be said of it)."""
    verdicts: dict[str, Counter[str | None]] = {reading.id: Counter() for reading in status.snapshots}
    for cell in status.current:
        verdicts[cell.company_id][status.verdict(cell)] += 1
    names = {reading.id: reading.name for reading in status.snapshots}
    notes = {reading.id: reading.trouble or _note(verdicts[reading.id]) for reading in status.snapshots}
    worst = sorted(verdicts, key=lambda id: [-verdicts[id][verdict] for verdict in reversed(LATE)])
    return {id: (names[id], notes[id]) for id in worst}


def _note(verdicts: Counter[str | None]) -> str:
    late = [f"{verdicts[verdict]:,} {verdict}" for verdict in reversed(LATE) if verdicts[verdict]]
    if late:
        return f"{', '.join(late)} of {count(verdicts.total(), 'cell')}"
    return "all fresh" if verdicts.total() else "nothing to read"


def portfolio_view(status: "PortfolioStatus") -> Heatmap:
    """A heatmap of a portfolio's state: a widget to show anywhere, as often as wanted."""
    part, cells, rows = Heatmap(), status.current, portfolio_rows(status)

    def state(first: int = 0) -> HeatmapState:
        empty = "No company is in this portfolio."
        return heatmap_state(cells, status.time, rows, by="company_id", first=first, empty=empty, speed=status.speed)

    part.state = state()
    part.on_message = lambda message: part.show(state(message.first), at_once=True)
    return part
