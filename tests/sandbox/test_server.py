"""The server: starting, stopping, several at once, and lines that break."""

import http.client
import json
import logging
import socket
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from subprocess import run
from typing import Any

import pytest

from codat_notebook.sandbox import Sandbox

PATIENCE = 20.0


def _connect(sandbox: Sandbox) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=PATIENCE)


def _ask(sandbox: Sandbox, line: str = "GET /companies", **headers: str) -> tuple[int, Any]:
    connection = _connect(sandbox)
    try:
        method, path = line.split()
        sent = {"Authorization": "Basic " + b64encode(sandbox.key.encode()).decode()}
        connection.request(method, path, headers=sent | {k.replace("_", "-"): v for k, v in headers.items()})
        response = connection.getresponse()
        body = response.read()
        return response.status, json.loads(body) if body else None
    finally:
        connection.close()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A running sandbox."""
    with Sandbox(companies=3, speed=0) as running:
        yield running


def _queueing(sandbox: Sandbox) -> str:
    return f"POST /companies/{sandbox.world.company_store.ids[0]}/data/queue/bills"


def test_it_answers_from_start_to_stop() -> None:
    """start returns once it answers, stop once thread and port are free; both can be called twice."""
    sandbox = Sandbox(companies=2)
    with pytest.raises(RuntimeError, match="not started"):
        _ = sandbox.url
    assert sandbox.start().start() is sandbox
    port = int(sandbox.url.rpartition(":")[2])
    assert _ask(sandbox)[0] == 200
    sandbox.stop()
    sandbox.stop()
    assert not [t for t in threading.enumerate() if t.name == f"codat-sandbox-{port}"]
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_it_can_be_started_again_with_its_state() -> None:
    """Stopped and started, it is the same world on the same port."""
    sandbox = Sandbox(companies=2, speed=0)
    with sandbox:
        url = sandbox.url
        assert _ask(sandbox, _queueing(sandbox))[0] == 200
    with sandbox:
        assert sandbox.url == url
        assert _ask(sandbox, _queueing(sandbox))[0] == 400  # still in progress


def test_several_at_once() -> None:
    """Each has its own port, key and world."""
    with Sandbox(seed=1) as first, Sandbox(seed=2) as second:
        assert first.url != second.url
        assert _ask(first)[1]["results"][0]["id"] != _ask(second)[1]["results"][0]["id"]
        header = "Basic " + b64encode(first.key.encode()).decode()
        assert _ask(second, Authorization=header)[0] == 401


def test_a_port_that_is_none() -> None:
    """Told when the sandbox is made, before there is a socket to leak."""
    for port in (-1, 65_536):
        with pytest.raises(ValueError, match="a port is"):
            Sandbox(companies=1, port=port)


def test_a_taken_port_is_an_error() -> None:
    """A port that is in use raises OSError and leaves nothing behind."""
    with Sandbox(companies=1) as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            Sandbox(companies=1, port=port).start()


def test_scenarios_start_at_their_own_time() -> None:
    """A scenario brings its companies and its date; one that does not exist is refused by name."""
    with Sandbox(companies=4, speed=0, scenario="month-end") as sandbox:
        assert sandbox.clock.now().isoformat() == "2026-11-30T08:30:00+00:00"
        names = [company["name"] for company in _ask(sandbox)[1]["results"]]
        assert names[:3] == ["Toft Stores UK", "Harbour & Finch Ltd", "Technicalium"]
        assert len(names) == 4
    with pytest.raises(ValueError, match="month-end"):
        Sandbox(scenario="year-end")


def test_the_key_can_be_chosen() -> None:
    """A key of the caller's is the one that is accepted; an empty one is refused."""
    with Sandbox(companies=1, key="schlüssel") as sandbox:
        assert _ask(sandbox)[0] == 200
    with pytest.raises(ValueError, match="some text"):
        Sandbox(key="")


def test_only_the_loopback_is_served(sandbox: Sandbox) -> None:
    """It listens on 127.0.0.1."""
    assert sandbox.url.startswith("http://127.0.0.1:")


def test_many_threads_ask_at_once(sandbox: Sandbox) -> None:
    """Concurrent requests are answered, and one type is queued once."""
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: _ask(sandbox, _queueing(sandbox))[0], range(24)))
    assert sorted(statuses) == [200] + [400] * 23
    assert len(sandbox.world.accepted) == 1


