"""The command in this process; with the fixture `sandbox` on a sandbox that it joins."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from codat_notebook.cli import main

Run = Callable[..., SimpleNamespace]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process: `.code`, `.out`, `.err`, `.next` (what it says to run next)."""

    def run(*arguments: str) -> SimpleNamespace:
        try:
            code = main(arguments)
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        last = said.err.splitlines()[-1:] or [""]
        then = last[0].removeprefix("Next: ") if last[0].startswith("Next: ") else None
        return SimpleNamespace(code=code, out=said.out, err=said.err, next=then)

    return run


@pytest.fixture
def plan_of(tmp_path: Path) -> Callable[..., str]:
    """Writes a plan of so many data types of companies: a name, then `id:type` pairs."""

    def write(name: str, *cells: str) -> str:
        rows = [cell.replace(":", ",") for cell in cells]
        (tmp_path / name).write_text("\n".join(["company_id,data_type", *rows]), encoding="utf-8")
        return str(tmp_path / name)

    return write
