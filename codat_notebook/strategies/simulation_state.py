"""A portfolio on a virtual clock: what is held of each cell, what is on its way, how fresh it has been.

Time is days since the start. Nothing is drawn per tick: chance decides when a refresh starts (does it fail, how long
does it take, did it find changes). What makes refreshes fail is a state of the cell that lasts until it is mended, and
is looked up where a refresh starts: trying more often finds it sooner, and does not make it. The
:class:`FreshnessLedger` adds up what a refresh won, in expectation, so the score has no sampling noise. A strategy sees
the cells of this moment through a :class:`CellsView`, and nothing of the truth: as arrays that must not be written to,
worked out when they are asked for, or as a table of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final
from weakref import ref

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codat_notebook.models.platforms import BY_NAME, PLATFORMS, SPREAD
from codat_notebook.strategies.cell_table import CELLS, CHANGING, DTYPES, Columns, Labels, locked
from codat_notebook.strategies.indices import Flags, Floats, Rows
from codat_notebook.strategies.portfolio import Portfolio
from codat_notebook.strategies.rounds import back_off


class FreshnessLedger:
    """The copies of all cells that were replaced, and what is expected of them.

    As of when all were settled: ``fresh_days`` of each cell, and of all together ``held_days`` (with any copy),
    ``aged`` (the integral of the age over these), ``missed`` (that of the changes that the copies lack), ``within``
    (days with a copy no older than the goal), ``found_nothing`` (refreshes that found no change, expected); and
    ``oldest``, the highest age of any copy since it was last asked for.
    """

    def __init__(self, rate: Floats, changed: NDArray[np.float32], observed: bool, goal: float = np.inf) -> None:
        self._rate = rate
        #: Whether the last refresh of each cell found changes: 1, 0, or NaN where nobody knows.
        self.changed = changed
        self._observed = observed
        self._goal = goal
        self.fresh_days = np.zeros(len(rate))
        self.held_days = self.aged = self.missed = self.within = self.found_nothing = 0.0
        self.oldest = np.nan
        self._since = np.zeros(len(rate))  # when the copy that is held of each cell was first seen
        self._settled = 0.0

    def replaced(self, rows: Rows, snapshot: Floats, starts: Floats, ends: Floats, draw: Floats) -> None:
        """Copies of ``snapshot`` gave way at ``ends`` to others of ``starts``; ``draw`` decides if those differ."""
        self._add(rows, snapshot, ends)
        self._since[rows] = ends
        unchanged = np.exp(-self._rate[rows] * np.minimum(starts - snapshot, 1e300))
        unchanged[np.isinf(snapshot)] = 0.0
        self.found_nothing += float(unchanged.sum())
        if self._observed:
            self.changed[rows] = draw >= unchanged

    def settle(self, snapshot: Floats, now: float) -> None:
        """Add up what all cells, which hold copies of ``snapshot``, are worth until now."""
        self._add(np.arange(len(snapshot)), snapshot, np.full(len(snapshot), now))
        self._settled = now

    def _add(self, rows: Rows, snapshot: Floats, until: Floats) -> None:
        """Add the copies that are held of cells until then, but for what was settled before."""
        since = np.maximum(self._since[rows], self._settled)
        if not (read := np.isfinite(snapshot)).all():
            rows, snapshot, since, until = rows[read], snapshot[read], since[read], until[read]
        rate, held = self._rate[rows], until - since
        with np.errstate(divide="ignore", invalid="ignore"):
            fresh = np.exp(-rate * (since - snapshot)) * -np.expm1(-rate * held) / rate
        self.fresh_days[rows] += np.where(rate > 0, fresh, held)
        aged = held * ((since + until) / 2 - snapshot)
        self.held_days += float(held.sum())
        self.aged += float(aged.sum())
        self.missed += float((rate * aged).sum())
        self.within += float(np.clip(snapshot + self._goal - since, 0.0, held).sum())
        self.oldest = np.fmax(self.oldest, (until - snapshot).max() if len(rows) else np.nan)


#: What a failed refresh ends with where the platform is not one of the sandbox's.
_FAILURES: Final[Mapping[str, float]] = {"FetchError": 1.0}
_KINDS: Final = sorted({kind for platform in PLATFORMS for kind in platform.failures} | set(_FAILURES))
#: What became of a refresh, as codes: the kind of its failure, or none.
STATUSES: Final = [*_KINDS, "Complete", "Fetching"]
COMPLETE: Final = len(_KINDS)
FETCHING: Final = COMPLETE + 1
_STATUS_TYPE: Final = pd.CategoricalDtype(pd.Index(STATUSES, dtype="string"))
_LONGEST = 12  # failures in a row after which no back-off grows any more
#: Days until the next try, by kind of failure and failures in a row, the last row where there was none.
_WAITS: Final = np.array(
    [[back_off(kind, max(n, 1)) for n in range(_LONGEST + 1)] for kind in _KINDS] + [[0.0] * (_LONGEST + 1)]
)
#: Assumed: what makes a refresh fail is mended, on average, when it is first worth another try.
_MENDED: Final = _WAITS[:-1, 1]


class _Troubles:
    """What makes the refreshes of a cell fail, kind by kind: there or not there, for a while.

    Each kind comes and goes by chance (a Markov chain of two states), is there for the share of time that the cell's
    ``failure_rate`` and its platform give, and lasts for ``_MENDED`` on average. It is only drawn where a refresh
    starts, given what the last one met: between these the chance falls back to the share.
    """

    def __init__(self, failure_rate: Floats, platform: NDArray[np.integer[Any]], platforms: list[str]) -> None:
        weights = [BY_NAME[name].failures if name in BY_NAME else _FAILURES for name in [*platforms, ""]]
        parts = np.array([[each.get(kind, 0.0) for kind in _KINDS] for each in weights])
        never = np.log1p(-failure_rate)  # all kinds together: the logarithm of the chance that none is there
        self._shares = -np.expm1(never[:, None] * (parts / parts.sum(axis=1, keepdims=True))[platform])
        self._never = not self._shares.any()
        self._lasts = _MENDED * (1 - self._shares)
        self._more = np.zeros(self._shares.shape)  # by how much the chance was over the share when it was last looked
        self._looked = np.zeros((len(failure_rate), 1))

    def met(self, rows: Rows, kinds: NDArray[np.intp]) -> None:
        """The troubles of cells are these at the start."""
        self._more[rows, kinds] = 1.0 - self._shares[rows, kinds]

    def success(self, gap: float) -> Floats:
        """The highest chance of each cell that a refresh succeeds: so many days after one that did."""
        chance: Floats = np.prod(1 - self._shares * -np.expm1(-gap / self._lasts), axis=1)
        return chance

    def meet(self, rows: Rows, now: float, rng: np.random.Generator) -> NDArray[np.intp]:
        """What becomes of refreshes that start now: the code of their failure, or of none."""
        if self._never:
            return np.full(len(rows), COMPLETE)
        shares = self._shares[rows]
        chance = shares + self._more[rows] * np.exp((self._looked[rows] - now) / self._lasts[rows])
        there = rng.random(chance.shape) < chance
        self._more[rows] = there - shares
        self._looked[rows] = now
        return np.where(there.any(axis=1), there.argmax(axis=1), COMPLETE)


class SimulationState:
    """All cells of one simulation, as arrays; ``now`` moves when the simulation says so."""

    def __init__(
        self, portfolio: Portfolio, cost: Floats, seed: int, start: np.datetime64, goal: float = np.inf
    ) -> None:
        cells, truth = portfolio.cells, portfolio.truth
        self.now = 0.0
        self.start = start
        self.cost = cost
        self.given = Columns.of(cells, start)
        self._rng = np.random.default_rng(seed)
        self.true_rate = truth["true_rate"].to_numpy(np.float64)
        self._latency = truth["latency"].to_numpy()
        self.company = self.given.groups("company").astype(np.int32)
        self.companies = int(self.company.max(initial=-1)) + 1
        self.troubles = _Troubles(truth["failure_rate"].to_numpy(np.float64), *self.given.labels("platform"))
        rows = len(cells)
        self.snapshot = -self.given.age
        self.failed = np.zeros(rows, np.int32)
        self.failures = cells["failures"].to_numpy(np.int32, copy=True)
        self.ledger = FreshnessLedger(
            self.true_rate, self.given.changed_last.astype(np.float32), portfolio.observed, goal
        )
        self.status = _codes(self.given.labels("status"))
        self.error = _codes(self.given.labels("last_error"))
        unable = ~self.given.matches("connection_status", "Linked") | self.given.matches("status", "NotSupported")
        #: Until when each cell cannot be refreshed: for good if it is not linked or not supported.
        self.blocked = np.where(unable, np.inf, np.nan_to_num(self.given.retry_at, nan=-np.inf))
        waiting = np.flatnonzero((self.blocked > 0) & (self.error >= 0))
        self.troubles.met(waiting, self.error[waiting].astype(np.intp))
        #: What is on its way: of which cells, how it ends, failures in a row then, since when, until when, and a draw
        #: that decides what it finds.
        self._way = np.empty((6, 0))
        self._age = np.empty(rows)
        running = (self.given.in_progress > 0) | (self.status == FETCHING)
        self.begin(np.flatnonzero(running & (self.blocked < np.inf)))

    def __len__(self) -> int:
        return len(self.snapshot)

    @property
    def kept(self) -> Floats:
        """What a refresh is still worth when it ends, as a share: E e^(-rate latency), the latency being log-normal."""
        points, weights = np.polynomial.hermite_e.hermegauss(32)
        kept = [np.exp(-self.true_rate * self._latency * np.exp(SPREAD * point)) for point in points]
        share: Floats = np.tensordot(weights / weights.sum(), kept, axes=1)
        return share

    def eligible(self) -> Flags:
        """Which cells may be refreshed now: linked, supported, not on their way, not waiting after a failure."""
        return self.blocked <= self.now

    def waiting(self) -> Flags:
        """Which cells are kept away by a failure, for a while."""
        kept_away: Flags = ~self.eligible() & np.isfinite(self.blocked) & (self.status != FETCHING)
        return kept_away

    def begin(self, rows: Rows) -> None:
        """Start refreshes now. What becomes of them is drawn now, and known to the strategy when they end."""
        if not len(rows):
            return
        rows = np.sort(rows)  # what is drawn for a cell does not depend on the order of the others
        draw = self._rng.random(len(rows))
        ends = self.now + self._latency[rows] * np.exp(SPREAD * self._rng.standard_normal(len(rows)))
        kind = self.troubles.meet(rows, self.now, self._rng)
        failures = waits = np.zeros(len(rows))
        if (fails := kind < COMPLETE).any():
            failures = np.where(fails, self.failures[rows] + 1, 0)
            waits = _WAITS[kind, np.minimum(failures, _LONGEST)]
        begun = np.array([rows, kind, failures, np.full(len(rows), self.now), ends, draw])
        self._way = np.concatenate([self._way, begun], axis=1)
        self.blocked[rows] = ends + waits
        self.status[rows] = FETCHING

    def move(self, now: float) -> None:
        """Go on to ``now``: refreshes that end until then end."""
        self.now = now
        over = self._way[4] <= now
        done, self._way = (self._way, self._way[:, :0]) if over.all() else (self._way[:, over], self._way[:, ~over])
        rows, kind, failures = done[:3].astype(np.intp)
        self.status[rows] = self.error[rows] = kind
        self.failures[rows] = failures
        if not (good := kind == COMPLETE).all():
            self.failed[rows] += ~good
            rows, done = rows[good], done[:, good]
        starts, ends, draw = done[3:]
        self.ledger.replaced(rows, self.snapshot[rows], starts, ends, draw)
        self.snapshot[rows] = starts

    def held_at(self, rows: Rows | slice, when: Floats | float) -> Floats:
        """The snapshots that will be held of cells at moments before the next tick: what is on its way may land."""
        coming, _, _, starts, ends, _ = self._way[:, self._way[1] == COMPLETE]
        lands, snapshot = np.full(len(self), np.inf), self.snapshot.copy()
        lands[coming.astype(np.intp)], snapshot[coming.astype(np.intp)] = ends, starts
        return np.where(lands[rows] <= when, snapshot[rows], self.snapshot[rows])

    @property
    def age(self) -> Floats:
        """Days since the snapshot that is held of each cell; the same array each time."""
        return np.subtract(self.now, self.snapshot, out=self._age)


def _codes(labels: Labels) -> NDArray[np.int8]:
    """Texts as codes of the board's own statuses; one that it does not know counts as none."""
    code_of = {status: code for code, status in enumerate(STATUSES)}
    return np.array([*(code_of.get(text, -1) for text in labels[1]), -1], dtype=np.int8)[labels[0]]


