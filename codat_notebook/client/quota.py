"""How much may still be asked: what the rate-limit headers say, and an optional pace that keeps below the limits.

Headers are kept as they came and read when somebody looks, so they cost nothing per request. :class:`Pacing` is shared
by threads and tasks: it hands out the moments at which requests may start, and the places per company.
"""

from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from datetime import datetime
from typing import Final

import msgspec

from codat_notebook import forking
from codat_notebook.client.clock import ServerClock, header_time

_PREFIX: Final = "x-rate-limit-"
_MINUTE: Final = 60.0


class Quota(msgspec.Struct, frozen=True, gc=False):
    """The daily quota as last told: requests in all, requests left, when it starts anew, when this was told (UTC)."""

    limit: int | None
    remaining: int | None
    resets_at: datetime | None
    observed_at: datetime


class QuotaGauge:
    """Remembers the rate-limit headers of the latest answer that had any."""

    def __init__(self, clock: ServerClock) -> None:
        self._clock = clock
        self._latest: tuple[Mapping[str, str], datetime] | None = None

    def observe(self, headers: Mapping[str, str]) -> None:
        """Keep an answer's headers if they say anything about the quota."""
        if _PREFIX + "remaining" in headers or _PREFIX + "limit" in headers:
            self._latest = headers, self._clock.now()

    def read(self) -> Quota | None:
        """The quota, None until an answer told it."""
        if self._latest is None:
            return None
        headers, seen = self._latest
        return Quota(
            limit=_number(headers.get(_PREFIX + "limit")),
            remaining=_number(headers.get(_PREFIX + "remaining")),
            resets_at=header_time(headers.get(_PREFIX + "reset"), seen),
            observed_at=seen,
        )


def _number(text: str | None) -> int | None:
    try:
        return int(float(text)) if text else None
    except (ValueError, OverflowError):
        return None


class Pacing:
    """At most ``per_minute`` requests in any minute, and ``per_company`` at a time for each company.

    Give one object to several clients to have them share the pace. None stands for no limit. A forked process keeps
    a pace of its own: it remembers what was sent before the fork, and the places that its parent holds are free in it.

    Args:
        per_minute: Codat takes 1,000 requests a minute from one address.
        per_company: Codat takes 10 requests at a time for each company.
    """

    def __init__(self, per_minute: int | None = 1000, per_company: int | None = 10) -> None:
        for name, limit in (("per_minute", per_minute), ("per_company", per_company)):
            if limit is not None and limit < 1:
                raise ValueError(f"{name} is {limit}; it must be at least 1, or None for no limit")
        self.per_minute = per_minute
        self.per_company = per_company
        self._lock = forking.Lock()
        self._starts: deque[float] = deque(maxlen=per_minute or 1)
        self._inside: dict[str, int] = {}
        self._queues: dict[str, deque[Future[None]]] = {}
        forking.remember(self)

    def _after_fork(self) -> None:
        """In a forked child: whoever has a place or waits for one is a thread of the parent."""
        self._inside = {}
        self._queues = {}

    def reserve(self, now: float, minute: float = _MINUTE) -> float:
        """Book the next start, and return how many real seconds from ``now`` it is.

        ``minute`` is the length of the server's minute in real seconds.
        """
        if self.per_minute is None:
            return 0.0
        with self._lock:
            full = len(self._starts) == self.per_minute
            start = max(now, self._starts[0] + minute) if full else now
            self._starts.append(start)
        return start - now

    def room(self, now: float, minute: float, most: int) -> float:
        """How many real seconds from ``now`` until a request keeps to ``most`` a minute; books nothing.

        For those who can wait with what they would send: a tenth of it in a tenth of the minute, so that requests are
        spread out and what becomes urgent does not wait for a whole minute.
        """
        with self._lock:
            return max((self._rest(n, now, span) for n, span in ((most, minute), (most // 10, minute / 10))), default=0)

    def _rest(self, most: int, now: float, span: float) -> float:
        """Until fewer than ``most`` starts lie in the last ``span`` seconds."""
        if most < 1 or len(self._starts) < most:
            return 0.0
        return max(self._starts[-most] + span - now, 0.0)

    def enter(self, company: str) -> "Future[None] | None":
        """Take a place for ``company``: None if there is one, else a future that is done when one is free."""
        with self._lock:
            inside = self._inside.get(company, 0)
            if self.per_company is None or inside < self.per_company:
                self._inside[company] = inside + 1
                return None
            place: Future[None] = Future()
            self._queues.setdefault(company, deque()).append(place)
            return place

    def leave(self, company: str) -> None:
        """Give the place back, to whoever waits longest."""
        with self._lock:
            queue = self._queues.get(company, deque())
            while queue:
                # A waiter that gave up has cancelled its future; its place goes to the next.
                if (place := queue.popleft()).set_running_or_notify_cancel():
                    place.set_result(None)
                    return
            self._queues.pop(company, None)
            left = self._inside.get(company, 1) - 1
            if left:
                self._inside[company] = left
            else:
                self._inside.pop(company, None)
