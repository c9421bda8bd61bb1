"""The console without a browser: messages in, states out, against a sandbox."""

import re
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import ipywidgets
import pandas as pd
import pytest

from codat_notebook.models.shared import Security
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session
from codat_notebook.utils import RetryConfig
from codat_notebook.widgets.console import console
from codat_notebook.widgets.part import Part

DEADLINE = 60.0
CLASSES = {
    "codat-console", "codat-company", "codat-connection", "codat-data-types", "codat-progress", "codat-operations",
    "codat-errors", "codat-table", "codat-status", "codat-notice", "codat-heatmap", "codat-timeline", "codat-requests",
    "codat-code",
}  # fmt: skip


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of its own, ten minutes a second."""
    with Sandbox(speed=600) as sandbox:
        yield sandbox


class ConsoleBench:
    """A console on a table: its parts by class, messages to them, waiting for what they show."""

    def __init__(self, session: Session, frame: Any = None, **opening: Any) -> None:
        self.session = session
        self.frame = frame or console(session, **opening)
        self.parts = {name: part for part in _parts(self.frame) for name in part._dom_classes}

    def send(self, name: str, /, **message: Any) -> None:
        """A message from the browser."""
        part = self.parts[name]
        self.session.context.engine.post(part._receive, message)

    def until(self, name: str, shows: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Wait until the part's state satisfies ``shows``, and return that state, whatever came after it."""
        part, reached = self.parts[name], threading.Event()
        found: list[dict[str, Any]] = []

        def look(*_: object) -> None:
            state = part.state
            if shows(state):
                found.append(state)
                reached.set()

        part.observe(look, "state")
        look()
        assert reached.wait(DEADLINE), part.state
        part.unobserve(look, "state")
        return dict(found[0])

    def search(self, text: str) -> list[dict[str, Any]]:
        """Search for a company, and return what is offered."""
        self.send("codat-company", type="search", text=text, seq=1)

        def answered(state: dict[str, Any]) -> bool:
            search = state["search"] or {}
            return search.get("text") == text and search.get("status") == "ready"

        found: list[dict[str, Any]] = self.until("codat-company", answered)["search"]["results"]
        return found

    def pick(self, text: str) -> str:
        """Search and pick a company; wait until it is read."""
        id = str(self.search(text)[0]["id"])
        self.send("codat-company", type="pick", id=id, seq=2)
        self.until("codat-data-types", lambda s: s["status"] == "ready" and s["company"] == id)
        return id


def _parts(widget: Any) -> Iterator[Any]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _parts(child)


@pytest.fixture
def bench(sandbox: Sandbox) -> Iterator[ConsoleBench]:
    """A console on the sandbox."""
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session:
        yield ConsoleBench(session)


def test_the_parts_carry_the_classes_that_do_not_change(bench: ConsoleBench) -> None:
    """Tests, styles and users' own scripts find them by these."""
    assert bench.parts.keys() >= CLASSES
    assert isinstance(bench.frame, ipywidgets.VBox)


def test_parts_and_boxes_share_one_layout_and_the_console_has_its_own(bench: ConsoleBench) -> None:
    """A layout each would be a third of a new console's messages; its size is its own, and closing ends them all."""
    inside = set(bench.parts.values()) - {bench.frame}
    layouts = {part.layout for part in inside}
    assert len(layouts) == 1
    assert bench.frame.layout not in layouts
    held = [*inside, *layouts, bench.frame, bench.frame.layout]
    bench.frame.close()
    assert [widget for widget in held if widget.comm is not None] == []


def test_a_search_answers_the_text_it_was_asked_for(bench: ConsoleBench) -> None:
    """With the matches of that text; a text that nobody is called by has none."""
    assert [row["name"] for row in bench.search("tech")] == ["Technicalium", "Technicalium Group"]
    assert bench.search("zzz") == []


def test_a_picked_company_is_shown_in_every_part(bench: ConsoleBench) -> None:
    """Name, connections with the relink URL, data types with ages, its operations in the table."""
    id = bench.pick("Toft")
    shown = bench.until("codat-company", lambda s: s["company"] and not s["loading"])
    assert shown["company"] == {"id": id, "name": "Toft Stores UK"}
    cards = {card["platform"]: card for card in bench.parts["codat-connections"].state["connections"]}
    assert cards["Shopify"]["link_url"]
    assert cards["Plaid"]["link_url"] is None
    rows = {row["key"]: row for row in bench.parts["codat-data-types"].state["types"]}
    assert rows["creditNotes"]["state"] == "failed"
    assert rows["commerce-orders"]["state"] == "unlinked"  # Shopify is deauthorized, and hides nothing
    operations = bench.parts["codat-operations"]
    bench.until("codat-operations", lambda s: operations.frame is not None and len(operations.frame) > 100)


