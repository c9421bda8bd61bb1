"""The journal of a run on virtual time: what is on disk when, and what another kernel makes of it."""

import random
import sqlite3
from pathlib import Path

import httpx
import psutil
import pytest

from codat_notebook.runs.company_run import ALL, KeyedIntent
from codat_notebook.runs.journal import Start
from codat_notebook.runs.rows import Row
from codat_notebook.runs.run import RefreshRun
from codat_notebook.runs.store import JournalDamagedError, JournalError, JournalUnfinishedError
from codat_notebook.runs.targets import everything, read_targets

from .conftest import DEADLINE
from .test_scheduler import plan, true_ends, twice
from .virtual import Line, Stage, staged


class Watcher(Line):
    """Notes for each POST whether its key stood in the journal's file when it went out."""

    run: RefreshRun

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage.service, stage.latency)
        self.written: list[bool] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            store = self.run._start.store
            assert store is not None
            key = request.headers["idempotency-key"]
            self.written.append(bool(store.read("SELECT 1 FROM operations WHERE key = ?", [key])))
        return await super().handle_async_request(request)


def test_an_intent_is_on_disk_before_its_request_goes_out(tmp_path: Path) -> None:
    """Each of the keys that the server is sent stood in the file before."""
    with staged(20) as stage:
        watcher = Watcher(stage)
        stage.context.client._make_async = (*stage.context.client._make_async[:3], httpx.AsyncClient(transport=watcher))
        stage.run(plan(stage, 8), tmp_path / "j", at={0: lambda run: setattr(watcher, "run", run)}).wait(DEADLINE)
        assert watcher.written == [True] * 24


def test_a_run_that_has_ended_can_be_read_from_its_journal(tmp_path: Path) -> None:
    """Another kernel sees the same rows, for a look at the list of companies; the file can then take another run."""
    with staged(20) as stage:
        first = stage.run(plan(stage, 6), tmp_path / "j").wait(DEADLINE)
        sent = len(stage.statuses)
        again = stage.resume(tmp_path / "j").wait(DEADLINE)
        assert (again.phase, again.counts) == ("done", first.counts)
        assert again.operations.equals(first.operations)
        assert again.summary.equals(first.summary)
        assert again.errors.equals(first.errors)
        assert len(stage.statuses) == sent + 1
        assert len(stage.run(plan(stage, 1, ["items"]), tmp_path / "j").wait(DEADLINE).rows) == 1


@pytest.mark.parametrize("seconds", [0.3, 5, 100])
@pytest.mark.parametrize("everything_of_it", [False, True], ids=["types", "all"])
def test_a_run_that_was_stopped_is_finished_by_another(tmp_path: Path, seconds: float, everything_of_it: bool) -> None:
    """Wherever it was stopped, with requests under way: nothing is lost and nothing queued twice."""
    with staged(30, per_minute=200, latency=0.2) as stage:
        targets = everything(stage.ids[:3]) if everything_of_it else read_targets(plan(stage, 12))
        start = Start.of(stage.context, targets, tmp_path / "j")
        run = stage._begin(lambda: start, {seconds: RefreshRun.stop_watching}).wait(DEADLINE)
        assert run.phase == "stopped"
        run = stage.resume(tmp_path / "j").wait(DEADLINE)
        assert run.phase == "done"
        assert set(run.counts) <= {"complete", "failed"}
        assert twice(stage) == []
        assert len(stage.world.accepted) == (3 if everything_of_it else 36)
        assert true_ends(stage, run)


def test_a_company_that_ended_in_failure_is_not_begun_anew(tmp_path: Path) -> None:
    """Codat does not know it, so nothing of it was queued: to resume the run says so again and sends nothing more."""
    with staged(20) as stage:
        gone = "00000000-0000-4000-8000-000000000000"
        start = Start.of(stage.context, everything([gone, stage.ids[0]]), tmp_path / "j")
        first = stage._begin(lambda: start, {}).wait(DEADLINE)
        reported = len(stage.context.errors)
        run = stage.resume(tmp_path / "j").wait(DEADLINE)
        assert run.summary.phase.tolist() == first.summary.phase.tolist() == ["failed", "with failures"]
        assert (len(stage.world.accepted), len(stage.context.errors)) == (1, reported)


def test_what_a_dead_kernel_was_about_to_send_is_looked_for(tmp_path: Path) -> None:
    """Of two intents without an outcome one was heard: that is attached to, the other one is queued."""
    with staged(20) as stage:
        id = stage.ids[0]
        start = Start.of(stage.context, read_targets({id: ["bills", "items"]}), tmp_path / "j")
        now = stage.world.clock.now().timestamp()
        assert start.store is not None
        start.store.write([("UPDATE operations SET key = data_type, at = ?, sum = NULL", [[now - 5]])])
        start.store.write([("UPDATE companies SET began = ?, sum = NULL", [[now - 5]])])
        start.store.close()
        heard = stage.world.queue(id, "bills")["id"]
        run = stage.resume(tmp_path / "j").wait(DEADLINE)
        origins = {row.data_type: (row.origin, row.operation.id == heard) for row in run.rows if row.operation}
        assert origins == {"bills": ("attached", True), "items": ("queued", False)}
        assert twice(stage) == []


