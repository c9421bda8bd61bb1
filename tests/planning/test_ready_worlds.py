"""Fifty companies in every state: verdict and reasons are those of a slow check that reads the API's JSON by itself."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from codat_notebook.models.shared import Security
from codat_notebook.planning.readiness import question_of
from codat_notebook.planning.selection import select
from codat_notebook.planning.snapshots import read_cells
from codat_notebook.planning.verdict import Readiness
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session

from .conftest import NOON
from .slow_check import slow_check

STATUSES = ("FetchError", "ValidationError", "AuthError", "Cancelled", "RateLimitError", "Routing", "Complete")
KINDS = {"accounting": "Accounting", "bank": "Banking", "commerce": "Commerce"}


def stirred(sandbox: Sandbox, seed: int) -> None:
    """Make something of everything happen to the companies: losses, endings, running refreshes, settings."""
    draw, world = random.Random(seed), sandbox.world
    companies = [row for row in world.companies({"pageSize": "100"})["results"] if row["dataConnections"]]
    for row in companies:
        linked = [each["id"] for each in row["dataConnections"] if each["status"] == "Linked"]
        if draw.random() < 0.6 and linked:
            world.queue_all(row["id"])
    sandbox.clock.advance("9h")
    for row in companies:
        linked = [each["id"] for each in row["dataConnections"] if each["status"] == "Linked"]
        if draw.random() < 0.15 and linked:
            world.deauthorize(row["id"], draw.choice(linked))
        for name in draw.sample(["company", "balanceSheet", "bankAccounts", "profitAndLoss"], draw.choice([0, 0, 1])):
            sandbox.faults.end_next(draw.choice(STATUSES), data_type=name, company_id=row["id"])
            if any(each["sourceType"] == "Accounting" and each["status"] == "Linked"
                   for each in world.company(row["id"])["dataConnections"]):  # fmt: skip
                world.queue(row["id"], name)
        if draw.random() < 0.2:
            changed: dict[str, Any] = {"balanceSheet": {"monthsToSync": draw.choice([3, 12, 24])}}
            changed["banking-accounts"] = {"syncFromWindow": draw.choice([2, 30])}
            sandbox.faults.company_settings[row["id"]] = changed
    sandbox.clock.advance("1h")
    for row in draw.sample(companies, 5):
        if any(each["status"] == "Linked" for each in world.company(row["id"])["dataConnections"]):
            world.queue_all(row["id"])
    sandbox.clock.advance("40s")


@pytest.mark.parametrize(
    ("seed", "sources", "period_end", "max_age", "least"),
    [
        (2, ["accounting"], "2026-10-31", "7D", 12),
        pytest.param(1, ["accounting", "bank", "commerce"], "2026-10-31", "31D", 10, marks=pytest.mark.full),
        pytest.param(3, ["accounting", "bank"], "2026-07-31", "31D", 10, marks=pytest.mark.full),
        pytest.param(4, ["bank"], "2026-11-22", "2D", 6, marks=pytest.mark.full),
        pytest.param(5, ["accounting", "commerce"], "2026-12-31", "31D", 10, marks=pytest.mark.full),
    ],
)
def test_as_the_slow_check_says(seed: int, sources: list[str], period_end: str, max_age: str, least: int) -> None:
    """State, and each reason with its data type and connection; one by one as all together."""
    with Sandbox(companies=50, seed=seed, start=NOON) as sandbox:
        sandbox.clock.pause()
        stirred(sandbox, seed)
        world, asked = sandbox.world, {"period_end": period_end, "months": 12, "sources": sources, "max_age": max_age}
        now = sandbox.clock.now().astimezone(UTC)
        platforms = world.integrations({"pageSize": "100"})["results"]
        end = datetime.fromisoformat(period_end).replace(tzinfo=UTC) + timedelta(days=1)
        with Session(Security(auth_header=sandbox.key), server_url=sandbox.url) as session:
            question = question_of("lending", **asked)
            snapshots = session.context.engine.call(read_cells(session.context, select(), settings=True))
            answers = {each.id: Readiness(each, question, session.context.now) for each in snapshots}
            frame = session.portfolio_ready(**asked).set_index("company_id")
            seen: Counter[str] = Counter()
            for number, row in enumerate(world.companies({"pageSize": "100"})["results"]):
                id = row["id"]
                history = world.history(id, {"pageSize": "5000"})["results"]
                told = slow_check(
                    world.company(id), history, world.company_settings(id), platforms, now, end, 12,
                    [KINDS[name] for name in sources], timedelta(days=int(max_age[:-1])),
                )  # fmt: skip
                answer = session.ready(id, **asked) if number % 10 == 0 else answers[id]
                reasons = answer.reasons.astype("object").where(answer.reasons.notna(), None)
                found = set(reasons[["code", "data_type", "connection_id"]].itertuples(index=False, name=None))
                assert found == told, row["name"]
                codes = {code for code, _, _ in told}
                state = "not_ready" if codes - {"unknown"} else "unknown" if codes else "ready"
                assert (answer.state, frame.state[id], answer.ready) == (state, state, state == "ready")
                assert set(filter(None, frame.reasons[id].split(", "))) == codes
                seen.update(codes or {"ready"})
    assert len(seen) >= least  # a world in which little happens shows little
