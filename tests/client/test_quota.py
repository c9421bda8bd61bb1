"""The quota as headers tell it, and keeping to a pace."""

import asyncio
import threading
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta

import pytest

from codat_notebook.client.clock import ServerClock
from codat_notebook.client.quota import Pacing, QuotaGauge

from .conftest import Bench

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def gauge() -> QuotaGauge:
    """A gauge whose clock stands still."""
    return QuotaGauge(ServerClock(lambda: 0.0, NOW.timestamp))


@pytest.mark.parametrize("reset", ["3600", "2026-11-23T13:00:00Z", str(int(NOW.timestamp()) + 3600)])
def test_the_headers_are_read_in_every_form(reset: str) -> None:
    """Limit, what is left, when it starts anew, when this was told."""
    heard = gauge()
    heard.observe({"x-rate-limit-limit": "13000", "x-rate-limit-remaining": "12,5", "x-rate-limit-reset": reset})
    quota = heard.read()
    assert quota is not None
    assert (quota.limit, quota.remaining, quota.observed_at) == (13000, None, NOW)
    assert quota.resets_at == NOW + timedelta(hours=1)


def test_nothing_told_is_none() -> None:
    """Before an answer tells it, there is no quota to show; headers of other kinds do not make one."""
    heard = gauge()
    heard.observe({"x-rate-limit-reset": "5"})
    assert heard.read() is None


@pytest.mark.parametrize("form", ["seconds", "epoch", "iso", "http"])
def test_the_client_tells_the_sandboxs_quota(bench: Bench, form: str) -> None:
    """In whatever form the server writes it, the client knows when the day's quota starts anew."""
    bench.faults.time_format = form  # type: ignore[assignment]
    with bench.client() as client:
        assert client.quota is None
        client.companies.list()
        quota = client.quota
    assert quota is not None
    assert quota.limit is not None
    assert quota.remaining is not None
    assert quota.resets_at is not None
    assert timedelta(0) <= quota.resets_at - quota.observed_at <= timedelta(days=1, minutes=5)


def test_at_most_n_in_any_minute() -> None:
    """Starts are booked so that no minute holds more than the limit."""
    pacing = Pacing(per_minute=3, per_company=None)
    starts = [pacing.reserve(10.0) + 10.0 for _ in range(8)]
    assert starts == [10, 10, 10, 70, 70, 70, 130, 130]


def test_a_minute_of_the_servers() -> None:
    """Where the server's minute is shorter, so is the wait."""
    pacing = Pacing(per_minute=1)
    pacing.reserve(0.0, 1.0)
    assert pacing.reserve(0.0, 1.0) == 1.0


def test_at_most_m_at_a_time_for_a_company() -> None:
    """The next one waits until a place is free; other companies do not."""
    pacing = Pacing(per_minute=None, per_company=2)
    assert [pacing.enter("a"), pacing.enter("a"), pacing.enter("b")] == [None, None, None]
    third = pacing.enter("a")
    assert isinstance(third, Future)
    assert not third.done()
    pacing.leave("a")
    assert third.done()


def test_a_place_is_not_lost_on_one_who_gave_up() -> None:
    """A cancelled wait is passed over, and all places come back."""
    pacing = Pacing(per_minute=None, per_company=1)
    pacing.enter("a")
    gone, next_one = pacing.enter("a"), pacing.enter("a")
    assert gone is not None
    assert next_one is not None
    gone.cancel()
    pacing.leave("a")
    assert next_one.done()
    pacing.leave("a")
    assert pacing.enter("a") is None


@pytest.mark.parametrize("bad", [{"per_minute": 0}, {"per_company": -1}])
def test_an_impossible_limit_is_refused(bad: dict[str, int]) -> None:
    """A limit below one could never be kept."""
    with pytest.raises(ValueError, match="at least 1"):
        Pacing(**bad)


class Crowd(Pacing):
    """Counts how many are inside, and how many there were at most."""

    def __init__(self, **limits: int | None) -> None:
        super().__init__(**limits)  # type: ignore[arg-type]
        self.now = self.most = 0
        self._counting = threading.Lock()

    def _tell(self, change: int) -> None:
        with self._counting:
            self.now += change
            self.most = max(self.most, self.now)

    def enter(self, company: str) -> "Future[None] | None":
        """Count one in, now or when a place is free."""
        place = super().enter(company)
        if place is None:
            self._tell(1)
        else:
            place.add_done_callback(lambda _: self._tell(1))
        return place

    def leave(self, company: str) -> None:
        """Count one out."""
        self._tell(-1)
        super().leave(company)


def test_threads_share_the_places(bench: Bench) -> None:
    """Ten threads with three places for a company never have more than three requests on their way."""
    pacing = Crowd(per_minute=None, per_company=3)
    bench.faults.latency = 0.02
    with bench.client(pacing=pacing) as client:
        request = {"company_id": bench.company_id}
        threads = [threading.Thread(target=client.companies.get, kwargs={"request": request}) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (pacing.now, pacing.most) == (0, 3)


def test_tasks_share_the_places(bench: Bench) -> None:
    """Ten tasks of one client with three places never have more than three requests on their way, and all end."""
    pacing = Crowd(per_minute=None, per_company=3)
    bench.faults.latency = 0.02

    async def run() -> None:
        async with bench.client(pacing=pacing) as client:
            request = {"company_id": bench.company_id}
            await asyncio.gather(*(client.companies.get_async(request=request) for _ in range(10)))

    asyncio.run(run())
    assert (pacing.now, pacing.most) == (0, 3)
