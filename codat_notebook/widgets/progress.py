"""What is being refreshed: one row an operation, with its stage, its time, and a failure's remedy where it happens.

The same part is the console's right side and the live view of a run that is a cell's last line; :class:`RunView` keeps
it up to date with the runs that it follows. Its state is a window: the totals are counted over all operations, the rows
sent are those of one page. What a status means is told by :mod:`codat_notebook.models.status`, what to do about it by
:mod:`codat_notebook.diagnosis`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NotRequired, TypedDict, cast

from codat_notebook.diagnosis import diagnose
from codat_notebook.models.secret import host
from codat_notebook.models.shared import Connection, PullOperation
from codat_notebook.models.status import is_running, meaning, pause_end
from codat_notebook.models.vocabulary import plain_name
from codat_notebook.runs.context import CompanyFacts
from codat_notebook.runs.durations import due_at, usual_durations
from codat_notebook.runs.records import ErrorRecord, from_operation, repeats
from codat_notebook.runs.rows import STATES, Row
from codat_notebook.runs.run import RefreshRun
from codat_notebook.runs.watching import CompanyWatch
from codat_notebook.widgets.part import Click, FromBrowser, Part
from codat_notebook.words import and_more, count, duration, iso, number, seconds_between, utc

#: Rows sent at once: every data type there is, or one page of a large run.
PAGE = 50


#: Operations on LIVE that are queued without a question; ``refresh_bar.js`` has it, too.
ASK_ABOVE = 5


class ActionButton(TypedDict):
    """A button that sends a message of this ``type``; with ``ask`` only at the second click, after that question."""

    type: str
    text: str
    title: NotRequired[str]
    ask: NotRequired[str]


#: Stop is no cancel, and the button must say so.
WATCH_AGAIN: ActionButton = {"type": "watch_again", "text": "Watch again", "title": "Looks at once and keeps watching."}
STOP: ActionButton = {
    "type": "stop",
    "text": "Stop watching (Codat carries on)",
    "title": "Codat finishes what is queued: its API cannot cancel.",
}

#: (connection id, data type) -> seconds.
Usual = Mapping[tuple[str, str], float]
#: How a run ended -> the status of the progress part; among several the first that applies.
_ENDS = {"failed": "error", "stopped": "stopped", "done": "done"}

_NEVER = datetime.min.replace(tzinfo=UTC)
#: Around a text of others, so that one from right to left does not turn the sentence that quotes it.
_ISOLATE, _END = "\u2068", "\u2069"


class ProgressRow(TypedDict):
    """An operation on its way, by :func:`operation_row`.

    ``type`` and ``status`` (where it is another word) are Codat's keys, ``name`` and ``text`` what is read of them.
    ``stage`` is 0-4, or 5 for all done. From the ``usual`` seconds the browser says what is left, and names what takes
    three times as long and two minutes longer. ``attempt`` is told from the second on.
    """

    key: str
    type: str
    name: str
    platform: str
    tone: str
    text: str
    kind: str
    status: NotRequired[str]
    stage: NotRequired[int]
    symbol: NotRequired[str]
    since: NotRequired[str]
    until: NotRequired[str]
    usual: NotRequired[int]
    note: NotRequired[str]
    link: NotRequired[str]
    attempt: NotRequired[int]


class ProgressCounts(TypedDict):
    """Totals over all rows: ``other`` ended neither well nor badly, ``under_way`` is what the running ones have behind
    them in operations (0.5 for one that is half done)."""

    total: float
    complete: float
    failed: float
    other: float
    running: float
    under_way: float


class ProgressState(TypedDict):
    """The operations of some runs.

    ``status`` is "idle" (the empty form), "asking" (queueing, no row yet), "running", "done", "stopped" or "error";
    ``message`` a line under the total, or when idle the hint what to do; ``counts`` are over all rows, of which
    ``rows`` are at most 50, from the ``first``; ``expected`` tells what waits, ``due`` when all should have ended.
    Where it is not ``watched``, elapsed times stand as they were when it was ``checked`` last.
    """

    title: str
    status: str
    counts: ProgressCounts
    first: int
    rows: list[ProgressRow]
    expected: str
    due: str | None
    message: str
    actions: list[ActionButton]
    checked: str | None
    watched: bool
    seq: int


class ShowRows(FromBrowser, frozen=True, tag="window"):
    """Another page of rows is wanted."""

    first: int


class StopWatching(Click, frozen=True, tag="stop"):
    """Stop watching."""


class WatchAgain(Click, frozen=True):
    """Look at it again after it was stopped."""


class Retry(Click, frozen=True):
    """Queue again what failed and may succeed now."""


class RetryLater(Click, frozen=True):
    """The same, and what may succeed later at its time."""


class OpenRow(Click, frozen=True, tag="open"):
    """Show the details of the operation with this key."""

    key: str = ""


def operation_row(
    operation: PullOperation, connection: Connection | None = None, *, error: ErrorRecord | None = None,
    now: datetime | None = None, usual: float | None = None,
) -> ProgressRow:  # fmt: skip
    """One row of a :class:`Progress`: an operation.

    ``connection`` is its own, ``error`` what a run says of its failure, ``now`` the server's time. ``usual`` are the
    seconds that such an operation usually takes: from them the browser tells what is left, and what is late.

    >>> operation_row(PullOperation(id="1", data_type="invoices", status="Mapping"))["text"]
    'Mapping'
    """
    platform, there = (connection.platform_name, connection.on_premise) if connection else ("", False)
    row: dict[str, Any] = {"key": operation.id, "type": operation.data_type, "platform": platform}
    row["name"] = plain_name(operation.data_type)
    row |= meaning(operation.status, operation.completed, operation.status_description, there)._asdict()
    if operation.status not in (row["text"], ""):
        row["status"] = operation.status
    if row["kind"] == "failed":
        error = error if error and error.cause else from_operation(operation, connection, (), now or _NEVER)
        message = operation.error_message or ""
        message = "" if repeats(message, error.cause, platform) else message
        says = f" Codat says: “{_ISOLATE}{message}{_END}”" if message else ""
        cause = (error.cause or "").replace("this connection", platform or "this connection")
        cause = cause.replace("this data.", f"{plain_name(operation.data_type).lower()}.")
        row |= {"note": f"{cause} {error.action}{says}", "link": error.link_url}
    elif row["kind"] == "running" and not (advice := diagnose(operation, connection, now=now)).normal:
        row["note"] = f"{advice.cause} {advice.action}"
    if usual is not None and row["tone"] == "run":
        row["usual"] = round(usual)
    row |= {"since": iso(operation.requested, exact=True), "until": iso(operation.completed, exact=True)}
    return cast(ProgressRow, {name: value for name, value in row.items() if value is not None})


def waiting_row(
    key: str, data_type: str, platform: str, state: str, note: str | None = None, due: datetime | None = None
) -> ProgressRow:
    """One row of a :class:`Progress`: a row of a run, of this state, that has no operation (yet); ``note`` says why.
    One that is queued again at a later time says when that is ``due``."""
    row: dict[str, Any] = {"key": key, "type": data_type, "platform": platform, "note": note}
    row["name"], (words, row["tone"], row["kind"], row["symbol"]) = plain_name(data_type), STATES[state]
    row["text"] = f"Retries at {minute(due)}" if due else words[0].upper() + words[1:]
    return cast(ProgressRow, {name: value for name, value in row.items() if value is not None})


def progress_counts(rows: Sequence[ProgressRow]) -> ProgressCounts:
    """Totals over all rows."""
    kinds = Counter(row["kind"] for row in rows)
    stages = [row["stage"] for row in rows if row["kind"] == "running" and "stage" in row]
    return {
        "total": len(rows), "complete": kinds["complete"], "failed": kinds["failed"], "other": kinds["other"],
        "running": kinds["running"], "under_way": sum((stage + 0.5) / 5 for stage in stages),
    }  # fmt: skip


def progress_state(
    rows: Sequence[ProgressRow], *, title: str = "", status: str = "running", first: int = 0, expected: str = "",
    due: str | None = None, message: str = "", actions: Iterable[ActionButton] = (), checked: str | None = None,
    watched: bool = True, seq: int = 0,
) -> ProgressState:  # fmt: skip
    """The state of a :class:`Progress`. ``rows`` are all rows, of which the page from ``first`` is sent."""
    return {
        "title": title, "status": status, "counts": progress_counts(rows), "first": first,
        "rows": _without_repeats(rows[first : first + PAGE]), "expected": expected, "due": due, "message": message,
        "actions": list(actions), "checked": checked, "watched": watched, "seq": seq,
    }  # fmt: skip


def _without_repeats(rows: Sequence[ProgressRow]) -> list[ProgressRow]:
    """Say one remedy once under neighbours that share it (a dead connection fails all its types alike)."""
    notes = [row.get("note") for row in rows]
    return [
        cast(ProgressRow, {name: value for name, value in row.items() if name not in ("note", "link")})
        if note and note == after
        else row
        for row, note, after in zip(rows, notes, [*notes[1:], None], strict=False)
    ]


def expected_text(waits: Iterable[tuple[str, str]]) -> str:
    """What waits for a platform's limit, two of them by name; ``waits`` are (data type, end of the pause).

    >>> expected_text([("payments", "2026-11-23T14:05:00Z")])
    'Payments paused until 2026-11-23T14:05:00Z'
    """
    parts = [f"{plain_name(data_type)} paused until {until}" for data_type, until in waits]
    more = f", {len(parts) - 2} more" if len(parts) > 2 else ""
    return ", ".join(parts[:2]) + more


def total_text(counts: ProgressCounts) -> str:
    """What is done, in words.

    >>> total_text({"total": 4, "complete": 1, "failed": 1, "other": 0})
    '2 of 4 done, 1 failed'
    """
    done = int(counts["complete"] + counts["failed"] + counts["other"])
    failed = f", {number(int(counts['failed']))} failed" if counts["failed"] else ""
    return f"{number(done)} of {number(int(counts['total']))} done{failed}"


class Progress(Part[ProgressState]):
    """Operations on their way to the end (class ``codat-progress``), in the console or framed by itself.

    Times inside ``text``, ``expected`` and ``message`` (ISO with a Z) become hours and minutes in the reader's zone.
    """

    classes = ("codat-progress",)
    files = ("progress.js", "progress.css")
    messages = ShowRows | StopWatching | WatchAgain | Retry | RetryLater | OpenRow

    @staticmethod
    def text(state: ProgressState, now: str) -> str:
        """The total, then one line an operation with its remedy; times in UTC."""
        if state["status"] == "idle":
            return "Nothing is being refreshed."
        counts, rows = state["counts"], state["rows"]
        at = now if state["watched"] else state["checked"] or now
        head = [state["title"], total_text(counts), utc(state["expected"], at), utc(state["message"], at)]
        lines = [_row_text(row, at) for row in rows]
        lines += [f"  {line}" for line in and_more(int(counts["total"]) - len(rows), "more operation")]
        return "\n".join([", ".join(word for word in head if word), *lines])


def _row_text(row: ProgressRow, now: str) -> str:
    passed = seconds_between(row["since"], row.get("until") or now) if "since" in row else None
    left = row["usual"] - passed if passed is not None and "usual" in row else 0
    words = [
        row["name"],
        row["platform"],
        utc(row["text"], now),
        duration(passed) if passed is not None else "",
        f"about {duration(left)} left" if left > 0 else "",
    ]
    words += [f"attempt {row['attempt']}"] if "attempt" in row else []
    note = f": {row['note']}" if row.get("note") else ""
    link = f" Relink URL: {row['link']}" if row.get("link") else ""
    return "  " + ", ".join(word for word in words if word) + note + link


def run_row(row: Row, facts: CompanyFacts | None, usual: Usual, now: datetime) -> ProgressRow:
    """One row of a run as the progress part draws it; ``facts`` are the company's, ``now`` is the server's time."""
    operation, error = row.operation, row.error
    connections = facts.connections if facts else {}
    connection = connections.get((operation.connection_id if operation else row.connection_id) or "")
    if operation is None:
        key, platform = f"{row.data_type}/{row.connection_id or ''}", connection.platform_name if connection else ""
        due = row.due if row.due and row.due > now and row.state == "queueing" else None
        note = f"{error.why} {error.action}" if error else None
        drawn = waiting_row(key, row.data_type, platform, row.state, note, due)
    else:
        seconds = usual.get((operation.connection_id, operation.data_type))
        drawn = operation_row(operation, connection, error=error, now=now, usual=seconds)
    return {**drawn, "attempt": row.attempt} if row.attempt > 1 else drawn


def minute(moment: datetime) -> str:
    """A time that is told by the minute: the next full one, since before it is too early."""
    return f"{moment.astimezone(UTC) + timedelta(seconds=59):%Y-%m-%dT%H:%M:00Z}"


def retry_actions(runs: Sequence[RefreshRun]) -> list[ActionButton]:
    """To queue again what failed: what may succeed now, and at its time what may later."""
    told = [run.retries for run in runs]
    now, later = sum(each.now for each in told), sum(each.later for each in told)
    first = min((each.first for each in told if each.first is not None), default=None)
    last = max((each.last for each in told if each.last is not None), default=None)
    title = "Queues again what may succeed now. What is done stays done; for the rest, first do what it says below."
    offered: list[ActionButton] = [{"type": "retry", "text": f"Retry failed ({now:,})", "title": title}] if now else []
    if first is not None and last is not None:
        when = f"{'at' if minute(first) == minute(last) else 'from'} {minute(first)}"
        title = f"Retries {later:,} {when}, each as soon as that may help. The kernel must keep running until then."
        keep = " (keep this page open)" if host() == "the app" else ""
        offered.append({"type": "retry_later", "text": f"Retry {later:,} {when}{keep}", "title": title})
    if not all(run.is_sandbox for run in runs):
        for button, number in zip(reversed(offered), (now + later, now), strict=False):
            if number > ASK_ABOVE:
                button["ask"] = f"Queue {number:,} on LIVE?"
    return offered


def _actions(runs: Sequence[RefreshRun], running: bool, watched: bool) -> list[ActionButton]:
    """To stop watching what runs, to watch it again; to queue again what failed and may succeed."""
    if not watched:
        return [] if any(run.closed for run in runs) else [WATCH_AGAIN]
    return [STOP] if running else retry_actions(runs)


def can_retry(run: RefreshRun, later: bool) -> bool:
    """Whether a click still has something to retry."""
    return bool(run.retries.now or (later and run.retries.later))


def _status(runs: Iterable[RefreshRun], any_rows: bool, others_run: bool) -> str:
    phases = {run.phase for run in runs}
    if others_run or phases - _ENDS.keys():
        return "running" if any_rows else "asking"
    return next((status for phase, status in _ENDS.items() if phase in phases), "done")


class RunView:
    """Keeps a progress part up to date with the runs that it follows, and acts on its buttons.

    ``changed`` is called instead of :meth:`draw` when a run has changed. With a ``watch`` it shows what else runs for
    that company, too: what others have started, and what this session has queued by runs that are not on screen.
    ``concerns`` says of which connections (``None``: not known yet) the rows are shown; the buttons are for all.
    """

    def __init__(
        self, part: Progress, *, titled: bool = False, changed: Callable[[], object] | None = None,
        concerns: Callable[[str | None], bool] = lambda _: True,
    ) -> None:  # fmt: skip
        self.runs: tuple[RefreshRun, ...] = ()
        self.watch: CompanyWatch | None = None
        self._part = part
        self._titled = titled
        self._changed = changed or self.draw
        self._concerns = concerns
        self._beside: set[str] = set()
        self._usual: Usual | None = None
        self._first = 0
        self._seq = 0
        self._forget: list[Callable[[], None]] = []

    def follow(self, *runs: RefreshRun, watch: CompanyWatch | None = None, seq: int = 0) -> None:
        """Follow these runs from now on, none others; they are drawn at their next change.

        The history of the ``watch`` tells how long operations usually take, beside what the runs themselves learn.
        ``seq`` is that of the click that led here.
        """
        for forget in self._forget:
            forget()
        if watch is not self.watch:
            self._beside = set()
        self.runs = runs
        self.watch = watch
        self._usual = None
        self._first = 0
        self._seq = seq
        self._forget = [run.observe(self._changed) for run in runs]

    def _others(self) -> list[PullOperation]:
        """What runs beside the runs on screen, with what of it has ended since it was first seen; oldest first."""
        if self.watch is None or self.watch.status is None:
            return []
        mine = {row.operation_id for run in self.runs for row in run.rows}
        now = {each.id for each in self.watch.under_way} - mine
        if now and not now & self._beside:  # nothing of what was shown is left
            self._beside = set()
        self._beside = (self._beside | now) - mine
        return [each for each in reversed(self.watch.status.operations) if each.id in self._beside]

    def state(self) -> ProgressState:
        """What is to be shown now."""
        others, source = self._others(), self.runs[-1] if self.runs else self.watch
        if source is None or not (self.runs or others):
            return progress_state([], status="idle")
        now = source.now
        watch, status = self.watch, self.watch.status if self.watch else None
        facts = status.facts if status else None
        if self._usual is None:
            self._usual = usual_durations(status.operations if status else ())
        usual = {key: seconds for run in self.runs for key, seconds in run.usual.items()} | dict(self._usual)
        known = [(row, run.facts_of(row.company_id)) for run in self.runs for row in run.latest]
        known += [(Row(each.data_type, operation=each), facts) for each in others]
        here = [(row, its) for row, its in known if self._concerns((row.operation or row).connection_id)]
        drawn = [run_row(row, its, usual, now) for row, its in here]
        again = {cell.operation_id: cell.lasting for cell in status.cells if cell.lasting} if status else {}
        for row in drawn:
            if lasting := again.get(row["key"]):
                row["note"] = f"{lasting[0].upper()}{lasting[1:]}. {row.get('note', '')}"
        rows = {row["key"]: row for row in sorted(drawn, key=lambda row: row["kind"] != "failed")}
        running = [row.operation for row, _ in here if row.operation is not None and row.open]
        others_run = any(is_running(each.status, each.completed) for each in others)
        waits = [(each.data_type, end) for each in running if (end := pause_end(each.status_description))]
        due = due_at((each for each in running if "usual" in rows[each.id]), usual)
        watched = watch.watched if watch else not any(run.phase == "stopped" and run.unfinished for run in self.runs)
        checked = watch.checked if watch else self.runs[-1].checked
        notes = [run.note for run in self.runs if run.note and run.phase != "stopped"]
        if not watched:
            notes.append(_not_watching(checked))
        elif watch is not None and others_run:
            notes.append(_beside_text(others, watch))
        if hidden := len(known) - len(here):
            notes.append(f"{count(hidden, 'operation')} on other connections are not shown.")
        return progress_state(
            list(rows.values()),
            title=f"Refresh of {self.runs[-1].company_name}" if self._titled else "",
            status=_status(self.runs, bool(known), others_run),
            first=self._first if self._first < len(rows) else 0,
            expected=expected_text(waits),
            due=due.isoformat() if due else None,
            message=" ".join(dict.fromkeys(notes)),
            actions=_actions(self.runs, any(row.open for row, _ in known), watched),
            checked=iso(checked.isoformat()) if checked else None,
            watched=watched,
            seq=self._seq,
        )

    def draw(self) -> None:
        """Show the runs as they are now."""
        self._part.show(self.state())

    def act(self, message: ShowRows | StopWatching | WatchAgain | Retry | RetryLater) -> None:
        """A message of the part: another page, to stop watching, or to queue again what can be helped by it."""
        match message:
            case ShowRows(first=first):
                self._first = max(0, first)
            case StopWatching(seq=seq):
                self._seq = seq
                for run in self.runs:
                    run.stop_watching()
            case WatchAgain(seq=seq):
                runs = [run.watch_again() if run.unfinished else run for run in self.runs]
                self.follow(*runs, watch=self.watch, seq=seq)
            case Retry(seq=seq) | RetryLater(seq=seq):
                later = isinstance(message, RetryLater)
                runs = [run.retry_failed(later) if can_retry(run, later) else run for run in self.runs]
                self.follow(*runs, watch=self.watch, seq=seq)
        self._part.show(self.state(), at_once=True)


def _not_watching(checked: datetime | None) -> str:
    since = f" since {iso(checked.isoformat())}" if checked else ""
    return f"Not watching{since}: this view is out of date. Codat carries on."


def _beside_text(others: Sequence[PullOperation], watch: CompanyWatch) -> str:
    """What is no run of this page's: told so that nobody refreshes it again. Who started it cannot be known."""
    elsewhere = sum(not watch.is_ours(each) for each in others)
    since = min((each.requested for each in others if each.requested), default="")
    began = f" at {iso(since)}" if since else ""
    how = f"queued from here{began}" if not elsewhere else f"started elsewhere{began}"
    if 0 < elsewhere < len(others):
        how = f"{number(elsewhere)} of them started elsewhere{began}"
    what = count(len(others), "data type")
    return f"Codat is already reading {what}, {how}. You do not need to refresh: this page follows it."


def run_view(run: RefreshRun) -> Progress:
    """A live view of a run of one company: a widget to show anywhere, as often as wanted."""
    part = Progress(clock=run.clock)
    view = RunView(part, titled=True)
    view.follow(run)
    part.state = view.state()  # at once, since it may be shown before the engine gets to it
    part.on_message = view.act
    part.on_copied = run.copied
    return part
