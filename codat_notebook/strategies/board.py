"""The state of a simulated portfolio: what is held of each cell, what is on its way, how fresh it has been.

Time is days since the start. Nothing is drawn per tick: chance decides when a refresh starts (does it fail, how long
does it take, did it find changes), and freshness is *expected* freshness, in closed form, added up when a copy is
replaced. So the score has no sampling noise, and never exceeds ``bounds.upper_bound``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from codat_notebook.sandbox.profiles import PLATFORMS, SPREAD
from codat_notebook.strategies.cells import Columns, Labels
from codat_notebook.strategies.indices import Floats
from codat_notebook.strategies.limits import back_off
from codat_notebook.strategies.portfolio import Portfolio

if TYPE_CHECKING:
    import pandas as pd

Rows = NDArray[np.intp]
#: What a failed refresh ends with where the platform is not one of the sandbox's.
_FAILURES: Final[Mapping[str, float]] = {"FetchError": 1.0}
_KINDS: Final = sorted({kind for platform in PLATFORMS for kind in platform.failures} | set(_FAILURES))
_STATUSES: Final = ["Complete", "Fetching", *_KINDS]
_COMPLETE, _FETCHING, _FIRST_KIND = 0, 1, 2
_DYNAMIC: Final = ("age", "last_success", "in_progress", "failures", "retry_at", "changed_last", "status", "last_error")


class Board:
    """All cells of one simulation, as arrays; ``now`` moves when the simulation says so."""

    def __init__(self, portfolio: Portfolio, cost: Floats, seed: int, start: np.datetime64) -> None:
        cells, truth = portfolio.cells, portfolio.truth
        self.now, self.start, self.cost = 0.0, start, cost
        self._rng = np.random.default_rng(seed)
        self.true_rate, self._latency = truth["true_rate"].to_numpy(), truth["latency"].to_numpy()
        self._failure_rate, self._observed = truth["failure_rate"].to_numpy(), portfolio.observed
        self._table = cells.assign(cost=cost)
        self._given = Columns.of(self._table, start)
        self._labels: dict[str, Labels] = {}
        self._static = {name: self._given.numbers(name) for name in ("weight", "rate", "latency_p95", "due")}
        self._static["cost"] = cost
        self.company = self._given.groups("company")
        rows = len(cells)
        self._snapshot = -self._given.age
        self._settled = np.zeros(rows)
        self.fresh_days, self.refreshes, self.failed = np.zeros(rows), np.zeros(rows, int), np.zeros(rows, int)
        self.found_nothing = np.zeros(rows)
        self._failures = cells["failures"].to_numpy().astype(np.int64)
        self._changed = self._given.changed_last.copy()
        self._status, self._error = _codes(cells["status"]), _codes(cells["last_error"])
        self._blocked = _blocked(cells, self._given)
        self._way = _OnItsWay()
        self._numbers: dict[str, Floats] = {}

    def eligible(self) -> NDArray[np.bool_]:
        """Which cells may be refreshed now: linked, supported, not on their way, not waiting after a failure."""
        return self._blocked <= self.now

    def room(self, at_once: int) -> NDArray[np.int64]:
        """How many more refreshes each company may have on their way."""
        busy = np.bincount(self.company[self._way.rows], minlength=int(self.company.max(initial=0)) + 1)
        return np.maximum(at_once - busy, 0)

    def begin(self, rows: Rows) -> None:
        """Start refreshes now. What becomes of them is drawn now, and known to the strategy when they end."""
        if not len(rows):
            return
        noise = self._rng.random((2, len(rows)))
        long = self._latency[rows] * np.exp(SPREAD * self._rng.standard_normal(len(rows)))
        self._way.add(rows, self.now, self.now + long, noise[0] < self._failure_rate[rows], noise[1])
        self._blocked[rows] = np.inf
        self._status[rows] = _FETCHING
        self.refreshes[rows] += 1

    def move(self, now: float) -> None:
        """Go on to ``now``: refreshes that end until then end."""
        rows, starts, ends, failed, draws = self._way.ended(now)
        self.now = now
        self._numbers.clear()
        if len(rows):
            self._succeed(rows[~failed], starts[~failed], ends[~failed], draws[~failed])
            for row, end, draw in zip(rows[failed], ends[failed], draws[failed], strict=True):
                self._fail(int(row), float(end), float(draw))

    def _succeed(self, rows: Rows, starts: Floats, ends: Floats, draws: Floats) -> None:
        self._settle(rows, ends)
        gap = starts - self._snapshot[rows]
        unchanged = np.where(np.isinf(gap), 0.0, np.exp(-self.true_rate[rows] * np.minimum(gap, 1e300)))
        self.found_nothing[rows] += unchanged
        if self._observed:
            self._changed[rows] = draws >= unchanged
        self._snapshot[rows] = starts
        self._failures[rows] = 0
        self._status[rows], self._error[rows], self._blocked[rows] = _COMPLETE, -1, ends

    def _fail(self, row: int, end: float, draw: float) -> None:
        kind = self._kind(row, draw)
        self.failed[row] += 1
        self._failures[row] += 1
        self._status[row], self._error[row] = _FIRST_KIND + kind, _FIRST_KIND + kind
        self._blocked[row] = end + back_off(_KINDS[kind], int(self._failures[row]))

    def _kind(self, row: int, draw: float) -> int:
        codes, names = self.labels("platform")
        weights = _FAILURES_OF.get(names[codes[row]] if codes[row] >= 0 else "", {}) or _FAILURES
        edges = np.cumsum(list(weights.values()))
        return _KINDS.index(list(weights)[int(np.searchsorted(edges, draw * edges[-1], side="right"))])

    def settle(self) -> None:
        """Add up the freshness of all cells until now."""
        rows = np.arange(len(self._snapshot))
        self._settle(rows, np.full(len(rows), self.now))

    def _settle(self, rows: Rows, until: Floats) -> None:
        """Expected fresh days of the copies held since they were last settled: (e^-rate a - e^-rate b) / rate."""
        rate, snapshot = self.true_rate[rows], self._snapshot[rows]
        length, age = until - self._settled[rows], self._settled[rows] - snapshot
        with np.errstate(divide="ignore", invalid="ignore"):
            fresh = np.where(rate > 0, np.exp(-rate * age) * -np.expm1(-rate * length) / rate, length)
        self.fresh_days[rows] += np.where(np.isfinite(snapshot), fresh, 0.0)
        self._settled[rows] = until

    @property
    def age(self) -> Floats:
        """Days since the snapshot that is held of each cell."""
        return self.numbers("age")

    def numbers(self, name: str) -> Floats:
        """A column as floats, as ``Columns`` wants it; worked out once a tick."""
        if name not in self._numbers:
            self._numbers[name] = self._number(name)
        return self._numbers[name]

    def _number(self, name: str) -> Floats:
        if name in ("age", "last_success"):
            age: Floats = self.now - self._snapshot
            return age if name == "age" else np.where(np.isfinite(age), -age, np.nan)
        if name == "retry_at":
            waits = np.isfinite(self._blocked) & (self._blocked > self.now)
            return np.where(waits, self._blocked - self.now, np.nan)
        if name == "due":
            return np.subtract(self._static["due"], self.now)
        if name == "in_progress":
            return np.where(self._status == _FETCHING, 1.0, 0.0)
        own = {"failures": self._failures, "changed_last": self._changed}
        return np.array(own[name] if name in own else self._static[name], dtype=np.float64)

    def labels(self, name: str) -> Labels:
        """A text column as codes and categories."""
        if name in ("status", "last_error"):
            return (self._status if name == "status" else self._error).copy(), _STATUSES
        if name not in self._labels:
            self._labels[name] = self._given.labels(name)
        return self._labels[name]

    def columns(self, budget_left: float) -> Columns:
        """What a strategy sees now: nothing of the truth."""
        moment = self.start + np.timedelta64(round(self.now * 86_400_000_000), "us")
        return Columns(self.numbers, self.labels, lambda: self.frame(moment), moment, budget_left)

    def frame(self, moment: np.datetime64) -> pd.DataFrame:
        """The cells as a table of its own, which a strategy may change as it likes."""
        import pandas as pd

        columns: dict[str, Any] = {name: self.numbers(name) for name in ("age", "failures", "in_progress")}
        for name in ("last_success", "retry_at"):
            offset = np.round(self.numbers(name) * 86_400_000_000)
            gaps = np.where(np.isnan(offset), np.timedelta64("NaT", "us"), np.nan_to_num(offset).astype("m8[us]"))
            columns[name] = pd.Series(moment + gaps, dtype="datetime64[us]").dt.tz_localize("UTC")
        for name in ("status", "last_error"):
            codes, categories = self.labels(name)
            columns[name] = pd.Categorical.from_codes(codes, pd.Index(categories, dtype="string"))
        columns["changed_last"] = pd.array(self._changed == 1, dtype="boolean")
        columns["changed_last"][np.isnan(self._changed)] = pd.NA
        columns["failures"] = self._failures.copy()
        columns["in_progress"] = self._status == _FETCHING
        frame = self._table.copy()
        for name in _DYNAMIC:
            frame[name] = columns[name]
        return frame


_FAILURES_OF: Final = {platform.name: platform.failures for platform in PLATFORMS}


class _OnItsWay:
    """Refreshes that have started and not ended."""

    def __init__(self) -> None:
        self.rows: Rows = np.empty(0, dtype=np.intp)
        self._times = np.empty((3, 0))
        self._failed = np.empty(0, dtype=bool)

    def add(self, rows: Rows, start: float, ends: Floats, failed: NDArray[np.bool_], draws: Floats) -> None:
        self.rows = np.concatenate([self.rows, rows])
        self._times = np.concatenate([self._times, np.stack([np.full(len(rows), start), ends, draws])], axis=1)
        self._failed = np.concatenate([self._failed, failed])

    def ended(self, now: float) -> tuple[Rows, Floats, Floats, NDArray[np.bool_], Floats]:
        """Rows, starts, ends, whether failed, and a draw, of those that end until now; they are gone after."""
        done = self._times[1] <= now
        starts, ends, draws = self._times[:, done]
        ended = self.rows[done], starts, ends, self._failed[done], draws
        self.rows, self._times, self._failed = self.rows[~done], self._times[:, ~done], self._failed[~done]
        return ended


def _codes(column: pd.Series[Any]) -> NDArray[np.int64]:
    """Texts as codes of the board's own statuses; one that it does not know counts as none."""
    known = {status: code for code, status in enumerate(_STATUSES)}
    return np.array([known.get(text, -1) for text in column], dtype=np.int64)


def _blocked(cells: pd.DataFrame, given: Columns) -> Floats:
    """Until when each cell cannot be refreshed: for good if it is not linked or not supported."""
    unable = ~given.matches("connection_status", "Linked") | given.matches("status", "NotSupported")
    waiting = np.nan_to_num(given.retry_at, nan=-np.inf)
    return np.where(unable | cells["in_progress"].to_numpy(), np.inf, waiting)
