"""Runs that are tried again or watched again, on virtual time, against the sandbox's books."""

import shutil
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from codat_notebook.runs.attempts import carried
from codat_notebook.runs.company_run import CompanyRun
from codat_notebook.runs.journal import Start
from codat_notebook.runs.rows import Row
from codat_notebook.runs.run import RefreshRun
from codat_notebook.runs.store import JournalError
from codat_notebook.runs.targets import everything, read_targets

from .conftest import DEADLINE
from .test_products import PRODUCT, begun, kinds
from .test_scheduler import plan, true_ends, twice
from .virtual import Happenings, Stage, staged


def failing(stage: Stage, **ends: int) -> None:
    """Decide how the next operations end: so many in each status."""
    for status, number in ends.items():
        stage.faults.end_next(status, number)
    stage.faults.end_next("Complete", 999)


def ends_now(stage: Stage, status: str = "Complete") -> None:
    """Decide how all further operations end."""
    stage.world.orders.clear()
    stage.faults.end_next(status, 999)


def some(stage: Stage, number: int = 2, journal: Path | None = None, at: Happenings | None = None) -> RefreshRun:
    """A run of which two operations were cancelled, one met a limit and one lacks a permission."""
    failing(stage, Cancelled=2, RateLimitError=1, PermissionsError=1)
    run = stage.run(plan(stage, number), journal, at)
    return run if at else run.wait(DEADLINE)


def again(stage: Stage, run: RefreshRun, at: Happenings | None = None, **how: bool) -> RefreshRun:
    """Try again what failed, on the loop, whose time flies as soon as there is a timer."""

    async def begin() -> RefreshRun:
        successor = run.retry_failed(**how)
        for seconds, happen in (at or {}).items():
            stage.loop.call_later(seconds, happen, successor)
        return successor

    return stage.engine.call(begin())


def watched(stage: Stage, run: RefreshRun, **how: bool) -> RefreshRun:
    """Watch it again until it ends."""

    async def begin() -> RefreshRun:
        return run.watch_again(**how)

    return stage.engine.call(begin()).wait(DEADLINE)


def stopping(stage: Stage) -> Happenings:
    """The watching ends as soon as something has failed."""

    def stop(run: RefreshRun) -> None:
        run.stop_watching() if "failed" in run.counts else stage.loop.call_later(0.1, stop, run)

    return {1: stop}


def posts(stage: Stage) -> int:
    """How many operations the sandbox has queued."""
    return len(stage.world.accepted)


def test_a_retry_keeps_the_run() -> None:
    """What is done stays done, what no retry mends stays with its remedy, and what may be retried now is attempt 2."""
    with staged(20) as stage:
        run = some(stage)
        before, counts, frame = run.rows, run.counts, run.errors
        assert counts == {"complete": 2, "failed": 4}
        assert (run.retries.now, run.retries.later) == (2, 1)
        ends_now(stage)
        successor = again(stage, run).wait(DEADLINE)
        assert posts(stage) == 6 + 2
        assert successor.counts == {"complete": 4, "failed": 2}
        assert (successor.progress.total, successor.progress.companies, successor.progress.companies_ended) == (6, 2, 2)
        assert successor.summary.complete.sum() == 4
        assert Counter(row.attempt for row in successor.rows) == {1: 4, 2: 2}
        kept = {row.operation_id for row in before if not (row.error and row.error.status == "Cancelled")}
        assert kept == {row.operation_id for row in successor.rows if row.attempt == 1}
        assert Counter(successor.remedies.status) == {"RateLimitError": 1, "PermissionsError": 1}
        assert (run.rows, run.counts, run.phase) == (before, counts, "done")
        assert run.errors.equals(frame)
        assert true_ends(stage, successor)


def test_no_earlier_outcome_is_lost() -> None:
    """The row tells its attempts, the errors keep what failed before, and the operations show the newest."""
    with staged(20) as stage:
        failing(stage, Cancelled=1)
        first = stage.run(plan(stage, 1, ["bills"])).wait(DEADLINE)
        ends_now(stage, "FetchError")
        second = again(stage, first).wait(DEADLINE)
        ends_now(stage)
        assert second.errors[["attempt", "status"]].to_numpy().tolist() == [[1, "Cancelled"], [2, "FetchError"]]
        assert second.errors.action[0] == "See attempt 2."
        third = again(stage, second, later=True).wait(DEADLINE)
        (row,) = third.rows
        assert [each.state for each in row.attempts] == ["failed", "failed", "complete"]
        assert [each.operation_id for each in row.attempts[:2]] == [
            first.rows[0].operation_id,
            second.rows[0].operation_id,
        ]
        assert third.operations[["attempt", "status"]].to_numpy().tolist() == [[3, "Complete"]]
        assert third.errors[["attempt", "status", "retry"]].to_numpy().tolist() == [
            [1, "Cancelled", "never"],
            [2, "FetchError", "never"],
        ]
        assert set(third.errors.action) == {"Nothing to do: attempt 3 succeeded."}
        assert third.remedies.empty


