"""All companies in the console, without a browser: listed at once, looked at by a click, opened and left again."""

import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from codat_notebook.models.shared import Security
from codat_notebook.planning import needs
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session
from codat_notebook.widgets.all_companies import offer
from codat_notebook.widgets.console import console

from .test_console import DEADLINE, ConsoleBench, bench, sandbox

__all__ = ["bench", "sandbox"]  # the fixtures
WHOLE = 12


def listed(bench: ConsoleBench, total: int = WHOLE) -> dict[str, Any]:
    """Wait until all companies are in the table, and nothing is under way."""
    return bench.until("codat-companies", lambda s: s["total"] == total and s["more"] and not s["more"]["busy"])


def offered(state: dict[str, Any]) -> str:
    """What the button says that looks at companies."""
    return next(str(words) for name, words in state["more"]["actions"] if name.startswith("look "))


def act(bench: ConsoleBench, kind: str) -> None:
    """Click what the line below the rows offers."""
    actions = bench.parts["codat-companies"].state["more"]["actions"]
    bench.send("codat-companies", type="more", name=next(n for n, _ in actions if n.startswith(kind)), seq=7)


def filters(state: dict[str, Any]) -> dict[str, int]:
    """The counts above the table."""
    return {each["label"]: each["count"] for each in state["filters"]}


def facet(state: dict[str, Any]) -> dict[str, int]:
    """What the filter by readiness offers, with its counts."""
    [found] = [each for each in state["facets"] if each["label"] == "ready?"]
    return {word: number for _, word, number, *_ in found["options"]}


def calls(session: Session) -> list[str]:
    """The requests so far."""
    return session.requests["call"].astype(str).tolist()


def test_a_console_opens_on_all_companies_for_two_requests(bench: ConsoleBench) -> None:
    """What nobody has looked at is counted as that; the list alone tells who has to link again; nothing is fine but a
    parent, which has nothing to be read. The field offers the same companies."""
    state = listed(bench)
    assert [tab["name"] for tab in bench.parts["codat-tabs"].state["tabs"]] == [
        "companies", "freshness", "plan", "runs", "errors", "requests", "code",
    ]  # fmt: skip
    shown = bench.parts["codat-companies"].frame.set_index("company")
    assert shown.loc["Toft Stores UK", "action"] == "Ask the customer to link Shopify again"
    assert shown.index[shown.state == needs.FINE].tolist() == ["Technicalium Group"]
    assert filters(state)["Not looked at"] == (shown.state == needs.UNSEEN).sum() > 5
    assert sorted(calls(bench.session)) == ["companies.list", "integrations.list"]
    offers = bench.until("codat-company", lambda s: s["search"])["search"]["results"]
    assert len(offers) == WHOLE


def test_a_look_costs_what_its_button_says_and_tells_what_the_frame_tells(bench: ConsoleBench) -> None:
    """A request for the list, one or two for each company; then each row is that of the named frame."""
    assert offered(listed(bench)) == "Look at 11 companies (about 12 requests)"  # a parent has nothing to be looked at
    before = len(calls(bench.session))
    act(bench, "look")
    bench.until("codat-companies", lambda s: not s["more"]["busy"] and "Look again at 12 companies" in offered(s))
    assert 12 <= len(calls(bench.session)) - before <= 23
    shown = bench.parts["codat-companies"].frame
    told = bench.session.portfolio_status().companies
    columns = ["company", "state", "action", "connections", "failure", "late"]
    pd.testing.assert_frame_equal(shown[columns], told[columns], check_categorical=False)
    assert not bench.frame._connector._controller.boundary._tasks  # left open, nothing is asked any more


