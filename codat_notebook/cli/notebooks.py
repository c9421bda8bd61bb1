"""The notebooks that come with the package: where they are, and a copy of them that the user may change.

A wheel carries them inside the package; a source checkout (also one installed with ``pip install -e``) has them beside
it. What is already in the target folder is the user's and is never written over.
"""

import shutil
from pathlib import Path

from codat_notebook.cli.problem import Problem

_PACKAGE = Path(__file__).parent.parent
FIRST = "01_first_look.ipynb"


def shipped() -> Path:
    """The folder with the notebooks as they were shipped. Raises :class:`Problem` if the installation lacks them."""
    for folder in (_PACKAGE / "notebooks", _PACKAGE.parent / "notebooks"):
        if (folder / FIRST).is_file():
            return folder
    raise Problem("The notebooks are missing from this installation. Install codat-notebook again.")


def copy(source: Path, target: Path) -> list[str]:
    """Copy the notebooks of ``source`` that ``target`` lacks; return the names of those that were there already."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        kept = []
        for notebook in sorted(source.glob("*.ipynb")):
            if (target / notebook.name).exists():
                kept.append(notebook.name)
            else:
                shutil.copyfile(notebook, target / notebook.name)
    except OSError as error:
        raise Problem(f"The notebooks cannot be copied to {target}: {error.strerror}. Try another --dir.") from error
    return kept
