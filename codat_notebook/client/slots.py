"""One slot per intent and process: who is queueing it now, and what is still open from before.

Two callers who want the same refresh at the same time send one request: the second waits for the first one's
outcome. An intent that ended in doubt stays open here with its idempotency key, so that asking again goes on
with it instead of beginning a second one. Ids that earlier calls brought home are remembered, so that a
look-up does not take them for new. In a forked process nobody is queueing yet; what its parent may have
sent when it forked is in doubt there.
"""

from concurrent.futures import Future
from itertools import islice
from typing import Any, Final

import msgspec

from codat_notebook import forking
from codat_notebook.client.clock import Moment
from codat_notebook.models.errors import CodatLendingError
from codat_notebook.models.shared import PullOperation

_REMEMBERED: Final = 64
_KEPT: Final = 4096


class Record(msgspec.Struct):
    """How far the sending of one intent got.

    ``first`` is when the first request under any key may have reached the server, ``key_first`` the same for the
    current key, ``last`` the same for the latest request; None before. ``renewed`` says that the one new key has been
    taken, ``doubt`` that an operation may exist, ``heard`` that the history shows that a refresh of everything was
    heard, so that it is never sent again; ``cause`` is what the latest doubtful request came to. ``before`` are the ids
    that the history showed before the first request, ``running`` the operations among them that were on their way.
    """

    key: str
    first: Moment | None = None
    key_first: Moment | None = None
    last: Moment | None = None
    renewed: bool = False
    doubt: bool = False
    heard: bool = False
    cause: CodatLendingError | None = None
    before: frozenset[str] = frozenset()
    running: tuple[PullOperation, ...] = ()

    def broken_off(self, now: Moment | None = None) -> "Record | None":
        """What is left of a sending that ended without an outcome: a doubt, if anything may have been sent."""
        self.doubt = self.doubt or self.key_first is not None
        self.last = now or self.last
        return self if self.doubt else None


class _Slot:
    def __init__(self) -> None:
        self.taken = False
        self.flight: Future[Any] | None = None  # made for the first one who waits
        self.open: Record | None = None
        self.under_way: Record | None = None
        self.ids: list[str] = []


class Slots:
    """The slots of a process. Threads and event loops share them."""

    def __init__(self) -> None:
        self._lock = forking.Lock()
        self._slots: dict[Any, _Slot] = {}
        forking.remember(self)

    def _after_fork(self) -> None:
        """In a forked child: the threads that have slots are the parent's, and what they may have sent is a doubt."""
        for slot in self._slots.values():
            if slot.taken:
                slot.taken = False
                slot.flight = None
                slot.open = slot.under_way.broken_off() if slot.under_way is not None else slot.open

    def enter(self, name: Any) -> "Future[Any] | None":
        """Take the slot: None if it is yours now, else the future of whoever has it."""
        with self._lock:
            slot = self._slots.get(name)
            if slot is None:
                slot = self._slots[name] = _Slot()
            if not slot.taken:
                slot.taken = True
                return None
            if slot.flight is None:
                slot.flight = Future()
            return slot.flight

    def begin(self, name: Any, record: Record) -> Record:
        """Keep the record of the sending that has the slot, and return it."""
        with self._lock:
            self._slots[name].under_way = record
        return record

    def leave(self, name: Any, outcome: Any, left_open: Record | None = None, ids: tuple[str, ...] = ()) -> None:
        """Give the slot back with the outcome for those who wait; ``left_open`` if it ended in doubt."""
        with self._lock:
            slot = self._slots[name]
            flight = slot.flight
            slot.flight = None
            slot.taken = False
            slot.open = left_open
            slot.under_way = None
            slot.ids = [*slot.ids, *(i for i in ids if i not in slot.ids)][-_REMEMBERED:]
            self._tidy(name, slot)
        if flight is not None:
            flight.set_result(outcome)

    def _tidy(self, name: Any, slot: _Slot) -> None:
        """Forget this slot if it is empty, and those that were used longest ago if there are many."""
        del self._slots[name]
        if slot.ids or slot.open is not None:
            self._slots[name] = slot  # as the latest
        if len(self._slots) > _KEPT:
            idle = (n for n, s in self._slots.items() if not s.taken and s.open is None)
            for old in list(islice(idle, len(self._slots) - _KEPT)):
                del self._slots[old]

    def opened(self, name: Any) -> Record | None:
        """The record that an earlier call left open."""
        with self._lock:
            slot = self._slots.get(name)
            return slot.open if slot else None

    def ids(self, name: Any) -> frozenset[str]:
        """The ids that earlier calls brought home."""
        with self._lock:
            slot = self._slots.get(name)
            return frozenset(slot.ids if slot else ())


#: The process's own.
SLOTS: Final = Slots()
