"""The page attacked in a real browser: by its own visitor's hand-made messages, and by other sites.

A sandbox stands for the operator's account; its books tell what has reached it. In one variant of the page each: live
and on the sandbox, read-only and not.
"""

import http.server
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from codat_notebook.sandbox import Sandbox

from ..commands import Command, running  # noqa: TID252 - the tests are not installed, so they have no absolute name

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl-C to one process")

#: Sends hand-made messages to the page's own kernel, one after the other, and gives the types of what came back, after
#: the id of the message that it answers. `comms` in a message's content: it is sent to each comm that the kernel has.
SEND = """messages => new Promise((resolve, reject) => {
  const { kernelId } = JSON.parse(document.getElementById("jupyter-config-data").textContent);
  const socket = new WebSocket(`ws://${location.host}/api/kernels/${kernelId}/channels`);
  const send = (id, type, content, channel = "shell") => socket.send(JSON.stringify({ channel, parent_header: {},
    metadata: { version: "2.1.0" }, content, buffers: [],
    header: { msg_id: id, msg_type: type, session: "s", username: "", version: "5.3" } }));
  const heard = [];
  socket.onerror = () => reject(new Error("the socket was refused"));
  socket.onopen = () => send("list", "comm_info_request", { target_name: "jupyter.widget" });
  socket.onmessage = event => {
    const { header, parent_header, content } = JSON.parse(event.data);
    heard.push(`${parent_header.msg_id} ${header.msg_type} ${content.text ?? ""}`);
    if (header.msg_type === "comm_info_reply") {
      const all = Object.keys(content.comms);
      messages.forEach(([type, content, channel], index) => {
        const { comms, ...rest } = content;
        for (const comm_id of comms ? all : [content.comm_id]) send(`m${index}`, type, { ...rest, comm_id }, channel);
      });
      send("end", "kernel_info_request", {});
    }
    if (parent_header.msg_id === "end" && content.execution_state === "idle") { // the last word on what was sent
      socket.close();
      resolve(heard);
    }
  };
})"""


@dataclass
class App:
    """A running page, its address, and the account that its operator has."""

    command: Command
    base: str
    account: Sandbox
    live: bool
    read_only: bool


@contextmanager
def serving(home, *options: str) -> Iterator[App]:
    """The page with these options, where the operator's shell holds the key of an account."""
    with Sandbox(speed=120) as account:
        account.faults.hidden_headers = {"X-Sandbox"}
        environment = {"CODAT_BASE_URL": account.url, "CODAT_API_KEY": account.key}
        with running("app", "--no-browser", *options, cwd=home, environment=environment) as command:
            base = command.expect(r"(http://127\.0\.0\.1:\d+)$")[1]
            yield App(command, base, account, "--live" in options, "--read-only" in options)
            command.end(signal.SIGINT)


def drawn(page: Page) -> Locator:
    """The console, once it is drawn."""
    expect(page.locator("body")).to_have_class(re.compile("codat-shown"))
    return page.locator(".codat-console")


def pick(console: Locator, name: str) -> str:
    """Pick a company by hand; its id, which is the same in every sandbox of a seed."""
    console.locator(".codat-company input").fill(name)
    console.locator(".codat-company [role=option]").filter(has_text=name).first.click()
    expect(console.locator(".codat-data-types").get_by_role("checkbox", name=re.compile("^Invoices"))).to_be_visible()
    found = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", console.locator(".codat-company").inner_html())
    assert found is not None
    return found[0]


def custom(**content: object) -> list[object]:
    """What a part's script would send, to every widget that there is."""
    return ["comm_msg", {"comms": True, "data": {"method": "custom", "content": content}}]


def connects(key: str) -> list[list[object]]:
    """The form's messages, for each way, with words of its own about server and key, and with the box cleared."""
    ways = ("environment", "key", "sandbox", "elsewhere", None)
    more = {"server_url": "http://127.0.0.1:9", "server": "http://127.0.0.1:9", "sandbox": False}
    return [custom(type="connect", way=way, key=key, read_only=False, seq=99, **more) for way in ways]


def updates() -> list[list[object]]:
    """Traits written from the browser, those that look as if they decided something, on every widget."""
    state = {
        "read_only": False, "ways": ["key", "environment", "sandbox"], "mode": "live", "can_switch": True,
        "required": True, "address": "127.0.0.1:9", "blocked": None, "server_url": "http://127.0.0.1:9",
    }  # fmt: skip
    writes = [{"state": state}, state, {"_ways": ["key"], "_read_only": False, "session": None}]
    return [["comm_msg", {"comms": True, "data": {"method": "update", "state": each}}] for each in writes]


