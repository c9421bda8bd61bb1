"""What is typed: a line of ``%codat`` as words, which company a word means, and the names that completion may offer.

What stands between double quotes is one word, all else is parted by spaces. No shell rules: an apostrophe or a
backslash in a company's name is a letter like any other.

To find one, Codat is asked; to offer some, memory is: it is filled once in the background after connecting, and by
each list that is fetched anyway, so that no key stroke waits for a request.
"""

import re
from collections import Counter
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from codat_notebook.models.errors import CodatLendingError
from codat_notebook.models.vocabulary import ID

if TYPE_CHECKING:
    import pandas as pd

    from codat_notebook.session import Session

#: How many companies are looked at to tell which one is meant, are listed in a message, are learned after connecting.
_LOOKED_AT, _LISTED, _LEARNED = 200, 10, 1_000

_WORD = re.compile(r'"([^"]*)"|([^\s"]+)')
_TYPED = re.compile(r'"[^"]*"?|[^\s"]+')
_PLAIN = re.compile(r"[\w.-]+")


def split(line: str) -> list[str]:
    """The words of a line. Raises ``UsageError`` where a quote is not closed.

    >>> split('status "Toft Stores UK"')
    ['status', 'Toft Stores UK']
    """
    if line.count('"') % 2:
        raise UsageError('A quote (") is opened and not closed.')
    return [match[1] if match[1] is not None else match[2] for match in _WORD.finditer(line.rstrip().rstrip(";"))]


def quoted(name: str) -> str | None:
    """A name as it is typed; ``None`` for one that cannot be: it holds a quote, or signs that nobody sees.

    >>> quoted("Toft"), quoted("Toft Stores UK"), quoted('The "Best"')
    ('Toft', '"Toft Stores UK"', None)
    """
    if '"' in name or not name.isprintable() or not name.strip():
        return None
    return name if _PLAIN.fullmatch(name) else f'"{name}"'


def unfinished(line: str) -> tuple[list[str], str]:
    """The finished words of a line that is being typed, and the beginning of the next, its opening quote included.

    >>> unfinished('refresh "Toft Stores UK" inv'), unfinished('status "Toft S')
    ((['refresh', 'Toft Stores UK'], 'inv'), (['status'], '"Toft S'))
    """
    typed = list(_TYPED.finditer(line))
    start = typed[-1].start() if typed and typed[-1].end() == len(line) else len(line)
    return split(line[:start]), line[start:]


class Names:
    """The companies that were seen, id to name, in the order of seeing."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}

    def add(self, frame: "pd.DataFrame") -> dict[str, str]:
        """Remember a frame of companies; returns its companies, id to name."""
        companies = dict(zip(frame["id"].astype(str), frame["name"].fillna("").astype(str), strict=True))
        self._seen = self._seen | companies  # replaced, never changed: another thread may be reading
        return companies

    def typed(self) -> list[str]:
        """Each company as it can be typed: its name, or its id where the name is not its own or cannot be typed."""
        counts = Counter(name.casefold() for name in self._seen.values())
        return [(quoted(name) if counts[name.casefold()] == 1 else None) or id for id, name in self._seen.items()]


async def learn(session: "Session", names: Names) -> None:
    """Fill the memory from Codat, in the background. A failure stands in ``session.errors``; nothing waits for it."""
    from codat_notebook import frames
    from codat_notebook.runs.context import find_companies

    try:
        finding = find_companies(session.client, None, _LEARNED)
        companies = await session.guard(finding, "Names for completion could not be read")
    except CodatLendingError:
        return  # told by the guard
    names.add(await session.context.engine.in_worker(frames.companies, companies))


def find(session: "Session", text: str, names: Names) -> str:
    """The id of the company that ``text`` means: an id, a whole name, or a part of one company's name only.

    Raises ``UsageError`` with the choices where several companies are meant, or none.
    """
    if ID.fullmatch(text):
        return text
    matching = names.add(session.companies(search=text, limit=_LOOKED_AT))
    exact = {id: name for id, name in matching.items() if name.casefold() == text.casefold()}
    candidates = exact or matching
    if len(candidates) == 1:
        return next(iter(candidates))
    if not candidates:
        raise UsageError(f"No company's name contains “{text}”. `%codat companies` lists them.")
    lines = [f"    {quoted(name) or repr(name):40} {id}" for id, name in candidates.items()]
    more = [f"    … and {len(lines) - _LISTED} more"] if len(lines) > _LISTED else []
    head = f"“{text}” is in the names of several companies. Type one whole, in quotes, or its id:"
    raise UsageError("\n".join([head, *lines[:_LISTED], *more]))
