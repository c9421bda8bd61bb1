"""The calls, in the official SDK's groups, and what all groups share.

A method such as ``_list`` names an endpoint and gives a flow; ``list`` runs it by blocking, ``list_async`` by awaiting.
What all calls raise is in :mod:`codat_notebook.models.errors`. Parameters common to all calls:

* ``request``: a request object of ``models.operations``, or a mapping of its fields (its ``TypedDict``);
* ``retries``: a ``RetryConfig`` for this call; by default the client's;
* ``server_url``: another server for this call;
* ``timeout_ms``: milliseconds for one request, from its first byte to the last one of its answer; the whole call
  has the budget of ``retries``;
* ``http_headers``: headers to add.

``refresh.data_type`` and ``refresh.all_data_types`` are the official SDK's; ``refresh.queue`` and ``refresh.queue_all``
are what they use, for those who want to know how it came about. Both pairs queue once, whatever happens on the way.
"""

import inspect
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypedDict, TypeVar, Unpack, get_args

from msgspec import UNSET, UnsetType

from codat_notebook.client import flows, queueing, wire
from codat_notebook.client.flows import Endpoint, Pager
from codat_notebook.client.lookup import Intent
from codat_notebook.client.queueing import AllTypes, OneProduct, OneType, Queued, QueuedAll
from codat_notebook.client.retrying import Call, Flow
from codat_notebook.models import errors, operations, shared
from codat_notebook.models.vocabulary import custom_identifier
from codat_notebook.utils import RetryConfig

if TYPE_CHECKING:
    from codat_notebook.client.codat_lending import CodatLending

T = TypeVar("T")
P = ParamSpec("P")
G = TypeVar("G", bound="Group")
F = TypeVar("F", bound=Callable[..., Any])
Retries = RetryConfig | UnsetType | None


class Given(TypedDict, total=False):
    """What a caller may say about any call. The default is None, but for ``retries``: UNSET, as in the official SDK."""

    retries: Retries
    server_url: str | None
    timeout_ms: int | None
    http_headers: Mapping[str, str] | None


class Group:
    """Calls that belong together."""

    def __init__(self, client: "CodatLending") -> None:
        self._client = client

    def _read(self, endpoint: Endpoint[T], request: Any, given: Given) -> Flow[T]:
        return flows.read(self._client._prepare(endpoint.name, given), endpoint, request)

    def _rows(self, endpoint: Endpoint[Any], request: Any, given: Given) -> Pager[Any]:
        return Pager(self._client._prepare(endpoint.name, given), endpoint, request)

    if not TYPE_CHECKING:  # a type checker is to find a name that is not there

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            raise errors.NotAvailableError(
                f"{name} is not among the {type(self).__name__} of this client, which refreshes and diagnoses. "
                "Codat's own SDK may have it: pip install codat-lending"
            )


