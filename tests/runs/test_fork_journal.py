"""Journals after a fork: the parent's alone while it lives, anybody's when it is dead, whole in any case."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from codat_notebook.forking import InheritedError
from codat_notebook.models.shared import Security
from codat_notebook.runs.store import JournalInUseError, Store
from codat_notebook.session import Session
from tests.forked import in_child, needs_fork

from .away import KEY, Away, sandbox_away
from .conftest import DEADLINE

pytestmark = needs_fork


@pytest.fixture
def away() -> Iterator[Away]:
    """A sandbox in a process of its own, half a minute a second."""
    with sandbox_away(companies=100, speed=30) as away:
        away.control("POST", "outcomes", {"status": "Complete", "n": 1_000_000, "seconds": 5})
        yield away


def write(store: Store, text: str) -> None:
    """Write one line about the run."""
    store.write([("INSERT OR REPLACE INTO run VALUES (?, ?)", [(text, text)])])


def test_no_database_goes_through_a_fork(tmp_path: Path) -> None:
    """The parent goes on writing; the child has nothing open of the journal, and may not use it."""
    store = Store(tmp_path / "j")
    write(store, "before")

    def child() -> tuple[list[str], str]:
        with pytest.raises(InheritedError, match="belongs to the process") as caught:
            write(store, "child")
        store.close()
        return opened(tmp_path), str(caught.value)

    assert in_child(child)[0] == []
    with pytest.raises(JournalInUseError):
        Store(tmp_path / "j")
    write(store, "after")
    assert dict(store.about()) == {"before": "before", "after": "after"}
    store.close()
    assert in_child(lambda: _refused_when_closed(store)) is None


def _refused_when_closed(store: Store) -> None:
    with pytest.raises(InheritedError):
        store.about()


def opened(folder: Path) -> list[str]:
    """The files of a folder that this process has open."""
    numbers = (Path("/proc/self/fd") if Path("/proc/self/fd").exists() else Path("/dev/fd")).iterdir()
    files = (os.path.realpath(number) for number in numbers)
    return sorted(file for file in files if file.startswith(str(folder)))


_ENDS = """
import os, sys, threading, warnings
from pathlib import Path
from codat_notebook.runs.store import Store
warnings.simplefilter("ignore")
store, begun, go_on = Store(Path(sys.argv[1])), threading.Event(), threading.Event()

def changes():
    yield "INSERT INTO run VALUES (?, ?)", [(f"{i}", 500 * "much") for i in range(3000)]
    begun.set()
    go_on.wait(60)
    yield "INSERT INTO run VALUES (?, ?)", [("last", "")]

writing = threading.Thread(target=lambda: store.write(changes()))
writing.start()
begun.wait(60)
if os.fork() == 0:
    del store
    sys.exit(0)
assert os.wait()[1] == 0
go_on.set()
writing.join(60)
print(len(store.about()), store.read("PRAGMA integrity_check"))
store.close()
"""


def test_a_child_that_ends_as_interpreters_do_leaves_a_write_to_the_parent(tmp_path: Path) -> None:
    """To close the database there would roll back what the parent is writing."""
    arguments = [sys.executable, "-c", _ENDS, str(tmp_path / "j")]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=DEADLINE)
    assert (done.stdout, done.stderr) == ("3001 [('ok',)]\n", "")


def test_a_write_that_is_under_way_is_whole_on_both_sides(tmp_path: Path) -> None:
    """The fork comes in the middle of a transaction, which is the parent's alone."""
    store = Store(tmp_path / "j")
    begun, go_on = threading.Event(), threading.Event()

    def changes() -> Iterator[tuple[str, list[tuple[str, str]]]]:
        yield "INSERT INTO run VALUES (?, ?)", [("first", "half")]
        begun.set()
        go_on.wait(DEADLINE)
        yield "INSERT INTO run VALUES (?, ?)", [("second", "half")]

    writing = threading.Thread(target=lambda: store.write(changes()))
    writing.start()
    assert begun.wait(DEADLINE)

    def child() -> None:
        with pytest.raises(InheritedError):
            store.about()

    in_child(child)
    go_on.set()
    writing.join(DEADLINE)
    write(store, "later")
    assert set(store.about()) == {"first", "second", "later"}
    store.close()
    again = Store(tmp_path / "j")
    assert set(again.about()) == {"first", "second", "later"}
    again.close()


