"""The notebooks: each runs from top to bottom in a kernel of its own, and is committed as nobody ran it."""

import os
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


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path: Path, tmp_path: Path) -> None:
    """Every cell ends without an error or a warning, given neither a key nor a sandbox."""
    client = NotebookClient(read(path), timeout=CELL_SECONDS, resources={"metadata": {"path": str(tmp_path)}})
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CODAT_")}
    executed = client.execute(env={**environment, "IPYTHONDIR": str(tmp_path / "ipython")})
    ran = [cell.execution_count for cell in executed.cells if cell.cell_type == "code"]
    assert ran == list(range(1, len(ran) + 1))
    assert [
        cell for cell in executed.cells if any(out.get("name") == "stderr" for out in cell.get("outputs", []))
    ] == []


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
