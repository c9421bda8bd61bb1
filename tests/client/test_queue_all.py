"""Queueing everything, and what is done when the answer is lost."""

import pytest

from codat_notebook.client.events import Attempt
from codat_notebook.client.lookup import Intent
from codat_notebook.client.queueing import queue_all
from codat_notebook.client.slots import Slots
from codat_notebook.models import errors
from codat_notebook.utils import RetryConfig

from .conftest import Bench
from .simulated import COMPANY, OPTIONS, POST_FAULTS, Stage

ALL = "POST /companies/*/data/all"


@pytest.mark.parametrize("honours_keys", [True, False])
@pytest.mark.parametrize("lag", [0.0, 6.0])
@pytest.mark.parametrize("duration", [0.2, 30.0])
@pytest.mark.parametrize("fault", POST_FAULTS)
def test_any_single_fault_queues_each_type_once(fault: str, honours_keys: bool, lag: float, duration: float) -> None:
    """After each single fault every type has one operation, and the result knows or may expect them."""
    stage = Stage(honours_keys=honours_keys, lag=lag)
    stage.server.duration = duration
    stage.server.post_faults.append(fault)
    queued = stage.drive(queue_all(stage.call(), OPTIONS, Intent(COMPANY), slots=Slots()))
    made = {op.data_type: op.id for op in stage.server.ours()}
    assert len(stage.server.ours()) == len(made) == 2
    assert queued.certain or {op.id for op in queued.operations} == set(made.values())


def test_what_runs_already_is_noted_and_not_taken_for_new() -> None:
    """An operation that was on its way before belongs to the refresh, as one that ran already."""
    stage = Stage()
    before = stage.server.add("bills", ago=30, duration=600)
    stage.server.post_faults.append("lost after")
    queued = stage.drive(queue_all(stage.call(), OPTIONS, Intent(COMPANY), slots=Slots()))
    assert [op.id for op in queued.running] == [before.id]
    assert [op.data_type for op in queued.operations] == ["invoices"]


def test_none_means_one_request() -> None:
    """With strategy "none" nothing is sent beside the POST, not even the look at what runs."""
    stage = Stage()
    stage.server.post_faults.append("503 before")
    with pytest.raises(errors.ErrorMessage) as caught:
        stage.drive(queue_all(stage.call(RetryConfig("none")), OPTIONS, Intent(COMPANY), slots=Slots()))
    assert (caught.value.queued, len(stage.server.requests)) == ("unknown", 1)


def test_a_lost_answer_is_completed_one_by_one(bench: Bench) -> None:
    """If anything has appeared after a lost answer, data/all is never repeated: what is missing is queued by itself."""
    company, (linked, *_) = bench.company_id, [c for c in bench.company["dataConnections"] if c["status"] == "Linked"]
    rule = bench.faults.next(match=ALL, status=503)

    def somebody_else(event: object) -> None:
        if isinstance(event, Attempt) and event.status == 503:
            bench.sandbox.world.queue(company, "invoices", linked["id"])

    request = {"company_id": company}
    bench.call("manage_data.refresh.all_data_types", {"listener": somebody_else}, request=request)
    book = [e for e in bench.sandbox.world.accepted[bench.first :] if e.company_id == company]
    cells = [(e.connection_id, e.data_type) for e in book]
    assert rule.hits == 1
    assert (linked["id"], "bills") in cells
    assert len(cells) == len(set(cells)) > 10
    assert (None, None) not in cells


def test_types_refused_one_by_one_are_told(bench: Bench) -> None:
    """If single types are refused after a lost answer, the error says how many; the others are queued all the same."""
    company, (linked, *_) = bench.company_id, [c for c in bench.company["dataConnections"] if c["status"] == "Linked"]
    bench.faults.next(match=ALL, status=503)
    bench.faults.next(2, match="POST /companies/*/data/queue/*", status=403)

    def somebody_else(event: object) -> None:
        if isinstance(event, Attempt) and event.status == 503:
            bench.sandbox.world.queue(company, "invoices", linked["id"])

    with pytest.raises(errors.ErrorMessage, match=r"2 of \d+ data types were not queued") as caught:
        bench.call("manage_data.refresh.all_data_types", {"listener": somebody_else}, request={"company_id": company})
    assert caught.value.queued == "no"
    assert bench.accepted > 10
