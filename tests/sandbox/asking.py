"""A world that stands still at a fixed instant, and a way to ask it without a server."""

import base64
from datetime import UTC, datetime
from typing import Any

import msgspec

from codat_notebook.sandbox.exchange import HttpRequest, HttpResponse
from codat_notebook.sandbox.faults import Faults
from codat_notebook.sandbox.service import Service
from codat_notebook.sandbox.virtual_time import Clock
from codat_notebook.sandbox.world import World

START = datetime(2026, 11, 23, 14, tzinfo=UTC)
KEY = "sandbox-key"
TOKEN = "sandbox-token"


class Api:
    """A service to ask without a server; unauthorized only when told so."""

    def __init__(self, companies: int = 12, seed: int = 7) -> None:
        self.clock = Clock(START, speed=0)
        self.faults = Faults()
        self.world = World(companies, seed, self.clock, self.faults)
        self.faults.bind(self.world)
        self.service = Service(self.world, self.faults, KEY, TOKEN)
        self.headers = {"authorization": "Basic " + base64.b64encode(KEY.encode()).decode()}

    def ask(self, line: str, body: bytes = b"", **headers: str) -> HttpResponse:
        """The answer to ``"GET /companies?page=2"``; keyword arguments are headers."""
        method, target = line.split(" ", 1)
        path, _, query = target.partition("?")
        sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.service.answer(HttpRequest(method, path, query, sent, body))

    def get(self, target: str) -> Any:
        """The JSON of a successful GET."""
        answer = self.ask(f"GET {target}")
        assert answer.status == 200, answer.body
        return msgspec.json.decode(answer.body)

    def post(self, target: str, **headers: str) -> HttpResponse:
        """The answer to a POST."""
        return self.ask(f"POST {target}", **headers)

    def company(self, name: str) -> str:
        """The id of a company of the showcase."""
        found: str = self.world.companies({"query": f"name={name}"})["results"][0]["id"]
        return found

    @property
    def toft(self) -> str:
        """The id of Toft Stores UK."""
        return self.company("Toft Stores UK")


def read(answer: HttpResponse) -> Any:
    """The JSON of an answer."""
    return msgspec.json.decode(answer.body)
