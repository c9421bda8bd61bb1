"""JupyterLab as a child: a token of its own that stands in no process list, quiet, ended through its own interface.

The browser gets the token from a file that only this user can read: every user of a machine can read the arguments
that a program is started with. ``/api/shutdown`` ends the kernels too and works alike on every platform. The rest is
in ``child``.

A wheel carries the notebooks inside the package; a source checkout has them beside it. Copies that are already in the
target folder are the user's and are never written over.
"""

import html
import os
import secrets
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

from codat_notebook.cli.child import LOOPBACK, Child, free_port
from codat_notebook.cli.stopping import CommandError

_PACKAGE = Path(__file__).parent.parent
FIRST = "01_first_look.ipynb"

#: Before Lab: jsonschema's checker of international addresses compiles a grammar for 3 s when it is imported, more than
#: all else that Lab does at its start. It is optional, nothing here checks such addresses, so it is declared absent.
_MAIN = """
import sys
sys.modules["rfc3987_syntax"] = None
from jupyterlab.labapp import main
sys.exit(main())
"""

_LEADS_ON = """<!doctype html><meta charset="utf-8"><title>JupyterLab</title>
<meta http-equiv="refresh" content="0; url={0}"><p><a href="{0}">Open JupyterLab</a></p>
"""

#: Without these, Lab asks at each start whether it may fetch news.
_QUIET = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}


class Lab(Child):
    """A running JupyterLab; leaving the ``with`` block ends it.

    ``folder``: what it serves; the rest is :class:`Child`'s.
    """

    name = "JupyterLab"

    def __init__(
        self, folder: Path, port: int = 0, environment: dict[str, str] | None = None, *, without: Collection[str] = ()
    ) -> None:
        port = free_port(port)
        self._token = secrets.token_urlsafe(24)
        files = {
            "jupyter_server_config.json": _settings(folder, port, self._token),
            "labconfig/default_setting_overrides.json": _QUIET,
        }
        super().__init__(port, _MAIN, files, environment or {}, without=without)

    def url(self, notebook: str) -> str:
        """The address that opens ``notebook``, with the token."""
        return f"{self.base}/lab/tree/{notebook}?token={self._token}"

    def page_to_open(self, notebook: str) -> str:
        """The address of a private file that leads a browser on to :meth:`url`; itself it holds no secret."""
        path = self.folder / "open.html"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(_LEADS_ON.format(html.escape(self.url(notebook))))
        return path.as_uri()

    def is_up(self) -> bool:
        """Whether it knows the token."""
        return self._ask("GET", "/api/status")

    def ask_to_end(self) -> None:
        """By its own interface; by a signal where that does not answer."""
        if not self._ask("POST", "/api/shutdown"):
            super().ask_to_end()

    def _ask(self, method: str, path: str) -> bool:
        return self.ask(method, path, {"Authorization": f"token {self._token}"})


def _settings(folder: Path, port: int, token: str) -> dict[str, Any]:
    """Lab's configuration: on the loopback alone, and without looking for news, updates or builds."""
    server = {
        "ip": LOOPBACK,
        "port": port,
        "port_retries": 0,
        "root_dir": str(folder.resolve()),
        "open_browser": False,
        "allow_remote_access": False,  # answers to no other host's name (DNS rebinding)
        "allow_root": True,  # containers run as root; the loopback and the token are the protection
        "tornado_settings": {"page_config_data": {"buildCheck": False, "buildAvailable": False}},
    }
    lab = {
        "news_url": None,
        "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "extension_manager": "readonly",
    }
    return {
        "ServerApp": server,
        "LabApp": lab,
        "IdentityProvider": {"token": token},
        "LanguageServerManager": {"autodetect": False},  # or it runs npm to look for some
    }


def shipped_notebooks() -> Path:
    """The folder of the notebooks as shipped. Raises :class:`CommandError` if the installation lacks them."""
    for folder in (_PACKAGE / "notebooks", _PACKAGE.parent / "notebooks"):
        if (folder / FIRST).is_file():
            return folder
    raise CommandError("The notebooks are missing from this installation. Install codat-notebook again.")


def copy_notebooks(source: Path, target: Path) -> list[str]:
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
        raise CommandError(
            f"The notebooks cannot be copied to {target}: {error.strerror}. Try another --dir."
        ) from error
    return kept
