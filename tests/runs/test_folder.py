"""A folder of journals: what each tells of its run, without being written, locked or held up; what can be opened."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from codat_notebook.runs.folder import ELSEWHERE, ENDED, FAILURES, HELD, LEFT, UNREADABLE, RunFolder, runs_frame
from codat_notebook.runs.journal import Start
from codat_notebook.runs.run import RefreshRun
from codat_notebook.runs.store import JournalError
from codat_notebook.runs.targets import read_targets

from .conftest import DEADLINE
from .test_scheduler import plan, twice
from .virtual import START, Stage, staged

_HOLDER = """
import sys
from pathlib import Path
from codat_notebook.runs.store import Store
store = Store(Path(sys.argv[1]))
store.write([("UPDATE companies SET done = done", None)])
print("held", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def held(path: Path) -> Iterator[int]:
    """Another process has a journal, and has written to it."""
    command = [sys.executable, "-c", _HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.communicate("")


def states(folder: RunFolder) -> dict[str, str]:
    """Name -> how the run stands."""
    return {each.path.name: each.state for each in folder.runs([])}


def interrupted(stage: Stage, path: Path, companies: int = 4) -> None:
    """A run whose process was killed in its middle: all of its changes are on disk, nobody said that it is to stop."""
    start = Start.of(stage.context, read_targets(plan(stage, companies)), path)
    stage._begin(lambda: start, {0.3: lambda run: run._task.cancel()}).wait(DEADLINE)


def test_a_folder_tells_how_each_of_its_runs_stands(tmp_path: Path) -> None:
    """Ended, with failures, killed, stopped by hand; other files are passed over; nothing is written by a look."""
    with staged(20, per_minute=200, latency=0.2) as stage:
        stage.faults.end_next("Complete", 1)
        stage.run({stage.ids[0]: ["items"]}, tmp_path / "ended").wait(DEADLINE)
        stage.faults.end_next("InternalError", 1)
        stage.run({stage.ids[1]: ["bills"]}, tmp_path / "failures").wait(DEADLINE)
        interrupted(stage, tmp_path / "killed")
        stage.run(plan(stage, 4), tmp_path / "stopped", at={0.3: RefreshRun.stop_watching}).wait(DEADLINE)
        (tmp_path / "damaged").write_bytes((tmp_path / "ended").read_bytes()[:4096])
        (tmp_path / "notes.csv").write_text("company_id,data_type\n")
        (tmp_path / "empty").touch()
        before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}
        folder = RunFolder(tmp_path)
        assert states(folder) == {
            "ended": ENDED, "failures": FAILURES, "killed": LEFT, "stopped": HELD, "damaged": UNREADABLE,
        }  # fmt: skip
        assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()} == before
        names = {stage.ids[0]: "Toft"}
        frame = runs_frame([], folder.runs([]), names).set_index("id")
        assert frame.loc["ended", ["what", "ended", "operations", "failed", "share"]].tolist() == ["Toft", 1, 1, 0, 100]
        assert frame.loc["failures", "failed"] == 1
        assert frame.loc["stopped", "note"].endswith("somebody stopped it; open it to resume it")
        assert (frame.loc["killed", "what"], frame.loc["killed", "operations"]) == ("4 companies", 12)
        assert frame.began.dropna().is_monotonic_decreasing
        assert frame.began["ended"] >= START


def test_a_journal_of_another_process_is_read_and_not_opened(tmp_path: Path) -> None:
    """It tells who has it and how far it is; when that process ends, it is interrupted at once."""
    with staged(20, per_minute=200, latency=0.2) as stage:
        interrupted(stage, tmp_path / "j")
        folder = RunFolder(tmp_path)
        alone = folder.runs([])[0]
        with held(tmp_path / "j") as pid:
            kept = folder.runs([])[0]
            assert (kept.state, kept.counts, kept.companies) == (ELSEWHERE, alone.counts, 4)
            assert f"process {pid} on " in kept.note
            with pytest.raises(JournalError, match=f"in use by process {pid}"):
                Start.left(stage.context, tmp_path / "j")
        assert states(folder) == {"j": LEFT}


@pytest.mark.parametrize(
    "name", ["../secret", "..", "", "/etc/passwd", "a/../j", "j\0", "<img src=x onerror=alert(1)>", "J", "j" * 5000]
)
def test_a_name_that_the_folder_does_not_have_leads_nowhere(tmp_path: Path, name: str) -> None:
    """Whatever is asked for: only a name that stands in the folder is one of its files'."""
    inside = tmp_path / "inside"
    inside.mkdir()
    for path in (inside / "j", tmp_path / "secret"):
        path.touch()
    assert RunFolder(inside).find(name) is None
    assert RunFolder(inside).find("j") == inside / "j"
    assert RunFolder(tmp_path / "none").find(name) is None


def test_a_run_is_looked_at_without_a_request_and_then_resumed(tmp_path: Path) -> None:
    """As it was left: nothing is sent, written or locked. Resumed by a click, the rest of it is queued, once."""
    with staged(20, per_minute=200, latency=0.2) as stage:
        interrupted(stage, tmp_path / "j")
        before, sent = (tmp_path / "j").read_bytes(), len(stage.statuses)
        start = Start.left(stage.context, tmp_path / "j")
        run = RefreshRun(stage.context, start, work=False).wait(DEADLINE)
        assert (run.phase, run.unfinished, len(stage.statuses)) == ("stopped", True, sent)
        assert (tmp_path / "j").read_bytes() == before
        assert run.journal == tmp_path / "j"
        on = run.watch_again(queue=True).wait(DEADLINE)
        assert (on.phase, len(on.rows)) == ("done", 12)
        assert twice(stage) == []
        assert len(stage.world.accepted) == 12
        over = RefreshRun(stage.context, Start.left(stage.context, tmp_path / "j"), work=False).wait(DEADLINE)
        assert (over.phase, over.note, over.unfinished, over.counts) == ("done", None, False, on.counts)


def test_what_two_look_at_is_resumed_by_one(tmp_path: Path) -> None:
    """The other is told that it was continued, and begins nothing."""
    with staged(20, per_minute=200, latency=0.2) as stage:
        interrupted(stage, tmp_path / "j")
        one, other = (
            RefreshRun(stage.context, Start.left(stage.context, tmp_path / "j"), work=False).wait(DEADLINE)
            for _ in range(2)
        )
        one.watch_again(queue=True).wait(DEADLINE)
        with pytest.raises(JournalError, match="continued elsewhere"):
            other.watch_again(queue=True)
        assert len(stage.world.accepted) == 12


def test_a_pause_and_a_stop_are_kept_until_the_run_goes_on(tmp_path: Path) -> None:
    """Who finds it after a crash knows that somebody wanted nothing more to be queued; to resume it ends that."""
    told: list[str] = []
    with staged(20, per_minute=200, latency=0.2) as stage:

        def look(run: RefreshRun) -> None:
            assert run._start.store is not None
            told.append(run._start.store.about()["held"])

        at = {0.2: RefreshRun.pause, 0.4: look, 0.6: RefreshRun.resume, 0.8: look, 1.0: RefreshRun.stop_watching}
        stage.run(plan(stage, 12), tmp_path / "j", at=at).wait(DEADLINE)
        assert told == ["yes", ""]
        assert states(RunFolder(tmp_path)) == {"j": HELD}
        stage.resume(tmp_path / "j", at={0.2: look}).wait(DEADLINE)
        assert told[-1] == ""
        assert states(RunFolder(tmp_path))["j"] in (ENDED, FAILURES)
