"""Exit codes mean one thing each, name the command to run next, and the JSON that tells them is as its schema says."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from codat_notebook.cli import parser
from codat_notebook.cli.exits import Exit, shown_command
from codat_notebook.models.errors import SDKError
from codat_notebook.models.shared import Security
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session

from ..commands import STRICT  # noqa: TID252 - the tests are not installed, so they have no absolute name
from .conftest import Run

ID, OTHER = "62ce0043-d5ad-4044-adb5-bf0c0d5f14cf", "00000000-0000-0000-0000-000000000000"
NETSUITE = "b103fe16-8407-448d-a374-198a1aa1179e"
COMMAND = (sys.executable, *STRICT, "-c", "from codat_notebook.cli import main; raise SystemExit(main())")
POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="such files and pipes are of POSIX")


def as_told(text: str) -> Any:
    """A JSON document of `refresh`, which has what the schema says and nothing else."""
    schema = resources.files("codat_notebook.cli").joinpath("refresh.schema.json").read_text(encoding="utf-8")
    exact = json.loads(schema.replace('"additionalProperties": true', '"additionalProperties": false'))
    jsonschema.Draft202012Validator.check_schema(exact)
    told = json.loads(text)
    jsonschema.validate(told, exact, format_checker=jsonschema.FormatChecker())
    return told


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A port that takes connections and answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        monkeypatch.setenv("CODAT_BASE_URL", address)
        monkeypatch.setenv("CODAT_API_KEY", "a-key")
        yield address


def test_every_code_is_explained_once() -> None:
    """In the help of the commands, in the enumeration's own words."""
    meanings = [code.meaning for code in Exit]
    assert len({*meanings}) == len(meanings) == len({code.value for code in Exit})
    told = ""
    for name, command in next(action for action in parser()._actions if action.dest == "command").choices.items():
        told += command.format_help() if name in ("refresh", "health", "ready", "doctor") else ""
    assert [code.name for code in Exit if code.meaning not in told] == []


@pytest.mark.parametrize("how", ["company", "plan", "rule"])
def test_codat_out_of_reach_is_1_in_time(nobody: str, command: Run, plan_of: Any, how: str, tmp_path: Path) -> None:
    """Within the time of `--timeout`; nothing is called refused, and the plan is in the journal for the next night."""
    ways = {
        "company": (ID, "invoices"), "rule": ("--older-than", "1D"),
        "plan": ("--plan", plan_of("p.csv", f"{ID}:bills"), "--journal", str(tmp_path / "j.sqlite")),
    }  # fmt: skip
    began = time.monotonic()
    done = command("refresh", *ways[how], "--timeout", "2", "--json")
    assert done.code == Exit.PROBLEM
    assert time.monotonic() - began < 20  # not the 47 s that the client would try for
    assert "out of reach" in done.err
    assert "refused" not in done.out + done.err
    told = as_told(done.out)
    assert (told["exit_code"], told["exit"], told["next"]) == (1, "problem", done.next)
    if how == "plan":
        assert told["runs"][0]["counts"] == {"queueing": 1}


