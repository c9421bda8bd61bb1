"""How long operations take: what is learned of it."""

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from codat_notebook.runs.durations import MEDIAN, Durations, Lifetime


def median(lifetime: Lifetime) -> float:
    """The duration that half of them exceed."""
    return next(seconds for seconds in range(1, 100_000) if lifetime.left(seconds) <= 0.5)


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
