"""How a session begins: whose key, which server, and the sandbox that needs neither.

The key is taken from the caller, the environment, or a prompt where somebody can answer one, and is wrapped before
anything else sees it.
"""

import os
import sys
from typing import TYPE_CHECKING

from codat_notebook import forking
from codat_notebook.models.errors import ConfigurationError, hides_arguments
from codat_notebook.models.secret import Secret
from codat_notebook.models.shared import Security
from codat_notebook.session import Session

if TYPE_CHECKING:
    from codat_notebook.sandbox import Sandbox


@hides_arguments
def connect(
    key: str | Secret | None = None, *, server_url: str | None = None, sandbox: bool = False, read_only: bool = False
) -> Session:
    """Connect to Codat, or to the sandbox.

    Parameters
    ----------
    key : the API key or the ready ``Basic ...`` header; without it, ``CODAT_AUTH_HEADER`` or ``CODAT_API_KEY`` of the
        environment, else a prompt where somebody can answer one.
    server_url : another server than ``CODAT_BASE_URL`` or ``https://api.codat.io``.
    sandbox : an embedded Codat that needs no key and no network. Joins the one that ``CODAT_SANDBOX_URL`` names, so
        that several notebooks share a world; else the process's own. ``CODAT_SANDBOX_KEY`` is its key, where it is
        not the usual one.
    read_only : refuse everything that queues.

    Raises ``ConfigurationError`` where there is no key and nobody to ask, or where the key or address cannot be right.

    >>> session = connect(sandbox=True)  # doctest: +SKIP
    """
    if sandbox:
        return _connect_sandbox(read_only)
    secret = Secret.of(key) if key is not None else Secret.from_environment() or _prompt()
    del key  # or a traceback would show it
    address = server_url or os.environ.get("CODAT_BASE_URL") or None
    return Session(Security(auth_header=secret), server_url=address, read_only=read_only)


def _connect_sandbox(read_only: bool) -> Session:
    if url := os.environ.get("CODAT_SANDBOX_URL"):
        from codat_notebook.sandbox.server import usual_key

        security = Security(auth_header=os.environ.get("CODAT_SANDBOX_KEY") or usual_key())
        return Session(security, server_url=url, read_only=read_only, is_sandbox=True)
    sandbox, leave = _embedded.enter(), _embedded.leave
    security = Security(auth_header=sandbox.key)
    return Session(security, server_url=sandbox.url, read_only=read_only, is_sandbox=True, on_close=leave)


class _Embedded:
    """The process's own sandbox: one for all sessions on it, so that a cell that is run again adds none.

    Sessions from before a fork stay on the parent's, over the network; new ones are on one of the child's own.
    """

    def __init__(self) -> None:
        self._lock = forking.Lock()
        self._sandbox: Sandbox | None = None
        self._sessions = 0
        forking.remember(self)

    def after_fork(self) -> None:
        """In a forked child: that sandbox runs in the parent."""
        self._sandbox = None
        self._sessions = 0

    def enter(self) -> "Sandbox":
        from codat_notebook.sandbox import Sandbox

        with self._lock:
            if self._sandbox is None:
                self._sandbox = Sandbox().start()
            self._sessions += 1
            return self._sandbox

    def leave(self) -> None:
        with self._lock:
            self._sessions -= 1
            if self._sessions == 0 and self._sandbox is not None:
                self._sandbox.stop()
                self._sandbox = None


_embedded = _Embedded()


def _prompt() -> Secret:
    """Ask for the key unseen, where somebody can answer: in a notebook's front end that takes input, or a terminal."""
    import getpass

    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    kernel = getattr(shell, "kernel", None)
    if kernel is not None:
        answered = getattr(kernel, "_allow_stdin", False)
    else:
        answered = sys.stdin is not None and sys.stdin.isatty()
    if not answered:
        raise ConfigurationError(
            "There is no API key. Set CODAT_API_KEY (or CODAT_AUTH_HEADER) before you start Jupyter, "
            "or use connect(sandbox=True), which needs none."
        )
    return Secret.of(getpass.getpass("Codat API key: "))
