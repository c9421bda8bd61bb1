"""A notebook made of cells, opened in a front end: run it, look at it, save it, read it back, change the theme.

Nothing here clicks through menus: what a test needs of the front end goes through its own commands, once it has said
that it is ready (menus and key strokes without that failed two times in three).
"""

import base64
import itertools
import re
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Locator, Page

from . import deadlines
from .servers import Server

_KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
_URLS = {"lab": "lab/tree/{}?reset&", "notebook": "notebooks/{}?", "voila": "voila/render/{}?"}
_READY = """async () => {
  await jupyterapp.restored;
  const panel = jupyterapp.shell.currentWidget;
  await panel.context.ready;
  await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
}"""
_SETTLED = """() => jupyterapp.shell.currentWidget.content.widgets.every(
  cell => cell.model.type !== 'code' || cell.model.executionCount || !cell.model.sharedModel.getSource())"""
_THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
_count = itertools.count(1)


class Notebook:
    """One open notebook; `page` is its browser page. Made by the fixture `open_notebook`."""

    def __init__(
        self, server: Server, page: Page, cells: Sequence[str], shoot: Callable[[Page | Locator, str], Path]
    ) -> None:
        self.server = server
        self.page = page
        self.path = server.root / f"test-{next(_count)}.ipynb"
        self._shoot = shoot
        code = [nbformat.v4.new_code_cell(cell) for cell in cells]
        nbformat.write(nbformat.v4.new_notebook(cells=code, metadata={"kernelspec": _KERNEL}), str(self.path))

    def open(self) -> None:
        """Load it and wait until its kernel has answered (Voila: until the page stands)."""
        url = _URLS[self.server.kind].format(self.path.name)
        self.page.goto(f"{self.server.base}/{url}token={self.server.token}")
        if self.server.kind != "voila":
            ready = "() => window.jupyterapp?.shell?.currentWidget?.sessionContext"
            self.page.wait_for_function(ready, timeout=deadlines.NOTEBOOK)
            self.page.evaluate(_READY)
            self.theme("light")  # the server remembers what an earlier test chose

    def run_all(self) -> None:
        """Start all cells and return at once; wait for what they show with `locator`."""
        self.page.evaluate("() => void jupyterapp.commands.execute('notebook:run-all-cells')")

    def wait_until_run(self) -> None:
        """Wait until every cell has an execution count."""
        self.page.wait_for_function(_SETTLED, timeout=deadlines.NOTEBOOK)

    def run_cell(self, code: str) -> None:
        """Put a new cell at the end and start it."""
        self.page.evaluate(
            """async code => {
              const { commands, shell } = jupyterapp;
              const notebook = shell.currentWidget.content;
              notebook.activeCellIndex = notebook.widgets.length - 1;
              await commands.execute('notebook:insert-cell-below');
              notebook.activeCell.model.sharedModel.setSource(code);
              void commands.execute('notebook:run-cell');
            }""",
            code,
        )

    def block(self, before: str = "") -> Callable[[], None]:
        """Run `before` in a new cell that then blocks the kernel until the function is called that is returned.

        It blocks as a sleeping cell does, and prints "slept well" at its end. No time is given: on a busy machine any
        would be over before the test has looked.
        """
        woken = self.path.with_suffix(".wake")
        sleep = f"import pathlib, time\nwhile not pathlib.Path({str(woken)!r}).exists():\n    time.sleep(0.2)\n"
        self.run_cell(f"{before}\n{sleep}print('slept', 'well')")
        return woken.touch

    def locator(self, selector: str) -> Locator:
        """Find something on the page."""
        return self.page.locator(selector)

    def output(self, number: int) -> Locator:
        """The output area of a cell, counted from 0."""
        return self.page.locator(".jp-CodeCell").nth(number).locator(".jp-OutputArea-output")

    def theme(self, name: str) -> None:
        """Switch to "light" or "dark" (JupyterLab, Notebook 7)."""
        self.page.evaluate("name => jupyterapp.commands.execute('apputils:change-theme', {theme: name})", _THEMES[name])
        # JupyterLab fades its splash screen out, and fails to remove it where the next theme comes before that.
        self.page.wait_for_function(
            """light => document.body.dataset.jpThemeLight === light
                 && !document.getElementById("jupyterlab-splash")""",
            arg="true" if name == "light" else "false",
        )

    def shot(self, name: str, of: Locator | None = None) -> Path:
        """A screenshot of the page, or of one element."""
        return self._shoot(of or self.page, name)

    def saved(self) -> nbformat.NotebookNode:
        """Save it with its widget state, and read the file back."""
        self.page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
        return nbformat.read(str(self.path), as_version=4)

    def saved_widgets(self) -> dict[str, Any]:
        """The state of each widget in the saved file, by model id."""
        metadata = self.saved().metadata.get("widgets", {})
        state: dict[str, Any] = metadata.get("application/vnd.jupyter.widget-state+json", {}).get("state", {})
        return state

    def saved_text(self) -> str:
        """Everything that the saved file says: its text, and what travels packed in it, opened."""
        text = str(self.saved()) + self.path.read_text("utf-8")
        packed = re.findall(r"[A-Za-z0-9+/]{40,}={0,2}", text)
        return "\n".join([text, *filter(None, map(_unpacked, packed))])

    def forget_kernel(self) -> None:
        """End the kernel, as the next day does to a notebook that was saved; opened anew it gets another one."""
        self.page.goto("about:blank")
        self._end_kernel()

    def end(self) -> None:
        """End the kernel and close the page."""
        if self.server.kind != "voila":
            self._end_kernel()
        self.page.close()

    def _end_kernel(self) -> None:
        for session in self.server.call("GET", "sessions"):
            if session["path"] == self.path.name:
                self.server.call("DELETE", f"sessions/{session['id']}")


def _unpacked(text: str) -> str:
    """A packed text (deflated, in base64) as it was; empty for what only looks like one."""
    try:
        return zlib.decompress(base64.b64decode(text, validate=True)).decode()
    except (ValueError, zlib.error):
        return ""
