"""What the details of a row say: all of Codat's fields, the card of a failure, the findings of the checks."""

import json
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from codat_notebook import frames
from codat_notebook.models.errors import ErrorValidationItem
from codat_notebook.models.shared import Connection, PullOperation, ValidationResults
from codat_notebook.runs.records import ErrorRecord
from codat_notebook.widgets.console_parts import REQUEST_COLUMNS
from codat_notebook.widgets.details import (
    MOST,
    checks_state,
    error_details,
    error_with_checks,
    operation_details,
    request_details,
)
from codat_notebook.widgets.notice import record_item

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
SENT = {
    "id": "1f05070e-4d32-415c-a000-00009e80187d", "companyId": "c8d3af58-7011-47ce-b3f2-89faf300ef6d",
    "connectionId": "4b2a7c1e-70e9-4c1e-9a5f-6f2f2a9d2d11", "dataType": "creditNotes", "status": "PermissionsError",
    "statusDescription": None, "errorMessage": "User lacks the role", "requested": "2026-11-23T13:58:07.1234567Z",
    "completed": "2026-11-23T13:58:18", "progress": 35, "isCompleted": False, "isErrored": True,
}  # fmt: skip
OPERATION = PullOperation(
    id=SENT["id"], company_id=SENT["companyId"], connection_id=SENT["connectionId"], data_type="creditNotes",
    status="PermissionsError", error_message="User lacks the role", requested=SENT["requested"],
    completed=SENT["completed"], progress=35, is_errored=True,
)  # fmt: skip
CONNECTION = Connection(
    id=SENT["connectionId"], status="Linked", platform_name="Oracle NetSuite", link_url="https://link.codat.io/c/1"
)


#: Statuses of operations that ended before Codat had anything to check.
UNREAD = [
    "AuthError", "FetchError", "RateLimitError", "PermissionsError", "PrerequisiteNotMet", "NotSupported", "Cancelled",
    "MapError",
]  # fmt: skip


def texts(state):
    """The fields' texts by name."""
    return {field["name"]: field["text"] for field in state["fields"]}


def test_an_operation_says_every_field_as_codat_names_it():
    """The JSON is what Codat sent, the fields are the same; times are UTC; platform and duration are added."""
    state = operation_details(OPERATION, CONNECTION, (), NOW)
    assert json.loads(state["json"]) == SENT
    said = texts(state)
    assert said.keys() == {name for name, value in SENT.items() if value is not None} | {"platform", "duration"}
    assert (said["isErrored"], said["progress"], said["duration"]) == ("yes", "35", "11 s")
    kinds = {field["name"]: field["kind"] for field in state["fields"]}
    assert (kinds["requested"], kinds["completed"], kinds["companyId"], kinds["status"]) == (
        "time",
        "time",
        "id",
        "text",
    )
    assert said["requested"] == "2026-11-23T13:58:07.123456+00:00"
    assert (state["title"], state["status"]) == (
        "Credit notes from Oracle NetSuite",
        ["No permission", "bad", "PermissionsError"],
    )
    assert state["about"] == "creditNotes"


def test_a_failed_operation_has_the_card_of_its_remedy():
    """With the relink URL and the time at which it ended; one that went well has none."""
    card = operation_details(OPERATION, CONNECTION, (), NOW)["card"]
    assert card["link"] == CONNECTION.link_url
    assert "relink" in card["do"]
    assert card["when"] == "2026-11-23T13:58:18Z"
    good = operation_details(PullOperation(id="1", status="Complete", data_type="bills"), None, (), NOW)
    assert (good["card"], good["title"]) == (None, "Bills")
    assert "requested: missing" in texts(good)["not as documented"]


