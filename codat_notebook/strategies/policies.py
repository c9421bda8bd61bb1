"""The built-in strategies: each function makes one, and says its formula and where it is from.

In the formulas tau is the age of a cell in days (infinite if it was never read), w its weight, c its cost, rate the
changes a day at the source. Where the rate of a cell is unknown, the one that the sandbox assumes for its data type
takes its place. Strategies say what they want; budget, back-off and all limits are the engine's.
``combinators`` puts strategies together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Final

import numpy as np
import pandas as pd

from codat_notebook.strategies import indices, optimum
from codat_notebook.strategies.budget import Budget, days
from codat_notebook.strategies.cell_table import Columns, ask, name_of
from codat_notebook.strategies.indices import Floats
from codat_notebook.strategies.learning import Learner, Prior, assumed_rates

Strategy = Callable[..., Any]


@dataclass(frozen=True, eq=False, repr=False)
class Policy:
    """A strategy from this package: ``policy(cells)`` gives the priority of each cell, higher first.

    Simulations call ``score`` with ``Columns`` instead, on a ``fresh`` copy, because some policies remember what they
    saw (``learn``) or worked out (``threshold``). It travels to other processes by pickle, remembering nothing.

    Parameters
    ----------
    name : how it was made, for tables and messages.
    function : a function of a module that takes the columns and ``arguments`` and gives the priorities.
    memory : makes what the function remembers from round to round, and is given as ``memory``.
    """

    name: str
    function: Callable[..., Floats]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    memory: Callable[[], Any] | None = None

    def __repr__(self) -> str:
        return self.name

    def __call__(self, cells: pd.DataFrame, now: Any = None, budget_left: float | None = None) -> pd.Series[float]:
        """The priorities of the cells, with the cells' index. ``now`` matters to policies that know deadlines."""
        return pd.Series(self.score(Columns.of(cells, now, budget_left)), index=cells.index, name="priority")

    def __reduce__(self) -> tuple[Any, ...]:
        return Policy, (self.name, self.function, self.arguments, self.memory)

    @cached_property
    def _remembered(self) -> dict[str, Any]:
        return {} if self.memory is None else {"memory": self.memory()}

    def score(self, columns: Columns) -> Floats:
        """The priorities as an array."""
        return self.function(columns, **self.arguments, **self._remembered)

    def fresh(self) -> Policy:
        """The same policy, remembering nothing."""
        return replace(self, arguments={name: fresh(value) for name, value in self.arguments.items()})


def fresh(strategy: Any) -> Any:
    """A strategy, or several, as they are before the first round; a plain function is as it is."""
    if isinstance(strategy, list):
        return [fresh(each) for each in strategy]
    return strategy.fresh() if isinstance(strategy, Policy) else strategy


#: Objective -> the index W(rate, tau) that strategies put the cells in order by.
INDICES: Final[Mapping[str, Callable[[Floats, Floats], Floats]]] = {
    "freshness": indices.staleness, "age": indices.age, "harmonic": indices.harmonic, "randomised": indices.randomised,
    "since_sync": indices.since_sync, "missed": indices.missed,
}  # fmt: skip
_SLICE: Final = 65_536  # cells worked on at a time: their temporaries stay in the processor's cache


def every(interval: str | float) -> Policy:
    """Refresh what was read at least ``interval`` ago ("7D", "12h", a number of days), the most overdue first.

    tau / interval where it is >= 1. The usual fixed schedule; with equal weights and costs the uniform policy of Cho &
    Garcia-Molina 2000, which is never worse than refreshing in proportion to the changes.
    """
    return Policy(f"every({interval!r})", _every, {"period": days(interval)})


def _every(cells: Columns, period: float) -> Floats:
    return _overdue(cells.age / period)


def _overdue(share: Floats) -> Floats:
    """What is due, and not a rounding error short of it."""
    return np.where(share >= 1 - 1e-9, share, 0.0)


def oldest() -> Policy:
    """The oldest copy first: tau. Round robin; "Maximum Age First" in the literature (Sun et al. 2018)."""
    return Policy("oldest()", _oldest)


