"""Judging a portfolio: is each cell as fresh as it should be, does each report add up, does each token live on? Pure.

A verdict is ``pass``, ``warn`` or ``fail``. The usual goals are what Codat's documentation advises: weekly, monthly for
what hardly changes; all types of a report read together; and at least one data type a month of each connection, or its
token dies (some platforms revoke it after 60 to 100 days without a sync).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from codat_notebook.models.instants import instant, interval
from codat_notebook.models.vocabulary import REPORTS
from codat_notebook.planning.snapshots import CompanySnapshot
from codat_notebook.runs.cells import Cell

PASS, WARN, FAIL = "pass", "warn", "fail"
VERDICTS = (PASS, WARN, FAIL)
LATE = (WARN, FAIL)

#: Without a sync for so long a connection's token is near its end, and probably past it.
TOKEN = (timedelta(days=25), timedelta(days=60))
#: Types that change about monthly; everything else is advised to be refreshed weekly.
_SLOW = ("company", "taxRates", "chartOfAccounts", "commerce-companyInfo", "commerce-taxComponents")
#: The goals where none are given; ``*`` stands for all other types.
USUAL: Mapping[str, Any] = {"*": ("7D", "14D"), **dict.fromkeys(_SLOW, ("31D", "62D"))}


@dataclass(frozen=True, slots=True)
class Goal:
    """Up to ``warn`` old is a pass, up to ``fail`` a warning."""

    warn: timedelta
    fail: timedelta

    def verdict(self, age: timedelta | None) -> str:
        """The verdict on an age; what was never read fails."""
        if age is None or age > self.fail:
            return FAIL
        return WARN if age > self.warn else PASS


def goals_by_type(goals: Mapping[str, Any] | None) -> dict[str, Goal]:
    """Data type (or ``*``) -> its goal, from what a user gives.

    ``goals`` maps a data type, a report or ``*`` to the age that passes (twice as much is a warning), or to a pair:
    from which age on it is a warning, and from which a failure. A type's own goal goes before those of its reports,
    of which the strictest counts.

    >>> goals_by_type({"payables": "7D"})["bills"].fail
    datetime.timedelta(days=14)
    """
    if goals is not None and not isinstance(goals, Mapping):
        raise ValueError(f'goals: a mapping such as {{"bank": "1D"}}, not {goals!r}.')
    of_reports: dict[str, Goal] = {}
    own: dict[str, Goal] = {}
    for name, limits in (USUAL if goals is None else goals).items():
        goal = _goal(name, limits)
        if name in REPORTS:
            for data_type in REPORTS[name]:
                of_reports[data_type] = min(goal, of_reports.get(data_type, goal), key=lambda g: (g.fail, g.warn))
        else:
            own[name] = goal
    return of_reports | own


def _goal(name: str, limits: Any) -> Goal:
    if isinstance(limits, (tuple, list)) and len(limits) == 2:
        warn, fail = (interval(limit, f"goals[{name!r}]") for limit in limits)
    else:
        warn = interval(limits, f"goals[{name!r}]")
        fail = 2 * warn
    if warn > fail:
        raise ValueError(f"goals[{name!r}]: the age that warns comes before the one that fails, not {limits!r}.")
    return Goal(warn, fail)


def judge(cell: Cell, goals: Mapping[str, Goal]) -> str | None:
    """The verdict on a cell; ``None`` where it fails as it has to, or no goal is set."""
    if cell.expected and cell.last_success is None:
        return None
    goal = goals.get(cell.data_type, goals.get("*"))
    return goal.verdict(cell.age) if goal else None


def skew_rows(snapshot: CompanySnapshot, reports: Iterable[str], limit: timedelta) -> list[dict[str, Any]]:
    """How far apart a company's data types were read: a row (column -> value) for each report with two or more linked.

    Up to ``limit`` apart is a pass, up to twice that a warning; a type that was never read fails.
    """
    linked = {connection.id for connection in snapshot.facts.linked} if snapshot.facts else set()
    rows = []
    for report in reports:
        members = [c for c in snapshot.cells if c.data_type in REPORTS[report] and c.connection_id in linked]
        cells = [cell for cell in members if not cell.expected or cell.last_success]
        types = {cell.data_type for cell in cells}
        if len(types) < 2:
            continue
        never = {cell.data_type for cell in cells if cell.last_success is None}
        read = sorted((cell.last_success, cell.data_type) for cell in cells if cell.last_success is not None)
        oldest, newest = (read[0], read[-1]) if read else ((None, None), (None, None))
        apart = read[-1][0] - read[0][0] if read else None
        rows.append({
            "company": snapshot.name, "report": report, "skew": apart, "data_types": len(types),
            "verdict": FAIL if never else Goal(limit, 2 * limit).verdict(apart),
            "oldest_type": oldest[1], "oldest": oldest[0], "newest_type": newest[1], "newest": newest[0],
            "never_read": len(never), "company_id": snapshot.id,
        })  # fmt: skip
    return rows


def token_rows(snapshot: CompanySnapshot, now: datetime) -> list[dict[str, Any]]:
    """How long ago anything of a connection was read: a row for each; never read, it is as old as the connection.

    A connection that is no longer linked has lost its token and fails; one that never was has none to judge.
    """
    newest: dict[str, datetime] = {}
    for cell in snapshot.cells:
        if cell.last_success is not None:
            newest[cell.connection_id] = max(cell.last_success, newest.get(cell.connection_id, cell.last_success))
    rows = []
    for connection in snapshot.facts.connections.values() if snapshot.facts else ():
        last = newest.get(connection.id) or instant(connection.last_sync)
        since = last or instant(connection.created)
        age = now - since if since else None
        linked = connection.status == "Linked"
        lost = None if connection.status == "PendingAuth" else FAIL
        verdict = Goal(*TOKEN).verdict(age) if linked else lost
        mending = "nothing" if verdict == PASS else "refresh one data type"
        rows.append({
            "company": snapshot.name, "platform": connection.platform_name, "verdict": verdict, "last_sync": last,
            "age": age, "status": connection.status, "action": mending if linked else "send the customer the link URL",
            "link_url": connection.link_url or None, "connection_id": connection.id, "company_id": snapshot.id,
        })  # fmt: skip
    return rows
