"""What all flows share: the budget, waiting, pacing, events."""

import logging
from datetime import timedelta

import pytest

from codat_notebook.client.clock import ServerClock
from codat_notebook.client.events import Attempt, EventSink, Waiting
from codat_notebook.client.quota import Pacing
from codat_notebook.client.retrying import Call, Join, Sleep, fetch
from codat_notebook.client.wire import Answer, Failure, Request
from codat_notebook.models import errors, shared
from codat_notebook.utils import BackoffStrategy, RetryConfig

from .simulated import COMPANY, Stage, budget, problem

GET = Request("GET", f"/companies/{COMPANY}", base="https://codat.test", company=COMPANY)


def failing(stage: Stage, *statuses: int, **headers: str) -> None:
    """A server that answers with these, the last one for ever."""
    left = list(statuses)

    def answer(request: Request) -> Answer:
        stage.server.requests.append(request)
        stage.time.now += 0.01
        status, body = problem(left.pop(0) if len(left) > 1 else left[0])
        body = b'{"id": "x"}' if status == 200 else body
        return Answer(status, {k.replace("_", "-"): v for k, v in headers.items()}, body, 0, 0)

    stage.server.answer = answer  # type: ignore[method-assign]


def test_waits_grow_and_are_jittered() -> None:
    """Full jitter under a ceiling that grows from the first interval to the largest."""
    stage = Stage()
    strategy = RetryConfig("backoff", BackoffStrategy(1000, 5000, 2.0, 60_000), True)
    call = stage.call(strategy)
    assert [call.backoff(n) for n in (1, 2, 3, 4, 5, 5000)] == [1, 2, 4, 5, 5, 5]
    assert stage.call(strategy, lambda: 0.5).backoff(3) == 2


def test_the_budget_holds_requests_and_waits() -> None:
    """A pause that would end after the budget is not begun."""
    stage = Stage()
    failing(stage, 503)
    with pytest.raises(errors.ErrorMessage):
        stage.drive(fetch(stage.call(budget(10)), GET, shared.Company))
    assert 5 < stage.time.now - 1000 <= 10


@pytest.mark.parametrize("asked", ["3", "3.0"])
def test_what_the_server_asks_is_waited_in_its_seconds(asked: str) -> None:
    """A server whose clock runs at double speed is asked again after half the seconds."""
    stage = Stage()
    failing(stage, 429, 200, retry_after=asked, date="Mon, 23 Nov 2026 12:00:00 GMT", x_sandbox_speed="2")
    stage.drive(fetch(stage.call(jitter=lambda: 0.0), GET, shared.Company))
    assert stage.slept == pytest.approx(1.5, abs=0.01)
    (waiting,) = [e for e in stage.events if isinstance(e, Waiting)]
    assert waiting.until - stage.clock.now() < timedelta(seconds=3.5)


def test_a_pause_beyond_the_budget_raises_at_once() -> None:
    """The error says when to try again, and nothing was waited."""
    stage = Stage()
    failing(stage, 503, retry_after="3600")
    with pytest.raises(errors.ErrorMessage) as caught:
        stage.drive(fetch(stage.call(), GET, shared.Company))
    assert stage.slept == 0
    assert caught.value.retry_at is not None


@pytest.mark.parametrize(("fatal", "lost", "tries"), [(True, True, 1), (False, False, 1), (False, True, 3)])
def test_lost_answers_to_reads(fatal: bool, lost: bool, tries: int) -> None:
    """They are asked for again, unless that cannot help or was not wanted."""
    stage = Stage()
    count = 0

    def answer(request: Request) -> Answer | Failure:
        nonlocal count
        count += 1
        if count < 3:
            return Failure(False, "ReadError", 0, 0, fatal)
        return Answer(200, {}, b'{"id": "x"}', 0, 0)

    stage.server.answer = answer  # type: ignore[method-assign]
    flow = fetch(stage.call(RetryConfig("backoff", BackoffStrategy(), lost)), GET, shared.Company)
    if tries == 1:
        with pytest.raises(errors.NoResponseError):
            stage.drive(flow)
    else:
        stage.drive(flow)
    assert count == tries


