"""The live view of operations on a bare page: it ticks, keeps its rows, pages, and says remedies where they belong."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from codat_notebook import words
from codat_notebook.widgets import progress
from codat_notebook.widgets.part import source
from tests.widgets.drawn_rows import drawn_row
from tests.widgets.test_lengths import LENGTHS

from . import gallery
from .stage import Stage
from .test_parts import change, sent, until

#: Both sides of every border between two units, and what lies between.
AGES = [at + by for at in (0, 60, 600, 3600, 36_000, 86_400, 172_800, 2_678_400) for by in (0, 0.4, 1, 29, 59.6, 3599)]
AGES += [at - 1 for at in AGES if at >= 1]


def mount(stage: Stage, name: str = "main", **options: Any) -> Any:
    """The progress in one of the gallery's states."""
    return stage.mount(progress.Progress(gallery.runs()[name]), **options)


def test_each_row_says_type_platform_time_and_state(stage):
    """What is drawn as five segments and a colour is also there as words, and in the reader's zone."""
    element = mount(stage)
    rows = element.locator(".rows > li")
    expect(rows.locator(".type")).to_have_text(["Customers", "Invoices", "Payments", "Credit notes"])
    expect(rows.locator(".c-pill")).to_have_text(["✓Complete", "◔Mapping", "‖Paused until 14:05", "✕No permission"])
    expect(rows.nth(2).locator(".note")).to_contain_text("Codat waits and continues by itself.")
    expect(rows.nth(0).locator(".time")).to_have_text("18 s")
    expect(rows.nth(1).get_by_role("img")).to_have_accessible_name("Stage 3 of 5: Mapping")
    expect(rows.nth(3).locator(".note")).to_contain_text("may not read credit notes. Ask the customer to relink")
    expect(rows.nth(3).get_by_role("button", name="Copy relink URL")).to_be_visible()
    expect(rows.nth(1).locator(".left")).to_have_text(re.compile(r"^~3\d s left$|^~40 s left$"))
    expect(element.locator(".expected")).to_have_text(re.compile(r"^about [34]\d s left, Payments paused until 14:05$"))
    expect(element.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "2")


def test_running_times_tick_at_the_kernels_speed_and_ended_ones_do_not(stage):
    """Between two states the browser's clock goes on, ten times as fast as the wall if the sandbox does."""
    element = mount(stage)
    stage.tell_time(rate=10.0)
    times = element.locator(".time")
    expect(times.nth(1)).to_have_text(re.compile("^1 min"))
    expect(times.nth(0)).to_have_text("18 s")


def test_rows_keep_their_nodes_and_change_only_where_they_differ(stage):
    """A new state of one row touches that row alone, so that nothing flickers and a selection stays."""
    element = mount(stage)
    stage.page.evaluate("""() => {
      window.touched = [];
      const name = ({ target }) => (target.nodeType === 3 ? target.parentNode : target).className;
      const what = { subtree: true, childList: true, characterData: true };
      new MutationObserver((list) => touched.push(...list.map(name))).observe(document.querySelector(".rows"), what);
    }""")
    rows = gallery.main_rows()
    rows[1] = drawn_row("2", "invoices", "Validating", "NetSuite", requested=rows[1]["since"])
    stage.parts[0].state = progress.progress_state(rows)
    expect(element.locator(".c-pill").nth(1)).to_have_text("◔Validating")
    touched = set(stage.page.evaluate("touched"))
    assert touched <= {"c-cut", "time", "left c-dim c-cut"}
    assert "c-cut" in touched


def test_thousand_operations_are_paged(stage):
    """Fifty rows are on the page, the totals are of all, and the arrows ask for the neighbours."""
    element = mount(stage, "thousand")
    expect(element.locator(".rows > li")).to_have_count(50)
    expect(element.locator(".pager")).to_contain_text("51–100 of 1,000")
    expect(element.locator(".words")).to_have_text("400 of 1,000 done")
    element.get_by_role("button", name="Next operations").click()
    element.get_by_role("button", name="Previous operations").click()
    until(stage, lambda: len(sent(stage, "window")) == 2)
    assert sent(stage, "window") == [{"first": 100}, {"first": 0}]
    change(stage, 0, first=950)
    element.get_by_role("button", name="Next operations").click(force=True)
    assert len(sent(stage, "window")) == 2


def test_a_page_of_rows_is_small():
    """Five states a second of a run with a thousand operations stay below 50 kB a second."""
    assert len(json.dumps(gallery.runs()["thousand"])) * 5 < 50_000


def test_stop_watching_is_sent_once_and_says_that_codat_carries_on(stage):
    """The button rests until the kernel answers, and goes when the kernel offers it no more."""
    element = mount(stage)
    stop = element.get_by_role("button", name="Stop watching")
    expect(stop).to_have_text("Stop watching (Codat carries on)")
    expect(stop).to_have_attribute("title", "Codat finishes what is queued: its API cannot cancel.")
    stop.evaluate("b => { b.click(); b.click(); }")
    until(stage, lambda: sent(stage, "stop"))
    expect(stop).to_be_disabled()
    change(stage, 0, actions=[], status="stopped")
    expect(stop).to_have_count(0)
    assert len(stage.sent) == 1


