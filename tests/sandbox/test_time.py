"""Ticks and the clock."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_notebook.sandbox import virtual_time
from codat_notebook.sandbox.virtual_time import Clock

START = datetime(2026, 11, 23, 14, tzinfo=UTC)


@given(st.integers(0, 2**55))
def test_written_times_are_read_back(instant: int) -> None:
    """Writing and reading an instant loses nothing."""
    assert virtual_time.parse_time(virtual_time.to_text(instant)) == instant


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_datetimes_are_kept(moment: datetime) -> None:
    """A datetime survives the way through ticks."""
    assert Clock(moment, speed=0).now() == moment


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-11-23", "2026-11-23T00:00:00Z"),
        ("2026-11-23T14:00", "2026-11-23T14:00:00Z"),
        ("2026-11-23 14:00:00", "2026-11-23T14:00:00Z"),
        ("2026-11-23T14:00:00", "2026-11-23T14:00:00.0000000Z"),
        ("2026-11-23T14:00:00.1", "2026-11-23T14:00:00.1000000Z"),
        ("2026-11-23T16:00:00+02:00", "2026-11-23T14:00:00Z"),
        ("2026-11-23T12:30:00-0130", "2026-11-23T14:00:00Z"),
    ],
)
def test_every_form_of_time_is_read(text: str, same: str) -> None:
    """All forms that Codat's material shows mean what they say."""
    assert virtual_time.parse_time(text) == virtual_time.parse_time(same) is not None


@pytest.mark.parametrize("text", ["", "now", "2026-02-30", "2026-11-23T23:59:99Z", "23/11/2026", "14:00"])
def test_what_is_no_time_is_none(text: str) -> None:
    """Text that is no time gives None."""
    assert virtual_time.parse_time(text) is None


@pytest.mark.parametrize("text", ["", "3", "3 moons", "h", "-1h"])
def test_lengths_of_time_must_be_written_well(text: str) -> None:
    """A length that cannot be read is refused with an example."""
    with pytest.raises(ValueError, match="such as"):
        virtual_time.span(text)


@pytest.mark.parametrize("given", ["36h", "1D 12h", "1d 12h", "1.5D", 129_600, timedelta(hours=36)])
def test_lengths_of_time_are_read_as_everywhere(given: str | float | timedelta) -> None:
    """As the package's one rule reads them; a number is seconds here."""
    assert virtual_time.span(given) == 3 * virtual_time.DAY // 2
    assert virtual_time.span("0h") == 0


def test_the_clock_runs_at_its_speed() -> None:
    """Virtual seconds are real seconds times the speed; changing the speed keeps the instant."""
    real = [100.0]
    clock = Clock(START, speed=60, monotonic=lambda: real[0])
    real[0] += 2
    assert clock.now() == START + timedelta(minutes=2)
    clock.speed = 1
    real[0] += 2
    assert clock.now() == START + timedelta(minutes=2, seconds=2)


def test_the_clock_stands_still_when_paused() -> None:
    """Paused, only advance moves it; resumed, it goes on at the speed it had."""
    real = [100.0]
    clock = Clock(START, speed=60, monotonic=lambda: real[0])
    clock.pause()
    real[0] += 5
    clock.advance("1h")
    assert (clock.now(), clock.speed) == (START + timedelta(hours=1), 0)
    clock.resume()
    real[0] += 1
    assert (clock.now(), clock.speed) == (START + timedelta(hours=1, minutes=1), 60)


def test_time_does_not_run_backwards() -> None:
    """A negative speed or step is refused."""
    clock = Clock(START, speed=0)
    for move in (lambda: clock.advance(-1), lambda: setattr(clock, "speed", -1), lambda: Clock(START, speed=-1)):
        with pytest.raises(ValueError, match="backwards"):
            move()


def test_time_has_an_end() -> None:
    """Neither a speed nor a step leads beyond what can be written."""
    clock = Clock(START, speed=0)
    with pytest.raises(ValueError, match="limit"):
        clock.speed = float("inf")
    with pytest.raises(ValueError, match="9000"):
        clock.advance(timedelta(weeks=400_000))
    assert clock.now() == START
