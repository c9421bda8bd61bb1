"""What the answers say of each assumption: a short rule for each that reading can see, under its name in the register.

Some go by the status of one answer (:data:`BY_STATUS`), most by whether something holds of all that was seen
(:data:`OF_ALL`), the others (:data:`BY_FORM`) have a word to say for themselves. Where the answers do not tell, there
is no verdict.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from codat_notebook.checkup.evidence import Discretion, Verdict, listed, told
from codat_notebook.checkup.probing import LOOKED_AT, Sight, objects
from codat_notebook.client.clock import header_time
from codat_notebook.models.instants import instant
from codat_notebook.models.status import CONNECTION_STATUSES, FAILURES, STATUSES
from codat_notebook.models.vocabulary import DATA_TYPES, ID, SourceType, daily_requests

Row = dict[str, Any]
#: Fields whose values are words that may be told; other texts are names, links and messages.
WORDS: Final = frozenset({"status", "currentStatus", "dataType", "datatype", "sourceType"})
_LIMITS: Final = ("x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset")
_FOLDED: Final = {word.casefold(): word for word in DATA_TYPES}
_TYPES: Final = ("dataType", "datatype")
_IDS: Final = ("id", "companyId", "connectionId", "latestSyncId")
_FIRST: Final = "fetchOnFirstLink"
_LONG: Final = 4_000  # bytes of a body that is worth packing
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Case:
    """All that was seen, sorted by what it is about. ``salt`` is the :class:`Discretion`'s."""

    def __init__(self, sights: Mapping[str, Sight], salt: bytes) -> None:
        self.sights = sights
        self.all = list(sights.values())
        self.last = self.all[-1] if self.all else Sight()
        self.texts = [(key, value) for key, value in self.fields() if isinstance(value, str)]
        self.discretion = Discretion(salt, {text for key, text in self.texts if key not in WORDS})
        self.companies = self["companies"].rows
        self.connections = [each for row in self.companies for each in _connections(row)]
        labels = (*(f"history {number}" for number in range(LOOKED_AT)), "not supported")
        self.operations = [row for label in labels for row in self[label].rows if row.get("status")]
        self.errors = [
            s.document | {"": s.status} for s in self.all if s.status >= 400 and isinstance(s.document, dict)
        ]

    def __getitem__(self, label: str) -> Sight:
        return self.sights.get(label, Sight())

    def fields(self) -> Iterator[tuple[str, Any]]:
        """Each field of the answers and its value; a list's values stand under its name, tags' keys are values."""
        left: list[tuple[str, Any]] = [("", sight.document) for sight in self.all]
        while left:
            key, value = left.pop()
            yield key, value
            if isinstance(value, dict) and key in ("tags", "connectionInfo"):
                left += [(key, each) for pair in value.items() for each in pair]
            elif isinstance(value, dict):
                left += value.items()
            elif isinstance(value, list):
                left += [(key, each) for each in value]

    def words(self, *keys: str) -> list[str]:
        """The texts that stand in these fields."""
        return [text for key, text in self.texts if key in keys]

    def map(self, label: str) -> Row:
        """The object that a good answer is."""
        sight = self[label]
        return sight.document if sight.status == 200 and isinstance(sight.document, dict) else {}

    def settings(self, label: str = "company settings") -> dict[str, Row]:
        """Data type -> its sync settings."""
        return {str(row.get("dataType")): row for row in objects(self.map(label).get("settings"))}

    def header(self, name: str, good: str) -> Verdict | None:
        """Whether a header, of the last answer that has it, is of a form."""
        values = [sight.headers[name] for sight in self.all if name in sight.headers]
        return (re.fullmatch(good, values[-1]) is not None, self.discretion.form(values[-1])) if values else None

    def known(self, words: Iterable[str], known: Iterable[str]) -> Verdict | None:
        """Whether all words are known; the others."""
        there = set(words)
        strange = [self.discretion.word(each) for each in there - set(known)]
        return (not strange, listed(strange) or told("{} words", len(there))) if there else None

    def times(self, end: str, *keys: str) -> Verdict | None:
        """Whether all times in these fields have a form with this end."""
        forms = {self.discretion.form(text) for text in self.words(*keys)}
        return (all(form.endswith(end) for form in forms), listed(forms)) if forms else None

    def newest(self) -> list[datetime]:
        """When the newest operations were requested, as the history lists them."""
        return [time for row in self["history 0"].rows if (time := instant(str(row.get("requested"))))]


