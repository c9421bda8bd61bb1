"""The page's server as it runs in the child: Voila behind our border, with so many kernels and no more.

The page has no login: what protects it is where a request comes from, which browsers say in headers that no page can
set (``Sec-Fetch-Site``, ``Origin``). A kernel is started for a person (the address bar, a bookmark) and for our own
pages. Whoever comes from another site, in a frame, or in a way that tells nothing, gets a door to open by a click, and
a browser that fetches ahead of time gets nothing. What changes anything is taken from our own pages alone. All this is
decided in :func:`refusal`, in front of Voila's own routes. The limit stands where kernels are started, so that no
visitor slips past it while others are starting.

To start a kernel and to import what a page needs takes 2 s of a processor, which is most of what a visitor waits for.
So one is kept ready: it has imported all that, and asked nobody for anything.
"""

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.httputil import HTTPServerRequest
from tornado.ioloop import IOLoop
from tornado.routing import Matcher
from tornado.web import HTTPError, RequestHandler
from traitlets import Integer
from voila.app import Voila

from codat_notebook.cli.child import asked, query_file
from codat_notebook.sandbox.exchange import is_this_machine

#: Who made a browser ask: a person, a page of ours, a page of another site, or nobody can tell.
Sender = Literal["person", "own page", "other site", "unknown"]
_BY_SITE: Final[Mapping[str, Sender]] = {"none": "person", "same-origin": "own page"}
#: Paths that Voila serves itself; every other one is the page, and starts a kernel.
_NO_PAGE: Final = ("/api/", "/voila/")
#: What a kernel does before it answers, and seconds after which the next one is made ready: the page is drawn first.
_AHEAD: Final = "import codat_notebook, codat_notebook.widgets.console; codat_notebook.preload()"
_NEXT: Final = 15.0


class Refusal(NamedTuple):
    """What is answered instead: plain ``words``, or the ``door``."""

    status: int
    words: str = ""
    door: bool = False


DOOR: Final = Refusal(200, door=True)
AHEAD_OF_TIME: Final = Refusal(503, "Nothing is started ahead of time.")
OTHER_SITE: Final = Refusal(403, "Only pages of codat-notebook app are answered here.")
OTHER_HOST: Final = Refusal(421, "This page answers to 127.0.0.1, localhost and [::1] only.")


