"""How healthy a portfolio is: the result of ``session.portfolio_status``, with the plans that would mend it. Pure.

A :class:`PortfolioStatus` holds what was read at one moment; its frames and plans are made of that and ask nothing
more. It judges whether each cell is as fresh as it should be, each report adds up, and each token lives on: ``pass``,
``warn`` or ``fail``. The usual goals are what Codat's documentation advises: weekly, monthly for what hardly changes;
all types of a report read together; and at least one data type a month of each connection, or its token dies (some
platforms revoke it after 60 to 100 days without a sync).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from codat_notebook import display, frames
from codat_notebook.client.clock import ServerClock
from codat_notebook.models.instants import instant, interval
from codat_notebook.models.vocabulary import REPORTS, did_you_mean
from codat_notebook.planning.needs import company_row
from codat_notebook.planning.plan import plan_rows
from codat_notebook.planning.readiness import Question, question_of
from codat_notebook.planning.selection import Selection, Target
from codat_notebook.planning.snapshots import CompanySnapshot, durations_of
from codat_notebook.planning.verdict import Readiness
from codat_notebook.runs.cells import Cell

if TYPE_CHECKING:
    import pandas as pd

PASS, WARN, FAIL = "pass", "warn", "fail"
VERDICTS = (PASS, WARN, FAIL)
LATE = (WARN, FAIL)

#: Types that change about monthly; everything else is advised to be refreshed weekly.
_SLOW = ("company", "taxRates", "chartOfAccounts", "commerce-companyInfo", "commerce-taxComponents")
#: The goals where none are given; ``*`` stands for all other types.
USUAL: Mapping[str, Any] = {"*": ("7D", "14D"), **dict.fromkeys(_SLOW, ("31D", "62D"))}
#: What can be mended, in the order of urgency.
ASPECTS = ("tokens", "goals", "skew")


class Goal(NamedTuple):
    """Up to ``warn`` old is a pass, up to ``fail`` a warning."""

    warn: timedelta
    fail: timedelta

    def verdict(self, age: timedelta | None) -> str:
        """The verdict on an age; what was never read fails."""
        if age is None or age > self.fail:
            return FAIL
        return WARN if age > self.warn else PASS


#: Without a sync for so long a connection's token is near its end, and probably past it.
TOKEN = Goal(timedelta(days=25), timedelta(days=60))


def goals_by_type(goals: Mapping[str, Any] | None) -> dict[str, Goal]:
    """Data type (or ``*``) -> its goal, from what ``session.portfolio_status`` is given. A type's own goal goes before
    those of its reports, of which the strictest counts.

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


def skew_rows(snapshot: CompanySnapshot, reports: Iterable[str], limit: timedelta) -> list[dict[str, Any]]:
    """How far apart a company's data types were read: a row (column -> value) for each report with two or more linked.
    Up to ``limit`` apart is a pass, up to twice that a warning; a type that was never read fails."""
    linked = snapshot.linked
    judged = [c for c in snapshot.cells if c.connection_id in linked and (c.last_success or not c.expected)]
    rows = []
    for report in reports:
        cells = [cell for cell in judged if cell.data_type in REPORTS[report]]
        types = {cell.data_type for cell in cells}
        if len(types) < 2:
            continue
        never = {cell.data_type for cell in cells if cell.last_success is None}
        read = sorted((cell.last_success, cell.data_type) for cell in cells if cell.last_success is not None)
        oldest, newest = (read[0], read[-1]) if read else ((None, None), (None, None))
        apart = read[-1][0] - read[0][0] if read else None
        rows.append({
            "company": snapshot.name, "report": report, "apart": apart, "data_types": len(types),
            "verdict": FAIL if never else Goal(limit, 2 * limit).verdict(apart),
            "oldest_type": oldest[1], "oldest": oldest[0], "newest_type": newest[1], "newest": newest[0],
            "never_read": len(never), "company_id": snapshot.id, "seen": snapshot.seen,
        })  # fmt: skip
    return rows


def token_rows(snapshot: CompanySnapshot, now: datetime) -> list[dict[str, Any]]:
    """How long ago anything of a connection was read: a row for each; never read, it is as old as the connection. One
    that is no longer linked has lost its token and fails; one that never was has none to judge."""
    newest: dict[str, datetime] = {}
    for cell in snapshot.cells:
        if cell.last_success is not None:
            newest[cell.connection_id] = max(cell.last_success, newest.get(cell.connection_id, cell.last_success))
    rows = []
    for connection in snapshot.connections.values():
        last = max(filter(None, (newest.get(connection.id), instant(connection.last_sync))), default=None)
        since = last or instant(connection.created)
        age = now - since if since else None
        if connection.is_linked:
            verdict: str | None = TOKEN.verdict(age)
            action = "nothing" if verdict == PASS else "refresh one data type"
        else:
            verdict = None if connection.status == "PendingAuth" else FAIL
            action = "send the customer the link URL"
        rows.append({
            "company": snapshot.name, "platform": connection.platform_name, "verdict": verdict, "last_sync": last,
            "age": age, "status": connection.status, "action": action, "link_url": connection.link_url or None,
            "connection_id": connection.id, "company_id": snapshot.id, "seen": snapshot.seen,
        })  # fmt: skip
    return rows


