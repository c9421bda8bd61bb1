"""What a page holds: kinds, cells, order, filters, for any frame; no widget and no engine."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codat_notebook.tables.column import Column
from codat_notebook.tables.sheet import Layout, Sheet, TableView

from .table_frames import awkward, operations

FRAMES = awkward()


def page(frame, view=None, **layout):
    """The state for a frame, with no selection."""
    return Sheet(frame, Layout(**layout)).page(view or TableView(), None)


def column(state, name):
    """What is sent for one column, by its label."""
    place = [heading["label"] for heading in state["columns"]].index(name)
    return [row[place] for row in state["rows"]]


@pytest.mark.parametrize("name", FRAMES)
def test_any_frame_gives_a_state_that_can_be_sent(name):
    """Whatever is in the frame, its state is strict JSON in UTF-8, sorted by whichever column and searched too."""
    frame = FRAMES[name]
    sheet = Sheet(frame, Layout())
    for key in [None, *list(sheet.kinds)[:8]]:
        for direction in ("asc", "desc"):
            view = TableView(sort=key and (key, direction), text="a")
            json.dumps(sheet.page(view, "a"), allow_nan=False).encode("utf-8")
    state = sheet.page(TableView(), None)
    assert len(state["rows"]) == len(state["keys"]) == len(set(state["keys"])) == len(frame)
    assert all(len(row) == len(state["columns"]) for row in state["rows"])


def test_kinds_follow_dtype_and_name():
    """Times, lengths, numbers, ids and statuses are told apart without being asked."""
    kinds = {heading["key"]: heading["kind"] for heading in page(operations(3))["columns"]}
    assert kinds == {
        "data_type": "data_type", "status": "status", "platform": "text", "requested": "time", "completed": "time",
        "duration": "duration", "progress": "percent", "message": "text", "is_completed": "text", "is_errored": "text",
        "id": "id", "company_id": "id",
    }  # fmt: skip


def test_cells_are_short_and_say_what_the_browser_needs():
    """Times are UTC with a Z (without a zone: without), durations seconds, flags words, what is missing None."""
    times = page(FRAMES["times"])
    assert column(times, "aware") == ["2026-07-01T12:00:00Z", None, "2026-01-01T12:00:00.123Z"]
    assert column(times, "tokyo")[0] == "2026-07-01T03:00:00Z"
    assert column(times, "naive")[0] == "2026-07-01T12:00:00"
    assert column(times, "length") == [90.0, None, 40 * 86400.0]
    missing = page(FRAMES["missing"])
    assert column(missing, "n") == ["1.5", None, "∞"]
    assert column(missing, "all") == [None] * 3
    assert column(missing, "status") == [["Complete", "ok", "Complete"], None, ["Odd", "idle", "Odd"]]
    flags = page(pd.DataFrame({"n": [1284, -5, 10**7], "f": [True, False, True]}))
    assert column(flags, "n") == ["1,284", "-5", "10,000,000"]
    assert column(flags, "f") == ["yes", "no", "yes"]


def test_long_text_is_cut_and_broken_text_mended():
    """A page stays small and can be encoded, whatever third parties write."""
    long, *_, broken, _ = column(page(FRAMES["texts"].assign(name=lambda f: f["name"].str.replace("x", "xy"))), "name")
    assert len(long) == 601
    assert long.endswith("…")
    assert broken == "half ? pair"


def test_columns_can_be_named_ordered_hidden_and_given_a_kind():
    """The named ones come first in the given order; the hidden ones are not sent but stay in the row and the frame."""
    columns = {
        "platform": Column("where"), "status": Column(tone=lambda row: "warn" if row["progress"] == 5 else None),
        "progress": Column(kind="number"), "secret": Column(hidden=True),
    }  # fmt: skip
    frame = pd.DataFrame({"id": ["a"], "secret": ["s"], "progress": [5], "status": ["Fetching"], "platform": ["Xero"]})
    sheet = Sheet(frame, Layout(columns=columns))
    state = sheet.page(TableView(), None)
    assert [heading["label"] for heading in state["columns"]] == ["where", "status", "progress", "id"]
    assert state["rows"] == [["Xero", ["Fetching", "warn", "Fetching"], "5", "a"]]
    assert sheet.row("a") == {"platform": "Xero", "status": "Fetching", "progress": 5, "secret": "s", "id": "a"}


def test_order_is_that_of_sizes_and_of_words_without_case_with_the_missing_last():
    """Numbers sort as numbers, texts without regard to case, ordered categories by their order; both ways."""
    frame = pd.DataFrame({
        "n": [10, 9, None], "s": ["b", None, "A"],
        "c": pd.Categorical(["low", "high", "mid"], categories=["low", "mid", "high"], ordered=True),
        "d": pd.Categorical(["b", "A", None]),
    })  # fmt: skip
    sheet = Sheet(frame, Layout())

    def order(key, direction):
        return list(sheet.rows(TableView(sort=(key, direction))))

    assert (order("n", "asc"), order("n", "desc")) == ([1, 0, 2], [0, 1, 2])
    assert (order("s", "asc"), order("s", "desc")) == ([2, 0, 1], [0, 2, 1])
    assert (order("c", "asc"), order("c", "desc")) == ([0, 2, 1], [1, 2, 0])
    assert (order("d", "asc"), order("d", "desc")) == ([1, 0, 2], [0, 1, 2])


texts = st.one_of(st.none(), st.text(alphabet="abAB é", max_size=4))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(texts, texts, st.integers(0, 3)), max_size=12), st.text(alphabet="ab É", max_size=3))
def test_filter_and_sort_agree_with_plain_python(rows, sought):
    """Every word must occur in some text column, without regard to case; equal rows keep their order."""
    frame = pd.DataFrame(rows, columns=["one", "two", "n"])
    frame["one"] = pd.array(frame["one"], dtype="string")
    frame["two"] = pd.Categorical(pd.array(frame["two"], dtype="string"))
    shown = list(Sheet(frame, Layout()).rows(TableView(sort=("n", "desc"), text=sought)))

    def holds(row):
        return all(any(word in (t or "").casefold() for t in row[:2]) for word in sought.casefold().split())

    places = [n for n, row in enumerate(rows) if holds(row)]
    assert shown == sorted(places, key=lambda n: -rows[n][2])


def test_quick_filters_take_functions_and_values_and_are_counted():
    """A function, a column's value or several; the counts are of the whole frame; nothing missing ever matches."""
    frame = operations(200)
    filters = {
        "Running": ("status", ["Mapping", "Fetching", "Queued"]), "Denied": ("status", "PermissionsError"),
        "Slow": lambda f: f["progress"] > 50,
    }  # fmt: skip
    frame.loc[:20, "progress"] = pd.NA
    sheet = Sheet(frame, Layout(filters=filters, page_size=7))
    state = sheet.page(TableView(quick="Running", text="netsuite"), None)
    counts = {each["label"]: each["count"] for each in state["filters"]}
    assert counts == {
        "Running": int(frame["status"].isin(["Mapping", "Fetching", "Queued"]).sum()),
        "Denied": int((frame["status"] == "PermissionsError").sum()),
        "Slow": int((frame["progress"] > 50).fillna(False).sum()),
    }
    expected = frame[frame["status"].isin(["Mapping", "Fetching", "Queued"]) & (frame["platform"] == "NetSuite")]
    assert state["matching"] == len(expected)
    pd.testing.assert_frame_equal(sheet.visible(TableView(quick="Running", text="netsuite")), expected)
    assert Sheet(frame.iloc[:0], Layout(filters=filters)).page(TableView(), None)["filters"][0]["count"] == 0


def test_a_page_beyond_the_end_is_the_last_one():
    """When rows go away under the reader, the last page is shown, and one page where there is nothing."""
    state = page(operations(101), TableView(page=99))
    assert (state["page"], state["pages"], state["first"], len(state["rows"])) == (2, 3, 100, 1)
    assert page(None, TableView(page=3))["page"] == 0
    assert page(operations(5), TableView(text="no such text"))["rows"] == []


@pytest.mark.parametrize("name", ["names twice", "levels", "missing", "index twice"])
def test_every_row_is_found_by_its_key(name):
    """Keys tell rows apart and lead back to them, also without an id, with a missing one, before they were drawn."""
    frame = FRAMES[name]
    keys = page(frame)["keys"]
    sheet = Sheet(frame, Layout())
    first = next(iter(sheet.kinds))
    values = [sheet.row(key)[first] for key in keys]
    np.testing.assert_array_equal(pd.isna(values), sheet.columns[0].values.isna())
    assert [v for v in values if not pd.isna(v)] == sheet.columns[0].values.dropna().tolist()
    assert sheet.row("no such key") is None
