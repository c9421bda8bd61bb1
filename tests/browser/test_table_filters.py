"""Filters by what columns hold, as a reader uses them: by mouse, by keys, on a narrow pane, in both themes."""

import csv
import io
import re

import pandas as pd
import pytest
from playwright.sync_api import Locator, expect

from codat_notebook.models.status import plain_status
from codat_notebook.tables.column import Column
from codat_notebook.widgets.history import LoadedHistory, more_state
from codat_notebook.widgets.table import FrameTable
from tests.tables.table_frames import HOSTILE, operations

COLUMNS = {
    "data_type": Column("data type", facet=True), "status": Column(facet=True), "requested": Column(facet=True),
    "platform": Column("connection", facet=True), "id": Column(), "completed": Column(hidden=True),
    "is_completed": Column(hidden=True), "is_errored": Column(hidden=True), "company_id": Column(hidden=True),
}  # fmt: skip


def opened(table: Locator, label: str) -> Locator:
    """The list of a chip, opened by a click."""
    table.locator(".ct-add", has_text=label).click()
    panel = table.locator(".ct-panel:popover-open")
    expect(panel).to_be_visible()
    return panel


def test_values_are_ticked_with_their_counts_and_cleared_at_once(stage):
    """The chip says what it filters by, the export holds the same rows, and one click clears everything."""
    frame = operations(1284)
    part = FrameTable(frame, columns=COLUMNS, noun="operation")
    table = stage.mount(part)
    panel = opened(table, "status")
    expect(panel.locator("label")).to_have_text([
        re.compile(f"{words}{n}") for words, n in sorted(frame["status"].map(plain_status).value_counts().items())
    ])  # fmt: skip
    panel.get_by_label("Complete").check()
    panel.get_by_label("Mapping").check()
    matching = frame["status"].isin(["Complete", "Mapping"])
    expect(table.locator(".ct-count")).to_have_text(f"{matching.sum():,} of 1,284 operations")
    expect(table.locator(".ct-facet.on .ct-add")).to_have_text("+status: Complete, Mapping")
    stage.page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(table.locator(".ct-add", has_text="status")).to_be_focused()

    opened(table, "requested").get_by_role("button", name="last 7 days").click()
    week = frame["requested"].max() - pd.Timedelta("7D")
    recent = matching & (frame["requested"] >= week)
    expect(table.locator(".ct-count")).to_have_text(f"{recent.sum():,} of 1,284 operations")
    stage.page.keyboard.press("Escape")
    table.get_by_role("button", name="Export").click()
    with stage.page.expect_download() as saved:
        table.get_by_role("menuitem", name="CSV file").click()
    rows = list(csv.DictReader(io.StringIO(saved.value.path().read_text("utf-8-sig"))))
    assert {row["id"] for row in rows} == set(frame[recent]["id"])

    table.get_by_role("button", name="Clear the filter by status").click()
    expect(table.locator(".ct-facet.on")).to_have_count(1)
    table.get_by_role("button", name="Clear all").click()
    expect(table.locator(".ct-count")).to_have_text("1,284 operations")
    expect(table.locator(".ct-facet.on")).to_have_count(0)
    expect(table.get_by_role("button", name="Clear all")).to_be_hidden()
    assert part.view.facets == {}


def test_a_long_list_is_narrowed_by_typing_and_walked_by_keys(stage):
    """Letters narrow, Enter takes the first, arrows walk, and what is missing says so."""
    frame = operations(400)
    frame["data_type"] = [f"type-{n % 30:02}" for n in range(400)]
    part = FrameTable(frame, columns=COLUMNS)
    table = stage.mount(part)
    panel = opened(table, "data type")
    expect(panel.get_by_label("Find a value")).to_be_focused()
    stage.page.keyboard.type("TYPE-2")
    expect(panel.locator("label:visible")).to_have_count(10)
    stage.page.keyboard.press("Enter")
    for key in ("ArrowDown", "ArrowDown", "Space", "ArrowUp", "ArrowUp"):
        stage.page.keyboard.press(key)
    expect(panel.get_by_label("Find a value")).to_be_focused()
    stage.wait_for(lambda: set(part.view.facets.get("data_type", ())) == {"type-20", "type-21"}, 30)
    stage.page.keyboard.type("9999")
    expect(panel).to_contain_text("No match.")


def test_days_of_the_readers_own_are_whole_days_of_their_zone(stage):
    """From the first one's midnight to the last one's end, shown as days; an open end is said."""
    part = FrameTable(operations(1284), columns=COLUMNS)
    table = stage.mount(part)
    panel = opened(table, "requested")
    panel.get_by_label("From, the first day").fill("2026-10-20")
    expect(table.locator(".ct-facet.on .ct-add")).to_contain_text("requested: since 2026-10-20")
    panel.get_by_label("To, the last day").fill("2026-10-25")
    expect(table.locator(".ct-facet.on .ct-add")).to_contain_text("2026-10-20 to 2026-10-25")
    # London leaves summer time on the 25th, which has 25 hours there.
    ends = ("2026-10-19T23:00:00.000Z", "2026-10-26T00:00:00.000Z")
    stage.wait_for(lambda: part.view.facets.get("requested") == ends, 30)


@pytest.mark.parametrize(("theme", "width"), [("light", 1180), ("dark", 320)])
def test_what_the_frame_does_not_hold_is_said_below_the_rows(stage, theme, width):
    """How much is there, loading, failed, each with its actions; a click reaches Python by its name."""
    part = FrameTable(operations(300), columns=COLUMNS, noun="operation")
    asked = []
    part.on_more = asked.append
    table = stage.mount(part, theme=theme, width=width)
    line = table.locator(".ct-more")
    expect(line).to_be_hidden()
    whole = more_state(LoadedHistory(), 300, 100_000)
    states = {
        "held": whole, "loading": more_state(LoadedHistory(loading="Loading all operations:"), 35_000, 100_000),
        "failed": more_state(LoadedHistory(failed="Older operations could not be read: " + HOSTILE), 300, 100_000),
    }  # fmt: skip
    for name, state in states.items():
        part.tell_more(state)
        expect(line).to_contain_text(state["text"])
        assert stage.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        stage.shot(f"table-more-{name}-{theme}-{width}")
    line.get_by_role("button", name="Load older").click()
    stage.wait_for(lambda: asked == ["older"], 30)
    part.update(operations(200))
    expect(table.locator(".ct-count")).to_have_text("200 operations")
    expect(line).to_be_visible()
    part.tell_more(None)
    expect(line).to_be_hidden()
    assert stage.page.evaluate("window.pwned") is None


@pytest.mark.parametrize(("theme", "width"), [("light", 1180), ("dark", 720), ("light", 320), ("dark", 320)])
def test_filters_fit_and_hostile_values_stay_text(stage, theme, width):
    """Nothing sticks out of the page, the open list neither; a picture is kept."""
    frame = operations(300)
    frame["platform"] = [HOSTILE if n % 2 else "NetSuite" for n in range(300)]
    table = stage.mount(
        FrameTable(frame, columns=COLUMNS, filters={"Failed": lambda f: f["is_errored"]}), theme=theme, width=width
    )
    panel = opened(table, "connection")
    panel.locator("label", has_text="onerror").click()
    expect(table.locator(".ct-facet.on")).to_contain_text("<img")
    panel.locator("label").first.hover()
    box = panel.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert stage.page.evaluate("[window.pwned, document.images.length]") == [None, 0]
    assert stage.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    stage.shot(f"table-filters-{theme}-{width}")
