"""Ages of cells as a heatmap's state: which cell stands where, what the oldest is, which window is sent."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_notebook.runs.cells import Cell
from codat_notebook.widgets import charts, part
from codat_notebook.widgets.charts import WINDOW, heatmap_state
from tests.advised import advice

from .test_tokens import contrast

NOW = datetime(2026, 11, 23, 13, 58, tzinfo=UTC)
ROWS = {"netsuite": ("Oracle NetSuite", "accounting, linked"), "plaid": ("Plaid", "banking, linked")}
CSS = (Path(part.__file__).with_name("static") / "heatmap.css").read_text("utf-8")


def cell(data_type="invoices", days=0.0, connection="netsuite", status="Complete", company="toft"):
    """A cell that was last read some days ago; ``None`` for never."""
    success = None if days is None else NOW - timedelta(days=days)
    return Cell(
        company_id=company, connection_id=connection, data_type=data_type, platform="", status=status,
        last_success=success, last_requested=success, age=None, message=None, operation_id=None, source="history",
        advice=advice(status),
    )  # fmt: skip


def seconds(days):
    """When a cell of that age was read, as it is sent."""
    return int((NOW - timedelta(days=days)).timestamp())


def test_each_cell_stands_in_its_row_and_column():
    """Columns in the order of Codat's families; a row without a type has no cell there."""
    cells = [cell("banking-accounts", 1, "plaid"), cell("invoices", 3), cell("bills", 40)]
    state = heatmap_state(cells, ROWS)
    assert [column["key"] for column in state["columns"]] == ["bills", "invoices", "banking-accounts"]
    assert [row["label"] for row in state["rows"]] == ["Oracle NetSuite", "Plaid"]
    assert [row["cells"] for row in state["rows"]] == [
        [[seconds(40), ""], [seconds(3), ""], None],
        [None, None, [seconds(1), ""]],
    ]


@pytest.mark.parametrize(
    ("days", "status", "sent"),
    [
        (5, "Complete", [seconds(5), ""]),
        (5, "FetchError", [seconds(5), "Source not readable (FetchError)"]),
        (None, None, [0, ""]),
        (None, "PermissionsError", [0, "No permission (PermissionsError)"]),
        (None, "Fetching", [0, ""]),
        (None, "NotSupported", None),
        (5, "NotSupported", [seconds(5), ""]),
        (5, "QuantumError", [seconds(5), "QuantumError"]),
    ],
)
def test_never_not_supported_and_failed_are_told_apart(days, status, sent):
    """What was never read is no gap; a failure is told beside the age of what is there."""
    assert heatmap_state([cell(days=days, status=status)], ROWS)["rows"][0]["cells"] == [sent]


@given(st.lists(st.none() | st.integers(0, 400), min_size=1, max_size=6))
def test_cells_that_meet_show_the_oldest(days):
    """Two banks of one company are as old as the older one, and never is older than any day."""
    cells = [cell(days=each, connection=str(n)) for n, each in enumerate(days)]
    state = heatmap_state(cells, {"toft": ("Toft", "")}, by="company_id")
    oldest = 0 if None in days else seconds(max(days))
    assert state["rows"][0]["cells"] == [[oldest, ""]]


def test_of_many_rows_one_window_is_sent():
    """Any number of rows; the window is turned by its first row and never leaves them; columns do not change by it."""
    rows = {str(n): (f"Company {n}", "") for n in range(3001)}
    cells = [cell("invoices" if n % 2 else "bills", 1, company=str(n)) for n in range(3001)]
    first = heatmap_state(cells, rows, by="company_id")
    assert (len(first["rows"]), first["total"]) == (WINDOW, 3001)
    last = heatmap_state(cells, rows, by="company_id", first=10**9)
    assert [row["label"] for row in last["rows"]] == ["Company 3000"]
    assert last["columns"] == first["columns"]
    assert len(json.dumps(heatmap_state(cells, rows, by="company_id", first=-5))) < 30_000


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_age_can_be_read_on_its_colour(theme):
    """4.5 to 1, in both themes."""
    line = next(line for line in CSS.splitlines() if "--h0:" in line and ("theme-light" in line) == (theme == "dark"))
    tokens = dict(pair.strip().split(": ") for pair in line.split("{")[1].split(";") if pair.strip().startswith("--h"))
    assert len(tokens) == 2 * (len(charts.STEPS) + 1)
    weak = {n: c for n in range(5) if (c := contrast(tokens[f"--h{n}"], tokens[f"--h{n}-ink"])) < 4.5}
    assert weak == {}
