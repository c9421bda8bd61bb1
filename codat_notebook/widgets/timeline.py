"""When a company's data was read: its pull operations over time, one row a data type (and connection).

The kernel sends the newest operations as bars; zooming and panning happen in the browser alone, so that they work
while the kernel is busy. What a bar says is what its row in the progress says.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypedDict

from codat_notebook.models import vocabulary
from codat_notebook.models.shared import PullOperation
from codat_notebook.models.status import meaning
from codat_notebook.widgets.part import Part
from codat_notebook.words import and_more, duration, iso, seconds_between, utc

#: Bars sent at once, the newest ones.
MOST = 500

_ORDER = {key: place for place, key in enumerate(vocabulary.DATA_TYPES)}


class ChartRow(TypedDict):
    """A row's name and a word beside it."""

    label: str
    note: str


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
    now: str
    speed: float
    rows: list[ChartRow]
    bars: list[Bar]
    total: int
    empty: str


def timeline_state(
    operations: Iterable[PullOperation], now: datetime, platforms: Mapping[str, str] | None = None, *,
    company: str = "", more: int = 0, empty: str = "Nothing to show yet.", speed: float = 1.0,
) -> TimelineState:  # fmt: skip
    """The state of a :class:`Timeline`; ``now`` and ``speed`` are the server's.

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
        "company": company, "now": now.isoformat(), "speed": speed, "rows": rows,
        "bars": [bar | {"row": number[o.data_type, o.connection_id]} for bar, o in reversed(shown)],
        "total": total + more, "empty": empty,
    }  # fmt: skip


def place(data_type: str, connection_id: str = "") -> tuple[int, str, str]:
    """Where a data type's row or column stands in a chart: in Codat's order, those that it does not know last."""
    return _ORDER.get(data_type, len(_ORDER)), data_type, connection_id


def _bar(operation: PullOperation, platform: str) -> Bar | None:
    drawn = meaning(operation.status, operation.completed, operation.status_description)
    since, until = iso(operation.requested), iso(operation.completed)
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

    @staticmethod
    def text(state: TimelineState) -> str:
        """One line an operation, newest first."""
        lines = [_line(bar, state) for bar in reversed(state["bars"])]
        return "\n".join(lines + and_more(state["total"] - len(lines), "older operation")) or state["empty"]


def _line(bar: Bar, state: TimelineState) -> str:
    row = state["rows"][bar["row"]]
    took = duration(seconds_between(bar["since"], bar["until"] or state["now"]) or 0)
    begun = str(bar["since"]).replace("T", " ").replace("Z", " UTC")
    return f"{begun}: {row['label']}, {utc(bar['text'])}, {took}"
