"""Flows: what to do next, as generators that do no I/O themselves. Here is what all of them share.

A flow yields a command and is sent its outcome: a ``Request`` (an ``Outcome``), :class:`Sleep` (nothing),
:class:`Together` (a list of results) or :class:`Join` (whether the future was done). The two drivers in
:mod:`codat_notebook.client.drivers` obey; tests obey with a simulated server. :class:`Call` is what a flow
knows about the call it belongs to: its budget, the clock, whom to tell.
"""

import random
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, TypeVar, Union

import msgspec

from codat_notebook.client import wire
from codat_notebook.client.clock import ServerClock, header_time
from codat_notebook.client.events import Attempt, Decision, EventSink, Waiting
from codat_notebook.client.quota import Pacing, QuotaGauge
from codat_notebook.client.wire import Answer, Failure, Outcome, Request
from codat_notebook.models import errors
from codat_notebook.utils import BackoffStrategy, RetryConfig

T = TypeVar("T")

#: Seconds that an attempt gets even at the very end of a budget: less would only leave a POST in doubt.
_LEAST: Final = 1.0
#: So often something is read that comes as something that cannot be read.
_UNREAD: Final = 3


class Sleep(msgspec.Struct, frozen=True):
    """Do nothing for that many real seconds."""

    seconds: float


class Together(msgspec.Struct, frozen=True):
    """Run these flows in order, ``at_once`` of them at a time; the outcome is the list of their results, or of their
    errors. After an error no further one begins: that error stands in their places.
    """

    flows: Sequence["Flow[Any]"]
    at_once: int


class Join(msgspec.Struct, frozen=True):
    """Wait until a future is done, at most ``seconds``; the outcome is whether it is."""

    future: "Future[Any]"
    seconds: float | None = None


Command = Union[Request, Sleep, Together, Join]  # noqa: UP007 - Struct classes and a string do not take |
Flow = Generator[Command, Any, T]


