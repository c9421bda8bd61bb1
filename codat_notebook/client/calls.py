"""The calls that only read, and what all groups of calls share. ``manage_data`` has those that refresh.

A method such as ``_list`` names an endpoint and gives a flow; ``list`` runs it by blocking, ``list_async`` by awaiting.
What all calls raise is in :mod:`codat_notebook.models.errors`. Parameters common to all calls:

* ``request``: a request object of ``models.operations``, or a mapping of its fields;
* ``retries``: a ``RetryConfig`` for this call; by default the client's;
* ``server_url``: another server for this call;
* ``timeout_ms``: milliseconds for one request, from its first byte to the last one of its answer; the whole call
  has the budget of ``retries``;
* ``http_headers``: headers to add.
"""

import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Concatenate, Final, Generic, NamedTuple, ParamSpec, Protocol, TypeVar, get_args

from msgspec import UNSET, UnsetType

from codat_notebook.client import flows
from codat_notebook.client.flows import Endpoint, Options, Pager
from codat_notebook.client.retrying import Call, Flow
from codat_notebook.models import errors, operations, shared
from codat_notebook.utils import RetryConfig

T = TypeVar("T")
P = ParamSpec("P")
G = TypeVar("G", bound="Group")
F = TypeVar("F", bound=Callable[..., Any])
#: A request as a mapping of its fields.
Body = Mapping[str, Any]
Retries = RetryConfig | UnsetType | None
Headers = Mapping[str, str] | None


class CallOptions(NamedTuple):
    """What a caller may say about any call."""

    retries: Retries
    server_url: str | None
    timeout_ms: int | None
    headers: Headers


class Runner(Protocol):
    """What the groups need of the client."""

    def prepare(self, name: str, given: CallOptions, *, writes: bool = False) -> tuple[Call, Options]:
        """A call and its options, checked."""

    def drive(self, flow: Flow[T]) -> T:
        """Run a flow by blocking."""

    async def drive_async(self, flow: Flow[T]) -> T:
        """Run a flow by awaiting."""


class Rows(Generic[T]):
    """The rows of all pages. A wrong request raises when this is made, not at the first row."""

    def __init__(self, runner: Runner, endpoint: Endpoint[Any], request: Any, given: CallOptions) -> None:
        self._runner = runner
        self._name = endpoint.name
        self._given = given
        self._pager: Pager[Any] = Pager(endpoint, request, runner.prepare(endpoint.name, given)[1])

    def batches(self) -> Iterator[Sequence[T]]:
        """Some pages at a time; each batch has the whole budget."""
        while not self._pager.done:
            yield self._runner.drive(self._pager.batch(self._runner.prepare(self._name, self._given)[0]))

    async def rows(self) -> AsyncIterator[T]:
        """Row by row, awaited."""
        while not self._pager.done:
            batch = self._pager.batch(self._runner.prepare(self._name, self._given)[0])
            for row in await self._runner.drive_async(batch):
                yield row


