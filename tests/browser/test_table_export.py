"""Taking a table away: copied or saved is the whole filtered table, by the browser alone."""

import io

import openpyxl
import pytest
from playwright.sync_api import expect

from codat_notebook.tables import exports
from codat_notebook.widgets.table import FrameTable
from tests.tables.table_frames import HOSTILE, operations

#: What the page puts into the clipboard, instead of the machine's own.
CLIPBOARD = """() => {
  navigator.clipboard.write = async ([item]) => {
    window.copied = {};
    for (const type of item.types) window.copied[type] = await (await item.getType(type)).text();
  };
}"""


@pytest.fixture
def filtered(stage):
    """A table of many rows of which some match, on the stage; with a name that would be a formula or a tag."""
    frame = operations(1284)
    frame.loc[frame["status"] == "PermissionsError", "message"] = "=1+1" + HOSTILE
    part = FrameTable(frame, noun="operation")
    element = stage.mount(part)
    element.get_by_label("Filter rows").fill("permissions")
    expect(element.locator(".ct-count")).to_contain_text("of 1,284 operations")
    assert 50 < len(part.visible) < 400
    return part, element


def choose(element, words):
    """Take an entry of the menu."""
    element.get_by_role("button", name="Export").click()
    element.get_by_role("menuitem", name=words).click()


def test_csv_and_excel_are_saved_by_the_browser(stage, filtered):
    """All rows that match over all pages, in the table's order; texts defused; the file is named after the rows."""
    part, element = filtered
    with stage.page.expect_download() as saved:
        choose(element, "CSV file")
    assert saved.value.suggested_filename == "operations.csv"
    assert saved.value.path().read_bytes() == exports.as_bytes(part.visible.reset_index(drop=True), "csv")
    expect(element.locator(".ct-note")).to_have_text("Saved operations.csv.")
    with stage.page.expect_download() as saved:
        choose(element, "Excel file")
    rows = list(openpyxl.load_workbook(io.BytesIO(saved.value.path().read_bytes())).active.iter_rows(values_only=True))
    assert len(rows) == len(part.visible) + 1
    message = rows[0].index("message")
    assert {row[message] for row in rows[1:]} == {"'=1+1" + HOSTILE}
    assert stage.page.url.endswith("parts=1")


def test_copied_is_text_and_html(stage, filtered):
    """Both forms of the whole filtered table, and a word of how many rows."""
    part, element = filtered
    stage.page.evaluate(CLIPBOARD)
    choose(element, "Copy table")
    expect(element.locator(".ct-note")).to_have_text(f"Copied {len(part.visible)} operations.")
    copied, rows = stage.page.evaluate("copied"), part.visible.reset_index(drop=True)
    assert copied == {"text/plain": exports.to_tsv(rows), "text/html": exports.to_html(rows)}


def test_a_file_of_many_pieces_arrives_whole(stage):
    """What is longer than a piece goes in several, with pauses; the newest choice wins."""
    part = FrameTable(operations(14_000), noun="operation")
    element = stage.mount(part)
    with stage.page.expect_download() as saved:
        choose(element, "CSV file")
        expect(element.get_by_role("button", name="Export")).to_be_disabled()
        expect(element.locator(".ct-note")).to_have_text("Preparing…")
    assert saved.value.path().read_bytes() == exports.as_bytes(part.visible.reset_index(drop=True), "csv")
    expect(element.get_by_role("button", name="Export")).to_be_enabled()


def test_the_menu_is_used_by_keys_and_says_what_it_takes(stage, filtered, shoot):
    """Enter opens it at the first entry, arrows go round, Escape gives the focus back; it leaves no box."""
    part, element = filtered
    button = element.get_by_role("button", name="Export")
    for theme, width in (("light", 1212), ("dark", 352)):
        stage.theme(theme)
        stage.page.set_viewport_size({"width": width, "height": 800})
        button.focus()
        stage.page.keyboard.press("Enter")
        menu = element.get_by_role("menu", name="Export")
        expect(menu).to_contain_text(f"{len(part.visible)} operations, all pages")
        expect(menu.get_by_role("menuitem", name="Copy table")).to_be_focused()
        stage.page.keyboard.press("ArrowUp")
        expect(menu.get_by_role("menuitem", name="Excel file")).to_be_focused()
        box = menu.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        shoot(stage.page, f"table-export-{theme}-{width - 32}")
        stage.page.keyboard.press("Escape")
        expect(menu).to_be_hidden()
        expect(button).to_be_focused()
        expect(button).to_have_attribute("aria-expanded", "false")


def test_what_cannot_be_exported_is_told(stage):
    """The message of the kernel stands in the foot, and the button can be used again."""
    part = FrameTable(operations(60), noun="operation")
    element = stage.mount(part)
    part.send = lambda content, buffers: stage._send(
        0, {"type": "file", "seq": content["seq"], "error": "Excel files need openpyxl."}
    )
    choose(element, "Excel file")
    expect(element.locator(".ct-note")).to_have_text("Excel files need openpyxl.")
    expect(element.get_by_role("button", name="Export")).to_be_enabled()
    choose(element, "Copy table")
    expect(element.locator(".ct-note")).to_have_text("Excel files need openpyxl.")
