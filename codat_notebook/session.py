"""What a notebook user holds: a connection to Codat (or to the sandbox) whose answers are DataFrames; how it begins.

Methods fetch, properties remember: ``session.companies()`` asks Codat, ``session.errors`` reads memory. Every action
runs on the engine thread under one guard that puts what goes wrong into ``session.errors`` in plain words; the typed
exception is raised all the same. :func:`connect` takes the key from the caller, the environment, or a prompt where
somebody can answer one, and wraps it before anything else sees it.
"""

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from codat_notebook import display, forking, frames
from codat_notebook.client import CodatLending
from codat_notebook.client import events as client_events
from codat_notebook.client.quota import Pacing, Quota
from codat_notebook.models.errors import ConfigurationError, hides_arguments
from codat_notebook.models.secret import Secret
from codat_notebook.models.shared import Security
from codat_notebook.planning.methods import PlanningMethods
from codat_notebook.planning.remembering import RememberingMethods
from codat_notebook.planning.selection import select
from codat_notebook.planning.sync_settings import with_settings
from codat_notebook.runs.asking import Steps, ask, both
from codat_notebook.runs.cells import company_status
from codat_notebook.runs.context import CLOSED, RunContext, company_meant, find_companies, find_operations
from codat_notebook.runs.engine import engine
from codat_notebook.runs.memory import Memory
from codat_notebook.runs.records import ErrorRecord, Log
from codat_notebook.runs.refreshing import RefreshingMethods

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from codat_notebook.events import Event
    from codat_notebook.planning.verdict import Readiness
    from codat_notebook.runs.listening import Listener
    from codat_notebook.sandbox import Sandbox

#: What is imported by the first who needs it.
_LATE = (
    "httpcore", "httpx", "pandas", "codat_notebook.client.pools", "codat_notebook.columns", "codat_notebook.report",
    "codat_notebook.planning.measuring",
)  # fmt: skip
#: Seconds that a run gets to close its journal.
_PATIENCE = 5.0


