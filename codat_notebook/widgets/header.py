"""The console's first line: where we are connected, what may be done there, and what is left of the day's requests.

Whether a click reaches real customers must never be in doubt, so the sandbox and LIVE differ in word, colour and
form. Whatever takes time (asking, waiting for a retry) is said here too: no silent waiting.
"""

from typing import Literal, TypedDict

from codat_notebook.widgets.part import FromBrowser, Part
from codat_notebook.words import count, duration, number, seconds_between

_BADGES = {"sandbox": "SANDBOX", "live": "LIVE", "none": "NOT CONNECTED"}


class QuotaState(TypedDict):
    """What is left of the day's requests; ``limit`` and ``resets_at`` where Codat tells them."""

    remaining: int
    limit: int | None
    resets_at: str | None


class ActivityState(TypedDict):
    """What is asked or waited for, and ``until`` when: the server's time of the next try."""

    text: str
    until: str | None


class WatchState(TypedDict):
    """When the company on screen was last looked at (the server's time), and every how many real seconds it is (None:
    it is not watched); how many requests that took so far, and why the last one failed."""

    checked: str
    every: float | None
    looks: int
    problem: str | None


class Seen(FromBrowser, frozen=True):
    """A view of the console is on screen; said again and again while it is."""


Mode = Literal["sandbox", "live", "none"]


class HeaderState(TypedDict):
    """The status line. ``mode`` "none": not connected. ``can_switch``: a form offers another connection."""

    mode: Mode
    address: str
    read_only: bool
    can_switch: bool
    running: int
    watch: WatchState | None
    quota: QuotaState | None
    activity: ActivityState | None


#: The status line before anything is connected.
NOT_CONNECTED: HeaderState = {
    "mode": "none", "address": "", "read_only": False, "can_switch": True, "running": 0, "watch": None, "quota": None,
    "activity": None,
}  # fmt: skip


def quota_text(quota: QuotaState | None, now: str) -> str:
    """What is left of the day's requests, in words.

    >>> quota = {"remaining": 10140, "limit": 13000, "resets_at": "2026-11-24T00:00:00Z"}
    >>> quota_text(quota, "2026-11-23T13:59:00Z")
    '10,140 of 13,000 requests left today, resets in 10 h 1 min'
    """
    if quota is None:
        return "requests left today: not known yet"
    of_all = f" of {number(quota['limit'])}" if quota["limit"] is not None else ""
    left = seconds_between(now, quota["resets_at"]) if quota["resets_at"] else None
    resets = f", resets in {duration(left)}" if left is not None else ""
    return f"{number(quota['remaining'])}{of_all} requests left today{resets}"


class Header(Part[HeaderState]):
    """The status line (class ``codat-status``). It tells the kernel while it is on screen."""

    classes = ("codat-status",)
    files = ("header.js", "console.css", "header.css")
    messages = Seen

    @staticmethod
    def text(state: HeaderState, now: str) -> str:
        """The line as plain text."""
        activity = state["activity"]
        words = [
            "Codat",
            _BADGES[state["mode"]],
            "READ ONLY" if state["read_only"] else "",
            state["address"],
            count(state["running"], "operation") + " running" if state["running"] else "",
            quota_text(state["quota"], now),
            _activity_text(activity, now) if activity else "",
        ]
        return " · ".join(word for word in words if word)


def _activity_text(activity: ActivityState, now: str) -> str:
    left = seconds_between(now, activity["until"]) if activity["until"] else None
    return activity["text"] if left is None else f"{activity['text']}, trying again in {duration(left)}"
