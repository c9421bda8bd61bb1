"""What a run says of itself: numbers of its progress, a line of text, frames of its companies and of what is to do."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from codat_notebook import frames
from codat_notebook.runs.durations import Durations
from codat_notebook.runs.governor import local
from codat_notebook.runs.records import ErrorRecord
from codat_notebook.runs.rows import STATES, Row, counts
from codat_notebook.runs.targets import Skipped

if TYPE_CHECKING:
    import pandas as pd

    from codat_notebook.runs.company_run import CompanyRun

#: State of a row -> its column in ``run.summary``.
COUNTED = {state: "not_queued" if state.startswith("not") else state for state in STATES}
SUMMARY = {
    "company": "text", "phase": "category", "operations": "count", **dict.fromkeys(COUNTED.values(), "count"),
    "skipped": "count", "platforms": "text", "note": "text", "company_id": "text",
}  # fmt: skip
REMEDIES = {
    "status": "category", "what": "text", "action": "text", "companies": "count", "operations": "count",
    "link_urls": "count",
}  # fmt: skip
SKIPPED = {"company_id": "text", "data_type": "category", "connection_id": "category", "reason": "category"}


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far a run is, in numbers.

    ``total``: operations asked for or found; ``ended``: those with an end (of whatever kind); ``queued``: those known
    to Codat; ``companies`` and ``companies_ended``. ``per_minute``: ends a minute (server's time) so far;
    ``expected_end``: when the last one is expected at this rate, ``None`` before there is a rate or after the end.
    """

    total: int
    ended: int
    queued: int
    companies: int
    companies_ended: int
    seconds: float
    per_minute: float
    expected_end: datetime | None

    @property
    def share(self) -> float:
        """Ended of total, 0 to 1."""
        return self.ended / self.total if self.total else 1.0


def progress(
    counted: Mapping[str, int], companies: tuple[int, int], began: datetime, now: datetime, ended_before: int
) -> RunProgress:
    """The numbers. ``companies``: all and ended; ``ended_before``: operations that had ended when the run began."""
    total = sum(counted.values())
    waiting, running = counted.get("queueing", 0), counted.get("running", 0)
    ended = total - waiting - running
    seconds = max((now - began).total_seconds(), 0.0)
    rate = (ended - ended_before) / seconds if seconds else 0.0
    left = (total - ended) / rate if rate else math.inf
    expected = now + timedelta(seconds=left) if 0 < left < 366 * 86_400 else None
    queued = sum(number for state, number in counted.items() if state in ("running", "complete", "failed"))
    return RunProgress(total, ended, queued, *companies, seconds, rate * 60, expected)


def line(name: str, counted: Mapping[str, int], at: RunProgress, note: str | None) -> str:
    """The progress in a line of text, for terminals and logs."""
    parts = [f"{at.ended:,} of {at.total:,} ended ({at.share:.0%})"]
    parts += [f"{number:,} {state}" for state, number in counted.items() if state not in ("complete",) and number]
    if at.expected_end is not None:
        parts += [f"{at.per_minute:,.0f} a minute", f"end expected {local(at.expected_end)}"]
    return f"{name}: {', '.join(parts)}{'; ' + note if note else ''}"


def summary(companies: Iterable[CompanyRun], skipped: Iterable[Skipped]) -> pd.DataFrame:
    """A row for each company: its phase, how many operations are in which state, platforms, and a note."""
    rows, left_out = list(companies), _left_out(skipped)
    counted = [counts(company.rows) for company in rows]
    columns: dict[str, list[object]] = {
        "company": [company.name for company in rows],
        "phase": [company.phase for company in rows],
        "operations": [len(company.rows) for company in rows],
        "skipped": [left_out.get(company.company_id, 0) for company in rows],
        "platforms": [
            ", ".join(sorted(set(company.facts.platforms.values()))) if company.facts else None for company in rows
        ],
        "note": [company.note for company in rows],
        "company_id": [company.company_id for company in rows],
    }
    columns |= {column: [each.get(state, 0) for each in counted] for state, column in COUNTED.items()}
    return frames.build(SUMMARY, columns)


def _left_out(skipped: Iterable[Skipped]) -> dict[str, int]:
    number: dict[str, int] = {}
    for row in skipped:
        number[row.company_id] = number.get(row.company_id, 0) + 1
    return number


def remedies(rows: Iterable[Row]) -> pd.DataFrame:
    """What has to be done, the remedy that most companies need first: failures of one status share one."""
    groups: dict[str, list[ErrorRecord]] = {}
    for row in rows:
        if row.error is not None:
            groups.setdefault(row.error.status or "", []).append(row.error)
    companies = {status: len({error.company_id for error in group}) for status, group in groups.items()}
    order = sorted(groups, key=lambda status: (-companies[status], -len(groups[status]), status))
    links = [len({error.link_url for error in groups[status] if error.link_url}) for status in order]
    columns: dict[str, list[object]] = {
        "status": list(order),
        "what": [_commonest(error.what for error in groups[status]) for status in order],
        "action": [_commonest(error.action for error in groups[status]) for status in order],
        "companies": [companies[status] for status in order],
        "operations": [len(groups[status]) for status in order],
        "link_urls": list(links),
    }
    return frames.build(REMEDIES, columns)


def _commonest(texts: Iterable[str]) -> str:
    return Counter(texts).most_common(1)[0][0]


def skipped_frame(skipped: Iterable[Skipped]) -> pd.DataFrame:
    """The rows of the plan that were left out."""
    rows = list(skipped)
    return frames.build(SKIPPED, {name: [getattr(row, name) for row in rows] for name in SKIPPED})


def operations(rows: Iterable[Row], platforms: Mapping[str, str], now: datetime) -> pd.DataFrame:
    """The operations: ``origin``, then the columns of ``frames.pull_operations``."""
    known = [row for row in rows if row.operation is not None]
    origins = {"origin": ("category", [row.origin for row in known])}
    return frames.pull_operations([row.operation for row in known], platforms, now, extra=origins)


def usual(rows: Iterable[Row], platforms: Mapping[str, str], known: Durations) -> dict[tuple[str, str], float]:
    """Connection id and data type -> seconds that such an operation usually takes: of what runs, where it is known."""
    running = {(row.operation.connection_id, row.operation.data_type) for row in rows if row.open and row.operation}
    found = {(id, data_type): known.usual(platforms.get(id, ""), data_type) for id, data_type in running}
    return {key: seconds for key, seconds in found.items() if seconds is not None}
