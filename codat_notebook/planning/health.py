"""How healthy a portfolio is: the result of ``session.portfolio_status``, with the plans that would mend it.

A :class:`PortfolioStatus` holds what was read at one moment; its frames and plans are made of that and ask nothing
more. As a cell's last line it is a heatmap of companies by data types.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from codat_notebook import display, frames
from codat_notebook.models.instants import interval
from codat_notebook.models.vocabulary import REPORTS
from codat_notebook.planning import goals
from codat_notebook.planning.plan import plan_rows
from codat_notebook.planning.selection import Selection, Target
from codat_notebook.planning.snapshots import CompanySnapshot, durations_of
from codat_notebook.runs.cells import Cell

if TYPE_CHECKING:
    import pandas as pd

#: What can be mended, in the order of urgency.
ASPECTS = ("tokens", "goals", "skew")


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
        speed: float = 1.0,
    ) -> None:
        self.snapshots = tuple(snapshots)
        self.time = time
        self.speed = speed
        self._selection = selection
        self._goals = goals.goals_by_type(goal)
        self._skew = interval(skew, "skew")
        self._durations = durations_of(snapshots)

    @property
    def current(self) -> list[Cell]:
        """The cells that are meant: of connections that there still are, of the platforms and types asked for."""
        return [cell for snapshot in self.snapshots for cell in self._cells(snapshot)]

    def _cells(self, snapshot: CompanySnapshot) -> list[Cell]:
        wanted = self._selection.types
        connections = snapshot.facts.connections if snapshot.facts else {}
        return [
            cell
            for cell in snapshot.cells
            if (wanted is None or cell.data_type in wanted)
            and (connection := connections.get(cell.connection_id)) is not None
            and self._selection.takes(connection.platform_name, connection.integration_key)
        ]

    def verdict(self, cell: Cell) -> str | None:
        """Whether a cell is as fresh as its goal wants: ``pass``, ``warn``, ``fail``, ``None`` where there is none."""
        return goals.judge(cell, self._goals)

    @property
    def cells(self) -> pd.DataFrame:
        """Each cell: ``company``, ``verdict`` and ``connection_status``, then the columns of ``session.status``."""
        pairs = [(snapshot, cell) for snapshot in self.snapshots for cell in self._cells(snapshot)]
        connections = [snapshot.facts.connections[cell.connection_id] for snapshot, cell in pairs if snapshot.facts]
        extra: dict[str, tuple[str, list[Any]]] = {
            "company": ("text", [snapshot.name for snapshot, _ in pairs]),
            "verdict": ("category", [self.verdict(cell) for _, cell in pairs]),
            "connection_status": ("category", [connection.status for connection in connections]),
        }
        return frames.data_status([cell for _, cell in pairs], extra=extra)

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
        for verdict in goals.VERDICTS:
            columns[verdict] = [counted[verdict] for _, _, counted in rows]
        columns["share"] = [counted[goals.PASS] / counted.total() for _, _, counted in rows]
        return frames.build(frames.GOALS, columns)

    @property
    def skew(self) -> pd.DataFrame:
        """Each report of each company: how far apart its data types were read, the widest first."""
        wanted = self._selection.types
        reports = [name for name, types in REPORTS.items() if wanted is None or set(types) & set(wanted)]
        rows = [row for snapshot in self.snapshots for row in goals.skew_rows(snapshot, reports, self._skew)]
        return _worst_first(frames.SKEW, rows, "skew")

    @property
    def tokens(self) -> pd.DataFrame:
        """Each connection: how long ago anything of it was read, and what keeps its token alive. The oldest first."""
        rows = [row for snapshot in self.snapshots for row in goals.token_rows(snapshot, self.time)]
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
        makers: dict[str, Callable[[CompanySnapshot], list[tuple[str, str]]]] = {
            "goals": self._behind, "skew": self._apart, "tokens": self._dying,
        }  # fmt: skip
        unknown = [aspect for aspect in aspects if aspect not in makers]
        if unknown:
            raise ValueError(f"There is no {unknown[0]!r} to mend; there are {', '.join(ASPECTS)}.")
        targets: dict[str, tuple[Target, ...]] = {}
        for snapshot in self.snapshots:
            cells = [key for aspect in aspects or ASPECTS for key in makers[aspect](snapshot)]
            targets[snapshot.id.lower()] = tuple((type, connection) for connection, type in dict.fromkeys(cells))
        return frames.of_rows(frames.PLAN, plan_rows(self.snapshots, Selection(targets, by_rule=True)))

    def _behind(self, snapshot: CompanySnapshot) -> list[tuple[str, str]]:
        """The cells that miss their goal."""
        cells = [cell for cell in self._cells(snapshot) if self.verdict(cell) in goals.LATE]
        return [(cell.connection_id, cell.data_type) for cell in cells]

    def _apart(self, snapshot: CompanySnapshot) -> list[tuple[str, str]]:
        """The cells of the reports that do not add up."""
        bad = [row["report"] for row in goals.skew_rows(snapshot, REPORTS, self._skew) if row["verdict"] in goals.LATE]
        types = {data_type for report in bad for data_type in REPORTS[report]}
        return [(cell.connection_id, cell.data_type) for cell in self._cells(snapshot) if cell.data_type in types]

    def _dying(self, snapshot: CompanySnapshot) -> list[tuple[str, str]]:
        """The quickest data type of each connection whose token is near its end."""
        quickest = []
        for row in goals.token_rows(snapshot, self.time):
            cells = [cell for cell in self._cells(snapshot) if cell.connection_id == row["connection_id"]]
            if cells and row["verdict"] in goals.LATE:
                quickest.append((row["connection_id"], min(cells, key=self._effort).data_type))
        return quickest

    def _effort(self, cell: Cell) -> tuple[bool, float, str]:
        """What is the least trouble to refresh: what worked last time, then what is quick."""
        return cell.status != "Complete", self._durations.of(cell.platform, cell.data_type).median, cell.data_type

    def __repr__(self) -> str:
        verdicts = Counter(map(self.verdict, self.current))
        told = ", ".join(f"{verdicts[verdict]:,} {verdict}" for verdict in goals.VERDICTS)
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
