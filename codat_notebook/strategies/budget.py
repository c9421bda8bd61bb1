"""A budget in words: how much, of what, per how long; and the requests that a round takes.

"500 refreshes/day", "2,000 requests/day", "30 GBP/week". The unit decides what a refresh costs: one refresh, its
requests, or its price.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codat_notebook.models.instants import MONTH, interval
from codat_notebook.models.looks import looks
from codat_notebook.strategies.indices import Floats, Rows


def reading(companies: int) -> int:
    """Requests that read the cells before a round: one for each company, and one that lists 5,000 of them."""
    return companies + -(-companies // 5000)


class Following:
    """Requests that follow refreshes to their end (``models.looks``): a look at a company shows all of its refreshes.

    Parameters
    ----------
    company : a number for the company of each cell.
    latency : days that a refresh of each cell takes, the median.
    """

    def __init__(self, company: NDArray[np.integer[Any]], latency: Floats) -> None:
        self._company = company
        self._seconds = latency * 86_400.0
        count, whole = np.bincount(company)[company], np.bincount(company, self._seconds)[company]
        share = np.divide(self._seconds, whole, out=np.zeros(len(whole)), where=whole > 0)
        among = share * (looks(_LARGEST, count, whole) - 1)
        #: What each refresh takes at least: by itself or with all of its company, in the largest round.
        self.least = 1 / count + np.minimum(looks(_LARGEST, 1, self._seconds) - 1, among)
        #: What one takes at most.
        self.dearest = float(looks(1, 1, self._seconds).max(initial=0.0))

    def of(self, rows: Rows) -> Floats:
        """The looks that each refresh of a round adds to those for the refreshes of its company before it."""
        order = np.argsort(self._company[rows], kind="stable")
        company, seconds = self._company[rows][order], self._seconds[rows][order]
        first = np.diff(company, prepend=-1) > 0
        companies = max(first.sum(), 1)
        place, until = np.arange(len(rows)), np.cumsum(seconds)
        count = place - np.maximum.accumulate(np.where(first, place, 0))  # refreshes of the company before this one
        until -= np.maximum.accumulate(np.where(first, until - seconds, 0.0))
        before = np.where(first, 0.0, looks(companies, count, until - seconds))
        added = np.empty(len(rows))
        added[order] = looks(companies, count + 1, until) - before
        return added

    def total(self, rows: Rows) -> float:
        """The looks of a round in all."""
        company = self._company[rows]
        count = np.bincount(company)
        own = np.flatnonzero(count)
        return float(looks(max(len(own), 1), count[own], np.bincount(company, self._seconds[rows])[own]).sum())


_LARGEST = 10**9  # companies
_MOST = 1e15  # of anything
_DAYS = {"minute": 1 / 1440, "hour": 1 / 24, "day": 1.0, "week": 7.0, "month": MONTH, "year": 12 * MONTH}
_FORM = re.compile(r"\s*(?P<amount>[\d,_]*\.?\d+)\s*(?P<unit>[A-Za-z£$€]+)\s*(?:/|per|a|an)\s*(?P<period>[a-z]+)\s*")
_UNITS = {"refresh": "refreshes", "refreshes": "refreshes", "request": "requests", "requests": "requests"}


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent a day, and in which unit: ``refreshes``, ``requests`` or a currency."""

    a_day: float
    unit: str

    @classmethod
    def of(cls, text: str | Budget) -> Budget:
        """A budget from its words.

        Raises
        ------
        ValueError : words that are no budget, with an example of one.

        >>> Budget.of("500 refreshes/day"), Budget.of("70 GBP per week")
        (Budget(a_day=500.0, unit='refreshes'), Budget(a_day=10.0, unit='GBP'))
        """
        if isinstance(text, Budget):
            return text
        match = _FORM.fullmatch(text) if isinstance(text, str) else None
        period = match["period"].removesuffix("s") if match else ""
        if match is None or period not in _DAYS:
            raise ValueError(f'budget: {text!r} was not understood; write "500 refreshes/day" or "30 GBP/week"')
        amount = float(match["amount"].replace(",", "").replace("_", ""))
        if amount > _MOST:
            raise ValueError(f"budget: {text[:40]!r}... is more than anybody has; write a number up to {_MOST:g}")
        return cls(amount / _DAYS[period], _UNITS.get(match["unit"].lower(), match["unit"]))

    def costs(self, cells: pd.DataFrame, truth: pd.DataFrame, wanted: str) -> tuple[Following, Floats]:
        """What it takes to follow refreshes of cells, and what one costs in the budget's unit, in requests at least.

        Raises
        ------
        ValueError : a budget in money, and a price is unknown; with the platforms, and what is ``wanted``.
        """
        following = Following(pd.factorize(cells["company"])[0], truth["latency"].to_numpy(np.float64))
        if self.unit == "refreshes":
            return following, np.broadcast_to(np.float64(1.0), len(cells))  # takes no memory, and none is read
        price = truth["price"].to_numpy(np.float64)
        if self.unit != "requests" and (unknown := np.isnan(price)).any():
            lacking = ", ".join(sorted(map(str, set(cells["platform"][unknown].dropna())))) or "all of them"
            raise ValueError(f"A budget in {self.unit} needs {wanted} of a refresh; unknown for {lacking}.")
        return following, 1 + following.least if self.unit == "requests" else price


def days(given: str | float | timedelta) -> float:
    """Days in an interval: a positive number of days, or what ``models.instants.interval`` reads.

    >>> days("36h"), days("7D"), days(2)
    (1.5, 7.0, 2.0)
    """
    if isinstance(given, (int, float)) and given > 0:
        if given > _MOST:
            raise ValueError(f"an interval of so many days is no interval; write a number up to {_MOST:g}")
        return float(given)
    return interval(given) / timedelta(days=1)


def of_day(given: str | time) -> float:
    """The share of the day that is gone at a time of day.

    >>> of_day("06:00")
    0.25
    """
    try:
        at = given if isinstance(given, time) else time.fromisoformat(given)
    except (TypeError, ValueError):
        raise ValueError(f'deadline: a time of day such as "07:00" (UTC), not {given!r}') from None
    return (at.hour * 3600 + at.minute * 60 + at.second) / 86_400
