"""The world as a whole: the same every time, events, relinking, switches, scale."""

import threading
from collections import Counter
from collections.abc import Callable

import msgspec
import pytest

from codat_notebook.sandbox.exchange import ErrorResponse
from codat_notebook.sandbox.stories import SCENARIOS, scenario
from codat_notebook.sandbox.virtual_time import Clock
from codat_notebook.sandbox.world import World

from . import contract
from .asking import START, Api, read


def _story(api: Api) -> list[bytes]:
    """A day in a world: every answer, byte for byte."""
    answers = []
    for company_id in api.world.company_store.ids[:5]:
        answers.append(api.post(f"/companies/{company_id}/data/all"))
        answers.append(api.post(f"/companies/{company_id}/data/queue/bills"))
        for _ in range(4):
            api.clock.advance("6h")
            answers.append(api.ask(f"GET /companies/{company_id}/data/history?orderBy=-requested"))
            answers.append(api.ask(f"GET /companies/{company_id}/dataStatus"))
    answers.append(api.ask("GET /companies"))
    return [msgspec.json.encode([a.status, a.headers, a.body]) for a in answers]


def test_two_worlds_of_one_seed_are_the_same(make_api: Callable[..., Api]) -> None:
    """Same seed, same calls at the same times: the same bytes; another seed gives others."""
    first, second, other = make_api(), make_api(), make_api(seed=8)
    assert _story(first) == _story(second) != _story(other)
    assert first.world.events() == second.world.events() != []


def test_draws_do_not_depend_on_what_was_asked_before(make_api: Callable[..., Api]) -> None:
    """Queueing or reading one company changes nothing for another."""
    busy, calm = make_api(), make_api()
    for company_id in busy.world.company_store.ids[2:6]:
        busy.get(f"/companies/{company_id}/data/history")
    busy.post(f"/companies/{busy.company('Pandle & Sons')}/data/all")
    for api in (busy, calm):
        api.world.queue(api.toft, "invoices")
        api.clock.advance("1h")
    assert busy.world.history(busy.toft) == calm.world.history(calm.toft)


def test_a_day_passes_by_advancing_the_clock(api: Api) -> None:
    """Everything queued before a day of virtual time has ended after it, without any waiting."""
    ids = [id for id in api.world.company_store.ids if api.world.company(id)["dataConnections"]]
    for company_id in ids:
        api.post(f"/companies/{company_id}/data/all")
    for _ in range(24):
        api.clock.advance("1h")
        api.get(f"/companies/{api.toft}/dataStatus")
    newest = api.world.history(api.toft, {"orderBy": "-requested", "pageSize": "20"})["results"]
    assert sum("completed" in operation for operation in newest) > 15


def test_events_tell_what_changed(api: Api) -> None:
    """One read.completed per end, failures included, oldest first; unmodified the first time, mostly after weeks."""
    api.post(f"/companies/{api.toft}/data/all")
    assert api.world.events() == []
    api.clock.advance("2h")
    told = api.world.events()
    assert [e["generatedDate"] for e in told] == sorted(e["generatedDate"] for e in told)
    assert len({e["id"] for e in told}) == len(told)
    events = [e for e in told if e["eventType"] == "read.completed"]
    done = [api.world.operation(api.toft, op) for op in api.world.accepted[0].operations]
    ended = [op for op in done if "completed" in op and op["status"] not in ("NotSupported", "Cancelled")]
    assert len(events) == len(ended) > 10
    assert {op["status"] for op in ended} > {"Complete"}
    rows = [(e["payload"]["dataTypes"][0]["dataType"], e["payload"]["dataTypes"][0]["status"]) for e in events]
    assert sorted(rows) == sorted((op["dataType"], op["status"]) for op in ended)
    by_kind = Counter(e["eventType"].removeprefix("read.completed") for e in told)
    complete = sum(op["status"] == "Complete" for op in ended)
    assert (by_kind[".successful"], by_kind[".unsuccessful"]) == (complete, len(ended) - complete)
    assert by_kind[".initial"] >= 1  # journalEntries, which was never read
    modified = {
        e["payload"]["dataTypes"][0]["dataType"]: e["payload"]["dataTypes"][0]["recordsModified"] for e in events
    }
    assert modified["journalEntries"] is False  # never synced before
    assert modified["banking-transactions"] is True
    for event in events:
        contract.check_event(event)
        (summary,) = event["payload"]["dataTypes"]
        assert {issue["type"] for issue in summary["issues"]} <= {"warning.validation"}
    assert {bool(e["payload"]["dataTypes"][0]["issues"]) for e in events} == {True, False}


