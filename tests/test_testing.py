"""The fixtures and the marker for others' tests: as their page shows, and at no cost where they are not used."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from .commands import STRICT

ROOT = Path(__file__).parent.parent
PLUGIN = "codat_notebook.testing"


def pytest_on(folder: Path, test: str, *arguments: str) -> str:
    """Run a file of tests with the plugin alone, as if it were installed; gives what pytest prints."""
    (folder / "test_mine.py").write_text(test, encoding="utf-8")
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CODAT_", "PYTEST_"))}
    environment = {**inherited, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": paths}
    command = [sys.executable, "-m", "pytest", "-p", PLUGIN, "-p", "no:cacheprovider", "-q", "--strict-markers"]
    done = subprocess.run(
        [*command, *STRICT, *arguments, "test_mine.py"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr


def test_the_page_is_true(tmp_path: Path) -> None:
    """Its tests pass, each in its own world."""
    page = (ROOT / "docs" / "how-to" / "testing.md").read_text(encoding="utf-8")
    [code] = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    said = pytest_on(tmp_path, code)
    assert re.search(rf"^{code.count('def test_')} passed", said, re.MULTILINE), said


def test_it_is_found_and_costs_nothing(tmp_path: Path) -> None:
    """It is an entry point of pytest's; where no test uses it, nothing else of the package is loaded."""
    entries = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    assert entries == {"pytest11": {"codat_notebook": PLUGIN}}
    loaded = "{name for name in sys.modules if name.split('.')[0] in ('codat_notebook', 'pandas', 'httpx', 'msgspec')}"
    said = pytest_on(tmp_path, f"import sys\ndef test():\n    assert {loaded} == {{'codat_notebook', '{PLUGIN}'}}\n")
    assert "1 passed" in said, said


def test_what_cannot_be_meant_is_told(tmp_path: Path) -> None:
    """A switch that there is not, an argument without its name; of two markers the nearer one counts."""
    test = """
import pytest
pytestmark = pytest.mark.codat(companies=2, faults={"history_lag": 5, "concurrent": 7})
@pytest.mark.codat(companies=4, faults={"history_lag": 6})
def test_nearer(codat_sandbox):
    assert len(codat_sandbox.world.company_store) == 4
    assert (codat_sandbox.faults.history_lag, codat_sandbox.faults.concurrent) == (6, 7)
@pytest.mark.codat(faults={"historylag": 6})
def test_no_switch(codat_sandbox): ...
@pytest.mark.codat(faults={"history_lag": -6})
def test_no_value(codat_sandbox): ...
@pytest.mark.codat(3)
def test_no_name(codat_sandbox): ...
"""
    said = pytest_on(tmp_path, test)
    assert "1 passed, 3 errors" in said, said
    for words in ("no such setting: historylag", ">= 0", "named arguments"):
        assert words in said
