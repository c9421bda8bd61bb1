"""Queue once: the rules of an intent, exact under every fault. Read this alone, and slowly.

A POST that queues is not repeated because an answer failed to come: it may have been heard. So each outcome
is one of:

* surely not queued (never sent; 429): again, same key;
* accepted, readably, and about what was asked: done;
* *in progress already*: attach to the operation that is named, unless that answer is an old one replayed;
* refused (any other 4XX): a typed error;
* ambiguous (everything else): look in the history until a settle time has passed since the *last* send. Found:
  attached. Still nothing: again with the same key, so that a server that honours keys cannot queue twice, and one
  that does not has had the time to show what it queued. Where that is not safe (the key is old, the failure is a
  replay, the server tells no time), the end is "unknown".

Every end is a result, or an error whose ``queued`` is ``"no"`` or ``"unknown"``; the latter says in ``retry_at`` when a
further call, which looks first, is worth making. What is sent, and what a result looks like, is in
:mod:`codat_notebook.client.queueing`, which also keeps one sending per intent.
"""

import copy
import re
import uuid
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Final, Generic, TypeVar

from codat_notebook.client import lookup, wire
from codat_notebook.client.lookup import NEAR, SLACK, Intent, requested_since
from codat_notebook.client.retrying import Call, Flow
from codat_notebook.client.slots import Record
from codat_notebook.client.wire import Answer, Failure, Outcome, Request
from codat_notebook.models import errors, shared
from codat_notebook.models.vocabulary import ID

#: Server seconds after which the history shows what was queued, unless it was seen to lag longer.
SETTLE: Final = 10.0
#: A lag that was seen may be exceeded by this factor.
LAGS: Final = 1.5
#: Codat forgets keys after this time: an answer about an older operation is about something else.
KEY_LIFE: Final = timedelta(minutes=90)
#: Server seconds after the first send during which its key is used again.
KEY_AGE: Final = 3600.0
#: Server seconds between look-ups; from the fourth on they grow by half.
_LOOKS: Final = (1.0, 3.0, 6.0)
#: Server seconds without a new operation after which no more of a refresh of everything are expected.
QUIET: Final = 30.0
#: What a refusal says because of an operation that is in progress, whatever its status.
IN_PROGRESS: Final = "DatasetAlreadyInProgressException"
#: The same, of a refresh of a product, which names no operation.
PRODUCT_IN_PROGRESS: Final = "while a read operation is in progress"
_NAMED: Final = re.compile(rf"previous sync\W+({ID.pattern})")

R = TypeVar("R")
T = TypeVar("T")


def unknown(text: str) -> errors.NoResponseError:
    """The error that leaves in doubt whether something was queued."""
    error = errors.NoResponseError(text)
    error.queued = "unknown"
    return error


