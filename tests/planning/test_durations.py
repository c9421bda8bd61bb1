"""How long a refresh takes is the same answer wherever it is asked for."""

from datetime import timedelta

import pytest

from codat_notebook.models.platforms import BY_NAME, median_seconds
from codat_notebook.models.shared import PullOperation
from codat_notebook.planning.measuring import measured
from codat_notebook.planning.plan import plan_rows
from codat_notebook.planning.selection import select
from codat_notebook.planning.snapshots import durations_of, histories
from codat_notebook.runs.durations import Durations, usual_durations

from .made import NOW, snapshot, timed


def test_plans_cells_and_durations_say_the_same() -> None:
    """Of what was seen, and of what never was: a plan's seconds, the cells' latency, the estimate itself."""
    company = timed({("xero", "bills"): [300.0, 500.0, 400.0], ("xero", "items"): []})
    durations, cells = durations_of([company]), measured([company], select(), NOW)
    seconds = {row.data_type: row.seconds for row in plan_rows([company], select())}
    for data_type, latency, late in cells[["data_type", "latency", "latency_p95"]].itertuples(index=False):
        expected = durations.of("Xero", data_type)
        assert seconds[data_type] == expected.median
        assert (latency * 86_400, late * 86_400) == pytest.approx((expected.median, expected.late))


def test_before_anything_was_seen_all_assume_the_same() -> None:
    """By platform and data type."""
    company = snapshot(("xero", "bills", 9, "Complete"))
    [row] = plan_rows([company], select())
    usual = pytest.approx(median_seconds(BY_NAME["Xero"], "bills"))
    assert row.seconds == usual
    assert measured([company], select(), NOW)["latency"][0] * 86_400 == usual


def test_a_run_and_a_console_learn_from_the_same_operations() -> None:
    """The console's history and an estimator that saw the same ends agree."""
    operations = [
        PullOperation(
            id=str(n), connection_id="c", data_type="bills", status="Complete",
            requested=(NOW - timedelta(hours=n)).isoformat(),
            completed=(NOW - timedelta(hours=n) + timedelta(seconds=30 + n)).isoformat(),
        )
        for n in range(5)
    ]  # fmt: skip
    durations = Durations()
    for seconds in histories(operations)["c", "bills"].seconds:
        durations.learn("c", "bills", seconds)
    assert usual_durations(operations)["c", "bills"] == pytest.approx(durations.usual("c", "bills"))
