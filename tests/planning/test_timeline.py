"""What became of connections: each stated interval holds the time that the sandbox's own record has."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from codat_notebook.models.errors import ConfigurationError
from codat_notebook.models.shared import Connection, DataConnectionError, PullOperation, Security
from codat_notebook.models.vocabulary import DatasetStatus, ErrorStatus
from codat_notebook.planning.timeline import LinkEvent, timeline
from codat_notebook.runs.memory import Sighting
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(hours: float) -> datetime:
    """So many hours after noon."""
    return NOON + hours * HOUR


def read(start: float, end: float, status: str = "Complete") -> PullOperation:
    """A read from one hour to another."""
    times = {"requested": at(start).isoformat(), "completed": at(end).isoformat()}
    return PullOperation(id=f"{start}", connection_id="k", status=DatasetStatus(status), **times)


def state(status: str, first: float, last: float) -> Sighting:
    """A state that was seen from one hour to another."""
    times = at(first).isoformat(), at(last).isoformat()
    return Sighting("c", "connection", "k", "", times[0], status, None, None, "Xero", *times)


def told(
    *operations: PullOperation, states: tuple[Sighting, ...] = (), **more: object
) -> list[tuple[str, float, float]]:
    """The timeline of a connection made at hour 0: event, and the hours between which it was."""
    connection = Connection(id="k", platform_name="Xero", created=at(0).isoformat(), **more)  # type: ignore[arg-type]
    return [(e.event, (e.after - NOON) / HOUR, (e.by - NOON) / HOUR) for e in timeline(connection, operations, states)]


def test_reads_tell_between_which_of_them() -> None:
    """Linked before the first, lost between one that worked and one that was refused, linked again before the next."""
    reads = read(1, 1.1), read(5, 5.1), read(9, 9.1, "AuthError"), read(10, 10.1, "AuthError"), read(20, 20.1)
    assert told(*reads) == [("linked", 0, 1.1), ("lost", 5, 9.1), ("relinked", 10, 20.1)]
    assert told(read(9, 9.1, "FetchError")) == []


def test_what_runs_across_a_refusal_says_nothing() -> None:
    """It may have been let in before: nothing is lost twice."""
    assert told(read(1, 1.1), read(5, 9), read(6, 6.1, "AuthError")) == [("linked", 0, 1.1), ("lost", 1, 6.1)]
    assert told(read(1, 1.1), read(5, 9, "AuthError"), read(6, 6.1)) == [("linked", 0, 1.1), ("lost", 1, 9)]


def test_looks_tell_between_which_of_them() -> None:
    """Where nobody tried to read meanwhile; a connection that is gone was removed."""
    states = state("Linked", 1, 4), state("Deauthorized", 6, 7), state("Linked", 9, 9), state("gone", 11, 11)
    assert told(states=states) == [("linked", 0, 1), ("lost", 4, 6), ("relinked", 7, 9), ("removed", 9, 11)]
    assert told(states=(state("PendingAuth", 1, 4), state("Linked", 5, 6))) == [("linked", 0, 5)]


def test_linked_says_little_after_a_refusal() -> None:
    """AuthError comes while the connection still reads Linked: it is lost all the same, until it is linked again."""
    refused = read(1, 1.1), read(5, 5.1, "AuthError")
    assert told(*refused, states=(state("Linked", 0.5, 8),)) == [("linked", 0, 0.5), ("lost", 1, 5.1)]
    lost_and_back = state("Linked", 0.5, 6), state("Deauthorized", 7, 8), state("Linked", 9, 9)
    assert told(*refused, states=lost_and_back)[-1] == ("relinked", 8, 9)


def test_an_error_that_codat_dates_is_exact() -> None:
    """Its beginning and its end; errors of another kind are none of an authorization."""
    error = DataConnectionError(status_code="401", status=ErrorStatus("Resolved"), errored_on_utc=at(6).isoformat(),
                                resolved_on_utc=at(8).isoformat())  # fmt: skip
    outage = DataConnectionError(status_code="503", errored_on_utc=at(3).isoformat())
    assert told(read(1, 1.1), data_connection_errors=[outage, error]) == [
        ("linked", 0, 1.1), ("lost", 6, 6), ("relinked", 8, 8),
    ]  # fmt: skip


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Thirty companies whose clock moves when it is told to."""
    with Sandbox(companies=30, start=NOON) as sandbox:
        sandbox.clock.pause()
        yield sandbox


def session_on(sandbox: Sandbox, memory: Path | None = None) -> Session:
    """A session, with a memory or none."""
    session = Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True, per_minute=None)
    if memory is not None:
        session.remember(memory)
    return session