def test_link_urls_lead_to_the_sandbox(sandbox: Sandbox) -> None:
    """A customer's browser that opens a link URL gets the page, without a key."""
    status, page = _ask(sandbox, f"GET /companies/{sandbox.world.company_store.ids[0]}/connections")
    assert status == 200
    assert all(c["linkUrl"].startswith(sandbox.url) for c in page["results"])
    connection = _connect(sandbox)
    connection.request("GET", page["results"][2]["linkUrl"].removeprefix(sandbox.url))
    assert b"Let Codat read the data of Toft Stores UK again." in connection.getresponse().read()
    connection.close()


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"reset_after": 0}, (ConnectionResetError, http.client.RemoteDisconnected)),
        ({"reset_after": 40}, (ConnectionResetError, http.client.IncompleteRead)),
        ({"close_after": 0}, http.client.IncompleteRead),
        ({"close_after": 20}, http.client.IncompleteRead),
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_lines_break_where_ordered(sandbox: Sandbox, how: dict[str, int], expected: Any, when: Any) -> None:
    """Reset or closed at a byte; the request was carried out exactly when the fault comes after."""
    sandbox.faults.next(1, when=when, match="POST *", **how)
    with pytest.raises(expected):
        _ask(sandbox, _queueing(sandbox))
    assert len(sandbox.world.accepted) == (when == "after")
    assert _ask(sandbox)[0] == 200


def test_a_reset_after_the_answer(sandbox: Sandbox) -> None:
    """The whole answer arrives, then the connection dies: the next request on it fails."""
    sandbox.faults.next(1, when="after", reset_after=10**9)
    connection = _connect(sandbox)
    sent = {"Authorization": "Basic " + b64encode(sandbox.key.encode()).decode()}
    connection.request("GET", "/companies", headers=sent)
    assert json.loads(connection.getresponse().read())["totalResults"] == 3
    assert isinstance(connection.sock, socket.socket)
    with pytest.raises(ConnectionResetError):
        connection.sock.recv(1)
    connection.close()


def test_a_gate_holds_a_request(sandbox: Sandbox) -> None:
    """A held request waits until the gate is opened; meanwhile its key answers 409."""
    gate = sandbox.faults.hold()
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(_ask, sandbox, _queueing(sandbox), Idempotency_Key="k")
        assert gate.reached.wait(PATIENCE)
        assert _ask(sandbox, _queueing(sandbox), Idempotency_Key="k")[0] == 409
        assert not sandbox.world.accepted
        gate.open()
        status, op = held.result(PATIENCE)
    assert status == 200
    assert _ask(sandbox, _queueing(sandbox), Idempotency_Key="k") == (200, op)


def test_stopping_lets_go_of_held_requests() -> None:
    """stop() does not wait for a gate that nobody opens."""
    with Sandbox(companies=1) as sandbox, ThreadPoolExecutor(1) as pool:
        gate = sandbox.faults.hold("GET *")
        held = pool.submit(_ask, sandbox)
        assert gate.reached.wait(PATIENCE)
        sandbox.stop()
        outcome = held.exception(PATIENCE)
        assert outcome is None or isinstance(outcome, OSError | http.client.HTTPException)


