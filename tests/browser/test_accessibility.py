"""What axe-core finds, in every state of every part and in both themes; and the keyboard's way through the console.

axe-core comes from PyPI (axe-playwright-python) and needs no network. Of its rules those count whose breach is serious
or critical; contrast is among them.
"""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from codat_notebook import report
from codat_notebook.tables.column import Column
from codat_notebook.widgets.details import Details
from codat_notebook.widgets.table import FrameTable
from tests.report.test_report import found as findings
from tests.tables.table_frames import operations

from . import gallery, gallery_details, gallery_tabs
from .stage import Stage
from .test_parts import console

__all__ = ["console"]  # the fixture

SERIOUS = {"serious", "critical"}
#: What a stage is not: a page with a title, headings and landmarks of its own.
OPTIONS = {"resultTypes": ["violations"], "rules": {"region": {"enabled": False}}}


def tables() -> dict[str, dict[str, Any]]:
    """States of a table."""
    frame = operations(60)
    shown = {
        "ticks": FrameTable(frame, ticks=lambda each: each["status"] == "Complete"),
        "full": FrameTable(frame, title="Pull operations", columns={"status": Column(facet=True)}),
        "failed": FrameTable(frame, filters={"Failed": ("status", ["AuthError"])}),
        "empty": FrameTable(None),
    }
    states = {name: dict(table.state) for name, table in shown.items()}
    for table in shown.values():
        table.close()
    return states


ORDER = (
    "codat-status", "codat-company", "codat-connection", "codat-connections", "codat-data-types", "codat-bar",
    "codat-progress", "codat-tabs",
)  # fmt: skip
PARTS: dict[str, tuple[Any, Any]] = {
    **{name: part[:2] for name, part in (gallery.PARTS | gallery_tabs.PARTS).items()},
    "details": (Details, gallery_details.states),
    "table": (FrameTable, tables),
}


def serious(page: Page) -> list[str]:
    """What axe-core finds, one line for each element."""
    page.emulate_media(reduced_motion="reduce")  # a colour on its way to another is neither
    found = Axe().run(page, options=OPTIONS).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:160]} {node['any'][0]['message'] if node['any'] else ''}"
        for rule in found
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("name", PARTS)
def test_no_state_of_a_part_has_a_serious_fault(stage: Stage, name: str) -> None:
    """Labels, roles, names, contrast: in light and dark."""
    kind, states = PARTS[name]
    made = [kind() if kind is FrameTable else kind(state) for state in states().values()]
    for part, state in zip(made, states().values(), strict=True):
        part.state = state
    stage.mount(*made)
    found = {theme: (stage.theme(theme), serious(stage.page))[1] for theme in ("light", "dark")}
    assert found == {"light": [], "dark": []}


def test_the_whole_console_has_no_serious_fault(stage: Stage, console: Any) -> None:
    """The parts together: no id twice, one name for one thing."""
    console()
    stand_in = stage.page.locator(".codat-panel-operations")  # the gallery's, for a table
    stand_in.evaluate("e => { e.style.color = 'inherit'; }")
    found = {theme: (stage.theme(theme), serious(stage.page))[1] for theme in ("light", "dark")}
    assert found == {"light": [], "dark": []}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_report_has_no_serious_fault(page: Page, tmp_path: Path, scheme: Any) -> None:
    """With every rule, since a report is a page of its own; nothing leaves its table, also on a telephone."""
    file = tmp_path / "report.html"
    file.write_text(report.page([findings("Toft Stores UK", status="FetchError", count=20)]), "utf-8")
    page.emulate_media(color_scheme=scheme)
    page.goto(file.as_uri())
    assert [rule["id"] for rule in Axe().run(page).response["violations"]] == []
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_tab_goes_through_the_console_in_reading_order(stage: Stage, console: Any) -> None:
    """From the header down to the buttons; each stop is seen, none leads back up a part."""
    console()
    stage.page.mouse.click(1, 1)
    seen: list[str] = []
    for _ in range(80):
        stage.page.keyboard.press("Tab")
        part = stage.page.evaluate("document.activeElement.closest('.codat-part')?.className ?? ''")
        if seen and not part:
            break  # out of the page
        if part and part not in seen[-1:]:
            seen.append(part)
        outline = stage.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert not part or outline != "none" or stage.page.evaluate("document.activeElement.tagName") == "INPUT"
    order = [name for part in seen for name in ORDER if name in part.split()]
    assert order == [name for name in ORDER if name in order]
    assert len(order) >= 4


def test_an_update_moves_nothing_and_keeps_the_place(stage: Stage) -> None:
    """While rows change, the table keeps its height, its scroll, the focus and what is selected."""
    table = FrameTable(operations(60))
    element = stage.mount(table)
    row = element.locator("tbody tr").nth(7)
    row.click()
    stage.wait_for(lambda: table.selected is not None, 30)
    element.locator(".ct-scroll").evaluate("e => { e.scrollTop = 120; }")
    before = element.bounding_box()
    for number in range(5):
        frame = operations(60)
        frame.loc[frame["requested"].idxmax(), "message"] = f"update {number}"
        table.update(frame)
    expect(element.locator("tbody tr").first).to_contain_text("update 4")
    assert element.bounding_box() == before
    assert element.locator(".ct-scroll").evaluate("e => e.scrollTop") == 120
    expect(row).to_have_attribute("aria-selected", "true")
    assert row.evaluate("e => e === document.activeElement || e.contains(document.activeElement)")
