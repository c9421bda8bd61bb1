"""The commands as a person runs them: started as processes, looked at from outside, and ended."""

import re
import shlex
import signal
import stat
import sys
import urllib.parse
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.commands import START_SECONDS, Command, ask, fetch, refuses, running

pytestmark = [
    pytest.mark.xdist_group("jupyter"),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl-C to one process"),
]


class Demo:
    """A demo, or a lab, that answers: its Lab's address, token and sandbox."""

    def __init__(self, command: Command, *, sandbox: bool = True) -> None:
        match = command.expect(
            r"^JupyterLab  (?P<base>http://127\.0\.0\.1:\d+)/lab/tree/(?P<name>\S+)\?token=(?P<token>\S+)$"
        )
        self.base, self.notebook, self.token = match["base"], match["name"], match["token"]
        self.sandbox = command.expect(r"^Sandbox     (http://127\.0\.0\.1:\d+)$")[1] if sandbox else ""

    def ask(self, path: str, method: str = "GET") -> Any:
        """A call of Lab's own interface."""
        return ask(f"{self.base}{path}", {"Authorization": f"token {self.token}"}, method)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_demo(number: signal.Signals, tmp_path: Path) -> None:
    """The demo serves the first notebook, its kernels know the sandbox and no account, and Ctrl-C or SIGTERM leaves
    nothing behind.
    """
    account = {"CODAT_API_KEY": "k-9f2", "CODAT_AUTH_HEADER": "Basic k-9f2", "CODAT_BASE_URL": "http://127.0.0.1:9"}
    with running("demo", "--no-browser", cwd=tmp_path, environment=account) as command:
        demo = Demo(command)
        assert demo.ask(f"/api/contents/{demo.notebook}?content=0")["path"] == "01_first_look.ipynb"
        assert (tmp_path / "codat-notebooks" / demo.notebook).is_file()
        news = demo.ask("/lab/api/settings/@jupyterlab/apputils-extension:notification")["schema"]["properties"]
        assert (news["fetchNews"]["default"], news["checkForUpdates"]["default"]) == ("false", False)
        demo.ask("/api/kernels", "POST")
        environments = [process.environ() for process in command.family()]
        assert len(environments) == 2
        assert {environment["CODAT_SANDBOX_URL"] for environment in environments} == {demo.sandbox}
        assert all(environment["CODAT_SANDBOX_KEY"] for environment in environments)
        assert not any(environment.keys() & account.keys() for environment in environments)
        command.end(number)
        assert refuses(demo.base)
        assert refuses(demo.sandbox)


def test_lab_knows_the_key_of_its_environment_and_no_sandbox(tmp_path: Path) -> None:
    """`lab` is the demo without the sandbox: the notebooks, kept as they were changed, and the caller's own Codat."""
    mine = tmp_path / "here" / "01_first_look.ipynb"
    mine.parent.mkdir()
    mine.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    before = mine.read_text()
    with running(
        "lab", "--no-browser", "--dir", "here", cwd=tmp_path, environment={"CODAT_API_KEY": "k-9f2"}
    ) as command:
        demo = Demo(command, sandbox=False)
        assert demo.ask(f"/api/contents/{demo.notebook}?content=0")["path"] == "01_first_look.ipynb"
        demo.ask("/api/kernels", "POST")
        environments = [process.environ() for process in command.family()]
        assert {environment["CODAT_API_KEY"] for environment in environments} == {"k-9f2"}
        assert not any("CODAT_SANDBOX_URL" in environment for environment in environments)
        command.end(signal.SIGINT)
        assert "k-9f2" not in command.printed
    assert mine.read_text() == before


