"""What a user may give, and what is made of it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from codat_notebook.models.instants import interval
from codat_notebook.models.shared import Connection
from codat_notebook.models.vocabulary import REPORTS
from codat_notebook.planning.health import goals_by_type
from codat_notebook.planning.selection import select
from codat_notebook.runs.context import CompanyFacts
from codat_notebook.strategies.budget import days


def test_nothing_given_is_everything() -> None:
    """All companies, all data types of all connections."""
    everything = select()
    assert everything.targets is None
    assert everything.of("any") == [(None, None)]
    assert everything.takes(Connection(platform_name="Xero", integration_key="gbol"))


@pytest.mark.parametrize(
    "what",
    [
        {"C1": ["invoices", "bills"], "c2": None},
        pd.DataFrame({"company_id": ["c1", "c1", "c2"], "data_type": ["invoices", "bills", None]}),
        pd.DataFrame({"company_id": ["c1", "c1", "c2"], "data_type": ["invoices", "bills", pd.NA]}, dtype="category"),
    ],
    ids=["mapping", "frame", "categories"],
)
def test_companies_with_data_types(what: Any) -> None:
    """A mapping and a frame say the same; a company without a type stands for all its types."""
    made = select(what)
    assert list(made.targets or ()) == ["c1", "c2"]
    assert made.of("c1") == [("invoices", None), ("bills", None)]
    assert made.of("c2") == [(None, None)]


def test_a_frame_may_name_connections() -> None:
    """As a part of ``session.status`` or ``portfolio_status().cells`` does."""
    frame = pd.DataFrame({"company_id": ["c1", "c1"], "data_type": ["bills", "bills"], "connection_id": ["x", None]})
    assert select(frame).of("c1") == [("bills", "x"), ("bills", None)]


def test_a_frame_of_companies() -> None:
    """The frame that ``session.companies()`` gives has ``id``."""
    assert select(pd.DataFrame({"name": ["A"], "id": ["c1"]}), "bills").of("c1") == [("bills", None)]


def test_what_a_plan_skips_is_not_asked_for_again() -> None:
    """Plans can be joined and planned anew."""
    plan = pd.DataFrame({"company_id": ["c1", "c2"], "data_type": ["bills", "bills"], "action": ["queue", "skip"]})
    assert list(select(plan).targets or ()) == ["c1"]


def test_everything_that_is_given_narrows() -> None:
    """Data types, reports, companies, platforms."""
    what = {"c1": None, "c2": "bills"}
    made = select(what, ["bills", "invoices"], companies=["c1"], report="payables", platform="XERO")
    assert list(made.targets or ()) == ["c1"]
    assert made.of("c1") == [("bills", None)]
    assert made.takes(Connection(platform_name="Xero"))
    assert made.takes(Connection(integration_key="xero"))
    assert not made.takes(Connection(platform_name="Plaid", integration_key="suuo"))


def test_several_reports_are_joined() -> None:
    """The types of each, once."""
    assert select(report=["bank", "Payables"]).types == tuple(dict.fromkeys(REPORTS["bank"] + REPORTS["payables"]))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"report": "taxes"}, "financials"),
        ({"older_than": "soon"}, "older_than"),
        ({"older_than": "-7D"}, "older_than"),
        ({"older_than": 7}, "older_than"),
        ({"older_than": "NaT"}, "older_than"),
        ({"tags": "region=uk"}, "tags"),
        ({"what": 3000}, "companies"),
        ({"what": [None]}, "company"),
        ({"what": ["  "]}, "id"),
        ({"what": {7: None}}, "id"),
        ({"data_types": [1]}, "data_types"),
        ({"what": pd.DataFrame({"company": ["A"]})}, "company_id"),
        ({"what": pd.DataFrame({"id": ["op"], "data_type": ["bills"]})}, "company_id"),
        ({"what": pd.DataFrame()}, "company_id"),
        ({"what": pd.DataFrame([["A", "B"]], columns=["company_id", "company_id"])}, "more than once"),
        ({"what": pd.DataFrame({"company_id": [None]})}, "id"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(given: dict[str, Any], said: str) -> None:
    """Before anything is asked of Codat."""
    with pytest.raises(ValueError, match=said):
        select(**given)


#: Who reads a length of time -> what it makes of one.
READERS: dict[str, Callable[[Any], timedelta | None]] = {
    "older_than": lambda text: select(older_than=text).older_than,
    "goals": lambda text: goals_by_type({"*": text})["*"].warn,
    "strategies": lambda text: timedelta(days=days(text)),
    "words": interval,
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_all_read_the_same_intervals(read: Callable[[Any], timedelta | None]) -> None:
    """Text as pandas reads it, or a timedelta; what is none is refused in the same words."""
    for given in ("36h", "1D 12h", "1d 12H", "1.5D", timedelta(hours=36)):
        assert read(given) == timedelta(days=1.5)
    for wrong in ("soon", "-7D", "0h", "NaT", "", "99999999D", timedelta(0), float("nan"), -7):
        with pytest.raises(ValueError, match=r'is a positive time such as "7D" or "36h", not '):
            read(wrong)


@pytest.mark.parametrize(("value", "taken"), [("uk", True), ("UK", False), ("us", False), ("a", False), (None, False)])
def test_a_company_is_taken_by_its_tags(value: str | None, taken: bool) -> None:
    """All of them, as they are written."""
    tags = {"tier": "1"} if value is None else {"tier": "1", "region": value}
    assert select(tags={"region": "uk", "tier": "1"}).takes_company(CompanyFacts("c", "C", {}, {}, tags)) == taken


def test_types_narrow_what_is_named() -> None:
    """Of a company's named types those that are asked for stay."""
    assert select({"c1": ["bills", "items", "taxRates"]}, ["items", "zebras"]).of("c1") == [("items", None)]
