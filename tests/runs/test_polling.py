"""When to look again."""

import math
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codat_notebook.runs import polling
from codat_notebook.runs.durations import Lifetime
from codat_notebook.runs.polling import Running

XERO = Lifetime(math.log(60), 0.5)
running = st.builds(Running, st.floats(0, 1e7), st.just(XERO), st.floats(0, 1e5))


@example(ops=[Running(0.0, XERO, 164.0)], price=70.0)  # beyond the last step, by half a second
@given(ops=st.lists(running, max_size=8), price=st.floats(0, 1e4))
def test_a_look_comes_within_bounds(ops: list[Running], price: float) -> None:
    """The next look is never sooner than SOONEST and never later than LATEST while something runs."""
    assert polling.SOONEST <= polling.next_look(ops, price) <= polling.LATEST


def slowly(ops: list[Running], price: float) -> float:
    """When the waiting that is expected by then has grown to the price, in steps of a tenth of a second."""
    latest = polling.PATIENT if math.isinf(price) else polling.LATEST
    waited, seconds = 0.0, 0.0
    while seconds < latest:
        seconds += 0.1
        chances = [(op.weight, op.left(seconds)) for op in ops]
        waited += 0.1 * sum(weight * (1 - left) for weight, left in chances)
        if waited >= price or sum(left for _, left in chances) < polling.ALMOST_NONE:
            break
    return min(max(seconds, polling.SOONEST), latest)


@pytest.mark.parametrize("price", [0.3, 1, 8, 60, math.inf])
@pytest.mark.parametrize(
    "ops",
    [
        [Running(0, XERO)],
        [Running(0, XERO)] * 40,
        [Running(50, XERO)] * 3,
        [Running(300, XERO), Running(3, Lifetime(math.log(1200), 0.8))],
        [Running(5, XERO, paused=100), Running(40, XERO)],
    ],
    ids=["one", "forty", "half way", "long and slow", "paused"],
)
def test_the_look_comes_when_waiting_is_worth_a_request(ops: list[Running], price: float) -> None:
    """As a slow computation in small steps finds it, to the width of its steps."""
    assert polling.next_look(ops, price) == pytest.approx(slowly(ops, price), rel=0.09, abs=0.3)


def test_bounds() -> None:
    """Once a second at most, each five minutes at least; an hour where delay is free; at once where nothing runs."""
    hanging = [Running(1e6, XERO)]
    assert polling.next_look([], 50) == polling.next_look([Running(0, XERO)] * 1000, 0.001) == 1
    assert polling.next_look(hanging, 1e4) == 300
    assert polling.next_look(hanging, math.inf) == 3600


@pytest.mark.parametrize(("age", "weight"), [(-5, 1), (0, 1), (0.5, 1), (60, 1), (120, 1), (240, 0.5), (1200, 0.1)])
def test_what_runs_long_counts_less(age: float, weight: float) -> None:
    """In proportion to how long it runs, from two minutes on."""
    assert Running(age, XERO).weight == weight


@pytest.mark.parametrize(
    ("arguments", "price"),
    [((1, 0, 0, 1), 1), ((2, 3, 0, 1), 6), ((2, 30, 0, 1), 60), ((2, 999, 0, 1), 60), ((2, 3, 50, 0.5), 25)],
)
def test_what_a_request_is_worth(arguments: tuple[float, int, int, float], price: float) -> None:
    """Patience for each company, up to thirty; more where many wait for a slot."""
    assert polling.price_of(*arguments) == price


@pytest.mark.parametrize(("tracked", "size"), [(0, 100), (25, 100), (26, 102), (200, 450), (2475, 5000), (9999, 5000)])
def test_how_many_operations_to_ask_for(tracked: int, size: int) -> None:
    """Twice those that are tracked and fifty more, a hundred at least, and what Codat allows at most."""
    assert polling.page_size(tracked) == size


def follow(durations: list[float], price: float) -> tuple[int, float]:
    """Looks and the mean delay until all ends are seen."""
    now, looks, delay, left = 0.0, 0, 0.0, list(durations)
    while left:
        now += polling.next_look([Running(now, XERO)] * len(left), price)
        looks += 1
        delay += sum(now - end for end in left if end <= now)
        left = [end for end in left if end > now]
    return looks, delay / len(durations)


def test_many_operations_are_seen_soon_with_few_looks() -> None:
    """43 operations of about a minute: their ends are seen within three seconds on average, for two looks each."""
    draw = random.Random(7)
    looks, delay = follow([draw.lognormvariate(XERO.mu, XERO.sigma) for _ in range(43)], polling.PRICE)
    assert looks <= 86
    assert delay <= 3


def test_the_dearer_a_request_the_fewer_looks() -> None:
    """The price trades requests for delay, all the way to one look where delay is free."""
    durations = [30.0, 45.0, 60.0, 80.0]
    found = [follow(durations, price) for price in (0.5, 5, 50, math.inf)]
    assert [looks for looks, _ in found] == sorted((looks for looks, _ in found), reverse=True)
    assert [delay for _, delay in found] == sorted(delay for _, delay in found)
    assert found[-1][0] == 1


def test_what_hangs_is_looked_at_ever_more_seldom_and_never_given_up() -> None:
    """Twelve hours of hanging cost some hundred looks, the last ones minutes apart."""
    looks, delay = follow([12 * 3600.0], polling.PRICE)
    assert looks < 300
    assert delay < polling.LATEST


def test_a_pause_is_waited_out() -> None:
    """Nothing is asked long before the time until which Codat waits itself."""
    soon = polling.next_look([Running(30, XERO)])
    assert soon < 60 < 200 < polling.next_look([Running(30, XERO, paused=200)]) < 260


@given(tracked=st.integers(0, 100_000))
def test_a_page_holds_all_that_is_tracked_as_far_as_codat_allows(tracked: int) -> None:
    """The newest page has room for the tracked operations and others, up to Codat's largest page."""
    assert min(tracked, 5000) <= polling.page_size(tracked) <= 5000
