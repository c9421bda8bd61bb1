"""Run a strategy on a portfolio, months in seconds, and say how far from the best it is.

``simulate`` moves a virtual clock tick by tick: refreshes end, the strategy is asked, the engine's limits choose, and
the chosen begin. ``Result`` holds what came of it; ``ratio`` compares with what no strategy could exceed.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from codat_notebook.strategies import optimum
from codat_notebook.strategies.budget import Budget
from codat_notebook.strategies.budget import days as in_days
from codat_notebook.strategies.cell_table import name_of
from codat_notebook.strategies.indices import Floats
from codat_notebook.strategies.policies import Strategy, fresh
from codat_notebook.strategies.portfolio import Portfolio, costs
from codat_notebook.strategies.result import Result
from codat_notebook.strategies.rounds import Limits, Rounds
from codat_notebook.strategies.scores import Deadlines, KeepAliveCount, Reports, requests
from codat_notebook.strategies.simulation_state import FETCHING, CellsView, SimulationState

_ROUNDING = 1e-9  # of the ratio
_START = np.datetime64("2026-01-05", "us")  # a Monday


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

    Raises
    ------
    StrategyError : the strategy raised or gave no priorities. ValueError : anything else that makes no sense.

    >>> portfolio = Portfolio.synthetic(3, data_types=["invoices", "bills"], rates="known")
    >>> from codat_notebook.strategies import optimal
    >>> simulate(optimal(), portfolio, days=30, budget="6 refreshes/day").ratio <= 1
    True
    """
    portfolio = portfolio if isinstance(portfolio, Portfolio) else Portfolio.from_frame(portfolio)
    if not len(portfolio) or not (float(days).is_integer() and days >= 1):
        raise ValueError("simulate: needs at least one cell and one whole day")
    money, step = Budget.of(budget), in_days(tick)
    if not 1e-4 <= step <= 1:
        raise ValueError(f"simulate: a tick is between 10 s and a day, not {tick!r}")
    run = _Run(portfolio, fresh(strategy), money, limits or Limits(), step, seed, in_days(goal), deadline)
    for day in range(int(days)):
        run.day(day)
    return run.result(name_of(strategy))


