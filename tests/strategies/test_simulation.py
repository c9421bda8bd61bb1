"""Running strategies on a virtual clock: scores, limits, what is visible, what repeats."""

import doctest
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codat_notebook.strategies import comparison, simulation
from codat_notebook.strategies import policies as p
from codat_notebook.strategies.cell_table import CELLS, StrategyError, table
from codat_notebook.strategies.portfolio import Portfolio
from codat_notebook.strategies.rounds import Limits
from codat_notebook.strategies.simulation import simulate

from .closed_forms import allocate

FREE = Limits(keep_alive=None)


def reference(cells: int = 400, seed: int = 1, believed: Any = "known") -> Portfolio:
    """Rates Gamma(0.5, 2), weights Pareto(1.5), read as an optimal strategy would have; half a refresh per cell and day
    is the budget that goes with it."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"true_rate": rng.gamma(0.5, 2, cells), "weight": rng.pareto(1.5, cells) + 1})
    frequency = allocate(frame["true_rate"], cells / 2, frame["weight"]).frequency
    with np.errstate(divide="ignore"):
        frame["age"] = np.where(frequency > 0, rng.random(cells) / frequency, np.inf)
    return Portfolio.from_frame(frame).believing(believed)


@pytest.mark.parametrize("module", [comparison, simulation], ids=lambda module: module.__name__)
def test_the_examples_in_the_docstrings_hold(module: ModuleType) -> None:
    """What the docstrings show is what comes out."""
    assert doctest.testmod(module).failed == 0


def test_strategies_come_out_in_the_known_order() -> None:
    """On a small reference portfolio: optimal nearly reaches the bound, the naive ones stay far below."""
    options: dict[str, Any] = {"days": 24, "budget": "200 refreshes/day", "tick": "15min", "limits": FREE}
    plans = [p.optimal(max_age=None), p.optimal(), p.optimal("since_sync", max_age=None), p.oldest()]
    ratios = [simulate(plan, reference(), **options).ratio for plan in plans]
    assert ratios[0] >= 0.995
    assert ratios[1] >= 0.99
    assert sorted(ratios, reverse=True) == ratios
    assert ratios[-1] < 0.9


def test_learning_is_better_than_one_rate_for_all() -> None:
    """Rates learned from one bit per refresh beat the same strategy that believes in the mean rate."""
    options: dict[str, Any] = {"days": 60, "budget": "200 refreshes/day", "limits": FREE}
    same = simulate(p.optimal(), reference(believed=1.0), **options).ratio
    learned = simulate(p.learn(prior=(0.5, 0.5)), reference(believed=np.nan), **options).ratio
    known = simulate(p.optimal(), reference(), **options).ratio
    assert same + 0.015 < learned < known


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), budget=st.floats(0.5, 80), age=st.sampled_from([0.0, 1.0, np.inf]), data=st.data())
def test_the_ratio_never_exceeds_one(seed: int, budget: float, age: float, data: st.DataObject) -> None:
    """With any strategy, latency and failures; the budget is never exceeded either."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"true_rate": rng.gamma(0.5, 2, 30), "age": age, "latency": 0.01, "failure_rate": 0.1})
    strategy = data.draw(st.sampled_from([p.optimal(), p.oldest(), p.every("1D"), p.learn()]))
    found = simulate(strategy, frame, days=6, budget=f"{budget:.3f} refreshes/day", tick="2h", seed=seed)
    assert found.ratio <= 1
    assert found.metrics["spent"] <= budget * 6 + 1e-2


