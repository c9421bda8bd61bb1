"""The state of a simulated portfolio: what is held of each cell, what is on its way, how fresh it has been.

Time is days since the start. Nothing is drawn per tick: chance decides when a refresh starts (does it fail, how long
does it take, did it find changes); the ``ledger`` adds up what it won. Strategies see the cells as ``view`` shows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from codat_notebook.models.platforms import PLATFORMS, SPREAD
from codat_notebook.strategies.cells import Columns
from codat_notebook.strategies.indices import Floats
from codat_notebook.strategies.ledger import Ledger, Rows
from codat_notebook.strategies.limits import back_off
from codat_notebook.strategies.portfolio import Portfolio

Codes = NDArray[np.integer]
#: What a failed refresh ends with where the platform is not one of the sandbox's.
_FAILURES: Final[Mapping[str, float]] = {"FetchError": 1.0}
_FAILURES_OF: Final = {platform.name: platform.failures for platform in PLATFORMS}
_KINDS: Final = sorted({kind for platform in PLATFORMS for kind in platform.failures} | set(_FAILURES))
STATUSES: Final = ["Complete", "Fetching", *_KINDS]
COMPLETE, FETCHING, _FIRST_KIND = 0, 1, 2
_LONGEST = 12  # failures in a row after which no back-off grows any more


@dataclass(frozen=True, slots=True)
class _Way:
    """Refreshes on their way: of which cells, since when, until when, and the draws that decide how they end."""

    rows: Rows
    starts: Floats
    ends: Floats
    luck: Floats

    def only(self, which: NDArray[np.bool_]) -> _Way:
        return _Way(self.rows[which], self.starts[which], self.ends[which], self.luck[which])

    def joined(self, other: _Way) -> _Way:
        if not len(self.rows):
            return other
        join = np.concatenate
        starts, ends = join([self.starts, other.starts]), join([self.ends, other.ends])
        return _Way(join([self.rows, other.rows]), starts, ends, join([self.luck, other.luck]))


class SimulationState:
    """All cells of one simulation, as arrays; ``now`` moves when the simulation says so."""

    def __init__(self, portfolio: Portfolio, cost: Floats, seed: int, start: np.datetime64) -> None:
        cells, truth = portfolio.cells, portfolio.truth
        self.now, self.start, self.cost = 0.0, start, cost
        self.given = Columns.of(cells, start)
        self._rng = np.random.default_rng(seed)
        self.true_rate = truth["true_rate"].to_numpy(np.float64)
        self._latency, self._failure_rate = truth["latency"].to_numpy(), truth["failure_rate"].to_numpy()
        self.company = self.given.groups("company").astype(np.int32)
        self._companies = int(self.company.max(initial=-1)) + 1
        self._platform, names = self.given.labels("platform")
        self._edges = _edges(names)
        rows = len(cells)
        self.snapshot = -self.given.age
        self.refreshes, self.failed = np.zeros(rows, np.int32), np.zeros(rows, np.int32)
        self.failures = cells["failures"].to_numpy(np.int32, copy=True)
        self.ledger = Ledger(self.true_rate, self.given.changed_last.astype(np.float32), portfolio.observed)
        self.status, self.error = (_codes(self.given.labels(name)) for name in ("status", "last_error"))
        self.blocked = _blocked(self.given)
        self._way = _Way(np.empty(0, dtype=np.intp), np.empty(0), np.empty(0), np.empty(0))
        self._age = np.empty(rows)
        running = (self.given.in_progress > 0) | (self.status == FETCHING)
        self.begin(np.flatnonzero(running & (self.blocked < np.inf)))
        self.refreshes[:] = 0  # what is on its way at the start was not started here

    def __len__(self) -> int:
        return len(self.snapshot)

    def eligible(self) -> NDArray[np.bool_]:
        """Which cells may be refreshed now: linked, supported, not on their way, not waiting after a failure."""
        return self.blocked <= self.now

    def room(self, at_once: int) -> NDArray[np.int64]:
        """How many more refreshes each company may have on their way."""
        busy = np.bincount(self.company[self._way.rows], minlength=self._companies)
        return np.maximum(at_once - busy, 0)

    def begin(self, rows: Rows) -> None:
        """Start refreshes now. What becomes of them is drawn now, and known to the strategy when they end."""
        if not len(rows):
            return
        rows = np.sort(rows)  # memory is read in order: half the time for a million cells
        luck = self._rng.random(len(rows))
        ends = self.now + self._latency[rows] * np.exp(SPREAD * self._rng.standard_normal(len(rows)))
        self._way = self._way.joined(_Way(rows, np.full(len(rows), self.now), ends, luck))
        self.blocked[rows] = ends
        self.status[rows] = FETCHING
        self.refreshes[rows] += 1

    def move(self, now: float) -> None:
        """Go on to ``now``: refreshes that end until then end."""
        self.now = now
        over = self._way.ends <= now
        if not over.any():
            return
        done, self._way = self._way.only(over), self._way.only(~over)
        chance = self._failure_rate[done.rows]
        failed = done.luck < chance
        if failed.any():
            self._fail(done.rows[failed], done.luck[failed] / chance[failed])
            done, chance = done.only(~failed), chance[~failed]
        # What decided that they did not fail is evenly spread above the chance to fail.
        self._succeed(done, (done.luck - chance) / (1 - chance))

    def held_at(self, rows: Rows, when: Floats) -> Floats:
        """The snapshots that will be held of cells at moments before the next tick: what is on its way may land."""
        good = self._way.only(self._way.luck >= self._failure_rate[self._way.rows])
        lands, snapshot = np.full(len(self), np.inf), self.snapshot.copy()
        lands[good.rows], snapshot[good.rows] = good.ends, good.starts
        return np.where(lands[rows] <= when, snapshot[rows], self.snapshot[rows])

    def _succeed(self, done: _Way, draw: Floats) -> None:
        rows = done.rows
        self.ledger.replaced(rows, self.snapshot[rows], done.starts, done.ends, draw)
        self.snapshot[rows] = done.starts
        self.failures[rows] = 0
        self.status[rows], self.error[rows] = COMPLETE, -1

    def _fail(self, rows: Rows, draw: Floats) -> None:
        # The last edge is 1; a quotient that was rounded up to it is of the last kind, too.
        kind = (draw[:, None] >= self._edges[self._platform[rows], :-1]).sum(axis=1)
        self.failed[rows] += 1
        self.failures[rows] += 1
        self.status[rows] = self.error[rows] = _FIRST_KIND + kind
        self.blocked[rows] += _waits()[kind, np.minimum(self.failures[rows], _LONGEST)]

    def settle(self) -> None:
        """Add up the freshness of all cells until now."""
        self.ledger.settle(self.snapshot, self.now)

    @property
    def age(self) -> Floats:
        """Days since the snapshot that is held of each cell; the same array each time."""
        return np.subtract(self.now, self.snapshot, out=self._age)


@cache
def _waits() -> Floats:
    """Days until the next try, by kind of failure and failures in a row."""
    return np.array([[back_off(kind, max(n, 1)) for n in range(_LONGEST + 1)] for kind in _KINDS])


def _edges(platforms: list[str]) -> Floats:
    """For each platform, and last for none, the running share of each kind among its failures."""
    weights = [_FAILURES_OF.get(name) or _FAILURES for name in [*platforms, ""]]
    shares = np.cumsum([[each.get(kind, 0.0) for kind in _KINDS] for each in weights], axis=1)
    edges: Floats = shares / shares[:, -1:]
    return edges


def _codes(labels: tuple[Codes, list[str]]) -> NDArray[np.int8]:
    """Texts as codes of the board's own statuses; one that it does not know counts as none."""
    known = {status: code for code, status in enumerate(STATUSES)}
    return np.array([*(known.get(text, -1) for text in labels[1]), -1], dtype=np.int8)[labels[0]]


def _blocked(given: Columns) -> Floats:
    """Until when each cell cannot be refreshed: for good if it is not linked or not supported."""
    unable = ~given.matches("connection_status", "Linked") | given.matches("status", "NotSupported")
    return np.where(unable, np.inf, np.nan_to_num(given.retry_at, nan=-np.inf))
