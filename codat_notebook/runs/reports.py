"""What a run says of itself: the numbers of its progress, and frames of its companies and of what is to do."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from codat_notebook import frames
from codat_notebook.runs.records import ErrorRecord
from codat_notebook.runs.rows import OPEN_STATES, STATES, Row
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
    "rule": "text", "status": "category", "what": "text", "action": "text", "companies": "count", "operations": "count",
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
    total, over = sum(counted.values()), ended(counted)
    seconds = max((now - began).total_seconds(), 0.0)
    rate = (over - ended_before) / seconds if seconds else 0.0
    left = (total - over) / rate if rate else math.inf
    expected = now + timedelta(seconds=left) if 0 < left < 366 * 86_400 else None
    queued = sum(counted.get(state, 0) for state in ("running", "complete", "failed"))
    return RunProgress(total, over, queued, *companies, seconds, rate * 60, expected)


def ended(counted: Mapping[str, int]) -> int:
    """How many of so many rows in each state have ended."""
    return sum(number for state, number in counted.items() if state not in OPEN_STATES)


def summary(companies: Iterable[CompanyRun], skipped: Iterable[Skipped]) -> pd.DataFrame:
    """A row for each company: its phase, how many operations are in which state, platforms, and a note."""
    rows, left_out = list(companies), Counter(line.company_id for line in skipped)
    counted = [Counter(row.state for row in company.rows) for company in rows]
    columns: dict[str, list[object]] = {
        "company": [company.name for company in rows],
        "phase": [company.phase for company in rows],
        "operations": [len(company.rows) for company in rows],
        "skipped": [left_out[company.company_id] for company in rows],
        "platforms": [", ".join(sorted({*company.platforms.values()})) if company.facts else None for company in rows],
        "note": [company.note for company in rows],
        "company_id": [company.company_id for company in rows],
    }
    columns |= {column: [each[state] for each in counted] for state, column in COUNTED.items()}
    return frames.build(SUMMARY, columns)


def remedies(rows: Iterable[Row]) -> pd.DataFrame:
    """What has to be done, the remedy that most companies need first: what one rule diagnoses shares one."""
    groups: dict[str, list[ErrorRecord]] = {}
    for row in rows:
        if row.error is not None:
            groups.setdefault(row.error.rule or row.error.status or "", []).append(row.error)
    companies = {rule: len({error.company_id for error in group}) for rule, group in groups.items()}
    order = sorted(groups, key=lambda rule: (-companies[rule], -len(groups[rule]), rule))
    columns: dict[str, list[object]] = {
        "rule": [*order],
        "status": [_commonest(error.status or "" for error in groups[rule]) for rule in order],
        "what": [_commonest(error.what for error in groups[rule]) for rule in order],
        "action": [_commonest(error.action for error in groups[rule]) for rule in order],
        "companies": [companies[rule] for rule in order],
        "operations": [len(groups[rule]) for rule in order],
        "link_urls": [len({error.link_url for error in groups[rule] if error.link_url}) for rule in order],
    }
    return frames.build(REMEDIES, columns)


def _commonest(texts: Iterable[str]) -> str:
    return Counter(texts).most_common(1)[0][0]
