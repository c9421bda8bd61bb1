"""Situations: each can be staged, shows what it says, lasts until it is over or mended, and is the same every time."""

from typing import Any

import pytest

from codat_notebook.models.platforms import BY_KEY
from codat_notebook.sandbox import Sandbox
from codat_notebook.sandbox.exchange import ErrorResponse
from codat_notebook.sandbox.situations import SITUATIONS, Staged, find_situation
from codat_notebook.sandbox.virtual_time import MINUTE, parse_time

from . import contract
from .asking import START, TOKEN, Api, read

SHOWN: dict[str, set[str]] = {
    "xero bank transactions": {"FetchError"}, "xero daily limit": {"RateLimitError"}, "xero paused": {"Fetching"},
    "xero journals scope": {"PermissionsError"}, "sage 200 balance sheet": {"ValidationError"},
    "plaid first transactions": {"FetchError"}, "plaid consent ended": {"AuthError"},
    "plaid consent near its end": {"Complete", "NotSupported"}, "unused token": {"AuthError"},
    "zoho daily quota": {"FetchError", "Queued"}, "zoho 21st link": {"AuthError"},
    "exact minute limit": {"RateLimitError"}, "myob large file": {"FetchError"}, "netsuite volume": {"FetchError"},
    "netsuite long fetching": {"Fetching"},
    "netsuite tokens": {"AuthError"}, "business central extension": {"FetchError"},
    "intacct permissions": {"PermissionsError"}, "wave reports": {"FetchError"},
    "quickbooks trial": {"PermissionsError"}, "commerce prerequisites": {"PrerequisiteNotMet"},
    "bigcommerce large order": {"FetchError"}, "woocommerce add-on": {"FetchError"},
    "amazon too often": {"RateLimitError"}, "sage 50 restart": {"Cancelled"}, "machine off": {"Queued"},
    "quickbooks desktop window": {"Queued"}, "quickbooks desktop off": {"Queued"},
    "quickbooks desktop waiting": {"Fetching"}, "quickbooks desktop one-time": {"Complete"},
    "platform outage": {"FetchError"}, "platform outage is over": {"Complete"}, "linking cancelled": set(),
    "integration withdrawn": {"AuthError"}, "bank feed": set(),
}  # fmt: skip


def _operations(api: Api, staged: Staged) -> list[dict[str, Any]]:
    return [api.get(f"/companies/{staged.company_id}/data/history/{id}") for id in staged.operation_ids]


def _connection(api: Api, staged: Staged) -> dict[str, Any]:
    connection: dict[str, Any] = api.get(f"/companies/{staged.company_id}/connections/{staged.connection_id}")
    return connection


def _ticks(text: str) -> int:
    ticks = parse_time(text)
    assert ticks is not None
    return ticks


def _again(api: Api, staged: Staged, data_type: str, wait: str = "1d") -> str:
    """How a type ends that is queued now."""
    path = f"/companies/{staged.company_id}/data/queue/{data_type}?connectionId={staged.connection_id}"
    op = read(api.post(path))
    api.clock.advance(wait)
    return str(api.world.operation(staged.company_id, op["id"])["status"])


@pytest.mark.parametrize("hours", [0, 11])
@pytest.mark.parametrize("name", SITUATIONS)
def test_each_shows_what_it_says(api: Api, name: str, hours: int) -> None:
    """By day and by night, in documents of the documented form; there are operations unless none can be."""
    api.clock.advance(f"{hours}h")
    staged = api.world.stage(name)
    assert SHOWN.keys() == SITUATIONS.keys()
    for each in (staged,) if name == "zoho 21st link" else (staged, *staged.others):
        operations = _operations(api, each)
        assert {op["status"] for op in operations} == SHOWN[name]
        assert {op["connectionId"] for op in operations} <= {each.connection_id}
    company = api.get(f"/companies/{staged.company_id}")
    contract.check_connection(_connection(api, staged))
    past = api.get(f"/companies/{staged.company_id}/data/history?pageSize=5000")["results"]
    assert all(company["created"] < op["requested"] for op in past)
    assert all(op["requested"] <= op.get("completed", "9") for op in past)


@pytest.mark.parametrize("name", SITUATIONS)
def test_nothing_succeeds_while_it_lasts(api: Api, name: str) -> None:
    """Of a type that a trouble concerns there is no success since it began."""
    staged = api.world.stage(name)
    connection = api.world.find_connection(staged.company_id, staged.connection_id)
    now = api.clock.ticks()
    ops = api.world.active[len(api.world.company_store) - 1 - len(staged.others)].history.operations
    for condition in connection.conditions:
        if condition.active(now) and condition.trouble.status != "Complete":
            late = [op for op in ops if op.succeeded and condition.since < op.requested <= op.completed <= now]
            assert not [op.data_type for op in late if condition.trouble.concerns(op.data_type)]


