"""The fault matrix of queueing over real sockets, sync and async.

Each row says what misbehaves, how many POSTs the server took in, and what the caller got.
"""

import gzip
from collections.abc import Callable
from typing import Any

import pytest

from codat_notebook.client import transport
from codat_notebook.client.queueing import Queued
from codat_notebook.models import errors
from codat_notebook.sandbox.faults import Faults
from codat_notebook.utils import BackoffStrategy, RetryConfig

from .conftest import Bench

POST = "POST /companies/*/data/queue/*"
QUICK = RetryConfig("backoff", BackoffStrategy(20, 100, 1.5, 8000), True)
SHORT = RetryConfig("backoff", BackoffStrategy(20, 100, 1.5, 400), True)

Spoil = Callable[[Faults], Any]


def post(**how: Any) -> Spoil:
    """The next POST goes wrong in one way."""
    return lambda faults: faults.next(match=POST, **how)


def always(**how: Any) -> Spoil:
    """Every POST goes wrong in one way."""
    return lambda faults: faults.next(None, match=POST, **how)


def limited(n: int | None, retry_after: Any, form: str = "seconds") -> Spoil:
    """429, with Retry-After in one of its forms."""

    def spoil(faults: Faults) -> None:
        faults.retry_after_format = form  # type: ignore[assignment]
        faults.rate_limit(n, retry_after, match=POST)

    return spoil


BOMB = gzip.compress(bytes(transport.MAX_BODY + 1))
HTML = "<html><body>Bad gateway</body></html>"

#: Each of these ends in the one operation that the server took in.
HEALED: dict[str, Spoil] = {
    "nothing": lambda faults: None,
    "429 seconds": limited(1, 20),
    "429 epoch": limited(1, 20, "epoch"),
    "429 iso": limited(1, 20, "iso"),
    "429 http date": limited(1, 20, "http"),
    "429 zero": limited(2, 0),
    "429 without": limited(2, None),
    "429 nonsense": limited(1, "soon"),
    "500 before": post(status=500),
    "500 after": post(status=500, when="after"),
    "500 after, kept": post(status=500, when="after", layer="inside"),
    "502 html before": post(status=502, body=HTML),
    "502 html after": post(status=502, body=HTML, when="after"),
    "503 before": post(status=503),
    "503 after": post(status=503, when="after"),
    "503 after, kept": post(status=503, when="after", layer="inside"),
    "408 before": post(status=408),
    "408 after": post(status=408, when="after"),
    "reset before the answer, not queued": post(reset_after=0),
    "reset before the answer, queued": post(reset_after=0, when="after"),
    "reset amid the answer, queued": post(reset_after=30, when="after"),
    "reset after the answer, queued": post(reset_after=1_000_000, when="after"),
    "reset amid the body, queued": post(close_after=20, when="after"),
    "closed without a body, queued": post(close_after=0, when="after"),
    "truncated json, queued": post(status=200, body=b'{"id": "6f1', when="after"),
    "empty 200, queued": post(status=200, body=b"", when="after"),
    "empty 200, not queued": post(status=200, body=b""),
    "204 for 200, queued": post(status=204, when="after"),
    "html with 200, queued": post(status=200, body=HTML, when="after"),
    "html with 200, not queued": post(status=200, body=HTML),
    "json without content type": post(headers={"Content-Type": None}),
    "gzip, broken, queued": post(status=200, body=b"no gzip", headers={"Content-Encoding": "gzip"}, when="after"),
    "gzip bomb, queued": post(status=200, body=BOMB, headers={"Content-Encoding": "gzip"}, when="after"),
    "unknown packing, queued": post(status=200, body=b"?", headers={"Content-Encoding": "br"}, when="after"),
    "shorter than its Content-Length, queued": post(status=200, headers={"Content-Length": "9000"}, when="after"),
    "redirected after queueing": post(status=303, headers={"Location": "/elsewhere"}, when="after"),
    "200 without id, queued": post(status=200, body={"status": "Queued"}, when="after"),
}


