"""How a session and a run are shown as a cell's last line, with and without widgets."""

from collections.abc import Iterator
from typing import Any

import pytest

from codat_notebook import display
from codat_notebook.models.shared import Security
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session


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
