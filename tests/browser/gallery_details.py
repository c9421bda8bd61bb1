"""The details of a row in their states, for `test_details.py`; see `gallery.py`."""

from typing import Any

from codat_notebook.models.errors import ErrorValidationItem
from codat_notebook.models.shared import Connection, PullOperation, ValidationResults
from codat_notebook.widgets.details import CLOSED, checks_state, operation_details

from .gallery import HOSTILE, THEN, States

COMPANY = "c8d3af58-7011-47ce-b3f2-89faf300ef6d"
LINK = f"https://link.codat.io/company/{COMPANY}/connection/4b2a7c1e"


def operation(status: str, **fields: Any) -> PullOperation:
    """An operation that ended half a minute ago."""
    known = {
        "id": "1f05070e-4d32-415c-a000-00009e80187d", "company_id": COMPANY, "data_type": "creditNotes",
        "connection_id": "4b2a7c1e-70e9-4c1e-9a5f-6f2f2a9d2d11", "requested": "2026-11-23T13:57:07.1234567Z",
        "completed": "2026-11-23T13:57:58Z", "is_errored": status.endswith("Error"), "progress": 35,
        "is_completed": status == "Complete",
    }  # fmt: skip
    return PullOperation(status=status, **{**known, **fields})


def details(status: str, checks: dict[str, Any], platform: str = "Oracle NetSuite", **fields: Any) -> dict[str, Any]:
    """The state for an operation."""
    connection = Connection(status="Linked", platform_name=platform, link_url=LINK)
    return {**operation_details(operation(status, **fields), connection, (), THEN), "checks": checks}


def finding(message: str, rule: str = "LineItemTotalsRule", item: str = "1284") -> ErrorValidationItem:
    """One finding of the checks."""
    return ErrorValidationItem(item_id=item, message=message, validator_name=rule)


def states() -> States:
    """States of the details by name."""
    wrong = finding("The line items add up to 12.00 less than the total.")
    dated = [
        finding("The record has no modified date; changes may be missed.", "ModifiedDateRule", str(n)) for n in range(3)
    ]
    odd = [finding(text, text, text) for text in HOSTILE]
    paused = {"completed": None, "status_description": "Paused until 2026-11-23T14:05:00"}
    return {
        "failed": details("PermissionsError", checks_state("never"), error_message="User lacks “View Credit Memos”"),
        "invalid": details("ValidationError", checks_state("ready", ValidationResults(errors=[wrong], warnings=dated))),
        "running": details("Fetching", checks_state("later"), **paused),
        "loading": details("Complete", checks_state("loading"), progress=100),
        "not read": details("Complete", checks_state("failed", why="Codat had an internal error. Try again soon.")),
        "hostile": details(HOSTILE[0], checks_state("ready", ValidationResults(errors=odd)), HOSTILE[1],
                           data_type=HOSTILE[2], error_message=HOSTILE[3], id=HOSTILE[0], connection_id=HOSTILE[3]),
        "closed": CLOSED,
    }  # fmt: skip
