"""How often cells change: what was seen to change at the source, and the rates that are learned from it.

Codat's calls do not tell whether a refresh found anything. ``read.completed`` events do (``recordsModified``), and so
does whoever reads the records: ``observe_changes`` makes one frame of either. One rule makes rates of it
(``_take_in``), for ``learned`` of all that was seen, and for a :class:`Learner` while a strategy runs. Where nothing
was seen the rates are an assumption (``assumed_rates``: the sandbox's numbers per data type).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codat_notebook import frames
from codat_notebook.events import Event, parse
from codat_notebook.models.platforms import changes_a_day
from codat_notebook.strategies.cell_table import DAY, Columns, Labels
from codat_notebook.strategies.indices import Flags, Floats

#: Prior of a rate: a Gamma of this shape around the mean assumed for the data type. Wide on purpose.
SHAPE = 0.5
_INSTANT = 1e-9  # days: a gap below is rounding, not a refresh
_KEYS = ("company", "connection", "data_type")

Prior = tuple[float, float] | Mapping[str, tuple[float, float]] | None


def assumed_rates(columns: Columns) -> Floats:
    """The rates of the cells, where unknown those that the sandbox's profiles assume for the data type."""
    rates = columns.rate
    if not np.isnan(rates.min(initial=0.0)):  # of all, the smallest is missing where any is
        return rates
    codes, categories = columns.labels("data_type")
    usual = np.array([changes_a_day(label) for label in (*categories, "")])[codes]  # a missing type has the code -1
    return np.where(np.isnan(rates), usual, rates)


def _take_in(shape: Floats, days: Floats, cells: NDArray[np.intp], gap: Floats, changed: Flags) -> None:
    """Learn from a refresh of each of these cells, which closed a gap of so many days: did it find a change?

    A rate of Gamma(a, b) (``shape``, ``days``) is Gamma(a, b + gap) given that there was none. Given one it is the
    difference of two Gammas, and the Gamma of its mean and variance stands in for it (assumed density filtering, Minka
    2001): its moments are those of before, a / b and a (a + 1) / b^2, times e(1) / e(0) and e(2) / e(0), where
    e(k) = 1 - (1 + gap / b)^-(a + k).
    """
    a, b = shape[cells], days[cells]
    e0, e1, e2 = (-np.expm1(-(a + k) * np.log1p(gap / b)) for k in range(3))
    spread = np.maximum((a + 1) / a * e0 * e2 / e1**2 - 1, 1e-12)  # variance / mean^2
    shape[cells] = np.where(changed, 1 / spread, a)
    days[cells] = np.where(changed, b / a * e0 / e1 / spread, b + gap)