def _states(frame: pd.DataFrame, key: str) -> set[tuple[object, str]]:
    return set(zip(frame[key], frame["status"].astype(str), strict=True))


def test_each_table_tab_equals_its_named_frame(bench: ConsoleBench) -> None:
    """Operations, errors and requests on screen are the session's frames, all columns and rows of them."""
    id = bench.pick("Toft")
    bench.send("codat-bar", type="refresh", company=id, data_types=["customers", "creditNotes"], seq=1)
    bench.until("codat-progress", lambda s: s["status"] == "done")
    bench.until("codat-errors", lambda s: s["total"] == 1)
    bench.until("codat-operations", lambda s: s["total"] == 1_002)  # the newest 1,000 when it was picked, and both
    history = bench.session.history(id, limit=len(bench.parts["codat-operations"].frame))
    bench.send("codat-tabs", type="tab", name="requests")
    named = {"operations": history, "errors": bench.session.errors, "requests": bench.session.requests}
    for name, frame in named.items():
        key, part = "id" if name == "operations" else "time", bench.parts[f"codat-{name}"]
        bench.until(f"codat-{name}", lambda _, p=part, f=frame, k=key: _states(p.frame, k) == _states(f, k))
        shown, frame = (each.sort_values(key, ignore_index=True) for each in (part.frame, frame))
        pd.testing.assert_frame_equal(shown, frame, check_categorical=False)


def test_freshness_and_timeline_show_the_session_frames(bench: ConsoleBench) -> None:
    """A cell of the heatmap for each row of the status, a bar for each operation of the history."""
    id = bench.pick("Toft")
    state = bench.until("codat-heatmap", lambda s: s["rows"])
    columns = [column["key"] for column in state["columns"]]
    shown = {
        (row["key"], key): cell[0]
        for row in state["rows"]
        for key, cell in zip(columns, row["cells"], strict=True)
        if cell is not None
    }
    status = bench.session.status(id)
    supported = status[(status.status != "NotSupported") | status.last_success.notna()]
    times = supported.last_success.map(lambda time: 0 if pd.isna(time) else int(time.timestamp()))
    assert shown == dict(zip(zip(supported.connection_id, supported.data_type, strict=True), times, strict=True))
    bench.send("codat-tabs", type="tab", name="timeline")
    bars = bench.until("codat-timeline", lambda s: s["bars"])
    history = bench.session.history(id)
    assert bars["total"] == len(bench.session.history(id, limit=None))
    assert {bar["key"] for bar in bars["bars"]} == set(history.id)


def test_the_tab_that_is_looked_at_is_live(bench: ConsoleBench) -> None:
    """The timeline gets the new operation while it is read; each request comes into its table."""
    id = bench.pick("Toft")
    bench.send("codat-tabs", type="tab", name="timeline")
    before = bench.until("codat-timeline", lambda s: s["bars"])["bars"][-1]["key"]
    bench.send("codat-bar", type="refresh", company=id, data_types=["customers"], seq=1)
    bench.until("codat-timeline", lambda s: s["bars"][-1]["key"] != before)
    bench.send("codat-tabs", type="tab", name="requests")
    sent = bench.until("codat-requests", lambda s: s["total"])["total"]
    bench.search("tech")
    bench.until("codat-requests", lambda s: s["total"] > sent)


def test_the_code_does_what_is_chosen_and_what_was_clicked(bench: ConsoleBench) -> None:
    """The ticks, then the connection, then the last click on everything; another tick is what the button does again."""
    assert "session.companies()" in bench.parts["codat-code"].state["text"]
    id = bench.pick("Toft")
    bench.send("codat-data-types", type="select", selected=["bills", "invoices"])
    code = bench.until("codat-code", lambda s: "invoices" in s["text"])
    assert f'run = session.refresh("{id}", "bills", "invoices")' in code["text"]
    assert code["title"] == "What “Refresh 2 selected” does"
    bench.send("codat-bar", type="refresh_all", company=id, seq=1)
    assert f'session.refresh_all("{id}")' in bench.until("codat-code", lambda s: "all”" in s["title"])["text"]
    bench.send("codat-data-types", type="select", selected=["bills"])
    bench.until("codat-code", lambda s: f'session.refresh("{id}", "bills")' in s["text"])