def test_the_ratio_is_not_rounded_above_one() -> None:
    """Without a budget nobody can do better than nothing, and nothing is all of it: 1, not the next number."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rates, weights = 10 ** rng.uniform(-4, 5, 7), 10 ** rng.uniform(-9, 9, 7)
        frame = pd.DataFrame({"true_rate": rates, "weight": weights, "age": 0.3})
        assert simulate(p.oldest(), frame, days=3, budget="0 refreshes/day", seed=seed).ratio <= 1


def test_a_schedule_has_the_freshness_of_the_formula() -> None:
    """Every cell once a day, without latency: (1 - e^-x) / x, up to the tick; the score has no noise."""
    frame = pd.DataFrame({"true_rate": [0.5, 1.0, 3.0], "age": 0.999})
    found = simulate(p.every("23h"), frame, days=50, budget="72 refreshes/day")
    for rate, freshness in zip(frame["true_rate"], found.cells["freshness"], strict=True):
        x = rate * 23 / 24
        assert freshness == pytest.approx((1 - np.exp(-x)) / x, abs=0.005)
    assert found.metrics["refreshes"] == pytest.approx(3 * 50 * 24 / 23, abs=6)


def test_the_hidden_rates_do_not_leak() -> None:
    """Permuting the truth changes no priority that is given for what is visible, in any tick."""
    seen: list[list[bytes]] = [[], []]
    for run, order in enumerate(([0, 1, 2, 3], [3, 2, 1, 0])):
        truth = np.array([0.1, 1.0, 5.0, 20.0])[order]
        portfolio = Portfolio.from_frame(
            pd.DataFrame({"true_rate": truth, "rate": 1.0, "weight": [1, 2, 3, 4], "age": 1.0}), observed=False
        )

        def strategy(cells: pd.DataFrame, now: Any, run: int = run) -> Any:
            priority = p.learn()(cells, now) + cells.weight / 1e6
            seen[run].append(pd.util.hash_pandas_object(cells.assign(priority=priority)).to_numpy().tobytes())
            return priority

        simulate(strategy, portfolio, days=2, budget="6 refreshes/day")
    assert seen[0] == seen[1]
    assert len(seen[0]) == 48


def test_functions_and_policies_see_the_same_cells() -> None:
    """A function of the table and the built-in strategy on arrays refresh the same cells at the same times."""
    portfolio = Portfolio.synthetic(6, data_types=["invoices", "bills", "banking-transactions"], rates="known")
    built_in = p.optimal()

    def function(cells: pd.DataFrame) -> Any:
        assert list(cells) == list(CELLS)
        assert cells.dtypes.map(str).equals(table({}).dtypes.map(str))
        priority = built_in(cells)
        cells["age"] = 0.0  # its own copy: this changes nothing outside
        return priority

    options: dict[str, Any] = {"days": 3, "budget": "10 refreshes/day", "seed": 4}
    one, other = simulate(function, portfolio, **options), simulate(built_in, portfolio, **options)
    pd.testing.assert_frame_equal(one.cells, other.cells)
    pd.testing.assert_series_equal(pd.Series(one.metrics), pd.Series(other.metrics))


def test_a_table_that_a_strategy_keeps_stays_as_it_was() -> None:
    """Also in the columns that were not read while it was asked."""
    copied: list[pd.DataFrame] = []
    kept: list[pd.DataFrame] = []
    for whole, rows in ((True, copied), (False, kept)):

        def strategy(cells: pd.DataFrame, whole: bool = whole, rows: list[pd.DataFrame] = rows) -> Any:
            rows.append(cells.copy() if whole else cells)
            return cells.age

        simulate(strategy, Portfolio.synthetic(3, seed=1), days=2, budget="50 refreshes/day")
    assert len(copied) == 48
    for one, other in zip(copied, kept, strict=True):
        pd.testing.assert_frame_equal(pd.DataFrame(other), one)


def test_the_engine_holds_the_limits() -> None:
    """Cells that are not linked or supported are left alone; no cell twice at a time; the reserve is kept."""
    frame = pd.DataFrame({
        "company": ["a"] * 3 + ["b"], "connection_status": ["Linked", "Deauthorized", "Linked", "Linked"],
        "status": [None, None, "NotSupported", None], "true_rate": 1.0, "latency": 0.2,
    })  # fmt: skip
    found = simulate(lambda cells: [1] * 4, frame, days=10, budget="100 refreshes/day")
    assert (found.cells["refreshes"] > 0).tolist() == [True, False, False, True]
    assert found.cells["refreshes"].max() < 10 / 0.1
    kept = simulate(p.oldest(), frame, days=10, budget="10 refreshes/day", limits=Limits(reserve=0.5))
    assert kept.metrics["spent"] <= 50


@settings(max_examples=6)
@given(seed=st.integers(0, 2**32 - 1), budget=st.sampled_from([3, 20, 400]))
def test_a_strategy_that_tries_breaks_no_limit(seed: int, budget: int) -> None:
    """Whatever it wants, and at whatever priority: what failed waits, and what was spent stays within."""
    rng, frame = np.random.default_rng(seed), pd.DataFrame({
        "company": np.repeat(["a", "b", "c"], 6), "connection_status": ["Linked"] * 16 + ["Unlinked"] * 2,
        "status": ["Complete"] * 14 + ["NotSupported"] * 4, "true_rate": 1.0, "latency": 0.3, "failure_rate": 0.3,
        "platform": "Xero", "age": 1.0,
    })  # fmt: skip
    waited = [True]

    def greedy(cells: pd.DataFrame, now: pd.Timestamp) -> Any:
        failed = cells["last_error"].notna() & ~cells["in_progress"]
        waited.append(bool((cells["retry_at"].isna() | (cells["retry_at"] > now))[failed].all()))
        return rng.choice([np.inf, -np.inf, np.nan, 1e300, 1.0, 1e-300], len(cells))

    limits = Limits(reserve=0.25, keep_alive=None)
    found = simulate(greedy, frame, days=3, budget=f"{budget} refreshes/day", tick="2h", limits=limits, seed=seed)
    assert all(waited)
    assert found.metrics["spent"] <= 0.75 * budget * 3 + 1e-6
    assert found.cells["refreshes"].tolist()[14:] == [0] * 4


@pytest.mark.parametrize("given", [{"in_progress": True}, {"status": "Fetching"}], ids=["flag", "status"])
def test_what_is_on_its_way_at_the_start_ends_and_is_not_begun_again(given: dict[str, Any]) -> None:
    """It shows as in progress until it ends, then as read at the start; it costs nothing and is nobody's refresh."""
    frame, seen = pd.DataFrame({"age": [9.0], "latency": 0.3, "true_rate": 1.0, **given}), []

    def watch(cells: pd.DataFrame) -> Any:
        seen.append((bool(cells["in_progress"][0]), round(float(cells["age"][0]), 9)))
        return [1.0 if cells["in_progress"][0] else 0.0]

    found = simulate(watch, frame, days=4, budget="0.01 refreshes/day", tick="12h")
    assert seen[0] == (True, 9.0)
    assert seen[-1] == (False, 3.5)
    assert found.metrics["refreshes"] == found.metrics["spent"] == 0
    assert found.ratio <= 1


