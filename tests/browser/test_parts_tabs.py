"""The parts of the later tabs on a bare page: they fit in every state, and answer keys and clicks."""

import re

import pytest
from playwright.sync_api import expect

from codat_notebook.widgets.part import source

from . import gallery_tabs
from .test_parts import change, sent, until
from .test_parts_gallery import LOOKS, TOUCH, looks

#: The marks of a night in which the clocks are set back, three hours apart, with the zone of each.
TICKS_OVER_A_CHANGE = """async (module) => {
  const code = `${module}\nexport { ticks };`;
  const { ticks } = await import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  const zone = { hour: "2-digit", minute: "2-digit", timeZoneName: "short" };
  const { found } = ticks(Date.UTC(2026, 9, 24, 23), Date.UTC(2026, 9, 25, 12), 5);
  return found.map((time) => new Date(time).toLocaleTimeString("en-GB", zone));
}"""


@pytest.mark.parametrize("name", gallery_tabs.PARTS)
def test_part_fits_in_every_state(stage, shoot, name):
    """Nothing leaves its box, whatever the names; no script of theirs runs, on load or hover."""
    kind, states = gallery_tabs.PARTS[name]
    stage.mount(*[kind(state) for state in states().values()])
    assert len(list(looks(stage, shoot, f"part-{name}"))) == len(LOOKS)
    stage.page.evaluate(TOUCH)
    assert stage.page.evaluate("document.body.dataset.hurt") is None


def test_a_heatmap_says_days_by_number_colour_and_words(stage):
    """The drawing's numbers; each threshold its class and its words in the legend; failed, never, not supported."""
    kind, states = gallery_tabs.PARTS["heatmap"]
    element = stage.mount(kind(states()["drawn"]))
    rows = element.locator("tbody tr")
    heads = element.locator("thead th").all_inner_texts()[1:]
    days = dict(zip(gallery_tabs.COLUMNS, gallery_tabs.DRAWN["Toft Stores UK"], strict=True))
    expect(rows.first.locator("td")).to_have_text([str(days[key]) for key in heads])
    expect(rows.first.locator("td").nth(heads.index("creditNotes"))).to_have_class("h4 failed")
    for days, name in ((0, "h0"), (2, "h1"), (9, "h2"), (14, "h3"), (31, "h4")):
        cell = element.get_by_role("gridcell").get_by_text(str(days), exact=True).first
        expect(cell).to_have_class(re.compile(rf"^{name}\b"))
    expect(rows.nth(2).locator("td").last).to_have_text("never")
    expect(rows.nth(2).locator("td").nth(12)).to_have_text("–")
    expect(rows.nth(2).locator("td").nth(12)).to_have_attribute("aria-label", "not supported")
    legend = element.get_by_role("list", name="Legend").locator("li")
    expect(legend).to_have_text(
        ["0under 2 days", "22 to 6", "77 to 13", "1414 to 30", "3131 and more", "nevernever synced",
         "–not supported", "✕last attempt failed"]
    )  # fmt: skip


def test_a_heatmap_is_read_by_keys_and_keeps_its_place(stage):
    """One cell is in the tab order; arrows move and the line below says it; a new state moves nothing."""
    kind, states = gallery_tabs.PARTS["heatmap"]
    element = stage.mount(kind(states()["drawn"]))
    stage.page.keyboard.press("Tab")
    expect(element.locator("td:focus")).to_have_text("9")
    for key in ("End", "ArrowDown", "ArrowDown", "Home", *["ArrowRight"] * 4, "ArrowUp", "ArrowUp"):
        stage.page.keyboard.press(key)
    said = element.get_by_role("status")
    expect(said).to_contain_text(
        "Toft Stores UK, Credit notes (creditNotes): last synced 31 d ago, 2026-10-23 13:58:29"
    )
    expect(said).to_contain_text("(2026-10-23 12:58:29 UTC). The last attempt failed: PermissionsError.")
    node = element.locator("td:focus").element_handle()
    stage.tell_time(gallery_tabs.THEN.replace(day=25))
    expect(element.locator("td:focus")).to_have_text("33")
    assert node.evaluate("node => node === document.activeElement")
    expect(element.locator("td[tabindex='0']")).to_have_count(1)


