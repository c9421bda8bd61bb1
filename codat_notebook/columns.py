"""The columns of frames: a kind says what becomes of its values; what cannot be read is missing, and its row stays.

Values may come in pieces. A few thousand at a time stay in the processor's cache from the objects that they are read
from to the array that they end in: 100,000 pull operations take a sixth less CPU in pieces than one whole column
after the other (measured). pandas is loaded by the first column.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

#: Rows in a piece.
PIECE: Final = 2_000
_FORM: Final = b"0000-00-00T00:00:00.0000000Z\n"
_FORMS: Final = _FORM * PIECE
#: The starts of 1678 and 2262, in microseconds from 1970: what lies outside pandas 2 and 3 read differently.
_AFTER: Final = -9_214_560_000_000_000
_BEFORE: Final = 9_214_646_400_000_000
_TO_ZEROS: Final = bytes.maketrans(b"123456789", b"000000000")


class Column(Protocol):
    """A column that is being filled."""

    def add(self, values: Sequence[Any]) -> None:
        """Take in further values, in order; all together as many as the column was made for."""

    def series(self) -> pd.Series[Any]:
        """The whole column, with its dtype also if it has no rows."""


class _Filling:
    """Where the next values go: arrays are made once for all rows, which costs less than to join parts."""

    def __init__(self) -> None:
        self._filled = 0

    def _next(self, rows: int) -> slice:
        start, self._filled = self._filled, self._filled + rows
        return slice(start, self._filled)


class Numbered(_Filling):
    """Values of which there are few different ones: each once, and the number of each row's among them."""

    def __init__(self, rows: int) -> None:
        import numpy as np

        super().__init__()
        self._numbers: defaultdict[Any, int] = defaultdict(count().__next__)
        self._rows = np.empty(rows, dtype=np.intp)

    def add(self, values: Sequence[Any]) -> None:
        """Take in further values."""
        import numpy as np

        numbers = map(self._numbers.__getitem__, values)
        self._rows[self._next(len(values))] = np.fromiter(numbers, dtype=np.intp, count=len(values))

    def series(self, text_of: Callable[[Any], str | None] = str) -> pd.Series[Any]:
        """A category; each distinct value is turned into text once (None: it has none)."""
        import numpy as np
        import pandas as pd

        texts = [None if pd.isna(value) else text_of(value) for value in self._numbers]
        known = sorted({text for text in texts if text is not None})
        number = {text: i for i, text in enumerate(known)}
        codes = np.array([-1 if text is None else number[text] for text in texts], dtype=np.intp)[self._rows]
        return pd.Series(pd.Categorical.from_codes(codes, categories=pd.Index(known, dtype="string")))

    def texts(self) -> pd.Series[Any]:
        """Plain text, in half the time that a text for each row takes."""
        import pandas as pd

        return pd.Series(pd.array(list(self._numbers), dtype="string")[self._rows])


class Times(_Filling):
    """Times as Codat writes them (ISO 8601, 0 to 7 fractional digits, with or without a zone), as UTC."""

    def __init__(self, rows: int) -> None:
        import numpy as np

        super().__init__()
        self._times = np.empty(rows, dtype="datetime64[us]")

    def add(self, values: Sequence[Any]) -> None:
        """Take in further values."""
        for start in range(0, len(values), PIECE):
            some = values[start : start + PIECE]
            exact = _exact_times(some)
            self._times[self._next(len(some))] = _any_times(some) if exact is None else exact

    def series(self) -> pd.Series[Any]:
        """UTC to the microsecond; what cannot be read is ``NaT``."""
        import pandas as pd

        return pd.Series(pd.DatetimeIndex(self._times, copy=False).tz_localize("UTC"), copy=False)


def _exact_times(texts: Sequence[Any]) -> NDArray[np.datetime64] | None:
    """Times of the one form that Codat's system writes, seven digits and Z, in half the time; None: others."""
    import numpy as np

    try:
        lines = ("\n".join(texts) + "\n").encode("ascii")
        # As many lines as texts, so no text holds a line's end, and each is of the form.
        if lines.translate(_TO_ZEROS) != _FORMS[: len(texts) * len(_FORM)]:
            return None
        to_microseconds = np.ndarray(len(texts), "S26", lines, strides=(len(_FORM),))
        found: NDArray[np.datetime64] = to_microseconds.astype("datetime64[us]")
    except (TypeError, ValueError):
        return None
    since_1970 = found.view("int64")
    return found if since_1970.min() > _AFTER and since_1970.max() < _BEFORE else None