def test_a_run_is_gone_on_with_once() -> None:
    """A second retry names the successor; a run that has not ended is told to wait."""
    with staged(20) as stage:
        run = some(stage)
        successor = again(stage, run)
        assert run.successor is successor
        assert run.retries == (0, 0, None, None)
        for act in (run.retry_failed, run.watch_again):
            with pytest.raises(RuntimeError, match=r"run\.successor: <RefreshRun of 2 companies") as caught:
                act()
            assert repr(successor)[:30] in str(caught.value)
        successor.wait(DEADLINE)
        unended: list[str] = []

        def early(run: RefreshRun) -> None:
            for act in (run.retry_failed, run.watch_again):
                with pytest.raises(RuntimeError, match="has not ended") as caught:
                    act()
                unended.append(str(caught.value))

        stage.run(plan(stage, 1), at={1: early}).wait(DEADLINE)
        assert len(unended) == 2


def test_what_says_later_is_offered_with_its_time_and_done_then() -> None:
    """Not before the diagnosis allows it; the rows wait in sight."""
    with staged(20) as stage:
        run = some(stage)
        (limit,) = run.errors[run.errors.status == "RateLimitError"].retry_at
        assert run.retries.first == run.retries.last == limit
        assert str(run.retries).startswith("2 can be retried now; 1 can be retried from 2026-11-24 ")
        ends_now(stage)
        seen: list[tuple[int, str, str]] = []
        look = {3600.0: lambda run: seen.append((posts(stage), run.note, run.line))}
        successor = again(stage, run, look, later=True).wait(DEADLINE)
        assert seen[0][0] == 6 + 2
        assert seen[0][1].startswith("1 to be retried from 2026-11-24 ")
        assert "5 of 6 ended (83%), 1 queueing, 1 failed; 1 to be retried from" in seen[0][2]
        assert "end expected" not in seen[0][2]
        assert successor.counts == {"complete": 5, "failed": 1}
        (last,) = [row for row in successor.rows if row.due is not None]
        assert last.operation is not None
        requested = successor.operations.set_index("id").requested[last.operation.id]
        assert limit <= requested < limit + timedelta(seconds=61)


def test_nothing_is_retried_before_its_time() -> None:
    """A limit of the platform is not; that is told with the time."""
    with staged(20) as stage:
        failing(stage, RateLimitError=1)
        run = stage.run(plan(stage, 1, ["bills"])).wait(DEADLINE)
        with pytest.raises(ValueError, match=r"1 can be retried from 2026-11-24 .*later=True"):
            run.retry_failed()
        assert run.successor is None
        assert posts(stage) == 1


@pytest.mark.parametrize("resumed", [False, True])
def test_a_wait_for_a_time_can_be_stopped_and_gone_on_with(tmp_path: Path, resumed: bool) -> None:
    """By hand in this kernel, by the journal in another: the attempt and its time are rows of the journal."""
    with staged(20) as stage:
        run = some(stage, journal=tmp_path / "j")
        due = run.retries.last
        assert due is not None
        assert due > run.now + timedelta(hours=2)
        ends_now(stage)
        stopped = again(stage, run, {3600: RefreshRun.stop_watching}, later=True).wait(DEADLINE)
        assert (stopped.phase, stopped.counts["queueing"], posts(stage)) == ("stopped", 1, 8)
        end = stage.resume(tmp_path / "j").wait(DEADLINE) if resumed else watched(stage, stopped, queue=True)
        assert (end.counts, posts(stage)) == ({"complete": 5, "failed": 1}, 9)
        assert Counter(row.attempt for row in end.rows) == {1: 3, 2: 3}
        assert end.operations.requested.max() >= due