class Sending(Generic[R]):
    """One intent on its way: what was sent under which key, and what is in doubt.

    Subclasses say what is posted (``target``), what a 2XX answer is worth (``accepted``), what a find in the history is
    worth (``attached``), what ``thorough`` means, and what is posted beside the path (``body``) and how a refusal tells
    of an operation in progress, where these differ. ``others`` are ids of operations that cannot be the one sought.
    """

    body = b""
    in_progress_text = IN_PROGRESS

    def __init__(self, call: Call, intent: Intent, record: Record, others: frozenset[str], thorough: bool) -> None:
        self.call = call
        self.intent = intent
        self.record = record
        self.others = others | record.before
        self.thorough = thorough
        self._failures = 0
        self._correlation: str | None = None
        self._replayed = False
        self._empty: float | None = None  # the server's time (epoch) of the latest look that found nothing

    def target(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Path and query of the POST."""
        raise NotImplementedError

    def accepted(self, answer: Answer, again: bool) -> Flow[R | None]:
        """What a 2XX answer is worth; None if it is not about the intent. ``again`` if it may be a replay."""
        raise NotImplementedError

    def attached(self, operations: list[shared.PullOperation], error: errors.CodatLendingError) -> Flow[R]:
        """What was found instead of an answer, the newest first, comes to; ``error`` if that is not known."""
        raise NotImplementedError

    def run(self) -> Flow[R]:
        """Send until there is an end."""
        done: R | None = None
        if self.record.doubt:
            done = yield from self.settle(self._doubt())
        while done is None:
            again = self._stamp()
            outcome = yield from self.call.send(self._request())
            self.record.last = self.call.clock.moment()
            done = yield from self._judge(outcome, again)
        return done

    def _doubt(self) -> errors.CodatLendingError:
        """The error that an earlier sending ended with, as far as it is known here."""
        text = f"Whether {self.intent} was queued before is not known"
        if self.record.cause is None:
            return unknown(text)
        error = copy.copy(self.record.cause)
        error.message = f"{text}: {error.message}"
        error.args = (error.message,)
        return error

    def _stamp(self) -> bool:
        """Note when the key is first sent; True if it may have reached the server before."""
        clock, record = self.call.clock, self.record
        record.last = clock.moment()
        if record.key_first is None:
            record.key_first = record.last
            record.first = record.first or record.last
            return False
        if clock.elapsed(record.key_first) > KEY_AGE:
            raise unknown(f"{self.intent}: its key is too old to be sent again safely")
        return True

    def _request(self) -> Request:
        path, query = self.target()
        call = self.call
        headers = (*call.headers, ("Idempotency-Key", self.record.key))
        company = self.intent.company_id
        return Request("POST", path, query, call.base, headers, call.timeout, company, body=self.body)

    def _judge(self, outcome: Outcome, again: bool) -> Flow[R | None]:
        """The end, or None to send again."""
        if isinstance(outcome, Failure):
            if not outcome.unsent:
                return (yield from self._ambiguous(outcome))
            if outcome.fatal or not self.call.retries_lost:
                raise self.error(outcome)
            yield from self._wait(outcome, again)
            return None
        if 200 <= outcome.status < 300:
            done = yield from self.accepted(outcome, again)
            return done if done is not None else (yield from self._ambiguous(outcome))
        if outcome.status == 408 or not (400 <= outcome.status < 500 or outcome.status == wire.LOGIN):
            return (yield from self._ambiguous(outcome))
        if self.in_progress_text.encode() in outcome.body:
            return (yield from self.in_progress(outcome))
        if outcome.status == 429 or (outcome.status == 409 and again):
            yield from self._wait(outcome, again)
            return None
        return (yield from self._refused(outcome))

    # -- surely not queued -----------------------------------------------------------------------------------

    def _wait(self, outcome: Outcome, again: bool) -> Flow[None]:
        """Pause and send again under the same key, which nothing holds unless it was sent before."""
        if not again:
            self.record.key_first = None
            self.record.first = self.record.first if self.record.doubt else None
        self._failures += 1
        yield from self.call.pause(self._failures, outcome, self.error(outcome))

    def _refused(self, outcome: Answer) -> Flow[R]:
        """Any other 4XX. Of an earlier, doubtful send it says nothing; the history may."""
        error = self.error(outcome)
        if self.record.doubt and not self.call.single:
            shown = yield from self.look(error)
            if taken := self._since(shown):
                return (yield from self.attached(taken, error))
        raise error

    # -- ambiguous -------------------------------------------------------------------------------------------

    def _ambiguous(self, outcome: Outcome) -> Flow[R | None]:
        self.record.doubt = True
        correlation = wire.correlation_id(outcome)
        self._replayed = correlation is not None and correlation == self._correlation
        self._correlation = correlation
        error = self.error(outcome)
        self.record.cause = copy.copy(error)  # without the traceback that it is going to have
        if self.call.single:
            raise error
        return (yield from self.settle(error))

    def settle(self, error: errors.CodatLendingError) -> Flow[R | None]:
        """Look until a look-up that began a settle time after the last send was empty, too; None to send again."""
        looks = 0
        while True:
            passed = self._since_last()
            shown = yield from self.look(error)
            over = passed >= self.patience  # which the look may have made longer
            # What was requested a little before the first send is taken last: times may be behind the server's clock.
            if taken := self._since(shown) or (self._near(shown) if over else []):
                if self._empty is not None:
                    self.call.clock.lag.missed(taken[-1], 0.0, self._empty)
                return (yield from self.attached(taken, error))
            self._empty = self.call.clock.epoch()
            if over:
                if self._replayed or self.record.heard or not self.call.clock.known:
                    raise error
                return None
            looks += 1
            yield from self.pause(looks, self.patience - self._since_last(), error)

    @property
    def patience(self) -> float:
        """The settle time: as long as the history was seen to lag, and a little more."""
        return max(SETTLE, LAGS * self.call.clock.lag.seconds)

    def _since_last(self) -> float:
        """Server seconds since the last send, at the least."""
        last = self.record.last
        return 0.0 if last is None else (self.call.clock.monotonic() - last.steady) * self.call.clock.speed

    @property
    def next_look(self) -> datetime:
        """The server's time at which the history is worth the next look; after the settle time it may decide."""
        passed = self._since_last()
        times = (*accumulate(_LOOKS[:2]), self.patience)
        seconds = next((time - passed for time in times if time > passed), _LOOKS[-1])
        return self.call.clock.now() + timedelta(seconds=seconds + 0.001)

    def pause(self, looks: int, most: float, error: errors.CodatLendingError) -> Flow[None]:
        """Wait until the next look, at most ``most`` server seconds. Raises ``error`` if the budget is too short."""
        usual = _LOOKS[looks - 1] if looks <= len(_LOOKS) else _LOOKS[-1] * LAGS ** (looks - len(_LOOKS))
        seconds = self.call.clock.real(max(min(usual, most), 0.0)) + 0.001
        if seconds > self.call.left:
            raise error
        yield from self.call.wait(seconds, "nothing in the history yet: looking again")

    def look(self, error: errors.CodatLendingError) -> Flow[list[shared.PullOperation]]:
        """Look once, also a little before the first send; where that fails, ``error`` stands, and nothing is known."""
        looking = lookup.candidates(self.call, self.intent, lambda: self.window, self.others)
        return (yield from self.reading("the history", looking, error))

    def reading(self, what: str, flow: Flow[T], error: errors.CodatLendingError) -> Flow[T]:
        """Read something that would clear things up; where that fails, tell it and raise ``error``."""
        try:
            return (yield from flow)
        except errors.CodatLendingError as failed:
            complaint = failed.message
        self.decide(f"{what} could not be read: {complaint}")
        raise error

    def _since(self, shown: list[shared.PullOperation]) -> list[shared.PullOperation]:
        recent = [op for op in shown if requested_since(op, self.window)]
        return recent or [op for op in shown if self.counts(op)]  # ours before what ran already

    def _near(self, shown: list[shared.PullOperation]) -> list[shared.PullOperation]:
        start = self.window
        return [] if start is None else [op for op in shown if requested_since(op, start - NEAR)]

    def counts(self, operation: shared.PullOperation) -> bool:
        """Whether an operation is surely of this intent: what is running, another POST would be refused for."""
        return lookup.is_running(operation) or requested_since(operation, self.window)

    @property
    def window(self) -> datetime | None:
        """The server's time of the first send, a little earlier; None if the server tells no time."""
        clock, first = self.call.clock, self.record.first
        if not clock.known:
            return None
        return clock.at_least() - timedelta(seconds=0.0 if first is None else clock.elapsed(first)) - SLACK

    def is_answer(self, operation: shared.PullOperation, again: bool) -> bool:
        """Whether an operation in a 2XX answer is about this intent: not another company, type or time."""
        start = self.window
        if start is None:
            recent = lookup.is_running(operation)
        elif again:
            recent = requested_since(operation, start - KEY_LIFE)
        else:
            recent = self.counts(operation) or requested_since(operation, start - NEAR)
        return bool(operation.id) and (recent or not operation.requested) and not self.intent.excludes(operation)

    # -- in progress already ---------------------------------------------------------------------------------

    def in_progress(self, outcome: Answer) -> Flow[R | None]:
        """Attach to what is in progress. Where that ended before the first send, the answer is an old one, replayed:
        a new key, once, if nothing is in doubt.
        """
        error = self.error(outcome)
        if self.call.single:
            raise error
        looks = 0
        while True:
            passed = self._since_last()
            named, shown = yield from self._named(outcome, error)
            if named is not None:
                return (yield from self.attached([named], error))
            if self.record.doubt:
                return (yield from self._until_shown(error))
            if shown or passed >= self.patience:
                break
            looks += 1
            yield from self.pause(looks, self.patience - self._since_last(), error)
        if self.record.renewed:
            raise error
        self.record.key = str(uuid.uuid4())
        self.record.key_first = None
        self.record.renewed = True
        self.decide("sending it under a new key: the operation named as in progress had already ended")
        return None

    def _until_shown(self, error: errors.CodatLendingError) -> Flow[R]:
        """Look until the history shows what is in progress, most probably what an earlier, doubtful send queued."""
        looks = 0
        while (done := (yield from self.settle(error))) is None:
            looks += 1
            yield from self.pause(looks, QUIET, error)
        return done

    def _named(
        self, outcome: Answer, error: errors.CodatLendingError
    ) -> Flow[tuple[shared.PullOperation | None, bool]]:
        """The operation in progress, if it is what was asked for and had not ended before the first send; and whether
        the history shows the one that is named.
        """
        match = _NAMED.search(outcome.body.decode("utf-8", "replace"))
        call, intent, what = self.call, self.intent, "the operation in progress"
        if match:
            named = yield from self.reading(what, lookup.one(call, intent.company_id, match.group(1)), error)
            shown = [named] if named else []
        else:
            newest = yield from self.reading(what, lookup.newest(call, intent), error)
            shown = [op for op in newest if lookup.is_running(op)]
        start = self.window
        fitting = (op for op in shown if intent.covers(op) and not lookup.ended_before(op, start))
        return next(fitting, None), bool(shown)

    # -- what all of them need -------------------------------------------------------------------------------

    def error(self, outcome: Outcome) -> errors.CodatLendingError:
        """The error that an outcome is, if there is no better end."""
        error = wire.error(self._request(), outcome)
        error.queued = "unknown" if self.record.doubt else "no"
        return error

    def decide(self, text: str, operation: shared.PullOperation | None = None) -> None:
        """Tell what was concluded about this intent."""
        intent, operation_id = self.intent, operation.id if operation else None
        about = {"company_id": intent.company_id, "data_type": intent.data_type, "operation_id": operation_id}
        self.call.decide(f"{intent}: {text}", **about)
