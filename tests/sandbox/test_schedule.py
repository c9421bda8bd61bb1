"""Codat's own schedule: off by default, told in the sync settings, and drawn when somebody looks."""

from collections import Counter
from itertools import pairwise
from typing import Any

from codat_notebook.sandbox.virtual_time import DAY, HOUR, parse_time

from .asking import Api


def _new(api: Api) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = api.get(
        f"/companies/{api.toft}/data/history?query=requested>=2026-11-23T14:00:00&pageSize=5000&orderBy=requested"
    )["results"]
    return rows


def _ticks(text: str) -> int:
    ticks = parse_time(text)
    assert ticks is not None
    return ticks


def test_nothing_happens_by_itself(api: Api) -> None:
    """As with Codat, the default is no schedule, and the settings say so."""
    api.clock.advance("30d")
    assert _new(api) == []
    assert {s["syncSchedule"] for s in api.get("/profile/syncSettings")["settings"]} == {0}


def test_each_type_is_read_an_interval_after_it_was_read_last(api: Api) -> None:
    """On every linked connection; never while one is running; the settings of profile and company tell the interval."""
    api.faults.sync_schedule = 48
    api.clock.advance("9d")
    new = _new(api)
    assert not api.world.accepted
    connections = api.get(f"/companies/{api.toft}/connections")["results"]
    assert {op["connectionId"] for op in new} == {c["id"] for c in connections if c["status"] == "Linked"}
    assert set(Counter((op["connectionId"], op["dataType"]) for op in new).values()) == {4, 5}
    by_cell: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for op in new:
        by_cell.setdefault((op["connectionId"], op["dataType"]), []).append(op)
    for ops in by_cell.values():
        for before, after in pairwise(ops):
            assert _ticks(after["requested"]) - _ticks(before["completed"]) == 48 * HOUR
    for path in ("/profile/syncSettings", f"/companies/{api.toft}/syncSettings"):
        assert {s["syncSchedule"] for s in api.get(path)["settings"]} == {48}


def test_when_it_is_looked_at_does_not_matter() -> None:
    """Looked at every few hours or once at the end: the same operations, freshness and events."""
    often, once = Api(), Api()
    for api in (often, once):
        api.faults.sync_schedule = 24
    for _ in range(12):
        often.clock.advance("7h")
        often.get(f"/companies/{often.toft}/dataStatus")
    once.clock.advance("84h")
    assert _new(often) == _new(once)
    assert often.get("/companies") == once.get("/companies")
    assert often.world.events() == once.world.events()
    assert len(once.world.events()) > 500


def test_switching_it_on_later_does_not_change_the_past(api: Api) -> None:
    """What was seen stays: the schedule begins when it is switched on, and ends when it is switched off."""
    api.clock.advance("3d")
    assert _new(api) == []
    api.faults.sync_schedule = 24
    api.clock.advance("2h")
    begun = _new(api)
    assert begun
    assert min(op["requested"] for op in begun) == "2026-11-26T14:00:00.0000000Z"
    api.faults.sync_schedule = 0
    api.clock.advance("5d")
    assert len(_new(api)) == len(begun)


def test_it_keeps_connections_alive(make_api: Any) -> None:
    """Tokens that nothing uses are revoked after 60 to 100 days; those in use are not. A consent ends all the same."""
    for hours, status in ((0, "Deauthorized"), (168, "Linked")):
        api = make_api()
        api.faults.sync_schedule = hours
        api.clock.advance(120 * DAY / 10_000_000)
        connections = api.get(f"/companies/{api.company('Technicalium')}")["dataConnections"]
        assert {c["platformName"]: c["status"] for c in connections} == {"Xero": status, "TrueLayer": "Deauthorized"}


def test_a_connection_that_only_fails_is_revoked_and_left_alone(api: Api) -> None:
    """Failures do not keep a token alive; what has been revoked is not scheduled any more."""
    company_id = api.company("Technicalium")
    api.faults.end_next("FetchError", n=100_000, company_id=company_id)
    api.faults.sync_schedule = 168
    api.clock.advance("150d")
    for connection in api.get(f"/companies/{company_id}")["dataConnections"]:
        (error,) = connection["dataConnectionErrors"]
        path = f"/companies/{company_id}/data/history?query=connectionId={connection['id']}&orderBy=-requested"
        newest = api.get(path)["results"][0]
        assert connection["status"] == "Deauthorized"
        assert _ticks(error["erroredOnUtc"]) - 8 * DAY < _ticks(newest["requested"]) < _ticks(error["erroredOnUtc"])
