"""Companies that somebody looks at, on virtual time: how current, at what cost, and whoever started what runs there."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from codat_notebook.models.instants import instant
from codat_notebook.models.shared import PullOperation
from codat_notebook.models.status import is_running
from codat_notebook.runs.journal import Start
from codat_notebook.runs.run import RefreshRun
from codat_notebook.runs.targets import read_targets
from codat_notebook.runs.watching import BACK_OFF, IDLE, RUNNING, CompanyWatch
from codat_notebook.sandbox.exchange import HttpRequest

from .virtual import START, Stage, staged

Scene = Callable[[Stage, CompanyWatch], Coroutine[Any, Any, Any]]


def play(scene: Scene, **how: Any) -> Any:
    """Look at the first company of a stage, and give what the scene gives."""

    async def begin(stage: Stage) -> Any:
        watch = stage.context.watching.of(stage.ids[0])
        watch.enter("me")
        await asyncio.sleep(1)
        try:
            return await scene(stage, watch)
        finally:
            stage.context.watching.stop()

    with staged(4, **how) as stage:
        return stage.engine.call(begin(stage))


def elsewhere(stage: Stage, company_id: str, data_type: str = "invoices") -> str:
    """Somebody else queues a refresh; gives the operation's id."""
    path = f"/companies/{company_id}/data/queue/{data_type}"
    exchange = stage.service.enter(HttpRequest("POST", path, "", {"authorization": "Basic a2V5"}, b""))
    for _ in stage.service.steps(exchange):
        pass
    return str(json.loads(stage.service.leave(exchange).body)["id"])


def operation(watch: CompanyWatch, id: str | None) -> PullOperation:
    """An operation as the watch knows it."""
    assert watch.status is not None
    return next(each for each in watch.status.operations if each.id == id)


def refresh(stage: Stage, company_id: str, **how: float) -> RefreshRun:
    """A run of the same session, begun on its loop."""
    return RefreshRun(stage.context, Start.of(stage.context, read_targets({company_id: ["invoices"]}), **how))


def test_a_company_is_read_once_somebody_looks() -> None:
    """Its facts, its data status, its newest operations."""

    async def scene(stage: Stage, watch: CompanyWatch) -> None:
        assert watch.watched
        assert watch.status is not None
        assert watch.status.cells
        assert watch.status.facts.id == watch.company_id
        assert watch.checked is not None
        assert watch.running == []

    play(scene)


def test_a_reading_that_is_under_way_is_shared_unless_it_is_to_begin_now() -> None:
    """What was begun before a click does not know what has come since."""

    async def scene(stage: Stage, watch: CompanyWatch) -> None:
        requests = []
        for how in ({}, {"after_now": True}):
            before = len(stage.asked)
            first = asyncio.create_task(watch.read())
            await asyncio.sleep(0)
            await asyncio.gather(first, watch.read(**how))
            requests.append(len(stage.asked) - before)
        assert requests[1] == 2 * requests[0] > 2

    play(scene)


def test_what_others_start_is_followed_to_its_end() -> None:
    """Seen within the rhythm that is told, the end within a few seconds, and then the ages are read again."""

    async def scene(stage: Stage, watch: CompanyWatch) -> None:
        before, read_at = len(stage.asked), watch.read_at
        id = elsewhere(stage, watch.company_id)
        await asyncio.sleep(watch.rhythm + 1)
        (running,) = watch.under_way
        assert not watch.is_ours(running)
        assert running.id == id
        assert is_running(running.status, running.completed)
        for _ in range(1200):
            if not watch.running:
                break
            await asyncio.sleep(0.5)
        ended = operation(watch, id)
        late = watch.checked - instant(ended.completed)  # type: ignore[operator]
        assert late < timedelta(seconds=RUNNING[0] + 4)
        await asyncio.sleep(1)
        assert watch.under_way == []
        assert watch.read_at > read_at  # the data status and the connections, too
        assert id in {cell.operation_id for cell in watch.status.cells}  # type: ignore[union-attr]
        assert len(stage.asked) - before < 60

    play(scene)


def test_what_this_session_queued_is_not_elsewhere() -> None:
    """It stands in the same state at once, and the looks of its run are the watch's: no request is sent twice."""

    async def scene(stage: Stage, watch: CompanyWatch) -> None:
        run = refresh(stage, watch.company_id)
        await asyncio.sleep(0.5)
        assert [each.id for each in watch.running] == [run.rows[0].operation_id]
        assert watch.is_ours(watch.running[0])
        while not run.done:
            row = run.rows[0]
            assert operation(watch, row.operation_id).status == row.operation.status  # type: ignore[union-attr]
            await asyncio.sleep(0.5)
        assert watch.running == []

    play(scene)


