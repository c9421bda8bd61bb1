"""A gateway that sends the key back, wherever and however: nothing that the client gives or tells holds it."""

import asyncio
import json
import logging
import pickle
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from codat_notebook import CodatLending
from codat_notebook.models import errors
from codat_notebook.models.secret import MASK
from codat_notebook.utils import BackoffStrategy, RetryConfig
from tests.keys import ENCODED, FORMS, KEY, SECRETS, held, leaks, shown_by

from .raw import Raw, answer

ID = "8a210b68-6988-11ed-a1eb-0242ac120002"
REQUEST = {"company_id": ID, "data_type": "invoices"}
QUICK = RetryConfig("backoff", BackoffStrategy(1, 5, 1.1, 300), True)
#: Everything in every form; less than what is looked through letter by letter.
ECHO = " | ".join(form(SECRETS[name]) for form in FORMS.values() for name in ("raw", "encoded", "for URLs", "header"))
assert len(ECHO) < 12_000
ONE_LINE = f"Basic {ENCODED}; Authorization={ENCODED}"
PROBLEM = json.dumps({"error": ECHO, "correlationId": "c-1", "service": ECHO, "statusCode": 400}).encode()
OPERATION = {"id": ID, "companyId": ID, "dataType": "invoices", "status": "FetchError", "errorMessage": ECHO}
COMPANY = json.dumps({"results": [{"id": ID, "name": ECHO, "tags": {"k": ECHO}}], "pageNumber": 1}).encode()
HEADERS = (f"X-Echo: {ONE_LINE}", f"Set-Cookie: a={ENCODED}", f"Location: https://elsewhere.test/?k={ENCODED}")


def packed(body: bytes) -> bytes:
    """An answer whose body is packed."""
    pack = zlib.compressobj(wbits=31)
    return answer(pack.compress(body) + pack.flush(), "Content-Encoding: gzip", *HEADERS, status="400 Bad")


def halves() -> Iterator[bytes]:
    """A body whose pieces part the key in the middle."""
    whole = answer(PROBLEM, *HEADERS, status="400 Bad")
    cut = whole.index(ENCODED.encode()) + len(ENCODED) // 2
    yield whole[:cut]
    yield whole[cut:]


SCRIPTS: dict[str, Any] = {
    "400": answer(PROBLEM, *HEADERS, status="400 Bad"),
    "401": answer(PROBLEM, *HEADERS, status=f"401 {ONE_LINE}"),
    "500": answer(PROBLEM, *HEADERS, status="500 Oops"),
    "a page": answer(f"<html><pre>{ECHO}</pre></html>".encode(), "Content-Type: text/html", status="502 Bad Gateway"),
    "UTF-16": answer(ECHO.encode("utf-16"), "Content-Type: text/html; charset=utf-16", status="403 Forbidden"),
    "packed": packed(PROBLEM),
    "in pieces": halves,
    "a redirect": answer(ECHO.encode(), *HEADERS, status="302 Found"),
    "unreadable": answer(b"{" + ECHO.encode(), *HEADERS),
    "another shape": answer(json.dumps([ECHO, ONE_LINE]).encode(), *HEADERS),
    "no HTTP": f"{ONE_LINE}\r\n\r\n".encode(),
    "a wrong header": f"HTTP/1.1 200 OK\r\n{ONE_LINE}\r\n\r\n".encode(),
    "a wrong length": f"HTTP/1.1 200 OK\r\nContent-Length: {ONE_LINE}\r\n\r\n".encode(),
    "an odd packing": answer(b"", f"Content-Encoding: {ONE_LINE}"),
    "an odd packing, raw": answer(b"", f"Content-Encoding: {KEY}"),
    "read": answer(COMPANY, *HEADERS),
    "queued": answer(json.dumps(OPERATION).encode(), *HEADERS),
}


