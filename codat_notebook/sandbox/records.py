"""What a query may name and a list may be ordered by: the properties of companies, connections, operations.

The facts name one property that is not queryable (``isCompleted``); the others are taken to be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from codat_notebook.sandbox.companies import CompanyStore, Connection
from codat_notebook.sandbox.listing import Property, property_of
from codat_notebook.sandbox.operations import Operation
from codat_notebook.sandbox.query import Kind
from codat_notebook.sandbox.time_units import parse

Properties = Mapping[str, Property]


def of_companies(estate: CompanyStore) -> Properties:
    """Properties of companies."""
    columns = estate.columns
    return {
        "id": Property("text", lambda _: estate.ids),
        "name": Property("text", lambda _: columns.folded_names),
        "description": Property("text", lambda _: columns.descriptions),
        "created": Property("time", lambda _: columns.created),
        "createdByUserName": Property("text", lambda _: columns.created_by),
        "lastSync": Property("time", lambda _: estate.last_syncs()),
        "tags.*": Property("text", columns.tags),
        "referenceParentCompany.*": Property("text", estate.parents),
    }


def of_tags(estate: CompanyStore) -> Properties:
    """Properties for the ``tags`` parameter, where the name of a tag stands alone."""
    return {"*": Property("text", estate.columns.tags)}


def of_operations(operations: Sequence[Operation], now: int) -> Properties:
    """Properties of pull operations at an instant."""

    def read(kind: Kind, value: Callable[[Operation], Any]) -> Property:
        return property_of(kind, lambda: map(value, operations))

    def ended(op: Operation) -> bool:
        return not op.running(now)

    return {
        "id": read("text", lambda op: op.id),
        "companyId": read("text", lambda op: op.company_id),
        "connectionId": read("text", lambda op: op.connection_id),
        "dataType": read("text", lambda op: op.data_type),
        "status": read("text", lambda op: op.status if ended(op) else op.step(now).status),
        "statusDescription": read("text", lambda op: None if ended(op) else op.step(now).description),
        "errorMessage": read("text", lambda op: op.message if ended(op) else None),
        "requested": read("time", lambda op: op.requested),
        "completed": read("time", lambda op: op.completed if ended(op) else None),
        "progress": read("number", lambda op: op.step(now).progress),
        "isErrored": read("bool", lambda op: ended(op) and op.errored),
    }


def of_connections(connections: Sequence[Connection]) -> Properties:
    """Properties of connections."""

    def read(kind: Kind, value: Callable[[Connection], Any]) -> Property:
        return property_of(kind, lambda: map(value, connections))

    return {
        "id": read("text", lambda c: c.id),
        "integrationId": read("text", lambda c: c.platform.integration_id),
        "integrationKey": read("text", lambda c: c.platform.key),
        "sourceId": read("text", lambda c: c.platform.source_id),
        "sourceType": read("text", lambda c: c.platform.source_type),
        "platformName": read("text", lambda c: c.platform.name),
        "status": read("text", lambda c: c.status),
        "created": read("time", lambda c: c.created),
        "lastSync": read("time", lambda c: c.last_sync),
    }


def of_documents(rows: Sequence[Mapping[str, Any]]) -> Properties:
    """Properties of rows that are plain documents: the simple values of the first of them."""
    return {key: _of_document(rows, key, v) for key, v in rows[0].items() if isinstance(v, str | bool | int)}


def _of_document(rows: Sequence[Mapping[str, Any]], key: str, example: object) -> Property:
    if isinstance(example, bool):
        return property_of("bool", lambda: (row.get(key) for row in rows))
    if isinstance(example, int):
        return property_of("number", lambda: (row.get(key) for row in rows))
    if parse(str(example)) is not None:
        return property_of("time", lambda: (parse(row[key]) if key in row else None for row in rows))
    return property_of("text", lambda: (row.get(key) for row in rows))
