"""Numbers, ages and times in words; ``widgets/static/kit.js`` says the same in the browser.

The parts of the console send seconds and ISO times, and the browser turns them into words that go on ticking. What is
shown without a browser's help (a report, a part's text form) is worded here. A browser test holds the two together.
"""

import math
import re
from datetime import UTC, datetime, timedelta

from codat_notebook.models.instants import instant

_UNITS = ((172_800, "d", 86_400), (3_600, "h", 3_600), (60, "min", 60))
#: A time in a text of ours, as :func:`iso` writes it. The browser shows it in the reader's zone, as hours and minutes.
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


def number(value: int) -> str:
    """A number with its thousands marked.

    >>> number(10140)
    '10,140'
    """
    return f"{value:,}"


def count(value: int, word: str, plural: str = "") -> str:
    """A number and its word; ``plural`` where neither an s nor ies for y will do.

    >>> count(1, "operation"), count(1284, "operation"), count(2, "company")
    ('1 operation', '1,284 operations', '2 companies')
    """
    usual = f"{word[:-1]}ies" if re.search("[^aeiou]y$", word) else f"{word}s"
    return f"{number(value)} {word if value == 1 else plural or usual}"


def and_more(more: int, word: str = "") -> list[str]:
    """The last line of a list, for what it leaves out; none where it is whole.

    >>> and_more(1284), and_more(1, "older operation"), and_more(0)
    (['and 1,284 more'], ['and 1 older operation'], [])
    """
    return [f"and {count(more, word) if word else f'{number(more)} more'}"] if more > 0 else []


def duration(seconds: float) -> str:
    """A length of time in two units at most, to the nearest second; of what lasts from one time to another it is given
    what :func:`whole_seconds` says, so that the same length is told everywhere.

    >>> duration(41), duration(80), duration(36060), duration(90000), duration(5360913), duration(31 * 86400)
    ('41 s', '1 min 20 s', '10 h 1 min', '25 h', '62 d 1 h', '31 d')
    """
    total = max(0, math.floor(seconds + 0.5))  # as JavaScript rounds
    minutes, hours, days = total // 60, total // 3600, total // 86400
    if total < 60:
        return f"{total} s"
    if minutes < 60:
        return f"{minutes} min {total % 60} s" if total % 60 and minutes < 10 else f"{minutes} min"
    if hours < 24:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    if hours < 48:
        return f"{hours} h"
    return f"{days} d {hours % 24} h" if hours % 24 else f"{days} d"


def between(low: float, high: float) -> str:
    """A length of time that is not known exactly; from a minute on in whole minutes, from ten hours on in whole hours.

    >>> between(361, 830), between(24.6, 95), between(600, 605), between(9 * 3600, 50 * 3600)
    ('6 to 14 min', '25 s to 2 min', 'about 10 min', '9 h to 2 d 2 h')
    """
    first, last = (duration(size * round(each / size)) for each in (low, high) for size in [_grain(each)])
    if first == last:
        return f"about {first}"
    (number, _, unit), tail = first.partition(" "), last.split(" ")
    return f"{number} to {last}" if tail[1:] == [unit] else f"{first} to {last}"


def _grain(seconds: float) -> int:
    return 1 if seconds < 60 else 60 if seconds < 36_000 else 3600


def ago(seconds: float) -> str:
    """An age in one unit.

    >>> ago(20), ago(330), ago(7700), ago(8 * 86400 + 5)
    ('just now', '5 min ago', '2 h ago', '8 d ago')
    """
    if seconds < 60:
        return "just now"
    return next(f"{int(seconds // size)} {unit} ago" for least, unit, size in _UNITS if seconds >= least)


def iso(text: str | None, *, exact: bool = False) -> str | None:
    """A time as every browser reads it: UTC, a Z; whole seconds, or ``exact`` to the millisecond, for durations.

    >>> iso("2026-11-23T13:58:07.5"), iso("2026-11-23T13:58:07.5", exact=True), iso("soon")
    ('2026-11-23T13:58:07Z', '2026-11-23T13:58:07.500Z', None)
    """
    time = instant(text)
    timespec = "milliseconds" if exact and time and time.microsecond else "seconds"
    return time.replace(tzinfo=None).isoformat(timespec=timespec) + "Z" if time else None


def whole_seconds(start: datetime, end: datetime) -> int:
    """How long something lasted, from the second of its start to that of its end, as both are shown; never below 0.

    Some know times to the millisecond, others to the microsecond: counted so, all tell the same length.

    >>> whole_seconds(datetime(2026, 11, 23, 14, 5, 7, 900_000), datetime(2026, 11, 23, 14, 7, 1, 100_000))
    114
    """
    return max(0, int((end.replace(microsecond=0) - start.replace(microsecond=0)).total_seconds()))


def seconds_between(earlier: str | None, later: str | None) -> int | None:
    """Whole seconds from one time to another, never below 0; None if one cannot be read."""
    start, end = instant(earlier), instant(later)
    return whole_seconds(start, end) if start and end else None


def utc(text: str, now: str | None = None) -> str:
    """A text of ours with its times made readable where there is no browser to know the reader's zone.

    A time of another day than ``now`` comes with its day; without ``now`` none does.

    >>> utc("Paused until 2026-11-23T14:05:00Z"), utc("Retries at 2026-11-24T08:00:00Z", "2026-11-23T18:40:00Z")
    ('Paused until 14:05 UTC', 'Retries at 24 Nov, 08:00 UTC')
    """
    return TIME.sub(lambda match: f"{clock_time(match[0], now)} UTC", text)


def clock_time(time: str, now: str | None) -> str:
    """Hours and minutes of a UTC time, with its day where that is another one than that of ``now``."""
    at, today = instant(time), instant(now)
    if at is None or today is None or at.astimezone(UTC).date() == today.astimezone(UTC).date():
        return time[11:16]
    return f"{at.day} {at:%b}, {time[11:16]}"


def short_id(text: str) -> str:
    """The first eight characters of an id.

    >>> short_id("c8d3af58-7011-47ce-b3f2-89faf300ef6d")
    'c8d3af58…'
    """
    return text if len(text) <= 9 else f"{text[:8]}…"


def rhythm_text(every: timedelta) -> str:
    """A rhythm in words.

    >>> rhythm_text(timedelta(days=7)), rhythm_text(timedelta(days=1)), rhythm_text(timedelta(hours=36))
    ('every 7 days', 'every day', 'every 36 hours')
    """
    for size, word in ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute")):
        if every % size == timedelta(0):
            number = every // size
            return f"every {word}" if number == 1 else f"every {number} {word}s"
    return f"every {every.total_seconds():g} seconds"
