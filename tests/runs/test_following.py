"""Looking at one company, on a time of the test's: when it looks again, and what it then believes."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace

import msgspec
import pytest

from codat_notebook.client.clock import ServerClock
from codat_notebook.client.lookup import SLACK
from codat_notebook.models.errors import CodatLendingError
from codat_notebook.models.shared import PullOperation
from codat_notebook.runs.company_run import CompanyRun
from codat_notebook.runs.context import RunContext
from codat_notebook.runs.durations import Durations
from codat_notebook.runs.engine import Engine
from codat_notebook.runs.following import look, plan_look
from codat_notebook.runs.records import ErrorRecord, Log
from codat_notebook.runs.rows import Row

START = datetime(2026, 11, 23, 14, tzinfo=UTC)


class World:
    """A company's history as the client would give it, and a time that the test moves on."""

    def __init__(self, engine: Engine) -> None:
        self.seconds = 0.0
        self.answers: list[list[PullOperation] | CodatLendingError] = []
        clock = ServerClock(lambda: self.seconds, lambda: START.timestamp() + self.seconds)
        operations = SimpleNamespace(list_async=self._page)
        client = SimpleNamespace(
            clock=clock, quota=None, manage_data=SimpleNamespace(pull_operations=operations), server_url="x"
        )
        self.context = RunContext(client, engine, Log[ErrorRecord]())  # type: ignore[arg-type]
        self.engine = engine

    async def _page(self, request: object) -> SimpleNamespace:
        answer = self.answers.pop(0)
        if isinstance(answer, CodatLendingError):
            raise answer
        return SimpleNamespace(results=answer, links=SimpleNamespace(next=None))

    def company(self, *wanted: str) -> CompanyRun:
        """A company whose data types were all sent at the start."""
        company = CompanyRun(self.context, "c", tuple((name, None) for name in wanted) or None)
        company.waiting.clear()
        company.began = START.timestamp()
        return company

    def look(self, company: CompanyRun, answer: list[PullOperation] | CodatLendingError) -> float | None:
        """Look once; the seconds until the next look."""
        self.answers.append(answer)
        self.engine.call(look(company, Durations()))
        return plan_look(company, Durations(), 1.0)


@pytest.fixture
def world() -> Iterator[World]:
    """One company's world."""
    engine = Engine()
    yield World(engine)
    engine.close()


def operation(at: timedelta = timedelta(), status: str = "Fetching") -> PullOperation:
    """Invoices, requested so long after the start."""
    return PullOperation(
        id="1", company_id="c", connection_id="x", data_type="invoices", status=status,
        requested=(START + at).isoformat(),
    )  # fmt: skip


@pytest.mark.parametrize("wanted", [("invoices",), ()], ids=["types", "all"])
def test_the_historys_times_may_be_a_little_earlier_than_the_send(world: World, wanted: tuple[str, ...]) -> None:
    """By the slack and no more: what was requested before is none of this run's."""
    company = world.company(*wanted)
    assert company.origin(operation(-SLACK)) == ("appeared" if wanted else "queued")
    assert company.origin(operation(-SLACK - timedelta(seconds=1))) is None


def test_a_type_is_given_up_after_three_looks_at_a_history_that_does_not_change(world: World) -> None:
    """However long ago the last change is: one look, or two, may each have come too early."""
    company = world.company()
    company.all_done = "queued"
    company.rows = (Row("invoices", "x", company_id="c"), Row("bills", "x", company_id="c"))
    states = []
    for _ in range(3):
        world.look(company, [operation()])
        states.append([row.state for row in company.rows])
        world.seconds += 3600
    assert states == [["running", "queueing"], ["running", "queueing"], ["running", "unknown"]]


def test_looks_that_fail_come_at_growing_distances_up_to_a_minute(world: World) -> None:
    """From two seconds on, doubling; the first look that succeeds ends that."""
    company = world.company("invoices")
    trouble = CodatLendingError("no answer", status_code=503)
    assert [world.look(company, trouble) for _ in range(7)] == [2, 4, 8, 16, 32, 60, 60]
    assert company.note == "no answer from Codat, looking again in 60 s"
    assert world.look(company, [operation()]) != 60
    assert company.note is None
    assert world.look(company, trouble) == 2


def test_what_runs_beside_what_was_attached_to_is_of_this_run_too(world: World) -> None:
    """The answer to a POST of ours was lost, and the next one named the operation of one bank; a history whose clock is
    behind shows that of the other bank later. One that has ended, or began at another time, was somebody else's."""
    company = world.company("invoices")
    attached = operation(timedelta(seconds=-5))
    company.replace(0, replace(company.rows[0], operation=attached, origin="attached"))
    other = partial(msgspec.structs.replace, attached, id="2", connection_id="y")
    assert company.origin(other()) == "attached"
    assert company.origin(other(status="Complete", completed=attached.requested)) is None
    assert company.origin(other(data_type="bills")) is None
    assert company.origin(other(requested=(START - timedelta(seconds=9)).isoformat())) is None


def test_what_runs_for_more_than_a_week_is_waited_for_no_longer(world: World) -> None:
    """It is told, and stays open; what is younger is waited for."""
    for days, phase in ((6, "queueing"), (400, "stopped")):
        company = world.company("invoices")
        old = operation(-timedelta(days=days))
        company.replace(0, replace(company.rows[0], operation=old, origin="attached"))
        for _ in range(3):
            world.look(company, [old])
        assert (company.phase, company.rows[0].state) == (phase, "running")
    assert company.note == "no longer waiting for invoices: in progress for more than 7 days"
    assert not company.over
