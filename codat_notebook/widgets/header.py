"""The console's first line: where we are connected, what may be done there, and what is left of the day's requests.

Whether a click reaches real customers must never be in doubt, so the sandbox and LIVE differ in word, colour and
form. Whatever takes time (asking, waiting for a retry) is said here too: no silent waiting.
"""

from typing import Literal, TypedDict

from codat_notebook.widgets.part import Part
from codat_notebook.words import count, duration, number

_BADGES = {"sandbox": "SANDBOX", "live": "LIVE", "none": "NOT CONNECTED"}


class QuotaState(TypedDict):
    """What is left of the day's requests; ``limit`` and ``resets_in`` (seconds) where Codat tells them."""

    remaining: int
    limit: int | None
    resets_in: float | None


class ActivityState(TypedDict):
    """What is asked or waited for; with ``wait`` (seconds until the next try) the browser counts down."""

    text: str
    wait: float | None


Mode = Literal["sandbox", "live", "none"]


class HeaderState(TypedDict):
    """The status line. ``mode`` "none": not connected. ``can_switch``: a form offers another connection."""

    mode: Mode
    address: str
    read_only: bool
    can_switch: bool
    running: int
    quota: QuotaState | None
    activity: ActivityState | None
    speed: float


def header_state(
    mode: Mode, address: str = "", *, read_only: bool = False, can_switch: bool = True, running: int = 0,
    remaining: int | None = None, limit: int | None = None, resets_in: float | None = None, activity: str = "",
    wait: float | None = None, speed: float = 1.0,
) -> HeaderState:  # fmt: skip
    """The state of a :class:`Header` from plain values.

    ``remaining`` is None while no answer has told the quota; then so are ``limit`` and ``resets_in`` (seconds).

    >>> header_state("sandbox", "127.0.0.1:8765", remaining=9, limit=10)["quota"]
    {'remaining': 9, 'limit': 10, 'resets_in': None}
    """
    return {
        "mode": mode, "address": address, "read_only": read_only, "can_switch": can_switch, "running": running,
        "quota": None if remaining is None else {"remaining": remaining, "limit": limit, "resets_in": resets_in},
        "activity": {"text": activity, "wait": wait} if activity else None, "speed": speed,
    }  # fmt: skip


def quota_text(quota: QuotaState | None) -> str:
    """What is left of the day's requests, in words.

    >>> quota_text({"remaining": 10140, "limit": 13000, "resets_in": 36060})
    '10,140 of 13,000 requests left today, resets in 10 h 1 min'
    """
    if quota is None:
        return "requests left today: not known yet"
    limit = quota["limit"]
    resets_in = quota["resets_in"]
    of_all = f" of {number(limit)}" if limit is not None else ""
    left = f"{number(quota['remaining'])}{of_all} requests left today"
    return left if resets_in is None else f"{left}, resets in {duration(resets_in)}"


class Header(Part[HeaderState]):
    """The status line (class ``codat-status``). Shows; sends no messages.

    ``speed`` is that of the server's clock against the wall's, for the count to the reset.
    """

    classes = ("codat-status",)
    files = ("header.js", "console.css", "header.css")

    @staticmethod
    def text(state: HeaderState) -> str:
        """The line as plain text."""
        activity = state["activity"]
        words = [
            "Codat",
            _BADGES[state["mode"]],
            "READ ONLY" if state["read_only"] else "",
            state["address"],
            count(state["running"], "operation") + " running" if state["running"] else "",
            quota_text(state["quota"]),
            _activity_text(activity) if activity else "",
        ]
        return " · ".join(word for word in words if word)


def _activity_text(activity: ActivityState) -> str:
    wait = activity["wait"]
    return activity["text"] if wait is None else f"{activity['text']}, trying again in {duration(wait)}"
