"""Looking at one company: what a look changes, when to look next, and when nothing more is to come.

One request shows all operations of the company. A look that fails is tried again for as long as waiting can help, in
sight; what waiting cannot mend (the company is gone, the key may not see it) ends the company's part of the run, and
what concerns the whole account (``queueing.ACCOUNT``) is raised.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from codat_notebook.client.lookup import NEAR
from codat_notebook.client.queue_once import LAGS, QUIET
from codat_notebook.models.errors import CodatLendingError
from codat_notebook.models.instants import instant
from codat_notebook.models.shared import PullOperation
from codat_notebook.models.vocabulary import is_running
from codat_notebook.runs import polling
from codat_notebook.runs.durations import Durations
from codat_notebook.runs.job import Job
from codat_notebook.runs.queueing import ACCOUNT
from codat_notebook.runs.rows import Row, absorb

#: Real seconds before a failed look is tried again: the first wait and the longest.
BACK_OFF = (2.0, 60.0)
#: Real seconds between two looks at the least, however fast the server's clock runs.
BREATH = 0.25
#: Operations that are asked for singly after one look, at most.
SINGLY = 10
#: Statuses of an answer that no waiting changes, though only for this company.
_FINAL = (403, 404)


async def look(job: Job, durations: Durations) -> None:
    """Look once, take in what is shown, and set the job's phase; ``job.due`` is left to :func:`plan_look`."""
    try:
        seen = await job.look()
        _learn(job, seen, durations)
        seen = [*seen, *await _absent(job, {operation.id for operation in seen})]
    except CodatLendingError as error:
        _trouble(job, error)
        return
    job.pause, job.note = 0.0, None
    rows = absorb(job.rows, seen, job.origin)
    job.news.take(rows, job.desk.client.clock.monotonic())
    job.set_rows(_end_discovery(rows, job, seen) if job.queued else rows)
    if job.queued and not _waits(job):
        job.set_phase("done")


def _quiet(job: Job) -> float:
    """Server's seconds for which nothing new has turned up."""
    clock = job.desk.client.clock
    return (clock.monotonic() - job.news.since) * clock.speed if job.news.looks else 0.0


def _late(job: Job, seconds: float) -> float:
    """So many seconds, or more where the history was seen to lag."""
    return max(seconds, LAGS * job.desk.client.clock.lag.seconds)


def plan_look(job: Job, durations: Durations, price: float) -> float | None:
    """Real seconds until the next look at a job; ``None`` where there is nothing to be seen yet."""
    if job.pause:
        return job.pause
    clock, running = job.desk.client.clock, _running(job, durations)
    if clock.stands and (running or job.queued):
        return polling.SOONEST  # a paused sandbox may go on at any moment, and faster than this clock can know
    seconds = [polling.next_look(running, price)] if running else []
    if job.queued and (awaited := _awaited(job)) is not None:
        seconds.append(awaited)
    if not seconds:
        return clock.real(polling.SOONEST) if job.queued else None
    return max(clock.real(min(seconds)), BREATH)


def _awaited(job: Job) -> float | None:
    """Seconds until it is worth looking for operations that are not known yet, at growing distances."""
    missing = any(row.state in ("queueing", "unknown") for row in job.rows) or _siblings_missing(job)
    if not missing:
        return None
    return min(max(2.0, _quiet(job)), QUIET)


def _running(job: Job, durations: Durations) -> list[polling.Running]:
    """The operations on their way, as ``polling`` sees them."""
    now, platforms = job.desk.now, job.company.platforms if job.company else {}
    found = []
    for row in job.rows:
        operation = row.operation
        if operation is None or row.state != "running":
            continue
        until = polling.paused_until(operation.status_description)
        age = (now - (instant(operation.requested) or now)).total_seconds()
        spell = durations.of(platforms.get(operation.connection_id, ""), operation.data_type)
        found.append(polling.Running(max(age, 0.0), spell, max((until - now).total_seconds(), 0.0) if until else 0.0))
    return found


def _learn(job: Job, seen: Iterable[PullOperation], durations: Durations) -> None:
    """Learn durations from what has ended: all of the first look, later the run's own that have ended since."""
    platforms = job.company.platforms if job.company else {}
    mine = {row.operation.id: row.open for row in job.rows if row.operation is not None}
    for operation in seen:
        if operation.completed and (mine.get(operation.id) or not job.news.looks):
            start, end = instant(operation.requested), instant(operation.completed)
            if start is not None and end is not None and not is_running(operation.status, operation.completed):
                platform = platforms.get(operation.connection_id, "")
                durations.learn(platform, operation.data_type, (end - start).total_seconds())


