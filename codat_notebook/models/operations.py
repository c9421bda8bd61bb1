"""What is sent: one request object per call, with the official SDK's names, fields and defaults.

Every call also takes a plain mapping of the same fields. What is certain to be wrong (a company id that is no
UUID, an unknown field) is refused by :func:`check` before anything is sent; what only the server can judge (a
query, a page size) is left to it. Statuses and data types are text; a custom data type is fine.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from codat_notebook.models.errors import InvalidRequestError
from codat_notebook.models.vocabulary import ID

_DATA_TYPE: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}(-[A-Za-z0-9]{1,64}){0,3}")
_PLATFORM: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

R = TypeVar("R", bound="RequestObject")


class RequestObject(msgspec.Struct, kw_only=True):
    """Common to all requests."""


class _Paged(RequestObject, kw_only=True):
    page: int | None = 1
    page_size: int | None = 100
    query: str | None = None
    order_by: str | None = None


class _OfCompany(RequestObject, kw_only=True):
    company_id: str


class ListCompaniesRequest(_Paged, kw_only=True):
    """Which companies. ``query`` is Codat's query language; ``order_by`` a property, ``-`` in front: downwards."""

    tags: str | None = None


class GetCompanyRequest(_OfCompany, kw_only=True):
    """Which company."""


class ListConnectionsRequest(_Paged, kw_only=True):
    """Which connections of a company."""

    company_id: str


class GetConnectionRequest(_OfCompany, kw_only=True):
    """Which connection."""

    connection_id: str


class GetDataStatusRequest(_OfCompany, kw_only=True):
    """Whose data statuses."""


class RefreshAllDataTypesRequest(_OfCompany, kw_only=True):
    """Whose data to refresh: every data type with *fetch on first link*, of every linked connection."""


class RefreshDataTypeRequest(_OfCompany, kw_only=True):
    """What to refresh. Without ``connection_id``, Codat may queue one operation per connection."""

    data_type: str
    connection_id: str | None = None


class ListPullOperationsRequest(_Paged, kw_only=True):
    """Which pull operations of a company. ``order_by="-requested"`` gives the newest first."""

    company_id: str


class GetPullOperationRequest(_OfCompany, kw_only=True):
    """Which pull operation."""

    dataset_id: str


class GetValidationRequest(GetPullOperationRequest, kw_only=True):
    """The findings about which pull operation."""


class GetCompanySyncSettingsRequest(_OfCompany, kw_only=True):
    """Whose sync settings."""


class GetProfileSyncSettingsRequest(RequestObject, kw_only=True):
    """The account's own sync settings: there is nothing to say."""


class ListIntegrationsRequest(_Paged, kw_only=True):
    """Which integrations."""


class GetIntegrationRequest(RequestObject, kw_only=True):
    """Which integration, by its platform key."""

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
    return made


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
    "data_type": (_DATA_TYPE, "a data type such as 'invoices' or 'banking-accounts'"),
    "platform_key": (_PLATFORM, "a platform key such as 'gbol'"),
}


__all__ = [
    "GetCompanyRequest", "GetCompanySyncSettingsRequest", "GetConnectionRequest", "GetDataStatusRequest",
    "GetIntegrationRequest", "GetProfileSyncSettingsRequest", "GetPullOperationRequest", "GetValidationRequest",
    "ListCompaniesRequest", "ListConnectionsRequest", "ListIntegrationsRequest", "ListPullOperationsRequest",
    "RefreshAllDataTypesRequest", "RefreshDataTypeRequest", "check",
]  # fmt: skip
