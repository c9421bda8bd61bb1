"""Events: whether a delivery is genuine, what it says, and whether it was heard before."""

import doctest
import json
import pickle
import subprocess
import sys
import traceback
from datetime import timedelta
from typing import Any

import pytest

from codat_notebook import events
from codat_notebook.events import (
    EventError,
    Inbox,
    MissingHeaderError,
    SignatureError,
    SigningSecret,
    StaleTimestampError,
    UnreadableEventError,
    parse,
    read,
    verify,
)
from codat_notebook.models.errors import ConfigurationError

from .signing import COMPANY, CONNECTION, NOW, SECRET, body_of, event, signature, signed

BODY = body_of(event())
OTHER = "whsec_" + "b3RoZXI" * 4 + "="


def test_the_example_of_codats_page_holds() -> None:
    """Its secret, headers and body verify; so do the other examples in docstrings."""
    assert doctest.testmod(events).failed == 0


def test_importing_needs_neither_pandas_nor_widgets_nor_an_http_client() -> None:
    """A service that verifies events loads nothing heavy, not even when it does."""
    code = (
        "import sys, codat_notebook.events as e\ntry: e.verify({'webhook-id': 'a', 'webhook-timestamp': '1', "
        "'webhook-signature': 'v1,x'}, b'', 'whsec_aaaa')\nexcept e.SignatureError: pass\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"pandas", "ipywidgets", "anywidget", "httpx", "numpy"}.isdisjoint(done.stdout.split())


@pytest.mark.parametrize("secret", [SECRET, SECRET.removeprefix("whsec_"), [OTHER, SECRET], SigningSecret.of(SECRET)])
def test_a_genuine_delivery_verifies(secret: Any) -> None:
    """With or without the prefix, with several secrets while they are rotated, as bytes or text, whatever the case."""
    assert verify(signed(BODY), BODY, secret, now=NOW) == "msg_1"
    shouted = {name.upper(): value for name, value in signed(BODY).items()}
    assert verify(shouted, BODY.decode(), secret, now=NOW) == "msg_1"


def test_one_of_several_signatures_is_enough() -> None:
    """Others may be of a rotated secret or of a version that is not known."""
    headers = signed(BODY)
    headers["webhook-signature"] = f"v1a,abc {signature(OTHER, 'msg_1', 1, BODY)} {headers['webhook-signature']} v1,?"
    assert verify(headers, BODY, SECRET, now=NOW) == "msg_1"


@pytest.mark.parametrize("seconds", [-300, 300])
def test_the_tolerance_is_five_minutes_to_either_side(seconds: int) -> None:
    """At its edge a delivery is taken, beyond it is not; it can be set in words."""
    late = NOW + timedelta(seconds=seconds)
    assert verify(signed(BODY), BODY, SECRET, now=late)
    with pytest.raises(StaleTimestampError):
        verify(signed(BODY), BODY, SECRET, now=late + timedelta(seconds=seconds / 300))
    assert verify(signed(BODY), BODY, SECRET, now=NOW + timedelta(hours=1), tolerance="2h")


NOT_TAKEN = {
    "no id": ({"webhook-id": ""}, BODY, MissingHeaderError),
    "no time": ({"webhook-timestamp": ""}, BODY, MissingHeaderError),
    "no signature": ({"webhook-signature": ""}, BODY, MissingHeaderError),
    "a time in words": ({"webhook-timestamp": "yesterday"}, BODY, MissingHeaderError),
    "a negative time": ({"webhook-timestamp": "-1"}, BODY, MissingHeaderError),
    "a time beyond all years": ({"webhook-timestamp": "9" * 40}, BODY, MissingHeaderError),
    "digits that are no ASCII": ({"webhook-timestamp": "١٢٣"}, BODY, MissingHeaderError),
    "another time": ({"webhook-timestamp": str(int(NOW.timestamp()) + 1)}, BODY, SignatureError),
    "another id": ({"webhook-id": "msg_2"}, BODY, SignatureError),
    "another version": ({"webhook-signature": "v2,abc"}, BODY, SignatureError),
    "no Base64": ({"webhook-signature": "v1,§ v1, v1"}, BODY, SignatureError),
    "a lone surrogate": ({"webhook-signature": "v1,\udc80"}, BODY, SignatureError),
    "a body changed by a byte": ({}, BODY[:-1] + b" ", SignatureError),
    "a body written anew": ({}, json.dumps(json.loads(BODY), indent=1).encode(), SignatureError),
}


@pytest.mark.parametrize(("change", "body", "error"), NOT_TAKEN.values(), ids=NOT_TAKEN)
def test_what_is_not_genuine_has_a_typed_error(change: dict[str, str], body: bytes, error: type[EventError]) -> None:
    """Each is of its kind, says which status to answer with, and shows the secret nowhere."""
    with pytest.raises(EventError) as caught:
        read(signed(BODY) | change, body, SECRET, now=NOW)
    assert type(caught.value) is error
    assert caught.value.status in (400, 401)
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert SECRET.removeprefix("whsec_") not in shown


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_no base 64", [], [SECRET, ""], "§§§§", None, 7])
def test_a_secret_that_cannot_be_one_is_refused(secret: Any) -> None:
    """In words that do not show it, from a frame that does not hold it."""
    with pytest.raises(ConfigurationError, match="not a signing secret") as caught:
        verify(signed(BODY), BODY, secret, now=NOW)
    assert "no base 64" not in str(caught.value)


def test_a_secret_shows_itself_nowhere() -> None:
    """Neither in its repr nor in a pickle."""
    secret = SigningSecret.of(SECRET)
    assert repr(secret) == "SigningSecret('whsec_••••')"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(secret)


def test_a_read_says_how_each_data_type_ended() -> None:
    """Status first: a failure may come with recordsModified true, and is no change."""
    rows = [
        {"dataType": "invoices", "connectionId": CONNECTION, "status": "Complete", "recordsModified": True},
        {"dataType": "bills", "connectionId": CONNECTION, "status": "ProcessingError", "recordsModified": True},
        {"dataType": "company", "status": "Complete", "recordsModified": False, "issues": [
            {"type": "warning.validation", "message": "odd", "links": {"logs": "https://x"}, "new": 1}]},
    ]  # fmt: skip
    body = body_of(event(dataTypes=rows))
    told = read(signed(body), body, SECRET, now=NOW)
    assert (told.id, told.type, told.company_id, told.message_id) == ("e1", "read.completed", COMPANY, "msg_1")
    assert told.generated is not None
    assert told.generated.isoformat() == "2026-11-23T13:59:58.123456+00:00"
    assert told.modified_from is not None
    assert [(each.data_type, each.complete, each.changed) for each in told.data_types] == [
        ("invoices", True, True), ("bills", False, None), ("company", True, False),
    ]  # fmt: skip
    assert told.data_types[2].connection_id is None
    assert told.data_types[2].issues[0].message == "odd"
    assert str(told) == "read.completed of Toft: invoices Complete, changed; bills ProcessingError; company Complete"


@pytest.mark.parametrize(
    "body",
    [
        {"eventType": "company.created", "payload": {"id": COMPANY, "name": "Toft"}},
        {"eventType": "company.product.added", "payload": {"id": COMPANY, "products": []}},
        {"eventType": "connection.deleted",
         "payload": {"connection": {"id": "x"}, "referenceCompany": {"id": COMPANY}}},
        {"eventType": "reports.creditModel.generate.successful", "payload": {"referenceCompany": {"id": COMPANY}}},
        {"eventType": "moon.rises", "payload": {"referenceCompany": {"id": COMPANY}, "cheese": [1]}, "later": {}},
    ],
    ids=lambda body: str(body["eventType"]),
)  # fmt: skip
def test_every_type_of_event_is_read(body: dict[str, Any]) -> None:
    """Known or not: its company is found, and nothing of it is lost."""
    told = parse(body_of(body))
    assert (told.type, told.company_id, told.body, told.data_types) == (body["eventType"], COMPANY, body, ())
    assert told.connection_id == ("x" if told.type == "connection.deleted" else None)


@pytest.mark.parametrize(
    "payload", [None, 7, [], {"dataTypes": 7}, {"dataTypes": [None, 7, {}, {"dataType": 7}]},
                {"referenceCompany": [], "connection": "x"}, {"modifiedFromDate": "soon", "dataTypes": [
                    {"dataType": "bills", "recordsModified": "yes", "issues": [None], "status": None}]}],
)  # fmt: skip
def test_whatever_shape_a_payload_has_nothing_is_raised(payload: Any) -> None:
    """What cannot be read is not told."""
    told = parse({"id": None, "eventType": "read.completed", "generatedDate": 7, "payload": payload})
    assert (told.id, told.generated, told.modified_from) == ("", None, None)
    assert all(each.changed is None for each in told.data_types)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"7", b"[]", b"{}", b'{"eventType": 7}', b"[" * 100_000, b"null"])
