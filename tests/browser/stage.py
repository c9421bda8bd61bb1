"""A bare page for parts of the console, without Jupyter: real kernel side, real browser side, well under a second.

`Stage.mount(part, ...)` puts one or several anywidgets on an empty page. A tiny server on the loopback stands for the
front end's plumbing: changes of a part's ``state`` and its messages go to the page as server-sent events, and what the
page sends with ``model.send`` goes to the part as a custom message. So a test drives both sides, or shoots a state.
"""

import base64
import functools
import json
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page

from codat_notebook.widgets.part import Part

from . import deadlines
from .gallery import THEN

_HERE = Path(__file__).parent
_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}


class StageClock:
    """A server's clock that a test sets; it stands until it is set, and then goes at its ``rate``."""

    name = "of the stage"

    def __init__(self) -> None:
        self.rate = 1.0
        self._time, self._began = THEN, time.monotonic()
        self._goes = False

    def now(self) -> datetime:
        """The server's time."""
        passed = (time.monotonic() - self._began) * self.rate if self._goes else 0.0
        return self._time + timedelta(seconds=passed)

    def set(self, now: datetime, rate: float | None = None) -> None:
        """Let it go on from here."""
        self.rate = self.rate if rate is None else rate
        self._time, self._began, self._goes = now, time.monotonic(), True


class Stage:
    """One page and the parts on it. Ask for the fixture ``stage``; see the module's docstring."""

    def __init__(self, page: Page, base: str, shoot: Callable[[Page | Locator, str], Path]) -> None:
        self.page = page
        #: Every message that the page sent, oldest first, as dicts; of all parts.
        self.sent: list[dict[str, Any]] = []
        self.parts: tuple[Any, ...] = ()
        #: The clock of the session that the parts belong to; it begins to go when they are mounted.
        self.clock = StageClock()
        #: How often the page has asked what time it is.
        self.times = 0
        #: What the page asks for the time, while the kernel is ``blocked``; it hears it when it is free again.
        self.asked: list[tuple[int, dict[str, Any]]] = []
        self.blocked = False
        #: So many requests for the files of parts are answered as if these were not known yet.
        self.withheld = 0
        self._base = base
        self._shoot = shoot
        self._listeners: list[queue.Queue[str | None]] = []

    def mount(self, *parts: Any, theme: str = "light", width: int = 1180, height: int = 800) -> Locator:
        """Draw parts below each other and return the first one's element.

        ``theme`` is ``"light"`` or ``"dark"`` (JupyterLab's variables set) or ``"plain"`` (none, as in an export).
        """
        self.parts = parts
        self.clock.set(self.clock.now())
        for number, part in enumerate(parts):
            if isinstance(part, Part) and part.clock is None:
                part.clock = self.clock
                part.as_of = part.moment
            part.observe(lambda change, n=number: self._tell(n, self._travelling(change["owner"])), "state")
            part.send = functools.partial(self._send, number)
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.goto(f"{self._base}/?theme={theme}&parts={len(parts)}")
        timeless = self.blocked or not any(isinstance(part, Part) for part in parts)
        self.page.wait_for_function(f"window.stageReady && (window.stageTime || {json.dumps(timeless)})")
        return self.part()

    def part(self, number: int = 0) -> Locator:
        """The element of a part, in the order of mounting."""
        return self.page.locator(f"#part-{number}")

    def tell_time(self, now: datetime | None = None, rate: float | None = None) -> None:
        """Put the kernel's clock right, and have all parts bring its time to the page, as they do with each state."""
        self.clock.set(now or self.clock.now(), rate)
        for number, part in enumerate(self.parts):
            part.as_of = part.moment
            self._tell(number, self._travelling(part))

    def free(self) -> None:
        """The cell that blocked the kernel has ended."""
        self.blocked, waiting, self.asked = False, self.asked, []
        for number, content in waiting:
            self.receive(number, content)

    def theme(self, name: str) -> None:
        """Switch the theme in place, as a user of JupyterLab does."""
        self.page.evaluate("name => window.stageTheme(name)", name)

    def shot(self, name: str) -> Path:
        """A screenshot of the whole page, under ``tests/screenshots/``."""
        return self._shoot(self.page, name)

    def wait_for(self, condition: Callable[[], object], seconds: float = deadlines.CONDITION) -> None:
        """Wait until something holds on the Python side, while the page goes on living."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not so after {seconds} s; the page sent {self.sent}"
            self.page.wait_for_timeout(10)

    def answer(self, path: str) -> tuple[str, bytes]:
        """The type and body for a GET: the page, its script, a part's module, style and traits, or a shared file's."""
        name, _, which = path.strip("/").partition("/")
        if name == "widget" and self.withheld:
            self.withheld -= 1
            raise FileNotFoundError(which)
        if name == "widget":
            source = next(s for part in self.parts for s in getattr(part, "sources", ()) if s.model_id == which)
            return "application/json", json.dumps({"name": source.name, "packed": source.packed}).encode()
        part = self.parts[int(which)] if which else None
        if name == "module":
            return "text/javascript", str(part._esm).encode()
        if name == "style":
            return "text/css", str(getattr(part, "_css", "")).encode()
        if name == "traits":
            sources = [f"IPY_MODEL_{source.model_id}" for source in getattr(part, "sources", ())]
            traits = {
                **self._travelling(part),
                "drawn_by": getattr(part, "drawn_by", []),
                "worn": getattr(part, "worn", []),
                "sources": sources,
                "classes": list(part._dom_classes),
            }
            return "application/json", json.dumps(traits).encode()
        file = _HERE / (name or "stage.html")
        return _TYPES[file.suffix], file.read_bytes()

    def receive(self, number: int, content: dict[str, Any]) -> None:
        """Hand a message from the page to its part, by the door that a kernel uses."""
        self.times += content.get("type") == "time"
        if content.get("type") == "time" and self.blocked:
            self.asked.append((number, content))
            return
        if content.get("type") != "time":
            self.sent.append(dict(content))  # as it came: a part may take the key out
        self.parts[number]._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})

    def listen(self) -> Iterator[str]:
        """State changes as JSON texts, until the stage is closed."""
        events: queue.Queue[str | None] = queue.Queue()
        self._listeners.append(events)
        yield from iter(events.get, None)

    def close(self) -> None:
        """End the page's event streams and forget the parts."""
        for part in self.parts:
            part.unobserve_all("state")
            part.close()
        for events in self._listeners:
            events.put(None)

    @staticmethod
    def _travelling(part: Any) -> dict[str, Any]:
        """The state as a kernel sends it."""
        return {"state": part.get_state("state")["state"]}

    def _send(self, number: int, content: object, buffers: Sequence[bytes] = ()) -> None:
        self._tell(number, {"content": content, "buffers": [base64.b64encode(each).decode() for each in buffers]})

    def _tell(self, number: int, what: dict[str, Any]) -> None:
        text = json.dumps({"part": number, **what})
        for events in self._listeners:
            events.put(text)


