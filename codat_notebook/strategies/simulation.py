"""Run a strategy on a portfolio, months in seconds, and say how far from the best it is.

``simulate`` moves a virtual clock tick by tick: refreshes end, the strategy is asked, the engine's limits choose, and
the chosen begin. ``Result`` holds what came of it; ``ratio`` compares with what no strategy could exceed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from codat_notebook.strategies import bounds
from codat_notebook.strategies.board import Board
from codat_notebook.strategies.budget import Budget
from codat_notebook.strategies.budget import days as in_days
from codat_notebook.strategies.cells import name_of
from codat_notebook.strategies.indices import Floats
from codat_notebook.strategies.limits import Limits, choose
from codat_notebook.strategies.policies import keep_alive
from codat_notebook.strategies.policy import Strategy, fresh, score
from codat_notebook.strategies.portfolio import Portfolio

if TYPE_CHECKING:
    import pandas as pd

_START = np.datetime64("2026-01-05", "us")  # a Monday


@dataclass(frozen=True)
class Result:
    """What came of a simulation.

    metrics : name -> number; see ``Result.METRICS``.
    timeline : one row a day: time, freshness, mean and p95 of the age, refreshes, failures, spent.
    cells : one row a cell: freshness (expected share of time), refreshes, failures, age at the end, the rate believed
        and the true one, and whether the rate was an assumption for lack of a given one.
    """

    strategy: str
    metrics: dict[str, float]
    timeline: pd.DataFrame
    cells: pd.DataFrame

    #: What the metrics mean. Ages are days since the last sync, of cells that were ever synced.
    METRICS = (
        ("freshness", "weighted share of time that a copy equals its source, expected"),
        ("bound", "the freshness that no strategy could exceed with this budget"),
        ("ratio", "freshness / bound, at most 1"),
        ("age_mean", "mean age"),
        ("age_p95", "95 % of the ages are below, mean over the days"),
        ("age_max", "oldest copy seen at the end of any day"),
        ("missed", "mean number of changes at the source that a copy lacks"),
        ("within_goal", "share of cells no older than the goal"),
        ("never_synced", "cells of which nothing was ever read"),
        ("never_refreshed", "cells that were not refreshed once"),
        ("refreshes", "refreshes started"),
        ("failures", "refreshes that failed"),
        ("found_nothing", "refreshes that found no change, expected"),
        ("spent", "what the refreshes cost, in the budget's unit"),
        ("share_of_budget", "spent / budget"),
        ("rates_assumed", "share of cells whose rate was not given, so that strategies assume one"),
    )

    @property
    def ratio(self) -> float:
        """Achieved freshness over the bound: 1 is the best that can be."""
        return self.metrics["ratio"]

    def plot(self, **options: Any) -> Any:
        """Freshness and mean age over time, by pandas' own plot (matplotlib). Options go to ``DataFrame.plot``."""
        shown = self.timeline.set_index("time")[["freshness", "age_mean"]]
        return shown.plot(**{"subplots": True, "title": self.strategy, **options})

    def __repr__(self) -> str:
        m = self.metrics
        return (
            f"<{self.strategy}: freshness {m['freshness']:.4f}, {m['ratio']:.2%} of what is possible; "
            f"{m['refreshes']:,.0f} refreshes, {m['failures']:,.0f} failed>"
        )


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
) -> Result:
    """Run a strategy on a portfolio on a virtual clock.

    Parameters
    ----------
    strategy : a function of the cells, or a policy. It is asked once per tick, and sees nothing of the truth.
    portfolio : whom to refresh, or a frame for ``Portfolio.from_frame``.
    days : how long; whole days.
    budget : "500 refreshes/day", "2000 requests/day", or money ("30 GBP/day", at the portfolio's ``price``). It comes
        in evenly over the day.
    seed : of latencies, failures, and of what refreshes find; the same seed gives the same result.
    tick : time between two rounds.
    limits : what the engine holds to; see ``Limits``.
    goal : the age up to which a cell counts as within the freshness goal.

    Raises
    ------
    StrategyError : the strategy raised or gave no priorities. ValueError : anything else that makes no sense.

    >>> portfolio = Portfolio.synthetic(3, data_types=["invoices", "bills"], rates="known")
    >>> from codat_notebook.strategies import optimal
    >>> simulate(optimal(), portfolio, days=30, budget="6 refreshes/day").ratio <= 1
    True
    """
    portfolio = portfolio if isinstance(portfolio, Portfolio) else Portfolio.from_frame(portfolio)
    if not len(portfolio) or days < 1 or days != int(days):
        raise ValueError("simulate: needs at least one cell and one whole day")
    money, step = Budget.of(budget), in_days(tick)
    if not 1e-4 <= step <= 1:
        raise ValueError(f"simulate: a tick is between 10 s and a day, not {tick!r}")
    cost = _costs(portfolio, money)
    board = Board(portfolio, cost, seed, _START)
    run = _Run(board, fresh(strategy), money, limits or Limits(), step, portfolio.cells["weight"].to_numpy(), goal)
    for day in range(int(days)):
        run.day(day)
    return run.result(name_of(strategy), portfolio)


