"""One pull operation: its whole life is drawn when it is queued, and read off the clock.

Nothing runs in the background. An :class:`Operation` knows when it was requested, when it ends and how; where it
stands at some instant follows from these.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from typing import Any, Final, NamedTuple

from codat_notebook.models.platforms import FIRST_SYNC, LONGEST_SECONDS, SPREAD, Platform, median_seconds
from codat_notebook.models.vocabulary import FAILURES
from codat_notebook.sandbox.outcomes import Outcome, message
from codat_notebook.sandbox.seeded_random import lognormal
from codat_notebook.sandbox.time_units import MINUTE, SECOND, to_text

#: The way of an operation (assumed): status, progress, share of its time.
_WAY: Final = (
    ("Queued", 0, 0.04), ("Fetching", 20, 0.28), ("Fetching", 35, 0.26), ("MapQueued", 50, 0.02),
    ("Mapping", 55, 0.14), ("ValidationQueued", 65, 0.02), ("Validating", 70, 0.08),
    ("ProcessingQueued", 80, 0.02), ("Processing", 85, 0.14),
)  # fmt: skip
#: How many entries of the way an operation goes that fails at a stage (see vocabulary.FAILURES).
_REACH: Final = {0: 1, 1: 3, 2: 5, 3: 7, 4: 9}
_SHARE: Final = {stage: sum(share for _, _, share in _WAY[:reach]) for stage, reach in _REACH.items()}
_KEPT: Final = 20_000  # documents of ended operations, which are asked for again and again
WAITING: Final = "Waiting for asynchronous response from third party"


class Step(NamedTuple):
    """From an instant on, an operation shows this."""

    at: int
    status: str
    progress: int
    description: str | None = None


class Operation:
    """A pull operation. Times are ticks.

    ``completed`` is known from the start; :meth:`document` shows only what is known at the instant asked for.
    """

    __slots__ = (
        "_steps", "company_id", "completed", "connection_id", "data_type", "hold", "id", "message",
        "requested", "status",
    )  # fmt: skip

    def __init__(
        self, op_id: str, company_id: str, connection_id: str, data_type: str, requested: int, completed: int,
        status: str, message: str | None = None, hold: tuple[str, int] | None = None,
    ) -> None:  # fmt: skip
        self.id = op_id
        self.company_id = company_id
        self.connection_id = connection_id
        self.data_type = data_type
        self.requested = requested
        self.completed = completed
        self.status = status
        self.message = message
        self.hold = hold
        self._steps: list[Step] | None = None

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

    def step(self, now: int) -> Step:
        """What it shows at an instant."""
        if now >= self.completed:
            return self._end()
        if self._steps is None:
            self._steps = list(_steps(self))
        return self._steps[max(bisect_right(self._steps, now, key=_start) - 1, 0)]

    def forget_steps(self) -> None:
        """It has ended: how it got there is not asked any more (and would be drawn again)."""
        self._steps = None

    def _end(self) -> Step:
        unsupported = self.status == "NotSupported"
        reached = 100 if self.succeeded or unsupported else _WAY[_REACH[FAILURES.get(self.status, 4)] - 1][1]
        return Step(self.completed, self.status, reached)

    def document(self, now: int) -> dict[str, Any]:
        """The operation as Codat writes it at an instant. The dict of an ended one is shared: do not change it."""
        return _running(self, self.step(now)) if now < self.completed else _ended(self)


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
    op.forget_steps()
    return _running(op, op.step(op.completed)) | {
        "errorMessage": op.message,
        "completed": to_text(op.completed),
        "isCompleted": op.succeeded,
        "isErrored": op.errored,
    }


def _start(step: Step) -> int:
    return step.at


def _steps(op: Operation) -> list[Step]:
    """Its life before the end."""
    stage = FAILURES.get(op.status, 4)
    reach = _WAY[: _REACH[stage]]
    kind, held = op.hold or ("", 0)
    unit = (op.completed - op.requested - held) / _SHARE[stage]
    steps, at = [], op.requested
    for number, (status, progress, share) in enumerate(reach):
        steps.append(Step(at, status, progress, _first_words(op, kind, status, at)))
        at += round(unit * share)
        if (kind, number) in (("queued", 0), ("paused", 1), ("waiting", 1)):
            at += held
            if number:
                steps.append(Step(at, status, progress))
    return steps


def _first_words(op: Operation, kind: str, status: str, at: int) -> str | None:
    if status != "Fetching" or kind not in ("paused", "waiting"):
        return None
    return WAITING if kind == "waiting" else f"Paused until {to_text(at + (op.hold or ('', 0))[1])}"


def duration(platform: Platform, data_type: str, u: float, *, first: bool) -> int:
    """How long a pull takes, in ticks, without any hold."""
    seconds = lognormal(u, median_seconds(platform, data_type), SPREAD) * (FIRST_SYNC if first else 1)
    return round(min(seconds, LONGEST_SECONDS) * SECOND)


def _drawn_length(platform: Platform, data_type: str, outcome: Outcome, u: float, first: bool) -> int:
    length = round(duration(platform, data_type, u, first=first) * _SHARE[FAILURES.get(outcome.status, 4)])
    return length // 5 if outcome.status in ("NotSupported", "AuthError", "PermissionsError") else length


def draw(
    ids: tuple[str, str, str], platform: Platform, data_type: str, outcome: Outcome, u: tuple[float, ...],
    *, requested: int | None = None, completed: int | None = None, first: bool = False, length: int | None = None,
) -> Operation:  # fmt: skip
    """An operation whose start (one queued now) or end (one of the past) is given.

    Args:
        ids: the operation's, the company's and the connection's id.
        platform: of the connection.
        data_type: what is pulled.
        outcome: how it ends.
        u: eight numbers between 0 and 1; used here are the last three: length, length of a hold, wording.
        requested: when it is queued, in ticks.
        completed: or when it ended.
        first: whether it is the first sync of that type.
        length: how long it takes, in ticks, if that is not to be drawn.
    """
    held = round((2 + 9 * u[6]) * MINUTE) if outcome.hold else 0
    if length is None:
        total = held + _drawn_length(platform, data_type, outcome, u[5], first)
    else:
        total, held = length, min(held, length // 2)
    if requested is None:
        requested = (completed or 0) - total
    return Operation(
        *ids, data_type, requested, requested + total, outcome.status,
        message(outcome.status, platform, data_type, u[7]), (outcome.hold, held) if outcome.hold else None,
    )  # fmt: skip
