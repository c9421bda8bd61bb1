"""FrameTable driven by messages, as a browser would: what it answers, keeps, drops and complains about."""

import json
import threading

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.formatters import DisplayFormatter

from codat_notebook.runs.engine import engine
from codat_notebook.tables.column import Column
from codat_notebook.tables.sheet import TableView
from codat_notebook.widgets.table import FrameTable
from tests.tables.table_frames import HOSTILE, awkward, operations

FRAMES = awkward() | {"a": operations(60), "b": operations(23, seed=1), "c": operations(130, seed=2)}
FILTERS = {"Running": lambda frame: frame["status"].isin(["Mapping", "Fetching"]), "Plaid": ("platform", "Plaid")}


@pytest.fixture
def make():
    """Makes tables and closes them at the end."""
    tables = []

    def making(*arguments, **options):
        tables.append(FrameTable(*arguments, **options))
        return tables[-1]

    yield making
    for table in tables:
        table.close()


def send(table, **message):
    """Send a message as the browser does."""
    table._handle_msg({"content": {"data": {"method": "custom", "content": message}}, "buffers": []})


def say(table, **message):
    """Send a message and wait until it is answered; returns the state."""
    send(table, **message)
    return drawn(table)


def drawn(table):
    """The state once all that was asked for is worked out."""
    engine().call(table.drawn())
    return table.state


def column(state, key):
    """What was sent for one column."""
    place = [heading["key"] for heading in state["columns"]].index(key)
    return [row[place] for row in state["rows"]]


def test_first_state_stands_before_the_engine_has_done_anything(make):
    """A table is complete when it is made, so it is displayed and saved complete."""
    state = make(operations(120), title="Pull operations").state
    assert (len(state["rows"]), state["total"], state["pages"], state["title"]) == (50, 120, 3, "Pull operations")
    requested = column(state, "requested")
    assert requested == sorted(requested, reverse=True)
    assert make().state["empty"] == "Nothing to show yet."


def test_sort_page_filter_and_quick_filter_are_answered_with_the_seq(make):
    """Each message changes the view and the page sent; its number comes back, so that the browser knows."""
    table = make(operations(500), filters=FILTERS | {"None": ("status", "Nope")})
    state = say(table, type="sort", column="duration", seq=1)
    assert state["seq"] == 1
    assert column(state, "duration") == sorted(column(state, "duration"), reverse=True)
    state = say(table, type="sort", column="duration", seq=2)
    assert column(state, "duration") == sorted(column(state, "duration"))
    assert say(table, type="page", page=3, seq=3)["first"] == 150
    state = say(table, type="filter", text="NETSUITE", seq=4)
    assert (state["page"], set(column(state, "platform"))) == (0, {"NetSuite"})
    state = say(table, type="quick", label="Plaid", seq=5)
    assert (state["matching"], state["rows"]) == (0, [])
    assert table.visible.empty
    state = say(table, type="filter", text="", seq=6)
    assert state["matching"] == len(table.visible) == (operations(500)["platform"] == "Plaid").sum()
    assert table.view.quick == "Plaid"


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"type": "sort", "column": "no such"},
        {"type": "page", "page": "x"},
        {"type": "filter"},
        {"type": 5},
        {"type": "facet", "column": "no such", "values": ["x"]},
        {"type": "facet", "column": "id", "values": "x"},
        {"type": "export", "choice": "exe"},
    ],
)
def test_messages_that_make_no_sense_change_nothing(make, message):
    """A browser of another version, or a mischievous one, cannot break the table."""
    table = make(operations(60))
    before = table.state
    assert say(table, **message) == before


def test_all_filters_are_cleared_at_once_and_the_order_stays(make):
    """A text, a quick filter, what is chosen of a column, and the page."""
    table = make(operations(500), filters=FILTERS, columns={"status": Column(facet=True)})
    say(table, type="sort", column="id")
    say(table, type="quick", label="Plaid")
    say(table, type="facet", column="status", values=["Complete"])
    assert say(table, type="filter", text="plaid")["matching"] < 500
    assert say(table, type="clear")["matching"] == 500
    assert table.view == TableView(("id", "asc"))


def test_selected_row_is_told_to_listeners_and_kept_over_updates(make):
    """The row comes as a dict of the frame's values, on the users' thread; it stays selected where it moves."""
    table = make(operations(200))
    heard, done = [], threading.Event()
    table.on_select(lambda row: (heard.append((row, threading.current_thread().name)), done.set()))
    key = table.state["keys"][7]
    assert say(table, type="select", key=key)["selected"] == key
    assert done.wait(5)
    (row, thread) = heard[0]
    assert row["id"] == key
    assert isinstance(row["requested"], pd.Timestamp)
    assert thread.startswith("codat-user-code")
    table.update(operations(200).iloc[::-1])
    assert drawn(table)["selected"] == key
    assert table.selected["id"] == key
    table.update(operations(200).query("id != @key"))
    drawn(table)
    assert table.selected is None
    assert say(table, type="select", key=None)["selected"] is None


def test_update_keeps_what_the_reader_set(make):
    """Order, text, quick filter and page survive a new frame."""
    table = make(operations(900), filters=FILTERS)
    for message in ({"type": "sort", "column": "id"}, {"type": "quick", "label": "Plaid"}, {"type": "page", "page": 2}):
        say(table, **message)
    before = table.view
    table.frame = operations(800, seed=3)
    state = drawn(table)
    assert table.view == before
    assert (state["page"], state["quick"], state["total"]) == (2, "Plaid", 800)
    assert column(state, "id") == sorted(column(state, "id"))


