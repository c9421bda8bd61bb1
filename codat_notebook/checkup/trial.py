"""The one refresh that shows what reading cannot: what the POST answers, when the history shows it, what a second gets.

Only ``doctor --write-probes`` comes here. One small data type is queued on one connection. The same POST is sent again
under its own key, which queues nothing where keys are honoured, and once under another key while the operation still
runs, which Codat refuses; before each it is read whether it does. Should it end just then, a second one is queued.
"""

import uuid
from typing import Any

from codat_notebook.checkup.evidence import told
from codat_notebook.checkup.judging import Verdict
from codat_notebook.checkup.probing import Desk, Sight
from codat_notebook.client import wire
from codat_notebook.client.queue_once import IN_PROGRESS
from codat_notebook.client.retrying import Flow
from codat_notebook.models.status import is_running

#: Small ones first.
_SMALL = ("company", "taxRates", "paymentMethods", "trackingCategories", "chartOfAccounts", "banking-accounts")


def refresh_once(desk: Desk, company: str) -> Flow[dict[str, Verdict]]:
    """Queue one data type of a company, and say what that showed; nothing where no type can be chosen."""
    history = yield from desk.ask("before", f"/companies/{company}/data/history", orderBy="-requested", pageSize="200")
    rows = [row for row in history.rows if row.get("status") == "Complete" and row.get("dataType") in _SMALL]
    if not rows:
        return {}
    chosen = min(rows, key=lambda row: _SMALL.index(row["dataType"]))
    keys = str(uuid.uuid4()), str(uuid.uuid4())
    first = yield from _post(desk, "queued", company, chosen, keys[0])
    found: dict[str, Verdict] = {}
    if first.status != 200 or not isinstance(first.document, dict):
        return found
    own = str(first.document.get("id"))
    shown = yield from desk.ask("shown", f"/companies/{company}/data/history", orderBy="-requested", pageSize="50")
    if shown.status == 200:
        there = any(row.get("id") == own for row in shown.rows)
        found["history-at-once"] = there, told("looked at once, {} rows", len(shown.rows))
    if (yield from _runs(desk, company, own)):
        again = yield from _post(desk, "again", company, chosen, keys[0])
        same = again.status == 200 and isinstance(again.document, dict) and again.document.get("id") == own
        found["keys-honoured"] = same, told("{}", again.status)
    if (yield from _runs(desk, company, own)):
        second = yield from _post(desk, "second", company, chosen, keys[1])
        named = IN_PROGRESS in str(second.document)
        evidence = told("{} with the exception" if named else "{} without the exception", second.status)
        found["in-progress-status"] = second.status == 400 and named, evidence
    return found


def _runs(desk: Desk, company: str, operation: str) -> Flow[bool]:
    seen = yield from desk.ask("running", wire.path("/companies/{c}/data/history/{o}", c=company, o=operation))
    row: Any = seen.document
    return isinstance(row, dict) and seen.status == 200 and is_running(str(row.get("status")), row.get("completed"))


def _post(desk: Desk, label: str, company: str, chosen: dict[str, Any], key: str) -> Flow[Sight]:
    path = wire.path("/companies/{c}/data/queue/{t}", c=company, t=chosen["dataType"])
    return (yield from desk.post(label, path, key, connectionId=str(chosen["connectionId"])))
