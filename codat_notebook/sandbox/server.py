"""The embedded Codat on a loopback port: a world, its service, and a server in a thread of its own.

Several can run at once, also inside a Jupyter kernel: each has its own thread, event loop and port, and leaves none of
them behind. :func:`answer` is the ASGI application: it answers to this machine's names only, waits where a fault says
so, and where the line is to break writes to the transport itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import secrets
import socket
import struct
import sys
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import datetime
from functools import partial
from http.client import responses
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from codat_notebook import forking
from codat_notebook.sandbox.admission import Traffic
from codat_notebook.sandbox.exchange import ErrorResponse, HttpRequest, HttpResponse, invalid, is_this_machine
from codat_notebook.sandbox.faults import Faults, Rule
from codat_notebook.sandbox.seeded_random import SeededRandom
from codat_notebook.sandbox.service import Service
from codat_notebook.sandbox.situations import SITUATIONS, Staged
from codat_notebook.sandbox.stories import scenario as find_scenario
from codat_notebook.sandbox.virtual_time import Clock
from codat_notebook.sandbox.webhooks import Webhooks, deliver
from codat_notebook.sandbox.world import World

if TYPE_CHECKING:
    from uvicorn import Server

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_LINGER: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)  # close by a reset
_HOST: Final = re.compile(r"^https?://([^/]*)", re.IGNORECASE)  # in front of the path, as to a proxy
_FLUSH: Final = 0.05  # seconds for the peer to read what was written before the reset


class Line(Protocol):
    """What the server lets the application do to a connection."""

    transport: asyncio.Transport
    lost: asyncio.Event


async def answer(service: Service, line: Line, scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application of a service on one connection."""
    if not is_this_machine(_host(scope)):
        wrong_host = ErrorResponse(421, "This sandbox answers to 127.0.0.1, localhost and [::1] only.", "Sandbox")
        await _send(service.turned_away(wrong_host), send, scope["method"])
        return
    request = await _read(scope, receive)
    if latency := service.faults.latency:
        await asyncio.sleep(latency)
    exchange = service.enter(request)
    for rule, when in service.steps(exchange):
        if rule is not None and rule.when == when:
            await _held(rule)
    response = service.leave(exchange)
    for rule in (exchange.outside, exchange.inside):
        if rule is not None and rule.breaks_line:
            await _break(line, response, rule)
            return
    await _send(response, send, request.method)


def _host(scope: Scope) -> str | None:
    """The host that is asked; in the target, as to a proxy, it counts more than in the header (RFC 9112, 3.2.2)."""
    if match := _HOST.match(_target(scope)):
        return match[1]
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), None)


def _target(scope: Scope) -> str:
    target: bytes = scope.get("raw_path") or scope["path"].encode()
    return target.decode("latin-1")


async def _held(rule: Rule) -> None:
    if rule.gate is not None:
        loop, opened = asyncio.get_running_loop(), asyncio.Event()
        rule.gate.pass_on(partial(loop.call_soon_threadsafe, opened.set))
        await opened.wait()
    if rule.delay:
        await asyncio.sleep(rule.delay)


async def _read(scope: Scope, receive: Receive) -> HttpRequest:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers: dict[str, str] = {}
    for name, value in ((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]):
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return HttpRequest(
        scope["method"], _HOST.sub("", _target(scope)), scope["query_string"].decode("latin-1"), headers, body
    )


def _fields(answer: HttpResponse) -> list[tuple[bytes, bytes]]:
    fields = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
    if answer.status != 204 and "Content-Length" not in answer.headers:
        fields.append((b"content-length", str(len(answer.body)).encode()))
    return fields


async def _send(answer: HttpResponse, send: Send, method: str) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": _fields(answer)})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})


def head_of(answer: HttpResponse) -> bytes:
    """Status line and headers, as they go over the line."""
    head = f"HTTP/1.1 {answer.status} {responses.get(answer.status, '')}\r\n".encode()
    return head + b"".join(name + b": " + value + b"\r\n" for name, value in _fields(answer)) + b"\r\n"