def test_nonsense_on_the_line_is_survived(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """What is no HTTP gets 400, is logged on the sandbox's channel only, and harms nobody else."""
    with caplog.at_level(logging.WARNING), socket.create_connection(("127.0.0.1", _connect(sandbox).port)) as sock:
        sock.settimeout(PATIENCE)
        sock.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert b"400" in sock.recv(1000)
    assert {record.name for record in caplog.records} <= {"codat_notebook.sandbox"}
    assert _ask(sandbox)[0] == 200


def test_the_key_is_no_part_of_its_repr(sandbox: Sandbox) -> None:
    """A repr in a notebook shows the address, never the key or the token."""
    assert sandbox.url in repr(sandbox)
    assert sandbox.key not in repr(sandbox)
    assert sandbox.control_token not in repr(sandbox)


def _raw(sandbox: Sandbox, sent: bytes) -> tuple[bytes, Any]:
    """The head of an answer, and its JSON, to bytes as they are."""
    with socket.create_connection(("127.0.0.1", int(sandbox.url.rpartition(":")[2])), timeout=PATIENCE) as line:
        line.sendall(sent)
        with line.makefile("rb") as answer:
            head, _, body = answer.read().partition(b"\r\n\r\n")
    return head, json.loads(body)


@pytest.mark.parametrize(
    "sent", [b"GET /companies?query=\xff HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\r\n\r\n", b"GET\r\n\r\n"]
)
def test_what_is_no_http_gets_an_error_of_codats(sandbox: Sandbox, sent: bytes) -> None:
    """Bytes that are no request: 400 with an ErrorMessage and the usual headers, and the line is closed."""
    head, body = _raw(sandbox, sent)
    assert head.startswith(b"HTTP/1.1 400 ")
    for name in (b"date: ", b"x-rate-limit-limit: ", b"content-type: application/json", b"connection: close"):
        assert name in head
    assert body["statusCode"] == 400
    assert body["correlationId"].encode() in head
    assert _ask(sandbox)[0] == 200


def test_a_whole_address_is_a_target_too(sandbox: Sandbox) -> None:
    """Clients behind a proxy name the host in the request line."""
    key = b64encode(sandbox.key.encode())
    sent = b"GET %s/companies?pageSize=1 HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nAuthorization: Basic %s\r\n\r\n"
    head, body = _raw(sandbox, sent % (sandbox.url.encode(), b"x", key))  # the header counts less
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body["_links"]["next"]["href"] == "/companies?pageSize=1&page=2"
    assert _raw(sandbox, sent % (b"http://evil.example", b"localhost", key))[0].startswith(b"HTTP/1.1 421 ")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:80"])
def test_this_machines_names_are_answered(sandbox: Sandbox, host: str) -> None:
    """At any port, which a forwarder may have changed."""
    assert _ask(sandbox, Host=host)[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "10.0.0.1", ""])
@pytest.mark.parametrize(
    "line", ["GET /companies", "GET /_sandbox", "POST /_sandbox/clock", "GET {link}", "POST {link}"]
)
def test_no_other_hosts_name_is_answered(sandbox: Sandbox, host: str, line: str) -> None:
    """DNS rebinding ends here, with words, before anything is counted or done; the controls and link pages too."""
    company = sandbox.world.company_store.ids[0]
    link = _ask(sandbox, f"GET /companies/{company}/connections")[1]["results"][2]["linkUrl"]
    before = sandbox.traffic.requests
    line = line.format(link=link.removeprefix(sandbox.url))
    status, body = _ask(sandbox, line, Host=host, X_Sandbox_Token=sandbox.control_token)
    assert (status, body["error"]) == (421, "This sandbox answers to 127.0.0.1, localhost and [::1] only.")
    assert sandbox.traffic.requests == before
    assert _ask(sandbox, f"GET /companies/{company}/connections")[1]["results"][2]["status"] != "Linked"


def test_who_names_no_host_is_refused(sandbox: Sandbox) -> None:
    """As HTTP/1.0 allows, and no browser does."""
    assert _raw(sandbox, b"GET /companies HTTP/1.0\r\n\r\n")[0].startswith(b"HTTP/1.1 421 ")


def test_a_header_sent_twice_is_one_list(sandbox: Sandbox) -> None:
    """As HTTP joins them: the right key and another are no key, in whichever order."""
    key, other = b64encode(sandbox.key.encode()), b64encode(b"other")
    for keys in ((key, other), (other, key)):
        sent = b"".join(b"Authorization: Basic %s\r\n" % sent for sent in keys)
        head, _ = _raw(sandbox, b"GET /companies HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n" % sent)
        assert head.startswith(b"HTTP/1.1 401 ")


def test_importing_it_loads_no_server() -> None:
    """The package costs nothing until a sandbox is started, and it never loads the client's libraries."""
    code = (
        "import sys; from codat_notebook.sandbox import Sandbox; Sandbox(companies=1);"
        "print([m for m in ('uvicorn', 'starlette', 'httpx', 'pandas', 'h11') if m in sys.modules])"
    )
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_it_runs_beside_a_running_event_loop() -> None:
    """As in a kernel: started and asked from within a loop."""
    import asyncio

    async def kernel() -> int:
        with Sandbox(companies=1) as sandbox:
            return (await asyncio.to_thread(_ask, sandbox))[0]

    assert asyncio.run(kernel()) == 200
