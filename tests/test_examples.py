"""The service in ``examples/``, as it runs in production: two workers, started by uvicorn or forked from a parent."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from codat_notebook.sandbox import Sandbox

from .events.signing import SECRET, body_of, event, signed
from .forked import needs_fork
from .links import ROOT

pytest.importorskip("fastapi", reason="pip install fastapi")

DEADLINE = 120.0
#: Loads the service, uses it, and forks two workers on one socket, as ``gunicorn --preload`` does. They end with it.
_PRELOADED = """
import os, socket, sys, threading, uvicorn, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import service
service.session.companies(limit=1)
line = socket.create_server(("127.0.0.1", int(sys.argv[1])))
for _ in range(2):
    alive, held = os.pipe()
    if os.fork() == 0:
        os.close(held)
        threading.Thread(target=lambda: (os.read(alive, 1), os._exit(0)), daemon=True).start()
        uvicorn.Server(uvicorn.Config(service.app, log_level="warning")).run(sockets=[line])
        os._exit(0)
sys.stdin.read()
"""
STARTED_BY = {
    "uvicorn": ["-m", "uvicorn", "--workers", "2", "--log-level", "warning", "service:app", "--port"],
    "fork": ["-c", _PRELOADED],
}


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as line:
        return int(line.getsockname()[1])


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """The Codat that the service talks to."""
    with Sandbox(speed=600) as sandbox:
        yield sandbox


@pytest.fixture(params=[pytest.param("uvicorn"), pytest.param("fork", marks=needs_fork)])
def web(sandbox: Sandbox, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A connection to one of its workers."""
    port = free_port()
    told = {"CODAT_SANDBOX_URL": sandbox.url, "CODAT_SANDBOX_KEY": sandbox.key, "CODAT_WEBHOOK_SECRET": SECRET}
    told["PYTHONPATH"] = os.pathsep.join(sys.path)
    service = subprocess.Popen(
        [sys.executable, *STARTED_BY[request.param], str(port)],
        cwd=ROOT / "examples", env=os.environ | told, stdin=subprocess.PIPE,
    )  # fmt: skip
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE) as web:
            until = time.monotonic() + DEADLINE
            while not _answers(web):
                assert service.poll() is None, "the service has ended"
                assert time.monotonic() < until, "the service does not answer"
                time.sleep(0.2)
            yield web
    finally:
        assert service.stdin is not None
        service.stdin.close()
        service.terminate()
        service.wait(DEADLINE)


def _answers(web: httpx.Client) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return web.get("/openapi.json").status_code == 200
    return False


def test_the_service(sandbox: Sandbox, web: httpx.Client) -> None:
    """It refreshes, awaits, hears events and answers in Codat's JSON; a run is found again; mistakes are answered, not
    queued."""
    company = sandbox.world.companies({"query": "name~Toft"})["results"][0]
    path = f"/companies/{company['id']}"
    assert web.get(path).json()["dataConnections"][0]["id"] == company["dataConnections"][0]["id"]
    for data_type in ("invoices", "bills"):
        sandbox.faults.end_next("Complete", data_type=data_type, company_id=company["id"])
    ended = web.post(f"{path}/refresh", params={"data_types": ["invoices", "bills"]}).json()
    assert "2 of 2 ended" in ended["line"]
    operations = web.get(f"/runs/{ended['run']}").json()
    assert {each["dataType"]: each["isCompleted"] for each in operations} == {"invoices": True, "bills": True}
    begun = web.post(f"{path}/refresh", params={"data_types": "customers", "wait": False}).json()
    assert web.get(f"/runs/{begun['run']}").status_code == 200
    body, now = body_of(event()), int(time.time())
    heard = [web.post("/codat", content=body, headers=signed(body, at=at)).status_code for at in (now, 1)]
    assert heard == [204, 401]
    accepted = len(sandbox.world.accepted)
    wrong = web.post(f"{path}/refresh", params={"data_types": "invoice"})
    assert (wrong.status_code, "Did you mean 'invoices'?" in wrong.text) == (422, True)
    nobody = web.post("/companies/00000000-0000-4000-8000-000000000000/refresh", params={"data_types": "invoices"})
    assert (nobody.status_code, nobody.json()["queued"]) == (404, None)
    assert web.get("/runs/x").status_code == 404
    assert len(sandbox.world.accepted) <= accepted + 1  # the customers, which may be queued just then
    shapes = web.get("/openapi.json").json()["paths"]["/companies/{company_id}"]["get"]["responses"]["200"]["content"]
    assert "dataConnections" in shapes["application/json"]["schema"]["properties"]
