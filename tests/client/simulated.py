"""A small Codat in virtual time that counts what it really queued, and a driver without HTTP, to try flows on.

It knows queueing, its idempotency layer, the history and how all of them can fail: by faults, late and out of order,
with clocks that disagree and laptops that sleep. It is written from the facts, independent of the sandbox and of the
client's own modules.
"""

import json
import random
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from codat_notebook.client.clock import ServerClock
from codat_notebook.client.events import Event, EventSink
from codat_notebook.client.lookup import Intent
from codat_notebook.client.retrying import Call, Join, Sleep, Together
from codat_notebook.client.wire import Answer, Failure, Outcome, Request
from codat_notebook.models import errors
from codat_notebook.utils import BackoffStrategy, RetryConfig

COMPANY = "11111111-1111-4111-8111-111111111111"
BANK_A = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
BANK_B = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
BASE = "https://codat.test"
START = 1_760_000_000.0
#: Ids are drawn anew for each server, so that a schedule is the same each time.
_IDS = random.Random()
_GET = [{"featureType": "Get", "featureState": "Release"}]

#: What can happen to a POST: whether it is carried out, and what the caller gets. "inside" is kept under the key.
POST_FAULTS = (
    "refused", "lost before", "lost after", "503 before", "503 before inside", "503 after", "503 after inside",
    "408 before", "408 after", "html after", "empty after", "cut after", "429", "html 502 before",
    "303 before", "303 after", "other before", "other after", "old before", "old after",
)  # fmt: skip
#: A failure that the server keeps under the key is replayed until the key dies, so that nobody can know.
KEPT = ("503 before inside",)
GET_FAULTS = ("503", "lost", "429", "html")


