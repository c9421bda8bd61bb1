"""One pull operation: its whole life is drawn when it is queued, and read off the clock.

Nothing runs in the background. An :class:`Operation` knows when it was requested, when it ends and how; where it
stands at some instant follows from these. Which :class:`Outcome` it takes is decided when it is queued, in this order:
what the connection's state forces, the trouble that it is in, what the company's story says, what the platform refuses,
what must come first, chance.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, NamedTuple

import msgspec

from codat_notebook.models.platforms import FIRST_SYNC, LONGEST_SECONDS, SPREAD, Platform, median_seconds
from codat_notebook.models.status import FAILURES, STATUSES
from codat_notebook.models.vocabulary import plain_name
from codat_notebook.sandbox.seeded_random import lognormal, pick
from codat_notebook.sandbox.virtual_time import MINUTE, SECOND, to_text


class Outcome(NamedTuple):
    """How an operation ends, and what holds it on the way."""

    status: str  # the last one
    hold: str | None = None  # "paused", "waiting", "queued" or "slow"
    text: str | None = None  # the error message; None: to be drawn
    held: int | None = None  # the hold's length in ticks; None: to be drawn


_LONGEST: Final = 1_000_000_000  # seconds that an operation may be ordered to take: no date leaves the calendar


class OrderedOutcome(msgspec.Struct, forbid_unknown_fields=True):
    """An ending ordered for the next ``n`` operations; see :meth:`codat_notebook.sandbox.faults.Faults.end_next`."""

    status: str
    n: int = 1
    data_type: str | None = None
    company_id: str | None = None
    seconds: float | None = None
    message: str | None = None

    def __post_init__(self) -> None:
        if not self.status:
            raise ValueError("status is some text")
        known = {each.lower(): each for each in (*STATUSES, *_HOLDS)}  # others may be wanted: Codat can have new ones
        if (meant := known.get(self.status.lower(), self.status)) != self.status:
            raise ValueError(f"Codat has no status {self.status!r}. Did you mean {meant!r}?")
        if self.n < 0:
            raise ValueError("n is 0 or more")
        if self.seconds is not None and not 0 <= self.seconds <= _LONGEST:
            raise ValueError(f"seconds is a number from 0 to {_LONGEST:,}")


#: Words for endings that are no status but a hold before completing.
_HOLDS: Final = {
    "Paused": Outcome("Complete", "paused"),
    "Waiting": Outcome("Complete", "waiting"),
    "Offline": Outcome("Complete", "queued"),
}

_MESSAGES: Final = {
    "AuthError": ("The authorization for {platform} has expired or was revoked. The customer must relink.",),
    "FetchError": (
        "{platform} answered 503 Service Unavailable while {plain} were read.",
        "{platform} is down for maintenance; {plain} could not be read.",
        "The connection to {platform} timed out after 100 seconds while {plain} were read.",
    ),
    "RateLimitError": ("{platform} answered 429: its limit on requests is used up.",),
    "PermissionsError": (
        "The linked user lacks the role “View {plain_title}” in {platform}.",
        "{platform} answered 403: the linked user may not read {plain}.",
    ),
    "PrerequisiteNotMet": ("Other data types of {platform} must be read before {plain}.",),
    "NotSupported": ("{platform} has no such data.",),
    "MapError": ("A record of {plain} from {platform} has a form that could not be mapped.",),
    "ValidationError": ("Validation of {plain} failed; see the validation results of this operation.",),
    "ProcessingError": ("{plain_title} could not be stored. Codat has been alerted.",),
    "InternalError": ("An internal error occurred. Codat has been alerted.",),
    "Cancelled": ("The connector of {platform} was restarted; the operation was cancelled.",),
}  # fmt: skip
#: What is said of a type that always fails on its platform (assumed).
_ALWAYS: Final = "{platform} refused the report that {plain} are read from."


def _message(outcome: Outcome, platform: Platform, data_type: str, u: float) -> str | None:
    """What Codat says about an ending of that kind; None when it is no failure."""
    if outcome.status not in _MESSAGES:
        return None
    plain = plain_name(data_type)
    template = outcome.text or pick(u, _MESSAGES[outcome.status])
    return template.format(platform=platform.name, plain=plain.lower(), plain_title=plain)


def outcome_of(word: str) -> Outcome:
    """The ending that a word stands for in a story or an order: a status, or one of the holds."""
    return _HOLDS.get(word) or Outcome(word)


def impossible(platform: Platform, data_type: str) -> Outcome | None:
    """The ending of a type that the platform never gives, though it is listed; None for the others."""
    if data_type in platform.fails:
        return Outcome(platform.fails[data_type], text=_ALWAYS)
    return Outcome("NotSupported") if data_type in platform.refuses else None


def drawn(platform: Platform, u: tuple[float, ...], opens: int) -> Outcome:
    """The ending that chance gives, from four numbers: whether it fails, how, whether it is held, how.

    ``opens`` are the ticks until the platform may be read. Assumed: one in ten of the machines with a connector is off.
    """
    status = "Complete" if u[0] >= platform.failure_rate else failure(platform, u[1])
    if opens:
        return Outcome(status, "queued", held=opens)
    if platform.offline and u[2] < 0.1:
        return Outcome(status, "waiting" if platform.windowed and u[3] < 0.5 else "queued")
    return Outcome(status, "paused" if u[2] < 0.02 else None)


def failure(platform: Platform, u: float) -> str:
    """A kind of failure, by the platform's weights."""
    left = u * sum(platform.failures.values())
    for status, weight in platform.failures.items():
        left -= weight
        if left < 0:
            return status
    return "FetchError"


