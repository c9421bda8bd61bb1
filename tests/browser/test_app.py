"""What a visitor of `codat-notebook app` sees and gets: the console, finished and offline, neither key nor shell."""

import re
import signal
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, WebSocket, expect

from codat_notebook.models.secret import Secret
from codat_notebook.models.shared import Security
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session

from ..commands import Command, running  # noqa: TID252 - the tests are not installed, so they have no absolute name

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl-C to one process")
#: Sends code to the page's kernel as a notebook would, then a question that every kernel answers; resolves with what
#: came back.
_RUN_CODE = """code => new Promise(resolve => {
  const { kernelId } = JSON.parse(document.getElementById("jupyter-config-data").textContent);
  const socket = new WebSocket(`ws://${location.host}/api/kernels/${kernelId}/channels`);
  const message = (type, content) => JSON.stringify({ channel: "shell", parent_header: {}, metadata: {}, content,
    buffers: [], header: { msg_id: type, msg_type: type, session: "s", username: "", version: "5.3" } });
  const types = [];
  socket.onmessage = event => {
    const { header, parent_header } = JSON.parse(event.data);
    types.push(parent_header.msg_id + " " + header.msg_type);
    if (header.msg_type === "kernel_info_reply") { socket.close(); resolve(types); }
  };
  socket.onopen = () => {
    socket.send(message("execute_request", { code, silent: false, store_history: true, user_expressions: {} }));
    socket.send(message("kernel_info_request", {}));
  };
})"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Command, Sandbox]]:
    """The page, live as far as it knows: a sandbox that does not say so stands for Codat, with its key."""
    with Sandbox(speed=120) as codat:
        codat.faults.hidden_headers = {"X-Sandbox"}
        environment = {"CODAT_BASE_URL": codat.url, "CODAT_API_KEY": codat.key}
        home = tmp_path_factory.mktemp("app")
        with running("app", "--live", "--no-memory", "--no-browser", cwd=home, environment=environment) as command:
            command.expect(r"^Page \(LIVE\) http")
            yield command, codat


def address(command: Command) -> str:
    """Where the page is."""
    return command.expect(r"(http://127\.0\.0\.1:\d+)$")[1]


def listen(page: Page) -> list[str]:
    """What the page sends and gets through its sockets, filled from now on."""
    frames: list[str] = []

    def watch(socket: WebSocket) -> None:
        socket.on("framesent", lambda payload: frames.append(str(payload)))
        socket.on("framereceived", lambda payload: frames.append(str(payload)))

    page.on("websocket", watch)
    return frames


def test_a_visitor_refreshes_a_company_and_never_gets_the_key(live, page, shoot, tmp_path) -> None:
    """From the loading state to the end of a refresh, in both themes and narrow; no code is taken."""
    command, codat = live
    assert "There is no login" in command.printed
    assert "refresh them" in command.printed
    frames = listen(page)
    page.emulate_media(color_scheme="dark")
    page.goto(address(command), wait_until="commit")
    expect(page.locator("#codat-doing")).to_be_visible()
    expect(page.locator("#rendered_cells")).to_be_hidden()
    shoot(page, "app-loading-dark")
    console = page.locator(".codat-console")
    expect(page.locator("body")).to_have_class(re.compile("codat-shown"))
    expect(page).to_have_title("Codat console")
    expect(console).to_contain_text("LIVE")
    expect(page.locator("#loading")).to_be_hidden()

    console.locator(".codat-company input").fill("Toft")
    console.locator(".codat-company [role=option]").filter(has_text="Toft").click()
    console.locator(".codat-data-types").get_by_role("checkbox", name=re.compile(r"^Invoices\b")).check()
    console.locator(".codat-refresh").click()
    expect(console.locator(".codat-progress")).to_contain_text("1 of 1 done")
    codat.clock.speed = 30
    with Session(Security(auth_header=codat.key), server_url=codat.url) as elsewhere:
        elsewhere.refresh(str(elsewhere.companies(search="Toft").id[0]), "items", "suppliers")
        console.get_by_role("button", name="Read again").click()
        expect(console.locator(".codat-progress")).to_contain_text("2 data types, started elsewhere at")
        codat.clock.speed = 120
        expect(console.locator(".codat-progress")).to_contain_text("3 of 3 done")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    shoot(page, "app-dark")
    page.get_by_role("button", name="Light").click()
    assert page.evaluate(ground) != dark
    shoot(page, "app-light")
    page.set_viewport_size({"width": 480, "height": 1000})
    assert page.evaluate("document.documentElement.scrollWidth") <= 480
    box = console.bounding_box()
    assert box["width"] > 400
    assert box["x"] == pytest.approx(480 - box["x"] - box["width"], abs=1)  # in the middle, not cut off at the right
    shoot(page, "app-narrow")

    answers = page.evaluate(_RUN_CODE, f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert [text for text in answers if text.startswith("execute_request")] == []
    assert not (tmp_path / "ran").exists()
    header = Secret.of(codat.key).reveal().removeprefix("Basic ")
    seen = page.content() + "".join(frames)
    assert "Toft Stores UK" in seen
    assert codat.key not in seen
    assert header not in seen


def test_visitors_have_kernels_of_their_own_and_a_lost_one_is_told(live, page, context, shoot, watch) -> None:
    """Two pages, two kernels; a closed page's ends; a page whose kernel has ended says to reload."""
    command, _ = live
    watch.expected.append("api/kernels/")  # where it learns that its kernel, then all, has ended
    other = context.new_page()
    for visitor in (page, other):
        visitor.goto(address(command))
        expect(visitor.locator("body")).to_have_class(re.compile("codat-shown"))
    page.locator(".codat-company input").fill("Toft Stores")
    page.locator(".codat-company [role=option]").first.click()
    shown = page.locator(".codat-console").locator("visible=true")
    expect(shown).to_contain_text(re.compile(r"\d (s|min|h|d) ago"))
    assert command.kernels() >= 2
    ids = [json_id(visitor) for visitor in (page, other)]
    assert ids[0] != ids[1]
    before = command.kernels()
    other.goto("about:blank")
    command.wait_until(lambda: command.kernels() < before)
    page.evaluate("id => navigator.sendBeacon(`/voila/api/shutdown/${id}`)", ids[0])
    expect(page.locator("#codat-notice")).to_contain_text(re.compile(r"Reload the page.* as of \d{4}-"))
    expect(shown).not_to_contain_text(re.compile(r"\d (s|min|h|d) ago"))
    shoot(page, "app-kernel-ended")
    command.end(signal.SIGINT)


def json_id(page: Page) -> str:
    """The id of a page's kernel."""
    return str(page.evaluate("JSON.parse(document.getElementById('jupyter-config-data').textContent).kernelId"))
