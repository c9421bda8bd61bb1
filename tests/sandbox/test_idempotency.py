"""The idempotency layer, alone and together with faults on either side of it."""

import pytest

from codat_notebook.sandbox.exchange import HttpRequest, HttpResponse

from . import contract
from .asking import Api, read

KEY = "5e2d9d7a-5a0f-4b7a-9c55-0d6a7c1f2b10"


def _queue(api: Api, data_type: str = "bills", key: str = KEY) -> HttpResponse:
    return api.post(f"/companies/{api.toft}/data/queue/{data_type}", idempotency_key=key)


def test_the_first_answer_is_given_again(api: Api) -> None:
    """Same key: the same bytes and correlation id, nothing queued, however the operation has gone on."""
    first = _queue(api)
    api.clock.advance("80m")
    again = _queue(api)
    assert again.body == first.body
    assert again.headers["X-Correlation-Id"] == first.headers["X-Correlation-Id"]
    assert again.headers["Date"] != first.headers["Date"]
    assert len(api.world.accepted) == 1


def test_a_key_dies_after_ninety_minutes(api: Api) -> None:
    """After 90 minutes the key is new again."""
    first = _queue(api)
    api.clock.advance("90m")
    assert read(_queue(api))["id"] != read(first)["id"]


def test_another_request_under_a_key(api: Api) -> None:
    """422 for another path or body under the same key."""
    _queue(api)
    contract.check_error(_queue(api, "invoices"), 422)
    contract.check_error(api.ask(f"POST /companies/{api.toft}/data/queue/bills", b"{}", idempotency_key=KEY), 422)
    assert len(api.world.accepted) == 1


def test_errors_are_kept_too(api: Api) -> None:
    """A 4xx under a key stays, even when the cause is gone."""
    _queue(api, key="")
    refused = _queue(api)
    contract.check_error(refused, 400)
    api.clock.advance("1h")
    assert _queue(api).body == refused.body


def test_the_first_is_still_being_handled(api: Api) -> None:
    """409 while the first request under the key is on its way; then its answer."""
    path = f"/companies/{api.toft}/data/queue/bills"
    request = HttpRequest("POST", path, "", api.headers | {"idempotency-key": KEY})
    exchange = api.service.enter(request)
    steps = api.service.steps(exchange)
    for side in ("before", "before", "after"):
        assert next(steps) == (None, side)
        if exchange.slot is not None:
            contract.check_error(api.service.answer(request), 409)
    assert list(steps) == [(None, "after")]
    first = api.service.leave(exchange)
    assert api.service.answer(request).body == first.body


def test_a_request_held_before_the_layer_has_not_used_its_key(api: Api) -> None:
    """What waits outside the layer is not in flight: a repeat is handled first, and the held one gets its answer."""
    path = f"/companies/{api.toft}/data/queue/bills"
    request = HttpRequest("POST", path, "", api.headers | {"idempotency-key": KEY})
    held = api.service.enter(request)
    repeat = api.service.answer(request)
    assert len(list(api.service.steps(held))) == 4
    assert api.service.leave(held).body == repeat.body
    assert len(api.world.accepted) == 1


def test_a_fault_inside_waits_for_a_request_that_gets_there(api: Api) -> None:
    """A replay never gets inside: the fault stays for the next that does; a fault outside spoils replays too."""
    first = _queue(api)
    rule = api.faults.next(1, status=500, layer="inside", match="POST *")
    assert _queue(api).body == first.body
    assert rule.hits == 0
    api.faults.next(1, headers={"X-Seen": "1"})
    assert _queue(api).headers["X-Seen"] == "1"
    contract.check_error(_queue(api, "invoices", key="another"), 500)


def test_too_many_requests_release_the_key(api: Api) -> None:
    """A 429 is not kept, whichever side of the layer it comes from."""
    for layer in ("inside", "outside"):
        api.faults.next(1, status=429, layer=layer)
        contract.check_error(_queue(api), 429)
    assert _queue(api).status == 200


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("layer", ["inside", "outside"])
@pytest.mark.parametrize("honours", [True, False])
def test_a_503_on_either_side(api: Api, when: str, layer: str, honours: bool) -> None:
    """What a repeat meets, and how often the server has queued, for each place that a 503 can come from."""
    api.faults.honours_keys = honours
    api.faults.next(1, status=503, when=when, layer=layer)
    failed = _queue(api)
    contract.check_error(failed, 503)
    assert len(api.world.accepted) == (1 if when == "after" else 0)
    repeat = _queue(api)
    kept = honours and layer == "inside"
    if kept:
        assert (repeat.status, repeat.body) == (503, failed.body)
    elif when == "after" and not honours:
        contract.check_error(repeat, 400)  # in progress: queued by the first
    else:
        assert repeat.status == 200
    assert len(api.world.accepted) == (0 if kept and when == "before" else 1)


def test_reads_have_no_keys(api: Api) -> None:
    """The header means nothing on a GET."""
    path = f"GET /companies/{api.toft}/dataStatus"
    before = api.ask(path, idempotency_key=KEY)
    _queue(api, key="")
    assert api.ask(path, idempotency_key=KEY).body != before.body