def test_a_connection_that_is_refused_is_1(command: Run, monkeypatch: pytest.MonkeyPatch, plan_of: Any) -> None:
    """The network's word for it is not Codat's: the row is not called refused."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        monkeypatch.setenv("CODAT_BASE_URL", f"http://127.0.0.1:{gone.getsockname()[1]}")
    monkeypatch.setenv("CODAT_API_KEY", "a-key")
    done = command("refresh", "--plan", plan_of("p.csv", f"{ID}:bills"), "--timeout", "2", "--json")
    assert done.code == Exit.PROBLEM
    assert {each["state"] for each in as_told(done.out)["runs"][0]["operations"]} <= {"queueing", "unqueued"}


def test_a_key_that_fails_later_leaves_the_rest_open(
    sandbox: Sandbox, command: Run, plan_of: Any, tmp_path: Path
) -> None:
    """What was not asked for yet is not refused, but left for the next command, which queues it."""
    sandbox.faults.next(None, match="POST /companies/*", status=401)
    plan = ("--plan", plan_of("p.csv", f"{ID}:bills"), "--journal", str(tmp_path / "j.sqlite"), "--sandbox", "--json")
    done = command("refresh", *plan)
    [run] = as_told(done.out)["runs"]
    assert (done.code, run["counts"]) == (Exit.OPEN, {"unqueued": 1})
    sandbox.faults.clear()
    sandbox.faults.end_next("Complete", seconds=1)
    assert command("refresh", *plan).code == Exit.DONE
    assert len(sandbox.world.accepted) == 1


def test_the_time_to_try_again_is_named(sandbox: Sandbox, command: Run) -> None:
    """By the error itself and by the command."""
    sandbox.clock.speed = 1
    sandbox.faults.rate_limit(None, retry_after=7200)
    with (
        Session(Security(auth_header=sandbox.key), server_url=sandbox.url) as session,
        pytest.raises(Exception) as raised,
    ):
        session.companies()
    assert re.search(r"Try again at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\.", str(raised.value))
    done = command("refresh", "--older-than", "1D", "--sandbox")
    assert done.code == Exit.PROBLEM
    assert re.search(r"Try again at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\.", done.err)
    assert str(SDKError("No.")) == "No."


@pytest.mark.parametrize(
    ("arguments", "said", "named", "meant"),
    [
        (("--older-than", "5D", "--tag", "region=ukk"), "No company has the tag", "region=ukk", "region=uk"),
        (
            ("--older-than", "5D", "--tag=region=ukk"),
            "Did you mean 'region=uk'?",
            "--tag=region=ukk",
            "--tag=region=uk",
        ),
        (("--older-than", "5D", "--platform", "Xeroo"), "platform 'Xeroo'. Did you mean 'Xero'?", "Xeroo", "Xero"),
        (("--failed", "--platform", "Xero", "--platform", "Quickbokz"), "platform 'Quickbokz'.", "", ""),
        (("Toft Store UK", "invoices"), "no company 'Toft Store UK'", "Toft Store UK", "Toft Stores UK"),
        ((OTHER, "invoices"), "Codat finds nothing under this id. Codat says: No company was found", "", ""),
        ((ID, "invoices", "--connection", OTHER), "under this id. Codat says: Data connection", "", ""),
        ((ID, "invoices", "--connection", "NetSuite"), "UK has no connection 'NetSuite'", "NetSuite", NETSUITE),
        ((ID, "invoices", "--connection", "o"), "give its id. There are: ", "", ""),
    ],
)
def test_what_matches_nothing_is_9(
    sandbox: Sandbox, command: Run, arguments: tuple[str, ...], said: str, named: str, meant: str
) -> None:
    """And told, with what may have been meant; with `--allow-empty` it is told and 0. Nothing is queued for it."""
    done = command("refresh", *arguments, "--sandbox", "--json")
    assert (done.code, as_told(done.out)["exit"]) == (Exit.NO_MATCH, "no_match")
    assert said in done.err
    words = [meant if word == named else word for word in ("refresh", *arguments, "--sandbox", "--json")]
    assert done.next == shown_command(words if meant else [*words, "--allow-empty"])
    assert sandbox.world.accepted == []
    if "Xero" not in arguments:
        done = command("refresh", *arguments, "--sandbox", "--json", "--allow-empty")
        assert (done.code, as_told(done.out)["exit_code"], done.next) == (0, 0, None)
        assert said in done.err


def test_a_platform_that_is_there_is_refreshed_beside_one_that_is_not(sandbox: Sandbox, command: Run) -> None:
    """With `--allow-empty`; its key will do as its name."""
    both = ("--older-than", "5D", "--platform", "gbol", "--platform", "Nowhere")
    done = command("refresh", *both, "--sandbox", "--allow-empty", "--dry-run")
    assert (done.code, "Nowhere" in done.err) == (0, True)
    assert len(done.out.splitlines()) > 1


@pytest.mark.parametrize("how", ["types", "plan"])
def test_a_mistyped_data_type_is_met_with_the_one_that_was_meant(
    sandbox: Sandbox, command: Run, plan_of: Any, how: str
) -> None:
    """Before anything is queued; `--allow-unknown` takes it as it is."""
    plan = plan_of("p.csv", f"{ID}:bills", f"{ID}:invoice")
    arguments = (ID, "invoice") if how == "types" else ("--plan", plan)
    done = command("refresh", *arguments, "--sandbox")
    assert (done.code, done.next) == (Exit.ARGUMENTS, "codat-notebook refresh --help")
    assert "Codat has no data type 'invoice'. Did you mean 'invoices'?" in done.err
    assert how == "types" or plan in done.err
    assert sandbox.world.accepted == []
    assert command("refresh", *arguments, "--sandbox", "--allow-unknown").code == Exit.REFUSED


def test_every_exit_but_0_ends_with_the_command_to_run_next(
    sandbox: Sandbox, command: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that the program takes."""
    sandbox.faults.end_next("DataAccessError", 1)
    ends = {Exit.FAILED: command("refresh", ID, "bills", "--sandbox", "--json")}
    ends[Exit.REFUSED] = command("refresh", ID, "--product", "lending", "--sandbox", "--json")
    ends[Exit.ARGUMENTS] = command("refresh", ID, "bills", "--timeout", "soon")
    ends[Exit.LATE] = command("health", "--sandbox")
    sandbox.faults.next(None, match="POST /companies/*", when="after", layer="inside", status=503)
    sandbox.faults.history_lag = 1e6
    ends[Exit.UNKNOWN] = command("refresh", ID, "items", "--sandbox", "--json")
    monkeypatch.setenv("CODAT_SANDBOX_KEY", "wrong")
    ends[Exit.PROBLEM] = command("doctor", "--sandbox")
    assert {wanted: done.code for wanted, done in ends.items()} == {wanted: wanted for wanted in ends}
    assert "You can run it again" in ends[Exit.UNKNOWN].err
    for done in ends.values():
        words = done.next.split()
        assert words[0] == "codat-notebook"
        if words[-1] != "--help":
            parser().parse_args(words[1:])
    for code in (Exit.FAILED, Exit.REFUSED, Exit.UNKNOWN):
        told = as_told(ends[code].out)
        assert (told["exit_code"], told["runs"][0]["outcome"]) == (code, told["exit"])


