"""Is it fresh enough, does it add up, do the tokens live: the verdicts, and the plans that mend."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from codat_notebook.planning.health import Goal, PortfolioStatus, goals_by_type
from codat_notebook.planning.selection import select
from codat_notebook.planning.snapshots import CompanySnapshot
from codat_notebook.widgets.charts import portfolio_rows

from .made import NOW, snapshot, timed

DAY = timedelta(days=1)


def health(*snapshots: CompanySnapshot, **given: Any) -> PortfolioStatus:
    """The state of some companies."""
    return PortfolioStatus(snapshots, select(report=given.pop("report", None)), NOW, **given)


def test_usual_goals_are_a_week_and_a_month_for_what_hardly_changes() -> None:
    """What Codat's documentation advises."""
    usual = goals_by_type(None)
    assert usual["*"] == Goal(7 * DAY, 14 * DAY)
    assert usual["taxRates"] == Goal(31 * DAY, 62 * DAY)


def test_a_goal_of_a_report_holds_for_its_types_and_their_own_go_first() -> None:
    """Of several reports the strictest counts."""
    found = goals_by_type({"financials": "7D", "liabilities": "1D", "balanceSheet": ("30D", "40D")})
    assert found["profitAndLoss"] == Goal(DAY, 2 * DAY)
    assert found["cashFlowStatement"] == Goal(7 * DAY, 14 * DAY)
    assert found["balanceSheet"] == Goal(30 * DAY, 40 * DAY)


@pytest.mark.parametrize("limits", ["soon", ("9D", "3D"), ("1D",), 7])
def test_goals_that_make_no_sense_are_refused(limits: Any) -> None:
    """Naming the goal."""
    with pytest.raises(ValueError, match="bills"):
        goals_by_type({"bills": limits})
    with pytest.raises(ValueError, match="a mapping"):
        goals_by_type([("bills", limits)])  # type: ignore[arg-type]


def test_each_cell_has_its_verdict() -> None:
    """Pass, warn, fail; never read fails; what the platform lacks, and what has no goal, is not judged."""
    company = snapshot(
        ("xero", "bills", 6, "Complete"), ("xero", "items", 8, "Complete"), ("xero", "payments", 15, "Complete"),
        ("xero", "customers", None, None), ("xero", "journals", None, "NotSupported"),
    )  # fmt: skip
    cells = health(company).cells.set_index("data_type")
    assert cells.verdict.drop("journals").to_dict() == {
        "bills": "pass", "items": "warn", "payments": "fail", "customers": "fail",
    }  # fmt: skip
    assert cells.verdict.isna()["journals"]
    assert health(company, goal={"bills": "7D"}).cells.verdict.count() == 1
    assert cells.columns[:3].tolist() == ["company", "verdict", "connection_status"]


def test_goals_are_counted_by_report_and_data_type() -> None:
    """How many pass, warn and fail."""
    company = snapshot(("xero", "bills", 6, "Complete"), ("xero", "suppliers", 8, "Complete"))
    found = health(company).goals.set_index("name")
    assert found.loc["payables", ["of", "pass", "warn", "fail", "share"]].tolist() == ["report", 1, 1, 0, 0.5]
    assert found.loc["suppliers", "of"] == "data type"


def test_a_report_whose_parts_were_read_apart_is_found() -> None:
    """The widest first; a part never read fails; what is not linked does not count."""
    company = snapshot(
        ("xero", "bills", 1, "Complete"), ("xero", "suppliers", 10, "Complete"), ("sage", "bills", 300, "Complete"),
        sage="Unlinked",
    )  # fmt: skip
    whole = snapshot(("xero", "bills", 1, "Complete"), ("xero", "suppliers", 2, "Complete"), company="c2")
    never = snapshot(("xero", "bills", 1, "Complete"), ("xero", "suppliers", None, None), company="c3")
    found = health(company, whole, never).skew.set_index("company")
    assert found.verdict.to_dict() == {"C1": "warn", "C2": "pass", "C3": "fail"}
    assert found["apart"]["C1"] == timedelta(days=9)
    assert (found.oldest_type["C1"], found.newest_type["C1"]) == ("suppliers", "bills")
    assert found.never_read["C3"] == 1


def test_tokens_near_their_end_are_found() -> None:
    """No sync for 25 days warns, for 60 fails; a lost one is to be relinked, one that never was is not judged."""
    company = snapshot(
        ("live", "bills", 24, "Complete"), ("near", "bills", 26, "Complete"), ("past", "bills", 61, "Complete"),
        ("lost", "bills", 1, "AuthError"), ("mute", "bills", None, None), lost="Deauthorized", new="PendingAuth",
    )  # fmt: skip
    found = health(company).tokens.set_index("platform")
    verdicts = found.verdict.astype("object").where(found.verdict.notna(), None)
    assert verdicts.to_dict() == {
        "Live": "pass", "Near": "warn", "Past": "fail", "Lost": "fail", "Mute": "fail", "New": None,
    }  # fmt: skip
    assert found.action["Live"] == "nothing"
    assert found.action["Near"] == "refresh one data type"
    assert found.action["Lost"] == "send the customer the link URL"
    assert found.link_url["Lost"] == "https://link/lost"


