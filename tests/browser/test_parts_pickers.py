"""Choosing a company and data types on a bare page: typing, keys, late answers, what is kept over new states."""

import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from codat_notebook.widgets import data_types, pickers

from . import gallery
from .stage import Stage
from .test_parts import change, console, sent, until

__all__ = ["console"]  # the fixture

FIELD = ".codat-company input"
FOUND = [
    {"id": f"{n}8d3af58-7011-47ce-b3f2-89faf300ef6d", "name": f"Toft {name}"} for n, name in enumerate(("A", "B", "C"))
]


def company(stage: Stage, name: str = "new", **options: Any) -> Any:
    """A company field in one of the gallery's states; its input."""
    stage.mount(pickers.CompanyPicker(gallery.companies()[name]), **options)
    return stage.page.locator(FIELD)


def answer(stage: Stage, text: str, number: int = 0) -> None:
    """The kernel's answer to a search."""
    change(stage, number, search=pickers.search_results(text, FOUND, 1207))


TYPE_FAST = """field => { for (const text of ["t", "to", "tof", "toft"]) {
  field.value = text; field.dispatchEvent(new Event("input", { bubbles: true })); } }"""


def test_fast_typing_is_one_search(stage):
    """Keys within 200 ms of each other lead to one message, with the last text; the next search has a higher number."""
    field = company(stage)
    field.evaluate(TYPE_FAST)
    assert until(stage, lambda: sent(stage, "search")) == [{"text": "toft"}]
    field.press("x")
    assert until(stage, lambda: len(sent(stage, "search")) == 2)
    first, second = [m["seq"] for m in stage.sent]
    assert first < second


def test_arrows_and_enter_pick_a_company(stage):
    """The first match is active by itself; arrows move; Enter shows the name at once, and a change of mind counts."""
    field = company(stage)
    field.press_sequentially("toft")
    answer(stage, "toft")
    options = stage.page.get_by_role("option")
    expect(options).to_have_text(["Toft A08d3af58…", "Toft B18d3af58…", "Toft C28d3af58…"])
    expect(stage.page.locator(".popup .foot")).to_have_text("and 1,204 more: keep typing to narrow them down")
    field.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    active = field.get_attribute("aria-activedescendant")
    assert options.nth(1).get_attribute("id") == active
    field.press("Enter")
    assert until(stage, lambda: sent(stage, "pick")) == [{"id": FOUND[1]["id"]}]
    expect(field).to_have_value("Toft B")
    expect(field).to_have_attribute("aria-expanded", "false")
    field.press("ArrowDown")
    stage.page.get_by_role("option", name="Toft C").click()
    expect(field).to_have_value("Toft C")
    until(stage, lambda: len(sent(stage, "pick")) == 2)
    first, second = [m["seq"] for m in stage.sent if m["type"] == "pick"]
    change(stage, 0, company={"id": FOUND[1]["id"], "name": "Toft B Ltd"}, seq=first)
    expect(field).to_have_value("Toft C")
    change(stage, 0, company={"id": FOUND[2]["id"], "name": "Toft C Ltd"}, seq=second)
    expect(field).to_have_value("Toft C Ltd")


def test_answer_to_an_older_text_is_not_taken_for_the_new_one(stage):
    """Enter picks nothing from a list that was searched for another text."""
    field = company(stage)
    field.press_sequentially("tof")
    answer(stage, "tof")
    expect(stage.page.get_by_role("option")).to_have_count(3)
    field.press_sequentially("x")
    expect(stage.page.locator(".popup .foot")).to_have_text("Searching…")
    field.press("Enter")
    answer(stage, "to")
    expect(stage.page.locator(".popup .foot")).to_have_text("Searching…")
    expect(stage.page.locator(".popup .foot")).to_contain_text("Still searching. The kernel may be busy")
    change(stage, 0, search=pickers.search_results("tofx", []))
    expect(stage.page.locator(".popup .foot")).to_have_text("No company matches “tofx”.")
    assert sent(stage, "pick") == []


