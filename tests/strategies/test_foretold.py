"""What is foretold is what happens: simulated and real rounds keep the same books."""

import heapq
import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from codat_notebook.live import run_strategy
from codat_notebook.models.looks import FEW
from codat_notebook.models.platforms import SPREAD
from codat_notebook.models.shared import Security
from codat_notebook.runs import JournalError
from codat_notebook.runs.durations import Durations, Lifetime
from codat_notebook.runs.polling import PRICE, Running, next_look, price_of
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session
from codat_notebook.strategies import Limits, Portfolio, oldest, optimal, simulate, table
from codat_notebook.strategies.budget import Budget, Following, days
from codat_notebook.strategies.rounds import plan_round

START = datetime(2026, 1, 5, tzinfo=UTC)
FREE = Limits(keep_alive=None)
REAL: dict[str, Any] = {"name": "Toft", "obstacle": None, "rate_from": "given", "price": np.nan, "latency": 0.0}
ROUNDS = [
    (budget, every)
    for budget in ("12 refreshes/day", "35 refreshes/day", "40 refreshes/day", "1.5 refreshes/day", "0.3 refreshes/day")
    for every in ("1h", "6h", "1D", "2h")
]


def cells(rows: int = 60) -> pd.DataFrame:
    """Cells of one company that are read, in no time, whenever they are queued."""
    rates = 10 ** np.linspace(-1.5, 0.7, rows)
    return table({"company": "a", "connection": "x", "data_type": [f"custom/{n}" for n in range(rows)],
                  "age": 1.0 + np.arange(rows) / rows, "rate": rates})  # fmt: skip


def lived(strategy: Any, budget: str, every: str, lasts: float, late: float = 0.0) -> tuple[list[int], float]:
    """Rounds on a world of our own: the refreshes of each round, and the freshness expected of what was read when."""
    frame, step = cells(), days(every)
    snapshot, rates, worth = -frame["age"].to_numpy(), frame["rate"].to_numpy(), 0.0
    left: dict[str, Any] = {}
    queued = []
    for number in range(round(lasts / step)):
        now = number * step
        real = frame.assign(age=now - snapshot, **REAL)
        moment = START + timedelta(days=now + late * (number % 2))  # cron is a little late now and then
        plan, left = plan_round(strategy, real, Budget.of(budget), step, FREE, moment, json.loads(json.dumps(left)))
        done = plan.loc[plan["action"] == "queue", "data_type"].astype(str)
        snapshot[frame["data_type"].astype(str).isin(done)] = now
        queued.append(len(done))
        age = now - snapshot
        worth += float(((np.exp(-rates * age) - np.exp(-rates * (age + step))) / rates).mean())
    return queued, worth / lasts


@pytest.mark.parametrize(("budget", "every"), ROUNDS)
def test_fractional_budgets_give_as_much_as_foretold(budget: str, every: str) -> None:
    """What a round leaves is there for the next: as many refreshes as simulated, and copies as fresh."""
    told = simulate(optimal(), Portfolio.from_frame(cells()), days=2, budget=budget, tick=every, limits=FREE)
    queued, fresh = lived(optimal(), budget, every, 2.0)
    assert sum(queued) == told.metrics["refreshes"]
    assert sum(queued) == pytest.approx(Budget.of(budget).a_day * 2, abs=1)
    assert fresh == pytest.approx(told.metrics["freshness"], abs=1e-6)


def test_a_round_that_comes_late_loses_nothing_and_one_too_many_wins_nothing() -> None:
    """Budget comes in with time, not with rounds; after a long pause no more than is saved up."""
    for late in (1 / 24 / 30, -1 / 24 / 30):
        assert lived(oldest(), "12 refreshes/day", "1h", 1.0, late)[0] == [0, 1] * 12
    real = cells().assign(**REAL)

    def queued(*hours: float) -> list[int]:
        left: dict[str, Any] = {}
        found = []
        for hour in hours:
            moment = START + timedelta(hours=hour)
            plan, left = plan_round(oldest(), real, Budget.of("24 refreshes/day"), 1 / 24, FREE, moment, left)
            found.append(int((plan["action"] == "queue").sum()))
        return found

    assert queued(0, 0.25, 0.5, 1.0, 2.0) == [1, 0, 0, 1, 1]
    assert queued(0, 240) == [1, 24]


def test_a_big_company_is_as_fast_as_it_is_live() -> None:
    """281 cells of ten companies, once a day: a run queues them all, and the simulator says so."""
    frame = pd.DataFrame({"company": [f"c{row % 10}" for row in range(281)], "true_rate": 1.0, "age": 9.0})
    told = simulate(oldest(), frame, days=3, budget="281 refreshes/day", tick="1D", limits=FREE)
    assert told.timeline["refreshes"].tolist() == [281.0] * 3


