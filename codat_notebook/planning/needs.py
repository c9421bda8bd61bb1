"""A row for each company: who or what it needs, and what to do first. Pure.

The list of companies alone tells who needs the customer. Everything else is told by a company's cells; one whose cells
nobody has read, or could read, counts as not looked at, and never as fine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from codat_notebook.models.instants import instant
from codat_notebook.models.shared import Connection
from codat_notebook.models.status import plain_status, sign, tone
from codat_notebook.models.vocabulary import plain_name
from codat_notebook.planning.relinks import CONSENT, IDLE, expiry
from codat_notebook.planning.snapshots import CompanySnapshot
from codat_notebook.planning.timeline import timeline
from codat_notebook.runs.cells import Cell
from codat_notebook.words import and_more, count

CUSTOMER, REFRESH, RUNNING = "needs a customer", "needs a refresh", "running"
FINE, UNSEEN = "fine", "not looked at"
#: What needs most comes first.
_URGENCY: Final = (CUSTOMER, REFRESH, RUNNING, UNSEEN, FINE)
#: Connections that are named; the rest are counted.
_NAMED: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyRow:
    """A row of ``PortfolioStatus.companies``; ``late`` cells do not meet their goal, or failed last.

    What only a look can tell is ``None`` before there was one.
    """

    company: str
    state: str
    action: str
    ready: str | None
    connections: str
    last_sync: datetime | None
    oldest_type: str | None
    oldest: datetime | None
    age: timedelta | None
    fresh: float | None
    late: int | None
    running: int | None
    failure: str | None
    failed: datetime | None
    platforms: str
    tags: str
    link_url: str | None
    seen: datetime | None
    company_id: str

    @property
    def urgency(self) -> tuple[int, int, str]:
        """What it is sorted by."""
        return _URGENCY.index(self.state), -(self.late or 0), self.company.casefold()


def company_row(
    snapshot: CompanySnapshot, cells: Iterable[Cell], is_fresh: Callable[[Cell], bool | None], ready: str | None,
    now: datetime,
) -> CompanyRow:  # fmt: skip
    """What is known of a company in a row. ``cells`` are those that are meant; ``is_fresh``: whether one meets its goal
    (``None``: it has none); ``ready``: the verdict in words, where there is one."""
    meant, linked = list(cells), snapshot.linked
    judged = [fresh for cell in meant if (fresh := is_fresh(cell)) is not None]
    readable = [cell for cell in meant if cell.connection_id in linked]
    failing = [cell for cell in readable if cell.unhealthy]
    failing.sort(key=lambda cell: cell.last_requested or now, reverse=True)
    late = [*failing, *(cell for cell in readable if is_fresh(cell) is False and cell not in failing)]
    read = [(cell.last_success, cell.data_type) for cell in readable if cell.last_success is not None]
    oldest, oldest_type = min(read, default=(None, None))
    state, action, link = _state(snapshot, failing, late, now)
    connections = sorted(snapshot.connections.values(), key=lambda each: (each.is_linked, each.platform_name))
    tags = snapshot.facts.tags if snapshot.facts else {}
    return CompanyRow(
        company=snapshot.name, state=state, action=action, ready=ready,
        connections=" · ".join([*map(_worded, connections[:_NAMED]), *and_more(len(connections) - _NAMED)]),
        last_sync=max((time for each in connections if (time := instant(each.last_sync))), default=None),
        oldest_type=oldest_type, oldest=oldest, age=now - oldest if oldest else None,
        fresh=round(100 * sum(judged) / len(judged)) if judged else None,
        late=len({(cell.connection_id, cell.data_type) for cell in late}) if snapshot.seen else None,
        running=len(snapshot.running) if snapshot.seen or snapshot.running else None,
        failure=f"{plain_name(failing[0].data_type)}: {plain_status(failing[0].status or '')}" if failing else None,
        failed=failing[0].last_requested if failing else None,
        platforms=", ".join(sorted({each.platform_name for each in connections})),
        tags=", ".join(f"{name}={value}" for name, value in tags.items()), link_url=link, seen=snapshot.seen,
        company_id=snapshot.id,
    )  # fmt: skip


def _state(
    snapshot: CompanySnapshot, failing: list[Cell], late: list[Cell], now: datetime
) -> tuple[str, str, str | None]:
    """What a company needs, what to do first, and the link that the customer needs for it. ``late`` begins with what is
    ``failing``, newest first."""
    if ask := _to_link(snapshot, now):
        return CUSTOMER, *ask
    for cell in failing:
        if cell.advice is not None and cell.advice.who == "customer":
            connection = snapshot.connections[cell.connection_id]
            return CUSTOMER, cell.advice.action, connection.link_url or None if cell.advice.relink else None
    return *_ours(snapshot, failing, late), None


def _ours(snapshot: CompanySnapshot, failing: list[Cell], late: list[Cell]) -> tuple[str, str]:
    """The same of a company that does not need the customer."""
    if snapshot.running:
        return RUNNING, f"Wait: {count(len(snapshot.running), 'operation')} running"
    if snapshot.facts is not None and snapshot.facts.only_parent:
        return FINE, f"Nothing ({snapshot.facts.only_parent})"
    if snapshot.trouble is not None or snapshot.seen is None:
        return UNSEEN, f"Look again: {snapshot.trouble}" if snapshot.trouble else "Look at it"
    if not late:
        return FINE, "Nothing"
    helped = [cell for cell in late if cell not in failing or not cell.advice or cell.advice.retry in ("now", "later")]
    if not helped and (advice := failing[0].advice):
        return REFRESH, advice.action
    return REFRESH, f"Refresh {count(len({cell.data_type for cell in helped}), 'data type')}"


def _to_link(snapshot: CompanySnapshot, now: datetime) -> tuple[str, str | None] | None:
    """What to ask the customer for, and the link for it. What was never linked, or was unlinked on purpose, is missed
    only where nothing else is linked."""
    facts = snapshot.facts
    if facts is None or facts.only_parent:
        return None
    for each in facts.connections.values():
        if each.status not in ("PendingAuth", "Unlinked") and _is_lost(each, now):
            return f"Ask the customer to link {each.platform_name} again", each.link_url or None
    if facts.linked:
        return None
    again = next(iter(facts.connections.values()), None)
    what = f"{again.platform_name}{' again' if again.status == 'Unlinked' else ''}" if again else "a source"
    return f"Ask the customer to link {what}", again.link_url or None if again else None


def _is_lost(connection: Connection, now: datetime) -> bool:
    """Whether its authorization is over."""
    if connection.is_linked and not connection.data_connection_errors:
        return False
    end = expiry(connection, timeline(connection, ()), now)
    return end is not None and end.why not in (CONSENT, IDLE)


def _worded(connection: Connection) -> str:
    """A connection with the sign of its state, and in words where it is not linked."""
    said = "" if connection.is_linked else f" {plain_status(connection.status).lower()}"
    return f"{sign(tone(connection.status))} {connection.platform_name or 'Unknown platform'}{said}"
