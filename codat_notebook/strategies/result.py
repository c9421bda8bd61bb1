"""What came of a simulation: numbers, tables, and their picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from codat_notebook.display import static_html

if TYPE_CHECKING:
    import pandas as pd


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
        ("deadlines_met", "share of deadlines at which the copy was no older than the goal; missing without deadlines"),
        ("skew", "mean days between the oldest and the newest copy of a company's report; missing without a report"),
        ("never_synced", "cells of which nothing was ever read"),
        ("never_refreshed", "cells that were not refreshed once"),
        ("keep_alive_violations", "connections left without a read for longer than the keep-alive limit, or 25 days"),
        ("refreshes", "refreshes started"),
        ("failures", "refreshes that failed"),
        ("found_nothing", "refreshes that found no change, expected"),
        ("requests_queueing", "requests that queued a refresh"),
        ("requests_following", "requests that followed one to its end"),
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
        frame = sums[["refreshes", "failures"]].assign(cells=parts.size(), age=parts["age"].mean(), freshness=freshness)
        columns = ["cells", "freshness", "age", "refreshes", "failures"]
        return frame[columns].sort_values("freshness", ascending=False)

    def plot(self, **options: Any) -> Any:
        """Freshness and age over time, freshness by data type and by platform; returns matplotlib's axes.

        Options (``figsize``, ``title``) are those of the figure.
        """
        from codat_notebook.strategies.plots import draw_result

        return draw_result(self, **options)

    def __repr__(self) -> str:
        m = self.metrics
        share = m["rates_assumed"]
        assumed = f"; rates assumed for {share:.0%} of the cells" if share else ""
        return (
            f"<{self.strategy}: freshness {m['freshness']:.4f}, {m['ratio']:.2%} of what is possible; "
            f"{m['refreshes']:,.0f} refreshes, {m['failures']:,.0f} failed{assumed}>"
        )

    def _repr_html_(self) -> str:
        import pandas as pd

        rows = [(name, self.metrics[name], meaning) for name, meaning in self.METRICS if name in self.metrics]
        return static_html(repr(self), pd.DataFrame(rows, columns=["metric", "value", "meaning"]))
