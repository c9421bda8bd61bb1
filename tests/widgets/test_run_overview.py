"""The head of a run over many companies: what its state holds and says, from plain values."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from codat_notebook.runs.rows import progress_of
from codat_notebook.widgets.run_overview import RunOverview, overview_state

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
COUNTS = {"queueing": 40, "running": 20, "complete": 36, "failed": 3, "unknown": 1}
REMEDY = {"status": "AuthError", "short": "Authorization expired", "action": "Send the relink URL.",
          "companies": 3, "operations": 3, "links": 2}  # fmt: skip


def state(phase: str, counts: dict[str, int] = COUNTS, note: str = "", remedies: Any = ()) -> Any:
    """A state of the head twenty minutes after the run began."""
    numbers = progress_of(counts, (50, 12), NOW - timedelta(minutes=20), NOW, 0)
    run = SimpleNamespace(
        company_name="50 companies", phase=phase, paused=bool(note), counts=counts, progress=numbers, now=NOW,
        speed=1.0, note=note,
    )  # fmt: skip
    return overview_state(run, remedies, [])  # type: ignore[arg-type]


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


def test_the_text_says_how_far_it_is_and_who_has_to_do_what():
    """Where no widget is drawn, the head is a line of numbers, its note, and a line for each remedy."""
    text = RunOverview.text(state("queueing", note="paused: nothing more is queued", remedies=[REMEDY]))
    assert text.splitlines() == [
        "Refresh of 50 companies: Paused, 40 of 100 operations ended, 36 complete, 3 failed, 1 maybe queued, "
        "20 running, 40 to be queued, 12 of 50 companies done, end expected 14:30 UTC",
        "paused: nothing more is queued",
        "  3 companies: Authorization expired. Send the relink URL.",
    ]
