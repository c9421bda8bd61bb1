"""A sandbox after a fork: it runs in the parent alone, and a child keeps nothing of it open."""

import base64
import http.client
import threading
from urllib.parse import urlsplit

import pytest

from codat_notebook.forking import InheritedError
from codat_notebook.sandbox import Sandbox
from codat_notebook.sandbox.faults import Gate
from tests.forked import Child, in_child, needs_fork

pytestmark = needs_fork


def ask(sandbox: Sandbox, timeout: float = 30.0) -> int:
    """The status of an answer, over a connection that is kept open until it came."""
    line = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=timeout)
    try:
        key = base64.b64encode(sandbox.key.encode()).decode()
        line.request("GET", "/companies", headers={"Authorization": f"Basic {key}"})
        return line.getresponse().status
    finally:
        line.close()


def test_it_answers_the_child_from_the_parent() -> None:
    """The child's copy says where it runs, and the address leads there; leaving it stops nothing."""
    with Sandbox(companies=3) as sandbox:

        def child() -> tuple[str, int]:
            with pytest.raises(InheritedError, match="runs in the process that this one was forked from"):
                sandbox.start()
            for name in ("events", "traffic"):
                with pytest.raises(InheritedError):
                    getattr(sandbox, name)
            status = ask(sandbox)
            sandbox.stop()
            return repr(sandbox), status

        text, status = in_child(child)
        assert (text, status) == (f"<Sandbox {sandbox.url} of the parent process, 3 companies>", ask(sandbox))
        assert repr(sandbox) == f"<Sandbox {sandbox.url}, 3 companies>"


def test_a_line_that_the_parent_breaks_is_broken_though_a_child_lives() -> None:
    """The child has no copy of a connection, which would keep it open."""
    with Sandbox(companies=3) as sandbox:
        gate = Gate()
        sandbox.faults.next(match="GET /companies", gate=gate, reset_after=0)
        broken: list[Exception] = []

        def asking() -> None:
            try:
                ask(sandbox)
            except (ConnectionError, http.client.HTTPException) as error:
                broken.append(error)

        thread = threading.Thread(target=asking)
        thread.start()
        assert gate.reached.wait(30)
        with Child(lambda: None, stays=True) as child:
            child.result()
            gate.open()
            thread.join(30)
            assert len(broken) == 1


def test_its_port_is_free_when_it_ends_though_a_child_lives() -> None:
    """The child has no copy of the socket that it listens on."""
    with Sandbox(companies=3) as sandbox:
        port = urlsplit(sandbox.url).port or 0
        with Child(lambda: None, stays=True) as child:
            child.result()
            sandbox.stop()
            with pytest.raises(ConnectionError):
                ask(sandbox)
            with Sandbox(companies=3, port=port) as again:
                assert ask(again) == 200


def test_one_that_was_not_started_can_be_started_in_the_child() -> None:
    """Nothing of it runs in the parent."""
    sandbox = Sandbox(companies=3)

    def child() -> int:
        with sandbox:
            return ask(sandbox)

    assert in_child(child) == 200
    assert repr(sandbox) == "<Sandbox not started, 3 companies>"


def test_a_world_that_is_busy_does_not_hang_the_child() -> None:
    """Its locks are free in the child, whichever thread of the parent holds them."""
    with Sandbox(companies=3) as sandbox:
        for lock in (sandbox.world.lock, sandbox.clock._lock, sandbox.faults._lock):
            held, let_go = threading.Event(), threading.Event()

            def hold(lock: object = lock, held: threading.Event = held, let_go: threading.Event = let_go) -> None:
                with lock:  # type: ignore[attr-defined]
                    held.set()
                    let_go.wait(30)

            thread = threading.Thread(target=hold)
            thread.start()
            assert held.wait(30)
            found = in_child(
                lambda: (len(sandbox.world.companies({})["results"]), sandbox.clock.speed, sandbox.faults.clear())
            )
            assert found == (3, 60, None)
            let_go.set()
            thread.join(30)
