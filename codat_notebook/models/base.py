"""What all objects of the API have in common: immutable, lenient, and honest about what could not be read.

A required text that is missing or null reads as ``""``; :attr:`Model.unread` names it. The lenient reader leaves its
notes in the objects that it builds.
"""

from collections.abc import Sequence
from typing import ClassVar, Protocol

import msgspec


class Model(msgspec.Struct, frozen=True, gc=False, kw_only=True, rename="camel", repr_omit_defaults=True):
    """Common to all objects: what of the answer could not be taken as it came."""

    REQUIRED: ClassVar[tuple[str, ...]] = ()

    #: Written by the lenient reader; the key is one that no JSON of Codat's has.
    _notes: tuple[str, ...] = msgspec.field(default=(), name="(notes)")

    @property
    def unread(self) -> tuple[str, ...]:
        """What could not be taken as it came, in words: wrong types, and required fields that are not there."""
        return (*self._notes, *(f"{name}: missing" for name in self.REQUIRED if getattr(self, name) == ""))


class HalRef(Model, frozen=True, gc=False, kw_only=True, rename="camel", repr_omit_defaults=True):
    """A link, relative to the server."""

    href: str | None = None


class Links(Model, frozen=True, gc=False, kw_only=True, rename="camel", repr_omit_defaults=True):
    """The links of a page; ``next`` is there as long as there are more."""

    self_: HalRef | None = msgspec.field(default=None, name="self")
    current: HalRef | None = None
    next: HalRef | None = None
    previous: HalRef | None = None


class Row(Protocol):
    """What pages hold."""

    @property
    def unread(self) -> tuple[str, ...]:
        """What could not be taken as it came."""


class Page(Model, frozen=True, gc=False, kw_only=True, rename="camel", repr_omit_defaults=True):
    """Common to all pages. The numbers are what Codat says; published examples hold zeros."""

    page_number: int = 0
    page_size: int = 0
    total_results: int = 0
    links: Links = msgspec.field(default_factory=Links, name="_links")

    @property
    def rows(self) -> Sequence["Row"]:
        """The ``results``, whatever their kind."""
        return getattr(self, "results", ())

    @property
    def unread(self) -> tuple[str, ...]:
        """What could not be taken as it came, also in the rows."""
        return (*self._notes, *(f"results[{i}].{note}" for i, row in enumerate(self.rows) for note in row.unread))
