"""Type checkers find the mistakes that they find with the official SDK, in code that uses this package."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHECKERS = {
    "mypy": ["--strict", "--no-error-summary"],  # as the gate has it, whose cache it reads
    "pyright": ["--pythonpath", sys.executable],
}


@pytest.mark.parametrize("checker", CHECKERS)
def test_mistakes_are_found_and_nothing_else(checker: str) -> None:
    """Each misspelt call, group, field and name in the bad code, and no line of the good code."""
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"no {checker}: pip install 'codat-notebook[test]'")
    command = [sys.executable, "-m", checker, *CHECKERS[checker], "tests/typing"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 1, told.stdout + told.stderr
    complaints = re.findall(r"(\w+\.py):(\d+)(?::\d+)?(?: -|:) error:", told.stdout)
    lines = (ROOT / "tests/typing/bad.py").read_text("utf-8").splitlines()
    wrong = {("bad.py", str(number)) for number, line in enumerate(lines, 1) if line.endswith("# wrong")}
    assert len(wrong) > 15
    assert set(complaints) == wrong, told.stdout
