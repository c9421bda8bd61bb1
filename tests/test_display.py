"""How a session and a run are shown as a cell's last line, with and without widgets."""

import re
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from codat_notebook import display
from codat_notebook.models.shared import Security
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session
from codat_notebook.strategies.policies import oldest
from codat_notebook.strategies.portfolio import Portfolio
from codat_notebook.strategies.simulation import simulate
from codat_notebook.widgets.console import console
from codat_notebook.widgets.progress import Progress
from codat_notebook.widgets.run_overview import live_view
from codat_notebook.widgets.table import FrameTable


@pytest.fixture
def session() -> Iterator[Session]:
    """A session on a sandbox of its own."""
    with (
        Sandbox(speed=600) as sandbox,
        Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session,
    ):
        yield session


def data_of(bundle: Any) -> dict[str, Any]:
    """The data of a MIME bundle, which may come with metadata."""
    return dict(bundle[0] if isinstance(bundle, tuple) else bundle)


def test_a_run_is_shown_by_its_live_view_and_its_text(session: Session) -> None:
    """A widget for front ends that have them, the repr for all others."""
    run = session.refresh(str(session.companies(search="Toft").id[0]), "customers").wait(20)
    data = data_of(run._repr_mimebundle_())
    assert data["text/plain"] == repr(run) == "<RefreshRun of Toft Stores UK: 1 complete>"
    assert "application/vnd.jupyter.widget-view+json" in data


def test_after_waiting_the_view_shows_the_end(session: Session) -> None:
    """A notebook that ends with the waiting cell (papermill, nbconvert) is saved with what came of the run."""
    run = session.refresh(str(session.companies(search="Toft").id[0]), "customers")
    view = live_view(run)
    run.wait(20)
    assert isinstance(view, Progress)
    assert view.state["status"] == "done"


def test_a_session_is_shown_by_its_console(session: Session) -> None:
    """The form to click on."""
    data = data_of(session._repr_mimebundle_())
    assert data["text/plain"].startswith("<Session sandbox")
    assert "application/vnd.jupyter.widget-view+json" in data


def test_without_widgets_the_text_is_shown() -> None:
    """Where ipywidgets cannot be loaded, the repr stands in; an error of our own is not hidden by that."""
    assert display.mimebundle("shown", views={"str": "no_such_module:view"}) == {"text/plain": "'shown'"}
    with pytest.raises(ModuleNotFoundError):
        display.mimebundle("shown", views={"str": "codat_notebook.no_such_module:view"})


def test_what_has_a_widget_has_html_for_where_none_can_be(session: Session) -> None:
    """A session, a run, a console and a result of a simulation can be read in a saved notebook on a web site."""
    run = session.refresh(str(session.companies(search="Toft").id[0]), "creditNotes").wait(20)
    html = run._repr_html_()
    assert {type(shown._repr_html_()) for shown in (run, session, FrameTable(None))} == {str}  # marimo shows no other
    assert "<table" in html
    assert "PermissionsError" in html
    assert re.search(r"Not live: as of \d{4}-\d\d-\d\d \d\d:\d\d UTC", html)
    assert "Credit notes could not be refreshed" in session._repr_html_()
    frame = console(session)
    assert "SANDBOX" in frame._repr_html_()
    assert "Not live: as of" in frame._repr_html_()
    assert len(repr(frame)) < 200
    frame.close()
    shown = display.mimebundle(run)
    assert data_of(shown)["text/plain"] == repr(run)


def test_a_console_without_widgets_tells_what_was_on_screen(session: Session) -> None:
    """The open tab with its first rows, once they are read, as text and as HTML; names are escaped, both are small."""
    shown = console(session)
    text, html = data_of(shown._repr_mimebundle_())["text/plain"], shown._repr_html_()
    for form in (text, html):
        assert "[Companies] · Freshness" in form
        assert "Toft Stores UK" in form
        assert "10 of 12 companies." in form
        assert len(form) < 10_000
        assert "/connections/" not in form  # links open for whoever has them
    assert text.startswith(repr(shown))
    assert re.search(
        r"^Harbour & Finch Ltd  +needs a customer  +Ask the customer to link Xero again", text, re.MULTILINE
    )
    assert "“Trust Notebook”" in html
    assert "<td>Harbour &amp; Finch Ltd</td><td>needs a customer</td>" in html
    shown.close()
    shown = console(session, company="Toft Stores UK")
    text = data_of(shown._repr_mimebundle_())["text/plain"]
    assert "Company: Toft Stores UK" in text
    assert "[Pull operations]" in text
    assert "10 of 1,000 operations." in text
    shown.close()
    text = data_of((shown := console())._repr_mimebundle_())["text/plain"]
    assert "NOT CONNECTED" in text
    assert "Companies" not in text
    shown.close()


def test_a_static_form_is_escaped_and_short() -> None:
    """Names are text, long frames are cut and say so, what is missing is a dash."""
    bad = "<img src=x onerror=alert(1)>"
    frame = pd.DataFrame(
        {bad: [bad, None] * 300, "time": pd.to_datetime(["2026-11-23T13:58:07Z"] * 600), "n": 1234.5678}
    )
    html = display.static_html(bad, frame)
    assert "<img" not in html
    assert html.count("<tr>") == 21
    assert "20 of 600 rows." in html
    assert "2026-11-23 13:58:07" in html
    assert "1,235" in html
    assert "None" not in html
    assert "<td>—</td>" in html
    assert "NaT" not in display.static_html("x", pd.DataFrame({"t": pd.to_datetime([None, "2026-01-01"], utc=True)}))


def test_the_result_of_a_simulation_explains_its_numbers() -> None:
    """Each metric with what it means."""
    result = simulate(oldest(), Portfolio.synthetic(3, seed=1), days=3, budget="20 refreshes/day")
    html = result._repr_html_()
    assert "share" in html
    assert all(f"<td>{name}</td>" in html for name in ("freshness", "bound", "ratio"))
