"""The console as a web page without code: Voila as a child, with a template of our own and one kernel for each visitor.

The page has no login: who can open the port has what it shows. So it listens on the loopback only, starts no kernel
for other sites (``page_server`` refuses them), and its kernels take messages of widgets and no
code. The notebook fixes what the operator chose: server, key, read-only. A kernel whose page was closed ends at once,
one whose page was lost ends when it has been idle. The template (``voila/templates/codat``) fetches nothing from
elsewhere.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from codat_notebook.cli.child import LOOPBACK, Child, free_port

_MAIN = "from codat_notebook.cli.page_server import main; main()"
_TEMPLATES = Path(__file__).parent / "template"
_NOTEBOOK = "Codat console.ipynb"
#: Seconds between two looks for idle kernels.
_LOOK = 10
#: No site may show the page in a frame, include it, or keep a hold on its window.
_HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
#: The page's one cell. A browser may ask for the state of widgets, but opens none of its own choice.
_CELL = """\
import comm
import codat_notebook as cn
frame = {}
comm.get_comm_manager().targets.pop("jupyter.widget")
frame"""


class ConsolePage(Child):
    """A running page; leaving the ``with`` block ends it and its kernels.

    ``sandbox``: whether its consoles are on the sandbox that ``environment`` names; else on Codat itself, with the key
    of the environment. ``ways``: how a visitor connects instead, by a form; without any nothing can be changed.
    ``read_only``: refuse everything that queues. ``visitors``: how many kernels there may be at a time. ``idle``:
    minutes after which a kernel ends that no page holds any more. The rest is :class:`Child`'s.
    """

    name = "The page's server (Voila)"

    def __init__(
        self,
        port: int,
        environment: dict[str, str],
        *,
        sandbox: bool,
        ways: Sequence[str] = (),
        read_only: bool = False,
        visitors: int = 20,
        idle: float = 10,
        without: Collection[str] = (),
    ) -> None:
        port = free_port(port)
        notebook = _notebook(sandbox=sandbox, ways=ways, read_only=read_only)
        files = {"voila.json": _settings(port, visitors, idle), _NOTEBOOK: notebook}
        environment = {**environment, "JUPYTER_PATH": str(_TEMPLATES)}
        super().__init__(port, _MAIN, files, environment, without=without, inside=True)

    def is_up(self) -> bool:
        """Whether it serves our template."""
        return self.ask("GET", "/voila/templates/codat/static/page.js")


def _settings(port: int, visitors: int, idle: float) -> dict[str, Any]:
    seconds = max(1, round(idle * 60))
    # Without Jupyter's own check (xsrf) a page that is left can end its kernel; the border refuses what others post.
    tornado = {
        "allow_remote_access": False,
        "local_hostnames": [LOOPBACK, "localhost"],
        "disable_check_xsrf": True,
        "headers": _HEADERS,
    }
    return {
        "Voila": {
            "ip": LOOPBACK,
            "port": port,
            "port_retries": 0,
            "open_browser": False,
            "notebook_path": _NOTEBOOK,
            "tornado_settings": tornado,
        },
        "VoilaConfiguration": {
            "template": "codat",
            "theme": "light",  # the page switches by itself, without a new kernel
            "allow_template_override": "NO",
            "allow_theme_override": "NO",
            "file_allowlist": [],
            "strip_sources": True,
            "show_tracebacks": False,
            "multi_kernel_manager_class": "codat_notebook.cli.page_server.Kernels",
        },
        "Kernels": {"places": visitors},
        "MappingKernelManager": {
            "cull_idle_timeout": seconds,
            "cull_interval": min(_LOOK, seconds),
            "cull_connected": False,
        },
    }


def _notebook(*, sandbox: bool, ways: Sequence[str], read_only: bool) -> dict[str, Any]:
    form = f"cn.console(ways={tuple(ways)}, read_only={read_only})"
    fixed = f"cn.console(cn.connect(sandbox={sandbox}, read_only={read_only}), ways=())"
    source = _CELL.format(form if ways else fixed)
    cell: dict[str, Any] = {"cell_type": "code", "id": "console", "execution_count": None, "metadata": {}}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    title = "Codat console" + (", sandbox" if sandbox else "")
    return {
        "cells": [{**cell, "outputs": [], "source": source}],
        "metadata": {"kernelspec": kernel, "title": title},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
