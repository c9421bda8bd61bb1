"""How a run gets its operations: each data type queued or attached to, or everything at once.

``data/all`` answers without ids, so what it queued is found in the history (by ``following``); the rows made here say
what to expect. Whether a type was queued is the client's business ("queue once"); here each answer finds its row.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from codat_notebook.models.errors import CodatLendingError
from codat_notebook.runs.desk import CompanyFacts
from codat_notebook.runs.job import Job
from codat_notebook.runs.rows import Row, absorb

#: Queueing requests at the same time; Codat allows 10 requests at a time per company, reads included.
AT_ONCE = 5


async def queue(job: Job, company: CompanyFacts) -> None:
    """Queue what the job is for. Raises only what concerns the whole run; a type's refusal stays in its row."""
    if job.data_types is None:
        await _queue_all(job, company)
    else:
        await _queue_each(job, job.rows)


async def _queue_each(job: Job, rows: Iterable[Row]) -> None:
    places = asyncio.Semaphore(AT_ONCE)
    await asyncio.gather(*(_queue_row(job, row, places) for row in rows))


async def _queue_row(job: Job, row: Row, places: asyncio.Semaphore) -> None:
    request = {"company_id": job.company_id, "data_type": row.data_type}
    if row.connection_id:
        request["connection_id"] = row.connection_id
    try:
        async with places:
            queued = await job.desk.client.manage_data.refresh.queue_async(request=request)
    except CodatLendingError as error:
        unknown = error.queued == "unknown"
        what = f"Whether {row.data_type} was queued is not known" if unknown else f"{row.data_type} was not queued"
        record = job.desk.report(error, what, job.subject(row))
        job.replace(row, replace(row, outcome="unknown" if unknown else "refused", error=record))
    else:
        job.replace(row, replace(row, operation=queued.operation, origin=queued.origin))


async def _queue_all(job: Job, company: CompanyFacts) -> None:
    first_link = await job.desk.first_link(company.id)
    job.set_rows(expected(company, first_link))
    try:
        queued = await job.desk.client.manage_data.refresh.queue_all_async(request={"company_id": company.id})
    except CodatLendingError as error:
        if error.queued != "unknown":
            raise
        record = job.desk.report(error, f"Whether all of {job.name} was queued is not known", job.subject())
        job.set_rows(replace(row, outcome="unknown", error=record) for row in job.rows or (Row("all data types"),))
        return
    job.set_rows(absorb(job.rows, queued.running, lambda _: "attached"))
    job.set_rows(absorb(job.rows, queued.operations, lambda _: "queued"))
    if not queued.certain:
        # The answer was lost but operations appeared: Codat heard, and is never asked for everything again.
        await _queue_each(job, [row for row in job.rows if row.operation is None])


def expected(company: CompanyFacts, first_link: frozenset[str]) -> list[Row]:
    """A row for each operation that ``data/all`` should queue: fetch on first link, supported, linked."""
    return [
        Row(data_type, connection.id)
        for connection in company.linked
        for data_type in sorted(first_link & company.supported[connection.id])
    ]
