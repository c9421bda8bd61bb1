"""The client under random schedules: one caller asks for one data type or for all, again and again."""

from collections import Counter
from typing import Any

from codat_notebook.client.lookup import Intent
from codat_notebook.client.queue_once import KEY_AGE
from codat_notebook.client.queueing import AllTypes, OneType, Queued, queue
from codat_notebook.client.slots import Slots
from codat_notebook.models import errors
from codat_notebook.models.status import is_running

from ..client.simulated import BANK_A, COMPANY, Stage, budget
from .schedules import Ledger, World


def play(world: World) -> Counter[str]:
    """Play one schedule, and give its account."""
    stage, slots, chance = world.stage(), Slots(), world.chance
    ledger = Ledger(stage)
    everything = chance.random() < 0.35
    types = stage.server.types if everything else ("invoices",)
    if chance.random() < 0.8 or not world.wakes:  # usually an answer has told the server's time before
        stage.drive(_hello(stage))
    for _ in range(1 if world.documented else chance.randint(1, 4)):
        if not world.documented and chance.random() < 0.3:
            stage.server.add(
                chance.choice(types), ago=chance.choice((5.0, 40.0, 4000.0)), duration=chance.choice((1.0, 50.0))
            )
        world.spoil(stage)
        first = min(ledger.since.values(), default=None)
        if first is not None and stage.server.epoch() - first >= KEY_AGE - 60:
            ledger.renew(*types)
        ledger.ask(*types)
        _ask(world, stage, slots, ledger, types, everything)
        stage.time.now += chance.choice((0.1, 0.5, 2.0, 15.0, 300.0, 4000.0))
    return ledger.end()


def _hello(stage: Stage) -> Any:
    from codat_notebook.client import lookup

    yield from lookup.newest(stage.call(), Intent(COMPANY))


def _ask(world: World, stage: Stage, slots: Slots, ledger: Ledger, types: tuple[str, ...], everything: bool) -> None:
    chance = world.chance
    call = stage.call(budget(chance.choice((60, 60, 20, 3600))) if not world.documented else None, lambda: 0.5)
    connection = BANK_A if len(world.connections) > 1 else None
    flow: Any
    if everything:
        flow = queue(AllTypes, call, Intent(COMPANY), thorough=True, slots=slots)
    else:
        flow = queue(OneType, call, Intent(COMPANY, types[0], connection), slots=slots)
    steps = chance.randint(1, 8) if chance.random() < world.interrupts else None
    try:
        done = stage.drive(flow, steps)
    except errors.CodatLendingError as error:
        if error.queued == "no":
            ledger.refused(*types)
        elif error.queued == "unknown":
            ledger.unknown()
        else:
            ledger.counts["wrong"] += 1
        return
    if done is None:
        return  # interrupted: nothing was told
    if isinstance(done, Queued):
        running = is_running(done.operation.status, done.operation.completed)
        ledger.handed_out(types[0], done.operation.id, not running)
    ledger.queued(*types)
