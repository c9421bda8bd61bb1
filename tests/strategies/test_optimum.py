"""Optimal allocations: the published numbers, and what must hold for any cells and budget."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from codat_notebook.strategies import indices, optimum
from codat_notebook.strategies.optimum import mean

from .closed_forms import age, allocate, freshness

FIVE = [1.0, 2.0, 3.0, 4.0, 5.0]
#: Cho & Garcia-Molina's web: a share of pages for each mean number of days between changes; one visit a month.
SHARES = np.array([0.23, 0.15, 0.16, 0.16, 0.30])
WEB = 1 / np.array([1.0, 7.0, 30.0, 120.0, 365.0])


def cells(most: int = 12) -> st.SearchStrategy[tuple[list[float], list[float], list[float]]]:
    """Rates, weights and costs of a few cells."""
    some = st.tuples(st.floats(1e-3, 1e2), st.floats(1e-2, 1e2), st.floats(1e-1, 1e1))
    columns = st.lists(some, min_size=1, max_size=most)
    return columns.map(lambda rows: tuple(list(column) for column in zip(*rows, strict=True)))  # type: ignore[return-value]


def test_five_cells_get_the_known_frequencies() -> None:
    """Changes of one to five a day and five refreshes a day: to the four digits that are known."""
    assert allocate(FIVE, budget=5).frequency.round(4).tolist() == [1.1499, 1.3584, 1.3538, 1.1379, 0.0]


@pytest.mark.parametrize(
    ("index", "frequencies"),
    [
        (indices.staleness, [1.1499, 1.3584, 1.3538, 1.1379]),
        (indices.age, [0.8349, 0.9679, 1.0335, 1.0706, 1.0931]),
        (indices.since_sync, [1.0, 1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_at_the_known_optima_the_index_is_the_same_for_all(index: Any, frequencies: list[float]) -> None:
    """Each objective's best frequencies for one to five changes a day make its index even."""
    worth = index(FIVE[: len(frequencies)], 1 / np.array(frequencies))
    assert worth == pytest.approx(np.full(len(frequencies), worth[0]), rel=1e-3)


def test_five_cells_have_the_known_price_and_freshness() -> None:
    """The optimum's price and mean freshness, and those of the naive allocations, to all digits known."""
    best = allocate(FIVE, budget=5)
    assert best.price == pytest.approx(0.2164318261, abs=5e-11)
    assert mean(freshness(FIVE, best.frequency)) == pytest.approx(0.373889, abs=5e-7)
    assert mean(freshness(FIVE, 1.0)) == pytest.approx(0.365053, abs=5e-7)
    proportional = np.array(FIVE) * 5 / sum(FIVE)
    assert mean(freshness(FIVE, proportional)) == pytest.approx(0.316738, abs=5e-7)


def test_the_web_of_the_year_2000() -> None:
    """Freshness and age of Cho & Garcia-Molina's mix, for visits in proportion to changes, uniform and optimal."""
    budget = 1 / 30
    plans: dict[str, Any] = {
        "proportional": WEB * budget / (WEB @ SHARES),
        "uniform": np.full(5, budget),
        "optimal": allocate(WEB, budget, SHARES, SHARES).frequency,
    }
    fresh = {name: round(mean(freshness(WEB, plan), SHARES), 4) for name, plan in plans.items()}
    ages = {name: mean(age(WEB, plan), SHARES) for name, plan in plans.items()}
    assert {name: fresh[name] for name in ("proportional", "uniform", "optimal")} == {
        "proportional": 0.1287, "uniform": 0.5729, "optimal": 0.6162,
    }  # fmt: skip
    assert round(ages["proportional"]) == 406
    assert round(ages["uniform"], 2) == 5.61


@given(some=cells(), budget=st.floats(1e-2, 1e3))
def test_an_allocation_costs_the_budget_exactly(some: Any, budget: float) -> None:
    """The sum of cost x frequency is the budget, and no frequency is negative."""
    rates, weights, costs = some
    frequency = allocate(rates, budget, weights, costs).frequency
    assert (frequency >= 0).all()
    assert frequency @ np.array(costs) == pytest.approx(budget, rel=1e-9)


@given(some=cells(), budget=st.floats(1e-1, 1e3))
def test_all_refreshed_cells_pay_one_price(some: Any, budget: float) -> None:
    """At the optimum the weighted index per cost, one interval after a refresh, is the price for every cell."""
    rates, weights, costs = (np.array(column) for column in some)
    found = allocate(rates, budget, weights, costs)
    # A cell at the very edge of being given up has an interval that floats cannot tell.
    active = found.frequency > np.maximum(rates / 25, 1e-6)
    paid = weights * indices.staleness(rates, 1 / np.where(active, found.frequency, 1)) / costs
    assert paid[active] == pytest.approx(np.full(active.sum(), found.price), rel=1e-6)


@given(some=cells(), budget=st.floats(1e-2, 1e3), seed=st.integers(0, 2**32 - 1))
def test_no_other_allocation_is_fresher(some: Any, budget: float, seed: int) -> None:
    """No random plan of the same cost, nor the uniform or the proportional one, beats the optimum."""
    rates, weights, costs = (np.array(column) for column in some)
    best = allocate(rates, budget, weights, costs).frequency
    drawn = np.random.default_rng(seed).exponential(size=len(rates))
    reached = mean(freshness(rates, best), weights)
    for plan in (drawn, np.ones(len(rates)), rates):
        other = mean(freshness(rates, plan * budget / (plan @ costs)), weights)
        assert other <= reached + 1e-9


@given(some=cells(), budget=st.floats(1e-2, 1e3))
def test_uniform_is_never_worse_than_proportional(some: Any, budget: float) -> None:
    """Refreshing what changes often more often is worse than refreshing all alike (cells of equal weight and cost)."""
    rates = np.array(some[0])
    uniform, proportional = np.full(len(rates), budget / len(rates)), rates * budget / rates.sum()
    fresh = [mean(freshness(rates, plan)) for plan in (uniform, proportional)]
    assert fresh[0] >= fresh[1] - 1e-12


@given(x=st.floats(1e-9, 20))
def test_the_root_undoes_the_curve(x: float) -> None:
    """Solving the curve for its own value gives the argument back, from tiny to large."""
    z = indices.staleness_curve(np.array([x]))
    assume(z[0] < 1 - 1e-7)  # beyond, the last digit of z stands for more than 1e-9 of x
    assert optimum.staleness_root(z)[0] == pytest.approx(x, rel=1e-8)


def test_what_never_changes_or_weighs_nothing_gets_nothing() -> None:
    """Cells without changes or weight get no refresh from the metrics that know of both; the rest gets all."""
    found = allocate([0.0, 1.0, 2.0], 3.0, weights=[1.0, 0.0, 1.0])
    assert found.frequency.tolist() == [0.0, 0.0, pytest.approx(3.0)]
    assert allocate([0.0, 1.0], 3.0, weights=[1.0, 0.0]).frequency.tolist() == [0.0, 0.0]
    assert allocate([1.0, 1.0], 0.0).frequency.tolist() == [0.0, 0.0]


def test_a_budget_too_small_for_floats_is_still_spent() -> None:
    """One refresh in a hundred changes: the price is 1 to the last digit, and the allocation right all the same."""
    assert allocate([1.0], budget=0.01).frequency.tolist() == [pytest.approx(0.01)]
    assert allocate([1.0, 1.0], budget=0.01).frequency.tolist() == [pytest.approx(0.005)] * 2
