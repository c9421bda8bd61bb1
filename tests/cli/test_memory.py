"""`codat-notebook memory`, and that what is served live says whether it remembers."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from codat_notebook.cli import main
from codat_notebook.cli.child import _notebook
from codat_notebook.models.secret import Secret
from codat_notebook.runs.context import CompanyFacts
from codat_notebook.runs.memory import Look, Memory
from codat_notebook.sandbox import Sandbox

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_memory_forgets_a_company(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And says so in a line, with exit codes; the file is named by the argument or the environment."""
    path = tmp_path / "codat.sqlite"
    assert main(["memory", "--forget", "c1", "--memory", str(path)]) == 1
    assert "There is no memory" in capsys.readouterr().err
    memory = Memory(path, "https://codat.test", Secret.of("an-api-key"))
    memory.saw([Look(CompanyFacts(id, "", {}, {}), NOON, []) for id in ("c1", "c2")])
    monkeypatch.setenv("CODAT_MEMORY", str(path))
    assert main(["memory", "--forget", "C1"]) == 0
    assert "1 row deleted" in capsys.readouterr().out
    assert main(["memory", "--forget", "C1"]) == 1
    assert "knows no company" in capsys.readouterr().err
    monkeypatch.delenv("CODAT_MEMORY")
    assert main(["memory", "--forget", "c2"]) == 1
    assert "--memory FILE" in capsys.readouterr().err


def test_live_wants_to_know_whether_to_remember(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing starts without a word of the operator's; a memory of one account is for no form."""
    monkeypatch.delenv("CODAT_MEMORY", raising=False)
    monkeypatch.delenv("CODAT_AUTH_HEADER", raising=False)
    monkeypatch.setenv("CODAT_API_KEY", "an-api-key")
    assert main(["app", "--live", "--no-browser"]) == 1
    assert "--memory FILE, or that nothing is kept, --no-memory" in capsys.readouterr().err
    for options in ([], ["--live", "--connect-form"]):
        assert main(["app", "--no-browser", "--memory", str(tmp_path / "m"), *options]) == 2
    source = _notebook(sandbox=False, ways=(), read_only=True, memory=tmp_path / "it's\n.sqlite", journals=None)[
        "cells"
    ][0]["source"]
    compile(source, "cell", "exec")
    assert f"memory={str(tmp_path / 'it')!r}"[:-1] in source.replace('"', "'")


@pytest.mark.codat(speed=1)
def test_a_command_remembers_where_it_is_told_to(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CODAT_MEMORY is for the commands: what a health check saw, the next one need not ask for."""
    monkeypatch.setenv("CODAT_MEMORY", str(tmp_path / "codat.sqlite"))
    main(["health"])
    first = sandbox.traffic.requests
    main(["health"])
    second = sandbox.traffic.requests - first
    assert first > 12
    assert second == 2
