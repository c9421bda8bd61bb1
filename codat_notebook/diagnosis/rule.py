"""What a rule is: conditions on an operation and what is known around it, and the advice where they hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

Retry = Literal["now", "later", "after", "never"]
Who = Literal["nobody", "customer", "us", "codat", "platform"]
Basis = Literal["documented", "inferred"]
Span = tuple[timedelta, timedelta]

#: What the operations of a connection look like together, in the order in which they are looked for.
SHAPES: Final = {
    "mended": "a newer operation of the type succeeded",
    "tried again": "a newer operation of the type is on its way",
    "linked again": "other data types ended in AuthError likewise, and some have been read since",
    "together": "two more data types of the connection failed likewise within a day, and fewer succeeded since",
    "no success": "the type never succeeded on the connection, at two attempts or more, while other types did",
    "first": "nothing older of the type is in the history",
    "by turns": "of its last six attempts three failed or more, and not in a row",
    "again": "the third failure of the type in a row or later, over a day or more",
}
#: Statuses that nobody knows: failures, others that are over, and all the rest.
UNKNOWN_ERROR: Final = "?Error"
UNKNOWN_END: Final = "?Ended"
UNKNOWN: Final = "?"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisRule:
    """Conditions, and the advice where they hold.

    ``platforms`` are integration keys, words of platform names, or source types; ``data_types`` may end in ``*``.
    ``text`` is a pattern for what the operation, the connection's errors and its ``connectionInfo`` say. ``linked`` is
    the time from the connection's creation to the operation's request, ``age`` that from the request until now: from
    (included) to (excluded). ``unseen``: no success of the type on the connection is in the history.
    """

    name: str
    cause: str
    action: str
    retry: Retry
    who: Who
    source: str
    basis: Basis = "documented"
    wait: Span | None = None
    relink: bool = False
    one_cause: bool = False
    connection: tuple[str, ...] = ()
    text: str = ""
    data_types: tuple[str, ...] = ()
    linked: Span | None = None
    age: Span | None = None
    shape: str = ""
    platforms: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    unseen: bool = False

    @property
    def rank(self) -> int:
        """How specific the conditions are: a number that compares."""
        conditions = (
            self.statuses, self.platforms, self.shape, self.age, self.linked, self.text, self.data_types,
            self.connection,
        )  # fmt: skip
        return sum(bool(condition) << place for place, condition in enumerate(conditions)) + (
            256 * (self.shape in ("mended", "tried again", "linked again"))
        )
