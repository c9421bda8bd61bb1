"""What has become of connections: told by pull histories, by what was remembered, by errors that Codat dates. Pure.

:func:`timeline` is the one place that says when a connection was linked, lost and linked again. Codat dates an error of
the connection; each other time lies between two things that were seen: the last read that worked and the first that was
refused, or the last look at which it was linked and the first at which it was not. So an event has two ends, ``after``
and ``by``, which are the same where the time is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from codat_notebook.models.instants import instant
from codat_notebook.models.shared import Connection, PullOperation
from codat_notebook.runs.memory import GONE, Sighting

LINKED, LOST, RELINKED, REMOVED = "linked", "lost", "relinked", "removed"
#: Statuses of a connection whose authorization is over.
OVER = ("Deauthorized", "Unlinked")
#: A connection whose first known read is so soon after its creation has no earlier one.
_SOON = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class LinkEvent:
    """Something happened to a connection, after one time and by another: a row of ``session.connection_history``."""

    connection_id: str
    platform: str
    event: str
    after: datetime
    by: datetime
    source: str
    how: str = ""

    @property
    def what(self) -> str:
        """It in a sentence."""
        when = _time(self.by) if self.after == self.by else f"between {_time(self.after)} and {_time(self.by)}"
        return f"{self.event.capitalize()} {when}{self.how and f' ({self.how})'}."


@dataclass(frozen=True, slots=True, order=True)
class _Evidence:
    """Some time from ``start`` to ``end`` the authorization held, or did not."""

    start: datetime
    end: datetime
    holds: bool
    source: str
    how: str = ""
    exact: bool = False


def timeline(
    connection: Connection, operations: Iterable[PullOperation], states: Sequence[Sighting] = ()
) -> list[LinkEvent]:
    """When a connection was linked, lost and linked again, in this order, from its operations and remembered states.

    A read that was refused counts as lost whatever the status says: AuthError may come while that is still Linked.
    """
    reads = list(_reads(operations))
    refused = [each for each in reads if not each.holds]
    seen = [*reads, *_errors(connection), *_states(states, reads)]
    # What worked while something else was refused may have been asked for before: it says nothing.
    seen = sorted(e for e in seen if not (e.holds and any(e.start < r.end and r.start < e.end for r in refused)))
    events: list[LinkEvent] = []
    before: _Evidence | None = None
    for each in seen:
        if before is None or each.holds != before.holds:
            event = LOST if not each.holds else RELINKED if events else LINKED
            after = each.start if each.exact else before.start if before else instant(connection.created) or each.end
            events.append(_event(connection, event, min(after, each.end), each.end, each.source, each.how))
        before = each
    for last, new in pairwise(states):
        if new.status == GONE:
            events.append(_event(connection, REMOVED, seen_at(last.last), seen_at(new.first), "memory"))
    return events


def story(
    connection: Connection, operations: Sequence[PullOperation], states: Sequence[Sighting], links: Sequence[Sighting]
) -> list[LinkEvent]:
    """The timeline, with the first and the last read that worked and the links that were handed out, oldest first."""
    events = timeline(connection, operations, states)
    good = sorted(each.told for each in operations if each.status == "Complete" and each.told)
    if good:
        began = min(time for each in operations if (time := instant(each.requested)))
        created = instant(connection.created)
        first = "first sync" if created and began - created <= _SOON else "first known sync"
        events += [
            _event(connection, word, at, at, "pull history")
            for word, at in ((first, good[0]), ("last good sync", good[-1]))
        ]
    for link in links:
        at = seen_at(link.first)
        events.append(_event(connection, f"link {link.status}", at, at, "memory"))
    return sorted(events, key=lambda each: (each.by, each.after))


def _event(connection: Connection, event: str, after: datetime, by: datetime, source: str, how: str = "") -> LinkEvent:
    return LinkEvent(connection.id, connection.platform_name, event, after, by, source, how)


def _reads(operations: Iterable[PullOperation]) -> Iterator[_Evidence]:
    """Reads that worked, or were refused. Whether one that failed otherwise was let in cannot be told."""
    for each in operations:
        start, end = instant(each.requested), each.told
        if start and end and each.status in ("Complete", "AuthError"):
            good = each.status == "Complete"
            yield _Evidence(start, max(start, end), good, "pull history", "" if good else "AuthError")


def _errors(connection: Connection) -> Iterator[_Evidence]:
    """Codat dates an error 401 of a connection, and its end."""
    for error in connection.data_connection_errors or ():
        if error.status_code == "401":
            for time, holds in ((error.errored_on_utc, False), (error.resolved_on_utc, True)):
                if (at := instant(time)) is not None:
                    yield _Evidence(at, at, holds, "connection error", "" if holds else "error 401", True)


def _states(states: Sequence[Sighting], reads: Sequence[_Evidence]) -> Iterator[_Evidence]:
    """What the connection's status told at the looks at which it was first and last seen so. Linked says little after a
    read was refused, unless it was lost in between."""
    for before, state in zip((None, *states), states, strict=False):
        for at in dict.fromkeys((seen_at(state.first), seen_at(state.last))):
            if state.status in OVER:
                yield _Evidence(at, at, False, "memory", str(state.status))
            elif state.status == "Linked":
                known = [each for each in reads if each.end <= at]
                refused = max((each.end for each in known if not each.holds), default=None)
                again = before is not None and before.status in OVER and seen_at(before.last) >= (refused or at)
                if refused is None or again or any(each.holds and each.start >= refused for each in known):
                    yield _Evidence(at, at, True, "memory")


def seen_at(text: str) -> datetime:
    """A time of seeing, as a memory writes it."""
    return datetime.fromisoformat(text)


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
