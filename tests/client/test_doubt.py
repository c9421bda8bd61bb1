"""What a caller who does his own retries is told of a doubt: what Codat answered, and when to call again."""

import pytest

from codat_notebook.client.queueing import OneType, queue
from codat_notebook.client.slots import Slots
from codat_notebook.models import errors
from codat_notebook.utils import RetryConfig

from .simulated import START, Stage, intent


def once(stage: Stage, slots: Slots) -> errors.ErrorMessage | None:
    """Queue the invoices with strategy "none"; the error, if there is one."""
    try:
        stage.drive(queue(OneType, stage.call(RetryConfig("none")), intent(), slots=slots))
    except errors.ErrorMessage as error:
        return error
    return None


@pytest.mark.parametrize(("fault", "posts", "times"), [("503 before", 2, [0, 3, 9]), ("503 after", 1, [0, 3])])
def test_each_error_says_why_and_until_when(fault: str, posts: int, times: list[float]) -> None:
    """Each error of a doubt says what Codat answered and when to call again; who does so then sees it found, or sent
    again under the same key, and what is queued is queued once.
    """
    stage, slots = Stage(lag=3.0), Slots()
    stage.server.post_faults.append(fault)
    told: list[float] = []
    while (error := once(stage, slots)) is not None:
        assert (error.status_code, error.queued) == (503, "unknown")
        assert str(error).startswith(
            "Whether invoices was queued before is not known: 503" if told else "503 from Codat"
        )
        assert error.retry_at is not None
        told.append(error.retry_at.timestamp() - START)
        stage.time.now += error.retry_at.timestamp() - stage.server.epoch()
    assert [round(at - told[0]) for at in told] == times
    assert (len(stage.server.ours()), stage.server.posts) == (1, posts)


def test_a_look_that_fails_moves_the_time_on() -> None:
    """While nothing can be read, the doubt stays as it was, and nothing is sent again."""
    stage, slots = Stage(), Slots()
    stage.server.post_faults.append("503 before")
    stage.server.get_faults.append("503")
    first = once(stage, slots)
    stage.time.now += 2
    second = once(stage, slots)
    assert first is not None
    assert second is not None
    assert first.retry_at is not None
    assert second.retry_at is not None
    assert second.retry_at > first.retry_at
    assert "is not known: 503 from Codat for POST" in str(second)
    assert stage.server.posts == 1
