"""The simulator against one of its own: events in plain Python that share no code with it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from codat_notebook.strategies import Limits, Portfolio, optimum, simulate

from .event_simulator import Trouble, World, play

DAYS, TICK, BUDGET = 40, 0.25, 12.0
RATES = 10 ** np.linspace(-1.5, 0.7, 24)
WEIGHTS = 1.0 + np.arange(24) % 3


def oldest(cells: Any) -> Any:
    """Round robin."""
    return cells.age


def every_other_day(cells: Any) -> Any:
    """A fixed schedule."""
    return np.where(np.asarray(cells.age) >= 2 - 1e-9, np.minimum(cells.age, 1e9), 0)


def freshest(cells: Any) -> Any:
    """The index of freshness, in its textbook form."""
    x = np.asarray(cells.rate) * np.minimum(np.asarray(cells.age), 1e6)
    return np.asarray(cells.weight) * (1 - np.exp(-x) - x * np.exp(-x)) / np.asarray(cells.rate)


def heaviest(cells: Any) -> Any:
    """Weight times age."""
    return np.asarray(cells.weight) * np.minimum(cells.age, 1e9)


def stalest(cells: Any) -> Any:
    """What is probably stale, a poor rule."""
    return 1 - np.exp(-np.asarray(cells.rate) * np.minimum(np.asarray(cells.age), 1e6))


FAILURES = 0.25
HOUR = 1 / 24
#: Oracle NetSuite's kinds of failure: weight, days that it lasts, longest wait for the next try (they double).
KINDS = [
    (5.0, HOUR / 4, 0.5), (0.5, HOUR, 1.0), (0.7, HOUR, 1.0), (6.0, 3.0, 3.0), (0.5, HOUR, 1.0), (1.5, 4 * HOUR, 1.0),
    (1.5, 3.0, 3.0),
]  # fmt: skip
TROUBLES = [
    Trouble(
        1 - (1 - FAILURES) ** (weight / 15.7), lasts, lambda n, lasts=lasts, most=most: min(lasts * 2 ** (n - 1), most)
    )
    for weight, lasts, most in KINDS
]
WORLDS = [
    World(RATES, [1.0] * 24, WEIGHTS, name="plain"),
    World(RATES, [np.inf] * 12 + [3.0] * 12, WEIGHTS, latency=0.1, name="never read, and slow"),
    World(RATES, [1.0] * 24, WEIGHTS, troubles=TROUBLES, name="lasting failures"),
    World(
        RATES, [1.0] * 24, WEIGHTS, most=3.0, busy=lambda moment: 3.0 if moment % 1 >= 2 / 3 else 0.0, name="seasonal"
    ),
]


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
@pytest.mark.parametrize("strategy", [oldest, every_other_day, freshest, heaviest, stalest])
def test_both_simulators_say_the_same(strategy: Any, world: World) -> None:
    """Refreshes, failures, ages and freshness, within noise. Changes that all come in the evening (the seasonal world)
    are no part of the simulator's world: what they make of it is bounded, and counted here."""
    frame = pd.DataFrame({
        "true_rate": world.rate, "rate": world.rate, "age": world.age, "weight": world.weight, "latency": world.latency,
        "failure_rate": FAILURES if world.troubles else 0.0, "company": "a", "platform": "Oracle NetSuite",
    })  # fmt: skip
    options: dict[str, Any] = {"days": DAYS, "budget": f"{BUDGET} refreshes/day", "tick": "6h"}
    seeds = range(4 if world.troubles else 1)  # where nothing fails, the simulator expects all that chance decides
    options["limits"] = Limits(keep_alive=None)
    told = [simulate(strategy, Portfolio.from_frame(frame), seed=seed, **options).metrics for seed in seeds]
    found = [play(strategy, world, DAYS, BUDGET, TICK, seed) for seed in range(8)]

    def mean(runs: list[dict[str, float]], name: str) -> float:
        return float(np.mean([run[name] for run in runs]))

    assert mean(told, "refreshes") == pytest.approx(mean(found, "refreshes"), rel=0.02)
    assert mean(told, "freshness") == pytest.approx(mean(found, "freshness"), abs=0.08 if world.most > 1 else 0.02)
    if np.isfinite(world.age).all():
        assert mean(told, "age_mean") == pytest.approx(mean(found, "age"), rel=0.05)
    assert mean(told, "failures") == pytest.approx(mean(found, "failures"), rel=0.25)


def test_who_knows_the_hour_may_exceed_the_bound() -> None:
    """The bound is that of changes at any time alike: where all come in the evening, a feed at midnight is fresher."""
    world, days, budget = WORLDS[3], 20, 24.0
    night = play(lambda cells: cells.age * (cells.hour < 1), world, days, budget, TICK, 0)
    bound = optimum.upper_bound(world.rate, budget, days, world.age, world.weight)
    assert night["freshness"] > bound + 0.01
