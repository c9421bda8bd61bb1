"""Queue once, rule by rule, on the simulated server."""

import json
from datetime import timedelta
from itertools import pairwise

import pytest

from codat_notebook.client import lookup
from codat_notebook.client.events import Waiting
from codat_notebook.client.lookup import Intent
from codat_notebook.client.queueing import OneType, Queued, queue
from codat_notebook.client.slots import Slots
from codat_notebook.client.wire import Failure, Request
from codat_notebook.models import errors
from codat_notebook.utils import RetryConfig

from .simulated import BANK_A, BANK_B, COMPANY, KEPT, POST_FAULTS, START, Stage, budget, intent, problem

HEALED = [fault for fault in POST_FAULTS if fault not in KEPT]


def run(stage: Stage, retries: RetryConfig | None = None, connection: str | None = None, **how: object) -> Queued:
    """Queue the invoices on the stage."""
    how.setdefault("slots", Slots())
    flow = queue(OneType, stage.call(retries), intent(connection), **how)  # type: ignore[arg-type]
    return stage.drive(flow)  # type: ignore[no-any-return]


def test_a_clean_answer_takes_one_request() -> None:
    """Where nothing goes wrong, one POST is all that is sent."""
    stage = Stage()
    queued = run(stage)
    assert (queued.origin, queued.operation.id) == ("queued", stage.server.ours()[0].id)
    assert len(stage.server.requests) == 1


@pytest.mark.parametrize("honours_keys", [True, False])
@pytest.mark.parametrize("lag", [0.0, 6.0])
@pytest.mark.parametrize("duration", [0.2, 30.0])
@pytest.mark.parametrize("skew", [0.0, -300.0, 300.0])
@pytest.mark.parametrize("fault", HEALED)
def test_any_single_fault_ends_in_the_one_operation(
    fault: str, honours_keys: bool, lag: float, duration: float, skew: float
) -> None:
    """After each single fault exactly one operation exists, and it is the one that is returned."""
    stage = Stage(honours_keys=honours_keys, lag=lag, skew=skew)
    stage.server.duration = duration
    stage.server.post_faults.append(fault)
    queued = run(stage)
    assert [op.id for op in stage.server.ours()] == [queued.operation.id]


def test_ambiguity_is_settled_by_looking_not_by_sending() -> None:
    """An answer lost after the server queued is found in the history; no second POST is sent."""
    stage = Stage()
    stage.server.post_faults.append("lost after")
    assert run(stage).origin == "attached"
    assert stage.server.posts == 1


def test_the_same_key_is_sent_again() -> None:
    """After a doubtful send that queued nothing, the repeat carries the same key."""
    stage = Stage()
    stage.server.post_faults.extend(["503 before", "429", "refused"])
    run(stage)
    keys = {dict(r.headers)["Idempotency-Key"] for r in stage.server.requests if r.method == "POST"}
    assert len(keys) == 1


def test_a_repeat_waits_for_the_settle_time() -> None:
    """A doubtful send is repeated only after ten seconds without a trace of it in the history."""
    stage = Stage()
    stage.server.post_faults.append("lost before")
    run(stage)
    first, second = stage.server.post_times
    assert second - first >= 10.0


def test_looks_grow_rarer_until_the_history_must_have_shown_it() -> None:
    """After one, three and six seconds, then half as many again; sent anew when a lag like the longest is well over."""
    stage = Stage()
    stage.clock.lag.seconds = 40.0
    stage.server.post_faults.append("lost before")
    run(stage, budget(3000))
    assert waits(stage) == pytest.approx([1, 3, 6, 9, 13.5, 20.25, 6.9], abs=0.1)
    assert stage.server.post_times[1] - stage.server.post_times[0] == pytest.approx(60, abs=0.2)


def waits(stage: Stage) -> list[float]:
    """The pauses that were told, in seconds."""
    return [event.seconds for event in stage.events if isinstance(event, Waiting)]


