"""What happens in a world, as the webhook events that Codat sends of it.

Codat has no event for a start, a pause or a changed setting. A read that ends is told once for each name that it has
(``read.completed``, ``.initial``, ``.successful`` or ``.unsuccessful``), failures included. Assumed: each operation is
told by itself, one that ends NotSupported or Cancelled is not told, and ``recordsModified`` is drawn alike for those
that fail. Entries are small; the bodies are written when somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from codat_notebook.models.products import STANDARD
from codat_notebook.sandbox.companies import SimulatedCompany, SimulatedConnection, reference
from codat_notebook.sandbox.company_history import modified, validation_results
from codat_notebook.sandbox.pull_operation import Operation
from codat_notebook.sandbox.seeded_random import SeededRandom
from codat_notebook.sandbox.virtual_time import to_text

Document = dict[str, Any]
READ: Final = "read.completed"


class Entry(NamedTuple):
    """One thing that happened: when (ticks), what tells it from all others, its events' names, and what they hold."""

    at: int
    key: str
    types: tuple[str, ...]
    payload: Callable[[], Document]
    company: SimulatedCompany | None


class EventLog:
    """What happened in one world, in the order in which it was noticed."""

    def __init__(self, draws: SeededRandom) -> None:
        self._draws = draws
        self.entries: list[Entry] = []
        self._products: dict[str, tuple[str, set[str], list[Operation]]] = {}  # operation id -> whose refresh it is of

    def documents(self, entries: Iterable[Entry]) -> Iterator[tuple[Entry, Document]]:
        """The events of entries, a body for each name."""
        for entry in entries:
            for kind in entry.types:
                yield (
                    entry,
                    {
                        "id": self._draws.uuid("event", entry.key, kind),
                        "eventType": kind,
                        "generatedDate": to_text(entry.at),
                        "payload": entry.payload(),
                    },
                )

    def note(
        self, at: int, types: Sequence[str], payload: Callable[[], Document], company: SimulatedCompany | None = None,
        key: str = "",
    ) -> None:  # fmt: skip
        """Something happened."""
        self.entries.append(Entry(at, key or f"{types[0]} {len(self.entries)}", tuple(types), payload, company))

    def expect_product(self, product: str, operations: Iterable[str]) -> None:
        """These operations were queued together for a product, whose event comes when all of them have ended."""
        left = set(operations)
        self._products |= dict.fromkeys(left, (product, left, []))

    def read_ended(self, company: SimulatedCompany, op: Operation) -> None:
        """An operation ended."""
        if op.status not in ("NotSupported", "Cancelled"):
            types = _names(READ, [op])
            connection, history = company.find(op.connection_id), company.history
            if connection is not None and history is not None and not history.read_since(op, connection.authorized):
                types.insert(1, f"{READ}.initial")
            self.note(op.completed, types, lambda: self._reads(company, [op]), company, op.id)
        if op.id in self._products:
            product, left, ended = self._products.pop(op.id)
            left.discard(op.id)
            ended.append(op)
            if not left:
                at = max(each.completed for each in ended)
                names = _names(f"{product}.{READ}", ended)
                self.note(at, names, lambda: self._reads(company, ended), company, f"{product} {op.id}")

    def _reads(self, company: SimulatedCompany, operations: Sequence[Operation]) -> Document:
        assert company.history is not None, "its operations are there"
        earlier = [company.history.success_before(op) for op in operations]
        since = [None if before is None else before.completed for before in earlier]
        oldest = min((at for at in since if at is not None), default=None)
        return {
            "referenceCompany": _reference(company),
            "modifiedFromDate": None if oldest is None else to_text(oldest),
            "dataTypes": [
                {
                    "dataType": op.data_type,
                    "connectionId": op.connection_id,
                    "status": op.status,
                    "recordsModified": modified(self._draws, op, before),
                    "issues": self._issues(op),
                }
                for op, before in zip(operations, earlier, strict=True)
            ],
        }

    def _issues(self, op: Operation) -> list[Document]:
        if not validation_results(self._draws, op, op.completed)["warnings"]:
            return []
        links = {
            "logs": f"https://api.codat.io/companies/{op.company_id}/sync/{op.id}/validation",
            "portal": f"https://app.codat.io/companies/{op.company_id}/pull-history",
        }
        message = f"Some records of {op.data_type} look wrong; the validation results tell which."
        return [{"type": "warning.validation", "message": message, "links": links}]

    def connection_changed(
        self, company: SimulatedCompany, connection: SimulatedConnection, what: str, at: int, link_base: str
    ) -> None:
        """A connection was ``connected``, ``reconnected`` or ``disconnected``; it is told as it is now."""
        told = {"referenceCompany": _reference(company), "connection": connection.document(link_base)}
        self.note(at, [f"connection.{what}"], lambda: told, company, f"{connection.id} {what} {at}")

    def company_created(self, company: SimulatedCompany, at: int, link_base: str) -> None:
        """There is one more company; its connections are not part of what is told."""
        told = {key: value for key, value in company.document(link_base).items() if key != "dataConnections"}
        self.note(at, ["company.created"], lambda: told, company)

    def products_changed(self, company: SimulatedCompany, before: Sequence[str], at: int) -> None:
        """A company has other products than ``before``."""
        for what, names in (("added", {*company.products} - {*before}), ("removed", {*before} - {*company.products})):
            for name in sorted(names):
                told = {
                    "id": company.id, "name": company.template.name, "description": company.template.description,
                    "productId": name, "productName": STANDARD[name].name if name in STANDARD else name,
                    "products": list(company.products),
                }  # fmt: skip
                self.note(at, [f"company.product.{what}"], told.copy, company)

    def rate_limit(self, what: str, at: int, quota: int, remaining: int, expires: int) -> None:
        """The day's quota was ``reached``, or ``reset``."""
        told = {"dailyQuota": quota, "quotaRemaining": remaining, "expiryDate": to_text(expires)}
        self.note(at, [f"client.rateLimit.{what}"], lambda: told, key=f"{what} {at}")


def _names(base: str, operations: Sequence[Operation]) -> list[str]:
    well = all(op.succeeded for op in operations)
    return [base, f"{base}.{'successful' if well else 'unsuccessful'}"]


def _reference(company: SimulatedCompany) -> Document:
    told = {"description": company.template.description, "tags": dict(company.template.tags)}
    return {**reference(company.id, company.template.name), **told}