class Learner:
    """What is believed of rates from a Gamma(a, b) prior and one bit per refresh, kept over the rounds of a strategy.

    The first bit after linking is always "changed" and is dropped.
    """

    def __init__(self, prior: Prior = None) -> None:
        self._priors: Mapping[Any, tuple[float, float]]  # data type, or None for all -> (a, b)
        self._priors = prior if isinstance(prior, Mapping) else {} if prior is None else {None: prior}
        if not all(len(pair) == 2 and min(pair) > 0 for pair in self._priors.values()):
            raise ValueError(f"learn: a prior is two numbers > 0, or data type -> two numbers, not {prior!r}")
        self._labels: list[Labels] = []
        self._names: list[tuple[str, ...]] = []  # of the cells
        self._known = [np.empty(0)] * 3  # of each cell a + S, b + G, and its snapshot as days from the last round
        self._at: np.datetime64 = np.datetime64("NaT", "us")

    def save(self) -> dict[str, Any]:
        """What was learned of each cell, as JSON can hold it."""
        known = [column.tolist() for column in self._known]
        return {"at": str(self._at), "cells": [list(map(list, self._names)), *known]}

    def load(self, kept: Mapping[str, Any]) -> None:
        """Know what ``save`` gave."""
        names, *known = kept["cells"]
        self._names = list(map(tuple, names))
        self._known = [np.array(column, dtype=np.float64) for column in known]
        self._at = np.datetime64(kept["at"], "us")

    def believed(self, columns: Columns) -> tuple[Floats, Floats]:
        """The Gamma of each cell's rate (shape; days) now, after the refreshes that ended since the last call."""
        self._know(columns)
        shape, days, snapshot = self._known
        gap = columns.last_success - snapshot
        # Snapshots are told as days from now, so those of the last round are the time since then further off.
        gap += (columns.now - self._at) / DAY
        self._at = columns.now
        fresh = np.flatnonzero(gap > _INSTANT)
        changed = columns.changed_last[fresh]
        told = ~np.isnan(changed)
        _take_in(shape, days, fresh[told], gap[fresh[told]], changed[told] > 0)
        self._known[2] = columns.last_success
        return shape, days

    def _know(self, columns: Columns) -> None:
        """Make sure that what is remembered stands in the order of these cells; new ones begin with the prior."""
        labels = [columns.labels(name) for name in _KEYS]
        if self._labels and all(new[0] is old[0] for new, old in zip(labels, self._labels, strict=True)):
            return
        texts = ([categories[code] if code >= 0 else "" for code in codes] for codes, categories in labels)
        names = list(zip(*texts, strict=True))
        before = {name: row for row, name in enumerate(self._names)}
        kept = [(row, before[name]) for row, name in enumerate(names) if name in before]
        rows, rows_before = np.array(kept, dtype=np.intp).reshape(-1, 2).T
        known = self._prior(columns)
        for now, then in zip(known, self._known, strict=True):
            now[rows] = then[rows_before]
        self._labels, self._names, self._known = labels, names, known

    def _prior(self, columns: Columns) -> list[Floats]:
        """What is known of cells of which nothing was seen."""
        shape, days = np.full(len(columns.age), SHAPE), SHAPE / np.maximum(assumed_rates(columns), 1e-9)
        for name, pair in self._priors.items():
            own = slice(None) if name is None else columns.matches("data_type", name)
            shape[own], days[own] = pair
        return [shape, days, np.full(len(shape), np.nan)]


#: What was seen, one row a refresh that ended well: whether it found changes since the one before.
OBSERVED: Final = {
    "company_id": "category", "connection_id": "category", "data_type": "category", "time": "time", "changed": "flag",
    "since": "time",
}  # fmt: skip
_READS: Final = re.compile(r"(?:^|\.)read\.completed(?:\.|$)")
Told = Event | Mapping[str, Any] | str | bytes
_NEEDED: Final = ("company_id", "data_type", "time", "changed")
_NAMES: Final = ("company_id", "connection_id", "data_type")


