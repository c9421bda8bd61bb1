"""The client as users hold it: names, parameters, options, and the documented examples."""

import asyncio
import base64
import inspect
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from codat_notebook import CodatLending
from codat_notebook.client.calls import Group
from codat_notebook.client.events import Attempt, Waiting
from codat_notebook.models import errors, operations, shared
from codat_notebook.utils import BackoffStrategy, RetryConfig

from .conftest import Bench

CODAT = "https://api.codat.io"


def groups(holder: Any, path: str = "") -> Iterator[tuple[str, Group]]:
    """All groups of calls of a client."""
    for name, value in vars(holder).items():
        if isinstance(value, Group):
            yield f"{path}{name}", value
            yield from groups(value, f"{path}{name}.")


def calls() -> list[tuple[str, Any, Any]]:
    """All calls: name, method, twin."""
    with CodatLending() as client:
        return [
            (f"{path}.{name}", method, getattr(group, f"{name}_async"))
            for path, group in groups(client)
            for name, method in inspect.getmembers(group, inspect.ismethod)
            if not name.startswith("_") and not name.endswith("_async")
        ]


@pytest.mark.parametrize(("name", "method", "twin"), calls(), ids=lambda x: x if isinstance(x, str) else "")
def test_each_call_and_its_twin_take_the_same(name: str, method: Any, twin: Any) -> None:
    """A method and its _async twin have the same parameters, and all calls have the common ones."""
    one, other = inspect.signature(method), inspect.signature(twin)
    assert one.parameters == other.parameters
    common = ["request", "retries", "server_url", "timeout_ms", "http_headers"]
    assert list(one.parameters)[:5] == common
    assert all(p.kind is p.KEYWORD_ONLY for p in one.parameters.values())
    assert method.__doc__
    assert twin.__doc__


def test_an_option_that_no_call_has_is_refused(bench: Bench) -> None:
    """A misspelt keyword raises, by the call's name; nothing is sent."""
    with bench.client() as client:
        for call in (client.companies.list, client.companies.iterate):
            with pytest.raises(TypeError, match=r"^companies\.list\(\) got an unexpected keyword argument 'retrys'"):
                call(retrys=None)  # type: ignore[call-arg]
    assert bench.events == []


def test_the_calls_are_these() -> None:
    """A call that is added or lost is noticed."""
    assert sorted(name for name, _, _ in calls()) == [
        "companies.get", "companies.iterate", "companies.list", "connections.get", "connections.iterate",
        "connections.list", "integrations.get", "integrations.iterate", "integrations.list",
        "manage_data.get_status", "manage_data.pull_operations.get", "manage_data.pull_operations.get_validation",
        "manage_data.pull_operations.iterate", "manage_data.pull_operations.list",
        "manage_data.refresh.all_data_types", "manage_data.refresh.data_type", "manage_data.refresh.product",
        "manage_data.refresh.queue", "manage_data.refresh.queue_all", "manage_data.refresh.queue_product",
        "settings.get_company_sync_settings", "settings.get_profile_sync_settings",
    ]  # fmt: skip


def test_the_sdks_documented_examples_run(bench: Bench) -> None:
    """The examples of the official documentation, with only the import lines changed."""
    company_id = bench.company_id
    key = base64.b64encode(bench.sandbox.key.encode()).decode()
    with CodatLending(
        security=shared.Security(auth_header=f"Basic {key}"), server_url=bench.sandbox.url
    ) as codat_lending:
        res = codat_lending.companies.list(
            request={"page": 1, "page_size": 100},
            retries=RetryConfig("backoff", BackoffStrategy(1, 50, 1.1, 100), False),
        )
        assert res.results
        assert codat_lending.manage_data.refresh.all_data_types(request={"company_id": company_id}) is None
        operation = codat_lending.manage_data.refresh.data_type(
            request={"company_id": company_id, "data_type": shared.SchemaDataType.INVOICES}
        )
        page = codat_lending.manage_data.pull_operations.list(
            request=operations.ListPullOperationsRequest(company_id=company_id, order_by="-requested")
        )
        assert operation.id in {op.id for op in page.results}
        one = codat_lending.manage_data.pull_operations.get(
            request={"company_id": company_id, "dataset_id": operation.id}
        )
        assert one.status.value in shared.DatasetStatus.__members__.values()
        status = codat_lending.manage_data.get_status(request={"company_id": company_id})
        assert status.invoices is not None
        with pytest.raises(errors.CodatLendingError) as caught:
            codat_lending.companies.get(request={"company_id": "8a210b68-6988-11ed-a1eb-0242ac120002"})
    e = caught.value
    assert (e.status_code, e.headers["content-type"].split(";")[0]) == (404, "application/json")
    assert isinstance(e, errors.ErrorMessage)
    assert e.data.status_code == 404
    assert e.raw_response.json()["error"] == e.data.error
    assert "check the ids" not in e.message  # Codat has said what it does not know


