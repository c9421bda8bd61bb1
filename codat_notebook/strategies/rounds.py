"""What no strategy can break: limits that are applied after the priorities, the same simulated and live.

``choose`` takes the priorities and gives the cells to refresh now, in order: only eligible ones, only what the budget
pays, only so many at a time for a company and in all. ``back_off`` says for how long a failure keeps a cell away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from codat_notebook.strategies.budget import days
from codat_notebook.strategies.cell_table import Columns
from codat_notebook.strategies.indices import Floats
from codat_notebook.strategies.policies import keep_alive

_MINUTE: Final = 1 / 1440
#: Failure -> (days until the first retry, factor of each further one, longest). What a person must mend is looked at
#: again after three days, as an assumption of how long that takes; not where the connection's status shows it.
_BACK_OFF: Final = {
    "FetchError": (15 * _MINUTE, 2.0, 0.5), "RateLimitError": (4 / 24, 2.0, 1.0), "Cancelled": (_MINUTE, 2.0, 0.5),
    "AuthError": (3.0, 1.0, 3.0), "PermissionsError": (3.0, 1.0, 3.0), "ValidationError": (3.0, 1.0, 3.0),
}  # fmt: skip
_FEW: Final = 1_000  # priorities, for which it does not matter how they are sorted
_USUAL: Final = (60 * _MINUTE, 2.0, 1.0)


@dataclass(frozen=True)
class Limits:
    """What the engine holds to, whatever a strategy wants.

    Parameters
    ----------
    company_at_once : refreshes of one company that may be on their way at the same time (Codat: 10).
    a_minute : refreshes that may be started per minute (Codat: 1,000 requests a minute and address).
    reserve : share of the budget that is kept for others who use the same quota.
    saved : for how long unspent budget is saved up.
    keep_alive : a connection of which nothing was read for so long is refreshed before all else; ``None``: never.
    """

    company_at_once: int = 10
    a_minute: float = 500.0
    reserve: float = 0.0
    saved: str | float = "1D"
    keep_alive: str | float | None = "25D"

    def __post_init__(self) -> None:
        if not 0 <= self.reserve < 1:
            raise ValueError(f"limits: reserve is a share from 0 to below 1, not {self.reserve}")
        if self.company_at_once < 1 or not self.a_minute > 0:
            raise ValueError("limits: company_at_once and a_minute must let something through")
        days(self.saved)
        if self.keep_alive is not None:
            days(self.keep_alive)


def back_off(kind: str, failures: int) -> float:
    """Days until a cell may be tried again after its ``failures``-th failure in a row, the last of this kind.

    >>> [round(back_off("FetchError", n) * 24, 2) for n in (1, 2, 3, 9)]
    [0.25, 0.5, 1.0, 12.0]
    """
    first, factor, longest = _BACK_OFF.get(kind, _USUAL)
    return float(min(first * factor ** min(failures - 1, 60), longest))


def choose(
    priority: Floats,
    eligible: NDArray[np.bool_],
    cost: Floats,
    budget: float,
    company: NDArray[np.integer],
    room: NDArray[np.integer],
    most: int,
    above: float = 0.0,
) -> NDArray[np.intp]:
    """The rows to refresh now, the highest priority first (of equals the first row).

    Parameters
    ----------
    priority : one per cell; NaN, 0 and less are left out.
    eligible : which cells may be refreshed at all.
    cost, budget : what each costs, and what may be spent now. The first cell that it does not pay ends the round, so
        that a dear cell with a high priority is saved up for.
    company, room : the company of each cell as a number, and how many more refreshes each company may have.
    most : refreshes that may be started in all.
    above : a guess of what the lowest priority chosen will exceed, such as most of what it was in the last round. The
        answer does not depend on it; a good guess spares the sorting of all cells.
    """
    able = (eligible & (priority > above)).nonzero()[0]
    wanted, cheapest = priority[able], float(cost[able].min(initial=np.inf))
    most = int(min(most, len(priority), (budget + 1e-9) / cheapest if cheapest > 0 else len(priority)))
    depth = most
    while most > 0:
        if depth > len(able) and above > 0:
            return choose(priority, eligible, cost, budget, company, room, most)
        rows = able[_highest(wanted, depth)]
        kept = rows[_fits(company[rows], room)]
        if len(kept) >= most or depth >= len(able):
            chosen: NDArray[np.intp] = kept[:most]
            return chosen[np.cumsum(cost[chosen]) <= budget + 1e-9]
        depth += max(4 * (most - len(kept)), depth // 2)
    return np.empty(0, dtype=np.intp)


def _highest(wanted: Floats, depth: int) -> NDArray[np.intp]:
    """The places of the ``depth`` highest values, highest first."""
    if depth >= len(wanted):
        return _highest_first(wanted)
    last = np.partition(wanted, -depth)[-depth]
    places: NDArray[np.intp] = (wanted >= last).nonzero()[0]
    return places[_highest_first(wanted[places])[:depth]]


def _highest_first(wanted: Floats) -> NDArray[np.intp]:
    """The places in the order of the values, equals in their own order."""
    if len(wanted) > _FEW:  # the quick sort takes a third of the time, but puts equals anyhow: only if there are none
        order = np.argsort(-wanted)
        ranked = wanted[order]
        if not (ranked[1:] == ranked[:-1]).any():
            return order
    return np.argsort(-wanted, kind="stable")


def _fits(group: NDArray[np.integer], room: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Which have room in their group, if those before them come first."""
    over = np.bincount(group, minlength=len(room)) > room
    if not over.any():
        return np.ones(len(group), dtype=bool)
    full: NDArray[np.bool_] = over[group]
    fits: NDArray[np.bool_] = ~full
    crowd = np.flatnonzero(full)
    order = crowd[np.argsort(group[crowd], kind="stable")]
    ordered = group[order]
    fits[order] = np.arange(len(order)) - np.searchsorted(ordered, ordered) < room[ordered]
    return fits


#: Codat's advice: a sync of every connection before so many days are over.
KEEP_ALIVE: Final = "25D"
_AHEAD: Final = 2.5  # days: time for the refresh to end, and for a second try


class KeepAlive:
    """Puts the cells that keep connections alive before all else, until they were read."""

    def __init__(self, limits: Limits) -> None:
        self.limit = days(KEEP_ALIVE if limits.keep_alive is None else limits.keep_alive)
        self._ahead = max(self.limit - _AHEAD, self.limit / 2)
        self._policy = None if limits.keep_alive is None else keep_alive(self._ahead)
        self._rows = np.empty(0, dtype=np.intp)

    def look(self, columns: Columns) -> None:
        """Find the cells that connections need; once a day is enough, and all of them is much to look at."""
        if self._policy is not None:
            self._rows = np.flatnonzero(self._policy.score(columns) > 0)

    def __call__(self, priority: Floats, columns: Columns) -> Floats:
        """The priorities, with those cells at the top that were found and not read since."""
        if len(self._rows):
            self._rows = self._rows[columns.age[self._rows] >= self._ahead]
        if not len(self._rows):
            return priority
        raised = priority.copy()
        raised[self._rows] = np.inf
        return raised
