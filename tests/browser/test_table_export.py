"""Taking a table away: copied or saved is the whole filtered table, by the browser alone."""

import io
import re
import threading

import openpyxl
import pytest
from playwright.sync_api import expect

from codat_notebook.runs.engine import engine
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
    name = saved.value.suggested_filename
    assert re.fullmatch(r"operations - \d{4}-\d\d-\d\d \d{4}\.csv", name)
    assert saved.value.path().read_bytes() == exports.as_bytes(part.visible.reset_index(drop=True), "csv")
    expect(element.locator(".ct-note")).to_have_text(f"Saved {name}.")
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
    assert copied == {"text/plain": exports.to_tsv(rows), "text/html": exports.as_bytes(rows, "html").decode()}


def test_a_file_of_many_pieces_arrives_whole(stage):
    """What is longer than a piece goes in several, with pauses; the newest choice wins."""
    part = FrameTable(operations(14_000), noun="operation")
    element = stage.mount(part)
    with stage.page.expect_download() as saved:
        choose(element, "CSV file")
        expect(element.get_by_role("button", name="Export")).to_be_disabled()
        expect(element.locator(".ct-note")).to_have_text(re.compile("Preparing…|Exporting|Saving"))
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
        0, {"type": "file", "seq": content["seq"], "error": "Excel files need XlsxWriter."}
    )
    choose(element, "Excel file")
    expect(element.locator(".ct-note")).to_have_text("Excel files need XlsxWriter.")
    expect(element.get_by_role("button", name="Export")).to_be_enabled()
    choose(element, "Copy table")
    expect(element.locator(".ct-note")).to_have_text("Excel files need XlsxWriter.")


@pytest.fixture
def held(stage):
    """A table of 100,000 rows whose pieces wait for a gate."""
    part, gate = FrameTable(operations(100_000), noun="operation"), threading.Semaphore(0)
    element = stage.mount(part)
    made = part._made

    def slowly(*asked):
        for piece in made(*asked):
            yield piece
            gate.acquire()

    part._made = slowly
    yield part, element, gate
    gate.release(10_000)


@pytest.mark.parametrize("words", ["CSV file", pytest.param("Excel file", marks=pytest.mark.full)])
def test_a_long_export_says_how_far_it_is_and_is_stopped(stage, held, shoot, words):
    """Rows of all rows, a button that stops; the kernel works no more, nothing is saved, and another one can begin."""
    part, element, gate = held
    note, stop = element.locator(".ct-note"), element.get_by_role("button", name="Stop")
    expect(stop).to_have_count(0)
    choose(element, words)
    said = []
    for _ in range(12):
        gate.release()
    expect(note).to_have_text(re.compile(r"^Exporting: \d+,000 of 100,000 operations$"))
    said.append(note.inner_text())
    for theme, width in (("light", 1212), ("dark", 352)):
        stage.theme(theme)
        stage.page.set_viewport_size({"width": width, "height": 800})
        shoot(stage.page, f"table-exporting-{theme}-{width - 32}")
    for _ in range(4):
        gate.release()
    expect(note).not_to_have_text(said[0])
    stop.focus()
    stage.page.keyboard.press("Enter")
    expect(note).to_have_text("Stopped. Nothing was saved.")
    expect(element.get_by_role("button", name="Export")).to_be_focused()
    expect(stop).to_have_count(0)
    gate.release(10_000)
    stage.wait_for(lambda: part._exporting.done())
    assert part._exporting.cancelled()
    del part._made
    with stage.page.expect_download() as saved:
        choose(element, "CSV file")
    assert saved.value.path().read_bytes().count(b"\r\n") == 100_001


def test_a_kernel_that_says_nothing_is_told(stage):
    """A cell is running, or it is gone: the wait can be given up; a late answer is left out."""
    part = FrameTable(operations(60), noun="operation")
    element = stage.mount(part)
    kept, receive = [], part._receive
    part._receive = lambda content: kept.append(content) if content["type"] == "export" else receive(content)
    choose(element, "CSV file")
    expect(element.locator(".ct-note")).to_contain_text("Waiting for Python")
    element.get_by_role("button", name="Stop").click()
    expect(element.locator(".ct-note")).to_have_text("Stopped. Nothing was saved.")
    engine().post(receive, kept[0])
    stage.wait_for(lambda: part._exporting is not None and part._exporting.done())
    expect(element.locator(".ct-note")).to_have_text("Stopped. Nothing was saved.")