def test_who_is_ready_is_a_column_and_a_filter(bench: ConsoleBench) -> None:
    """For what is chosen in a company's tab; the line below says what that is."""
    state = listed(bench)
    assert facet(state) == {"(none)": 11, "not ready": 1}  # a parent, of which nothing has to be looked at
    act(bench, "look")
    state = bench.until(
        "codat-companies", lambda s: not s["more"]["busy"] and "Look again at 12 companies" in offered(s)
    )
    assert state["more"]["text"].endswith("Ready for lending, with no period chosen?")
    assert filters(state)["Ready"] == 0
    bench.pick("Toft")
    bench.send("codat-ready", type="ask_ready", purpose="bank", period_end="2026-09-30", sources=["bank"], seq=3)
    bench.until("codat-ready", lambda s: s["purpose"] == "bank")
    bench.send("codat-company", type="pick", id="", seq=99)
    asked = "Ready for bank, to 30 Sep 2026?"
    state = bench.until("codat-companies", lambda s: asked in s["more"]["text"] and filters(s)["Ready"])
    told = bench.session.portfolio_ready(purpose="bank", period_end="2026-09-30", sources="bank").state.value_counts()
    assert filters(state)["Ready"] == told["ready"]
    assert facet(state) == {"ready": told["ready"], "not ready": told["not_ready"]}


def test_a_filter_says_who_is_looked_at(bench: ConsoleBench) -> None:
    """The button names those that match, and they alone are asked for; a click on another price starts nothing."""
    listed(bench)
    bench.send("codat-companies", type="more", name="look 1", seq=2)
    bench.send("codat-companies", type="filter", text="redfern", seq=3)
    bench.until("codat-companies", lambda s: s["matching"] == 1 and "at 1 company" in offered(s))
    act(bench, "look")
    bench.until("codat-companies", lambda s: "1 of 12" in s["more"]["text"])
    seen = bench.parts["codat-companies"].frame.set_index("company").seen
    assert seen.dropna().index.tolist() == ["Redfern Lighting Partners"]


def test_a_click_opens_a_company_and_back_finds_the_list_as_it_was(bench: ConsoleBench) -> None:
    """Filter and page stay; what was read of the company is in its row; the same row opens it once more."""
    listed(bench)
    bench.send("codat-companies", type="filter", text="toft", seq=3)
    key = bench.until("codat-companies", lambda s: s["matching"] == 1)["keys"][0]
    for seq in (4, 6):
        bench.send("codat-companies", type="select", key=key, seq=seq)
        bench.until("codat-data-types", lambda s: s["status"] == "ready" and s["company"] == key)
        tabs = bench.until("codat-tabs", lambda s: s["active"] == "operations")["tabs"]
        assert tabs[0]["name"] == "operations"
        bench.send("codat-company", type="pick", id="", seq=seq + 1)
        bench.until("codat-company", lambda s: s["company"] is None)
        bench.until("codat-tabs", lambda s: s["active"] == "companies")
    table = bench.until("codat-companies", lambda s: s["rows"] and s["selected"] is None)
    assert (table["text"], table["matching"]) == ("toft", 1)
    bench.until("codat-companies", lambda _: bench.parts["codat-companies"].frame.seen.notna().sum() == 1)
    assert bench.parts["codat-data-types"].state["status"] == "none"


def test_a_heatmap_is_one_click_away_and_opens_a_company(bench: ConsoleBench) -> None:
    """Of those that match and were looked at, coloured by their goals; its title counts; a click opens a company."""
    listed(bench)
    bench.send("codat-tabs", type="tab", name="freshness")
    assert "Look at" in bench.until("codat-heatmap", lambda s: "looked at" in s["empty"])["empty"]
    bench.send("codat-companies", type="filter", text="toft", seq=3)
    bench.until("codat-companies", lambda s: s["matching"] == 1 and "at 1 company" in offered(s))
    act(bench, "look")
    state = bench.until("codat-heatmap", lambda s: s["rows"])
    assert state["title"].startswith("1 company: ")
    assert [row["label"] for row in state["rows"]] == ["Toft Stores UK"]
    assert state["search"] == "toft"
    bench.send("codat-heatmap", type="filter", text="nobody", seq=5)
    assert bench.until("codat-heatmap", lambda s: s["seq"] == 5 and s["search"] == "nobody")["rows"] == []
    bench.send("codat-heatmap", type="filter", text="toft", seq=6)
    state = bench.until("codat-heatmap", lambda s: s["seq"] == 6 and s["rows"])
    assert bench.parts["codat-companies"].state["text"] == "toft"  # one filter for both
    goals = {column["key"]: column["goal"] for column in state["columns"]}
    assert (goals["invoices"], goals["company"]) == ([7, 14], [31, 62])
    bench.send("codat-heatmap", type="open", key="no company")
    bench.send("codat-heatmap", type="open", key=state["rows"][0]["key"])
    bench.until("codat-company", lambda s: s["company"] and s["company"]["name"] == "Toft Stores UK")
    assert bench.until("codat-heatmap", lambda s: not s["opens"] and s["rows"])["title"] == ""


