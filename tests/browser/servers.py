"""Jupyter servers for browser tests: JupyterLab, Notebook 7 and Voila, each with a home of its own on the loopback.

A server sees neither the user's Jupyter settings nor their Codat key, saves widget state with notebooks, shows no news
and no update pop-ups, and is ended with its kernels.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import deadlines

KINDS = ("lab", "notebook", "voila")
_EXPOSE = {
    "lab": "--LabApp.expose_app_in_browser=True",
    "notebook": "--JupyterNotebookApp.expose_app_in_browser=True",
}
_SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyter-widgets/jupyterlab-manager/plugin": {"saveState": True},
    "@jupyterlab/notebook-extension/tracker": {"kernelShutdown": True},
}


@dataclass(frozen=True)
class Server:
    """A running front end: its kind, address and token, the folder that it serves, and its log."""

    kind: str
    base: str
    token: str
    root: Path
    log: Path

    def call(self, method: str, path: str) -> Any:
        """Ask the server's own REST interface; returns the decoded answer, or None where it has no body."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.base}/api/{path}", method=method, headers=headers)
        with _opener.open(request, timeout=deadlines.CONDITION) as answer:
            body = answer.read()
        return json.loads(body) if body else None


# The environment may name a proxy, and a proxy has no business with the loopback.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def running(kind: str, home: Path) -> Iterator[Server]:
    """A server of this kind, for the length of a `with`."""
    root, state = home / "notebooks", home / "state"
    root.mkdir()
    _write_settings(state)
    server = Server(kind, f"http://127.0.0.1:{_free_port()}", secrets.token_hex(16), root, home / "server.log")
    with server.log.open("wb") as log:
        process = subprocess.Popen(
            _command(server), env=_environment(state), cwd=root, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            _wait_until_up(server, process)
            yield server
        finally:
            _stop(server, process)


def _command(server: Server) -> list[str]:
    port = server.base.rpartition(":")[2]
    common = ["--no-browser", f"--ServerApp.token={server.token}"]
    if server.kind == "voila":
        return [
            sys.executable, "-m", "voila", str(server.root), f"--port={port}", "--Voila.ip=127.0.0.1", "--no-browser",
            f"--token={server.token}", "--VoilaConfiguration.allow_theme_override=YES",
        ]  # fmt: skip
    module = {"lab": "jupyterlab", "notebook": "notebook"}[server.kind]
    return [
        sys.executable, "-m", module, *common, "--allow-root", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0", f"--ServerApp.root_dir={server.root}", _EXPOSE[server.kind],
    ]  # fmt: skip


def _environment(state: Path) -> dict[str, str]:
    own = {
        "HOME": "home", "USERPROFILE": "home", "IPYTHONDIR": "ipython", "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime", "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    }  # fmt: skip
    for folder in own.values():
        (state / folder).mkdir(parents=True, exist_ok=True)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CODAT_", "JUPYTER"))}
    return inherited | {name: str(state / folder) for name, folder in own.items()}


def _write_settings(state: Path) -> None:
    for name, settings in _SETTINGS.items():
        path = state / "settings" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings), "utf-8")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_up(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + deadlines.START
    while True:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{server.kind} did not start:\n{server.log.read_text('utf-8', 'replace')}")
        try:
            _opener.open(f"{server.base}/api", timeout=10).close()
        except urllib.error.HTTPError as error:
            error.close()
            return  # it answers, if only to say that it has no such page (Voila)
        except OSError:
            time.sleep(0.05)
        else:
            return


def _stop(server: Server, process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        try:
            server.call("POST", "shutdown")  # in order: kernels first
        except (urllib.error.HTTPError, OSError):
            process.terminate()  # Voila has no such call
    try:
        process.wait(deadlines.STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
