"""A run outlives its page in `codat-notebook app`: the tab is closed in its middle, and its address opened again."""

import re
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from codat_notebook.sandbox import Sandbox

from ..commands import Command, running  # noqa: TID252 - the tests are not installed, so they have no absolute name
from .test_app import address

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl-C to one process")
TYPES = ("invoices", "bills", "customers", "suppliers", "items")


@pytest.fixture
def live(tmp_path: Path) -> Iterator[tuple[Command, Sandbox]]:
    """The page on a sandbox that does not say so, with a folder for its runs."""
    with Sandbox(speed=60) as codat:
        codat.faults.hidden_headers = {"X-Sandbox"}
        account = {"CODAT_BASE_URL": codat.url, "CODAT_API_KEY": codat.key}
        kept = ("--no-memory", "--journals", "runs")
        with running("app", "--live", *kept, "--no-browser", cwd=tmp_path, environment=account) as command:
            yield command, codat


def pick(console: Locator) -> None:
    """Toft, and five data types of it."""
    console.locator(".codat-company input").fill("Toft")
    console.locator(".codat-company [role=option]").filter(has_text="Toft").click()
    for name in TYPES:
        console.locator(".codat-data-types").get_by_role("checkbox", name=re.compile(rf"^{name}\b", re.I)).check()


def test_a_tab_is_closed_in_the_middle_of_a_run_that_its_address_finds_again(
    live: tuple[Command, Sandbox], context: BrowserContext, page: Page, shoot, tmp_path: Path
) -> None:
    """Some of it is queued, one POST is on its way, two were never taken: opened again, all is queued once and ends."""
    command, codat = live
    base = address(command)
    page.goto(base)
    console = page.locator(".codat-console").first
    pick(console)
    refused = [codat.faults.rate_limit(None, 600, f"POST /companies/*/data/queue/{name}") for name in TYPES[:2]]
    gate = codat.faults.hold("POST /companies/*/data/queue/customers")
    console.locator(".codat-refresh").click()
    expect(page).to_have_url(re.compile(r"\?company=[-0-9a-f]{36}&run=\d{4}-[-0-9a-f]+\.sqlite$"))
    command.wait_until(lambda: len(codat.world.accepted) == 2)
    url, name = page.url, page.url.partition("run=")[2]
    page.close(run_before_unload=True)  # as a person closes a tab
    command.wait_until(lambda: command.kernels() == 0)
    assert len(codat.world.accepted) == 2
    gate.open()
    for rule in refused:
        rule.end()

    page = context.new_page()
    page.goto(url)
    console = page.locator(".codat-console").first
    expect(console.locator(".codat-progress .rows > li")).to_have_count(5)
    expect(console.locator(".codat-progress .words")).to_contain_text("5 of 5 done")
    assert Counter(str(each.data_type) for each in codat.world.accepted) == Counter(TYPES)
    assert [path.name for path in (tmp_path / "runs").glob("*.sqlite")] == [name]
    shoot(page, "app-runs-company")

    console.get_by_role("button", name="All companies").click()
    expect(page).not_to_have_url(re.compile("run="))
    for tab in ("Requests", "Code"):
        expect(console.get_by_role("tab", name=tab)).to_be_hidden()
    console.get_by_role("tab", name="Runs").click()
    table = console.locator(".codat-runs")
    expect(table.locator("tbody tr")).to_have_count(1)
    expect(table.locator(".ct-more")).to_contain_text("All visitors to this page share one account")
    shoot(page, "app-runs")
    table.locator("tbody tr").first.click()
    head = console.locator(".codat-run-overview")
    expect(head.locator(".title")).to_have_text("Refresh of Toft Stores UK")
    expect(table).to_be_hidden()
    expect(page).to_have_url(f"{base}/?run={name}")
    look(page, console, shoot)
    page.reload()
    expect(head.locator(".figures")).to_contain_text("5 of 5 operations ended")
    assert len(codat.world.accepted) == 5
    console.get_by_role("button", name="All runs").click()
    expect(table.locator("tbody tr")).to_have_count(1)
    expect(page).to_have_url(f"{base}/?view=runs")
    console.get_by_role("button", name="More…").click()
    expect(console.get_by_role("tab", name="Requests")).to_be_focused()
    page.goto("about:blank")
    command.end(signal.SIGINT)


def look(page: Page, console: Locator, shoot) -> None:
    """Pictures in both themes, wide and narrow, in which nothing stands out at the side."""
    expect(console.locator(".codat-opened .codat-panel-companies .rows > li")).to_have_count(5)
    for theme in ("Dark", "Light"):
        page.get_by_role("button", name=theme, exact=True).click()
        for width in (1440, 480):
            page.set_viewport_size({"width": width, "height": 1000})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            shoot(page, f"app-run-{theme.lower()}-{width}")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("../../etc/passwd", marks=pytest.mark.full),
        "</script><img src=x onerror=document.body.dataset.hurt=1>",
    ],
)
def test_a_hostile_run_in_the_address_is_text(
    live: tuple[Command, Sandbox], page: Page, shoot, tmp_path: Path, name: str
) -> None:
    """It is told that there is no such run; nothing is made, read or run."""
    command, codat = live
    page.goto(f"{address(command)}/?run={name}")
    console = page.locator(".codat-console").first
    expect(console.locator(".codat-notice").locator("visible=true")).to_contain_text("There is no run")
    expect(console.locator(".codat-runs .ct-empty")).to_contain_text("Nothing has been refreshed yet.")
    assert page.evaluate("document.body.dataset.hurt") is None
    assert page.locator("img[src=x]").count() == 0
    assert list((tmp_path / "runs").iterdir()) == []
    assert codat.world.accepted == []
    shoot(page, "app-runs-none")
    page.goto("about:blank")
    command.end(signal.SIGINT)
