"""What is being refreshed: one row an operation, with its stage, its time, and a failure's remedy where it happens.

The same part is the console's right side and the live view of a run that is a cell's last line. Its state is a window:
the totals are counted over all operations, the rows sent are those of one page. Functions here turn an operation's
plain values into such a row; what a status means is told by :mod:`codat_notebook.models.status`.
"""

from collections.abc import Iterable, Mapping, Sequence

from codat_notebook.models.status import meaning
from codat_notebook.models.vocabulary import plain_name, remedy
from codat_notebook.widgets.part import Message, Part
from codat_notebook.words import count, duration, iso, number, seconds_between, utc

#: Rows sent at once: every data type there is, or one page of a large run.
PAGE = 50
#: Stop is no cancel, and the button must say so.
STOP = {
    "type": "stop",
    "text": "Stop watching (Codat carries on)",
    "title": "What is queued is read to its end: Codat's API cannot cancel.",
}

#: Around a text of others, so that one from right to left does not turn the sentence that quotes it.
_ISOLATE, _END = "\u2068", "\u2069"
#: States of a run's row that has no operation.
_NO_OPERATION = {
    "queueing": {"tone": "idle", "symbol": "…", "text": "Queueing", "kind": "running"},
    "refused": {"tone": "bad", "text": "Not queued", "kind": "failed"},
    "unknown": {"tone": "warn", "symbol": "?", "text": "Maybe queued", "kind": "running"},
    "not queued by Codat": {"tone": "idle", "text": "Not queued by Codat", "kind": "other"},
}


def operation_row(
    key: str,
    data_type: str,
    status: str = "",
    *,
    platform: str = "",
    state: str = "",
    description: str | None = None,
    message: str | None = None,
    requested: str | None = None,
    completed: str | None = None,
    link_url: str | None = None,
    usual: float | None = None,
) -> Message:
    """One row of a :class:`Progress` from an operation's plain values.

    ``key`` is unique and stays (the intent, or the operation's id). ``state`` is that of a run's row as long as it has
    no operation; ``message`` says why it is refused. ``description`` is Codat's statusDescription. ``link_url`` is
    offered where a relink is the remedy. ``usual`` are the seconds that such an operation usually takes: from them the
    browser tells what is left, and what takes unusually long.

    >>> operation_row("1", "invoices", "Mapping", platform="NetSuite")["text"]
    'Mapping'
    """
    row: Message = {"key": key, "type": data_type, "platform": platform, "stage": None}
    if state:
        row |= _NO_OPERATION[state] | {"note": message}
    else:
        row |= meaning(status, completed, description)._asdict()
        if row["kind"] == "failed":
            row |= _what_to_do(status, data_type, platform, message, link_url)
    if usual is not None and row["tone"] == "run":
        row["usual"] = round(usual)
    row |= {"since": iso(requested), "until": iso(completed)}
    return {name: value for name, value in row.items() if value is not None}


def _what_to_do(status: str, data_type: str, platform: str, message: str | None, link_url: str | None) -> Message:
    cure = remedy(status)
    means = cure.meaning.replace("this connection", platform or "this connection")
    means = means.replace("this data.", f"{plain_name(data_type).lower()}.")
    says = f" Codat says: “{_ISOLATE}{message}{_END}”" if message else ""
    return {"note": f"{means} {cure.action}{says}", "link": link_url if cure.relink else None}


def progress_counts(rows: Iterable[Message]) -> dict[str, float]:
    """Totals over all rows: ``total``, ``complete``, ``failed``, ``other`` (ended as neither), ``running``, and
    ``under_way``, what the running ones have behind them in operations (0.5 for one that is half done)."""
    counts: dict[str, float] = {"total": 0, "complete": 0, "failed": 0, "other": 0, "running": 0, "under_way": 0.0}
    for row in rows:
        counts["total"] += 1
        counts[row["kind"]] += 1
        if row["kind"] == "running" and row.get("stage") is not None:
            counts["under_way"] += (row["stage"] + 0.5) / 5
    return counts


def progress_state(
    rows: Sequence[Message],
    now: str,
    *,
    title: str = "",
    status: str = "running",
    counts: Mapping[str, float] | None = None,
    first: int = 0,
    expected: str = "",
    due: str | None = None,
    message: str = "",
    actions: Iterable[Message] = (),
    speed: float = 1.0,
    seq: int = 0,
) -> Message:
    """The state of a :class:`Progress`; see there for what each key is.

    ``rows`` are all rows, of which the page from ``first`` is sent; or, with ``counts`` over all, that page alone.
    """
    page = list(rows) if counts is not None else list(rows[first : first + PAGE])
    return {
        "title": title,
        "status": status,
        "now": now,
        "speed": speed,
        "counts": dict(counts) if counts is not None else progress_counts(rows),
        "first": first,
        "rows": _without_repeats(page),
        "expected": expected,
        "due": due,
        "message": message,
        "actions": list(actions),
        "seq": seq,
    }


