"""How fast deliveries are answered: a burst at ``codat-notebook listen``, against an application that only says 204.

Codat waits 15 s for an answer. Each server is a process of its own, and 16 deliveries are under way at a time.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import psutil

from ..events.signing import SECRET, body_of, event, signed  # noqa: TID252 - the tests are not installed

DELIVERIES, AT_ONCE, ROUNDS, QUICK = 2_000, 16, 3, 0.05
LISTEN = "from codat_notebook.cli import main; main(['listen'])"
PEER = """
import socket, uvicorn
async def app(scope, receive, send):
    await receive()
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})
sock = socket.create_server(("127.0.0.1", 0), backlog=4096)
print(f"Listening http://127.0.0.1:{sock.getsockname()[1]}/", flush=True)
uvicorn.Server(uvicorn.Config(app, http="h11", lifespan="off", ws="none", log_level="error")).run([sock])
"""


@contextmanager
def serving(code: str) -> Iterator[tuple[int, psutil.Process]]:
    """A server's port and process."""
    secret = os.environ | {"CODAT_WEBHOOK_SECRET": SECRET}
    process = subprocess.Popen([sys.executable, "-c", code], env=secret, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline().rstrip("/\n").rpartition(":")[2])
        threading.Thread(target=process.stdout.read, daemon=True).start()  # nobody waits for a reader of what it prints
        yield port, psutil.Process(process.pid)
    finally:
        process.kill()
        process.communicate()


def requests(name: str) -> list[bytes]:
    """Deliveries as they go over the line."""
    now, made = int(datetime.now(UTC).timestamp()), []
    for number in range(DELIVERIES):
        body = body_of(event(id=f"{name}{number}"))
        headers = {**signed(body, f"msg_{name}{number}", now), "Content-Length": len(body), "Connection": "close"}
        lines = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
        made.append(f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n".encode() + body)
    return made


async def burst(port: int, deliveries: list[bytes]) -> list[float]:
    """Seconds until each delivery was answered."""
    waiting, took = iter(deliveries), []

    async def deliver() -> None:
        for delivery in waiting:
            began = time.perf_counter()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(delivery)
            answer = await reader.read()
            took.append(time.perf_counter() - began)
            writer.close()
            assert answer.startswith(b"HTTP/1.1 204"), answer

    await asyncio.gather(*(deliver() for _ in range(AT_ONCE)))
    return took


def bench_a_burst_of_deliveries() -> None:
    """Most within 50 ms, all within 15 s, for at most three times the processor time of an empty application."""
    results: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {"listen": [], "peer": []}
    with serving(LISTEN) as listen, serving(PEER) as peer:
        for number in range(ROUNDS):
            for name, (port, process) in (("listen", listen), ("peer", peer)):
                before = process.cpu_times()
                results.setdefault(name, []).extend(asyncio.run(burst(port, requests(f"{name}{number}-"))))
                after = process.cpu_times()
                cpu[name].append(after.user + after.system - before.user - before.system)
    for name, took in results.items():
        share, each_ms = sum(one <= QUICK for one in took) / len(took), statistics.median(cpu[name]) / DELIVERIES * 1000
        print(
            f"{name}: median {statistics.median(took) * 1000:.0f} ms, {share:.1%} within 50 ms, longest "
            f"{max(took) * 1000:.0f} ms, {each_ms:.2f} ms of processor time each"
        )
    ratio = statistics.median(mine / theirs for mine, theirs in zip(cpu["listen"], cpu["peer"], strict=True))
    print(f"processor time: {ratio:.2f} x that of an empty application")
    assert statistics.median(results["listen"]) <= QUICK
    assert max(results["listen"]) < 15
    assert ratio <= 3