class _Run:
    """One simulation on its way."""

    def __init__(
        self, portfolio: Portfolio, strategy: Strategy, budget: Budget, limits: Limits, step: float, seed: int,
        goal: float, deadline: str | None,
    ) -> None:  # fmt: skip
        self.portfolio = portfolio
        self.limits = limits
        self.step = step
        self.goal = goal
        self.board = SimulationState(portfolio, costs(portfolio, budget), seed, _START)
        self.view = CellsView(self.board, portfolio.cells)
        self.weight = portfolio.cells["weight"].to_numpy()
        # For the bound: what is on its way already is paid for, and can win no more than a copy of this moment.
        self.ages = np.where(self.board.status == FETCHING, 0.0, portfolio.cells["age"])
        self.budget_a_day = budget.a_day
        self.rounds = Rounds(strategy, budget, limits, self.board.cost)
        self.most = max(int(limits.a_minute * 1440 * step), 1)
        self.deadlines = Deadlines(self.board, goal, deadline)
        self.reports = Reports(self.board)
        self.connections = KeepAliveCount(self.board, self.rounds.guard.limit)
        self.rows: list[dict[str, float]] = []
        self.before = 0.0

    def day(self, day: int) -> None:
        """A day's ticks, and its row of the timeline."""
        board, ticks = self.board, max(round(1 / self.step), 1)
        for number in range(ticks):
            self._move(day + number / ticks)
            self.rounds.earn(1 / ticks)
            room = board.room(self.limits.company_at_once)
            columns = self.view.columns(self.rounds.credit)
            chosen = self.rounds.next(columns, board.eligible(), board.company, room, self.most, look=number == 0)
            board.begin(chosen.rows)
        self._move(day + 1.0)
        board.settle()
        self.reports.look(board)
        self.connections.look(board)
        self.rows.append(self._row())

    def _move(self, now: float) -> None:
        self.deadlines.pass_until(now)
        self.board.move(now)

    def _row(self) -> dict[str, float]:
        board, age, missed = self.board, self.board.age, self.board.true_rate
        within = float(np.count_nonzero(age <= self.goal)) / len(age)
        if len(read := np.flatnonzero(np.isfinite(age))) < len(age):
            age, missed = age[read], missed[read]
        until_now = optimum.mean(board.ledger.fresh_days, self.weight)
        fresh_today = until_now - self.before
        self.before = until_now
        return {
            "freshness": fresh_today,
            "age_mean": float(age.mean()) if len(age) else np.nan,
            "age_p95": _p95(age),
            "age_max": float(age.max()) if len(age) else np.nan,
            "missed": float((missed * age).mean()) if len(age) else np.nan,
            "within_goal": within,
            "refreshes": float(board.refreshes.sum()),
            "failures": float(board.failed.sum()),
            "spent": self.rounds.spent,
        }

    def result(self, name: str) -> Result:
        """What came of it."""
        timeline = pd.DataFrame(self.rows)
        for counted in ("refreshes", "failures", "spent"):
            timeline[counted] = timeline[counted].diff().fillna(timeline[counted])
        start = pd.Timestamp(_START, tz="UTC")
        timeline.insert(0, "time", (start + pd.to_timedelta(np.arange(len(self.rows)), unit="D")).as_unit("us"))
        return Result(name, self._metrics(timeline), timeline, self._cells())

    def _metrics(self, timeline: pd.DataFrame) -> dict[str, float]:
        board, days, cells, truth = self.board, len(timeline), self.portfolio.cells, self.portfolio.truth
        bound = optimum.upper_bound(board.true_rate, self.budget_a_day, days, self.ages, self.weight, board.cost)
        freshness = optimum.mean(board.ledger.fresh_days, self.weight) / days
        means = {name: float(timeline[name].mean()) for name in ("age_mean", "age_p95", "missed", "within_goal")}
        priced = truth["price"].to_numpy(np.float64)
        metrics = {
            "freshness": freshness,
            "bound": bound,
            "ratio": _ratio(freshness, bound),
            **means,
            "age_max": float(timeline["age_max"].max()),
            "deadlines_met": self.deadlines.share,
            "skew": self.reports.skew,
            "never_synced": float(np.isinf(board.age).sum()),
            "never_refreshed": float((board.refreshes == 0).sum()),
            "keep_alive_violations": float(self.connections.violations),
            "refreshes": float(board.refreshes.sum()),
            "failures": float(board.failed.sum()),
            "found_nothing": float(board.ledger.found_nothing.sum()),
            **requests(board, truth["requests"].to_numpy(np.float64), days),
            "money": float((board.refreshes * priced).sum()),
            "spent": self.rounds.spent,
            "share_of_budget": self.rounds.spent / (self.budget_a_day * days) if self.budget_a_day > 0 else np.nan,
            "rates_assumed": float(cells["rate"].isna().mean()),
        }
        return {name: metrics[name] for name, _ in Result.METRICS}

    def _cells(self) -> pd.DataFrame:
        board, cells = self.board, self.portfolio.cells
        return cells[["company", "connection", "data_type", "platform", "weight", "rate"]].assign(
            rate_assumed=cells["rate"].isna(),
            true_rate=self.portfolio.truth["true_rate"],
            freshness=board.ledger.fresh_days / len(self.rows),
            refreshes=board.refreshes,
            failures=board.failed,
            age=board.age.copy(),
        )


def _ratio(freshness: float, bound: float) -> float:
    """How much of the bound was reached. Where all of it was, rounding may say a little more."""
    ratio = freshness / bound if bound > 0 else 1.0
    return 1.0 if 1.0 < ratio < 1.0 + _ROUNDING else ratio


def _p95(values: Floats) -> float:
    """``np.percentile(values, 95)``, NaN of nothing; NumPy's own also looks for the extremes, which takes six times."""
    if not len(values):
        return np.nan
    place = 0.95 * (len(values) - 1)
    above, share = min(int(place) + 1, len(values) - 1), place - int(place)
    ranked = np.partition(values, above)  # one place at a time is found several times as fast
    high, low = float(ranked[above]), float(ranked[: max(above, 1)].max())
    return low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share)
