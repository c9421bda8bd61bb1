"""The fault matrix of reading over real sockets, sync and async: pages, statuses, and what is never sent."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from codat_notebook import CodatLending
from codat_notebook.models import errors, shared
from codat_notebook.utils import RetryConfig

from .raw import Raw, answer

ONCE = RetryConfig("none")
ID = "8a210b68-6988-11ed-a1eb-0242ac120002"
Ask = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """``ask(url, action)``: run what ``action(client, twin)`` gives; ``twin`` is the suffix of the awaiting methods."""

    async def awaiting(url: str, action: Callable[[CodatLending, str], Any]) -> Any:
        async with CodatLending("my-key", server_url=url, retry_config=ONCE) as client:
            found = action(client, "_async")
            return [row async for row in found] if hasattr(found, "__aiter__") else await found

    def blocking(url: str, action: Callable[[CodatLending, str], Any]) -> Any:
        with CodatLending("my-key", server_url=url, retry_config=ONCE) as client:
            found = action(client, "")
            return list(found) if hasattr(found, "__next__") else found

    return blocking if request.param == "sync" else lambda url, action: asyncio.run(awaiting(url, action))


def page(id: str, following: str | None, total: int = 0) -> bytes:
    """A page of one company."""
    links = {"self": {"href": "/"}, **({"next": {"href": following}} if following else {})}
    return answer(json.dumps({"results": [{"id": id}], "totalResults": total, "_links": links}).encode())


def walk(client: CodatLending, twin: str) -> Any:
    """Iterate over all companies, one a page."""
    return getattr(client.companies, f"iterate{twin}")(request={"page_size": 1})


@pytest.mark.parametrize("following", ["/companies?page=1&pageSize=1", "/companies?page=7&pageSize=1"])
def test_a_page_that_leads_nowhere_new_ends_the_walk(ask: Ask, following: str) -> None:
    """A link to the page itself, or to another that holds the same, is not followed for ever."""
    with Raw(page("a", following)) as server:
        assert [row.id for row in ask(server.url, walk)] == ["a"]
        assert len(server.heard) <= 2


def test_a_page_on_another_host_gets_no_key(ask: Ask) -> None:
    """A link to another host is refused, and that host hears nothing."""
    with Raw(page("b", None)) as other, Raw(page("a", f"{other.url}/companies?page=2")) as server:
        with pytest.raises(errors.ResponseValidationError, match="another host"):
            ask(server.url, walk)
        assert other.heard == []


@pytest.mark.parametrize("total", [0, 3], ids=["one by one", "together"])
def test_a_page_that_is_gone_is_told(ask: Ask, total: int) -> None:
    """A link that leads to a 404 is an error, not the end of the list."""
    gone = answer(b'{"statusCode": 404, "error": "gone"}', status="404 Not Found")
    first = page("a", "/companies?page=2&pageSize=1", total)
    with Raw(first, gone) as server, pytest.raises(errors.ErrorMessage, match="404"):
        ask(server.url, walk)


def test_a_full_page_of_statuses_with_three_odd_ones(ask: Ask) -> None:
    """43 statuses of which one is null, one has no status and one is new: those that are there are all given."""
    rows: dict[str, Any] = {
        word.value: {"dataType": word.value, "currentStatus": "Complete"} for word in shared.SchemaDataType
    }
    rows |= {"bills": None, "suppliers": {"dataType": "suppliers"}}
    rows["invoices"]["currentStatus"] = "Dreaming"
    with Raw(answer(json.dumps(rows).encode())) as server:
        found = ask(server.url, lambda client, twin: getattr(client.manage_data, f"get_status{twin}")(
            request={"company_id": ID}))  # fmt: skip
    assert (len(found), found["invoices"].current_status, found["suppliers"].current_status) == (42, "Dreaming", None)
    assert "bills" in found.unread[0]


@pytest.mark.parametrize("bad", ["..", "../x", "a/b?c=d#e", ""])
@pytest.mark.parametrize("call", ["companies.get", "manage_data.get_status", "manage_data.refresh.all_data_types"])
def test_what_is_no_id_reaches_no_server(ask: Ask, call: str, bad: str) -> None:
    """Ids that could change the path are refused before a connection is opened."""

    def action(client: CodatLending, twin: str) -> Any:
        target: Any = client
        *groups, method = call.split(".")
        for part in groups:
            target = getattr(target, part)
        return getattr(target, method + twin)(request={"company_id": bad})

    with Raw(answer(b"{}")) as server:
        with pytest.raises(errors.InvalidRequestError, match="company_id"):
            ask(server.url, action)
        assert server.heard == []


@pytest.mark.parametrize("suffix", ["/", "/proxy", "/proxy/"])
def test_a_base_address_with_a_path_keeps_it(ask: Ask, suffix: str) -> None:
    """With a trailing slash or a path, each request goes below it, the next page too."""
    base = suffix.rstrip("/")
    with Raw(page("a", f"{base}/companies?page=2&pageSize=1"), page("b", None)) as server:
        assert [row.id for row in ask(server.url + suffix, walk)] == ["a", "b"]
    assert [line.split(b" ")[1].split(b"?")[0].decode() for line in server.heard] == [f"{base}/companies"] * 2
