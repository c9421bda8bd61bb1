"""Ordered misbehaviour and limits, without a wire."""

from typing import Any

import msgspec
import pytest

from codat_notebook.sandbox.exchange import HttpRequest, HttpResponse

from . import contract
from .asking import TOKEN, Api, read


def test_rules_count_match_and_end(api: Api) -> None:
    """A rule spoils as many matching requests as it was ordered for, and tells how many."""
    rule = api.faults.next(2, status=500, match="GET /companies/*/dataStatus")
    assert api.ask("GET /companies").status == 200
    for expected in (500, 500, 200):
        assert api.ask(f"GET /companies/{api.toft}/dataStatus").status == expected
    assert rule.hits == 2
    forever = api.faults.next(None, status=503)
    contract.check_error(api.ask("GET /companies"), 503)
    forever.end()
    assert api.ask("GET /companies").status == 200


@pytest.mark.parametrize(
    ("body", "kind", "sent"),
    [
        ("<html>Bad Gateway</html>", "text/html; charset=utf-8", b"<html>Bad Gateway</html>"),
        ('{"id": ', "application/json; charset=utf-8", b'{"id": '),
        (b"\x1f\x8b", "application/json; charset=utf-8", b"\x1f\x8b"),
        ({"id": None}, "application/json; charset=utf-8", b'{"id":null}'),
        ("", "application/json; charset=utf-8", b""),
    ],
)
def test_any_body_can_be_answered(api: Api, body: object, kind: str, sent: bytes) -> None:
    """Text, bytes or JSON instead of the real body, with 200 or another status, with or without a content type."""
    api.faults.next(1, body=body)
    answer = api.ask("GET /companies")
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, sent, kind)
    api.faults.next(1, status=502, body=body, headers={"Content-Type": None, "X-Extra": "1"})
    answer = api.ask("GET /companies")
    assert (answer.status, answer.body, answer.headers["X-Extra"]) == (502, sent, "1")
    assert "Content-Type" not in answer.headers


def test_headers_alone_change_the_real_answer(api: Api) -> None:
    """Only headers are ordered: the work is done and its answer sent, with these headers."""
    api.faults.next(1, headers={"Date": None, "Location": "https://example.com/"})
    answer = api.ask("GET /companies")
    assert read(answer)["totalResults"] == 12
    assert "Date" not in answer.headers
    assert answer.headers["Location"] == "https://example.com/"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("seconds", "90"),
        ("epoch", "1795442490"),
        ("iso", "2026-11-23T14:01:30.0000000Z"),
        ("http", "Mon, 23 Nov 2026 14:01:30 GMT"),
    ],
)
def test_retry_after_in_every_form(api: Api, form: str, expected: str) -> None:
    """Seconds, epoch, ISO or HTTP date; or any text; or none."""
    api.faults.retry_after_format = form
    api.faults.rate_limit(1, 90)
    answer = api.ask("GET /companies")
    contract.check_error(answer, 429)
    assert answer.headers["Retry-After"] == expected
    api.faults.rate_limit(1, "soon")
    assert api.ask("GET /companies").headers["Retry-After"] == "soon"
    api.faults.rate_limit(1, None)
    assert "Retry-After" not in api.ask("GET /companies").headers


@pytest.mark.parametrize("form", ["seconds", "epoch", "iso", "http"])
def test_the_reset_in_every_form(api: Api, form: str) -> None:
    """X-Rate-Limit-Reset means the next midnight in each form."""
    api.faults.time_format = form
    midnight = {
        "seconds": "36000", "epoch": "1795478400", "iso": "2026-11-24T00:00:00.0000000Z",
        "http": "Tue, 24 Nov 2026 00:00:00 GMT",
    }  # fmt: skip
    assert api.ask("GET /companies").headers["X-Rate-Limit-Reset"] == midnight[form]


def test_the_quota_is_used_up_and_comes_back(api: Api) -> None:
    """After the day's requests 429 until midnight UTC; refused requests cost nothing."""
    api.faults.quota = 3
    left = [api.ask("GET /companies").headers["X-Rate-Limit-Remaining"] for _ in range(3)]
    assert left == ["2", "1", "0"]
    refused = api.post(f"/companies/{api.toft}/data/all")
    contract.check_error(refused, 429)
    assert refused.headers["Retry-After"] == "36000"
    assert not api.world.accepted
    api.clock.advance("10h")
    assert api.ask("GET /companies").headers["X-Rate-Limit-Remaining"] == "2"


def test_the_quota_counts_connected_companies_when_a_day_begins(api: Api) -> None:
    """1,000 x (1 + companies with a linked connection); what ends during the day counts from midnight."""
    companies = api.get("/companies")["results"]
    linked = sum(any(c["status"] == "Linked" for c in company["dataConnections"]) for company in companies)
    assert api.ask("GET /companies").headers["X-Rate-Limit-Limit"] == str(1_000 * (1 + linked))
    for connection in api.get(f"/companies/{api.toft}/connections?query=status=Linked")["results"]:
        api.faults.deauthorize(api.toft, connection["id"])
    assert api.ask("GET /companies").headers["X-Rate-Limit-Limit"] == str(1_000 * (1 + linked))
    api.clock.advance("10h")
    assert api.ask("GET /companies").headers["X-Rate-Limit-Limit"] == str(1_000 * linked)


