"""Telling those who watch a run that something has changed, at most a few times a second.

A portfolio changes thousands of times a minute; who draws it wants to know that it changed, not how often. What an
observer raises goes to the event loop's exception handler, never into the run.
"""

import asyncio
from collections.abc import Callable

#: Real seconds between two tellings at the least.
EVERY = 0.2

Observer = Callable[[], object]


class Throttle:
    """Rings at once, then at most every :data:`EVERY` seconds. To be used on the thread of ``loop``."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.observers: list[Observer] = []
        self._loop = loop
        self._last = float("-inf")
        self._pending: asyncio.TimerHandle | None = None

    def ring(self) -> None:
        """Something has changed: the observers are told now or soon."""
        if self._pending is None:
            delay = max(self._last + EVERY - self._loop.time(), 0.0)
            self._pending = self._loop.call_later(delay, self.ring_now)

    def ring_now(self) -> None:
        """Tell the observers at once: something ended."""
        if self._pending is not None:
            self._pending.cancel()
        self._pending, self._last = None, self._loop.time()
        for observer in tuple(self.observers):
            try:
                observer()
            except Exception as error:  # noqa: BLE001 - told to the loop's handler; the run goes on
                self._loop.call_exception_handler({"message": "An observer of a run failed", "exception": error})
