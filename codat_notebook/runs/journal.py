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
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, Final

import msgspec

from codat_notebook.client.reading import read
from codat_notebook.models.shared import PullOperation
from codat_notebook.runs import plans
from codat_notebook.runs.company_run import ALL, CompanyRun, KeyedIntent
from codat_notebook.runs.context import CLOSED, RunContext
from codat_notebook.runs.engine import Engine
from codat_notebook.runs.polling import PRICE
from codat_notebook.runs.records import ErrorRecord
from codat_notebook.runs.rows import Row
from codat_notebook.runs.sending import UnwrittenError
from codat_notebook.runs.store import (
    DAMAGED,
    TABLES,
    VERSION,
    JournalDamagedError,
    JournalError,
    JournalUnfinishedError,
    Statement,
    Store,
    checksum,
    opened,
)
from codat_notebook.runs.targets import Skipped, Targets

#: Real seconds until writing is tried again.
AGAIN: Final = 2.0
_COMPANY: Final = """
INSERT INTO companies VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (company_id) DO UPDATE SET wanted = excluded.wanted,
all_done = excluded.all_done, all_key = excluded.all_key, all_at = excluded.all_at, began = excluded.began,
done = excluded.done, sum = excluded.sum
"""
_OPERATION: Final = "INSERT OR REPLACE INTO operations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ATTEMPT: Final = _OPERATION.replace("operations", "attempts")
#: Columns of an operation without its checksum.
_COLUMNS: Final = 11
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

    def hold(self, held: bool) -> None:
        """Write down whether somebody wants nothing queued: who finds the run then leaves it until it is resumed."""
        if self._finished:
            return
        try:
            self._store.write([_about({**self._store.about(), "held": "yes" if held else ""})])
        except sqlite3.Error as error:
            self._complain(error)

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


def _changes(noted: dict[tuple[str, int], CompanyRun]) -> list[Statement]:
    """The statements that keep how companies stand now."""
    companies = {company.company_id: company for company in noted.values()}
    rows = [_operation(company, position) for (_, position), company in noted.items() if position != ALL]
    return [(_COMPANY, [_company(company) for company in companies.values()]), (_OPERATION, rows)]


def _company(company: CompanyRun) -> Sequence[Any]:
    intent = company.intents.get(ALL)
    wanted = None if company.wanted is None else json.dumps(company.wanted)
    key, at = (intent.key, intent.at) if intent else (None, None)
    values = company.company_id, wanted, company.all_done, key, at, company.began, _DONE.get(company.phase, 0)
    return *values, checksum((*values, len(company.rows), len(_earlier(company))))


def _operation(company: CompanyRun, position: int) -> Sequence[Any]:
    row, intent = company.rows[position], company.intents.get(position)
    key, at = (intent.key, intent.at) if intent else (None, None)
    if row.outcome == "unqueued" or company.in_doubt(position):  # whoever resumes the run goes on with it
        row = replace(row, outcome=None)
    return _encoded(company, position, row, key, at)


def _attempts(company: CompanyRun) -> list[Sequence[Any]]:
    """How earlier attempts ended, each with the time of the next one."""
    return [_encoded(company, place, each, each.attempt, _text(each.next_at)) for place, each in _earlier(company)]


