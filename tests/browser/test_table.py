"""FrameTable seen and used: on the bare stage in detail, in JupyterLab for what only a real front end shows."""

import re
import threading

import pytest
from playwright.sync_api import Locator, expect

from codat_notebook.tables.column import Column
from codat_notebook.widgets.table import FrameTable
from tests.tables.table_frames import HOSTILE, awkward, operations

HIDDEN = {name: Column(hidden=True) for name in ("completed", "is_completed", "is_errored", "company_id")}
FILTERS = {"Running": ("status", ["Mapping", "Fetching", "Queued"]), "Failed": lambda frame: frame["is_errored"]}
LOOK = {"columns": HIDDEN, "filters": FILTERS, "noun": "operation"}


#: For selectors inside a table: the lowest contrast (WCAG's ratio) of a text to the ground that it stands on.
CONTRAST = """selectors => {
  const pen = document.createElement("canvas").getContext("2d");
  const channels = (color) => {
    pen.fillStyle = color;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const part = (v) => (v / 255 <= .03928 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => .2126 * part(r) + .7152 * part(g) + .0722 * part(b);
  const transparent = (e) => /rgba\\(.*, 0\\)|transparent/.test(getComputedStyle(e).backgroundColor);
  const ground = (e) => (e.parentElement && transparent(e) ? ground(e.parentElement) : e);
  const ratio = (e) => {
    const style = (of, name) => light(channels(getComputedStyle(of)[name]));
    const [less, more] = [style(e, "color"), style(ground(e), "backgroundColor")].sort((a, b) => a - b);
    return (more + .05) / (less + .05);
  };
  const all = (selector) => [...document.querySelectorAll(".codat-table " + selector)];
  return Object.fromEntries(selectors.map((s) => [s, Math.min(...all(s).map(ratio))]));
}"""
#: Type a text, letter by letter but without a pause.
TYPE = """(input, text) => [...text].forEach((letter) => {
  input.value += letter;
  input.dispatchEvent(new Event("input", { bubbles: true }));
})"""
#: Remember which cells of a table are changed from now on.
OBSERVE = """body => {
  window.changed = new Set();
  const cell = (node) => (node.nodeType === 1 ? node : node.parentElement).closest("td");
  const note = (changes) => changes.forEach((change) => changed.add(cell(change.target)));
  new MutationObserver(note).observe(body, { subtree: true, childList: true, characterData: true });
}"""


def rows(table: Locator) -> Locator:
    """The rows on the page."""
    return table.locator("tbody tr")


def column(table: Locator, label: str) -> list[str]:
    """The texts of one column, as shown."""
    heads = table.locator("th .ct-label").all_inner_texts()
    return table.locator(f"tbody td:nth-child({heads.index(label) + 1})").all_inner_texts()


def test_it_is_styled_in_a_shadow_root(stage):
    """Where a front end draws in a shadow root and puts no classes on (marimo, Panel), it wears its own."""
    stage.mount(FrameTable(operations(12), **LOOK))
    stage.page.evaluate("""() => {
      const host = document.body.appendChild(document.createElement("div"));
      return stageView(0, [], "bare", host.attachShadow({ mode: "open" }));
    }""")
    expect(stage.page.locator("#bare")).to_have_css("border-radius", "10px")
    expect(stage.page.locator("#bare .ct-filter")).to_have_css("height", "28px")


def test_first_page_shows_every_kind_of_value_as_a_reader_expects(stage):
    """Times in the reader's zone with UTC in the tooltip, pills with symbol and word, numbers right, ids short."""
    table = stage.mount(FrameTable(operations(1284), **LOOK))
    expect(table.locator("th")).to_have_text(
        [re.compile(f"^{label}") for label in
         ("data type", "status", "platform", "requested", "duration", "progress", "message", "id")]
    )  # fmt: skip
    first = operations(1284).iloc[0]
    cells = rows(table).first.locator("td")
    expect(cells.nth(3)).to_have_text(first["requested"].strftime("%Y-%m-%d %H:%M:%S"))
    expect(cells.nth(3)).to_have_attribute("title", first["requested"].strftime("%Y-%m-%d %H:%M:%S UTC"))
    expect(cells.nth(1)).to_have_text(re.compile(rf"^\S {first['status']}$"))
    expect(cells.nth(5)).to_have_css("text-align", "right")
    expect(cells.nth(7).locator("span")).to_have_attribute("title", first["id"])
    expect(cells.nth(7).locator("span")).to_have_text(first["id"][:8] + "…")
    expect(table).to_contain_text("1–50 of 1,284")
    expect(table).to_contain_text(re.compile(r"Times in Europe/London \(UTC\+[01]\)"))
    expect(table.locator(".ct-quick button")).to_have_text(
        ["All", re.compile(r"Running \d+"), re.compile(r"Failed \d+")]
    )


