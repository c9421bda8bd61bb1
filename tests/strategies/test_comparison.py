"""Strategies x seeds, on any executor."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_all_start_methods, get_context
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from codat_notebook.strategies import (
    Limits,
    Portfolio,
    Result,
    compare,
    every,
    first,
    learn,
    oldest,
    optimal,
    simulate,
)  # fmt: skip

PORTFOLIO = Portfolio.synthetic(3, data_types=["invoices", "bills"])
OPTIONS: dict[str, Any] = {"days": 4, "budget": "3 refreshes/day", "tick": "6h"}


def test_a_tidy_frame() -> None:
    """One row per strategy and seed in the order given, the metrics in theirs, with fixed types."""
    frame = compare({"weekly": every("7D"), "best": optimal()}, PORTFOLIO, seeds=[5, 3], **OPTIONS)
    assert list(zip(frame["strategy"], frame["seed"], strict=True)) == [
        ("weekly", 5), ("weekly", 3), ("best", 5), ("best", 3),
    ]  # fmt: skip
    assert list(frame) == ["strategy", "budget", "seed", *(name for name, _ in Result.METRICS), "error"]
    dtypes = ["string", "string", "int64", "float64", "string"]
    assert [str(dtype) for dtype in frame.dtypes.iloc[[0, 1, 2, 3, -1]]] == dtypes
    assert frame["error"].isna().all()


def test_all_executors_agree() -> None:
    """Here, in threads and in other processes the same seeds give the same frame; built-in strategies travel."""
    plans = {"a": first(every("2D"), optimal()), "b": learn()}
    here = compare(plans, PORTFOLIO, seeds=2, **OPTIONS)
    with ThreadPoolExecutor(2) as threads:
        pd.testing.assert_frame_equal(here, compare(plans, PORTFOLIO, seeds=2, executor=threads, **OPTIONS))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        pd.testing.assert_frame_equal(here, compare(plans, PORTFOLIO, seeds=2, executor=processes, **OPTIONS))


class Counting:
    """A strategy that remembers: it wants everything in its first round, and nothing ever after."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, cells: pd.DataFrame) -> Any:
        self.asked += 1
        return cells["age"] * (self.asked == 1)

    def fresh(self) -> "Counting":
        """Another one, remembering nothing."""
        return Counting()


def test_what_a_strategy_remembers_is_its_own() -> None:
    """Each task begins with the strategy as it was given, on every executor; a class is made anew."""
    namespace: dict[str, Any] = {}
    exec("seen = []\ndef mine(cells):\n    seen.append(1)\n    return cells.age * (len(seen) == 1)", namespace)
    plans = {"made": Counting(), "class": Counting, "function": namespace["mine"]}
    options = {**OPTIONS, "budget": "24 refreshes/day", "limits": Limits(keep_alive=None)}
    here = compare(plans, PORTFOLIO, seeds=3, **options)
    assert here["error"].isna().all()
    assert set(here["refreshes"]) == {6.0}
    assert plans["made"].asked == 0
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        pd.testing.assert_frame_equal(here, compare(plans, PORTFOLIO, seeds=3, executor=processes, **options))
    used = Counting()
    assert [simulate(used, PORTFOLIO, **options).metrics["refreshes"] for _ in range(2)] == [6.0, 6.0]


def test_the_number_of_threads_changes_no_digit() -> None:
    """Executors give their workers other numbers of threads (dask: one); many cells are added up alike all the same."""
    code = (
        "import pandas as pd; from codat_notebook.strategies import optimal, simulate\n"
        "cells = pd.DataFrame({'true_rate': [0.1 + row % 97 / 7 for row in range(30_000)], 'age': 3.3})\n"
        "print(simulate(optimal(), cells, days=1, budget='9000 refreshes/day', tick='12h').metrics)"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "OPENBLAS_NUM_THREADS": threads}, check=True,
            capture_output=True, text=True,
        ).stdout
        for threads in ("1", "2", "3")
    }  # fmt: skip
    assert len(found) == 1


