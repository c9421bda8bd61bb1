"""Runs of many companies on virtual time, against the sandbox's own books."""

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pandas as pd
import pytest

from codat_notebook.runs.journal import Start
from codat_notebook.runs.rows import STATES
from codat_notebook.runs.run import RefreshRun
from codat_notebook.runs.targets import everything

from .conftest import DEADLINE
from .virtual import START, Stage, staged

TYPES = ["invoices", "bills", "customers"]


def plan(stage: Stage, number: int, types: list[str] = TYPES) -> dict[str, list[str]]:
    """So many companies, and types of each."""
    return dict.fromkeys(stage.ids[:number], types)


def twice(stage: Stage) -> list[object]:
    """What the sandbox accepted more than once."""
    booked = Counter((entry.company_id, entry.data_type, entry.connection_id) for entry in stage.world.accepted)
    return [key for key, number in booked.items() if number > 1]


def true_ends(stage: Stage, run: RefreshRun) -> bool:
    """Whether every operation stands in the frame as Codat has it."""
    frame = run.operations
    pairs = zip(frame.company_id, frame.id, frame.status, strict=True)
    return all(stage.world.operation(company, id)["status"] == status for company, id, status in pairs)


def test_every_operation_of_every_company_is_queued_once_and_reaches_its_end() -> None:
    """Forty companies: the frames, the counts and the summary say what the sandbox's books say."""
    with staged(80, per_minute=1000) as stage:
        run = stage.run(plan(stage, 40)).wait(DEADLINE)
        assert (run.phase, run.company_name, run.company_id) == ("done", "40 companies", "")
        assert len(stage.world.accepted) == 120
        assert twice(stage) == []
        assert true_ends(stage, run)
        assert sum(run.counts.values()) == len(run.rows) == len(run.operations) >= 120
        summary = run.summary
        assert summary.operations.sum() == len(run.rows)
        assert summary.complete.sum() == run.counts["complete"]
        assert summary.phase.eq("with failures").tolist() == (summary.failed > 0).tolist()
        assert set(summary.phase) == {"done", "with failures"}
        assert summary.company_id.tolist() == run.company_ids
        assert stage.service.traffic.at_once <= 10
        assert (run.progress.share, run.progress.expected_end) == (1, None)
        assert "40 companies: 120 of 120 ended (100%)" in run.line
        assert len(run.rows_of(run.company_ids[7])) == 3


def test_the_limits_are_kept_so_that_codat_never_refuses() -> None:
    """The server counts the minute and the requests at a time itself, and has nothing to complain about."""
    with staged(60, per_minute=60, concurrent=10, latency=0.3) as stage:
        stage.faults.per_minute = 60
        run = stage.run(plan(stage, 30)).wait(DEADLINE)
        assert run.phase == "done"
        assert set(stage.statuses) == {200}
        assert len(stage.world.accepted) == 90


