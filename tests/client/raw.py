"""A loopback server that writes whatever bytes it is told to: for what no HTTP server would send."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Self

Script = bytes | Callable[[], Iterable[bytes]]


class Raw:
    """Answers the n-th connection with the n-th script, the last one for ever.

    A script is bytes, or a function that gives bytes, which are written until the client hangs up.
    """

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.heard: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, name="codat-raw", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(OSError):  # wakes the accept
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return  # closed
            with connection, contextlib.suppress(OSError):  # the client may hang up at any time
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        heard = b""
        while b"\r\n\r\n" not in heard:
            piece = connection.recv(65536)
            if not piece:
                return
            heard += piece
        self.heard.append(heard)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        for piece in [script] if isinstance(script, bytes) else script():
            connection.sendall(piece)


def answer(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """A whole HTTP answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + body
