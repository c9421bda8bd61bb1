"""The same strategy on real companies: the plan, and the run it becomes."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import codat_notebook as cn
from codat_notebook.live import run_strategy
from codat_notebook.models.shared import Security
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session
from codat_notebook.strategies import CELLS, Limits, StrategyError, oldest, optimal, table
from codat_notebook.strategies.budget import Budget
from codat_notebook.strategies.rounds import STRATEGY_PLAN, plan_round

NOW = pd.Timestamp("2026-11-23T12:00:00Z")
DAYS = pd.Timedelta(days=3)
ONLINE = ("Xero", "QuickBooks Online", "FreeAgent", "Oracle NetSuite")  # nobody waits for the night there


def cells(**columns: Any) -> pd.DataFrame:
    """Three cells of two companies, as ``session.cells`` gives them."""
    given: dict[str, Any] = {
        "company": ["a", "a", "b"], "connection": ["x", "x", "y"], "data_type": ["bills", "invoices", "bills"],
        "platform": ["Xero", "Xero", "Sage"], "age": [1.0, 5.0, 3.0], "rate": [1.0, np.nan, 1.0],
    }  # fmt: skip
    frame = table({**given, **{name: value for name, value in columns.items() if name in CELLS}})
    extra = {
        "rate_from": ["given", "assumed", "given"],
        "name": "Toft",
        "obstacle": None,
        "price": np.nan,
        "latency": 0.0,
    }
    return frame.assign(**{**extra, **{name: value for name, value in columns.items() if name not in CELLS}})


def plan(
    strategy: Any, amount: float = 2.0, unit: str = "refreshes", limits: Any = None, **columns: Any
) -> pd.DataFrame:
    """A round on the three cells."""
    return plan_round(strategy, cells(**columns), Budget(amount, unit), 1.0, limits or Limits(), NOW).plan


def test_a_plan_says_what_and_why() -> None:
    """What is queued first, in its order; each row with priority, age, what is left, and where its rate is from."""
    found = plan(oldest())
    assert list(found) == list(STRATEGY_PLAN)
    assert found["action"].tolist() == ["queue", "queue", "skip"]
    assert found["priority"].tolist() == [5.0, 3.0, 1.0]
    assert found["reason"].tolist() == [
        "due; read 5.0 days ago, priority 5, 1 of 2 refreshes left",
        "due; read 3.0 days ago, priority 3, 0 of 2 refreshes left",
        "beyond the budget",
    ]
    assert found["rate_from"].tolist() == ["assumed", "given", "given"]
    assert found["age"].dt.days.tolist() == [5, 3, 1]
    none = cells().iloc[:0].reset_index(drop=True)
    empty = plan_round(oldest(), none, Budget(1.0, "refreshes"), 1.0, Limits(), NOW).plan
    assert empty.dtypes.map(str).equals(found.dtypes.map(str))


def test_no_strategy_breaks_a_limit() -> None:
    """Obstacles, waits and what is on its way stay out, whatever is wanted, and each says why."""
    found = plan(
        lambda cells: np.inf * cells.weight, amount=9, obstacle=["not linked", None, None], failures=[0, 3, 0],
        last_error=[None, "FetchError", None], retry_at=[None, NOW + pd.Timedelta(hours=1), None],
        age=[np.inf, np.inf, 2.0],
    ).set_index("data_type")  # fmt: skip
    assert found["reason"].tolist() == [
        "due; read 2.0 days ago, before all others, 8 of 9 refreshes left",
        "not linked",
        "failed, too soon to retry; 3 × FetchError, again from 2026-11-23 13:00 UTC",
    ]
    running = plan(oldest(), obstacle=[None, "in progress", None], in_progress=[False, True, False])
    assert running["action"].tolist() == ["queue", "queue", "skip"]
    assert running["reason"].iloc[2] == "in progress"


def test_a_cell_that_waits_does_not_hold_up_the_budget() -> None:
    """Budget has come in until this round, whatever waits for how long."""
    waits = {"failures": [1, 0, 0], "last_error": ["ValidationError", None, None], "retry_at": [NOW + DAYS, None, None]}
    left = plan_round(oldest(), cells(**waits), Budget(1.0, "refreshes"), 1.0, Limits(), NOW).left
    assert left["paid"] == NOW.isoformat()
    later = plan_round(oldest(), cells(**waits), Budget(1.0, "refreshes"), 1.0, Limits(), NOW + DAYS / 3, left)
    assert (later.plan["action"] == "queue").sum() == 1


def test_the_same_priorities_are_queued_as_simulated() -> None:
    """Cells that nothing was wanted of are left; a connection near its end is refreshed before all else."""
    found = plan(lambda cells: cells.age * 0, age=[24.0, 24.5, 3.0])
    assert (
        found["reason"].tolist()[0]
        == "to keep the connection alive; read 24.0 days ago, before all others, 1 of 2 refreshes left"
    )
    assert found["reason"].tolist()[1:] == ["not wanted now", "not wanted now"]
    assert (plan(lambda cells: cells.age * 0, limits=Limits(keep_alive=None))["action"] == "skip").all()


def test_money_needs_prices() -> None:
    """A budget in money is spent at the prices; a platform without one is named."""
    found = plan(oldest(), amount=0.5, unit="GBP", price=[0.1, 0.45, 0.2])
    assert found["action"].tolist() == ["queue", "skip", "skip"]
    assert found["cost"].tolist()[0] == 0.45
    with pytest.raises(ValueError, match="A budget in GBP needs prices= of a refresh; unknown for Sage, Xero"):
        plan(oldest(), unit="GBP")
    # Three requests read the two companies and their list; three queue, read and look for a company's first refresh.
    for amount, queued in ((5.9, 0), (6, 1), (8.9, 1), (9, 2), (9.9, 2), (10, 3)):
        assert (plan(oldest(), amount=amount, unit="requests")["action"] == "queue").sum() == queued


def test_what_freshness_gives_up_is_told_with_its_budget() -> None:
    """Live, in the reason: which cells a budget is too small for, and from which on it would not be."""
    found = plan(optimal(), amount=1.0, rate=[0.2, 30.0, 0.2], age=[1.0, 5.0, 3.0]).set_index("data_type")
    assert "freshness alone gives it up below" in found["reason"]["invoices"]
    need = float(found["reason"]["invoices"].split("below ")[1].split(" ")[0])
    assert "gives it up" not in " ".join(plan(optimal(), amount=need + 0.1, rate=[0.2, 30.0, 0.2])["reason"])
    assert "gives it up" not in " ".join(plan(optimal("age"), rate=[0.2, 30.0, 0.2])["reason"])
    inside = cn.strategies.first(cn.strategies.keep_alive(), optimal())
    assert "gives it up" in " ".join(plan(inside, amount=1.0, rate=[0.2, 30.0, 0.2])["reason"])


def test_nonsense_shows_the_rows() -> None:
    """A strategy that answers with texts is refused with the cells that it gave them for."""
    with pytest.raises(StrategyError, match=r"no numbers.*\n.*\n0 +a +x +bills +soon"):
        plan(lambda cells: ["soon", 1, 2])


@pytest.fixture
def session() -> Iterator[Session]:
    """A session on a sandbox whose hours pass in seconds."""
    with (
        Sandbox(seed=3, speed=600) as sandbox,
        Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session,
    ):
        yield session


def test_a_round_on_a_session(session: Session, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The dry run queues nothing; the run queues what it showed, writes its journal, and logs the reasons."""
    caplog.set_level(logging.INFO, "codat_notebook")
    options: dict[str, Any] = {"budget": "48 refreshes/day", "every": "3h", "report": "financials", "platform": ONLINE}
    shown = cn.run_strategy(session, optimal("age"), dry_run=True, **options)
    queued = shown[shown["action"] == "queue"]
    assert len(queued) == 6
    assert not any(attempt.method == "POST" for attempt in session.request_log)
    assert set(shown["rate_from"]) == {"assumed"}
    run = run_strategy(session, optimal("age"), journal=tmp_path / "round.sqlite", **options)
    assert run.wait(timeout=60).done
    done = run.operations[["company_id", "connection_id", "data_type"]].astype(str)
    asked = queued[["company_id", "connection_id", "data_type"]].astype(str)
    assert set(done.itertuples(index=False, name=None)) == set(asked.itertuples(index=False, name=None))
    assert (tmp_path / "round.sqlite").exists()
    told = [record.message for record in caplog.records if "Strategy optimal('age')" in record.message]
    assert len(told) == 7
    assert "6 of 31 cells for 6 refreshes, 0 left; rates assumed for 100 %" in told[0]
    assert told[1].endswith("refreshes left")


def test_a_round_that_wants_nothing_ends_at_once(session: Session) -> None:
    """No cell, no request that queues; the run is done."""
    run = run_strategy(session, lambda cells: cells.age * 0, limits=Limits(keep_alive=None))
    assert run.wait(timeout=30).phase == "done"
    assert len(run.operations) == 0
    assert not any(attempt.method == "POST" for attempt in session.request_log)


def test_the_reserve_is_left_to_others() -> None:
    """Cells are read down to it, and the run holds to it."""
    with (
        Sandbox(companies=3, speed=0, start=datetime(2026, 11, 23, 12, tzinfo=UTC)) as sandbox,  # no day ends
        Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session,
    ):
        assert len(session.companies()) == 3  # the answer tells the quota
        assert run_strategy(session, oldest(), dry_run=True, reserve=0.99999).empty
        run = run_strategy(session, lambda cells: cells.age * 0, limits=Limits(keep_alive=None), reserve=0.25)
        assert run.wait(timeout=30)._start.reserve == 0.25
