"""States of the form that connects, for the gallery."""

from typing import Any

from codat_notebook.widgets.connect import WAYS, ProblemState, connect_state

ADDRESS = "proxy.of-a-bank-with-a-long-name.example.internal:8443"


def form(ways: Any = WAYS, *, required: bool = False, **fields: Any) -> dict[str, Any]:
    """A state of the form, whatever this machine's environment holds."""
    here = {"address": "api.codat.io", "variable": None}
    return {**connect_state(ways, required=required), **here, **fields}


def connects() -> dict[str, dict[str, Any]]:
    """States of the form by name."""
    wrong = ProblemState(
        why="Codat did not accept the key. Codat says: Unauthorized.",
        do="Check the key and connect again.",
        way="key",
        correlation_id="7eb40d6b415d7bcd",
    )
    closed = ProblemState(why="The session was closed.", do="Connect again to continue.", way="", correlation_id=None)
    return {
        "first": form(required=True),
        "environment": form(required=True, variable="CODAT_API_KEY"),
        "app": form(required=True, host="the app"),
        "wrong key": form(required=True, variable="CODAT_AUTH_HEADER", problem=wrong),
        "connecting": form(required=True, connecting="Connecting to api.codat.io"),
        "waiting": form(
            required=True, connecting="Connecting to api.codat.io. Codat asks us to wait", until="2026-11-23T13:58:41Z"
        ),
        "closed": form(address=ADDRESS, required=True, variable="CODAT_API_KEY", problem=closed),
        "connected": form(variable="CODAT_API_KEY", connection=1),
        "own key, read only": form(("sandbox", "key"), read_only=True, required=True),
        "no way, closed": form((), required=True, problem=closed | {"do": ""}),
        "before the first state": {},
    }
