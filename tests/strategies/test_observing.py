"""Changes that were seen, as rates."""

import doctest
import json
import random
from typing import Any

import numpy as np
import pandas as pd
import pytest

from codat_notebook.events import parse
from codat_notebook.models.platforms import CHANGES_A_DAY
from codat_notebook.sandbox import Sandbox
from codat_notebook.strategies import learning, observe_changes
from codat_notebook.strategies.cell_table import table
from codat_notebook.strategies.learning import OBSERVED, learned

START = pd.Timestamp("2026-11-01T00:00:00Z")


def event(day: float, changed: bool = True, **over: Any) -> dict[str, Any]:
    """A webhook event of invoices."""
    data_type = {"dataType": "invoices", "connectionId": "x", "status": "Complete", "recordsModified": changed, **over}
    when = (START + pd.Timedelta(days=day)).isoformat()
    payload = {"referenceCompany": {"id": "c", "name": "=HYPERLINK()"}, "dataTypes": [data_type]}
    return {"id": "1", "eventType": "read.completed", "generatedDate": when, "payload": payload}


def test_the_examples_in_the_docstrings_hold() -> None:
    """What the docstrings show is what comes out."""
    assert doctest.testmod(learning).failed == 0


def test_events_become_rows_in_the_order_of_time() -> None:
    """Dictionaries and JSON alike; other events and refreshes that did not complete say nothing."""
    other = {"eventType": "company.created", "payload": {}}
    seen = observe_changes([json.dumps(event(2, False)), other, event(1), event(3, status="FetchError")])
    assert list(seen) == list(OBSERVED)
    assert seen[["company_id", "connection_id", "data_type"]].drop_duplicates().values.tolist() == [
        ["c", "x", "invoices"]
    ]
    assert seen["changed"].tolist() == [True, False]
    assert observe_changes(event(1)).equals(observe_changes([event(1)]))
    assert len(observe_changes([])) == 0
    assert observe_changes([]).dtypes.map(str).equals(seen.dtypes.map(str))
    assert observe_changes(seen).equals(seen)


@pytest.mark.parametrize(
    ("seen", "message"),
    [
        ([{"eventType": "read.completed"}], "event 0 is no read.completed event .it tells no company"),
        ([event(1), "no json"], "event 1 is no read.completed event"),
        ([event(1) | {"generatedDate": "soon"}], "(?s)what, when and whether must be given:.*invoices"),
        (pd.DataFrame({"company_id": ["c"]}), "lack the column data_type, time, changed"),
    ],
)
def test_what_was_not_seen_is_refused(seen: Any, message: str) -> None:
    """The message shows the event or the row."""
    with pytest.raises(ValueError, match=message):
        observe_changes(seen)


def test_a_read_that_is_told_twice_counts_once() -> None:
    """Doubled, replayed, out of order, under each of its names, under a product's: as the read.completed alone."""
    with Sandbox(companies=4, speed=0) as sandbox:
        company = sandbox.world.companies({"query": "name~toft"})["results"][0]["id"]
        for _ in range(12):
            sandbox.world.refresh_product(company, "credit-monitoring")
            sandbox.world.queue(company, "balanceSheet")
            sandbox.clock.advance("12h")
        told = sandbox.events
        plain = [each for each in told if each["eventType"] == "read.completed"]
        assert len(told) > 2 * len(plain) > 40
    once = observe_changes(plain)
    assert len(once) == sum(each["payload"]["dataTypes"][0]["status"] == "Complete" for each in plain)
    random.Random(3).shuffle(told)
    again = observe_changes([*told, *told, *map(parse, told), *map(json.dumps, told)])
    assert again.astype(object).equals(once.astype(object))  # categories stand in the order in which they came
    only = observe_changes(each for each in told if each["eventType"] == "credit-monitoring.read.completed.successful")
    assert 0 < len(only) < len(once)


def test_the_first_event_has_its_gap() -> None:
    """modifiedFromDate tells since when: one event is enough for a rate, and its bit counts."""
    cells = table({"company": ["c"], "connection": ["x"], "data_type": ["invoices"]})
    first = event(5)
    first["payload"]["modifiedFromDate"] = START.isoformat()
    one, two = learned(observe_changes([first]), cells), learned(observe_changes([event(0), event(5)]), cells)
    assert one.equals(two)
    assert one["changed_last"].tolist() == [True]


def posterior(shape: float, days: float, gaps: Any, changed: Any) -> tuple[float, float]:
    """Mean and variance of a Gamma-distributed rate after these refreshes, by summing up over all rates."""
    root = np.linspace(0.0, 40.0, 400_001)[1:]
    rate = root**2
    log = (2 * shape - 1) * np.log(root) - days * rate
    for gap, found in zip(gaps, changed, strict=True):
        log += np.log(-np.expm1(-gap * rate)) if found else -gap * rate
    weight = np.exp(log - log.max())
    mean = (weight * rate).sum() / weight.sum()
    return float(mean), float((weight * (rate - mean) ** 2).sum() / weight.sum())


@pytest.mark.parametrize("bits", ["1", "0", "1101000100" * 3, "1" * 12])
def test_what_is_believed_is_the_posterior(bits: str) -> None:
    """Exactly after one bit, nearly after many: a long gap that found a change tells next to nothing."""
    gaps, changed = 10 ** np.linspace(-1, 1.5, len(bits)), np.array(list(bits)) == "1"
    shape, days = np.array([0.5]), np.array([0.2])
    for gap, found in zip(gaps, changed, strict=True):
        learning._take_in(shape, days, np.array([0]), np.array([gap]), np.array([found]))
    mean, variance = posterior(0.5, 0.2, gaps, changed)
    few = len(bits) == 1
    assert shape / days == pytest.approx(mean, abs=(1e-4 if few else 0.6) * variance**0.5)
    assert shape / days**2 == pytest.approx(variance, rel=1e-3 if few else 0.4)


def test_rates_come_from_gaps_and_the_first_bit_says_nothing() -> None:
    """Without a second refresh the rate is unknown; with many it is that of the source, whatever the prior."""
    cells = table({"company": "c", "connection": ["x", "y", "x"], "data_type": ["invoices", "invoices", "bills"]})
    one = learned(observe_changes([event(1)]), cells)
    assert one["rate"].isna().all()
    assert one["changed_last"].isna().all()
    two = learned(observe_changes([event(1), event(2)]), cells)
    assert two["rate"][0] == pytest.approx(posterior(0.5, 0.5 / CHANGES_A_DAY["invoices"], [1.0], [True])[0], rel=1e-6)
    assert two["changed_last"].tolist()[0] is True
    assert two["rate"].isna().tolist() == [False, True, True]
    rng = np.random.default_rng(5)
    days = np.cumsum(rng.exponential(2.0, 3000))
    found = rng.random(3000) < 1 - np.exp(-0.4 * np.diff(days, prepend=0.0))
    frame = pd.DataFrame({"company_id": "c", "data_type": "bills", "time": START + pd.to_timedelta(days, unit="D"),
                          "changed": found})  # fmt: skip
    rate, gap, changed = learned(observe_changes(frame), cells)["rate"][2], np.diff(days), found[1:]
    # The likelihood is the highest where the gaps that showed a change weigh as much as those that showed none.
    assert (gap[changed] / np.expm1(rate * gap[changed])).sum() == pytest.approx(gap[~changed].sum(), rel=1e-2)
