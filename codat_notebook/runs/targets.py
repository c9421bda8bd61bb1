"""What a run is asked for: companies, and of each the data types (of a connection, or of each that has them).

:func:`read_targets` makes it from whatever ``session.refresh`` takes: a company's id with names of types, a mapping, or
a plan, which is a DataFrame as ``session.plan`` gives it. :func:`plan_lines` reads such a frame for all who take one:
a row whose ``action`` is ``queue`` or missing is queued, any other is left out, and remembered.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from codat_notebook.models.operations import can_be_product
from codat_notebook.models.vocabulary import CUSTOM, DATA_TYPES, did_you_mean

#: One thing asked for: a data type, and a connection (``None``: each that has the type).
Target = tuple[str, str | None]


class PlanLine(NamedTuple):
    """A row of a plan; ``None`` is what is missing, and empty."""

    company_id: str | None
    data_type: str | None
    connection_id: str | None
    platform: str | None
    action: str | None
    reason: str | None

    @property
    def queued(self) -> bool:
        """Whether a refresh queues the row."""
        return self.action in (None, "queue")


class Skipped(NamedTuple):
    """A row of a plan that is left out, and why."""

    company_id: str
    data_type: str | None = None
    connection_id: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Targets:
    """Company id -> what is wanted of it; ``None`` stands for everything (``data/all``), or all of a ``product``."""

    companies: Mapping[str, tuple[Target, ...] | None]
    skipped: tuple[Skipped, ...] = ()
    product: str | None = None

    def __post_init__(self) -> None:
        if self.product is not None and not can_be_product(self.product):
            raise ValueError(f"product: an identifier such as 'credit-monitoring', not {str(self.product)[:80]!r}.")

    @property
    def digest(self) -> str:
        """By which the same plan is known again, in whatever order it is written: a SHA-256 of what it wants."""
        wanted = {
            id.lower(): targets and sorted([name, connection or ""] for name, connection in targets)
            for id, targets in self.companies.items()
        }
        return hashlib.sha256(json.dumps([self.product, wanted], sort_keys=True).encode()).hexdigest()

    @classmethod
    def of(cls, wanted: Iterable[tuple[str, Target]], skipped: Iterable[Skipped] = ()) -> Targets:
        """What is wanted of each company, each once, a company under the first spelling of its id."""
        wanted = list(wanted)
        spelling = _first_spelling(id for id, _ in wanted)
        companies: dict[str, dict[Target, None]] = {}
        for id, target in wanted:
            companies.setdefault(spelling[id.lower()], {})[target] = None
        return cls({id: tuple(targets) for id, targets in companies.items()}, tuple(skipped))


def read_targets(
    what: Any, data_types: Sequence[str] = (), connection_id: str | None = None, product: str | None = None
) -> Targets:
    """What the user asks for; the parameters are those of ``Session.refresh``. Raises ``ValueError`` for what cannot be
    meant.

    >>> read_targets({"id-1": ["invoices", "bills", "invoices"]}).companies
    {'id-1': (('invoices', None), ('bills', None))}
    """
    if product is not None:
        return _of_product(what, data_types, connection_id, product)
    if isinstance(what, str):
        if not data_types:
            raise ValueError("Name at least one data type, such as 'invoices', or use session.refresh_all(company_id).")
        if wrong := [name for name in data_types if not isinstance(name, str)]:
            raise ValueError(
                f"Give data types as strings, one by one: refresh(id, 'invoices', 'bills'); not {wrong[0]!r}."
            )
        return Targets.of((what, (name, connection_id)) for name in data_types)
    if not isinstance(what, Mapping) and not hasattr(what, "columns"):
        raise ValueError(f"A refresh takes a company's id, a mapping or a DataFrame, not {type(what).__name__}.")
    if data_types or connection_id is not None:
        raise ValueError("A plan already names its data types and connections: give no others with it.")
    if isinstance(what, Mapping):
        return _of_mapping(what)
    lines = plan_lines(what, "company_id", "data_type")
    wanted = [(line.company_id or "", (line.data_type or "", line.connection_id)) for line in lines if line.queued]
    skipped = [line for line in lines if not line.queued]
    return Targets.of(wanted, [Skipped(s.company_id or "", s.data_type, s.connection_id, s.reason) for s in skipped])


def unknown_types(targets: Targets) -> dict[str, list[str]]:
    """Company id -> the data types wanted of it that are not Codat's as documented, nor custom ones; companies that
    have none are left out. A product's types are its own."""
    if targets.product is not None:
        return {}
    named = {id: dict.fromkeys(name for name, _ in wanted or ()) for id, wanted in targets.companies.items()}
    unknown = {id: [name for name in names if not _is_known(name)] for id, names in named.items()}
    return {id: names for id, names in unknown.items() if names}


