"""A client after a fork: parent and children share no connection, no lock and no place in a queue."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from codat_notebook import CodatLending
from codat_notebook.client.clock import ServerClock
from codat_notebook.client.quota import Pacing
from codat_notebook.client.slots import SLOTS, Record, Slots
from codat_notebook.client.transport import tls_context
from codat_notebook.models import errors, shared
from codat_notebook.sandbox import Sandbox
from codat_notebook.utils import RetryConfig
from tests.forked import Child, in_child, needs_fork

pytestmark = needs_fork


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with a hundred and twenty companies."""
    with Sandbox(companies=120, seed=11, speed=200) as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[CodatLending]:
    """A client that has a connection already."""
    with CodatLending(shared.Security(auth_header=sandbox.key), server_url=sandbox.url) as client:
        client.companies.list()
        yield client


@pytest.fixture
def ids(client: CodatLending) -> list[str]:
    """The companies' ids."""
    return [company.id for company in client.companies.list(request={"page_size": 120}).results]


@contextmanager
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop of one's own."""
    made = asyncio.new_event_loop()
    try:
        yield made
    finally:
        made.close()


def mixed_up(client: CodatLending, ids: list[str]) -> int:
    """Asks for each company, and counts the answers that are about another one."""
    return sum(client.companies.get(request={"company_id": id}).id != id for id in ids)


async def mixed_up_async(client: CodatLending, ids: list[str]) -> int:
    """The same, awaited."""
    answers = [(id, await client.companies.get_async(request={"company_id": id})) for id in ids]
    return sum(answer.id != id for id, answer in answers)


def test_each_process_reads_its_own_answers(client: CodatLending, ids: list[str]) -> None:
    """Forty answers to two children and their parent at once are each process's own, over connections kept alive."""
    with (
        Child(lambda: mixed_up(client, ids[40:80])) as one,
        Child(lambda: mixed_up(client, ids[80:])) as other,
    ):
        assert (mixed_up(client, ids[:40]), one.result(), other.result()) == (0, 0, 0)


def test_each_process_reads_its_own_answers_async(client: CodatLending, ids: list[str]) -> None:
    """The same for calls that are awaited."""

    def child(ids: list[str]) -> int:
        with loop() as own:
            return own.run_until_complete(mixed_up_async(client, ids))

    with loop() as ours:
        ours.run_until_complete(client.companies.list_async())
        with Child(lambda: child(ids[40:80])) as one, Child(lambda: child(ids[80:])) as other:
            mine = ours.run_until_complete(mixed_up_async(client, ids[:40]))
            assert (mine, one.result(), other.result()) == (0, 0, 0)
        ours.run_until_complete(client.aclose())


def test_the_child_makes_http_clients_of_its_own(client: CodatLending, sandbox: Sandbox) -> None:
    """Those of the parent may be locked by one of its threads; they are not even looked at, sync and async."""

    async def found() -> int:
        await client.companies.list_async()
        return id(client._async._pool(sandbox.url))  # type: ignore[union-attr]

    def child() -> tuple[int, int]:
        with loop() as own:
            return id(client._sync._pool(sandbox.url)), own.run_until_complete(found())

    with loop() as ours:
        before = id(client._sync._pool(sandbox.url)), ours.run_until_complete(found())
        assert client._async is not None
        assert in_child(lambda: (client._sync._own, dict(client._async._own))) == ({}, {})  # type: ignore[union-attr]
        after = in_child(child)
        assert after[0] != before[0]
        assert after[1] != before[1]
        ours.run_until_complete(client.aclose())


def test_a_child_that_closes_the_client_leaves_the_parents_connection(sandbox: Sandbox) -> None:
    """Close in the child ends nothing of the parent's, which goes on with the connection that it has."""
    with Listener() as listener, CodatLending("key", server_url=listener.url) as client:
        client.companies.list()
        in_child(client.close)
        client.companies.list()
        assert len(listener.connections) == 1


def test_no_copy_of_a_connection_stays_in_the_child() -> None:
    """When the parent closes a connection the other end notices, though a child lives on; sync and async."""
    with Listener() as listener, CodatLending("key", server_url=listener.url) as client, loop() as ours:
        client.companies.list()
        ours.run_until_complete(client.companies.list_async())
        with Child(lambda: None, stays=True) as child:
            child.result()
            ours.run_until_complete(client.aclose())
            assert [connection.closed.wait(30) for connection in listener.connections] == [True, True]


@pytest.mark.parametrize("awaits", [False, True])
def test_a_client_of_the_users_own_is_refused_in_the_child(sandbox: Sandbox, awaits: bool) -> None:
    """A given httpx client is the parent's: the child is told to make one, nothing is sent, and the parent goes on."""
    how: dict[str, Any] = {"server_url": sandbox.url}
    with httpx.Client() as given, loop() as ours:
        given_async = httpx.AsyncClient()
        client = CodatLending(sandbox.key, client=given, async_client=given_async, **how)

        def call() -> int:
            if awaits:
                return len(ours.run_until_complete(client.companies.list_async()).results)
            return len(client.companies.list().results)

        def refused() -> str:
            with pytest.raises(errors.ConfigurationError) as caught:
                _ = client.companies.list() if not awaits else asyncio.run(client.companies.list_async())
            return str(caught.value)

        before = call()
        assert "Make a new client here" in in_child(refused)
        assert call() == before
        ours.run_until_complete(given_async.aclose())


