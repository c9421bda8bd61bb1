"""What companies are searched and sorted by: each property as one list over all of them.

Those most asked for are made at once, so that the first page comes as soon as the others; the rest when asked for.

Text is case-folded and times are ticks, ready to be compared; ``""`` and nan stand for a missing value. Companies that
nobody wrote are read off their numbers alone (:mod:`codat_notebook.sandbox.population`), without being drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Final, TypeVar

from codat_notebook.sandbox import population
from codat_notebook.sandbox.templates import CompanyTemplate
from codat_notebook.sandbox.time_units import DAY

T = TypeVar("T")
_MOST_ASKED: Final = ("folded_names", "created", "first_syncs")
_TAGS: Final[dict[str, Callable[[int], str]]] = {"region": population.region, "segment": population.segment}


class Columns:
    """The columns of a world's companies that never change.

    Args:
        numbers: the number of each company.
        written: the sketches of the first of them, which were written by hand.
        start: the first instant of the world; past times count back from it.
    """

    def __init__(self, numbers: Sequence[int], written: Sequence[CompanyTemplate], start: int) -> None:
        self._numbers = numbers
        self._written = written
        self._start = start
        self._tags: dict[str, list[str]] = {}
        for name in _MOST_ASKED:
            getattr(self, name)

    def _column(self, of_sketch: Callable[[CompanyTemplate], T], of_number: Callable[[int], T]) -> list[T]:
        return [of_sketch(sketch) for sketch in self._written] + list(
            map(of_number, self._numbers[len(self._written) :])
        )

    @cached_property
    def names(self) -> list[str]:
        """The names as they are written."""
        return self._column(lambda sketch: sketch.name, population.name)

    @cached_property
    def folded_names(self) -> list[str]:
        """The names."""
        return list(map(str.casefold, self.names))

    @cached_property
    def descriptions(self) -> list[str]:
        """The descriptions."""
        return self._column(lambda sketch: sketch.description.casefold(), _nothing)

    @cached_property
    def created(self) -> list[int]:
        """When they were made."""
        start = self._start
        return self._column(
            lambda sketch: start - round(sketch.days_old * DAY), lambda number: start - population.age(number)
        )

    @cached_property
    def created_by(self) -> list[str]:
        """Who made them."""
        return self._column(
            lambda sketch: (sketch.created_by or "").casefold(),
            lambda number: (population.created_by(number) or "").casefold(),
        )

    @cached_property
    def first_syncs(self) -> list[float]:
        """When those that nobody wrote had last been synced when the world began; nan for the others."""
        start = self._start
        return self._column(lambda sketch: float("nan"), lambda number: start - population.last_age(number))

    def tags(self, name: str) -> list[str]:
        """That tag."""
        if name not in self._tags:
            self._tags[name] = self._column(lambda s: s.tags.get(name, "").casefold(), _TAGS.get(name, _nothing))
        return self._tags[name]


def _nothing(number: int) -> str:
    return ""