def _connections(row: Row) -> list[Row]:
    return objects(row.get("dataConnections"))


def _midnight(case: Case) -> Verdict | None:
    headers = case["companies"].headers
    now = header_time(headers.get("date"), _EPOCH)
    then = header_time(headers.get(_LIMITS[2]), now) if now else None
    return ((then.timestamp() + 2) % 86_400 < 4, told("hour {}, minute {}", then.hour, then.minute)) if then else None


def _quota(case: Case) -> Verdict | None:
    limit = case["companies"].headers.get(_LIMITS[0], "")
    if not limit.isdecimal() or not case.connections or "next" in case["companies"].links:
        return None
    linked = sum(any(each.get("status") == "Linked" for each in _connections(row)) for row in case.companies)
    return int(limit) == daily_requests(linked), told("{}; {} companies with a Linked connection", int(limit), linked)


def _one_clock(case: Case) -> Verdict | None:
    now, times = header_time(case["history 0"].headers.get("date"), _EPOCH), case.newest()
    age = (now - max(times)).total_seconds() if now and times else 0.0
    return (age >= -2, told("the newest is {:.0f} s before Date", age)) if now and times else None


def _usual_page(case: Case) -> Verdict | None:
    size = case.map("companies").get("pageSize") or ("next" in case["companies"].links and len(case.companies))
    return (size == 100, told("{} rows", size)) if size else None


def _of_newest(case: Case) -> Iterator[bool]:
    """Of each type in a dataStatus: whether it names the newest operation in the history, where that is in order."""
    if any(before < after for before, after in pairwise(case.newest())):
        return
    for number in range(LOOKED_AT):
        newest: dict[str, Row] = {}
        for row in case[f"history {number}"].rows:
            newest.setdefault(str(row.get("dataType")).casefold(), row)
        for name, row in case.map(f"status {number}").items():
            if row and name.casefold() in newest:
                yield row.get("latestSyncId") == newest[name.casefold()].get("id")


def _last_syncs(case: Case) -> Iterator[bool]:
    """Of each company with a connection that was synced: whether it was then, too."""
    synced = [(row, [each["lastSync"] for each in _connections(row) if each.get("lastSync")]) for row in case.companies]
    yield from (row.get("lastSync") == max(times) for row, times in synced if times)
    if case.connections and not any(times for _, times in synced):
        yield from (False for row in case.operations if row["status"] == "Complete")


def _total(sight: Sight) -> bool:
    total, rows = sight.document.get("totalResults") or 0, len(sight.rows)
    return bool(total > rows if "next" in sight.links else total == rows)