def test_a_retry_goes_on_in_the_same_journal(tmp_path: Path) -> None:
    """Another kernel sees all attempts, and has nothing to queue."""
    journal = tmp_path / "j"
    with staged(20) as stage:
        ends = again(stage, some(stage, journal=journal)).wait(DEADLINE)
        sent = posts(stage)
        resumed = stage.resume(journal).wait(DEADLINE)
        assert (resumed.phase, resumed.counts, posts(stage)) == ("done", ends.counts, sent)
        assert resumed.rows == ends.rows
        assert resumed.errors.equals(ends.errors)
        assert resumed.operations.equals(ends.operations)
        fresh = stage.run(plan(stage, 1, ["items"]), journal).wait(DEADLINE)
        assert stage.resume(journal).wait(DEADLINE).rows == fresh.rows


def test_a_run_that_another_kernel_went_on_with_is_not_retried_here(tmp_path: Path) -> None:
    """Nor one whose journal holds another run now, or is gone. Nothing is queued, and it can be tried again."""
    journal = tmp_path / "j"
    with staged(20) as stage:
        run = some(stage, journal=journal)
        shutil.copy(journal, tmp_path / "kept")
        stage.resume(journal).wait(DEADLINE)
        sent = posts(stage)
        with pytest.raises(JournalError, match="continued elsewhere"):
            run.retry_failed()
        journal.unlink()
        with pytest.raises(JournalError, match="There is no journal"):
            run.retry_failed()
        assert (posts(stage), run.successor) == (sent, None)
        shutil.copy(tmp_path / "kept", journal)
        assert again(stage, run).wait(DEADLINE).phase == "done"


@pytest.mark.parametrize("seconds", [0.01, 0.06, 0.11, 0.3, 5])
def test_a_retry_that_was_cut_off_is_finished_with_nothing_lost_and_nothing_twice(
    tmp_path: Path, seconds: float
) -> None:
    """What a kill leaves of the journal is what was committed: another kernel goes on with attempt 2."""
    journal, left = tmp_path / "j", tmp_path / "left"
    with staged(30, latency=0.05) as stage:
        failing(stage, Cancelled=12)
        run = stage.run(plan(stage, 6), journal).wait(DEADLINE)
        assert run.retries.now == 12
        ends_now(stage)
        cut = again(
            stage, run, {seconds: lambda _: shutil.copy(journal, left), seconds + 0.001: RefreshRun.stop_watching}
        )
        cut.wait(DEADLINE)
        resumed = stage.resume(left).wait(DEADLINE)
        assert resumed.counts == {"complete": 18}
        assert Counter(row.attempt for row in resumed.rows) == {1: 6, 2: 12}
        assert posts(stage) == 18 + 12
        assert true_ends(stage, resumed)


@pytest.mark.parametrize("queue", [False, True])
@pytest.mark.parametrize("seconds", [0.3, 5, 100])
@pytest.mark.parametrize("everything_of_it", [False, True], ids=["types", "all"])
@pytest.mark.parametrize("kept", [False, True], ids=["memory", "journal"])
def test_a_run_that_was_stopped_is_watched_again(
    tmp_path: Path, seconds: float, everything_of_it: bool, kept: bool, queue: bool
) -> None:
    """What is open is followed to its end; nothing is queued that was not, unless that is said."""
    with staged(30, per_minute=200, latency=0.2) as stage:
        targets = everything(stage.ids[:3]) if everything_of_it else read_targets(plan(stage, 12))
        start = Start.of(stage.context, targets, tmp_path / "j" if kept else None)
        run = stage._begin(lambda: start, {seconds: RefreshRun.stop_watching}).wait(DEADLINE)
        sent, rows = posts(stage), run.rows
        successor = watched(stage, run, queue=queue)
        assert run.rows == rows
        assert twice(stage) == []
        whole = 3 if everything_of_it else 36
        if queue:
            assert (successor.phase, posts(stage)) == ("done", whole)
            assert set(successor.counts) <= {"complete", "failed"}
            return
        assert posts(stage) == sent
        assert (successor.phase, successor.unfinished) == ("done", sent < whole or "unknown" in successor.counts)
        assert set(successor.counts) <= {"complete", "failed", "unqueued", "unknown"}
        assert true_ends(stage, successor)
        if kept:  # it is finished by whoever resumes it
            finished = stage.resume(tmp_path / "j").wait(DEADLINE)
        else:
            finished = watched(stage, successor, queue=True) if successor.unfinished else successor
        assert (finished.phase, posts(stage), twice(stage)) == ("done", whole, [])
        assert set(finished.counts) <= {"complete", "failed"}


