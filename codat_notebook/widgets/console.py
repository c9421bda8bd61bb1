"""The console: the parts put together, for one session at a time.

:func:`console` builds the boxes and hands the parts to a :class:`~codat_notebook.widgets.controller.Connector`, which
has a controller act on their messages and draw them anew. Built once, updated ever after; nothing here asks Codat.

Running a console's cell again makes a console anew, and what the older one listens to would go on for ever. So a newer
console takes the place of the older one of the same session, or of the same cell: :class:`ConsoleRegistry`.
"""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import ipywidgets
from IPython import get_ipython

from codat_notebook.forking import Lock
from codat_notebook.markup import Markup, h
from codat_notebook.models.secret import host
from codat_notebook.runs.engine import engine
from codat_notebook.runs.folder import RunFolder
from codat_notebook.session import Session
from codat_notebook.widgets.connect import WAYS
from codat_notebook.widgets.console_parts import Parts
from codat_notebook.widgets.controller import Connector, Opening
from codat_notebook.widgets.part import Part, close_all, not_live
from codat_notebook.widgets.table import FrameTable, table_html
from codat_notebook.widgets.tabs import LABELS, PORTFOLIO

#: What stands in the place of a console that is live elsewhere.
REPLACED = "This console was replaced by a newer one. Run this cell again to have it here."

#: JupyterLab draws no widgets in outputs that it neither ran nor trusts.
LIVE_AGAIN = "To have it live in Jupyter, run the cell, or choose “Trust Notebook” if somebody else has just run it."

#: Seconds that a console waits for its first rows before it is shown: executed without a browser, and in front of one.
_PATIENCE, _LIVE_PATIENCE = 5.0, 1.0

#: Which part shows the details of a row, or of a bar, of the tabs that have them.
DETAILS = {
    "operations": "operation_details", "errors": "error_details", "timeline": "timeline_details",
    "requests": "request_details",
}  # fmt: skip


def _box(kind: type[ipywidgets.Box], children: list[ipywidgets.Widget], *classes: str) -> ipywidgets.Box:
    return kind(children, layout=children[0].layout, _dom_classes=classes)