@pytest.mark.parametrize(("keys", "lag"), [(True, 0), (False, 5)], ids=["keys", "no keys, lagging"])
@pytest.mark.parametrize("name", HEALED)
def test_one_fault_ends_in_the_one_operation(bench: Bench, name: str, keys: bool, lag: float) -> None:
    """Whatever goes wrong once, the server takes in one POST and the caller gets its operation."""
    bench.faults.honours_keys, bench.faults.history_lag = keys, lag
    HEALED[name](bench.faults)
    queued = bench.queue(retries=QUICK)
    assert isinstance(queued, Queued)
    assert bench.accepted == 1
    made = bench.sandbox.world.accepted[-1]
    assert queued.operation.id in made.operations


@pytest.mark.parametrize("skew", [-300, 300])
@pytest.mark.parametrize("seconds", [0.5, 60])
def test_a_lost_answer_with_a_wrong_clock_and_a_quick_end(bench: Bench, skew: float, seconds: float) -> None:
    """A server clock five minutes off, or an operation that is over in no time, does not hide what was queued."""
    bench.faults.clock_skew = skew
    bench.faults.end_next("Complete", seconds=seconds)
    post(status=503, when="after")(bench.faults)
    queued = bench.queue(retries=QUICK)
    assert bench.accepted == 1
    assert queued.operation.id in bench.sandbox.world.accepted[-1].operations


