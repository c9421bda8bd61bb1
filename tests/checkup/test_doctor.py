"""The doctor as a whole: how much it asks, when it stops, what it never does, and the one refresh."""

import json
import subprocess
import sys
from argparse import Namespace
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import codat_notebook
from codat_notebook.checkup import examine
from codat_notebook.checkup.probing import look, refresh_once
from codat_notebook.cli.doctor import Observation, connected, observe, reach
from codat_notebook.client import CodatLending
from codat_notebook.models.assumptions import ASSUMPTIONS
from codat_notebook.models.errors import ReadOnlyError
from codat_notebook.models.shared import Security
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session

from .looking import Line, check_up, client, prober, sandbox

COLUMNS = ["assumption", "verdict", "evidence", "source", "effect"]


def test_it_asks_little_and_only_reads() -> None:
    """At most sixty requests, all GET, also of a large account."""
    line = Line(sandbox())
    result = check_up(line)
    assert result.requests == len(line.sent) <= 60
    assert set(line.sent) == {"GET"}
    assert not line.api.world.accepted


@pytest.mark.parametrize(
    ("switches", "most"), [({"quota": 110}, 12), ({"per_minute": 20}, 21), ({"payment_required": True}, 1)]
)
def test_it_stops_in_time(switches: dict[str, Any], most: int) -> None:
    """With little left of the quota, on 429 and on 402; the report says that not everything was checked."""
    line = Line(sandbox(**switches))
    result = check_up(line)
    assert 0 < result.requests <= most
    assert result.stopped
    assert not result
    assert "Not everything was checked" in result.report


def test_without_an_answer_nothing_is_seen() -> None:
    """A server that is gone confirms nothing, and is not asked on and on."""
    line = Line(sandbox(), cut=0)
    result = check_up(line)
    assert (result.requests, result.stopped) == (1, "no answer came")
    assert set(result.frame.verdict) == {"not seen"}
    assert not result


@pytest.mark.parametrize(
    "body", ["<html>", [], {"results": 7}, {"results": [3, {"id": 4}]}, {"results": [{}], "_links": 1}, 5]
)
def test_odd_answers_break_nothing(body: Any) -> None:
    """Whatever shape the answers have, there is a report."""
    api = sandbox()
    api.faults.next(None, status=200, body=body)
    result = check_up(Line(api))
    assert len(result.frame) == len(ASSUMPTIONS)
    assert result.report.startswith("# codat-notebook doctor: SANDBOX")


@pytest.mark.parametrize(
    ("switches", "contradicted"),
    [({}, set()), ({"in_progress_status": 409}, {"in-progress-status"}), ({"history_lag": 30.0}, {"history-at-once"}),
     ({"honours_keys": False}, {"keys-honoured"})],
)  # fmt: skip
def test_the_one_refresh(switches: dict[str, Any], contradicted: set[str]) -> None:
    """It shows what reading cannot, and queues one operation, whatever is otherwise."""
    line = Line(sandbox(**switches))
    result = check_up(line, refresh=line.api.toft)
    assert set(result.named("contradicted")) == contradicted
    assert bool(result) == (not contradicted)
    shown = {each.name for each in ASSUMPTIONS if each.written}
    # With a late history it cannot be read whether the operation runs, so nothing more is sent.
    assert result.found.keys() >= ({"history-at-once"} if "history_lag" in switches else shown)
    assert len(line.api.world.accepted) == 1
    assert len(line.api.world.accepted[0].operations) == 1
    assert Counter(line.sent)["POST"] <= 3
    assert result.requests <= 60


def test_nothing_more_is_sent_once_it_has_ended() -> None:
    """A refresh that is over when it is looked at shows nothing of a second one, and none is queued."""
    line = Line(sandbox())
    line.api.faults.end_next("Complete", seconds=0)
    result = check_up(line, refresh=line.api.toft)
    assert Counter(line.sent)["POST"] == len(line.api.world.accepted) == 1
    assert result.found.keys() & {"keys-honoured", "in-progress-status"} == set()


def test_a_desk_that_reads_posts_nothing() -> None:
    """Not even where it is told to."""
    line = Line(sandbox())
    own = prober(line)
    client(line, read_only=True)._drive(look(own))
    with pytest.raises(ReadOnlyError):
        client(line, read_only=True)._drive(refresh_once(own, line.api.toft))
    assert set(line.sent) == {"GET"}


def test_a_session_is_looked_at() -> None:
    """`cn.doctor(session)` gives a frame, a report and a table; a read-only session queues nothing in any way."""
    with Sandbox(companies=30, speed=1) as running:
        security = Security(auth_header=running.key)
        with Session(security, server_url=running.url, read_only=True, is_sandbox=True) as session:
            result = codat_notebook.doctor(session)
            with pytest.raises(ReadOnlyError):
                examine(session, running.world.company_store.ids[0])
        assert list(result.frame.columns) == COLUMNS
        assert result.named("contradicted") == []
        assert "<table" in result._repr_html_()
        assert running.traffic.requests == result.requests <= 60
        assert not [call for call in running.traffic.calls if call.startswith("POST")]


# The machine