def test_what_is_in_progress_and_not_shown_is_looked_for_and_asked_once_more() -> None:
    """Neither the refusal nor the history names it: looks for the settle time, a new key once, then the refusal."""
    stage = Stage()
    stage.server.names_operation = False
    stage.server.add(ago=20, duration=60).lag = 1e9
    with pytest.raises(errors.ErrorMessage) as caught:
        run(stage, budget(3000))
    assert caught.value.queued == "no"
    assert waits(stage) == pytest.approx([1, 3, 5.85] * 2, abs=0.1)
    assert len({dict(r.headers)["Idempotency-Key"] for r in stage.server.requests if r.method == "POST"}) == 2


def test_pauses_grow_where_nothing_was_sent_and_begin_anew_for_another_call() -> None:
    """Half as long again each time, from half a second on."""
    stage = Stage()
    for _ in range(2):
        stage.events.clear()
        stage.server.post_faults.extend(["refused"] * 4)
        run(stage, budget(3000), slots=Slots())
        assert waits(stage) == pytest.approx([0.5, 0.75, 1.125, 1.6875])
        stage.time.now += 3600


def test_a_replayed_failure_is_unknown() -> None:
    """A kept 5XX is replayed until the key dies, and a new key could queue twice: so the end is "unknown", soon."""
    stage = Stage()
    stage.server.post_faults.append("503 before inside")
    with pytest.raises(errors.ErrorMessage) as caught:
        run(stage, budget(3000))
    assert (caught.value.queued, stage.server.posts) == ("unknown", 2)
    assert len({dict(r.headers)["Idempotency-Key"] for r in stage.server.requests if r.method == "POST"}) == 1


def test_a_failure_without_correlation_id_is_sent_again_under_its_key() -> None:
    """HTML errors cannot be told apart, so no replay is proved; the key stays to the end of the budget."""
    stage = Stage()
    stage.server.post_faults.extend(["html 502 before"] * 50)
    with pytest.raises(errors.SDKError) as caught:
        run(stage)
    assert caught.value.queued == "unknown"
    assert len({dict(r.headers)["Idempotency-Key"] for r in stage.server.requests if r.method == "POST"}) == 1


@pytest.mark.parametrize("status", [400, 409, 422])
@pytest.mark.parametrize("names", [True, False])
def test_in_progress_attaches(status: int, names: bool) -> None:
    """A type that is being pulled is attached to, whatever 4XX says so and whether or not it names the operation."""
    stage = Stage()
    running = stage.server.add(ago=20, duration=60)
    stage.server.in_progress_status, stage.server.names_operation = status, names
    queued = run(stage)
    assert (queued.origin, queued.operation.id) == ("attached", running.id)
    assert stage.server.ours() == []


def test_in_progress_about_an_operation_that_ended_is_an_old_answer() -> None:
    """A kept refusal that names what ended long ago is not attached to: a new key queues anew."""
    stage = Stage()
    old = stage.server.add(ago=900, duration=60)
    stage.server.kept["my-key"] = stage.server._in_progress(old)
    queued = run(stage, key="my-key")
    assert queued.origin == "queued"
    assert [op.id for op in stage.server.ours()] == [queued.operation.id]


def test_in_progress_on_another_connection_is_refused_with_no() -> None:
    """With a connection given, an operation on another one is not what was asked for."""
    stage = Stage()
    stage.server.add(connection=BANK_B, ago=20, duration=6000)
    with pytest.raises(errors.ErrorMessage, match="DatasetAlreadyInProgress") as caught:
        run(stage, connection=BANK_A)
    assert caught.value.queued == "no"


def test_409_on_a_repeat_waits_for_the_first_send() -> None:
    """The same key while the first request still runs: wait, do not take it for a refusal."""
    stage = Stage()
    stage.server.post_faults.append("503 before")
    flow = queue(OneType, stage.call(), intent(), slots=Slots())
    answers = iter([problem(409)])
    real = stage.server._post
    posts = []

    def post(request: object, fault: str) -> object:
        posts.append(request)
        return next(answers) if len(posts) == 2 else real(request, fault)  # type: ignore[arg-type]

    stage.server._post = post  # type: ignore[method-assign, assignment]
    queued = stage.drive(flow)
    assert len(posts) == 3
    assert [op.id for op in stage.server.ours()] == [queued.operation.id]


