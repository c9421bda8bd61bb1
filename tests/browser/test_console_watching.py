"""What the console shows is what Codat is doing, whoever started it: in a real JupyterLab, by clicks."""

import re
from collections.abc import Callable

from playwright.sync_api import expect

from codat_notebook.widgets.header import Header

from . import gallery
from .notebooks import Notebook
from .stage import Stage
from .test_console import SETUP, SLOWLY, pick

#: Somebody else's session on the same account, which refreshes what the console has on screen.
ELSEWHERE = """other = session_on(sandbox)
toft = str(other.companies(search="Toft").id[0])"""


def test_what_others_start_is_followed(open_notebook: Callable[..., Notebook]) -> None:
    """From "Nothing is being refreshed" to somebody else's operations, to their end; stopped, and watched again."""
    notebook = open_notebook(SETUP, "cn.console(session)", ELSEWHERE)
    notebook.page.set_viewport_size({"width": 1560, "height": 1500})
    console = notebook.locator(".codat-console")
    pick(console, "Toft")
    progress, header = console.locator(".codat-progress"), console.locator(".codat-status")
    expect(progress).to_contain_text("Nothing is being refreshed.")
    expect(header).to_contain_text(re.compile(r"Checked \d+ (s|min) ago"))

    notebook.run_cell("sandbox.clock.speed = 10\nrun = other.refresh(toft, 'customers', 'items', 'suppliers')")
    again = console.get_by_role("button", name="Read again")
    again.click()
    told = "Codat is already reading 3 data types, started elsewhere at"
    expect(progress).to_contain_text(told, timeout=SLOWLY)
    expect(progress).to_contain_text("You do not need to refresh: this page follows it.")
    expect(progress.locator(".op")).to_have_count(3)
    expect(header).to_contain_text(re.compile(r"\d operations? running"))
    notebook.shot("console-elsewhere", console)
    notebook.theme("dark")
    notebook.shot("console-elsewhere-dark", console)
    notebook.theme("light")
    expect(progress).to_contain_text("3 of 3 done", timeout=SLOWLY)
    expect(header.locator(".running")).to_be_hidden()

    notebook.run_cell("sandbox.clock.speed = 5\nrun = other.refresh(toft, 'customers', 'items')")
    again.click()
    expect(progress).to_contain_text(told.replace("3", "2"), timeout=SLOWLY)
    progress.get_by_role("button", name="Stop watching").click()
    expect(progress).to_contain_text(re.compile(r"Not watching since \d\d:\d\d: this view is out of date\."))
    expect(header).to_contain_text(re.compile(r"Not watching since \d\d:\d\d"))
    expect(header.locator(".running")).to_be_hidden()
    notebook.shot("console-unwatched", console)
    times = progress.locator(".op .time").all_inner_texts()
    notebook.run_cell("sandbox.clock.advance('2h')\nprint('two', 'hours')")
    notebook.locator(".jp-OutputArea-output").filter(has_text="two hours").wait_for(timeout=SLOWLY)
    assert progress.locator(".op .time").all_inner_texts() == times
    expect(progress).not_to_contain_text("Longer than usual")
    progress.get_by_role("button", name="Watch again").click()
    expect(progress).to_contain_text("2 of 2 done", timeout=SLOWLY)
    for width in (1000, 720):
        notebook.page.set_viewport_size({"width": width, "height": 1500})
        notebook.shot(f"console-watched-{width}", console)


def test_only_a_view_that_somebody_sees_says_so(stage: Stage) -> None:
    """At once, and every 15 s; not from below the page's edge, and not from a hidden tab."""
    stage.page.clock.install()
    stage.page.add_init_script(
        "window.away = false;"
        "Object.defineProperty(document, 'visibilityState', { get: () => away ? 'hidden' : 'visible' });"
    )
    stage.mount(Header(gallery.headers()["sandbox"]), height=600)

    def said() -> int:
        return sum(message["type"] == "seen" for message in stage.sent)

    stage.wait_for(lambda: said() == 1)
    stage.page.clock.fast_forward(15_000)
    stage.wait_for(lambda: said() == 2)

    stage.page.evaluate("() => { away = true; document.dispatchEvent(new Event('visibilitychange')); }")
    stage.page.clock.fast_forward(60_000)
    stage.page.evaluate("() => { away = false; document.dispatchEvent(new Event('visibilitychange')); }")
    stage.wait_for(lambda: said() == 3)

    stage.page.evaluate("() => document.body.style.setProperty('padding-top', '3000px')")
    stage.page.wait_for_function("() => document.querySelector('#part-0').getBoundingClientRect().top > innerHeight")
    stage.page.wait_for_timeout(100)  # the observer tells it a frame later
    stage.page.clock.fast_forward(60_000)
    stage.page.evaluate("() => document.querySelector('#part-0').scrollIntoView()")
    stage.wait_for(lambda: said() == 4)
