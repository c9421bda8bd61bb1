"""What happens when the process forks: the child gets everything anew and touches nothing of its parent's.

A fork copies memory and open files, but no threads: what another thread was in the middle of stays so in the child for
good. Whoever has something to lose says so here once, and no method has to ask which process it runs in:

* a :class:`Lock` is taken by the thread that forks, so that what it guards is whole in the child, where it is new;
* an owner that is :func:`remembered <remember>` is told in the child, by ``_after_fork()``, to let go and begin anew;
* :func:`let_go` points inherited sockets and files at nothing: closing them properly would speak to the other end;
* :func:`keep` holds on to what must neither run nor be collected in the child: loops, tasks, open databases;
* a port is opened by :func:`listening`, and the server on it let go of by :func:`leave`.
"""

import errno
import importlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol
from weakref import WeakValueDictionary

#: Seconds for which a fork waits, at most and in all, until locks come free and imports end.
PATIENCE: Final = 1.0


class Owner(Protocol):
    """What can be remembered."""

    def _after_fork(self) -> None:
        """Called in the child, with all locks free and new: let go of the parent's things and begin anew."""


class File(Protocol):
    """An open file or socket; a closed one has a negative number."""

    def fileno(self) -> int:
        """Its number in this process."""


class InheritedError(RuntimeError):
    """What was asked of is the parent's: it was running when this process was forked, and only a copy of it is here."""


class Lock:
    """A lock that a fork waits for and that is new in the child.

    Args:
        settle: called by the thread that forks while it holds the lock, to bring to rest what the lock guards.
        kind: ``threading.RLock`` for one that a thread may take again.

    Where it does not come free in time, the fork happens all the same, without ``settle``.
    """

    def __init__(self, settle: Callable[[], object] | None = None, kind: Callable[[], Any] = threading.Lock) -> None:
        self._lock = kind()
        self._settle = settle
        self._kind = kind
        _locks[id(self)] = self

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *exception: object) -> None:
        self._lock.release()

    def before_fork(self, seconds: float, taken: "list[Lock]") -> None:
        """Take it for a fork, if it comes free in so many seconds, and settle."""
        if self._lock.acquire(timeout=max(seconds, 0.0)):
            taken.append(self)
            if self._settle is not None:
                self._settle()

    def after_fork(self) -> None:
        """In the child: it is free, whoever held it."""
        self._lock = self._kind()


# By id, because listing such a dictionary's references is one step that no other thread can come between.
_locks: WeakValueDictionary[int, Lock] = WeakValueDictionary()
_owners: WeakValueDictionary[int, Owner] = WeakValueDictionary()
_kept: list[object] = []


#: ``locks``: those that this thread took for its fork.
_taken = threading.local()


def remember(owner: Owner) -> None:
    """Have ``owner._after_fork()`` called in every child that is forked while it lives."""
    _owners[id(owner)] = owner


def keep(*things: object) -> None:
    """In the child: never collect these.

    A parent's task that is collected runs its ``finally`` blocks here, and an open database that is closed here rolls
    back what its parent is writing.
    """
    _kept.append(things)


def let_go(files: Iterable[File]) -> None:
    """In the child: point inherited files at nothing. Their numbers stay taken until their objects are collected."""
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        for file in files:
            if (number := file.fileno()) >= 0:
                os.dup2(nothing, number, inheritable=False)
    finally:
        os.close(nothing)


def listening(port: int) -> socket.socket:
    """A socket that listens on a port of 127.0.0.1 (0: a free one). Raises ``OSError`` where it is taken, or where the
    machine has no such address."""
    try:
        number = socket.create_server(("127.0.0.1", port)).detach()
    except OSError as error:
        if error.errno != errno.EADDRNOTAVAIL:
            raise
        why = "this machine has no address 127.0.0.1, and nothing here listens on another; [::1] alone is not enough"
        raise OSError(error.errno, why) from None
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, number)  # else without TCP_NODELAY


def leave(server: Any, listening: File) -> None:
    """In the child: an inherited server of uvicorn is the parent's; else its clients would not notice its end."""
    connections = tuple(server.server_state.connections)
    keep(server, connections)
    let_go([listening, *(each.transport.get_extra_info("socket") for each in connections)])


def _before() -> None:
    until = time.monotonic() + PATIENCE
    _taken.locks = []
    while _importing() and time.monotonic() < until:
        time.sleep(0.001)
    for reference in _locks.valuerefs():
        if (lock := reference()) is not None:
            lock.before_fork(until - time.monotonic(), _taken.locks)


def _importing() -> bool:
    """Whether another thread is in the middle of an import, which would never end in the child.

    Python has no public name for it; a test notices if it moves.
    """
    locks: dict[str, Callable[[], Any]] = importlib._bootstrap._module_locks  # type: ignore[attr-defined]  # see above
    owners = {getattr(reference(), "owner", None) for reference in tuple(locks.values())}
    return bool(owners - {None, threading.get_ident()})


def _in_parent() -> None:
    while _taken.locks:
        _taken.locks.pop().__exit__()


def _in_child() -> None:
    _taken.locks.clear()
    for lock in tuple(_locks.values()):
        lock.after_fork()
    for owner in tuple(_owners.values()):
        owner._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
