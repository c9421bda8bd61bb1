"""How fresh each cell is: from its connection's history, from the data status where that does not reach."""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from codat_notebook.models.shared import Connection, DataStatus, PullOperation
from codat_notebook.runs.cells import Cell, CompanyStatus, all_succeeded, make_cells, reaches_back
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


#: A company with one connection, whose platform lists one data type.
SOLE = CompanyFacts("c", "Toft", {"plaid": BANKS["plaid"]}, {"plaid": frozenset({"banking-accounts"})})


def sole(status: DataStatus, *operations: PullOperation, whole: bool = True) -> Cell:
    """The one cell of a company that the data status speaks of."""
    (made,) = make_cells(SOLE, {status.data_type: status}, operations, whole, NOW)
    return made


def told(success: str | None, status: str = "Complete", data_type: str = "banking-accounts") -> DataStatus:
    """A data status with the time of the last success."""
    return DataStatus(data_type=data_type, current_status=status, last_successful_sync=success, latest_sync_id="new")


def test_a_success_without_its_end_was_read_when_it_was_requested() -> None:
    """``completed`` is optional; what is Complete was read all the same."""
    done = replace(operation("plaid", 20), completed=None)
    assert cells([done])["plaid"].age == timedelta(days=3)


def test_what_only_the_data_status_knows_is_shown() -> None:
    """Where the history is empty, where it ends earlier, and where nothing but a failure is told."""
    kept = sole(told("2026-11-13T12:00:00Z"))
    assert (kept.age, kept.status, kept.source) == (timedelta(days=10), "Complete", "dataStatus")
    newer = sole(told("2026-11-21T12:00:00Z"), operation("plaid", 20, "FetchError"), operation("plaid", 2))
    assert (newer.age, newer.status, newer.operation_id) == (timedelta(days=2), "Complete", "new")
    older = sole(told("2026-11-10T12:00:00Z"), operation("plaid", 20, "FetchError"))
    assert (older.age, older.status, older.source) == (timedelta(days=13), "FetchError", "dataStatus")
    failed = sole(told(None, "FetchError"))
    assert (failed.age, failed.status) == (None, "FetchError")
    assert sole(told(None, "FetchError"), operation("plaid", 20)).status == "Complete"


def test_a_data_status_of_a_sync_that_the_history_shows_says_nothing_more() -> None:
    """By its time, a little apart, or by its id; and one that is older than the history changes nothing."""
    seen = sole(told("2026-11-20T12:01:00Z"), operation("plaid", 20))
    assert (seen.source, seen.age) == ("history", timedelta(days=3))
    by_id = replace(told("2026-11-20T18:00:00Z"), latest_successful_sync_id="plaid20")
    assert sole(by_id, operation("plaid", 20)).source == "history"
    assert sole(told("2026-11-19T12:00:00Z"), operation("plaid", 20)).source == "history"


def test_of_two_connections_the_other_ones_sync_makes_none_fresh() -> None:
    """The data status is the live bank's, however far back the dead one's history reaches."""
    found = cells([operation("plaid", 23), operation("truelayer", 22, "AuthError")], False, "2026-11-23T12:00:00Z")
    assert found["truelayer"].last_success is None


def test_a_type_that_only_the_data_status_names_has_a_cell() -> None:
    """With one connection it can be of no other; which one it is of several, nothing tells."""
    statuses = {"banking-transactions": told("2026-11-13T12:00:00Z", data_type="banking-transactions")}
    assert "banking-transactions" in {each.data_type for each in make_cells(SOLE, statuses, [], True, NOW)}
    assert "banking-transactions" not in {each.data_type for each in make_cells(FACTS, statuses, [], True, NOW)}


def test_a_history_that_begins_late_is_not_all_that_there_was() -> None:
    """It reaches back to where a connection began, or there may be more to know."""
    linked = replace(BANKS["plaid"], created="2026-11-01T12:00:00Z", last_sync="2026-11-20T12:00:00Z")
    facts = CompanyFacts("c", "Toft", {"plaid": linked}, SOLE.supported)
    assert reaches_back(facts, [operation("plaid", 20), operation("plaid", 2)])
    assert not reaches_back(facts, [operation("plaid", 20)])
    assert not reaches_back(facts, [])


def test_a_history_with_a_success_of_each_cell_needs_no_data_status() -> None:
    """Not one in which a cell only failed, never ran, or does not say when it did."""
    both = [operation("plaid", 23), operation("truelayer", 20)]
    assert all_succeeded(FACTS, [operation("plaid", 23, "AuthError"), *both])
    assert not all_succeeded(FACTS, both[:1])
    assert not all_succeeded(FACTS, [both[0], operation("truelayer", 20, "FetchError")])
    assert not all_succeeded(FACTS, [both[0], replace(both[1], requested="", completed=None)])
    assert not all_succeeded(FACTS, [*both, replace(operation("plaid", 2, "FetchError"), data_type="custom/loans")])


def test_failures_in_a_row_are_counted_and_waited_for_longer() -> None:
    """Until the newest success; from the third on the wait doubles, to a fortnight at most."""
    failing = [operation("plaid", day, "FetchError") for day in (23, 22, 21, 20, 19, 18)]
    cell = cells([*failing, operation("plaid", 17), operation("plaid", 16, "FetchError")])["plaid"]
    assert (cell.failures, cell.lasting) == (6, "failed 6 times in a row, not since 17 November 2026")
    assert cell.due == NOW + timedelta(days=8)
    assert cells(failing)["plaid"].lasting == "failed 6 times in a row, this has never worked"
    assert cells(failing[:2])["plaid"].lasting is None
    assert cells(failing * 10)["plaid"].due == NOW + timedelta(days=14)


def test_what_runs_for_more_than_a_week_is_overdue() -> None:
    """Not sooner, and not once it has ended."""
    running = {day: replace(operation("plaid", day, "Mapping"), completed=None) for day in (15, 17)}
    assert [cells([running[day]])["plaid"].overdue for day in (15, 17)] == [True, False]
    assert not cells([operation("plaid", 1, "FetchError")])["plaid"].overdue
