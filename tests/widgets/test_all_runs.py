"""The runs in the console, without a browser: of the session and of a folder, opened, resumed, retried, taken up."""

import contextlib
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from codat_notebook.models.shared import Security
from codat_notebook.runs.folder import ELSEWHERE, ENDED, FAILURES, HELD, LEFT, RUNNING
from codat_notebook.runs.journal import Start
from codat_notebook.runs.run import RefreshRun
from codat_notebook.runs.store import Store
from codat_notebook.runs.targets import read_targets
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session

from .test_console import ConsoleBench, sandbox

__all__ = ["sandbox"]  # the fixture
TYPES = ["items", "bills", "customers"]


@pytest.fixture
def session(sandbox: Sandbox) -> Iterator[Session]:
    """A session without a console yet."""
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session:
        yield session


def plan(session: Session, number: int = 4) -> dict[str, list[str]]:
    """Three data types each of companies that have them."""
    frame = session.companies()
    return dict.fromkeys(frame.id[frame.platforms.str.contains("Xero|NetSuite|QuickBooks Online")][:number], TYPES)


@contextlib.contextmanager
def interrupted(session: Session, sandbox: Sandbox, path: Path) -> Iterator[None]:
    """A run whose process ended in the middle of it: some POSTs were heard, one is heard late, half are refused yet."""
    wanted = plan(session)
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as other:
        gate, *refused = (
            sandbox.faults.hold(),
            *(sandbox.faults.rate_limit(None, 600, f"POST /companies/{id}/*") for id in [*wanted][2:]),
        )
        run = RefreshRun(other.context, Start.of(other.context, read_targets(wanted), path))
        until(run, lambda: run.counts.get("queueing", 0) < 12)
        other.context.engine.post(lambda: run._task.cancel())
        run.wait(60)
        gate.open()
        for rule in refused:
            rule.end()
    assert 0 < len(sandbox.world.accepted) < 12
    yield
    assert booked(sandbox) == {(id, name): 1 for id, names in wanted.items() for name in names}


def until(run: RefreshRun, condition: Callable[[], object]) -> None:
    """Wait until something holds at a change of a run."""
    reached = threading.Event()
    forget = run.observe(lambda: condition() and reached.set())
    assert condition() or reached.wait(60)
    forget()


def opened(bench: ConsoleBench) -> Any:
    """The view of the run that is opened."""
    return bench.frame._connector._controller.state.run


def row(bench: ConsoleBench, number: int = 0) -> dict[str, Any]:
    """A row of the list of runs."""
    return dict(bench.parts["codat-runs"].frame.iloc[number])


def turn(bench: ConsoleBench, state: str, total: int = 1) -> dict[str, Any]:
    """Turn to the runs; wait until the first of them stands like that, and return its row."""
    bench.send("codat-tabs", type="tab", name="runs")
    bench.until("codat-runs", lambda s: s["total"] == total and row(bench)["state"] == state)
    return row(bench)


def open_first(bench: ConsoleBench, seq: int = 3) -> Any:
    """Click the first run; its view."""
    bench.send("codat-runs", type="select", key=row(bench)["id"], seq=seq)
    bench.until("codat-company", lambda s: s["opened"])
    return opened(bench)


def booked(sandbox: Sandbox) -> dict[tuple[str, str], int]:
    """How often each data type of each company was queued."""
    taken: dict[tuple[str, str], int] = {}
    for each in sandbox.world.accepted:
        key = each.company_id, str(each.data_type)
        taken[key] = taken.get(key, 0) + 1
    return taken


def test_a_refresh_in_the_console_is_in_its_folder_and_opens_in_place(session: Session, tmp_path: Path) -> None:
    """It is running, then ended, as the journal tells; it opens where the list is, and Back finds the list again."""
    bench = ConsoleBench(session, journals=tmp_path / "new")
    id = bench.pick("Toft")
    bench.send("codat-bar", type="refresh", company=id, data_types=["customers"], seq=1)
    shown = bench.until("codat-company", lambda s: s["run"])
    assert (tmp_path / "new" / shown["run"]).exists()
    bench.until("codat-progress", lambda s: s["status"] == "done")
    bench.send("codat-company", type="pick", id="", seq=2)
    bench.until("codat-company", lambda s: s["company"] is None and not s["run"])
    told = turn(bench, ENDED)
    assert (told["what"], told["ended"], told["operations"], told["share"]) == ("Toft Stores UK", 1, 1, 100)
    assert told["id"] == shown["run"]
    view = open_first(bench)
    assert (view.run.counts, view.run.company_name) == ({"complete": 1}, "Toft Stores UK")
    assert bench.until("codat-company", lambda s: s["run"])["run"] == told["id"]
    inside = [*view.children, *(each for box in view.children[2:] for each in box.children)]
    bench.send("codat-company", type="pick", id="", seq=4)
    bench.until("codat-company", lambda s: not s["opened"] and not s["run"])
    assert opened(bench) is None
    assert [widget for widget in inside if widget.comm is not None] == []


