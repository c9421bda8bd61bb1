"""Labelled situations, written from Codat's documents by another hand than the rules: what is advised, and by whom.

Each case of ``cases.json`` names its source and why. Times are hours (or days) before one moment.
"""

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from codat_notebook.diagnosis import Advice, diagnose
from codat_notebook.models.shared import (
    Connection,
    DataConnectionError,
    ErrorValidationItem,
    PullOperation,
    ValidationResults,
)

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
CASES = json.loads(Path(__file__).with_name("cases.json").read_text(encoding="utf-8"))
_NUMBERS = count(1)


def ago(hours: float | None, now: datetime = NOW) -> str | None:
    """A time as Codat writes it."""
    return None if hours is None else f"{now - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"


def operation(case: dict[str, Any], now: datetime = NOW) -> PullOperation:
    """An operation of the case's connection."""
    return PullOperation(
        id=f"{next(_NUMBERS):08x}-0000-4000-8000-000000000000",
        connection_id="k",
        data_type=case["dataType"],
        status=case["status"],
        requested=ago(case.get("requestedHoursAgo"), now) or "",
        completed=ago(case.get("completedHoursAgo"), now),
        error_message=case.get("errorMessage"),
        status_description=case.get("statusDescription"),
    )


def connection(case: dict[str, Any], now: datetime) -> Connection:
    """The case's connection."""
    return Connection(
        id="k",
        status=case["status"],
        integration_key=case.get("integrationKey"),
        platform_name=case.get("platformName", ""),
        source_type=case.get("sourceType", ""),
        created=ago(24 * case["linkedDaysAgo"], now) if "linkedDaysAgo" in case else "",
        connection_info=case.get("connectionInfo"),
        data_connection_errors=[
            DataConnectionError(
                status_code=error.get("statusCode"),
                status_text=error.get("statusText"),
                error_message=error.get("errorMessage"),
                resolved_on_utc=ago(error.get("resolvedHoursAgo"), now),
            )
            for error in case.get("dataConnectionErrors", ())
        ],
    )


def validation(case: dict[str, Any]) -> ValidationResults:
    """What the checks found."""
    findings = {
        kind: [ErrorValidationItem(message=finding.get("message")) for finding in case.get(kind) or ()]
        for kind in ("errors", "warnings")
    }
    return ValidationResults(**findings)


def advise(case: dict[str, Any]) -> Advice:
    """The advice for a case."""
    now = datetime.fromisoformat(case["now"]) if "now" in case else NOW
    return diagnose(
        operation(case["operation"], now),
        connection(case["connection"], now) if case.get("connection") else None,
        [operation(each, now) for each in case.get("history", ())],
        validation=validation(case["validation"]) if case.get("validation") else None,
        now=now,
    )


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_advice(case: dict[str, Any]) -> None:
    """Whether and when to refresh again, who has to act, and whether relinking is the way."""
    advice, expect = advise(case), case["expect"]
    assert advice.retry in expect["retry"]
    assert advice.retry not in expect.get("harmful", ())
    assert advice.who in expect["who"]
    assert expect.get("relink") in (None, advice.relink)
    assert expect.get("oneCause") in (None, advice.one_cause)
    if advice.retry == "later" and "retryAfterHours" in expect:
        low, high = (timedelta(hours=hours) for hours in expect["retryAfterHours"])
        assert advice.retry_after is not None
        assert advice.retry_after[0] <= high
        assert advice.retry_after[1] >= low
