"""The pull operations of one company: weeks of past ones, drawn when first asked for, and those queued since.

Past operations count back from the world's first instant by the rhythm of the company's template; new ones are
appended. Everything that the API tells about freshness is read from here, and so is the list of operations.

Of a read that has ended Codat tells two things more. Validation results are drawn from the operation's id; there are
errors exactly when it ended in ValidationError. Its event (``event_log``) is the only place where Codat tells of a
change at the source: ``recordsModified`` is drawn from the platform's change rate and the time since the last success,
and false the first time after linking.
"""

from __future__ import annotations

import math
from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from codat_notebook.models.platforms import changes_a_day
from codat_notebook.sandbox.companies import SimulatedCompany, SimulatedConnection
from codat_notebook.sandbox.listing import Kind, Listing, properties_of
from codat_notebook.sandbox.pull_operation import REQUESTED, Operation, Outcome, draw, failure, impossible
from codat_notebook.sandbox.seeded_random import SeededRandom, pick
from codat_notebook.sandbox.virtual_time import DAY

Cell = tuple[str, str]  # connection id, data type
_FRUITLESS: Final = 3  # attempts of the past at a type that always fails
_AT_ONCE: Final = 0.0005  # days: what one cause ends, ends within a minute
_ERRORS: Final = (
    ("LineItemTotalsRule", "The line items add up to {n}.00 less than the total."),
    ("CurrencyRateRequiredRule", "A currency rate is required where the currency is not the base currency."),
    ("AccountReferenceRule", "The referenced account does not exist in the chart of accounts."),
)
_WARNINGS: Final = (
    ("ModifiedDateRule", "The record has no modified date; changes may be missed."),
    ("DueDateRule", "The due date is {n} days before the issue date."),
)


class CompanyHistory:
    """The operations of one company, drawn from ``start`` back, the world's first instant.

    The past reaches as far as the company's template says; of more than ``most`` operations the newest count.
    """

    def __init__(self, draws: SeededRandom, company: SimulatedCompany, start: int, most: int | None = None) -> None:
        self._draws = draws
        self._start = start
        self._days = company.template.history_days
        past = [op for c in company.connections for data_type in c.platform.types for op in self._past(c, data_type)]
        past.sort(key=REQUESTED)
        self.operations = past if most is None else past[max(len(past) - most, 0) :]
        self._by_id = {op.id: op for op in self.operations}
        self.cells: dict[Cell, list[Operation]] = {}
        for op in self.operations:
            self.cells.setdefault((op.connection_id, op.data_type), []).append(op)
        self.queued: list[Operation] = []
        self.counts: Counter[Cell] = Counter()
        self._unsettled: list[Operation] = []
        self.last_status: tuple[tuple[object, ...], dict[str, Any]] = ((), {})

    @classmethod
    def of_length(cls, draws: SeededRandom, company: SimulatedCompany, start: int, operations: int) -> CompanyHistory:
        """A history with the newest ``operations`` of a past that is long enough; makes the company that old."""
        a_day = sum(len(c.platform.types) / c.link.period for c in company.connections if c.link.age is not None)
        if not a_day:
            raise ValueError("a company without a synced connection has no past")
        days = 100 + 1.1 * operations / a_day
        company.created = start - round((days + 1) * DAY)
        for connection in company.connections:
            connection.created = company.created
        company.template = replace(company.template, history_days=days)
        return cls(draws, company, start, operations)

    def find(self, operation_id: str) -> Operation | None:
        """The operation of that id."""
        return self._by_id.get(operation_id)

    def add(self, op: Operation) -> None:
        """Take in a new operation."""
        insort(self.operations, op, key=REQUESTED)
        self.cells.setdefault((op.connection_id, op.data_type), []).append(op)
        self._by_id[op.id] = op
        self.queued.append(op)
        self._unsettled.append(op)
        self.counts[op.connection_id, op.data_type] += 1

    def running(self, connection_id: str, data_type: str, now: int) -> Operation | None:
        """The operation of that cell that is still on its way."""
        ops = self.cells.get((connection_id, data_type))
        return ops[-1] if ops and ops[-1].running(now) else None

    @property
    def quiet(self) -> bool:
        """Whether nothing was on its way when :meth:`settle` was last asked."""
        return not self._unsettled

    def settle(self, now: int) -> list[Operation]:
        """The operations that have ended since this was last asked."""
        done = [op for op in self._unsettled if not op.running(now)]
        if done:
            self._unsettled = [op for op in self._unsettled if op.running(now)]
        return done

    def success_before(self, op: Operation) -> Operation | None:
        """The success of the same cell that preceded an operation."""
        ops = self.cells[op.connection_id, op.data_type]
        return next((o for o in reversed(ops[: ops.index(op)]) if o.succeeded), None)

    def read_since(self, op: Operation, since: int) -> bool:
        """Whether another operation of the same cell was requested before it, and not before ``since``."""
        return any(since <= each.requested < op.requested for each in self.cells[op.connection_id, op.data_type])

    def last_success(self, cell: Cell, now: int) -> Operation | None:
        """The newest operation of that cell that has completed."""
        done = (op for op in reversed(self.cells.get(cell, ())) if op.succeeded and op.completed <= now)
        return next(done, None)

    def _past(self, connection: SimulatedConnection, data_type: str) -> Iterator[Operation]:
        link, single = connection.link, partial(self._single, connection, data_type)
        age = link.age_of(data_type)
        for number, condition in enumerate(connection.conditions):
            for tried in condition.trouble.tries if condition.trouble.concerns(data_type) else ():
                outcome = condition.trouble.outcome(self._start - round(tried * DAY), condition.until)
                yield single(("met", number, tried), tried, outcome, _AT_ONCE)
        if age is None:
            return
        if link.status == "Deauthorized" and link.age is not None and age > 0.2:
            yield single("refused", link.age - 0.1 - len(data_type) / 4000, Outcome("AuthError"))
        if (never := impossible(connection.platform, data_type)) is None:
            yield from self._rounds(connection, data_type, age)
        else:
            for n in range(_FRUITLESS if never.status != "NotSupported" else 1):
                yield single(("never", n), age + n * link.period, never)

    def _single(
        self, connection: SimulatedConnection, data_type: str, name: object, age: float, outcome: Outcome,
        within: float = 0.01,
    ) -> Operation:  # fmt: skip
        op_id, u = self._draws.occurrence(connection.id, data_type, "single", name)
        spread = min(0.2 * age, within) * u[2]
        return self._at(op_id, connection, data_type, age + spread, outcome, u)

    def _rounds(self, connection: SimulatedConnection, data_type: str, age: float) -> Iterator[Operation]:
        """Its successes and stray failures, from the newest back to the horizon.

        A round takes some minutes; its last read is the connection's last sync.
        """
        platform, period = connection.platform, connection.link.period
        oldest = min(self._days, (self._start - connection.created) / DAY)
        spread = 0.0 if data_type == connection.leader else min(0.2 * age, 0.01)
        number = 0
        while age <= oldest or number == 0:
            op_id, u = self._draws.occurrence(connection.id, data_type, number)
            stray = number > 0 and u[0] < platform.failure_rate
            status = failure(platform, u[1]) if stray else "Complete"
            yield self._at(op_id, connection, data_type, age + spread * u[2], Outcome(status), u)
            age += period * (0.8 + 0.4 * u[4])
            spread, number = 0.01, number + 1

    def _at(
        self, op_id: str, connection: SimulatedConnection, data_type: str, age: float, outcome: Outcome,
        u: tuple[float, ...],
    ) -> Operation:  # fmt: skip
        ids = (op_id, connection.company_id, connection.id)
        completed = self._start - round(age * DAY)
        return draw(ids, connection.platform, data_type, outcome, u, completed=completed)


