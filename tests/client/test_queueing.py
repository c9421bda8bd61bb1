"""What comes of queueing one type: operations, siblings, what other callers get, what is gone on with."""

from datetime import UTC, datetime

import pytest

from codat_notebook.client.events import Decision
from codat_notebook.client.queueing import OneType, Queued, queue
from codat_notebook.client.retrying import Join
from codat_notebook.client.slots import Slots
from codat_notebook.models import errors
from codat_notebook.utils import RetryConfig

from .simulated import BANK_A, BANK_B, BASE, COMPANY, Stage, budget, intent, problem


def run(stage: Stage, retries: RetryConfig | None = None, connection: str | None = None, **how: object) -> Queued:
    """Queue the invoices on the stage."""
    how.setdefault("slots", Slots())
    flow = queue(OneType, stage.call(retries), intent(connection), **how)  # type: ignore[arg-type]
    return stage.drive(flow)  # type: ignore[no-any-return]


def test_an_unknown_intent_is_gone_on_with() -> None:
    """Asking again after "unknown" begins with a look-up and finds what the first send queued."""
    stage, slots = Stage(), Slots()
    stage.server.post_faults.append("lost after")
    with pytest.raises(errors.NoResponseError):
        run(stage, RetryConfig("none"), slots=slots)
    stage.time.now += 120
    queued = run(stage, slots=slots)
    assert (queued.origin, stage.server.posts) == ("attached", 1)


def test_an_intent_left_unknown_an_hour_ago_starts_anew() -> None:
    """Keys die; after an hour the same request is a new intent."""
    stage, slots = Stage(), Slots()
    stage.server.post_faults.append("lost after")
    with pytest.raises(errors.NoResponseError):
        run(stage, RetryConfig("none"), slots=slots)
    stage.time.now += 3700
    assert run(stage, slots=slots).origin == "queued"


def test_a_resumed_intent_looks_before_it_sends() -> None:
    """With the first send's time from an earlier process, what it queued is found, also by another clock."""
    stage = Stage(skew=300)
    made = stage.server.add(ago=600, duration=5)
    since = datetime.fromtimestamp(stage.server.epoch() - 601, UTC)
    queued = run(stage, key="11111111-1111-4111-8111-111111111112", since=since)
    assert (queued.operation.id, stage.server.posts) == (made.id, 0)


@pytest.mark.parametrize(("others", "posts"), [(False, 1), (True, 2)])
def test_what_is_said_to_be_another_is_not_taken(others: bool, posts: int) -> None:
    """After a lost answer an operation of the type is taken for ours, but not one that the caller knows."""
    stage = Stage()
    stage.server.post_faults.append("lost before")
    theirs = stage.server.add(ago=0, duration=0.01)
    queued = run(stage, known=(theirs.id,) if others else ())
    assert (queued.operation.id == theirs.id, stage.server.posts) == (not others, posts)


def test_a_replayed_body_gives_the_id_never_the_state() -> None:
    """On a repeat the answer may be old: the operation's state is read anew."""
    stage = Stage()
    stage.server.duration = 1.0
    made = stage.server.add(ago=400, duration=1.0)
    stage.server.kept["my-key"] = (200, b'{"id": "%s", "status": "Queued"}' % made.id.encode())
    stage.server.post_faults.append("lost before")
    queued = run(stage, key="my-key")
    assert (queued.operation.id, queued.operation.status) == (made.id, "Complete")


def test_siblings_on_other_connections_are_found() -> None:
    """Without a connection Codat may queue several and name one; the others are looked for on request."""
    stage = Stage()
    stage.server.connections = [BANK_A, BANK_B]
    queued = run(stage, thorough=True)
    assert [op.connection_id for op in (queued.operation, *queued.siblings)] == [BANK_A, BANK_B]


def test_what_was_known_before_is_not_attached_to() -> None:
    """An operation that an earlier call brought home a second ago is not taken for this call's."""
    stage, slots = Stage(), Slots()
    stage.server.duration = 0.1
    first = run(stage, slots=slots)
    stage.time.now += 0.2
    stage.server.post_faults.append("lost before")
    second = run(stage, slots=slots)
    assert first.operation.id != second.operation.id


def test_decisions_are_told() -> None:
    """What the client concluded is an event that names company, type and operation."""
    stage = Stage()
    stage.server.post_faults.append("lost after")
    queued = run(stage)
    told = [e for e in stage.events if isinstance(e, Decision)]
    assert (told[-1].company_id, told[-1].data_type, told[-1].operation_id) == (
        COMPANY,
        "invoices",
        queued.operation.id,
    )


def test_siblings_that_cannot_be_looked_for_cost_nothing() -> None:
    """The operation is there; only its siblings are not."""
    stage = Stage()
    stage.server.get_faults.extend(["503"] * 1000)
    queued = run(stage, budget(5), thorough=True)
    assert (queued.origin, queued.siblings) == ("queued", ())


def test_a_replay_whose_state_cannot_be_read_keeps_the_id() -> None:
    """The id of a replayed answer is never lost, even if the operation cannot be read at once."""
    stage = Stage()
    made = stage.server.add(ago=400, duration=1.0)
    stage.server.kept["my-key"] = (200, b'{"id": "%s", "status": "Queued"}' % made.id.encode())
    stage.server.post_faults.append("408 before")
    stage.server.get_faults.extend(["", "", "", ""] + ["503"] * 1000)
    assert run(stage, budget(30), key="my-key").operation.id == made.id


def test_waiting_for_another_call_has_an_end() -> None:
    """Whoever waits for another call that never ends is told, and that it is unknown."""
    stage, slots = Stage(), Slots()
    slots.enter((BASE, intent()))
    with pytest.raises(errors.NoResponseError, match="another call") as caught:
        run(stage, slots=slots)
    assert caught.value.queued == "unknown"


def test_waiting_callers_share_an_error() -> None:
    """A refusal is a refusal for all who asked, each with an exception of his own."""
    stage, slots = Stage(), Slots()
    stage.server._post = lambda request, fault: problem(403)  # type: ignore[method-assign]
    first, second = (queue(OneType, stage.call(), intent(), slots=slots) for _ in range(2))
    request = next(first)
    waiting = next(second)
    assert isinstance(waiting, Join)
    with pytest.raises(errors.ErrorMessage) as one:
        first.send(stage.server.answer(request))  # type: ignore[arg-type]
    with pytest.raises(errors.ErrorMessage) as other:
        second.send(waiting.future.done())
    assert one.value is not other.value
    assert (other.value.status_code, other.value.queued) == (403, "no")
