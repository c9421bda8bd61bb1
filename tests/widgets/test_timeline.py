"""Operations as bars: which row they stand in, what they say, and that only the newest are sent."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from codat_notebook.models import vocabulary
from codat_notebook.models.shared import PullOperation
from codat_notebook.models.status import STAGES, STATUSES
from codat_notebook.widgets.charts import MOST, timeline_state

NOW = datetime(2026, 11, 23, 13, 58, tzinfo=UTC)
NAMES = {"x": "Xero", "p": "Plaid", "q": "Plaid"}


def operation(data_type="invoices", status="Complete", minutes=10.0, took=1.0, connection="x", **fields):
    """An operation that was requested some minutes ago; ``took`` None for one without an end."""
    requested = NOW - timedelta(minutes=minutes)
    completed = None if took is None else (requested + timedelta(minutes=took)).isoformat()
    values = {"requested": requested.isoformat(), "completed": completed, "connection_id": connection, **fields}
    return PullOperation(id=f"{data_type}/{connection}/{minutes}", data_type=data_type, status=status, **values)


def test_a_row_for_each_data_type_in_codats_order():
    """The connection is named only where a type has several."""
    found = [operation("invoices"), operation("banking-accounts", connection="p"), operation("bills")]
    assert [row["label"] for row in timeline_state(found, NAMES)["rows"]] == [
        "bills", "invoices", "banking-accounts",
    ]  # fmt: skip
    two = timeline_state([*found, operation("bills", connection="p")], NAMES)
    assert [(row["label"], row["note"]) for row in two["rows"]][:3] == [
        ("bills", "Plaid"), ("bills", "Xero"), ("invoices", ""),
    ]  # fmt: skip


@pytest.mark.parametrize("status", STATUSES)
def test_each_status_has_the_tone_of_its_outcome(status):
    """Complete is good, a failure bad, what nobody supports neither, and only what runs has no end."""
    runs = status in STAGES
    bar = timeline_state([operation(status=status, took=None if runs else 1)])["bars"][0]
    expected = "run" if runs else {"Complete": "ok", "NotSupported": "idle"}.get(status, "bad")
    assert bar["tone"] == expected
    assert (bar["until"] is None) == runs


def test_paused_and_unknown_ones_are_told_apart():
    """A pause says until when; a word that nobody knows runs until it has an end."""
    state = timeline_state(
        [
            operation(status="Fetching", took=None, status_description="Paused until 2026-11-23T14:05:00"),
            operation("bills", "Routing", took=None),
            operation("items", "Routing"),
            operation("customers", "FetchError", took=None),
        ],
    )
    bars = {state["rows"][bar["row"]]["label"]: bar for bar in state["bars"]}
    assert (bars["invoices"]["tone"], bars["invoices"]["text"]) == ("warn", "Paused until 2026-11-23T14:05:00Z")
    assert (bars["bills"]["tone"], bars["bills"]["until"]) == ("idle", None)
    assert bars["items"]["until"] is not None
    assert bars["customers"]["until"] == bars["customers"]["since"]


@pytest.mark.parametrize("further", [-1, 0, 7])
def test_the_newest_are_sent_oldest_first_and_the_rest_counted(further):
    """Whatever order they come in."""
    minutes = [n * 8191 % 10_007 for n in range(1, MOST + further + 1)]
    state = timeline_state([operation(minutes=each) for each in minutes])
    newest = sorted(minutes)[:MOST]
    assert [bar["key"] for bar in state["bars"]] == [f"invoices/x/{each}" for each in reversed(newest)]
    assert state["total"] == len(minutes)


def test_a_long_history_stays_small_and_unreadable_times_are_left_out():
    """About 500 bars whatever there is; rows only of what is drawn; a bar without a beginning cannot be drawn."""
    many = [operation(vocabulary.DATA_TYPES[n % 43], minutes=n) for n in range(5000)]
    state = timeline_state(many, NAMES)
    assert (len(state["bars"]), state["total"]) == (MOST, 5000)
    assert len(json.dumps(state)) < 100_000
    assert timeline_state([operation(requested=None), operation(requested="soon")])["total"] == 0