class PortfolioStatus:
    """The state of a portfolio at ``time``. Made by ``Session.portfolio_status``.

    >>> health = session.portfolio_status(tags={"region": "uk"})   # doctest: +SKIP
    >>> session.refresh(health.plan("goals"))                      # doctest: +SKIP
    """

    def __init__(
        self,
        snapshots: Sequence[CompanySnapshot],
        selection: Selection,
        time: datetime,
        *,
        goal: Mapping[str, Any] | None = None,
        skew: str | timedelta = "7D",
        question: Question | None = None,
        clock: ServerClock | None = None,
    ) -> None:
        self.snapshots = tuple(snapshots)
        self.time = time
        self.question = question or question_of()
        self.clock = clock
        self._selection = selection
        self._goals = goals_by_type(goal)
        self._skew = interval(skew, "skew")
        self._durations = durations_of(snapshots)

    @property
    def current(self) -> list[Cell]:
        """The cells that are meant: of connections that there still are, of the platforms and types asked for."""
        return [cell for snapshot in self.snapshots for cell in self._cells(snapshot)]

    def _cells(self, snapshot: CompanySnapshot) -> list[Cell]:
        wanted = self._selection.types
        return [
            cell
            for cell in snapshot.cells
            if (wanted is None or cell.data_type in wanted)
            and (connection := snapshot.connections.get(cell.connection_id)) is not None
            and self._selection.takes(connection)
        ]

    def goal(self, data_type: str) -> Goal | None:
        """The goal of a data type, where one is set."""
        return self._goals.get(data_type, self._goals.get("*"))

    def verdict(self, cell: Cell) -> str | None:
        """Whether a cell is as fresh as its goal wants: ``pass``, ``warn``, ``fail``.

        ``None`` where no goal is set, or it fails as it has to.
        """
        goal = self.goal(cell.data_type)
        if goal is None or (cell.expected and cell.last_success is None):
            return None
        return goal.verdict(cell.age)

    @property
    def cells(self) -> pd.DataFrame:
        """Each cell: ``company``, ``verdict``, ``connection_status`` and ``seen`` (when it was last asked for), then
        the columns of ``session.status``."""
        pairs = [(snapshot, cell) for snapshot in self.snapshots for cell in self._cells(snapshot)]
        statuses = [snapshot.connections[cell.connection_id].status for snapshot, cell in pairs]
        extra: dict[str, tuple[str, list[Any]]] = {
            "company": ("text", [snapshot.name for snapshot, _ in pairs]),
            "verdict": ("category", [self.verdict(cell) for _, cell in pairs]),
            "connection_status": ("category", statuses),
            "seen": ("time", [snapshot.seen for snapshot, _ in pairs]),
        }
        return frames.data_status([cell for _, cell in pairs], extra=extra)

    @property
    def companies(self) -> pd.DataFrame:
        """Each company, what needs most first.

        ``company``, ``state`` (``needs a customer``, ``needs a refresh``, ``running``, ``fine``, ``not looked at``),
        ``action`` (what to do first), ``ready`` (whether it is for the purpose: ``ready``, ``not ready``, ``fresh``
        where no period was given, ``not known``), ``connections``, ``last_sync``, ``oldest_type`` and when that was
        read (``oldest``, ``age``), ``fresh`` (per cent of its cells that pass), ``late`` (cells that do not, or failed
        last),
        ``running``, ``failure`` (the last one that still stands), when it ``failed``, ``platforms``, ``tags``,
        ``link_url`` (for the customer, where that is what it needs), ``seen``, ``company_id``.
        """
        rows = [
            company_row(snapshot, self._cells(snapshot), self._passes, self._ready(snapshot), self.time)
            for snapshot in self.snapshots
        ]
        return frames.of_rows(frames.PORTFOLIO, sorted(rows, key=lambda row: row.urgency))

    def _ready(self, snapshot: CompanySnapshot) -> str | None:
        """The verdict in words; ``None`` where only a look can tell."""
        known = snapshot.seen or snapshot.trouble or not snapshot.connections
        return Readiness(snapshot, self.question, self.time).badge[0].lower() if known else None

    def _passes(self, cell: Cell) -> bool | None:
        verdict = self.verdict(cell)
        return None if verdict is None else verdict == PASS

    @property
    def goals(self) -> pd.DataFrame:
        """Each data type and each report: how many cells pass, warn and fail, and the share that passes."""
        by_type: dict[str, Counter[str]] = {}
        for cell in self.current:
            if (verdict := self.verdict(cell)) is not None:
                by_type.setdefault(cell.data_type, Counter())[verdict] += 1
        reports = {name: [t for t in types if t in by_type] for name, types in REPORTS.items()}
        together = {name: sum((by_type[t] for t in types), Counter()) for name, types in reports.items() if types}
        rows = [("report", name, counted) for name, counted in together.items()]
        rows += [("data type", name, counted) for name, counted in sorted(by_type.items())]
        columns: dict[str, list[Any]] = {"of": [kind for kind, _, _ in rows], "name": [name for _, name, _ in rows]}
        columns |= {verdict: [counted[verdict] for _, _, counted in rows] for verdict in VERDICTS}
        columns["share"] = [counted[PASS] / counted.total() for _, _, counted in rows]
        return frames.build(frames.GOALS, columns)

    @property
    def skew(self) -> pd.DataFrame:
        """Each report of each company: how far apart its data types were read, the widest first."""
        wanted = self._selection.types
        reports = [name for name, types in REPORTS.items() if wanted is None or set(types) & set(wanted)]
        rows = [row for snapshot in self.snapshots for row in skew_rows(snapshot, reports, self._skew)]
        return _worst_first(frames.SKEW, rows, "apart")

    @property
    def tokens(self) -> pd.DataFrame:
        """Each connection: how long ago anything of it was read, and what keeps its token alive. The oldest first."""
        rows = [row for snapshot in self.snapshots for row in token_rows(snapshot, self.time)]
        return _worst_first(frames.TOKENS, rows, "age")

    @property
    def troubles(self) -> pd.DataFrame:
        """The companies that could not be read, and why."""
        rows = [(snapshot.name, snapshot.trouble, snapshot.id) for snapshot in self.snapshots if snapshot.trouble]
        company, why, id = zip(*rows, strict=True) if rows else ((), (), ())
        return frames.build(frames.TROUBLES, {"company": company, "why": why, "company_id": id})

    def plan(self, *aspects: str) -> pd.DataFrame:
        """The plan that would mend it, to hand to ``session.refresh``; columns as of ``session.plan``.

        ``aspects``: ``"goals"`` (each cell that does not pass), ``"skew"`` (all data types of a report that does not
        add up), ``"tokens"`` (the quickest data type of each connection that is near its end); all three by default.

        Raises ``ValueError`` for another word.
        """
        if unknown := [aspect for aspect in aspects if aspect not in ASPECTS]:
            meant = did_you_mean(unknown[0], ASPECTS)
            raise ValueError(f"There is no {unknown[0]!r} to mend; there are {', '.join(ASPECTS)}.{meant}")
        targets: dict[str, tuple[Target, ...]] = {}
        for snapshot in self.snapshots:
            cells = [cell for aspect in aspects or ASPECTS for cell in self._to_mend(aspect, snapshot)]
            targets[snapshot.id.lower()] = tuple(dict.fromkeys((cell.data_type, cell.connection_id) for cell in cells))
        from codat_notebook.planning.plan_view import plan_frame

        return plan_frame(plan_rows(self.snapshots, Selection(targets, by_rule=True)))

    def _to_mend(self, aspect: str, snapshot: CompanySnapshot) -> list[Cell]:
        """The cells of a company that have to be refreshed to mend one aspect."""
        cells = self._cells(snapshot)
        if aspect == "goals":
            return [cell for cell in cells if self.verdict(cell) in LATE]
        if aspect == "skew":
            bad = [row["report"] for row in skew_rows(snapshot, REPORTS, self._skew) if row["verdict"] in LATE]
            return [cell for cell in cells if any(cell.data_type in REPORTS[report] for report in bad)]
        dying = [row["connection_id"] for row in token_rows(snapshot, self.time) if row["verdict"] in LATE]
        by_connection = [[cell for cell in cells if cell.connection_id == id] for id in dying]
        return [min(alike, key=self._effort) for alike in by_connection if alike]

    def _effort(self, cell: Cell) -> tuple[bool, float, str]:
        """What is the least trouble to refresh: what worked last time, then what is quick."""
        return cell.status != "Complete", self._durations.of(cell.platform, cell.data_type).median, cell.data_type

    def __bool__(self) -> bool:
        """Whether all of it was read, and everything that has a verdict passes; of nothing nothing is known."""
        judged = [*map(self.verdict, self.current), *self.skew["verdict"], *self.tokens["verdict"]]
        return PASS in judged and not any(verdict in LATE for verdict in judged) and self.troubles.empty

    def __repr__(self) -> str:
        verdicts = Counter(map(self.verdict, self.current))
        told = ", ".join(f"{verdicts[verdict]:,} {verdict}" for verdict in VERDICTS)
        troubled = sum(snapshot.trouble is not None for snapshot in self.snapshots)
        unread = f"; {troubled:,} could not be read" if troubled else ""
        return f"<PortfolioStatus of {len(self.snapshots):,} companies: {told}{unread}>"

    def _repr_html_(self) -> str:
        return display.static_html(repr(self), self.goals, self.time)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return display.mimebundle(self, **options)


def _worst_first(schema: Mapping[str, str], rows: Sequence[Mapping[str, Any]], column: str) -> pd.DataFrame:
    frame = frames.build(schema, {name: [row[name] for row in rows] for name in schema})
    return frame.sort_values(column, ascending=False, na_position="first", kind="stable").reset_index(drop=True)