def _costs(portfolio: Portfolio, budget: Budget) -> Floats:
    """What a refresh of each cell costs in the budget's unit."""
    if budget.unit == "refreshes":
        return np.ones(len(portfolio))
    cost = portfolio.truth["requests" if budget.unit == "requests" else "price"].to_numpy(np.float64)
    if np.isnan(cost).any() or not (cost > 0).all():
        raise ValueError(
            f"simulate: a budget in {budget.unit} needs what a refresh costs: the portfolio's column price"
        )
    return cost


class _Run:
    """One simulation on its way."""

    def __init__(
        self,
        board: Board,
        strategy: Strategy,
        budget: Budget,
        limits: Limits,
        step: float,
        weight: Floats,
        goal: str | float,
    ) -> None:
        self.board, self.strategy, self.limits, self.weight = board, strategy, limits, weight
        self.a_day, self.step, self.goal = budget.a_day * (1 - limits.reserve), step, in_days(goal)
        self.budget_a_day, self.credit, self.spent = budget.a_day, 0.0, 0.0
        self.guard = None if limits.keep_alive is None else keep_alive(limits.keep_alive)
        # A cell that costs more than what may be saved up is saved up for all the same.
        self.saved = max(self.a_day * in_days(limits.saved), float(board.cost.max()))
        self.most = max(int(limits.a_minute * 1440 * step), 1)
        self.rows: list[dict[str, float]] = []
        self.before = np.zeros(len(weight))
        self.missed_rate = board.true_rate

    def day(self, day: int) -> None:
        """A day's ticks, and its row of the timeline."""
        ticks = max(round(1 / self.step), 1)
        for number in range(ticks):
            self.board.move(day + number / ticks)
            self._round(1 / ticks, first=number == 0)
        self.board.move(day + 1.0)
        self.board.settle()
        self.rows.append(self._row())

    def _round(self, share: float, first: bool) -> None:
        self.credit = min(self.credit + self.a_day * share, max(self.saved, self.a_day * share))
        columns = self.board.columns(self.credit)
        priority = score(self.strategy, columns)
        if first and self.guard is not None:
            priority = np.where(self.guard.score(columns) > 0, np.inf, priority)
        board, room = self.board, self.board.room(self.limits.company_at_once)
        rows = choose(priority, board.eligible(), board.cost, self.credit, board.company, room, self.most)
        board.begin(rows)
        cost = float(board.cost[rows].sum())
        self.credit, self.spent = self.credit - cost, self.spent + cost

    def _row(self) -> dict[str, float]:
        board = self.board
        age = board.age[np.isfinite(board.age)]
        fresh_today, self.before = board.fresh_days - self.before, board.fresh_days.copy()
        known = np.isfinite(board.age)
        return {
            "freshness": bounds.mean(fresh_today, self.weight),
            "age_mean": float(age.mean()) if len(age) else np.nan,
            "age_p95": float(np.percentile(age, 95)) if len(age) else np.nan,
            "age_max": float(age.max()) if len(age) else np.nan,
            "missed": float((self.missed_rate[known] * age).mean()) if len(age) else np.nan,
            "within_goal": float((board.age <= self.goal).mean()),
            "refreshes": float(board.refreshes.sum()),
            "failures": float(board.failed.sum()),
            "spent": self.spent,
        }

    def result(self, name: str, portfolio: Portfolio) -> Result:
        """What came of it."""
        import pandas as pd

        days, board, truth = len(self.rows), self.board, portfolio.truth["true_rate"].to_numpy()
        timeline = pd.DataFrame(self.rows)
        for counted in ("refreshes", "failures", "spent"):
            timeline[counted] = timeline[counted].diff().fillna(timeline[counted])
        start = pd.Timestamp(_START, tz="UTC")
        timeline.insert(0, "time", (start + pd.to_timedelta(np.arange(days), unit="D")).as_unit("us"))
        bound = bounds.upper_bound(
            truth, self.budget_a_day, days, portfolio.cells["age"].to_numpy(), self.weight, board.cost
        )
        return Result(name, self._metrics(timeline, bound, portfolio), timeline, self._cells(portfolio, days))

    def _metrics(self, timeline: pd.DataFrame, bound: float, portfolio: Portfolio) -> dict[str, float]:
        board, days = self.board, len(timeline)
        freshness = bounds.mean(board.fresh_days, self.weight) / days
        means = {name: float(timeline[name].mean()) for name in ("age_mean", "age_p95", "missed", "within_goal")}
        return {
            "freshness": freshness,
            "bound": bound,
            "ratio": freshness / bound if bound > 0 else 1.0,
            **means,
            "age_max": float(timeline["age_max"].max()),
            "never_synced": float(np.isinf(board.age).sum()),
            "never_refreshed": float((board.refreshes == 0).sum()),
            "refreshes": float(board.refreshes.sum()),
            "failures": float(board.failed.sum()),
            "found_nothing": float(board.found_nothing.sum()),
            "spent": self.spent,
            "share_of_budget": self.spent / (self.budget_a_day * days),
            "rates_assumed": float(portfolio.cells["rate"].isna().mean()),
        }

    def _cells(self, portfolio: Portfolio, days: int) -> pd.DataFrame:
        board, cells = self.board, portfolio.cells
        return cells[["company", "connection", "data_type", "platform", "weight", "rate"]].assign(
            rate_assumed=cells["rate"].isna(),
            true_rate=portfolio.truth["true_rate"],
            freshness=board.fresh_days / days,
            refreshes=board.refreshes,
            failures=board.failed,
            age=board.age,
        )
