"""Journals and a plan that an earlier version wrote are read by this one.

``files/`` was made by the code before its rooms were rebuilt, on the sandbox of ``staged(20)``: a run that had
ended, one stopped while its operations ran, two killed when 17 requests had been written down (heard by Codat in the
one, not in the other), one of all data types killed with requests under way, and what ``codat-notebook refresh
--sandbox --older-than 7D --platform Xero --dry-run`` printed. ``failures`` and ``product`` were made by the last code
that knew no attempts: runs that had ended with failures of which some may be retried.
"""

import csv
import shutil
from pathlib import Path

import pytest

from codat_notebook.cli.plan_file import read_plan
from codat_notebook.runs.run import RefreshRun
from codat_notebook.runs.store import VERSION, Store
from codat_notebook.runs.targets import read_targets

from .conftest import DEADLINE
from .test_scheduler import true_ends, twice
from .virtual import Stage, staged

FILES = Path(__file__).parent / "files"


def heard(stage: Stage, journal: Path) -> int:
    """Queue at the sandbox what the journal's run had queued, or was about to; how many requests that were."""
    store = Store(journal)
    pairs = store.read("SELECT company_id, data_type FROM operations WHERE key NOT NULL OR operation NOT NULL")
    companies = store.read("SELECT company_id FROM companies WHERE all_key NOT NULL")
    store.close()
    for company_id, data_type in pairs:
        stage.world.queue(company_id, data_type)
    for (company_id,) in companies:
        stage.world.queue_all(company_id)
    return len(pairs) + len(companies)


def test_an_ended_run(tmp_path: Path) -> None:
    """The frames are there again, without a request that queues."""
    journal = shutil.copy(FILES / "ended.journal", tmp_path / "j")
    with staged(20) as stage:
        run = stage.resume(journal).wait(DEADLINE)
        assert (run.phase, run.counts, len(stage.world.accepted)) == ("done", {"complete": 11, "failed": 1}, 0)
        assert run.operations.status.value_counts().to_dict() == {"Complete": 11, "RateLimitError": 1}
        assert run.errors.status.tolist() == ["RateLimitError"]


@pytest.mark.parametrize(
    ("name", "before", "after"), [("running", 24, 24), ("in-doubt", 17, 24), ("unsent", 0, 24), ("all-types", 3, 3)]
)
def test_a_run_in_the_middle(tmp_path: Path, name: str, before: int, after: int) -> None:
    """It is finished: what Codat had heard is attached to, the rest is queued, nothing twice."""
    journal = Path(shutil.copy(FILES / f"{name}.journal", tmp_path / "j"))
    with staged(20) as stage:
        if before:
            assert heard(stage, journal) == before
        run = stage.resume(journal).wait(DEADLINE)
        assert run.phase == "done"
        assert set(run.counts) <= {"complete", "failed"}
        assert (len(stage.world.accepted), twice(stage)) == (after, [])
        assert true_ends(stage, run)


@pytest.mark.parametrize(("name", "counts"), [("failures", {"complete": 4, "failed": 2}), ("product", {"complete": 2})])
def test_what_failed_is_retried_in_the_same_file(tmp_path: Path, name: str, counts: dict[str, int]) -> None:
    """A run of the first version of the file, and a product's of the second; from then on it is of the present one."""
    journal = Path(shutil.copy(FILES / f"{name}.journal", tmp_path / "j"))
    with staged(20 if name == "failures" else 4) as stage:
        for row in (run := stage.resume(journal).wait(DEADLINE)).rows:  # what is there: else ids come again
            stage.world.queue(row.company_id, row.data_type)
        stage.loop.clockwork.passed += 3600
        before = len(stage.world.accepted)
        number = run.retries.now
        assert number == {"failures": 2, "product": 1}[name]
        again = stage.engine.call(retried(run)).wait(DEADLINE)
        assert (again.counts, len(stage.world.accepted) - before) == (counts, number)
        assert int.from_bytes(journal.read_bytes()[60:64], "big") == VERSION
        assert stage.resume(journal).wait(DEADLINE).rows == again.rows


async def retried(run: RefreshRun) -> RefreshRun:
    """Retry it on the loop, whose time flies."""
    return run.retry_failed()


def test_a_plan() -> None:
    """Each row to be queued becomes a target, the others none."""
    with (FILES / "plan.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["action"] == "queue"]
    targets = read_targets(read_plan(FILES / "plan.csv"))
    planned = {(id, *target) for id, wanted in targets.companies.items() for target in wanted or ()}
    assert planned == {(row["company_id"], row["data_type"], row["connection_id"]) for row in rows}
    assert len(planned) == 21
