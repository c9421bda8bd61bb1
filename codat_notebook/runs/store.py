"""The file of a journal: SQLite in its most careful form, opened only if it is ours.

Home folders are often network disks, so the rollback journal is used and not the write-ahead log (which needs shared
memory), and every commit is on the disk before it counts. What a file is stands in its first hundred bytes and is read
without opening it as a database: what is none of ours, or of another version, is never written to. No open database
goes through a fork, which SQLite does not survive: it is closed before, and opened again by the parent's next use.

A lock beside the file keeps two processes from writing it at the same time; it says who holds it. It is the operating
system's, so it ends with the process that holds it, however that ends. Each row has a checksum, because SQLite has none
and a disk may change a byte; a file that is deleted while it is open is written anew.
"""

import errno
import os
import socket
import sqlite3
import stat
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

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


class Format(NamedTuple):
    """What a file that this package keeps is: what people call it, its mark, and the versions that can be read."""

    noun: str
    application: int
    versions: tuple[int, ...]


VERSION: Final = 4
#: "CdNb".
JOURNAL: Final = Format("journal", 0x43644E62, (1, 2, 3, VERSION))
_HEADER: Final = b"SQLite format 3\x00"
#: A row of ``attempts`` is how an earlier attempt ended, and from when on the next may be queued.
TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS run (name TEXT PRIMARY KEY, value TEXT)",
    """CREATE TABLE IF NOT EXISTS companies (company_id TEXT PRIMARY KEY, wanted TEXT, all_done TEXT, all_key TEXT,
    all_at REAL, began REAL, done INTEGER NOT NULL DEFAULT 0, sum INTEGER)""",
    """CREATE TABLE IF NOT EXISTS operations (company_id TEXT, position INTEGER, data_type TEXT, connection_id TEXT,
    key TEXT, at REAL, outcome TEXT, origin TEXT, operation TEXT, error TEXT, seen TEXT, sum INTEGER,
    PRIMARY KEY (company_id, position)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS attempts (company_id TEXT, position INTEGER, data_type TEXT, connection_id TEXT,
    attempt INTEGER, next_at TEXT, outcome TEXT, origin TEXT, operation TEXT, error TEXT, seen TEXT, sum INTEGER,
    PRIMARY KEY (company_id, position, attempt)) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS skipped (company_id TEXT, data_type TEXT, connection_id TEXT, reason TEXT)",
)
#: Why a lock is not to be had: somebody has it. All else is trouble with the file system.
_HELD: Final = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)
_REMEDIES: Final = {
    errno.ENAMETOOLONG: "Choose a shorter name",
    errno.ENOSPC: "Make room on the disk",
    errno.EIO: "The disk, or the network folder, is not working properly: choose a folder on another disk",
}

#: What to do about a damaged journal.
DAMAGED: Final = (
    "It was left as it is. Put back a copy of it, if you have one; else see session.history() for what was queued, and "
    "begin a new run under another name."
)
#: What SQLite is to carry out, for each of its rows of values; ``None``: once.
Statement = tuple[str, Sequence[Sequence[Any]] | None]


class JournalError(Exception):
    """A file that this package keeps, a journal or a memory, cannot be used; the message says why and what to do."""


class JournalInUseError(JournalError):
    """Another kernel (or another run of this one) works on the journal."""


class JournalUnfinishedError(JournalError):
    """The journal holds a run that has not ended: ``session.resume(path)`` goes on with it."""


class NotAJournalError(JournalError):
    """The file is something else; it was not touched."""


class JournalVersionError(JournalError):
    """The journal was written by another version of codat_notebook; it was not touched."""


class JournalUnwritableError(JournalError):
    """The file cannot be made, locked or written: the folder is missing or read-only, the disk is full."""


class JournalDamagedError(JournalError):
    """Something in the journal is not as it was written; the message says what cannot be read."""


def checksum(values: Iterable[Any]) -> int:
    """What tells whether a row is as it was written."""
    return zlib.crc32("\x1f".join(map(str, values)).encode("utf-8", "surrogatepass"))


class Store:
    """The open file, locked against others, to be used from any thread. Raises a :class:`JournalError`.

    ``lock`` locks a file, or raises ``OSError``: the operating system's.
    """

    def __init__(self, path: Path, lock: Callable[[IO[str]], object] = _lock) -> None:
        self.path = path
        self._lock_it = lock
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
                is_there(self.path)  # so that nothing is put beside a file that is none of ours
            self._lock_file = _locked(self.path, self._lock_it)
            is_there(self.path)
            self._db = _connect(self.path)
            self._file = _identity(self.path)
            # It is new, or its making was cut short.
            if self._db.execute("PRAGMA application_id").fetchone()[0] != JOURNAL.application:
                marks = f"PRAGMA application_id={JOURNAL.application}; PRAGMA user_version={VERSION};"
                self._db.executescript(f"BEGIN IMMEDIATE; {'; '.join(TABLES)}; {marks} COMMIT;")
        except BaseException as error:
            self._rest()
            if self._lock_file is not None:
                self._lock_file.close()
            if _is_damage(error):
                raise JournalDamagedError(f"The journal {self.path} is damaged: {error}. {DAMAGED}") from error
            if not isinstance(error, (sqlite3.Error, OSError)):
                raise
            raise _unwritable(self.path, error) from error

    def _rest(self) -> None:
        """Close the database; the next use opens it again."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _after_fork(self) -> None:
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
        elif _identity(self.path) != self._file:
            self._put_back(self._db)
        return self._db

    def _put_back(self, db: sqlite3.Connection) -> None:
        """The file was deleted, or moved: write all that was in it anew. Raises ``sqlite3.Error`` where another one is
        in its place, or the folder is gone."""
        if self.path.exists():
            raise sqlite3.OperationalError("another file is in its place; move that away")
        if not self.path.parent.is_dir():
            raise sqlite3.OperationalError(f"its folder was deleted; make {self.path.parent} again")
        with closing(sqlite3.connect(self.path)) as copy:
            db.backup(copy)
        if _identity(Path(f"{self.path}.lock")) is None and self._lock_file is not None:
            try:
                lock_file = _locked(self.path, self._lock_it)
            except (OSError, JournalError) as error:
                raise sqlite3.OperationalError(f"it was deleted, and cannot be locked anew ({error})") from error
            self._lock_file.close()
            self._lock_file = lock_file
        db.close()
        self._db = _connect(self.path)
        self._file = _identity(self.path)

    def write(self, changes: Iterable[Statement]) -> None:
        """Carry out statements as one transaction: all of it is kept, or nothing.

        Raises ``sqlite3.Error`` as it comes; the file is then as it was.
        """
        with self._lock, self._in_use() as db:  # which commits, or rolls back
            db.execute("BEGIN IMMEDIATE")
            for statement, rows in changes:
                db.execute(statement) if rows is None else db.executemany(statement, rows)

    def read(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with self._lock:
            return self._in_use().execute(query, values).fetchall()

    def about(self) -> Mapping[str, str]:
        """What is kept of the run as a whole."""
        return dict(self.read("SELECT name, value FROM run"))

    def check(self) -> None:
        """Raise :class:`JournalDamagedError` if the database is not whole."""
        if (found := self.read("PRAGMA integrity_check(3)")) != [("ok",)]:
            told = " ".join("; ".join(str(line) for (line,) in found).split())
            raise JournalDamagedError(f"The journal {self.path} is damaged: {told}. {DAMAGED}")

    def bring_up_to_date(self) -> None:
        """Give a journal of an earlier version the tables and columns of this one; its rows have no checksums."""
        if (version := self.read("PRAGMA user_version")[0][0]) != VERSION:
            old = ("companies", "operations", *["attempts"][: version == 3])
            columns: list[Statement] = [(f"ALTER TABLE {table} ADD COLUMN sum INTEGER", None) for table in old]
            self.write([*columns, *[(each, None) for each in TABLES], (f"PRAGMA user_version={VERSION}", None)])

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
    if done != "written" and not is_there(path):
        raise JournalError(f"There is no journal {path}.")
    store = Store(path)
    try:
        yield store
    except BaseException as error:
        store.close()
        if _is_damage(error):
            raise JournalDamagedError(f"The journal {path} is damaged: {error}. {DAMAGED}") from error
        if not isinstance(error, sqlite3.Error):
            raise
        kind = JournalUnwritableError if done == "written" else JournalError
        raise kind(f"The journal {path} cannot be {done}: {error}. {then}".rstrip()) from error


def _connect(address: Path | str, *, uri: bool = False) -> sqlite3.Connection:
    db = sqlite3.connect(address, isolation_level=None, check_same_thread=False, timeout=1, uri=uri)
    try:
        for pragma in ("journal_mode=TRUNCATE", "synchronous=FULL", "locking_mode=EXCLUSIVE"):
            db.execute(f"PRAGMA {pragma}")
    except BaseException:  # a UnicodeError too: what SQLite says of a damaged file may be no text
        db.close()
        raise
    return db


def _is_damage(error: BaseException) -> bool:
    """Whether SQLite, or Python's reading of what SQLite says, stumbled over the content of the file."""
    return type(error) is sqlite3.DatabaseError or isinstance(error, UnicodeError)


def _unwritable(path: Path, error: Exception, noun: str = JOURNAL.noun) -> JournalUnwritableError:
    code = error.errno if isinstance(error, OSError) else None
    what = _REMEDIES.get(code or 0, "Choose a folder that exists and that you may write to")
    told = (error.strerror if isinstance(error, OSError) else None) or error
    return JournalUnwritableError(f"The {noun} {path} cannot be written: {told}. {what}.")


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file it is, whatever its name; ``None`` if there is none."""
    try:
        told = path.stat()
    except OSError:
        return None
    return told.st_dev, told.st_ino


def is_there(path: Path, form: Format = JOURNAL) -> bool:
    """Whether the file is there; it is read only. Raises a :class:`JournalError` if it is not of that format and a
    version that is known, or no such file can be."""
    try:
        for beside in ("-journal", ".lock"):
            with suppress(FileNotFoundError):
                os.stat(f"{path}{beside}")  # a name that is too long for these, too, is told before it is used
        if not stat.S_ISREG(os.stat(path).st_mode) and not path.is_dir():  # a pipe would be waited for
            raise NotAJournalError(f"{path} cannot hold a {form.noun}. Choose another name.")
        with open(path, "rb") as file:
            head = file.read(100)
    except FileNotFoundError:
        return False
    except ValueError as error:  # a NUL inside, or what the file system cannot encode
        raise JournalUnwritableError(
            f"The {form.noun} {str(path)!r} has no valid file name. Choose another name."
        ) from error
    except OSError as error:
        raise _unwritable(path, error, form.noun) from error
    if head and (not head.startswith(_HEADER) or int.from_bytes(head[68:72], "big") != form.application):
        told = f"{path} is not a {form.noun} of codat_notebook; it was left as it is. Choose another name."
        raise NotAJournalError(told)
    if head and (version := int.from_bytes(head[60:64], "big")) not in form.versions:
        raise JournalVersionError(
            f"The {form.noun} {path} has version {version}; this codat_notebook reads versions "
            f"{', '.join(map(str, form.versions))}. It was left as it is: finish it with the version that began it, "
            "or begin another one."
        )
    return True


def _locked(path: Path, lock: Callable[[IO[str]], object]) -> IO[str]:
    """The file ``path`` + ``.lock``, locked until it is closed. It stays: removing it would let two hold the lock.

    Raises :class:`JournalInUseError` where somebody else has it, and only then; :class:`JournalUnwritableError` where
    the file system has no locks; ``OSError`` where it cannot be made.
    """
    file = open(f"{path}.lock", "a+", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed by close()
    try:
        lock(file)
    except OSError as error:
        file.seek(0)
        who = file.read(200).strip() or "another process"
        file.close()
        if error.errno in _HELD:
            raise JournalInUseError(
                f"The journal {path} is in use by {who}. Wait for that run, or end it, before you continue it here."
            ) from error
        raise JournalUnwritableError(
            f"The journal {path} cannot be locked: {error.strerror or error}. Without a lock two processes could queue "
            "the same; network folders often cannot lock. Choose a folder on a disk of this machine."
        ) from error
    file.seek(0)
    file.truncate()
    file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
    file.flush()
    return file
