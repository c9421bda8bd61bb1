"""The memory: what it keeps and what not, whose it is, and that several processes and a kill leave it whole."""

import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from codat_notebook.models.errors import CodatLendingError
from codat_notebook.models.secret import Secret
from codat_notebook.models.shared import Connection, DataStatus, PullOperation, Security
from codat_notebook.models.vocabulary import DatasetStatus, SchemaDataType
from codat_notebook.runs.context import CompanyFacts
from codat_notebook.runs.memory import Look, Memory, MemoryFileError, forget, mark_of
from codat_notebook.runs.store import JournalError, JournalVersionError, NotAJournalError
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY, SERVER = Secret.of("a-key-of-an-account"), "https://codat.test"
_SECRET = "Müller GmbH owes 4,711 to a.person@example.com"


def facts(status: str = "Linked", last_sync: str = "2026-11-22T10:00:00Z", *products: str) -> CompanyFacts:
    """A company with one connection."""
    connection = Connection(
        id="k1", platform_name="Xero", status=status, last_sync=last_sync, created="2026-01-01T00:00:00Z",
        link_url="https://link.codat.io/x?otp=987654", connection_info={"who": _SECRET},
    )  # fmt: skip
    return CompanyFacts("C1", _SECRET, {"k1": connection}, {}, {"tag": _SECRET}, products)


