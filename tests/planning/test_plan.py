"""Cell by cell: what would be queued, what not, and why."""

from dataclasses import replace
from typing import Any

import pytest

from codat_notebook.models.looks import looks
from codat_notebook.models.shared import CompanyReference
from codat_notebook.planning.health import PortfolioStatus
from codat_notebook.planning.plan import plan_rows, totals
from codat_notebook.planning.selection import Selection, select
from codat_notebook.planning.snapshots import CompanySnapshot

from .made import NOW, snapshot, timed


def planned(company: CompanySnapshot, **given: Any) -> list[tuple[str | None, str | None, str, str]]:
    """(connection, data type, action, reason) of each row."""
    return [(r.connection_id, r.data_type, r.action, r.reason) for r in plan_rows([company], select(**given))]


def test_old_and_never_read_cells_are_queued_and_fresh_ones_skipped() -> None:
    """The rule of most: a week old or older."""
    cells = ("xero", "bills", 7, "Complete"), ("xero", "items", 6, "Complete"), ("xero", "taxRates", None, None)
    assert planned(snapshot(*cells), older_than="7D") == [
        ("xero", "bills", "queue", "old"),
        ("xero", "items", "skip", "fresh"),
        ("xero", "taxRates", "queue", "never read"),
    ]


def test_of_two_banks_the_dead_one_is_seen() -> None:
    """Each connection is a row of its own; what is not linked is skipped, the other refreshed."""
    company = snapshot(
        ("plaid", "banking-accounts", 9, "Complete"),
        ("truelayer", "banking-accounts", 40, "AuthError"),
        truelayer="Deauthorized",
    )
    assert planned(company, data_types="banking-accounts") == [
        ("plaid", "banking-accounts", "queue", "asked for"),
        ("truelayer", "banking-accounts", "skip", "not linked"),
    ]


def test_a_failure_with_fresh_data_behind_it_is_found() -> None:
    """``failed`` looks at the last attempt, whatever the age of the last success; with an age, both must hold."""
    company = snapshot(("xero", "bills", 1, "FetchError"), ("xero", "items", 30, "Complete"))
    assert planned(company, failed=True) == [
        ("xero", "bills", "queue", "failed"),
        ("xero", "items", "skip", "did not fail"),
    ]
    assert planned(company, failed=True, older_than="7D")[0][2:] == ("skip", "fresh")


def test_what_runs_is_left_alone() -> None:
    """Also where its data is old."""
    company = snapshot(("xero", "bills", 30, "Mapping"), running=(("xero", "bills"),))
    assert planned(company, older_than="7D") == [("xero", "bills", "skip", "in progress")]


@pytest.mark.parametrize(
    ("company", "given", "expected"),
    [
        (snapshot(("xero", "bills", 1, "Complete")), {"data_types": "transfers"}, (None, "transfers", "not supported")),
        (snapshot(("xero", "bills", None, "NotSupported")), {}, ("xero", "bills", "not supported")),
        (snapshot(), {"data_types": "bills"}, (None, "bills", "not linked")),
        (snapshot(), {}, (None, None, "not linked")),
        (
            CompanySnapshot("c1", "c1", trouble="unknown company"),
            {"data_types": "bills"},
            (None, "bills", "unknown company"),
        ),
        (CompanySnapshot("c1", "c1", trouble="could not be read"), {}, (None, None, "could not be read")),
    ],
)
def test_what_cannot_be_refreshed_says_why(
    company: CompanySnapshot, given: dict[str, Any], expected: tuple[str | None, str | None, str]
) -> None:
    """One row where there is no cell, so that nothing asked for is lost."""
    [(connection, data_type, action, reason)] = planned(company, **given)
    assert (connection, data_type, reason) == expected
    assert action == "skip"


