"""The requests that queue, each through its intent's slot, and what comes of them.

:class:`OneType` is one data type: its result names the operation. :class:`AllTypes` is every data type of a company:
Codat answers 204 and names nothing, so what the history shows is noted before, and what appears in it since is what was
queued; where its answer is lost and anything has appeared, it is never sent again, and nothing is queued in its stead:
what has not appeared yet may only be late. :class:`OneProduct` is a custom product, which is much the same. The rules
of sending are in :mod:`codat_notebook.client.queue_once`.
"""

import copy
import uuid
from collections.abc import Collection
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeVar

import msgspec

from codat_notebook.client import lookup, reading, wire
from codat_notebook.client.lookup import Intent
from codat_notebook.client.queue_once import KEY_AGE, PRODUCT_IN_PROGRESS, QUIET, Sending, unknown
from codat_notebook.client.retrying import Call, Flow, Join
from codat_notebook.client.slots import SLOTS, Record, Slots
from codat_notebook.client.wire import Answer, Outcome
from codat_notebook.models import errors, shared
from codat_notebook.models.products import way_of
from codat_notebook.models.vocabulary import custom_identifier

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
    """What came of refreshing everything, or a product.

    ``certain`` says that Codat confirmed it; else the answer was lost, and ``operations`` hold what had
    appeared. ``attached`` says that nothing was queued, because the product is being read already. The operations
    requested ``since`` (server's time) belong to it, and those in ``running``, which
    were on their way before.
    """

    since: datetime
    certain: bool
    running: tuple[shared.PullOperation, ...] = ()
    operations: tuple[shared.PullOperation, ...] = ()
    idempotency_key: str = ""
    attached: bool = False

    @property
    def ids(self) -> tuple[str, ...]:
        """The operations that it brought home."""
        return tuple(op.id for op in (*self.running, *self.operations))


R = TypeVar("R", Queued, QueuedAll)


