"""Run a strategy on a portfolio, months in seconds, and say how far from the best it is.

``simulate`` moves a virtual clock tick by tick: refreshes end, the strategy is asked, the engine's limits choose, and
the chosen begin. ``Result`` holds what came of it; ``ratio`` compares with what no strategy could exceed. What is
counted beside freshness is looked up at fixed moments and draws nothing, so counting changes no result.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from codat_notebook.models.vocabulary import REPORTS, daily_requests
from codat_notebook.strategies import optimum
from codat_notebook.strategies.budget import Budget, of_day, reading
from codat_notebook.strategies.budget import days as in_days
from codat_notebook.strategies.cell_table import moment, name_of
from codat_notebook.strategies.indices import Floats
from codat_notebook.strategies.policies import Strategy, fresh
from codat_notebook.strategies.portfolio import Portfolio
from codat_notebook.strategies.result import Result
from codat_notebook.strategies.rounds import Limits, Rounds
from codat_notebook.strategies.simulation_state import FETCHING, CellsView, SimulationState

_LONGEST = 36_525  # days: a century
_GOLDEN = 0.618034  # its multiples, modulo 1, fall everywhere alike
_ROUNDING = 1e-9  # of the ratio: where all of the bound was reached, it may be a little more than 1


def simulate(
    strategy: Strategy,
    portfolio: Portfolio | pd.DataFrame,
    *,
    days: float = 90,
    budget: str | Budget = "500 refreshes/day",
    seed: int = 0,
    tick: str | float = "1h",
    limits: Limits | None = None,
    goal: str | float = "7D",
    deadline: str | None = None,
    start: Any = "2026-01-05",
) -> Result:
    """Run a strategy on a portfolio on a virtual clock.

    The same seed gives the same result, on every executor; another kind of processor may round last digits otherwise.

    Parameters
    ----------
    strategy : a function of the cells, or a policy. It is asked once per tick, and sees nothing of the truth.
    portfolio : whom to refresh, or a frame for ``Portfolio.from_frame``.
    days : how long; whole days.
    budget : "500 refreshes/day", "2000 requests/day", or money ("30 GBP/day", at the portfolio's ``price``). It comes
        in evenly over the day.
    seed : of latencies, failures, and of what refreshes find; the same seed gives the same result.
    tick : time between two rounds, rounded so that a day has a whole number of them.
    limits : what the engine holds to; see ``Limits``.
    goal : the age up to which a cell counts as within the freshness goal, and as fresh enough at a deadline.
    deadline : a time of day ("07:00", UTC) by which every cell should be fresh, each day; the cells' own deadlines
        (``due``) count in any case.
    start : when it begins (UTC), for strategies that go by the calendar; by default a Monday.

    Raises
    ------
    StrategyError : the strategy raised or gave no priorities. ValueError : anything else that makes no sense.

    Examples
    --------
    >>> portfolio = Portfolio.synthetic(3, data_types=["invoices", "bills"], rates="known")
    >>> from codat_notebook.strategies import optimal
    >>> simulate(optimal(), portfolio, days=30, budget="6 refreshes/day").ratio <= 1
    True
    """
    portfolio = portfolio if isinstance(portfolio, Portfolio) else Portfolio.from_frame(portfolio)
    if not len(portfolio) or not 1 <= days <= _LONGEST or days % 1:
        raise ValueError(f"simulate: needs at least one cell and one whole day, and at most {_LONGEST:,} days")
    money, step = Budget.of(budget), in_days(tick)
    if not 1e-4 <= step <= 1:
        raise ValueError(f"simulate: a tick is between 10 s and a day, not {tick!r}")
    run = _Run(
        portfolio, fresh(strategy), money, limits or Limits(), step, seed, in_days(goal), deadline, moment(start)
    )
    for day in range(int(days)):
        run.day(day)
    return run.result(name_of(strategy))


class _Run:
    """One simulation on its way."""

    def __init__(
        self, portfolio: Portfolio, strategy: Strategy, budget: Budget, limits: Limits, step: float, seed: int,
        goal: float, deadline: str | None, start: np.datetime64,
    ) -> None:  # fmt: skip
        self.portfolio = portfolio
        self.ticks = round(1 / step)  # a day
        self.following, cost = budget.costs(portfolio.cells, portfolio.truth, "portfolio.priced(...)")
        self.board = SimulationState(portfolio, cost, seed, start, goal)
        self.view = CellsView(self.board, portfolio.cells)
        self.weight = portfolio.cells["weight"].to_numpy()
        # For the bound: what is on its way already is paid for, and can win no more than a copy of this moment.
        self.ages = np.where(self.board.status == FETCHING, 0.0, portfolio.cells["age"])
        self.since = np.where(self.board.blocked == np.inf, np.inf, 0.0)
        self.budget_a_day = budget.a_day
        self.reading = portfolio.reading if portfolio.reading is not None else reading(self.board.companies)
        self.rounds = Rounds(strategy, budget, limits, self.following, cost, self.reading)
        self.refreshes = np.zeros(len(portfolio), np.int64)  # of each cell
        self.looks = 0.0  # requests that followed refreshes
        #: What refreshes may take of the budget: the rest is taken by reading.
        self.left_a_day = max(budget.a_day - (self.reading * self.ticks if budget.unit == "requests" else 0.0), 0.0)
        self.deadlines = Deadlines(self.board, goal, deadline)
        self.reports = Reports(self.board)
        self.connections = KeepAliveCount(self.board, self.rounds.keep_alive_days)
        self.rows: list[dict[str, float]] = []

    def day(self, day: int) -> None:
        """A day's ticks, and its row of the timeline."""
        board, p95 = self.board, np.nan
        look = int(day * _GOLDEN % 1 * self.ticks)  # once a day, at all times of day alike
        for number in range(self.ticks):
            self._move(day + number / self.ticks)
            self.rounds.earn(1 / self.ticks)
            columns = self.view.columns(self.rounds.credit)
            chosen = self.rounds.next(columns, board.eligible(), look=number == 0)
            self.view.close()
            board.begin(chosen.rows)
            self.refreshes[chosen.rows] += 1
            self.looks += self.following.total(chosen.rows)
            if number == look:
                self.reports.look(board.snapshot)
                middle = board.now + 0.5 / self.ticks
                age = middle - board.held_at(slice(None), middle)
                if (read := np.isfinite(age)).any():
                    p95 = float(np.percentile(age[read], 95))
        self._move(day + 1.0)
        board.ledger.settle(board.snapshot, board.now)
        self.connections.look(board)
        self.rows.append(self._row(p95))

    def _move(self, now: float) -> None:
        self.deadlines.pass_until(now)
        self.board.move(now)

    def _row(self, age_p95: float) -> dict[str, float]:
        """What the timeline says of the day that ends; what is counted up to now is told apart by day at the end."""
        ledger = self.board.ledger
        oldest, ledger.oldest = ledger.oldest, np.nan
        return {
            "freshness": optimum.mean(ledger.fresh_days, self.weight),
            "age_mean": ledger.aged,
            "age_p95": age_p95,
            "age_max": float(oldest),
            "missed": ledger.missed,
            "within_goal": ledger.within / len(self.board),
            "held": ledger.held_days,
            "refreshes": float(self.refreshes.sum()),
            "failures": float(self.board.failed.sum()),
            "spent": self.rounds.spent,
        }

    def result(self, name: str) -> Result:
        """What came of it."""
        timeline = pd.DataFrame(self.rows)
        counted = [str(name) for name in timeline if name not in ("age_p95", "age_max")]
        timeline[counted] = timeline[counted].diff().fillna(timeline[counted])
        held = timeline.pop("held")
        timeline[["age_mean", "missed"]] = timeline[["age_mean", "missed"]].div(held.where(held > 0), axis=0)
        timeline.insert(0, "time", pd.date_range(self.board.start, periods=len(self.rows), unit="us", tz="UTC"))
        cells = self.portfolio.cells
        frame = cells[["company", "connection", "data_type", "platform", "weight", "rate"]].assign(
            rate_assumed=cells["rate"].isna(),
            true_rate=self.board.true_rate,
            freshness=self.board.ledger.fresh_days / len(self.rows),
            refreshes=self.refreshes,
            failures=self.board.failed,
            age=self.board.age.copy(),
        )
        return Result(name, self._metrics(timeline), timeline, frame)

    def _metrics(self, timeline: pd.DataFrame) -> dict[str, float]:
        board, days, cells, truth = self.board, len(timeline), self.portfolio.cells, self.portfolio.truth
        bound = optimum.upper_bound(
            board.true_rate, self.left_a_day, days, self.ages, self.weight, board.cost,
            kept=board.kept, success=board.troubles.success(1 / self.ticks), since=self.since, ahead=1 / self.ticks,
        )  # fmt: skip
        freshness = optimum.mean(board.ledger.fresh_days, self.weight) / days
        ratio = freshness / bound if bound > 0 else 1.0
        refreshes = float(self.refreshes.sum())
        reading = self.reading * self.ticks * days
        metrics = {
            "freshness": freshness,
            "bound": bound,
            "ratio": 1.0 if 1.0 < ratio < 1.0 + _ROUNDING else ratio,
            "age_mean": _share(board.ledger.aged, board.ledger.held_days),
            "missed": _share(board.ledger.missed, board.ledger.held_days),
            **{name: timeline[name].mean() for name in ("age_p95", "within_goal")},
            "age_max": timeline["age_max"].max(),
            "deadlines_met": _share(self.deadlines.met, self.deadlines.all),
            "apart": _share(self.reports.apart, self.reports.seen),
            "never_synced": np.isinf(board.age).sum(),
            "never_refreshed": (self.refreshes == 0).sum(),
            "keep_alive_violations": self.connections.late.sum(),
            "refreshes": refreshes,
            "failures": board.failed.sum(),
            "found_nothing": board.ledger.found_nothing,
            "requests_reading": reading,
            "requests_queueing": refreshes,
            "requests_following": self.looks,
            "share_of_quota": (reading + refreshes + self.looks) / (daily_requests(board.companies) * days),
            "money": (self.refreshes * truth["price"].to_numpy(np.float64)).sum(),
            "spent": self.rounds.spent,
            "share_of_budget": _share(self.rounds.spent, self.budget_a_day * days),
            "rates_assumed": cells["rate"].isna().mean(),
        }
        return {name: float(metrics[name]) for name, _ in Result.METRICS}


def _share(part: float, whole: float) -> float:
    return part / whole if whole else np.nan


class Deadlines:
    """How many deadlines came (``all``), and how many found a copy that was fresh enough (``met``).

    A cell's own deadline is its ``due``; with ``daily`` (a time of day, UTC) every cell has one each day. The copy that
    is held at that very moment counts, also between two ticks.
    """

    def __init__(self, board: SimulationState, goal: float, daily: str | None) -> None:
        self._board = board
        self._goal = goal
        own = np.flatnonzero(board.given.due > 0)
        every = np.arange(0 if daily is None else len(board))
        time = 0.0 if daily is None else of_day(daily)
        self._rows = np.append(own, every)
        self._due = np.append(board.given.due[own], np.full(len(every), time or 1.0))
        self._again = np.repeat([np.inf, time], [len(own), len(every)])  # the time of day of the next one
        self._next = self._due.min(initial=np.inf)
        self.met = 0
        self.all = 0

    def pass_until(self, then: float) -> None:
        """Judge the deadlines after the board's time until ``then``; call it before the board moves."""
        if self._next <= then:
            now = np.flatnonzero(self._due <= then)
            rows = self._rows[now]
            when = self._due[now]
            self.met += int(np.count_nonzero(when - self._board.held_at(rows, when) <= self._goal))
            self.all += len(rows)
            self._due[now] = np.floor(when) + 1 + self._again[now]
            self._next = self._due.min()


class Reports:
    """How far apart the copies in a company's report are: the sum of days (``apart``), of how many (``seen``)."""

    def __init__(self, board: SimulationState) -> None:
        rows = [np.flatnonzero(board.given.matches("data_type", types)) for types in REPORTS.values()]
        report = np.repeat(np.arange(len(rows)), list(map(len, rows)))
        self._rows = np.concatenate(rows)
        _, self._report, cells = np.unique(
            report * board.companies + board.company[self._rows], return_inverse=True, return_counts=True
        )
        self._several = cells > 1
        self.apart = 0.0
        self.seen = 0

    def look(self, snapshot: Floats) -> None:
        """Add how the reports stand, whose cells hold copies of ``snapshot``; one that lacks a copy does not count."""
        oldest, newest = np.full(len(self._several), np.inf), np.full(len(self._several), -np.inf)
        np.minimum.at(oldest, self._report, snapshot[self._rows])
        np.maximum.at(newest, self._report, snapshot[self._rows])
        whole = np.isfinite(oldest) & self._several
        self.apart += float((newest[whole] - oldest[whole]).sum())
        self.seen += int(whole.sum())


class KeepAliveCount:
    """Linked connections of which nothing was read for longer than platforms keep a token."""

    def __init__(self, board: SimulationState, limit: float) -> None:
        self._rows = np.flatnonzero(board.given.matches("connection_status", "Linked"))
        self._group = np.unique(board.given.groups("company", "connection")[self._rows], return_inverse=True)[1]
        self._limit = limit
        #: Of each connection, whether it was left alone for too long at least once.
        self.late = np.zeros(self._group.max(initial=-1) + 1, dtype=bool)

    def look(self, board: SimulationState) -> None:
        """Note the connections that are too long without a read now. Never read counts from the start."""
        newest = np.full(len(self.late), -np.inf)
        np.maximum.at(newest, self._group, board.snapshot[self._rows])
        self.late |= board.now - np.where(np.isneginf(newest), 0.0, newest) > self._limit