def test_a_link_that_is_copied_from_a_row_is_remembered(bench: ConsoleBench, tmp_path: Path) -> None:
    """Only rows that need the customer have one, where a link is the way."""
    bench.session.remember(tmp_path / "codat.sqlite")
    state = listed(bench)
    act(bench, "list")
    until = time.monotonic() + DEADLINE
    while not bench.session.context.links:
        assert time.monotonic() < until
    place = next(n for n, column in enumerate(state["columns"]) if column["kind"] == "link")
    links = {row[0]: row[place] for row in state["rows"] if row[place]}
    assert "Toft Stores UK" in links
    assert "Technicalium Group" not in links
    bench.send("codat-companies", type="copied", text=links["Toft Stores UK"])
    memory = bench.session.context.memory
    assert memory is not None
    while not memory.sightings(["link"]):
        assert time.monotonic() < until
    id = bench.parts["codat-companies"].frame.set_index("company").company_id["Toft Stores UK"]
    assert [(row.company_id, row.status) for row in memory.sightings(["link"])] == [(id.lower(), "copied")]


def test_what_was_looked_at_stays_where_a_look_is_stopped(sandbox: Sandbox, bench: ConsoleBench) -> None:
    """The others count as not looked at."""
    listed(bench)
    gate = sandbox.faults.hold("GET /companies/*/data/history*")
    act(bench, "look")
    bench.until("codat-companies", lambda s: "10 of 11" in s["more"]["text"])
    act(bench, "stop")
    state = listed(bench)
    gate.open()
    assert state["more"]["text"].startswith("10 of 12 companies looked at.")
    assert not state["more"]["failed"]
    assert "Look at 1 company" in offered(state)


def test_a_list_that_does_not_come_is_told_and_can_be_asked_for_again(sandbox: Sandbox, bench: ConsoleBench) -> None:
    """What was known stays on screen."""
    listed(bench)
    sandbox.faults.next(1, match="GET /companies", status=403)
    act(bench, "list")
    state = bench.until("codat-companies", lambda s: s["more"]["failed"])
    assert state["total"] == WHOLE
    told = bench.until("codat-notice", lambda s: s["items"])["items"]
    assert [each["what"] for each in told] == ["The companies could not be listed"]
    act(bench, "list")
    bench.until("codat-companies", lambda s: not s["more"]["failed"] and not s["more"]["busy"])


@pytest.fixture
def session(sandbox: Sandbox) -> Iterator[Session]:
    """A session without a console yet."""
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session:
        yield session


def opened(session: Session, company: str) -> Any:
    """What the company field of a console says that was made for one company."""
    parts = console(session, company=company)._parts
    part, table, reached = parts.company, parts.companies, threading.Event()

    def look(*_: object) -> None:
        state = part.state
        if (state["error"] and table.state["total"]) or (state["company"] and not state["loading"]):
            reached.set()

    part.observe(look, "state")
    table.observe(look, "state")
    look()
    assert reached.wait(60)
    return part.state["error"] or part.state["company"]["name"]


def test_a_console_opens_on_the_company_that_is_named(session: Session) -> None:
    """By id or whole name; what is neither is told beside the field, all companies below, and runs nothing."""
    id = str(session.companies(search="Toft").id[0])
    assert opened(session, id) == "Toft Stores UK"
    assert opened(session, "00000000-0000-4000-8000-000000000000") == "No company in this account has this id."
    assert opened(session, "toft stores uk") == "Toft Stores UK"
    assert opened(session, "Toft") == "No company in this account has this name."
    assert opened(session, "<img src=x onerror=alert(1)>") == "No company in this account has this name."


