"""Queueing pull operations: on which connections, whether one is in progress, and how the new one will end.

What is accepted is kept in a list, so that a test can count what the server took in, whatever the client was answered.

Codat's own :class:`Schedule` queues here, too, an interval after a type was last read. It is off unless the settings
say otherwise, as with Codat (its documented default frequency is none). There is no background task: when a company is
asked for, what the schedule has queued since is drawn in the order of time. The interval counts from the end of the
last operation, whether it succeeded or not (assumed); a type never read is not scheduled, nor is a custom one
(assumed), nor a connection that is not linked.
"""

from collections.abc import Callable, Sequence
from functools import partial
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple

from codat_notebook.models.platforms import WINDOW_CLOSED
from codat_notebook.models.products import STANDARD
from codat_notebook.models.vocabulary import COMMERCE, CUSTOM, custom_identifier
from codat_notebook.sandbox.companies import FIRST_READS, SimulatedCompany, SimulatedConnection
from codat_notebook.sandbox.company_history import CompanyHistory
from codat_notebook.sandbox.exchange import ErrorResponse, invalid, missing
from codat_notebook.sandbox.faults import SandboxSettings
from codat_notebook.sandbox.pull_operation import (
    Operation,
    OrderedOutcome,
    Outcome,
    draw,
    drawn,
    impossible,
    outcome_of,
)
from codat_notebook.sandbox.seeded_random import SeededRandom
from codat_notebook.sandbox.virtual_time import DAY, HOUR, SECOND

#: Documented (commerce/commerce-sync-settings.md, and the pages of these platforms): commerce-transactions needs all of
#: these to be enabled. That they must have been read, and the status PrerequisiteNotMet, are inferred.
_NEEDED: Final = frozenset(COMMERCE) - {"commerce-productCategories", "commerce-taxComponents", "commerce-transactions"}
_NEEDING: Final = ("fztf", "zsth", "exgd")
Target = tuple[SimulatedConnection, str]  # what one operation is queued for: a connection and a data type
#: What a product refresh says of a standard product, and while the product is being read (documented).
NO_PRODUCT_REFRESH: Final = (
    "doesn't support data refreshing. For more information, refer to your solution’s documentation "
    "[here](https://docs.codat.io)."
)
PRODUCT_BUSY: Final = (
    "Data cannot be refreshed while a read operation is in progress. "
    "Allow the read to complete before attempting to refresh."
)
_APART: Final = 12_345  # ticks between two operations that one request queues (assumed)


class Accepted(NamedTuple):
    """A POST that the server took in: when (ticks), for what, and the operations that it queued."""

    at: int
    company_id: str
    data_type: str | None
    connection_id: str | None
    operations: tuple[str, ...]
    product: str | None = None


