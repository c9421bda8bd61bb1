"""A kernel with ``%xmode Verbose``, which prints the variables of every frame: no mistake with a key shows it."""

import os
import re
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from tests import mistakes
from tests.keys import ENCODED, KEY, leaks

CELL_SECONDS = 120
_BEGIN = """
%xmode Verbose
from codat_notebook import CodatLending, connect
from codat_notebook.models.secret import Secret
from codat_notebook.models.shared import Security
from codat_notebook.session import Session
from mistakes import encoded, key
"""
_RICH = "import rich.traceback; _ = rich.traceback.install(show_locals=True, locals_max_string=None)"


def run(cells: list[str], folder: Path) -> list[Any]:
    """Run cells in a kernel whose environment holds the key; their outputs, a list for each."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in [_BEGIN, *cells]])
    client = NotebookClient(
        notebook, timeout=CELL_SECONDS, allow_errors=True, resources={"metadata": {"path": str(folder)}}
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CODAT_")}
    environment |= {"A_KEY_FOR_MISTAKES": KEY, "A_KEY_FOR_MISTAKES_ENCODED": ENCODED, "CODAT_API_KEY": KEY}
    executed = client.execute(env={**environment, "IPYTHONDIR": str(folder / "ipython")})
    first, *rest = executed.cells
    assert not [each for each in first.outputs if each.output_type == "error"], first.outputs
    return [cell.outputs for cell in rest]


def shown(outputs: list[Any]) -> str:
    """All that a cell put on the page, without colours."""
    parts = [str(each.get(name, "")) for each in outputs for name in ("evalue", "text", "data")]
    parts += [line for each in outputs for line in each.get("traceback", ())]
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(parts))


def test_a_verbose_traceback_shows_no_key(tmp_path: Path) -> None:
    """Each mistake ends in an error whose traceback does not hold the key, in IPython's form and in rich's."""
    (tmp_path / "mistakes.py").write_text(Path(mistakes.__file__).read_text("utf-8"), "utf-8")
    cells = list(mistakes.MISTAKES.values())
    # A frame that is not ours does show it: so these are tracebacks that show variables.
    control = "(lambda secret: secret.nothing)(key())"
    texts = [shown(outputs) for outputs in run([*cells, control, _RICH, *cells, control], tmp_path)]
    half = len(cells) + 1
    verbose, rich = texts[:half], texts[half + 1 :]
    for told in (verbose, rich):
        assert leaks(told[-1]), told[-1]
        for source, text in zip(cells, told, strict=False):
            assert "Error" in text, source
            assert not leaks(text), (source, text)
