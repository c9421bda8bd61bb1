"""A gateway before a sandbox that sends each request's headers back: in errors, pages, headers, and in every text."""

import http.client
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from typing import Any, Self
from urllib.parse import urlsplit

from tests.keys import FORMS, PLAIN

#: Fields whose text is a person's or a platform's; the others are ids, times and words that have a meaning.
_TEXTS = ("name", "errorMessage", "statusDescription", "platformName", "message", "error", "service", "description")
_OF_THE_LINE = ("host", "accept-encoding", "content-length", "connection")
_DEADLINE = 60.0


class Gateway:
    """Passes requests on; ``spoil`` may name a status to answer instead: method and path -> status, or None.

    401 is a page, 302 leads elsewhere, the others are in Codat's own form.
    """

    def __init__(self, sandbox_url: str) -> None:
        self.spoil: Callable[[str, str], int | None] = lambda method, path: None
        self.echoed = 0
        host = urlsplit(sandbox_url).netloc
        gateway, spellings = self, cycle(PLAIN.values())

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                secret = self.headers["Authorization"]
                refused = gateway.spoil(self.command, self.path)
                status, headers, body = _ask(host, self) if refused is None else _refusal(refused, secret)
                if refused is None and body[:1] == b"{":
                    body = json.dumps(_spoken(json.loads(body), lambda: next(spellings)(secret))).encode()
                gateway.echoed += 1
                self.send_response_only(status)
                for name, text in {**headers, "X-Echo": secret, "X-Token": secret.split()[1]}.items():
                    self.send_header(name, text)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *told: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="codat-gateway")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _ask(host: str, request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
    line = http.client.HTTPConnection(host, timeout=_DEADLINE)
    try:
        headers = {
            name: text for name, text in request.headers.items() if name.lower() not in ("host", "accept-encoding")
        }
        line.request(request.command, request.path, headers=headers)
        answer = line.getresponse()
        body = answer.read()
        kept = {
            name: text for name, text in answer.getheaders() if name.lower() not in ("content-length", "connection")
        }
        return answer.status, kept, body
    finally:
        line.close()


def _refusal(status: int, secret: str) -> tuple[int, dict[str, str], bytes]:
    echo = " | ".join(form(secret) for form in FORMS.values())
    if status == 401:
        return status, {"Content-Type": "text/html"}, f"<html><b>Authorization: {echo}</b></html>".encode()
    if status == 302:
        return status, {"Location": f"https://elsewhere.test/?k={secret.split()[1]}"}, b""
    told = {"error": f"Refused: {echo}", "service": echo, "correlationId": "c-1", "statusCode": status}
    return status, {"Content-Type": "application/json"}, json.dumps(told).encode()


def _spoken(value: Any, echo: Callable[[], str]) -> Any:
    """The same JSON with an echo in each text."""
    if isinstance(value, list):
        return [_spoken(each, echo) for each in value]
    if not isinstance(value, dict):
        return value
    inside = {key: _spoken(each, echo) for key, each in value.items()}
    spoken = {key: f"{inside[key] or ''} {echo()}" for key in _TEXTS if isinstance(inside.get(key, 0), str | None)}
    return inside | spoken