def test_update_from_any_thread_and_the_last_frame_wins(make):
    """Frames given by many threads end in one of them; given in order, in the last."""
    table = make(operations(10))
    threads = [threading.Thread(target=table.update, args=(operations(n + 20),)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert drawn(table)["total"] == len(table.frame)
    for n in range(30):
        table.update(operations(n + 1))
    assert drawn(table)["total"] == 30


def test_later_changes_of_the_given_frame_are_not_shown(make):
    """The table shows a snapshot: a frame that its owner goes on changing cannot tear a page apart."""
    frame = operations(20)
    table = make(frame)
    frame["platform"] = "changed"
    assert "changed" not in json.dumps(say(table, type="sort", column="platform"))


messages = st.one_of(
    st.builds(
        lambda c: {"type": "sort", "column": c}, st.sampled_from(["requested", "status", "id", "a", "n", "name"])
    ),
    st.builds(lambda t: {"type": "filter", "text": t}, st.sampled_from(["", "a", "netsuite", "e p", "ß"])),
    st.builds(lambda q: {"type": "quick", "label": q}, st.sampled_from(["", "Plaid", "unknown"])),
    st.builds(lambda p: {"type": "page", "page": p}, st.integers(0, 4)),
    st.builds(lambda k: {"type": "select", "key": k}, st.sampled_from(["0", "a", *operations(60)["id"][:3]])),
)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(sorted(FRAMES)), st.sampled_from(sorted(FRAMES)), st.lists(messages, max_size=5))
def test_update_from_a_to_b_equals_creating_b(a, b, said):
    """Whatever was shown and asked before, the state after an update is that of a new table with the same view."""
    filters = {"Plaid": lambda f: f["platform"] == "Plaid" if "platform" in f else [False] * len(f)}
    table = FrameTable(FRAMES[a], filters=filters)
    for message in said:
        say(table, **message)
    table.update(FRAMES[b])
    drawn(table)
    fresh = FrameTable(FRAMES[b], filters=filters, sort=table.view.sort)
    view = table.view
    for message in (
        {"type": "filter", "text": view.text}, {"type": "quick", "label": view.quick},
        {"type": "page", "page": view.page}, {"type": "select", "key": table.state["selected"]},
    ):  # fmt: skip
        say(fresh, **message)
    assert table.state == fresh.state
    pd.testing.assert_frame_equal(table.visible, fresh.visible)
    table.close()
    fresh.close()


def test_failure_of_the_owners_code_stands_under_the_table_and_is_logged(make, caplog):
    """A filter or a listener that raises is told, and the table goes on."""
    odd = {"Odd": lambda frame: frame["platform"].eq("Plaid") if len(frame) == 5 else 1 / 0}
    table = make(operations(5), filters=odd)
    table.update(operations(6))
    assert drawn(table)["notice"] == "ZeroDivisionError: division by zero"
    assert "division by zero" in caplog.text
    table.update(operations(5))
    assert drawn(table)["notice"] == ""
    failed = threading.Event()
    table.on_select(lambda row: (failed.set(), row["no such column"]))
    say(table, type="select", key=table.state["keys"][0])
    assert failed.wait(5)
    engine().run_user_code(lambda: None).result(5)  # behind the listener, whose failure is posted by now
    assert drawn(table)["notice"] == "KeyError: 'no such column'"


def test_result_for_a_view_that_has_changed_meanwhile_is_dropped(make):
    """Of two clicks in a row, only the page for the second one is ever sent."""
    started, going_on = threading.Event(), threading.Event()

    def slow(frame):
        if len(frame) == 300 and not going_on.is_set():
            started.set()
            assert going_on.wait(5)
        return frame["platform"] == "Plaid"

    table = make(operations(299), filters={"Slow": slow})
    sent = []
    table.observe(lambda change: sent.append(change["new"]["page"]), "state")
    table.update(operations(300))
    assert started.wait(5)
    for page in (1, 2):
        send(table, type="page", page=page)
    engine().post(going_on.set)
    drawn(table)
    assert sent == [2]


def test_text_and_html_forms_are_short_and_escaped(make):
    """Where no widget can be shown there is a line of text and a plain table, and no markup of third parties."""
    table = make(FRAMES["texts"], title=HOSTILE)
    assert repr(table) == "FrameTable(7 rows, 2 columns)"
    assert repr(make()) == "FrameTable(empty: Nothing to show yet.)"
    data, _ = DisplayFormatter().format(table)
    assert data["text/plain"] == repr(table)
    assert "<img" not in data["text/html"]
    assert "&lt;img src=x" in data["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in data
    static = make(operations(1284), noun="operation")._repr_html_()
    assert "10 of 1,284 operations" in static
    assert len(static) < 8_000


def test_an_unknown_keyword_is_refused_with_the_nearest_one():
    """A widget takes any keyword and does nothing with it; those of widgets are taken."""
    with pytest.raises(TypeError, match="FrameTable has no keyword 'titles'; the nearest is 'title'"):
        FrameTable(titles="Companies")
    FrameTable(title="Companies", layout={"width": "60%"}).close()
