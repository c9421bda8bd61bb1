"""The sandbox's clock: real time, faster, paused, or moved by hand.

A world asks it for the time and never waits: an operation's whole life is drawn when it is queued and read off
this clock. Tests that want no real time at all pause it and :meth:`Clock.advance`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from codat_notebook.forking import Lock
from codat_notebook.sandbox.time_units import SECOND, from_datetime, span, to_datetime

_FASTEST: Final = 10_000_000  # a year in about three seconds
_END: Final = from_datetime(datetime(9000, 1, 1, tzinfo=UTC))


class Clock:
    """Virtual time.

    Args:
        start: the first instant (aware); the real present by default.
        speed: virtual seconds in a real one; 1 is real time, 60 is a minute a second, 0 stands still.
        monotonic: where real time comes from, in seconds.

    >>> clock = Clock(datetime(2026, 11, 23, 14, tzinfo=UTC), speed=0)
    >>> clock.advance("3h")
    >>> clock.now().isoformat()
    '2026-11-23T17:00:00+00:00'
    """

    def __init__(
        self,
        start: datetime | None = None,
        *,
        speed: float = 1,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        _check(speed)
        self._monotonic = monotonic
        self._lock = Lock()
        self._base = from_datetime(start or datetime.now(UTC))
        self._anchor = monotonic()
        self._speed = speed
        self._paused = False

    def __repr__(self) -> str:
        how = "paused" if self._paused else f"speed={self._speed:g}"
        return f"<Clock {self.now():%Y-%m-%d %H:%M:%S} UTC, {how}>"

    def ticks(self) -> int:
        """Now, in ticks (see :mod:`codat_notebook.sandbox.time_units`)."""
        with self._lock:
            return self._read()

    def now(self) -> datetime:
        """Now, as an aware UTC datetime."""
        return to_datetime(self.ticks())

    def _read(self) -> int:
        if self._paused:
            return self._base
        return self._base + int((self._monotonic() - self._anchor) * self._speed * SECOND)

    def _settle(self) -> None:
        self._base = self._read()
        self._anchor = self._monotonic()

    @property
    def speed(self) -> float:
        """Virtual seconds in a real second (0 while paused)."""
        return 0 if self._paused else self._speed

    @speed.setter
    def speed(self, value: float) -> None:
        _check(value)
        with self._lock:
            self._settle()
            self._speed = value

    def advance(self, duration: str | float | timedelta) -> None:
        """Jump ahead by ``"3h"``, a number of seconds or a timedelta."""
        step = span(duration)
        if step < 0:
            raise ValueError("time does not run backwards: advance by 0 or more")
        with self._lock:
            self._settle()
            if self._base + step > _END:
                raise ValueError("the clock ends in the year 9000")
            self._base += step

    def pause(self) -> None:
        """Stand still until :meth:`resume`; :meth:`advance` still moves it."""
        with self._lock:
            self._settle()
            self._paused = True

    def resume(self) -> None:
        """Run again at the speed it had."""
        with self._lock:
            self._paused = False
            self._anchor = self._monotonic()


def _check(speed: float) -> None:
    if not 0 <= speed <= _FASTEST:
        raise ValueError(f"time does not run backwards, nor without limit: speed must be 0 to {_FASTEST:,}")
