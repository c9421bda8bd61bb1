"""What a notebook user holds: a connection to Codat (or to the sandbox) whose answers are DataFrames; how it begins.

Methods fetch, properties remember: ``session.companies()`` asks Codat, ``session.errors`` reads memory. Every action
runs on the engine thread under one guard that puts what goes wrong into ``session.errors`` in plain words; the typed
exception is raised all the same. :func:`connect` takes the key from the caller, the environment, or a prompt where
somebody can answer one, and wraps it before anything else sees it.
"""

import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from codat_notebook import display, forking, frames
from codat_notebook.client import CodatLending
from codat_notebook.client import events as client_events
from codat_notebook.client.quota import Pacing, Quota
from codat_notebook.models.errors import CodatLendingError, ConfigurationError, hides_arguments
from codat_notebook.models.secret import Secret
from codat_notebook.models.shared import Security
from codat_notebook.planning.methods import PlanningMethods
from codat_notebook.planning.sync_settings import with_settings
from codat_notebook.runs.cells import company_status
from codat_notebook.runs.context import CLOSED, RunContext, find_companies, find_operations
from codat_notebook.runs.engine import engine
from codat_notebook.runs.journal import Start
from codat_notebook.runs.polling import PRICE
from codat_notebook.runs.records import ErrorRecord, Log, Subject
from codat_notebook.runs.run import RefreshRun
from codat_notebook.runs.store import JournalError
from codat_notebook.runs.targets import everything, read_targets

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from codat_notebook.sandbox import Sandbox

T = TypeVar("T")

#: Seconds that a run gets to close its journal.
_PATIENCE = 5.0


