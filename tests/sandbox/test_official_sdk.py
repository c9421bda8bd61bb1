"""The official codat-lending 12.0.0 drives the sandbox through all calls that it has for these endpoints."""

import base64
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from codat_lending import CodatLending
from codat_lending.models import errors, operations, shared
from codat_lending.utils import BackoffStrategy, RetryConfig

from codat_notebook.sandbox import Sandbox

ONCE = RetryConfig("none", BackoffStrategy(1, 1, 1, 1), False)
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A running sandbox whose clock is moved by hand."""
    with Sandbox(speed=0) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[CodatLending]:
    """The official client, which asks once."""
    header = "Basic " + base64.b64encode(sandbox.key.encode()).decode()
    with ExitStack() as stack:
        stack.callback(sandbox.faults.clear)
        yield CodatLending(security=shared.Security(auth_header=header), server_url=sandbox.url, retry_config=ONCE)


@pytest.fixture
def toft(sandbox: Sandbox) -> str:
    """The id of Toft Stores UK."""
    return sandbox.world.company_store.ids[0]


def test_companies_are_listed_searched_and_read(client: CodatLending, toft: str) -> None:
    """companies.list with query, order and pages, and companies.get."""
    page = client.companies.list(request=operations.ListCompaniesRequest(page_size=5, order_by="name"))
    names = [company.name for company in page.results]
    assert page.total_results == 12
    assert names == sorted(names, key=str.casefold)
    assert page.links.next.href.startswith("/companies?")
    found = client.companies.list(request=operations.ListCompaniesRequest(query="name~toft"))
    assert [company.id for company in found.results] == [toft]
    company = client.companies.get(request=operations.GetCompanyRequest(company_id=toft))
    assert company.tags["region"] == "uk"
    assert {c.status.value for c in company.data_connections} == {"Linked", "Deauthorized"}


def test_connections_are_listed_and_read(client: CodatLending, toft: str) -> None:
    """connections.list and connections.get."""
    page = client.connections.list(request=operations.ListConnectionsRequest(company_id=toft))
    assert [c.platform_name for c in page.results] == ["Oracle NetSuite", "Plaid", "Shopify"]
    wanted = page.results[2]
    got = client.connections.get(request=operations.GetConnectionRequest(company_id=toft, connection_id=wanted.id))
    assert got.status.value == "Deauthorized"
    assert got.data_connection_errors[0].status == "Active"


def test_the_status_of_every_company_parses(client: CodatLending, sandbox: Sandbox) -> None:
    """manage_data.get_status accepts every company's default answer, also with operations running."""
    for company_id in sandbox.world.company_store.ids:
        status = client.manage_data.get_status(request=operations.GetDataStatusRequest(company_id=company_id))
        assert len(status.to_dict()) == len(sandbox.world.status(company_id))


def test_one_type_is_refreshed_and_followed(client: CodatLending, toft: str, sandbox: Sandbox) -> None:
    """refresh.data_type, then pull_operations.get until it has ended, then it is in the list."""
    op = client.manage_data.refresh.data_type(
        request=operations.RefreshDataTypeRequest(company_id=toft, data_type=shared.SchemaDataType.CUSTOMERS)
    )
    assert op.status.value == "Queued"
    with pytest.raises(errors.ErrorMessage) as refusal:
        client.manage_data.refresh.data_type(request={"company_id": toft, "data_type": "customers"})
    assert refusal.value.status_code == 400
    assert f"previous sync {op.id} is still in progress" in refusal.value.data.error
    seen = []
    while not seen or seen[-1].completed is None:
        sandbox.clock.advance("10s")
        request = operations.GetPullOperationRequest(company_id=toft, dataset_id=op.id)
        seen.append(client.manage_data.pull_operations.get(request=request))
    ended = seen[-1]
    assert {"Fetching", "Mapping", "Processing"} < {step.status.value for step in seen}
    assert (ended.status.value, ended.is_completed, ended.progress) == ("Complete", True, 100)
    page = client.manage_data.pull_operations.list(
        request=operations.ListPullOperationsRequest(company_id=toft, order_by="-requested", query="dataType=customers")
    )
    assert page.results[0].id == op.id


def test_everything_is_refreshed_and_fails_where_it_must(client: CodatLending, toft: str, sandbox: Sandbox) -> None:
    """refresh.all_data_types; the operations end, most of them well; every page parses."""
    client.manage_data.refresh.all_data_types(request=operations.RefreshAllDataTypesRequest(company_id=toft))
    sandbox.clock.advance("1h")
    page = client.manage_data.pull_operations.list(
        request=operations.ListPullOperationsRequest(company_id=toft, order_by="-requested", page_size=5000)
    )
    new = [op for op in page.results if op.id in sandbox.world.accepted[-1].operations]
    assert len(new) > 20
    assert {op.data_type: op.status.value for op in new}["creditNotes"] == "PermissionsError"
    assert sum(op.is_completed for op in new) > 0.7 * len(new)


@pytest.mark.parametrize(
    ("call", "status"),
    [
        (lambda c, toft: c.companies.get(request={"company_id": UNKNOWN}), 404),
        (lambda c, toft: c.companies.list(request=operations.ListCompaniesRequest(query="name")), 400),
        (lambda c, toft: c.connections.get(request={"company_id": toft, "connection_id": UNKNOWN}), 404),
        (lambda c, toft: c.manage_data.get_status(request={"company_id": UNKNOWN}), 404),
        (lambda c, toft: c.manage_data.refresh.all_data_types(request={"company_id": UNKNOWN}), 404),
        (lambda c, toft: c.manage_data.pull_operations.get(request={"company_id": toft, "dataset_id": UNKNOWN}), 404),
    ],
)
def test_errors_are_error_messages(client: CodatLending, toft: str, call: Callable[..., object], status: int) -> None:
    """What is wrong comes as the typed ErrorMessage with its correlation id."""
    with pytest.raises(errors.ErrorMessage) as refusal:
        call(client, toft)
    assert refusal.value.status_code == refusal.value.data.status_code == status
    assert len(refusal.value.data.correlation_id) == 32


@pytest.mark.parametrize("status", [402, 403, 429, 500, 503])
def test_ordered_errors_are_error_messages(client: CodatLending, sandbox: Sandbox, status: int) -> None:
    """The statuses that only a fault produces have Codat's bodies too."""
    sandbox.faults.next(1, status=status)
    with pytest.raises(errors.ErrorMessage) as refusal:
        client.companies.list()
    assert refusal.value.status_code == status


def test_a_wrong_key_is_refused(sandbox: Sandbox) -> None:
    """401 for another key."""
    stranger = CodatLending(
        security=shared.Security(auth_header="Basic bm8="), server_url=sandbox.url, retry_config=ONCE
    )
    with pytest.raises(errors.ErrorMessage) as refusal:
        stranger.companies.list()
    assert refusal.value.status_code == 401


async def _read_all(client: CodatLending, toft: str) -> tuple[int, int]:
    page = await client.companies.list_async()
    history = await client.manage_data.pull_operations.list_async(
        request=operations.ListPullOperationsRequest(company_id=toft, page_size=10)
    )
    return len(page.results), len(history.results)


def test_the_async_twins_work(client: CodatLending, toft: str) -> None:
    """The asynchronous methods read the same."""
    import asyncio

    assert asyncio.run(_read_all(client, toft)) == (12, 10)
