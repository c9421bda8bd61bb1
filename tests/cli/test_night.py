"""Nights of cron in virtual time: a plan each night in one journal, with crashes, outages, time-outs and second jobs.

What is true is in the books of the sandbox. Whatever happened: what is told as queued was queued, once; what was queued
is told; each row of each plan has one end; and each night's exit code and JSON say what is so.
"""

import asyncio
import json
import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from codat_notebook.cli import outcome
from codat_notebook.cli.exits import Exit
from codat_notebook.cli.job import Job
from codat_notebook.cli.stopping import Stop
from codat_notebook.runs.context import RunContext
from codat_notebook.runs.targets import Targets, read_targets
from tests.runs.virtual import Stage, staged

from .test_exits import as_told

TYPES = ("invoices", "bills", "customers", "suppliers", "balanceSheet", "payments", "taxRates", "company")
DAY, LATEST = 86_400.0, 4 * 3600.0
#: How a row may end for good; the others are told again by a later job.
ENDS = ("complete", "failed", "refused", "unknown", "not queued by Codat")
#: Night -> what happens. A crash comes at a request, before or after the server has it.
HAPPENINGS = ("nothing", "nothing", "crash before", "crash after", "crash after", "outage", "short outage", "hurry",
              "second job", "second job", "slow", "wrong key")  # fmt: skip


