"""`codat-notebook refresh`: what it queues, what it says, and how its exit code tells."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from codat_notebook.cli.outcome import WHOLE, exit_code, remedies, table
from codat_notebook.cli.plan_file import read_plan
from codat_notebook.cli.stopping import ArgumentsError
from codat_notebook.models.shared import Security
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session

from .conftest import Run

ID = "62ce0043-d5ad-4044-adb5-bf0c0d5f14cf"
DEADLINE = 60.0
COMMAND = (sys.executable, "-c", "from codat_notebook.cli import main; raise SystemExit(main())")


@pytest.fixture
def refresh(command: Run) -> Run:
    """Runs `codat-notebook refresh` in this process."""
    return partial(command, "refresh")


def plan_of(path: Path, *lines: str) -> Path:
    """A plan of these lines."""
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_everything_complete_is_0(sandbox: Sandbox, refresh: Run) -> None:
    """By id: a table on stdout, the progress on stderr."""
    done = refresh(ID, "invoices", "customers", "--sandbox")
    assert done.code == 0
    assert re.search(r"^Toft Stores UK +invoices +Oracle NetSuite +complete", done.out, re.MULTILINE)
    assert "2 of 2" in done.err
    assert [o.data_type for o in sandbox.world.accepted] == ["invoices", "customers"]


def test_a_company_by_its_name(sandbox: Sandbox, refresh: Run) -> None:
    """The whole name, in whatever case; a part of it is refused before anything is queued."""
    assert refresh("toft stores uk", "invoices", "--sandbox").code == 0
    done = refresh("toft", "invoices", "--sandbox")
    assert done.code == 9
    assert "whole name" in done.err
    assert len(sandbox.world.accepted) == 1


def test_a_failed_operation_is_3_and_says_what_helps(sandbox: Sandbox, refresh: Run) -> None:
    """The remedy stands under the table."""
    done = refresh(ID, "invoices", "creditNotes", "--sandbox")
    assert done.code == 3
    assert "PermissionsError" in done.out
    assert "1 PermissionsError: Ask the customer to relink" in done.out


def test_json(sandbox: Sandbox, refresh: Run) -> None:
    """One document on stdout and nothing else."""
    done = refresh(ID, "creditNotes", "--sandbox", "--json")
    told = json.loads(done.out)
    [run] = told["runs"]
    assert (told["exit_code"], run["counts"], run["phase"], run["outcome"]) == (3, {"failed": 1}, "done", "failed")
    [operation] = run["operations"]
    assert operation["company"] == "Toft Stores UK"
    assert operation["status"] == "PermissionsError"
    assert operation["link_url"].startswith("http")
    assert operation["operation_id"] == sandbox.world.accepted[0].operations[0]


@pytest.mark.parametrize("how", ["company", "plan", "rule", "journal"])
def test_a_wrong_key_is_1(
    sandbox: Sandbox, refresh: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str
) -> None:
    """However it is said what is refreshed. The key is not shown, and nothing is called refused."""
    monkeypatch.setenv("CODAT_SANDBOX_KEY", "wrong-key-of-mine")
    plan = str(plan_of(tmp_path / "p.csv", "company_id,data_type", f"{ID},invoices"))
    ways = {"company": (ID, "invoices"), "plan": ("--plan", plan), "rule": ("--older-than", "1D")}
    ways["journal"] = (*ways["plan"], "--journal", str(tmp_path / "j.sqlite"))
    done = refresh(*ways[how], "--sandbox")
    assert done.code == 1
    assert "did not accept the key" in done.err
    assert done.err.endswith("Next: codat-notebook doctor\n")
    assert "refused" not in done.out + done.err
    assert "wrong-key-of-mine" not in done.out + done.err


def test_out_of_time_is_6(sandbox: Sandbox, refresh: Run) -> None:
    """What is queued goes on at Codat."""
    sandbox.clock.pause()
    done = refresh(ID, "invoices", "--sandbox", "--timeout", "5")  # long enough for a first answer on a busy machine
    assert done.code == 6
    assert "Stopped watching" in done.err


def test_a_plan_and_what_it_skips(sandbox: Sandbox, refresh: Run, tmp_path: Path) -> None:
    """As `session.plan` wrote it: only what is to be queued is."""
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session:
        plan = session.plan([ID], ["invoices", "commerce-orders", "itemReceipts"])
    plan.to_csv(tmp_path / "plan.csv")
    done = refresh("--plan", str(tmp_path / "plan.csv"), "--sandbox", "--json")
    told = json.loads(done.out)
    assert (done.code, len(told["runs"][0]["skipped"])) == (0, (plan.action == "skip").sum())
    assert len(sandbox.world.accepted) == (plan.action == "queue").sum()


def test_a_plan_with_nothing_to_queue_is_0(sandbox: Sandbox, refresh: Run, tmp_path: Path) -> None:
    """There is nothing to do."""
    plan = plan_of(tmp_path / "p.csv", "company_id,data_type,action", f"{ID},invoices,skip")
    assert refresh("--plan", str(plan), "--sandbox").code == 0


def test_a_rule_is_planned_anew_each_time(sandbox: Sandbox, refresh: Run, tmp_path: Path) -> None:
    """A dry run queues nothing and prints the plan, which is one to give back; what was refreshed is fresh then."""
    rule = ("--older-than", "5D", "--report", "payables", "--tag", "region=uk", "--sandbox")
    dry = refresh(*rule, "--dry-run")
    assert dry.code == 0
    assert "to queue" in dry.err
    assert sandbox.world.accepted == []
    (tmp_path / "p.csv").write_text(dry.out, encoding="utf-8")
    wanted = (read_plan(tmp_path / "p.csv").action == "queue").sum()
    assert wanted > 0
    assert refresh(*rule).code in (0, 3)
    assert len(sandbox.world.accepted) == wanted
    assert refresh(*rule).code in (0, 3)
    assert len(sandbox.world.accepted) < 2 * wanted


def test_a_dry_run_loads_no_widgets(sandbox: Sandbox) -> None:
    """A plan is written as CSV on machines that have no Jupyter: in a fresh process nothing of it is imported."""
    code = (
        "import sys; from codat_notebook.cli import main; main(sys.argv[1:])\n"
        "loaded = {'ipywidgets', 'anywidget', 'IPython', 'codat_notebook.widgets'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    arguments = ("refresh", "--older-than", "5D", "--sandbox", "--dry-run")
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("company,data_type,")


def test_an_interrupted_run_is_gone_on_with_by_the_same_command(sandbox: Sandbox, refresh: Run, tmp_path: Path) -> None:
    """Nothing is queued twice; a run that has ended is begun anew."""
    plan = plan_of(tmp_path / "p.csv", "company_id,data_type", f"{ID},invoices", f"{ID},customers")
    command = ("--plan", str(plan), "--journal", str(tmp_path / "run.sqlite"), "--sandbox")
    sandbox.clock.pause()
    assert refresh(*command, "--timeout", "5").code == 6
    sandbox.clock.resume()
    done = refresh(*command)
    assert done.code == 0
    assert "Resuming" in done.err
    assert len(sandbox.world.accepted) == 2
    assert refresh(*command).code == 0
    assert len(sandbox.world.accepted) == 4


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is of POSIX")
def test_a_killed_run_is_gone_on_with(sandbox: Sandbox, refresh: Run, tmp_path: Path) -> None:
    """Killed without warning once something is queued: the same command finishes it, queueing nothing twice."""
    types = ("invoices", "customers", "suppliers", "bills", "payments", "taxRates", "accountTransactions", "items")
    plan = plan_of(tmp_path / "p.csv", "company_id,data_type", *(f"{ID},{name}" for name in types))
    command = ("--plan", str(plan), "--journal", str(tmp_path / "run.sqlite"), "--sandbox")
    sandbox.clock.pause()
    process = subprocess.Popen([*COMMAND, "refresh", *command], stderr=subprocess.DEVNULL)
    until = time.monotonic() + DEADLINE
    while not sandbox.world.accepted and time.monotonic() < until:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    sandbox.clock.resume()
    done = refresh(*command)
    assert done.code in (0, 3), done.err
    assert sorted(o.data_type for o in sandbox.world.accepted) == sorted(types)


@pytest.mark.skipif(sys.platform == "win32", reason="such signals are of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_stopping_while_the_companies_are_looked_at_is_6(sandbox: Sandbox, number: signal.Signals) -> None:
    """It ends though an answer is still awaited; nothing is queued."""
    gate = sandbox.faults.hold("GET /companies/*/data/history*")
    process = subprocess.Popen([*COMMAND, "refresh", "--older-than", "1D", "--sandbox"], stderr=subprocess.PIPE)
    assert gate.reached.wait(DEADLINE)
    process.send_signal(number)
    _, said = process.communicate(timeout=DEADLINE)
    gate.open()
    assert (process.returncode, b"Stopped before the refresh began." in said) == (6, True)
    assert sandbox.world.accepted == []


@pytest.mark.skipif(sys.platform == "win32", reason="broken pipes are of POSIX")
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_has_seen_enough_ends_nothing(sandbox: Sandbox, stream: str) -> None:
    """As in `... | head -1`: no traceback, and the exit code tells of the refresh."""
    reads, writes = os.pipe()
    os.close(reads)
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: writes}
    done = subprocess.run([*COMMAND, "refresh", ID, "creditNotes", "--sandbox"], check=False, **pipes)
    os.close(writes)
    assert done.returncode == 3
    assert b"Traceback" not in (done.stderr or b"")


def test_a_journal_that_is_none_is_1(sandbox: Sandbox, refresh: Run, tmp_path: Path) -> None:
    """And is not touched."""
    wrong = plan_of(tmp_path / "notes.txt", "my notes")
    done = refresh(ID, "invoices", "--journal", str(wrong), "--sandbox")
    assert done.code == 1
    assert re.fullmatch(r"codat-notebook: [^\n]*notes\.txt[^\n]*\nNext: [^\n]* --journal another.sqlite\n", done.err)
    assert wrong.read_text() == "my notes"
    assert sandbox.world.accepted == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "a company with data types"),
        ((ID,), "at least one data type"),
        ((ID, "invoices", "--plan", "p.csv"), "not several"),
        (("--plan", "p.csv", "--failed"), "not several"),
        (("--dry-run",), "a rule"),
        (("--plan", "p.csv", "--dry-run"), "a rule"),
        (("--tag", "uk"), "NAME=VALUE"),
        (("--older-than", "soon", "--sandbox"), "older_than"),
        (("--report", "taxes", "--sandbox"), "financials"),
        ((ID, "invoices", "--reserve", "2"), "--reserve"),
        ((ID, "invoices", "--timeout", "soon"), "--timeout"),
        ((ID, "invoices", "--timeout", "nan"), "above 0"),
        (("Caf\udce9", "invoices", "--sandbox"), "give its id"),
        (("--plan", "missing.csv", "--sandbox"), "missing.csv cannot be read"),
    ],
)
def test_wrong_arguments_are_2(sandbox: Sandbox, refresh: Run, arguments: tuple[str, ...], said: str) -> None:
    """With a line that says what would be right; nothing is sent."""
    done = refresh(*arguments)
    assert done.code == 2
    assert said in done.err
    assert sandbox.traffic.requests == 0


def test_without_a_key_nobody_is_asked_for_one(refresh: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cron has no keyboard: code 1, and how to give one."""
    for name in ("CODAT_API_KEY", "CODAT_AUTH_HEADER"):
        monkeypatch.delenv(name, raising=False)
    done = refresh(ID, "invoices")
    assert done.code == 1
    assert "CODAT_API_KEY" in done.err


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "line 1: the column company_id is missing"),
        (["company,data_type"], "line 1: the column company_id is missing. There are: 'company', 'data_type'."),
        (["company_id,data_type,data_type", f"{ID},bills,bills"], "line 1: the column data_type appears twice"),
        (["company_id,data_type"], "no row"),
        (["company_id,data_type", f"{ID},bills", "=cmd|' /C calc'!A0,bills"], "line 3: company_id is"),
        (["company_id,data_type", f"{ID},../../data/all"], "line 2: data_type is"),
        (["company_id,data_type", f"{ID},"], "line 2: data_type is"),
        (["company_id,data_type,connection_id", f"{ID},bills,xero"], "line 2: connection_id is"),
        (["company_id,data_type,action", f"{ID},bills,delete"], "line 2: action is 'delete'"),
        (["company_id,data_type", "", f"{ID}"], "line 3: 1 columns, but the headings have 2"),
        (["company_id,data_type", f'{ID},"bills'], "line 2"),
        (["company_id,data_type", '"a\nb",bills'], "line 2: company_id is"),
        (["company_id,data_type,note", f'{ID},bills,"a', 'b"', "x,bills,"], "line 4: company_id is"),
        (["company_id,data_type", f"{ID},bills\x00"], "line 2"),
        (["company_id,data_type", "x" * 200_000 + ",bills"], "line 2"),
    ],
)
def test_a_broken_plan_is_refused_by_line_and_column(lines: list[str], said: str, tmp_path: Path) -> None:
    """Half a plan is worse than none; what is shown of it is short."""
    with pytest.raises(ArgumentsError) as refused:
        read_plan(plan_of(tmp_path / "p.csv", *lines))
    assert said in str(refused.value)
    assert len(str(refused.value)) < 400 + len(str(tmp_path))


