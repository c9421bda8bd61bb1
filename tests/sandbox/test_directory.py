"""Searching companies: the columns say what the companies themselves say, also after they were synced."""

from typing import Any

import pytest

from codat_notebook.sandbox.virtual_time import Clock
from codat_notebook.sandbox.world import World

from .asking import START

COUNT = 150


def _all(world: World, **parameters: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = world.companies({"pageSize": "5000", **parameters})["results"]
    return rows


def _value(row: dict[str, Any], name: str) -> str:
    parent, _, key = name.partition(".")
    found = row.get(parent)
    return str((found or {}).get(key) or "" if key else found or "").casefold()


@pytest.fixture
def world() -> World:
    """Some companies, a few of them refreshed a while ago, which nobody has looked at since."""
    world = World(COUNT, clock=Clock(START, speed=0))
    _all(world, orderBy="lastSync")
    _all(world, orderBy="-lastSync")
    for company_id in world.company_store.ids[:40:3]:
        if world.company(company_id)["dataConnections"]:
            world.queue(company_id, "company")
    world.clock.advance("2h")
    return world


@pytest.mark.parametrize(
    "name",
    ["id", "name", "description", "created", "createdByUserName", "lastSync", "tags.region", "tags.segment",
     "referenceParentCompany.name"],
)  # fmt: skip
def test_orders_are_those_of_the_documents(world: World, name: str) -> None:
    """By any property, forwards and backwards: as Python sorts the documents (their times sort as text)."""
    in_order = _all(world, orderBy=name)
    backwards = _all(world, orderBy=f"-{name}")
    plain = _all(world)
    assert in_order == sorted(plain, key=lambda row: _value(row, name))
    assert backwards == sorted(plain, key=lambda row: _value(row, name), reverse=True)


@pytest.mark.parametrize(
    "name", ["id", "name", "created", "createdByUserName", "lastSync", "tags.region", "referenceParentCompany.name"]
)
def test_each_company_is_found_by_what_it_shows(world: World, name: str) -> None:
    """A search for any value of a document gives the companies that have it, and no others."""
    plain = _all(world)
    for row in plain[::7]:
        if value := _value(row, name):
            assert _all(world, query=f"{name} = {value}") == [r for r in plain if _value(r, name) == value]


def test_what_was_synced_meanwhile_is_found(world: World) -> None:
    """A company whose refresh has ended counts as synced, though nobody has looked at it since."""
    found = _all(world, query="lastSync>=2026-11-23T14:00:00Z", orderBy="-lastSync")
    assert 5 < len(found) <= 14
    assert {row["id"] for row in found} <= set(world.company_store.ids[:40:3])


def test_tags_and_query_both_hold(world: World) -> None:
    """What is found fulfils both parameters."""
    found = _all(world, tags="region=uk", query="tags.segment=food || tags.segment=retail")
    assert found == _all(world, query="tags.region=uk&&{tags.segment=food||tags.segment=retail}") != []
    assert _all(world, tags="region=uk && region=us") == []


def test_codats_own_schedule_is_seen_in_searches(world: World) -> None:
    """What Codat has queued by itself counts, too."""
    before = len(_all(world, query="lastSync>2026-11-23"))
    world.settings.sync_schedule = 24
    world.clock.advance("3d")
    synced = _all(world, query="lastSync>2026-11-24")
    assert len(synced) > before
    assert synced == [row for row in _all(world) if row.get("lastSync", "") > "2026-11-24"]
