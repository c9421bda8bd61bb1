"""Rows, ages, reports and warnings of the list of data types."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_notebook.client.lookup import on_premise, placed
from codat_notebook.models import vocabulary
from codat_notebook.models.shared import Connection, Integration, OnPremiseConnection, PullOperation
from codat_notebook.models.vocabulary import DatasetStatus, SchemaDataType
from codat_notebook.runs.cells import Cell, make_cells
from codat_notebook.runs.context import CompanyFacts
from codat_notebook.widgets import data_types
from codat_notebook.widgets.pickers import connection_cards
from codat_notebook.widgets.progress import operation_row

from .type_cells import NEVER, type_rows

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
LAST = timedelta(hours=23, minutes=59)


@pytest.mark.parametrize(
    ("status", "last", "state"),
    [
        ("Complete", LAST, "ok"),
        ("Mapping", LAST, "running"),
        ("Routing", LAST, "running"),
        ("QuantumError", LAST, "failed"),
        ("AuthError", None, "failed"),
        (None, None, "never"),
        ("Complete", None, "never"),
        ("NotSupported", None, "unsupported"),
    ],
)
def test_a_status_and_a_date_become_a_state(status, last, state):
    """Also for statuses nobody knows, and for a type that was never synced."""
    (row,) = type_rows(NOW, {"bills": (status, last)})
    assert (row["state"], row["last"]) == (state, last and (NOW - last).strftime("%Y-%m-%dT%H:%M:%SZ"))


def test_supported_types_without_a_status_are_never_synced():
    """Codat leaves out what was never read; the list does not."""
    rows = type_rows(NOW, dict.fromkeys(("commerce-orders", "invoices", "bills"), NEVER), {"invoices": NEVER})
    assert [(row["key"], row["family"], row["state"]) for row in rows] == [
        ("bills", "Accounting", "never"),
        ("invoices", "Accounting", "never"),
        ("commerce-orders", "Commerce", "never"),
    ]


@given(st.lists(st.text(min_size=1, max_size=12), unique=True, max_size=30))
def test_no_type_is_lost_however_it_is_called(keys):
    """Custom types exist; each has one row, sorted by family."""
    rows = type_rows(NOW, dict.fromkeys(keys, NEVER))
    assert sorted(row["key"] for row in rows) == sorted(keys)
    families = [row["family"] for row in rows]
    assert families == sorted(families)


def test_what_a_lost_connection_has_read_stands_there_and_cannot_be_refreshed():
    """With its age, unless a linked connection has it too; what nobody ever read through it is not there."""
    linked = Connection(id="l", status="Linked")
    lost = Connection(id="d", status="Deauthorized", platform_name="Xero", link_url="u")
    facts = CompanyFacts("c", "C", {"l": linked, "d": lost}, {"l": frozenset({"bills"}), "d": frozenset({"items"})})
    ages = {("l", "bills"): 1, ("d", "bills"): 9, ("d", "invoices"): 9, ("d", "items"): None}
    cells = []
    for (id, key), days in ages.items():
        last, status = (NOW - timedelta(days=days), "Complete") if days else (None, None)
        cells.append(Cell("c", id, key, "", status, last, last, None, None, None, "history"))
    rows = data_types.data_type_rows(facts, cells)
    assert [(row["key"], row["state"], row["last"]) for row in rows] == [
        ("bills", "ok", "2026-11-22T14:00:00Z"), ("invoices", "unlinked", "2026-11-14T14:00:00Z"),
    ]  # fmt: skip
    assert [row["key"] for row in data_types.data_type_rows(facts, cells, "d")] == ["bills", "invoices"]
    still = Cell("c", "d", "invoices", "", "Queued", NOW, NOW, None, None, None, "history")
    runs = data_types.data_type_rows(facts, [*cells[:2], still])[1]  # what was queued before it was lost
    assert (runs["state"], runs["connection"]) == ("running", "d")
    assert [row["key"] for row in data_types.data_type_rows(facts, cells, "l")] == ["bills"]
    state = data_types.data_types_state("c", rows, connections=connection_cards([linked, lost]))
    assert [card["link_url"] for card in state["unlinked"]] == ["u"]
    assert {each["name"] for each in state["sets"]} == {"Receivables", "Payables"}


def test_reports_offer_only_what_the_company_has():
    """A report none of whose types is there has no chip."""
    assert data_types.report_sets(["commerce-orders"]) == [{"name": "Sales", "types": ["commerce-orders"]}]
    assert {s["name"] for s in data_types.report_sets(vocabulary.DATA_TYPES)} == {
        name.capitalize() for name in vocabulary.REPORTS
    }


def test_the_worst_report_is_warned_of_first_and_even_ones_not_at_all():
    """Only reports whose parts lie further apart than a week, with both ends named."""
    day = data_types.DAY
    ages = {"bills": 20.0, "suppliers": 8 * day, "customers": 2 * day, "invoices": 40 * day, "balanceSheet": 3 * day}
    times = {key: (NOW - timedelta(seconds=age)).isoformat() for key, age in ages.items()}
    assert data_types.uneven_reports([{"key": key, "last": time} for key, time in times.items()]) == [
        {"name": "Receivables", "old": "invoices", "new": "customers"},
        {"name": "Payables", "old": "suppliers", "new": "bills"},
    ]


def test_without_a_company_there_is_nothing_to_be_loading():
    """The state says so whatever status was asked for."""
    assert data_types.data_types_state(None, [], status="loading")["status"] == "none"


def test_a_type_of_several_connections_is_as_old_as_its_oldest() -> None:
    """With two banks of which one is dead it does not look fresh, and one that was never read makes it never read."""
    old, new, never = ({"invoices": ("Complete", age)} for age in (timedelta(days=300), timedelta(days=1), None))
    for reads in ((old, new), (new, old)):
        (row,) = type_rows(NOW, *reads)
        assert (row["last"], row["connections"]) == ("2026-01-27T14:00:00Z", 2)
        assert sorted(each["last"] for each in row["reads"]) == ["2026-01-27T14:00:00Z", "2026-11-22T14:00:00Z"]
    (row,) = type_rows(NOW, new, never)
    assert (row["last"], row["state"]) == (None, "never")


def test_what_the_runs_on_screen_refresh_is_running() -> None:
    """Whatever the cells say, which are as they were when the company was read."""
    (row,) = type_rows(NOW, {"invoices": ("FetchError", None)}, running=["invoices"])
    assert row["state"] == "running"


MADE = datetime(2026, 8, 1, tzinfo=UTC)


def operation(day: int, data_type: str, status: str) -> PullOperation:
    """One of a day after the first."""
    told = (MADE + timedelta(days=day)).isoformat()
    done = None if status == "Queued" else told
    kind, word = SchemaDataType(data_type), DatasetStatus(status)
    return PullOperation(id=str(day), connection_id="s", data_type=kind, status=word, requested=told, completed=done)


def test_what_fails_again_and_again_or_waits_for_a_machine_says_so() -> None:
    """The count in the list, since when in the tooltip; and that nothing is read before the machine is on."""
    sage = OnPremiseConnection(id="s", integration_key="hbql", platform_name="Sage 50", status="Linked")
    facts = CompanyFacts("c", "C", {"s": sage}, {"s": frozenset({"bills", "items"})})
    ended = [operation(n, "bills", "FetchError") for n in range(30, 0, -1)] + [operation(0, "bills", "Complete")]
    waiting = operation(40, "items", "Queued")
    cells = make_cells(facts, {}, [waiting, *ended], True, MADE + timedelta(days=60))
    bills, items = data_types.data_type_rows(facts, cells)
    assert (bills["state"], bills["failures"]) == ("failed", 30)
    assert bills["note"] == "failed 30 times in a row, not since 1 August 2026"
    assert (items["state"], items["failures"], items["note"]) == ("running", 0, "Waiting for a machine")
    assert {cell.data_type: cell.message for cell in cells}["items"] == "Waiting for a machine"
    row = operation_row(waiting, sage, now=MADE + timedelta(days=40, hours=1), usual=20.0)
    assert (row["text"], row["tone"], "usual" in row) == ("Waiting for a machine", "warn", False)
    assert row["note"].startswith("It is waiting for the customer's machine to come online.")
    online = Connection(id="s", integration_key="gbol", platform_name="Xero", status="Linked")
    assert operation_row(waiting, online)["text"] == "Queued"


def test_codat_says_which_connectors_are_on_premise() -> None:
    """By any name of the integration; where it does not say, its documents do."""
    told = on_premise([Integration(key="abcd", name="New Desk", is_offline_connector=True),
                       Integration(key="hbql", name="Sage 50", is_offline_connector=False)])  # fmt: skip
    named = (("abcd", "?"), (None, "New Desk"), ("hbql", "Sage 50"), ("pqsw", "QuickBooks Desktop"), ("gbol", "Xero"))
    placed_there = [placed(Connection(integration_key=k, platform_name=n), told).on_premise for k, n in named]
    assert placed_there == [True, True, False, True, False]
