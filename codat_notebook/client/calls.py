"""Companies, connections, settings and integrations: the calls that only read.

Each method and its ``_async`` twin name the same endpoint; the common parameters are in
:mod:`codat_notebook.client.groups`, and what all of them raise in :mod:`codat_notebook.models.errors`.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Final

from msgspec import UNSET

from codat_notebook.client import flows
from codat_notebook.client.groups import Body, Group, Headers, Retries
from codat_notebook.models import operations, shared

_COMPANIES: Final = operations.ListCompaniesRequest()
_INTEGRATIONS: Final = operations.ListIntegrationsRequest()
_PROFILE: Final = operations.GetProfileSyncSettingsRequest()


class Companies(Group):
    """Companies with their connections."""

    def list(
        self,
        *,
        request: operations.ListCompaniesRequest | Body = _COMPANIES,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.Companies:
        """A page of companies.

        >>> client.companies.list(request={"query": "name~toft"})  # doctest: +SKIP
        """
        said = (retries, server_url, timeout_ms, http_headers)
        return self._read(flows.COMPANIES_LIST, request, said)

    async def list_async(
        self,
        *,
        request: operations.ListCompaniesRequest | Body = _COMPANIES,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.Companies:
        """As :meth:`list`, awaited."""
        said = (retries, server_url, timeout_ms, http_headers)
        return await self._read_async(flows.COMPANIES_LIST, request, said)

    def iterate(
        self,
        *,
        request: operations.ListCompaniesRequest | Body | None = None,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> Iterator[shared.Company]:
        """Everything over all pages, row by row. Where no page size is asked for, the largest that the server
        takes is.
        """
        said = (retries, server_url, timeout_ms, http_headers)
        return self._walk(flows.COMPANIES_LIST, request, said)

    def iterate_async(
        self,
        *,
        request: operations.ListCompaniesRequest | Body | None = None,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> AsyncIterator[shared.Company]:
        """As :meth:`iterate`, with ``async for``."""
        said = (retries, server_url, timeout_ms, http_headers)
        return self._walk_async(flows.COMPANIES_LIST, request, said)

    def get(
        self,
        *,
        request: operations.GetCompanyRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.Company:
        """One company."""
        said = (retries, server_url, timeout_ms, http_headers)
        return self._read(flows.COMPANIES_GET, request, said)

    async def get_async(
        self,
        *,
        request: operations.GetCompanyRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.Company:
        """As :meth:`get`, awaited."""
        said = (retries, server_url, timeout_ms, http_headers)
        return await self._read_async(flows.COMPANIES_GET, request, said)


class Connections(Group):
    """A company's connections to platforms."""

    def list(
        self,
        *,
        request: operations.ListConnectionsRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.Connections:
        """A page of a company's connections."""
        said = (retries, server_url, timeout_ms, http_headers)
        return self._read(flows.CONNECTIONS_LIST, request, said)

    async def list_async(
        self,
        *,
        request: operations.ListConnectionsRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.Connections:
        """As :meth:`list`, awaited."""
        said = (retries, server_url, timeout_ms, http_headers)
        return await self._read_async(flows.CONNECTIONS_LIST, request, said)

    def iterate(
        self,
        *,
        request: operations.ListConnectionsRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> Iterator[shared.Connection]:
        """Everything over all pages, row by row. Where no page size is asked for, the largest that the server
        takes is.
        """
        said = (retries, server_url, timeout_ms, http_headers)
        return self._walk(flows.CONNECTIONS_LIST, request, said)

    def iterate_async(
        self,
        *,
        request: operations.ListConnectionsRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> AsyncIterator[shared.Connection]:
        """As :meth:`iterate`, with ``async for``."""
        said = (retries, server_url, timeout_ms, http_headers)
        return self._walk_async(flows.CONNECTIONS_LIST, request, said)

    def get(
        self,
        *,
        request: operations.GetConnectionRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.Connection:
        """One connection."""
        said = (retries, server_url, timeout_ms, http_headers)
        return self._read(flows.CONNECTIONS_GET, request, said)

    async def get_async(
        self,
        *,
        request: operations.GetConnectionRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.Connection:
        """As :meth:`get`, awaited."""
        said = (retries, server_url, timeout_ms, http_headers)
        return await self._read_async(flows.CONNECTIONS_GET, request, said)


class Settings(Group):
    """When Codat refreshes by itself, and how far back."""

    def get_company_sync_settings(
        self,
        *,
        request: operations.GetCompanySyncSettingsRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.SyncSettings:
        """A company's sync settings."""
        said = (retries, server_url, timeout_ms, http_headers)
        return self._read(flows.COMPANY_SETTINGS, request, said)

    async def get_company_sync_settings_async(
        self,
        *,
        request: operations.GetCompanySyncSettingsRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.SyncSettings:
        """As :meth:`get_company_sync_settings`, awaited."""
        said = (retries, server_url, timeout_ms, http_headers)
        return await self._read_async(flows.COMPANY_SETTINGS, request, said)

    def get_profile_sync_settings(
        self,
        *,
        request: operations.GetProfileSyncSettingsRequest | Body = _PROFILE,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.SyncSettings:
        """The account's sync settings, which hold for companies without their own."""
        said = (retries, server_url, timeout_ms, http_headers)
        return self._read(flows.PROFILE_SETTINGS, request, said)

    async def get_profile_sync_settings_async(
        self,
        *,
        request: operations.GetProfileSyncSettingsRequest | Body = _PROFILE,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.SyncSettings:
        """As :meth:`get_profile_sync_settings`, awaited."""
        said = (retries, server_url, timeout_ms, http_headers)
        return await self._read_async(flows.PROFILE_SETTINGS, request, said)


class Integrations(Group):
    """The platforms that companies can be linked to."""

    def list(
        self,
        *,
        request: operations.ListIntegrationsRequest | Body = _INTEGRATIONS,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.Integrations:
        """A page of integrations."""
        said = (retries, server_url, timeout_ms, http_headers)
        return self._read(flows.INTEGRATIONS_LIST, request, said)

    async def list_async(
        self,
        *,
        request: operations.ListIntegrationsRequest | Body = _INTEGRATIONS,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.Integrations:
        """As :meth:`list`, awaited."""
        said = (retries, server_url, timeout_ms, http_headers)
        return await self._read_async(flows.INTEGRATIONS_LIST, request, said)

    def iterate(
        self,
        *,
        request: operations.ListIntegrationsRequest | Body | None = None,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> Iterator[shared.Integration]:
        """Everything over all pages, row by row. Where no page size is asked for, the largest that the server
        takes is.
        """
        said = (retries, server_url, timeout_ms, http_headers)
        return self._walk(flows.INTEGRATIONS_LIST, request, said)

    def iterate_async(
        self,
        *,
        request: operations.ListIntegrationsRequest | Body | None = None,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> AsyncIterator[shared.Integration]:
        """As :meth:`iterate`, with ``async for``."""
        said = (retries, server_url, timeout_ms, http_headers)
        return self._walk_async(flows.INTEGRATIONS_LIST, request, said)

    def get(
        self,
        *,
        request: operations.GetIntegrationRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.Integration:
        """One integration, by its platform key."""
        said = (retries, server_url, timeout_ms, http_headers)
        return self._read(flows.INTEGRATIONS_GET, request, said)

    async def get_async(
        self,
        *,
        request: operations.GetIntegrationRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.Integration:
        """As :meth:`get`, awaited."""
        said = (retries, server_url, timeout_ms, http_headers)
        return await self._read_async(flows.INTEGRATIONS_GET, request, said)