#: The way of an operation (assumed): status, progress, share of its time.
_WAY: Final = (
    ("Queued", 0, 0.04), ("Fetching", 20, 0.28), ("Fetching", 35, 0.26), ("MapQueued", 50, 0.02),
    ("Mapping", 55, 0.14), ("ValidationQueued", 65, 0.02), ("Validating", 70, 0.08),
    ("ProcessingQueued", 80, 0.02), ("Processing", 85, 0.14),
)  # fmt: skip
#: How far operations go that fail at a stage (see status.FAILURES), and what share of the time that takes.
_REACHED: Final = [_WAY[: 2 * stage + 1] for stage in range(5)]
_SHARE: Final = [sum(share for _, _, share in way) for way in _REACHED]
_KEPT: Final = 20_000  # documents of ended operations, which are asked for again and again
WAITING: Final = "Waiting for asynchronous response from third party"
#: Operations stand in the order of their requests.
REQUESTED: Final = attrgetter("requested")


class Step(NamedTuple):
    """From an instant on, an operation shows this."""

    at: int
    status: str
    progress: int
    description: str | None = None


@dataclass(slots=True, eq=False)
class Operation:
    """A pull operation. Times are ticks."""

    id: str
    company_id: str
    connection_id: str
    data_type: str
    requested: int
    completed: int  # fixed from the start; the document shows only what has happened at the instant asked for
    status: str
    message: str | None = None
    hold: str | None = None
    held: int = 0  # how long the hold takes
    _steps: list[Step] | None = field(default=None, init=False, repr=False)

    @property
    def succeeded(self) -> bool:
        """Whether it ends in Complete."""
        return self.status == "Complete"

    @property
    def errored(self) -> bool:
        """Whether it ends in an error (that of NotSupported is undocumented: none)."""
        return self.status not in ("Complete", "NotSupported")

    def running(self, now: int) -> bool:
        """Whether it is still on its way."""
        return now < self.completed

    def cancel(self, now: int, text: str) -> None:
        """End it now, as a connector's restart does."""
        self.status = "Cancelled"
        self.message = text
        self.completed = now
        self.hold = None
        self.held = 0
        self._steps = None

    def release(self, now: int) -> None:
        """End its hold now, if it is or will be held: the rest goes on from here."""
        if self.hold is not None:
            before = _WAY[:1] if self.hold == "queued" else _WAY[:2]
            ends = self.requested + self.held + round(self._way_takes * sum(share for _, _, share in before))
            cut = min(max(ends - now, 0), self.held)
            self.held = self.held - cut
            self.completed = self.completed - cut
            self._steps = None

    @property
    def _stage(self) -> int:
        return FAILURES.get(self.status, 4)

    @property
    def _way_takes(self) -> float:
        """How many ticks the whole way would take, without a hold."""
        return (self.completed - self.requested - self.held) / _SHARE[self._stage]

    def step(self, now: int) -> Step:
        """What it shows at an instant."""
        if now >= self.completed:
            reached = _REACHED[self._stage][-1][1] if self.errored else 100
            return Step(self.completed, self.status, reached)
        if self._steps is None:
            self._steps = self._all_steps()
        return self._steps[max(bisect_right(self._steps, now, key=attrgetter("at")) - 1, 0)]

    def _all_steps(self) -> list[Step]:
        """Its life before the end."""
        steps, at, unit = [], self.requested, self._way_takes
        for number, (status, progress, share) in enumerate(_REACHED[self._stage]):
            description = None
            if status == "Fetching" and self.hold in ("paused", "waiting"):
                description = WAITING if self.hold == "waiting" else f"Paused until {to_text(at + self.held)}"
            steps.append(Step(at, status, progress, description))
            at += round(unit * share)
            if number == (0 if self.hold == "queued" else 1):
                at += self.held
                if number:
                    steps.append(Step(at, status, progress))
        return steps

    def document(self, now: int) -> dict[str, Any]:
        """The operation as Codat writes it at an instant."""
        return _running(self, self.step(now)) if now < self.completed else dict(_ended(self))


