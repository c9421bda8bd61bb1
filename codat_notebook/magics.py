"""The line magic ``%codat``: Codat in a notebook with few words and completion, for those who rarely write Python.

``%load_ext codat_notebook`` brings it. Each verb answers with what the Python name of the same job gives: a frame, a
run, the console. The session is the one that ``%codat connect`` made, or else the notebook's variable ``session``. What
goes wrong is told in plain words without a traceback (``UsageError``), and "run all cells" stops there. A key never
belongs in a cell, so no verb takes one.

What stands between double quotes is one word, all else is parted by spaces. No shell rules: an apostrophe or a
backslash in a company's name is a letter like any other. To find a company, Codat is asked; to offer some to Tab,
memory is: it is filled once in the background after connecting, and by each list that is fetched anyway, so that no key
stroke waits for a request.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher
from IPython.core.error import UsageError
from IPython.core.magic import no_var_expand

from codat_notebook import frames
from codat_notebook.models.errors import CodatLendingError, ConfigurationError, shown
from codat_notebook.models.vocabulary import DATA_TYPES, ID, nearest
from codat_notebook.runs.context import find_companies
from codat_notebook.runs.records import from_exception
from codat_notebook.session import Session, connect

if TYPE_CHECKING:
    import ipywidgets
    import pandas as pd

    from codat_notebook.runs.run import RefreshRun

#: Verb -> what may follow it, what it does. The help and the completion read it.
VERBS = {
    "connect": ("[sandbox] [read-only]", "a session: on the real Codat, or on the sandbox, which needs no key"),
    "companies": ("[part of a name]", "the companies"),
    "status": ("COMPANY", "how fresh each data type of each connection is"),
    "refresh": ("COMPANY DATA_TYPE ...", "refresh data types, or `all`; the result stays live"),
    "history": ("COMPANY", "its pull operations, newest first"),
    "errors": ("", "what went wrong in this session, and what to do"),
    "console": ("", "the same with the mouse"),
    "help": ("", "this text"),
}
CONNECT_WORDS = ("sandbox", "read-only")
ALL = "all"
#: How many companies are looked at to tell which one is meant, are listed in a message, are learned after connecting.
_LOOKED_AT, _LISTED, _LEARNED = 200, 10, 1_000
_OFFERED = 200  # completions

#: ``%codat`` at the start of a line, or behind an assignment.
_LINE = re.compile(r"^\s*(?:[\w., ]+=\s*)?%codat\s+(?P<rest>.*)$")
_WORD = re.compile(r'"([^"]*)"|([^\s"]+)')
_TYPED = re.compile(r'"[^"]*"?|[^\s"]+')
_PLAIN = re.compile(r"[\w.-]+")

_NO_KEY = (
    "`%codat connect` takes `sandbox` and `read-only`, never a key: what stands in a cell is saved with the notebook "
    "and in IPython's history. If you typed a key here, delete it and create a new one in Codat's portal. Set "
    "CODAT_API_KEY before you start Jupyter, or give none and be asked for it."
)
_NOT_CONNECTED = "There is no open session: `%codat connect`, or `%codat connect sandbox`, which needs no key."
_WHICH = 'Which company? A part of its name, the whole name in quotes ("Toft Stores UK"), or its id.'


class Help(str):
    """A text that shows itself as it is, as a cell's result."""

    __slots__ = ()
    __repr__ = str.__str__


def help_text() -> str:
    """All verbs, one a line."""
    lines = [f"    %codat {f'{verb} {follows}':30} {does}" for verb, (follows, does) in VERBS.items()]
    close = "Lists are DataFrames: `frame = %codat companies toft`. Tab completes verbs, companies and data types."
    return "\n".join(["%codat VERB ..., where VERB is one of", "", *lines, "", close])


def split(line: str) -> list[str]:
    """The words of a line. Raises ``UsageError`` where a quote is not closed.

    >>> split('status "Toft Stores UK"')
    ['status', 'Toft Stores UK']
    """
    if line.count('"') % 2:
        raise UsageError('A quote (") is opened but not closed.')
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


