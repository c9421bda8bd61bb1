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

R = TypeVar("R", bound="Request")


class Request(msgspec.Struct, kw_only=True):
    """Common to all requests."""


class _Paged(Request, kw_only=True):
    page: int | None = 1
    page_size: int | None = 100
    query: str | None = None
    order_by: str | None = None


class ListCompaniesRequest(_Paged, kw_only=True):
    """Which companies. ``query`` is Codat's query language; ``order_by`` a property, ``-`` in front for
    downwards.
    """

    tags: str | None = None


class GetCompanyRequest(Request, kw_only=True):
    """Which company."""

    company_id: str


class ListConnectionsRequest(_Paged, kw_only=True):
    """Which connections of a company."""

    company_id: str


class GetConnectionRequest(Request, kw_only=True):
    """Which connection."""

    company_id: str
    connection_id: str


class GetDataStatusRequest(Request, kw_only=True):
    """Whose data statuses."""

    company_id: str


class RefreshAllDataTypesRequest(Request, kw_only=True):
    """Whose data to refresh: every data type with *fetch on first link*, of every linked connection."""

    company_id: str


class RefreshDataTypeRequest(Request, kw_only=True):
    """What to refresh. Without ``connection_id``, Codat may queue one operation per connection."""

    company_id: str
    data_type: str
    connection_id: str | None = None


class ListPullOperationsRequest(_Paged, kw_only=True):
    """Which pull operations of a company. ``order_by="-requested"`` gives the newest first."""

    company_id: str


class GetPullOperationRequest(Request, kw_only=True):
    """Which pull operation."""

    company_id: str
    dataset_id: str


class GetValidationRequest(Request, kw_only=True):
    """The findings about which pull operation."""

    company_id: str
    dataset_id: str


class GetCompanySyncSettingsRequest(Request, kw_only=True):
    """Whose sync settings."""

    company_id: str


class GetProfileSyncSettingsRequest(Request, kw_only=True):
    """The account's own sync settings: there is nothing to say."""


class ListIntegrationsRequest(_Paged, kw_only=True):
    """Which integrations."""


class GetIntegrationRequest(Request, kw_only=True):
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
        value = getattr(made, name)
        if value is not None or (kind, name) != _OPTIONAL:
            _check_form(name, value)
    return made


def _make(kind: type[R], request: object) -> R:
    if request is None:
        request = {}
    if not isinstance(request, Mapping):
        raise InvalidRequestError(
            f"request is of type {type(request).__name__}; it takes a mapping or a {kind.__name__}. Nothing was sent."
        )
    known = set(kind.__struct_fields__)
    wrong = sorted(set(map(str, request)) - known)
    if wrong:
        raise InvalidRequestError(
            f"{kind.__name__} has no field {', '.join(wrong)}; it has {', '.join(sorted(known))}. Nothing was sent."
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


_OPTIONAL: Final = (RefreshDataTypeRequest, "connection_id")


def _check_form(name: str, value: object) -> None:
    pattern, words = _FORMS[name]
    if not pattern.fullmatch(str(value)) or not value:
        raise InvalidRequestError(f"{name} is {str(value)[:80]!r}, not {words}. Nothing was sent.")


__all__ = [
    "GetCompanyRequest",
    "GetCompanySyncSettingsRequest",
    "GetConnectionRequest",
    "GetDataStatusRequest",
    "GetIntegrationRequest",
    "GetProfileSyncSettingsRequest",
    "GetPullOperationRequest",
    "GetValidationRequest",
    "ListCompaniesRequest",
    "ListConnectionsRequest",
    "ListIntegrationsRequest",
    "ListPullOperationsRequest",
    "RefreshAllDataTypesRequest",
    "RefreshDataTypeRequest",
    "check",
]
