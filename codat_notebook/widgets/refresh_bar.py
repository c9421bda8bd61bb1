"""The two buttons that start refreshes, and what a click will do before it is made: what it queues, what it costs,
what is in progress already, and what "all" includes.

The number on the button comes from the list of data types in the browser itself, so that it is right while the kernel
is busy, and the message carries exactly the types that were on screen. A click is sent once: the buttons rest until
the kernel's state answers it by its ``seq``.
"""

from typing import TypedDict

from codat_notebook.widgets.part import Click, FromBrowser, Part
from codat_notebook.widgets.pickers import CompanyName
from codat_notebook.words import number

#: What every refresh is, for people who wonder whether records move.
WHAT = "Asks Codat to read the source again. The records stay in Codat."


class ConnectionTypes(TypedDict):
    """What *Refresh all* queues on one connection."""

    platform: str
    types: list[str]


class BarState(TypedDict):
    """What the buttons offer.

    ``selected`` counts until the list of data types tells its own; ``total`` is how many types "all" is, where that is
    known; ``connection`` the platform's name if refreshes go through one only. ``blocked`` (why nothing may be queued)
    and ``busy`` (what is going on) disable the buttons and are shown; ``confirm`` is what "Refresh all" asks before it
    is sent, on LIVE. ``running`` are data types in progress already, which are attached to. ``products`` are those of
    the company that can be refreshed by themselves; ``caution`` is what its products say against refreshing data types.
    """

    company: CompanyName | None
    selected: list[str]
    total: int | None
    connection: str | None
    blocked: str | None
    busy: str | None
    confirm: str | None
    everything: list[ConnectionTypes]
    running: list[str]
    products: list[str]
    caution: str | None
    seq: int


class RefreshSelected(Click, frozen=True, tag="refresh"):
    """*Refresh selected*: of the company and the types that were on screen; of its ``product``, where one is chosen."""

    company: str = ""
    product: str = ""
    data_types: tuple[str, ...] = ()


class RefreshAll(Click, frozen=True):
    """*Refresh all* of the company that was on screen, or of its ``product``."""

    company: str = ""
    product: str = ""


class ChooseProduct(FromBrowser, frozen=True):
    """By whose settings the buttons refresh: those of a product of the company, or ("") the client's."""

    company: str = ""
    product: str = ""


#: The buttons before a company is picked.
NO_OFFER: BarState = {
    "company": None, "selected": [], "total": None, "connection": None, "blocked": None, "busy": None, "confirm": None,
    "everything": [], "running": [], "products": [], "caution": None, "seq": 0,
}  # fmt: skip


class RefreshBar(Part[BarState]):
    """The buttons "Refresh 4 selected" and "Refresh all" with a sentence (class ``codat-bar``; the buttons have
    the classes ``codat-refresh`` and ``codat-refresh-all``).

    Answer each message with a state that carries its ``seq``, also when it is refused.
    """

    classes = ("codat-bar",)
    files = ("refresh_bar.js", "refresh_bar.css")
    messages = RefreshSelected | RefreshAll | ChooseProduct

    @staticmethod
    def text(state: BarState) -> str:
        """What could be refreshed, or why nothing can."""
        if not state["company"]:
            return "Pick a company first."
        everything = f" {number(state['total'])}" if state["total"] is not None else ""
        offer = f"{len(state['selected'])} selected, or all{everything}, of {state['company']['name']}. {WHAT}"
        product = f" Or a product: {', '.join(state['products'])}." if state["products"] else ""
        return state["blocked"] or state["busy"] or f"{offer}{product} {state['caution'] or ''}".rstrip()