def _any_times(values: Sequence[Any]) -> NDArray[np.datetime64]:
    import pandas as pd

    parsed = pd.to_datetime(pd.Series(list(values), dtype="object"), utc=True, format="ISO8601", errors="coerce")
    found: NDArray[np.datetime64] = parsed.dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    return found


class Masked(_Filling):
    """Numbers or flags, and which of them are missing.

    ``all_of`` reads values that are nothing but the kind's at once, and gives None if there are others; ``one_of``
    reads any value, and gives None if it cannot be read.
    """

    def __init__(
        self,
        rows: int,
        dtype: str,
        all_of: Callable[[Sequence[Any]], Sequence[int] | None],
        one_of: Callable[[Any], int | None],
    ) -> None:
        import numpy as np

        super().__init__()
        self._dtype, self._all_of, self._one_of = dtype, all_of, one_of
        self._array = np.zeros(rows, dtype=bool if dtype == "boolean" else np.int64)
        self._missing = np.zeros(rows, dtype=bool)

    def add(self, values: Sequence[Any]) -> None:
        """Take in further values."""
        place, array = self._next(len(values)), self._all_of(values)
        if array is None:
            found = [self._one_of(value) for value in values]
            array = [value or 0 for value in found]
            self._missing[place] = [value is None for value in found]
        self._array[place] = array

    def series(self) -> pd.Series[Any]:
        """A column of the dtype."""
        import pandas as pd

        return pd.Series(self._array, dtype=self._dtype).mask(self._missing)


def _counts(values: Sequence[Any]) -> Sequence[int] | None:
    with suppress(TypeError, OverflowError):
        return array("q", values)
    return None


def _count(value: Any) -> int | None:
    """A whole number of 64 bits. Codat's come as "10" or 10.5 at times: fractions are cut."""
    for number in (int, float):  # a float has not the digits of a large whole number
        with suppress(TypeError, ValueError, OverflowError):
            whole = int(number(value))
            return whole if -(2**63) <= whole < 2**63 else None
    return None


def _flags(values: Sequence[Any]) -> Sequence[int] | None:
    with suppress(TypeError, ValueError):
        found = bytes(values)  # an array gives its memory, which is something else
        if len(found) == len(values) and not found.strip(b"\0\1"):
            return array("b", found)
    return None


def _flag(value: Any) -> bool | None:
    with suppress(TypeError, ValueError):
        if value == 0 or value == 1:
            return bool(value)
    return None


class Plain(_Filling):
    """Values of a dtype of pandas that takes them as they are."""

    def __init__(self, rows: int, dtype: str) -> None:
        import numpy as np

        super().__init__()
        self._dtype = dtype
        self._values = np.empty(rows, dtype=object)

    def add(self, values: Sequence[Any]) -> None:
        """Take in further values."""
        import numpy as np

        self._values[self._next(len(values))] = np.fromiter(values, dtype=object, count=len(values))

    def series(self) -> pd.Series[Any]:
        """A column of the dtype."""
        import pandas as pd

        return pd.Series(self._values, dtype=self._dtype)


_KINDS: Final[dict[str, Callable[[int], Column]]] = {
    "time": Times,
    "category": Numbered,
    "count": lambda rows: Masked(rows, "Int64", _counts, _count),
    "flag": lambda rows: Masked(rows, "boolean", _flags, _flag),
    "text": lambda rows: Plain(rows, "string"),
    "number": lambda rows: Plain(rows, "Float64"),
    "duration": lambda rows: Plain(rows, "timedelta64[us]"),
}


def column_of(kind: str, rows: int) -> Column:
    """An empty column of a kind: text, category, count, number, flag, time or duration."""
    return _KINDS[kind](rows)


def series_of(kind: str, values: Sequence[Any]) -> pd.Series[Any]:
    """A whole column of a kind."""
    column = column_of(kind, len(values))
    column.add(values)
    return column.series()