@pytest.mark.parametrize("status", [401, 402, 403, 404, 405, 409, 418, 422, 451])
def test_a_refusal_is_a_typed_error_with_no(status: int) -> None:
    """Any other 4XX means that nothing was queued, and is not repeated."""
    stage = Stage()
    stage.server._post = lambda request, fault: problem(status)  # type: ignore[method-assign]
    with pytest.raises(errors.CodatLendingError) as caught:
        run(stage)
    assert (caught.value.queued, caught.value.status_code, stage.server.posts) == ("no", status, 1)


def test_429_within_the_budget_is_waited_out() -> None:
    """Retry-After is waited, visibly, and the same POST sent again."""
    stage = Stage()
    stage.server.post_faults.extend(["429", "429"])
    stage.server.retry_after = "7"
    run(stage)
    assert stage.slept >= 14
    assert [e.reason for e in stage.events if isinstance(e, Waiting)] == ["429, too many requests"] * 2


def test_429_beyond_the_budget_raises_at_once() -> None:
    """A pause of hours is not waited: the error says when to try again, and that nothing was queued."""
    stage = Stage()
    stage.server.post_faults.append("429")
    stage.server.retry_after = "7200"
    with pytest.raises(errors.ErrorMessage) as caught:
        run(stage)
    assert stage.slept == 0
    assert caught.value.queued == "no"
    assert caught.value.retry_at is not None
    assert abs((caught.value.retry_at - stage.clock.now()).total_seconds() - 7200) < 2


def test_never_sent_is_no() -> None:
    """Refused connections to the end of the budget mean that nothing was queued."""
    stage = Stage()
    stage.server.post_faults.extend(["refused"] * 1000)
    with pytest.raises(errors.NoResponseError) as caught:
        run(stage, budget(5))
    assert caught.value.queued == "no"
    assert not caught.value.sent


@pytest.mark.parametrize(("fault", "queued"), [("lost after", "unknown"), ("503 before", "unknown"), ("429", "no")])
def test_none_means_one_request(fault: str, queued: str) -> None:
    """With strategy "none" nothing is sent after the POST, and the error still says what may be."""
    stage = Stage()
    stage.server.post_faults.append(fault)
    with pytest.raises(errors.CodatLendingError) as caught:
        run(stage, RetryConfig("none"))
    assert caught.value.queued == queued
    assert len(stage.server.requests) == 1


def test_a_history_that_cannot_be_read_is_unknown() -> None:
    """If look-ups fail to the end of the budget, the client does not send again."""
    stage = Stage()
    stage.server.post_faults.append("lost after")
    stage.server.get_faults.extend(["503"] * 1000)
    with pytest.raises(errors.NoResponseError) as caught:
        run(stage, budget(20))
    assert caught.value.queued == "unknown"
    assert stage.server.posts == 1


def test_a_key_of_an_hour_is_not_sent_again() -> None:
    """However long the budget, a doubtful POST is not repeated once its key may be forgotten."""
    stage = Stage()
    stage.server.post_faults.extend(["html 502 before"] * 1000)
    with pytest.raises(errors.CodatLendingError) as caught:
        run(stage, budget(20_000))
    assert caught.value.queued == "unknown"
    assert stage.server.post_times[-1] - stage.server.post_times[0] <= 3600


def test_what_cannot_be_sent_at_all_is_not_tried_again() -> None:
    """An address that no client can use fails at once, and nothing was queued."""
    stage = Stage()
    stage.server.answer = lambda request: Failure(True, "InvalidURL", 0, 0, fatal=True)  # type: ignore[method-assign]
    with pytest.raises(errors.NoResponseError) as caught:
        run(stage)
    assert (caught.value.queued, stage.slept) == ("no", 0)


@pytest.mark.parametrize(("lag", "found"), [(15.0, True), (0.0, False)])
def test_a_refusal_after_a_doubtful_send_is_held_against_the_history(lag: float, found: bool) -> None:
    """If the repeat is refused, the first send may have been heard: the history decides, else it stays unknown."""
    stage = Stage(lag=lag, honours_keys=False)
    stage.server.duration = 0.1
    stage.server.post_faults.append("lost after" if found else "lost before")
    real = stage.server._post

    def post(request: Request, fault: str) -> tuple[int, bytes] | None:
        if stage.server.posts == 1:
            return real(request, fault)
        stage.time.now += 10
        return problem(403)

    stage.server._post = post  # type: ignore[method-assign]
    if found:
        assert run(stage).operation.id == stage.server.ours()[0].id
    else:
        with pytest.raises(errors.ErrorMessage, match="403") as caught:
            run(stage)
        assert caught.value.queued == "unknown"


