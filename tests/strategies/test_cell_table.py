"""The table that strategies see, and what becomes of what they answer."""

import doctest
import functools
import pickle
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from codat_notebook.models import looks
from codat_notebook.strategies import budget, cell_table, learning, policies
from codat_notebook.strategies.cell_table import CELLS, Columns, StrategyError, ask, table
from codat_notebook.strategies.simulation_state import LazyCells

NOW = pd.Timestamp("2026-11-23T12:00:00Z")
DTYPES = {
    "category": "category", "days": "float64", "number": "float64", "time": "datetime64[us, UTC]", "flag": "bool",
    "count": "int64", "answer": "boolean",
}  # fmt: skip
SOME = table({"data_type": ["invoices", "bills", "items"], "age": [1.0, 2.0, np.inf], "company": "Toft"})


@pytest.mark.parametrize("module", [cell_table, budget, learning, policies, looks], ids=lambda module: module.__name__)
def test_the_examples_in_the_docstrings_hold(module: ModuleType) -> None:
    """What the docstrings show is what comes out."""
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"data_type": []},
        {"data_type": ["bills", None], "last_success": ["2026-11-01T00:00:00Z", None], "changed_last": [True, None]},
        {"age": np.array([1.0]), "due": np.array(["2026-12-01"], dtype="datetime64[D]"), "failures": [2]},
    ],
)
def test_the_columns_never_change(columns: dict[str, Any]) -> None:
    """The same columns in the same order with the same types, also for no cells and for all defaults."""
    frame = table(columns)
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        name: DTYPES[kind] for name, kind in cell_table.CELLS.items()
    }


def test_unknown_columns_and_lengths_are_refused() -> None:
    """A column that no strategy would look for is a typing error, and told."""
    with pytest.raises(ValueError, match="cells have no column wieght"):
        table({"wieght": [1.0]})
    with pytest.raises(ValueError, match=r"expected 2 values in each column, but found \{'age': 1\}"):
        table({"age": [1.0], "weight": [1.0, 2.0]})


def given(strategy: Any, budget_left: float | None = 7.0) -> list[float]:
    """What a strategy says about the three cells."""
    return ask(strategy, Columns.of(SOME, NOW, budget_left)).tolist()


def test_a_strategy_in_one_line() -> None:
    """A product of two columns is a strategy; so are lists, integers and truth values."""
    assert given(lambda cells: cells.weight * cells.age) == [1.0, 2.0, np.inf]
    assert given(lambda cells: [3, 2, 1]) == [3.0, 2.0, 1.0]
    assert given(lambda cells: cells.age > 1) == [0.0, 1.0, 1.0]
    assert np.isnan(given(lambda cells: cells.rate)).all()
    assert given(lambda cells: pd.Series([1, None, 3], dtype="Int64"))[::2] == [1.0, 3.0]
    assert given(lambda cells: pd.Series([1, 2.5, 3], dtype=object)) == [1.0, 2.5, 3.0]


def test_the_time_and_the_budget_are_given_by_name() -> None:
    """A parameter called now or budget_left is filled; others are the function's own."""
    assert given(lambda cells, now: (now - NOW).total_seconds() + cells.weight) == [1.0] * 3
    assert given(lambda cells, budget_left, factor=2: factor * budget_left * cells.weight) == [14.0] * 3

    def own(cells: pd.DataFrame, *, budget_left: float) -> Any:
        now = budget_left + 1  # a name of its own, which asks for nothing
        return now * cells.weight

    @functools.wraps(own)
    def wrapped(*arguments: Any, **keywords: Any) -> Any:
        return own(*arguments, **keywords)

    assert given(own) == given(wrapped) == given(functools.partial(own)) == [8.0] * 3


