"""Which details each of the console's tables opens: of operations, of errors, of requests."""

from typing import TYPE_CHECKING

from codat_notebook.models.shared import PullOperation
from codat_notebook.models.vocabulary import is_running
from codat_notebook.runs.records import Subject
from codat_notebook.tables.column import Row
from codat_notebook.widgets.console_state import ConsoleState
from codat_notebook.widgets.details_presenter import DetailsPresenter
from codat_notebook.widgets.error_boundary import ErrorBoundary
from codat_notebook.widgets.part import Message
from codat_notebook.widgets.parts import Parts
from codat_notebook.widgets.row_details import error_details, operation_details, request_details

if TYPE_CHECKING:
    from codat_notebook.session import Session


def browsings(session: "Session", scene: ConsoleState, guard: ErrorBoundary, parts: Parts) -> list[DetailsPresenter]:
    """What keeps each table's details on screen."""
    operations = _Operations(session, scene)
    return [
        DetailsPresenter(
            session, guard, parts.operations, parts.operation_details,
            operations.details, operations.checked, operations.runs,
        ),
        DetailsPresenter(session, guard, parts.errors, parts.error_details, _error, _checked_of_error),
        DetailsPresenter(session, guard, parts.requests, parts.request_details, _request),
    ]  # fmt: skip


class _Operations:
    """The operations behind the rows of the history."""

    def __init__(self, session: "Session", scene: ConsoleState) -> None:
        self._session, self._scene = session, scene

    def _operation(self, row: Row) -> PullOperation | None:
        return self._scene.operation(str(row["id"]))

    def details(self, row: Row) -> Message | None:
        """The details of a row, whose operation may be gone with its company."""
        operation, status = self._operation(row), self._scene.status
        if operation is None:
            return None
        known = Subject(company_id=operation.company_id, connection_id=operation.connection_id)
        subject = status.facts.subject(operation.data_type, operation.connection_id) if status else known
        return operation_details(operation, row, subject, self._session.context.now)

    def checked(self, row: Row) -> tuple[str, str] | None:
        """Every operation has results of checks, once it has ended."""
        company = self._scene.company
        return (company["id"], str(row["id"])) if company else None

    def runs(self, row: Row) -> bool:
        """Whether the operation has not ended."""
        operation = self._operation(row)
        return operation is not None and is_running(operation.status or "", operation.completed)


def _error(row: Row) -> Message:
    return error_details(f"{row['what']}@{row['time']}", row)


def _checked_of_error(row: Row) -> tuple[str, str] | None:
    import pandas as pd

    ids = row["company_id"], row["operation_id"]
    return None if pd.isna(ids[0]) or pd.isna(ids[1]) else (str(ids[0]), str(ids[1]))


def _request(row: Row) -> Message:
    return request_details(f"{row['call']}@{row['time']}", row)
