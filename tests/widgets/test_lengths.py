"""One length for one operation: whoever tells how long it took tells the same."""

import pytest

from codat_notebook import frames, report
from codat_notebook.models.instants import instant
from codat_notebook.models.shared import Connection, PullOperation
from codat_notebook.runs.cells import CompanyStatus, make_cells
from codat_notebook.runs.context import CompanyFacts
from codat_notebook.tables.sheet import Layout, Sheet, TableView
from codat_notebook.widgets.console_parts import OPERATION_COLUMNS
from codat_notebook.widgets.details import operation_details
from codat_notebook.widgets.progress import Progress, operation_row, progress_state
from codat_notebook.widgets.table import static_text

#: (requested, completed, what is said): times as fine as Codat's, at which rounding here and cutting there differ.
LENGTHS = [
    ("2026-11-23T13:58:07.9004999", "2026-11-23T14:00:02.4000001", "1 min 55 s"),
    ("2026-11-23T13:58:07.0000001", "2026-11-23T14:00:01.9999999", "1 min 54 s"),
    ("2026-11-23T13:58:07.0004999", "2026-11-23T14:00:01.5005001", "1 min 54 s"),
    ("2026-11-23T13:58:07.9999999", "2026-11-23T13:58:08.0000001", "1 s"),
    ("2026-11-23T13:58:07", "2026-11-23T13:58:09.5", "2 s"),
    ("2026-11-23T13:58:07.1", "2026-11-23T13:58:07.9", "0 s"),
    ("2026-11-23T13:58:07.5", "2026-11-23T15:58:07.4", "2 h"),
]


@pytest.mark.parametrize(("requested", "completed", "said"), LENGTHS)
def test_all_tell_one_length(requested: str, completed: str, said: str) -> None:
    """The progress, the table, the details and the report; the browser has a test of its own."""
    operation = PullOperation(
        id="1", company_id="k", connection_id="c", data_type="bills", status="Complete", requested=requested,
        completed=completed,
    )  # fmt: skip
    now = instant("2026-11-23T16:00:00")
    assert now is not None
    text = Progress.text(progress_state([operation_row(operation)]), now.isoformat())
    assert text.endswith(f", Complete, {said}")
    page = Sheet(frames.pull_operations([operation], now=now), Layout(columns=OPERATION_COLUMNS)).page(
        TableView(), None
    )
    place = [heading["key"] for heading in page["columns"]].index("duration")
    assert static_text(page["rows"][0][place], "duration") == said
    fields = {field["name"]: field["text"] for field in operation_details(operation, None, (), now)["fields"]}
    assert fields["duration"] == said
    facts = CompanyFacts("k", "Toft", {"c": Connection(id="c", status="Linked")}, {"c": frozenset({"bills"})})
    status = CompanyStatus(facts, [operation], make_cells(facts, {}, [operation], True, now))
    assert f">{said}<" in str(report.operations(status, now))
