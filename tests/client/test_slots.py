"""What a process remembers about intents: who is on it, what is open, what was brought home, and no more."""

import pytest

from codat_notebook.client.queueing import OneType, queue
from codat_notebook.client.slots import Record, Slots
from codat_notebook.models import errors
from codat_notebook.utils import RetryConfig

from .simulated import BASE, Stage, intent

ONCE = RetryConfig("none")


def test_one_at_a_time() -> None:
    """The second to come gets the first one's future, which is done when the first leaves."""
    slots = Slots()
    assert slots.enter("a") is None
    flight = slots.enter("a")
    assert flight is not None
    assert slots.enter("b") is None
    slots.leave("a", "outcome")
    assert flight.result(0) == "outcome"
    assert slots.enter("a") is None


def test_memory_is_bounded() -> None:
    """Slots that are done are forgotten, those used longest ago first; open ones are kept."""
    slots = Slots()
    slots.enter("open")
    slots.leave("open", None, Record("key", doubt=True))
    for number in range(10_000):
        slots.enter(number)
        slots.leave(number, None, ids=(f"id-{number}",))
    assert slots.opened("open") is not None
    assert slots.ids(0) == frozenset()
    assert slots.ids(9_999) == {"id-9999"}
    assert len(slots._slots) <= 4097


def test_ids_of_an_intent_are_bounded() -> None:
    """An intent that is refreshed for ever remembers its latest operations."""
    slots = Slots()
    for number in range(500):
        slots.enter("a")
        slots.leave("a", None, ids=(f"{number}",))
    assert len(slots.ids("a")) == 64
    assert "499" in slots.ids("a")


def test_another_key_does_not_step_past_an_open_intent() -> None:
    """Whoever queues the same with a key of his own while it is in doubt looks first, too."""
    stage, slots = Stage(honours_keys=False), Slots()
    stage.server.duration = 0.1
    stage.server.post_faults.append("lost after")
    with pytest.raises(errors.NoResponseError):
        stage.drive(queue(OneType, stage.call(ONCE), intent(), slots=slots))
    stage.time.now += 20
    found = stage.drive(queue(OneType, stage.call(), intent(), key="another-key", slots=slots))
    assert (found.origin, stage.server.posts) == ("attached", 1)


def test_an_interrupted_flow_leaves_its_intent_open() -> None:
    """A flow that is closed amid its POST frees the slot, and the next one begins with a look-up."""
    stage, slots = Stage(), Slots()
    flow = queue(OneType, stage.call(), intent(), slots=slots)
    stage.server.answer(next(flow))  # type: ignore[arg-type]
    flow.close()
    found = stage.drive(queue(OneType, stage.call(), intent(), slots=slots))
    assert (found.origin, stage.server.posts) == ("attached", 1)


def test_an_interruption_before_anything_was_sent_leaves_nothing() -> None:
    """A flow that is closed before its first request is as if it had never been."""
    stage, slots = Stage(), Slots()
    queue(OneType, stage.call(), intent(), slots=slots).close()
    assert slots.opened((BASE, intent())) is None
