"""Runs that hear webhook events: they end as the history says, with fewer requests, however badly events come."""

import asyncio
import doctest
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from codat_notebook.events import Event, parse
from codat_notebook.runs import polling
from codat_notebook.runs.company_run import CompanyRun
from codat_notebook.runs.engine import Engine
from codat_notebook.runs.following import hear, news_due
from codat_notebook.runs.journal import Start
from codat_notebook.runs.run import RefreshRun
from codat_notebook.runs.targets import read_targets
from codat_notebook.runs.watching import RUNNING, CompanyWatch

from .hearing import refreshed
from .test_following import START, World, operation
from .test_watching import elsewhere, play
from .virtual import Stage, staged

SEEDS = range(6)
BAD = {"drop": 0.3, "double": 0.2, "late": 60.0}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_that_hears_ends_as_the_history_says_with_fewer_requests(seed: int) -> None:
    """In random worlds. Whole deliveries need at most a request for a company and a batch of events; with 30 % lost,
    others doubled and out of order, a run needs at most half as many again; and polling needs more."""
    polled = refreshed(seed, events=False)
    whole = refreshed(seed, events=True)
    bad = refreshed(seed, events=True, spoil=BAD)
    assert polled.queued == whole.queued == bad.queued  # the same was queued, once
    assert whole.looks <= whole.batches
    assert bad.looks <= 1.5 * whole.looks
    assert max(whole.looks, bad.looks) < polled.looks
    assert 0.5 * polled.looks <= whole.saved + whole.looks <= 2 * polled.looks  # what is saved is told about right


@pytest.mark.parametrize(
    "how",
    [
        {"spoil": {"drop": 1}},
        {"spoil": {"wrong_signature": 0.5, "double": 1, "late": 900}},
        {"settings": {"history_lag": 40}},
        {"every": 30.0},
        {"patience": float("inf")},
        {"patience": 0.0},
        {"types": ["invoices", "custom/none", "moreOrLess"]},
    ],
    ids=lambda how: str(how),
)  # fmt: skip
def test_it_ends_whatever_becomes_of_the_events(how: dict[str, Any]) -> None:
    """All lost; wrongly signed and late; told before the history shows it; in large batches; refused types."""
    assert refreshed(11, events=True, companies=8, **how).looks > 0


def test_a_run_that_polls_hears_as_well() -> None:
    """It looks when it is told, and sees the end sooner, for hardly more requests."""
    deaf, hearing = (refreshed(3, events=False, spoil={"drop": share}) for share in (1, 0))
    assert hearing.seconds < deaf.seconds
    assert hearing.looks <= 1.2 * deaf.looks
    assert hearing.saved == 0


def test_the_net_below_is_wide() -> None:
    """The examples in its docstring hold."""
    assert doctest.testmod(polling).failed == 0


@pytest.fixture
def world() -> Iterator[World]:
    """One company's world."""
    engine = Engine()
    yield World(engine)
    engine.close()


def told(*rows: tuple[str, str], at: timedelta = timedelta(minutes=1), id: str = "e") -> Event:
    """An event of the company: data types and connections."""
    types = [{"dataType": name, "connectionId": connection, "status": "Complete"} for name, connection in rows]
    return parse({"id": id, "eventType": "read.completed", "generatedDate": (START + at).isoformat(),
                  "payload": {"referenceCompany": {"id": "C"}, "dataTypes": types}})  # fmt: skip


def running(world: World, *wanted: str) -> CompanyRun:
    """A company of which invoices of connection x run."""
    company = world.company(*wanted)
    world.look(company, [operation()])
    return company


@pytest.mark.parametrize(
    ("event", "heard"),
    [
        (told(("invoices", "x")), True),
        (told(("bills", "x"), ("invoices", "x")), True),
        (told(("invoices", "y")), False),
        (told(("payments", "x")), False),
        (told(("invoices", "x"), at=timedelta(seconds=-2)), True),
        (told(("invoices", "x"), at=timedelta(seconds=-3)), False),
        (told(), False),
    ],
    ids=["it", "among others", "of another connection", "of another type", "hardly earlier", "earlier", "of nothing"],
)  # fmt: skip
def test_only_what_a_company_waits_for_is_heard(world: World, event: Event, heard: bool) -> None:
    """An event names no operation: it fits by connection, type and time."""
    assert hear(running(world, "invoices"), event) is heard


def test_a_look_comes_when_what_is_told_is_worth_it(world: World) -> None:
    """At once where nothing else is waited for; else when its waiting has grown to the price of a request."""
    company = running(world, "invoices", "bills", "payments")
    assert news_due(company, 6.0) is None
    world.seconds = 60
    hear(company, told(("invoices", "x")))
    assert news_due(company, 6.0) == 6.0
    world.seconds += 2
    assert news_due(company, 6.0) == 4.0
    hear(company, told(("bills", "x")))
    assert news_due(company, 6.0) == 2.0
    hear(company, told(("payments", "x")))
    assert news_due(company, 6.0) == 0.0


