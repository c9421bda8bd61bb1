"""Queue once, model-checked: the client and whole runs against a server that counts what it really queued."""

import logging
from collections import Counter
from pathlib import Path

import pytest

from codat_notebook.client.queue_once import SETTLE

from . import asking, running
from .schedules import World

#: Schedules of a chunk: of the client, and of whole runs.
CLIENT, RUNS = 1_500, 75


def account(worlds: list[World], plays: list[Counter[str]], what: str) -> list[int]:
    """The seeds of the schedules in which something happened."""
    return [world.seed for world, counts in zip(worlds, plays, strict=True) if counts[what]]


def check(worlds: list[World], plays: list[Counter[str]]) -> None:
    """What is promised: see the README."""
    assert account(worlds, plays, "lost") == []
    assert account(worlds, plays, "wrong") == []
    promised = {world.seed for world in worlds if world.honours_keys or world.longest_lag <= SETTLE}
    assert promised.intersection(account(worlds, plays, "double")) == set()
    if all(world.documented for world in worlds):
        assert len(account(worlds, plays, "unknown")) <= len(worlds) / 100


@pytest.mark.parametrize("documented", [True, False], ids=["as documented", "harsh"])
@pytest.mark.parametrize("chunk", [0, pytest.param(1, marks=pytest.mark.full)])
def test_the_client(chunk: int, documented: bool) -> None:
    """Faults, lags, interruptions, sleeps and wrong clocks: nothing twice, nothing lost, "unknown" is rare."""
    worlds = [World(seed, documented) for seed in range(chunk * CLIENT, (chunk + 1) * CLIENT)]
    check(worlds, [asking.play(world) for world in worlds])


@pytest.mark.parametrize("documented", [True, False], ids=["as documented", "harsh"])
@pytest.mark.parametrize("chunk", [0, pytest.param(1, marks=pytest.mark.full)])
def test_whole_runs(chunk: int, documented: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The same for runs of one company and of several, of named types and of all, killed and resumed."""
    caplog.set_level(logging.CRITICAL)
    worlds = [World(seed, documented) for seed in range(chunk * RUNS, (chunk + 1) * RUNS)]
    check(worlds, [running.play(world, tmp_path) for world in worlds])


@pytest.mark.full
@pytest.mark.parametrize("documented", [True, False], ids=["as documented", "harsh"])
@pytest.mark.parametrize("chunk", range(10))
def test_fifty_thousand_schedules_of_the_client(chunk: int, documented: bool) -> None:
    """The same, fifty thousand times of each kind."""
    worlds = [World(100_000 + chunk * 5_000 + number, documented) for number in range(5_000)]
    check(worlds, [asking.play(world) for world in worlds])


@pytest.mark.full
@pytest.mark.parametrize("documented", [True, False], ids=["as documented", "harsh"])
@pytest.mark.parametrize("chunk", range(10))
def test_three_thousand_runs(chunk: int, documented: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The same, three thousand times of each kind."""
    caplog.set_level(logging.CRITICAL)
    worlds = [World(100_000 + chunk * 300 + number, documented) for number in range(300)]
    check(worlds, [running.play(world, tmp_path) for world in worlds])


def test_the_server_can_double_where_nothing_is_promised() -> None:
    """Ignored keys, a history slower than the settle time and an operation that is over: then a second one is possible,
    and the checker sees it.
    """
    worlds = [World(seed, documented=False) for seed in range(CLIENT)]
    doubles = account(worlds, [asking.play(world) for world in worlds], "double")
    assert doubles
    assert all(not worlds[seed].honours_keys and worlds[seed].longest_lag > SETTLE for seed in doubles)
