"""Every row of the table of calls, held to the published contract; and what goes wrong, with its documented status."""

import re

import pytest

from codat_notebook.models.status import CONNECTION_STATUSES
from codat_notebook.models.vocabulary import DATA_TYPES

from . import contract
from .asking import Api, read

UNKNOWN = "00000000-0000-4000-8000-000000000000"
CALLS = (
    "GET /companies", "GET /companies/{company}", "GET /companies/{company}/connections",
    "GET /companies/{company}/connections/{connection}", "GET /companies/{company}/dataStatus",
    "POST /companies/{company}/data/all", "POST /companies/{company}/data/queue/bills",
    "GET /companies/{company}/data/history", "GET /companies/{company}/data/history/{dataset}",
    "GET /companies/{company}/sync/{dataset}/validation", "GET /companies/{company}/syncSettings",
    "GET /profile/syncSettings", "GET /integrations", "GET /integrations/gbol",
)  # fmt: skip
PAGED = [call for call in CALLS if call.endswith(("/companies", "/connections", "/history", "/integrations"))]


def _fill(api: Api, line: str) -> str:
    toft = api.toft
    return line.format(
        company=toft,
        connection=api.world.connections(toft)["results"][0]["id"],
        dataset=api.world.history(toft)["results"][0]["id"],
    )


def test_companies(api: Api) -> None:
    """Pages of companies and single ones are as published."""
    page = api.get("/companies")
    contract.check_page(page, contract.COMPANY)
    assert page["pageSize"] == 100
    for company in page["results"]:
        assert api.get(f"/companies/{company['id']}") == company
        references = [company.get("referenceParentCompany"), *company["referenceSubsidiaryCompanies"]]
        assert all(api.get(f"/companies/{r['id']}")["name"] == r["name"] for r in references if r)


def test_connections(api: Api) -> None:
    """Connections are as published, alone, in a page and inside their company."""
    for company in api.get("/companies")["results"]:
        page = api.get(f"/companies/{company['id']}/connections")
        assert page["results"] == company["dataConnections"]
        for connection in page["results"]:
            contract.check_connection(connection)
            assert api.get(f"/companies/{company['id']}/connections/{connection['id']}") == connection


def test_what_is_optional_is_there_absent_or_null(api: Api) -> None:
    """A client must take every documented form: of connectionInfo, lastSync, the errors, the parent, the author."""
    companies = Api(companies=60).get("/companies")["results"]
    connections = [connection for company in companies for connection in company["dataConnections"]]
    assert {type(c.get("connectionInfo", ...)) for c in connections} == {dict, type(None), type(...)}
    assert {type(c["dataConnectionErrors"]) for c in connections} == {list, type(None)}
    assert {c["status"] for c in connections} == set(CONNECTION_STATUSES)
    assert {"lastSync" in c for c in connections} == {"referenceParentCompany" in c for c in companies} == {True, False}
    assert {type(c["createdByUserName"]) for c in companies} == {str, type(None)}


def test_connections_are_searched_by_time(api: Api) -> None:
    """And put in order by it; one that was never synced has no time that is before or after another."""
    path = f"/companies/{api.company('Saltmarsh Roasters')}/connections"
    synced = [c["lastSync"] for c in api.get(path)["results"] if "lastSync" in c]
    assert [c["lastSync"] for c in api.get(f"{path}?query=lastSync>2020-01-01")["results"]] == synced
    assert api.get(f"{path}?query=created<2020-01-01")["results"] == []
    assert "lastSync" not in api.get(f"{path}?orderBy=lastSync")["results"][0]


