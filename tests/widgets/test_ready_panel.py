"""The tab that says whether a company is ready: the question is kept, the plan runs, and it looks again."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from codat_notebook.sandbox import Sandbox
from tests.planning.conftest import session_on, still_sandbox
from tests.planning.planted import BANK, BOOKS, SHOP, add, connection, link

from .test_console import DEADLINE, ConsoleBench

ASKED = {"purpose": "financials", "period_end": "2026-10-31", "sources": ["accounting"]}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of its own, ten minutes a second."""
    with still_sandbox(companies=3, speed=600) as sandbox:
        yield sandbox


@pytest.fixture
def bench(sandbox: Sandbox) -> Iterator[ConsoleBench]:
    """A console on the sandbox."""
    with session_on(sandbox) as session:
        yield ConsoleBench(session)


def test_one_button_makes_it_ready(bench: ConsoleBench, sandbox: Sandbox) -> None:
    """Two data types are late: they are refreshed and no other, and then the tab says Ready."""
    late = {"balanceSheet": 25.0, "profitAndLoss": 25.0}
    add(sandbox, link(BOOKS, ages=late), link(BANK), link(SHOP), name="Late")
    id = bench.pick("Late")
    bench.send("codat-ready", type="ask_ready", seq=3, **ASKED)
    state = bench.until("codat-ready", lambda s: s["company"] == id and s["seq"] == 3)
    assert state["badge"] == ["Not ready", "bad"]
    assert state["summary"] == "Not ready for financials, to 31 Oct 2026: 2 of 4 data types are missing."
    assert (state["refresh"], state["ask"], state["blocked"]) == ("Refresh 2 data types", None, None)
    tabs = bench.until("codat-tabs", lambda s: any(tab["count"] == 2 for tab in s["tabs"]))
    assert [tab["label"] for tab in tabs["tabs"] if tab["count"] == 2] == ["Ready?"]
    sandbox.clock.resume()
    for _ in range(2):  # a click that is delivered twice
        bench.send("codat-ready", type="run_plan", company=id, seq=4)
    bench.until("codat-ready", lambda s: s["badge"] == ["Ready", "ok"])
    bench.until("codat-tabs", lambda s: any(tab["label"] == "Ready ✓" for tab in s["tabs"]))
    assert sorted(each.data_type or "" for each in sandbox.world.accepted) == sorted(late)


def test_what_is_asked_is_kept(bench: ConsoleBench, sandbox: Sandbox) -> None:
    """Over another company, and by a console that is made anew; without a period it is fresh and no more."""
    for name in ("First", "Second"):
        add(sandbox, name=name)
    bench.pick("First")
    assert bench.until("codat-ready", lambda s: s["company"])["summary"] == "Fresh; period not checked."
    bench.send("codat-ready", type="ask_ready", seq=3, **ASKED)
    bench.until("codat-ready", lambda s: s["badge"] == ["Ready", "ok"])
    id = bench.pick("Second")
    state = bench.until("codat-ready", lambda s: s["company"] == id)
    assert (state["purpose"], state["period_end"], state["sources"]) == ("financials", "2026-10-31", ["accounting"])
    again = ConsoleBench(bench.session)
    again.until("codat-ready", lambda s: s["purpose"] == "financials")


def test_what_no_form_offers_changes_nothing(bench: ConsoleBench, sandbox: Sandbox) -> None:
    """An unknown purpose, a date that is none; nor does a plan for another company run."""
    id = add(sandbox, link(BOOKS, 40.0), name="Late")
    bench.pick("Late")
    bench.send("codat-ready", type="ask_ready", purpose="lendng", period_end="soon", sources=["shoe"], seq=3)
    bench.send("codat-ready", type="run_plan", company="other", seq=4)
    state = bench.until("codat-ready", lambda s: s["seq"] == 4)
    assert (state["purpose"], state["period_end"], state["company"]) == ("lending", "", id)
    assert (sandbox.world.accepted, bench.session.runs) == ([], [])


def test_a_link_that_is_copied_is_remembered(bench: ConsoleBench, sandbox: Sandbox, tmp_path: Path) -> None:
    """From any part, alone or in a table, whatever passcode it had; not another address, nor without a memory."""
    id = add(sandbox, link(BOOKS, 40.0), name="Late")
    sandbox.world.deauthorize(id, books := connection(sandbox, id, BOOKS))
    bench.session.remember(tmp_path / "codat.sqlite")
    bench.pick("Late")
    [card] = bench.until("codat-connections", lambda s: s["connections"])["connections"]
    memory = bench.session.context.memory
    assert memory is not None
    for text in ("https://other.example/link", f"Late\t{id}\t{card['link_url']}?otp=1\nOther\thttps://x.example/1"):
        bench.send("codat-notice", type="copied", text=text)
    until = time.monotonic() + DEADLINE
    while not memory.sightings(["link"]):
        assert time.monotonic() < until
    [row] = memory.sightings(["link"])
    assert (row.company_id, row.connection_id, row.status) == (id.lower(), books, "copied")
    assert "link copied" in bench.session.connection_history(id).event.tolist()
    assert card["link_url"].encode() not in (tmp_path / "codat.sqlite").read_bytes()
