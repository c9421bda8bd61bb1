"""What goes over the wire, and what comes back over it that no server should send."""

import asyncio
import base64
import contextlib
import gzip
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterable
from typing import Any

import pytest

from codat_notebook import CodatLending
from codat_notebook.client import transport
from codat_notebook.models import errors
from codat_notebook.utils import BackoffStrategy, RetryConfig

from .conftest import Bench
from .raw import Raw, answer

PAGE = json.dumps({"results": [{"id": "a"}]}).encode()
ONCE = RetryConfig("none")


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Any:
    """List the companies of a server, blocking or awaiting."""

    def blocking(url: str, retries: RetryConfig = ONCE, **how: Any) -> Any:
        with CodatLending("my-key", server_url=url, **how) as client:
            return client.companies.list(retries=retries)

    async def awaiting(url: str, retries: RetryConfig = ONCE, **how: Any) -> Any:
        async with CodatLending("my-key", server_url=url, **how) as client:
            return await client.companies.list_async(retries=retries)

    if request.param == "sync":
        return blocking
    return lambda *args, **how: asyncio.run(awaiting(*args, **how))


def chunked(*pieces: bytes, end: bool = True) -> bytes:
    """An answer in chunks."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return head + body + (b"0\r\n\r\n" if end else b"")


@pytest.mark.parametrize(
    "script",
    [
        answer(PAGE),
        answer(gzip.compress(PAGE), "Content-Encoding: gzip"),
        answer(gzip.compress(PAGE), "Content-Encoding: GZIP"),
        answer(zlib.compress(PAGE), "Content-Encoding: deflate"),
        answer(PAGE, "Content-Type: text/plain"),
        answer(b"\xef\xbb\xbf" + PAGE),
        answer(PAGE, "Date: \xe9t\xe9", "X-Rate-Limit-Remaining: \xff"),
        chunked(PAGE[:5], PAGE[5:]),
        b"HTTP/1.0 200 OK\r\n\r\n" + PAGE,
    ],
    ids=["plain", "gzip", "GZIP", "deflate", "no json type", "bom", "odd headers", "chunked", "http 1.0"],
)
def test_answers_that_can_be_read(ask: Any, script: bytes) -> None:
    """Packed or not, in chunks or whole, with odd headers: it is a page."""
    with Raw(script) as server:
        assert ask(server.url).results[0].id == "a"


def endless() -> Iterable[bytes]:
    """A body without end."""
    yield b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    yield from itertools.repeat(b" " * (1 << 20))


def bomb() -> Iterable[bytes]:
    """A small body that unpacks to more than there is room for."""
    packer = zlib.compressobj(1, wbits=31)
    zeros = bytes(1 << 20)
    body = b"".join(packer.compress(zeros) for _ in range(transport.MAX_BODY // len(zeros) + 1)) + packer.flush()
    yield answer(body, "Content-Encoding: gzip")


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (b"", errors.NoResponseError),
        (b"not http at all\r\n\r\n", errors.NoResponseError),
        (b"HTTP/1.1 200 OK\r\nContent-Le", errors.NoResponseError),
        (answer(PAGE, length=1000), errors.NoResponseError),
        (chunked(PAGE, end=False), errors.NoResponseError),
        (answer(gzip.compress(PAGE)[:-9], "Content-Encoding: gzip"), errors.ResponseValidationError),
        (answer(b"no gzip", "Content-Encoding: gzip"), errors.ResponseValidationError),
        (answer(PAGE, "Content-Encoding: br"), errors.ResponseValidationError),
        (answer(b""), errors.ResponseValidationError),
        (answer(b"", status="204 No Content"), errors.ResponseValidationError),
        (answer(PAGE[:-3]), errors.ResponseValidationError),
        (answer(b"<html>"), errors.ResponseValidationError),
        (endless, errors.ResponseValidationError),
        (bomb, errors.ResponseValidationError),
        (answer(b"<html>", status="502 Bad Gateway"), errors.SDKError),
        (answer(b'{"error": "x", "correlationId": "c"}', status="418 I'm a teapot"), errors.SDKError),
        (answer(b'{"error": "x", "correlationId": "c"}', status="503 Down"), errors.ErrorMessage),
        (answer(b"{}", status="404 Not Found"), errors.SDKError),
    ],
    ids=[
        "nothing", "no http", "half a head", "short body", "no last chunk", "short gzip", "false gzip", "brotli",
        "empty", "204", "cut json", "html", "endless", "bomb", "502 html", "418", "503", "404 without words",
    ],
)  # fmt: skip
def test_answers_that_cannot_be_read(ask: Any, script: Any, kind: type[Exception]) -> None:
    """Each ends in the one exception that says what happened, and none in another."""
    with Raw(script) as server, pytest.raises(errors.CodatLendingError) as caught:
        ask(server.url)
    assert type(caught.value) is kind
    assert pickle_size(caught.value) < 1_000_000


def pickle_size(error: Exception) -> int:
    """How much an error carries with it."""
    import pickle

    return len(pickle.dumps(error))


def test_an_endless_answer_is_not_asked_for_again() -> None:
    """What is too large will be too large again."""
    again = RetryConfig("backoff", BackoffStrategy(1, 2, 1.0, 5000), True)
    with Raw(bomb) as server, CodatLending("my-key", server_url=server.url) as client:
        with pytest.raises(errors.ResponseValidationError, match="larger than anything"):
            client.companies.list(retries=again)
        assert len(server.heard) == 1


def drip(head: bytes, wait: threading.Event) -> Iterable[bytes]:
    """A byte now and then, each in time, for longer than anybody should wait."""
    yield head
    for _ in range(400):
        if wait.wait(0.02):
            return
        yield b"a"


HEADS = {"the head": b"HTTP/1.1 200 OK\r\nX-Slow: ", "the body": b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"}


@pytest.mark.parametrize("part", HEADS)
@pytest.mark.parametrize("limit", ["time-out", "budget"])
def test_a_server_that_drips_outlasts_nothing(ask: Any, part: str, limit: str) -> None:
    """Bytes that keep coming do not stretch the time-out of a request, nor the budget of a call."""
    hung_up = threading.Event()
    timed = (
        {"timeout_ms": 300}
        if limit == "time-out"
        else {"retries": RetryConfig("backoff", BackoffStrategy(1, 1, 1.0, 50))}
    )
    with Raw(lambda: drip(HEADS[part], hung_up)) as server:
        began = time.monotonic()
        with pytest.raises(errors.NoResponseError, match="timed out") as caught:
            ask(server.url, **timed)
        hung_up.set()
    assert caught.value.sent
    assert time.monotonic() - began < 5


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue of connections refuses or accepts them")
def test_a_server_that_accepts_nobody_was_surely_sent_nothing(ask: Any) -> None:
    """The time for connecting ends before the whole does, so that it is known that nothing was queued."""
    with socket.socket() as full, contextlib.ExitStack() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            other = waiting.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(full.getsockname())
        with pytest.raises(errors.NoResponseError) as caught:
            ask(f"http://127.0.0.1:{full.getsockname()[1]}", timeout_ms=1000)
    assert not caught.value.sent


def test_a_connection_gets_at_most_ten_seconds() -> None:
    """However long the answer may take; what comes before the request ends before the whole time."""
    assert transport.timeouts(60) == {"connect": 10.0, "read": 60, "write": 60, "pool": 54.0}
    assert transport.timeouts(5)["connect"] == 4.5


def test_a_dripping_answer_to_a_client_of_the_users_own(ask: Any) -> None:
    """The deadline holds for the body also where somebody else made the HTTP client."""
    import httpx

    hung_up = threading.Event()
    with Raw(lambda: drip(HEADS["the body"], hung_up)) as server, httpx.Client() as own:
        with pytest.raises(errors.NoResponseError, match="timed out"):
            ask(server.url, client=own, async_client=None, timeout_ms=300)
        hung_up.set()


def test_redirects_are_not_followed(ask: Any) -> None:
    """The key goes to no other host, whatever an answer says."""
    with Raw(answer(PAGE)) as other:
        redirect = answer(b"", f"Location: {other.url}/companies", status="307 Temporary Redirect")
        with Raw(redirect) as server, pytest.raises(errors.SDKError, match="not followed") as caught:
            ask(server.url)
        assert other.heard == []
    assert caught.value.status_code == 307


def test_what_is_sent(ask: Any) -> None:
    """The request line, the key, the idempotency of nothing: as documented and no more."""
    with Raw(answer(PAGE)) as server:
        ask(server.url)
    lines = server.heard[0].decode().split("\r\n")
    assert lines[0] == "GET /companies?page=1&pageSize=100 HTTP/1.1"
    assert "authorization: Basic bXkta2V5" in [line.replace("Authorization", "authorization") for line in lines]
    assert not any(line.lower().startswith("idempotency-key") for line in lines)


def test_headers_that_would_break_the_request_are_refused() -> None:
    """A line break in a header of the caller's is not sent, and its value not shown."""
    with CodatLending("my-key") as client, pytest.raises(errors.InvalidRequestError) as caught:
        client.companies.list(http_headers={"X-Tag": "a\r\nX-Evil: secret"})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["gzip", "identity", ""])
