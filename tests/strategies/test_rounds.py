"""A round of a strategy, simulated and live, and the limits that no strategy can break."""

import doctest
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_notebook.strategies import Portfolio, every, oldest, optimal, rounds, simulate
from codat_notebook.strategies.budget import Budget, Following
from codat_notebook.strategies.cell_table import Columns, table
from codat_notebook.strategies.rounds import Limits, Rounds, choose, plan_round


@given(data=st.data())
def test_no_priorities_break_a_limit(data: st.DataObject) -> None:
    """Whatever is wanted: only eligible cells, each once, within the budget; best first."""
    rows = data.draw(st.integers(1, 40))

    def column(values: st.SearchStrategy[Any]) -> Any:
        return np.array(data.draw(st.lists(values, min_size=rows, max_size=rows)))

    priority = column(st.floats(allow_nan=True, allow_infinity=True))
    eligible, cost = column(st.booleans()), column(st.sampled_from([0.5, 1.0, 3.0]))
    budget = data.draw(st.floats(0, 30))
    rows_chosen = choose(priority, eligible, cost, budget)
    assert eligible[rows_chosen].all()
    assert (priority[rows_chosen] > 0).all()
    assert len(set(rows_chosen.tolist())) == len(rows_chosen)
    assert cost[rows_chosen].sum() <= budget * (1 + 1e-6)
    assert (priority[rows_chosen][:-1] >= priority[rows_chosen][1:]).all()


@pytest.mark.parametrize("digits", [1, 15], ids=["with equals", "all different"])
def test_many_cells_are_chosen_in_the_same_order_as_few(digits: int) -> None:
    """The highest first and of equals the first row, however they are sorted."""
    priority = np.random.default_rng(3).random(5_000).round(digits) + 0.05
    chosen = choose(priority, np.ones(5_000, bool), np.ones(5_000), 2_000)
    assert chosen.tolist() == sorted(range(5_000), key=lambda row: (-priority[row], row))[:2_000]


def test_a_dear_cell_is_saved_up_for() -> None:
    """What the budget does not pay yet ends the round; cheaper cells below do not eat the savings."""
    arguments = (np.array([9.0, 1.0]), np.ones(2, bool), np.array([5.0, 1.0]))
    assert choose(*arguments, 4.0).tolist() == []
    assert choose(*arguments, 5.0).tolist() == [0]


def test_what_is_cheap_is_not_had_for_nothing() -> None:
    """A budget is spent to a billionth of itself, however small the prices are."""
    cost = np.full(50, 1e-10)
    assert len(choose(np.ones(50), np.ones(50, bool), cost, 20e-10)) == 20


@pytest.mark.parametrize("unit", ["refreshes", "GBP", "requests"])
@pytest.mark.parametrize("age", [1.0, 12.0, np.inf])
def test_who_is_not_asked_about_would_not_be_chosen(unit: str, age: float) -> None:
    """The built-in strategy is asked about few of many cells, and its choice is the one that it makes of all."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({
        "true_rate": rng.gamma(0.5, 2, 2_000).round(2), "weight": rng.integers(0, 4, 2_000), "age": age, "latency": 0.1,
        "price": rng.integers(1, 4, 2_000), "failure_rate": 0.1, "company": np.arange(2_000) // 9,
    })  # fmt: skip
    budget = Budget.of(f"{9_000 if unit == 'requests' else 400} {unit}/day")
    best = optimal()
    asked = list[int]()

    def counted(cells: Columns, **arguments: Any) -> Any:
        asked.append(len(cells.age))
        return best.function(cells, **arguments)

    portfolio = Portfolio.from_frame(frame.astype({"company": "string"}).assign(age=frame["age"] * rng.random(2_000)))
    few, many = (
        simulate(strategy, portfolio, days=20, budget=budget, limits=Limits(keep_alive="6D"))
        for strategy in (replace(best, function=counted), replace(best, due=None))
    )
    pd.testing.assert_frame_equal(few.cells, many.cells, check_exact=True)
    assert min(asked) < 500


def test_back_off_grows_and_ends() -> None:
    """Fetch errors wait 15 minutes, doubling to 12 hours; what nobody knows waits, too."""
    assert doctest.testmod(rounds).failed == 0
    assert rounds.back_off("FetchError", 10_000) == 0.5
    assert 0 < rounds.back_off("NewError", 1) < rounds.back_off("NewError", 2) <= 1
    assert rounds.back_off("AuthError", 1) >= 1


@pytest.mark.parametrize(
    ("kind", "hours"),
    [
        ("FetchError", [0.25, 0.5, 1, 2, 4, 8, 12, 12]),
        ("RateLimitError", [4, 8, 16, 24, 24]),
        ("Cancelled", [1 / 60, 2 / 60, 4 / 60]),
        ("PermissionsError", [72, 72, 72]),
        ("ValidationError", [72, 72]),
        ("NewError", [1, 2, 4, 8, 16, 24, 24]),
    ],
)
def test_each_failure_waits_in_its_own_way(kind: str, hours: list[float]) -> None:
    """A platform's limit needs hours, what a person has to mend needs days."""
    waits = [24 * rounds.back_off(kind, failures) for failures in range(1, len(hours) + 1)]
    assert waits == pytest.approx(hours)


