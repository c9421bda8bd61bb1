"""The same strategy on real companies: one round, as a plan to read first and then as a run to watch.

``run_strategy`` reads the cells, asks the strategy, applies the limits that simulations apply, and either gives the
plan or has it refreshed; the round itself stands in ``strategies.rounds``. It keeps no clock of its own: call it from
your scheduler, as often as ``every`` says.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from codat_notebook.runs.records import logger
from codat_notebook.runs.run import RefreshRun
from codat_notebook.session import Session
from codat_notebook.strategies.budget import Budget, days
from codat_notebook.strategies.cell_table import name_of
from codat_notebook.strategies.policies import Strategy
from codat_notebook.strategies.rounds import Limits, plan_round

if TYPE_CHECKING:
    import pandas as pd


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
    money, rules, period = Budget.of(budget), limits or Limits(), days(every)
    cells = session.cells(reserve=reserve, **options)
    plan = plan_round(strategy, cells, money, period, rules, session.context.now)
    if dry_run:
        return plan
    _tell(plan, name_of(strategy), rules.a_day(money) * period, money.unit)
    return session.refresh(plan, journal=journal, reserve=reserve)


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
