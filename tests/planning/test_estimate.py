"""The arithmetic of an estimate: per round, day and month, with money only where a price is known."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from codat_notebook import frames, strategies
from codat_notebook.models.looks import looks
from codat_notebook.models.vocabulary import daily_requests
from codat_notebook.planning import estimate
from codat_notebook.planning.estimate import ALL, SCHEDULE, Load, Prices, estimate_rows
from codat_notebook.planning.plan import plan_rows
from codat_notebook.planning.selection import select
from codat_notebook.planning.snapshots import durations_of
from codat_notebook.sandbox.admission import DailyQuota
from codat_notebook.sandbox.faults import SandboxSettings
from codat_notebook.strategies.budget import Budget

from .made import snapshot

WEEKLY, DAILY = timedelta(days=7), timedelta(days=1)
MIX = estimate.of_numbers({"Xero": 2000, "Plaid": 1000}, ["invoices", "bills"])


def rows(counted: Load, prices: object = None, schedule: dict[str, int] | None = None) -> dict[str, Any]:
    """Rhythm and platform -> the row."""
    made = estimate_rows(counted, [WEEKLY, DAILY], Prices.of_frame(prices), 4_000_000, schedule)
    return {f"{row['rhythm']} {row['platform']}": SimpleNamespace(**row) for row in made}


def test_three_thousand_companies_weekly_against_daily() -> None:
    """The arithmetic, in numbers that can be checked by hand."""
    found = rows(estimate.of_numbers(3000, 5))
    weekly, daily = found["every 7 days all"], found["every day all"]
    assert weekly.refreshes == daily.refreshes == 15_000
    taken = 5 * durations_of(()).of("", "").median
    assert weekly.requests == pytest.approx(15_000 + 3000 * (1 + looks(3000, 5, taken)))
    assert weekly.requests / 1000 < weekly.minutes_from < weekly.minutes_to
    assert weekly.quota == weekly.requests / 4_000_000
    assert (daily.refreshes_day, weekly.refreshes_day) == (15_000, pytest.approx(15_000 / 7))
    assert daily.refreshes_month == pytest.approx(15_000 * 365.25 / 12)


def test_the_platforms_add_up_to_the_whole() -> None:
    """Refreshes, requests, shares and money."""
    found = rows(MIX, pd.DataFrame({"platform": ["Xero", "plaid"], "price": [0.01, 0.05], "currency": "GBP"}))
    whole, xero, plaid = (found[f"every day {name}"] for name in (ALL, "Xero", "Plaid"))
    for name in ("refreshes", "requests", "quota", "requests_day", "money_day", "money_month"):
        assert getattr(whole, name) == pytest.approx(getattr(xero, name) + getattr(plaid, name)), name
    assert xero.money_day == pytest.approx(4000 * 0.01)
    assert (whole.currency, whole.companies) == ("GBP", 3000)


def test_money_is_missing_where_a_price_is() -> None:
    """Never 0; the sum is missing too, and says what lacks."""
    found = rows(MIX, pd.DataFrame({"platform": ["Xero", "Plaid"], "price": [0.01, None]}))
    whole, xero, plaid = (found[f"every day {name}"] for name in (ALL, "Xero", "Plaid"))
    assert (whole.money_day, plaid.money_day, plaid.money_month) == (None, None, None)
    assert xero.money_day == pytest.approx(40)
    assert whole.note == "No price for Plaid."
    assert rows(MIX)["every day all"].money_day is None


def test_currencies_are_not_added_up() -> None:
    """Each platform has its own; the sum has none."""
    found = rows(MIX, pd.DataFrame({"platform": ["Xero", "Plaid"], "price": [1, 2], "currency": ["GBP", "USD"]}))
    assert (found["every day all"].money_day, found["every day Plaid"].currency) == (None, "USD")


def test_a_price_of_a_data_type_goes_before_the_platforms() -> None:
    """The most exact one counts."""
    given = pd.DataFrame({"platform": ["Xero", "Xero", None], "data_type": ["bills", None, None], "price": [5, 1, 9]})
    prices = Prices.of_frame(given)
    found = [prices.of(*kind) for kind in (("Xero", "bills"), ("xero", "items"), ("Plaid", "bills"), (None, None))]
    assert [price and price.amount for price in found] == [5, 1, 9, 9]


@pytest.mark.parametrize(
    "prices",
    [pd.DataFrame({"price": [1]}), pd.DataFrame({"platform": ["X"], "price": [-1]}), float("nan"), "0.02", True,
     pd.DataFrame({"platform": ["X"], "price": ["much"]})],
)  # fmt: skip
def test_prices_that_are_none_are_refused(prices: object) -> None:
    """With a word about prices."""
    with pytest.raises(ValueError, match="prices"):
        Prices.of_frame(prices)


def test_codats_own_schedule_takes_no_requests_but_costs_what_the_platforms_take() -> None:
    """It is compared with, and said to come first."""
    found = rows(MIX, 0.02, {"invoices": 24, "bills": 0})
    own = found[f"{SCHEDULE} all"]
    assert (own.requests, own.minutes_from, own.quota, own.requests_day) == (0, None, 0, 0)
    assert own.refreshes_day == 3000
    assert own.money_day == pytest.approx(60)
    assert own.note is not None
    assert own.note.startswith("Consider this first")
    assert own.note.endswith("on for 1 of 2 data types, every 24 h.")


@pytest.mark.parametrize(
    ("types", "schedule", "a_day", "said"),
    [
        (5, {"invoices": 0, "bills": 0}, 0, "off for all data types"),
        (5, {"invoices": 12, "bills": 12}, 30_000, "every 12 h"),
        (5, {"invoices": 24, "bills": 0}, None, "name them to compare"),
        (5, None, None, "could not be read"),
        (["bills"], {"bills": 0}, 0, "off for these data types"),
        (["bills"], {}, 0, "off for these data types"),
    ],
)
def test_what_is_known_of_the_schedule_is_said(
    types: int | list[str], schedule: dict[str, int] | None, a_day: float | None, said: str
) -> None:
    """What is not known is missing, not 0."""
    own = rows(estimate.of_numbers(3000, types), schedule=schedule)[f"{SCHEDULE} all"]
    assert own.refreshes_day == a_day
    assert said in str(own.note)


def test_real_companies_are_counted_by_what_their_linked_connections_support() -> None:
    """Each connection counts; what is not linked or not supported does not."""
    one = snapshot(("xero", "bills", 1, None), ("plaid", "banking-accounts", 1, None), plaid="Deauthorized")
    two = snapshot(("xero", "bills", 1, None), ("sage", "bills", 1, None), ("sage", "items", 1, None), company="c2")
    counted = estimate.of_companies([one, two], select(None, ["bills", "banking-accounts"]))
    assert counted.cells == {("Xero", "bills"): 2, ("Sage", "bills"): 1}
    assert (counted.companies, counted.total) == ({"Xero": 2, "Sage": 1}, 2)


def test_a_plan_is_counted_by_what_it_queues() -> None:
    """Whatever was filtered out of it."""
    company = snapshot(("xero", "bills", 9, None), ("xero", "items", 1, None), ("plaid", "banking-accounts", 9, None))
    plan = frames.of_rows(frames.PLAN, plan_rows([company], select(older_than="7D")))
    assert estimate.of_plan(plan).cells == {("Plaid", "banking-accounts"): 1, ("Xero", "bills"): 1}
    assert estimate.of_plan(plan[plan.platform == "Xero"]).refreshes == 1
    assert estimate.of_plan(plan[plan.action == "none"]).refreshes == 0


def test_minutes_last_until_the_last_operation_has_ended() -> None:
    """As long as the plan says that such operations take; more of them last longer, and so does sending them."""
    company = snapshot(("xero", "bills", 9, None), ("xero", "items", 9, None))
    plan = frames.of_rows(frames.PLAN, plan_rows([company], select(older_than="7D")))
    slow = estimate_rows(estimate.of_plan(plan.assign(seconds=600.0, seconds_late=1200.0)), [DAILY], Prices(), 9, None)[
        0
    ]
    quick = estimate_rows(estimate.of_plan(plan.assign(seconds=6.0, seconds_late=12.0)), [DAILY], Prices(), 9, None)[0]
    assert 8 < slow["minutes_from"] < 15 < slow["minutes_to"] < 25
    assert slow["minutes_to"] / quick["minutes_to"] == pytest.approx(100, rel=0.05)
    assumed = estimate_rows(estimate.of_plan(plan[["company_id", "connection_id", "platform", "data_type", "action"]]),
                            [DAILY], Prices(), 9, None)[0]  # fmt: skip
    assert 0 < assumed["minutes_from"] < assumed["minutes_to"]
    few, many = (rows(estimate.of_numbers(number, 5))["every day all"] for number in (10, 10_000))
    assert many.minutes_from > few.minutes_to + 50


def test_a_share_of_no_known_quota_is_missing() -> None:
    """The requests are told all the same."""
    row = estimate_rows(MIX, [DAILY], Prices(), None, None)[0]
    assert (row["quota"], row["quota_day"], row["requests"] > 0) == (None, None, True)


def test_all_count_the_same_quota_and_month() -> None:
    """The estimate, the sandbox, the simulation and the words of a budget."""
    quota = DailyQuota(SandboxSettings(), lambda: 3)
    quota.count(now=0)
    portfolio = strategies.Portfolio.synthetic(3, data_types=["bills"])
    spent = strategies.simulate(strategies.oldest(), portfolio, days=2, budget="2 refreshes/day").metrics
    requests = sum(spent[f"requests_{kind}"] for kind in ("reading", "queueing", "following"))
    simulated = requests / spent["share_of_quota"] / 2
    assert daily_requests(3) == quota.limit == pytest.approx(simulated)
    row = estimate_rows(MIX, [DAILY], Prices(), None, None)[0]
    assert Budget.of("1 GBP/month").a_day == pytest.approx(row["refreshes_day"] / row["refreshes_month"])


def test_nothing_costs_nothing() -> None:
    """No company, no division by zero."""
    found = rows(estimate.of_numbers(0, 5))["every day all"]
    assert (found.refreshes, found.requests, found.requests_day) == (0, 0, 0)


@pytest.mark.parametrize("companies", [-1, True, {"Xero": 1.5}])
def test_numbers_are_whole(companies: object) -> None:
    """What is no number of companies is refused."""
    with pytest.raises(ValueError, match="whole numbers"):
        estimate.of_numbers(companies, 5)  # type: ignore[arg-type]


def test_the_limit_by_codats_formula() -> None:
    """1,000 requests for each company and 1,000 more."""
    assert daily_requests(3000) == 3_001_000
