"""What a simulation counts beside freshness: deadlines, reports that fit together, connections kept alive, requests.

Each counter looks at the board at fixed moments and draws nothing, so counting changes no result.
"""

from __future__ import annotations

import numpy as np

from codat_notebook.models.vocabulary import REPORTS, daily_requests
from codat_notebook.strategies.budget import of_day
from codat_notebook.strategies.indices import Floats, Rows
from codat_notebook.strategies.simulation_state import SimulationState


class Deadlines:
    """How many deadlines found a copy that was fresh enough.

    A cell's own deadline is its ``due``; with ``daily`` (a time of day, UTC) every cell has one each day. The copy that
    is held at that very moment counts, also between two ticks.
    """

    def __init__(self, board: SimulationState, goal: float, daily: str | None) -> None:
        self._board = board
        self._goal = goal
        self._daily = None if daily is None else of_day(daily)
        due = board.given.due
        rows = np.flatnonzero(due > 0)
        self._rows = rows[np.argsort(due[rows], kind="stable")]
        self._due = due[self._rows]
        self.met = 0
        self.all = 0

    @property
    def share(self) -> float:
        """Deadlines met among those that came, NaN if none came."""
        return self.met / self.all if self.all else np.nan

    def pass_until(self, then: float) -> None:
        """Judge the deadlines after the board's time until ``then``; call it before the board moves."""
        now = self._board.now
        if len(self._due):
            first, last = np.searchsorted(self._due, [now, then], side="right")
            if last > first:
                self._judge(self._rows[first:last], self._due[first:last])
        if self._daily is not None:
            at = np.floor(now - self._daily) + 1 + self._daily
            if at <= then:
                rows = np.arange(len(self._board))
                self._judge(rows, np.full(len(rows), at))

    def _judge(self, rows: Rows, when: Floats) -> None:
        self.met += int(np.count_nonzero(when - self._board.held_at(rows, when) <= self._goal))
        self.all += len(rows)


class Reports:
    """How far apart the copies are that a report puts side by side, company by company."""

    def __init__(self, board: SimulationState) -> None:
        codes, names = board.given.labels("data_type")
        rows: list[Rows] = []
        for types in REPORTS.values():
            inside = np.flatnonzero(np.append(np.isin(names, types), False)[codes])
            inside = inside[np.argsort(board.company[inside], kind="stable")]
            rows += np.split(inside, np.flatnonzero(np.diff(board.company[inside])) + 1)
        groups = [group for group in rows if len(group) > 1]
        self._rows = np.concatenate(groups).astype(np.int32) if groups else np.empty(0, np.int32)
        self._starts = np.cumsum([0, *map(len, groups)])[:-1]
        self._total = 0.0
        self._seen = 0

    @property
    def skew(self) -> float:
        """Mean days between the oldest and the newest copy in a report; NaN where no report is whole."""
        return self._total / self._seen if self._seen else np.nan

    def look(self, board: SimulationState) -> None:
        """Add how the reports stand now."""
        if len(self._rows):
            snapshot = board.snapshot[self._rows]
            oldest = np.minimum.reduceat(snapshot, self._starts)
            whole = np.isfinite(oldest)
            apart = np.maximum.reduceat(snapshot, self._starts)[whole] - oldest[whole]
            self._total += float(apart.sum())
            self._seen += len(apart)


class KeepAliveCount:
    """Linked connections of which nothing was read for longer than platforms keep a token."""

    def __init__(self, board: SimulationState, limit: float) -> None:
        group = board.given.groups("company", "connection").astype(np.int32)
        able = np.flatnonzero(board.given.matches("connection_status", "Linked"))
        self._rows = able.astype(np.int32)
        self._group = group[able]
        self._limit = limit
        self._linked = np.bincount(self._group, minlength=int(group.max(initial=-1)) + 1) > 0
        self._late = np.zeros(len(self._linked), dtype=bool)

    @property
    def violations(self) -> int:
        """Connections that were left alone for too long at least once."""
        return int(np.count_nonzero(self._late))

    def look(self, board: SimulationState) -> None:
        """Note the connections that are too long without a read now. Never read counts from the start."""
        newest = np.full(len(self._late), -np.inf)
        np.maximum.at(newest, self._group, board.snapshot[self._rows])
        gone = board.now - np.where(np.isneginf(newest), 0.0, newest)
        self._late |= self._linked & (gone > self._limit)


def requests(board: SimulationState, requests: Floats, days: int) -> dict[str, float]:
    """Requests by kind: one that queues each refresh, the others follow it; and their share of Codat's quota."""
    queueing = float(board.refreshes.sum())
    following = float((board.refreshes * np.maximum(requests - 1, 0.0)).sum())
    quota = daily_requests(int(board.company.max(initial=-1)) + 1)
    return {
        "requests_queueing": queueing,
        "requests_following": following,
        "share_of_quota": (queueing + following) / (quota * days),
    }
