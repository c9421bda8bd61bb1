"""The README and the pages in docs/ tell the truth: what they show runs. (Their links: `test_docs`.)"""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

from codat_notebook.cli import parser

from .commands import STRICT

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").rglob("*.md"))
#: Runs each page's blocks in names of its own, on a fast sandbox that every way of connecting leads to.
RUN_PAGES = """
import os, sys, json
import codat_notebook as cn
from codat_notebook.cli import main
for page, python, commands in json.load(sys.stdin):
    with cn.Sandbox(speed=3000) as sandbox:
        os.environ |= dict.fromkeys(("CODAT_BASE_URL", "CODAT_SANDBOX_URL"), sandbox.url)
        os.environ |= dict.fromkeys(("CODAT_API_KEY", "CODAT_SANDBOX_KEY"), sandbox.key)
        if "sandbox=True" in python:  # one of its own
            del os.environ["CODAT_SANDBOX_URL"]
        exec(compile(python, page, "exec"), {})
        for command in commands:
            code = main(command)
            assert code in (0, 3, 8, 11, 12), (page, command, code)
"""


def blocks(language: str, *pages: Path) -> list[str]:
    """The code blocks of a language in a page (the README by default), in order."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages or [README])
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(*pages: Path) -> list[list[str]]:
    """The arguments of each `codat-notebook` line of the pages' shell blocks and tables."""
    lines = [line for block in blocks("sh", *pages) for line in block.splitlines()]
    lines += [code for page in pages for code in re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8"))]
    words = "|".join(next(action for action in parser()._actions if action.dest == "command").choices)
    program = rf"(?:^|[ /])(?:codat-notebook|python -m codat_notebook) ((?:{words})\b.*)"
    return [shlex.split(found[1]) for line in lines if (found := re.search(program, line))]


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
for line in {"".join(blocks("ipython", ROOT / "docs/start/code.md")).splitlines()!r}:
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
    shown = commands(README, *PAGES)
    assert len(shown) >= 20
    for arguments in shown:
        parser().parse_args(arguments)


def test_pages_run(tmp_path: Path) -> None:
    """The Python of each page runs from top to bottom, and so do its commands that end by themselves."""
    ends = ("refresh", "health", "ready")
    ending = {page: [line for line in commands(page) if line[0] in ends and line[1:]] for page in PAGES}
    shown = [(page.name, "\n".join(blocks("python", page)), ending[page]) for page in PAGES]
    assert sum(bool(python) for _, python, _ in shown) >= 10
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CODAT_")}
    run = subprocess.run(
        [sys.executable, *STRICT, "-c", RUN_PAGES],
        input=json.dumps(shown),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-3000:]


def test_the_readme_is_short() -> None:
    """It is read in three minutes; the rest has pages."""
    assert len(README.read_text(encoding="utf-8").split()) <= 520


def test_the_two_commands_name_what_exists() -> None:
    """The installation lines name extras that pyproject has, on both platforms alike."""
    lines = [line for language in ("sh", "powershell") for block in blocks(language) for line in block.splitlines()]
    extras = [match[1] for line in lines if (match := re.search(r"pip install (?:-e )?'\.\[(\w+)\]'", line))]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert extras == ["lab", "test", "lab", "test"]
    texts = "".join(page.read_text("utf-8") for page in (README, *PAGES))
    named = {*re.findall(r"(?:\.|notebook)\[(\w+)\]'", texts), *re.findall(r"extra `(\w+)`", texts)}
    assert {"truststore", "keyring", *extras} <= named <= set(project["optional-dependencies"])
