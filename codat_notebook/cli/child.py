"""A Jupyter server as a child process: started on the loopback, waited for, and ended with all its kernels.

It gets a configuration and runtime files of its own in a private temporary folder, so that the user's Jupyter settings
(a password, another port, a base URL) neither break it nor are touched. Ctrl-C in the terminal does not reach it (it
would ask back, or end before its kernels): the child has a process group of its own. One that does not end when asked
to is killed. ``lab`` and ``console_page`` say what is started and how it is asked.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Self

from codat_notebook.cli.stopping import CommandError

LOOPBACK = "127.0.0.1"
#: Seconds that an answer may take, and that a server and its kernels are given to end by themselves.
_ANSWER, _END = 3.0, 10.0


class Child:
    """A running server; leaving the ``with`` block ends it.

    ``port``: 0 takes a free one. ``code``: the Python that the child runs. ``files``: JSON files of its private folder,
    by path. ``environment``: variables that it and its kernels get on top of this process's; ``without``: those of
    this process that they do not get. ``inside``: whether it runs in its private folder. Raises
    :class:`CommandError` if the port is taken.
    """

    #: What messages call it.
    name = "The server"

    def __init__(
        self,
        port: int,
        code: str,
        files: Mapping[str, Any],
        environment: Mapping[str, str],
        *,
        without: Collection[str] = (),
        inside: bool = False,
    ) -> None:
        self.port = port
        self._private = tempfile.TemporaryDirectory(prefix="codat-", ignore_cleanup_errors=True)
        self.folder = private = Path(self._private.name)
        for path, content in files.items():
            (private / path).parent.mkdir(exist_ok=True)
            (private / path).write_text(json.dumps(content), encoding="utf-8")
        self._log = private / "server.log"
        inherited = {name: value for name, value in os.environ.items() if name not in without}
        own = {"JUPYTER_CONFIG_DIR": str(private), "JUPYTER_RUNTIME_DIR": str(private), "JUPYTER_PREFER_ENV_PATH": "1"}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", code],  # -P: nothing is imported from the folder we happen to be in
                cwd=private if inside else None,
                env={**inherited, **environment, **own},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=sys.platform != "win32",
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same, on Windows
            )

    @property
    def base(self) -> str:
        """Its address."""
        return f"http://{LOOPBACK}:{self.port}"

    def ended(self) -> bool:
        """Whether it is gone: because it was told to by somebody else, or because it failed."""
        return self._process.poll() is not None

    def answers(self) -> bool:
        """Whether it is up and is ours. Raises :class:`CommandError` if it ended instead."""
        if self.ended():
            raise CommandError(f"{self.name} did not start. It said:\n{self._last_words()}")
        return self.is_up()

    def is_up(self) -> bool:
        """Whether a request is answered that only this server can answer."""
        raise NotImplementedError

    def ask_to_end(self) -> None:
        """Have it end by itself, with its kernels."""
        self._process.terminate()

    def check_end(self) -> None:
        """Raise :class:`CommandError` if it ended with a failure rather than because it was told to."""
        if self._process.returncode:
            raise CommandError(
                f"{self.name} ended with code {self._process.returncode}. It said:\n{self._last_words()}"
            )

    def close(self) -> None:
        """End it and its kernels, within some ten seconds, and remove its private files."""
        if not self.ended():
            self.ask_to_end()
            try:
                self._process.wait(_END)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._private.cleanup()

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> bool:
        """Whether a request is answered with 200."""
        # http.client and nothing cleverer: it never goes through a proxy of the environment.
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=_ANSWER)
        try:
            connection.request(method, path, headers=headers or {})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _last_words(self) -> str:
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])


def free_port(wanted: int) -> int:
    """The port that is wanted, or any free one for 0. Raises :class:`CommandError` if it is taken."""
    with socket.socket() as probe:
        if sys.platform != "win32":  # there the option means that two servers may share a port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, wanted))
        except OSError as error:
            raise CommandError.port(wanted, error) from error
        return int(probe.getsockname()[1])
