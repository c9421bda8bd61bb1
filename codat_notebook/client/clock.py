"""The server's time: its ``Date`` header plus monotonic time, in one object that everything else is given; its lag.

A header is cut to whole seconds and travels for a while, so each answer only says between which bounds the
server's clock stands; the bounds of several answers are intersected. A sandbox whose clock runs faster says
so in ``X-Sandbox-Speed``; with Codat itself the speed is 1. Time may stop: a laptop sleeps, and clocks jump. So a
:class:`Moment` is kept on every clock, and what has passed since is the largest that any of them allows.
:func:`header_time` reads every form of time that headers hold. :class:`HistoryLag` is how late the history shows it.
"""

import math
import re
import secrets
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final, NamedTuple

from codat_notebook.forking import Lock
from codat_notebook.models.instants import instant
from codat_notebook.models.shared import PullOperation

_NUMBER: Final = re.compile(r"[+-]?\d{1,15}(\.\d*)?")
_EPOCH_FROM: Final = 1_000_000_000.0  # 2001; nobody is asked to wait 30 years
#: Seconds; what is later is no lag but a time that cannot be right, or an operation that never appears.
_MOST_LAG: Final = 900.0
#: Years that a server's ``Date`` may be in, and the latest time that is told of it.
_FIRST_YEAR, _LAST_YEAR = 1990, 2999
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = (datetime(9000, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds()


def header_time(text: str | None, now: datetime) -> datetime | None:
    """Read a point in time from a header: seconds from now, epoch seconds (or ms), ISO 8601, or an HTTP date.

    Returns None for what is none of these.

    >>> header_time("90", datetime(2026, 1, 1, tzinfo=UTC)).isoformat()
    '2026-01-01T00:01:30+00:00'
    """
    text = (text or "").strip()
    if not _NUMBER.fullmatch(text):
        return instant(text) if text[:1].isdigit() else _http_date(text)
    number = float(text)
    try:
        if number < _EPOCH_FROM:
            return now + timedelta(seconds=max(number, 0.0))
        told = datetime.fromtimestamp(number / 1000 if number > 100 * _EPOCH_FROM else number, UTC)
    except (ValueError, OverflowError):
        return None
    return told if told.year < 9999 else None


@lru_cache(maxsize=8)
def _http_date(text: str) -> datetime | None:
    try:
        return instant(parsedate_to_datetime(text).isoformat())
    except (ValueError, TypeError, IndexError, OverflowError):
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


def epoch(text: str | None) -> float | None:
    """A time as Codat writes it, in epoch seconds; None for a missing or an impossible one."""
    moment = instant(text)
    return None if moment is None else moment.timestamp()


def reach(operations: Sequence[PullOperation], whole: bool) -> float:
    """How far back a page of the newest operations surely goes; 0 if it is the ``whole`` history."""
    if whole:
        return 0.0
    return (epoch(operations[-1].requested) if operations else None) or math.inf


class HistoryLag:
    """How late a server's history is: learned from what a look at it did not show, though it was there.

    Codat does not document when the history shows an operation. Whoever looks tells what was seen (:meth:`look`),
    whoever queues tells what must appear (:meth:`expect`). What is in doubt is settled no sooner than the history was
    seen to lag. All times are the server's epoch seconds.

    >>> lag = HistoryLag()
    >>> lag.expect(PullOperation(id="a", company_id="c", requested="2026-11-23T14:00:00Z"))
    >>> lag.look("c", [], 0.0, epoch("2026-11-23T14:00:40Z"))
    >>> lag.seconds
    40.0
    """

    def __init__(self) -> None:
        #: The longest that the history was seen not to show an operation.
        self.seconds = 0.0
        self._expected: dict[str, dict[str, PullOperation]] = {}

    def expect(self, operation: PullOperation) -> None:
        """An answer told of this operation, so the history must show it."""
        self._expected.setdefault(operation.company_id.lower(), {})[operation.id] = operation

    def look(self, company_id: str, operations: Sequence[PullOperation], reach: float, now: float) -> None:
        """A look at ``now`` that went back to ``reach`` showed these."""
        expected = self._expected.get(company_id.lower())
        if not expected:
            return
        for operation in operations:
            expected.pop(operation.id, None)
        for operation in tuple(expected.values()):
            if not self.missed(operation, reach, now):
                expected.pop(operation.id, None)
        if not expected:
            self._expected.pop(company_id.lower(), None)

    def missed(self, operation: PullOperation, reach: float, now: float) -> bool:
        """Whether a look that did not show an operation could have; its lag is noted."""
        requested = epoch(operation.requested)
        if requested is None or not (reach < requested and now - requested <= _MOST_LAG):
            return False
        self.seconds = max(self.seconds, now - requested)
        return True


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
        #: Server seconds per real second: 1, or what a sandbox said.
        self.speed = 1.0
        #: Whether the server's clock stood still at the latest answer: that of a paused sandbox, until it goes on.
        self.stands = False
        #: Whether the latest answer said that it is of a sandbox, which is believed of this machine only.
        self.sandboxed = False
        #: The server's epoch minus monotonic x speed lies between these.
        self._bounds: tuple[float, float] | None = None
        self.lag = HistoryLag()
        #: What tells it from all other clocks, also those of other processes.
        self.name = secrets.token_hex(8)

    @property
    def known(self) -> bool:
        """Whether an answer has told the server's time."""
        return self._bounds is not None

    def epoch(self) -> float:
        """The server's time in epoch seconds; the local time until an answer told it."""
        bounds = self._bounds
        if bounds is None:
            return self._wall()
        return (bounds[0] + bounds[1]) / 2 + self.monotonic() * self.speed

    def now(self) -> datetime:
        """The server's time as an aware UTC datetime."""
        return _possible(self.epoch())

    def at_least(self) -> datetime:
        """The earliest that the server's time can be: the heard ``Date`` plus the time since."""
        bounds = self._bounds
        epoch = self._wall() if bounds is None else bounds[0] + self.monotonic() * self.speed
        return _possible(epoch)

    def moment(self, server: datetime | None = None) -> Moment:
        """Now; or with ``server`` a moment of an earlier process, of which only the server's time was kept."""
        if server is not None:
            return Moment(self.monotonic(), self._wall(), server.timestamp())
        return Moment(self.monotonic(), self._wall(), self.at_least().timestamp() if self.known else None)

    def elapsed(self, since: Moment) -> float:
        """Server seconds since a moment: the most that any clock allows."""
        passed = max(self.monotonic() - since.steady, self._wall() - since.wall) * self.speed
        if since.server is not None and self._bounds is not None:
            passed = max(passed, self._bounds[1] + self.monotonic() * self.speed - since.server)
        return passed

    @property
    def rate(self) -> float:
        """How fast its hands go: the speed, or 0 while the server's clock stands."""
        return 0.0 if self.stands else self.speed

    def real(self, server_seconds: float) -> float:
        """How many real seconds pass while that many pass for the server."""
        return server_seconds / self.speed

    def observe(self, headers: Mapping[str, str], sent: float, received: float) -> None:
        """Learn from an answer's headers; ``sent`` and ``received`` are monotonic seconds."""
        moment = _http_date(headers.get("date", ""))
        if moment is None or not _FIRST_YEAR <= moment.year <= _LAST_YEAR:  # a clock that was never set tells nothing
            return
        date = moment.timestamp()
        told = headers.get("x-sandbox-speed")
        speed, self.stands, self.sandboxed = _speed(told), told == "0", "x-sandbox" in headers
        low, high = date - received * speed, date + 1.0 - sent * speed
        with self._lock:
            if self._bounds is not None and speed == self.speed:
                closer = max(low, self._bounds[0]), min(high, self._bounds[1])
                if closer[0] <= closer[1]:
                    low, high = closer
            self.speed = speed
            self._bounds = low, high


def _possible(seconds: float) -> datetime:
    """Epoch seconds as a time that leaves room to compute, however fast a sandbox's clock runs."""
    return _EPOCH + timedelta(seconds=min(max(seconds, 0.0), _LATEST))


def _speed(text: str | None) -> float:
    try:
        speed = float(text or 1.0)
    except ValueError:
        return 1.0
    return speed if 0.0 < speed < 1e9 else 1.0
