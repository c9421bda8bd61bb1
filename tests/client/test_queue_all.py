"""Queueing everything, and what is done when the answer is lost."""

from datetime import timedelta
from typing import Any

import pytest

from codat_notebook.client.events import Attempt
from codat_notebook.client.lookup import Intent
from codat_notebook.client.queueing import AllTypes, queue
from codat_notebook.client.slots import Slots
from codat_notebook.models import errors
from codat_notebook.utils import RetryConfig

from .conftest import Bench
from .simulated import COMPANY, KEPT, POST_FAULTS, Stage, budget

ALL = "POST /companies/*/data/all"


@pytest.mark.parametrize("honours_keys", [True, False])
@pytest.mark.parametrize("lag", [0.0, 6.0])
@pytest.mark.parametrize("duration", [0.2, 30.0])
@pytest.mark.parametrize("fault", [fault for fault in POST_FAULTS if fault not in KEPT])
def test_any_single_fault_queues_each_type_once(fault: str, honours_keys: bool, lag: float, duration: float) -> None:
    """After each single fault every type has one operation, and the result knows or may expect them."""
    stage = Stage(honours_keys=honours_keys, lag=lag)
    stage.server.duration = duration
    stage.server.post_faults.append(fault)
    queued = stage.drive(queue(AllTypes, stage.call(), Intent(COMPANY), slots=Slots()))
    made = {op.data_type: op.id for op in stage.server.ours()}
    assert len(stage.server.ours()) == len(made) == 2
    assert queued.certain or {op.id for op in queued.operations} == set(made.values())


def test_what_runs_already_is_noted_and_not_taken_for_new() -> None:
    """An operation that was on its way before belongs to the refresh, as one that ran already."""
    stage = Stage()
    before = stage.server.add("bills", ago=30, duration=600)
    stage.server.post_faults.append("lost after")
    queued = stage.drive(queue(AllTypes, stage.call(), Intent(COMPANY), slots=Slots()))
    assert [op.id for op in queued.running] == [before.id]
    assert [op.data_type for op in queued.operations] == ["invoices"]


def test_none_means_one_request() -> None:
    """With strategy "none" nothing is sent beside the POST, not even the look at what runs."""
    stage = Stage()
    stage.server.post_faults.append("503 before")
    with pytest.raises(errors.ErrorMessage) as caught:
        stage.drive(queue(AllTypes, stage.call(RetryConfig("none")), Intent(COMPANY), slots=Slots()))
    assert (caught.value.queued, len(stage.server.requests)) == ("unknown", 1)


def everything(stage: Stage, slots: Slots | None = None, seconds: float = 60, steps: int | None = None) -> Any:
    """Queue everything, and see it there where the answer is lost."""
    call = stage.call(budget(seconds))
    return stage.drive(queue(AllTypes, call, Intent(COMPANY), thorough=True, slots=slots or Slots()), steps)


def late(stage: Stage, **lags: float) -> None:
    """The history shows the invoices and the bills so many seconds late."""
    stage.server.lags = iter([lags["invoices"], lags["bills"]]).__next__


def test_a_lost_answer_is_made_up_for_by_all_that_it_should_queue() -> None:
    """What the history shows late is waited for; nothing is queued in its stead."""
    stage = Stage()
    stage.server.duration = 0.2
    late(stage, invoices=0, bills=25)
    stage.server.post_faults.append("lost after")
    done = everything(stage)
    assert {op.data_type for op in done.operations} == {"invoices", "bills"}
    assert (done.certain, stage.server.posts, len(stage.server.ours())) == (False, 1, 2)


def test_without_thoroughness_the_first_sign_is_the_end() -> None:
    """Whoever follows by himself is told as soon as something shows that Codat heard."""
    stage = Stage()
    late(stage, invoices=0, bills=100_000)
    stage.server.post_faults.append("lost after")
    done = stage.drive(queue(AllTypes, stage.call(), Intent(COMPANY), slots=Slots()))
    assert ([op.data_type for op in done.operations], done.certain) == (["invoices"], False)


@pytest.mark.parametrize("seconds", [15, 60, 3600])
def test_found_in_part_is_unknown(seconds: float) -> None:
    """What has not come when none come any more may be late, or what was found somebody else's: that is not known, the
    error says what is missing, and nothing more is queued, however often it is asked for.
    """
    stage, slots = Stage(), Slots()
    stage.server.duration = 0.2
    late(stage, invoices=0, bills=100_000)
    stage.server.post_faults.append("lost after")
    for _ in range(3):
        with pytest.raises(errors.NoResponseError) as caught:
            everything(stage, slots, seconds)
        assert caught.value.queued == "unknown"
        assert seconds < 60 or "1 of the 2 operations" in str(caught.value)
        assert seconds < 60 or "by name if you need them: bills" in str(caught.value)
    assert (stage.server.posts, len(stage.server.ours())) == (1, 2)


