"""The frame that ``compare`` gives: a DataFrame whose ``plot`` is the frontier of freshness against cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from codat_notebook.strategies.plots import draw_frontier
from codat_notebook.strategies.portfolio import Portfolio


class Comparison(pd.DataFrame):
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
        portfolio, seeds = self.whom
        one = portfolio if isinstance(portfolio, Portfolio) else portfolio(seeds[0])
        return draw_frontier(self, one, self.days, axis, **options)
