"""Reading answers: unknown words, wrong types, missing and extra fields; one bad row never costs the page."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_notebook.client import flows, reading
from codat_notebook.client.wire import Answer
from codat_notebook.models import errors, shared

from .simulated import COMPANY, Stage

ID = "8a210b68-6988-11ed-a1eb-0242ac120002"
GOOD = {
    "id": ID, "companyId": COMPANY, "connectionId": ID, "dataType": "invoices", "status": "Complete",
    "requested": "2026-01-01T00:00:00Z", "progress": 100, "isCompleted": True, "isErrored": False,
}  # fmt: skip


def page(*rows: Any) -> bytes:
    """A page of pull operations."""
    return json.dumps({"results": rows, "pageNumber": 1, "pageSize": 100, "totalResults": len(rows)}).encode()


def read(*rows: Any) -> shared.PullOperations:
    """The page read."""
    return reading.read(page(*rows), shared.PullOperations)


def test_a_documented_row_is_read_without_complaint() -> None:
    """What is as documented leaves nothing unread."""
    found = read(GOOD)
    assert found.unread == ()
    assert (found.results[0].id, found.results[0].status, found.results[0].progress) == (ID, "Complete", 100)


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"status": "Routing"}, "status", "Routing"),
        ({"dataType": "cryptoWallets"}, "data_type", "cryptoWallets"),
        ({"progress": "10"}, "progress", 10),
        ({"progress": 10.5}, "progress", 10),
        ({"progress": "half"}, "progress", 0),
        ({"progress": None}, "progress", 0),
        ({"progress": 1e400}, "progress", 0),
        ({"isErrored": "true"}, "is_errored", True),
        ({"isErrored": "perhaps"}, "is_errored", False),
        ({"status": None}, "status", ""),
        ({"status": 7}, "status", "7"),
        ({"requested": "2026-12-31T23:59:99Z"}, "requested", "2026-12-31T23:59:99Z"),
        ({"requested": 1767225600}, "requested", "1767225600"),
        ({"errorMessage": {"text": "x"}}, "error_message", '{"text": "x"}'),
        ({"extra": [1, {"deep": None}]}, "id", ID),
        ({"errorMessage": "\ud800 half a letter"}, "error_message", "? half a letter"),
    ],
)
def test_an_odd_field_costs_no_row(change: dict[str, Any], field: str, value: object) -> None:
    """The field is kept, converted or left out; the row and its neighbours stay."""
    found = read(GOOD, GOOD | change, GOOD)
    assert len(found.results) == 3
    assert getattr(found.results[1], field) == value
    assert found.results[1].id == ID


@pytest.mark.parametrize("change", [{"progress": "10"}, {"progress": 10.5}, {"status": None}, {"isErrored": "perhaps"}])
def test_what_could_not_be_read_is_told(change: dict[str, Any]) -> None:
    """A page names the row and the field that did not come as documented."""
    note = read(GOOD, GOOD | change).unread[0]
    assert note.startswith("results[1].")


@pytest.mark.parametrize("missing", ["status", "id", "requested"])
def test_a_missing_required_field_is_told(missing: str) -> None:
    """What Codat left out reads as empty text, and is named."""
    row = {key: value for key, value in GOOD.items() if key != missing}
    found = read(row)
    assert getattr(found.results[0], missing) == ""
    assert found.unread == (f"results[0].{missing}: missing",)


@pytest.mark.parametrize("row", [None, "text", 5, []])
def test_a_row_that_is_no_object_is_left_out_and_told(row: Any) -> None:
    """There is nothing to show of it, but its neighbours are shown."""
    found = read(GOOD, row, GOOD)
    assert len(found.results) == 2
    assert "results[1]" in found.unread[0]


def test_a_full_page_of_statuses_with_three_odd_ones() -> None:
    """43 data statuses of which one is null, one has no status and one is new: all of them are there."""
    rows: dict[str, Any] = {
        word.value: {"dataType": word.value, "currentStatus": "Complete"} for word in shared.SchemaDataType
    }
    rows["bills"] = None
    rows["suppliers"] = {"dataType": "suppliers"}
    rows["invoices"] = {"dataType": "invoices", "currentStatus": "Dreaming"}
    rows["cryptoWallets"] = {"currentStatus": "Complete"}
    found = reading.read(json.dumps(rows).encode(), shared.DataStatuses)
    assert len(found) == 43
    assert (found["invoices"].current_status, found["suppliers"].current_status) == ("Dreaming", None)
    assert found["cryptoWallets"].data_type == "cryptoWallets"
    assert (found.bills, found.suppliers) == (None, found["suppliers"])
    assert "bills" in found.unread[0]


def test_data_statuses_are_found_by_key_and_by_name() -> None:
    """By Codat's key as in JSON, by name as in the official SDK; other names do not exist."""
    found = reading.read(b'{"banking-accounts": {"currentStatus": "Complete"}, "items": {}}', shared.DataStatuses)
    assert found.banking_accounts is found["banking-accounts"]
    assert found.items is found["items"]
    assert set(found) == {"banking-accounts", "items"}
    with pytest.raises(AttributeError):
        _ = found.nonsense


