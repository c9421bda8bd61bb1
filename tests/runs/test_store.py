"""The journal's file: whose it is, who may open it, and that nothing else is ever harmed."""

import errno
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from codat_notebook.models.shared import Security
from codat_notebook.runs.journal import Start
from codat_notebook.runs.store import (
    JournalError,
    JournalInUseError,
    JournalUnwritableError,
    JournalVersionError,
    NotAJournalError,
    Store,
    opened,
)
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session

from .conftest import DEADLINE
from .virtual import Stage, staged

HOLD = """
import sys
from pathlib import Path
from codat_notebook.runs.store import Store
store = Store(Path(sys.argv[1]))
store.write([("INSERT INTO run VALUES (?, ?)", [("server", "x")])])
print("held", flush=True)
sys.stdin.read()
"""


def make(path: Path) -> None:
    """A journal with a word in it."""
    store = Store(path)
    store.write([("INSERT INTO run VALUES (?, ?)", [("server", "x")])])
    store.close()


def test_what_was_written_is_there_again(tmp_path: Path) -> None:
    """A new file is a journal, and an old one is opened as it was left, with the careful settings."""
    make(tmp_path / "j")
    store = Store(tmp_path / "j")
    assert store.about() == {"server": "x"}
    assert [store.read(f"PRAGMA {name}")[0][0] for name in ("journal_mode", "synchronous")] == ["truncate", 2]
    store.close()


def test_a_transaction_is_kept_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    """The second statement fails: the first one is undone, and the store works on."""
    store = Store(tmp_path / "j")
    with pytest.raises(sqlite3.Error):
        store.write([("INSERT INTO run VALUES (?, ?)", [("a", "b")]), ("INSERT INTO nowhere VALUES (1)", [()])])
    assert store.about() == {}
    store.write([("INSERT INTO run VALUES (?, ?)", [("a", "b")])])
    assert store.about() == {"a": "b"}
    store.close()


@pytest.mark.parametrize("content", [b"company_id,data_type\n" * 20, b"x", b"SQLite format 3\x00" + bytes(84)])
def test_a_file_that_is_no_journal_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    """Not a byte of it changes, and nothing is put beside it."""
    path = tmp_path / "plan.csv"
    path.write_bytes(content)
    with pytest.raises(NotAJournalError, match="left as it is"):
        Store(path)
    assert path.read_bytes() == content
    assert [each.name for each in tmp_path.iterdir()] == ["plan.csv"]


def test_somebody_elses_database_is_left_as_it_is(tmp_path: Path) -> None:
    """SQLite alone does not make it ours."""
    db = sqlite3.connect(tmp_path / "other")
    db.execute("CREATE TABLE run (name TEXT)")
    db.close()
    content = (tmp_path / "other").read_bytes()
    with pytest.raises(NotAJournalError):
        Store(tmp_path / "other")
    assert (tmp_path / "other").read_bytes() == content


def test_a_journal_of_another_version_is_refused_and_not_damaged(tmp_path: Path) -> None:
    """The message names both versions."""
    make(tmp_path / "j")
    db = sqlite3.connect(tmp_path / "j")
    db.execute("PRAGMA user_version = 7")
    db.close()
    content = (tmp_path / "j").read_bytes()
    with pytest.raises(JournalVersionError, match=r"version 7.*versions 1, 2, 3, 4"):
        Store(tmp_path / "j")
    assert (tmp_path / "j").read_bytes() == content


def test_two_cannot_have_it_at_the_same_time(tmp_path: Path) -> None:
    """Neither within a process nor from another one; the message says who has it, and its death frees it."""
    make(tmp_path / "j")
    store = Store(tmp_path / "j")
    with pytest.raises(JournalInUseError, match="process"):
        Store(tmp_path / "j")
    store.close()
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "k")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with pytest.raises(JournalInUseError, match=f"process {other.pid} on"):
        Store(tmp_path / "k")
    other.kill()
    other.communicate()
    store = Store(tmp_path / "k")
    assert store.about() == {"server": "x"}
    store.close()


