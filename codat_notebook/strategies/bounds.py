"""How good any strategy can be.

``upper_bound`` is what no strategy exceeds that learns of changes only by refreshing; quotas, latency and failures
lower what can be reached, push signals and rates that vary in time would raise it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from codat_notebook.strategies.indices import Floats
from codat_notebook.strategies.optimum import STILL, Problem
from codat_notebook.strategies.roots import find_price, staleness_root


def mean(values: ArrayLike, weights: ArrayLike | None = None) -> float:
    """The weighted mean over the cells; with weights that are all 0 it is 0."""
    values = np.asarray(values, np.float64)
    weight = np.broadcast_to(np.asarray(1.0 if weights is None else weights, np.float64), values.shape)
    total = float(weight.sum())
    # Not a product of vectors: BLAS adds up in an order that depends on its threads.
    return float((values * weight).sum()) / total if total > 0 else 0.0


def upper_bound(
    rates: ArrayLike,
    budget: float,
    days: float,
    ages: ArrayLike = np.inf,
    weights: ArrayLike | None = None,
    costs: ArrayLike | None = None,
) -> float:
    """The highest weighted mean freshness over the next ``days`` that ``budget`` a day can buy, by any strategy.

    A cell of age a that gets k refreshes, as well placed as can be, is fresh for ``fresh_days``. The bound spends
    budget x days where it wins most, lets k be any number, and takes the dual value at the price found; each of
    these can only raise it.

    Parameters
    ----------
    rates, budget, weights, costs : as in ``optimum.freshness``.
    days : the horizon, > 0.
    ages : days since the snapshot that is held at the start; infinite where there is none.

    >>> round(upper_bound([1, 2, 3, 4, 5], budget=5, days=100_000), 4)
    0.3739
    """
    problem = Problem.checked(rates, budget, weights, costs)
    age = np.broadcast_to(np.asarray(ages, np.float64), problem.rate.shape)
    if not days > 0 or not (age >= 0).all():
        raise ValueError("upper_bound: days must be > 0, and no age may be negative or missing")
    total = float(problem.weight.sum())
    if total == 0:
        return 0.0
    if problem.budget == 0:
        return mean(fresh_days(problem.rate, np.zeros(len(age)), days, age), problem.weight) / days
    still = problem.rate == 0
    price = find_price(
        lambda price: float((_refreshes(problem, price, days, age) * problem.cost).sum()), budget * days
    ).low if (~still & (problem.weight > 0)).any() else 0.0  # fmt: skip
    k = _refreshes(problem, price, days, age)
    won = np.where(still, days, fresh_days(problem.rate, k, days, age)) * problem.weight
    dual = float(won.sum()) + price * (budget * days - float((k * problem.cost).sum()))
    return min(dual / (total * days), 1.0)


def fresh_days(rate: Floats, refreshes: Floats, days: float, age: Floats) -> Floats:
    """Days of expected freshness over a horizon, from ``refreshes`` that are placed as well as can be.

    Evenly: the intervals, that of the first snapshot included, are equally long; but where that snapshot is already
    older than they would be, it is replaced at once.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        stretch = np.where(np.isinf(age), np.inf, (days + age) / (refreshes + 1))
        kept = -np.expm1(-rate * stretch) * (refreshes + 1) + np.expm1(-rate * age)
        renewed = np.where(refreshes > 0, -np.expm1(-rate * days / refreshes) * refreshes, 0.0)
        value = np.where(np.isfinite(age) & (stretch >= age), kept, renewed) / rate
    return np.where(rate > STILL, value, np.where(np.isfinite(age) | (refreshes > 0), days, 0.0))


def _refreshes(problem: Problem, price: float, days: float, age: Floats) -> Floats:
    """How many refreshes each cell gets at a price, as any number >= 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(problem.weight > 0, price * problem.cost * problem.rate / problem.weight, np.inf)
        interval = staleness_root(z) / problem.rate
        count = np.where(interval >= age, (days + age) / interval - 1, days / interval)
    return np.where((problem.rate > 0) & (z < 1), np.maximum(count, 0.0), 0.0)
