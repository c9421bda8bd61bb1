"""Other ways in which Codat may write its answers: switches for what the documentation leaves open or contradicts.

They change what goes in and out of the world, not the world: a request is taken otherwise, a document is written
otherwise. With every switch as it is by default nothing of this runs. What each stands for is in
:mod:`codat_notebook.models.assumptions`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from codat_notebook.models.vocabulary import DATA_TYPES, ID
from codat_notebook.sandbox.exchange import ErrorResponse, HttpRequest, HttpResponse, no_company
from codat_notebook.sandbox.query import resolve

Parameters = dict[str, str]
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z")
_TYPES: Final = frozenset(DATA_TYPES)


@dataclass(slots=True)
class Dialect:
    """Switches of a sandbox that change how it is asked and how it writes; ``Faults`` has them all."""

    usual_page_size: Annotated[int, Meta(ge=1)] = 100
    past_the_end: Literal["empty", "404"] = "empty"
    absolute_links: bool = False
    links_by_cursor: bool = False  # the next link carries more than the page
    zero_page_numbers: bool = False
    zero_totals: bool = False
    passes_over_queries: bool = False  # instead of 400
    unqueryable: set[str] = field(default_factory=set)  # neither filtered nor ordered by
    ignores_order: bool = False
    left_to_right: bool = False  # && and || bind alike
    case_matters: bool = False  # in text that is compared
    capital_ids: bool = False
    id_case_matters: bool = False
    malformed_id_status: Annotated[int, Meta(ge=400, le=499)] = 404  # where 400 is not documented
    unknown_status: Annotated[int, Meta(ge=400, le=499)] = 404
    time_form: Literal["digits", "seconds", "no zone", "offset"] = "digits"
    capital_data_types: bool = False
    rename_connection_statuses: dict[str, str] = field(default_factory=dict)
    not_supported_is_error: bool = False
    status_of: Literal["newest", "oldest"] = "newest"  # the connection that dataStatus speaks of
    other_company_settings: bool = False  # fetchOnFirstLink is not the account's
    left_out: set[str] = field(default_factory=set)  # fields that no document has
    bare_errors: bool = False
    retried_as_bool: bool = False
    status_in_body: int = 0  # statusCode of errors; 0: the answer's
    hidden_headers: set[str] = field(default_factory=set)


_USUAL: Final = Dialect()
_NAMES: Final = tuple(each.name for each in fields(Dialect))


def answer(way: Dialect, request: HttpRequest, work: Callable[[Parameters], HttpResponse]) -> HttpResponse:
    """Have a request carried out in a dialect.

    Args:
        way: the switches.
        request: as it came.
        work: answers in the usual way, given the request's parameters.

    Raises:
        ErrorResponse: what ``work`` raises, and what the switches refuse.
    """
    parameters = request.parameters()
    if all(getattr(way, name) == getattr(_USUAL, name) for name in _NAMES):
        return work(parameters)
    done = _asked(way, request, parameters, work)
    if not done.body:
        return done
    document = _Writing(way, request, parameters).document(msgspec.json.decode(done.body))
    return HttpResponse.of(done.status, document)


def error_body(way: Dialect, body: dict[str, Any]) -> dict[str, Any]:
    """The body of an error in a dialect."""
    if way.status_in_body:
        body["statusCode"] = way.status_in_body
    if way.retried_as_bool:
        body["canBeRetried"] = False
    return {"error": body["error"]} if way.bare_errors else body


def _asked(
    way: Dialect, request: HttpRequest, parameters: Parameters, work: Callable[[Parameters], HttpResponse]
) -> HttpResponse:
    ids = ID.findall(request.path)
    if way.id_case_matters and ids != [each.lower() for each in ids]:
        raise no_company(ids[0])
    named = set(re.findall(r"[A-Za-z.]+(?=\s*[=!~<>])", parameters.get("query", "")))
    if refused := way.unqueryable & {*named, parameters.get("orderBy", "").removeprefix("-")}:
        resolve(min(refused), {}, "Dataset")
    wanted = dict(parameters)
    if way.usual_page_size != _USUAL.usual_page_size:
        wanted.setdefault("pageSize", str(way.usual_page_size))
    if way.ignores_order:
        wanted.pop("orderBy", None)
    if way.left_to_right and "{" not in (query := wanted.get("query", "")):
        wanted["query"] = re.sub(r"^(.*?\|\|.*?)&&", r"{\1}&&", query)
    try:
        return work(wanted)
    except ErrorResponse as problem:
        if problem.status == 400 and way.passes_over_queries and "query" in wanted:
            return work({name: text for name, text in wanted.items() if name != "query"})
        if problem.status == 404:
            problem.status = way.unknown_status if ids else way.malformed_id_status
        raise


class _Writing:
    """One document written in a dialect."""

    def __init__(self, way: Dialect, request: HttpRequest, parameters: Parameters) -> None:
        self.way, self.request, self.parameters = way, request, parameters

    def document(self, value: Any) -> Any:
        """The document, as it goes out.

        Raises:
            ErrorResponse: a page past the end.
        """
        if isinstance(value, dict) and "results" in value:
            value = self._page(value)
        return self._written(value)

    def _page(self, page: dict[str, Any]) -> dict[str, Any]:
        way, links = self.way, page["_links"]
        if way.past_the_end == "404" and not page["results"] and page["pageNumber"] > 1:
            raise ErrorResponse(404, "There is no such page.")
        if way.case_matters and (
            one := re.fullmatch(r"(\w+)([~=])((?:(?!&&|\|\|).)+)", self.parameters.get("query", ""))
        ):
            name, sign, text = one.groups()
            told = [(row, str(row.get(name))) for row in page["results"]]
            fits = [row for row, value in told if text == value or (sign == "~" and text in value)]
            page |= {"results": fits, "totalResults": len(fits)}
        if way.links_by_cursor and "next" in links:
            links["next"]["href"] += "&cursor=1"
        if way.absolute_links:
            host = self.request.headers.get("host", "api.codat.io")
            links |= {name: {"href": f"http://{host}{link['href']}"} for name, link in links.items()}
        page |= {"pageNumber": 0, "pageSize": 0} if way.zero_page_numbers else {}
        return page | {"totalResults": 0} if way.zero_totals else page

    def _written(self, value: Any, key: str = "") -> Any:
        if isinstance(value, list):
            return [self._written(each, key) for each in value]
        if isinstance(value, dict):
            return {
                self._type(name): self._written(each, name)
                for name, each in self._changed(value).items()
                if name not in self.way.left_out
            }
        return self._text(value, key) if isinstance(value, str) else value

    def _changed(self, value: dict[str, Any]) -> dict[str, Any]:
        way = self.way
        if way.not_supported_is_error and value.get("status") == "NotSupported":
            value = value | {"isErrored": True}
        if way.rename_connection_statuses and "linkUrl" in value:
            value = value | {"status": way.rename_connection_statuses.get(value["status"], value["status"])}
        if way.other_company_settings and "fetchOnFirstLink" in value and self.request.path.startswith("/companies/"):
            value = value | {"fetchOnFirstLink": not value["fetchOnFirstLink"]}
        return value

    def _type(self, text: str) -> str:
        return text[0].upper() + text[1:] if self.way.capital_data_types and text in _TYPES else text

    def _text(self, text: str, key: str) -> str:
        if key in ("dataType", "datatype"):
            return self._type(text)
        if self.way.capital_ids and ID.fullmatch(text):
            return text.upper()
        if self.way.time_form != "digits" and (time := _TIME.fullmatch(text)):
            seconds, fraction = time[1], time[2] or ""
            return {
                "seconds": f"{seconds}Z", "no zone": seconds + fraction, "offset": f"{seconds}{fraction}+00:00",
            }[self.way.time_form]  # fmt: skip
        return text