class Session(RefreshingMethods, PlanningMethods, RememberingMethods):
    """A connection to Codat whose answers are DataFrames. Made by :func:`connect`; a context manager.

    ``per_minute`` requests at most are sent in any minute (Codat's limit for one address is 1,000), and ``concurrent``
    at a time for each company (Codat's limit is 10); ``None``: no limit. Processes that share them divide them.
    ``client_options`` are those of :class:`CodatLending`: retries, time-outs, a client with a transport of your own.
    In a forked child it goes on with connections and an engine of its own, and without the runs.

    ``client`` is the :class:`CodatLending` behind it, for single calls; ``sandbox`` the embedded one of
    ``connect(sandbox=True)``. What asks Codat also has a form to await, on any event loop: ``await
    session.status_async(company_id)`` (:func:`preload` spares the first one the imports).

    >>> session = connect(sandbox=True)             # doctest: +SKIP
    >>> session.companies(search="toft")            # doctest: +SKIP
    """

    @hides_arguments
    def __init__(
        self,
        security: Security,
        *,
        server_url: str | None = None,
        read_only: bool = False,
        is_sandbox: bool = False,
        on_close: Callable[[], object] | None = None,
        per_minute: int | None = 1000,
        concurrent: int | None = 10,
        **client_options: Any,
    ) -> None:
        security = Security.of(security)  # whatever was given, from here on no frame holds its text
        self._key = security.auth_header
        pacing = client_options.pop("pacing", None) or Pacing(per_minute, concurrent)
        self.client = CodatLending(
            security, server_url=server_url, read_only=read_only, listener=self._on_event, pacing=pacing,
            **client_options,
        )  # fmt: skip
        self.read_only = read_only
        #: The embedded sandbox of ``connect(sandbox=True)``: its ``faults``, its ``clock``.
        self.sandbox: Sandbox | None = None
        self._on_close = on_close
        #: The records behind ``errors``, and the client's attempts behind ``requests``, to observe.
        self.error_log: Log[ErrorRecord] = Log()
        self.request_log: Log[client_events.Attempt] = Log()
        self.context = RunContext(self.client, engine(), self.error_log, pacing, begun_on_sandbox=is_sandbox)
        self.context.engine.hold(self)
        forking.remember(self)

    def remember(self, path: "str | Path") -> None:
        """Keep what this session sees in a file from now on: the ``memory`` of :func:`connect`, which see."""
        memory = Memory(path, self.client.server_url, self._key)
        if not memory.known:
            self.context.engine.call(self._guard(memory.admit(self.context), "The memory cannot be used"))
        self.context.memory = memory

    def _after_fork(self) -> None:
        """In a forked child: the runs and the embedded sandbox are the parent's, and do not end with this copy."""
        self.context._after_fork()
        self._on_close = None

    # Methods fetch.

    def _companies(self, search: str | None = None, limit: int | None = None) -> "Steps[pd.DataFrame]":
        """The account's companies, those whose name contains ``search``; at most ``limit`` of them.

        Columns as in ``frames.COMPANIES``. Where no name contains ``search`` and one is near, a warning tells which.
        Raises the client's typed errors.
        """
        what = "The companies could not be listed"
        companies = yield from ask(find_companies(self.client, search, limit), what)
        if search and not companies and (meant := (yield from ask(company_meant(self.client, search), what))):
            warnings.warn(f"No company's name contains {search!r}.{meant}", stacklevel=4)  # where it is called
        return frames.companies(companies)

    companies, companies_async = both(_companies)

    def _connections(self, company_id: str) -> "Steps[pd.DataFrame]":
        """The connections of a company and their state."""
        facts = yield from ask(self.context.company(company_id), "The connections could not be read", company_id)
        return frames.connections(facts.connections.values(), facts.id)

    connections, connections_async = both(_connections)

    def _report(
        self, companies: Any, path: "str | os.PathLike[str]" = ".", *, overwrite: bool = False,
        ready: "Readiness | None" = None,
    ) -> "Steps[Path]":  # fmt: skip
        """Write the state of a company, or of several, to one static HTML file: to mail, to archive, to print.

        The file holds connections, freshness, remedies, the records that Codat's checks refused, this session's errors
        and the newest pull operations, says as of when, and opens without Jupyter, network or script. Of several
        companies a summary comes first. Takes three or four requests a company, and one for each ``ValidationError``.

        Parameters
        ----------
        companies : a company's id; or ids, or a frame of companies.
        path : the file; or a folder, in which the file is named after the company and the date.
        overwrite : whether a file that is there is replaced.
        ready : an answer of :meth:`ready` about the one company, to file that verdict, too.

        Notes
        -----
        Returns the file's path. Raises ``FileExistsError`` unless ``overwrite``, and ``FileNotFoundError`` where there
        is no such folder; ``ValueError`` for no company, and for an answer about another one; the client's typed errors
        where no company can be read (one of several is named in the file).

        Examples
        --------
        >>> session.report(company_id)                                   # doctest: +SKIP
        >>> session.report(session.companies(search="ltd"), "all.html")  # doctest: +SKIP
        """
        from codat_notebook import report

        ids = list(select(companies=companies).targets or ())
        if not ids:
            raise ValueError("A report needs at least one company.")
        if ready is not None and ids != [ready.snapshot.id.lower()]:
            raise ValueError(f"ready: an answer about {ready.snapshot.name}, not about this company.")
        target, what = report.destination(path, overwrite), "The report could not be made"
        only = ids[0] if len(ids) == 1 else None
        judged = None if ready is None else ready.told()
        several, unread = yield from ask(report.read_several(self.context, ids, judged), what, only)
        if target.is_dir():
            target = report.destination(target / report.file_name(report.name_of(several), several[0].now), overwrite)
        saved = report.save(report.page(several, unread), target, overwrite)
        yield from ask(report.hand_out(self.context, several), what, only)
        return saved

    report, report_async = both(_report)

    def _status(self, company_id: str) -> "Steps[pd.DataFrame]":
        """How fresh each data type of each connection is: one row per cell, the stale ones included.

        The state of a cell comes from the history of its connection (column ``source``); where the history does
        not reach back far enough, from Codat's data status, which does not tell connections apart. Where something was
        never read, the sync settings are asked for as well (up to two requests, once), and ``setting`` says what they
        do for each data type; else that column is empty.
        """
        what = "The data status could not be read"
        status = yield from ask(company_status(self.context, company_id), what, company_id)
        return frames.data_status((yield from ask(with_settings(self.context, status), what, company_id)))

    status, status_async = both(_status)

    def _history(self, company_id: str, limit: int | None = 1000) -> "Steps[pd.DataFrame]":
        """The pull operations of a company, newest first, at most ``limit``; ``None`` for all of them."""
        what = "The history could not be read"
        platforms = (yield from ask(self.context.company(company_id), what, company_id)).platforms
        operations = yield from ask(find_operations(self.client, company_id, limit), what, company_id)
        return frames.pull_operations(operations, platforms, self.context.now)

    history, history_async = both(_history)

    # Properties remember.

    @property
    def errors(self) -> "pd.DataFrame":
        """What went wrong in this session: requests and operations, with cause and remedy. Oldest first."""
        return frames.errors(self.error_log)

    @property
    def requests(self) -> "pd.DataFrame":
        """The requests that this session sent. Oldest first."""
        return frames.requests(self.request_log)

    @property
    def quota(self) -> Quota | None:
        """Codat's limit on requests as the last answer told it; ``None`` before the first one."""
        return self.client.quota

    @property
    def is_sandbox(self) -> bool:
        """Whether nothing here reaches a real company: on a sandbox, also one of this machine that was named by its
        address and says in its answers what it is."""
        return self.context.is_sandbox

    # For those who ask by themselves.

    @hides_arguments
    def listen(
        self,
        secret: "str | Sequence[str] | None" = None,
        *,
        port: int = 0,
        observer: "Callable[[Event], object] | None" = None,
        tell: Callable[[str], object] = lambda line: None,
    ) -> "Listener":
        """Receive webhook events at ``listener.url`` on 127.0.0.1 and hand them to :meth:`handle_event`, until
        ``listener.stop()`` or the end of the session.

        Parameters
        ----------
        secret : the endpoint's, ``"whsec_..."`` as the Portal shows it, or several while it is rotated. The embedded
            sandbox needs none: it delivers here by itself.
        port : to listen on; 0 takes a free one. For Codat to reach it, forward a public address to it by a tunnel of
            yours, and name that address in the Portal. What is not signed with the secret is refused.
        observer : called with each new event, on the thread that is kept for users' code.
        tell : called with a line for each delivery, refused ones too, such as ``print``; quick.

        Notes
        -----
        Raises ``ConfigurationError`` without a secret, ``OSError`` where the port is taken.

        Examples
        --------
        >>> with session.listen(tell=print):                                     # doctest: +SKIP
        ...     session.refresh(company_id, "invoices", events=True).wait()
        """
        from codat_notebook.runs.listening import listen

        if self.closed:
            raise RuntimeError(CLOSED)
        webhooks = self.sandbox.webhooks if self.sandbox is not None and secret is None else None
        return listen(self.context, secret, port, webhooks, observer, tell)

    def _on_event(self, event: client_events.Event) -> None:
        self.context.heard(event)
        if isinstance(event, client_events.Attempt):
            self.request_log.append(event)
        self.context.events.append(event)

    # Ending.

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called; a closed session answers no more."""
        return self.context.closed

    def close(self) -> None:
        """Stop watching what runs and close the connections. Safe to call twice.

        The embedded sandbox ends with the last session on it.
        """
        if self.closed:
            return
        self.context.closed = True
        self.context.closing.append(self)
        self.context.engine.post(self.context.watching.stop)
        for run in self.runs:
            run.stop_watching()
        for run in self.runs if not self.context.engine.closed else ():
            run.wait(_PATIENCE)  # until its journal is closed
        if not self.context.engine.closed:
            self.context.engine.call(self.client.aclose(for_good=True))
        if self._on_close is not None:
            self._on_close()
        self.context.engine.release(self)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        where = "sandbox" if self.is_sandbox else "LIVE"
        left = self.quota.remaining if self.quota else None
        quota = "" if left is None else f", {left:,} requests left today"
        return f"<Session {where}{' read only' if self.read_only else ''} {self.client.server_url}{quota}>"

    def _repr_html_(self) -> str:
        errors = self.errors[["time", "what", "why", "action"]].iloc[::-1]
        note = "" if len(errors) else "Nothing has gone wrong in this session."
        return display.static_html(repr(self), errors, self.context.now, note)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return display.mimebundle(self, **options)


def preload() -> None:
    """Import all that a session's first calls import, so that none of them holds up an event loop: some 0.5 s.

    For services, before they take requests. ``session.status_async`` and its like import beside the loop anyway.

    >>> codat_notebook.preload()  # doctest: +SKIP
    """
    for name in _LATE:
        import_module(name)


@hides_arguments
def connect(
    key: str | Secret | None = None, *, server_url: str | None = None, sandbox: bool = False, read_only: bool = False,
    per_minute: int | None = 1000, concurrent: int | None = 10, memory: "str | Path | None" = None,
) -> Session:  # fmt: skip
    """Connect to Codat, or to the sandbox.

    Parameters
    ----------
    key : the API key or the ready ``Basic ...`` header; without it, ``CODAT_AUTH_HEADER`` or ``CODAT_API_KEY`` of the
        environment, else a prompt where somebody can answer one.
    server_url : another server than ``CODAT_BASE_URL`` or ``https://api.codat.io``.
    sandbox : an embedded Codat that needs no key and no network. Joins the one that ``CODAT_SANDBOX_URL`` names, so
        that several notebooks share a world; else the process's own. ``CODAT_SANDBOX_KEY`` is its key, where it is
        not the usual one.
    read_only : refuse everything that queues.
    per_minute, concurrent : requests at most in any minute, and at a time for each company; ``None``: no limit. Codat
        takes 1,000 and 10 of one address and company, from all processes together: give each of them a share, which
        add up to no more (three processes: 330 and 3).
    memory : a file that keeps what sessions see, for ``changes``, ``connection_history`` and ``relinks``, and so that
        ``plan`` and ``portfolio_status`` ask less the second time. Several processes may share it. It holds ids, types,
        statuses and times, and belongs to one server and account: once the key has changed, one of the companies that
        it knows must answer.

    Notes
    -----
    Raises :class:`runs.JournalError` for a memory that cannot be used, or is of another account;
    ``ConfigurationError`` where there is no key and nobody to ask, or where the key or address cannot be right.

    Examples
    --------
    >>> session = connect(sandbox=True)  # doctest: +SKIP
    """
    if sandbox:
        return _with(memory, _connect_sandbox(read_only=read_only, per_minute=per_minute, concurrent=concurrent))
    secret = Secret.of(key) if key is not None else Secret.from_environment() or _prompt()
    del key  # or a traceback would show it
    address = server_url or os.environ.get("CODAT_BASE_URL") or None
    security = Security(auth_header=secret)
    session = Session(security, server_url=address, read_only=read_only, per_minute=per_minute, concurrent=concurrent)
    return _with(memory, session)


def _with(memory: "str | Path | None", session: Session) -> Session:
    """The session with its memory; closed where that cannot be used."""
    if memory is not None:
        try:
            session.remember(memory)
        except BaseException:
            session.close()
            raise
    return session


def _connect_sandbox(**how: Any) -> Session:
    if url := os.environ.get("CODAT_SANDBOX_URL"):
        from codat_notebook.sandbox.server import usual_key

        security = Security(auth_header=os.environ.get("CODAT_SANDBOX_KEY") or usual_key())
        return Session(security, server_url=url, is_sandbox=True, **how)
    sandbox, leave = _embedded.enter(), _embedded.leave
    security = Security(auth_header=sandbox.key)
    session = Session(security, server_url=sandbox.url, is_sandbox=True, on_close=leave, **how)
    session.sandbox = sandbox
    return session


class _Embedded:
    """The process's own sandbox: one for all sessions on it, so that a cell that is run again adds none.

    Sessions from before a fork stay on the parent's, over the network; new ones are on one of the child's own.
    """

    def __init__(self) -> None:
        self._lock = forking.Lock()
        self._sandbox: Sandbox | None = None
        self._sessions = 0
        forking.remember(self)

    def _after_fork(self) -> None:
        """In a forked child: that sandbox runs in the parent."""
        self._sandbox = None
        self._sessions = 0

    def enter(self) -> "Sandbox":
        from codat_notebook.sandbox import Sandbox

        with self._lock:
            if self._sandbox is None:
                self._sandbox = Sandbox().start()
            self._sessions += 1
            return self._sandbox

    def leave(self) -> None:
        with self._lock:
            self._sessions -= 1
            if self._sessions == 0 and self._sandbox is not None:
                self._sandbox.stop()
                self._sandbox = None


_embedded = _Embedded()


def _prompt() -> Secret:
    """Ask for the key unseen, where somebody can answer: in a notebook's front end that takes input, or a terminal."""
    import getpass

    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    kernel = getattr(shell, "kernel", None)
    if kernel is not None:
        answered = getattr(kernel, "_allow_stdin", False)
    else:
        answered = sys.stdin is not None and sys.stdin.isatty()
    if not answered:
        raise ConfigurationError(
            "There is no API key. Set CODAT_API_KEY (or CODAT_AUTH_HEADER) before you start Jupyter, "
            "or use connect(sandbox=True), which needs none."
        )
    return Secret.of(getpass.getpass("Codat API key: "))
