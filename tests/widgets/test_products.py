"""A company's products in the console: offered, chosen, refreshed, and what stands before the click."""

from collections.abc import Iterator

import pytest

from codat_notebook.models.shared import Security
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session

from .test_console import ConsoleBench


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of its own, ten minutes a second."""
    with Sandbox(speed=600) as sandbox:
        yield sandbox


@pytest.fixture
def bench(sandbox: Sandbox) -> Iterator[ConsoleBench]:
    """A console on the sandbox."""
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session:
        yield ConsoleBench(session)


def test_a_product_is_offered_and_refreshed(bench: ConsoleBench, sandbox: Sandbox) -> None:
    """The click sends one request for the product, and the code tab says the same."""
    id = bench.pick("Toft")
    bar = bench.until("codat-bar", lambda s: s["products"])
    assert (bar["products"], bar["caution"]) == (["credit-monitoring"], None)
    bench.until("codat-company", lambda s: ["products", "lending, credit-monitoring"] in s["tags"])
    bench.send("codat-bar", type="choose_product", company=id, product="credit-monitoring")
    bench.send("codat-data-types", type="select", selected=["invoices"])
    bench.until("codat-code", lambda s: 'product="credit-monitoring"' in s["text"])
    bench.send("codat-bar", type="refresh", company=id, data_types=["invoices"], product="credit-monitoring", seq=3)
    bench.until("codat-progress", lambda s: s["rows"] and sandbox.world.accepted)
    assert [(each.product, len(each.operations)) for each in sandbox.world.accepted] == [("credit-monitoring", 1)]


def test_a_product_that_is_not_offered_starts_nothing(bench: ConsoleBench, sandbox: Sandbox) -> None:
    """A standard product, or one of another company, in a message from an older picture."""
    id = bench.pick("Toft")
    for seq, product in enumerate(("lending", "other"), 3):
        bench.send("codat-bar", type="refresh_all", company=id, product=product, seq=seq)
        bench.until("codat-bar", lambda s, seq=seq: s["seq"] == seq)
    assert (sandbox.world.accepted, bench.session.runs) == ([], [])


def test_a_caution_stands_before_the_click(bench: ConsoleBench, sandbox: Sandbox) -> None:
    """A company that has Spend Insights alone: its report reads the data itself."""
    sandbox.world.assign(str(bench.search("Dave")[0]["id"]), "spend-insights")
    bench.pick("Dave")
    bar = bench.until("codat-bar", lambda s: s["caution"])
    assert "Spend Insights: ask for its report" in bar["caution"]
    assert bar["products"] == []


def test_the_settings_explain_a_data_type(bench: ConsoleBench, sandbox: Sandbox) -> None:
    """Its tooltip says what Codat does for it by itself, with no request beyond the one that "all" needs."""
    id = str(bench.search("Toft")[0]["id"])
    sandbox.faults.profile_settings = {"journalEntries": None, "invoices": {"syncSchedule": 24}}
    bench.pick("Toft")

    def told(state):  # type: ignore[no-untyped-def]
        return {row["key"]: row["note"] for row in state["types"] if row["note"]}

    notes = told(bench.until("codat-data-types", lambda s: "journalEntries" in told(s)))
    assert notes["journalEntries"] == "never fetched: not in the company's settings"
    assert notes["invoices"] == "Codat reads it every day; records changed in the last 24 months"
    paths = bench.session.requests.path.tolist()
    assert [path for path in paths if path.endswith("syncSettings")] == [f"/companies/{id}/syncSettings"]
