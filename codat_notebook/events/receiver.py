"""An ASGI application that answers Codat's deliveries: verified, handed on, and answered at once.

It stands alone (``uvicorn``, or mounted in Starlette or FastAPI) and within ``session.listen``. Statuses: 204 taken
(again, too, and what nobody knows), 400 no event, 401 not genuine, 405 another method, 408 and 413 too slow or too
large. Codat tries again what is not answered with 2XX within 15 seconds.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from codat_notebook.events import Event, EventError, Inbox, SigningSecret, read
from codat_notebook.models.errors import hides_arguments, shown

Message = Mapping[str, Any]
#: Bytes of a body, and seconds in which it comes, at most.
LARGEST, SLOWEST = 1_048_576, 10.0


class Receiver:
    """Answers deliveries to one endpoint.

    Args:
        secret: the endpoint's, or several.
        hand_on: called with each event that was not heard before; quick, for the answer waits for it.
        tell: called with a line about each delivery, also those that are not taken.
        clock: gives the aware datetime that deliveries are compared with; the machine's time by default.
    """

    @hides_arguments
    def __init__(
        self, secret: str | Sequence[str] | SigningSecret, hand_on: Callable[[Event], object],
        tell: Callable[[str], object] = lambda line: None, clock: Callable[[], datetime | None] = lambda: None,
    ) -> None:  # fmt: skip
        self._secret = SigningSecret.of(secret)
        self._hand_on = hand_on
        self._tell = tell
        self._clock = clock
        self._inbox = Inbox()

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        """One request."""
        if scope["type"] != "http":  # a server asks for a lifespan, and goes on without
            return
        status, line = await self._taken(scope, receive)
        self._tell(shown(f"{status} {line}")[:500])
        headers = [(b"content-length", b"0"), *([(b"connection", b"close")] if status in (408, 413) else [])]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def _taken(self, scope: Message, receive: Callable[[], Awaitable[Message]]) -> tuple[int, str]:
        """The status to answer with, and what to tell."""
        if scope["method"] not in ("POST", "PUT"):  # a transformation may make it a PUT
            return 405, f"refused: {scope['method']} is not a delivery"
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            async with asyncio.timeout(SLOWEST):
                body = await _body(receive)
        except TimeoutError:
            return 408, f"refused: the body did not come within {SLOWEST:.0f} s"
        if body is None:
            return 413, f"refused: more than {LARGEST:,} bytes"
        try:
            event = read(headers, body, self._secret, now=self._clock())
        except EventError as error:
            return error.status, f"refused: {error}"
        if (news := self._inbox.take(event)) is None:
            return 204, f"{event}: received before"
        self._hand_on(news)
        return 204, str(event)


async def _body(receive: Callable[[], Awaitable[Message]]) -> bytes | None:
    """The whole body; ``None`` where it is too large."""
    parts, size, more = [], 0, True
    while more and size <= LARGEST:
        message = await receive()
        more = message.get("more_body", False)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
    return b"".join(parts) if size <= LARGEST else None
