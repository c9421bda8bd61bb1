"""How fast a session may ask, on a clock moved by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from codat_notebook.client.clock import ServerClock
from codat_notebook.client.events import Attempt, Waiting
from codat_notebook.client.quota import Pacing, Quota
from codat_notebook.runs.governor import FIRST, MOST, OUTAGE, Governor

NOW = datetime(2026, 11, 23, 23, 0, tzinfo=UTC)


class Scene:
    """A governor, its time, its quota."""

    def __init__(self, per_minute: int | None = None) -> None:
        self.seconds = 0.0
        self.quota: Quota | None = None
        clock = ServerClock(lambda: self.seconds, lambda: NOW.timestamp() + self.seconds)
        self.pacing = Pacing(per_minute)
        self.governor = Governor(clock, lambda: self.quota, self.pacing)

    def answers(self, status: int | None, number: int = 1, ms: float = 50) -> None:
        """So many answers, a tenth of a second apart."""
        for _ in range(number):
            self.seconds += 0.1
            self.governor.heard(Attempt("x", "GET", "/", 1, NOW, ms, status))

    def left(self, remaining: int, limit: int = 1000) -> None:
        """The quota as told now; it starts anew in an hour."""
        at = NOW + timedelta(seconds=self.seconds)
        self.quota = Quota(limit, remaining, NOW + timedelta(hours=1), at)


def test_the_window_grows_with_good_answers_and_is_halved_by_a_failure() -> None:
    """Additive up, multiplicative down; one wave of failures halves it once."""
    scene = Scene()
    scene.answers(200, 2000)
    grown = scene.governor.window
    assert FIRST < grown <= MOST
    scene.answers(503, 3, ms=1000)
    assert scene.governor.window == grown / 2


def test_slow_answers_shrink_the_window() -> None:
    """Where answers take ten times as long as they could, fewer are asked for at a time."""
    scene = Scene()
    scene.answers(200, 100)
    before = scene.governor.window
    scene.answers(200, 200, ms=5000)
    assert scene.governor.window < before


def test_a_full_window_waits_for_an_answer() -> None:
    """So many are under way, then one must come back."""
    governor = Scene().governor
    for _ in range(int(FIRST)):
        assert governor.hold() is None
        governor.begin()
    hold = governor.hold()
    assert hold is not None
    assert hold.seconds is None
    governor.end()
    assert governor.hold() is None


def test_requests_are_spread_over_the_minute() -> None:
    """A tenth of a minute's requests at once, then the next tenth, and never more than the limit in any minute."""
    scene = Scene(per_minute=1000)
    starts = []
    while len(starts) < 3000:
        hold = scene.governor.hold()
        if hold is None:
            scene.governor.begin()
            scene.pacing.reserve(scene.seconds)
            scene.governor.end()
            starts.append(scene.seconds)
        else:
            assert hold.seconds is not None
            scene.seconds += hold.seconds + 1e-6
    assert starts[98] == 0 < starts[99]
    assert all(later - first > 60 for first, later in zip(starts, starts[1000:], strict=False))
    assert starts[-1] < 3 * 60 * 1.03


def test_a_429_slows_the_pace_and_it_comes_back() -> None:
    """Others use the same address: the share becomes smaller, and is won back minute by minute."""
    scene = Scene(per_minute=1000)
    fast = scene.governor.slot
    scene.seconds = 100
    scene.answers(429)
    slow = scene.governor.slot
    assert slow == pytest.approx(fast / 0.7, rel=0.02)
    scene.seconds += 60
    assert fast < scene.governor.slot < slow
    scene.seconds += 600
    assert scene.governor.slot == fast


def test_the_trouble_of_one_company_slows_nobody_else_down() -> None:
    """Window, pace and waiting are everyone's only when a second company is in trouble."""
    scene = Scene(per_minute=1000)
    fast = scene.governor.slot

    def trouble(company: str) -> None:
        for status in (503, 429):
            scene.seconds += 6
            scene.governor.heard(Attempt("x", "POST", f"/companies/{company}/data/queue/bills", 1, NOW, 50, status))
        scene.governor.heard(Waiting("x", 30, "429, too many requests", 1, NOW + timedelta(seconds=scene.seconds + 30)))

    trouble("a")
    assert (scene.governor.window, scene.governor.slot, scene.governor.hold()) == (FIRST, fast, None)
    trouble("b")
    assert scene.governor.window < FIRST
    assert scene.governor.slot > fast
    assert scene.governor.hold() is not None


def test_what_codat_asks_to_wait_is_waited_by_all() -> None:
    """A Retry-After that one request got holds the others, too."""
    scene = Scene()
    scene.governor.heard(Attempt("x", "GET", "/companies", 1, NOW, 50, 429))
    scene.governor.heard(Waiting("x", 30, "429, too many requests", 1, NOW + timedelta(seconds=30)))
    hold = scene.governor.hold()
    assert hold is not None
    assert hold.seconds == 30
    assert "Codat asks us to wait" in str(hold.why)
    scene.seconds = 31
    assert scene.governor.hold() is None


@pytest.mark.parametrize(("reserve", "stops_at"), [(0, 0), (100, 100), (0.2, 200)])
def test_the_reserve_of_the_quota_is_not_touched(reserve: float, stops_at: int) -> None:
    """It goes on when the quota starts anew, and says so meanwhile."""
    scene = Scene()
    scene.left(stops_at + 1)
    assert scene.governor.hold(reserve) is None
    scene.left(stops_at)
    hold = scene.governor.hold(reserve)
    assert hold is not None
    assert hold.seconds == pytest.approx(3601)
    assert "quota" in str(hold.why)
    scene.seconds = 3602
    assert scene.governor.hold(reserve) is None


def test_the_last_requests_of_a_quota_go_one_by_one() -> None:
    """Those under way count as used, for their answers have not told yet."""
    scene = Scene()
    scene.left(1)
    scene.governor.begin()
    hold = scene.governor.hold()
    assert hold is not None
    assert hold.seconds is None


def test_an_outage_is_tried_further_and_further_apart() -> None:
    """When nothing but failures come, single requests go out until one is answered."""
    scene = Scene()
    scene.answers(None, OUTAGE)
    pauses = []
    for _ in range(8):
        scene.governor.begin()
        scene.governor.end()
        hold = scene.governor.hold()
        assert hold is not None
        assert hold.seconds is not None
        pauses.append(hold.seconds)
        scene.seconds += hold.seconds + 0.001
        assert scene.governor.hold() is None
        scene.answers(503)
    assert pauses == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60], rel=0.01)
    scene.answers(200)
    assert scene.governor.hold() is None
