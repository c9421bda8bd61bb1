"""The engine's own wish, before any strategy's: a connection that is left alone for too long dies."""

from __future__ import annotations

from typing import Final

import numpy as np

from codat_notebook.strategies.budget import days
from codat_notebook.strategies.cells import Columns
from codat_notebook.strategies.indices import Floats
from codat_notebook.strategies.limits import Limits
from codat_notebook.strategies.policies import keep_alive

#: Codat's advice: a sync of every connection before so many days are over.
KEEP_ALIVE: Final = "25D"
_AHEAD: Final = 2.5  # days: time for the refresh to end, and for a second try


class KeepAlive:
    """Puts the cells that keep connections alive before all else, until they were read."""

    def __init__(self, limits: Limits) -> None:
        self.limit = days(KEEP_ALIVE if limits.keep_alive is None else limits.keep_alive)
        self._ahead = max(self.limit - _AHEAD, self.limit / 2)
        self._policy = None if limits.keep_alive is None else keep_alive(self._ahead)
        self._rows = np.empty(0, dtype=np.intp)

    def look(self, columns: Columns) -> None:
        """Find the cells that connections need; once a day is enough, and all of them is much to look at."""
        if self._policy is not None:
            self._rows = np.flatnonzero(self._policy.score(columns) > 0)

    def __call__(self, priority: Floats, columns: Columns) -> Floats:
        """The priorities, with those cells at the top that were found and not read since."""
        if len(self._rows):
            self._rows = self._rows[columns.age[self._rows] >= self._ahead]
        if not len(self._rows):
            return priority
        raised = priority.copy()
        raised[self._rows] = np.inf
        return raised
