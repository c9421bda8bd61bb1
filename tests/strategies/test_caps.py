"""Optimal allocations under caps."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_notebook.strategies import bounds, caps, indices, optimum
from codat_notebook.strategies.caps import capped


def test_the_examples_in_the_docstrings_hold() -> None:
    """What the docstrings show is what comes out."""
    assert doctest.testmod(caps).failed == 0


def test_caps_that_do_not_bind_change_nothing() -> None:
    """The same frequencies and price as without caps, for every objective."""
    rates, group = [1.0, 2.0, 3.0, 4.0, 5.0], [0, 0, 1, 1, 2]
    for name, allocate in optimum.OBJECTIVES.items():
        free, held = allocate(rates, 5.0), capped(rates, 5.0, group, 99.0, objective=name)
        assert held.frequency.tolist() == free.frequency.tolist()
        assert held.price == free.price


@given(seed=st.integers(0, 2**32 - 1), budget=st.floats(0.5, 20), share=st.floats(0.05, 1.5))
def test_each_group_has_one_price_and_keeps_its_cap(seed: int, budget: float, share: float) -> None:
    """Within the caps and the budget; in a group at its cap the price is at least that of the others."""
    rng = np.random.default_rng(seed)
    rates, weights, costs = rng.gamma(1, 2, 12) + 0.01, rng.pareto(2, 12) + 0.1, rng.uniform(0.5, 2, 12)
    group = np.repeat(np.arange(4), 3)
    cap = budget * share * rng.uniform(0.1, 1.0, 4)
    found = capped(rates, budget, group, cap[group], weights, costs, objective="age")
    spent = np.bincount(group, found.frequency * costs)
    assert (spent <= cap * (1 + 1e-6)).all()
    assert spent.sum() == pytest.approx(min(budget, cap.sum()), rel=1e-6)
    price = weights * indices.age(rates, 1 / found.frequency) / costs
    full = spent >= cap * (1 - 1e-6)
    for number in range(4):
        own = price[group == number]
        assert own == pytest.approx(own[0], rel=1e-4)
        if not full.all():
            assert (
                own[0] >= found.price * (1 - 1e-4) if full[number] else own[0] == pytest.approx(found.price, rel=1e-4)
            )


def test_no_allocation_within_the_caps_is_fresher() -> None:
    """Against many that are drawn at random."""
    rng = np.random.default_rng(3)
    rates, group, cap = rng.gamma(1, 2, 9), np.repeat([0, 1, 2], 3), np.array([1.0, 2.0, 9.0])
    best = bounds.mean(bounds.freshness(rates, capped(rates, 6.0, group, cap[group]).frequency))
    for _ in range(300):
        parts = rng.dirichlet(np.ones(3)) * 6.0
        spent = np.minimum(parts, cap)
        tried = np.concatenate([rng.dirichlet(np.ones(3)) * amount for amount in spent])
        assert bounds.mean(bounds.freshness(rates, tried)) <= best + 1e-9


def test_what_makes_no_sense_is_refused() -> None:
    """Caps below nothing, groups for other cells, objectives that nobody knows."""
    for groups, cap, objective in (([0, 1], -1.0, "age"), ([0], 1.0, "age"), ([0, 1], 1.0, "best")):
        with pytest.raises(ValueError, match="capped:"):
            capped([1.0, 2.0], 1.0, groups, cap, objective=objective)
