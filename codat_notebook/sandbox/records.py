"""What a query may name and a list may be ordered by: the properties of companies, connections, operations.

The facts name one property that is not queryable (``isCompleted``); the others are taken to be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from codat_notebook.sandbox.companies import Company, Connection, Estate
from codat_notebook.sandbox.operations import Operation
from codat_notebook.sandbox.query import Kind, Property, compile_query, find_property
from codat_notebook.sandbox.ticks import parse

Properties = Mapping[str, Property]


def _folded(read: Callable[[Any], str | None]) -> Property:
    def fold(record: Any) -> str | None:
        text = read(record)
        return None if text is None else text.casefold()

    return Property("text", fold)


def of_companies(estate: Estate) -> Properties:
    """Properties of companies, which stand for themselves by their index in the columns."""
    return {
        "id": _column("text", lambda _: estate.ids),
        "name": _column("text", lambda _: estate.folded_names),
        "description": _folded(lambda index: estate.at(index).sketch.description),
        "created": _column("time", lambda _: estate.created),
        "createdByUserName": _column("text", lambda _: estate.created_by),
        "lastSync": _column("time", lambda _: estate.last_syncs()),
        "tags.*": _column("text", estate.tags),
        "referenceParentCompany.*": Property("text", _any, lambda name: lambda index: _parent(estate.at(index), name)),
    }


def of_tags(estate: Estate) -> Properties:
    """Properties for the ``tags`` parameter, where the name of a tag stands alone."""
    return {"*": _column("text", estate.tags)}


def _column(kind: Kind, column: Callable[[str], Sequence[Any]]) -> Property:
    """A property that is a column, made only when it is asked for."""
    return Property(kind, _any, lambda name: column(name).__getitem__)


def _any(record: Any) -> None:
    return None


def _parent(company: Company, name: str) -> str | None:
    value = (company.parent or {}).get(name)
    return value.casefold() if isinstance(value, str) else None


def of_operations(now: int) -> Properties:
    """Properties of pull operations at an instant."""

    def completed(op: Operation) -> int | None:
        return op.completed if op.completed <= now else None

    def status(op: Operation) -> str:
        return (op.status if op.completed <= now else op.step(now).status).casefold()

    def text(key: str) -> Property:
        return _folded(lambda op: op.document(now)[key])

    return {
        "id": Property("text", lambda op: op.id),
        "companyId": Property("text", lambda op: op.company_id),
        "connectionId": Property("text", lambda op: op.connection_id),
        "dataType": Property("text", lambda op: op.data_type.casefold()),
        "status": Property("text", status),
        "statusDescription": text("statusDescription"),
        "errorMessage": text("errorMessage"),
        "requested": Property("time", lambda op: op.requested),
        "completed": Property("time", completed),
        "progress": Property("number", lambda op: op.document(now)["progress"]),
        "isErrored": Property("bool", lambda op: op.document(now)["isErrored"]),
    }


def _connection_text(attribute: Callable[[Connection], str]) -> Property:
    return Property("text", lambda connection: attribute(connection).casefold())


CONNECTIONS: Final[Properties] = {
    "id": _connection_text(lambda c: c.id),
    "integrationId": _connection_text(lambda c: c.platform.integration_id),
    "integrationKey": _connection_text(lambda c: c.platform.key),
    "sourceId": _connection_text(lambda c: c.platform.source_id),
    "sourceType": _connection_text(lambda c: c.platform.source_type),
    "platformName": _connection_text(lambda c: c.platform.name),
    "status": _connection_text(lambda c: c.status),
    "created": Property("time", lambda c: c.created),
    "lastSync": Property("time", lambda c: c.last_sync),
}


def of_documents(example: Mapping[str, Any]) -> Properties:
    """Properties of rows that are plain documents: the simple values of one of them."""
    return {key: _of_document(key, value) for key, value in example.items() if isinstance(value, str | bool | int)}


def _of_document(key: str, value: object) -> Property:
    if isinstance(value, bool):
        return Property("bool", lambda row: row.get(key))
    if isinstance(value, int):
        return Property("number", lambda row: row.get(key))
    if parse(str(value)) is not None:
        return Property("time", lambda row: parse(row[key]) if key in row else None)
    return _folded(lambda row: row.get(key))


def select(records: Sequence[Any], parameters: Mapping[str, str], properties: Properties, kind: str) -> Sequence[Any]:
    """The records that ``query`` lets through, in the order of ``orderBy``; those without a value come first.

    Args:
        records: all of them, in the order that holds without ``orderBy``.
        parameters: of the request.
        properties: what may be named.
        kind: what Codat calls such a record in its messages.

    Raises:
        Problem: 400, see :mod:`codat_notebook.sandbox.query`.
    """
    if query := parameters.get("query"):
        records = list(filter(compile_query(query, properties, kind), records))
    if order := parameters.get("orderBy"):
        read = find_property(order.removeprefix("-"), properties, kind).read
        keyed = sorted(records, key=lambda record: _key(read(record)), reverse=order.startswith("-"))
        records = keyed
    return records


def _key(value: Any) -> tuple[bool, Any]:
    return (value is not None, 0 if value is None else value)
