"""Looking in the history for what a doubtful send may have queued.

A look-up lists a company's newest operations and leaves the choice to us, because Codat may not let other
properties be queried. Times are compared on the server's clock only: an answer's own ``Date`` less the time
since the first send.
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Final

import msgspec

from codat_notebook.client import wire
from codat_notebook.client.flows import PULLS_GET, PULLS_LIST, Options
from codat_notebook.client.retrying import Call, Flow, fetch
from codat_notebook.models import errors, operations, shared, vocabulary
from codat_notebook.models.instants import instant

#: How far the server's clock and its history's times may disagree.
SLACK: Final = timedelta(seconds=2)
_PAGE: Final = 200
_PAGES: Final = 10


class Intent(msgspec.Struct, frozen=True):
    """What is to be refreshed: a data type (None for all) of a company, on one connection or on whichever
    have it.
    """

    company_id: str
    data_type: str | None = None
    connection_id: str | None = None

    def covers(self, operation: shared.PullOperation) -> bool:
        """Whether an operation is what this intent asks for."""
        same_type = self.data_type is None or operation.data_type == self.data_type
        return same_type and self.connection_id in (None, operation.connection_id)

    def __str__(self) -> str:
        return " ".join(filter(None, (self.data_type or "all data types", self.connection_id)))


def ended_before(operation: shared.PullOperation, start: datetime) -> bool:
    """Whether an operation was over before ``start``; one of which nothing can be told counts as over."""
    if vocabulary.is_running(operation.status, operation.completed):
        return False
    end = instant(operation.completed) or instant(operation.requested)
    return end is None or end < start


def requested_since(
    call: Call, options: Options, intent: Intent, start: Callable[[], datetime], known: Collection[str] = ()
) -> Flow[list[shared.PullOperation]]:
    """The intent's operations that were requested since ``start()`` and are not known, the newest first.

    ``start`` is asked after each answer, whose ``Date`` has then been heard.
    """
    found: dict[str, shared.PullOperation] = {}
    for number in range(1, _PAGES + 1):
        page = yield from fetch(call, _history(options, intent.company_id, number), PULLS_LIST.gives)
        since = start()
        new = [op for op in page.results if _is_since(op, since)]
        found.update({op.id: op for op in new if op.id and intent.covers(op) and op.id not in known})
        if not page.links.next or len(new) < len(page.results):
            break
    return sorted(found.values(), key=lambda op: op.requested, reverse=True)


def running(call: Call, options: Options, intent: Intent) -> Flow[list[shared.PullOperation]]:
    """The intent's operations among the newest that are still on their way."""
    page = yield from fetch(call, _history(options, intent.company_id, 1), PULLS_LIST.gives)
    return [op for op in page.results if intent.covers(op) and vocabulary.is_running(op.status, op.completed)]


def one(call: Call, options: Options, company_id: str, operation_id: str) -> Flow[shared.PullOperation | None]:
    """Read an operation; None if there is none of that id."""
    path = wire.path(PULLS_GET.path, company_id=company_id, dataset_id=operation_id)
    try:
        return (yield from fetch(call, options.get(path, company=company_id), PULLS_GET.gives))
    except errors.CodatLendingError as error:
        if error.status_code != 404:
            raise
    return None


def _history(options: Options, company_id: str, number: int) -> wire.Request:
    request = operations.ListPullOperationsRequest(
        company_id=company_id, page=number, page_size=_PAGE, order_by="-requested"
    )
    query = (("page", str(request.page)), ("pageSize", str(request.page_size)), ("orderBy", "-requested"))
    return options.get(wire.path(PULLS_LIST.path, company_id=company_id), query, company_id)


def _is_since(operation: shared.PullOperation, start: datetime) -> bool:
    requested = instant(operation.requested)
    if requested is not None and requested >= start:
        return True
    # What is still running is what another POST would be refused for, however its time reads.
    return vocabulary.is_running(operation.status, operation.completed)
