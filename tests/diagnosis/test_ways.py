"""Ways to the rules that no situation of the sandbox shows: operations with ordered ends, one after the other."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from codat_notebook.diagnosis import diagnose
from codat_notebook.diagnosis.rules import RULES
from codat_notebook.models.shared import Security
from codat_notebook.runs.cells import CompanyStatus, company_status
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session

from .test_situations import ADVICE


class Order(NamedTuple):
    """A type that is queued, how it ends (as the situation wants, if empty) and with which message, and how long after
    that the next one comes."""

    data_type: str
    status: str
    message: str | None = None
    then: str = "10m"
    seconds: float = 60


def one(status: str, message: str | None = None, data_type: str = "customers", **more: object) -> list[Order]:
    """A single operation."""
    return [Order(data_type, status, message, **more)]  # type: ignore[arg-type]


FREEAGENT, XERO, ZOHO = "platform outage is over", "xero bank transactions", "zoho 21st link"
BUSINESS_CENTRAL, DESKTOP, PLAID = (
    "business central extension",
    "quickbooks desktop one-time",
    "plaid consent near its end",
)
AUTH = "The integration de-authorized access to the connection."
NIGHTLY = [Order("customers", "MapError", then="25h") for _ in range(3)]
#: Rules that are met where the connection is deauthorized.
DEAUTHORIZED = ("desktop one-off", "sage 50 uninstalled", "one-off access")
#: Rule -> the situation whose company is used, its operations, and which of these the rule is met by.
WAYS: dict[str, tuple[str, list[Order], int]] = {
    "fetch": (XERO, one("FetchError", data_type="items"), -1),
    "limit": (XERO, one("RateLimitError", "Slow down.", "items"), -1),
    "permissions": (FREEAGENT, one("PermissionsError", "No."), -1),
    "prerequisite": (FREEAGENT, one("PrerequisiteNotMet", "Not yet."), -1),
    "codat fails": (FREEAGENT, one("MapError", "Oops."), -1),
    "validation": (FREEAGENT, one("ValidationError", "Bad."), -1),
    "cancelled": (FREEAGENT, one("Cancelled", "Stopped."), -1),
    "unknown failure": (FREEAGENT, one("TeapotError", "I am one."), -1),
    "unknown end": (FREEAGENT, one("Dissolved"), -1),
    "auth": (FREEAGENT, one("AuthError", "No."), -1),
    "many companies": (XERO, one("AuthError", "No."), -1),
    "access withdrawn": (FREEAGENT, one("FetchError", AUTH), -1),
    "token refused": (FREEAGENT, one("FetchError", "invalid_grant"), -1),
    "limit told": (FREEAGENT, one("FetchError", "429 Too Many Requests"), -1),
    "rights told": (FREEAGENT, one("FetchError", "missing scope"), -1),
    "subscription": (FREEAGENT, one("PermissionsError", "Your subscription has expired"), -1),
    "not supported by platform": (FREEAGENT, one("FetchError", "Datatype customers not supported by platform(s)"), -1),
    "mended": (FREEAGENT, [*one("FetchError"), *one("Complete")], 0),
    "tried again": (FREEAGENT, [*one("FetchError"), *one("Complete", then="1s")], 0),
    "linked again": (
        FREEAGENT,
        [*one("AuthError"), *one("AuthError", data_type="items"), *one("Complete", data_type="items")],
        0,
    ),
    "by turns": (
        FREEAGENT,
        [*one("FetchError"), *one("Complete"), *one("FetchError"), *one("Complete"), *one("FetchError")],
        -1,
    ),
    "codat fails again": (FREEAGENT, [*one("Complete"), *NIGHTLY], -1),
    "starts late": (FREEAGENT, one("Complete", then="2h", seconds=2_500_000), -1),
    "not started": (FREEAGENT, one("Complete", then="26h", seconds=2_500_000), -1),
    "stuck": (FREEAGENT, one("Complete", then="10d", seconds=2_500_000), -1),
    "zoho limit": (
        ZOHO,
        [*one("FetchError"), *one("FetchError", data_type="items"), *one("FetchError", data_type="suppliers")],
        -1,
    ),
    "sage 200 sandbox": ("sage 200 balance sheet", one("ValidationError", "A sandbox company", "balanceSheet"), -1),
    "bigcommerce scopes": ("bigcommerce large order", one("FetchError", "missing scope", "commerce-products"), -1),
    "myob file": (
        "myob large file",
        [*one("Complete", data_type="items", then="40h"), *one("FetchError", "Oops.", "items")],
        -1,
    ),
    "plaid not enabled": (PLAID, one("FetchError", "Connectivity not supported", "banking-accounts"), -1),
    "plaid rights": (PLAID, one("FetchError", "Action required with your account", "banking-accounts"), -1),
    "business central extension": (
        BUSINESS_CENTRAL,
        [
            *[Order(name, "Complete", then="9h") for name in ("customers", "items", "suppliers")],
            *[Order(name, "FetchError") for name in ("customers", "items", "suppliers")],
        ],
        -1,
    ),
    "desktop one-off": ("quickbooks desktop window", one("AuthError"), -1),
    "sage 50 uninstalled": ("sage 50 restart", one("AuthError"), -1),
    "one-off access": ("plaid first transactions", one("AuthError", data_type="banking-accounts"), -1),
    "business central for days": (
        BUSINESS_CENTRAL,
        [Order("customers", "Complete"), *[Order("customers", "FetchError", then="40h") for _ in range(4)]],
        -1,
    ),
    "never succeeded": ("quickbooks trial", one("TeapotError", data_type="purchaseOrders"), -1),
    "machine waits": ("machine off", one(""), -1),
    "quickbooks does not start": (
        "quickbooks desktop window",
        one("FetchError", "Could not start QuickBooks", then="20h"),
        -1,
    ),
    "quickbooks rights": ("quickbooks desktop window", one("FetchError", "not allowed to log into", then="20h"), -1),
    "no answer from the machine": (FREEAGENT, one("Waiting", then="2m", seconds=900), -1),
}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox whose time moves by the test alone."""
    with Sandbox(companies=0, speed=0) as sandbox:
        yield sandbox