def _oldest(cells: Columns) -> Floats:
    return cells.age


def weighted_age() -> Policy:
    """The heaviest and oldest first: w tau^2 / (2 c), the index of the time since the sync.

    Kadota, Sinha, Modiano 2018 (Whittle index of the age of information).
    """
    return optimal("since_sync", name="weighted_age()")


def stale_probability() -> Policy:
    """The cells that are most probably stale: w (1 - e^(-rate tau)) / c.

    The obvious greedy rule, and a poor one: it spends the budget on cells that are stale again at once. Here for
    comparison.
    """
    return Policy("stale_probability()", _stale_probability)


def _stale_probability(cells: Columns) -> Floats:
    x = np.where(np.isinf(cells.age), np.inf, assumed_rates(cells) * np.minimum(cells.age, 1e150))
    return cells.weight * -np.expm1(-x) / cells.cost


def optimal(objective: str = "freshness", *, name: str | None = None) -> Policy:
    """The cells whose refresh wins the most per cost: w W(rate, tau) / c, with the index W of the objective.

    ``"freshness"``: (1 - e^-x - x e^-x) / rate, x = rate tau (Cho & Garcia-Molina 2003; Kolobov et al. 2019); gives up
    what changes too fast, and a cell never read is worth w / (rate c). ``"age"``: tau^2/2 + tau e^-x / rate -
    (1 - e^-x) / rate^2. ``"harmonic"``: rate tau^2 / (1 + x), nobody starves (Kolobov et al. 2019). ``"randomised"``:
    rate tau^2 / (1 + x)^2 (Azar et al. 2018). ``"since_sync"``: tau^2 / 2. ``"missed"``: rate tau^2 / 2.
    """
    if objective not in INDICES:
        raise ValueError(f"optimal: no objective {objective!r}; there are {', '.join(INDICES)}")
    return Policy(name or f"optimal({objective!r})", _optimal, {"objective": objective})


def _optimal(cells: Columns, objective: str) -> Floats:
    return _worth(cells, INDICES[objective], assumed_rates(cells))


def _worth(cells: Columns, index: Callable[[Floats, Floats], Floats], rate: Floats) -> Floats:
    """w W / c, where a weight of 0 means never, also for a cell that is worth everything."""
    weight, cost, age = cells.weight, cells.cost, cells.age
    worth = np.empty(len(age))
    with np.errstate(invalid="ignore"):
        for start in range(0, len(age), _SLICE):
            part = slice(start, start + _SLICE)
            share = weight[part] / cost[part]
            np.multiply(index(rate[part], age[part]), share, out=worth[part])
            if not share.min() > 0:
                worth[part][~(share > 0)] = 0.0
    return worth


def threshold(budget: str | Budget, objective: str = "freshness") -> Policy:
    """Refresh only what is worth the price of the optimal allocation: w W(rate, tau) / c >= price.

    What is not spent is saved up by the engine, so with few cells the best are refreshed exactly when they are due,
    where a greedy rule would turn into round robin. The price is that of ``optimum`` for this ``budget`` (say the one
    the engine has), worked out once a day from the rates believed. Kolobov et al. 2019; the Lagrangian of Cho &
    Garcia-Molina.
    """
    if objective not in optimum.OBJECTIVES:
        raise ValueError(f"threshold: no objective {objective!r}; there are {', '.join(optimum.OBJECTIVES)}")
    name, memory = f"threshold({budget!r}, {objective!r})", partial(_DailyPrice, Budget.of(budget).a_day, objective)
    return Policy(name, _threshold, {"objective": objective}, memory)


def _threshold(cells: Columns, objective: str, memory: _DailyPrice) -> Floats:
    rate = assumed_rates(cells)
    worth = _worth(cells, INDICES[objective], rate)
    return np.where(worth >= memory.price(cells, rate), worth, 0.0)


