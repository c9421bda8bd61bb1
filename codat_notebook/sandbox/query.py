"""Codat's query language: a tokenizer, a recursive descent, and the values that a comparison may name.

``property op value`` joined by ``&&`` and ``||``, grouped by braces; values are unquoted and end at the next joint
or brace. Where the documentation is silent we assume: ``&&`` binds tighter than ``||``, text compares without
regard to case, and a property without a value fulfils ``!=`` only. :mod:`codat_notebook.sandbox.listing` evaluates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from codat_notebook.sandbox.exchange import ErrorResponse, malformed_query
from codat_notebook.sandbox.virtual_time import parse_time

Kind = Literal["text", "number", "time", "bool"]
T = TypeVar("T")
MAX_LENGTH: Final = 2_048

_TOKEN: Final = re.compile(r"\s*(?:(?P<joint>&&|\|\||\{|\})|(?P<text>(?:(?!&&|\|\||[{}]).)+))", re.DOTALL)
_COMPARISON: Final = re.compile(
    r"\s*(?P<name>[A-Za-z_][\w\-]*(?:\.[\w\-]+)*)\s*(?P<op>!=|>=|<=|=|~|>|<)\s*(?P<value>.*?)\s*", re.DOTALL
)
_ORDERED: Final = frozenset({"=", "!=", ">", "<", ">=", "<="})
_ALLOWED: Final[Mapping[Kind, frozenset[str]]] = {
    "text": frozenset({"=", "!=", "~"}), "bool": frozenset({"=", "!="}), "number": _ORDERED, "time": _ORDERED,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Condition:
    """``name op value``, as written."""

    name: str
    op: str
    value: str


@dataclass(frozen=True, slots=True)
class Joined:
    """Two or more expressions under one ``&&`` or ``||``."""

    joint: str
    parts: tuple[Condition | Joined, ...]


def parse(text: str) -> Condition | Joined:
    """The tree of a query; 400 "Malformed query." where it is none.

    >>> parse("status=Complete && {dataType=bills || dataType=invoices}").joint
    '&&'
    """
    if len(text) >= MAX_LENGTH:
        raise malformed_query()
    tokens = [token for match in _TOKEN.finditer(text) if (token := match.group().strip())][::-1]
    tree = _alternatives(tokens, 0)
    if tokens:
        raise malformed_query()
    return tree


def _alternatives(tokens: list[str], depth: int) -> Condition | Joined:
    """The tree of the tokens up to the end or a closing brace; they are taken off the list, which is backwards."""
    return _chain(tokens, "||", lambda: _chain(tokens, "&&", lambda: _factor(tokens, depth)))


def _chain(tokens: list[str], joint: str, part: Callable[[], Condition | Joined]) -> Condition | Joined:
    parts = [part()]
    while tokens and tokens[-1] == joint:
        tokens.pop()
        parts.append(part())
    return parts[0] if len(parts) == 1 else Joined(joint, tuple(parts))


def _factor(tokens: list[str], depth: int) -> Condition | Joined:
    token = tokens.pop() if tokens else None
    if token == "{" and depth < 100:
        inside = _alternatives(tokens, depth + 1)
        if not tokens or tokens.pop() != "}":
            raise malformed_query()
        return inside
    match = _COMPARISON.fullmatch(token) if token else None
    if match is None or not match["value"]:
        raise malformed_query()
    return Condition(match["name"], match["op"], match["value"])


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


def value_of(text: str, kind: Kind, op: str) -> Any:
    """The value to compare with: text case-folded, times in ticks; 400 for what makes no sense for that kind."""
    value = _READERS[kind](text) if op in _ALLOWED[kind] else None
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
