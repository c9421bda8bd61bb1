"""The sandbox's time: instants as whole numbers, and the clock that gives them.

An instant is a count of 100-nanosecond ticks since 1970, the seven digits that Codat writes. Everything in the sandbox
computes with these integers, so that two worlds with the same seed agree to the last digit; text is made and read at
the edge only.
"""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final

from codat_notebook.forking import Lock
from codat_notebook.models.instants import instant, interval

SECOND: Final = 10_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SEVENTH: Final = re.compile(r"\.\d{6}(\d)")


def from_datetime(moment: datetime) -> int:
    """An aware datetime in ticks."""
    return (moment - _EPOCH) // _MICROSECOND * 10


def to_text(ticks: int) -> str:
    """Ticks as Codat writes a time.

    >>> to_text(17_000_000_001_234_567)
    '2023-11-14T22:13:20.1234567Z'
    """
    seconds, fraction = divmod(ticks, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{fraction:07d}Z"


def to_http_date(ticks: int) -> str:
    """Ticks as the HTTP ``Date`` header writes them."""
    return format_datetime(datetime.fromtimestamp(ticks // SECOND, UTC), usegmt=True)


def written(moment: int, now: int, form: str) -> str:
    """An instant in one of the forms that headers may have."""
    if form == "seconds":
        return str(max(-(-(moment - now) // SECOND), 0))
    if form == "epoch":
        return str(-(-moment // SECOND))
    return to_http_date(moment + SECOND - 1) if form == "http" else to_text(moment)


def parse_time(text: str) -> int | None:
    """Ticks of an ISO 8601 time or date (no zone means UTC), or None if it is none."""
    moment, seventh = instant(text.strip().upper()), _SEVENTH.search(text)
    return None if moment is None else from_datetime(moment) + (int(seventh[1]) if seventh else 0)


def span(duration: str | float | timedelta) -> int:
    """A length of time in ticks: ``"3h"``, ``"1d 12h"``, seconds, or a timedelta.

    >>> span("90s") == span(90) == span(timedelta(minutes=1.5))
    True
    """
    if isinstance(duration, str):
        duration = interval(duration, "a length of time", least=timedelta(0))
    return duration // _MICROSECOND * 10 if isinstance(duration, timedelta) else round(duration * SECOND)


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
        self, start: datetime | None = None, *, speed: float = 1, monotonic: Callable[[], float] = time.monotonic
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
        """Now, in ticks (see :mod:`codat_notebook.sandbox.virtual_time`)."""
        with self._lock:
            return self._read()

    def now(self) -> datetime:
        """Now, as an aware UTC datetime (the seventh digit is lost)."""
        return _EPOCH + timedelta(microseconds=self.ticks() // 10)

    def _read(self) -> int:
        return self._base + int((self._monotonic() - self._anchor) * self.speed * SECOND)

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
