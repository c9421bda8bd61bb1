"""The quota: requests a day, reset at midnight UTC, and the headers that tell about it on every answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from codat_notebook.sandbox.problems import Problem
from codat_notebook.sandbox.settings import Settings
from codat_notebook.sandbox.time_units import DAY, MINUTE, SECOND, to_http_date, to_text

TOO_MANY: Final = "You have made too many requests in a given amount of time; please retry later."


def written(moment: int, now: int, form: str) -> str:
    """An instant in one of the forms that headers may have."""
    if form == "seconds":
        return str(max(-(-(moment - now) // SECOND), 0))
    if form == "epoch":
        return str(-(-moment // SECOND))
    return to_http_date(moment + SECOND - 1) if form == "http" else to_text(moment)


class Quota:
    """Counts requests against the day's quota and, where the settings say so, the minute's.

    Args:
        settings: the switches.
        connected: counts the actively connected companies, when a day begins.
    """

    def __init__(self, settings: Settings, connected: Callable[[], int]) -> None:
        self._settings = settings
        self._connected = connected
        self._companies = 0
        self._day = -1
        self._recent: deque[int] = deque()
        self.used = 0

    @property
    def limit(self) -> int:
        """Requests a day."""
        quota = self._settings.quota
        return 1_000 * (1 + self._companies) if quota is None else quota

    def count(self, now: int) -> None:
        """Count a request.

        Raises:
            Problem: 429 with Retry-After.
        """
        self._turn(now)
        self._check_minute(now)
        if self.used >= self.limit:
            raise self._refusal((self._day + 1) * DAY, now)
        self.used += 1

    def _check_minute(self, now: int) -> None:
        most = self._settings.per_minute
        if most is None:
            return
        while self._recent and self._recent[0] <= now - MINUTE:
            self._recent.popleft()
        if len(self._recent) >= most:
            raise self._refusal((self._recent[0] if self._recent else now) + MINUTE, now)
        self._recent.append(now)

    def _refusal(self, until: int, now: int) -> Problem:
        after = written(until, now, self._settings.retry_after_format)
        return Problem(429, TOO_MANY, headers={"Retry-After": after})

    def _turn(self, now: int) -> None:
        if now // DAY != self._day:
            self._day, self.used, self._companies = now // DAY, 0, self._connected()

    def headers(self, now: int) -> dict[str, str]:
        """The three headers of every answer."""
        self._turn(now)
        return {
            "X-Rate-Limit-Limit": str(self.limit),
            "X-Rate-Limit-Remaining": str(max(self.limit - self.used, 0)),
            "X-Rate-Limit-Reset": written((self._day + 1) * DAY, now, self._settings.time_format),
        }
