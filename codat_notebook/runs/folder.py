"""The runs of a session, and those that the journals of a folder tell of: when, what, how far, how they ended.

To look at a journal locks and writes nothing, so it holds up nobody: not even what a killed process left half written
is undone by a look. That of a run of this process is left alone, since to close it here would let go of SQLite's locks.
Names come from the folder, never from who asks: a name that it does not have leads nowhere.
"""

import sqlite3
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from codat_notebook import frames
from codat_notebook.models.shared import PullOperation
from codat_notebook.models.vocabulary import DatasetStatus
from codat_notebook.runs.rows import Row, ended, failures
from codat_notebook.runs.run import RefreshRun
from codat_notebook.runs.store import JournalError, NotAJournalError, is_there, opened
from codat_notebook.words import count

if TYPE_CHECKING:
    import pandas as pd

RUNNING, ELSEWHERE, LEFT, HELD = "running", "in another process", "interrupted", "stopped"
ENDED, FAILURES, UNREADABLE = "ended", "ended with failures", "cannot be read"
_COUNTED: Final = """
SELECT outcome, operation IS NOT NULL, json_extract(operation, '$.status'), json_extract(operation, '$.completed'),
COUNT(*) FROM operations GROUP BY 1, 2, 3, 4 IS NULL
"""
_COMPANIES: Final = "SELECT COUNT(*), MIN(company_id), MIN(began), TOTAL(done = 0) FROM companies"


@dataclass(frozen=True, slots=True)
class KeptRun:
    """What a journal tells of its run. ``unfinished``: of the run, or a plan that waits behind it; ``held``: somebody
    has stopped or paused it; ``problem``: why it cannot be read; ``user``: the process that works on it."""

    path: Path
    about: Mapping[str, str] = field(default_factory=dict)
    companies: int = 0
    company_id: str = ""
    began: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    unfinished: bool = False
    problem: str = ""
    user: str = ""

    @property
    def state(self) -> str:
        """How it stands."""
        if self.user or self.problem:
            return ELSEWHERE if self.user else UNREADABLE
        if self.unfinished:
            return HELD if self.about.get("held") else LEFT
        return FAILURES if failures(self.counts) else ENDED

    @property
    def note(self) -> str:
        """What is to be known besides."""
        left = sum(number for state, number in self.counts.items() if state in ("queueing", "unqueued"))
        more = {LEFT: "open it to continue", HELD: "somebody stopped it; open it to resume it"}
        texts = [f"{left:,} to be queued" if left and self.unfinished else "", more.get(self.state, "")]
        return self.problem or (f"worked on by {self.user}" if self.user else "; ".join(filter(None, texts)))


class _Mark(NamedTuple):
    """By which it is known that a file is as it was."""

    inode: int
    changed: int
    size: int