def test_requests_a_minute_can_be_limited(api: Api) -> None:
    """With a limit, the minute's requests beyond it are refused until the oldest is a minute old."""
    api.faults.per_minute = 2
    assert api.ask("GET /companies").status == 200
    api.clock.advance("20s")
    assert api.ask("GET /companies").status == 200
    refused = api.ask("GET /companies")
    contract.check_error(refused, 429)
    assert refused.headers["Retry-After"] == "40"
    api.clock.advance("40s")
    assert api.ask("GET /companies").status == 200


def test_no_request_a_minute_is_a_limit_too(api: Api) -> None:
    """Where none is let through, each is told to come back in a minute."""
    api.faults.per_minute = 0
    answer = api.ask("GET /companies")
    contract.check_error(answer, 429)
    assert answer.headers["Retry-After"] == "60"


def test_requests_at_a_time_can_be_limited(api: Api) -> None:
    """With a limit, a company's requests beyond it are refused while the others are under way; the most is booked."""
    api.faults.concurrent = 2
    request = HttpRequest("GET", f"/companies/{api.toft}/dataStatus", "", api.headers)
    under_way = [api.service.enter(request) for _ in range(2)]
    contract.check_error(api.service.answer(request), 429)
    assert api.ask(f"GET /companies/{api.company('Technicalium')}").status == 200
    for exchange in under_way:
        assert len(list(api.service.steps(exchange))) == 4
        assert api.service.leave(exchange).status == 200
    assert api.service.answer(request).status == 200
    assert api.service.traffic.at_once == 3
    assert api.service.traffic.calls["GET /companies/*/dataStatus"] == 4


def test_an_outage_ends_by_itself(api: Api) -> None:
    """503 for a virtual time, then all is well."""
    api.faults.outage("10m")
    for _ in range(3):
        contract.check_error(api.ask("GET /companies"), 503)
    api.clock.advance("10m")
    assert api.ask("GET /companies").status == 200


def test_chance_spoils_its_share(api: Api) -> None:
    """A rule with a chance spoils about that share, the same ones each time."""

    def statuses() -> list[int]:
        fresh = Api(companies=1)
        fresh.faults.next(None, status=500, chance=0.3)
        return [fresh.ask("GET /profile/syncSettings").status for _ in range(300)]

    first = statuses()
    assert 60 < first.count(500) < 120
    assert statuses() == first


def test_the_date_can_be_wrong(api: Api) -> None:
    """Clock skew moves the Date header, not the world."""
    api.faults.clock_skew = -300
    answer = api.post(f"/companies/{api.toft}/data/queue/bills")
    assert answer.headers["Date"] == "Mon, 23 Nov 2026 13:55:00 GMT"
    assert read(answer)["requested"].startswith("2026-11-23T14:00:00")


def test_an_unauthorized_request_uses_up_nothing(api: Api) -> None:
    """401 comes before faults and quota."""
    rule = api.faults.next(1, status=500)
    contract.check_error(api.ask("GET /companies", authorization=""), 401)
    assert rule.hits == 0
    assert api.ask("GET /companies").status == 500
    assert api.ask("GET /companies").headers["X-Rate-Limit-Remaining"] == "11999"


def test_clearing_forgets_all_rules(api: Api) -> None:
    """clear() ends rules, ordered endings and held requests."""
    api.faults.next(None, status=500)
    gate = api.faults.hold("GET *")
    api.faults.end_next("FetchError", data_type="bills")
    api.faults.clear()
    assert gate.is_open
    op = read(api.post(f"/companies/{api.toft}/data/queue/bills"))
    api.clock.advance("1h")
    assert api.world.operation(api.toft, op["id"])["status"] == "Complete"


def _control(api: Api, line: str, body: bytes = b"", token: str = TOKEN) -> HttpResponse:
    return api.ask(line, body, x_sandbox_token=token, authorization="")


def test_everything_is_reachable_over_http(api: Api) -> None:
    """Clock, settings, faults, endings, connections and the books under /_sandbox."""
    assert read(_control(api, "GET /_sandbox"))["companies"] == 12
    assert read(_control(api, "POST /_sandbox/clock", b'{"advance": "1h"}'))["now"].startswith("2026-11-23T15")
    changed = read(_control(api, "PATCH /_sandbox/settings", b'{"history_lag": 3, "maintenance": ["gbol"]}'))
    assert (changed["history_lag"], changed["maintenance"]) == (3, ["gbol"])
    assert (api.faults.history_lag, api.faults.maintenance) == (3, {"gbol"})
    assert _control(api, "POST /_sandbox/faults", b'{"n": 1, "status": 500, "match": "GET *"}').status == 204
    assert api.ask("GET /companies").status == 500
    _control(api, "POST /_sandbox/faults", b'{"n": null, "status": 500}')
    _control(api, "DELETE /_sandbox/faults")
    _control(api, "POST /_sandbox/outcomes", b'{"status": "MapError", "data_type": "bills"}')
    op = read(api.post(f"/companies/{api.toft}/data/queue/bills"))
    api.clock.advance("1h")
    assert api.world.operation(api.toft, op["id"])["status"] == "MapError"
    accepted = read(_control(api, "GET /_sandbox/accepted"))
    assert accepted[0]["operations"] == [op["id"]]
    assert [event["payload"]["dataTypes"][0]["status"] for event in read(_control(api, "GET /_sandbox/events"))] == [
        "MapError"
    ] * 2
    connection = api.world.connections(api.toft)["results"][0]["id"]
    for what, status in (("deauthorize", "Deauthorized"), ("relink", "Linked")):
        assert _control(api, f"POST /_sandbox/connections/{api.toft}/{connection}/{what}").status == 204
        assert api.world.connection(api.toft, connection)["status"] == status