def test_rows_come_and_go_in_order(stage):
    """A page that shares some rows with the last one shows its own, in its order."""
    element = mount(stage)
    rows = gallery.main_rows()
    for order in ([3, 1, 0], [0, 1, 2, 3], [2], [1, 3]):
        stage.parts[0].state = progress.progress_state([rows[n] for n in order])
        expect(element.locator(".type")).to_have_text([rows[n]["name"] for n in order])


def test_idle_form_invites_and_queueing_is_shown(stage):
    """Nothing to show is said with what to do; queueing is said before there is a row."""
    element = mount(stage, "idle")
    expect(element.get_by_text("Nothing is being refreshed.")).to_be_visible()
    expect(element.get_by_role("list", name="The stages of a refresh")).to_be_visible()
    stage.parts[0].state = gallery.runs()["queueing"]
    expect(element.get_by_text("Queueing…")).to_be_visible()
    expect(element.get_by_text("Nothing is being refreshed.")).to_be_hidden()


def test_browser_and_kernel_use_the_same_words(page):
    """Lengths, ages, counts and short ids read alike wherever they are put into words."""
    page.add_script_tag(content=source("kit.js"))
    script = "all => all.map((s) => [duration(s), ago(s), number(Math.round(s)), count(Math.round(s), 'day')])"
    meant = [[words.duration(s), words.ago(s), words.number(round(s)), words.count(round(s), "day")] for s in AGES]
    assert page.evaluate(script, AGES) == meant
    halves = [0.5, 1.5, 2.5, 60.5]
    assert page.evaluate("all => all.map(duration)", halves) == list(map(words.duration, halves))
    times = [[requested, completed] for requested, completed, _ in LENGTHS]
    script = "all => all.map(([since, until]) => lengthOf(since + 'Z', until + 'Z', null))"
    assert page.evaluate(script, times) == [said for *_, said in LENGTHS]
    assert page.evaluate("shortId('c8d3af58-7011')") == words.short_id("c8d3af58-7011")


def test_a_later_retry_says_when_in_the_readers_zone(stage):
    """Hours and minutes on row and button; the day, too, where that is another one."""
    times = [gallery.THEN + timedelta(hours=hours) for hours in (4, 20)]
    rows = [progress.waiting_row(str(at), "bills", "NetSuite", "queueing", due=at) for at in times]
    later: progress.ActionButton = {"type": "retry_later", "text": "Retry 3 at 2026-11-23T18:40:00Z"}
    element = stage.mount(progress.Progress(progress.progress_state(rows, actions=[later])))
    tomorrow = re.compile(r"^…Retries at 24 Nov( 2026)?, 09:59$")
    expect(element.locator(".c-pill")).to_have_text([re.compile("^…Retries at 17:59$"), tomorrow])
    expect(element.get_by_role("button", name="Retry 3")).to_have_text("Retry 3 at 18:40")


def test_names_and_statuses_tell_codats_keys_in_the_tooltip(stage):
    """On screen there are words; an engineer points at them."""
    row = mount(stage).locator(".rows > li").nth(3)
    expect(row.locator(".type")).to_have_attribute("title", "Credit notes (creditNotes)")
    expect(row.locator(".c-pill")).to_have_attribute("title", "No permission (PermissionsError)")


def test_what_takes_too_long_is_named_with_what_to_do(stage):
    """By the company's own history, also while no news come: the usual time passes, then three times of it."""
    element = mount(stage, "odd")
    stalled = element.locator(".rows > li").filter(has_text="Bank transactions (ledger)")
    expect(stalled.locator(".c-pill")).to_have_text("!Longer than usual")
    expect(stalled.locator(".note")).to_contain_text("usually takes 44 s. Codat is still working on it")
    late = element.locator(".rows > li").filter(has=stage.page.locator(".type", has_text="Items")).last
    expect(late.locator(".left")).to_have_text("any moment")
    stage.tell_time(rate=60.0)
    expect(late.locator(".c-pill")).to_have_text("!Longer than usual")
    expect(late.locator(".note")).to_contain_text("Codat is still working on it")
    expect(late.locator(".left")).to_have_text("")


@pytest.mark.parametrize("width", [320, 560])
def test_what_is_left_stands_beside_the_time_on_a_narrow_screen(stage, width):
    """Between the stages and the time, over neither; the rows' stages are equally long, and nothing sticks out."""
    element = mount(stage, width=width)
    row = element.locator(".rows > li").nth(1)
    expect(row.locator(".left")).to_have_text(re.compile(r"s left$"))
    stages, left, time = (row.locator(f".{name}").bounding_box() for name in ("stages", "left", "time"))
    assert stages["x"] + stages["width"] <= left["x"]
    assert left["x"] + left["width"] <= time["x"]
    assert abs(left["y"] + left["height"] / 2 - time["y"] - time["height"] / 2) < 3
    assert element.locator(".rows > li .stages").nth(0).bounding_box()["width"] == stages["width"] > 60
    assert stage.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    stage.shot(f"progress-left-{width}")


def test_retry_counts_what_can_be_helped_and_is_sent_once(stage):
    """The others keep their remedy below them."""
    element = mount(stage, "done")
    retry = element.get_by_role("button", name="Retry failed (1)")
    expect(element.locator(".note:visible")).to_contain_text("Ask the customer to relink with a user who may")
    retry.evaluate("b => { b.click(); b.click(); }")
    until(stage, lambda: sent(stage, "retry"))
    expect(retry).to_be_disabled()
    assert len(stage.sent) == 1