def observed(**given: Any) -> dict[str, Observation]:
    """What is said of a machine, by what it is said of."""
    there = {"environ": {}, "version": lambda package: None, "labs": [], **given}
    return {each.what: each for each in observe(**there)}


def test_a_bare_machine() -> None:
    """No Lab, no key: warnings with what to do; missing packages are a problem."""
    seen = observed()
    assert (seen["JupyterLab"].state, seen["key"].state, seen["packages"].state) == ("warning", "warning", "problem")
    assert all(each.action for each in seen.values() if each.state != "ok")


def test_widgets_need_their_extension(tmp_path: Path) -> None:
    """Installed in Python is not enough: JupyterLab must find the part for the browser."""
    versions = {"jupyterlab": "4.4.0", "anywidget": "0.9.18", "ipywidgets": "8.1.5"}
    (tmp_path / "anywidget").mkdir()
    (tmp_path / "anywidget" / "package.json").write_text(json.dumps({}), encoding="utf-8")
    seen = observed(version=versions.get, labs=[tmp_path])
    assert (seen["anywidget"].state, seen["ipywidgets"].state) == ("ok", "problem")


def test_values_of_the_environment_are_not_told() -> None:
    """Neither the key nor a proxy's password nor a path; what cannot be right is a problem."""
    environ = {
        "CODAT_API_KEY": "key-4711-key",
        "https_proxy": "http://ada:pass4711@proxy",
        "SSL_CERT_FILE": "/4711.pem",
    }
    seen = observed(environ=environ)
    assert "4711" not in "".join(map(str, seen.values()))
    assert seen["key"].state == "ok"
    assert "HTTPS_PROXY" in seen["proxies"].found
    assert seen["certificates"].state == "problem"
    assert observed(environ={"CODAT_API_KEY": "'quoted'"})["key"].state == "problem"


def test_the_server_is_reached_without_a_key() -> None:
    """A refusal shows that it is there; with a key it is a problem. The sandbox's clock is told apart."""
    with Sandbox(companies=2) as running, CodatLending(server_url=running.url) as keyless:
        assert [each.state for each in reach(keyless, False, True)] == ["ok", "ok"]
        assert [each.state for each in reach(keyless, True, True)] == ["problem"]
        running.faults.clock_skew = 7200
        clock = list(reach(keyless, False, False))[1]
        assert (clock.state, "behind" in clock.found) == ("warning", True)


# The command


def command(*arguments: str, typed: str = "", **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run the command in a process of its own, without the tests' own environment but for the path."""
    code = "import sys; from codat_notebook.cli import main; sys.exit(main())"
    given = {"PATH": "", "PYTHONPATH": str(Path(codat_notebook.__file__).parents[1]), **environ}
    run = [sys.executable, "-c", code, "doctor", *arguments]
    return subprocess.run(run, input=typed, capture_output=True, text=True, env=given, timeout=120)


def test_the_command_on_the_sandbox(tmp_path: Path) -> None:
    """Report on stdout and in the file, observations on stderr, exit code 0."""
    file = tmp_path / "report.md"
    done = command("--sandbox", "--deep", "--output", str(file))
    assert done.returncode == 0, done.stderr
    assert done.stdout == file.read_text(encoding="utf-8")
    assert done.stdout.startswith("# codat-notebook doctor: SANDBOX")
    assert "ok       server" in done.stderr


def test_a_refresh_needs_the_name_typed() -> None:
    """Nothing typed, nothing queued; with the name there are three more verdicts."""
    refused = command("--sandbox", "--deep", "--write-probes", "Toft Stores UK")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "Nothing was queued" in refused.stderr
    done = command("--sandbox", "--deep", "--write-probes", "Toft Stores UK", typed="Toft Stores UK\n")
    assert done.returncode == 0, done.stderr
    assert "| keys-honoured | confirmed |" in done.stdout


@pytest.mark.parametrize("company", [None, "Toft Stores UK"])
def test_the_command_only_reads(company: str | None) -> None:
    """Its client can queue nothing, unless a company was named for that."""
    with connected(Namespace(sandbox=True, write_probes=company)) as (client_of_command, session):
        assert client_of_command.read_only is (company is None)
        assert session is not None


def test_the_codes_of_the_command() -> None:
    """1 without a server, also without a key; 2 for arguments that do not go together; 10 where Codat is otherwise."""
    assert command("--output", "x").returncode == 2
    gone = command("--deep", CODAT_BASE_URL="http://127.0.0.1:9", CODAT_API_KEY="key-4711-key")
    assert (gone.returncode, gone.stdout, "4711" in gone.stderr) == (1, "", False)
    with Sandbox(companies=3) as running:
        there = {"CODAT_BASE_URL": running.url}
        assert command(**there).returncode == 0
        assert "--deep needs a key" in command("--deep", **there).stderr
        running.faults.max_page_size = 2_000
        other = command("--deep", CODAT_API_KEY=running.key, **there)
        assert (other.returncode, "Contradicted: largest-page" in other.stdout) == (10, True)
        assert running.key not in other.stdout + other.stderr
        assert other.stdout.startswith("# codat-notebook doctor: SANDBOX")
