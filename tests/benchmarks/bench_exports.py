"""What a table of 100,000 operations costs as a file and as a timeline, beside what others make of the same rows.

``python tests/benchmarks/bench_exports.py`` measures everything and writes RESULTS_EXPORTS.md beside itself; under
pytest the goals are asserted. Processor time is compared, which a busy machine does not blur as it does wall time; the
peers take turns, and medians are reported, of the ratios of each turn. Our part is all that the kernel does between the
click and the last piece: filtered rows, guards, compression. Bare XlsxWriter is given plain values that are ready.
"""

import io
import json
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import xlsxwriter
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))

from codat_notebook import frames
from codat_notebook.tables import exports
from codat_notebook.widgets.charts import LookAt, Timeline, timeline_state
from codat_notebook.widgets.part import LARGE, pack
from codat_notebook.widgets.table import FrameTable
from tests.benchmarks.bench_table import WATCH_FRAMES, best
from tests.browser import chromium, stage
from tests.browser.gallery_tabs import BANKS, pulls
from tests.tables.table_frames import operations

ROWS, ROUNDS = 100_000, 5
CSV_GOAL, XLSX_GOAL = 1.5, 1.3
RESULTS = Path(__file__).with_name("RESULTS_EXPORTS.md")
NOW = datetime(2026, 11, 23, 13, 58, 29, tzinfo=UTC)


def ours(choice: str) -> Callable[[pd.DataFrame], Any]:
    """Everything that the kernel does for a choice of the menu."""

    def make(frame: pd.DataFrame) -> None:
        table = FrameTable(frame, noun="operation")
        table.company = "Toft Stores"
        for _ in table._made(table._sheet, table.view, choice):
            pass
        table.close()

    return make


def bare_xlsx(rows: list[tuple[Any, ...]]) -> None:
    """The rows by XlsxWriter alone, with constant memory."""
    options = {"constant_memory": True, "default_date_format": "yyyy-mm-dd hh:mm:ss", "strings_to_formulas": False}
    with xlsxwriter.Workbook(io.BytesIO(), options) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)


