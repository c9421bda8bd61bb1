"""The built-in strategies: each function makes one, and says its formula and where it is from.

In the formulas tau is the age of a cell in days (infinite if it was never read), w its weight, c its cost, rate the
changes a day at the source. Where the rate of a cell is unknown, the one that the sandbox assumes for its data type
takes its place. Strategies say what they want; budget, back-off and all limits are the engine's. From ``first`` on
strategies are made of strategies, built-in ones or any functions of the cells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from functools import cached_property, partial
from operator import attrgetter
from typing import Any, Final

import numpy as np
import pandas as pd

from codat_notebook.models.vocabulary import REPORTS, did_you_mean
from codat_notebook.strategies import indices, optimum
from codat_notebook.strategies.budget import days, of_day
from codat_notebook.strategies.cell_table import CELLS, DAY, Columns, ask, checked, moment, name_of
from codat_notebook.strategies.indices import Floats
from codat_notebook.strategies.learning import Learner, Prior, assumed_rates

_ROUNDING: Final = 1e-5  # of a priority
Strategy = Callable[..., Any]
Condition = Callable[..., Any] | Mapping[str, str | Sequence[str]]


@dataclass(frozen=True, eq=False, repr=False)
class Policy:
    """A strategy from this package: ``policy(cells)`` gives the priority of each cell, higher first.

    Simulations call ``score`` with ``Columns`` instead, on a ``fresh`` copy, because some policies remember what they
    saw (``learn``). It travels to other processes by pickle, remembering nothing.

    Parameters
    ----------
    name : how it was made, for tables and messages.
    function : a function of a module that takes the columns, the strategies in it, what is remembered and
        ``arguments``, and gives the priorities.
    arguments, inner : what it is given, and the strategies that it is made of.
    memory : makes what the function remembers from round to round.
    due : if it can be told, the age from which on the priority of each cell may exceed a floor.
    """

    name: str
    function: Callable[..., Floats]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    inner: tuple[Strategy, ...] = ()
    memory: Callable[[], Any] | None = None
    due: Callable[[Columns, float], Floats] | None = None

    def __repr__(self) -> str:
        return self.name

    def __call__(self, cells: pd.DataFrame, now: Any = None, budget_left: float | None = None) -> pd.Series[float]:
        """The priorities of the cells, with the cells' index. ``now`` matters to policies that know deadlines."""
        return pd.Series(self.score(Columns.of(cells, now, budget_left)), index=cells.index, name="priority")

    def __reduce__(self) -> tuple[Any, ...]:
        return Policy, (self.name, self.function, self.arguments, self.inner, self.memory, self.due)

    @cached_property
    def _parts(self) -> tuple[Any, ...]:
        """The strategies in it, and what it remembers."""
        return self.inner if self.memory is None else (*self.inner, self.memory())

    def score(self, columns: Columns) -> Floats:
        """The priorities as an array."""
        return self.function(columns, *self._parts, **self.arguments)

    def fresh(self) -> Policy:
        """The same policy, remembering nothing."""
        return replace(self, inner=tuple(map(fresh, self.inner)))

    def save(self) -> list[Any] | None:
        """What it and the strategies in it remember, as JSON can hold it; ``None``: nothing."""
        kept = [save(part) for part in self._parts]
        return kept if any(each is not None for each in kept) else None

    def load(self, kept: Sequence[Any]) -> None:
        """Remember what ``save`` gave."""
        for part, own in zip(self._parts, kept, strict=True):
            load(part, own)


def fresh(strategy: Any) -> Any:
    """A strategy as it is before the first round.

    What a strategy remembers is its own: one with a method ``fresh()`` gives one that remembers nothing, a class is
    made anew, and a plain function is as it is.
    """
    if isinstance(strategy, type):
        return strategy()
    return strategy.fresh() if hasattr(strategy, "fresh") else strategy


def save(strategy: Any) -> Any:
    """What a strategy remembers (what its ``save()`` gives), as JSON can hold it; ``None``: nothing."""
    return strategy.save() if hasattr(strategy, "save") else None


