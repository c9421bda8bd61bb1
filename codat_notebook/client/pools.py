"""Pools of connections, through httpcore's public arguments; proxies as the environment names them.

The loopback gets a pool that knows no proxy and makes no TLS context. Each socket is noted, so that a forked child can
let go of it: a copy would hold the connection open after the parent has closed it.

Time-outs of sockets begin anew with every byte, so a server that drips can hold a call for ever. Here every read and
write of a thread gets at most what is left until the thread's deadline. (A task that awaits is simply cancelled by
``asyncio.timeout``; no other thread can wake a blocked read safely, so the limit has to be in the read itself.)
"""

import math
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from codat_notebook.client.transport import Unusable, core_url, tls_context
from codat_notebook.client.wire import is_loopback
from codat_notebook.forking import File

#: Told of each socket that is opened.
Note = Callable[[File], object]
#: Bytes to read at once. httpcore asks for 64 kB; fewer reads are fewer changes of thread while pages are fetched
#: together (measured: a third less CPU for 100 pages).
_PIECE: Final = 1 << 18


def pool(base: str, note: Note, *, awaits: bool = False) -> Any:
    """A ``ConnectionPool`` for requests to a server, or an ``AsyncConnectionPool``.

    Raises:
        Unusable: the environment names a proxy or certificates that cannot be used.
    """
    options: dict[str, Any] = {
        "max_connections": 100,
        "max_keepalive_connections": 20,
        "keepalive_expiry": 30.0,
    }
    kind: type = httpcore.AsyncConnectionPool if awaits else httpcore.ConnectionPool
    backend = _AsyncBackend if awaits else _Backend
    url = httpx.URL(base)
    if url.scheme == "http" and is_loopback(base):
        return kind(network_backend=backend(note), **options)
    try:
        proxy = _proxy(url)
        options["network_backend"] = backend(note, f"the proxy that {_variables()} names" if proxy else "")
        if proxy:
            options |= {"proxy_url": core_url(proxy.url), "proxy_auth": proxy.raw_auth}
            if proxy.url.scheme.startswith("socks"):
                kind = httpcore.AsyncSOCKSProxy if awaits else httpcore.SOCKSProxy
            else:
                kind = httpcore.AsyncHTTPProxy if awaits else httpcore.HTTPProxy
        return kind(ssl_context=tls_context(), **options)
    except RuntimeError as error:  # socksio is missing
        raise Unusable(f"the proxy that {_variables()} names cannot be used: {error}") from None
    except (ValueError, httpx.InvalidURL):  # whose texts quote the address, which may hold a password
        raise Unusable(
            f"the proxy that {_variables()} names cannot be used: its address must begin with http:// or https:// "
            "(with httpx[socks] also socks5://), with an IPv6 address in brackets and a password percent-encoded"
        ) from None


def _proxy(url: httpx.URL) -> httpx.Proxy | None:
    """The proxy that the environment (or the system) names for a server."""
    proxies = getproxies()
    address = proxies.get(url.scheme) or proxies.get("all")
    if not address or is_loopback(str(url)) or proxy_bypass(url.host) or proxy_bypass(url.netloc.decode()):
        return None
    return httpx.Proxy(address if "://" in address else f"http://{address}")


def _variables() -> str:
    """The variables that name a proxy."""
    names = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
    used = [name for name in names if os.environ.get(name) or os.environ.get(name.lower())]
    return " or ".join(used) or "the system"


class _Until(threading.local):
    moment = math.inf


_until = _Until()


def start(seconds: float) -> None:
    """What this thread reads and writes from now on has that long in total."""
    _until.moment = time.monotonic() + seconds


def left() -> float:
    """How many seconds this thread has left.

    Raises:
        httpcore.ReadTimeout: none.
    """
    seconds = _until.moment - time.monotonic()
    if seconds <= 0:
        raise httpcore.ReadTimeout("it took longer than the time-out in total")
    return seconds


def _least(timeout: float | None) -> float:
    seconds = left()
    return seconds if timeout is None else min(seconds, timeout)


@contextmanager
def _blamed(whose: str, host: str, port: int) -> Iterator[None]:
    """Say that it is the proxy which cannot be reached, where there is one (``whose``), and not Codat."""
    try:
        yield
    except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
        if not whose:
            raise
        raise httpcore.ConnectError(f"{host}:{port}, {whose}, cannot be reached ({error or 'timed out'})") from error


class _AsyncBackend(httpcore.AnyIOBackend):
    """Opens connections and notes them. TLS is spoken over the same socket."""

    def __init__(self, note: Note, whose: str = "") -> None:
        self._note = note
        self._whose = whose

    async def connect_tcp(self, host: str, port: int, *args: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        with _blamed(self._whose, host, port):
            stream = await super().connect_tcp(host, port, *args, **options)
        self._note(stream.get_extra_info("socket"))
        return stream


class _Backend(httpcore.SyncBackend):
    """Opens connections that keep deadlines, and notes them."""

    def __init__(self, note: Note, whose: str = "") -> None:
        self._note = note
        self._whose = whose

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *args: Any, **options: Any
    ) -> httpcore.NetworkStream:
        with _blamed(self._whose, host, port):
            return _Stream(super().connect_tcp(host, port, _least(timeout), *args, **options), self._note)


class _Stream(httpcore.NetworkStream):
    """A connection whose every read and write ends by the deadline."""

    def __init__(self, inner: httpcore.NetworkStream, note: Note) -> None:
        self._inner = inner
        self._note = note
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