class Codat:
    """The magic's state, which is its session and the names it has seen, and its verbs.

    ``variables`` are the notebook's; its ``session`` is used where ``%codat connect`` was not.
    """

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self.names = Names()
        self._variables = variables
        self._own: Session | None = None

    @property
    def session(self) -> Session:
        """The session in use. Raises ``UsageError`` where none is open."""
        for candidate in (self._own, self._variables.get("session")):
            if isinstance(candidate, Session) and not candidate.closed:
                return candidate
        raise UsageError(_NOT_CONNECTED)

    def run(self, line: str) -> Any:
        """Do what a line says and return its result. Raises ``UsageError`` with what is wrong."""
        verb, *rest = split(line) or ["help"]
        if verb not in VERBS:
            near = nearest(verb, VERBS)
            raise UsageError(f"%codat has no verb “{verb}”. {f'Did you mean `{near}`?' if near else 'See `%codat`.'}")
        if rest and not VERBS[verb][0]:
            raise UsageError(f"`%codat {verb}` takes nothing more.")
        try:
            return getattr(self, f"_{verb}")(rest)
        except CodatLendingError as error:
            told = from_exception(error, f"`%codat {verb}` could not be done", self.session.context.now)
            raise UsageError(shown(f"{told.what}. {told.why} {told.action}")) from None

    def _connect(self, rest: list[str]) -> Session:
        if not set(rest) <= set(CONNECT_WORDS):
            raise UsageError(_NO_KEY)
        try:
            self._own = session = connect(sandbox="sandbox" in rest, read_only="read-only" in rest)
        except ConfigurationError as error:
            raise UsageError(error.message) from None
        self.names = Names()
        learning = session.context.engine.submit(learn(session, self.names))
        session.context.closing.observe(lambda _: learning.cancel())
        return session

    def _companies(self, rest: list[str]) -> "pd.DataFrame":
        frame = self.session.companies(search=" ".join(rest) or None)
        self.names.add(frame)
        return frame

    def _status(self, rest: list[str]) -> "pd.DataFrame":
        return self.session.status(self._company(rest))

    def _history(self, rest: list[str]) -> "pd.DataFrame":
        return self.session.history(self._company(rest))

    def _refresh(self, rest: list[str]) -> "RefreshRun":
        company, *data_types = rest or [""]
        if not data_types:
            which = f"Which data types of “{company}”?" if company else f"{_WHICH} Then the data types:"
            raise UsageError(f"{which} For example `invoices bills`, or `{ALL}`.")
        company_id = self._company([company])
        if ALL in data_types:
            return self.session.refresh_all(company_id)
        try:
            return self.session.refresh(company_id, *data_types)
        except ValueError as error:
            raise UsageError(f"{error} Put a company's name with spaces in quotes.") from None

    def _errors(self, rest: list[str]) -> "pd.DataFrame":
        return self.session.errors

    def _console(self, rest: list[str]) -> "ipywidgets.VBox":
        from codat_notebook.widgets.console import console

        return console(self.session)

    def _help(self, rest: list[str]) -> Help:
        return Help(help_text())

    def _company(self, rest: list[str]) -> str:
        text = " ".join(rest).strip()
        if not text:
            raise UsageError(_WHICH)
        return find(self.session, text, self.names)


class Names:
    """The companies that were seen, id to name, in the order of seeing."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}

    def add(self, frame: "pd.DataFrame") -> dict[str, str]:
        """Remember a frame of companies; returns its companies, id to name."""
        companies = dict(zip(frame["id"].astype(str), frame["name"].fillna("").astype(str), strict=True))
        self._seen = self._seen | companies  # replaced, never changed: another thread may be reading
        return companies

    def all(self) -> list[str]:
        """Their names."""
        return list(self._seen.values())

    def typed(self) -> list[str]:
        """Each company as it can be typed: its name, or its id where the name is not its own or cannot be typed."""
        counts = Counter(name.casefold() for name in self._seen.values())
        return [(quoted(name) if counts[name.casefold()] == 1 else None) or id for id, name in self._seen.items()]


async def learn(session: Session, names: Names) -> None:
    """Fill the memory from Codat, in the background. A failure stands in ``session.errors``; nothing waits for it."""
    with suppress(CodatLendingError):
        names.add(await session.companies_async(limit=_LEARNED))


def find(session: Session, text: str, names: Names) -> str:
    """The id of the company that ``text`` means: an id, a whole name, or a part of one company's name only.

    Raises ``UsageError`` with the choices where several companies are meant, or none.
    """
    if ID.fullmatch(text):
        return text
    call = session.context.engine.call
    matching = names.add(frames.companies(call(find_companies(session.client, text, _LOOKED_AT))))
    exact = {id: name for id, name in matching.items() if name.casefold() == text.casefold()}
    candidates = exact or matching
    if len(candidates) == 1:
        return next(iter(candidates))
    if not candidates:
        near = nearest(text, names.all())
        hint = f"Did you mean {quoted(near) or near}?" if near else "`%codat companies` lists them."
        raise UsageError(f"No company's name contains “{text}”. {hint}")
    lines = [f"    {quoted(name) or repr(name):40} {id}" for id, name in candidates.items()]
    more = [f"    … and {len(lines) - _LISTED} more"] if len(lines) > _LISTED else []
    head = f"“{text}” is in the names of several companies. Type one whole, in quotes, or its id:"
    raise UsageError("\n".join([head, *lines[:_LISTED], *more]))


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
    matchers[:] = [each for each in matchers if getattr(each, "matcher_identifier", "") != "codat"]
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

    return cast(Callable[[CompletionContext], dict[str, Any]], context_matcher(identifier="codat")(match))


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
