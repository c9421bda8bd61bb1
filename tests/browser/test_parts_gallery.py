"""Every part in every state, in both themes, from 320 to 2,560 pixels: nothing sticks out, no name runs a script.

Each test leaves pictures under tests/screenshots/, to be looked at: geometry can be right and a picture still wrong.
"""

from typing import Any

import pytest
from playwright.sync_api import expect

from . import gallery
from .test_parts import console

__all__ = ["console"]  # the fixture

#: What sticks out of a part or of its own box, in words; scrollers may hold more than they show.
STICKS_OUT = """() => {
  const found = [];
  const isCut = (node) => getComputedStyle(node).overflowX !== "visible";
  const look = (part, node) => {
    const [box, edge] = [node.getBoundingClientRect(), part.getBoundingClientRect()];
    if (!box.width || !box.height || node.closest(".c-sr, [popover]")) return;
    const say = (what) => found.push(`${what}: ${part.className} ${node.className} ${node.textContent.slice(0, 30)}`);
    let within = node.parentElement;
    while (within !== part && !isCut(within)) within = within.parentElement;
    if (within === part && (box.right > edge.right + 1 || box.left < edge.left - 1)) say("outside its part");
    const wider = node.clientWidth && node.scrollWidth > node.clientWidth + 1;
    if (wider && !isCut(node) && getComputedStyle(node).display !== "inline") say("too narrow");
  };
  for (const part of document.querySelectorAll(".codat-part")) part.querySelectorAll("*").forEach((n) => look(part, n));
  if (document.documentElement.scrollWidth > innerWidth) found.push("the page scrolls sideways");
  return found;
}"""
TOUCH = """() => document.querySelectorAll(".codat-part *").forEach((node) =>
  ["mouseover", "mouseenter", "focus"].forEach((kind) => node.dispatchEvent(new Event(kind, { bubbles: true }))))"""
LOOKS = [("light", 1212), ("light", 752), ("light", 352), ("dark", 352), ("dark", 1212), ("plain", 2592)]


def looks(stage: Any, shoot: Any, name: str) -> Any:
    """The page in each theme and width, one after the other; what sticks out fails, the rest is photographed."""
    for theme, width in LOOKS:
        stage.theme(theme)
        stage.page.set_viewport_size({"width": width, "height": 800})
        assert stage.page.evaluate(STICKS_OUT) == [], f"{theme} {width}"
        shoot(stage.page.locator("body"), f"{name}-{theme}-{width - 32}")
        yield width - 32


@pytest.mark.parametrize("name", gallery.PARTS)
def test_part_fits_in_every_state(stage, shoot, name):
    """Nothing leaves its box, whatever the names; no script of theirs runs, on load or hover."""
    kind, states, _ = gallery.PARTS[name]
    stage.mount(*[kind(state) for state in states().values()])
    assert len(list(looks(stage, shoot, f"part-{name}"))) == len(LOOKS)
    stage.page.evaluate(TOUCH)
    assert stage.page.evaluate("document.body.dataset.hurt") is None


FIRST = {"progress": "no company", "bar": "no company", "company": "idle", "connection": "none", "cards": "none"}
SCENES = {
    "main": {},
    "idle": {"progress": "idle", "bar": "nothing selected"},
    "first": FIRST | {"types": "no company"},
    "crowded": {"header": "crowded", "notice": "three", "cards": "crowded", "types": "all 43", "progress": "odd"},
    "hostile": dict.fromkeys(("notice", "company", "connection", "cards", "types", "progress"), "hostile"),
}


@pytest.mark.parametrize("scene", SCENES)
def test_console_fits(stage, shoot, console, scene):
    """The parts stand where the drawing has them, and below each other on 720 pixels and less."""
    frame = console(**SCENES[scene])
    stage.page.mouse.move(0, 0)
    for width in looks(stage, shoot, f"console-{scene}"):
        types, bar = (stage.page.locator(f".codat-{name}").bounding_box() for name in ("data-types", "bar"))
        assert (bar["y"] >= types["y"] + types["height"]) == (width <= 720)
        assert (bar["x"] > types["x"] + types["width"]) == (width > 720)
        assert frame.bounding_box()["width"] == width
    assert stage.page.evaluate("document.body.dataset.hurt") is None


def test_lab_and_widgets_do_not_restyle_the_console(stage, console):
    """Boxes keep no margin and no scroll bar of ipywidgets', chips and text not the look that JupyterLab gives."""
    frame = console()
    chip = stage.page.locator(".c-chip").first
    expect(chip).to_have_css("border-radius", "99px")
    expect(stage.page.locator(".codat-status b")).to_have_css("color", "rgb(31, 35, 40)")
    expect(stage.page.locator(".codat-row-pick")).to_have_css("overflow", "visible")
    expect(stage.page.locator(".codat-status")).to_have_css("margin", "0px")
    stage.theme("dark")
    expect(frame).to_have_css("background-color", "rgb(24, 28, 33)")
    expect(stage.page.locator(".codat-refresh")).to_have_css("background-color", "rgb(121, 176, 255)")


@pytest.mark.parametrize("state", ["first", "wrong key", "waiting"])
def test_console_without_a_connection_fits(stage, shoot, console, state):
    """Only the header and the form stand there, at any width."""
    frame = console(connect=state, header="not connected")
    stage.parts[9].state = stage.parts[9].state | {"moved": True}
    expect(frame.locator(".codat-work")).to_be_hidden()
    for width in looks(stage, shoot, f"console-connect-{state}"):
        assert frame.bounding_box()["width"] == width


def test_console_on_live_fits_with_everything_open(stage, shoot, console):
    """The question before all is queued, what "all" is, a connection in full, the form to switch: at any width."""
    console(bar="live", header="live, read only", progress="odd")
    page = stage.page
    page.get_by_role("button", name="What “all” includes").click()
    page.locator(".codat-refresh-all").click()
    page.locator(".codat-connections .head").last.click()
    page.get_by_role("button", name="Switch…").click()
    expect(page.get_by_role("alertdialog")).to_contain_text("LIVE")
    assert len(list(looks(stage, shoot, "console-live-open"))) == len(LOOKS)
