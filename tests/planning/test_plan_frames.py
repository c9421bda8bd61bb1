"""A plan as a frame means the same to all who take one: a refresh, another plan, an estimate."""

from typing import Any

import pandas as pd
import pytest

from codat_notebook.planning import estimate
from codat_notebook.planning.selection import select
from codat_notebook.runs.targets import read_targets

Cells = set[tuple[str, str, str | None]]


def frame(**columns: Any) -> pd.DataFrame:
    """A plan of three rows of two companies, with other columns than these where they are given."""
    usual: dict[str, Any] = {
        "company_id": ["c1", "c1", "c2"], "data_type": ["bills", "items", "bills"], "connection_id": ["x", "x", "y"],
        "platform": ["Xero", "Xero", "Sage"], "action": ["queue", "queue", "skip"],
    }  # fmt: skip
    return pd.DataFrame({name: values for name, values in {**usual, **columns}.items() if values is not None})


def refreshed(plan: pd.DataFrame) -> Cells:
    """What a refresh queues."""
    targets = read_targets(plan).companies
    return {(id.lower(), *pair) for id, pairs in targets.items() for pair in pairs or ()}


def planned(plan: pd.DataFrame) -> Cells:
    """What a plan that is planned anew asks for."""
    asked = select(plan)
    return {(id, str(type), key) for id in asked.targets or () for type, key in asked.of(id)}


A, B, C = ("c1", "bills", "x"), ("c1", "items", "x"), ("c2", "bills", "y")


@pytest.mark.parametrize(
    ("plan", "cells"),
    [
        (frame(), {A, B}),
        (frame(action=None), {A, B, C}),
        (frame(action=["queue", None, "skip"]), {A, B}),
        (frame(action=pd.Series(["queue", pd.NA, pd.NA], dtype="string")), {A, B, C}),
        (frame(action=[float("nan")] * 3), {A, B, C}),
        (frame(action=pd.Categorical(["skip", None, "later"])), {B}),
        (frame(action=["", "Queue", "none"]), {A}),
        (frame(company_id=["c1", "C1 ", "c2"], action=None), {A, B, C}),
        (frame(company_id=["c1", "C1", "c1"], data_type=["bills"] * 3, connection_id=["x"] * 3), {A}),
        (frame(company_id=["c1", None, "c2"], action=["queue", "skip", "queue"]), {A, C}),
        (frame(connection_id=[None, float("nan"), ""]), {("c1", "bills", None), ("c1", "items", None)}),
        (frame().iloc[:0], set()),
    ],
)  # fmt: skip
def test_all_who_take_a_plan_queue_the_same_rows(plan: pd.DataFrame, cells: Cells) -> None:
    """Missing and other actions, ids in two spellings, doubled rows, missing values of every kind."""
    assert refreshed(plan) == planned(plan) == cells
    counted = estimate.of_plan(plan)
    assert (counted.refreshes, counted.total) == (len(cells), len({id for id, *_ in cells}))


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (frame(company_id=None), "lacks the column 'company_id'; it has data_type"),
        (frame(company_id=None, id=["c1", "c1", "c2"]), "lacks the column 'company_id'"),
        (frame(company_id=[None, "c1", "c2"]), "to be queued lacks its company_id"),
        (frame(company_id=["c1", " ", "c2"], action=None), "to be queued lacks its company_id"),
        (pd.concat([frame(), frame()[["data_type"]]], axis=1), "the column 'data_type' more than once"),
        (pd.concat([frame(), frame()[["action"]]], axis=1), "the column 'action' more than once"),
    ],
)
def test_all_refuse_the_same_plans(plan: pd.DataFrame, message: str) -> None:
    """In the same words."""
    for take in (read_targets, select, estimate.of_plan):
        with pytest.raises(ValueError, match=message):
            take(plan)


def test_a_data_type_is_needed_where_it_is_queued_or_counted() -> None:
    """To another plan a missing one stands for all types."""
    for take in (read_targets, estimate.of_plan):
        with pytest.raises(ValueError, match="lacks its data_type"):
            take(frame(data_type=["bills", None, None]))
        with pytest.raises(ValueError, match="lacks the column 'data_type'"):
            take(frame(data_type=None))
    assert select(frame(data_type=["bills", None, None])).of("c1") == [("bills", "x"), (None, "x")]
