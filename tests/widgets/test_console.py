"""The console without a browser: messages in, states out, against a sandbox."""

import threading
from collections.abc import Callable, Iterator
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


class Desk:
    """A console on a table: its parts by class, messages to them, waiting for what they show."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.frame = console(session)
        self.parts = {name: part for part in _parts(self.frame) for name in part._dom_classes}

    def send(self, name: str, /, **message: Any) -> None:
        """A message from the browser."""
        part = self.parts[name]
        self.session.desk.engine.post(part._receive, message)

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
def desk(sandbox: Sandbox) -> Iterator[Desk]:
    """A console on the sandbox."""
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session:
        yield Desk(session)


def test_the_parts_carry_the_classes_that_do_not_change(desk: Desk) -> None:
    """Tests, styles and users' own scripts find them by these."""
    assert desk.parts.keys() >= CLASSES
    assert isinstance(desk.frame, ipywidgets.VBox)


def test_parts_and_boxes_share_one_layout_and_the_console_has_its_own(desk: Desk) -> None:
    """A layout each would be a third of a new console's messages; its size is its own, and closing ends them all."""
    inside = set(desk.parts.values()) - {desk.frame}
    layouts = {part.layout for part in inside}
    assert len(layouts) == 1
    assert desk.frame.layout not in layouts
    held = [*inside, *layouts, desk.frame, desk.frame.layout]
    desk.frame.close()
    assert [widget for widget in held if widget.comm is not None] == []


def test_a_search_answers_the_text_it_was_asked_for(desk: Desk) -> None:
    """With the matches of that text; a text that nobody is called by has none."""
    assert [row["name"] for row in desk.search("tech")] == ["Technicalium", "Technicalium Group"]
    assert desk.search("zzz") == []


def test_a_picked_company_is_shown_in_every_part(desk: Desk) -> None:
    """Name, connections with the relink URL, data types with ages, its operations in the table."""
    id = desk.pick("Toft")
    shown = desk.until("codat-company", lambda s: s["company"] and not s["loading"])
    assert shown["company"] == {"id": id, "name": "Toft Stores UK"}
    cards = {card["platform"]: card for card in desk.parts["codat-connections"].state["connections"]}
    assert cards["Shopify"]["link_url"]
    assert cards["Plaid"]["link_url"] is None
    rows = {row["key"]: row for row in desk.parts["codat-data-types"].state["types"]}
    assert rows["creditNotes"]["state"] == "failed"
    assert "commerce-orders" not in rows
    operations = desk.parts["codat-operations"]
    desk.until("codat-operations", lambda s: operations.frame is not None and len(operations.frame) > 100)


def test_each_table_tab_equals_its_named_frame(desk: Desk) -> None:
    """Operations, errors and requests on screen are the session's frames, all columns and rows of them."""
    id = desk.pick("Toft")
    desk.send("codat-bar", type="refresh", company=id, data_types=["customers", "creditNotes"], seq=1)
    desk.until("codat-progress", lambda s: s["status"] == "done")
    desk.until("codat-errors", lambda s: s["total"] == 1)
    history = desk.session.history(id)
    desk.send("codat-tabs", type="tab", name="requests")
    named = {"operations": history, "errors": desk.session.errors, "requests": desk.session.requests}
    for name, frame in named.items():
        key, part = "id" if name == "operations" else "time", desk.parts[f"codat-{name}"]
        desk.until(f"codat-{name}", lambda _, p=part, f=frame, k=key: set(p.frame[k]) == set(f[k]))
        shown, frame = (each.sort_values(key, ignore_index=True) for each in (part.frame, frame))
        pd.testing.assert_frame_equal(shown, frame, check_categorical=False)


def test_freshness_and_timeline_show_the_session_frames(desk: Desk) -> None:
    """A cell of the heatmap for each row of the status, a bar for each operation of the history."""
    id = desk.pick("Toft")
    state = desk.until("codat-heatmap", lambda s: s["rows"])
    columns = [column["key"] for column in state["columns"]]
    shown = {
        (row["key"], key): cell[0]
        for row in state["rows"]
        for key, cell in zip(columns, row["cells"], strict=True)
        if cell is not None
    }
    status = desk.session.status(id)
    supported = status[(status.status != "NotSupported") | status.last_success.notna()]
    times = supported.last_success.map(lambda time: 0 if pd.isna(time) else int(time.timestamp()))
    assert shown == dict(zip(zip(supported.connection_id, supported.data_type, strict=True), times, strict=True))
    bars = desk.until("codat-timeline", lambda s: s["bars"])
    history = desk.session.history(id)
    assert bars["total"] == len(desk.session.history(id, limit=None))
    assert {bar["key"] for bar in bars["bars"]} == set(history.id[:500])


