"""What is wanted: companies by data types by connections, and the conditions that a cell must meet.

A :class:`Selection` is made from what a user gives: a DataFrame, a mapping, lists, conditions, or several of these;
every one of them narrows. What makes no sense is refused here, with a message that names it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from codat_notebook.models.instants import interval
from codat_notebook.models.shared import Connection
from codat_notebook.models.vocabulary import REPORTS, did_you_mean
from codat_notebook.runs.context import CompanyFacts
from codat_notebook.runs.targets import plan_lines

#: One thing asked for: a data type (None: all) of a connection (None: of each that has it).
Target = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Selection:
    """Whom, what, and when: see :func:`select` for the fields."""

    targets: Mapping[str, tuple[Target, ...]] | None = None
    types: tuple[str, ...] | None = None
    older_than: timedelta | None = None
    failed: bool = False
    tags: Mapping[str, str] | None = None
    platforms: frozenset[str] | None = None
    #: Whether the targets were found by a rule, too, rather than named by somebody.
    by_rule: bool = False
    #: Whether what runs for longer than it can is queued anew.
    overdue: bool = False
    #: (company, connection, data type) of cells that somebody has taken out.
    without: frozenset[tuple[str, str, str]] = frozenset()

    @property
    def named(self) -> set[str]:
        """The data types that are named."""
        targets = (target for wanted in (self.targets or {}).values() for target in wanted)
        return {*(self.types or ()), *(data_type for data_type, _ in targets if data_type is not None)}

    def takes_company(self, company: CompanyFacts) -> bool:
        """Whether a company has all the tags."""
        return (self.tags or {}).items() <= company.tags.items()

    def of(self, company_id: str) -> list[Target]:
        """What is asked for of a company."""
        given = ((None, None),) if self.targets is None else self.targets.get(company_id, ())
        spread = ((type, connection) for named, connection in given for type in self._types(named))
        return list(dict.fromkeys(spread))

    def _types(self, named: str | None) -> tuple[str | None, ...]:
        if self.types is None:
            return (named,)
        return self.types if named is None else tuple(t for t in self.types if t == named)

    def takes(self, connection: Connection) -> bool:
        """Whether connections to its platform are meant, by the platform's name or its key."""
        names = {connection.platform_name.casefold(), (connection.integration_key or "").casefold()}
        return self.platforms is None or bool(names & self.platforms)


def select(
    what: Any = None,
    data_types: str | Iterable[str] | None = None,
    *,
    companies: Any = None,
    older_than: str | timedelta | None = None,
    failed: bool = False,
    report: str | Iterable[str] | None = None,
    tags: Mapping[str, str] | None = None,
    platform: str | Iterable[str] | None = None,
    overdue: bool = False,
) -> Selection:
    """A selection from what a user gives; the parameters are those of ``Session.plan``.

    >>> select({"c1": ["invoices", "bills"]}, report="payables").of("c1")
    [('bills', None)]
    """
    targets = _targets(what)
    if companies is not None:
        named = _targets(companies) or {}
        targets = named if targets is None else {id: targets[id] for id in targets if id in named}
    types = _types(data_types, report)
    platforms = None if platform is None else frozenset(name.casefold() for name in _texts(platform, "platform"))
    age = None if older_than is None else interval(older_than, "older_than")
    if tags is not None and not isinstance(tags, Mapping):
        raise ValueError(f'tags: a mapping such as {{"region": "uk"}}, not {tags!r}.')
    texts = None if tags is None else {str(name): str(value) for name, value in tags.items()}
    by_rule = bool(failed) or age is not None
    return Selection(targets, types, age, bool(failed), texts, platforms, by_rule, bool(overdue))


def _targets(what: Any) -> dict[str, tuple[Target, ...]] | None:
    if what is None:
        return None
    if hasattr(what, "columns"):  # of companies, of cells, or a plan, of which what it skips is left out
        pairs: dict[str, dict[Target, None]] = {}
        for line in plan_lines(what):
            if line.queued:
                pairs.setdefault(_id(line.company_id), {})[line.data_type, line.connection_id] = None
        return {id: tuple(wanted) for id, wanted in pairs.items()}
    if isinstance(what, Mapping):
        named = {_id(id): [None] if types is None else _texts(types, "data types") for id, types in what.items()}
        return {id: tuple((name, None) for name in dict.fromkeys(types)) for id, types in named.items()}
    return dict.fromkeys((_id(id) for id in _texts(what, "companies")), ((None, None),))


def _id(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"Name a company by its id, a text; {value!r} is not one.")
    return value.strip().lower()


def _texts(values: Any, what: str) -> list[str]:
    """One text or several as a list."""
    if isinstance(values, str):
        return [values]
    texts = list(values) if isinstance(values, Iterable) else [values]
    wrong = next((value for value in texts if not isinstance(value, str)), None)
    if wrong is not None or not isinstance(values, Iterable):
        raise ValueError(f"{what}: a text, or several; {wrong!r} is not one.")
    return texts


def _types(data_types: str | Iterable[str] | None, report: str | Iterable[str] | None) -> tuple[str, ...] | None:
    """The data types of both, where both are given those in both."""
    given = [] if data_types is None else [_texts(data_types, "data_types")]
    if report is not None:
        names = _texts(report, "report")
        if unknown := [name for name in names if name.strip().lower() not in REPORTS]:
            raise ValueError(
                f"There is no report {unknown[0]!r}; there are {', '.join(REPORTS)}.{did_you_mean(unknown[0], REPORTS)}"
            )
        given.append([data_type for name in names for data_type in REPORTS[name.strip().lower()]])
    return tuple(dict.fromkeys(name for name in given[0] if name in given[-1])) if given else None