def test_failures_keep_a_cell_away() -> None:
    """After failures a cell waits, longer each time; a strategy that insists gets no more."""
    frame = pd.DataFrame({"true_rate": [1.0], "failure_rate": [0.999], "platform": ["Unheard of"]})
    found = simulate(lambda cells: [1], frame, days=10, budget="24 refreshes/day")
    assert 10 <= found.metrics["failures"] <= 2 * 10 + 6
    assert found.metrics["never_synced"] == 1


def test_more_budget_is_never_worse() -> None:
    """Failures are a state in time: who looks more often finds them sooner, and does not make them."""
    portfolio = Portfolio.synthetic(8, seed=2)
    budgets = [f"{each * len(portfolio)} refreshes/day" for each in (0.25, 1, 4, 16)]
    fresh = [simulate(p.optimal(), portfolio, days=14, budget=budget).metrics["freshness"] for budget in budgets]
    assert fresh == sorted(fresh)
    assert fresh[-1] > 0.9


def test_nobody_starves_who_was_believed_to_be_hopeless() -> None:
    """Half of the cells are believed to change too fast to be kept fresh, and hardly change: learning finds out."""
    frame = pd.DataFrame({"true_rate": [0.05] * 100 + [1.0] * 100, "rate": [3.0] * 100 + [1.0] * 100, "age": 3.0})
    trap = Portfolio.from_frame(frame)
    for budget, least in ((10, 1.0), (40, 0.95), (100, 0.95)):
        options: dict[str, Any] = {"days": 180, "budget": f"{budget} refreshes/day", "tick": "1D", "limits": FREE}
        robin = simulate(p.oldest(), trap, **options).metrics["freshness"]
        known = simulate(p.optimal(max_age=None), trap.believing("known"), **options).metrics["freshness"]
        learned = simulate(p.learn(), trap, **options)
        assert learned.metrics["never_refreshed"] == 0
        curious = simulate(p.learn(p.optimal(max_age=None)), trap, **options).metrics["freshness"]
        assert curious >= 0.8 * known  # by the mean rate alone it would be a quarter
        assert learned.metrics["freshness"] >= least * (robin if budget == 10 else max(robin, known))


def test_neglected_connections_are_kept_alive() -> None:
    """A strategy that wants nothing still has each connection read before 25 days are over, once."""
    frame = pd.DataFrame({"company": "a", "connection": ["x", "x", "y"], "age": [20.0, 24.0, 0.0], "true_rate": 1.0})
    found = simulate(lambda cells: [0, 0, 0], frame, days=22, budget="5 refreshes/day")
    assert found.cells["refreshes"].tolist() == [1, 0, 0]
    assert found.metrics["keep_alive_violations"] == 0
    left = simulate(lambda cells: [0, 0, 0], frame, days=22, budget="5 refreshes/day", limits=FREE)
    assert left.metrics["keep_alive_violations"] == 1


