"""All companies in a real JupyterLab and in the app: found, opened, left again, kept in the address."""

import re
import signal
import sys
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from ..commands import running  # noqa: TID252 - the tests are not installed, so they have no absolute name
from .notebooks import Notebook
from .test_console import SLOWLY

#: In the evening, when QuickBooks Desktop is read, too.
SETUP = """from datetime import UTC, datetime
import codat_notebook as cn
from codat_notebook.models.shared import Security

sandbox = cn.Sandbox(companies=400, speed=600, start=datetime(2026, 11, 24, 20, tzinfo=UTC)).start()
session = cn.Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True)"""


def test_companies_are_found_opened_and_left_again(open_notebook: Callable[..., Notebook]) -> None:
    """400 are listed at once; a look at those that match is one click; Back finds filter and scroll as they were."""
    notebook = open_notebook(SETUP, "cn.console(session)")
    notebook.page.set_viewport_size({"width": 1560, "height": 1000})
    console = notebook.locator(".codat-console")
    table = console.locator(".codat-companies")
    expect(table.locator(".ct-count")).to_have_text("400 companies", timeout=SLOWLY)
    expect(console.locator(".codat-work")).to_be_hidden()
    for theme in ("dark", "light"):
        notebook.theme(theme)
        notebook.shot(f"companies-{theme}", console)
    biggest = max(len(str(widget)) for widget in notebook.saved_widgets().values())
    assert sum(len(str(widget)) for widget in notebook.saved_widgets().values()) < 250_000, biggest

    table.locator(".ct-filter").fill("redfern")
    table.get_by_role("button", name=re.compile(r"^Look at \d companies \(about \d+ requests\)$")).click()
    looked_at = re.compile(r"[1-9] of 400 companies looked at")
    expect(table.locator(".ct-more")).to_contain_text(looked_at, timeout=SLOWLY)
    notebook.shot("companies-looked-at", console)
    table.locator(".ct-filter").fill("")
    expect(table.locator(".ct-count")).to_have_text("400 companies")
    table.get_by_role("button", name=re.compile("^Need a customer")).click()
    expect(table.locator(".ct-count")).to_have_text(re.compile(r"^\d+ of 400 companies$"))
    found = int(table.locator(".ct-count").inner_text().split()[0])
    expect(table.locator("tbody tr")).to_have_count(min(found, 50))

    row = table.locator("tbody tr").last
    row.scroll_into_view_if_needed()
    top = table.locator(".ct-scroll").evaluate("e => e.scrollTop")
    assert top > 0
    name = row.locator("td.ct-text").first.inner_text()
    row.click()
    expect(console.locator(".codat-company input")).to_have_value(name, timeout=SLOWLY)
    expect(console.locator(".codat-data-types").get_by_role("checkbox").first).to_be_attached(timeout=SLOWLY)
    expect(table).to_be_hidden()
    notebook.shot("companies-opened", console)
    console.get_by_role("button", name="All companies").click()
    expect(table).to_be_visible(timeout=SLOWLY)
    expect(console.locator(".codat-work")).to_be_hidden()
    expect(console.locator(".codat-company input")).to_be_focused()
    expect(table.locator(".ct-quick .on")).to_contain_text("Need a customer")
    assert table.locator(".ct-scroll").evaluate("e => e.scrollTop") == top
    table.locator(".ct-filter").fill("no company is called so")
    expect(table.locator(".ct-empty")).to_contain_text("No company matches.", timeout=SLOWLY)
    for width in (1000, 720):
        notebook.page.set_viewport_size({"width": width, "height": 1500})
        assert console.evaluate("e => e.scrollWidth <= e.clientWidth")
        notebook.shot(f"companies-{width}", console)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl-C to one process")
def test_the_address_of_the_app_carries_the_company(page: Page, shoot, tmp_path) -> None:
    """A reload stays, Back takes it out; what is no id is left out, and reaches neither page nor disk as code."""
    with running("app", "--no-browser", cwd=tmp_path) as command:
        base = command.expect(r"^Page        (http://127\.0\.0\.1:\d+)$")[1]
        hostile = "</script><script>document.body.dataset.hurt='yes'</script>"
        page.goto(f"{base}/?company={hostile}&x='); open('ran', 'w')#")
        console = page.locator(".codat-console")
        rows = console.locator(".codat-companies tbody tr")
        expect(rows).to_have_count(12)
        shoot(page, "app-companies")
        page.set_viewport_size({"width": 480, "height": 1000})
        assert page.evaluate("document.documentElement.scrollWidth") <= 480
        shoot(page, "app-companies-narrow")
        page.set_viewport_size({"width": 1280, "height": 900})
        assert page.evaluate("document.body.dataset.hurt") is None
        assert not list(tmp_path.rglob("ran"))
        expect(console.locator(".codat-company input")).to_have_value("")
        name = rows.first.locator("td.ct-text").first.inner_text()
        rows.first.click()
        expect(page).to_have_url(re.compile(r"\?company=[-0-9a-f]{36}"))
        page.reload()
        expect(console.locator(".codat-company input")).to_have_value(name)
        expect(console.locator(".codat-companies")).to_be_hidden()
        console.get_by_role("button", name="All companies").click()
        expect(rows).to_have_count(12)
        expect(page).not_to_have_url(re.compile("company="))
        page.goto("about:blank")
        command.end(signal.SIGINT)
