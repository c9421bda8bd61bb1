"""Cards that say what went wrong: what, to what, why, what to do, and the correlation id that support asks for.

Exceptions in click handlers and background tasks vanish in Jupyter; here is where they are seen. The cards are the
newest few of what ``session.errors`` keeps.
"""

from collections.abc import Iterable, Sequence

from codat_notebook.runs.records import ErrorRecord
from codat_notebook.widgets.part import Message, Part
from codat_notebook.words import iso, number, utc

#: Cards shown at once; the others are counted.
MOST = 3


def notice_item(
    key: str,
    what: str,
    *,
    subject: str = "",
    why: str = "",
    to_do: str = "",
    when: str | None = None,
    details: Iterable[str] = (),
    correlation_id: str | None = None,
    tone: str = "bad",
    action: str | None = None,
    link_url: str | None = None,
) -> Message:
    """One card of a :class:`Notice`: "**subject** what, when, details", then why, then what to do.

    ``tone`` is "bad", "warn" or "info"; ``action`` the words of a button such as "Try again".

    >>> notice_item("1", "was not accepted", subject="Refresh all", correlation_id="7eb4")["support"]
    'Refresh all was not accepted\\nCorrelation id: 7eb4'
    """
    head = f"{subject} {what}".strip()
    lines = [
        head,
        f"When: {when}" if when else "",
        *details,
        why,
        to_do,
        f"Correlation id: {correlation_id}" if correlation_id else "",
    ]
    return {
        "key": key,
        "tone": tone,
        "subject": subject,
        "what": what,
        "when": iso(when),
        "details": list(details),
        "why": why,
        "do": to_do,
        "correlation_id": correlation_id,
        "action": action,
        "link": link_url,
        "support": "\n".join(line for line in lines if line),
    }


def record_item(record: ErrorRecord, key: str = "") -> Message:
    """The card of an error that the session remembers."""
    return notice_item(
        key or f"{record.what}@{record.time.isoformat()}",
        record.what,
        why=record.why,
        to_do=record.action,
        when=record.time.isoformat(),
        details=[record.status] if record.status and record.status.isdigit() else [],
        correlation_id=record.correlation_id,
        link_url=record.link_url,
    )


def notice_state(items: Sequence[Message], seq: int = 0) -> Message:
    """The state of a :class:`Notice`: the first few of ``items`` (newest first) and how many more there are.

    >>> notice_state([notice_item(str(n), "failed") for n in range(5)])["more"]
    2
    """
    return {"items": list(items[:MOST]), "more": max(0, len(items) - MOST), "seq": seq}


class Notice(Part):
    """Cards for errors and warnings (class ``codat-notice``), nothing at all while there are none.

    State: ``items`` at most three of {``key``, ``tone`` "bad", "warn" or "info", ``subject`` in bold, ``what``
    happened to it, ``when`` ISO or None, ``details`` dimmed texts, ``why``, ``do``, ``correlation_id`` or None,
    ``action`` a button's words or None, ``link`` relink URL or None, ``support`` the text that "Copy for support"
    copies}, made by :func:`notice_item` · ``more`` items not sent · ``seq`` of the last message taken up.

    Sends: {"type": "dismiss", "key", "seq"} · {"type": "action", "key", "seq"} · {"type": "errors"}: show them all.
    """

    classes = ("codat-notice",)
    files = ("card.js", "notice.js", "card.css", "notice.css")

    @staticmethod
    def text(state: Message) -> str:
        """Each card in a few lines; times in UTC."""
        more = [f"and {number(state['more'])} more"] if state["more"] else []
        return "\n\n".join([utc(item["support"]) for item in state["items"]] + more)
