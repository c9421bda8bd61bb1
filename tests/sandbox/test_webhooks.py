"""The sandbox's webhook service: what is told, to whom, when, and how it goes wrong on order."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from codat_notebook.events import Event, SignatureError, parse
from codat_notebook.events import read as read_event
from codat_notebook.sandbox import Sandbox
from codat_notebook.sandbox.virtual_time import HOUR, SECOND
from codat_notebook.sandbox.webhooks import DISABLED_AFTER, PAUSES, Delivery, Webhooks

from . import contract
from .asking import Api, read

URL = "http://127.0.0.1:1/codat"
NOW = 1_700_000_000


def types_of(api: Api) -> Counter[str]:
    """How many events of each type there are."""
    return Counter(event["eventType"] for event in api.world.events())


def deliveries(webhooks: Webhooks, well: bool = True) -> list[Delivery]:
    """What is due, delivered, or not."""
    due = webhooks.due()
    for delivery in due:
        webhooks.answered(delivery, well)
    return due


def opened(webhooks: Webhooks, delivery: Delivery) -> Event:
    """A delivery as the package's own reader takes it."""
    headers = webhooks.headers(delivery, NOW)
    return read_event(headers, delivery.body, delivery.consumer.secret, now=datetime.fromtimestamp(NOW, UTC))


def test_a_connection_is_told_when_it_changes(api: Api) -> None:
    """Disconnected by whatever ends it, reconnected, connected for the first time; each as it is then, and once."""
    company = api.toft
    connection = api.world.connections(company)["results"][0]["id"]
    for _ in range(2):
        api.world.deauthorize(company, connection)
    api.world.relink(company, connection)
    api.world.relink(company, connection)
    told = [parse(event) for event in api.world.events()]
    assert [(e.type, e.company_id, e.connection_id, e.connection_status) for e in told] == [
        ("connection.disconnected", company, connection, "Deauthorized"),
        ("connection.reconnected", company, connection, "Linked"),
    ]
    contract.check_connection(api.world.events()[0]["payload"]["connection"])
    pending = api.world.stage("linking cancelled")
    api.world.relink(pending.company_id, pending.connection_id)
    assert types_of(api) > Counter(["company.created", "connection.connected"])
    created = next(e for e in api.world.events() if e["eventType"] == "company.created")["payload"]
    assert (created["id"], "dataConnections" in created) == (pending.company_id, False)


def test_a_consent_that_ends_is_told(make_api: Any) -> None:
    """With the instant at which it ended, however late somebody looks."""
    api = make_api()
    api.faults.sync_schedule = 24 * 365
    api.clock.advance("95d")
    ended = [e for e in api.world.events() if e["eventType"] == "connection.disconnected"]
    assert ended
    for event in ended:
        (error,) = [
            each for each in event["payload"]["connection"]["dataConnectionErrors"] if each["status"] == "Active"
        ][-1:]
        assert event["generatedDate"] == error["erroredOnUtc"]
    assert len({e["payload"]["connection"]["id"] for e in ended}) == len(ended)


def test_the_first_reads_after_an_authorization_are_initial(api: Api) -> None:
    """Each type once, unmodified where it was never read; after a relink again."""
    pending = api.world.stage("linking cancelled")
    api.world.relink(pending.company_id, pending.connection_id)
    api.clock.advance("5h")
    initial = [parse(e) for e in api.world.events() if e["eventType"] == "read.completed.initial"]
    assert len(initial) > 2
    assert {e.modified_from for e in initial} == {None}
    assert {each.records_modified for e in initial for each in e.data_types} == {False}
    data_type = initial[0].data_types[0].data_type
    api.world.queue(pending.company_id, data_type)
    api.clock.advance("5h")
    assert types_of(api)["read.completed.initial"] == len(initial)
    api.world.deauthorize(pending.company_id, pending.connection_id)
    api.world.relink(pending.company_id, pending.connection_id)
    api.world.queue(pending.company_id, data_type)
    api.clock.advance("5h")
    assert types_of(api)["read.completed.initial"] == len(initial) + 1


