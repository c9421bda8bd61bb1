"""Strategies against each other, over many seeds and budgets, on as many processors as there are.

Each strategy x budget x seed is one task. Tasks are seeded, and each works on a copy of the strategy as it was given,
so the frame is the same on every executor; one that fails is a row that says why. With ``executor=None`` they run here
one after the other; else on any ``concurrent.futures`` executor. Functions from a notebook cell reach other processes
through cloudpickle.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from functools import lru_cache, partial
from types import SimpleNamespace
from typing import Any, Final, TypeVar

import numpy as np
import pandas as pd

from codat_notebook.models.errors import needed
from codat_notebook.models.vocabulary import did_you_mean
from codat_notebook.strategies import optimum
from codat_notebook.strategies.budget import Budget
from codat_notebook.strategies.policies import Strategy
from codat_notebook.strategies.portfolio import Portfolio
from codat_notebook.strategies.result import BOUND_LINE, Result
from codat_notebook.strategies.simulation import simulate

T = TypeVar("T")
_OPTIONS = {"days", "tick", "limits", "goal", "deadline", "start"}
_Portfolios = Portfolio | Callable[[int], Portfolio]
_Task = tuple[str, str, int]
_TASK: Final = {"strategy": "string", "budget": "string", "seed": "int64"}  # its columns, and their types
_unpack = lru_cache(maxsize=2)(pickle.loads)  # the same portfolio comes with every task, and is unpacked once
_MARKERS: Final = "os^Dv<>Pp*Xh"
_POINTS: Final = 40


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
    options : days, tick, limits, goal, deadline, start: as in ``simulate``, the same for all.

    Raises
    ------
    ValueError, TypeError : what is wrong for all tasks alike; what a single task raises is its row's ``error``.

    Returns
    -------
    A tidy frame, one row per strategy, budget and seed in the order given: strategy, budget, seed, the metrics of
    ``Result``, and ``error``, which is missing where all went well. ``plot()`` draws the frontier, ``against(name)``
    tells each strategy's gain over one of them.

    Examples
    --------
    >>> from codat_notebook import strategies
    >>> portfolio = strategies.Portfolio.synthetic(2, data_types=["invoices", "bills"])
    >>> plans = {"weekly": strategies.every("7D"), "best": strategies.optimal()}
    >>> frame = compare(plans, portfolio, seeds=2, days=14, budget="4 refreshes/day")
    >>> frame.groupby("strategy").size().to_dict()
    {'best': 2, 'weekly': 2}
    """
    budgets = [budget] if isinstance(budget, str) else list(budget)
    numbers = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    if not (strategies and budgets and numbers):
        raise ValueError("compare: give at least one strategy, as name -> strategy, one budget and one seed")
    if len(units := {Budget.of(each).unit for each in budgets}) > 1:
        raise ValueError(f"compare: budgets of one unit have one frontier, not of {', '.join(sorted(units))}")
    if unknown := sorted(set(options) - _OPTIONS):
        raise TypeError(f"compare: no option {', '.join(unknown)}; there are {', '.join(sorted(_OPTIONS))}")
    context = getattr(executor, "_mp_context", None)
    if context is not None and context.get_start_method() == "fork":  # one that is held up by a lock hangs for good
        raise ValueError(
            "compare: this pool forks, and copies of a process with threads may hang; use "
            'ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"))'
        )
    tasks = [(name, each, seed) for name in strategies for each in budgets for seed in numbers]
    packed = {name: _pack(strategy) for name, strategy in strategies.items()}
    shared = _pack((portfolio, options))
    begin: Callable[..., Any] = (lambda call: SimpleNamespace(result=call)) if executor is None else executor.submit
    # A pool that broke takes no more tasks; each row says so.
    calls = [partial(_outcome, partial(_simulated, packed[task[0]], shared, task)) for task in tasks]
    begun = [_outcome(partial(begin, call)) for call in calls]
    outcomes = [each if isinstance(each, str) else _outcome(each.result) for each in begun]
    metrics = [{"error": outcome} if isinstance(outcome, str) else outcome for outcome in outcomes]
    rows = [dict(zip(_TASK, task, strict=True)) | own for task, own in zip(tasks, metrics, strict=True)]
    types = {**_TASK, **{name: "float64" for name, _ in Result.METRICS}, "error": "string"}
    frame = ComparisonFrame(pd.DataFrame(rows, columns=list(types)).astype(types))
    frame.whom, frame.days = (portfolio, numbers), float(options.get("days", 90))
    return frame


def _simulated(strategy: bytes, shared: bytes, task: _Task) -> dict[str, float]:
    """What came of a task."""
    (portfolio, options), (_, budget, seed) = _unpack(shared), task
    cells = portfolio if isinstance(portfolio, Portfolio) else portfolio(seed)
    return simulate(pickle.loads(strategy), cells, budget=budget, seed=seed, **options).metrics


def _outcome(get: Callable[[], T]) -> T | str:
    """What a task gives, or the words of what went wrong: one failed task does not lose the others.

    Nor does it break the pool, as an exception does that cannot be unpickled.
    """
    try:
        return get()
    except Exception as error:  # noqa: BLE001 - whatever a task raises becomes its row's text, and is seen there
        return f"{type(error).__name__}: {error}"


