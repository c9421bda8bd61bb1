"""The strip of tabs below the console's work area.

Switching happens in the browser alone, so that it works while the kernel is busy: the strip writes ``data-tab`` on
the console around it, and ``console.css`` shows the panel whose class is ``codat-panel-<name>``. The kernel is told,
so that it can fill a panel when it is first looked at.
"""

from codat_notebook.widgets.part import Message, Part
from codat_notebook.words import number


def tabs_state(active: str = "operations", **counts: int) -> Message:
    """The console's tabs, the count of each by name where there is one; errors count in red.

    >>> [tab["label"] for tab in tabs_state(errors=2)["tabs"] if tab["count"]]
    ['Errors this session']
    """
    tabs = [
        {"name": name, "label": label, "count": counts.get(name), "tone": "bad" if name == "errors" else "idle"}
        for name, label in _LABELS.items()
        if name in ("operations", "errors") or name in counts
    ]
    return {"active": active, "tabs": tabs}


#: Every tab that ``console.css`` knows a panel for. The later ones appear once they are given a count (or 0).
_LABELS = {
    "operations": "Pull operations",
    "errors": "Errors this session",
    "freshness": "Freshness",
    "timeline": "Timeline",
    "requests": "Requests",
    "code": "Code",
}


class Tabs(Part):
    """A tab strip (class ``codat-tabs``): arrow keys, Home and End move, and show at once.

    State: ``tabs`` list of {``name``, ``label``, ``count`` int or None (0 and None show nothing), ``tone`` "bad" (red)
    or "idle"} · ``active`` the name first shown; later only a *change* of it moves the reader to another tab.
    Sends: {"type": "tab", "name"} when the reader switches.
    """

    classes = ("codat-tabs",)
    files = ("tabs.js", "tabs.css")

    @staticmethod
    def text(state: Message) -> str:
        """The tabs' names and counts, the active one in brackets."""
        return " | ".join(_tab_text(tab, state["active"]) for tab in state["tabs"])


def _tab_text(tab: Message, active: str) -> str:
    words = f"{tab['label']} {number(tab['count'])}" if tab["count"] else str(tab["label"])
    return f"[{words}]" if tab["name"] == active else words
