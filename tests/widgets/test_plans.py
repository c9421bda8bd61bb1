"""From a selection to a run in the console, without a browser: what is planned is what is shown, and what runs."""

import csv
import io
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from codat_notebook.cli.plan_file import read_plan
from codat_notebook.models.shared import Security
from codat_notebook.runs.run import RefreshRun
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session
from codat_notebook.widgets.console import console
from codat_notebook.widgets.plan_panel import NO_PLAN

from .test_all_companies import act, calls, listed
from .test_console import ConsoleBench, bench, sandbox

__all__ = ["bench", "sandbox"]  # the fixtures


def click(bench: ConsoleBench, seq: int, /, **message: Any) -> dict[str, Any]:
    """Send the panel a message, and wait for the state that answers it."""
    bench.send("codat-plan", **message, seq=seq)
    return bench.until("codat-plan", lambda s: s["seq"] == seq and not s["busy"])


def offers(state: dict[str, Any], name: str) -> str:
    """What the action of this name below the companies says, "" where there is none."""
    return next((str(words) for each, words in state["more"]["actions"] if f"{each} ".startswith(f"{name} ")), "")


def planned(bench: ConsoleBench, search: str = "") -> dict[str, Any]:
    """Plan a refresh of all that match; wait for the plan and its rows."""
    listed(bench)
    bench.send("codat-companies", type="filter", text=search, seq=1)
    bench.until("codat-companies", lambda s: s["text"] == search and offers(s, f"plan {s['matching']}"))
    act(bench, "plan")
    return bench.until("codat-plan", lambda s: s["lines"])


def rows(bench: ConsoleBench, state: dict[str, Any]) -> dict[str, Any]:
    """The table below the panel, once it has the rows of this state."""
    return bench.until("codat-plan-rows", lambda s: s["ticked"][0] == state["queued"] and s["rows"])


def opened(bench: ConsoleBench) -> RefreshRun:
    """The run that came of the plan, once it is open among the runs."""
    bench.until("codat-tabs", lambda s: s["active"] == "runs")
    run: RefreshRun = bench.frame._connector._controller.state.run.run
    return run


def test_a_plan_is_that_of_the_session_and_takes_what_its_button_says(bench: ConsoleBench) -> None:
    """The sentences are those that the plan shows as a cell's last line; other data types ask nothing more."""
    listed(bench)
    act(bench, "plan")
    assert bench.until("codat-tabs", lambda s: s["active"] == "plan")
    state = bench.until("codat-plan", lambda s: s["lines"])
    assert 12 <= len(calls(bench.session)) - 2 <= 23
    before = len(calls(bench.session))
    click(bench, 2, type="scope", scope="")
    state = click(bench, 3, type="facet", column="data_type", values=["profitAndLoss", "balanceSheet"])
    assert len(calls(bench.session)) == before
    plan = bench.session.plan(list(bench.parts["codat-companies"].frame.company_id), ["profitAndLoss", "balanceSheet"])
    lines, skipped = plan.sentences()
    assert (state["lines"][0], state["skipped"]) == (lines[0], skipped)
    assert state["queued"] == (plan.action == "queue").sum() > 2
    shown = rows(bench, state)
    assert shown["total"] == state["queued"]
    folded = click(bench, 4, type="fold", folded=False)
    bench.until("codat-plan-rows", lambda s: s["total"] == len(plan))
    assert not folded["folded"]


def test_a_row_that_is_taken_out_stays_out_and_is_not_queued(bench: ConsoleBench) -> None:
    """Also while other data types are looked at; a box puts it in again; the run has the rest, and no journal."""
    state = planned(bench, "toft")
    table = rows(bench, state)
    out, many = table["keys"][0], state["queued"]
    bench.send("codat-plan-rows", type="tick", key=out, on=False, seq=1)
    state = bench.until("codat-plan", lambda s: s["queued"] == many - 1)
    assert "1 left out" in state["skipped"]
    other = next(key for key, _, _, _ in state["types"][0]["options"] if key != out.split()[2])
    assert click(bench, 2, type="facet", column="data_type", values=[other])["lines"]
    state = click(bench, 3, type="facet", column="data_type", values=[])
    assert state["queued"] == many - 1
    shown = rows(bench, state)
    assert shown["ticks"][shown["keys"].index(out)] is False
    click(bench, 4, type="run", digest=state["digest"])
    (run,) = bench.session.runs
    assert len(run.rows) == many - 1
    assert out not in {f"{row.company_id} {row.connection_id} {row.data_type}" for row in run.rows}
    assert opened(bench) is run
    assert bench.parts["codat-plan"].state["empty"] == NO_PLAN


