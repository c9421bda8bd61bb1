"""Choosing a company and one of its connections, and what state those connections are in.

The company field is a type-ahead over any number of companies: the browser waits 200 ms, the kernel searches on the
server, and an answer to an older text is never shown as the answer to a newer one. Ids can be pasted, alone or inside
a link. The connections stand beside it as a menu (what to refresh through) and as cards (what state each is in).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict
from urllib.parse import quote

from codat_notebook.models.status import can_be_relinked, tone
from codat_notebook.models.vocabulary import ID
from codat_notebook.runs.context import CompanyFacts
from codat_notebook.widgets.part import Click, FromBrowser, Part
from codat_notebook.words import ago, count, iso, number, seconds_between, short_id

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

    ``tags`` are pairs of name and value, ``portal`` the address of the company's page in Codat's portal (None with a
    company says that there is none), ``recent`` companies are offered before anything is typed, and ``error`` stands
    under the field.
    """

    company: CompanyName | None
    tags: list[list[str]]
    portal: str | None
    loading: bool
    search: SearchState | None
    recent: list[CompanyName]
    error: str | None
    seq: int


class Search(Click, frozen=True):
    """Answer with ``search`` of the same ``text``; the first companies for ""."""

    text: str = ""


class Pick(Click, frozen=True):
    """A company was chosen; answer with its ``seq``, also where it could not be read."""

    id: str = ""


class ConnectionChoice(TypedDict):
    """A connection in the menu."""

    id: str
    platform: str
    words: str


class ConnectionState(TypedDict):
    """The menu of connections; the reader's choice stands until ``company`` or ``value`` (None: all) changes."""

    company: str | None
    connections: list[ConnectionChoice]
    value: str | None
    disabled: str | None


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
    """The cards of a company's connections; "none": no company."""

    status: Literal["none", "loading", "ready", "error"]
    error: str
    connections: list[ConnectionCard]


def company_id(text: str) -> str | None:
    """The company id in a pasted text, be it alone or inside a link; None if there is none.

    >>> company_id("https://app.codat.io/companies/C8D3AF58-7011-47CE-B3F2-89FAF300EF6D/summary")
    'c8d3af58-7011-47ce-b3f2-89faf300ef6d'
    """
    found = ID.search(text)
    return found[0].lower() if found else None


def id_problem(text: str) -> str | None:
    """What is wrong with a text that was meant as an id and is none; None for ids, and for what reads as a name.

    >>> id_problem("c8d3af58-7011-47ce-b3f2-89faf300ef6")
    'Not a company id: 35 characters, an id has 36.'
    """
    text = text.strip()
    if company_id(text) or not re.fullmatch(r"[0-9a-fA-F-]{16,}", text):
        return None
    if len(text) == 36:
        return "Not a company id: its dashes do not stand as in 8-4-4-4-12."
    return f"Not a company id: {len(text)} characters, an id has 36."


def search_results(text: str, found: Sequence[Mapping[str, Any]], total: int | None = None) -> SearchState:
    """A search's answer for a :class:`CompanyPicker`: ``found`` has ``id``, ``name`` and maybe ``note`` in each.

    ``total`` is how many companies match on the server; by default as many as were found.
    """
    rows = [_company(row) for row in found[:MOST]]
    total = len(found) if total is None else total
    return {"text": text, "status": "ready", "results": rows, "more": max(0, total - len(rows))}


def _company(row: Mapping[str, Any]) -> CompanyName:
    name: CompanyName = {"id": row["id"], "name": row["name"]}
    if row.get("note"):
        name["note"] = row["note"]
    return name


def portal_url(company_id: str) -> str:
    """The company's page in Codat's portal.

    >>> portal_url("c8d3af58-7011-47ce-b3f2-89faf300ef6d")
    'https://app.codat.io/companies/c8d3af58-7011-47ce-b3f2-89faf300ef6d/summary'
    """
    return f"https://app.codat.io/companies/{quote(company_id, safe='')}/summary"


class CompanyPicker(Part[CompanyState]):
    """A combobox for the company (class ``codat-company``)."""

    classes = ("codat-company",)
    files = ("company.js", "pickers.css")
    messages = Search | Pick

    @staticmethod
    def text(state: CompanyState) -> str:
        """The picked company, or what stands in the way."""
        company = state.get("company")
        words = f"Company: {company['name']} ({company['id']})" if company else "Company: none picked"
        return f"{words}. {state['error']}" if state.get("error") else words


def company_state(
    company: CompanyName | None = None, *, tags: Mapping[str, str] | None = None, portal: str | None = None,
    loading: bool = False, search: SearchState | None = None, recent: Iterable[CompanyName] = (),
    error: str | None = None, seq: int = 0,
) -> CompanyState:  # fmt: skip
    """The state of a :class:`CompanyPicker`."""
    return {
        "company": {"id": company["id"], "name": company["name"]} if company else None,
        "tags": [list(pair) for pair in (tags or {}).items()], "portal": portal, "loading": loading, "search": search,
        "recent": list(recent), "error": error, "seq": seq,
    }  # fmt: skip


