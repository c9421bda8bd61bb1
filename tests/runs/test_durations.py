"""How long operations take: what is learned of it."""

import math
import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_notebook.models.shared import PullOperation
from codat_notebook.runs.durations import MEDIAN, NEWEST, Durations, Lifetime, due_at, usual_durations


def median(lifetime: Lifetime) -> float:
    """The duration that half of them exceed, which is what the median says; one in twenty is late."""
    counted = next(seconds for seconds in range(1, 100_000) if lifetime.left(seconds) <= 0.5)
    assert abs(lifetime.median - counted) <= 1
    assert lifetime.ended(lifetime.late) == pytest.approx(0.95)
    return counted


def learned(**seconds: float) -> Durations:
    """Fifty durations around each of these medians, all on one platform."""
    draw, known = random.Random(3), Durations()
    for _ in range(50):
        for data_type, middle in seconds.items():
            known.learn("Xero", data_type, draw.lognormvariate(math.log(middle), 0.4))
    return known


def test_nothing_seen_is_the_assumption() -> None:
    """Before anything was seen there is a guess for every kind of operation."""
    assert abs(median(Durations().of("Xero", "invoices")) - MEDIAN) <= 1


def test_a_kind_is_learned_from_its_own_durations() -> None:
    """With fifty of its own, what others take has little weight."""
    known = learned(invoices=40, journals=400)
    assert 32 < median(known.of("Xero", "invoices")) < 50
    assert 320 < median(known.of("Xero", "journals")) < 500


def test_a_kind_never_seen_borrows_from_its_type_on_other_platforms() -> None:
    """Invoices of another platform take about what invoices take."""
    known = learned(invoices=20, journals=400)
    assert median(known.of("Plaid", "invoices")) < 40 < 250 < median(known.of("Plaid", "journals"))


def test_what_is_usual_is_told_of_kinds_that_were_seen_alone() -> None:
    """A guess is good enough for when to look again, not for telling a reader what is left."""
    known = learned(invoices=40)
    usual = known.usual("Xero", "invoices")
    assert usual is not None
    assert 32 < usual < 50
    assert known.usual("Plaid", "invoices") is None


@given(st.lists(st.floats(0, 1e9), max_size=30), st.lists(st.floats(0, 1e9), min_size=2, max_size=9))
def test_the_chance_to_run_on_falls_with_time_and_is_never_nothing(seen: list[float], at: list[float]) -> None:
    """Whatever was seen: what hangs is never taken for ended."""
    known = Durations()
    for seconds in seen:
        known.learn("Xero", "invoices", seconds)
    left = [known.of("Xero", "invoices").left(seconds) for seconds in sorted(at)]
    assert left == sorted(left, reverse=True)
    assert 0 < left[-1] <= left[0] <= 1


def test_an_assumption_is_drawn_along_by_what_is_seen() -> None:
    """Where all that was seen took twice as long as assumed, so does what was never seen."""
    durations = Durations(lambda platform, data_type: {"bills": 10.0, "journals": 100.0}[data_type])
    assert round(durations.of("Xero", "bills").median, 9) == 10.0
    for _ in range(50):
        durations.learn("Xero", "bills", 20.0)
    assert 18 < durations.of("Xero", "bills").median < 21
    assert 150 < durations.of("Sage", "journals").median < 210


def operation(minute: int, seconds: int | None, status: str = "Complete", data_type: str = "invoices") -> PullOperation:
    """An operation that began in a minute of one hour and took so many seconds."""
    end = None if seconds is None else f"2026-11-23T13:{minute:02d}:{seconds:02d}Z"
    return PullOperation(
        id=f"{data_type}{minute}", connection_id="c", data_type=data_type, status=status,
        requested=f"2026-11-23T13:{minute:02d}:00", completed=end,
    )  # fmt: skip


def test_the_newest_complete_operations_say_what_is_usual() -> None:
    """One that hung hardly spoils it; failures, running ones and those before the newest ten do not count."""

    new = [operation(10 + n, 5) for n in range(NEWEST - 1)] + [operation(30, 50)]
    old = [operation(n, 59) for n in range(10)]
    odd = [operation(40, 1, "FetchError"), operation(41, None, "Fetching")]
    assert usual_durations([*odd, *new, *old]) == usual_durations(new)
    assert list(usual_durations(new)) == [("c", "invoices")]
    assert 5 < usual_durations(new)["c", "invoices"] < 10
    assert usual_durations([]) == {}


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
