"""How a run begins, and what it writes down so that nothing is lost when the kernel dies, and nothing is queued twice.

A :class:`Start` is made of orders, with or without a journal, or of a journal that another kernel left. The plan is on
disk before the first request, and each intent with its idempotency key before its POST (what cannot be written down is
not begun); what came of it follows after. Changes are committed together (one flush of the disk for all that came up
during the last one), so that durability costs a few milliseconds and no throughput. If the disk is full or the folder
gone, queueing waits, in sight; following goes on, and what it finds is kept in memory until it can be written. The key
of the account is never here.
"""

import asyncio
import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from codat_notebook.client.reading import read
from codat_notebook.models.shared import PullOperation
from codat_notebook.runs.company_run import ALL, CompanyRun, KeyedIntent
from codat_notebook.runs.context import CLOSED, RunContext
from codat_notebook.runs.engine import Engine
from codat_notebook.runs.polling import PRICE
from codat_notebook.runs.records import ErrorRecord
from codat_notebook.runs.rows import Row
from codat_notebook.runs.sending import UnwrittenError
from codat_notebook.runs.store import VERSION, WITH_PRODUCT, JournalError, JournalUnfinishedError, Store, opened
from codat_notebook.runs.targets import Skipped, Targets

#: Real seconds until writing is tried again.
AGAIN: Final = 2.0
_COMPANY: Final = """
INSERT INTO companies VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (company_id) DO UPDATE SET wanted = excluded.wanted,
all_done = excluded.all_done, all_key = excluded.all_key, all_at = excluded.all_at, began = excluded.began,
done = excluded.done
"""
_OPERATION: Final = "INSERT OR REPLACE INTO operations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
#: Phase -> how ``done`` tells it; 0 is a company of which something is still to come.
_DONE: Final = {"done": 1, "failed": 2}


class Journal:
    """The journal of one run, in an open :class:`Store`. To be used on the engine's thread, in whose workers it writes.

    ``troubled`` is called when writing begins to fail, with the error, and with ``None`` when it works again.
    """

    def __init__(self, store: Store, engine: Engine, troubled: Callable[[Exception | None], object]) -> None:
        #: Why nothing can be written at the moment.
        self.trouble: str | None = None
        self._store = store
        self._engine = engine
        self._troubled = troubled
        self._noted: dict[tuple[str, int], CompanyRun] = {}
        self._waiters: list[asyncio.Future[None]] = []
        self._writing: asyncio.Task[None] | None = None
        self._closed = self._finished = False

    async def intend(self, company: CompanyRun, position: int) -> None:
        """Return once the company's intent at ``position`` is on disk; many wait for the same commit. Raises
        :class:`~codat_notebook.runs.sending.UnwrittenError`."""
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(kept)
        self.note(company, position)
        await kept

    def note(self, company: CompanyRun, position: int) -> None:
        """Keep how the company stands at ``position``, soon; what is written is how things stand then."""
        if not self._closed:
            self._noted[company.company_id, position] = company
            if self._writing is None:
                self._writing = asyncio.get_running_loop().create_task(self._write())

    async def finish(self) -> None:
        """Write what is left, once more if need be, and close the file. Safe to call twice."""
        self._closed = True
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        if self._finished:
            return
        self._finished = True
        noted, self._noted = self._noted, {}
        try:
            self._store.write(_changes(noted))
        except sqlite3.Error as error:
            self._complain(error)
        self._store.close()

    async def _write(self) -> None:
        """Commit until nothing is left to be written."""
        while self._noted:
            noted, self._noted = self._noted, {}
            waiters, self._waiters = self._waiters, []
            unwritten = None
            writing = asyncio.ensure_future(self._engine.in_worker(self._store.write, _changes(noted)))
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                await asyncio.gather(writing, return_exceptions=True)  # a thread cannot be stopped
                if writing.exception() is not None:
                    self._noted = noted | self._noted
                raise
            except sqlite3.Error as error:
                self._noted = noted | self._noted
                self._complain(error)
                unwritten = UnwrittenError(str(error))
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None) if unwritten is None else waiter.set_exception(unwritten)
            if unwritten is not None:
                await asyncio.sleep(AGAIN)
            elif self.trouble is not None:
                self.trouble = None
                self._troubled(None)
        self._writing = None

    def _complain(self, error: Exception) -> None:
        first, self.trouble = self.trouble is None, f"the journal {self._store.path.name} cannot be written: {error}"
        if first:
            self._troubled(error)


