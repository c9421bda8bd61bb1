"""What a run needs of its session: the client, the engine, the error log, and the facts about a company.

Facts that rarely change (which data types a platform supports, the sync settings) are asked for once and kept; the
state of a company's connections is asked for anew by everyone who needs it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from weakref import WeakSet

from codat_notebook.client import CodatLending
from codat_notebook.client.lookup import expected_cells
from codat_notebook.client.quota import Pacing
from codat_notebook.models.shared import Company, Connection, SyncSettings
from codat_notebook.runs.engine import Engine
from codat_notebook.runs.governor import Governor
from codat_notebook.runs.records import ErrorRecord, Log, Subject, from_exception, log_error
from codat_notebook.utils import RetryConfig

CLOSED = "This session is closed: connect() again."


@dataclass(frozen=True, slots=True)
class CompanyFacts:
    """A company's name, its connections, tags and products as they were when asked for."""

    id: str
    name: str
    connections: Mapping[str, Connection]
    supported: Mapping[str, frozenset[str]]
    tags: Mapping[str, str] = field(default_factory=dict)
    products: tuple[str, ...] = ()

    @property
    def linked(self) -> list[Connection]:
        """The connections that Codat can read."""
        return [connection for connection in self.connections.values() if connection.is_linked]

    def refreshed_by_all(self, first_link: frozenset[str]) -> list[tuple[str, str]]:
        """The (connection id, data type) of each operation that ``data/all`` should queue."""
        return expected_cells(self.connections.values(), first_link, self.supported)

    @property
    def platforms(self) -> dict[str, str]:
        """Connection id -> the platform's name."""
        return {id: connection.platform_name or "" for id, connection in self.connections.items()}

    def subject(self, data_type: str | None = None, connection_id: str | None = None) -> Subject:
        """What an error record says of its subject."""
        connection = self.connections.get(connection_id or "")
        return Subject(
            company_id=self.id,
            connection_id=connection_id,
            data_type=data_type,
            platform=connection.platform_name if connection else None,
            link_url=connection.link_url if connection else None,
        )


@dataclass(slots=True)
class RunContext:
    """The services that runs share. What platforms ``support`` (by integration key) and the settings of companies (by
    id) and of the client (``profile``) are filled by the first use.

    ``pacing`` is the client's; the ``governor`` slows all runs down together.
    """

    client: CodatLending
    engine: Engine
    errors: Log[ErrorRecord]
    pacing: Pacing | None = None
    support: dict[str, frozenset[str]] | None = None
    settings: dict[str, SyncSettings] = field(default_factory=dict)
    profile: SyncSettings | None = None
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    governor: Governor = field(init=False)
    #: Whether the session has ended: nothing more may be begun.
    closed: bool = False
    #: What is under way or over and still held by somebody.
    runs: "WeakSet[Any]" = field(default_factory=WeakSet)

    def __post_init__(self) -> None:
        self.governor = Governor(self.client.clock, lambda: self.client.quota, self.pacing)

    def after_fork(self) -> None:
        """In a forked child: the runs are the parent's, and so is what they have under way."""
        self.runs = WeakSet()
        self._asking = asyncio.Lock()
        self.governor.under_way = 0

    @property
    def now(self) -> datetime:
        """The server's time."""
        return self.client.clock.now()

    def report(self, error: Exception, what: str, subject: Subject | None = None) -> ErrorRecord:
        """Put an exception into the error log, in plain words."""
        return log_error(self.errors, from_exception(error, what, self.now, subject))

    async def company(self, company_id: str) -> CompanyFacts:
        """A company with its connections, and what each of them supports. Two requests, later ones one."""
        company = await self.client.companies.get_async(request={"company_id": company_id})
        return await self.facts(company, company_id)

    async def facts(self, company: Company, company_id: str = "") -> CompanyFacts:
        """The same of a company that was read already: lists of companies hold their connections."""
        connections = {connection.id: connection for connection in company.data_connections or ()}
        if self.support is None:
            self.support = {
                integration.key: frozenset(integration.readable_data_types)
                async for integration in self.client.integrations.iterate_async()
            }
        able = {id: self.support.get(each.integration_key or "", frozenset()) for id, each in connections.items()}
        id = company.id or company_id
        products = tuple(company.products or ())
        return CompanyFacts(id, company.name or id, connections, able, company.tags or {}, products)

    async def company_settings(self, company_id: str, retries: RetryConfig | None = None) -> SyncSettings:
        """A company's sync settings as Codat tells them, asked for once."""
        if company_id not in self.settings:
            ask = self.client.settings.get_company_sync_settings_async
            self.settings[company_id] = await ask(request={"company_id": company_id}, retries=retries)
        return self.settings[company_id]

    async def profile_settings(self) -> SyncSettings:
        """The client's sync settings, asked for once."""
        async with self._asking:  # whoever comes meanwhile waits for the same answer
            if self.profile is None:
                self.profile = await self.client.settings.get_profile_sync_settings_async()
        return self.profile
