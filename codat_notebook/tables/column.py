"""How a column is shown: its kind, what the browser gets for each value, how it sorts, is searched and is filtered.

The kernel sends little and leaves to the browser what only the browser knows: times go as UTC texts and are shown in
the reader's zone, durations as seconds. A missing value is ``None`` whatever its dtype. Nothing here knows about
pages or views; :mod:`codat_notebook.tables.sheet` puts columns together.

A facet, which is a filter by what a column holds, has worked out once what does not depend on the view. What is chosen
comes from the browser and goes back to it as texts: the values, or the two ends of a span of time. An end is an ISO
time (the first one counts, the last one does not), "-3600" for so many seconds before now, or "" for none. How often a
value occurs is counted among the rows that all *other* filters leave.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from codat_notebook.models.instants import instant
from codat_notebook.models.status import plain_status, tone
from codat_notebook.models.vocabulary import plain_name
from codat_notebook.words import short_id

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

Kind = Literal["text", "prose", "status", "data_type", "time", "duration", "number", "percent", "id", "link"]
Row = dict[str, Any]
Clock = Callable[[], datetime | None]

#: Longer texts are cut: a tooltip holds no more, and a message must stay small.
_MOST_CHARACTERS = 600
#: Characters up to which texts are sorted as bytes of one width.
_SHORT = 64
#: Values that are offered: the most frequent ones of a column that has more.
MOST = 200
#: Spans that are offered, by their beginning in seconds before now.
#: Kinds whose values are Codat's own keys: what is seen, sorted and offered are their words; both can be searched.
_WORDS: dict[Kind, Callable[[str], str]] = {"status": plain_status, "data_type": plain_name}
SPANS = {"-3600": "last hour", "-86400": "last 24 hours", "-604800": "last 7 days", "-2592000": "last 30 days"}
_NONE = "(none)"


@dataclass(frozen=True)
class Column:
    """How a column is shown, where the guess from its name and dtype is not wanted.

    Parameters
    ----------
    label : heading; by default the column's name with spaces for underscores.
    kind : "text", "prose" (text in as many lines as it takes), "status" (a pill), "data_type", "time" (shown in the
        reader's zone), "duration" (timedelta or seconds), "number", "percent" (of 100), "id" (shortened, to copy) or
        "link" (an address, to copy).
        A "status" and a "data_type" stand there in plain words, with Codat's key in the tooltip.
    hidden : leave the column out; its values still reach ``on_select`` and ``visible``.
    tone : for statuses whose word does not say all: from a row as a dict to "ok", "run", "warn", "bad" or "idle".
    facet : offer a filter by what the column holds: its values with their counts, or for times a span.
    named_by : for a facet of ids: the column whose words stand for them. Ids of the same words get their beginning.
    decimals : of a "number" that is no integer; by default as many as it has, up to four.
    since, until : of a "duration": the columns of its beginning and its end. It goes on where it has no end yet; an
        age has none.
    words : for values that are not words to read: what is shown, sorted and offered in their place. The value can still
        be searched, and is what ``visible``, ``on_select`` and files have.

    Examples
    --------
    >>> connection = Column("connection", hidden=True, facet=True, named_by="platform")
    """

    label: str = ""
    kind: Kind | None = None
    hidden: bool = False
    tone: Callable[[Row], str | None] | None = None
    facet: bool = False
    named_by: str = ""
    decimals: int | None = None
    since: str = ""
    until: str = ""
    words: Callable[[str], str] | None = None


@dataclass(frozen=True, kw_only=True)
class Shown(Column):
    """A column of a certain frame: a ``key`` that no other column has, how it is shown, and its values."""

    key: str
    kind: Kind
    values: pd.Series[Any]


def shown_columns(frame: pd.DataFrame, wanted: Mapping[str, Column]) -> list[Shown]:
    """All columns of a frame: an index that says something, those that ``wanted`` names in its order, the rest."""
    named = [(_name(name), frame.iloc[:, i]) for i, name in enumerate(frame.columns)]
    keyed = _unique([*_index(frame), *named])
    order = {key: place for place, key in enumerate(wanted)}
    keyed.sort(key=lambda pair: order.get(pair[0], len(order)))
    return [_shown(key, values, wanted.get(key, Column())) for key, values in keyed]


def _index(frame: pd.DataFrame) -> list[tuple[str, pd.Series[Any]]]:
    import pandas as pd

    index = frame.index
    if isinstance(index, pd.RangeIndex) and index.name is None:
        return []
    names = [name if name is not None else f"level {n}" for n, name in enumerate(index.names)]
    if index.nlevels == 1 and index.names[0] is None:
        names = ["index"]
    return [(_name(name), index.get_level_values(n).to_series()) for n, name in enumerate(names)]


def _name(name: Hashable) -> str:
    return " / ".join(map(text, name)) if isinstance(name, tuple) else text(name)


def _unique(pairs: Sequence[tuple[str, Any]]) -> list[tuple[str, Any]]:
    result: dict[str, Any] = {}
    for name, values in pairs:
        key, number = name, 1
        while key in result:
            number += 1
            key = f"{name} ({number})"
        result[key] = values
    return list(result.items())


def _shown(key: str, values: pd.Series[Any], column: Column) -> Shown:
    guessed = {"label": column.label or key.replace("_", " "), "kind": column.kind or kind_of(key, values)}
    return Shown(key=key, values=values, **{**vars(column), **guessed})


def kind_of(name: str, values: pd.Series[Any]) -> Kind:
    """The kind that a column's dtype and name suggest."""
    from pandas.api import types

    dtype = values.dtype
    if types.is_datetime64_any_dtype(dtype):
        return "time"
    if types.is_timedelta64_dtype(dtype):
        return "duration"
    if types.is_numeric_dtype(dtype) and not types.is_bool_dtype(dtype):
        return "percent" if name == "progress" else "number"
    if name == "id" or name.endswith("_id"):
        return "id"
    if name in ("data_type", "oldest_type", "newest_type"):
        return "data_type"
    return "status" if name == "status" or name.endswith("_status") else "text"


def text(value: object) -> str:
    """Any value as text that can be sent: not too long, and without halves of surrogate pairs."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    words = str(value)
    if len(words) > _MOST_CHARACTERS:
        words = words[:_MOST_CHARACTERS] + "…"
    return words.encode("utf-8", "replace").decode("utf-8")


def number_text(value: object, decimals: int | None = None) -> str:
    """A number with its thousands marked and at most four decimals, or as many ``decimals`` as are asked for.

    >>> number_text(1284), number_text(0.5), number_text(1234.56789), number_text(1e-7), number_text(3, 1)
    ('1,284', '0.5', '1,234.5679', '1e-07', '3')
    >>> number_text(1234.56789, 1), number_text(3.0, 1)
    ('1,234.6', '3.0')
    """
    if isinstance(value, Integral):
        return f"{int(value):,}"
    if not isinstance(value, Real):
        return text(value)
    real = float(value)
    if not math.isfinite(real):
        return {math.inf: "∞", -math.inf: "−∞"}.get(real, "")
    if decimals is not None:
        return f"{real:,.{decimals}f}"
    if real and not 1e-4 <= abs(real) < 1e15:
        return f"{real:.4g}"
    return f"{real:,.4f}".rstrip("0").rstrip(".")


def _time(value: object) -> str:
    if not isinstance(value, datetime):
        return text(value)
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
        return value.isoformat(timespec="milliseconds" if value.microsecond else "seconds") + "Z"
    return value.isoformat(timespec="seconds")  # no zone is known: the browser shows it as it is


def _seconds(value: Any) -> float | str | None:
    seconds = value.total_seconds() if hasattr(value, "total_seconds") else value
    if not isinstance(seconds, Real):
        return text(value)
    return round(float(seconds), 3) if math.isfinite(seconds) else None


def _flag(value: object) -> str:
    # numpy's booleans are no bool
    return text(bool(value)) if type(value).__name__ in ("bool", "bool_") else text(value)


def _named(value: object) -> list[str]:
    key = text(value)
    return [plain_name(key), key]


_SENT: dict[Kind, Callable[[Any], object]] = {
    "text": _flag, "prose": _flag, "status": text, "data_type": _named, "id": text, "link": str, "number": number_text,
    "percent": number_text, "time": _time, "duration": _seconds,
}  # fmt: skip


def cells(column: Shown, rows: NDArray[np.intp]) -> list[Any]:
    """What is sent for the values in these rows: ``None`` where missing, else a text, (durations) seconds, or (data
    types) the name and the key."""
    values = column.values.iloc[rows]
    sent = _SENT[column.kind]
    if column.kind == "number" and column.decimals is not None:
        sent = partial(number_text, decimals=column.decimals)
    if (words := column.words) is not None and column.kind == "text":
        return [None if gone else words(text(value)) for value, gone in zip(values, values.isna(), strict=True)]
    return [None if gone else sent(value) for value, gone in zip(values, values.isna(), strict=True)]


def sort_key(column: Shown) -> pd.Series[Any]:
    """Values that sort as a reader expects: numbers and times by size, texts without regard to case."""
    import pandas as pd

    values = column.values.reset_index(drop=True)
    if isinstance(values.dtype, pd.CategoricalDtype):  # the code of a missing value is -1: the last one is taken
        if values.cat.ordered:
            return values.cat.codes.where(values.notna())
        words = [_words(column, text(each)).casefold() for each in values.cat.categories]
        ranks = pd.Series(words, dtype="string").rank(method="dense")
        return pd.Series([*ranks, math.nan], dtype="float64").take(values.cat.codes.to_numpy()).reset_index(drop=True)
    if values.dtype != object and not pd.api.types.is_string_dtype(values.dtype):
        return values
    if column.kind == "time":
        return pd.to_datetime(values.map(_time, na_action="ignore"), utc=True, format="ISO8601", errors="coerce")
    if column.kind in ("number", "percent", "duration"):
        return pd.to_numeric(values.map(_seconds, na_action="ignore"), errors="coerce")
    folded = folded_texts(column)
    places = _ranks(folded)
    return (pd.Series(folded, dtype="object") if places is None else pd.Series(places)).where(values.notna(), None)


def _ranks(texts: list[str]) -> NDArray[np.float64] | None:
    """The place of each text among the distinct ones, in half the time of comparing texts; ``None`` for long ones.

    UTF-8 sorts as the texts do, and numpy sorts bytes of one width quickly.
    """
    import numpy as np

    if not texts or max(map(len, texts)) > _SHORT:
        return None
    try:
        encoded = np.array(texts, dtype="S")
    except UnicodeEncodeError:  # that was for ASCII
        encoded = np.array([text.encode("utf-8", "surrogatepass") for text in texts])
    order = np.argsort(encoded, kind="stable")
    ordered = encoded[order]
    ranks = np.empty(len(texts), dtype=np.float64)
    ranks[order] = np.concatenate([[0], np.cumsum(ordered[1:] != ordered[:-1])])
    return ranks


def seen(column: Shown) -> Callable[[str], str] | None:
    """What is read in place of a value of the column; ``None``: the value itself."""
    return column.words or _WORDS.get(column.kind)


def _words(column: Shown, text: str) -> str:
    """What is seen of a text, and after it, out of the way of the order, the value that it stands for."""
    worded = seen(column)
    words = worded(text) if worded and text else text
    return words if words == text else f"{words}\n{text}"


def folded_texts(column: Shown) -> list[str]:
    """The column's texts without case, for sorting and searching; empty where missing."""
    if seen(column) is not None:
        values = column.values.astype("object").where(column.values.notna(), "").map(text).tolist()
        known = {each: _words(column, each).casefold() for each in set(values)}
        return [known[each] for each in values]
    if column.values.dtype == "string":
        return list(map(str.casefold, column.values.fillna("").tolist()))
    pairs = zip(column.values.tolist(), column.values.isna(), strict=True)
    return ["" if gone else (value if isinstance(value, str) else _flag(value)).casefold() for value, gone in pairs]


def matching(column: Shown, folded: Callable[[], list[str]], word: str) -> NDArray[np.bool_]:
    """Which rows of a text column hold ``word`` (given without case)."""
    import numpy as np
    import pandas as pd

    values = column.values
    if isinstance(values.dtype, pd.CategoricalDtype):
        holds = [word in _words(column, text(each)).casefold() for each in values.cat.categories]
        return np.array([*holds, False]).take(values.cat.codes)  # the code of a missing value is -1: the last is taken
    if pd.api.types.is_bool_dtype(values.dtype):
        return np.zeros(len(values), dtype=bool)  # nobody looks for a yes or a no
    return np.fromiter((word in each for each in folded()), dtype=bool, count=len(values))


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
        self._labels = self._worded() if names is None else self._named(names)

    def _worded(self) -> list[str]:
        """Each value in words; where two are called the same, with its key."""
        worded = seen(self.column) or str
        words = [(text and worded(text)) or _NONE for text in self._texts]
        often = Counter(words)
        return [f"{w} ({t})" if often[w] > 1 and t else w for w, t in zip(words, self._texts, strict=True)]

    def _named(self, names: Shown) -> list[str]:
        """For each id what the other column calls it; where two are called the same, with the beginning of the id."""
        import numpy as np

        places = np.zeros(len(self._texts), dtype=np.intp)  # for each value one of the rows that have it
        places[self._codes] = np.arange(len(self._codes))
        words = [text(word or _NONE) for word in names.values.iloc[places].astype(object).fillna("")]
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
        worded = seen(self.column) or str
        gone = [[text, (text and worded(text)) or _NONE, 0, ""] for text in chosen if text not in self._texts]
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
        codes, texts = values.cat.codes.to_numpy().astype(np.intp), values.cat.categories.map(text).tolist()
    else:
        plain = values.map(text, na_action="ignore") if values.dtype == object else values  # a list has no hash
        codes, distinct = pd.factorize(plain)
        texts = [text(value) for value in distinct]
    codes = np.where(codes < 0, len(texts), codes)  # what is missing comes last
    used, codes = np.unique(codes, return_inverse=True)
    return codes, [[*texts, ""][n] for n in used]


class Span:
    """A filter by time. What spans such as the last hour count from is ``now``; without it, the newest time."""

    def __init__(self, column: Shown, now: Clock | None = None) -> None:
        import pandas as pd

        self.column = column
        self._times: pd.Series[pd.Timestamp] = pd.to_datetime(sort_key(column), utc=True)
        newest = self._times.max()
        self._newest = None if pd.isna(newest) else newest.to_pydatetime()
        self._now = now

    def mask(self, chosen: Sequence[str]) -> NDArray[np.bool_]:
        """Which rows lie within."""
        import numpy as np
        import pandas as pd

        since, until = ends(chosen, (self._now and self._now()) or self._newest)
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
