"""How a company's operations are queued: a row at a time, or everything at once.

Whether a type was queued is the client's business ("queue once"); here each answer finds its row. What was surely not
queued and may be later (a 429, no connection) waits again; what is refused stays in its row with its reason. A journal
holds the intent before it is sent. ``data/all`` answers without ids: the rows made here say what to expect, and
``following`` finds what came of them in the history.
"""

import asyncio
import uuid
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from codat_notebook.client.clock import epoch
from codat_notebook.client.queue_once import IN_PROGRESS, KEY_AGE
from codat_notebook.client.queueing import QueuedAll
from codat_notebook.models.errors import CodatLendingError, NoResponseError
from codat_notebook.models.vocabulary import custom_identifier, plain_name
from codat_notebook.runs.cells import OVERDUE
from codat_notebook.runs.company_run import ALL, CompanyRun, KeyedIntent
from codat_notebook.runs.context import custom_connection
from codat_notebook.runs.governor import DAY
from codat_notebook.runs.rows import Row, absorb

if TYPE_CHECKING:
    from codat_notebook.runs.journal import Journal

#: Statuses that concern the whole account, not one company: the key, the plan.
ACCOUNT = (401, 402)
#: How often a row goes back that could not be sent or not be cleared up, before that is its outcome.
TRIES = 10


class UnwrittenError(Exception):
    """The journal cannot be written at the moment, so nothing may be sent."""


async def send(company: CompanyRun, position: int, journal: "Journal | None") -> None:
    """Queue what waits at ``position``. Raises only what concerns the whole account."""
    if position != ALL and company.rows[position].operation is not None:
        company.intents.pop(position, None)  # it was in doubt, and a look has found it meanwhile
        return
    try:
        if position not in company.intents:  # else an earlier process settled on a key
            if position != ALL:
                await _choose_connection(company, position)
            intent = KeyedIntent(str(uuid.uuid4()), company.context.client.clock.at_least().timestamp())
            company.intents[position] = intent
            company.began_by(intent.at)
            if journal is not None:
                await journal.intend(company, position)
        await (_send_all(company) if position == ALL else _send_row(company, position))
        del company.intents[position]
    except UnwrittenError:
        _put_back(company, position)
    except CodatLendingError as error:
        account = error.status_code in ACCOUNT and error.queued != "unknown"
        if account or _later(company, position, error):
            _put_back(company, position, error.queued == "unknown", error.retry_at)
        else:
            _failed(company, position, error)
        if account:
            raise
    except asyncio.CancelledError:
        if position != ALL and company.rows[position].operation is None:
            company.replace(position, replace(company.rows[position], outcome="unknown"))
        raise
    finally:
        if journal is not None:
            journal.note(company, position)


async def _choose_connection(company: CompanyRun, position: int) -> None:
    """A custom data type is queued on one connection: it is part of the intent, and on disk before that is sent."""
    row = company.rows[position]
    if row.connection_id is None and custom_identifier(row.data_type) is not None and company.facts is not None:
        chosen = await custom_connection(company.context.client, company.facts, row.data_type)
        company.replace(position, replace(row, connection_id=chosen))


async def _send_row(company: CompanyRun, position: int) -> None:
    row, intent = company.rows[position], company.intents[position]
    connection_id = row.connection_id or None
    queued = await company.context.client.manage_data.refresh.queue_async(
        request={"company_id": company.company_id, "data_type": row.data_type, "connection_id": connection_id},
        retries=company.retries,
        idempotency_key=intent.key,
        since=intent.since,
        # Operations of the same type that other rows have cannot be this one's.
        known={
            each.operation.id
            for other in company.rows
            if other.data_type == row.data_type
            for each in other.attempts
            if each.operation is not None
        },
    )
    company.replace(position, replace(row, operation=queued.operation, origin=queued.origin, outcome=None))
    if queued.siblings:
        company.set_rows(absorb(company.rows, queued.siblings, lambda _: "appeared"))
    if queued.origin == "queued":  # the history's clock may be behind the server's
        company.began_by(epoch(queued.operation.requested))


