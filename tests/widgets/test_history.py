"""A company's older operations in the console: page by page, all of them, or those of some days."""

from collections.abc import Iterator

import pandas as pd
import pytest

from codat_notebook import frames
from codat_notebook.models.shared import PullOperation, Security
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session
from codat_notebook.utils import RetryConfig
from codat_notebook.widgets.history import WHOLE, LoadedHistory, more_state

from .test_console import ConsoleBench

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
def bench(sandbox: Sandbox) -> Iterator[ConsoleBench]:
    """A console on the sandbox, that does not try again."""
    with Session(
        Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True, retry_config=RetryConfig("none")
    ) as session:
        yield ConsoleBench(session)


def more(bench, words):
    """The line below the operations, once it says so."""
    return bench.until("codat-operations", lambda s: s["more"] and words in s["more"]["text"])["more"]


def asked(bench):
    """How often the history was asked for."""
    return int((bench.session.requests["call"] == "manage_data.pull_operations.list").sum())


def test_older_operations_come_page_by_page_until_all_are_there(bench: ConsoleBench) -> None:
    """The line says how many there are; the table is in the end the whole history, as the session gives it."""
    id = bench.pick("Toft")
    line = more(bench, "The newest 1,000 of 6,500 operations.")
    assert [words for _, words in line["actions"]] == ["Load older", "Load all 6,500"]
    table = bench.parts["codat-operations"]
    for n, held in enumerate((2000, 4000, 6000, 6500)):
        bench.send("codat-operations", type="more", name="older", seq=n)
        bench.until("codat-operations", lambda s, held=held: s["total"] == held)
    bench.until("codat-operations", lambda s: s["more"] is None)
    history = bench.session.history(id, limit=None)
    shown = table.frame.set_index("id").loc[history["id"]].reset_index()[history.columns]
    pd.testing.assert_frame_equal(shown, history, check_categorical=False)
    assert table.state["columns"][3]["sort"] == "desc"


def test_all_of_them_are_loaded_at_once_and_open_their_details(bench: ConsoleBench) -> None:
    """In a few requests; an old row opens like a new one; the filters see them all."""
    bench.pick("Toft")
    more(bench, "of 6,500")
    before = asked(bench)
    bench.send("codat-operations", type="more", name="all", seq=1)
    bench.until("codat-operations", lambda s: s["total"] == LENGTH and s["more"] is None)
    assert asked(bench) - before <= 4
    bench.until("codat-code", lambda s: "limit=None)" in s["text"])
    bench.send("codat-tabs", type="tab", name="timeline")
    whole = bench.until("codat-timeline", lambda s: s["held"] == LENGTH)
    assert (sum(bar["count"] for bar in whole["bars"]), whole["total"]) == (LENGTH, LENGTH)
    first = whole["bars"][0]["since"]
    bench.send("codat-timeline", type="look_at", since=first, until=first + 86400, width=600, seq=7)
    bench.until("codat-timeline", lambda s: s["seq"] == 7)
    bench.send("codat-timeline", type="open_bar", key=whole["bars"][0]["key"])
    bench.until("codat-timeline-details", lambda s: s["key"] == whole["bars"][0]["key"] and s["checks"])
    bench.send("codat-timeline-details", type="close", seq=8)
    bench.until("codat-timeline-details", lambda s: s["key"] is None and s["seq"] == 8)
    bench.send("codat-operations", type="sort", column="requested", seq=2)
    oldest = bench.until("codat-operations", lambda s: s["seq"] == 2)["keys"][0]
    bench.send("codat-operations", type="select", key=oldest, seq=3)
    bench.until("codat-operations-details", lambda s: s["key"] == oldest and s["checks"]["status"] == "ready")
    bench.pick("Elm Tree")
    bench.until("codat-operations", lambda s: 0 < s["total"] < LENGTH and s["more"] is None)


