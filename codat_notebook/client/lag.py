"""How late a server's history is: learned from what a look at it did not show, though it was there.

Codat does not document when the history shows an operation. Whoever looks tells what was seen
(:meth:`HistoryLag.look`), whoever queues tells what must appear (:meth:`HistoryLag.expect`). What is in doubt is
settled no sooner than the history was seen to lag. All times are the server's epoch seconds.
"""

import math
from collections.abc import Sequence
from typing import Final

from codat_notebook.models.instants import instant
from codat_notebook.models.shared import PullOperation

#: Seconds; what is later is no lag but a time that cannot be right, or an operation that never appears.
_MOST: Final = 900.0


def epoch(text: str | None) -> float | None:
    """A time as Codat writes it, in epoch seconds; None for a missing or an impossible one."""
    moment = instant(text)
    return None if moment is None else moment.timestamp()


def reach(operations: Sequence[PullOperation], whole: bool) -> float:
    """How far back a page of the newest operations surely goes; 0 if it is the ``whole`` history."""
    if whole:
        return 0.0
    return (epoch(operations[-1].requested) if operations else None) or math.inf


class HistoryLag:
    """See the module's docstring.

    >>> lag = HistoryLag()
    >>> lag.expect(PullOperation(id="a", company_id="c", requested="2026-11-23T14:00:00Z"))
    >>> lag.look("c", [], 0.0, epoch("2026-11-23T14:00:40Z"))
    >>> lag.seconds
    40.0
    """

    def __init__(self) -> None:
        #: The longest that the history was seen not to show an operation.
        self.seconds = 0.0
        self._expected: dict[str, dict[str, PullOperation]] = {}

    def expect(self, operation: PullOperation) -> None:
        """An answer told of this operation, so the history must show it."""
        self._expected.setdefault(operation.company_id.lower(), {})[operation.id] = operation

    def look(self, company_id: str, operations: Sequence[PullOperation], reach: float, now: float) -> None:
        """A look at ``now`` that went back to ``reach`` showed these."""
        expected = self._expected.get(company_id.lower())
        if not expected:
            return
        for operation in operations:
            expected.pop(operation.id, None)
        for operation in tuple(expected.values()):
            if not self.missed(operation, reach, now):
                expected.pop(operation.id, None)
        if not expected:
            self._expected.pop(company_id.lower(), None)

    def missed(self, operation: PullOperation, reach: float, now: float) -> bool:
        """Whether a look that did not show an operation could have; its lag is noted."""
        requested = epoch(operation.requested)
        if requested is None or not (reach < requested and now - requested <= _MOST):
            return False
        self.seconds = max(self.seconds, now - requested)
        return True
