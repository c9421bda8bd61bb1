"""Runs under random schedules: one company or several, types by name or everything, killed and resumed from a journal.

All of it is real but the line: session services, scheduler, journal and client, on an event loop whose time jumps.
"""

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import httpx

from codat_notebook.client import CodatLending
from codat_notebook.client.clock import ServerClock
from codat_notebook.client.quota import Pacing
from codat_notebook.client.slots import SLOTS
from codat_notebook.client.wire import Failure, Request
from codat_notebook.models.shared import Security
from codat_notebook.runs.attempts import retry_from
from codat_notebook.runs.context import RunContext
from codat_notebook.runs.engine import Engine
from codat_notebook.runs.journal import Start
from codat_notebook.runs.records import ErrorRecord, Log
from codat_notebook.runs.rows import Row
from codat_notebook.runs.run import RefreshRun
from codat_notebook.runs.targets import everything, read_targets

from ..client.simulated import START, Server, Stage, Time
from ..runs.virtual import VirtualLoop
from .schedules import Ledger, World

_LATENCY = 0.05
IDS = [f"{number:08d}-1111-4111-8111-111111111111" for number in range(1, 4)]


class LoopTime(Time):
    """The time of the loop that is at work; the loop after a kill begins where the last one ended."""

    def __init__(self) -> None:
        self.loop: VirtualLoop | None = None
        super().__init__()

    @property
    def now(self) -> float:
        """Virtual seconds."""
        return self.loop.time() if self.loop is not None else 1000.0

    @now.setter
    def now(self, value: float) -> None:
        pass  # the loop's time passes by itself

    def follow(self, loop: VirtualLoop) -> None:
        """Go on with another loop."""
        loop.clockwork.passed = self.now - loop.time()
        self.loop = loop


