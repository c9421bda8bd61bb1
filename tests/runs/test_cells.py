"""How fresh each cell is: from its connection's history, from the data status where that does not reach."""

from datetime import UTC, datetime, timedelta

from codat_notebook.models.shared import Connection, DataStatus, PullOperation
from codat_notebook.runs.cells import Cell, CompanyStatus, make_cells
from codat_notebook.runs.context import CompanyFacts

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BANKS = {id: Connection(id=id, platform_name=id.title(), status="Linked") for id in ("plaid", "truelayer")}
FACTS = CompanyFacts("c", "Toft", BANKS, {id: frozenset({"banking-accounts"}) for id in BANKS})


def operation(connection_id: str, day: int, status: str = "Complete") -> PullOperation:
    """An operation of November."""
    time = f"2026-11-{day:02d}T12:00:00Z"
    return PullOperation(
        id=f"{connection_id}{day}", connection_id=connection_id, data_type="banking-accounts", status=status,
        requested=time, completed=time,
    )  # fmt: skip


def cells(operations: list[PullOperation], whole: bool = True, synced: str | None = None) -> dict[str, Cell]:
    """Connection -> its cell."""
    status = DataStatus(data_type="banking-accounts", current_status="Complete", last_successful_sync=synced)
    made = make_cells(FACTS, {"banking-accounts": status} if synced else {}, operations, whole, NOW)
    return {cell.connection_id: cell for cell in made}


def test_each_connection_has_its_own_freshness() -> None:
    """With two banks, one dead, the dead one's cell is old although the type reads fresh."""
    found = cells([operation("plaid", 23), operation("truelayer", 20, "AuthError"), operation("truelayer", 2)])
    assert found["plaid"].age == timedelta(0)
    assert found["truelayer"].age == timedelta(days=21)
    assert found["truelayer"].status == "AuthError"


def test_a_cell_that_never_ran_is_there() -> None:
    """What a connection supports but never synced is a row without a status and without an age."""
    found = cells([operation("plaid", 23)])
    assert (found["truelayer"].status, found["truelayer"].age) == (None, None)


def test_the_data_status_stands_in_where_the_history_does_not_reach() -> None:
    """Then the cell says so, because the data status does not tell connections apart."""
    found = cells([operation("plaid", 23)], whole=False, synced="2026-11-13T12:00:00Z")
    assert (found["plaid"].source, found["truelayer"].source) == ("history", "dataStatus")
    assert found["truelayer"].age == timedelta(days=10)


def test_a_whole_history_needs_no_data_status() -> None:
    """Where all operations were read, a cell without a success has none, whatever the type's status says."""
    found = cells([operation("plaid", 23)], whole=True, synced="2026-11-23T12:00:00Z")
    assert found["truelayer"].last_success is None


def test_an_operation_of_a_connection_that_is_gone_keeps_its_cell() -> None:
    """History outlives connections."""
    found = cells([operation("sold", 22)])
    assert (found["sold"].platform, found["sold"].age) == ("", timedelta(days=1))


def test_what_was_seen_since_moves_the_cells_and_the_total() -> None:
    """What has ended never runs again, whatever a late answer says; what says nothing new changes nothing."""
    done, runs = operation("plaid", 20), operation("truelayer", 22, "Mapping")
    status = CompanyStatus(FACTS, [runs, done], [], total=40, whole=True)
    assert status.with_operations([done, runs], NOW) is status
    assert status.with_operations([operation("plaid", 20, "Fetching")], NOW) is status
    after = status.with_operations([operation("truelayer", 22), operation("plaid", 23)], NOW)
    assert [(each.connection_id, each.status) for each in after.operations] == [
        ("plaid", "Complete"), ("truelayer", "Complete"), ("plaid", "Complete"),
    ]  # fmt: skip
    assert after.total == 41
    assert {cell.connection_id: cell.age for cell in after.cells}["plaid"] == timedelta(0)