def _put_back(company: CompanyRun, position: int, doubt: bool = False, due: datetime | None = None) -> None:
    """It waits again. What was surely not queued is a new intent when its turn comes; a doubt goes on as it was. It
    waits until it is ``due``, alone: one company's trouble is not the others'."""
    intent = company.intents.get(position)  # none where not even its connection could be found out
    if intent is not None and not (doubt or intent.earlier):
        del company.intents[position]
    if due is not None:
        company.timed[position] = due
    else:
        company.waiting.appendleft(position)


def _later(company: CompanyRun, position: int, error: CodatLendingError) -> bool:
    """Whether to ask again later: it was surely not queued, or is in a doubt that there is time to clear up (with the
    same intent: the client looks for it first, and sends it under the same key only)."""
    tries = company.tries[position] = company.tries.get(position, 0) + 1
    if error.retry_at is not None:
        if error.retry_at > company.context.now + DAY:
            return False  # whether to wait for that long is the user's to say
        if company.context.governor.common and "retry-after" in error.headers:
            company.context.governor.hold_until(error.retry_at)
    if error.queued == "unknown":
        intent = company.intents[position]
        age = company.context.client.clock.epoch() - intent.at
        return (intent.earlier or company.retries is not None) and age < KEY_AGE and tries < TRIES
    clock = company.context.client.clock
    if error.status_code == 429:  # it comes back for long, since a day's quota may be far away
        since = company.held.setdefault(position, clock.monotonic())
        return clock.monotonic() - since < OVERDUE.total_seconds()
    return isinstance(error, NoResponseError) and tries < TRIES


def _failed(company: CompanyRun, position: int, error: CodatLendingError) -> None:
    unknown = error.queued == "unknown"
    outcome = "unknown" if unknown else "refused"
    row = None if position == ALL else company.rows[position]
    all_of = "All data" if company.product is None else f"The product {company.product}"
    it = plain_name(row.data_type) if row is not None else f"{all_of} of {company.name}"
    what = f"{it} {'may or may not have been' if unknown else 'could not be'} queued"
    record = company.context.report(error, what, company.subject(row))
    if row is not None:
        company.replace(position, replace(row, outcome=outcome, error=record))
        return
    company.all_done = outcome
    if unknown:
        rows = company.rows or (company.all_types,)
        company.set_rows(replace(row, outcome=outcome, error=record) for row in rows)
    else:
        company.refuse(record)


# Everything at once.


async def _send_all(company: CompanyRun) -> None:
    assert company.facts is not None, "what to expect follows from the company's connections"
    intent = company.intents[ALL]
    if company.product is None and not company.rows:
        settings = await company.context.company_settings(company.company_id, company.retries)
        company.set_rows(
            Row(data_type, connection_id, company_id=company.company_id)
            for connection_id, data_type in company.facts.refreshed_by_all(settings.first_link)
        )
    try:
        queued = await _queue_all(company, intent)
    except CodatLendingError as error:
        if error.queued != "no" or IN_PROGRESS not in error.body:
            raise
        # Nothing was queued because something is in progress already: that is attached to, the others are queued.
        company.all_done = "singly"
        company.waiting.extend(place for place, row in enumerate(company.rows) if row.state == "queueing")
    else:  # What is not there yet is found in the history; where the answer was lost, nothing is queued in its stead.
        company.set_rows(absorb(company.rows, queued.running, lambda _: "attached"))
        company.set_rows(absorb(company.rows, queued.operations, lambda _: "queued"))
        company.all_done = "attached" if queued.attached else "queued" if queued.certain else "heard"


async def _queue_all(company: CompanyRun, intent: KeyedIntent) -> QueuedAll:
    """Send the one request: for everything, or for the product."""
    refresh = company.context.client.manage_data.refresh
    how: dict[str, Any] = {"retries": company.retries, "idempotency_key": intent.key, "since": intent.since}
    if company.product is None:
        return await refresh.queue_all_async(request={"company_id": company.company_id}, **how)
    types = None if company.wanted is None else [data_type for data_type, _ in company.wanted]
    return await refresh.queue_product_async(
        request={"company_id": company.company_id, "product": company.product, "data_types": types}, **how
    )
