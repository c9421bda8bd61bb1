"""Choosing a company and one of its connections, and what state those connections are in.

The company field is a type-ahead over any number of companies: the browser waits 200 ms, the kernel searches on the
server, and an answer to an older text is never shown as the answer to a newer one. Ids can be pasted, alone or inside
a link. The connections stand beside it as a menu (what to refresh through) and as cards (what state each is in).
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, NotRequired, TypedDict
from urllib.parse import quote

from codat_notebook.models.shared import Company, Connection
from codat_notebook.models.status import can_be_relinked, plain_status, tone
from codat_notebook.models.vocabulary import ID
from codat_notebook.widgets.part import Click, FromBrowser, Part
from codat_notebook.widgets.table import ExportAs, StopExport
from codat_notebook.words import ago, count, iso, seconds_between, short_id

#: As many results are sent and shown at once; the rest is a number.
MOST = 50


class CompanyName(TypedDict):
    """A company by its id, and what it is called."""

    id: str
    name: str
    note: NotRequired[str]


class SearchState(TypedDict):
    """A search's answer; ``more`` companies match that are not sent."""

    text: str
    status: Literal["searching", "ready", "error"]
    results: list[CompanyName]
    more: int
    error: NotRequired[str]


class CompanyState(TypedDict):
    """The company field.

    ``tags`` are pairs of name and value, ``portal`` the address of the company's page in Codat's portal (None: it has
    none), ``recent`` companies are offered before anything is typed, its parent and subsidiaries first. ``error``
    stands under the field, and what was ``typed`` in it, to be mended. ``opened``: a run is, in place of the list;
    ``run`` is by what the address finds the one on screen.
    """

    company: CompanyName | None
    tags: list[list[str]]
    portal: str | None
    loading: bool
    search: SearchState | None
    recent: list[CompanyName]
    error: str | None
    typed: str | None
    opened: bool
    run: str | None
    seq: int


class Search(Click, frozen=True):
    """Answer with ``search`` of the same ``text``; the first companies for ""."""

    text: str = ""


class Pick(Click, frozen=True):
    """A company was chosen, or ("") none: all are shown. Answer with its ``seq``, also where it could not be read."""

    id: str = ""


class OpenRun(Click, frozen=True):
    """Open the run of the journal of this name: the browser's Back or Forward leads to it."""

    name: str = ""


class ReadAgain(Click, frozen=True, tag="read"):
    """Read the company on screen again, at once."""


class ConnectionChoice(TypedDict):
    """A connection in the menu: its state in words, and when it was ``synced`` last where it is linked."""

    id: str
    platform: str
    words: str
    synced: str | None


class ConnectionState(TypedDict):
    """The menu of connections; the reader's choice stands until ``company`` or ``value`` (None: all) changes."""

    company: str | None
    connections: list[ConnectionChoice]
    value: str | None


class ChooseConnection(FromBrowser, frozen=True, tag="connection"):
    """One connection, or all of them."""

    id: str | None


class DataError(TypedDict):
    """An error of a connection that Codat reports."""

    when: str | None
    what: str | None
    why: str | None


class ConnectionCard(ConnectionChoice):
    """A connection; with ``link_url`` the card itself offers the link to relink, ``url`` is in what a click opens."""

    tone: str
    link_url: str | None
    url: str | None
    created: str | None
    last: str | None
    errors: list[DataError]


class CardsState(TypedDict):
    """The cards of a company's connections; "none": no company. ``empty`` is why a company has none, where known."""

    status: Literal["none", "loading", "ready"]
    connections: list[ConnectionCard]
    empty: str | None


def id_problem(text: str) -> str | None:
    """What is wrong with a text that was meant as an id and is none; None for ids, and for what reads as a name.

    >>> id_problem("c8d3af58-7011-47ce-b3f2-89faf300ef6")
    'Not a company id: 35 characters, an id has 36.'
    """
    text = text.strip()
    if ID.search(text) or not re.fullmatch(r"[0-9a-fA-F-]{16,}", text):
        return None
    if len(text) == 36:
        return "Not a company id: the dashes are in the wrong places (8-4-4-4-12)."
    return f"Not a company id: {len(text)} characters, an id has 36."


def named(companies: Iterable[Company]) -> list[CompanyName]:
    """Companies as they are offered, with their platforms."""
    return [
        {"id": each.id, "name": each.name, "note": ", ".join(c.platform_name for c in each.data_connections or ())}
        for each in companies
    ]


