"""The live view of a run over many companies: the table that is looked at, links to copy, the end of everything."""

import subprocess
import sys
import threading
from datetime import UTC, datetime
from types import SimpleNamespace

import pandas as pd

from codat_notebook.client.clock import ServerClock
from codat_notebook.runs.engine import engine
from codat_notebook.runs.rows import RunProgress
from codat_notebook.widgets.run_overview import PortfolioRunView, links_text

_CLOSED_AT_ONCE = """
import codat_notebook as cn
from codat_notebook.widgets.run_overview import PortfolioRunView

session = cn.connect(sandbox=True)
ids = list(session.companies().id[:3])
run = session.refresh({id: ["company"] for id in ids})
view = PortfolioRunView(run)
run.wait(60)
session.close()
head, tabs, companies, operations, errors = view.children
shown = operations.children[0].frame
print(head.state["phase"]["text"], len(companies.children[0].frame), shown.equals(run.operations))
"""


def test_a_view_shows_the_end_of_a_run_whose_session_is_closed_at_once() -> None:
    """What is due is still drawn, all tables too, though the last session takes the engine with it."""
    run = subprocess.run([sys.executable, "-c", _CLOSED_AT_ONCE], capture_output=True, text=True, timeout=300)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines() == ["Ended with failures 3 True"]


def _going_on() -> SimpleNamespace:
    return SimpleNamespace(
        company_name="2 companies", company_id="", company_ids=["a", "b"], phase="following", done=False,
        closed=False, paused=False,
        note=None, clock=ServerClock(), now=datetime(2026, 11, 23, tzinfo=UTC), counts={"running": 2}, rows=[],
        copied=None,
        progress=RunProgress(2, 0, 2, 2, 0, 1.0, 0.0, None), observe=lambda _: lambda: None,
        summary=pd.DataFrame({"company": ["A", "B"], "failed": [0, 1], "refused": 0}),
        operations=pd.DataFrame({"id": ["1"]}),
        errors=pd.DataFrame({"what": ["x"]}), remedies=pd.DataFrame(),
    )  # fmt: skip


def test_a_tab_that_is_clicked_is_framed_while_the_run_goes_on() -> None:
    """Only the table that is looked at is framed; a name that is no tab changes nothing."""
    view = PortfolioRunView(_going_on())
    for click, shown in (("nothing of ours", "companies"), ("errors", "errors"), ("operations", "operations")):
        table, drawn = view._tables[shown], threading.Event()
        table.observe(lambda change, drawn=drawn: change["new"]["total"] and drawn.set(), "state")
        engine().post(view._tabs._receive, {"type": "tab", "name": click})
        assert table.state["total"] or drawn.wait(60)
        if shown == "companies":
            assert view._tables["errors"].frame is None
    view.close()


def test_a_view_that_is_left_has_nothing_due() -> None:
    """Else every later wait for a run, and the session's end, would take the 5 s that a drawing may take."""

    async def change_and_leave() -> tuple[int, int]:
        if view._framing is not None:
            await view._framing
        view._changed()
        before = len(engine()._expected & {("frames", id(view))})
        view.leave()
        return before, len(engine()._expected & {("frames", id(view))})

    view = PortfolioRunView(_going_on())
    assert engine().call(change_and_leave()) == (1, 0)
    view.close()


def test_links_are_those_of_one_failure_and_each_once() -> None:
    """Another failure's links are left out, and so are companies that have none."""
    errors = pd.DataFrame(
        [
            ("auth", "a", "NetSuite", "https://link/a"),
            ("auth", "a", "NetSuite", "https://link/a"),
            ("permissions", "b", "Xero", "https://link/b"),
            ("auth", "c", "Xero", None),
        ],
        columns=["rule", "company_id", "platform", "link_url"],
    )
    text = links_text(errors, "auth", {"a": "Toft"})
    assert text.splitlines()[1:] == ["Toft\ta\tNetSuite\thttps://link/a"]
