"""What a refresh is worth, and the bound that no strategy exceeds."""

import doctest
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codat_notebook.strategies import indices, optimum

FIVE = [1.0, 2.0, 3.0, 4.0, 5.0]


@pytest.mark.parametrize("module", [indices, optimum], ids=lambda module: module.__name__)
def test_the_examples_in_the_docstrings_hold(module: ModuleType) -> None:
    """What the docstrings show is what comes out."""
    assert doctest.testmod(module).failed == 0


@given(rate=st.floats(1e-4, 1e2), tau=st.floats(1e-3, 1e2))
def test_each_index_is_what_the_cost_rate_says(rate: float, tau: float) -> None:
    """W = tau C(tau) - the integral of C, for staleness and age; the integral is taken numerically."""
    s = np.linspace(0, tau, 20_001)
    for index, cost in (
        (indices.staleness, -np.expm1(-rate * s)),
        (indices.age, s + np.expm1(-rate * s) / rate),
    ):
        area = float(((cost[1:] + cost[:-1]) / 2).sum() * (s[1] - s[0]))
        scale = tau * abs(float(cost[-1])) + 1e-12
        assert float(index(rate, tau)) == pytest.approx(tau * float(cost[-1]) - area, abs=1e-4 * scale)


def test_a_cell_never_synced_is_worth_its_limit() -> None:
    """No NaN at tau = infinity: 1 / rate for staleness, no end to what grows without limit or never changes."""
    assert indices.staleness([0.5, 0.0], np.inf).tolist() == [2.0, 1e200]
    for index in (indices.age, indices.since_sync):
        assert index([0.5, 0.0], np.inf).tolist() == [np.inf, np.inf]
    for index in (indices.staleness, indices.age):
        assert index([0.5, 0.0], [0.0, 3.0]).tolist() == [0.0, 0.0]


def best_by_trying(rate: float, refreshes: int, days: float, age: float) -> float:
    """The most expected fresh days of one cell, by trying every even placement of its refreshes after a first one."""
    best = 0.0 if refreshes or not np.isfinite(age) else (np.exp(-rate * age) - np.exp(-rate * (age + days))) / rate
    for first in np.linspace(0, days, 2_001) if refreshes else []:
        before = (np.exp(-rate * age) - np.exp(-rate * (age + first))) / rate if np.isfinite(age) else 0.0
        after = -np.expm1(-rate * (days - first) / refreshes) * refreshes / rate
        best = max(best, before + after)
    return float(best)


@pytest.mark.parametrize("age", [0.0, 0.7, 3.0, 50.0, np.inf])
@pytest.mark.parametrize("refreshes", [0, 1, 3, 12])
def test_fresh_days_is_the_best_placement(refreshes: int, age: float) -> None:
    """Over a finite horizon no placement of k refreshes is fresher than the formula says, and one is as fresh."""
    formula = optimum.fresh_days(np.array([0.4]), np.array([float(refreshes)]), 10.0, np.array([age]))[0]
    assert formula == pytest.approx(best_by_trying(0.4, refreshes, 10.0, age), abs=1e-5)


def test_the_bound_over_a_long_time_is_the_optimum() -> None:
    """The start no longer matters in the end."""
    assert optimum.upper_bound(FIVE, 5, days=1e6) == pytest.approx(0.373889, abs=1e-5)


@example(rates=[4e-172], budget=1.0, ages=0.0, seed=0)  # its square is 0
@given(
    rates=st.lists(st.floats(0, 20), min_size=1, max_size=6),
    budget=st.floats(0, 20),
    ages=st.sampled_from([0.0, 0.3, 2.0, np.inf]),
    seed=st.integers(0, 2**32 - 1),
)
def test_no_spending_of_the_budget_exceeds_the_bound(rates: list[float], budget: float, ages: float, seed: int) -> None:
    """However the refreshes of a horizon are shared out, and each share placed at its best, the bound holds."""
    rng, days, rate = np.random.default_rng(seed), 9.0, np.array(rates)
    age = np.full(len(rates), ages)
    bound = optimum.upper_bound(rate, budget, days, age)
    for _ in range(20):
        k = rng.multinomial(int(budget * days), rng.dirichlet(np.ones(len(rates)))).astype(float)
        assert optimum.mean(optimum.fresh_days(rate, k, days, age)) / days <= bound + 1e-9
    assert 0 <= bound <= 1


def test_the_bound_refuses_times_that_make_no_sense() -> None:
    """A horizon that does not exist, and an age that is missing, are refused."""
    for arguments in ({"days": 0.0}, {"days": 1.0, "ages": [np.nan]}, {"days": 1.0, "ages": [-1.0]}):
        some: dict[str, Any] = {"rates": [1.0], "budget": 1.0, **arguments}
        with pytest.raises(ValueError, match="days must be > 0"):
            optimum.upper_bound(**some)
