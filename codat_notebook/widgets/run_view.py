"""The live view of runs: their rows as the progress part draws them, in the console or as a cell's last line."""

from collections.abc import Iterable, Sequence

from codat_notebook.runs.rows import Row
from codat_notebook.runs.run import RefreshRun
from codat_notebook.widgets.part import Message
from codat_notebook.widgets.progress import STOP, Progress, operation_row, progress_state

#: How a run ended -> the status of the progress part; among several the first that applies.
_ENDS = {"failed": "error", "stopped": "stopped", "done": "done"}
#: A row's state before it has an operation -> the word of ``operation_row``.
_QUEUED = {"queueing": "asking", "refused": "no", "unknown": "unknown", "not queued by Codat": "never"}


def run_row(run: RefreshRun, row: Row) -> Message:
    """One row of a run as the progress part draws it."""
    platforms = run.company.platforms if run.company else {}
    operation = row.operation
    if operation is None:
        return operation_row(
            f"{row.data_type}/{row.connection_id or ''}",
            row.data_type,
            platform=platforms.get(row.connection_id or "", ""),
            queued=_QUEUED[row.state],
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
    )


def runs_state(runs: Sequence[RefreshRun], *, title: str = "", first: int = 0, seq: int = 0) -> Message:
    """The state of the progress part for some runs of one company; ``first`` is the first row of the page."""
    rows = {row["key"]: row for run in runs for row in (run_row(run, row) for row in run.rows)}
    last = runs[-1]
    return progress_state(
        list(rows.values()),
        last.now.isoformat(),
        title=title,
        status=_status(runs, bool(rows)),
        first=first,
        message="; ".join(dict.fromkeys(run.note for run in runs if run.note)),
        actions=() if all(run.done for run in runs) else (STOP,),
        speed=last.speed,
        seq=seq,
    )


def _status(runs: Iterable[RefreshRun], any_rows: bool) -> str:
    phases = {run.phase for run in runs}
    if phases - _ENDS.keys():
        return "running" if any_rows else "asking"
    return next(status for phase, status in _ENDS.items() if phase in phases)


def number_of(message: Message, name: str) -> int:
    """A whole number out of a browser's message, 0 if there is none."""
    value = message.get(name)
    return value if isinstance(value, int) else 0


class RunView:
    """Keeps a progress part up to date with runs until they have ended, and acts on its buttons."""

    def __init__(self, runs: Sequence[RefreshRun], part: Progress, *, titled: bool = False) -> None:
        self.runs = tuple(runs)
        self._part, self._titled = part, titled
        self._first = self._seq = 0
        self._forget = [run.observe(self.draw) for run in self.runs]

    def state(self) -> Message:
        """What is to be shown now."""
        title = f"Refresh of {self.runs[-1].company_name}" if self._titled else ""
        return runs_state(self.runs, title=title, first=self._first, seq=self._seq)

    def draw(self) -> None:
        """Show the runs as they are now."""
        self._part.show(self.state())

    def act(self, message: Message) -> None:
        """A message of the part: another page, or to stop watching."""
        if message.get("type") == "window":
            self._first = max(0, number_of(message, "first"))
        elif message.get("type") == "stop":
            self._seq = number_of(message, "seq")
            for run in self.runs:
                run.stop_watching()
        self._part.show(self.state(), at_once=True)

    def detach(self) -> None:
        """Stop drawing; the runs go on."""
        for forget in self._forget:
            forget()
        self._forget = []


def run_view(run: RefreshRun) -> Progress:
    """A live view of a run: a widget to show anywhere, as often as wanted."""
    part = Progress()
    view = RunView([run], part, titled=True)
    part.state = view.state()  # at once, since it may be shown before the engine gets to it
    part.on_message = view.act
    return part
