"""A simulator of its own for tests: events on a heap, changes that are really drawn, no code of the package.

It plays the world that ``strategies.simulate`` describes, cell by cell in plain Python: changes at the source as a
Poisson process (whose rate may follow the hour), refreshes that take their time and may fail, budget that comes in
round by round. What it measures is sampled, so it agrees with the package's expectations up to noise.
"""

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np


class Trouble(NamedTuple):
    """Something that comes and goes, and makes all refreshes fail while it is there."""

    share: float  # of the time
    lasts: float  # days, on average
    waits: Callable[[int], float]  # days until the next try, after so many failures in a row


@dataclass
class World:
    """Cells and what chance does to them; one number per cell, durations in days."""

    rate: Sequence[float]
    age: Sequence[float]
    weight: Sequence[float]
    latency: float = 0.0
    troubles: Sequence[Trouble] = ()
    busy: Callable[[float], float] = lambda moment: 1.0  # how much more than usual changes at a moment; up to `most`
    most: float = 1.0
    name: str = field(default="", kw_only=True)


def play(
    strategy: Callable[[Any], Any], world: World, days: int, budget: float, tick: float, seed: int
) -> dict[str, float]:
    """Weighted freshness, mean age and numbers of refreshes and failures, of one run."""
    draw = random.Random(seed)
    cells = range(len(world.rate))
    snapshot = [-age for age in world.age]
    dirty_since = [0.0 if _changed(draw, world, cell) else np.inf for cell in cells]  # inf: the copy is fresh
    change = [_next_change(draw, world, cell, 0.0) for cell in cells]
    broken = [[draw.random() < each.share for each in world.troubles] for _ in cells]
    flips = [[_flip(draw, *pair, 0.0) for pair in zip(world.troubles, broken[cell], strict=True)] for cell in cells]
    busy_until, blocked, failures = [0.0] * len(cells), [0.0] * len(cells), [0] * len(cells)
    fresh, aged = [0.0] * len(cells), [0.0] * len(cells)
    seen = [0.0] * len(cells)  # until when a cell was measured
    landing: list[tuple[float, int, float, int]] = []
    credit, refreshes, failed = 0.0, 0, 0

    def measure(cell: int, until: float) -> None:
        """Add how fresh and old the copy was since it was last measured."""
        if np.isfinite(snapshot[cell]):
            fresh[cell] += max(min(dirty_since[cell], until) - seen[cell], 0.0)
            aged[cell] += (until - seen[cell]) * ((until + seen[cell]) / 2 - snapshot[cell])
        seen[cell] = until

    def pass_changes(cell: int, until: float) -> None:
        """Have the source change, as it does, until a moment."""
        while change[cell] <= until:
            dirty_since[cell] = min(dirty_since[cell], change[cell])
            last_change[cell] = change[cell]
            change[cell] = _next_change(draw, world, cell, change[cell])

    last_change = [-np.inf] * len(cells)
    for number in range(round(days / tick) + 1):
        now = number * tick
        while landing and landing[0][0] <= now:
            end, cell, start, trouble = heapq.heappop(landing)
            pass_changes(cell, end)
            if trouble >= 0:
                failures[cell] += 1
                failed += 1
                blocked[cell] = end + world.troubles[trouble].waits(failures[cell])
                continue
            measure(cell, end)
            failures[cell], snapshot[cell] = 0, start
            # The copy is as the source was at its start: stale already if something changed on its way.
            dirty_since[cell] = end if last_change[cell] > start else np.inf
        if number == round(days / tick):
            break
        credit = min(credit, max(budget, 1.0)) + budget * tick
        view = SimpleNamespace(
            age=np.array([now - each for each in snapshot]), rate=np.array(world.rate), weight=np.array(world.weight),
            hour=now % 1 * 24,
        )  # fmt: skip
        priority = np.asarray(strategy(view), float)
        for cell in sorted(cells, key=lambda each: -priority[each]):
            if credit < 1 - 1e-9 or not priority[cell] > 0:
                break
            if busy_until[cell] > now or blocked[cell] > now:
                continue
            credit -= 1
            refreshes += 1
            for place, trouble in enumerate(world.troubles):
                while flips[cell][place] <= now:
                    broken[cell][place] = not broken[cell][place]
                    flips[cell][place] = _flip(draw, trouble, broken[cell][place], flips[cell][place])
            pass_changes(cell, now)
            busy_until[cell] = now + world.latency
            heapq.heappush(
                landing, (now + world.latency, cell, now, broken[cell].index(True) if any(broken[cell]) else -1)
            )
    for cell in cells:
        pass_changes(cell, days)
        measure(cell, days)
    weight = np.array(world.weight)
    return {
        "freshness": float(np.dot(fresh, weight) / weight.sum() / days), "age": float(np.sum(aged)) / days / len(cells),
        "refreshes": refreshes, "failures": failed,
    }  # fmt: skip


def _changed(draw: random.Random, world: World, cell: int) -> bool:
    """Whether the copy that is held at the start is stale already."""
    return draw.random() >= np.exp(-world.rate[cell] * min(world.age[cell], 1e9))


def _next_change(draw: random.Random, world: World, cell: int, now: float) -> float:
    """The next change at the source, by thinning a process that is as busy as the source ever is."""
    while True:
        now += draw.expovariate(world.rate[cell] * world.most)
        if draw.random() * world.most < world.busy(now):
            return now


def _flip(draw: random.Random, trouble: Trouble, there: bool, now: float) -> float:
    """When what is there goes, or what is not there comes."""
    return now + draw.expovariate(1 / (trouble.lasts if there else trouble.lasts * (1 - trouble.share) / trouble.share))
