"""Which requests the page answers, decided in one place before anything of Voila's sees them.

The page has no login: what protects it is where a request comes from, which browsers say in headers that no page can
set (``Sec-Fetch-Site``, ``Origin``). A kernel is started for a person (the address bar, a bookmark) and for our own
pages. Whoever comes from another site, in a frame, or in a way that tells nothing, gets a door to open by a click, and
a browser that fetches ahead of time gets nothing. What changes anything is taken from our own pages alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

from codat_notebook.sandbox.exchange import is_this_machine

#: Who made a browser ask: a person, a page of ours, a page of another site, or nobody can tell.
Sender = Literal["person", "own page", "other site", "unknown"]
_BY_SITE: Final[Mapping[str, Sender]] = {"none": "person", "same-origin": "own page"}
#: Paths that Voila serves itself; every other one is the page, and starts a kernel.
_NO_PAGE: Final = ("/api/", "/voila/")


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is answered instead: plain ``words``, or the ``door``."""

    status: int
    words: str = ""
    door: bool = False


DOOR: Final = Refusal(200, door=True)
AHEAD_OF_TIME: Final = Refusal(503, "Nothing is started ahead of time.")
OTHER_SITE: Final = Refusal(403, "This is answered for pages of codat-notebook app alone.")
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
    if _is_ahead_of_time(headers):
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


def _is_ahead_of_time(headers: Mapping[str, str]) -> bool:
    purposes = (headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"))
    return any("prefetch" in purpose or "prerender" in purpose or "preview" in purpose for purpose in purposes)
