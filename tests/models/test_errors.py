"""The exception tree: drawn, pickled, and caught as one."""

import pickle
import re
from datetime import UTC, datetime

import httpx
import pytest

from codat_notebook.models import errors

KINDS = [
    kind
    for name in errors.__all__
    if isinstance(kind := getattr(errors, name), type) and issubclass(kind, errors.CodatLendingError)
]


def test_the_docstring_draws_the_tree() -> None:
    """Every exception stands in the module's drawing, and nothing else does."""
    drawn = set(re.findall(r"^\W*(\w+Error|ErrorMessage)\b", errors.__doc__ or "", re.M))
    assert drawn == {kind.__name__ for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_all_are_of_one_family(kind: type[Exception]) -> None:
    """One except clause catches whatever this client raises."""
    assert issubclass(kind, errors.CodatLendingError)


def _examples() -> list[errors.CodatLendingError]:
    raw = httpx.Response(503, text="{}", request=httpx.Request("GET", "https://api.codat.io/companies"))
    data = errors.ErrorMessageData(status_code=503, error="Down", correlation_id="abc")
    return [
        errors.ErrorMessage(data, raw, message="503 from Codat"),
        errors.SDKError("It went wrong", raw),
        errors.NoResponseError("Nobody there"),
        errors.ResponseValidationError("Not JSON", raw, ValueError("at 3")),
        errors.InvalidRequestError("company_id is 'x'"),
        errors.NotAvailableError("not here"),
    ]


@pytest.mark.parametrize("error", _examples(), ids=lambda e: type(e).__name__)
def test_pickling_keeps_everything(error: errors.CodatLendingError) -> None:
    """An error that crosses to another process still says all it said."""
    error.queued, error.retry_at = "unknown", datetime(2026, 1, 1, tzinfo=UTC)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    for name in ("message", "status_code", "body", "queued", "retry_at", "correlation_id", "args"):
        assert getattr(again, name) == getattr(error, name)
    assert dict(again.headers) == dict(error.headers)
    assert str(again) == str(error)


def test_when_to_try_again_is_said_once_and_not_while_there_is_doubt() -> None:
    """A time at which to look for what may be queued is none at which to try again."""
    error = errors.SDKError("429 from Codat.")
    error.retry_at = datetime(2026, 1, 1, 6, 30, tzinfo=UTC)
    assert str(error) == "429 from Codat. Try again at 2026-01-01T06:30:00Z."
    error.message = str(error)
    assert str(error) == error.message
    error.queued, error.message = "unknown", "503 from Codat."
    assert str(error) == "503 from Codat."


def test_headers_ignore_case() -> None:
    """Headers are found however they are written."""
    error = errors.SDKError("x", headers={"Retry-After": "5"})
    assert (error.headers["retry-AFTER"], "retry-after" in error.headers, len(error.headers)) == ("5", True, 1)


def test_made_as_the_official_sdk_makes_them() -> None:
    """Message, raw response, body by position, as existing code does."""
    raw = httpx.Response(418, text="teapot")
    error = errors.SDKError("Refused", raw)
    assert (error.status_code, error.body, error.raw_response) == (418, "teapot", raw)
    caused = errors.ResponseValidationError("Refused", raw, ValueError("why"), "text")
    assert (caused.body, str(caused.cause), str(caused)) == ("text", "why", "Refused: why")
