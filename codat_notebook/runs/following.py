"""Looking until every row of a job has its end.

One request shows all operations of the company. A look that fails is tried again for as long as waiting can help, in
sight; what waiting cannot mend (the key, the company) is raised and ends the run.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from codat_notebook.models.errors import CodatLendingError
from codat_notebook.models.instants import instant
from codat_notebook.models.shared import PullOperation
from codat_notebook.runs import polling
from codat_notebook.runs.job import Job
from codat_notebook.runs.rows import Row, absorb

#: Real seconds before a failed look is tried again: the first wait and the longest.
BACK_OFF = (2.0, 60.0)
#: Real seconds between two looks at the least, however fast the server's clock runs.
BREATH = 0.25
#: Statuses of an answer that no waiting changes.
_FINAL = (401, 402, 403, 404)


async def follow(job: Job) -> None:
    """Look until nothing more is to come."""
    news, pause = _News(), BACK_OFF[0]
    while True:
        try:
            seen = await job.look()
            seen += await _absent(job, {operation.id for operation in seen})
        except CodatLendingError as error:
            if error.status_code in _FINAL:
                raise
            pause = await _wait_out(job, error, pause)
            continue
        pause = BACK_OFF[0]
        rows = absorb(job.rows, seen, job.origin)
        news.take(rows)
        job.note = None
        job.set_rows(_end_discovery(rows, news, job.desk.client.clock.speed))
        if not _waits(job.rows, news, job.desk.client.clock.speed):
            return
        await asyncio.sleep(_delay(job))


@dataclass(slots=True)
class _News:
    """How long no new operation has turned up: in looks, and since when."""

    known: int = -1
    looks: int = 0
    since: float = field(default_factory=time.monotonic)

    def take(self, rows: Iterable[Row]) -> None:
        known = sum(row.operation is not None for row in rows)
        if known > self.known:
            self.known, self.looks, self.since = known, 0, time.monotonic()
        self.looks += 1

    def quiet(self, speed: float) -> float:
        """The server's seconds without a new operation."""
        return (time.monotonic() - self.since) * speed


def _waits(rows: Iterable[Row], news: _News, speed: float) -> bool:
    """Whether to look again: something runs, siblings may lag, or a doubt may still be settled by an operation."""
    states = {row.state for row in rows}
    if states & {"queueing", "running"} or news.looks < 2:
        return True
    return "unknown" in states and news.quiet(speed) < polling.SETTLE


def _end_discovery(rows: tuple[Row, ...], news: _News, speed: float) -> tuple[Row, ...]:
    """Close the rows that wait for an operation which Codat evidently did not queue."""
    if news.looks < 3 or news.quiet(speed) < polling.QUIET:
        return rows
    return tuple(replace(row, outcome="not queued by Codat") if row.state == "queueing" else row for row in rows)


async def _absent(job: Job, shown: set[str]) -> list[PullOperation]:
    """Ask singly for the operations that the newest page no longer shows."""
    hidden = [r.operation.id for r in job.rows if r.operation is not None and r.open and r.operation.id not in shown]
    return [
        await job.desk.client.manage_data.pull_operations.get_async(
            request={"company_id": job.company_id, "dataset_id": id}
        )
        for id in hidden
    ]


async def _wait_out(job: Job, error: CodatLendingError, pause: float) -> float:
    """Wait after a failed look, in sight, and give the next wait."""
    job.desk.report(error, f"The operations of {job.name} could not be looked at", job.subject())
    job.set_phase("following", f"no answer from Codat, looking again in {pause:.0f} s")
    await asyncio.sleep(pause)
    return min(pause * 2, BACK_OFF[1])


def _delay(job: Job) -> float:
    """Real seconds until the next look."""
    now = job.desk.now
    ages, paused = [], []
    for row in job.rows:
        if row.state != "running" or row.operation is None:
            continue
        until = polling.paused_until(row.operation.status_description)
        if until is not None and until > now:
            paused.append((until - now).total_seconds())
        else:
            ages.append(max((now - (instant(row.operation.requested) or now)).total_seconds(), 0.0))
    return max(polling.next_look(ages, paused) / job.desk.client.clock.speed, BREATH)
