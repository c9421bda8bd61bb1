"""Columns: whatever the values are and however they come, the dtype is the kind's and nothing is raised."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_notebook import columns, frames
from codat_notebook.columns import PIECE, categories, repeated_texts, series_of

DTYPES = {
    "text": "string", "category": "category", "count": "Int64", "number": "Float64", "flag": "boolean",
    "time": "datetime64[us, UTC]", "duration": "timedelta64[us]",
}  # fmt: skip
WORDS = st.none() | st.text(max_size=3)
VALUES = {
    "text": WORDS,
    "category": WORDS,
    "count": st.none() | st.integers() | st.floats() | st.sampled_from(["10", "x", True, 10.5, 2**63, np.int64(7)]),
    "number": st.none() | st.floats(),
    "flag": st.none() | st.booleans(),
    "time": st.none() | st.sampled_from(["2026-11-23T13:58:07.1234567Z", "2026-11-23", "?", datetime(2026, 1, 1)]),
    "duration": st.none() | st.timedeltas(timedelta(-1000), timedelta(1000)),
}


@pytest.mark.parametrize("kind", DTYPES)
@given(data=st.data())
def test_each_value_is_read_by_itself(kind: str, data: st.DataObject) -> None:
    """It does not matter which others come with it."""
    values: list[Any] = data.draw(st.lists(VALUES[kind], max_size=12))
    column = series_of(kind, values)
    for read, value in zip(column, values, strict=True):
        alone = series_of(kind, [value])[0]
        assert pd.isna(read) if pd.isna(alone) else read == alone
    assert str(column.dtype) == DTYPES[kind]


@pytest.mark.parametrize("kind", DTYPES)
def test_a_column_without_rows_has_its_dtype(kind: str) -> None:
    """It can be filtered and joined like a full one."""
    assert (str(series_of(kind, []).dtype), len(series_of(kind, []))) == (DTYPES[kind], 0)


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("flag", np.array([True, False]), [True, False]),
        ("flag", np.array([1, 0], dtype="int64"), [True, False]),
        ("flag", [1, 0, 1.0], [True, False, True]),
        ("count", np.array([1, 2]), [1, 2]),
        ("count", (True, 2), [1, 2]),
        ("number", np.array([1.5, 2]), [1.5, 2.0]),
        ("duration", np.array([1, 2], dtype="timedelta64[s]"), [timedelta(seconds=1), timedelta(seconds=2)]),
    ],
)
def test_arrays_are_values_too(kind: str, values: Sequence[Any], expected: list[Any]) -> None:
    """Not only lists: plans and portfolios hold arrays."""
    assert series_of(kind, values).tolist() == expected


@pytest.mark.parametrize("odd", [0, PIECE - 1, PIECE, 2 * PIECE])
def test_an_unusual_time_changes_no_other(odd: int) -> None:
    """Times of Codat's own form are read thousands at a time; wherever another one stands, each keeps its own."""
    texts = [f"2026-11-23T13:00:{i % 60:02d}.{i:06d}0Z" for i in range(2 * PIECE + 1)]
    expected = [pd.Timestamp(text).as_unit("us") for text in texts]
    texts[odd], expected[odd] = "2026-11-23", pd.Timestamp(datetime(2026, 11, 23, tzinfo=UTC)).as_unit("us")
    assert series_of("time", texts).tolist() == expected


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("count", 2**53 + 1, 2**53 + 1),
        ("count", str(2**53 + 1), 2**53 + 1),
        ("count", -(2**63), -(2**63)),
        ("count", 2**63, None),
        ("count", "9" * 5000, None),
        ("count", "10.9", 10),
        ("count", float("inf"), None),
        ("count", pd.NA, None),
        ("count", {}, None),
        ("flag", "true", None),
        ("flag", 7, None),
        ("flag", pd.NA, None),
        ("flag", np.True_, True),
        ("time", {}, None),
        ("text", 7, "7"),
    ],
)
def test_what_can_be_read_is_and_the_rest_is_missing(kind: str, value: object, expected: object) -> None:
    """One value costs neither the column nor its row, and changes no other value."""
    other = {"count": 2**53 + 1, "flag": True, "time": "2026-11-23T13:58:07.1234567Z", "text": "x"}[kind]
    found = series_of(kind, [other, value])
    assert found.isna().tolist() == [False, expected is None]
    assert found[0] == series_of(kind, [other])[0]
    assert expected is None or found[1] == expected


def test_few_texts_are_kept_once_and_shown_in_every_row() -> None:
    """A message that stands in thousands of rows is text like any other; a missing one is missing."""
    values = ["b", None, "a", "b"]
    column = repeated_texts(values)
    assert (str(column.dtype), column.isna().tolist()) == ("string", [False, True, False, False])
    assert column.dropna().tolist() == ["b", "a", "b"]
    assert categories(values, {"a": "x", "b": "y"}.get).dropna().tolist() == ["y", "x", "y"]


def test_each_kind_has_one_dtype() -> None:
    """The dtypes that are documented are those of the frames, and each kind is used."""
    schemas = [value for name, value in vars(frames).items() if name.isupper() and isinstance(value, dict)]
    assert columns.DTYPES == DTYPES
    assert {kind for schema in schemas for kind in schema.values()} == DTYPES.keys()