#: Requests that have a kernel run, tell or change something of its own, on every channel that would take them.
CODE = [
    [type, content, channel]
    for channel in ("shell", "control", "stdin")
    for type, content in (
        ("execute_request", {"code": "open('ran', 'w')", "silent": False, "user_expressions": {"x": "1"}}),
        ("complete_request", {"code": "__import__('os').", "cursor_pos": 17}),
        ("inspect_request", {"code": "frame", "cursor_pos": 5, "detail_level": 1}),
        ("history_request", {"hist_access_type": "tail", "n": 10, "output": True, "raw": True}),
        ("is_complete_request", {"code": "1"}),
        ("input_reply", {"value": "x", "status": "ok"}),
        ("debug_request", {"type": "request", "seq": 1, "command": "debugInfo", "arguments": {}}),
        ("create_subshell_request", {}),
        ("interrupt_request", {}),
        ("usage_request", {}),
    )
]
#: A widget made by the browser, and code smuggled in as the target of a comm.
OPENS = [
    ["comm_open", {"comm_id": "made-by-hand", "target_name": "jupyter.widget", "data": {"state": {
        "_model_module": "@jupyter-widgets/controls", "_model_module_version": "2.0.0", "_model_name": "ButtonModel",
        "_view_module": "@jupyter-widgets/controls", "_view_module_version": "2.0.0", "_view_name": "ButtonView"}}}],
    ["comm_open", {"comm_id": "by-name", "target_name": "os.system", "target_module": "os", "data": "touch ran"}],
]  # fmt: skip


@pytest.mark.parametrize("live", [
    pytest.param(True, id="live"), pytest.param(False, id="sandbox", marks=pytest.mark.full),
])  # fmt: skip
@pytest.mark.parametrize("read_only", [
    pytest.param(True, id="read-only"), pytest.param(False, id="refreshing", marks=pytest.mark.full),
])  # fmt: skip
def test_no_message_of_a_visitor_moves_the_border(live, read_only, page, watch, tmp_path) -> None:
    """Neither server nor key nor read-only, by no message, trait, new widget or request for code: 0 ways."""
    watch.expected.append("Comm not found for comm id (made-by-hand|by-name)")  # the kernel has closed them again
    options = [*(["--live", "--no-memory"] if live else []), *(["--read-only"] if read_only else [])]
    with serving(tmp_path, *options) as app:
        page.goto(app.base)
        console = drawn(page)
        company = pick(console, "Toft")
        address = console.locator(".codat-status .address").text_content()

        def expect_the_border() -> None:
            badges = console.locator(".codat-status .badge").locator("visible=true")
            expect(badges).to_have_text(["LIVE" if live else "SANDBOX", *(["READ ONLY"] if read_only else [])])
            expect(console.locator(".codat-status .address")).to_have_text(str(address))
            expect(page.get_by_role("button", name="Switch…")).to_be_hidden()
            expect(console.locator(".codat-connect")).to_be_hidden()
            expect(page.get_by_placeholder("Paste the API key")).to_have_count(0)

        expect_the_border()
        expect(console.locator(".codat-status .quota")).to_contain_text("requests left today")
        before = app.account.traffic.requests
        heard = page.evaluate(SEND, [*connects(app.account.key), *updates(), *OPENS, *CODE, *connects("typed")])
        kinds = {line.split()[1] for line in heard}
        assert {"comm_info_reply", "kernel_info_reply", "comm_close"} <= kinds
        assert not {kind for kind in kinds if kind.endswith("_reply")} - {"comm_info_reply", "kernel_info_reply"}
        assert not kinds & {"execute_input", "execute_result", "error", "comm_open"}
        printed = "".join(said.split(maxsplit=2)[2] for said in heard if " stream " in said)
        assert [line.split(": ")[0].strip() for line in printed.splitlines()] == ["No such comm target registered"] * 2
        expect_the_border()
        assert app.account.traffic.requests == before
        assert not list(tmp_path.rglob("ran"))

        if read_only:
            clicks = [{"type": "refresh", "data_types": ["invoices"]}, {"type": "refresh_all"}, {"type": "retry"}]
            page.evaluate(SEND, [custom(company=company, seq=5 + n, **click) for n, click in enumerate(clicks)])
            expect(console).to_contain_text("this client is read-only")
            assert not [call for call in app.account.traffic.calls if call.startswith("POST")]
        console.locator(".codat-company input").fill("Harbour")  # the session is the one that it was, and answers
        expect(console.locator(".codat-company [role=option]").filter(has_text="Harbour")).to_be_visible()
        expect_the_border()
        assert app.account.world.accepted == []
        assert (app.account.traffic.requests == 0) == (not live)
        page.goto("about:blank")


#: Tries each way that a site has to make a browser ask another; BASE and KERNEL are put in.
ATTACK = (Path(__file__).parent / "other_site.html").read_text("utf-8")