def test_pasted_link_offers_its_company_without_the_kernel(stage):
    """An id inside pasted text is picked by Enter, in lower case, before any answer."""
    field = company(stage)
    field.fill("https://app.codat.io/companies/C8D3AF58-7011-47CE-B3F2-89FAF300EF6D/summary")
    expect(stage.page.get_by_role("option")).to_contain_text("Open the company with this id")
    field.press("Enter")
    assert until(stage, lambda: sent(stage, "pick")) == [{"id": gallery.COMPANY["id"]}]


def test_escape_and_leaving_put_the_picked_name_back(stage):
    """What was typed and not picked is gone, and the picked company stands there again."""
    field = company(stage, "picked")
    for leave in ("Escape", "Tab"):
        field.click()
        field.press_sequentially("zzz")
        field.press(leave)
        expect(field).to_have_value("Toft Stores UK")
        expect(stage.page.locator(".popup")).to_be_hidden()


@pytest.mark.parametrize("name", ["wrong id", "unknown"])
def test_refused_id_is_explained_under_the_field(stage, name):
    """The text is an alert, tied to the field, and the field is marked invalid."""
    field = company(stage, name)
    expect(stage.page.get_by_role("alert")).to_have_text(gallery.companies()[name]["error"])
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(gallery.companies()[name]["error"])


@pytest.mark.parametrize("height", [900, 420])
def test_list_is_cut_off_by_no_box_and_stays_on_screen(stage, console, height):
    """In a console of hidden overflow every option is hit where it is drawn; without room below it opens upward."""
    console(company="results", progress="idle")
    stage.page.set_viewport_size({"width": 700, "height": height})
    stage.page.locator(FIELD).scroll_into_view_if_needed()
    stage.page.locator(FIELD).click()
    popup = stage.page.locator(".popup")
    expect(popup).to_be_visible()
    box = popup.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 700
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= height
    hit = "([x, y]) => !!document.elementFromPoint(x, y)?.closest('.popup')"
    for y in (box["y"] + 8, box["y"] + box["height"] - 8):
        assert stage.page.evaluate(hit, [box["x"] + box["width"] - 12, y])


def test_recently_used_stand_first(stage):
    """Before anything is typed, and then those that match; a company stands there once."""
    field = company(stage, "idle")
    field.click()
    answer(stage, "")
    names = stage.page.get_by_role("option").locator("bdi")
    expect(names).to_have_text(["Toft Stores UK", "Toft Stores 3", "Toft A", "Toft B", "Toft C"])
    field.press_sequentially("stores 3")
    change(stage, 0, search=pickers.search_results("stores 3", [{"id": "another", "name": "All Stores 3"}]))
    expect(names).to_have_text(["Toft Stores 3", "All Stores 3"])


