"""The driver that obeys a flow's commands by blocking, and what it shares with the one that awaits.

Nothing is decided here; the other one, in :mod:`codat_notebook.client.async_driver`, is only imported when it is used.

Exceptions of the transport become values before they meet a flow, so that no traceback of ours leads into frames that
hold the key; where an interruption passes through, its inner frames are cut off.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import wait as wait_futures
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from codat_notebook import forking
from codat_notebook.client import transport
from codat_notebook.client.retrying import Command, Flow, Join, Sleep, Together
from codat_notebook.client.wire import Answer, Failure, Outcome, Request
from codat_notebook.models import errors
from codat_notebook.models.errors import bare
from codat_notebook.models.secret import Scrubber, Secret

if TYPE_CHECKING:
    import httpcore

T = TypeVar("T")
E = TypeVar("E", bound=BaseException)

#: Headers of a request that may hold a key.
_CREDENTIALS: Final = ("authorization", "proxy-authorization")
#: Seconds after which a blocking wait wakes: an endless one cannot be interrupted on Windows, and elsewhere misses a
#: signal that comes just before it begins.
_WAKE = 0.5


class Driver:
    """What both drivers need: the key, the time-out, and how a request is made."""

    def __init__(
        self, secret: Secret | None, timeout: float, monotonic: Callable[[], float], client: Any = None
    ) -> None:
        self._secret = secret
        if secret is not None:
            transport.mask_in_logs(secret)
        self._timeout = timeout
        self.monotonic = monotonic
        self.given = client
        self._given_before_fork = False
        self._lock = forking.Lock()
        self._sockets: list[forking.File] = []
        self._anew()
        forking.remember(self)

    def _anew(self) -> None:
        """Have no connections."""
        raise NotImplementedError

    def _after_fork(self) -> None:
        """In a forked child: the connections are the parent's. The next request opens new ones."""
        self._anew()
        sockets, self._sockets = self._sockets, []
        self._given_before_fork = self.given is not None
        transport.tls_context.cache_clear()  # a thread of the parent may have locked it, in a handshake
        forking.let_go(sockets)

    def note(self, socket: forking.File) -> None:
        """Know of a socket that a client of ours opened."""
        with self._lock:
            self._sockets = [socket, *(each for each in self._sockets if each.fileno() >= 0)]

    def check(self) -> None:
        """Raise where requests cannot be sent.

        Raises:
            ConfigurationError: the client to send through was given before this process was forked.
        """
        if self._given_before_fork:
            raise errors.ConfigurationError(
                "The HTTP client that was given (client=, async_client=) has its connections from before this process "
                "was forked, and the parent uses them. Make a new client here, and pass it to a new CodatLending."
            )

    def prepare(self, request: Request) -> Any:
        """The request with the key: for httpcore, or for a client of the user's own, which has defaults to add."""
        limits = transport.timeouts(self.limit(request))
        headers = transport.headers(request)
        body = request.body or None
        if self._secret is not None:
            headers["authorization"] = self._secret.reveal()
        if self.given is not None:
            import httpx

            timeout = httpx.Timeout(**limits)
            return self.given.build_request(request.method, request.url, headers=headers, content=body, timeout=timeout)
        import httpcore

        url, host = transport.address(request.url)
        pairs = [(name.encode("ascii"), text.encode("ascii")) for name, text in headers.items()]
        if "host" not in headers:
            pairs.insert(0, (b"host", host))
        return httpcore.Request(request.method, url, headers=pairs, content=body, extensions={"timeout": limits})

    def limit(self, request: Request) -> float:
        """How many seconds this attempt has, from the first byte sent to the last one read."""
        seconds = self._timeout if request.timeout is None else request.timeout
        return seconds if request.within is None else min(seconds, request.within)

    def outcome(self, request: Request, response: Any, heard: dict[str, str], body: bytes, sent: float) -> Answer:
        """An answer that came in whole.

        Here, and in :meth:`lost` and :meth:`passing`, is where anything comes in from outside: nobody further in ever
        sees a key that a gateway sends back.
        """
        for key in self._keys(request, response):
            body = key.scrub(body)
            if key.scrub_text(together := "\n".join(heard.values())) != together:
                heard = {name: key.scrub_text(text) for name, text in heard.items()}
        status = response.status if self.given is None else response.status_code
        return Answer(status, heard, body, sent, self.monotonic())

    def lost(self, request: Request, error: BaseException, sent: float) -> Failure:
        """What it means that no whole answer came."""
        failure = transport.failure(error, sent, self.monotonic())
        return msgspec.structs.replace(failure, error=self._scrubbed(request, failure.error))

    def passing(self, request: Request, error: E) -> E:
        """An error that is not about the answer, such as an interruption: without the frames, which hold the key."""
        shown = [each if isinstance(each, str) else repr(each) for each in error.args]
        masked = [self._scrubbed(request, text) for text in shown]
        if masked != shown:
            error.args = tuple(masked)
        return bare(error)

    def _scrubbed(self, request: Request, text: str) -> str:
        for key in self._keys(request):
            text = key.scrub_text(text)
        return text

    def _keys(self, request: Request, response: Any = None) -> Iterator[Scrubber]:
        """What may come back: the client's key, and what a caller or a client of the user's own sends instead."""
        if self._secret is not None:
            yield self._secret
        headers = list(request.headers)
        if self.given is not None:
            headers += (self.given if response is None else response.request).headers.items()
        yield from (Scrubber(text) for name, text in headers if name.lower() in _CREDENTIALS)


