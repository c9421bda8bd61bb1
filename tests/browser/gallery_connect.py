"""States of the form that connects, for the gallery."""

from typing import Any

from codat_notebook.widgets.connect import ProblemState, connect_state

ADDRESS = "proxy.of-a-bank-with-a-long-name.example.internal:8443"


def connects() -> dict[str, dict[str, Any]]:
    """States of the form by name."""
    wrong = ProblemState(
        why="Codat did not accept the key. Codat says: Unauthorized.",
        do="Check the key and connect again.",
        way="key",
        correlation_id="7eb40d6b415d7bcd",
    )
    closed = ProblemState(why="The session was closed.", do="Connect again to go on.", way="", correlation_id=None)
    return {
        "first": connect_state(required=True),
        "environment": connect_state(required=True, variable="CODAT_API_KEY"),
        "wrong key": connect_state(required=True, variable="CODAT_AUTH_HEADER", problem=wrong),
        "connecting": connect_state(required=True, connecting="Connecting to api.codat.io"),
        "waiting": connect_state(required=True, connecting="Connecting to api.codat.io. Codat asks to wait", wait=12),
        "closed": connect_state(ADDRESS, required=True, variable="CODAT_API_KEY", problem=closed),
        "connected": connect_state(variable="CODAT_API_KEY", connection=1),
        "own key, read only": connect_state(ways=("sandbox", "key"), read_only=True, required=True),
        "no way, closed": connect_state(ways=(), required=True, problem=closed | {"do": ""}),
        "before the first state": {},
    }
