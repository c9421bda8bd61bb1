"""The head of a run over many companies: what its state holds and says, from plain values."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from codat_notebook.runs.rows import progress_of
from codat_notebook.widgets.run_overview import overview_state

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
COUNTS = {"queueing": 40, "running": 20, "complete": 36, "failed": 3, "unknown": 1}


def state(phase: str, counts: dict[str, int] = COUNTS, note: str = "") -> Any:
    """A state of the head twenty minutes after the run began."""
    numbers = progress_of(counts, (50, 12), NOW - timedelta(minutes=20), NOW, 0)
    run = SimpleNamespace(
        company_name="50 companies", phase=phase, paused=bool(note), counts=counts, progress=numbers, now=NOW,
        note=note,
    )  # fmt: skip
    return overview_state(run, [], [])  # type: ignore[arg-type]


def test_the_bar_has_every_state_that_occurs_and_no_other():
    """The shares stand in the bar's order, say their number, and add up to all operations."""
    shares = state("queueing")["shares"]
    assert [share[0] for share in shares] == ["complete", "failed", "unknown", "running", "queueing"]
    assert sum(share[3] for share in shares) == 100


def test_the_end_is_told_while_there_is_a_rate_to_tell_it_by():
    """Forty of a hundred in twenty minutes: thirty more to come. Not from the first end, nor when all is over."""
    assert state("following")["end"] == "2026-11-23T14:30:00Z"
    assert state("following", {"running": 99, "complete": 1})["end"] is None
    assert state("done", {"complete": 100})["end"] is None


def test_a_run_that_queues_nothing_for_now_is_paused():
    """What is queued is followed on, so it is paused only while there is something left to queue."""
    phases = [state("queueing"), state("queueing", note="paused"), state("following", note="paused")]
    assert [each["phase"]["text"] for each in phases] == ["Queueing", "Paused", "In progress"]
