"""What a world holds: companies and their operations, kept or made again, and brought up to the present.

:class:`~codat_notebook.sandbox.world.World` answers calls from it. Companies and histories that nothing has happened to
are forgotten and drawn again when needed; the others are kept for good.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Concatenate, Final, ParamSpec, TypeVar

from codat_notebook.forking import Lock
from codat_notebook.sandbox.companies import Company, Connection
from codat_notebook.sandbox.company_history import CompanyHistory
from codat_notebook.sandbox.directory import CompanyStore
from codat_notebook.sandbox.exchange import no_company, no_connection, no_dataset
from codat_notebook.sandbox.faults import Settings
from codat_notebook.sandbox.pull_operation import REQUESTED, Operation
from codat_notebook.sandbox.seeded_random import SeededRandom
from codat_notebook.sandbox.stories import CompanyTemplate
from codat_notebook.sandbox.virtual_time import DAY, SECOND, Clock

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="State")
_HISTORIES: Final = 300


def synchronized(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Let a method run while no other thread is in one."""

    @wraps(method)
    def locked(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.lock:
            return method(self, *args, **kwargs)

    return locked


class State:
    """Companies, histories and the clock of one world; the arguments are World's."""

    def __init__(
        self, companies: int, seed: int, clock: Clock, settings: Settings, written: Sequence[CompanyTemplate]
    ) -> None:
        if companies < 0:
            raise ValueError("a world has no fewer than 0 companies")
        self.clock = clock
        self.settings = settings
        self.lock = Lock(kind=threading.RLock)
        self.start = clock.ticks()
        self.draws = SeededRandom(seed)
        self.company_store = CompanyStore(self.draws, companies, self.start, written)
        self.active: dict[int, tuple[Company, CompanyHistory]] = {}
        self._histories: OrderedDict[int, CompanyHistory] = OrderedDict()

    def find_company(self, company_id: str) -> Company:
        """A company as of now.

        Raises:
            ErrorResponse: 404.
        """
        company = self.company_store.find(company_id.lower())
        if company is None:
            raise no_company(company_id)
        return self.fresh(company)

    def find_connection(self, company_id: str, connection_id: str) -> Connection:
        """A connection of a company as of now.

        Raises:
            ErrorResponse: 404.
        """
        connection = self.find_company(company_id).find(connection_id.lower())
        if connection is None:
            raise no_connection(connection_id)
        return connection

    def find_operation(self, company_id: str, dataset_id: str) -> Operation:
        """A pull operation of a company, if the API shows it already.

        Raises:
            ErrorResponse: 404.
        """
        op = self.history_of(self.find_company(company_id)).find(dataset_id.lower())
        lag = round(self.settings.history_lag * SECOND)
        if op is None or (lag and op.requested > self.clock.ticks() - lag):
            raise no_dataset(dataset_id)
        return op

    def history_of(self, company: Company) -> CompanyHistory:
        """A company's operations; queueing into it makes the company one to keep."""
        if company.index in self.active:
            return self.active[company.index][1]
        history = self._histories.get(company.index)
        if history is None:
            history = self._histories[company.index] = CompanyHistory(self.draws, company, self.start)
            if len(self._histories) > _HISTORIES:
                self._histories.popitem(last=False)
        return history

    def visible(self, history: CompanyHistory, now: int) -> list[Operation]:
        """The operations that lists show: with a lag, the newest are not there yet."""
        horizon = now - round(self.settings.history_lag * SECOND)
        if not self.settings.history_lag or not history.queued:
            return history.operations
        return history.operations[: bisect_right(history.operations, horizon, key=REQUESTED)]

    def activate(self, company: Company) -> None:
        """Something was queued: keep the company and its history for good."""
        self.active[company.index] = (company, self.history_of(company))
        self._histories.pop(company.index, None)
        self.company_store.keep(company)

    def fresh(self, company: Company) -> Company:
        """The company as of now: what has completed counts as synced, what was unused too long is revoked."""
        self.bring(company, self.clock.ticks())
        return company

    def bring(self, company: Company, now: int) -> None:
        """Bring a company up to an instant."""
        history = self.active[company.index][1] if company.index in self.active else self._histories.get(company.index)
        for op in history.settle(now) if history is not None else ():
            connection = company.find(op.connection_id)
            if connection is not None:
                connection.last_sync = max(connection.last_sync or 0, op.completed)
        for connection in company.connections:
            days = connection.platform.token_days
            if connection.status == "Linked" and days is not None:
                ends = max(connection.last_sync or 0, connection.authorized) + round(days * DAY)
                if now >= ends:
                    connection.revoke(ends)
