"""The one background thread with its event loop on which all I/O of the process runs.

A notebook's own loop stands still while a cell computes or sleeps; this one does not, so what is shown stays live. The
engine is started by the first use and ended at exit. Its rules: blocking calls are refused on its own thread (they
would wait for themselves); code of the user's never runs on it, but on a thread beside it; and a coroutine's failure
is never lost, it goes to the future that ``submit`` returned. A fork copies no threads: in the child the engine is the
same object, and its first use there starts threads and a loop anew.

A :class:`Throttle` tells that something changed: at once, then at most so many times a second, for a portfolio changes
thousands of times a minute. What an observer raises goes to the loop's exception handler, never into what changes.
"""

import asyncio
import atexit
import concurrent.futures
import contextlib
import math
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

from codat_notebook import forking

T = TypeVar("T")

#: A blocking wait wakes this often (seconds), because on Windows an endless one cannot be interrupted.
_WAKE = 0.5
#: Seconds that what is being drawn may take when the last session is closed.
_PATIENCE = 5.0
#: Real seconds between two tellings at the least.
EVERY = 0.2
#: So many times what a drawing costs lies between two of them.
SHARE = 10

Observer = Callable[[], object]


class Engine:
    """A daemon thread with an event loop (a new one, unless one is given); see the module's docstring for its rules.

    >>> engine = Engine()
    >>> engine.call(asyncio.sleep(0, "answer"))
    'answer'
    >>> engine.close()
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        #: Whether the engine has been ended; a closed one is not started again.
        self.closed = False
        self._holders: weakref.WeakSet[object] = weakref.WeakSet()
        self._expected: set[object] = set()
        #: Widgets whose state was sent since somebody last waited.
        self.drawn: weakref.WeakSet[Any] = weakref.WeakSet()
        self._lock = forking.Lock()
        self._begin(loop or asyncio.new_event_loop())
        forking.remember(self)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._workers = concurrent.futures.ThreadPoolExecutor(2, "codat-worker")
        self._users = concurrent.futures.ThreadPoolExecutor(1, "codat-user-code")
        self._thread = threading.Thread(target=self._run, name="codat-engine", daemon=True)
        self._thread.start()
        self._begun = True

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def _after_fork(self) -> None:
        """In a forked child: the loop, the threads and all that runs on them are the parent's."""
        forking.keep(self._loop, asyncio.all_tasks(self._loop), self._thread, self._workers, self._users)
        self._begun = False
        self._expected = set()

    def _begin_anew(self) -> None:
        """After a fork, with the first use."""
        if not self._begun:
            with self._lock:
                if not self._begun:
                    self._begin(asyncio.new_event_loop())

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The engine's event loop."""
        self._begin_anew()
        return self._loop

    @property
    def on_thread(self) -> bool:
        """Whether the caller runs on the engine's own thread."""
        return self._begun and threading.current_thread() is self._thread

    @property
    def running(self) -> bool:
        """Whether its thread is at work: not once it is closed, nor in a forked child before its first use there."""
        return self._begun and not self.closed

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Start a coroutine on the engine, from any thread, and return its future at once."""
        if self.closed:
            coroutine.close()
            raise RuntimeError("The engine is closed: the interpreter is ending.")
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the engine and wait for its result. An interrupt (Ctrl-C) cancels it and is raised on."""
        if self.on_thread:
            coroutine.close()
            raise RuntimeError(
                "A blocking call was made on the engine's own thread, where it would wait for itself and never end. "
                "Use the method's async form, or call it from another thread."
            )
        future = self.submit(coroutine)
        try:
            return wait(future)
        except BaseException:
            future.cancel()
            raise

    def post(self, function: Callable[..., object], *arguments: object) -> None:
        """Have a short function called on the engine's thread, soon, in order of posting."""
        if not self.closed:
            self.loop.call_soon_threadsafe(function, *arguments)

    async def in_worker(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run a function that computes (framing, sorting) beside the loop, so that nothing waits for it."""
        return await self.loop.run_in_executor(self._workers, function, *arguments)

    def run_user_code(self, function: Callable[..., T], *arguments: Any) -> concurrent.futures.Future[T]:
        """Run a function of the user's (a listener, an observer) on the thread kept for such, in order."""
        self._begin_anew()
        return self._users.submit(function, *arguments)

    def expect(self, work: object) -> None:
        """Have ``release`` wait until ``work``, something short that is due, is ``settled``. On the engine's thread."""
        self._expected.add(work)

    def settled(self, work: object) -> None:
        """Say that ``work`` is done, or will not be. On the engine's thread."""
        self._expected.discard(work)

    async def _settle(self) -> None:
        until = self.loop.time() + _PATIENCE
        await asyncio.sleep(0.01)  # for what has been posted already
        while self._expected and self.loop.time() < until:  # noqa: ASYNC110 - it is set a few times a second, read once
            await asyncio.sleep(0.01)
        # What runs a notebook without a browser keeps only what is sent on behalf of the running cell: here the one
        # that waits, whose context this has. The messages of a run itself are of the cell that began it.
        drawn, self.drawn = self.drawn, weakref.WeakSet()
        for widget in drawn:
            widget.send_state("state")

    def hold(self, holder: object) -> None:
        """Keep the engine for ``holder`` (an open session, a console that waits for one) until it is released."""
        self._holders.add(holder)

    def release(self, holder: object) -> None:
        """Let go of the engine; the last of its holders ends it, once what is due has been drawn."""
        self._holders.discard(holder)
        if not self._holders:
            self.settle()
        if not self._holders:  # still: another may have come meanwhile
            self.close()

    def settle(self) -> None:
        """Return once what is due has been drawn: else a view would show for ever what was so a moment before the end
        of its session, or of the last cell that papermill runs."""
        if self.running and not self.on_thread:
            with self._perhaps_closed():
                self.call(self._settle())

    async def settle_async(self) -> None:
        """:meth:`settle`, to await on another event loop."""
        if self.running and not self.on_thread:
            with self._perhaps_closed():
                await wait_async(self.submit(self._settle()))

    @contextlib.contextmanager
    def _perhaps_closed(self) -> Iterator[None]:
        try:
            yield
        except (concurrent.futures.CancelledError, RuntimeError):
            if not self.closed:  # a release on another thread closes it just then
                raise

    def close(self) -> None:
        """Cancel what runs, end the threads. Called at exit; safe to call twice."""
        running = self.running
        self.closed = True
        if not running:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        if not self.on_thread:
            self._thread.join(5)
        self._workers.shutdown(wait=False, cancel_futures=True)
        self._users.shutdown(wait=False, cancel_futures=True)


def wait(future: concurrent.futures.Future[T], timeout: float | None = None) -> T:
    """Wait for a future, interruptibly on every system. Raises ``TimeoutError`` after ``timeout`` seconds."""
    until = math.inf if timeout is None else time.monotonic() + timeout
    while not future.done():
        rest = until - time.monotonic()
        if rest <= 0:
            raise TimeoutError
        concurrent.futures.wait([future], min(_WAKE, rest))
    return future.result()


async def wait_async(future: concurrent.futures.Future[Any]) -> None:
    """Await the end of a future of the engine. Only its failure is raised; cancelling the waiter leaves it alone."""
    await asyncio.wait([asyncio.wrap_future(future)])
    if not future.cancelled():
        future.result()


_engine: Engine | None = None
_lock = forking.Lock()
_ending = False


def engine() -> Engine:
    """The process's one engine, started by the first call. At the interpreter's end the closed one is given."""
    global _engine
    with _lock:
        # What is taken apart at the very end must not start a thread: that waits for ever.
        if _engine is None or (_engine.closed and not _ending):
            _engine = Engine()
        return _engine


@atexit.register
def _end() -> None:
    global _ending
    _ending = True
    if _engine is not None:
        _engine.close()


def running() -> Engine | None:
    """The process's engine if it is at work; never starts one."""
    return _engine if _engine is not None and _engine.running else None


def pace(cost: float, least: float, most: float = math.inf) -> float:
    """Seconds between two drawings that cost so many seconds each: a tenth of the time may go into it.

    >>> pace(0.01, 0.5), pace(2, 0.5), pace(2, 0.5, 3)
    (0.5, 20, 3)
    """
    return max(least, min(SHARE * cost, most))


class Throttle:
    """Rings at once, then at most every ``every`` seconds. To be used on the thread of ``loop``."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *observers: Observer, every: float = EVERY) -> None:
        self.observers = list(observers)
        self.every = every
        self.loop = loop
        self._last = float("-inf")
        self._pending: asyncio.TimerHandle | None = None

    def ring(self) -> None:
        """Something has changed: the observers are told now or soon."""
        if self._pending is None:
            delay = max(self._last + self.every - self.loop.time(), 0.0)
            self._pending = self.loop.call_later(delay, self.ring_now)

    def ring_now(self) -> None:
        """Tell the observers at once: something ended, or a click is answered."""
        self.stop()
        self._last = self.loop.time()
        for observer in tuple(self.observers):
            try:
                observer()
            except Exception as error:  # noqa: BLE001 - told to the loop's handler; the run goes on
                self.loop.call_exception_handler({"message": "An observer of a run failed", "exception": error})

    def stop(self) -> None:
        """Tell nobody of what has changed so far."""
        if self._pending is not None:
            self._pending.cancel()
        self._pending = None