@pytest.mark.parametrize(
    ("status", "checks"),
    [("Complete", None), ("ValidationError", None), ("Fetching", "later"), *[(each, "never") for each in UNREAD]],
)
def test_only_what_was_read_is_said_to_be_checked(status: str, checks: str | None):
    """What ended before the checks has no results: none are asked for, and nothing is said to be found or not."""
    operation = PullOperation(id="1", company_id="k", data_type="bills", status=status)
    told = operation_details(operation, None, (), NOW)["checks"]
    assert (told and told["status"]) == checks
    if checks != "later":
        failed = {**dict.fromkeys(frames.ERRORS), "time": NOW, "what": "x", "why": "", "action": "", "status": status}
        asked = error_with_checks({**failed, "company_id": "k", "operation_id": "1"})[1]
        assert asked == (None if checks else ("k", "1"))


def test_what_runs_lasts_from_a_time_that_every_browser_reads_alike():
    """Codat's times may come without a zone, which a browser would take for its own."""
    operation = PullOperation(id="1", data_type="bills", status="Fetching", requested="2026-11-23T13:58:07.1234567")
    (lasting,) = [each for each in operation_details(operation, None, (), NOW)["fields"] if each["kind"] == "since"]
    assert lasting == {"name": "duration", "text": "2026-11-23T13:58:07.123Z", "kind": "since"}


def test_an_odd_time_is_shown_as_it_came():
    """Codat's published material holds an impossible one."""
    operation = PullOperation(id="1", status="Complete", data_type="bills", requested="2026-11-23T23:59:99Z")
    field = next(f for f in operation_details(operation, None, (), NOW)["fields"] if f["name"] == "requested")
    assert (field["text"], field["kind"]) == ("2026-11-23T23:59:99Z", "text")


def test_an_error_opens_to_the_card_of_its_notice():
    """The same words, times, link and text for support, made from the row of the frame alone."""
    record = ErrorRecord(
        time=NOW, what="The company could not be read", why="Codat finds nothing under this id.", status="404",
        action="Check the id.", correlation_id="7eb4", link_url="https://link.codat.io/c/1",
        company_id=SENT["companyId"],
    )  # fmt: skip
    later = ErrorRecord(time=NOW + timedelta(hours=1), what="x", why="", action="", operation_id="1")
    frame = frames.errors([record, later])
    rows = [{name: frame[name].iloc[n] for name in frame} for n in (0, 1)]
    state = error_details(rows[0])
    assert state["card"] == record_item(record)
    assert texts(state).keys() == {"time", "status", "link_url", "correlation_id", "company_id"}
    assert (state["title"], state["status"]) == (record.what, ["404", "bad", "404"])
    assert error_details(rows[1])["status"] is None


def test_a_request_without_an_answer_says_so():
    """Its status is missing, and everything else that is known stands there."""
    row = {"time": pd.Timestamp(NOW), "call": "companies.list", "status": pd.NA, "ms": 12.5, "error": "refused"}
    state = request_details(row)
    assert state["status"] == ["No answer", "bad", "No answer"]
    assert texts(state) == {
        "time": NOW.isoformat(), "call": "companies.list", "ms": "12.5", "error": "refused",
    }  # fmt: skip


@pytest.mark.parametrize(("status", "tone"), [(200, "ok"), (429, "warn"), (404, "bad"), (503, "bad")])
def test_a_request_has_one_colour_in_table_and_details(status: int, tone: str):
    """What only has to wait is no failure, wherever it is shown."""
    row = {"time": pd.Timestamp(NOW), "call": "companies.list", "status": status}
    assert request_details(row)["status"] == [str(status), tone, str(status)]
    in_table = REQUEST_COLUMNS["status"].tone
    assert in_table is not None
    assert in_table(row) == tone


def test_findings_are_cut_and_the_others_counted():
    """A source of a thousand wrong records does not flood the page."""
    many = [ErrorValidationItem(item_id=str(n), message="wrong", rule_id="rule") for n in range(MOST + 7)]
    state = checks_state("ready", ValidationResults(errors=many))
    assert (len(state["errors"]), state["more"]) == (MOST, [7, 0])
    assert state["errors"][0] == {"message": "wrong", "rule": "rule", "item": "0"}
