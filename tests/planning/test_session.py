"""Plans, estimates and states of a real portfolio, on the sandbox: which requests are sent, and what goes wrong."""

import asyncio
import re
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from codat_notebook import frames
from codat_notebook.models.errors import CodatLendingError
from codat_notebook.models.shared import Security
from codat_notebook.planning.selection import select
from codat_notebook.planning.snapshots import read_cells
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session
from codat_notebook.utils import RetryConfig

from .conftest import NOON


def asked(session: Session) -> dict[str, int]:
    """Call -> how many requests."""
    return dict(session.requests.call.astype("object").value_counts())


def test_a_plan_of_everything(session: Session) -> None:
    """The columns; each cell as ``session.status`` has it; one request to list, one for each company."""
    plan = session.plan(older_than="7D")
    assert list(plan.columns) == list(frames.PLAN)
    assert plan.columns[:8].tolist() == [
        "company", "data_type", "platform", "status", "age", "action", "reason", "requests",
    ]  # fmt: skip
    sent = asked(session)
    connected = (session.companies().connections > 0).sum()
    assert sent.pop("manage_data.pull_operations.list") == connected
    assert sent.pop("manage_data.get_status", 0) <= connected
    assert sent == {"companies.list": 1, "integrations.list": 1}
    assert {re.sub(r"failed \d+ times in a row, (not since .* 2026|this has never worked)", "failed", reason)
            for reason in plan.reason} <= {
        "old", "never read", "failed", "fresh", "not linked", "not supported", "in progress", "expected to fail",
        "failed, too soon to retry", "a parent: its subsidiaries have the connections",
    }  # fmt: skip
    toft = str(session.companies(search="Toft").id[0])
    status = session.status(toft).set_index(["connection_id", "data_type"]).sort_index()
    planned = plan[plan.company_id == toft].set_index(["connection_id", "data_type"]).sort_index()
    assert planned.index.tolist() == status.index.tolist()
    planned = planned.set_axis(status.index)  # equal, and now the same: older pandas warns of two
    assert planned.age.isna().tolist() == status.age.isna().tolist()
    assert (status.age - planned.age).max() < pd.Timedelta("1D")
    late = (status.age > pd.Timedelta("7D")) | status.age.isna()
    possible = (status.platform != "Shopify") & (status.status != "NotSupported")
    reasons = planned.reason.astype("string")
    possible &= ~(reasons.str.endswith("too soon to retry") | (reasons == "expected to fail"))
    assert (planned.action == "queue").tolist() == (late & possible).tolist()


def test_conditions_narrow(session: Session) -> None:
    """Tags, platform, report, companies."""
    plan = session.plan(tags={"region": "uk"}, platform="Xero", report="financials", older_than="1D")
    companies = session.companies().set_index("id")
    assert len(plan) > 0
    assert companies.tags[plan.company_id.astype("object").unique()].str.contains("region=uk").all()
    assert set(plan.platform) == {"Xero"}
    assert set(plan.data_type) <= {"profitAndLoss", "balanceSheet", "cashFlowStatement", "chartOfAccounts"}
    some = plan.company_id.astype("object").unique()[:2].tolist()
    assert set(session.plan(companies=some, platform="Xero").company_id) == set(some)


def test_frames_of_a_portfolio_name_their_companies(session: Session) -> None:
    """Their actions are for people, such as to relink: they are not those of a plan."""
    status = session.portfolio_status()
    everything = session.plan(older_than="1D")
    for frame in (status.companies, status.tokens):
        some = frame[frame.company_id.isin(everything.company_id.astype("object"))]
        assert not {"queue"} & set(some.action.dropna())
        plan = session.plan(companies=some, older_than="1D")
        assert set(plan.company_id) == set(some.company_id)
        assert (plan.action == "queue").any()


def test_few_companies_are_asked_for_by_themselves(session: Session) -> None:
    """And not listed with all the others, unless one is no id and may be a name; unknown ones are rows."""
    found = session.companies(limit=2).id.tolist()
    before = asked(session).get("companies.list", 0)
    plan = session.plan([*found, "00000000-0000-0000-0000-000000000000"], "invoices")
    assert asked(session).get("companies.list", 0) == before
    unknown = plan[plan.reason == "unknown company"]
    assert unknown.company_id.tolist() == ["00000000-0000-0000-0000-000000000000"]
    assert session.plan(["nobody", "no one", "none"]).reason.tolist() == ["unknown company"] * 3
    assert asked(session)["companies.list"] == before + 1
    assert set(plan.company_id) >= set(found)
    assert session.errors.empty


def test_many_companies_are_listed(session: Session) -> None:
    """In one request, in the order given; those that are not there are said."""
    found = session.companies().id.tolist()[::-1]
    plan = session.plan([*found, "nobody"], "company")
    assert asked(session).get("companies.get", 0) == 0
    assert plan.company_id.astype("object").drop_duplicates().tolist() == [*found, "nobody"]


