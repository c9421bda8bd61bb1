"""The file of a journal: SQLite in its most careful form, opened only if it is ours.

Home folders are often network disks, so the rollback journal is used and not the write-ahead log (which needs shared
memory), and every commit is on the disk before it counts. What a file is stands in its first hundred bytes and is read
without opening it as a database: what is none of ours, or of another version, is never written to. No open database
goes through a fork, which SQLite does not survive: it is closed before, and opened again by the parent's next use.

A lock beside the file keeps two processes from writing it at the same time; it says who holds it. It is the operating
system's, so it ends with the process that holds it, however that ends.
"""

import os
import socket
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from codat_notebook import forking

if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30  # beyond the text, which others read meanwhile

    def _lock(file: IO[str]) -> None:
        file.seek(_FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


#: "CdNb": marks a database as a journal of this package; and the version of its tables.
APPLICATION: Final = 0x43644E62
VERSION: Final = 1
#: That of a journal whose run refreshes a product, and of one whose run has tried something again: an earlier
#: codat_notebook would take these for something else.
WITH_PRODUCT: Final = 2
WITH_ATTEMPTS: Final = 3
_VERSIONS: Final = (VERSION, WITH_PRODUCT, WITH_ATTEMPTS)
_HEADER: Final = b"SQLite format 3\x00"
_TABLES: Final = """
CREATE TABLE run (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE companies (company_id TEXT PRIMARY KEY, wanted TEXT, all_done TEXT, all_key TEXT, all_at REAL, began REAL,
                        done INTEGER NOT NULL DEFAULT 0);
CREATE TABLE operations (company_id TEXT, position INTEGER, data_type TEXT, connection_id TEXT, key TEXT, at REAL,
                         outcome TEXT, origin TEXT, operation TEXT, error TEXT, seen TEXT,
                         PRIMARY KEY (company_id, position)) WITHOUT ROWID;
CREATE TABLE skipped (company_id TEXT, data_type TEXT, connection_id TEXT, reason TEXT);
"""
#: Made when something is tried again. A row is how an earlier attempt ended, and from when on the next may be queued.
ATTEMPTS: Final = """
CREATE TABLE IF NOT EXISTS attempts (company_id TEXT, position INTEGER, data_type TEXT, connection_id TEXT,
                                     attempt INTEGER, next_at TEXT, outcome TEXT, origin TEXT, operation TEXT,
                                     error TEXT, seen TEXT, PRIMARY KEY (company_id, position, attempt)) WITHOUT ROWID
"""


#: What SQLite is to carry out, for each of its rows of values; ``None``: once.
Statement = tuple[str, Sequence[Sequence[Any]] | None]


class JournalError(Exception):
    """A journal that cannot be used; the message says why and what to do."""


class JournalInUseError(JournalError):
    """Another kernel (or another run of this one) works on the journal."""


class JournalUnfinishedError(JournalError):
    """The journal holds a run that has not ended: ``session.resume(path)`` goes on with it."""


class NotAJournalError(JournalError):
    """The file is something else; it was not touched."""


class JournalVersionError(JournalError):
    """The journal was written by another version of codat_notebook; it was not touched."""


class JournalUnwritableError(JournalError):
    """The file cannot be made or written: the folder is missing or read-only, the disk is full."""


class Store:
    """The open file, locked against others, to be used from any thread. Raises a :class:`JournalError`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._address = f"{path.absolute().as_uri()}?mode=rw"
        self._db: sqlite3.Connection | None = None
        self._lock_file: IO[str] | None = None
        self._inherited = self._closed = False
        self._lock = forking.Lock(self._rest)
        forking.remember(self)
        with self._lock:
            self._take()

    def _take(self) -> None:
        try:
            if not Path(f"{self.path}.lock").exists():
                _check(self.path)  # so that nothing is put beside a file that is none of ours
            self._lock_file = _locked(self.path)
            _check(self.path)
            self._db = _connect(self.path)
            # It is new, or its making was cut short.
            if self._db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
                marks = f"PRAGMA application_id={APPLICATION}; PRAGMA user_version={VERSION};"
                self._db.executescript(f"BEGIN IMMEDIATE; {_TABLES} {marks} COMMIT;")
        except BaseException as error:
            self._rest()
            if self._lock_file is not None:
                self._lock_file.close()
            if not isinstance(error, (sqlite3.Error, OSError)):
                raise
            damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
            what = "Choose another name" if damaged else "Choose a folder that exists and that you may write to"
            raise JournalUnwritableError(f"The journal {self.path} cannot be written: {error}. {what}.") from error

    def _rest(self) -> None:
        """Close the database; the next use opens it again."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def after_fork(self) -> None:
        """In a forked child: the lock is the parent's, and would last until the last copy of its file goes. A database
        that could not be closed before, because something was just written, is not touched."""
        if self._lock_file is not None and not self._lock_file.closed:
            forking.let_go([self._lock_file])
        forking.keep(self._db)
        self._db = None
        self._inherited = True

    def _in_use(self) -> sqlite3.Connection:
        if self._inherited:
            whose = "belongs to the process that this one was forked from"
            raise forking.InheritedError(f"The journal {self.path} {whose}.")
        if self._closed:
            raise sqlite3.ProgrammingError("the journal is closed")
        if self._db is None:
            self._db = _connect(self._address, uri=True)
        return self._db

    def write(self, changes: Iterable[Statement], version: int | None = None) -> None:
        """Carry out statements as one transaction: all of it is kept, or nothing.

        ``version``: that of the journal from now on. Raises ``sqlite3.Error`` as it comes; the file is then as it was.
        """
        with self._lock, self._in_use() as db:  # which commits, or rolls back
            db.execute("BEGIN IMMEDIATE")
            for statement, rows in changes:
                db.execute(statement) if rows is None else db.executemany(statement, rows)
            if version is not None:
                db.execute(f"PRAGMA user_version={version:d}")

    def read(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with self._lock:
            return self._in_use().execute(query, values).fetchall()

    def about(self) -> Mapping[str, str]:
        """What is kept of the run as a whole."""
        return dict(self.read("SELECT name, value FROM run"))

    @property
    def version(self) -> int:
        """The version of the journal."""
        return int(self.read("PRAGMA user_version")[0][0])

    def close(self) -> None:
        """Close the file and let others have it. Safe to call twice."""
        with self._lock:
            self._rest()
            self._closed = True
        if self._lock_file is not None:
            self._lock_file.close()  # the lock goes with it


@contextmanager
def opened(path: Path, done: str, then: str = "") -> Iterator[Store]:
    """The file, closed again where something goes wrong. It is to be ``written``; to be ``read`` or ``continued`` it
    must be there.

    Raises a :class:`JournalError`, also for what SQLite says; its message ends with ``then``.
    """
    if done != "written" and not path.exists():
        raise JournalError(f"There is no journal {path}.")
    store = Store(path)
    try:
        yield store
    except BaseException as error:
        store.close()
        if not isinstance(error, sqlite3.Error):
            raise
        kind = JournalUnwritableError if done == "written" else JournalError
        raise kind(f"The journal {path} cannot be {done}: {error}. {then}".rstrip()) from error


def _connect(address: Path | str, *, uri: bool = False) -> sqlite3.Connection:
    db = sqlite3.connect(address, isolation_level=None, check_same_thread=False, timeout=1, uri=uri)
    try:
        for pragma in ("journal_mode=TRUNCATE", "synchronous=FULL", "locking_mode=EXCLUSIVE"):
            db.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        db.close()
        raise
    return db


def _check(path: Path) -> None:
    """Raise if the file is there and is not a journal of this version; reads only."""
    try:
        with open(path, "rb") as file:
            head = file.read(100)
    except FileNotFoundError:
        return
    if not head:
        return
    if not head.startswith(_HEADER) or int.from_bytes(head[68:72], "big") != APPLICATION:
        raise NotAJournalError(f"{path} is not a journal of codat_notebook; it was left as it is. Choose another name.")
    if (version := int.from_bytes(head[60:64], "big")) not in _VERSIONS:
        raise JournalVersionError(
            f"The journal {path} is of version {version}, this codat_notebook reads the versions "
            f"{', '.join(map(str, _VERSIONS))}. It was left as it is: finish it with the version that began it, "
            "or begin another one."
        )


def _locked(path: Path) -> IO[str]:
    """The file ``path`` + ``.lock``, locked until it is closed. It stays: removing it would let two hold the lock.

    Raises :class:`JournalInUseError` where somebody else has it, or ``OSError`` where it cannot be made.
    """
    file = open(f"{path}.lock", "a+", encoding="utf-8")  # noqa: SIM115 - it is held, and closed by close()
    try:
        _lock(file)
    except OSError as error:
        file.seek(0)
        who = file.read(200).strip() or "another process"
        file.close()
        raise JournalInUseError(
            f"The journal {path} is in use by {who}. Wait for that run, or end it, before you continue it here."
        ) from error
    file.seek(0)
    file.truncate()
    file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
    file.flush()
    return file