def _waits(job: Job) -> bool:
    """Whether to look again: something runs, siblings may lag, or a doubt may still be settled by an operation."""
    states = {row.state for row in job.rows}
    if states & {"queueing", "running"}:
        return True
    if _siblings_missing(job) or (job.news.looks < 2 and job.wanted is None):
        return True
    return "unknown" in states and _quiet(job) < _late(job, polling.SETTLE)


def _siblings_missing(job: Job) -> bool:
    """Whether a type was queued on whatever connections have it, and not all of these have shown an operation."""
    if job.company is None or job.wanted is None or (job.news.looks >= 2 and _quiet(job) >= _late(job, 0.0)):
        return False
    supported = job.company.supported
    shown = {(row.operation.data_type, row.operation.connection_id) for row in job.rows if row.operation is not None}
    types = {data_type for data_type, _ in shown}
    return any(
        data_type in types and data_type in supported[connection.id] and (data_type, connection.id) not in shown
        for data_type, chosen in job.wanted
        if chosen is None
        for connection in job.company.linked
    )


def _end_discovery(rows: tuple[Row, ...], job: Job, seen: list[PullOperation]) -> tuple[Row, ...]:
    """Close the rows that wait for an operation which Codat evidently did not queue.

    Where the answer was lost, nothing at all has appeared or the server tells no time, that is not evident: these are
    unknown.
    """
    appeared = any(row.origin not in (None, "attached") for row in rows)
    enough = _late(job, QUIET if appeared else polling.NOTHING)
    if job.news.looks < 3 or _quiet(job) < enough or all(row.state != "queueing" for row in rows):
        return rows
    if len(seen) >= job.page and job.page < polling.LARGEST_PAGE:
        job.page = polling.LARGEST_PAGE  # a history that is out of order may hold them further back
        return rows
    if job.wanted is None:  # times may be a little behind the server's clock
        rows = absorb(rows, seen, partial(job.origin, slack=NEAR))
    evident = appeared and job.all_done != "heard" and job.desk.client.clock.known
    outcome = "not queued by Codat" if evident else "unknown"
    return tuple(replace(row, outcome=outcome) if row.state == "queueing" else row for row in rows)


async def _absent(job: Job, shown: set[str]) -> list[PullOperation]:
    """What the newest page no longer shows: later pages are larger, and at the largest these are asked for singly."""
    hidden = [
        row.operation
        for row in job.rows
        if row.operation is not None and row.open and row.operation.id not in shown and _settled(row.operation, job)
    ]
    if hidden and job.page < polling.LARGEST_PAGE:
        job.page = min(job.page * 4, polling.LARGEST_PAGE)
        return []
    return [found for operation in hidden[:SINGLY] if (found := await _one(job, operation.id)) is not None]


def _settled(operation: PullOperation, job: Job) -> bool:
    """Whether the history should show it by now; it may lag."""
    now = job.desk.now
    return (now - (instant(operation.requested) or now)).total_seconds() > _late(job, polling.SETTLE)


async def _one(job: Job, id: str) -> PullOperation | None:
    request = {"company_id": job.company_id, "dataset_id": id}
    try:
        return await job.desk.client.manage_data.pull_operations.get_async(request=request)
    except CodatLendingError as error:
        if error.status_code != 404:
            raise
        return None  # Codat does not show it, for now; the company is there all the same


def _trouble(job: Job, error: CodatLendingError) -> None:
    """A look failed: end the company's part, or look again after a pause, in sight."""
    if error.status_code in ACCOUNT:
        raise error
    record = job.desk.report(error, f"The operations of {job.name} could not be looked at", job.subject())
    if error.status_code in _FINAL:
        job.refuse(record)
        job.set_phase("failed", record.why)
        return
    job.pause = min(job.pause * 2, BACK_OFF[1]) or BACK_OFF[0]
    if error.retry_at is not None:
        job.desk.governor.hold_until(error.retry_at, record.action)
    job.set_phase(job.phase, f"no answer from Codat, looking again in {job.pause:.0f} s")
