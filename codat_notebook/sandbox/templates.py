"""What a company is like, in a few declarative lines: the form in which companies are written or drawn.

Ages and periods are days before the world's first instant. :mod:`codat_notebook.sandbox.companies` makes real
companies of sketches, :mod:`codat_notebook.sandbox.ledger` their history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Failing:
    """A data type that has failed since its last success.

    ``age`` is that of the newest failure, ``times`` how many there were, a period apart.
    """

    status: str
    age: float
    times: int = 1


@dataclass(frozen=True, slots=True)
class Link:
    """One connection: its platform and how its data types stand.

    Args:
        platform: the platform's key.
        age: days since its types were last read; None if it never was.
        ages: types that differ from that; None: never.
        period: days between two reads in the past.
        failing: types that have failed since.
        next_outcomes: how coming operations of a type end: the first, the second, ...; the last one repeats.
            A status, or ``"Paused"`` for one that waits and then completes. Types not named are drawn.
        status: the connection's status.
        steady: whether coming operations that are not named complete, instead of being drawn.
    """

    platform: str
    age: float | None
    ages: Mapping[str, float | None] = field(default_factory=dict)
    period: float = 7.0
    failing: Mapping[str, Failing] = field(default_factory=dict)
    next_outcomes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    status: str = "Linked"
    steady: bool = False

    @property
    def newest(self) -> float | None:
        """Days since any of its types was last read; None if none ever was."""
        return min((age for age in (self.age, *self.ages.values()) if age is not None), default=None)

    def age_of(self, data_type: str) -> float | None:
        """Days since that type was last read successfully; None if never."""
        return self.ages.get(data_type, self.age)


@dataclass(frozen=True, slots=True)
class CompanyTemplate:
    """One company; its history reaches back ``history_days``."""

    name: str
    description: str
    links: tuple[Link, ...]
    tags: Mapping[str, str] = field(default_factory=dict)
    days_old: float = 400.0
    history_days: float = 90.0
    created_by: str | None = "Dan Tzabar"
    parent: int | None = None
    subsidiaries: tuple[int, ...] = ()
