"""What has changed since a day, of everything that was remembered: the rows of ``session.changes``. Pure.

A failure is a change where the read before it worked, and one refused for all of a connection is told once, as its
loss. What lies between two looks is told with both: ``after`` the one, ``by`` the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from codat_notebook.models.instants import instant
from codat_notebook.models.shared import Connection, PullOperation
from codat_notebook.models.status import is_problem, plain_status
from codat_notebook.models.vocabulary import plain_name
from codat_notebook.planning.timeline import LINKED, seen_at, timeline
from codat_notebook.runs.memory import GONE, Sighting, operation_of

#: What was read regularly is no longer read after so many of its usual pauses, and so long.
_PAUSES: Final = 3
_LEAST: Final = timedelta(days=3)
#: The kinds of rows that are looked at.
KINDS: Final = ("look", "connection", "operation", "product", "setting")


@dataclass(frozen=True, slots=True)
class Change:
    """A row of ``session.changes``."""

    company: str
    company_id: str
    connection_id: str | None
    platform: str | None
    data_type: str | None
    change: str
    after: datetime
    by: datetime
    what: str


def changes(sightings: Iterable[Sighting], names: Mapping[str, str], since: datetime, now: datetime) -> list[Change]:
    """What has changed since then, the newest first. ``names``: company id -> name, where it is known."""
    by_company: dict[str, dict[str, list[Sighting]]] = defaultdict(lambda: defaultdict(list))
    for row in sightings:
        by_company[row.company_id][row.kind].append(row)
    every_change = (
        change for id, kinds in by_company.items() for change in _of_company(id, names.get(id, id), kinds, now)
    )
    # A connection that was first seen since may have been linked long ago.
    new = [each for each in every_change if each.by >= since and (each.change != LINKED or each.after >= since)]
    return sorted(new, key=lambda each: each.by, reverse=True)


def _of_company(id: str, name: str, kinds: Mapping[str, Sequence[Sighting]], now: datetime) -> Iterator[Change]:
    looks = kinds.get("look", ())
    operations: dict[str, list[PullOperation]] = defaultdict(list)
    for row in kinds.get("operation", ()):
        operations[row.connection_id].append(operation_of(row))
    states: dict[str, list[Sighting]] = defaultdict(list)
    for row in kinds.get("connection", ()):
        states[row.connection_id].append(row)
    for connection_id, rows in states.items():
        told = next((row for row in reversed(rows) if row.status != GONE), rows[-1])
        connection = Connection(id=connection_id, platform_name=told.words or "", created=told.began or "")
        for event in timeline(connection, operations[connection_id], rows):
            yield Change(name, id, connection_id, event.platform, None, event.event, event.after, event.by, event.what)
        known = seen_at(looks[0].first) if looks else None
        lost = rows[-1].status != "Linked"
        yield from _of_cells((name, id), connection, operations[connection_id], known, None if lost else now)
    for row, before in _pairs(kinds.get("product", ())):
        if after := _since(row, before):
            word, does = ("product removed", "lost") if row.status == GONE else ("product added", "has")
            yield Change(
                name, id, None, None, None, word, after, seen_at(row.first), f"It {does} the product {row.data_type}."
            )
    for row, before in _pairs(kinds.get("setting", ())):
        if after := _since(row, before):
            old = f", before: {before.status}" if before is not None else ""
            what = f"{plain_name(row.data_type)}: {row.status}{old}."
            yield Change(name, id, None, None, row.data_type, "setting", after, seen_at(row.first), what)


def _pairs(rows: Sequence[Sighting]) -> Iterator[tuple[Sighting, Sighting | None]]:
    """Each state with the one before it of the same subject."""
    for before, row in zip((None, *rows), rows, strict=False):
        yield row, before if before is not None and before.data_type == row.data_type else None


def _since(row: Sighting, before: Sighting | None) -> datetime | None:
    """When it was last not so; ``None`` where it was so when the company was first seen."""
    last = before.last if before is not None else row.began
    return seen_at(last) if last else None


def _of_cells(
    company: tuple[str, str],
    connection: Connection,
    operations: Sequence[PullOperation],
    known: datetime | None,
    now: datetime | None,
) -> Iterator[Change]:
    """What has become of the data types of a connection. ``known``: since when it is looked at; ``now`` where it is
    linked."""
    cells: dict[str, list[PullOperation]] = defaultdict(list)
    for each in sorted(operations, key=lambda each: each.requested):
        cells[str(each.data_type)].append(each)
    newest = max((time for each in operations if (time := instant(each.requested))), default=None)
    for data_type, all_of_it in cells.items():
        ended = [each for each in all_of_it if each.told and (each.status == "Complete" or is_problem(each.status))]

        def change(word: str, at: datetime, what: str, data_type: str = data_type) -> Change:
            named = f"{plain_name(data_type)}: {what}"
            return Change(*company, connection.id, connection.platform_name, data_type, word, at, at, named)

        for before, each in pairwise(ended):
            good, at = each.status == "Complete", each.told
            if at and good != (before.status == "Complete") and "AuthError" not in (before.status, each.status):
                words = "read again" if good else plain_status(str(each.status))
                yield change("recovered" if good else "failed", at, f"{words}.")
        first = next((each.told for each in ended if each.status == "Complete"), None)
        requests = [time for each in all_of_it if (time := instant(each.requested))]
        if first and known and requests and requests[0] > known:
            yield change("began", first, "read for the first time.")
        pauses = [late - early for early, late in pairwise(requests)]
        if now and newest and len(pauses) >= 2:
            end = requests[-1] + max(_PAUSES * sorted(pauses)[len(pauses) // 2], _LEAST)
            if end < min(now, newest):
                yield change("ceased", end, f"last asked for at {requests[-1]:%Y-%m-%dT%H:%M:%SZ}, while others were.")
