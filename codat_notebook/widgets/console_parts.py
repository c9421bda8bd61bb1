"""The parts of one console under their names, and what its tables of a company and of the session show.

Each table is the view of a named frame: the history, ``session.errors``, ``session.requests``. All columns are in the
frames, and in what is copied or saved; some stay out of sight because a row's details have them.
"""

from collections.abc import Sequence
from typing import Any

import ipywidgets

from codat_notebook.runs.folder import ELSEWHERE, FAILURES, HELD, LEFT, RUNNING, UNREADABLE
from codat_notebook.session import Session
from codat_notebook.tables.column import Column
from codat_notebook.tables.sheet import Filter
from codat_notebook.widgets import console_state
from codat_notebook.widgets.all_companies import COMPANY_COLUMNS, COMPANY_FILTERS, READING
from codat_notebook.widgets.charts import Heatmap, Timeline
from codat_notebook.widgets.code import Code
from codat_notebook.widgets.connect import WAYS, Connect, connect_state
from codat_notebook.widgets.data_types import DataTypePicker, RefreshBar
from codat_notebook.widgets.details import CLOSED, Details, answer_tone
from codat_notebook.widgets.header import Header
from codat_notebook.widgets.notice import Notice
from codat_notebook.widgets.pickers import CompanyPicker, ConnectionCards, ConnectionPicker
from codat_notebook.widgets.plan_panel import PLAN_COLUMNS, PlanPanel, can_be_ticked, no_plan
from codat_notebook.widgets.progress import Progress
from codat_notebook.widgets.ready_panel import ReadyPanel
from codat_notebook.widgets.table import FrameTable
from codat_notebook.widgets.tabs import Tabs

_HIDDEN = Column(hidden=True)
_CONNECTION = Column("connection", hidden=True, facet=True, named_by="platform")
OPERATION_COLUMNS = {
    "data_type": Column("data type", "data_type", facet=True), "status": Column(kind="status", facet=True),
    "connection_id": _CONNECTION, "platform": Column(), "requested": Column(kind="time", facet=True),
    "duration": Column(kind="duration", since="requested", until="completed"), "progress": Column(kind="percent"),
    "message": Column(), "id": Column(kind="id"), "completed": _HIDDEN, "is_completed": _HIDDEN, "is_errored": _HIDDEN,
    "company_id": _HIDDEN,
}  # fmt: skip
_STANDS = {RUNNING: "run", ELSEWHERE: "run", LEFT: "warn", HELD: "warn", FAILURES: "bad", UNREADABLE: "bad"}
RUN_COLUMNS = {
    "began": Column("when", "time"), "what": Column(),
    "state": Column("how it stands", "status", tone=lambda row: _STANDS.get(row["state"], "ok")),
    "share": Column("how far", "percent"), "ended": Column(), "operations": Column(), "failed": Column(),
    "companies": Column(), "note": Column(kind="prose"), "id": _HIDDEN,
}  # fmt: skip
_RETRY = {"now": "now", "later": "later", "after": "once it is fixed", "never": "no use"}
_WHO = {"nobody": "nobody", "customer": "the customer", "us": "you", "codat": "Codat", "platform": "the platform"}
ERROR_COLUMNS = {
    "time": Column(kind="time", facet=True), "company": Column(facet=True), "what": Column("what happened", "prose"),
    "why": Column(kind="prose"), "action": Column("what to do", "prose"),
    "status": Column(kind="status", tone=lambda _: "bad", facet=True),
    "data_type": Column("data type", "data_type", hidden=True, facet=True), "connection_id": _CONNECTION,
    "platform": Column(), "correlation_id": Column(kind="id"), "operation_id": Column("operation", kind="id"),
    "retry_at": _HIDDEN, "link_url": _HIDDEN, "company_id": _HIDDEN,
    "retry": Column("try again", facet=True, words=lambda each: _RETRY.get(each, each)),
    "who": Column("who acts", facet=True, words=lambda each: _WHO.get(each, each)), "rule": _HIDDEN, "source": _HIDDEN,
}  # fmt: skip
REQUEST_COLUMNS = {
    "time": Column(kind="time", facet=True), "call": Column(facet=True),
    "status": Column(kind="status", tone=answer_tone, facet=True), "ms": Column(decimals=1), "attempt": Column(),
    "error": Column(), "method": Column(), "path": Column(), "correlation_id": Column(kind="id"),
}  # fmt: skip
#: Quick filters of the operations and of the requests.
OPERATION_FILTERS: dict[str, Filter] = {
    "Running": lambda frame: frame["completed"].isna() & ~frame["is_errored"].astype("bool"),
    "Failed": lambda frame: frame["is_errored"].astype("bool"),
}
RUN_FILTERS: dict[str, Filter] = {
    "Running": ("state", [RUNNING, ELSEWHERE]), "Left unfinished": ("state", [LEFT, HELD]),
    "With failures": lambda frame: frame["failed"] > 0,
}  # fmt: skip
REQUEST_FILTERS: dict[str, Filter] = {
    "Without success": lambda frame: frame["status"].isna() | (frame["status"] >= 400),
}