_PARENT_DIES = """
import os, signal, sys, warnings
from pathlib import Path
from codat_notebook.runs.store import Store
warnings.simplefilter("ignore")
store = Store(Path(sys.argv[1]))
store.write([("INSERT INTO run VALUES (?, ?)", [("parent", "was here")])])
if os.fork() == 0:
    print("ready", flush=True)
    sys.stdin.readline()   # until the parent is dead
    child = Store(Path(sys.argv[1]))
    found = sorted(child.about())
    child.close()
    print(found, flush=True)
    sys.stdin.readline()   # stays, while others use the journal
    os._exit(0)
signal.pause()
"""


def test_a_journal_is_free_when_the_parent_is_dead(tmp_path: Path) -> None:
    """A child that lives on keeps no lock of it: the child itself can open it, and so can others."""
    arguments = [sys.executable, "-c", _PARENT_DIES, str(tmp_path / "j")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.kill()
        process.wait(DEADLINE)
        other = Store(tmp_path / "j")
        assert set(other.about()) == {"parent"}
        other.close()
        process.stdin.write("the parent is dead\n")
        process.stdin.flush()
        assert process.stdout.readline() == "['parent']\n"
        Store(tmp_path / "j").close()
        process.stdin.close()
        assert process.stdout.read() == ""


_FORKS = """
import json, os, sys, threading, warnings
from codat_notebook.models.shared import Security
from codat_notebook.session import Session
warnings.simplefilter("ignore")
url, key, journal, fatal = sys.argv[1:]
ids = json.loads(sys.stdin.readline())
session = Session(Security(auth_header=key), server_url=url, is_sandbox=True, per_minute=None)
run = session.refresh({id: ["invoices", "bills"] for id in ids}, journal=journal)
children = []
while not run.done:
    pid = os.fork()
    if pid == 0:
        if len(children) % 2:
            sys.exit(0)  # with all that an interpreter does when it ends
        os._exit(0)
    children.append(os.waitpid(pid, 0)[1])
    if len(children) == int(fatal):
        os.kill(os.getpid(), 9)
print(json.dumps([run.phase, run.counts, max(children), len(children)]), flush=True)
session.close()
"""


@pytest.mark.parametrize("fatal", [0, 5])
def test_a_run_with_a_journal_forks_all_the_time(away: Away, tmp_path: Path, fatal: int) -> None:
    """Children that come and go harm neither the run nor its journal; killed after a few, it is resumed as ever."""
    ids, data_types = away.companies(7), ("invoices", "bills")
    journal = tmp_path / f"{fatal}.sqlite"
    done = subprocess.run(
        [sys.executable, "-c", _FORKS, away.url, KEY, str(journal), str(fatal)],
        input=json.dumps(ids) + "\n", capture_output=True, text=True, timeout=2 * DEADLINE,
    )  # fmt: skip
    assert done.stderr == ""
    if fatal:
        assert done.returncode == -signal.SIGKILL
    else:
        phase, counts, worst, _ = json.loads(done.stdout)
        assert (phase, set(counts), worst) == ("done", {"complete"}, 0)
    with Session(Security(auth_header=KEY), server_url=away.url, is_sandbox=True) as session:
        run = session.resume(journal).wait(DEADLINE)
        assert (run.phase, set(run.counts)) == ("done", {"complete"})
    queued = away.booked()
    assert {queued[id, data_type] for id in ids for data_type in data_types} == {1}