@dataclass(eq=False)
class Call:
    """One call of the client on its way: its name, its budget and what has been tried.

    Args:
        name: the operation, for events: ``"companies.list"``.
        retries: how to try again; None is one request.
        clock, tell, quota, pacing: the client's.
        jitter: a random number from 0 to 1; replaced in tests.
        base, timeout, headers: the server, the seconds for one request, and what is added to each.
    """

    name: str
    retries: RetryConfig
    clock: ServerClock
    tell: EventSink
    quota: QuotaGauge | None = None
    pacing: Pacing | None = None
    jitter: Callable[[], float] = random.random
    base: str = ""
    timeout: float | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        self._backoff: BackoffStrategy | None = self.retries.backoff if self.retries.strategy != "none" else None
        self.retries_lost = self.retries.retry_connection_errors
        self._began = self.clock.monotonic()
        self._company: str | None = None
        self.attempt = 0

    def get(self, path: str, query: tuple[tuple[str, str], ...] = (), company: str | None = None) -> Request:
        """A GET of this call."""
        return Request("GET", path, query, self.base, self.headers, self.timeout, company)

    def anew(self) -> "Call":
        """The same call from its beginning: with the whole budget, nothing tried."""
        return replace(self)

    @property
    def single(self) -> bool:
        """Whether the caller asked for one request and no more."""
        return self._backoff is None

    @property
    def left(self) -> float:
        """How many real seconds of the budget are left."""
        if self._backoff is None:
            return 0.0
        return self._backoff.max_elapsed_time / 1000 - (self.clock.monotonic() - self._began)

    def backoff(self, failures: int) -> float:
        """How many real seconds to wait after so many failures: full jitter under a growing ceiling."""
        if self._backoff is None:
            return 0.0
        try:
            ceiling = self._backoff.initial_interval * self._backoff.exponent ** max(failures - 1, 0)
        except OverflowError:
            ceiling = float(self._backoff.max_interval)
        return self.jitter() * min(ceiling, self._backoff.max_interval) / 1000

    def decide(self, text: str, **about: str | None) -> None:
        """Tell what was concluded."""
        if self.tell.heard:
            self.tell(Decision(self.name, text, **about))

    def send(self, request: Request) -> Flow[Outcome]:
        """Send one request, at the pace that was asked for, and tell how it went."""
        self._company = request.company
        if self.pacing is None:
            outcome = yield from self._sent(request)
        else:
            outcome = yield from self._paced(request, self.pacing)
        self._note(request, outcome)
        return outcome

    def _sent(self, request: Request) -> Flow[Outcome]:
        self.attempt += 1
        if not self.single:
            request = msgspec.structs.replace(request, within=max(self.left, _LEAST))
        outcome: Outcome = yield request
        return outcome

    def _paced(self, request: Request, pacing: Pacing) -> Flow[Outcome]:
        place = pacing.enter(request.company) if request.company else None
        try:
            if place is not None:
                yield Join(place)
            delay = pacing.reserve(self.clock.monotonic(), self.clock.real(60.0))
            if delay > 0:
                yield from self.wait(delay, "keeping to the pace")
            return (yield from self._sent(request))
        finally:
            # One who gave up waiting has no place to give back, unless he was given it meanwhile.
            if request.company and (place is None or not place.cancel()):
                pacing.leave(request.company)

    def _note(self, request: Request, outcome: Outcome) -> None:
        if isinstance(outcome, Answer):
            self.clock.observe(outcome.headers, outcome.sent, outcome.received)
            if self.quota is not None:
                self.quota.observe(outcome.headers)
        if not self.tell.heard:
            return
        took = outcome.received - outcome.sent
        self.tell(
            Attempt(
                call=self.name,
                method=request.method,
                path=request.target,
                attempt=self.attempt,
                started=self.clock.now() - timedelta(seconds=took * self.clock.speed),
                ms=took * 1000,
                status=outcome.status if isinstance(outcome, Answer) else None,
                error=outcome.error if isinstance(outcome, Failure) else None,
                correlation_id=wire.correlation_id(outcome),
            )
        )

    def wait(self, seconds: float, reason: str) -> Flow[None]:
        """Pause visibly."""
        until = self.clock.now() + timedelta(seconds=seconds * self.clock.speed)
        waited = self.clock.monotonic() - self._began
        self.tell(Waiting(self.name, seconds, reason, self.attempt, until, waited, self._company))
        yield Sleep(seconds)

    def pause(self, failures: int, outcome: Outcome, error: errors.CodatLendingError) -> Flow[None]:
        """Wait before the next attempt, as long as the server asks to, or raise ``error`` if the budget does not allow
        it.
        """
        now = self.clock.now()
        asked = header_time(outcome.headers.get("retry-after"), now) if isinstance(outcome, Answer) else None
        seconds = self.backoff(failures)
        if asked is not None:
            seconds = max(seconds, self.clock.real((asked - now).total_seconds()))
        if self.single or seconds > self.left:
            error.retry_at = asked
            raise error
        yield from self.wait(seconds, _reason(outcome))


def _reason(outcome: Outcome) -> str:
    if isinstance(outcome, Failure):
        return outcome.error
    if outcome.status < 300:
        return "an answer that cannot be read"
    return "429, too many requests" if outcome.status == 429 else f"status {outcome.status}"


def fetch(call: Call, request: Request, kind: type[T]) -> Flow[T]:
    """Read something: try again while that can help and the budget lasts."""
    failures = unread = 0
    while True:
        outcome = yield from call.send(request)
        error: errors.CodatLendingError
        if isinstance(outcome, Answer) and 200 <= outcome.status < 300:
            try:
                return wire.value(request, outcome, kind)
            except errors.ResponseValidationError as complaint:
                error = complaint
            unread += 1  # cut off on its way, most probably; what comes like this again and again is meant so
            worth_another = call.retries_lost and unread < _UNREAD
        elif isinstance(outcome, Failure):
            error = wire.error(request, outcome)
            worth_another = call.retries_lost and not outcome.fatal
        else:
            error = wire.error(request, outcome)
            worth_another = outcome.status in (408, 429) or (outcome.status >= 500 and outcome.status != wire.LOGIN)
        if not worth_another:
            raise error
        failures += 1
        yield from call.pause(failures, outcome, error)
