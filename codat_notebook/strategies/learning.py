"""Learning how often a cell changes from one bit per refresh: did anything change since the last one?

Codat's calls do not give that bit; ``read.completed`` webhooks and the user's own reads do. Where it is missing the
rates are an assumption (``assumed_rates``: the sandbox's numbers per data type).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from codat_notebook.sandbox.profiles import CHANGES_A_DAY, DEFAULT_CHANGES
from codat_notebook.strategies.cells import Columns, Labels, Moment
from codat_notebook.strategies.indices import Floats

#: Prior of a rate: a Gamma of this shape around the mean assumed for the data type. Wide on purpose.
SHAPE = 0.5
_FASTEST = 1e4  # changes a day; what changes at every look could change any number of times

_INSTANT = 1e-9  # days: a gap below is rounding, not a refresh
_KEYS = ("company", "connection", "data_type")

Prior = tuple[float, float] | Mapping[str, tuple[float, float]] | None


def assumed_rates(columns: Columns) -> Floats:
    """The rates of the cells, where unknown those that the sandbox's profiles assume for the data type."""
    rates = columns.rate
    if not np.isnan(rates.min(initial=0.0)):  # of all, the smallest is missing where any is
        return rates
    return np.where(np.isnan(rates), _by_type(columns, CHANGES_A_DAY, DEFAULT_CHANGES), rates)


def _by_type(columns: Columns, values: Mapping[str, float], default: float) -> Floats:
    codes, categories = columns.labels("data_type")
    return np.array([*(values.get(label, default) for label in categories), default])[codes]


def _rows(keys: Sequence[Labels]) -> Iterator[tuple[int | str, ...]]:
    """The texts that name each cell."""
    texts = ([categories[code] if code >= 0 else "" for code in codes] for codes, categories in keys)
    return zip(*texts, strict=True)


class Learner:
    """Rates from a Gamma(a, b) prior and one bit per refresh, kept over the rounds of a strategy.

    Online: with the gap g that a refresh closed, S += rate g / (1 - e^(-rate g)) if it found changes (the changes to
    expect, given that there was one), G += g, rate = (a + S) / (b + G). The first bit after linking is always "changed"
    and is dropped.
    """

    def __init__(self, prior: Prior = None) -> None:
        pairs = prior.values() if isinstance(prior, Mapping) else [] if prior is None else [prior]
        if not all(len(pair) == 2 and min(pair) > 0 for pair in pairs):
            raise ValueError(f"learn: a prior is two numbers > 0, or data type -> two numbers, not {prior!r}")
        self._prior = prior
        self._keys: list[Labels] | None = None
        self._shape: Floats
        self._days: Floats
        self._snapshot: Floats
        self._at: Moment | None = None

    def rates(self, columns: Columns) -> Floats:
        """What is believed now, after the refreshes that ended since the last call."""
        self._know(columns)
        snapshot = columns.last_success
        gap = snapshot - self._snapshot + self._moved(columns)
        fresh = np.flatnonzero(gap > _INSTANT)
        if len(fresh):
            changed = columns.changed_last[fresh]
            told = ~np.isnan(changed)
            self._update(fresh[told], gap[fresh[told]], changed[told] > 0)
        self._snapshot = snapshot
        return self._shape / self._days

    def _know(self, columns: Columns) -> None:
        """Make sure that what is remembered stands in the order of these cells; new ones begin with the prior."""
        keys = [columns.labels(name) for name in _KEYS]
        if self._keys is not None and all(
            new[0] is old[0] or (np.array_equal(new[0], old[0]) and new[1] == old[1])
            for new, old in zip(keys, self._keys, strict=True)
        ):
            return
        old_rows = {} if self._keys is None else {key: row for row, key in enumerate(_rows(self._keys))}
        kept = [(row, old_rows[key]) for row, key in enumerate(_rows(keys)) if key in old_rows]
        before = (self._shape, self._days, self._snapshot) if kept else ()
        self._start(columns)
        new, old = np.array(kept, dtype=np.intp).reshape(-1, 2).T
        for now, then in zip((self._shape, self._days, self._snapshot), before, strict=False):
            now[new] = then[old]
        self._keys = keys

    def _start(self, columns: Columns) -> None:
        self._shape = np.full(len(columns.age), SHAPE)
        self._days = SHAPE / np.maximum(assumed_rates(columns), 1e-9)
        if isinstance(self._prior, tuple):
            self._shape[:], self._days[:] = self._prior
        for name, pair in self._prior.items() if isinstance(self._prior, Mapping) else ():
            own = columns.matches("data_type", name)
            self._shape[own], self._days[own] = pair
        self._snapshot = np.full(len(columns.age), np.nan)

    def _moved(self, columns: Columns) -> float:
        """Days between the last round and this one: snapshots are told as days from now."""
        moved = 0.0 if self._at is None else (columns.now - self._at) / np.timedelta64(1, "D")
        self._at = columns.now
        return float(moved)

    def _update(self, cells: NDArray[np.intp], gaps: Floats, changed: NDArray[np.bool_]) -> None:
        rate = np.minimum(self._shape[cells] / self._days[cells], _FASTEST)
        expected = rate * gaps / -np.expm1(-np.maximum(rate * gaps, 1e-12))
        self._shape[cells] += np.where(changed, expected, 0.0)
        self._days[cells] += gaps