def test_company_in_full_below_the_field(stage):
    """The whole id to copy, the way to Codat's portal, the tags; a made-up company has no page there."""
    company(stage, "picked")
    about, page = stage.page.locator(".codat-company .about"), stage.page
    page.evaluate("() => { window.copied = []; navigator.clipboard.writeText = async (t) => { copied.push(t); }; }")
    about.get_by_role("button", name=f"Copy the company id {gallery.COMPANY['id']}").click()
    expect(about.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("copied") == [gallery.COMPANY["id"]]
    link = about.get_by_role("link", name="In Codat")
    expect(link).to_have_attribute("href", f"https://app.codat.io/companies/{gallery.COMPANY['id']}/summary")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(page.locator(".codat-company .tag")).to_have_text(["region uk", "tier gold"])
    change(stage, 0, portal=None)
    expect(link).to_be_hidden()
    expect(about).to_contain_text("Sandbox company, not in the Codat portal")


def test_card_opens_to_all_that_is_known_of_a_connection(stage):
    """State, full id, link URL to copy, errors that are not resolved; a second click closes it."""
    element = stage.mount(gallery.PARTS["cards"][0](gallery.cards()["three"]))
    stage.page.evaluate(
        "() => { window.copied = []; navigator.clipboard.writeText = async (t) => { copied.push(t); }; }"
    )
    shopify = element.get_by_role("button", name="Shopify commerce, deauthorized, 1 error")
    shopify.press("Enter")
    expect(shopify).to_have_attribute("aria-expanded", "true")
    full = element.get_by_role("region", name="Connection details")
    expect(full).to_contain_text("Unauthorized: Shopify answered 401: the access token was revoked.")
    expect(full).to_contain_text("(since 2026-09-22 14:58:29, Europe/London)")
    expect(full).to_contain_text("never")
    full.get_by_role("button", name="Copy Link URL: https://link.example/3").click()
    full.get_by_role("button", name="Copy Id: 3d8e1c90-0003").click()
    assert stage.page.evaluate("copied") == ["https://link.example/3", "3d8e1c90-0003"]
    element.get_by_role("button", name="Oracle NetSuite").click()
    expect(full).not_to_contain_text("Unauthorized")
    expect(full).to_contain_text("accounting, linked, synced 2 h ago")
    element.get_by_role("button", name="Oracle NetSuite").click()
    expect(full).to_be_hidden()


def types(stage: Stage, name: str = "main", **options: Any) -> Any:
    """The list of data types in one of the gallery's states."""
    kind, states, _ = gallery.PARTS["types"]
    return stage.mount(kind(states()[name]), **options)


def ticked(element: Any) -> set[str]:
    """The keys that are ticked."""
    return set(element.locator(".box[data-key]:checked").evaluate_all("boxes => boxes.map(b => b.dataset.key)"))


def test_new_ages_keep_selection_search_and_scroll(stage):
    """The kernel may redraw at any time; what the reader did stays, and the ages change."""
    element = types(stage, "all 43")
    listed = element.locator(".list")
    element.get_by_label("Bills", exact=False).first.uncheck()
    element.get_by_label("Transfers").check()
    listed.evaluate("l => { l.scrollTop = 120; }")
    rows = stage.parts[0].state["types"]
    change(stage, 0, types=[{**row, "last": (gallery.THEN - timedelta(days=9)).isoformat()} for row in rows])
    expect(element.locator(".age").first).to_have_text("old, 9 d ago")
    assert ticked(element) == {"transfers"}
    assert listed.evaluate("l => l.scrollTop") == 120
    element.get_by_label("Find a data type").fill("orders")
    expect(element.locator(".type")).to_have_count(3)
    change(stage, 0, types=rows)
    expect(element.locator(".type")).to_have_count(3)
    assert until(stage, lambda: sent(stage, "select"))[-1] == {"selected": ["transfers"]}
    change(stage, 0, company="another", selected=["items"])
    expect(element.get_by_label("Find a data type")).to_have_value("")
    assert ticked(element) == {"items"}


def test_chips_and_groups_select_and_clear(stage):
    """A report's chip adds its types and takes them away again; so do the group's box, Failed, Older and None."""
    element = types(stage)
    chip = element.get_by_role("button", name="Failed")
    chip.click()
    assert ticked(element) == {*gallery.SELECTED, "suppliers"}
    expect(chip).to_have_attribute("aria-pressed", "true")
    chip.click()
    assert ticked(element) == set(gallery.SELECTED) - {"creditNotes"}
    element.get_by_role("button", name="None").click()
    assert ticked(element) == set()
    element.get_by_role("button", name="Older than 7 d").click()
    assert ticked(element) == {"payments", "creditNotes", "balanceSheet"}
    element.get_by_label("All banking types").check()
    assert ticked(element) >= {"banking-accounts", "banking-transactions"}
    expect(element.locator(".many").last).to_have_text("2 of 2 selected")
    element.get_by_label("All accounting types").check()
    expect(element.locator(".many").first).to_have_text("8 of 8 selected")


def test_keys_alone_can_choose(stage):
    """From the search: down into the list, space ticks, arrows move, up returns; one stop for Tab."""
    element = types(stage)
    search = element.get_by_label("Find a data type")
    search.fill("balance")
    search.press("ArrowDown")
    stage.page.keyboard.press("ArrowDown")
    stage.page.keyboard.press("Space")
    expect(element.get_by_label("Balance sheet", exact=False)).to_be_checked()
    stage.page.keyboard.press("ArrowUp")
    stage.page.keyboard.press("ArrowUp")
    expect(search).to_be_focused()
    search.press("Escape")
    assert element.locator(".box[tabindex='0']").count() == 1


def test_ages_are_words_and_say_more_in_the_tooltip(stage):
    """Failed, never and running are written out; the tooltip has the reader's time and UTC."""
    element = types(stage)
    words = dict(
        zip(element.locator(".type bdi").all_inner_texts(), element.locator(".age").all_inner_texts(), strict=True)
    )
    assert words["Credit notes"] == "failed, last good 31 d ago"
    assert words["Suppliers"] == "failed, never synced"
    assert words["Bills"] == "running"
    assert words["Journal entries"] == "never synced"
    assert words["Payments"] == "old, 8 d ago"
    assert words["Bank transactions"] == "oldest of 2, 5 h ago"
    title = element.locator(".type", has_text="Payments").get_attribute("title")
    assert "2026-11-15 13:58:29 UTC" in title


def test_older_than_can_be_another_age(stage):
    """Choosing an age selects what is older at once; the chip then does that age."""
    element = types(stage)
    element.get_by_role("button", name="None").click()
    element.get_by_label("Older than how long").select_option("1 d")
    assert ticked(element) == {"payments", "creditNotes", "balanceSheet"}
    element.get_by_label("Older than how long").select_option("14 d")
    element.get_by_role("button", name="None").click()
    element.get_by_role("button", name="Older than 14 d").click()
    assert ticked(element) == {"creditNotes"}


def test_reports_of_different_dates_are_warned_of_whatever_is_ticked(stage):
    """The warning is about what there is, not about the selection."""
    stage.clock.rate = 0.0
    element = types(stage)
    before = element.locator(".notes").inner_text()
    assert "Receivables may not reconcile: Credit notes last read 31 d ago; Customers just now." in before
    for name in ("None", "Financials", "Failed last time"):
        element.get_by_role("button", name=name).click()
        assert element.locator(".notes").inner_text() == before


def test_what_cannot_be_refreshed_stands_there_grey(stage):
    """With its age and the link by which it can again; neither its box, nor its family's, nor a chip ticks it."""
    element = stage.mount(data_types.DataTypePicker(gallery.type_lists()["deauthorized"]))
    row = element.locator(".type", has_text="Balance sheet")
    expect(row.locator(".age")).to_have_text(re.compile(r"\d+ d ago"))
    expect(row.get_by_role("checkbox")).to_be_disabled()
    expect(element.get_by_role("checkbox", name="All accounting types")).to_be_disabled()
    expect(element.get_by_role("button", name="Financials")).to_be_disabled()
    assert "until that is linked again" in row.get_attribute("title")
    stage.page.evaluate("() => { navigator.clipboard.writeText = async (text) => { window.copied = text; }; }")
    element.get_by_role("button", name="Copy relink URL").click()
    assert stage.page.evaluate("window.copied") == "https://link.example/x"
    element.get_by_role("searchbox").press("ArrowDown")
    expect(element.get_by_role("checkbox", name="All banking types")).to_be_focused()
    stage.page.keyboard.press("Space")
    asked = until(stage, lambda: sent(stage, "select"))
    assert all(key.startswith("banking-") for key in asked[-1]["selected"])


def test_a_mistyped_id_stays_to_be_mended(stage):
    """With Enter or without; what is wrong stands below, where nothing moves, and which company is still shown."""
    element = stage.mount(pickers.CompanyPicker(gallery.companies()["picked"]))
    field, height = element.get_by_role("combobox"), element.bounding_box()["height"]
    wrong = gallery.COMPANY["id"][:-1]
    field.fill(wrong)
    field.press("Tab")
    assert until(stage, lambda: sent(stage, "pick")) == [{"id": wrong}]
    change(stage, 0, error=pickers.id_problem(wrong), typed=wrong, seq=stage.sent[-1]["seq"])
    expect(element.get_by_role("alert")).to_have_text("Not a company id: 35 characters, an id has 36.")
    expect(field).to_have_value(wrong)
    expect(element.locator(".tags")).to_have_text("still showing Toft Stores UK")
    assert element.bounding_box()["height"] == height
    field.click()
    stage.page.keyboard.press("End")
    stage.page.keyboard.type(gallery.COMPANY["id"][-1])
    field.press("Enter")
    assert until(stage, lambda: sent(stage, "pick")[1:]) == [{"id": gallery.COMPANY["id"]}]
    change(stage, 0, error=None, typed=None, seq=stage.sent[-1]["seq"])
    expect(field).to_have_value("Toft Stores UK")
