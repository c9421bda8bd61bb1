"""What is known of companies, and the first look at them: who there is, with which connections.

A list of companies holds their connections, so one request stands for thousands. A company that cannot be read is a
:class:`CompanySnapshot` with its trouble, never the end of the others. ``reader`` adds the cells.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from codat_notebook.models.errors import CodatLendingError, InvalidRequestError
from codat_notebook.models.shared import Company
from codat_notebook.planning.cell_history import CellHistory
from codat_notebook.runs.cells import Cell
from codat_notebook.runs.context import CompanyFacts, RunContext
from codat_notebook.runs.durations import Durations
from codat_notebook.runs.members import FEW, PAGE
from codat_notebook.runs.records import Subject
from codat_notebook.sandbox.profiles import DEFAULT_SECONDS, PLATFORMS, SECONDS, median_seconds

_PLATFORMS = {platform.name: platform for platform in PLATFORMS}

UNKNOWN = "unknown company"
UNREADABLE = "could not be read"


@dataclass(frozen=True, slots=True)
class CompanySnapshot:
    """What is known of one company. ``facts`` is ``None`` where Codat does not know it.

    ``running`` are the cells (connection id, data type) with an operation under way; ``histories`` is what the history
    tells of each cell; ``trouble`` says why there are no cells.
    """

    id: str
    name: str
    facts: CompanyFacts | None = None
    cells: tuple[Cell, ...] = ()
    running: frozenset[tuple[str, str]] = frozenset()
    histories: Mapping[tuple[str, str], CellHistory] = field(default_factory=dict)
    trouble: str | None = None


def assumed_seconds(platform: str, data_type: str) -> float:
    """Seconds that half of the refreshes take, before any was seen: what the sandbox assumes."""
    usual = _PLATFORMS.get(platform)
    return median_seconds(usual, data_type) if usual else SECONDS.get(data_type, DEFAULT_SECONDS)


def durations_of(snapshots: Iterable[CompanySnapshot]) -> Durations:
    """How long refreshes take, as the histories of these companies show it."""
    durations = Durations(assumed_seconds)
    for snapshot in snapshots:
        platforms = snapshot.facts.platforms if snapshot.facts else {}
        for (connection, data_type), history in snapshot.histories.items():
            for seconds in history.seconds:
                durations.learn(platforms.get(connection, ""), data_type, seconds)
    return durations


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
    if which.ids is not None and len(which.ids) <= FEW:
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
