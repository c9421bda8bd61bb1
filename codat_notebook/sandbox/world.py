"""The pretend Codat as a plain object: companies, connections, pull operations, all as the API would write them.

A :class:`World` needs no server and waits for nothing. It is seeded, its clock is injected, and each method gives
the body of one call or raises the :class:`~codat_notebook.sandbox.exchange.ErrorResponse` that the call would answer.
Companies and histories that nothing has happened to are forgotten and drawn again when needed; the others are kept.
:mod:`codat_notebook.sandbox.service` puts HTTP around it. Methods may be called from any thread.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from inspect import isfunction
from operator import attrgetter
from typing import Any, Final

from codat_notebook.forking import Lock
from codat_notebook.models.platforms import BY_KEY, PLATFORMS
from codat_notebook.models.vocabulary import custom_identifier
from codat_notebook.sandbox.companies import (
    CONNECTION,
    INTEGRATION,
    SimulatedCompany,
    SimulatedConnection,
    integration,
)
from codat_notebook.sandbox.company_history import (
    Cell,
    CompanyHistory,
    OperationList,
    validation_results,
)
from codat_notebook.sandbox.directory import CHANGING, CompanyStore, Directory
from codat_notebook.sandbox.event_log import EventLog
from codat_notebook.sandbox.exchange import ErrorResponse, invalid, missing
from codat_notebook.sandbox.faults import SandboxSettings
from codat_notebook.sandbox.listing import Listing, of_documents
from codat_notebook.sandbox.pull_operation import REQUESTED, Operation
from codat_notebook.sandbox.pull_queue import Queueing, Schedule
from codat_notebook.sandbox.seeded_random import SeededRandom
from codat_notebook.sandbox.situations import Staged, find_situation
from codat_notebook.sandbox.stories import SHOWCASE, CompanyTemplate
from codat_notebook.sandbox.virtual_time import DAY, SECOND, Clock, to_text
from codat_notebook.sandbox.webhooks import Webhooks

Document = dict[str, Any]
Parameters = Mapping[str, str]
_NONE: Final[Parameters] = {}
_HISTORIES: Final = 300
_COUNTED: Final = 500  # companies looked at for the quota: those of a large world need not be drawn for it


def _synchronized(kind: type[World]) -> type[World]:
    """Let each public method of a world run while no other thread is in one."""

    def locked(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(self: World, /, *args: Any, **kwargs: Any) -> Any:
            with self.lock:
                return method(self, *args, **kwargs)

        return call

    for name, method in list(vars(kind).items()):
        if isfunction(method) and not name.startswith("_"):
            setattr(kind, name, locked(method))
    return kind


@_synchronized
class World:
    """A seeded pretend Codat.

    Args:
        companies: how many there are.
        seed: two worlds of one seed and one start are the same.
        clock: what time it is; real time by default.
        settings: switches, see :class:`~codat_notebook.sandbox.faults.SandboxSettings`.
        link_base: the scheme and host of link URLs.
        written: the companies that are written by hand; the first of the count.

    Attributes:
        accepted: the POSTs that the server took in, oldest first, whatever the client was answered.
        orders: endings ordered for coming operations.
        webhooks: who is told of its events.

    >>> world = World(companies=3, seed=7, clock=Clock(speed=0))
    >>> company_id = world.companies()["results"][0]["id"]
    >>> world.queue(company_id, "invoices")["status"]
    'Queued'
    """

    def __init__(
        self, companies: int = 12, seed: int = 7, clock: Clock | None = None, settings: SandboxSettings | None = None,
        link_base: str = "https://link-api.codat.io", written: Sequence[CompanyTemplate] = SHOWCASE,
    ) -> None:  # fmt: skip
        if companies < 0:
            raise ValueError("a world has no fewer than 0 companies")
        self.clock = clock or Clock()
        self.settings = settings or SandboxSettings()
        self.link_base = link_base
        self.lock = Lock(kind=threading.RLock)
        self.start = self.clock.ticks()
        self.draws = SeededRandom(seed)
        self.company_store = CompanyStore(self.draws, companies, self.start, written)
        self.active: dict[int, SimulatedCompany] = {}
        self._read: deque[SimulatedCompany] = deque()  # their histories are there, the one made last at the end
        self._directory = Directory(self.company_store)
        self._queueing = Queueing(self.draws, self.settings, self.history_of, self.activate)
        self._schedule = Schedule(self.settings, self._queueing, self.start)
        self.accepted: Final = self._queueing.accepted
        self.orders: Final = self._queueing.orders
        self.log: Final = EventLog(self.draws)
        self.webhooks: Final = Webhooks(self)

    # What it holds, brought up to the present

    def fresh(self, company: SimulatedCompany) -> SimulatedCompany:
        """The company as of now: what has completed counts as synced, and Codat's own schedule has queued."""
        now = self.clock.ticks()
        if self._schedule.on(now):
            self._schedule.run(company, now, self.bring)
        self.bring(company, now)
        return company

    def bring(self, company: SimulatedCompany, now: int) -> None:
        """Bring a company up to an instant: note what has completed, what has ended or begun at its connections."""
        for op in company.history.settle(now) if company.history is not None else ():
            connection = company.find(op.connection_id)
            if connection is not None and op.succeeded:
                connection.last_sync = max(connection.last_sync or 0, op.completed)
            self.log.read_ended(company, op)
        for connection in company.connections:
            if (ended := connection.bring(now)) is not None:
                self.company_store.keep(company)  # or it would be made anew, and end once more
                self.log.connection_changed(company, connection, "disconnected", ended, self.link_base)

    def find_company(self, company_id: str) -> SimulatedCompany:
        """A company as of now; 404 where there is none."""
        company = self.company_store.find(company_id.lower())
        if company is None:
            raise missing("companyId", company_id)
        return self.fresh(company)

    def find_connection(self, company_id: str, connection_id: str) -> SimulatedConnection:
        """A connection of a company as of now; 404 where there is none."""
        connection = self.find_company(company_id).find(connection_id.lower())
        if connection is None:
            raise missing("connectionId", connection_id)
        return connection

    def find_operation(self, company_id: str, dataset_id: str) -> Operation:
        """A pull operation of a company, if the API shows it already; 404 where there is none."""
        op = self.history_of(self.find_company(company_id)).find(dataset_id.lower())
        lag = round(self.settings.history_lag * SECOND)
        if op is None or (lag and op.requested > self.clock.ticks() - lag):
            raise missing("datasetId", dataset_id)
        return op

    def history_of(self, company: SimulatedCompany) -> CompanyHistory:
        """A company's operations; where nothing was queued they are forgotten after a while."""
        if company.history is None:
            company.history = CompanyHistory(self.draws, company, self.start)
            self._read.append(company)
            if len(self._read) > _HISTORIES and (oldest := self._read.popleft()).index not in self.active:
                oldest.history = None
        return company.history

    def activate(self, company: SimulatedCompany) -> None:
        """Something was queued: keep the company and its history for good."""
        self.active[company.index] = company
        self.company_store.keep(company)

    def connected(self) -> int:
        """How many companies have a linked connection; in a large world that of the first ones, in proportion."""
        counted = min(len(self.company_store), _COUNTED)
        companies = (self.fresh(self.company_store.at(index)) for index in range(counted))
        linked = sum(any(c.status == "Linked" for c in company.connections) for company in companies)
        return round(len(self.company_store) * linked / counted) if counted else 0

    def _catch_up(self) -> None:
        """Bring each company up to the present that something can have happened to."""
        if self._schedule.on(self.clock.ticks()):
            for index in range(len(self.company_store)):
                self.fresh(self.company_store.at(index))
        else:
            for company in self.active.values():
                if not self.history_of(company).quiet:
                    self.fresh(company)

    # Companies and connections

    def companies(self, parameters: Parameters = _NONE) -> Document:
        """``GET /companies``."""
        if CHANGING in parameters.get("query", "") + parameters.get("orderBy", ""):
            self._catch_up()
        return self._directory.body(
            "/companies", parameters, self.settings.max_page_size,
            lambda index: self.fresh(self.company_store.at(index)).document(self.link_base),
        )  # fmt: skip

    def company(self, company_id: str) -> Document:
        """``GET /companies/{companyId}``."""
        return self.find_company(company_id).document(self.link_base)

    def connections(self, company_id: str, parameters: Parameters = _NONE) -> Document:
        """``GET /companies/{companyId}/connections``."""
        rows = [each.document(self.link_base) for each in self.find_company(company_id).connections]
        listing = Listing(len(rows), of_documents(rows, CONNECTION), "DataConnection")
        path = f"/companies/{company_id}/connections"
        return listing.body(path, parameters, self.settings.max_page_size, rows.__getitem__)

    def connection(self, company_id: str, connection_id: str) -> Document:
        """``GET /companies/{companyId}/connections/{connectionId}``."""
        return self.find_connection(company_id, connection_id).document(self.link_base)

    # Data

    def status(self, company_id: str) -> Document:
        """``GET /companies/{companyId}/dataStatus``."""
        company = self.find_company(company_id)
        history = self.history_of(company)
        state = (history.quiet, len(history.queued), self.settings.status_of, *self.settings.new_data_types)
        if not history.quiet or history.last_status[0] != state:
            history.last_status = (state, self._statuses(company, history, self.clock.ticks()))
        return self._shown(history.last_status[1])

    def _statuses(self, company: SimulatedCompany, history: CompanyHistory, now: int) -> dict[str, Document]:
        cells = [(c.id, data_type) for c in company.connections for data_type in self.settings.types_of(c.platform)]
        by_type: dict[str, list[Cell]] = {}
        for cell in (*cells, *(cell for cell in history.cells if custom_identifier(cell[1]) is not None)):
            by_type.setdefault(cell[1], []).append(cell)
        return {data_type: self._status(history, data_type, cells, now) for data_type, cells in by_type.items()}

    def _shown(self, statuses: dict[str, Document]) -> Document:
        """With the types never synced as the settings say."""
        statuses = {key: dict(status) for key, status in statuses.items()}
        if self.settings.never_synced == "bare":
            return statuses
        synced = {key: status for key, status in statuses.items() if len(status) > 1}
        return synced if self.settings.never_synced == "omit" else {**dict.fromkeys(statuses), **synced}

    def _status(self, history: CompanyHistory, data_type: str, cells: list[Cell], now: int) -> Document:
        told = max if self.settings.status_of == "newest" else min
        latest = told((history.cells[cell][-1] for cell in cells if cell in history.cells), key=REQUESTED, default=None)
        if latest is None:
            return {"dataType": data_type}
        status = {"dataType": data_type, "currentStatus": latest.document(now)["status"], "latestSyncId": latest.id}
        good = (history.last_success(cell, now) for cell in cells)
        success = max((op for op in good if op is not None), key=attrgetter("completed"), default=None)
        if success is not None:
            status |= {"lastSuccessfulSync": to_text(success.completed), "latestSuccessfulSyncId": success.id}
        return status

    def queue(self, company_id: str, data_type: str, connection_id: str | None = None) -> Document:
        """``POST /companies/{companyId}/data/queue/{dataType}``."""
        company, now = self.find_company(company_id), self.clock.ticks()
        return self._queueing.one(company, data_type, connection_id, now).document(now)

    def queue_custom(self, company_id: str, connection_id: str, identifier: str) -> Document:
        """``POST /companies/{companyId}/connections/{connectionId}/data/queue/custom/{customDataIdentifier}``."""
        company, now = self.find_company(company_id), self.clock.ticks()
        connection = self.find_connection(company_id, connection_id)
        return self._queueing.custom(company, connection, identifier, now).document(now)

    def refresh_product(self, company_id: str, product: str, data_types: Sequence[str] | None = None) -> None:
        """``POST /companies/{companyId}/products/{productIdentifier}/refresh``."""
        self._queueing.product(self.find_company(company_id), product, data_types, self.clock.ticks())
        self.log.expect_product(product, self.accepted[-1].operations)

    def assign(self, company_id: str, *products: str) -> None:
        """Give a company these products, and no others."""
        company = self.find_company(company_id)
        before, company.products = company.products, products
        self.company_store.keep(company)
        self.log.products_changed(company, before, self.clock.ticks())

    def queue_all(self, company_id: str) -> None:
        """``POST /companies/{companyId}/data/all``."""
        self._queueing.all(self.find_company(company_id), self.clock.ticks())

    def history(self, company_id: str, parameters: Parameters = _NONE) -> Document:
        """``GET /companies/{companyId}/data/history``."""
        history, now = self.history_of(self.find_company(company_id)), self.clock.ticks()
        operations = history.operations
        if self.settings.history_lag and history.queued:  # the newest are not there yet
            horizon = now - round(self.settings.history_lag * SECOND)
            operations = operations[: bisect_right(operations, horizon, key=REQUESTED)]
        return OperationList(operations, now).body(
            f"/companies/{company_id}/data/history", parameters, self.settings.max_page_size,
            lambda index: operations[index].document(now),
        )  # fmt: skip

    def operation(self, company_id: str, dataset_id: str) -> Document:
        """``GET /companies/{companyId}/data/history/{datasetId}``."""
        return self.find_operation(company_id, dataset_id).document(self.clock.ticks())

    def validation(self, company_id: str, dataset_id: str) -> Document:
        """``GET /companies/{companyId}/sync/{datasetId}/validation``."""
        return validation_results(self.draws, self.find_operation(company_id, dataset_id), self.clock.ticks())

    # Settings and integrations

    def company_settings(self, company_id: str) -> Document:
        """``GET /companies/{companyId}/syncSettings``."""
        company = self.find_company(company_id)
        settings = self.settings.sync_settings(company.id)
        own = self.settings.company_settings.get(company.id)
        told = [each for name, each in settings.items() if (own or {}).get(name, {}) is not None]
        return {"companyId": company.id, "overridesDefaults": own is not None, "settings": told}

    def profile_settings(self) -> Document:
        """``GET /profile/syncSettings``."""
        settings = list(self.settings.sync_settings().values())
        return {"clientId": self.draws.uuid("client"), "overridesDefaults": True, "settings": settings}

    def integrations(self, parameters: Parameters = _NONE) -> Document:
        """``GET /integrations``."""
        rows = [integration(platform, self.settings.types_of(platform)) for platform in PLATFORMS]
        listing = Listing(len(rows), of_documents(rows, INTEGRATION), "Integration")
        return listing.body("/integrations", parameters, self.settings.max_page_size, rows.__getitem__)

    def integration(self, platform_key: str) -> Document:
        """``GET /integrations/{platformKey}``."""
        platform = BY_KEY.get(platform_key)
        if platform is None:
            raise ErrorResponse(404, f"No integration was found with key {platform_key}", "ClientsApi")
        return integration(platform, self.settings.types_of(platform))

    # What the API does not tell, for Python and the controls

    def notice(self) -> None:
        """Have the log hold what has happened until now to companies for which something was queued."""
        self._catch_up()
        for company in self.active.values():
            self.bring(company, self.clock.ticks())

    def events(self) -> list[Document]:
        """The webhook events of what happened since the world began, oldest first."""
        self.notice()
        entries = sorted(self.log.entries, key=attrgetter("at", "key"))
        return [document for _, document in self.log.documents(entries)]

    def deauthorize(self, company_id: str, connection_id: str) -> None:
        """End a connection's authorization: what is queued on it from now on ends in AuthError."""
        company, now = self.find_company(company_id), self.clock.ticks()
        connection = self.find_connection(company_id, connection_id)
        self.company_store.keep(company)
        if connection.revoke(now):
            self.log.connection_changed(company, connection, "disconnected", now, self.link_base)

    def relink(self, company_id: str, connection_id: str) -> None:
        """Authorize a connection (again), as a customer does; one that is linked for the first time is read at once."""
        company, now = self.find_company(company_id), self.clock.ticks()
        connection = self.find_connection(company_id, connection_id)
        if (day := connection.platform.withdrawn) is not None:
            raise invalid(f"Codat has withdrawn {connection.platform.name} on {day}: connect another source.")
        before = connection.status
        connection.authorize(now)
        self.company_store.keep(company)
        if before != "Linked":
            what = "connected" if before == "PendingAuth" else "reconnected"
            self.log.connection_changed(company, connection, what, now, self.link_base)
        if before == "PendingAuth":
            self._queueing.first_sync(company, connection, now)

    def mend(self, company_id: str, connection_id: str) -> None:
        """Put right whatever is wrong with a connection but its authorization; what is held goes on at once."""
        company, now = self.find_company(company_id), self.clock.ticks()
        self.find_connection(company_id, connection_id).mend(now)
        self.company_store.keep(company)
        for op in self._running(company, now):
            if op.connection_id == connection_id.lower():
                op.release(now)

    def restart_connector(self, company_ids: Sequence[str]) -> list[str]:
        """Cancel what runs on the on-premise connections of these companies; gives the operations' ids."""
        now, cancelled = self.clock.ticks(), []
        for company in map(self.find_company, company_ids):
            for op in self._running(company, now):
                connection = company.find(op.connection_id)
                if connection is not None and connection.platform.offline:
                    op.cancel(now, f"The connector of {connection.platform.name} was restarted.")
                    cancelled.append(op.id)
        return cancelled

    def _running(self, company: SimulatedCompany, now: int) -> list[Operation]:
        return [op for op in self.history_of(company).queued if op.running(now)]

    def stage(self, name: str) -> Staged:
        """Add the company (or companies) of a situation, as of now; ``ValueError`` for a name that is none."""
        situation, now, staged = find_situation(name), self.clock.ticks(), []
        for template in situation.templates(name):
            company = self.company_store.add(template, now)
            history = company.history = CompanyHistory(self.draws, company, now)
            self.activate(company)
            self.log.company_created(company, now, self.link_base)
            connection = company.connections[0]
            for data_type in situation.queue:
                self._queueing.queue(company, connection, data_type, now - round(situation.ago * DAY))
            cells = {t: history.cells.get((connection.id, t)) for t in connection.platform.types}
            shown = [ops[-1].id for t, ops in cells.items() if ops and t in (situation.shown or cells)]
            staged.append(Staged(name, company.id, connection.id, tuple(shown)))
        self._directory = Directory(self.company_store)
        return staged[0]._replace(others=tuple(staged[1:]))

    def lengthen_history(self, company_id: str, operations: int) -> None:
        """Let a company have so many past operations: its connections become as old as that takes."""
        company = self.find_company(company_id)
        if company.index in self.active:
            raise RuntimeError("lengthen a history before operations are queued")
        company.history = CompanyHistory.of_length(self.draws, company, self.start, operations)
        self.activate(company)
