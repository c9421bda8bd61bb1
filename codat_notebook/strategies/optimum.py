"""The best a budget can buy: how often to refresh each cell, for four notions of good.

Every allocation answers: given ``rates`` (changes a day at the source), weights w and costs c per refresh, which
refreshes a day ``f`` with sum c f = budget minimise the weighted metric? At the optimum one price rules: the weighted
index per cost (``indices``) is the same for all cells that are refreshed. How good an allocation is, and how good any
strategy can be, is in ``bounds``.

Sources: Cho & Garcia-Molina, TODS 2003 (freshness); Azar et al., PNAS 2018 (randomised); Kolobov et al., NeurIPS 2019
(harmonic); the staleness-optimal allocation gives cells up that change too fast, the others give up none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from codat_notebook.strategies.indices import Floats
from codat_notebook.strategies.roots import Price, age_root, find_price, staleness_root

#: Changes a day below which a cell counts as one that never changes.
STILL: Final = 1e-100
_MANY, _SAMPLE = 40_000, 16  # from so many cells on, the price of each 16th is looked for first


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
        _refuse("rates", rate, ~(np.isfinite(rate) & (rate >= 0)), "a finite number >= 0")
        _refuse("weights", weight, ~(np.isfinite(weight) & (weight >= 0)), "a finite number >= 0")
        _refuse("costs", cost, ~(np.isfinite(cost) & (cost > 0)), "a finite number > 0")
        if not (np.isfinite(budget) and budget >= 0):
            raise ValueError(f"budget: expected a finite number >= 0 a day, not {budget}")
        return cls(np.where(rate < STILL, 0.0, rate), weight, cost, float(budget))

    def every(self, step: int) -> Problem:
        """A sample: each ``step``-th cell, with the share of the budget that falls to it."""
        return Problem(self.rate[::step], self.weight[::step], self.cost[::step], self.budget / step)


def _column(name: str, values: ArrayLike | None, length: int) -> Floats:
    column = np.asarray(1.0 if values is None else values, dtype=np.float64)
    if column.ndim > 1 or (column.ndim == 1 and len(column) != length):
        raise ValueError(f"{name}: expected one number, or one for each of the {length} cells, not {column.shape}")
    return np.broadcast_to(column, (length,))


def _refuse(name: str, values: Floats, bad: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], wanted: str) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(f"{name}: expected {wanted} for each cell, but row {row} is {values[row]}")


def freshness(
    rates: ArrayLike, budget: float, weights: ArrayLike | None = None, costs: ArrayLike | None = None
) -> Allocation:
    """The most freshness, from evenly spaced refreshes (Cho & Garcia-Molina).

    With z = price c rate / w: f = 0 where z >= 1, else rate / u where 1 - (1 + u) e^-u = z. Cells that change too fast
    for the budget are never refreshed. A million cells take well under a second.

    Parameters
    ----------
    rates : changes a day, one per cell; 0 gets nothing.
    budget : what the refreshes of a day may cost, in the unit of ``costs``.
    weights : worth of a fresh cell; 1 by default.
    costs : cost of a refresh; 1 by default.

    Raises
    ------
    ValueError : a number that is negative or not finite, or a length that does not fit.

    >>> freshness([1, 2, 3, 4, 5], budget=5).frequency.round(4).tolist()
    [1.1499, 1.3584, 1.3538, 1.1379, 0.0]
    """

    def frequency(problem: Problem, price: float) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            z = price * problem.cost * problem.rate / problem.weight
            u = staleness_root(np.where(problem.weight > 0, z, np.inf))
            return np.where(u > 0, problem.rate / u, 0.0)

    return _at_one_price(Problem.checked(rates, budget, weights, costs), frequency)


def age(
    rates: ArrayLike, budget: float, weights: ArrayLike | None = None, costs: ArrayLike | None = None
) -> Allocation:
    """The least age (days since the first unseen change): w W_age(rate, 1 / f) = price c. Parameters: `freshness`.

    >>> age([1, 2, 3, 4, 5], budget=5).frequency.round(4).tolist()
    [0.8349, 0.9679, 1.0335, 1.0706, 1.0931]
    """

    def frequency(problem: Problem, price: float) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            x = age_root(np.minimum(price * problem.cost * problem.rate**2 / problem.weight, 1e200))
            return np.where((x > 0) & (problem.weight > 0), problem.rate / x, 0.0)

    return _at_one_price(Problem.checked(rates, budget, weights, costs), frequency)


def harmonic(
    rates: ArrayLike, budget: float, weights: ArrayLike | None = None, costs: ArrayLike | None = None
) -> Allocation:
    """Nobody starves: minimises sum w ln(1 + rate / f) (Kolobov et al.). Parameters: `freshness`.

    f = (sqrt(rate^2 + 4 w rate / (price c)) - rate) / 2.

    >>> harmonic([1, 2, 3, 4, 5], budget=5).frequency.round(4).tolist()
    [0.7829, 0.9472, 1.0372, 1.0956, 1.1371]
    """

    def frequency(problem: Problem, price: float) -> Floats:
        rate, worth = problem.rate, problem.weight / (price * problem.cost)
        below = rate + np.sqrt(rate * rate + 4 * worth * rate)
        return 2 * worth * rate / np.where(below > 0, below, np.inf)

    return _at_one_price(Problem.checked(rates, budget, weights, costs), frequency)


def randomised(
    rates: ArrayLike, budget: float, weights: ArrayLike | None = None, costs: ArrayLike | None = None
) -> Allocation:
    """The most freshness from refreshes at random times (Azar et al.), exact in O(n log n). Parameters: `freshness`.

    f = max(sqrt(w rate / (price c)) - rate, 0): with the cells sorted by w / (c rate) those refreshed come first, so
    the price follows from running sums.

    >>> randomised([1, 2, 3, 4, 5], budget=5).frequency.round(4).tolist()
    [1.386, 1.3743, 1.1326, 0.7719, 0.3352]
    """
    problem = Problem.checked(rates, budget, weights, costs)
    frequency = np.zeros(len(problem.rate))
    able = np.flatnonzero((problem.rate > 0) & (problem.weight > 0))
    if not len(able) or problem.budget == 0:
        return Allocation(frequency, _first_price(problem, problem.weight / problem.cost, able))
    rate, weight, cost = problem.rate[able], problem.weight[able], problem.cost[able]
    worth = np.sqrt(weight / (cost * rate))
    order = np.argsort(-worth, kind="stable")
    scale = (problem.budget + np.cumsum((cost * rate)[order])) / np.cumsum((cost * rate * worth)[order])
    members = int(np.count_nonzero(scale * worth[order] > 1))
    best = float(scale[max(members - 1, 0)])
    frequency[able] = np.maximum(best * worth - 1, 0.0) * rate
    return Allocation(frequency, best**-2)


def since_sync(
    rates: ArrayLike, budget: float, weights: ArrayLike | None = None, costs: ArrayLike | None = None
) -> Allocation:
    """The least time since the last sync: f = budget sqrt(w / c) / sum sqrt(w c). The rates do not matter.

    >>> since_sync([1, 2], budget=3, weights=[1, 4]).frequency.tolist()
    [1.0, 2.0]
    """
    problem = Problem.checked(rates, budget, weights, costs)
    total = float(np.sqrt(problem.weight * problem.cost).sum())
    if total == 0 or problem.budget == 0:
        return Allocation(np.zeros(len(problem.rate)), 0.0 if total == 0 else np.inf)
    frequency = problem.budget * np.sqrt(problem.weight / problem.cost) / total
    return Allocation(frequency, (total / problem.budget) ** 2 / 2)


#: What to optimise -> the function that allocates.
OBJECTIVES: Final[dict[str, Callable[..., Allocation]]] = {
    "freshness": freshness, "age": age, "harmonic": harmonic, "randomised": randomised, "since_sync": since_sync,
}  # fmt: skip


def _first_price(problem: Problem, ceiling: Floats, able: np.ndarray[tuple[int, ...], np.dtype[np.intp]]) -> float:
    """The price with nothing to spend: what the first refresh would win. Zero if no refresh wins anything."""
    return float((ceiling[able] / problem.rate[able]).max()) if len(able) else 0.0


def _at_one_price(problem: Problem, frequency: Callable[[Problem, float], Floats]) -> Allocation:
    """The allocation at the price that makes the refreshes cost exactly the budget."""
    able = np.flatnonzero((problem.rate > 0) & (problem.weight > 0))
    if not len(able) or problem.budget == 0:
        return Allocation(np.zeros(len(problem.rate)), np.inf if len(able) else 0.0)
    price = _search(problem, frequency)
    found = frequency(problem, price.low)
    if price.high > price.low:
        # The spending jumps over the budget between two neighbouring prices; a mix of both costs what it should.
        other = frequency(problem, price.high)
        dear, cheap = float((found * problem.cost).sum()), float((other * problem.cost).sum())
        found = other + (found - other) * (problem.budget - cheap) / (dear - cheap)
    return Allocation(found, price.low)


def _search(problem: Problem, frequency: Callable[[Problem, float], Floats]) -> Price:
    """The price; that of many cells is looked for from the price of a sample on, which saves half of the rounds."""

    def spend(price: float) -> float:
        return float((frequency(problem, price) * problem.cost).sum())

    if len(problem.rate) < _MANY:
        return find_price(spend, problem.budget)
    sample = _search(problem.every(_SAMPLE), frequency)
    return find_price(spend, problem.budget, sample.low, sample.slope)
