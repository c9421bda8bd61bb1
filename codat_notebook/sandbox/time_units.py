"""Instants as whole numbers: 100-nanosecond ticks since 1970, the seven digits that Codat writes.

Everything in the sandbox computes with these integers, so that two worlds with the same seed agree to the last
digit. Text is made and read at the edge only.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final

SECOND: Final = 10_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: Final = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_SPAN: Final = re.compile(r"(?:\d+(?:\.\d+)?[smhdw]\s*)+")
_INSTANT: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,7})\d*)?)?)?(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE
)


def from_datetime(moment: datetime) -> int:
    """An aware datetime in ticks."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds * 10


def to_datetime(ticks: int) -> datetime:
    """Ticks as an aware datetime (the seventh digit is lost)."""
    return _EPOCH + timedelta(microseconds=ticks // 10)


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


def parse(text: str) -> int | None:
    """Ticks of an ISO 8601 time or date (no zone means UTC), or None if it is none."""
    match = _INSTANT.fullmatch(text.strip())
    if match is None:
        return None
    date, hour, minute, second, fraction, zone = match.groups()
    try:
        time = f"{hour or '00'}:{minute or '00'}:{second or '00'}"
        moment = datetime.fromisoformat(f"{date}T{time}{(zone or 'Z').upper()}")
    except ValueError:
        return None
    return from_datetime(moment) + int((fraction or "0").ljust(7, "0"))


def span(duration: str | float | timedelta) -> int:
    """A length of time in ticks: ``"3h"``, ``"1d 12h"``, seconds, or a timedelta.

    >>> span("90s") == span(90) == span(timedelta(minutes=1.5))
    True
    """
    if isinstance(duration, timedelta):
        return duration // timedelta(microseconds=1) * 10
    if isinstance(duration, str):
        if not _SPAN.fullmatch(duration.strip()):
            raise ValueError(f"not a length of time: {duration!r}; write for example '90s', '3h' or '1d 12h'")
        parts = re.findall(r"(\d+(?:\.\d+)?)([smhdw])", duration)
        return sum(round(float(number) * _UNITS[unit]) for number, unit in parts)
    return round(duration * SECOND)
