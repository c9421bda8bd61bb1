"""The console in a real JupyterLab: choose, refresh, watch, read; live while a cell sleeps; the key nowhere.

Opening a notebook costs as much as a minute of clicking on a busy machine, so each test goes a long way in one.
"""

import re
from collections.abc import Callable

from playwright.sync_api import Locator, expect

from .notebooks import Notebook

SETUP = """import codat_notebook as cn
from codat_notebook.models.shared import Security
from codat_notebook.utils import RetryConfig

def session_on(sandbox, key=None, **options):
    return cn.Session(Security(auth_header=key or sandbox.key), server_url=sandbox.url, is_sandbox=True, **options)

sandbox = cn.Sandbox(speed=120).start()
session = session_on(sandbox)"""
#: Milliseconds: a kernel on a busy machine starts slowly, and an operation lives for a while.
SLOWLY = 60_000


def pick(where: Locator, text: str) -> None:
    """Type into the company field and take what matches."""
    where.locator(".codat-company input").fill(text)
    options = where.locator(".codat-company [role=option]")
    expect(options).to_have_count(1)
    options.click()
    expect(where.locator(".codat-data-types").get_by_role("checkbox").first).to_be_visible(timeout=SLOWLY)


def tick(where: Locator, *names: str) -> None:
    """Tick data types by their plain names."""
    for name in names:
        where.locator(".codat-data-types").get_by_role("checkbox", name=re.compile(f"^{name}\\b")).check()


def refresh(where: Locator) -> None:
    """Click the button whose number is the ticks'."""
    where.locator(".codat-refresh").click()


def open_tab(console: Locator, name: str) -> None:
    """Click a tab of the strip."""
    console.locator(".codat-tabs [role=tab]").filter(has_text=name).click()


def look_through_the_later_tabs(notebook: Notebook, console: Locator) -> None:
    """Freshness, timeline, requests, code, each in both themes; a table saved as a file by the browser."""
    open_tab(console, "Freshness")
    heatmap = console.locator(".codat-heatmap")
    expect(heatmap.locator("tbody tr")).to_have_count(3, timeout=SLOWLY)
    heatmap.locator("tbody tr").filter(has_text="NetSuite").locator("td").first.click()
    expect(heatmap.get_by_role("status")).to_contain_text("Oracle NetSuite")
    shots = [("freshness", "Freshness"), ("timeline", "Timeline"), ("requests", "Requests"), ("code", "Code")]
    open_tab(console, "Timeline")
    bars = console.locator(".codat-timeline .plot .bar")
    expect(bars.first).to_be_visible(timeout=SLOWLY)
    expect(console.locator(".codat-timeline .names")).to_contain_text("Credit notes")
    bars.last.click()
    expect(console.locator(".codat-timeline-details")).to_contain_text("connectionId", timeout=SLOWLY)
    open_tab(console, "Code")
    expect(console.locator(".codat-code")).to_contain_text('"invoices"')
    open_tab(console, "Requests")
    expect(console.locator(".codat-requests tbody tr").first).to_contain_text("200", timeout=SLOWLY)
    console.locator(".codat-requests").get_by_role("button", name="Export").click()
    with notebook.page.expect_download() as saved:
        console.locator(".codat-requests").get_by_role("menuitem", name="CSV file").click()
    assert re.fullmatch(r"requests - \d{4}-\d\d-\d\d \d{4}\.csv", saved.value.suggested_filename)
    assert saved.value.path().read_text("utf-8-sig").startswith("time (UTC),")
    for name, label in shots:
        open_tab(console, label)
        for theme in ("dark", "light"):
            notebook.theme(theme)
            notebook.shot(f"console-{name}-{theme}", console)


