"""What is counted beside freshness."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from codat_notebook.strategies import Limits, before, every, oldest, simulate

FREE = Limits(keep_alive=None)


def nothing(cells: pd.DataFrame) -> Any:
    """A strategy that wants nothing."""
    return np.zeros(len(cells))


def test_ages_are_averages_over_the_time() -> None:
    """Read at each midnight, a copy is half a day old on average, and never older than a day."""
    frame = pd.DataFrame({"true_rate": [1.0, 4.0], "age": 1.0})
    metrics = simulate(every("1D"), frame, days=20, tick="6h", budget="99 refreshes/day", goal="6h").metrics
    assert metrics["age_mean"] == pytest.approx(0.5)
    assert metrics["age_max"] == pytest.approx(1.0)
    assert metrics["within_goal"] == pytest.approx(0.25)
    assert metrics["missed"] == pytest.approx(0.5 * (1 + 4) / 2)
    assert metrics["age_p95"] == pytest.approx(0.5, abs=0.05)


def test_who_queues_nothing_is_told() -> None:
    """A strategy that wants nothing does not just look bad."""
    frame = pd.DataFrame({"true_rate": [1.0], "age": 1.0})
    assert "it queued nothing" in repr(simulate(nothing, frame, days=1, limits=FREE))
    assert "it queued nothing" not in repr(simulate(oldest(), frame, days=1, limits=FREE))


def test_the_calendar_is_the_users() -> None:
    """A rule for the end of the month fires where the simulation passes one."""
    frame = pd.DataFrame({"true_rate": [1.0], "age": 1.0})

    def month_end(cells: pd.DataFrame, now: pd.Timestamp) -> Any:
        return [float(now.is_month_end)]

    options: dict[str, Any] = {"days": 14, "tick": "1D", "limits": FREE}
    assert simulate(month_end, frame, **options).metrics["refreshes"] == 0
    late = simulate(month_end, frame, start="2026-01-25", **options)
    assert late.metrics["refreshes"] == 1
    assert late.timeline["time"].iloc[0] == pd.Timestamp("2026-01-25", tz="UTC")


def test_deadlines_count_the_copy_held_at_that_moment() -> None:
    """A refresh that lands between two ticks counts from its end on, not before; what is due after the end does not."""
    start = pd.Timestamp("2026-01-05T00:00:00Z")
    due = [start + pd.Timedelta(seconds=36), start + pd.Timedelta(hours=6), start + pd.Timedelta(days=9)]
    frame = pd.DataFrame({"true_rate": 1.0, "age": 5.0, "latency": 0.01, "due": due})
    options: dict[str, Any] = {"days": 4, "tick": "1D", "goal": "1D", "limits": FREE}
    assert simulate(oldest(), frame, **options).metrics["deadlines_met"] == 0.5
    assert simulate(nothing, frame, **options).metrics["deadlines_met"] == 0.0
    assert np.isnan(simulate(oldest(), frame.drop(columns="due"), **options).metrics["deadlines_met"])


def test_a_daily_deadline_is_met_by_the_strategy_that_knows_it() -> None:
    """Read in the hours before seven each day, every cell is fresh at seven; once a week it is on one day in seven."""
    frame = pd.DataFrame({"true_rate": 1.0, "age": 3.0, "data_type": ["bills", "invoices"]})
    options: dict[str, Any] = {"days": 14, "budget": "10 refreshes/day", "goal": "8h", "deadline": "07:00"}
    assert simulate(before("07:00", within="6h"), frame, **options).metrics["deadlines_met"] == 1.0
    assert simulate(every("7D"), frame, **options).metrics["deadlines_met"] <= 2 / 14
    with pytest.raises(ValueError, match='a time of day such as "07:00"'):
        simulate(nothing, frame, days=1, deadline="at seven")


@pytest.mark.parametrize("deadline", ["00:00", "07:00", "16:20", "23:59:50"])
@pytest.mark.parametrize("tick", ["15min", "2h", "1D"])
def test_each_day_has_one_deadline(deadline: str, tick: str) -> None:
    """Also where it falls on a round, or on the end of the last day."""
    frame = pd.DataFrame({"true_rate": 1.0, "age": [9.0], "latency": 0.0})
    found = simulate(every("1D"), frame, days=40, budget="10 refreshes/day", deadline=deadline, tick=tick, goal="40D")
    assert found.metrics["deadlines_met"] == 1.0
    late = simulate(nothing, frame, days=40, tick=tick, deadline=deadline, goal="29D", limits=FREE)
    assert late.metrics["deadlines_met"] == 0.5


def test_apart_is_the_span_of_a_report() -> None:
    """Oldest to newest copy of a company's report; a report with a cell that was never read says nothing."""
    frame = pd.DataFrame({
        "company": ["a", "a", "a", "b", "b"],
        "data_type": ["bills", "suppliers", "taxRates", "bills", "suppliers"],
        "age": [1.0, 4.5, 90.0, 2.0, np.inf],
    })  # fmt: skip
    assert simulate(nothing, frame, days=2, limits=FREE).metrics["apart"] == pytest.approx(3.5)
    assert np.isnan(simulate(nothing, frame.iloc[2:], days=2, limits=FREE).metrics["apart"])


def test_keep_alive_counts_linked_connections_that_were_left_alone() -> None:
    """One read anywhere keeps a connection; those that are not linked or only just new do not count."""
    frame = pd.DataFrame({
        "connection": ["w", "w", "x", "y", "z"], "age": [26.0, 3.0, 24.5, 90.0, np.inf], "company": "a",
        "connection_status": ["Linked", "Linked", "Linked", "Deauthorized", "Linked"],
    })  # fmt: skip
    assert simulate(nothing, frame, days=1, limits=FREE).metrics["keep_alive_violations"] == 1
    assert simulate(nothing, frame, days=26, limits=FREE).metrics["keep_alive_violations"] == 3


def test_requests_money_and_quota() -> None:
    """One request queues, the others read the two companies and follow; prices are the platform's; the quota grows with
    the companies."""
    frame = pd.DataFrame({"company": ["a", "b"], "true_rate": 1.0, "platform": ["Xero", "Sage"]})
    metrics = simulate(every("1D"), frame.assign(price=[0.5, 2.0]), days=10, budget="99 refreshes/day").metrics
    assert metrics["requests_queueing"] == metrics["refreshes"] == 20
    assert metrics["requests_following"] == 20 * 2
    assert metrics["requests_reading"] == 240 * 3  # two companies, and their list, each hour
    assert metrics["share_of_quota"] == pytest.approx(780 / 10 / 3000)
    assert metrics["money"] == pytest.approx(10 * 0.5 + 10 * 2.0)
    assert np.isnan(simulate(every("1D"), frame, days=1).metrics["money"])
