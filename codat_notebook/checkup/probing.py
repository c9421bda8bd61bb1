"""What the doctor asks: a fixed list of GETs, at most sixty, as a flow; and the one refresh, where somebody wants that.

A :class:`Prober` sends them one by one, without repeats, and keeps what came. It stops by itself where going on is no
use or not right: the key is refused, the plan has ended, Codat asks to slow down, or little of the day's quota is left.

The refresh (``doctor --write-probes``) shows what reading cannot: what the POST answers, when the history shows it,
what a second gets. One small data type is queued on one connection. The same POST is sent again under its own key,
which queues nothing where keys are honoured, and once under another key while the operation still runs, which Codat
refuses; before each it is read whether it does. Should it end just then, a second one is queued.
"""

import contextlib
import json
import uuid
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from codat_notebook.checkup.evidence import Verdict, told
from codat_notebook.client import CodatLending, wire
from codat_notebook.client.queue_once import IN_PROGRESS
from codat_notebook.client.retrying import Flow
from codat_notebook.client.wire import Answer, Request
from codat_notebook.models.errors import ReadOnlyError
from codat_notebook.models.status import is_running
from codat_notebook.models.vocabulary import ID
from codat_notebook.runs.context import name_query
from codat_notebook.utils import RetryConfig

MOST: Final = 60
#: Companies whose data status and history are compared.
LOOKED_AT: Final = 6
#: Requests that are left to others when the doctor stops.
_RESERVE: Final = 100
_STOPPING: Final = (401, 402, 429)
_FAR: Final = "1000000"
#: Data types that may be refreshed, the smallest first.
_SMALL: Final = ("company", "taxRates", "paymentMethods", "trackingCategories", "chartOfAccounts", "banking-accounts")
NOBODY: Final = "00000000-0000-0000-0000-000000000000"


class Sight(NamedTuple):
    """One answer: its status (0: none came), headers by small names, its JSON, the bytes of its body."""

    status: int = 0
    headers: Mapping[str, str] = {}
    document: Any = None
    size: int = 0

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The results of a page, those that are objects."""
        return objects(self.document.get("results") if isinstance(self.document, dict) else None)

    @property
    def links(self) -> dict[str, str]:
        """The links of a page."""
        links = self.document.get("_links") if isinstance(self.document, dict) else None
        return {name: str(link.get("href")) for name, link in (links or {}).items() if isinstance(link, dict)}


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of what should be a list of them."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


class Prober:
    """Sends requests of a client one by one and keeps the answers by label.

    ``stopped`` says why it sends no more; ``""``: it does. Raises ``ReadOnlyError`` where it is to write and the client
    may not.
    """

    def __init__(self, client: CodatLending, writes: bool = False) -> None:
        self._call = client._prepare("doctor", {"retries": RetryConfig("none")}, writes=writes)
        self._writes = writes
        self.sights: dict[str, Sight] = {}
        self.requests = 0
        self.stopped = ""

    def ask(self, label: str, path: str, **query: str) -> Flow[Sight]:
        """Send one GET; nothing once stopped."""
        company = ids[0] if (ids := ID.findall(path)) else None
        return (yield from self._send(label, self._call.get(path, tuple(query.items()), company)))

    def post(self, label: str, path: str, key: str, **query: str) -> Flow[Sight]:
        """Send one POST under an idempotency key. Raises ``ReadOnlyError`` where this prober only reads."""
        if not self._writes:
            raise ReadOnlyError("The doctor only reads here. Nothing was sent.")
        get = self._call.get(path, tuple(query.items()))
        headers = (*get.headers, ("Idempotency-Key", key))
        return (yield from self._send(label, msgspec.structs.replace(get, method="POST", headers=headers)))

    def _send(self, label: str, request: Request) -> Flow[Sight]:
        if self.stopped or self.requests >= MOST:
            return Sight()
        self.requests += 1
        outcome = yield from self._call.anew().send(request)
        if not isinstance(outcome, Answer):
            self.stopped = "no answer came"
            return Sight()
        document = None
        with contextlib.suppress(ValueError, RecursionError):
            document = json.loads(outcome.body)
        self.sights[label] = sight = Sight(outcome.status, outcome.headers, document, len(outcome.body))
        left = outcome.headers.get("x-rate-limit-remaining", "")
        if outcome.status in _STOPPING:
            self.stopped = f"the answer was {outcome.status}"
        elif left.isdecimal() and int(left) < _RESERVE:
            self.stopped = "little of the day's quota is left"
        return sight


#: The requests about the account, as label, path and query; those about one history, as label and query.
_OF_ACCOUNT: Final[tuple[tuple[str, str, dict[str, str]], ...]] = (
    ("one row", "/companies", {"page": "1", "pageSize": "1"}),
    ("past the end", "/companies", {"page": _FAR, "pageSize": "1"}),
    ("largest", "/companies", {"page": _FAR, "pageSize": "5000"}),
    ("too large", "/companies", {"page": _FAR, "pageSize": "5001"}),
    ("in order", "/companies", {"orderBy": "name", "pageSize": "1"}),
    ("no company", f"/companies/{NOBODY}", {}),
    ("no id", "/companies/no-id", {}),
    ("account settings", "/profile/syncSettings", {}),
    ("integrations", "/integrations", {"pageSize": "100"}),
)
_OF_HISTORY: Final = {
    "by time": "requested>=2020-01-01T00:00:00Z&&requested<2100-01-01T00:00:00Z", "by status": "status=Complete",
    "not supported": "status=NotSupported", "unresolved": "isCompleted=true", "malformed": "status=",
}  # fmt: skip


def look(prober: Prober) -> Flow[None]:
    """Ask everything."""
    first = yield from prober.ask("companies", "/companies")
    for label, path, query in _OF_ACCOUNT:
        yield from prober.ask(label, path, **query)
    for number, company in enumerate(_telling(first.rows)[:LOOKED_AT]):
        path = f"/companies/{company['id']}"
        yield from prober.ask(f"status {number}", f"{path}/dataStatus")
        newest = yield from prober.ask(
            f"history {number}", f"{path}/data/history", orderBy="-requested", pageSize="200"
        )
        if number == 0:
            yield from _subject(prober, company, next((str(row.get("id")) for row in newest.rows), ""))


def _telling(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Companies whose ids can be asked for, those first that have the most connections that were synced."""
    asked = [row for row in rows if ID.fullmatch(str(row.get("id")))]
    return sorted(asked, key=lambda row: -sum("lastSync" in each for each in objects(row.get("dataConnections"))))


