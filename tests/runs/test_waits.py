"""The matrix of faults: whatever Codat does, and to whichever call, every wait is told and none is without end."""

from itertools import product
from typing import Any

import pytest

from codat_notebook.runs.cells import OVERDUE
from codat_notebook.runs.context import SILENCE
from codat_notebook.runs.run import RefreshRun

from .virtual import Stage, staged

YEARS = str(30 * 365 * 86_400)
NO_ROWS = {"results": [], "totalResults": 0, "_links": {"next": {"href": "/x?page=2"}}}
FAULTS: dict[str, dict[str, Any]] = {
    "503": {"status": 503},
    "503 for years": {"status": 503, "headers": {"Retry-After": YEARS}},
    "503 for hours": {"status": 503, "headers": {"Retry-After": "7200"}},
    "429 for a while": {"status": 429, "headers": {"Retry-After": "30"}},
    "429 for hours": {"status": 429, "headers": {"Retry-After": "7200"}},
    "429 for years": {"status": 429, "headers": {"Retry-After": YEARS}},
    "429 until 9999": {"status": 429, "headers": {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}},
    "year 9999": {"headers": {"Date": "Fri, 31 Dec 9999 23:59:59 GMT", "X-Rate-Limit-Reset": "9999-12-31T23:59:59Z"}},
    "no answer": {"reset_after": 0},
    "a login page": {"status": 200, "body": "<html>Welcome to Hotel WiFi"},
    "cut off": {"status": 200, "body": '{"id": '},
    "pages without rows": {"status": 200, "body": NO_ROWS},
    "409": {"status": 409},
    "511": {"status": 511},
}
CALLS = {
    "queue": "POST /companies/*", "history": "GET /companies/*/data/history*", "company": "GET /companies/*",
    "integrations": "GET /integrations*", "all": "*",
}  # fmt: skip
CASES = list(product(CALLS, FAULTS, (1, 2)))
#: Seconds by which the last wait must be over.
LONGEST = OVERDUE.total_seconds() + 86_400


def _run(stage: Stage, companies: list[str], seconds: int) -> tuple[RefreshRun, float, int]:
    """A run to its end, after how many seconds that was, and for how many of the first ``seconds`` it was silent at the
    longest while nothing was known to run at Codat."""
    silent, longest, end = 0, 0, 0.0

    def listen(run: RefreshRun) -> None:
        nonlocal silent, longest, end
        end = end if run.done else stage.loop.time() - stage.born
        silent = 0 if run.done or run.note or run.counts.get("running") else silent + 1
        longest = max(longest, silent)

    at: dict[float, Any] = {second + 0.5: listen for second in range(seconds)}
    at |= {hours * 3600.0: listen for hours in range(1, int(LONGEST // 3600))}
    run = stage.run({id: ["items"] for id in companies}, at=at | {LONGEST: RefreshRun.stop_watching})
    return run.wait(60), end, longest


@pytest.mark.parametrize(("call", "fault", "size"), [
    pytest.param(*case, marks=[] if place % 9 == 0 else pytest.mark.full) for place, case in enumerate(CASES)
])  # fmt: skip
def test_what_comes_and_goes_is_told(call: str, fault: str, size: int) -> None:
    """Nothing is waited for in silence for longer than ten seconds; what has not succeeded says why and what to do."""
    with staged(150) as stage:
        place = CASES.index((call, fault, size))  # a doubt about an intent stays in the process
        ids = [stage.ids[(2 * place + number) % 100] for number in range(size)]
        stage.faults.next(None, until="90s", match=CALLS[call], **FAULTS[fault])
        run, end, silent = _run(stage, ids, 150)
        assert run.done
        assert end < LONGEST - 7200
        assert silent <= SILENCE + 1
        assert all(row.error is not None and row.error.action for row in run.rows if row.state != "complete")


@pytest.mark.parametrize(("call", "fault"), [
    ("history", "429 for hours"), ("company", "429 for hours"),
    *(pytest.param(*case, marks=pytest.mark.full) for case in (
        ("queue", "429 for hours"), ("history", "503 for hours"), ("integrations", "429 for hours"),
        ("all", "429 for hours"),
    )),
])  # fmt: skip
def test_what_never_ends_is_given_up(call: str, fault: str) -> None:
    """After a week without an answer, with an error, and a note where something may run at Codat."""
    with staged(150) as stage:
        stage.faults.next(None, match=CALLS[call], **FAULTS[fault])
        run, end, _ = _run(stage, stage.ids[120:122], 60)
        assert OVERDUE.total_seconds() - 86_400 < end < LONGEST - 7200
        assert list(stage.context.errors)
        assert run.phase == "failed" or run.counts == {"refused": 2} or "no answer from Codat" in str(run.note)