def test_what_the_parent_is_queueing_is_looked_for_in_the_child(sandbox: Sandbox, client: CodatLending) -> None:
    """A child does not wait for its parent's sending, which has no thread there, and does not queue a second time."""
    company = next(c for c in client.companies.list(request={"page_size": 120}).results if _reads_invoices(c))
    request = {"company_id": company.id, "data_type": "invoices"}
    before = len(sandbox.world.accepted)
    gate = sandbox.faults.hold("POST */data/queue/*", when="after")
    parents: list[Any] = []
    sending = threading.Thread(target=lambda: parents.append(client.manage_data.refresh.queue(request=request)))
    sending.start()
    assert gate.reached.wait(30)
    with Child(lambda: client.manage_data.refresh.queue(request=request)) as child:
        theirs = child.result()
        gate.open()
        sending.join(30)
    assert theirs.origin == "attached"
    assert theirs.operation.id == parents[0].operation.id
    assert len(sandbox.world.accepted) == before + 1


def _reads_invoices(company: Any) -> bool:
    return any(c.source_type == "Accounting" and c.status == "Linked" for c in company.data_connections)


def test_a_slot_in_which_nothing_was_sent_is_free_in_the_child() -> None:
    """The parent's thread was about to send: in the child there is no doubt and no one to wait for."""
    slots = Slots()
    slots.enter("waiting")
    slots.begin("waiting", Record("key"))
    slots.enter("new")
    slots._after_fork()
    assert [slots.enter(name) for name in ("waiting", "new")] == [None, None]
    assert [slots.opened(name) for name in ("waiting", "new")] == [None, None]


def test_what_was_in_doubt_before_the_fork_is_in_doubt_in_the_child() -> None:
    """An earlier call's doubt is kept, with its key, also where the parent is at it again."""
    slots, doubt = Slots(), Record("key", first=1.0, key_first=1.0, doubt=True)
    for name in ("idle", "busy"):
        slots.enter(name)
        slots.leave(name, None, doubt)
    slots.enter("busy")
    slots._after_fork()
    assert [slots.opened(name) for name in ("idle", "busy")] == [doubt, doubt]


def test_places_that_the_parent_holds_are_free_in_the_child() -> None:
    """Pacing counts places for each process; what was sent in the last minute is remembered in the child."""
    pacing = Pacing(per_minute=1, per_company=1)
    pacing.enter("company")
    pacing.reserve(0.0)

    def found() -> tuple[bool, float]:
        return pacing.enter("company") is None, pacing.reserve(0.0)

    assert in_child(found) == (True, 60.0)
    assert pacing.enter("company") is not None


def test_tls_is_set_up_anew_in_the_child() -> None:
    """A handshake of the parent may have locked its TLS context for good."""
    with CodatLending("key"):
        before = tls_context()
        assert in_child(lambda: tls_context() is before) is False
        assert tls_context() is before


def holders() -> dict[str, tuple[Any, Callable[[], object]]]:
    """What holds a lock, and something that needs it."""
    client = CodatLending("key", server_url="http://127.0.0.1:9", retry_config=RetryConfig("none"))
    pacing, clock = Pacing(), ServerClock()
    return {
        "slots": (SLOTS, lambda: SLOTS.opened("x")),
        "pacing": (pacing, lambda: pacing.enter("x")),
        "clock": (clock, lambda: clock.observe({"date": "Tue, 24 Nov 2026 10:00:00 GMT"}, 0, 0)),
        "client": (client, lambda: _unreachable(lambda: asyncio.run(_listed(client)))),
        "driver": (client._sync, lambda: _unreachable(client.companies.list)),
    }


async def _listed(client: CodatLending) -> None:
    await client.companies.list_async()


def _unreachable(call: Callable[[], object]) -> None:
    with suppress(errors.NoResponseError):
        call()


@pytest.mark.parametrize("name", list(holders()))
def test_a_lock_that_a_thread_holds_does_not_hang_the_child(name: str) -> None:
    """Whoever holds it in the parent, and however long: in the child it is free, in the parent it is as it was."""
    holder, use = holders()[name]
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with holder._lock:
            held.set()
            let_go.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(30)
    in_child(use)
    let_go.set()
    thread.join(30)
    use()


def test_an_import_in_another_thread_does_not_hang_the_child(tmp_path: Path) -> None:
    """A fork waits until the import has ended: its lock would stay locked in the child."""
    (tmp_path / "slow_to_import.py").write_text("import threading\nthreading.Event().wait(0.3)\nready = True\n")
    program = (
        "import os, sys, threading, warnings; from codat_notebook import forking\n"
        "warnings.simplefilter('ignore')\n"
        "thread = threading.Thread(target=__import__, args=['slow_to_import'])\n"
        "thread.start()\n"
        "while not forking._importing(): pass\n"
        "if os.fork() == 0:\n"
        "    import slow_to_import\n"
        "    os._exit(0 if slow_to_import.ready else 1)\n"
        "os._exit(os.waitstatus_to_exitcode(os.wait()[1]))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", program], env=environment, timeout=60).returncode == 0


class Listener:
    """A server that keeps connections open, answers each request with an empty page, and knows of each end."""

    class Connection(threading.Thread):
        """One connection."""

        def __init__(self, line: socket.socket) -> None:
            super().__init__(daemon=True)
            self._line, self.closed = line, threading.Event()
            self.start()

        def run(self) -> None:
            body = b'{"results": [], "pageNumber": 1, "pageSize": 100, "totalResults": 0}'
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
            with self._line:
                while self._line.recv(65536):
                    self._line.sendall(head + body)
            self.closed.set()

    def __enter__(self) -> "Listener":
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.connections: list[Listener.Connection] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                self.connections.append(self.Connection(self._socket.accept()[0]))

    def __exit__(self, *exception: object) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(30)
