"""Strategies x seeds, on any executor."""

import importlib.util
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any

import pandas as pd
import pytest

from codat_notebook.strategies import Portfolio, compare, every, first, optimal, random_order
from codat_notebook.strategies.simulation import Result

PORTFOLIO = Portfolio.synthetic(3, data_types=["invoices", "bills"])
OPTIONS: dict[str, Any] = {"days": 4, "budget": "3 refreshes/day", "tick": "6h"}


def test_a_tidy_frame() -> None:
    """One row per strategy and seed in the order given, the metrics in theirs, with fixed types."""
    frame = compare({"weekly": every("7D"), "best": optimal()}, PORTFOLIO, seeds=[5, 3], **OPTIONS)
    assert list(zip(frame["strategy"], frame["seed"], strict=True)) == [
        ("weekly", 5), ("weekly", 3), ("best", 5), ("best", 3),
    ]  # fmt: skip
    assert list(frame) == ["strategy", "seed", *(name for name, _ in Result.METRICS), "error"]
    assert [str(dtype) for dtype in frame.dtypes.iloc[[0, 1, 2, -1]]] == ["string", "int64", "float64", "string"]
    assert frame["error"].isna().all()


def test_all_executors_agree() -> None:
    """Here, in threads and in other processes the same seeds give the same frame; built-in strategies travel."""
    plans = {"a": first(every("2D"), optimal()), "b": random_order(4)}
    here = compare(plans, PORTFOLIO, seeds=2, **OPTIONS)
    with ThreadPoolExecutor(2) as threads:
        pd.testing.assert_frame_equal(here, compare(plans, PORTFOLIO, seeds=2, executor=threads, **OPTIONS))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        pd.testing.assert_frame_equal(here, compare(plans, PORTFOLIO, seeds=2, executor=processes, **OPTIONS))


def test_a_failed_task_is_told_and_loses_no_other() -> None:
    """A strategy that raises is a row with the words; the others have their numbers."""

    def broken(cells: pd.DataFrame) -> Any:
        raise RuntimeError("no idea")

    frame = compare({"broken": broken, "fine": optimal()}, PORTFOLIO, seeds=1, **OPTIONS).set_index("strategy")
    assert "broken raised RuntimeError: no idea" in frame.loc["broken", "error"]
    assert pd.isna(frame.loc["broken", "ratio"])
    assert frame.loc["fine", "ratio"] > 0


@pytest.mark.skipif(importlib.util.find_spec("cloudpickle") is not None, reason="cloudpickle carries any function")
def test_what_cannot_travel_is_told() -> None:
    """Without cloudpickle a function of a notebook cell cannot reach another process; the message says what to do."""
    with ThreadPoolExecutor(1) as threads, pytest.raises(ValueError, match="install cloudpickle, or put the function"):
        compare({"mine": lambda cells: cells.age}, PORTFOLIO, executor=threads, **OPTIONS)


def test_a_portfolio_for_each_seed() -> None:
    """A function of the seed makes another portfolio each time."""
    made = compare({"best": optimal()}, lambda seed: Portfolio.synthetic(2, seed=seed), seeds=2, **OPTIONS)
    assert made["bound"].nunique() == 2
    with pytest.raises(ValueError, match="at least one strategy"):
        compare({}, PORTFOLIO)