def test_the_tab_that_is_looked_at_is_live(desk: Desk) -> None:
    """The timeline gets the new operation while it is read; each request comes into its table."""
    id = desk.pick("Toft")
    before = desk.until("codat-timeline", lambda s: s["bars"])["bars"][-1]["key"]
    desk.send("codat-tabs", type="tab", name="timeline")
    desk.send("codat-bar", type="refresh", company=id, data_types=["customers"], seq=1)
    desk.until("codat-timeline", lambda s: s["bars"][-1]["key"] != before)
    desk.send("codat-tabs", type="tab", name="requests")
    sent = desk.until("codat-requests", lambda s: s["total"])["total"]
    desk.search("tech")
    desk.until("codat-requests", lambda s: s["total"] > sent)


def test_the_code_does_what_is_chosen_and_what_was_clicked(desk: Desk) -> None:
    """The ticks, then the connection, then the last click on everything; another tick is what the button does again."""
    assert "session.companies()" in desk.parts["codat-code"].state["text"]
    id = desk.pick("Toft")
    desk.send("codat-data-types", type="select", selected=["bills", "invoices"])
    code = desk.until("codat-code", lambda s: "invoices" in s["text"])
    assert f'run = session.refresh("{id}", "bills", "invoices")' in code["text"]
    assert code["title"] == "What “Refresh 2 selected” does"
    desk.send("codat-bar", type="refresh_all", company=id, seq=1)
    assert f'session.refresh_all("{id}")' in desk.until("codat-code", lambda s: "all”" in s["title"])["text"]
    desk.send("codat-data-types", type="select", selected=["bills"])
    desk.until("codat-code", lambda s: f'session.refresh("{id}", "bills")' in s["text"])


def test_a_new_error_does_not_move_the_reader_away(desk: Desk) -> None:
    """The errors can be asked for by a notice, left, and asked for once more."""
    desk.send("codat-company", type="pick", id="00000000-0000-4000-8000-000000000000", seq=1)
    desk.until("codat-notice", lambda s: s["items"])
    for seq in (2, 3):
        desk.send("codat-notice", type="errors", seq=seq)
        desk.until("codat-tabs", lambda s: s["active"] == "errors")
        desk.send("codat-company", type="pick", id="00000000-0000-4000-8000-00000000000" + str(seq), seq=4)
        found = desk.until("codat-tabs", lambda s, n=seq: {t["name"]: t["count"] for t in s["tabs"]}["errors"] == n)
        assert found["active"] == "errors"
        desk.send("codat-tabs", type="tab", name="code")
        desk.until("codat-notice", lambda s, n=seq: s["seq"] == n)


def test_choosing_a_connection_leaves_its_data_types(desk: Desk) -> None:
    """And refreshes go through it alone."""
    desk.pick("Toft")
    plaid = next(c for c in desk.parts["codat-connection"].state["connections"] if c["platform"] == "Plaid")
    desk.send("codat-connection", type="connection", id=plaid["id"])
    state = desk.until("codat-data-types", lambda s: all(row["family"] == "Banking" for row in s["types"]))
    assert state["types"]
    assert desk.until("codat-bar", lambda s: s["connection"])["connection"] == "Plaid"


def test_a_refresh_is_queued_followed_and_ends(desk: Desk) -> None:
    """The click is answered by its seq; the rows end; the ages are read again; the failure is counted in the tabs."""
    id = desk.pick("Toft")
    desk.send("codat-bar", type="refresh", company=id, data_types=["customers", "creditNotes"], seq=7)
    desk.until("codat-bar", lambda s: s["seq"] == 7)
    done = desk.until("codat-progress", lambda s: s["status"] == "done")
    assert {row["type"]: row["kind"] for row in done["rows"]} == {"customers": "complete", "creditNotes": "failed"}
    assert done["counts"]["total"] == 2
    desk.until("codat-tabs", lambda s: {t["name"]: t["count"] for t in s["tabs"]}["errors"] == 1)
    desk.until("codat-data-types", lambda s: next(r for r in s["types"] if r["key"] == "customers")["age"] < 3600)


def test_a_click_on_an_older_picture_queues_nothing(desk: Desk) -> None:
    """The message names the company that was on screen; if another one is picked meanwhile, it is only answered."""
    desk.pick("Toft")
    desk.send("codat-bar", type="refresh", company="another", data_types=["customers"], seq=3)
    desk.until("codat-bar", lambda s: s["seq"] == 3)
    assert desk.session.runs == []


def test_stop_watching_ends_the_watching(sandbox: Sandbox, desk: Desk) -> None:
    """The part says so; Codat carries on."""
    id = desk.pick("Toft")
    sandbox.clock.pause()
    desk.send("codat-bar", type="refresh", company=id, data_types=["customers"], seq=1)
    desk.until("codat-progress", lambda s: s["status"] == "running" and s["actions"])
    desk.send("codat-progress", type="stop", seq=2)
    stopped = desk.until("codat-progress", lambda s: s["status"] == "stopped")
    assert (stopped["seq"], stopped["actions"]) == (2, [])


