"""The notebooks: each runs from top to bottom in a kernel of its own, and is committed as nobody ran it."""

import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
CELL_SECONDS = 120


def read(path: Path) -> Any:
    """A notebook, checked against the format."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def execute(path: Path, folder: Path) -> Any:
    """Run a notebook in a kernel of its own, given neither a key nor a sandbox; returns it with its outputs."""
    client = NotebookClient(read(path), timeout=CELL_SECONDS, resources={"metadata": {"path": str(folder)}})
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CODAT_")}
    return client.execute(env={**environment, "IPYTHONDIR": str(folder / "ipython")})


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path: Path, tmp_path: Path) -> None:
    """Every cell ends without an error or a warning."""
    executed = execute(path, tmp_path)
    ran = [cell.execution_count for cell in executed.cells if cell.cell_type == "code"]
    assert ran == list(range(1, len(ran) + 1))
    assert [
        cell for cell in executed.cells if any(out.get("name") == "stderr" for out in cell.get("outputs", []))
    ] == []


@pytest.mark.full
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_again(path: Path, tmp_path: Path) -> None:
    """Files that it left do not hinder it the next time."""
    execute(path, tmp_path)
    execute(path, tmp_path)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_committed_bare(path: Path) -> None:
    """No outputs, no execution counts, no widget state; the plain kernel; under 12 code cells."""
    notebook = read(path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.source for cell in code if cell.outputs or cell.execution_count is not None] == []
    assert [cell.source for cell in notebook.cells if "execution" in cell.metadata] == []
    assert "widgets" not in notebook.metadata
    assert notebook.metadata.kernelspec.name == "python3"
    assert 0 < len(code) < 12


@pytest.mark.parametrize(("path", "following"), list(pairwise(NOTEBOOKS)), ids=lambda path: path.stem)
def test_notebooks_are_one_course(path: Path, following: Path) -> None:
    """Each ends with a link to the next."""
    last = read(path).cells[-1]
    assert last.cell_type == "markdown"
    assert f"Next: [{following.stem}]({following.name})" in last.source


@pytest.mark.parametrize("waiting", ["run.wait(timeout=100)", "await run"])
def test_a_run_that_another_cell_waits_for_is_saved_with_its_end(waiting: str, tmp_path: Path) -> None:
    """Without a browser, too: what was drawn by one cell is saved as it was when the next had waited."""
    cells = [
        "import codat_notebook as cn\nsession = cn.connect(sandbox=True)\n"
        "run = session.refresh(session.companies(search='toft').id[0], 'invoices', 'customers')\nrun",
        f"_ = {waiting}",
    ]
    path = tmp_path / "waits.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells]), path)
    saved = execute(path, tmp_path).metadata.widgets["application/vnd.jupyter.widget-state+json"].state.values()
    [drawn] = [each.state for each in saved if each.state.get("_anywidget_id", "").endswith(".Progress")]
    assert drawn["state"]["counts"]["total"] == drawn["state"]["counts"]["complete"] == 2
