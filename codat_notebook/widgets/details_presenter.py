"""The selected row of a table and its details beside it: which row they show, and which requests they make.

The details follow the table: another row, a live change of the same one, none. The results of Codat's checks are asked
for when an operation's details open (once, as long as the console remembers), and again where the reader says so.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from codat_notebook.models.errors import CodatLendingError
from codat_notebook.models.shared import PullOperation
from codat_notebook.models.status import is_running
from codat_notebook.runs.records import Subject
from codat_notebook.tables.column import Row
from codat_notebook.widgets.console_parts import Parts
from codat_notebook.widgets.console_state import ConsoleState
from codat_notebook.widgets.details import (
    CLOSED,
    Again,
    ChecksState,
    Close,
    Details,
    DetailsState,
    checks_state,
    error_details,
    operation_details,
    request_details,
)
from codat_notebook.widgets.notice import ErrorBoundary
from codat_notebook.widgets.table import FrameTable

if TYPE_CHECKING:
    from codat_notebook.session import Session

#: Results of checks that are remembered.
KEPT = 200
_WHAT = "The results of the checks could not be read"

#: From a selected row to its details, without the checks; ``None`` if there are none.
Describe = Callable[[Row], DetailsState | None]
#: From a row to the operation (company id, operation id) whose checks are shown; ``None`` where there is none.
Checked = Callable[[Row], tuple[str, str] | None]


class DetailsPresenter:
    """Keeps the details of one table's selected row on screen. All methods are for the engine thread."""

    def __init__(
        self, session: "Session", boundary: ErrorBoundary, table: FrameTable, part: Details, describe: Describe,
        checked: Checked = lambda row: None, runs: Callable[[Row], bool] = lambda row: False,
    ) -> None:  # fmt: skip
        self._session = session
        self._boundary = boundary
        self._table = table
        self._part = part
        self._describe = describe
        self._checked = checked
        self._runs = runs
        self._row: Row | None = None
        self._seq = 0
        self._results: dict[tuple[str, str], ChecksState] = {}
        self._asking: asyncio.Task[None] | None = None
        self._asked: tuple[str, str] | None = None

    def start(self) -> None:
        """Follow the table, whose "last hour" is that of the session's clock."""
        self._table.now = lambda: self._session.context.now
        self._table.on_row = self._on_row
        self._part.on_message = self._on_message

    def stop(self) -> None:
        """Follow it no more, and close the details."""
        self._table.on_row = self._part.on_message = self._table.now = None
        self._cancel()
        self._table.select(None)
        self._part.show(CLOSED)

    def _on_row(self, row: Row | None) -> None:
        self._row = row
        self._draw()

    def _on_message(self, message: Close | Again) -> None:
        self._seq = message.seq
        if isinstance(message, Close):
            self._row = None
            self._table.select(None)
        elif self._asked is not None:
            self._results.pop(self._asked, None)
            self._cancel()
        self._draw()

    def _draw(self) -> None:
        state = self._describe(self._row) if self._row is not None else None
        if self._row is None or state is None:
            self._cancel()
            self._part.show({**CLOSED, "seq": self._seq}, at_once=True)
            return
        self._part.show({**state, "checks": self._checks(self._row), "seq": self._seq}, at_once=True)

    def _checks(self, row: Row) -> ChecksState | None:
        """The results of the row's checks; they are asked for where there are none yet."""
        operation = self._checked(row)
        if operation != self._asked:
            self._cancel()
        if operation is None or self._runs(row):
            return checks_state("later") if operation else None
        if operation not in self._results and self._asking is None:
            self._asked = operation
            self._asking = self._boundary.spawn(_WHAT, self._ask, operation)
        return self._results.get(operation) or checks_state("loading")

    async def _ask(self, operation: tuple[str, str]) -> None:
        company_id, dataset_id = operation
        request = {"company_id": company_id, "dataset_id": dataset_id}
        try:
            results = await self._session.client.manage_data.pull_operations.get_validation_async(request=request)
            state = checks_state("ready", results)
        except CodatLendingError as error:
            record = self._session.context.report(error, _WHAT, Subject(company_id=company_id))
            state = checks_state("failed", why=f"{record.why} {record.action}")
        while len(self._results) >= KEPT:
            self._results.pop(next(iter(self._results)))
        self._results[operation] = state
        self._asking = None
        self._draw()

    def _cancel(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
        self._asking = self._asked = None


def details(session: "Session", state: ConsoleState, boundary: ErrorBoundary, parts: Parts) -> list[DetailsPresenter]:
    """What keeps each table's details on screen."""
    operations = _Operations(session, state)
    return [
        DetailsPresenter(
            session, boundary, parts.operations, parts.operation_details,
            operations.details, operations.checked, operations.runs,
        ),
        DetailsPresenter(session, boundary, parts.errors, parts.error_details, _error, _checked_of_error),
        DetailsPresenter(session, boundary, parts.requests, parts.request_details, _request),
    ]  # fmt: skip


class _Operations:
    """The operations behind the rows of the history."""

    def __init__(self, session: "Session", state: ConsoleState) -> None:
        self._session = session
        self._state = state

    def _operation(self, row: Row) -> PullOperation | None:
        return self._state.operation(str(row["id"]))

    def details(self, row: Row) -> DetailsState | None:
        """The details of a row, whose operation may be gone with its company."""
        operation, status = self._operation(row), self._state.status
        if operation is None:
            return None
        known = Subject(company_id=operation.company_id, connection_id=operation.connection_id)
        subject = status.facts.subject(operation.data_type, operation.connection_id) if status else known
        return operation_details(operation, row, subject, self._session.context.now)

    def checked(self, row: Row) -> tuple[str, str] | None:
        """Every operation has results of checks, once it has ended."""
        company = self._state.company
        return (company["id"], str(row["id"])) if company else None

    def runs(self, row: Row) -> bool:
        """Whether the operation has not ended."""
        operation = self._operation(row)
        return operation is not None and is_running(operation.status or "", operation.completed)


def _error(row: Row) -> DetailsState:
    return error_details(f"{row['what']}@{row['time']}", row)


def _checked_of_error(row: Row) -> tuple[str, str] | None:
    import pandas as pd

    ids = row["company_id"], row["operation_id"]
    return None if pd.isna(ids[0]) or pd.isna(ids[1]) else (str(ids[0]), str(ids[1]))


def _request(row: Row) -> DetailsState:
    return request_details(f"{row['call']}@{row['time']}", row)
