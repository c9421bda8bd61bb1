"""The console's parts, driven by clicks and keys on a bare page: what they send, what they keep, what they show."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from . import deadlines, gallery
from .stage import Stage

COMPANY = gallery.COMPANY["id"]


def until(stage: Stage, condition: Callable[[], Any]) -> Any:
    """What `condition` gives once that is true."""
    deadline = time.monotonic() + deadlines.CONDITION
    while not (value := condition()):
        assert time.monotonic() < deadline, stage.sent
        stage.page.wait_for_timeout(10)
    return value


def sent(stage: Stage, kind: str) -> list[dict[str, Any]]:
    """The messages of a type so far, without their numbers."""
    return [{k: v for k, v in m.items() if k not in ("type", "seq")} for m in stage.sent if m["type"] == kind]


@pytest.fixture
def console(stage: Stage) -> Callable[..., Any]:
    """`console(progress="idle")` mounts the composed console and returns its frame."""

    def mount(width: int = 1212, theme: str = "light", **names: str) -> Any:
        stage.mount(*gallery.console_parts(**names), width=width, theme=theme, height=900)
        gallery.compose(stage.page)
        stage.parts[8].state = stage.parts[8].state | {"moved": True}
        return stage.page.locator(".codat-console")

    return mount


def change(stage: Stage, number: int, **values: Any) -> None:
    """A new state of a part, as the kernel sends one."""
    stage.parts[number].state = stage.parts[number].state | values


def test_refresh_button_counts_ticks_without_the_kernel_and_sends_what_it_shows(stage, console):
    """Ticking changes the number at once, and the message carries exactly the types on screen."""
    console()
    button = stage.page.locator(".codat-refresh")
    expect(button).to_have_text("Refresh 4 selected")
    stage.page.get_by_label("Balance sheet", exact=False).check()
    expect(button).to_have_text("Refresh 5 selected")
    button.click()
    asked = until(stage, lambda: sent(stage, "refresh"))
    assert sorted(asked[0]["data_types"]) == sorted([*gallery.SELECTED, "balanceSheet"])
    assert asked[0]["company"] == COMPANY


def test_refresh_is_sent_once_until_the_kernel_answers(stage, console):
    """Three fast clicks are one message; the wait is explained; the answer by seq frees the button."""
    console()
    button = stage.page.locator(".codat-refresh")
    button.evaluate("b => { b.click(); b.click(); b.click(); }")
    first = until(stage, lambda: [m for m in stage.sent if m["type"] == "refresh"])
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(stage.page.locator(".codat-bar .sentence")).to_have_text(
        "Sent. The kernel is busy with a cell; this starts when it is free."
    )
    assert len(sent(stage, "refresh")) == 1
    change(stage, 6, seq=first[0]["seq"])
    expect(button).not_to_have_attribute("aria-disabled", "true")
    button.click()
    until(stage, lambda: len(sent(stage, "refresh")) == 2)


@pytest.mark.parametrize(
    ("bar", "words"),
    [("no company", "Pick a company first."), ("read only", "read-only"), ("queueing", "Queueing 4 data types…")],
)
def test_disabled_buttons_say_why_and_send_nothing(stage, console, bar, words):
    """Each reason stands in words beside the buttons, and neither click nor key gets through."""
    console(bar=bar)
    expect(stage.page.locator(".codat-bar .sentence")).to_contain_text(words)
    for name in (".codat-refresh", ".codat-refresh-all"):
        button = stage.page.locator(name)
        expect(button).to_be_disabled()
        button.focus()
        stage.page.keyboard.press("Enter")
    stage.page.wait_for_timeout(100)
    assert [message for message in stage.sent if message["type"] != "seen"] == []


def test_nothing_ticked_leaves_only_refresh_all(stage, console):
    """Without a tick the first button rests, the second does its work at once on the sandbox."""
    console()
    stage.page.get_by_role("button", name="None").click()
    expect(stage.page.locator(".codat-refresh")).to_be_disabled()
    stage.page.locator(".codat-refresh-all").click()
    assert until(stage, lambda: sent(stage, "refresh_all")) == [{"company": COMPANY}]


def test_refresh_all_on_live_asks_first(stage, console):
    """The question names what will happen; Escape takes it back; only the second yes sends."""
    console(bar="live")
    everything, question = stage.page.locator(".codat-refresh-all"), stage.page.get_by_role("alertdialog")
    expect(everything).to_have_text("Refresh all 21…")
    everything.click()
    expect(question).to_contain_text("Queue all 21 data types of Toft Stores UK, on all 3 connections, on LIVE?")
    expect(question.get_by_role("button", name="Cancel")).to_be_focused()
    stage.page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    expect(everything).to_be_focused()
    everything.click()
    assert sent(stage, "refresh_all") == []
    question.get_by_role("button", name="Refresh all 21 now").click()
    assert until(stage, lambda: sent(stage, "refresh_all")) == [{"company": COMPANY}]


def test_a_product_is_chosen_for_the_buttons(stage, console):
    """The kernel hears of the choice for the code tab; both clicks carry it; another company is back at the general."""
    console(bar="products")
    menu = stage.page.get_by_label("Using the settings of")
    menu.select_option("credit-monitoring")
    chosen = {"company": COMPANY, "product": "credit-monitoring"}
    assert until(stage, lambda: sent(stage, "choose_product")) == [chosen]
    everything = stage.page.locator(".codat-refresh-all")
    expect(everything).to_have_text("Refresh all of credit-monitoring")
    expect(stage.page.locator(".codat-bar .facts")).to_contain_text("Costs 1 request,")
    everything.click()
    assert until(stage, lambda: sent(stage, "refresh_all")) == [chosen]
    change(stage, 6, company={"id": "other", "name": "Other"})
    expect(menu).to_have_value("")


def test_a_caution_stands_before_the_click(stage, console):
    """Where refreshing data types is not the way, the sentence says which is; the buttons stay."""
    console(bar="caution")
    expect(stage.page.locator(".codat-bar .sentence")).to_contain_text("not for Bank Feeds: it has nothing to pull")
    expect(stage.page.locator(".codat-refresh")).to_be_enabled()


def test_connection_choice_stands_over_new_states(stage):
    """The reader's choice is sent, survives redraws, and yields to another company."""
    element = stage.mount(gallery.PARTS["connection"][0](gallery.connections()["three"]))
    menu = element.get_by_label("Connection")
    menu.select_option(label="Plaid (banking, linked)")
    assert until(stage, lambda: sent(stage, "connection")) == [{"id": gallery.PLAID.id}]
    change(stage, 0, connections=[*gallery.connections()["three"]["connections"]], x=1)
    expect(menu).to_have_value(gallery.PLAID.id)
    change(stage, 0, company="another")
    expect(menu).to_have_value("")
    menu.select_option(label="All 3")
    expect(menu).to_have_value("")