class Session(PlanningMethods):
    """A connection to Codat whose answers are DataFrames. Made by :func:`connect`; a context manager.

    ``per_minute`` requests at most are sent in any minute (Codat's limit for one address is 1,000); ``None``: no limit.
    ``client_options`` are those of :class:`CodatLending`: retries, time-outs, a client with a transport of your own.
    In a forked child it goes on with connections and an engine of its own, and without the runs.

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
        **client_options: Any,
    ) -> None:
        security = Security.of(security)  # whatever was given, from here on no frame holds its text
        pacing = client_options.pop("pacing", None) or Pacing(per_minute)
        self.client = CodatLending(
            security, server_url=server_url, read_only=read_only, listener=self._on_event, pacing=pacing,
            **client_options,
        )  # fmt: skip
        self.read_only = read_only
        self._on_close = on_close
        #: The records behind ``errors``, and the client's attempts behind ``requests``, to observe.
        self.error_log: Log[ErrorRecord] = Log()
        self.request_log: Log[client_events.Attempt] = Log()
        self._observers: list[Callable[[client_events.Event], object]] = []
        self._close_observers: list[Callable[[], object]] = []
        self.context = RunContext(self.client, engine(), self.error_log, pacing, begun_on_sandbox=is_sandbox)
        self.context.engine.hold(self)
        forking.remember(self)

    def after_fork(self) -> None:
        """In a forked child: the runs and the embedded sandbox are the parent's, and do not end with this copy."""
        self.context.after_fork()
        self._on_close = None

    # Methods fetch.

    def companies(self, search: str | None = None, limit: int | None = None) -> "pd.DataFrame":
        """The account's companies, those whose name contains ``search``; at most ``limit`` of them.

        Columns as in ``frames.COMPANIES``. Raises the client's typed errors.
        """
        finding = find_companies(self.client, search, limit)
        return frames.companies(self._ask(finding, "The companies could not be listed"))

    def connections(self, company_id: str) -> "pd.DataFrame":
        """The connections of a company and their state."""
        facts = self._ask(self.context.company(company_id), "The connections could not be read", company_id)
        return frames.connections(facts.connections.values(), facts.id)

    def report(self, company_id: str, path: "str | os.PathLike[str]", *, overwrite: bool = False) -> "Path":
        """Write a company's state to one static HTML file and return its path: to mail, to archive, to print.

        The file holds connections, freshness, remedies, this session's errors and the newest pull operations, says as
        of when, and opens without Jupyter, network or script. Raises ``FileExistsError`` unless ``overwrite``, and
        ``FileNotFoundError`` or ``IsADirectoryError`` where there is no such folder or the path is one; the client's
        typed errors.

        >>> session.report(company_id, "report.html")  # doctest: +SKIP
        """
        from codat_notebook import report

        target = report.destination(path, overwrite)
        status = self._ask(company_status(self.context, company_id), "The report could not be made", company_id)
        findings = report.Findings(
            status=status,
            errors=[error for error in self.error_log if error.company_id == company_id],
            now=self.context.now,
            server=self.client.server_url,
            is_sandbox=self.is_sandbox,
        )
        return report.save(report.page(findings), target, overwrite)

    def status(self, company_id: str) -> "pd.DataFrame":
        """How fresh each data type of each connection is: one row per cell, the stale ones included.

        The state of a cell comes from the history of its connection (column ``source``); where the history does
        not reach back far enough, from Codat's data status, which does not tell connections apart. Where something was
        never read, the sync settings are asked for as well (up to two requests, once), and ``setting`` says what they
        do for each data type; else that column is empty.
        """
        what = "The data status could not be read"
        status = self._ask(company_status(self.context, company_id), what, company_id)
        return frames.data_status(self._ask(with_settings(self.context, status), what, company_id))

    def history(self, company_id: str, limit: int | None = 1000) -> "pd.DataFrame":
        """The pull operations of a company, newest first, at most ``limit``; ``None`` for all of them."""
        what = "The history could not be read"
        platforms = self._ask(self.context.company(company_id), what, company_id).platforms
        operations = self._ask(find_operations(self.client, company_id, limit), what, company_id)
        return frames.pull_operations(operations, platforms, self.context.now)

    def refresh(
        self,
        company: "str | Mapping[str, str | Sequence[str]] | pd.DataFrame",
        *data_types: str,
        connection_id: str | None = None,
        product: str | None = None,
        journal: "str | Path | None" = None,
        reserve: float = 0,
        patience: float = PRICE,
    ) -> RefreshRun:
        """Have Codat read data types of one company, or of thousands, anew, and return the run at once.

        Parameters
        ----------
        company : a company's UUID; or a mapping UUID -> data types; or a plan: a DataFrame with the columns
            ``company_id`` and ``data_type``, if wanted ``connection_id``, and ``action`` (where it is given, rows other
            than ``"queue"`` are left out, see ``run.skipped``), as ``session.plan`` gives it.
        data_types : Codat's keys, such as ``"invoices"``; at least one beside a UUID, none beside a plan. A custom data
            type is named ``"custom/my-type"``.
        connection_id : only on this connection; without it, on each connection that has the type. A custom data type is
            queued on one: without it the only linked one, or the only one whose history has the type.
        product : a custom product of the company (see the column ``products`` of ``companies()``): its own refresh, by
            its own settings, of these data types, or of all that it has where none is named. It takes no connection.
            Codat's standard products are refreshed as their documents say, and are refused.
        journal : a file that the run is written down in, so that after a crash ``session.resume(journal)`` finishes it
            with nothing lost and nothing queued twice. One whose run has ended is begun anew.
        reserve : requests of the day's quota that are left to others; below 1 a share of it. The run pauses there and
            goes on when the quota starts anew.
        patience : seconds of one operation's waiting to be seen that a request is worth (1): more means fewer
            requests and later news; ``math.inf`` looks once, when all of a company has probably ended.

        Notes
        -----
        An operation that runs already is attached to, not queued twice. Raises ``ValueError`` for a plan that cannot
        be read, :class:`runs.JournalError` for a journal that cannot be used; nothing has been sent then.

        Examples
        --------
        >>> session.refresh(company_id, "invoices", "bills")                                  # doctest: +SKIP
        >>> session.refresh(session.plan(older_than="7D"), journal="refresh.sqlite", reserve=0.1)  # doctest: +SKIP
        """
        targets = read_targets(company, data_types, connection_id, product)
        return self._begin(lambda: Start.of(self.context, targets, journal, reserve, patience))

    def refresh_all(
        self,
        company: str | Sequence[str],
        *,
        product: str | None = None,
        journal: "str | Path | None" = None,
        reserve: float = 0,
        patience: float = PRICE,
    ) -> RefreshRun:
        """Have Codat read everything of a company (or of several) anew: each type with *fetch on first link*, of all
        connections; or everything of a custom ``product`` of theirs. The keywords are those of :meth:`refresh`.

        >>> session.refresh_all(company_id, product="credit-monitoring")  # doctest: +SKIP
        """
        targets = everything(company, product)
        return self._begin(lambda: Start.of(self.context, targets, journal, reserve, patience))

    def resume(self, journal: "str | Path") -> RefreshRun:
        """Go on with a run from its journal, after a crash or a stop, and return it at once.

        What was queued is followed; what was not is queued, once, what waits to be retried at its time; what was being
        sent when the kernel died is looked for, and sent again under the same key. What cannot be known stays
        ``unknown`` and is counted apart.

        Raises :class:`runs.JournalError`: another kernel works on it (``JournalInUseError``), it is of another
        version (``JournalVersionError``), no journal at all (``NotAJournalError``), or of another server.

        >>> session.resume("refresh.sqlite").wait(tell=print)  # doctest: +SKIP
        """
        return self._begin(lambda: Start.resumed(self.context, journal))

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

    @property
    def runs(self) -> list[RefreshRun]:
        """The runs of this session that somebody still holds."""
        return list(self.context.runs)

    # For those who ask by themselves.

    async def guard(self, awaitable: Awaitable[T], what: str, subject: Subject | None = None) -> T:
        """Await something of Codat's; what goes wrong is put into ``errors`` and raised on."""
        try:
            return await awaitable
        except CodatLendingError as error:
            self.context.report(error, what, subject)
            raise

    def _ask(self, coroutine: Coroutine[Any, Any, T], what: str, company_id: str | None = None) -> T:
        if self.closed:
            coroutine.close()
            raise RuntimeError(CLOSED)
        return self.context.engine.call(self.guard(coroutine, what, Subject(company_id=company_id)))

    def _begin(self, start: Callable[[], Start]) -> RefreshRun:
        try:
            return RefreshRun(self.context, start())
        except JournalError as error:
            self.context.report(error, "The journal cannot be used")
            raise

    def watch(self, observer: Callable[[client_events.Event], object]) -> Callable[[], None]:
        """Call ``observer`` with each event of the client, on the thread that does the I/O; returns what ends that."""
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def observe_close(self, observer: Callable[[], object]) -> Callable[[], None]:
        """Call ``observer`` when the session is closed, on the thread that closes it; returns what ends that."""
        self._close_observers.append(observer)
        return lambda: self._close_observers.remove(observer)

    def _on_event(self, event: client_events.Event) -> None:
        self.context.heard(event)
        if isinstance(event, client_events.Attempt):
            self.request_log.append(event)
        for observer in tuple(self._observers):
            observer(event)

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
        for observer in tuple(self._close_observers):
            observer()
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


