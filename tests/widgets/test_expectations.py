"""How long refreshes usually take, out of the history."""

from datetime import UTC, datetime

from codat_notebook.models.shared import PullOperation
from codat_notebook.widgets.run_view import due_at, usual_durations


def operation(minute: int, seconds: int | None, status: str = "Complete", data_type: str = "invoices") -> PullOperation:
    """An operation that began in a minute of one hour and took so many seconds."""
    end = None if seconds is None else f"2026-11-23T13:{minute:02d}:{seconds:02d}Z"
    return PullOperation(
        id=f"{data_type}{minute}", connection_id="c", data_type=data_type, status=status,
        requested=f"2026-11-23T13:{minute:02d}:00", completed=end,
    )  # fmt: skip


def test_usual_is_the_median_of_the_newest_complete_ones() -> None:
    """One that hung does not spoil it; failures, running ones and those before the newest ten do not count."""
    old = [operation(n, 59) for n in range(10)]
    new = [operation(10 + n, 5) for n in range(9)] + [operation(30, 50)]
    odd = [operation(40, 1, "FetchError"), operation(41, None, "Fetching"), operation(42, 9, data_type="bills")]
    assert usual_durations([*odd, *new, *old]) == {("c", "invoices"): 5, ("c", "bills"): 9}


def test_all_are_due_when_the_last_one_is() -> None:
    """What the history does not know is left out; nothing known is nothing said."""
    running = [
        operation(1, None, "Queued"),
        operation(0, None, "Queued", "bills"),
        operation(2, None, "Queued", "items"),
    ]
    usual = {("c", "invoices"): 30.0, ("c", "bills"): 200.0}
    assert due_at(running, usual) == datetime(2026, 11, 23, 13, 3, 20, tzinfo=UTC)
    assert due_at(running[2:], usual) is None
