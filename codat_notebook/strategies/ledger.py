"""What refreshes won, in expectation: fresh days of each copy, and whether a refresh found changes.

Freshness is the closed form, added up when a copy is replaced, so the score has no sampling noise and never exceeds
``bounds.upper_bound``. Nobody needs these numbers tick by tick: what ended is noted, and worked out many at a time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codat_notebook.strategies.indices import Floats

Rows = NDArray[np.intp]
_AT_ONCE = 4_096  # notes worked out together: enough to make a call cheap, few enough for the processor's cache


class Ledger:
    """The copies of all cells that were replaced, and what is expected of them."""

    def __init__(self, rate: Floats, changed: NDArray[np.float32], observed: bool) -> None:
        self._rate, self._changed, self._observed = rate, changed, observed
        self._fresh_days, self._found_nothing = np.zeros(len(rate)), np.zeros(len(rate))
        self._settled = np.zeros(len(rate))
        self._notes: list[tuple[Rows, Floats, Floats, Floats, Floats, Floats]] = []
        self._pending = 0

    def replaced(self, rows: Rows, snapshot: Floats, starts: Floats, ends: Floats, draw: Floats) -> None:
        """Copies of ``snapshot`` gave way at ``ends`` to others of ``starts``; ``draw`` decides if those differ."""
        self._notes.append((rows, self._settled[rows], snapshot, starts, ends, draw))
        self._settled[rows] = ends
        self._pending += len(rows)
        if self._pending >= _AT_ONCE:
            self._work_out()

    def settle(self, snapshot: Floats, now: float) -> None:
        """Add up the freshness of all cells, which hold copies of ``snapshot``, until now."""
        self._work_out()
        self._fresh_days += _fresh(self._rate, snapshot, self._settled, now)
        self._settled[:] = now

    @property
    def fresh_days(self) -> Floats:
        """Expected fresh days of each cell until it was last settled."""
        self._work_out()
        return self._fresh_days

    @property
    def found_nothing(self) -> Floats:
        """Expected refreshes of each cell that found no change."""
        self._work_out()
        return self._found_nothing

    @property
    def changed(self) -> NDArray[np.float32]:
        """Whether the last refresh of each cell found changes: 1, 0, or NaN where nobody knows."""
        self._work_out()
        return self._changed

    def _work_out(self) -> None:
        if not self._notes:
            return
        noted: Iterable[Any] = zip(*self._notes, strict=True)
        rows, settled, snapshot, starts, ends, draw = (np.concatenate(column) for column in noted)
        self._notes, self._pending = [], 0
        rate = self._rate[rows]
        unchanged = np.exp(-rate * np.minimum(starts - snapshot, 1e300))
        unchanged[np.isinf(snapshot)] = 0.0
        # A cell may stand here more than once; of what it showed, the last counts.
        np.add.at(self._fresh_days, rows, _fresh(rate, snapshot, settled, ends))
        np.add.at(self._found_nothing, rows, unchanged)
        if self._observed:
            self._changed[rows] = draw >= unchanged


def _fresh(rate: Floats, snapshot: Floats, since: Floats, until: Floats | float) -> Floats:
    """Expected fresh days of copies from ``since`` to ``until``: (e^-rate a - e^-rate b) / rate."""
    length, age = until - since, since - snapshot
    with np.errstate(divide="ignore", invalid="ignore"):
        fresh = np.where(rate > 0, np.exp(-rate * age) * -np.expm1(-rate * length) / rate, length)
    return np.where(np.isfinite(snapshot), fresh, 0.0)