def received(bench: ConsoleBench, name: str) -> tuple[str, str]:
    """Ask a part for a report, and wait: the name of the file, and what is in it."""
    sent: list[tuple[dict[str, Any], list[bytes]]] = []
    done = threading.Event()

    def receive(message: dict[str, Any], buffers: Any = ()) -> None:
        sent.append((message, list(buffers)))
        done.set() if message.get("last") or "error" in message else None

    bench.parts[name].send = receive
    bench.send(name, type="export", choice="html", seq=70)
    assert done.wait(DEADLINE)
    last = sent[-1][0]
    if "error" in last:
        return "", str(last["error"])
    assert (last["form"], last["mime"]) == ("html", "text/html")
    return last["name"], zlib.decompress(b"".join(part for _, parts in sent for part in parts), wbits=31).decode()


def test_a_company_has_a_report_to_save(bench: ConsoleBench) -> None:
    """The file of ``session.report``, with the records that a check refused, named after the company."""
    bench.pick("Toft")
    name, text = received(bench, "codat-company")
    assert name == "Toft Stores UK - report"
    assert text.startswith("<!doctype html>")
    assert "Records to correct" in text
    assert "Codat report of" in text


def test_a_selection_has_a_report_to_save(sandbox: Sandbox, bench: ConsoleBench) -> None:
    """Of the rows that are ticked, else of those that match; its price is on it. What goes wrong is told."""
    state = listed(bench)
    assert dict(state["more"]["actions"])["report"] == "Report on 12 companies (about 36 requests)…"
    for place in (0, 1):
        bench.send("codat-companies", type="tick", key=state["keys"][place], on=True, seq=3 + place)
    bench.until("codat-companies", lambda s: "on 2 selected" in dict(s["more"]["actions"]).get("report", ""))
    before = len(calls(bench.session))
    name, text = received(bench, "codat-companies")
    assert name == "2 companies - report"
    assert text.count('class="company"') == 2
    assert text.index("Summary") < text.index('class="company"')
    assert len(calls(bench.session)) - before >= 6
    sandbox.faults.next(None, status=403)
    assert "403" in received(bench, "codat-companies")[1]
    card = bench.until("codat-notice", lambda s: s["items"])["items"][0]
    assert card["what"] == "The report could not be made"


@pytest.mark.parametrize(
    ("company", "file"),
    [("../../x", "x - report"), ("<img src=x onerror=alert(1)>", "img src=x onerror=alert(1) - report")],
)
def test_a_report_of_a_hostile_name_is_a_file_and_text(
    sandbox: Sandbox, bench: ConsoleBench, company: str, file: str
) -> None:
    """No folder in the name, no element in the page."""
    id = str(bench.session.companies(search="Redfern").id[0])
    made_up = sandbox.world.find_company(id)
    made_up.template = replace(made_up.template, name=company)
    bench.send("codat-company", type="pick", id=id, seq=2)
    bench.until("codat-company", lambda s: s["company"] and not s["loading"])
    name, text = received(bench, "codat-company")
    assert name == file
    assert "<img" not in text


def test_two_consoles_share_nothing_that_is_chosen(bench: ConsoleBench, session: Session) -> None:
    """Neither filter nor company nor what was looked at."""
    other = ConsoleBench(session)
    listed(bench)
    listed(other)
    bench.send("codat-companies", type="filter", text="redfern", seq=3)
    bench.until("codat-companies", lambda s: s["matching"] == 1 and "at 1 company" in offered(s))
    act(bench, "look")
    bench.until("codat-companies", lambda s: "1 of 12" in s["more"]["text"])
    bench.pick("Toft")
    state = other.parts["codat-companies"].state
    assert (state["text"], state["matching"], other.parts["codat-company"].state["company"]) == ("", WHOLE, None)
    assert other.parts["codat-companies"].frame.seen.isna().all()


def test_the_price_counts_the_pages_of_the_list() -> None:
    """5,000 companies a request."""
    assert dict(offer(10_000, 0, 10_000)) == {
        "look 10000": "Look again at 10,000 companies (about 10,002 requests)",
        "list": "Read the list again (2 requests)",
    }  # fmt: skip
    assert [name for name, _ in offer(0, 0, 12)] == ["list"]
