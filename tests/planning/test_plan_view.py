"""What a plan and an estimate show as a cell's last line."""

from datetime import UTC, datetime

import pandas as pd

from codat_notebook import frames
from codat_notebook.client.quota import Quota
from codat_notebook.planning import estimate
from codat_notebook.planning.estimate import Prices, estimate_rows
from codat_notebook.planning.plan import plan_rows
from codat_notebook.planning.plan_view import EstimateFrame, PlanFrame, plan_frame
from codat_notebook.planning.selection import select

from .made import snapshot

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def made() -> PlanFrame:
    """Fifteen old data types to queue, one that is fresh."""
    names = ["bills", "items", "invoices", "suppliers", "customers"]
    companies = [snapshot(*(("xero", name, 9, None) for name in names), company=f"<b>{n}") for n in range(3)]
    companies.append(snapshot(("xero", "bills", 1, None), company="c9"))
    quota = Quota(limit=5000, remaining=500, resets_at=None, observed_at=NOW)
    return plan_frame([row for each in companies for row in plan_rows([each], select(older_than="7D"))], quota)


def test_a_plan_says_what_it_comes_to() -> None:
    """Totals by reason, requests of those left, a range of minutes, the first rows, what is skipped folded away."""
    plan = made()
    text, html = repr(plan), str(plan._repr_html_())
    for shown in (text, html):
        assert "Would refresh 15 data types of 3 companies: 15 old." in shown
        assert "Takes about 48 of 500 requests left today (9.6%); the last has usually ended after " in shown
        assert "1 data type skipped: 1 fresh" in shown
        assert "and 5 more" in shown
        assert "<NA>" not in shown
        assert "NaT" not in shown
    assert html.index("<details><summary>1 data type skipped") > html.index("and 5 more")
    assert "<B>0" not in html
    assert html.count("Bills") == 3


def test_a_plan_stays_a_frame() -> None:
    """Filtered it is a plan; a part of its columns is any frame; its values are what they were."""
    plan = made()
    assert "Would refresh 5 data types of 1 company" in repr(plan[plan.company_id == "<b>1"])
    assert "Would refresh nothing." in repr(plan[plan.action == "skip"])
    assert "Would refresh" not in repr(plan[["company", "reason"]]) + str(plan[["company"]]._repr_html_())
    assert plan.action.tolist().count("queue") == 15
    assert pd.DataFrame(plan).equals(plan)
    without = plan_frame(plan_rows([snapshot(("xero", "bills", 9, None))], select(older_than="7D")))
    assert "Takes about 7 requests;" in repr(without)


def test_an_estimate_is_read_without_what_is_not_known() -> None:
    """Minutes as a range; money only with prices; the note below."""

    def shown(prices: float | None) -> str:
        load = estimate.of_numbers({"Xero": 20, "Plaid": 5}, ["bills"])
        rows = estimate_rows(load, [pd.Timedelta("7D")], Prices.of_frame(prices), 1000, None)
        frame = EstimateFrame(frames.build(frames.ESTIMATE, {n: [row[n] for row in rows] for n in frames.ESTIMATE}))
        assert frame.minutes_from.iloc[0] < frame.minutes_to.iloc[0]
        return repr(frame) + str(frame._repr_html_())

    plain, priced = shown(None), shown(0.02)
    assert " min" in plain
    assert "Consider this first" in plain
    assert "money" not in plain
    assert "<NA>" not in plain + priced
    assert "money a month" in priced