@pytest.mark.parametrize(
    ("line", "body", "status"),
    [
        ("GET /_sandbox/nothing", b"", 404),
        ("POST /_sandbox/clock", b'{"back": 1}', 400),
        ("POST /_sandbox/clock", b'{"advance": "soon"}', 400),
        ("POST /_sandbox/clock", b"[", 400),
        ("POST /_sandbox/faults", b'{"frequency": 1}', 400),
        ("POST /_sandbox/faults", b"[1]", 400),
        ("POST /_sandbox/faults", b'{"gate": true}', 400),
        ("POST /_sandbox/faults", b'{"headers": 5}', 400),
        ("POST /_sandbox/faults", b'{"status": 1000}', 400),
        ("POST /_sandbox/faults", b'{"delay": "long"}', 400),
        ("POST /_sandbox/outcomes", b'{"n": "all"}', 400),
        ("POST /_sandbox/outcomes", b'{"status": "MapError", "colour": "red"}', 400),
        ("POST /_sandbox/clock", b'{"speed": 1e300}', 400),
        ("PATCH /_sandbox/settings", b'{"speed": 1}', 400),
        ("PATCH /_sandbox/settings", b'{"history_lag": "x"}', 400),
        ("PATCH /_sandbox/settings", b'{"never_synced": "hidden"}', 400),
        ("PATCH /_sandbox/settings", b'{"clock_skew": 1e300}', 400),
        ("PATCH /_sandbox/settings", b'{"max_page_size": 0}', 400),
        ("PATCH /_sandbox/settings", b'{"in_progress_status": 9999}', 400),
        ("POST /_sandbox/faults", b'{"until": 1e999}', 400),
        ("POST /_sandbox/faults", b"[" * 100_000, 400),
        ("POST /_sandbox/outcomes", b'{"status": "Complete", "seconds": -5}', 400),
        ("POST /_sandbox/outcomes", b'{"status": "", "n": 1}', 400),
    ],
)
def test_controls_that_make_no_sense(api: Api, line: str, body: bytes, status: int) -> None:
    """A control that is none, or a body that cannot be meant, is refused and changes nothing."""
    before = repr(api.faults)
    contract.check_error(_control(api, line, body), status)
    assert repr(api.faults) == before
    assert api.ask("GET /companies").status == 200


@pytest.mark.parametrize(
    "how",
    [
        {"n": -1}, {"delay": -1}, {"reset_after": -1}, {"close_after": -1}, {"chance": 2}, {"status": 99},
        {"headers": {"X-Two": "a\r\nSet-Cookie: b"}}, {"headers": {"X-Euro": "\u20ac"}}, {"headers": {"": "1"}},
        {"headers": {"X-Padded": " a"}},
    ],
)  # fmt: skip
def test_misbehaviour_that_cannot_be_sent_is_refused(api: Api, how: dict[str, Any]) -> None:
    """From Python and over HTTP: told when it is ordered, not by a request that gets no answer."""
    with pytest.raises(ValueError, match=r"is 0 or more|from|no header"):
        api.faults.next(**how)
    contract.check_error(_control(api, "POST /_sandbox/faults", msgspec.json.encode(how)), 400)
    assert api.ask("GET /companies").status == 200


def test_endings_out_of_range_are_refused(api: Api) -> None:
    """No operation ends before it began, after the calendar, or in no status."""
    for how in ({"seconds": -1}, {"seconds": 1e12}, {"n": -1}):
        with pytest.raises(ValueError, match="is"):
            api.faults.end_next("Paused", **how)
    with pytest.raises(ValueError, match="some text"):
        api.faults.end_next("")
    assert not api.world.orders


def test_controls_need_their_own_token(api: Api) -> None:
    """Neither no token, nor another, nor the API key opens them."""
    for token in ("", "x", api.headers["authorization"]):
        contract.check_error(_control(api, "DELETE /_sandbox/faults", token=token), 401)
    contract.check_error(api.ask("GET /_sandbox"), 401)


def test_a_mistake_in_an_order_says_what_to_write(api: Api) -> None:
    """Not at the next request, and not as a comparison of types."""
    for how in ({"n": "503"}, {"status": "503"}, {"code": 503}):
        with pytest.raises(ValueError, match=r"(?:n|status|code)`\. For two .* faults\.next\(2, status=503\)"):
            api.faults.next(**how)
