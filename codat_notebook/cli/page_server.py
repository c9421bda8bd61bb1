"""The page's server as it runs in the child: Voila behind our border, with so many kernels and no more.

``border`` decides what is answered; here its refusals become answers, in front of all of Voila's own routes. The limit
stands where kernels are started, so that no visitor slips past it while others are starting.
"""

from typing import Any

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher
from tornado.web import HTTPError, RequestHandler
from traitlets import Integer
from voila.app import Voila

from codat_notebook.cli.border import Refusal, refusal


class Kernels(AsyncMappingKernelManager):
    """The visitors' kernels, at most ``places`` of them."""

    places = Integer(20, help="How many kernels there may be at a time.").tag(config=True)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]  # its own has no types
        self._starting: set[str] = set()

    async def start_kernel(self, **options: Any) -> str:  # type: ignore[override]  # as in its own base
        """Start a kernel where a place is free; else the visitor is told so, with status 503."""
        if len(self._starting.union(self.list_kernel_ids())) >= self.places:
            raise HTTPError(503, full(self.places, self.cull_idle_timeout / 60))
        id = self.new_kernel_id()
        self._starting.add(id)
        try:
            return str(await super().start_kernel(kernel_id=id, **options))
        finally:
            self._starting.discard(id)


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
        found = refusal(request.method or "", request.path, request.headers)
        return None if found is None else {"target_kwargs": {"refusal": found}}


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
        """Voila's routes, behind what is refused."""
        return [(Border(), Refused), *super().init_handlers()]


main = PageServer.launch_instance
