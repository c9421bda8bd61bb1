"""A plan: cell by cell, what would be queued, and what not and why. Pure.

A row is one data type of one connection, so with two banks of which one is dead, the dead one is seen and skipped and
the other refreshed. Where there is no such cell (a company that nobody knows, a type that nothing of it has), one row
says so.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from codat_notebook.models.looks import looks
from codat_notebook.models.operations import can_be_queued
from codat_notebook.models.products import caution
from codat_notebook.models.status import is_failed
from codat_notebook.planning.selection import Selection, Target
from codat_notebook.planning.snapshots import CompanySnapshot, durations_of
from codat_notebook.planning.sync_settings import explained
from codat_notebook.runs.cells import OVERDUE, Cell
from codat_notebook.runs.durations import Durations

NEVER = "never read"
#: It may never end. ``overdue=True`` queues it anew; where Codat still holds it, it is attached to.
STUCK = f"in progress for more than {OVERDUE.days} days"
#: Somebody has taken it out of the plan.
LEFT_OUT = "left out"
#: What a cell says of itself that fails again and again: each in its own words, but all of them one reason to count.
_AGAIN = re.compile(r"failed \d+ times in a row, (this has never worked|not since \d+ \w+ \d+)")


@dataclass(slots=True)
class PlanRow:
    """A row of ``session.plan``."""

    company_id: str
    company: str
    connection_id: str | None
    data_type: str | None
    platform: str | None
    status: str | None
    age: timedelta | None
    action: str
    reason: str
    requests: float
    seconds: float | None
    seconds_late: float | None
    seen: datetime | None


def plan_rows(snapshots: Sequence[CompanySnapshot], selection: Selection) -> list[PlanRow]:
    """The plan for companies whose cells were read; see the module's docstring.

    A row that is queued takes a request to queue it, and a share of the looks at its company.
    """
    durations = durations_of(snapshots)
    companies = [_company(snapshot, selection, durations) for snapshot in snapshots]
    queued = [own for rows in companies if (own := [row for row in rows if row.action == "queue"])]
    for own in queued:
        looked = looks(len(queued), len(own), sum(row.seconds or 0.0 for row in own))
        for row in own:
            row.requests = 1 + looked / len(own)
    return [row for rows in companies for row in rows]


def _company(snapshot: CompanySnapshot, selection: Selection, durations: Durations) -> list[PlanRow]:
    cells = {(cell.connection_id, cell.data_type): cell for cell in snapshot.cells}
    targets = selection.of(snapshot.id.lower())
    pairs = dict.fromkeys(pair for target in targets for pair in _pairs(snapshot, selection, target, cells))
    return [_row(snapshot, selection, pair, cells, durations) for pair in pairs]


def _pairs(
    snapshot: CompanySnapshot, selection: Selection, target: Target, cells: Mapping[tuple[str, str], Cell]
) -> Iterable[tuple[str | None, str | None]]:
    """The connections and data types that one thing asked for stands for."""
    data_type, connection_id = target
    if snapshot.facts is None:
        return [(connection_id, data_type)]
    connections = snapshot.facts.connections
    named = list(connections) if connection_id is None else [connection_id]
    meant = [id for id in named if id not in connections or selection.takes(connections[id])]
    if not meant and selection.platforms is not None:
        return []
    if connection_id is not None and data_type is not None:
        return [(connection_id, data_type)]
    there = [key for key in cells if key[0] in meant and data_type in (None, key[1])]
    return there or [(connection_id, data_type)]


def _row(
    snapshot: CompanySnapshot, selection: Selection, pair: tuple[str | None, str | None],
    cells: Mapping[tuple[str, str], Cell], durations: Durations,
) -> PlanRow:  # fmt: skip
    connection_id, data_type = pair
    cell = cells.get((connection_id or "", data_type or ""))
    skip = _obstacle(snapshot, connection_id, cell, selection) or (_not_due(cell, selection) if cell else None)
    connection = snapshot.connections.get(connection_id or "")
    platform = connection.platform_name if connection else None
    usual = None if skip else durations.of(platform or "", data_type or "")
    return PlanRow(
        company_id=snapshot.id,
        company=snapshot.name,
        connection_id=connection_id,
        data_type=data_type,
        platform=platform,
        status=cell.status if cell else None,
        age=cell.age if cell else None,
        action="skip" if skip else "queue",
        reason=skip or _occasion(snapshot, cell, selection),
        requests=0.0,
        seconds=usual.median if usual else None,
        seconds_late=usual.late if usual else None,
        seen=snapshot.seen,
    )


def _obstacle(
    snapshot: CompanySnapshot, connection_id: str | None, cell: Cell | None, selection: Selection
) -> str | None:
    """Why the cell cannot be refreshed now, whatever is wanted."""
    if snapshot.trouble or snapshot.facts is None:
        return snapshot.trouble
    if not snapshot.facts.connections:
        return snapshot.facts.only_parent or "not linked"
    if told := caution(snapshot.facts.products):
        return told
    if connection_id is not None and connection_id not in snapshot.facts.connections:
        return "unknown connection"
    if cell is None or cell.status == "NotSupported":
        return "not supported"
    if not snapshot.facts.offers(cell.connection_id, cell.data_type):  # Codat would refuse it each time
        return "no longer offered"
    if not can_be_queued(cell.data_type):  # a word that no call can name: with a slash, but no custom data type
        return "no data type that can be queued"
    if cell.expected:
        return "expected to fail"
    if snapshot.facts.connections[cell.connection_id].status != "Linked":
        return "not linked"
    if (cell.connection_id, cell.data_type) not in snapshot.running or (cell.overdue and selection.overdue):
        return None
    return STUCK if cell.overdue else "queued, waiting for a machine" if cell.at_machine else "in progress"


def _not_due(cell: Cell, selection: Selection) -> str | None:
    """Why what is selected leaves the cell out. What failed waits as its diagnosis says, unless it is named."""
    if selection.older_than is not None and cell.age is not None and cell.age < selection.older_than:
        return "fresh"
    if selection.failed and not is_failed(cell.status or ""):
        return "did not fail"
    if selection.by_rule and cell.due is not None:
        return f"{cell.lasting}, too soon to retry" if cell.lasting else "failed, too soon to retry"
    return LEFT_OUT if (cell.company_id, cell.connection_id, cell.data_type) in selection.without else None


def _occasion(snapshot: CompanySnapshot, cell: Cell | None, selection: Selection) -> str:
    """Why it is refreshed, with what the company's settings do for the data type where they were read."""
    if cell is not None and is_failed(cell.status or ""):
        occasion = cell.lasting or "failed"
    elif cell is not None and cell.overdue:
        occasion = STUCK
    elif cell is None or cell.age is None:
        occasion = NEVER
    else:
        occasion = "old" if selection.older_than is not None else "asked for"
    if snapshot.settings is None or cell is None:
        return occasion
    told = explained(snapshot.settings, cell.data_type, occasion == NEVER)
    return told if told.startswith("never") else f"{occasion}; {told}"


def kind_of(reason: str) -> str:
    """A reason without what differs from cell to cell, to be counted."""
    return _AGAIN.sub("failed again and again", reason).partition(";")[0]


def totals(rows: Iterable[tuple[str, str]]) -> str:
    """How many of (action, reason) there are, in one line.

    >>> totals([("queue", "old"), ("queue", "failed"), ("skip", "fresh")])
    '2 to queue (1 old, 1 failed); 1 skipped (1 fresh)'
    """
    counted, parts = Counter((does, kind_of(why)) for does, why in rows).most_common(), []
    for action, words in (("queue", "to queue"), ("skip", "skipped")):
        reasons = [(number, reason) for (does, reason), number in counted if does == action]
        why = ", ".join(f"{number:,} {reason}" for number, reason in reasons)
        parts.append(f"{sum(number for number, _ in reasons):,} {words}" + (f" ({why})" if why else ""))
    return "; ".join(parts)
