"""From a selection to a run, by clicks: in a real JupyterLab, and in the app, where no line of code is written.

*An analyst's morning* finds who must relink and copies a link, plans the financials of one region, looks at what that
takes, runs it, closes the tab in its middle and opens it again, retries what may be, and saves the report of a company
that still fails; by mouse, by the keyboard alone, and where nothing may be queued.
"""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from codat_notebook.cli.plan_file import read_plan
from codat_notebook.sandbox import Sandbox

from ..commands import Command, running  # noqa: TID252 - the tests are not installed, so they have no absolute name
from .notebooks import Notebook
from .test_accessibility import serious
from .test_console import SLOWLY
from .test_console_companies import SETUP
from .test_details import CLIPBOARD


def test_a_selection_becomes_a_plan_and_a_run(open_notebook: Callable[..., Notebook]) -> None:
    """Filter, select all that match, a group, a row out, *Refresh*: it runs to its end, with a journal."""
    notebook = open_notebook(
        SETUP, "import pathlib; pathlib.Path('runs').mkdir(exist_ok=True)\ncn.console(session, journals='runs')"
    )
    page = notebook.page
    page.set_viewport_size({"width": 1560, "height": 1100})
    console = notebook.locator(".codat-console").first
    table, panel, rows = (console.locator(name) for name in (".codat-companies", ".codat-plan", ".codat-plan-rows"))
    expect(table.locator(".ct-count")).to_have_text("400 companies", timeout=SLOWLY)
    table.locator(".ct-filter").fill("redfern")
    expect(table.locator(".ct-count")).to_have_text(re.compile("^[1-9] of 400 companies$"), timeout=SLOWLY)
    table.get_by_label(re.compile("^Select all . companies that match$")).check()
    expect(table.locator(".ct-count")).to_contain_text("selected")
    notebook.shot("plans-selected", console)
    table.get_by_role(
        "button", name=re.compile(r"^Plan a refresh of \d selected companies \(about \d+ requests\)…$")
    ).click()
    expect(panel.locator(".told")).to_contain_text("Would refresh", timeout=SLOWLY)
    for theme in ("dark", "light"):
        notebook.theme(theme)
        notebook.shot(f"plans-all-{theme}", console)
    panel.get_by_role("button", name="Financials").click()
    panel.get_by_label("that is").select_option("of any age")
    expect(panel.locator(".told")).to_contain_text("asked for", timeout=SLOWLY)
    before = int(panel.get_by_role("button", name=re.compile("^Refresh ")).inner_text().split()[1])
    expect(rows.locator(".ct-count")).to_have_text(f"{before} data types, {before} selected", timeout=SLOWLY)
    rows.get_by_role("checkbox").nth(1).uncheck()
    refresh = panel.get_by_role("button", name=f"Refresh {before - 1} data types")
    expect(refresh).to_be_visible(timeout=SLOWLY)
    panel.get_by_role("button", name="Show what is skipped").click()
    expect(rows.locator("tbody")).to_contain_text("left out")
    notebook.shot("plans-financials", console)
    refresh.click()
    view = console.locator(".codat-opened")
    expect(view.locator(".codat-run-overview .c-pill").first).to_have_text(
        re.compile("^(Done|Ended with failures)$"), timeout=SLOWLY
    )
    expect(view.locator(".figures")).to_contain_text(f"{before - 1} of {before - 1} operations ended")
    notebook.shot("plans-run", console)
    console.get_by_role("tab", name="Freshness").first.click()
    heatmap = console.locator(".codat-panel-freshness .codat-heatmap")
    expect(heatmap.locator(".k-title")).to_have_text(re.compile("^[1-9] companies: .* out of date"), timeout=SLOWLY)
    notebook.shot("plans-freshness", console)
    name = heatmap.locator("tbody th button").first.inner_text()
    heatmap.locator("tbody th button").first.click()
    expect(console.locator(".codat-company input")).to_have_value(name, timeout=SLOWLY)
    expect(console.locator(".codat-data-types").get_by_role("checkbox").first).to_be_visible(timeout=SLOWLY)
    assert len(list(notebook.path.parent.joinpath("runs").glob("*.sqlite"))) == 1


#: A working day, on which the customers' own machines are on.
TUESDAY = datetime(2026, 11, 24, 9, tzinfo=UTC)