_DAY_US: Final = 86_400_000_000


class CellsView:
    """A board through the eyes of a strategy."""

    def __init__(self, board: SimulationState, cells: pd.DataFrame) -> None:
        self._board = board
        self._cells = cells
        self._now = board.start
        self._shown: Callable[[], LazyCells | None] = lambda: None
        self._moving: dict[str, Callable[[], NDArray[Any]]] = {
            "age": lambda: board.age,
            "last_success": lambda: np.where(np.isfinite(board.snapshot), board.snapshot - board.now, np.nan),
            "retry_at": lambda: np.where(board.waiting(), board.blocked - board.now, np.nan),
            "in_progress": lambda: board.status == FETCHING,
            "failures": lambda: board.failures,
            "changed_last": lambda: board.ledger.changed,
            "due": lambda: board.given.due - board.now,
            "cost": lambda: board.cost,
        }

    def columns(self, budget_left: float) -> Columns:
        """The cells as they are now."""
        self._now = self._board.start + np.timedelta64(round(self._board.now * _DAY_US), "us")
        return Columns(cache(self.numbers), self.labels, self.frame, self._now, budget_left)

    def numbers(self, name: str) -> Floats:
        """A column as floats, as ``Columns`` wants it."""
        if name not in self._moving:
            return self._board.given.numbers(name)
        return locked(self._moving[name]().astype(np.float64, copy=False))

    def labels(self, name: str) -> Labels:
        """A text column as codes and categories."""
        if name not in CHANGING:
            return self._board.given.labels(name)
        status, error = self._board.status, self._board.error
        return status.copy() if name == "status" else np.where(error < COMPLETE, error, -1), STATUSES

    def frame(self) -> pd.DataFrame:
        """The cells as a table."""
        frame = LazyCells(self._cells.index, self._array)
        self._shown = ref(frame)
        return frame

    def close(self) -> None:
        """The cells are about to change: a table that the strategy keeps is built while it is true."""
        if (kept := self._shown()) is not None:
            kept.fill()

    def _array(self, name: str) -> Any:
        """A column as pandas keeps it; nobody else holds it."""
        if name in CHANGING:
            return pd.Categorical.from_codes(self.labels(name)[0], dtype=_STATUS_TYPE, validate=False)
        if name == "due" or CELLS[name] == "category":
            return self._cells[name].array.copy()
        values = self.numbers(name)
        if CELLS[name] == "time":
            known = np.isfinite(values)
            since_now = np.rint(np.where(known, values, 0.0) * _DAY_US).astype("timedelta64[us]")
            times = np.where(known, self._now + since_now, np.datetime64("NaT"))
            return pd.DatetimeIndex(times, tz="UTC").array
        if CELLS[name] == "answer":
            return pd.arrays.BooleanArray(values == 1, np.isnan(values))
        return values.astype(DTYPES[CELLS[name]])


