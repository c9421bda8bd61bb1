"""A typing mistake is met with the word that was meant, and nothing is queued."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from codat_notebook import strategies
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session

#: A company that nobody has.
ANY = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("invoice", "Did you mean 'invoices'?"),
        ("Invoices", "Did you mean 'invoices'?"),
        ("banking-transaction", "Did you mean 'banking-transactions'?"),
        ("xyzzy", "To refresh it anyway, pass allow_unknown=True."),
    ],
)
def test_a_data_type(sandbox: Sandbox, session: Session, toft: str, typed: str, meant: str) -> None:
    """However it is given: it is refused, and neither it nor what stands beside it is queued."""
    message = f"Codat has no data type '{typed}'. {meant}"
    plan = pd.DataFrame({"company_id": [toft, toft], "data_type": ["bills", typed]})
    asking: list[Callable[[], Any]] = [
        lambda: session.refresh(toft, typed, "bills"),
        lambda: session.refresh({toft: ["bills", typed]}),
        lambda: session.refresh(plan),
    ]
    for ask in asking:
        with pytest.raises(ValueError) as caught:
            ask()
        assert str(caught.value) == message
    assert sandbox.world.accepted == []


def test_what_is_known_asks_nothing(session: Session, toft: str) -> None:
    """Documented and custom data types begin at once, as before; so does a company that nobody knows."""
    before = session.request_log.appended
    nobody = "00000000-0000-4000-8000-000000000000"
    session.refresh(nobody, "invoices", "custom/mine").stop_watching()
    assert session.request_log.appended - before <= 1  # what the run itself may have begun
    assert session.refresh(nobody, "invoice").wait().rows[0].state == "refused"


def test_new_types_pass_where_the_company_has_them_or_the_caller_insists(
    sandbox: Sandbox, session: Session, toft: str
) -> None:
    """A data type that a platform offers, though nobody here knows it; and any at all on request."""
    session.connections(toft)
    known = session.context.support
    assert known is not None
    session.context.support = {name: types | {"shinyThings"} for name, types in known.items()}
    try:
        run = session.refresh(toft, "shinyThings")
    finally:
        session.context.support = known
    run.stop_watching()
    session.refresh(toft, "invoice", allow_unknown=True).wait()
    assert session.requests.path.str.contains("/data/queue/invoice").any()


@pytest.mark.parametrize(
    ("ask", "meant"),
    [
        (lambda s: s.plan(report="financial"), "financials"),
        (lambda s: s.settings_audit("x", "landing"), "lending"),
        (lambda s: s.plan(data_types="invoice"), "invoices"),
        (lambda s: s.plan({ANY: ["bill"]}), "bills"),
        (lambda s: s.cells(data_types=["invoices", "Bills"]), "bills"),
        (lambda s: s.estimate(data_types="invoice"), "invoices"),
        (lambda s: s.portfolio_status(goals={"invoice": "7D"}), "invoices"),
        (lambda s: s.portfolio_status(goals={"financal": "7D"}), "financials"),
        (lambda s: s.ready(ANY, ["invoice"]), "invoices"),
        (lambda s: s.portfolio_ready(purpose=["invoice"]), "invoices"),
        (lambda s: s.plan(tags={"Region": "uk"}), "region"),
        (lambda s: s.plan(platform="Xerro"), "Xero"),
        (lambda s: s.estimate(platform="quickboks online"), "QuickBooks Online"),
        (lambda s: s.portfolio_status(tags={"regoin": "uk"}), "region"),
        (lambda s: strategies.optimal("freshnes"), "freshness"),
        (lambda s: strategies.bundle("financal"), "financials"),
        (lambda s: s.refresh("Toft Store UK", "invoices"), "Toft Stores UK"),
        (lambda s: s.refresh_all("Toft Store UK"), "Toft Stores UK"),
        (lambda s: s.status("Toft Store UK"), "Toft Stores UK"),
        (lambda s: s.report("Toft Store UK"), "Toft Stores UK"),
        (lambda s: s.plan(companies="Toft Store UK"), "Toft Stores UK"),
        (lambda s: s.ready("Toft Store UK", "lending"), "Toft Stores UK"),
        (lambda s: Sandbox(companies=0).faults.end_next("complete"), "Complete"),
        (lambda s: Sandbox(scenario="month-ends"), "month-end"),
        (lambda s: Sandbox(companies=0).stage("xero bank transaction"), "xero bank transactions"),
    ],
)
def test_other_words(session: Session, ask: Callable[[Session], Any], meant: str) -> None:
    """Reports, purposes, platforms, tags, companies, statuses, strategies' words, situations of the sandbox."""
    with pytest.raises(ValueError, match=f"Did you mean '{meant}'"):
        ask(session)


def test_a_company_named_as_it_is_called(sandbox: Sandbox, session: Session, toft: str) -> None:
    """Its id is told; what is near to no name is refused or unknown, as before; nothing is queued."""
    for ask in (session.refresh_all, session.status, session.connections, session.history):
        with pytest.raises(ValueError, match=f"Did you mean 'Toft Stores UK'\\? Its id is {toft}."):
            ask("Toft Stores UK")
        with pytest.raises(ValueError, match="'xyzzy'") as caught:
            ask("xyzzy")
        assert "Did you mean" not in str(caught.value)
    assert session.plan(companies="xyzzy").reason.tolist() == ["unknown company"]
    assert sandbox.world.accepted == []


def test_a_search(session: Session) -> None:
    """What is nearly a company's name is told beside the empty answer, at the caller's line; else it is just empty."""
    with pytest.warns(UserWarning, match="contains 'Toft Storse UK'. Did you mean 'Toft Stores UK'?") as told:
        assert session.companies(search="Toft Storse UK").empty
    assert told[0].filename == __file__
    assert session.companies(search="no such company").empty


def test_a_platform_that_nobody_has_is_no_mistake(session: Session) -> None:
    """One that is known, and a tag that is near to none, give an empty plan."""
    assert session.plan(platform="Zettle", tags={"zzz": "1"}).empty