def test_the_same_every_time() -> None:
    """Two worlds stage the same: ids, documents, and what comes of them."""
    first, second = Api(), Api()
    for api in (first, second):
        for name in SITUATIONS:
            api.world.stage(name)
        api.clock.advance("2d")
    assert first.world.company_store.ids == second.world.company_store.ids
    assert first.get("/companies?pageSize=5000") == second.get("/companies?pageSize=5000")


def test_staging_changes_nobody_else(api: Api) -> None:
    """The companies that were there stay as they were; the new one is found, ordered, and can be staged twice."""
    before = api.get("/companies?orderBy=-lastSync")
    one, two = api.world.stage("bank feed"), api.world.stage("bank feed")
    assert one.company_id != two.company_id
    after = api.get("/companies?orderBy=-lastSync")
    assert [c for c in after["results"] if "situation" not in c["tags"]] == before["results"]
    assert api.get("/companies?query=name~bank feed")["totalResults"] == 2
    assert api.get("/companies?tags=situation=bank feed&orderBy=-created")["totalResults"] == 2
    assert api.get("/companies?query=description~bank feed")["totalResults"] == 2


@pytest.mark.parametrize("name", ["", "zoho", "../zoho daily quota", "x" * 500])
def test_a_name_that_is_none(api: Api, name: str) -> None:
    """ValueError that says which there are, without the whole of a long name."""
    with pytest.raises(ValueError, match="there are: xero bank transactions") as caught:
        api.world.stage(name)
    assert "x" * 100 not in str(caught.value)
    with pytest.raises(ValueError, match="no situation"):
        find_situation(name)


LASTING = [
    ("sage 200 balance sheet", "balanceSheet", "ValidationError"), ("wave reports", "balanceSheet", "FetchError"),
    ("quickbooks trial", "purchaseOrders", "PermissionsError"), ("myob large file", "invoices", "FetchError"),
    ("bigcommerce large order", "commerce-orders", "FetchError"), ("netsuite volume", "payments", "FetchError"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "data_type", "status"), LASTING)
def test_failures_last_until_they_are_mended(api: Api, name: str, data_type: str, status: str) -> None:
    """Not drawn anew: each attempt fails alike, relinking does not help; once mended it is read."""
    staged = api.world.stage(name)
    assert [_again(api, staged, data_type, "2d") for _ in range(3)] == [status] * 3
    api.world.relink(staged.company_id, staged.connection_id)
    assert _again(api, staged, data_type, "2d") == status
    api.world.mend(staged.company_id, staged.connection_id)
    assert "Complete" in {_again(api, staged, data_type) for _ in range(3)}


def test_what_a_relink_mends(api: Api) -> None:
    """The oldest of 21 Zoho links reads Linked but fails with an open error; the newer works; a relink resolves it."""
    staged = api.world.stage("zoho 21st link")
    assert _connection(api, staged)["status"] == "Linked"
    assert [e["status"] for e in _connection(api, staged)["dataConnectionErrors"]] == ["Active"]
    assert (_again(api, staged, "bills"), _again(api, staged.others[0], "bills")) == ("AuthError", "Complete")
    api.world.relink(staged.company_id, staged.connection_id)
    (error,) = _connection(api, staged)["dataConnectionErrors"]
    assert (error["statusCode"], error["status"]) == ("401", "Resolved")
    assert {_again(api, staged, "bills") for _ in range(3)} & {"Complete"}


def test_the_daily_limit_of_xero_ends_when_it_says(api: Api) -> None:
    """The text tells the seconds that are left, the connection shows the 429 until then, other types fail alike."""
    staged = api.world.stage("xero daily limit")
    (text,) = {op["errorMessage"].partition("( ")[2] for op in _operations(api, staged)}
    assert text == "retry-after 66975)"
    assert _again(api, staged, "invoices", "10m") == "RateLimitError"
    api.clock.advance(66_975 - 3_600 - 600)
    (error,) = _connection(api, staged)["dataConnectionErrors"]
    assert (error["statusCode"], error["status"]) == ("429", "Resolved")
    assert "Complete" in {_again(api, staged, "invoices") for _ in range(3)}


