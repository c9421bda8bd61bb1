"""The doctor on a sandbox in this process: the real client; its requests go straight to a service that stands still."""

from typing import Any

import httpx

from codat_notebook.checkup import CheckUp, conclude
from codat_notebook.checkup.probing import Prober, look, refresh_once
from codat_notebook.client import CodatLending
from codat_notebook.models.shared import Security
from codat_notebook.sandbox.exchange import HttpRequest

from ..sandbox.asking import KEY, Api  # noqa: TID252 - the tests are not installed, so they have no absolute name


class Line(httpx.BaseTransport):
    """Carries requests to a service, and notes their methods. ``cut``: after so many no answer comes."""

    def __init__(self, api: Api, cut: int | None = None) -> None:
        self.api, self.cut = api, cut
        self.sent: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer to a request."""
        self.sent.append(request.method)
        if self.cut is not None and len(self.sent) > self.cut:
            raise httpx.ReadError("the line is cut", request=request)
        path, _, query = request.url.raw_path.decode().partition("?")
        headers = {name.decode().lower(): value.decode() for name, value in request.headers.raw}
        answer = self.api.service.answer(HttpRequest(request.method, path, query, headers))
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body, request=request)


def client(line: Line, read_only: bool) -> CodatLending:
    """A client whose requests go over a line."""
    own = httpx.Client(transport=line)
    return CodatLending(Security(auth_header=KEY), server_url="http://127.0.0.1", client=own, read_only=read_only)


def prober(line: Line, writes: bool = False) -> Prober:
    """A prober on it."""
    return Prober(client(line, not writes), writes)


def check_up(line: Line, refresh: str | None = None) -> CheckUp:
    """What the doctor finds."""
    own, driver = prober(line, writes=refresh is not None), client(line, refresh is None)
    driver._drive(look(own))
    tried = driver._drive(refresh_once(own, refresh)) if refresh else {}
    return conclude(own, tried, is_sandbox=True)


def sandbox(**switches: Any) -> Api:
    """A sandbox with some switches set."""
    api = Api()
    for name, value in switches.items():
        assert hasattr(api.faults, name), name
        setattr(api.faults, name, value)
    return api
