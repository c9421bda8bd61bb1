"""Which sockets the clients of a driver have open, so that a forked child can let go of them.

A child that kept a copy would hold the connection open after its parent has closed it, and the other end would not
notice. The blocking clients tell of theirs where :mod:`codat_notebook.client.deadline` wraps them.
"""

from collections.abc import Callable, Iterable
from typing import Any

import httpcore
import httpx

from codat_notebook.forking import File

#: Told of each socket that is opened.
Note = Callable[[File], object]


def pools(client: httpx.Client | httpx.AsyncClient) -> Iterable[Any]:
    """The connection pools of a client: the direct one and those of the proxies."""
    # httpx and httpcore have no arguments for this seam; the tests of forks and of deadlines notice if it moves.
    for transport in (client._transport, *client._mounts.values()):
        pool = getattr(transport, "_pool", None)
        if pool is not None:
            yield pool


def bind(client: httpx.AsyncClient, note: Note) -> httpx.AsyncClient:
    """Have a client tell of the sockets that it opens."""
    for pool in pools(client):
        pool._network_backend = _Backend(pool._network_backend, note)
    return client


class _Backend(httpcore.AsyncNetworkBackend):
    """Opens connections and tells of them. TLS is spoken over the same socket."""

    def __init__(self, inner: httpcore.AsyncNetworkBackend, note: Note) -> None:
        self._inner, self._note = inner, note

    async def connect_tcp(self, *given: Any, **how: Any) -> httpcore.AsyncNetworkStream:
        stream = await self._inner.connect_tcp(*given, **how)
        self._note(stream.get_extra_info("socket"))
        return stream

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)
