"""A total time for one attempt of a blocking call.

Time-outs of sockets begin anew with every byte, so a server that drips can hold a call for ever. Here every read and
write of a thread gets at most what is left until the thread's deadline. (A task that awaits is simply cancelled by
``asyncio.timeout``; no other thread can wake a blocked read safely, so the limit has to be in the read itself.)
"""

import math
import ssl
import threading
import time
from typing import Any, Final

import httpcore
import httpx

from codat_notebook.client.sockets import Note, pools

#: Bytes to read at once. httpcore asks for 64 kB; fewer reads are fewer changes of thread while pages are fetched
#: together (measured: a third less CPU for 100 pages).
_PIECE: Final = 1 << 18


class _Until(threading.local):
    moment = math.inf


_until = _Until()


def start(seconds: float) -> None:
    """What this thread reads and writes from now on has that long in total."""
    _until.moment = time.monotonic() + seconds


def left() -> float:
    """How many seconds this thread has left.

    Raises:
        httpx.ReadTimeout: none.
    """
    seconds = _until.moment - time.monotonic()
    if seconds <= 0:
        raise httpx.ReadTimeout("it took longer than the time-out in total")
    return seconds


def bind(client: httpx.Client, note: Note) -> httpx.Client:
    """Make a client's connections keep the deadline of the thread that uses them, and tell of their sockets."""
    for pool in pools(client):
        pool._network_backend = _Backend(pool._network_backend, note)
    return client


class _Backend(httpcore.NetworkBackend):
    """Opens connections that keep deadlines."""

    def __init__(self, inner: httpcore.NetworkBackend, note: Note) -> None:
        self._inner, self._note = inner, note

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *given: Any, **how: Any
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.connect_tcp(host, port, _least(timeout), *given, **how), self._note)

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    """A connection whose every read and write ends by the deadline."""

    def __init__(self, inner: httpcore.NetworkStream, note: Note) -> None:
        self._inner, self._note = inner, note
        note(inner.get_extra_info("socket"))  # with TLS it is another one

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max(max_bytes, _PIECE), _least(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _least(timeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, _least(timeout)), self._note)

    def close(self) -> None:
        self._inner.close()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _least(timeout: float | None) -> float:
    seconds = left()
    return seconds if timeout is None else min(seconds, timeout)
