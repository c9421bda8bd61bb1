"""The console in Notebook 7 and Voila, as in JupyterLab: chosen, refreshed and read by clicks and keys.

One opened page a front end goes the whole way, since a server and a kernel cost more than all the clicks.
"""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from . import chromium, deadlines
from .notebooks import Notebook
from .test_console import SETUP, SLOWLY, refresh, tick

#: Somebody else's session on the same account: it refreshes when the test has made a file, and removes it when begun.
ELSEWHERE = """
import threading, time
from pathlib import Path

def elsewhere():
    while not Path("{0}").exists():
        time.sleep(0.1)
    sandbox.clock.speed = 30
    run = session_on(sandbox).refresh(str(session.companies(search="Toft").id[0]), "items", "suppliers")
    while not all(row.operation_id for row in run.rows):
        time.sleep(0.1)
    Path("{0}").unlink()
    run.wait()
    sandbox.clock.speed = 120

threading.Thread(target=elsewhere, daemon=True).start()"""
HOSTILE = """
from codat_notebook.widgets import FrameTable
import pandas as pd
bad = "<img src=x onerror=window.pwned=1>"
FrameTable(pd.DataFrame({bad: [bad], "id": [bad]}), title=bad)"""


@pytest.mark.parametrize(
    "front_end", [*(pytest.param(name, marks=pytest.mark.full) for name in ("lab", "notebook")), "voila"]
)
def test_the_console_works_in_each_front_end(
    open_notebook: Callable[..., Notebook], front_end: str, watch: chromium.Watch
) -> None:
    """A company is picked by the keyboard, refreshed, and what went wrong is read; nothing sticks out, nothing runs."""
    if front_end == "voila":
        watch.expected.append("cdnjs.cloudflare.com|unpkg.com|cdn.jsdelivr.net")  # the stock template links a CDN
    elsewhere = f"elsewhere-{front_end}"
    notebook = open_notebook(SETUP + ELSEWHERE.format(elsewhere), "cn.console(session)", HOSTILE, front_end=front_end)
    notebook.page.set_viewport_size({"width": 1280, "height": 1300})
    console = notebook.locator(".codat-console")
    expect(console).to_contain_text("requests left today", timeout=SLOWLY)

    field = console.locator(".codat-company input")
    field.fill("Toft")
    expect(console.locator(".codat-company [role=option]")).to_have_count(1, timeout=SLOWLY)
    field.press("ArrowDown")
    field.press("Enter")
    expect(console.locator(".codat-connections")).to_contain_text("Shopify", timeout=SLOWLY)
    follow_others(notebook, console, notebook.server.root / elsewhere)
    tick(console, "Credit notes", "Customers")
    refresh(console)
    done = re.compile(r"(\d) of \1 done, \d failed")  # with what others had just begun
    expect(console.locator(".codat-progress")).to_contain_text(done, timeout=SLOWLY)
    expect(console.locator(".codat-operations tbody tr").first).to_be_visible(timeout=SLOWLY)
    notebook.shot(f"console-in-{front_end}", console)

    filter_and_export(notebook, console)
    read_a_row_by_keys(notebook, console)
    walk_the_tabs_by_keys(notebook, console)
    assert console.evaluate("e => e.scrollWidth <= e.clientWidth")
    assert notebook.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    table = notebook.locator(".codat-table").filter(has_text="onerror=window.pwned")
    expect(table.locator("tbody td").first).to_contain_text("<img src=x", timeout=SLOWLY)
    table.locator("tbody td").first.hover()
    table.locator("tbody tr").first.click()
    assert notebook.page.evaluate("window.pwned") is None
    expect(notebook.locator(".c-stale")).to_have_count(0)
    switch(notebook, console)


def follow_others(notebook: Notebook, console: Locator, begin: Path) -> None:
    """What somebody else refreshes is on screen after a click, and is followed to its end."""
    progress = console.locator(".codat-progress")
    expect(progress).to_contain_text("Nothing is being refreshed.")
    begin.touch()
    deadline = time.monotonic() + deadlines.CONDITION
    while begin.exists():
        assert time.monotonic() < deadline
        notebook.page.wait_for_timeout(100)
    console.get_by_role("button", name="Read again").click()
    expect(progress).to_contain_text("Codat is already reading 2 data types, started elsewhere at", timeout=SLOWLY)
    expect(progress).to_contain_text("2 of 2 done", timeout=SLOWLY)


def filter_and_export(notebook: Notebook, console: Locator) -> None:
    """A chip leaves the failed operation; the file that is exported holds the same; clearing brings the others back."""
    table = console.locator(".codat-operations")
    table.locator(".ct-add", has_text="status").click()
    table.locator(".ct-panel:popover-open label", has_text="No permission").click()
    notebook.page.keyboard.press("Escape")
    expect(table.locator(".ct-count")).to_contain_text(re.compile(r"^\d+ of "))
    expect(table.locator("tbody tr").first).to_contain_text("Credit notes")
    table.get_by_role("button", name="Export").click()
    with notebook.page.expect_download(timeout=SLOWLY) as saved:
        table.get_by_role("menuitem", name="CSV file").click()
    heads, *rows = saved.value.path().read_text("utf-8-sig").splitlines()
    assert "requested (UTC)" in heads
    assert len(rows) == table.locator("tbody tr").count()
    assert all("PermissionsError" in row for row in rows)
    table.get_by_role("button", name="Clear all").click()
    expect(table.locator(".ct-count")).to_have_text(re.compile(r"^[\d,]+ operations$"))


def read_a_row_by_keys(notebook: Notebook, console: Locator) -> None:
    """Enter opens a row's details, Escape closes them, and the row has the focus again."""
    row = console.locator(".codat-operations tbody tr").first
    id = row.locator("td.ct-id span").inner_text()
    row.focus()
    row.press("Enter")
    details = console.locator(".codat-operations-details")
    expect(details.get_by_role("heading", level=3)).to_be_focused()
    expect(details).to_contain_text(id.split("…")[0])
    notebook.page.keyboard.press("Escape")
    expect(details).to_be_hidden()
    expect(console.locator(".codat-operations tbody tr").filter(has_text=id)).to_be_focused()


def walk_the_tabs_by_keys(notebook: Notebook, console: Locator) -> None:
    """End, Home and the arrows show a tab at once; the one of errors says what to do."""
    tabs = console.locator(".codat-tabs [role=tab]")
    tabs.first.focus()
    for key, panel in (("End", "code"), ("ArrowLeft", "requests"), ("Home", "operations"), ("ArrowRight", "errors")):
        notebook.page.keyboard.press(key)
        expect(console.locator(f".codat-panel-{panel}")).to_be_visible()
    expect(tabs.filter(has_text="Errors")).to_be_focused()
    expect(console.locator(".codat-errors")).to_contain_text("relink", timeout=SLOWLY)
    expect(console.locator(".codat-operations")).to_be_hidden()


def switch(notebook: Notebook, console: Locator) -> None:
    """The form that connects opens and closes by keys; the sandbox is one click away."""
    button = console.get_by_role("button", name="Switch…")
    form = console.get_by_role("region", name="Connect to Codat")
    button.press("Enter")
    expect(form).to_be_visible()
    notebook.page.keyboard.press("Escape")
    expect(form).to_be_hidden()
    expect(button).to_be_focused()
    button.press("Enter")
    form.get_by_role("button", name="Open the sandbox").click()
    expect(form).to_be_hidden(timeout=SLOWLY)
    expect(console.locator(".codat-company input")).to_have_value("", timeout=SLOWLY)
    expect(console.locator(".codat-status .badge.sandbox")).to_be_visible()
