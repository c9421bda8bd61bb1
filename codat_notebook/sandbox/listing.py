"""Lists of records by columns: what a query lets through, in an order, a page at a time.

Records stand for themselves by their index. A comparison is carried out for a whole column at once and gives a mask,
a byte per record; masks are joined as whole numbers. So a hundred thousand records are searched in milliseconds.
:func:`window` reads which page is asked for, :func:`page_of` writes it with its links.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import compress, islice, repeat
from math import inf, nan
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

from codat_notebook.sandbox.exchange import invalid
from codat_notebook.sandbox.query import Condition, Joined, Kind, parse, resolve, value_of
from codat_notebook.sandbox.virtual_time import parse_time

Column = Sequence[Any]
T = TypeVar("T")
_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq, "!=": operator.ne, "~": operator.contains,
    ">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Property:
    """What a query may name: its kind, and the column of all records' values.

    ``column`` is given the name's last part, for names that end in ``.*`` (or are ``*``) and stand for any key there.
    Text is case-folded, times are ticks. A missing value is ``""`` or nan: like Codat's, neither equals, contains,
    precedes or follows anything that a query can say.
    """

    kind: Kind
    column: Callable[[str], Column]


Properties = Mapping[str, Property]


def property_of(kind: Kind, records: Sequence[T], value: Callable[[T], Any]) -> Property:
    """A property read off records; None means that the record has no value."""

    def column(key: str) -> Column:
        if kind == "text":
            return [(text or "").casefold() for text in map(value, records)]
        return [nan if (quantity := value(record)) is None else quantity for record in records]

    return Property(kind, column)


def properties_of(records: Sequence[T], of_record: Mapping[str, tuple[Kind, Callable[[T], Any]]]) -> Properties:
    """Several of them: name -> kind and value."""
    return {name: property_of(kind, records, value) for name, (kind, value) in of_record.items()}


def of_documents(rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, Kind]) -> Properties:
    """Properties of rows as the API writes them: name -> kind."""

    def reader(name: str, kind: Kind) -> Callable[[Mapping[str, Any]], Any]:
        return lambda row: parse_time(row[name]) if kind == "time" and name in row else row.get(name)

    return properties_of(rows, {name: (kind, reader(name, kind)) for name, kind in kinds.items()})


class Listing:
    """So many records as columns, in the order that holds without ``orderBy``.

    ``record`` is what Codat calls such a record in its messages, for example ``"Dataset"``.
    """

    def __init__(self, count: int, properties: Properties, record: str) -> None:
        self.count = count
        self._properties = properties
        self._record = record

    def page(self, parameters: Mapping[str, str], rows: slice) -> tuple[Sequence[int], int]:
        """The records at some places of the list asked for, and how many all of it has; 400 as ``query`` says."""
        mask = self.chosen(parameters)
        order = self.in_order(text) if (text := parameters.get("orderBy")) else range(self.count)
        if mask is None:
            return order[rows], self.count
        matches = compress(order, map(mask.__getitem__, order))
        return list(islice(matches, rows.start, rows.stop)), mask.count(1)

    def chosen(self, parameters: Mapping[str, str]) -> bytes | None:
        """The mask of the records that the request lets through; None: all."""
        query = parameters.get("query")
        return self.mask(query) if query else None

    def mask(self, query: str) -> bytes:
        """A byte per record: 1 where the query lets it through."""
        return self._joined(parse(query)).to_bytes(self.count, "little")

    def _joined(self, tree: Condition | Joined) -> int:
        if isinstance(tree, Joined):
            return reduce(operator.and_ if tree.joint == "&&" else operator.or_, map(self._joined, tree.parts))
        named, key = resolve(tree.name, self._properties, self._record)
        want = value_of(tree.value, named.kind, tree.op)
        return int.from_bytes(bytes(map(_OPERATORS[tree.op], named.column(key), repeat(want))), "little")

    def in_order(self, order: str) -> Sequence[int]:
        """All records in the order of a property, those without a value first, or backwards after a minus sign."""
        name = order.removeprefix("-")
        named, key = resolve(name, self._properties, self._record)
        values = [-inf if value != value else value for value in named.column(key)]
        return sorted(range(self.count), key=values.__getitem__, reverse=order != name)


DEFAULT_SIZE: Final = 100


class Window(NamedTuple):
    """Which page is asked for, and how large it is."""

    number: int
    size: int

    @property
    def rows(self) -> slice:
        """Its place among all rows."""
        return slice((self.number - 1) * self.size, self.number * self.size)


def window(parameters: Mapping[str, str], largest: int) -> Window:
    """The page that a request asks for; 400 where a number is not positive, or the size above the largest."""
    number = _positive(parameters, "page", 1, 2**31 - 1)
    return Window(number, _positive(parameters, "pageSize", min(DEFAULT_SIZE, largest), largest))


def _positive(parameters: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = parameters.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 11 and 1 <= int(text) <= most):
        raise invalid(f"{name} must be a number from 1 to {most}.")
    return int(text)


def page_of(
    results: Sequence[Mapping[str, Any]], total: int, path: str, parameters: Mapping[str, str], window: Window
) -> dict[str, Any]:
    """The body of a page: its rows, how many all pages have, and links, which keep all parameters of the request."""
    page, size = window

    def link(number: int) -> dict[str, str]:
        return {"href": f"{path}?{urlencode({**parameters, 'page': number, 'pageSize': size}, quote_via=quote)}"}

    links = {"current": link(page), "self": {"href": path}}
    if page * size < total:
        links["next"] = link(page + 1)
    if page > 1:
        links["previous"] = link(page - 1)
    return {"results": results, "pageNumber": page, "pageSize": size, "totalResults": total, "_links": links}
