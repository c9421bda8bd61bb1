"""What is known of platforms: one number for all who ask."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from codat_notebook.models.platforms import BY_KIND, COMMON, PLATFORMS, changes_a_day, median_seconds
from codat_notebook.planning.snapshots import durations_of
from codat_notebook.sandbox.company_history import modified
from codat_notebook.sandbox.seeded_random import SeededRandom
from codat_notebook.sandbox.virtual_time import DAY
from codat_notebook.strategies.cell_table import Columns, table
from codat_notebook.strategies.learning import assumed_rates
from codat_notebook.strategies.portfolio import Portfolio


def _modified(data_type: str) -> float:
    """How often the sandbox reports a change a day after the last success, as a rate."""
    draws, count = SeededRandom(7), 4_000
    before = SimpleNamespace(requested=0)
    ops = [SimpleNamespace(id=str(n), data_type=data_type, requested=DAY) for n in range(count)]
    share = sum(modified(draws, cast(Any, op), cast(Any, before)) for op in ops) / count
    return float(-np.log(1 - share))


@pytest.mark.parametrize("data_type", ["suppliers", "customers", "purchaseOrders"])
def test_everybody_assumes_the_same_changes(data_type: str) -> None:
    """The sandbox, a made-up portfolio, a strategy without rates; one type has no number of its own."""
    rate = changes_a_day(data_type)
    assert _modified(data_type) == pytest.approx(rate, rel=0.1)
    cells = table({"data_type": [data_type]})
    assert assumed_rates(Columns.of(cells)).tolist() == [rate]
    synthetic = Portfolio.synthetic(3, data_types=[data_type], rates="assumed")
    assert synthetic.cells["rate"].tolist() == pytest.approx([rate] * len(synthetic.cells))


def test_everybody_assumes_the_same_durations() -> None:
    """A made-up portfolio and a plan without history; of an unknown platform the pace is 1."""
    durations = durations_of([])
    for platform in (each for each in PLATFORMS if each.types):
        data_type = platform.types[0]
        assert durations.of(platform.name, data_type).median == pytest.approx(median_seconds(platform, data_type))
    assert durations.of("Ledgerly", "invoices").median == pytest.approx(median_seconds(None, "invoices"))


def test_each_platform_is_of_one_kind() -> None:
    """The common ones are of accounting, banking or commerce, none is left out; what is written to has no types."""
    assert sorted(p.key for kind in BY_KIND.values() for p in kind) == sorted(p.key for p in COMMON)
    assert {p.source_type for p in PLATFORMS if not p.types} == {"BankFeed"}


def test_keys_and_names_are_the_documented_ones() -> None:
    """No key or name stands twice; each is that of Codat's list of platform keys (mid 2026)."""
    assert len({p.key for p in PLATFORMS}) == len({p.name for p in PLATFORMS}) == len(PLATFORMS)
    keys = {p.name: p.key for p in PLATFORMS}
    documented = {
        "Xero": "gbol", "QuickBooks Online": "qhyg", "QuickBooks Desktop": "pqsw", "Sage 50 (UK)": "hbql",
        "Oracle NetSuite": "akxx", "FreeAgent": "fbrh", "Plaid": "suuo", "TrueLayer": "upvr", "Shopify": "fztf",
        "Stripe": "exgd", "Square": "zsth", "Dynamics 365 Business Central": "trji", "Exact (Netherlands)": "qudb",
        "Exact (UK)": "pbbf", "FreshBooks": "vxvy", "MYOB Business": "pdvj", "Sage 200 Standard": "jcrp",
        "Sage Accounting": "tgff", "Sage Intacct": "knfz", "Wave": "pbtz", "Zoho Books": "rwuv",
        "Amazon Seller Central": "qkdj", "BigCommerce": "vqzp", "Clover": "fqly", "WooCommerce": "ltpp",
        "Zettle": "ugxp", "QuickBooks Online bank feeds": "hcws", "Sage bank feeds": "olpr", "Basiq": "dfxm",
        "Pandle": "vjms",
    }  # fmt: skip
    assert keys == documented
    assert {p.name for p in PLATFORMS if p.windowed} == {"QuickBooks Desktop"}
    assert {p.name for p in PLATFORMS if p.withdrawn} == {"Basiq", "Pandle"}