def test_data_status(api: Api) -> None:
    """The map of statuses is keyed by type and names operations of the history."""
    for company_id in api.world.company_store.ids:
        api.post(f"/companies/{company_id}/data/all")
        api.clock.advance("40s")
        for data_type, status in api.get(f"/companies/{company_id}/dataStatus").items():
            contract.check(status, contract.DATA_STATUS)
            assert status["dataType"] == data_type
            latest = api.get(f"/companies/{company_id}/data/history/{status['latestSyncId']}")
            assert latest["status"] == status["currentStatus"]
            if good := status.get("latestSuccessfulSyncId"):
                success = api.get(f"/companies/{company_id}/data/history/{good}")
                assert success["completed"] == status["lastSuccessfulSync"]


def test_last_sync_agrees_with_the_data(api: Api) -> None:
    """A company's last sync is its newest successful one, before and after a refresh."""
    api.post(f"/companies/{api.company('Technicalium')}/data/all")
    for hours in (0, 2):
        api.clock.advance(f"{hours}h")
        for company in api.get("/companies")["results"]:
            statuses = api.get(f"/companies/{company['id']}/dataStatus").values()
            newest = max((s["lastSuccessfulSync"] for s in statuses if "lastSuccessfulSync" in s), default=None)
            assert company.get("lastSync") == newest, company["name"]


def test_queueing_one_type(api: Api) -> None:
    """200 with a pull operation on its way; it is in the history at once."""
    answer = api.post(f"/companies/{api.toft}/data/queue/bills")
    assert answer.status == 200
    op = read(answer)
    contract.check(op, contract.OPERATION)
    assert (op["status"], op["progress"], op["isCompleted"], "completed" in op) == ("Queued", 0, False, False)
    assert api.get(f"/companies/{api.toft}/data/history/{op['id']}") == op


def test_queueing_everything(api: Api) -> None:
    """204 without a body; fetch-on-first-link types of the linked connections, each once."""
    answer = api.post(f"/companies/{api.toft}/data/all")
    assert (answer.status, answer.body) == (204, b"")
    assert "Content-Type" not in answer.headers
    settings = api.get(f"/companies/{api.toft}/syncSettings")["settings"]
    first = {s["dataType"] for s in settings if s["fetchOnFirstLink"]}
    expected = set()
    for connection in api.get(f"/companies/{api.toft}/connections?query=status=Linked")["results"]:
        features = api.get(f"/integrations/{connection['integrationKey']}")["datatypeFeatures"]
        expected |= {(connection["id"], f["dataType"]) for f in features if f["dataType"] in first}
    new = api.get(f"/companies/{api.toft}/data/history?query=requested>=2026-11-23T14:00:00&pageSize=500")["results"]
    assert {(op["connectionId"], op["dataType"]) for op in new} == expected
    assert len(new) == len(expected)


def test_history_and_validation(api: Api) -> None:
    """Operations of every kind of ending are as published; validation errors exactly where it failed."""
    page = api.get(f"/companies/{api.toft}/data/history?pageSize=5000")
    contract.check_page(page, contract.OPERATION)
    assert len({op["status"] for op in page["results"]}) > 6
    for op in page["results"][-300:]:
        found = api.get(f"/companies/{api.toft}/sync/{op['id']}/validation")
        contract.check(found, contract.VALIDATION)
        assert bool(found["errors"]) is (op["status"] == "ValidationError")
        for item in found["errors"] + found["warnings"]:
            contract.check(item, contract.VALIDATION_ITEM)


def test_what_ended_tells_how(api: Api) -> None:
    """isCompleted, isErrored, errorMessage and completed agree with the status."""
    for op in api.get(f"/companies/{api.toft}/data/history?pageSize=5000")["results"]:
        good, unsupported = op["status"] == "Complete", op["status"] == "NotSupported"
        assert op["isCompleted"] is good
        assert op["isErrored"] is not (good or unsupported)
        assert (op["errorMessage"] is None) is good
        assert op["requested"] < op["completed"]


