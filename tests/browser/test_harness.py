"""The harness itself: that it refuses, records, reads back and cleans up as the other browser tests rely on."""

import urllib.error

import anywidget
import pytest
import traitlets
from playwright.sync_api import Page, expect

from . import servers

HELLO = "from IPython.display import HTML\nHTML('<b class=\"hello\">' + str(6 * 7) + '</b>')"


class Echo(anywidget.AnyWidget):
    """A part in miniature: shows its state's text, sends a message when clicked."""

    _esm = """export default { render({ model, el }) {
      const draw = () => { el.textContent = model.get("state").text; };
      model.on("change:state", draw); draw();
      el.onclick = () => model.send({ type: "click", text: el.textContent });
    } }"""
    _css = ".echo { color: rgb(1, 2, 3); }"
    state = traitlets.Dict().tag(sync=True)


def test_requests_that_leave_the_loopback_are_refused_and_recorded(page, watch):
    """Nothing outside answers, and the attempt is known."""
    page.set_content("<a href='https://example.com/a'>away</a><iframe src='https://example.com/a'></iframe>")
    page.set_content("<img src='http://192.0.2.1/b.png'><script src='https://cdn.example/c.js'></script>")
    page.evaluate("() => { new WebSocket('wss://example.com/d') }")
    seen = " ".join(watch.unexpected().pop("requests that left the loopback"))
    assert all(part in seen for part in ("example.com/a", "192.0.2.1/b", "cdn.example/c", "example.com/d"))
    watch.expected.append("")


def test_errors_of_a_page_are_recorded(page: Page, watch):
    """A thrown error and one written to the console both count."""
    page.set_content("<script>console.error('said'); setTimeout(() => { throw new Error('thrown') })</script>")
    page.wait_for_function("() => true")
    assert {"said", "thrown"} <= {word for text in watch.errors for word in text.split()}
    watch.expected += ["said", "thrown"]


def test_stage_shows_a_state_and_its_changes_and_hands_messages_back(stage):
    """Both directions work, with classes and style, and without Jupyter."""
    part = Echo(state={"text": "one"}, _dom_classes=("echo",))
    heard: list[object] = []
    part.on_msg(lambda _, content, __: heard.append(content))
    element = stage.mount(part)
    expect(element).to_have_text("one")
    expect(element).to_have_css("color", "rgb(1, 2, 3)")
    part.state = {"text": "two"}
    expect(element).to_have_text("two")
    element.click()
    stage.wait_for(lambda: heard)
    assert heard == stage.sent == [{"type": "click", "text": "two"}]


@pytest.mark.full  # test_front_ends opens each of them
@pytest.mark.parametrize("front_end", servers.KINDS)
def test_notebook_runs_in_each_front_end(open_notebook, front_end, watch):
    """Cells given as text are run and their output stands on the page."""
    if front_end == "voila":
        watch.expected.append("cdnjs.cloudflare.com|unpkg.com|cdn.jsdelivr.net")  # the stock template links a CDN
    notebook = open_notebook(HELLO, front_end=front_end)
    expect(notebook.locator(".hello")).to_have_text("42")


def test_saved_notebook_holds_widget_state_and_theme_switches(open_notebook, page):
    """What a user would save is read back with its widgets; dark and light can be looked at."""
    notebook = open_notebook("import ipywidgets\nipywidgets.Text('kept in the file')")
    notebook.locator(".widget-text input").wait_for()
    notebook.wait_until_run()
    assert "kept in the file" in {model["state"].get("value") for model in notebook.saved_widgets().values()}
    notebook.theme("dark")
    expect(notebook.locator("body")).to_have_attribute("data-jp-theme-light", "false")
    assert notebook.shot("harness-dark").stat().st_size > 10_000


def test_server_ends_with_its_kernels(tmp_path):
    """After the `with`, neither the server nor a kernel that it started answers any more."""
    with servers.running("lab", tmp_path) as server:
        server.call("POST", "kernels")
        assert len(server.call("GET", "kernels")) == 1
    log = server.log.read_text("utf-8", "replace")
    assert "Kernel started" in log
    assert "Shutting down 1 kernel" in log
    with pytest.raises((urllib.error.URLError, OSError)):
        server.call("GET", "kernels")
