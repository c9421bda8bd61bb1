"""Filters by what a column holds: its values with their counts, or for a column of times a span of it.

A facet belongs to one column of one frame and has worked out once what does not depend on the view. What is chosen
comes from the browser and goes back to it as texts: the values, or the two ends of a span. An end is an ISO time
(the first one counts, the last one does not), "-3600" for so many seconds before now, or "" for none. How often a
value occurs is counted among the rows that all *other* filters leave.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from codat_notebook.models.instants import instant
from codat_notebook.models.status import tone
from codat_notebook.tables import column as cols
from codat_notebook.tables.column import Shown
from codat_notebook.words import short_id

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

Clock = Callable[[], datetime | None]

#: Values that are offered: the most frequent ones of a column that has more.
MOST = 200
#: Spans that are offered, by their beginning in seconds before now.
SPANS = {"-3600": "last hour", "-86400": "last 24 hours", "-604800": "last 7 days", "-2592000": "last 30 days"}
_NONE = "(none)"


class FacetState(TypedDict):
    """A filter as the browser draws it: ``options`` are [value, words, count, tone]; ``more`` are not offered."""

    key: str
    label: str
    kind: Literal["values", "time"]
    options: list[list[Any]]
    chosen: list[str]
    more: int


class ColumnValues:
    """A filter by the values of a column; a row without a value has the value ""."""

    def __init__(self, column: Shown, names: Shown | None = None) -> None:
        self.column = column
        self._codes, self._texts = _coded(column)
        self._labels = [text or _NONE for text in self._texts] if names is None else self._named(names)

    def _named(self, names: Shown) -> list[str]:
        """For each id what the other column calls it; where two are called the same, with the beginning of the id."""
        import numpy as np

        places = np.zeros(len(self._texts), dtype=np.intp)  # for each value one of the rows that have it
        places[self._codes] = np.arange(len(self._codes))
        words = [cols.text(word or _NONE) for word in names.values.iloc[places].astype(object).fillna("")]
        often = Counter(words)
        return [f"{w} {short_id(t)}".strip() if often[w] > 1 else w for w, t in zip(words, self._texts, strict=True)]

    def mask(self, chosen: Sequence[str]) -> NDArray[np.bool_]:
        """Which rows have one of these values."""
        import numpy as np

        wanted = set(chosen)
        return np.array([text in wanted for text in self._texts], dtype=bool)[self._codes]

    def state(self, among: NDArray[np.bool_], chosen: Sequence[str]) -> FacetState:
        """What the browser draws: values in the order of their words, each with its count in ``among``."""
        import numpy as np

        counts = np.bincount(self._codes[among], minlength=len(self._texts)).tolist()
        rank = sorted(range(len(counts)), key=lambda n: (self._texts[n] not in chosen, -counts[n]))[:MOST]
        order = sorted(rank, key=lambda n: (not self._texts[n], self._labels[n].casefold()))
        toned = self.column.kind == "status" and self.column.tone is None
        options = [[self._texts[n], self._labels[n], counts[n], tone(self._texts[n]) if toned else ""] for n in order]
        gone = [[text, text or _NONE, 0, ""] for text in chosen if text not in self._texts]
        return _state(self.column, "values", options + gone, chosen, len(counts) - len(rank))


def _state(
    column: Shown, kind: Literal["values", "time"], options: list[list[Any]], chosen: Sequence[str], more: int
) -> FacetState:
    return {
        "key": column.key, "label": column.label, "kind": kind,
        "options": options, "chosen": list(chosen), "more": more,
    }  # fmt: skip


def _coded(column: Shown) -> tuple[NDArray[np.intp], list[str]]:
    """The distinct values as texts, and each row's place among them."""
    import numpy as np
    import pandas as pd

    values = column.values
    if isinstance(values.dtype, pd.CategoricalDtype):
        codes, texts = values.cat.codes.to_numpy().astype(np.intp), values.cat.categories.map(cols.text).tolist()
    else:
        plain = values.map(cols.text, na_action="ignore") if values.dtype == object else values  # a list has no hash
        codes, distinct = pd.factorize(plain)
        texts = [cols.text(value) for value in distinct]
    codes = np.where(codes < 0, len(texts), codes)  # what is missing comes last
    used, codes = np.unique(codes, return_inverse=True)
    return codes, [[*texts, ""][n] for n in used]


class Span:
    """A filter by time. What spans such as the last hour count from is ``now``; without it, the newest time."""

    def __init__(self, column: Shown, now: Clock | None = None) -> None:
        import pandas as pd

        self.column = column
        self._times: pd.Series[pd.Timestamp] = pd.to_datetime(cols.sort_key(column), utc=True)
        self._now = now

    def mask(self, chosen: Sequence[str]) -> NDArray[np.bool_]:
        """Which rows lie within."""
        import numpy as np
        import pandas as pd

        now = self._now and self._now()
        if now is None:
            now = next((time.to_pydatetime() for time in self._times.nlargest(1)), None)
        since, until = ends(chosen, now)
        inside = np.ones(len(self._times), dtype=bool)
        if since is not None:
            inside &= (self._times >= pd.Timestamp(since)).to_numpy()
        if until is not None:
            inside &= (self._times < pd.Timestamp(until)).to_numpy()
        return inside

    def state(self, among: NDArray[np.bool_], chosen: Sequence[str]) -> FacetState:
        """What the browser draws: the usual spans with their counts."""
        options = [[since, words, int((among & self.mask((since, ""))).sum()), ""] for since, words in SPANS.items()]
        return _state(self.column, "time", options, chosen, 0)


def ends(chosen: Sequence[str], now: datetime | None) -> tuple[datetime | None, datetime | None]:
    """The two ends of a span; ``None`` where it is open or what was sent cannot be read.

    >>> from datetime import UTC
    >>> since, until = ends(("-3600", ""), datetime(2026, 11, 23, 12, tzinfo=UTC))
    >>> since.hour, until
    (11, None)
    """
    since, until = (*chosen, "", "")[:2]
    return _end(since, now), _end(until, now)


def _end(text: str, now: datetime | None) -> datetime | None:
    if text in SPANS:
        return now and now - timedelta(seconds=-int(text))
    return instant(text)
