"""What there is to know about one row of a table: all its fields, what went wrong, what Codat's checks found, its JSON.

The part stands beside its table, or in its place where there is little room. It is drawn from plain values; which row
it shows, and which requests it makes, is decided by :class:`DetailsPresenter`. Fields have Codat's own names, so that a
reader finds them in Codat's documentation and in an engineer's code.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict

import msgspec

from codat_notebook.diagnosis import diagnose
from codat_notebook.models.errors import CodatLendingError
from codat_notebook.models.instants import instant
from codat_notebook.models.shared import Connection, ErrorValidationItem, PullOperation, ValidationResults
from codat_notebook.models.status import FAILURES, STAGES, is_failed, is_running, plain_status, tone
from codat_notebook.models.vocabulary import plain_name
from codat_notebook.runs.records import ErrorRecord, Subject, from_operation
from codat_notebook.session import Session
from codat_notebook.tables.column import Row, number_text
from codat_notebook.widgets.charts import Timeline
from codat_notebook.widgets.notice import ErrorBoundary, NoticeCard, record_item
from codat_notebook.widgets.part import Click, Part
from codat_notebook.widgets.table import FrameTable
from codat_notebook.words import duration, iso, seconds_between

#: Findings of the checks that are sent, of errors and of warnings each.
MOST = 50
#: Results of checks that are remembered.
KEPT = 200
_WHAT = "The results of the checks could not be read"


class DetailsField(TypedDict):
    """A field in words, and what it is: "text", "time" (ISO, UTC), "since" (the time from which on it lasts), "id" (to
    copy) or "link"."""

    name: str
    text: str
    kind: str


class Finding(TypedDict):
    """What one of Codat's checks found."""

    message: str
    rule: str
    item: str


class ChecksState(TypedDict):
    """The results of the checks: "later" (it still runs), "never" (it ended before them), "loading", "failed" (``why``)
    or "ready"."""

    status: str
    why: str
    errors: list[Finding]
    warnings: list[Finding]
    more: list[int]


class DetailsState(TypedDict, total=False):
    """The details of the row of this ``key``; ``None`` where none is shown.

    ``status`` is its words, its tone and Codat's own word, ``about`` Codat's key for what the title names, ``card``
    what went wrong; ``checks`` is None where there is nothing to check.
    """

    key: str | None
    title: str
    about: str
    status: list[str] | None
    card: NoticeCard | None
    fields: list[DetailsField]
    checks: ChecksState | None
    json: str
    seq: int


class Close(Click, frozen=True):
    """Show no details."""


class Again(Click, frozen=True):
    """Ask for the results of the checks once more."""


#: The operation whose checks are shown: company id, operation id.
Checked = tuple[str, str]
#: From a selected row to its details, and the operation whose checks are shown in them; ``None`` if there are none.
Describe = Callable[[Row], tuple[DetailsState, Checked | None] | None]

#: Nothing is shown.
CLOSED: DetailsState = {"key": None}
_OPEN: DetailsState = {"about": "", "status": None, "card": None, "checks": None, "json": "", "seq": 0}


