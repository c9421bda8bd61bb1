"""Companies made by hand, for what is pure: their connections, cells, and the readings that hold them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from codat_notebook.models.shared import Connection
from codat_notebook.planning.snapshots import CellHistory, CompanySnapshot
from codat_notebook.runs.cells import Cell
from codat_notebook.runs.context import CompanyFacts
from tests.advised import advice

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
#: A cell as (connection, data type, days since the last success or None, status).
Given = tuple[str, str, float | None, str | None]


def cell(company: str, connection: str, data_type: str, days: float | None, status: str | None) -> Cell:
    """A cell that was last read some days ago; ``None`` for never."""
    success = None if days is None else NOW - timedelta(days=days)
    linked = Connection(status="Linked", integration_key=connection[:4], platform_name=connection.title())
    return Cell(
        company_id=company, connection_id=connection, data_type=data_type, platform=connection.title(), status=status,
        last_success=success, last_requested=success, age=None if success is None else NOW - success, message=None,
        operation_id=None, source="history", advice=advice(status, data_type, linked),
    )  # fmt: skip


def snapshot(
    *cells: Given, company: str = "c1", running: tuple[tuple[str, str], ...] = (), **states: str
) -> CompanySnapshot:
    """A company whose connections are those of its cells; ``states`` are connections that are not linked."""
    ids = dict.fromkeys([connection for connection, *_ in cells] + list(states))
    connections = {
        id: Connection(
            id=id, integration_key=id[:4], platform_name=id.title(), status=states.get(id, "Linked"),
            created="2025-11-23", link_url=f"https://link/{id}",
        )
        for id in ids
    }  # fmt: skip
    supported = {id: frozenset(t for connection, t, *_ in cells if connection == id) for id in ids}
    facts = CompanyFacts(company, company.upper(), connections, supported)
    made = tuple(cell(company, *given) for given in cells)
    return CompanySnapshot(company, company.upper(), facts, made, frozenset(running))


def timed(seconds: dict[tuple[str, str], list[float]], company: str = "c2") -> CompanySnapshot:
    """A company whose cells, by connection and data type, are fresh and took so many seconds each time."""
    made = snapshot(*((*key, 1, "Complete") for key in seconds), company=company)
    histories = {key: CellHistory(ended=len(taken), seconds=taken) for key, taken in seconds.items()}
    return replace(made, histories=histories)
