"""A company's older operations in the console: page by page, all of them, or those of some days."""

from collections.abc import Iterator

import pandas as pd
import pytest

from codat_notebook import frames
from codat_notebook.models.shared import PullOperation, Security
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session
from codat_notebook.utils import RetryConfig
from codat_notebook.widgets.past import WHOLE, Past, more_state

from .test_console import Desk

LENGTH = 6_500


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox whose first company has a long history, and whose clock stands."""
    with Sandbox(speed=600) as sandbox:
        sandbox.clock.pause()
        toft = next(c for c in sandbox.world.companies({"query": "name~Toft"})["results"])
        sandbox.world.lengthen_history(toft["id"], LENGTH)
        yield sandbox


@pytest.fixture
def desk(sandbox: Sandbox) -> Iterator[Desk]:
    """A console on the sandbox, that does not try again."""
    with Session(
        Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True, retry_config=RetryConfig("none")
    ) as session:
        yield Desk(session)


def more(desk, words):
    """The line below the operations, once it says so."""
    return desk.until("codat-operations", lambda s: s["more"] and words in s["more"]["text"])["more"]


def asked(desk):
    """How often the history was asked for."""
    return int((desk.session.requests["call"] == "manage_data.pull_operations.list").sum())


def test_older_operations_come_page_by_page_until_all_are_there(desk: Desk) -> None:
    """The line says how many there are; the table is in the end the whole history, as the session gives it."""
    id = desk.pick("Toft")
    line = more(desk, "The newest 1,000 of 6,500 operations.")
    assert [words for _, words in line["actions"]] == ["Load older", "Load all 6,500"]
    table = desk.parts["codat-operations"]
    for n, held in enumerate((2000, 4000, 6000, 6500)):
        desk.send("codat-operations", type="more", name="older", seq=n)
        desk.until("codat-operations", lambda s, held=held: s["total"] == held)
    desk.until("codat-operations", lambda s: s["more"] is None)
    history = desk.session.history(id, limit=None)
    shown = table.frame.set_index("id").loc[history["id"]].reset_index()[history.columns]
    pd.testing.assert_frame_equal(shown, history, check_categorical=False)
    assert table.state["columns"][3]["sort"] == "desc"


def test_all_of_them_are_loaded_at_once_and_open_their_details(desk: Desk) -> None:
    """In a few requests; an old row opens like a new one; the filters see them all."""
    desk.pick("Toft")
    more(desk, "of 6,500")
    before = asked(desk)
    desk.send("codat-operations", type="more", name="all", seq=1)
    desk.until("codat-operations", lambda s: s["total"] == LENGTH and s["more"] is None)
    assert asked(desk) - before <= 4
    desk.until("codat-code", lambda s: "limit=None)" in s["text"])
    desk.send("codat-tabs", type="tab", name="timeline")
    desk.until("codat-timeline", lambda s: s["total"] == LENGTH)
    desk.send("codat-operations", type="sort", column="requested", seq=2)
    oldest = desk.until("codat-operations", lambda s: s["seq"] == 2)["keys"][0]
    desk.send("codat-operations", type="select", key=oldest, seq=3)
    desk.until("codat-operations-details", lambda s: s["key"] == oldest and s["checks"]["status"] == "ready")
    desk.pick("Elm Tree")
    desk.until("codat-operations", lambda s: 0 < s["total"] < LENGTH and s["more"] is None)


def test_days_before_what_is_loaded_are_asked_of_codat(desk: Desk) -> None:
    """One request for a day of long ago; the line says what is there; the same day is not asked for twice."""
    id = desk.pick("Toft")
    more(desk, "The newest 1,000")
    history = desk.session.history(id, limit=None)
    day = history["requested"].iloc[5000].floor("D")
    wanted = history[(history["requested"] >= day) & (history["requested"] < day + pd.Timedelta("1D"))]
    before = asked(desk)
    ends = [f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (day, day + pd.Timedelta("1D"))]
    desk.send("codat-operations", type="facet", column="requested", values=ends, seq=1)
    desk.until("codat-operations", lambda s: s["matching"] == len(wanted) and s["more"] and not s["more"]["busy"])
    assert set(desk.parts["codat-operations"].visible["id"]) == set(wanted["id"])
    line = more(desk, " of 6,500 operations. Filters, copies and files hold no others.")
    assert "newest" not in line["text"]
    desk.send("codat-operations", type="clear", seq=2)
    desk.send("codat-operations", type="facet", column="requested", values=ends, seq=3)
    desk.until("codat-operations", lambda s: s["seq"] == 3)
    assert asked(desk) - before == 1


def test_what_cannot_be_loaded_says_why_and_can_be_tried_again(sandbox: Sandbox, desk: Desk) -> None:
    """The rows that are there stay; a query that Codat refuses is told as what it is."""
    desk.pick("Toft")
    more(desk, "of 6,500")
    sandbox.faults.next(1, status=503, match="*/data/history*")
    desk.send("codat-operations", type="more", name="older", seq=1)
    line = more(desk, "Older operations could not be read: Codat had an error of its own.")
    assert line["failed"]
    assert desk.session.errors["what"].tolist() == ["Older operations could not be read"]
    sandbox.faults.next(None, status=400, match="*/data/history*")
    desk.send("codat-operations", type="facet", column="requested", values=["2020-01-01T00:00:00Z", ""], seq=2)
    more(desk, "Codat does not filter by these days")
    sandbox.faults.clear()
    desk.send("codat-operations", type="more", name="older", seq=3)
    assert not more(desk, "The newest 2,000 of 6,500")["failed"]


def test_a_long_reading_can_be_stopped_and_another_company_stops_it(sandbox: Sandbox, desk: Desk) -> None:
    """What has come is kept; nothing of one company ever stands in another one's table."""
    desk.pick("Toft")
    more(desk, "of 6,500")
    for end in ("stop", "pick"):
        gate = sandbox.faults.hold("*/data/history*")
        desk.send("codat-operations", type="more", name="all", seq=1)
        assert gate.reached.wait(30)
        assert more(desk, "Loading all operations:")["busy"]
        if end == "stop":
            desk.send("codat-operations", type="more", name="stop", seq=2)
            more(desk, "The newest 1,000 of 6,500")
        gate.open()
        sandbox.faults.clear()
    id = desk.pick("Elm Tree")
    desk.until("codat-operations", lambda s: s["more"] is None and s["total"] == held(desk, id))
    assert 0 < held(desk, id) < LENGTH


def held(desk, company_id):
    """How many operations the table holds, if they are all of this company."""
    frame = desk.parts["codat-operations"].frame
    return len(frame) if frame is not None and set(frame["company_id"]) == {company_id} else -1


def test_nothing_is_said_where_the_history_is_whole() -> None:
    """And where Codat does not say how many there are, it is said without a number."""
    assert more_state(Past(), 20, 20) is None
    assert more_state(Past(spans=(WHOLE,)), 20, 0) is None
    assert more_state(Past(), 1000, 0)["text"].startswith("The newest 1,000 operations.")


def test_stacked_frames_keep_their_types_and_their_words() -> None:
    """Of two frames with other categories one is made; an empty one changes nothing."""
    one = frames.pull_operations([PullOperation(id="1", status="Complete", data_type="bills", requested="2026-01-01")])
    other = frames.pull_operations([PullOperation(id="2", status="Mapping", data_type="items", requested="2025-01-01")])
    both = frames.stacked(one, other)
    assert both["status"].tolist() == ["Complete", "Mapping"]
    assert both.dtypes.map(str).tolist() == one.dtypes.map(str).tolist()
    pd.testing.assert_frame_equal(frames.stacked(one, other.iloc[:0]), one, check_categorical=False)