def test_a_failed_task_is_told_and_loses_no_other() -> None:
    """A strategy that raises is a row with the words; the others have their numbers."""

    def broken(cells: pd.DataFrame) -> Any:
        raise RuntimeError("no idea")

    frame = compare({"broken": broken, "fine": optimal()}, PORTFOLIO, seeds=1, **OPTIONS).set_index("strategy")
    assert "broken raised RuntimeError: no idea" in frame.loc["broken", "error"]
    assert pd.isna(frame.loc["broken", "ratio"])
    assert frame.loc["fine", "ratio"] > 0


def test_a_failed_task_loses_no_other_process() -> None:
    """Elsewhere too, also where the exception is of a kind that cannot travel: later tasks have their numbers."""

    class Odd(Exception):
        def __init__(self, one: int, two: int) -> None:
            super().__init__(f"{one} is not {two}")

    def broken(cells: pd.DataFrame) -> Any:
        raise Odd(1, 2)

    plans = {"broken": broken, "short": lambda cells: [1.0], "fine": optimal()}
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        there = compare(plans, PORTFOLIO, seeds=2, executor=processes, **OPTIONS)
    pd.testing.assert_frame_equal(there, compare(plans, PORTFOLIO, seeds=2, **OPTIONS))
    assert there["error"].isna().tolist() == [False] * 4 + [True] * 2
    assert "raised Odd: 1 is not 2" in there["error"][0]


def test_strategies_of_a_notebook_travel() -> None:
    """A function that is in no module, with what it closes over, gives in another process what it gives here."""
    share = 0.25
    namespace: dict[str, Any] = {}
    exec("def mine(cells, budget_left):\n    return cells.weight * cells.age + offset", namespace)  # as a cell does
    namespace["offset"] = 1.0
    plans = {"mine": namespace["mine"], "closure": lambda cells: cells.age**share}
    here = compare(plans, PORTFOLIO, seeds=1, **OPTIONS)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        there = compare(plans, lambda seed: PORTFOLIO, seeds=1, executor=processes, **OPTIONS)
    pd.testing.assert_frame_equal(here, there)
    assert here["error"].isna().all()


def test_what_cannot_travel_is_told() -> None:
    """A strategy that holds something of this process alone is refused with the reason."""
    lock = threading.Lock()
    with ThreadPoolExecutor(1) as threads, pytest.raises(ValueError, match="cannot travel to another process"):
        compare({"mine": lambda cells: cells.age if lock else None}, PORTFOLIO, executor=threads, **OPTIONS)


@pytest.mark.skipif("fork" not in get_all_start_methods(), reason="this system cannot fork")
def test_a_pool_that_forks_is_refused() -> None:
    """Copies of a process with threads may hang, so the pool is refused before it starts one."""
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as forks, pytest.raises(ValueError, match="pool forks"):
        compare({"best": optimal()}, PORTFOLIO, executor=forks, **OPTIONS)


def die(cells: pd.DataFrame) -> Any:
    """A strategy that takes its process with it."""
    os._exit(3)


