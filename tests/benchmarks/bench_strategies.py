"""How good strategies are on the reference portfolio, and how fast they are thought through.

Times are processor time, the lowest of several runs, so that what else the machine does hardly shows.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from codat_notebook.strategies import Limits, Portfolio, learn, optimal, optimum, simulate

MILLION = 1_000_000


def best(work: Callable[[], Any], runs: int = 3) -> float:
    """The lowest processor time of several runs, in seconds."""
    times = []
    for _ in range(runs):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def bench_optimum_of_a_million_cells() -> None:
    """The freshest allocation for 1,000,000 cells takes at most a second, and costs the budget to 1e-9."""
    rng = np.random.default_rng(1)
    rates, weights = rng.gamma(0.5, 2, MILLION), rng.pareto(1.5, MILLION) + 1
    found = optimum.freshness(rates, MILLION / 2, weights)
    assert abs(found.frequency.sum() / (MILLION / 2) - 1) <= 1e-9
    for name, allocate in optimum.OBJECTIVES.items():
        seconds = best(lambda allocate=allocate: allocate(rates, MILLION / 2, weights))
        print(f"  optimum for 1,000,000 cells, {name:12} {1000 * seconds:8.0f} ms")
        assert name != "freshness" or seconds <= 1.0


def portfolio(cells: int) -> Portfolio:
    """Rates Gamma(0.5, 2), weights Pareto(1.5), of ages as an optimal strategy leaves them at half a refresh a day."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"true_rate": rng.gamma(0.5, 2, cells), "weight": rng.pareto(1.5, cells) + 1})
    frequency = optimum.freshness(frame["true_rate"], cells / 2, frame["weight"]).frequency
    with np.errstate(divide="ignore"):
        frame["age"] = np.where(frequency > 0, rng.random(cells) / frequency, np.inf)
    frame["company"] = pd.Categorical.from_codes(np.arange(cells) // 20, [f"c{n}" for n in range(-(-cells // 20))])
    return Portfolio.from_frame(frame).believing("known")


def bench_reference_portfolio() -> None:
    """2,000 cells, half a refresh a day each, 90 days: optimal >= 0.995 of the bound, learned rates >= 0.98."""
    known = portfolio(2_000)
    for strategy, believed, least in (
        (optimal(), known, 0.995),
        (learn(prior=(0.5, 0.5)), known.believing(np.nan), 0.98),
    ):
        found = simulate(strategy, believed, budget="1000 refreshes/day", tick="15min", limits=Limits(keep_alive=None))
        print(f"  {strategy!r:32} ratio to the bound {found.ratio:.4f}")
        assert found.ratio >= least


def bench_ticks_of_a_million_cells() -> None:
    """A tick of 1,000,000 cells with all limits, beside the bare index and partition in the same run."""
    cells = portfolio(MILLION)
    rate, weight = cells.truth["true_rate"].to_numpy(), cells.cells["weight"].to_numpy()
    age = np.where(np.isfinite(cells.cells["age"]), cells.cells["age"], 90.0)

    def bare() -> None:
        x = rate * age
        decay = np.exp(-x)
        worth = weight * (1 - decay - x * decay) / rate
        np.argpartition(worth, -20_833)[-20_833:]

    def run(days: int) -> float:
        return best(lambda: simulate(optimal(), cells, days=days, budget=f"{MILLION // 2} refreshes/day"), runs=1)

    tick = (run(3) - run(1)) / 48
    kernel = best(bare)
    print(f"  tick of 1,000,000 cells: {1000 * tick:.0f} ms, bare kernel {1000 * kernel:.0f} ms: {kernel / tick:.2f} x")
