"""Endpoints that listen for real: in a session, on the command line under a burst, and the example's service."""

import asyncio
import http.client
import importlib.util
import os
import signal
import socket
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

import codat_notebook as cn
from codat_notebook.events import Event
from codat_notebook.models.errors import ConfigurationError
from codat_notebook.models.shared import Security
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session

from .commands import END_SECONDS, running
from .events.signing import SECRET, body_of, event, signed
from .forked import Child, needs_fork

EXAMPLE = Path(__file__).parents[1] / "examples" / "events_service.py"


def posted(port: int, number: int, took: list[float], statuses: list[int]) -> None:
    """Deliver one event, and keep how long the answer took."""
    body = body_of(event(id=f"e{number}"))
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/", body, signed(body, f"msg_{number}", int(datetime.now(UTC).timestamp())))
    statuses.append(connection.getresponse().status)
    took.append(time.monotonic() - began)
    connection.close()


def test_listen_takes_a_burst_and_ends_on_ctrl_c(tmp_path: Path) -> None:
    """2,000 deliveries at once, as a replay sends them: each is answered in the time that Codat gives, none is lost."""
    took: list[float] = []
    statuses: list[int] = []
    with running("listen", cwd=tmp_path, environment={"CODAT_WEBHOOK_SECRET": SECRET}) as command:
        port = int(command.expect(r"^Listening http://127\.0\.0\.1:(\d+)/$")[1])
        numbers = iter(range(2000))
        lock = threading.Lock()

        def work() -> None:
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                posted(port, number, took, statuses)

        threads = [threading.Thread(target=work) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        command.wait_until(lambda: command.printed.count("204 read.completed of Toft") == 2000)
        os.kill(command.process.pid, signal.SIGINT)
        assert command.process.wait(END_SECONDS) == 0
        assert command.stderr() == ""
        assert SECRET not in command.printed
    assert statuses == [204] * 2000
    assert max(took) < 15.0


def test_listen_says_what_it_lacks(tmp_path: Path) -> None:
    """Without a secret, and on a port that is taken, in one line."""
    with running("listen", cwd=tmp_path) as command:
        assert command.process.wait(END_SECONDS) == 1
        assert "Set CODAT_WEBHOOK_SECRET" in command.stderr()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with running("listen", "--port", port, cwd=tmp_path, environment={"CODAT_WEBHOOK_SECRET": SECRET}) as command:
            assert command.process.wait(END_SECONDS) == 1
            assert f"Port {port} cannot be used" in command.stderr()


def test_listen_hears_a_sandbox_without_any_setting(tmp_path: Path) -> None:
    """It has something to tell at once, and ends on Ctrl-C."""
    with running("listen", "--sandbox", cwd=tmp_path) as command:
        command.expect(r"^204 read\.completed of ")
        os.kill(command.process.pid, signal.SIGINT)
        assert command.process.wait(END_SECONDS) == 0


def test_a_session_listens_to_its_sandbox() -> None:
    """A run hears: it ends, each event is handed to the observer once, and the listener ends with the session."""
    heard: list[Event] = []
    lines: list[str] = []
    with cn.connect(sandbox=True) as session:
        listener = session.listen(observer=heard.append, tell=lines.append)
        company = session.companies(search="toft")["id"].iloc[0]
        run = session.refresh(company, "invoices", "bills", events=True).wait(60)
        assert run.done
        deadline = time.monotonic() + 60
        while len(heard) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert {each.company_id for each in heard} == {company}
        assert len(lines) == len(heard) == 2
        assert run.progress.looks <= 4
        assert "127.0.0.1" in repr(listener)
    assert repr(listener).endswith(", ended>")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(listener.url.rsplit(":", 1)[1].strip("/"))))


@needs_fork
def test_a_forked_child_does_not_listen() -> None:
    """The parent hears on; the child's copy has ended, and holds neither the port nor a connection once the parent lets
    go of them."""
    heard = threading.Event()
    with cn.connect(sandbox=True) as session:
        listener = session.listen(observer=lambda _: heard.set())
        address = "127.0.0.1", int(listener.url.rsplit(":", 1)[1].strip("/"))
        company = session.companies(search="toft")["id"].iloc[0]

        def look() -> str:
            listener.stop()
            return repr(listener)

        with socket.create_connection(address, 60) as line:
            line.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert line.recv(1000).startswith(b"HTTP/1.1 405 ")
            with Child(look, stays=True) as child:
                assert child.result().endswith(", ended>")
                session.refresh(company, "invoices", events=True).wait(60)
                assert heard.wait(60)
                listener.stop()
                assert line.recv(1000) == b""
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection(address, 60)


def test_a_session_elsewhere_needs_the_secret() -> None:
    """It says where that is; with it, what somebody else's sandbox delivers is heard from any thread."""
    with Sandbox(companies=3) as sandbox:
        session = Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True)
        with session:
            with pytest.raises(ConfigurationError, match="signing secret"):
                session.listen()
            heard = threading.Event()
            with session.listen(SECRET, observer=lambda _: heard.set()) as listener:
                sandbox.webhooks.add(listener.url, ["read.completed"], SECRET)
                sandbox.world.queue(sandbox.world.companies()["results"][0]["id"], "invoices")
                assert heard.wait(60)
        with pytest.raises(RuntimeError, match="closed"):
            session.listen(SECRET)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The example, as a module."""
    monkeypatch.setenv("CODAT_WEBHOOK_SECRET", SECRET)
    spec = importlib.util.spec_from_file_location("events_service", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_service_verifies_hands_on_and_answers(service: Any) -> None:
    """In at most 30 lines: what is genuine once, what is not with its status."""
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) <= 30
    now = int(datetime.now(UTC).timestamp())
    body = body_of(event())

    async def ask() -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(service.app), base_url="http://x") as client:
            told = [signed(body, at=now), signed(body, at=now), signed(body, at=1)]
            return [(await client.post("/codat", content=body, headers=headers)).status_code for headers in told]

    with asyncio.Runner() as runner:
        assert runner.run(ask()) == [204, 204, 401]
    assert service.queue.qsize() == 1
