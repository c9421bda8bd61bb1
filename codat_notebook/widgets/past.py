"""What of a company's history was read beside its newest operations, and what is said of it below the table.

The console shows a thousand operations at once; a company may have a hundred thousand. Pages are counted from the
newest operation: new ones only move the others to later pages, so a page read late overlaps with what is known and
leaves no gap.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from codat_notebook.models.shared import PullOperation
from codat_notebook.runs.cells import CompanyStatus
from codat_notebook.widgets.part import Message
from codat_notebook.words import count, number

#: Operations of a page: what every deployment of Codat's gives.
PAGE = 2000

#: Two ends in time; ``None`` for an open one.
Span = tuple[datetime | None, datetime | None]
WHOLE: Span = (None, None)


@dataclass(frozen=True, slots=True)
class Past:
    """Operations of one company by id, none as long as its newest ones are all that was asked for.

    ``reached`` says how many of the newest are there without a gap, ``spans`` which spans of time are there whole.
    ``loading`` and ``failed`` are what is told of it.
    """

    company: str = ""
    operations: Mapping[str, PullOperation] = field(default_factory=dict)
    reached: int = 0
    spans: tuple[Span, ...] = ()
    loading: str = ""
    failed: str = ""

    def holding(self, found: Iterable[PullOperation], **changes: Any) -> "Past":
        """The same with further operations."""
        return replace(self, operations={**self.operations, **{o.id: o for o in found}}, **changes)

    def known(self, newest: Iterable[PullOperation]) -> int:
        """How many operations are known with the newest ones."""
        return len(self.operations) + sum(operation.id not in self.operations for operation in newest)

    def holds(self, span: Span) -> bool:
        """Whether everything within a span of time was read."""
        return any(_within(span, each) for each in self.spans)


def _within(inner: Span, outer: Span) -> bool:
    begins = outer[0] is None or (inner[0] is not None and outer[0] <= inner[0])
    return begins and (outer[1] is None or (inner[1] is not None and inner[1] <= outer[1]))


def followed(past: Past, status: CompanyStatus | None) -> Past:
    """The past with a company's status as it was read last: nothing is lost of the same company, another one is new."""
    if status is None:
        return Past()
    if past.company != status.facts.id:
        return Past(company=status.facts.id, reached=len(status.operations))
    return past.holding(status.operations) if past.operations else past


def more_state(past: Past, known: int, total: int) -> Message | None:
    """The line below the table: how much of the history is there, and what can be done. ``None`` if it is whole.

    ``known`` operations are there, Codat has ``total``, or more than are known where that is 0.

    >>> more_state(Past(), 1000, 100_000)["text"]
    'The newest 1,000 of 100,000 operations. Filters, copies and files hold no others.'
    """
    all_of_them = f" of {number(total)}" if total else ""
    if past.loading:
        words = f"{past.loading} {number(known)}{all_of_them}"
        return {"text": words, "busy": True, "failed": False, "actions": [["stop", "Stop"]]}
    if past.holds(WHOLE) or known >= (total or known + 1):
        return None
    held = f"{number(known)} of {count(total, 'operation')}" if total else count(known, "operation")
    islands = bool(past.spans) or len(past.operations) > past.reached  # of days that were asked for by themselves
    held = held if islands else f"The newest {held}"
    actions = [["older", "Load older"], ["all", f"Load all{' ' + number(total) if total else ''}"]]
    text = f"{held}. Filters, copies and files hold no others."
    return {"text": f"{past.failed} {text}".strip(), "busy": False, "failed": bool(past.failed), "actions": actions}