def _earlier(company: CompanyRun) -> list[tuple[int, Row]]:
    """The earlier attempts, each with its position."""
    chains = [*enumerate(row.before for row in company.rows), (ALL, company.before)]
    return [(place, each) for place, before in chains if before is not None for each in before.attempts]


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def _encoded(company: CompanyRun, position: int, row: Row, fifth: Any, sixth: Any) -> Sequence[Any]:
    operation = msgspec.json.encode(row.operation).decode() if row.operation is not None else None
    error = msgspec.json.encode(row.error).decode() if row.error is not None else None
    values = (
        company.company_id, position, row.data_type, row.connection_id, fifth, sixth, row.outcome, row.origin,
        operation, error, _text(row.seen),
    )  # fmt: skip
    return *values, checksum(values)


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
    #: What the journal says of the run as a whole.
    about: Mapping[str, str] | None = None
    continued: bool = False  # an earlier handle began it
    #: The plans that wait behind it in its journal.
    waits: tuple[plans.WaitingPlan, ...] = ()
    #: Whether events are handed to it.
    events: bool = False

    @classmethod
    def of(
        cls,
        context: RunContext,
        targets: Targets,
        journal: str | Path | None = None,
        reserve: float = 0,
        patience: float = PRICE,
        notes: Mapping[str, str] | None = None,
        events: bool = False,
    ) -> "Start":
        """A new run; a journal whose run has ended is begun anew. Raises :class:`JournalError` if it cannot be used.

        ``notes`` stand in the journal from the moment on at which the plan does; ``left_notes`` reads them."""
        about = _about_new(context, targets, reserve, patience, notes) | ({"events": "yes"} if events else {})
        if journal is None:
            return _new(context, targets, about)
        with opened(Path(journal), "written", "Nothing was begun.") as store:
            store.check()
            if plans.is_unfinished(store):
                raise JournalUnfinishedError(
                    f"The journal {journal} holds a run that has not ended. "
                    f"Continue it with session.resume({str(journal)!r}), or choose another name."
                )
            return _new(context, targets, about, store)

    @classmethod
    def behind(
        cls,
        context: RunContext,
        targets: Targets,
        journal: str | Path,
        reserve: float = 0,
        notes: Mapping[str, str] | None = None,
        *,
        again: bool = False,
        waited: bool = False,
    ) -> "Start":
        """Like ``of``, but an unfinished run is resumed, and another plan (the same: if ``again``) kept behind it for
        :meth:`waiting`. ``waited``: a run has ended a moment ago; what it has read is not read again."""
        about = _about_new(context, targets, reserve, PRICE, notes)
        with opened(Path(journal), "written", "Nothing was begun.") as store:
            store.check()
            unfinished = plans.is_unfinished(store)
            if not unfinished and not (waited and store.about()):
                return _new(context, targets, about, store)
            if again or not unfinished or plans.plan_of(store) != targets.digest:
                plans.keep(store, targets, about)
            return _continued(store, context)

    @classmethod
    def resumed(cls, context: RunContext, journal: str | Path) -> "Start":
        """The run of a journal, as its last kernel left it; if that has ended, the plan that waits behind it is begun.
        Raises :class:`JournalError`."""
        if context.closed:  # before a journal is locked
            raise RuntimeError(CLOSED)
        with opened(Path(journal), "read", "It was left as it is.") as store:
            store.check()
            if not store.about():
                raise JournalError(f"The journal {journal} is empty: no run was started in it.")
            return _continued(store, context)

    @classmethod
    def left(cls, context: RunContext, journal: str | Path) -> "Start":
        """The same, to be looked at: nothing is written, and others may have the journal. Raises the same."""
        with opened(Path(journal), "read", "It was left as it is.") as store:
            store.check()
            start = _left(store, context)
        store.close()
        return start

    @classmethod
    def waiting(cls, context: RunContext, journal: str | Path) -> "Start | None":
        """The run of the next plan that waits in a journal; ``None`` where none does, or the run before it has not
        ended. Raises :class:`JournalError`."""
        with opened(Path(journal), "read", "It was left as it is.") as store:
            if plans.waiting(store) and not plans.has_open_run(store):
                return _continued(store, context)
            store.close()
        return None

    def gone_on_with(self, context: RunContext, companies: list[CompanyRun], unwritten: bool) -> "Start":
        """The same run with these companies, in the same journal, which nobody else has continued meanwhile.
        ``unwritten``: not all that became of it is there. Raises :class:`JournalError`."""
        if context.closed:
            raise RuntimeError(CLOSED)
        if self.store is None or self.about is None:
            return replace(self, companies=companies)
        pairs = zip(self.companies, companies, strict=True)
        changed = [new for old, new in pairs if unwritten or (new.rows, new.phase) != (old.rows, old.phase)]
        path = self.store.path
        about: Mapping[str, str] = {**self.about, **_handle()}
        with opened(path, "continued", "Nothing was begun.") as store:
            if store.about().get("handle") != self.about.get("handle"):
                raise JournalError(
                    f"The journal {path} was continued elsewhere, or holds another run now: "
                    f"session.resume({str(path)!r}) shows it. Nothing was begun."
                )
            store.bring_up_to_date()
            attempts = _ATTEMPT, [values for company in changed for values in _attempts(company)]
            gone = "DELETE FROM operations WHERE company_id = ?", [[company.company_id] for company in changed]
            store.write([_about(about), gone, *_plan(changed), attempts])
            about = store.about()
        return replace(self, companies=companies, store=store, about=about)