def test_a_products_read_is_told_when_all_of_it_has_ended(api: Api) -> None:
    """Once, with all its data types; and its being added and removed."""
    api.world.assign(api.toft)
    removed = types_of(api)["company.product.removed"]
    api.world.assign(api.toft, "credit-monitoring", "lending")
    assert types_of(api)["company.product.added"] == 2
    api.world.refresh_product(api.toft, "credit-monitoring")
    assert "credit-monitoring.read.completed" not in types_of(api)
    api.clock.advance("1d")
    (told,) = [parse(e) for e in api.world.events() if e["eventType"] == "credit-monitoring.read.completed"]
    assert len(told.data_types) == len(api.world.accepted[-1].operations) > 1
    assert types_of(api)["credit-monitoring.read.completed.successful"] + types_of(api)[
        "credit-monitoring.read.completed.unsuccessful"] == 1  # fmt: skip
    api.world.assign(api.toft, "lending")
    assert types_of(api)["company.product.removed"] == removed + 1


def test_the_days_quota_is_told_once(api: Api) -> None:
    """When it is used up, and when the next one begins."""
    api.faults.quota = 1
    for _ in range(3):
        api.ask("GET /companies")
    assert types_of(api) == Counter(["client.rateLimit.reached"])
    api.clock.advance("1d")
    api.ask("GET /companies")
    reached, reset = api.world.events()
    assert reached["payload"] == {"dailyQuota": 1, "quotaRemaining": 0, "expiryDate": "2026-11-24T00:00:00.0000000Z"}
    assert (reset["eventType"], reset["generatedDate"]) == ("client.rateLimit.reset", "2026-11-24T00:00:00.0000000Z")


def test_consumers_are_listed_as_by_the_api(api: Api) -> None:
    """Made, listed and deleted over HTTP; the secret is in no answer, other machines are refused, 50 are the most."""
    body = json.dumps({"url": URL, "eventTypes": ["read.completed"]}).encode()
    made = api.ask("POST /webhooks", body)
    assert made.status == 201
    consumer = read(made)
    assert consumer == {"id": consumer["id"], "url": URL, "disabled": False, "eventTypes": ["read.completed"],
                        "companyTags": []}  # fmt: skip
    assert api.get("/webhooks") == {"results": [consumer]}
    for wrong in (b"{", b"{}", body.replace(b"127.0.0.1", b"10.0.0.1"), body.replace(b"http:", b"ftp:"),
                  body.replace(b'["read.completed"]', b"[]"), body.replace(b":1/", b":x/")):  # fmt: skip
        contract.check_error(api.ask("POST /webhooks", wrong), 400)
    assert api.ask(f"DELETE /webhooks/{consumer['id']}").status == 204
    contract.check_error(api.ask(f"DELETE /webhooks/{consumer['id']}"), 404)
    for _ in range(50):
        api.ask("POST /webhooks", body)
    contract.check_error(api.ask("POST /webhooks", body), 400)


def test_a_consumer_gets_what_it_wants_from_now_on(api: Api) -> None:
    """By type and by tag, signed with its own secret; what was before comes by a replay, as new messages."""
    webhooks = api.world.webhooks
    api.world.queue(api.toft, "invoices")
    api.clock.advance("2h")
    one = webhooks.add(URL, ["read.completed"])
    tags = api.world.company(api.toft)["tags"]
    tagged = webhooks.add(URL, ["read.*"], tags=[f"{name}:{value}" for name, value in tags.items()] or ["a:b"])
    webhooks.add(URL, ["read.*"], tags=["planet:mars"])
    assert deliveries(webhooks) == []
    api.world.queue(api.toft, "bills")
    api.clock.advance("2h")
    sent = deliveries(webhooks)
    assert Counter(each.consumer for each in sent)[one] == 1
    assert {each.consumer for each in sent} == ({one, tagged} if tags else {one})
    told = opened(webhooks, sent[0])
    assert (told.company_id, told.data_types[0].data_type, told.message_id) == (api.toft, "bills", sent[0].id)
    assert webhooks.replay(one) == 2
    again = {opened(webhooks, each).id: each.id for each in deliveries(webhooks)}
    assert told.id in again
    assert again[told.id] != told.message_id


def test_what_fails_is_tried_again_as_documented(api: Api) -> None:
    """At once, then after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h and 10 h, under the same id; then it has failed."""
    webhooks = api.world.webhooks
    webhooks.add(URL, ["read.completed"])
    api.world.queue(api.toft, "bills")
    api.clock.advance("2h")
    ids = {each.id for each in deliveries(webhooks, well=False)}
    for pause in PAUSES:
        api.clock.advance(pause / SECOND - 1)
        assert webhooks.due() == []
        api.clock.advance(1)
        ids |= {each.id for each in deliveries(webhooks, well=False)}
    assert len(ids) == 1
    assert sum(PAUSES) == 27 * HOUR + 2105 * SECOND
    api.clock.advance("3d")
    assert webhooks.due() == []