def _pack(thing: Any) -> bytes:
    """The thing as bytes. What cloudpickle wrote, plain pickle reads."""
    cloudpickle = needed("cloudpickle", "compare")
    try:
        return bytes(cloudpickle.dumps(thing))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(f"compare: a strategy or portfolio cannot travel to another process ({error})") from error


class ComparisonFrame(pd.DataFrame):
    """Strategies x budgets x seeds. What is derived from it is a plain DataFrame, with pandas' own ``plot``.

    ``whom`` and ``days`` are what was simulated, for the bound that the picture shows.
    """

    whom: tuple[Portfolio | Callable[[int], Portfolio], list[int]]
    days: float
    _metadata = ["whom", "days"]  # noqa: RUF012 - pandas' way of declaring attributes that are no columns

    def against(self, base: str) -> pd.DataFrame:
        """What each strategy wins over one of them, ``base``, with each budget.

        A frame with strategy, budget, ``gain`` (freshness more than the base's, mean over the seeds), ``low`` and
        ``high`` (its 95 % interval, missing for one seed), and ``fewer``: the share of the base's cost that the
        strategy could do without at the base's freshness, between the budgets compared; missing outside of them.
        Differences are taken seed by seed, so that luck and portfolios that all strategies share fall out.

        >>> compare(plans, portfolio, budget=budgets).against("oldest")  # doctest: +SKIP
        """
        good = self[self["error"].isna()]
        if base not in set(good["strategy"]):
            names = list(good["strategy"].unique())
            raise ValueError(f"against: no strategy {base!r}; there are {', '.join(names)}.{did_you_mean(base, names)}")
        wide = good.pivot_table("freshness", ["budget", "seed"], "strategy", sort=False, observed=True)
        mean = good.groupby(["strategy", "budget"], sort=False, observed=True)[["spent", "freshness"]].mean()
        rows = []
        for name, budget in mean.index:
            gains = (wide[name] - wide[base]).xs(budget, level="budget").dropna()
            spread = _student(len(gains)) * gains.std() / np.sqrt(len(gains))
            wanted, paid = mean.loc[(base, budget), "freshness"], mean.loc[(base, budget), "spent"]
            own = mean.loc[name].sort_values("freshness")
            cost = np.interp(wanted, own["freshness"], own["spent"], left=np.nan, right=np.nan)
            rows.append((name, budget, gains.mean(), gains.mean() - spread, gains.mean() + spread, 1 - cost / paid))
        columns = ["strategy", "budget", "gain", "low", "high", "fewer"]
        return pd.DataFrame(rows, columns=columns).astype({"strategy": "string", "budget": "string"})

    def plot(self, axis: Any = None, **options: Any) -> Any:  # type: ignore[override]  # pandas has an accessor here
        """Freshness against what was spent a day, each strategy by its name, and the bound above them all.

        With several budgets the points of a strategy make a line: its frontier. Bars are the spread over the seeds,
        and over the portfolios where each seed has its own; in ``against`` both fall out.
        Returns matplotlib's axes; ``options`` go to the line of the bound.
        """
        plt = needed("matplotlib.pyplot", "lab")
        portfolio, seeds = self.whom
        cells = portfolio if isinstance(portfolio, Portfolio) else portfolio(seeds[0])
        budget = Budget.of(str(self["budget"].iloc[0]))
        if axis is None:
            axis = plt.subplots(figsize=(8, 4.8), layout="constrained")[1]
        points = self[self["error"].isna()].assign(cost=lambda good: good["spent"] / self.days)
        groups = points.groupby(["strategy", "budget"], sort=False, observed=True)
        means, spread = groups[["cost", "freshness"]].mean(), groups["freshness"].std().fillna(0.0)
        top = float(max(means["cost"].max(), 1e-9)) * 1.15 if len(means) else 1.0
        rates, (_, cost) = cells.truth["true_rate"], budget.costs(cells.cells, cells.truth, "portfolio.priced(...)")
        grid, held, weight = np.linspace(0.0, top, _POINTS), cells.cells["age"], cells.cells["weight"]
        bounds = [optimum.upper_bound(rates, spent, self.days, held, weight, cost) for spent in grid]
        pd.Series(bounds, index=grid).plot(ax=axis, **BOUND_LINE, label="bound", **options)
        for number, (name, own) in enumerate(means.groupby(level="strategy", sort=False)):
            own = own.sort_values("cost")
            error = spread.loc[own.index].to_numpy()
            style = f"{_MARKERS[number % len(_MARKERS)]}-"
            axis.errorbar(own["cost"], own["freshness"], yerr=error, fmt=style, lw=1, capsize=2, label=str(name))
        axis.set(xlabel=f"{budget.unit} a day", ylabel="freshness", title="Freshness against cost")
        axis.set(xlim=(0, top), ylim=(0, 1.02))
        axis.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.01, 0.5))
        return axis


def _student(number: int) -> float:
    """Half the width of a 95 % interval, in standard errors, of so many differences (Student)."""
    few = (np.nan, np.nan, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
    return few[number] if number < len(few) else 1.96 + 2.4 / (number - 1) + 3 / (number - 1) ** 2
