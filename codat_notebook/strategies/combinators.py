"""Strategies made of strategies, and those that look at more than one cell: reports, deadlines.

What goes in may be a built-in strategy or any function of the cells; what comes out is a policy like the built-in ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codat_notebook.models.vocabulary import REPORTS
from codat_notebook.strategies.budget import days, of_day
from codat_notebook.strategies.cell_table import CELLS, Columns, ask, checked, days_between, moment, name_of
from codat_notebook.strategies.indices import Floats
from codat_notebook.strategies.policies import Policy, Strategy, optimal

Condition = Callable[..., Any] | Mapping[str, str | Sequence[str]]


def first(*strategies: Strategy) -> Policy:
    """All that the first strategy wants, then what the second wants of the rest, and so on: lexicographic order."""
    if not strategies:
        raise ValueError("first: give at least one strategy")
    return Policy(f"first({', '.join(map(name_of, strategies))})", _first, {"strategies": list(strategies)})


def _first(cells: Columns, strategies: list[Strategy]) -> Floats:
    priority = np.zeros(len(cells.age))
    for strategy in reversed(strategies):  # each one's cells are put above all that are ranked so far
        wanted = ask(strategy, cells)
        order = np.argsort(wanted, kind="stable")
        order = order[wanted[order] > 0]
        priority = np.where(priority > 0, priority, 0.0)
        priority[order] = priority.max(initial=0.0) + 1 + np.unique(wanted[order], return_inverse=True)[1]
    return priority


def where(condition: Condition, strategy: Strategy) -> Policy:
    """A strategy for some of the cells only; the others are not wanted.

    Parameters
    ----------
    condition : column -> text or texts, all of which must fit, or a function of the cells that gives True and False.
    strategy : whom to ask for those cells.

    >>> where({"data_type": ["invoices", "bills"], "platform": "Xero"}, optimal())
    where({'data_type': ['invoices', 'bills'], 'platform': 'Xero'}, optimal('freshness'))
    """
    shown = name_of(condition) if callable(condition) else repr(dict(condition))
    if not callable(condition):
        _check_texts("where", condition)
    return Policy(f"where({shown}, {name_of(strategy)})", _where, {"condition": condition, "strategy": strategy})


def _where(cells: Columns, condition: Condition, strategy: Strategy) -> Floats:
    return np.where(_fits(cells, condition), ask(strategy, cells), 0.0)


def _fits(cells: Columns, condition: Condition) -> NDArray[np.bool_]:
    if callable(condition):
        frame = cells.frame()
        answer = checked(condition(frame), frame, name_of(condition))
        return np.asarray(np.nan_to_num(answer) != 0)
    masks = [cells.matches(column, wanted) for column, wanted in condition.items()]
    return np.logical_and.reduce(masks) if masks else np.ones(len(cells.age), dtype=bool)


def limit(strategy: Strategy, most: int, per: str | None = None) -> Policy:
    """The ``most`` first cells of a strategy in each round, in all or ``per`` company, platform or other column."""
    if most < 0:
        raise ValueError(f"limit: expected a number of cells >= 0, not {most}")
    _check_texts("limit", [] if per is None else [per])
    arguments = {"strategy": strategy, "most": most, "per": per}
    return Policy(f"limit({name_of(strategy)}, {most}, {per!r})", _limit, arguments)


def _limit(cells: Columns, strategy: Strategy, most: int, per: str | None) -> Floats:
    wanted = _wanted(cells, strategy)
    group = cells.groups(per) if per else np.zeros(len(wanted), dtype=np.int64)
    order = np.lexsort((-wanted, group))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order)) - np.searchsorted(group[order], group[order])
    return np.where(place < most, wanted, 0.0)


def _wanted(cells: Columns, strategy: Strategy) -> Floats:
    """What a strategy wants, 0 where it wants nothing."""
    priority = ask(strategy, cells)
    return np.where(priority > 0, priority, 0.0)


def _check_texts(who: str, names: Iterable[str]) -> None:
    texts = [name for name, kind in CELLS.items() if kind == "category"]
    unknown = [repr(name) for name in names if name not in texts]
    if unknown:
        raise ValueError(f"{who}: cells have no text column {', '.join(unknown)}; there are {', '.join(texts)}")


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
        raise ValueError(f"bundle: no report {report!r}; there are {', '.join(REPORTS)}, or give the data types")
    types = REPORTS[report] if isinstance(report, str) else tuple(report)
    inner = optimal() if strategy is None else strategy
    return Policy(f"bundle({report!r}, {name_of(inner)})", _bundle, {"types": types, "strategy": inner})


def _bundle(cells: Columns, types: tuple[str, ...], strategy: Strategy) -> Floats:
    wanted = _wanted(cells, strategy)
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
    arguments = {"deadline": at, "within": days(within)}
    return Policy(f"before({deadline!r}, {within!r})", _before, arguments)


def _before(cells: Columns, deadline: float | np.datetime64 | None, within: float) -> Floats:
    left = _left(deadline, cells)
    window = np.maximum(within, 2 * cells.latency_p95)
    open_ = (left > 0) & (left <= window) & (cells.age > window - left)
    return np.where(open_, 1 / np.where(open_, left, 1.0), 0.0)


def _left(deadline: float | np.datetime64 | None, cells: Columns) -> Floats:
    """Days until the deadline of each cell, NaN where there is none; a number is a share of each day."""
    if deadline is None:
        return cells.due
    if isinstance(deadline, float):
        gone = (cells.now - cells.now.astype("datetime64[D]")) / np.timedelta64(1, "D")
        # At the very moment of the deadline the next day's begins to count.
        return np.full(len(cells.age), (deadline - gone) % 1.0 or 1.0)
    return days_between(cells.now, np.full(len(cells.age), deadline))
