"""Whether somebody looks at a console, by what its browsers say: only then is its company kept current.

Every view that is on screen, in a page that is not hidden, says so a few times a minute. A console that hears nothing
more is looked at no longer. But a cell that blocks the kernel keeps messages from it, too: so silence counts only
while the kernel is free to hear.
"""

import asyncio
from collections.abc import Callable

from codat_notebook.runs.engine import Engine
from codat_notebook.runs.watching import CompanyWatch

#: Real seconds without a word from any view after which nobody looks; a view on screen says so every 15.
SILENCE = 45.0
#: Real seconds that a free kernel has to hand on the messages that waited for it.
GRACE = 5.0


class Looking:
    """Keeps the company of one console watched while somebody looks, and wants it. On the engine's thread.

    ``kernel`` is the loop of the thread that hands on the browser's messages (``None``: nothing can block it).
    """

    def __init__(self, engine: Engine, kernel: asyncio.AbstractEventLoop | None) -> None:
        self.watch: CompanyWatch | None = None
        #: Whether the reader wants the company to be watched: not after *Stop watching*.
        self.wanted = True
        self._engine = engine
        self._kernel = kernel
        self._seen = False
        self._timer: asyncio.TimerHandle | None = None

    def at(self, watch: CompanyWatch | None) -> None:
        """Look at this company from now on, at no other."""
        if self.watch is not None and self.watch is not watch:
            self.watch.leave(self)
        self.watch = watch
        self.wanted = True
        self._settle()

    def want(self, wanted: bool) -> None:
        """Watch, or stop watching, as the reader says."""
        self.wanted = wanted
        self._settle()

    def seen(self) -> None:
        """A view is on screen, or somebody has clicked."""
        self._seen = True
        self._wait(SILENCE, self._silent)
        self._settle()

    def stop(self) -> None:
        """Nobody looks any more."""
        self._gone()

    def _settle(self) -> None:
        if self.watch is None:
            return
        if self._seen and self.wanted:
            self.watch.enter(self)
        elif self.watch.watched:
            self.watch.leave(self)

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._engine.loop.call_later(seconds, then)

    def _silent(self) -> None:
        """Nothing was heard: was the kernel free to hear?"""
        if self._kernel is None or self._kernel.is_closed():
            self._gone()
        else:
            self._kernel.call_soon_threadsafe(self._engine.post, self._free)

    def _free(self) -> None:
        self._wait(GRACE, self._gone)

    def _gone(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._seen = False
        self._settle()
