"""The simulator and the sandbox are two pictures of one world: what one foretells is what the other does."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from codat_notebook.models.shared import Security
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session
from codat_notebook.strategies import Portfolio, every, observe_changes, simulate
from codat_notebook.strategies.result import Result

DAYS = 30
START = datetime(2026, 11, 23, 12, tzinfo=UTC)
PLATFORMS = ("Xero", "QuickBooks Online", "FreeAgent", "Oracle NetSuite", "Plaid", "TrueLayer", "Shopify", "Square")
TYPES = ("customers", "suppliers", "invoices", "bills", "chartOfAccounts", "balanceSheet", "commerce-disputes")


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Portfolio, Result, pd.DataFrame, pd.DataFrame]]:
    """A portfolio measured in a sandbox; what the simulator foretells of a month with Codat's schedule once a day; the
    operations of that month in the sandbox; and the changes that its events told.
    """
    with (
        Sandbox(companies=24, seed=11, speed=0, start=START) as sandbox,
        Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session,
    ):
        options: dict[str, Any] = {"data_types": TYPES, "platform": PLATFORMS}
        cells = session.cells(**options)
        usable = cells[cells["obstacle"].isna() & np.isfinite(cells["age"])]
        known = usable.rename(columns={"company": "company_id", "connection": "connection_id"})
        portfolio = Portfolio.from_session(session, companies=known[["company_id", "connection_id", "data_type"]])
        told = simulate(
            every("1D"), portfolio, days=DAYS, budget="100000 refreshes/day", tick="5min",
            seed=2,
        )  # fmt: skip
        sandbox.faults.sync_schedule = 24
        sandbox.clock.advance(f"{DAYS}d")
        done = pd.concat([session.history(id, limit=None) for id in known["company_id"].unique()], ignore_index=True)
        keys = ["company_id", "connection_id", "data_type"]
        done = done.astype(dict.fromkeys(keys, "string")).merge(known[keys].astype("string"), on=keys)
        seen = observe_changes(sandbox.events).astype(dict.fromkeys(keys, "string"))
        yield (
            portfolio,
            told,
            done.assign(new=done["requested"] >= pd.Timestamp(START)),
            seen.merge(known[keys].astype("string"), on=keys),
        )


def near(share: float, other: float, count: float, sigmas: float = 4.0) -> bool:
    """Whether two shares are equal but for chance, with so many looks at each."""
    spread = np.sqrt(2 * max(share * (1 - share), 0.01) / count)
    return bool(abs(share - other) <= sigmas * spread)


def test_failures_are_as_many(both: tuple[Portfolio, Result, pd.DataFrame, pd.DataFrame]) -> None:
    """The share of refreshes that fail."""
    _, told, done, _ = both
    new = done[done["new"] & (done["is_completed"] | done["is_errored"])]
    assert len(new) > 1000
    assert near(told.metrics["failures"] / told.metrics["refreshes"], float(new["is_errored"].mean()), len(new))


def test_refreshes_take_as_long(both: tuple[Portfolio, Result, pd.DataFrame, pd.DataFrame]) -> None:
    """Durations that were measured in the past are those of the month to come, by data type."""
    portfolio, _, done, _ = both
    good = done[done["new"] & done["is_completed"] & ~done["is_errored"]]
    days = good["duration"] / pd.Timedelta(days=1)
    compared = 0
    for data_type, measured in portfolio.truth.groupby(portfolio.cells["data_type"].astype(str))["latency"]:
        own = days[good["data_type"] == data_type]
        if len(own) > 100:
            assert float(own.median()) == pytest.approx(float(measured.mean()), rel=0.3)
            compared += 1
    assert compared >= 4


def test_changes_are_found_as_often(both: tuple[Portfolio, Result, pd.DataFrame, pd.DataFrame]) -> None:
    """The share of good refreshes that found nothing: the sandbox draws it, the simulator expects it."""
    _, told, _, seen = both
    good = told.metrics["refreshes"] - told.metrics["failures"]
    assert near(told.metrics["found_nothing"] / good, float((~seen["changed"].astype(bool)).mean()), len(seen))


def test_copies_are_as_fresh(both: tuple[Portfolio, Result, pd.DataFrame, pd.DataFrame]) -> None:
    """Expected freshness over the month, from the sandbox's operations and from the simulation."""
    portfolio, told, done, _ = both
    rates = portfolio.truth["true_rate"].to_numpy()
    keys = list(portfolio.cells[["company", "connection", "data_type"]].astype(str).itertuples(index=False, name=None))
    good = done[done["is_completed"] & ~done["is_errored"]].sort_values("completed")
    start = pd.Timestamp(START)
    by_cell = dict(iter(good.groupby(["company_id", "connection_id", "data_type"])))
    fresh = []
    for key, rate in zip(keys, rates, strict=True):
        own = by_cell[key]
        snapshot = ((own["requested"] - start) / pd.Timedelta(days=1)).to_numpy()
        shown = ((own["completed"] - start) / pd.Timedelta(days=1)).to_numpy()
        edges = np.clip(np.append(shown, DAYS), 0.0, DAYS)
        lengths = np.exp(-rate * np.maximum(edges[:-1] - snapshot, 0)) - np.exp(
            -rate * np.maximum(edges[1:] - snapshot, 0)
        )
        fresh.append(float((lengths / rate)[edges[1:] > edges[:-1]].sum()) / DAYS)
    assert np.mean(fresh) == pytest.approx(told.metrics["freshness"], abs=0.02)
