"""What the groups of calls share: the common parameters, and how a call is handed to a driver.

Parameters common to all calls:

* ``request``: a request object of ``models.operations``, or a mapping of its fields;
* ``retries``: a ``RetryConfig`` for this call; by default the client's;
* ``server_url``: another server for this call;
* ``timeout_ms``: milliseconds for one request, from its first byte to the last one of its answer; the whole call
  has the budget of ``retries``;
* ``http_headers``: headers to add.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Protocol, TypeVar

from msgspec import UnsetType

from codat_notebook.client import flows
from codat_notebook.client.flows import Endpoint, Options, Pager
from codat_notebook.client.retrying import Call, Flow
from codat_notebook.models import errors
from codat_notebook.utils import RetryConfig

T = TypeVar("T")
#: A request as a mapping of its fields.
Body = Mapping[str, Any]
Retries = RetryConfig | UnsetType | None
Headers = Mapping[str, str] | None
#: What a caller may say about any call: retries, server_url, timeout_ms, http_headers.
CallOptions = tuple[Retries, str | None, int | None, Headers]


class Runner(Protocol):
    """What the groups need of the client."""

    def prepare(self, name: str, said: CallOptions, *, writes: bool = False) -> tuple[Call, Options]:
        """A call and its options, checked."""

    def drive(self, flow: Flow[T]) -> T:
        """Run a flow by blocking."""

    async def drive_async(self, flow: Flow[T]) -> T:
        """Run a flow by awaiting."""


class Group:
    """Calls that belong together."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def _read(self, endpoint: Endpoint[T], request: Any, said: CallOptions) -> T:
        call, options = self._runner.prepare(endpoint.name, said)
        return self._runner.drive(flows.read(call, endpoint, request, options))

    async def _read_async(self, endpoint: Endpoint[T], request: Any, said: CallOptions) -> T:
        call, options = self._runner.prepare(endpoint.name, said)
        return await self._runner.drive_async(flows.read(call, endpoint, request, options))

    def _walk(self, endpoint: Endpoint[Any], request: Any, said: CallOptions) -> Iterator[Any]:
        pager: Pager[Any] = Pager(endpoint, request, self._runner.prepare(endpoint.name, said)[1])
        # A wrong request has raised by now, not at the first row; and rows are handed on without a step of ours each.
        return chain.from_iterable(self._batches(pager, endpoint, said))

    def _batches(self, pager: Pager[Any], endpoint: Endpoint[Any], said: CallOptions) -> Iterator[Sequence[Any]]:
        while not pager.done:
            call, _ = self._runner.prepare(endpoint.name, said)  # each batch has the whole budget
            yield self._runner.drive(pager.batch(call))

    def _walk_async(self, endpoint: Endpoint[Any], request: Any, said: CallOptions) -> AsyncIterator[Any]:
        pager: Pager[Any] = Pager(endpoint, request, self._runner.prepare(endpoint.name, said)[1])
        return self._rows_async(pager, endpoint, said)

    async def _rows_async(self, pager: Pager[Any], endpoint: Endpoint[Any], said: CallOptions) -> AsyncIterator[Any]:
        while not pager.done:
            call, _ = self._runner.prepare(endpoint.name, said)
            for row in await self._runner.drive_async(pager.batch(call)):
                yield row

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        raise errors.NotAvailableError(
            f"{type(self).__name__}.{name} is not part of this client, which refreshes and diagnoses. "
            "Codat's own SDK may have it: pip install codat-lending"
        )