@pytest.mark.parametrize("steps", range(3, 9))
def test_an_interruption_after_it_was_heard_is_remembered(steps: int) -> None:
    """Ctrl-C in the look-ups that follow a lost answer: asking again looks on, and never posts it anew."""
    stage, slots = Stage(), Slots()
    stage.server.duration = 0.2
    late(stage, invoices=0, bills=20)
    stage.server.post_faults.append("lost after")
    assert everything(stage, slots, steps=steps) is None
    assert len(everything(stage, slots).operations) == 2
    assert stage.server.posts == 1


def test_what_somebody_else_had_running_does_not_count_as_heard() -> None:
    """Asking again after a doubt, an operation that ran before the first request is no sign of it."""
    stage, slots = Stage(), Slots()
    stage.server.add("bills", ago=30, duration=6000)
    stage.server.post_faults.append("lost before")
    with pytest.raises(errors.NoResponseError):
        everything(stage, slots, 5)
    assert everything(stage, slots).certain
    assert [op.data_type for op in stage.server.ours()] == ["invoices"]


def test_an_answer_with_a_body_confirms_nothing() -> None:
    """A proxy's page with status 200 is not Codat's 204."""
    stage = Stage()
    stage.server._post = lambda request, fault: (200, b"<html>Log in</html>")  # type: ignore[method-assign]
    with pytest.raises(errors.ResponseValidationError) as caught:
        everything(stage)
    assert caught.value.queued == "unknown"


def test_refused_because_of_one_in_progress_is_no() -> None:
    """That one is not everything that was asked for."""
    stage = Stage()
    running = stage.server.add("bills", ago=30, duration=600)
    stage.server._post = lambda request, fault: stage.server._in_progress(running)  # type: ignore[method-assign]
    with pytest.raises(errors.ErrorMessage, match="DatasetAlreadyInProgress") as caught:
        everything(stage)
    assert (caught.value.queued, stage.server.posts) == ("no", 1)


@pytest.mark.parametrize(("faults", "queued"), [([], "no"), (["lost after"], "unknown")])
def test_errors_of_its_look_ups_say_whether_anything_was_queued(faults: list[str], queued: str) -> None:
    """Before the POST nothing was; after a lost answer that is not known."""
    stage = Stage()
    stage.server.post_faults.extend(faults)
    stage.server.get_faults.extend([*[""] * len(faults), *["503"] * 1000])
    with pytest.raises(errors.CodatLendingError) as caught:
        everything(stage, seconds=20)
    assert caught.value.queued == queued


def test_what_somebody_else_queued_does_not_stand_for_all(bench: Bench) -> None:
    """Over HTTP: one operation appears after a lost answer that queued nothing; the rest is unknown, not said to be."""
    company, (linked, *_) = bench.company_id, [c for c in bench.company["dataConnections"] if c["status"] == "Linked"]
    bench.faults.next(match=ALL, status=503)

    def somebody_else(event: object) -> None:
        if isinstance(event, Attempt) and event.status == 503:
            bench.sandbox.world.queue(company, "invoices", linked["id"])

    with pytest.raises(errors.CodatLendingError, match=r"refresh them by name if you need them: .*bills") as caught:
        bench.call("manage_data.refresh.all_data_types", {"listener": somebody_else}, request={"company_id": company})
    assert (caught.value.queued, bench.accepted) == ("unknown", 1)


def test_what_was_heard_stays_heard_though_the_history_forgets() -> None:
    """A history that shows an operation and later does not (another replica answers) leads to no second POST."""
    stage, slots = Stage(), Slots()
    stage.server.duration = 0.2
    late(stage, invoices=0, bills=20)
    stage.server.post_faults.append("lost after")
    assert everything(stage, slots, steps=4) is None
    for operation in stage.server.operations:
        operation.lag = 100_000
    with pytest.raises(errors.NoResponseError) as caught:
        everything(stage, slots)
    assert (caught.value.queued, stage.server.posts) == ("unknown", 1)


def test_times_behind_the_servers_clock_still_add_up_to_all() -> None:
    """Operations whose times are a little before the first send, shown one by one, are what was queued."""
    stage = Stage()
    stage.server.duration, stage.server.behind = 0.2, 20
    late(stage, invoices=0, bills=25)
    stage.server.post_faults.append("lost after")
    assert len(everything(stage, seconds=120).operations) == 2
    assert stage.server.posts == 1


def test_what_ran_before_an_earlier_process_sent_does_not_count_as_heard() -> None:
    """After a kill nobody knows what the history showed before: the time of request decides."""
    stage = Stage()
    stage.server.add("bills", ago=300, duration=6000)
    since = stage.clock.now() - timedelta(seconds=60)
    key = "11111111-1111-4111-8111-111111111112"
    flow = queue(AllTypes, stage.call(), Intent(COMPANY), key=key, since=since, thorough=True, slots=Slots())
    assert stage.drive(flow).certain
    assert [op.data_type for op in stage.server.ours()] == ["invoices"]