def operation(id: str, status: str, at: str, completed: str | None = None, message: str | None = None) -> PullOperation:
    """One of invoices."""
    return PullOperation(
        id=id, company_id="C1", connection_id="k1", data_type=SchemaDataType("invoices"), status=DatasetStatus(status),
        requested=at, completed=completed, error_message=message,
    )  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the memory is."""
    return tmp_path / "codat.sqlite"


@pytest.fixture
def memory(path: Path) -> Memory:
    """A memory of its own."""
    return Memory(path, SERVER, KEY)


def test_what_was_seen_is_recalled(memory: Memory) -> None:
    """Operations, newest first, data statuses, whether these are all, and when; of a failure the telling words."""
    operations = [
        operation("o2", "FetchError", "2026-11-22T09:00:00Z", "2026-11-22T09:01:00Z", f"{_SECRET}: invalid_grant"),
        operation("o1", "Complete", "2026-11-21T09:00:00Z", "2026-11-21T09:01:00Z"),
    ]
    bills = DataStatus(
        data_type=SchemaDataType("bills"), current_status=DatasetStatus("Complete"), last_successful_sync="2026-06-01",
        latest_sync_id="l", latest_successful_sync_id="s",
    )  # fmt: skip
    memory.saw([Look(facts(), NOON, operations, {"bills": bills}, whole=True)])
    [look] = memory.recall([facts()]).values()
    assert look.operations is not None
    assert [(o.id, o.status, o.requested, o.completed) for o in look.operations] == [
        (o.id, o.status, o.requested, o.completed) for o in operations
    ]
    assert [o.error_message for o in look.operations] == ["invalid_grant", None]
    assert (look.statuses, look.whole, look.at, look.mark) == ({"bills": bills}, True, NOON, mark_of(facts()))
    assert memory.recall([CompanyFacts("other", "", {}, {})]) == {}


def test_ids_types_statuses_and_times_are_kept_and_nothing_else(memory: Memory, path: Path) -> None:
    """No name, tag, message, link URL, connection info, key."""
    failed = operation("o2", "FetchError", "2026-11-22T09:00:00Z", None, f"{_SECRET}: invalid_grant")
    memory.saw([Look(facts("Linked", "2026-11-22", "lending"), NOON, [failed])])
    memory.handed_out([("c1", "k1")], "copied", NOON)
    data = path.read_bytes()
    for text in ("Müller", "4,711", "example.com", "otp", "link.codat.io", "a-key-of", "YS1rZXk"):
        assert text.encode() not in data
    assert b"invalid_grant" in data
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 or sys.platform == "win32"


def test_a_state_that_changes_is_a_further_row(memory: Memory) -> None:
    """What happened between two looks has two ends; a late answer of another process changes nothing."""
    hours = [NOON + timedelta(hours=n) for n in range(5)]
    for at, status in zip(hours, ("Linked", "Linked", "Deauthorized", "Deauthorized", "Linked"), strict=True):
        memory.saw([Look(facts(status, "2026-11-22", *(["lending"] if status == "Linked" else [])), at)])
    memory.saw([Look(facts("Unlinked"), hours[2])])
    rows = [(row.kind, row.status, row.first[11:13], row.last[11:13]) for row in memory.sightings(("connection",))]
    assert rows == [
        ("connection", "Linked", "12", "13"), ("connection", "Deauthorized", "14", "15"),
        ("connection", "Linked", "16", "16"),
    ]  # fmt: skip
    products = [(row.data_type, row.status) for row in memory.sightings(("product",), "C1")]
    assert products == [("lending", "has"), ("lending", "gone"), ("lending", "has")]
    assert memory.recall([facts()]) == {}  # its data was never asked for


def test_an_operation_that_has_ended_stays_so(memory: Memory) -> None:
    """It is seen running, then ended; what was read before and comes later does not undo it."""
    running = operation("o1", "Fetching", "2026-11-23T11:59:00Z")
    ended = operation("o1", "Complete", "2026-11-23T11:59:00Z", "2026-11-23T12:01:00Z")
    for minutes, seen in ((0, running), (2, ended), (1, running)):
        memory.saw([Look(facts(), NOON + timedelta(minutes=minutes), [seen])])
    [look] = memory.recall([facts()]).values()
    assert look.operations is not None
    assert [(o.status, o.completed) for o in look.operations] == [("Complete", ended.completed)]
    assert look.at == NOON + timedelta(minutes=2)


def test_a_company_is_forgotten(memory: Memory, path: Path) -> None:
    """Its rows are overwritten, whatever the case of its id; the others stay."""
    ids = [f"{n:08}-aaaa-bbbb-cccc-dddddddddddd" for n in range(40)]
    memory.saw([Look(facts(), NOON, [operation(id, "Complete", "2026-11-22T09:00:00Z") for id in ids])])
    other = CompanyFacts("c2", "", facts().connections, {})
    memory.saw([Look(other, NOON, [])])
    assert forget(path, "c1") > len(ids)
    assert {row.company_id for row in memory.sightings(("look", "operation", "connection"))} == {"c2"}
    assert not any(id.encode() in path.read_bytes() for id in ids)
    with pytest.raises(JournalError, match="no memory"):
        forget(path.with_name("none"), "c1")


def test_what_is_none_of_ours_is_left_as_it_is(tmp_path: Path, path: Path, memory: Memory) -> None:
    """A text, another database, a later version, another server."""
    text = tmp_path / "notes.txt"
    text.write_text("do not lose me")
    with pytest.raises(NotAJournalError, match="not a memory"):
        Memory(text, SERVER, KEY)
    assert text.read_text() == "do not lose me"
    with pytest.raises(MemoryFileError, match=r"belongs to https://codat\.test"):
        Memory(path, "https://other.test", KEY)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version=9")
    with pytest.raises(JournalVersionError, match="memory"):
        Memory(path, SERVER, KEY)
    with pytest.raises(JournalError, match="cannot be used"):
        Memory(tmp_path / "no folder" / "codat.sqlite", SERVER, KEY)


def test_a_deleted_memory_is_not_made_anew_in_silence(memory: Memory, path: Path) -> None:
    """Whoever deleted it meant to."""
    path.unlink()
    with pytest.raises(MemoryFileError, match="cannot be used"):
        memory.saw([Look(facts(), NOON)])
    assert not path.exists()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox whose key is that of the account."""
    with Sandbox(companies=3, key="the-key-of-this-account") as sandbox:
        yield sandbox


def session_on(sandbox: Sandbox, key: str | None = None) -> Session:
    """A session with a key."""
    return Session(Security(auth_header=key or sandbox.key), server_url=sandbox.url, is_sandbox=True)


def test_a_memory_of_another_account_is_refused(sandbox: Sandbox, path: Path) -> None:
    """The key has changed, and none of its companies answers."""
    foreign = Memory(path, sandbox.url, Secret.of("the-key-of-another-one"))
    unknown = CompanyFacts("00000000-0000-0000-0000-000000000000", "", {}, {})
    foreign.saw([Look(unknown, NOON, [])])
    with session_on(sandbox) as session:
        with pytest.raises(MemoryFileError, match="another account"):
            session.remember(path)
        assert session.context.memory is None
    assert not Memory(path, sandbox.url, Secret.of(sandbox.key)).known