def planned(status: PortfolioStatus, *aspects: str) -> list[tuple[Any, ...]]:
    """(connection, data type, action) of each row of the plan that mends."""
    return list(status.plan(*aspects)[["connection_id", "data_type", "action"]].itertuples(index=False, name=None))


def test_a_token_lives_by_the_newest_of_what_is_told() -> None:
    """The connection's own last sync counts beside the cells."""
    company = snapshot(("xero", "bills", 61, "Complete"))
    assert company.facts is not None
    synced = structs.replace(company.connections["xero"], last_sync="2026-11-22T12:00:00Z")
    told = replace(company, facts=replace(company.facts, connections={"xero": synced}))
    assert health(told).tokens.verdict.tolist() == ["pass"]


def test_a_dying_token_is_mended_by_its_quickest_data_type() -> None:
    """One refresh keeps it alive; what failed last time is not relied on; a lost one is skipped."""
    company = snapshot(
        ("near", "bills", 40, "Complete"), ("near", "company", 41, "Complete"), ("near", "items", 30, "FetchError"),
        ("lost", "bills", 1, "AuthError"), lost="Deauthorized",
    )  # fmt: skip
    other = timed({("near", "company"): [20.0], ("near", "bills"): [400.0], ("near", "items"): [5.0]})
    assert planned(health(company, other), "tokens") == [("near", "company", "queue"), ("lost", "bills", "skip")]


def test_missed_goals_are_mended_by_what_misses_them() -> None:
    """And nothing else."""
    company = snapshot(("xero", "bills", 6, "Complete"), ("xero", "items", 8, "Complete"))
    assert planned(health(company), "goals") == [("xero", "items", "queue")]


def test_a_skewed_report_is_mended_as_a_whole() -> None:
    """All its types together, also the newest, or it would not add up again."""
    company = snapshot(
        ("xero", "bills", 1, "Complete"), ("xero", "suppliers", 10, "Complete"), ("xero", "items", 300, "Complete")
    )
    assert planned(health(company), "skew") == [("xero", "bills", "queue"), ("xero", "suppliers", "queue")]


def test_mending_everything_asks_for_nothing_twice() -> None:
    """All three by default; a healthy company needs no row; another word is refused."""
    company = snapshot(("xero", "bills", 26, "Complete"), ("xero", "suppliers", 50, "Complete"))
    fine = snapshot(("xero", "bills", 1, "Complete"), ("xero", "suppliers", 1, "Complete"), company="c2")
    status = health(company, fine)
    assert sorted(planned(status)) == [("xero", "bills", "queue"), ("xero", "suppliers", "queue")]
    assert set(status.plan().company_id) == {"c1"}
    with pytest.raises(ValueError, match="tokens, goals, skew"):
        status.plan("everything")


def test_what_could_not_be_read_is_said() -> None:
    """In a frame of its own and in the words of the result; nothing to read has columns all the same."""
    status = health(
        CompanySnapshot("c9", "C9", trouble="could not be read"), snapshot(("xero", "bills", 1, "Complete"))
    )
    assert status.troubles.to_dict("records") == [{"company": "C9", "why": "could not be read", "company_id": "c9"}]
    assert repr(status) == "<PortfolioStatus of 2 companies: 1 pass, 0 warn, 0 fail; 1 could not be read>"
    nothing = health()
    for frame in (nothing.cells, nothing.goals, nothing.skew, nothing.tokens, nothing.troubles, nothing.plan()):
        assert len(frame) == 0
        assert len(frame.columns) > 2


def test_it_is_true_where_all_is_well() -> None:
    """What is late, apart, near its end, or could not be read is not; nor is nothing."""
    well = snapshot(("xero", "bills", 1, "Complete"), ("xero", "suppliers", 1, "Complete"))
    assert health(well)
    assert not health()
    assert not health(well, CompanySnapshot("c9", "C9", trouble="could not be read"))
    assert not health(snapshot(("xero", "bills", 8, "Complete")))
    assert not health(snapshot(("xero", "bills", 3, "Complete"), ("xero", "suppliers", 1, "Complete")), skew="1D")
    assert not health(snapshot(("xero", "bills", 40, "Complete")), goal={"*": "90D"})


def test_only_the_report_asked_for_is_judged() -> None:
    """Of the cells and of the skews."""
    company = snapshot(("xero", "bills", 40, "Complete"), ("xero", "invoices", 1, "Complete"))
    status = health(company, report="payables")
    assert status.cells.data_type.tolist() == ["bills"]


def test_the_heatmap_begins_with_the_worst() -> None:
    """Each company with what is late, or what the trouble was."""
    late = snapshot(("xero", "bills", 40, "Complete"), ("xero", "items", 8, "Complete"), company="late")
    fine = snapshot(("xero", "bills", 1, "Complete"), company="fine")
    rows = portfolio_rows(
        health(fine, CompanySnapshot("none", "NONE", trouble="unknown company"), late, snapshot(company="new"))
    )
    assert list(rows.items()) == [
        ("late", ("LATE", "1 of 2 out of date, 1 getting old")),
        ("fine", ("FINE", "all fresh")),
        ("none", ("NONE", "unknown company")),
        ("new", ("NEW", "nothing to read")),
    ]
