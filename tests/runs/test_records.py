"""Errors in plain words, and the logs that keep them."""

from datetime import UTC, datetime

import pytest

from codat_notebook.client import wire
from codat_notebook.models import errors
from codat_notebook.models.shared import Connection, PullOperation
from codat_notebook.models.status import FAILURES
from codat_notebook.runs.records import ErrorRecord, Log, Subject, from_exception, from_operation

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


def refusal(status: int, said: str = "", **attributes: object) -> errors.CodatLendingError:
    """An error of Codat's with a body."""
    error = errors.ErrorMessage(
        errors.ErrorMessageData(error=said or None, correlation_id="c0ffee"), status_code=status
    )
    for name, value in attributes.items():
        setattr(error, name, value)
    return error


@pytest.mark.parametrize(
    ("error", "why", "action"),
    [
        (refusal(401), "did not accept the key", "Check the key"),
        (refusal(402), "plan", "account manager"),
        (refusal(404, "No such company"), "Codat says: No such company.", "Check the id"),
        (refusal(503), "an internal error", "in a few minutes"),
        (refusal(429, retry_at=NOW), "limit on requests", "Try again at 2026-11-23T14:00:00Z."),
        (refusal(400, queued="no"), "", "Nothing was queued."),
        (errors.NoResponseError("No answer from https://x to GET /companies: refused"), "https://x", "network"),
        (errors.ResponseValidationError("No JSON"), "does not look like", "proxy"),
        (errors.InvalidRequestError("company_id is 'x', not a UUID"), "'x'", "Correct"),
    ],
)
def test_an_exception_says_why_and_what_to_do(error: Exception, why: str, action: str) -> None:
    """Each kind of trouble has its own advice; what Codat said itself is kept."""
    record = from_exception(error, "It failed", NOW)
    assert why in record.why
    assert action in record.action


@pytest.mark.parametrize("status", errors.ADVICE)
def test_the_client_and_the_session_give_the_same_advice(status: int) -> None:
    """What an HTTP status means and what to do stands in one place: an exception's message and its record say it."""
    request = wire.Request("GET", "/companies", base="https://x")
    error = wire.error(request, wire.Answer(status, {}, b"", 0.0, 0.0))
    why, action = errors.ADVICE[status]
    assert error.message.endswith(f"{why} {action}")
    record = from_exception(error, "It failed", NOW)
    assert (record.why, record.action) == (why, action)


def test_a_type_that_no_platform_has_is_no_wrong_id() -> None:
    """Codat answers 404 to both; its words tell which."""
    body = b'{"statusCode": 404, "error": "Datatype journals not supported by platform(s) Xero"}'
    request = wire.Request("POST", "/companies/x/data/queue/journals", base="https://x")
    record = from_exception(wire.error(request, wire.Answer(404, {}, body, 0.0, 0.0)), "It failed", NOW)
    assert record.why.startswith("The platform has no such data. Codat says: Datatype journals")
    assert "id" not in record.action.split()


def test_doubt_about_queueing_is_said() -> None:
    """Where an operation may exist, the advice is to look before queueing again."""
    record = from_exception(
        refusal(503, queued="unknown"), "It failed", NOW, Subject(company_id="c", data_type="bills")
    )
    assert "may have been queued anyway" in record.action
    assert (record.company_id, record.data_type, record.correlation_id) == ("c", "bills", "c0ffee")


@pytest.mark.parametrize("status", [*FAILURES, "QuantumError"])
def test_every_failure_has_a_cause_and_a_remedy(status: str) -> None:
    """Also one that nobody has seen; a relink URL is given where a relink helps and nowhere else."""
    operation = PullOperation(
        id="o", data_type="bills", status=status, error_message="as Codat says", connection_id="k"
    )
    connection = Connection(id="k", status="Linked", platform_name="FreeAgent", link_url="https://link")
    record = from_operation(operation, connection, (), NOW)
    assert record.what == "Bills could not be refreshed from FreeAgent"
    assert "as Codat says" in record.why
    assert record.action.endswith(".")
    assert (record.link_url is not None) == (status in ("AuthError", "PermissionsError"))


def test_a_log_keeps_the_newest_and_tells_its_observers() -> None:
    """Bounded, in order; an observer that has left hears no more."""
    log: Log[ErrorRecord] = Log(kept=2)
    heard: list[str] = []
    forget = log.observe(lambda record: heard.append(record.what))
    for what in "abc":
        log.append(ErrorRecord(time=NOW, what=what, why="", action=""))
    forget()
    log.append(ErrorRecord(time=NOW, what="d", why="", action=""))
    assert [record.what for record in log] == ["c", "d"]
    assert heard == ["a", "b", "c"]


def test_what_codat_says_is_not_said_twice():
    """Where its message is the cause with the platform's name in it, the cause is enough."""
    netsuite = Connection(platform_name="Oracle NetSuite")
    operation = PullOperation(
        data_type="items", status="NotSupported", error_message="Oracle NetSuite has no such data."
    )
    assert from_operation(operation, netsuite, (), NOW).why == "The platform has no such data."
    other = PullOperation(data_type="items", status="NotSupported", error_message="Items are off in this plan.")
    assert from_operation(other, netsuite, (), NOW).why.endswith("no such data. Items are off in this plan.")


def test_what_waits_is_not_said_to_have_failed():
    """The same sentence is right of both, and of names in the plural."""
    stuck = PullOperation(data_type="profitAndLoss", status="Queued", requested="2026-11-20T14:00:00")
    assert from_operation(stuck, None, (), NOW).what == "Profit and loss could not be refreshed yet"