def test_what_is_no_event_is_unreadable(body: bytes) -> None:
    """Also when its signature is right."""
    with pytest.raises(UnreadableEventError):
        read(signed(body), body, SECRET, now=NOW)


LEGACY = {"AlertId": "a1", "RuleId": "r", "ClientId": "c", "CompanyId": COMPANY, "DataConnectionId": CONNECTION}


@pytest.mark.parametrize(
    ("rule", "data", "status", "changed"),
    [
        ("Data sync completed", {"dataType": "invoices", "datasetId": "d"}, "", None),
        ("DataSyncCompleted", {"dataType": "invoices", "datasetStatus": "Complete"}, "Complete", None),
        ("Dataset data changed", {"dataType": "invoices", "datasetId": "d"}, "Complete", True),
        ("Data Sync Status Changed To Error", {"dataType": "invoices", "datasetStatus": "MapError"}, "MapError", None),
    ],
)  # fmt: skip
def test_legacy_bodies_are_read(rule: str, data: dict[str, str], status: str, changed: bool | None) -> None:
    """Rule types with and without blanks; what they do not tell is not made up."""
    told = parse(LEGACY | {"RuleType": rule, "Data": data})
    assert (told.id, told.type, told.company_id, told.generated) == ("a1", rule, COMPANY, None)
    (row,) = told.data_types
    assert (row.data_type, row.connection_id, row.status, row.changed) == ("invoices", CONNECTION, status, changed)


