"""Sessions and runs after a fork: the child shares nothing, and the parent notices nothing."""

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from codat_notebook import connect
from codat_notebook.forking import InheritedError
from codat_notebook.models.shared import Security
from codat_notebook.runs import engine as engines
from codat_notebook.runs.engine import Engine, engine
from codat_notebook.runs.run import RefreshRun
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session
from tests.forked import Child, in_child, needs_fork

from .away import KEY, Away, sandbox_away
from .conftest import DEADLINE

pytestmark = needs_fork


@pytest.fixture(scope="module")
def away() -> Iterator[Away]:
    """A sandbox in a process of its own, half a minute a second."""
    with sandbox_away(companies=100, speed=30) as away:
        away.control("POST", "outcomes", {"status": "Complete", "n": 1_000_000, "seconds": 5})
        yield away


@pytest.fixture
def session(away: Away) -> Iterator[Session]:
    """A session that has connections and an engine at work."""
    with Session(Security(auth_header=KEY), server_url=away.url, is_sandbox=True) as session:
        session.companies(limit=1)
        yield session


def refreshed(session: Session, companies: Iterable[str]) -> list[tuple[str, set[str], str]]:
    """Refreshes one company after the other: its id, those of its operations, how the run ended."""
    found = []
    for company in companies:
        run = session.refresh(company, "invoices").wait(DEADLINE)
        found.append((company, {row.operation.company_id for row in run.rows if row.operation is not None}, run.phase))
    return found


def test_each_process_refreshes_its_own_companies(away: Away, session: Session) -> None:
    """Five refreshes in two children and five in the parent come back with their own company's operation."""
    ids = away.companies(15)
    with Child(lambda: refreshed(session, ids[:5])) as one, Child(lambda: refreshed(session, ids[5:10])) as other:
        found = refreshed(session, ids[10:]) + one.result() + other.result()
    assert found == [(id, {id}, "done") for id in ids[10:] + ids[:10]]
    booked = away.booked()
    assert {booked[id, "invoices"] for id in ids} <= {1, 2, 3}  # one for each connection


def test_a_session_of_the_parents_answers_in_the_child(session: Session) -> None:
    """Methods fetch on connections and an engine of the child's own; what it did shows in its own log alone."""
    before = len(session.requests)

    def ask() -> tuple[int, int, bool]:
        return len(session.companies(limit=3)), len(session.requests) - before, engine() is session.context.engine

    assert in_child(ask) == (3, 1, True)
    assert len(session.requests) == before


def test_a_child_of_a_child_answers_too(session: Session) -> None:
    """Each fork begins anew."""
    assert in_child(lambda: (len(session.companies(limit=3)), in_child(lambda: len(session.companies(limit=2))))) == (
        3,
        2,
    )


@pytest.fixture
def held(sandbox: Sandbox) -> Iterator[RefreshRun]:
    """A run of the parent's in the middle of its work: its operation is queued, and takes long."""
    sandbox.clock.pause()
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session:
        company = str(session.companies(search="Toft").id[0])
        run = session.refresh(company, "invoices")
        followed = threading.Event()
        run.observe(lambda: followed.set() if run.phase == "following" else None)
        assert followed.wait(DEADLINE)
        yield run


def test_an_inherited_run_is_a_frozen_copy(sandbox: Sandbox, held: RefreshRun) -> None:
    """It keeps what was known, says what it is, and nothing can be waited for; the parent's run ends as ever."""

    def look() -> tuple[Any, ...]:
        told = threading.Event()
        assert (held.now, held.progress, len(held.operations)) == (held.now, held.progress, len(held.operations))
        return (
            held.done, held.phase, held.counts, repr(held), held.now, held.progress, [row.state for row in held.rows],
            len(held.operations), len(held.summary), held.observe(told.set) is not None,
        )  # fmt: skip

    before = held.counts, [row.state for row in held.rows]
    with Child(look, stays=True) as child:
        done, phase, counts, text, now, progress, states, operations, summary, _ = child.result()
    assert (done, phase, counts, states) == (True, "stopped", *before)
    assert "a copy from when this process was forked; the run goes on in the parent process" in text
    assert (operations, summary) == (len(held.rows), 1)
    assert abs((now - held.now).total_seconds()) < 60
    assert progress.total == len(held.rows)
    assert held.phase == "following"
    sandbox.clock.resume()
    assert held.wait(DEADLINE).phase == "done"