def test_runs_of_the_session_stand_beside_those_of_the_folder(session: Session, tmp_path: Path) -> None:
    """One without a journal is listed, too, and opens; one of another server is left out, and that is said."""
    run = session.refresh(plan(session, 2)).wait(60)
    session.refresh(plan(session, 1), journal=tmp_path / "else.sqlite").wait(60)
    with sqlite3.connect(tmp_path / "else.sqlite") as db:
        db.execute("UPDATE run SET value = 'https://codat.elsewhere' WHERE name = 'server'")
    db.close()
    bench = ConsoleBench(session, journals=tmp_path)
    state = FAILURES if "failed" in run.counts else ENDED
    assert turn(bench, state)["what"] == "2 companies"
    assert "another server are left out: 1" in bench.until("codat-runs", lambda s: s["more"])["more"]["text"]
    assert open_first(bench).run is run
    assert bench.parts["codat-company"].state["run"] == ""  # no address finds it again


def test_an_interrupted_run_is_opened_as_it_was_left_and_resumed_once(
    session: Session, sandbox: Sandbox, tmp_path: Path
) -> None:
    """To open it sends nothing. *Resume* queues the rest; the POST that was under way is not sent twice."""
    with interrupted(session, sandbox, tmp_path / "night.sqlite"):
        bench = ConsoleBench(session, journals=tmp_path)
        bench.until("codat-companies", lambda s: s["total"] and not s["more"]["busy"])
        assert turn(bench, LEFT)["what"] == "4 companies"
        asked = len(session.requests)
        view = open_first(bench)
        assert [each["text"] for each in view._head.state["actions"]] == ["Resume"]
        assert not set(view.run.summary.company) & set(view.run.company_ids)  # by name
        assert len(session.requests) == asked
        bench.parts["head"] = view._head
        bench.send("head", type="go_on", seq=9)
        bench.until("head", lambda s: s["phase"]["text"] in ("Done", "Ended with failures"))
        assert turn_back(bench) in (ENDED, FAILURES)


def turn_back(bench: ConsoleBench) -> str:
    """How the first run stands, once the list is shown again."""
    bench.send("codat-company", type="pick", id="", seq=20)
    bench.until("codat-company", lambda s: not s["opened"])
    bench.until("codat-runs", lambda s: s["total"] and row(bench)["state"] not in (RUNNING, LEFT, HELD))
    return str(row(bench)["state"])


