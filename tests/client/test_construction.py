"""How a client is made: where the key may go, whom it tells, through what it sends."""

import asyncio
import subprocess
import sys
from typing import Any

import httpx
import pytest

from codat_notebook import CodatLending
from codat_notebook.models import errors

from .conftest import Bench

CODAT = "https://api.codat.io"


@pytest.mark.parametrize(
    "url",
    [
        "api.codat.io",
        "",
        "ftp://api.codat.io",
        "http://api.codat.io",
        "https://user:pw@api.codat.io",
        "https://x?y=1",
        "https://",
        "https://api.codat.io:99999",
        "https://api.codat.io:https",
        "https://api..codat.io",
        "https://api codat.io",
        "https://{region}.codat.io",
        "https://[::1",
    ],
)
def test_an_address_that_would_expose_the_key_is_refused(url: str) -> None:
    """No scheme, plain http to another machine, credentials in the address, no host or port: refused with a message."""
    with pytest.raises(errors.ConfigurationError):
        CodatLending("key", server_url=url or " ")
    with CodatLending("key") as client, pytest.raises(errors.ConfigurationError):
        client.companies.list(server_url=url or " ")


@pytest.mark.parametrize(
    "url", [CODAT, CODAT + "/", "https://proxy.test/codat/", "http://localhost:1/", "http://[::1]:1"]
)
def test_addresses_that_will_do(url: str) -> None:
    """A trailing slash and a path are fine, and so is plain http on this machine."""
    with CodatLending("key", server_url=url) as client:
        assert client.server_url == url.rstrip("/")


def test_plain_http_on_purpose() -> None:
    """allow_insecure=True is the caller's word."""
    with CodatLending("key", server_url="http://codat.intern", allow_insecure=True) as client:
        assert client.server_url == "http://codat.intern"


def test_url_params_and_server_idx_as_in_the_sdk() -> None:
    """Placeholders in the address are filled; there is one server, number 0."""
    with CodatLending("key", server_url="https://{region}.codat.io", url_params={"region": "api"}) as client:
        assert client.server_url == CODAT
    with CodatLending("key", server_idx=0) as client:
        assert client.server_url == CODAT
    with pytest.raises(errors.ConfigurationError, match="server_idx"):
        CodatLending("key", server_idx=1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timeout_ms", 0), ("timeout_ms", "5000"), ("timeout_ms", float("nan")), ("server_url", 5),
        ("server_url", b"https://api.codat.io"), ("retries", "none"), ("retries", 3),
    ],
)  # fmt: skip
def test_what_a_caller_says_wrongly_is_told(name: str, value: Any) -> None:
    """For a client and for one call alike: the message names what was said, and nothing was sent."""
    wrong = {name: value}
    with CodatLending("key") as client, pytest.raises(errors.ConfigurationError, match=name.split("_")[0]):
        client.companies.list(**wrong)
    with pytest.raises(errors.ConfigurationError, match=name.split("_")[0]):
        CodatLending("key", **{"retry_config" if name == "retries" else name: value})


@pytest.mark.parametrize("key", [5, b"a-raw-key", {}, {"key": "a-raw-key"}])
def test_a_key_of_another_type_is_refused(key: Any) -> None:
    """What is no text, or a mapping without the key, is told in words that do not show it."""
    with pytest.raises(errors.ConfigurationError) as caught:
        CodatLending(key)
    assert "a-raw-key" not in str(caught.value)


def test_read_only_sends_no_post(bench: Bench) -> None:
    """Everything that queues is refused before it is sent."""
    request = {"company_id": bench.company_id}
    for name in ("all_data_types", "queue_all"):
        with pytest.raises(errors.ReadOnlyError, match="Nothing was sent"):
            bench.call(f"manage_data.refresh.{name}", {"read_only": True}, request=request)
    with pytest.raises(errors.ReadOnlyError):
        bench.queue({"read_only": True})
    assert (bench.events, bench.accepted) == ([], 0)


def test_what_is_not_here_names_the_sdk() -> None:
    """Parts of the official SDK that we lack say where they are; misspelt names are misspelt names."""
    with CodatLending("key") as client:
        with pytest.raises(errors.NotAvailableError, match="codat-lending"):
            _ = client.accounts_payable
        with pytest.raises(errors.NotAvailableError, match="codat-lending"):
            client.companies.create(request={})
        assert not hasattr(client, "companys")
        assert not hasattr(client, "banking")


def test_a_listener_that_fails_loses_no_answer(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A bug in a listener is logged; the call goes on."""

    def broken(event: object) -> None:
        raise RuntimeError("a bug of the user's")

    assert bench.queue({"listener": broken}).operation.id
    assert "A listener failed" in caplog.text
    caplog.clear()


def test_a_debug_logger_gets_the_events(bench: Bench) -> None:
    """As in the SDK, debug_logger.debug is called."""

    class Logger:
        lines: list[str] = []  # noqa: RUF012 - one test, one class

        def debug(self, text: str, *arguments: object) -> None:
            self.lines.append(text % arguments)

    bench.call("companies.list", {"debug_logger": Logger()})
    assert Logger.lines[0].startswith("companies.list: GET /companies?page=1&pageSize=100 -> 200")


def test_given_http_clients_are_used() -> None:
    """As in the SDK, an httpx client of the user's own sends the requests, sync and async."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"].startswith("Basic ")
        return httpx.Response(200, json={"results": [{"id": "x"}]})

    transport = httpx.MockTransport(answer)
    with httpx.Client(transport=transport) as own, CodatLending("key", client=own) as client:
        assert client.companies.list().results[0].id == "x"

    async def run() -> None:
        async with httpx.AsyncClient(transport=transport) as own, CodatLending("key", async_client=own) as client:
            assert (await client.companies.list_async()).results[0].id == "x"

    asyncio.run(run())


def test_the_models_load_no_http() -> None:
    """Importing the models or the client loads neither httpx nor pandas; that comes with the first call."""
    code = (
        "import sys, codat_notebook.models.shared, codat_notebook.client; from codat_notebook import CodatLending;"
        "CodatLending('key'); print([m for m in ('httpx', 'ssl', 'pandas', 'asyncio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
