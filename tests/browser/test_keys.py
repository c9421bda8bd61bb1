"""Keys in JupyterLab while the focus is in the console: the notebook's shortcuts and those of text fields."""

from collections.abc import Callable

from playwright.sync_api import Locator, expect

from .notebooks import Notebook
from .test_console import SETUP, SLOWLY, open_tab, pick

DIRTY = "() => jupyterapp.shell.currentWidget.context.model.dirty"
CELLS = "() => jupyterapp.shell.currentWidget.content.widgets.length"


def save_from(notebook: Notebook, where: Locator) -> None:
    """With the focus there: Ctrl S writes the notebook to the disk, and the focus stays."""
    notebook.page.evaluate("() => { jupyterapp.shell.currentWidget.context.model.dirty = true; }")
    before = notebook.path.stat().st_mtime_ns
    where.focus()
    notebook.page.keyboard.press("Control+s")
    notebook.page.wait_for_function(f"!({DIRTY})()")
    assert notebook.path.stat().st_mtime_ns > before
    expect(where).to_be_focused()


def test_the_notebooks_shortcuts_and_those_of_text_fields(open_notebook: Callable[..., Notebook]) -> None:
    """Ctrl S saves from a button, a list, a row, a field; Ctrl A, Ctrl Z and Ctrl X edit text; d d deletes no cell."""
    notebook = open_notebook(SETUP, "cn.console(session)")
    notebook.page.set_viewport_size({"width": 1560, "height": 1500})
    console = notebook.locator(".codat-console")
    pick(console, "Toft")
    row = console.locator(".codat-operations tbody tr").first
    expect(row).to_be_visible(timeout=SLOWLY)
    box = console.locator(".codat-data-types .box[tabindex='0']")
    field = console.get_by_role("searchbox", name="Find a data type")
    company = console.locator(".codat-company input")
    keyboard, cells = notebook.page.keyboard, notebook.page.evaluate(CELLS)
    for place in (console.locator(".codat-refresh-all"), box, row, field, console.locator(".codat-tabs .tab").first):
        save_from(notebook, place)
        for key in ("d", "d", "a", "b", "x", "Shift+Enter"):
            place.press(key)
    assert notebook.page.evaluate(CELLS) == cells

    for text in (field, company):
        text.fill("")
        text.focus()
        keyboard.type("one")
        keyboard.press("Control+a")
        keyboard.type("two")
        expect(text).to_have_value("two")
        while text.input_value() != "one":  # step by step, as the browser cuts what was typed
            before = text.input_value()
            keyboard.press("Control+z")
            assert text.input_value() != before
        keyboard.press("Control+a")
        keyboard.press("Control+x")
        expect(text).to_have_value("")
        keyboard.press("Control+v")
        expect(text).to_have_value("one")
        keyboard.press("Control+Backspace")
        expect(text).to_have_value("")
    assert notebook.page.evaluate(CELLS) == cells

    keyboard.press("Escape")
    open_tab(console, "Freshness")
    cell = console.locator(".codat-heatmap td").first
    cell.click()
    save_from(notebook, cell)
    cell.press("Control+Shift+C")  # the palette of all commands
    expect(notebook.page.locator(".jp-ModalCommandPalette")).to_be_visible()
