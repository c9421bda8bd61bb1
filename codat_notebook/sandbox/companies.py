"""The companies of a world and their connections, each generated when it is first looked at.

A :class:`Company` is drawn from the seed and its number alone, so that a hundred thousand cost only their names
and ids. The first few are written by hand in :mod:`codat_notebook.sandbox.showcase`; the rest come from
:mod:`codat_notebook.sandbox.population`. Both give a :class:`CompanyTemplate`, which is made real here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import nan
from typing import Any, Final

from codat_notebook.models.platforms import BY_KEY, Platform
from codat_notebook.sandbox import population
from codat_notebook.sandbox.columns import Columns
from codat_notebook.sandbox.seeded_random import SeededRandom
from codat_notebook.sandbox.templates import CompanyTemplate, Link
from codat_notebook.sandbox.time_units import DAY, to_text

_CACHED: Final = 2_000


@dataclass(slots=True)
class Connection:
    """A company's link to a platform. Times are ticks."""

    id: str
    company_id: str
    platform: Platform
    link: Link
    status: str
    created: int
    last_sync: int | None
    authorized: int
    next_outcomes: Mapping[str, tuple[str, ...]]
    errors: list[dict[str, Any]] = field(default_factory=list)

    @property
    def leader(self) -> str | None:
        """The type that was read last, before the world began."""
        newest = self.link.newest
        return next((t for t in self.platform.types if self.link.age_of(t) == newest), None)

    def revoke(self, at: int) -> None:
        """End the authorization, as the platform or the customer does."""
        if self.status == "Deauthorized":
            return
        self.status = "Deauthorized"
        self.errors.append(
            {
                "statusCode": "401",
                "statusText": "Unauthorized",
                "errorMessage": f"{self.platform.name} no longer accepts the authorization. The customer must relink.",
                "erroredOnUtc": to_text(at),
                "status": "Active",
            }
        )

    def authorize(self, at: int) -> None:
        """What the customer does through the link URL: errors are resolved, what needed a relink is mended."""
        self.status, self.authorized = "Linked", at
        for error in self.errors:
            if error["status"] == "Active":
                error.update(status="Resolved", resolvedOnUtc=to_text(at))
        mended = {"AuthError", "PermissionsError"}
        self.next_outcomes = {
            data_type: words for data_type, words in self.next_outcomes.items() if mended.isdisjoint(words)
        }

    def document(self, link_base: str) -> dict[str, Any]:
        """The connection as Codat writes it; ``lastSync`` is left out while there is none."""
        document: dict[str, Any] = {
            "id": self.id,
            "integrationId": self.platform.integration_id,
            "integrationKey": self.platform.key,
            "sourceId": self.platform.source_id,
            "sourceType": self.platform.source_type,
            "platformName": self.platform.name,
            "linkUrl": f"{link_base}/companies/{self.company_id}/connections/{self.id}/start",
            "status": self.status,
            "created": to_text(self.created),
            "dataConnectionErrors": None if self.status == "PendingAuth" else [dict(error) for error in self.errors],
        }
        if self.last_sync is not None:
            document["lastSync"] = to_text(self.last_sync)
        if not self.platform.offline:  # what it holds is undocumented: none here where there is nothing to tell
            document["connectionInfo"] = None if self.status == "PendingAuth" else {"source": self.platform.name}
        return document


@dataclass(slots=True)
class Company:
    """A company with its connections. Times are ticks."""

    index: int
    id: str
    sketch: CompanyTemplate
    created: int
    connections: list[Connection]
    parent: dict[str, Any] | None = None
    subsidiaries: list[dict[str, Any]] = field(default_factory=list)

    @property
    def last_sync(self) -> int | None:
        """When any of its connections was last synced."""
        return max((c.last_sync for c in self.connections if c.last_sync is not None), default=None)

    def find(self, connection_id: str) -> Connection | None:
        """Its connection of that id."""
        return next((c for c in self.connections if c.id == connection_id), None)

    def document(self, link_base: str) -> dict[str, Any]:
        """The company as Codat writes it."""
        document: dict[str, Any] = {
            "id": self.id,
            "name": self.sketch.name,
            "description": self.sketch.description,
            "redirect": f"https://link.codat.io/company/{self.id}",
            "created": to_text(self.created),
            "createdByUserName": self.sketch.created_by,
            "products": ["lending"],
            "ownerUserIds": [],
            "tags": dict(self.sketch.tags),
            "referenceSubsidiaryCompanies": self.subsidiaries,
            "dataConnections": [c.document(link_base) for c in self.connections],
        }
        if self.parent is not None:
            document["referenceParentCompany"] = self.parent
        if (last_sync := self.last_sync) is not None:
            document["lastSync"] = to_text(last_sync)
        return document


