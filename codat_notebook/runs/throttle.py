"""How often what changes all the time is told or drawn: at once, then at most so many times a second.

A portfolio changes thousands of times a minute; who draws it wants to know that it changed, not how often. What costs
much to draw is drawn less often: a tenth of the time may go into it. What an observer raises goes to the event loop's
exception handler, never into what changes.
"""

import asyncio
import math
from collections.abc import Callable

#: Real seconds between two tellings at the least.
EVERY = 0.2
#: So many times what a drawing costs lies between two of them.
SHARE = 10

Observer = Callable[[], object]


def pace(cost: float, least: float, most: float = math.inf) -> float:
    """Seconds between two drawings that cost so many seconds each.

    >>> pace(0.01, 0.5), pace(2, 0.5), pace(2, 0.5, 3)
    (0.5, 20, 3)
    """
    return max(least, min(SHARE * cost, most))


class Throttle:
    """Rings at once, then at most every ``every`` seconds. To be used on the thread of ``loop``."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *observers: Observer, every: float = EVERY) -> None:
        self.observers = list(observers)
        self.every = every
        self.loop = loop
        self._last = float("-inf")
        self._pending: asyncio.TimerHandle | None = None

    def ring(self) -> None:
        """Something has changed: the observers are told now or soon."""
        if self._pending is None:
            delay = max(self._last + self.every - self.loop.time(), 0.0)
            self._pending = self.loop.call_later(delay, self.ring_now)

    def ring_now(self) -> None:
        """Tell the observers at once: something ended, or a click is answered."""
        self.stop()
        self._last = self.loop.time()
        for observer in tuple(self.observers):
            try:
                observer()
            except Exception as error:  # noqa: BLE001 - told to the loop's handler; the run goes on
                self.loop.call_exception_handler({"message": "An observer of a run failed", "exception": error})

    def stop(self) -> None:
        """Tell nobody of what has changed so far."""
        if self._pending is not None:
            self._pending.cancel()
        self._pending = None
