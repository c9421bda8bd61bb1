"""The most freshness that a budget can buy, and how often each cell is refreshed then.

Which refreshes a day f with sum c f = budget are best, given the changes a day at the source (``rates``), weights w and
costs c? At the optimum one price rules: the weighted index per cost (``indices``) is the same for all cells that are
refreshed. ``find_price`` looks for it; each cell's interval at a price is the root of a curve. ``upper_bound`` is what
no strategy exceeds that learns of changes only by refreshing: quotas, latency and failures lower what can be reached,
push signals and rates that vary in time would raise it. (Cho & Garcia-Molina, TODS 2003.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from codat_notebook.strategies.indices import STILL, Flags, Floats

_STILL: Final = STILL**0.5  # the product of two rates must not be 0
_WIDE = 700.0  # how far the logarithm of a price may be from 0
#: Of the price that spends the budget: what is tried.
_PRICES: Final = np.array([0.3, 0.5, 0.7, 0.85, 0.95, 1.0, 1.05, 1.2, 1.5])


def staleness_root(z: Floats) -> Floats:
    """u with 1 - (1 + u) e^-u = z, for 0 <= z; infinite from z = 1 on.

    u = -1 - W(-1, (z - 1) / e). Solved as u - ln(1 + u) = v with v = -ln(1 - z), which has no exponentials and is well
    conditioned at both ends: a closed guess within 0.6 %, then a Halley step, which leaves 2e-9.

    >>> staleness_root(np.array([0.0, 0.264241117657115, 1.0])).round(8).tolist()
    [0.0, 1.0, inf]
    """
    v: Floats = -np.log1p(-np.minimum(z, 1 - 1e-16))
    p = np.sqrt(2 * v)
    guess = p * (1 + p * (1 / 3 + p / (36 + 6 * p)))
    gap = guess - np.log1p(guess) - v
    u: Floats = guess - 2 * gap * guess * (1 + guess) / (2 * guess * guess - gap + (guess == 0))
    u[z >= 1] = np.inf
    # Near 0 the step only adds rounding errors to a guess that is exact to p^3 / 1000.
    u[p < 1e-3] = guess[p < 1e-3]
    return u


def find_price(spend: Callable[[float], float], budget: float, to: float = 1e-10) -> tuple[float, float]:
    """The price at which ``spend``, which falls with the price, equals the budget ``to`` a share of it, by bisection.

    Both ends of the answer are the same unless the spending jumps over the budget between two neighbouring floats (a
    cell that is about to be given up does that): then spend(low) > budget > spend(high).
    """
    low, high = -_WIDE, _WIDE
    while (at := (low + high) / 2) not in (low, high):
        gap = spend(float(np.exp(at))) / budget - 1
        if abs(gap) <= to:
            return float(np.exp(at)), float(np.exp(at))
        low, high = (at, high) if gap > 0 else (low, at)
    return float(np.exp(low)), float(np.exp(high))


class Problem(NamedTuple):
    """Cells (changes a day, weights, costs of a refresh: arrays of one length) and a budget a day."""

    rate: Floats
    weight: Floats
    cost: Floats
    budget: float

    @classmethod
    def of(cls, rates: ArrayLike, budget: float, weights: ArrayLike = 1.0, costs: ArrayLike = 1.0) -> Problem:
        """The problem of these cells; one number stands for all of them."""
        rate, weight, cost = np.broadcast_arrays(*np.atleast_1d(rates, weights, costs))
        return cls(np.where(rate < _STILL, 0.0, rate), weight, cost, budget)


def interval_at(problem: Problem, price: float) -> Floats:
    """Days between two refreshes of each cell at a price, infinite where there are none."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        z = price * problem.cost * problem.rate / problem.weight
        interval = staleness_root(np.where(problem.weight > 0, z, np.inf)) / problem.rate
    return np.where((problem.rate > 0) & (problem.weight > 0), interval, np.inf)


