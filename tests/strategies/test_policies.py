"""The built-in strategies and what is made of them."""

import json
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

from codat_notebook.strategies import policies as p
from codat_notebook.strategies.cell_table import table

NOW = pd.Timestamp("2026-11-23T06:00:00Z")
DAY = pd.Timedelta(days=1)
NEVER = np.inf

ALL = [
    p.every("7D"), p.oldest(), *(p.optimal(name) for name in p.INDICES),
    p.learn(), p.keep_alive(), p.every("7D", bills="1D"),
    p.first(p.every("1D"), p.oldest()), p.where({"data_type": "bills"}, p.oldest()), p.bundle("payables"),
    p.before(), p.before("07:00"), p.before("2026-11-23T07:00:00Z"),
]  # fmt: skip


def some(**columns: Any) -> pd.DataFrame:
    """Four cells: two companies, two data types each."""
    base = {"company": list("aabb"), "connection": list("xxyy"), "data_type": ["bills", "invoices"] * 2}
    return table({**base, "rate": [0.5, 1.0, 2.0, 4.0], "age": [1.0, 2.0, 3.0, NEVER], **columns})


def wants(strategy: Any, **columns: Any) -> list[float]:
    """The priorities of the four cells."""
    found: list[float] = strategy(some(**columns), now=NOW).round(6).tolist()
    return found


@pytest.mark.parametrize("strategy", ALL, ids=repr)
def test_every_strategy_answers_for_any_cells(strategy: Any) -> None:
    """One number per cell, never NaN: never read, never changing, unknown, weightless, none at all. It can travel."""
    odd = some(rate=[0.0, np.nan, 0.0, 1.0], age=[NEVER, NEVER, 0.0, 0.0], weight=[1.0, 1.0, 1.0, 0.0])
    for cells in (odd, some(), some().iloc[:0], some().iloc[[3, 1]]):
        priorities = strategy.fresh()(cells, now=NOW)
        assert priorities.index.equals(cells.index)
        assert priorities.notna().all() or "before" in repr(strategy)
    again = pickle.loads(pickle.dumps(strategy))
    assert repr(again) == repr(strategy)
    pd.testing.assert_series_equal(again(some(), now=NOW), strategy.fresh()(some(), now=NOW))


def test_schedules() -> None:
    """What is overdue, the most overdue first; Codat's schedule has a rhythm for each type."""
    assert wants(p.every("2D")) == [0.0, 1.0, 1.5, NEVER]
    assert wants(p.every("2D", bills="4D")) == [0.0, 1.0, 0.0, NEVER]
    assert wants(p.oldest()) == [1.0, 2.0, 3.0, NEVER]
    assert wants(p.optimal("since_sync", max_age=None), weight=[8, 1, 1, 1], cost=[1, 2, 1, 1]) == [
        4.0,
        1.0,
        4.5,
        NEVER,
    ]


def test_a_cell_never_read_is_worth_its_weight_over_rate_and_cost() -> None:
    """The limit of the staleness index, by which new cells take their place among the others."""
    assert wants(p.optimal(max_age=None), weight=[1, 1, 1, 3], cost=[1, 1, 1, 2])[3] == pytest.approx(3 / (4 * 2))


def test_the_index_is_the_known_one() -> None:
    """W at x = 1 is 1 - 2/e over the rate."""
    age = [2.0, 1.0, 0.5, 0.25]
    expected = [(1 - 2 / np.e) / rate for rate in (0.5, 1, 2, 4)]
    assert wants(p.optimal(), age=age) == pytest.approx(expected, abs=1e-6)


def test_unknown_rates_are_those_assumed_for_the_data_type() -> None:
    """Without a rate, invoices and bills change as the sandbox's profiles say."""
    assert wants(p.optimal(), rate=np.nan) == wants(p.optimal(), rate=[1.5, 3.0, 1.5, 3.0])


def test_first_is_lexicographic() -> None:
    """All of the first strategy's cells come before the others, in its order; the rest keep the second's."""
    strategy = p.first(lambda cells: [0, 1e-9, 2e-9, np.nan], lambda cells: [1e9, 5, 6, NEVER])
    assert np.argsort(wants(strategy)).tolist() == [0, 3, 1, 2]
    assert wants(p.first(lambda cells: [0, 0, 1, 1], lambda cells: [0, 3, 0, 0])) == [0, 1, 2, 2]


def test_where_and_limit_cut() -> None:
    """Only the cells that fit, only the first so many of each company."""
    assert wants(p.where({"data_type": "bills", "company": ["b"]}, p.oldest())) == [0, 0, 3, 0]
    assert wants(p.where(lambda cells: cells.rate >= 2, p.oldest())) == [0, 0, 3, NEVER]


def test_a_bundle_has_one_priority() -> None:
    """The cells of a report are wanted together, company by company; others keep their own."""
    strategy = p.bundle(["bills", "invoices"], p.oldest())
    assert wants(strategy, cost=[1, 3, 1, 1]) == [1.75, 1.75, NEVER, NEVER]
    assert wants(p.bundle(["bills"], p.oldest())) == [1.0, 2.0, 3.0, NEVER]
    with pytest.raises(ValueError, match="no report 'balance'; there are financials"):
        p.bundle("balance")