def test_the_run_that_an_address_names_is_taken_up_by_itself(
    session: Session, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Not before the process that has it lets go; then everything of it is queued once."""
    with interrupted(session, sandbox, tmp_path / "night.sqlite"):
        store = Store(tmp_path / "night.sqlite")
        bench = ConsoleBench(session, journals=tmp_path, run="night.sqlite")
        bench.until("codat-runs", lambda s: s["more"] and "is in use by another page" in s["more"]["text"])
        assert bench.parts["codat-tabs"].state["active"] == "runs"
        assert len(sandbox.world.accepted) < 12
        store.close()
        assert bench.until("codat-company", lambda s: s["opened"])["run"] == "night.sqlite"
        assert opened(bench).run.wait(60).phase == "done"


def test_what_a_person_has_stopped_is_not_taken_up_by_itself(
    session: Session, sandbox: Sandbox, tmp_path: Path
) -> None:
    """It is opened, and waits for *Resume*; where the page is read-only there is no such button."""
    gate = sandbox.faults.hold()
    run = session.refresh(plan(session), journal=tmp_path / "stopped.sqlite")
    run.stop_watching()
    run.wait(60)
    gate.open()
    before = len(sandbox.world.accepted)
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True, read_only=True) as reading:
        for each, offered in ((session, ["Resume"]), (reading, [])):
            bench = ConsoleBench(each, journals=tmp_path, run="stopped.sqlite")
            bench.until("codat-company", lambda s: s["opened"])
            assert [button["text"] for button in opened(bench)._head.state["actions"]] == offered
            opened(bench).run.wait(60)
    assert len(sandbox.world.accepted) == before


@pytest.mark.parametrize("name", ["../out.sqlite", "</script><img src=x onerror=alert(1)>", "none.sqlite", "a\0b"])
def test_an_address_that_names_no_run_of_the_folder_is_told_as_text(
    session: Session, tmp_path: Path, name: str
) -> None:
    """Nothing is opened, made or read by that name."""
    session.refresh(plan(session, 1), journal=tmp_path / "out.sqlite").wait(60)
    (tmp_path / "in").mkdir()
    bench = ConsoleBench(session, journals=tmp_path / "in", run=name)
    card = bench.until("codat-notice", lambda s: s["items"])["items"][0]
    assert card["what"] == "The run could not be opened"
    assert "There is no run" in card["why"]
    assert opened(bench) is None
    assert list((tmp_path / "in").iterdir()) == []


def test_failures_come_first_and_a_group_filters_the_tables(session: Session, sandbox: Sandbox) -> None:
    """A company with failures does not read done, "Failing" is a chip; the group's button shows its companies alone."""
    wanted = plan(session)
    last = [*wanted][-1]
    sandbox.faults.end_next("Cancelled", 1, company_id=last, data_type="bills")
    for id in wanted:
        sandbox.faults.end_next("Complete", 3, company_id=id)
    session.refresh(wanted).wait(60)
    bench = ConsoleBench(session)
    turn(bench, FAILURES)
    view = open_first(bench)
    table, head = view._tables["companies"], view._head
    bench.parts |= {"table": table, "head": head}
    bench.until("table", lambda s: s["total"] == 4 and s["filters"])
    assert table.frame.company_id.iloc[0] == last
    assert table.frame.phase.tolist() == ["with failures", "done", "done", "done"]
    assert table.state["rows"][0][1] == "Ended with failures"
    assert table.state["filters"] == [{"label": "Failing", "count": 1}]
    assert head.state["phase"] == {"text": "Ended with failures", "tone": "bad"}
    rule = bench.until("head", lambda s: s["remedies"])["remedies"][0]["rule"]
    for seq, total in ((5, 1), (6, 4)):
        bench.send("head", type="only", rule=rule, seq=seq)
        bench.until("table", lambda s, total=total: s["total"] == total)
        assert head.state["only"] == (rule if total == 1 else None)
    assert len(view._tables["errors"].frame) == 1
    assert [each["text"] for each in head.state["actions"]] == ["Retry failed (1)"]
    bench.send("head", type="retry", seq=7)
    bench.until("head", lambda s: s["phase"]["text"] == "Done")
    assert view.run.counts == {"complete": 12}


def test_a_run_of_another_process_is_listed_as_that(session: Session, tmp_path: Path) -> None:
    """Who has it is told; the list follows it without a click once it is let go."""
    session.refresh(plan(session), journal=tmp_path / "night.sqlite").wait(60)
    store = Store(tmp_path / "night.sqlite")
    store.write([("UPDATE companies SET done = 0", None)])
    bench = ConsoleBench(session, journals=tmp_path)
    assert "worked on by process" in turn(bench, ELSEWHERE)["note"]
    store.close()
    bench.until("codat-runs", lambda _: row(bench)["state"] == LEFT)


def test_what_ends_with_its_page_says_so_before_the_click(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the app without a folder: until when to keep it open. With a folder, and in a notebook, there is no need."""
    monkeypatch.setenv("CODAT_NOTEBOOK_HOST", "the app")
    bench = ConsoleBench(session)
    bench.pick("Toft")
    told = bench.until("codat-bar", lambda s: s["keep"])["keep"]
    assert re.fullmatch(r"Keep this page open until about \d{4}-\S+:00Z: closing it ends queueing and watching.", told)
    kept = ConsoleBench(session, journals=tmp_path)
    kept.pick("Toft")
    assert kept.until("codat-bar", lambda s: s["company"])["keep"] is None
    monkeypatch.delenv("CODAT_NOTEBOOK_HOST")
    notebook = ConsoleBench(session)
    notebook.pick("Toft")
    assert notebook.until("codat-bar", lambda s: s["company"])["keep"] is None
