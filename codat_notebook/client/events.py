"""What the client tells while it works: frozen records of every attempt, wait and decision.

A listener gets them in whatever thread does the I/O, so it must be quick and must not block. The request log,
the ``codat_notebook`` logging channel and the console all read these. None of them ever holds the key.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec

log: Final = logging.getLogger("codat_notebook")


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """One request and how it ended: with a ``status``, or without an answer and an ``error``.

    ``call`` is the operation's name (``"companies.list"``), ``attempt`` counts from 1 within the call,
    ``started`` is the server's time, ``ms`` real milliseconds.
    """

    call: str
    method: str
    path: str
    attempt: int
    started: datetime
    ms: float
    status: int | None = None
    error: str | None = None
    correlation_id: str | None = None

    def __str__(self) -> str:
        end = self.error if self.status is None else self.status
        return f"{self.call}: {self.method} {self.path} -> {end} in {self.ms:.0f} ms (attempt {self.attempt})"


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """A pause that begins now: for how many real ``seconds``, why, after which attempt, until when (server's time).

    ``waited``: real seconds since the call began; ``company_id``: the one that it is about, if any.
    """

    call: str
    seconds: float
    reason: str
    attempt: int
    until: datetime
    waited: float = 0.0
    company_id: str | None = None

    def __str__(self) -> str:
        pause = f"{self.seconds:.1f} s" if self.seconds >= 1 else f"{self.seconds * 1000:.0f} ms"
        return f"{self.call}: waiting {pause}: {self.reason}"


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What the client concluded, in words: attached to an operation, went on with the same key, ..."""

    call: str
    text: str
    company_id: str | None = None
    data_type: str | None = None
    operation_id: str | None = None

    def __str__(self) -> str:
        return f"{self.call}: {self.text}"


Event = Attempt | Waiting | Decision
Listener = Callable[[Event], Any]


class EventSink:
    """Passes events on: to the listener, the SDK's ``debug_logger`` and the logging channel."""

    def __init__(self, listener: Listener | None = None, debug_logger: Any = None) -> None:
        self._listener = listener
        self._debug_logger = debug_logger

    @property
    def heard(self) -> bool:
        """Whether anyone listens; records are made only then."""
        return self._listener is not None or self._debug_logger is not None or log.isEnabledFor(logging.DEBUG)

    def __call__(self, event: Event) -> None:
        """Pass an event on."""
        log.debug("%s", event)
        try:
            if self._debug_logger is not None:
                self._debug_logger.debug("%s", event)
            if self._listener is not None:
                self._listener(event)
        except Exception:
            log.exception("A listener failed on %s", event)
