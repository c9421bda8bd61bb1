"""Whole runs on virtual time: the real client, run and sandbox, with an event loop that jumps to its next timer.

There is no socket: requests go straight to the sandbox's service, with a latency of our choosing. A minute with a
thousand requests takes about a second, an hour in which nothing happens none at all.
"""

import asyncio
import selectors
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx

from codat_notebook.client import CodatLending
from codat_notebook.client.clock import ServerClock
from codat_notebook.client.events import Attempt
from codat_notebook.client.quota import Pacing
from codat_notebook.models.shared import Security
from codat_notebook.runs.context import RunContext
from codat_notebook.runs.engine import Engine
from codat_notebook.runs.journal import Start
from codat_notebook.runs.records import ErrorRecord, Log
from codat_notebook.runs.run import RefreshRun
from codat_notebook.runs.targets import read_targets
from codat_notebook.sandbox.exchange import HttpRequest
from codat_notebook.sandbox.faults import Faults
from codat_notebook.sandbox.service import Service
from codat_notebook.sandbox.stories import SHOWCASE
from codat_notebook.sandbox.virtual_time import Clock
from codat_notebook.sandbox.world import World

#: Seconds -> what is done to a run then.
Happenings = dict[float, Callable[[RefreshRun], object]]
START = datetime(2026, 11, 23, 14, tzinfo=UTC)


class _Selector(selectors.DefaultSelector):
    """Waits for real only while nothing is due on the loop, or a worker thread is busy."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0
        self.busy = 0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        if self.busy:
            return super().select(None)
        if not (ready := super().select(0)):
            self.passed += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only when it would wait."""

    def __init__(self) -> None:
        self.clockwork = _Selector()
        super().__init__(self.clockwork)
        self.set_exception_handler(self._keep)
        self.failures: list[dict[str, Any]] = []

    def _keep(self, loop: Any, context: dict[str, Any]) -> None:
        self.failures.append(context)

    def time(self) -> float:
        return 1000.0 + self.clockwork.passed

    def run_in_executor(self, executor: Any, function: Callable[..., Any], *arguments: Any) -> Any:
        self.clockwork.busy += 1
        future = super().run_in_executor(executor, function, *arguments)
        future.add_done_callback(self._idle)
        return future

    def _idle(self, _: Any) -> None:
        self.clockwork.busy -= 1


class Line(httpx.AsyncBaseTransport):
    """Hands requests to a service, which takes some time, and breaks off where a fault says so.

    ``passing`` is called with each request before that; what it raises is raised."""

    def __init__(self, service: Service, latency: float) -> None:
        self.service, self.latency = service, latency
        self.passing: Callable[[httpx.Request], object] = lambda request: None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.passing(request)
        path, _, query = request.url.raw_path.decode().partition("?")
        headers = {name.decode().lower(): value.decode() for name, value in request.headers.raw}
        exchange = self.service.enter(HttpRequest(request.method, path, query, headers, request.content))
        for _ in self.service.steps(exchange):
            pass
        await asyncio.sleep(self.latency)
        answer = self.service.leave(exchange)
        if any(rule is not None and rule.breaks_line for rule in (exchange.outside, exchange.inside)):
            raise httpx.ReadError("the line broke", request=request)
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body, request=request)


class Stage:
    """A sandbox of so many companies and the services of a session on it, in one virtual time.

    ``url``: an address of its own, where what an earlier stage left in doubt in this process must not be met.
    """

    def __init__(
        self, companies: int, per_minute: int | None = None, latency: float = 0.05, url: str = "https://codat.test",
        **settings: Any,
    ) -> None:  # fmt: skip
        self.url = url
        self.loop = VirtualLoop()
        self.engine = Engine(self.loop)
        self.faults = Faults(**{"gzip": False, **settings})
        clock = Clock(START, speed=1, monotonic=self.loop.time)
        self.world = World(companies, 7, clock, self.faults, written=SHOWCASE[:4])
        self.faults.bind(self.world)
        self.service = Service(self.world, self.faults, "key")
        self.latency = latency
        self.context = self.make_context(per_minute)

    def make_context(self, per_minute: int | None = None) -> RunContext:
        """What a session on the stage has, of its own."""
        self.line = Line(self.service, self.latency)
        transport = httpx.AsyncClient(transport=self.line)
        pacing = Pacing(per_minute)
        self.statuses: list[int | None] = []
        self.asked: list[float] = []
        self.born = self.loop.time()
        client = CodatLending(
            Security(auth_header="key"),
            server_url=self.url,
            async_client=transport,
            pacing=pacing,
            clock=ServerClock(self.loop.time, lambda: START.timestamp()),
            listener=lambda event: self._heard(context, event),
        )
        context = RunContext(client, self.engine, Log[ErrorRecord](), pacing)
        return context

    def _heard(self, context: RunContext, event: Any) -> None:
        context.heard(event)
        if isinstance(event, Attempt):
            self.statuses.append(event.status)
            self.asked.append(self.loop.time() - self.born)

    @property
    def ids(self) -> list[str]:
        """The companies that have a linked accounting platform, so that they have the usual types."""
        return [company["id"] for company in self.world.companies({"pageSize": "5000"})["results"] if _books(company)]

    def run(self, plan: Any, journal: Any = None, at: Happenings | None = None, **how: Any) -> RefreshRun:
        """Start a refresh. ``at``: what happens so many seconds later, to the run."""
        return self._begin(lambda: Start.of(self.context, read_targets(plan), journal, **how), at or {})

    def resume(self, journal: Any, at: Happenings | None = None) -> RefreshRun:
        """Go on with a journal."""
        return self._begin(lambda: Start.resumed(self.context, journal), at or {})

    def _begin(self, start: Callable[[], Start], at: Happenings) -> RefreshRun:
        begun = start()

        async def begin() -> RefreshRun:  # on the loop, since its time flies as soon as there is a timer
            run = RefreshRun(self.context, begun)
            for seconds, happen in at.items():
                self.loop.call_later(seconds, happen, run)
            return run

        return self.engine.call(begin())

    def close(self) -> None:
        """End it, and show what an observer did wrong."""
        self.engine.close()
        assert self.loop.failures == []


def _books(company: dict[str, Any]) -> bool:
    links = company["dataConnections"]
    return any(link["sourceType"] == "Accounting" and link["status"] == "Linked" for link in links)


@contextmanager
def staged(companies: int, **how: Any) -> Iterator[Stage]:
    """A stage that is closed at the end."""
    stage = Stage(companies, **how)
    try:
        yield stage
    finally:
        stage.close()
