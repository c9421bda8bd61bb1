"""The commands as a person runs them: started as processes, looked at from outside, and ended."""

import http.client
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = [
    pytest.mark.xdist_group("jupyter"),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl-C to one process"),
]
START_SECONDS, END_SECONDS = 120.0, 30.0
NOWHERE = "http://127.0.0.1:9"


class Command:
    """A running `codat-notebook`: what it has printed so far, and the processes that it started."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CODAT_")}
        environment |= {"HTTP_PROXY": NOWHERE, "http_proxy": NOWHERE, "HOME": str(cwd)}
        script = [sys.executable, "-W", "error", "-c", "from codat_notebook.cli import main; raise SystemExit(main())"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(
            [*script, *arguments], cwd=cwd, env=environment, start_new_session=True, **pipes
        )
        self.printed = ""
        self._reader = threading.Thread(target=self._read, name="codat-test-reader")
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed += line

    def expect(self, pattern: str) -> re.Match[str]:
        """Wait until the command has printed a line that matches."""
        deadline = time.monotonic() + START_SECONDS
        while not (match := re.search(pattern, self.printed, re.MULTILINE)):
            assert self.process.poll() is None, self.stderr()
            assert time.monotonic() < deadline, f"{pattern!r} not in:\n{self.printed}"
            self._reader.join(0.05)
        return match

    def stderr(self) -> str:
        """What the ended command wrote to stderr."""
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def family(self) -> list[psutil.Process]:
        """The processes that it started, and those that they started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: signal.Signals | None) -> None:
        """Send a signal (None: it ends by itself); it ends with code 0, no word on stderr, and no process left.

        The signal goes to the whole process group, as a terminal's Ctrl-C does.
        """
        family = self.family()
        if number is not None:
            os.killpg(self.process.pid, number)
        assert self.process.wait(END_SECONDS) == 0
        assert self.stderr() == ""
        _, alive = psutil.wait_procs(family, timeout=END_SECONDS)
        assert alive == []


@contextmanager
def running(*arguments: str, cwd: Path) -> Iterator[Command]:
    """Run the command within the block; whatever happens, nothing of it survives the block."""
    command = Command(*arguments, cwd=cwd)
    try:
        yield command
    finally:
        if command.process.poll() is None:
            for process in [*command.family(), psutil.Process(command.process.pid)]:
                process.kill()
        command.process.wait()
        command._reader.join()
        for stream in (command.process.stdout, command.process.stderr):
            assert stream is not None
            stream.close()


def ask(url: str, headers: dict[str, str], method: str = "GET") -> Any:
    """A request without a proxy; the decoded JSON of a successful answer."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    connection.request(method, f"{parts.path}?{parts.query}", headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status < 300, (answer.status, body)
    return json.loads(body) if body else None


def refuses(url: str) -> bool:
    """Whether nobody listens at the address any more."""
    try:
        ask(url, {})
    except ConnectionRefusedError:
        return True
    return False


class Demo:
    """A demo that answers: its Lab's address, token and sandbox."""

    def __init__(self, command: Command) -> None:
        match = command.expect(
            r"^JupyterLab  (?P<base>http://127\.0\.0\.1:\d+)/lab/tree/(?P<name>\S+)\?token=(?P<token>\S+)$"
        )
        self.base, self.notebook, self.token = match["base"], match["name"], match["token"]
        self.sandbox = command.expect(r"^Sandbox     (http://127\.0\.0\.1:\d+)$")[1]

    def ask(self, path: str, method: str = "GET") -> Any:
        """A call of Lab's own interface."""
        return ask(f"{self.base}{path}", {"Authorization": f"token {self.token}"}, method)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_demo(number: signal.Signals, tmp_path: Path) -> None:
    """The demo serves the first notebook, its kernels know the sandbox, and Ctrl-C or SIGTERM leaves nothing behind."""
    with running("demo", "--no-browser", cwd=tmp_path) as command:
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
        command.end(number)
        assert refuses(demo.base)
        assert refuses(demo.sandbox)


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
            assert re.fullmatch(rf"codat-notebook: .*{port}.*\n", second.stderr())
        first.expect("Ctrl-C")
        first.end(signal.SIGINT)