CALLS: list[tuple[str, dict[str, Any]]] = [
    ("companies.list", {}),
    ("companies.get", {"request": {"company_id": "company"}}),
    ("connections.list", {"request": {"company_id": "company"}}),
    ("connections.get", {"request": {"company_id": "company", "connection_id": "connection"}}),
    ("manage_data.get_status", {"request": {"company_id": "company"}}),
    ("manage_data.pull_operations.list", {"request": {"company_id": "company", "page_size": 5}}),
    ("settings.get_company_sync_settings", {"request": {"company_id": "company"}}),
    ("settings.get_profile_sync_settings", {}),
    ("integrations.list", {}),
    ("integrations.get", {"request": {"platform_key": "gbol"}}),
]


@pytest.mark.parametrize(("name", "arguments"), CALLS, ids=lambda x: x if isinstance(x, str) else "")
def test_every_call_that_reads(bench: Bench, name: str, arguments: dict[str, Any]) -> None:
    """Each call gives an object of which nothing was unreadable."""
    ids = {"company": bench.company_id, "connection": bench.company["dataConnections"][0]["id"]}
    request = {k: ids.get(v, v) for k, v in arguments.get("request", {}).items()}
    found = bench.call(name, **({"request": request} if request else {}))
    assert found.unread == ()
    assert [type(e) for e in bench.events] == [Attempt]


def test_an_operation_and_its_validation(bench: Bench) -> None:
    """One operation, and what the checks found in its data."""
    bench.faults.end_next("ValidationError", seconds=0.1)
    operation = bench.queue().operation
    request = {"company_id": bench.company_id, "dataset_id": operation.id}
    assert bench.call("manage_data.pull_operations.get", request=request).id == operation.id
    assert bench.call("manage_data.pull_operations.get_validation", request=request).errors


def test_iterating_over_everything(bench: Bench) -> None:
    """All companies, blocking and awaiting, with large and with small pages."""

    async def awaited() -> int:
        async with bench.client() as client:
            return len([c.id async for c in client.companies.iterate_async(request={"page_size": 7})])

    with bench.client() as client:
        everyone = [c.id for c in client.companies.iterate()]
        assert len(set(everyone)) == len(everyone) == client.companies.list().total_results
        assert [c.id for c in client.companies.iterate(request={"page_size": 7})] == everyone
    assert asyncio.run(awaited()) == len(everyone)


def test_a_wrong_request_raises_before_the_first_row(bench: Bench) -> None:
    """iterate checks what it is given when it is called, not when it is first used."""
    with bench.client() as client, pytest.raises(errors.InvalidRequestError):
        client.connections.iterate(request={"company_id": ".."})
    assert bench.events == []


@pytest.mark.parametrize(("status", "tries"), [(408, 3), (429, 3), (500, 3), (503, 3), (404, 1), (501, 3)])
def test_reads_are_repeated_where_that_can_help(bench: Bench, status: int, tries: int) -> None:
    """408, 429 and 5XX are tried again, visibly; other refusals are final."""
    bench.faults.next(2, match="GET /companies", status=status, headers={"Retry-After": "0"})
    quick = RetryConfig("backoff", BackoffStrategy(1, 5, 1.1, 5000), True)
    if tries == 1:
        with pytest.raises(errors.ErrorMessage):
            bench.call("companies.list", retries=quick)
    else:
        bench.call("companies.list", retries=quick)
    assert len([e for e in bench.events if isinstance(e, Attempt)]) == tries
    assert len([e for e in bench.events if isinstance(e, Waiting)]) == tries - 1