def test_tabs_switch_panels_by_keys_in_the_browser_alone(stage, console):
    """Arrows, Home and End move and show; the panel is named by its tab; the kernel is told."""
    console()
    page = stage.page
    shown = page.locator("[class*='codat-panel-']:visible")
    expect(shown).to_have_text("Here stands operations.")
    page.get_by_role("tab", name="Pull operations").click()
    page.keyboard.press("ArrowRight")
    expect(shown).to_have_text("Here stands errors.")
    expect(page.get_by_role("tab", name="Errors this session 2")).to_be_focused()
    expect(page.get_by_role("tabpanel", name="Errors this session 2")).to_be_visible()
    page.keyboard.press("End")
    expect(shown).to_have_text("Here stands code.")
    page.keyboard.press("ArrowRight")
    expect(shown).to_have_text("Here stands operations.")
    assert until(stage, lambda: len(sent(stage, "tab")) == 3 and sent(stage, "tab")) == [
        {"name": "errors"}, {"name": "code"}, {"name": "operations"},
    ]  # fmt: skip
    change(stage, 8, tabs=stage.parts[8].state["tabs"][:2])
    expect(shown).to_have_text("Here stands operations.")


def test_notice_is_announced_once_and_can_be_dismissed_before_the_kernel_answers(stage):
    """A card keeps its node over states, goes at once when dismissed, and stays gone."""
    element = stage.mount(gallery.PARTS["notice"][0](gallery.notices()["three"]))
    alerts = element.get_by_role("alert")
    expect(alerts).to_have_count(3)
    alerts.first.evaluate("node => { node.mine = true; }")
    items = stage.parts[0].state["items"]
    change(stage, 0, items=[*items, {**items[0], "key": "9"}])
    expect(alerts).to_have_count(4)
    assert alerts.first.evaluate("node => node.mine")
    alerts.first.get_by_role("button", name="Dismiss").click()
    expect(alerts).to_have_count(3)
    change(stage, 0, items=items, x=1)
    expect(alerts).to_have_count(2)
    assert [m["key"] for m in sent(stage, "dismiss")] == [items[0]["key"]]