class Hand:
    """Who acts on a page: by the mouse, counting clicks, or by the keyboard alone."""

    def __init__(self, page: Page, by: str) -> None:
        self.page = page
        self.mouse = by == "mouse"
        self.clicks = 0

    def act(self, target: Locator, key: str = "Enter") -> None:
        """Click it; or go there by the Tab key and press a key."""
        expect(target).to_be_visible(timeout=SLOWLY)
        if self.mouse:
            target.click()
            self.clicks += 1
            return
        self.reach(target)
        self.page.keyboard.press(key)

    def reach(self, target: Locator) -> None:
        """Go there by the Tab key."""
        for _ in range(300):
            if target.evaluate("e => e === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"The Tab key does not lead to {target}.")

    def turn(self, tab: Locator, key: str, times: int) -> None:
        """Go to a tab: by a click, or from the one that is open by an arrow, so many times."""
        if self.mouse:
            self.act(tab)
            return
        self.reach(tab.locator("..").locator("[aria-selected='true']"))
        for _ in range(times):
            self.page.keyboard.press(key)

    def write(self, target: Locator, text: str) -> None:
        """Type a text into a field."""
        if self.mouse:
            target.fill(text)
        else:
            self.reach(target)
            self.page.keyboard.press("ControlOrMeta+a")
            self.page.keyboard.type(text)


@dataclass
class Morning:
    """Who acts in the app, on what; ``by`` the mouse, the keys, or the mouse where nothing may be queued."""

    hand: Hand
    codat: Sandbox
    app: Command
    by: str


@pytest.fixture(params=[*(pytest.param(by, marks=pytest.mark.full) for by in ("mouse", "keys")), "read-only"])
def morning(request: pytest.FixtureRequest, page: Page, tmp_path: Path) -> Iterator[Morning]:
    """The app on 400 companies, live as far as it knows, with a folder for its runs."""
    by = str(request.param)
    with Sandbox(companies=400, speed=1, seed=3, start=TUESDAY) as codat:
        codat.faults.hidden_headers = {"X-Sandbox"}
        environment = {"CODAT_BASE_URL": codat.url, "CODAT_API_KEY": codat.key}
        how = ("--read-only",) if by == "read-only" else ("--journals", "runs")
        with running(
            "app", "--live", "--no-memory", "--no-browser", *how, cwd=tmp_path, environment=environment
        ) as app:
            app.expect(r"^Page \(LIVE")
            page.goto(app.expect(r"(http://127\.0\.0\.1:\d+)$")[1])
            hand = Hand(page, "keys" if by == "keys" else "mouse")
            yield Morning(hand, codat, app, by)
            hand.page.goto("about:blank")


def both_ways(page: Page, console: Locator, shoot: Callable[..., Path], name: str) -> None:
    """Pictures in both themes; nothing has a serious fault."""
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        shoot(console, f"{name}-{scheme}")
    assert serious(page) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl-C to one process")
def test_an_analysts_morning(morning: Morning, shoot: Callable[..., Path], tmp_path: Path) -> None:
    """Twelve clicks; nothing of it has a serious fault. The tab is closed in the middle of the run and opened again by
    its address. Read-only it ends with a file that the command takes, and a report."""
    hand, by = morning.hand, morning.by
    hand.page.set_viewport_size({"width": 1440, "height": 1000})
    console = hand.page.locator(".codat-console").first
    plan(hand, console, shoot, by)
    if by == "read-only":
        save_and_look_on(hand, console)
    else:
        run_and_close(morning, console)
        console = hand.page.locator(".codat-console").first
        watch_and_retry(morning, console, shoot)
    # One failing company, and its report.
    expect(console.locator(".codat-company input")).not_to_have_value("", timeout=SLOWLY)
    name = console.locator(".codat-company input").input_value()
    expect(console.locator(".codat-data-types").get_by_role("checkbox").first).to_be_attached(timeout=SLOWLY)
    with hand.page.expect_download() as download:
        hand.act(console.locator(".codat-company").get_by_role("button", name="Report…"))
    expect(console.locator(".codat-company .about")).to_contain_text("Saved", timeout=SLOWLY)
    assert re.fullmatch(re.escape(name) + r" - report - \d{4}-\d\d-\d\d \d{4}\.html", download.value.suggested_filename)
    text = Path(download.value.path()).read_text("utf-8")
    assert name in text
    assert by == "read-only" or "Records to correct" in text
    both_ways(hand.page, console, shoot, f"morning-{by}-company")
    assert hand.clicks == {"mouse": 12, "keys": 0, "read-only": 10}[by]


def plan(hand: Hand, console: Locator, shoot: Callable[..., Path], by: str) -> None:
    """Who must relink, a link for them; then a plan of one region's financials, and what it takes."""
    page = hand.page
    table, panel, rows = (console.locator(name) for name in (".codat-companies", ".codat-plan", ".codat-plan-rows"))
    expect(table.locator(".ct-count")).to_have_text("400 companies", timeout=SLOWLY)
    page.evaluate(CLIPBOARD)
    hand.act(table.get_by_role("button", name=re.compile("^Need a customer")))
    expect(table.locator(".ct-count")).to_have_text(re.compile(r"^\d+ of 400 companies$"))
    hand.act(table.get_by_role("button", name="Copy link").first)
    page.wait_for_function("() => /\\/connections\\//.test(window.copied)")
    hand.act(table.get_by_role("button", name="All", exact=True))
    expect(table.locator(".ct-count")).to_have_text("400 companies")
    hand.write(table.locator(".ct-filter"), "region=ie xero")  # whose customers need no machine that is off at times
    expect(table.locator(".ct-count")).to_have_text(re.compile(r"^\d+ of 400 companies$"))
    found = table.locator(".ct-count").inner_text().split()[0]
    hand.act(table.get_by_role("button", name=re.compile(rf"^Plan a refresh of {found} companies \(about \d+ req")))
    expect(panel.locator(".told")).to_contain_text("requests left today", timeout=SLOWLY)
    hand.act(panel.get_by_role("button", name="Financials"))
    cost = re.compile(r"^LIVEWould refresh \d+ data types of \d+ companies: .* Takes about \d+ of [\d,]+ requests left")
    expect(panel.locator(".told p").first).to_have_text(cost)
    expect(rows.locator(".ct-count")).to_have_text(re.compile(r"^(\d+) data types, \1 selected$"), timeout=SLOWLY)
    assert "inf" not in panel.inner_text().split()
    assert "NA" not in rows.inner_text()
    assert serious(page) == []
    shoot(console, f"morning-{by}")
    if hand.mouse:
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": 480, "height": 1000})
            assert page.evaluate("document.documentElement.scrollWidth") <= 480
            shoot(console, f"morning-{by}-narrow-{scheme}")
        page.set_viewport_size({"width": 1440, "height": 1000})


def save_and_look_on(hand: Hand, console: Locator) -> None:
    """The plan as a file; then one that failed last."""
    table, panel = console.locator(".codat-companies"), console.locator(".codat-plan")
    expect(panel.get_by_role("button", name=re.compile("^Refresh [0-9]"))).to_be_hidden()
    with hand.page.expect_download() as download:
        hand.act(panel.get_by_role("button", name="Save plan…"))
    assert (read_plan(Path(download.value.path())).action == "queue").any()
    hand.act(panel.get_by_role("button", name="Cancel"))
    hand.act(table.get_by_role("button", name=re.compile("^Failed")))
    hand.act(table.locator("tbody tr[tabindex='0']"))


def run_and_close(morning: Morning, console: Locator) -> None:
    """Take a row out, run the rest; close the tab in the middle, and open its address again."""
    hand, codat = morning.hand, morning.codat
    panel, rows = console.locator(".codat-plan"), console.locator(".codat-plan-rows")
    hand.act(rows.get_by_role("checkbox").nth(1), " ")
    expect(panel.locator(".told")).to_contain_text("1 left out", timeout=SLOWLY)
    refresh = panel.get_by_role("button", name=re.compile("^Refresh [0-9]"))
    many = int(refresh.inner_text().split()[1])
    codat.faults.end_next("Cancelled", 2)
    codat.faults.end_next("ValidationError", 1)
    hand.act(refresh)
    expect(hand.page).to_have_url(re.compile(r"\?run=\d{4}-[-0-9a-f]+\.sqlite$"), timeout=SLOWLY)
    morning.app.wait_until(lambda: len(codat.world.accepted) > many // 3)
    url, context = hand.page.url, hand.page.context
    hand.page.close(run_before_unload=True)  # as a person closes a tab
    morning.app.wait_until(lambda: morning.app.kernels() == 0)
    hand.page = context.new_page()
    hand.page.set_viewport_size({"width": 1440, "height": 1000})
    hand.page.goto(url)
    codat.clock.speed = 240.0
    view = hand.page.locator(".codat-console").first.locator(".codat-opened")
    expect(view.locator(".figures")).to_contain_text(f"{many} of {many} operations ended", timeout=2 * SLOWLY)
    queued = Counter((each.company_id, each.connection_id, str(each.data_type)) for each in codat.world.accepted)
    assert (len(queued), set(queued.values())) == (many, {1})


def watch_and_retry(morning: Morning, console: Locator, shoot: Callable[..., Path]) -> None:
    """Retry what may be retried by now, see who fails still, and open one of them."""
    hand, codat = morning.hand, morning.codat
    view = console.locator(".codat-opened")
    before = len(codat.world.accepted)
    both_ways(hand.page, console, shoot, f"morning-{morning.by}-run")
    retry = view.locator(".codat-run-overview").get_by_role("button", name=re.compile(r"^Retry failed \(\d+\)$"))
    hand.act(retry)
    morning.app.wait_until(lambda: len(codat.world.accepted) > before)
    expect(view.locator(".c-pill").first).to_have_text("Ended with failures", timeout=2 * SLOWLY)
    companies = view.locator(".codat-panel-companies .codat-table")
    hand.act(companies.get_by_role("button", name=re.compile("^Failing")))
    hand.act(companies.locator("tbody tr[tabindex='0']"))
    hand.act(companies.get_by_role("button", name=re.compile("^Open ")))
