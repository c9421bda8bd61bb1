"""Changes that were seen at the source: from webhook events or from the user's own reads to rates.

No call of Codat tells whether a refresh found anything. ``read.completed`` events do (``recordsModified``), and so does
whoever reads the records. ``observe_changes`` makes one frame of either; ``learned`` makes rates of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from codat_notebook import frames
from codat_notebook.models.platforms import changes_a_day
from codat_notebook.strategies.indices import Floats
from codat_notebook.strategies.learning import SHAPE

if TYPE_CHECKING:
    import pandas as pd

#: What was seen, one row a refresh that ended well: whether it found changes since the one before.
OBSERVED: Final = {
    "company_id": "category", "connection_id": "category", "data_type": "category", "time": "time", "changed": "flag",
}  # fmt: skip
_NEEDED: Final = ("company_id", "data_type", "time", "changed")
_KEYS: Final = ("company_id", "connection_id", "data_type")
_DAY: Final = np.timedelta64(1, "D")
_ROUNDS: Final = 500


def observe_changes(seen: pd.DataFrame | Mapping[str, Any] | Iterable[Mapping[str, Any] | str]) -> pd.DataFrame:
    """What was seen to change, as one frame: a row for each refresh, whether it found changes since the one before.

    Parameters
    ----------
    seen : ``read.completed`` webhook events, as dictionaries or as their JSON text (``recordsModified`` is the answer;
        events of other types are passed over); or a frame with ``company_id``, ``data_type``, ``time`` (of the
        refresh), ``changed``, and if wanted ``connection_id``.

    Raises
    ------
    ValueError : something that is neither, with the first row or event that shows it.

    >>> event = {"eventType": "read.completed", "generatedDate": "2026-11-23T13:00:00Z", "payload": {
    ...     "referenceCompany": {"id": "c1"}, "dataTypes": [
    ...         {"dataType": "bills", "connectionId": "x1", "status": "Complete", "recordsModified": True}]}}
    >>> observe_changes([event])[["data_type", "changed"]].values.tolist()
    [['bills', True]]
    """
    if hasattr(seen, "columns"):
        frame = _of_frame(seen)
    else:
        events = [seen] if isinstance(seen, (str, Mapping)) else seen
        rows = [row for number, event in enumerate(events) for row in _of_event(event, number)]
        frame = frames.build(OBSERVED, {name: [row[n] for row in rows] for n, name in enumerate(OBSERVED)})
    bad = frame["time"].isna() | frame["changed"].isna() | frame["company_id"].isna() | frame["data_type"].isna()
    if bad.any():
        raise ValueError(f"observed changes: what, when and whether must be given:\n{frame[bad].head(5).to_string()}")
    return frame.sort_values("time", kind="stable", ignore_index=True)


def _of_frame(seen: Any) -> pd.DataFrame:
    missing = [name for name in _NEEDED if name not in seen.columns]
    if missing:
        raise ValueError(f"observed changes lack the column {', '.join(missing)}; they need {', '.join(_NEEDED)}")
    columns = {name: list(seen[name]) for name in OBSERVED if name in seen.columns}
    return frames.build(OBSERVED, columns)


def _of_event(event: Any, number: int) -> Iterator[tuple[Any, ...]]:
    """The rows of a webhook event."""
    try:
        told = json.loads(event) if isinstance(event, (str, bytes)) else event
        if told["eventType"] != "read.completed":
            return
        company, when = told["payload"]["referenceCompany"]["id"], told["generatedDate"]
        for each in told["payload"]["dataTypes"]:
            if each.get("status", "Complete") == "Complete":
                yield company, each.get("connectionId"), each["dataType"], when, bool(each["recordsModified"])
    except (KeyError, TypeError, ValueError) as error:
        shown = str(event)[:200]
        message = f"observed changes: event {number} is no read.completed event ({type(error).__name__}: {error})"
        raise ValueError(f"{message}: {shown}") from error


def learned(observed: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """What was observed of each cell: ``rate`` (missing without two refreshes) and ``changed_last`` (NA without them).

    The rate maximises the posterior of a Gamma(a, b) prior, wide around the rate assumed for the data type: the fixed
    point of rate = (a + sum over changed of rate g / (1 - e^(-rate g))) / (b + sum of g), with the gaps g between two
    refreshes (Cho & Garcia-Molina 2003 without the prior). The first bit of a cell says nothing: Codat tells false
    then, whatever is there. Rows without a connection count for all connections of the company.
    """
    import pandas as pd

    seen = observed.sort_values("time", kind="stable")
    names = [seen[name].astype(object).where(seen[name].notna(), "") for name in _KEYS]
    number, keys = pd.MultiIndex.from_arrays(names).factorize()
    gap, changed = _gaps(number, seen["time"].dt.tz_localize(None).to_numpy()), seen["changed"].to_numpy(bool)
    there = gap > 0
    usual = np.array([changes_a_day(key[2]) for key in keys], dtype=np.float64)
    rate = _posterior(number[there], gap[there], changed[there], usual)
    last = pd.Series(changed[there]).groupby(number[there]).last()
    place = {key: row for row, key in enumerate(keys)}
    wanted = zip(*(cells[name].astype(str) for name in ("company", "connection", "data_type")), strict=True)
    rows = [place.get((a, b, c), place.get((a, "", c), -1)) for a, b, c in wanted]
    return pd.DataFrame(
        {
            "rate": pd.Series(np.append(rate, np.nan)[rows], dtype="float64"),
            "changed_last": pd.Series([last.get(row) for row in rows], dtype="boolean"),
        }
    ).set_axis(cells.index)


def _gaps(number: NDArray[np.intp], when: NDArray[np.datetime64]) -> Floats:
    """Days since the refresh before of the same cell; 0 for the first. Times ascend."""
    gap = np.zeros(len(number))
    order = np.argsort(number, kind="stable")
    same = number[order][1:] == number[order][:-1]
    gap[order[1:][same]] = (np.diff(when[order]) / _DAY)[same]
    return gap


def _posterior(number: NDArray[np.intp], gap: Floats, changed: NDArray[np.bool_], usual: Floats) -> Floats:
    """The rate of each cell, missing where no gap was seen."""
    cells = len(usual)
    days = SHAPE / usual + np.bincount(number, gap, minlength=cells)
    rate = usual.copy()
    for _ in range(_ROUNDS):
        x = np.maximum(rate[number] * gap, 1e-12)
        found = np.bincount(number, np.where(changed, x / -np.expm1(-x), 0.0), minlength=cells)
        before, rate = rate, (SHAPE + found) / days
        if np.allclose(before, rate, rtol=1e-6, atol=0.0):
            break
    return np.where(np.bincount(number, minlength=cells) > 0, rate, np.nan)