def test_copy_buttons_copy_what_they_say(stage):
    """The support text, the correlation id and the relink URL reach the clipboard as they are."""
    element = stage.mount(gallery.PARTS["notice"][0](gallery.notices()["three"]))
    stage.page.evaluate(
        "() => { window.copied = []; navigator.clipboard.writeText = async (t) => { copied.push(t); }; }"
    )
    denied, limited = element.get_by_role("alert").all()[:2]
    denied.get_by_role("button", name="Copy relink URL").click()
    expect(denied.get_by_role("button", name="Copied")).to_be_visible()
    limited.get_by_role("button", name="Copy the correlation id").click()
    limited.get_by_role("button", name="Copy for support").click()
    copied = stage.page.evaluate("copied")
    assert copied[:2] == ["https://link.example/1", "7eb40d6b415d7bcd"]
    assert copied[2].splitlines()[0] == "Refresh all was not accepted"
    expect(denied.get_by_role("button", name="Copy relink URL")).to_be_visible()


#: Presses each key with Ctrl, Cmd or Alt at everything that can have the focus. Returns the keys that did
#: not come out as they went in, and those that JupyterLab is told to leave alone, for buttons and for text fields.
_MODIFIED = """() => {
  const [lost, kept] = [[], { button: new Set(), text: new Set() }];
  let heard = null;
  addEventListener("keydown", (event) => { heard = event; });
  const at = document.querySelectorAll(".codat-console :is(button, input, select, a, summary, [tabindex])");
  const keys = ["s", "a", "z", "c", "f", "Enter", "Escape", " ", "ArrowLeft", "ArrowDown", "Home", "End", "Backspace"];
  for (const element of at) for (const key of keys) for (const by of ["ctrlKey", "metaKey", "altKey"]) {
    heard = null;
    const keyCode = key.length === 1 ? key.toUpperCase().charCodeAt() : 0;
    const event = new KeyboardEvent("keydown", { key, keyCode, [by]: true, bubbles: true, cancelable: true });
    const left = element.dispatchEvent(event), ours = element.hasAttribute("data-lm-suppress-shortcuts");
    if (!left || ours === (heard === event)) lost.push([element.outerHTML.slice(0, 80), by, key]);
    if (ours) kept[element.matches("input:not([type=checkbox])") ? "text" : "button"].add(`${by} ${key}`);
    element.dispatchEvent(new KeyboardEvent("keydown", { key: "d", keyCode: 68, bubbles: true }));
    if (!element.hasAttribute("data-lm-suppress-shortcuts")) lost.push([element.outerHTML.slice(0, 80), "d"]);
  }
  return { at: at.length, lost, button: [...kept.button], text: [...kept.text] };
}"""


