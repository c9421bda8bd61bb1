"""What each company needs, from its connections alone and from its cells."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from codat_notebook.models.shared import CompanyReference, PullOperation
from codat_notebook.planning.health import PortfolioStatus
from codat_notebook.planning.needs import CUSTOMER, FINE, REFRESH, RUNNING, UNSEEN
from codat_notebook.planning.readiness import question_of
from codat_notebook.planning.selection import Selection
from codat_notebook.planning.snapshots import CompanySnapshot, after

from .made import NOW, snapshot

FRESH, LATE = ("xero", "bills", 1, "Complete"), ("xero", "items", 30, "Complete")


def looked_at(*cells: Any, **given: Any) -> CompanySnapshot:
    """A company whose cells were read just now."""
    return replace(snapshot(*cells, **given), seen=NOW)


def row(company: CompanySnapshot) -> dict[str, Any]:
    """Its row."""
    (found,) = PortfolioStatus([company], Selection(), NOW).companies.to_dict("records")
    return {str(name): value for name, value in found.items()}


@pytest.mark.parametrize(
    ("company", "state", "action"),
    [
        (looked_at(FRESH), FINE, "Nothing"),
        (looked_at(FRESH, LATE), REFRESH, "Refresh 1 data type"),
        (looked_at(LATE, running=(("xero", "items"),)), RUNNING, "Wait: 1 operation running"),
        (looked_at(FRESH, sage="Deauthorized"), CUSTOMER, "Ask the customer to link Sage again"),
        (looked_at(FRESH, sage="Unlinked"), FINE, "Nothing"),
        (looked_at(FRESH, sage="PendingAuth"), FINE, "Nothing"),
        (looked_at(sage="Unlinked"), CUSTOMER, "Ask the customer to link Sage again"),
        (looked_at(sage="PendingAuth"), CUSTOMER, "Ask the customer to link Sage"),
        (looked_at(), CUSTOMER, "Ask the customer to link a source"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_company_needs_what_is_most_urgent(company: CompanySnapshot, state: str, action: str) -> None:
    """The customer before anything else; what was unlinked on purpose or never linked only where nothing else is."""
    found = row(company)
    assert (found["state"], found["action"]) == (state, action)


def test_the_link_is_told_where_the_customer_needs_it() -> None:
    """That of the connection to link again; none where nothing has to be linked, or nothing is there to link."""
    assert row(looked_at(FRESH, sage="Deauthorized"))["link_url"] == "https://link/sage"
    assert row(looked_at(sage="PendingAuth"))["link_url"] == "https://link/sage"
    relinked = row(looked_at(FRESH, ("xero", "invoices", 3, "AuthError")))
    assert (relinked["state"], relinked["link_url"]) == (CUSTOMER, "https://link/xero")
    checked = row(looked_at(FRESH, ("xero", "invoices", 3, "ValidationError")))
    assert (checked["state"], pd.isna(checked["link_url"])) == (CUSTOMER, True)
    assert pd.isna([row(looked_at(FRESH, LATE))["link_url"], row(looked_at())["link_url"]]).all()


def test_what_was_not_looked_at_is_never_fine() -> None:
    """Neither what nobody has read, nor what could not be read; that the customer is needed is known without."""
    unseen = row(snapshot(FRESH))
    assert unseen["state"] == UNSEEN
    assert pd.isna([unseen["late"], unseen["running"]]).all()  # not 0, which nobody knows
    assert row(replace(looked_at(FRESH), trouble="could not be read"))["action"] == "Look again: could not be read"
    assert row(replace(looked_at(FRESH), trouble="could not be read"))["state"] == UNSEEN
    assert row(snapshot(FRESH, sage="Deauthorized"))["state"] == CUSTOMER


def test_a_failure_is_told_and_who_has_to_act() -> None:
    """One that the customer has to mend is theirs; another try is ours; it is late even where the data is young."""
    theirs = row(looked_at(FRESH, ("xero", "invoices", 2, "PermissionsError")))
    assert theirs["state"] == CUSTOMER
    assert theirs["failure"] == "Invoices: No permission"
    ours = row(looked_at(FRESH, ("xero", "invoices", 2, "RateLimitError")))
    assert (ours["state"], ours["late"], ours["fresh"]) == (REFRESH, 1, 100)


def test_readiness_is_told_where_it_is_known() -> None:
    """For the purpose and period of the question; what only a look can tell is missing."""
    question = question_of("bank", period_end="2026-10-31")
    read = looked_at(*(("plaid", data_type, 1, "Complete") for data_type in question.purpose.data_types))
    companies = [read, replace(read, seen=None), looked_at(FRESH), replace(snapshot(), seen=None)]
    for asked, told in ((question, "ready"), (question_of("bank"), "fresh")):
        frame = PortfolioStatus(companies, Selection(), NOW, question=asked).companies
        assert frame.ready.value_counts().to_dict() == {told: 1, "not ready": 2}
        assert frame.ready.isna().sum() == 1


def test_a_parent_has_nothing_to_be_looked_at() -> None:
    """Its subsidiaries have the connections."""
    company = snapshot()
    assert company.facts is not None
    parent = replace(company, facts=replace(company.facts, subsidiaries=(CompanyReference(id="c2"),)))
    assert row(parent)["state"] == FINE


def test_what_needs_most_comes_first_and_a_row_tells_its_oldest() -> None:
    """The customer, then what has most that is late; what was not looked at before what is fine."""
    companies = [
        looked_at(FRESH, company="fine"), snapshot(FRESH, company="unseen"), looked_at(LATE, company="late"),
        looked_at(LATE, ("xero", "bills", 20, "Complete"), company="later"),
        looked_at(sage="Deauthorized", company="lost"), looked_at(LATE, running=(("xero", "items"),), company="runs"),
    ]  # fmt: skip
    frame = PortfolioStatus(companies, Selection(), NOW).companies
    assert frame.company_id.tolist() == ["lost", "later", "late", "runs", "unseen", "fine"]
    later = frame.set_index("company_id").loc["later"]
    assert (later.oldest_type, later.age.days, later.fresh, later.connections) == ("items", 30, 0, "✓ Xero")
    empty = PortfolioStatus([], Selection(), NOW).companies
    assert list(map(str, empty.dtypes)) == list(map(str, frame.dtypes))


def ended(data_type: str, status: str, minutes: int = 0) -> PullOperation:
    """An operation of Xero that ended so many minutes from now."""
    told = (NOW + timedelta(minutes=minutes)).isoformat()
    return PullOperation(
        id=f"{data_type} {minutes}", connection_id="xero", data_type=data_type, status=status, requested=told,
        completed=told,
    )  # fmt: skip


def test_what_has_ended_since_a_look_is_taken_over() -> None:
    """A success makes it fresh, a failure keeps what was read before; what is known, or older, changes nothing; one
    that nobody has looked at is not told by some of its cells."""
    before = looked_at(FRESH, LATE, running=(("xero", "items"),))
    done = after(before, [ended("items", "Complete")], NOW)
    assert (row(done)["state"], row(done)["running"], done.seen) == (FINE, 0, NOW)
    assert after(done, [ended("items", "Complete"), ended("items", "FetchError", -50)], NOW) is done
    failed = after(done, [ended("items", "FetchError", 5)], NOW)
    assert row(failed)["failure"] == "Items: Source not readable"
    [was, now] = ([c for c in each.cells if c.data_type == "items"] for each in (done, failed))
    assert (now[0].last_success, now[0].failures) == (was[0].last_success, 1)
    unseen = snapshot(FRESH)
    assert after(unseen, [ended("bills", "Complete")], NOW) is unseen
