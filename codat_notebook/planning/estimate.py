"""What refreshing would cost: refreshes, requests, minutes, shares of the quota, money. Pure arithmetic.

A load is counted from numbers (nobody is asked), from companies with their connections (no company is asked for by
itself), or from a plan. Prices are the user's own, for Codat tells none.

For each rhythm a row in all and a row for each platform, and the same for Codat's own schedule, which takes no requests
and is therefore the first thing to consider. Money is *unknown* where a price is, and so is its sum: it is never 0.

    requests of a round = refreshes (one POST each) + companies x (1 to read its state + models.looks to follow it)
    minutes of a round  = until the last operation has ended (runs.durations.last_end), with requests sent at 1,000 a
                          minute, Codat's limit; durations are those of a plan, else what its platforms usually take
    a month             = models.instants.MONTH days
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, NamedTuple

from codat_notebook.models.instants import MONTH
from codat_notebook.models.looks import looks
from codat_notebook.planning.selection import Selection
from codat_notebook.planning.snapshots import CompanySnapshot, durations_of
from codat_notebook.runs.durations import Lifetime, last_end
from codat_notebook.runs.targets import column_texts, plan_lines
from codat_notebook.words import rhythm_text

#: A platform and a data type; ``None`` where a load counts but does not name them.
Kind = tuple[str | None, str | None]
#: Codat's limit on requests from one address.
A_MINUTE = 1000
ALL = "all"
SCHEDULE = "Codat's own schedule"
_DAY = timedelta(days=1)


class Price(NamedTuple):
    """The price of one refresh."""

    amount: float
    currency: str | None


@dataclass(frozen=True)
class Prices:
    """Prices by platform and, where they differ, by data type; the most exact one counts."""

    by_kind: Mapping[Kind, Price] = field(default_factory=dict)

    def of(self, platform: str | None, data_type: str | None) -> Price | None:
        """The price of a refresh; ``None`` if it is not known."""
        name = platform.casefold() if platform is not None else None
        keys = ((name, data_type), (name, None), (None, data_type), (None, None))
        return next((self.by_kind[key] for key in keys if key in self.by_kind), None)

    @classmethod
    def of_frame(cls, prices: Any) -> Prices:
        """Prices from a frame with ``platform``, ``price``, maybe ``data_type`` and ``currency``; or one for all.

        A missing platform or data type stands for all of them; a missing price is unknown. Raises ``ValueError`` for a
        frame without these columns and for a price that is none.

        >>> Prices.of_frame(0.02).of("Xero", "invoices")
        Price(amount=0.02, currency=None)
        """
        if prices is None:
            return cls()
        if isinstance(prices, (int, float)) and not isinstance(prices, bool):
            return cls({(None, None): Price(_amount(prices), None)})
        if not {"platform", "price"} <= set(getattr(prices, "columns", ())):
            raise ValueError("prices: a frame with the columns platform and price (of one refresh), or one number.")
        known, by_kind = prices[prices["price"].notna()], {}
        texts = [column_texts(known, name) for name in ("platform", "data_type", "currency")]
        for platform, data_type, currency, price in zip(*texts, known["price"], strict=True):
            by_kind[platform.casefold() if platform else None, data_type] = Price(_amount(price), currency)
        return cls(by_kind)


def _amount(value: Any) -> float:
    try:
        amount = float(value)
    except (TypeError, ValueError):
        amount = math.nan
    if not 0 <= amount < math.inf:
        raise ValueError(f"prices: a price is a number of at least 0, not {value!r}.")
    return amount


@dataclass(frozen=True)
class Load:
    """Cells by platform and data type, and how many companies they are of (by platform, and in all). ``types`` are the
    data types by name, ``None`` where only their number is known; ``lifetimes`` how long refreshes take, where it was
    seen."""

    cells: Mapping[Kind, int]
    companies: Mapping[str | None, int]
    total: int
    types: tuple[str, ...] | None
    lifetimes: Mapping[Kind, Lifetime] = field(default_factory=dict)

    @property
    def refreshes(self) -> int:
        """Cells in all."""
        return sum(self.cells.values())


def of_numbers(companies: int | Mapping[str, int], data_types: int | Sequence[str]) -> Load:
    """So many companies (also: platform -> so many) with so many data types, each on one connection.

    >>> of_numbers({"Xero": 2, "Plaid": 1}, 5).refreshes
    15
    """
    by_platform: Mapping[Any, int] = companies if isinstance(companies, Mapping) else {None: companies}
    types, each = (None, data_types) if isinstance(data_types, int) else (tuple(dict.fromkeys(data_types)), 1)
    for number in (*by_platform.values(), each):
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise ValueError(f"Companies and data types are counted in whole numbers, not {number!r}.")
    names = (None,) if types is None else types
    cells = {(platform, name): number * each for platform, number in by_platform.items() for name in names}
    return Load(cells, by_platform, sum(by_platform.values()), types)


def of_companies(snapshots: Iterable[CompanySnapshot], selection: Selection) -> Load:
    """What the linked connections of companies support of what is wanted."""
    return _counted(cell for snapshot in snapshots for cell in _cells(snapshot, selection))


def _cells(snapshot: CompanySnapshot, selection: Selection) -> Iterator[tuple[str, str, str, str]]:
    if (facts := snapshot.facts) is None:
        return
    targets = selection.of(snapshot.id.lower())
    for connection in filter(selection.takes, facts.linked):
        for data_type, only in targets:
            if only in (None, connection.id):
                supported = facts.supported.get(connection.id, frozenset())
                types = supported if data_type is None else supported & {data_type}
                yield from ((snapshot.id, connection.id, connection.platform_name, name) for name in types)


def of_plan(plan: Any) -> Load:
    """The rows of a plan that are to be queued."""
    lines = plan_lines(plan, "company_id", "data_type", "connection_id", "platform")
    load = _counted(
        (line.company_id or "", line.connection_id or "", line.platform or "", line.data_type or "")
        for line in lines
        if line.queued
    )
    taken = [[float(text or "nan") for text in column_texts(plan, name)] for name in ("seconds", "seconds_late")]
    lifetimes = {
        (line.platform or "", line.data_type or ""): Lifetime.of(usual, late)
        for line, usual, late in zip(lines, *taken, strict=True)
        if line.queued and usual > 0 and late > 0
    }
    return replace(load, lifetimes=lifetimes)


def _counted(cells: Iterable[tuple[str, str, str, str]]) -> Load:
    """``cells``: (company, connection, platform, data type), each of which counts once."""
    counted = Counter[Kind]()
    companies: defaultdict[str | None, set[str]] = defaultdict(set)
    for company, _, platform, data_type in dict.fromkeys(cells):
        counted[platform, data_type] += 1
        companies[platform].add(company)
    types = tuple(sorted({data_type or "" for _, data_type in counted}))
    everyone = set().union(*companies.values())
    return Load(dict(counted), {platform: len(ids) for platform, ids in companies.items()}, len(everyone), types)


def estimate_rows(
    load: Load, rhythms: Sequence[timedelta], prices: Prices, limit: int | None, schedule: Mapping[str, int] | None
) -> list[dict[str, Any]]:
    """The estimate's rows, one in all and one for each named platform: column of ``session.estimate`` -> value.

    ``load`` is what one round refreshes, ``rhythms`` how long from one to the next, ``limit`` the account's requests a
    day; ``schedule``: data type -> hours of Codat's own schedule (0: off), ``None`` where that is not known.
    """
    parts = [(ALL, load.cells, load.total)]
    for platform in sorted(name for name in load.companies if name is not None):
        cells = {kind: number for kind, number in load.cells.items() if kind[0] == platform}
        parts.append((platform or "unknown", cells, load.companies[platform]))
    # Of one refresh: its POST, and its share of reading and following its company.
    each = 0.0
    if load.refreshes:
        seconds = sum(usual.median * number for usual, number in _operations(load.cells, load.lifetimes).items())
        followed = looks(load.total, load.refreshes / load.total, seconds / load.total)
        each = 1 + load.total * (1 + followed) / load.refreshes
    rounds = [(rhythm_text(every), dict.fromkeys(load.cells, _DAY / every), each) for every in rhythms]
    rounds.append((SCHEDULE, _scheduled(load, schedule), 0.0))
    rows = [
        {"rhythm": rhythm} | _row(*part, a_day, requests, prices, limit) | _minutes(load, part[1], requests)
        for rhythm, a_day, requests in rounds
        for part in parts
    ]
    by_codat = rows[-len(parts)]
    by_codat["note"] = " ".join(filter(None, (schedule_note(load, schedule), by_codat["note"])))
    return rows


def _row(
    platform: str, cells: Mapping[Kind, int], companies: int, a_day: Mapping[Kind, float], each: float,
    prices: Prices, limit: int | None,
) -> dict[str, Any]:  # fmt: skip
    """A row, ``None`` where a number is unknown. ``a_day``: rounds a day; ``each``: requests of one refresh."""
    refreshes = sum(cells.values())
    daily = sum(number * a_day[kind] for kind, number in cells.items())
    requests, requests_day, quota = each * refreshes, each * daily, limit or math.nan
    money, currency, note = _money(cells, a_day, prices)
    row = {
        "platform": platform, "companies": companies, "refreshes": refreshes, "requests": requests,
        "quota": requests / quota, "refreshes_day": daily, "requests_day": requests_day,
        "quota_day": requests_day / quota, "money_day": money,
        "refreshes_month": daily * MONTH, "requests_month": requests_day * MONTH,
        "money_month": money * MONTH, "currency": currency, "note": note,
    }  # fmt: skip
    return {name: None if value != value else value for name, value in row.items()}


def _minutes(load: Load, cells: Mapping[Kind, int], each: float) -> dict[str, float | None]:
    """How long a round takes; unknown of Codat's own, which sends nothing, and where there is nothing to refresh."""
    refreshes = sum(cells.values())
    known = each > 0 and refreshes > 0
    low, high = minutes_until_the_end(cells, load.lifetimes, each * refreshes) if known else (None, None)
    return {"minutes_from": low, "minutes_to": high}


