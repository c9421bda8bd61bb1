"""Every endpoint that only reads, as data, and the paging over those that give pages.

An :class:`Endpoint` says how a request object becomes a request and what the answer is read as;
``retrying.fetch`` does the rest. :class:`Pager` walks all pages: the first alone, the others at the same time
where the first one's ``next`` link differs in nothing but the page, always believing the links rather than
the numbers.
"""

import math
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, Generic, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urljoin, urlsplit

import msgspec

from codat_notebook.client import wire
from codat_notebook.client.retrying import Call, Flow, Together, fetch
from codat_notebook.client.wire import Request
from codat_notebook.models import errors, operations, shared
from codat_notebook.models.shared import Page

T = TypeVar("T")

#: Codat's page sizes for those who want everything: some deployments take no more than 2,000.
LARGE_PAGES: Final = (5000, 2000, 100)
_QUERY: Final = {"page": "page", "page_size": "pageSize", "query": "query", "order_by": "orderBy", "tags": "tags"}
#: Pages fetched ahead, and how many of them at a time: Codat takes ten requests at once for a company. Of large pages
#: fewer, so that no more rows than these are on their way: the time goes into reading them, not into waiting, and more
#: connections cost a tenth more CPU (measured: ten instead of four).
_AHEAD: Final = 30
_AT_ONCE: Final = 10
_ROWS_AT_ONCE: Final = 20_000
#: So many pages without a row may follow each other: rows may vanish while they are read.
_EMPTY: Final = 10
#: A server is near that gives a page in as many seconds for a row as a slow machine needs to read it. All the time goes
#: into reading then, and one page after the other costs a tenth less CPU than four together (measured).
_NEAR: Final = 5e-6


class Endpoint(NamedTuple, Generic[T]):
    """How one call looks: its name, its path, what it takes and what it gives."""

    name: str
    path: str
    takes: type[operations.RequestObject]
    gives: type[T]


COMPANIES_LIST: Final = Endpoint("companies.list", "/companies", operations.ListCompaniesRequest, shared.Companies)
COMPANIES_GET: Final = Endpoint(
    "companies.get", "/companies/{company_id}", operations.GetCompanyRequest, shared.Company
)
CONNECTIONS_LIST: Final = Endpoint(
    "connections.list", "/companies/{company_id}/connections", operations.ListConnectionsRequest, shared.Connections
)
CONNECTIONS_GET: Final = Endpoint(
    "connections.get",
    "/companies/{company_id}/connections/{connection_id}",
    operations.GetConnectionRequest,
    shared.Connection,
)
GET_STATUS: Final = Endpoint(
    "manage_data.get_status", "/companies/{company_id}/dataStatus", operations.GetDataStatusRequest, shared.DataStatuses
)
PULLS_LIST: Final = Endpoint(
    "manage_data.pull_operations.list",
    "/companies/{company_id}/data/history",
    operations.ListPullOperationsRequest,
    shared.PullOperations,
)
PULLS_GET: Final = Endpoint(
    "manage_data.pull_operations.get",
    "/companies/{company_id}/data/history/{dataset_id}",
    operations.GetPullOperationRequest,
    shared.PullOperation,
)
PULLS_VALIDATION: Final = Endpoint(
    "manage_data.pull_operations.get_validation",
    "/companies/{company_id}/sync/{dataset_id}/validation",
    operations.GetValidationRequest,
    shared.ValidationResults,
)
COMPANY_SETTINGS: Final = Endpoint(
    "settings.get_company_sync_settings",
    "/companies/{company_id}/syncSettings",
    operations.GetCompanySyncSettingsRequest,
    shared.SyncSettings,
)
PROFILE_SETTINGS: Final = Endpoint(
    "settings.get_profile_sync_settings",
    "/profile/syncSettings",
    operations.GetProfileSyncSettingsRequest,
    shared.SyncSettings,
)
INTEGRATIONS_LIST: Final = Endpoint(
    "integrations.list", "/integrations", operations.ListIntegrationsRequest, shared.Integrations
)
INTEGRATIONS_GET: Final = Endpoint(
    "integrations.get", "/integrations/{platform_key}", operations.GetIntegrationRequest, shared.Integration
)


