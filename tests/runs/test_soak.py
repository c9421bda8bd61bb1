"""Ten thousand operations with every fault that the client is tested against, over HTTP: each reaches its true end."""

import asyncio
import gc
import threading
from collections import Counter
from typing import Any

import psutil
import pytest

from codat_notebook.models.shared import Security
from codat_notebook.runs.run import RefreshRun
from codat_notebook.session import Session
from codat_notebook.utils import BackoffStrategy, RetryConfig

from .away import KEY, PATIENCE, Away, sandbox_away

#: How a POST goes wrong: whether it is carried out, on which side of the memory for keys, and what comes back.
POSTS: list[dict[str, Any]] = [
    *({"status": 503, "when": when, "layer": layer} for when in ("before", "after") for layer in ("inside", "outside")),
    {"status": 408, "when": "after"},
    {"status": 200, "body": "<html>proxy</html>", "when": "after"},
    {"status": 502, "body": "<html>bad gateway</html>", "when": "before"},
    {"status": 200, "body": "", "when": "after"},
    {"status": 429, "headers": {"Retry-After": "5"}, "when": "before"},
    {"reset_after": 0, "when": "before"},
    {"reset_after": 0, "when": "after"},
    {"close_after": 20, "when": "after"},
]
GETS: list[dict[str, Any]] = [
    {"status": 503},
    {"status": 200, "body": "<html>proxy</html>"},
    {"status": 429, "headers": {"Retry-After": "5"}},
    {"reset_after": 0, "when": "after"},
]
TYPES = ["invoices", "bills", "customers", "suppliers", "items"]
SHARE = 0.05


def spoil(away: Away) -> None:
    """Five per cent of all requests go wrong, in all these ways alike."""
    for method, tail, faults in (("POST", "/data/queue/*", POSTS), ("GET", "/data/history*", GETS)):
        for number, fault in enumerate(faults, 1):  # so many stars, since what matches alike is drawn alike
            rule = {"n": None, "chance": SHARE / len(faults), "match": f"{method} /companies/{'*' * number}{tail}"}
            away.control("POST", "faults", {**rule, **fault})


def check(away: Away, session: Session, run: RefreshRun, plan: dict[str, list[str]], earlier: Counter[Any]) -> None:
    """The books and the frame say the same."""
    assert run.phase == "done"
    booked = away.booked()
    wanted = {(id, data_type) for id, types in plan.items() for data_type in types}
    assert {key: number for key, number in (booked - earlier).items() if number != 1} == {}
    assert (booked - earlier).keys() == wanted
    assert set(run.counts) <= {"complete", "failed"}
    sample = run.operations.groupby("company_id", observed=True).head(1).head(40)
    for row in sample.itertuples():
        request = {"company_id": row.company_id, "dataset_id": row.id}
        assert session.client.manage_data.pull_operations.get(request=request).status == row.status


def soak(companies: int, waves: int) -> list[int]:
    """Refresh everything so many times; gives the memory of this process after each wave."""
    retries = RetryConfig("backoff", BackoffStrategy(50, 2000, 1.5, 60_000), True)
    memory, before = [], set(threading.enumerate())
    with sandbox_away({"concurrent": 10}, companies=companies * 2, speed=60) as away:
        away.control("POST", "outcomes", {"status": "Complete", "n": 10_000_000, "seconds": 60})
        spoil(away)
        with Session(
            Security(auth_header=KEY), server_url=away.url, is_sandbox=True, per_minute=None, retry_config=retries
        ) as session:
            plan = dict.fromkeys(away.companies(companies), TYPES)
            for _ in range(waves):
                earlier = away.booked()
                run = session.refresh(plan).wait(PATIENCE * 2)
                check(away, session, run, plan, earlier)
                del run
                gc.collect()
                memory.append(psutil.Process().memory_info().rss)
            assert left_over(session) == []
        ours = [c for c in psutil.Process().net_connections("tcp") if c.raddr and c.raddr.port == port(away)]
        assert [c for c in ours if c.status == psutil.CONN_ESTABLISHED] == []
    started = {thread.name for thread in set(threading.enumerate()) - before}
    assert [name for name in started if not name.startswith(("codat-engine", "codat-worker", "codat-user"))] == []
    return memory


def left_over(session: Session) -> list[str]:
    """Tasks on the engine's loop that nobody ended."""

    async def others() -> list[str]:
        return [repr(task) for task in asyncio.all_tasks() - {asyncio.current_task()}]

    return session.desk.engine.call(others())


def port(away: Away) -> int:
    """Where the sandbox answers."""
    return int(away.url.rpartition(":")[2])


def test_a_small_soak() -> None:
    """Every way in which a request can go wrong, over HTTP: each operation is queued once and reaches its end."""
    soak(companies=30, waves=1)


@pytest.mark.full
def test_ten_thousand_operations_with_faults() -> None:
    """Ten waves of a thousand: twice 0, lost 0, memory flat, no task, thread or socket left."""
    memory = soak(companies=200, waves=10)
    assert memory[-1] - memory[3] < 15e6, [f"{each / 1e6:.0f} MB" for each in memory]
