"""The views of many companies in `codat-notebook app`: in narrow windows and both themes, by axe, by Back and Forward.

A company, the list, its heatmap, the plan of a selection, the runs and one of them; and what two visitors of one page
see of each other.
"""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from codat_notebook.sandbox import Sandbox

from ..commands import Command, running  # noqa: TID252 - the tests are not installed, so they have no absolute name
from .test_accessibility import serious
from .test_app import address, json_id

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl-C to one process")
WIDTHS = (1440, 1130, 800, 480)
#: Texts and controls of the tools above a table that a reader cannot see: cut off at a side, or scrolled out of sight.
CUT_OFF = """tools => {
  tools.scrollIntoView({ block: "center" });
  const room = tools.getBoundingClientRect();
  const seen = each => {
    const box = each.getBoundingClientRect();
    const at = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return box.left >= room.left && box.right <= room.right && box.bottom <= room.bottom && each.contains(at);
  };
  const all = [...tools.querySelectorAll(".ct-chips button, .ct-count, .ct-filter, .ct-export button")];
  return all.filter(each => each.offsetWidth && !seen(each)).map(each => each.textContent);
}"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Command, Sandbox]]:
    """The page on 400 companies, live as far as it knows, with a folder for its runs."""
    home = tmp_path_factory.mktemp("app")
    with Sandbox(companies=400, speed=120, seed=3) as codat:
        codat.faults.hidden_headers = {"X-Sandbox"}
        account = {"CODAT_BASE_URL": codat.url, "CODAT_API_KEY": codat.key}
        kept = ("--no-memory", "--journals", "runs")
        with running("app", "--live", *kept, "--no-browser", cwd=home, environment=account) as command:
            yield command, codat


@pytest.fixture
def console(app: tuple[Command, Sandbox], page: Page) -> Iterator[Locator]:
    """The console of a visitor, with all companies listed."""
    page.goto(address(app[0]))
    console = page.locator(".codat-console").first
    expect(console.locator(".codat-companies .ct-count")).to_have_text("400 companies")
    yield console
    page.goto("about:blank")


def look(page: Page, name: str, shoot: Callable[..., Path]) -> dict[str, list[str]]:
    """What is wrong in any width and theme, by where; a picture of each."""
    found = {}
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 1000})
            tools = page.locator(".ct-tools").locator("visible=true")
            faults = tools.first.evaluate(CUT_OFF) if tools.count() else []
            if page.evaluate("document.documentElement.scrollWidth") > width:
                faults.append("wider than the window")
            if width == WIDTHS[0]:
                faults += serious(page)
            shoot(page, f"views-{name}-{width}-{scheme}")
            if faults:
                found[f"{scheme} {width}"] = faults
    page.set_viewport_size({"width": WIDTHS[0], "height": 1000})
    return found


@pytest.mark.full
def test_the_list_and_its_heatmap_are_whole(page: Page, console: Locator, shoot: Callable[..., Path]) -> None:
    """Before and after a look at some of them; the heatmap has the filter of the list."""
    assert look(page, "companies", shoot) == {}
    looked_at(console, "lighting")
    assert look(page, "looked-at", shoot) == {}
    console.get_by_role("tab", name="Freshness").click()
    expect(console.locator(".codat-heatmap .k-title").first).to_contain_text("companies: ")
    expect(console.get_by_role("searchbox", name="Filter companies").first).to_have_value("lighting")
    assert look(page, "heatmap", shoot) == {}


@pytest.mark.full
def test_a_plan_and_its_run_are_whole(page: Page, console: Locator, shoot: Callable[..., Path]) -> None:
    """The plan of a selection, its run, and all runs."""
    panel = console.locator(".codat-plan")
    looked_at(console, "catering")
    console.get_by_role("button", name=re.compile("^Plan a refresh")).click()
    expect(panel.locator(".told")).to_contain_text("Would refresh")
    panel.get_by_label("that is").select_option("of any age")
    expect(panel.locator(".told")).to_contain_text("asked for")
    panel.get_by_role("button", name="Show what is skipped").click()
    assert look(page, "plan", shoot) == {}
    panel.get_by_role("button", name=re.compile("^Refresh [0-9]")).click()
    stands = console.locator(".codat-opened .codat-run-overview .c-pill").first
    expect(stands).to_have_text(re.compile("^(Done|Ended with failures)$"))
    assert look(page, "run", shoot) == {}
    console.get_by_role("button", name="All runs").click()
    expect(console.locator(".codat-runs tbody tr")).to_have_count(1)
    assert look(page, "runs", shoot) == {}


def test_a_company_and_its_dialog_are_whole(page: Page, console: Locator, shoot: Callable[..., Path]) -> None:
    """The company that a click in the list opens, and the question before all of it is refreshed."""
    console.locator(".codat-companies tbody tr").first.click()
    expect(console.locator(".codat-data-types").get_by_role("checkbox").first).to_be_attached()
    expect(console.locator(".codat-operations tbody tr").first).to_be_visible()
    assert look(page, "company", shoot) == {}
    console.get_by_role("button", name=re.compile("^Refresh all")).click()
    expect(console.get_by_role("alertdialog")).to_be_visible()
    assert look(page, "dialog", shoot) == {}


def looked_at(console: Locator, text: str) -> None:
    """Filter the list, and look at those that match."""
    table = console.locator(".codat-companies")
    table.locator(".ct-filter").fill(text)
    expect(table.locator(".ct-count")).to_have_text(re.compile(r"^\d+ of 400 companies$"))
    table.get_by_role("button", name=re.compile("^Look at")).click()
    expect(table.get_by_role("button", name=re.compile("^Look again"))).to_be_visible()


def test_back_and_forward_go_between_views_without_a_new_page(page: Page, console: Locator) -> None:
    """A company, the runs and one of them are steps; Back finds filter and scroll as they were; a reload stays."""
    kernel = json_id(page)
    table = console.locator(".codat-companies")
    start = page.url
    table.get_by_role("button", name=re.compile("^Need a customer")).click()
    row = table.locator("tbody tr").nth(20)
    row.scroll_into_view_if_needed()
    top = table.locator(".ct-scroll").evaluate("e => e.scrollTop")
    name = row.locator("td.ct-text").first.inner_text()
    row.click()
    expect(page).to_have_url(re.compile(r"\?company=[-0-9a-f]{36}$"))
    opened = page.url
    console.get_by_role("button", name="All companies").click()
    expect(page).to_have_url(start)
    console.get_by_role("tab", name="Runs").click()
    expect(page).to_have_url(f"{start}?view=runs")
    page.go_back()
    expect(table).to_be_visible()
    expect(page).to_have_url(start)
    page.go_back()
    expect(page).to_have_url(opened)
    expect(console.locator(".codat-company input")).to_have_value(name)
    expect(console.locator(".codat-data-types").get_by_role("checkbox").first).to_be_attached()
    page.go_back()
    expect(page).to_have_url(start)
    expect(table).to_be_visible()
    expect(table.locator(".ct-quick .on")).to_contain_text("Need a customer")
    assert table.locator(".ct-scroll").evaluate("e => e.scrollTop") == top
    page.go_forward()
    expect(console.locator(".codat-company input")).to_have_value(name)
    page.go_forward()
    page.go_forward()
    expect(console.locator(".codat-panel-runs")).to_be_visible()
    expect(page).to_have_url(f"{start}?view=runs")
    assert json_id(page) == kernel
    page.reload()
    expect(console.locator(".codat-panel-runs")).to_be_visible()
    expect(page).to_have_url(f"{start}?view=runs")
    assert json_id(page) != kernel


def test_two_visitors_do_not_see_each_others_companies_selections_or_errors(
    app: tuple[Command, Sandbox], page: Page, console: Locator
) -> None:
    """What one opens, ticks, filters, and what goes wrong for one, is not on the other's page."""
    codat = app[1]
    other = page.context.new_page()
    other.goto(address(app[0]))
    theirs = other.locator(".codat-console").first
    table = console.locator(".codat-companies")
    expect(theirs.locator(".codat-companies .ct-count")).to_have_text("400 companies")
    table.locator("tbody input[type=checkbox]").first.check()
    expect(table.locator(".ct-count")).to_have_text("400 companies, 1 selected")
    table.locator(".ct-filter").fill("lighting")
    expect(table.locator(".ct-count")).to_have_text(re.compile(r"^\d of 400 companies, 1 selected$"))
    rule = codat.faults.next(1, match="GET /companies", status=403)
    table.get_by_role("button", name=re.compile("^Read the list again")).click()
    expect(console.get_by_role("tab", name="Errors this session")).to_have_text(re.compile("1$"))
    rule.end()
    table.locator("tbody tr").first.click()
    expect(page).to_have_url(re.compile("company="))
    expect(console.locator(".codat-data-types").get_by_role("checkbox").first).to_be_attached()

    theirs.locator(".codat-companies").get_by_role("button", name=re.compile("^Read the list again")).click()
    expect(theirs.locator(".codat-companies .ct-more")).not_to_have_class(re.compile("busy"))
    expect(theirs.locator(".codat-companies .ct-count")).to_have_text("400 companies")
    expect(theirs.locator(".codat-companies input:checked")).to_have_count(0)
    expect(theirs.locator(".codat-company input")).to_have_value("")
    expect(theirs.get_by_role("tab", name="Errors this session")).to_have_text(re.compile("session ?$"))
    assert "could not be listed" not in theirs.inner_text()
    assert "company=" not in other.url
    other.goto("about:blank")