def _running(op: Operation, step: Step) -> dict[str, Any]:
    return {
        "id": op.id,
        "companyId": op.company_id,
        "connectionId": op.connection_id,
        "dataType": op.data_type,
        "status": step.status,
        "statusDescription": step.description,
        "errorMessage": None,
        "requested": to_text(op.requested),
        "progress": step.progress,
        "isCompleted": False,
        "isErrored": False,
    }


@lru_cache(_KEPT)
def _ended(op: Operation) -> dict[str, Any]:
    op._steps = None  # how it got there is not asked any more (and would be drawn again)
    return _running(op, op.step(op.completed)) | {
        "errorMessage": op.message,
        "completed": to_text(op.completed),
        "isCompleted": op.succeeded,
        "isErrored": op.errored,
    }


def _drawn_length(platform: Platform, data_type: str, outcome: Outcome, u: float, first: bool) -> int:
    """How long a pull takes, in ticks, without any hold."""
    seconds = lognormal(u, median_seconds(platform, data_type), SPREAD) * (FIRST_SYNC if first else 1)
    whole = round(min(seconds, LONGEST_SECONDS) * SECOND)
    length = round(whole * _SHARE[FAILURES.get(outcome.status, 4)])
    return length // 5 if outcome.status in ("NotSupported", "AuthError", "PermissionsError") else length


def draw(
    ids: tuple[str, str, str], platform: Platform, data_type: str, outcome: Outcome, u: tuple[float, ...],
    *, requested: int | None = None, completed: int | None = None, first: bool = False, length: int | None = None,
) -> Operation:  # fmt: skip
    """An operation, of which is given when it was ``requested`` (one queued now) or ``completed`` (one of the past).

    ``ids`` are the operation's, the company's and the connection's; of ``u``, eight numbers between 0 and 1, the last
    three are used: length, length of a hold, wording; ``length`` is given in ticks if it is not to be drawn.
    """
    held = round((2 + 9 * u[6]) * MINUTE) if outcome.hold else 0
    held = held if outcome.held is None else outcome.held
    if length is None:
        total = held + _drawn_length(platform, data_type, outcome, u[5], first)
    else:
        total, held = length, min(held, length // 2)
    if requested is None:
        requested = (completed or 0) - total
    return Operation(
        *ids, data_type, requested, requested + total, outcome.status,
        _message(outcome, platform, data_type, u[7]), outcome.hold, held,
    )  # fmt: skip