#: Name -> the label of an answer, and its statuses where the assumption holds.
BY_STATUS: Final[dict[str, tuple[str, int]]] = {
    "unknown-company": ("no company", 404), "malformed-id": ("no id", 404), "unresolved-property": ("unresolved", 400),
    "malformed-query": ("malformed", 400), "page-too-large": ("too large", 400),
    "past-the-end": ("past the end", 200), "ids-any-case": ("capitals", 200), "companies-by-name": ("by name", 200),
    "companies-in-order": ("in order", 200), "history-by-time": ("by time", 200),
    "history-by-status": ("by status", 200), "connections-by-status": ("linked", 200),
}  # fmt: skip
#: Name -> of each thing of that kind that was seen, whether it is so.
OF_ALL: Final[dict[str, Callable[[Case], Iterable[Any]]]] = {
    "rate-headers": lambda case: (all(name in sight.headers for name in _LIMITS) for sight in case.all),
    "gzip": lambda case: (each.headers.get("content-encoding") == "gzip" for each in case.all if each.size > _LONG),
    "error-body": lambda case: ({"statusCode", "service", "error", "correlationId"} <= e.keys() for e in case.errors),
    "can-be-retried-text": lambda case: (isinstance(e.get("canBeRetried", ""), str) for e in case.errors),
    "body-status": lambda case: (each["statusCode"] == each[""] for each in case.errors if "statusCode" in each),
    "largest-page": lambda case: (status == 200 for status in [case["largest"].status] if status in (200, 400)),
    "relative-links": lambda case: (href[:1] == "/" for sight in case.all for href in sight.links.values()),
    "links-count": lambda case: (
        parse_qs(urlsplit(href).query) == {"page": ["2"], "pageSize": ["1"]}
        for name, href in case["one row"].links.items() if name == "next"
    ),
    "page-numbers": lambda case: (
        case.map("one row").get(name) == 1 for name in ("pageNumber", "pageSize") if case["one row"].rows
    ),
    "total-results": lambda case: (_total(page) for page in (case["companies"], case["history 0"]) if page.rows),
    "newest-first": lambda case: (before >= after for before, after in pairwise(case.newest())),
    "case-in-queries": lambda case: (
        row in case["by swapped name"].rows for row in case["by name"].rows if case["by swapped name"].status == 200
    ),
    "and-binds-tighter": lambda case: (
        rows == 1 for rows in [len(case["joined"].rows)] if rows < 2 and case["joined"].status == 200
    ),
    "ids-small": lambda case: (ID.fullmatch(text) and text == text.lower() for text in case.words(*_IDS)),
    "completed-told": lambda case: (
        row.get("completed") for row in case.operations if row["status"] in ("Complete", *FAILURES)
    ),
    "is-completed": lambda case: (row.get("isCompleted") == (row["status"] == "Complete") for row in case.operations),
    "not-supported-is-no-error": lambda case: (
        not row.get("isErrored") for row in case.operations if row["status"] == "NotSupported"
    ),
    "never-synced": lambda case: (
        row and row.get("currentStatus") for number in range(LOOKED_AT) for row in case.map(f"status {number}").values()
    ),
    "status-of-newest": _of_newest,
    "redirect": lambda case: (row.get("redirect") for row in case.companies),
    "link-url": lambda case: (row.get("linkUrl") for row in case.connections),
    "last-sync": _last_syncs,
    "connections-embedded": lambda case: ("dataConnections" in row for row in case.companies),
    "validation-shape": lambda case: (
        name in case.map("validation") for name in ("errors", "warnings") if case["validation"].status == 200
    ),
    "settings-shape": lambda case: (isinstance(row.get(_FIRST), bool) for row in case.settings().values()),
    "settings-of-all": lambda case: (
        row.get(_FIRST) == case.settings().get(name, row).get(_FIRST)
        for name, row in case.settings("account settings").items()
    ),
    "no-schedule": lambda case: (not row.get("syncSchedule") for row in case.settings().values()),
    "feature-name": lambda case: (
        "datatype" in each for row in case["integrations"].rows for each in objects(row.get("datatypeFeatures"))
    ),
}  # fmt: skip
BY_FORM: Final[dict[str, Callable[[Case], Verdict | None]]] = {
    "reset-form": lambda case: case.header(_LIMITS[2], r"\d{4}-\d\d-\d\dT.*"),
    "reset-at-midnight": _midnight,
    "quota-connected": _quota,
    "minute-limit": lambda case: (False, told("429 at {}", len(case.all))) if case.last.status == 429 else None,
    "retry-after-form": lambda case: case.header("retry-after", r"\d{1,6}"),
    "one-clock": _one_clock,
    "plan-runs": lambda case: (case.last.status != 402, told("{}", case.last.status)) if case.all else None,
    "usual-page": _usual_page,
    "times-utc": lambda case: case.times("Z", "requested", "completed", "lastSync", "lastSuccessfulSync"),
    "times-digits": lambda case: case.times(".9999999Z", "requested", "completed"),
    "statuses": lambda case: case.known(
        [*case.words("currentStatus"), *(str(row["status"]) for row in case.operations)], STATUSES
    ),
    "data-types": lambda case: case.known(
        (_FOLDED.get(word.casefold(), word) for word in case.words(*_TYPES)), DATA_TYPES
    ),
    "data-type-case": lambda case: case.known(
        (word for word in case.words(*_TYPES) if word.casefold() in _FOLDED), DATA_TYPES
    ),
    "connection-words": lambda case: case.known(
        (str(row[name]) for row in case.connections for name in ("status", "sourceType") if row.get(name)),
        (*CONNECTION_STATUSES, *SourceType),
    ),
}  # fmt: skip
JUDGED: Final = frozenset({*BY_STATUS, *OF_ALL, *BY_FORM})


def judge(name: str, case: Case) -> Verdict | None:
    """Whether an assumption holds, and by what evidence; ``None`` where the answers do not tell, also where they are of
    a shape that nobody foresaw.
    """
    try:
        if name in BY_STATUS:
            label, good = BY_STATUS[name]
            status = case[label].status
            return (status == good, told("{}", status)) if status in (200, 400, 404, 409, 422) else None
        if name in OF_ALL:
            held = [bool(each) for each in OF_ALL[name](case)]
            return (all(held), told("{} of {}", sum(held), len(held))) if held else None
        return BY_FORM[name](case) if name in BY_FORM else None
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        return None
