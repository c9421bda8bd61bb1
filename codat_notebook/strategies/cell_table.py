"""The one table that a strategy sees, the same simulated and live, and what a strategy may answer.

A strategy is a function: cells in, one priority per cell out (higher first; NaN or <= 0: not now). ``table`` builds the
cells with fixed columns and types, ``ask`` calls the strategy, hands it ``now`` and ``budget_left`` if it names them,
and refuses what is no priority with an error that shows the rows. Built-in strategies read the same cells as plain
arrays (``Columns``), which costs no frame per tick; all durations are days.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codat_notebook.columns import series_of
from codat_notebook.strategies.indices import Flags, Floats, Rows

#: Column -> what it holds. Categories are text; days are float64; ``age`` is infinite where nothing was ever read.
CELLS: Final = {
    "company": "category", "connection": "category", "data_type": "category", "platform": "category",
    "source_type": "category", "status": "category", "age": "days", "last_success": "time", "in_progress": "flag",
    "failures": "count", "last_error": "category", "retry_at": "time", "connection_status": "category",
    "weight": "number", "cost": "number", "rate": "number", "changed_last": "answer", "due": "time",
    "latency_p95": "days",
}  # fmt: skip
#: What a column holds that was not given: no rate and no answer are *unknown*, never zero.
_DEFAULTS: Final[dict[str, Any]] = {
    "age": np.inf, "in_progress": False, "failures": 0, "connection_status": "Linked", "weight": 1.0, "cost": 1.0,
    "rate": np.nan, "latency_p95": 0.0,
}  # fmt: skip
DTYPES: Final = {"days": "float64", "number": "float64", "flag": "bool", "count": "int64", "answer": "boolean"}
DAY: Final = np.timedelta64(1, "D")
#: Texts that a refresh changes.
CHANGING: Final = ("status", "last_error")

Labels = tuple[NDArray[np.integer[Any]], list[str]]


class StrategyError(ValueError):
    """A strategy raised, or gave something that is no priority for each cell.

    ``rows`` is the part of the cells (with the answer, where there was one) that shows it; it is in the message too.
    """

    def __init__(self, message: str, rows: Any = None) -> None:
        shown = rows is not None and len(rows)  # from another process it comes without rows: they are in its text
        super().__init__(f"{message}\n{rows.head(5).to_string()}" if shown else message)
        self.rows: pd.DataFrame = rows


def table(columns: Mapping[str, Any], rows: int | None = None) -> pd.DataFrame:
    """Cells with all columns of ``CELLS``, in that order and with the same types for every pandas and every input.

    Parameters
    ----------
    columns : column -> one value per cell, or one value for all. What is missing is filled with what says the least.
    rows : how many cells; by default as many as the longest column has.

    Raises
    ------
    ValueError : a column that cells do not have, or columns of different lengths.

    Examples
    --------
    >>> table({"data_type": ["invoices", "bills"], "age": [3.0, np.inf]})[["data_type", "age", "weight"]].shape
    (2, 3)
    """
    if unknown := sorted(set(columns) - set(CELLS)):
        raise ValueError(f"cells have no column {', '.join(unknown)}; they have {', '.join(CELLS)}")
    lengths = {name: len(v) for name, v in columns.items() if not isinstance(v, str) and hasattr(v, "__len__")}
    rows = max(lengths.values(), default=1) if rows is None else rows
    if wrong := {name: length for name, length in lengths.items() if length != rows}:
        raise ValueError(f"expected {rows} values in each column, but found {wrong}")
    given = {name: columns.get(name, _DEFAULTS.get(name)) for name in CELLS}
    spread = {name: value if name in lengths else [value] * rows for name, value in given.items()}
    return pd.DataFrame({name: _series(kind, spread[name]) for name, kind in CELLS.items()})


def _series(kind: str, values: Any) -> Any:
    ready = {"time": "datetime64[us, UTC]", "category": "category"}.get(kind)
    if ready is None:
        return pd.Series(list(values) if kind == "answer" else np.asarray(values), dtype=DTYPES[kind])
    if isinstance(values, pd.Series) and str(values.dtype) == ready:
        return values.reset_index(drop=True)
    return series_of(kind, list(values))


@dataclass(frozen=True)
class Columns:
    """The cells as arrays, read when asked for: what built-in strategies work on.

    ``numbers(name)`` gives floats (flags as 0 and 1, what is unknown as NaN, times as days from now), ``labels(name)``
    the codes and categories of a text column, ``frame()`` the table itself, for strategies that want one.
    """

    numbers: Callable[[str], Floats]
    labels: Callable[[str], Labels]
    frame: Callable[[], pd.DataFrame]
    now: np.datetime64
    budget_left: float | None = None
    belief: tuple[Floats, Floats] | None = None

    @classmethod
    def of(cls, cells: pd.DataFrame, now: Any = None, budget_left: float | None = None) -> Columns:
        """The columns of a table. Without ``now`` times are unknown."""
        at = moment(now)

        @cache
        def numbers(name: str) -> Floats:
            if CELLS.get(name) == "time":
                return locked((cells[name].to_numpy("datetime64[us]") - at) / DAY)
            return locked(cells[name].to_numpy(dtype=np.float64, na_value=np.nan))

        @cache
        def labels(name: str) -> Labels:
            category = cells[name].astype("category").cat
            return category.codes.to_numpy(), [str(label) for label in category.categories]

        return cls(numbers, labels, lambda: cells, at, budget_left)

    def __getattr__(self, name: str) -> Floats:
        if name not in CELLS:
            raise AttributeError(name)
        return self.numbers(name)

    def matches(self, name: str, wanted: Any) -> Flags:
        """Which cells have one of the wanted texts in a column."""
        codes, categories = self.labels(name)
        texts = {wanted} if isinstance(wanted, str) else set(wanted)
        return np.append([label in texts for label in categories], False).astype(bool)[codes]

    def groups(self, *names: str) -> NDArray[np.int64]:
        """A number for each cell: the same for cells that agree in all these columns."""
        key = np.zeros(1, dtype=np.int64)
        for name in names:
            codes, categories = self.labels(name)
            key = key * (len(categories) + 1) + codes + 1
        return pd.factorize(key)[0].astype(np.int64)

    def of_rows(self, rows: Rows) -> Columns:
        """Some of the cells."""
        return replace(
            self,
            numbers=cache(lambda name: self.numbers(name)[rows]),
            labels=lambda name: (self.labels(name)[0][rows], self.labels(name)[1]),
            frame=lambda: self.frame().iloc[rows],
        )

    def believing(self, shape: Floats, days: Floats) -> Columns:
        """The same cells, whose rates are believed to be Gamma-distributed, with this shape over so many days."""
        rates = shape / days
        return replace(
            self,
            belief=(shape, days),
            numbers=lambda name: rates if name == "rate" else self.numbers(name),
            frame=lambda: self.frame().assign(rate=rates),
        )


def locked(values: Floats) -> Floats:
    """The same numbers, not to be written to."""
    view = values.view()
    view.flags.writeable = False
    return view


def moment(now: Any) -> np.datetime64:
    """A time of any kind as UTC without a zone, as numpy has it."""
    utc: np.datetime64 = pd.Timestamp(now).to_datetime64().astype("datetime64[us]")
    return utc


def name_of(strategy: Any) -> str:
    """What to call a strategy in messages and tables."""
    return str(getattr(strategy, "name", None) or getattr(strategy, "__name__", None) or repr(strategy))


def ask(strategy: Callable[..., Any], columns: Columns) -> Floats:
    """The priorities that a strategy gives, one per cell: NaN or <= 0 where it says "not now".

    It is given ``now`` and ``budget_left`` where it has parameters of these names.

    Raises
    ------
    StrategyError : it raised, or its answer is no number for each cell.
    """
    if (score := getattr(strategy, "score", None)) is not None:
        return np.asarray(score(columns), dtype=np.float64)
    cells = columns.frame()
    extras = {"now": pd.Timestamp(columns.now, tz="UTC"), "budget_left": columns.budget_left}
    try:
        parameters = inspect.signature(strategy).parameters
        answer = strategy(cells, **{name: each for name, each in extras.items() if name in parameters})
    except Exception as error:
        message = f"{name_of(strategy)} raised {type(error).__name__}: {error}. The cells began with:"
        raise StrategyError(message, cells) from error
    return checked(answer, cells, name_of(strategy))


def checked(answer: Any, cells: pd.DataFrame, name: str) -> Floats:
    """An answer as floats in the order of the cells; a Series in another order is put right by its index."""
    if answer is None or isinstance(answer, (str, bytes, pd.DataFrame)) or np.ndim(answer) != 1:
        raise StrategyError(f"{name} gave {type(answer).__name__}, expected one number for each cell:", cells)
    if len(answer) != len(cells):
        raise StrategyError(f"{name} gave {len(answer)} priorities for {len(cells)} cells:", cells)
    given = answer if isinstance(answer, pd.Series) else pd.Series(answer, index=cells.index)
    if not given.index.equals(cells.index):
        stray = given[~given.index.isin(cells.index) | given.index.duplicated(keep=False)].to_frame("priority")
        if len(stray):
            raise StrategyError(f"{name} gave priorities with an index that is not the cells':", stray)
        given = given.reindex(cells.index)
    return _numbers(given, cells, name)


def _numbers(given: pd.Series[Any], cells: pd.DataFrame, name: str) -> Floats:
    if pd.api.types.is_numeric_dtype(given.dtype) and given.dtype.kind != "c":
        return given.to_numpy(dtype=np.float64, na_value=np.nan)
    bad = given.map(lambda value: isinstance(value, str)).to_numpy(dtype=bool)
    if given.dtype == object:
        numbers = pd.to_numeric(given, errors="coerce")
        bad = bad | (numbers.isna() & given.notna()).to_numpy()
        if not bad.any():
            return numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    shown = cells[["company", "connection", "data_type"]].assign(priority=given)[bad if bad.any() else slice(None)]
    hint = "; durations are days, as in cells.age" if given.dtype.kind == "m" else ""
    raise StrategyError(f"{name} gave priorities that are no numbers ({given.dtype}){hint}:", shown)
