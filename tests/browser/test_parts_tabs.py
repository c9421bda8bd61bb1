"""The parts of the later tabs on a bare page: they fit in every state, and answer keys and clicks."""

import re

import pytest
from playwright.sync_api import expect

from codat_notebook import frames
from codat_notebook.models.vocabulary import plain_name
from codat_notebook.widgets import charts
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
    days = dict(zip(map(plain_name, gallery_tabs.COLUMNS), gallery_tabs.DRAWN["Toft Stores UK"], strict=True))
    expect(rows.first.locator("td")).to_have_text([str(days[name]) for name in heads])
    expect(rows.first.locator("td").nth(heads.index("Credit notes"))).to_have_class("h4 failed")
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
    expect(said).to_contain_text(
        "(2026-10-23 12:58:29 UTC). The last attempt failed: No permission (PermissionsError)."
    )
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


def test_a_row_of_companies_is_opened_once_by_its_own_button(stage):
    """Enter on the button of a row opens that one, not the row of the cell that was looked at last, too."""
    kind, states = gallery_tabs.PARTS["heatmap"]
    element = stage.mount(kind(states()["portfolio"]))
    buttons = element.locator("tbody th button")
    assert buttons.count() > 1
    element.locator("tbody td").first.focus()
    buttons.last.press("Enter")
    last = states()["portfolio"]["rows"][-1]["key"]
    assert until(stage, lambda: sent(stage, "open")) == [{"key": last}]


def spans(bars):
    """The left edge and the width of each bar."""
    return [(round(box["x"]), round(box["width"])) for box in (bar.bounding_box() for bar in bars.all())]