def test_sort_filter_and_page_by_mouse_and_keyboard(stage):
    """Headings sort and say so, the filter waits for a pause, pages turn, and what does not match can be cleared."""
    part = FrameTable(operations(1284), **LOOK)
    table = stage.mount(part)
    heading = table.locator("th", has_text="data type")
    heading.locator("button").click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    assert column(table, "data type") == sorted(column(table, "data type"))
    heading.locator("button").press("Enter")
    expect(heading).to_have_attribute("aria-sort", "descending")
    table.get_by_role("button", name="Next page").click()
    expect(table.locator(".ct-range")).to_have_text("51–100 of 1,284")
    table.get_by_label("Filter rows").evaluate(TYPE, "permissions shopify")
    expect(table.locator(".ct-count")).to_have_text(re.compile(r"^\d+ of 1,284 operations$"))
    expect(table.locator(".ct-count")).to_have_text(f"{len(part.visible)} of 1,284 operations")
    assert [message["text"] for message in stage.sent if message["type"] == "filter"] == ["permissions shopify"]
    assert set(column(table, "platform")) == {"Shopify"}
    table.get_by_role("button", name="Running").click()
    expect(table.locator(".ct-empty")).to_contain_text("No operation matches.")
    table.get_by_role("button", name="Clear filters").click()
    expect(table.locator(".ct-count")).to_have_text("1,284 operations")
    expect(table.get_by_label("Filter rows")).to_have_value("")
    assert part.view.text == part.view.quick == ""


def test_rows_are_selected_by_click_and_by_keys(stage):
    """A click or Enter selects, arrows move, Escape clears; Python hears of each row once."""
    part = FrameTable(operations(120), **LOOK)
    heard: list[str] = []
    part.on_select(lambda row: heard.append(row["id"]))
    table = stage.mount(part)
    ids = part.state["keys"]
    rows(table).nth(2).click()
    expect(rows(table).nth(2)).to_have_attribute("aria-selected", "true")
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        stage.page.keyboard.press(key)
    expect(table.locator("tr.selected")).to_have_count(1)
    expect(rows(table).nth(4)).to_be_focused()
    stage.wait_for(lambda: len(heard) == 2)
    assert heard == [ids[2], ids[4]]
    assert part.selected["id"] == ids[4]
    stage.page.keyboard.press("Tab")
    expect(table.get_by_role("button", name=f"Copy {ids[4]}")).to_be_focused()
    stage.page.keyboard.press("Shift+Tab")
    stage.page.keyboard.press("Escape")
    expect(table.locator("tr.selected")).to_have_count(0)
    stage.page.keyboard.press("PageDown")
    expect(table.locator(".ct-range")).to_have_text("51–100 of 120")
    stage.wait_for(lambda: part.selected is None)


def test_live_update_touches_only_cells_that_differ(stage):
    """Scroll, selection, focus and column widths stay; of 400 cells only the changed one's nodes change."""
    frame = operations(500)
    part = FrameTable(frame, **LOOK)
    table = stage.mount(part)
    rows(table).nth(30).click()
    scroll = table.locator(".ct-scroll")
    before = (
        scroll.evaluate("e => e.scrollTop"),
        table.locator("th").evaluate_all("all => all.map(e => e.offsetLeft)"),
    )
    assert before[0] > 100
    table.locator("tbody").evaluate(OBSERVE)
    newer = frame.copy()
    newer["status"] = newer["status"].cat.add_categories("ProcessingQueued")
    newer.loc[3, "status"] = "ProcessingQueued"
    part.update(newer)
    expect(rows(table).nth(3)).to_contain_text("Waiting to process")
    assert stage.page.evaluate("[...changed].map(td => td.parentElement.rowIndex)") == [4]
    after = (scroll.evaluate("e => e.scrollTop"), table.locator("th").evaluate_all("all => all.map(e => e.offsetLeft)"))
    assert after == before
    expect(rows(table).nth(30)).to_have_class("selected")
    expect(rows(table).nth(30)).to_be_focused()


