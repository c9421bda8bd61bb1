"""The server's time, and every form in which headers write a time."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_notebook.client.clock import ServerClock, header_time

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=90)


@pytest.mark.parametrize(
    "text",
    [
        "90", "90.0", " 90 ", str(int(LATER.timestamp())), str(int(LATER.timestamp() * 1000)), "2026-11-23T12:01:30Z",
        "2026-11-23T12:01:30.0000000Z", "2026-11-23T12:01:30", "2026-11-23T13:01:30+01:00",
        "Mon, 23 Nov 2026 12:01:30 GMT",
    ],
)  # fmt: skip
def test_every_form_is_the_same_moment(text: str) -> None:
    """Seconds, epoch seconds and milliseconds, ISO 8601 with and without zone, HTTP dates."""
    assert header_time(text, NOW) == LATER


@pytest.mark.parametrize("text", [None, "", "soon", "-", "2026-13-45T99:99:99Z", "Mon, 99 Nov 2026", "9" * 400, "1e9"])
def test_nonsense_is_none(text: str | None) -> None:
    """What is no time is no time, and raises nothing."""
    assert header_time(text, NOW) is None


@given(st.text())
def test_no_header_raises(text: str) -> None:
    """Whatever a header holds, it is a moment or None."""
    found = header_time(text, NOW)
    assert found is None or found.tzinfo is not None


class Now:
    """Monotonic seconds by hand."""

    def __init__(self) -> None:
        self.at = 50.0

    def __call__(self) -> float:
        return self.at


def _date(epoch: float) -> dict[str, str]:
    return {"date": format_datetime(datetime.fromtimestamp(int(epoch), UTC), usegmt=True)}


def test_before_the_first_answer_it_is_local_time() -> None:
    """Nothing is known: the local clock serves."""
    clock = ServerClock(Now(), lambda: NOW.timestamp())
    assert (clock.now(), clock.known, clock.speed) == (NOW, False, 1.0)


def test_the_servers_time_is_heard() -> None:
    """Five minutes ahead on the server's side are five minutes ahead here."""
    now = Now()
    clock = ServerClock(now, lambda: NOW.timestamp())
    clock.observe(_date(NOW.timestamp() + 300), now.at - 0.1, now.at)
    assert abs((clock.now() - NOW).total_seconds() - 300) < 1.0


@given(st.lists(st.floats(0.1, 5.0), min_size=3, max_size=12), st.floats(-1e6, 1e6))
def test_several_answers_narrow_it_down(steps: list[float], offset: float) -> None:
    """The true time always lies between the bounds, and at_least never runs ahead of it."""
    now = Now()
    clock = ServerClock(now, lambda: 0.0)
    for step in steps:
        sent = now.at
        now.at += step / 10
        clock.observe(_date(1.7e9 + offset + now.at), sent, now.at)
        now.at += step
        true = 1.7e9 + offset + now.at
        assert clock.at_least().timestamp() <= true + 1e-3
        assert abs(clock.epoch() - true) <= 0.5 + step / 10 + 1e-3


def test_a_fast_server_says_so() -> None:
    """A sandbox's speed makes its seconds shorter for us, and ours longer for it."""
    now = Now()
    clock = ServerClock(now, lambda: 0.0)
    clock.observe({**_date(1.7e9), "x-sandbox-speed": "60"}, now.at, now.at)
    start = clock.now()
    now.at += 1.0
    assert (clock.now() - start).total_seconds() == pytest.approx(60)
    assert clock.real(600.0) == pytest.approx(10)


@pytest.mark.parametrize("speed", ["0", "-1", "nan", "inf", "fast", "1e99"])
def test_an_impossible_speed_is_one(speed: str) -> None:
    """No header makes the client wait for ever or not at all."""
    clock = ServerClock(Now(), lambda: 0.0)
    clock.observe({**_date(1.7e9), "x-sandbox-speed": speed}, 50.0, 50.0)
    assert clock.speed == 1.0


def test_a_server_whose_clock_stands_stops_the_hands_and_not_the_waiting() -> None:
    """A paused sandbox: what people see stands, while what is waited for still has an end."""
    clock = ServerClock(monotonic=lambda: 100.0)
    date = format_datetime(datetime(2026, 11, 23, tzinfo=UTC), usegmt=True)
    for told, rate in (("0", 0.0), ("120", 120.0), (None, 1.0)):
        clock.observe({"date": date, **({"x-sandbox-speed": told} if told else {})}, 99.0, 100.0)
        assert clock.rate == rate
        assert clock.real(60.0) > 0
    assert clock.name != ServerClock().name


def test_a_clock_that_jumps_is_believed_anew() -> None:
    """If an answer contradicts the earlier ones, the latest counts."""
    now = Now()
    clock = ServerClock(now, lambda: 0.0)
    clock.observe(_date(1.7e9), 50.0, 50.0)
    clock.observe(_date(1.8e9), 50.0, 50.0)
    assert abs(clock.epoch() - 1.8e9) <= 1.0


def test_an_answer_without_a_date_changes_nothing() -> None:
    """No Date, or one that is none, leaves the clock as it was."""
    clock = ServerClock(Now(), lambda: 7.0)
    clock.observe({}, 50.0, 50.0)
    clock.observe({"date": "yesterday"}, 50.0, 50.0)
    assert not clock.known


@pytest.mark.parametrize(
    "date", ["Fri, 31 Dec 9999 23:59:59 GMT", "Wed, 01 Jan 1800 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -1200"]
)
def test_a_date_beyond_all_reason_tells_no_time(date: str) -> None:
    """Nor does it raise, then or later."""
    clock = ServerClock(monotonic=lambda: 1e9, wall=lambda: 1e9)
    clock.observe({"date": date}, 1e9, 1e9)
    assert (clock.known, clock.now().year) == (False, 2001)


def test_the_fastest_sandbox_comes_to_no_end_of_time() -> None:
    """At a thousand million seconds a second, ten thousand years are over in minutes."""
    seconds = [0.0]
    clock = ServerClock(monotonic=lambda: seconds[0], wall=lambda: 1e9)
    clock.observe({"date": "Mon, 23 Nov 2026 12:00:00 GMT", "x-sandbox-speed": "999999999"}, 0.0, 0.0)
    seconds[0] = 1e6
    assert clock.now() - timedelta(days=1) < clock.at_least() <= clock.now()
