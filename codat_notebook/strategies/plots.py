"""Pictures of results: one simulation over time, many strategies as freshness against cost.

Matplotlib (extra ``lab``) is loaded by the first picture. One colour says one thing: blue is freshness, grey is age;
in a comparison each strategy has a colour, a marker and its name beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from codat_notebook.strategies import optimum
from codat_notebook.strategies.budget import Budget
from codat_notebook.strategies.portfolio import Portfolio, costs

if TYPE_CHECKING:
    from codat_notebook.strategies.result import Result

_FRESH, _AGE, _LIMIT = "#2563a8", "#8a8f98", "#c2410c"
_MARKERS: Final = "os^Dv<>Pp*Xh"
_MOST_BARS: Final = 12
_POINTS: Final = 40


def draw_result(result: Result, **options: Any) -> Any:
    """Four panels: freshness and age by day, freshness by data type and by platform."""
    from matplotlib import dates
    from matplotlib import pyplot as plt

    title = options.pop("title", result.strategy)
    size = {"figsize": (10, 6.2), "layout": "constrained", **options}
    figure, axes = plt.subplots(2, 2, width_ratios=[3, 2], **size)
    figure.suptitle(title, x=0.01, ha="left", fontsize="medium", fontweight="bold")
    untyped: Any = dates
    day = untyped.date2num(result.timeline["time"].dt.tz_localize(None).to_numpy())
    axes[0, 0].plot(day, result.timeline["freshness"], color=_FRESH, label="freshness")
    axes[0, 0].axhline(result.metrics["bound"], color=_LIMIT, ls="--", lw=1, label="bound over all days")
    axes[0, 0].set_ylim(0, 1.02)
    axes[1, 0].plot(day, result.timeline["age_mean"], color=_AGE, label="mean")
    axes[1, 0].plot(day, result.timeline["age_p95"], color=_AGE, ls=":", label="95 % are younger")
    axes[1, 0].set(ylabel="days", ylim=(0, None))
    for axis, what in ((axes[0, 0], "Freshness by day"), (axes[1, 0], "Age at the end of the day")):
        axis.set_title(what, loc="left", fontsize="medium")
        axis.legend(frameon=False, fontsize="small")
        axis.margins(x=0.01)
        axis.xaxis.set_major_locator(locator := untyped.AutoDateLocator(maxticks=6))
        axis.xaxis.set_major_formatter(untyped.ConciseDateFormatter(locator))
    for axis, column in ((axes[0, 1], "data_type"), (axes[1, 1], "platform")):
        _bars(axis, result.by(column)["freshness"], column.replace("_", " "))
    return axes


def _bars(axis: Any, freshness: pd.Series[Any], what: str) -> None:
    """The freshest and, if they are many, the stalest ones as bars, the freshest on top."""
    half = _MOST_BARS // 2
    many = len(freshness) > _MOST_BARS
    shown = freshness.iloc[[*range(half), *range(-half, 0)]] if many else freshness
    title = f"Freshness by {what}" + (f" ({_MOST_BARS} of {len(freshness)})" if many else "")
    if shown.empty:
        axis.set_axis_off()
        return
    shown.iloc[::-1].plot.barh(ax=axis, color=_FRESH, ylabel="", xlim=(0, 1), width=0.75)
    axis.set_title(title, loc="left", fontsize="medium")
    axis.tick_params(axis="y", labelsize="small")


def _optimum(portfolio: Portfolio, days: float, top: float, budget: Budget) -> pd.Series[Any]:
    """The bound for budgets from nothing to ``top``."""
    cost = costs(portfolio, budget)
    grid = np.linspace(0.0, top, _POINTS)
    rates, weights = portfolio.truth["true_rate"].to_numpy(), portfolio.cells["weight"].to_numpy()
    ages = portfolio.cells["age"].to_numpy()
    return pd.Series([optimum.upper_bound(rates, spent, days, ages, weights, cost) for spent in grid], index=grid)


class ComparisonFrame(pd.DataFrame):
    """Strategies x budgets x seeds. What is derived from it is a plain DataFrame, with pandas' own ``plot``.

    ``whom`` and ``days`` are what was simulated, for the bound that the picture shows.
    """

    whom: tuple[Portfolio | Callable[[int], Portfolio], list[int]]
    days: float
    _metadata = ["whom", "days"]  # noqa: RUF012 - pandas' way of declaring attributes that are no columns

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def plot(self, axis: Any = None, **options: Any) -> Any:  # type: ignore[override]  # pandas has an accessor here
        """Freshness against what was spent a day, each strategy by its name, and the bound above them all.

        With several budgets the points of a strategy make a line: its frontier. Bars are the spread over the seeds.
        Returns matplotlib's axes; ``options`` go to the line of the bound.
        """
        from matplotlib import pyplot as plt

        portfolio, seeds = self.whom
        cells = portfolio if isinstance(portfolio, Portfolio) else portfolio(seeds[0])
        budget = Budget.of(str(self["budget"].iloc[0]))
        if axis is None:
            axis = plt.subplots(figsize=(8, 4.8), layout="constrained")[1]
        points = self[self["error"].isna()].assign(cost=lambda good: good["spent"] / self.days)
        groups = points.groupby(["strategy", "budget"], sort=False, observed=True)
        means, spread = groups[["cost", "freshness"]].mean(), groups["freshness"].std().fillna(0.0)
        top = float(max(means["cost"].max(), 1e-9)) * 1.15 if len(means) else 1.0
        _optimum(cells, self.days, top, budget).plot(ax=axis, color=_LIMIT, ls="--", lw=1, label="bound", **options)
        for number, (name, own) in enumerate(means.groupby(level="strategy", sort=False)):
            own = own.sort_values("cost")
            error = spread.loc[own.index].to_numpy()
            style = f"{_MARKERS[number % len(_MARKERS)]}-"
            axis.errorbar(own["cost"], own["freshness"], yerr=error, fmt=style, lw=1, capsize=2, label=str(name))
        axis.set(xlabel=f"{budget.unit} a day", ylabel="freshness", title="Freshness against cost")
        axis.set(xlim=(0, top), ylim=(0, 1.02))
        axis.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.01, 0.5))
        return axis