def test_a_run_that_is_watched_looks_every_few_seconds() -> None:
    """A stage that the history shows is known within 4 s, however patient the run is."""

    async def scene(stage: Stage, watch: CompanyWatch) -> list[float]:
        run = refresh(stage, watch.company_id, patience=60)
        await asyncio.sleep(1)
        before = len(stage.asked)
        await run
        return stage.asked[before:]

    asked = play(scene)
    assert len(asked) > 3
    assert max(later - earlier for earlier, later in pairwise(asked)) < 4


@pytest.mark.parametrize(("hours", "most"), [(1, 30), (8, 120)])
def test_a_company_on_screen_costs_little_while_nothing_runs(hours: int, most: int) -> None:
    """At most 30 requests in an hour, 120 in eight."""

    async def scene(stage: Stage, watch: CompanyWatch) -> int:
        await asyncio.sleep(hours * 3600)
        assert watch.checked > START + timedelta(hours=hours) - timedelta(minutes=6)  # type: ignore[operator]
        return len(stage.asked)

    assert play(scene) <= most


def test_nobody_looks_nothing_is_asked() -> None:
    """What is known stays, with the time at which it was true; who looks again sees what is so at once."""

    async def scene(stage: Stage, watch: CompanyWatch) -> None:
        watch.enter("you")
        watch.leave("me")
        assert watch.watched
        watch.leave("you")
        assert not watch.watched
        asked, checked = len(stage.asked), watch.checked
        id = elsewhere(stage, watch.company_id)
        await asyncio.sleep(3600)
        assert (len(stage.asked), watch.checked) == (asked, checked)
        assert watch.under_way == []
        watch.enter("me")
        await asyncio.sleep(1)
        assert id in {each.id for each in watch.status.operations}  # type: ignore[union-attr]

    play(scene)


def test_a_look_back_within_the_rhythm_costs_nothing() -> None:
    """Who scrolls away and back does not make Codat be asked each time."""

    async def scene(stage: Stage, watch: CompanyWatch) -> None:
        asked = len(stage.asked)
        for _ in range(20):
            watch.leave("me")
            await asyncio.sleep(0.5)
            watch.enter("me")
            await asyncio.sleep(0.5)
        assert len(stage.asked) == asked

    play(scene)


def test_trouble_is_told_once_and_tried_again() -> None:
    """Ever later; the first good look takes it back."""

    async def scene(stage: Stage, watch: CompanyWatch) -> None:
        assert watch.problem is None
        stage.faults.next(None, status=403, match="GET */history*")
        await asyncio.sleep(IDLE + 60)
        assert watch.problem
        assert len(stage.context.errors) == 1
        stage.faults.clear()
        await asyncio.sleep(BACK_OFF[1] + 1)
        assert watch.problem is None

    play(scene)


def test_all_companies_share_one_budget() -> None:
    """Many at once on screen are looked at less often each."""

    async def scene(stage: Stage, watch: CompanyWatch) -> None:
        alone = watch.rhythm
        for number in range(30):
            stage.context.watching.of(f"{number}").enter("me")
        assert alone == IDLE
        assert watch.rhythm == pytest.approx(31 * 6)

    play(scene)


def test_the_first_news_come_within_seconds() -> None:
    """What the history shows of a running operation is known after 2 s (median), 4 s at the latest (95 of 100)."""

    async def scene(stage: Stage, watch: CompanyWatch) -> list[float]:
        ids = [elsewhere(stage, watch.company_id, name) for name in ("invoices", "bills", "customers", "suppliers")]
        shown: dict[str, tuple[str, float]] = {}
        delays: list[float] = []
        known: dict[str, str] = {}
        await watch.read()
        while watch.running:
            now = stage.loop.time()
            for id in ids:
                true = str(stage.world.operation(watch.company_id, id)["status"])
                if shown.get(id, ("",))[0] != true:
                    shown[id] = true, now
                if (status := str(operation(watch, id).status)) == true != known.get(id):
                    known[id] = status
                    delays.append(now - shown[id][1])
            await asyncio.sleep(0.05)
        return delays

    delays = sorted(play(scene))
    assert len(delays) > 12
    assert delays[len(delays) // 2] <= 2
    assert delays[len(delays) * 95 // 100] <= 4


def test_what_somebody_holds_hears_all_that_the_session_hears() -> None:
    """Also where another company was let go of just before: what nobody holds is forgotten, nothing else."""

    async def scene(stage: Stage, watch: CompanyWatch) -> None:
        watching = stage.context.watching
        forget = watch.observe(lambda: None)
        other = watching.of(stage.ids[1])
        watch.leave("me")
        forget()
        assert watching.known(watch.company_id) is None
        other.observe(lambda: None)
        assert watching.known(other.company_id) is other
        await other.read()
        run = refresh(stage, other.company_id)
        await run
        assert operation(other, run.rows[0].operation_id).status == run.rows[0].operation.status  # type: ignore[union-attr]

    play(scene)
