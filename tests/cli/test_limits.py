"""Several processes share Codat's limits: each has a part of them, and none is refused."""

import json
import subprocess
import sys

import pytest

from codat_notebook.cli import main
from codat_notebook.cli.child import _notebook
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import connect

from ..commands import STRICT  # noqa: TID252 - the tests are not installed, so they have no absolute name
from .conftest import Run

#: A minute passes in six seconds: what is sent in one, and at a time for one company, is refused beyond these.
PER_MINUTE, CONCURRENT, PROCESSES = 42, 6, 3
_PROCESS = """
import json, sys
import codat_notebook as cn
limits, plan = json.loads(sys.argv[1]), json.load(sys.stdin)
with cn.connect(sandbox=True, **limits) as session:
    run = session.refresh(plan).wait()
    print(json.dumps([run.counts, int((session.requests.status == 429).sum())]))
"""


def together(sandbox: Sandbox, **limits: int) -> list[tuple[dict[str, int], int]]:
    """Three processes refresh the same companies at a time: how their rows ended, and how many 429s each got."""
    sandbox.faults.end_next("Complete", 100_000, seconds=60)
    sandbox.faults.per_minute, sandbox.faults.concurrent, sandbox.faults.latency = PER_MINUTE, CONCURRENT, 0.05
    with connect(sandbox=True) as session:
        companies = session.companies()
        ids = companies[companies["platforms"].str.contains("Xero|QuickBooks|NetSuite")]["id"].tolist()[:4]
    types = ["invoices", "bills", "customers", "suppliers", "payments", "items", "taxRates", "journalEntries",
             "chartOfAccounts", "company", "creditNotes", "billPayments"]  # fmt: skip
    command = [sys.executable, *STRICT, "-c", _PROCESS, json.dumps(limits)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    jobs = [subprocess.Popen(command, **pipes, text=True) for _ in range(PROCESSES)]
    try:
        for place, job in enumerate(jobs):
            assert job.stdin is not None
            job.stdin.write(json.dumps(dict.fromkeys(ids, types[place * 4 : place * 4 + 4])))
            job.stdin.close()
            job.stdin = None
        return [tuple(json.loads(job.communicate(timeout=180)[0])) for job in jobs]
    finally:
        for job in jobs:
            job.kill()
            job.communicate()


def test_three_processes_that_divide_the_limits_are_never_refused(sandbox: Sandbox) -> None:
    """Not once, and all that they want is done."""
    sandbox.clock.speed = 10
    ends = together(sandbox, per_minute=PER_MINUTE // PROCESSES - 2, concurrent=CONCURRENT // PROCESSES)
    assert [refused for _, refused in ends] == [0, 0, 0]
    assert [set(counts) <= {"complete", "refused"} and counts["complete"] > 8 for counts, _ in ends] == [True] * 3
    assert sandbox.traffic.at_once <= CONCURRENT


@pytest.mark.full
def test_three_processes_that_do_not_are(sandbox: Sandbox) -> None:
    """Which shows that the limits are there."""
    sandbox.clock.speed = 10
    assert sum(refused for _, refused in together(sandbox)) > 0


def test_commands_take_their_part(sandbox: Sandbox, command: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """`--per-minute` and `--concurrent` of `refresh`, `health` and `app`."""
    company = sandbox.world.companies()["results"][0]["id"]
    sandbox.faults.end_next("Complete", seconds=1)
    for words in (["refresh", company, "bills"], ["health"]):
        assert main([*words, "--sandbox", "--per-minute", "300", "--concurrent", "3"]) in (0, 8)
    for ways in ((), ("key",)):  # of the app each visitor's session
        how = {"read_only": False, "per_minute": 300, "concurrent": 3}
        [cell] = _notebook(sandbox=True, ways=ways, memory=None, journals=None, **how)["cells"]
        assert "read_only=False, per_minute=300, concurrent=3" in cell["source"]
    for option in ("--per-minute", "--concurrent"):
        assert command("refresh", company, "bills", option, "0").code == 2