def _about_new(
    context: RunContext, targets: Targets, reserve: float, patience: float, notes: Mapping[str, str] | None
) -> dict[str, str]:
    """What a journal will say of a new run."""
    if context.closed:  # before a journal is locked
        raise RuntimeError(CLOSED)
    if not (reserve >= 0 and patience >= 0):
        raise ValueError("reserve and patience must be 0 or more.")
    about = {"server": context.client.server_url, "reserve": str(reserve), "patience": str(patience)}
    about |= {} if targets.product is None else {"product": targets.product}
    return {**about, **(notes or {}), "plan": targets.digest}


def _new(
    context: RunContext, targets: Targets, about: Mapping[str, str], store: Store | None = None, *also: Statement
) -> Start:
    """A run that begins, in an open journal if there is one; its plan is written down with what is ``also`` to be."""
    companies = [CompanyRun(context, id, wanted, targets.product) for id, wanted in targets.companies.items()]
    if store is not None:
        _begin(store, companies, targets.skipped, {**about, **_handle()}, *also)
        about = store.about()
    reserve, patience = float(about["reserve"]), float(about["patience"])
    heard = "events" in about
    return Start(companies, targets.skipped, reserve, patience, store, targets.product, about, events=heard)


def _left(store: Store, context: RunContext) -> Start:
    """The run of an open journal, as it was left."""
    about = store.about()
    if about.get("server") != context.client.server_url and _is_whole(about):
        raise JournalError(
            f"The journal {store.path} belongs to {about['server']}, this session to {context.client.server_url}."
        )
    try:
        companies, skipped = _restored(store, context, about)
        reserve, patience, product = float(about["reserve"]), float(about["patience"]), about.get("product")
    except (ValueError, TypeError, KeyError, IndexError, StopIteration, msgspec.MsgspecError) as error:
        # One of an earlier version, whose rows have no checksums.
        raise _damaged(store, [f"{type(error).__name__}: {error}"]) from error
    waits = tuple(plans.waiting(store))
    return Start(companies, skipped, reserve, patience, store, product, about, True, waits, "events" in about)


def _continued(store: Store, context: RunContext) -> Start:
    """The run of an open journal; if that has ended, that of the plan that waits behind it."""
    start = _left(store, context)
    if (waits := start.waits) and not plans.has_open_run(store):
        targets = plans.without_recent(waits[0].targets, start.companies, context.now)
        return replace(_new(context, targets, waits[0].about, store, plans.taken(waits[0])), waits=waits[1:])
    store.bring_up_to_date()
    number = _number_of(start.companies, start.skipped)
    store.write([_about({**store.about(), **number, **_handle(), "plan": plans.plan_of(store)})])
    return replace(start, about=store.about())


def _handle() -> dict[str, str]:
    """Marks whose journal it is: each handle of a run has its own, and is not held."""
    return {"handle": str(uuid.uuid4()), "held": ""}


def _about(about: Mapping[str, str]) -> Statement:
    told = sorted((name, value) for name, value in about.items() if name != "sum")
    return "INSERT OR REPLACE INTO run VALUES (?, ?)", [*told, ("sum", str(checksum(chain(*told))))]


def _is_whole(about: Mapping[str, str]) -> bool:
    """Whether what is kept of the run as a whole is as it was written; an earlier version has no checksum."""
    return "sum" not in about or ("sum", about["sum"]) in (_about(about)[1] or ())


def _number_of(companies: Sequence[object], skipped: Sequence[Skipped]) -> dict[str, str]:
    """By which it is known whether all of them are there."""
    return {"companies": str(len(companies)), "skipped": str(checksum(chain(*skipped)))}


def _plan(companies: list[CompanyRun]) -> list[Statement]:
    """The statements that write companies down as they stand."""
    rows = [_operation(each, position) for each in companies for position in range(len(each.rows))]
    return [(_COMPANY, [_company(company) for company in companies]), (_OPERATION, rows)]