def load(strategy: Any, kept: Any) -> None:
    """Have a strategy remember what ``save`` gave."""
    if kept is not None:
        strategy.load(kept)


#: Objective -> the index W(rate, tau) that strategies put the cells in order by.
INDICES: Final[Mapping[str, Callable[[Floats, Floats], Floats]]] = {
    "freshness": indices.staleness, "age": indices.age, "since_sync": indices.since_sync,
}  # fmt: skip


def every(interval: str | float, **types: str | float) -> Policy:
    """Refresh what was read at least ``interval`` ago ("7D", "12h", a number of days), the most overdue first.

    tau / interval where it is >= 1: what Codat's own scheduler does, type by type. With equal weights and costs the
    uniform policy of Cho & Garcia-Molina 2000, which is never worse than refreshing in proportion to the changes.

    Parameters
    ----------
    interval : the rhythm of the types that are not named.
    types : data type -> rhythm. Types with a dash: ``every("7D", **{"banking-transactions": "1D"})``.
    """
    shown = ", ".join([repr(interval), *(f"{name}={own!r}" for name, own in types.items())])
    periods = {name: days(own) for name, own in types.items()}
    return Policy(f"every({shown})", _every, {"usual": days(interval), "periods": periods})


def _every(cells: Columns, usual: float, periods: Mapping[str, float]) -> Floats:
    codes, categories = cells.labels("data_type")
    own = np.array([*(periods.get(name, usual) for name in categories), usual])[codes] if periods else usual
    share = cells.age / own
    return np.where(share >= 1 - 1e-9, share, 0.0)  # what is a rounding error short of due is due


def oldest() -> Policy:
    """The oldest copy first: tau. Round robin; "Maximum Age First" in the literature (Sun et al. 2018)."""
    return Policy("oldest()", attrgetter("age"))


def optimal(objective: str = "freshness", *, max_age: str | float | None = "14D") -> Policy:
    """The cells whose refresh wins the most per cost: w W(rate, tau) / c, with the index W of the objective.

    ``"freshness"``: (1 - e^-x - x e^-x) / rate, x = rate tau (Cho & Garcia-Molina 2003; Kolobov et al. 2019). By itself
    it gives up what changes too fast to be kept fresh, such as orders and bank transactions, which who lends must see:
    hence ``max_age``. ``"age"``: tau^2/2 + tau e^-x / rate - (1 - e^-x) / rate^2.
    ``"since_sync"``: tau^2 / 2 (Kadota, Sinha, Modiano 2018).

    Parameters
    ----------
    objective : what to win.
    max_age : what was not read for so long (or never) comes first, the most overdue of it at the top; ``None``: never.
        Where the budget cannot hold it, all take turns, up to twice as often where a refresh wins more.
    """
    if objective not in INDICES:
        raise ValueError(
            f"optimal: no objective {objective!r}; there are {', '.join(INDICES)}.{did_you_mean(objective, INDICES)}"
        )
    oldest = None if max_age is None else days(max_age)
    shown = f"optimal({objective!r}{'' if max_age == '14D' else f', max_age={max_age!r}'})"
    due = partial(_due, max_age=oldest) if objective == "freshness" else None
    return Policy(shown, worth, {"objective": objective, "max_age": oldest}, due=due)


def _due(cells: Columns, floor: float, max_age: float | None) -> Floats:
    """The age from which on the ``worth`` of each cell may be over a floor; missing: never."""
    problem = optimum.Problem.of(assumed_rates(cells), 0.0, cells.weight, cells.cost)
    due = np.minimum(optimum.interval_at(problem, floor * (1 - _ROUNDING)), max_age or np.inf)
    return np.where(cells.weight > 0, due, np.nan)