class CompanyStore:
    """All companies of a world.

    Lists are searched and sorted by :attr:`columns`; a company itself is made when it is looked at, and forgotten
    again unless something has happened to it.

    Args:
        draws: the seed's draws.
        count: how many companies.
        start: the first instant of the world; past times count back from it.
        written: those that are written by hand; the first of the count.
    """

    def __init__(self, draws: SeededRandom, count: int, start: int, written: Sequence[CompanyTemplate]) -> None:
        self._draws = draws
        self._start = start
        self._written = written[:count]
        identities = [draws.identity("company", index) for index in range(count)]
        self.ids = [company_id for company_id, _ in identities]
        self._numbers = [number for _, number in identities]
        self.columns = Columns(self._numbers, self._written, start)
        self._by_id = {company_id: index for index, company_id in enumerate(self.ids)}
        self._kept: dict[int, Company] = {}
        self._recent: OrderedDict[int, Company] = OrderedDict()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def names(self) -> Sequence[str]:
        """The names of all companies."""
        return self.columns.names

    def find(self, company_id: str) -> Company | None:
        """The company of that id."""
        index = self._by_id.get(company_id)
        return None if index is None else self.at(index)

    def at(self, index: int) -> Company:
        """The company of that index."""
        company = self._kept.get(index) or self._recent.get(index)
        if company is None:
            company = self._recent[index] = self._make(index)
            if len(self._recent) > _CACHED:
                self._recent.popitem(last=False)
        return company

    def keep(self, company: Company) -> None:
        """Never forget this company: something has happened to it that the seed does not know."""
        self._kept[company.index] = company

    def last_syncs(self) -> list[float]:
        """When the companies were last synced, in ticks; nan: never. A column that changes."""
        column = self._last_syncs
        for index, company in self._kept.items():
            column[index] = nan if (at := company.last_sync) is None else at
        return column

    @cached_property
    def _last_syncs(self) -> list[float]:
        first = (self.at(index).last_sync for index in range(len(self._written)))
        return [nan if at is None else at for at in first] + self.columns.first_syncs[len(self._written) :]

    def parents(self, key: str) -> list[str]:
        """A property of the reference to the parent, case-folded; only companies that are written have one."""
        parents = [self.at(index).parent or {} for index in range(len(self._written))]
        values = [value.casefold() if isinstance(value := parent.get(key), str) else "" for parent in parents]
        return values + [""] * (len(self) - len(values))

    def _made(self, index: int) -> int:
        if index < len(self._written):
            return self._start - round(self._written[index].days_old * DAY)
        return self._start - population.age(self._numbers[index])

    def _make(self, index: int) -> Company:
        written = index < len(self._written)
        sketch = self._written[index] if written else population.sketch_of(self._draws, index, self._numbers[index])
        company = Company(index, self.ids[index], sketch, self._made(index), [])
        company.connections = [self._connect(company, n, link) for n, link in enumerate(sketch.links)]
        if sketch.parent is not None and sketch.parent < len(self.ids):
            company.parent = self._reference(sketch.parent)
        company.subsidiaries = [self._reference(i) for i in sketch.subsidiaries if i < len(self.ids)]
        return company

    def _connect(self, company: Company, number: int, link: Link) -> Connection:
        platform = BY_KEY[link.platform]
        linked = company.created + round((self._start - company.created) * 0.02 * (number + 1))
        age = link.newest
        last = None if age is None else max(self._start - round(age * DAY), linked)
        connection = Connection(
            self._draws.uuid("connection", company.id, number), company.id, platform, link,
            "Linked" if link.status == "Deauthorized" else link.status, linked, last, linked, link.next_outcomes,
        )  # fmt: skip
        if link.status == "Deauthorized":
            connection.revoke((last or linked) + DAY // 8)
        return connection

    def _reference(self, index: int) -> dict[str, Any]:
        company_id, written = self.ids[index], index < len(self._written)
        name = self._written[index].name if written else population.name(self._numbers[index])
        links: Mapping[str, Any] = {"portal": f"https://app.codat.io/companies/{company_id}/summary"}
        return {"id": company_id, "name": name, "links": links}