def test_settings_and_integrations(api: Api) -> None:
    """Sync settings of company and profile, integrations alone and in pages."""
    own = api.get(f"/companies/{api.toft}/syncSettings")
    contract.check(own, contract.COMPANY_SETTINGS)
    assert api.get(f"/companies/{api.toft.upper()}/syncSettings") == own
    profile = api.get("/profile/syncSettings")
    contract.check(profile, contract.PROFILE_SETTINGS)
    assert {setting["dataType"] for setting in profile["settings"]} == set(DATA_TYPES)
    for setting in profile["settings"]:
        contract.check(setting, contract.SETTING)
    page = api.get("/integrations")
    contract.check_page(page, contract.INTEGRATION)
    for integration in page["results"]:
        assert api.get(f"/integrations/{integration['key']}") == integration
    assert {i["name"] for i in page["results"] if i["isOfflineConnector"]} == {"QuickBooks Desktop", "Sage 50 (UK)"}


@pytest.mark.parametrize("call", CALLS)
def test_headers_are_on_every_answer(api: Api, call: str) -> None:
    """Date of the sandbox's clock, correlation id, quota and speed, on good and bad answers."""
    line = _fill(api, call)
    for answer in (api.ask(line), api.ask(line, authorization="Basic bm8="), api.ask(line + "/nowhere")):
        assert answer.headers["Date"] == "Mon, 23 Nov 2026 14:00:00 GMT"
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Correlation-Id"])
        assert answer.headers["X-Rate-Limit-Limit"] == "12000"  # one of the twelve has no connection
        assert 11_990 < int(answer.headers["X-Rate-Limit-Remaining"]) <= 12_000
        assert answer.headers["X-Rate-Limit-Reset"] == "2026-11-24T00:00:00.0000000Z"
        assert answer.headers["X-Sandbox-Speed"] == "0"


@pytest.mark.parametrize("call", CALLS)
def test_the_key_comes_first(api: Api, call: str) -> None:
    """401 before anything else: no key, a wrong one, another scheme; also for what does not exist."""
    line = _fill(api, call)
    for key in ("", "Basic bm8=", api.headers["authorization"].replace("Basic", "Bearer"), "Basic \xe9"):
        contract.check_error(api.ask(line, authorization=key), 401)
    contract.check_error(api.ask("GET /nowhere", authorization=""), 401)
    assert not api.world.accepted


@pytest.mark.parametrize("call", CALLS)
def test_other_methods_are_not_allowed(api: Api, call: str) -> None:
    """405 with the methods that are."""
    method, path = _fill(api, call).split(" ", 1)
    for other in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - {method}:
        answer = api.ask(f"{other} {path}")
        contract.check_error(answer, 405)
        assert answer.headers["Allow"] == method


@pytest.mark.parametrize("call", [call for call in CALLS if "{company}" in call])
def test_ids_that_are_none_or_unknown(api: Api, call: str) -> None:
    """An unknown id is 404; one of a wrong form is 400 where that is documented, else 404."""
    documented = call.startswith("POST") or call in PAGED
    contract.check_error(api.ask(_fill(api, call.replace("{company}", UNKNOWN))), 404)
    for wrong in ("7", "not-a-uuid", "%2e%2e", "a%2Fb", UNKNOWN + "0", "x" * 3000, "%00", "%ff"):
        contract.check_error(api.ask(_fill(api, call.replace("{company}", wrong))), 400 if documented else 404)


@pytest.mark.parametrize("call", PAGED)
def test_smaller_largest_pages(api: Api, call: str) -> None:
    """Where a deployment takes no more than 2,000, a larger page is 400; the default stays 100, or less."""
    line = _fill(api, call)
    api.faults.max_page_size = 2_000
    contract.check_error(api.ask(f"{line}?pageSize=2001"), 400)
    assert read(api.ask(f"{line}?pageSize=2000"))["pageSize"] == 2_000
    assert read(api.ask(line))["pageSize"] == 100
    api.faults.max_page_size = 7
    assert read(api.ask(line))["pageSize"] == 7