def test_a_key_too_old_to_be_sent_again_is_unknown(tmp_path: Path) -> None:
    """More than an hour later, what was being sent and is not in the history cannot be known: it is counted apart."""
    with staged(20) as stage:
        start = Start.of(stage.context, read_targets({stage.ids[0]: ["bills", "items"]}), tmp_path / "j")
        then = stage.world.clock.now().timestamp() - 4000
        assert start.store is not None
        start.store.write([("UPDATE operations SET key = 'k', at = ?, sum = NULL WHERE data_type = 'bills'", [[then]])])
        start.store.write([("UPDATE companies SET began = ?, sum = NULL", [[then]])])
        start.store.close()
        run = stage.resume(tmp_path / "j").wait(DEADLINE)
        assert {row.data_type: row.state for row in run.rows}["bills"] == "unknown"
        assert (run.phase, run.counts["unknown"], len(stage.world.accepted)) == ("done", 1, 1)
        assert run.summary.unknown.tolist() == [1]


def test_a_full_disk_is_an_error_in_sight_and_not_a_lost_run(tmp_path: Path) -> None:
    """Queueing waits and says so; when there is room again, the run goes on to its end."""
    seen: list[tuple[str | None, int]] = []
    with staged(60, per_minute=120) as stage:

        def fill(run: RefreshRun) -> None:
            assert run._start.store is not None
            run._start.store.read("PRAGMA max_page_count = 1")

        def empty(run: RefreshRun) -> None:
            assert run._start.store is not None
            seen.append((run.note, len(stage.world.accepted)))
            run._start.store.read("PRAGMA max_page_count = 100000")

        look = {299: lambda run: seen.append((run.note, len(stage.world.accepted)))}
        run = stage.run(plan(stage, 40), tmp_path / "j", {10: fill, **look, 300: empty}).wait(DEADLINE)
        assert run.phase == "done"
        assert "database or disk is full; queueing waits" in str(seen[0][0])
        assert seen[0][1] == seen[1][1] < 120
        assert "The journal of the refresh could not be written" in {error.what for error in stage.context.errors}
        assert len(stage.world.accepted) == 120
        assert twice(stage) == []
        assert stage.resume(tmp_path / "j").wait(DEADLINE).counts == run.counts


def test_a_journal_without_trouble_is_no_error(tmp_path: Path) -> None:
    """A run that ends, and one that is ended by the key, leave no complaint of the file."""
    with staged(20) as stage:
        stage.run(plan(stage, 2, ["items"]), tmp_path / "ended").wait(DEADLINE)
        stage.faults.next(None, status=401)
        stage.run(plan(stage, 2), tmp_path / "given up").wait(DEADLINE)
        assert [error.what for error in stage.context.errors if error.status in ("401", "ProgrammingError")] == [
            "The refresh of 2 companies could not be started"
        ]


@pytest.mark.parametrize("turns", range(0, 40, 4))
def test_a_run_has_an_end_whenever_it_is_stopped_while_it_gives_up(tmp_path: Path, turns: int) -> None:
    """So many turns of the loop after the key was refused: it failed or was stopped, and waits for nobody."""
    with staged(20) as stage:
        stage.faults.next(None, status=401)

        def stop(run: RefreshRun, left: int) -> None:
            if 401 not in stage.statuses:
                stage.loop.call_later(0.001, stop, run, left)
            elif left:
                stage.loop.call_soon(stop, run, left - 1)
            else:
                run._cancel()

        run = stage.run(plan(stage, 2), tmp_path / "j", {0: lambda run: stop(run, turns)}).wait(DEADLINE)
        assert run.done
        assert run.phase in ("failed", "stopped")


def test_a_journal_that_is_not_finished_is_not_overwritten(tmp_path: Path) -> None:
    """A new run is told to resume it; one that another run works on is in use."""
    with staged(20) as stage:
        stage.run(plan(stage, 2), tmp_path / "j", {1: RefreshRun.stop_watching}).wait(DEADLINE)
        with pytest.raises(JournalUnfinishedError, match=r"session\.resume"):
            stage.run(plan(stage, 1), tmp_path / "j")
        assert len(stage.resume(tmp_path / "j").wait(DEADLINE).rows) == 6


