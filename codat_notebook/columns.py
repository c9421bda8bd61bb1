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
from functools import partial
from itertools import count
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codat_notebook.models.errors import shown

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

    Its values are as they came. Printed, those signs are written out that could steer a terminal.
    """

    @property
    def _constructor(self) -> type:
        return Frame

    def to_string(self, buf: Any = None, *args: Any, **how: Any) -> str | None:  # type: ignore[override]  # pandas has overloads
        """As pandas does it; as a text, which is for a terminal, without what could steer that."""
        text: str | None = super().to_string(buf, *args, **how)
        return text if text is None else "\n".join(map(shown, text.split("\n")))

    def to_excel(self, *args: Any, **how: Any) -> None:  # type: ignore[misc]  # final in the stubs only
        """As pandas does it, which takes texts for formulas and no times with a zone."""
        try:
            super().to_excel(*args, **how)
        except ValueError as error:
            raise ValueError(f"{error} codat_notebook.save(frame, 'frame.xlsx') writes it, its times in UTC.") from None


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
        to_microseconds = np.ndarray(len(texts), "S26", lines, strides=(len(_FORM),))
        times: NDArray[np.datetime64] = to_microseconds.astype("datetime64[us]")
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
