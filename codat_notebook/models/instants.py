"""Codat's times as instants: ISO 8601 with 0 to 7 fractional digits, ``Z``, an offset, no zone, or a bare date.

Objects keep times as text, because the published material holds impossible ones; whoever needs to compute asks here.
Frames parse whole columns by themselves, to the same result.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

#: Days of a month, on average.
MONTH: Final = 365.25 / 12
_UNIT: Final = re.compile("(?<![A-Za-z])[dwHS](?![A-Za-z])")


def instant(text: str | None) -> datetime | None:
    """A time as Codat writes it, in UTC; ``None`` for a missing or an impossible one. Without a zone it is UTC. Years
    1 and 9999 stand for none (programs write their first and last possible time), and leave no room to compute.

    >>> instant("2026-11-23T13:58:07.1234567Z").isoformat()
    '2026-11-23T13:58:07.123456+00:00'
    >>> instant("2026-11-23").isoformat(), instant("2026-11-23T23:59:99Z"), instant(None)
    ('2026-11-23T00:00:00+00:00', None, None)
    """
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
        utc = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    return utc if 1 < utc.year < 9999 else None


def interval(value: Any, what: str = "an interval", least: timedelta = timedelta.resolution) -> timedelta:
    """A length of time in words, such as ``"7D"`` or ``"36h"``, or a ``timedelta``: what users give, read in one place.

    Raises ``ValueError``, which begins with ``what``, for what is none (a number without a unit is none), or is shorter
    than ``least``.

    >>> interval("36h") == interval("1d 12h") == interval(timedelta(hours=36))
    True
    """
    import pandas as pd

    given = value
    if isinstance(value, str) and not value.startswith("P"):  # P1D: ISO 8601; else pandas warns of some units' case
        given = _UNIT.sub(lambda match: match[0].swapcase(), value)
    readable = isinstance(value, timedelta) or (isinstance(value, str) and re.search("[A-Za-z:]", value))
    try:
        length = pd.Timedelta(given) if readable else pd.NaT
    except (ValueError, OverflowError):
        length = pd.NaT
    if isinstance(length, pd.Timedelta) and (exact := length.to_pytimedelta()) >= least:
        return exact
    raise ValueError(f'{what} is a positive time such as "7D" or "36h", not {value!r}.')