@pytest.mark.parametrize("where", ["missing/j", "file/j", "."])
def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, where: str) -> None:
    """A folder that is missing, a file in place of a folder, a folder in place of the file."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(JournalUnwritableError, match="cannot be written"):
        Store(tmp_path / where)


def test_an_empty_file_is_a_new_journal(tmp_path: Path) -> None:
    """As a temporary file is, or one whose making was cut short."""
    (tmp_path / "j").touch()
    store = Store(tmp_path / "j")
    assert store.read("PRAGMA application_id") != [(0,)]
    store.close()


def test_a_session_writes_resumes_and_tells(tmp_path: Path) -> None:
    """Over HTTP: a run with a journal, in use meanwhile, resumed afterwards; what fails stands in the errors."""
    with (
        Sandbox(speed=600, key="a-key-not-to-be-written-down") as sandbox,
        Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session,
    ):
        journal = tmp_path / "refresh.sqlite"
        company_id = str(session.companies(search="Toft").id[0])
        sandbox.clock.pause()
        run = session.refresh({company_id: ["invoices", "customers"]}, journal=journal)
        with pytest.raises(JournalInUseError, match=r"refresh\.sqlite is in use by"):
            session.resume(journal)
        assert session.errors.what.tolist() == ["The journal cannot be used"]
        sandbox.clock.resume()
        assert run.wait(DEADLINE).phase == "done"
        assert session.resume(journal).wait(DEADLINE).counts == run.counts
        everything = session.refresh_all(company_id, journal=tmp_path / "all.sqlite").wait(DEADLINE)
        assert session.resume(tmp_path / "all.sqlite").wait(DEADLINE).counts == everything.counts
        with pytest.raises(JournalError, match="There is no journal"):
            session.resume(tmp_path / "nothing.sqlite")
        with pytest.raises(JournalUnwritableError):
            session.refresh(company_id, "bills", journal=tmp_path / "nowhere" / "j")
        assert sandbox.key.encode() not in journal.read_bytes()


def test_a_damaged_journal_is_told_as_such(tmp_path: Path) -> None:
    """Its head is ours and the rest is not: one kind of error, which names the file."""
    with staged(20) as stage:
        stage.run({stage.ids[0]: ["items"]}, tmp_path / "j").wait(DEADLINE)
        whole = (tmp_path / "j").read_bytes()
        (tmp_path / "j").write_bytes(whole[:4096] + bytes(len(whole) - 4096))
        with pytest.raises(JournalError, match=r"j is damaged: .* begin a new run"):
            stage.resume(tmp_path / "j")
        (tmp_path / "j").write_bytes(whole[:4096])
        with pytest.raises(JournalError, match=r"j.*(malformed|damaged)"):
            stage.resume(tmp_path / "j")


@pytest.mark.parametrize("name", ["ENOLCK", "ENOSYS", "EOPNOTSUPP", "EIO"])
def test_a_file_system_without_locks_is_told_as_such(tmp_path: Path, name: str) -> None:
    """Nobody has the journal, so nobody is waited for; the reason is the system's."""
    code = getattr(errno, name)

    def no_lock(file: object) -> None:
        raise OSError(code, os.strerror(code))

    with pytest.raises(JournalUnwritableError, match=rf"{os.strerror(code)}.*a disk of this machine") as told:
        Store(tmp_path / "j", no_lock)
    assert "in use" not in str(told.value)


@pytest.mark.parametrize(
    ("name", "kind", "remedy"),
    [
        ("n" * 300, JournalUnwritableError, "Choose a shorter name"),
        ("n" * 250, JournalUnwritableError, "Choose a shorter name"),  # with what SQLite and we put beside it
        ("a\0b", JournalUnwritableError, "Choose another name"),
        ("pipe", NotAJournalError, "Choose another name"),
    ],
)
def test_a_name_that_no_journal_can_have_is_told(
    tmp_path: Path, name: str, kind: type[JournalError], remedy: str
) -> None:
    """Both where one is begun and where one is continued; a pipe is not waited for."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(kind, match=remedy):
        Store(tmp_path / name)
    with pytest.raises(kind, match=remedy), opened(tmp_path / name, "read"):
        pass


def test_a_file_that_is_deleted_while_it_is_open_is_written_anew(tmp_path: Path) -> None:
    """Nothing of it is lost; its folder has to be there, and what somebody put in its place stays."""
    folder = tmp_path / "folder"
    folder.mkdir()
    make(folder / "j")
    store = Store(folder / "j")
    more = [("INSERT INTO run VALUES (?, ?)", [("a", "b")])]
    shutil.rmtree(folder)
    with pytest.raises(sqlite3.OperationalError, match=r"make .*folder again"):
        store.write(more)
    folder.mkdir()
    (folder / "j").write_text("else")
    with pytest.raises(sqlite3.OperationalError, match="another file is in its place"):
        store.write(more)
    (folder / "j").unlink()
    store.write(more)
    with pytest.raises(JournalInUseError):
        Store(folder / "j")
    store.close()
    again = Store(folder / "j")
    assert again.about() == {"server": "x", "a": "b"}
    again.close()


def _told(stage: Stage, path: Path) -> list[object]:
    """What a journal says of its run: everything that is in no doubt. Raises a :class:`JournalError`."""
    start = Start.resumed(stage.context, path)
    assert start.store is not None
    start.store.close()
    rows = [(each.rows, each.phase, each.wanted, each.intents, each.timed) for each in start.companies]
    return [*rows, start.skipped, start.product, start.reserve, start.patience]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.full) for seed in range(1, 10))])
def test_a_changed_byte_or_a_cut_is_told_or_harmless(tmp_path: Path, seed: int) -> None:
    """Bytes of a journal, and ten cuts: what is resumed is what was written, or the error names the file.
    Nothing else is raised, and no row is lost without a word."""
    draw, path, told = random.Random(seed), tmp_path / "j", list[str]()
    with staged(20) as stage:
        stage.run({stage.ids[0]: ["items", "bills"], stage.ids[1]: ["items"]}, path).wait(DEADLINE)
        whole, written = path.read_bytes(), _told(stage, path)
        for number in [*range(100 if seed else 20), *range(100, 110)]:
            place = draw.randrange(len(whole))
            spoilt = bytes([whole[place] ^ draw.randrange(1, 256)])
            path.write_bytes(whole[:place] + (spoilt + whole[place + 1 :] if number < 100 else b""))
            try:
                assert _told(stage, path) == written, (seed, number, place)
            except JournalError as error:
                told.append(str(error))
        assert len(told) > 5
        assert all(str(path) in error for error in told)