def test_a_box_above_the_rows_takes_all_of_them_out_and_in_again(bench: ConsoleBench) -> None:
    """All that match the table's filter; what cannot be queued has no box."""
    state = planned(bench, "toft")
    name = rows(bench, state)["rows"][0][1][0]
    bench.send("codat-plan-rows", type="filter", text=name, seq=1)
    some = bench.until("codat-plan-rows", lambda s: s["text"] == name)["matching"]
    bench.send("codat-plan-rows", type="tick", on=False, seq=2)
    left = bench.until("codat-plan", lambda s: s["queued"] == state["queued"] - some)
    assert f"{some} left out" in left["skipped"]
    bench.send("codat-plan-rows", type="tick", on=True, seq=3)
    bench.until("codat-plan", lambda s: s["digest"] == state["digest"])
    click(bench, 4, type="fold", folded=False)
    bench.send("codat-plan-rows", type="clear", seq=5)
    table = bench.until("codat-plan-rows", lambda s: s["total"] > state["queued"] and None in s["ticks"])
    skipped = table["keys"][table["ticks"].index(None)]
    bench.send("codat-plan-rows", type="tick", key=skipped, on=True, seq=6)
    table = bench.until("codat-plan-rows", lambda s: s["seq"] == 6)
    assert table["ticked"][0] == state["queued"]


def test_a_plan_that_has_changed_is_shown_before_it_runs(bench: ConsoleBench) -> None:
    """Something of it runs by now: nothing is queued, it is said, and the next click runs what is on screen then. A
    click that comes twice, or on an older picture, queues nothing."""
    state = planned(bench, "toft")
    company, connection, name = rows(bench, state)["keys"][0].split()
    first = bench.session.refresh(company, name, connection_id=connection)
    changed = click(bench, 2, type="run", digest=state["digest"])
    assert changed["changed"]
    assert [each.id for each in bench.session.runs] == [first.id]
    assert changed["queued"] == state["queued"] - 1
    click(bench, 3, type="run", digest=state["digest"])
    assert len(bench.session.runs) == 1
    for _ in range(2):
        bench.send("codat-plan", type="run", digest=changed["digest"], seq=4)
    opened(bench)
    assert len(bench.session.runs) == 2
    assert len(bench.session.runs[1].rows) == changed["queued"]


def test_what_was_refreshed_since_is_looked_at_again() -> None:
    """A plan of what is known costs nothing, until a run of this session may have changed it."""
    with (
        Sandbox(speed=20) as sandbox,
        Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session,
    ):
        bench = ConsoleBench(session)
        planned(bench, "toft")
        click(bench, 2, type="leave")
        bench.until("codat-companies", lambda s: "(no request)" in offers(s, "plan"))
        before = len(calls(session))
        act(bench, "plan")
        state = bench.until("codat-plan", lambda s: s["lines"])
        assert len(calls(session)) == before
        click(bench, 3, type="run", digest=state["digest"])
        opened(bench)
        bench.send("codat-company", type="pick", id="", seq=9)
        bench.send("codat-tabs", type="tab", name="companies")
        bench.until("codat-companies", lambda s: "(about " in offers(s, "plan"))
        act(bench, "plan")
        again = bench.until("codat-plan", lambda s: s["lines"] and s["digest"] != state["digest"])
        assert again["queued"] < state["queued"]
        assert "in progress" in again["skipped"]


def test_the_list_follows_the_run_of_a_plan() -> None:
    """Back at the list its companies run, then tell what came of it; nobody is asked for that but by the run."""
    with (
        Sandbox(speed=5) as sandbox,
        Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session,
    ):
        bench = ConsoleBench(session)
        state = planned(bench, "toft")

        def row() -> Any:
            return bench.parts["codat-companies"].frame.set_index("company").loc["Toft Stores UK"]

        bench.until("codat-companies", lambda _: pd.notna(row().late))
        before = row()
        click(bench, 2, type="run", digest=state["digest"])
        run = opened(bench)
        bench.send("codat-company", type="pick", id="", seq=9)
        bench.send("codat-tabs", type="tab", name="companies")
        bench.until("codat-companies", lambda _: row().running)
        sandbox.clock.speed = 6000.0
        run.wait(60)
        asked = len(calls(session))
        bench.until("codat-companies", lambda _: row().running == 0)
        assert row().late < before.late
        assert row().seen == before.seen
        assert len(calls(session)) == asked