@pytest.mark.parametrize("links", [None, 5, {"next": None}, {"next": {"href": None}}, {"next": "x"}, {"self": 1}])
def test_odd_links_cost_no_page(links: Any) -> None:
    """A page whose links cannot be read has rows all the same."""
    body = json.dumps({"results": [GOOD], "_links": links}).encode()
    assert len(reading.read(body, shared.PullOperations).results) == 1


@pytest.mark.parametrize(
    "body", [b"", b"  ", b"<html>", b"{", b'{"a": 1}', b"[]", b"null", b"5", b"\xff\xfe", b"[" * 9999]
)
def test_what_is_no_page_is_unreadable(body: bytes) -> None:
    """Bytes that hold no page are an error, never an empty page."""
    with pytest.raises(reading.Unreadable):
        reading.read(body, shared.PullOperations)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
_KEYS = [
    "id",
    "status",
    "dataType",
    "results",
    "_links",
    "next",
    "href",
    "progress",
    "dataConnections",
    "errors",
    "settings",
]
_objects = st.dictionaries(st.sampled_from(_KEYS), _json, max_size=6)
_bodies = st.binary() | _json.map(lambda v: json.dumps(v).encode()) | _objects.map(lambda v: json.dumps(v).encode())
_endpoints = st.sampled_from([e for e in vars(flows).values() if isinstance(e, flows.Endpoint)])
_headers = st.dictionaries(
    st.sampled_from(["date", "retry-after", "x-rate-limit-reset", "x-rate-limit-remaining", "x-sandbox-speed"]),
    st.text(),
)


@given(endpoint=_endpoints, status=st.integers(100, 599), body=_bodies, headers=_headers)
def test_whatever_comes_back_only_our_errors_come_out(
    endpoint: flows.Endpoint[Any], status: int, body: bytes, headers: dict[str, str]
) -> None:
    """Any status, bytes and headers end in an object or in an error of our family."""
    stage = Stage()
    stage.server.answer = lambda _: Answer(status, headers, body, stage.time.now, stage.time.now)  # type: ignore[method-assign]
    request = {name: ID for name in endpoint.takes.__struct_fields__ if name.endswith("_id")}
    request |= {"platform_key": "gbol"} if "platform_key" in endpoint.takes.__struct_fields__ else {}
    try:
        value = stage.drive(flows.read(stage.call(), endpoint, request))
    except errors.CodatLendingError:
        return
    assert isinstance(value, endpoint.gives)
    assert isinstance(value.unread, tuple)
    assert 200 <= status < 300


def test_options_build_the_request() -> None:
    """The endpoint's path and query, quoted."""
    call = Stage().call(base="https://codat.test/proxy")
    made = flows.build(call, flows.PULLS_LIST, {"company_id": ID, "query": "status=Complete&&dataType=bills"})
    assert made.url == (
        f"https://codat.test/proxy/companies/{ID}/data/history"
        "?page=1&pageSize=100&query=status%3DComplete%26%26dataType%3Dbills"
    )


@pytest.mark.parametrize("row", ["{}", "0", "[]", '{"tags":{}}'])
def test_a_small_answer_of_many_rows_fills_no_memory(row: str) -> None:
    """Rows take far more memory than their bytes: the number of them has a limit of its own."""
    body = ('{"results": [' + ",".join([row] * 2_000_002) + "]}").encode()
    with pytest.raises(reading.Unreadable, match="more rows than anything"):
        reading.read(body, shared.Companies)
