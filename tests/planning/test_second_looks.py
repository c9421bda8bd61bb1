"""Second looks at a portfolio with a memory: what they cost, and that nothing is shown that is older than a day."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from codat_notebook.events import parse
from codat_notebook.models.secret import Secret
from codat_notebook.models.shared import Connection, PullOperation
from codat_notebook.models.status import is_running
from codat_notebook.models.vocabulary import DatasetStatus, SchemaDataType
from codat_notebook.planning.selection import select
from codat_notebook.planning.snapshots import LONG, CompanySnapshot, due, read_cells
from codat_notebook.runs.cells import Cell
from codat_notebook.runs.context import CompanyFacts
from codat_notebook.runs.memory import Look, Memory, mark_of
from codat_notebook.sandbox.exchange import ErrorResponse
from codat_notebook.sandbox.pull_operation import Operation, OrderedOutcome
from codat_notebook.sandbox.virtual_time import SECOND, from_datetime
from tests.runs.virtual import Stage, staged

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def look(at: datetime, *operations: PullOperation, before: datetime | None = None, id: str = "c") -> Look:
    """What is remembered of a company with one connection, listed again when the look was made."""
    connection = Connection(id="k", platform_name="Xero", status="Linked", last_sync="2026-11-23T08:00:00Z")
    facts = CompanyFacts(id, "C", {"k": connection}, {})
    return Look(facts, at, list(operations), mark=mark_of(facts), before=before or at)


def operation(status: str, at: datetime) -> PullOperation:
    """One that was requested, and if it does not run, ended, at a time."""
    ended = None if status == "Fetching" else at.isoformat()
    return PullOperation(id="o", connection_id="k", data_type=SchemaDataType("bills"), status=DatasetStatus(status),
                         requested=at.isoformat(), completed=ended)  # fmt: skip


def test_who_is_asked_again() -> None:
    """What runs each time; all else before what is shown would be older than a day at the next look."""
    old = operation("FetchError", NOON - 2 * LONG)
    assert due([look(NOON - HOUR / 60, operation("Fetching", NOON - HOUR))], NOON)
    assert due([look(NOON - 15 * HOUR, old, before=NOON - 9 * HOUR)], NOON)  # the next look would come too late
    assert not due([look(NOON, old, before=NOON - 9 * HOUR)], NOON)
    assert due([look(NOON - LONG, old, before=NOON)], NOON)


@pytest.mark.parametrize("pauses", [[60], [5], [9 * 60, 12, 54, 54], [300, 120, 10]])
def test_all_are_asked_once_a_day_and_not_together(pauses: list[int]) -> None:
    """Three days of looks after a first one at all: those within the hour ask for a tenth at most, and for more
    of what failed lately; nobody is asked for much more often than needed, and nothing will be older than a day."""
    looks = {str(number): look(NOON, id=str(number)) for number in range(200)}
    failed = frozenset(sorted(looks)[:20])
    now, number, counts = NOON, 0, Counter[str]()
    while now < NOON + 3 * LONG:
        before, pause = now, timedelta(minutes=pauses[number % len(pauses)])
        now, number = now + pause, number + 1
        ended = [operation("FetchError", now - 3 * HOUR)]
        looks = {id: replace(each, before=before, operations=ended if id in failed else [])
                 for id, each in looks.items()}  # fmt: skip
        again = due(looks.values(), now)
        assert pause > HOUR or len(again - failed) <= 20
        assert pause > HOUR or len(again & failed) <= 8
        assert all(now + pause - each.at < LONG for id, each in looks.items() if id not in again)
        looks |= {id: replace(looks[id], at=now) for id in again}
        counts.update(again)
    of_others = [counts[id] for id in looks.keys() - failed]
    assert sum(counts[id] for id in failed) / len(failed) >= 6
    assert 2.9 <= sum(of_others) / len(of_others) < (4 if max(pauses) <= 60 else 7)


def test_what_the_list_tells_is_a_reason_to_ask() -> None:
    """Another lastSync, status or error of a connection, and a company that something was queued for."""
    remembered = look(NOON - HOUR / 2)
    for other in (
        Connection(id="k", platform_name="Xero", status="Linked", last_sync="2026-11-23T11:40:00Z"),
        Connection(id="k", platform_name="Xero", status="Deauthorized", last_sync="2026-11-23T08:00:00Z"),
    ):
        facts = CompanyFacts("c", "C", {"k": other}, {})
        assert due([Look(facts, remembered.at, [], mark=remembered.mark, before=remembered.at)], NOON)
    assert due([Look(remembered.facts, remembered.at, [], mark="", before=remembered.at)], NOON)


@pytest.mark.parametrize("late", [False, True])
def test_an_event_is_a_reason_to_ask(tmp_path: Path, late: bool) -> None:
    """What Codat tells of a company is not remembered but looked at; so where a look from before is written later."""
    with staged(12) as stage:
        portfolio = Portfolio(stage, tmp_path / "codat.sqlite")
        _, (*_, seen) = portfolio.look()
        memory, facts = portfolio.context.memory, seen.facts
        assert memory is not None
        assert facts is not None
        before = memory.recall([facts])[facts.id]
        assert before.mark == mark_of(facts)
        stage.world.clock.advance(5)
        read = {
            "referenceCompany": {"id": facts.id.upper()},
            "dataTypes": [{"dataType": "bills", "status": "FetchError"}],
        }
        for number in range(3):
            event = parse({"id": f"e{number}", "eventType": "read.completed", "payload": read})
            stage.engine.post(portfolio.context.told, event)
        stage.engine.call(asyncio.sleep(1))
        if late:
            memory.saw([before])
        assert due([memory.recall([facts])[facts.id]], portfolio.context.now)
        portfolio.look()
        assert memory.recall([facts])[facts.id].mark == mark_of(facts)


class Portfolio:
    """A stage whose companies live: others refresh them, with failures, and connections are lost and linked again."""

    def __init__(self, stage: Stage, path: Path, seed: int = 3) -> None:
        self.stage, self.random = stage, Random(seed)
        self.context = stage.context
        self.context.memory = Memory(path, self.context.client.server_url, Secret.of("key"))
        self.ids = [company["id"] for company in stage.world.companies({"pageSize": "5000"})["results"]]
        #: Company id -> what was shown and right of a company that nothing has happened to.
        self.right: dict[str, dict[tuple[str, str], tuple[str | None, str]]] = {}

    def look(self) -> tuple[int, list[CompanySnapshot]]:
        """Look at all of it: how many requests that takes, and what is seen."""
        before = len(self.stage.asked)
        snapshots = self.stage.engine.call(read_cells(self.context, select(), reserve=0))
        assert len(self.context.errors) == 0
        return len(self.stage.asked) - before, snapshots

    def live(self, hours: float) -> None:
        """Let time pass: in an hour one company in fifty is refreshed by somebody, and one refresh in three fails."""
        world = self.stage.world
        world.clock.advance(5)  # the client knows the time to the second
        for _ in range(max(1, round(hours))):
            for id in self.random.sample(self.ids, max(1, len(self.ids) // 50)):
                company = world.find_company(id)
                for connection in company.connections:
                    if connection.status == "Linked" and self.random.random() < 0.7:
                        data_type = self.random.choice(connection.platform.types)
                        if self.random.random() < 0.33:
                            world.orders.append(OrderedOutcome("FetchError", 1, data_type, id))
                        with suppress(ErrorResponse):  # it is on its way already
                            world.queue(id, data_type, connection.id)
                    elif connection.status == "Deauthorized" and self.random.random() < 0.3:
                        world.relink(id, connection.id)
                    if connection.status == "Linked" and self.random.random() < 0.03:
                        world.deauthorize(id, connection.id)
            world.clock.advance(hours * 3600 / max(1, round(hours)))

    def missed(self, snapshots: list[CompanySnapshot]) -> list[timedelta]:
        """How old each difference is that is not seen. What is shown must be what was when it was last asked for."""
        late, now = [], from_datetime(self.context.now)
        for snapshot in (each for each in snapshots if each.cells):
            assert snapshot.seen is not None
            seen = from_datetime(snapshot.seen)
            assert now - seen <= LONG.total_seconds() * SECOND
            told = {(cell.connection_id, cell.data_type): (cell.operation_id, _word(str(cell.status)))
                    for cell in snapshot.cells}  # fmt: skip
            company = self.stage.world.find_company(snapshot.id)
            if company.index not in self.stage.world.active and self.right.setdefault(snapshot.id, told) is not told:
                assert self.right[snapshot.id] == told
                continue
            for key, operations in self.stage.world.history_of(company).cells.items():
                if told[key] == _truth(operations, now):
                    continue
                then = [_truth(operations, at) for at in (seen, seen + 60 * SECOND)]
                assert told[key] in then or None in then  # what was read then is not in the history: of the data status
                if told[key] in then:
                    since = min(at for each in operations for at in (each.requested, each.completed) if at > seen)
                    late.append(timedelta(seconds=(now - since) / SECOND))
        return late


def _word(status: str) -> str:
    """A status; those on the way are one, because they change by the second."""
    return "running" if is_running(status) else status


def _truth(operations: list[Operation], at: int) -> tuple[str, str] | None:
    """The newest operation of a cell at an instant of the sandbox, as its own record has it."""
    newest = next((each for each in reversed(operations) if each.requested <= at), None)
    return None if newest is None else (newest.id, _word(newest.document(at)["status"]))


@pytest.fixture
def portfolio(tmp_path: Path) -> Iterator[Portfolio]:
    """Sixty companies."""
    with staged(60) as stage:
        yield Portfolio(stage, tmp_path / "codat.sqlite")


def test_a_second_look_shows_the_same_for_a_request(portfolio: Portfolio) -> None:
    """Nothing has happened: the list of companies, and cells, running, durations and remedies as at the first look."""
    first, seen = portfolio.look()
    second, remembered = portfolio.look()
    assert first > 60
    assert second == 1
    for before, after in zip(seen, remembered, strict=True):
        assert after.seen == before.seen
        assert after.running == before.running
        assert after.histories == before.histories
        assert [_but_message(cell, before, after) for cell in after.cells] == list(before.cells)


def _but_message(cell: Cell, before: CompanySnapshot, after: CompanySnapshot) -> Cell:
    """A remembered cell with the message that it is remembered without, and with the age that it had."""
    [old] = [
        each for each in before.cells if (each.connection_id, each.data_type) == (cell.connection_id, cell.data_type)
    ]
    assert cell.age is None or old.age is None or cell.age - old.age < HOUR
    return replace(cell, message=old.message, age=old.age)


def lived(portfolio: Portfolio, days: int) -> list[str]:
    """Days of virtual life with looks at random times: a line for each. Nothing shown is older than a day, and a look
    within the hour costs a tenth of the first at most."""
    first, seen = portfolio.look()
    assert portfolio.missed(seen) == []
    lines, total, full, hours = [f"first look: {first} requests"], 0, 0, 0.0
    while hours < 24 * days:
        gap = portfolio.random.choice([0.2, 0.9, 2, 5, 9, 14, 30])
        hours += gap
        portfolio.live(gap)
        requests, seen = portfolio.look()
        late = portfolio.missed(seen)
        total, full = total + requests, full + first
        most = max(late, default=timedelta()) / HOUR
        lines.append(
            f"{hours:5.1f} h: {requests:5} requests, {requests / first:4.0%}; {len(late)} unseen, {most:.1f} h"
        )
        assert most <= 24
        assert gap > 1 or requests <= first / 10
    return [*lines, f"all second looks: {total} requests, {total / full:.1%} of full ones"]


def test_three_days_of_life(portfolio: Portfolio) -> None:
    """Refreshes by others, with failures that move no lastSync: seen a day later at most, and for fewer requests."""
    assert len(lived(portfolio, 3)) > 4


@pytest.mark.full
def test_ten_days_of_a_thousand_companies(tmp_path: Path) -> None:
    """The same at the size of a portfolio."""
    with staged(1000) as stage:
        lines = lived(Portfolio(stage, tmp_path / "codat.sqlite"), 10)
    print(*lines, sep="\n")  # noqa: T201 - the numbers are what it is run for