def test_a_relink_mends_what_it_can(api: Api) -> None:
    """Deauthorized: AuthError for every type; relinked through its link URL it reads again, errors are resolved."""
    connection = api.get(f"/companies/{api.toft}/connections")["results"][2]
    op = read(api.post(f"/companies/{api.toft}/data/queue/commerce-orders?connectionId={connection['id']}"))
    api.clock.advance("1h")
    assert api.world.operation(api.toft, op["id"])["status"] == "AuthError"
    path = connection["linkUrl"].removeprefix("https://link-api.codat.io")
    page = api.ask(f"GET {path}", authorization="")
    assert b"<button" in page.body
    assert b"is linked" in api.ask(f"POST {path}", authorization="").body
    relinked = api.world.connection(api.toft, connection["id"])
    assert relinked["status"] == "Linked"
    assert relinked["dataConnectionErrors"][0]["status"] == "Resolved"
    op = read(api.post(f"/companies/{api.toft}/data/queue/commerce-orders"))
    api.clock.advance("1h")
    assert api.world.operation(api.toft, op["id"])["status"] != "AuthError"


def test_a_relink_gives_missing_rights(api: Api) -> None:
    """A new user brings the rights that the old one lacked."""
    connection = api.get(f"/companies/{api.toft}/connections")["results"][0]
    api.faults.relink(api.toft, connection["id"])
    op = read(api.post(f"/companies/{api.toft}/data/queue/creditNotes"))
    api.clock.advance("1h")
    assert api.world.operation(api.toft, op["id"])["status"] != "PermissionsError"


def test_unused_connections_expire(api: Api) -> None:
    """Unused for the platform's limit a token is revoked, at that instant; used in time it lives on."""
    company = api.company("Technicalium")
    xero, bank = api.get(f"/companies/{company}/connections")["results"]
    api.clock.advance("59d")
    assert api.world.connection(company, xero["id"])["status"] == "Linked"
    api.post(f"/companies/{company}/data/queue/company?connectionId={xero['id']}")
    api.clock.advance("40d")
    assert api.world.connection(company, xero["id"])["status"] == "Linked"
    expired = api.world.connection(company, bank["id"])
    assert expired["status"] == "Deauthorized"
    api.clock.advance("40d")
    assert api.world.connection(company, bank["id"]) == expired
    assert api.world.connection(company, xero["id"])["status"] == "Deauthorized"


def test_a_relinked_connection_lives_on(api: Api) -> None:
    """What had expired and is relinked stays linked, although its data is still old."""
    northwind = api.company("Northwind Traders GmbH")
    bank = api.get(f"/companies/{northwind}/connections")["results"][1]
    api.faults.relink(northwind, bank["id"])
    api.clock.advance("30d")
    assert api.world.connection(northwind, bank["id"])["status"] == "Linked"
    api.clock.advance("61d")
    expired = api.world.connection(northwind, bank["id"])
    assert [error["status"] for error in expired["dataConnectionErrors"]] == ["Resolved", "Active"]
    api.faults.deauthorize(northwind, bank["id"])
    assert api.world.connection(northwind, bank["id"]) == expired


def test_a_connection_linked_for_the_first_time_is_read_at_once(api: Api) -> None:
    """Authorizing a pending connection queues what is fetched on first link, without any POST of ours."""
    saltmarsh = api.company("Saltmarsh Roasters")
    pending = api.get(f"/companies/{saltmarsh}/connections?query=status=PendingAuth")["results"][0]
    assert pending["dataConnectionErrors"] is None
    before = api.get(f"/companies/{saltmarsh}/data/history")["totalResults"]
    api.faults.relink(saltmarsh, pending["id"])
    page = api.get(f"/companies/{saltmarsh}/data/history?query=connectionId={pending['id']}")
    assert page["totalResults"] > 5
    assert api.get(f"/companies/{saltmarsh}/data/history")["totalResults"] == before + page["totalResults"]
    assert not api.world.accepted
    api.clock.advance("1h")
    assert api.world.connection(saltmarsh, pending["id"])["lastSync"] > "2026-11-23T14"


def test_documents_are_the_caller_s_own(api: Api) -> None:
    """Changing what the world gave changes nothing in the world."""
    for read_it in (
        lambda: api.world.status(api.toft)["invoices"],
        lambda: api.world.history(api.toft)["results"][0],
        lambda: api.world.connections(api.toft)["results"][2]["dataConnectionErrors"][0],
    ):
        before = dict(read_it())
        read_it().clear()
        assert read_it() == before


