"""Strategies against each other, over many seeds and budgets, on as many processors as there are.

Each strategy x budget x seed is one task. Tasks are independent and seeded, so the frame is the same on every executor;
one that fails is a row that says why. With ``executor=None`` they run here one after the other; else on any
``concurrent.futures`` executor. Functions from a notebook cell reach other processes through cloudpickle.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from codat_notebook.strategies.budget import Budget
from codat_notebook.strategies.policies import Strategy
from codat_notebook.strategies.portfolio import Portfolio
from codat_notebook.strategies.result import Result
from codat_notebook.strategies.simulation import simulate

if TYPE_CHECKING:
    from codat_notebook.strategies.plots import ComparisonFrame

_OPTIONS = {"days", "tick", "limits", "goal", "deadline"}
_Portfolios = Portfolio | Callable[[int], Portfolio]
_Task = tuple[str, str, int]
_Outcome = dict[str, float] | str


def compare(
    strategies: Mapping[str, Strategy],
    portfolio: _Portfolios,
    *,
    budget: str | Sequence[str] = "500 refreshes/day",
    seeds: int | Iterable[int] = 20,
    executor: Executor | None = None,
    **options: Any,
) -> ComparisonFrame:
    """Simulate every strategy with every budget and seed.

    Parameters
    ----------
    strategies : name -> strategy.
    portfolio : whom to simulate, or a function of the seed that makes it.
    budget : one, or several of one unit, which draws the frontier of freshness against cost.
    seeds : how many (0, 1, ...), or which.
    executor : where; ``concurrent.futures.ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"))``,
        ``dask.distributed.Client(...).get_executor()``, a thread pool, or by default here. Not a pool that forks: the
        copy of a process with threads may hang.
    options : days, tick, limits, goal, deadline: as in ``simulate``, the same for all.

    Raises
    ------
    ValueError, TypeError : what is wrong for all tasks alike; what a single task raises is its row's ``error``.

    Returns
    -------
    A tidy frame, one row per strategy, budget and seed in the order given: strategy, budget, seed, the metrics of
    ``Result``, and ``error``, which is missing where all went well. ``plot()`` draws the frontier.

    >>> from codat_notebook import strategies
    >>> portfolio = strategies.Portfolio.synthetic(2, data_types=["invoices", "bills"])
    >>> plans = {"weekly": strategies.every("7D"), "best": strategies.optimal()}
    >>> frame = compare(plans, portfolio, seeds=2, days=14, budget="4 refreshes/day")
    >>> frame.groupby("strategy").size().to_dict()
    {'best': 2, 'weekly': 2}
    """
    from codat_notebook.strategies.plots import ComparisonFrame

    budgets = [budget] if isinstance(budget, str) else list(budget)
    numbers = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    if not (strategies and budgets and numbers):
        raise ValueError("compare: give at least one strategy, as name -> strategy, one budget and one seed")
    if len(units := {Budget.of(each).unit for each in budgets}) > 1:
        raise ValueError(f"compare: budgets of one unit have one frontier, not of {', '.join(sorted(units))}")
    if unknown := sorted(set(options) - _OPTIONS):
        raise TypeError(f"compare: no option {', '.join(unknown)}; there are {', '.join(sorted(_OPTIONS))}")
    _refuse_fork(executor)
    tasks = [(name, each, seed) for name in strategies for each in budgets for seed in numbers]
    if executor is None:
        outcomes = [_outcome(partial(_run, strategies[task[0]], portfolio, task, options)) for task in tasks]
    else:
        outcomes = _elsewhere(executor, tasks, strategies, portfolio, options)
    frame = ComparisonFrame(_columns(tasks, outcomes))
    frame.whom, frame.days = (portfolio, numbers), float(options.get("days", 90))
    return frame


def _elsewhere(
    executor: Executor,
    tasks: list[_Task],
    strategies: Mapping[str, Strategy],
    portfolio: _Portfolios,
    options: Mapping[str, Any],
) -> list[_Outcome]:
    """The tasks' outcomes from other threads, processes or machines. The portfolio is packed once."""
    shared = _pack((portfolio, dict(options)))
    packed = {name: _pack(strategy) for name, strategy in strategies.items()}

    futures: list[Future[_Outcome]] = []
    for task in tasks:
        try:
            futures.append(executor.submit(_run_packed, packed[task[0]], shared, task))
        except Exception as error:  # noqa: BLE001 - a pool that broke takes no more tasks; each row says so
            futures.append(Future())
            futures[-1].set_exception(error)
    return [_outcome(future.result) for future in futures]


def _run_packed(strategy: bytes, shared: bytes, task: _Task) -> _Outcome:
    """A task in another process. What it raises comes back as words: an exception that cannot be unpickled, such as one
    of a class of the user's, breaks the whole pool.
    """

    def run() -> dict[str, float]:
        portfolio, options = _unpack(shared)
        return _run(pickle.loads(strategy), portfolio, task, options)

    return _outcome(run)


def _columns(tasks: list[_Task], outcomes: list[_Outcome]) -> dict[str, Any]:
    import pandas as pd

    names = [name for name, _ in Result.METRICS]
    rows = [{"error": outcome} if isinstance(outcome, str) else outcome for outcome in outcomes]
    types = {**dict.fromkeys(names, "float64"), "error": "string"}
    metrics = pd.DataFrame(rows, columns=list(types)).astype(types)
    return {
        "strategy": pd.Series([name for name, _, _ in tasks], dtype="string"),
        "budget": pd.Series([budget for _, budget, _ in tasks], dtype="string"),
        "seed": pd.Series([seed for _, _, seed in tasks], dtype="int64"),
        **{str(name): metrics[name] for name in metrics},
    }


def _outcome(get: Callable[[], _Outcome]) -> _Outcome:
    """The metrics of a task, or the words of what went wrong: one failed task does not lose the others."""
    try:
        return get()
    except Exception as error:  # noqa: BLE001 - whatever a task raises becomes its row's text, and is seen there
        return f"{type(error).__name__}: {error}"


def _run(strategy: Strategy, portfolio: _Portfolios, task: _Task, options: Mapping[str, Any]) -> dict[str, float]:
    _, budget, seed = task
    cells = portfolio if isinstance(portfolio, Portfolio) else portfolio(seed)
    return simulate(strategy, cells, budget=budget, seed=seed, **options).metrics


def _refuse_fork(executor: Executor | None) -> None:
    """A forked copy of a process whose engine thread holds a lock hangs for good: say so before it does."""
    context = getattr(executor, "_mp_context", None)
    if context is not None and context.get_start_method() == "fork":
        raise ValueError(
            "compare: this pool forks, and copies of a process with threads may hang; use "
            'ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"))'
        )


def _pack(thing: Any) -> bytes:
    """The thing as bytes. What cloudpickle wrote, plain pickle reads."""
    import cloudpickle

    try:
        packed: bytes = cloudpickle.dumps(thing)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(f"compare: a strategy or portfolio cannot travel to another process ({error})") from error
    return packed


@lru_cache(maxsize=2)
def _unpack(packed: bytes) -> Any:
    """The same portfolio comes with every task, and is unpacked once."""
    return pickle.loads(packed)
