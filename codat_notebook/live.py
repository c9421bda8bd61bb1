"""The same strategy on real companies: one round, as a plan to read first and then as a run to watch.

``run_strategy`` reads the cells, asks the strategy, applies the limits that simulations apply, and either gives the
plan or has it refreshed. It keeps no clock of its own: call it from your scheduler, as often as ``every`` says.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, overload

import numpy as np
from numpy.typing import NDArray

from codat_notebook import frames
from codat_notebook.runs.records import logger
from codat_notebook.runs.run import RefreshRun
from codat_notebook.session import Session
from codat_notebook.strategies.budget import Budget, days
from codat_notebook.strategies.cell_table import CELLS, Columns, name_of
from codat_notebook.strategies.indices import Floats
from codat_notebook.strategies.policies import Strategy, score
from codat_notebook.strategies.rounds import KeepAlive, Limits, choose

if TYPE_CHECKING:
    import pandas as pd

#: Column -> kind of the plan: what ``session.refresh`` needs, then why.
STRATEGY_PLAN: Final = {
    "company_id": "category", "company": "text", "connection_id": "category", "data_type": "category",
    "platform": "category", "status": "category", "age": "duration", "action": "category", "reason": "text",
    "priority": "number", "cost": "number", "rate": "number", "rate_from": "category",
}  # fmt: skip
#: Requests of a refresh, as in simulations: one that queues it, one look at it.
_REQUESTS = 2.0
_NEVER = "never read"


@overload
def run_strategy(
    session: Session, strategy: Strategy, budget: str | Budget = ..., *, dry_run: Literal[True],
    every: str | float = ..., journal: str | Path | None = ..., limits: Limits | None = ..., reserve: float = ...,
    **options: Any,
) -> pd.DataFrame: ...  # fmt: skip
@overload
def run_strategy(
    session: Session, strategy: Strategy, budget: str | Budget = ..., *, dry_run: Literal[False] = ...,
    every: str | float = ..., journal: str | Path | None = ..., limits: Limits | None = ..., reserve: float = ...,
    **options: Any,
) -> RefreshRun: ...  # fmt: skip
def run_strategy(
    session: Session,
    strategy: Strategy,
    budget: str | Budget = "500 refreshes/day",
    *,
    dry_run: bool = False,
    every: str | float = "1D",
    journal: str | Path | None = None,
    limits: Limits | None = None,
    reserve: float = 0.1,
    **options: Any,
) -> pd.DataFrame | RefreshRun:
    """One round of a refresh strategy on real companies.

    Parameters
    ----------
    session, strategy : of whom, and how; the strategy is the same that ``simulate`` takes, and sees the same table.
    budget : "500 refreshes/day", "2000 requests/day", or money ("30 GBP/day", with ``prices=``).
    dry_run : give the plan and queue nothing.
    every : how often you call this; a round may spend what falls to that time. "1D": a day's budget.
    journal : a file that the run is written down in, so that ``session.resume(journal)`` finishes it after a crash.
    limits : what no strategy can break; see ``strategies.Limits``. How many run at a time is the run's to hold.
    reserve : share of the day's quota of requests that is left to others.
    options : of whom and what is known, as in ``session.cells``: companies, data_types, report, tags, platform,
        observed (changes that were seen), known (weights, rates, deadlines), prices.

    Returns
    -------
    With ``dry_run`` a frame, a row a cell, those to queue first: what ``session.refresh`` takes, with ``reason``,
    ``priority``, ``cost``, and the ``rate`` with where it is from (``rate_from``: observed, given, assumed). Else the
    run, whose live view has the button that stops it; the reasons stand in the log ``codat_notebook``.

    Raises
    ------
    StrategyError : the strategy raised, or gave no number for each cell; with the rows. ValueError : no such budget.

    >>> run_strategy(session, optimal(), budget="50 refreshes/day", dry_run=True)  # doctest: +SKIP
    >>> run_strategy(session, optimal(), budget="50 refreshes/day", journal="round.sqlite")  # doctest: +SKIP
    """
    money, rules = Budget.of(budget), limits or Limits()
    amount = money.a_day * (1 - rules.reserve) * days(every)
    cells = session.cells(reserve=reserve, **options)
    plan = plan_round(strategy, cells, amount, money.unit, rules, session.context.now)
    if dry_run:
        return plan
    _tell(plan, name_of(strategy), amount, money.unit)
    return session.refresh(plan, journal=journal, reserve=reserve)


def plan_round(
    strategy: Strategy, cells: pd.DataFrame, amount: float, unit: str, limits: Limits, now: Any
) -> pd.DataFrame:
    """What a strategy would refresh of ``cells`` (as of ``session.cells``) with ``amount`` to spend; pure."""
    seen = cells[list(CELLS)].assign(cost=_costs(cells, unit))
    columns = Columns.of(seen, now, amount)
    wanted = score(strategy, columns)
    guard = KeepAlive(limits)
    guard.look(columns)
    priority = guard(wanted, columns)
    company, cost, age = columns.groups("company"), columns.cost, columns.age
    waiting = columns.retry_at > 0
    eligible = cells["obstacle"].isna().to_numpy(bool) & ~waiting & (columns.in_progress == 0)
    room = np.full(int(company.max(initial=-1)) + 1, len(cells))  # how many at a time is for the run to hold
    rows = choose(priority, eligible, cost, amount, company, room, len(cells))
    reasons = _skipped(cells, priority, waiting)
    left = amount - np.cumsum(cost[rows])
    for row, rest in zip(rows, left, strict=True):
        alive = np.isinf(priority[row]) and priority[row] != wanted[row]
        why = "keeps the connection alive" if alive else f"priority {priority[row]:.3g}"
        reasons[row] = f"{why}, {_age(float(age[row]))}, {rest:,.6g} of {amount:,.6g} {unit} left"
    return _frame(cells, priority, rows, reasons, cost)


def _costs(cells: pd.DataFrame, unit: str) -> Floats:
    """What a refresh of each cell costs in the budget's unit."""
    if unit in ("refreshes", "requests"):
        return np.full(len(cells), 1.0 if unit == "refreshes" else _REQUESTS)
    price = cells["price"].to_numpy(np.float64)
    if np.isnan(price).any():
        unknown = sorted({str(name) for name in cells["platform"][np.isnan(price)]})
        raise ValueError(f"A budget in {unit} needs prices= of a refresh; unknown for {', '.join(unknown)}.")
    return price