class Parts:
    """The parts of one console; without a session they stand behind the form that connects."""

    def __init__(self, session: Session | None, ways: Sequence[str] = WAYS, *, read_only: bool = False) -> None:
        states = console_state.first_states(session, can_switch=bool(ways))
        clock = session.client.clock if session else None
        same: dict[str, Any] = {"clock": clock, "layout": ipywidgets.Layout()}  # a layout each: a third of all messages
        self.header = Header(states.get("header"), **same)
        self.connect = Connect(connect_state(ways, required=session is None, read_only=read_only), **same)
        self.notice = Notice(states.get("notice"), **same)
        self.company = CompanyPicker(states.get("company"), **same)
        self.connection = ConnectionPicker(states.get("connection"), **same)
        self.cards = ConnectionCards(states.get("cards"), **same)
        self.data_types = DataTypePicker(states.get("data_types"), **same)
        self.bar = RefreshBar(states.get("bar"), **same)
        self.progress = Progress(states.get("progress"), **same)
        self.tabs = Tabs(states.get("tabs"), **same)
        self.companies = FrameTable(
            None, empty=READING, noun="company", columns=COMPANY_COLUMNS, filters=COMPANY_FILTERS, key="company_id",
            sort=None, ticks=lambda frame: frame["company_id"].notna(), _dom_classes=("codat-companies",), **same,
        )  # fmt: skip
        self.runs = FrameTable(
            None, noun="run", columns=RUN_COLUMNS, filters=RUN_FILTERS, sort=None, _dom_classes=("codat-runs",), **same
        )
        self.opened = ipywidgets.VBox([], layout=same["layout"], _dom_classes=("codat-opened",))
        self.plan = PlanPanel(no_plan(), **same)
        self.plan_rows = FrameTable(
            None, empty="These companies need no refresh.", noun="data type", columns=PLAN_COLUMNS,
            key="cell", sort=None, ticks=can_be_ticked, _dom_classes=("codat-plan-rows",), **same,
        )  # fmt: skip
        self.operations = FrameTable(
            None, empty="Pick a company to see its pull operations.", noun="operation", columns=OPERATION_COLUMNS,
            filters=OPERATION_FILTERS, _dom_classes=("codat-operations",), **same,
        )  # fmt: skip
        self.operations.what = "pull operations"
        self.operation_details = Details(CLOSED, _dom_classes=("codat-operations-details",), **same)
        self.errors = FrameTable(
            session.errors if session else None, empty="Nothing has gone wrong in this session.", noun="error",
            columns=ERROR_COLUMNS, key="", sort=("time", "desc"), _dom_classes=("codat-errors",), **same,
        )  # fmt: skip
        self.error_details = Details(CLOSED, _dom_classes=("codat-errors-details",), **same)
        self.ready = ReadyPanel(states.get("ready"), **same)
        self.freshness = Heatmap(states.get("freshness"), **same)
        self.timeline = Timeline(states.get("timeline"), **same)
        self.timeline_details = Details(CLOSED, _dom_classes=("codat-timeline-details",), **same)
        self.requests = FrameTable(
            session.requests if session else None, empty="No request has been sent yet.", noun="request",
            columns=REQUEST_COLUMNS, key="", sort=("time", "desc"), filters=REQUEST_FILTERS,
            _dom_classes=("codat-requests",), **same,
        )  # fmt: skip
        self.request_details = Details(CLOSED, _dom_classes=("codat-requests-details",), **same)
        self.code = Code(states.get("code"), **same)
