"""Flows that run at the same time: in order, an error ends them, and an interruption waits for none."""

import asyncio
import json
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from codat_notebook.client import CodatLending
from codat_notebook.client.async_driver import AsyncDriver
from codat_notebook.client.drivers import SyncDriver
from codat_notebook.client.retrying import Flow, Sleep, Together
from codat_notebook.models import errors

Drive = Callable[[Flow[Any]], Any]


@pytest.fixture(params=["sync", "async"])
def drive(request: pytest.FixtureRequest) -> Drive:
    """Either driver, with no server."""
    if request.param == "sync":
        return SyncDriver(None, 1.0, lambda: 0.0).drive
    return lambda flow: asyncio.run(AsyncDriver(None, 1.0, lambda: 0.0).drive(flow))


def together(*flows: Flow[Any], at_once: int) -> Flow[Any]:
    """A flow that runs others."""
    return (yield Together(flows, at_once))


def test_results_stand_in_order(drive: Drive) -> None:
    """Whichever ends first."""

    def one(number: int) -> Flow[int]:
        yield Sleep(0.0)
        return number

    assert drive(together(*map(one, range(20)), at_once=3)) == list(range(20))
    assert drive(together(at_once=3)) == []


def test_after_an_error_no_further_one_begins(drive: Drive) -> None:
    """What was to follow a page that cannot be read is not asked for."""
    begun = []

    def one(number: int) -> Flow[int]:
        begun.append(number)
        yield Sleep(0.0)
        if number == 1:
            raise errors.NoResponseError("gone")
        return number

    results = drive(together(*map(one, range(5)), at_once=1))
    assert (begun, results[0]) == ([0, 1], 0)
    assert [type(result) for result in results[1:]] == [errors.NoResponseError] * 4


def test_what_is_no_error_of_ours_is_raised(drive: Drive) -> None:
    """A mistake in a flow is not taken for an answer."""

    def one() -> Flow[None]:
        yield Sleep(0.0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        drive(together(one(), one(), at_once=2))


@pytest.mark.skipif(sys.platform == "win32", reason="signals reach the main thread there only when it runs")
def test_an_interruption_waits_for_no_page() -> None:
    """Ctrl-C ends a walk at once, however long the pages on their way take."""
    release, both, main = threading.Event(), threading.Barrier(2), threading.main_thread().ident
    assert main is not None

    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.params["page"] != "1":
            if both.wait(10) == 0:  # the two that are fetched together are on their way
                signal.pthread_kill(main, signal.SIGINT)
            release.wait(10)
        rows = [{"id": f"{request.url.params['page']}-{i}"} for i in range(3)]
        following = {"next": {"href": str(request.url.copy_set_param("page", "2").raw_path, "ascii")}}
        return httpx.Response(200, content=json.dumps({"results": rows, "totalResults": 9, "_links": following}))

    client = CodatLending(security="a-raw-key", client=httpx.Client(transport=httpx.MockTransport(serve)))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            list(client.companies.iterate())
        assert any(thread.name.startswith("codat-page") for thread in threading.enumerate())
    finally:
        signal.signal(signal.SIGINT, before)
        release.set()
        for thread in threading.enumerate():
            if thread.name.startswith("codat-page"):
                thread.join(5)
