"""What all parts stand on: states at a steady pace, messages that reach the engine."""

import re
from datetime import UTC, datetime

import pytest

from codat_notebook.client.clock import ServerClock
from codat_notebook.runs.engine import engine
from codat_notebook.runs.records import ErrorRecord
from codat_notebook.widgets.notice import Notice, notice_state, record_item
from codat_notebook.widgets.part import FromBrowser, Part


class Knock(FromBrowser, frozen=True):
    """Is anybody there?"""


class Bare(Part):
    """A part with one message and nothing else of its own."""

    messages = Knock
    classes = ("codat-bare",)
    interval = 60.0


@pytest.fixture
def bare():
    """A part, closed at the end."""
    bare = Bare({"n": 0})
    yield bare
    bare.close()


def flush():
    """Wait until the engine has done what was posted so far."""

    async def nothing():
        pass

    engine().call(nothing())


def test_part_carries_its_classes_and_its_first_state(bare):
    """The element can be found by class, and is complete before anything is updated."""
    assert bare._dom_classes == ("codat-part", "codat-bare") == tuple(bare.worn)
    assert bare.state == {"n": 0}


def test_states_that_come_fast_are_shown_at_the_parts_pace_and_answers_at_once(bare):
    """The first state goes out, the rest wait for their turn and the newest wins; an answer does not wait."""
    seen = []
    bare.observe(lambda change: seen.append(change["new"]["n"]), "state")
    bare.show({"n": 1}, at_once=True)
    for n in (2, 3, 4):
        bare.show({"n": n})
    flush()
    assert seen == [1]
    bare.show({"n": 5}, at_once=True)
    flush()
    assert seen == [1, 5]


def test_a_browser_writes_no_trait(bare):
    """An update made by hand changes nothing on Python's side."""
    before = bare.get_state()
    for state in ({"state": {"n": 9}}, {"as_of": "2000-01-01T00:00Z", "_dom_classes": ["other"]}, {"none": 1}):
        bare._handle_msg({"content": {"data": {"method": "update", "state": state}}, "buffers": []})
    assert bare.get_state() == before


def test_messages_reach_the_engine_and_nothing_else_does(bare):
    """A message that the part knows is handled on the engine's thread; anything else is not handled."""
    heard = []
    bare.on_message = lambda message: heard.append((message, engine().on_thread))
    for content in ({"type": "knock"}, {"type": "a"}, "text", None):
        bare._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})
    flush()
    assert heard == [(Knock(), True)]


def test_a_part_says_when_its_state_was_written_and_what_time_it_is(bare):
    """By the clock of its session, which it names; an older state keeps its time. Nothing else is needed to answer."""
    wall = [1_795_442_309.0]
    bare.clock, sent = ServerClock(monotonic=lambda: 0.0, wall=lambda: wall[0]), []
    bare.send = sent.append
    bare.show({"n": 1}, at_once=True)
    flush()
    written = {"clock": bare.clock.name, "now": "2026-11-23T13:58:29.000+00:00", "speed": 1.0}
    assert bare.get_state("state")["state"] == {"n": 1, "as_of": written}
    wall[0] += 3600
    assert bare.get_state("state")["state"]["as_of"] == written
    for content in ({"type": "time", "number": 7}, {"type": "time", "number": "x"}, {"type": "time"}):
        bare._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})
    flush()
    later = {**written, "now": "2026-11-23T14:58:29.000+00:00"}
    assert sent == [{"type": "time", "number": 7, **later}]


def test_closed_part_is_not_written_any_more(bare):
    """A state that comes after the end goes nowhere, without a complaint."""
    bare.close()
    bare.show({"n": 1}, at_once=True)
    flush()
    assert bare.state == {"n": 0}


def test_a_part_has_a_text_and_a_static_form_that_run_nothing():
    """Where no widget is drawn its words stand, escaped, with the time that they are of."""
    bad = "<img src=x onerror=alert(1)>"
    notice = Notice(notice_state([record_item(ErrorRecord(time=datetime.now(UTC), what=bad, why=bad, action=""))]))
    assert repr(notice).startswith("<Notice: ")
    assert "\n" not in repr(notice)
    html = notice._repr_html_()
    assert "<img" not in html
    assert "&lt;img src=x" in html
    assert re.search(r"Not live: as of \d{4}-\d\d-\d\d \d\d:\d\d UTC", html)
    notice.close()
