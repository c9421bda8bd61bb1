"""The most freshness that a budget can buy, and how often each cell is refreshed then.

Which refreshes a day f with sum c f = budget are best, given the changes a day at the source (``rates``), weights w and
costs c? At the optimum one price rules: the weighted index per cost (``indices``) is the same for all cells that are
refreshed. ``find_price`` looks for it; each cell's interval at a price is the root of a curve. ``upper_bound`` is what
no strategy exceeds that learns of changes only by refreshing: quotas, latency and failures lower what can be reached,
push signals and rates that vary in time would raise it.

Source: Cho & Garcia-Molina, TODS 2003.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from codat_notebook.strategies.indices import Flags, Floats

_MAX_STEP = 20.0  # of the price's logarithm
_TOLERANCE = 1e-10  # of the budget


def staleness_root(z: Floats) -> Floats:
    """u with 1 - (1 + u) e^-u = z, for 0 <= z; infinite from z = 1 on.

    u = -1 - W(-1, (z - 1) / e). Solved as u - ln(1 + u) = v with v = -ln(1 - z), which has no exponentials and is well
    conditioned at both ends: a closed guess within 0.6 %, then two Halley steps.

    >>> staleness_root(np.array([0.0, 0.264241117657115, 1.0])).round(12).tolist()
    [0.0, 1.0, inf]
    """
    v: Floats = -np.log1p(-np.minimum(z, 1 - 1e-16))
    p = np.sqrt(2 * v)
    guess = p * (1 + p * (1 / 3 + p / (36 + 6 * p)))
    u: Floats = guess
    for _ in range(2):
        gap = u - np.log1p(u) - v
        u = u - 2 * gap * u * (1 + u) / (2 * u * u - gap + (u == 0))
    u[z >= 1] = np.inf
    # Near 0 the step only adds rounding errors to a guess that is exact to p^3 / 1000.
    u[p < 1e-3] = guess[p < 1e-3]
    return u


def find_price(spend: Callable[[float], float], budget: float) -> tuple[float, float]:
    """The price at which ``spend``, which falls with the price, equals the budget to 1e-10 of it.

    Secant steps on the logarithms; where they leave the bracket so far, or creep, its middle. Both ends of the answer
    are the same unless the spending jumps over the budget between two neighbouring floats (a cell that is about to be
    given up does that): then spend(low) > budget > spend(high).
    """
    low, high, at, slope = -np.inf, np.inf, 0.0, -1.0
    tried: list[tuple[float, float]] = []
    while True:
        spent = spend(float(np.exp(at)))
        gap = float(np.log(spent / budget)) if spent > 0 else -np.inf
        if abs(gap) <= _TOLERANCE:
            return float(np.exp(at)), float(np.exp(at))
        low, high = (at, high) if gap > 0 else (low, at)
        if np.isfinite(gap):
            if tried:
                slope = min((gap - tried[-1][1]) / (at - tried[-1][0]), -1e-3)
            tried.append((at, gap))
        creeps = not np.isfinite(gap) or (len(tried) > 3 and abs(gap) > abs(tried[-4][1]) / 8)
        at += float(np.clip(-gap / slope, -_MAX_STEP, _MAX_STEP))
        if np.isfinite(low) and np.isfinite(high) and (creeps or not low < at < high):
            at = (low + high) / 2
        if at in (low, high):
            return float(np.exp(low)), float(np.exp(high))


#: Changes a day below which a cell counts as one that never changes.
STILL: Final = 1e-100


@dataclass(frozen=True, slots=True)
class Allocation:
    """Refreshes a day for each cell, and the price: what one more unit of budget a day would win."""

    frequency: Floats
    price: float


@dataclass(frozen=True, slots=True)
class Problem:
    """Cells and a budget that are fit to be worked with: arrays of one length, finite, nothing negative."""

    rate: Floats
    weight: Floats
    cost: Floats
    budget: float

    @classmethod
    def checked(
        cls, rates: ArrayLike, budget: float, weights: ArrayLike | None = None, costs: ArrayLike | None = None
    ) -> Problem:
        """The problem from what a caller gives; ``ValueError`` says what is wrong and in which row first."""
        rate = np.atleast_1d(np.asarray(rates, dtype=np.float64))
        if rate.ndim != 1:
            raise ValueError(f"rates: expected one number per cell, not an array of {rate.ndim} dimensions")
        weight, cost = _column("weights", weights, len(rate)), _column("costs", costs, len(rate))
        refuse("rates", rate, np.isfinite(rate) & (rate >= 0), "a finite number >= 0")
        refuse("weights", weight, np.isfinite(weight) & (weight >= 0), "a finite number >= 0")
        refuse("costs", cost, np.isfinite(cost) & (cost > 0), "a finite number > 0")
        if not (np.isfinite(budget) and budget >= 0):
            raise ValueError(f"budget: expected a finite number >= 0 a day, not {budget}")
        return cls(np.where(rate < STILL, 0.0, rate), weight, cost, float(budget))


def _column(name: str, values: ArrayLike | None, length: int) -> Floats:
    column = np.asarray(1.0 if values is None else values, dtype=np.float64)
    if column.ndim > 1 or (column.ndim == 1 and len(column) != length):
        raise ValueError(f"{name}: expected one number, or one for each of the {length} cells, not {column.shape}")
    return np.broadcast_to(column, (length,))


def refuse(name: str, values: Floats, good: Flags, wanted: str) -> None:
    """``ValueError`` for the first value that is not good."""
    if not good.all():
        row = int(np.argmin(good))
        raise ValueError(f"{name}: expected {wanted} for each cell, but row {row} is {values[row]}")


def allocate(
    rates: ArrayLike, budget: float, weights: ArrayLike | None = None, costs: ArrayLike | None = None
) -> Allocation:
    """The freshest way to share out a budget, by evenly spaced refreshes (Cho & Garcia-Molina).

    At the price p of the budget a cell gets none where z = p c rate / w >= 1, else rate / u a day, where
    1 - (1 + u) e^-u = z. Other objectives have their indices (``indices``), and no allocation here.

    Parameters
    ----------
    rates : changes a day, one per cell; 0 gets nothing.
    budget : what the refreshes of a day may cost, in the unit of ``costs``.
    weights : worth of a fresh cell; 1 by default.
    costs : cost of a refresh; 1 by default.

    Raises
    ------
    ValueError : a number that is negative or not finite, or a length that does not fit.

    >>> allocate([1, 2, 3, 4, 5], 5).frequency.round(4).tolist()
    [1.1499, 1.3584, 1.3538, 1.1379, 0.0]
    """
    problem = Problem.checked(rates, budget, weights, costs)
    able = (problem.rate > 0) & (problem.weight > 0)
    if not able.any() or problem.budget == 0:
        return Allocation(np.zeros(len(problem.rate)), np.inf if able.any() else 0.0)
    low, high = find_price(lambda at: float((_frequency(problem, at) * problem.cost).sum()), problem.budget)
    frequencies = _frequency(problem, low)
    if high > low:
        # The spending jumps over the budget between two neighbouring prices; a mix of both costs what it should.
        other = _frequency(problem, high)
        dear, cheap = float((frequencies * problem.cost).sum()), float((other * problem.cost).sum())
        frequencies = other + (frequencies - other) * (problem.budget - cheap) / (dear - cheap)
    return Allocation(frequencies, low)


def _frequency(problem: Problem, price: float) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        z = price * problem.cost * problem.rate / problem.weight
        u = staleness_root(np.where(problem.weight > 0, z, np.inf))
        return np.where(u > 0, problem.rate / u, 0.0)


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
    rates, budget, weights, costs : as in ``allocate``.
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
    count = partial(_refreshes, problem, days=days, age=age)
    able = (problem.rate > 0) & (problem.weight > 0)
    price = find_price(lambda at: float((count(at) * problem.cost).sum()), budget * days)[0] if able.any() else 0.0
    k = count(price)
    won = np.where(problem.rate > 0, fresh_days(problem.rate, k, days, age), days) * problem.weight
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
