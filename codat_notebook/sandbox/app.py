"""The sandbox as an ASGI application: bytes to a :class:`Request`, an :class:`Answer` to bytes.

It answers to this machine's names only, waits where a fault says so, and where the line is to break it writes to the
transport itself, which the server of :mod:`codat_notebook.sandbox.server` puts into the scope.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from http.client import responses
from typing import Any, Final, Literal, Protocol

from codat_notebook.sandbox.exchange import Answer, Request
from codat_notebook.sandbox.faults import Gate, Rule
from codat_notebook.sandbox.hosts import is_this_machine
from codat_notebook.sandbox.problems import misdirected
from codat_notebook.sandbox.service import Service

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


class App:
    """The ASGI application of a service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if not is_this_machine(_host(scope)):
            await _send(self._service.turned_away(misdirected()), send, scope["method"])
            return
        request = await _read(scope, receive)
        if latency := self._service.faults.latency:
            await asyncio.sleep(latency)
        exchange = self._service.enter(request)
        await _wait(exchange.outside, "before")
        self._service.admit(exchange)
        await _wait(exchange.inside, "before")
        self._service.perform(exchange)
        await _wait(exchange.inside, "after")
        self._service.settle(exchange)
        await _wait(exchange.outside, "after")
        answer = self._service.leave(exchange)
        line = scope.get("sandbox.line")
        breaking = next((r for r in (exchange.outside, exchange.inside) if r is not None and r.breaks_line), None)
        if breaking is not None and line is not None:
            await _break(line, answer, breaking)
        else:
            await _send(answer, send, request.method)


def _host(scope: Scope) -> str | None:
    """The host that is asked; in the target, as to a proxy, it counts more than in the header (RFC 9112, 3.2.2)."""
    if match := _HOST.match(_target(scope)):
        return match[1]
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), None)


def _target(scope: Scope) -> str:
    target: bytes = scope.get("raw_path") or scope["path"].encode()
    return target.decode("latin-1")


async def _wait(rule: Rule | None, when: Literal["before", "after"]) -> None:
    if rule is None or rule.when != when:
        return
    if rule.gate is not None:
        await _pass(rule.gate)
    if rule.delay:
        await asyncio.sleep(rule.delay)


async def _pass(gate: Gate) -> None:
    loop, opened = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        loop.call_soon_threadsafe(opened.set)

    gate.pass_on(wake)
    await opened.wait()


async def _read(scope: Scope, receive: Receive) -> Request:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers: dict[str, str] = {}
    for name, value in ((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]):
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Request(
        scope["method"], _HOST.sub("", _target(scope)), scope["query_string"].decode("latin-1"), headers, body
    )


def _fields(answer: Answer) -> list[tuple[bytes, bytes]]:
    fields = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
    if answer.status != 204 and "Content-Length" not in answer.headers:
        fields.append((b"content-length", str(len(answer.body)).encode()))
    return fields


async def _send(answer: Answer, send: Send, method: str) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": _fields(answer)})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})


def head_of(answer: Answer) -> bytes:
    """Status line and headers, as they go over the line."""
    head = f"HTTP/1.1 {answer.status} {responses.get(answer.status, '')}\r\n".encode()
    return head + b"".join(name + b": " + value + b"\r\n" for name, value in _fields(answer)) + b"\r\n"


async def _break(line: Line, answer: Answer, rule: Rule) -> None:
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
