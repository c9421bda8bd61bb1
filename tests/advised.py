"""The diagnosis of cells that tests make by hand."""

from codat_notebook.diagnosis import Advice, diagnose
from codat_notebook.models.shared import Connection, PullOperation
from codat_notebook.models.status import is_failed


def advice(status: str | None, data_type: str = "invoices", connection: Connection | None = None) -> Advice | None:
    """That of a failure of which nothing else is known."""
    operation = PullOperation(data_type=data_type, status=status)
    return diagnose(operation, connection) if is_failed(status or "") else None