def worth(cells: Columns, objective: str, max_age: float | None) -> Floats:
    """w W / c; what is not read for ``max_age`` comes first. A weight of 0 means never, whatever else is said."""
    age = cells.age
    with np.errstate(invalid="ignore"):  # a weight of 0 of a cell that is worth everything: no priority
        if objective == "freshness" and cells.belief is not None:
            value = indices.staleness_believed(*cells.belief, age)
        else:
            value = INDICES[objective](assumed_rates(cells), age)
        value *= cells.weight
        value /= cells.cost
    if max_age is not None and (late := age >= max_age).any():
        rows = np.flatnonzero(late & (cells.weight > 0))
        won = np.clip(value[rows], 1e-300, 1e300)
        usual = np.partition(won, len(won) // 2)[len(won) // 2] if len(won) else 0.0
        overdue = np.minimum(age[rows] / max_age, 1e6) * (1 + won / (won + usual))
        value[rows] = 0.0
        value[rows] = np.fmax.reduce(value, initial=1.0) * (1 + overdue)
    return value


def gives_up(strategy: Any) -> bool:
    """Whether a strategy, or one in it, goes by freshness, which gives up what changes too fast."""
    return isinstance(strategy, Policy) and (
        strategy.arguments.get("objective") == "freshness" or any(map(gives_up, strategy.inner))
    )


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
    return Policy(f"learn({name_of(inner)})", _learn, inner=(inner,), memory=partial(Learner, prior))


def _learn(cells: Columns, strategy: Strategy, memory: Learner) -> Floats:
    return ask(strategy, cells.believing(*memory.believed(cells)))


def keep_alive(limit: str | float = "25D") -> Policy:
    """One cell of each connection of which nothing was read for ``limit``, the longest neglected connection first.

    Tokens of platforms die unused; Codat's own advice is a sync before 25 days are over. min tau / limit over the
    connection, given to its cheapest cell that failed least.
    """
    return Policy(f"keep_alive({limit!r})", _keep_alive, {"limit": days(limit)})


def _keep_alive(cells: Columns, limit: float) -> Floats:
    priority = np.zeros(len(cells.age))
    if cells.age.max(initial=0.0) >= limit:
        connection = cells.groups("company", "connection")
        youngest = np.full(connection.max() + 1, np.inf)
        np.minimum.at(youngest, connection, cells.age)
        rows = np.flatnonzero(youngest[connection] >= limit)
        unfit = cells.matches("status", "NotSupported")[rows] | (cells.in_progress[rows] > 0)
        rows = rows[np.lexsort((cells.cost[rows], cells.failures[rows], unfit, connection[rows]))]
        chosen = rows[np.unique(connection[rows], return_index=True)[1]]
        priority[chosen] = youngest[connection[chosen]] / limit
    return priority


def first(*strategies: Strategy) -> Policy:
    """All that the first strategy wants, then what the second wants of the rest, and so on: lexicographic order."""
    if not strategies:
        raise ValueError("first: give at least one strategy")
    return Policy(f"first({', '.join(map(name_of, strategies))})", _first, inner=strategies)


def _first(cells: Columns, *strategies: Strategy) -> Floats:
    priority = np.zeros(len(cells.age))
    for strategy in reversed(strategies):  # each one's cells are put above all that are ranked so far
        wanted = ask(strategy, cells)
        order = np.argsort(wanted, kind="stable")
        order = order[wanted[order] > 0]
        ranked = np.append(0.0, wanted[order])
        priority[order] = priority.max(initial=0.0) + np.cumsum(ranked[1:] > ranked[:-1])
    return priority


def where(condition: Condition, strategy: Strategy) -> Policy:
    """A strategy for some of the cells only; the others are not wanted.

    Parameters
    ----------
    condition : column -> text or texts, all of which must fit, or a function of the cells that gives True and False.
    strategy : whom to ask for those cells.

    Examples
    --------
    >>> where({"data_type": ["invoices", "bills"], "platform": "Xero"}, optimal())
    where({'data_type': ['invoices', 'bills'], 'platform': 'Xero'}, optimal('freshness'))
    """
    shown = name_of(condition) if callable(condition) else repr(dict(condition))
    texts = [name for name, kind in CELLS.items() if kind == "category"]
    if not callable(condition) and (unknown := [repr(name) for name in condition if name not in texts]):
        raise ValueError(f"where: cells have no text column {', '.join(unknown)}; there are {', '.join(texts)}")
    return Policy(f"where({shown}, {name_of(strategy)})", _where, {"condition": condition}, (strategy,))


def _where(cells: Columns, strategy: Strategy, condition: Condition) -> Floats:
    if callable(condition):
        frame = cells.frame()
        fits = np.nan_to_num(checked(condition(frame), frame, name_of(condition))) != 0
    else:
        masks = [cells.matches(column, wanted) for column, wanted in condition.items()]
        fits = np.logical_and.reduce([np.ones(len(cells.age), dtype=bool), *masks])
    return np.where(fits, ask(strategy, cells), 0.0)


def bundle(report: str | Sequence[str], strategy: Strategy | None = None) -> Policy:
    """The data types of a report together, company by company: figures of different days do not add up.

    All cells of a company in the report get one priority: what the strategy gives them, averaged by their cost. (A set
    refreshed together has the sum of the changes, weights and costs.) Cells outside the report keep their own.

    Parameters
    ----------
    report : a report of ``codat_notebook.models.vocabulary.REPORTS``, or the data types.
    strategy : whom to ask; ``optimal()`` by default.
    """
    if isinstance(report, str) and report not in REPORTS:
        meant = did_you_mean(report, REPORTS)
        raise ValueError(
            f"bundle: no report {report!r}; there are {', '.join(REPORTS)}, or give the data types.{meant}"
        )
    types = REPORTS[report] if isinstance(report, str) else tuple(report)
    inner = optimal() if strategy is None else strategy
    return Policy(f"bundle({report!r}, {name_of(inner)})", _bundle, {"types": types}, (inner,))


def _bundle(cells: Columns, strategy: Strategy, types: tuple[str, ...]) -> Floats:
    wanted = np.fmax(ask(strategy, cells), 0.0)
    inside = np.flatnonzero(cells.matches("data_type", types))
    company, cost = cells.groups("company")[inside], cells.cost[inside]
    worth = np.bincount(company, wanted[inside] * cost, minlength=1)
    total = np.bincount(company, cost, minlength=1)
    wanted[inside] = worth[company] / total[company]
    return wanted


def before(deadline: str | time | datetime | None = None, within: str | float = "6h") -> Policy:
    """Have the cells fresh at a deadline, the earliest deadline first (Liu & Layland 1973), and want nothing else.

    A cell is wanted from ``within`` before its deadline on, or from twice its ``latency_p95`` if that is more: time for
    one retry. Once read in that time it is done. 1 / days left.

    Parameters
    ----------
    deadline : ``"07:00"`` (UTC, every day), one moment, or by default each cell's own ``due``.
    within : how old a copy may be at the deadline.
    """
    try:
        if isinstance(deadline, time) or (isinstance(deadline, str) and len(deadline) <= 8):
            at: float | np.datetime64 | None = of_day(deadline)
        else:
            at = None if deadline is None else moment(deadline)
    except ValueError:
        message = f'before: a time of day such as "07:00" (UTC), or a moment, not {deadline!r}'
        raise ValueError(message) from None
    return Policy(f"before({deadline!r}, {within!r})", _before, {"deadline": at, "within": days(within)})


def _before(cells: Columns, deadline: float | np.datetime64 | None, within: float) -> Floats:
    left: Any  # days until the deadline, of each cell or of all, NaN where there is none
    if deadline is None:
        left = cells.due
    elif isinstance(deadline, float):  # a share of each day; at the very moment the next day's begins to count
        left = (deadline - (cells.now - cells.now.astype("datetime64[D]")) / DAY) % 1.0 or 1.0
    else:
        left = (deadline - cells.now) / DAY
    window = np.maximum(within, 2 * cells.latency_p95)
    open_ = (left > 0) & (left <= window) & (cells.age > window - left)
    return np.where(open_, 1 / np.where(open_, left, 1.0), 0.0)
