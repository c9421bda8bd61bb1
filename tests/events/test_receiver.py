"""Deliveries over HTTP: what each is answered with, what is told of it, and that nothing else changes."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from codat_notebook.events import Event
from codat_notebook.events.receiver import LARGEST, Receiver

from .signing import COMPANY, NOW, SECRET, body_of, event, signature, signed

OTHER = "whsec_b3RoZXJvdGhlcm90aGVy"
BODY = body_of(event())
LATER = int(NOW.timestamp())


class Ear:
    """A receiver with what it handed on and told."""

    def __init__(self) -> None:
        self.heard: list[Event] = []
        self.lines: list[str] = []
        self.app = Receiver(SECRET, self.heard.append, self.lines.append, lambda: NOW)

    def post(self, headers: dict[str, str], body: bytes | list[bytes] = BODY, method: str = "POST") -> int:
        """The status of the answer to a delivery."""
        parts = body if isinstance(body, list) else [body]
        messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
        messages[-1]["more_body"] = False
        pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return messages.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        async def ask() -> None:
            await self.app({"type": "http", "method": method, "headers": pairs}, receive, send)

        with asyncio.Runner() as runner:
            runner.run(ask())
        assert sent[1] == {"type": "http.response.body", "body": b""}
        return int(sent[0]["status"])


Hostile = tuple[dict[str, str], bytes | list[bytes], str, int]


def without(name: str) -> dict[str, str]:
    """The headers of a good delivery but one."""
    return {key: value for key, value in signed(BODY).items() if key != name}


NO_JSON, NO_EVENT = b'{"id": "e9", "eventType": ', b'{"id": "e9", "payload": {}}'
DEEP = b"[" * 50_000
HOSTILE: dict[str, Hostile] = {
    "wrong signature": (signed(BODY) | {"webhook-signature": "v1,AAAA"}, BODY, "POST", 401),
    "another secret": (signed(BODY, secret=OTHER), BODY, "POST", 401),
    "no signature": (without("webhook-signature"), BODY, "POST", 400),
    "no id": (without("webhook-id"), BODY, "POST", 400),
    "no time": (without("webhook-timestamp"), BODY, "POST", 400),
    "no headers": ({}, BODY, "POST", 400),
    "unsigned version": (signed(BODY) | {"webhook-signature": "v0,x"}, BODY, "POST", 401),
    "signed by another algorithm": (signed(BODY) | {"webhook-signature": "v1a,x"}, BODY, "POST", 401),
    "empty signature": (signed(BODY) | {"webhook-signature": "v1,"}, BODY, "POST", 401),
    "a thousand signatures": (signed(BODY) | {"webhook-signature": "v1,AAAA " * 1000}, BODY, "POST", 401),
    "svix's own names": ({k.replace("webhook", "svix"): v for k, v in signed(BODY).items()}, BODY, "POST", 400),
    "replayed after an hour": (signed(BODY, at=LATER - 3600), BODY, "POST", 401),
    "from the future": (signed(BODY, at=LATER + 3600), BODY, "POST", 401),
    "an old signature": (signed(BODY, at=LATER - 3600) | {"webhook-timestamp": str(LATER)}, BODY, "POST", 401),
    "a new id on an old signature": (signed(BODY) | {"webhook-id": "msg_2"}, BODY, "POST", 401),
    "a time in words": (signed(BODY) | {"webhook-timestamp": "now"}, BODY, "POST", 400),
    "changed by a byte": (signed(BODY), BODY.replace(b"Complete", b"Complet3"), "POST", 401),
    "written anew": (signed(BODY), json.dumps(json.loads(BODY), indent=2).encode(), "POST", 401),
    "cut off": (signed(BODY), BODY[:-9], "POST", 401),
    "no body": (signed(BODY), b"", "POST", 401),
    "huge": (signed(BODY), [b" " * 65_536] * 40, "POST", 413),
    "huge and signed": (signed(b" " * (LARGEST + 1)), b" " * (LARGEST + 1), "POST", 413),
    "not JSON": (signed(NO_JSON), NO_JSON, "POST", 400),
    "no event": (signed(NO_EVENT), NO_EVENT, "POST", 400),
    "too deep": (signed(DEEP), DEEP, "POST", 400),
    "not UTF-8": (signed(b"\xff\xfe"), b"\xff\xfe", "POST", 400),
    "fetched": (signed(BODY), BODY, "GET", 405),
    "a header that is no ASCII": (signed(BODY) | {"webhook-id": "\xff"}, BODY, "POST", 401),
}  # fmt: skip


@pytest.mark.parametrize(("headers", "body", "method", "status"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_delivery_changes_nothing(headers: dict[str, str], body: Any, method: str, status: int) -> None:
    """It has the right status, is told once, and the secret is nowhere; the good one afterwards is taken."""
    ear = Ear()
    assert ear.post(headers, body, method) == status
    assert ear.heard == []
    (line,) = ear.lines
    assert line.startswith(f"{status} refused: ")
    assert SECRET.removeprefix("whsec_") not in line + repr(vars(ear.app))
    assert ear.post(signed(BODY)) == 204
    assert [each.id for each in ear.heard] == ["e1"]


def test_what_is_genuine_is_taken_once() -> None:
    """In parts and by PUT too; again it is answered well, told, and not handed on; unknown types are."""
    ear = Ear()
    assert ear.post(signed(BODY), [BODY[:20], BODY[20:]], "PUT") == 204
    assert ear.post(signed(BODY)) == 204
    assert ear.post(signed(BODY, id="msg_replayed")) == 204
    strange = body_of({"id": "e7", "eventType": "moon.rises\x1b[31m", "payload": {"referenceCompany": {"id": "x"}}})
    assert ear.post(signed(strange, id="m7"), strange) == 204
    assert [each.company_id for each in ear.heard] == [COMPANY, "x"]
    assert ear.lines[0] == "204 read.completed of Toft: invoices Complete, changed"
    assert ear.lines[1].endswith(": received before")
    assert "\x1b" not in ear.lines[3]


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """After some seconds that is answered, and the line is closed."""
    monkeypatch.setattr("codat_notebook.events.receiver.SLOWEST", 0.01)
    ear, sent = Ear(), []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    with asyncio.Runner() as runner:
        runner.run(ear.app({"type": "http", "method": "POST", "headers": []}, receive, send))  # type: ignore[arg-type]
    assert (sent[0]["status"], (b"connection", b"close") in sent[0]["headers"]) == (408, True)


def test_its_clock_and_secrets_can_be_given() -> None:
    """While secrets are rotated, deliveries of either are taken."""
    heard: list[Event] = []
    now: Callable[[], Any] = lambda: NOW + timedelta(hours=1)  # noqa: E731 - a clock
    ear = Ear()
    ear.app = Receiver([OTHER, SECRET], heard.append, clock=now)
    assert ear.post(signed(BODY)) == 401
    assert ear.post(signed(BODY, at=LATER + 3600)) == 204
    assert ear.post(signed(BODY, at=LATER + 3600, secret=OTHER, id="m2")) == 204
    assert signature(OTHER, "a", 1, b"") != signature(SECRET, "a", 1, b"")
    assert len(heard) == 1
