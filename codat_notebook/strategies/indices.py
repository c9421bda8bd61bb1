"""What refreshing a cell now is worth: one index for every metric.

A cell changes at its source ``rate`` times a day (Poisson) and was read ``tau`` days ago. With the expected cost rate
C(tau) of a metric, the marginal value of a refresh is W(tau) = tau C(tau) - integral of C from 0 to tau; refreshing
the cells with the highest w W / c first is asymptotically optimal (Kadota, Sinha, Modiano 2018; Kolobov et al. 2019).
With f = 1 / tau the same expression is the derivative of the long-run cost: an optimal allocation (``optimum``) is the
one at which all refreshed cells show the same index when they are refreshed.

Arrays in, arrays out. Exact also where a naive form fails: tiny ``rate * tau``, and ``tau`` infinite (never synced).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]

#: Changes a day below which a cell counts as one that never changes.
STILL: Final = 1e-200
#: Below these x the closed forms of staleness and age lose digits to cancellation, and the series is exact.
_SMALL, _SMALL_AGE = 0.01, 0.05
#: Above this x the curve of staleness is 1 to the last digit.
_FAR = 700.0
#: Coefficients of (-1)^k x^k in both curves, from the lowest power on: 1 / (k! (k + 2)).
_SERIES = (1 / 2, 1 / 3, 1 / 8, 1 / 30, 1 / 144, 1 / 840, 1 / 5760, 1 / 45360)


def staleness_curve(x: ArrayLike) -> Floats:
    """1 - (1 + x) e^-x: the index of staleness times the rate, where x = rate * tau.

    >>> staleness_curve([0.0, 1.0, np.inf]).round(6).tolist()
    [0.0, 0.264241, 1.0]
    """
    x = np.asarray(x, dtype=np.float64)
    s = np.minimum(x, _FAR, out=np.empty_like(x))
    decay = np.exp(-s)
    s += 1.0
    s *= decay
    return _mended(np.subtract(1.0, s, out=s), x, _SMALL, 2, _SERIES[:6])


def _mended(curve: Floats, x: Floats, small: float, power: int, coefficients: Sequence[float]) -> Floats:
    """``curve`` with the alternating series x^power (c0 - c1 x + c2 x^2 - ...) in its place where x is small."""
    if len(at := np.flatnonzero(x < small)):
        s = np.take(x, at)
        series = np.zeros_like(s)
        for coefficient in reversed(coefficients):
            series = coefficient - s * series
        np.put(curve, at, series * s**power)
    return curve


def staleness(rate: ArrayLike, tau: ArrayLike) -> Floats:
    """Days of freshness won by refreshing now: (1 - e^-x - x e^-x) / rate with x = rate tau; C = 1 - e^-x.

    It never exceeds 1 / rate, its value for a cell that was never synced. A cell that never changes is worth nothing
    once it was read, and everything (1e200) before.
    """
    rate = np.maximum(rate, STILL)
    value = staleness_curve(rate * tau)
    value /= rate
    return value


def staleness_believed(shape: ArrayLike, days: ArrayLike, tau: ArrayLike) -> Floats:
    """The index of staleness where the rate is not known: expected over a Gamma of ``shape`` over so many ``days``.

    With C(s) = 1 - (1 + s / days)^-shape it is days ((1 + x)^(1 - shape) - 1) / (1 - shape) - tau (1 + x)^-shape, where
    x = tau / days. For shape <= 1 it grows without limit: what may never change is not given up for what is feared.

    >>> staleness_believed([0.5, 1.0, 1e9], [0.5, 1.0, 1e9], 1.0).round(4).tolist() == [
    ...     round(3**0.5 - 1 - 3**-0.5, 4), round(np.log(2) - 0.5, 4), round(1 - 2 / np.e, 4)]
    True
    >>> staleness_believed([0.5, 1.0, 3.0], 4.0, np.inf).tolist()
    [inf, inf, 2.0]
    """
    a, b, tau = np.broadcast_arrays(*(np.asarray(each, np.float64) for each in (shape, days, tau)))
    x = tau / b
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        d = np.where(a == 1, 1e-30, 1 - a)  # the limit at 1, the logarithm, is reached long before
        grown = np.expm1(d * np.log(1 + x))
        value = grown / d - (1 + grown) / (1 + 1 / x)
    # Near 0 the terms cancel, and the series is exact: a x^2 / 2 - a (a + 1) x^3 / 3 + ...
    small = a * x + x < _SMALL
    if small.any():
        a_, x_ = a[small], x[small]
        value[small] = a_ * x_**2 * (1 / 2 - (a_ + 1) * x_ * (1 / 3 - (a_ + 2) * x_ * (1 / 8 - (a_ + 3) * x_ / 30)))
    value *= b
    never = np.isinf(tau) & (a <= 1)
    return np.where(never, np.inf, value) if never.any() else value


def age(rate: ArrayLike, tau: ArrayLike) -> Floats:
    """Index of age (days since the first unseen change): tau^2 / 2 + tau e^-x / rate - (1 - e^-x) / rate^2.

    >>> age(2.0, [0.0, 0.5, np.inf]).round(6).tolist()
    [0.0, 0.05894, inf]
    """
    rate = np.maximum(rate, STILL)
    x: Floats = np.multiply(rate, tau)
    value = _mended(x * x / 2 - staleness_curve(x), x, _SMALL_AGE, 3, _SERIES[1:])
    value /= rate
    value /= rate  # whose square would be 0
    return value


def since_sync(rate: ArrayLike, tau: ArrayLike) -> Floats:
    """Index of the time since the last sync, which needs no rate: tau^2 / 2."""
    tau = np.asarray(tau, np.float64)
    return np.broadcast_to(tau, np.broadcast_shapes(np.shape(rate), tau.shape)) ** 2 / 2
