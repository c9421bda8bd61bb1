"""The console in Notebook 7 and Voila, as in JupyterLab: chosen, refreshed and read by clicks and keys.

One opened page a front end goes the whole way, since a server and a kernel cost more than all the clicks.
"""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from . import chromium
from .notebooks import Notebook
from .test_console import SETUP, SLOWLY, open_tab, refresh, tick

HOSTILE = """
from codat_notebook.widgets import FrameTable
import pandas as pd
bad = "<img src=x onerror=window.pwned=1>"
FrameTable(pd.DataFrame({bad: [bad], "id": [bad]}), title=bad)"""


@pytest.mark.parametrize("front_end", [pytest.param("lab", marks=pytest.mark.full), "notebook", "voila"])
def test_the_console_works_in_each_front_end(
    open_notebook: Callable[..., Notebook], front_end: str, watch: chromium.Watch
) -> None:
    """A company is picked by the keyboard, refreshed, and what went wrong is read; nothing sticks out, nothing runs."""
    if front_end == "voila":
        watch.expected.append("cdnjs.cloudflare.com|unpkg.com|cdn.jsdelivr.net")  # the stock template links a CDN
    notebook = open_notebook(SETUP, "cn.console(session)", HOSTILE, front_end=front_end)
    notebook.page.set_viewport_size({"width": 1280, "height": 1300})
    console = notebook.locator(".codat-console")
    expect(console).to_contain_text("requests left today", timeout=SLOWLY)

    field = console.locator(".codat-company input")
    field.fill("Toft")
    expect(console.locator(".codat-company [role=option]")).to_have_count(1, timeout=SLOWLY)
    field.press("ArrowDown")
    field.press("Enter")
    expect(console.locator(".codat-connections")).to_contain_text("Shopify", timeout=SLOWLY)
    tick(console, "Credit notes", "Customers")
    refresh(console)
    expect(console.locator(".codat-progress")).to_contain_text("2 of 2 done, 1 failed", timeout=SLOWLY)
    expect(console.locator(".codat-operations tbody tr").first).to_be_visible(timeout=SLOWLY)
    notebook.shot(f"console-in-{front_end}", console)

    open_tab(console, "Errors")
    expect(console.locator(".codat-errors")).to_contain_text("relink", timeout=SLOWLY)
    expect(console.locator(".codat-operations")).to_be_hidden()
    assert console.evaluate("e => e.scrollWidth <= e.clientWidth")
    assert notebook.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    table = notebook.locator(".codat-table").filter(has_text="onerror=window.pwned")
    expect(table.locator("tbody td").first).to_contain_text("<img src=x", timeout=SLOWLY)
    table.locator("tbody td").first.hover()
    table.locator("tbody tr").first.click()
    assert notebook.page.evaluate("window.pwned") is None
    expect(notebook.locator(".c-stale")).to_have_count(0)