def test_prerequisites_come_first(api: Api) -> None:
    """commerce-transactions fails until the other commerce types were read, or are being read."""
    company = api.company("Saltmarsh Roasters")
    op = read(api.post(f"/companies/{company}/data/queue/commerce-transactions"))
    api.clock.advance("1h")
    assert api.world.operation(company, op["id"])["status"] == "PrerequisiteNotMet"
    api.world.queue_all(company)
    ids = api.world.accepted[-1].operations
    api.clock.advance("1h")
    ended = [api.world.operation(company, i) for i in ids]
    assert {o["status"] for o in ended if o["dataType"] == "commerce-transactions"} != {"PrerequisiteNotMet"}


def test_month_end_is_always_the_same_story() -> None:
    """The scenario: payments fail once, one relink, everything else completes; the date is fixed."""
    story = scenario("month-end")
    world = World(3, seed=1, clock=Clock(story.start, speed=0), written=story.templates)
    toft, harbour, technicalium = world.company_store.ids
    endings = []
    for _ in range(2):
        world.queue_all(toft)
        world.clock.advance("1h")
        endings.append({world.operation(toft, op)["status"] for op in world.accepted[-1].operations})
    assert endings == [{"Complete", "FetchError"}, {"Complete"}]
    assert world.connections(harbour)["results"][0]["status"] == "Deauthorized"
    with pytest.raises(ErrorResponse, match="no linked data connection"):
        world.queue_all(harbour)
    statuses = {name: s["currentStatus"] for name, s in world.status(technicalium).items()}
    assert statuses.pop("bankTransactions") == "FetchError"  # Xero's always do
    assert set(statuses.values()) == {"Complete"}
    with pytest.raises(ValueError, match="month-end"):
        scenario("year-end")
    assert set(SCENARIOS) == {"month-end", "situations"}


@pytest.mark.parametrize("name", ["companies", "integrations", "profile_settings"])
def test_calls_wait_for_each_other(name: str) -> None:
    """While a thread holds the world, a call from another does not begin."""
    world = World(1, clock=Clock(START, speed=0))
    thread = threading.Thread(target=getattr(world, name))
    with world.lock:
        thread.start()
        thread.join(0.05)
        assert thread.is_alive()
    thread.join(60)
    assert not thread.is_alive()


def test_a_world_is_as_large_as_wanted() -> None:
    """No company, one, or a negative number, which is refused."""
    assert World(0, clock=Clock(START, speed=0)).companies()["results"] == []
    assert World(1, clock=Clock(START, speed=0)).companies()["totalResults"] == 1
    with pytest.raises(ValueError, match="fewer than 0"):
        World(-1)


@pytest.mark.parametrize("count", [20_000, pytest.param(100_000, marks=pytest.mark.full)])
def test_many_companies(count: int) -> None:
    """Each search finds what it should among many; how fast, the benchmark tells."""
    world = World(count, clock=Clock(START, speed=0))
    searches = (
        {}, {"page": "900"}, {"query": "name~toft"}, {"query": "name~bakery&&tags.region=uk"}, {"orderBy": "name"},
        {"tags": "region=de"}, {"query": "lastSync>2026-11-22", "orderBy": "-created"},
    )  # fmt: skip
    for parameters in searches:
        page = world.companies(parameters)
        assert 0 < page["totalResults"] <= count
        assert len(page["results"]) <= 100


@pytest.mark.parametrize("operations", [3_000, pytest.param(100_000, marks=pytest.mark.full)])
def test_a_long_history(operations: int) -> None:
    """A company's past can be made that long; it is paged newest first without a gap."""
    world = World(2, clock=Clock(START, speed=0))
    company = world.company_store.ids[1]
    world.lengthen_history(company, operations)
    seen: list[str] = []
    for page in range(1, 21):
        asked = {"orderBy": "-requested", "pageSize": str(operations // 20), "page": str(page)}
        rows = world.history(company, asked)
        assert rows["totalResults"] == operations
        seen += [row["id"] for row in rows["results"]]
    assert len(set(seen)) == operations
    assert world.company(company)["created"] < world.operation(company, seen[-1])["requested"]
    with pytest.raises(RuntimeError, match="before operations are queued"):
        world.lengthen_history(company, 5)
