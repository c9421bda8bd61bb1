"""No plan is dropped: what a journal has left over is finished first, then the given plan runs; all is told."""

import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from codat_notebook.cli.exits import Exit
from codat_notebook.runs.store import Store
from codat_notebook.sandbox import Sandbox

from .conftest import Run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl-C to one process")
#: Real seconds that a stop is waited for at most.
DEADLINE = 60.0
ID = "62ce0043-d5ad-4044-adb5-bf0c0d5f14cf"


@pytest.fixture
def night(sandbox: Sandbox, command: Run, tmp_path: Path) -> Any:
    """A refresh with a journal, as JSON: `.code`, `.err`, `.told`. Every operation completes, in a minute."""
    sandbox.faults.end_next("Complete", 1000, seconds=60)

    def run(*arguments: str) -> SimpleNamespace:
        done = command("refresh", *arguments, "--journal", str(tmp_path / "j.sqlite"), "--sandbox", "--json")
        return SimpleNamespace(code=done.code, err=done.err, next=done.next, told=json.loads(done.out))

    return run


def queued(sandbox: Sandbox) -> list[str]:
    """The data types that were queued, in order."""
    return [str(each.data_type) for each in sandbox.world.accepted]


def stopped(night: Any, when: Callable[[], bool], *arguments: str) -> SimpleNamespace:
    """Ask a job to stop, as Ctrl-C does, as soon as something holds."""

    def ask() -> None:
        until = time.monotonic() + DEADLINE
        while not when() and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=ask)
    thread.start()
    done: SimpleNamespace = night(*arguments)
    thread.join()
    assert done.code == Exit.OPEN
    return done


def interrupt(sandbox: Sandbox, night: Any, *arguments: str) -> None:
    """Stop a run while all of it runs at Codat."""
    sandbox.clock.pause()
    before, rows = len(sandbox.world.accepted), len(Path(arguments[1]).read_text().splitlines()) - 1
    stopped(night, lambda: len(sandbox.world.accepted) == before + rows, *arguments)
    sandbox.clock.resume()


def test_another_plan_follows_the_interrupted_run(sandbox: Sandbox, night: Any, plan_of: Any) -> None:
    """Monday's is finished first, then Tuesday's runs; what Monday's has read less than an hour before is skipped and
    told; one report names both."""
    monday, tuesday = (
        plan_of("mon.csv", f"{ID}:invoices", f"{ID}:bills"),
        plan_of("tue.csv", f"{ID}:bills", f"{ID}:items"),
    )
    interrupt(sandbox, night, "--plan", monday)
    done = night("--plan", tuesday)
    assert done.code == 0
    assert sorted(queued(sandbox)) == ["bills", "invoices", "items"]
    first, second = done.told["runs"]
    assert (first["name"], first["continued"], first["counts"]) == (monday, True, {"complete": 2})
    assert (second["name"], second["continued"], second["counts"]) == (tuesday, False, {"complete": 1})
    [left_out] = second["skipped"]
    assert (left_out["data_type"], "less than an hour" in left_out["reason"]) == ("bills", True)
    assert done.told["resumed"] == [first["plan"]]


def test_what_was_read_longer_ago_is_read_again(sandbox: Sandbox, night: Any, plan_of: Any) -> None:
    """After an hour it is no longer skipped."""
    interrupt(sandbox, night, "--plan", plan_of("mon.csv", f"{ID}:bills"))
    sandbox.clock.advance("2h")  # it ended long ago, though nobody looked
    assert night("--plan", plan_of("tue.csv", f"{ID}:bills", f"{ID}:items")).code == 0
    assert Counter(queued(sandbox)) == {"bills": 2, "items": 1}


def test_the_same_plan_is_continued_and_nothing_more(sandbox: Sandbox, night: Any, plan_of: Any) -> None:
    """In whatever order its rows stand; once it has ended, it is begun anew."""
    interrupt(sandbox, night, "--plan", plan_of("p.csv", f"{ID}:bills", f"{ID}:items"))
    again = plan_of("q.csv", f"{ID.upper()}:items", f"{ID}:bills")
    done = night("--plan", again)
    assert (done.code, len(done.told["runs"]), len(queued(sandbox))) == (0, 1, 2)
    assert night("--plan", again).code == 0
    assert len(queued(sandbox)) == 4


