"""What there is to know about one row of a table: all its fields, what went wrong, what Codat's checks found, its JSON.

The part stands beside its table, or in its place where there is little room. It is drawn from plain values; which row
it shows, and what is asked of Codat for it, is decided in :mod:`codat_notebook.widgets.details_presenter`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from codat_notebook.models.shared import ErrorValidationItem, ValidationResults
from codat_notebook.tables.column import number_text
from codat_notebook.widgets.part import Message, Part
from codat_notebook.words import count, duration

#: Findings of the checks that are sent, of errors and of warnings each.
MOST = 50
#: Nothing is shown.
CLOSED: Message = {"key": None}


def details_state(
    key: str,
    title: str,
    fields: Iterable[Message],
    *,
    status: tuple[str, str] | None = None,
    card: Message | None = None,
    checks: Message | None = None,
    json: str = "",
    seq: int = 0,
) -> Message:
    """The state of a :class:`Details`; see there for what each key is.

    >>> details_state("1", "invoices", [field("status", "Complete")])["fields"][0]["text"]
    'Complete'
    """
    return {
        "key": key, "title": title, "status": list(status) if status else None, "card": card,
        "fields": list(fields), "checks": checks, "json": json, "seq": seq,
    }  # fmt: skip


def field(name: str, value: Any, kind: str = "") -> Message:
    """One field: its name, its value in words, and what it is: "text", "time" (ISO, UTC), "id" (to copy) or "link".

    >>> field("isErrored", False)["text"], field("id", "c8d3")["kind"], field("completed", None)["text"]
    ('no', 'id', '')
    """
    if isinstance(value, datetime):
        return {"name": name, "text": value.isoformat(), "kind": "time"}
    if isinstance(value, bool) or type(value).__name__ == "bool_":  # numpy's booleans are no bool
        text = "yes" if value else "no"
    elif hasattr(value, "total_seconds"):
        text = duration(value.total_seconds())
    else:
        text = number_text(value) if isinstance(value, float) else "" if value is None else str(value)
    return {"name": name, "text": text, "kind": kind or _kind(name)}


def _kind(name: str) -> str:
    lower = name.lower()
    if lower.endswith(("url", "path")):
        return "link"
    return "id" if lower == "id" or name.endswith(("Id", "_id")) else "text"


def checks_state(status: str, results: ValidationResults | None = None, why: str = "") -> Message:
    """What is known of the checks: ``status`` "later" (it still runs), "loading", "failed" (``why``) or "ready".

    >>> checks_state("ready", ValidationResults())["errors"]
    []
    """
    found = results or ValidationResults()
    return {
        "status": status, "why": why, "errors": _items(found.errors), "warnings": _items(found.warnings),
        "more": [max(0, len(each) - MOST) for each in (found.errors, found.warnings)],
    }  # fmt: skip


def _items(items: Sequence[ErrorValidationItem]) -> list[Message]:
    return [
        {"message": item.message or "", "rule": item.validator_name or item.rule_id or "", "item": item.item_id or ""}
        for item in items[:MOST]
    ]


class Details(Part):
    """The details of one row (class ``codat-details``), nothing at all while none is chosen.

    State: ``key`` of the row, ``None`` where none is shown · ``title`` · ``status`` [word, tone] or None · ``card``
    what went wrong, as of :func:`~codat_notebook.widgets.notice.notice_item`, or None · ``fields`` list of {``name``,
    ``text``, ``kind``} · ``checks`` of :func:`checks_state`, or None where there is nothing to check · ``json`` text ·
    ``seq`` of the last message taken up.

    Sends: {"type": "close", "seq"} · {"type": "again", "seq"}: ask for the results of the checks once more.
    """

    classes = ("codat-details",)
    files = ("card.js", "details.js", "card.css", "details.css")

    @staticmethod
    def text(state: Message) -> str:
        """The title and one line a field; times in UTC."""
        if state.get("key") is None:
            return ""
        checks: Mapping[str, Any] = state["checks"] or {}
        found = [f"{count(len(checks[name]), name[:-1])}" for name in ("errors", "warnings") if checks.get(name)]
        lines = [f"{each['name']}: {each['text']}" for each in state["fields"] if each["text"]]
        return "\n".join([state["title"], *lines, *found])