def _subject(prober: Prober, company: dict[str, Any], operation: str) -> Flow[None]:
    """What is asked of one company alone, and how its history can be asked."""
    own, path = company["id"], f"/companies/{company['id']}"
    search = name_query(str(company.get("name") or "")) or "name~a"
    yield from prober.ask("by name", "/companies", query=search)
    yield from prober.ask("by swapped name", "/companies", query="name~" + search[5:].swapcase())
    yield from prober.ask("joined", "/companies", query=f"id={own}||id={own}&&id={NOBODY}", pageSize="2")
    yield from prober.ask("capitals", f"/companies/{own.swapcase()}")
    yield from prober.ask("linked", f"{path}/connections", query="status=Linked")
    yield from prober.ask("company settings", f"{path}/syncSettings")
    for label, query in _OF_HISTORY.items():
        yield from prober.ask(label, f"{path}/data/history", query=query, pageSize="5")
    if ID.fullmatch(operation):
        yield from prober.ask("validation", f"{path}/sync/{operation}/validation")


def refresh_once(prober: Prober, company: str) -> Flow[dict[str, Verdict]]:
    """Queue one data type of a company, and say what that showed; nothing where no type can be chosen."""
    history = yield from prober.ask(
        "before", f"/companies/{company}/data/history", orderBy="-requested", pageSize="200"
    )
    rows = [row for row in history.rows if row.get("status") == "Complete" and row.get("dataType") in _SMALL]
    if not rows:
        return {}
    chosen = min(rows, key=lambda row: _SMALL.index(row["dataType"]))
    keys = str(uuid.uuid4()), str(uuid.uuid4())
    first = yield from _post(prober, "queued", company, chosen, keys[0])
    verdicts: dict[str, Verdict] = {}
    if first.status != 200 or not isinstance(first.document, dict):
        return verdicts
    own = str(first.document.get("id"))
    shown = yield from prober.ask("shown", f"/companies/{company}/data/history", orderBy="-requested", pageSize="50")
    if shown.status == 200:
        there = any(row.get("id") == own for row in shown.rows)
        verdicts["history-at-once"] = there, told("looked at once, {} rows", len(shown.rows))
    if (yield from _runs(prober, company, own)):
        again = yield from _post(prober, "again", company, chosen, keys[0])
        same = again.status == 200 and isinstance(again.document, dict) and again.document.get("id") == own
        verdicts["keys-honoured"] = same, told("{}", again.status)
    if (yield from _runs(prober, company, own)):
        second = yield from _post(prober, "second", company, chosen, keys[1])
        named = IN_PROGRESS in str(second.document)
        evidence = told("{} with the exception" if named else "{} without the exception", second.status)
        verdicts["in-progress-status"] = second.status == 400 and named, evidence
    return verdicts


def _runs(prober: Prober, company: str, operation: str) -> Flow[bool]:
    seen = yield from prober.ask("running", wire.path("/companies/{c}/data/history/{o}", c=company, o=operation))
    row: Any = seen.document
    return isinstance(row, dict) and seen.status == 200 and is_running(str(row.get("status")), row.get("completed"))


def _post(prober: Prober, label: str, company: str, chosen: dict[str, Any], key: str) -> Flow[Sight]:
    path = wire.path("/companies/{c}/data/queue/{t}", c=company, t=chosen["dataType"])
    return (yield from prober.post(label, path, key, connectionId=str(chosen["connectionId"])))