def test_attempts_are_counted_and_told() -> None:
    """Each request is an event with its number, its status and Codat's correlation id."""
    stage = Stage()
    failing(stage, 503, 200)
    stage.drive(fetch(stage.call(), GET, shared.Company))
    told = [e for e in stage.events if isinstance(e, Attempt)]
    assert [(e.attempt, e.status, bool(e.correlation_id)) for e in told] == [(1, 503, True), (2, 200, False)]
    assert "attempt 1" in str(told[0])


def test_nobody_listening_is_no_work(caplog: pytest.LogCaptureFixture) -> None:
    """Without a listener nothing is told; with the log at debug level everything is."""
    assert not EventSink().heard
    with caplog.at_level(logging.DEBUG, "codat_notebook"):
        assert EventSink().heard
        stage = Stage()
        Call("test", RetryConfig(), stage.clock, EventSink()).decide("something")
    assert "test: something" in caplog.text


def paced(pacing: Pacing) -> Call:
    """A call that keeps to a pace."""
    return Call("test", RetryConfig(), ServerClock(lambda: 0.0, lambda: 0.0), EventSink(), pacing=pacing)


@pytest.mark.parametrize("stop", ["amid the request", "amid the wait for the minute", "amid the wait for a place"])
def test_a_paced_call_that_is_given_up_leaves_its_place(stop: str) -> None:
    """Wherever a call is cancelled, its company's place is free again."""
    pacing = Pacing(per_minute=1, per_company=1)
    if stop == "amid the wait for the minute":
        pacing.reserve(0.0)
    if stop == "amid the wait for a place":
        assert pacing.enter(COMPANY) is None
    flow = paced(pacing).send(GET)
    command = next(flow)
    kinds = {"request": Request, "minute": Sleep, "place": Join}
    assert isinstance(command, kinds[stop.split()[-1]])
    flow.close()
    if stop == "amid the wait for a place":
        pacing.leave(COMPANY)
    assert pacing.enter(COMPANY) is None


def test_a_place_given_at_the_last_moment_is_passed_on() -> None:
    """If the place comes just as its waiter gives up, it is not lost."""
    pacing = Pacing(per_minute=None, per_company=1)
    pacing.enter(COMPANY)
    flow = paced(pacing).send(GET)
    next(flow)
    pacing.leave(COMPANY)
    flow.close()
    assert pacing.enter(COMPANY) is None


def unreadable(stage: Stage, body: bytes, times: int) -> None:
    """A server whose first answers, with 200, cannot be read."""
    left = [body] * times

    def answer(request: Request) -> Answer:
        stage.server.requests.append(request)
        return Answer(200, {}, left.pop() if left else b'{"id": "x"}', 0, 0)

    stage.server.answer = answer  # type: ignore[method-assign]


def test_what_cannot_be_read_is_asked_for_again_like_what_is_lost() -> None:
    """An answer may be cut off on its way; three of them are meant so."""
    stage = Stage()
    unreadable(stage, b'{"id": ', 2)
    assert stage.drive(fetch(stage.call(), GET, shared.Company)).id == "x"
    unreadable(stage, b'{"id": ', 9)
    with pytest.raises(errors.ResponseValidationError):
        stage.drive(fetch(stage.call(), GET, shared.Company))
    assert len(stage.server.requests) == 6


def test_a_login_page_is_told_as_one() -> None:
    """With 200 as HTML in place of Codat's answer, or with 511, which is not asked for again."""
    stage = Stage()
    unreadable(stage, b"\n<html>Welcome to Hotel WiFi", 9)
    with pytest.raises(errors.ResponseValidationError, match="HTML page instead of Codat's answer: a login page"):
        stage.drive(fetch(stage.call(), GET, shared.Company))
    stage = Stage()
    failing(stage, 511)
    with pytest.raises(errors.CodatLendingError, match="Log in to it in a browser") as caught:
        stage.drive(fetch(stage.call(), GET, shared.Company))
    assert (caught.value.status_code, len(stage.server.requests)) == (511, 1)
