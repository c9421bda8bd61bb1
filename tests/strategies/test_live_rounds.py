"""Rounds on the sandbox: as many refreshes, as fresh, and as many requests as foretold."""

from typing import Any

import numpy as np
import pytest

from codat_notebook.strategies import oldest, simulate
from codat_notebook.strategies.budget import days

from .live_rounds import FREE, live

#: Companies, budget, rhythm and rounds: big rounds and small ones.
RHYTHMS = [
    (30, "240 refreshes/day", "6h", 8), (12, "1200 requests/day", "6h", 12),
    pytest.param(30, "60 refreshes/day", "1D", 6, marks=pytest.mark.full),
    pytest.param(12, "96 refreshes/day", "1h", 48, marks=pytest.mark.full),
]  # fmt: skip


@pytest.mark.parametrize(("companies", "budget", "every", "rounds"), RHYTHMS)
def test_requests_are_as_foretold(companies: int, budget: str, every: str, rounds: int) -> None:
    """Reading, queueing and following, each within a twentieth of what the sandbox counted."""
    with live(companies) as played:
        cells = played.portfolio()
        lasts = round(rounds * days(every))
        told = simulate(oldest(), cells, days=lasts, budget=budget, tick=every, limits=FREE).metrics
        found = played.rounds(oldest(), budget, every, rounds)
        foretold = {kind: told[f"requests_{kind}"] for kind in found}
        assert foretold == pytest.approx(dict(found), rel=0.05)
        if "requests" in budget:
            assert told["spent"] == pytest.approx(found.total(), rel=0.05)


#: Budgets that no round divides, in all rhythms; rounds of a day or of two.
FRACTIONS = [
    pytest.param(budget, every, marks=[] if (budget, every) in (("40", "1D"), ("35", "6h")) else pytest.mark.full)
    for budget in ("12", "35", "40", "1.5", "0.3")
    for every in ("1h", "2h", "6h", "1D")
]


@pytest.mark.parametrize(("budget", "every"), FRACTIONS)
def test_fractional_budgets_give_as_much_as_foretold(budget: str, every: str) -> None:
    """What a round leaves is there for the next one: as many refreshes as simulated, and copies as fresh."""
    with live(8) as played:  # more cells than any day pays for
        cells, begun = played.portfolio(), played.session.context.now
        options: dict[str, Any] = {"days": 2, "budget": f"{budget} refreshes/day", "tick": every, "limits": FREE}
        found = played.rounds(oldest(), options["budget"], every, round(2 / days(every)))
        assert found["queueing"] == simulate(oldest(), cells, **options).metrics["refreshes"]
        alike = played.failing_as_here(cells, begun)  # two of three failures would not come in a hundred seeds
        fresh = [simulate(oldest(), alike, seed=seed, **options).metrics["freshness"] for seed in range(40)]
        # Chance decides which ones fail; a copy is as old as its request here, and as its end in the table.
        assert played.freshness(cells, begun, 2.0) == pytest.approx(np.mean(fresh), abs=4 * np.std(fresh), rel=0.002)
