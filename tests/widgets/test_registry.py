"""Running a console's cell again: the newer console is live, the older one says so and holds nothing any more."""

from collections.abc import Iterator

import ipywidgets
import pytest
from ipywidgets.widgets.widget import _instances

from codat_notebook.models.shared import Security
from codat_notebook.runs.engine import engine
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session
from codat_notebook.widgets.console import REPLACED, Console, ConsoleRegistry, current_cell


class Standing:
    """A console in miniature."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def retire(self) -> None:
        self.told.append("retired")

    def close(self) -> None:
        self.told.append("closed")


@pytest.fixture
def session() -> Iterator[Session]:
    """A session on a sandbox of its own."""
    with (
        Sandbox() as sandbox,
        Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session,
    ):
        yield session


def flush() -> None:
    """Wait until the engine has done what was posted so far."""

    async def nothing() -> None:
        pass

    engine().call(nothing())


def test_a_newer_console_of_a_session_replaces_the_older_one(session: Session) -> None:
    """The older one says so; however often the cell runs, nobody listens but the newest, and no widget is left."""
    first = Console(session)
    second = Console(session)
    flush()
    assert [type(child) for child in first.children] == [ipywidgets.Label]
    assert first.children[0].value == REPLACED
    assert len(second.children) > 4
    listeners, widgets = len(session.context.events._observers), len(_instances)
    for _ in range(3):
        newest = Console(session)
    flush()
    assert len(session.context.events._observers) == listeners
    assert len(_instances) == widgets
    newest.close()
    flush()
    assert session.context.events._observers == []


def test_a_cell_that_runs_again_replaces_its_consoles() -> None:
    """Those of one run stand side by side; the next run retires them, the one after closes them."""
    places = ConsoleRegistry()
    one, two, again, third = (Standing() for _ in range(4))
    places.take(one, None, ("cell", 1))
    places.take(two, None, ("cell", 1))
    assert (one.told, two.told) == ([], [])
    places.take(again, None, ("cell", 2))
    assert (one.told, two.told, again.told) == (["retired"], ["retired"], [])
    places.take(third, None, ("another", 3))
    assert again.told == []
    places.take(Standing(), None, ("cell", 4))
    assert (one.told, again.told) == (["retired", "closed"], ["retired"])


def test_a_console_that_has_both_places_is_retired_once(session: Session) -> None:
    """The same session in the same cell."""
    places, first = ConsoleRegistry(), Standing()
    places.take(first, session, ("cell", 1))
    places.take(Standing(), session, ("cell", 2))
    assert first.told == ["retired"]


def test_outside_of_notebooks_there_is_no_cell() -> None:
    """In a script or a test."""
    assert current_cell() is None


def test_a_console_is_named_by_its_session(session: Session) -> None:
    """Short, and where it leads."""
    frame, bare = Console(session), Console()
    assert repr(frame).startswith(f"<Console of {session!r}: a form for notebooks; ")
    assert repr(bare).startswith("<Console that is not connected: ")
    frame.close()
    bare.close()
