"""The driver that obeys a flow's commands by awaiting, with connections of its own for each event loop."""

import asyncio
import weakref
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from codat_notebook import forking
from codat_notebook.client import transport
from codat_notebook.client.drivers import Driver
from codat_notebook.client.retrying import Command, Flow, Join, Sleep
from codat_notebook.client.wire import Outcome, Request
from codat_notebook.models import errors

if TYPE_CHECKING:
    import httpcore

T = TypeVar("T")


def running_loop() -> asyncio.AbstractEventLoop:
    """The event loop to await on.

    Raises:
        RuntimeError: asyncio runs none here; under another library the remedy is a thread.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "This must be awaited on an asyncio event loop, and none is running here. Under trio, make the blocking "
            "call in a thread: await trio.to_thread.run_sync(lambda: session.status(company_id))."
        ) from None


#: Seconds that requests have for letting go of their connections when all ends.
_PATIENCE = 2.0


class AsyncDriver(Driver):
    """Obeys by awaiting, with connections of its own for each event loop: a pool that two loops share breaks."""

    _own: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, httpcore.AsyncConnectionPool]]"
    _ended = False

    def _anew(self) -> None:
        self._own = weakref.WeakKeyDictionary()
        self._under_way: set[tuple[asyncio.AbstractEventLoop, asyncio.Timeout]] = set()

    def _after_fork(self) -> None:
        """In a forked child: the loops and what is under way on them are the parent's, too."""
        forking.keep(dict(self._own), self._under_way)
        super()._after_fork()

    async def drive(self, flow: Flow[T]) -> T:
        """Run a flow to its end."""
        running_loop()
        self.check()
        result: Any = None
        try:
            while True:
                try:
                    command = flow.send(result)
                except StopIteration as stop:
                    done: T = stop.value
                    return done
                result = await self._obey(command)
        finally:
            flow.close()

    async def _obey(self, command: Command) -> Any:
        if isinstance(command, Request):
            return await self._request(command)
        if isinstance(command, Sleep):
            return await asyncio.sleep(command.seconds)
        if isinstance(command, Join):
            return await _joined(command.future, command.seconds)
        places, failed = asyncio.Semaphore(command.at_once), list[errors.CodatLendingError]()
        return await asyncio.gather(*(self._settled(flow, places, failed) for flow in command.flows))

    async def _settled(self, flow: Flow[Any], places: asyncio.Semaphore, failed: list[errors.CodatLendingError]) -> Any:
        async with places:
            if failed:
                return failed[0]
            try:
                return await self.drive(flow)
            except errors.CodatLendingError as error:
                failed.append(error)
                return error

    async def _request(self, request: Request) -> Outcome:
        sent = self.monotonic()
        try:
            async with asyncio.timeout(self.limit(request)) as limit:
                # Known while it is under way, so that :meth:`end` can bring its limit forward.
                entry = (asyncio.get_running_loop(), limit)
                self._under_way.add(entry)
                try:
                    return await self._answer(request, sent)
                finally:
                    self._under_way.discard(entry)
        except transport.no_answer() as error:
            return self.lost(request, error, sent)
        except BaseException as error:  # noqa: BLE001 - goes on at once, only without frames that hold the key
            raise self.passing(request, error) from None

    async def _answer(self, request: Request, sent: float) -> Outcome:
        response = await self._send(request)
        try:
            heard = transport.heard(response)
            return self.outcome(request, response, heard, await self._body(response, heard), sent)
        finally:
            await response.aclose()

    async def _send(self, request: Request) -> Any:
        if self._ended:
            raise transport.Unusable("the client was closed")
        if self.given is None:
            return await self._pool(request.base).handle_async_request(self.prepare(request))
        self.check()
        return await self.given.send(self.prepare(request), stream=True, follow_redirects=False)

    async def _body(self, response: Any, heard: dict[str, str]) -> bytes:
        if self.given is not None and response.is_stream_consumed:
            content: bytes = response.content
            return content
        body = transport.Body(heard.get("content-encoding", ""))
        async for piece in response.aiter_stream() if self.given is None else response.aiter_raw():
            body.add(piece)
        return body.whole()

    def _pool(self, base: str) -> "httpcore.AsyncConnectionPool":
        loop = asyncio.get_running_loop()
        with self._lock:
            for closed in [each for each in self._own if each.is_closed()]:
                del self._own[closed]
            pools = self._own.setdefault(loop, {})
        if base not in pools:  # only this loop's thread touches its own pools
            from codat_notebook.client.pools import pool

            pools[base] = pool(base, self.note, awaits=True)
        return pools[base]

    async def close(self) -> None:
        """Close the connections of the running loop; the next request opens new ones."""
        with self._lock:
            pools = self._own.pop(running_loop(), {})
        for pool in pools.values():
            await pool.aclose()

    async def end(self) -> None:
        """Close the connections of the running loop for good.

        What is on its way is given up first. Its connection would be lost else: one that is just being made belongs to
        nobody yet, and a request whose connection is closed is tried again, on a new one.
        """
        self._ended = True
        loop = running_loop()
        for limit in [limit for of, limit in self._under_way if of is loop and not limit.expired()]:
            limit.reschedule(loop.time())
        until = loop.time() + _PATIENCE
        while any(of is loop for of, _ in self._under_way) and loop.time() < until:  # noqa: ASYNC110 - a few turns, once
            await asyncio.sleep(0.001)
        await self.close()


async def _joined(future: "Future[Any]", seconds: float | None) -> bool:
    # asyncio.wait, unlike wait_for, cancels nothing: the future belongs to others as well.
    done, _ = await asyncio.wait([asyncio.wrap_future(future)], timeout=seconds)
    return bool(done)
