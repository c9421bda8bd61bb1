"""Codat's idempotency layer: the first answer under a key is kept for 90 minutes and given again.

4xx and 5xx answers are kept too; a 429 releases the key. While the first request is handled the key answers 409,
and 422 when it comes with another request.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from codat_notebook.sandbox.exchange import Answer, Request
from codat_notebook.sandbox.problems import Problem
from codat_notebook.sandbox.time_units import MINUTE

LIFETIME: Final = 90 * MINUTE


@dataclass(slots=True)
class Slot:
    """What is known under one key; no answer while the first request is being handled."""

    key: str
    since: int
    fingerprint: tuple[str, str, str, bytes]
    answer: Answer | None = None


class Idempotency:
    """The slots of one service."""

    def __init__(self) -> None:
        self._slots: OrderedDict[str, Slot] = OrderedDict()

    def open(self, key: str, request: Request, now: int) -> Slot:
        """The slot of a key: a new one, or the one whose answer is to be given again.

        Raises:
            Problem: 409, the first request is still being handled; 422, the key was used for another one.
        """
        self._forget(now)
        fingerprint = (request.method, request.path, request.query, request.body)
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = Slot(key, now, fingerprint)
            return slot
        if slot.fingerprint != fingerprint:
            raise Problem(422, "The Idempotency-Key was already used with a different request.")
        if slot.answer is None:
            raise Problem(409, "A request with the same Idempotency-Key is still being processed.")
        return slot

    def close(self, slot: Slot, answer: Answer | None) -> None:
        """The first request under the slot is answered (or was lost: then the key is free again)."""
        if answer is None or answer.status == 429:
            self._slots.pop(slot.key, None)
        else:
            slot.answer = answer

    def _forget(self, now: int) -> None:
        while self._slots:
            oldest = next(iter(self._slots.values()))
            if now - oldest.since < LIFETIME:
                return
            self._slots.popitem(last=False)