def build(call: Call, endpoint: Endpoint[Any], request: Any) -> Request:
    """The request for a call; what cannot be right is refused here, before anything is sent.

    Raises:
        errors.InvalidRequestError: an id of another form, an unknown or a missing field.
    """
    made = operations.check(endpoint.takes, request)
    fields = {name: getattr(made, name) for name in made.__struct_fields__}
    query = tuple((_QUERY[k], str(v)) for k, v in fields.items() if k in _QUERY and v is not None)
    parts = {k: str(v) for k, v in fields.items() if k not in _QUERY}
    return call.get(wire.path(endpoint.path, **parts), query, parts.get("company_id"))


def read(call: Call, endpoint: Endpoint[T], request: Any) -> Flow[T]:
    """The flow of a call that only reads."""
    return (yield from fetch(call, build(call, endpoint, request), endpoint.gives))


class Pager(Generic[T]):
    """All pages, a batch at a time: ``while not pager.done: rows = drive(pager.batch())``.

    Each batch has the whole budget of the call.

    A row that comes twice, because rows shifted between pages meanwhile, is given once. A server that repeats
    a page or whose link leads back ends the walk; a link to another host is refused.
    """

    def __init__(self, call: Call, endpoint: Endpoint[Any], request: Any) -> None:
        self._call = call
        self._endpoint: Endpoint[Page] = endpoint
        # Whoever wants everything and names no size gets the largest pages that the server takes.
        any_size = request is None or (isinstance(request, Mapping) and "page_size" not in request)
        self._sizes = list(LARGE_PAGES) if any_size else []
        made = operations.check(endpoint.takes, request)
        if self._sizes:
            made = msgspec.structs.replace(made, page_size=self._sizes.pop(0))
        self._template = made
        self._next: Request | None = build(call, endpoint, made)
        self._visited: set[str] = set()
        self._seen: set[str] = set()  # the keys of all rows
        self._given: set[str] = set()  # the same, but for those of ``_since``
        self._since: list[list[str]] = []
        self._first = True
        self._empty = 0
        self._ahead = 0
        self._at_once = 1
        self._near = False

    @property
    def done(self) -> bool:
        """Whether there are no more pages."""
        return self._next is None

    def batch(self) -> Flow[Sequence[T]]:
        """The rows of the next page, or of the next few."""
        request, call = self._next, self._call.anew()
        assert request is not None, "the walk is over"
        if self._first:
            self._first = False
            page = yield from self._first_page(call)
            return self._take(self._next or request, page)
        wanted = self._requests_ahead(request)
        if len(wanted) == 1:
            return self._take(request, (yield from self._alone(call, request)))
        results = yield Together([self._page(call, one) for one in wanted], self._at_once)
        rows: list[Any] = []
        for one, result in zip(wanted, results, strict=True):
            if self._next is None or self._next.url != one.url:
                break  # this page's own links lead elsewhere: what was fetched ahead is not part of the walk
            if isinstance(result, BaseException):
                raise result
            rows.extend(self._take(one, result))
        return rows

    def _alone(self, call: Call, request: Request) -> Flow[Page]:
        begun = call.clock.monotonic()
        page = yield from fetch(call, request, self._endpoint.gives)
        self._near = call.clock.monotonic() - begun < _NEAR * len(page.rows)
        return page

    def _page(self, call: Call, request: Request) -> Flow[Page]:
        """One of several pages. Its budget begins with its turn, so that many slow ones take no more of it than one."""
        return (yield from fetch(call.anew(), request, self._endpoint.gives))

    def _first_page(self, call: Call) -> Flow[Page]:
        while True:
            assert self._next is not None
            try:
                return (yield from self._alone(call, self._next))
            except errors.ErrorMessage as refused:
                if refused.status_code != 400 or not self._sizes:
                    raise
            self._template = msgspec.structs.replace(self._template, page_size=self._sizes.pop(0))
            self._next = build(call, self._endpoint, self._template)

    def _take(self, request: Request, page: Page) -> Sequence[Any]:
        """Count a page in: its new rows, and where it says the walk goes on."""
        self._visited.add(request.url)
        new = self._new(page.rows)
        self._next = self._follow(request, page) if new or not page.rows else None
        self._empty = 0 if page.rows else self._empty + 1
        if self._empty > _EMPTY and self._next is not None:
            raise errors.ResponseValidationError(f"The list does not end: {self._empty} pages in a row are empty")
        self._ahead = self._pages_left(request, page)
        self._at_once = max(1, min(_AT_ONCE, _ROWS_AT_ONCE // max(1, len(page.rows))))
        return new

    def _new(self, rows: Sequence[Any]) -> Sequence[Any]:
        """The rows that have not come before. Those without an id cannot be told apart, and are kept."""
        key_of = attrgetter("key" if self._endpoint is INTEGRATIONS_LIST else "id")
        keys = list(map(key_of, rows))
        before = len(self._seen)
        self._seen.update(keys)
        if len(self._seen) - before == len(rows):  # as it nearly always is: then no more is asked of the keys
            self._since.append(keys)
            return rows
        self._given.update(*self._since)
        self._since.clear()
        new = []
        for key, row in zip(keys, rows, strict=True):
            if not key or key not in self._given:
                new.append(row)
            self._given.add(key)
        return new

    def _follow(self, request: Request, page: Page) -> Request | None:
        href = page.links.next.href if page.links.next else None
        if not href:
            return None
        here = urlsplit(request.url)
        try:
            there = urlsplit(urljoin(request.base + "/", href))
        except ValueError as error:
            raise errors.ResponseValidationError("The address of the next page cannot be read", cause=error) from None
        if (there.scheme, there.netloc) != (here.scheme, here.netloc):
            raise errors.ResponseValidationError(f"The next page is said to be on another host ({there.netloc})")
        query = tuple(parse_qsl(there.query, keep_blank_values=True))
        base = urlsplit(request.base).path
        path = there.path.removeprefix(base) if base else there.path
        after = msgspec.structs.replace(request, path=path, query=query)
        return None if after.url in self._visited else after

    def _requests_ahead(self, first: Request) -> list[Request]:
        """The next request and those after it, where they differ in nothing but the page."""
        number = _page_number(first)
        if self._near or number is None:
            return [first]
        count = max(1, min(self._ahead, _AHEAD))
        return [_with_page(first, number + i) for i in range(count)]

    def _pages_left(self, request: Request, page: Page) -> int:
        """How many pages seem to follow; 1 where nothing trustworthy says so. Only a hint: links decide."""
        if self._next is None or not _differs_in_page_only(request, self._next):
            return 1
        size = len(page.rows)
        number = _page_number(request) or 1
        if page.total_results <= 0 or size == 0:
            return 1
        return max(1, math.ceil(page.total_results / size) - number)


def _page_number(request: Request) -> int | None:
    """Which page a request asks for, if that is a number that pages have."""
    number = dict(request.query).get("page", "")
    return int(number) if number.isdecimal() and len(number) < 10 else None


def _with_page(request: Request, number: int) -> Request:
    query = tuple((k, str(number) if k == "page" else v) for k, v in request.query)
    return msgspec.structs.replace(request, query=query)


def _differs_in_page_only(one: Request, other: Request) -> bool:
    if (number := _page_number(one)) is None:
        return False
    following = _with_page(one, number + 1)
    return (following.path, dict(following.query)) == (other.path, dict(other.query))