def test_plain_keys_stay_in_the_part_and_the_others_pass(stage, console):
    """A notebook's own commands (d d deletes a cell, Shift Enter runs one) hear nothing; keys with Ctrl, Cmd or Alt do
    what they do everywhere, but for those by which a text field is edited."""
    console(progress="odd")
    stage.page.evaluate("() => { window.heard = []; addEventListener('keydown', (e) => heard.push(e.key)); }")
    for name in (".codat-data-types .box", ".codat-refresh", ".codat-company input", ".codat-tabs .tab"):
        stage.page.locator(name).first.focus()
        for key in ("d", "ArrowDown", "Shift+Enter", "Escape"):
            stage.page.keyboard.press(key)
    assert set(stage.page.evaluate("heard")) == set()
    told = stage.page.evaluate(_MODIFIED)
    assert told["at"] > 60
    assert told["lost"] == []
    assert told["button"] == []
    edits = ("a", "z", "c", "ArrowLeft", "ArrowDown", "Home", "End", "Backspace")
    assert set(told["text"]) == {f"{by} {key}" for by in ("ctrlKey", "metaKey") for key in edits}


def test_tabs_stand_at_even_distances(stage, console):
    """From the end of one label to the start of the next it is as far everywhere, whichever tab is open."""
    console()
    gaps = """() => {
      const boxes = [...document.querySelectorAll(".codat-tabs .tab")].map((tab) => {
        const range = document.createRange();
        range.selectNodeContents(tab);
        const rects = [...range.getClientRects()].filter(({ width }) => width);
        return [Math.min(...rects.map(({ left }) => left)), Math.max(...rects.map(({ right }) => right))];
      });
      return boxes.slice(1).map(([left], index) => Math.round(left - boxes[index][1]));
    }"""
    for name in ("Pull operations", "Errors this session 2", "Code"):
        stage.page.get_by_role("tab", name=name).click()
        assert len(set(stage.page.evaluate(gaps))) == 1


def test_before_the_click_it_says_what_it_costs_and_what_is_on_its_way(stage, console):
    """Of the ticked types; in the browser, so that it follows each tick."""
    console(bar="in progress")
    facts = stage.page.locator(".codat-bar .facts")
    expect(facts).to_contain_text("Costs 4 requests, then one every few seconds while it runs.")
    expect(facts).to_contain_text("2 already in progress and not queued again: Invoices, Customers")
    height = facts.bounding_box()["height"]
    stage.page.get_by_label("Customers", exact=False).uncheck()
    expect(facts).to_contain_text("Costs 3 requests")
    expect(facts).to_contain_text("again: Invoices")
    change(stage, 6, running=[])
    expect(facts).not_to_contain_text("in progress")
    assert facts.bounding_box()["height"] == height  # what begins to run moves nothing below
    stage.page.get_by_role("button", name="None").click()
    expect(facts.locator("span")).to_have_text("")


def test_what_all_is_can_be_seen_before_it_is_queued(stage, console):
    """Each connection with its types, by the keyboard alone; that it is always all of them; what runs already."""
    console(bar="in progress")
    more = stage.page.get_by_role("button", name="What “all” includes")
    expect(stage.page.locator(".codat-bar .all")).to_be_hidden()
    more.press("Enter")
    listed = stage.page.locator(".codat-bar .all")
    expect(listed).to_contain_text("Always on all linked connections")
    expect(listed.locator("dt")).to_have_text(
        ["Oracle NetSuite: 17 operations, 3 in progress already", "Plaid: 4 operations"]
    )
    expect(listed.locator("dd").last).to_contain_text("Bank accounts")
    stage.page.get_by_role("button", name="Hide what “all” includes").press("Space")
    expect(listed).to_be_hidden()
    assert sent(stage, "refresh_all") == []
