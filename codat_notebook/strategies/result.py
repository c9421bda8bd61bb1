"""What came of a simulation: numbers, tables, and their picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from codat_notebook.display import static_html
from codat_notebook.models.errors import needed

#: One colour says one thing: blue is freshness, grey is age, and the dashed line is the bound.
BLUE: Final = "#2563a8"
GREY: Final = "#8a8f98"
BOUND_LINE: Final[dict[str, Any]] = {"color": "#c2410c", "ls": "--", "lw": 1}
_MOST_BARS: Final = 12


@dataclass(frozen=True)
class Result:
    """What came of a simulation.

    Attributes
    ----------
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
        ("age_mean", "mean age over the time"),
        ("age_p95", "95 % of the ages are below, mean over the days, looked at once a day at changing times of day"),
        ("age_max", "the highest age that any copy reached"),
        ("missed", "mean number of changes at the source that a copy lacks"),
        ("within_goal", "share of the time in which a cell's copy was no older than the goal"),
        ("deadlines_met", "share of deadlines at which the copy was no older than the goal; missing without deadlines"),
        ("apart", "mean days between the oldest and the newest copy of a company's report; missing without a report"),
        ("never_synced", "cells of which nothing was ever read"),
        ("never_refreshed", "cells that were not refreshed once"),
        ("keep_alive_violations", "connections left without a read for longer than the keep-alive limit, or 25 days"),
        ("refreshes", "refreshes started"),
        ("failures", "refreshes that failed"),
        ("found_nothing", "refreshes that found no change, expected"),
        ("requests_reading", "requests that read the cells before each round"),
        ("requests_queueing", "requests that queued a refresh"),
        ("requests_following", "requests that followed them to their end"),
        ("share_of_quota", "requests / what Codat allows: 1,000 a day for each company, and 1,000 more"),
        ("money", "what the refreshes cost at the portfolio's prices; missing without prices"),
        ("spent", "what the refreshes cost, in the budget's unit"),
        ("share_of_budget", "spent / budget"),
        ("rates_assumed", "share of cells whose rate was not given, so that strategies assume one"),
    )

    @property
    def ratio(self) -> float:
        """Achieved freshness over the bound: 1 is the best that can be."""
        return self.metrics["ratio"]

    def by(self, column: str) -> pd.DataFrame:
        """The cells put together by ``data_type``, ``platform`` or ``company``: weighted freshness, mean age, sums.

        The freshest first. Ages are of cells that were ever synced.
        """
        cells = self.cells
        read = cells["age"].where(np.isfinite(cells["age"]))
        parts = cells.assign(worth=cells["freshness"] * cells["weight"], age=read).groupby(column, observed=True)
        sums = parts[["worth", "weight", "refreshes", "failures"]].sum()
        freshness = (sums["worth"] / sums["weight"]).fillna(0.0)
        frame = sums.assign(cells=parts.size(), age=parts["age"].mean(), freshness=freshness)
        return frame[["cells", "freshness", "age", "refreshes", "failures"]].sort_values("freshness", ascending=False)

    def plot(self, **options: Any) -> Any:
        """Freshness and age over time, freshness by data type and by platform; returns matplotlib's axes.

        Options (``figsize``, ``title``) are those of the figure. Matplotlib comes with the extra ``lab``.
        """
        dates, plt = needed("matplotlib.dates", "lab"), needed("matplotlib.pyplot", "lab")
        title = options.pop("title", self.strategy)
        size = {"figsize": (10, 6.2), "layout": "constrained", **options}
        figure, axes = plt.subplots(2, 2, width_ratios=[3, 2], **size)
        figure.suptitle(title, x=0.01, ha="left", fontsize="medium", fontweight="bold")
        day = dates.date2num(self.timeline["time"].dt.tz_localize(None).to_numpy())
        axes[0, 0].plot(day, self.timeline["freshness"], color=BLUE, label="freshness")
        axes[0, 0].axhline(self.metrics["bound"], **BOUND_LINE, label="bound over all days")
        axes[0, 0].set_ylim(0, 1.02)
        axes[1, 0].plot(day, self.timeline["age_mean"], color=GREY, label="mean")
        axes[1, 0].plot(day, self.timeline["age_p95"], color=GREY, ls=":", label="95 % are younger")
        axes[1, 0].set(ylabel="days", ylim=(0, None))
        for axis, what in ((axes[0, 0], "Freshness by day"), (axes[1, 0], "Age by day")):
            axis.set_title(what, loc="left", fontsize="medium")
            axis.legend(frameon=False, fontsize="small")
            axis.margins(x=0.01)
            axis.xaxis.set_major_locator(locator := dates.AutoDateLocator(maxticks=6))
            axis.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
        for axis, column in ((axes[0, 1], "data_type"), (axes[1, 1], "platform")):
            _bars(axis, self.by(column)["freshness"], column.replace("_", " "))
        return axes

    def __repr__(self) -> str:
        m = self.metrics
        share = m["rates_assumed"]
        assumed = f"; rates assumed for {share:.0%} of the cells" if share else ""
        if not m["refreshes"]:
            assumed += "; it queued nothing"
        return (
            f"<{self.strategy}: freshness {m['freshness']:.4f}, {m['ratio']:.2%} of what is possible; "
            f"{m['refreshes']:,.0f} refreshes, {m['failures']:,.0f} failed{assumed}>"
        )

    def _repr_html_(self) -> str:
        rows = [(name, self.metrics[name], meaning) for name, meaning in self.METRICS if name in self.metrics]
        return static_html(repr(self), pd.DataFrame(rows, columns=["metric", "value", "meaning"]))


def _bars(axis: Any, freshness: pd.Series[Any], what: str) -> None:
    """The freshest and, if they are many, the stalest ones as bars, the freshest on top."""
    half = _MOST_BARS // 2
    many = len(freshness) > _MOST_BARS
    shown = freshness.iloc[[*range(half), *range(-half, 0)]] if many else freshness
    title = f"Freshness by {what}" + (f" ({_MOST_BARS} of {len(freshness)})" if many else "")
    if shown.empty:
        axis.set_axis_off()
        return
    shown.iloc[::-1].plot.barh(ax=axis, color=BLUE, ylabel="", xlim=(0, 1), width=0.75)
    axis.set_title(title, loc="left", fontsize="medium")
    axis.tick_params(axis="y", labelsize="small")
