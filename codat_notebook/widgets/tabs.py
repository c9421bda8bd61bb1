"""The strip of tabs below the console's work area.

Switching happens in the browser, so that it works while the kernel is busy: the strip writes ``data-tab`` on the
console around it, and ``console.css`` shows the panel ``codat-panel-<name>``. The kernel is told, and fills it.
"""

from collections.abc import Mapping
from typing import Literal, TypedDict

from codat_notebook.models.secret import host
from codat_notebook.widgets.part import FromBrowser, Part


class TabState(TypedDict):
    """One tab. A ``count`` of 0 or None shows nothing; "bad" is red; one that is ``folded`` is shown by *More*."""

    name: str
    label: str
    count: int | None
    tone: Literal["bad", "idle"]
    folded: bool


class TabsState(TypedDict):
    """The strip. ``active`` is the name first shown; later only a *change* of it moves the reader to another tab."""

    active: str
    tabs: list[TabState]


class Tab(FromBrowser, frozen=True):
    """The reader switched."""

    name: str


#: The console's tabs while no company is picked, and of one.
PORTFOLIO = {
    "companies": "Companies", "freshness": "Freshness", "plan": "Plan", "runs": "Runs",
    "errors": "Errors this session", "requests": "Requests", "code": "Code",
}  # fmt: skip
#: Those for engineers, which the app folds away.
ENGINEERS = ("requests", "code")
LABELS = {
    "operations": "Pull operations",
    "errors": "Errors this session",
    "ready": "Ready?",
    "freshness": "Freshness",
    "timeline": "Timeline",
    "requests": "Requests",
    "code": "Code",
}


def tabs_state(active: str = "operations", labels: Mapping[str, str] = LABELS, **counts: int) -> TabsState:
    """The tabs with the count of each by name where there is one; errors and what is missing count in red.

    >>> [tab["label"] for tab in tabs_state(errors=2)["tabs"] if tab["count"]]
    ['Errors this session']
    """
    tabs: list[TabState] = [
        {
            "name": name,
            "label": label,
            "count": counts.get(name),
            "tone": "bad" if name in ("errors", "ready") else "idle",
            "folded": name in ENGINEERS and host() == "the app",
        }
        for name, label in labels.items()
    ]
    return {"active": active, "tabs": tabs}


class Tabs(Part[TabsState]):
    """A tab strip (class ``codat-tabs``): arrow keys, Home and End move, and show at once."""

    classes = ("codat-tabs",)
    files = ("tabs.js", "tabs.css")
    messages = Tab

    @staticmethod
    def text(state: TabsState, now: str) -> str:
        """The labels with their counts, the open one in brackets."""
        labels = {
            tab["name"]: f"{tab['label']} {tab['count']}" if tab["count"] else tab["label"] for tab in state["tabs"]
        }
        return " · ".join(f"[{label}]" if name == state["active"] else label for name, label in labels.items())
