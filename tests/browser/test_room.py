"""The room that the console takes in JupyterLab: all of the width, one height, the work and its table together."""

import re
from collections.abc import Callable

from playwright.sync_api import Locator, expect

from .notebooks import Notebook
from .test_console import SETUP, SLOWLY, open_tab, pick, tick

TO_THE_TOP = "e => e.scrollIntoView({ block: 'start' })"


def on_screen(notebook: Notebook, part: Locator) -> bool:
    """Whether all of it stands in the window that JupyterLab leaves to the notebook."""
    box, window = part.bounding_box(), notebook.locator(".jp-WindowedPanel-outer").bounding_box()
    assert box is not None
    assert window is not None
    return bool(window["y"] - 1 <= box["y"] and box["y"] + box["height"] <= window["y"] + window["height"] + 1)


def test_the_work_is_on_screen_together_and_nothing_jumps(open_notebook: Callable[..., Notebook]) -> None:
    """At 1,440 x 800: data types, run and first rows; the same height for each tab, company, filter and detail."""
    notebook = open_notebook(SETUP, "cn.console(session)")
    notebook.page.set_viewport_size({"width": 1440, "height": 800})
    console = notebook.locator(".codat-console")
    pick(console, "Toft")
    tick(console, "Items", "Bills")
    console.locator(".codat-refresh").click()
    progress, table = console.locator(".codat-progress"), console.locator(".codat-operations")
    expect(progress).to_contain_text("2 of 2 done, 1 failed", timeout=SLOWLY)
    console.evaluate(TO_THE_TOP)
    for part in (console.locator(".codat-data-types"), progress, *table.locator("tbody tr").all()[:3]):
        assert on_screen(notebook, part)
    notebook.shot("room-1440", console)

    size = console.bounding_box()
    assert size is not None
    heights = set()

    def look() -> None:
        heights.add((console.bounding_box() or {})["height"])

    for tab in ("Errors", "Freshness", "Timeline", "Requests", "Code", "Pull operations"):
        open_tab(console, tab)
        look()
    table.locator(".ct-add", has_text="status").click()
    table.locator(".ct-panel:popover-open label").first.click()
    notebook.page.keyboard.press("Escape")
    expect(table.locator(".ct-count")).to_contain_text(" of ")
    look()
    first = progress.locator(".op").first
    expect(first).to_contain_text("items", ignore_case=True)
    first.get_by_role("button").click()
    details = console.locator(".codat-operations-details")
    expect(details.locator("section").first).to_contain_text(re.compile(r"\d+ errors?"), timeout=SLOWLY)
    assert on_screen(notebook, details)
    look()
    notebook.shot("room-1440-details", console)
    console.locator(".codat-connections .head").first.click()
    expect(console.get_by_role("region", name="Connection details")).to_be_visible()
    look()
    pick(console, "Harbour")
    look()
    console.locator(".codat-company input").fill("00000000-0000-4000-8000-000000000000")
    console.locator(".codat-company input").press("Enter")
    expect(console.locator(".codat-company")).to_contain_text("No company in this account has this id.")
    look()
    pick(console, "Harbour")
    place = "e => e.getBoundingClientRect().y - e.closest('.codat-console').getBoundingClientRect().y"
    work = console.locator(".codat-work").evaluate(place)
    notebook.run_cell("refusing = sandbox.faults.next(None, status=403)\nprint('all', 'refused')")
    notebook.locator(".jp-OutputArea-output").filter(has_text="all refused").wait_for(timeout=SLOWLY)
    console.get_by_role("button", name="Read again").click()
    told = console.locator(".codat-notice:visible .item")
    expect(told).to_contain_text("The company could not be read again", timeout=SLOWLY)
    assert console.locator(".codat-work").evaluate(place) == work
    look()
    notebook.shot("room-1440-notice", console)
    console.get_by_role("button", name="All companies").click()
    expect(told).to_contain_text("The company could not be read again")
    look()
    notebook.run_cell("refusing.end()\nprint('none', 'refused')")
    notebook.locator(".jp-OutputArea-output").filter(has_text="none refused").wait_for(timeout=SLOWLY)
    told.get_by_role("button", name="Dismiss").click()
    look()
    assert heights == {size["height"]}

    notebook.page.evaluate("() => jupyterapp.commands.execute('application:toggle-left-area')")
    for width in (960, 700, 480):
        notebook.page.set_viewport_size({"width": width, "height": 800})
        heights.clear()
        look()
        pick(console, "Toft")
        look()
        console.get_by_role("button", name="All companies").click()
        look()
        assert len(heights) == 1
    pick(console, "Harbour")
    expect(console.get_by_role("button", name="Financials")).to_be_visible()
    notebook.page.set_viewport_size({"width": 1440, "height": 1500})
    expect(table.locator(".ct-foot")).to_be_visible(timeout=SLOWLY)
    foot, whole = table.locator(".ct-foot").bounding_box(), console.bounding_box()
    assert foot is not None
    assert whole is not None
    assert whole["y"] + whole["height"] - foot["y"] - foot["height"] < 4  # in a tall window the rows take all of it
    for width in (480, 720, 1920):
        notebook.page.set_viewport_size({"width": width, "height": 1080})
        for theme in ("dark", "light"):
            notebook.theme(theme)
            notebook.shot(f"room-{width}-{theme}", console)
        cell = notebook.locator(".jp-Cell-outputArea .jp-OutputArea-child").filter(has=console).bounding_box()
        box = console.bounding_box()
        assert cell is not None
        assert box is not None
        assert cell["width"] - box["width"] < 80  # the prompt beside an output, and no more
        sizes = console.evaluate("e => [e.scrollWidth, e.clientWidth]")
        assert sizes[0] <= sizes[1]
