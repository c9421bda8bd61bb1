"""From a selection to a run: what a refresh of the selected companies would queue and take, and what starts it.

The sentences are those of ``planning.plan_view``; the rows stand in a table below, each with a box that takes it out or
in again. What is chosen here (data types, how old) asks nothing of Codat: the companies were read for the plan.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final, TypedDict

import pandas as pd

from codat_notebook.models.vocabulary import custom_identifier, plain_name
from codat_notebook.planning.plan import LEFT_OUT
from codat_notebook.planning.plan_view import PlanFrame
from codat_notebook.planning.snapshots import CompanySnapshot
from codat_notebook.runs.targets import read_targets
from codat_notebook.tables.column import Column, FacetState
from codat_notebook.widgets.data_types import ReportSet, report_sets
from codat_notebook.widgets.part import Click, Part
from codat_notebook.widgets.table import ExportAs, FacetValues, StopExport

#: What of the data is meant -> in words.
SCOPES: Final = {
    "1D": "older than a day, or never read", "7D": "older than 7 days, or never read",
    "31D": "older than 31 days, or never read", "failed": "failed last time", "": "of any age",
}  # fmt: skip
USUAL: Final = "7D"
NO_PLAN: Final = "Select companies on the first tab, then click “Plan a refresh” below them."
_HIDDEN = Column(hidden=True)
PLAN_COLUMNS = {
    "company": Column(facet=True), "data_type": Column("data type", "data_type", facet=True),
    "platform": Column(facet=True), "age": Column(since="read"), "reason": Column(facet=True),
    **dict.fromkeys(
        ("status", "action", "requests", "seconds", "seconds_late", "seen", "connection_id", "company_id"), _HIDDEN
    ),
    "read": _HIDDEN, "cell": _HIDDEN,
}  # fmt: skip


class PlanState(TypedDict):
    """The panel: ``empty`` stands in place of a plan, ``busy`` beside one.

    ``lines`` and ``skipped`` say what it comes to, ``folded`` whether the rows that are skipped are shown; ``queued``
    rows would be queued, known again by their ``digest``. ``changed``: it is not the one that was clicked. ``keep``
    says what the run needs to be carried on.
    """

    empty: str
    busy: str
    live: bool
    read_only: bool
    sets: list[ReportSet]
    types: list[FacetState]
    scopes: list[list[str]]
    scope: str
    lines: list[str]
    skipped: str
    folded: bool
    queued: int
    digest: str
    changed: bool
    keep: str
    seq: int


class Scope(Click, frozen=True):
    """Another of the ``SCOPES``."""

    scope: str = USUAL


class Fold(Click, frozen=True):
    """Show the rows that are skipped, too, or no more."""

    folded: bool = True


class RunShown(Click, frozen=True, tag="run"):
    """Run the plan with this digest."""

    digest: str = ""


class LeavePlan(Click, frozen=True, tag="leave"):
    """Back to the companies."""


class PlanPanel(Part[PlanState]):
    """What is to be refreshed, the plan in sentences, and its buttons (class ``codat-plan``)."""

    classes = ("codat-plan",)
    files = ("popover.js", "export.js", "facets.js", "plan.js", "export.css", "facets.css", "plan.css")
    messages = FacetValues | Scope | Fold | RunShown | LeavePlan | ExportAs | StopExport

    @staticmethod
    def text(state: PlanState, now: str) -> str:
        """The sentences."""
        said = [*state.get("lines", ()), state.get("skipped", "")]
        return "\n".join(filter(None, said)) or state.get("empty", "")


def no_plan(empty: str = NO_PLAN, seq: int = 0) -> PlanState:
    """The state of a :class:`PlanPanel` without a plan."""
    return {
        "empty": empty, "busy": "", "live": False, "read_only": False, "sets": [], "types": [], "scopes": [],
        "scope": USUAL, "lines": [], "skipped": "", "folded": True, "queued": 0, "digest": "", "changed": False,
        "keep": "", "seq": seq,
    }  # fmt: skip


def plan_state(
    plan: PlanFrame, offered: Counter[str], types: Iterable[str], scope: str, *, live: bool, read_only: bool,
    folded: bool = True, changed: bool = False, busy: str = "", keep: str = "", seq: int = 0,
) -> PlanState:  # fmt: skip
    """The state of a :class:`PlanPanel`. ``offered``: data type -> of how many companies it can be had."""
    lines, skipped = plan.sentences()
    options = [[key, plain_name(key), number, ""] for key, number in offered.items()]
    facet: FacetState = {
        "key": "data_type", "label": "data types", "kind": "values",
        "options": sorted(options, key=lambda each: str(each[1]).casefold()), "chosen": list(types), "more": 0,
    }  # fmt: skip
    queued = int((plan["action"] == "queue").sum())
    return {
        "empty": "", "busy": busy, "live": live, "read_only": read_only, "sets": report_sets(offered),
        "types": [facet], "scopes": [list(each) for each in SCOPES.items()], "scope": scope, "lines": lines,
        "skipped": skipped, "folded": folded, "queued": queued, "digest": digest(plan), "changed": changed,
        "keep": keep, "seq": seq,
    }  # fmt: skip


def digest(plan: PlanFrame) -> str:
    """By which a plan is known again: of what it would queue."""
    return read_targets(plan).digest


def offered_types(snapshots: Iterable[CompanySnapshot]) -> Counter[str]:
    """Data type -> of how many companies a linked connection has it; custom ones where they were read before."""
    return Counter(
        data_type
        for each in snapshots
        for data_type in {
            *(name for id in each.linked for name in (each.facts.supported.get(id, ()) if each.facts else ())),
            *(cell.data_type for cell in each.cells if custom_identifier(cell.data_type) is not None),
        }
    )


def can_be_ticked(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Which rows of a plan would be queued, or would be but for the reader."""
    return (rows["action"] == "queue") | (rows["reason"] == LEFT_OUT)


def table_rows(plan: PlanFrame, folded: bool) -> pd.DataFrame:
    """The rows of a plan for its table, those first that would be queued: with a key, and when each was ``read``."""
    rows = pd.DataFrame(plan)
    ids = (rows[name].astype("string").fillna("") for name in ("company_id", "connection_id", "data_type"))
    rows = rows.assign(cell=[" ".join(each) for each in zip(*ids, strict=True)], read=rows["seen"] - rows["age"])
    may = can_be_ticked(rows)
    return pd.concat([rows[may], rows[~may][: 0 if folded else None]], ignore_index=True)
