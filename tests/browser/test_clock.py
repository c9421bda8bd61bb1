"""Ages by one clock: a page drawn from old states, or that slept, or whose clock is wrong, tells true ages.

The browser's two clocks are moved on by the tests: while a machine sleeps, the one that counts from the page's start
may stand, and the other may be put right at any time.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from codat_notebook.models.shared import PullOperation
from codat_notebook.tables.column import Column
from codat_notebook.widgets import data_types, header, notice, pickers, progress
from codat_notebook.widgets.table import FrameTable

from . import gallery, gallery_tabs
from .notebooks import Notebook
from .stage import Stage
from .test_console import SETUP, SLOWLY, pick

HOUR = 3_600_000
#: Lets a test move the browser's clocks, from the first script on.
CLOCKS = """
window.moved = { steady: 0, wall: Number(sessionStorage.getItem("wall") ?? 0) };
const [steady, wall] = [performance.now.bind(performance), Date.now];
performance.now = () => steady() + moved.steady;
Date.now = () => wall() + moved.wall;
"""
HEADER, CARDS, TYPES, PROGRESS = range(4)
LINE, RUNNING = ".quota", ".rows > li:nth-child(2) .time"


@pytest.fixture
def parts(stage: Stage) -> Callable[..., Stage]:
    """The parts of a console that tell ages, on one page, whose clocks a test can move."""

    def mount(**options: Any) -> Stage:
        stage.page.add_init_script(CLOCKS)
        states = gallery.headers(), gallery.cards(), gallery.type_lists(), gallery.runs()
        names = "sandbox", "three", "main", "main"
        kinds = header.Header, pickers.ConnectionCards, data_types.DataTypePicker, progress.Progress
        drawn = [kind(of[name]) for kind, of, name in zip(kinds, states, names, strict=True)]
        stage.mount(*drawn, height=1400, **options)
        return stage

    return mount


def pass_by(stage: Stage, hours: float, *clocks: str) -> None:
    """Time passes at Codat and on these clocks of the browser."""
    stage.clock.set(stage.clock.now() + timedelta(hours=hours))
    stage.page.evaluate("([by, names]) => names.forEach((name) => { moved[name] += by; })", [hours * HOUR, clocks])


def expect_ages(stage: Stage, hours: int, where: str = "#part-{}") -> None:
    """All parts tell ages of so many hours more than the states of the gallery were drawn for."""
    part = [stage.page.locator(where.format(number)) for number in range(4)]
    left = 10 - hours
    expect(part[HEADER].locator(LINE)).to_have_text(re.compile(rf"resets in ({left} h( 1 min)?|{left - 1} h 5\d min)$"))
    expect(part[CARDS].locator(".card").filter(has_text="synced").first).to_contain_text(f"synced {hours + 2} h ago")
    invoices = part[TYPES].locator(".type").filter(has_text="Invoices")
    expect(invoices.locator(".age")).to_have_text(f"{hours + 2} h ago")
    expect(part[PROGRESS].locator(RUNNING)).to_have_text(re.compile(rf"^{hours} h" if hours else r"^\d+ s$|^[1-4] min"))


def expect_times(stage: Stage) -> None:
    """No part tells an age: each tells the time, in the reader's zone."""
    part = [stage.part(number) for number in range(4)]
    expect(part[HEADER].locator(LINE)).to_have_text(re.compile(r"resets on 2[34] Nov(, | 2026, )\d\d:\d\d"))
    expect(part[CARDS].locator(".card").filter(has_text="synced").first).to_contain_text(re.compile(r"synced 23 Nov( 2026)?, 11:58"))
    invoices = part[TYPES].locator(".type").filter(has_text="Invoices")
    expect(invoices.locator(".age")).to_have_text(re.compile(r"^23 Nov( 2026)?, 11:58$"))
    expect(part[PROGRESS].locator(RUNNING)).to_have_text("since 13:57")
    expect(part[PROGRESS].locator(".expected")).to_have_text(re.compile(r"^end expected at 23 Nov( 2026)?, 13:59"))
    assert " ago" not in "".join(each.inner_text() for each in part)


def test_a_page_that_is_loaded_again_tells_true_ages_at_once(parts: Callable[..., Stage]) -> None:
    """The states are three hours old; it asks once what time it is."""
    stage = parts()
    expect_ages(stage, 0)
    pass_by(stage, 3)
    stage.times = 0
    stage.page.reload()
    expect_ages(stage, 3)
    assert stage.times == 1