@contextmanager
def site(pages: dict[str, str]) -> Iterator[int]:
    """Another site on this machine, whose pages are given by path; its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path, "").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("host", [
    pytest.param("127.0.0.1", id="another port", marks=pytest.mark.full), pytest.param("localhost", id="another site"),
])  # fmt: skip
def test_other_sites_start_and_end_no_kernel(host, page, context, watch, shoot, tmp_path) -> None:
    """By image, frame, script, link, form, fetch, beacon, socket, pop-up, refresh or guess; a person's click does."""
    watch.expected.append(".")  # a browser complains of each of these
    with serving(tmp_path, "--live", "--no-memory") as app:
        page.goto(app.base)
        drawn(page)
        kernel = page.evaluate("JSON.parse(document.getElementById('jupyter-config-data').textContent).kernelId")
        assert app.command.kernels() == 1
        pages: dict[str, str] = {}
        with site(pages) as port:
            pages["/"] = ATTACK.replace("BASE", app.base).replace("KERNEL", kernel)
            pages["/refresh"] = f'<meta http-equiv="refresh" content="0; url={app.base}/?refreshed">'
            pages["/top"] = f"<script>location = '{app.base}/?led'</script>"
            evil = context.new_page()
            evil.goto(f"http://{host}:{port}/")
            outcomes = evil.evaluate("attack()")
            assert set(outcomes) <= {"opaque", "refused", "true", "sent"}, outcomes
            for path in ("/refresh", "/top"):
                evil.goto(f"http://{host}:{port}{path}")
                evil.wait_for_url(f"{app.base}/?*")
                expect(evil.get_by_role("link", name="Open the console")).to_be_visible()
            popups = [each for each in context.pages if "popup" in each.url or "noopener" in each.url]
            assert len(popups) == 2
            for popup in popups:
                expect(popup.get_by_role("link", name="Open the console")).to_be_visible()
                assert popup.evaluate("window.opener") is None
        assert app.command.kernels() == 1
        assert page.evaluate("id => fetch(`/api/kernels/${id}`).then(answer => answer.status)", kernel) == 200

        shoot(evil, "app-door-light")
        assert evil.evaluate("document.documentElement.scrollWidth") <= 1280
        evil.emulate_media(color_scheme="dark")
        shoot(evil, "app-door-dark")
        evil.set_viewport_size({"width": 360, "height": 640})
        assert evil.evaluate("document.documentElement.scrollWidth") <= 360
        shoot(evil, "app-door-narrow")
        evil.get_by_role("link", name="Open the console").press("Enter")
        drawn(evil)
        assert app.command.kernels() == 2
        evil.reload()
        drawn(evil)
        for each in context.pages:
            each.close()


def test_a_full_house_is_told_and_left_by_who_goes(page, context, watch, shoot, tmp_path) -> None:
    """The visitor who comes too late reads why, and gets the place of the one who closes the page."""
    watch.expected.append("503")
    with serving(tmp_path, "--visitors", "1") as app:
        page.goto(app.base)
        drawn(page)
        late = context.new_page()
        late.goto(app.base)
        expect(late.get_by_role("main")).to_contain_text(
            "The only place is taken. A place is free when somebody closes"
        )
        shoot(late, "app-full-light")
        late.emulate_media(color_scheme="dark")
        shoot(late, "app-full-dark")
        late.set_viewport_size({"width": 360, "height": 640})
        assert late.evaluate("document.documentElement.scrollWidth") <= 360
        shoot(late, "app-full-narrow")
        assert app.command.kernels() == 1
        page.goto("about:blank")
        app.command.wait_until(lambda: app.command.kernels() == 0)
        app.command.wait_until(lambda: lets_in(late))  # the server clears up after a kernel that is gone
        drawn(late)
        late.goto("about:blank")


def lets_in(page) -> bool:
    """Whether a click on "Try again" opens the console."""
    page.get_by_role("link", name="Try again").click()
    return page.get_by_role("heading", name="No place is free").count() == 0


def test_the_form_that_the_operator_asks_for(page, shoot, tmp_path) -> None:
    """With --connect-form each visitor brings a key; with --read-only all that it opens is; no other server or key."""
    with serving(tmp_path, "--connect-form", "--read-only") as app:
        page.goto(app.base)
        expect(page.locator("body")).to_have_class(re.compile("codat-shown"))
        form = page.get_by_role("region", name="Connect to Codat")
        expect(form.get_by_role("group")).to_have_count(2)
        expect(form.get_by_role("checkbox", name="Read only")).to_be_checked()
        expect(form.get_by_role("checkbox", name="Read only")).to_be_disabled()
        expect(form).not_to_contain_text("CODAT_API_KEY")
        shoot(page, "app-connect-form")
        page.evaluate(SEND, [custom(type="connect", way="environment", read_only=False, seq=3)])
        form.get_by_role("button", name="Open the sandbox").click()
        badges = page.locator(".codat-status .badge").locator("visible=true")
        expect(badges).to_have_text(["SANDBOX", "READ ONLY"])
        assert app.account.traffic.requests == 0
        page.evaluate(SEND, [custom(type="connect", way="key", key=app.account.key, read_only=False, seq=4)])
        expect(badges).to_have_text(["LIVE", "READ ONLY"])
        company = pick(page.locator(".codat-console"), "Toft")
        page.evaluate(SEND, [custom(type="refresh", company=company, data_types=["invoices"], seq=5)])
        expect(page.locator(".codat-console")).to_contain_text("this client is read-only")
        assert app.account.world.accepted == []
        assert app.account.key not in page.content()
        page.goto("about:blank")
