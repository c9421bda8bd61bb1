"""A line of ``%codat`` as words: what stands between double quotes is one word, all else is parted by spaces.

No shell rules: an apostrophe or a backslash in a company's name is a letter like any other.
"""

import re

from IPython.core.error import UsageError

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
