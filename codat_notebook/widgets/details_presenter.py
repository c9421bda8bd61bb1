"""The selected row of a table and its details beside it: which row they show, and which requests they make.

The details follow the table: another row, a live change of the same one, none. The results of Codat's checks are asked
for when an operation's details open (once, as long as the console remembers), and again where the reader says so.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from codat_notebook.models.errors import CodatLendingError
from codat_notebook.planning.sync_settings import explained
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

#: The operation whose checks are shown: company id, operation id.
Checked = tuple[str, str]
#: From a selected row to its details, and the operation whose checks are shown in them; ``None`` if there are none.
Describe = Callable[[Row], tuple[DetailsState, Checked | None] | None]


class DetailsPresenter:
    """Keeps the details of one table's selected row on screen. All methods are for the engine thread."""

    def __init__(
        self, session: "Session", boundary: ErrorBoundary, table: FrameTable, part: Details, describe: Describe
    ) -> None:
        self._session = session
        self._boundary = boundary
        self._table = table
        self._part = part
        self._describe = describe
        self._row: Row | None = None
        self._seq = 0
        self._results: dict[Checked, ChecksState] = {}
        self._asking: asyncio.Task[None] | None = None
        self._shown: Checked | None = None

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
        elif self._shown is not None:
            self._results.pop(self._shown, None)
            self._cancel()
        self._draw()

    def _draw(self) -> None:
        described = self._describe(self._row) if self._row is not None else None
        state, operation = described or (CLOSED, None)
        if operation != self._shown:
            self._cancel()
            self._shown = operation
        if operation is not None:
            state = {**state, "checks": self._checks(operation)}
        self._part.show({**state, "seq": self._seq}, at_once=True)

    def _checks(self, operation: Checked) -> ChecksState:
        """The results of the operation's checks; they are asked for where there are none yet."""
        if operation not in self._results and self._asking is None:
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
        self._asking = None


def details(session: "Session", state: ConsoleState, boundary: ErrorBoundary, parts: Parts) -> list[DetailsPresenter]:
    """What keeps each table's details on screen."""

    def of_operation(row: Row) -> tuple[DetailsState, Checked | None] | None:
        operation, status, company = state.operation(str(row["id"])), state.status, state.company
        if operation is None:  # gone with its company
            return None
        connection = status.facts.connections.get(operation.connection_id) if status else None
        history = status.operations if status else ()
        setting = None if state.settings is None else explained(state.settings, operation.data_type, False)
        shown = operation_details(operation, row, connection, history, session.context.now, setting)
        return shown, (company["id"], operation.id) if company and not shown["checks"] else None

    return [
        DetailsPresenter(session, boundary, parts.operations, parts.operation_details, of_operation),
        DetailsPresenter(session, boundary, parts.errors, parts.error_details, _of_error),
        DetailsPresenter(session, boundary, parts.requests, parts.request_details, _of_request),
    ]


def _of_error(row: Row) -> tuple[DetailsState, Checked | None]:
    import pandas as pd

    ids = row["company_id"], row["operation_id"]
    return error_details(row), None if pd.isna(ids[0]) or pd.isna(ids[1]) else (str(ids[0]), str(ids[1]))


def _of_request(row: Row) -> tuple[DetailsState, None]:
    return request_details(row), None
