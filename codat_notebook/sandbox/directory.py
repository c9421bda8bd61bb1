"""All companies of a world: kept, searched and ordered.

Each is drawn when it is looked at, from the seed and its number alone, so that a hundred thousand cost only their names
and ids. What they are searched and sorted by is one list over all of them for each property. Those most asked for are
made at once, so that the first page comes as soon as the others; the rest when asked for.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import nan
from operator import attrgetter
from typing import Any, Final, TypeVar

from codat_notebook.models.platforms import BY_KEY
from codat_notebook.sandbox import population
from codat_notebook.sandbox.companies import (
    Condition,
    SimulatedCompany,
    SimulatedConnection,
    connection_error,
    reference,
)
from codat_notebook.sandbox.listing import Listing, Property
from codat_notebook.sandbox.seeded_random import SeededRandom
from codat_notebook.sandbox.stories import CompanyTemplate, Link
from codat_notebook.sandbox.virtual_time import DAY

_CACHED: Final = 2_000
_RENEWED: Final = 0.9  # assumed: a customer gives a consent again when so much of its time is over
CHANGING: Final = "lastSync"
T = TypeVar("T")
Text = tuple[Callable[[CompanyTemplate], str | None], Callable[[int], str | None]]  # of one written, of one drawn


_TEXTS: Final[Mapping[str, Text]] = {
    "name": (attrgetter("name"), population.name),
    "description": (attrgetter("description"), lambda _: None),
    "createdByUserName": (attrgetter("created_by"), population.created_by),
    "tags.region": (lambda template: template.tags.get("region"), population.region),
    "tags.segment": (lambda template: template.tags.get("segment"), population.segment),
}


class CompanyStore:
    """All companies of a world; one is made when it is looked at, and forgotten unless something has happened to it.

    Of the ``count`` the first are ``written`` by hand; past times count back from ``start``, the world's first instant.
    """

    def __init__(self, draws: SeededRandom, count: int, start: int, written: Sequence[CompanyTemplate]) -> None:
        self._draws = draws
        self._start = start
        self._written = written[:count]
        self._added: list[CompanyTemplate] = []
        identities = [draws.identity("company", index) for index in range(count)]
        self.ids = [company_id for company_id, _ in identities]
        self._numbers = [number for _, number in identities]
        self._by_id = {company_id: index for index, company_id in enumerate(self.ids)}
        self._kept: dict[int, SimulatedCompany] = {}
        self._recent: OrderedDict[int, SimulatedCompany] = OrderedDict()
        self._drawn_syncs = [start - population.last_age(number) for number in self._numbers[len(self._written) :]]
        self._columns: dict[str, list[Any]] = {}
        self.texts("name")
        self.created()

    def __len__(self) -> int:
        return len(self.ids)

    def find(self, company_id: str) -> SimulatedCompany | None:
        """The company of that id."""
        index = self._by_id.get(company_id)
        return None if index is None else self.at(index)

    def at(self, index: int) -> SimulatedCompany:
        """The company of that index."""
        company = self._kept.get(index) or self._recent.get(index)
        if company is None:
            company = self._recent[index] = self._make(index)
            if len(self._recent) > _CACHED:
                self._recent.popitem(last=False)
        return company

    def keep(self, company: SimulatedCompany) -> None:
        """Never forget this company: something has happened to it that the seed does not know."""
        self._kept[company.index] = company

    def add(self, template: CompanyTemplate, now: int) -> SimulatedCompany:
        """One more company, whose past counts back from now; it is kept."""
        index = len(self)
        company_id, _ = self._draws.identity("company", index)
        self.ids.append(company_id)
        self._by_id[company_id] = index
        self._added.append(replace(template, days_old=template.days_old + (self._start - now) / DAY))
        self._columns.clear()
        company = self._build(index, template, now)
        self.keep(company)
        return company

    def _make(self, index: int) -> SimulatedCompany:
        written = index < len(self._written)
        template = self._written[index] if written else population.template_of(self._draws, index, self._numbers[index])
        company = self._build(index, template, self._start)
        company.products = template.products
        if template.parent is not None:
            company.parent = next(iter(self._references([template.parent])), None)
        company.subsidiaries = self._references(template.subsidiaries)
        return company

    def _references(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """References to companies that are written, as far as this world has them."""
        return [reference(self.ids[i], self._written[i].name) for i in indices if i < len(self._written)]

    def _build(self, index: int, template: CompanyTemplate, start: int) -> SimulatedCompany:
        company = SimulatedCompany(index, self.ids[index], template, start - round(template.days_old * DAY), [])
        company.connections = [self._connect(company, n, link, start) for n, link in enumerate(template.links)]
        return company

    def _connect(self, company: SimulatedCompany, number: int, link: Link, start: int) -> SimulatedConnection:
        platform = BY_KEY[link.platform]
        linked = authorized = company.created + round((start - company.created) * 0.02 * (number + 1))
        if platform.consent_days is not None and link.status == "Linked":
            authorized = start - (start - linked) % round(platform.consent_days * _RENEWED * DAY)
        age = link.newest
        last = None if age is None else max(start - round(age * DAY), linked)
        connection = SimulatedConnection(
            self._draws.uuid("connection", company.id, number), company.id, platform, link,
            "Linked" if link.status == "Deauthorized" else link.status, linked, last, authorized,
            [Condition.of(trouble, start) for trouble in link.troubles],
        )  # fmt: skip
        connection.begin(authorized)
        if link.status == "Deauthorized":
            connection.revoke((last or linked) + DAY // 8)
        if link.cancelled:
            connection.errors.append(connection_error("403", "User cancelled linking", linked))
        connection.bring(start)
        return connection

    # What lists are searched and sorted by: made when first asked for, and anew once there is one more company

    def _column(self, name: str, make: Callable[[], list[Any]]) -> list[Any]:
        if name not in self._columns:
            self._columns[name] = make()
        return self._columns[name]

    def _of_each(self, of_template: Callable[[CompanyTemplate], T], of_number: Callable[[int], T]) -> list[T]:
        drawn = map(of_number, self._numbers[len(self._written) :])
        return [*map(of_template, self._written), *drawn, *map(of_template, self._added)]

    def texts(self, name: str) -> list[str]:
        """A text of the companies, case-folded, under the name that queries give it; tags are ``tags.region``."""
        of_each = _TEXTS.get(name) or (lambda template: template.tags.get(name.removeprefix("tags.")), lambda _: None)
        return self._column(name, lambda: [(text or "").casefold() for text in self._of_each(*of_each)])

    def created(self) -> list[int]:
        """When they were made."""

        def make() -> list[int]:
            return [self._start - age for age in self._of_each(lambda t: round(t.days_old * DAY), population.age)]

        return self._column("created", make)

    def last_syncs(self) -> list[float]:
        """When the companies were last synced, in ticks; nan: never. A column that changes."""
        first = (self.at(index).last_sync for index in range(len(self._written)))
        column = [*(nan if at is None else at for at in first), *self._drawn_syncs, *([nan] * len(self._added))]
        for index, company in self._kept.items():
            column[index] = nan if (at := company.last_sync) is None else at
        return column

    def parents(self, key: str) -> list[str]:
        """A property of the reference to the parent, case-folded; only companies that are written have one."""
        parents = [self.at(index).parent or {} for index in range(len(self._written))]
        values = [value.casefold() if isinstance(value := parent.get(key), str) else "" for parent in parents]
        return values + [""] * (len(self) - len(values))


class Directory(Listing):
    """The list of a world's companies."""

    def __init__(self, store: CompanyStore) -> None:
        tags = Property("text", lambda key: store.texts(f"tags.{key}"))
        properties = {
            "id": Property("text", lambda _: store.ids),
            "name": Property("text", lambda _: store.texts("name")),
            "description": Property("text", lambda _: store.texts("description")),
            "created": Property("time", lambda _: store.created()),
            "createdByUserName": Property("text", lambda _: store.texts("createdByUserName")),
            CHANGING: Property("time", lambda _: store.last_syncs()),
            "tags.*": tags,
            "referenceParentCompany.*": Property("text", store.parents),
        }
        super().__init__(len(store), properties, "Company")
        self._store = store
        self._tags = Listing(len(store), {"*": tags}, "Company")  # a tag's name stands alone
        self._orders: dict[str, Sequence[int]] = {}
        self._synced: list[float] = []

    def chosen(self, parameters: Mapping[str, str]) -> bytes | None:
        """What both ``query`` and ``tags`` let through."""
        tags = parameters.get("tags")
        masks = super().chosen(parameters), self._tags.mask(tags) if tags else None
        both = [int.from_bytes(mask, "little") for mask in masks if mask is not None]
        return (both[0] & both[-1]).to_bytes(self.count, "little") if both else None

    def in_order(self, order: str) -> Sequence[int]:
        """All companies in that order, sorted once; by the last sync again when some were synced."""
        if order.removeprefix("-") == CHANGING and (now := self._store.last_syncs()) != self._synced:
            self._synced = now
            for changed in (CHANGING, f"-{CHANGING}"):
                self._orders.pop(changed, None)
        if order not in self._orders:
            self._orders[order] = super().in_order(order)
        return self._orders[order]
