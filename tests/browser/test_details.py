"""The details of a row beside their table, by mouse and keys; in every state, both themes, wide and narrow."""

import pandas as pd
import pytest
from playwright.sync_api import expect

from codat_notebook.tables.column import Column
from codat_notebook.widgets.details import CLOSED, Details
from codat_notebook.widgets.part import source
from codat_notebook.widgets.table import FrameTable
from tests.tables.table_frames import operations

from . import gallery_details
from .test_parts import change
from .test_parts_gallery import LOOKS, STICKS_OUT, TOUCH, looks

COLUMNS = {name: Column(hidden=True) for name in ("completed", "is_completed", "is_errored", "company_id")}
#: Put a table and its details into boxes as the console has them.
SIDE_BY_SIDE = """() => {
  const [console, browse] = ["codat-console", "codat-browse"].map((name) => {
    const box = document.createElement("div");
    box.className = name;
    return box;
  });
  console.append(browse);
  document.body.append(console);
  browse.append(document.querySelector("#part-0"), document.querySelector("#part-1"));
}"""
#: What the page puts into the clipboard, instead of the machine's own.
CLIPBOARD = "() => { navigator.clipboard.writeText = async (text) => { window.copied = text; }; }"


@pytest.fixture
def browse(stage):
    """`browse(width=…)` mounts a table of which each selected row opens one state of the details."""

    def mounting(name="failed", **look):
        table, part = FrameTable(operations(120), columns=COLUMNS, noun="operation"), Details(CLOSED)
        state = gallery_details.states()[name]
        table.on_row = lambda row: part.show({**state, "key": row["id"]} if row else CLOSED, at_once=True)
        part.on_message = lambda message: table.select(None)
        stage.mount(table, part, **look)
        stage.page.add_style_tag(content=source("console.css"))
        stage.page.evaluate(SIDE_BY_SIDE)
        stage.page.evaluate(CLIPBOARD)
        return stage.part(0), stage.part(1)

    return mounting


def test_details_fit_in_every_state(stage, shoot):
    """Nothing leaves its box, whatever the names; no script of theirs runs, on load or hover."""
    stage.mount(*[Details(state) for state in gallery_details.states().values()])
    assert len(list(looks(stage, shoot, "part-details"))) == len(LOOKS)
    stage.page.evaluate(TOUCH)
    assert stage.page.evaluate("document.body.dataset.hurt") is None
    expect(stage.part(6)).to_be_hidden()


def test_a_row_opens_by_click_and_by_enter_and_escape_goes_back_to_it(stage, browse):
    """The focus goes to the details' title and back to the row; another row takes the details' place."""
    table, details = browse()
    rows = table.locator("tbody tr")
    expect(details).to_be_hidden()
    rows.nth(2).click()
    expect(details.get_by_role("heading", level=3)).to_be_focused()
    expect(details).to_contain_text("Credit notes from Oracle NetSuite")
    expect(details).to_contain_text("2026-11-23 13:57:07 UTC")
    expect(details).to_contain_text('"errorMessage": "User lacks “View Credit Memos”"')
    expect(details).to_contain_text("Not checked: this operation ended before there was any data to check.")
    frame = stage.parts[0].frame
    newer = frame.iloc[:1].assign(id="newer", requested=frame["requested"].max() + pd.Timedelta("1D"))
    stage.parts[0].update(pd.concat([newer, frame], ignore_index=True))
    expect(rows.first).to_contain_text("newer")
    stage.page.keyboard.press("Escape")
    expect(details).to_be_hidden()
    expect(rows.nth(3)).to_be_focused()  # where the new row has moved it
    expect(table.locator("tr.selected")).to_have_count(0)
    for key in ("ArrowDown", "Enter"):
        stage.page.keyboard.press(key)
    expect(details).to_be_visible()
    expect(rows.nth(4)).to_have_class("selected")
    details.get_by_role("button", name="Close the details").click()
    expect(rows.nth(4)).to_be_focused()
    rows.nth(4).click()
    expect(details).to_be_visible()


def test_what_is_copied_is_what_is_shown(stage, browse):
    """The relink URL, an id, the whole JSON."""
    table, details = browse()
    table.locator("tbody tr").first.click()
    expect(details).to_be_visible()
    state = stage.parts[1].state
    copied = {
        details.get_by_role("button", name="Copy relink URL"): gallery_details.LINK,
        details.locator("dl > div", has_text="companyId").get_by_role("button"): gallery_details.COMPANY,
        details.locator("h4").get_by_role("button", name="Copy"): state["json"],
    }
    for button, text in copied.items():
        button.click()
        stage.page.wait_for_function("text => window.copied === text", arg=text)


def test_a_live_row_changes_in_place(stage, browse):
    """Focus, scroll and the nodes of what did not change stay; the checks' findings come when they are there."""
    table, details = browse("running")
    table.locator("tbody tr").first.click()
    expect(details).to_contain_text("Codat checks the data when it has been read.")
    before = details.locator("dl > div", has_text="companyId").element_handle()
    details.locator("dl > div", has_text="companyId").get_by_role("button").focus()
    states, key = gallery_details.states(), stage.parts[1].state["key"]
    change(stage, 1, **{**states["loading"], "key": key})
    expect(details).to_contain_text("Asking Codat")
    change(stage, 1, **{**states["not read"], "key": key})
    details.get_by_role("button", name="Try again").click()
    stage.wait_for(lambda: any(message["type"] == "again" for message in stage.sent), 30)
    change(stage, 1, **{**states["invalid"], "key": key})
    expect(details.locator("section li")).to_have_count(4)
    expect(details).to_contain_text("1 error, 3 warnings")
    assert before.evaluate("node => node.isConnected")


@pytest.mark.parametrize(("theme", "width"), [("light", 1180), ("dark", 1180), ("light", 352), ("dark", 352)])
def test_details_stand_beside_the_table_or_in_its_place(stage, browse, theme, width):
    """Side by side where there is room; on 320 pixels the table makes way until the details are closed."""
    table, details = browse("invalid", theme=theme, width=width)
    table.locator("tbody tr").nth(1).click()
    expect(details).to_be_visible()
    if width > 900:
        boxes = table.bounding_box(), details.bounding_box()
        assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"] + 1
        assert boxes[0]["height"] == boxes[1]["height"]
    else:
        expect(table).to_be_hidden()
        assert details.bounding_box()["width"] >= width - 34
    assert stage.page.evaluate(STICKS_OUT) == []
    stage.shot(f"details-{theme}-{width}")
    stage.page.keyboard.press("Escape")
    expect(table.locator("tbody tr").nth(1)).to_be_focused()
