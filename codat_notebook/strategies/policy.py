"""What a built-in strategy is: a name, and how to make the function that scores cells.

A policy is called like any strategy, with a table of cells. Simulations call ``score`` with ``Columns`` instead, on a
``fresh`` copy, because some policies remember what they saw (``learn``) or worked out (``threshold``). It travels to
other processes by pickle: what it holds is a module's function and plain arguments, never a closure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from codat_notebook.strategies.cells import Columns, ask
from codat_notebook.strategies.indices import Floats

if TYPE_CHECKING:
    import pandas as pd

Score = Callable[[Columns], Floats]
Strategy = Callable[..., Any]


class Policy:
    """A strategy from this package: ``policy(cells)`` gives the priority of each cell, higher first.

    Parameters
    ----------
    name : how it was made, for tables and messages.
    make : a function of a module that takes ``arguments`` and returns the function that scores.
    """

    def __init__(self, name: str, make: Callable[..., Score], **arguments: Any) -> None:
        self.name = name
        self._make = make
        self._arguments = arguments
        self._score: Score | None = None

    def __repr__(self) -> str:
        return self.name

    def __call__(self, cells: pd.DataFrame, now: Any = None, budget_left: float | None = None) -> pd.Series[float]:
        """The priorities of the cells, with the cells' index. ``now`` matters to policies that know deadlines."""
        import pandas as pd

        return pd.Series(self.score(Columns.of(cells, now, budget_left)), index=cells.index, name="priority")

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (self.name, self._make, self._arguments)

    def score(self, columns: Columns) -> Floats:
        """The priorities as an array."""
        if self._score is None:
            self._score = self._make(**self._arguments)
        return self._score(columns)

    def fresh(self) -> Policy:
        """The same policy, remembering nothing."""
        arguments = {name: fresh(value) for name, value in self._arguments.items()}
        return Policy(self.name, self._make, **arguments)


def _made(name: str, make: Callable[..., Score], arguments: dict[str, Any]) -> Policy:
    return Policy(name, make, **arguments)


def fresh(strategy: Any) -> Any:
    """A strategy as it is before its first round; a plain function is as it is."""
    return strategy.fresh() if isinstance(strategy, Policy) else strategy


def score(strategy: Strategy, columns: Columns) -> Floats:
    """The priorities of any strategy, built in or a user's function."""
    return strategy.score(columns) if isinstance(strategy, Policy) else ask(strategy, columns)
