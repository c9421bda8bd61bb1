"""Why the pulls of a connection go wrong for a while, or until somebody puts it right.

A :class:`Trouble` is written into a connection's :class:`~codat_notebook.sandbox.stories.Link`; a :class:`Condition` is
one at work. While it lasts, every pull that it concerns ends as it says: failures are not drawn anew for each attempt.
What always follows linking, or the first read, of a platform stands in the two tables below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from codat_notebook.sandbox.pull_operation import Outcome
from codat_notebook.sandbox.virtual_time import DAY, MINUTE, SECOND, to_text

_NEVER: Final = 1 << 62  # ticks: after all dates
_ENDLESS: Final = 60 * DAY  # assumed: how long a pull is held whose trouble nobody mends


@dataclass(frozen=True, slots=True)
class Trouble:
    """One reason for pulls to fail or to be held. Times are days, counted from the world's first instant.

    Args:
        status: how they end; ``"Complete"`` for those that are only held.
        types: the data types concerned; none: all.
        began: days ago.
        lasts: days until it is over by itself, or ``"midnight"`` (UTC); None: until it is mended.
        text: the error message, with ``{platform}``, ``{plain}`` (the data type in words) and ``{seconds}`` (left).
        tries: when attempts that met it ended, in days ago.
        hold: ``"queued"``, ``"waiting"``, ``"paused"`` or ``"slow"`` (a long Fetching) on the way.
        minutes: how long they are held; None: as long as the trouble lasts.
        code: the HTTP status that the source gives: the connection shows it among its errors.
        info: what ``connectionInfo`` says meanwhile.
        relink: whether it is mended by linking again.
    """

    status: str
    types: tuple[str, ...] = ()
    began: float = 0
    lasts: float | Literal["midnight"] | None = None
    text: str | None = None
    tries: tuple[float, ...] = ()
    hold: str | None = None
    minutes: float | None = None
    code: tuple[str, str] | None = None
    info: str | None = None
    relink: bool = False

    def concerns(self, data_type: str) -> bool:
        """Whether pulls of that type meet it."""
        return not self.types or data_type in self.types

    def outcome(self, now: int, until: int) -> Outcome:
        """How a pull ends that is queued ``now``, while it lasts ``until`` then."""
        left = min(until - now, _ENDLESS)
        held = (left if self.minutes is None else round(self.minutes * MINUTE)) if self.hold else None
        text = None if self.text is None else self.text.replace("{seconds}", str(left // SECOND))
        return Outcome(self.status, self.hold, text, held)


INSTALLING: Final = "{platform} answered 404 Not Found for {plain}: the extension is still being installed."  # assumed
#: Documented (dynamics365businesscentral/accounting-dynamics365businesscentral-setup.md): the extension is installed
#: for 10 to 20 minutes after linking, with fetch errors meanwhile.
AFTER_LINKING: Final[Mapping[str, Trouble]] = {"trji": Trouble("FetchError", lasts=20 / 1440, text=INSTALLING)}
#: Documented (plaid/faqs-plaid.md): "very occasionally" the first read of much data fails after 15 minutes, the next
#: one succeeds. How often is assumed, and the text.
FIRST_READS: Final[Mapping[tuple[str, str], tuple[float, Trouble]]] = {
    ("suuo", "banking-transactions"): (0.1, Trouble(
        "FetchError", hold="slow", minutes=15,
        text="{platform} did not deliver {plain} within 15 minutes; the operation timed out.",
    )),
}  # fmt: skip


@dataclass(slots=True)
class Condition:
    """A trouble of one connection, from ``since`` until ``until`` (ticks); ``error`` is what the connection shows."""

    trouble: Trouble
    since: int
    until: int
    error: dict[str, Any] | None = None

    @classmethod
    def of(cls, trouble: Trouble, start: int) -> Condition:
        """It at work, its days counted from ``start``."""
        since = start - round(trouble.began * DAY)
        if trouble.lasts == "midnight":
            return cls(trouble, since, (start // DAY + 1) * DAY)
        return cls(trouble, since, _NEVER if trouble.lasts is None else since + round(trouble.lasts * DAY))

    def active(self, now: int) -> bool:
        """Whether it is there at an instant."""
        return self.since <= now < self.until

    def show(self, now: int) -> dict[str, Any] | None:
        """The error that the connection shows from now on, if it is new; one whose trouble is over is resolved."""
        if self.error is None:
            if self.trouble.code is None or now < self.since:
                return None
            code, words = self.trouble.code
            self.error = connection_error(code, words, self.since)
            self._resolve(now)
            return self.error
        self._resolve(now)
        return None

    def _resolve(self, now: int) -> None:
        if self.error is not None and self.until <= now:
            resolve(self.error, self.until)


def connection_error(code: str, words: str, at: int) -> dict[str, Any]:
    """An entry of a connection's ``dataConnectionErrors``; documented: message and text may be the same."""
    return {
        "statusCode": code, "statusText": words, "errorMessage": words, "erroredOnUtc": to_text(at), "status": "Active",
    }  # fmt: skip


def resolve(error: dict[str, Any], at: int) -> None:
    """Say that an error is over; does nothing to one that was before."""
    if error["status"] == "Active":
        error.update(status="Resolved", resolvedOnUtc=to_text(at))
