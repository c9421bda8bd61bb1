"""The columns of frames: a kind says what becomes of its values; what cannot be read is missing, and its row stays.

Each kind has one function, from values to a Series with the kind's dtype, also where there are no rows. Two are longer
than they need be, because they stand for most of a history's cost: distinct values become text once, and times of the
one form that Codat's system writes are read thousands at a time.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codat_notebook import words
from codat_notebook.markup import Markup, h, table
from codat_notebook.models.errors import shown

if TYPE_CHECKING:
    _Series = pd.Series[Any]
else:
    _Series = pd.Series
#: Kind -> the dtype that it has in every frame, whatever the version of pandas.
DTYPES: Final = {
    "text": "string", "category": "category", "count": "Int64", "number": "Float64", "flag": "boolean",
    "time": "datetime64[us, UTC]", "duration": "timedelta64[us]",
}  # fmt: skip
#: Times that are read at once; they stay in the processor's cache.
PIECE: Final = 2_000
_FORM: Final = b"0000-00-00T00:00:00.0000000Z\n"
_FORMS: Final = _FORM * PIECE
#: The starts of 1678 and 2262, in microseconds from 1970: what lies outside pandas 2 and 3 read differently.
_AFTER: Final = -9_214_560_000_000_000
_BEFORE: Final = 9_214_646_400_000_000
_TO_ZEROS: Final = bytes.maketrans(b"123456789", b"000000000")


class _Alike(type):
    """A plain DataFrame counts as a :class:`Frame`, so that ``pandas.testing`` takes either for the other."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, pd.DataFrame)


class Frame(pd.DataFrame, metaclass=_Alike):
    """A DataFrame with what Codat returned; what is selected of it is one, too.

    Its values are as they came. What a cell or a terminal shows of it is for reading: lengths of time in words, a dash
    for what is missing; and those signs are written out that could steer a terminal. Its columns and rows do the last,
    too. A single value is its text as it came, to be printed by ``repr`` where nobody knows who wrote it.
    """

    @property
    def _constructor(self) -> type:
        return Frame

    @property
    def _constructor_sliced(self) -> type:
        return FrameSeries

    def to_string(self, buf: Any = None, *args: Any, **how: Any) -> str | None:  # type: ignore[override]  # pandas has overloads
        """As pandas does it, in words unless ``formatters`` or ``na_rep`` are given; nothing steers a terminal."""
        plain = args or {"formatters", "na_rep"} & how.keys()
        read = pd.DataFrame(self) if plain else in_words(self, how.get("max_rows"))
        return _harmless(read.to_string(buf, *args, **how))

    def _repr_html_(self) -> str | None:
        if not pd.get_option("display.notebook_repr_html"):
            return None
        rows, columns = _ends(len(self), "rows"), _ends(self.shape[1], "columns")
        size = f"{len(self):,} rows × {self.shape[1]} columns"
        cut = len(rows) < len(self) or len(columns) < self.shape[1]
        named = bool(self.index.name) or not self.index.equals(pd.RangeIndex(len(self)))
        html = html_table(self.iloc[rows, columns], named=named, gap=len(rows) // 2 if len(rows) < len(self) else None)
        return str(html + h("p", size) if cut or self.empty else html)

    def to_excel(self, *args: Any, **how: Any) -> None:  # type: ignore[misc]  # final in the stubs only
        """As pandas does it, which takes texts for formulas and no times with a zone."""
        try:
            super().to_excel(*args, **how)
        except ValueError as error:
            raise ValueError(f"{error} codat_notebook.save(frame, 'frame.xlsx') writes it, its times in UTC.") from None


class _Same(type):
    """To ``pandas.testing`` the type of a plain Series is that of a :class:`FrameSeries`."""

    def __eq__(cls, other: object) -> bool:
        return other is cls or other is pd.Series

    __hash__ = type.__hash__


class FrameSeries(_Series, metaclass=_Same):
    """A column or a row of a :class:`Frame`: a Series whose values are as they came, and which steers no terminal."""

    @property
    def _constructor(self) -> type:
        return FrameSeries

    @property
    def _constructor_expanddim(self) -> type:
        return Frame

    def to_string(self, *args: Any, **how: Any) -> Any:
        """As pandas does it; nothing steers a terminal."""
        return _harmless(super().to_string(*args, **how))


def _harmless(text: str | None) -> str | None:
    """What pandas has printed, with the signs written out that could steer a terminal."""
    return text if text is None else "\n".join(map(shown, text.split("\n")))


def _ends(number: int, what: str) -> list[int]:
    """The places that are shown of so many rows or columns, as pandas' options say: all, or some at either end."""
    most = pd.get_option(f"display.max_{what}") or number
    if number <= most:
        return list(range(number))
    half = min((what == "rows" and pd.get_option("display.min_rows")) or most, most) // 2 or 1
    return [*range(half), *range(number - half, number)]


def word(value: Any) -> str:
    """A value as it is read on a screen.

    >>> word(timedelta(days=62, hours=1, minutes=8)), word(pd.NA), word(1547.25), word(float("inf"))
    ('62 d 1 h', '—', '1,547', '∞')
    """
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return "—"
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        return f"{'-' if seconds < 0 else ''}{words.duration(abs(seconds))}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S %Z").rstrip().removesuffix(" UTC").removesuffix(" 00:00:00")
    if isinstance(value, float):
        return f"{value:,.4g}".replace("inf", "∞") if abs(value) < 1e4 or np.isinf(value) else f"{value:,.0f}"
    return str(value)


