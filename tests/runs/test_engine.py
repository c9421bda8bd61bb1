"""The engine thread: where coroutines run, who may block, and how it ends."""

import asyncio
import concurrent.futures
import contextvars
import threading
from collections.abc import Iterator

import pytest

from codat_notebook.runs.engine import Engine, wait


@pytest.fixture
def own_engine() -> Iterator[Engine]:
    """An engine of the test's own, ended after it."""
    engine = Engine()
    yield engine
    engine.close()


def test_a_coroutine_runs_on_the_engines_thread(own_engine: Engine) -> None:
    """What is submitted runs on one thread beside the caller's."""

    async def where() -> str:
        return threading.current_thread().name

    assert own_engine.call(where()) == "codat-engine"
    assert not own_engine.on_thread


def test_a_blocking_call_on_the_engines_thread_is_refused(own_engine: Engine) -> None:
    """It would wait for itself for ever; it raises at once and says so."""

    async def blocking() -> None:
        own_engine.call(asyncio.sleep(0))

    with pytest.raises(RuntimeError, match="wait for itself"):
        own_engine.call(blocking())


def test_a_failure_goes_to_the_future(own_engine: Engine) -> None:
    """An exception in a coroutine is raised by whoever waits for it."""

    async def fails() -> None:
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        own_engine.call(fails())


def test_waiting_ends_at_its_timeout(own_engine: Engine) -> None:
    """A wait that is over raises TimeoutError; the coroutine goes on."""
    never = asyncio.Event()
    future = own_engine.submit(never.wait())  # type: ignore[arg-type]  # a coroutine all the same
    with pytest.raises(TimeoutError):
        wait(future, 0.01)
    assert not future.done()


def test_two_holders_may_let_go_at_the_same_time() -> None:
    """The release that closes the engine first leaves no error in the other, which still waits for what is due."""
    engine = Engine()
    begun = threading.Event()

    async def due() -> None:
        engine.expect("a drawing that is never done")
        asyncio.get_running_loop().call_later(0.05, begun.set)  # later than the first wait of the release

    engine.hold(begun)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        engine.call(due())
        released = pool.submit(engine.release, begun)
        assert begun.wait(10)
        engine.close()
        released.result(10)


def test_close_cancels_what_runs_and_ends_the_threads() -> None:
    """After close nothing of the engine is left, and a second close does nothing."""
    engine = Engine()

    async def endless() -> None:
        await asyncio.Event().wait()

    future = engine.submit(endless())
    engine.call(engine.in_worker(int))
    engine.close()
    engine.close()
    assert future.cancelled()
    assert not engine._thread.is_alive()
    with pytest.raises(RuntimeError, match="closed"):
        engine.submit(asyncio.sleep(0))


def test_user_code_has_a_thread_of_its_own(own_engine: Engine) -> None:
    """Listeners of the user's run one after the other, never on the engine's thread."""
    names = [own_engine.run_user_code(lambda: threading.current_thread().name).result(5) for _ in range(3)]
    assert len(set(names)) == 1
    assert names[0].startswith("codat-user-code")


def test_the_last_holder_waits_for_what_is_due() -> None:
    """The engine ends with its last holder, but not before what was expected is settled."""
    engine, holder, settled = Engine(), threading.Event(), threading.Event()
    engine.hold(holder)

    def settle() -> None:
        settled.set()
        engine.settled("a drawing")

    def begin() -> None:
        engine.expect("a drawing")
        engine.loop.call_later(0.1, settle)

    engine.post(begin)
    engine.release(holder)
    assert engine.closed
    assert settled.is_set()


def test_what_was_drawn_is_sent_again_for_who_waits(own_engine: Engine) -> None:
    """In the waiting caller's context, by which a kernel knows the cell; once, and in the engine's order."""
    cell, sent = contextvars.ContextVar("cell", default="none"), []

    class Widget:
        def send_state(self, name: str) -> None:
            sent.append((name, cell.get(), own_engine.on_thread))

    widget = Widget()
    own_engine.drawn.add(widget)
    cell.set("waits")
    own_engine.settle()
    own_engine.settle()
    assert sent == [("state", "waits", True)]