def test_before_a_deadline() -> None:
    """Wanted in the time before it, or earlier where a retry would need it, until read; the nearest first."""
    due = ["2026-11-23T08:00:00Z", "2026-11-23T18:00:00Z", None, "2026-11-23T07:00:00Z"]
    assert wants(p.before(within="3h"), due=due, age=1.0) == [12.0, 0.0, 0.0, 24.0]
    assert wants(p.before(within="3h"), due=due, age=1.0, latency_p95=0.25)[1] == 2.0
    assert wants(p.before(within="3h"), due=due, age=0.5 / 24)[0] == 0.0
    assert wants(p.before("08:00", within="3h"), age=1.0) == [12.0] * 4
    assert wants(p.before("06:00", within="3h"), age=1.0) == [0.0] * 4


def test_keep_alive_wants_one_cell_of_a_neglected_connection() -> None:
    """The connection counts, not the cell: one read anywhere keeps it; the cheapest cell is chosen."""
    assert wants(p.keep_alive("25D"), age=[30.0, 26.0, 1.0, 90.0], cost=[2, 1, 1, 1]) == [0.0, 1.04, 0.0, 0.0]


def test_learning_follows_what_refreshes_found() -> None:
    """Bits move the rates, the first after linking does not, and cells keep theirs when the table changes."""
    learner = p.learn(lambda cells: cells.rate, prior=(1.0, 1.0))
    at = [NOW + pd.Timedelta(days=day) for day in range(4)]

    def look(day: int, changed: Any, cells: slice = slice(None)) -> list[float]:
        table_ = some(last_success=[at[day], at[day], None, at[0]], changed_last=changed)
        found: list[float] = learner(table_.iloc[cells], now=at[day]).round(4).tolist()
        return found

    assert look(0, [True, False, None, True]) == [1.0] * 4
    assert look(1, [True, False, None, None]) == [1.5, 0.5, 1.0, 1.0]  # a rate of mean 3 / 2 and variance 5 / 4
    assert look(2, [False, False, None, None], slice(0, 2)) == [round(1.8 / 2.2, 4), 0.3333]


def test_a_fresh_policy_shares_no_memory_with_the_one_it_is_of() -> None:
    """Also not what strategies inside of it remember; nor does one that was pickled."""
    used, later = p.where({"company": ["a", "b"]}, p.learn(prior=(1.0, 1.0))), NOW + DAY
    found = {"last_success": NOW, "changed_last": [True, False, True, False]}

    def then(strategy: Any) -> list[float]:
        return strategy(some(**{**found, "last_success": later}), now=later).tolist()  # type: ignore[no-any-return]

    used(some(**found), now=NOW)
    moved = then(used)
    assert then(used.fresh()) == then(pickle.loads(pickle.dumps(used))) != moved


def test_what_was_learned_is_kept_and_taken_up_again() -> None:
    """Through JSON, by a strategy made anew: it goes on as the one that was kept would have."""
    used, later = p.first(p.oldest(), p.where({"data_type": "bills"}, p.learn(prior=(1.0, 1.0)))), NOW + DAY
    found = {"last_success": NOW, "changed_last": [True, False, True, False]}
    used(some(**found), now=NOW)
    again = used.fresh()
    p.load(again, json.loads(json.dumps(p.save(used))))
    pd.testing.assert_series_equal(
        *(each(some(**{**found, "last_success": later}), now=later) for each in (used, again))
    )
    assert p.save(again) == p.save(used) != p.save(used.fresh())
    assert p.save(p.oldest()) is None


def test_types_without_a_prior_of_their_own_have_the_usual_one() -> None:
    """A prior for one type leaves the others at the rate that is known or assumed for them."""
    given = p.learn(lambda cells: cells.rate, prior={"bills": (3.0, 1.0)})
    assert wants(given, rate=[0.5, 1.0, np.nan, 4.0]) == [3.0, 1.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: p.optimal("best"), "optimal: no objective 'best'; there are freshness, age, since_sync"),
        (lambda: p.every(0), "an interval is a positive time"),
        (lambda: p.first(), "give at least one strategy"),
        (
            lambda: p.where({"postcode": "Xero"}, p.oldest()),
            "where: cells have no text column 'postcode'; there are company",
        ),
        (lambda: p.keep_alive("soon"), "an interval is a positive time such as .*, not 'soon'"),
        (lambda: p.before("noon"), "before: a time of day such as \"07:00\" .UTC., or a moment, not 'noon'"),
        (lambda: p.learn(prior=(0.0, 1.0)), "learn: a prior is two numbers > 0"),
        (lambda: p.learn(prior={"bills": (1.0,)}), "learn: a prior is two numbers > 0"),
    ],
)
def test_what_makes_no_sense_is_refused(make: Any, message: str) -> None:
    """Strategies that cannot be meant are refused when they are made."""
    with pytest.raises(ValueError, match=message):
        make()
