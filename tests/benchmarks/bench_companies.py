"""All companies in front of a reader, in JupyterLab: listed, searched, scrolled, saved, left open.

``python tests/benchmarks/bench_companies.py`` measures and writes RESULTS_COMPANIES.md beside itself; with pytest the
goals are asserted. The sandbox is another process; each round has a kernel and a notebook of its own. Times are those
of the page's own clock. The first rows and the whole list count from the call of the cell ``cn.console(session)``, the
request for the first page of companies included; a search and a turned page count from the key or the click, the pause
after the last letter included. The longest gap is between two frames that the browser draws, while every row of a page
is scrolled past and pages are turned. Processor time is what the machine's other work changes little.
"""

import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Page

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.bench_console import processor_seconds
from tests.benchmarks.bench_table import WATCH_FRAMES
from tests.browser import chromium, notebooks, servers
from tests.runs.away import KEY, sandbox_away

RESULTS = Path(__file__).with_name("RESULTS_COMPANIES.md")
ROUNDS = 3
SETUP = """
import sys
sys.path.insert(0, {root!r})
import codat_notebook as cn, codat_notebook.widgets.console
from codat_notebook.models.shared import Security
session = cn.Session(Security(auth_header={key!r}), server_url={url!r}, is_sandbox=True)
"ready"
"""
#: Runs a cell; resolves with the milliseconds until rows are there, and until all companies are counted.
OPEN = """async (total) => {
  const { commands, shell } = jupyterapp;
  const notebook = shell.currentWidget.content;
  notebook.activeCellIndex = notebook.widgets.length - 1;
  await commands.execute("notebook:insert-cell-below");
  notebook.activeCell.model.sharedModel.setSource("cn.console(session)");
  const start = performance.now();
  void commands.execute("notebook:run-cell");
  const until = (holds) => new Promise((resolve) => {
    const look = () => holds() ? resolve(performance.now() - start) : requestAnimationFrame(look);
    look();
  });
  const rows = () => document.querySelectorAll(".codat-companies tbody tr");
  const first = await until(() => rows().length === 50 && rows()[0].innerText && rows()[0].offsetHeight);
  const all = await until(() => document.querySelector(".codat-companies .ct-count").textContent === total);
  return [first, all];
}"""
#: Types a text or clicks a button; resolves with the milliseconds until something holds of the table.
ACT = """async ([act, text, holds]) => {
  const table = document.querySelector(".codat-companies");
  const field = table.querySelector(".ct-filter");
  const met = new Function("table", "return " + holds);
  const start = performance.now();
  if (act === "type") { field.focus(); field.value = text; field.dispatchEvent(new Event("input", { bubbles: true })); }
  else table.querySelector(text).click();
  return new Promise((resolve, reject) => {
    const look = () => {
      if (met(table)) resolve(performance.now() - start);
      else if (performance.now() - start > 60000) reject(new Error(`${act} ${text}: ${holds}`));
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
}"""
FIRST, ALL, SEARCH, TURN, GAP, SIZE = (
    "first rows", "all listed", "search", "page turned", "longest frame gap", "saved notebook"
)  # fmt: skip


class Goal(NamedTuple):
    """Of how many companies what may be at most how much, in milliseconds or kilobytes."""

    companies: int
    what: str
    most: float


GOALS = (
    Goal(10_000, FIRST, 1500), Goal(10_000, SEARCH, 300), Goal(10_000, GAP, 100), Goal(10_000, SIZE, 250),
    Goal(5000, ALL, 3000),
)  # fmt: skip
_VERDICT = {True: ": **met**", False: ": **not met**", None: ""}
Numbers = dict[str, list[float]]
Said = tuple[str, bool | None]


@contextmanager
def lab(companies: int, home: Path) -> Iterator[tuple[servers.Server, str]]:
    """JupyterLab, and the address of a sandbox of so many companies."""
    with sandbox_away(companies=companies) as away, servers.running("lab", home) as server:
        yield server, away.url


