"""The rows of a run: what a look at the history makes of them."""

import random

from hypothesis import given
from hypothesis import strategies as st

from codat_notebook.models.shared import PullOperation
from codat_notebook.runs.rows import Row, absorb


def operation(id: str, data_type: str = "invoices", status: str = "Fetching", **fields: object) -> PullOperation:
    """A pull operation of a test."""
    given = {"connection_id": "c1", "requested": "2026-11-23T10:00:00Z", **fields}
    return PullOperation(id=id, data_type=data_type, status=status, **given)  # type: ignore[arg-type]


def test_an_operation_fills_the_row_that_waits_for_it() -> None:
    """A row without an operation takes the first of its type and connection, with its origin."""
    rows = absorb([Row("invoices"), Row("bills")], [operation("1")], lambda _: "queued")
    assert [(row.data_type, row.origin, row.state) for row in rows] == [
        ("invoices", "queued", "running"),
        ("bills", None, "queueing"),
    ]


def test_an_operation_that_no_row_waits_for_gets_a_row_of_its_own() -> None:
    """A sibling on another connection appears."""
    first = absorb([Row("invoices")], [operation("1")], lambda _: "queued")
    rows = absorb(first, [operation("1"), operation("2", connection_id="c2")], lambda _: "queued")
    assert [(row.connection_id, row.origin) for row in rows] == [("c1", "queued"), ("c2", "appeared")]


def test_an_operation_of_nobody_is_left_alone() -> None:
    """Without an origin it is none of this run's."""
    rows = (Row("invoices"),)
    assert absorb(rows, [operation("1")], lambda _: None) == rows


def test_a_row_for_one_connection_does_not_take_anothers() -> None:
    """The connection must be the one that was asked for."""
    rows = absorb([Row("invoices", "c9")], [operation("1")], lambda _: "queued")
    assert [(row.connection_id, row.state) for row in rows] == [("c9", "queueing"), ("c1", "running")]


def test_what_has_ended_never_runs_again() -> None:
    """A late answer with an older state does not undo an end."""
    ended = absorb([Row("invoices")], [operation("1", status="Complete")], lambda _: "queued")
    assert absorb(ended, [operation("1", status="Fetching")], lambda _: None) == ended


def test_an_unknown_outcome_is_settled_by_a_look() -> None:
    """A row whose queueing had no clear answer takes the operation that turns up, and forgets the doubt."""
    rows = absorb([Row("invoices", outcome="unknown")], [operation("1")], lambda _: "queued")
    assert [(row.state, row.outcome) for row in rows] == [("running", None)]


def test_a_refused_row_takes_nothing() -> None:
    """What Codat refused stays refused; an operation of that type is somebody else's."""
    rows = absorb([Row("invoices", outcome="refused")], [operation("1")], lambda _: "appeared")
    assert [row.state for row in rows] == ["refused", "running"]


def test_a_status_that_nobody_knows_is_running_until_it_is_completed() -> None:
    """Unknown words are shown as they are; the end is told by ``completed``, or by a word that ends in Error."""
    states = [
        Row("invoices", operation=operation("1", status=status, completed=completed)).state
        for status, completed in [("Routing", None), ("Routing", "2026-01-01"), ("QuantumError", None)]
    ]
    assert states == ["running", "complete", "failed"]


statuses = st.sampled_from(["Queued", "Fetching", "Complete", "AuthError", "Routing", ""])
histories = st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["invoices", "bills", "x"]), statuses), max_size=12)


@given(looks=st.lists(histories, max_size=6), seed=st.integers(0, 9))
def test_no_look_loses_or_doubles_an_operation(looks: list[list[tuple[int, str, str]]], seed: int) -> None:
    """Whatever the history shows, in any order: each operation has one row, and none that had one loses it."""
    rows: tuple[Row, ...] = (Row("invoices"), Row("bills", "c2"))
    known: set[str] = set()
    for look in looks:
        seen = [operation(f"{number}-{data_type}", data_type, status) for number, data_type, status in look]
        random.Random(seed).shuffle(seen)
        rows = absorb(rows, seen, lambda o: "queued" if o.data_type != "x" else None)
        ids = [row.operation.id for row in rows if row.operation]
        assert len(ids) == len(set(ids))
        known |= {o.id for o in seen if o.data_type != "x"}
        assert known == set(ids)
