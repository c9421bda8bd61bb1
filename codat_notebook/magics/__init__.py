"""The line magic ``%codat``: Codat in a notebook with few words and completion, for those who rarely write Python.

``%load_ext codat_notebook`` brings it. ``verbs`` holds what it can do and answers with the objects that the Python
names give: frames, a run, the console. What Tab offers is decided here, from memory alone. A key never belongs in a
cell, so no verb takes one.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, cast

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher
from IPython.core.magic import no_var_expand

from codat_notebook.magics.verbs import ALL, CONNECT_WORDS, VERBS, Codat, Names, help_text, unfinished
from codat_notebook.models.vocabulary import DATA_TYPES

_IDENTIFIER = "codat"
#: At the start of a line, or behind an assignment.
_LINE = re.compile(r"^\s*(?:[\w., ]+=\s*)?%codat\s+(?P<rest>.*)$")
_OFFERED = 200


def load_ipython_extension(ipython: Any) -> None:
    """Add ``%codat`` and its completion to an IPython shell; called by ``%load_ext codat_notebook``.

    Safe to call again: the session that an earlier load connected is forgotten, nothing is added twice.

    >>> from IPython.core.interactiveshell import InteractiveShell     # doctest: +SKIP
    >>> load_ipython_extension(InteractiveShell.instance())            # doctest: +SKIP
    """
    codat = Codat(ipython.user_ns)

    def run(line: str) -> Any:
        return codat.run(line)

    run.__doc__ = help_text()
    # Names of companies come from third parties: IPython must not evaluate what stands between braces in one.
    ipython.register_magic_function(no_var_expand(run), "line", "codat")
    matchers = ipython.Completer.custom_matchers
    matchers[:] = [each for each in matchers if getattr(each, "matcher_identifier", "") != _IDENTIFIER]
    matchers.append(_matcher(codat))


def _matcher(codat: Codat) -> Callable[[CompletionContext], dict[str, Any]]:
    """What IPython calls with the text before the cursor, to be told what may stand there.

    A matcher of IPython's own kind, so that it serves terminals and notebooks, and can replace a half-typed name with
    spaces from its opening quote on. Where it has something to offer, IPython's file names and variables stay away.
    """

    def match(context: CompletionContext) -> dict[str, Any]:
        line = _LINE.match(context.text_until_cursor)
        if not line:
            return {"completions": []}
        before, beginning = unfinished(line["rest"])
        offered = [text for text in _choices(before, codat.names) if _begins(text, beginning)][:_OFFERED]
        completions = [SimpleCompletion(text, type="keyword") for text in offered]
        return {"completions": completions, "matched_fragment": beginning, "suppress": True, "ordered": True}

    return cast(Callable[[CompletionContext], dict[str, Any]], context_matcher(identifier=_IDENTIFIER)(match))


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


__all__ = ["load_ipython_extension"]