def test_a_timeline_draws_what_was_when_and_grows_what_runs(stage):
    """Bars stand in their rows and at their times; running ones end at now and grow; each says itself in a tooltip."""
    kind, states = gallery_tabs.PARTS["timeline"]
    stage.clock.rate = 10.0
    element = stage.mount(kind(states()["drawn"]))
    expect(element.locator(".names div")).to_have_text(
        ["Credit notes", "Customers", "Invoices", "Payments", "Profit and loss"]
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
    running.hover()
    expect(element.get_by_role("status")).to_contain_text(re.compile(r"^Invoices: Mapping, running for \d+ min"))
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
    expect(element.locator(".tools")).to_contain_text("21 operations, 2 failed")
    assert 5 <= element.locator(".plot .bar").count() <= 21  # those of the last minutes are one each
    assert stage.sent == []


def test_a_timeline_is_read_by_keys_and_keeps_its_view(stage):
    """Up and down go from operation to operation, into view; a new state keeps the view, another company does not."""
    kind, states = gallery_tabs.PARTS["timeline"]
    stage.clock.rate = 0.0
    element = stage.mount(kind(states()["drawn"]))
    element.locator(".plot").focus()
    said = element.get_by_role("status")
    stage.page.keyboard.press("ArrowUp")
    expect(said).to_contain_text("Profit and loss: Not supported, took 9 s")
    for _ in range(9):
        stage.page.keyboard.press("ArrowUp")
    expect(said).to_contain_text("Customers: Complete, took 50 s, requested 2026-11-21")
    expect(element.locator(".plot .bar.at")).to_be_visible()
    shown = element.locator(".tools").inner_text()
    stage.tell_time(gallery_tabs.THEN.replace(minute=59))
    stage.page.wait_for_timeout(100)
    assert element.locator(".tools").inner_text() == shown
    change(stage, 0, company="another")
    expect(element.get_by_role("button", name="10 min")).to_have_attribute("aria-pressed", "true")
    expect(element.locator(".plot .bar.at")).to_have_count(0)


def test_a_timeline_of_a_part_says_so_and_marks_hours_and_days_of_the_reader(stage):
    """How many are here of how many; from an hour on the marks are the zone's own hours, also over a change of it."""
    kind, states = gallery_tabs.PARTS["timeline"]
    element = stage.mount(kind(states()["many"]))
    expect(element.locator(".cut")).to_have_text(
        "Showing 800 of 1,300 operations. Load older ones below the table of pull operations."
    )
    element.get_by_role("button", name="All").click()
    expect(element.locator(".tools")).to_contain_text("800 operations, 115 failed")
    marks = element.locator(".axis text").all_text_contents()
    assert all(re.fullmatch(r"\d+ Nov", mark) for mark in marks)
    assert len(marks) > 3
    made = stage.page.evaluate(TICKS_OVER_A_CHANGE, source("axis.js"))
    assert made == ["00:00 BST", "03:00 GMT", "06:00 GMT", "09:00 GMT", "12:00 GMT"]


#: Pairs of bars of a row of which one is drawn over the other.
OVER_EACH_OTHER = """(plot) => {
  const rows = new Map();
  for (const fill of plot.querySelectorAll(".bar .fill")) {
    const [x, y, w] = ["x", "y", "width"].map((name) => Number(fill.getAttribute(name)));
    rows.set(y, [...(rows.get(y) ?? []), [x, x + w]]);
  }
  const over = (row) => row.sort((a, b) => a[0] - b[0]).filter(([x], i) => i && x < row[i - 1][1] - 0.2);
  return [...rows.values()].flatMap(over).length;
}"""


#: How many operations and failures each bar stands for, and whether it is red.
COUNTS = """(plot) => [...plot.querySelectorAll(".bar")].map(
  ({ codatBar, classList }) => [codatBar.count, codatBar.failed, classList.contains("bad")])"""


@pytest.mark.parametrize("name", ["drawn", "many", "a thousand", "a long history"])
@pytest.mark.parametrize("width", [1180, 480])
def test_bars_that_would_be_drawn_over_each_other_are_one_and_hide_no_failure(stage, name, width):
    """At every zoom: none over another, and the failures of what is in sight are said, as many as there are."""
    state = gallery_tabs.PARTS["timeline"][1]()[name] | {"speed": 0.0}
    element = stage.mount(charts.Timeline(state), width=width)
    plot = element.locator(".plot")
    for chip in ("All", "7 d", "1 d", "1 h"):
        element.get_by_role("button", name=chip, exact=True).click()
        stage.page.wait_for_timeout(30)
        assert plot.evaluate(OVER_EACH_OTHER) == 0
        data = plot.evaluate(COUNTS)
        assert all(red == bool(failed) for _, failed, red in data)
        if chip == "All":
            assert sum(many for many, _, _ in data) == state["held"]
            assert sum(failed for _, failed, _ in data) == sum(bar["failed"] for bar in state["bars"])
        failed = sum(failed for _, failed, _ in data)
        assert (f", {failed:,} failed" in element.locator(".tools").inner_text()) == bool(failed)


def test_a_bar_opens_by_click_and_by_enter(stage):
    """It is marked and its key is sent; dragging opens nothing; Escape closes; a joined bar says what is in it."""
    states = gallery_tabs.PARTS["timeline"][1]()
    element = stage.mount(charts.Timeline(states["drawn"] | {"speed": 0.0}))
    bar = element.locator(".plot .bar.bad .fill").last
    bar.click()
    expect(element.locator(".plot .bar.bad.at")).to_have_count(1)
    assert until(stage, lambda: sent(stage, "open_bar")) == [{"key": "creditNotes 95"}]
    expect(element.get_by_role("status")).to_contain_text("Credit notes: No permission, took 11 s")
    bar.hover()
    stage.page.mouse.down()
    stage.page.mouse.move(element.locator(".plot").bounding_box()["x"] + 200, 200, steps=4)
    stage.page.mouse.up()
    element.locator(".plot").focus()
    for key in ("ArrowUp", "Enter", "Escape"):
        stage.page.keyboard.press(key)
    opened = until(stage, lambda: sent(stage, "open_bar")[2:] and sent(stage, "open_bar"))
    assert [each["key"] for each in opened] == ["creditNotes 95", "payments 103", None]
    expect(element.locator(".plot .bar.at")).to_have_count(0)
    element.get_by_role("button", name="All").click()
    element.locator(".plot .bar.bad .fill").last.hover()
    expect(element.get_by_role("status")).to_contain_text(
        re.compile("Credit notes: 2 operations, 2 failed, 2026-11-23 13:5")
    )


def test_a_hundred_thousand_operations_are_told_apart_where_the_reader_looks(stage, shoot):
    """From all of them to each of an hour, by buttons alone: what stands in the bars is what the frame has."""
    frame = frames.pull_operations(gallery_tabs.pulls(100_000), gallery_tabs.BANKS, gallery_tabs.THEN)
    part = charts.Timeline(charts.timeline_state(frame, gallery_tabs.THEN))
    part.on_look = lambda: part.show(part.drawn(frame, gallery_tabs.THEN, company="")[0], at_once=True)
    element = stage.mount(part)
    tools, counts = element.locator(".tools"), lambda: element.locator(".plot").evaluate(COUNTS)
    for theme, width in (("light", 1212), ("dark", 1212), ("light", 512)):
        stage.theme(theme)
        stage.page.set_viewport_size({"width": width, "height": 800})
        for chip, hours, held in (("All", 10_000, 100_000), ("1 d", 24, 172), ("10 min", 1 / 6, 43)):
            element.get_by_role("button", name=chip, exact=True).click()
            until(
                stage,
                lambda h=hours: part.look and part.look.until - part.look.since == pytest.approx(h * 3600, rel=0.5),
            )
            until(stage, lambda: part.look.width == pytest.approx(plot_width(element), abs=1))
            until(stage, lambda: part.state["seq"] == part.look.seq)
            expect(tools).to_contain_text(f", {held:,} operations")
            shoot(stage.page, f"timeline-100000-{chip}-{theme}-{width}")
    assert [many for many, _, _ in counts()] == [1] * 43


def plot_width(element):
    """The pixels that a timeline has for its time."""
    return element.locator(".plot").bounding_box()["width"]


def test_a_long_history_is_asked_for_where_the_reader_looks(stage):
    """Once the view has come to rest, in its pixels; that Python has not answered is told, and nothing waits for it."""
    element = stage.mount(charts.Timeline(gallery_tabs.PARTS["timeline"][1]()["a long history"] | {"speed": 0.0}))
    first = until(stage, lambda: sent(stage, "look_at"))[0]
    assert first["until"] - first["since"] == pytest.approx(600)
    assert first["width"] == pytest.approx(element.locator(".plot").bounding_box()["width"], abs=1)
    expect(element.locator(".cut")).to_contain_text("Waiting for Python")
    before = len(sent(stage, "look_at"))
    element.get_by_role("button", name="7 d").click()
    for _ in range(4):
        element.get_by_role("button", name="Zoom in").click()
    spans = until(stage, lambda: [m["until"] - m["since"] for m in sent(stage, "look_at")[before:]])
    until(stage, lambda: sent(stage, "look_at")[-1]["until"] - sent(stage, "look_at")[-1]["since"] < 7 * 86400 / 15)
    assert len(spans) <= 5
    expect(element.locator(".tools")).to_contain_text("at most")
    change(stage, 0, seq=max(message["seq"] for message in stage.sent if message["type"] == "look_at"))
    expect(element.locator(".cut")).to_have_text("")


def test_code_is_copied_as_it_came(stage):
    """The whole text, and a word that says so."""
    kind, states = gallery_tabs.PARTS["code"]
    element = stage.mount(kind(states()["refresh"]))
    stage.page.evaluate("() => { navigator.clipboard.writeText = async (text) => { window.copied = text; }; }")
    element.get_by_role("button", name="Copy").click()
    expect(element.get_by_role("button", name="Copied")).to_be_visible()
    assert stage.page.evaluate("copied") == stage.parts[0].state["text"]
    expect(element.locator("code")).to_have_text(stage.parts[0].state["text"])


def test_what_it_is_to_be_ready_for_is_chosen_at_once(stage):
    """The choice stands before the kernel answers; the last source cannot be taken away; keys and labels work."""
    kind, states = gallery_tabs.PARTS["ready"]
    element = stage.mount(kind(states()["ready"]))
    expect(element.get_by_role("status")).to_contain_text("Ready for financials, to 31 Oct 2026.")
    element.get_by_role("button", name="lending").click()
    expect(element.get_by_role("button", name="lending")).to_have_attribute("aria-pressed", "true")
    element.get_by_role("button", name="accounting").click()
    element.get_by_role("button", name="bank", exact=True).first.focus()
    element.get_by_label("Other purposes").select_option("payables")
    element.get_by_label("Period ends").fill("2026-09-30")
    asked = until(stage, lambda: [m for m in sent(stage, "ask_ready") if m["period_end"] == "2026-09-30"])
    assert {key: asked[-1][key] for key in ("purpose", "sources")} == {"purpose": "payables", "sources": ["accounting"]}


def test_its_button_asks_on_live_and_sends_once(stage):
    """The first click is the question; the message names the company; a read-only session has no button."""
    kind, states = gallery_tabs.PARTS["ready"]
    element = stage.mount(kind(states()["live"]))
    element.get_by_role("button", name="Refresh 4 data types").click()
    assert sent(stage, "run_plan") == []
    question = element.get_by_role("button", name="LIVE: refresh 4 data types of Toft Stores UK?")
    question.evaluate("button => { button.click(); button.click(); }")
    messages = until(stage, lambda: sent(stage, "run_plan"))
    assert [message["company"] for message in messages] == ["Toft Stores UK"]
    blocked = stage.mount(kind(states()["read only"]))
    expect(blocked).to_contain_text("read-only")
    expect(blocked.get_by_role("button", name="Refresh")).to_have_count(0)
