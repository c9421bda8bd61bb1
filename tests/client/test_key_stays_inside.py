"""The key appears in no repr, log, event, exception, traceback or pickle: exceptions are walked, not grepped."""

import asyncio
import gc
import logging
import pickle
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from codat_notebook import CodatLending
from codat_notebook.models import errors, shared
from codat_notebook.utils import BackoffStrategy, RetryConfig
from tests.keys import ENCODED, KEY, chain, frames, leaks, shown_by

from .conftest import Bench
from .raw import Raw, answer

QUICK = RetryConfig("backoff", BackoffStrategy(1, 5, 1.1, 300), True)
REQUEST = {"company_id": "8a210b68-6988-11ed-a1eb-0242ac120002", "data_type": "invoices"}
PROBLEM = answer(b'{"error": "no", "correlationId": "c", "statusCode": 401}', status="401 Unauthorized")


def plain(value: object, depth: int = 4) -> Iterator[object]:
    """A value and what it holds in plain sight: attributes, items, elements."""
    yield value
    if depth == 0 or isinstance(value, str | bytes | int | float | type):
        return
    inside: list[object] = []
    if isinstance(value, dict):
        inside = [*value, *value.values()]
    elif isinstance(value, list | tuple | set):
        inside = list(value)
    elif isinstance(value, CodatLending) or type(value).__name__ in ("SyncDriver", "AsyncDriver", "Secret", "Security"):
        return  # the client does know its key; what it shows of it is tested below
    elif hasattr(value, "__dict__"):
        inside = list(vars(value).values())
    for item in inside:
        yield from plain(item, depth - 1)


def check(error: BaseException) -> None:
    """Walk an exception as a debugger would."""
    for text in shown_by(error):
        assert not leaks(text), text
    for one in chain(error):
        for value in plain(vars(one)):
            assert not leaks(repr(value)), type(value)
        for frame in frames(one.__traceback__):
            for name, local in frame.f_locals.items():
                for value in plain(local, 2):
                    assert not leaks(repr(value)), f"{name} in {frame.f_code.co_qualname}"
    if isinstance(error, errors.CodatLendingError):
        assert not leaks(pickle.dumps(error))


SCRIPTS: dict[str, Any] = {
    "401": PROBLEM,
    "500": answer(b"<html>", status="500 Oops"),
    "reset": b"",
    "garbage": b"no http\r\n\r\n",
    "unreadable": answer(b"{"),
    "redirect": answer(b"", "Location: https://evil.test", status="302 Found"),
}


@pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("queues", [False, True], ids=["read", "queue"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_exceptions_hold_no_key(name: str, queues: bool, awaits: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong, the exception can be shown, logged and sent elsewhere."""
    caplog.set_level(logging.DEBUG)
    told: list[object] = []

    async def run(client: CodatLending) -> None:
        if queues:
            await client.manage_data.refresh.data_type_async(request=REQUEST, retries=QUICK)
        else:
            await client.companies.list_async(retries=QUICK)
        await client.aclose()

    def call(client: CodatLending) -> None:
        if awaits:
            asyncio.run(_closing(client, run(client)))
        elif queues:
            client.manage_data.refresh.data_type(request=REQUEST, retries=QUICK)
        else:
            client.companies.list(retries=QUICK)

    with (
        Raw(SCRIPTS[name]) as server,
        CodatLending(KEY, server_url=server.url, listener=told.append) as client,
        pytest.raises(errors.CodatLendingError) as caught,
    ):
        call(client)
    check(caught.value)
    assert told
    assert not leaks(told)
    assert not leaks(caplog.text)


async def _closing(client: CodatLending, work: Any) -> None:
    try:
        await work
    finally:
        await client.aclose()


def test_an_interrupted_call_shows_no_key() -> None:
    """A cancelled call's exception leads into no frame of the HTTP library, where the header lies open."""
    reached, free = threading.Event(), threading.Event()

    def silent() -> Iterator[bytes]:
        reached.set()
        free.wait(5)
        yield b""

    async def run(url: str) -> BaseException:
        async with CodatLending(KEY, server_url=url) as client:
            task = asyncio.ensure_future(client.companies.list_async())
            assert await asyncio.to_thread(reached.wait, 5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
            free.set()
            return caught.value

    with Raw(silent) as server:
        check(asyncio.run(run(server.url)))


def test_reprs_hold_no_key() -> None:
    """The client, its parts, and what it is made of print no key."""
    security = shared.Security(auth_header=KEY)
    with CodatLending(security) as client:
        for shown in (client, client.companies, vars(client), vars(client._sync), security, client.clock):
            assert not leaks(repr(shown))
        with pytest.raises(TypeError):
            pickle.dumps(client)


def test_the_callers_own_authorization_is_not_kept_in_errors() -> None:
    """A header of the caller's that holds a key is not in the error's copy of the request."""
    with Raw(PROBLEM) as server, CodatLending(server_url=server.url) as client:
        with pytest.raises(errors.ErrorMessage) as caught:
            client.companies.list(http_headers={"Authorization": f"Basic {ENCODED}"})
        assert b"Basic " + ENCODED.encode() in server.heard[0]
    assert "authorization" not in caught.value.raw_response.request.headers
    assert ENCODED.encode() not in pickle.dumps(caught.value)


def test_nothing_of_a_finished_call_is_left(bench: Bench) -> None:
    """After a call no request that holds the key is kept alive."""
    import httpx

    with bench.client() as client:
        client.companies.list()
        gc.collect()
        left = [o for o in gc.get_objects() if isinstance(o, httpx.Request) and o.headers.get("authorization")]
        assert left == []
