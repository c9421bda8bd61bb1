"""A JupyterLab as a child process: started on the loopback, waited for, and ended with all its kernels.

It gets a configuration, a token and runtime files of its own in a private temporary folder, so that the user's
Jupyter settings (a password, another port, a base URL) neither break it nor are touched, and the token stands in no
process list. It is ended through its own ``/api/shutdown``, which ends the kernels too and works alike on every
platform; only a Lab that does not answer to that is killed. Ctrl-C in the terminal does not reach it (it would ask
back): the child has a process group of its own.
"""

import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from codat_notebook.cli.problem import Problem

#: Before Lab: jsonschema's checker of international addresses compiles a grammar for 3 s when it is imported, more than
#: all else that Lab does at its start. It is optional, nothing here checks such addresses, so it is declared absent.
_MAIN = """
import sys
sys.modules["rfc3987_syntax"] = None
from jupyterlab.labapp import main
sys.exit(main())
"""
_LOOPBACK = "127.0.0.1"
#: Seconds that an answer may take, and that Lab and its kernels are given to end by themselves.
_ANSWER, _END = 3.0, 10.0

#: Without these, Lab asks at each start whether it may fetch news.
_QUIET = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}


class Lab:
    """A running JupyterLab; leaving the ``with`` block ends it.

    ``folder``: what it serves. ``port``: 0 takes a free one. ``environment``: variables that its kernels get on top of
    this process's. Raises :class:`Problem` if the port is taken.
    """

    def __init__(self, folder: Path, port: int = 0, environment: dict[str, str] | None = None) -> None:
        self.port = _free_port(port)
        self._token = secrets.token_urlsafe(24)
        self._private = tempfile.TemporaryDirectory(prefix="codat-lab-", ignore_cleanup_errors=True)
        private = Path(self._private.name)
        _write(private / "jupyter_server_config.json", _settings(folder, self.port, self._token))
        _write(private / "labconfig" / "default_setting_overrides.json", _QUIET)
        self._log = private / "lab.log"
        own = {"JUPYTER_CONFIG_DIR": str(private), "JUPYTER_RUNTIME_DIR": str(private), "JUPYTER_PREFER_ENV_PATH": "1"}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _MAIN],  # -P: nothing is imported from the folder we happen to be in
                env={**os.environ, **(environment or {}), **own},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **_own_process_group(),
            )

    def url(self, notebook: str) -> str:
        """The address that opens ``notebook``, with the token."""
        return f"http://{_LOOPBACK}:{self.port}/lab/tree/{notebook}?token={self._token}"

    def ended(self) -> bool:
        """Whether Lab is gone: by its own menu "Shut Down", or because it failed."""
        return self._process.poll() is not None

    def answers(self) -> bool:
        """Whether Lab is up and is ours (it knows the token). Raises :class:`Problem` if it ended instead."""
        if self.ended():
            raise Problem(f"JupyterLab did not start. It said:\n{self._last_words()}")
        return self._ask("GET", "/api/status")

    def check_end(self) -> None:
        """Raise :class:`Problem` if Lab ended with a failure rather than because it was told to."""
        if self._process.returncode:
            raise Problem(f"JupyterLab ended with code {self._process.returncode}. It said:\n{self._last_words()}")

    def close(self) -> None:
        """End Lab and its kernels, within some ten seconds, and remove its private files."""
        if not self.ended():
            if not self._ask("POST", "/api/shutdown"):
                self._process.terminate()
            try:
                self._process.wait(_END)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._private.cleanup()

    def __enter__(self) -> "Lab":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, method: str, path: str) -> bool:
        # http.client and nothing cleverer: it never goes through a proxy of the environment.
        connection = http.client.HTTPConnection(_LOOPBACK, self.port, timeout=_ANSWER)
        try:
            connection.request(method, path, headers={"Authorization": f"token {self._token}"})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _last_words(self) -> str:
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])


def _settings(folder: Path, port: int, token: str) -> dict[str, Any]:
    """Lab's configuration: on the loopback alone, and without looking for news, updates or builds."""
    server = {
        "ip": _LOOPBACK,
        "port": port,
        "port_retries": 0,
        "root_dir": str(folder.resolve()),
        "open_browser": False,
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


def _write(path: Path, settings: dict[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(settings), encoding="utf-8")


def _own_process_group() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _free_port(wanted: int) -> int:
    with socket.socket() as probe:
        if sys.platform != "win32":  # there the option means that two servers may share a port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_LOOPBACK, wanted))
        except OSError as error:
            raise Problem.port(wanted, error) from error
        return int(probe.getsockname()[1])
