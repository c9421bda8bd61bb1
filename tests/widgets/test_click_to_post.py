"""From a click on "Refresh" to the POST: which requests are sent, what is drawn, and which functions are on the way.

The walk is written down in CONTRIBUTING.md for those who read the code for the first time; it is walked here.
"""

import re
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import httpx
import pytest

import codat_notebook
from codat_notebook.models.shared import Security
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session
from codat_notebook.widgets.actions import FACTS_LAST

from .test_console import DEADLINE, ConsoleBench, sandbox

__all__ = ["sandbox"]  # the fixture

ROOT = Path(codat_notebook.__file__).parent
#: Functions (without comprehensions and lambdas) and files of the package from the click to the POST. There were 172 in
#: 42 files when this was written; 300 in 58 as long as the console was drawn and the company read anew in between.
FUNCTIONS, FILES = 220, 50


class Walk(httpx.AsyncHTTPTransport):
    """A line to the sandbox that notes requests; and, from the click to the POST, each function that is called."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[str] = []
        self.functions: list[tuple[str, str]] = []
        self.posted = threading.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Note the request; the POST ends the walk."""
        self.requests.append(f"{request.method} {request.url.path}")
        if request.method == "POST":
            sys.setprofile(None)
            self.posted.set()
        return await super().handle_async_request(request)

    def begin(self) -> None:
        """Note the functions that are called on this thread from now on."""
        sys.setprofile(self._note)

    def _note(self, frame: FrameType, event: str, _: object) -> None:
        file = Path(frame.f_code.co_filename)
        name = frame.f_code.co_qualname
        if event == "call" and file.is_relative_to(ROOT) and not name.endswith(">"):
            self.functions.append((file.relative_to(ROOT).as_posix(), name))


@pytest.fixture
def walk(sandbox: Sandbox, request: pytest.FixtureRequest) -> Iterator[Walk]:
    """The walk from a company that was picked just now, or so many seconds ago."""
    line, security = Walk(), Security(auth_header=sandbox.key)
    client = httpx.AsyncClient(transport=line)
    with Session(security, server_url=sandbox.url, is_sandbox=True, async_client=client) as session:
        bench = ConsoleBench(session)
        id = str(bench.search("Toft")[0]["id"])
        bench.until("codat-companies", lambda s: s["total"])
        line.requests.clear()
        bench.send("codat-company", type="pick", id=id, seq=2)
        bench.until("codat-bar", lambda s: s["company"] and s["company"]["id"] == id and s["total"] is not None)
        bench.until("codat-operations", lambda s: s["total"])  # drawn after the bar, and late where much is at work
        sandbox.clock.pause()
        controller = bench.frame._connector._controller
        assert controller is not None
        controller.state.watch.read_at -= getattr(request, "param", 0)
        session.context.engine.post(line.begin)
        bench.send("codat-bar", type="refresh", company=id, data_types=["customers"], seq=3)
        assert line.posted.wait(DEADLINE)
        yield line
        bench.frame.close()
        for run in session.runs:
            run.stop_watching()
            run.wait(DEADLINE)
        session.context.engine.call(client.aclose())


def test_nothing_is_asked_twice(walk: Walk) -> None:
    """What was read of the company when it was picked is what the refresh goes by; the click costs the POST alone."""
    asked = Counter(re.sub(r"[0-9a-f-]{36}", "{id}", request) for request in walk.requests)
    assert asked == dict.fromkeys(
        (
            "GET /companies/{id}", "GET /companies/{id}/dataStatus", "GET /companies/{id}/data/history",
            "GET /companies/{id}/syncSettings", "POST /companies/{id}/data/queue/customers",
        ),
        1,
    )  # fmt: skip


@pytest.mark.parametrize("walk", [FACTS_LAST], indirect=True)
def test_what_is_old_is_asked_for_anew(walk: Walk) -> None:
    """A connection may have been unlinked or relinked meanwhile; the company is read again, and that is all."""
    *first, company, post = [request.split("/")[-1] for request in walk.requests]
    assert post == "customers"
    assert company in first


def test_little_stands_between_the_click_and_the_post(walk: Walk) -> None:
    """The buttons answer; the console is drawn anew once at the most. The rest of the way is not much longer."""
    names = [name for _, name in walk.functions]
    assert names.count("Renderer.bar") == 1
    assert names.count("Renderer.all") <= 1
    assert len(set(walk.functions)) <= FUNCTIONS
    assert len({file for file, _ in walk.functions}) <= FILES


def test_the_walk_in_contributing_is_the_way_that_is_taken(walk: Walk) -> None:
    """Each function that it names is called, in its order."""
    text = (ROOT.parent / "CONTRIBUTING.md").read_text("utf-8")
    _, _, section = text.partition("## A walk: from the click to the POST")
    named = re.findall(r"^\d+\. `([\w.]+)` in `([\w./]+)`", section.partition("\n## ")[0], re.MULTILINE)
    assert len(named) > 10
    way = iter(walk.functions)
    missed = [(name, file) for name, file in named if (file, name) not in way]
    assert missed == []