ACTS: dict[str, Callable[[RefreshRun], object]] = {
    "wait": lambda run: run.wait(1),
    "await": lambda run: asyncio.run(_awaited(run)),
    "pause": RefreshRun.pause,
    "resume": RefreshRun.resume,
    "stop_watching": RefreshRun.stop_watching,
    "retry_failed": RefreshRun.retry_failed,
    "watch_again": RefreshRun.watch_again,
}


async def _awaited(run: RefreshRun) -> RefreshRun:
    return await run


@pytest.mark.parametrize("name", ACTS)
def test_acting_on_an_inherited_run_raises(held: RefreshRun, name: str) -> None:
    """Whatever waits for the parent's run or steers it is refused in the child, in a child's child too."""

    def refused() -> str:
        with pytest.raises(InheritedError) as caught:
            ACTS[name](held)
        return str(caught.value)

    assert "Wait for it and steer it in the parent process" in in_child(refused)
    assert "parent process" in in_child(lambda: in_child(refused))
    assert held.phase == "following"


def test_the_parents_requests_are_not_counted_in_the_child(sandbox: Sandbox) -> None:
    """What the parent's runs have under way takes no room from the child's."""
    gate = sandbox.faults.hold()
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session:
        run = session.refresh(str(session.companies(search="Toft").id[0]), "invoices")
        assert gate.reached.wait(DEADLINE)
        under_way = session.context.governor.under_way
        assert (in_child(lambda: session.context.governor.under_way), under_way) == (0, 1)
        gate.open()
        assert run.wait(DEADLINE).phase == "done"


def test_a_task_of_the_parents_is_not_ended_by_the_childs_garbage_collector() -> None:
    """Its finally blocks would run in the child, as if the parent's work had ended."""
    here, begun, ended = engine(), threading.Event(), []

    async def wait() -> None:
        try:
            begun.set()
            await asyncio.get_running_loop().create_future()  # held by nobody but the task itself
        finally:
            ended.append(True)

    futures = [here.submit(wait())]
    assert begun.wait(DEADLINE)
    assert in_child(lambda: (futures.clear(), gc.collect(), ended)[2]) == []
    futures[0].cancel()


def test_a_run_that_had_ended_says_that_it_is_a_copy(session: Session, away: Away) -> None:
    """Its end is known in the child, where nothing can be waited for any more either."""
    run = session.refresh(away.companies(46)[-1], "invoices").wait(DEADLINE)

    def look() -> tuple[str, str | None, str]:
        with pytest.raises(InheritedError):
            run.wait()
        return run.phase, run.note, session.companies(limit=1).shape[0] and repr(session.runs)

    assert in_child(look) == ("done", "a copy from when this process was forked", "[]")


def test_closing_in_the_child_ends_nothing_of_the_parents(sandbox: Sandbox, held: RefreshRun) -> None:
    """Neither the run, nor the engine, nor a connection, nor the sandbox that is embedded in the parent."""
    with connect(sandbox=True) as session:
        session.companies()
        assert in_child(lambda: (len(session.companies(limit=2)), session.close(), session.closed)) == (2, None, True)
        assert in_child(session.close) is None  # without a use before
        assert len(session.companies(limit=2)) == 2
    sandbox.clock.resume()
    assert held.wait(DEADLINE).phase == "done"


def test_a_session_that_is_made_in_the_child_has_a_sandbox_of_its_own() -> None:
    """It outlives the inherited one that is closed, and the parent's is not touched."""
    with connect(sandbox=True) as session:

        def child() -> tuple[bool, int]:
            with connect(sandbox=True) as own:
                session.close()
                return own.client.server_url != session.client.server_url, len(own.companies(limit=2))

        assert in_child(child) == (True, 2)
        assert len(session.companies(limit=2)) == 2