class ConnectionPicker(Part[ConnectionState]):
    """A menu of the company's connections, all of them by default (class ``codat-connection``)."""

    classes = ("codat-connection",)
    files = ("connection.js", "pickers.css")
    messages = ChooseConnection

    @staticmethod
    def text(state: ConnectionState) -> str:
        """The connection through which data would be refreshed."""
        chosen = [row["platform"] for row in state["connections"] if row["id"] == state["value"]]
        return f"Connection: {chosen[0] if chosen else 'all ' + number(len(state['connections']))}"


class ConnectionCards(Part[CardsState]):
    """Every connection with its platform and its state in words, and the link for a relink (class
    ``codat-connections``). Sends nothing: copying happens in the browser.

    A click on a card opens the rest.
    """

    classes = ("codat-connections",)
    files = ("connection_cards.js", "pickers.css")

    @staticmethod
    def text(state: CardsState) -> str:
        """One line a connection."""
        return "\n".join(f"{row['platform']}: {row['words']}" for row in state["connections"])


def connection_state(
    connections: Iterable[ConnectionChoice] = (),
    *,
    company: str | None = None,
    value: str | None = None,
    disabled: str | None = None,
) -> ConnectionState:
    """The state of a :class:`ConnectionPicker`; ``connections`` may be cards: id, platform and words are taken."""
    rows: list[ConnectionChoice] = [
        {"id": row["id"], "platform": row["platform"], "words": row["words"]} for row in connections
    ]
    return {"company": company, "connections": rows, "value": value, "disabled": disabled}


def cards_state(
    cards: Iterable[ConnectionCard] = (),
    *,
    status: Literal["none", "loading", "ready", "error"] = "none",
    error: str = "",
) -> CardsState:
    """The state of :class:`ConnectionCards`; ``cards`` come from :func:`connection_cards`."""
    return {"status": status, "error": error, "connections": list(cards)}


def company_cards(facts: CompanyFacts, now: datetime) -> list[ConnectionCard]:
    """The cards of a company's connections, linked ones first."""
    return connection_cards(_records(facts), now.isoformat())


def _records(facts: CompanyFacts) -> list[dict[str, Any]]:
    """The connections as plain values, linked ones first."""
    ordered = sorted(facts.connections.values(), key=lambda c: (c.status != "Linked", c.platform_name))
    return [
        {
            "id": connection.id,
            "platform_name": connection.platform_name,
            "source_type": connection.source_type,
            "status": connection.status,
            "last_sync": connection.last_sync,
            "link_url": connection.link_url,
            "created": connection.created,
            "errors": [
                {"when": each.errored_on_utc, "what": each.status_text or each.status_code, "why": each.error_message}
                for each in connection.data_connection_errors or ()
                if each.status != "Resolved" and each.resolved_on_utc is None
            ],
        }
        for connection in ordered
    ]


def connection_cards(connections: Iterable[Mapping[str, Any]], now: str) -> list[ConnectionCard]:
    """A card for each connection: ``id``, ``platform_name``, ``source_type``, ``status``, ``last_sync``, ``link_url``.

    The words name the state; the tone only colours it. A status that nobody knows is shown as it is. Where several
    connections are of one platform, the start of the id tells them apart.
    """
    rows = [dict(row) for row in connections]
    names = [str(row.get("platform_name") or "Unknown platform") for row in rows]
    return [
        {
            "id": row["id"],
            "platform": f"{name} {short_id(row['id'])}" if names.count(name) > 1 else name,
            "words": _card_words(row, now),
            "tone": tone(str(row.get("status"))),
            "link_url": row.get("link_url") if can_be_relinked(str(row.get("status"))) else None,
            "url": row.get("link_url") or None,
            "created": iso(row.get("created")),
            "last": iso(row.get("last_sync")),
            "errors": [
                {"when": iso(each["when"]), "what": each["what"], "why": each["why"]}
                for each in row.get("errors") or ()
            ],
        }
        for row, name in zip(rows, names, strict=True)
    ]


_STATUS_WORDS = {"PendingAuth": "waiting for the customer to link"}


def _card_words(row: Mapping[str, Any], now: str) -> str:
    status = str(row.get("status") or "state unknown")
    age = seconds_between(row.get("last_sync"), now) if status == "Linked" else None
    words = [
        str(row.get("source_type") or "").lower(),
        _STATUS_WORDS.get(status, status.lower()),
        f"synced {ago(age)}" if age is not None else "",
        count(len(row.get("errors") or ()), "error") if row.get("errors") else "",
    ]
    return ", ".join(word for word in words if word)