def test_a_body_is_counted_as_it_is_unpacked(encoding: str) -> None:
    """The limit holds for what a body becomes, not for what was sent of it."""
    body = transport.Body(encoding, limit=1000)
    packed = gzip.compress(bytes(1000)) if encoding == "gzip" else bytes(1000)
    body.add(packed)
    assert body.whole() == bytes(1000)
    over = transport.Body(encoding, limit=999)
    with pytest.raises(transport.BadBody):
        over.add(packed)


def _elsewhere(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_the_loopback_goes_through_no_proxy(bench: Bench) -> None:
    """With HTTP_PROXY set to nowhere, the sandbox is reached all the same, sync and async."""
    code = (
        "import asyncio; from codat_notebook import CodatLending\n"
        f"c = CodatLending({bench.sandbox.key!r}, server_url={bench.sandbox.url!r})\n"
        "async def f(): print(len((await c.companies.list_async()).results)); await c.aclose()\n"
        "print(len(c.companies.list().results)); asyncio.run(f()); c.close()"
    )
    nowhere = "http://127.0.0.1:9"
    shown = _elsewhere(code, HTTP_PROXY=nowhere, http_proxy=nowhere, ALL_PROXY=nowhere, HTTPS_PROXY=nowhere)
    assert shown.split() == ["100", "100"]


def test_other_hosts_go_through_the_proxy() -> None:
    """The environment's proxy is asked for everything that is not on this machine, sync and async."""
    with Raw(answer(b"no", status="403 Forbidden")) as proxy:
        code = (
            "import asyncio; from codat_notebook import CodatLending; from codat_notebook.utils import RetryConfig\n"
            "c = CodatLending('key', retry_config=RetryConfig('none'))\n"
            "async def awaited(): return await c.companies.list_async()\n"
            "for ask in (c.companies.list, lambda: asyncio.run(awaited())):\n"
            "    try: ask()\n"
            "    except Exception as e: print(type(e).__name__, getattr(e, 'sent', None))"
        )
        shown = _elsewhere(code, HTTPS_PROXY=proxy.url, https_proxy=proxy.url, NO_PROXY="", no_proxy="")
        assert shown.split() == ["NoResponseError", "False"] * 2
        assert len(proxy.heard) == 2
        for heard in proxy.heard:
            assert heard.startswith(b"CONNECT api.codat.io:443")
            assert b"authorization" not in heard.lower()


def test_a_proxy_gets_its_password_and_no_proxy_is_honoured() -> None:
    """What the address of a proxy says goes to it, decoded; hosts that NO_PROXY names are asked directly."""
    with Raw(answer(b"no", status="403 Forbidden")) as proxy:
        code = (
            "from codat_notebook import CodatLending; from codat_notebook.utils import RetryConfig\n"
            "from codat_notebook.client import pools\n"
            "try: CodatLending('key', retry_config=RetryConfig('none')).companies.list()\n"
            "except Exception as e: print(type(e).__name__)\n"
            "for url in ('https://codat.test', 'https://api.codat.test', 'https://api.codat.io', 'http://127.0.0.1:9'):\n"
            "    print(type(pools.pool(url, print)).__name__, type(pools.pool(url, print, awaits=True)).__name__)"
        )
        address = proxy.url.replace("://", "://clerk:pa%3Ass@")
        shown = _elsewhere(code, ALL_PROXY=address, all_proxy=address, NO_PROXY="codat.test", no_proxy="codat.test")
        direct, through = ["ConnectionPool", "AsyncConnectionPool"], ["HTTPProxy", "AsyncHTTPProxy"]
        assert shown.split() == ["NoResponseError", *direct, *direct, *through, *direct]
        assert b"proxy-authorization: basic " + base64.b64encode(b"clerk:pa:ss").lower() in proxy.heard[0].lower()


@pytest.mark.parametrize("hosts", ["[::1]", "::1", "fd00::/8", "localhost,[::1]:8080,2001:db8::/32", "[::1"])
def test_ipv6_in_no_proxy_is_no_fault_of_a_proxy(hosts: str) -> None:
    """Where none is set there is none to blame; one that is set is asked for what these do not name."""
    code = (
        "from codat_notebook.client import pools\n"
        "for url in ('https://api.codat.io', 'https://[::1]:9'):\n"
        "    print(type(pools.pool(url, print)).__name__, type(pools.pool(url, print, awaits=True)).__name__)"
    )
    unset = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"), "")
    named = {**unset, "NO_PROXY": hosts, "no_proxy": hosts}
    direct, through = ["ConnectionPool", "AsyncConnectionPool"], ["HTTPProxy", "AsyncHTTPProxy"]
    assert _elsewhere(code, **named).split() == direct * 2
    set_one = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9")
    assert _elsewhere(code, **{**named, **set_one}).split() == through + direct


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_ca_bundles_of_the_environment_are_honoured(name: str, tmp_path: Any) -> None:
    """The certificates that the environment names are those that are believed; they are loaded once."""
    import certifi

    one = certifi.contents().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
    bundle = tmp_path / "company.pem"
    bundle.write_text(one, encoding="ascii")
    code = (
        "from codat_notebook.client import transport\n"
        "c = transport.tls_context(); print(len(c.get_ca_certs()), c is transport.tls_context())"
    )
    unset = dict.fromkeys(("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), "")
    assert _elsewhere(code, **{**unset, name: str(bundle)}).split() == ["1", "True"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SSL_CERT_FILE", "nowhere.pem", "SSL_CERT_FILE is nowhere.pem, where no certificates can be read"),
        ("REQUESTS_CA_BUNDLE", __file__, "where no certificates can be read"),
        ("SSLKEYLOGFILE", "/nowhere/keys.log", "SSLKEYLOGFILE is /nowhere/keys.log, which cannot be written"),
        ("HTTPS_PROXY", "gopher://127.0.0.1:9", "the proxy that HTTPS_PROXY names cannot be used"),
        ("HTTPS_PROXY", "http://127.0.0.1:9", "127.0.0.1:9, the proxy that HTTPS_PROXY names, cannot be reached"),
        ("HTTPS_PROXY", "http://proxy.invalid:8", "proxy.invalid:8, the proxy that HTTPS_PROXY names, cannot be reach"),
    ],
)
def test_an_environment_that_cannot_be_used_is_told(name: str, value: str, said: str) -> None:
    """Certificates that are not there and odd proxies are errors of ours that name them, and nothing was queued."""
    code = (
        "import asyncio; from codat_notebook import CodatLending; from codat_notebook.models import errors\n"
        "from codat_notebook.utils import RetryConfig\n"
        "refresh = CodatLending('a-raw-key', retry_config=RetryConfig('none')).manage_data.refresh\n"
        "what = dict(request=dict(company_id='8a210b68-6988-11ed-a1eb-0242ac120002', data_type='bills'))\n"
        "for queue in (lambda: refresh.queue(**what), lambda: asyncio.run(refresh.queue_async(**what))):\n"
        "    try: queue()\n"
        "    except errors.NoResponseError as error: print(error.queued, error.sent, error)"
    )
    names = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "ALL_PROXY", "NO_PROXY")
    unset = dict.fromkeys((*names, *map(str.lower, names)), "")
    lines = _elsewhere(code, **{**unset, name: value}).splitlines()
    assert [(line.startswith("no False "), said in line) for line in lines] == [(True, True)] * 2


@pytest.mark.parametrize(
    ("name", "proxy"),
    [
        ("HTTPS_PROXY", "gopher://clerk:s3cr3t-word@127.0.0.1:9"), ("https_proxy", "http://clerk:s3cr3t/word@127.0.0.1:9"),
        ("ALL_PROXY", "http://clerk:s3cr3t-word@127.0.0.1:port"), ("ALL_PROXY", "s3cr3t-word"),
        ("HTTPS_PROXY", "http://clerk:s3cr3t-word@127.0.0.1:9"), ("HTTPS_PROXY", "http://[clerk:s3cr3t-word@::1"),
    ],
)  # fmt: skip
def test_a_proxys_password_is_not_told(name: str, proxy: str) -> None:
    """Whether its address cannot be read or nobody answers there: the variable is named, its text is not shown."""
    code = (
        "import traceback; from codat_notebook import CodatLending; from codat_notebook.utils import RetryConfig\n"
        "try: CodatLending('a-raw-key', retry_config=RetryConfig('none')).companies.list()\n"
        "except Exception as error: \n"
        "    print(type(error).__name__, error, vars(error), traceback.format_exc())"
    )
    names = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
    unset = dict.fromkeys((*names, *map(str.lower, names)), "")
    shown = _elsewhere(code, **{**unset, name: proxy})
    assert shown.startswith("NoResponseError")
    assert not [part for part in ("s3cr3t", "clerk") if part in shown]
    assert "ConnectError" in shown or name.upper() in shown or "ProxyError" in shown


@pytest.mark.parametrize(("bundle", "trusts"), [("", "System"), ("named", "SSLContext")])
def test_the_operating_systems_certificates(bundle: str, trusts: str, tmp_path: Any) -> None:
    """With truststore installed its store is believed, unless the environment names a bundle."""
    import certifi

    (tmp_path / "truststore.py").write_text("import ssl\nclass SSLContext(ssl.SSLContext): name = 'System'\n")
    code = (
        "from codat_notebook.client import transport\n"
        "print(getattr(transport.tls_context(), 'name', type(transport.tls_context()).__name__))"
    )
    unset = dict.fromkeys(("SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), "")
    named = {**unset, "SSL_CERT_FILE": certifi.where() if bundle else "", "PYTHONPATH": str(tmp_path)}
    assert _elsewhere(code, **named).split() == [trusts]


def test_no_tls_context_is_made_for_the_loopback(bench: Bench) -> None:
    """Talking to the sandbox loads no certificates."""
    code = (
        "import ssl; made = []; real = ssl.SSLContext.load_verify_locations\n"
        "ssl.SSLContext.load_verify_locations = lambda *a, **k: made.append(1) or real(*a, **k)\n"
        "from codat_notebook import CodatLending\n"
        f"with CodatLending({bench.sandbox.key!r}, server_url={bench.sandbox.url!r}) as c: c.companies.list()\n"
        "print(len(made))"
    )
    assert _elsewhere(code).strip() == "0"
