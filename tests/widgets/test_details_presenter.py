"""The details follow their table's selected row, live, and ask Codat for the results of its checks once."""

import threading
from collections.abc import Iterator

import msgspec
import pytest

from codat_notebook.models.shared import Security
from codat_notebook.runs.context import find_operations
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session
from codat_notebook.utils import RetryConfig
from codat_notebook.widgets.console_state import ConsoleState
from codat_notebook.widgets.details import CLOSED, Details, DetailsPresenter, operation_details
from codat_notebook.widgets.notice import ErrorBoundary
from codat_notebook.widgets.table import FrameTable

DEADLINE = 30.0


class ConsoleBench:
    """A table of a company's history with its details, on a session that does not try again."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.company = str(session.companies(search="Toft").id[0])
        self.found = session.context.engine.call(find_operations(session.client, self.company, 200))
        self.table, self.part = FrameTable(session.history(self.company, 200)), Details(CLOSED)
        self.by_id = {operation.id: operation for operation in self.found}
        self.browsing = DetailsPresenter(
            session,
            ErrorBoundary(session, ConsoleState(), lambda: None),
            self.table,
            self.part,
            self.describe,
        )
        self.browsing.start()

    def describe(self, row):
        """The details of a row as the table has it."""
        operation = msgspec.structs.replace(self.by_id[row["id"]], status=row["status"])
        state = operation_details(operation, None, (), self.session.context.now)
        return state, None if state["checks"] else (self.company, row["id"])

    def select(self, key):
        """A click on a row."""
        self.session.context.engine.post(self.table._receive, {"type": "select", "key": key, "seq": 1})

    def until(self, shows):
        """Wait until the details satisfy ``shows``, and return that state, whatever came after it."""
        reached, found = threading.Event(), []

        def look(*_):
            state = self.part.state
            if shows(state):
                found.append(state)
                reached.set()

        self.part.observe(look, "state")
        look()
        assert reached.wait(DEADLINE), self.part.state
        self.part.unobserve(look, "state")
        return found[0]

    def asked(self):
        """How often results of checks were asked for."""
        return int((self.session.requests["call"] == "manage_data.pull_operations.get_validation").sum())


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of its own, in which one operation in a few fails Codat's checks."""
    with Sandbox(speed=600) as sandbox:
        yield sandbox


@pytest.fixture
def bench(sandbox) -> Iterator[ConsoleBench]:
    """A table with its details on the sandbox."""
    with Session(
        Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True, retry_config=RetryConfig("none")
    ) as session:
        bench = ConsoleBench(session)
        yield bench
        bench.table.close()
        bench.part.close()


def test_a_row_opens_with_the_results_of_its_checks_and_closes(bench):
    """Loading, then what Codat found; asked for once however often the row is opened; closing deselects the row."""
    ended = [operation for operation in bench.found if operation.status in ("Complete", "ValidationError")]
    first, second = ended[0].id, ended[1].id
    for key in (first, second, first):
        bench.select(key)
        state = bench.until(lambda s, k=key: s["key"] == k and s["checks"]["status"] == "ready")
    assert bench.asked() == 2
    request = {"company_id": bench.company, "dataset_id": first}
    found = bench.session.client.manage_data.pull_operations.get_validation(request=request)
    assert [item["message"] for item in state["checks"]["warnings"]] == [item.message for item in found.warnings]
    bench.session.context.engine.post(bench.part._receive, {"type": "close", "seq": 7})
    assert bench.until(lambda s: s["key"] is None)["seq"] == 7
    assert bench.table.selected is None


def test_a_live_row_is_followed_and_checked_when_it_has_ended(bench):
    """Its details change in place with the table; while it runs there is nothing to check."""
    frame = bench.table.frame
    key = frame["id"].iloc[0]
    running = frame.assign(status=frame["status"].astype("string").where(frame["id"] != key, "Fetching"))
    bench.table.update(running)
    bench.select(key)
    assert bench.until(lambda s: s["key"] == key)["checks"]["status"] == "later"
    assert bench.asked() == 0
    bench.table.update(frame)
    bench.until(lambda s: s["key"] == key and s["checks"]["status"] == "ready")
    bench.table.update(None)
    bench.until(lambda s: s["key"] is None)


def test_results_that_cannot_be_read_say_why_and_can_be_asked_for_again(sandbox, bench):
    """The failure stands in the details and in the session's errors; the rest of the row is there all the same."""
    sandbox.faults.next(1, status=503, match="*/validation")
    key = bench.found[0].id
    bench.select(key)
    state = bench.until(lambda s: s["key"] == key and s["checks"]["status"] == "failed")
    assert "Codat had an internal error" in state["checks"]["why"]
    assert state["json"]
    assert bench.session.errors["what"].tolist() == ["The results of the checks could not be read"]
    bench.select(bench.found[1].id)
    bench.until(lambda s: s["key"] == bench.found[1].id and s["checks"]["status"] == "ready")
    bench.select(key)
    bench.until(lambda s: s["key"] == key and s["checks"]["status"] == "failed")
    bench.session.context.engine.post(bench.part._receive, {"type": "again", "seq": 2})
    bench.until(lambda s: s["checks"]["status"] == "ready")


def test_what_is_stopped_draws_no_more(bench):
    """Another session may take the parts over."""
    bench.select(bench.found[0].id)
    bench.until(lambda s: s["key"])
    bench.session.context.engine.post(bench.browsing.stop)
    bench.until(lambda s: s == CLOSED)
    bench.select(bench.found[1].id)
    bench.session.context.engine.call(bench.table.drawn())
    assert bench.part.state == CLOSED
