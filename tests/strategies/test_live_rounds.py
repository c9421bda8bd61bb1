"""Rounds on the sandbox: as many refreshes, as fresh, and as many requests as foretold."""

import pytest

from codat_notebook.strategies import oldest, simulate
from codat_notebook.strategies.budget import days

from .live_rounds import FREE, live

#: Companies, budget, rhythm and rounds: big rounds and small ones.
RHYTHMS = [
    (30, "240 refreshes/day", "6h", 8), (30, "60 refreshes/day", "1D", 6), (12, "96 refreshes/day", "1h", 48),
    (12, "1200 requests/day", "6h", 12),
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
        print(found, foretold)
        assert foretold == pytest.approx(dict(found), rel=0.05)
        if "requests" in budget:
            assert told["spent"] == pytest.approx(found.total(), rel=0.05)