def test_a_company_is_refreshed_by_clicking(open_notebook: Callable[..., Notebook]) -> None:
    """From an empty console to operations at their end, in the progress, the tables and both themes."""
    notebook = open_notebook(SETUP, "cn.console(session)")
    notebook.page.set_viewport_size({"width": 1560, "height": 1500})
    console = notebook.locator(".codat-console")
    expect(console).to_contain_text("12,000 requests left today", timeout=SLOWLY)
    notebook.shot("console-idle", console)

    pick(console, "Toft")
    expect(console.locator(".codat-connections")).to_contain_text("Shopify")
    tick(console, "Invoices", "Credit notes")
    expect(console.locator(".codat-refresh")).to_have_text("Refresh 2 selected")
    notebook.shot("console-picked", console)
    refresh(console)
    progress = console.locator(".codat-progress")
    expect(progress.locator(".op")).to_have_count(2)
    notebook.shot("console-refreshing", console)
    expect(progress).to_contain_text("2 of 2 done, 1 failed", timeout=SLOWLY)

    first = console.locator(".codat-operations tbody tr").filter(has_text="Invoices").first
    expect(first).to_contain_text("Complete")
    expect(console.locator(".codat-operations tbody tr").first).to_contain_text(re.compile("Invoices|Credit notes"))
    notebook.shot("console-done", console)
    notebook.theme("dark")
    notebook.shot("console-done-dark", console)

    open_tab(console, "Errors")
    errors = console.locator(".codat-errors")
    expect(errors).to_be_visible()
    expect(console.locator(".codat-operations")).to_be_hidden()
    expect(errors).to_contain_text("Credit notes could not be refreshed from Oracle NetSuite")
    expect(errors).to_contain_text("relink")
    notebook.shot("console-errors-dark", console)
    notebook.theme("light")
    notebook.shot("console-errors", console)

    look_through_the_later_tabs(notebook, console)
    for width in (1000, 720):
        notebook.page.set_viewport_size({"width": width, "height": 1500})
        sizes = console.evaluate("e => [e.scrollWidth, e.clientWidth]")
        assert sizes[0] <= sizes[1]
        notebook.shot(f"console-{width}", console)


def test_it_stays_live_while_a_cell_sleeps_and_the_key_is_not_saved(open_notebook: Callable[..., Notebook]) -> None:
    """The refresh ends on screen before the cell does; the saved file holds the console and not the key."""
    notebook = open_notebook(SETUP, "cn.console(session)", "print('key:', sandbox.key[:8] + '|' + sandbox.key[8:])")
    console = notebook.locator(".codat-console")
    printed = notebook.output(2).locator("pre").filter(has_text="key:")
    printed.wait_for(timeout=SLOWLY)
    key = printed.inner_text().removeprefix("key:").strip().replace("|", "")
    pick(console, "Toft")
    tick(console, "Customers")
    refresh(console)
    progress = console.locator(".codat-progress")
    expect(progress.locator(".op")).to_have_count(1)
    wake = notebook.block()
    expect(progress).to_contain_text("1 of 1 done", timeout=SLOWLY)
    slept = notebook.locator(".jp-OutputArea-output").filter(has_text="slept well")
    expect(slept).to_have_count(0)
    wake()
    expect(slept).to_have_count(1, timeout=SLOWLY)
    saved = notebook.saved_text()
    assert "codat-progress" in saved
    assert '"rows":[' in saved  # a table's state, which travels packed
    assert len(key) > 16
    assert key not in saved


def test_what_goes_wrong_is_told_with_what_to_do(open_notebook: Callable[..., Notebook]) -> None:
    """A wrong key, no server, ids that lead nowhere: each says what is wrong, where it happens."""
    notebook = open_notebook(
        SETUP,
        "cn.console(session_on(sandbox, 'not-the-key'))",
        "gone = cn.Sandbox().start(); lost = session_on(gone); gone.stop(); cn.console(lost)",
        "cn.console(session)",
    )
    wrong, lost, right = (notebook.output(cell).locator(".codat-console") for cell in (1, 2, 3))
    notice = wrong.locator(".codat-notice:visible")
    expect(notice).to_contain_text("Codat did not accept the key.", timeout=SLOWLY)
    expect(notice).to_contain_text("Check the key and connect again.")
    notebook.shot("console-wrong-key", wrong)

    expect(lost.locator(".codat-status")).to_contain_text("trying again in", timeout=SLOWLY)
    notebook.shot("console-no-network", lost)

    field, company = right.locator(".codat-company input"), right.locator(".codat-company")
    for text, words in {
        "00000000-0000-4000-8000-000000000000": "No company in this account has this id.",
        "c8d3af58-7011-47ce-b3f2-89faf300ef6": "Not a company id",
    }.items():
        field.fill(text)
        field.press("Enter")
        expect(company).to_contain_text(words)
    notebook.shot("console-no-such-id", right)
