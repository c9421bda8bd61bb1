"""What a run is asked for: companies, and of each the data types (of a connection, or of each that has them).

:func:`read_targets` makes it from whatever ``session.refresh`` takes: a company's id with names of types, a mapping, or
a plan, which is a DataFrame as ``session.plan`` gives it. :func:`plan_lines` reads such a frame for all who take one:
a row whose ``action`` is ``queue`` or missing is queued, any other is left out, and remembered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

#: One thing asked for: a data type, and a connection (``None``: each that has the type).
Target = tuple[str, str | None]
#: The rows of a plan that are queued.
QUEUE = "queue"


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
        return self.action in (None, QUEUE)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row of a plan that is left out, and why."""

    company_id: str
    data_type: str | None = None
    connection_id: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Targets:
    """Company id -> what is wanted of it; ``None`` stands for everything (``data/all``)."""

    companies: Mapping[str, tuple[Target, ...] | None]
    skipped: tuple[Skipped, ...] = field(default=())


def read_targets(what: Any, data_types: Sequence[str] = (), connection_id: str | None = None) -> Targets:
    """The orders in what the user gave.

    Parameters
    ----------
    what : a company's id, a mapping company id -> data types, or a DataFrame with the columns ``company_id`` and
        ``data_type``, and if wanted ``connection_id``, ``action`` and ``reason``.
    data_types, connection_id : with an id only.

    Raises ``ValueError`` for what cannot be meant.

    >>> read_targets({"id-1": ["invoices", "bills", "invoices"]}).companies
    {'id-1': (('invoices', None), ('bills', None))}
    """
    if isinstance(what, str):
        if not data_types:
            raise ValueError("Name at least one data type, such as 'invoices', or use session.refresh_all(company_id).")
        if wrong := [name for name in data_types if not isinstance(name, str)]:
            raise ValueError(
                f"Data types are texts, given one by one: refresh(id, 'invoices', 'bills'); not {wrong[0]!r}."
            )
        return Targets({what: _wanted((name, connection_id) for name in data_types)})
    if not isinstance(what, Mapping) and not hasattr(what, "columns"):
        raise ValueError(f"A refresh is given a company's id, a mapping or a DataFrame, not {type(what).__name__}.")
    if data_types or connection_id is not None:
        raise ValueError("A plan names its data types and connections itself: give nothing beside it.")
    return _of_mapping(what) if isinstance(what, Mapping) else _of_frame(what)


def everything(companies: str | Iterable[str]) -> Targets:
    """All of some companies."""
    if not isinstance(companies, Iterable):
        raise ValueError(f"A refresh of everything is given companies' ids, not {type(companies).__name__}.")
    ids = [companies] if isinstance(companies, str) else list(companies)
    if hasattr(companies, "columns") or not all(isinstance(id, str) for id in ids):
        raise ValueError("Companies are named by their ids: refresh_all(frame['company_id']).")
    ids = [id for same in _spelled(ids).values() for id in same[:1]]
    if not ids:
        raise ValueError("Name at least one company.")
    return Targets(dict.fromkeys(ids))


def _spelled(ids: Iterable[str]) -> dict[str, list[str]]:
    """Each company's id -> as it was written: ids are the same in either case, and a company is one."""
    spellings: dict[str, list[str]] = {}
    for id in ids:
        spellings.setdefault(id.lower(), []).append(id)
    return spellings


def _wanted(pairs: Iterable[Target]) -> tuple[Target, ...]:
    return tuple(dict.fromkeys(pairs))


def _of_mapping(what: Mapping[Any, Any]) -> Targets:
    companies: dict[str, list[Target]] = {}
    for id, types in what.items():
        names = [types] if isinstance(types, str) else list(types) if isinstance(types, Iterable) else []
        if not names:
            raise ValueError(f"No data type is named for the company {id}; for all of it: session.refresh_all.")
        companies[str(id)] = [(str(name), None) for name in names]
    if not companies:
        raise ValueError("The mapping names no company.")
    return Targets(_merged(companies))


def _merged(companies: Mapping[str, list[Target]]) -> dict[str, tuple[Target, ...]]:
    """One entry for each company, however its id was written."""
    return {same[0]: _wanted(pair for id in same for pair in companies[id]) for same in _spelled(companies).values()}


def _of_frame(frame: Any) -> Targets:
    companies: dict[str, list[Target]] = {}
    skipped: list[Skipped] = []
    for line in plan_lines(frame, "company_id", "data_type"):
        if not line.queued:
            skipped.append(Skipped(line.company_id or "", line.data_type, line.connection_id, line.reason))
        elif line.company_id and line.data_type:
            companies.setdefault(line.company_id, []).append((line.data_type, line.connection_id))
    return Targets({id: _wanted(pairs) for id, pairs in companies.items()}, tuple(skipped))


def plan_lines(frame: Any, *needed: str) -> list[PlanLine]:
    """The rows of a plan, or of any frame that names companies, each company's id in one spelling: the first.

    ``needed`` are columns that must be there, and filled where a row is queued (``company_id`` always). A frame of
    companies, which has ``id`` and no ``data_type``, will do where no data type is needed.

    Raises ``ValueError`` for a frame without these, with a column twice, or with a row that is queued for no company.
    """
    columns = list(frame.columns)
    of_companies = not {"company_id", "data_type"} & {*columns, *needed}
    names = {name: name for name in PlanLine._fields}
    if of_companies and "id" in columns:
        names["company_id"] = "id"
    for name in dict.fromkeys((names["company_id"], *needed)):
        if name not in columns:
            raise ValueError(f"The plan lacks the column {name!r}; it has {', '.join(map(str, columns)) or 'none'}.")
    lines = [PlanLine(*row) for row in zip(*(_texts(frame, name) for name in names.values()), strict=True)]
    for line in lines:
        lacking = [name for name in ("company_id", "data_type") if getattr(line, name) is None]
        if line.queued and {"company_id", *needed}.intersection(lacking):
            raise ValueError(f"A row of the plan that is to be queued lacks its {' and its '.join(lacking)}.")
    first = {id: same[0] for same in _spelled(line.company_id or "" for line in lines).values() for id in same}
    return [line._replace(company_id=first[line.company_id or ""] or None) for line in lines]


def _texts(frame: Any, name: str) -> list[str | None]:
    """A column as texts, ``None`` where nothing is given or the column is missing."""
    if name not in frame.columns:
        return [None] * len(frame)
    if list(frame.columns).count(name) > 1:
        raise ValueError(f"The plan has the column {name!r} more than once.")
    column = frame[name].astype("object")
    return [str(value).strip() or None if there else None for value, there in zip(column, column.notna(), strict=True)]
