"""Choosing a company and one of its connections, and what state those connections are in.

The company field is a type-ahead over any number of companies: the browser waits 200 ms, the kernel searches on the
server, and an answer to an older text is never shown as the answer to a newer one. Ids can be pasted, alone or inside
a link. The connections stand beside it as a menu (what to refresh through) and as cards (what state each is in).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from codat_notebook.runs.context import CompanyFacts
from codat_notebook.widgets.part import Message, Part
from codat_notebook.words import ago, count, iso, number, seconds_between, short_id

#: As many results are sent and shown at once; the rest is a number.
MOST = 50
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def company_id(text: str) -> str | None:
    """The company id in a pasted text, be it alone or inside a link; None if there is none.

    >>> company_id("https://app.codat.io/companies/C8D3AF58-7011-47CE-B3F2-89FAF300EF6D/summary")
    'c8d3af58-7011-47ce-b3f2-89faf300ef6d'
    """
    found = _ID.search(text)
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


def search_results(text: str, found: Sequence[Mapping[str, Any]], total: int | None = None) -> Message:
    """A search's answer for a :class:`CompanyPicker`: ``found`` has ``id``, ``name`` and maybe ``note`` in each.

    ``total`` is how many companies match on the server; by default as many as were found.
    """
    rows = [{key: row[key] for key in ("id", "name", "note") if row.get(key)} for row in found[:MOST]]
    total = len(found) if total is None else total
    return {"text": text, "status": "ready", "results": rows, "more": max(0, total - len(rows))}


def portal_url(company_id: str) -> str:
    """The company's page in Codat's portal.

    >>> portal_url("c8d3af58-7011-47ce-b3f2-89faf300ef6d")
    'https://app.codat.io/companies/c8d3af58-7011-47ce-b3f2-89faf300ef6d/summary'
    """
    return f"https://app.codat.io/companies/{quote(company_id, safe='')}/summary"


class CompanyPicker(Part):
    """A combobox for the company (class ``codat-company``).

    State: ``company`` None or {``id``, ``name``}, the picked one · ``tags`` list of [name, value] · ``portal`` None or
    the address of its page in Codat's portal; None with a company says that there is none · ``loading`` bool, its data
    is being read · ``recent`` list of {``id``, ``name``, ``note``?}, offered first, and before anything is typed ·
    ``search`` None or {``text`` that was searched, ``status`` "searching", "ready" or "error", ``results`` (at most 50
    as in ``recent``), ``more`` matches not sent, ``error`` text}, made by :func:`search_results` · ``error`` None or a
    text shown under the field (not an id, unknown company) · ``seq`` of the last "pick" that was answered, with success
    or ``error``.

    Sends: {"type": "search", "text", "seq"}: answer with ``search`` of the same ``text``; the first companies for ""
    · {"type": "pick", "id", "seq"}: once per choice.
    """

    classes = ("codat-company",)
    files = ("company.js", "pickers.css")

    @staticmethod
    def text(state: Message) -> str:
        """The picked company, or what stands in the way."""
        company = state.get("company")
        words = f"Company: {company['name']} ({company['id']})" if company else "Company: none picked"
        return f"{words}. {state['error']}" if state.get("error") else words


def company_state(
    company: Mapping[str, str] | None = None,
    *,
    tags: Mapping[str, str] | None = None,
    portal: str | None = None,
    loading: bool = False,
    search: Message | None = None,
    recent: Iterable[Mapping[str, str]] = (),
    error: str | None = None,
    seq: int = 0,
) -> Message:
    """The state of a :class:`CompanyPicker`; see there for what each key is."""
    return {
        "company": {"id": company["id"], "name": company["name"]} if company else None,
        "tags": [list(pair) for pair in (tags or {}).items()],
        "portal": portal,
        "loading": loading,
        "search": search,
        "recent": [dict(row) for row in recent],
        "error": error,
        "seq": seq,
    }


class ConnectionPicker(Part):
    """A menu of the company's connections, all of them by default (class ``codat-connection``).

    State: ``company`` id or None · ``connections`` list of {``id``, ``platform``, ``words``} · ``value`` id or None
    for all; the reader's choice stands until the company or ``value`` itself changes · ``disabled`` None or the
    reason in words. Sends: {"type": "connection", "id" or None for all}.
    """

    classes = ("codat-connection",)
    files = ("connection.js", "pickers.css")

    @staticmethod
    def text(state: Message) -> str:
        """The connection through which data would be refreshed."""
        chosen = [row["platform"] for row in state["connections"] if row["id"] == state["value"]]
        return f"Connection: {chosen[0] if chosen else 'all ' + number(len(state['connections']))}"


class ConnectionCards(Part):
    """Every connection with its platform and its state in words, and the link for a relink (class
    ``codat-connections``). Sends nothing: copying happens in the browser.

    State: ``status`` "none" (no company), "loading", "ready" or "error" · ``error`` text · ``connections`` list of
    {``id``, ``platform``, ``words``, ``tone`` "ok", "warn", "bad" or "idle", ``link_url`` or None, ``url`` or None,
    ``created`` and ``last`` ISO or None, ``errors`` list of {``when`` ISO or None, ``what``, ``why``}}, made by
    :func:`connection_cards`; with ``link_url`` the card itself offers "Copy relink URL". A click opens the rest.
    """

    classes = ("codat-connections",)
    files = ("connection_cards.js", "pickers.css")

    @staticmethod
    def text(state: Message) -> str:
        """One line a connection."""
        return "\n".join(f"{row['platform']}: {row['words']}" for row in state["connections"])


def connection_state(
    connections: Iterable[Mapping[str, str]] = (),
    *,
    company: str | None = None,
    value: str | None = None,
    disabled: str | None = None,
) -> Message:
    """The state of a :class:`ConnectionPicker`; ``connections`` may be cards: id, platform and words are taken."""
    rows = [{key: row[key] for key in ("id", "platform", "words") if key in row} for row in connections]
    return {"company": company, "connections": rows, "value": value, "disabled": disabled}


def cards_state(cards: Iterable[Message] = (), *, status: str = "none", error: str = "") -> Message:
    """The state of :class:`ConnectionCards`; ``cards`` come from :func:`connection_cards`."""
    return {"status": status, "error": error, "connections": list(cards)}


def company_cards(facts: CompanyFacts, now: datetime) -> list[Message]:
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


def connection_cards(connections: Iterable[Mapping[str, Any]], now: str) -> list[Message]:
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
            "tone": _TONES.get(str(row.get("status")), "idle"),
            "link_url": row.get("link_url") if row.get("status") in _RELINK else None,
            "url": row.get("link_url") or None,
            "created": iso(row.get("created")),
            "last": iso(row.get("last_sync")),
            "errors": [{**each, "when": iso(each.get("when"))} for each in row.get("errors") or ()],
        }
        for row, name in zip(rows, names, strict=True)
    ]


_TONES = {"Linked": "ok", "PendingAuth": "warn", "Deauthorized": "bad", "Unlinked": "idle"}
_RELINK = ("PendingAuth", "Deauthorized", "Unlinked")
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
