"""One live console, not two: a newer one takes the place of the older one of the same session, or of the same cell.

Running a console's cell again makes a console anew, and what the older one listens to would go on for ever. It is
retired: it acts no more, says so where it is still on a screen, and is closed for good when it is replaced once more.
Several consoles of one run of a cell live side by side.
"""

import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from IPython import get_ipython

from codat_notebook.forking import Lock

if TYPE_CHECKING:
    from codat_notebook.session import Session
    from codat_notebook.widgets.console import Console


class ConsoleRegistry:
    """Who stands where: for each session, and for each cell of the notebook, the console that is live."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sessions: weakref.WeakKeyDictionary[Session, weakref.ref[Any]] = weakref.WeakKeyDictionary()
        self._cells: dict[str, tuple[int, list[weakref.ref[Any]]]] = {}
        self._retired: list[weakref.ref[Any]] = []

    def take(self, console: "Console", session: "Session | None", cell: tuple[str, int] | None) -> None:
        """Put a console in its places, and retire those that stood there; those retired before are closed."""
        gone: list[Any] = []
        with self._lock:
            older = {id(each): each for each in self._of_session(console, session) + self._of_cell(console, cell)}
            if older:
                gone, self._retired = self._retired, [weakref.ref(each) for each in older.values()]
        for each in _alive(gone):
            each.close()
        for each in older.values():
            each.retire()

    def _of_session(self, console: "Console", session: "Session | None") -> list[Any]:
        if session is None:
            return []
        before = self._sessions.get(session)
        self._sessions[session] = weakref.ref(console)
        return _alive([before] if before else [])

    def _of_cell(self, console: "Console", cell: tuple[str, int] | None) -> list[Any]:
        if cell is None:
            return []
        name, run = cell
        last_run, before = self._cells.get(name, (run, []))
        again = last_run != run
        self._cells[name] = (run, [*([] if again else before), weakref.ref(console)])
        return _alive(before) if again else []


def _alive(references: Iterable[weakref.ref[Any]]) -> list[Any]:
    return [each for each in (reference() for reference in references) if each is not None]


def current_cell() -> tuple[str, int] | None:
    """The id of the notebook's cell that runs now, and the number of its run; ``None`` outside of notebooks."""
    shell = get_ipython()
    kernel = getattr(shell, "kernel", None)
    if shell is None or kernel is None:
        return None
    name = (kernel.get_parent("shell") or {}).get("metadata", {}).get("cellId")
    return (str(name), shell.execution_count) if name else None


places = ConsoleRegistry()
