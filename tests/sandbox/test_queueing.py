"""Queueing: what is queued where, what is refused, and what the settings change."""

from collections.abc import Callable

import pytest

from codat_notebook.sandbox.virtual_time import DAY, HOUR

from . import contract
from .asking import START, Api, read


def test_a_type_in_progress_is_refused_by_name(api: Api) -> None:
    """400 (or 409 by setting) with the exception's name, the type, the company and the running operation."""
    first = read(api.post(f"/companies/{api.toft}/data/queue/bills"))
    for status in (400, 409):
        api.faults.in_progress_status = status
        answer = api.post(f"/companies/{api.toft}/data/queue/bills")
        contract.check_error(answer, status)
        assert read(answer)["error"] == (
            f"DatasetAlreadyInProgressException: Cannot queue bills sync for {api.toft} "
            f"as previous sync {first['id']} is still in progress"
        )
    api.clock.advance("1h")
    assert api.post(f"/companies/{api.toft}/data/queue/bills").status == 200


def test_without_a_connection_all_banks_are_read(api: Api) -> None:
    """Two banks, two operations, one of them answered; by setting only one bank."""
    pandle = api.company("Pandle & Sons")
    op = read(api.post(f"/companies/{pandle}/data/queue/banking-accounts"))
    assert len(api.world.accepted[0].operations) == 2
    assert op["id"] in api.world.accepted[0].operations
    connections = {api.world.operation(pandle, i)["connectionId"] for i in api.world.accepted[0].operations}
    assert len(connections) == 2
    api.faults.queue_everywhere = False
    api.post(f"/companies/{pandle}/data/queue/banking-transactions")
    assert len(api.world.accepted[1].operations) == 1


def test_a_named_connection_is_the_only_one(api: Api) -> None:
    """connectionId limits the operation to that connection, and its progress to itself."""
    pandle = api.company("Pandle & Sons")
    banks = api.get(f"/companies/{pandle}/connections?query=sourceType=Banking")["results"]
    for bank in banks:
        op = read(api.post(f"/companies/{pandle}/data/queue/banking-accounts?connectionId={bank['id']}"))
        assert op["connectionId"] == bank["id"]
    assert api.post(f"/companies/{pandle}/data/queue/banking-accounts?connectionId={banks[0]['id']}").status == 400


@pytest.mark.parametrize("in_progress", ["skip", "refuse"])
def test_everything_with_some_in_progress(api: Api, in_progress: str) -> None:
    """data/all leaves out what is in progress, or is refused, as the settings say."""
    running = read(api.post(f"/companies/{api.toft}/data/queue/bills"))["id"]
    api.faults.all_in_progress = in_progress
    answer = api.post(f"/companies/{api.toft}/data/all")
    if in_progress == "refuse":
        contract.check_error(answer, 400)
        assert running in read(answer)["error"]
    else:
        new = [api.world.operation(api.toft, op)["dataType"] for op in api.world.accepted[-1].operations]
        assert "bills" not in new
        assert len(new) > 10


def test_a_type_that_no_platform_has(api: Api) -> None:
    """404 naming the platforms; by setting an operation that ends NotSupported."""
    answer = api.post(f"/companies/{api.toft}/data/queue/journals")
    contract.check_error(answer, 404)
    assert read(answer)["error"] == ("Datatype journals not supported by platform(s) Oracle NetSuite, Plaid, Shopify")
    api.faults.unsupported = "operation"
    op = read(api.post(f"/companies/{api.toft}/data/queue/journals"))
    api.clock.advance("1h")
    ended = api.world.operation(api.toft, op["id"])
    assert (ended["status"], ended["isErrored"], ended["isCompleted"]) == ("NotSupported", False, False)


