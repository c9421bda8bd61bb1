"""Rows of the progress, of operations that are told in a few words."""

from typing import Any

from codat_notebook.models.shared import Connection, PullOperation
from codat_notebook.widgets.progress import ProgressRow, operation_row


def drawn_row(
    id: str, data_type: str, status: str = "", platform: str = "", *, link_url: str | None = None,
    usual: float | None = None, **fields: Any,
) -> ProgressRow:  # fmt: skip
    """The row of an operation with these fields."""
    operation: Any = {"id": id, "data_type": data_type, "status": status, **fields}
    connection = Connection(id="k", status="Linked", platform_name=platform, link_url=link_url or "")
    return operation_row(PullOperation(**operation), connection, usual=usual)