def test_a_plan_in_another_encoding_is_refused(tmp_path: Path) -> None:
    """With the line."""
    (tmp_path / "p.csv").write_bytes(b"company_id,data_type,company\n" + f"{ID},bills,".encode() + b"Caf\xe9\n")
    with pytest.raises(ArgumentsError, match="line 2: this is not UTF-8"):
        read_plan(tmp_path / "p.csv")


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("comma", [",", ";"])
def test_plans_of_all_spreadsheets_are_read(mark: str, end: str, comma: str, tmp_path: Path) -> None:
    """A byte order mark, Windows' line ends, semicolons, columns of any order; what is skipped may be anything."""
    rows = [["note", "data_type", "action", "company_id"], ["a", "bills", "", ID], ["", "", "skip", "nobody"]]
    (tmp_path / "p.csv").write_bytes((mark + end.join(comma.join(row) for row in rows) + end).encode())
    plan = read_plan(tmp_path / "p.csv")
    assert plan[["company_id", "data_type"]].iloc[0].tolist() == [ID, "bills"]
    assert plan.action.tolist() == [None, "skip"]


def record(state: str, **other: Any) -> dict[str, Any]:
    """A row of an outcome."""
    empty = dict.fromkeys(("company", "data_type", "platform", "status", "message", "why", "action"))
    return {**empty, "state": state, **other}