def test_a_changed_key_is_known_by_a_company_that_answers(sandbox: Sandbox, path: Path) -> None:
    """From then on it is the memory's key; one that is wrong is told as such and changes nothing."""
    former = Memory(path, sandbox.url, Secret.of("the-former-key-of-it"))
    with session_on(sandbox) as session:
        id = str(session.companies(limit=1).id[0])
        former.saw([Look(CompanyFacts(id, "", {}, {}), NOON, [])])
        session.remember(path)
        assert len(session.requests) == 2
        session.remember(path)
        assert len(session.requests) == 2
    with session_on(sandbox, "a-wrong-key-of-anybody") as session, pytest.raises(CodatLendingError):
        session.remember(path)
    assert Memory(path, sandbox.url, Secret.of(sandbox.key)).known


def test_trouble_with_the_memory_stops_nothing(sandbox: Sandbox, path: Path) -> None:
    """It is told among the errors; the answer comes all the same."""
    with session_on(sandbox) as session:
        session.remember(path)
        id = str(session.companies(limit=1).id[0])
        path.write_bytes(b"SQLite format 3\0" + b"broken" * 500)
        assert len(session.status(id))
        assert session.errors.what.tolist() == ["What was seen could not be stored in the memory"]


def test_what_is_too_old_is_deleted(memory: Memory) -> None:
    """States, links and operations that were last seen 400 days ago, but for those that a look reads; and companies
    that are no longer there."""
    read = operation("o1", "Complete", "2026-11-21T09:00:00Z", "2026-11-21T09:01:00Z")
    former = operation("o0", "Complete", "2026-11-20T09:00:00Z", "2026-11-20T09:01:00Z")
    for id in ("c1", "c2"):
        memory.saw([Look(replace(facts("Deauthorized"), id=id), NOON, [read, former])])
    memory.handed_out([("c1", "k1")], "copied", NOON)
    kinds = ("connection", "link", "operation")
    for days, left, there in ((400, ["link", "o0", "o1"], True), (401, ["o1"], False)):
        now = NOON + timedelta(days=days)
        memory.saw([Look(replace(facts(), id="c1"), now, [read])])
        memory.prune(now)
        rows = memory.sightings(kinds, "c1")
        assert [row.id if row.kind == "operation" else "link" for row in rows if row.kind != "connection"] == left
        assert [row.status for row in rows if row.kind == "connection"] == ["Deauthorized", "Linked"][not there :]
        assert bool(memory.sightings(kinds, "c2")) == there


_WRITER = """
import sys
from datetime import timedelta
from tests.runs.test_memory import KEY, NOON, SERVER, Look, Memory, facts, operation
memory = Memory(sys.argv[1], SERVER, KEY)
print("open", flush=True)
for n in range(int(sys.argv[3])):
    at = NOON + timedelta(seconds=n)
    rows = [operation(f"{sys.argv[2]}-{n}-{m}", "Complete", "2026-11-22T09:00:00Z") for m in range(50)]
    memory.saw([Look(facts(), at, rows)])
    print(n, flush=True)
"""


def writer(path: Path, name: str, rounds: int) -> "subprocess.Popen[str]":
    """A process that writes to the memory, 50 operations at a time, and says so after each."""
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", _WRITER, str(path), name, str(rounds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root)


def test_two_processes_write_one_memory(path: Path) -> None:
    """Both make it, and both keep everything."""
    both = [writer(path, name, 15) for name in "ab"]
    assert [process.communicate(timeout=120)[0].count("\n") for process in both] == [16, 16]
    assert [process.returncode for process in both] == [0, 0]
    assert len(Memory(path, SERVER, KEY).sightings(("operation",))) == 2 * 15 * 50


def test_a_killed_process_leaves_it_whole(path: Path) -> None:
    """What it had said to have kept is there, all of a look or nothing, and the next one writes on."""
    process = writer(path, "a", 100_000)
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(8)]
    process.send_signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
    process.communicate(timeout=60)
    memory = Memory(path, SERVER, KEY)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    kept = len(memory.sightings(("operation",)))
    assert kept % 50 == 0
    assert kept >= (len(told) - 1) * 50
    memory.saw([Look(facts(), NOON + timedelta(days=9), [operation("next", "Complete", "2026-11-22T09:00:00Z")])])
    assert len(memory.sightings(("operation",))) == kept + 1
