"""Runs that hear: a stage whose sandbox delivers its webhook events to the session, in virtual time."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from codat_notebook.events import EventError, read
from codat_notebook.models.instants import instant
from codat_notebook.runs.run import RefreshRun

from .virtual import START, Stage

TYPES = ("invoices", "bills", "customers", "suppliers", "payments", "accountTransactions", "journals", "creditNotes")
ENDS = ("Complete", "Complete", "Complete", "FetchError", "ValidationError", "AuthError")


class Heard(NamedTuple):
    """What came of a run: its looks, how many batches were delivered, and what was told wrong."""

    looks: int
    saved: int
    batches: int
    seconds: float
    refused: int
    queued: int


class Outside:
    """Hands what the sandbox delivers to a session every so many seconds, until nothing is asked any more."""

    def __init__(self, stage: Stage, every: float) -> None:
        self.stage, self.every = stage, every
        self.consumer = stage.world.webhooks.add("http://127.0.0.1:1/")
        self.batches: set[tuple[float, str]] = set()
        self.refused = 0
        self.stopped = False

    def pump(self) -> None:
        """On the loop: one round of deliveries, and the next one later."""
        if self.stopped:
            return
        webhooks, at = self.stage.world.webhooks, self.stage.loop.time()
        for delivery in webhooks.due():
            try:
                event = read(webhooks.headers(delivery, int(at)), delivery.body, self.consumer.secret,
                             now=datetime.fromtimestamp(at, UTC))  # fmt: skip
            except EventError:
                self.refused += 1
                webhooks.answered(delivery, False)
                continue
            webhooks.answered(delivery, True)
            self.batches.add((at, event.company_id))
            self.stage.context.told(event)
        self.stage.loop.call_later(self.every, self.pump)


def order(stage: Stage, chance: random.Random) -> None:
    """Decide how coming operations end, and how long they take."""
    for _ in range(200):
        stage.faults.end_next(chance.choice(ENDS), seconds=chance.uniform(3, 250))


def refreshed(seed: int, *, events: bool, every: float = 1.0, spoil: dict[str, float] | None = None,
              settings: dict[str, Any] | None = None, types: Sequence[str] | None = None, companies: int | None = None,
              patience: float = 1.0) -> Heard:  # fmt: skip
    """A refresh in a random world, to its end; that it ends as the history says is asserted here."""
    chance = random.Random(seed)
    count = companies or chance.randint(6, 30)
    stage = Stage(count, latency=chance.uniform(0.02, 0.5), **(settings or {}))
    try:
        order(stage, chance)
        names = types or chance.sample(TYPES, chance.randint(1, len(TYPES)))
        outside = Outside(stage, every)
        stage.world.webhooks.spoil(**(spoil or {}))
        stage.engine.post(outside.pump)
        run = stage.run({id: list(names) for id in stage.ids}, events=events, patience=patience)
        run.wait(300)
        stage.engine.post(lambda: setattr(outside, "stopped", True))
        assert run.done, run
        same_as_history(stage, run)
        # By the run's own records: the loop's time goes on while another thread looks at it.
        begun = min(instant(row.operation.requested) or START for row in run.rows if row.operation is not None)
        took = max(row.seen for row in run.rows if row.seen is not None) - begun
        queued = sum(len(each.operations) for each in stage.world.accepted)
        looks, saved, refused = run.progress.looks, run.progress.looks_saved, outside.refused
        return Heard(looks, saved, len(outside.batches), took.total_seconds(), refused, queued)
    finally:
        stage.close()


def same_as_history(stage: Stage, run: RefreshRun) -> None:
    """Each row of the run ends with the state that the history has."""
    assert run.phase == "done", (run.phase, run.note)
    rows = [row for row in run.rows if row.operation is not None]
    assert rows
    for row in run.rows:
        assert not row.open, row
        if row.operation is not None:
            shown = stage.world.operation(row.company_id, row.operation.id)
            assert (row.operation.status, row.operation.completed) == (shown["status"], shown["completed"])
    accepted = {id for each in stage.world.accepted for id in each.operations}
    assert {row.operation.id for row in rows if row.operation is not None} == accepted
