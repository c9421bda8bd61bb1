"""Connecting from the console in a real JupyterLab: a wrong key, a typed one, LIVE; and the key in no saved file."""

import base64
from collections.abc import Callable

from playwright.sync_api import expect

from .deadlines import NOTEBOOK
from .notebooks import Notebook
from .test_console import pick, tick

#: The real Codat is played by a sandbox; the key is printed in two halves, so that it is not in the output itself.
CELLS = (
    """import os
import codat_notebook as cn
sandbox = cn.Sandbox(speed=120).start()
sandbox.faults.hidden_headers = {"X-Sandbox"}
for name in ("CODAT_API_KEY", "CODAT_AUTH_HEADER", "CODAT_SANDBOX_URL"):
    os.environ.pop(name, None)
os.environ["CODAT_BASE_URL"] = sandbox.url
print("key:", sandbox.key[:8] + "|" + sandbox.key[8:])""",
    "console = cn.console()\nconsole",
)


def test_typed_key_connects_and_is_in_no_saved_file(open_notebook: Callable[..., Notebook]) -> None:
    """From the form to LIVE by keys; Refresh all asks; switching brings the sandbox; the file holds no key."""
    notebook = open_notebook(*CELLS)
    notebook.page.set_viewport_size({"width": 1560, "height": 1500})
    console, page = notebook.locator(".codat-console"), notebook.page
    printed = notebook.output(0).locator("pre").filter(has_text="key:")
    printed.wait_for(timeout=NOTEBOOK)
    key = printed.inner_text().removeprefix("key:").strip().replace("|", "")

    form = console.get_by_role("region", name="Connect to Codat")
    expect(form).to_be_visible(timeout=NOTEBOOK)
    expect(console.locator(".codat-work")).to_be_hidden()
    both(notebook, "console-connect")
    field = form.get_by_label("API key")
    field.fill("not-the-key-at-all")
    field.press("Enter")
    expect(form.get_by_role("alert")).to_contain_text("Codat did not accept the key.")
    both(notebook, "console-connect-wrong-key")

    field.fill(key)
    field.press("Enter")
    expect(console.locator(".codat-status .badge.live")).to_be_visible(timeout=NOTEBOOK)
    expect(form).to_be_hidden()
    pick(console, "Toft")
    tick(console, "Invoices")
    expect(console.locator(".codat-company .about").get_by_role("link")).to_have_attribute("rel", "noopener noreferrer")
    console.get_by_role("button", name="What “all” includes").click()
    console.locator(".codat-refresh-all").click()
    question = console.get_by_role("alertdialog")
    expect(question).to_contain_text("Toft Stores UK")
    both(notebook, "console-live-confirm")
    question.get_by_role("button", name="Cancel").click()

    text = notebook.saved_text()
    assert "codat-connect" in text
    assert len(key) > 16
    for form_of_key in (key, base64.b64encode(key.encode()).decode(), "not-the-key-at-all"):
        assert form_of_key not in text

    page.get_by_role("button", name="Switch…").click()
    form.get_by_role("button", name="Open the sandbox").click()
    expect(console.locator(".codat-status .badge.sandbox")).to_be_visible(timeout=NOTEBOOK)
    expect(console.locator(".codat-company input")).to_have_value("")
    notebook.run_cell("console.session.close()")
    expect(form.get_by_role("alert")).to_contain_text("The session was closed.")
    page.set_viewport_size({"width": 720, "height": 1500})
    both(notebook, "console-connect-closed")


def both(notebook: Notebook, name: str) -> None:
    """A picture of the console in each theme."""
    for theme in ("dark", "light"):
        notebook.theme(theme)
        notebook.shot(f"{name}-{theme}", notebook.locator(".codat-console"))
