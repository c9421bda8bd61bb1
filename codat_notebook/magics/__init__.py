"""The line magic ``%codat``: Codat in a notebook with few words and completion, for those who rarely write Python.

``%load_ext codat_notebook`` brings it. ``verbs`` holds what it can do and answers with the objects that the Python
names give: frames, a run, the console. ``names`` takes a line apart, finds companies and remembers them for
``completing``, which reads memory only. A key never belongs in a cell, so no verb takes one.
"""

from typing import Any


def load_ipython_extension(ipython: Any) -> None:
    """Add ``%codat`` and its completion to an IPython shell; called by ``%load_ext codat_notebook``.

    Safe to call again: the session that an earlier load connected is forgotten, nothing is added twice.

    >>> from IPython.core.interactiveshell import InteractiveShell     # doctest: +SKIP
    >>> load_ipython_extension(InteractiveShell.instance())            # doctest: +SKIP
    """
    from IPython.core.magic import no_var_expand

    from codat_notebook.magics.completing import IDENTIFIER, matcher
    from codat_notebook.magics.verbs import Codat, help_text

    codat = Codat(ipython.user_ns)

    def run(line: str) -> Any:
        return codat.run(line)

    run.__doc__ = help_text()
    # Names of companies come from third parties: IPython must not evaluate what stands between braces in one.
    ipython.register_magic_function(no_var_expand(run), "line", "codat")
    matchers = ipython.Completer.custom_matchers
    matchers[:] = [each for each in matchers if getattr(each, "matcher_identifier", "") != IDENTIFIER]
    matchers.append(matcher(codat))


__all__ = ["load_ipython_extension"]
