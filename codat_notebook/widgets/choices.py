"""What the console offers to choose from, worked out of a company's facts and cells; pure functions.

A data type of several connections is as old as its oldest linked one: with two banks of which one is dead, the type
must not look fresh.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from codat_notebook.models.status import is_problem, is_running
from codat_notebook.runs.cells import Cell
from codat_notebook.runs.context import CompanyFacts
from codat_notebook.runs.queueing import expected
from codat_notebook.words import ago


def connection_records(facts: CompanyFacts) -> list[dict[str, Any]]:
    """The connections as plain values for the pickers, linked ones first."""
    ordered = sorted(facts.connections.values(), key=lambda c: (c.status != "Linked", c.platform_name))
    return [
        {
            "id": connection.id,
            "platform_name": connection.platform_name,
            "source_type": connection.source_type,
            "status": connection.status,
            "last_sync": connection.last_sync,
            "link_url": connection.link_url,
            "created": connection.created,
            "errors": [
                {"when": each.errored_on_utc, "what": each.status_text or each.status_code, "why": each.error_message}
                for each in connection.data_connection_errors or ()
                if each.status != "Resolved" and each.resolved_on_utc is None
            ],
        }
        for connection in ordered
    ]


def readable_types(facts: CompanyFacts, connection_id: str | None = None) -> list[str]:
    """The data types that can be refreshed: those that the chosen connection, or any linked one, supports."""
    chosen = [connection.id for connection in facts.linked if connection_id in (None, connection.id)]
    return sorted(set().union(*(facts.supported[id] for id in chosen)))


def all_by_connection(
    facts: CompanyFacts, first_link: frozenset[str], names: Mapping[str, str]
) -> list[dict[str, Any]]:
    """What *Refresh all* queues: each linked connection, by its name on screen, with its data types."""
    by_connection: dict[str, list[str]] = {}
    for row in expected(facts, first_link):
        by_connection.setdefault(row.connection_id or "", []).append(row.data_type)
    return [{"platform": names.get(id, id), "types": types} for id, types in by_connection.items()]


def in_progress(
    facts: CompanyFacts, cells: Iterable[Cell], connection_id: str | None = None, running: Iterable[str] = ()
) -> list[str]:
    """The data types that are on their way already on the chosen connection, or on any linked one."""
    linked = {connection.id for connection in facts.linked if connection_id in (None, connection.id)}
    under_way = {c.data_type for c in cells if c.connection_id in linked and _runs(c)}
    return sorted(under_way | set(running))


def data_type_statuses(
    facts: CompanyFacts, cells: Iterable[Cell], connection_id: str | None = None, running: Iterable[str] = ()
) -> Mapping[str, dict[str, Any]]:
    """Data type -> its state over the chosen connection, or over all linked ones.

    ``running`` names data types that are being refreshed now, whatever the cells say.
    """
    linked = {connection.id for connection in facts.linked if connection_id in (None, connection.id)}
    by_type: dict[str, list[Cell]] = {}
    for cell in cells:
        if cell.connection_id in linked:
            by_type.setdefault(cell.data_type, []).append(cell)
    now_running = set(running)
    return {name: _status(group, name in now_running) for name, group in by_type.items()}


def _runs(cell: Cell) -> bool:
    return bool(cell.status) and is_running(cell.status or "", cell.completed)


def _status(cells: list[Cell], running: bool) -> dict[str, Any]:
    successes = [cell.last_success for cell in cells]
    oldest = None if None in successes else min(time for time in successes if time is not None)
    problem = next((cell for cell in cells if is_problem(cell.status or "")), cells[0])
    shown = next((cell for cell in cells if _runs(cell)), problem)
    several = ", ".join(f"{cell.platform} {ago(cell.age.total_seconds()) if cell.age else 'never'}" for cell in cells)
    return {
        "current_status": "Queued" if running else shown.status or "",
        "completed": None if running else shown.completed,
        "last_success": oldest.isoformat() if oldest else None,
        "note": several if len(cells) > 1 else None,
        "connections": len(cells),
    }
