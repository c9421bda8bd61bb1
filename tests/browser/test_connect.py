"""The form that connects on a bare page: opened and left by keys, a typed key sent once and kept nowhere."""

import pytest
from playwright.sync_api import expect

from codat_notebook.widgets.connect import Connect

from . import gallery
from .gallery_connect import form as form_state
from .stage import Stage
from .test_parts import change, console, sent, until

__all__ = ["console"]  # the fixture

KEY = "a-key-that-nobody-may-find"
KEPT = """key => {
  const stores = [localStorage, sessionStorage].map((store) => JSON.stringify({ ...store }));
  const places = [document.documentElement.outerHTML, ...stores];
  document.querySelectorAll("input").forEach((input) => places.push(input.value));
  return places.filter((text) => text.includes(key)).length;
}"""
FORM = 9  # the form's number among the console's parts


def form(stage: Stage, name: str):
    """The form in one of the gallery's states."""
    return stage.mount(Connect(gallery.PARTS["connect"][1]()[name]))


def test_typed_key_is_sent_once_and_is_gone_from_the_page(stage):
    """Enter sends it; the field is empty at once; nothing in the page or its storage has it, nor has any state."""
    element = form(stage, "first")
    field = element.get_by_label("API key")
    expect(field).to_have_attribute("type", "password")
    field.fill(KEY)
    element.get_by_label("Read only").check()
    field.press("Enter")
    field.press("Enter")
    expect(field).to_have_value("")
    asked = until(stage, lambda: sent(stage, "connect"))
    assert asked == [{"way": "key", "key": KEY, "read_only": True}]
    assert stage.page.evaluate(KEPT, KEY) == 0
    assert KEY not in str(stage.parts[0].get_state())
    for button in element.get_by_role("button").all():
        expect(button).to_be_disabled()


def test_wrong_key_is_an_alert_beside_a_field_ready_for_the_next(stage):
    """What went wrong, what to do, the id that support asks for; the field is marked and can be used."""
    element = form(stage, "wrong key")
    alert = element.get_by_role("alert")
    expect(alert).to_contain_text("did not accept the key")
    expect(alert).to_contain_text("Check the key and connect again.")
    expect(alert).to_contain_text("7eb40d6b415d7bcd")
    field = element.get_by_label("API key")
    expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("another")
    element.get_by_role("button", name="Connect", exact=True).click()
    assert until(stage, lambda: sent(stage, "connect"))[0]["key"] == "another"
    expect(alert).to_be_hidden()


def test_waiting_is_counted_down_and_can_be_cancelled(stage):
    """Why it takes long, when the next try is; Cancel is the only button that acts."""
    element = form(stage, "waiting")
    expect(element.get_by_role("status")).to_contain_text("Codat asks us to wait, trying again in")
    expect(element.get_by_role("button", name="Open the sandbox")).to_be_disabled()
    element.get_by_role("button", name="Cancel").click()
    assert until(stage, lambda: sent(stage, "cancel")) == [{}]


def test_ways_say_where_they_lead(stage):
    """The sandbox is made up; keys go to the named server, LIVE; the environment's variable is on its button."""
    element = form(stage, "environment")
    expect(element.get_by_role("group", name="Sandbox made-up data")).to_be_visible()
    live = element.get_by_role("group", name="Key of the environment LIVE")
    expect(live).to_contain_text("It goes to api.codat.io")
    live.get_by_role("button", name="Connect with CODAT_API_KEY").click()
    assert until(stage, lambda: sent(stage, "connect")) == [{"way": "environment", "read_only": False}]


@pytest.mark.parametrize(("name", "host"), [("first", "Jupyter"), ("app", "the app")])
def test_the_key_is_to_be_set_before_what_the_reader_started(stage, name, host):
    """Who opened the app has started no Jupyter."""
    note = form(stage, name).get_by_role("group", name="Key of the environment LIVE")
    expect(note).to_contain_text(f"Set CODAT_API_KEY before you start {host} to have it offered here.")


def test_switch_opens_the_form_below_the_header_and_escape_leaves_it(stage, console):
    """The button says that it is open; Escape gives the focus back; a new connection closes it."""
    console()
    page = stage.page
    switch, region = page.get_by_role("button", name="Switch…"), page.get_by_role("region", name="Connect to Codat")
    expect(region).to_be_hidden()
    switch.press("Enter")
    expect(region).to_be_visible()
    expect(switch).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("button", name="Connect with CODAT_API_KEY")).to_be_focused()
    header, below = page.locator(".codat-status").bounding_box(), region.bounding_box()
    assert below["y"] == header["y"] + header["height"]
    page.keyboard.press("Escape")
    expect(region).to_be_hidden()
    expect(switch).to_be_focused()
    switch.click()
    change(stage, FORM, connection=2)
    expect(region).to_be_hidden()


def test_without_a_connection_only_the_form_stands_there(stage, console):
    """The rest of the console is not shown, nor can the form be closed; it all comes with the connection."""
    frame = console(connect="first", header="not connected")
    change(stage, FORM, moved=True)
    expect(frame.locator(".codat-status")).to_be_visible()
    expect(frame.get_by_role("region", name="Connect to Codat")).to_be_visible()
    for name in (".codat-row-pick", ".codat-work", ".codat-tabs"):
        expect(frame.locator(name)).to_be_hidden()
    expect(frame.get_by_role("button", name="Close")).to_be_hidden()
    expect(frame.get_by_role("button", name="Switch…")).to_be_hidden()
    change(stage, FORM, **form_state(connection=1))
    expect(frame.locator(".codat-work")).to_be_visible()
    expect(frame.get_by_role("region", name="Connect to Codat")).to_be_hidden()