def test_priorities_in_another_order_find_their_cells() -> None:
    """A sorted Series is put right by its index; cells that it leaves out are not wanted now."""
    assert given(lambda cells: cells.age.sort_values(ascending=False)) == [1.0, 2.0, np.inf]


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (lambda cells: cells.age.iloc[:2], "gave 2 priorities for 3 cells"),
        (lambda cells: None, "gave NoneType, expected one number for each cell"),
        (lambda cells: 1.0, "gave float, expected one number"),
        (lambda cells: "high", "gave str"),
        (lambda cells: cells, "gave DataFrame"),
        (lambda cells: np.ones((3, 3)), "gave ndarray"),
        (lambda cells: ["high", "low", 1], r"no numbers \(object\):\n.*\n0 +Toft +\S+ +invoices +high"),
        (lambda cells: cells.data_type, "no numbers"),
        (lambda cells: pd.to_timedelta([1, 2, 3], unit="D"), "durations are days, as in cells.age"),
        (lambda cells: pd.Series([1, 2, 3], index=[0, 1, 9]), "index that is not the cells':\n +priority\n9 +3"),
        (lambda cells: pd.Series([1, 2, 3], index=[0, 1, 1]), "not the cells':\n +priority\n1 +2\n1 +3"),
        (lambda cells: cells.wieght, "raised AttributeError: .*wieght.* The cells began with:\n"),
    ],
)
def test_nonsense_is_told_with_the_rows(strategy: Any, message: str) -> None:
    """Whatever a strategy gives or raises, the error names it, says what was expected and shows the rows."""
    with pytest.raises(StrategyError, match=message) as caught:
        given(strategy)
    assert caught.value.rows is not None


def test_the_error_travels() -> None:
    """To another process with its text and its rows."""
    with pytest.raises(StrategyError) as caught:
        given(lambda cells: None)
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    pd.testing.assert_frame_equal(again.rows, caught.value.rows)


def test_the_cause_of_a_failing_strategy_is_kept() -> None:
    """The user's own exception is the cause, so that the traceback shows the line."""
    with pytest.raises(StrategyError, match="division by zero") as caught:
        given(lambda cells: 1 / 0)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_columns_are_arrays_of_the_same_cells() -> None:
    """What built-in strategies read: unknown is NaN, times are days from now, texts are codes."""
    frame = table({"due": ["2026-11-24T00:00:00Z", None], "changed_last": [True, None], "platform": ["Xero", "Sage"],
                   "company": ["a", "a"]})  # fmt: skip
    columns = Columns.of(frame, NOW)
    assert columns.due.tolist() == pytest.approx([0.5, np.nan], nan_ok=True)
    assert columns.changed_last.tolist() == pytest.approx([1.0, np.nan], nan_ok=True)
    assert columns.matches("platform", "Xero").tolist() == [True, False]
    assert columns.matches("status", "Complete").tolist() == [False, False]
    assert columns.groups("company").tolist() == [0, 0]
    assert len(set(columns.groups("company", "platform"))) == 2
    assert columns.believing(np.array([1.0, 4.0]), np.array([1.0, 2.0])).frame().rate.tolist() == [1.0, 2.0]
    with pytest.raises(AttributeError, match="wieght"):
        _ = columns.wieght


@pytest.mark.parametrize("text", ["500", "refreshes/day", "5 refreshes/moon", "-5 refreshes/day", "", 5])
def test_what_is_no_budget_is_refused(text: Any) -> None:
    """The message shows how a budget is written."""
    with pytest.raises(ValueError, match='write "500 refreshes/day"'):
        budget.Budget.of(text)


def test_only_the_columns_that_are_read_are_made() -> None:
    """Reading a column makes that one; whatever else is done with the cells makes them a table as any other."""
    whole, asked = (
        table({"company": ["a", "b", "a"], "age": [3.0, np.inf, 1.0], "weight": [1.0, 2.0, 3.0]}),
        list[str](),
    )

    def cells() -> pd.DataFrame:
        asked.clear()
        return LazyCells(whole.index, lambda name: (asked.append(name), whole[name].array.copy())[1])

    lazy = cells()
    pd.testing.assert_series_equal(lazy.weight * lazy["age"], whole.weight * whole["age"])
    assert (len(lazy), list(lazy.index)) == (3, [0, 1, 2])
    assert asked == ["weight", "age"]
    pd.testing.assert_frame_equal(pd.DataFrame(lazy), whole)
    assert asked[2:] == list(CELLS)
    for change in (
        lambda frame: frame.assign(rate=1.0),
        lambda frame: frame.query("age > 2"),
        lambda frame: frame.groupby("company", observed=True)["age"].transform("max"),
        lambda frame: frame.nlargest(2, "weight")[["age", "status"]],
        lambda frame: frame.iloc[::-1].reset_index(drop=True),
    ):
        assert change(cells()).equals(change(whole))
    changed, own = cells(), cells()
    changed["age"] = changed["weight"]
    changed.index = pd.Index([5, 6, 7])
    assert changed.age.to_dict() == {5: 1.0, 6: 2.0, 7: 3.0}
    assert list(changed.index) == [5, 6, 7]
    own["age"].array[:] = 0.0
    assert own["age"].equals(whole["age"])
    del own["age"]
    for missing in ("age", "ages"):
        with pytest.raises(AttributeError, match=missing):
            getattr(own, missing)
