"""The same strategy on real companies: one round, as a plan to read first and then as a run to watch.

``run_strategy`` reads the cells, asks the strategy, applies the limits that simulations apply, and either gives the
plan or has it refreshed; the round itself stands in ``strategies.rounds``. It keeps no clock of its own: call it from
your scheduler, as often as ``every`` says. What a round leaves to the next (unspent budget, what the strategy learned)
stands in the journal, written in one step with the plan: a round that ends before that has spent nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, overload

from codat_notebook.planning.plan_view import plan_frame
from codat_notebook.runs.folder import left_notes
from codat_notebook.runs.journal import Start
from codat_notebook.runs.records import logger
from codat_notebook.runs.run import RefreshRun
from codat_notebook.runs.targets import read_targets
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
    saved: dict[str, Any] | None = ..., **options: Any,
) -> pd.DataFrame: ...  # fmt: skip
@overload
def run_strategy(
    session: Session, strategy: Strategy, budget: str | Budget = ..., *, dry_run: Literal[False] = ...,
    every: str | float = ..., journal: str | Path | None = ..., limits: Limits | None = ..., reserve: float = ...,
    saved: dict[str, Any] | None = ..., **options: Any,
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
    saved: dict[str, Any] | None = None,
    **options: Any,
) -> pd.DataFrame | RefreshRun:
    """One round of a refresh strategy on real companies.

    Parameters
    ----------
    session, strategy : of whom, and how; the strategy is the same that ``simulate`` takes, and sees the same table.
    budget : "500 refreshes/day", "2000 requests/day", or money ("30 GBP/day", with ``prices=``).
    dry_run : give the plan and queue nothing.
    every : how often you call this; a round may spend what falls to that time, and what the rounds before left of
        theirs, as far as ``limits.saved`` goes. "1D": a day's budget.
    journal : a file that the run is written down in, so that ``session.resume(journal)`` finishes it after a crash.
        It also keeps what the round leaves to the next.
    limits : what no strategy can break; see ``strategies.Limits``.
    reserve : share of the day's quota of requests that is left to others.
    saved : a dictionary that keeps what a round leaves in place of the journal: empty before the first one, changed by
        each. JSON can hold it. Without it and without a journal nothing is carried over.
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

    Examples
    --------
    >>> run_strategy(session, optimal(), budget="50 refreshes/day", dry_run=True)  # doctest: +SKIP
    >>> run_strategy(session, optimal(), budget="50 refreshes/day", journal="round.sqlite")  # doctest: +SKIP
    """
    money, rules, period = Budget.of(budget), limits or Limits(), days(every)
    left = saved if saved is not None else _left_in(journal)
    before = session.request_log.appended
    cells = session.cells(reserve=reserve, **options)
    read = session.request_log.appended - before
    plan, leaves = plan_round(strategy, cells, money, period, rules, session.context.now, left, read)
    if dry_run:
        return plan_frame(plan, session.quota)
    _tell(plan, name_of(strategy), leaves["credit"], money.unit)
    notes = {_NOTE: json.dumps(leaves)}
    targets = read_targets(plan, (), None, None)
    run = session._begin(lambda: Start.of(session.context, targets, journal, reserve, notes=notes))
    if saved is not None:
        saved.clear()
        saved.update(leaves)
    return run


#: Under which name the journal keeps what a round leaves.
_NOTE: Final = "strategy"


def _left_in(journal: str | Path | None) -> Mapping[str, Any]:
    """What the last round of a journal left."""
    notes = left_notes(journal) if journal is not None else {}
    return json.loads(notes[_NOTE]) if _NOTE in notes else {}


def _tell(plan: pd.DataFrame, name: str, rest: float, unit: str) -> None:
    """The round and its reasons, into the log."""
    queued = plan[plan["action"] == "queue"]
    assumed = float((plan["rate_from"] == "assumed").mean()) if len(plan) else 0.0
    logger.info(
        "Strategy %s: %d of %d cells for %.6g %s, %.6g left; rates assumed for %.0f %%",
        name, len(queued), len(plan), float(queued["cost"].sum()), unit, rest, 100 * assumed,
    )  # fmt: skip
    for row in queued.itertuples(index=False):
        logger.info("Strategy %s: %s of %s, %s: %s", name, row.data_type, row.company_id, row.connection_id, row.reason)