async def _break(line: Line, answer: HttpResponse, rule: Rule) -> None:
    """Write a part of the answer, then close or reset the connection."""
    head = head_of(answer)
    if rule.close_after is not None:
        line.transport.write(head + answer.body[: rule.close_after])
        line.transport.close()
    else:
        if written := (head + answer.body)[: rule.reset_after]:
            line.transport.write(written)
            await asyncio.sleep(_FLUSH)
        sock = line.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        line.transport.abort()
    await line.lost.wait()


_LOG = logging.getLogger("codat_notebook.sandbox")
_LOG.addHandler(logging.NullHandler())
_PATIENCE = 60.0  # seconds to start or stop: a busy machine has been seen to take more than ten


def usual_key(seed: int = 7) -> str:
    """The key that a sandbox of that seed accepts where none was chosen."""
    return f"sandbox-{SeededRandom(seed).hex('key')[:24]}"


class Sandbox:
    """A pretend Codat to talk to over HTTP.

    Args:
        companies: how many companies there are.
        seed: what is drawn from; the same seed gives the same companies.
        speed: virtual seconds in a real one; 60 lets a minute pass in a second.
        port: of 127.0.0.1; 0 picks a free one.
        key: the API key to accept; by default one made of the seed.
        scenario: a fixed story instead of the usual companies: ``"month-end"``, ``"situations"``.
        start: the first instant of its clock (aware); the real present by default.

    Attributes:
        faults: what goes wrong on request (:class:`Faults`). clock: its time, to advance or to stop (:class:`Clock`).
        key: the API key that it accepts. world: the companies and what is pulled. control_token: for its controls.

    >>> with Sandbox(companies=3) as sandbox:
    ...     sandbox.url.startswith("http://127.0.0.1:")
    True
    """

    def __init__(
        self, companies: int = 12, seed: int = 7, speed: float = 60, port: int = 0, key: str | None = None,
        scenario: str | None = None, start: datetime | None = None,
    ) -> None:  # fmt: skip
        if key == "":
            raise ValueError("the key of a sandbox is some text")
        if not 0 <= port <= 65_535:
            raise ValueError("a port is a number from 0 to 65535")
        self.key = key if key is not None else usual_key(seed)
        self.control_token = secrets.token_urlsafe(24)  # not to be guessed: no web page may post to the controls
        story = find_scenario(scenario)
        self.clock = Clock(start or story.start, speed=speed)
        self.faults = Faults()
        self.world = World(companies, seed, self.clock, self.faults, written=story.templates)
        self.faults.bind(self.world)
        self.service = Service(self.world, self.faults, self.key, self.control_token)
        for name in SITUATIONS if story.staged else ():
            self.world.stage(name)
        self._port = port
        self._url: str | None = None
        self._running: _Running | None = None
        self._inherited = False
        forking.remember(self)

    def _after_fork(self) -> None:
        """In a forked child: it runs on in the parent, where its :attr:`url` leads as before. Here it does nothing."""
        self._inherited = self._inherited or self._running is not None
        self._running = None

    def _check(self) -> None:
        if self._inherited:
            raise forking.InheritedError(
                f"The sandbox at {self._url} runs in the process that this one was forked from: ask it there, or make "
                "a new Sandbox() here."
            )

    def __repr__(self) -> str:
        where = self._url if self._running else "not started"
        if self._inherited:
            where = f"{self._url} of the parent process"
        return f"<Sandbox {where}, {len(self.world.company_store):,} companies>"

    @property
    def url(self) -> str:
        """Where it answers, without a trailing slash; ``RuntimeError`` before it was started."""
        if self._url is None:
            raise RuntimeError("the sandbox is not started: call start(), or use it in a with statement")
        return self._url

    @property
    def events(self) -> list[dict[str, Any]]:
        """The webhook events so far, oldest first."""
        self._check()
        return self.world.events()

    @property
    def webhooks(self) -> Webhooks:
        """Who is told of its events: ``sandbox.webhooks.add("http://127.0.0.1:8000/codat", ["read.completed"])``."""
        self._check()
        return self.world.webhooks

    @property
    def traffic(self) -> Traffic:
        """The counts of requests: how many of each call, how many at once for one company."""
        self._check()
        return self.service.traffic

    @property
    def situations(self) -> dict[str, str]:
        """What :meth:`stage` can show: the name of each situation, and what it is."""
        return {name: situation.tells for name, situation in SITUATIONS.items()}

    def stage(self, name: str) -> Staged:
        """Add a company in exactly that situation, as of the present of this sandbox's clock.

        Args:
            name: one of :attr:`situations`.

        Returns the ids of the company, of the connection and of the operations that show it; where it takes several
        companies, those of the ``others`` too. Raises ``ValueError`` for another name.

        >>> with Sandbox(companies=0, speed=0) as sandbox:
        ...     staged = sandbox.stage("xero bank transactions")
        ...     sandbox.world.operation(staged.company_id, staged.operation_ids[0])["status"]
        'FetchError'
        """
        self._check()
        return self.world.stage(name)

    def start(self) -> Self:
        """Start answering; returns once it does. Does nothing if it runs.

        Raises ``OSError`` if the port is taken, ``InheritedError`` if it runs in the process that this one was forked
        from.
        """
        self._check()
        if self._running is None:
            self._running = _Running(self, self._port)
            self._port = self._running.port
            self._url = f"http://127.0.0.1:{self._port}"
            self.world.link_base = self._url
        return self

    def stop(self) -> None:
        """Stop answering; returns once the thread and the port are free. Does nothing if it does not run (here)."""
        running, self._running = self._running, None
        if running is not None:
            self.faults.clear()
            running.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()