def minutes_until_the_end(
    cells: Mapping[Kind, int], lifetimes: Mapping[Kind, Lifetime], requests: float
) -> tuple[float, float]:
    """Minutes from the first request until the last refresh has ended: one round in ten is quicker than the first
    number, one slower than the second."""
    low, high = last_end(_operations(cells, lifetimes), 60 * requests / A_MINUTE)
    return low / 60, high / 60


def _operations(cells: Mapping[Kind, int], lifetimes: Mapping[Kind, Lifetime]) -> Counter[Lifetime]:
    """How many refreshes take how long."""
    assumed, operations = durations_of(()), Counter[Lifetime]()
    for (platform, data_type), number in cells.items():
        usual = lifetimes.get((platform, data_type)) or assumed.of(platform or "", data_type or "")
        operations[usual] += number
    return operations


def _money(
    cells: Mapping[Kind, int], a_day: Mapping[Kind, float], prices: Prices
) -> tuple[float, str | None, str | None]:
    """Money a day with its currency, both unknown where a price is; and what is missing, in words."""
    priced = {kind: prices.of(*kind) for kind, number in cells.items() if number}
    if not prices.by_kind or not priced:
        return math.nan, None, None
    if lacking := sorted({kind[0] or "refreshes of no named platform" for kind, price in priced.items() if not price}):
        return math.nan, None, f"No price for {', '.join(lacking)}."
    currencies = {price.currency for price in priced.values() if price}
    if len(currencies) > 1:
        return math.nan, None, "Prices in several currencies are not added up."
    daily = sum(cells[kind] * price.amount * a_day[kind] for kind, price in priced.items() if price)
    return daily, currencies.pop(), None


