"""The two buttons that start refreshes, and what a click will do before it is made: what is asked of whom, what it
costs, what is in progress already, and what "all" is.

The number on the button comes from the list of data types in the browser itself, so that it is right while the kernel
is busy, and the message carries exactly the types that were on screen. A click is sent once: the buttons rest until
the kernel's state answers it by its ``seq``.
"""

from collections.abc import Iterable, Mapping

from codat_notebook.widgets.part import Message, Part
from codat_notebook.words import number

#: What every refresh is, for people who wonder whether records move.
WHAT = "Asks Codat to read the source again. The records stay in Codat."


def bar_state(
    company: Mapping[str, str] | None = None,
    *,
    selected: Iterable[str] = (),
    total: int | None = None,
    connection: str | None = None,
    blocked: str | None = None,
    busy: str | None = None,
    confirm: str | None = None,
    everything: Iterable[Mapping[str, object]] = (),
    running: Iterable[str] = (),
    what: str = WHAT,
    seq: int = 0,
) -> Message:
    """The state of a :class:`RefreshBar`; see there for what each key is."""
    return {
        "company": {"id": company["id"], "name": company["name"]} if company else None,
        "selected": list(selected),
        "total": total,
        "connection": connection,
        "blocked": blocked,
        "busy": busy,
        "confirm": confirm,
        "everything": [dict(row) for row in everything],
        "running": list(running),
        "what": what,
        "seq": seq,
    }


class RefreshBar(Part):
    """The buttons "Refresh 4 selected" and "Refresh all" with a sentence (class ``codat-bar``; the buttons have
    the classes ``codat-refresh`` and ``codat-refresh-all``).

    State: ``company`` None or {``id``, ``name``} · ``selected`` keys, used until the list of data types tells its own ·
    ``total`` how many types "all" is, or None · ``connection`` the platform's name if refreshes go through one only ·
    ``blocked`` None or why nothing may be queued ("This session is read-only.") · ``busy`` None or what is going on
    ("Queueing 4 data types…"); both disable the buttons and are shown · ``confirm`` None, or what "Refresh all" asks
    before it is sent (on LIVE) · ``everything`` what "all" is: list of {``platform``, ``types``}, one a connection ·
    ``running`` keys of data types in progress already, which are attached to · ``what`` the sentence · ``seq`` of the
    last message that was taken up.

    Sends: {"type": "refresh", "company", "data_types", "seq"} · {"type": "refresh_all", "company", "seq"}. Answer each
    with a state that carries its ``seq``, also when it is refused.
    """

    classes = ("codat-bar",)
    files = ("refresh_bar.js", "refresh_bar.css")

    @staticmethod
    def text(state: Message) -> str:
        """What could be refreshed, or why nothing can."""
        if not state["company"]:
            return "Pick a company first."
        everything = f" {number(state['total'])}" if state["total"] is not None else ""
        offer = f"{len(state['selected'])} selected, or all{everything}, of {state['company']['name']}. {state['what']}"
        return str(state["blocked"] or state["busy"] or offer)
