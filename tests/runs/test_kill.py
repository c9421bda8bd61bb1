"""`kill -9` at random moments of a run, resume, until done: checked in the books of a sandbox in another process."""

import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from .away import Away, Kernel, sandbox_away

TYPES = (
    "invoices", "bills", "customers", "suppliers", "balanceSheet", "profitAndLoss", "items", "taxRates", "payments",
    "accountTransactions", "bankAccounts", "chartOfAccounts", "billPayments", "journalEntries", "company",
)  # fmt: skip
#: Every operation takes so many virtual seconds, so that a run is over soon after its last request.
SECONDS = 30


@dataclass
class Killing:
    """Runs of some companies, one after the other, whose kernels are killed until there were enough kills."""

    away: Away
    companies: list[str]
    folder: Path
    longest: float
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    kills: int = 0
    runs: int = 0
    unknown: int = 0
    types: int = 5
    #: So many operations are cancelled in the first run, and tried again.
    cancelled: int = 0

    def until(self, kills: int) -> None:
        """As many runs as that takes; the last one is finished in peace."""
        while self.kills < kills and (self.runs + 1) * self.types <= len(TYPES):
            self._run(kills)

    def _run(self, kills: int) -> None:
        types = TYPES[self.runs * self.types : (self.runs + 1) * self.types]
        plan, journal = {id: list(types) for id in self.companies}, self.folder / f"{self.runs}.sqlite"
        self.runs += 1
        while True:
            with Kernel(self.away, plan, journal) as kernel:
                if self.kills >= kills or kernel.ends_within(self.chance.uniform(0, self.longest)):
                    return self._check(plan, kernel.end())
            self.kills += 1

    def _check(self, plan: dict[str, list[str]], end: dict[str, object]) -> None:
        booked = self.away.booked()
        wanted = {(id, data_type) for id, types in plan.items() for data_type in types}
        counts: dict[str, int] = end["counts"]  # type: ignore[assignment]
        unknown = counts.get("unknown", 0)
        assert end["phase"] == "done"
        if not self.cancelled:
            assert {key: number for key, number in booked.items() if number > 1} == {}, "queued twice"
        assert sum(booked.values()) <= self.runs * len(wanted) + self.cancelled, "queued twice"
        assert len(wanted - booked.keys()) <= unknown, "lost"
        assert sum(counts.values()) >= len(wanted)
        assert set(counts) <= {"complete", "failed", "unknown"}
        assert not (self.cancelled and "failed" in counts), "not tried again"
        self.unknown += unknown


def kill(tmp_path: Path, kills: int, companies: int, longest: float, speed: float, **settings: object) -> Killing:
    """Kill so often, and give the account."""
    with sandbox_away(settings, companies=companies * 2, speed=speed) as away:
        away.control("POST", "outcomes", {"status": "Complete", "n": 1_000_000, "seconds": SECONDS})
        killing = Killing(away, away.companies(companies), tmp_path, longest)
        killing.until(kills)
        return killing


def test_a_killed_run_is_finished_with_nothing_lost_and_nothing_twice(tmp_path: Path) -> None:
    """A few kills while operations are queued; the history lags, as it may."""
    killing = kill(tmp_path, 4, companies=30, longest=0.3, speed=20, history_lag=5)
    assert killing.unknown == 0


def test_killed_retries_are_finished_with_nothing_lost_and_nothing_twice(tmp_path: Path) -> None:
    """Kills before a retry, in the middle of it, and after: each cancelled operation is queued once more, no other."""
    with sandbox_away(companies=60, speed=100) as away:
        for status, number in (("Cancelled", 60), ("Complete", 1_000_000)):
            away.control("POST", "outcomes", {"status": status, "n": number, "seconds": SECONDS})
        killing = Killing(away, away.companies(30), tmp_path, longest=3.0, cancelled=60)
        killing.until(5)
        assert sum(away.booked().values()) == killing.runs * 30 * 5 + 60
        assert (killing.kills, killing.unknown) == (5, 0)


@pytest.mark.full
def test_a_hundred_kills(tmp_path: Path) -> None:
    """200 companies, kills at random moments: twice 0, lost 0, unknown 0."""
    killing = kill(tmp_path, 100, companies=200, longest=0.4, speed=20)
    assert killing.kills >= 100
    assert killing.unknown == 0


@pytest.mark.full
def test_kills_where_the_history_lags(tmp_path: Path) -> None:
    """Keys alone tell then what was heard."""
    killing = kill(tmp_path, 25, companies=200, longest=0.4, speed=20, history_lag=9)
    assert killing.unknown == 0


@pytest.mark.full
def test_kills_where_keys_mean_nothing_and_the_history_lags(tmp_path: Path) -> None:
    """Then the history alone tells, once it has had the time to show what was queued: ten of the server's seconds."""
    killing = kill(tmp_path, 25, companies=200, longest=0.4, speed=2, history_lag=4, honours_keys=False)
    assert killing.unknown == 0