def spent_at(problem: Problem, price: float) -> float:
    """What the refreshes of a day cost at a price."""
    return float((problem.cost / np.maximum(interval_at(problem, price), 1e-300)).sum())


def given_up_below(rates: ArrayLike, weights: ArrayLike, costs: ArrayLike) -> Floats:
    """For each cell about the budget a day up to which the freshest allocation never refreshes it.

    >>> given_up_below([1.0, 5.0], [1.0, 1.0], [1.0, 1.0]).round(2).tolist()
    [0.0, 1.21]
    """
    problem = Problem.of(rates, 0.0, weights, costs)
    with np.errstate(divide="ignore"):
        edge = np.where(problem.rate > 0, problem.weight / (problem.cost * problem.rate), np.inf)
    prices = np.unique(edge[np.isfinite(edge) & (edge > 0)])
    if not len(prices):
        return np.zeros(len(edge))
    prices = prices[np.linspace(0, len(prices) - 1, min(len(prices), 64)).astype(int)]
    return np.interp(edge, prices, [spent_at(problem, price) for price in prices], right=0.0)


def mean(values: ArrayLike, weights: ArrayLike = 1.0) -> float:
    """The weighted mean over the cells; with weights that are all 0 it is 0."""
    value, weight = np.broadcast_arrays(values, weights)
    total = float(weight.sum())
    # Not a product of vectors: BLAS adds up in an order that depends on its threads.
    return float((value * weight).sum()) / total if total > 0 else 0.0


def upper_bound(
    rates: ArrayLike, budget: float, days: float, ages: ArrayLike = np.inf, weights: ArrayLike = 1.0,
    costs: ArrayLike = 1.0, *, kept: ArrayLike = 1.0, success: ArrayLike = 1.0, since: ArrayLike = 0.0,
    ahead: float | None = None,
) -> float:  # fmt: skip
    """The highest weighted mean freshness over the next ``days`` that ``budget`` a day can buy, by any strategy.

    A cell of age a that gets k refreshes, as well placed as can be, is fresh for ``fresh_days``. The bound spends
    budget x days where it wins most, in whole refreshes, and takes the dual value of the best price; each of these can
    only raise it. Where the budget drips in, no cell is refreshed before its cost came in, and those that were never
    read wait for each other (``_read_first``).

    Parameters
    ----------
    rates, budget, weights, costs : changes, weight and cost of a refresh of each cell, and what may be spent a day.
    days : the horizon, > 0.
    ages : days since the snapshot that is held at the start; infinite where there is none.
    kept : what a refresh is still worth when it ends, as a share: E e^(-rate x latency).
    success : the highest chance that a refresh succeeds.
    since : days from the start before which a cell cannot be refreshed; infinite: never.
    ahead : days of budget that are there at the start; by default all of it.

    Examples
    --------
    >>> round(upper_bound([1, 2, 3, 4, 5], budget=5, days=100_000), 4)
    0.3739
    """
    problem = Problem.of(rates, budget, weights, costs)
    age, kept, success, since = np.broadcast_arrays(*np.atleast_1d(ages, kept, success, since), problem.rate)[:4]
    if not days > 0 or not (age >= 0).all():
        raise ValueError("upper_bound: days must be > 0, and no age may be negative or missing")
    total = float(problem.weight.sum())
    if total == 0:
        return 0.0
    ahead = days if ahead is None else ahead
    with np.errstate(divide="ignore", over="ignore"):
        wait = np.maximum(problem.cost / problem.budget - ahead, since) if budget else np.full(len(age), np.inf)
    able = wait < days
    wait = np.where(able, wait, days)
    # Until it may be refreshed, the copy that is held is all there is, and while a first refresh is on its way as well.
    sure = fresh_days(problem.rate, np.zeros(len(age)), wait, age)
    older = age + wait
    with np.errstate(divide="ignore", invalid="ignore"):
        sure = sure + np.where(
            able & (problem.rate > 0), (1 - kept) * np.exp(-problem.rate * older) / problem.rate, 0.0
        )
    part = Problem(problem.rate[able], (problem.weight * kept)[able], (problem.cost / success)[able], problem.budget)
    won = 0.0
    if able.any():
        won = _most_won(part, problem.cost[able], (days - wait)[able], older[able], days, ahead)
    return min((float((sure * problem.weight).sum()) + won) / (total * days), 1.0)