def test_a_process_that_dies_is_told() -> None:
    """Each task that was lost with the pool is a row with the words; those that had ended keep their numbers."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        frame = compare({"best": optimal(), "dies": die}, PORTFOLIO, seeds=1, executor=processes, **OPTIONS)
    assert frame["error"].str.contains("BrokenProcessPool").tolist()[1]
    assert len(frame) == 2


def test_a_pool_that_takes_no_more_is_told() -> None:
    """Each task is a row with the words."""
    with ThreadPoolExecutor(1) as threads:
        pass
    frame = compare({"best": optimal()}, PORTFOLIO, seeds=2, executor=threads, **OPTIONS)
    assert frame["error"].str.contains("cannot schedule new futures").tolist() == [True, True]
    assert frame["freshness"].isna().all()


@pytest.mark.full
def test_a_dask_cluster_agrees() -> None:
    """On a real cluster of processes the same seeds give the same frame, notebook functions too."""
    distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
    plans = {"best": optimal(), "mine": lambda cells: cells.weight * cells.age}
    here = compare(plans, PORTFOLIO, seeds=2, **OPTIONS)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        there = compare(plans, PORTFOLIO, seeds=2, executor=client.get_executor(), **OPTIONS)
    pd.testing.assert_frame_equal(here, there)


def test_several_budgets_make_a_frontier() -> None:
    """More budget, more freshness; the picture shows each strategy's line below that of the bound."""
    mpl.use("Agg")
    frame = compare({"best": optimal(), "old": oldest()}, PORTFOLIO, budget=["2 refreshes/day", "6 refreshes/day"],
                    seeds=2, days=4, tick="6h")  # fmt: skip
    means = frame.groupby(["strategy", "budget"])["freshness"].mean()
    assert means["best", "2 refreshes/day"] < means["best", "6 refreshes/day"]
    axis = frame.plot()
    assert {text.get_text() for text in axis.get_legend().get_texts()} == {"bound", "best", "old"}
    bound = next(line for line in axis.get_lines() if line.get_label() == "bound")
    cost = frame["spent"] / 4
    assert (np.interp(cost, bound.get_xdata(), bound.get_ydata()) >= frame["freshness"] - 1e-3).all()
    assert type(frame[frame["seed"] == 0]) is pd.DataFrame
    plt.close(axis.figure)


def test_a_gain_is_told_seed_by_seed_and_in_plain_terms() -> None:
    """Differences of the same seed and portfolio, with their interval; and the share of refreshes that are spared."""
    budgets = ["2 refreshes/day", "4 refreshes/day", "8 refreshes/day"]
    frame = compare({"old": oldest(), "best": optimal()}, lambda seed: Portfolio.synthetic(3, seed=seed, rates="known"),
                    budget=budgets, seeds=4, days=8, tick="12h")  # fmt: skip
    told = frame.against("old").set_index(["strategy", "budget"])
    assert told.loc["old", "gain"].tolist() == told.loc["old", "low"].tolist() == [0.0] * 3
    assert told.loc["old", "fewer"].tolist() == pytest.approx([0.0] * 3, abs=1e-9)
    wide = frame.pivot_table("freshness", ["budget", "seed"], "strategy")
    gains = (wide["best"] - wide["old"]).loc[budgets[1]]
    row = told.loc[("best", budgets[1])]
    assert row["gain"] == pytest.approx(gains.mean())
    assert row["high"] - row["gain"] == pytest.approx(3.182 * gains.std() / 2)
    assert row["low"] < row["gain"]
    assert 0 < told.loc[("best", budgets[2]), "fewer"] < 1
    with pytest.raises(ValueError, match="no strategy 'none'; there are old, best"):
        frame.against("none")


def test_a_portfolio_for_each_seed() -> None:
    """A function of the seed makes another portfolio each time."""
    made = compare({"best": optimal()}, lambda seed: Portfolio.synthetic(2, seed=seed), seeds=2, **OPTIONS)
    assert made["bound"].nunique() == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strategies": {}}, "at least one strategy"),
        ({"seeds": 0}, "one seed"),
        ({"budget": []}, "one budget"),
        ({"budget": "lots"}, "budget: 'lots' was not understood"),
        ({"budget": ["1 refreshes/day", "1 GBP/day"]}, "budgets of one unit have one frontier, not of GBP, refreshes"),
        ({"day": 3}, "compare: no option day; there are days, deadline, goal, limits, start, tick"),
    ],
)
def test_what_is_wrong_for_all_tasks_is_refused_at_once(arguments: Any, message: str) -> None:
    """It is no row's trouble, and nothing runs before it is told."""
    with pytest.raises((ValueError, TypeError), match=message):
        compare(**{"strategies": {"best": optimal()}, "portfolio": PORTFOLIO, **arguments})