class RunFolder:
    """A folder of journals. To be used from one thread at a time."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._known: dict[str, tuple[_Mark, KeptRun | None]] = {}

    def new(self, now: datetime) -> Path:
        """Where the journal of a new run goes; the folder is made. Raises ``OSError``."""
        self.path.mkdir(parents=True, exist_ok=True)
        return self.path / f"{now:%Y-%m-%d-%H%M%S}-{uuid.uuid4().hex[:8]}.sqlite"

    def find(self, name: str) -> Path | None:
        """The file of the folder that has exactly this name."""
        return next((path for path in self._files() if path.name == name), None)

    def runs(self, ours: Collection[Path]) -> list[KeptRun]:
        """What the journals tell; those that are open in this process, ``ours``, are left out."""
        return [kept for path in self._files() if path.resolve() not in ours and (kept := self._kept(path)) is not None]

    def _files(self) -> list[Path]:
        try:
            return sorted(path for path in self.path.iterdir() if path.is_file())
        except OSError:
            return []

    def _kept(self, path: Path) -> KeptRun | None:
        """What a journal tells, read anew where it has changed or somebody works, or worked, on it."""
        try:
            told = path.stat()
        except OSError:
            return None
        mark = _Mark(told.st_ino, told.st_mtime_ns, told.st_size)
        before, kept = self._known.get(path.name, (None, None))
        if before != mark or (kept is not None and (kept.user or kept.unfinished)):
            kept = kept_run(path, kept)
            self._known[path.name] = mark, kept
        return kept


def kept_run(path: Path, before: KeptRun | None = None) -> KeptRun | None:
    """What a file tells; ``None`` if no run was begun in it. ``before``: what it told the last time, which holds good
    while it is being written."""
    try:
        if path.stat().st_size == 0 or not is_there(path):
            return None
        return _read(path, "mode=ro")
    except NotAJournalError:
        return None
    except (JournalError, OSError) as error:
        return KeptRun(path, problem=str(error))
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY):
            return KeptRun(path, problem=f"{error}: open it to see what is wrong")
    user = _user(path) if code == sqlite3.SQLITE_BUSY else ""  # else a process was killed while it wrote
    return replace(_beside(path) or before or KeptRun(path, unfinished=True), user=user)


def _beside(path: Path) -> KeptRun | None:
    """What the journal tells that another process has locked; ``None`` where that was writing meanwhile."""

    def quiet() -> int | None:
        undo = Path(f"{path}-journal")
        return None if undo.exists() and undo.stat().st_size else path.stat().st_mtime_ns

    try:
        before = quiet()
        kept = _read(path, "mode=ro&immutable=1")
        return kept if before is not None and before == quiet() else None
    except (sqlite3.Error, OSError):
        return None


def _read(path: Path, how: str) -> KeptRun | None:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=0)) as db:
        about = dict(db.execute("SELECT name, value FROM run"))
        if not about:
            return None
        companies, first, began, left = db.execute(_COMPANIES).fetchone()
        plans = db.execute("SELECT COUNT(*) FROM sqlite_schema WHERE name = 'plans'").fetchone()[0]
        waits = db.execute("SELECT COUNT(*) FROM plans").fetchone()[0] if plans else 0
        counts: Counter[str] = Counter()
        for outcome, queued, status, completed, number in db.execute(_COUNTED):
            operation = PullOperation(status=DatasetStatus(status or ""), completed=completed) if queued else None
            counts[Row("", operation=operation, outcome=outcome).state] += number
    start = datetime.fromtimestamp(began, UTC) if began is not None else None
    return KeptRun(path, about, companies, first if companies == 1 else "", start, counts, bool(left or waits))


def _user(path: Path) -> str:
    """Who works on a journal."""
    try:
        return Path(f"{path}.lock").read_text("utf-8", "replace")[:200].strip() or "another process"
    except OSError:
        return "another process"


def left_notes(journal: str | Path) -> Mapping[str, str]:
    """What the journal of a run says of it as a whole, its notes included; nothing where there is no journal yet.

    Raises :class:`JournalError` where it cannot be read."""
    if not (path := Path(journal)).exists():
        return {}
    with opened(path, "read") as store:
        about = store.about()
    store.close()
    return about


def runs_frame(runs: Iterable[RefreshRun], kept: Iterable[KeptRun], names: Mapping[str, str]) -> "pd.DataFrame":
    """The frame of runs: ``began``, ``what``, ``state``, how far (``share`` of 100; ``ended`` of ``operations``), and
    ``id``: a journal's file name, or a run's own. ``names``: by company id."""
    rows = [*map(_of_run, runs), *(_of_kept(each, names) for each in kept)]
    rows.sort(key=lambda row: (row["began"] or datetime.max.replace(tzinfo=UTC), row["id"]), reverse=True)
    return frames.build(frames.RUNS, {name: [row[name] for row in rows] for name in frames.RUNS})


def _of_run(run: RefreshRun) -> dict[str, object]:
    state = RUNNING if not run.done else HELD if run.unfinished else FAILURES if failures(run.counts) else ENDED
    id = run.journal.name if run.journal is not None else run.id
    return _row(run.began, run.company_name, state, run.counts, len(run.company_ids), run.note, id)


def _of_kept(kept: KeptRun, names: Mapping[str, str]) -> dict[str, object]:
    whose = names.get(kept.company_id, kept.company_id) or (count(kept.companies, "company") if kept.about else "")
    what = ": ".join(filter(None, (kept.about.get("name"), whose))) or kept.path.name
    return _row(kept.began, what, kept.state, kept.counts, kept.companies, kept.note, kept.path.name)


def _row(
    began: datetime | None, what: str, state: str, counts: Mapping[str, int], companies: int, note: str | None, id: str
) -> dict[str, object]:
    total, over = sum(counts.values()), ended(counts)
    return {
        "began": began, "what": what, "state": state, "share": int(100 * over / total) if total else None,
        "ended": over, "operations": total, "failed": failures(counts), "companies": companies, "note": note or None,
        "id": id,
    }  # fmt: skip
