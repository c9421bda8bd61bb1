"""A small endpoint on this machine for Codat's deliveries, beside everything else on the engine's loop.

It listens on 127.0.0.1 only. How Codat reaches it is the user's to decide: a tunnel of one's own, whose address is the
consumer's in the Portal.
"""

import asyncio
import base64
import concurrent.futures
import contextlib
import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

from codat_notebook import forking
from codat_notebook.events import Event, SigningSecret
from codat_notebook.events.receiver import Receiver
from codat_notebook.models.errors import ConfigurationError, hides_arguments
from codat_notebook.runs.context import RunContext
from codat_notebook.runs.engine import Engine, wait
from codat_notebook.runs.records import logger

if TYPE_CHECKING:
    from codat_notebook.sandbox.webhooks import Webhooks

#: Seconds in which it starts, and ends.
_PATIENCE = 60.0


class Listener:
    """Listens until :meth:`stop`, or the end of the ``with`` statement. Made by ``session.listen``.

    Raises ``OSError`` where the port is taken.
    """

    def __init__(self, engine: Engine, receiver: Receiver, port: int = 0) -> None:
        self._socket = forking.listening(port)
        #: Where deliveries are posted to.
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/"
        self._engine = engine
        self._server = _server(receiver)
        #: What is to be done when it ends.
        self.ends = contextlib.ExitStack()
        engine.hold(self)
        forking.remember(self)
        self._future: concurrent.futures.Future[None] | None = engine.submit(self._server.serve(sockets=[self._socket]))
        engine.call(self._started(self._future))

    async def _started(self, serving: concurrent.futures.Future[None]) -> None:
        async with asyncio.timeout(_PATIENCE):
            while not (self._server.started or serving.done()):  # noqa: ASYNC110 - uvicorn tells by a flag
                await asyncio.sleep(0.01)

    def _after_fork(self) -> None:
        """In a forked child: the parent listens on."""
        if self._future is not None:
            forking.leave(self._server, self._socket)
            self._future = None

    def stop(self) -> None:
        """Answer what has come, and listen no more. Safe to call twice."""
        future, self._future = self._future, None
        if future is None:
            return
        self.ends.close()
        self._server.should_exit = True
        if not self._engine.closed:
            with contextlib.suppress(concurrent.futures.CancelledError):  # the engine was closed meanwhile
                wait(future, _PATIENCE)
        self._socket.close()
        self._engine.release(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Listener {self.url}{'' if self._future is not None else ', ended'}>"


#: What a sandbox sends: each event under one of its names.
TYPES = ("read.completed", "*.read.completed", "connection.*", "company.*", "client.*")


@hides_arguments
def listen(
    context: RunContext, secret: str | Sequence[str] | None, port: int, webhooks: "Webhooks | None",
    observer: Callable[[Event], object] | None, tell: Callable[[str], object],
) -> Listener:  # fmt: skip
    """See ``Session.listen``. ``webhooks`` are a sandbox's that delivers here by itself."""
    if secret is None and webhooks is None:
        raise ConfigurationError(
            "Give the endpoint's signing secret (whsec_...): the Portal shows it under Monitor > Webhooks. A sandbox "
            "that was started elsewhere has the one of its webhooks.add(listener.url, ..., secret=...)."
        )
    own = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    made = SigningSecret.of(own if secret is None else secret)
    del secret

    def hand_on(event: Event) -> None:
        context.told(event)
        if observer is not None:
            context.engine.run_user_code(observer, event)

    listener = Listener(context.engine, Receiver(made, hand_on, tell), port)
    listener.ends.callback(context.closing.observe(lambda _: listener.stop()))
    if webhooks is not None:
        consumer = webhooks.add(listener.url, TYPES, own)
        listener.ends.callback(webhooks.remove, consumer.id)
    return listener


def _server(receiver: Receiver) -> Any:
    """A uvicorn that prints nothing and whose log is ours."""
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Quiet(H11Protocol):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.logger = logger
            self.access_log = False

    config = uvicorn.Config(
        receiver, loop="asyncio", http=Quiet, ws="none", lifespan="off", interface="asgi3", log_config=None,
        proxy_headers=False, server_header=False, backlog=4096, timeout_graceful_shutdown=5,
    )  # fmt: skip
    return uvicorn.Server(config)
