"""How much one round of refreshes is: cells and companies by platform and data type. Pure.

A load is counted from numbers (nobody is asked), from companies with their connections (no company is asked for by
itself), or from a plan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codat_notebook.planning.rules import Rule
from codat_notebook.planning.snapshots import CompanySnapshot
from codat_notebook.runs.targets import plan_lines

#: A platform and a data type; ``None`` where a load counts but does not name them.
Kind = tuple[str | None, str | None]


@dataclass(frozen=True)
class Load:
    """Cells by platform and data type, and how many companies they are of (by platform, and in all).

    ``types`` are the data types by name, ``None`` where only their number is known.
    """

    cells: Mapping[Kind, int]
    companies: Mapping[str | None, int]
    total: int
    types: tuple[str, ...] | None

    @property
    def refreshes(self) -> int:
        """Cells in all."""
        return sum(self.cells.values())

    def of(self, platform: str | None) -> dict[Kind, int]:
        """The cells of one platform."""
        return {kind: number for kind, number in self.cells.items() if kind[0] == platform}


def of_numbers(companies: int | Mapping[str, int], data_types: int | Sequence[str]) -> Load:
    """So many companies (also: platform -> so many) with so many data types, each on one connection.

    >>> of_numbers({"Xero": 2, "Plaid": 1}, 5).refreshes
    15
    """
    counted = companies.items() if isinstance(companies, Mapping) else [(None, companies)]
    by_platform: dict[str | None, int] = dict(counted)
    for number in (*by_platform.values(), *([data_types] if isinstance(data_types, int) else [])):
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise ValueError(f"Companies and data types are counted in whole numbers, not {number!r}.")
    names: Sequence[str | None] = [None] if isinstance(data_types, int) else list(dict.fromkeys(data_types))
    each = data_types if isinstance(data_types, int) else 1
    cells = {(platform, name): number * each for platform, number in by_platform.items() for name in names}
    types = None if isinstance(data_types, int) else tuple(name for name in names if name)
    return Load(cells, by_platform, sum(by_platform.values()), types)


def of_companies(snapshots: Iterable[CompanySnapshot], rule: Rule) -> Load:
    """What the linked connections of companies support of what is wanted."""
    return _counted(cell for snapshot in snapshots for cell in _cells(snapshot, rule))


def _cells(snapshot: CompanySnapshot, rule: Rule) -> set[tuple[str, str, str, str]]:
    """(company, connection, platform, data type) of each cell."""
    found: set[tuple[str, str, str, str]] = set()
    if snapshot.facts is None:
        return found
    targets = rule.of(snapshot.id.lower())
    for connection in snapshot.facts.linked:
        platform = connection.platform_name
        if rule.takes(platform, connection.integration_key):
            for data_type, only in targets:
                supported = snapshot.facts.supported[connection.id] if only in (None, connection.id) else frozenset()
                types = supported if data_type is None else supported & {data_type}
                found |= {(snapshot.id, connection.id, platform, name) for name in types}
    return found


def of_plan(plan: Any) -> Load:
    """The rows of a plan that are to be queued, each cell once."""
    lines = plan_lines(plan, "company_id", "data_type", "connection_id", "platform")
    cells = ((line.company_id or "", line.connection_id or "", line.platform or "", line.data_type or "")
             for line in lines if line.queued)  # fmt: skip
    return _counted(dict.fromkeys(cells))


def _counted(cells: Iterable[tuple[str, str, str, str]]) -> Load:
    counted: Counter[Kind] = Counter()
    companies: dict[str | None, set[str]] = {}
    for company, _, platform, data_type in cells:
        counted[platform, data_type] += 1
        companies.setdefault(platform, set()).add(company)
    types = tuple(sorted({data_type or "" for _, data_type in counted}))
    everyone = set().union(*companies.values()) if companies else set()
    return Load(dict(counted), {platform: len(ids) for platform, ids in companies.items()}, len(everyone), types)