def both(
    method: Callable[Concatenate[G, P], Flow[T]],
) -> tuple[Callable[Concatenate[G, P], T], Callable[Concatenate[G, P], Coroutine[Any, Any, T]]]:
    """The calls that run a method's flow: by blocking, and by awaiting."""

    def call(group: G, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return group._client._drive(method(group, *args, **kwargs))

    async def call_async(group: G, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await group._client._drive_async(method(group, *args, **kwargs))

    return _shown(call, method), _shown(call_async, method, "_async")


def rows(
    method: Callable[Concatenate[G, P], Pager[T]],
) -> tuple[Callable[Concatenate[G, P], Iterator[T]], Callable[Concatenate[G, P], AsyncIterator[T]]]:
    """The calls that go through all rows: by blocking, without a step of ours for each, and with ``async for``."""

    def call(group: G, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return chain.from_iterable(_batches(group._client, method(group, *args, **kwargs)))

    def call_async(group: G, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        return _awaited(group._client, method(group, *args, **kwargs))

    return _shown(call, method, of=Iterator), _shown(call_async, method, "_async", AsyncIterator)


# Apart from the calls, so that a wrong request raises when the call is made, not at its first row.
def _batches(client: "CodatLending", pager: Pager[T]) -> Iterator[Sequence[T]]:
    while not pager.done:
        yield client._drive(pager.batch())


async def _awaited(client: "CodatLending", pager: Pager[T]) -> AsyncIterator[T]:
    while not pager.done:
        for row in await client._drive_async(pager.batch()):
            yield row


_ALL_ROWS: Final = """Everything over all pages, row by row. Where no page size is asked for, the largest that the
server takes is."""


def _shown(call: F, method: Callable[..., Any], twin: str = "", of: Any = None) -> F:
    """Give a call the name, the parameters and the docstring of its method, for ``help`` and for completion."""
    name = method.__name__.removeprefix("_")
    signature = inspect.signature(method)
    group, request, *own, _ = signature.parameters.values()
    common = [
        inspect.Parameter(name, request.kind, default=UNSET if name == "retries" else None, annotation=kind)
        for name, kind in Given.__annotations__.items()
    ]
    result = get_args(signature.return_annotation)[-1]
    call.__name__ = name + twin
    call.__qualname__ = method.__qualname__.replace("._", ".") + twin
    call.__module__ = method.__module__
    call.__doc__ = f"As :meth:`{name}`, awaited." if twin else method.__doc__ or _ALL_ROWS
    call.__signature__ = signature.replace(  # type: ignore[attr-defined]  # inspect reads it
        parameters=[group, request, *common, *own], return_annotation=result if of is None else of[result]
    )
    return call


_COMPANIES: Final = operations.ListCompaniesRequest()
_INTEGRATIONS: Final = operations.ListIntegrationsRequest()
_PROFILE: Final = operations.GetProfileSyncSettingsRequest()


class CompanyCalls(Group):
    """Companies with their connections."""

    def _list(
        self,
        *,
        request: operations.ListCompaniesRequest | operations.ListCompaniesRequestTypedDict = _COMPANIES,
        **given: Unpack[Given],
    ) -> Flow[shared.Companies]:
        """A page of companies.

        >>> client.companies.list(request={"query": "name~toft"})  # doctest: +SKIP
        """
        return self._read(flows.COMPANIES_LIST, request, given)

    list, list_async = both(_list)

    def _iterate(
        self,
        *,
        request: operations.ListCompaniesRequest | operations.ListCompaniesRequestTypedDict | None = None,
        **given: Unpack[Given],
    ) -> Pager[shared.Company]:
        return self._rows(flows.COMPANIES_LIST, request, given)

    iterate, iterate_async = rows(_iterate)

    def _get(
        self, *, request: operations.GetCompanyRequest | operations.GetCompanyRequestTypedDict, **given: Unpack[Given]
    ) -> Flow[shared.Company]:
        """One company."""
        return self._read(flows.COMPANIES_GET, request, given)

    get, get_async = both(_get)


class ConnectionCalls(Group):
    """A company's connections to platforms."""

    def _list(
        self,
        *,
        request: operations.ListConnectionsRequest | operations.ListConnectionsRequestTypedDict,
        **given: Unpack[Given],
    ) -> Flow[shared.Connections]:
        """A page of a company's connections."""
        return self._read(flows.CONNECTIONS_LIST, request, given)

    list, list_async = both(_list)

    def _iterate(
        self,
        *,
        request: operations.ListConnectionsRequest | operations.ListConnectionsRequestTypedDict,
        **given: Unpack[Given],
    ) -> Pager[shared.Connection]:
        return self._rows(flows.CONNECTIONS_LIST, request, given)

    iterate, iterate_async = rows(_iterate)

    def _get(
        self,
        *,
        request: operations.GetConnectionRequest | operations.GetConnectionRequestTypedDict,
        **given: Unpack[Given],
    ) -> Flow[shared.Connection]:
        """One connection."""
        return self._read(flows.CONNECTIONS_GET, request, given)

    get, get_async = both(_get)


class SettingsCalls(Group):
    """When Codat refreshes by itself, and how far back."""

    def _get_company_sync_settings(
        self,
        *,
        request: operations.GetCompanySyncSettingsRequest | operations.GetCompanySyncSettingsRequestTypedDict,
        **given: Unpack[Given],
    ) -> Flow[shared.SyncSettings]:
        """A company's sync settings."""
        return self._read(flows.COMPANY_SETTINGS, request, given)

    get_company_sync_settings, get_company_sync_settings_async = both(_get_company_sync_settings)

    def _get_profile_sync_settings(
        self,
        *,
        request: operations.GetProfileSyncSettingsRequest
        | operations.GetProfileSyncSettingsRequestTypedDict = _PROFILE,
        **given: Unpack[Given],
    ) -> Flow[shared.SyncSettings]:
        """The account's sync settings, which hold for companies without their own."""
        return self._read(flows.PROFILE_SETTINGS, request, given)

    get_profile_sync_settings, get_profile_sync_settings_async = both(_get_profile_sync_settings)


class IntegrationCalls(Group):
    """The platforms that companies can be linked to."""

    def _list(
        self,
        *,
        request: operations.ListIntegrationsRequest | operations.ListIntegrationsRequestTypedDict = _INTEGRATIONS,
        **given: Unpack[Given],
    ) -> Flow[shared.Integrations]:
        """A page of integrations."""
        return self._read(flows.INTEGRATIONS_LIST, request, given)

    list, list_async = both(_list)

    def _iterate(
        self,
        *,
        request: operations.ListIntegrationsRequest | operations.ListIntegrationsRequestTypedDict | None = None,
        **given: Unpack[Given],
    ) -> Pager[shared.Integration]:
        return self._rows(flows.INTEGRATIONS_LIST, request, given)

    iterate, iterate_async = rows(_iterate)

    def _get(
        self,
        *,
        request: operations.GetIntegrationRequest | operations.GetIntegrationRequestTypedDict,
        **given: Unpack[Given],
    ) -> Flow[shared.Integration]:
        """One integration, by its platform key."""
        return self._read(flows.INTEGRATIONS_GET, request, given)

    get, get_async = both(_get)


class PullOperationCalls(Group):
    """The history of what was pulled, and of what is being pulled."""

    def _list(
        self,
        *,
        request: operations.ListPullOperationsRequest | operations.ListPullOperationsRequestTypedDict,
        **given: Unpack[Given],
    ) -> Flow[shared.PullOperations]:
        """A page of a company's pull operations."""
        return self._read(flows.PULLS_LIST, request, given)

    list, list_async = both(_list)

    def _iterate(
        self,
        *,
        request: operations.ListPullOperationsRequest | operations.ListPullOperationsRequestTypedDict,
        **given: Unpack[Given],
    ) -> Pager[shared.PullOperation]:
        return self._rows(flows.PULLS_LIST, request, given)

    iterate, iterate_async = rows(_iterate)

    def _get(
        self,
        *,
        request: operations.GetPullOperationRequest | operations.GetPullOperationRequestTypedDict,
        **given: Unpack[Given],
    ) -> Flow[shared.PullOperation]:
        """One pull operation."""
        return self._read(flows.PULLS_GET, request, given)

    get, get_async = both(_get)

    def _get_validation(
        self,
        *,
        request: operations.GetValidationRequest | operations.GetValidationRequestTypedDict,
        **given: Unpack[Given],
    ) -> Flow[shared.ValidationResults]:
        """What Codat's checks found in the data that one operation pulled."""
        return self._read(flows.PULLS_VALIDATION, request, given)

    get_validation, get_validation_async = both(_get_validation)


class RefreshCalls(Group):
    """The calls that queue, each exactly once."""

    def _all_data_types(
        self,
        *,
        request: operations.RefreshAllDataTypesRequest | operations.RefreshAllDataTypesRequestTypedDict,
        **given: Unpack[Given],
    ) -> Flow[None]:
        """Queue every data type of a company. Codat names no operations; see :meth:`queue_all`.

        Returns once Codat has confirmed it, or the history shows everything that it should queue. Raises a
        :class:`~codat_notebook.models.errors.CodatLendingError` with ``queued`` ``"unknown"``, and the names of what is
        missing, if the answer was lost and the history shows a part.
        """
        yield from self._all("all_data_types", request, given, thorough=True)

    all_data_types, all_data_types_async = both(_all_data_types)

    def _data_type(
        self,
        *,
        request: operations.RefreshDataTypeRequest | operations.RefreshDataTypeRequestTypedDict,
        **given: Unpack[Given],
    ) -> Flow[shared.PullOperation]:
        """Queue one data type, or attach to the operation that is in progress already.

        A custom data type is named ``custom/{identifier}``, with a ``connection_id``: its platform is configured to
        have it (docs/using-the-api/custom-data.md).
        """
        return (yield from self._one("data_type", request, given)).operation

    data_type, data_type_async = both(_data_type)

    def _queue(
        self,
        *,
        request: operations.RefreshDataTypeRequest | operations.RefreshDataTypeRequestTypedDict,
        idempotency_key: str | None = None,
        since: datetime | None = None,
        known: Collection[str] = (),
        siblings: bool = False,
        **given: Unpack[Given],
    ) -> Flow[Queued]:
        """Queue one data type, and tell what came of it.

        Args:
            idempotency_key: the key to send it under; by default a new one. What is in doubt keeps its own.
            since: the server's time at which an earlier process first sent it; begins with a look-up.
            known: ids of operations that cannot be this one.
            siblings: also look for what was queued on the company's other connections (one more request).

        Returns:
            The operation, whether it was ``"queued"`` or ``"attached"`` to, and its siblings.

        Raises:
            errors.CodatLendingError: with ``queued`` ``"no"`` or ``"unknown"``.
        """
        how = {"key": idempotency_key, "since": since, "known": known, "thorough": siblings}
        return self._one("queue", request, given, **how)

    queue, queue_async = both(_queue)

    def _queue_all(
        self,
        *,
        request: operations.RefreshAllDataTypesRequest | operations.RefreshAllDataTypesRequestTypedDict,
        idempotency_key: str | None = None,
        since: datetime | None = None,
        **given: Unpack[Given],
    ) -> Flow[QueuedAll]:
        """Queue every data type of a company, and tell what came of it: what ran before, since when to look.

        ``idempotency_key`` and ``since`` as in :meth:`queue`.
        """
        return self._all("queue_all", request, given, key=idempotency_key, since=since)

    queue_all, queue_all_async = both(_queue_all)

    def _product(
        self,
        *,
        request: operations.RefreshProductRequest | operations.RefreshProductRequestTypedDict,
        **given: Unpack[Given],
    ) -> Flow[None]:
        """Refresh a custom product of a company, or some of its data types. Codat names no operations; see
        :meth:`queue_product`.

        Returns once Codat has confirmed it, or the history shows that it was heard or that the product is being read
        already. Raises a ``ConfigurationError`` for a data type that the product lacks, and for one of Codat's standard
        products an error that names the documented way.

        >>> client.manage_data.refresh.product(  # doctest: +SKIP
        ...     request={"company_id": company_id, "product": "credit-monitoring", "data_types": ["invoices"]}
        ... )
        """
        yield from self._of_product("product", request, given)

    product, product_async = both(_product)

    def _queue_product(
        self,
        *,
        request: operations.RefreshProductRequest | operations.RefreshProductRequestTypedDict,
        idempotency_key: str | None = None,
        since: datetime | None = None,
        **given: Unpack[Given],
    ) -> Flow[QueuedAll]:
        """Refresh a custom product, and tell what came of it: its operations are those that the history shows.

        ``idempotency_key`` and ``since`` as in :meth:`queue`.
        """
        return self._of_product("queue_product", request, given, key=idempotency_key, since=since)

    queue_product, queue_product_async = both(_queue_product)

    def _of_product(self, name: str, request: Any, given: Given, **how: Any) -> Flow[QueuedAll]:
        made = operations.check(operations.RefreshProductRequest, request)
        types = tuple(dict.fromkeys(map(str, made.data_types or ())))
        intent = Intent(str(made.company_id), product=str(made.product), data_types=types)
        return queueing.queue(OneProduct, self._call(name, given, **how), intent, **how)

    def _one(self, name: str, request: Any, given: Given, **how: Any) -> Flow[Queued]:
        made = operations.check(operations.RefreshDataTypeRequest, request)
        connection_id = None if made.connection_id is None else str(made.connection_id)
        if connection_id is None and custom_identifier(str(made.data_type)) is not None:
            raise errors.InvalidRequestError(
                f"{made.data_type} is configured for one platform, so it needs a connection_id. Nothing was sent."
            )
        intent = Intent(str(made.company_id), str(made.data_type), connection_id)
        return queueing.queue(OneType, self._call(name, given, **how), intent, **how)

    def _all(self, name: str, request: Any, given: Given, **how: Any) -> Flow[QueuedAll]:
        made = operations.check(operations.RefreshAllDataTypesRequest, request)
        intent = Intent(str(made.company_id))
        return queueing.queue(AllTypes, self._call(name, given, **how), intent, **how)

    def _call(self, name: str, given: Given, key: str | None = None, **_: Any) -> Call:
        if key:
            wire.headers({"Idempotency-Key": key})  # raises for one that cannot be sent
        return self._client._prepare(f"manage_data.refresh.{name}", given, writes=True)


class ManageDataCalls(Group):
    """How data gets to Codat: statuses, refreshes, and the history of pull operations."""

    def __init__(self, client: "CodatLending") -> None:
        super().__init__(client)
        self.refresh = RefreshCalls(client)
        self.pull_operations = PullOperationCalls(client)

    def _get_status(
        self,
        *,
        request: operations.GetDataStatusRequest | operations.GetDataStatusRequestTypedDict,
        **given: Unpack[Given],
    ) -> Flow[shared.DataStatuses]:
        """How fresh each data type of a company is, in one request."""
        return self._read(flows.GET_STATUS, request, given)

    get_status, get_status_async = both(_get_status)