def test_one_companys_trouble_is_a_row(sandbox: Sandbox) -> None:
    """The others are planned, and the errors say what happened."""
    with Session(
        Security(auth_header=sandbox.key), server_url=sandbox.url, retry_config=RetryConfig("none")
    ) as session:
        toft = str(session.companies(search="Toft").id[0])
        sandbox.faults.next(1, status=500, match=f"GET /companies/{toft}/data/history*")
        plan = session.plan(data_types="invoices")
        assert plan[plan.reason == "could not be read"].company_id.tolist() == [toft]
        assert (plan.action == "queue").sum() > 5
        assert session.errors.company_id.tolist() == [toft]
        health = session.portfolio_status([toft])
        assert health.troubles.empty


def test_a_company_that_is_not_answered_for_is_a_row_among_those_that_are_named(sandbox: Sandbox) -> None:
    """Where few are asked for one by one."""
    with Session(
        Security(auth_header=sandbox.key), server_url=sandbox.url, retry_config=RetryConfig("none")
    ) as session:
        lost, other = session.companies(limit=2).id
        sandbox.faults.next(1, status=500, match=f"GET /companies/{lost}")
        plan = session.plan([lost, other])
        assert plan[plan.company_id == lost].reason.tolist() == ["could not be read"]
        assert (plan.company_id == other).sum() > 5
        assert session.errors.company_id.tolist() == [lost]


def test_what_concerns_everything_is_raised(sandbox: Sandbox) -> None:
    """Where the companies cannot even be listed."""
    with Session(Security(auth_header="wrong"), server_url=sandbox.url) as session:
        with pytest.raises(CodatLendingError):
            session.plan()
        assert len(session.errors) == 1


def test_reading_stops_at_the_reserve_of_the_quota(sandbox: Sandbox, session: Session) -> None:
    """The companies that are left say so, and the reserve is there for others."""
    sandbox.world.settings.quota = 70
    plan = session.plan(data_types="company", reserve=0.5)
    left = plan[plan.reason.str.startswith("not read")]
    assert len(left) > 0
    assert 39 - len(left) <= asked(session)["manage_data.pull_operations.list"] < 39
    assert session.errors.empty


def test_an_outage_ends_the_asking(sandbox: Sandbox) -> None:
    """Not every company is tried in vain; those that are left say why, and what was read is planned."""
    with Session(
        Security(auth_header=sandbox.key), server_url=sandbox.url, retry_config=RetryConfig("none")
    ) as session:
        sandbox.faults.next(1000, status=503, match="GET /companies/*/data/history*")
        plan = session.plan(data_types="company")
        reasons = plan.reason.astype("object").value_counts()
        assert reasons["not read: Codat does not answer"] > 0
        assert reasons["could not be read"] + reasons["not read: Codat does not answer"] == 39
        assert asked(session)["manage_data.pull_operations.list"] < 39


def test_reading_waits_for_its_turn(session: Session) -> None:
    """What holds back all runs of the session holds back the reading; it does not wait for hours."""
    later = NOON + timedelta(days=2)
    session.companies(limit=1)  # so that the server's time is known
    session.context.engine.post(session.context.governor.hold_until, later, "Codat asks us to wait until later; really")
    plan = session.plan(data_types="company")
    assert (plan.reason == "not read: Codat asks us to wait until later").sum() == 39
    assert "manage_data.pull_operations.list" not in asked(session)


def test_reading_is_bounded(sandbox: Sandbox, session: Session) -> None:
    """Never more than two requests at a time for one company."""
    session.plan(older_than="7D")
    assert sandbox.traffic.at_once <= 2


def test_progress_is_told(session: Session) -> None:
    """How many of how many, to the end, and not on the engine's thread."""
    told: list[tuple[int, int, bool]] = []
    session.plan(data_types="company", progress=lambda n, of: told.append((n, of, session.context.engine.on_thread)))
    session.context.engine.run_user_code(lambda: None).result(30)
    assert [n for n, _, _ in told] == list(range(1, 41))
    assert {(of, on) for _, of, on in told} == {(40, False)}


def test_a_shallow_history_asks_for_the_data_status(sandbox: Sandbox, session: Session) -> None:
    """Where it does not show a cell's last success; each cell says where it is known from, as ``status`` does."""
    toft = str(session.companies(search="Toft").id[0])
    [snapshot] = session.context.engine.call(read_cells(session.context, select([toft])))
    assert asked(session)["manage_data.get_status"] == 1
    status = session.status(toft)
    assert {(c.connection_id, c.data_type, c.source) for c in snapshot.cells} == set(
        status[["connection_id", "data_type", "source"]].itertuples(index=False, name=None)
    )
    assert min(seconds for history in snapshot.histories.values() for seconds in history.seconds) > 0