def test_a_budget_in_requests_pays_for_reading() -> None:
    """Rounds that read more often than the budget pays for queue nothing; what is left pays for looks at companies,
    not at refreshes, and is worth more where these are of few companies."""
    frame = pd.DataFrame({"company": [f"c{row}" for row in range(20)], "true_rate": 1.0, "age": 9.0})
    hourly, daily, few = (
        simulate(oldest(), cells, days=4, budget="71 requests/day", tick=tick).metrics
        for cells, tick in ((frame, "1h"), (frame, "1D"), (frame.assign(company="a"), "1D"))
    )
    assert (hourly["refreshes"], hourly["requests_reading"]) == (0.0, 21 * 24 * 4)
    assert (daily["refreshes"], daily["requests_reading"]) == (80.0, 21 * 4)
    assert daily["requests_following"] == pytest.approx(
        4 * (20 + 1)
    )  # a look at each company, and one at the list of them
    assert few["requests_following"] == pytest.approx(4 * 2)
    for told in (daily, few):
        assert told["spent"] == pytest.approx(
            sum(told[f"requests_{kind}"] for kind in ("reading", "queueing", "following"))
        )
        assert told["spent"] <= 4 * 71


@pytest.mark.parametrize(
    ("companies", "refreshes"), [(1, 1), (2, 1), (4, 1), (12, 1), (45, 1), (1, 4), (2, 2), (12, 3)]
)
def test_a_round_is_looked_at_as_polling_has_it(companies: int, refreshes: int) -> None:
    """Reading the companies, then looking at each until all it has ended, played with the functions of a run."""
    rng, first, rounds = np.random.default_rng(1), Durations().of("", ""), 1 + 400 // companies
    looks = foretold = 0.0
    for _ in range(rounds):
        medians = rng.choice([35.0, 50.0, 70.0, 100.0, 150.0], (companies, refreshes))
        ends = medians * np.exp(SPREAD * rng.standard_normal(medians.shape))
        usual = [[Lifetime(math.log(median), SPREAD) for median in own] for own in medians]
        looks += companies if companies <= FEW else 1  # reading
        due = [(0.0, company) for company in range(companies)]
        while due:
            at, company = heapq.heappop(due)
            looks += at > 0
            left = [Running(at, usual[company][n] if at else first) for n in np.flatnonzero(ends[company] > at)]
            if left:  # a run learns how long its operations take when it first looks
                wait = next_look(left, price_of(PRICE, len(due) + 1, 0, 0.0))
                heapq.heappush(due, (at + wait, company))
        rows = np.arange(companies * refreshes)
        following = Following(rows // refreshes, medians.ravel() / 86_400)
        foretold += following.of(rows).sum()
        assert following.total(rows) == pytest.approx(following.of(rows).sum())
    assert foretold == pytest.approx(looks, rel=0.1)


@pytest.fixture(scope="module")
def session() -> Any:
    """A session on a sandbox whose minutes pass in seconds."""
    with (
        Sandbox(companies=4, seed=3, speed=60, start=START) as sandbox,
        Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session,
    ):
        session.world = sandbox  # type: ignore[attr-defined]
        yield session


@pytest.mark.parametrize("kept", ["journal", "saved"])
def test_rounds_on_the_sandbox_are_those_foretold(session: Any, kept: str, tmp_path: Path) -> None:
    """Half a refresh an hour is one every two hours, by the journal and by a dictionary; a dry run changes nothing,
    and a round that is not begun has spent nothing."""
    options: dict[str, Any] = {
        "budget": "12 refreshes/day", "every": "1h", "data_types": ["suppliers", "invoices"],
        "platform": ["Xero", "QuickBooks Online", "FreeAgent", "Oracle NetSuite"],
    }  # fmt: skip
    journal = tmp_path / "round.sqlite"
    where: dict[str, Any] = {"journal": journal} if kept == "journal" else {"saved": {}}
    queued = []
    for _ in range(4):
        plan = run_strategy(session, oldest(), dry_run=True, **where, **options)
        assert run_strategy(session, oldest(), dry_run=True, **where, **options)["action"].equals(plan["action"])
        with pytest.raises(JournalError, match="cannot be written"):
            run_strategy(session, oldest(), **{**where, "journal": tmp_path / "missing" / "round.sqlite"}, **options)
        began = session.context.now
        run = run_strategy(session, oldest(), **where, **options)
        assert run.wait(timeout=60).phase == "done"
        session.world.clock.advance(max(began + timedelta(hours=1) - session.context.now, timedelta()))
        session.companies()  # the answer tells the time
        queued.append(len(run.operations))
        assert len(run.operations) == (plan["action"] == "queue").sum()
    assert queued == [0, 1, 0, 1]