class _DailyPrice:
    """The price of a budget, worked out anew when a day has passed or the cells are others."""

    def __init__(self, a_day: float, objective: str) -> None:
        self._a_day = a_day
        self._objective = objective
        self._for: tuple[int, np.datetime64] | None = None
        self._given: tuple[Floats, ...] | None = None
        self._price = 0.0

    def price(self, cells: Columns, rate: Floats) -> float:
        current = (len(rate), cells.now.astype("datetime64[D]"))
        if current != self._for:  # without a time (NaT) this is always so
            self._for = current
            given = (rate, cells.weight, cells.cost)
            if self._given is None or not all(map(np.array_equal, given, self._given)):
                self._given = tuple(map(np.copy, given))
                self._price = optimum.allocate(self._objective, rate, self._a_day, cells.weight, cells.cost).price
        return self._price


def learn(strategy: Strategy | None = None, prior: Prior = None) -> Policy:
    """A strategy (by default ``optimal()``) on rates that are learned from what each refresh found.

    Needs observed changes (``changed_last``); see ``learning.Learner`` for the update.

    Parameters
    ----------
    strategy : whom to give the learned rates.
    prior : (a, b) of the Gamma prior of all rates, or data type -> (a, b). By default wide around the rate of the cell
        if it is known, else around the one that is assumed for its data type; so are types that are not named.
    """
    Learner(prior)  # refuses what is no prior here, where it was written
    inner = optimal() if strategy is None else strategy
    return Policy(f"learn({name_of(inner)})", _learn, {"strategy": inner}, partial(Learner, prior))


def _learn(cells: Columns, strategy: Strategy, memory: Learner) -> Floats:
    return ask(strategy, cells.with_rates(memory.rates(cells)))


def keep_alive(limit: str | float = "25D") -> Policy:
    """One cell of each connection of which nothing was read for ``limit``, the longest neglected connection first.

    Tokens of platforms die unused; Codat's own advice is a sync before 25 days are over. min tau / limit over the
    connection, given to its cheapest cell that failed least.
    """
    return Policy(f"keep_alive({limit!r})", _keep_alive, {"limit": days(limit)})


def _keep_alive(cells: Columns, limit: float) -> Floats:
    connection = cells.groups("company", "connection")
    youngest = np.full(connection.max(initial=-1) + 1, np.inf)
    np.minimum.at(youngest, connection, cells.age)
    priority = np.zeros(len(connection))
    rows = np.flatnonzero(youngest[connection] >= limit)
    if len(rows):
        unfit = cells.matches("status", "NotSupported")[rows] | (cells.in_progress[rows] > 0)
        order = rows[np.lexsort((cells.cost[rows], cells.failures[rows], unfit, connection[rows]))]
        chosen = order[np.unique(connection[order], return_index=True)[1]]
        priority[chosen] = youngest[connection[chosen]] / limit
    return priority


def codat_schedule(default: str | float = "7D", **types: str | float) -> Policy:
    """What Codat's own scheduler does: each type again, an interval after its last success (sync settings).

    tau / interval where it is >= 1, with one interval per data type. The baseline: it costs no thought.

    Parameters
    ----------
    default : the rhythm of the types that are not named ("1h", "1D", "7D", "30D").
    types : data type -> rhythm. Types with a dash: ``codat_schedule(**{"banking-transactions": "1D"})``.
    """
    periods = {name: days(interval) for name, interval in types.items()}
    shown = ", ".join([repr(default), *(f"{name}={interval!r}" for name, interval in types.items())])
    return Policy(f"codat_schedule({shown})", _codat_schedule, {"default": days(default), "periods": periods})


def _codat_schedule(cells: Columns, default: float, periods: Mapping[str, float]) -> Floats:
    codes, categories = cells.labels("data_type")
    return _overdue(cells.age / np.array([*(periods.get(name, default) for name in categories), default])[codes])


def random_order(seed: int = 0) -> Policy:
    """All cells in an order that is drawn anew each round: what knowing nothing is worth."""
    return Policy(f"random_order({seed})", _random_order, memory=partial(np.random.default_rng, seed))


def _random_order(cells: Columns, memory: np.random.Generator) -> Floats:
    return 1.0 - memory.random(len(cells.age))
