"""What refreshes won, copy by copy."""

import numpy as np
import pytest

from codat_notebook.strategies.simulation_state import FreshnessLedger

RATE = np.array([0.5, 2.0, 0.0])
#: Cell, snapshot replaced, start and end of the refresh, the draw; the first cell comes twice.
STORY = [(0, -1.0, 0.2, 0.3, 0.9), (1, -np.inf, 0.1, 0.4, 0.5), (2, -3.0, 0.1, 0.5, 0.5), (0, 0.2, 1.0, 1.5, 0.1)]


def told(observed: bool = True) -> FreshnessLedger:
    """The story in a ledger."""
    ledger = FreshnessLedger(RATE, np.full(3, np.nan, np.float32), observed)
    for cell, *numbers in STORY:
        ledger.replaced(np.array([cell]), *(np.array([number]) for number in numbers))
    ledger.settle(np.array([1.0, 0.1, 0.1]), 2.0)
    return ledger


def test_fresh_days_are_the_integrals_of_each_copy() -> None:
    """From when a copy is seen until the next is, e^(-rate age); nothing before a first read, all where it is still."""
    ledger = told()

    def days(rate: float, snapshot: float, since: float, until: float) -> float:
        middle = since + (until - since) * (np.arange(10_000) + 0.5) / 10_000
        return float(np.exp(-rate * (middle - snapshot)).mean()) * (until - since)

    first = days(0.5, -1.0, 0.0, 0.3) + days(0.5, 0.2, 0.3, 1.5) + days(0.5, 1.0, 1.5, 2.0)
    assert ledger.fresh_days == pytest.approx([first, days(2.0, 0.1, 0.4, 2.0), 2.0])
    assert ledger.found_nothing == pytest.approx(np.exp(-0.6) + np.exp(-0.4) + 1.0)


def test_what_nobody_observes_stays_unknown() -> None:
    """Without observed changes no refresh tells what it found."""
    assert np.isnan(told(observed=False).changed).all()
