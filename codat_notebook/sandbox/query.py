"""Codat's query language: a tokenizer, a recursive descent, and the evaluation.

``property op value`` joined by ``&&`` and ``||``, grouped by braces; values are unquoted and end at the next joint
or brace. Where the documentation is silent we assume: ``&&`` binds tighter than ``||``, text compares without
regard to case, and a property without a value fulfils ``!=`` only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final, Literal

from codat_notebook.sandbox.problems import malformed_query, unknown_property
from codat_notebook.sandbox.ticks import parse as parse_time

Kind = Literal["text", "number", "time", "bool"]
Predicate = Callable[[Any], bool]
MAX_LENGTH: Final = 2_048

_TOKEN: Final = re.compile(r"\s*(?:(?P<joint>&&|\|\||\{|\})|(?P<text>(?:(?!&&|\|\||[{}]).)+))", re.DOTALL)
_COMPARISON: Final = re.compile(
    r"\s*(?P<name>[A-Za-z_][\w\-]*(?:\.[\w\-]+)*)\s*(?P<op>!=|>=|<=|=|~|>|<)\s*(?P<value>.*?)\s*", re.DOTALL
)
_ORDERINGS: Final[Mapping[str, Callable[[Callable[[Any], Any], Any], Predicate]]] = {
    ">": lambda read, want: lambda record: (have := read(record)) is not None and have > want,
    "<": lambda read, want: lambda record: (have := read(record)) is not None and have < want,
    ">=": lambda read, want: lambda record: (have := read(record)) is not None and have >= want,
    "<=": lambda read, want: lambda record: (have := read(record)) is not None and have <= want,
}
_ORDERED: Final = frozenset({"=", "!=", *_ORDERINGS})
_ALLOWED: Final[Mapping[Kind, frozenset[str]]] = {
    "text": frozenset({"=", "!=", "~"}), "bool": frozenset({"=", "!="}), "number": _ORDERED, "time": _ORDERED,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Comparison:
    """``name op value``, as written."""

    name: str
    op: str
    value: str


@dataclass(frozen=True, slots=True)
class Joined:
    """Two or more expressions under one ``&&`` or ``||``."""

    joint: str
    parts: tuple[Comparison | Joined, ...]


@dataclass(frozen=True, slots=True)
class Property:
    """What a query may name: its kind, and how to read it off a record.

    None means that the record has no value; text is read case-folded, times in ticks. A name that ends in ``.*`` (or
    is ``*``) stands for any key there. Where ``reader`` is given, it gives ``read`` for a name or key when needed.
    """

    kind: Kind
    read: Callable[[Any], Any]
    reader: Callable[[str], Callable[[Any], Any]] | None = None


def parse(text: str) -> Comparison | Joined:
    """The tree of a query.

    Raises:
        Problem: 400 "Malformed query."

    >>> parse("status=Complete && {dataType=bills || dataType=invoices}").joint
    '&&'
    """
    if len(text) >= MAX_LENGTH:
        raise malformed_query()
    tokens = _Tokens(text)
    tree = _alternatives(tokens, 0)
    if tokens.peek is not None:
        raise malformed_query()
    return tree


class _Tokens:
    """The tokens of a query with one of look-ahead."""

    def __init__(self, text: str) -> None:
        self._rest: Iterator[str] = (match.group().strip() for match in _TOKEN.finditer(text))
        self.peek: str | None = None
        self.take()

    def take(self) -> str | None:
        taken, self.peek = self.peek, next((token for token in self._rest if token), None)
        return taken


def _alternatives(tokens: _Tokens, depth: int) -> Comparison | Joined:
    return _chain(tokens, "||", lambda: _chain(tokens, "&&", lambda: _factor(tokens, depth)))


def _chain(tokens: _Tokens, joint: str, part: Callable[[], Comparison | Joined]) -> Comparison | Joined:
    parts = [part()]
    while tokens.peek == joint:
        tokens.take()
        parts.append(part())
    return parts[0] if len(parts) == 1 else Joined(joint, tuple(parts))


def _factor(tokens: _Tokens, depth: int) -> Comparison | Joined:
    token = tokens.take()
    if token == "{" and depth < 100:
        inside = _alternatives(tokens, depth + 1)
        if tokens.take() != "}":
            raise malformed_query()
        return inside
    match = _COMPARISON.fullmatch(token) if token else None
    if match is None or not match["value"]:
        raise malformed_query()
    return Comparison(match["name"], match["op"], match["value"])


def compile_query(text: str, properties: Mapping[str, Property], record_name: str) -> Predicate:
    """A predicate over records for a query.

    Args:
        text: the query.
        properties: what may be named; a name ending in ``.*`` stands for any key below it.
        record_name: what Codat calls such a record in its messages, for example ``"Dataset"``.

    Raises:
        Problem: 400, malformed or naming a property that cannot be resolved.
    """
    return _build(parse(text), properties, record_name)


def find_property(name: str, properties: Mapping[str, Property], record_name: str) -> Property:
    """The property of that name.

    Raises:
        Problem: 400 "Could not resolve property".
    """
    found, key = properties.get(name), name
    if found is None:
        parent, _, key = name.rpartition(".") if "*" not in properties else ("", "", name)
        found = properties.get(f"{parent}.*" if parent else "*")
    if found is None:
        raise unknown_property(name, record_name)
    return found if found.reader is None else Property(found.kind, found.reader(key))


def _build(tree: Comparison | Joined, properties: Mapping[str, Property], record_name: str) -> Predicate:
    if isinstance(tree, Comparison):
        return _compare(tree, find_property(tree.name, properties, record_name))
    first, *rest = (_build(part, properties, record_name) for part in tree.parts)
    return reduce(_both if tree.joint == "&&" else _either, rest, first)


def _both(left: Predicate, right: Predicate) -> Predicate:
    return lambda record: left(record) and right(record)


def _either(left: Predicate, right: Predicate) -> Predicate:
    return lambda record: left(record) or right(record)


def _compare(comparison: Comparison, prop: Property) -> Predicate:
    """Lean, because a search asks it for every company. A missing value differs from any, and is nothing else."""
    op, read = comparison.op, prop.read
    want = _value(comparison.value, prop.kind, op)
    if op == "=":
        return lambda record: read(record) == want
    if op == "!=":
        return lambda record: read(record) != want
    if op == "~":
        return lambda record: (have := read(record)) is not None and want in have
    return _ORDERINGS[op](read, want)


def _value(text: str, kind: Kind, op: str) -> Any:
    """The value to compare with, in the property's kind; what makes no sense there is malformed."""
    if op not in _ALLOWED[kind]:
        raise malformed_query()
    value = _READERS[kind](text)
    if value is None:
        raise malformed_query()
    return value


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[+-]?\d+(\.\d+)?", text) else None


_READERS: Final[Mapping[Kind, Callable[[str], Any]]] = {
    "text": str.casefold,
    "number": _number,
    "time": parse_time,
    "bool": lambda text: {"true": True, "false": False}.get(text.lower()),
}