class Line(httpx.AsyncBaseTransport):
    """Hands requests to the server of the company that they are about."""

    def __init__(self, servers: dict[str, Server]) -> None:
        self._servers = servers

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Have it carried out at once; the answer takes a while."""
        path = request.url.raw_path.decode().partition("?")[0]
        server = next((s for id, s in self._servers.items() if id in path), next(iter(self._servers.values())))
        headers = tuple((k.decode().title(), v.decode()) for k, v in request.headers.raw)
        outcome = server.answer(Request(request.method, path, tuple(request.url.params.multi_items()), "", headers))
        await asyncio.sleep(_LATENCY)
        if isinstance(outcome, Failure):
            kind = httpx.ConnectError if outcome.unsent else httpx.ReadError
            raise kind(outcome.error, request=request)
        return httpx.Response(outcome.status, headers=dict(outcome.headers), content=outcome.body, request=request)


class Scene:
    """The servers of some companies and the books of what they queued."""

    def __init__(self, world: World, number: int) -> None:
        self.world, self.time = world, LoopTime()
        self.stages: dict[str, Stage] = {}
        for id in IDS[:number]:
            stage = world.stage()
            stage.time = stage.server.time = self.time
            stage.server.company = id
            self.stages[id] = stage
        self.books = {id: Ledger(stage) for id, stage in self.stages.items()}
        self.url = f"https://codat{world.seed}.test"

    @contextmanager
    def context(self) -> Iterator[RunContext]:
        """The services of a session of a new process."""
        SLOTS._slots.clear()
        loop = VirtualLoop()
        self.time.follow(loop)
        world, time = self.world, self.time
        line = httpx.AsyncClient(transport=Line({id: stage.server for id, stage in self.stages.items()}))

        def wall() -> float:
            return START + time.now + world.wall + (time.asleep if world.wakes else 0.0)

        engine, pacing = Engine(loop), Pacing(None)
        client = CodatLending(
            Security(auth_header="key"), server_url=self.url, async_client=line, pacing=pacing,
            clock=ServerClock(time, wall), listener=lambda event: context.governor.heard(event),
        )  # fmt: skip
        context = RunContext(client, engine, Log[ErrorRecord](), pacing)
        try:
            yield context
        finally:
            engine.close()

    def spoil(self) -> None:
        """What goes wrong with the next requests."""
        for stage in self.stages.values():
            self.world.spoil(stage)


def play(world: World, folder: Path) -> Counter[str]:
    """Play one schedule, and give its account."""
    chance = world.chance
    scene = Scene(world, chance.choice((1, 1, 3)))
    types: tuple[str, ...] | None = None if chance.random() < 0.35 else ("invoices", "bills")[: chance.randint(1, 2)]
    journal = folder / f"{world.seed}.sqlite"
    kills = chance.randint(0, 2) if not world.documented and chance.random() < 0.4 else 0
    ids = list(scene.stages)
    targets = everything(ids) if types is None else read_targets(dict.fromkeys(ids, types))
    asked = types or next(iter(scene.stages.values())).server.types
    for id, book in scene.books.items():
        if not world.documented and chance.random() < 0.3:
            scene.stages[id].server.add(
                chance.choice(asked), ago=chance.choice((5.0, 40.0)), duration=chance.choice((1.0, 50.0))
            )
        book.ask(*asked)
    # What is queued first is cancelled in the end, and tried again; on one connection, since this server refuses a type
    # on one while it runs on the other.
    if len(world.connections) == 1 and Random(world.seed).random() < 0.5:
        for stage in scene.stages.values():
            stage.server.end = "Cancelled"
    while True:
        scene.spoil()
        with scene.context() as context:
            killed = chance.uniform(0.0, 30.0) if kills else None
            start = (
                (lambda: Start.resumed(context, journal))
                if journal.exists()
                else (lambda: Start.of(context, targets, journal))
            )
            close = partial(_close, context, scene, asked)
            rows = context.engine.call(_run(context, start, killed, journal, close))
        if rows is not None:
            break
        kills -= 1
        shutil.copy(f"{journal}.copy", journal)
    for id, book in scene.books.items():
        mine = [row for row in rows if row.company_id == id]
        _hold(book, tuple(name for name in asked if name in book.since), mine)
    counts: Counter[str] = Counter()
    for book in scene.books.values():
        counts.update(book.end())
    return counts


def _close(context: RunContext, scene: Scene, asked: tuple[str, ...], rows: tuple[Row, ...]) -> None:
    """Hold what an ended run says; what is tried again now is asked for anew."""
    for id, book in scene.books.items():
        mine = [row for row in rows if row.company_id == id]
        _hold(book, asked, mine)
        book.stage.server.end = "Complete"
        times = {row.data_type: moment for row in mine if (moment := retry_from(row)) is not None}
        retried = {name for name, moment in times.items() if moment <= context.now}
        book.ask(*(name for name in asked if name in retried or retried - {*asked}))
        book.counts["retried"] += len(retried)


async def _run(
    context: RunContext, start: Any, killed: float | None, journal: Path, close: Callable[[tuple[Row, ...]], object]
) -> tuple[Row, ...] | None:
    """Start a run and wait for its end, and if something may be retried now, for that; None if it was killed before."""
    run = RefreshRun(context, start())
    await asyncio.wait([asyncio.wrap_future(run._future)], timeout=killed)
    if run.done:
        close(run.rows)
        return (await run.retry_failed() if run.retries.now else run).rows
    store = run._start.store
    assert store is not None
    with store._lock:  # what a kill leaves is what was committed
        shutil.copy(journal, f"{journal}.copy")
    run.stop_watching()
    await run
    return None


def _hold(book: Ledger, asked: tuple[str, ...], rows: list[Row]) -> None:
    """Hold what the run says against what was queued."""
    for data_type in asked:
        mine = [row for row in rows if row.data_type == data_type and row.connection_id in (None, _first(book))]
        tried = max((row.attempt for row in mine), default=1)
        mine = [row for row in mine if row.attempt == tried]  # others were held when that run ended
        told = [row for row in mine if row.operation is not None and row.operation.connection_id == _first(book)]
        states = {row.state for row in mine}
        if told:
            for row in told:
                assert row.operation is not None
                book.handed_out(data_type, row.operation.id, row.state in ("complete", "failed"))
            book.queued(data_type)
        elif "unknown" in states or not mine:
            book.unknown()
        elif states <= {"refused", "not queued by Codat"}:
            book.refused(data_type)
        else:
            book.counts["wrong"] += 1


def _first(book: Ledger) -> str:
    return book.stage.server.connections[0]
