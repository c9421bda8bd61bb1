"""What stands before the work: the quotas, the count of requests under way, the idempotency keys."""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from codat_notebook.models.vocabulary import ID, daily_requests
from codat_notebook.sandbox.exchange import TOO_MANY, ErrorResponse, HttpRequest, HttpResponse
from codat_notebook.sandbox.faults import SandboxSettings
from codat_notebook.sandbox.virtual_time import DAY, MINUTE, written

LIFETIME: Final = 90 * MINUTE  # of an idempotency key


class DailyQuota:
    """Counts requests against the quota of a day (UTC) and, where the settings say so, of a minute.

    ``connected`` counts the actively connected companies, when a day begins; ``tell`` hears when it is used up, and of
    the next day's first request then.
    """

    def __init__(
        self, settings: SandboxSettings, connected: Callable[[], int],
        tell: Callable[[str, int, int, int, int], object] = lambda *told: None,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._connected = connected
        self._tell = tell
        self._reached = False
        self._companies = 0
        self._day = -1
        self._recent: deque[int] = deque()
        self.used = 0

    @property
    def limit(self) -> int:
        """Requests a day."""
        quota = self._settings.quota
        return daily_requests(self._companies) if quota is None else quota

    def count(self, now: int) -> None:
        """Count a request, or refuse it: 429 with Retry-After."""
        self._turn(now)
        if self._settings.per_minute is not None:
            self._count_in_minute(now, self._settings.per_minute)
        if self.used >= self.limit:
            if not self._reached:
                self._reached = True
                self._tell("reached", now, self.limit, 0, (self._day + 1) * DAY)
            raise self._refusal((self._day + 1) * DAY, now)
        self.used += 1

    def _count_in_minute(self, now: int, most: int) -> None:
        while self._recent and self._recent[0] <= now - MINUTE:
            self._recent.popleft()
        if len(self._recent) >= most:
            raise self._refusal((self._recent[0] if self._recent else now) + MINUTE, now)
        self._recent.append(now)

    def _refusal(self, until: int, now: int) -> ErrorResponse:
        after = written(until, now, self._settings.retry_after_format)
        return ErrorResponse(429, TOO_MANY, headers={"Retry-After": after})

    def _turn(self, now: int) -> None:
        if now // DAY != self._day:
            self._day = now // DAY
            self.used = 0
            self._companies = self._connected()
            if self._reached:
                self._reached = False
                self._tell("reset", self._day * DAY, self.limit, self.limit, (self._day + 1) * DAY)

    def headers(self, now: int) -> dict[str, str]:
        """The three headers of every answer."""
        self._turn(now)
        return {
            "X-Rate-Limit-Limit": str(self.limit),
            "X-Rate-Limit-Remaining": str(max(self.limit - self.used, 0)),
            "X-Rate-Limit-Reset": written((self._day + 1) * DAY, now, self._settings.time_format),
        }


class Traffic:
    """Counts of one service, by which clients that pace themselves are judged."""

    def __init__(self) -> None:
        #: Requests by method and path, ids replaced by ``*``.
        self.calls: Counter[str] = Counter()
        #: The most requests that were under way for one company at a time.
        self.at_once = 0
        self._under_way: Counter[str] = Counter()

    @property
    def requests(self) -> int:
        """All requests."""
        return self.calls.total()

    def come(self, request: HttpRequest) -> str:
        """Count a request in; gives what :meth:`go` must be given."""
        self.calls[f"{request.method} {ID.sub('*', request.path)[:100]}"] += 1
        match = ID.search(request.path)
        company = match.group() if match else ""
        self._under_way[company] += 1
        if company:
            self.at_once = max(self.at_once, self._under_way[company])
        return company

    def check(self, company: str, most: int | None) -> None:
        """Refuse a request of a company that has too many under way: 429."""
        if company and most is not None and self._under_way[company] > most:
            raise ErrorResponse(429, TOO_MANY, headers={"Retry-After": "1"})

    def go(self, company: str) -> None:
        """Count a request out."""
        self._under_way[company] -= 1
        if not self._under_way[company]:
            del self._under_way[company]


@dataclass(slots=True)
class Slot:
    """The request under one key and its answer; none while the first request is being handled."""

    key: str
    since: int
    fingerprint: tuple[str, str, str, bytes]
    answer: HttpResponse | None = None


class Idempotency:
    """The slots of one service. A key gives its first answer again, also a 4xx or 5xx; only a 429 releases it."""

    def __init__(self) -> None:
        self._slots: OrderedDict[str, Slot] = OrderedDict()

    def open(self, key: str, request: HttpRequest, now: int) -> Slot:
        """The slot of a key: a new one, or the one whose answer is to be given again.

        409 while the first request is being handled, 422 where the key was used for another one.
        """
        while self._slots and now - next(iter(self._slots.values())).since >= LIFETIME:
            self._slots.popitem(last=False)
        fingerprint = (request.method, request.path, request.query, request.body)
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = Slot(key, now, fingerprint)
            return slot
        if slot.fingerprint != fingerprint:
            raise ErrorResponse(422, "The Idempotency-Key was already used with a different request.")
        if slot.answer is None:
            raise ErrorResponse(409, "A request with the same Idempotency-Key is still being processed.")
        return slot

    def close(self, slot: Slot, answer: HttpResponse | None) -> None:
        """The first request under the slot is answered (or was lost: then the key is free again)."""
        if answer is None or answer.status == 429:
            self._slots.pop(slot.key, None)
        else:
            slot.answer = answer