def test_of_many_operations_the_table_shows_what_did_not_complete() -> None:
    """The others are counted."""
    found = [record("complete")] * (WHOLE + 5) + [record("failed", data_type="bills")]
    lines = table(found).splitlines()
    assert len(lines) == 3
    assert "bills" in lines[1]
    assert lines[2] == f"{WHOLE + 5} complete"
    assert table([record("complete")] * (WHOLE + 1)).strip() == f"{WHOLE + 1} complete"


def test_names_cannot_steer_the_terminal() -> None:
    """Control characters and directions are written out, and long texts cut."""
    hostile = "\x1b[2J\x07Evil\u202egnp.exe\r\n\x9b31m" + "x" * 500
    shown = table([record("failed", company=hostile, why=hostile, action=hostile)])
    assert (
        re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown + remedies([record("failed", action=hostile)])) is None
    )
    assert max(map(len, shown.splitlines())) < 250
    assert r"\x1b[2J\x07Evil\u202egnp.exe" in shown


@pytest.mark.parametrize(
    ("counts", "code"),
    [({}, 0), ({"complete": 9, "failed": 0}, 0), ({"failed": 1, "refused": 2}, 4), ({"not queued by Codat": 1}, 4),
     ({"failed": 9, "unknown": 1}, 5), ({"unknown": 1, "running": 1}, 6), ({"queueing": 1}, 6), ({"novel": 1}, 6)],
)  # fmt: skip
def test_the_highest_code_counts(counts: dict[str, int], code: int) -> None:
    """What nobody knows is not complete."""
    assert exit_code(counts) == code