def test_a_blocked_kernel_has_the_page_tell_times_and_as_of_when(parts: Callable[..., Stage]) -> None:
    """A cell runs while the page is loaded again: no age is made up. The cell ends, and they are there."""
    stage = parts()
    pass_by(stage, 3)
    stage.blocked = True
    stage.page.reload()
    expect_times(stage)
    note = stage.part(TYPES).get_by_role("status").filter(has_text="The kernel is busy")
    expect(note).to_contain_text("This is what was shown last, as of 2026-11-23 13:58 (Europe/London).")
    stage.shot("clock-blocked")
    stage.theme("dark")
    stage.shot("clock-blocked-dark")
    stage.free()
    expect_ages(stage, 3)
    expect(note).to_have_count(0)


def test_a_state_that_comes_tells_the_time_while_the_kernel_is_blocked(parts: Callable[..., Stage]) -> None:
    """What runs beside the cell goes on drawing, and with each state comes the time of all parts."""
    stage = parts()
    stage.blocked = True
    stage.page.reload()
    expect_times(stage)
    stage.clock.set(stage.clock.now() + timedelta(hours=1))
    stage.parts[PROGRESS].show({**stage.parts[PROGRESS].state, "message": "News"}, at_once=True)
    expect_ages(stage, 1)


@pytest.mark.parametrize("stands", ["steady", "wall"])
def test_a_machine_that_slept_for_an_hour_tells_true_ages(parts: Callable[..., Stage], stands: str) -> None:
    """Whichever of the browser's clocks stood meanwhile, and also before the kernel answers."""
    stage = parts()
    expect_ages(stage, 0)
    stage.blocked = True
    pass_by(stage, 1, {"steady": "wall", "wall": "steady"}[stands])
    expect_ages(stage, 1)
    stage.wait_for(lambda: stage.asked)


def test_a_kernel_that_is_gone_leaves_times_and_one_that_is_back_ages(parts: Callable[..., Stage]) -> None:
    """A restart: what is shown is as of its last state."""
    stage = parts()
    expect_ages(stage, 0)
    stage.page.evaluate("window.stageLive(false)")
    expect_times(stage)
    expect(stage.part(TYPES)).to_contain_text("Not live: this is what was shown last, as of 2026-11-23 13:58")
    pass_by(stage, 2)
    stage.page.evaluate("window.stageLive(true)")
    expect_ages(stage, 2)


def test_a_second_view_that_is_opened_later_tells_the_same_ages(parts: Callable[..., Stage]) -> None:
    """It needs no kernel for it: the page knows the time."""
    stage = parts()
    expect_ages(stage, 0)
    pass_by(stage, 2, "steady", "wall")
    stage.blocked = True
    for number in range(4):
        stage.page.evaluate("number => window.stageView(number, [], `again-${number}`)", number)
    expect_ages(stage, 2, "#again-{}")
    expect_ages(stage, 2)


@pytest.mark.parametrize("wrong", [-HOUR, HOUR])
def test_a_browser_clock_that_is_an_hour_wrong_changes_nothing(parts: Callable[..., Stage], wrong: int) -> None:
    """Neither where it is wrong from the beginning, nor where it is put right while the page is open."""
    stage = parts()
    stage.page.evaluate("wrong => sessionStorage.setItem('wall', wrong)", wrong)
    stage.page.reload()
    expect_ages(stage, 0)
    asked = stage.times
    stage.page.evaluate("() => { moved.wall = 0; }")
    stage.wait_for(lambda: stage.times > asked)
    expect_ages(stage, 0)


def test_a_clock_that_stands_stands_here_too(parts: Callable[..., Stage]) -> None:
    """That of a paused sandbox, whatever passes on the page, until it goes on."""
    stage = parts()
    stage.tell_time(rate=0.0)
    expect(stage.part(PROGRESS).locator(".expected")).to_contain_text("left")
    stage.page.evaluate("() => { moved.steady += 3600000; moved.wall += 3600000; }")
    stage.page.wait_for_timeout(1500)  # a beat of the clock
    expect_ages(stage, 0)
    stage.tell_time(gallery.THEN + timedelta(hours=1), rate=1.0)
    expect_ages(stage, 1)


