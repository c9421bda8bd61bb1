"""The client: the official SDK's ``CodatLending``, as far as refreshing and diagnosing goes.

It puts the parts together: flows decide, the two drivers send, the groups name the calls. Nothing is sent and
nothing heavy is imported before the first call.
"""

from collections.abc import Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from msgspec import UNSET, UnsetType

from codat_notebook import forking
from codat_notebook.client import calls, wire
from codat_notebook.client.calls import Given, Retries
from codat_notebook.client.clock import ServerClock
from codat_notebook.client.compatibility import ELSEWHERE
from codat_notebook.client.drivers import SyncDriver
from codat_notebook.client.events import EventSink, Listener
from codat_notebook.client.quota import Pacing, Quota, QuotaGauge
from codat_notebook.client.retrying import Call, Flow
from codat_notebook.models import errors
from codat_notebook.models.errors import hides_arguments
from codat_notebook.models.secret import Secret
from codat_notebook.models.shared import Security
from codat_notebook.utils import RetryConfig

if TYPE_CHECKING:
    from codat_notebook.client.async_driver import AsyncDriver

T = TypeVar("T")
SERVERS: Final = ("https://api.codat.io",)
TIMEOUT_MS: Final = 30_000


class CodatLending:
    """A client for refreshing and diagnosing company data in Codat.

    Parameters
    ----------
    security : the key: ``shared.Security(auth_header=...)``, or its text, raw or as the header ``Basic ...``.
    server_idx : 0, Codat's only server.
    server_url : another server. Must be https, or on this machine.
    url_params : values for ``{names}`` in ``server_url``.
    client : an ``httpx.Client`` to send through.
    async_client : an ``httpx.AsyncClient`` for the ``_async`` calls; it belongs to one event loop.
    retry_config : how to try again; by default with back-off, for at most a minute.
    timeout_ms : milliseconds for one request (30,000).
    debug_logger : gets every event, by ``.debug()``.
    listener : called with every event (:mod:`codat_notebook.client.events`), in the thread that does the I/O.
    read_only : refuse everything that queues.
    allow_insecure : let the key go over http to another machine.
    pacing : keep to the limits of Codat; may be shared by several clients.
    clock : the clock, for tests.

    Notes
    -----
    ``companies``, ``connections``, ``manage_data`` (with ``refresh`` and ``pull_operations``), ``settings`` and
    ``integrations`` hold the calls, each also with ``_async``; ``quota`` is what is left of the day's.

    Where the process forks, the child's copy has connections of its own, and sends nothing again that its parent sent.

    Examples
    --------
    >>> with CodatLending(security=Security(auth_header="Basic ...")) as client:  # doctest: +SKIP
    ...     client.companies.list(request={"page_size": 10})
    """

    @hides_arguments
    def __init__(
        self,
        security: Security | Secret | str | Mapping[str, str] | None = None,
        server_idx: int | None = None,
        url_params: Mapping[str, str] | None = None,
        server_url: str | None = None,
        client: Any = None,
        async_client: Any = None,
        retry_config: RetryConfig | UnsetType | None = UNSET,
        timeout_ms: int | None = None,
        debug_logger: Any = None,
        *,
        listener: Listener | None = None,
        read_only: bool = False,
        allow_insecure: bool = False,
        pacing: Pacing | None = None,
        clock: ServerClock | None = None,
    ) -> None:
        secret = Security.of(security).auth_header if security is not None else None
        del security  # or a traceback would show it
        self._secrets = _all_known(secret)
        self.clock = clock or ServerClock()
        self.read_only = read_only
        self._allow_insecure = allow_insecure
        self.server_url = self._server(server_url or _listed(server_idx), url_params)
        self._retries = _plan(retry_config, RetryConfig())
        self._pacing = pacing
        self._tell = EventSink(listener, debug_logger)
        self._gauge = QuotaGauge(self.clock)
        timeout = _seconds(TIMEOUT_MS if timeout_ms is None else timeout_ms)
        self._sync = SyncDriver(secret, timeout, self.clock.monotonic, client)
        self._make_async = secret, timeout, self.clock.monotonic, async_client
        self._async: AsyncDriver | None = None
        self._lock = forking.Lock()
        self.companies = calls.CompanyCalls(self)
        self.connections = calls.ConnectionCalls(self)
        self.manage_data = calls.ManageDataCalls(self)
        self.settings = calls.SettingsCalls(self)
        self.integrations = calls.IntegrationCalls(self)

    @property
    def quota(self) -> Quota | None:
        """The daily quota as the latest answer told it, None before the first."""
        return self._gauge.read()

    def _prepare(self, name: str, given: Given, *, writes: bool = False) -> Call:
        """A call of this client, checked. For the groups of calls.

        Raises:
            errors.ReadOnlyError: it queues, and this client may not.
            errors.ConfigurationError: its server is not one that the key may go to.
        """
        if unknown := given.keys() - Given.__annotations__.keys():
            raise TypeError(f"{name}() got an unexpected keyword argument {unknown.pop()!r}")
        if writes and self.read_only:
            raise errors.ReadOnlyError(f"{name}: this client is read-only (read_only=True). Nothing was sent.")
        url, timeout_ms = given.get("server_url"), given.get("timeout_ms")
        return Call(
            name,
            _plan(given.get("retries"), self._retries),
            self.clock,
            self._tell,
            self._gauge,
            self._pacing,
            base=self.server_url if url is None else self._server(url, None),
            timeout=None if timeout_ms is None else _seconds(timeout_ms),
            headers=wire.headers(given.get("http_headers")),
        )

    def _drive(self, flow: Flow[T]) -> T:
        """Run a flow by blocking."""
        return self._sync.drive(flow)

    async def _drive_async(self, flow: Flow[T]) -> T:
        """Run a flow by awaiting."""
        with self._lock:
            if self._async is None:
                from codat_notebook.client.async_driver import AsyncDriver

                self._async = AsyncDriver(*self._make_async)
        return await self._async.drive(flow)

    def _server(self, url: str, params: Mapping[str, str] | None) -> str:
        if not isinstance(params or {}, Mapping):
            raise errors.ConfigurationError(f"url_params must be a mapping, not {type(params).__name__}.")
        for name, value in (params or {}).items():
            url = str(url).replace(f"{{{name}}}", str(value))
        return wire.server(url, secrets=self._secrets, allow_insecure=self._allow_insecure)

    def close(self) -> None:
        """Close the connections of the blocking calls. The client can be used again."""
        self._sync.close()

    async def aclose(self, *, for_good: bool = False) -> None:
        """Close the connections, those of the running event loop too. The client can be used again.

        With ``for_good`` it sends nothing more on an event loop: what is on its way there has no answer
        (``NoResponseError``).
        """
        self._sync.close()
        if self._async is not None:
            await (self._async.end() if for_good else self._async.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    if not TYPE_CHECKING:  # a type checker is to find a name that is not there

        def __getattr__(self, name: str) -> Any:
            if name in ELSEWHERE:
                raise errors.NotAvailableError(
                    f"client.{name} is not part of this client, which refreshes and diagnoses. "
                    "Codat's own SDK has it: pip install codat-lending"
                )
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"CodatLending(server_url={self.server_url!r}{', read_only=True' if self.read_only else ''})"


def _all_known(secret: Secret | None) -> tuple[Secret, ...]:
    """The keys that no address may hold: the client's, and the environment's where it is another."""
    try:
        other = Secret.from_environment()
    except errors.ConfigurationError:  # told to whoever wants to connect with it; here it is not wanted
        other = None
    return tuple(key for key in (secret, other) if key is not None)


def _listed(server_idx: int | None) -> str:
    if server_idx not in (None, *range(len(SERVERS))):  # it may be a key in the wrong place, so it is not shown
        raise errors.ConfigurationError("server_idx must be 0, for Codat has one server; server_url names another")
    return SERVERS[server_idx or 0]


def _plan(retries: Retries, otherwise: RetryConfig) -> RetryConfig:
    if retries is None or isinstance(retries, UnsetType):
        return otherwise
    if not hasattr(retries, "strategy"):  # the official SDK's own class is as good as ours
        raise errors.ConfigurationError(
            f"retries is of type {type(retries).__name__}; it must be a RetryConfig, such as RetryConfig('none') for "
            "exactly one request"
        )
    return retries


def _seconds(timeout_ms: float) -> float:
    if not isinstance(timeout_ms, Real) or not timeout_ms > 0:
        given = timeout_ms if isinstance(timeout_ms, Real) else f"of type {type(timeout_ms).__name__}"
        raise errors.ConfigurationError(f"timeout_ms is {given}; it must be a number of milliseconds above 0")
    return timeout_ms / 1000