def test_none_means_one_request(bench: Bench) -> None:
    """A RetryConfig "none", for the client or for the call, sends one request."""
    bench.faults.next(None, match="GET /companies", status=503)
    for how in ({"_client": {"retry_config": RetryConfig("none")}}, {"retries": RetryConfig("none")}):
        bench.events.clear()
        with pytest.raises(errors.ErrorMessage, match="503"):
            bench.call("companies.list", **how)
        assert len(bench.events) == 1


def test_connection_errors_are_not_repeated_if_so_configured(bench: Bench) -> None:
    """retry_connection_errors=False makes a lost answer to a read final."""
    bench.faults.next(1, match="GET /companies", reset_after=0)
    with pytest.raises(errors.NoResponseError) as caught:
        bench.call("companies.list", retries=RetryConfig("backoff", BackoffStrategy(), False))
    assert caught.value.sent
    bench.call("companies.list")


@pytest.mark.parametrize("size", [0, 6000, -1])
def test_the_server_judges_page_sizes(bench: Bench, size: int) -> None:
    """A page size that Codat does not take is its typed 400, asked for once."""
    with pytest.raises(errors.ErrorMessage) as caught:
        bench.call("companies.list", request={"page_size": size})
    assert (caught.value.status_code, len(bench.events)) == (400, 1)


def test_a_connection_that_ended_between_two_calls_is_no_trouble(bench: Bench) -> None:
    """A server that hangs up after its answer costs no call: the next one opens a new connection."""
    with bench.client() as client:
        for _ in range(3):
            bench.faults.next(1, match="GET /companies", close_after=10_000_000, when="after")
            assert client.companies.list().results


def test_the_request_goes_to_the_calls_own_server(bench: Bench) -> None:
    """server_url and http_headers hold for one call."""
    with bench.client(server_url="https://codat.test") as client:
        page = client.companies.list(server_url=bench.sandbox.url + "/", http_headers={"X-Tag": "1"})
    assert page.results


def test_callers_who_want_the_same_send_one_request(bench: Bench) -> None:
    """Two threads and a coroutine refresh the same type at once: one POST, one operation."""
    gate = bench.faults.hold("POST /companies/*/data/queue/*")
    found: list[Any] = []
    request = {"company_id": bench.company_id, "data_type": "invoices"}

    async def awaited(client: CodatLending) -> None:
        found.append(await client.manage_data.refresh.queue_async(request=request))
        await client.aclose()

    with bench.client() as client:
        one = threading.Thread(target=lambda: found.append(client.manage_data.refresh.queue(request=request)))
        one.start()
        assert gate.reached.wait(5)
        two = threading.Thread(target=lambda: found.append(client.manage_data.refresh.queue(request=request)))
        three = threading.Thread(target=lambda: asyncio.run(awaited(client)))
        two.start()
        three.start()
        gate.open()
        for thread in (one, two, three):
            thread.join(10)
    assert bench.accepted == 1
    assert len({queued.operation.id for queued in found}) == 1
    assert len(found) == 3


def test_many_loops_share_one_client(bench: Bench) -> None:
    """Each event loop gets HTTP clients of its own, so that loops in several threads do not break each other."""
    errors_seen: list[BaseException] = []

    async def work(client: CodatLending) -> None:
        for _ in range(5):
            await client.companies.list_async(request={"page_size": 1})
        await client.aclose()

    def run(client: CodatLending) -> None:
        try:
            asyncio.run(work(client))
        except BaseException as error:  # noqa: BLE001 - shown by the assertion
            errors_seen.append(error)

    with bench.client() as client:
        threads = [threading.Thread(target=run, args=(client,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert client.companies.list(request={"page_size": 1}).results
    assert errors_seen == []


def test_cancelling_frees_the_slot(bench: Bench) -> None:
    """A cancelled refresh leaves nothing locked, and the next one finds what it queued."""
    gate = bench.faults.hold("POST /companies/*/data/queue/*", when="after")
    request = {"company_id": bench.company_id, "data_type": "bills"}

    async def run() -> Any:
        async with bench.client() as client:
            task = asyncio.ensure_future(client.manage_data.refresh.queue_async(request=request))
            await asyncio.to_thread(gate.reached.wait, 5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            gate.open()
            return await client.manage_data.refresh.queue_async(request=request)

    assert asyncio.run(run()).origin == "attached"
    assert bench.accepted == 1
