"""A sandbox in a process of its own with its books and controls, and a kernel that refreshes and can be killed."""

import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from codat_notebook.client import CodatLending
from codat_notebook.models.shared import Security

#: Real seconds for whatever a process is asked to do; who waits goes on as soon as it is done.
PATIENCE = 180.0
KEY = "a-key-for-processes"

_SANDBOX = """
import json, sys
from codat_notebook.sandbox import Sandbox
options = json.loads(sys.argv[1])
with Sandbox(**options) as sandbox:
    print(json.dumps([sandbox.url, sandbox.control_token]), flush=True)
    sys.stdin.read()
"""
_KERNEL = """
import json, sys
from codat_notebook.models.shared import Security
from codat_notebook.runs.store import JournalError
from codat_notebook.session import Session
url, key, journal = sys.argv[1:]
plan = json.load(sys.stdin)
with Session(Security(auth_header=key), server_url=url, is_sandbox=True, per_minute=None) as session:
    try:
        run = session.resume(journal)
    except JournalError:  # killed before the plan was in it
        run = session.refresh(plan, journal=journal)
    print("begun", flush=True)
    run.wait()
    while run.retries.now:
        run = run.retry_failed().wait()
    print(json.dumps({"phase": run.phase, "counts": run.counts, "operations": len(run.operations)}), flush=True)
"""


class Away:
    """A sandbox elsewhere."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self._token = url, token

    def control(self, method: str, name: str, body: Any = None) -> Any:
        """Call a control."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"X-Sandbox-Token": self._token, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/_sandbox/{name}", data, headers, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=PATIENCE) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def companies(self, number: int) -> list[str]:
        """Ids of companies that have a linked accounting platform."""
        with CodatLending(Security(auth_header=KEY), server_url=self.url) as client:
            found = client.companies.list(request={"page_size": 5000}).results
        linked = [company for company in found if _books(company)]
        assert len(linked) >= number
        return [company.id for company in linked[:number]]

    def booked(self) -> Counter[tuple[str, str]]:
        """(company, data type) -> how often it was accepted."""
        return Counter((entry["company_id"], entry["data_type"]) for entry in self.control("GET", "accepted"))


def _books(company: Any) -> bool:
    return any(c.source_type == "Accounting" and c.status == "Linked" for c in company.data_connections or ())


@contextmanager
def sandbox_away(settings: Mapping[str, Any] | None = None, **options: Any) -> Iterator[Away]:
    """Start one; ``settings`` are its switches."""
    arguments = [sys.executable, "-c", _SANDBOX, json.dumps({"key": KEY, **options})]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        away = Away(*json.loads(process.stdout.readline()))
        if settings:
            away.control("PATCH", "settings", settings)
        yield away
    finally:
        process.kill()
        process.communicate()


class Kernel:
    """A process that begins a run, or goes on with it from its journal."""

    def __init__(self, away: Away, plan: Mapping[str, list[str]], journal: Path) -> None:
        self._errors = open(journal.with_suffix(".log"), "a+", encoding="utf-8")  # noqa: SIM115 - closed with the kernel
        self._process = subprocess.Popen(
            [sys.executable, "-c", _KERNEL, away.url, KEY, str(journal)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True,
            env={**os.environ, "NO_PROXY": "127.0.0.1"},
        )  # fmt: skip
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(dict(plan)))
        self._process.stdin.close()
        self._process.stdin = None
        self._watchdog = threading.Timer(PATIENCE, self._process.kill)
        self._watchdog.start()

    def __enter__(self) -> Self:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self._errors.seek(0)
        assert line == "begun\n", self._errors.read()
        return self

    def __exit__(self, *exception: object) -> None:
        self._watchdog.cancel()
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def ends_within(self, seconds: float) -> bool:
        """Whether it has ended by itself after so many seconds at most."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self) -> dict[str, Any]:
        """Wait for its end, and give what it says of its run."""
        text, _ = self._process.communicate(timeout=PATIENCE)
        self._errors.seek(0)
        assert self._process.returncode == 0, self._errors.read()
        found: dict[str, Any] = json.loads(text)
        return found
