"""Refresh strategies: which cell to refresh next, and how far that is from the best that can be.

Pure: no I/O and no session. From the inside out:

- the science: ``indices`` (what a refresh is worth now), ``optimum`` (the best way to share out a budget, with the root
  searches of ``roots``), ``bounds`` (what nothing can exceed), ``learning``
- strategies: ``cells`` (the one table that they see, what they may answer), ``policy``, ``policies`` (built in),
  ``combinators`` (strategies made of strategies), ``budget``
- trying them out: ``portfolio`` (whom to refresh, and the truth about them), ``limits`` and ``guard`` (what no strategy
  can break), ``board`` (a portfolio's state on a virtual clock) and its ``view``, ``simulation``, ``scores``,
  ``result``, ``comparison``, ``frontier``, ``plots``
- on real companies: ``observing`` (changes that were seen); ``codat_notebook.live`` runs a strategy on them

A strategy is any function of the cells that gives a priority for each; those made here are called the same way:

>>> from codat_notebook import strategies
>>> strategies.first(strategies.keep_alive(), strategies.optimal("age"))
first(keep_alive('25D'), optimal('age'))
"""

from codat_notebook.strategies.cells import CELLS, StrategyError, table
from codat_notebook.strategies.combinators import before, bundle, first, limit, where
from codat_notebook.strategies.comparison import compare
from codat_notebook.strategies.limits import Limits
from codat_notebook.strategies.observing import observe_changes
from codat_notebook.strategies.policies import (
    codat_schedule,
    every,
    keep_alive,
    learn,
    oldest,
    optimal,
    random_order,
    stale_probability,
    threshold,
    weighted_age,
)
from codat_notebook.strategies.portfolio import Portfolio
from codat_notebook.strategies.result import Result
from codat_notebook.strategies.simulation import simulate

__all__ = [
    "CELLS", "Limits", "Portfolio", "Result", "StrategyError", "before", "bundle", "codat_schedule", "compare", "every",
    "first", "keep_alive", "learn", "limit", "observe_changes", "oldest", "optimal", "random_order", "simulate",
    "stale_probability", "table", "threshold", "weighted_age", "where",
]  # fmt: skip
