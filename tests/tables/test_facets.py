"""Filters by what a column holds: the values offered, their counts, which rows pass; for any frame."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_notebook.tables.column import MOST, Column
from codat_notebook.tables.sheet import Layout, Sheet, TableView

from .table_frames import awkward, operations

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
FACETS = {name: Column(facet=True) for name in ("status", "data_type", "platform", "requested")}


def sheet(frame, columns=FACETS, **layout):
    """A sheet whose columns are facets."""
    return Sheet(frame, Layout(columns=columns, **layout))


def facets(sheet, view=None):
    """The facets of a page by their columns."""
    return {facet["key"]: facet for facet in sheet.page(view or TableView(), None)["facets"]}


def counts(facet):
    """A facet's counts by value."""
    return {value: count for value, _, count, _ in facet["options"]}


def test_a_facet_counts_what_the_other_filters_leave():
    """Its own choice does not narrow it, so that more can be ticked; the rows are those that pass them all."""
    frame = operations(800)
    made = sheet(frame)
    view = TableView(facets={"status": ("Complete", "Queued"), "platform": ("Plaid",)}, text="in")
    found = facets(made, view)
    text = (
        frame["data_type"].str.contains("in")
        | frame["platform"].str.contains("in")
        | frame["status"].str.contains("in")
    )
    text |= frame["message"].fillna("").str.casefold().str.contains("in")
    plaid, wanted = frame["platform"] == "Plaid", frame["status"].isin(["Complete", "Queued"])
    expected = frame[text & plaid]["status"].value_counts()
    assert counts(found["status"]) == {status: int(expected.get(status, 0)) for status in counts(found["status"])}
    assert sum(counts(found["platform"]).values()) == (text & wanted).sum()
    assert found["status"]["chosen"] == ["Complete", "Queued"]
    pd.testing.assert_frame_equal(made.visible(view), frame[text & plaid & wanted])
    assert {value: tone for value, _, _, tone in found["status"]["options"]}["PermissionsError"] == "bad"


@pytest.mark.parametrize("name", awkward())
def test_any_column_can_be_a_facet(name):
    """Every value offered is that of as many rows as are said, also what is missing or has no hash."""
    frame = awkward()[name]
    kinds = Sheet(frame, Layout()).kinds
    made = sheet(frame, {key: Column(facet=True) for key in kinds})
    page = made.page(TableView(), None)
    json.dumps(page, allow_nan=False).encode("utf-8")
    for facet in page["facets"][:6]:
        for value, count in counts(facet).items():
            chosen = (value, "") if facet["kind"] == "time" else (value,)
            assert len(made.rows(TableView(facets={facet["key"]: chosen}))) == count
        if facet["kind"] == "values":
            assert sum(counts(facet).values()) == len(frame)


def test_rows_without_a_value_have_a_value_of_their_own():
    """A request that got no answer has no status, and can be asked for."""
    made = sheet(pd.DataFrame({"status": pd.array([200, None, 404], dtype="Int64")}))
    assert facets(made)["status"]["options"] == [["200", "200", 1, ""], ["404", "404", 1, ""], ["", "(none)", 1, ""]]
    assert list(made.rows(TableView(facets={"status": ("",)}))) == [1]


def test_ids_are_named_by_another_column():
    """Connections are offered by their platform; two of one platform are told apart."""
    frame = pd.DataFrame({"connection_id": ["aaaaaaaa-1", "bbbbbbbb-2", "cccccccc-3", "aaaaaaaa-1"],
                          "platform": pd.Categorical(["Plaid", "Plaid", None, "Plaid"])})  # fmt: skip
    columns = {"connection_id": Column("connection", hidden=True, facet=True, named_by="platform")}
    options = facets(sheet(frame, columns))["connection_id"]["options"]
    assert [(label, count) for _, label, count, _ in options] == [
        ("(none)", 1), ("Plaid aaaaaaaa…", 2), ("Plaid bbbbbbbb…", 1),
    ]  # fmt: skip


def test_the_most_frequent_values_are_offered_and_the_chosen_one():
    """A column of thousands of values sends no more than a page can hold, and says how many it kept back."""
    frame = pd.DataFrame({"path": [f"/{n:05}" for n in range(5000)] + ["/often"] * 3})
    found = facets(sheet(frame, {"path": Column(facet=True)}), TableView(facets={"path": ("/04999", "/gone")}))["path"]
    offered = counts(found)
    assert (offered["/often"], offered["/04999"], offered["/gone"]) == (3, 1, 0)
    assert len(offered) == MOST + 1
    assert found["more"] == 5001 - MOST