def test_a_wide_heatmap_scrolls_in_its_own_box_with_its_rows_names_in_sight(stage):
    """At 320 pixels the page does not scroll sideways, the names stay, a cell moved to is not hidden below them."""
    kind, states = gallery_tabs.PARTS["heatmap"]
    element = stage.mount(kind(states()["all types"]), width=352)
    scroll = element.locator(".scroll")
    stage.page.keyboard.press("Tab")
    stage.page.keyboard.press("End")
    assert scroll.evaluate("node => node.scrollLeft") > 500
    name = element.locator("tbody th").first.bounding_box()
    assert name["x"] >= element.bounding_box()["x"]
    for _ in range(30):
        stage.page.keyboard.press("ArrowLeft")
    here = element.locator("td:focus").bounding_box()
    assert here["x"] >= name["x"] + name["width"] - 1
    assert stage.page.evaluate("document.documentElement.scrollWidth") <= 352


def test_a_window_of_many_rows_is_turned(stage):
    """The buttons ask for the rows before and after; where there are none they rest."""
    kind, states = gallery_tabs.PARTS["heatmap"]
    element = stage.mount(kind(states()["many"]))
    expect(element.locator(".k-tools")).to_contain_text("1–200 of 450")
    element.get_by_role("button", name="Previous rows").click(force=True)
    element.get_by_role("button", name="Next rows").click()
    assert until(stage, lambda: sent(stage, "window")) == [{"first": 200}]


def spans(bars):
    """The left edge and the width of each bar."""
    return [(round(box["x"]), round(box["width"])) for box in (bar.bounding_box() for bar in bars.all())]


def test_a_timeline_draws_what_was_when_and_grows_what_runs(stage):
    """Bars stand in their rows and at their times; running ones end at now and grow; each says itself in a tooltip."""
    kind, states = gallery_tabs.PARTS["timeline"]
    stage.clock.rate = 10.0
    element = stage.mount(kind(states()["drawn"]))
    expect(element.locator(".names div")).to_have_text(
        ["creditNotes", "customers", "invoices", "payments", "profitAndLoss"]
    )
    bars = element.locator(".plot .bar")
    expect(bars).to_have_count(9)
    line = element.locator(".now").bounding_box()
    running, ended = element.locator(".plot .bar.run .fill"), element.locator(".plot .bar.bad .fill").last
    box = running.bounding_box()
    assert abs(box["x"] + box["width"] - line["x"]) < 3
    row = element.locator(".names div").nth(2).bounding_box()
    assert abs(box["y"] + box["height"] / 2 - row["y"] - row["height"] / 2) < 1.5
    (_, before), (_, grown) = spans(ended)[0], spans(running)[0]
    until(stage, lambda: spans(running)[0][1] > grown)
    assert abs(spans(ended)[0][1] - before) <= 1
    expect(running.locator("title")).to_contain_text(re.compile(r"^invoices: Mapping, running for \d+ min"))
    running.hover()
    expect(element.get_by_role("status")).to_contain_text(
        re.compile(r"requested 2026-11-23 13:56:27 \(2026-11-23 13:5")
    )
    expect(element).to_contain_text("Times in Europe/London (UTC+")


