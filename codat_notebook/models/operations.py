"""What is sent: one request object per call, with the official SDK's names, fields and defaults.

Every call also takes a mapping of the same fields, whose names and kinds a type checker knows from the ``TypedDict``
beside each class. What is certain to be wrong (a company id that is no
UUID, an unknown field) is refused by :func:`check` before anything is sent; what only the server can judge (a
query, a page size) is left to it. Statuses and data types are text; a custom data type is fine.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NotRequired, TypedDict, TypeVar

import msgspec

from codat_notebook.models.errors import InvalidRequestError
from codat_notebook.models.vocabulary import CUSTOM, ID

_DATA_TYPE: Final = re.compile(
    rf"[A-Za-z][A-Za-z0-9]{{0,63}}(-[A-Za-z0-9]{{1,64}}){{0,3}}|{CUSTOM}[A-Za-z0-9][A-Za-z0-9._-]{{0,127}}"
)
_PRODUCT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_PLATFORM: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

R = TypeVar("R", bound="RequestObject")


class RequestObject(msgspec.Struct, kw_only=True):
    """Common to all requests."""


class _Paged(RequestObject, kw_only=True):
    page: int | None = 1
    page_size: int | None = 100
    query: str | None = None
    order_by: str | None = None


class _PagedTypedDict(TypedDict, total=False):
    page: int | None
    page_size: int | None
    query: str | None
    order_by: str | None


class _OfCompany(RequestObject, kw_only=True):
    company_id: str


class _OfCompanyTypedDict(TypedDict):
    company_id: str


class ListCompaniesRequest(_Paged, kw_only=True):
    """Which companies. ``query`` is Codat's query language; ``order_by`` a property, ``-`` in front: downwards."""

    tags: str | None = None


class ListCompaniesRequestTypedDict(_PagedTypedDict, total=False):
    """The fields of :class:`ListCompaniesRequest` as a mapping."""

    tags: str | None


class GetCompanyRequest(_OfCompany, kw_only=True):
    """Which company."""


class GetCompanyRequestTypedDict(_OfCompanyTypedDict):
    """The fields of :class:`GetCompanyRequest` as a mapping."""


class ListConnectionsRequest(_Paged, kw_only=True):
    """Which connections of a company."""

    company_id: str


class ListConnectionsRequestTypedDict(_PagedTypedDict, _OfCompanyTypedDict):
    """The fields of :class:`ListConnectionsRequest` as a mapping."""


class GetConnectionRequest(_OfCompany, kw_only=True):
    """Which connection."""

    connection_id: str


class GetConnectionRequestTypedDict(_OfCompanyTypedDict):
    """The fields of :class:`GetConnectionRequest` as a mapping."""

    connection_id: str


class GetDataStatusRequest(_OfCompany, kw_only=True):
    """Whose data statuses."""


class GetDataStatusRequestTypedDict(_OfCompanyTypedDict):
    """The fields of :class:`GetDataStatusRequest` as a mapping."""


class RefreshAllDataTypesRequest(_OfCompany, kw_only=True):
    """Whose data to refresh: every data type with *fetch on first link*, of every linked connection."""


class RefreshAllDataTypesRequestTypedDict(_OfCompanyTypedDict):
    """The fields of :class:`RefreshAllDataTypesRequest` as a mapping."""


class RefreshDataTypeRequest(_OfCompany, kw_only=True):
    """What to refresh. Without ``connection_id``, Codat may queue one operation per connection.

    A custom data type (``custom/{identifier}``) needs one.
    """

    data_type: str
    connection_id: str | None = None


class RefreshDataTypeRequestTypedDict(_OfCompanyTypedDict):
    """The fields of :class:`RefreshDataTypeRequest` as a mapping."""

    data_type: str
    connection_id: NotRequired[str | None]


class RefreshProductRequest(_OfCompany, kw_only=True):
    """Which custom product of a company to refresh; without ``data_types`` all that it has."""

    product: str
    data_types: Sequence[str] | None = None


class RefreshProductRequestTypedDict(_OfCompanyTypedDict):
    """The fields of :class:`RefreshProductRequest` as a mapping."""

    product: str
    data_types: NotRequired[Sequence[str] | None]


class ListPullOperationsRequest(_Paged, kw_only=True):
    """Which pull operations of a company. ``order_by="-requested"`` gives the newest first."""

    company_id: str


class ListPullOperationsRequestTypedDict(_PagedTypedDict, _OfCompanyTypedDict):
    """The fields of :class:`ListPullOperationsRequest` as a mapping."""


class GetPullOperationRequest(_OfCompany, kw_only=True):
    """Which pull operation."""

    dataset_id: str


class GetPullOperationRequestTypedDict(_OfCompanyTypedDict):
    """The fields of :class:`GetPullOperationRequest` as a mapping."""

    dataset_id: str


class GetValidationRequest(GetPullOperationRequest, kw_only=True):
    """The findings about which pull operation."""


class GetValidationRequestTypedDict(GetPullOperationRequestTypedDict):
    """The fields of :class:`GetValidationRequest` as a mapping."""


class GetCompanySyncSettingsRequest(_OfCompany, kw_only=True):
    """Whose sync settings."""


class GetCompanySyncSettingsRequestTypedDict(_OfCompanyTypedDict):
    """The fields of :class:`GetCompanySyncSettingsRequest` as a mapping."""


