"""How a company's operations are queued: a row at a time, or everything at once.

Whether a type was queued is the client's business ("queue once"); here each answer finds its row. What was surely not
queued and may be later (a 429, no connection) goes back among what waits; what is refused stays in its row with its
reason. Where there is a journal, the intent is on disk before it is sent. ``data/all`` answers without ids, so what it
queued is found in the history (by ``following``); the rows made here say what to expect.
"""

import asyncio
import uuid
from dataclasses import replace
from typing import Protocol

from codat_notebook.client.queue_once import IN_PROGRESS, KEY_AGE
from codat_notebook.client.queueing import QueuedAll
from codat_notebook.models.errors import CodatLendingError, NoResponseError
from codat_notebook.runs.desk import CompanyFacts
from codat_notebook.runs.governor import local
from codat_notebook.runs.job import ALL, Intent, Job
from codat_notebook.runs.rows import Row, absorb

#: Statuses that concern the whole account, not one company: the key, the plan.
ACCOUNT = (401, 402)
#: How often a row goes back that could not be sent or not be cleared up, before that is its outcome.
TRIES = 10


class BookTrouble(Exception):
    """The book cannot be written at the moment, so nothing may be sent."""


class Book(Protocol):
    """Where intents are written down before they are sent."""

    #: Why nothing can be written at the moment.
    trouble: str | None

    async def intend(self, job: Job, position: int) -> None:
        """Return once the job's intent at ``position`` is kept. Raises :class:`BookTrouble`."""

    def note(self, job: Job, position: int) -> None:
        """Keep how the job stands at ``position``, soon."""

    async def finish(self) -> None:
        """Keep what is noted, and take no more."""


async def send(job: Job, position: int, book: Book | None) -> None:
    """Queue what waits at ``position``. Raises only what concerns the whole account."""
    if position != ALL and job.rows[position].operation is not None:
        job.intents.pop(position, None)  # it was in doubt, and a look has found it meanwhile
        return
    try:
        await _intend(job, position, book)
        await (_send_all(job) if position == ALL else _send_row(job, position))
        del job.intents[position]
    except BookTrouble:
        _put_back(job, position)
    except CodatLendingError as error:
        account = error.status_code in ACCOUNT and error.queued != "unknown"
        if account or _later(job, position, error):
            _put_back(job, position, doubt=error.queued == "unknown")
        else:
            _failed(job, position, error)
        if account:
            raise
    except asyncio.CancelledError:
        if position != ALL and job.rows[position].operation is None:
            job.replace(position, replace(job.rows[position], outcome="unknown"))
        raise
    finally:
        if book is not None:
            book.note(job, position)


async def _intend(job: Job, position: int, book: Book | None) -> None:
    """Settle on a key, unless an earlier process did, and have it kept."""
    if position not in job.intents:
        job.ask(position, Intent(str(uuid.uuid4()), job.desk.client.clock.at_least().timestamp()))
        if book is not None:
            await book.intend(job, position)


async def _send_row(job: Job, position: int) -> None:
    row, intent = job.rows[position], job.intents[position]
    request = {"company_id": job.company_id, "data_type": row.data_type}
    if row.connection_id:
        request["connection_id"] = row.connection_id
    queued = await job.desk.client.manage_data.refresh.queue_async(
        request=request, retries=job.retries, idempotency_key=intent.key, since=intent.since, known=_others(job, row)
    )
    job.replace(position, replace(row, operation=queued.operation, origin=queued.origin, outcome=None))
    if queued.siblings:
        job.set_rows(absorb(job.rows, queued.siblings, lambda _: "appeared"))
    if queued.origin == "queued":
        job.began_at(queued.operation)


def _others(job: Job, row: Row) -> set[str]:
    """Operations of the same type that other rows have: they cannot be this one's."""
    return {r.operation.id for r in job.rows if r.operation is not None and r.data_type == row.data_type}


def _put_back(job: Job, position: int, doubt: bool = False) -> None:
    """It waits again. What was surely not queued is a new intent when its turn comes; a doubt goes on as it was."""
    if not (doubt or job.intents[position].earlier):
        del job.intents[position]
    job.waiting.appendleft(position)


def _later(job: Job, position: int, error: CodatLendingError) -> bool:
    """Whether to ask again later: it was surely not queued, or is in a doubt that there is time to clear up.

    Asking again goes on with the same intent: the client looks for it first, and sends it under the same key only.
    """
    tries = job.tries[position] = job.tries.get(position, 0) + 1
    if error.retry_at is not None:
        job.desk.governor.hold_until(error.retry_at, f"Codat asks to wait until {local(error.retry_at)}")
    if error.queued == "unknown":
        intent = job.intents[position]
        age = job.desk.client.clock.epoch() - intent.at
        return (intent.earlier or job.retries is not None) and age < KEY_AGE and tries < TRIES
    # A 429 comes back without end, since a day's quota may be far away; what cannot be sent at all, only so often.
    return error.status_code == 429 or (isinstance(error, NoResponseError) and tries < TRIES)


def _failed(job: Job, position: int, error: CodatLendingError) -> None:
    unknown = error.queued == "unknown"
    if position == ALL:
        _all_failed(job, error, unknown)
        return
    row = job.rows[position]
    what = f"Whether {row.data_type} was queued is not known" if unknown else f"{row.data_type} was not queued"
    record = job.desk.report(error, what, job.subject(row))
    job.replace(position, replace(row, outcome="unknown" if unknown else "refused", error=record))


# Everything at once.


async def _send_all(job: Job) -> None:
    assert job.company is not None, "what to expect follows from the company's connections"
    intent = job.intents[ALL]
    if not job.rows:
        first_link = await job.desk.first_link(job.company_id, job.retries)
        job.set_rows(replace(row, company_id=job.company_id) for row in expected(job.company, first_link))
    try:
        queued = await job.desk.client.manage_data.refresh.queue_all_async(
            request={"company_id": job.company_id}, retries=job.retries, idempotency_key=intent.key, since=intent.since
        )
    except CodatLendingError as error:
        if error.queued != "no" or IN_PROGRESS not in error.body:
            raise
        # Nothing was queued because something is in progress already: that is attached to, the others are queued.
        job.all_done = "singly"
        job.waiting.extend(place for place, row in enumerate(job.rows) if row.state == "queueing")
    else:
        _take_all(job, queued)


def _take_all(job: Job, queued: QueuedAll) -> None:
    """What is not there yet is found in the history; where the answer was lost, nothing is queued in its stead."""
    job.set_rows(absorb(job.rows, queued.running, lambda _: "attached"))
    job.set_rows(absorb(job.rows, queued.operations, lambda _: "queued"))
    job.all_done = "queued" if queued.certain else "heard"


def _all_failed(job: Job, error: CodatLendingError, unknown: bool) -> None:
    what = f"Whether all of {job.name} was queued is not known" if unknown else f"All of {job.name} was not queued"
    job.all_done = "unknown" if unknown else "refused"
    record = job.desk.report(error, what, job.subject())
    if not unknown:
        job.refuse(record)
        job.set_phase("failed", record.why)
        return
    rows = job.rows or (Row("all data types", company_id=job.company_id),)
    job.set_rows(replace(row, outcome="unknown", error=record) for row in rows)


def expected(company: CompanyFacts, first_link: frozenset[str]) -> list[Row]:
    """A row for each operation that ``data/all`` should queue: fetch on first link, supported, linked."""
    return [
        Row(data_type, connection.id)
        for connection in company.linked
        for data_type in sorted(first_link & company.supported[connection.id])
    ]
