"""The console's tables in a real JupyterLab: filtered, opened row by row, and loaded back to their beginning."""

import re
from collections.abc import Callable

from playwright.sync_api import expect

from .notebooks import Notebook
from .test_console import SLOWLY, open_tab, pick, refresh, tick

SETUP = """import codat_notebook as cn
from codat_notebook.models.shared import Security

sandbox = cn.Sandbox(speed=120).start()
toft = next(company for company in sandbox.world.companies()["results"] if company["name"].startswith("Toft"))
sandbox.world.lengthen_history(toft["id"], 3_000)
session = cn.Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True)"""


def test_tables_are_filtered_opened_and_loaded_back(open_notebook: Callable[..., Notebook]) -> None:
    """A failed operation is found by its status, read with its remedy, left by Escape; older ones are loaded."""
    notebook = open_notebook(SETUP, "cn.console(session)")
    notebook.page.set_viewport_size({"width": 1560, "height": 1500})
    console = notebook.locator(".codat-console")
    pick(console, "Toft")
    tick(console, "Credit notes")
    refresh(console)
    expect(console.locator(".codat-progress")).to_contain_text("1 of 1 done", timeout=SLOWLY)

    operations = console.locator(".codat-operations")
    expect(operations.locator(".ct-more")).to_contain_text(re.compile(r"The newest 1,00\d of 3,00\d operations"))
    operations.locator(".ct-add", has_text="status").click()
    operations.locator(".ct-panel:popover-open label", has_text="No permission").click()
    notebook.page.keyboard.press("Escape")
    expect(operations.locator("tbody tr").first).to_contain_text("Credit notes")
    details = console.locator(".codat-operations-details")
    opened = operations.locator("tbody tr").first.locator("td.ct-id span").inner_text()
    operations.locator("tbody tr").first.click()
    expect(details.get_by_role("heading", level=3)).to_be_focused(timeout=SLOWLY)
    expect(details).to_contain_text("Not checked: this operation ended before", timeout=SLOWLY)
    expect(details.get_by_role("button", name="Copy relink URL")).to_be_visible()
    term = details.locator("dt", has_text="connectionId").bounding_box()
    assert term is not None
    assert term["height"] < 30  # JupyterLab's own style would break the word into four lines
    for theme in ("dark", "light"):
        notebook.theme(theme)
        notebook.shot(f"console-details-{theme}", console)
    notebook.page.keyboard.press("Escape")
    expect(details).to_be_hidden()
    expect(operations.locator("tbody tr").filter(has_text=opened)).to_be_focused()

    operations.get_by_role("button", name="Clear all").click()
    operations.get_by_role("button", name=re.compile("Load all")).click()
    expect(operations.locator(".ct-more")).to_be_hidden(timeout=SLOWLY)
    expect(operations.locator(".ct-count")).to_have_text(re.compile(r"^3,00\d operations$"))

    open_tab(console, "Errors")
    console.locator(".codat-errors tbody tr").first.click()
    card = console.locator(".codat-errors-details .codat-card")
    expect(card).to_contain_text("Credit notes could not be refreshed from Oracle NetSuite", timeout=SLOWLY)
    expect(card.get_by_role("button", name="Copy relink URL")).to_be_visible()
    notebook.shot("console-errors-details", console)
    open_tab(console, "Requests")
    console.locator(".codat-requests tbody tr").filter(has_text="pull_operations.list").first.click()
    expect(console.locator(".codat-requests-details")).to_contain_text("GET", timeout=SLOWLY)
    sizes = console.evaluate("e => [e.scrollWidth, e.clientWidth]")
    assert sizes[0] <= sizes[1]
