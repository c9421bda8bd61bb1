"""The tab that says whether a company is ready: the question is kept, the plan runs, and it looks again."""

from collections.abc import Iterator

import pytest

from codat_notebook.models.shared import Security
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session
from tests.planning.conftest import NOON
from tests.planning.planted import BANK, BOOKS, SHOP, add, link

from .test_console import ConsoleBench

ASKED = {"purpose": "financials", "period_end": "2026-10-31", "sources": ["accounting"]}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of its own, ten minutes a second."""
    with Sandbox(companies=3, speed=600, start=NOON) as sandbox:
        sandbox.clock.pause()
        yield sandbox


@pytest.fixture
def bench(sandbox: Sandbox) -> Iterator[ConsoleBench]:
    """A console on the sandbox."""
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session:
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