class OneType(Sending[Queued]):
    """The sending of one data type. ``thorough``: also look for what the POST queued on other connections."""

    def target(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Path and query of the POST."""
        intent = self.intent
        parts = {"company_id": intent.company_id, "connection_id": intent.connection_id or ""}
        if (custom := custom_identifier(intent.data_type or "")) is not None:
            template = "/companies/{company_id}/connections/{connection_id}/data/queue/custom/{data_type}"
            return wire.path(template, **parts, data_type=custom), ()
        query = (("connectionId", intent.connection_id),) if intent.connection_id else ()
        template = "/companies/{company_id}/data/queue/{data_type}"
        return wire.path(template, **parts, data_type=intent.data_type or ""), query

    def accepted(self, answer: Answer, again: bool) -> Flow[Queued | None]:
        """The operation. A body that may be replayed gives its id only; the state is read."""
        try:
            operation = reading.read(answer.body, shared.PullOperation)
        except reading.Unreadable:
            return None
        if not self.is_answer(operation, again):
            return None
        if again or not lookup.requested_since(operation, self.window):
            operation = yield from self._as_it_is(operation)
        self.call.clock.lag.expect(operation)
        self.decide("queued", operation)
        return Queued(operation, "queued", (), self.record.key)

    def attached(self, operations: list[shared.PullOperation], error: errors.CodatLendingError) -> Flow[Queued]:
        """The oldest is what the first send queued; the others are its siblings on other connections."""
        operation = operations[-1]
        self.decide("the history shows it", operation)
        others = tuple(op for op in operations[:-1] if op.connection_id != operation.connection_id)
        return Queued(operation, "attached", others, self.record.key)
        yield  # a flow, though one without commands

    def run(self) -> Flow[Queued]:
        """Send until there is an end."""
        done = yield from super().run()
        if not self.thorough or done.siblings or self.intent.connection_id is not None:
            return done
        try:
            shown = yield from self.look(errors.NoResponseError())
        except errors.CodatLendingError:
            return done  # what is queued is queued, though its siblings could not be looked for
        others = tuple(op for op in shown if op.id != done.operation.id and self.counts(op))
        return msgspec.structs.replace(done, siblings=others)

    def _as_it_is(self, operation: shared.PullOperation) -> Flow[shared.PullOperation]:
        try:
            current = yield from lookup.one(self.call, self.intent.company_id, operation.id)
        except errors.CodatLendingError as error:
            self.decide(f"queued, but its state could not be read: {error.message}", operation)
            return operation
        if current is None:
            self.call.clock.lag.missed(operation, 0.0, self.call.clock.epoch())
        return current or operation


class AllTypes(Sending[QueuedAll]):
    """The sending of all data types.

    Where the answer is lost, the end comes when an operation shows that Codat heard; if ``thorough`` when all that it
    should queue are there, so that an end without an error means that everything is.
    """

    #: The status of Codat's confirmation, and whether what was on its way before belongs to the refresh.
    confirmation = 204
    joins = True

    def run(self) -> Flow[QueuedAll]:
        """Note what the history shows, then send until there is an end."""
        if not self.call.single and not self.record.doubt:
            newest = yield from lookup.newest(self.call, self.intent)
            self.record.running = tuple(op for op in newest if lookup.is_running(op))
            self.record.before = frozenset(op.id for op in newest)
            self.others |= self.record.before
        return (yield from super().run())

    def target(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Path and query of the POST."""
        return wire.path("/companies/{company_id}/data/all", company_id=self.intent.company_id), ()

    def accepted(self, answer: Answer, again: bool) -> Flow[QueuedAll | None]:
        """The confirmation, and nothing else: whatever has another status is somebody else's, such as a proxy's."""
        if answer.status != self.confirmation:
            return None
        self.decide("queued")
        return self._queued(True, [])
        yield  # a flow, though one without commands

    def counts(self, operation: shared.PullOperation) -> bool:
        """Whether an operation shows that Codat heard; one that ran before does not."""
        return lookup.requested_since(operation, self.window)

    def attached(self, operations: list[shared.PullOperation], error: errors.CodatLendingError) -> Flow[QueuedAll]:
        """The answer was lost, but the history shows that Codat heard: this is never sent again."""
        self.record.heard = True
        self.decide(f"the history shows {len(operations)} of its operations")
        if self.thorough:
            operations = yield from self._all_of_it(operations, error)
        return self._queued(False, operations)

    def _all_of_it(
        self, operations: list[shared.PullOperation], error: errors.CodatLendingError
    ) -> Flow[list[shared.PullOperation]]:
        """Look until every expected operation is there. Raises ``error`` if some have not come when none come any more:
        they may be late, or what was found is somebody else's.
        """
        clock, looks, latest = self.call.clock, 0, self.call.clock.monotonic()
        expecting = lookup.expected(self.call, self.intent.company_id)
        wanted = yield from self.reading("what it should queue", expecting, error)
        while missing := wanted - self._cells(operations):
            if (clock.monotonic() - latest) * clock.speed >= max(QUIET, self.patience):
                raise _in_part(error, missing, len(wanted))
            looks += 1
            yield from self.pause(looks, QUIET, error)
            seen = yield from self.look(error)
            if len(seen) > len(operations):
                operations, latest, looks = seen, clock.monotonic(), 0
        return operations

    def _cells(self, operations: list[shared.PullOperation]) -> set[Intent]:
        there = (*self.record.running, *operations)
        return {Intent(self.intent.company_id, op.data_type, op.connection_id) for op in there}

    def in_progress(self, outcome: Answer) -> Flow[QueuedAll | None]:
        """Refused because of one that is in progress. That one is not all that was asked for."""
        error = self.error(outcome)
        if self.record.doubt and not self.call.single and (done := (yield from self.settle(error))) is not None:
            return done
        raise error

    def _queued(self, certain: bool, operations: list[shared.PullOperation]) -> QueuedAll:
        since = self.window or self.call.clock.at_least()
        running = self.record.running if self.joins else ()
        return QueuedAll(since, certain, running, tuple(operations), self.record.key)


class OneProduct(AllTypes):
    """The sending of a custom product's refresh: answered 202, which names nothing; while the product is being read,
    refused (yaml/Codat-Platform.yaml, refresh-product-data).

    What ran before is none of it, unless Codat refuses because of it. The history does not tell products apart: what
    appears of the data types asked for (where none are, of any) is taken for its own.
    """

    in_progress_text = PRODUCT_IN_PROGRESS
    confirmation = 202
    joins = False

    def __init__(self, call: Call, intent: Intent, record: Record, others: frozenset[str], thorough: bool) -> None:
        super().__init__(call, intent, record, others, thorough)
        if intent.data_types:
            self.body = msgspec.json.encode({"dataTypes": intent.data_types})

    def target(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Path and query of the POST."""
        template = "/companies/{company_id}/products/{product}/refresh"
        return wire.path(template, company_id=self.intent.company_id, product=self.intent.product or ""), ()

    def in_progress(self, outcome: Answer) -> Flow[QueuedAll | None]:
        """The product is being read: attach to what is running. It may be what an earlier, doubtful send has queued."""
        error = self.error(outcome)
        if self.call.single:
            raise error
        looks = 0
        while True:
            passed = self._since_last()
            if self.record.doubt and (done := (yield from self.settle(error))) is not None:
                return done
            newest = yield from self.reading("what is in progress", lookup.newest(self.call, self.intent), error)
            if running := tuple(op for op in newest if lookup.is_running(op)):
                return self._attached_to(running)
            if passed >= self.patience and not self.record.doubt:
                raise error
            looks += 1
            most = QUIET if self.record.doubt else self.patience - self._since_last()
            yield from self.pause(looks, most, error)

    def _attached_to(self, running: tuple[shared.PullOperation, ...]) -> QueuedAll:
        """What is being read: after a doubtful send what was not there before is its own, else nothing was queued."""
        self.decide(f"attached to {len(running)} operations that are in progress")
        own = [op for op in running if self.record.doubt and op.id not in self.others]
        return msgspec.structs.replace(self._queued(False, own), running=() if own else running, attached=not own)

    def error(self, outcome: Outcome) -> errors.CodatLendingError:
        """The error that an outcome is; a standard product's with the documented way, and a wrong data type's as one of
        configuration: neither gets better by asking again.
        """
        error = super().error(outcome)
        if not isinstance(outcome, Answer) or outcome.status != 400:
            return error
        if self.in_progress_text in error.body:
            error.action = "Wait until what is being read has ended, then refresh the product again."
        elif "support data refreshing" in error.body:
            way = way_of(self.intent.product or "") or "See its own documentation (https://docs.codat.io)."
            error.message += f" Only custom products can be refreshed on their own. {way}"
            error.action = "Refresh it as its documentation says; this call cannot."
        elif self.intent.data_types:
            queued, raw = error.queued, error.raw_response
            error = errors.ConfigurationError(
                f"{error.message} Name only data types that the product has.", raw, error.body, 400, error.headers
            )
            error.queued = queued
        error.args = (error.message,)
        return error


def _in_part(error: errors.CodatLendingError, missing: set[Intent], number: int) -> errors.CodatLendingError:
    """``error``, with what is not known to be queued."""
    names = ", ".join(sorted({str(cell.data_type) for cell in missing}))
    error.message += (
        f" The history shows {number - len(missing)} of the {number} operations that a refresh of everything should "
        f"queue. Whether the others were queued is not known; refresh them by name if you need them: {names}."
    )
    error.args = (error.message,)
    return error


def queue(
    kind: type[Sending[R]],
    call: Call,
    intent: Intent,
    *,
    key: str | None = None,
    since: datetime | None = None,
    known: Collection[str] = (),
    thorough: bool = False,
    slots: Slots = SLOTS,
) -> Flow[R]:
    """Queue an intent, once: one sending at a time per intent and process; one that ended in doubt is taken up again.

    Args:
        key: the idempotency key; by default a new one. An intent that is left open keeps its own.
        since: server time of a first send in an earlier process; the flow then begins with a look-up.
        known: ids of operations that cannot be the one sought.
        thorough: what more is asked of the sending; see its kind.
    """
    name = (call.base, intent)
    while (flight := slots.enter(name)) is not None:
        theirs: R | None = yield from _shared(call, intent, flight)
        if theirs is not None:
            return theirs
    record = Record("")
    done: R | None = None
    failed: errors.CodatLendingError | None = None
    try:
        record = slots.begin(name, _record(call, slots.opened(name), key, since))
        sending = kind(call, intent, record, slots.ids(name).union(known), thorough)
        done = yield from sending.run()
        return done
    except errors.CodatLendingError as error:
        error.queued = error.queued or ("unknown" if record.doubt else "no")
        if record.doubt and error.retry_at is None:
            error.retry_at = sending.next_look
        failed = copy.copy(error)  # for the others who wait, without this caller's traceback
        raise
    finally:
        if done is None and failed is None:
            record.broken_off(call.clock.moment())  # perhaps with a request under way: until now it may have arrived
        left_open = record if done is None and record.doubt else None
        slots.leave(name, done or failed, left_open, done.ids if done is not None else ())


def _shared(call: Call, intent: Intent, flight: "Future[Any]") -> Flow[Any]:
    """The outcome of the caller who queues the same; None if it was interrupted, so that it is our turn."""
    call.decide(f"{intent}: another call is queueing it, waiting for that", company_id=intent.company_id)
    if not (yield Join(flight, call.left if call.left > 0 else _PATIENCE)):
        raise unknown(f"{intent}: another call is still queueing it")
    outcome = flight.result()
    if isinstance(outcome, errors.CodatLendingError):
        raise copy.copy(outcome)
    return msgspec.structs.replace(outcome, origin="attached") if isinstance(outcome, Queued) else outcome


def _record(call: Call, left_open: Record | None, key: str | None, since: datetime | None) -> Record:
    """Where to begin: from an earlier call that ended in doubt (under its key, or a second key could queue twice), from
    an earlier process, or from nothing.
    """
    clock = call.clock
    key = key or next((text for name, text in call.headers if name.lower() == "idempotency-key"), None)
    if left_open is not None and left_open.first is not None and clock.elapsed(left_open.first) < KEY_AGE:
        return left_open
    if since is not None:
        first = clock.moment(since.astimezone(UTC))
        return Record(key or str(uuid.uuid4()), first, first if key else None, last=clock.moment(), doubt=True)
    return Record(key or str(uuid.uuid4()))