def _changes(noted: dict[tuple[str, int], CompanyRun]) -> list[tuple[str, list[Sequence[Any]]]]:
    """The statements that keep how companies stand now."""
    companies = {company.company_id: company for company in noted.values()}
    rows = [_operation(company, position) for (_, position), company in noted.items() if position != ALL]
    return [(_COMPANY, [_company(company) for company in companies.values()]), (_OPERATION, rows)]


def _company(company: CompanyRun) -> Sequence[Any]:
    intent = company.intents.get(ALL)
    wanted = None if company.wanted is None else json.dumps(company.wanted)
    key, at = (intent.key, intent.at) if intent else (None, None)
    return company.company_id, wanted, company.all_done, key, at, company.began, _DONE.get(company.phase, 0)


def _operation(company: CompanyRun, position: int) -> Sequence[Any]:
    row, intent = company.rows[position], company.intents.get(position)
    key, at = (intent.key, intent.at) if intent else (None, None)
    operation = msgspec.json.encode(row.operation).decode() if row.operation is not None else None
    error = msgspec.json.encode(row.error).decode() if row.error is not None else None
    seen = row.seen.isoformat() if row.seen is not None else None
    return (
        company.company_id, position, row.data_type, row.connection_id, key, at, row.outcome, row.origin, operation,
        error, seen,
    )  # fmt: skip


# How a run begins, and goes on in another kernel.


@dataclass(frozen=True, slots=True)
class Start:
    """What a run begins with."""

    companies: list[CompanyRun]
    skipped: tuple[Skipped, ...] = ()
    reserve: float = 0
    patience: float = PRICE
    store: Store | None = None
    product: str | None = None

    @classmethod
    def of(
        cls,
        context: RunContext,
        targets: Targets,
        journal: str | Path | None = None,
        reserve: float = 0,
        patience: float = PRICE,
    ) -> "Start":
        """A new run; a journal whose run has ended is begun anew. Raises :class:`JournalError` if it cannot be used."""
        if context.closed:  # before a journal is locked
            raise RuntimeError(CLOSED)
        if not (reserve >= 0 and patience >= 0):
            raise ValueError("reserve and patience are 0 or more.")
        product, store = targets.product, None
        companies = [CompanyRun(context, id, wanted, product) for id, wanted in targets.companies.items()]
        if journal is not None:
            path = Path(journal)
            about = {"server": context.client.server_url, "reserve": str(reserve), "patience": str(patience)}
            about |= {} if product is None else {"product": product}
            with opened(path, "written", "Nothing was begun.") as store:
                if store.about() and store.read("SELECT 1 FROM companies WHERE NOT done LIMIT 1"):
                    raise JournalUnfinishedError(
                        f"The journal {path} holds a run that has not ended. "
                        f"Go on with it by session.resume({str(path)!r}), or choose another name."
                    )
                _begin(store, companies, targets.skipped, about)
        return cls(companies, targets.skipped, reserve, patience, store, product)

    @classmethod
    def resumed(cls, context: RunContext, journal: str | Path) -> "Start":
        """The run of a journal, as its last kernel left it. Raises :class:`JournalError`."""
        if context.closed:  # before a journal is locked
            raise RuntimeError(CLOSED)
        path = Path(journal)
        with opened(path, "read", "It was left as it is.") as store:
            about = store.about()
            if not about:
                raise JournalError(f"The journal {path} is empty: nothing was begun in it.")
            if about["server"] != context.client.server_url:
                raise JournalError(
                    f"The journal {path} belongs to {about['server']}, this session to {context.client.server_url}."
                )
            product = about.get("product")
            companies, skipped = _restored(store, context, product)
            return cls(companies, skipped, float(about["reserve"]), float(about["patience"]), store, product)