def check_types(names: Iterable[str], offered: Collection[str], otherwise: str = "") -> None:
    """Raise ``ValueError`` for a data type that neither Codat documents nor a connection has ``offered``, with the one
    that was probably meant; where none is near, only if there is something to say ``otherwise``.

    >>> check_types(["invoices", "custom/mine", "shiny"], ())
    """
    for name in names:
        near = "" if _is_known(name) or name in offered else did_you_mean(name, {*DATA_TYPES, *offered}) or otherwise
        if near:
            raise ValueError(f"Codat has no data type {name[:80]!r}.{near}")


def _is_known(data_type: str) -> bool:
    return data_type in DATA_TYPES or data_type.startswith(CUSTOM)


def _of_product(what: Any, data_types: Sequence[str], connection_id: str | None, product: str) -> Targets:
    if isinstance(what, str) and not data_types:
        targets = everything(what, product)
    else:
        targets = replace(read_targets(what, data_types), product=product)
    named = any(connection for wanted in targets.companies.values() for _, connection in wanted or ())
    if connection_id is not None or named:
        raise ValueError(
            "The refresh of a product takes no connection: give it companies and data types, such as "
            '{company_id: ["invoices"]}, without connection_id.'
        )
    return targets


def everything(companies: str | Iterable[str], product: str | None = None) -> Targets:
    """All of some companies, or of their ``product``."""
    if not isinstance(companies, Iterable):
        raise ValueError(f"A refresh of everything takes companies' ids, not {type(companies).__name__}.")
    ids = [companies] if isinstance(companies, str) else list(companies)
    if hasattr(companies, "columns") or not all(isinstance(id, str) for id in ids):
        raise ValueError("Name companies by their ids: refresh_all(frame['company_id']).")
    if not ids:
        raise ValueError("Name at least one company.")
    return Targets(dict.fromkeys(_first_spelling(ids).values()), product=product)


def _first_spelling(ids: Iterable[str]) -> dict[str, str]:
    """Each company's id in lower case -> as it was first written: ids are the same in either case."""
    spelling: dict[str, str] = {}
    for id in ids:
        spelling.setdefault(id.lower(), id)
    return spelling


def _of_mapping(what: Mapping[Any, Any]) -> Targets:
    wanted: list[tuple[str, Target]] = []
    for id, types in what.items():
        names = [types] if isinstance(types, str) else list(types) if isinstance(types, Iterable) else []
        if not names:
            raise ValueError(f"No data type is named for the company {id}; for all of it: session.refresh_all.")
        wanted += [(str(id), (str(name), None)) for name in names]
    if not wanted:
        raise ValueError("The mapping names no company.")
    return Targets.of(wanted)


def plan_lines(frame: Any, *needed: str) -> list[PlanLine]:
    """The rows of a plan, or of any frame that names companies, each company's id in one spelling: the first.

    ``needed`` are columns that must be there, and filled where a row is queued (``company_id`` always). A frame of
    companies, which has no ``data_type``, will do where none is needed; its ``id`` may be theirs. Raises ``ValueError``
    for a frame without these, with a column twice, or with a row that is queued for no company.
    """
    columns = list(frame.columns)
    of_companies = not {"company_id", "data_type"} & {*columns, *needed}
    names = {name: name for name in PlanLine._fields}
    if of_companies and "id" in columns:
        names["company_id"] = "id"
    if "data_type" not in columns:
        names["action"] = ""  # of companies or connections, where it tells somebody what to do
    for name in dict.fromkeys((names["company_id"], *needed)):
        if name not in columns:
            raise ValueError(f"The plan lacks the column {name!r}; it has {', '.join(map(str, columns)) or 'none'}.")
    lines = [PlanLine(*row) for row in zip(*(column_texts(frame, name) for name in names.values()), strict=True)]
    for line in lines:
        lacking = [name for name in ("company_id", "data_type") if getattr(line, name) is None]
        if line.queued and {"company_id", *needed}.intersection(lacking):
            raise ValueError(f"A row of the plan that is to be queued lacks its {' and its '.join(lacking)}.")
    spelling = _first_spelling(line.company_id for line in lines if line.company_id)
    return [line._replace(company_id=spelling[line.company_id.lower()]) if line.company_id else line for line in lines]


def column_texts(frame: Any, name: str) -> list[str | None]:
    """A column as texts, ``None`` where nothing is given or the column is missing."""
    if name not in frame.columns:
        return [None] * len(frame)
    if list(frame.columns).count(name) > 1:
        raise ValueError(f"The plan has the column {name!r} more than once.")
    column = frame[name].astype("object")
    return [str(value).strip() or None if there else None for value, there in zip(column, column.notna(), strict=True)]