@hides_arguments
def connect(
    key: str | Secret | None = None, *, server_url: str | None = None, sandbox: bool = False, read_only: bool = False
) -> Session:
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

    Notes
    -----
    Raises ``ConfigurationError`` where there is no key and nobody to ask, or where the key or address cannot be right.

    Examples
    --------
    >>> session = connect(sandbox=True)  # doctest: +SKIP
    """
    if sandbox:
        return _connect_sandbox(read_only)
    secret = Secret.of(key) if key is not None else Secret.from_environment() or _prompt()
    del key  # or a traceback would show it
    address = server_url or os.environ.get("CODAT_BASE_URL") or None
    return Session(Security(auth_header=secret), server_url=address, read_only=read_only)


def _connect_sandbox(read_only: bool) -> Session:
    if url := os.environ.get("CODAT_SANDBOX_URL"):
        from codat_notebook.sandbox.server import usual_key

        security = Security(auth_header=os.environ.get("CODAT_SANDBOX_KEY") or usual_key())
        return Session(security, server_url=url, read_only=read_only, is_sandbox=True)
    sandbox, leave = _embedded.enter(), _embedded.leave
    security = Security(auth_header=sandbox.key)
    return Session(security, server_url=sandbox.url, read_only=read_only, is_sandbox=True, on_close=leave)


class _Embedded:
    """The process's own sandbox: one for all sessions on it, so that a cell that is run again adds none.

    Sessions from before a fork stay on the parent's, over the network; new ones are on one of the child's own.
    """

    def __init__(self) -> None:
        self._lock = forking.Lock()
        self._sandbox: Sandbox | None = None
        self._sessions = 0
        forking.remember(self)

    def after_fork(self) -> None:
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
