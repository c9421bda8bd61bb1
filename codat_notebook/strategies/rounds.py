"""One round of a strategy, and what no strategy can break: decided here for simulations and for real companies.

:class:`Rounds` asks the strategy, puts what keeps connections alive before all else, and has ``choose`` take the cells
to refresh now: only eligible ones, only what the budget pays, only so many at a time for a company and in all. What a
round leaves is saved up for the next. ``back_off`` says for how long a failure keeps a cell away. ``plan_round`` tells
a round on real companies as a plan, with reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codat_notebook import frames
from codat_notebook.strategies.budget import REQUESTS, Budget, days
from codat_notebook.strategies.cell_table import CELLS, Columns, ask
from codat_notebook.strategies.indices import Flags, Floats, Rows
from codat_notebook.strategies.policies import Strategy, keep_alive

Ids = NDArray[np.integer]

#: Column -> kind of the plan: what ``session.refresh`` needs, then why.
STRATEGY_PLAN: Final = {
    "company_id": "category", "company": "text", "connection_id": "category", "data_type": "category",
    "platform": "category", "status": "category", "age": "duration", "action": "category", "reason": "text",
    "priority": "number", "cost": "number", "rate": "number", "rate_from": "category",
}  # fmt: skip
_MOST: Final = 0.97  # of the lowest priority chosen
_MINUTE: Final = 1 / 1440
#: Failure -> (days until the first retry, factor of each further one, longest). What a person must mend is looked at
#: again after three days, as an assumption of how long that takes; not where the connection's status shows it.
_BACK_OFF: Final = {
    "FetchError": (15 * _MINUTE, 2.0, 0.5), "RateLimitError": (4 / 24, 2.0, 1.0), "Cancelled": (_MINUTE, 2.0, 0.5),
    "AuthError": (3.0, 1.0, 3.0), "PermissionsError": (3.0, 1.0, 3.0), "ValidationError": (3.0, 1.0, 3.0),
}  # fmt: skip
_FEW: Final = 1_000  # priorities, for which it does not matter how they are sorted
_USUAL: Final = (60 * _MINUTE, 2.0, 1.0)
#: Codat's advice: a sync of every connection before so many days are over.
_KEEP_ALIVE: Final = "25D"
_AHEAD: Final = 2.5  # days: time for the refresh to end, and for a second try


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

    def a_day(self, budget: Budget) -> float:
        """What strategies may spend a day: the budget less what is kept for others."""
        return budget.a_day * (1 - self.reserve)


def back_off(kind: str, failures: int) -> float:
    """Days until a cell may be tried again after its ``failures``-th failure in a row, the last of this kind.

    >>> [round(back_off("FetchError", n) * 24, 2) for n in (1, 2, 3, 9)]
    [0.25, 0.5, 1.0, 12.0]
    """
    first, factor, longest = _BACK_OFF.get(kind, _USUAL)
    return float(min(first * factor ** min(failures - 1, 60), longest))


def choose(
    priority: Floats, eligible: Flags, cost: Floats, budget: float, company: Ids, room: Ids, most: int,
    above: float = 0.0,
) -> Rows:  # fmt: skip
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
            chosen: Rows = kept[:most]
            return chosen[np.cumsum(cost[chosen]) <= budget + 1e-9]
        depth += max(4 * (most - len(kept)), depth // 2)
    return np.empty(0, dtype=np.intp)


def _highest(wanted: Floats, depth: int) -> Rows:
    """The places of the ``depth`` highest values, highest first, equals in their own order."""
    if depth < len(wanted):
        places: Rows = (wanted >= np.partition(wanted, -depth)[-depth]).nonzero()[0]
        return places[_highest(wanted[places], len(places))[:depth]]
    if len(wanted) > _FEW:  # the quick sort takes a third of the time, but puts equals anyhow: only if there are none
        order = np.argsort(-wanted)
        ranked = wanted[order]
        if not (ranked[1:] == ranked[:-1]).any():
            return order
    return np.argsort(-wanted, kind="stable")


def _fits(group: Ids, room: Ids) -> Flags:
    """Which have room in their group, if those before them come first."""
    over = np.bincount(group, minlength=len(room)) > room
    if not over.any():
        return np.ones(len(group), dtype=bool)
    full: Flags = over[group]
    fits: Flags = ~full
    crowd = np.flatnonzero(full)
    order = crowd[np.argsort(group[crowd], kind="stable")]
    ordered = group[order]
    fits[order] = np.arange(len(order)) - np.searchsorted(ordered, ordered) < room[ordered]
    return fits


class Round(NamedTuple):
    """The rows to refresh now, in order; the priorities that decided, and those that the strategy gave."""

    rows: Rows
    priority: Floats
    wanted: Floats


class Rounds:
    """The rounds of one strategy; ``credit`` is what may be spent now, ``spent`` what was.

    Parameters
    ----------
    strategy, budget, limits : whom to ask, what comes in, and what is held to.
    cost : what a refresh of each cell costs, in the budget's unit.
    """

    def __init__(self, strategy: Strategy, budget: Budget, limits: Limits, cost: Floats) -> None:
        self._strategy = strategy
        self._a_day = limits.a_day(budget)
        self._cost = cost
        self._cheapest = float(cost.min(initial=np.inf))
        # A cell that costs more than what may be saved up is saved up for all the same.
        self._saved = max(self._a_day * days(limits.saved), float(cost.max(initial=0.0)))
        self._above = 0.0  # what the next round's priorities will probably exceed
        self.keep_alive_days = days(limits.keep_alive or _KEEP_ALIVE)
        self._old = max(self.keep_alive_days - _AHEAD, self.keep_alive_days / 2)
        self._keep_alive = None if limits.keep_alive is None else keep_alive(self._old)
        self._urgent = np.empty(0, dtype=np.intp)  # cells that connections need, until they were read
        self.credit = 0.0
        self.spent = 0.0

    def earn(self, days: float) -> None:
        """Let the budget of so many days come in."""
        came_in = self._a_day * days
        self.credit = min(self.credit + came_in, max(self._saved, came_in))

    def next(self, columns: Columns, eligible: Flags, company: Ids, room: Ids, most: int, look: bool = True) -> Round:
        """Ask the strategy, and spend on what is chosen; ``look`` for connections that are left alone, too.

        The other parameters are those of ``choose``.
        """
        if look and self._keep_alive:  # once a day is enough: all cells are much to look at
            self._urgent = np.flatnonzero(self._keep_alive.score(columns) > 0)
        priority = wanted = ask(self._strategy, columns)
        if len(self._urgent):
            self._urgent = self._urgent[columns.age[self._urgent] >= self._old]
            priority = wanted.copy()
            priority[self._urgent] = np.inf
        rows = choose(priority, eligible, self._cost, self.credit, company, room, most, self._above)
        cost = float(self._cost[rows].sum())
        self.credit -= cost
        self.spent += cost
        # What is left says that all that was wanted has begun: then no priority is too low for the next round.
        short = len(rows) and self.credit < self._cheapest
        self._above = _MOST * float(priority[rows[-1]]) if short else 0.0
        return Round(rows, priority, wanted)


def plan_round(
    strategy: Strategy, cells: pd.DataFrame, budget: Budget, every: float, limits: Limits, now: Any
) -> pd.DataFrame:
    """What a strategy would refresh of ``cells`` (as of ``session.cells``) with what comes in in ``every`` days."""
    cost = budget.costs(np.full(len(cells), REQUESTS), cells["price"].to_numpy(np.float64))
    if np.isnan(cost).any():
        unknown = sorted({str(name) for name in cells["platform"][np.isnan(cost)]})
        raise ValueError(f"A budget in {budget.unit} needs prices= of a refresh; unknown for {', '.join(unknown)}.")
    rounds = Rounds(strategy, budget, limits, cost)
    rounds.earn(every)
    amount = rounds.credit
    columns = Columns.of(cells[list(CELLS)].assign(cost=cost), now, amount)
    company, waiting = columns.groups("company"), columns.retry_at > 0
    eligible = cells["obstacle"].isna().to_numpy(bool) & ~waiting & (columns.in_progress == 0)
    room = np.full(int(company.max(initial=-1)) + 1, len(cells))  # how many at a time is for the run to hold
    rows, priority, wanted = rounds.next(columns, eligible, company, room, len(cells))
    reasons = np.where(priority > 0, "beyond the budget", "not wanted now").astype(object)
    for row in np.flatnonzero(waiting):
        kind, until = cells["last_error"].iloc[row], cells["retry_at"].iloc[row]
        reasons[row] = f"waits until {until:%Y-%m-%d %H:%M} UTC after {cells['failures'].iloc[row]} x {kind}"
    reasons = np.where(cells["obstacle"].isna(), reasons, cells["obstacle"])
    for row, left in zip(rows, amount - np.cumsum(cost[rows]), strict=True):
        alive = np.isinf(priority[row]) and priority[row] != wanted[row]
        why = "keeps the connection alive" if alive else f"priority {priority[row]:.3g}"
        age = "never read" if np.isinf(columns.age[row]) else f"{columns.age[row]:.1f} days old"
        reasons[row] = f"{why}, {age}, {left:,.6g} of {amount:,.6g} {budget.unit} left"
    return _frame(cells, priority, rows, reasons, cost)


def _frame(cells: pd.DataFrame, priority: Floats, rows: Rows, reasons: Any, cost: Floats) -> pd.DataFrame:
    """The plan: what is queued in its order, then the rest, the most wanted first."""
    shown = np.nan_to_num(priority, nan=0.0, posinf=np.inf, neginf=-np.inf)
    rest = np.setdiff1d(np.arange(len(cells)), rows)
    order = np.concatenate([rows, rest[np.argsort(-shown[rest], kind="stable")]])
    read = np.isfinite(cells["age"])  # pandas 2.2 multiplies what is missing, too, and at times numpy warns of that
    plan = cells.assign(
        company_id=cells["company"], company=cells["name"], connection_id=cells["connection"],
        age=pd.to_timedelta(cells["age"].where(read, 0.0), unit="D").where(read), reason=reasons, priority=priority,
        cost=cost, action=np.where(np.isin(np.arange(len(cells)), rows), "queue", "skip"),
    ).iloc[order]  # fmt: skip
    given = {name: list(plan[name].astype(object).where(plan[name].notna(), None)) for name in STRATEGY_PLAN}
    return frames.build(STRATEGY_PLAN, given)
