"""The answer: what it says, what it plans, how long that takes; and the rules that need more than one defect."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from codat_notebook import frames
from codat_notebook.models.shared import Connection
from codat_notebook.models.vocabulary import PURPOSES, DataConnectionStatus
from codat_notebook.planning.readiness import question_of
from codat_notebook.planning.snapshots import CellHistory, CompanySnapshot
from codat_notebook.planning.verdict import ALONE, UNSEEN, Readiness, of_answers

from .made import NOW, snapshot, timed

BANKING = ("banking-accounts", "banking-transactions", "banking-accountBalances")
BOOKS = ("bills", "suppliers")
OCTOBER: dict[str, Any] = {"period_end": "2026-10-31"}


def judged(company: CompanySnapshot, purpose: Any = BOOKS, **given: Any) -> Readiness:
    """An answer about a company made by hand."""
    return Readiness(company, question_of(purpose, **{**OCTOBER, **given}), NOW)


def told(answer: Readiness) -> list[tuple[str, str | None, str | None]]:
    """(code, data type, connection) of each reason."""
    frame = answer.reasons.astype("object").where(answer.reasons.notna(), None)
    return list(frame[["code", "data_type", "connection_id"]].itertuples(index=False, name=None))


def fine(connection: str = "xero", *types: str, days: float = 1) -> tuple[tuple[str, str, float, str], ...]:
    """Cells that were read some days ago."""
    return tuple((connection, name, days, "Complete") for name in types or BOOKS)


def banks(**states: str) -> CompanySnapshot:
    """Two banks, whose data was read yesterday."""
    return snapshot(*fine("plaid", *BANKING), *fine("true", *BANKING), **states)


def test_what_it_says() -> None:
    """Verdict, purpose, period, how much is missing; what to do; what refreshing cannot; what nobody can see; when."""
    company = snapshot(("xero", "bills", 25, "Complete"), ("xero", "suppliers", 1, "Complete"))
    answer = judged(company, months=None)
    assert answer.summary == "Not ready for your own list, to 31 Oct 2026: 1 of 2 data types is missing."
    assert str(answer) == (
        "C1: Not ready for your own list, to 31 Oct 2026: 1 of 2 data types is missing.\n"
        "• Bills (Xero): Last read on 29 Oct 2026, before the period ended. → Refresh it.\n"
        "Whether the books are closed cannot be seen from here.\n"
        "Asked of all sources: read within 31 d, the data of a connection within 24 h.\n"
        "Checked 2026-11-23 12:00 UTC."
    )
    ready = judged(snapshot(*fine()))
    assert (ready.summary, ready.state) == ("Ready for your own list, to 31 Oct 2026.", "ready")
    assert UNSEEN in str(ready)
    assert repr(ready) == "<Readiness of C1: Ready for your own list, to 31 Oct 2026.>"


def test_without_a_period_nothing_is_ready() -> None:
    """It is fresh and no more; what is wrong is told all the same, and alone."""
    answer = judged(snapshot(*fine()), period_end=None)
    assert (answer.summary, answer.state, bool(answer)) == ("Fresh; period not checked.", "unknown", False)
    assert answer.codes == ["unknown"]
    assert judged(snapshot(*fine(days=60)), period_end=None).codes == ["stale"]


def test_a_company_that_cannot_be_read_is_not_known() -> None:
    """Neither yes nor no, and why."""
    answer = judged(CompanySnapshot("c9", "C9", trouble="unknown company"))
    assert (answer.state, told(answer)) == ("unknown", [("unknown", None, None)])
    assert answer.summary == "Not known whether ready for your own list, to 31 Oct 2026: unknown company."
    assert len(answer.plan()) == 0


def test_with_two_banks_each_counts() -> None:
    """The one that is lost is missed; one that never was linked is not, beside one that is."""
    lost = judged(banks(plaid="Deauthorized"), "bank")
    assert told(lost) == [("not_linked", name, "plaid") for name in BANKING]
    assert ALONE in lost.closing
    assert lost.summary == "Not ready for bank, to 31 Oct 2026: 3 of 3 data types are missing."
    for state in ("PendingAuth", "Unlinked"):
        answer = judged(banks(plaid=state), "bank")
        assert answer.ready
        assert answer.notes.code.tolist() == ["not_linked"]


def test_of_accounting_software_one_counts() -> None:
    """A company links one: what it had before is not missed."""
    company = snapshot(*fine("xero"), *fine("qbo"), qbo="Deauthorized")
    assert judged(company).ready
    assert {code for code, *_ in told(judged(snapshot(*fine("xero"), xero="Unlinked")))} == {"not_linked"}


def test_what_people_must_do() -> None:
    """Once for each source, with its link URL and what the documents say of it; nowhere else is that address."""
    answer = judged(banks(plaid="Deauthorized", true="PendingAuth"), "bank")
    assert answer.actions.to_dict("records") == [{
        "who": "customer", "action": "Ask the customer to link it. The link may work only once, and for a day: send it "
        "at once.", "data_types": ", ".join(BANKING), "connection": "Plaid", "link_url": "https://link/plaid",
        "connection_id": "plaid", "company_id": "c1",
    }]  # fmt: skip
    assert "https" not in str(answer) + answer._repr_html_() + json.dumps(answer.as_json())
    assert len(answer.plan()) == 0


def test_lending_can_do_without_what_xero_never_delivers() -> None:
    """Bank transactions replace it, and it is told; without a bank it stands in the way."""
    books = ("company", "chartOfAccounts", "balanceSheet", "profitAndLoss", "bankAccounts")
    never = (("gbol", "bankTransactions", None, "FetchError"),
             ("plaid", "banking-transactionCategories", None, "NotSupported"))  # fmt: skip
    company = snapshot(*fine("gbol", *books), *fine("plaid", *BANKING), *never)
    assert company.facts is not None
    xero = Connection(id="gbol", integration_key="gbol", platform_name="Xero", status=DataConnectionStatus("Linked"))
    company = replace(company, facts=replace(company.facts, connections={**company.connections, "gbol": xero}))
    answer = judged(company, "lending", sources=("accounting", "bank"))
    assert answer.ready
    assert answer.notes.code.tolist() == ["expected_failure", "not_supported"]
    alone = judged(company, "lending", sources="accounting")
    assert told(alone) == [("expected_failure", "bankTransactions", "gbol")]
    assert "Xero" in alone.reasons["what"][0]


def test_what_is_optional_is_told_only() -> None:
    """Sales can do without disputes, whatever is wrong with them."""
    types = [name for name in PURPOSES["sales"].data_types if name != "commerce-disputes"]
    answer = judged(snapshot(*fine("shop", *types), ("shop", "commerce-disputes", None, "PermissionsError")), "sales")
    assert answer.ready
    assert answer.notes.code.tolist() == ["failed"]


def test_liabilities_need_one_source() -> None:
    """Of the kinds that there are; all that is named, where some are."""
    company = snapshot(*fine("plaid", "banking-accounts", "banking-transactions"))
    assert judged(company, "liabilities").ready
    assert {code for code, *_ in told(judged(snapshot(), "liabilities"))} == {"missing_connection"}


def test_a_day_apart_is_too_far_apart() -> None:
    """On one connection; just under it is not. Between two it is a note, unless that is asked for."""
    company = snapshot(("xero", "bills", 2, "Complete"), ("xero", "suppliers", 1, "Complete"))
    assert told(judged(company)) == [("skew", "bills", "xero")]
    near = snapshot(("xero", "bills", 1.99, "Complete"), ("xero", "suppliers", 1, "Complete"))
    assert judged(near).ready
    both = snapshot(*fine("xero", days=3), *fine("plaid", *BANKING))
    answer = judged(both, (*BOOKS, *BANKING))
    assert answer.ready
    assert set(zip(answer.notes.code, answer.notes.connection_id, strict=True)) == {("skew", "xero")}
    strict = judged(both, (*BOOKS, *BANKING), max_skew=("1D", "2D"))
    assert told(strict) == [("skew", "bills", "xero"), ("skew", "suppliers", "xero")]
    assert strict.plan().data_type.tolist() == list(BOOKS)
    assert judged(both, (*BOOKS, *BANKING), max_skew=("1D", "4D")).ready


def test_the_plan_is_the_smallest_that_leaves_nothing_apart() -> None:
    """What is fresh is not asked for again, unless what is refreshed would leave it behind."""
    fresh = snapshot(("xero", "bills", 25, "Complete"), ("xero", "suppliers", 0.5, "Complete"))
    assert judged(fresh).plan().data_type.tolist() == ["bills"]
    behind = snapshot(("xero", "bills", 25, "Complete"), ("xero", "suppliers", 2, "Complete"), *fine("xero", "items"))
    assert judged(behind).plan().data_type.tolist() == ["bills", "suppliers"]
    assert set(judged(behind).plan().action) == {"queue"}
    assert len(judged(snapshot(*fine())).plan()) == 0


def test_how_long_it_takes_is_known_from_its_own_history() -> None:
    """Half of them, and one in twenty, exceed the range; without a history it is not known."""
    cells = (("xero", "bills", 25, "Complete"), ("xero", "suppliers", 0.5, "Complete"))
    known = replace(snapshot(*cells), histories=timed({("xero", "bills"): [60.0] * 9}).histories)
    eta = judged(known).eta
    assert eta is not None
    assert timedelta(seconds=40) < eta[0] < eta[1] < timedelta(minutes=5)
    assert any(line.startswith("Going by its history") for line in judged(known).closing)
    assert judged(snapshot(*cells)).eta is None
    assert judged(snapshot(*fine())).eta is None
    assert judged(replace(known, histories={("xero", "suppliers"): CellHistory(1, seconds=[9.0])})).eta is None


def test_a_running_refresh_counts_from_its_request() -> None:
    """And is not asked for again."""
    company = snapshot(*fine(days=0.01), running=(("xero", "bills"),))
    company = replace(company, histories=timed({("xero", "bills"): [1800.0] * 9}).histories)
    answer = judged(company)
    assert told(answer) == [("running", "bills", "xero")]
    assert len(answer.plan()) == 0
    assert answer.eta is not None
    assert answer.eta[0] < timedelta(minutes=20) < answer.eta[1]


@pytest.mark.parametrize(
    ("given", "end"),
    [
        ("2026-10-31", datetime(2026, 11, 1)), (date(2026, 10, 31), datetime(2026, 11, 1)),
        (pd.Timestamp("2026-10-31"), datetime(2026, 11, 1)),
        ("2026-10-31T18:00:00", datetime(2026, 10, 31, 18)),
        (datetime(2026, 11, 1, 5, tzinfo=UTC), datetime(2026, 11, 1, 5)),
        (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 1)),
    ],
)  # fmt: skip
def test_when_a_period_ends(given: Any, end: datetime) -> None:
    """A day ends with it; a time is meant to the second."""
    assert question_of("bank", period_end=given).end == end.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"purpose": "lendng"}, "lending"), ({"purpose": []}, "list of data types"), ({"purpose": 7}, "purpose"),
        ({"period_end": "soon"}, "period_end"), ({"period_end": 20261031}, "period_end"), ({"months": 0}, "months"),
        ({"months": True}, "months"), ({"sources": "shoe"}, "accounting"), ({"sources": []}, "accounting"),
        ({"purpose": "bank", "sources": "accounting"}, "needs no data"), ({"max_age": 7}, "max_age"),
        ({"max_skew": None}, "max_skew"), ({"period_end": "9999-12-31"}, "period_end"), ({"sources": 7}, "accounting"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(given: dict[str, Any], word: str) -> None:
    """With a message that names it."""
    with pytest.raises(ValueError, match=word):
        question_of(**given)


def test_frames_have_their_columns_also_when_empty() -> None:
    """Reasons, notes, actions, plan, and the portfolio's."""
    ready, parent = judged(snapshot(*fine())), snapshot()
    assert parent.facts is not None
    parent = replace(parent, facts=replace(parent.facts, subsidiaries=2))
    for answer in (ready, judged(parent), judged(banks(plaid="Deauthorized"), "bank")):
        assert list(answer.reasons.columns) == list(answer.notes.columns) == list(frames.REASONS)
        assert list(answer.actions.columns) == list(frames.ACTIONS)
        assert list(answer.plan().columns) == list(frames.PLAN)
        assert answer.reasons.dtypes.astype(str).tolist() == ready.notes.dtypes.astype(str).tolist()
    found = of_answers([ready, judged(parent)])
    assert found.state.tolist() == ["not_ready", "ready"]
    assert list(of_answers([]).columns) == list(found.columns) == list(frames.READY)
    assert "subsidiaries" in judged(parent).reasons["what"][0]


def test_it_is_shown_as_text_of_third_parties() -> None:
    """Names are text, whatever they hold."""
    company = replace(snapshot(*fine(days=60)), name="<b>Toft</b>")
    assert "&lt;b&gt;Toft" in judged(company)._repr_html_()


def test_settings_that_cannot_be_read_leave_the_window_unknown() -> None:
    """It is not taken for wide enough."""
    answer = judged(snapshot(*fine()), months=12)
    assert (answer.state, answer.codes) == ("unknown", ["unknown"])