def test_a_timeline_is_zoomed_and_panned_by_buttons_keys_wheel_and_pointer(stage):
    """What is zoomed at stays under the pointer; plain wheels are the page's; nothing is sent."""
    kind, states = gallery_tabs.PARTS["timeline"]
    stage.clock.rate = 0.0
    element = stage.mount(kind(states()["drawn"]))
    plot, bar = element.locator(".plot"), element.locator(".plot .bar.ok .fill").last
    expect(bar).to_be_visible()
    expect(element.get_by_role("button", name="10 min")).to_have_attribute("aria-pressed", "true")
    (x, width) = spans(bar)[0]
    element.get_by_role("button", name="Zoom in").click()
    expect(element.get_by_role("button", name="10 min")).to_have_attribute("aria-pressed", "false")
    element.get_by_role("button", name="Zoom out").click()
    plot.focus()
    stage.page.keyboard.press("ArrowRight")
    moved = spans(bar)[0]
    assert x - moved[0] == pytest.approx(plot.bounding_box()["width"] * 0.2, abs=3)
    stage.page.keyboard.press("ArrowLeft")
    bar.hover()
    stage.page.mouse.wheel(0, -120)
    assert spans(bar)[0][1] == pytest.approx(width, abs=1)
    stage.page.keyboard.down("Control")
    stage.page.mouse.wheel(0, -120)
    stage.page.keyboard.up("Control")
    until(stage, lambda: spans(bar)[0][1] > width)
    assert sum(spans(bar)[0]) - spans(bar)[0][1] / 2 == pytest.approx(x + width / 2, abs=3)
    at = spans(bar)[0][0]
    stage.page.mouse.down()
    stage.page.mouse.move(plot.bounding_box()["x"] + 200, 200)
    stage.page.mouse.up()
    assert spans(bar)[0][0] < at - 100
    element.get_by_role("button", name="All").click()
    expect(element.locator(".plot .bar")).to_have_count(21)
    assert stage.sent == []


def test_a_timeline_is_read_by_keys_and_keeps_its_view(stage):
    """Up and down go from operation to operation, into view; a new state keeps the view, another company does not."""
    kind, states = gallery_tabs.PARTS["timeline"]
    stage.clock.rate = 0.0
    element = stage.mount(kind(states()["drawn"]))
    element.locator(".plot").focus()
    said = element.get_by_role("status")
    stage.page.keyboard.press("ArrowUp")
    expect(said).to_contain_text("profitAndLoss: Not supported, took 9 s")
    for _ in range(9):
        stage.page.keyboard.press("ArrowUp")
    expect(said).to_contain_text("customers: Complete, took 50 s, requested 2026-11-21")
    expect(element.locator(".plot .bar.at")).to_be_visible()
    shown = element.locator(".tools").inner_text()
    stage.tell_time(gallery_tabs.THEN.replace(minute=59))
    stage.page.wait_for_timeout(100)
    assert element.locator(".tools").inner_text() == shown
    change(stage, 0, company="another")
    expect(element.get_by_role("button", name="10 min")).to_have_attribute("aria-pressed", "true")
    expect(element.locator(".plot .bar.at")).to_have_count(0)


def test_a_timeline_that_is_cut_says_so_and_marks_hours_and_days_of_the_reader(stage):
    """How many are drawn of how many; from an hour on the marks are the zone's own hours, also over a change of it."""
    kind, states = gallery_tabs.PARTS["timeline"]
    element = stage.mount(kind(states()["many"]))
    expect(element.locator(".cut")).to_have_text(
        "The newest 500 of 800 operations are drawn; the table reaches the others."
    )
    element.get_by_role("button", name="All").click()
    marks = element.locator(".axis text").all_text_contents()
    assert all(re.fullmatch(r"\d+ Nov", mark) for mark in marks)
    assert len(marks) > 3
    made = stage.page.evaluate(TICKS_OVER_A_CHANGE, source("axis.js"))
    assert made == ["00:00 BST", "03:00 GMT", "06:00 GMT", "09:00 GMT", "12:00 GMT"]


def test_code_is_copied_as_it_came(stage):
    """The whole text, and a word that says so."""
    kind, states = gallery_tabs.PARTS["code"]
    element = stage.mount(kind(states()["refresh"]))
    stage.page.evaluate("() => { navigator.clipboard.writeText = async (text) => { window.copied = text; }; }")
    element.get_by_role("button", name="Copy").click()
    expect(element.get_by_role("button", name="Copied")).to_be_visible()
    assert stage.page.evaluate("copied") == stage.parts[0].state["text"]
    expect(element.locator("code")).to_have_text(stage.parts[0].state["text"])
