"""Queue once: the rules of an intent, exact under every fault. Read this alone, and slowly.

A POST that queues is not repeated because an answer failed to come: it may have been heard. So each outcome
is one of:

* surely not queued (never sent; 429): again, same key;
* accepted, readably: done;
* *in progress already*: attach to the operation that is named, unless that answer is an old one replayed;
* ambiguous (no answer, 408, 5xx, an unreadable 2xx): look in the history until a settle time has passed.
  Found: attached. Still nothing: again with the same key, so that a server that honours keys cannot queue
  twice, and one that does not has had the time to show what it queued;
* anything else: refused, with a typed error.

Every end is a result, or an error whose ``queued`` is ``"no"`` or ``"unknown"``. What is sent, and what a
result looks like, is in :mod:`codat_notebook.client.queueing`, which also keeps one sending per intent.
"""

import re
import uuid
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from codat_notebook.client import lookup, wire
from codat_notebook.client.flows import Options
from codat_notebook.client.lookup import SLACK, Intent
from codat_notebook.client.retrying import Call, Flow
from codat_notebook.client.slots import Record
from codat_notebook.client.wire import Answer, Failure, Outcome, Request
from codat_notebook.models import errors, shared

#: Server seconds after which the history shows what was queued.
SETTLE: Final = 10.0
#: Server seconds after the first send during which its key is used again; Codat forgets keys after 90 minutes.
KEY_AGE: Final = 3600.0
#: Server seconds between look-ups, until the settle time is over.
_LOOKS: Final = (1.0, 3.0, 6.0)
_IN_PROGRESS: Final = b"DatasetAlreadyInProgressException"
_NAMED: Final = re.compile(r"previous sync\W+([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})")

R = TypeVar("R")


