"""The life of a pull operation, read off the clock."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_notebook.models.platforms import PLATFORMS
from codat_notebook.models.status import FAILURES, STAGES
from codat_notebook.models.vocabulary import DATA_TYPES
from codat_notebook.sandbox.pull_operation import WAITING, Operation, Outcome, draw, outcome_of
from codat_notebook.sandbox.seeded_random import SeededRandom
from codat_notebook.sandbox.virtual_time import MINUTE, SECOND

from .asking import Api, read

NOW = 17_000_000_000 * SECOND
ENDS = ("Complete", *FAILURES)


def _operation(outcome: Outcome, u: Sequence[float], data_type: str = "invoices", platform: int = 0) -> Operation:
    ids = ("op", "company", "connection")
    return draw(ids, PLATFORMS[platform], data_type, outcome, tuple(u), requested=NOW)


UNIFORMS = st.lists(st.floats(0, 0.999999), min_size=8, max_size=8)
OUTCOMES = st.sampled_from([*map(Outcome, ENDS), *map(outcome_of, ("Paused", "Waiting", "Offline"))])


@given(OUTCOMES, UNIFORMS, st.sampled_from(DATA_TYPES), st.integers(0, len(PLATFORMS) - 1))
def test_an_operation_goes_one_way_to_its_end(outcome: Outcome, u: list[float], data_type: str, platform: int) -> None:
    """Stages and progress only rise; before the end it is running, after it nothing changes."""
    op = _operation(outcome, u, data_type, platform)
    length = op.completed - op.requested
    seen = [op.document(op.requested + length * n // 50) for n in range(50)]
    stages = [STAGES[document["status"]] for document in seen]
    assert stages == sorted(stages)
    assert [d["progress"] for d in seen] == sorted(d["progress"] for d in seen)
    assert all("completed" not in d and not d["isErrored"] and not d["isCompleted"] for d in seen)
    last = op.document(op.completed)
    assert last["status"] == outcome.status
    assert last["progress"] >= seen[-1]["progress"]
    assert op.document(op.completed + 1000 * MINUTE) == last


@given(st.sampled_from(sorted(FAILURES)), UNIFORMS)
def test_a_failure_ends_at_its_stage(status: str, u: list[float]) -> None:
    """An operation that fails goes no further than the stage at which such failures happen."""
    op = _operation(Outcome(status), u)
    assert STAGES[op.document(op.completed - 1)["status"]] == FAILURES[status]


@pytest.mark.parametrize(
    ("hold", "status", "words"),
    [("Paused", "Fetching", "Paused until "), ("Waiting", "Fetching", WAITING), ("Offline", "Queued", None)],
)
def test_held_operations_say_why(hold: str, status: str, words: str | None) -> None:
    """A paused, waiting or offline operation shows it for minutes, then goes on and completes."""
    op = _operation(outcome_of(hold), [0.5] * 8)
    minutes = [op.document(op.requested + n * SECOND) for n in range(0, (op.completed - op.requested) // SECOND, 5)]
    held = [
        d
        for d in minutes
        if d["status"] == status and (words is None or (d["statusDescription"] or "").startswith(words))
    ]
    assert len(held) * 5 >= 120
    assert minutes[-1]["status"] == "Processing"
    assert op.succeeded


def test_usual_durations() -> None:
    """Most pulls take one to two minutes, few take ten, first syncs longer."""
    draws = SeededRandom(1)

    def seconds(first: bool) -> list[float]:
        ids = ("op", "company", "connection")
        return sorted(
            draw(ids, p, t, Outcome("Complete"), draws.uniforms(p.key, t), requested=NOW, first=first).completed - NOW
            for p in PLATFORMS
            for t in p.types
        )

    usual, firsts = seconds(False), seconds(True)
    median = usual[len(usual) // 2] / SECOND
    assert 60 <= median <= 120
    assert firsts[len(firsts) // 2] / SECOND > 2 * median
    assert firsts[-1] <= 900 * SECOND


TOLD = (
    ("creditNotes", ("PermissionsError", "PermissionsError")),
    ("payments", ("Complete", "Complete")),
    ("transfers", ("FetchError", "Complete")),
)


@pytest.mark.parametrize(("data_type", "endings"), TOLD)
def test_the_story_of_the_showcase(api: Api, data_type: str, endings: tuple[str, ...]) -> None:
    """Toft's credit notes always fail for rights, its payments wait once, its transfers fail once."""
    waits = []
    for ending in endings:
        op = read(api.post(f"/companies/{api.toft}/data/queue/{data_type}"))
        api.clock.advance("90s")
        waits.append(api.world.operation(api.toft, op["id"])["statusDescription"])
        api.clock.advance("30m")
        assert api.world.operation(api.toft, op["id"])["status"] == ending
    paused = [bool(words) and words.startswith("Paused until 2026-11-23T14:") for words in waits]
    assert paused == [data_type == "payments", False]


def test_chance_fails_some_but_not_many(make_api: Callable[..., Api]) -> None:
    """Over many companies a few of a hundred new operations fail, of several kinds, each with a message."""
    api = make_api(companies=30, seed=3)
    for company_id in api.world.company_store.ids[8:]:
        api.post(f"/companies/{company_id}/data/all")
    api.clock.advance("6h")  # until QuickBooks Desktop's window has been open for an hour
    ended = [
        api.get(f"/companies/{entry.company_id}/data/history/{op}")
        for entry in api.world.accepted
        for op in entry.operations
    ]
    failed = [op for op in ended if op["isErrored"]]
    assert 0.02 < len(failed) / len(ended) < 0.12
    assert len({op["status"] for op in failed}) >= 5
    assert all(op["errorMessage"] for op in failed)
    assert all("completed" in op for op in ended)


@pytest.mark.parametrize(
    ("name", "value"),
    [("isErrored", True), ("progress", 100), ("progress", 35), ("errorMessage", "a"), ("statusDescription", "Paused")],
)
def test_the_history_is_queried_as_it_is_shown(api: Api, name: str, value: Any) -> None:
    """What a query reads of an operation, running or ended, is what its document says at that instant."""
    for hold in ("Paused", "Waiting", "FetchError"):
        api.faults.end_next(hold, 4)
    api.post(f"/companies/{api.toft}/data/all")
    op, path = "~" if isinstance(value, str) else "=", f"/companies/{api.toft}/data/history?pageSize=5000"
    for pause in ("0s", "20s", "2m", "1d"):
        api.clock.advance(pause)
        shown = [row for row in api.get(path)["results"] if _meets(row[name], value)]
        assert api.get(f"{path}&query={name}{op}{str(value).lower()}")["results"] == shown


def _meets(have: Any, want: Any) -> bool:
    return want.lower() in (have or "").lower() if isinstance(want, str) else have == want
