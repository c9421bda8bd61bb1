"""How good refreshing at given frequencies is, in closed form (Cho & Garcia-Molina, TODS 2003).

x = rate / frequency is the number of changes expected between two evenly spaced refreshes.
"""

from typing import Any

import numpy as np

from codat_notebook.strategies.indices import Floats


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
