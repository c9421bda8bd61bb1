"""Codat's own schedule: pull operations that it queues by itself, an interval after a type was last read.

Off unless the settings say otherwise, as with Codat (its documented default frequency is none). There is no
background task: when a company is asked for, what the schedule has queued since is drawn in the order of time. The
interval counts from the end of the last operation, whether it succeeded or not (assumed); a type never read is not
scheduled, nor is a connection that is not linked.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush

from codat_notebook.sandbox.companies import Company
from codat_notebook.sandbox.ledger import Ledger
from codat_notebook.sandbox.queueing import Queueing
from codat_notebook.sandbox.settings import Settings
from codat_notebook.sandbox.time_units import HOUR


class Schedule:
    """The schedule of one world, which begins at ``start``."""

    def __init__(self, settings: Settings, queueing: Queueing, start: int) -> None:
        self._settings = settings
        self._queueing = queueing
        self._hours, self._since = settings.sync_schedule, start
        self._looked = start

    def on(self, now: int) -> bool:
        """Whether it runs. A change of the settings counts from when the world was last looked at."""
        hours = self._settings.sync_schedule
        if hours != self._hours:
            self._hours, self._since = hours, self._looked
        self._looked = now
        return hours > 0

    def run(self, company: Company, ledger: Ledger, now: int, bring: Callable[[Company, int], None]) -> bool:
        """Queue what fell due until now; whether there was anything.

        Args:
            company: whose.
            ledger: its operations.
            now: the present.
            bring: brings the company up to an instant, so that a connection's state is right when a type falls due.
        """
        every, changed = self._hours * HOUR, False
        due = [(max(ops[-1].completed + every, self._since), *cell) for cell, ops in ledger.cells.items()]
        heapify(due)
        while due and due[0][0] <= now:
            at, connection_id, data_type = heappop(due)
            bring(company, at)
            connection = company.find(connection_id)
            if connection is not None and connection.status == "Linked":
                op, changed = self._queueing.scheduled(company, connection, data_type, at), True
                heappush(due, (op.completed + every, connection_id, data_type))
        return changed