class Time:
    """Virtual seconds; those of a machine that slept are ``asleep``, and the server has had them as well."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asleep = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Operation:
    """What the server queued."""

    data_type: str
    connection: str
    requested: float
    duration: float
    by_us: bool = True
    #: Seconds until the history shows it, and by which its time is behind the ``Date`` header.
    lag: float = 0.0
    behind: float = 0.0
    company: str = COMPANY
    end: str = "Complete"
    id: str = field(default_factory=lambda: str(uuid.UUID(int=_IDS.getrandbits(128), version=4)))

    def shown(self, now: float) -> dict[str, Any]:
        """As the API writes it."""
        ended = now >= self.requested + self.duration
        return {
            "id": self.id,
            "companyId": self.company,
            "connectionId": self.connection,
            "dataType": self.data_type,
            "status": self.end if ended else "Fetching",
            "requested": _iso(self.requested - self.behind),
            "completed": _iso(self.requested - self.behind + self.duration) if ended else None,
            "progress": 100 if ended else 10,
            "isCompleted": ended,
            "isErrored": False,
        }


def _iso(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


class Server:
    """The simulated service. Its clock is the virtual time, skewed."""

    def __init__(self, time: Time, *, honours_keys: bool = True, lag: float = 0.0, skew: float = 0.0) -> None:
        _IDS.seed(7)
        self.time = time
        self.company = COMPANY
        self.honours_keys = honours_keys
        self.lag = lag
        self.skew = skew
        self.duration = 30.0
        self.in_progress_status = 400
        #: How operations end that are queued now.
        self.end = "Complete"
        self.names_operation = True
        self.connections = [BANK_A]
        self.operations: list[Operation] = []
        self.post_faults: deque[str] = deque()
        self.get_faults: deque[str] = deque()
        self.types: tuple[str, ...] = ("invoices", "bills")
        self.kept: dict[str, tuple[int, bytes]] = {}
        self.kept_since: dict[str, float] = {}
        self.requests: list[Request] = []
        self.post_times: list[float] = []
        self.retry_after = "1"
        self.tells_time = True
        self.in_order = True
        self.behind = 0.0
        self.lags: Callable[[], float] = lambda: self.lag
        #: Seconds for which the next POST leaves the machine asleep, once it is carried out.
        self.sleep = 0.0

    def epoch(self) -> float:
        """The server's time."""
        return START + self.time.now + self.time.asleep + self.skew

    @property
    def posts(self) -> int:
        """How many POSTs were tried."""
        return len(self.post_times)

    def ours(self) -> list[Operation]:
        """The operations that POSTs made."""
        return [op for op in self.operations if op.by_us]

    def add(self, data_type: str = "invoices", connection: str = BANK_A, *, ago: float, duration: float) -> Operation:
        """An operation that somebody else queued."""
        operation = Operation(
            data_type, connection, self.epoch() - ago, duration, False, self.lags(), self.behind, self.company
        )
        self.operations.append(operation)
        return operation

    def answer(self, request: Request) -> Outcome:
        """Carry out a request, or not, as the faults say."""
        self.requests.append(request)
        sent = self.time.now
        if request.method == "POST":
            self.post_times.append(sent)
        self.time.now += 0.05
        faults = self.post_faults if request.method == "POST" else self.get_faults
        fault = faults.popleft() if faults else ""
        if fault == "refused":
            return Failure(True, "ConnectError: refused", sent, self.time.now)
        answer = self._post(request, fault) if request.method == "POST" else self._get(request, fault)
        if answer is None:
            return Failure(False, "ReadError: reset", sent, self.time.now)
        status, body = answer
        headers = {"date": format_datetime(datetime.fromtimestamp(self.epoch(), UTC), usegmt=True)}
        if not self.tells_time:
            headers.clear()
        if status == 429:
            headers["retry-after"] = self.retry_after
        return Answer(status, headers, body, sent, self.time.now)

    # -- reading ---------------------------------------------------------------------------------------------

    def _get(self, request: Request, fault: str) -> tuple[int, bytes] | None:
        if fault:
            return {"lost": None, "html": (502, b"<html>"), "503": problem(503), "429": problem(429)}[fault]
        now = self.epoch()
        shown = [op for op in self.operations if op.requested + op.lag <= now]
        *_, last = request.path.split("/")
        if "/data/" not in request.path:
            return 200, _json(self._about(request.path.split("/")[1:]))
        if last != "history":
            found = [op for op in shown if op.id == last]
            return (200, _json(found[0].shown(now))) if found else problem(404)
        rows = sorted(shown, key=lambda op: op.requested if self.in_order else op.id, reverse=True)
        page = {"results": [op.shown(now) for op in rows], "pageNumber": 0, "pageSize": 0, "totalResults": 0}
        return 200, _json({**page, "_links": {"self": {"href": "/"}, "current": {"href": "/"}}})

    def _about(self, path: list[str]) -> dict[str, Any]:
        """The company, the platform and the settings that say what a refresh of everything queues."""
        links = [
            {"id": id, "integrationKey": "gbol", "status": "Linked", "platformName": "Xero"} for id in self.connections
        ]
        features = [{"datatype": name, "supportedFeatures": _GET} for name in self.types]
        platform = {"key": "gbol", "datatypeFeatures": features}
        if path[-1] == "syncSettings":
            return {"settings": [{"dataType": name, "fetchOnFirstLink": True} for name in self.types]}
        if path[-1] == "integrations":
            return {"results": [platform], "_links": {}}
        return platform if path[0] == "integrations" else {"id": path[-1], "name": "A", "dataConnections": links}

    # -- queueing --------------------------------------------------------------------------------------------

    def _post(self, request: Request, fault: str) -> tuple[int, bytes] | None:
        key = dict(request.headers)["Idempotency-Key"]
        if fault == "429":
            return problem(429)
        if self.honours_keys and key in self.kept:
            kept, born = self.kept[key], self.kept_since.setdefault(key, self.epoch())
            if self.epoch() - born < 5400:
                return self._spoiled(fault, kept)
            del self.kept[key], self.kept_since[key]
        before = fault.endswith(("before", "before inside"))
        answer = problem(503) if "inside" in fault else (0, b"")
        if not before:
            done = self._queue(request)
            answer = answer if "inside" in fault else done
        if self.honours_keys and answer[0]:
            self.kept.setdefault(key, answer)
            self.kept_since.setdefault(key, self.epoch())
        self.time.asleep, self.sleep = self.time.asleep + self.sleep, 0.0
        return self._spoiled(fault, answer)

    def _spoiled(self, fault: str, answer: tuple[int, bytes]) -> tuple[int, bytes] | None:
        first = fault.split(" ")[0]
        if "inside" in fault or not fault:
            return answer
        spoiled: dict[str, tuple[int, bytes] | None] = {
            "lost": None, "503": problem(503), "408": (408, b""), "empty": (200, b""),
            "html": (502 if "502" in fault else 200, b"<html>"), "cut": (200, answer[1][:20]),
            "303": (303, b""), "other": self._another("payments", 0.0), "old": self._another("invoices", 30 * 86400.0),
        }  # fmt: skip
        return spoiled[first]

    def _another(self, data_type: str, ago: float) -> tuple[int, bytes]:
        """An answer about another operation than the one that was queued."""
        made = Operation(data_type, self.connections[0], self.epoch() - ago, 30, company=self.company)
        return 200, _json(made.shown(self.epoch()))

    def _made(self, data_type: str, connection: str) -> Operation:
        made = Operation(
            data_type, connection, self.epoch(), self.duration, True, self.lags(), self.behind, self.company, self.end
        )
        self.operations.append(made)
        return made

    def _queue(self, request: Request) -> tuple[int, bytes]:
        *_, data_type = request.path.split("/")
        if data_type == "all":
            return self._queue_all()
        wanted = dict(request.query).get("connectionId")
        for operation in self.operations:
            if operation.data_type == data_type and self.epoch() < operation.requested + operation.duration:
                return self._in_progress(operation)
        made = [self._made(data_type, connection) for connection in ([wanted] if wanted else self.connections)]
        return 200, _json(made[0].shown(self.epoch()))

    def _queue_all(self) -> tuple[int, bytes]:
        busy = {op.data_type for op in self.operations if self.epoch() < op.requested + op.duration}
        for data_type in self.types:
            if data_type not in busy:
                for connection in self.connections:
                    self._made(data_type, connection)
        return 204, b""

    def _in_progress(self, operation: Operation) -> tuple[int, bytes]:
        which = operation.id if self.names_operation else "something"
        return problem(
            self.in_progress_status,
            f"DatasetAlreadyInProgressException: Cannot queue {operation.data_type} sync for {self.company} "
            f"as previous sync {which} is still in progress",
        )


