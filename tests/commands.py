"""A `codat-notebook` command as a person runs it: a process with its family, what it prints, and its end."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from codat_notebook.cli.child import query_file

#: Generous, for a machine that does much else; who waits for a condition goes on as soon as it holds.
START_SECONDS, END_SECONDS = 180.0, 60.0
NOWHERE = "http://127.0.0.1:9"
#: How a process of a test is started: its warnings are errors, but for those that old libraries give (``.ci/run``).
STRICT = ("-W", "error", *os.environ.get("CODAT_TEST_WARNINGS", "").split())


class Command:
    """A running `codat-notebook`: what it has printed so far, and the processes that it started."""

    def __init__(self, *arguments: str, cwd: Path, environment: Mapping[str, str], python: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CODAT_")}
        inherited |= {"HTTP_PROXY": NOWHERE, "http_proxy": NOWHERE, "HOME": str(cwd)}
        script = [python, *STRICT, "-c", "from codat_notebook.cli import main; raise SystemExit(main())"]
        if arguments[0] == "app" and "--port" not in arguments:
            arguments = (*arguments, "--port", "0")  # its own port is for one at a time
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(
            [*script, *arguments], cwd=cwd, env={**inherited, **environment}, start_new_session=True, **pipes
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

    def wait_until(self, condition: Callable[[], object], seconds: float = START_SECONDS) -> None:
        """Wait until something holds, while the command lives."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, self.stderr()
            assert time.monotonic() < deadline, f"not so after {seconds} s; the command printed:\n{self.printed}"
            self._reader.join(0.1)

    def stderr(self) -> str:
        """What the ended command wrote to stderr."""
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def family(self) -> list[psutil.Process]:
        """The processes that it started, and those that they started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def connections(self) -> list[str]:
        """The connection files of the Jupyter kernels among them."""
        found = []
        for process in self.family():
            with suppress(psutil.NoSuchProcess):  # it has just ended
                words = process.cmdline()
                if any("ipykernel" in word for word in words):
                    found.append(words[words.index("-f") + 1])
        return found

    def kernels(self) -> int:
        """How many of these are a visitor's; the next one, which is ready, is nobody's yet."""
        return sum(query_file(each).exists() for each in self.connections())

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
def running(
    *arguments: str, cwd: Path, environment: Mapping[str, str] | None = None, python: str = sys.executable
) -> Iterator[Command]:
    """Run the command within the block, with that Python; whatever happens, nothing of it survives the block.

    Of the caller's Codat settings it sees none but those in ``environment``, and its home is ``cwd``.
    """
    command = Command(*arguments, cwd=cwd, environment=environment or {}, python=python)
    try:
        yield command
    finally:
        if command.process.poll() is None:
            for process in [*command.family(), psutil.Process(command.process.pid)]:
                with suppress(psutil.NoSuchProcess):  # it has ended with another
                    process.kill()
        command.process.wait()
        command._reader.join()
        for stream in (command.process.stdout, command.process.stderr):
            assert stream is not None
            stream.close()


def fetch(url: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> tuple[int, bytes]:
    """A request without a proxy: the answer's status and body."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=START_SECONDS)
    try:
        connection.request(method, f"{parts.path or '/'}?{parts.query}", headers=dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def head(url: str, headers: Mapping[str, str]) -> Mapping[str, str]:
    """A request without a proxy: the answer's headers, once the body was read."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=START_SECONDS)
    try:
        connection.request("GET", parts.path or "/", headers=dict(headers))
        answer = connection.getresponse()
        answer.read()
        return answer.headers
    finally:
        connection.close()


def ask(url: str, headers: Mapping[str, str], method: str = "GET") -> Any:
    """A request without a proxy; the decoded JSON of a successful answer."""
    status, body = fetch(url, headers, method)
    assert status < 300, (status, body)
    return json.loads(body) if body else None


def refuses(url: str) -> bool:
    """Whether nobody listens at the address any more."""
    try:
        fetch(url)
    except ConnectionRefusedError:
        return True
    return False
