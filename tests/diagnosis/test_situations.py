"""What is advised where the sandbox shows a situation, which was written from the documents by another hand."""

from collections.abc import Iterator

import pytest

from codat_notebook.diagnosis import Advice, diagnose
from codat_notebook.models.shared import Security
from codat_notebook.runs.cells import CompanyStatus, company_status
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session

#: Situation -> the rules that are met, and what may be retried: (rule, retry).
ADVICE: dict[str, set[tuple[str, str]]] = {
    "xero bank transactions": {("xero bank transactions", "never")},
    "xero daily limit": {("daily limit told", "later")},
    "xero paused": {("paused", "never")},
    "xero journals scope": {("xero journals", "after")},
    "sage 200 balance sheet": {("balance sheet", "after")},
    "plaid first transactions": {("plaid first sync", "later")},
    "plaid consent ended": {("plaid consent", "after")},
    "plaid consent near its end": {("complete", "never"), ("not supported", "never")},
    "unused token": {("deauthorized", "after")},
    "zoho daily quota": {("daily limit told", "later"), ("running", "never")},
    "zoho 21st link": {("zoho links", "after")},
    "exact minute limit": {("exact minute", "later")},
    "myob large file": {("fails again", "after")},
    "netsuite volume": {("fails again", "after")},
    "netsuite long fetching": {("netsuite slow", "never")},
    "netsuite tokens": {("netsuite setup", "after")},
    "business central extension": {("business central installing", "later")},
    "intacct permissions": {("intacct setup", "after")},
    "wave reports": {("wave reports", "after")},
    "quickbooks trial": {("quickbooks plan", "never")},
    "commerce prerequisites": {("commerce whole", "after")},
    "bigcommerce large order": {("bigcommerce orders", "later")},
    "woocommerce add-on": {("woocommerce add-on", "after")},
    "amazon too often": {("amazon limit", "later")},
    "sage 50 restart": {("sage 50 restarted", "now")},
    "machine off": {("machine off", "never")},
    "quickbooks desktop window": {("desktop window", "never")},
    "quickbooks desktop off": {("desktop machine off", "never")},
    "quickbooks desktop waiting": {("quickbooks in use", "never")},
    "quickbooks desktop one-time": {("complete", "never")},
    "platform outage": {("platform down", "later")},
    "platform outage is over": {("complete", "never")},
    "linking cancelled": set(),
    "integration withdrawn": {("removed", "never")},
    "bank feed": set(),
}


@pytest.fixture
def session() -> Iterator[tuple[Sandbox, Session]]:
    """A sandbox whose time stands, and a session on it; of its own, for by chance some fail in other ways, too."""
    with (
        Sandbox(companies=0, speed=0) as sandbox,
        Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session,
    ):
        yield sandbox, session


def test_each_situation_is_judged() -> None:
    """None is added without an advice."""
    with Sandbox(companies=0) as sandbox:
        assert set(sandbox.situations) == set(ADVICE)


@pytest.mark.parametrize("situation", ADVICE)
def test_the_advice_is_that_of_the_documents(session: tuple[Sandbox, Session], situation: str) -> None:
    """By the operations that show it; status, report and plan of the company give the same answer."""
    sandbox, opened = session
    staged = sandbox.stage(situation)
    status = opened.context.engine.call(_status(opened, staged.company_id))
    connection = status.facts.connections[staged.connection_id]
    shown = [operation for operation in status.operations if operation.id in staged.operation_ids]
    assert len(shown) == len(staged.operation_ids)
    now = sandbox.clock.now()
    made = {each.id: diagnose(each, connection, status.operations, now=now) for each in shown}
    assert {(advice.rule, advice.retry) for advice in made.values()} == ADVICE[situation]
    cells = {cell.operation_id: cell.advice for cell in status.cells}
    failed = {id: advice for id, advice in made.items() if cells.get(id) is not None}
    assert {id: cells[id] for id in failed} == failed
    plan = opened.plan(staged.company_id, older_than="1h").set_index("data_type")
    for cell in status.cells:
        if _excluded(cell.advice):
            assert plan.action[cell.data_type] == "skip"


def _excluded(advice: Advice | None) -> bool:
    return advice is not None and advice.retry == "never"


async def _status(session: Session, company_id: str) -> CompanyStatus:
    return await company_status(session.context, company_id)
