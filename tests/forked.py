"""A child that is forked from the test: what it finds comes back through a pipe, and it ends at once, or is killed."""

import os
import pickle
import select
import signal
import traceback
import warnings
from collections.abc import Callable
from typing import Any, Self

import pytest

#: Real seconds within which a child must have answered; who waits goes on as soon as it has.
DEADLINE = 60.0

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


class Child:
    """Runs ``what`` in a forked child; with ``stays`` the child lives on afterwards, until the end of the block."""

    def __init__(self, what: Callable[[], Any], *, stays: bool = False) -> None:
        self._heard, told = os.pipe()
        waits, self._leave = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # that this process has threads is what is tested
            self.pid = os.fork()
        if self.pid == 0:
            os.close(self._leave)
            _tell(told, what)
            if stays:
                os.read(waits, 1)  # until the parent closes its end, or is dead
            os._exit(0)
        os.close(told)
        os.close(waits)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        os.close(self._leave)
        os.close(self._heard)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def result(self) -> Any:
        """What it found. Fails with its traceback if it raised, and after the deadline."""
        answer = b""
        while True:
            ready, _, _ = select.select([self._heard], [], [], DEADLINE)
            assert ready, "the child hangs"
            piece = os.read(self._heard, 65536)
            answer += piece
            if not piece or answer.endswith(_END):
                break
        failed, found = pickle.loads(answer.removesuffix(_END))
        assert not failed, found
        return found


_END = b"\n-- the end --"


def _tell(pipe: int, what: Callable[[], Any]) -> None:
    try:
        answer = False, what()
    except BaseException:  # noqa: BLE001 - it is told to the parent, and this process ends
        answer = True, traceback.format_exc()
    os.write(pipe, pickle.dumps(answer) + _END)


def in_child(what: Callable[[], Any]) -> Any:
    """What a function finds in a forked child."""
    with Child(what) as child:
        return child.result()
