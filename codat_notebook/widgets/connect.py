"""The form that connects: the sandbox, the key of the environment, or a key that is typed.

The typed key leaves the browser in one custom message and stands in no state, so that no saved notebook holds it; the
field is emptied as it is sent. What the form says comes from the kernel: where keys go, whether the environment has
one, what is being waited for, and why it did not work.
"""

import os
from collections.abc import Sequence
from typing import Any, TypedDict
from urllib.parse import urlsplit

from codat_notebook.client.codat_lending import CodatLending
from codat_notebook.models.errors import ConfigurationError, hides_arguments
from codat_notebook.models.secret import VARIABLES, Secret, host
from codat_notebook.widgets.part import Click, Part

#: Ways to connect; the last two reach the real Codat. Who makes a console may leave some of them out, or all.
WAYS = ("sandbox", "environment", "key")


class ProblemState(TypedDict):
    """Why connecting did not work, and what to do; ``way`` is the one that was tried."""

    why: str
    do: str
    way: str
    correlation_id: str | None


class ConnectState(TypedDict):
    """The form.

    ``address`` is where keys are sent; without any of ``ways`` there is no form. ``read_only``: every session that it
    opens is, whatever the box says. ``variable`` of the environment of ``host`` (what was started) holds a key.
    ``required``: nothing is connected yet. ``connecting`` is what is waited for, ``until`` the server's time of the
    next try. ``connection`` is a number that changes with each new connection, which closes the form.
    """

    address: str
    ways: list[str]
    read_only: bool
    variable: str | None
    host: str
    required: bool
    connecting: str | None
    until: str | None
    problem: ProblemState | None
    connection: int
    seq: int


class ConnectBy(Click, frozen=True, tag="connect"):
    """Connect in one of ``WAYS``. ``key`` is wrapped, or what is wrong with it; it is in no other message."""

    way: str = ""
    read_only: bool = False
    key: Any = None


class Cancel(Click, frozen=True):
    """Give up connecting."""


def connect_state(
    ways: Sequence[str], *, required: bool, read_only: bool = False, connecting: str | None = None,
    until: str | None = None, problem: ProblemState | None = None, connection: int = 0, seq: int = 0,
) -> ConnectState:  # fmt: skip
    """The form's state: where keys go and whether the environment has one are read anew each time."""
    return {
        "address": server_address(), "ways": list(ways), "read_only": read_only, "variable": key_variable(),
        "host": host(), "required": required, "connecting": connecting, "until": until, "problem": problem,
        "connection": connection, "seq": seq,
    }  # fmt: skip


def server_address() -> str:
    """Host and port of the Codat that keys are sent to; the variable's name where its text cannot be shown."""
    try:
        return urlsplit(CodatLending(server_url=os.environ.get("CODAT_BASE_URL")).server_url).netloc
    except ConfigurationError:  # told by the client that is made to connect
        return "CODAT_BASE_URL"


def key_variable() -> str | None:
    """The variable of the environment whose key ``connect`` would take."""
    return next((name for name in VARIABLES if os.environ.get(name)), None)


class Connect(Part[ConnectState]):
    """The form (class ``codat-connect``), in place of the console while nothing is connected, else below the header.

    ``ways`` and ``read_only`` only tell the browser what the connector allows.
    """

    classes = ("codat-connect",)
    files = ("connect.js", "connect.css")
    messages = ConnectBy | Cancel

    def _receive(self, content: Any) -> None:
        """A typed key is wrapped before anything else happens, and gone from the message."""
        if isinstance(content, dict):
            content = {**content, "key": _wrapped(content.pop("key", None))}
        super()._receive(content)


@hides_arguments
def _wrapped(key: object) -> Secret | ConfigurationError:
    try:
        return Secret.of(str(key or ""))
    except ConfigurationError as error:
        return error
