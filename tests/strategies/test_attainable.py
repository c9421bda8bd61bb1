"""The bound against the best that can be done, worked out exactly where cells and days are few."""

from functools import cache
from itertools import product

import numpy as np
import pandas as pd
import pytest

from codat_notebook.strategies import Limits, oldest, simulate

NEVER = 99


def best(rates: list[float], ages: list[int], costs: list[int], budget: int, days: int, success: float = 1.0) -> float:
    """The highest expected mean freshness of any policy with a round a day, by dynamic programming over all states:
    what can be saved up is a day's budget, or what the dearest cell costs."""
    most = max(budget, *costs)

    def fresh(cell: int, age: int) -> float:
        rate = rates[cell]
        return 0.0 if age >= NEVER else float((np.exp(-rate * age) - np.exp(-rate * (age + 1))) / rate)

    @cache
    def worth(day: int, ages: tuple[int, ...], credit: int) -> float:
        if day == days:
            return 0.0
        credit = min(credit, most) + budget
        found = 0.0
        for chosen in product((False, True), repeat=len(ages)):
            spent = sum(cost for cost, take in zip(costs, chosen, strict=True) if take)
            if spent > credit:
                continue
            value = 0.0
            for good in product((True, False), repeat=sum(chosen)):
                chance = float(np.prod([success if each else 1 - success for each in good]))
                if not chance:
                    continue
                read = dict(zip([cell for cell, take in enumerate(chosen) if take], good, strict=True))
                now = [0 if read.get(cell) else age for cell, age in enumerate(ages)]
                gained = sum(fresh(cell, age) for cell, age in enumerate(now))
                then = tuple(age if age >= NEVER else age + 1 for age in now)
                value += chance * (gained + worth(day + 1, then, credit - spent))
            found = max(found, value)
        return found

    return worth(0, tuple(ages), 0) / days / len(rates)


WORLDS = {
    "plenty": ([0.3, 0.6], [1, 1], [1, 1], 1, 8, 1.0, 0),
    "never read": ([0.2, 0.3, 0.4], [NEVER] * 3, [1, 1, 1], 1, 9, 1.0, 0),
    "never read, few days": ([0.05, 0.1, 0.05], [NEVER] * 3, [1, 1, 1], 1, 4, 1.0, 0),
    "never read, and fast": ([0.3, 1.5, 0.6], [NEVER] * 3, [1, 1, 1], 1, 7, 1.0, 0),
    "a third fails": ([0.3, 0.5], [1, 2], [1, 1], 1, 8, 0.7, 0),
    "dearer than a day": ([0.15, 0.3], [2, NEVER], [3, 3], 1, 9, 1.0, 0),
    "dearer than all days": ([0.2, 0.2], [1, 1], [1, 20], 1, 9, 1.0, 0),
    "not linked": ([0.3, 0.4], [NEVER, 1], [1, 1], 1, 8, 1.0, 2),
}


@pytest.mark.parametrize("world", WORLDS)
def test_the_bound_is_near_what_can_be_reached(world: str) -> None:
    """Never below the best policy, and at most a tenth above."""
    rates, ages, costs, budget, days, success, unlinked = WORLDS[world]
    frame = pd.DataFrame({
        "true_rate": rates + [1.0] * unlinked,
        "age": [np.inf if age == NEVER else age for age in ages + [1] * unlinked],
        "price": costs + [1] * unlinked, "failure_rate": 1 - success, "platform": "Unheard of",
        "connection_status": ["Linked"] * len(rates) + ["Deauthorized"] * unlinked,
    })  # fmt: skip
    told = simulate(oldest(), frame, days=days, tick="1D", budget=f"{budget} GBP/day", limits=Limits(keep_alive=None))
    reached = best(rates, ages, costs, budget, days, success) * len(rates)
    if unlinked:  # nothing happens to them but that they age
        reached += unlinked * float(np.exp(-1) - np.exp(-1 - days)) / days
    share = reached / len(frame) / told.metrics["bound"]
    assert 0.9 <= share <= 1 + 1e-6
    assert told.ratio <= share + 0.02