@pytest.mark.parametrize("options", [{"reserve": 1.0}, {"saved": 0}, {"keep_alive": 0}])
def test_limits_that_let_nothing_through_are_refused(options: Any) -> None:
    """A reserve of everything, or a limit of nothing, is a mistake."""
    with pytest.raises(ValueError, match=r"limits:|an interval"):
        Limits(**options)


@pytest.mark.parametrize("strategy", [oldest(), every("2D"), optimal(), lambda cells: cells.age * 0], ids=range(4))
@pytest.mark.parametrize("limits", [Limits(), Limits(reserve=0.5), Limits(keep_alive=None)], ids=str)
@pytest.mark.parametrize("budget", ["0 refreshes/day", "1 refresh/day", "2 refreshes/day", "9 refreshes/day"])
def test_a_simulated_and_a_real_round_are_one(strategy: Any, limits: Limits, budget: str) -> None:
    """The same cells are refreshed: within the budget and its reserve, connections kept alive, failures left alone."""
    start = pd.Timestamp("2026-01-05", tz="UTC")
    cells = table(
        {
            "company": list("aabbc"), "connection": list("xxyyz"), "data_type": ["bills", "items"] * 2 + ["bills"],
            "age": [1.0, 5.0, 24.0, 24.5, np.inf], "rate": 1.0, "failures": [0, 1, 0, 0, 0],
            "retry_at": [None, start + pd.Timedelta(days=2), None, None, None],
        }
    )  # fmt: skip
    simulated = simulate(strategy, Portfolio.from_frame(cells), days=1, tick="1D", budget=budget, limits=limits)
    real = cells.assign(name="Toft", obstacle=None, rate_from="given", price=np.nan, latency=0.0)
    plan = plan_round(strategy, real, Budget.of(budget), 1.0, limits, start).plan
    queued = plan[plan["action"] == "queue"]
    begun = simulated.cells[simulated.cells["refreshes"] > 0]
    keys = ("connection", "data_type"), ("connection_id", "data_type")
    assert sorted(zip(*(begun[key].astype(str) for key in keys[0]), strict=True)) == sorted(
        zip(*(queued[key].astype(str) for key in keys[1]), strict=True)
    )
    assert simulated.metrics["spent"] == queued["cost"].sum() <= Budget.of(budget).a_day * (1 - limits.reserve)


def test_what_a_round_leaves_is_carried_to_the_next() -> None:
    """Up to what may be saved up, or the dearest cell costs, beside what comes in anew."""
    cost = np.array([3.0, 0.5])
    following = Following(np.arange(2), np.zeros(2))
    rounds = Rounds(oldest(), Budget(1.0, "GBP"), Limits(saved="2D"), following, cost, reading=2.0)
    columns = Columns.of(table({"company": ["a", "b"], "age": [9.0, 1.0], "cost": cost}))
    begun = []
    for _ in range(4):
        rounds.earn(1.0)
        begun.append(rounds.next(columns, np.ones(2, dtype=bool)).rows.tolist())
    assert begun == [[], [], [0], []]
    assert (rounds.credit, rounds.spent) == (1.0, 3.0)
    rounds.earn(30.0)
    assert rounds.credit == 31.0
    rounds.earn(1.0)
    assert rounds.credit == 4.0
