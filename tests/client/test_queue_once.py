"""Queue once, rule by rule, on the simulated server."""

import pytest

from codat_notebook.client.events import Waiting
from codat_notebook.client.queueing import Queued, queue
from codat_notebook.client.slots import Slots
from codat_notebook.client.wire import Failure, Request
from codat_notebook.models import errors
from codat_notebook.utils import RetryConfig

from .simulated import BANK_A, BANK_B, OPTIONS, POST_FAULTS, Stage, budget, intent, problem


def run(stage: Stage, retries: RetryConfig | None = None, connection: str | None = None, **how: object) -> Queued:
    """Queue the invoices on the stage."""
    how.setdefault("slots", Slots())
    flow = queue(stage.call(retries), OPTIONS, intent(connection), **how)  # type: ignore[arg-type]
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
@pytest.mark.parametrize("fault", POST_FAULTS)
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


def test_a_replayed_failure_gets_one_new_key() -> None:
    """A kept 5XX is replayed for ever: seeing the same correlation id twice, the client takes a new key."""
    stage = Stage()
    stage.server.post_faults.append("503 before inside")
    queued = run(stage)
    keys = [dict(r.headers)["Idempotency-Key"] for r in stage.server.requests if r.method == "POST"]
    assert len(set(keys)) == 2
    assert len(keys) == 3
    assert queued.idempotency_key == keys[-1]


def test_a_new_key_is_taken_once() -> None:
    """If the new key meets a kept failure as well, the client ends in doubt rather than going on."""
    stage = Stage()
    stage.server.post_faults.extend(["503 before inside", "", "503 before inside"])
    with pytest.raises(errors.ErrorMessage) as caught:
        run(stage)
    assert caught.value.queued == "unknown"
    assert len({dict(r.headers)["Idempotency-Key"] for r in stage.server.requests if r.method == "POST"}) == 2


def test_a_failure_without_correlation_id_never_gets_a_new_key() -> None:
    """HTML errors cannot be told apart, so no replay is proved and the key stays."""
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
    flow = queue(stage.call(), OPTIONS, intent(), slots=Slots())
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
