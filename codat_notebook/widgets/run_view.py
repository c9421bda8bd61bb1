"""The live view of runs: their rows as the progress part draws them, in the console or as a cell's last line."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from codat_notebook.models.shared import PullOperation
from codat_notebook.models.status import is_failed, pause_end
from codat_notebook.runs.context import CompanyFacts
from codat_notebook.runs.durations import due_at, usual_durations
from codat_notebook.runs.rows import Row
from codat_notebook.runs.run import RefreshRun
from codat_notebook.runs.targets import again
from codat_notebook.widgets.progress import (
    STOP,
    ActionButton,
    Progress,
    ProgressRow,
    ProgressState,
    Retry,
    ShowRows,
    StopWatching,
    expected_text,
    operation_row,
    progress_state,
    waiting_row,
)

#: (connection id, data type) -> seconds.
Usual = Mapping[tuple[str, str], float]
#: How a run ended -> the status of the progress part; among several the first that applies.
_ENDS = {"failed": "error", "stopped": "stopped", "done": "done"}


def run_row(row: Row, facts: CompanyFacts | None, usual: Usual, now: datetime) -> ProgressRow:
    """One row of a run as the progress part draws it; ``facts`` are the company's, ``now`` is the server's time."""
    operation, error = row.operation, row.error
    connections = facts.connections if facts else {}
    connection = connections.get((operation.connection_id if operation else row.connection_id) or "")
    if operation is None:
        key, platform = f"{row.data_type}/{row.connection_id or ''}", connection.platform_name if connection else ""
        return waiting_row(key, row.data_type, platform, row.state, f"{error.why} {error.action}" if error else None)
    seconds = usual.get((operation.connection_id, operation.data_type))
    return operation_row(operation, connection, error=error, now=now, usual=seconds)


def helped(run: RefreshRun) -> int:
    """How many operations of an ended run can be helped by queueing them again."""
    if not run.done or run.closed or not any(row.error for row in run.rows):
        return 0
    try:
        return sum(len(wanted or ()) for wanted in again(run.rows).companies.values())
    except ValueError:  # nothing of the kind
        return 0


def _actions(runs: Sequence[RefreshRun]) -> tuple[ActionButton, ...]:
    """To stop watching what runs; to queue again what failed and may succeed now."""
    if not all(run.done for run in runs):
        return (STOP,)
    count = sum(map(helped, runs))
    failed = sum(is_failed(row.operation.status) for run in runs for row in run.rows if row.operation is not None)
    others = " The others need what is said below them first." if failed > count else ""
    title = f"Queues again what may succeed now.{others}"
    return ({"type": "retry", "text": f"Retry failed ({count})", "title": title},) if count else ()


def _status(runs: Iterable[RefreshRun], any_rows: bool) -> str:
    phases = {run.phase for run in runs}
    if phases - _ENDS.keys():
        return "running" if any_rows else "asking"
    return next(status for phase, status in _ENDS.items() if phase in phases)


class RunView:
    """Keeps a progress part up to date with the runs that it follows, and acts on its buttons.

    ``changed`` is called when the runs have changed, after the part was drawn.
    """

    def __init__(self, part: Progress, *, titled: bool = False, changed: Callable[[], object] = lambda: None) -> None:
        self.runs: tuple[RefreshRun, ...] = ()
        self._part = part
        self._titled = titled
        self._changed = changed
        self._history: Sequence[PullOperation] = ()
        self._usual: Usual | None = None
        self._first = 0
        self._seq = 0
        self._forget: list[Callable[[], None]] = []

    def follow(self, *runs: RefreshRun, history: Sequence[PullOperation] = (), seq: int = 0) -> None:
        """Follow these runs from now on, none others; they are drawn at their next change.

        ``history`` tells how long operations usually take, beside what the runs themselves learn. ``seq`` is that of
        the click that led here.
        """
        for forget in self._forget:
            forget()
        self.runs = runs
        self._history = history
        self._usual = None
        self._first = 0
        self._seq = seq
        self._forget = [run.observe(self.draw) for run in runs]

    def state(self) -> ProgressState:
        """What is to be shown now."""
        if self._usual is None:
            self._usual = usual_durations(self._history)
        usual = {key: seconds for run in self.runs for key, seconds in run.usual.items()} | dict(self._usual)
        drawn = [run_row(row, run.facts_of(row.company_id), usual, run.now) for run in self.runs for row in run.rows]
        rows = {row["key"]: row for row in drawn}
        running = [row.operation for run in self.runs for row in run.rows if row.operation is not None and row.open]
        waits = [(each.data_type, end) for each in running if (end := pause_end(each.status_description))]
        due = due_at((each for each in running if not pause_end(each.status_description)), usual)
        last = self.runs[-1]
        return progress_state(
            list(rows.values()),
            last.now.isoformat(),
            title=f"Refresh of {last.company_name}" if self._titled else "",
            status=_status(self.runs, bool(rows)),
            first=self._first,
            expected=expected_text(waits),
            due=due.isoformat() if due else None,
            message="; ".join(dict.fromkeys(run.note for run in self.runs if run.note)),
            actions=_actions(self.runs),
            speed=last.speed,
            seq=self._seq,
        )

    def draw(self) -> None:
        """Show the runs as they are now."""
        self._part.show(self.state())
        self._changed()

    def act(self, message: ShowRows | StopWatching | Retry) -> None:
        """A message of the part: another page, to stop watching, or to queue again what can be helped by it."""
        match message:
            case ShowRows(first=first):
                self._first = max(0, first)
            case StopWatching(seq=seq):
                self._seq = seq
                for run in self.runs:
                    run.stop_watching()
            case Retry(seq=seq):
                again = [run.retry_failed() for run in self.runs if helped(run)]
                kept = [run for run in self.runs if not (again and run.done)]
                self.follow(*kept, *again, history=self._history, seq=seq)
        self._part.show(self.state(), at_once=True)


def run_view(run: RefreshRun) -> Progress:
    """A live view of a run of one company: a widget to show anywhere, as often as wanted."""
    part = Progress()
    view = RunView(part, titled=True)
    view.follow(run)
    part.state = view.state()  # at once, since it may be shown before the engine gets to it
    part.on_message = view.act
    return part