class Sinks(logging.Handler):
    """All that is told: events, the SDK's logger, and every record of every logger."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.told: list[object] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.told += [self.format(record), vars(record)]

    def debug(self, *told: object) -> None:
        """Keep what the client tells its debug_logger."""
        self.told.append(told)

    def __enter__(self) -> "Sinks":
        root = logging.getLogger()
        self._before = root.level
        root.addHandler(self)
        root.setLevel(logging.DEBUG)
        return self

    def __exit__(self, *exception: object) -> None:
        logging.getLogger().removeHandler(self)
        logging.getLogger().setLevel(self._before)


def check(outcome: object, sinks: Sinks) -> None:
    """Look everywhere."""
    for text in held(outcome, sinks.told):
        assert not leaks(text), text[:300]
    if isinstance(outcome, BaseException):
        for text in shown_by(outcome):
            assert not leaks(text), text[:300]
        assert not leaks(pickle.dumps(outcome))


def call(client: CodatLending, queues: bool, awaits: bool, **how: Any) -> object:
    """Make a call and give its result or its error."""

    async def run() -> Any:
        async with client:
            if queues:
                return await client.manage_data.refresh.queue_async(request=REQUEST, retries=QUICK, **how)
            return await client.companies.list_async(retries=QUICK, **how)

    try:
        if awaits:
            return asyncio.run(run())
        if queues:
            return client.manage_data.refresh.queue(request=REQUEST, retries=QUICK, **how)
        return client.companies.list(retries=QUICK, **how)
    except errors.CodatLendingError as error:
        return error


@pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("queues", [False, True], ids=["read", "queue"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_whatever_comes_back(name: str, queues: bool, awaits: bool) -> None:
    """Results, errors with all that hangs on them, pickles, tracebacks, events, logs: none holds the key."""
    with Sinks() as sinks, Raw(SCRIPTS[name]) as server:
        client = CodatLending(KEY, server_url=server.url, listener=sinks.debug, debug_logger=sinks)
        outcome = call(client, queues, awaits)
        client.close()
    assert f"Basic {ENCODED}".encode() in server.heard[0]
    assert sinks.told
    check(outcome, sinks)


def test_the_rest_of_an_answer_stays() -> None:
    """Ids, statuses and the words around the key are as they came; what is masked can be seen to be."""
    with Raw(SCRIPTS["queued"]) as server, CodatLending(KEY, server_url=server.url) as client:
        operation = client.manage_data.refresh.queue(request=REQUEST).operation
    assert (operation.id, operation.status, operation.data_type) == (ID, "FetchError", "invoices")
    assert operation.error_message is not None
    assert operation.error_message.count(MASK) == ECHO.count("|") + 1
    with Raw(SCRIPTS["400"]) as server, CodatLending(KEY, server_url=server.url) as client:
        with pytest.raises(errors.ErrorMessage) as caught:
            client.companies.list()
        assert caught.value.headers["x-echo"] == f"Basic {MASK}; Authorization={MASK}"
        assert caught.value.raw_response.headers["x-echo"] == caught.value.headers["x-echo"]
        assert (caught.value.correlation_id, caught.value.data.status_code) == ("c-1", 400)


@pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("owner", ["a header of the call", "a header of the client", "the client's login"])
def test_a_key_that_the_caller_sends_is_masked_too(owner: str, awaits: bool) -> None:
    """Not only the client's own: one in ``http_headers``, or of an HTTP client of the user's own."""
    options: dict[str, Any] = {
        "a header of the call": {},
        "a header of the client": {"headers": {"Authorization": f"Basic {ENCODED}"}},
        "the client's login": {"auth": lambda request: _signed(request)},
    }[owner]
    how = {"http_headers": {"Authorization": f"Basic {ENCODED}"}} if not options else {}
    kind = httpx.AsyncClient if awaits else httpx.Client
    with Sinks() as sinks, Raw(answer(PROBLEM, *HEADERS, status="400 Bad")) as server:
        own = kind(**options, trust_env=False) if options else None
        client = CodatLending(
            server_url=server.url,
            listener=sinks.debug,
            **({"async_client" if awaits else "client": own} if own else {}),
        )
        outcome = call(client, False, awaits, **how)
        client.close()
        if isinstance(own, httpx.Client):
            own.close()
        assert f"Basic {ENCODED}".encode() in server.heard[0]
    assert isinstance(outcome, errors.ErrorMessage)
    texts = [outcome.message, outcome.body, repr(outcome.headers), outcome.raw_response.text, repr(outcome.data)]
    assert not [text for text in texts if leaks(text)]
    assert not leaks(pickle.dumps(outcome))


def _signed(request: httpx.Request) -> httpx.Request:
    request.headers["Authorization"] = f"Basic {ENCODED}"
    return request


def test_an_exception_of_a_transport_is_masked() -> None:
    """What a transport of the user's own raises is passed on as it is, but for the key."""

    def broken(request: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError(f"no luck with {request.headers['authorization']}", {"key": KEY})

    with httpx.Client(transport=httpx.MockTransport(broken)) as own, CodatLending(KEY, client=own) as client:
        with pytest.raises(ZeroDivisionError) as caught:
            client.companies.list()
        assert caught.value.args == (f"no luck with Basic {MASK}", f"{{'key': '{MASK}'}}")
        assert not [text for text in shown_by(caught.value) if leaks(text)]


LINES: dict[str, Callable[[logging.Logger], None]] = {
    "text": lambda log: log.debug(f"headers: {ONE_LINE}"),
    "arguments": lambda log: log.info("%s of %d", KEY, 1),
    "bytes": lambda log: log.warning("%r", ONE_LINE.encode()),
}


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("logger", ["httpx", "httpcore.http11", "httpcore.connection", "httpcore.proxy"])
def test_what_the_http_library_logs_is_masked(logger: str, name: str) -> None:
    """As long as a client with the key lives, its library's log does not hold it; other lines are as they were."""
    with Sinks() as sinks, CodatLending(KEY):
        LINES[name](logging.getLogger(logger))
        logging.getLogger(logger).debug("%s of %d", "nothing", 2)
    assert not [text for text in held(sinks.told) if leaks(text)]
    assert MASK in str(sinks.told[0])
    assert sinks.told[2] == "nothing of 2"
    assert vars(logging.makeLogRecord(dict(sinks.told[3])))["args"] == ("nothing", 2)  # type: ignore[call-overload]