def test_no_process_list_shows_the_token(tmp_path: Path) -> None:
    """The browser is started with a private file that leads on to Lab: no program's arguments hold the token."""
    seen = tmp_path / "seen"
    browser = tmp_path / "browser"
    browser.write_text(
        f'#!/bin/sh\necho "$1" > {seen}.part\nmv {seen}.part {seen}\nwhile [ -e {seen} ]; do sleep 0.05; done\n'
    )
    browser.chmod(0o700)
    arguments: set[str] = set()

    def look() -> bool:
        for process in psutil.process_iter(["cmdline"]):
            arguments.update(process.info["cmdline"] or ())
        return seen.exists()

    with running("demo", "--dir", "here", cwd=tmp_path, environment={"BROWSER": str(browser)}) as command:
        command.wait_until(look)
        look()  # while the browser runs
        demo = Demo(command)
        assert str(browser) in arguments
        assert not [text for text in arguments if demo.token in text]
        opened = Path(urllib.parse.unquote(urllib.parse.urlsplit(seen.read_text().strip()).path))
        assert stat.S_IMODE(opened.stat().st_mode) == 0o600
        assert stat.S_IMODE(opened.parent.stat().st_mode) == 0o700
        target = re.search(r'content="0; url=([^"]+)"', opened.read_text())
        assert target is not None
        assert target[1] == f"{demo.base}/lab/tree/{demo.notebook}?token={demo.token}"
        seen.unlink()
        command.expect("^Ctrl-C")
        command.end(signal.SIGINT)
        assert not opened.exists()


def test_lab_answers_to_no_other_hosts_name(tmp_path: Path) -> None:
    """A page under another host's name (DNS rebinding) is refused, with the token as without."""
    with running("lab", "--no-browser", "--dir", "here", cwd=tmp_path) as command:
        demo = Demo(command, sandbox=False)
        for path in (f"/lab?token={demo.token}", "/api/status", "/login"):
            headers = {"Host": "evil.example", "Authorization": f"token {demo.token}"}
            assert fetch(demo.base + path, headers)[0] == 403
        assert fetch(f"{demo.base}/api/status", {"Authorization": f"token {demo.token}"})[0] == 200
        command.end(signal.SIGINT)


def test_demo_ends_with_lab(tmp_path: Path) -> None:
    """Lab's own "Shut Down" ends the demo too."""
    with running("demo", "--no-browser", "--dir", "here", cwd=tmp_path) as command:
        demo = Demo(command)
        demo.ask("/api/shutdown", "POST")
        command.end(None)
        assert refuses(demo.sandbox)


def test_demo_stopped_while_it_starts(tmp_path: Path) -> None:
    """Ctrl-C before Lab answers ends as cleanly as later."""
    with running("demo", "--no-browser", cwd=tmp_path) as command:
        command.expect("^Sandbox ")
        command.end(signal.SIGINT)
        assert "JupyterLab  http" not in command.printed


def test_sandbox(tmp_path: Path) -> None:
    """The sandbox prints its address, its key and a curl line that works, and ends on Ctrl-C."""
    with running("sandbox", "--companies", "3", "--key", "my key", cwd=tmp_path) as command:
        url = command.expect(r"^URL   (\S+)$")[1]
        assert command.expect(r"^Key   (.*)$")[1] == "my key"
        curl = shlex.split(command.expect(r"^Try   (curl .*)$")[1])
        command.expect("Ctrl-C")
        name, _, value = curl[curl.index("-H") + 1].partition(": ")
        assert curl[-1].startswith(url)
        assert ask(curl[-1], {name: value})["totalResults"] == 3
        command.end(signal.SIGINT)
        assert refuses(url)


def test_sandbox_on_a_taken_port(tmp_path: Path) -> None:
    """A taken port is told in one line, with exit code 1."""
    with running("sandbox", cwd=tmp_path) as first:
        port = first.expect(r"^URL   http://127\.0\.0\.1:(\d+)$")[1]
        with running("sandbox", "--port", port, cwd=tmp_path) as second:
            assert second.process.wait(START_SECONDS) == 1
            assert re.fullmatch(rf"codat-notebook: .*{port}.*\nNext: .*\n", second.stderr())
        first.expect("Ctrl-C")
        first.end(signal.SIGINT)