def _scheduled(load: Load, schedule: Mapping[str, int] | None) -> dict[Kind, float]:
    """How often a day Codat refreshes each kind of cell by itself; NaN where that is not known."""
    alike = len(set(schedule.values())) == 1 if schedule else False
    if schedule is None or (load.types is None and not alike):
        return dict.fromkeys(load.cells, math.nan)
    hours = {kind: schedule.get(kind[1] or next(iter(schedule)), 0) for kind in load.cells}
    return {kind: 24 / each if each > 0 else 0.0 for kind, each in hours.items()}


def schedule_note(load: Load, schedule: Mapping[str, int] | None) -> str:
    """What is to be said of Codat's own schedule."""
    first = "Consider this first: Codat refreshes by itself, as its sync settings say, without any of your requests."
    if schedule is None:
        return f"{first} The settings could not be read."
    if load.types is None:
        every = sorted(set(schedule.values()))
        if len(every) > 1:
            return f"{first} Now it differs by data type (hours: {', '.join(map(str, every))}); name them to compare."
        told = f"on for all data types, every {every[0]} h" if every and every[0] else "off for all data types"
        return f"{first} Now it is {told}."
    on = [schedule[name] for name in load.types if schedule.get(name, 0) > 0]
    if not on:
        return f"{first} Now it is off for these data types."
    hours = ", ".join(f"{each} h" for each in sorted(set(on)))
    return f"{first} Now it is on for {len(on)} of {len(load.types)} data types, every {hours}."
