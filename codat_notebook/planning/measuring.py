"""Real companies as the table that strategies see, with what their histories tell of durations and failures. Pure.

What was measured is pooled: durations as ``runs.durations`` says, failures by platform, each drawn towards the numbers
that the sandbox assumes as long as little was seen. Codat tells no change rates: they are missing unless changes were
observed or a rate was given, and ``rate_from`` says which.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from codat_notebook.models.platforms import BY_NAME
from codat_notebook.planning.estimate import Prices
from codat_notebook.planning.plan import PlanRow, plan_rows
from codat_notebook.planning.selection import Selection
from codat_notebook.planning.snapshots import CellHistory, CompanySnapshot, durations_of
from codat_notebook.runs.durations import Durations
from codat_notebook.strategies.cell_table import table
from codat_notebook.strategies.learning import learned
from codat_notebook.strategies.rounds import back_off

if TYPE_CHECKING:
    import pandas as pd

_DAY = 86_400.0
_FAILURE_RATE = 0.05  # of a platform that the sandbox does not know
_TRUST = 20  # operations seen that weigh as much as the assumption
_GIVEN = ("weight", "rate", "due")
_KEYS = ("company_id", "connection_id", "data_type")


def measured(
    snapshots: Sequence[CompanySnapshot], selection: Selection, now: datetime, observed: pd.DataFrame | None = None,
    known: pd.DataFrame | None = None, prices: Prices | None = None,
) -> pd.DataFrame:  # fmt: skip
    """The cells of companies that were read; the parameters and columns are those of ``session.cells``."""
    import pandas as pd

    pairs = [(snapshot, row) for snapshot in snapshots for row in plan_rows([snapshot], selection) if row.connection_id]
    durations, (failed, ended) = durations_of(snapshots), _failures(snapshots)
    rows = [_cell(snapshot, row, durations, now) for snapshot, row in pairs]
    cells = table({name: [each[name] for each in rows] for name in rows[0]} if rows else {}, len(rows))
    cells["rate_from"] = pd.Series([None] * len(cells), dtype="string")
    if observed is not None:
        cells[["rate", "changed_last"]] = learned(observed, cells)
        cells["rate_from"] = cells["rate_from"].mask(cells["rate"].notna(), "observed")
    if known is not None:
        _give(cells, known)
    cells["rate_from"] = cells["rate_from"].fillna("assumed")
    kinds = [(row.platform or "", row.data_type or "") for _, row in pairs]
    priced = [(prices or Prices()).of(*kind) for kind in kinds]
    failing = []
    for platform, _ in kinds:
        usual = BY_NAME[platform].failure_rate if platform in BY_NAME else _FAILURE_RATE
        failing.append((failed[platform] + _TRUST * usual) / (ended[platform] + _TRUST))
    medians = [durations.of(*kind).median / _DAY for kind in kinds]
    return cells.assign(
        name=pd.Series([row.company for _, row in pairs], dtype="string"),
        obstacle=pd.Series([row.reason if row.action == "skip" else None for _, row in pairs], dtype="string"),
        latency=pd.Series(medians, dtype="float64"),
        failure_rate=pd.Series(failing, dtype="float64"),
        price=pd.Series([None if price is None else price.amount for price in priced], dtype="float64"),
    )


def _cell(snapshot: CompanySnapshot, row: PlanRow, durations: Durations, now: datetime) -> dict[str, Any]:
    """A row of the table."""
    key = row.connection_id or "", row.data_type or ""
    past = snapshot.histories.get(key) or CellHistory()
    connection = snapshot.connections.get(key[0])
    wait = timedelta(days=back_off(past.kind, past.streak)) if past.kind else None
    retry_at = past.failed_at + wait if wait and past.failed_at else None
    return {
        "company": row.company_id, "connection": row.connection_id, "data_type": row.data_type,
        "platform": row.platform, "source_type": connection.source_type if connection else None, "status": row.status,
        "age": float("inf") if row.age is None else max(row.age.total_seconds() / _DAY, 0.0),
        "last_success": None if row.age is None else now - row.age, "in_progress": key in snapshot.running,
        "failures": past.streak, "last_error": past.kind, "retry_at": retry_at if retry_at and retry_at > now else None,
        "connection_status": connection.status if connection else None,
        "latency_p95": durations.of(row.platform or "", row.data_type or "").late / _DAY,
    }  # fmt: skip


def _failures(snapshots: Iterable[CompanySnapshot]) -> tuple[Counter[str], Counter[str]]:
    """Platform -> how many refreshes failed, and how many ended, on connections that are linked."""
    failed, ended = Counter[str](), Counter[str]()
    for snapshot in snapshots:
        linked = snapshot.linked
        for (id, _), past in snapshot.histories.items():
            if id in linked:
                platform = snapshot.connections[id].platform_name
                failed[platform] += past.failed
                ended[platform] += past.ended
    return failed, ended


def _give(cells: pd.DataFrame, known: pd.DataFrame) -> None:
    """Put what the user knows into the cells: by company, or by connection and data type where the frame has these."""
    keys = [name for name in _KEYS if name in known.columns]
    given = [name for name in _GIVEN if name in known.columns]
    if not {"company_id", "data_type"} & set(keys) or not given:
        raise ValueError(f"known: a frame with company_id or data_type, and some of {', '.join(_GIVEN)}")
    if known.duplicated(keys).any():
        raise ValueError(f"known: two rows for the same {' and '.join(keys)}")
    own = [{"company_id": "company", "connection_id": "connection"}.get(name, name) for name in keys]
    places = {tuple(map(str, key)): row for row, key in enumerate(known[keys].itertuples(index=False))}
    rows = [places.get(key) for key in zip(*(cells[name].astype(str) for name in own), strict=True)]
    there = [place for place, row in enumerate(rows) if row is not None]
    values = known.iloc[[row for row in rows if row is not None]]
    for name in given:
        cells.loc[there, name] = values[name].to_numpy() if name != "due" else list(values[name])
    if "rate" in given:
        cells.loc[there, "rate_from"] = "given"