@POSIX_ONLY
@pytest.mark.parametrize("stdout", ["full", "closed pipe", "closed"])
def test_what_was_queued_is_told_where_stdout_takes_nothing(sandbox: Sandbox, stdout: str) -> None:
    """A full disk, a pipe that nobody reads, no stdout at all: the outcome is on stderr, with its code and without a
    traceback."""
    sandbox.faults.end_next("Complete", seconds=1)
    reads, writes = os.pipe()
    os.close(reads)
    words = [*COMMAND, "refresh", ID, "bills", "--sandbox"]
    shell = {"full": ["sh", "-c", 'exec "$@" >/dev/full', "sh"], "closed": ["sh", "-c", 'exec "$@" >&-', "sh"]}
    done = subprocess.run([*shell.get(stdout, []), *words], stdout=writes, stderr=subprocess.PIPE, text=True)
    os.close(writes)
    assert (done.returncode, "Traceback" in done.stderr, "Exception" in done.stderr) == (0, False, False), done.stderr
    assert re.search(r"^Toft Stores UK +bills +Oracle NetSuite +complete", done.stderr, re.MULTILINE)


def test_names_are_shown_for_the_shell() -> None:
    """What is to be copied is quoted."""
    words = ["refresh", "Toft & Co", "bills"]
    quoted = '"Toft & Co"' if sys.platform == "win32" else "'Toft & Co'"
    assert shown_command(words) == f"codat-notebook refresh {quoted} bills"
