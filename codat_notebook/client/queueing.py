"""The two calls that queue, each through its intent's slot, and what comes of them.

:func:`queue` is one data type: its result names the operation. :func:`queue_all` is every data type of a
company: Codat answers 204 and names nothing, so what is running is noted before, and what appears in the
history since is what was queued; where its answer is lost and anything has appeared, it is never sent again.
The rules of sending are in :mod:`codat_notebook.client.queue_once`.
"""

import copy
import uuid
from collections.abc import Callable, Collection
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeVar

import msgspec

from codat_notebook.client import lookup, reading, wire
from codat_notebook.client.flows import Options
from codat_notebook.client.lookup import Intent
from codat_notebook.client.queue_once import KEY_AGE, Sending
from codat_notebook.client.retrying import Call, Flow, Join
from codat_notebook.client.slots import SLOTS, Record, Slots
from codat_notebook.client.wire import Answer
from codat_notebook.models import errors, shared

#: How long a call without a budget waits for another one that queues the same, in real seconds.
_PATIENCE: Final = 60.0


class Queued(msgspec.Struct, frozen=True):
    """What came of queueing one data type.

    ``origin`` is ``"queued"``, or ``"attached"`` where the operation was found rather than handed out: it ran
    already, or an answer was lost. ``siblings`` are operations of the same type on other connections, where
    they were seen.
    """

    operation: shared.PullOperation
    origin: Literal["queued", "attached"]
    siblings: tuple[shared.PullOperation, ...] = ()
    idempotency_key: str = ""

    @property
    def ids(self) -> tuple[str, ...]:
        """The operations that it brought home."""
        return (self.operation.id, *[op.id for op in self.siblings])


class QueuedAll(msgspec.Struct, frozen=True):
    """What came of refreshing everything.

    ``certain`` says that Codat confirmed it; else the answer was lost, and ``operations`` hold what had
    appeared. The operations requested ``since`` (server's time) belong to it, and those in ``running``, which
    were on their way before.
    """

    since: datetime
    certain: bool
    running: tuple[shared.PullOperation, ...] = ()
    operations: tuple[shared.PullOperation, ...] = ()
    idempotency_key: str = ""

    @property
    def ids(self) -> tuple[str, ...]:
        """The operations that it brought home."""
        return tuple(op.id for op in (*self.running, *self.operations))


R = TypeVar("R", Queued, QueuedAll)


