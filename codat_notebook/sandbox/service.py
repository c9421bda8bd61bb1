"""HTTP around a world, without any input or output: a request in, an answer out.

An exchange passes through layers like those in front of the real service, from the outside in and back. Between any
two of them the server may wait, and faults sit in two places, outside and inside the idempotency layer:

1. :meth:`Service.enter`: is the key right; does a fault outside answer in the service's place;
2. :meth:`Service.steps`: quota, plan, idempotency; then the work, or a fault inside; then the answer is kept;
3. :meth:`Service.leave`: faults outside, headers.

Tests that need no server call :meth:`Service.answer`, which takes all steps at once.
"""

import base64
import hmac
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, TypeVar
from urllib.parse import unquote

import msgspec

from codat_notebook.models.vocabulary import ID
from codat_notebook.sandbox import dialect
from codat_notebook.sandbox.admission import DailyQuota, Idempotency, Slot, Traffic
from codat_notebook.sandbox.controls import PREFIX, Controls, link_page
from codat_notebook.sandbox.exchange import MISSING, ErrorResponse, HttpRequest, HttpResponse, invalid, missing
from codat_notebook.sandbox.faults import Faults, Rule
from codat_notebook.sandbox.virtual_time import SECOND, to_http_date
from codat_notebook.sandbox.world import World

T = TypeVar("T")
Parameters = dict[str, str]
Handler = Callable[[World, list[str], Parameters, bytes], Any]
_DATA_TYPE: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*")
_EXPIRED: Final = "Your Free account is older than 365 days and has expired. Contact support@codat.io."


class Route(NamedTuple):
    """One call."""

    parts: tuple[str, ...]  # of its path; {...} stands for any
    method: str
    handler: Handler
    bad_request: bool  # whether 400 is documented for it: only then are ids of a wrong form 400, else 404