class SyncDriver(Driver):
    """Obeys by blocking. Threads may share it."""

    def _anew(self) -> None:
        self._own: dict[str, httpcore.ConnectionPool] = {}

    def _after_fork(self) -> None:
        """See :class:`Driver`."""
        forking.keep(self._own)
        super()._after_fork()

    def drive(self, flow: Flow[T]) -> T:
        """Run a flow to its end."""
        self.check()
        result: Any = None
        try:
            while True:
                result = self._obey(flow.send(result))
        except StopIteration as stop:
            done: T = stop.value
            return done
        finally:
            flow.close()

    def _obey(self, command: Command) -> Any:
        if isinstance(command, Request):
            return self._request(command)
        if isinstance(command, Sleep):
            return time.sleep(command.seconds)
        if isinstance(command, Join):
            return bool(wait_futures([command.future], command.seconds).done)
        return self._together(command)

    def _together(self, command: Together) -> list[Any]:
        # Daemon threads and not an executor's: who is interrupted waits for nothing that is on its way, nor does the
        # end of the process.
        left = deque(enumerate(command.flows))
        settled: dict[int, Any] = {}

        def work() -> None:
            with suppress(IndexError):  # another thread took the last one
                while left:
                    place, flow = left.popleft()
                    try:
                        settled[place] = self.drive(flow)
                    except BaseException as error:  # noqa: BLE001 - raised again where the flows are waited for
                        settled[place] = error
                        left.clear()

        count = min(len(command.flows), command.at_once)
        threads = [threading.Thread(target=work, name=f"codat-page-{i}", daemon=True) for i in range(count)]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                while thread.is_alive():
                    thread.join(_WAKE)
        finally:
            left.clear()
        failed = [each for each in settled.values() if isinstance(each, BaseException)]
        for error in failed:
            if not isinstance(error, errors.CodatLendingError):
                raise error
        return [settled.get(place, failed[0] if failed else None) for place in range(len(command.flows))]

    def _request(self, request: Request) -> Outcome:
        from codat_notebook.client import pools

        sent = self.monotonic()
        pools.start(self.limit(request))
        try:
            response = self._send(request)
            try:
                heard = transport.heard(response)
                return self.outcome(request, response, heard, self._body(response, heard), sent)
            finally:
                response.close()
        except transport.no_answer() as error:
            return self.lost(request, error, sent)
        except BaseException as error:  # noqa: BLE001 - goes on at once, only without frames that hold the key
            raise self.passing(request, error) from None

    def _send(self, request: Request) -> Any:
        if self.given is None:
            return self._pool(request.base).handle_request(self.prepare(request))
        self.check()
        return self.given.send(self.prepare(request), stream=True, follow_redirects=False)

    def _body(self, response: Any, heard: dict[str, str]) -> bytes:
        if self.given is not None and response.is_stream_consumed:  # a transport or a hook has read it
            content: bytes = response.content
            return content
        from codat_notebook.client import pools

        body = transport.Body(heard.get("content-encoding", ""))
        for piece in response.iter_stream() if self.given is None else response.iter_raw():
            body.add(piece)
            pools.left()  # raises; a client of the user's own does not know of deadlines
        return body.whole()

    def _pool(self, base: str) -> "httpcore.ConnectionPool":
        with self._lock:
            if base not in self._own:
                from codat_notebook.client import pools

                self._own[base] = pools.pool(base, self.note)
            return self._own[base]

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        with self._lock:
            pools, self._own = self._own, {}
        for pool in pools.values():
            pool.close()