def test_platforms_that_promise_too_much(api: Api) -> None:
    """A type that the integration lists may end NotSupported; Xero's bankTransactions always end in FetchError."""
    company = api.company("Technicalium")
    pandle = api.company("Pandle & Sons")
    for company_id, data_type, ending in (
        (company, "bankTransactions", "FetchError"), (pandle, "banking-transactionCategories", "NotSupported")
    ):  # fmt: skip
        for _ in range(3):
            op = read(api.post(f"/companies/{company_id}/data/queue/{data_type}"))
            api.clock.advance("1h")
            assert api.world.operation(company_id, op["id"])["status"] == ending
    past = api.get(f"/companies/{company}/data/history?query=dataType=bankTransactions&pageSize=5000")["results"]
    assert {op["status"] for op in past} == {"FetchError"}


@pytest.mark.parametrize("wrong", ["%2e%2e", "-", "a%20b", "a%2Fb", "1x", "x" * 200, "%00", "a--b"])
def test_types_of_a_wrong_form(api: Api, wrong: str) -> None:
    """400 for what cannot be a data type."""
    contract.check_error(api.post(f"/companies/{api.toft}/data/queue/{wrong}"), 400)


def test_a_type_that_codat_added_yesterday(api: Api) -> None:
    """A new type is listed, queued and shown like any other."""
    api.faults.new_data_types["fixedAssets"] = {"akxx"}
    features = api.get("/integrations/akxx")["datatypeFeatures"]
    assert "fixedAssets" in {feature["dataType"] for feature in features}
    assert read(api.post(f"/companies/{api.toft}/data/queue/fixedAssets"))["dataType"] == "fixedAssets"
    api.clock.advance("1h")
    assert api.get(f"/companies/{api.toft}/dataStatus")["fixedAssets"]["latestSyncId"]


def test_companies_that_cannot_be_read(api: Api) -> None:
    """No connection or only pending ones: 400; only a deauthorized one: an operation that ends in AuthError."""
    contract.check_error(api.post(f"/companies/{api.company('Technicalium Group')}/data/all"), 400)
    contract.check_error(api.post(f"/companies/{api.company('Technicalium Group')}/data/queue/bills"), 400)
    saltmarsh = api.company("Saltmarsh Roasters")
    pending = api.get(f"/companies/{saltmarsh}/connections?query=status=PendingAuth")["results"][0]["id"]
    contract.check_error(api.post(f"/companies/{saltmarsh}/data/queue/commerce-orders?connectionId={pending}"), 400)
    harbour = api.company("Harbour & Finch Ltd")
    op = read(api.post(f"/companies/{harbour}/data/queue/bills"))
    api.clock.advance("1h")
    assert api.world.operation(harbour, op["id"])["status"] == "AuthError"


def test_wrong_connections(api: Api) -> None:
    """A connection that is no UUID is 400, an unknown one or another company's 404."""
    path = f"/companies/{api.toft}/data/queue/bills?connectionId="
    contract.check_error(api.post(path + "7"), 400)
    contract.check_error(api.post(path), 400)
    contract.check_error(api.post(path + api.toft), 404)
    other = api.get(f"/companies/{api.company('Technicalium')}/connections")["results"][0]["id"]
    contract.check_error(api.post(path + other), 404)
    assert not api.world.accepted


@pytest.mark.parametrize("shown", ["omit", "bare", "null"])
def test_types_never_synced(api: Api, shown: str) -> None:
    """They are left out of dataStatus, bare or null, as the settings say."""
    api.faults.never_synced = shown
    statuses = api.get(f"/companies/{api.toft}/dataStatus")
    expected = {"bare": {"dataType": "journalEntries"}, "null": None, "omit": "absent"}[shown]
    assert statuses.get("journalEntries", "absent") == expected


def test_history_may_lag(api: Api) -> None:
    """With a lag a new operation is in no list and cannot be read, until it is."""
    api.faults.history_lag = 5
    op = read(api.post(f"/companies/{api.toft}/data/queue/bills"))
    newest = f"/companies/{api.toft}/data/history?orderBy=-requested&pageSize=1"
    before = api.get(newest)
    assert before["results"][0]["id"] != op["id"]
    contract.check_error(api.ask(f"GET /companies/{api.toft}/data/history/{op['id']}"), 404)
    api.clock.advance("5s")
    after = api.get(newest)
    assert after["results"][0]["id"] == op["id"]
    assert after["totalResults"] == before["totalResults"] + 1