@pytest.mark.parametrize("rule", WAYS)
def test_the_way_to_a_rule(sandbox: Sandbox, rule: str) -> None:
    """Its conditions come about in the sandbox, and it is the diagnosis."""
    situation, orders, which = WAYS[rule]
    staged = sandbox.stage(situation)
    if situation == ZOHO:
        staged = staged.others[0]
    if rule in DEAUTHORIZED:
        sandbox.faults.deauthorize(staged.company_id, staged.connection_id)
    ids = []
    for order in orders:
        more = {"data_type": order.data_type, "company_id": staged.company_id, "seconds": order.seconds}
        if order.status:
            sandbox.faults.end_next(order.status, message=order.message, **more)
        ids.append(sandbox.world.queue(staged.company_id, order.data_type, staged.connection_id)["id"])
        sandbox.clock.advance(order.then)
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session:
        status = session.context.engine.call(_status(session, staged.company_id))
    operation = next(each for each in status.operations if each.id == ids[which])
    connection = status.facts.connections[staged.connection_id]
    assert diagnose(operation, connection, status.operations, now=sandbox.clock.now()).rule == rule


async def _status(session: Session, company_id: str) -> CompanyStatus:
    return await company_status(session.context, company_id)


def test_the_rules_without_a_way_are_known() -> None:
    """What no operation of the sandbox can meet: connections that nothing can be queued on, and four of its lacks."""
    reached = {rule for made in ADVICE.values() for rule, _ in made} | set(WAYS)
    assert {rule.name for rule in RULES} - reached == {
        "unlinked", "pending", "write only", "sage bank feed", "santander", "custom type", "plaid product",
        "netsuite volume",
    }  # fmt: skip