def test_zoho_carries_over_to_the_next_day(api: Api) -> None:
    """What is queued waits for midnight and completes; what failed is read the next day."""
    staged = api.world.stage("zoho daily quota")
    queued = [op["id"] for op in _operations(api, staged) if op["status"] == "Queued"]
    api.clock.advance("9h 59m")
    assert {api.world.operation(staged.company_id, id)["status"] for id in queued} == {"Queued"}
    api.clock.advance("31m")
    for id in queued:
        op = api.world.operation(staged.company_id, id)
        assert (op["status"], op["completed"][:10]) == ("Complete", "2026-11-24")
    assert _again(api, staged, "invoices") == "Complete"


def test_plaid_needs_a_second_try(api: Api) -> None:
    """The first read fetches for 15 minutes and fails, the next one completes."""
    staged = api.world.stage("plaid first transactions")
    (op,) = _operations(api, staged)
    assert 15 * MINUTE < _ticks(op["completed"]) - _ticks(op["requested"]) < 20 * MINUTE
    assert "lastSuccessfulSync" not in api.get(f"/companies/{staged.company_id}/dataStatus")["banking-transactions"]
    assert _again(api, staged, "banking-transactions", "15m") == "Complete"


def test_business_central_is_ready_after_twenty_minutes(api: Api) -> None:
    """Until then every type fails; after a relink it is installed again."""
    staged = api.world.stage("business central extension")
    assert _again(api, staged, "company", "9m") == "FetchError"
    api.clock.advance("2m")
    assert _again(api, staged, "company") == "Complete"
    api.world.relink(staged.company_id, staged.connection_id)
    assert _again(api, staged, "company") == "FetchError"


def test_a_consent_ends_though_it_is_used(api: Api) -> None:
    """90 days after it was given the connection is Deauthorized with a 401; given again it lives for 90 days more."""
    staged = api.world.stage("plaid consent near its end")
    for _ in range(9):
        _again(api, staged, "banking-accounts")
    assert _connection(api, staged)["status"] == "Linked"
    api.clock.advance("2d")
    connection = _connection(api, staged)
    assert connection["status"] == "Deauthorized"
    assert [e["statusCode"] for e in connection["dataConnectionErrors"]] == ["401"]
    assert _again(api, staged, "banking-accounts") == "AuthError"
    api.world.relink(staged.company_id, staged.connection_id)
    api.clock.advance("89d")
    assert _connection(api, staged)["status"] == "Linked"
    api.clock.advance("1d")
    assert _connection(api, staged)["status"] == "Deauthorized"


@pytest.mark.parametrize("name", ["machine off", "quickbooks desktop off", "quickbooks desktop waiting"])
def test_a_machine_that_is_switched_on_goes_on(api: Api, name: str) -> None:
    """Days later it still waits, and connectionInfo says why where it can; mended, it goes on at once."""
    staged = api.world.stage(name)
    api.clock.advance("3d")
    assert {op["status"] for op in _operations(api, staged)} == SHOWN[name]
    told = (_connection(api, staged).get("connectionInfo") or {}).get("errors", [])
    assert bool(told) == (name == "quickbooks desktop waiting")
    api.world.mend(staged.company_id, staged.connection_id)
    assert "errors" not in (_connection(api, staged).get("connectionInfo") or {})
    api.clock.advance("1h")
    assert all("completed" in op for op in _operations(api, staged))


def test_a_restart_cancels_what_runs_for_all_its_companies(api: Api) -> None:
    """In the past of both companies within a minute; a restart now cancels what runs, nothing else."""
    staged = api.world.stage("sage 50 restart")
    both = (staged, *staged.others)
    ends = [_ticks(op["completed"]) for each in both for op in _operations(api, each)]
    assert len(ends) > 40
    assert max(ends) - min(ends) <= MINUTE
    for each in both:
        api.post(f"/companies/{each.company_id}/data/all")
    api.post(f"/companies/{api.toft}/data/all")
    running = {op for accepted in api.world.accepted[:2] for op in accepted.operations}
    api.clock.advance("1s")
    assert set(api.faults.restart_connector(*(each.company_id for each in both), api.toft)) == running
    for each in both:
        rows = api.get(f"/companies/{each.company_id}/data/history?query=status=Cancelled&pageSize=5000")["results"]
        assert len({row["completed"] for row in rows if row["id"] in running}) == 1
    assert "Cancelled" not in {api.world.operation(api.toft, op)["status"] for op in api.world.accepted[2].operations}