def test_a_new_error_does_not_move_the_reader_away(bench: ConsoleBench) -> None:
    """The errors can be asked for by a notice, left, and asked for once more."""
    for seq in (2, 3):
        bench.session.context.report(ValueError("again"), "It went wrong")
        bench.send("codat-notice", type="errors", seq=seq)
        bench.until("codat-tabs", lambda s: s["active"] == "errors")
        bench.session.context.report(ValueError("and again"), "It went wrong")
        count = 2 * (seq - 1)
        found = bench.until("codat-tabs", lambda s, n=count: {t["name"]: t["count"] for t in s["tabs"]}["errors"] == n)
        assert found["active"] == "errors"
        bench.send("codat-tabs", type="tab", name="code")
        bench.until("codat-notice", lambda s, n=seq: s["seq"] == n)


def test_an_unknown_id_is_told_once_and_stays_to_be_mended(sandbox: Sandbox, bench: ConsoleBench) -> None:
    """Beside the field and nowhere else; a failure of Codat's has a notice, too, which goes with the next good pick."""
    wrong = "00000000-0000-4000-8000-000000000000"
    bench.send("codat-company", type="pick", id=wrong, seq=1)
    state = bench.until("codat-company", lambda s: s["error"])
    assert (state["error"], state["typed"]) == ("No company in this account has this id.", wrong)
    bench.send("codat-company", type="pick", id=wrong[:-1], seq=2)
    state = bench.until("codat-company", lambda s: s["seq"] == 2 and s["error"])
    assert (state["error"], state["typed"]) == ("Not a company id: 35 characters, an id has 36.", wrong[:-1])
    assert bench.parts["codat-notice"].state["items"] == []
    assert len(bench.session.error_log) == 0
    for seq in (3, 5):
        sandbox.faults.next(1, match="GET /companies/0*", status=403)
        bench.send("codat-company", type="pick", id=wrong, seq=seq)
        notice = bench.until("codat-notice", lambda s: s["items"])["items"][0]
        assert notice["what"] == "The company could not be read"
        state = bench.until("codat-company", lambda s, n=seq: s["seq"] == n and s["error"])
        assert (state["error"], state["typed"]) == ("This company could not be read.", wrong)
        if seq == 3:
            bench.send("codat-notice", type="dismiss", key=notice["key"], seq=4)
            bench.until("codat-notice", lambda s: not s["items"])
    assert bench.session.errors.status.tolist() == ["403", "403"]
    bench.pick("Toft")
    bench.until("codat-notice", lambda s: not s["items"])
    bench.until("codat-company", lambda s: s["error"] is None and s["typed"] is None)


def errors_counted(state: dict[str, Any]) -> int | None:
    """The number beside the errors' tab."""
    return next(tab["count"] for tab in state["tabs"] if tab["name"] == "errors")


def test_choosing_a_connection_limits_lists_tables_counts_and_charts(bench: ConsoleBench) -> None:
    """And refreshes go through it alone; one that is deauthorized can be chosen to be looked at."""
    id = bench.pick("Toft")
    bench.send("codat-bar", type="refresh", company=id, data_types=["creditNotes"], seq=1)
    bench.until("codat-tabs", errors_counted)
    ids = {c["platform"]: c["id"] for c in bench.parts["codat-connection"].state["connections"]}
    for platform, family, state in (("Plaid", "Banking", {"ok"}), ("Shopify", "Commerce", {"unlinked"})):
        bench.send("codat-connection", type="connection", id=ids[platform])
        types = bench.until("codat-data-types", lambda s, f=family: {row["family"] for row in s["types"]} == {f})
        assert {row["state"] for row in types["types"]} - {"unsupported", "never"} == state
        assert [card["platform"] for card in types["unlinked"]] == ([platform] if "unlinked" in state else [])
        assert bench.until("codat-bar", lambda s, p=platform: s["connection"] == p)
        table = bench.parts["codat-operations"]
        bench.until("codat-operations", lambda _, t=table, p=platform: set(t.frame["platform"]) == {p})
        assert "index" not in {column["key"] for column in table.state["columns"]}
        bench.until("codat-tabs", lambda s: not errors_counted(s))
        bench.until("codat-errors", lambda s: s["total"] == 0)
        left = bench.until("codat-progress", lambda s: not s["counts"]["total"])
        assert (left["rows"], left["message"]) == ([], "1 operation on other connections are not shown.")
        bench.send("codat-tabs", type="tab", name="freshness")
        bench.until("codat-heatmap", lambda s, p=platform: [row["label"] for row in s["rows"]] == [p])
        bench.send("codat-tabs", type="tab", name="timeline")
        bench.until("codat-timeline", lambda s, p=platform: {row["platform"] for row in s["rows"]} == {p})
    bench.send("codat-connection", type="connection", id=None)
    bench.until("codat-operations", lambda _: set(table.frame["platform"]) == set(ids))
    bench.until("codat-tabs", errors_counted)
    bench.until("codat-errors", lambda s: s["total"] == 1)
    assert bench.until("codat-progress", lambda s: s["counts"]["total"] == 1)["message"] == ""


