"""The live view of runs: their rows as the progress part draws them, in the console or as a cell's last line."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from codat_notebook.models.shared import PullOperation
from codat_notebook.models.status import is_failed, pause_end
from codat_notebook.runs.durations import due_at
from codat_notebook.runs.rows import Row
from codat_notebook.runs.run import RefreshRun
from codat_notebook.runs.starting import again
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
)

#: (connection id, data type) -> seconds.
Usual = Mapping[tuple[str, str], float]
#: How a run ended -> the status of the progress part; among several the first that applies.
_ENDS = {"failed": "error", "stopped": "stopped", "done": "done"}


def company_rows(rows: Iterable[Row], platforms: Mapping[str, str], usual: Usual) -> list[ProgressRow]:
    """Rows of a run as the progress part draws them; ``platforms`` by connection."""
    return [run_row(row, platforms, usual) for row in rows]


def run_row(row: Row, platforms: Mapping[str, str], usual: Usual) -> ProgressRow:
    """One row of a run as the progress part draws it."""
    operation = row.operation
    if operation is None:
        return operation_row(
            f"{row.data_type}/{row.connection_id or ''}",
            row.data_type,
            platform=platforms.get(row.connection_id or "", ""),
            state=row.state,
            message=f"{row.error.why} {row.error.action}" if row.error else None,
        )
    return operation_row(
        operation.id,
        operation.data_type,
        operation.status,
        platform=platforms.get(operation.connection_id, ""),
        description=operation.status_description,
        message=operation.error_message,
        requested=operation.requested,
        completed=operation.completed,
        link_url=row.error.link_url if row.error else None,
        usual=usual.get((operation.connection_id, operation.data_type)),
    )


def runs_state(
    runs: Sequence[RefreshRun], *, usual: Usual | None = None, title: str = "", first: int = 0, seq: int = 0
) -> ProgressState:
    """The state of the progress part for some runs; ``first`` is the first row of the page.

    ``usual`` is how long the operations usually take, seconds by connection and data type; by default what the runs
    themselves have learned from the history.
    """
    usual = {key: seconds for run in runs for key, seconds in run.usual.items()} | dict(usual or {})
    rows = {row["key"]: row for run in runs for row in company_rows(run.rows, run.platforms, usual)}
    running = [row.operation for run in runs for row in run.rows if row.operation is not None and row.open]
    due = due_at((each for each in running if not pause_end(each.status_description)), usual)
    last = runs[-1]
    return progress_state(
        list(rows.values()),
        last.now.isoformat(),
        title=title,
        status=_status(runs, bool(rows)),
        first=first,
        expected=expected_text(_waits(running)),
        due=due.isoformat() if due else None,
        message="; ".join(dict.fromkeys(run.note for run in runs if run.note)),
        actions=_actions(runs),
        speed=last.speed,
        seq=seq,
    )


def _waits(running: Iterable[PullOperation]) -> list[tuple[str, str]]:
    """What is paused by a platform's limit: data type, until when."""
    ends = [(operation.data_type, pause_end(operation.status_description)) for operation in running]
    return [(data_type, end) for data_type, end in ends if end]


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
    """Keeps a progress part up to date with runs until they have ended, and acts on its buttons.

    ``seq`` is that of the click that led here.
    """

    def __init__(
        self, runs: Sequence[RefreshRun], part: Progress, *, titled: bool = False, usual: Usual | None = None,
        seq: int = 0,
    ) -> None:  # fmt: skip
        self._part = part
        self._titled = titled
        self._usual = usual
        self._first = 0
        self._seq = seq
        self._forget: list[Callable[[], None]] = []
        self._follow(runs)

    def _follow(self, runs: Sequence[RefreshRun]) -> None:
        self.detach()
        self.runs = tuple(runs)
        self._first = 0
        self._forget = [run.observe(self.draw) for run in self.runs]

    def state(self) -> ProgressState:
        """What is to be shown now."""
        title = f"Refresh of {self.runs[-1].company_name}" if self._titled else ""
        return runs_state(self.runs, usual=self._usual, title=title, first=self._first, seq=self._seq)

    def draw(self) -> None:
        """Show the runs as they are now."""
        self._part.show(self.state())

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
                self._seq = seq
                self._follow(self.retry() or self.runs)
        self._part.show(self.state(), at_once=True)

    def retry(self) -> list[RefreshRun]:
        """Queue again what failed and may succeed now; the new runs."""
        return [run.retry_failed() for run in self.runs if helped(run)]

    def detach(self) -> None:
        """Stop renderer; the runs go on."""
        for forget in self._forget:
            forget()
        self._forget = []


def run_view(run: RefreshRun) -> Progress:
    """A live view of a run of one company: a widget to show anywhere, as often as wanted."""
    part = Progress()
    view = RunView([run], part, titled=True)
    part.state = view.state()  # at once, since it may be shown before the engine gets to it
    part.on_message = view.act
    return part