@pytest.mark.parametrize("name", awkward())
def test_awkward_frames_are_shown_and_never_run_or_overflow(stage, name):
    """Texts of third parties stay texts, in cells, headings and tooltips; the page never scrolls sideways."""
    frame = awkward()[name]
    table = stage.mount(FrameTable(frame, title=HOSTILE, empty=HOSTILE, filters={HOSTILE: lambda f: [True] * len(f)}))
    expect(rows(table)).to_have_count(len(frame))
    expect(table.locator(".ct-title")).to_have_text(HOSTILE)
    for cell in table.locator("tbody tr:first-child td").all()[:12]:
        cell.hover()
    assert stage.page.evaluate("[window.pwned, document.images.length]") == [None, 0]
    assert stage.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    stage.shot(f"table-awkward-{name}")


@pytest.mark.parametrize("theme", ["light", "dark", "plain"])
def test_selected_row_and_headings_can_be_read(stage, theme):
    """Text on its ground reaches WCAG AA (4.5 to 1), also in the selected row; a picture is kept."""
    table = stage.mount(FrameTable(operations(1284), **LOOK), theme=theme)
    rows(table).nth(1).click()
    stage.page.mouse.move(0, 0)
    expect(table.locator("tr.selected")).to_have_count(1)
    ratios = stage.page.evaluate(
        CONTRAST, [".selected td", ".selected .c-pill", "td", "th button", ".c-pill", ".ct-count"]
    )
    assert min(ratios.values()) >= 4.5, ratios
    stage.shot(f"table-{theme}")


@pytest.mark.parametrize("width", [320, 720, 2560])
def test_any_width_is_used_and_only_the_table_scrolls_sideways(stage, width):
    """From a narrow pane to a wide screen: controls wrap, the long text takes the slack, nothing sticks out."""
    table = stage.mount(FrameTable(operations(1284), **LOOK), width=width)
    assert stage.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    box = table.bounding_box()
    assert box is not None
    assert box["width"] == width - 32
    inner = table.locator("table").evaluate("e => e.offsetWidth")
    assert inner >= box["width"] - 2
    stage.shot(f"table-width-{width}")


def test_prose_takes_as_many_lines_as_it_needs(stage):
    """A cause and its remedy can be read without a tooltip, also after the pane has become narrower."""
    words = "Ask the customer to relink with a user who may. Refreshing again will not help. " * 2
    frame = operations(3).assign(message=words)
    look = {name: Column(kind="prose" if name == "message" else None) for name in ("requested", "message", "id")}
    table = stage.mount(FrameTable(frame[list(look)], columns=look))
    cell = table.locator("td.ct-prose").first
    sizes = []
    for width in (1100, 500):
        stage.page.set_viewport_size({"width": width, "height": 800})
        assert cell.evaluate("e => e.scrollWidth <= e.clientWidth && e.scrollHeight <= e.clientHeight")
        sizes.append(cell.bounding_box())
    assert sizes[0]["height"] > 50
    assert sizes[1]["width"] < sizes[0]["width"]


def test_times_are_in_the_readers_zone_whatever_it_is(chrome, watch, stage):
    """A browser in Tokyo shows Tokyo's time and says so; the tooltip stays UTC."""
    part = FrameTable(operations(3), **LOOK)
    stage.mount(part)
    context = chrome.new_context(timezone_id="Asia/Tokyo")
    watch.attach(context)
    page = context.new_page()
    page.goto(stage.page.url)
    local = operations(3)["requested"].max().tz_convert("Asia/Tokyo")
    cell = page.locator("tbody tr:first-child td:nth-child(4)")
    expect(cell).to_have_text(local.strftime("%Y-%m-%d %H:%M:%S"))
    expect(cell).to_have_attribute("title", operations(3)["requested"].max().strftime("%Y-%m-%d %H:%M:%S UTC"))
    expect(page.locator(".ct-foot")).to_contain_text("Times in Asia/Tokyo (UTC+9)")
    context.close()


def test_unanswered_click_says_what_it_waits_for(stage):
    """While the kernel does not answer, the table says so, and takes it back with the answer."""
    going_on = threading.Event()
    part = FrameTable(operations(120), noun="operation")
    table = stage.mount(part)
    part._engine.post(going_on.wait, 10)
    table.get_by_role("button", name="Next page").click()
    expect(table.locator(".ct-note")).to_contain_text("Waiting for Python")
    going_on.set()
    expect(table.locator(".ct-note")).to_be_empty()
    expect(table.locator(".ct-range")).to_have_text("51–100 of 120")
