"""Lists of records, as a request asks for them: what its query lets through, in an order, a page at a time.

In Codat's query language ``property op value`` are joined by ``&&`` and ``||`` and grouped by braces; values are
unquoted and end at the next joint or brace. Where the documentation is silent we assume: ``&&`` binds tighter than
``||``, text compares without regard to case, and a property without a value fulfils ``!=`` only.

Records stand for themselves by their index. A comparison is carried out for a whole column at once and gives a mask,
a byte per record; masks are joined as whole numbers. So a hundred thousand records are searched in milliseconds.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress, islice, repeat
from math import inf, nan
from typing import Any, Final, Literal, TypeVar
from urllib.parse import quote, urlencode

from codat_notebook.sandbox.exchange import ErrorResponse, invalid, malformed_query
from codat_notebook.sandbox.virtual_time import parse_time

Kind = Literal["text", "number", "time", "bool"]
Column = Sequence[Any]
T = TypeVar("T")
MAX_LENGTH: Final = 2_048
DEFAULT_SIZE: Final = 100

_JOINT: Final = re.compile(r"(&&|\|\||[{}])")
_COMPARISON: Final = re.compile(
    r"\s*(?P<name>[A-Za-z_][\w\-]*(?:\.[\w\-]+)*)\s*(?P<op>!=|>=|<=|=|~|>|<)\s*(?P<value>.*?)\s*", re.DOTALL
)


def search(text: str, compare: Callable[[str, str, str], int]) -> int:
    """The mask of a query, joined of those of its comparisons (name, operator, value); 400 where it is malformed.

    >>> search("a=1 && {b=2 || c=3}", lambda name, op, value: {"a": 0b110, "b": 0b010, "c": 0b001}[name])
    2
    """
    if len(text) >= MAX_LENGTH:
        raise malformed_query()
    tokens = [token for part in _JOINT.split(text) if (token := part.strip())][::-1]
    mask = _alternatives(tokens, compare, 0)
    if tokens:
        raise malformed_query()
    return mask


def _alternatives(tokens: list[str], compare: Callable[[str, str, str], int], depth: int) -> int:
    """The mask of the tokens up to the end or a closing brace; they are taken off the list, which is backwards."""
    both = partial(_chain, tokens, "&&", operator.and_, lambda: _factor(tokens, compare, depth))
    return _chain(tokens, "||", operator.or_, both)


def _chain(tokens: list[str], joint: str, join: Callable[[int, int], int], part: Callable[[], int]) -> int:
    mask = part()
    while tokens and tokens[-1] == joint:
        tokens.pop()
        mask = join(mask, part())
    return mask


def _factor(tokens: list[str], compare: Callable[[str, str, str], int], depth: int) -> int:
    token = tokens.pop() if tokens else None
    if token == "{" and depth < 100:
        inside = _alternatives(tokens, compare, depth + 1)
        if not tokens or tokens.pop() != "}":
            raise malformed_query()
        return inside
    match = _COMPARISON.fullmatch(token) if token else None
    if match is None or not match["value"]:
        raise malformed_query()
    return compare(match["name"], match["op"], match["value"])


def resolve(name: str, properties: Mapping[str, T], record: str) -> tuple[T, str]:
    """The property of that name, and the key that it stands for where it is any key below another.

    A property ending in ``.*`` stands for any key there, ``*`` alone for any name. 400 "Could not resolve property"
    where there is none; ``record`` is what Codat calls such a record there, for example ``"Dataset"``.
    """
    parent, _, key = name.rpartition(".") if "*" not in properties else ("", "", name)
    for candidate, stands_for in ((name, name), (f"{parent}.*" if parent else "*", key)):
        if "*" not in name and candidate in properties:
            return properties[candidate], stands_for
    raise ErrorResponse(400, f"Error parsing query - Could not resolve property {name} on {record}", "PullApi")


def _value_of(text: str, kind: Kind, op: str) -> Any:
    """The value to compare with: text case-folded, times in ticks; 400 for what makes no sense for that kind."""
    operators, read = _KINDS[kind]
    value = read(text) if op in operators else None
    if value is None:
        raise malformed_query()
    return value


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[+-]?\d+(\.\d+)?", text) else None


def _truth(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.lower())


#: The operators of each kind, and how a value is read.
_KINDS: Final[Mapping[Kind, tuple[Sequence[str], Callable[[str], Any]]]] = {
    "text": (("=", "!=", "~"), str.casefold),
    "number": (("=", "!=", ">", "<", ">=", "<="), _number),
    "time": (("=", "!=", ">", "<", ">=", "<="), parse_time),
    "bool": (("=", "!="), _truth),
}
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


def properties_of(records: Sequence[T], of_record: Mapping[str, tuple[Kind, Callable[[T], Any]]]) -> Properties:
    """Properties read off records: name -> kind and value; None means that the record has no value."""
    return {name: Property(kind, partial(_read, records, kind, value)) for name, (kind, value) in of_record.items()}


def of_documents(rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, Kind]) -> Properties:
    """Properties of rows as the API writes them: name -> kind."""
    return properties_of(rows, {name: (kind, partial(_field, name, kind)) for name, kind in kinds.items()})


def _read(records: Sequence[T], kind: Kind, value: Callable[[T], Any], _: str) -> Column:
    if kind == "text":
        return [(text or "").casefold() for text in map(value, records)]
    return [nan if (quantity := value(record)) is None else quantity for record in records]


def _field(name: str, kind: Kind, row: Mapping[str, Any]) -> Any:
    return parse_time(row[name]) if kind == "time" and name in row else row.get(name)


class Listing:
    """So many records as columns, in the order that holds without ``orderBy``.

    ``record`` is what Codat calls such a record in its messages, for example ``"Dataset"``.
    """

    def __init__(self, count: int, properties: Properties, record: str) -> None:
        self.count = count
        self._properties = properties
        self._record = record

    def body(
        self, path: str, parameters: Mapping[str, str], largest: int, document: Callable[[int], Mapping[str, Any]]
    ) -> dict[str, Any]:
        """The page that a request asks for, with the documents of its records and with links, which keep all parameters
        of the request; 400 where number or size are not positive, or the size is above the ``largest``.
        """
        page = _positive(parameters, "page", 1, 2**31 - 1)
        size = _positive(parameters, "pageSize", min(DEFAULT_SIZE, largest), largest)
        indices, total = self.page(parameters, slice((page - 1) * size, page * size))

        def link(number: int) -> dict[str, str]:
            return {"href": f"{path}?{urlencode({**parameters, 'page': number, 'pageSize': size}, quote_via=quote)}"}

        links = {"current": link(page), "self": {"href": path}}
        if page * size < total:
            links["next"] = link(page + 1)
        if page > 1:
            links["previous"] = link(page - 1)
        results = [document(index) for index in indices]
        return {"results": results, "pageNumber": page, "pageSize": size, "totalResults": total, "_links": links}

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
        return search(query, self._compare).to_bytes(self.count, "little")

    def _compare(self, name: str, op: str, value: str) -> int:
        named, key = resolve(name, self._properties, self._record)
        want = _value_of(value, named.kind, op)
        return int.from_bytes(bytes(map(_OPERATORS[op], named.column(key), repeat(want))), "little")

    def in_order(self, order: str) -> Sequence[int]:
        """All records in the order of a property, those without a value first, or backwards after a minus sign."""
        name = order.removeprefix("-")
        named, key = resolve(name, self._properties, self._record)
        values = [-inf if value != value else value for value in named.column(key)]
        return sorted(range(self.count), key=values.__getitem__, reverse=order != name)


def _positive(parameters: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = parameters.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 11 and 1 <= int(text) <= most):
        raise invalid(f"{name} must be a number from 1 to {most}.")
    return int(text)
