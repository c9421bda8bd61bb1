"""The server's time: its ``Date`` header plus monotonic time, in one object that everything else is given.

A header is cut to whole seconds and travels for a while, so each answer only says between which bounds the
server's clock stands; the bounds of several answers are intersected. A sandbox whose clock runs faster says
so in ``X-Sandbox-Speed``; with Codat itself the speed is 1. Time may stop: a laptop sleeps, and clocks jump. So a
:class:`Moment` is kept on every clock, and what has passed since is the largest that any of them allows.
:func:`header_time` reads every form of time that headers hold.
"""

import re
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final, NamedTuple

from codat_notebook.client.lag import HistoryLag
from codat_notebook.forking import Lock
from codat_notebook.models.instants import instant

_NUMBER: Final = re.compile(r"[+-]?\d{1,15}(\.\d*)?")
_EPOCH_FROM: Final = 1_000_000_000.0  # 2001; nobody is asked to wait 30 years


def header_time(text: str | None, now: datetime) -> datetime | None:
    """Read a point in time from a header: seconds from now, epoch seconds (or ms), ISO 8601, or an HTTP date.

    Returns None for what is none of these.

    >>> header_time("90", datetime(2026, 1, 1, tzinfo=UTC)).isoformat()
    '2026-01-01T00:01:30+00:00'
    """
    text = (text or "").strip()
    try:
        if _NUMBER.fullmatch(text):
            return _from_number(float(text), now)
        if text[:1].isdigit():
            return instant(text)
        return _aware(parsedate_to_datetime(text)) if text else None
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _from_number(number: float, now: datetime) -> datetime:
    if number < _EPOCH_FROM:
        return now + timedelta(seconds=max(number, 0.0))
    return datetime.fromtimestamp(number / 1000 if number > 100 * _EPOCH_FROM else number, UTC)


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@lru_cache(maxsize=8)
def http_date(text: str) -> float | None:
    """The epoch seconds of a ``Date`` header, None if it is none."""
    try:
        return _aware(parsedate_to_datetime(text)).timestamp()
    except (ValueError, TypeError, IndexError):
        return None


def steady() -> float:
    """Seconds that never run backwards, and that go on while the machine sleeps where the system can tell.

    ``time.monotonic`` stands still then, on Linux and on macOS.
    """
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":
        return time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.monotonic()


class Moment(NamedTuple):
    """A point in time on each clock: steady seconds, the local clock, and the server's epoch at the least, if known."""

    steady: float
    wall: float
    server: float | None


class ServerClock:
    """What time it is for the server, and how late its history is.

    Args:
        monotonic: seconds that never run backwards; replaced in tests.
        wall: the local clock (epoch seconds), used until the first answer.
    """

    def __init__(self, monotonic: Callable[[], float] = steady, wall: Callable[[], float] = time.time) -> None:
        self.monotonic = monotonic
        self._wall = wall
        self._lock = Lock()
        self._speed = 1.0
        #: Whether the server's clock stood still at the latest answer: that of a paused sandbox, until it goes on.
        self.stands = False
        #: The server's epoch minus monotonic x speed lies between these.
        self._bounds: tuple[float, float] | None = None
        self.lag = HistoryLag()

    @property
    def speed(self) -> float:
        """Server seconds per real second: 1, or what a sandbox said."""
        return self._speed

    @property
    def known(self) -> bool:
        """Whether an answer has told the server's time."""
        return self._bounds is not None

    @property
    def offset(self) -> timedelta | None:
        """By how much the server's clock is ahead of the local one, None until an answer told it."""
        return timedelta(seconds=self.epoch() - self._wall()) if self.known else None

    def epoch(self) -> float:
        """The server's time in epoch seconds; the local time until an answer told it."""
        bounds = self._bounds
        if bounds is None:
            return self._wall()
        return (bounds[0] + bounds[1]) / 2 + self.monotonic() * self._speed

    def now(self) -> datetime:
        """The server's time as an aware UTC datetime."""
        return datetime.fromtimestamp(self.epoch(), UTC)

    def at_least(self) -> datetime:
        """The earliest that the server's time can be: the heard ``Date`` plus the time since."""
        bounds = self._bounds
        epoch = self._wall() if bounds is None else bounds[0] + self.monotonic() * self._speed
        return datetime.fromtimestamp(epoch, UTC)

    def moment(self, server: datetime | None = None) -> Moment:
        """Now; or with ``server`` a moment of an earlier process, of which only the server's time was kept."""
        if server is not None:
            return Moment(self.monotonic(), self._wall(), server.timestamp())
        return Moment(self.monotonic(), self._wall(), self.at_least().timestamp() if self.known else None)

    def elapsed(self, since: Moment) -> float:
        """Server seconds since a moment: the most that any clock allows."""
        passed = max(self.monotonic() - since.steady, self._wall() - since.wall) * self._speed
        if since.server is not None and self._bounds is not None:
            passed = max(passed, self._bounds[1] + self.monotonic() * self._speed - since.server)
        return passed

    def real(self, server_seconds: float) -> float:
        """How many real seconds pass while that many pass for the server."""
        return server_seconds / self._speed

    def observe(self, headers: Mapping[str, str], sent: float, received: float) -> None:
        """Learn from an answer's headers; ``sent`` and ``received`` are monotonic seconds."""
        date = http_date(headers.get("date", ""))
        if date is None:
            return
        told = headers.get("x-sandbox-speed")
        speed, self.stands = _speed(told), told == "0"
        low, high = date - received * speed, date + 1.0 - sent * speed
        with self._lock:
            if self._bounds is not None and speed == self._speed:
                closer = max(low, self._bounds[0]), min(high, self._bounds[1])
                if closer[0] <= closer[1]:
                    low, high = closer
            self._speed, self._bounds = speed, (low, high)


def _speed(text: str | None) -> float:
    try:
        speed = float(text or 1.0)
    except ValueError:
        return 1.0
    return speed if 0.0 < speed < 1e9 else 1.0
