"""Strategies against each other, over many seeds, on as many processors as there are.

Each strategy x seed is one task. Tasks are independent and seeded, so the frame is the same on every executor; one that
fails is a row that says why. With ``executor=None`` they run here one after the other; else on any
``concurrent.futures`` executor. Functions from a notebook cell reach other processes through cloudpickle, if installed.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from codat_notebook.strategies.policy import Strategy
from codat_notebook.strategies.portfolio import Portfolio
from codat_notebook.strategies.simulation import Result, simulate

if TYPE_CHECKING:
    import pandas as pd

_Portfolios = Portfolio | Callable[[int], Portfolio]


def compare(
    strategies: Mapping[str, Strategy],
    portfolio: _Portfolios,
    *,
    seeds: int | Iterable[int] = 20,
    executor: Executor | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Simulate every strategy with every seed.

    Parameters
    ----------
    strategies : name -> strategy.
    portfolio : whom to simulate, or a function of the seed that makes it.
    seeds : how many (0, 1, ...), or which.
    executor : where; ``concurrent.futures.ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"))``,
        ``dask.distributed.Client(...).get_executor()``, a thread pool, or by default here.
    options : days, budget, tick, limits, goal: as in ``simulate``, the same for all.

    Returns
    -------
    A tidy frame, one row per strategy and seed in the order given: strategy, seed, the metrics of ``Result``, and
    ``error``, which is missing where all went well.

    >>> from codat_notebook import strategies
    >>> portfolio = strategies.Portfolio.synthetic(2, data_types=["invoices", "bills"])
    >>> plans = {"weekly": strategies.every("7D"), "best": strategies.optimal()}
    >>> frame = compare(plans, portfolio, seeds=2, days=14, budget="4 refreshes/day")
    >>> frame.groupby("strategy").size().to_dict()
    {'best': 2, 'weekly': 2}
    """
    if not strategies:
        raise ValueError("compare: give at least one strategy, as name -> strategy")
    numbers = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    tasks = [(name, seed) for name in strategies for seed in numbers]
    if executor is None:
        return _frame(tasks, [_outcome(partial(_run, strategies[n], portfolio, s, options)) for n, s in tasks])
    packed = {name: _pack((strategy, portfolio, options)) for name, strategy in strategies.items()}
    futures = [executor.submit(_run_packed, packed[name], seed) for name, seed in tasks]
    return _frame(tasks, [_outcome(future.result) for future in futures])


def _frame(tasks: list[tuple[str, int]], outcomes: list[dict[str, float] | str]) -> pd.DataFrame:
    import pandas as pd

    rows = [{} if isinstance(outcome, str) else outcome for outcome in outcomes]
    frame = pd.DataFrame(rows, columns=[name for name, _ in Result.METRICS], dtype="float64")
    frame.insert(0, "strategy", pd.Series([name for name, _ in tasks], dtype="string"))
    frame.insert(1, "seed", pd.Series([seed for _, seed in tasks], dtype="int64"))
    errors = [outcome if isinstance(outcome, str) else None for outcome in outcomes]
    return frame.assign(error=pd.Series(errors, dtype="string"))


def _outcome(get: Callable[[], dict[str, float]]) -> dict[str, float] | str:
    """The metrics of a task, or the words of what went wrong: one failed task does not lose the others."""
    try:
        return get()
    except Exception as error:  # noqa: BLE001 - whatever a task raises becomes its row's text, and is seen there
        return f"{type(error).__name__}: {error}"


def _run(strategy: Strategy, portfolio: _Portfolios, seed: int, options: Mapping[str, Any]) -> dict[str, float]:
    cells = portfolio if isinstance(portfolio, Portfolio) else portfolio(seed)
    return simulate(strategy, cells, seed=seed, **options).metrics


def _pack(task: tuple[Any, ...]) -> bytes:
    """The task as bytes. What cloudpickle wrote, plain pickle reads, where cloudpickle is installed too."""
    pickler = import_module("cloudpickle") if find_spec("cloudpickle") else pickle
    try:
        packed: bytes = pickler.dumps(task)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        message = f"compare: a strategy or portfolio cannot travel to another process ({error}); install cloudpickle"
        raise ValueError(f"{message}, or put the function into a module") from error
    return packed


def _run_packed(task: bytes, seed: int) -> dict[str, float]:
    strategy, portfolio, options = pickle.loads(task)
    return _run(strategy, portfolio, seed, options)