def test_a_new_run_of_the_same_plan(sandbox: Sandbox, night: Any, plan_of: Any) -> None:
    """`--new-run`: after the interrupted one, without what that has just read."""
    plan = plan_of("p.csv", f"{ID}:bills")
    interrupt(sandbox, night, "--plan", plan)
    done = night("--plan", plan, "--new-run")
    assert [len(run["skipped"]) for run in done.told["runs"]] == [0, 1]
    interrupt(sandbox, night, "--plan", plan)
    sandbox.clock.advance("2h")
    assert night("--plan", plan, "--new-run").code == 0
    assert queued(sandbox) == ["bills"] * 3


def test_plans_wait_their_turn(sandbox: Sandbox, night: Any, plan_of: Any, tmp_path: Path) -> None:
    """While a run cannot end, each plan that comes is kept, once, and told as not begun; then all are carried out, also
    by a command that names none."""
    plans = [plan_of(f"{name}.csv", f"{ID}:{name}") for name in ("bills", "items", "suppliers")]
    sandbox.clock.pause()
    for plan in (*plans, plans[1]):
        before = sandbox.traffic.requests
        done = stopped(night, lambda before=before: sandbox.traffic.requests > before, "--plan", plan)  # type: ignore[misc]
    assert [run["outcome"] for run in done.told["runs"]] == ["open", "not begun", "not begun"]
    assert [run["operations"][0]["data_type"] for run in done.told["runs"]] == ["bills", "items", "suppliers"]
    assert done.next == f"codat-notebook refresh --journal {tmp_path / 'j.sqlite'} --sandbox --json"
    sandbox.clock.resume()
    done = night()
    assert (done.code, [run["name"] for run in done.told["runs"]]) == (0, plans)
    assert queued(sandbox) == ["bills", "items", "suppliers"]


def test_a_journal_of_version_4_without_its_plans_hash(
    sandbox: Sandbox, night: Any, plan_of: Any, tmp_path: Path
) -> None:
    """As the version before wrote it: the same plan is known by what is wanted, another one follows."""
    plan = plan_of("p.csv", f"{ID}:bills")
    interrupt(sandbox, night, "--plan", plan)
    store = Store(tmp_path / "j.sqlite")
    store.write([("DELETE FROM run WHERE name IN ('plan', 'name', 'sum')", None)])
    store.close()
    assert len(night("--plan", plan).told["runs"]) == 1
    interrupt(sandbox, night, "--plan", plan)
    store = Store(tmp_path / "j.sqlite")
    store.write([("DELETE FROM run WHERE name IN ('plan', 'name', 'sum')", None)])
    store.close()
    assert len(night("--plan", plan_of("q.csv", f"{ID}:items")).told["runs"]) == 2


def test_a_held_journal_is_7(sandbox: Sandbox, night: Any, plan_of: Any, tmp_path: Path) -> None:
    """At once, or after `--wait-lock`; the plan is told as not begun, and nothing is sent."""
    store = Store(tmp_path / "j.sqlite")
    done = night("--plan", plan_of("p.csv", f"{ID}:bills"), "--wait-lock", "0.2")
    store.close()
    assert (done.code, done.next.split()[-2:]) == (Exit.HELD, ["--wait-lock", "3600"])
    assert [run["outcome"] for run in done.told["runs"]] == ["not begun"]
    assert sandbox.traffic.requests == 0


def test_the_journal_of_another_run_is_waited_for(sandbox: Sandbox, night: Any, plan_of: Any, tmp_path: Path) -> None:
    """What that has just read is not read again."""
    plan = plan_of("p.csv", f"{ID}:bills")
    assert night("--plan", plan).code == 0
    store = Store(tmp_path / "j.sqlite")

    threading.Timer(0.5, store.close).start()
    done = night("--plan", plan_of("q.csv", f"{ID}:bills", f"{ID}:items"), "--wait-lock", "60")
    assert done.code == 0
    assert "Waiting for it" in done.err
    assert queued(sandbox) == ["bills", "items"]