def test_the_run_pauses_at_the_reserve_of_the_quota_and_goes_on_at_its_reset() -> None:
    """Half of the day's requests are left to others; the rest of the plan is queued after midnight."""
    with staged(60, quota=100) as stage:
        notes: set[str | None] = set()
        watch = {0: lambda run: run.observe(lambda: notes.add(run.note))}
        run = stage.run(plan(stage, 30), at=watch, reserve=0.5).wait(DEADLINE)
        assert run.phase == "done"
        assert set(stage.statuses) == {200}
        days = Counter(entry.at // (86_400 * 10**7) for entry in stage.world.accepted)
        assert len(days) > 1
        assert max(days.values()) <= 50
        assert any(note and "The day's quota is down to its reserve; continuing at" in note for note in notes)


def test_the_trouble_of_one_company_is_its_own() -> None:
    """One is unknown and one is down: both say so, the others end."""
    with staged(20) as stage:
        gone, down = "00000000-0000-4000-8000-000000000000", stage.ids[3]
        stage.faults.next(None, until="1h", status=503, match=f"GET /companies/{down}/data/history*")
        stage.faults.rate_limit(20, retry_after=50, match=f"POST /companies/{down}/*")
        run = stage.run({gone: ["invoices"], **plan(stage, 10)}).wait(DEADLINE)
        assert run.phase == "done"
        summary = run.summary.set_index("company_id")
        assert (summary.phase[gone], summary.refused[gone]) == ("failed", 1)
        assert summary.phase.drop(gone).eq("done").tolist() == (summary.failed.drop(gone) == 0).tolist()
        assert true_ends(stage, run)
        ends = {row.company_id: row.seen for row in run.rows if row.seen is not None}
        assert max(ends, key=lambda id: ends[id]) == down


def test_no_answer_is_waited_for_in_silence() -> None:
    """After ten seconds the note, the line and the error log say for whom, for how long and why: where a company's
    POSTs fail, where its history does, and where nothing is known of the companies yet."""
    for match in ("POST /companies/*", "GET /companies/*/data/history*", "GET /companies/*"):
        with staged(20) as stage:
            stage.faults.next(None, until="5m", status=503, match=match)
            notes: list[str] = []
            first = {9.0: lambda run, notes=notes: notes.append(str(run.note))}
            later = {15.0 + n: lambda run, notes=notes: notes.append(run.line) for n in range(3)}
            stage.run({stage.ids[0]: ["items"]}, at=first | later).wait(DEADLINE)
            assert "waiting" not in notes[0]
            assert all("for Codat" in note and "(status 503)" in note for note in notes[1:]), (match, notes)
            told = [error for error in stage.context.errors if "s and more" in error.why]
            assert told
            assert all("503" in error.why and error.company_id == stage.ids[0] for error in told)


@pytest.mark.parametrize(("match", "status"), [("POST /companies/{}/*", 429), ("GET /companies/{}/data/history*", 503)])
def test_a_wait_of_thirty_years_is_one_companys_and_no_wait(match: str, status: int) -> None:
    """The others end; what should wait for more than a day is left to the user, with the time that was told."""
    with staged(20) as stage:
        slow = stage.ids[3]
        years = {"Retry-After": str(30 * 365 * 86400)}
        stage.faults.next(None, until="1h", status=status, headers=years, match=match.format(slow))
        run = stage.run(plan(stage, 5)).wait(DEADLINE)
        others = [row for row in run.rows if row.company_id != slow]
        assert all(row.state in ("complete", "failed") for row in others)
        assert max(row.seen for row in others if row.seen is not None) < START + timedelta(hours=1)
        if status == 429:
            assert {row.state for row in run.rows_of(slow)} == {"refused"}
            assert all(row.error and row.error.retry_at for row in run.rows_of(slow))


def test_a_short_wait_of_one_company_keeps_no_other_waiting() -> None:
    """It waits alone, and in sight; then it is queued."""
    with staged(20) as stage:
        slow = stage.ids[3]
        stage.faults.next(3, status=429, headers={"Retry-After": "3000"}, match=f"POST /companies/{slow}/*")
        notes: list[str] = []
        run = stage.run(plan(stage, 5), at={1000.0: lambda run: notes.append(str(run.note))}).wait(DEADLINE)
        assert "to be retried from" in notes[0]
        assert set(run.counts) <= {"complete", "failed"}
        late = {row.company_id for row in run.rows if row.seen and row.seen.minute >= 40}
        assert late == {slow}


def test_a_key_that_is_refused_ends_the_run() -> None:
    """That is no company's trouble: it is told once, and nothing more is sent."""
    with staged(20) as stage:
        stage.faults.next(None, status=401, match="POST *")
        run = stage.run(plan(stage, 10)).wait(DEADLINE)
        assert run.phase == "failed"
        assert "key" in str(run.note)
        assert run.counts == {"refused": 30}
        assert len(stage.context.errors) == 1


def test_an_outage_is_waited_out_and_nothing_is_queued_twice() -> None:
    """Ten minutes of nothing but 503 in the middle: the others wait, few requests are tried, all is queued once."""
    with staged(80, per_minute=200) as stage:
        run = stage.run(plan(stage, 40), at={10: lambda _: stage.faults.outage("10m")}).wait(DEADLINE)
        assert run.phase == "done"
        assert twice(stage) == []
        assert true_ends(stage, run)
        assert len(stage.world.accepted) == 120
        assert stage.statuses.count(503) < 800  # 550 to 600 were seen; without waiting it would be thousands


def test_an_outage_is_waited_out_also_where_everything_is_refreshed() -> None:
    """What Codat would queue is asked for as patiently as it is queued."""
    with staged(60) as stage:
        start = Start.of(stage.context, everything(stage.ids[:12]))
        stage.faults.next(None, until="10m", status=503, match="GET /companies/*/syncSettings")
        run = stage._begin(lambda: start, {}).wait(DEADLINE)
        assert "refused" not in run.counts
        assert len(stage.world.accepted) == 12


def test_a_run_that_begins_with_the_quota_used_up_waits_for_its_reset() -> None:
    """Not even the companies can be read today; tomorrow everything is queued."""
    with staged(60, quota=20) as stage:
        for _ in range(20):
            stage.engine.call(stage.context.client.companies.list_async(request={"page_size": 1}))
        notes: set[str | None] = set()
        run = stage.run(plan(stage, 6, ["items"]), at={1: lambda run: notes.add(run.note)}).wait(DEADLINE)
        assert notes.pop().startswith("Codat asks us to wait until")  # type: ignore[union-attr]
        assert run.phase == "done"
        assert len(stage.world.accepted) == 6


def test_a_paused_run_queues_nothing_more_until_it_is_resumed() -> None:
    """What is queued is followed meanwhile; afterwards everything is queued."""
    with staged(40, per_minute=60) as stage:
        accepted, counted = stage.world.accepted, []
        look = lambda run: counted.append((len(accepted), run.note.partition(";")[0]))  # noqa: E731 - a happening like the others
        happenings = {20: RefreshRun.pause, 30: look, 3600: look, 3601: RefreshRun.resume}
        run = stage.run(plan(stage, 20), at=happenings).wait(DEADLINE)
        assert counted[0] == counted[1]
        assert counted[0][0] < 60
        assert counted[0][1] == "paused: nothing more is queued"
        assert len(accepted) == 60
        assert run.phase == "done"


def test_observers_are_told_a_few_times_a_second_and_of_the_end() -> None:
    """However many operations change; one that fails does not harm the run."""
    with staged(60) as stage:
        told: list[tuple[float, bool]] = []

        def watch(run: RefreshRun) -> None:
            run.observe(lambda: told.append((stage.loop.time(), run.done)))
            run.observe(lambda: 1 / 0)

        stage.run(plan(stage, 30), at={0: watch}).wait(DEADLINE)
        assert told[-1][1]
        gaps = [later - first for (first, _), (later, _) in pairwise(told[:-1])]
        assert min(gaps) > 0.19
        assert {type(failure["exception"]) for failure in stage.loop.failures} == {ZeroDivisionError}
        stage.loop.failures.clear()


def test_only_what_can_be_helped_is_tried_again() -> None:
    """A missing permission and a type that the platform lacks are not."""
    with staged(20) as stage:
        run = stage.run(plan(stage, 1, ["customers"])).wait(DEADLINE)
        with pytest.raises(ValueError, match=r"run\.errors says"):
            run.retry_failed()


def test_a_plan_is_run_as_it_says() -> None:
    """Rows to skip are remembered, empty plans end at once, columns are the same in all frames."""
    with staged(20) as stage:
        one, two = stage.ids[:2]
        frame = pd.DataFrame(
            {"company_id": [one, two], "data_type": ["bills", "bills"], "action": ["queue", "skip"], "reason": "fresh"}
        )
        run = stage.run(frame).wait(DEADLINE)
        assert (run.company_id, run.phase) == (one, "done")
        assert run.skipped[["company_id", "reason"]].to_numpy().tolist() == [[two, "fresh"]]
        nothing = stage.run(frame[frame.action == "skip"]).wait(DEADLINE)
        assert (nothing.phase, nothing.counts, nothing.rows) == ("done", {}, ())
        assert nothing.summary.dtypes.map(str).equals(run.summary.dtypes.map(str))
        assert {"not_queued", *(state for state in STATES if " " not in state)} <= set(run.summary.columns)


def test_progress_is_told_in_lines() -> None:
    """Outside notebooks `wait` tells how far it is; the last line tells the end."""
    with staged(20) as stage:
        lines: list[str] = []
        run = stage.run(plan(stage, 4)).wait(DEADLINE, tell=lines.append)
        assert lines[-1] == run.line
        assert lines[-1].startswith("4 companies: 12 of 12 ended (100%)")