def _begin(store: Store, companies: list[CompanyRun], skipped: tuple[Skipped, ...], about: dict[str, str]) -> None:
    """Write the plan down, before anything is sent; what an ended run left is cleared."""
    store.write(
        [
            *((f"DELETE FROM {table}", [()]) for table in ("run", "companies", "operations", "skipped")),
            ("INSERT INTO run VALUES (?, ?)", list(about.items())),
            (_COMPANY, [_company(company) for company in companies]),
            (_OPERATION, [_operation(each, position) for each in companies for position in range(len(each.rows))]),
            ("INSERT INTO skipped VALUES (?, ?, ?, ?)", skipped),
        ],
        WITH_PRODUCT if "product" in about else VERSION,
    )


def _restored(store: Store, context: RunContext, product: str | None) -> tuple[list[CompanyRun], tuple[Skipped, ...]]:
    """The companies as the last process left them, what it was about to queue, or had, being marked as a doubt; and
    what was left out of the plan."""
    rows: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for values in store.read("SELECT * FROM operations ORDER BY company_id, position"):
        rows[values[0]].append(values)
    kept = store.read("SELECT * FROM companies ORDER BY rowid")
    skipped = tuple(Skipped(*values) for values in store.read("SELECT * FROM skipped"))
    return [_company_run(context, product, values, rows[values[0]]) for values in kept], skipped


def kinds(path: Path, company_id: str) -> set[str | None]:
    """The data types of a company that a journal's run refreshes; ``None`` among them: everything of it. Raises
    :class:`JournalError`."""
    with opened(path, "read") as store, closing(store):
        rows = store.read("SELECT data_type FROM operations WHERE lower(company_id) = ?", [company_id.lower()])
        whole = "SELECT 1 FROM companies WHERE lower(company_id) = ? AND wanted IS NULL"
        everything = "product" not in store.about() and store.read(whole, [company_id.lower()])
        return {name for (name,) in rows} | ({None} if everything else set())


def _company_run(
    context: RunContext, product: str | None, kept: tuple[Any, ...], rows: list[tuple[Any, ...]]
) -> CompanyRun:
    company_id, wanted, all_done, all_key, all_at, began, done = kept
    pairs = None if wanted is None else tuple(map(tuple, json.loads(wanted)))
    made = tuple(map(_row, rows))
    company = CompanyRun(context, company_id, pairs, product, made, all_done=all_done, began=began)
    company.waiting.clear()
    if company.at_once and all_done is None:
        company.waiting.append(ALL)
        if all_key is not None:
            company.intents[ALL] = KeyedIntent(all_key, all_at, earlier=True)
    elif not company.at_once or all_done == "singly":
        for (_, position, _, _, key, at, *_), row in zip(rows, company.rows, strict=True):
            if row.state == "queueing":
                company.waiting.append(position)
                if key is not None:
                    company.intents[position] = KeyedIntent(key, at, earlier=True)
    if done:
        company.phase = next(phase for phase, number in _DONE.items() if number == done)
    if company.phase == "failed":
        company.note = next((row.error.why for row in company.rows if row.error), None)
    return company


def _row(values: tuple[Any, ...]) -> Row:
    company_id, _, data_type, connection_id, _, _, outcome, origin, operation, error, seen = values
    return Row(
        data_type,
        connection_id,
        read(operation.encode(), PullOperation) if operation else None,
        origin,
        msgspec.json.decode(error, type=ErrorRecord) if error else None,
        outcome,
        company_id,
        datetime.fromisoformat(seen) if seen else None,
    )