def test_an_interrupted_reading_leaves_no_task(session: Session) -> None:
    """Whoever stops waiting stops the asking."""

    async def give_up() -> set[str]:
        before = asyncio.all_tasks()
        task = asyncio.create_task(read_cells(session.context, select()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return {str(task) for task in asyncio.all_tasks() - before}

    assert session.context.engine.call(give_up()) == set()


def test_three_thousand_companies_are_estimated_without_asking_for_them(session: Session) -> None:
    """One line; one request, for Codat's own schedule."""
    found = session.estimate(3000, 5, every=("7D", "1D"), prices=0.02)
    assert list(found.columns) == list(frames.ESTIMATE)
    assert found.rhythm.tolist() == ["every 7 days", "every day", "Codat's own schedule"]
    assert found.refreshes.tolist() == [15_000] * 3
    assert found.money_month.tolist()[1] == pytest.approx(15_000 * 0.02 * 365.25 / 12)
    assert found.requests.tolist()[2] == 0
    assert found.note.tolist()[2].startswith("Consider this first")
    assert list(asked(session).values()) == [1]


def test_real_companies_are_estimated_by_their_connections(sandbox: Sandbox, session: Session) -> None:
    """The refreshes are those that a plan would queue; the share is of the quota that Codat told."""
    sandbox.world.settings.sync_schedule = 24
    types = ["invoices", "banking-accounts"]
    found = session.estimate(session.companies(), types, every="1D")
    whole = found[found.platform == "all"]
    cells = session.portfolio_status(data_types=types).cells
    assert whole.refreshes.tolist() == [(cells.connection_status == "Linked").sum()] * 2
    assert whole.refreshes_day.tolist() == whole.refreshes.tolist()
    assert session.quota is not None
    assert session.quota.limit is not None
    assert whole.quota.tolist()[0] == pytest.approx(whole.requests.tolist()[0] / session.quota.limit)
    assert whole.money_day.isna().all()
    assert "every 24 h" in whole.note.tolist()[1]


def test_a_plan_is_estimated(session: Session) -> None:
    """What it takes to run it once."""
    plan = session.plan(report="bank", older_than="2D")
    whole = session.estimate(plan).iloc[0]
    assert whole.refreshes == (plan.action == "queue").sum()
    assert whole.requests >= plan.requests.sum()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"companies": 3000}, "how many data types"),
        ({"companies": None, "data_types": 5}, "name the types"),
        ({"companies": 3000, "data_types": 5, "every": "daily"}, "every"),
        ({"companies": 3000, "data_types": 5, "every": 7}, "every"),
        ({"companies": pd.DataFrame({"action": ["queue"]})}, "company_id"),
        ({"companies": 3000, "data_types": 5, "tags": {"a": "b"}}, "real companies"),
        ({"companies": 3000, "data_types": 5, "prices": pd.DataFrame({"cost": [1]})}, "prices"),
    ],
)
def test_estimates_that_make_no_sense_are_refused(session: Session, given: dict[str, object], said: str) -> None:
    """Before anything is asked."""
    with pytest.raises(ValueError, match=said):
        session.estimate(**given)  # type: ignore[arg-type]
    assert session.requests.empty


@pytest.mark.parametrize("reserve", [-0.1, float("nan"), "0.1"])
def test_a_reserve_that_is_none_is_refused(session: Session, reserve: Any) -> None:
    """Before anything is asked, in one plain error."""
    with pytest.raises(ValueError, match="reserve"):
        session.plan(reserve=reserve)
    assert session.requests.empty


def test_an_estimate_goes_without_the_settings(sandbox: Sandbox) -> None:
    """Where they cannot be read, the schedule is missing, and the errors say why."""
    with Session(
        Security(auth_header=sandbox.key), server_url=sandbox.url, retry_config=RetryConfig("none")
    ) as session:
        sandbox.faults.next(1, status=403, match="GET /profile/syncSettings")
        found = session.estimate(3000, 5)
        assert found.refreshes_day.isna().tolist() == [False, True]
        assert "could not be read" in found.note.tolist()[1]
        assert len(session.errors) == 1


def test_a_portfolio_is_shown_as_a_heatmap(session: Session) -> None:
    """As a cell's last line; without widgets its words."""
    health = session.portfolio_status(report="financials")
    data = health._repr_mimebundle_()
    bundle = data[0] if isinstance(data, tuple) else data
    assert bundle["text/plain"] == repr(health)
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_a_session_loads_no_strategies_until_it_is_asked_for_cells(sandbox: Sandbox) -> None:
    """In a process of its own: plans go without them; the first cells bring them."""
    code = f"""import sys
from codat_notebook.models.shared import Security
from codat_notebook.session import Session
loaded = lambda: any(name.startswith("codat_notebook.strategies") for name in sys.modules)
print("numpy" in sys.modules, loaded())
with Session(Security(auth_header={sandbox.key!r}), server_url={sandbox.url!r}, is_sandbox=True) as session:
    session.plan(data_types="company", older_than="7D"), session.estimate(3000, 5), session.portfolio_status()
    print(loaded())
    session.cells(data_types="company")
    print(loaded())"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (run.stdout.split(), run.stderr) == (["False", "False", "False", "True"], "")