def turns(peers: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Seconds of processor time, the peers in turns."""
    found: dict[str, list[float]] = {name: [] for name in peers}
    for _ in range(ROUNDS):
        for name, work in peers.items():
            start = time.process_time()
            work()
            found[name].append(time.process_time() - start)
    return found


def exported() -> list[tuple[str, float, float, float]]:
    """For CSV and Excel: our seconds and the peer's, and the ratio's goal, with the name of the peer."""
    frame = operations(ROWS)
    headings, steps = exports.table_of(frame.assign(company="Toft Stores"))
    rows = [tuple(headings), *(row for columns in steps for row in zip(*columns, strict=True))]
    with_company = frame.assign(company="Toft Stores")
    lines = []
    for choice, peer, work, goal in (
        ("csv", "pandas' to_csv", lambda: with_company.to_csv(index=False), CSV_GOAL),
        ("xlsx", "XlsxWriter, constant memory", lambda: bare_xlsx(rows), XLSX_GOAL),
    ):
        found = turns({"ours": lambda c=choice: ours(c)(frame), "peer": work})
        ratio = statistics.median(a / b for a, b in zip(found["ours"], found["peer"], strict=True))
        mine, others = (statistics.median(found[name]) for name in ("ours", "peer"))
        print(f"  {choice:5} {mine:6.2f} s, {peer} {others:6.2f} s: {ratio:.2f}")
        lines.append((f"{choice} against {peer}", ratio, goal, mine))
    return lines


def charted() -> dict[str, tuple[float, str]]:
    """What a timeline of all of it takes in the kernel and on the way."""
    frame = frames.pull_operations(pulls(ROWS), BANKS, NOW)
    end = NOW.timestamp()
    looks = {
        "where nobody has looked": None,
        "all": LookAt(since=end - 600 * 86400, until=end, width=900),
        "a day of last month": LookAt(since=end - 31 * 86400, until=end - 30 * 86400, width=900),
    }
    found: dict[str, tuple[float, str]] = {}
    for name, look in looks.items():
        state = timeline_state(frame, NOW, look)
        text = json.dumps(state)
        assert len(text) > LARGE
        packed = pack(text)
        found[f"timeline, {name}: worked out"] = (best(lambda each=look: timeline_state(frame, NOW, each)), "ms")
        found[f"timeline, {name}: sent"] = (len(packed) / 1000, f"kB, {len(state['bars'])} bars")
    for name, (number, unit) in found.items():
        print(f"  {name:55} {number:8.1f} {unit}")
    return found


def bench_exports() -> None:
    """The kernel's part of a file is at most 1.5 times pandas' CSV, 1.3 times bare XlsxWriter."""
    print()
    missed = [line for line in exported() if line[1] > line[2]]
    assert not missed


def bench_timeline() -> None:
    """Worked out in a quarter of a second; at most 60 kB are sent."""
    print()
    found = charted()
    assert max(number for number, unit in found.values() if unit == "ms") < 250
    assert max(number for number, unit in found.values() if unit != "ms") < 60


def drawn() -> dict[str, float]:
    """Milliseconds in a Chromium: a step to the side and a zoom of a long history; the longest gap of two frames."""
    frame = frames.pull_operations(pulls(ROWS), BANKS, NOW)
    end = NOW.timestamp()
    state = timeline_state(frame, NOW, LookAt(since=end - 600 * 86400, until=end, width=900))
    with sync_playwright() as driver:
        path = chromium.find(driver)
        if path is None:
            pytest.skip(chromium.HOW_TO_GET_ONE)
        with chromium.start(driver, path) as chrome, stage.running(chrome.new_page(), lambda *_: Path()) as here:
            element = here.mount(Timeline(state))
            element.get_by_role("button", name="All").click()
            element.locator(".plot").focus()
            here.page.wait_for_timeout(500)
            here.page.evaluate(WATCH_FRAMES)
            bars = element.locator(".plot .bar").count()
            times = {}
            for name, key in (("a step to the side", "ArrowLeft"), ("a zoom", "+")):
                made = here.page.evaluate(PRESSED, key)
                times[f"timeline, {name}, {bars} bars drawn"] = statistics.median(made)
            here.page.wait_for_timeout(300)
            times["timeline, longest gap between frames"] = here.page.evaluate("window.gap")
    for name, number in times.items():
        print(f"  {name:55} {number:8.1f} ms")
    return times


#: Press a key eight times, a frame apart: milliseconds until each is drawn, layout included.
PRESSED = """async (key) => {
  const plot = document.querySelector(".plot");
  const times = [];
  for (let n = 0; n < 8; n++) {
    const start = performance.now();
    plot.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    plot.getBoundingClientRect();
    document.querySelector(".plot .bar")?.getBBox();
    times.push(performance.now() - start);
    await new Promise(requestAnimationFrame);
  }
  return times;
}"""


def bench_timeline_in_a_browser() -> None:
    """A move is drawn within 50 ms: it stays smooth."""
    print()
    times = drawn()
    assert max(number for name, number in times.items() if "gap" not in name) < 50


def main() -> None:
    """Measure, write, print."""
    lines = [
        f"- {name}: {ratio:.2f} (goal {goal}), {seconds:.2f} s: **{'met' if ratio <= goal else 'not met'}**."
        for name, ratio, goal, seconds in exported()
    ]
    lines += [f"- {name}: {number:.1f} {unit}." for name, (number, unit) in charted().items()]
    lines += [f"- {name}: {number:.1f} ms." for name, number in drawn().items()]
    head = f"""# Files and the timeline of {ROWS:,} operations

Written by `python tests/benchmarks/bench_exports.py`; not edited by hand.

{datetime.now(UTC):%Y-%m-%d}. Processor time in one process, the peers in turns, {ROUNDS} rounds; ratios are medians of
each round's ratio. Our part is all that the kernel does from the click to the last piece.

"""
    RESULTS.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")
    print(RESULTS.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
