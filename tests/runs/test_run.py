"""Refreshes against the sandbox, from the first request to the true end of every operation."""

import asyncio
import re

import pandas as pd
import pytest

from codat_notebook.models.errors import CodatLendingError
from codat_notebook.models.shared import Security
from codat_notebook.runs.run import RefreshRun
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session

from .conftest import DEADLINE

HISTORY = "GET /companies/*/data/history*"


def truth(session: Session, run: RefreshRun) -> pd.DataFrame:
    """What Codat itself says now of the run's operations."""
    history = session.history(run.company_id).set_index("id")
    return history.loc[run.operations.id]


def test_a_refresh_reaches_the_true_end_of_each_operation(session: Session, toft: str) -> None:
    """Queued, followed, ended: the frame says what Codat says, with origin and platform."""
    run = session.refresh(toft, "invoices", "customers", "creditNotes")
    assert isinstance(run, RefreshRun)
    run.wait(DEADLINE)
    assert (run.phase, run.done) == ("done", True)
    operations = run.operations
    assert set(operations.data_type) == {"invoices", "customers", "creditNotes"}
    assert set(operations.origin) == {"queued"}
    assert operations.status.tolist() == truth(session, run).status.tolist()
    assert operations.completed.notna().all()
    assert set(operations.platform) == {"Oracle NetSuite"}


def test_a_failure_is_an_outcome_with_a_remedy(session: Session, toft: str) -> None:
    """The run does not raise; its errors say what to do, and the session remembers them."""
    run = session.refresh(toft, "creditNotes").wait(DEADLINE)
    error = run.errors.iloc[0]
    assert error.status == "PermissionsError"
    assert "relink" in error.action
    assert error.link_url.startswith("http")
    assert session.errors.operation_id.tolist() == run.operations.id.tolist()
    assert run.counts == {"failed": 1}


def test_a_run_attaches_to_what_runs_already(sandbox: Sandbox, session: Session, toft: str) -> None:
    """A second refresh of the same type queues nothing and follows the first one's operation."""
    sandbox.clock.pause()
    first = session.refresh(toft, "invoices")
    wait_for_operations(first, 1)
    second = session.refresh(toft, "invoices")
    wait_for_operations(second, 1)
    sandbox.clock.resume()
    first.wait(DEADLINE), second.wait(DEADLINE)
    assert second.operations.origin.tolist() == ["attached"]
    assert second.operations.id.tolist() == first.operations.id.tolist()
    assert second.operations.status.tolist() == first.operations.status.tolist()


def wait_for_operations(run: RefreshRun, number: int) -> None:
    """Wait until the run knows that many operations."""

    async def known() -> None:
        reached = asyncio.Event()
        forget = run.observe(lambda: len(run.operations) >= number and reached.set())
        if len(run.operations) < number:
            await asyncio.wait_for(reached.wait(), DEADLINE)
        forget()

    run._context.engine.call(known())


def test_the_operations_of_other_connections_appear(session: Session) -> None:
    """A type of two banks, queued without a connection, is followed on both."""
    company_id = str(session.companies(search="Pandle").id[0])
    run = session.refresh(company_id, "banking-accounts").wait(DEADLINE)
    assert set(run.operations.platform) == {"Plaid", "TrueLayer"}
    assert sorted(run.operations.origin) == ["appeared", "queued"]


def test_a_connection_can_be_chosen(session: Session) -> None:
    """Then nothing happens on the others."""
    company_id = str(session.companies(search="Pandle").id[0])
    connections = session.connections(company_id).set_index("platform")
    run = session.refresh(company_id, "banking-accounts", connection_id=str(connections.id["Plaid"])).wait(DEADLINE)
    assert run.operations.platform.tolist() == ["Plaid"]


def test_refresh_all_finds_what_was_queued(sandbox: Sandbox, session: Session, toft: str) -> None:
    """Codat answers without ids; every operation that it queued has a row, and each row its end."""
    before = set(session.history(toft, limit=None).id)
    run = session.refresh_all(toft).wait(DEADLINE)
    queued = set(session.history(toft, limit=None).id) - before
    assert set(run.operations.id) == queued
    assert set(run.operations.origin) == {"queued"}
    assert run.operations.completed.notna().all()
    assert "Shopify" not in set(run.operations.platform)


def test_refresh_all_attaches_to_what_runs_already(sandbox: Sandbox, session: Session, toft: str) -> None:
    """Codat skips types in progress; they belong to the run all the same."""
    sandbox.clock.pause()
    first = session.refresh(toft, "invoices")
    wait_for_operations(first, 1)
    run = session.refresh_all(toft)
    wait_for_operations(run, 2)
    sandbox.clock.resume()
    run.wait(DEADLINE)
    origins = run.operations.set_index("data_type").origin
    assert origins["invoices"] == "attached"
    assert set(origins.drop("invoices")) == {"queued"}