def test_a_strategy_that_spends_all_each_hour_lets_no_connection_die() -> None:
    """Connections that all need a read in the same days get it, though each hour has budget for but a few."""
    cells = 200
    frame = pd.DataFrame({"company": [f"c{row}" for row in range(cells)], "age": 20.0, "true_rate": 1.0})
    favourites = p.where({"company": [f"c{row}" for row in range(20)]}, p.oldest())
    kept = simulate(favourites, frame, days=20, budget="120 refreshes/day")
    assert kept.metrics["keep_alive_violations"] == 0
    assert (kept.cells["refreshes"][20:] == 1).all()


def test_money_and_requests() -> None:
    """The unit of the budget says what a refresh costs; without prices there is no budget in money."""
    frame = pd.DataFrame({"true_rate": [1.0, 1.0], "price": [0.5, 2.0]})
    assert simulate(p.oldest(), frame, days=10, budget="5 GBP/day").metrics["spent"] == pytest.approx(50, abs=2.5)
    assert simulate(p.oldest(), frame, days=10, budget="78 requests/day").metrics["refreshes"] == 20
    with pytest.raises(ValueError, match=r"A budget in GBP needs portfolio\.priced"):
        simulate(p.oldest(), frame.drop(columns="price"), budget="5 GBP/day")


def test_a_result_has_one_row_a_day_and_a_row_a_cell() -> None:
    """The days' freshness has the result's as its mean, what was spent adds up, and assumed rates are marked."""
    portfolio = Portfolio.synthetic(4, data_types=["invoices"], rates="unknown")
    found = simulate(p.optimal(), portfolio, days=12, budget="3 refreshes/day")
    assert len(found.timeline) == 12
    assert found.timeline["freshness"].mean() == pytest.approx(found.metrics["freshness"])
    assert found.timeline["spent"].sum() == pytest.approx(found.metrics["spent"])
    assert found.cells["rate_assumed"].all()
    assert found.metrics["rates_assumed"] == 1
    assert set(found.metrics) == {name for name, _ in found.METRICS}
    assert "of what is possible" in repr(found)


def test_the_same_seed_gives_the_same_result() -> None:
    """Also for a strategy that remembers: each simulation starts with a fresh one."""
    portfolio, learner = Portfolio.synthetic(5, seed=2, data_types=["invoices"]), p.learn()
    runs = [simulate(learner, portfolio, days=20, budget="3 refreshes/day", seed=s).metrics for s in (1, 1, 2)]
    assert str(runs[0]) == str(runs[1]) != str(runs[2])  # as text, for what is missing is not equal to itself
    assert isinstance(p.fresh(learner), p.Policy)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"days": 0.5}, "one whole day"),
        ({"days": float("nan")}, "one whole day"),
        ({"tick": "2D"}, "a tick is between"),
        ({"tick": "often"}, 'such as "7D" or "36h", not \'often\''),
        (
            {"portfolio": pd.DataFrame({"rate": [-1.0], "true_rate": 1.0})},
            "rate: expected a finite number >= 0 for each cell, but row 0 is -1.0",
        ),
        ({"budget": "lots"}, "was not understood"),
        ({"days": 10**400}, "at most 36,525 days"),
        ({"goal": 10**400}, "an interval of so many days is no interval"),
        ({"budget": f"{10**400} refreshes/day"}, "is more than anybody has"),
        ({"portfolio": pd.DataFrame({"age": []})}, "at least one cell"),
        (
            {"portfolio": pd.DataFrame({"true_rate": [-1.0]})},
            "true_rate: expected a finite number >= 0 for each cell, but",
        ),
        ({"portfolio": pd.DataFrame({"failure_rate": [1.0]})}, "failure_rate: expected a number from 0 to below 1"),
        ({"portfolio": pd.DataFrame({"colour": [1.0]})}, "a portfolio has no column colour"),
        ({"portfolio": [1, 2]}, "a DataFrame with a row per cell, not of list"),
        ({"strategy": lambda cells: [1, 2]}, "gave 2 priorities for 1 cells"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: Any, message: str) -> None:
    """Before anything runs, or in the first tick, in words that help."""
    usual: dict[str, Any] = {"strategy": p.oldest(), "portfolio": pd.DataFrame({"age": [1.0]}), "days": 1}
    with pytest.raises(ValueError, match=message) as caught:
        simulate(**{**usual, **arguments})
    assert isinstance(caught.value, StrategyError) == ("strategy" in arguments)
