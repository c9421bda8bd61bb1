"""What a strategy sees of a board: the cells of this moment, as arrays or as a table, and nothing of the truth.

Built-in strategies read columns as arrays that must not be written to; they are worked out when they are asked for,
once a tick. A user's function gets a table of its own, which it may change as it likes.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from codat_notebook.strategies.cells import CELLS, Columns, Labels
from codat_notebook.strategies.indices import Floats
from codat_notebook.strategies.simulation_state import FETCHING, STATUSES, SimulationState

if TYPE_CHECKING:
    import pandas as pd

_DAY_US: Final = 86_400_000_000
_MOVING_TEXTS: Final = ("status", "last_error")
_MOVING: Final = ("age", "last_success", "in_progress", "failures", "retry_at", "changed_last", *_MOVING_TEXTS)


class View:
    """A board through the eyes of a strategy."""

    def __init__(self, board: SimulationState, cells: pd.DataFrame) -> None:
        self._board, self._cells = board, cells
        self._labels: dict[str, Labels] = {}
        self._groups: dict[tuple[str, ...], NDArray[np.int64]] = {}
        self._fixed: dict[str, Floats] = {"cost": _locked(board.cost)}
        self._texts = {
            name: cells[name].array for name, kind in CELLS.items() if kind == "category" and name not in _MOVING_TEXTS
        }
        self._now: dict[str, Floats] = {}
        self._at = np.nan

    def columns(self, budget_left: float) -> Columns:
        """The cells as they are now."""
        at = self._moment()
        return Columns(self.numbers, self.labels, self.frame, at, budget_left, self._groups)

    def _moment(self) -> np.datetime64:
        moment: np.datetime64 = self._board.start + np.timedelta64(round(self._board.now * _DAY_US), "us")
        return moment

    def numbers(self, name: str) -> Floats:
        """A column as floats, as ``Columns`` wants it."""
        if self._at != self._board.now:
            self._now.clear()
            self._at = self._board.now
        if name in self._fixed:
            return self._fixed[name]
        if name not in self._now:
            moving = name in _MOVING or name == "due"
            (self._now if moving else self._fixed)[name] = _locked(self._number(name))
        return self._now[name] if name in self._now else self._fixed[name]

    def _number(self, name: str) -> Floats:
        board = self._board
        if name == "age":
            return board.age
        if name == "last_success":
            return np.where(np.isfinite(board.snapshot), board.snapshot - board.now, np.nan)
        if name == "retry_at":
            left = board.blocked - board.now
            return np.where(np.isfinite(left) & (left > 0) & (board.status != FETCHING), left, np.nan)
        if name == "in_progress":
            return np.where(board.status == FETCHING, 1.0, 0.0)
        if name in ("failures", "changed_last"):
            return (board.failures if name == "failures" else board.ledger.changed).astype(np.float64)
        given = board.given.numbers(name)
        return given - board.now if name == "due" else given

    def labels(self, name: str) -> Labels:
        """A text column as codes and categories."""
        if name in _MOVING_TEXTS:
            return (self._board.status if name == "status" else self._board.error).copy(), STATUSES
        if name not in self._labels:
            self._labels[name] = self._board.given.labels(name)
        return self._labels[name]

    def frame(self) -> pd.DataFrame:
        """The cells as a table. Made from bare columns: setting them one by one takes several times as long."""
        import pandas as pd

        columns = {name: self._array(name, kind) for name, kind in CELLS.items()}
        return pd.DataFrame(columns, index=pd.RangeIndex(len(self._board)), copy=False)

    def _array(self, name: str, kind: str) -> Any:
        """A column as pandas keeps it; nobody else holds it."""
        import pandas as pd

        board = self._board
        if name in self._texts:
            return self._texts[name].copy()
        if name in _MOVING_TEXTS:
            return pd.Categorical.from_codes(self.labels(name)[0], dtype=_statuses(), validate=False)
        if name == "due":
            return self._cells[name].array.copy()
        if kind == "time":
            return _times(self._moment(), self.numbers(name))
        if name == "changed_last":
            return pd.arrays.BooleanArray(board.ledger.changed == 1, np.isnan(board.ledger.changed))
        if name == "in_progress":
            return board.status == FETCHING
        return board.failures.astype(np.int64) if name == "failures" else self.numbers(name).copy()


def _locked(values: Floats) -> Floats:
    """The same numbers, not to be written to."""
    view = values.view()
    view.flags.writeable = False
    return view


def _times(start: np.datetime64, days: Floats) -> Any:
    """Moments some days from a start, missing where these are, as pandas keeps times."""
    import pandas as pd

    missing = np.isnan(days)
    gaps = np.round(np.where(missing, 0.0, days) * _DAY_US).astype("m8[us]")
    gaps[missing] = np.timedelta64("NaT", "us")
    return pd.DatetimeIndex(start + gaps, tz="UTC").array  # pd.array takes twice as long


@cache
def _statuses() -> pd.CategoricalDtype:
    import pandas as pd

    return pd.CategoricalDtype(pd.Index(STATUSES, dtype="string"))
