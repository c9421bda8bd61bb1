"""Refresh strategies: which cell to refresh next, and how far that is from the best that can be.

Pure: no I/O and no session. From the inside out:

- the science: ``indices`` (what a refresh is worth now), ``optimum`` (the best way to share out a budget, and what
  nothing can exceed), ``learning`` (how often cells change, from what was seen)
- strategies: ``cell_table`` (the one table that they see, what they may answer), ``policies`` (built in, and made of
  others), ``budget``
- trying them out: ``portfolio`` (whom to refresh, and the truth about them), ``rounds`` (one round of a strategy, and
  what no strategy can break), ``simulation_state`` (a portfolio on a virtual clock), ``simulation``, ``result``,
  ``comparison``
- on real companies: ``codat_notebook.live`` has them refreshed as a round says

A strategy is any function of the cells that gives a priority for each; those made here are called the same way:

>>> from codat_notebook import strategies
>>> strategies.first(strategies.keep_alive(), strategies.optimal("age"))
first(keep_alive('25D'), optimal('age'))
"""

from codat_notebook.strategies.cell_table import CELLS, StrategyError, table
from codat_notebook.strategies.comparison import compare
from codat_notebook.strategies.learning import observe_changes
from codat_notebook.strategies.policies import (
    before,
    bundle,
    every,
    first,
    keep_alive,
    learn,
    oldest,
    optimal,
    where,
)
from codat_notebook.strategies.portfolio import Portfolio
from codat_notebook.strategies.result import Result
from codat_notebook.strategies.rounds import Limits
from codat_notebook.strategies.simulation import simulate

__all__ = [
    "CELLS", "Limits", "Portfolio", "Result", "StrategyError", "before", "bundle", "compare", "every",
    "first", "keep_alive", "learn", "observe_changes", "oldest", "optimal", "simulate",
    "table", "where",
]  # fmt: skip
