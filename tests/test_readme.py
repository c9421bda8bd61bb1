"""The README tells the truth: its Python and its magics run, its commands exist. (Its links: `test_docs`.)"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from codat_notebook.cli import parser

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The code blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_python_runs(tmp_path: Path) -> None:
    """The Python blocks run one after the other in one interpreter, with neither a key nor a sandbox given."""
    code = "\n".join(blocks("python"))
    assert "import codat_notebook" in code
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CODAT_")}
    check = "assert len(run.operations) == 2 and run.operations.completed.notna().all(), run.operations"
    run = subprocess.run(
        [sys.executable, "-c", f"{code}\n{check}"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (run.returncode, run.stderr) == (0, "")


def test_magics_run(tmp_path: Path) -> None:
    """The lines for IPython run one after the other in one shell, and leave the run that they name."""
    code = f"""
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
shell = InteractiveShell.instance(config=Config({{"HistoryManager": {{"enabled": False}}}}))
for line in {"".join(blocks("ipython")).splitlines()!r}:
    shell.run_cell(line, silent=True).raise_error()
assert len(shell.user_ns["run"].wait(60).operations) == 2
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CODAT_")}
    environment["IPYTHONDIR"] = str(tmp_path)
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert (run.returncode, run.stderr) == (0, "")


def test_commands_exist() -> None:
    """Each `codat-notebook` command line that is shown is one that the program takes."""
    shown = re.findall(r"codat-notebook ((?:demo|sandbox|lab|app|refresh)[^`\n]*)", README)
    assert len(shown) >= 4
    for arguments in shown:
        parser().parse_args(arguments.split())


def test_the_two_commands_name_what_exists() -> None:
    """The installation lines name extras that pyproject has, on both platforms alike."""
    lines = [line for language in ("sh", "powershell") for block in blocks(language) for line in block.splitlines()]
    extras = [match[1] for line in lines if (match := re.search(r"pip install (?:-e )?'\.\[(\w+)\]'", line))]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert extras == ["lab", "test", "lab", "test"]
    assert "--no-index --find-links wheelhouse 'codat-notebook[lab]'" in "\n".join(lines)
    assert {"truststore", *extras} <= set(project["optional-dependencies"])
