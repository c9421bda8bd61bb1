"""How good refreshing at given frequencies is, in closed form (Cho & Garcia-Molina, TODS 2003).

x = rate / frequency is the number of changes expected between two evenly spaced refreshes.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from codat_notebook.strategies.indices import Floats
from codat_notebook.strategies.optimum import Problem, find_price, interval_at, spent_at


def freshness(rate: Any, frequency: Any) -> Floats:
    """Share of time in which the copy equals the source: (1 - e^-x) / x."""
    rate, frequency = np.broadcast_arrays(np.asarray(rate, float), np.asarray(frequency, float))
    x = rate / np.maximum(frequency, 1e-100)
    return np.where(frequency > 0, np.where(x > 0, -np.expm1(-x) / np.where(x > 0, x, 1.0), 1.0), 0.0)


def age(rate: Any, frequency: Any) -> Floats:
    """Mean days since the first unseen change: (1/2 - 1/x + (1 - e^-x) / x^2) / f; for x that is not tiny."""
    rate, frequency = np.asarray(rate, float), np.asarray(frequency, float)
    frequency = np.maximum(frequency, 1e-9)  # a cell that is never refreshed is as old as it gets
    x = rate / frequency
    return (0.5 - 1 / x - np.expm1(-x) / x**2) / frequency


@dataclass(frozen=True, slots=True)
class Allocation:
    """Refreshes a day for each cell, and the price: what one more unit of budget a day would win."""

    frequency: Floats
    price: float


def allocate(rates: Any, budget: float, weights: Any = 1.0, costs: Any = 1.0) -> Allocation:
    """The freshest way to share out a budget, at the one price that spends it."""
    problem = Problem.of(rates, budget, weights, costs)
    able = (problem.rate > 0) & (problem.weight > 0)
    if not able.any() or problem.budget == 0:
        return Allocation(np.zeros(len(problem.rate)), np.inf if able.any() else 0.0)
    low, high = find_price(partial(spent_at, problem), problem.budget)
    frequencies = 1 / interval_at(problem, low)
    if high > low:
        # The spending jumps over the budget between two neighbouring prices; a mix of both costs what it should.
        other = 1 / interval_at(problem, high)
        dear, cheap = float((frequencies * problem.cost).sum()), float((other * problem.cost).sum())
        frequencies = other + (frequencies - other) * (problem.budget - cheap) / (dear - cheap)
    return Allocation(frequencies, low)