class Console(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets comes without types
    """The form as a widget. Made by :func:`console`."""

    children: Any  # a trait of ipywidgets, which has no types

    def __init__(
        self, session: Session | None = None, *, company: str | None = None, journals: str | Path | None = None,
        run: str | None = None, ways: Sequence[str] = WAYS, read_only: bool = False, **limits: Any,
    ) -> None:  # fmt: skip
        self._parts = parts = Parts(session, ways, read_only=read_only)
        classes = ("codat-console",) if session is not None else ("codat-console", "codat-unconnected")
        super().__init__(_arranged(parts), _dom_classes=classes)
        self._asked = company
        opening = Opening(company, RunFolder(journals) if journals is not None else None, run)
        self._connector = Connector(session, parts, ways, read_only=read_only, opening=opening, **limits)
        self._connector.start()
        places.take(self, session, current_cell())

    @property
    def session(self) -> Session | None:
        """The session that the console acts for: the one it was given, or the one that its form has connected."""
        return self._connector.session

    def close(self) -> None:
        """Take the console off every screen. A session that it has opened itself is closed, any other is left alone."""
        engine().post(self._connector.stop)
        close_all([*self.children, self.layout])
        super().close()

    def retire(self) -> None:
        """Act no more, and say that a newer console has taken this one's place."""
        engine().post(self._connector.stop)
        old = self.children
        self.children = (ipywidgets.Label(REPLACED),)
        close_all(old)

    @property
    def _open_tab(self) -> Part[Any]:
        part: Part[Any] = getattr(self._parts, self._parts.tabs.state["active"])
        return part

    def _texts(self, now: str) -> list[tuple[Part[Any], str]]:
        """What the parts say without their controls; the open tab's comes last."""
        parts = self._parts
        shown: list[Part[Any]] = [parts.header, parts.company, parts.cards, parts.notice, parts.progress]
        shown += [parts.tabs, self._open_tab] if self.session else []
        return [(part, text) for part in shown if (text := part.text(part.state, now))]

    def _repr_html_(self) -> str:
        """For where no widget is drawn: the same as the text, with the rows as a table."""
        moment = self._parts.header.moment
        forms = [
            table_html(part.state) if isinstance(part, FrameTable) else h("pre", text)
            for part, text in self._texts(moment["now"])
        ]
        return Markup("").join(forms) + h("p", f"{not_live(moment)} {LIVE_AGAIN}")

    def _repr_mimebundle_(self, **options: Any) -> Any:
        if self.session and host() != "the app":  # what is saved as text and HTML stays as it is now
            engine().call(self._read(_PATIENCE if current_cell() is None else _LIVE_PATIENCE))
        moment = self._parts.header.moment
        texts = [text for _, text in self._texts(moment["now"])]
        bundle = super()._repr_mimebundle_(**options)
        return bundle and {**bundle, "text/plain": "\n\n".join([repr(self), *texts, not_live(moment)])}

    async def _read(self, patience: float) -> None:
        """Return once the company that was asked for is there, or not found, and the open tab no longer says that
        something is being read; or after so many seconds."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            shown, picked = self._open_tab.state, self._parts.company.state
            turned = picked.get("company") and self._parts.tabs.state["active"] not in PORTFOLIO
            opened = not self._asked or turned or picked.get("error")
            if opened and (shown.get("rows") or not shown.get("empty", "").endswith("…")):
                break
            await asyncio.sleep(0.02)
        self._asked = None  # wherever the reader goes from there

    def __repr__(self) -> str:
        of = f"of {self.session!r}" if self.session else "that is not connected"
        return f"<Console {of}: a form for notebooks; `codat-notebook app` shows it as a page>"


def _arranged(parts: Parts) -> list[ipywidgets.Widget]:
    """The parts in their boxes, in reading order. What went wrong is told where the height for it is there already."""
    contents = {name: getattr(parts, name) for name in {**PORTFOLIO, **LABELS}}
    for name, details in DETAILS.items():
        contents[name] = _box(ipywidgets.HBox, [contents[name], getattr(parts, details)], "codat-browse")
    pick = _box(ipywidgets.HBox, [parts.company, parts.connection, parts.cards], "codat-row-pick")
    run = _box(ipywidgets.VBox, [parts.bar, parts.progress, parts.notice], "codat-run")
    work = _box(ipywidgets.HBox, [parts.data_types, run], "codat-work")
    contents["runs"] = _box(ipywidgets.VBox, [parts.runs, parts.opened], "codat-runs-and-one")
    # Where no company is, in whose run it is told.
    below: dict[str, list[ipywidgets.Widget]] = {
        "companies": [parts.notice], "runs": [parts.notice], "plan": [parts.plan_rows, parts.notice],
    }  # fmt: skip
    panels = [
        _box(ipywidgets.VBox, [part, *below.get(name, ())], f"codat-panel-{name}") for name, part in contents.items()
    ]
    return [parts.header, parts.connect, pick, work, parts.tabs, *panels]


class ConsoleRegistry:
    """Who stands where: for each session, and for each cell of the notebook, the consoles that are live.

    One that is replaced is retired: it acts no more, says so where it is still on a screen, and is closed for good when
    its place is taken once more. Several consoles of one run of a cell live side by side.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._sessions: WeakKeyDictionary[Session, WeakSet[Console]] = WeakKeyDictionary()
        self._cells: dict[str, tuple[int, WeakSet[Console]]] = {}
        self._retired: WeakSet[Console] = WeakSet()

    def take(self, console: Console, session: Session | None, cell: tuple[str, int] | None) -> None:
        """Put a console in its places, and retire those that stood there; those retired before are closed."""
        older: set[Console] = set()
        gone: list[Console] = []
        with self._lock:
            if session is not None:
                older.update(self._sessions.get(session, ()))
                self._sessions[session] = WeakSet([console])
            if cell is not None:
                name, run = cell
                last_run, there = self._cells.get(name, (run, WeakSet()))
                if run != last_run:
                    older.update(there)
                    there = WeakSet()
                there.add(console)
                self._cells[name] = (run, there)
            if older:
                gone, self._retired = list(self._retired), WeakSet(older)
        for each in gone:
            each.close()
        for each in older:
            each.retire()


def current_cell() -> tuple[str, int] | None:
    """The id of the notebook's cell that runs now, and the number of its run; ``None`` outside of notebooks."""
    shell = get_ipython()
    kernel = getattr(shell, "kernel", None)
    if shell is None or kernel is None:
        return None
    name = (kernel.get_parent("shell") or {}).get("metadata", {}).get("cellId")
    return (str(name), shell.execution_count) if name else None


places = ConsoleRegistry()


def console(
    session: Session | None = None, *, company: str | None = None, journals: str | Path | None = None,
    run: str | None = None, ways: Sequence[str] = WAYS, read_only: bool = False, per_minute: int | None = 1000,
    concurrent: int | None = 10,
) -> Console:  # fmt: skip
    """The form: find the companies that need you, choose data types, refresh, watch, read what went wrong.

    Stays live while cells run. Show it as a cell's last line, or by ``display``.

    Parameters
    ----------
    session : what it acts for. Without one it asks how to connect, and ``session`` of the console is what came of it.
    company : the company that it opens, by its id or its whole name; by default it begins with all of them.
    journals : a folder. Each run that is started here keeps a journal there, and *Runs* lists them beside the session's
        own runs: those of other notebooks, too. A click resumes one that was interrupted.
    run : the name of one of these journals: it is opened, and resumed if it was interrupted.
    ways : how its reader may connect: any of ``"sandbox"``, ``"environment"`` (with the key of the environment) and
        ``"key"`` (with one that is typed). Empty: there is no form, and the console stays with ``session``, whatever
        a browser sends. For pages that others use.
    read_only : every session that the form opens refuses what queues. ``session`` itself is as it was made.
    per_minute, concurrent : the limits of the sessions that the form opens, as in ``connect``.

    Examples
    --------
    >>> console(connect(sandbox=True), journals="journals")  # doctest: +SKIP
    >>> console(connect(read_only=True), ways=())  # doctest: +SKIP
    """
    if unknown := set(ways) - set(WAYS):
        raise ValueError(f"no way to connect: {', '.join(sorted(unknown))}; there are {', '.join(WAYS)}")
    limits = {"per_minute": per_minute, "concurrent": concurrent}
    return Console(session, company=company, journals=journals, run=run, ways=ways, read_only=read_only, **limits)