def test_a_company_of_a_run_is_opened_and_back_leads_to_the_run(bench: ConsoleBench) -> None:
    """What is clicked in the run shows its operations, and offers the company itself."""
    state = planned(bench)
    click(bench, 2, type="run", digest=state["digest"])
    opened(bench)
    view = bench.frame._connector._controller.state.run
    bench.parts["of the run"] = view._tables["companies"]
    table = bench.until("of the run", lambda s: s["rows"])
    assert table["more"] is None
    bench.send("of the run", type="select", key=table["keys"][0], seq=3)
    offer = bench.until("of the run", lambda s: s["more"])["more"]["actions"]
    assert offer == [["open", f"Open {table['rows'][0][0]}"]]
    bench.send("of the run", type="more", name="open", seq=4)
    bench.until("codat-company", lambda s: s["company"] and s["company"]["id"] == table["keys"][0])
    bench.until("codat-tabs", lambda s: s["active"] == "operations")
    bench.send("codat-company", type="pick", id="", seq=5)
    bench.until("codat-tabs", lambda s: s["active"] == "runs")
    assert bench.frame._connector._controller.state.run is view


def test_a_plan_is_saved_as_the_file_that_the_command_takes(bench: ConsoleBench, tmp_path: Path) -> None:
    """With what was left out as skipped; that is all that a page does which is read-only."""
    state = planned(bench, "toft")
    sent: list[tuple[dict[str, Any], list[bytes]]] = []
    done = threading.Event()

    def receive(message: dict[str, Any], buffers: Any = ()) -> None:
        sent.append((message, list(buffers)))
        done.set() if message.get("last") else None

    bench.parts["codat-plan"].send = receive
    bench.send("codat-plan-rows", type="tick", key=rows(bench, state)["keys"][0], on=False, seq=1)
    bench.until("codat-plan", lambda s: s["queued"] == state["queued"] - 1)
    bench.send("codat-plan", type="export", choice="csv", seq=2)
    assert done.wait(60)
    path = tmp_path / "plan.csv"
    path.write_bytes(zlib.decompress(b"".join(part for _, parts in sent for part in parts), wbits=31))
    plan = read_plan(path)
    assert (plan.action == "queue").sum() == state["queued"] - 1
    assert (plan.reason == "left out").sum() == 1
    assert "company" in next(csv.reader(io.StringIO(path.read_text("utf-8-sig"))))


@pytest.fixture
def session(sandbox: Sandbox) -> Iterator[Session]:
    """A session that queues nothing."""
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True, read_only=True) as session:
        yield session


def test_a_page_that_is_read_only_plans_and_starts_nothing(session: Session) -> None:
    """Whatever a browser sends."""
    bench = ConsoleBench(session)
    state = planned(bench, "toft")
    assert state["read_only"]
    after = click(bench, 2, type="run", digest=state["digest"])
    assert (after["digest"], len(session.runs), session.errors.empty) == (state["digest"], 0, True)


def test_a_run_gets_a_journal_where_a_folder_is_known(sandbox: Sandbox, tmp_path: Path) -> None:
    """A file of its own, in a folder that is made; one that cannot be is told, and nothing is queued."""
    (tmp_path / "runs").write_text("taken")
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session:
        bench = ConsoleBench(session, console(session, journals=tmp_path / "runs"))
        state = planned(bench, "redfern lighting")
        click(bench, 2, type="run", digest=state["digest"])
        bench.until("codat-notice", lambda s: s["items"])
        assert bench.parts["codat-notice"].state["items"][0]["what"] == "The refresh could not be started"
        assert not session.runs
        (tmp_path / "runs").unlink()
        click(bench, 3, type="run", digest=state["digest"])
        journal = opened(bench).journal
        assert [journal] == [*(tmp_path / "runs").glob("*.sqlite")]


def test_a_look_that_is_stopped_leaves_no_plan(sandbox: Sandbox, bench: ConsoleBench) -> None:
    """Back at what was there before."""
    listed(bench)
    gate = sandbox.faults.hold("GET /companies/*/data/history*")
    act(bench, "plan")
    bench.until("codat-plan", lambda s: "Looking at" in s["empty"])
    bench.until("codat-companies", lambda s: s["more"]["actions"][0][0] == "stop")
    act(bench, "stop")
    bench.until("codat-plan", lambda s: s["empty"] == NO_PLAN)
    gate.open()


def test_what_no_form_offers_changes_nothing(bench: ConsoleBench) -> None:
    """A scope that there is not, data types that nobody has, a plan of nobody's."""
    state = planned(bench, "toft")
    assert click(bench, 2, type="scope", scope="99 years")["digest"] == state["digest"]
    strange = click(bench, 3, type="facet", column="data_type", values=["<b>"])
    assert (strange["scope"], strange["queued"]) == ("7D", 0)
    click(bench, 4, type="run", digest=strange["digest"])
    assert not bench.session.runs
    assert click(bench, 5, type="facet", column="data_type", values=[])["digest"] == state["digest"]