def search_results(text: str, companies: Sequence[CompanyName], total: int = 0) -> SearchState:
    """A search's answer for a :class:`CompanyPicker`; ``total`` companies match on the server, or only these."""
    rows = list(companies[:MOST])
    return {"text": text, "status": "ready", "results": rows, "more": max(total, len(companies)) - len(rows)}


def no_answer(text: str) -> SearchState:
    """A search's answer where none came."""
    return {**search_results(text, []), "status": "error", "error": "No answer"}


def portal_url(company_id: str) -> str:
    """The company's page in Codat's portal.

    >>> portal_url("c8d3af58-7011-47ce-b3f2-89faf300ef6d")
    'https://app.codat.io/companies/c8d3af58-7011-47ce-b3f2-89faf300ef6d/summary'
    """
    return f"https://app.codat.io/companies/{quote(company_id, safe='')}/summary"


class CompanyPicker(Part[CompanyState]):
    """A combobox for the company (class ``codat-company``)."""

    classes = ("codat-company",)
    files = ("popover.js", "export.js", "company.js", "pickers.css")
    messages = Search | Pick | OpenRun | ReadAgain | ExportAs | StopExport

    @staticmethod
    def text(state: CompanyState, now: str) -> str:
        """The picked company, or what stands in the way."""
        company = state.get("company")
        words = f"Company: {company['name']} ({company['id']})" if company else "Company: none picked"
        return f"{words}. {state['error']}" if state.get("error") else words


class ConnectionPicker(Part[ConnectionState]):
    """A menu of the company's connections, all of them by default (class ``codat-connection``)."""

    classes = ("codat-connection",)
    files = ("connection.js", "pickers.css")
    messages = ChooseConnection


class ConnectionCards(Part[CardsState]):
    """Every connection with its platform, its state in words, and the link for a relink; a click on a card opens the
    rest (class ``codat-connections``). Sends nothing: copying happens in the browser."""

    classes = ("codat-connections",)
    files = ("connection_cards.js", "pickers.css")

    @staticmethod
    def text(state: CardsState, now: str) -> str:
        """One line a connection."""
        ages = {row["id"]: seconds_between(row["synced"], now) for row in state.get("connections", ())}
        synced = {id: f", synced {ago(age)}" if age is not None else "" for id, age in ages.items()}
        return "\n".join(
            f"{row['platform']}: {row['words']}{synced[row['id']]}" for row in state.get("connections", ())
        )


def connection_state(
    connections: Iterable[ConnectionChoice] = (), *, company: str | None = None, value: str | None = None
) -> ConnectionState:
    """The state of a :class:`ConnectionPicker`; ``connections`` may be cards: what the menu needs is taken."""
    rows: list[ConnectionChoice] = [
        {"id": row["id"], "platform": row["platform"], "words": row["words"], "synced": row["synced"]}
        for row in connections
    ]
    return {"company": company, "connections": rows, "value": value}


def connection_cards(connections: Iterable[Connection]) -> list[ConnectionCard]:
    """A card for each connection: what somebody has to mend first, then linked ones.

    The words name the state; the tone only colours it. A status that nobody knows is shown as it is. Where several
    connections are of one platform, the start of the id tells them apart.
    """
    ordered = sorted(connections, key=lambda e: (tone(e.status) != "bad", e.status != "Linked", e.platform_name))
    often = Counter(connection.platform_name for connection in ordered)
    return [_card(connection, often[connection.platform_name] > 1) for connection in ordered]


def _card(connection: Connection, one_of_several: bool) -> ConnectionCard:
    name, status = connection.platform_name or "Unknown platform", connection.status
    errors: list[DataError] = [
        {"when": iso(each.errored_on_utc), "what": each.status_text or each.status_code, "why": each.error_message}
        for each in connection.data_connection_errors or ()
        if each.is_active
    ]
    words = [
        (connection.source_type or "").lower(),
        plain_status(status).lower() or "state unknown",
        count(len(errors), "error") if errors else "",
    ]
    return {
        "id": connection.id, "platform": f"{name} {short_id(connection.id)}" if one_of_several else name,
        "words": ", ".join(word for word in words if word), "tone": tone(status),
        "synced": iso(connection.last_sync) if connection.is_linked else None,
        "link_url": connection.link_url if can_be_relinked(status) else None, "url": connection.link_url or None,
        "created": iso(connection.created), "last": iso(connection.last_sync), "errors": errors,
    }  # fmt: skip
