"""Operations as bars: which row they stand in, what they say, and which of a long history are joined."""

import json
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from codat_notebook import frames
from codat_notebook.models import vocabulary
from codat_notebook.models.shared import PullOperation
from codat_notebook.models.status import STAGES, STATUSES
from codat_notebook.widgets.charts import MOST, LookAt, Timeline, timeline_state

NOW = datetime(2026, 11, 23, 13, 58, tzinfo=UTC)
NAMES = {"x": "Xero", "p": "Plaid", "q": "Plaid"}


def operation(data_type="invoices", status="Complete", minutes=10.0, took=1.0, connection="x", **fields):
    """An operation that was requested some minutes ago; ``took`` None for one without an end."""
    requested = NOW - timedelta(minutes=minutes)
    completed = None if took is None else (requested + timedelta(minutes=took)).isoformat()
    values = {"requested": requested.isoformat(), "completed": completed, "connection_id": connection, **fields}
    return PullOperation(id=f"{data_type}/{connection}/{minutes}", data_type=data_type, status=status, **values)


def drawn(operations, look=None, **about):
    """The state for some operations."""
    return timeline_state(frames.pull_operations(operations, NAMES, NOW), NOW, look, **about)


def test_a_row_for_each_data_type_in_codats_order():
    """The connection is named only where a type has several."""
    found = [operation("invoices"), operation("banking-accounts", connection="p"), operation("bills")]
    assert [row["label"] for row in drawn(found)["rows"]] == [
        "Bills", "Invoices", "Bank accounts",
    ]  # fmt: skip
    two = drawn([*found, operation("bills", connection="p")])
    assert [(row["key"], row["note"], row["platform"]) for row in two["rows"]][:3] == [
        ("bills", "Plaid", "Plaid"), ("bills", "Xero", "Xero"), ("invoices", "", "Xero"),
    ]  # fmt: skip
    assert [two["rows"][bar["row"]]["key"] for bar in two["bars"] if bar["key"].startswith("bank")] == [
        "banking-accounts"
    ]


@pytest.mark.parametrize("status", STATUSES)
def test_each_status_has_the_tone_of_its_outcome(status):
    """Complete is good, a failure bad, what nobody supports neither, and only what runs has no end."""
    runs = status in STAGES
    bar = drawn([operation(status=status, took=None if runs else 1)])["bars"][0]
    expected = "run" if runs else {"Complete": "ok", "NotSupported": "idle"}.get(status, "bad")
    assert bar["tone"] == expected
    assert (bar["until"] is None) == runs


def test_paused_and_unknown_ones_are_told_apart():
    """A pause says until when; a word that nobody knows runs until it has an end."""
    state = drawn(
        [
            operation(status="Fetching", took=None, status_description="Paused until 2026-11-23T14:05:00"),
            operation("bills", "Routing", took=None),
            operation("items", "Routing"),
            operation("customers", "FetchError", took=None),
        ]
    )
    bars = {state["rows"][bar["row"]]["key"]: bar for bar in state["bars"]}
    assert (bars["invoices"]["tone"], bars["invoices"]["text"]) == ("warn", "Paused until 2026-11-23T14:05:00Z")
    assert (bars["bills"]["tone"], bars["bills"]["until"]) == ("idle", None)
    assert bars["items"]["until"] is not None
    assert bars["customers"]["until"] == bars["customers"]["since"]


def test_all_of_a_short_history_have_a_bar_of_their_own_oldest_first():
    """Whatever order they come in; further ones that Codat has are counted; without a readable time there is no bar."""
    minutes = [n * 8191 % 10_007 for n in range(1, MOST + 1)]
    state = drawn([operation(minutes=each) for each in minutes], total=5000)
    assert [bar["key"] for bar in state["bars"]] == [f"invoices/x/{each}" for each in sorted(minutes, reverse=True)]
    assert (state["held"], state["total"], state["grouped"]) == (MOST, 5000, False)
    unreadable = drawn([operation(requested=None), operation(requested="soon", connection="p")])
    assert (unreadable["bars"], unreadable["held"], unreadable["grouped"]) == ([], 2, False)
    assert timeline_state(None, NOW)["bars"] == []


LONG = [
    operation(vocabulary.DATA_TYPES[n % 43], "FetchError" if n % 97 == 0 else "Complete", minutes=n / 3 + 1, took=0.2)
    for n in range(20_000)
]


@pytest.fixture(scope="module")
def long():
    """The frame of a long history: 43 data types, 20,000 operations in 4.6 days; one of 97 failed."""
    return frames.pull_operations(LONG, NAMES, NOW)