def test_a_run_that_has_ended_has_nothing_to_be_watched() -> None:
    """It says so."""
    with staged(20) as stage:
        run = some(stage)
        with pytest.raises(ValueError, match="everything has ended"):
            run.watch_again()
        assert run.successor is None


def test_of_everything_only_what_failed_is_queued_again() -> None:
    """Each by itself, not everything once more."""
    with staged(20) as stage:
        failing(stage, Cancelled=2)
        start = Start.of(stage.context, everything(stage.ids[:2]))
        run = stage._begin(lambda: start, {}).wait(DEADLINE)
        assert (posts(stage), run.retries.now, run.counts["failed"]) == (2, 2, 2)
        ends_now(stage)
        successor = again(stage, run).wait(DEADLINE)
        assert successor.counts == {"complete": len(run.rows)}
        assert [len(entry.operations) for entry in stage.world.accepted[2:]] == [1, 1]
        assert Counter(row.attempt for row in successor.rows) == {1: len(run.rows) - 2, 2: 2}


def test_what_was_not_found_yet_is_not_queued_by_a_retry() -> None:
    """Everything was queued, and the watching ended before all of it was seen: only the type that had failed waits."""
    with staged(20) as stage:
        failed = some(stage).rows_of(stage.ids[0])
        failed = tuple(row for row in failed if row.error is not None and row.error.status == "Cancelled")[:1]
        rows = (*failed, Row("items", company_id=stage.ids[0]))
        company = CompanyRun(stage.context, stage.ids[0], None, None, rows, "following", all_done="queued")
        after = carried(company, stage.context.now, retry=True)
        assert [(row.state, row.attempt) for row in after.rows] == [("queueing", 2), ("unknown", 1)]
        assert list(after.waiting) == [0]
        assert company.rows == rows


def test_an_attempt_of_a_run_that_was_stopped_is_its_own() -> None:
    """What else runs is followed; the look that shows it shows the earlier attempt, too, which is no new row."""
    with staged(20, latency=1) as stage:
        stage.faults.end_next("Cancelled", 1, data_type="bills", seconds=1)
        stage.faults.end_next("Complete", 999, seconds=300)
        run = stage.run(plan(stage, 1, ["bills", "items"]), at=stopping(stage)).wait(DEADLINE)
        assert run.counts == {"running": 1, "failed": 1}
        successor = again(stage, run).wait(DEADLINE)
        assert (successor.counts, posts(stage)) == ({"complete": 2}, 3)
        assert Counter(row.attempt for row in successor.rows) == {1: 1, 2: 1}


def test_a_doubt_stays_one_for_who_goes_on(tmp_path: Path) -> None:
    """It was being sent and never heard: a retry of others does not send it again, who resumes the run does."""
    with staged(20) as stage:
        rule = stage.faults.next(None, match="POST *bills*", status=503)
        stage.faults.end_next("Cancelled", 1, seconds=1)
        run = stage.run(plan(stage, 1, ["bills", "items"]), tmp_path / "j", stopping(stage))
        assert run.wait(DEADLINE).counts == {"failed": 1, "unknown": 1}
        rule.end()
        ends_now(stage)
        successor = again(stage, run).wait(DEADLINE)
        assert (successor.counts, successor.unfinished, posts(stage)) == ({"complete": 1, "unknown": 1}, True, 2)
        finished = stage.resume(tmp_path / "j").wait(DEADLINE)
        assert (finished.counts, posts(stage)) == ({"complete": 2}, 3)


@pytest.mark.parametrize("match", ["GET */syncSettings", "GET /companies/*"])
def test_everything_that_was_refused_as_a_whole_is_sent_as_a_whole(tmp_path: Path, match: str) -> None:
    """Also where nothing was known of the company; the refusal stays in the errors, and in the journal."""
    with staged(20) as stage:
        rule = stage.faults.next(None, status=500, match=match)
        start = Start.of(stage.context, everything(stage.ids[0]), tmp_path / "j")
        run = stage._begin(lambda: start, {}).wait(DEADLINE)
        assert (run.phase, run.counts, posts(stage)) == ("failed", {"refused": 1}, 0)
        second = again(stage, run).wait(DEADLINE)
        assert second.counts == {"refused": 1}
        assert second.rows[0].attempt == 2
        rule.end()
        ends_now(stage)
        third = again(stage, second).wait(DEADLINE)
        assert (third.phase, set(third.counts), posts(stage)) == ("done", {"complete"}, 1)
        assert third.errors.attempt.tolist() == [1, 2]
        assert set(third.errors.action) == {"See attempt 3."}
        assert stage.resume(tmp_path / "j").wait(DEADLINE).errors.equals(third.errors)


