"""What sessions have seen, kept in a file that several processes share: :class:`Memory`.

One table, ``seen``: a row for each pull operation, and for each state of a connection, a product, a sync setting or a
data type, with the times at which it was first and last seen so. A state that changes becomes a further row, so that
what happened between two looks has two ends: when it was last seen as before, and when it was first seen as it is. Ids,
types, statuses and times are kept; of messages the words that a rule of diagnosis looks for, of link URLs the time.

What was last seen longer ago than :data:`LASTS` is deleted at the company's next look; a company that is no longer
there, at the next look at all companies. A pull operation that a look reads again is kept whatever its age.

A memory belongs to a server and an account, told by a salted fingerprint of the key. The file is opened for each use
and closed again, with SQLite's rollback journal (a network disk has no memory to share for the other kind): processes
wait for each other, a fork copies nothing that is open, and one that is killed leaves the file as it was.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from codat_notebook.diagnosis import telling_words
from codat_notebook.forking import Lock
from codat_notebook.models.errors import CodatLendingError
from codat_notebook.models.secret import Secret
from codat_notebook.models.shared import DataStatus, PullOperation
from codat_notebook.models.status import is_failed
from codat_notebook.models.vocabulary import DatasetStatus, SchemaDataType
from codat_notebook.runs.store import Format, JournalError, checksum, is_there

if TYPE_CHECKING:
    from codat_notebook.runs.context import CompanyFacts, RunContext

#: "CdNm".
MEMORY: Final = Format("memory", 0x43644E6D, (1,))
#: Real seconds for which one process waits for another to have written.
_PATIENCE: Final = 20.0
#: Remembered companies that are asked for to know an account again whose key has changed.
_ASKED: Final = 3
#: How long is remembered what was: a year, to compare with, and the time that it takes to look.
LASTS: Final = timedelta(days=400)
GONE: Final = "gone"

_TABLES: Final = """
CREATE TABLE belongs (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE seen (company_id TEXT, kind TEXT, connection_id TEXT, data_type TEXT, id TEXT, status TEXT, began TEXT,
  ended TEXT, words TEXT, first TEXT, last TEXT,
  PRIMARY KEY (company_id, kind, connection_id, data_type, id)) WITHOUT ROWID
"""
_INSERT: Final = "INSERT INTO seen VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_KEY: Final = "ON CONFLICT (company_id, kind, connection_id, data_type, id)"
#: An operation that has ended never runs again: a late answer does not undo it.
_OPERATION: Final = f"""{_INSERT} {_KEY} DO UPDATE SET
  status = excluded.status, ended = excluded.ended, words = excluded.words, last = excluded.last
  WHERE seen.ended IS NULL AND excluded.last >= seen.last
  AND (seen.status, seen.ended) IS NOT (excluded.status, excluded.ended)"""
_LOOK: Final = f"""{_INSERT} {_KEY} DO UPDATE SET
  status = excluded.status, began = excluded.began, words = excluded.words, last = max(last, excluded.last)
  WHERE excluded.began >= seen.began"""
_NEWEST: Final = """SELECT kind, connection_id, data_type, max(id), status, last FROM seen
  WHERE company_id = ? AND kind IN ({}) GROUP BY kind, connection_id, data_type"""


class MemoryFileError(JournalError):
    """A memory that cannot be used: it is of another account, or its file is damaged; the message says what to do."""


class Sighting(NamedTuple):
    """A row of the table; see the module's docstring. ``began`` and ``ended`` are times of Codat's own."""

    company_id: str
    kind: str
    connection_id: str
    data_type: str
    id: str
    status: str | None
    began: str | None
    ended: str | None
    words: str | None
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Look:
    """What was read of a company at a time: its connections, and if ``operations`` are given, its data as well.

    ``whole``: these are all the operations that there ever were. ``settings``: data type -> what Codat does for it, in
    words, where that was asked for. Of what is remembered, ``mark`` is that of the connections then, and ``before``
    the time at which these were listed before they were last.
    """

    facts: CompanyFacts
    at: datetime
    operations: Sequence[PullOperation] | None = None
    statuses: Mapping[str, DataStatus] = field(default_factory=dict)
    whole: bool = False
    settings: Mapping[str, str] | None = None
    mark: str = ""
    before: datetime | None = None


def mark_of(facts: CompanyFacts) -> str:
    """What changes when a connection was read, lost, linked again, or shows an error: all that a list of companies
    tells of what has happened."""
    told = [
        (
            c.id,
            c.status,
            c.last_sync,
            [(e.status_code, e.status, e.errored_on_utc) for e in c.data_connection_errors or ()],
        )
        for c in facts.connections.values()
    ]
    return str(checksum(sorted(map(str, told))))


class Memory:
    """The file at ``path``, made if there is none. ``known``: whether it has seen the key.

    Raises :class:`JournalError` where the file is something else, cannot be written, or is of another server.
    """

    def __init__(self, path: str | Path, server: str, key: Secret) -> None:
        self.path = Path(path)
        self._lock = Lock()
        if not is_there(self.path, MEMORY):
            with _told(self.path):
                self.path.touch(mode=0o600)
        with self._writing() as db:
            if db.execute("PRAGMA application_id").fetchone()[0] != MEMORY.application:
                for statement in _TABLES.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA application_id={MEMORY.application}")
                db.execute(f"PRAGMA user_version={MEMORY.versions[-1]}")
                salt = secrets.token_bytes(16)
                about = {"server": server, "salt": salt.hex(), "key": key.fingerprint(salt)}
                db.executemany("INSERT INTO belongs VALUES (?, ?)", about.items())
            self._about = dict(db.execute("SELECT name, value FROM belongs").fetchall())
        if self._about["server"] != server:
            whose = f"belongs to {self._about['server']}, this session to {server}"
            raise MemoryFileError(f"The memory {self.path} {whose}. Name another file.")
        self._print = key.fingerprint(bytes.fromhex(self._about["salt"]))

    @property
    def known(self) -> bool:
        """Whether the key is the one that it was last used with."""
        return bool(self._about["key"] == self._print)

    async def admit(self, context: RunContext) -> None:
        """Let a session use it whose key it does not know, if the account is the same: one of the remembered companies
        must answer. Raises :class:`MemoryFileError` where none does, and the client's errors where nobody can tell."""
        with self._reading() as db:
            rows = db.execute("SELECT company_id FROM seen WHERE kind = 'look' LIMIT ?", (_ASKED,)).fetchall()
        ids = [id for (id,) in rows]
        for id in ids:
            try:
                await context.client.companies.get_async(request={"company_id": id})
                break
            except CodatLendingError as error:
                if error.status_code not in (403, 404):
                    raise
        else:
            if ids:
                raise MemoryFileError(
                    f"The memory {self.path} belongs to another account: its companies are not found with this key. "
                    "Name another file, or connect with a key of that account."
                )
        with self._writing() as db:
            db.execute("UPDATE belongs SET value = ? WHERE name = 'key'", (self._print,))
        self._about["key"] = self._print

    # Writing.

    def saw(self, looks: Iterable[Look]) -> None:
        """Keep what was seen, as one transaction. What another process has seen later stays."""
        with self._writing() as db:
            for look in looks:
                _keep(db, look)

    def prune(self, now: datetime) -> None:
        """Delete the companies of which nothing was seen for so long."""
        gone = "SELECT company_id FROM seen GROUP BY company_id HAVING max(last) < ?"
        with self._writing() as db:
            db.execute(f"DELETE FROM seen WHERE company_id IN ({gone})", (_text(now - LASTS),))

    def touch(self, company_ids: Iterable[str], at: datetime) -> None:
        """Something was queued for these companies, or Codat told of them: what was seen of them before ``at`` (and may
        be written later) no longer tells how they are."""
        with self._writing() as db:
            update = "UPDATE seen SET words = '', began = max(began, ?) WHERE company_id = ? AND kind = 'look'"
            db.executemany(update, [(_text(at), id.lower()) for id in company_ids])

    def handed_out(self, links: Iterable[tuple[str, str]], how: str, at: datetime) -> None:
        """The link URLs of connections (ids of company and connection) were handed out, ``"copied"`` or ``"reported"``;
        the URLs themselves are kept nowhere."""
        time = _text(at)
        rows = [(company.lower(), "link", id, "", time, how, None, None, None, time, time) for company, id in links]
        with self._writing() as db:
            db.executemany(_INSERT.replace("INSERT", "INSERT OR IGNORE"), rows)

    # Reading.

    def recall(self, companies: Iterable[CompanyFacts]) -> dict[str, Look]:
        """Id -> the company as it was when its data was last asked for, of those of which it ever was."""
        looks: dict[str, Look] = {}
        with self._reading() as db:
            for facts in companies:
                look = _look(facts, _sightings(db, ("look", "operation", "latest", "success"), facts.id))
                if look is not None:
                    looks[facts.id] = look
        return looks

    def sightings(self, kinds: Collection[str], company_id: str | None = None) -> list[Sighting]:
        """The rows of these kinds, of one company or of all, each state after the one before."""
        with self._reading() as db:
            return _sightings(db, kinds, company_id)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with _told(self.path), self._lock, closing(_opened(self.path)) as db:
            yield db

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """The file, for one transaction: all of it is kept, or nothing."""
        with _told(self.path), self._lock, closing(_opened(self.path)) as db, db:
            db.execute("BEGIN IMMEDIATE")
            yield db


def forget(path: Path, company_id: str) -> int:
    """Overwrite all that the memory at ``path`` holds of a company; how many rows that was. Raises a
    :class:`JournalError`."""
    if not is_there(path, MEMORY):
        raise MemoryFileError(f"There is no memory {path}.")
    with _told(path), closing(_opened(path)) as db, db:
        db.execute("BEGIN IMMEDIATE")
        return db.execute("DELETE FROM seen WHERE company_id = ?", (company_id.strip().lower(),)).rowcount


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the disk and SQLite say, as the error of a memory."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise MemoryFileError(f"The memory {path} cannot be used: {error}. Name another file, or delete it.") from error


def _opened(path: Path) -> sqlite3.Connection:
    """The database; one that was deleted meanwhile is not made anew."""
    address = f"{path.absolute().as_uri()}?mode=rw"
    db = sqlite3.connect(address, uri=True, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA secure_delete=ON")
    except BaseException:
        db.close()
        raise
    return db


def _sightings(db: sqlite3.Connection, kinds: Collection[str], company_id: str | None = None) -> list[Sighting]:
    marks = ", ".join("?" * len(kinds))
    whose = "" if company_id is None else "company_id = ? AND "
    values = (*(() if company_id is None else (company_id.lower(),)), *kinds)
    order = "company_id, kind, connection_id, data_type, id"
    query = f"SELECT * FROM seen WHERE {whose}kind IN ({marks}) ORDER BY {order}"
    return [Sighting(*row) for row in db.execute(query, values)]


def _look(facts: CompanyFacts, rows: Sequence[Sighting]) -> Look | None:
    """The last look at the data of a company; ``None`` where there was none."""
    about = next((row for row in rows if row.kind == "look"), None)
    if about is None or not about.began:
        return None
    operations = [operation_of(row) for row in rows if row.kind == "operation"]
    operations.sort(key=lambda each: each.requested, reverse=True)
    told: dict[str, dict[str, Any]] = {}
    for row in rows:
        fields = told.setdefault(row.data_type, {})
        if row.kind == "latest":
            fields |= {"current_status": DatasetStatus(row.status or ""), "latest_sync_id": row.id or None}
        elif row.kind == "success":
            fields |= {"last_successful_sync": row.ended, "latest_successful_sync_id": row.id or None}
    statuses = {name: DataStatus(data_type=SchemaDataType(name), **fields) for name, fields in told.items() if fields}
    at, before = (datetime.fromisoformat(time) for time in (about.began, about.ended or about.began))
    whole = about.status == "whole"
    return Look(facts, at, operations, statuses, whole, mark=about.words or "", before=before)


def _keep(db: sqlite3.Connection, look: Look) -> None:
    """What was seen of one company."""
    company, time = look.facts.id.lower(), _text(look.at)
    told: dict[tuple[str, str, str], tuple[str, str | None, str | None, str | None]] = {}
    for each in look.facts.connections.values():
        told["connection", each.id, ""] = str(each.status), each.created, each.last_sync, each.platform_name
    told |= {("product", "", name): ("has", None, None, None) for name in look.facts.products}
    told |= {("setting", "", name): (words, None, None, None) for name, words in (look.settings or {}).items()}
    kinds = ("connection", "product") if look.settings is None else ("connection", "product", "setting")
    _keep_states(db, company, time, kinds, told)
    if look.operations is None:
        listed = "UPDATE seen SET ended = last, last = ? WHERE company_id = ? AND kind = 'look' AND last < ?"
        db.execute(listed, (time, company, time))
        return
    db.executemany(_OPERATION, [
        (company, "operation", o.connection_id, str(o.data_type), o.id, str(o.status), o.requested, o.completed,
         telling_words(o) if is_failed(o.status) else None, time, time)
        for o in look.operations if o.id
    ])  # fmt: skip
    oldest = min((each.requested for each in look.operations), default=time)
    outlived = "DELETE FROM seen WHERE company_id = ? AND last < ? AND NOT (kind = 'operation' AND began >= ?)"
    db.execute(outlived, (company, _text(look.at - LASTS), oldest))
    whole, mark = "whole" if look.whole else "part", mark_of(look.facts)
    if db.execute(_LOOK, (company, "look", "", "", "", whole, time, None, mark, time, time)).rowcount:
        db.execute("DELETE FROM seen WHERE company_id = ? AND kind IN ('latest', 'success')", (company,))
        db.executemany(_INSERT, [
            (company, kind, "", name, id or "", status, None, ended, None, time, time)
            for name, each in look.statuses.items()
            for kind, id, status, ended in (
                ("latest", each.latest_sync_id, each.current_status, None),
                ("success", each.latest_successful_sync_id, "Complete", each.last_successful_sync),
            ) if (status if kind == "latest" else ended)
        ])  # fmt: skip


def _keep_states(
    db: sqlite3.Connection, company: str, time: str, kinds: Sequence[str], told: Mapping[tuple[str, str, str], Any]
) -> None:
    """A state that is as it was last seen is seen longer; another one is a further row. What is not told is gone. A
    product that is new to a company ``began`` after that was last listed."""
    listed = next(
        iter(db.execute("SELECT last FROM seen WHERE company_id = ? AND kind = 'look'", (company,))), (None,)
    )[0]
    query = _NEWEST.format(", ".join(f"'{kind}'" for kind in kinds))
    newest = {row[:3]: row[3:] for row in db.execute(query, (company,))}
    for key in {**newest, **told}:
        status, began, ended, words = told.get(key, (GONE, None, None, None))
        id, before, last = newest.get(key, (None, None, ""))
        if last > time:
            continue  # seen later by another process
        if id is not None and status == before:
            values = began, ended, time, company, *key, id
            db.execute(
                "UPDATE seen SET began = coalesce(?, began), ended = ?, last = ? "
                "WHERE company_id = ? AND kind = ? AND connection_id = ? AND data_type = ? AND id = ?", values,
            )  # fmt: skip
        else:
            began = began or (listed if id is None and key[0] == "product" else None)
            db.execute(_INSERT.replace("INSERT", "INSERT OR REPLACE"), (
                company, *key, time, status, began, ended, words, time, time,
            ))  # fmt: skip


def operation_of(row: Sighting) -> PullOperation:
    """A remembered pull operation; of its message there are the telling words."""
    return PullOperation(
        id=row.id, company_id=row.company_id, connection_id=row.connection_id, data_type=SchemaDataType(row.data_type),
        status=DatasetStatus(row.status or ""), requested=row.began or "", completed=row.ended,
        error_message=row.words or None,
    )  # fmt: skip


def _text(moment: datetime) -> str:
    """A time of seeing: texts of one length, so that they sort as times do."""
    return moment.isoformat(timespec="microseconds")
