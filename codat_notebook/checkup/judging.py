"""What the answers say of each assumption: one short judge for each that reading can see.

A judge is given the :class:`Case`, all that was seen, and says whether the assumption holds and by what evidence, or
``None`` where the answers do not tell. :data:`JUDGES` has them by the name of the entry in the register.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from codat_notebook.checkup.evidence import Atom, Discretion, listed, told
from codat_notebook.checkup.probing import LOOKED_AT, Sight
from codat_notebook.client.clock import header_time
from codat_notebook.models.instants import instant
from codat_notebook.models.open_enums import SourceType
from codat_notebook.models.status import CONNECTION_STATUSES, FAILURES, STATUSES
from codat_notebook.models.vocabulary import DATA_TYPES, ID, daily_requests

Row = dict[str, Any]
Verdict = tuple[bool, Atom]
#: Fields whose values are words that may be told; other texts are names, links and messages.
WORDS: Final = frozenset({"status", "currentStatus", "dataType", "datatype", "sourceType"})
_LIMITS: Final = ("x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset")
_FOLDED: Final = {word.casefold(): word for word in DATA_TYPES}
_ERROR: Final = {"statusCode", "service", "error", "correlationId"}
_LONG: Final = 4_000  # bytes of a body that is worth packing
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Case:
    """All that was seen, sorted by what it is about."""

    def __init__(self, sights: Mapping[str, Sight], salt: bytes) -> None:
        self.sights = sights
        self.all = [sight for sight in sights.values() if sight.status]
        self.last = self.all[-1] if self.all else Sight()
        self.discretion = Discretion(salt, {text for key, text in self.texts() if key not in WORDS})

    def __getitem__(self, label: str) -> Sight:
        return self.sights.get(label, Sight())

    def texts(self) -> Iterator[tuple[str, str]]:
        """Each text of the answers, with the name of its field; and keys of tags, which are somebody's words."""
        left: list[tuple[str, Any]] = [("", sight.document) for sight in self.all]
        while left:
            key, value = left.pop()
            if isinstance(value, dict):
                left += value.items()
                left += [(key, name) for name in value] if key in ("tags", "connectionInfo") else []
            elif isinstance(value, list):
                left += [(key, each) for each in value]
            elif isinstance(value, str):
                yield key, value

    @cached_property
    def companies(self) -> list[Row]:
        """Companies of the first page."""
        return self["companies"].rows

    @cached_property
    def connections(self) -> list[Row]:
        """Their connections."""
        return [each for row in self.companies for each in _connections(row)]

    @cached_property
    def operations(self) -> list[Row]:
        """Pull operations of all histories that were read, and those that were asked for by status."""
        labels = [label for label in self.sights if label.startswith("history ")]
        return [row for label in (*labels, "not supported") for row in self[label].rows if row.get("status")]

    @cached_property
    def statuses(self) -> list[Row]:
        """The maps of dataStatus, in the order of the histories."""
        found = [self[f"status {number}"] for number in range(LOOKED_AT)]
        return [each.document if each.status == 200 and isinstance(each.document, dict) else {} for each in found]

    @cached_property
    def errors(self) -> list[Row]:
        """The bodies of errors, each with the answer's status under ``""``."""
        found = [each for each in self.all if each.status >= 400 and isinstance(each.document, dict)]
        return [{**each.document, "": each.status} for each in found]

    @cached_property
    def ids(self) -> list[str]:
        """Ids of companies, connections and pull operations."""
        return [text for key, text in self.texts() if key in ("id", "companyId", "connectionId", "latestSyncId")]

    def words(self, *keys: str) -> set[str]:
        """The words that stand in these fields."""
        return {text for key, text in self.texts() if key in keys}


def _connections(row: Row) -> list[Row]:
    return [each for each in row.get("dataConnections") or () if isinstance(each, dict)]


def _usual_case(word: str) -> str:
    return _FOLDED.get(word.casefold(), word)


def _header(case: Case, name: str, good: str) -> Verdict | None:
    """Whether a header of the last answer that has it is of a form."""
    found = [sight.headers[name] for sight in case.all if name in sight.headers]
    return (re.fullmatch(good, found[-1]) is not None, case.discretion.form(found[-1])) if found else None


def _share(rows: Iterable[bool]) -> Verdict | None:
    """Whether something holds of all, and of how many; ``None`` of nothing."""
    answers = list(rows)
    return (all(answers), told("{} of {}", sum(answers), len(answers))) if answers else None


def _by_status(label: str, good: tuple[int, ...], case: Case) -> Verdict | None:
    """By the status of one answer; a refusal for another reason tells nothing."""
    status = case[label].status
    return (status in good, told("{}", status)) if status in (200, 400, 404, 409, 422) else None


def _reset_at_midnight(case: Case) -> Verdict | None:
    headers = case["companies"].headers
    now = header_time(headers.get("date"), _EPOCH)
    then = header_time(headers.get(_LIMITS[2]), now or _EPOCH)
    if now is None or then is None:
        return None
    return (then.timestamp() + 2) % 86_400 < 4, told("hour {}, minute {}", then.hour, then.minute)