class Sending(Generic[R]):
    """One intent on its way: what was sent under which key, and what is in doubt.

    Subclasses say what is posted (``target``), what a 2XX answer is worth (``accepted``) and what a find in
    the history is (``attached``). ``known`` are ids of operations that cannot be the one sought.
    """

    def __init__(self, call: Call, options: Options, intent: Intent, record: Record, known: frozenset[str]) -> None:
        self.call = call
        self.options = options
        self.intent = intent
        self.record = record
        self.known = known
        self._failures = 0
        self._correlation: str | None = None
        self._replayed = False

    #: Whether one POST queues many operations, so that the first one found is not yet all.
    takes_many = False

    def target(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Path and query of the POST."""
        raise NotImplementedError

    def accepted(self, answer: Answer, again: bool) -> Flow[R | None]:
        """What a 2XX answer is worth; None if it cannot be read. ``again`` if it may be a replay."""
        raise NotImplementedError

    def attached(self, found: list[shared.PullOperation]) -> R:
        """What was found instead of an answer, the newest first."""
        raise NotImplementedError

    def run(self) -> Flow[R]:
        """Send until there is an end."""
        done: R | None = None
        if self.record.doubt:
            lost = errors.NoResponseError(f"Whether {self.intent} was queued before is not known")
            lost.queued = "unknown"
            done = yield from self._settle(lost, self.record.first or self.call.clock.monotonic())
        while done is None:
            again = self._stamp()
            outcome = yield from self.call.send(self._request())
            done = yield from self._judge(outcome, again)
        return done

    def _stamp(self) -> bool:
        """Note when the key is first sent; True if it may have reached the server before."""
        now, record = self.call.clock.monotonic(), self.record
        if record.key_first is None:
            record.key_first = now
            record.first = now if record.first is None else record.first
            return False
        if (now - record.key_first) * self.call.clock.speed > KEY_AGE:
            old = errors.NoResponseError(f"{self.intent}: its key is too old to be sent again safely")
            old.queued = "unknown"
            raise old
        return True

    def _request(self) -> Request:
        path, query = self.target()
        headers = (*self.options.headers, ("Idempotency-Key", self.record.key))
        base, timeout = self.options.base, self.options.timeout
        return Request("POST", path, query, base, headers, timeout, self.intent.company_id)

    def _judge(self, outcome: Outcome, again: bool) -> Flow[R | None]:
        """The end, or None to send again."""
        if isinstance(outcome, Failure):
            if not outcome.unsent:
                return (yield from self._ambiguous(outcome))
            yield from self._unsent(outcome, again)
            return None
        if 200 <= outcome.status < 300:
            done = yield from self.accepted(outcome, again)
            return done if done is not None else (yield from self._ambiguous(outcome))
        if outcome.status == 408 or outcome.status >= 500:
            return (yield from self._ambiguous(outcome))
        if _IN_PROGRESS in outcome.body:
            return (yield from self._in_progress(outcome))
        if outcome.status == 429 or (outcome.status == 409 and again):
            yield from self._wait(outcome, again)
            return None
        return (yield from self._refused(outcome))

    # -- surely not queued -----------------------------------------------------------------------------------

    def _unsent(self, outcome: Failure, again: bool) -> Flow[None]:
        if outcome.fatal or not self.call.retries_lost:
            raise self._error(outcome)
        yield from self._wait(outcome, again)

    def _wait(self, outcome: Outcome, again: bool) -> Flow[None]:
        """Pause and send again under the same key, which nothing holds unless it was sent before."""
        if not again:
            self.record.key_first = None
            self.record.first = self.record.first if self.record.doubt else None
        self._failures += 1
        yield from self.call.pause(self._failures, outcome, self._error(outcome))

    def _refused(self, outcome: Answer) -> Flow[R]:
        """Any other 4XX. Of an earlier, doubtful send it says nothing; the history may."""
        error = self._error(outcome)
        if self.record.doubt and not self.call.single:
            found = yield from self._look(error)
            if found:
                return self._found(found, "the history shows it, though repeating it was refused")
        raise error

    # -- ambiguous -------------------------------------------------------------------------------------------

    def _ambiguous(self, outcome: Outcome) -> Flow[R | None]:
        self.record.doubt = True
        correlation = wire.correlation_id(outcome)
        self._replayed = correlation is not None and correlation == self._correlation
        self._correlation = correlation
        error = self._error(outcome)
        if self.call.single:
            raise error
        found = yield from self._settle(error, outcome.received)
        if found is None and self._replayed and not self.record.renewed:
            self._renew("the same failure is replayed under the old key, and nothing was queued")
        return found

    def _settle(self, error: errors.CodatLendingError, after: float) -> Flow[R | None]:
        """Look until a look-up that began a settle time after ``after`` was empty, too."""
        clock, looks = self.call.clock, iter(_LOOKS)
        while True:
            passed = (clock.monotonic() - after) * clock.speed
            found = yield from self._look(error)
            rest = SETTLE - (clock.monotonic() - after) * clock.speed
            seconds = clock.real(max(min(next(looks, rest), rest), 0.0)) + 0.001
            at_end = passed >= SETTLE or seconds > self.call.left
            if found and (at_end or not self.takes_many):
                return self._found(found, "the history shows that it was queued")
            if passed >= SETTLE:
                return None
            if at_end:
                raise error
            yield from self.call.wait(seconds, "nothing in the history yet: looking again")

    def look(self) -> Flow[list[shared.PullOperation]]:
        """What the history shows of this intent since the first send, the newest first."""
        return (yield from lookup.requested_since(self.call, self.options, self.intent, self.window, self.known))

    def _look(self, error: errors.CodatLendingError) -> Flow[list[shared.PullOperation]]:
        """Look once; where that fails, ``error`` stands, and nothing more is known."""
        try:
            return (yield from self.look())
        except errors.CodatLendingError as failed:
            complaint = failed.message
        self.decide(f"the history could not be read: {complaint}")
        raise error

    def window(self) -> datetime:
        """The server's time of the first send, a little earlier."""
        if self.record.since is not None:
            return self.record.since - SLACK
        clock, first = self.call.clock, self.record.first
        elapsed = 0.0 if first is None else clock.monotonic() - first
        return clock.at_least() - timedelta(seconds=elapsed * clock.speed) - SLACK

    # -- in progress already ---------------------------------------------------------------------------------

    def _in_progress(self, outcome: Answer) -> Flow[R | None]:
        error = self._error(outcome)
        if self.call.single:
            raise error
        operation = yield from self._named(outcome, error)
        if operation is not None:
            return self._found([operation], "it is in progress already")
        if self.record.doubt and (found := (yield from self._settle(error, outcome.received))) is not None:
            return found
        if self.record.renewed:
            raise error
        self._renew("what was named as in progress had ended before, so that answer is an old one")
        return None

    def _named(self, outcome: Answer, error: errors.CodatLendingError) -> Flow[shared.PullOperation | None]:
        """The operation in progress, if it is what was asked for and had not ended before the first send."""
        match = _NAMED.search(outcome.body.decode("utf-8", "replace"))
        call, options, intent = self.call, self.options, self.intent
        try:
            if match:
                named = yield from lookup.one(call, options, intent.company_id, match.group(1))
                candidates = [named] if named else []
            else:
                candidates = yield from lookup.running(call, options, intent)
        except errors.CodatLendingError as failed:
            complaint = failed.message
        else:
            start = self.window()
            fitting = (op for op in candidates if intent.covers(op) and not lookup.ended_before(op, start))
            return next(fitting, None)
        self.decide(f"the operation in progress could not be read: {complaint}")
        raise error

    # -- what all of them need -------------------------------------------------------------------------------

    def _found(self, found: list[shared.PullOperation], why: str) -> R:
        self.decide(why, found[-1])
        return self.attached(found)

    def _renew(self, why: str) -> None:
        self.record.key, self.record.key_first, self.record.renewed = str(uuid.uuid4()), None, True
        self._replayed, self._correlation = False, None
        self.decide(f"going on with a new key: {why}")

    def _error(self, outcome: Outcome) -> errors.CodatLendingError:
        request = self._request()
        error: errors.CodatLendingError
        if isinstance(outcome, Answer) and outcome.status < 300:
            error = wire.unreadable(request, outcome)
        else:
            error = wire.error(request, outcome)
        error.queued = "unknown" if self.record.doubt else "no"
        return error

    def decide(self, text: str, operation: shared.PullOperation | None = None) -> None:
        """Tell what was concluded about this intent."""
        if self.call.heard:
            self.call.decide(
                f"{self.intent}: {text}",
                company_id=self.intent.company_id,
                data_type=self.intent.data_type,
                operation_id=operation.id if operation else None,
            )
