"""When to look again, and what changed since: pure functions, so that they can be tested on virtual time.

One request for the newest operations of a company shows all of them, so what is asked is companies, never single
operations. All durations are the server's seconds.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

#: A new operation is looked at after this many seconds, an old one never more seldom than ...
SOONEST, LATEST = 2.0, 30.0
#: Seconds without a new member after which the discovery of what ``data/all`` queued ends.
QUIET = 30.0
#: Seconds for which an operation of unknown queueing is looked for.
SETTLE = 120.0

_PAUSED = re.compile(r"paused until\s+(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?)", re.IGNORECASE)


def next_look(ages: Sequence[float], paused: Sequence[float] = ()) -> float:
    """Seconds until the next look, given for how long each running operation runs.

    A fifth of the youngest one's age, within bounds: an end is then seen at most a fifth of its duration late. Where
    all are paused, at the first one's end, though not later than ``LATEST`` x 2 from now.

    >>> next_look([5.0, 300.0]), next_look([60.0]), next_look([900.0]), next_look([], paused=[600.0])
    (2.0, 12.0, 30.0, 60.0)
    """
    if ages:
        return min(max(min(ages) / 5, SOONEST), LATEST)
    if paused:
        return min(max(min(paused), SOONEST), LATEST * 2)
    return SOONEST


def paused_until(description: str | None) -> datetime | None:
    """The time in Codat's ``Paused until <time>``, in UTC; ``None`` where the text says nothing of the kind.

    >>> paused_until("Paused until 2026-11-23 14:05")
    datetime.datetime(2026, 11, 23, 14, 5, tzinfo=datetime.timezone.utc)
    """
    found = _PAUSED.search(description or "")
    if found is None:
        return None
    try:
        return datetime.fromisoformat(found["time"].replace(" ", "T")).replace(tzinfo=UTC)
    except ValueError:
        return None  # an impossible time in a text for people: shown as it is, not used


def page_size(tracked: int) -> int:
    """How many of the newest operations to ask for, so that those tracked are most probably among them.

    >>> page_size(1), page_size(43), page_size(9_000)
    (100, 136, 5000)
    """
    return min(max(100, 2 * tracked + 50), 5000)