class _Running:
    """A server in its thread, answering from the first moment to the last."""

    def __init__(self, sandbox: Sandbox, port: int) -> None:
        self._socket = forking.listening(port)
        self.port: int = self._socket.getsockname()[1]
        self._up = threading.Event()
        self._webhooks = sandbox.webhooks
        self._server = _make_server(sandbox, self._up.set)
        forking.remember(self)
        self._thread = threading.Thread(target=self._serve, name=f"codat-sandbox-{self.port}", daemon=True)
        self._thread.start()
        if not self._up.wait(_PATIENCE) or not self._server.started:
            self.stop()
            raise RuntimeError("the sandbox did not start; see the log 'codat_notebook.sandbox'")

    def _after_fork(self) -> None:
        """In a forked child: the parent serves on."""
        forking.keep(self)
        forking.leave(self._server, self._socket)

    def _serve(self) -> None:
        try:
            with asyncio.Runner() as runner:
                delivering = runner.get_loop().create_task(deliver(self._webhooks))
                runner.run(self._server.serve(sockets=[self._socket]))
                delivering.cancel()
        finally:
            self._socket.close()
            self._up.set()

    def stop(self) -> None:
        self._server.force_exit = True
        self._server.should_exit = True
        self._thread.join(_PATIENCE)


def _make_server(sandbox: Sandbox, up: Any) -> Server:
    """A silent uvicorn whose connections can be broken by the application."""
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class BreakableConnection(H11Protocol):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.logger = _LOG
            self.access_log = False
            self.lost = asyncio.Event()
            self.app = partial(answer, sandbox.service, self)

        def send_400_response(self, msg: str) -> None:
            answer = sandbox.service.turned_away(invalid("not valid HTTP."))
            self.transport.write(head_of(answer) + answer.body)
            self.transport.close()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self.lost.set()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            up()

        @contextlib.contextmanager
        def capture_signals(self) -> Any:
            yield  # signals belong to whoever runs the process

    config = uvicorn.Config(
        answer, loop="asyncio", http=BreakableConnection, ws="none", lifespan="off",
        interface="asgi3", log_config=None, proxy_headers=False, server_header=False, date_header=False,
    )  # fmt: skip
    return Server(config)