def problem(status: int, text: str = "It went wrong") -> tuple[int, bytes]:
    """Codat's body for an error, with a correlation id of its own."""
    return status, _json({"statusCode": status, "error": text, "correlationId": uuid.uuid4().hex})


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


class Stage:
    """A server, a client's clock and what was told, in one virtual time."""

    def __init__(self, wall: Callable[[Time], float] | None = None, **server: Any) -> None:
        self.time = Time()
        self.server = Server(self.time, **server)
        self.clock = ServerClock(self.time, lambda: wall(self.time) if wall else START + self.time.now)
        self.events: list[Event] = []
        self.slept = 0.0

    def call(
        self, retries: RetryConfig | None = None, jitter: Callable[[], float] = lambda: 1.0, base: str = BASE
    ) -> Call:
        """A call of the client."""
        tell = EventSink(self.events.append)
        return Call("test", retries or RetryConfig(), self.clock, tell, jitter=jitter, base=base)

    def drive(self, flow: Any, steps: int | None = None) -> Any:
        """Obey a flow in virtual time; with ``steps``, interrupt it in the middle of that command."""
        result: Any = None
        while True:
            try:
                command = flow.send(result)
            except StopIteration as stop:
                return stop.value
            result = self._obey(command)
            if steps is not None and (steps := steps - 1) == 0:
                flow.close()
                return None

    def _obey(self, command: Any) -> Any:
        if isinstance(command, Request):
            return self.server.answer(command)
        if isinstance(command, Sleep):
            self.time.now += command.seconds
            self.slept += command.seconds
            return None
        if isinstance(command, Together):
            return [self._settled(flow) for flow in command.flows]
        assert isinstance(command, Join)
        return command.future.done()

    def _settled(self, flow: Any) -> Any:
        try:
            return self.drive(flow)
        except errors.CodatLendingError as error:
            return error


def intent(connection: str | None = None) -> Intent:
    """The invoices of the company."""
    return Intent(COMPANY, "invoices", connection)


def budget(seconds: float) -> RetryConfig:
    """Retries within so many seconds."""
    return RetryConfig("backoff", BackoffStrategy(500, 60_000, 1.5, int(seconds * 1000)), True)
