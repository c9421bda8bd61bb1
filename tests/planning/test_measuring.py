"""Real companies as the table that strategies see."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from codat_notebook.models.platforms import BY_NAME
from codat_notebook.models.shared import PullOperation
from codat_notebook.planning.estimate import Prices
from codat_notebook.planning.measuring import measured
from codat_notebook.planning.selection import select
from codat_notebook.planning.snapshots import CompanySnapshot, histories
from codat_notebook.strategies.cell_table import CELLS, table

from .made import NOW, snapshot


def operation(status: str, hours_ago: float, seconds: float = 60, connection: str = "xero") -> PullOperation:
    """One of the bills that began so many hours ago."""
    start = NOW - timedelta(hours=hours_ago)
    return PullOperation(
        id=f"{status}{hours_ago}", company_id="c1", connection_id=connection, data_type="bills", status=status,
        requested=start.isoformat(), completed=(start + timedelta(seconds=seconds)).isoformat(), progress=100,
        is_completed=status == "Complete", is_errored=status != "Complete",
    )  # fmt: skip


def past(*operations: PullOperation) -> CompanySnapshot:
    """A company with two data types of one connection, and a history of the bills."""
    made = snapshot(("xero", "bills", 2.0, "Complete"), ("xero", "invoices", None, None), xero="Linked")
    return replace(made, histories=histories(operations))


def cells(made: CompanySnapshot, **options: Any) -> pd.DataFrame:
    """Its table."""
    return measured([made], select(), NOW, **options)


def test_the_table_is_that_of_simulations() -> None:
    """The same columns with the same types, also for no company; then what only real companies have."""
    for frame in (cells(past()), measured([], select(), NOW)):
        assert list(frame)[: len(CELLS)] == list(CELLS)
        assert frame[list(CELLS)].dtypes.map(str).equals(table({}).dtypes.map(str))
        assert list(frame)[len(CELLS) :] == ["rate_from", "name", "obstacle", "latency", "failure_rate", "price"]
    frame = cells(past())
    assert frame["age"].tolist() == [2.0, float("inf")]
    assert frame["rate_from"].tolist() == ["assumed", "assumed"]
    assert frame[["rate", "changed_last", "obstacle"]].isna().all(axis=None)


def test_failures_in_a_row_keep_a_cell_away() -> None:
    """The newest failures count, back to the last success; the wait doubles, and is over when it is over."""
    newest = [operation("FetchError", 0.1), operation("FetchError", 1), operation("Complete", 2)]
    bills = cells(past(*newest, operation("AuthError", 3))).iloc[0]
    assert (bills["failures"], bills["last_error"]) == (2, "FetchError")
    assert bills["retry_at"] == NOW - timedelta(hours=0.1) + timedelta(seconds=60, minutes=30)
    later = cells(past(operation("FetchError", 0.5))).iloc[0]
    assert later["failures"] == 1
    assert pd.isna(later["retry_at"])
    fine = cells(past(operation("Complete", 0.1), *newest)).iloc[0]
    assert fine["failures"] == 0
    assert pd.isna(fine["last_error"])


def test_durations_and_failures_are_measured_where_enough_was_seen() -> None:
    """How long what ended well took, and a failure rate that leaves the assumption as more is seen."""
    few = cells(past(operation("Complete", 1, 600)))
    many = cells(past(*(operation("Complete", n + 1, 600) for n in range(30))))
    assert many["latency"][0] == pytest.approx(600 / 86_400, rel=0.05)
    assert many["latency"][0] < many["latency_p95"][0] < 1200 / 86_400
    assert few["latency"][0] < 300 / 86_400
    failing = cells(past(*(operation("FetchError" if n % 2 else "Complete", n) for n in range(1, 401))))
    assert many["failure_rate"][0] < few["failure_rate"][0] < 0.051
    assert failing["failure_rate"][0] == pytest.approx(0.5, abs=0.03)
    stripe = measured([snapshot(("stripe", "commerce-orders", 1.0, "Complete"))], select(), NOW)
    assert stripe["failure_rate"][0] == pytest.approx(BY_NAME["Stripe"].failure_rate)
    unsupported = cells(past(*(operation("NotSupported", n) for n in range(50))))
    assert unsupported["failure_rate"][0] <= 0.05


def test_what_is_known_comes_in() -> None:
    """Weights by company, rates by data type, prices by platform; each rate says where it is from."""
    given = cells(past(), known=pd.DataFrame({"data_type": ["bills"], "rate": [0.25]}), prices=Prices.of_frame(0.02))
    assert given["rate"].tolist() == pytest.approx([0.25, float("nan")], nan_ok=True)
    assert given["rate_from"].tolist() == ["given", "assumed"]
    assert given["price"].tolist() == [0.02, 0.02]
    due = pd.Timestamp(NOW) + pd.Timedelta(days=1)
    heavy = cells(past(), known=pd.DataFrame({"company_id": ["c1"], "weight": [7.5], "due": [due]}))
    assert heavy["weight"].tolist() == [7.5, 7.5]
    assert heavy["due"].tolist() == [due, due]
    assert heavy[list(CELLS)].dtypes.map(str).equals(table({}).dtypes.map(str))
    for wrong, message in (
        ({"rate": [1.0]}, "a frame with company_id or data_type"),
        ({"data_type": ["bills"] * 2, "rate": [1.0, 2.0]}, "two rows for the same data_type"),
    ):
        with pytest.raises(ValueError, match=message):
            cells(past(), known=pd.DataFrame(wrong))
