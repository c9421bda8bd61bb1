"""What ``%codat`` can do: one method per verb, each answering with what the Python name of the same job gives.

The session is the one that ``%codat connect`` made, or else the notebook's variable ``session``. What goes wrong is
told in plain words without a traceback (``UsageError``), and "run all cells" stops there.
"""

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from codat_notebook.connecting import connect
from codat_notebook.magics import names
from codat_notebook.models.errors import CodatLendingError, ConfigurationError
from codat_notebook.models.vocabulary import DATA_TYPES, custom_identifier
from codat_notebook.runs.records import from_exception
from codat_notebook.session import Session

if TYPE_CHECKING:
    import ipywidgets
    import pandas as pd

    from codat_notebook.runs.run import RefreshRun

#: Verb -> what may follow it, what it does. The help and the completion read it.
VERBS = {
    "connect": ("[sandbox] [read-only]", "a session: on the real Codat, or on the sandbox, which needs no key"),
    "companies": ("[part of a name]", "the companies"),
    "status": ("COMPANY", "how fresh each data type of each connection is"),
    "refresh": ("COMPANY DATA_TYPE ...", "have Codat read data types anew, or `all`; the result shows itself live"),
    "history": ("COMPANY", "its pull operations, newest first"),
    "errors": ("", "what went wrong in this session, and what to do"),
    "console": ("", "the same with the mouse"),
    "help": ("", "this text"),
}
CONNECT_WORDS = ("sandbox", "read-only")
ALL = "all"

_NO_KEY = (
    "`%codat connect` takes `sandbox` and `read-only`, never a key: what stands in a cell is saved with the notebook "
    "and in IPython's history. If you typed a key here, delete it and have a new one made in Codat's portal. Set "
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


class Codat:
    """The magic's state, which is its session and the names it has seen, and its verbs.

    ``variables`` are the notebook's; its ``session`` is used where ``%codat connect`` was not.
    """

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self.names = names.Names()
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
        verb, *rest = names.split(line) or ["help"]
        if verb not in VERBS:
            near = difflib.get_close_matches(verb.casefold(), VERBS, 1)
            raise UsageError(f"%codat knows no “{verb}”. {f'Did you mean `{near[0]}`?' if near else 'See `%codat`.'}")
        if rest and not VERBS[verb][0]:
            raise UsageError(f"Nothing follows `%codat {verb}`.")
        try:
            return getattr(self, f"_{verb}")(rest)
        except CodatLendingError as error:
            told = from_exception(error, f"`%codat {verb}` could not be done", self.session.context.now)
            raise UsageError(f"{told.what}. {told.why} {told.action}") from None

    def _connect(self, rest: list[str]) -> Session:
        if not set(rest) <= set(CONNECT_WORDS):
            raise UsageError(_NO_KEY)
        try:
            self._own = session = connect(sandbox="sandbox" in rest, read_only="read-only" in rest)
        except ConfigurationError as error:
            raise UsageError(error.message) from None
        self.names = names.Names()
        learning = session.context.engine.submit(names.learn(session, self.names))
        session.observe_close(learning.cancel)
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
        for name in data_types:
            if name not in (*DATA_TYPES, ALL) and custom_identifier(name) is None:
                raise UsageError(_no_data_type(name))
        if not data_types:
            which = f"Which data types of “{company}”?" if company else f"{_WHICH} Then the data types:"
            raise UsageError(f"{which} Such as `invoices bills`, or `{ALL}`.")
        company_id = self._company([company])
        if ALL in data_types:
            return self.session.refresh_all(company_id)
        return self.session.refresh(company_id, *data_types)

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
        return names.find(self.session, text, self.names)


def _no_data_type(name: str) -> str:
    spelled = {data_type.casefold(): data_type for data_type in DATA_TYPES}
    near = difflib.get_close_matches(name.casefold(), spelled, 1, 0.7)
    hint = f"Did you mean `{spelled[near[0]]}`?" if near else "Tab completes them."
    return f"“{name}” is no data type. {hint} A company's name with spaces stands in quotes."