def test_a_connection_by_name() -> None:
    """Only that one; a connection that the company does not have is said."""
    company = snapshot(("plaid", "banking-accounts", 9, "Complete"), ("truelayer", "banking-accounts", 9, "Complete"))
    targets = {"c1": (("banking-accounts", "plaid"), ("banking-accounts", "monzo"), (None, "truelayer"))}
    rows = plan_rows([company], Selection(targets))
    assert [(r.connection_id, r.action, r.reason) for r in rows] == [
        ("plaid", "queue", "asked for"),
        ("monzo", "skip", "unknown connection"),
        ("truelayer", "queue", "asked for"),
    ]


def test_a_platform_narrows_without_a_word() -> None:
    """Companies that have none of it are no rows; a name or a key will do."""
    company = snapshot(("xero", "bills", 9, "Complete"), ("plaid", "banking-accounts", 9, "Complete"))
    assert planned(company, platform="plaid") == [("plaid", "banking-accounts", "queue", "asked for")]
    assert planned(company, platform="Shopify") == []
    assert planned(company, platform="plaid", data_types="bills") == [(None, "bills", "skip", "not supported")]


def test_nothing_is_planned_twice() -> None:
    """A cell that is asked for by several lines is one row."""
    company = snapshot(("xero", "bills", 9, "Complete"))
    rows = plan_rows([company], Selection({"c1": (("bills", None), ("bills", "xero"), (None, None))}))
    assert len(rows) == 1


def test_each_row_says_what_it_takes() -> None:
    """A request to queue it and a share of following its company; seconds as the histories show."""
    company = snapshot(
        ("xero", "bills", 9, "Complete"), ("xero", "items", 1, "Complete"), ("xero", "journals", 9, None)
    )
    other = timed({("xero", "bills"): [400.0] * 9, ("sage", "items"): [10.0]})
    rows = {
        row.data_type: row for row in plan_rows([company, other], select(older_than="7D")) if row.company_id == "c1"
    }
    queued = [rows["bills"], rows["journals"]]
    looked = looks(1, 2, sum(row.seconds or 0.0 for row in queued))
    assert [row.requests for row in queued] == [1 + looked / 2] * 2
    assert rows["items"].requests == 0
    assert rows["bills"].seconds == pytest.approx(400, rel=0.1)
    assert rows["items"].seconds is None


def test_totals_of_nothing() -> None:
    """An empty plan has totals too."""
    assert totals([]) == "0 to queue; 0 skipped"


def test_a_word_that_no_call_can_name_is_left_out() -> None:
    """What the history holds is not always what can be queued; custom types can."""
    company = snapshot(("xero", "custom/my-type", 9, "Complete"), ("xero", "odd/word", 9, "Complete"))
    assert planned(company) == [
        ("xero", "custom/my-type", "queue", "asked for"),
        ("xero", "odd/word", "skip", "no data type that can be queued"),
    ]


def test_products_that_are_refreshed_otherwise_are_left_out() -> None:
    """The reason is the documented way; beside a product that needs the data nothing is said."""
    company = snapshot(("xero", "bills", 9, "Complete"))
    assert company.facts is not None
    for products, told in ((("payables",), True), (("payables", "lending"), False)):
        other = replace(company, facts=replace(company.facts, products=products))
        ((_, _, action, reason),) = planned(other)
        assert (action, "Bill Pay" in reason) == (("skip", True) if told else ("queue", False))


def test_a_share_of_the_looks_belongs_to_each_that_is_queued() -> None:
    """A company's operations are followed together: so many looks, shared; what is skipped takes nothing."""
    cells = [("xero", name, 9, "Complete") for name in ("bills", "items", "taxRates")]
    rows = plan_rows([snapshot(*cells, ("xero", "invoices", 1, "Complete"))], select(older_than="7D"))
    queued = [row for row in rows if row.action == "queue"]
    assert 4 < (looked := looks(1, 3, sum(row.seconds or 0.0 for row in queued))) < 20
    assert [row.requests for row in queued] == [pytest.approx(1 + looked / 3)] * 3
    assert [row.requests for row in rows if row.action == "skip"] == [0]