def _begin(
    store: Store, companies: list[CompanyRun], skipped: tuple[Skipped, ...], about: Mapping[str, str], *also: Statement
) -> None:
    """Write the plan down before anything is sent, with what is ``also`` to be; what an ended run left is cleared."""
    tables = "run", "companies", "operations", "skipped", "attempts"
    cleared: list[Statement] = [(f"DROP TABLE IF EXISTS {table}", None) for table in tables]
    made: list[Statement] = [*[(table, None) for table in TABLES], (f"PRAGMA user_version={VERSION}", None)]
    left_out = "INSERT INTO skipped VALUES (?, ?, ?, ?)", skipped
    whole = {**about, **_number_of(companies, skipped)}
    store.write([*cleared, *made, _about(whole), *_plan(companies), left_out, *also])


def _restored(
    store: Store, context: RunContext, about: Mapping[str, str]
) -> tuple[list[CompanyRun], tuple[Skipped, ...]]:
    """The companies as the last process left them, what it was about to queue, or had, being marked as a doubt; and
    what was left out of the plan. Raises :class:`JournalDamagedError` for what is not as it was written."""
    there = {name for (name,) in store.read("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    bad = [] if _is_whole(about) else ["what it says of the run as a whole"]
    attempts: dict[tuple[str, int], Row] = {}
    tried: Counter[str] = Counter()
    for values in _rows(store, "attempts ORDER BY attempt", bad) if "attempts" in there else ():
        attempts[values[:2]] = replace(_row(values), before=attempts.get(values[:2]), next_at=_moment(values[5]))
        tried[values[0]] += 1
    rows: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for values in _rows(store, "operations ORDER BY company_id, position", bad):
        rows[values[0]].append(values)
    kept = []
    for values in store.read("SELECT * FROM companies ORDER BY rowid"):
        own, id = values[:7], values[0]
        if values[7:] not in ((), (None,), (checksum((*own, len(rows[id]), tried[id])),)):
            bad.append(f"company {id}")
        kept.append(own)
    skipped = tuple(Skipped(*values) for values in store.read("SELECT * FROM skipped"))
    if {**about, **_number_of(kept, skipped)} != about and "companies" in about:
        bad.append("some companies, or some of what was left out, are missing")
    if bad:
        raise _damaged(store, bad)
    product = about.get("product")
    return [_company_run(context, product, values, rows[values[0]], attempts) for values in kept], skipped


def _rows(store: Store, table: str, bad: list[str]) -> Iterator[tuple[Any, ...]]:
    """The rows of operations that are as they were written; an earlier version has no checksums. The others are told in
    ``bad``."""
    for values in store.read(f"SELECT * FROM {table}"):
        if values[_COLUMNS:] in ((), (None,), (checksum(values[:_COLUMNS]),)):
            yield values[:_COLUMNS]
        else:
            bad.append(f"row {values[1]} of company {values[0]}")


def _damaged(store: Store, bad: list[str]) -> JournalDamagedError:
    more = f" and {len(bad) - 3:,} more" if len(bad) > 3 else ""
    return JournalDamagedError(
        f"The journal {store.path} is damaged. Changed since it was written: {'; '.join(bad[:3])}{more}. {DAMAGED}"
    )


def _company_run(
    context: RunContext,
    product: str | None,
    kept: tuple[Any, ...],
    rows: list[tuple[Any, ...]],
    attempts: Mapping[tuple[str, int], Row],
) -> CompanyRun:
    company_id, wanted, all_done, all_key, all_at, began, done = kept
    pairs = None if wanted is None else tuple(map(tuple, json.loads(wanted)))
    made = tuple(replace(_row(values), before=attempts.get(values[:2])) for values in rows)
    before = attempts.get((company_id, ALL))
    company = CompanyRun(context, company_id, pairs, product, made, all_done=all_done, began=began, before=before)
    intents = {values[1]: KeyedIntent(*values[4:6]) for values in rows if values[4] is not None}
    company.line_up(intents | ({} if all_key is None else {ALL: KeyedIntent(all_key, all_at)}))
    if done:
        company.phase = next(phase for phase, number in _DONE.items() if number == done)
    if company.phase == "failed":
        company.note = next((row.error.why for row in company.rows if row.error), None)
    return company


def _row(values: tuple[Any, ...]) -> Row:
    company_id, _, data_type, connection_id, _, _, outcome, origin, operation, error, seen = values
    return Row(
        data_type, connection_id, read(operation.encode(), PullOperation) if operation else None, origin,
        msgspec.json.decode(error, type=ErrorRecord) if error else None, outcome, company_id, _moment(seen),
    )  # fmt: skip


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
