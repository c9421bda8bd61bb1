"""Data statuses, pull operations, and the calls that refresh.

``refresh.data_type`` and ``refresh.all_data_types`` are the official SDK's; ``refresh.queue`` and
``refresh.queue_all`` are what they use, for those who want to know how it came about. Both pairs queue once,
whatever happens on the way.
"""

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any, Unpack

from codat_notebook.client import flows, queueing, wire
from codat_notebook.client.calls import (
    Body,
    Given,
    Group,
    awaiting,
    blocking,
    rows,
    rows_async,
)
from codat_notebook.client.flows import Pager
from codat_notebook.client.lookup import Intent
from codat_notebook.client.queueing import Queued, QueuedAll
from codat_notebook.client.retrying import Call, Flow
from codat_notebook.models import operations, shared

if TYPE_CHECKING:
    from codat_notebook.client.codat_lending import CodatLending


class PullOperations(Group):
    """The history of what was pulled, and of what is being pulled."""

    def _list(
        self, *, request: operations.ListPullOperationsRequest | Body, **given: Unpack[Given]
    ) -> Flow[shared.PullOperations]:
        """A page of a company's pull operations."""
        return self._read(flows.PULLS_LIST, request, given)

    list = blocking(_list)
    list_async = awaiting(_list)

    def _iterate(
        self, *, request: operations.ListPullOperationsRequest | Body, **given: Unpack[Given]
    ) -> Pager[shared.PullOperation]:
        return self._rows(flows.PULLS_LIST, request, given)

    iterate = rows(_iterate)
    iterate_async = rows_async(_iterate)

    def _get(
        self, *, request: operations.GetPullOperationRequest | Body, **given: Unpack[Given]
    ) -> Flow[shared.PullOperation]:
        """One pull operation."""
        return self._read(flows.PULLS_GET, request, given)

    get = blocking(_get)
    get_async = awaiting(_get)

    def _get_validation(
        self, *, request: operations.GetValidationRequest | Body, **given: Unpack[Given]
    ) -> Flow[shared.ValidationResults]:
        """What Codat's checks found in the data that one operation pulled."""
        return self._read(flows.PULLS_VALIDATION, request, given)

    get_validation = blocking(_get_validation)
    get_validation_async = awaiting(_get_validation)


class Refresh(Group):
    """The two calls that queue, each exactly once."""

    def _all_data_types(
        self, *, request: operations.RefreshAllDataTypesRequest | Body, **given: Unpack[Given]
    ) -> Flow[None]:
        """Queue every data type of a company. Codat names no operations; see :meth:`queue_all`.

        Returns once Codat has confirmed it, or the history shows everything that it should queue. Raises a
        :class:`~codat_notebook.models.errors.CodatLendingError` with ``queued`` ``"unknown"``, and the names of what is
        missing, if the answer was lost and the history shows a part.
        """
        yield from self._all("all_data_types", request, given)

    all_data_types = blocking(_all_data_types)
    all_data_types_async = awaiting(_all_data_types)

    def _data_type(
        self, *, request: operations.RefreshDataTypeRequest | Body, **given: Unpack[Given]
    ) -> Flow[shared.PullOperation]:
        """Queue one data type, or attach to the operation that is in progress already."""
        return (yield from self._one("data_type", request, given)).operation

    data_type = blocking(_data_type)
    data_type_async = awaiting(_data_type)

    def _queue(
        self,
        *,
        request: operations.RefreshDataTypeRequest | Body,
        idempotency_key: str | None = None,
        since: datetime | None = None,
        known: Collection[str] = (),
        siblings: bool = False,
        **given: Unpack[Given],
    ) -> Flow[Queued]:
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
        how = {"key": idempotency_key, "since": since, "known": known, "siblings": siblings}
        return self._one("queue", request, given, **how)

    queue = blocking(_queue)
    queue_async = awaiting(_queue)

    def _queue_all(
        self,
        *,
        request: operations.RefreshAllDataTypesRequest | Body,
        idempotency_key: str | None = None,
        since: datetime | None = None,
        **given: Unpack[Given],
    ) -> Flow[QueuedAll]:
        """Queue every data type of a company, and tell what came of it: what ran before, since when to look.

        ``idempotency_key`` and ``since`` as in :meth:`queue`.
        """
        return self._all("queue_all", request, given, key=idempotency_key, since=since)

    queue_all = blocking(_queue_all)
    queue_all_async = awaiting(_queue_all)

    def _one(self, name: str, request: Any, given: Given, **how: Any) -> Flow[Queued]:
        made = operations.check(operations.RefreshDataTypeRequest, request)
        connection_id = None if made.connection_id is None else str(made.connection_id)
        intent = Intent(str(made.company_id), str(made.data_type), connection_id)
        return queueing.queue(self._call(name, given, **how), intent, **how)

    def _all(self, name: str, request: Any, given: Given, **how: Any) -> Flow[QueuedAll]:
        made = operations.check(operations.RefreshAllDataTypesRequest, request)
        intent = Intent(str(made.company_id))
        return queueing.queue_all(self._call(name, given, **how), intent, whole=name == "all_data_types", **how)

    def _call(self, name: str, given: Given, key: str | None = None, **_: Any) -> Call:
        if key:
            wire.headers({"Idempotency-Key": key})  # raises for one that cannot be sent
        return self._client.prepare(f"manage_data.refresh.{name}", given, writes=True)


class ManageData(Group):
    """How data gets to Codat: statuses, refreshes, and the history of pull operations."""

    def __init__(self, client: "CodatLending") -> None:
        super().__init__(client)
        self.refresh = Refresh(client)
        self.pull_operations = PullOperations(client)

    def _get_status(
        self, *, request: operations.GetDataStatusRequest | Body, **given: Unpack[Given]
    ) -> Flow[shared.DataStatuses]:
        """How fresh each data type of a company is, in one request."""
        return self._read(flows.GET_STATUS, request, given)

    get_status = blocking(_get_status)
    get_status_async = awaiting(_get_status)
