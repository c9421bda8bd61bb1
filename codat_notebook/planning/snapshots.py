"""What is known of companies, and the first look at them: who there is, with which connections.

A list of companies holds their connections, so one request stands for thousands. A company that cannot be read is a
:class:`CompanySnapshot` with its trouble, never the end of the others. ``reader`` adds the cells.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from codat_notebook.models.errors import CodatLendingError, InvalidRequestError
from codat_notebook.models.shared import Company
from codat_notebook.planning.cell_history import CellHistory
from codat_notebook.runs.cells import Cell
from codat_notebook.runs.context import CompanyFacts, RunContext
from codat_notebook.runs.records import Subject

#: From so many companies on they are listed, not asked for one by one.
LISTED_FROM = 6
#: Companies that one page may hold.
PAGE = 5000

UNKNOWN = "unknown company"
UNREADABLE = "could not be read"


@dataclass(frozen=True, slots=True)
class CompanySnapshot:
    """What is known of one company. ``facts`` is ``None`` where Codat does not know it.

    ``running`` are the cells (connection id, data type) with an operation under way; ``durations`` are seconds that
    operations took, with platform and data type; ``histories`` is what the history tells of each cell; ``trouble`` says
    why there are no cells.
    """

    id: str
    name: str
    facts: CompanyFacts | None = None
    cells: tuple[Cell, ...] = ()
    running: frozenset[tuple[str, str]] = frozenset()
    durations: tuple[tuple[str, str, float], ...] = ()
    histories: Mapping[tuple[str, str], CellHistory] = field(default_factory=dict)
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Which:
    """Which companies: those of ``ids`` (``None``: all) that have all the ``tags``."""

    ids: tuple[str, ...] | None = None
    tags: Mapping[str, str] | None = None

    def takes(self, company: Company) -> bool:
        """Whether a company has the tags."""
        has = company.tags or {}
        return all(has.get(name) == value for name, value in (self.tags or {}).items())


async def read_facts(context: RunContext, which: Which) -> list[CompanySnapshot]:
    """The companies with their connections and nothing more: one request for 5,000 of them.

    Raises the client's typed errors where the companies cannot be listed.
    """
    if which.ids is not None and len(which.ids) < LISTED_FROM:
        singly = [await _company(context, id) for id in which.ids]
        return [await _reading(context, found, which.ids[n]) for n, found in enumerate(singly) if _wanted(found, which)]
    listed = {
        company.id.lower(): company
        async for company in context.client.companies.iterate_async(request={"order_by": "name", "page_size": PAGE})
    }
    if which.ids is None:
        return [await _reading(context, company) for company in listed.values() if which.takes(company)]
    named = {id: listed.get(id.lower(), UNKNOWN) for id in which.ids}
    return [await _reading(context, found, id) for id, found in named.items() if _wanted(found, which)]


def _wanted(found: Company | str, which: Which) -> bool:
    return isinstance(found, str) or which.takes(found)


async def _company(context: RunContext, id: str) -> Company | str:
    """A company, or why there is none."""
    try:
        return await context.client.companies.get_async(request={"company_id": id})
    except InvalidRequestError:
        return UNKNOWN
    except CodatLendingError as error:
        if error.status_code == 404:
            return UNKNOWN
        context.report(error, "A company could not be read", Subject(company_id=id))
        return UNREADABLE


async def _reading(context: RunContext, found: Company | str, id: str = "") -> CompanySnapshot:
    if isinstance(found, str):
        return CompanySnapshot(id, id, trouble=found)
    facts = await context.facts(found, id)
    return CompanySnapshot(facts.id, facts.name, facts)