def test_an_outage_while_following_is_survived(sandbox: Sandbox, session: Session, toft: str) -> None:
    """Looks that fail are tried again until the end is seen."""
    sandbox.clock.pause()
    run = session.refresh(toft, "invoices")
    wait_for_operations(run, 1)
    rule = sandbox.faults.next(3, status=503, match=HISTORY)
    sandbox.clock.resume()
    run.wait(DEADLINE)
    assert rule.hits == 3
    assert run.operations.status.tolist() == truth(session, run).status.tolist()


def test_history_that_lags_loses_nothing(sandbox: Sandbox, session: Session, toft: str) -> None:
    """Operations that Codat shows late are found all the same."""
    sandbox.faults.history_lag = 20
    run = session.refresh_all(toft).wait(DEADLINE)
    assert len(run.operations) == len(run.rows) > 15


def test_what_was_refused_stays_in_its_row(session: Session, toft: str) -> None:
    """One refused type does not hold up the others, and says why."""
    run = session.refresh(toft, "commerce-orders", "customers").wait(DEADLINE)
    states = {row.data_type: row.state for row in run.rows}
    assert states["customers"] == "complete"
    assert states["commerce-orders"] in ("refused", "failed")
    assert run.errors.why.str.len().min() > 10


@pytest.mark.parametrize("data_types", [("invoices",), ()], ids=["types", "all"])
def test_an_unknown_company_ends_the_run_with_a_reason(session: Session, data_types: tuple[str, ...]) -> None:
    """Nothing is queued, nothing hangs; the error says so."""
    company_id = "00000000-0000-4000-8000-000000000000"
    run = session.refresh(company_id, *data_types) if data_types else session.refresh_all(company_id)
    run.wait(DEADLINE)
    assert run.phase == "failed"
    assert run.errors.status.tolist() == ["404"]
    assert [row.state for row in run.rows] == ["refused"]


def test_stopping_stops_the_watching_only(sandbox: Sandbox, session: Session, toft: str) -> None:
    """Codat carries on; the run says that it no longer watches."""
    sandbox.clock.pause()
    run = session.refresh(toft, "invoices")
    wait_for_operations(run, 1)
    run.stop_watching()
    run.wait(DEADLINE)
    assert run.phase == "stopped"
    assert "not watching; this view is out of date" in repr(run)
    assert run.operations.completed.isna().all()


def test_a_wait_that_times_out_is_an_outcome(sandbox: Sandbox, session: Session, toft: str) -> None:
    """It returns the run, which goes on."""
    sandbox.clock.pause()
    run = session.refresh(toft, "invoices")
    assert run.wait(0.05) is run
    assert not run.done
    sandbox.clock.resume()
    assert run.wait(DEADLINE).done


def test_a_run_can_be_awaited_and_a_cancelled_waiter_does_not_stop_it(
    sandbox: Sandbox, session: Session, toft: str
) -> None:
    """Awaiting works on the caller's own loop; cancelling stops the waiting, not the following."""
    sandbox.clock.pause()
    run = session.refresh(toft, "invoices")

    async def waits() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(run, 0.05)
        assert not run.done
        sandbox.clock.resume()
        assert await asyncio.wait_for(run, DEADLINE) is run

    asyncio.run(waits())
    assert run.phase == "done"


def test_waiting_on_the_engines_own_thread_is_refused(session: Session, toft: str) -> None:
    """It would wait for itself."""
    run = session.refresh(toft, "invoices")

    async def blocking() -> None:
        run.wait()

    with pytest.raises(RuntimeError, match="own thread"):
        session.context.engine.call(blocking())
    run.wait(DEADLINE)


def test_a_run_is_shown_in_a_line(session: Session, toft: str) -> None:
    """The repr names the company and counts the states."""
    run = session.refresh(toft, "customers").wait(DEADLINE)
    assert repr(run) == "<RefreshRun of Toft Stores UK: 1 complete>"


def test_no_request_is_sent_for_no_data_type(session: Session, toft: str) -> None:
    """A refresh of nothing is a mistake, told at once."""
    sent = len(session.requests)
    with pytest.raises(ValueError, match="at least one data type"):
        session.refresh(toft)
    assert len(session.requests) == sent


def test_an_id_that_is_none_is_refused_before_anything_is_queued(session: Session) -> None:
    """No path is made of it; it is only looked whether it is a company's name."""
    sent = len(session.requests)
    for ask in (session.status, session.refresh_all, lambda id: session.refresh(id, "invoices")):
        with pytest.raises(CodatLendingError, match=re.escape("'../x'")):
            ask("../x")
    assert [path.partition("?")[0] for path in session.requests.path[sent:]] == ["/companies"] * 3


def test_a_run_of_a_closed_session_begins_no_other(sandbox: Sandbox) -> None:
    """It is told so."""
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session:
        sandbox.faults.end_next(status="Cancelled")
        run = session.refresh(str(session.companies(search="Toft").id[0]), "invoices").wait(DEADLINE)
        assert run.retries.now == 1
    with pytest.raises(RuntimeError, match="session is closed"):
        run.retry_failed()
    assert run.retries.now == 0
    assert run.wait(0) is run
