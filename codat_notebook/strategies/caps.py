"""The best that a budget can buy where groups have caps: a company's concurrency, a platform's own limit.

Within a group whose cap binds the price is higher than outside. Such a group gets exactly its cap, and what it leaves
goes to the others, whose price falls: so a group that was once too dear stays at its cap, and a few rounds are enough.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from codat_notebook.strategies.optimum import OBJECTIVES, Allocation, Problem

_SLACK = 1e-9  # of a cap, relative: rounding is no excess


def capped(
    rates: ArrayLike,
    budget: float,
    groups: ArrayLike,
    caps: ArrayLike,
    weights: ArrayLike | None = None,
    costs: ArrayLike | None = None,
    *,
    objective: str = "freshness",
) -> Allocation:
    """The optimal allocation in which no group spends more than its cap.

    Parameters
    ----------
    rates, budget, weights, costs : as in ``optimum.freshness``.
    groups : the group of each cell, such as its company.
    caps : what a group may spend a day, in the budget's unit: one number for all, or one per cell (the same within a
        group). Ten at a time that take 0.001 days each are a cap of 10 / 0.001 refreshes a day.
    objective : a name of ``optimum.OBJECTIVES``.

    Returns
    -------
    The frequencies, and the price outside the capped groups; 0 if all are capped and some of the budget is left.

    Raises
    ------
    ValueError : as ``optimum.freshness``, for caps that are negative or missing, and for an unknown objective.

    >>> capped([1, 1, 1, 1], budget=4, groups=["a", "a", "b", "b"], caps=[1, 1, 9, 9]).frequency.round(6).tolist()
    [0.5, 0.5, 1.5, 1.5]
    """
    if objective not in OBJECTIVES:
        raise ValueError(f"capped: no objective {objective!r}; there are {', '.join(OBJECTIVES)}")
    problem = Problem.checked(rates, budget, weights, costs)
    names, first, group = np.unique(np.asarray(groups), return_index=True, return_inverse=True)
    cap = np.broadcast_to(np.asarray(caps, np.float64), problem.rate.shape)[first]
    if len(group) != len(problem.rate) or not (cap >= 0).all():
        raise ValueError("capped: a group for each cell, and caps that are numbers >= 0")
    allocate, frequency = OBJECTIVES[objective], np.zeros(len(problem.rate))
    free, left, price = np.ones(len(problem.rate), dtype=bool), problem.budget, 0.0
    while free.any():
        found = allocate(problem.rate[free], left, problem.weight[free], problem.cost[free])
        spent = np.bincount(group[free], found.frequency * problem.cost[free], minlength=len(names))
        over = spent > cap * (1 + _SLACK)
        if not over.any():
            frequency[free], price = found.frequency, found.price
            break
        for number in np.flatnonzero(over):
            own = group == number
            frequency[own] = allocate(problem.rate[own], cap[number], problem.weight[own], problem.cost[own]).frequency
        left, free = left - float(cap[over].sum()), free & ~over[group]
    return Allocation(frequency, price)