class LazyCells(pd.DataFrame):
    """The cells as a table whose columns are made when they are read, each by itself; all of them when pandas does
    anything else with it. They are most of a round's work, and few strategies read many."""

    _made: Callable[[str], Any]
    _rows: pd.Index

    def __init__(self, rows: pd.Index, made: Callable[[str], Any]) -> None:
        self.__dict__.update(_rows=rows, _made=made)  # pandas' own __init__ waits until something of it is needed

    def fill(self) -> None:
        """Make it a table like any other, if it is none yet."""
        if (made := self.__dict__.pop("_made", None)) is not None:
            rows = self.__dict__.pop("_rows")
            columns = {name: made(name) for name in CELLS}
            super().__init__(columns, index=rows, copy=False)  # type: ignore[call-arg]  # the stubs know __new__ alone

    @property
    def index(self) -> Any:
        """The rows' labels, which need no column."""
        return self._rows if "_made" in self.__dict__ else pd.DataFrame.index.__get__(self)

    @index.setter
    def index(self, labels: Any) -> None:
        pd.DataFrame.index.__set__(self, labels)  # type: ignore[attr-defined]  # a property of pandas' own

    def __getitem__(self, name: Any) -> Any:
        if "_made" not in self.__dict__ or not isinstance(name, str) or name not in CELLS:
            return super().__getitem__(name)
        return pd.Series(self._made(name), index=self._rows, name=name, copy=False)

    def __getattr__(self, name: str) -> Any:  # type: ignore[misc]  # the stubs call it final
        """What a table like any other has: it becomes one, but for a column."""
        if "_made" not in self.__dict__:
            return super().__getattr__(name)
        if name in CELLS:
            return self[name]
        self.fill()
        return getattr(self, name)