def test_spans_of_time_count_from_now_or_from_given_ends():
    """The last hour is that of the clock, without one that of the newest row; an end that nobody can read is open."""
    times = [NOW - timedelta(minutes=n) for n in (10, 59, 61, 60 * 30)]
    frame = pd.DataFrame({"requested": pd.array([*times, pd.NaT], dtype="datetime64[us, UTC]")})
    made = sheet(frame, now=lambda: NOW)

    def rows(*ends, of=made):
        return list(of.rows(TableView(facets={"requested": ends})))

    assert rows("-3600", "") == [0, 1]
    assert rows("-3600", "", of=sheet(frame)) == [0, 1, 2]
    assert rows("2026-11-22T00:00:00Z", times[1].isoformat()) == [2, 3]
    assert rows("", times[2].isoformat()) == [3]
    assert rows("soon", "") == rows("-1", "") == [0, 1, 2, 3, 4]
    assert list(counts(facets(made)["requested"]).values()) == [2, 3, 4, 4]


def test_a_choice_is_set_changed_and_taken_back():
    """Each choice begins at the first page; nothing chosen leaves nothing behind."""
    view = TableView(("id", "asc"), page=4).with_facet("status", ("Complete", "5"))
    assert (view.facets, view.page) == ({"status": ("Complete", "5")}, 0)
    view = view.with_facet("requested", ("-3600", ""))
    assert set(view.facets) == {"status", "requested"}
    assert view.with_facet("status", ()).facets.keys() == {"requested"}
    assert view.with_facet("requested", ("", "")).facets.keys() == {"status"}


values = st.lists(st.one_of(st.none(), st.sampled_from(["a", "b", "", "A"])), min_size=1, max_size=20)


@given(values, st.sets(st.sampled_from(["a", "b", "", "A", "zz"])), st.booleans())
def test_a_choice_passes_exactly_the_rows_that_hold_it(held, chosen, as_category):
    """Whatever the column is made of; the empty text and what is missing are one."""
    column = pd.array(held, dtype="string")
    frame = pd.DataFrame({"v": pd.Categorical(column) if as_category else column})
    shown = list(sheet(frame, {"v": Column(facet=True)}).rows(TableView(facets={"v": tuple(chosen)})))
    assert shown == list(np.flatnonzero([(value or "") in chosen for value in held]))


def test_keys_are_seen_sorted_and_offered_in_words_and_found_by_both():
    """Data types and statuses: on screen the words and, for the tooltip, the key; what leaves the table has the key."""
    keys = ["profitAndLoss", None, "bankAccounts", "banking-accounts", "custom/aged"]
    frame = pd.DataFrame({
        "data_type": pd.array(keys, dtype="string"),
        "status": pd.Categorical(["PermissionsError", "Complete", "MapQueued", None, "Cancelled"]),
    })  # fmt: skip
    for made in (sheet(frame), sheet(frame.astype({"data_type": "category", "status": "object"}))):
        cells = [[row[1], row[0]] for row in made.page(TableView(), None)["rows"]]
        assert cells[0] == [["Profit and loss", "profitAndLoss"], ["No permission", "bad", "PermissionsError"]]
        assert cells[2] == [["Bank accounts (ledger)", "bankAccounts"], ["Waiting to map", "run", "MapQueued"]]
        assert (cells[1][0], cells[3][1]) == (None, None)
        assert list(made.visible(TableView(sort=("data_type", "asc")))["data_type"].dropna()) == [
            "custom/aged", "banking-accounts", "bankAccounts", "profitAndLoss",
        ]  # fmt: skip
        assert list(made.visible(TableView(sort=("status", "asc")))["status"].dropna()) == [
            "Cancelled", "Complete", "PermissionsError", "MapQueued",
        ]  # fmt: skip
        for text in ("Profit and", "profitAndLoss", "no permission", "permissionserror"):
            assert list(made.rows(TableView(text=text))) == [0]
        found = facets(made)
        assert [option[:2] for option in found["status"]["options"]] == [
            ["Cancelled", "Cancelled"], ["Complete", "Complete"], ["PermissionsError", "No permission"],
            ["MapQueued", "Waiting to map"], ["", "(none)"],
        ]  # fmt: skip
        assert list(made.rows(TableView(facets={"data_type": ("profitAndLoss",)}))) == [0]
        assert made.taken_away(TableView())["data_type"].iloc[0] == "profitAndLoss"


def test_two_keys_of_one_name_are_told_apart():
    """Somebody may call a custom type as Codat calls one of its own."""
    frame = pd.DataFrame({"data_type": ["invoices", "custom/Invoices", "bills"]})
    labels = [label for _, label, _, _ in facets(sheet(frame))["data_type"]["options"]]
    assert labels == ["Bills", "Invoices (custom/Invoices)", "Invoices (invoices)"]


def test_a_column_may_have_words_of_its_own():
    """They are seen, sorted and offered; the value is found, too, and is what the frame keeps."""
    said = {"following": "In progress", "done": "Done"}
    frame = pd.DataFrame({"phase": ["following", "done"]})
    made = sheet(frame, {"phase": Column(facet=True, words=said.__getitem__)})
    page = made.page(TableView(sort=("phase", "asc")), None)
    assert page["rows"] == [["Done"], ["In progress"]]
    assert list(made.rows(TableView(text="follow"))) == list(made.rows(TableView(text="progress"))) == [0]
    assert list(made.visible(TableView())["phase"]) == ["following", "done"]
