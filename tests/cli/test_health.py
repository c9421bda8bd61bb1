"""`codat-notebook health`: its exit codes, and what it tells once."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from codat_notebook.cli import main
from codat_notebook.cli.exits import Exit
from codat_notebook.cli.freshness import _without_count, troubles
from codat_notebook.planning.health import PortfolioStatus
from codat_notebook.planning.selection import select
from codat_notebook.planning.snapshots import CompanySnapshot
from codat_notebook.sandbox import Sandbox
from tests.planning.made import NOW, snapshot


def health(company: CompanySnapshot) -> dict[str, str]:
    """What is told of a company."""
    return troubles(PortfolioStatus([company], select(), NOW))


def test_what_is_within_its_goals_is_nothing_to_tell() -> None:
    """What is not is a line for each cell; a company that could not be read is one, too."""
    company = snapshot(("xero", "bills", 1, "Complete"), ("xero", "items", 9, "Complete"))
    assert list(health(company).values()) == ["C1, Xero, items: warn"]
    assert health(replace(company, cells=company.cells[:1])) == {}
    assert health(replace(company, cells=(), trouble="could not be read")) == {"c1": "C1: could not be read"}


def test_what_fails_again_and_again_says_since_when() -> None:
    """How often is told, and no news by itself; no text steers the terminal."""
    company = snapshot(("xero", "bills", 100, "FetchError"), ("xero", "items", None, "FetchError"))
    cells = tuple(replace(cell, failures=30) for cell in company.cells)
    told = list(health(replace(company, name="To\x1b[31mft", cells=cells)).values())
    assert told == [
        r"To\x1b[31mft, Xero, bills: fail, FetchError: failed 30 times in a row, not since 15 August 2026",
        r"To\x1b[31mft, Xero, items: fail, FetchError: failed 30 times in a row, this has never worked",
    ]
    assert _without_count(told[0]) == _without_count(told[0].replace("30", "31")) != _without_count(told[1])


@pytest.mark.codat(speed=1)
def test_each_change_is_told_once(sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the sandbox: all that is late at first, then nothing, then what is well again; the code stays."""
    told = tmp_path / "health.json"
    assert main(["health", "--sandbox", "--told", str(told)]) == Exit.LATE
    first = capsys.readouterr().out.splitlines()
    assert first
    assert all(line.startswith("new: ") for line in first)
    told.write_text(json.dumps({**json.loads(told.read_text()), "gone": "Gone: late"}))
    assert main(["health", "--sandbox", "--told", str(told)]) == Exit.LATE
    assert capsys.readouterr().out.splitlines() == ["well again: Gone: late"]
    told.write_text("[")
    assert main(["health", "--sandbox", "--told", str(told)]) == 1
    assert "cannot be read" in capsys.readouterr().err