def test_a_consumer_that_fails_for_days_is_disabled(api: Api) -> None:
    """And gets nothing more; a success meanwhile would have counted anew."""
    webhooks = api.world.webhooks
    consumer = webhooks.add(URL, ["read.completed"])
    for _ in range(DISABLED_AFTER // (12 * HOUR) + 1):
        assert not consumer.disabled
        api.world.queue(api.toft, "bills")
        api.clock.advance("12h")
        deliveries(webhooks, well=False)
    assert consumer.disabled
    assert webhooks.listing()["results"][0]["disabled"] is True
    api.clock.advance("1d")
    assert webhooks.due() == []


def test_deliveries_go_wrong_on_order(api: Api) -> None:
    """So many are lost, doubled, wrongly signed, late and by that out of order; without orders none."""
    webhooks = api.world.webhooks
    webhooks.add(URL, ["read.completed*"])
    api.world.queue_all(api.toft)
    api.clock.advance("5h")
    whole = deliveries(webhooks)
    webhooks.spoil(drop=0.3, double=0.2, wrong_signature=0.2, late=600)
    sent, wrong, order = [], 0, []
    for company in api.get("/companies?query=name~e")["results"]:
        if any(link["status"] == "Linked" for link in company["dataConnections"]):
            api.world.queue_all(company["id"])
    api.clock.advance("5h")
    count = len(api.world.events()) - len(whole)
    for _ in range(60):
        for each in deliveries(webhooks):
            sent.append(each.id)
            try:
                order.append(opened(webhooks, each).generated)
            except SignatureError:
                wrong += 1
        api.clock.advance("15s")
    assert count > 200
    assert 0.6 * count < len(set(sent)) < 0.8 * count
    assert 0.1 * count < len(sent) - len(set(sent)) < 0.25 * count
    assert 0.1 * len(sent) < wrong < 0.3 * len(sent)
    assert order != sorted(order, key=str)
    webhooks.spoil()
    with pytest.raises(ValueError, match="<= 1"):
        webhooks.spoil(drop=2)
    with pytest.raises(ValueError, match="unknown field"):
        webhooks.spoil(lose=1)


class Heard:
    """A server on this machine that answers with what is in ``answers``, then with 204."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.enough = threading.Event()
        self.wanted = 1


@contextmanager
def endpoint() -> Iterator[tuple[str, Heard]]:
    """An endpoint and what it heard."""
    heard = Heard()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            heard.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(heard.answers.pop(0) if heard.answers else 204)
            self.end_headers()
            if len(heard.got) >= heard.wanted:
                heard.enough.set()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook?x=1", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_sandbox_posts_for_real() -> None:
    """Signed, to loopback; what is answered with an error or a redirect comes again under the same id."""
    with Sandbox(companies=3, speed=0) as sandbox, endpoint() as (url, heard):
        heard.answers, heard.wanted = [500, 302], 3
        consumer = sandbox.webhooks.add(url, ["read.completed"], secret="whsec_dGhlIHNlY3JldA==")
        company = sandbox.world.companies()["results"][0]["id"]
        sandbox.world.queue(company, "invoices")
        for _ in range(400):
            sandbox.clock.advance("1h")
            if heard.enough.wait(0.1):
                break
        told = [read_event(headers, body, consumer.secret) for headers, body in heard.got]
        assert {(e.company_id, e.message_id) for e in told} == {(company, told[0].message_id)}
        assert told[0].type == "read.completed"
    assert "dGhlIHNlY3JldA" not in repr(consumer)


ELSEWHERE = (
    "http://example.com/", "https://127.0.0.1/", "http://127.0.0.1.evil.example/", "x", "http://u@127.0.0.1/",
    "http://127.0.0.1:0/", "http://127.0.0.1/\r\nHost: x",
)  # fmt: skip


@pytest.mark.parametrize("url", ELSEWHERE)
def test_no_other_machine_is_sent_anything(api: Api, url: str) -> None:
    """Whatever the address looks like."""
    with pytest.raises(ValueError, match=r"this machine only|no address"):
        api.world.webhooks.add(url)