def _quota_connected(case: Case) -> Verdict | None:
    first = case["companies"]
    limit = first.headers.get(_LIMITS[0], "")
    if not limit.isdecimal() or not case.connections or "next" in first.links:
        return None
    linked = sum(any(each.get("status") == "Linked" for each in _connections(row)) for row in case.companies)
    return int(limit) == daily_requests(linked), told("{}; {} companies with a Linked connection", int(limit), linked)


def _one_clock(case: Case) -> Verdict | None:
    now = header_time(case["history 0"].headers.get("date"), _EPOCH)
    times = [time for row in case["history 0"].rows if (time := instant(str(row.get("requested"))))]
    if now is None or not times:
        return None
    ahead = (max(times) - now).total_seconds()
    return ahead <= 2, told("the newest is {:.0f} s before Date", -ahead)


def _usual_page(case: Case) -> Verdict | None:
    page = case["companies"]
    size = (page.document or {}).get("pageSize") if page.rows else None
    size = size or ("next" in page.links and len(page.rows))
    return (size == 100, told("{} rows", int(size))) if isinstance(size, int) and size else None


def _links_count(case: Case) -> Verdict | None:
    if (href := case["one row"].links.get("next")) is None:
        return None
    names = parse_qs(urlsplit(href).query)
    return names == {"page": ["2"], "pageSize": ["1"]}, listed([case.discretion.word(name) for name in names])


def _newest_first(case: Case) -> Verdict | None:
    times = [time for row in case["history 0"].rows if (time := instant(str(row.get("requested"))))]
    return (times == sorted(times, reverse=True), told("{} rows", len(times))) if len(set(times)) > 1 else None


def _case_in_queries(case: Case) -> Verdict | None:
    own, swapped = case["by name"], case["by swapped name"]
    evidence = told("{} and {} rows", len(own.rows), len(swapped.rows))
    return (len(own.rows) == len(swapped.rows), evidence) if own.rows and swapped.status == 200 else None


def _and_binds_tighter(case: Case) -> Verdict | None:
    rows = len(case["joined"].rows)
    return (rows == 1, told("{} rows", rows)) if rows < 2 and case["joined"].status == 200 else None


def _words(case: Case, words: Iterable[str], known: Iterable[str]) -> Verdict | None:
    """Whether all words are known; the others."""
    there = set(words)
    strange = [case.discretion.word(each) for each in there - set(known)]
    return (not strange, listed(strange) or told("{} words", len(there))) if there else None


def _times(case: Case, end: str, *keys: str) -> Verdict | None:
    forms = {case.discretion.form(text) for key, text in case.texts() if key in keys}
    return (all(form.endswith(end) for form in forms), listed(forms)) if forms else None


def _status_of_newest(case: Case) -> Verdict | None:
    if not (order := _newest_first(case)) or not order[0]:
        return None
    right = []
    for number, statuses in enumerate(case.statuses):
        newest: dict[str, Row] = {}
        for row in case[f"history {number}"].rows:
            newest.setdefault(str(row.get("dataType")).casefold(), row)
        told_of = {name.casefold(): row for name, row in statuses.items() if isinstance(row, dict)}
        right += [
            told_of[name].get("latestSyncId") == newest[name].get("id") for name in newest.keys() & told_of.keys()
        ]
    return _share(right)


def _last_sync(case: Case) -> Verdict | None:
    if not case.connections or not any(row["status"] == "Complete" for row in case.operations):
        return None
    times = ((row, [each["lastSync"] for each in _connections(row) if each.get("lastSync")]) for row in case.companies)
    return _share([row.get("lastSync") == max(synced) for row, synced in times if synced] or [False])


def _settings(case: Case, label: str = "company settings") -> list[Row]:
    document = case[label].document if case[label].status == 200 else None
    return [row for row in (document or {}).get("settings") or () if isinstance(row, dict)]


def _settings_of_all(case: Case) -> Verdict | None:
    account, company = (
        {row.get("dataType"): row.get("fetchOnFirstLink") for row in _settings(case, label)}
        for label in ("account settings", "company settings")
    )
    return _share(account[name] == company[name] for name in account.keys() & company.keys())


def _total(sight: Sight) -> bool:
    total = sight.document.get("totalResults") or 0
    return bool(total > len(sight.rows) if "next" in sight.links else total == len(sight.rows))


