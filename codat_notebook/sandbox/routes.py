"""Which call a path is, and what the world does for it.

Paths are taken as on the wire and split before they are decoded, so that an encoded slash stays inside its part.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from codat_notebook.models.vocabulary import ID
from codat_notebook.sandbox.exchange import Answer
from codat_notebook.sandbox.problems import Problem, invalid, no_company, no_connection, no_dataset
from codat_notebook.sandbox.world import World

Parameters = dict[str, str]
Handler = Callable[[World, list[str], Parameters], Any]
_DATA_TYPE: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*")
_MISSING: Final = {"companyId": no_company, "connectionId": no_connection, "datasetId": no_dataset}


class Route(NamedTuple):
    """One call: its path in parts (``{...}`` stands for any), its method, its work.

    ``bad_request`` says whether 400 is documented for it: only then are ids of a wrong form 400, else 404.
    """

    parts: tuple[str, ...]
    method: str
    handler: Handler
    bad_request: bool = False


def _queue(world: World, ids: list[str], parameters: Parameters) -> Any:
    connection_id = parameters.get("connectionId")
    if connection_id is not None and not ID.fullmatch(connection_id):
        raise invalid(f"connectionId '{connection_id[:100]}' is not valid.")
    if not _DATA_TYPE.fullmatch(ids[1]) or len(ids[1]) > 100:
        raise invalid("dataType is not valid.")
    return world.queue(ids[0], ids[1], connection_id)


def _queue_all(world: World, ids: list[str], parameters: Parameters) -> Any:
    world.queue_all(ids[0])
    return None


def _route(line: str, handler: Handler, bad_request: bool = False) -> Route:
    method, path = line.split()
    return Route(tuple(path.split("/")[1:]), method, handler, bad_request)


ROUTES: Final = (
    _route("GET /companies", lambda w, ids, p: w.companies(p), True),
    _route("GET /companies/{companyId}", lambda w, ids, p: w.company(*ids)),
    _route("GET /companies/{companyId}/connections", lambda w, ids, p: w.connections(ids[0], p), True),
    _route("GET /companies/{companyId}/connections/{connectionId}", lambda w, ids, p: w.connection(*ids)),
    _route("GET /companies/{companyId}/dataStatus", lambda w, ids, p: w.status(*ids)),
    _route("POST /companies/{companyId}/data/all", _queue_all, True),
    _route("POST /companies/{companyId}/data/queue/{dataType}", _queue, True),
    _route("GET /companies/{companyId}/data/history", lambda w, ids, p: w.history(ids[0], p), True),
    _route("GET /companies/{companyId}/data/history/{datasetId}", lambda w, ids, p: w.operation(*ids)),
    _route("GET /companies/{companyId}/sync/{datasetId}/validation", lambda w, ids, p: w.validation(*ids)),
    _route("GET /companies/{companyId}/syncSettings", lambda w, ids, p: w.company_settings(*ids)),
    _route("GET /profile/syncSettings", lambda w, ids, p: w.profile_settings()),
    _route("GET /integrations", lambda w, ids, p: w.integrations(p), True),
    _route("GET /integrations/{platformKey}", lambda w, ids, p: w.integration(*ids)),
)


def answer(world: World, method: str, path: str, parameters: Parameters) -> Answer:
    """Carry out a call.

    Raises:
        Problem: any documented error; 404 for a path that is no call, 405 with ``Allow`` for another method.
    """
    parts = path.rstrip("/").split("/")[1:]
    at_path = [route for route in ROUTES if len(route.parts) == len(parts) and _fits(route, parts)]
    if not at_path:
        raise Problem(404, "The requested resource was not found.")
    route = next((route for route in at_path if route.method == method), None)
    if route is None:
        allowed = ", ".join(route.method for route in at_path)
        raise Problem(405, f"The method {method[:20]} is not allowed here.", headers={"Allow": allowed})
    document = route.handler(world, _ids(route, parts), parameters)
    return Answer(204) if document is None else Answer.of(200, document)


def _fits(route: Route, parts: list[str]) -> bool:
    return all(want == have or (want[0] == "{" and have != "") for want, have in zip(route.parts, parts, strict=True))


def _ids(route: Route, parts: list[str]) -> list[str]:
    """The variable parts, checked."""
    ids = []
    for want, have in zip(route.parts, parts, strict=True):
        if want[0] == "{":
            value, name = unquote(have), want[1:-1]
            if name in _MISSING and not ID.fullmatch(value):
                shown = value[:100]
                raise invalid(f"{name} '{shown}' is not valid.") if route.bad_request else _MISSING[name](shown)
            ids.append(value)
    return ids
