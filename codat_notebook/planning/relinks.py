"""Which connections will need their customer, when, and why: the rows of ``session.relinks``. Pure.

A consent ends a documented time after it was given, used or not; an authorization that nobody uses ends after 60 to 100
days on some platforms (``models.platforms`` has both, with their sources). No call tells when a consent was given: it
is computed from when the connection was last linked, as far as that is known, and lies in a range where it is not. That
a customer who consents again before the end starts its time anew is inferred, too: nothing shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from codat_notebook.models.instants import instant
from codat_notebook.models.platforms import CONSENTS, UNUSED, Ending, platform_of
from codat_notebook.models.shared import Connection
from codat_notebook.models.vocabulary import plain_name
from codat_notebook.planning.timeline import LINKED, LOST, OVER, RELINKED, LinkEvent
from codat_notebook.runs.context import CompanyFacts

CONSENT, IDLE = "consent ends", "not used"
_STATES: Final = "docs/core-concepts/connections.md"
_LINK: Final = (
    "Read its link URL when you send it (session.link_url): it may work only once, and for a day. It is stored nowhere."
)
_ONCE: Final = "A link may work only once, and for a day: ask us for a new one if it does not."
_USE: Final = "Refresh one of its data types before then; after that only the customer can help."


class Expiry(NamedTuple):
    """An authorization ends within a range, for a reason."""

    why: str
    earliest: datetime
    latest: datetime
    sure: str
    source: str


def expiry(connection: Connection, events: Sequence[LinkEvent], now: datetime) -> Expiry | None:
    """When a connection needs its customer, at the earliest; ``None``: never, or it was never linked."""
    lost = events[-1] if events and events[-1].event == LOST else None
    if connection.status in OVER or (lost and connection.is_linked):  # refused, though it still reads Linked
        last = instant(connection.last_sync) or instant(connection.created) or now
        after, by = (lost.after, lost.by) if lost else (min(last, now), now)
        why = str(connection.status) if connection.status in OVER else "AuthError"
        return Expiry(why, after, by, "documented", _STATES)
    platform = platform_of(connection.integration_key, connection.platform_name)
    if not connection.is_linked or connection.source_type in ("BankFeed", "Expense") or (platform and platform.offline):
        return None
    created = instant(connection.created) or now
    linked = next((each for each in reversed(events) if each.event in (LINKED, RELINKED)), None)
    after, by = (linked.after, linked.by) if linked else (created, created)
    read = max(instant(connection.last_sync) or after, after)
    if connection.last_sync and linked and linked.event == LINKED:  # what was read then had been linked
        by = min(by, read)
    start, end = read + timedelta(days=UNUSED.least), max(read, by) + timedelta(days=UNUSED.most)
    idle = Expiry(IDLE, max(start, now), max(end, now), UNUSED.basis, UNUSED.source)
    consent = _consent(CONSENTS[platform.key], after, by, now) if platform and platform.key in CONSENTS else idle
    return min(consent, idle, key=lambda each: each.earliest)


def _consent(given: Ending, after: datetime, by: datetime, now: datetime) -> Expiry:
    """When a consent ends that was given between two times, or again since if it should have ended."""
    days = timedelta(days=given.most)
    if after + days > now:
        return Expiry(CONSENT, after + days, by + days, given.basis, given.source)
    return Expiry(CONSENT, now, max(by, now) + days, "inferred", given.source)


def relinks(
    companies: Iterable[CompanyFacts], events: Mapping[str, Sequence[LinkEvent]], within: timedelta, now: datetime
) -> list[dict[str, Any]]:
    """Rows (column -> value) of the connections that will need their customer within a time, the soonest first.
    ``events``: connection id -> its timeline, where one is known."""
    rows: list[dict[str, Any]] = []
    for facts in companies:
        ends = {id: expiry(each, events.get(id, ()), now) for id, each in facts.connections.items()}
        soon = {id: end for id, end in ends.items() if end is not None and end.earliest <= now + within}
        message = _message([(facts.platforms[id], end) for id, end in soon.items() if end.why != IDLE])
        rows += [_row(facts, facts.connections[id], end, message) for id, end in soon.items()]
    return sorted(rows, key=lambda row: (row["earliest"], row["company"]))


def _row(facts: CompanyFacts, connection: Connection, end: Expiry, message: str | None) -> dict[str, Any]:
    others = (facts.supported.get(each.id, frozenset()) for each in facts.linked if each.id != connection.id)
    missing = facts.supported.get(connection.id, frozenset()).difference(*others)
    platform = platform_of(connection.integration_key, connection.platform_name)
    action = _USE if end.why == IDLE else f"Ask the customer to link it again. {_LINK}"
    if platform and platform.withdrawn and end.why != IDLE:
        action = f"Codat has withdrawn {platform.name}: connect another source."
    return {
        "company": facts.name, "platform": connection.platform_name, **end._asdict(),
        "missing": ", ".join(map(plain_name, sorted(missing))), "action": action,
        "message": None if end.why == IDLE else message, "connection_id": connection.id, "company_id": facts.id,
    }  # fmt: skip


def _message(ends: Sequence[tuple[str, Expiry]]) -> str | None:
    """What to send to a customer, one message for all connections; the links are put in when it is sent."""
    if not ends:
        return None
    lines = []
    for platform, end in sorted(ends, key=lambda each: each[1].earliest):
        until = "soon" if end.sure == "inferred" else f"from {end.earliest.day} {end.earliest:%B %Y} on"
        when = (
            f"we can no longer read your data {until} unless you do"
            if end.why == CONSENT
            else "we cannot read your data now"
        )
        lines.append(f"- {platform}: {when}. [link]")
    return "\n".join(("Please open these links and allow access to your data again:", *lines, _ONCE))
