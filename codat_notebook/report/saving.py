"""Where a report goes: refused before anything is asked where it cannot be written, and never half a file."""

import os
import tempfile
from pathlib import Path


def destination(path: str | os.PathLike[str], overwrite: bool) -> Path:
    """The file's whole path, if a report can be put there.

    Raises ``FileNotFoundError`` where the folder does not exist, ``IsADirectoryError`` for a folder, and
    ``FileExistsError`` for a file that is not to be overwritten.
    """
    found = Path(path).expanduser().absolute()
    if found.is_dir():
        raise IsADirectoryError(f"{found} is a folder: name a file in it, such as {found / 'report.html'}.")
    if not found.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {found.parent}: create it, or name another one.")
    if found.exists() and not overwrite:
        raise FileExistsError(f"{found} exists: name another file, or say overwrite=True.")
    return found


def save(text: str, path: Path, overwrite: bool) -> Path:
    """Write the file in one step, so that a reader finds all of it or what was there before; returns its path."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", newline="\n", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        file.write(text)
    made = Path(file.name)
    try:
        destination(path, overwrite)  # a file may have come there since
        made.chmod(0o644)
        made.replace(path)
    except OSError:
        made.unlink()
        raise
    return path