def test_a_history_that_is_behind_is_looked_at_at_growing_distances(world: World) -> None:
    """What was told and is not shown stays told, until it is shown."""
    company = running(world, "invoices")
    world.seconds = 60
    hear(company, told(("invoices", "x")))
    waits = []
    for _ in range(4):
        waits.append(news_due(company, 1.0))
        world.look(company, [operation()])
        world.seconds += max(waits[-1] or 0.0, 1.0)
    assert waits == [0.0, 1.0, 2.0, 4.0]
    world.look(company, [operation(status="Complete")])
    assert news_due(company, 1.0) is None


def test_a_look_that_was_under_way_does_not_count_as_one_after_the_event(world: World) -> None:
    """Its answer may be older than what was told meanwhile."""
    company = running(world, "invoices", "bills")
    world.seconds = 60
    company.look_began = world.seconds
    world.seconds = 61
    hear(company, told(("invoices", "x")))
    company.set_rows(company.rows)
    assert news_due(company, 5.0) == 5.0


def test_a_doubled_or_foreign_event_asks_nothing() -> None:
    """Events again, of other companies, of unknown types, or older than the run: no request more."""

    async def scene(stage: Stage) -> int:
        run = stage_run(stage)
        await asyncio.sleep(2)
        before = run.progress.looks
        company, connection = run.rows[0].company_id, run.rows[0].operation.connection_id  # type: ignore[union-attr]
        payload = {
            "referenceCompany": {"id": company},
            "dataTypes": [{"dataType": "invoices", "connectionId": connection}],
        }
        old = {"id": "1", "eventType": "read.completed", "generatedDate": "2026-11-01T00:00:00Z", "payload": payload}
        other = {**old, "generatedDate": None, "payload": {**payload, "referenceCompany": {"id": "x"}}}
        for event in (old, other, {**old, "id": "2"}, {"id": "3", "eventType": "moon.rises"}):
            stage.context.told(parse(event))
        await asyncio.sleep(5)
        assert run.progress.looks == before
        now = {**old, "id": "4", "generatedDate": None}
        for _ in range(50):
            stage.context.told(parse(now))
            await asyncio.sleep(0.1)
        return run.progress.looks - before

    with staged(4) as stage:
        stage.faults.end_next("Complete", 5, seconds=200)
        assert 1 <= stage.engine.call(scene(stage)) <= 4  # it is not over yet: looked at at growing distances


def stage_run(stage: Stage) -> Any:
    """A run that hears, begun on the stage's loop."""
    return RefreshRun(stage.context, Start.of(stage.context, read_targets({stage.ids[0]: ["invoices"]}), events=True))


def test_a_journal_remembers_that_its_run_hears(tmp_path: Any) -> None:
    """Resumed, it looks as seldom."""
    path = tmp_path / "run.sqlite"
    with staged(4) as stage:
        stage.faults.end_next("Complete", 5, seconds=200)
        run = stage.run({stage.ids[0]: ["invoices"]}, path, events=True, at={2.0: lambda run: run.stop_watching()})
        run.wait(60)
        resumed = stage.resume(path, at={100.0: lambda run: run.stop_watching()})
        resumed.wait(60)
        assert resumed.progress.looks <= 2


def test_who_looks_at_a_company_hears_of_it() -> None:
    """Within seconds instead of a minute; a connection that changed has everything read. What was seen already, and a
    burst of events, cost no look each."""

    async def scene(stage: Stage, watch: CompanyWatch) -> None:
        read_at = watch.read_at
        connection = stage.world.connections(watch.company_id)["results"][0]["id"]
        stage.world.deauthorize(watch.company_id, connection)
        id = elsewhere(stage, watch.company_id)
        webhooks = [parse(event) for event in stage.world.events()]
        assert [event.type for event in webhooks] == ["connection.disconnected"]
        stage.context.told(webhooks[0])
        await asyncio.sleep(2)
        assert watch.read_at > read_at
        assert id in {each.id for each in watch.running}
        await asyncio.sleep(900)
        looks = watch.looks
        ended = [parse(event) for event in stage.world.events() if event["eventType"] == "read.completed"]
        for event in ended:
            stage.context.told(event)
        await asyncio.sleep(2)
        assert watch.looks == looks
        payload = {"referenceCompany": {"id": watch.company_id}, "dataTypes": [{"dataType": "bills"}]}
        for number in range(40):
            stage.context.told(parse({"id": f"n{number}", "eventType": "read.completed", "payload": payload}))
            await asyncio.sleep(0.25)
        assert 1 <= watch.looks - looks <= 10 / RUNNING[0] + 2
        await asyncio.sleep(10)
        looks = watch.looks
        stage.context.told(parse({"id": "n0", "eventType": "read.completed", "payload": payload}))
        await asyncio.sleep(10)
        assert watch.looks == looks

    play(scene)