def in_words(frame: pd.DataFrame, most: int | None = None) -> pd.DataFrame:
    """A frame with the words of its values. Where it has more than ``most`` rows, those in the middle, which nobody is
    shown, are blank."""
    rows = np.arange(len(frame)) if most is None or len(frame) <= most else np.r_[:most, -most:0]
    cells = np.full(frame.shape, "", dtype=object)
    for place in range(frame.shape[1]):
        cells[rows, place] = [word(value) for value in frame.iloc[rows, place]]
    return pd.DataFrame(cells, frame.index, frame.columns, dtype=object)


_LOOK: Final = Markup(
    ".codat-frame{display:block;overflow-x:auto;border-collapse:collapse}"
    ".codat-frame :is(th,td){text-align:left;vertical-align:top;white-space:nowrap;border:0}"
    ".codat-frame :is(th,td){padding:.3em .9em .3em .2em}"
    ".codat-frame .number{text-align:right}"
    ".codat-frame .text{white-space:normal;min-width:18em;max-width:40em;overflow-wrap:anywhere}"
)


def html_table(frame: pd.DataFrame, *, named: bool = False, gap: int | None = None) -> Markup:
    """A frame as a table in words, all of it; ``named``: with its index. ``gap``: where rows were left out before."""
    shown = frame.reset_index(allow_duplicates=True) if named else frame
    names = [*([name or "" for name in frame.index.names] if named else []), *frame.columns]
    heads = [" · ".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in names]
    rows = in_words(shown).to_numpy().tolist()
    kinds = [
        "number" if dtype.kind in "iufm" else "text" if any(len(row[place]) > 40 for row in rows) else None
        for place, dtype in enumerate(shown.dtypes)
    ]
    if gap is not None:
        rows.insert(gap, ["…"] * len(heads))
    return Markup(h("style", _LOOK) + table(heads, rows, kinds=kinds, class_="codat-frame"))


def series_of(kind: str, values: Sequence[Any]) -> pd.Series[Any]:
    """A column of a kind, one of :data:`DTYPES`."""
    return _KINDS[kind](values)


def numbered(values: Sequence[Any]) -> tuple[list[Any], NDArray[np.intp]]:
    """The distinct values, and for each row the number of its value among them."""
    numbers: defaultdict[Any, int] = defaultdict(count().__next__)
    rows = np.fromiter(map(numbers.__getitem__, values), dtype=np.intp, count=len(values))
    return list(numbers), rows