def test_days_before_what_is_loaded_are_asked_of_codat(bench: ConsoleBench) -> None:
    """One request for a day of long ago; the line says what is there; the same day is not asked for twice."""
    id = bench.pick("Toft")
    more(bench, "The newest 1,000")
    history = bench.session.history(id, limit=None)
    day = history["requested"].iloc[5000].floor("D")
    wanted = history[(history["requested"] >= day) & (history["requested"] < day + pd.Timedelta("1D"))]
    before = asked(bench)
    ends = [f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (day, day + pd.Timedelta("1D"))]
    bench.send("codat-operations", type="facet", column="requested", values=ends, seq=1)
    bench.until("codat-operations", lambda s: s["matching"] == len(wanted) and s["more"] and not s["more"]["busy"])
    assert set(bench.parts["codat-operations"].visible["id"]) == set(wanted["id"])
    line = more(bench, " of 6,500 operations. Filters and exports cover only these.")
    assert "newest" not in line["text"]
    bench.send("codat-operations", type="clear", seq=2)
    bench.send("codat-operations", type="facet", column="requested", values=ends, seq=3)
    bench.until("codat-operations", lambda s: s["seq"] == 3)
    assert asked(bench) - before == 1


def test_what_cannot_be_loaded_says_why_and_can_be_tried_again(sandbox: Sandbox, bench: ConsoleBench) -> None:
    """The rows that are there stay; a query that Codat refuses is told as what it is."""
    bench.pick("Toft")
    more(bench, "of 6,500")
    sandbox.faults.next(1, status=503, match="*/data/history*")
    bench.send("codat-operations", type="more", name="older", seq=1)
    line = more(bench, "Older operations could not be read: Codat had an internal error.")
    assert line["failed"]
    assert bench.session.errors["what"].tolist() == ["Older operations could not be read"]
    sandbox.faults.next(None, status=400, match="*/data/history*")
    bench.send("codat-operations", type="facet", column="requested", values=["2020-01-01T00:00:00Z", ""], seq=2)
    more(bench, "Codat does not filter by these days")
    sandbox.faults.clear()
    bench.send("codat-operations", type="more", name="older", seq=3)
    assert not more(bench, "The newest 2,000 of 6,500")["failed"]


def test_a_long_reading_can_be_stopped_and_another_company_stops_it(sandbox: Sandbox, bench: ConsoleBench) -> None:
    """What has come is kept; nothing of one company ever stands in another one's table."""
    bench.pick("Toft")
    more(bench, "of 6,500")
    for end in ("stop", "pick"):
        gate = sandbox.faults.hold("*/data/history*")
        bench.send("codat-operations", type="more", name="all", seq=1)
        assert gate.reached.wait(30)
        assert more(bench, "Loading all operations:")["busy"]
        if end == "stop":
            bench.send("codat-operations", type="more", name="stop", seq=2)
            more(bench, "The newest 1,000 of 6,500")
        gate.open()
        sandbox.faults.clear()
    id = bench.pick("Elm Tree")
    bench.until("codat-operations", lambda s: s["more"] is None and s["total"] == held(bench, id))
    assert 0 < held(bench, id) < LENGTH


def held(bench, company_id):
    """How many operations the table holds, if they are all of this company."""
    frame = bench.parts["codat-operations"].frame
    return len(frame) if frame is not None and set(frame["company_id"]) == {company_id} else -1


def test_nothing_is_said_where_the_history_is_whole() -> None:
    """And where Codat does not say how many there are, it is said without a number."""
    assert more_state(LoadedHistory(), 20, 20) is None
    assert more_state(LoadedHistory(spans=(WHOLE,)), 20, 0) is None
    assert more_state(LoadedHistory(), 1000, 0)["text"].startswith("The newest 1,000 operations.")


def test_stacked_frames_keep_their_types_and_their_words() -> None:
    """Of two frames with other categories one is made; an empty one changes nothing."""
    one = frames.pull_operations([PullOperation(id="1", status="Complete", data_type="bills", requested="2026-01-01")])
    other = frames.pull_operations([PullOperation(id="2", status="Mapping", data_type="items", requested="2025-01-01")])
    both = frames.stacked(one, other)
    assert both["status"].tolist() == ["Complete", "Mapping"]
    assert both.dtypes.map(str).tolist() == one.dtypes.map(str).tolist()
    pd.testing.assert_frame_equal(frames.stacked(one, other.iloc[:0]), one, check_categorical=False)