#: Each of these ends in an error: (what, its type, queued, POSTs taken in).
REFUSED: dict[str, tuple[Spoil, type[errors.CodatLendingError], str, int]] = {
    "429 for hours": (limited(None, 36_000_000), errors.ErrorMessage, "no", 0),
    "429 for ever": (limited(None, 1), errors.ErrorMessage, "no", 0),
    "500 for ever": (always(status=500), errors.ErrorMessage, "unknown", 0),
    "500 for ever, kept": (always(status=500, layer="inside"), errors.ErrorMessage, "unknown", 0),
    "html 502 for ever": (always(status=502, body=HTML), errors.SDKError, "unknown", 0),
    # A kept failure is replayed until the key dies, and a new key could queue twice.
    "500 once, kept": (post(status=500, layer="inside"), errors.ErrorMessage, "unknown", 0),
    "html 502 once, kept": (post(status=502, body=HTML, layer="inside"), errors.SDKError, "unknown", 0),
    "reset for ever": (always(reset_after=0), errors.NoResponseError, "unknown", 0),
    "html 200 for ever": (always(status=200, body=HTML), errors.ResponseValidationError, "unknown", 0),
    "redirect elsewhere": (
        always(status=302, body=HTML, headers={"Location": "https://evil.test/"}), errors.SDKError, "unknown", 0
    ),
    **{
        f"{status}": (post(status=status), errors.ErrorMessage, "no", 0) for status in (401, 402, 403, 404)
    },
    **{f"{status}": (post(status=status), errors.SDKError, "no", 0) for status in (405, 409, 418, 422, 451)},
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_lasting_fault_ends_in_a_typed_error(bench: Bench, name: str) -> None:
    """What does not heal within the budget is an error of the right type that says whether something was queued."""
    spoil, kind, queued, accepted = REFUSED[name]
    spoil(bench.faults)
    with pytest.raises(errors.CodatLendingError) as caught:
        bench.queue(retries=SHORT)
    assert (type(caught.value), caught.value.queued, bench.accepted) == (kind, queued, accepted)


def test_hours_of_retry_after_say_when(bench: Bench) -> None:
    """A pause beyond the budget is not begun: the error comes at once, with the time at which to try again."""
    limited(None, 36_000_000)(bench.faults)
    with pytest.raises(errors.ErrorMessage) as caught:
        bench.queue(retries=QUICK)
    assert caught.value.retry_at is not None
    assert len([e for e in bench.events if hasattr(e, "status")]) == 1


def test_a_slow_answer_is_not_sent_again(bench: Bench) -> None:
    """An answer slower than the time-out, with the server having queued, is found in the history."""
    gate = bench.faults.hold(POST, when="after")
    queued = bench.queue(retries=QUICK, timeout_ms=200)
    gate.open()
    assert (queued.origin, bench.accepted) == ("attached", 1)


@pytest.mark.parametrize("names", [True, False], ids=["id", "no id"])
@pytest.mark.parametrize("status", [400, 409])
def test_in_progress_attaches(bench: Bench, status: int, names: bool) -> None:
    """Queueing what is in progress gives the operation that is on its way, also where the refusal does not name it."""
    bench.faults.in_progress_status = status
    bench.faults.end_next("Complete", seconds=3600)
    first = bench.queue(retries=QUICK)
    if not names:
        text = "DatasetAlreadyInProgressException: Cannot queue invoices sync as a previous sync is still in progress"
        post(status=status, body={"statusCode": status, "error": text})(bench.faults)
    again = bench.queue(retries=QUICK)
    assert (again.origin, again.operation.id, bench.accepted) == ("attached", first.operation.id, 1)


@pytest.mark.parametrize("status", [400, 409])
def test_in_progress_naming_what_ended_long_ago(bench: Bench, status: int) -> None:
    """A refusal that names an operation of weeks ago is an old one: a new key queues."""
    past = bench.sandbox.world.history(bench.company_id, {"orderBy": "requested"})["results"][0]["id"]
    text = f"DatasetAlreadyInProgressException: Cannot queue invoices sync as previous sync {past} is still in progress"
    post(status=status, body={"statusCode": status, "error": text})(bench.faults)
    queued = bench.queue(retries=QUICK)
    assert (queued.origin, bench.accepted) == ("queued", 1)


@pytest.mark.parametrize("how", [{}, {"status": 503, "when": "after"}, {"status": 503}], ids=str)
def test_with_a_connection_its_operation_is_the_one(bench: Bench, how: dict[str, Any]) -> None:
    """A refresh of one connection ends in one operation, of that connection, whatever happens once."""
    linked = next(
        c for c in bench.company["dataConnections"] if (c["sourceType"], c["status"]) == ("Accounting", "Linked")
    )
    if how:
        post(**how)(bench.faults)
    request = {"company_id": bench.company_id, "data_type": "invoices", "connection_id": linked["id"]}
    queued = bench.call("manage_data.refresh.queue", request=request, retries=QUICK)
    assert (queued.operation.connection_id, bench.accepted) == (linked["id"], 1)


def test_connection_refused_is_never_sent(bench: Bench) -> None:
    """Nobody listens: nothing was queued."""
    with pytest.raises(errors.NoResponseError) as caught:
        bench.queue({"server_url": "http://127.0.0.1:1"}, retries=SHORT)
    assert (caught.value.queued, caught.value.sent) == ("no", False)


def test_a_data_type_added_yesterday(bench: Bench) -> None:
    """A data type that nobody has heard of is queued like any other."""
    platform = bench.company["dataConnections"][0]["integrationKey"]
    bench.faults.new_data_types = {"cryptoWallets": {platform}}
    queued = bench.queue(data_type="cryptoWallets", retries=QUICK)
    assert (queued.operation.data_type, queued.operation.data_type.value) == ("cryptoWallets", "cryptoWallets")


ALL = "POST /companies/*/data/all"


@pytest.mark.parametrize("keys", ["keys", "no keys"])
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"status": 503},
        {"status": 503, "when": "after"},
        {"reset_after": 0, "when": "after"},
        {"reset_after": 0},
        {"status": 429},
    ],
    ids=str,
)
def test_all_data_types_is_taken_in_once(bench: Bench, how: dict[str, Any], keys: str) -> None:
    """Whatever happens to data/all once, the server takes it in once."""
    bench.faults.honours_keys = keys == "keys"
    if how:
        bench.faults.next(match=ALL, **how)
    bench.call("manage_data.refresh.all_data_types", request={"company_id": bench.company_id}, retries=QUICK)
    assert bench.accepted == 1


def test_all_data_types_refused_is_no(bench: Bench) -> None:
    """A refusal of data/all is a typed error."""
    bench.faults.next(match=ALL, status=403)
    with pytest.raises(errors.ErrorMessage) as caught:
        bench.call("manage_data.refresh.all_data_types", request={"company_id": bench.company_id})
    assert (caught.value.queued, bench.accepted) == ("no", 0)
