"""What is served beside the API: the controls, and the page where a customer authorizes a connection again.

:class:`Controls` do what :class:`~codat_notebook.sandbox.faults.Faults` and the clock do, under ``/_sandbox``, for
tests and demos whose sandbox runs in another process. They take a token of their own in ``X-Sandbox-Token``
(:attr:`Sandbox.control_token`), so that no web page can post to them.

The page behind a connection's link URL stands in for Codat's hosted page and the platform's sign-in: one button. It
needs no key, as the real one.
"""

import hmac
import re
from collections.abc import Callable
from dataclasses import fields
from html import escape
from typing import Any, Final

import msgspec

from codat_notebook.sandbox.admission import Traffic
from codat_notebook.sandbox.exchange import ErrorResponse, HttpRequest, HttpResponse, invalid
from codat_notebook.sandbox.faults import Faults, Rule, SandboxSettings
from codat_notebook.sandbox.pull_operation import OrderedOutcome
from codat_notebook.sandbox.situations import SITUATIONS, Staged
from codat_notebook.sandbox.virtual_time import to_text
from codat_notebook.sandbox.world import World

PREFIX: Final = "/_sandbox"
_SETTINGS: Final = tuple(field.name for field in fields(SandboxSettings))


class Controls:
    """Answers requests under ``/_sandbox``.

    ===============================================  ==============================================================
    ``GET /_sandbox``                                clock, companies, POSTs accepted, requests counted
    ``GET /_sandbox/accepted``, ``/events``          POSTs taken in; webhook events
    ``POST /_sandbox/webhooks``                      the arguments of ``Webhooks.add``; gives id and secret
    ``POST /_sandbox/deliveries``                    the arguments of ``Webhooks.spoil``
    ``POST /_sandbox/clock``                         ``{"advance": "3h"}``, ``{"speed": 60}``, ``{"paused": true}``
    ``GET``, ``PATCH /_sandbox/settings``            the switches
    ``POST``, ``DELETE /_sandbox/faults``            the arguments of ``Faults.next``; forget all
    ``POST /_sandbox/outcomes``                      the arguments of ``Faults.end_next``
    ``GET``, ``POST /_sandbox/situations``           what can be staged; ``{"name": "zoho daily quota"}``
    ``POST /_sandbox/restart``                       a list of companies whose connector restarts
    ``POST /_sandbox/connections/{id}/{id}/{what}``  ``deauthorize``, ``relink`` or ``mend``
    ===============================================  ==============================================================
    """

    def __init__(self, world: World, faults: Faults, traffic: Traffic, token: str) -> None:
        self._world = world
        self._traffic = traffic
        self._faults = faults
        self._token = token
        self._calls: dict[str, Callable[[Any], Any]] = {
            "GET ": self._overview,
            "GET accepted": lambda _: [{**entry._asdict(), "at": to_text(entry.at)} for entry in list(world.accepted)],
            "GET events": lambda _: world.events(),
            "POST webhooks": lambda wanted: vars(world.webhooks.add(**_mapping(wanted))),
            "POST deliveries": lambda wanted: world.webhooks.spoil(**_mapping(wanted)),
            "POST clock": self._clock,
            "GET settings": lambda _: self._settings(),
            "PATCH settings": self._change_settings,
            "POST faults": self._spoil,
            "DELETE faults": lambda _: faults.clear(),
            "GET situations": lambda _: {name: situation.tells for name, situation in SITUATIONS.items()},
            "POST situations": lambda wanted: _staged(world.stage(str(_mapping(wanted).get("name")))),
            "POST restart": lambda wanted: world.restart_connector(msgspec.convert(wanted, list[str])),
            "POST outcomes": lambda wanted: world.orders.append(msgspec.convert(wanted, OrderedOutcome)),
        }

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Carry out a control call: 401 without the token, 404 for no such control, 400 for a body without sense."""
        sent = request.headers.get("x-sandbox-token", "")
        if not hmac.compare_digest(sent.encode(), self._token.encode()):
            raise ErrorResponse(401, "Unauthorized", "Sandbox")
        name = request.path.removeprefix(PREFIX).strip("/")
        call = self._calls.get(f"{request.method} {name}") or self._on_connection(request.method, name)
        try:
            result = call(msgspec.json.decode(request.body) if request.body else None)
        except (msgspec.DecodeError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise invalid(str(error)) from error
        return HttpResponse(204) if result is None else HttpResponse.of(200, result)

    def _on_connection(self, method: str, name: str) -> Callable[[Any], Any]:
        match (method, *name.split("/")):
            case ("POST", "connections", company_id, connection_id, "deauthorize" | "relink" | "mend" as what):
                return lambda _: getattr(self._world, what)(company_id, connection_id)
        raise ErrorResponse(404, "There is no such control.", "Sandbox")

    def _overview(self, _: Any) -> dict[str, Any]:
        clock = self._world.clock
        return {
            "now": to_text(clock.ticks()),
            "speed": clock.speed,
            "companies": len(self._world.company_store),
            "accepted": len(self._world.accepted),
            "requests": self._traffic.requests,
            "calls": dict(self._traffic.calls),
            "atOnce": self._traffic.at_once,
        }

    def _clock(self, wanted: Any) -> dict[str, Any]:
        for name, value in _mapping(wanted).items():
            if name == "advance":
                self._world.clock.advance(value)
            elif name == "speed":
                self._world.clock.speed = float(value)
            elif name == "paused":
                (self._world.clock.pause if value else self._world.clock.resume)()
            else:
                raise ValueError(f"the clock has no {name!r}; there are advance, speed and paused")
        return self._overview(None)

    def _settings(self) -> dict[str, Any]:
        return {name: getattr(self._faults, name) for name in _SETTINGS}

    def _change_settings(self, wanted: Any) -> dict[str, Any]:
        self._faults.switch(_mapping(wanted))
        return self._settings()

    def _spoil(self, wanted: Any) -> None:
        self._faults.order(msgspec.convert(wanted, Rule))


def _staged(staged: Staged) -> dict[str, Any]:
    return {**staged._asdict(), "others": [_staged(other) for other in staged.others]}


def _mapping(wanted: Any) -> dict[str, Any]:
    if not isinstance(wanted, dict):
        raise ValueError("the body must be a JSON object")
    return wanted


_PATH: Final = re.compile(r"/companies/([0-9a-fA-F-]{36})/connections/([0-9a-fA-F-]{36})/start")
_PAGE: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Link {platform}</title>
<body style="font: 16px system-ui; max-width: 34rem; margin: 4rem auto; padding: 0 1rem">
<h1>{platform}</h1><p>{text}</p>{form}</body></html>"""
_FORM: Final = '<form method="post"><button style="font: inherit; padding: .6rem 1rem">Authorize</button></form>'


def link_page(world: World, request: HttpRequest) -> HttpResponse | None:
    """The page, or None if the request is not for one; 404 where there is no such connection."""
    match = _PATH.fullmatch(request.path)
    if match is None:
        return None
    if request.method not in ("GET", "POST"):
        raise ErrorResponse(405, "Method not allowed.", headers={"Allow": "GET, POST"})
    company_id, connection_id = match.groups()
    if request.method == "POST":
        world.relink(company_id, connection_id)
    name = escape(world.company(company_id)["name"])
    connection = world.connection(company_id, connection_id)
    linked = connection["status"] == "Linked"
    text = f"{name} is linked. You can close this page." if linked else f"Let Codat read the data of {name} again."
    page = _PAGE.format(platform=escape(connection["platformName"]), text=text, form="" if linked else _FORM)
    return HttpResponse(200, page.encode(), {"Content-Type": "text/html; charset=utf-8"})