def _without_repeats(rows: list[Message]) -> list[Message]:
    """Say one remedy once under neighbours that share it (a dead connection fails all its types alike)."""
    notes = [row.get("note") for row in rows]
    return [
        {name: value for name, value in row.items() if name not in ("note", "link")} if note and note == after else row
        for row, note, after in zip(rows, notes, [*notes[1:], None], strict=False)
    ]


def expected_text(waits: Iterable[tuple[str, str]]) -> str:
    """What waits for a platform's limit, two of them by name; ``waits`` are (data type, end of the pause).

    >>> expected_text([("payments", "2026-11-23T14:05:00Z")])
    'payments paused until 2026-11-23T14:05:00Z'
    """
    parts = [f"{name} paused until {until}" for name, until in waits]
    more = f", {len(parts) - 2} more" if len(parts) > 2 else ""
    return ", ".join(parts[:2]) + more


def total_text(counts: Mapping[str, float]) -> str:
    """What is done, in words.

    >>> total_text({"total": 4, "complete": 1, "failed": 1, "other": 0})
    '2 of 4 done, 1 failed'
    """
    done = int(counts["complete"] + counts["failed"] + counts["other"])
    failed = f", {number(int(counts['failed']))} failed" if counts["failed"] else ""
    return f"{number(done)} of {number(int(counts['total']))} done{failed}"


class Progress(Part):
    """Operations on their way to the end (class ``codat-progress``), in the console or framed by itself.

    Times inside ``text``, ``expected`` and ``message`` (ISO with a Z) are shown in the reader's zone, as hours and
    minutes.

    State: ``title`` or "" · ``status`` "idle" (the empty form), "asking" (queueing, no row yet), "running", "done",
    "stopped" or "error" · ``message`` a line under the total, e.g. the error; when idle, the hint what to do ·
    ``now`` the server's time, ISO · ``speed`` of its clock; elapsed times tick by both · ``counts`` as
    :func:`progress_counts` gives them, over all · ``first`` number of the first row sent, from 0 · ``rows`` at most
    50 of {``key``, ``type``, ``platform``, ``stage`` 0-4 or 5 for all done, ``tone`` "ok", "run", "warn", "bad" or
    "idle", ``text``, ``symbol``?, ``kind``, ``since``?, ``until``?, ``usual``?, ``note``?, ``link``?}, made by
    :func:`operation_row`; with ``usual`` seconds the browser says what is left, and names what takes three times as
    long and two minutes longer · ``due`` ISO time at which all should have ended, or None · ``expected`` text on what
    waits · ``actions`` buttons as {``type``, ``text``, ``title``?}, such as ``STOP`` · ``seq`` of the last action taken
    up.

    Sends: {"type": <an action's type>, "seq"} · {"type": "window", "first"} when another page of rows is wanted.
    """

    classes = ("codat-progress",)
    files = ("progress.js", "progress.css")

    @staticmethod
    def text(state: Message) -> str:
        """The total, then one line an operation with its remedy; times in UTC."""
        if state["status"] == "idle":
            return "Nothing is being refreshed."
        counts, rows = state["counts"], state["rows"]
        head = [state["title"], total_text(counts), utc(state["expected"]), utc(state["message"])]
        more = int(counts["total"]) - len(rows)
        lines = [_row_text(row, state["now"]) for row in rows]
        lines += [f"  and {count(more, 'operation')} more"] if more > 0 else []
        return "\n".join([", ".join(word for word in head if word), *lines])


def _row_text(row: Message, now: str) -> str:
    passed = seconds_between(row.get("since"), row.get("until") or now) if row.get("since") else None
    left = row["usual"] - passed if passed is not None and "usual" in row else 0
    words = [
        row["type"],
        row["platform"],
        utc(row["text"]),
        duration(passed) if passed is not None else "",
        f"about {duration(left)} left" if left > 0 else "",
    ]
    note = f": {row['note']}" if row.get("note") else ""
    link = f" Relink URL: {row['link']}" if row.get("link") else ""
    return "  " + ", ".join(word for word in words if word) + note + link