def test_a_console_opened_during_a_run_shows_it(sandbox: Sandbox, desk: Desk) -> None:
    """A refresh started in code is on screen as soon as its company is picked."""
    sandbox.clock.pause()
    company_id = str(desk.session.companies(search="Toft").id[0])
    run = desk.session.refresh(company_id, "customers")
    desk.pick("Toft")
    assert desk.until("codat-progress", lambda s: s["rows"])["rows"][0]["type"] == "customers"
    sandbox.clock.resume()
    run.wait(DEADLINE)
    desk.until("codat-progress", lambda s: s["status"] == "done")


def test_an_unknown_company_is_told_under_the_field_and_in_a_notice(desk: Desk) -> None:
    """And in the session's errors."""
    desk.send("codat-company", type="pick", id="00000000-0000-4000-8000-000000000000", seq=4)
    state = desk.until("codat-company", lambda s: s["error"])
    assert (state["seq"], state["error"]) == (4, "Codat knows no company of this id.")
    notice = desk.until("codat-notice", lambda s: s["items"])["items"][0]
    assert notice["what"] == "The company could not be read"
    assert desk.session.errors.status.tolist() == ["404"]
    desk.send("codat-notice", type="dismiss", key=notice["key"], seq=5)
    desk.until("codat-notice", lambda s: not s["items"])


def test_read_only_blocks_the_buttons_with_the_reason(sandbox: Sandbox) -> None:
    """The header says it, too."""
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, read_only=True) as session:
        desk = Desk(session)
        desk.pick("Toft")
        assert "read-only" in desk.until("codat-bar", lambda s: s["blocked"])["blocked"]
        header = desk.parts["codat-status"].state
        assert (header["read_only"], header["mode"]) == (True, "live")


@pytest.mark.parametrize(
    "message", [{"type": "refresh", "data_types": ["customers"]}, {"type": "refresh_all"}], ids=lambda m: m["type"]
)
def test_read_only_queues_nothing_whatever_is_sent(sandbox: Sandbox, message: dict[str, object]) -> None:
    """A message of a button that is blocked: the client refuses it before anything is sent, and the error says why."""
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, read_only=True) as session:
        desk = Desk(session)
        id = desk.pick("Toft")
        desk.send("codat-bar", company=id, seq=7, **message)
        desk.until("codat-progress", lambda s: s["status"] in ("done", "error"))
        desk.until("codat-errors", lambda s: s["total"])
        assert session.errors.why.str.contains("read-only").all()
        assert not [call for call in sandbox.traffic.calls if call.startswith("POST")]
        assert sandbox.world.accepted == []


def test_waiting_for_a_retry_is_in_the_header(sandbox: Sandbox, desk: Desk) -> None:
    """No silent waiting: why, and for how long."""
    desk.until("codat-company", lambda s: s["search"] and s["search"]["status"] == "ready")
    sandbox.faults.rate_limit(1, retry_after=600)  # one second of real time
    desk.send("codat-company", type="search", text="toft", seq=1)
    activity = desk.until("codat-status", lambda s: s["activity"])["activity"]
    assert activity["text"]
    assert activity["wait"] == pytest.approx(1, abs=0.5)
    desk.until("codat-status", lambda s: s["activity"] is None)


def test_a_server_that_is_gone_is_told(sandbox: Sandbox) -> None:
    """In the search and in a notice, with what to do."""
    no_retries = RetryConfig("none")
    with Session(
        Security(auth_header=sandbox.key), server_url="http://127.0.0.1:9", retry_config=no_retries
    ) as session:
        desk = Desk(session)
        notice = desk.until("codat-notice", lambda s: s["items"])["items"][0]
        assert "network" in notice["do"]
        assert desk.until("codat-company", lambda s: s["search"])["search"]["status"] == "error"


@pytest.mark.parametrize(
    "message", [{}, {"type": 5}, {"type": "pick"}, {"type": "select", "selected": [1, None]}, {"seq": "x"}]
)
@pytest.mark.parametrize(
    "name", ["codat-company", "codat-connection", "codat-data-types", "codat-progress", "codat-notice", "codat-tabs"]
)
def test_no_message_breaks_a_part(desk: Desk, name: str, message: dict[str, Any]) -> None:
    """Whatever a browser sends, the console goes on."""
    desk.send(name, **message)
    assert len(desk.search("toft")) == 1


def test_every_part_has_a_text_form(desk: Desk) -> None:
    """For front ends without widgets."""
    desk.pick("Toft")
    for part in set(desk.parts.values()):
        if isinstance(part, Part) and hasattr(part, "text"):
            assert isinstance(part.text(part.state), str)