def field(name: str, value: Any) -> DetailsField:
    """One field from its name and value.

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
    return {"name": name, "text": text, "kind": _kind(name)}


def _kind(name: str) -> str:
    lower = name.lower()
    if lower.endswith(("url", "path")):
        return "link"
    return "id" if lower == "id" or name.endswith(("Id", "_id")) else "text"


def checks_state(status: str, results: ValidationResults | None = None, why: str = "") -> ChecksState:
    """What the part says of the checks.

    >>> checks_state("ready", ValidationResults())["errors"]
    []
    """
    results = results or ValidationResults()
    return {
        "status": status, "why": why, "errors": _items(results.errors), "warnings": _items(results.warnings),
        "more": [max(0, len(each) - MOST) for each in (results.errors, results.warnings)],
    }  # fmt: skip


def _items(items: Sequence[ErrorValidationItem]) -> list[Finding]:
    return [
        {"message": item.message or "", "rule": item.validator_name or item.rule_id or "", "item": item.item_id or ""}
        for item in items[:MOST]
    ]


class Details(Part[DetailsState]):
    """The details of one row (class ``codat-details``), nothing at all while none is chosen."""

    classes = ("codat-details",)
    files = ("card.js", "details.js", "card.css", "details.css")
    messages = Close | Again


def is_checked(status: str) -> bool:
    """Whether an operation that ended so may have come as far as Codat's checks.

    >>> is_checked("Complete"), is_checked("ValidationError"), is_checked("PermissionsError"), is_checked("MapError")
    (True, True, False, False)
    """
    return FAILURES.get(status, STAGES["Validating"]) >= STAGES["Validating"]


def operation_details(
    operation: PullOperation, connection: Connection | None, history: Sequence[PullOperation], now: datetime,
    setting: str | None = None,
) -> DetailsState:  # fmt: skip
    """A pull operation: every field as Codat sent it, its platform and how long it took, and the remedy of a failure.

    ``history`` are the company's operations, ``now`` the server's time, ``setting`` what Codat does for the data type
    by itself. What runs is checked later.
    """
    platform, name = connection.platform_name if connection else None, plain_name(operation.data_type)
    sent = {name: value for name, value in msgspec.to_builtins(operation).items() if name != "(notes)"}
    read = {**sent, **{name: instant(sent[name]) or sent[name] for name in ("requested", "completed")}}
    fields = [field(name, value) for name, value in read.items() if value is not None]
    runs = is_running(operation.status, operation.completed)
    lasted = None if runs else seconds_between(operation.requested, operation.completed)
    extra = {
        "platform": platform,
        "duration": None if lasted is None else duration(lasted),
        "sync settings": setting,
        "not as documented": "; ".join(operation.unread),
    }
    lasting: list[DetailsField] = []
    if runs and (begun := iso(operation.requested, exact=True)):
        lasting = [{"name": "duration", "text": begun, "kind": "since"}]
    told = is_failed(operation.status) or not diagnose(operation, connection, history, now=now).normal
    return {
        "key": operation.id,
        "title": f"{name} from {platform}" if platform else name,
        "about": operation.data_type,
        "status": [plain_status(operation.status) or "No status", tone(operation.status), operation.status],
        "card": record_item(from_operation(operation, connection, history, now)) if told else None,
        "fields": [*fields, *lasting, *(field(name, value) for name, value in extra.items() if value)],
        "checks": checks_state("later") if runs else None if is_checked(operation.status) else checks_state("never"),
        "json": json.dumps(sent, indent=2, ensure_ascii=False),
        "seq": 0,
    }


def error_details(row: Row) -> DetailsState:
    """A row of ``session.errors``: the card that the notice showed, and every field."""
    values = {name: _value(value) for name, value in row.items()}
    card, key = record_item(ErrorRecord(**values)), values["status"]
    status = [plain_status(key), "bad", key] if key else None
    return {
        **_OPEN, "key": card["key"], "title": card["what"], "about": values["data_type"] or "", "status": status,
        "card": card, "fields": _fields(values, but=("what", "why", "action")),
    }  # fmt: skip


def error_with_checks(row: Row) -> tuple[DetailsState, Checked | None]:
    """The details of an error, and the operation that it is of, whose checks may say more."""
    company_id, operation_id = _value(row["company_id"]), _value(row["operation_id"])
    shown = error_details(row)
    if not (company_id and operation_id):
        return shown, None
    if not is_checked(str(row["status"])):
        return {**shown, "checks": checks_state("never")}, None
    return shown, (str(company_id), str(operation_id))


def answer_tone(row: Row) -> str:
    """The colour of a request by its HTTP status, ``None`` where no answer came; 429 only has to wait."""
    status = row["status"]
    return "bad" if status is None else "ok" if status < 400 else "warn" if status == 429 else "bad"


def request_details(row: Row) -> DetailsState:
    """A row of ``session.requests``: every field."""
    values = {name: _value(value) for name, value in row.items()}
    word = str(values["status"] or "No answer")
    status = [word, answer_tone(values), word]
    key, title = f"{values['call']}@{values['time']}", values["call"] or ""
    return {**_OPEN, "key": key, "title": title, "status": status, "fields": _fields(values)}


def _fields(values: Mapping[str, Any], but: tuple[str, ...] = ()) -> list[DetailsField]:
    return [field(name, value) for name, value in values.items() if value not in (None, "") and name not in but]


def _value(value: Any) -> Any:
    """A frame's value, ``None`` where it is missing."""
    import pandas as pd

    return None if value is None or value is pd.NA or value is pd.NaT or value != value else value


class DetailsPresenter:
    """Keeps the details of a table's or the timeline's selected row on screen. All methods are for the engine thread.

    They follow the table: another row, a live change of the same one, none. The results of Codat's checks are asked for
    when an operation's details open (once, as long as they are remembered), and again where the reader says so.
    """

    def __init__(
        self, session: Session, boundary: ErrorBoundary, table: FrameTable | Timeline, part: Details, describe: Describe
    ) -> None:
        self._session = session
        self._boundary = boundary
        self._table = table
        self._part = part
        self._describe = describe
        self._row: Row | None = None
        self._seq = 0
        self._results: dict[Checked, ChecksState] = {}
        self._asking: asyncio.Task[None] | None = None
        self._shown: Checked | None = None

    def start(self) -> None:
        """Follow the table, whose "last hour" is that of the session's clock."""
        self._table.now = lambda: self._session.context.now
        self._table.on_row = self._on_row
        self._part.on_message = self._on_message

    def stop(self) -> None:
        """Follow it no more, and close the details."""
        self._table.on_row = self._part.on_message = self._table.now = None
        self._cancel()
        self._table.select(None)
        self._part.show(CLOSED)

    def _on_row(self, row: Row | None) -> None:
        self._row = row
        self._draw()

    def _on_message(self, message: Close | Again) -> None:
        self._seq = message.seq
        if isinstance(message, Close):
            self._row = None
            self._table.select(None)
        elif self._shown is not None:
            self._results.pop(self._shown, None)
            self._cancel()
        self._draw()

    def _draw(self) -> None:
        described = self._describe(self._row) if self._row is not None else None
        state, operation = described or (CLOSED, None)
        if operation != self._shown:
            self._cancel()
            self._shown = operation
        if operation is not None:
            state = {**state, "checks": self._checks(operation)}
        self._part.show({**state, "seq": self._seq}, at_once=True)

    def _checks(self, operation: Checked) -> ChecksState:
        """The results of the operation's checks; they are asked for where there are none yet."""
        if operation not in self._results and self._asking is None:
            self._asking = self._boundary.spawn(_WHAT, self._ask, operation)
        return self._results.get(operation) or checks_state("loading")

    async def _ask(self, operation: Checked) -> None:
        company_id, dataset_id = operation
        ask = self._session.client.manage_data.pull_operations.get_validation_async
        try:
            results = await ask(request={"company_id": company_id, "dataset_id": dataset_id})
            state = checks_state("ready", results)
        except CodatLendingError as error:
            record = self._session.context.report(error, _WHAT, Subject(company_id=company_id))
            state = checks_state("failed", why=f"{record.why} {record.action}")
        while len(self._results) >= KEPT:
            self._results.pop(next(iter(self._results)))
        self._results[operation] = state
        self._asking = None
        self._draw()

    def _cancel(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
        self._asking = None