def test_a_bank_feed_is_never_read(api: Api) -> None:
    """It is linked; queueing a type is 404, queueing all is taken in and queues nothing."""
    staged = api.world.stage("bank feed")
    assert (_connection(api, staged)["status"], _connection(api, staged)["sourceType"]) == ("Linked", "BankFeed")
    contract.check_error(api.post(f"/companies/{staged.company_id}/data/queue/bankTransactions"), 404)
    assert api.post(f"/companies/{staged.company_id}/data/all").status == 204
    assert api.world.accepted[-1].operations == ()
    assert api.get(f"/companies/{staged.company_id}/dataStatus") == {}


def test_a_withdrawn_integration(api: Api) -> None:
    """It is listed as disabled, its connection too; relinking is refused with what to do."""
    staged = api.world.stage("integration withdrawn")
    enabled = {i["key"]: i["enabled"] for i in api.get("/integrations?pageSize=100")["results"]}
    assert {key for key, on in enabled.items() if not on} == {"vjms", "dfxm"}
    with pytest.raises(ErrorResponse, match="withdrawn Pandle on 2026-01-10: connect another source"):
        api.world.relink(staged.company_id, staged.connection_id)
    assert _again(api, staged, "invoices") == "AuthError"


def test_the_first_read_at_plaid_fails_now_and_then(api: Api) -> None:
    """A few of a hundred new Plaid connections time out at their first banking-transactions, and then complete."""
    slow = 0
    for _ in range(60):
        staged = api.world.stage("linking cancelled")
        api.world.relink(staged.company_id, staged.connection_id)
        ops = [op for op in api.world.active[len(api.world.company_store) - 1].history.queued if op.hold]
        slow += any(op.hold == "slow" for op in ops)
    assert 1 <= slow <= 15


def test_a_sandbox_stages_for_python_and_for_other_processes() -> None:
    """stage and situations of a Sandbox; the controls do the same."""
    sandbox = Sandbox(companies=0, start=START, speed=0)
    assert sandbox.situations.keys() == SITUATIONS.keys()
    staged = sandbox.stage("xero bank transactions")
    assert sandbox.world.operation(staged.company_id, staged.operation_ids[0])["status"] == "FetchError"
    api = Api()

    def control(line: str, body: bytes = b"") -> Any:
        return read(api.ask(line, body, x_sandbox_token=TOKEN))

    assert control("GET /_sandbox/situations") == sandbox.situations
    made = control("POST /_sandbox/situations", b'{"name": "machine off"}')
    company_id, connection_id = made["company_id"], made["connection_id"]
    assert api.get(f"/companies/{company_id}")["tags"] == {"situation": "machine off"}
    assert set(control("POST /_sandbox/restart", f'["{company_id}"]'.encode())) == set(made["operation_ids"])
    answer = api.ask(f"POST /_sandbox/connections/{company_id}/{connection_id}/mend", x_sandbox_token=TOKEN)
    assert answer.status == 204
    contract.check_error(api.ask("POST /_sandbox/situations", b'{"name": "no"}', x_sandbox_token=TOKEN), 400)


def test_the_scenario_has_a_company_for_each() -> None:
    """Besides the usual companies; the same every time."""
    one, two = (Sandbox(companies=3, scenario="situations", speed=0) for _ in range(2))
    companies = one.world.companies({"pageSize": "100"})["results"]
    assert {c["tags"].get("situation") for c in companies[3:]} == SITUATIONS.keys()
    assert companies == two.world.companies({"pageSize": "100"})["results"]


def test_each_says_whether_it_is_documented() -> None:
    """Every situation names its mark and, in the brackets, its source; its platform is one of ours."""
    for situation in SITUATIONS.values():
        assert any(mark in situation.tells for mark in ("documented", "inferred", "assumed"))
        assert situation.link.platform in BY_KEY


def test_rights_and_checks_of_made_up_companies_fail_until_they_are_mended(make_api: Any) -> None:
    """A type that has failed for rights or checks before the world began goes on so; mended, it is drawn again."""
    api = make_api(120)
    met = []
    for company_id in api.world.company_store.ids[12:]:
        company = api.world.find_company(company_id)
        for connection in company.connections:
            troubles = connection.link.troubles
            of_person = [t for t in troubles if t.status in ("PermissionsError", "ValidationError")]
            if connection.status == "Linked" and of_person and connection.platform.key not in ("pqsw", "hbql"):
                staged = Staged("", company_id, connection.id, ())
                (data_type,) = of_person[0].types
                assert [_again(api, staged, data_type, "1h") for _ in range(2)] == [of_person[0].status] * 2
                api.faults.mend(company_id, connection.id)
                met.append(_again(api, staged, data_type, "1h"))
    assert len(met) > 20
    assert met.count("Complete") / len(met) > 0.8