class OperationList(Listing):
    """Pull operations of one company at an instant, oldest first.

    What a query for them may name: the facts name one property that is not (``isCompleted``); the others are assumed.
    """

    def __init__(self, operations: Sequence[Operation], now: int) -> None:
        of_operation: dict[str, tuple[Kind, Callable[[Operation], Any]]] = {
            "id": ("text", lambda op: op.id),
            "companyId": ("text", lambda op: op.company_id),
            "connectionId": ("text", lambda op: op.connection_id),
            "dataType": ("text", lambda op: op.data_type),
            "status": ("text", lambda op: op.step(now).status if op.running(now) else op.status),
            "statusDescription": ("text", lambda op: op.step(now).description if op.running(now) else None),
            "errorMessage": ("text", lambda op: None if op.running(now) else op.message),
            "requested": ("time", lambda op: op.requested),
            "completed": ("time", lambda op: None if op.running(now) else op.completed),
            "progress": ("number", lambda op: op.step(now).progress),
            "isErrored": ("bool", lambda op: not op.running(now) and op.errored),
        }
        super().__init__(len(operations), properties_of(operations, of_operation), "Dataset")

    def in_order(self, order: str) -> Sequence[int]:
        """By the time of the request they stand in order already."""
        if order == "requested":
            return range(self.count)
        return range(self.count)[::-1] if order == "-requested" else super().in_order(order)


def validation_results(draws: SeededRandom, op: Operation, now: int) -> dict[str, Any]:
    """``{"errors": [...], "warnings": [...]}`` as the API writes them."""
    u = draws.uniforms("validation", op.id)
    read = op.status in ("Complete", "ValidationError") and not op.running(now)
    errors = 1 + int(u[0] * 3) if read and op.status == "ValidationError" else 0
    warnings = int(u[1] * 3) if read and (errors or u[2] < 0.3) else 0
    return {
        "errors": [_item(draws, op, _ERRORS, "error", n) for n in range(errors)],
        "warnings": [_item(draws, op, _WARNINGS, "warning", n) for n in range(warnings)],
    }


def _item(draws: SeededRandom, op: Operation, rules: tuple[tuple[str, str], ...], kind: str, n: int) -> dict[str, Any]:
    u = draws.uniforms("validation", op.id, kind, n)
    rule, text = pick(u[0], rules)
    return {
        "ruleId": draws.uuid("rule", rule),
        "itemId": str(1000 + int(u[1] * 9000)),
        "message": text.format(n=1 + int(u[2] * 40)),
        "validatorName": rule,
    }


def modified(draws: SeededRandom, op: Operation, before: Operation | None) -> bool:
    """Whether the source has changed since it was last read."""
    if before is None:
        return False
    days = (op.requested - before.requested) / DAY
    return draws.number("modified", op.id) < 1 - math.exp(-changes_a_day(op.data_type) * days)
