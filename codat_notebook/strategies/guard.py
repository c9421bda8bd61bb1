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


class Guard:
    """Puts the cells that keep connections alive before all else."""

    def __init__(self, limits: Limits) -> None:
        self.limit = days(KEEP_ALIVE if limits.keep_alive is None else limits.keep_alive)
        ahead = max(self.limit - _AHEAD, self.limit / 2)
        self._policy = None if limits.keep_alive is None else keep_alive(ahead)

    def __call__(self, priority: Floats, columns: Columns) -> Floats:
        """The priorities, with those cells at the top."""
        if self._policy is None:
            return priority
        return np.where(self._policy.score(columns) > 0, np.inf, priority)
