"""Finding companies among a hundred thousand: by query and tags, in an order, in milliseconds.

Companies stand for themselves by their index. Orders that never change (by id, name, creation) are sorted once and
kept; what a query lets through is then picked out of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from codat_notebook.sandbox import records
from codat_notebook.sandbox.companies import Estate
from codat_notebook.sandbox.query import find_property

_CONSTANT: Final = ("id", "name", "created")


class Directory:
    """The list of an estate's companies."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self._properties = records.of_companies(estate)
        self._tags = records.of_tags(estate)
        self._orders: dict[str, list[int]] = {}

    def find(self, parameters: Mapping[str, str]) -> Sequence[int]:
        """The companies that ``query`` and ``tags`` let through, in the order of ``orderBy``.

        Raises:
            Problem: 400, see :mod:`codat_notebook.sandbox.query`.
        """
        found: Sequence[int] = range(len(self._estate))
        if tags := parameters.get("tags"):
            found = records.select(found, {"query": tags}, self._tags, "Company")
        order = parameters.get("orderBy", "")
        if order.removeprefix("-") not in _CONSTANT:
            return records.select(found, parameters, self._properties, "Company")
        asked = {name: value for name, value in parameters.items() if name != "orderBy"}
        found = records.select(found, asked, self._properties, "Company")
        return self._in_order(found, self._order(order))

    def _order(self, order: str) -> Sequence[int]:
        if order not in self._orders:
            name = order.removeprefix("-")
            key = find_property(name, self._properties, "Company").read
            self._orders[order] = sorted(range(len(self._estate)), key=key, reverse=order != name)
        return self._orders[order]

    def _in_order(self, found: Sequence[int], order: Sequence[int]) -> Sequence[int]:
        if len(found) == len(order):
            return order
        wanted = bytearray(len(order))
        for index in found:
            wanted[index] = 1
        return [index for index in order if wanted[index]]
