"""FrameTable in real front ends: drawn in each, live while a cell blocks, heard in Python, saved small."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

ROOT = Path(__file__).parents[2]
SETUP = f"""
import sys, threading, time
sys.path.insert(0, {str(ROOT)!r})
from codat_notebook.tables.column import Column
from codat_notebook.widgets.table import FrameTable
from tests.tables.table_frames import HOSTILE, operations
hidden = {{name: Column(hidden=True) for name in ("completed", "is_completed", "is_errored", "company_id")}}
look = dict(columns=hidden, noun="operation", filters={{"Running": ("status", ["Mapping", "Fetching", "Queued"])}})
frame = operations(10_000)
table = FrameTable(frame, title="Pull operations", **look)
"""
SELECT = """
from IPython.display import display
def show(row):
    result.update({"text/plain": f"selected {row['id']}"}, raw=True)
table.on_select(show)
result = display({"text/plain": "nothing"}, raw=True, display_id=True)
"""
HOSTILE = """
frame["message"] = HOSTILE
table = FrameTable(frame.rename(columns={"platform": HOSTILE}), title=HOSTILE)
"""
LIVE = """
def live():
    for n in range(1, 400):
        newer = frame.copy()
        newer.loc[newer["requested"].idxmax(), "message"] = f"update {n}"
        table.update(newer)
        time.sleep(0.1)
threading.Thread(target=live, daemon=True).start()
"""


@pytest.mark.parametrize("front_end", ["lab", "notebook", "voila"])
def test_table_is_drawn_and_answers_in_every_front_end(open_notebook, front_end, watch):
    """Ten thousand rows stand there, sort, filter and turn pages, and the picture is kept."""
    if front_end == "voila":
        watch.expected.append("cdnjs.cloudflare.com|unpkg.com|cdn.jsdelivr.net")  # the stock template links a CDN
    notebook = open_notebook(SETUP, "table", front_end=front_end)
    table = notebook.locator(".codat-table")
    expect(table.locator("tbody tr")).to_have_count(50)
    expect(table).to_contain_text("1–50 of 10,000")
    table.locator("th", has_text="data type").locator("button").click()
    expect(table.locator("th[aria-sort=ascending]")).to_contain_text("data type")
    table.get_by_role("button", name="Running").click()
    expect(table.get_by_role("button", name="Running")).to_have_attribute("aria-pressed", "true")
    table.get_by_role("button", name="Next page").click()
    expect(table.locator(".ct-range")).to_contain_text("51–100 of")
    assert notebook.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    notebook.shot(f"table-in-{front_end}")


def test_table_stays_live_while_a_cell_sleeps_and_keeps_what_the_reader_did(open_notebook):
    """Updates arrive while the kernel blocks; scroll and focus stay; the sort is there when the cell has ended."""
    notebook = open_notebook(SETUP, "table")
    table = notebook.locator(".codat-table")
    expect(table.locator("tbody tr")).to_have_count(50)
    table.locator(".ct-scroll").evaluate("e => { e.scrollTop = 200; }")
    message = table.locator("tbody tr").first.locator("td").nth(6)
    wake = notebook.block(LIVE)
    expect(message).to_have_text(re.compile("update"))
    seen = {message.inner_text()}
    for _ in range(4):
        expect(message).not_to_have_text(message.inner_text())
        seen.add(message.inner_text())
    assert len(seen) >= 4
    assert "slept well" not in notebook.page.inner_text(".jp-Notebook")
    assert table.locator(".ct-scroll").evaluate("e => e.scrollTop") == 200
    wake()
    expect(notebook.page.get_by_text("slept well", exact=True)).to_be_visible()
    table.locator("th", has_text="message").locator("button").click()
    expect(table.locator("th[aria-sort=ascending]")).to_contain_text("message")
    expect(table.locator("tbody tr").first.locator("td").nth(6)).not_to_be_empty()


def test_selected_row_reaches_python_and_keys_stay_in_the_table(open_notebook):
    """Python hears of the row; keys pressed on a row are not taken for the notebook's commands (d d deletes a cell)."""
    notebook = open_notebook(SETUP + SELECT, "table")
    table = notebook.locator(".codat-table")
    row = table.locator("tbody tr").nth(3)
    row.click()
    full_id = row.locator(".ct-id span").get_attribute("title")
    expect(notebook.output(0).last).to_have_text(f"selected {full_id}")
    for key in ("d", "d", "a", "ArrowDown", "Enter"):
        notebook.page.keyboard.press(key)
    next_id = table.locator("tbody tr").nth(4).locator(".ct-id span").get_attribute("title")
    expect(notebook.output(0).last).to_have_text(f"selected {next_id}")
    expect(notebook.locator(".jp-CodeCell")).to_have_count(2)


def test_hostile_texts_run_nothing_and_the_saved_file_is_small(open_notebook):
    """Payloads in data, heading and title stay text when drawn, saved and drawn again; the file holds one page."""
    hostile = (
        "frame['message'] = HOSTILE; table = FrameTable(frame.rename(columns={'platform': HOSTILE}), title=HOSTILE)"
    )
    notebook = open_notebook(SETUP + hostile, "table")
    table = notebook.locator(".codat-table")
    expect(table.locator("tbody tr")).to_have_count(50)
    table.locator("td", has_text="onerror").first.hover()
    assert notebook.page.evaluate("window.pwned") is None
    notebook.wait_until_run()
    states = [state for state in notebook.saved_widgets().values() if state["model_module"] == "anywidget"]
    assert len(json.dumps(states[0]["state"])) < 60_000
    notebook.page.reload()
    expect(notebook.locator(".jp-Notebook")).to_be_visible(timeout=60_000)
    assert notebook.page.evaluate("window.pwned") is None


def test_table_looks_right_in_both_themes_of_jupyterlab(open_notebook):
    """Its ground and text follow the theme; pictures are kept to be looked at."""
    notebook = open_notebook(SETUP, "table")
    table = notebook.locator(".codat-table")
    table.locator("tbody tr").nth(2).click()
    seen = {}
    for theme in ("light", "dark"):
        notebook.theme(theme)
        expect(table.locator("tr.selected")).to_have_count(1)
        seen[theme] = table.evaluate("e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]")
        notebook.shot(f"table-lab-{theme}")
    assert all(light != dark for light, dark in zip(seen["light"], seen["dark"], strict=True))
