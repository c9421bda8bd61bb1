"""What may stand in a report that leaves the house: known words, numbers, forms of times, salted marks of ids.

A report is made of :class:`Atom` only. :func:`told` puts atoms and numbers into a sentence of ours and refuses any
other text, so that a name, an address or a key cannot get in by a slip.
"""

import hashlib
import re
from collections.abc import Collection
from typing import Final

from codat_notebook.models.vocabulary import (
    ID,
    DataConnectionStatus,
    DatasetStatus,
    ErrorStatus,
    SchemaDataType,
    SourceType,
)

KNOWN: Final = frozenset(
    str(word.value)
    for words in (DatasetStatus, DataConnectionStatus, SchemaDataType, SourceType, ErrorStatus)
    for word in words
)
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")
_FORM: Final = re.compile(r"[9TZ:.+-]{1,40}|aaa, 99 aaa 9999 99:99:99 GMT")


class Atom(str):
    """Text that may stand in a report; made in this module only."""

    __slots__ = ()


#: Whether an assumption holds, and what shows it.
Verdict = tuple[bool, Atom]


class Discretion:
    """Decides what of an answer may be told: no word that equals a ``private`` text (a name, a link).

    The ``salt`` of the marks that stand for ids is another for each report, so that nobody can look an id up.

    >>> Discretion(b"salt", {"Toft"}).word("Routing"), Discretion(b"salt", {"Toft"}).word("Toft")
    ('Routing', '#cb33223c')
    """

    def __init__(self, salt: bytes, private: Collection[str] = ()) -> None:
        self._salt = salt
        self._private = frozenset(text.casefold() for text in private)

    def mark(self, text: object) -> Atom:
        """Eight digits that stand for an id, or for a word that is not told."""
        return Atom("#" + hashlib.blake2b(str(text).encode(), key=self._salt, digest_size=4).hexdigest())

    def word(self, text: object) -> Atom:
        """A known word; an unknown one or a name of a field where it looks like one; else its mark."""
        told = str(text)
        if told in KNOWN:
            return Atom(told)
        hidden = not _NAME.fullmatch(told) or ID.search(told) or told.casefold() in self._private
        return self.mark(told) if hidden else Atom(told)

    def form(self, text: object) -> Atom:
        """The form of a time or a number: ``9999-99-99T99:99:99.9999999Z``.

        >>> Discretion(b"").form("Thu, 26 Nov 2026 19:12:40 GMT"), Discretion(b"").form("soon")
        ('aaa, 99 aaa 9999 99:99:99 GMT', 'another form')
        """
        shape = re.sub(r"\b[A-Z][a-z]{2}\b", "aaa", re.sub(r"\d", "9", str(text)))
        return Atom(shape if _FORM.fullmatch(shape) else "another form")


def told(sentence: str, *parts: Atom | float) -> Atom:
    """A sentence of ours with atoms and numbers in the places of ``{}``.

    Raises ``TypeError`` for any other text.

    >>> told("{} of {} answers", 3, 4)
    '3 of 4 answers'
    """
    if not all(isinstance(part, Atom | int | float) for part in parts):
        raise TypeError("only atoms and numbers may be told")
    return Atom(sentence.format(*parts))


def listed(atoms: Collection[Atom]) -> Atom:
    """Some atoms, each once, in order; at most twelve."""
    return Atom(", ".join(sorted(set(atoms))[:12]))