class Queueing:
    """Queues operations into histories; a company for which it does is given to ``keep``."""

    def __init__(
        self, draws: SeededRandom, settings: SandboxSettings, history_of: Callable[[SimulatedCompany], CompanyHistory],
        keep: Callable[[SimulatedCompany], object],
    ) -> None:  # fmt: skip
        self._draws = draws
        self._settings = settings
        self._types_of = settings.types_of
        self.history_of = history_of
        self._keep = keep
        self.accepted: list[Accepted] = []
        self.orders: list[OrderedOutcome] = []

    def one(self, company: SimulatedCompany, data_type: str, connection_id: str | None, now: int) -> Operation:
        """Queue one type; gives the operation of the first connection.

        400 where it is in progress or nothing is linked; 404 for an unknown connection and a type not supported.
        """
        targets = [(connection, data_type) for connection in self._targets(company, data_type, connection_id)]
        self._free(company, targets, now, refuse=True)
        return self._accept(company, targets, now, data_type, connection_id)[0]

    def custom(self, company: SimulatedCompany, connection: SimulatedConnection, name: str, now: int) -> Operation:
        """Queue a custom data type on one connection.

        404 where it is not configured for the platform or the connection is not to be read (assumed), 451 where the
        platform may not be read; in progress as for any other type (assumed: no 400 is documented).
        """
        key, refused = connection.platform.key, partial(ErrorResponse, service="StdznCustomData")
        if key in self._settings.legal_hold:
            raise refused(451, f"Platform '{key}' is not currently available for compliance purposes.")
        if key not in self._settings.custom_data_types.get(name, ()):
            raise refused(404, f"Custom data type {name} is not configured for platform {key}.")
        if connection.status not in ("Linked", "Deauthorized"):
            raise refused(404, f"Data connection {connection.id} is not linked")
        targets = [(connection, CUSTOM + name)]
        self._free(company, targets, now, refuse=True)
        return self._accept(company, targets, now, CUSTOM + name, connection.id)[0]

    def product(self, company: SimulatedCompany, product: str, data_types: Sequence[str] | None, now: int) -> None:
        """Queue a custom product's data types, or some of them, on every linked connection that has them.

        404 where the company has no such product (assumed). 400 for a standard product, for a data type that the
        product lacks (its wording is assumed), and while one of the product's types is being read.
        """
        if product not in company.products:
            raise ErrorResponse(404, f"Product {product[:100]} is not assigned to company {company.id}")
        of_product = self._settings.custom_products.get(product)
        if of_product is None:
            name = STANDARD[product].name if product in STANDARD else product
            raise ErrorResponse(400, f"{name} {NO_PRODUCT_REFRESH}")
        if wrong := [name for name in data_types or () if name not in of_product]:
            text = f"Data types not valid for product {product}: {', '.join(wrong)[:200]}. Valid data types are: "
            raise ErrorResponse(400, text + ", ".join(of_product) + ".")
        cells = [(c, name) for c in _linked(company) for name in of_product if name in self._types_of(c.platform)]
        if len(self._free(company, cells, now, refuse=False)) < len(cells):
            raise ErrorResponse(400, PRODUCT_BUSY)
        wanted = of_product if data_types is None else data_types
        self._accept(company, [cell for cell in cells if cell[1] in wanted], now, product=product)

    def all(self, company: SimulatedCompany, now: int) -> None:
        """Queue every type with *fetch on first link* on every linked connection that supports it.

        400 where no connection is linked, or a type is in progress and the settings refuse that.
        """
        if not (linked := _linked(company)):
            raise invalid(f"company {company.id} has no linked data connection.")
        targets = self._first_link(company, linked)
        self._accept(company, self._free(company, targets, now, self._settings.all_in_progress == "refuse"), now)

    def _free(self, company: SimulatedCompany, targets: Sequence[Target], now: int, refuse: bool) -> list[Target]:
        """Those without an operation in progress; if there is one, that is refused or left out."""
        history, free = self.history_of(company), []
        for connection, data_type in targets:
            if (running := history.running(connection.id, data_type, now)) is None:
                free.append((connection, data_type))
            elif refuse:
                raise ErrorResponse(
                    self._settings.in_progress_status,
                    f"DatasetAlreadyInProgressException: Cannot queue {data_type} sync for {company.id} "
                    f"as previous sync {running.id} is still in progress",
                    "PullApi",
                )
        return free

    def _accept(
        self, company: SimulatedCompany, targets: Sequence[Target], now: int, data_type: str | None = None,
        connection_id: str | None = None, product: str | None = None,
    ) -> list[Operation]:  # fmt: skip
        ops = self._queue_each(company, targets, now)
        ids = tuple(op.id for op in ops)
        self.accepted.append(Accepted(now, company.id, data_type, connection_id, ids, product))
        return ops

    def first_sync(self, company: SimulatedCompany, connection: SimulatedConnection, now: int) -> None:
        """Queue what is fetched on first link, as Codat does when a connection has been authorized."""
        self._queue_each(company, self._first_link(company, [connection]), now)

    def _first_link(self, company: SimulatedCompany, connections: Sequence[SimulatedConnection]) -> list[Target]:
        """The types with *fetch on first link*; one that is added to the platforms has it, and no setting (assumed)."""
        settings = self._settings.sync_settings(company.id)
        chosen = {name for name, setting in settings.items() if setting["fetchOnFirstLink"]}
        chosen |= self._settings.new_data_types.keys() - settings.keys()
        return [(c, t) for c in connections for t in self._types_of(c.platform) if t in chosen]

    def _targets(
        self, company: SimulatedCompany, data_type: str, connection_id: str | None
    ) -> list[SimulatedConnection]:
        """The connections to queue on. Without a linked one a deauthorized one serves: it ends in AuthError."""
        among = company.connections
        if connection_id is not None:
            named = company.find(connection_id)
            if named is None:
                raise missing("connectionId", connection_id)
            among = [named]
        able = [connection for connection in among if data_type in self._types_of(connection.platform)]
        if not able and self._settings.unsupported == "operation":
            able = among
        if among and not able:
            names = ", ".join(dict.fromkeys(connection.platform.name for connection in among))
            raise ErrorResponse(404, f"Datatype {data_type} not supported by platform(s) {names}", "PullApi")
        linked = [c for c in able if c.status == "Linked"] or [c for c in able if c.status == "Deauthorized"]
        if not linked:
            raise invalid(f"company {company.id} has no linked data connection for {data_type}.")
        return linked if self._settings.queue_everywhere else linked[:1]

    def _queue_each(self, company: SimulatedCompany, targets: Sequence[Target], now: int) -> list[Operation]:
        return [self.queue(company, *cell, now + number * _APART) for number, cell in enumerate(targets)]

    def queue(self, company: SimulatedCompany, connection: SimulatedConnection, data_type: str, now: int) -> Operation:
        """Queue one type of one connection, whatever is in progress; Codat's own schedule does so."""
        history = self.history_of(company)
        op_id, u = self._draws.occurrence(connection.id, data_type, "new", history.counts[connection.id, data_type])
        order = self._order(company.id, data_type)
        outcome = outcome_of(order.status) if order else self._outcome(history, connection, data_type, u, now)
        ids = (op_id, company.id, connection.id)
        first = history.last_success((connection.id, data_type), now) is None
        length = None if order is None or order.seconds is None else round(order.seconds * SECOND)
        op = draw(ids, connection.platform, data_type, outcome, u, requested=now, first=first, length=length)
        if order is not None and order.message is not None:
            op.message = order.message
        history.add(op)
        self._keep(company)
        return op

    def _order(self, company_id: str, data_type: str) -> OrderedOutcome | None:
        for order in self.orders:
            fits = order.data_type in (None, data_type) and order.company_id in (None, company_id)
            if fits and order.n > 0:
                order.n -= 1
                return order
        return None

    def _outcome(
        self, history: CompanyHistory, connection: SimulatedConnection, data_type: str, u: tuple[float, ...], now: int
    ) -> Outcome:
        platform = connection.platform
        if connection.status == "Deauthorized":
            return Outcome("AuthError")
        if custom_identifier(data_type) is None and data_type not in self._types_of(platform):
            return Outcome("NotSupported")
        if platform.key in self._settings.maintenance:
            return Outcome("FetchError")
        if connection.id in self._settings.offline:
            return Outcome("Complete", "queued")
        if (met := connection.condition(data_type, now)) is not None:
            return met.trouble.outcome(now, met.until)
        if words := connection.link.next_outcomes.get(data_type):
            return outcome_of(words[min(history.counts[connection.id, data_type], len(words) - 1)])
        if (never := impossible(platform, data_type)) is not None:
            return never
        if connection.link.steady:
            return Outcome("Complete")
        if data_type == "commerce-transactions" and self._lacks_prerequisite(history, connection, now):
            return Outcome("PrerequisiteNotMet")
        chance, trouble = FIRST_READS.get((platform.key, data_type), (0.0, None))
        if trouble is not None and u[4] < chance and (connection.id, data_type) not in history.cells:
            return trouble.outcome(now, now)
        return drawn(platform, u, _opens(now) if platform.windowed else 0)

    def _lacks_prerequisite(self, history: CompanyHistory, connection: SimulatedConnection, now: int) -> bool:
        """Whether a type that must come first was never read on the connection and is not being read now."""
        return connection.platform.key in _NEEDING and any(
            not history.running(connection.id, t, now) and not history.last_success((connection.id, t), now)
            for t in _NEEDED
            if t in connection.platform.types and t not in connection.platform.refuses
        )