_DATA_TYPE: Final = ("dataType", "datatype")
JUDGES: Final[dict[str, Callable[[Case], Verdict | None]]] = {
    "unknown-company": partial(_by_status, "no company", (404,)),
    "malformed-id": partial(_by_status, "no id", (404,)),
    "unresolved-property": partial(_by_status, "unresolved", (400,)),
    "malformed-query": partial(_by_status, "malformed", (400,)),
    "largest-page": partial(_by_status, "largest", (200, 404)),
    "page-too-large": partial(_by_status, "too large", (400,)),
    "past-the-end": partial(_by_status, "past the end", (200,)),
    "ids-any-case": partial(_by_status, "capitals", (200,)),
    "companies-by-name": partial(_by_status, "by name", (200,)),
    "companies-in-order": partial(_by_status, "in order", (200,)),
    "history-by-time": partial(_by_status, "by time", (200,)),
    "history-by-status": partial(_by_status, "by status", (200,)),
    "connections-by-status": partial(_by_status, "linked", (200,)),
    "rate-headers": lambda case: _share(all(name in sight.headers for name in _LIMITS) for sight in case.all),
    "reset-form": lambda case: _header(case, _LIMITS[2], r"\d{4}-\d\d-\d\dT.*"),
    "reset-at-midnight": _reset_at_midnight,
    "quota-connected": _quota_connected,
    "minute-limit": lambda case: None if case.last.status != 429 else (False, told("429 at {}", len(case.all))),
    "retry-after-form": lambda case: _header(case, "retry-after", r"\d{1,6}"),
    "gzip": lambda case: _share(s.headers.get("content-encoding") == "gzip" for s in case.all if s.size > _LONG),
    "one-clock": _one_clock,
    "plan-runs": lambda case: (case.last.status != 402, told("{}", case.last.status)) if case.all else None,
    "error-body": lambda case: _share(each.keys() >= _ERROR for each in case.errors),
    "can-be-retried-text": lambda case: _share(
        isinstance(each["canBeRetried"], str) for each in case.errors if "canBeRetried" in each
    ),
    "body-status": lambda case: _share(e["statusCode"] == e[""] for e in case.errors if "statusCode" in e),
    "usual-page": _usual_page,
    "relative-links": lambda case: _share(href[:1] == "/" for sight in case.all for href in sight.links.values()),
    "links-count": _links_count,
    "page-numbers": lambda case: _share(
        case["one row"].document.get(name) == 1 for name in ("pageNumber", "pageSize") if case["one row"].rows
    ),
    "total-results": lambda case: _share(_total(page) for page in (case["companies"], case["history 0"]) if page.rows),
    "newest-first": _newest_first,
    "case-in-queries": _case_in_queries,
    "and-binds-tighter": _and_binds_tighter,
    "ids-small": lambda case: _share(bool(ID.fullmatch(text)) and text == text.lower() for text in case.ids),
    "times-utc": lambda case: _times(case, "Z", "requested", "completed", "lastSync", "lastSuccessfulSync"),
    "times-digits": lambda case: _times(case, ".9999999Z", "requested", "completed"),
    "statuses": lambda case: _words(
        case, {str(row["status"]) for row in case.operations} | case.words("currentStatus"), STATUSES
    ),
    "data-types": lambda case: _words(case, map(_usual_case, case.words(*_DATA_TYPE)), DATA_TYPES),
    "data-type-case": lambda case: _words(
        case, (word for word in case.words(*_DATA_TYPE) if word.casefold() in _FOLDED), DATA_TYPES
    ),
    "connection-words": lambda case: _words(
        case, (str(row[name]) for row in case.connections for name in ("status", "sourceType") if row.get(name)),
        (*CONNECTION_STATUSES, *SourceType),
    ),
    "completed-told": lambda case: _share(
        bool(row.get("completed")) for row in case.operations if row["status"] in ("Complete", *FAILURES)
    ),
    "is-completed": lambda case: _share(
        row.get("isCompleted") is (row["status"] == "Complete") for row in case.operations
    ),
    "not-supported-is-no-error": lambda case: _share(
        not row.get("isErrored") for row in case.operations if row["status"] == "NotSupported"
    ),
    "never-synced": lambda case: _share(
        isinstance(row, dict) and bool(row.get("currentStatus")) for each in case.statuses for row in each.values()
    ),
    "status-of-newest": _status_of_newest,
    "redirect": lambda case: _share(str(row.get("redirect")).startswith("http") for row in case.companies),
    "link-url": lambda case: _share(str(row.get("linkUrl")).startswith("http") for row in case.connections),
    "last-sync": _last_sync,
    "connections-embedded": lambda case: _share(isinstance(row.get("dataConnections"), list) for row in case.companies),
    "validation-shape": lambda case: _share(
        {"errors", "warnings"} <= case["validation"].document.keys() for _ in range(case["validation"].status == 200)
    ),
    "settings-shape": lambda case: _share(isinstance(row.get("fetchOnFirstLink"), bool) for row in _settings(case)),
    "settings-of-all": _settings_of_all,
    "no-schedule": lambda case: _share(not row.get("syncSchedule") for row in _settings(case)),
    "feature-name": lambda case: _share(
        "datatype" in each for row in case["integrations"].rows for each in row.get("datatypeFeatures") or ()
    ),
}  # fmt: skip
