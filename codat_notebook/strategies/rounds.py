"""One round of a strategy, and what no strategy can break: decided here for simulations and for real companies.

:class:`Rounds` is the ledger of both. It asks the strategy, puts what keeps connections alive before all else, and has
``choose`` take the cells to refresh now: only eligible ones, only what the budget pays. What a round leaves is saved up
for the next. ``back_off`` says for how long a failure keeps a cell away. ``plan_round`` tells a round on real companies
as a plan, with reasons, and takes up what the round before it left. Codat's limits on requests (at once for a company,
and a minute) concern seconds, not rounds: the run holds to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from codat_notebook import frames
from codat_notebook.strategies import optimum
from codat_notebook.strategies.budget import Budget, Following, days, reading
from codat_notebook.strategies.cell_table import CELLS, Columns, ask, name_of
from codat_notebook.strategies.indices import Flags, Floats, Rows
from codat_notebook.strategies.learning import assumed_rates
from codat_notebook.strategies.policies import Policy, Strategy, gives_up, keep_alive, load, save

#: Column -> kind of the plan: what ``session.refresh`` needs, then why.
STRATEGY_PLAN: Final = {
    "company": "text", "data_type": "category", "platform": "category", "status": "category", "age": "duration",
    "action": "category", "reason": "text", "priority": "number", "cost": "number", "rate": "number",
    "rate_from": "category", "seconds": "number", "seconds_late": "number", "connection_id": "category",
    "company_id": "category",
}  # fmt: skip
_ROUNDING: Final = 1e-9  # of a budget: what sums of many small numbers may lack
_TO_TELL: Final = 4.0  # rounds that look at all cells take as long as to tell when each is due
_TRIED: Final = 60.0  # rounds: what may be lost where a floor never lasts
_AGAIN: Final = 0.1  # rounds: what may be lost later, in each
_MINUTE: Final = 1 / 1440
#: Failure -> (days until the first retry, factor of each further one, longest). What a person must mend is looked at
#: again after three days, as an assumption of how long that takes; not where the connection's status shows it.
_BACK_OFF: Final = {
    "FetchError": (15 * _MINUTE, 2.0, 0.5), "RateLimitError": (4 / 24, 2.0, 1.0), "Cancelled": (_MINUTE, 2.0, 0.5),
    "AuthError": (3.0, 1.0, 3.0), "PermissionsError": (3.0, 1.0, 3.0), "ValidationError": (3.0, 1.0, 3.0),
}  # fmt: skip
_USUAL: Final = (60 * _MINUTE, 2.0, 1.0)
#: Codat's advice: a sync of every connection before so many days are over.
_KEEP_ALIVE: Final = "25D"
_AHEAD: Final = 2.5  # days: time for the refresh to end, and for a second try


@dataclass(frozen=True)
class Limits:
    """What the engine holds to, whatever a strategy wants.

    Parameters
    ----------
    reserve : share of the budget that is kept for others who use the same quota.
    saved : for how long unspent budget is saved up.
    keep_alive : a connection of which nothing was read for so long is refreshed before all else; ``None``: never.
    """

    reserve: float = 0.0
    saved: str | float = "1D"
    keep_alive: str | float | None = "25D"

    def __post_init__(self) -> None:
        if not 0 <= self.reserve < 1:
            raise ValueError(f"limits: reserve is a share from 0 to below 1, not {self.reserve}")
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


def choose(priority: Floats, eligible: Flags, cost: Floats, budget: float) -> Rows:
    """The rows to refresh now, the highest priority first (of equals the first row).

    Parameters
    ----------
    priority : one per cell; NaN, 0 and less are left out.
    eligible : which cells may be refreshed at all.
    cost, budget : what each costs, and what may be spent now. The first cell that it does not pay ends the round, so
        that a dear cell with a high priority is saved up for.
    """
    wanted = np.where(eligible & (priority > 0), priority, 0.0)
    budget *= 1 + _ROUNDING
    most = int(min(budget / cost.min(initial=np.inf), len(wanted)))
    if most < 1:
        return np.empty(0, dtype=np.intp)
    least = np.partition(wanted, -most)[-most]  # only those that may be chosen are put in order
    rows = np.flatnonzero(wanted >= max(least, 5e-324))
    rows = rows[np.argsort(-wanted[rows], kind="stable")]
    chosen: Rows = rows[np.cumsum(cost[rows]) <= budget]
    return chosen


class Round(NamedTuple):
    """The rows to refresh now, in order, and what each costs; the priorities that decided, and those that the strategy
    gave, of the cells that it was asked about: all in a first round."""

    rows: Rows
    cost: Floats
    priority: Floats
    wanted: Floats


class Rounds:
    """The rounds of one strategy, simulated and live; ``credit`` is what may be spent now, ``spent`` what was.

    Parameters
    ----------
    strategy, budget, limits : whom to ask, what comes in, and what is held to.
    following, cost : what it takes to follow refreshes, and what one of each cell costs, in the budget's unit.
    reading : requests that read the cells before a round.
    credit : what earlier rounds left.
    """

    def __init__(
        self, strategy: Strategy, budget: Budget, limits: Limits, following: Following, cost: Floats, reading: float,
        credit: float = 0.0,
    ) -> None:  # fmt: skip
        self._strategy = strategy
        self._a_day = limits.a_day(budget)
        self._following = following
        self._cost = cost
        self._requests = budget.unit == "requests"
        self._reading = reading if self._requests else 0.0
        # A cell that costs more than what may be saved up is saved up for all the same.
        dearest = 1 + following.dearest if self._requests else float(cost.max(initial=0.0))
        self._saved = max(self._a_day * days(limits.saved), dearest)
        self.keep_alive_days = days(limits.keep_alive or _KEEP_ALIVE)
        self._old = max(self.keep_alive_days - _AHEAD, self.keep_alive_days / 2)
        self._keep_alive = None if limits.keep_alive is None else keep_alive(self._old)
        self._urgent = np.zeros(len(cost), dtype=bool)  # cells that connections need, until they were read
        # Where a strategy tells from which age on a cell may be wanted as much as a floor, which is a guess, it is only
        # asked about those that are as old; if too few of them are over the floor, about all.
        self._due_at = strategy.due if isinstance(strategy, Policy) else None
        self._due: Floats | None = None
        self._floor = 0.0
        self._gained = _TRIED  # rounds in which all cells need not be looked at, less what it took to know that
        self.credit = credit
        self.spent = 0.0

    def earn(self, days: float) -> None:
        """Let the budget of so many days come in, beside what was saved up, and pay for reading the cells."""
        self.credit = max(min(self.credit, self._saved) + self._a_day * days - self._reading, 0.0)
        self.spent += self._reading

    def next(self, columns: Columns, eligible: Flags, look: bool = True) -> Round:
        """Ask the strategy, and spend on what is chosen; ``look`` for connections that are left alone, too.

        The other parameters are those of ``choose``.
        """
        if look and self._keep_alive:  # once a day is enough: all cells are much to look at
            self._urgent = self._keep_alive.score(columns) > 0
        elif self._urgent.any():
            self._urgent &= columns.age >= self._old
        near = None if self._due is None else np.flatnonzero((columns.age >= self._due) | self._urgent)
        rows, priority, wanted = self._choose(columns, eligible, near)
        self._gained += _AGAIN
        if near is not None:
            self._gained += 1 - len(near) / len(eligible)
            # The cells that were left out are below the floor, so they come after all that are over it.
            if np.count_nonzero(eligible[near] & (priority >= self._floor)) <= len(rows):
                near = self._due = None
                rows, priority, wanted = self._choose(columns, eligible, None)
        over = 4 * len(rows) + 100
        if self._due_at and self._gained > 0 and len(priority) > 3 * over:
            self._gained -= _TO_TELL
            self._floor = float(np.partition(np.fmax(priority, 0.0), -over)[-over])
            self._due = self._due_at(columns, self._floor) if self._floor else None
        if self._requests:
            looks = self._following.of(rows)
            while not (paid := np.cumsum(1 + looks) <= self.credit * (1 + _ROUNDING)).all():
                rows = rows[paid]  # fewer companies are looked at more often, so it is counted again
                looks = self._following.of(rows)
            cost = 1 + looks
        else:
            cost = self._cost[rows]
        self.credit -= float(cost.sum())
        self.spent += float(cost.sum())
        return Round(rows, cost, priority, wanted)

    def _choose(self, columns: Columns, eligible: Flags, near: Rows | None) -> tuple[Rows, Floats, Floats]:
        """The rows to refresh, and the priorities of all cells, or of those that are ``near``."""
        among = slice(None) if near is None else near
        wanted = ask(self._strategy, columns if near is None else columns.of_rows(near))
        priority = np.where(self._urgent[among], np.inf, wanted) if self._urgent.any() else wanted
        rows = choose(priority, eligible[among], self._cost[among], self.credit)
        return rows if near is None else near[rows], priority, wanted


class Planned(NamedTuple):
    """A round on real companies as a plan, and what it leaves to the next one, as JSON can hold it."""

    plan: pd.DataFrame
    left: dict[str, Any]


def _income(paid: str | None, now: datetime, every: float, most: float) -> tuple[float, datetime]:
    """For how many days budget comes in with a round, and until when it has come in then.

    It is the time since the last round, so that rounds that come more often than they should, or late, get what is
    theirs; up to a tenth of ``every`` early or late counts as on time, and after a long pause ``most`` days are paid.
    """
    if paid is None:
        return every, now
    since = max((now - datetime.fromisoformat(paid)) / timedelta(days=1), 0.0)
    if abs(since - every) <= every / 10:
        return every, datetime.fromisoformat(paid) + timedelta(days=every)
    return min(since, most), now


def plan_round(
    strategy: Strategy, cells: pd.DataFrame, budget: Budget, every: float, limits: Limits, now: datetime,
    left: Mapping[str, Any] | None = None, read: float | None = None,
) -> Planned:  # fmt: skip
    """What a strategy would refresh of ``cells`` (as of ``session.cells``) in a round, of which one comes every so many
    days. ``left`` is what the round before left, ``read`` how many requests it took to read the cells."""
    following, cost = budget.costs(cells, cells, "prices=")
    left = left if left and left.get("unit") == budget.unit else {}
    if left.get("strategy") == name_of(strategy):
        load(strategy, left.get("remembered"))
    read = reading(cells["company"].nunique()) if read is None else read
    rounds = Rounds(strategy, budget, limits, following, cost, read, float(left.get("credit", 0.0)))
    came_in, until = _income(left.get("paid"), now, every, max(every, days(limits.saved)))
    rounds.earn(came_in)
    amount = rounds.credit
    columns = Columns.of(cells[list(CELLS)].assign(cost=cost), now, amount)
    waiting = columns.retry_at > 0
    eligible = cells["obstacle"].isna().to_numpy(bool) & ~waiting & (columns.in_progress == 0)
    rows, paid, priority, wanted = rounds.next(columns, eligible)
    reasons = np.where(priority > 0, "beyond the budget", "not wanted now").astype(object)
    for row in np.flatnonzero(waiting):
        kind, again = cells["last_error"].iloc[row], cells["retry_at"].iloc[row]
        failed = f"{cells['failures'].iloc[row]} × {kind}, again from {again:%Y-%m-%d %H:%M} UTC"
        reasons[row] = f"failed, too soon to retry; {failed}"
    reasons = np.where(cells["obstacle"].isna(), reasons, cells["obstacle"])
    for row, rest in zip(rows, amount - np.cumsum(paid), strict=True):
        alive = np.isinf(priority[row]) and priority[row] != wanted[row]
        never = np.isinf(columns.age[row])
        why = "to keep the connection alive" if alive else "never read" if never else "due"
        since = "" if never else f"read {columns.age[row]:.1f} days ago, "
        first = f"priority {priority[row]:.3g}" if np.isfinite(priority[row]) else "before all others"
        reasons[row] = f"{why}; {since}{first}, {rest:,.6g} of {amount:,.6g} {budget.unit} left"
    if gives_up(strategy):
        from_ = optimum.given_up_below(assumed_rates(columns), columns.weight, cost)
        for row in np.flatnonzero((from_ > limits.a_day(budget)) & cells["obstacle"].isna().to_numpy(bool) & ~waiting):
            reasons[row] += f"; freshness alone gives it up below {from_[row]:,.3g} {budget.unit} a day"
    cost = cost.copy()
    cost[rows] = paid
    kept = {"unit": budget.unit, "credit": rounds.credit, "paid": until.isoformat()}
    kept |= {"strategy": name_of(strategy), "remembered": save(strategy)}
    return Planned(_frame(cells, priority, rows, reasons, cost), kept)


def _frame(cells: pd.DataFrame, priority: Floats, rows: Rows, reasons: Any, cost: Floats) -> pd.DataFrame:
    """The plan: what is queued in its order, then the rest, the most wanted first."""
    rest = np.setdiff1d(np.arange(len(cells)), rows)
    order = np.concatenate([rows, rest[np.argsort(-np.nan_to_num(priority[rest], posinf=np.inf), kind="stable")]])
    read = np.isfinite(cells["age"])  # pandas 2.2 multiplies what is missing, too, and at times numpy warns of that
    plan = cells.assign(
        company_id=cells["company"], company=cells["name"], connection_id=cells["connection"],
        age=pd.to_timedelta(cells["age"].where(read, 0.0), unit="D").where(read), reason=reasons, priority=priority,
        cost=cost, seconds=86_400 * cells["latency"], seconds_late=86_400 * cells["latency_p95"],
        action=np.where(np.isin(np.arange(len(cells)), rows), "queue", "skip"),
    ).iloc[order]  # fmt: skip
    given = {name: list(plan[name].astype(object).where(plan[name].notna(), None)) for name in STRATEGY_PLAN}
    return frames.build(STRATEGY_PLAN, given)