def test_a_product(sandbox: Sandbox, refresh: Run) -> None:
    """All of it without data types, and these types of it; one request each."""
    assert refresh("--sandbox", "Toft Stores UK", "--product", "credit-monitoring").code in (0, 3)
    assert refresh("--sandbox", "Toft Stores UK", "invoices", "--product", "credit-monitoring").code in (0, 3)
    told = [(each.product, len(each.operations)) for each in sandbox.world.accepted]
    assert told == [("credit-monitoring", 4), ("credit-monitoring", 1)]


def test_a_standard_product_tells_its_way(sandbox: Sandbox, refresh: Run) -> None:
    """Refused, code 4, and nothing was queued."""
    ended = refresh("--sandbox", "Toft Stores UK", "--product", "lending", "--json")
    assert (ended.code, sandbox.world.accepted) == (4, [])
    assert "docs/lending/get-started.md" in ended.out


def test_bank_feeds_are_cautioned(sandbox: Sandbox, refresh: Run) -> None:
    """A company whose product has nothing to pull: said beside the progress, and a rule leaves it out."""
    toft = str(sandbox.world.companies()["results"][0]["id"])
    sandbox.world.assign(toft, "bank-feeds")
    assert "nothing to pull" in refresh("--sandbox", toft, "customers").err
    plan = refresh("--sandbox", "--tag", "team=lending", "--dry-run").out
    rows = [line for line in plan.splitlines() if toft in line]
    assert rows
    assert all(",skip," in row and "nothing to pull" in row for row in rows if "not supported" not in row)


def test_a_connection(sandbox: Sandbox, refresh: Run) -> None:
    """A custom type goes to the one that is named; where several may be meant and none is, to none."""
    sandbox.faults.custom_data_types = {"my-type": {"akxx"}}
    company = sandbox.world.companies()["results"][0]
    link = next(each["id"] for each in company["dataConnections"] if each["integrationKey"] == "akxx")
    assert refresh("--sandbox", company["id"], "custom/my-type").code == 4
    assert refresh("--sandbox", company["id"], "custom/my-type", "--connection", link).code in (0, 3)
    assert [(each.data_type, each.connection_id) for each in sandbox.world.accepted] == [("custom/my-type", link)]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--older-than", "7D", "--product", "x"), ("--failed", "--connection", ID), (ID, "--product", "../x"),
        (ID, "--product", "x", "--connection", ID), (ID, "--product", ""),
    ],
)  # fmt: skip
def test_what_does_not_go_with_a_product(refresh: Run, arguments: tuple[str, ...]) -> None:
    """Refused before anything is asked."""
    assert refresh(*arguments, "--sandbox").code == 2