class _ProductBody(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """What a product refresh may be sent."""

    data_types: list[str] | None = None


def _refresh_product(world: World, ids: list[str], parameters: Parameters, body: bytes) -> HttpResponse:
    try:
        wanted = msgspec.json.decode(body, type=_ProductBody) if body else _ProductBody()
    except (msgspec.DecodeError, RecursionError) as error:
        raise invalid(f"the body is not valid: {error}") from error
    world.refresh_product(ids[0], ids[1], wanted.data_types)
    return HttpResponse(202)


def _queue(world: World, ids: list[str], parameters: Parameters, body: bytes) -> Any:
    connection_id = parameters.get("connectionId")
    if connection_id is not None and not ID.fullmatch(connection_id):
        raise invalid(f"connectionId '{connection_id[:100]}' is not valid.")
    if not _DATA_TYPE.fullmatch(ids[1]) or len(ids[1]) > 100:
        raise invalid("dataType is not valid.")
    return world.queue(ids[0], ids[1], connection_id)


def _route(line: str, handler: Handler, bad_request: bool = False) -> Route:
    method, path = line.split()
    return Route(tuple(path.split("/")[1:]), method, handler, bad_request)


ROUTES: Final = (
    _route("GET /companies", lambda w, ids, p, _: w.companies(p), True),
    _route("GET /companies/{companyId}", lambda w, ids, p, _: w.company(*ids)),
    _route("GET /companies/{companyId}/connections", lambda w, ids, p, _: w.connections(ids[0], p), True),
    _route("GET /companies/{companyId}/connections/{connectionId}", lambda w, ids, p, _: w.connection(*ids)),
    _route("GET /companies/{companyId}/dataStatus", lambda w, ids, p, _: w.status(*ids)),
    _route("POST /companies/{companyId}/data/all", lambda w, ids, p, _: w.queue_all(*ids), True),
    _route("POST /companies/{companyId}/data/queue/{dataType}", _queue, True),
    _route(
        "POST /companies/{companyId}/connections/{connectionId}/data/queue/custom/{customDataIdentifier}",
        lambda w, ids, p, _: w.queue_custom(*ids),
    ),
    _route("POST /companies/{companyId}/products/{productIdentifier}/refresh", _refresh_product, True),
    _route("GET /companies/{companyId}/data/history", lambda w, ids, p, _: w.history(ids[0], p), True),
    _route("GET /companies/{companyId}/data/history/{datasetId}", lambda w, ids, p, _: w.operation(*ids)),
    _route("GET /companies/{companyId}/sync/{datasetId}/validation", lambda w, ids, p, _: w.validation(*ids)),
    _route("GET /companies/{companyId}/syncSettings", lambda w, ids, p, _: w.company_settings(*ids)),
    _route("GET /profile/syncSettings", lambda w, ids, p, _: w.profile_settings()),
    _route("GET /webhooks", lambda w, ids, p, _: w.webhooks.listing(), True),
    _route("POST /webhooks", lambda w, ids, p, body: HttpResponse.of(201, w.webhooks.create(body)), True),
    _route("DELETE /webhooks/{webhookId}", lambda w, ids, p, _: w.webhooks.remove(*ids)),
    _route("GET /integrations", lambda w, ids, p, _: w.integrations(p), True),
    _route("GET /integrations/{platformKey}", lambda w, ids, p, _: w.integration(*ids)),
)


def _carry_out(world: World, request: HttpRequest, parameters: Parameters) -> HttpResponse:
    """Carry out a call: 404 for a path that is none, 405 with ``Allow`` for another method, any documented error."""
    parts, method = request.path.rstrip("/").split("/")[1:], request.method
    at_path = [route for route in ROUTES if len(route.parts) == len(parts) and _fits(route, parts)]
    if not at_path:
        raise ErrorResponse(404, "The requested resource was not found.")
    route = next((route for route in at_path if route.method == method), None)
    if route is None:
        allowed = ", ".join(route.method for route in at_path)
        raise ErrorResponse(405, f"The method {method[:20]} is not allowed here.", headers={"Allow": allowed})
    given = route.handler(world, _ids(route, parts), parameters, request.body)
    if isinstance(given, HttpResponse):
        return given
    return HttpResponse(204) if given is None else HttpResponse.of(200, given)


def _fits(route: Route, parts: list[str]) -> bool:
    return all(want == have or (want[0] == "{" and have != "") for want, have in zip(route.parts, parts, strict=True))


def _ids(route: Route, parts: list[str]) -> list[str]:
    """The variable parts, checked."""
    ids = []
    for want, have in zip(route.parts, parts, strict=True):
        if want[0] == "{":
            value, name = unquote(have), want[1:-1]
            if name in MISSING and not ID.fullmatch(value):
                shown = value[:100]
                raise invalid(f"{name} '{shown}' is not valid.") if route.bad_request else missing(name, shown)
            ids.append(value)
    return ids


@dataclass(slots=True)
class Exchange:
    """One request being answered: the rules that spoil it, its idempotency slot, the answer so far."""

    request: HttpRequest
    correlation_id: str
    company: str
    outside: Rule | None = None
    inside: Rule | None = None
    slot: Slot | None = None
    answer: HttpResponse | None = None


class Service:
    """Answers requests for a ``world`` whose settings are ``faults``, if they bring the ``key``.

    ``control_token`` is that of ``/_sandbox``; without it there are no controls.
    """

    def __init__(self, world: World, faults: Faults, key: str, control_token: str | None = None) -> None:
        self.world = world
        self.faults = faults
        self.quota = DailyQuota(faults, world.connected, world.log.rate_limit)
        self.traffic = Traffic()
        self._authorization = "Basic " + base64.b64encode(key.encode()).decode()
        self._controls = Controls(world, faults, self.traffic, control_token) if control_token else None
        self._idempotency = Idempotency()
        self._count = 0

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer without waiting for anything."""
        exchange = self.enter(request)
        for _ in self.steps(exchange):
            pass
        return self.leave(exchange)

    def enter(self, request: HttpRequest) -> Exchange:
        """Take a request in."""
        with self.world.lock:
            exchange = self._exchange(request, self.traffic.come(request))
            exchange.answer = self._or_refusal(exchange, self._receive)
            return exchange

    def _receive(self, exchange: Exchange) -> HttpResponse | None:
        """The answer to what is no call of the API (a control, the page where a customer relinks), or a fault's."""
        request = exchange.request
        if self._controls is not None and request.path.startswith(PREFIX):
            return self._controls.answer(request)
        if (page := link_page(self.world, request)) is not None:
            return page
        sent = request.headers.get("authorization", "")
        if not hmac.compare_digest(sent.encode(), self._authorization.encode()):
            raise ErrorResponse(401, "Unauthorized")
        rule = exchange.outside = self.faults.take(request, "outside")
        return rule.forced(exchange.correlation_id) if rule is not None and rule.skips_work else None

    def steps(self, exchange: Exchange) -> Iterator[tuple[Rule | None, Literal["before", "after"]]]:
        """Answer what is not answered yet. Gives each fault that may hold it here: before or after the work."""
        yield exchange.outside, "before"
        if exchange.answer is None:
            with self.world.lock:
                exchange.answer = self._or_refusal(exchange, self._admit)
        yield exchange.inside, "before"
        if exchange.answer is None:
            with self.world.lock:
                exchange.answer = self._perform(exchange)
        yield exchange.inside, "after"
        if exchange.slot is not None:
            with self.world.lock:
                self._idempotency.close(exchange.slot, exchange.answer)
        yield exchange.outside, "after"

    def _admit(self, exchange: Exchange) -> HttpResponse | None:
        """The answer that is kept under the idempotency key, if there is one."""
        request, now = exchange.request, self.world.clock.ticks()
        self.traffic.check(exchange.company, self.faults.concurrent)
        self.quota.count(now)
        if self.faults.payment_required:
            raise ErrorResponse(402, _EXPIRED)
        key = request.headers.get("idempotency-key")
        if key and request.method == "POST" and self.faults.honours_keys:
            slot = self._idempotency.open(key, request, now)
            if slot.answer is not None:
                return slot.answer
            exchange.slot = slot
        exchange.inside = self.faults.take(request, "inside")
        return None

    def _perform(self, exchange: Exchange) -> HttpResponse:
        """The work, unless a fault prevents it."""
        rule = exchange.inside
        if rule is not None and rule.skips_work:
            answer = rule.forced(exchange.correlation_id)
        else:
            answer = self._or_refusal(exchange, self._work)
            if rule is not None and rule.replaces:
                answer = rule.forced(exchange.correlation_id)
        answer.headers.setdefault("X-Correlation-Id", exchange.correlation_id)
        return rule.touched(answer) if rule is not None else answer

    def _work(self, exchange: Exchange) -> HttpResponse:
        request = exchange.request
        return dialect.answer(self.faults, request, lambda given: _carry_out(self.world, request, given))

    def leave(self, exchange: Exchange) -> HttpResponse:
        """The finished answer."""
        with self.world.lock:
            self.traffic.go(exchange.company)
            rule, kept = exchange.outside, exchange.answer
            if rule is not None and rule.when == "after" and rule.replaces:
                kept = rule.forced(exchange.correlation_id)
            assert kept is not None, "an exchange leaves after its steps"
            answer = HttpResponse(kept.status, kept.body, {**self._common(exchange), **kept.headers})
        if rule is not None:
            answer = rule.touched(answer)
        if self.faults.gzip and exchange.request.takes_gzip:
            answer.compress()
        return answer

    def turned_away(self, problem: ErrorResponse) -> HttpResponse:
        """The answer to what is refused before it is looked at; the line is closed."""
        with self.world.lock:
            exchange = self._exchange(HttpRequest("", ""), "")
            answer = self._refusal(problem, exchange)
            answer.headers = {**self._common(exchange), **answer.headers, "Connection": "close"}
            return answer

    def _exchange(self, request: HttpRequest, company: str) -> Exchange:
        self._count += 1
        return Exchange(request, self.world.draws.hex("correlation", self._count), company)

    def _or_refusal(self, exchange: Exchange, step: Callable[[Exchange], T]) -> T | HttpResponse:
        """What a step gives, or the answer to a request that it refuses."""
        try:
            return step(exchange)
        except ErrorResponse as problem:
            return self._refusal(problem, exchange)

    def _refusal(self, problem: ErrorResponse, exchange: Exchange) -> HttpResponse:
        body = dialect.written(self.faults, problem.body(exchange.correlation_id))
        answer = HttpResponse.of(problem.status, body)
        answer.headers |= problem.headers
        return answer

    def _common(self, exchange: Exchange) -> dict[str, str]:
        """The headers of every answer; one that is given again brings the correlation id of the first."""
        now = self.world.clock.ticks()
        headers = {
            "Date": to_http_date(now + round(self.faults.clock_skew * SECOND)),
            "X-Correlation-Id": exchange.correlation_id,
            **self.quota.headers(now),
            "X-Sandbox": "1",
            "X-Sandbox-Speed": f"{self.world.clock.speed:g}",
        }
        return {name: text for name, text in headers.items() if name not in self.faults.hidden_headers}