class _Handler(BaseHTTPRequestHandler):
    stage: Stage

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/events":
            self._stream()
            return
        try:
            kind, body = self.stage.answer(path) if path != "/favicon.ico" else ("image/x-icon", b"")
        except FileNotFoundError:
            self.send_error(404)
            return
        self._head(kind, len(body))
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        # Before the answer: the page sends its next message when it has that, and order is part of what tests assert.
        self.stage.receive(body["part"], body["content"])
        self._head("text/plain", 0)

    def _stream(self) -> None:
        self._head("text/event-stream", None)
        try:
            self.wfile.write(b": open\n\n")
            for text in self.stage.listen():
                self.wfile.write(f"data: {text}\n\n".encode())
                self.wfile.flush()
        except OSError:
            return  # the page went away, which is how a stream ends

    def _head(self, kind: str, length: int | None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: tests do not print."""


@contextmanager
def running(page: Page, shoot: Callable[[Page | Locator, str], Path]) -> Iterator[Stage]:
    """A stage with its server, for the length of a test."""
    handler = type("Handler", (_Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        stage = Stage(page, f"http://127.0.0.1:{server.server_address[1]}", shoot)
        handler.stage = stage
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield stage
        finally:
            page.close()  # before the server: what a page says of itself again and again would meet a closed line
            stage.close()
            server.shutdown()
            thread.join()
