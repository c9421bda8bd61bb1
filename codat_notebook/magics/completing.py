"""What Tab offers after ``%codat``: verbs, companies that were seen, data types. From memory alone, at any time.

A matcher of IPython's own kind, so that it serves terminals and notebooks, and can replace a half-typed name with
spaces from its opening quote on. Where it has something to offer, IPython's file names and variables stay away.
"""

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher

from codat_notebook.magics.names import Names, unfinished
from codat_notebook.magics.verbs import ALL, CONNECT_WORDS, VERBS
from codat_notebook.models.vocabulary import DATA_TYPES

if TYPE_CHECKING:
    from codat_notebook.magics.verbs import Codat

IDENTIFIER = "codat"

#: At the start of a line, or behind an assignment.
_LINE = re.compile(r"^\s*(?:[\w., ]+=\s*)?%codat\s+(?P<rest>.*)$")
_OFFERED = 200


def matcher(codat: "Codat") -> Callable[[CompletionContext], dict[str, Any]]:
    """What IPython calls with the text before the cursor, to be told what may stand there."""

    def match(context: CompletionContext) -> dict[str, Any]:
        line = _LINE.match(context.text_until_cursor)
        if not line:
            return {"completions": []}
        before, beginning = unfinished(line["rest"])
        offered = [text for text in _choices(before, codat.names) if _begins(text, beginning)][:_OFFERED]
        completions = [SimpleCompletion(text, type="keyword") for text in offered]
        return {"completions": completions, "matched_fragment": beginning, "suppress": True, "ordered": True}

    return cast(Callable[[CompletionContext], dict[str, Any]], context_matcher(identifier=IDENTIFIER)(match))


def _choices(before: list[str], names: Names) -> Iterable[str]:
    if not before:
        return VERBS
    verb, *given = before
    if verb == "connect":
        return [word for word in CONNECT_WORDS if word not in given]
    if verb in ("status", "history", "refresh", "companies") and not given:
        return sorted(names.typed(), key=str.casefold)
    if verb == "refresh" and ALL not in given:
        return [name for name in (*DATA_TYPES, ALL) if name not in given]
    return ()


def _begins(text: str, beginning: str) -> bool:
    """Whether one of the words of ``text`` begins so; quotes and capitals make no difference."""
    plain, start = text.strip('"').casefold(), beginning.strip('"').casefold()
    return plain.startswith(start) or f" {start}" in f" {plain}"
