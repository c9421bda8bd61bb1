"""How fast a session may ask: within Codat's limits, and slower when Codat tells it to or when answers become slow.

One :class:`Governor` serves all runs of a session. Before each request a run asks for :meth:`~Governor.hold`: for how
long to wait, and why. What is under way is counted in a window that grows with each good answer and is halved by a
failure or a 429 (as TCP does); requests are spread over the minute; the reserve of the day's quota is not touched
until its reset; and when nothing but failures come, single requests are sent further and further apart until one is
answered. It hears of all requests, also of those that users make.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from codat_notebook.client.clock import ServerClock
from codat_notebook.client.events import Attempt, Event, Waiting
from codat_notebook.client.quota import Pacing, Quota

#: Requests under way at the same time: in the beginning, and at most.
FIRST, MOST = 16.0, 64.0
#: Of the requests that a minute allows, so many per hundred stay free for people who click meanwhile.
LEFT_FREE = 1
#: A minute is taken this much longer, since requests need longer or shorter on their way.
MARGIN = 1.01
#: After a 429 this share of the pace is kept; it is won back at this rate per minute.
SLOWER, RECOVERY = 0.7, 0.1
#: Failures in a row from which on requests are only tried, and the seconds between tries: first and longest.
OUTAGE, TRIES = 8, (1.0, 60.0)
#: Nobody waits longer than that because a header says so: it is a question to the user then.
DAY = timedelta(days=1)
_COMPANY = re.compile("/companies/([^/?]+)")


@dataclass(frozen=True, slots=True)
class Hold:
    """Not yet: for so many real seconds (``None``: until an answer comes), and why, if a reader should know."""

    seconds: float | None
    why: str | None = None


class Governor:
    """See the module's docstring.

    ``quota`` gives the daily quota as last told; ``pacing``, the client's, counts the minute (``None``: no such limit).
    """

    def __init__(self, clock: ServerClock, quota: Callable[[], Quota | None], pacing: Pacing | None = None) -> None:
        self._clock = clock
        self._quota = quota
        self._pacing = pacing or Pacing(None)
        # What was let go; the client books a request only when it is sent, and all requests of the session.
        self._let_go = Pacing(self._pacing.per_minute)
        self.window = FIRST
        self.under_way = 0
        self._share = 1.0
        self._slowed = self._cut = self._until = self._tried = float("-inf")
        self._why: str | None = None
        #: Company (as in addresses) -> what went wrong with the latest request about it that was in trouble.
        self.reasons: dict[str, str] = {}
        #: The company that a request in trouble was about (empty: none) -> when that was.
        self._troubled: dict[str, float] = {}
        self._failures = 0
        self._fastest = self._usual = 0.0

    # What runs ask.

    def begin(self) -> None:
        """A request goes out."""
        self.under_way += 1
        self._tried = self._now
        self._let_go.reserve(self._now, 0.0)

    def end(self) -> None:
        """Its answer came, or will not come."""
        self.under_way -= 1

    def hold(self, reserve: float = 0) -> Hold | None:
        """How long to wait before the next request, ``None`` if it may go. ``reserve``: requests of the day's quota
        that are not touched; below 1 a share of it."""
        if self._until > self._now:
            return Hold(self._until - self._now, self._why)
        if self.trying:
            return self._between_tries()
        if self.under_way >= self.window:
            return Hold(None)
        return self._of_quota(reserve) or self._of_pace()

    def hold_until(self, moment: datetime, why: str | None = None) -> None:
        """Send nothing before ``moment`` (server's time), which is a day from now at most; ``why``: by default that
        Codat asks for it."""
        moment = min(moment, self._clock.now() + DAY)
        until = self._now + self._clock.real(max((moment - self._clock.now()).total_seconds(), 0.0))
        if until > self._until:
            self._until = until
            self._why = why or f"Codat asks us to wait until {local(moment)}"

    @property
    def trying(self) -> bool:
        """Whether nothing but failures came lately, so that single requests are tried."""
        return self._failures >= OUTAGE

    @property
    def slot(self) -> float:
        """Server's seconds that one request takes at the pace that is allowed; 0 without a limit."""
        return 60.0 / self._allowed if self._pacing.per_minute else 0.0

    @property
    def _now(self) -> float:
        return self._clock.monotonic()

    def _between_tries(self) -> Hold | None:
        pause = min(TRIES[0] * 2 ** min(self._failures - OUTAGE, 10), TRIES[1])
        rest = self._tried + pause - self._now
        if self.under_way:
            return Hold(None, "no answer from Codat")
        return Hold(rest, f"no answer from Codat, trying again in {rest:.0f} s") if rest > 0 else None

    def _of_quota(self, reserve: float) -> Hold | None:
        quota = self._quota()
        if quota is None or quota.remaining is None or quota.resets_at is None:
            return None
        kept = reserve * (quota.limit or 0) if 0 < reserve < 1 else reserve
        now = self._clock.now()
        resets_at = min(quota.resets_at, quota.observed_at + DAY)
        if quota.remaining - self.under_way > kept or now >= resets_at or quota.observed_at > resets_at:
            return None
        if self.under_way and quota.remaining > kept:
            return Hold(None)
        what = "The day's quota is down to its reserve" if kept else "The day's quota is used up"
        # A little later, because the header's time is cut to seconds.
        seconds = self._clock.real((resets_at - now).total_seconds() + 1.0)
        return Hold(seconds, f"{what}; continuing at {local(resets_at)}")

    @property
    def _allowed(self) -> int:
        """Requests a minute, at the present pace."""
        most = self._pacing.per_minute or 1
        return max(int(most * self._won_back) - most * LEFT_FREE // 100, 1)

    @property
    def _won_back(self) -> float:
        """The share of the pace that is allowed again."""
        minutes = (self._now - self._slowed) / self._clock.real(60.0)
        return min(1.0, self._share + RECOVERY * max(minutes, 0.0))

    def _of_pace(self) -> Hold | None:
        if not self._pacing.per_minute:
            return None
        minute, most = self._clock.real(60.0) * MARGIN, self._allowed
        seconds = max(pacing.room(self._now, minute, most) for pacing in (self._pacing, self._let_go))
        return Hold(seconds) if seconds > 0 else None

    # What it hears.

    def heard(self, event: Event) -> None:
        """Take in an event of the client. Trouble with one company alone is no reason to be slow with the others."""
        if isinstance(event, Waiting) and event.reason.startswith("429") and self.common:
            self.hold_until(event.until)
        if not isinstance(event, Attempt):
            return
        status = event.status
        if status is None or status in (408, 429) or status >= 500:
            self._failures += status != 429
            company = _COMPANY.search(event.path)
            about = company[1] if company else ""
            self._troubled[about] = self._now
            self.reasons[about.lower()] = event.error or f"status {status}"
            if self.common:
                self._slow_down(event)
        else:
            self._failures = 0
            self._took(event.ms / 1000)

    @property
    def common(self) -> bool:
        """Whether the trouble of the last minute concerned more than one company."""
        for company in [company for company, at in self._troubled.items() if at < self._now - 60]:
            del self._troubled[company]
        return len(self._troubled) > 1 or "" in self._troubled

    def _slow_down(self, attempt: Attempt) -> None:
        """Once for all that was sent before the window was halved, and for each wave of 429s: it is one trouble."""
        if self._now - attempt.ms / 1000 >= self._cut:
            self.window = max(self.window / 2, 1.0)
            self._cut = self._now
        if attempt.status == 429 and self._now - self._slowed > self._clock.real(5.0):
            self._share = max(self._won_back * SLOWER, 0.1)
            self._slowed = self._now

    def _took(self, seconds: float) -> None:
        """Grow while answers are quick, shrink while they are slow."""
        self._fastest = min(self._fastest or seconds, seconds) * 1.001  # forgets slowly that it was faster once
        self._usual = seconds if not self._usual else 0.9 * self._usual + 0.1 * seconds
        if self._usual <= 2 * self._fastest + 0.2:
            self.window = min(self.window + 1 / self.window, MOST)
        elif self._usual > 4 * self._fastest + 0.5:
            self.window = max(self.window - 1 / self.window, 1.0)


def local(moment: datetime) -> str:
    """A time for people: local, with its zone."""
    here = (moment + timedelta(seconds=59)).astimezone()
    return f"{here:%Y-%m-%d %H:%M} {here:%Z}"