def test_a_fork_on_the_engines_thread(session: Session) -> None:
    """What an observer forks, on the engine's thread in the middle of a call, has an engine of its own."""
    found: list[Any] = []

    def fork_once(event: object) -> None:
        if not found:
            found.append(None)
            found.append(in_child(lambda: len(session.companies(limit=2))))

    stop = session.context.events.observe(fork_once)
    assert len(session.companies(limit=3)) == 3
    stop()
    assert found == [None, 2]


def test_a_fork_while_the_engine_is_in_an_observer(session: Session) -> None:
    """What the engine's thread is busy with does not hold up a child."""
    busy, go_on = threading.Event(), threading.Event()

    def watch(event: object) -> None:
        busy.set()
        go_on.wait(DEADLINE)

    stop = session.context.events.observe(watch)
    asking = threading.Thread(target=session.companies)
    asking.start()
    assert busy.wait(DEADLINE)
    stop()
    assert in_child(lambda: len(session.companies(limit=2))) == 2
    go_on.set()
    asking.join(DEADLINE)


def test_a_lock_of_the_engines_that_is_held_does_not_hang_the_child(session: Session) -> None:
    """Neither the one under which engines are made nor that of the engine itself."""
    for lock in (engines._lock, session.context.engine._lock):
        held, let_go = threading.Event(), threading.Event()

        def hold(lock: Any = lock, held: threading.Event = held, let_go: threading.Event = let_go) -> None:
            with lock:
                held.set()
                let_go.wait(DEADLINE)

        thread = threading.Thread(target=hold)
        thread.start()
        assert held.wait(DEADLINE)
        assert in_child(lambda: len(connect(sandbox=True).companies()) and len(session.companies(limit=2))) == 2
        let_go.set()
        thread.join(DEADLINE)


def test_user_code_and_workers_run_in_the_child(session: Session) -> None:
    """The threads beside the engine begin anew as well, whichever is needed first."""
    here = session.context.engine
    assert here.run_user_code(int).result(DEADLINE) == here.call(here.in_worker(int)) == 0
    assert in_child(lambda: here.run_user_code(lambda: 1).result(DEADLINE) + here.call(here.in_worker(int))) == 1


def test_an_engine_that_is_not_used_in_the_child_starts_no_thread_there(session: Session) -> None:
    """A child that wants nothing of ours costs nothing."""
    assert in_child(lambda: (threading.active_count(), engines.running())) == (1, None)


def test_a_closed_engine_is_closed_in_the_child() -> None:
    """It is not started again by a fork."""
    own = Engine()
    own.close()
    assert in_child(lambda: (own.closed, own.running)) == (True, False)


# Those who fork in practice.

_POOLS = """
import concurrent.futures, multiprocessing, os, sys, warnings
from codat_notebook.models.shared import Security
from codat_notebook.session import Session
warnings.filterwarnings("ignore", "This process", DeprecationWarning)
url, key = sys.argv[1:3]
ids = sys.argv[3:]
session = Session(Security(auth_header=key), server_url=url, is_sandbox=True)
session.companies(limit=1)

def asked(id):
    client = session.client.companies.get(request={"company_id": id}).id
    found = session.context.engine.call(session.client.companies.get_async(request={"company_id": id}))
    return {client, found.id} == {id}

if __name__ == "__main__":
    run = session.refresh(ids[0], "invoices")
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as pool:
        assert all(pool.map(asked, ids)), "Pool"
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        assert all(pool.map(asked, ids)), "ProcessPoolExecutor"
    process = context.Process(target=lambda: session.close() or sys.exit(7))
    process.start()
    process.join()
    assert process.exitcode == 7
    workers = []
    for _ in range(2):  # as a server that loads the application before it forks its workers, which run threads
        pid = os.fork()
        if pid == 0:
            with session, concurrent.futures.ThreadPoolExecutor(4) as threads:
                sys.exit(0 if all(threads.map(asked, ids)) else 1)
        workers.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in workers] == [0, 0], "workers"
    assert run.wait(60).phase == "done"
    session.close()
"""


def test_pools_and_servers_that_fork(away: Away) -> None:
    """multiprocessing, concurrent.futures and preloaded workers use the session, and end by themselves, in silence."""
    arguments = [sys.executable, "-c", _POOLS, away.url, KEY, *away.companies(60)[:12]]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=2 * DEADLINE)
    assert (done.returncode, done.stderr) == (0, "")