def test_a_company_that_could_not_be_read_is_read_again() -> None:
    """What was not sent for want of an answer may be retried now, and is."""
    with staged(20) as stage:
        rule = stage.faults.next(None, status=500, match="GET /companies/*")
        run = stage.run(plan(stage, 2, ["bills"])).wait(DEADLINE)
        assert (run.counts, run.retries.now) == ({"refused": 2}, 2)
        rule.end()
        ends_now(stage)
        successor = again(stage, run).wait(DEADLINE)
        assert (successor.counts, posts(stage)) == ({"complete": 2}, 2)
        assert set(successor.errors.action) == {"Nothing to do: attempt 2 succeeded."}


def test_a_product_is_retried_by_its_own_request(tmp_path: Path) -> None:
    """With the data types that failed, all in one; what is to wait, until the last of them may be."""
    with staged(4) as stage:
        stage.faults.end_next("Cancelled", data_type="invoices")
        stage.faults.end_next("RateLimitError", data_type="bills")
        run = begun(stage, ("invoices", "bills", "customers"), tmp_path / "j").wait(DEADLINE)
        assert (run.retries.now, run.retries.later) == (1, 1)
        limit = run.retries.last
        stopped = again(stage, run, {60: RefreshRun.stop_watching}, later=True).wait(DEADLINE)
        assert kinds(stage) == [(PRODUCT, 3)]
        assert stopped.counts == {"queueing": 2, "complete": 1}
        assert {row.due for row in stopped.rows if row.attempt == 2} == {limit}
        ends = stage.resume(tmp_path / "j").wait(DEADLINE)
        assert kinds(stage) == [(PRODUCT, 3), (PRODUCT, 2)]
        assert ends.counts == {"complete": 3}
        assert Counter(row.attempt for row in ends.rows) == {1: 1, 2: 2}
        assert limit is not None
        assert ends.operations.requested.max() >= limit


def test_a_retry_of_many_companies_costs_no_request_for_what_is_done() -> None:
    """The 23 done stay: only companies with something to retry are asked about, and looked at."""
    with staged(60) as stage:
        failing(stage, Cancelled=3)
        run = stage.run(plan(stage, 24, ["bills"])).wait(DEADLINE)
        assert run.counts == {"complete": 21, "failed": 3}
        ends_now(stage)
        done = [row.company_id for row in run.rows if row.state == "complete"]
        rules = [stage.faults.next(None, match=f"* /companies/{id}*", status=500) for id in done]
        successor = again(stage, run).wait(DEADLINE)
        assert [rule.hits for rule in rules] == [0] * 21
        assert successor.counts == {"complete": 24}
        assert successor.company_ids == run.company_ids
        assert posts(stage) == 24 + 3


def test_an_earlier_attempt_is_not_taken_for_the_next() -> None:
    """It ended a moment ago, and no answer came: the look shows it, and it is none of the new request's."""
    with staged(20) as stage:
        stage.faults.end_next("Cancelled", 1, seconds=0.1)
        run = stage.run(plan(stage, 1, ["bills"])).wait(DEADLINE)
        assert run.retries.now == 1
        ends_now(stage)
        stage.faults.next(1, match="POST *", status=503)
        successor = again(stage, run).wait(DEADLINE)
        assert (successor.counts, posts(stage)) == ({"complete": 1}, 2)
        assert len({each.operation_id for each in successor.rows[0].attempts}) == 2


def test_a_retry_asks_anew_how_the_connection_is() -> None:
    """It was revoked meanwhile: the next failure is told with the remedy of now."""
    with staged(20) as stage:
        failing(stage, Cancelled=1)
        run = stage.run(plan(stage, 1, ["bills"])).wait(DEADLINE)
        (row,) = run.rows
        assert row.operation is not None
        stage.world.orders.clear()
        stage.faults.deauthorize(row.company_id, row.operation.connection_id)
        successor = again(stage, run).wait(DEADLINE)
        assert successor.errors.rule.tolist()[1:] == ["deauthorized"]
        assert run.errors.rule.tolist() == ["cancelled"]