def observe_changes(seen: pd.DataFrame | Told | Iterable[Told]) -> pd.DataFrame:
    """What was seen to change, as one frame: a row for each refresh, whether it found changes since the one before.

    Parameters
    ----------
    seen : webhook events that tell of reads (``read.completed``, ``lending.read.completed``, and their variants), as
        dictionaries, as their JSON text or as ``codat_notebook.events`` read them: ``recordsModified`` of what is
        Complete is the answer, and a read that is told twice counts once; others are passed over. Or a frame with
        ``company_id``, ``data_type``, ``time`` (of the refresh), ``changed``, and if wanted ``connection_id`` and
        ``since`` (of the refresh before, where that is not a row itself).

    Raises
    ------
    ValueError : something that is neither, with the first row or event that shows it.

    Examples
    --------
    >>> event = {"eventType": "read.completed", "generatedDate": "2026-11-23T13:00:00Z", "payload": {
    ...     "referenceCompany": {"id": "c1"}, "dataTypes": [
    ...         {"dataType": "bills", "connectionId": "x1", "status": "Complete", "recordsModified": True}]}}
    >>> observe_changes([event])[["data_type", "changed"]].values.tolist()
    [['bills', True]]
    """
    if isinstance(seen, pd.DataFrame):
        if missing := [name for name in _NEEDED if name not in seen.columns]:
            raise ValueError(f"observed changes lack the column {', '.join(missing)}; they need {', '.join(_NEEDED)}")
        frame = frames.build(OBSERVED, {name: list(seen[name]) for name in OBSERVED if name in seen.columns})
    else:
        events = [seen] if isinstance(seen, (str, bytes, Mapping, Event)) else seen
        rows = [row for number, event in enumerate(events) for row in _of_event(event, number)]
        frame = frames.build(OBSERVED, {name: [row[n] for row in rows] for n, name in enumerate(OBSERVED)})
    bad = frame[list(_NEEDED)].isna().any(axis=1)
    if bad.any():
        raise ValueError(f"observed changes: what, when and whether must be given:\n{frame[bad].head(5).to_string()}")
    frame = frame.sort_values(["time", "since"], ascending=[True, False]).drop_duplicates([*_NAMES, "time"])
    # What goes no less far back than a row before it is the same read in other words, or under a product's name.
    cells = frame.groupby(list(_NAMES), observed=True, dropna=False).ngroup()
    back = frame["since"].groupby(cells).cummax().groupby(cells).shift()
    return frame[~(frame["since"] <= back)].reset_index(drop=True)


def _of_event(event: Any, number: int) -> Iterator[tuple[Any, ...]]:
    """The rows of a webhook event."""
    try:
        told = event if isinstance(event, Event) else parse(event)
        if _READS.search(told.type) is None:
            return
        if not (told.company_id and told.data_types):
            raise ValueError("it tells no company, or no data types")
    except ValueError as error:
        raise ValueError(
            f"observed changes: event {number} is no read.completed event ({error}): {str(event)[:200]}"
        ) from error
    for each in told.data_types:
        if each.changed is not None:
            yield told.company_id, each.connection_id, each.data_type, told.generated, each.changed, told.modified_from


def learned(observed: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """What was observed of each cell: ``rate`` (missing without two refreshes) and ``changed_last`` (NA without them).

    The prior is wide around the rate assumed for the data type. The first bit of a cell says nothing: Codat tells false
    then, whatever is there. Rows without a connection count for all of the company's.
    """
    first = observed.drop_duplicates(list(_NAMES)).dropna(subset="since")  # tells of the refresh before the first one
    before = first.assign(time=first["since"], changed=False)
    seen = pd.concat([before, observed], ignore_index=True).sort_values("time", kind="stable")
    names = [seen[name].astype(object).where(seen[name].notna(), "") for name in _NAMES]
    number, keys = pd.MultiIndex.from_arrays(names).factorize()
    # Days since the refresh before of the same cell, and whether there was one.
    gap = seen["time"].groupby(number).diff().to_numpy() / DAY
    there = gap > 0
    number, gap, changed = number[there], gap[there], seen["changed"].to_numpy(bool)[there]
    shape, days = np.full(len(keys), SHAPE), SHAPE / np.array([changes_a_day(key[2]) for key in keys])
    turn = pd.Series(number).groupby(number).cumcount().to_numpy()
    for at in range(turn.max(initial=-1) + 1):  # the first refresh of each cell, then the second, ...
        own = turn == at
        _take_in(shape, days, number[own], gap[own], changed[own])
    last = pd.Series(changed).groupby(number).last()
    known = pd.DataFrame({"rate": (shape / days)[last.index], "changed_last": last.astype("boolean")})
    place = {key: row for row, key in enumerate(keys)}
    wanted = zip(*(cells[name].astype(str) for name in _KEYS), strict=True)
    return known.reindex([place.get((a, b, c), place.get((a, "", c), -1)) for a, b, c in wanted]).set_axis(cells.index)