def test_in_progress_with_none_is_the_servers_answer() -> None:
    """With strategy "none" even "in progress" is only reported: attaching would take a second request."""
    stage = Stage()
    stage.server.add(ago=20, duration=60)
    with pytest.raises(errors.ErrorMessage, match="DatasetAlreadyInProgress") as caught:
        run(stage, RetryConfig("none"))
    assert (caught.value.queued, len(stage.server.requests)) == ("no", 1)


def test_an_operation_in_progress_that_cannot_be_read_is_no() -> None:
    """The POST was refused, so nothing was queued, though what runs could not be shown."""
    stage = Stage()
    stage.server.add(ago=20, duration=6000)
    stage.server.get_faults.extend(["503"] * 1000)
    with pytest.raises(errors.ErrorMessage, match="DatasetAlreadyInProgress") as caught:
        run(stage, budget(10))
    assert caught.value.queued == "no"
    assert stage.server.ours() == []


def lasting(stage: Stage, fault: str) -> None:
    """Every POST goes wrong in this way."""
    stage.server.post_faults.extend([fault] * 1000)


def test_asking_again_waits_for_the_settle_time_of_the_last_send() -> None:
    """However long ago the first send was, the next comes ten seconds after the latest one."""
    stage, slots = Stage(honours_keys=False), Slots()
    lasting(stage, "lost before")
    for _ in range(3):
        with pytest.raises(errors.NoResponseError):
            run(stage, budget(25), slots=slots)
        stage.time.now += 1
    gaps = [later - earlier for earlier, later in pairwise(stage.server.post_times)]
    assert len(gaps) >= 4
    assert min(gaps) >= 10


def test_resuming_waits_for_the_settle_time() -> None:
    """When an earlier process last sent it is not known, so the settle time runs from now."""
    stage = Stage()
    begun = stage.time.now
    run(stage, since=stage.clock.now() - timedelta(seconds=300), key="11111111-1111-4111-8111-111111111112")
    assert stage.server.post_times[0] - begun >= 10


def test_another_key_of_the_callers_does_not_begin_a_second_intent() -> None:
    """What is in doubt under one key is sent again under that one, or a slow history would be asked in vain."""
    stage, slots = Stage(lag=600), Slots()
    stage.server.duration = 0.1
    stage.server.post_faults.append("lost after")
    with pytest.raises(errors.NoResponseError):
        run(stage, RetryConfig("none"), slots=slots)
    run(stage, slots=slots, key="another-key")
    assert len(stage.server.ours()) == 1


@pytest.mark.parametrize("wakes", [True, False], ids=["the local clock goes on", "only Date tells"])
@pytest.mark.parametrize("heard", [True, False])
def test_a_laptop_that_sleeps_during_the_post(heard: bool, wakes: bool) -> None:
    """Two hours pass on the server and none here: what was queued is found, and the old key is never sent again."""
    stage = Stage(lambda time: START + time.now + wakes * time.asleep)
    stage.drive(lookup.newest(stage.call(), intent()))  # something was heard before, as it usually is
    stage.server.duration, stage.server.sleep = 20, 7200
    stage.server.post_faults.append("lost after" if heard else "lost before")
    if heard:
        assert run(stage).operation.id == stage.server.ours()[0].id
    else:
        with pytest.raises(errors.NoResponseError, match="too old") as caught:
            run(stage)
        assert caught.value.queued == "unknown"
    assert stage.server.posts == 1


def test_a_history_that_was_seen_to_lag_is_given_that_time() -> None:
    """Forty seconds until an operation shows: the next doubt is not settled sooner, so it ends in no second one."""
    stage = Stage(lag=40, honours_keys=False)
    stage.server.duration = 60
    stage.server.post_faults.append("lost after")
    assert run(stage, budget(600)).origin == "attached"
    stage.server.duration = 0.1
    stage.time.now += 600
    stage.server.post_faults.append("lost after")
    assert run(stage, budget(600)).origin == "attached"
    assert len(stage.server.ours()) == 2