def categories(values: Sequence[Any], text_of: Callable[[Any], str | None] = str) -> pd.Series[Any]:
    """A category; each distinct value is turned into text once (None: it has none)."""
    distinct, rows = numbered(values)
    texts = [None if pd.isna(value) else text_of(value) for value in distinct]
    names = sorted({text for text in texts if text is not None})
    number = {text: i for i, text in enumerate(names)}
    codes = np.array([-1 if text is None else number[text] for text in texts], dtype=np.intp)[rows]
    return pd.Series(pd.Categorical.from_codes(codes, categories=pd.Index(names, dtype="string")))


def repeated_texts(values: Sequence[Any]) -> pd.Series[Any]:
    """Text of which there is little that differs, in half the time that a text for each row takes."""
    distinct, rows = numbered(values)
    return pd.Series(pd.array(distinct, dtype="string")[rows])


def _times(values: Sequence[Any]) -> pd.Series[Any]:
    """Times as Codat writes them (ISO 8601, 0 to 7 fractional digits, with or without a zone), UTC to microseconds."""
    times = np.empty(len(values), dtype="datetime64[us]")
    for start in range(0, len(values), PIECE):
        piece = values[start : start + PIECE]
        exact = _exact_times(piece)
        times[start : start + PIECE] = _any_times(piece) if exact is None else exact
    return pd.Series(pd.DatetimeIndex(times, copy=False).tz_localize("UTC"), copy=False)


def _exact_times(texts: Sequence[Any]) -> NDArray[np.datetime64] | None:
    """Times of the one form that Codat's system writes, seven digits and Z, in half the time; None: others."""
    try:
        lines = ("\n".join(texts) + "\n").encode("ascii")
        # As many lines as texts, so no text holds a line's end, and each is of the form.
        if lines.translate(_TO_ZEROS) != _FORMS[: len(texts) * len(_FORM)]:
            return None
        # Of text objects: where it reads bytes, NumPy 1.26 crashes at a date such as 30 February.
        times: NDArray[np.datetime64] = np.array([text[:26] for text in texts], dtype="datetime64[us]")
    except (TypeError, ValueError):
        return None
    since_1970 = times.view("int64")
    return times if since_1970.min() > _AFTER and since_1970.max() < _BEFORE else None


def _any_times(values: Sequence[Any]) -> NDArray[np.datetime64]:
    parsed = pd.to_datetime(pd.Series(list(values), dtype="object"), utc=True, format="ISO8601", errors="coerce")
    times: NDArray[np.datetime64] = parsed.dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    return times


def _counts(values: Sequence[Any]) -> pd.Series[Any]:
    with suppress(TypeError, OverflowError):
        return pd.Series(np.frombuffer(array("q", values), dtype=np.int64), dtype="Int64")
    return pd.Series([_count(value) for value in values], dtype="Int64")


def _count(value: Any) -> int | None:
    """A whole number of 64 bits. Codat's come as "10" or 10.5 at times: fractions are cut."""
    if value is None:
        return None  # as most are where some are; to fail twice costs ten times as much
    for number in (int, float):  # a float has not the digits of a large whole number
        with suppress(TypeError, ValueError, OverflowError):
            whole = int(number(value))
            return whole if -(2**63) <= whole < 2**63 else None
    return None


def _flags(values: Sequence[Any]) -> pd.Series[Any]:
    with suppress(TypeError, ValueError):
        packed = bytes(values)  # an array gives its memory, which is something else
        if len(packed) == len(values) and not packed.strip(b"\0\1"):
            return pd.Series(np.frombuffer(packed, dtype=bool), dtype="boolean")
    return pd.Series([_flag(value) for value in values], dtype="boolean")


def _flag(value: Any) -> bool | None:
    with suppress(TypeError, ValueError):
        if value == 0 or value == 1:
            return bool(value)
    return None


def _plain(dtype: str, values: Sequence[Any]) -> pd.Series[Any]:
    """Values of a dtype of pandas that takes them as they are."""
    return pd.Series(np.fromiter(values, dtype=object, count=len(values)), dtype=dtype)


_KINDS: Final[dict[str, Callable[[Sequence[Any]], pd.Series[Any]]]] = {
    "time": _times,
    "category": categories,
    "count": _counts,
    "flag": _flags,
    **{kind: partial(_plain, DTYPES[kind]) for kind in ("text", "number", "duration")},
}