def test_what_runs_on_another_connection_runs_neither_in_the_list_nor_in_the_progress(
    sandbox: Sandbox, bench: ConsoleBench
) -> None:
    """While one is chosen; that it runs is said, and watching it can be stopped."""
    id = bench.pick("Toft")
    sandbox.clock.pause()
    bench.send("codat-bar", type="refresh", company=id, data_types=["customers"], seq=1)
    bench.until("codat-data-types", running_types)
    ids = {c["platform"]: c["id"] for c in bench.parts["codat-connection"].state["connections"]}
    bench.send("codat-connection", type="connection", id=ids["Plaid"])
    bench.until("codat-data-types", lambda s: not running_types(s))
    bench.until("codat-bar", lambda s: not s["running"])
    left = bench.until("codat-progress", lambda s: not s["rows"])
    assert (left["status"], [action["type"] for action in left["actions"]]) == ("running", ["stop"])
    bench.send("codat-connection", type="connection", id=ids["Oracle NetSuite"])
    bench.until("codat-data-types", running_types)
    bench.until("codat-progress", lambda s: s["counts"]["running"] == 1)


def running_types(state: dict[str, Any]) -> list[str]:
    """The data types that the list shows as running."""
    return [row["key"] for row in state["types"] if row["state"] == "running"]


def test_a_failed_row_is_first_and_opens_with_the_findings(bench: ConsoleBench) -> None:
    """A click on it opens the details beside the table of operations, whatever is filtered there."""
    id = bench.pick("Toft")
    bench.send("codat-bar", type="refresh", company=id, data_types=["bills", "customers", "items"], seq=1)
    done = bench.until("codat-progress", lambda s: s["status"] == "done")
    assert [row["type"] for row in done["rows"]] == ["items", "bills", "customers"]
    bench.send("codat-progress", type="open", key=done["rows"][0]["key"])
    shown = bench.until("codat-operations-details", lambda s: s["key"] and s["checks"]["status"] == "ready")
    assert shown["key"] == done["rows"][0]["key"]
    assert shown["checks"]["errors"]


def test_a_refresh_is_queued_followed_and_ends(bench: ConsoleBench) -> None:
    """The click is answered by its seq; the rows end; the ages are read again; the failure is counted in the tabs."""
    id = bench.pick("Toft")
    asked = bench.session.context.now.isoformat()
    bench.send("codat-bar", type="refresh", company=id, data_types=["customers", "creditNotes"], seq=7)
    bench.until("codat-bar", lambda s: s["seq"] == 7)
    done = bench.until("codat-progress", lambda s: s["status"] == "done")
    assert {row["type"]: row["kind"] for row in done["rows"]} == {"customers": "complete", "creditNotes": "failed"}
    assert done["counts"]["total"] == 2
    bench.until("codat-tabs", lambda s: {t["name"]: t["count"] for t in s["tabs"]}["errors"] == 1)
    bench.until("codat-data-types", lambda s: next(r for r in s["types"] if r["key"] == "customers")["last"] > asked)


def test_a_click_on_an_older_picture_queues_nothing(bench: ConsoleBench) -> None:
    """The message names the company that was on screen; if another one is picked meanwhile, it is only answered."""
    bench.pick("Toft")
    bench.send("codat-bar", type="refresh", company="another", data_types=["customers"], seq=3)
    bench.until("codat-bar", lambda s: s["seq"] == 3)
    assert bench.session.runs == []


def test_stop_watching_ends_the_watching(sandbox: Sandbox, bench: ConsoleBench) -> None:
    """The part says so; Codat carries on."""
    id = bench.pick("Toft")
    sandbox.clock.pause()
    bench.send("codat-bar", type="refresh", company=id, data_types=["customers"], seq=1)
    bench.until("codat-progress", lambda s: s["status"] == "running" and "since" in s["rows"][0])
    bench.send("codat-progress", type="stop", seq=2)
    stopped = bench.until("codat-progress", lambda s: s["status"] == "stopped")
    assert (stopped["seq"], stopped["watched"]) == (2, False)
    assert [action["type"] for action in stopped["actions"]] == ["watch_again"]
    assert re.fullmatch(r"Not watching since \S+Z: this view is out of date\. .*", stopped["message"])
    asked = len(bench.session.request_log)
    sandbox.clock.resume()
    bench.send("codat-progress", type="watch_again", seq=3)
    bench.until("codat-progress", lambda s: s["status"] == "done" and s["seq"] == 3)
    assert len(bench.session.request_log) > asked


