"""Codat's webhook service in small: consumers, and signed deliveries of what happens, on the world's clock.

:class:`Webhooks` waits for nothing: it says what is due and is told how that went, so that tests deliver by hand.
:func:`deliver` sends for real, to this machine only. At least once, with the documented retries; with
:meth:`Webhooks.spoil` some are lost, doubled, late (and by that out of order) or wrongly signed.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec import Meta

from codat_notebook.sandbox.event_log import Entry
from codat_notebook.sandbox.exchange import ErrorResponse, invalid, is_this_machine
from codat_notebook.sandbox.virtual_time import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from codat_notebook.sandbox.world import World

#: Documented (webhooks/troubleshooting.md): the pauses after each attempt that fails; then the message has failed.
PAUSES: Final = (5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR)
#: Documented: a consumer that fails for so long is disabled, and there are so many at most.
DISABLED_AFTER: Final = 5 * DAY
MOST: Final = 50
#: Documented: seconds (real ones here) in which a consumer answers.
TIMEOUT: Final = 15.0
_EVERY, _AT_ONCE = 0.05, 32  # real seconds between two looks at what is due; deliveries under way
Share = Annotated[float, Meta(ge=0, le=1)]


class Spoilt(msgspec.Struct, forbid_unknown_fields=True):
    """How deliveries go wrong: shares that are lost, doubled and wrongly signed; virtual seconds that they are late."""

    drop: Share = 0
    double: Share = 0
    wrong_signature: Share = 0
    late: Annotated[float, Meta(ge=0)] = 0


@dataclass(eq=False)
class Consumer:
    """An endpoint, the (patterns of) event types that it gets, and its secret."""

    id: str
    url: str
    event_types: tuple[str, ...]
    secret: str = field(repr=False)
    company_tags: tuple[str, ...] = ()
    disabled: bool = False
    failing_since: int | None = None

    def wants(self, entry: Entry, kind: str) -> bool:
        """Whether it gets an event; any of the company's tags is enough."""
        told = entry.company.template.tags.items() if entry.company is not None else ()
        tagged = not self.company_tags or any(f"{name}:{value}" in self.company_tags for name, value in told)
        return tagged and any(fnmatchcase(kind, each) for each in self.event_types)

    def document(self) -> dict[str, Any]:
        """It as the API lists it: the secret is shown in the Portal only."""
        return {
            "id": self.id, "url": self.url, "disabled": self.disabled, "eventTypes": list(self.event_types),
            "companyTags": list(self.company_tags),
        }  # fmt: skip


@dataclass(eq=False)
class Delivery:
    """A message on its way to a consumer: its id stays the same in all attempts."""

    consumer: Consumer
    id: str
    body: bytes
    attempt: int = 0


