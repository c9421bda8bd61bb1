"""Consoles that are left open, on virtual time: in a process of its own, since a process has one engine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

_HERE = Path(__file__).parents[2]


def asked(what: str) -> list[int]:
    """The requests of each of two visitors in an hour in which both look at their page."""
    command, environment = [sys.executable, "-m", "tests.widgets.left_open", what], {"PYTHONPATH": str(_HERE)}
    process = subprocess.run(
        command, cwd=_HERE, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert process.returncode == 0, process.stderr
    found: list[int] = json.loads(process.stdout)
    return found


@pytest.mark.parametrize(("second", "most"), [pytest.param("runs", 0, marks=pytest.mark.full), ("company", 30)])
def test_an_hour_left_open_costs_next_to_nothing(second: str, most: int) -> None:
    """All companies on one page, the runs or a company on the other: only the company is read, at most 30 times."""
    companies, other = asked(second)
    assert companies == 0
    assert (most > 0) <= other <= most
