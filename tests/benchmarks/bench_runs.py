"""Following refreshes with few requests: runs against a loop over codat-lending 12.0.0 that polls each operation.

``python tests/benchmarks/bench_runs.py`` measures everything and writes RESULTS_RUNS.md beside itself; with pytest the
goals are asserted. The sandbox is another process whose time runs faster; each peer is a process of its own on a fresh
sandbox of the same seed, so both have the same operations. Requests are counted in the sandbox's books; a delay is the
server's time from an operation's end to the moment at which the peer saw it. The loop is asynchronous, everything at
the same time, and where there is a limit it keeps to it: it is the best that such a loop can be.
"""

import json
import math
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

from codat_notebook.models.vocabulary import DATA_TYPES
from codat_notebook.runs.polling import PRICE
from tests.runs.away import KEY, Away, sandbox_away
from tests.runs.virtual import START, Stage, staged

RESULTS = Path(__file__).with_name("RESULTS_RUNS.md")
FIVE = ["invoices", "bills", "customers", "suppliers", "balanceSheet"]
#: Any company of that name has connections of all three kinds.
ONE = "Pandle"

OURS = """
import json, math, sys
from codat_notebook.models.instants import instant
from codat_notebook.models.shared import Security
from codat_notebook.session import Session
url, key, per_minute, patience = sys.argv[1:]
plan = json.load(sys.stdin)
limit = int(per_minute) or None
with Session(Security(auth_header=key), server_url=url, is_sandbox=True, per_minute=limit) as session:
    run = session.refresh(plan, patience=float(patience)).wait()
    ended = [row for row in run.rows if row.seen is not None and row.operation.completed]
    print(json.dumps([(row.seen - instant(row.operation.completed)).total_seconds() for row in ended]))
"""
LOOP = """
import asyncio, json, sys, time
from datetime import datetime
from codat_lending import CodatLending
from codat_lending.models import shared
url, key, per_minute, start, wall, speed = sys.argv[1:]
plan, speed, began = json.load(sys.stdin), float(speed), time.monotonic()
start = datetime.fromisoformat(start[:26] + "+00:00").timestamp()
slot, booked = 60 / int(per_minute) / speed if int(per_minute) else 0, began
def now(): return start + (time.time() - float(wall)) * speed
async def turn():
    global booked
    booked = max(booked + slot, time.monotonic())
    await asyncio.sleep(max(booked - time.monotonic(), 0))
async def follow(client, places, company, data_type):
    async with places:
        await turn()
        request = {"company_id": company, "data_type": shared.SchemaDataType(data_type)}
        operation = await client.manage_data.refresh.data_type_async(request=request)
    while operation.completed is None:
        await asyncio.sleep(2 / speed)
        async with places:
            await turn()
            request = {"company_id": company, "dataset_id": operation.id}
            operation = await client.manage_data.pull_operations.get_async(request=request)
    return now() - datetime.fromisoformat(operation.completed.replace("Z", "+00:00")).timestamp()
async def main():
    security = shared.Security(auth_header="Basic " + __import__("base64").b64encode(key.encode()).decode())
    async with CodatLending(security=security, server_url=url) as client:
        work = []
        for company, types in plan.items():
            places = asyncio.Semaphore(10)
            work += [follow(client, places, company, data_type) for data_type in types]
        print(json.dumps(await asyncio.gather(*work)))
asyncio.run(main())
"""


class Found(NamedTuple):
    """What one peer needed."""

    requests: int
    delay: float
    operations: int


class Goal(NamedTuple):
    """A line of the report."""

    text: str
    met: bool


def served(away: Away) -> int:
    """Requests of the API so far."""
    calls = away.control("GET", "")["calls"]
    return sum(number for call, number in calls.items() if "/_sandbox" not in call)