def test_what_is_expected_to_fail_is_never_queued() -> None:
    """Xero's bank transactions end in an error each time: no rule and no name queues them, and none is unhealthy."""
    company = snapshot(("gbol", "bankTransactions", None, "FetchError"), ("gbol", "bills", None, "FetchError"))
    for given in ({}, {"older_than": "7D"}, {"failed": True}, {"data_types": ["bankTransactions", "bills"]}):
        assert planned(company, **given) == [
            ("gbol", "bankTransactions", "skip", "expected to fail"),
            ("gbol", "bills", "queue", "failed"),
        ]
    assert list(map(PortfolioStatus([company], select(), NOW).verdict, company.cells)) == [None, "fail"]


@pytest.mark.parametrize("given", [{"older_than": "1D"}, {"failed": True}])
def test_a_failure_waits_as_its_diagnosis_says_unless_it_is_named(given: dict[str, Any]) -> None:
    """A rule does not queue again what failed a moment ago; who asks for the data type gets it."""
    company = snapshot(("xero", "bills", 9, "RateLimitError"))
    waiting = replace(company, cells=tuple(replace(cell, due=NOW) for cell in company.cells))
    assert planned(waiting, **given) == [("xero", "bills", "skip", "failed, too soon to retry")]
    assert planned(waiting, data_types="bills") == [("xero", "bills", "queue", "failed")]
    assert planned(company, **given) == [("xero", "bills", "queue", "failed")]


def test_a_type_that_the_platform_no_longer_lists_is_not_queued() -> None:
    """However old its data, and whatever the history holds: Codat would refuse it each time. Of a platform of which
    nothing is known nothing is left out, and custom types are never listed."""
    company = snapshot(("xero", "bills", 40, "Complete"), ("xero", "custom/report", 40, "Complete"))
    assert company.facts is not None
    gone = replace(company, facts=replace(company.facts, supported={"xero": frozenset({"items"})}))
    assert planned(gone, older_than="7D") == [
        ("xero", "bills", "skip", "no longer offered"),
        ("xero", "custom/report", "queue", "old"),
    ]
    unknown = replace(company, facts=replace(company.facts, supported={}))
    assert planned(unknown, older_than="7D")[0][2:] == ("queue", "old")


def test_what_fails_again_and_again_is_said_and_counted_together() -> None:
    """Each in its own words; in the totals they are one reason."""
    company = snapshot(("xero", "bills", 100, "FetchError"), ("xero", "items", None, "FetchError"))
    lasting = replace(company, cells=tuple(replace(cell, failures=3) for cell in company.cells))
    rows = planned(lasting, failed=True)
    assert [row[3] for row in rows] == [
        "failed 3 times in a row, not since 15 August 2026", "failed 3 times in a row, this has never worked",
    ]  # fmt: skip
    assert totals(row[2:] for row in rows) == "2 to queue (2 failed again and again); 0 skipped"


def test_what_runs_for_longer_than_it_can_blocks_no_plan_for_ever() -> None:
    """It is told as such, and queued anew where the caller says so; what runs for hours is left alone all the same."""
    company = snapshot(
        ("xero", "bills", 400, "Mapping"), ("xero", "items", 400, "Mapping"),
        running=(("xero", "bills"), ("xero", "items")),
    )  # fmt: skip
    stuck = replace(company, cells=(replace(company.cells[0], overdue=True), company.cells[1]))
    told = "in progress for more than 7 days"
    assert [row[2:] for row in planned(stuck, older_than="7D")] == [("skip", told), ("skip", "in progress")]
    assert [row[2:] for row in planned(stuck, overdue=True)] == [("queue", told), ("skip", "in progress")]


def test_a_parent_is_not_told_to_lack_connections() -> None:
    """Those of a multi-entity company are its subsidiaries'."""
    company = snapshot()
    assert company.facts is not None
    parent = replace(company, facts=replace(company.facts, subsidiaries=(CompanyReference(id="s"),)))
    assert planned(company)[0][2:] == ("skip", "not linked")
    assert planned(parent)[0][2:] == ("skip", "a parent: its subsidiaries have the connections")
