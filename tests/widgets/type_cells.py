"""A company's cells, and what the list of data types makes of them."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from codat_notebook.models.shared import Connection
from codat_notebook.models.vocabulary import DataConnectionStatus
from codat_notebook.runs.cells import Cell
from codat_notebook.runs.context import CompanyFacts
from codat_notebook.widgets.data_types import data_type_rows
from tests.advised import advice

#: Status of the last operation, and how old the last good sync is.
Read = tuple[str | None, timedelta | None]
NEVER: Read = (None, None)


def type_rows(now: datetime, *reads: Mapping[str, Read], running: Iterable[str] = ()) -> list[Any]:
    """The list's rows of a company with a linked connection for each of ``reads``: data type -> how it was read."""
    linked = {str(n): Connection(id=str(n), status=DataConnectionStatus.LINKED) for n in range(len(reads))}
    facts = CompanyFacts("c", "C", linked, {str(n): frozenset(types) for n, types in enumerate(reads)})
    cells = []
    for n, types in enumerate(reads):
        for key, (status, age) in types.items():
            last = None if age is None else now - age
            read = Cell("c", str(n), key, "Xero", status, last, last, age, None, None, "history", advice=advice(status))
            cells.append(read)
    return data_type_rows(facts, cells, running=running)
