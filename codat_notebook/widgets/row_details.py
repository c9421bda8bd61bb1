"""What the details of a row say: functions from a row of a table (and the operation behind it) to the part's state.

Fields carry Codat's own names, so that a reader finds them in Codat's documentation and in an engineer's code. What
went wrong is the same card as in the notices.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from codat_notebook.models import vocabulary
from codat_notebook.models.instants import instant
from codat_notebook.models.shared import PullOperation
from codat_notebook.runs.records import Subject, from_operation
from codat_notebook.tables.column import Row, tone_of
from codat_notebook.widgets.details import details_state, field
from codat_notebook.widgets.notice import notice_item, record_item
from codat_notebook.widgets.part import Message

#: Fields of an operation that are times.
_TIMES = ("requested", "completed")


def operation_details(operation: PullOperation, row: Row, subject: Subject, now: datetime) -> Message:
    """A pull operation: every field as Codat sent it, its platform and how long it took, and the remedy of a failure.

    ``row`` is its row in the table, ``subject`` what is known of its connection, ``now`` the server's time.
    """
    sent = {name: value for name, value in msgspec.to_builtins(operation).items() if name != "(notes)"}
    read = {**sent, **{name: instant(sent[name]) or sent[name] for name in _TIMES}}
    fields = [field(name, value) for name, value in read.items() if value is not None]
    extra = {
        "platform": subject.platform,
        "duration": _known(row.get("duration")),
        "not as documented": "; ".join(operation.unread),
    }
    failed = vocabulary.is_failed(operation.status)
    ended = instant(operation.completed) or now
    return details_state(
        operation.id,
        f"{operation.data_type} from {subject.platform}" if subject.platform else operation.data_type,
        [*fields, *(field(name, value) for name, value in extra.items() if value)],
        status=(operation.status or "No status", tone_of(operation.status)),
        card=record_item(from_operation(operation, ended, subject), operation.id) if failed else None,
        json=json.dumps(sent, indent=2, ensure_ascii=False),
    )


def error_details(key: str, row: Row) -> Message:
    """A row of ``session.errors``: the card that the notice showed, and every field."""
    known = {name: _known(value) for name, value in row.items()}
    card = notice_item(
        key,
        known["what"],
        why=known["why"] or "",
        to_do=known["action"] or "",
        when=_iso(known["time"]),
        details=[known["status"]] if str(known["status"] or "").isdigit() else [],
        correlation_id=known["correlation_id"],
        link_url=known["link_url"],
    )
    status = str(known["status"] or "")
    return details_state(
        key,
        known["what"],
        _fields(known, but=("what", "why", "action")),
        status=(status, "bad") if status else None,
        card=card,
    )


def request_details(key: str, row: Row) -> Message:
    """A row of ``session.requests``: every field."""
    known = {name: _known(value) for name, value in row.items()}
    status = known["status"]
    tone = "bad" if status is None or status >= 400 else "ok"
    return details_state(key, known["call"] or "", _fields(known), status=(str(status or "No answer"), tone))


def _fields(known: Mapping[str, Any], but: tuple[str, ...] = ()) -> list[Message]:
    return [field(name, value) for name, value in known.items() if value not in (None, "") and name not in but]


def _known(value: Any) -> Any:
    """A frame's value, ``None`` where it is missing."""
    import pandas as pd

    return None if value is None or value is pd.NA or value is pd.NaT or value != value else value


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