def test_an_operation_that_is_not_shown_tells_how_late_the_history_is() -> None:
    """What was queued a moment ago, of another type, is missing: so the history lags now."""
    stage = Stage(lag=40, honours_keys=False)
    stage.server.duration = 0.1
    bills = queue(OneType, stage.call(), Intent(COMPANY, "bills"), slots=Slots())
    stage.drive(bills)
    stage.server.post_faults.append("lost after")
    assert run(stage, budget(600)).origin == "attached"
    assert stage.server.posts == 2


@pytest.mark.parametrize("fault", ["other", "old"])
def test_an_answer_about_something_else_is_no_acceptance(fault: str) -> None:
    """Another data type, or an operation of last month: ambiguous, like no answer."""
    stage = Stage()
    stage.server.post_faults.append(f"{fault} after")
    queued = run(stage)
    assert (queued.origin, queued.operation.id) == ("attached", stage.server.ours()[0].id)
    lasting(stage, f"{fault} before")
    stage.time.now += 60
    with pytest.raises(errors.ResponseValidationError) as caught:
        run(stage)
    assert caught.value.queued == "unknown"


def test_an_answer_about_another_company_is_no_acceptance() -> None:
    """Nor is an operation of somebody else."""
    stage = Stage()
    stage.server.company = "99999999-9999-4999-8999-999999999999"
    with pytest.raises(errors.ResponseValidationError) as caught:
        run(stage)
    assert caught.value.queued == "unknown"


def test_a_redirect_is_ambiguous() -> None:
    """A 303 may come after the work: it is looked up."""
    stage = Stage()
    stage.server.post_faults.append("303 after")
    assert (run(stage).origin, stage.server.posts) == ("attached", 1)


@pytest.mark.parametrize("behind", [1, 5, 20])
@pytest.mark.parametrize("honours_keys", [True, False])
def test_times_behind_the_servers_clock(behind: float, honours_keys: bool) -> None:
    """An operation whose time of request is a little before the first send is taken rather than sending again."""
    stage = Stage(honours_keys=honours_keys)
    stage.server.duration, stage.server.behind = 0.1, behind
    stage.server.post_faults.append("lost after")
    assert (run(stage).origin, stage.server.posts) == ("attached", 1)


@pytest.mark.parametrize("wall", [-86_400, 0, 3600])
@pytest.mark.parametrize("fault", ["lost after", "lost before", "cut after"])
def test_a_server_that_tells_no_time(fault: str, wall: float) -> None:
    """Without Date our own clock proves nothing: what runs is attached to, and nothing is sent a second time."""
    stage = Stage(lambda time: START + time.now + wall, honours_keys=False)
    stage.server.tells_time, stage.server.duration = False, 60 if fault == "cut after" else 0.01
    stage.server.post_faults.append(fault)
    if fault == "cut after":
        assert run(stage).origin == "attached"
    else:
        with pytest.raises(errors.NoResponseError) as caught:
            run(stage)
        assert caught.value.queued == "unknown"
    assert stage.server.posts == 1


def test_a_history_out_of_order_is_read_on() -> None:
    """What was queued stands on the second page, behind what is older."""
    stage = Stage()
    stage.server.post_faults.append("lost after")
    old, new = stage.server.add(ago=9000, duration=1), stage.server.add("bills", ago=800, duration=1)
    real, pages = stage.server._get, 2

    def get(request: Request, fault: str) -> tuple[int, bytes] | None:
        number = int(dict(request.query)["page"])
        shown = [old, new] if number == 1 else stage.server.ours()
        status, body = real(request, fault) or (0, b"")
        page = {**json.loads(body), "results": [op.shown(stage.server.epoch()) for op in shown]}
        page["_links"] |= {"next": {"href": "/"}} if number < pages else {}
        return status, json.dumps(page).encode()

    stage.server._get = get  # type: ignore[method-assign]
    assert (run(stage).operation.id, stage.server.posts) == (stage.server.ours()[0].id, 1)
    pages = 1000
    stage.server.post_faults.append("lost before")
    with pytest.raises(errors.NoResponseError) as caught:
        run(stage)
    assert caught.value.queued == "unknown"