def test_a_console_opened_during_a_run_shows_it(sandbox: Sandbox, bench: ConsoleBench) -> None:
    """A refresh started in code is on screen as soon as its company is picked."""
    sandbox.clock.pause()
    company_id = str(bench.session.companies(search="Toft").id[0])
    run = bench.session.refresh(company_id, "customers")
    bench.pick("Toft")
    assert bench.until("codat-progress", lambda s: s["rows"])["rows"][0]["type"] == "customers"
    sandbox.clock.resume()
    run.wait(DEADLINE)
    bench.until("codat-progress", lambda s: s["status"] == "done")


def test_read_only_blocks_the_buttons_with_the_reason(sandbox: Sandbox) -> None:
    """The header says it, too."""
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, read_only=True) as session:
        bench = ConsoleBench(session)
        bench.pick("Toft")
        assert "read-only" in bench.until("codat-bar", lambda s: s["blocked"])["blocked"]
        header = bench.parts["codat-status"].state
        assert (header["read_only"], header["mode"]) == (True, "sandbox")


@pytest.mark.parametrize(
    "message", [{"type": "refresh", "data_types": ["customers"]}, {"type": "refresh_all"}], ids=lambda m: m["type"]
)
def test_read_only_queues_nothing_whatever_is_sent(sandbox: Sandbox, message: dict[str, object]) -> None:
    """A message of a button that is blocked: the client refuses it before anything is sent, and the error says why."""
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, read_only=True) as session:
        bench = ConsoleBench(session)
        id = bench.pick("Toft")
        bench.send("codat-bar", company=id, seq=7, **message)
        bench.until("codat-progress", lambda s: s["status"] in ("done", "error"))
        bench.until("codat-errors", lambda s: s["total"])
        assert session.errors.why.str.contains("read-only").all()
        assert not [call for call in sandbox.traffic.calls if call.startswith("POST")]
        assert sandbox.world.accepted == []


def test_waiting_for_a_retry_is_in_the_header(sandbox: Sandbox, bench: ConsoleBench) -> None:
    """No silent waiting: why, and for how long."""
    bench.until("codat-company", lambda s: s["search"] and s["search"]["status"] == "ready")
    sandbox.faults.rate_limit(1, retry_after=600)  # one second of real time
    asked = bench.session.context.now
    bench.send("codat-company", type="search", text="toft", seq=1)
    activity = bench.until("codat-status", lambda s: s["activity"])["activity"]
    assert activity["text"]
    assert timedelta(minutes=5) < datetime.fromisoformat(activity["until"]) - asked < timedelta(minutes=20)
    bench.until("codat-status", lambda s: s["activity"] is None)


def test_a_server_that_is_gone_is_told(sandbox: Sandbox) -> None:
    """In the search and in a notice, with what to do."""
    no_retries = RetryConfig("none")
    with Session(
        Security(auth_header=sandbox.key), server_url="http://127.0.0.1:9", retry_config=no_retries
    ) as session:
        bench = ConsoleBench(session)
        notice = bench.until("codat-notice", lambda s: s["items"])["items"][0]
        assert "network" in notice["do"]
        assert bench.until("codat-company", lambda s: s["search"])["search"]["status"] == "error"


@pytest.mark.parametrize(
    "message", [{}, {"type": 5}, {"type": "pick"}, {"type": "select", "selected": [1, None]}, {"seq": "x"}]
)
@pytest.mark.parametrize(
    "name", ["codat-company", "codat-connection", "codat-data-types", "codat-progress", "codat-notice", "codat-tabs"]
)
def test_no_message_breaks_a_part(bench: ConsoleBench, name: str, message: dict[str, Any]) -> None:
    """Whatever a browser sends, the console goes on."""
    bench.send(name, **message)
    assert len(bench.search("toft")) == 1


def test_every_part_has_a_text_form(bench: ConsoleBench) -> None:
    """For front ends without widgets."""
    bench.pick("Toft")
    for part in set(bench.parts.values()):
        if isinstance(part, Part) and hasattr(part, "text"):
            assert isinstance(part.text(part.state, part.moment["now"]), str)