class Group:
    """Calls that belong together."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def _read(self, endpoint: Endpoint[T], request: Any, given: CallOptions) -> Flow[T]:
        call, options = self._runner.prepare(endpoint.name, given)
        return flows.read(call, endpoint, request, options)

    def _rows(self, endpoint: Endpoint[Any], request: Any, given: CallOptions) -> Rows[Any]:
        return Rows(self._runner, endpoint, request, given)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        raise errors.NotAvailableError(
            f"{type(self).__name__}.{name} is not part of this client, which refreshes and diagnoses. "
            "Codat's own SDK may have it: pip install codat-lending"
        )


def blocking(method: Callable[Concatenate[G, P], Flow[T]]) -> Callable[Concatenate[G, P], T]:
    """The call that runs a method's flow by blocking."""

    def call(group: G, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return group._runner.drive(method(group, *args, **kwargs))

    return _shown(call, method)


def awaiting(method: Callable[Concatenate[G, P], Flow[T]]) -> Callable[Concatenate[G, P], Coroutine[Any, Any, T]]:
    """The call that runs a method's flow by awaiting."""

    async def call(group: G, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await group._runner.drive_async(method(group, *args, **kwargs))

    return _shown(call, method, "_async")


def rows(method: Callable[Concatenate[G, P], Rows[T]]) -> Callable[Concatenate[G, P], Iterator[T]]:
    """The call that goes through a method's rows by blocking, without a step of ours for each."""

    def call(group: G, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return chain.from_iterable(method(group, *args, **kwargs).batches())

    return _shown(call, method, of=Iterator)


def rows_async(method: Callable[Concatenate[G, P], Rows[T]]) -> Callable[Concatenate[G, P], AsyncIterator[T]]:
    """The call that goes through a method's rows with ``async for``."""

    def call(group: G, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        return method(group, *args, **kwargs).rows()

    return _shown(call, method, "_async", AsyncIterator)


def _shown(call: F, method: Callable[..., Any], twin: str = "", of: Any = None) -> F:
    """Give a call the name, the parameters and the docstring of its method, for ``help`` and for completion."""
    name = method.__name__.removeprefix("_")
    signature = inspect.signature(method)
    result = get_args(signature.return_annotation)[-1]
    signature = signature.replace(return_annotation=result if of is None else of[result])
    call.__name__ = name + twin
    call.__qualname__ = method.__qualname__.replace("._", ".") + twin
    call.__module__ = method.__module__
    call.__doc__ = f"As :meth:`{name}`, awaited." if twin else method.__doc__
    call.__signature__ = signature  # type: ignore[attr-defined]  # inspect reads it
    return call


_COMPANIES: Final = operations.ListCompaniesRequest()
_INTEGRATIONS: Final = operations.ListIntegrationsRequest()
_PROFILE: Final = operations.GetProfileSyncSettingsRequest()


class Companies(Group):
    """Companies with their connections."""

    def _list(
        self,
        *,
        request: operations.ListCompaniesRequest | Body = _COMPANIES,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> Flow[shared.Companies]:
        """A page of companies.

        >>> client.companies.list(request={"query": "name~toft"})  # doctest: +SKIP
        """
        return self._read(flows.COMPANIES_LIST, request, CallOptions(retries, server_url, timeout_ms, http_headers))

    list = blocking(_list)
    list_async = awaiting(_list)

    def _iterate(
        self,
        *,
        request: operations.ListCompaniesRequest | Body | None = None,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> Rows[shared.Company]:
        """Everything over all pages, row by row. Where no page size is asked for, the largest that the server
        takes is.
        """
        return self._rows(flows.COMPANIES_LIST, request, CallOptions(retries, server_url, timeout_ms, http_headers))

    iterate = rows(_iterate)
    iterate_async = rows_async(_iterate)

    def _get(
        self,
        *,
        request: operations.GetCompanyRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> Flow[shared.Company]:
        """One company."""
        return self._read(flows.COMPANIES_GET, request, CallOptions(retries, server_url, timeout_ms, http_headers))

    get = blocking(_get)
    get_async = awaiting(_get)


class Connections(Group):
    """A company's connections to platforms."""

    def _list(
        self,
        *,
        request: operations.ListConnectionsRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> Flow[shared.Connections]:
        """A page of a company's connections."""
        return self._read(flows.CONNECTIONS_LIST, request, CallOptions(retries, server_url, timeout_ms, http_headers))

    list = blocking(_list)
    list_async = awaiting(_list)

    def _iterate(
        self,
        *,
        request: operations.ListConnectionsRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> Rows[shared.Connection]:
        """Everything over all pages, row by row. Where no page size is asked for, the largest that the server
        takes is.
        """
        return self._rows(flows.CONNECTIONS_LIST, request, CallOptions(retries, server_url, timeout_ms, http_headers))

    iterate = rows(_iterate)
    iterate_async = rows_async(_iterate)

    def _get(
        self,
        *,
        request: operations.GetConnectionRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> Flow[shared.Connection]:
        """One connection."""
        return self._read(flows.CONNECTIONS_GET, request, CallOptions(retries, server_url, timeout_ms, http_headers))

    get = blocking(_get)
    get_async = awaiting(_get)


class Settings(Group):
    """When Codat refreshes by itself, and how far back."""

    def _get_company_sync_settings(
        self,
        *,
        request: operations.GetCompanySyncSettingsRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> Flow[shared.SyncSettings]:
        """A company's sync settings."""
        return self._read(flows.COMPANY_SETTINGS, request, CallOptions(retries, server_url, timeout_ms, http_headers))

    get_company_sync_settings = blocking(_get_company_sync_settings)
    get_company_sync_settings_async = awaiting(_get_company_sync_settings)

    def _get_profile_sync_settings(
        self,
        *,
        request: operations.GetProfileSyncSettingsRequest | Body = _PROFILE,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> Flow[shared.SyncSettings]:
        """The account's sync settings, which hold for companies without their own."""
        return self._read(flows.PROFILE_SETTINGS, request, CallOptions(retries, server_url, timeout_ms, http_headers))

    get_profile_sync_settings = blocking(_get_profile_sync_settings)
    get_profile_sync_settings_async = awaiting(_get_profile_sync_settings)


class Integrations(Group):
    """The platforms that companies can be linked to."""

    def _list(
        self,
        *,
        request: operations.ListIntegrationsRequest | Body = _INTEGRATIONS,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> Flow[shared.Integrations]:
        """A page of integrations."""
        return self._read(flows.INTEGRATIONS_LIST, request, CallOptions(retries, server_url, timeout_ms, http_headers))

    list = blocking(_list)
    list_async = awaiting(_list)

    def _iterate(
        self,
        *,
        request: operations.ListIntegrationsRequest | Body | None = None,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> Rows[shared.Integration]:
        """Everything over all pages, row by row. Where no page size is asked for, the largest that the server
        takes is.
        """
        return self._rows(flows.INTEGRATIONS_LIST, request, CallOptions(retries, server_url, timeout_ms, http_headers))

    iterate = rows(_iterate)
    iterate_async = rows_async(_iterate)

    def _get(
        self,
        *,
        request: operations.GetIntegrationRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> Flow[shared.Integration]:
        """One integration, by its platform key."""
        return self._read(flows.INTEGRATIONS_GET, request, CallOptions(retries, server_url, timeout_ms, http_headers))

    get = blocking(_get)
    get_async = awaiting(_get)