def _skipped(cells: pd.DataFrame, priority: Floats, waiting: NDArray[np.bool_]) -> list[str]:
    """Why each cell is left out, if it is."""
    reasons = []
    for row, obstacle in enumerate(cells["obstacle"].astype(object).where(cells["obstacle"].notna(), "")):
        if obstacle:
            reasons.append(str(obstacle))
        elif waiting[row]:
            kind, until = cells["last_error"].iloc[row], cells["retry_at"].iloc[row]
            reasons.append(f"waits until {until:%Y-%m-%d %H:%M} UTC after {cells['failures'].iloc[row]} x {kind}")
        else:
            reasons.append("beyond the budget" if priority[row] > 0 else "not wanted now")
    return reasons


def _age(age: float) -> str:
    return _NEVER if np.isinf(age) else f"{age:.1f} days old"


def _frame(
    cells: pd.DataFrame, priority: Floats, rows: NDArray[np.intp], reasons: list[str], cost: Floats
) -> pd.DataFrame:
    """The plan: what is queued in its order, then the rest, the most wanted first."""
    import pandas as pd

    chosen = np.zeros(len(cells), dtype=bool)
    chosen[rows] = True
    rest = np.flatnonzero(~chosen)
    shown = np.nan_to_num(priority, nan=0.0, posinf=np.inf, neginf=-np.inf)
    order = np.concatenate([rows, rest[np.argsort(-shown[rest], kind="stable")]])
    known = np.isfinite(cells["age"])  # pandas 2.2 multiplies what is missing, too, and at times numpy warns of that
    age = pd.to_timedelta(cells["age"].where(known, 0.0), unit="D").where(known)
    columns = {
        "company_id": cells["company"], "company": cells["name"], "connection_id": cells["connection"],
        "data_type": cells["data_type"], "platform": cells["platform"], "status": cells["status"], "age": age,
        "action": pd.Series(np.where(chosen, "queue", "skip")), "reason": pd.Series(reasons, dtype="string"),
        "priority": pd.Series(priority), "cost": pd.Series(cost), "rate": cells["rate"],
        "rate_from": cells["rate_from"],
    }  # fmt: skip
    given = {
        name: list(column.astype(object).where(column.notna(), None).iloc[order]) for name, column in columns.items()
    }
    return frames.build(STRATEGY_PLAN, given)


def _tell(plan: pd.DataFrame, name: str, amount: float, unit: str) -> None:
    """The round and its reasons, into the log."""
    queued = plan[plan["action"] == "queue"]
    assumed = float((plan["rate_from"] == "assumed").mean()) if len(plan) else 0.0
    logger.info(
        "Strategy %s: %d of %d cells, %.6g of %.6g %s; rates assumed for %.0f %%",
        name, len(queued), len(plan), float(queued["cost"].sum()), amount, unit, 100 * assumed,
    )  # fmt: skip
    for row in queued.itertuples(index=False):
        logger.info("Strategy %s: %s of %s, %s: %s", name, row.data_type, row.company_id, row.connection_id, row.reason)