def test_platforms_under_maintenance(api: Api) -> None:
    """While a platform is down its reads end in FetchError; others do not."""
    api.faults.maintenance.add("akxx")
    ids = [read(api.post(f"/companies/{api.toft}/data/queue/{t}"))["id"] for t in ("bills", "banking-accounts")]
    api.clock.advance("1h")
    assert [api.world.operation(api.toft, i)["status"] == "FetchError" for i in ids] == [True, False]


def test_offline_machines_keep_operations_queued(api: Api) -> None:
    """An on-premise connector that is off leaves operations queued for minutes."""
    northwind = api.company("Northwind Traders GmbH")
    connection = api.get(f"/companies/{northwind}/connections")["results"][0]["id"]
    api.faults.offline.add(connection)
    op = read(api.post(f"/companies/{northwind}/data/queue/bills"))
    api.clock.advance("2m")
    assert api.world.operation(northwind, op["id"])["status"] == "Queued"


def test_endings_can_be_ordered(api: Api) -> None:
    """end_next decides the ending and the length of coming operations, known words or not."""
    api.faults.end_next("QuotaError", seconds=0.5, data_type="bills")
    api.faults.end_next("Waiting", data_type="invoices")
    ops = [read(api.post(f"/companies/{api.toft}/data/queue/{t}"))["id"] for t in ("invoices", "bills")]
    api.clock.advance(0.5)
    ended = api.world.operation(api.toft, ops[1])
    assert (ended["status"], ended["isErrored"]) == ("QuotaError", True)
    api.clock.advance("90s")
    waits = api.world.operation(api.toft, ops[0])
    assert waits["statusDescription"] == "Waiting for asynchronous response from third party"


def test_ordered_lengths_hold_for_held_operations(api: Api) -> None:
    """A waiting operation of ordered length waits for a part of it and ends in time."""
    api.faults.end_next("Waiting", seconds=10)
    op = read(api.post(f"/companies/{api.toft}/data/queue/bills"))["id"]
    seen = []
    for _ in range(10):
        seen.append(api.world.operation(api.toft, op))
        api.clock.advance(1)
    assert any(step["statusDescription"] for step in seen)
    assert [step["progress"] for step in seen] == sorted(step["progress"] for step in seen)
    assert api.world.operation(api.toft, op)["status"] == "Complete"


def test_words_that_nobody_knows(api: Api) -> None:
    """A status can be shown under another name, wherever it is shown."""
    op = read(api.post(f"/companies/{api.toft}/data/queue/bills"))
    api.faults.rename_statuses["Queued"] = "Routing"
    assert api.get(f"/companies/{api.toft}/data/history/{op['id']}")["status"] == "Routing"
    assert api.get(f"/companies/{api.toft}/dataStatus")["bills"]["currentStatus"] == "Routing"
    assert "Routing" in {o["status"] for o in api.get(f"/companies/{api.toft}/data/history?pageSize=5000")["results"]}


@pytest.mark.parametrize(("hour", "closed"), [(6, False), (7, True), (18, True), (19, False)])
def test_only_quickbooks_desktop_has_a_window(make_api: Callable[..., Api], hour: int, closed: bool) -> None:
    """From 7 to 19 o'clock its operations stay Queued until 19; Sage 50, on-premise too, is read at any hour."""
    api = make_api(150)
    api.clock.advance(f"{(hour - START.hour) % 24}h")
    until_19: dict[str, list[bool]] = {"pqsw": [], "hbql": [], "gbol": []}
    for company_id in api.world.company_store.ids[12:]:  # those that nobody wrote
        if api.post(f"/companies/{company_id}/data/all").status == 204:
            for op in (api.world.find_operation(company_id, id) for id in api.world.accepted[-1].operations):
                key = api.world.find_connection(company_id, op.connection_id).platform.key
                if op.status == "Complete" and key in until_19:
                    kind, held = op.hold or "", op.held
                    until_19[key].append(kind == "queued" and (op.requested + held) % DAY == 19 * HOUR)
    assert set(until_19["pqsw"]) == {closed}
    assert set(until_19["hbql"]) == set(until_19["gbol"]) == {False}