def _most_won(part: Problem, paid: Floats, left: Floats, age: Floats, days: float, ahead: float) -> float:
    """The most days of freshness, weighted, that all refreshes can add up to: the lowest dual value that is found.

    ``part.cost`` is what a success costs, ``paid`` what a refresh does; ``left`` is the time of each cell.
    """
    moving, never = part.rate > 0, np.isinf(age)
    change = moving & (part.weight > 0)

    def count(price: float) -> Floats:
        """How many refreshes each cell gets, as any number >= 0."""
        interval = interval_at(part, price)
        with np.errstate(divide="ignore", invalid="ignore"):
            number = np.where(interval >= age, (left + age) / interval - 1, left / interval)
        return np.where(np.isfinite(interval), np.maximum(number, 0.0), 0.0)

    def dual(price: float) -> float:
        k, charge = count(price), price * part.cost
        whole = [part.weight * fresh_days(part.rate, n, left, age) - charge * n for n in (np.floor(k), np.floor(k) + 1)]
        best = np.maximum(*whole)
        still = part.weight * left - np.where(never, charge, 0.0)  # never read, and never changing: read once
        best = np.where(moving, best, np.maximum(still, 0.0))
        first = best[never].sum()
        if never.any():
            first = min(first, _read_first(part, price, paid, never, days, ahead))
        return float(best[~never].sum() + first) + price * part.budget * days

    price = 0.0
    if change.any():
        price = find_price(lambda at: float((count(at) * part.cost).sum()), part.budget * days, 1e-4)[0]
    return min(dual(float(at)) for at in price * _PRICES)


def _read_first(part: Problem, price: float, paid: Floats, never: Flags, days: float, ahead: float) -> float:
    """The most that cells which were never read are worth at a price, when the first read of each waits for those of
    the others: a day later is worth ``worth`` less, so the best order is that of worth per cost (Smith's rule)."""
    rate, weight, charge, paid = part.rate[never], part.weight[never], price * part.cost[never], paid[never]
    interval = interval_at(part, price)[never]
    with np.errstate(divide="ignore", invalid="ignore"):
        worth = (-np.expm1(-rate * interval) * weight / rate - charge) / interval
    worth = np.where(rate > 0, np.where(np.isfinite(interval), worth, 0.0), weight)
    order = np.argsort(-worth / paid, kind="stable")
    ends = np.cumsum(paid[order]) / part.budget - ahead
    gained = days - ends
    if (ends > days).any():  # not all can be read: then what is read in part counts for that part
        takes = paid[order] / part.budget
        gained = np.clip(gained + takes, 0.0, takes) ** 2 / (2 * takes) + np.maximum(gained, 0.0)
    return float((worth[order] * np.minimum(gained, days)).sum())


def fresh_days(rate: Floats, refreshes: Floats, days: Floats | float, age: Floats) -> Floats:
    """Days of expected freshness over a horizon, from ``refreshes`` that are placed as well as can be.

    Evenly: the intervals, that of the first snapshot included, are equally long; but where that snapshot is already
    older than they would be, it is replaced at once.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        stretch = np.where(np.isinf(age), np.inf, (days + age) / (refreshes + 1))
        kept = -np.expm1(-rate * stretch) * (refreshes + 1) + np.expm1(-rate * age)
        renewed = np.where(refreshes > 0, -np.expm1(-rate * days / refreshes) * refreshes, 0.0)
        value = np.where(np.isfinite(age) & (stretch >= age), kept, renewed) / rate
    return np.where(rate > _STILL, value, np.where(np.isfinite(age) | (refreshes > 0), days, 0.0))
