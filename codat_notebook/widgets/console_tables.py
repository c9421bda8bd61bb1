"""The console's three tables, each the view of a named frame: the history, ``session.errors``, ``session.requests``.

What a column is called, what can be filtered by it, and which columns stay out of sight because a row's details have
them. All columns are in the frames, and in what is copied or saved.
"""

from typing import TYPE_CHECKING, Any

from codat_notebook.tables.column import Column, Row
from codat_notebook.widgets.table import FrameTable

if TYPE_CHECKING:
    import pandas as pd

    from codat_notebook.session import Session

_HIDDEN = Column(hidden=True)
_CONNECTION = Column("connection", hidden=True, facet=True, named_by="platform")
OPERATION_COLUMNS = {
    "data_type": Column("data type", facet=True), "status": Column(kind="status", facet=True),
    "connection_id": _CONNECTION, "platform": Column(), "requested": Column(kind="time", facet=True),
    "duration": Column(kind="duration"), "progress": Column(kind="percent"), "message": Column(),
    "id": Column(kind="id"), "completed": _HIDDEN, "is_completed": _HIDDEN, "is_errored": _HIDDEN,
    "company_id": _HIDDEN,
}  # fmt: skip
ERROR_COLUMNS = {
    "time": Column(kind="time", facet=True), "what": Column("what happened", "prose"), "why": Column(kind="prose"),
    "action": Column("what to do", "prose"), "status": Column(kind="status", tone=lambda _: "bad", facet=True),
    "data_type": Column("data type", hidden=True, facet=True), "connection_id": _CONNECTION, "platform": Column(),
    "correlation_id": Column(kind="id"), "operation_id": Column("operation", kind="id"), "retry_at": _HIDDEN,
    "link_url": _HIDDEN, "company_id": _HIDDEN,
}  # fmt: skip


def _answer(row: Row) -> str:
    """The colour of an HTTP status; a row has none where no answer came."""
    return "ok" if row["status"] < 400 else "warn" if row["status"] == 429 else "bad"


REQUEST_COLUMNS = {
    "time": Column(kind="time", facet=True), "call": Column(facet=True),
    "status": Column(kind="status", tone=_answer, facet=True), "ms": Column(decimals=1), "attempt": Column(),
    "error": Column(), "method": Column(), "path": Column(), "correlation_id": Column(kind="id"),
}  # fmt: skip


def _without_success(frame: "pd.DataFrame") -> "pd.Series[bool]":
    return frame["status"].isna() | (frame["status"] >= 400)


def _failed(frame: "pd.DataFrame") -> "pd.Series[bool]":
    return frame["is_errored"].astype("bool")


def _running(frame: "pd.DataFrame") -> "pd.Series[bool]":
    return frame["completed"].isna() & ~frame["is_errored"].astype("bool")


def operations_table(**traits: Any) -> FrameTable:
    """The pull operations of a company, newest first."""
    return FrameTable(
        None,
        empty="Pick a company to see its pull operations.",
        noun="operation",
        columns=OPERATION_COLUMNS,
        filters={"Running": _running, "Failed": _failed},
        **traits,
    )


def errors_table(session: "Session | None", **traits: Any) -> FrameTable:
    """What went wrong in a session, newest first."""
    return FrameTable(
        session.errors if session else None,
        empty="Nothing has gone wrong in this session.",
        noun="error",
        columns=ERROR_COLUMNS,
        key="",
        sort=("time", "desc"),
        **traits,
    )


def requests_table(session: "Session | None", **traits: Any) -> FrameTable:
    """The requests of a session, newest first."""
    return FrameTable(
        session.requests if session else None,
        empty="No request has been sent yet.",
        noun="request",
        columns=REQUEST_COLUMNS,
        key="",
        sort=("time", "desc"),
        filters={"Without success": _without_success},
        **traits,
    )