class Webhooks:
    """The consumers of a world, and what is on its way to them. Methods may be called from any thread."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._due: list[tuple[int, int, Delivery]] = []
        self._number = count()
        self._seen = 0
        self.spoilt = Spoilt()
        self.consumers: list[Consumer] = []

    def add(
        self, url: str, events: Sequence[str] = ("*",), secret: str | None = None, *, tags: Sequence[str] = (),
        disabled: bool = False,
    ) -> Consumer:  # fmt: skip
        """Send what happens from now on to an address of this machine.

        Args:
            url: ``http://127.0.0.1:...``; any other machine's is refused with ``ValueError``.
            events: the types; ``*`` stands for any text, as in ``"connection.*"``.
            secret: ``"whsec_..."``; by default one made of the seed, as :attr:`Consumer.secret` tells.
            tags: ``"name:value"``; only companies with one of these.

        >>> from codat_notebook.sandbox.world import World
        >>> World(companies=3).webhooks.add("http://127.0.0.1:8000/codat", ["read.completed"]).event_types
        ('read.completed',)
        """
        parts = _address(url)
        if parts.scheme != "http" or not is_this_machine(parts.netloc):
            raise ValueError("a sandbox delivers to this machine only: http://127.0.0.1:<port>/...")
        if not events or isinstance(events, str):
            raise ValueError("name at least one type of event, in a list")
        if secret is not None and not _key(secret):
            raise ValueError("a secret is 'whsec_' and some Base64")
        with self._world.lock:
            if len(self.consumers) >= MOST:
                raise ValueError(f"there are {MOST} consumers, the most that there may be: delete one first")
            self.take()  # what happened before is nothing to it
            id = self._world.draws.uuid("consumer", next(self._number))
            made = "whsec_" + base64.b64encode(bytes.fromhex(self._world.draws.hex("secret", id))).decode()
            consumer = Consumer(id, url, tuple(events), secret or made, tuple(tags), disabled)
            self.consumers.append(consumer)
            return consumer

    def remove(self, id: str) -> None:
        """Send a consumer nothing more; 404 where there is none of that id."""
        with self._world.lock:
            consumer = next((each for each in self.consumers if each.id == id.lower()), None)
            if consumer is None:
                raise ErrorResponse(404, f"No webhook consumer was found with ID {id[:100]}", "WebhooksApi")
            self.consumers.remove(consumer)

    def listing(self) -> dict[str, Any]:
        """``GET /webhooks``."""
        return {"results": [each.document() for each in self.consumers]}

    def create(self, body: bytes) -> dict[str, Any]:
        """``POST /webhooks``; 400 for what :meth:`add` refuses."""
        try:
            wanted = msgspec.json.decode(body, type=_Wanted)
            return self.add(
                wanted.url, wanted.eventTypes, tags=wanted.companyTags or (), disabled=wanted.disabled or False
            ).document()
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise invalid(str(error)) from error

    def spoil(self, **how: float) -> None:
        """Let deliveries go wrong from now on: ``drop``, ``double``, ``wrong_signature`` (shares from 0 to 1), ``late``
        (up to so many virtual seconds each, so that they come out of order). Without arguments all is well again;
        ``ValueError`` for what there is not."""
        try:
            self.spoilt = msgspec.convert(how, Spoilt)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from error

    def replay(self, consumer: Consumer) -> int:
        """Send a consumer all events so far as new messages, as the Portal does; says how many."""
        with self._world.lock:
            self.take()
            before = len(self._due)
            self._send([consumer], self._world.log.entries, self._world.clock.ticks())
            return len(self._due) - before

    # Deliveries

    def take(self) -> None:
        """Line up what has happened since this was last called."""
        with self._world.lock:
            self._world.notice()
            new, self._seen = self._world.log.entries[self._seen :], len(self._world.log.entries)
            if self.consumers:
                self._send(self.consumers, new, self._world.clock.ticks())

    def _send(self, consumers: Sequence[Consumer], entries: Sequence[Entry], now: int) -> None:
        for entry, document in self._world.log.documents(entries):
            for consumer in consumers:
                if not consumer.disabled and consumer.wants(entry, document["eventType"]):
                    id = self._world.draws.hex("message", next(self._number))
                    drop, double, late, *_ = self._world.draws.uniforms("delivery", id)
                    if drop >= self.spoilt.drop:
                        delivery = Delivery(consumer, f"msg_{id}", msgspec.json.encode(document))
                        at = now + round(late * self.spoilt.late * SECOND)
                        for n in range(2 if double < self.spoilt.double else 1):
                            heappush(self._due, (at + n * SECOND, next(self._number), delivery))

    def due(self) -> list[Delivery]:
        """What is to be sent now; each is to be reported by :meth:`answered`."""
        with self._world.lock:
            self.take()
            now, ready = self._world.clock.ticks(), []
            while self._due and self._due[0][0] <= now:
                delivery = heappop(self._due)[2]
                if delivery.consumer in self.consumers and not delivery.consumer.disabled:
                    ready.append(delivery)
            return ready

    def answered(self, delivery: Delivery, well: bool) -> None:
        """An attempt was answered with 2XX in time, or was not: then it is made again after a pause."""
        with self._world.lock:
            now, consumer = self._world.clock.ticks(), delivery.consumer
            if well:
                consumer.failing_since = None
                return
            consumer.failing_since = now if consumer.failing_since is None else consumer.failing_since
            consumer.disabled = consumer.disabled or now - consumer.failing_since >= DISABLED_AFTER
            if delivery.attempt < len(PAUSES):
                heappush(self._due, (now + PAUSES[delivery.attempt], next(self._number), delivery))
                delivery.attempt += 1

    def headers(self, delivery: Delivery, at: int) -> dict[str, str]:
        """The headers of an attempt that is made ``at`` epoch seconds: real ones, for receivers have no other clock."""
        wrong = self._world.draws.number("wrong", delivery.id, delivery.attempt) < self.spoilt.wrong_signature
        key = b"of somebody else" if wrong else _key(delivery.consumer.secret)
        signature = hmac.digest(key, f"{delivery.id}.{at}.".encode() + delivery.body, "sha256")
        return {
            "content-type": "application/json", "webhook-id": delivery.id, "webhook-timestamp": str(at),
            "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
        }  # fmt: skip


class _Wanted(msgspec.Struct):
    """What ``POST /webhooks`` is sent."""

    url: str
    eventTypes: list[str]
    companyTags: Annotated[list[Annotated[str, Meta(max_length=128)]], Meta(max_length=10)] | None = None
    disabled: bool | None = False


def _address(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.port == 0 or any(not " " < letter <= "~" for letter in url):
        raise ValueError("no address")
    return parts


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        return b""


async def deliver(webhooks: Webhooks) -> NoReturn:
    """Send what is due, for ever."""
    loop, places = asyncio.get_running_loop(), asyncio.Semaphore(_AT_ONCE)
    under_way: set[asyncio.Task[None]] = set()
    while True:
        began = loop.time()
        for delivery in webhooks.due() if webhooks.consumers else ():
            task = loop.create_task(_attempt(webhooks, delivery, places))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.sleep(max(_EVERY, 5 * (loop.time() - began)))  # a large world is not looked at all the time


async def _attempt(webhooks: Webhooks, delivery: Delivery, places: asyncio.Semaphore) -> None:
    async with places:
        try:
            async with asyncio.timeout(TIMEOUT):
                headers = webhooks.headers(delivery, int(datetime.now(UTC).timestamp()))
                status = await _post(_address(delivery.consumer.url), headers, delivery.body)
        except (OSError, TimeoutError, ValueError, IndexError):
            status = 0
        webhooks.answered(delivery, 200 <= status < 300)


async def _post(address: SplitResult, headers: Mapping[str, str], body: bytes) -> int:
    """The status of the answer; redirects are not followed, no proxy is asked."""
    reader, writer = await asyncio.open_connection(address.hostname, address.port or 80)
    try:
        target = (address.path or "/") + (f"?{address.query}" if address.query else "")
        told = {"host": address.netloc, "content-length": str(len(body)), "connection": "close", **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        writer.write(f"POST {target} HTTP/1.1\r\n{head}\r\n".encode() + body)
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()
