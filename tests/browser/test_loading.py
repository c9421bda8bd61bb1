"""How parts come to a page: their files once, also when these come late; and what they say when the kernel is gone."""

from datetime import UTC, datetime
from typing import Any

from playwright.sync_api import expect

from codat_notebook.widgets.notice import Notice, notice_state
from codat_notebook.widgets.table import FrameTable
from codat_notebook.widgets.tabs import Tabs, tabs_state
from tests.tables.table_frames import operations

from . import gallery
from .stage import Stage


def card(text: str = "Something went wrong") -> Notice:
    """A part with one card."""
    return Notice(notice_state([gallery.failure(text)]))


def test_styles_are_on_a_page_once_however_many_parts(stage: Stage) -> None:
    """A bundle is one style element; all parts are drawn by them."""
    stage.mount(card("One"), card("Two"), Tabs(tabs_state()))
    expect(stage.part(1)).to_contain_text("Two")
    ids = stage.page.evaluate("[...document.querySelectorAll('head style[id]')].map((e) => e.id)")
    assert sorted(ids) == ["codat-first", "codat-others"]


def test_parts_wait_for_files_that_come_later(stage: Stage, watch: Any) -> None:
    """A front end may restore a part before the widgets that it refers to."""
    watch.expected.append("404")
    withheld, stage.withheld = 3, 3
    stage.mount(card("Drawn all the same"))
    expect(stage.part()).to_contain_text("Drawn all the same")
    assert stage.withheld < withheld


def test_a_large_state_is_drawn_and_updates_come_in_order(stage: Stage) -> None:
    """It travels packed; what the page shows in the end is the newest state, large or small."""
    frame = operations(200)
    table = FrameTable(frame)
    assert isinstance(table.get_state("state")["state"], str)
    element = stage.mount(table)
    expect(element.locator("tbody tr")).to_have_count(50)
    for number in range(1, 8):
        table.state = {**table.state, "title": f"Title {number}"}
    expect(element.locator(".ct-title")).to_have_text("Title 7")
    table.state = {**table.state, "rows": [], "keys": [], "title": "Small"}
    expect(element.locator(".ct-title")).to_have_text("Small")


def test_without_a_kernel_a_part_says_as_of_when_it_is(stage: Stage) -> None:
    """In the reader's zone, for as long as no kernel stands behind it; in both themes it can be read."""
    table = FrameTable(operations(5), title="Pull operations")
    stage.clock.set(datetime(2026, 7, 23, 13, 58, tzinfo=UTC), rate=0.0)
    element = stage.mount(table)
    note = element.get_by_role("status").filter(has_text="Not live")
    expect(note).to_have_count(0)
    stage.page.evaluate("window.stageLive(false)")
    expect(note).to_have_text(
        "Not live: this is what was shown last, as of 2026-07-23 14:58 (Europe/London). "
        "Run the cell to see the current state."
    )
    for theme in ("light", "dark"):
        stage.theme(theme)
        stage.shot(f"not-live-{theme}")
    stage.page.evaluate("window.stageLive(true)")
    expect(note).to_have_count(0)
