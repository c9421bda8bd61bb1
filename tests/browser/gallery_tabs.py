"""The parts of the console's later tabs in their states, for `test_parts_tabs.py`; see `gallery.py`."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

from codat_notebook import frames
from codat_notebook.models import vocabulary
from codat_notebook.models.shared import Connection, PullOperation
from codat_notebook.models.vocabulary import DataConnectionStatus, SourceType
from codat_notebook.planning.health import PortfolioStatus
from codat_notebook.planning.plan import plan_rows
from codat_notebook.planning.plan_view import plan_frame
from codat_notebook.planning.selection import Selection, select
from codat_notebook.planning.snapshots import CompanySnapshot, seen
from codat_notebook.planning.verdict import Readiness
from codat_notebook.runs.cells import Cell, make_cells
from codat_notebook.runs.context import CompanyFacts
from codat_notebook.widgets import charts, code, plan_panel, ready_panel
from codat_notebook.widgets.ready_panel import Wanted
from tests.planning.made import snapshot

from .gallery import HOSTILE, THEN, States

COLUMNS = (
    "company", "chartOfAccounts", "balanceSheet", "profitAndLoss", "invoices", "payments", "creditNotes", "customers",
    "bills", "suppliers", "banking-accounts", "banking-transactions", "commerce-orders", "commerce-payments",
)  # fmt: skip
#: Company -> days since the last success of each column, as drawn; None is not supported, -1 never synced.
DRAWN = {
    "Toft Stores UK": (2, 2, 9, 9, 0, 8, 31, 0, 1, 1, 0, 0, 62, 62),
    "Technicalium": (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 3, None, None),
    "Bank of Dave": (12, 12, 14, 14, 12, 12, 12, 12, 12, 12, None, None, None, -1),
    "Pandle & Sons": (5, 5, 5, 6, 6, 6, 6, 5, 5, 5, 1, 1, 0, 0),
    "Northwind Traders GmbH": (28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 91, 91, None, None),
}


def cell(row: str, data_type: str, days: int, status: str = "Complete") -> Cell:
    """A cell that was last read some days and an hour ago; -1 for never."""
    success = THEN - timedelta(days=days, hours=1) if days >= 0 else None
    return Cell(
        company_id=row, connection_id=row, data_type=data_type, platform="", status=status if success else None,
        last_success=success, last_requested=success, age=None, message=None, operation_id=None, source="history",
    )  # fmt: skip


def drawn_cells() -> list[Cell]:
    """The cells of the drawing; one of them failed last time."""
    return [
        cell(name, key, days, "PermissionsError" if days == 31 else "Complete")
        for name, row in DRAWN.items()
        for key, days in zip(COLUMNS, row, strict=True)
        if days is not None
    ]


def portfolio() -> PortfolioStatus:
    """Companies of which some are late, and one cannot be read."""
    names, ages = ("Toft Stores UK", HOSTILE[0], HOSTILE[3]), (1, 9, 40)
    cells = (("xero", "bills", 1, None), ("xero", "items", 20, "FetchError"), ("xero", "company", 20, None))
    late = [
        snapshot(*cells, ("xero", "invoices", days, None), company=name) for name, days in zip(names, ages, strict=True)
    ]
    return PortfolioStatus(
        [*late, CompanySnapshot("c9", "Pandle & Sons", trouble="could not be read")], Selection(), THEN
    )


def plans() -> States:
    """States of the panel of a plan by name."""

    def make(**given: Any) -> Any:
        wanted = replace(select(older_than="7D"), without=frozenset({("TOFT", "xero", "items")}))
        known = portfolio().snapshots
        shown = {"live": False, "read_only": False} | given
        plan = plan_frame(plan_rows(known, wanted))
        return plan_panel.plan_state(plan, plan_panel.offered_types(known), (), "7D", **shown)

    return {
        "plan": make(),
        "live": make(live=True),
        "read only": make(read_only=True, folded=False),
        "changed": make(live=True, changed=True),
        "busy": make(busy="Checking whether this still holds…"),
        "to be kept open": make(live=True, keep="Keep this page open: closing it ends queueing and watching."),
        "empty": plan_panel.no_plan(),
        "before the first state": {},
    }


def heatmaps() -> States:
    """States of the heatmap by name."""
    make, every = charts.heatmap_state, vocabulary.DATA_TYPES
    one = {"Toft Stores UK": ("Oracle NetSuite", "accounting, linked"), "Technicalium": ("Plaid", "banking, linked")}
    odd = [cell(name, name, n) for n, name in enumerate(HOSTILE)]
    wide = [cell(str(n), key, n + m) for n in range(3) for m, key in enumerate(every)]
    many = [cell(str(n), key, n % 40) for n in range(450) for key in every[:12]]
    return {
        "drawn": make(drawn_cells(), {name: (name, "") for name in DRAWN}),
        "a company": make(drawn_cells(), one),
        "all types": make(wide, {str(n): (f"Company {n}", "linked") for n in range(3)}),
        "hostile": make(odd, {name: (name, name) for name in HOSTILE}),
        "portfolio": charts.portfolio_state(portfolio(), opens=True),
        "many": make(many, {str(n): (f"Company {n}", "") for n in range(450)}),
        "empty": make([], {}, empty="Pick a company to see how fresh its data is."),
        "before the first state": {},
    }


def pulled(data_type: str, ago: float, took: float | None, status: str = "Complete", **fields: Any) -> PullOperation:
    """An operation that was requested ``ago`` seconds ago and took some; None for one that runs."""
    requested = THEN - timedelta(seconds=ago)
    completed = None if took is None else (requested + timedelta(seconds=took)).isoformat()
    times = {"requested": requested.isoformat(), "completed": completed}
    return PullOperation(id=f"{data_type} {ago}", data_type=data_type, status=status, **{**times, **fields})


def drawn_operations() -> list[PullOperation]:
    """The bars of the drawing, and some from the weeks before."""
    paused = {"status_description": "Paused until 2026-11-23T14:05:00"}
    keys = ("customers", "invoices", "payments", "creditNotes")
    old = [pulled(key, 86400 * day + n * 60, 50) for day in (2, 9, 30) for n, key in enumerate(keys)]
    return [
        *old,
        pulled("customers", 380, 23), pulled("customers", 126, 19), pulled("invoices", 376, 58),
        pulled("invoices", 122, None, "Mapping"), pulled("payments", 368, 35),
        pulled("payments", 103, None, "Fetching", **paused), pulled("creditNotes", 365, 12, "PermissionsError"),
        pulled("creditNotes", 95, 11, "PermissionsError"), pulled("profitAndLoss", 90, 9, "NotSupported"),
    ]  # fmt: skip


def timeline(operations: list[PullOperation], names: Mapping[str, str] | None = None, **about: Any) -> Any:
    """The state of a timeline of some operations."""
    return charts.timeline_state(frames.pull_operations(operations, names, THEN), THEN, **about)


def pulls(count: int, seed: int = 7) -> list[PullOperation]:
    """As many operations as a long history has: bursts of all data types on two connections, every six hours."""
    random, types, found = Random(seed), vocabulary.DATA_TYPES, []
    for n in range(count):
        burst, key = divmod(n, 43)
        ago = burst * 6 * 3600 + key * 7 + random.random() * 40 + 30
        status = "Fetching" if burst == 0 and key % 9 == 4 else "FetchError" if random.random() < 0.02 else "Complete"
        took = None if status == "Fetching" else random.expovariate(1 / 60) + 5
        found.append(pulled(types[key], ago, took, status, connection_id="ab"[key % 5 == 0]))
    return found


BANKS = {"a": "Oracle NetSuite", "b": "Plaid"}


def timelines() -> States:
    """States of the timeline by name."""
    make, types = timeline, vocabulary.DATA_TYPES
    many = [pulled(types[n % 43], n * 1800.0, 900 + n, "FetchError" if n % 7 == 0 else "Complete") for n in range(800)]
    odd = [pulled(name, 60 + n, 30, name) for n, name in enumerate(HOSTILE)]
    two = [pulled("bills", 600, 300, connection_id="a"), pulled("bills", 500, 60, connection_id="b")]
    return {
        "drawn": make(drawn_operations()),
        "many": make(many, total=1300),
        "two banks": make(two, {"a": "Oracle NetSuite", "b": HOSTILE[3]}),
        "hostile": make(odd, {"": HOSTILE[0]}),
        "one, long ago": make([pulled("invoices", 86400 * 300, 40)]),
        "a thousand": make(pulls(1000), BANKS),
        "a long history": make(pulls(20_000), BANKS),
        "empty": make([], empty="Pick a company to see its operations over time."),
        "before the first state": {},
    }


def codes() -> States:
    """States of the code by name."""
    make, id = (lambda title, text: code.CodeState(title=title, text=text)), "c8d3af58-7011-47ce-b3f2-89faf300ef6d"
    types = ["invoices", "payments", "creditNotes", "customers"]
    return {
        "refresh": make("What “Refresh 4 selected” does", code.code_text(True, id, types)),
        "hostile": make(HOSTILE[0], code.code_text(False, id, HOSTILE, HOSTILE[3])),
        "before the first state": {},
    }


BOOKS = Wanted("financials", "2026-10-31", ("accounting",))


def readies() -> States:
    """States of the panel that says whether a company is ready, by name."""

    def make(name: str = "Toft Stores UK", late: int = 0, wanted: Wanted = BOOKS, **given: Any) -> Any:
        kinds = {"Xero": ("Accounting", "Linked"), HOSTILE[3]: ("Banking", "Deauthorized")}
        connections = {
            key: Connection(
                id=key, platform_name=key, source_type=SourceType(kind), status=DataConnectionStatus(status),
                created="2025-01-01", link_url="https://link.example/1?otp=1",
            )
            for key, (kind, status) in kinds.items()
        }  # fmt: skip
        pulls = [
            pulled(key, 86400 * (late + 1), 60, connection_id=id, company_id=name)
            for id, (kind, _) in kinds.items()
            for key in (vocabulary.ACCOUNTING if kind == "Accounting" else vocabulary.BANKING)
        ]
        supported = {"Xero": frozenset(vocabulary.ACCOUNTING), HOSTILE[3]: frozenset(vocabulary.BANKING)}
        facts = CompanyFacts(name, name, connections, supported)
        found = seen(facts, make_cells(facts, {}, pulls, True, THEN), pulls)
        return ready_panel.ready_state(Readiness(found, wanted.asked(), THEN), wanted, **given)

    return {
        "not ready": make(wanted=Wanted("lending", "2026-10-31"), late=30),
        "ready": make(),
        "fresh": make(wanted=Wanted("financials", None, ("accounting",))),
        "live": make(late=30, live=True),
        "read only": make(late=30, read_only=True),
        "hostile": make(HOSTILE[0], wanted=Wanted("liabilities", "2026-12-31")),
        "empty": ready_panel.ready_state(None, Wanted(), empty="Pick a company to see whether it is ready."),
        "before the first state": {},
    }


#: Each kind of part with its states.
PARTS: dict[str, Any] = {
    "heatmap": (charts.Heatmap, heatmaps),
    "code": (code.Code, codes),
    "timeline": (charts.Timeline, timelines),
    "ready": (ready_panel.ReadyPanel, readies),
    "plan": (plan_panel.PlanPanel, plans),
}