def measure(
    peer: str, companies: int, types: list[str], *, speed: float, per_minute: int, patience: float = PRICE
) -> Found:
    """Run a peer on a fresh sandbox."""
    one = {"unsupported": "operation"} if companies == 1 else {}
    with sandbox_away(one, companies=max(12, companies * 2), speed=speed, seed=7) as away:
        away.control("POST", "outcomes", {"status": "Complete", "n": 1_000_000})
        ids = [pandle(away)] if companies == 1 else away.companies(companies)
        before, told = served(away), away.control("GET", "")["now"]
        more = [str(patience)] if peer == OURS else [told, str(time.time()), str(speed)]
        arguments = [sys.executable, "-W", "ignore", "-c", peer, away.url, KEY, str(per_minute), *more]
        plan = json.dumps(dict.fromkeys(ids, types))
        done = subprocess.run(arguments, input=plan, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        delays = json.loads(done.stdout)
        return Found(served(away) - before, statistics.median(delays), len(delays))


def pandle(away: Away) -> str:
    """The company with connections of all kinds."""
    from codat_notebook.client import CodatLending
    from codat_notebook.models.shared import Security

    with CodatLending(Security(auth_header=KEY), server_url=away.url) as client:
        return client.companies.list(request={"query": f"name~{ONE}"}).results[0].id


def one_company() -> list[Goal]:
    """(a) One company x 43 types, no limits."""
    ours = measure(OURS, 1, list(DATA_TYPES), speed=4, per_minute=0)
    loop = measure(LOOP, 1, list(DATA_TYPES), speed=4, per_minute=0)
    fewer, later = loop.requests / ours.requests, ours.delay / loop.delay
    text = f"(a) One company x 43 types: {ours.requests} requests against {loop.requests}: {fewer:.1f} times fewer "
    text += f"(goal 12); median delay {ours.delay:.2f} s against {loop.delay:.2f} s: {later:.2f} (goal 1.5)"
    return [Goal(text, fewer >= 12 and later <= 1.5)]


def within_the_limit() -> list[Goal]:
    """(b) 1,000 companies x 5 types within 1,000 requests a minute."""
    ours = measure(OURS, 1000, FIVE, speed=8, per_minute=1000)
    loop = measure(LOOP, 1000, FIVE, speed=8, per_minute=1000)
    text = f"(b) 1,000 companies x 5 types, 1,000 requests a minute: {ours.requests:,} requests against "
    text += f"{loop.requests:,}, median delay {ours.delay:.0f} s against {loop.delay:.0f} s (goal: both lower)"
    return [Goal(text, ours.requests < loop.requests and ours.delay < loop.delay)]


def delay_free() -> list[Goal]:
    """(c) Delay is free: one POST per operation and one GET per company are the least that is possible."""
    ours = measure(OURS, 300, FIVE, speed=60, per_minute=0, patience=math.inf)
    least = 300 * len(FIVE) + 300
    ratio = ours.requests / least
    text = f"(c) 300 companies x 5 types, delay free: {ours.requests:,} requests, {ratio:.2f} of the least (goal 1.3)"
    return [Goal(text, ratio <= 1.3)]


def queueing() -> list[Goal]:
    """(d) Queueing in the time that the limits allow, on virtual time."""
    with staged(2000, per_minute=1000, latency=0.15, concurrent=10) as stage:
        stage.faults.per_minute = 1000
        portfolio = _queueing(stage, dict.fromkeys(stage.ids[:1000], FIVE))
        asked = sum(at <= portfolio for at in stage.asked)
        allowed = asked * 60 / 1000
        goals = [_in_time("1,000 companies x 5 types, 1,000 requests a minute", portfolio, allowed, stage)]
    with staged(12, latency=0.2, concurrent=10, unsupported="operation") as stage:
        one = _queueing(stage, {stage.ids[0]: list(DATA_TYPES)})
        # Two answers about the company, then 43 POSTs, ten at a time: the last three go out after four answers.
        goals.append(_in_time("One company x 43 types, ten at a time", one, 0.2 * (2 + 4), stage))
    return goals


def _queueing(stage: Stage, plan: dict[str, list[str]]) -> float:
    """Virtual seconds until everything is queued."""
    stage.run(plan).wait()
    return (stage.world.accepted[-1].at / 10**7) - START.timestamp()


def _in_time(what: str, took: float, allowed: float, stage: Stage) -> Goal:
    refused = sum(status == 429 for status in stage.statuses)
    text = f"(d) {what}: {took:.1f} s, {took / allowed:.3f} of what the limits allow (goal 1.05), {refused} x 429"
    return Goal(text, took / allowed <= 1.05 and refused == 0)


def bench_one_company() -> None:
    """At least 12 times fewer requests than the loop at no more than 1.5 times its median delay."""
    checked(one_company())


def bench_within_the_limit() -> None:
    """Fewer requests and a lower median delay than the loop."""
    checked(within_the_limit())


def bench_delay_free() -> None:
    """At most 1.3 times the least requests."""
    checked(delay_free())


def bench_queueing() -> None:
    """Within 5 % of the time that the limits allow, and never a 429."""
    checked(queueing())


def checked(goals: list[Goal]) -> None:
    """Print and assert."""
    for goal in goals:
        print(goal.text)
    assert all(goal.met for goal in goals)


def main() -> None:
    """Measure everything and write it down."""
    write([goal for part in (one_company, within_the_limit, delay_free, queueing) for goal in part()])


def write(goals: list[Goal]) -> None:
    """Put the goals into the file."""
    lines = [f"- {goal.text}: **{'met' if goal.met else 'not met'}**." for goal in goals]
    head = "# Following refreshes\n\nWritten by `python tests/benchmarks/bench_runs.py`; not edited by hand.\n\n"
    head += f"{datetime.now(UTC):%Y-%m-%d}; {__doc__.split('. ', 1)[1].strip()}\n\n" if __doc__ else ""
    RESULTS.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")
    print(RESULTS.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
