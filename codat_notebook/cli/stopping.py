"""How a command ends early: with an error that is told in one line, or because somebody asks it to stop.

Ctrl-C, SIGTERM and a closed terminal are a flag here that a waiting command looks at. Python's own answer to Ctrl-C is
an exception at any line, also in the middle of starting or ending a child; with the flag the command ends at a place of
its choosing: no traceback, nothing left behind. Signals that a platform lacks (Windows has no SIGHUP, the others no
SIGBREAK) are passed over.
"""

import errno
import math
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from types import FrameType
from typing import Self, TypeVar

from codat_notebook.cli.exits import Exit, instead, shown_command

T = TypeVar("T")

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


class CommandError(Exception):
    """A command cannot go on; its text says why and what to do."""

    code = Exit.PROBLEM

    def __init__(self, text: str, then: str | None = None) -> None:
        super().__init__(text)
        #: The command to run next, where it is not the help of the command that was run.
        self.then = then

    def next(self, words: Sequence[str]) -> str | None:
        """The command to run next after that of these words; ``None`` for its help."""
        return self.then

    @classmethod
    def port(cls, port: int, error: OSError) -> Self:
        """A port cannot be listened on."""
        why = str(error.strerror).partition(" (")[0]  # without the address
        if error.errno == errno.EADDRNOTAVAIL:
            return cls(f"{why[0].upper()}{why[1:]}.", then="ip addr add 127.0.0.1/8 dev lo")
        return cls(f"Port {port} cannot be used: {why}. Try another --port, or leave it out.")


class ArgumentsError(CommandError):
    """The arguments, or a file that they name, cannot be meant."""

    code = Exit.ARGUMENTS


class StoppedError(CommandError):
    """The command was asked to end before it was done."""

    code = Exit.OPEN


class NoMatchError(CommandError):
    """What was ``named`` (by id, name, tag or platform) is not there; ``meant`` was probably this."""

    code = Exit.NO_MATCH

    def __init__(self, text: str, named: str = "", meant: str | None = None) -> None:
        super().__init__(text)
        self._named, self._meant = named, meant

    def next(self, words: Sequence[str]) -> str | None:
        """The same command, with what was meant."""
        return shown_command(instead(words, self._named, self._meant)) if self._meant else None


class Stopped(Exception):
    """The command was asked to end, or its time was over, while it waited for something."""


class Stop:
    """Whether the person, or the system, has asked the command to end.

    A bare flag and not a ``threading.Event``: a handler that sets an event can meet the event's own lock held by the
    very thread that it interrupted, and would then wait for ever.
    """

    def __init__(self) -> None:
        self.asked = False

    def wait_until(self, condition: Callable[[], bool], every: float = 0.05, within: float | None = None) -> bool:
        """Look at ``condition`` ``every`` so many seconds; true once it holds, false if asked to stop before, or if it
        does not hold ``within`` so many seconds."""
        until = math.inf if within is None else time.monotonic() + within
        while not self.asked:
            if condition():
                return True
            if time.monotonic() >= until:
                break
            time.sleep(every)
        return False

    def unless(self, work: Callable[[], T], within: float | None = None) -> T:
        """The result of ``work``, which goes on beside it; raises :class:`Stopped` once asked to stop before, or if it
        takes longer than ``within`` seconds."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - it is raised where the result is waited for
                future.set_exception(error)

        Thread(target=run, daemon=True).start()
        if not self.wait_until(future.done, within=within):
            raise Stopped
        return future.result()


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Within the block, signals to end set the flag that is handed out; afterwards they do what they did before."""
    stop = Stop()

    def ask(number: int, frame: FrameType | None) -> None:
        stop.asked = True

    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    before = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