class GetProfileSyncSettingsRequest(RequestObject, kw_only=True):
    """The account's own sync settings: there is nothing to say."""


class GetProfileSyncSettingsRequestTypedDict(TypedDict):
    """The fields of :class:`GetProfileSyncSettingsRequest` as a mapping."""


class ListIntegrationsRequest(_Paged, kw_only=True):
    """Which integrations."""


class ListIntegrationsRequestTypedDict(_PagedTypedDict):
    """The fields of :class:`ListIntegrationsRequest` as a mapping."""


class GetIntegrationRequest(RequestObject, kw_only=True):
    """Which integration, by its platform key."""

    platform_key: str


class GetIntegrationRequestTypedDict(TypedDict):
    """The fields of :class:`GetIntegrationRequest` as a mapping."""

    platform_key: str


def check(kind: type[R], request: R | Mapping[str, Any] | None) -> R:
    """Turn what the caller gave into a checked request of ``kind``.

    Raises:
        InvalidRequestError: a field is missing, unknown, or of a form that no server would take.

    >>> check(GetCompanyRequest, {"company_id": "../x"})
    Traceback (most recent call last):
    ...
    codat_notebook.models.errors.InvalidRequestError: company_id is '../x', not a UUID. Nothing was sent.
    """
    made = request if isinstance(request, kind) else _make(kind, request)
    for name in _FORMS.keys() & kind.__struct_fields__:
        pattern, words = _FORMS[name]
        value = getattr(made, name)
        if value is None and (kind, name) == (RefreshDataTypeRequest, "connection_id"):
            continue
        if not value or not pattern.fullmatch(str(value)):
            raise InvalidRequestError(f"{name} is {str(value)[:80]!r}, not {words}. Nothing was sent.")
    if isinstance(made, RefreshProductRequest) and made.data_types is not None:
        _check_types(made.data_types)
    return made


def _check_types(data_types: object) -> None:
    if isinstance(data_types, str) or not isinstance(data_types, Sequence) or not data_types:
        raise InvalidRequestError("data_types takes a list of at least one data type, or None. Nothing was sent.")
    for name in data_types:
        if not isinstance(name, str) or not can_be_queued(name):
            words = _FORMS["data_type"][1]
            raise InvalidRequestError(f"data_types has {str(name)[:80]!r}, not {words}. Nothing was sent.")


def can_be_queued(data_type: str) -> bool:
    """Whether a data type is of a form that can be sent, so that what is planned can also be queued.

    >>> can_be_queued("custom/qbo-cashflow-report"), can_be_queued("custom/../invoices")
    (True, False)
    """
    return _DATA_TYPE.fullmatch(data_type) is not None


def can_be_product(product: object) -> bool:
    """Whether something is of the form of a product's identifier."""
    return isinstance(product, str) and _PRODUCT.fullmatch(product) is not None


def _make(kind: type[R], request: object) -> R:
    if request is None:
        request = {}
    if not isinstance(request, Mapping):
        raise InvalidRequestError(
            f"request is of type {type(request).__name__}; it takes a mapping or a {kind.__name__}. Nothing was sent."
        )
    fields = set(kind.__struct_fields__)
    wrong = sorted(set(map(str, request)) - fields)
    if wrong:
        raise InvalidRequestError(
            f"{kind.__name__} has no field {', '.join(wrong)}; it has {', '.join(sorted(fields))}. Nothing was sent."
        )
    try:
        return kind(**request)
    except TypeError as error:
        raise InvalidRequestError(f"{kind.__name__}: {error}. Nothing was sent.") from None


_FORMS: Final = {
    "company_id": (ID, "a UUID"),
    "connection_id": (ID, "a UUID"),
    "dataset_id": (ID, "a UUID"),
    "data_type": (_DATA_TYPE, "a data type such as 'invoices', 'banking-accounts' or 'custom/my-type'"),
    "product": (_PRODUCT, "a product's identifier such as 'lending'"),
    "platform_key": (_PLATFORM, "a platform key such as 'gbol'"),
}


__all__ = [
    "GetCompanyRequest", "GetCompanyRequestTypedDict", "GetCompanySyncSettingsRequest",
    "GetCompanySyncSettingsRequestTypedDict", "GetConnectionRequest", "GetConnectionRequestTypedDict",
    "GetDataStatusRequest", "GetDataStatusRequestTypedDict", "GetIntegrationRequest",
    "GetIntegrationRequestTypedDict", "GetProfileSyncSettingsRequest", "GetProfileSyncSettingsRequestTypedDict",
    "GetPullOperationRequest", "GetPullOperationRequestTypedDict", "GetValidationRequest",
    "GetValidationRequestTypedDict", "ListCompaniesRequest", "ListCompaniesRequestTypedDict",
    "ListConnectionsRequest", "ListConnectionsRequestTypedDict", "ListIntegrationsRequest",
    "ListIntegrationsRequestTypedDict", "ListPullOperationsRequest", "ListPullOperationsRequestTypedDict",
    "RefreshAllDataTypesRequest", "RefreshAllDataTypesRequestTypedDict", "RefreshDataTypeRequest",
    "RefreshDataTypeRequestTypedDict", "RefreshProductRequest", "RefreshProductRequestTypedDict", "can_be_product",
    "can_be_queued", "check",
]  # fmt: skip
