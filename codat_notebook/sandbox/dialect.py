"""Other ways in which Codat may write its answers: switches for what the documentation leaves open or contradicts.

They change what goes in and out of the world, not the world: a request is taken otherwise, a document is written
otherwise. With every switch as it is by default nothing of this runs. What each stands for is in
:mod:`codat_notebook.models.assumptions`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from codat_notebook.models.vocabulary import DATA_TYPES, ID
from codat_notebook.sandbox.exchange import ErrorResponse, HttpRequest, HttpResponse, missing
from codat_notebook.sandbox.listing import resolve

Parameters = dict[str, str]
_TIME: Final = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z$")
_FORMS: Final = {"digits": r"\1\2Z", "seconds": r"\1Z", "no zone": r"\1\2", "offset": r"\1\2+00:00"}
_ONE: Final = re.compile(r"(\w+)([~=])((?:(?!&&|\|\|).)+)")
_TYPES: Final = frozenset(DATA_TYPES)


@dataclass(slots=True)
class Dialect:
    """Switches of a sandbox that change how it is asked and how it writes; ``Faults`` has them all."""

    usual_page_size: Annotated[int, Meta(ge=1)] = 100
    past_the_end: Literal["empty", "404"] = "empty"
    absolute_links: bool = False
    links_by_cursor: bool = False  # the next link carries more than the page
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
    rename_statuses: dict[str, str] = field(default_factory=dict)  # of pull operations; for words nobody knows
    rename_connection_statuses: dict[str, str] = field(default_factory=dict)
    not_supported_is_error: bool = False
    status_of: Literal["newest", "oldest"] = "newest"  # the connection that dataStatus speaks of
    other_company_settings: bool = False  # fetchOnFirstLink is not the account's
    left_out: set[str] = field(default_factory=set)  # fields that no document has, errors included
    overwritten: dict[str, Any] = field(default_factory=dict)  # field -> its value wherever it is there
    hidden_headers: set[str] = field(default_factory=set)


_USUAL: Final = Dialect()
_NAMES: Final = tuple(each.name for each in fields(Dialect))


def answer(way: Dialect, request: HttpRequest, work: Callable[[Parameters], HttpResponse]) -> HttpResponse:
    """Have a request carried out in a dialect; ``work`` answers in the usual way, given the request's parameters.

    Raises :class:`ErrorResponse`: what ``work`` raises, and what the switches refuse.
    """
    parameters = request.parameters()
    if all(getattr(way, name) == getattr(_USUAL, name) for name in _NAMES):
        return work(parameters)
    done = _asked(way, request, parameters, work)
    if not done.body:
        return done
    document = msgspec.json.decode(done.body)
    if "results" in document:
        _turn_page(way, request, document)
    return HttpResponse.of(done.status, written(way, document, request.path.startswith("/companies/")))


def _asked(
    way: Dialect, request: HttpRequest, parameters: Parameters, work: Callable[[Parameters], HttpResponse]
) -> HttpResponse:
    ids = ID.findall(request.path)
    if way.id_case_matters and ids != [each.lower() for each in ids]:
        raise missing("companyId", ids[0])
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


def _turn_page(way: Dialect, request: HttpRequest, page: dict[str, Any]) -> None:
    links = page["_links"]
    if way.past_the_end == "404" and not page["results"] and page["pageNumber"] > 1:
        raise ErrorResponse(404, "There is no such page.")
    if way.case_matters and (one := _ONE.fullmatch(request.parameters().get("query", ""))):
        name, sign, text = one.groups()
        told = [(row, str(row.get(name))) for row in page["results"]]
        page["results"] = [row for row, value in told if text == value or (sign == "~" and text in value)]
        page["totalResults"] = len(page["results"])
    if way.links_by_cursor and "next" in links:
        links["next"]["href"] += "&cursor=1"
    for link in links.values() if way.absolute_links else ():
        link["href"] = f"http://{request.headers.get('host', 'api.codat.io')}{link['href']}"


def written(way: Dialect, value: Any, of_company: bool = False, key: str = "") -> Any:
    """A document as it goes out, or a part of one that stands under ``key``."""
    if isinstance(value, list):
        return [written(way, each, of_company, key) for each in value]
    if isinstance(value, dict):
        made = {name: each for name, each in value.items() if name not in way.left_out}
        made |= {name: way.overwritten[name] for name in way.overwritten.keys() & made.keys()}
        if way.not_supported_is_error and made.get("status") == "NotSupported":
            made["isErrored"] = True
        if way.other_company_settings and of_company and "fetchOnFirstLink" in made:
            made["fetchOnFirstLink"] = not made["fetchOnFirstLink"]
        return {_type(way, name): written(way, each, of_company, name) for name, each in made.items()}
    if not isinstance(value, str):
        return value
    if key in ("dataType", "datatype"):
        return _type(way, value)
    if key in ("status", "currentStatus"):
        return (way.rename_statuses | way.rename_connection_statuses).get(value, value)
    return value.upper() if way.capital_ids and ID.fullmatch(value) else _TIME.sub(_FORMS[way.time_form], value)


def _type(way: Dialect, text: str) -> str:
    return text[0].upper() + text[1:] if way.capital_data_types and text in _TYPES else text
