"""Looking in the history: what counts as the intent's, as over, as requested since; how far back pages are read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from codat_notebook.client import lookup
from codat_notebook.client.lookup import Intent
from codat_notebook.models import errors
from codat_notebook.models.shared import PullOperation

from .simulated import BANK_A, BANK_B, COMPANY, Stage

START = datetime(2026, 11, 23, 14, tzinfo=UTC)


def at(seconds: float) -> str:
    """So many seconds after the start, as Codat writes it."""
    return f"{START + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def made(seconds: float, status: str = "Complete", ended: float | None = None, **fields: Any) -> PullOperation:
    """An operation requested so many seconds after the start."""
    fields = {"company_id": COMPANY, "connection_id": BANK_A, "data_type": "invoices", **fields}
    completed = None if ended is None else at(ended)
    return PullOperation(id=f"at {seconds}", requested=at(seconds), completed=completed, status=status, **fields)


@pytest.mark.parametrize(
    ("intent", "fields", "covered"),
    [
        (Intent(COMPANY, "invoices"), {}, True),
        (Intent(COMPANY), {}, True),
        (Intent(COMPANY.upper(), "invoices", BANK_A.upper()), {}, True),
        (Intent(COMPANY, "invoices"), {"company_id": ""}, True),
        (Intent(COMPANY, "bills"), {}, False),
        (Intent(COMPANY, "invoices"), {"data_type": "bills"}, False),
        (Intent(COMPANY, "bills"), {"data_type": "invoices"}, False),
        (Intent(COMPANY, "invoices", BANK_A), {"connection_id": BANK_B}, False),
        (Intent(COMPANY, "invoices", BANK_B), {"connection_id": BANK_A}, False),
        (Intent(BANK_A, "invoices"), {}, False),
        (Intent(COMPANY, "invoices"), {"company_id": BANK_A}, False),
    ],
)
def test_what_an_intent_covers(intent: Intent, fields: dict[str, str], covered: bool) -> None:
    """Company, type and connection as far as they are told, ids in either case; what is not told excludes none."""
    assert intent.covers(made(0, **fields)) == covered


def test_an_intent_in_words() -> None:
    """What is refreshed, of which connection."""
    assert [str(Intent(COMPANY, "bills", "k")), str(Intent(COMPANY, "bills")), str(Intent(COMPANY))] == [
        "bills k", "bills", "all data types",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "over"),
    [
        (made(-60, ended=-1), True),
        (made(-60, ended=0), False),
        (made(-60, ended=1), False),
        (made(-60), True),  # of which it is told only when it was requested
        (made(5), False),
        (made(-60, "Fetching"), False),
        (PullOperation(status="Complete"), True),
    ],
)
def test_what_was_over_before(operation: PullOperation, over: bool) -> None:
    """Its end decides, else its request; what runs is not over, what nothing is told of is."""
    assert lookup.ended_before(operation, START) == over
    assert lookup.ended_before(operation, None) == (operation.status == "Complete")


def look(history: list[list[PullOperation]], since: datetime | None = START) -> tuple[list[str], int]:
    """The candidates in these pages, by id, and how many pages were asked for."""
    stage = Stage()
    flow = lookup.candidates(stage.call(), Intent(COMPANY, "invoices"), lambda: since, {"at 77"})
    sent, result = 0, None
    try:
        while True:
            flow.send(result)
            result = _answer(history, sent)
            sent += 1
    except StopIteration as stop:
        return [operation.id for operation in stop.value], sent


def _answer(history: list[list[PullOperation]], number: int) -> Any:
    import json

    import msgspec

    from codat_notebook.client.wire import Answer

    more = {"next": {"href": "/next"}} if number + 1 < len(history) else {}
    rows = [{k: v for k, v in msgspec.to_builtins(each).items() if k != "(notes)"} for each in history[number]]
    body = {
        "results": rows, "pageNumber": number + 1, "pageSize": 200, "totalResults": 9999,
        "_links": {"current": {"href": "/"}, "self": {"href": "/"}, **more},
    }  # fmt: skip
    return Answer(200, {}, json.dumps(body).encode(), 0.0, 0.0)


def test_pages_are_read_until_one_is_older() -> None:
    """In order, the first page that holds something older is the last; what is near or runs counts as new."""
    new = [made(30), made(20), made(-29)]
    old = [made(-31), made(-40)]
    assert look([new, old, old]) == (["at 30", "at 20", "at -29"], 2)
    assert look([[made(30), made(-31)], new]) == (["at 30"], 1)
    assert look([[made(30), made(-99, "Fetching")], old]) == (["at 30", "at -99"], 2)


def test_a_page_out_of_order_is_not_the_last() -> None:
    """An operation behind older ones is found, and the newest comes first."""
    assert look([[made(-40), made(10)], [made(20)]]) == (["at 20", "at 10"], 2)
    assert look([[made(10), PullOperation(id="x", status="Complete")], [made(20)]]) == (["at 20", "at 10"], 2)


def test_others_and_strangers_are_no_candidates() -> None:
    """What another intent has, and what is of another type or connection's company."""
    assert look([[made(77), made(30, data_type="bills"), made(20)]]) == (["at 20"], 1)


def test_a_history_that_is_too_long_is_told() -> None:
    """Ten pages are read, no more."""
    assert look([[made(30)]] * 10)[1] == 10
    with pytest.raises(errors.ResponseValidationError):
        look([[made(30)]] * 11)