def measured(companies: int, home: Path) -> Numbers:
    """What was measured in each round, by its name."""
    numbers: Numbers = {}
    with chromium.running() as chrome, lab(companies, home) as (server, url):
        for _ in range(ROUNDS):
            for what, number in one(server, chrome.new_page(viewport={"width": 1440, "height": 1000}), url, companies):
                numbers.setdefault(what, []).append(number)
    return numbers


def one(server: servers.Server, page: Page, url: str, companies: int) -> Iterator[tuple[str, float]]:
    """One round."""
    setup = SETUP.format(root=str(Path(__file__).parents[2]), key=KEY, url=url)
    notebook = notebooks.Notebook(server, page, [setup], lambda *_: Path())
    notebook.open()
    notebook.run_all()
    page.get_by_text("'ready'", exact=True).wait_for(timeout=120_000)
    before = processor_seconds()
    first, everything = page.evaluate(OPEN, f"{companies:,} companies")
    after = processor_seconds()
    yield FIRST, first
    yield ALL, everything
    for name in before:
        yield f"processor time of the {name} until all are listed", 1000 * (after[name] - before[name])
    page.get_by_text("requests left today").first.wait_for()
    table = page.locator(".codat-companies")
    for text in ("toft", "tec", "and", "group", ""):
        counted = "table.querySelector('.ct-count').textContent"
        before = table.locator(".ct-count").inner_text()
        yield SEARCH, page.evaluate(ACT, ["type", text, f"{counted} !== {before!r}"])
    page.evaluate(WATCH_FRAMES)
    box = table.locator(".ct-scroll").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 300, box["y"] + 100)
    for turned in range(5):
        for _ in range(20):
            page.mouse.wheel(0, 80)
            page.wait_for_timeout(16)
        first_row = f"tr[aria-rowindex='{50 * (turned + 1) + 2}']"
        yield TURN, page.evaluate(ACT, ["click", "[aria-label='Next page']", f'table.querySelector("{first_row}")'])
    yield GAP, page.evaluate("window.gap")
    notebook.wait_until_run()
    notebook.saved()
    yield SIZE, notebook.path.stat().st_size / 1000
    notebook.end()


def lines(companies: int, numbers: Numbers) -> list[Said]:
    """Each number in a sentence, and whether its goal is met, if it has one."""
    goals = {goal.what: goal for goal in GOALS if goal.companies == companies}
    said = []
    for what, each in numbers.items():
        median, goal = statistics.median(each), goals.get(what)
        unit, wanted = ("kB" if what == SIZE else "ms"), f"; goal {goal.most:,.0f}" if goal else ""
        spread = f"{min(each):,.0f} to {max(each):,.0f}"
        text = f"{companies:,} companies, {what}: median {median:,.0f} {unit} of {len(each)} ({spread}{wanted})"
        said.append((text, goal and median <= goal.most))
    return said


def bench_ten_thousand_companies(tmp_path: Path) -> None:
    """First rows in 1.5 s, a search in 0.3 s, no gap over 0.1 s, saved in 250 kB."""
    checked(lines(10_000, measured(10_000, tmp_path)))


def bench_five_thousand_companies(tmp_path: Path) -> None:
    """All of them on screen in 3 s."""
    checked(lines(5000, measured(5000, tmp_path)))


def checked(said: list[Said]) -> None:
    """Print and assert."""
    print(*(text for text, _ in said), sep="\n")
    assert all(met is not False for _, met in said)


def main() -> None:
    """Measure everything and write it down."""
    said = []
    for companies in (10_000, 5000):
        with tempfile.TemporaryDirectory() as home:
            said += lines(companies, measured(companies, Path(home)))
    head = (
        "# All companies on screen\n\nWritten by `python tests/benchmarks/bench_companies.py`; not edited by hand.\n\n"
    )
    head += f"{datetime.now(UTC):%Y-%m-%d}; {__doc__.split('. ', 1)[1].strip()}\n\n" if __doc__ else ""
    head += f"Load average at the end: {os.getloadavg()[2]:.1f} on {os.cpu_count()} cores.\n\n"
    text = head + "".join(f"- {text}{_VERDICT[met]}.\n" for text, met in said)
    RESULTS.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