@pytest.mark.parametrize(
    "errors_told",
    [pytest.param(True, id="errors dated", marks=pytest.mark.full), pytest.param(False, id="no errors")],
)
def test_each_interval_holds_the_true_time(sandbox: Sandbox, tmp_path: Path, errors_told: bool) -> None:
    """Connections are lost and linked again at random times, read and looked at at others: nothing is told that was not
    so, and what was seen is told, whether or not Codat dates its errors."""
    random, true = Random(5), dict[str, list[tuple[str, datetime]]]()
    if not errors_told:
        sandbox.faults.left_out = {"dataConnectionErrors"}
    companies = [sandbox.world.find_company(id) for id in sandbox.world.company_store.ids]
    connections = [
        (company, each) for company in companies for each in company.connections
        if each.status == "Linked" and not any(c.trouble.status == "AuthError" for c in each.conditions)
    ]  # fmt: skip
    with session_on(sandbox, tmp_path / "codat.sqlite") as session:
        session.portfolio_status()
        for _ in range(20):
            sandbox.clock.advance(f"{random.randint(1, 20)}h")
            for company, each in random.sample(connections, 8):
                sandbox.world.find_company(company.id)  # up to the present
                if each.status == "Linked" and random.random() < 0.4:
                    sandbox.faults.deauthorize(company.id, each.id)
                    true.setdefault(each.id, []).append(("lost", sandbox.clock.now()))
                elif each.status != "Linked" and random.random() < 0.6:
                    before = sandbox.clock.now()
                    sandbox.faults.relink(company.id, each.id)
                    true.setdefault(each.id, []).append(("relinked", before))
                else:
                    sandbox.world.queue(company.id, each.platform.types[0], each.id)
            if random.random() < 0.5:
                session.portfolio_status()
        session.portfolio_status()
        checked = 0
        for company, each in connections:
            frame = session.connection_history(company.id)
            mine = frame[(frame.connection_id == each.id) & (frame["after"] >= NOON)]
            for row in mine[mine.event.isin(["lost", "relinked"])].itertuples():
                ends = row.after - timedelta(seconds=1), row.by + timedelta(seconds=1)
                expired = [e["erroredOnUtc"] for e in each.errors] if row.event == "lost" else []
                times = [time for what, time in true.get(each.id, ()) if what == row.event]
                times += [datetime.fromisoformat(text) for text in expired]
                assert any(ends[0] <= time <= ends[1] for time in times), (row, times)
                checked += 1
        assert checked > 20
        if errors_told:
            assert checked >= sum(map(len, true.values()))


def test_a_link_that_was_sent_stands_in_the_history(sandbox: Sandbox, tmp_path: Path) -> None:
    """Sent, then linked again; the URL is read when it is asked for, and kept nowhere."""
    company = sandbox.world.companies({"query": "name~Harbour"})["results"][0]["id"]
    with session_on(sandbox, tmp_path / "codat.sqlite") as session:
        lost = session.connections(company).query("status == 'Deauthorized'").id.iloc[0]
        url = session.link_url(company, lost)
        assert lost in url
        sandbox.clock.advance("2d")
        sandbox.faults.relink(company, lost)
        history = session.connection_history(company)
        mine = history[history.connection_id == lost]
        events = mine.event.astype("object").tolist()
        assert events.index("lost") < events.index("link copied") < events.index("relinked")
        assert mine.what.str.contains("2026-11-23T12:00:").sum() == 1
        assert url.encode() not in (tmp_path / "codat.sqlite").read_bytes()
        with pytest.raises(ValueError, match="no connection"):
            session.link_url(company, "another")


def test_without_a_memory_the_histories_tell(sandbox: Sandbox) -> None:
    """Of connections; what has changed, and what was missed, only a memory knows, and that is said."""
    company = str(sandbox.world.companies({"query": "name~Toft"})["results"][0]["id"])
    with session_on(sandbox) as session:
        history = session.connection_history(company)
        assert {"linked", "first known sync", "last good sync", "lost"} == set(history.event)
        assert "memory" not in set(history.source)
        for ask in (session.changes, session.follow_up):
            with pytest.raises(ConfigurationError, match="memory="):
                ask()


def test_a_sentence_says_when() -> None:
    """With both ends, or the one that is told."""
    event = LinkEvent("k", "Xero", "lost", at(1), at(2), "memory", "Deauthorized")
    assert event.what == "Lost between 2026-11-23T13:00:00Z and 2026-11-23T14:00:00Z (Deauthorized)."
    assert LinkEvent("k", "Xero", "first sync", at(1), at(1), "memory").what == "First sync 2026-11-23T13:00:00Z."