def refusal(method: str, path: str, headers: Mapping[str, str]) -> Refusal | None:
    """What a request gets instead of what it asks for; None if it may have that. ``headers`` ignore case."""
    if not is_this_machine(headers.get("Host")):
        return OTHER_HOST
    by = sender(headers)
    if method not in ("GET", "HEAD"):
        return None if by == "own page" else OTHER_SITE
    if headers.get("Upgrade", "").lower() == "websocket":  # every browser names the origin here
        return None if by == "own page" and "Origin" in headers else OTHER_SITE
    if path.startswith(_NO_PAGE):
        return OTHER_SITE if by == "other site" else None
    purposes = (headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"))
    if re.search("prefetch|prerender|preview", " ".join(purposes)):
        return AHEAD_OF_TIME
    in_a_tab = headers.get("Sec-Fetch-Dest", "document") == "document"
    return None if in_a_tab and by in ("person", "own page") else DOOR


def sender(headers: Mapping[str, str]) -> Sender:
    """Who made the browser ask. Browsers of before 2023 lack ``Sec-Fetch-Site``: they tell by the page's address."""
    origin, site = headers.get("Origin"), headers.get("Sec-Fetch-Site")
    if origin is not None and not _is_ours(origin, headers):
        return "other site"
    if site is not None:
        return _BY_SITE.get(site, "other site")
    page = origin or headers.get("Referer")
    if page is None:
        return "unknown"
    return "own page" if _is_ours(page, headers) else "other site"


def _is_ours(address: str, headers: Mapping[str, str]) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return (parts.scheme, parts.netloc.lower()) == ("http", headers.get("Host", "").lower())


class Kernels(AsyncMappingKernelManager):
    """The visitors' kernels, at most ``places`` of them; and one that is ready for the next visitor.

    What a visitor's address asks for is not known when a kernel starts, so it is no variable of its environment: it is
    in a file beside the connection file (``child.query_file``) as soon as the kernel is theirs.
    """

    places = Integer(20, help="How many kernels there may be at a time.").tag(config=True)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]  # its own has no types
        #: What starts each visitor's kernel, with what makes the page that it is for.
        self._given: dict[asyncio.Task[str], asyncio.Task[Any] | None] = {}
        self._next: asyncio.Task[str] | None = None

    def ready(self) -> asyncio.Task[str]:
        """What starts the kernel of the next visitor, or has started it."""
        if self._next is None or not self._is_there(self._next):
            begun = super().start_kernel(extra_arguments=[f"--IPKernelApp.exec_lines={_AHEAD}"])
            self._next = asyncio.ensure_future(begun)
        return self._next

    def _is_there(self, started: asyncio.Task[str]) -> bool:
        """Whether a kernel is starting, or there."""
        if not started.done():
            return True
        return not started.cancelled() and started.exception() is None and started.result() in self

    async def start_kernel(self, *, env: Mapping[str, str], **options: Any) -> str:  # type: ignore[override]  # as in its own base
        """A kernel where a place is free; else the visitor is told, with status 503."""
        self._given = {each: page for each, page in self._given.items() if self._is_there(each)}
        if len(self._given) >= self.places:
            raise HTTPError(503, full(self.places, self.cull_idle_timeout / 60))
        mine, self._next = self.ready(), None
        self._given[mine] = asyncio.current_task()
        kernel = self.get_kernel(id := await mine)
        kernel.last_activity = datetime.now(UTC)  # type: ignore[attr-defined]  # its base adds it, too
        query_file(kernel.connection_file).write_text(asked(env["QUERY_STRING"]), encoding="ascii")
        IOLoop.current().call_later(_NEXT, self.ready)
        return id

    async def cull_kernel_if_idle(self, kernel_id: str) -> None:
        """End a visitor's kernel that is left alone, not while its page is still made: that would wait for ever.

        The one that is ready waits for its visitor.
        """
        for start, page in self._given.items():
            if self._is_there(start) and start.done() and start.result() == kernel_id and (page is None or page.done()):
                await super().cull_kernel_if_idle(kernel_id)  # type: ignore[no-untyped-call]  # its own has no types
                return


def full(places: int, minutes: float) -> str:
    """What is said when no place is free.

    >>> full(20, 10)
    'All 20 places are taken. A place is free when somebody closes the page, or after 10 idle minutes.'
    """
    taken = "The only place is taken." if places == 1 else f"All {places} places are taken."
    idle = "1 idle minute" if minutes == 1 else f"{minutes:g} idle minutes"
    return f"{taken} A place is free when somebody closes the page, or after {idle}."


class Border(Matcher):
    """Matches what is refused, so that it is routed to :class:`Refused`."""

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """What :class:`Refused` is made with; None for what goes on to Voila."""
        refused = refusal(request.method or "", request.path, request.headers)
        return None if refused is None else {"target_kwargs": {"refusal": refused}}


class Refused(RequestHandler):
    """Answers what is refused: in words, or with the door."""

    def initialize(self, refusal: Refusal) -> None:
        """Keep what is to be said."""
        self.refusal = refusal

    def set_default_headers(self) -> None:
        """The headers of all pages here."""
        for name, value in self.settings["headers"].items():
            self.set_header(name, value)
        self.set_header("Cache-Control", "no-store")

    def prepare(self) -> None:
        """Answer, whatever the method."""
        self.set_status(self.refusal.status)
        if self.refusal.door:
            door = self.settings["voila_jinja2_env"].get_template("door.html")
            self.finish(door.render(base_url=self.settings["base_url"]))
        else:
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.finish(self.refusal.words)


class PageServer(Voila):  # type: ignore[misc]  # Voila comes without types
    """Voila with the border in front."""

    def init_handlers(self) -> list[Any]:
        """Voila's routes, behind what is refused. They are the last that is made before the loop runs."""
        IOLoop.current().add_callback(self.kernel_manager.ready)
        return [(Border(), Refused), *super().init_handlers()]


main = PageServer.launch_instance