def test_a_legacy_change_of_a_connection_is_read() -> None:
    """With its new status; a write that ended is no read."""
    told = parse(LEGACY | {"RuleType": "DataConnectionStatusChanged", "Data": {"newStatus": "Deauthorized"}})
    assert (told.connection_id, told.connection_status) == (CONNECTION, "Deauthorized")
    assert parse(LEGACY | {"RuleType": "Push Operation Timed Out", "Data": {"dataType": "bills"}}).data_types == ()


def test_a_doubled_event_is_known_again() -> None:
    """By the delivery's id, and by its own where it was replayed under a new one; ids are kept up to a number."""
    inbox = Inbox(most=4)
    body = BODY
    first = read(signed(body), body, SECRET, now=NOW)
    assert inbox.take(first) == first
    assert inbox.take(first) is None
    assert inbox.take(read(signed(body, id="msg_2"), body, SECRET, now=NOW)) is None
    changed = body_of(event(id="e2"))
    assert inbox.take(read(signed(changed, id="msg_2"), changed, SECRET, now=NOW)) is None
    assert inbox.take(parse(event(id="e3"))) is not None
    assert inbox.take(parse(event(id="e4"))) is not None
    assert inbox.take(first) is not None  # forgotten by now


def test_an_older_event_does_not_count_against_a_newer_one() -> None:
    """Of each data type of each connection; what the older one alone tells is kept."""
    inbox = Inbox()
    assert inbox.take(parse(event())) is not None
    rows = [{"dataType": name, "connectionId": CONNECTION, "status": "FetchError"} for name in ("invoices", "bills")]
    older = parse(event(id="e0", dataTypes=rows) | {"generatedDate": "2026-11-23T13:00:00Z"})
    news = inbox.take(older)
    assert news is not None
    assert [each.data_type for each in news.data_types] == ["bills"]
    untimed = parse(event(id="e5") | {"generatedDate": None})
    assert inbox.take(untimed) == untimed
