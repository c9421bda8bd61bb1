"""When to look again."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_notebook.runs import polling


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("Paused until 2026-11-23T14:05:00Z", datetime(2026, 11, 23, 14, 5, tzinfo=UTC)),
        ("Fetching. PAUSED UNTIL 2026-11-23 14:05:30, then on", datetime(2026, 11, 23, 14, 5, 30, tzinfo=UTC)),
        ("Paused until 2026-13-45 99:99", None),
        ("Paused until further notice", None),
        ("", None),
        (None, None),
    ],
)
def test_the_time_of_a_pause_is_read_from_the_text(text: str | None, until: datetime | None) -> None:
    """Codat tells a pause in words only; what cannot be read is no time."""
    assert polling.paused_until(text) == until


@given(ages=st.lists(st.floats(0, 1e9), min_size=1), paused=st.lists(st.floats(0, 1e9)))
def test_a_look_comes_within_bounds(ages: list[float], paused: list[float]) -> None:
    """The next look is never sooner than SOONEST and never later than LATEST while something runs."""
    assert polling.SOONEST <= polling.next_look(ages, paused) <= polling.LATEST


def test_the_end_of_an_operation_is_seen_at_most_a_fifth_of_its_duration_late() -> None:
    """Looks at growing distances: 300 s of running cost few requests and little delay."""
    age, looks = 0.0, 0
    while age < 300:
        age += polling.next_look([age])
        looks += 1
    assert looks < 30
    assert age - 300 < 60


@given(tracked=st.integers(0, 100_000))
def test_a_page_holds_all_that_is_tracked_as_far_as_codat_allows(tracked: int) -> None:
    """The newest page has room for the tracked operations and others, up to Codat's largest page."""
    assert min(tracked, 5000) <= polling.page_size(tracked) <= 5000