class OneType(Sending[Queued]):
    """The sending of one data type."""

    def target(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Path and query of the POST."""
        intent = self.intent
        query = (("connectionId", intent.connection_id),) if intent.connection_id else ()
        template = "/companies/{company_id}/data/queue/{data_type}"
        return wire.path(template, company_id=intent.company_id, data_type=intent.data_type or ""), query

    def accepted(self, answer: Answer, again: bool) -> Flow[Queued | None]:
        """The operation. A body that may be replayed gives its id only; the state is read."""
        try:
            operation = reading.read(answer.body, shared.PullOperation)
        except reading.Unreadable:
            return None
        if not operation.id:
            return None
        if again:
            operation = yield from self._as_it_is(operation)
        self.decide("queued", operation)
        return Queued(operation, "queued", (), self.record.key)

    def attached(self, found: list[shared.PullOperation]) -> Queued:
        """The oldest is what the first send queued; the others are its siblings on other connections."""
        operation = found[-1]
        others = tuple(op for op in found[:-1] if op.connection_id != operation.connection_id)
        return Queued(operation, "attached", others, self.record.key)

    def run_with(self, siblings: bool) -> Flow[Queued]:
        """Send until there is an end, and look for what the same POST queued on other connections if asked to."""
        done = yield from self.run()
        if not siblings or done.siblings or self.intent.connection_id is not None:
            return done
        try:
            found = yield from self.look()
        except errors.CodatLendingError as error:
            self.decide(f"queued, but siblings could not be looked for: {error.message}", done.operation)
            return done
        others = tuple(op for op in found if op.id != done.operation.id)
        return msgspec.structs.replace(done, siblings=others)

    def _as_it_is(self, operation: shared.PullOperation) -> Flow[shared.PullOperation]:
        try:
            current = yield from lookup.one(self.call, self.options, self.intent.company_id, operation.id)
        except errors.CodatLendingError as error:
            self.decide(f"queued, but its state could not be read: {error.message}", operation)
            return operation
        return current or operation


class AllTypes(Sending[QueuedAll]):
    """The sending of all data types."""

    takes_many = True
    before: tuple[shared.PullOperation, ...] = ()

    def run(self) -> Flow[QueuedAll]:
        """Note what is running, then send until there is an end."""
        if not self.call.single and not self.record.doubt:
            self.before = tuple((yield from lookup.running(self.call, self.options, self.intent)))
            self.known |= {op.id for op in self.before}
        return (yield from super().run())

    def target(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Path and query of the POST."""
        return wire.path("/companies/{company_id}/data/all", company_id=self.intent.company_id), ()

    def accepted(self, answer: Answer, again: bool) -> Flow[QueuedAll | None]:
        """Any 2XX will do: there is nothing to read."""
        self.decide("queued")
        return QueuedAll(self.window(), True, self.before, (), self.record.key)
        yield  # a flow, though one without commands

    def attached(self, found: list[shared.PullOperation]) -> QueuedAll:
        """The answer was lost, but the history shows that Codat heard."""
        return QueuedAll(self.window(), False, self.before, tuple(found), self.record.key)


def queue(
    call: Call,
    options: Options,
    intent: Intent,
    *,
    key: str | None = None,
    since: datetime | None = None,
    known: Collection[str] = (),
    siblings: bool = False,
    slots: Slots = SLOTS,
) -> Flow[Queued]:
    """Queue one data type, once.

    Args:
        key: the idempotency key; by default a new one, or that of the same intent left open.
        since: server time of a first send in an earlier process; the flow then begins with a look-up.
        known: ids of operations that cannot be this one.
        siblings: look for the operations that were queued on other connections, too.
    """
    others = frozenset(known)
    return (
        yield from _in_slot(
            call,
            options,
            intent,
            lambda record, seen: OneType(call, options, intent, record, seen | others).run_with(siblings),
            key,
            since,
            slots,
        )
    )


def queue_all(
    call: Call,
    options: Options,
    intent: Intent,
    *,
    key: str | None = None,
    since: datetime | None = None,
    slots: Slots = SLOTS,
) -> Flow[QueuedAll]:
    """Queue every data type of a company, once. ``key`` and ``since`` as in :func:`queue`."""
    return (
        yield from _in_slot(
            call,
            options,
            intent,
            lambda record, seen: AllTypes(call, options, intent, record, seen).run(),
            key,
            since,
            slots,
        )
    )


def _in_slot(
    call: Call,
    options: Options,
    intent: Intent,
    sending: Callable[[Record, frozenset[str]], Flow[R]],
    key: str | None,
    since: datetime | None,
    slots: Slots,
) -> Flow[R]:
    """One sending at a time per intent and process; one that ended in doubt is gone on with."""
    name = (options.base, intent)
    while (flight := slots.enter(name)) is not None:
        theirs: R | None = yield from _shared(call, intent, flight)
        if theirs is not None:
            return theirs
    record = Record("")
    done: R | None = None
    failed: errors.CodatLendingError | None = None
    try:
        record = slots.begin(name, _record(call, options, slots.opened(name), key, since))
        done = yield from sending(record, slots.known(name))
        return done
    except errors.CodatLendingError as error:
        failed = copy.copy(error)  # for the others who wait, without this caller's traceback
        raise
    finally:
        if done is None and failed is None:
            record.broken_off()  # interrupted, perhaps with a request under way
        left_open = record if done is None and record.doubt else None
        slots.leave(name, done or failed, left_open, done.ids if done is not None else ())


def _shared(call: Call, intent: Intent, flight: "Future[Any]") -> Flow[Any]:
    """The outcome of the caller who queues the same; None if it was interrupted, so that it is our turn."""
    call.decide(f"{intent}: another call is queueing it, waiting for that", company_id=intent.company_id)
    if not (yield Join(flight, call.left if call.left > 0 else _PATIENCE)):
        late = errors.NoResponseError(f"{intent}: another call is still queueing it")
        late.queued = "unknown"
        raise late
    outcome = flight.result()
    if isinstance(outcome, errors.CodatLendingError):
        raise copy.copy(outcome)
    return msgspec.structs.replace(outcome, origin="attached") if isinstance(outcome, Queued) else outcome


def _record(call: Call, options: Options, left_open: Record | None, key: str | None, since: datetime | None) -> Record:
    """Where to go on from: an earlier process, an earlier call that ended in doubt, or nowhere."""
    now, clock = call.clock.monotonic(), call.clock
    key = key or next((text for name, text in options.headers if name.lower() == "idempotency-key"), None)
    if since is not None:
        first = now - clock.real((clock.now() - since.astimezone(UTC)).total_seconds())
        return Record(key or str(uuid.uuid4()), first, first if key else None, doubt=True, since=since)
    if left_open is not None and left_open.first is not None and (now - left_open.first) * clock.speed < KEY_AGE:
        if key in (None, left_open.key):
            return left_open
        # Another key, but the same intent: what the first one may have queued is looked for before anything is sent.
        return Record(key, left_open.first, doubt=True, since=left_open.since)
    return Record(key or str(uuid.uuid4()))