def looking(hours_ago, hours, width=900.0):
    """A look at some hours."""
    until = NOW.timestamp() - hours_ago * 3600
    return LookAt(since=until - hours * 3600, until=until, width=width, seq=3)


@pytest.mark.parametrize(
    "look", [None, looking(0, 120), looking(0, 1), looking(50, 0.5), looking(900, 1), looking(0, 1e9)]
)
def test_nothing_of_a_long_history_is_lost_and_what_is_sent_stays_small(long, look):
    """Each operation is in one bar of its row, which reaches over it; failures are counted and colour their bar."""
    state = timeline_state(long, NOW, look)
    bars = state["bars"]
    assert (sum(bar["count"] for bar in bars), state["held"], state["grouped"]) == (20_000, 20_000, True)
    assert len(bars) <= MOST
    assert len(json.dumps(state)) < 250_000
    assert bars == sorted(bars, key=lambda bar: bar["since"])
    assert sum(bar["failed"] for bar in bars) == sum(o.status == "FetchError" for o in LONG)
    assert {bar["tone"] for bar in bars if bar["failed"]} == {"bad"}
    assert {bar["tone"] for bar in bars if not bar["failed"]} <= {"ok"}
    of_row = {}
    for bar in bars:
        of_row.setdefault(state["rows"][bar["row"]]["key"], []).append(bar)
    keys = {}
    for each in LONG:
        time = datetime.fromisoformat(each.requested).timestamp()
        holding = [bar for bar in of_row[each.data_type] if bar["since"] <= time < bar["until"] + 1]
        assert holding
        keys[each.id] = each
    assert all(keys[bar["key"]].status == "FetchError" for bar in bars if bar["failed"])


def test_where_the_reader_looks_each_operation_has_its_bar(long):
    """An hour holds 180: they are told apart at the pixels of that view, and half as much on both sides."""
    state = timeline_state(long, NOW, looking(50, 1))
    since = NOW.timestamp() - 51 * 3600
    seen = [bar for bar in state["bars"] if since - 1700 < bar["since"] < since + 3600 + 1700]
    assert {bar["count"] for bar in seen} == {1}
    assert len(seen) == pytest.approx(2 * 180, abs=30)


@pytest.mark.parametrize("seed", range(5))
def test_the_worst_wins_and_a_running_one_has_no_end(seed):
    """Red over running over grey over green."""
    random = Random(seed)
    statuses = random.choices(
        ("Complete", "FetchError", "Fetching", "NotSupported"), (90, 2, 1, 5), k=MOST + 400 * seed + 1
    )
    operations = [
        operation(status=status, minutes=random.uniform(1, 40_000), took=None if status == "Fetching" else 1.0)
        for status in statuses
    ]
    by_id = {each.id: each for each in operations}
    ranks = {"Complete": 0, "NotSupported": 1, "Fetching": 2, "FetchError": 3}
    bars = drawn(operations)["bars"]
    starts = [bar["since"] for bar in bars] + [float("inf")]
    ordered = sorted(operations, key=lambda each: each.requested)
    for bar, following in zip(bars, starts[1:], strict=True):
        inside, ordered = ordered[: bar["count"]], ordered[bar["count"] :]
        worst = max(ranks[each.status] for each in inside)
        assert ranks[by_id[bar["key"]].status] == worst
        assert (bar["until"] is None) == any(each.status == "Fetching" for each in inside)
        assert bar["failed"] == sum(each.status == "FetchError" for each in inside)
        assert bar["since"] <= following
    assert ordered == []


def test_a_timeline_keeps_what_its_reader_asked_for():
    """Where they look and what is open, until another company is shown; a message asks for a draw."""
    part, asked = Timeline({"company": "one"}), []
    part.on_look = lambda: asked.append((part.look, part.opened))
    frame = frames.pull_operations([operation(), operation("bills")], NAMES, NOW)
    part._receive({"type": "look_at", "since": 1.0, "until": 2.0, "width": 300, "seq": 9})
    part._receive({"type": "open_bar", "key": "bills/x/10.0"})
    assert asked == [(LookAt(since=1.0, until=2.0, width=300, seq=9), None), (part.look, "bills/x/10.0")]
    state, row = part.drawn(frame, NOW, company="one")
    assert (state["seq"], row["data_type"], row["id"]) == (9, "bills", "bills/x/10.0")
    part.select(None)
    assert part.drawn(frame, NOW, company="one")[1] is None
    part.opened = "gone"
    assert part.drawn(frame, NOW, company="one")[1] is None
    part.opened = "bills/x/10.0"
    state, row = part.drawn(frame, NOW, company="another")
    assert (state["company"], state["seq"], row, part.look) == ("another", 0, None, None)
    part.close()
