"""The two root searches behind every optimal allocation, vectorised and without scipy.

Given the price of a refresh, each cell's best interval solves curve(x) = z for one of the curves of ``indices``
(``staleness_root`` is the Lambert W function in other words); ``find_price`` then looks for the one price at which the
refreshes cost the budget.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from codat_notebook.strategies.indices import Floats, age_curve

_SLICE = 16_384  # cells worked on at a time: their temporaries stay in the processor's cache
_MAX_STEP = 20.0  # of the price's logarithm


def staleness_root(z: Floats) -> Floats:
    """u with 1 - (1 + u) e^-u = z, for 0 <= z; infinite from z = 1 on.

    u = -1 - W(-1, (z - 1) / e). Solved as u - ln(1 + u) = v with v = -ln(1 - z), which has no exponentials and is well
    conditioned at both ends: a closed guess within 0.6 %, then two Halley steps.

    >>> staleness_root(np.array([0.0, 0.264241117657115, 1.0])).round(12).tolist()
    [0.0, 1.0, inf]
    """
    return _in_slices(_staleness_root, z)


def _staleness_root(z: Floats) -> Floats:
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


def age_root(a: Floats) -> Floats:
    """x with x^2 / 2 - 1 + (1 + x) e^-x = a, for 0 <= a: Halley steps from a bound on either end.

    >>> age_root(np.array([0.0, 0.235758882342885])).round(12).tolist()
    [0.0, 1.0]
    """
    return _in_slices(_age_root, a)


def _age_root(a: Floats) -> Floats:
    cubic = np.cbrt(3 * a)
    x = np.minimum(cubic * (1 + cubic / 8), np.sqrt(2 * (a + 1)))
    for _ in range(12):
        gap, rise = age_curve(x) - a, -np.expm1(-x)  # the slope is x (1 - e^-x), its own slope 1 - e^-x + x e^-x
        slope, bend = x * rise, rise + x * (1 - rise)
        with np.errstate(invalid="ignore"):
            step = np.where(slope > 0, 2 * gap * slope / (2 * slope * slope - gap * bend), 0.0)
        x = x - step
        if not (np.abs(step) > 1e-6 * x).any():  # each step cubes the error
            break
    return x


def _in_slices(solve: Callable[[Floats], Floats], values: Floats) -> Floats:
    roots = np.empty_like(values)
    for start in range(0, len(values), _SLICE):
        part = slice(start, start + _SLICE)
        roots[part] = solve(values[part])
    return roots


@dataclass(frozen=True, slots=True)
class Price:
    """A price as a bracket of two that are next to each other, and how the spending falls with it (log by log)."""

    low: float
    high: float
    slope: float


def find_price(
    spend: Callable[[float], float], budget: float, guess: float = 1.0, slope: float = -1.0, tolerance: float = 1e-10
) -> Price:
    """The price at which ``spend``, which falls with the price, equals the budget within ``tolerance`` (relative).

    Secant steps on the logarithms, kept inside the bracket known so far. Both ends of the answer are the same unless
    the spending jumps over the budget between two neighbouring floats (a cell that is about to be given up does that):
    then spend(low) > budget > spend(high).
    """
    low, high, at = -np.inf, np.inf, float(np.log(guess))
    known: list[tuple[float, float]] = []
    while True:
        spent = spend(float(np.exp(at)))
        gap = float(np.log(spent / budget)) if spent > 0 else -np.inf
        if abs(gap) <= tolerance:
            return Price(float(np.exp(at)), float(np.exp(at)), slope)
        low, high = (at, high) if gap > 0 else (low, at)
        if known and np.isfinite(gap):
            slope = min((gap - known[-1][1]) / (at - known[-1][0]), -1e-3)
        if np.isfinite(gap):
            known.append((at, gap))
        creeps = not np.isfinite(gap) or (len(known) > 3 and abs(gap) > abs(known[-4][1]) / 8)
        step = float(np.clip(-gap / slope, -_MAX_STEP, _MAX_STEP))
        at = _inside(at + step, low, high, halve=creeps)
        if at in (low, high):
            return Price(float(np.exp(low)), float(np.exp(high)), slope)


def _inside(at: float, low: float, high: float, halve: bool) -> float:
    """``at`` if it lies within the bracket, else (or where the secant creeps) the bracket's middle."""
    if np.isfinite(low) and np.isfinite(high) and (halve or not low < at < high):
        return (low + high) / 2
    return at
