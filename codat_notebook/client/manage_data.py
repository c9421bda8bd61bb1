"""Data statuses, pull operations, and the calls that refresh.

``refresh.data_type`` and ``refresh.all_data_types`` are the official SDK's; ``refresh.queue`` and
``refresh.queue_all`` are what they use, for those who want to know how it came about. Both pairs queue once,
whatever happens on the way.
"""

from collections.abc import AsyncIterator, Collection, Iterator
from datetime import datetime
from typing import Any

from msgspec import UNSET

from codat_notebook.client import flows, queueing, wire
from codat_notebook.client.groups import Body, CallOptions, Group, Headers, Retries, Runner
from codat_notebook.client.lookup import Intent
from codat_notebook.client.queueing import Queued, QueuedAll
from codat_notebook.client.retrying import Flow
from codat_notebook.models import operations, shared


class PullOperations(Group):
    """The history of what was pulled, and of what is being pulled."""

    def list(
        self,
        *,
        request: operations.ListPullOperationsRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.PullOperations:
        """A page of a company's pull operations."""
        said = (retries, server_url, timeout_ms, http_headers)
        return self._read(flows.PULLS_LIST, request, said)

    async def list_async(
        self,
        *,
        request: operations.ListPullOperationsRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.PullOperations:
        """As :meth:`list`, awaited."""
        said = (retries, server_url, timeout_ms, http_headers)
        return await self._read_async(flows.PULLS_LIST, request, said)

    def iterate(
        self,
        *,
        request: operations.ListPullOperationsRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> Iterator[shared.PullOperation]:
        """Everything over all pages, row by row. Where no page size is asked for, the largest that the server
        takes is.
        """
        said = (retries, server_url, timeout_ms, http_headers)
        return self._walk(flows.PULLS_LIST, request, said)

    def iterate_async(
        self,
        *,
        request: operations.ListPullOperationsRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> AsyncIterator[shared.PullOperation]:
        """As :meth:`iterate`, with ``async for``."""
        said = (retries, server_url, timeout_ms, http_headers)
        return self._walk_async(flows.PULLS_LIST, request, said)

    def get(
        self,
        *,
        request: operations.GetPullOperationRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.PullOperation:
        """One pull operation."""
        said = (retries, server_url, timeout_ms, http_headers)
        return self._read(flows.PULLS_GET, request, said)

    async def get_async(
        self,
        *,
        request: operations.GetPullOperationRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.PullOperation:
        """As :meth:`get`, awaited."""
        said = (retries, server_url, timeout_ms, http_headers)
        return await self._read_async(flows.PULLS_GET, request, said)

    def get_validation(
        self,
        *,
        request: operations.GetValidationRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.ValidationResults:
        """What Codat's checks found in the data that one operation pulled."""
        said = (retries, server_url, timeout_ms, http_headers)
        return self._read(flows.PULLS_VALIDATION, request, said)

    async def get_validation_async(
        self,
        *,
        request: operations.GetValidationRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.ValidationResults:
        """As :meth:`get_validation`, awaited."""
        said = (retries, server_url, timeout_ms, http_headers)
        return await self._read_async(flows.PULLS_VALIDATION, request, said)


class Refresh(Group):
    """The two calls that queue, each exactly once."""

    def all_data_types(
        self,
        *,
        request: operations.RefreshAllDataTypesRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> None:
        """Queue every data type of a company. Codat names no operations; see :meth:`queue_all`.

        Returns once Codat has confirmed it, or the history shows everything that it should queue. Raises a
        :class:`~codat_notebook.models.errors.CodatLendingError` with ``queued`` ``"unknown"``, and the names of what is
        missing, if the answer was lost and the history shows a part.
        """
        said = (retries, server_url, timeout_ms, http_headers)
        self._runner.drive(self._all("all_data_types", request, said))

    async def all_data_types_async(
        self,
        *,
        request: operations.RefreshAllDataTypesRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> None:
        """As :meth:`all_data_types`, awaited."""
        said = (retries, server_url, timeout_ms, http_headers)
        await self._runner.drive_async(self._all("all_data_types", request, said))

    def data_type(
        self,
        *,
        request: operations.RefreshDataTypeRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.PullOperation:
        """Queue one data type, or attach to the operation that is in progress already."""
        said = (retries, server_url, timeout_ms, http_headers)
        return self._runner.drive(self._one("data_type", request, said)).operation

    async def data_type_async(
        self,
        *,
        request: operations.RefreshDataTypeRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.PullOperation:
        """As :meth:`data_type`, awaited."""
        said = (retries, server_url, timeout_ms, http_headers)
        return (await self._runner.drive_async(self._one("data_type", request, said))).operation

    def queue(
        self,
        *,
        request: operations.RefreshDataTypeRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
        idempotency_key: str | None = None,
        since: datetime | None = None,
        known: Collection[str] = (),
        siblings: bool = False,
    ) -> Queued:
        """Queue one data type, and tell what came of it.

        Args:
            idempotency_key: the key to send it under; by default a new one. What is in doubt keeps its own.
            since: the server's time at which an earlier process first sent it; begins with a look-up.
            known: ids of operations that cannot be this one.
            siblings: also look for what was queued on the company's other connections (one more request).

        Returns:
            The operation, whether it was ``"queued"`` or ``"attached"`` to, and its siblings.

        Raises:
            errors.CodatLendingError: with ``queued`` ``"no"`` or ``"unknown"``.
        """
        said = (retries, server_url, timeout_ms, http_headers)
        how = {"key": idempotency_key, "since": since, "known": known, "siblings": siblings}
        return self._runner.drive(self._one("queue", request, said, **how))

    async def queue_async(
        self,
        *,
        request: operations.RefreshDataTypeRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
        idempotency_key: str | None = None,
        since: datetime | None = None,
        known: Collection[str] = (),
        siblings: bool = False,
    ) -> Queued:
        """As :meth:`queue`, awaited."""
        said = (retries, server_url, timeout_ms, http_headers)
        how = {"key": idempotency_key, "since": since, "known": known, "siblings": siblings}
        return await self._runner.drive_async(self._one("queue", request, said, **how))

    def queue_all(
        self,
        *,
        request: operations.RefreshAllDataTypesRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
        idempotency_key: str | None = None,
        since: datetime | None = None,
    ) -> QueuedAll:
        """Queue every data type of a company, and tell what came of it: what ran before, since when to look.

        ``idempotency_key`` and ``since`` as in :meth:`queue`.
        """
        said = (retries, server_url, timeout_ms, http_headers)
        return self._runner.drive(self._all("queue_all", request, said, key=idempotency_key, since=since))

    async def queue_all_async(
        self,
        *,
        request: operations.RefreshAllDataTypesRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
        idempotency_key: str | None = None,
        since: datetime | None = None,
    ) -> QueuedAll:
        """As :meth:`queue_all`, awaited."""
        said = (retries, server_url, timeout_ms, http_headers)
        return await self._runner.drive_async(self._all("queue_all", request, said, key=idempotency_key, since=since))

    def _one(self, name: str, request: Any, said: CallOptions, **how: Any) -> Flow[Queued]:
        made = operations.check(operations.RefreshDataTypeRequest, request)
        if how.get("key"):
            wire.headers({"Idempotency-Key": how["key"]})
        connection_id = None if made.connection_id is None else str(made.connection_id)
        call, options = self._runner.prepare(f"manage_data.refresh.{name}", said, writes=True)
        return queueing.queue(call, options, Intent(str(made.company_id), str(made.data_type), connection_id), **how)

    def _all(self, name: str, request: Any, said: CallOptions, **how: Any) -> Flow[QueuedAll]:
        made = operations.check(operations.RefreshAllDataTypesRequest, request)
        if how.get("key"):
            wire.headers({"Idempotency-Key": how["key"]})
        call, options = self._runner.prepare(f"manage_data.refresh.{name}", said, writes=True)
        return queueing.queue_all(call, options, Intent(str(made.company_id)), whole=name == "all_data_types", **how)


class ManageData(Group):
    """How data gets to Codat: statuses, refreshes, and the history of pull operations."""

    def __init__(self, runner: Runner) -> None:
        super().__init__(runner)
        self.refresh = Refresh(runner)
        self.pull_operations = PullOperations(runner)

    def get_status(
        self,
        *,
        request: operations.GetDataStatusRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.DataStatuses:
        """How fresh each data type of a company is, in one request."""
        said = (retries, server_url, timeout_ms, http_headers)
        return self._read(flows.GET_STATUS, request, said)

    async def get_status_async(
        self,
        *,
        request: operations.GetDataStatusRequest | Body,
        retries: Retries = UNSET,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        http_headers: Headers = None,
    ) -> shared.DataStatuses:
        """As :meth:`get_status`, awaited."""
        said = (retries, server_url, timeout_ms, http_headers)
        return await self._read_async(flows.GET_STATUS, request, said)
