"""The published calls, one a line: success, the errors that are documented for it, the form of its document.

Any answer, whatever was asked, can be held to these lines (:func:`check_answer`).
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import msgspec

from codat_notebook.sandbox.exchange import HttpResponse

from . import contract
from .contract import Field, check, check_connection, check_error, check_page

#: Documented for every call. 409 and 422 belong to idempotency keys, 405 and 404 to what is no call.
_ANY = frozenset({401, 402, 403, 429, 500, 503})


class Call(NamedTuple):
    """A published call."""

    method: str
    path: re.Pattern[str]
    success: int
    errors: frozenset[int]
    check: Callable[[Any], None] | None


def _call(line: str, success: int, errors: set[int], form: Callable[[Any], None] | None) -> Call:
    method, path = line.split()
    return Call(method, re.compile(path.replace("*", "[^/]+") + "/?"), success, _ANY | errors, form)


def _page(table: Mapping[str, Field]) -> Callable[[Any], None]:
    return partial(check_page, table=table)


def _document(table: Mapping[str, Field]) -> Callable[[Any], None]:
    return partial(check, table=table)


def _company(company: Any) -> None:
    check(company, contract.COMPANY)
    for connection in company["dataConnections"]:
        check_connection(connection)


def _statuses(statuses: Any) -> None:
    for status in statuses.values():
        check(status, contract.DATA_STATUS)


def _validation(found: Any) -> None:
    check(found, contract.VALIDATION)
    for item in found["errors"] + found["warnings"]:
        check(item, contract.VALIDATION_ITEM)


def _settings(owner: Mapping[str, Field]) -> Callable[[Any], None]:
    def form(document: Any) -> None:
        check(document, owner)
        for setting in document["settings"]:
            check(setting, contract.SETTING)

    return form


CALLS = (
    _call("GET /companies", 200, {400, 404}, _page(contract.COMPANY)),
    _call("GET /companies/*", 200, {404}, _company),
    _call("GET /companies/*/connections", 200, {400, 404}, _page(contract.CONNECTION)),
    _call("GET /companies/*/connections/*", 200, {404}, check_connection),
    _call("GET /companies/*/dataStatus", 200, {404}, _statuses),
    _call("POST /companies/*/data/all", 204, {400, 404}, None),
    _call("POST /companies/*/data/queue/*", 200, {400, 404}, _document(contract.OPERATION)),
    _call("GET /companies/*/data/history", 200, {400, 404}, _page(contract.OPERATION)),
    _call("GET /companies/*/data/history/*", 200, {404}, _document(contract.OPERATION)),
    _call("GET /companies/*/sync/*/validation", 200, {404}, _validation),
    _call("GET /companies/*/syncSettings", 200, {404}, _settings(contract.COMPANY_SETTINGS)),
    _call("GET /profile/syncSettings", 200, set(), _settings(contract.PROFILE_SETTINGS)),
    _call("GET /integrations", 200, {400}, _page(contract.INTEGRATION)),
    _call("GET /integrations/*", 200, {404}, _document(contract.INTEGRATION)),
)


def check_answer(method: str, path: str, answer: HttpResponse) -> None:
    """Assert that an answer is documented for what was asked, and that its body is as published."""
    at_path = [call for call in CALLS if call.path.fullmatch(path)]
    call = next((call for call in at_path if call.method == method), None)
    if call is None or answer.status != call.success:
        allowed = call.errors if call is not None else {405} if at_path else {404}
        assert answer.status in allowed, (method, path, answer.status, answer.body)
        check_error(answer, answer.status)
    elif call.check is None:
        assert answer.body == b""
    else:
        assert answer.headers["Content-Type"].startswith("application/json")
        call.check(msgspec.json.decode(answer.body))