@pytest.mark.parametrize("call", PAGED)
def test_pages_that_make_no_sense(api: Api, call: str) -> None:
    """400 for a page or size that is no number, below 1, or above 5,000."""
    line = _fill(api, call)
    for bad in ("page=0", "page=-1", "page=x", "page=", "page=1.5", "pageSize=0", "pageSize=5001", "page=9" + "9" * 30):
        contract.check_error(api.ask(f"{line}?{bad}"), 400)


@pytest.mark.parametrize("call", PAGED)
def test_pages_link_to_each_other(api: Api, call: str) -> None:
    """Following next visits every row once; previous leads back; the query is kept."""
    path = _fill(api, call).split()[1]
    order = "requested" if path.endswith("history") else "-name" if "name" in api.get(path)["results"][0] else "id"
    whole = api.get(f"{path}?pageSize=5000&orderBy={order}")
    size = max(whole["totalResults"] // 3, 1)
    page = api.get(f"{path}?pageSize={size}&orderBy={order}")
    rows = list(page["results"])
    while "next" in page["_links"]:
        before, page = page, api.get(page["_links"]["next"]["href"])
        assert page["results"]
        assert api.get(page["_links"]["previous"]["href"]) == before
        rows += page["results"]
    assert rows == whole["results"]
    assert api.get(f"{path}?page=1000")["results"] == []
    assert "next" not in api.get(f"{path}?pageSize={whole['totalResults']}")["_links"]  # a last page that is just full


def test_lists_are_not_queried(api: Api) -> None:
    """Dots reach into objects, not into lists: the connections of a company are none of its queryable properties."""
    for asked in ("query=dataConnections.status=Linked", "query=products=lending", "orderBy=dataConnections.status"):
        contract.check_error(api.ask(f"GET /companies?{asked}"), 400)
    assert api.get("/companies?query=referenceParentCompany.name=technicalium group")["totalResults"] == 1


def test_unknown_places(api: Api) -> None:
    """404 for what is no call, with the usual body."""
    for path in (
        "/",
        "/nowhere",
        "//companies",
        f"/companies/{api.toft}/data",
        "/companies//connections",
        "/Companies",
    ):
        contract.check_error(api.ask(f"GET {path}"), 404)
    contract.check_error(api.ask(f"GET /companies/{api.toft}/data/history/{UNKNOWN}"), 404)
    contract.check_error(api.ask(f"GET /companies/{api.toft}/connections/{UNKNOWN}"), 404)
    contract.check_error(api.ask(f"GET /companies/{api.toft}/sync/{UNKNOWN}/validation"), 404)
    contract.check_error(api.ask("GET /integrations/zzzz"), 404)


def test_another_company_s_operation_is_not_found(api: Api) -> None:
    """Ids belong to their company."""
    other = api.company("Technicalium")
    op = api.get(f"/companies/{other}/data/history")["results"][0]["id"]
    contract.check_error(api.ask(f"GET /companies/{api.toft}/data/history/{op}"), 404)


def test_answers_are_compressed_where_accepted(api: Api) -> None:
    """gzip for large bodies when the client accepts it, and only then."""
    import gzip

    plain = api.ask("GET /companies")
    small = api.ask("GET /companies", accept_encoding="br, gzip")
    assert "Content-Encoding" not in plain.headers
    assert small.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(small.body) == plain.body
    assert "Content-Encoding" not in api.ask("GET /companies/1", accept_encoding="gzip").headers
    for accepted in ("gzip;q=0", "br, gzip; q=0.0", "identity", "x-gzip", "*"):
        assert api.ask("GET /companies", accept_encoding=accepted).body == plain.body
    for accepted in ("GZIP", "gzip;q=1", "br, gzip ; q=0.001, *"):
        assert api.ask("GET /companies", accept_encoding=accepted).body == small.body


def test_the_plan_may_have_ended(api: Api) -> None:
    """402 for everything when the settings say so."""
    api.faults.payment_required = True
    contract.check_error(api.ask("GET /companies"), 402)
    contract.check_error(api.post(f"/companies/{api.toft}/data/all"), 402)
    assert not api.world.accepted