@dataclass
class Nights:
    """Jobs on one journal, the reports of those that lived to tell, and the plans that there were."""

    stage: Stage
    journal: Path
    seed: int
    reports: list[dict[str, Any]] = field(default_factory=list)
    plans: dict[str, Targets] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.companies = self.stage.ids[:6]

    def plan(self) -> Targets:
        """A plan that no night before had."""
        while True:
            rows = {id: sorted(self.chance.sample(TYPES, self.chance.randint(1, 4))) for id in self.companies}
            wanted = {id: rows[id] for id in self.chance.sample(self.companies, self.chance.randint(1, 6))}
            targets = read_targets(wanted)
            if targets.digest not in self.plans:
                self.plans[targets.digest] = targets
                return targets

    def job(self, context: RunContext, stop: Stop, timeout: float = LATEST, wait_lock: float = 7200) -> Job:
        """A job of tonight."""
        return Job(context, stop, self.journal, timeout=timeout, wait_lock=wait_lock, name=f"{len(self.plans)}.csv")

    def report(self, job: Job) -> dict[str, Any]:
        """What a job tells, as `--json` prints it."""
        told = outcome.document(job.runs, job.code, *job.times, str(self.journal), job.problem, None)
        self.reports.append(as_told(json.dumps(told)))
        self.seen[self.reports[-1]["exit"]] += 1
        return self.reports[-1]

    def night(self, happening: str) -> None:
        """One night, and the day after it."""
        self.seen[happening] += 1
        context, stop = self.stage.make_context(), Stop()
        before = len(self.stage.world.accepted)
        targets = self.plan()
        getattr(self, f"_{happening.split()[0]}")(happening, context, stop, targets, before)
        self.stage.faults.clear()
        self.stage.faults.latency = 0
        self.stage.engine.call(self._until_tomorrow())

    async def _until_tomorrow(self) -> None:
        await asyncio.sleep(DAY - self.stage.loop.time() % DAY)

    def _nothing(self, _: str, context: RunContext, stop: Stop, targets: Targets, before: int) -> None:
        job = self.job(context, stop)
        job.work(targets)
        assert self.report(job)["exit_code"] in (0, 3, 4, 5)  # all of it has ended

    def _slow(self, _: str, context: RunContext, stop: Stop, targets: Targets, before: int) -> None:
        self.stage.line.latency = 20.0
        self._nothing("", context, stop, targets, before)

    def _hurry(self, _: str, context: RunContext, stop: Stop, targets: Targets, before: int) -> None:
        """Out of time before the operations have ended."""
        job = self.job(context, stop, timeout=self.chance.choice([0.3, 5.0, 60.0]))
        job.work(targets)
        told = self.report(job)
        assert (told["exit_code"] == Exit.OPEN) == any(self._left(run) for run in told["runs"])

    def _left(self, run: dict[str, Any]) -> bool:
        """Whether something of a run is still to come."""
        return run["phase"] in ("stopped", None) or bool(set(run["counts"]) - {*ENDS})

    def _wrong(self, _: str, context: RunContext, stop: Stop, targets: Targets, before: int) -> None:
        self.stage.faults.next(None, status=401)
        job = self.job(context, stop)
        job.work(targets)
        told = self.report(job)
        assert (told["exit_code"], len(self.stage.world.accepted)) == (Exit.PROBLEM, before)
        assert "key" in told["error"]

    def _outage(self, _: str, context: RunContext, stop: Stop, targets: Targets, before: int) -> None:
        self.stage.faults.outage()
        job = self.job(context, stop)
        job.work(targets)
        told = self.report(job)
        assert (told["exit_code"], len(self.stage.world.accepted)) == (Exit.PROBLEM, before)
        assert not {"refused"} & {state for run in told["runs"] for state in run["counts"]}

    def _short(self, _: str, context: RunContext, stop: Stop, targets: Targets, before: int) -> None:
        """It begins in the middle of things, at a request."""
        number = self.chance.randint(2, 30)

        def pass_on(request: httpx.Request) -> None:
            nonlocal number
            number -= 1
            if number == 0:
                self.stage.faults.outage(self.chance.choice(["1m", "10m", "1h"]))

        self.stage.line.passing = pass_on
        job = self.job(context, stop)
        job.work(targets)
        told = self.report(job)
        if told["exit_code"] == Exit.PROBLEM:  # it began before anything was queued, and lasted for too long
            assert len(self.stage.world.accepted) == before
        else:
            assert told["exit_code"] in (0, 3, 4, 5)

    def _crash(self, happening: str, context: RunContext, stop: Stop, targets: Targets, before: int) -> None:
        """The process dies at a request: what it has not told is not told, and the journal is as it was at that
        moment. A request that the server has is carried out, and its answer never comes."""
        number = self.chance.randint(1, 40)
        files = [self.journal, Path(f"{self.journal}-journal")]
        left: dict[Path, bytes] = {}

        def pass_on(request: httpx.Request) -> None:
            nonlocal number
            number -= 1
            if number > 0 or self.stage.loop.clockwork.busy:  # a worker writes the journal just now
                return
            if not left:
                left.update({file: file.read_bytes() for file in files if file.exists()})
                self.reports.append({"exit_code": Exit.PROBLEM, "runs": [*job.runs]})  # ended before
                stop.asked = True
                if happening.endswith("after"):
                    return
            raise httpx.ConnectError("this process is dead", request=request)

        self.stage.line.passing = pass_on
        job = self.job(context, stop)
        job.work(targets)
        if not left:  # it ended before
            self.report(job)
            return
        self.seen["died"] += 1
        for file in files:
            file.unlink(missing_ok=True)
        for file, content in left.items():
            file.write_bytes(content)

    def _second(self, _: str, context: RunContext, stop: Stop, targets: Targets, before: int) -> None:
        """Another job with a plan of its own comes while the first one works, or has just ended."""
        number, more, line = self.chance.randint(1, 20), self.plan(), self.stage.line
        other = self.job(self.stage.make_context(), Stop(), wait_lock=self.chance.choice([0.0, 7200.0]))
        thread = threading.Thread(target=other.work, args=(more,))

        def pass_on(request: httpx.Request) -> None:
            nonlocal number
            number -= 1
            if number == 0:
                thread.start()

        line.passing = pass_on
        job = self.job(context, stop)
        job.work(targets)
        if thread.ident is None:
            thread.start()
        thread.join()
        for each in (job, other):
            told = self.report(each)
            assert (told["exit_code"] == Exit.HELD) == each.held
            assert each.held or told["exit_code"] in (0, 3, 4, 5)

    def check(self) -> None:
        """Compare what was told with the books. A continued run tells its rows again: the last report counts."""
        accepted = [id for entry in self.stage.world.accepted for id in entry.operations]
        last: dict[str, Any] = {}
        for run in (run for told in self.reports for run in told["runs"]):
            if run["outcome"] != "not begun" or run["plan"] not in last:  # else another job has begun it before
                last[run["plan"]] = run
        rows = [(plan, row) for plan, run in last.items() for row in run["operations"]]
        assert {row["state"] for plan, row in rows if last[plan]["outcome"] != "not begun"} <= {*ENDS}
        queued = [row["operation_id"] for _, row in rows if row["origin"] in ("queued", "appeared")]
        found = {row["operation_id"] for _, row in rows if row["origin"] == "attached"}  # also where an answer was lost
        assert len({*queued}) == len(queued), "what is told as queued is told once"
        assert len({*accepted}) == len(accepted)
        assert {*queued} <= {*accepted} <= {*queued} | found, "what was queued is told, and what is told was queued"
        shown = [((plan, row["company_id"], row["data_type"]), row["origin"]) for plan, row in rows]
        for plan, run in last.items():
            shown += [((plan, each["company_id"], each["data_type"]), None) for each in run["skipped"]]
            assert run["outcome"] != "not begun" or run["note"].startswith("not kept"), "kept, and forgotten"
        wanted = Counter(
            (plan, id, name) for plan, targets in self.plans.items()
            for id, cells in targets.companies.items() for name, _ in cells or ()
        )  # fmt: skip
        assert {cell for cell, _ in shown} == {*wanted}, "each row of each plan has an end"
        once = Counter(cell for cell, origin in shown if origin != "appeared")  # on other connections, or after a crash
        assert once <= wanted, "and none has two"
        for report in self.reports:
            if report["exit_code"] not in (Exit.PROBLEM, Exit.HELD):
                codes = [6 if self._left(run) else outcome.exit_code(run["counts"]) for run in report["runs"]]
                assert report["exit_code"] == max(codes)


def nights(tmp_path: Path, number: int, seed: int, **settings: Any) -> Nights:
    """So many nights, and one in peace that finishes all."""
    with staged(40, latency=0.2, url=f"https://{number}-nights-{seed}.test", **settings) as stage:
        made = Nights(stage, tmp_path / "cron.sqlite", seed)
        for _ in range(number):
            made.night(made.chance.choice(HAPPENINGS))
        made.night("nothing")
        made.check()
        return made


def test_a_week_of_cron(tmp_path: Path) -> None:
    """Seven nights, among them a crash, an outage, a time-out and a second job."""
    made = nights(tmp_path, 7, seed=2)
    assert made.seen.keys() >= {"died", "outage", "hurry", "second job"}


@pytest.mark.full
@pytest.mark.parametrize("seed", range(10))
def test_a_month_of_cron(tmp_path: Path, seed: int) -> None:
    """Thirty nights, ten times; also where the history lags."""
    made = nights(tmp_path, 30, seed, history_lag=5.0 * (seed % 2))
    assert made.seen["died"] > 0
