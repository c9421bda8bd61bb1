"""Looking in the history for what a doubtful send may have queued, and what a refresh of everything should queue.

A look-up lists a company's newest operations and leaves the choice to us, because Codat may not let other
properties be queried. Times are compared on the server's clock only: an answer's own ``Date`` less the time
since the first send. A server that tells no time leaves us with the operations that are running.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import Final

import msgspec

from codat_notebook.client import flows, wire
from codat_notebook.client.clock import reach
from codat_notebook.client.flows import Pager, read
from codat_notebook.client.retrying import Call, Flow, fetch
from codat_notebook.models import errors, shared, status
from codat_notebook.models.instants import instant
from codat_notebook.models.platforms import BY_KEY, BY_NAME

#: How far the server's clock and its history's times may disagree: what is requested since is taken at once, what is
#: requested at most ``NEAR`` earlier is taken when nothing else has turned up in the settle time.
SLACK: Final = timedelta(seconds=2)
NEAR: Final = timedelta(seconds=30)
_PAGE: Final = 200
_PAGES: Final = 10


class Intent(msgspec.Struct, frozen=True):
    """What is to be refreshed: a data type (None for all) of a company, on one connection or on whichever have it.

    Or a custom ``product`` of it, perhaps only some ``data_types`` of that.
    """

    company_id: str
    data_type: str | None = None
    connection_id: str | None = None
    product: str | None = None
    data_types: tuple[str, ...] = ()

    def covers(self, operation: shared.PullOperation) -> bool:
        """Whether an operation is what this intent asks for."""
        wanted = self.data_types if self.data_type is None else (self.data_type,)
        return (not wanted or operation.data_type in wanted) and not self.excludes(operation)

    def excludes(self, operation: shared.PullOperation) -> bool:
        """Whether an operation says that it is of another company, data type or connection."""
        pairs = (
            (self.company_id, operation.company_id),
            (self.data_type, operation.data_type),
            (self.connection_id, operation.connection_id),
        )
        return any(wanted and told and wanted.lower() != told.lower() for wanted, told in pairs)

    def __str__(self) -> str:
        what = self.data_type or ", ".join(self.data_types) or "all data types"
        return " ".join(filter(None, (what, self.connection_id, f"of {self.product}" if self.product else None)))


def is_running(operation: shared.PullOperation) -> bool:
    """Whether an operation is on its way."""
    return status.is_running(operation.status, operation.completed)


def ended_before(operation: shared.PullOperation, start: datetime | None) -> bool:
    """Whether an operation was over before ``start``; one of which nothing can be told counts as over."""
    if is_running(operation):
        return False
    return start is None or operation.told is None or operation.told < start


def requested_since(operation: shared.PullOperation, start: datetime | None) -> bool:
    """Whether an operation was requested since ``start``; where that cannot be told, whether it is running."""
    requested = instant(operation.requested)
    return is_running(operation) if start is None or requested is None else requested >= start


def candidates(
    call: Call, intent: Intent, start: Callable[[], datetime | None], others: Collection[str] = ()
) -> Flow[list[shared.PullOperation]]:
    """The intent's operations that are running or were requested since ``start()``, less :data:`NEAR`, and are
    not among the ``others``, the newest first.

    ``start`` is asked after each answer, whose ``Date`` has then been heard. Pages are read until one is older
    throughout, so that an operation out of its order is found.

    Raises:
        errors.ResponseValidationError: the history is out of order, and longer than can be searched.
    """
    fitting: dict[str, shared.PullOperation] = {}
    for number in range(1, _PAGES + 1):
        page = yield from _page(call, intent.company_id, number)
        since = start()
        least = None if since is None else since - NEAR
        new = [op for op in page.results if is_running(op) or requested_since(op, least)]
        fitting.update({op.id: op for op in new if op.id and intent.covers(op) and op.id not in others})
        if not page.links.next or (len(new) < len(page.results) and _in_order(page.results)):
            return sorted(fitting.values(), key=lambda op: op.requested, reverse=True)
    raise errors.ResponseValidationError("The history is too long, or too much out of order, to be searched")


def _in_order(results: Sequence[shared.PullOperation]) -> bool:
    times = [instant(op.requested) for op in results]
    told = [time for time in times if time is not None]
    return len(told) == len(times) and told == sorted(told, reverse=True)


def newest(call: Call, intent: Intent) -> Flow[list[shared.PullOperation]]:
    """The intent's operations among the newest of the company."""
    page = yield from _page(call, intent.company_id, 1)
    return [op for op in page.results if intent.covers(op)]