def test_a_run_that_has_ended_has_ended_whatever_became_of_it(tmp_path: Path) -> None:
    """An unknown company, a type that is not supported, a doubt for good: the same file takes the next run at once."""
    with staged(20) as stage:
        gone, refused, doubted = "00000000-0000-4000-8000-000000000000", stage.ids[0], stage.ids[1]
        stage.faults.next(None, status=404, match=f"POST /companies/{refused}/*")
        stage.faults.next(None, status=500, match=f"POST /companies/{doubted}/*")
        first = stage.run({id: ["bills"] for id in (gone, refused, doubted)}, tmp_path / "j").wait(DEADLINE)
        assert first.counts == {"refused": 2, "unknown": 1}
        again = stage.resume(tmp_path / "j").wait(DEADLINE)
        assert again.counts == first.counts
        assert again.summary[["phase", "note"]].equals(first.summary[["phase", "note"]])
        stage.faults.clear()
        assert len(stage.run({doubted: ["bills"]}, tmp_path / "j").wait(DEADLINE).rows) == 1


def test_a_journal_of_another_server_is_refused(tmp_path: Path) -> None:
    """The ids in it mean nothing there. The message names both."""
    with staged(20) as stage:
        stage.run(plan(stage, 1), tmp_path / "j").wait(DEADLINE)
        db = sqlite3.connect(tmp_path / "j")
        db.execute("UPDATE run SET value = 'https://api.codat.io' WHERE name = 'server'")
        db.execute("DELETE FROM run WHERE name = 'sum'")
        db.commit()
        db.close()
        with pytest.raises(JournalError, match=r"api\.codat\.io, this session to https://codat\.test"):
            stage.resume(tmp_path / "j")


def test_skipped_rows_and_options_are_kept(tmp_path: Path) -> None:
    """What the plan left out, and the reserve, are known to the next kernel as well."""
    import pandas as pd

    with staged(20) as stage:
        frame = pd.DataFrame({"company_id": stage.ids[:2], "data_type": "bills", "action": ["queue", "skip"]})
        stage.run(frame, tmp_path / "j", reserve=0.25).wait(DEADLINE)
        run = stage.resume(tmp_path / "j").wait(DEADLINE)
        assert run.skipped.company_id.tolist() == stage.ids[1:2]
        assert run._start.reserve == 0.25
        assert ALL not in run._companies[0].waiting


def test_no_changed_byte_goes_unseen(tmp_path: Path) -> None:
    """Wherever a byte of the file is changed, or its end is missing: the run is as it was, or the journal is told to be
    damaged. Never is a row lost in silence, nor a raw error raised."""
    journal, told = tmp_path / "j", 0
    with staged(20) as stage:
        stage.run(plan(stage, 3, ["items", "bills"]), journal, at={2.0: lambda run: run.stop_watching()}).wait(DEADLINE)
        whole = journal.read_bytes()
        before = resumed(stage, journal)
        assert any(rows for _, rows, _ in before)
        chance = random.Random(21)
        told_of = [place for place in range(100, len(whole)) if whole[place]]  # most of a small file is empty
        for number in range(150):
            place = chance.choice(told_of)
            changed = whole[:place] + bytes([whole[place] ^ chance.randrange(1, 256)]) + whole[place + 1 :]
            journal.write_bytes(whole[:place] if number % 10 == 0 else changed)
            try:
                assert resumed(stage, journal) == before, place
            except JournalError:
                told += 1
    assert told > 75


def resumed(stage: Stage, journal: Path) -> list[tuple[str, tuple[Row, ...], dict[int, KeyedIntent]]]:
    """What a journal says of each company, without going on with it."""
    start = Start.resumed(stage.context, journal)
    assert start.store is not None
    start.store.close()
    return [(each.company_id, each.rows, each.intents) for each in start.companies]


def test_what_is_damaged_is_named(tmp_path: Path) -> None:
    """The row, and what to do; a new run does not overwrite it, since nobody can say whether it had ended."""
    with staged(20) as stage:
        stage.run({stage.ids[0]: ["items", "bills"]}, tmp_path / "j").wait(DEADLINE)
        whole = (tmp_path / "j").read_bytes()
        (tmp_path / "j").write_bytes(whole.replace(b"items", b"jtems"))
        with pytest.raises(JournalDamagedError, match=rf"row 0 of company {stage.ids[0]}.*begin a new run"):
            stage.resume(tmp_path / "j")
        (tmp_path / "j").write_bytes(whole.replace(b"autoindex", b"a\xd2toindex"))  # no text, and SQLite quotes it
        with pytest.raises(JournalDamagedError, match="is damaged: 'utf-8' codec can't decode") as damaged:
            stage.resume(tmp_path / "j")
        assert damaged.traceback  # which keeps what was not closed
        assert [each.path for each in psutil.Process().open_files() if each.path.startswith(str(tmp_path))] == []
