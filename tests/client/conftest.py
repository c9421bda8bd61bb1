"""Fixtures of the client's tests: a sandbox that runs fast, and a caller that is sync or async."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from codat_notebook import CodatLending
from codat_notebook.client.events import Event
from codat_notebook.models import shared
from codat_notebook.sandbox import Sandbox

#: Virtual seconds a second: a settle time of ten is over in a twentieth of one.
SPEED = 200
#: More than a module has tests, so that none comes upon what another left running.
_COMPANIES = 320


class Bench:
    """A sandbox, a company that no other test touches, and the two ways to call the client."""

    def __init__(self, sandbox: Sandbox, number: int, awaits: bool) -> None:
        self.sandbox = sandbox
        self.faults = sandbox.faults
        self.awaits = awaits
        self.events: list[Event] = []
        companies = sandbox.world.companies({"pageSize": str(_COMPANIES)})["results"]
        fit = [c for c in companies if any(_reads_invoices(d) for d in c["dataConnections"])]
        self.company: dict[str, Any] = fit[number % len(fit)]
        self.company_id: str = self.company["id"]
        self.first = len(sandbox.world.accepted)

    @property
    def accepted(self) -> int:
        """How many POSTs for this company the server took in since the test began."""
        book = self.sandbox.world.accepted[self.first :]
        return sum(entry.company_id == self.company_id for entry in book)

    def client(self, **how: Any) -> CodatLending:
        """A client of the sandbox."""
        how = {"security": shared.Security(auth_header=self.sandbox.key), "listener": self.events.append, **how}
        return CodatLending(**{"server_url": self.sandbox.url, **how})

    def call(self, name: str, _client: dict[str, Any] | None = None, **arguments: Any) -> Any:
        """Make one call with a client of its own, blocking or awaiting."""
        if not self.awaits:
            with self.client(**(_client or {})) as client:
                return _find(client, name)(**arguments)

        async def run() -> Any:
            async with self.client(**(_client or {})) as client:
                return await _find(client, f"{name}_async")(**arguments)

        return asyncio.run(run())

    def queue(self, _client: dict[str, Any] | None = None, data_type: str = "invoices", **arguments: Any) -> Any:
        """Queue a data type of the company."""
        request = {"company_id": self.company_id, "data_type": data_type}
        return self.call("manage_data.refresh.queue", _client, request=request, **arguments)


def _reads_invoices(connection: dict[str, Any]) -> bool:
    return connection["sourceType"] == "Accounting" and connection["status"] == "Linked"


def _find(client: CodatLending, name: str) -> Callable[..., Any]:
    target: Any = client
    for part in name.split("."):
        target = getattr(target, part)
    return target  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def _sandbox() -> Iterator[Sandbox]:
    with Sandbox(companies=_COMPANIES, seed=11, speed=SPEED) as sandbox:
        yield sandbox


_numbers = count()


@pytest.fixture(params=["sync", "async"])
def bench(_sandbox: Sandbox, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A bench for one test, sync and async."""
    faults = _sandbox.faults
    switches = {name: getattr(faults, name) for name in faults.__dataclass_fields__}
    yield Bench(_sandbox, next(_numbers), request.param == "async")
    faults.clear()
    for name, value in switches.items():
        setattr(faults, name, value)
