"""A lock beside a file, so that two processes never write it at the same time.

It is the operating system's: it ends with the process that holds it, however that ends, so nothing is left behind that
somebody would have to clear away. The file beside says who holds it, for the message to the other one. A forked child
has it not, and does not keep it when its parent is dead.
"""

import os
import socket
import sys
from pathlib import Path
from typing import IO, Self

from codat_notebook import forking

if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30  # beyond the text, which others read meanwhile

    def _take(file: IO[str]) -> None:
        file.seek(_FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Taken(Exception):
    """Another process, or another session of this one, holds the lock; its text says who."""


class FileLock:
    """Held from :meth:`take` to :meth:`free`. The lock file stays; removing it would let two hold it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     FileLock.take(Path(folder, "x")).free()
    """

    def __init__(self, file: IO[str]) -> None:
        self._file: IO[str] | None = file
        forking.remember(self)

    def after_fork(self) -> None:
        """In a forked child: the parent alone holds the lock, which would last until the last copy of the file goes."""
        if self._file is not None:
            forking.let_go([self._file])

    @classmethod
    def take(cls, path: Path) -> Self:
        """Lock the file ``path`` + ``.lock``.

        Raises:
            Taken: somebody else has it.
            OSError: the file cannot be made.
        """
        file = open(f"{path}.lock", "a+", encoding="utf-8")  # noqa: SIM115 - it is held, and closed by free()
        try:
            _take(file)
        except OSError as error:
            file.seek(0)
            who = file.read(200).strip() or "another process"
            file.close()
            raise Taken(who) from error
        file.seek(0)
        file.truncate()
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        return cls(file)

    def free(self) -> None:
        """Let others have it. Safe to call twice."""
        if self._file is not None:
            self._file.close()  # the lock goes with it
            self._file = None
