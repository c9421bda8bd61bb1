"""How long a refresh of this company usually takes, by its own history: what is left, and what takes unusually long."""

import statistics
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from codat_notebook.models.instants import instant
from codat_notebook.models.shared import PullOperation

#: So many of the newest complete operations of a kind make its usual duration.
NEWEST = 10

#: (connection id, data type) -> seconds.
Usual = Mapping[tuple[str, str], float]


def usual_durations(operations: Iterable[PullOperation]) -> dict[tuple[str, str], float]:
    """Seconds that an operation of each connection and type usually takes: the median of the newest complete ones.

    ``operations`` are in any order. What never completed has no usual duration.
    """
    taken: dict[tuple[str, str], list[tuple[datetime, float]]] = {}
    for operation in operations:
        start, end = instant(operation.requested), instant(operation.completed)
        if operation.status == "Complete" and start and end and end >= start:
            key = (operation.connection_id, operation.data_type)
            taken.setdefault(key, []).append((start, (end - start).total_seconds()))
    return {key: statistics.median(s for _, s in sorted(pairs)[-NEWEST:]) for key, pairs in taken.items()}


def due_at(running: Iterable[PullOperation], usual: Usual) -> datetime | None:
    """When the last of the running operations should have ended; ``None`` where the history tells of none of them."""
    ends = []
    for operation in running:
        seconds = usual.get((operation.connection_id, operation.data_type))
        start = instant(operation.requested)
        if seconds is not None and start is not None:
            ends.append(start + timedelta(seconds=seconds))
    return max(ends, default=None)
