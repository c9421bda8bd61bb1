"""How long operations take: learned from the ends that were seen, by platform and data type; the one place that says.

The logarithms of durations are summed up per platform and type, per type, and over all; where a cell has few of its
own, those above it count (each level is worth :data:`WORTH` observations of the next), down to what is assumed before
anything was seen. Where a plain number is wanted, it is the median. A few operations hang far beyond all experience (a
machine is off): the chance that one ends now falls with the time that it hangs already (a Pareto tail), so it is looked
at ever more seldom and never given up. Pure: nothing here knows a clock.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from codat_notebook.models.instants import instant
from codat_notebook.models.shared import PullOperation

#: Assumed before anything was seen: median seconds, and the standard deviation of their logarithm.
MEDIAN, SPREAD = 90.0, 0.8
#: Observations that the level above is worth.
WORTH = 3.0
#: The least standard deviation that is believed in, and the share of operations that hang.
LEAST_SPREAD, HANGING = 0.2, 0.03
#: So many of the newest complete operations of a cell say how long the next one takes.
NEWEST = 10
_P95 = 1.6448536  # standard deviations above the mean


@dataclass(frozen=True, slots=True)
class Lifetime:
    """The distribution of one kind of duration: lognormal, with a Pareto tail for those that hang."""

    mu: float
    sigma: float

    @property
    def median(self) -> float:
        """Seconds that half of them exceed."""
        return math.exp(self.mu)

    @property
    def late(self) -> float:
        """Seconds that one in twenty exceeds."""
        return math.exp(self.mu + _P95 * self.sigma)

    @classmethod
    def of(cls, median: float, late: float) -> "Lifetime":
        """The distribution of which half exceed the one number of seconds, and one in twenty the other."""
        return cls(math.log(median), max(math.log(max(late / median, 1.0)) / _P95, LEAST_SPREAD))

    def ended(self, seconds: float) -> float:
        """The share of those that do not hang that has ended after so many seconds."""
        if seconds <= 0:
            return 0.0
        return 0.5 * math.erfc((self.mu - math.log(seconds)) / (self.sigma * math.sqrt(2)))

    def left(self, seconds: float) -> float:
        """The share that takes longer than so many seconds.

        >>> round(Lifetime(math.log(90), 0.8).left(90), 2)
        0.5
        """
        if seconds <= 0:
            return 1.0
        usual = 1 - self.ended(seconds)
        hanging = 1 / (1 + seconds / self.median)
        return (1 - HANGING) * usual + HANGING * hanging


class Durations:
    """What is known of durations so far.

    ``assumed`` gives the median seconds of a platform and data type before anything was seen; what is learned is how
    much longer or shorter operations take than that.

    >>> durations = Durations()
    >>> for _ in range(50): durations.learn("Xero", "invoices", 40.0)
    >>> round(durations.of("Xero", "invoices").left(60.0), 1), round(durations.of("Plaid", "company").left(60.0), 1)
    (0.0, 0.1)
    """

    def __init__(self, assumed: Callable[[str, str], float] = lambda platform, data_type: MEDIAN) -> None:
        self._assumed = assumed
        #: By level, of logarithms: their count, sum and sum of squares.
        self._sums: dict[tuple[str, ...], tuple[int, float, float]] = {}
        self._made: dict[tuple[str, str], Lifetime] = {}

    def learn(self, platform: str, data_type: str, seconds: float) -> None:
        """Take in how long an operation took."""
        value = math.log(max(seconds, 0.1) / self._assumed(platform, data_type))
        for level in ((), (data_type,), (platform, data_type)):
            n, total, squares = self._sums.get(level, (0, 0.0, 0.0))
            self._sums[level] = n + 1, total + value, squares + value * value
        self._made.pop((platform, data_type), None)
        if self._sums[()][0] % 64 == 0:
            self._made.clear()  # what rests on the levels above is worth making anew now and then

    def of(self, platform: str, data_type: str) -> Lifetime:
        """The distribution for a kind of operation, also for one that was never seen."""
        key = (platform, data_type)
        lifetime = self._made.get(key)
        if lifetime is None:
            mu, variance = 0.0, SPREAD**2
            for level in ((), (data_type,), key):
                if level in self._sums:  # drawn towards the level above
                    n, total, squares = self._sums[level]
                    mean, weight = total / n, n / (n + WORTH)
                    within = max(squares / n - mean * mean, 0.0)
                    between = (mean - mu) ** 2 * (1 - weight)
                    mu, variance = mu + weight * (mean - mu), variance + weight * (within - variance + between)
            mu += math.log(self._assumed(platform, data_type))
            lifetime = self._made[key] = Lifetime(mu, max(math.sqrt(variance), LEAST_SPREAD))
        return lifetime

    def usual(self, platform: str, data_type: str) -> float | None:
        """Seconds that half of a kind exceed; ``None`` where no operation of the kind was seen to end."""
        return self.of(platform, data_type).median if (platform, data_type) in self._sums else None

    def usual_of(
        self, operations: Iterable[PullOperation], platforms: Mapping[str, str]
    ) -> dict[tuple[str, str], float]:
        """Connection id and data type -> the same, of the kinds of some operations. ``platforms``: by connection id."""
        kinds = {(each.connection_id, each.data_type) for each in operations}
        told = ((kind, self.usual(platforms.get(kind[0], ""), kind[1])) for kind in kinds)
        return {kind: seconds for kind, seconds in told if seconds is not None}


def last_end(operations: Mapping[Lifetime, int], sending: float = 0.0) -> tuple[float, float]:
    """When the last of so many operations has ended that are queued evenly over ``sending`` seconds: one such round in
    ten is over by the first number of seconds, nine in ten by the second. Those that hang are not counted.

    The chance that all have ended is the product of the shares that have, as if none waited for another.

    >>> [round(seconds) for seconds in last_end({Lifetime(math.log(90), 0.8): 55})]
    [361, 920]
    """
    parts = range(1, 5 if sending else 2)

    def chance(seconds: float) -> float:
        shares = [
            (each.ended(seconds - sending * part / len(parts)), number / len(parts))
            for each, number in operations.items()
            for part in parts
        ]
        return math.exp(sum(number * math.log(share) for share, number in shares)) if all(s for s, _ in shares) else 0.0

    def quantile(wanted: float) -> float:
        low, high = sending, sending + max((each.late for each in operations), default=0.0) * 1e4
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (low, middle) if chance(middle) > wanted else (middle, high)
        return high

    return quantile(0.1), quantile(0.9)


def seconds_taken(operation: PullOperation) -> float | None:
    """Seconds from an operation's request to its end; ``None`` where it does not say when these were."""
    start, end = instant(operation.requested), instant(operation.completed)
    return None if start is None or end is None or end < start else (end - start).total_seconds()


def usual_durations(operations: Iterable[PullOperation]) -> dict[tuple[str, str], float]:
    """Connection id and data type -> seconds that such an operation usually takes, by the history of one company, in
    any order. What never completed has no usual duration."""
    durations, learned = Durations(), Counter[tuple[str, str]]()
    for operation in sorted(operations, key=lambda each: each.requested or "", reverse=True):
        key, seconds = (operation.connection_id, operation.data_type), seconds_taken(operation)
        if operation.status == "Complete" and seconds is not None and learned[key] < NEWEST:
            learned[key] += 1
            durations.learn(*key, seconds)
    return {key: durations.of(*key).median for key in learned}


def due_at(running: Iterable[PullOperation], usual: Mapping[tuple[str, str], float]) -> datetime | None:
    """When the last of the running operations should have ended; ``None`` where nothing is known of any of them."""
    kinds = [(instant(each.requested), usual.get((each.connection_id, each.data_type))) for each in running]
    ends = [start + timedelta(seconds=seconds) for start, seconds in kinds if start is not None and seconds is not None]
    return max(ends, default=None)
