"""The forecast of links that end, against what then happens in the sandbox, and against its own rules."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from codat_notebook.models.platforms import PLATFORMS, UNUSED
from codat_notebook.models.shared import Connection, Security
from codat_notebook.planning.health import LATE, TOKEN
from codat_notebook.planning.relinks import CONSENT, IDLE, expiry
from codat_notebook.planning.timeline import LinkEvent
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def ends(
    platform: str,
    created: float,
    last_sync: float | None = 0,
    status: str = "Linked",
    events: tuple[LinkEvent, ...] = (),
) -> tuple[str, float, float, str] | None:
    """Why a connection ends and in how many days, given the days since it was made and read."""
    connection = Connection(
        id="k", platform_name=platform, status=status, source_type="Banking",
        created=(NOON - created * DAY).isoformat(),
        last_sync=None if last_sync is None else (NOON - last_sync * DAY).isoformat(),
    )  # fmt: skip
    end = expiry(connection, events, NOON)
    return end and (end.why, (end.earliest - NOON) / DAY, (end.latest - NOON) / DAY, end.sure)


def test_a_consent_ends_its_days_after_it_was_given() -> None:
    """However often it is used; what it should have outlived was given again, nobody knows when."""
    assert ends("Plaid", 30) == (CONSENT, 60, 60, "documented")
    assert ends("TrueLayer", 80) == (CONSENT, 10, 10, "inferred")
    assert ends("Plaid", 200) == (CONSENT, 0, 90, "inferred")
    relinked = LinkEvent("k", "Plaid", "relinked", NOON - 20 * DAY, NOON - 15 * DAY, "memory")
    assert ends("Plaid", 200, 300, events=(relinked,)) == (IDLE, 40, 85, "inferred")
    assert ends("Plaid", 200, events=(relinked,)) == (IDLE, 60, 100, "inferred")


def test_what_nobody_uses_ends_some_time() -> None:
    """Not on a machine of the customer's, nor where nothing is ever read; the first of several reasons counts."""
    assert ends("Xero", 300, 40) == (IDLE, 20, 60, "inferred")
    assert ends("Xero", 300, 80) == (IDLE, 0, 20, "inferred")
    assert ends("Xero", 10, None) == (IDLE, 50, 90, "inferred")
    assert ends("Plaid", 80, 40) == (CONSENT, 10, 10, "documented")
    linked = LinkEvent("k", "Xero", "linked", NOON - 300 * DAY, NOON, "memory")  # seen today for the first time
    assert ends("Xero", 300, 58, events=(linked,)) == (IDLE, 2, 42, "inferred")
    assert ends("Xero", 300, None, events=(linked,)) == (IDLE, 0, 100, "inferred")
    assert ends("QuickBooks Desktop", 300, 200) is None
    assert ends("Plaid", 300, 200, "PendingAuth") is None


def test_what_has_ended_is_told_with_when() -> None:
    """As far as it is known: since the last read, or between two looks."""
    assert ends("Xero", 300, 40, "Deauthorized") == ("Deauthorized", -40, 0, "documented")
    lost = LinkEvent("k", "Xero", "lost", NOON - 9 * DAY, NOON - 8 * DAY, "memory")
    assert ends("Xero", 300, 40, "Unlinked", (lost,)) == ("Unlinked", -9, -8, "documented")


def test_lifetimes_of_the_sandbox_are_within_those_documented() -> None:
    """So that what it shows can be told by who knows the documents alone."""
    for platform in PLATFORMS:
        assert platform.token_days is None or UNUSED.least <= platform.token_days <= UNUSED.most


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A hundred and fifty companies whose clock moves when it is told to."""
    with Sandbox(companies=150, start=NOON) as sandbox:
        sandbox.clock.pause()
        yield sandbox


@pytest.fixture
def session(sandbox: Sandbox, tmp_path: Path) -> Iterator[Session]:
    """A session with a memory."""
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session:
        session.remember(tmp_path / "codat.sqlite")
        yield session


def linked(sandbox: Sandbox) -> dict[str, datetime | None]:
    """The connections that are linked, by the sandbox's own record -> when they were last read."""
    companies = sandbox.world.companies({"pageSize": "5000"})["results"]
    return {
        each["id"]: datetime.fromisoformat(each["lastSync"]) if "lastSync" in each else None
        for company in companies for each in company["dataConnections"] if each["status"] == "Linked"
    }  # fmt: skip


def test_who_will_have_to_link_again(sandbox: Sandbox, session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    """Sixty virtual days in which half of the companies are read each week: nobody is lost who was not foretold."""
    ids = sandbox.world.company_store.ids
    for month in (1, 2):
        before = linked(sandbox)
        now = sandbox.clock.now()
        sent = len(session.requests)
        found = session.relinks(within="30D")
        assert len(session.requests) - sent <= 2
        foretold = set(found[~found.why.isin(["Deauthorized", "Unlinked"])].connection_id)
        old = {id for id, last in before.items() if TOKEN.verdict(now - last if last else None) in LATE}
        for _ in range(10):
            for id in ids[::2]:
                for each in sandbox.world.find_company(id).connections:
                    if each.status == "Linked":
                        sandbox.world.queue(id, each.platform.types[0], each.id)
            sandbox.clock.advance("3d")
        lost = before.keys() - linked(sandbox).keys()
        assert len(lost) > 20
        assert lost <= foretold
        assert len(lost & old) < len(lost)
        assert len(lost) / len(foretold) > len(lost & old) / len(old)
        with capsys.disabled():
            for name, said in (("relinks()", foretold), ("the last sync", old)):
                rates = len(lost & said) / len(lost), len(lost & said) / len(said)
                print(f"\nmonth {month}, {name}: recall %.2f, precision %.2f" % rates, end="")  # noqa: T201 - the result


def test_one_message_a_customer(sandbox: Sandbox, session: Session) -> None:
    """With a line for each of its connections, no link in it; what a refresh can save is none of the customer's."""
    found = session.relinks("30D")
    assert found.earliest.is_monotonic_increasing
    for _, rows in found.groupby("company_id", observed=True):
        said = rows[rows.why != IDLE]
        assert rows[rows.why == IDLE].message.isna().all()
        assert said.message.nunique() == (len(said) > 0)
        if len(said):
            assert said.message.iloc[0].count("[link]") == len(said)
    assert not found.message.str.contains("http").any()
    toft = str(session.companies("Toft").id[0])
    [shop] = session.relinks(companies=[toft]).query("why == 'Deauthorized'").itertuples()
    assert "Commerce orders" in shop.missing
    assert "session.link_url" in shop.action


def test_what_was_missed_is_followed_up(sandbox: Sandbox, session: Session) -> None:
    """Once the connection is linked again, what was asked for on it before; nothing twice."""
    company = str(session.companies("Harbour").id[0])
    lost = str(session.connections(company).query("status == 'Deauthorized'").id.iloc[0])
    session.portfolio_status()
    assert session.follow_up().empty
    sandbox.clock.advance("2d")
    sandbox.faults.relink(company, lost)
    plan = session.follow_up()
    assert set(plan.connection_id) == {lost}
    queued = plan[plan.action == "queue"]
    assert len(queued) > 10
    assert set(plan[plan.action == "skip"].reason) <= {"expected to fail", "not supported"}
    sandbox.clock.resume()
    sandbox.clock.speed = 600
    session.refresh(queued).wait(60)
    assert (session.follow_up().action != "queue").all()