def _linked(company: SimulatedCompany) -> list[SimulatedConnection]:
    return [connection for connection in company.connections if connection.status == "Linked"]


def _opens(now: int) -> int:
    """Ticks until the window opens in which QuickBooks Desktop is read; 0 while it is open."""
    closed = range(WINDOW_CLOSED.start * HOUR, WINDOW_CLOSED.stop * HOUR)
    return closed.stop - now % DAY if now % DAY in closed else 0


class Schedule:
    """The schedule of one world, which begins at ``start``."""

    def __init__(self, settings: SandboxSettings, queueing: Queueing, start: int) -> None:
        self._settings = settings
        self._queueing = queueing
        self._hours = settings.sync_schedule
        self._since = start
        self._looked = start

    def on(self, now: int) -> bool:
        """Whether it runs. A change of the settings counts from when the world was last looked at."""
        hours = self._settings.sync_schedule
        if hours != self._hours:
            self._hours = hours
            self._since = self._looked
        self._looked = now
        return hours > 0 or self._differs

    @property
    def _differs(self) -> bool:
        """Whether some data type, or some company, has settings of its own."""
        return bool(self._settings.profile_settings or self._settings.company_settings)

    def _every(self, company: SimulatedCompany) -> Callable[[str], int]:
        """Data type -> ticks from one read to the next; 0: never."""
        if not self._differs:
            return lambda _: self._hours * HOUR
        settings = self._settings.sync_settings(company.id)
        return lambda data_type: max(settings.get(data_type, {}).get("syncSchedule") or 0, 0) * HOUR

    def run(self, company: SimulatedCompany, now: int, bring: Callable[[SimulatedCompany, int], None]) -> None:
        """Queue what fell due for a company until now.

        ``bring`` brings it up to an instant, so that a connection's state is right when a type falls due.
        """
        every = self._every(company)
        cells = self._queueing.history_of(company).cells
        scheduled = [cell for cell in cells if every(cell[1]) and custom_identifier(cell[1]) is None]
        due = [(max(cells[cell][-1].completed + every(cell[1]), self._since), *cell) for cell in scheduled]
        heapify(due)
        while due and due[0][0] <= now:
            at, connection_id, data_type = heappop(due)
            bring(company, at)
            connection = company.find(connection_id)
            if connection is not None and connection.status == "Linked":
                op = self._queueing.queue(company, connection, data_type, at)
                heappush(due, (op.completed + every(data_type), connection_id, data_type))