def one(call: Call, company_id: str, operation_id: str) -> Flow[shared.PullOperation | None]:
    """Read an operation; None if there is none of that id."""
    path = wire.path(flows.PULLS_GET.path, company_id=company_id, dataset_id=operation_id)
    try:
        return (yield from fetch(call, call.get(path, company=company_id), flows.PULLS_GET.gives))
    except errors.CodatLendingError as error:
        if error.status_code != 404:
            raise
    return None


def _page(call: Call, company_id: str, number: int) -> Flow[shared.PullOperations]:
    newest_first = {"company_id": company_id, "page": number, "page_size": _PAGE, "order_by": "-requested"}
    page = yield from read(call, flows.PULLS_LIST, newest_first)
    if number == 1:
        back = reach(page.results, page.links.next is None)
        call.clock.lag.look(company_id, page.results, back, call.clock.epoch())
    return page


def expected_cells(
    connections: Iterable[shared.Connection], first_link: Set[str], supported: Mapping[str, Set[str]]
) -> list[tuple[str, str]]:
    """What a refresh of everything should queue, as (connection id, data type): fetch on first link, supported, on a
    linked connection. ``supported``: connection id -> the data types that its platform can deliver.
    """
    return [
        (connection.id, data_type)
        for connection in connections
        if connection.is_linked
        for data_type in sorted(first_link & supported.get(connection.id, frozenset()))
    ]


def readable(integrations: Iterable[shared.Integration]) -> dict[str, frozenset[str]]:
    """What platforms can deliver, by each of the names that a connection may know them by. Those that tell no features
    are left out: nothing is known of them.
    """
    return {
        name.lower(): frozenset(each.readable_data_types)
        for each in integrations
        if each.datatype_features is not None
        for name in (each.name, each.integration_id, each.key)
        if name
    }


def supported(
    connections: Iterable[shared.Connection], platforms: Mapping[str, frozenset[str]]
) -> dict[str, frozenset[str]]:
    """Connection id -> the data types that its platform can deliver; without those of whose platform nothing is known.
    A connection may lack the key of its integration: its id is what Codat requires (oas #56).
    """
    known = {each.id: [name for name in _names(each) if name in platforms] for each in connections}
    return {id: platforms[at[0]] for id, at in known.items() if at}


def on_premise(integrations: Iterable[shared.Integration]) -> dict[str, bool]:
    """Whether platforms run on the customer's machine, by each of the names that a connection may know them by: as
    Codat says, else as its documents do."""
    told = {name: platform.offline for name, platform in {**BY_KEY, **BY_NAME}.items()}
    for each in integrations:
        if each.is_offline_connector is not None:
            names = (each.key, each.integration_id, each.name)
            told |= dict.fromkeys(filter(None, names), each.is_offline_connector)
    return {name.lower(): offline for name, offline in told.items()}


def placed(connection: shared.Connection, offline: Mapping[str, bool]) -> shared.Connection:
    """A connection that knows whether it is read on the customer's machine."""
    there = next((offline[name] for name in _names(connection) if name in offline), False)
    if not there:
        return connection
    return shared.OnPremiseConnection(**{name: getattr(connection, name) for name in connection.__struct_fields__})


def _names(connection: shared.Connection) -> list[str]:
    told = (connection.integration_key, connection.integration_id, connection.platform_name)
    return [name.lower() for name in told if name]


def expected(call: Call, company_id: str) -> Flow[set[Intent]]:
    """The :func:`expected_cells` of a company, asked of Codat."""
    company = yield from read(call, flows.COMPANIES_GET, {"company_id": company_id})
    settings = yield from read(call, flows.COMPANY_SETTINGS, {"company_id": company_id})
    connections = company.data_connections or []
    pager: Pager[shared.Integration] = Pager(call, flows.INTEGRATIONS_LIST, None)
    platforms: dict[str, frozenset[str]] = {}
    while not pager.done:
        platforms |= readable((yield from pager.batch()))
    cells = expected_cells(connections, settings.first_link, supported(connections, platforms))
    return {Intent(company_id, str(data_type), connection_id) for connection_id, data_type in cells}
