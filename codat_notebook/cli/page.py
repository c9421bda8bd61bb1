"""The console as a web page without code: Voila as a child, with a template of our own and one kernel for each visitor.

The page has no login: who can open the port has what it shows. So it listens on the loopback only, answers to no other
host's name (or a web site could reach it under its own, by DNS rebinding), and its kernels take messages of widgets and
no code. A kernel whose page was closed ends at once, one whose page was lost ends when it has been idle. The template
(``voila/templates/codat``) fetches nothing from elsewhere.
"""

from pathlib import Path
from typing import Any

from codat_notebook.cli.child import LOOPBACK, Child, free_port

_MAIN = "from voila.app import main; main()"
_TEMPLATES = Path(__file__).parent / "template"
_NOTEBOOK = "Codat console.ipynb"
#: Seconds between two looks for idle kernels.
_LOOK = 10


class Page(Child):
    """A running page; leaving the ``with`` block ends it and its kernels.

    ``sandbox``: whether its consoles are on the sandbox that ``environment`` names; else on Codat itself, with the key
    of the environment. ``read_only``: refuse everything that queues. ``idle``: minutes after which a kernel ends that
    no page holds any more. Raises :class:`Problem` if the port is taken.
    """

    name = "The page's server (Voila)"

    def __init__(
        self, port: int, environment: dict[str, str], *, sandbox: bool, read_only: bool = False, idle: float = 10
    ) -> None:
        port = free_port(port)
        files = {"voila.json": _settings(port, idle), _NOTEBOOK: _notebook(sandbox=sandbox, read_only=read_only)}
        super().__init__(port, _MAIN, files, {**environment, "JUPYTER_PATH": str(_TEMPLATES)}, inside=True)

    def is_up(self) -> bool:
        """Whether it serves our template."""
        return self.ask("GET", "/voila/templates/codat/static/page.js")


def _settings(port: int, idle: float) -> dict[str, Any]:
    seconds = max(1, round(idle * 60))
    # What another site's form could post (xsrf) would need the id of a kernel, and those are random; without the check
    # a page that is left can end its kernel.
    tornado = {"allow_remote_access": False, "local_hostnames": [LOOPBACK, "localhost"], "disable_check_xsrf": True}
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
        },
        "MappingKernelManager": {
            "cull_idle_timeout": seconds,
            "cull_interval": min(_LOOK, seconds),
            "cull_connected": False,
        },
    }


def _notebook(*, sandbox: bool, read_only: bool) -> dict[str, Any]:
    source = f"import codat_notebook as cn\ncn.console(cn.connect(sandbox={sandbox}, read_only={read_only}))"
    cell: dict[str, Any] = {
        "cell_type": "code",
        "id": "console",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
    }
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    title = "Codat console" + (", sandbox" if sandbox else "")
    return {
        "cells": [{**cell, "source": source}],
        "metadata": {"kernelspec": kernel, "title": title},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