def test_a_late_state_does_not_set_the_clock_back(parts: Callable[..., Stage]) -> None:
    """Messages may wait on their way for an hour; the newest time that is known counts."""
    stage = parts()
    stage.tell_time(gallery.THEN + timedelta(hours=2))
    expect_ages(stage, 2)
    stage.blocked = True
    for _ in range(100):  # where the clock may be the one that is wrong, the kernel is asked
        stage.tell_time(gallery.THEN)
        expect(stage.part(PROGRESS).locator(RUNNING)).to_have_text(re.compile("^2 h"), timeout=1)
        stage.page.wait_for_timeout(200)
        if stage.asked:
            break
    assert stage.asked
    expect_ages(stage, 2)


def running_since(seconds: float) -> str:
    """When something began that takes so many seconds so far."""
    return (gallery.THEN - timedelta(seconds=seconds)).isoformat()


def test_no_two_parts_tell_two_durations_of_one_operation(stage: Stage) -> None:
    """Progress and table are drawn in one beat; over some of these they say the same each time."""
    import pandas as pd

    stage.page.add_init_script(CLOCKS)
    began = running_since(113.4)
    operation = PullOperation(id="1", data_type="invoices", status="Mapping", requested=began)
    frame = pd.DataFrame(
        {"id": ["1"], "requested": pd.to_datetime([began], utc=True), "completed": pd.to_datetime([None], utc=True)}
    ).assign(duration=pd.Timedelta(seconds=3))
    duration = Column(kind="duration", since="requested", until="completed")
    stage.mount(
        progress.Progress(progress.progress_state([progress.operation_row(operation)])),
        FrameTable(frame, columns={"duration": duration}),
    )
    expect(stage.part().locator(".time")).to_have_text(re.compile("^1 min 5|^2 min"))
    said = """() => {
      const text = (selector) => document.querySelector(selector).textContent;
      return [text(".rows .time"), text(".ct-duration[role=gridcell]")];
    }"""
    heard = set()
    for _ in range(12):
        stage.page.evaluate("() => { moved.steady += 333; moved.wall += 333; }")
        if len(heard) % 2:
            stage.tell_time()
        stage.page.wait_for_timeout(240)
        words = stage.page.evaluate(said)
        assert len(set(words)) == 1, words
        heard.add(words[0])
    assert len(heard) > 2


def test_heatmap_and_notice_tell_dates_until_the_time_is_known(stage: Stage) -> None:
    """Days as numbers, and "today", are ages, too."""
    stage.blocked = True
    kind, states = gallery_tabs.PARTS["heatmap"]
    card = notice.Notice(gallery.notices()["three"])
    stage.mount(kind(states()["drawn"]), card)
    cell: Locator = stage.part().locator("td").first
    expect(cell).to_have_text(re.compile(r"^14 Nov"))
    expect(stage.part(1).locator(".head").first).to_contain_text("2026-11-23 13:58")
    stage.shot("clock-heatmap-blocked")
    stage.free()
    expect(cell).to_have_text("9")
    expect(stage.part(1).locator(".head").first).to_contain_text("today 13:58")


def test_ages_in_jupyterlab(open_notebook: Callable[..., Notebook]) -> None:
    """They are there when the page is loaded again, and in a second view; after a restart of the kernel times are."""
    notebook = open_notebook(SETUP, "console = cn.console(session)\nconsole")
    pick(notebook.locator(".codat-console"), "Toft")
    ages = notebook.locator(".codat-data-types .age")
    aged = re.compile(" ago$|just now")
    customers = ages.filter(has_text=aged).first
    expect(customers).to_be_visible(timeout=SLOWLY)
    expect(notebook.locator(".codat-connections")).to_contain_text(re.compile("synced .* ago|synced just now"))
    notebook.saved()
    notebook.open()
    expect(customers).to_be_visible(timeout=SLOWLY)
    expect(notebook.locator(".c-stale")).to_have_count(0)
    notebook.run_cell("console")
    expect(notebook.locator(".codat-data-types")).to_have_count(2, timeout=SLOWLY)
    expect(notebook.locator(".codat-data-types .age").last).not_to_have_text(re.compile(r":\d\d$"))
    said = [view.locator(".age").all_inner_texts() for view in notebook.locator(".codat-data-types").all()]
    assert len(said[0]) == len(said[1]) > 3
    notebook.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    expect(ages.filter(has_text=aged)).to_have_count(0, timeout=SLOWLY)
    expect(ages.filter(has_text=re.compile(r", \d\d:\d\d$")).first).to_be_visible()
    stale = notebook.locator(".codat-status .c-stale").first
    expect(stale).to_contain_text("Not live: this is what was shown last, as of 20")
    notebook.page.set_viewport_size({"width": 1560, "height": 1500})
    notebook.shot("clock-restarted", notebook.locator(".codat-console").first)
