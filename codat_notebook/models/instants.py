"""Codat's times as instants: ISO 8601 with 0 to 7 fractional digits, ``Z``, an offset, no zone, or a bare date.

Objects keep times as text, because the published material holds impossible ones; whoever needs to compute asks here.
Frames parse whole columns by themselves, to the same result.
"""

from datetime import UTC, datetime


def instant(text: str | None) -> datetime | None:
    """A time as Codat writes it, in UTC; ``None`` for a missing or an impossible one. Without a zone it is UTC.

    >>> instant("2026-11-23T13:58:07.1234567Z").isoformat()
    '2026-11-23T13:58:07.123456+00:00'
    >>> instant("2026-11-23").isoformat(), instant("2026-11-23T23:59:99Z"), instant(None)
    ('2026-11-23T00:00:00+00:00', None, None)
    """
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
