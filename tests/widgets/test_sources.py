"""The files that draw the parts: each once in a kernel, packed, without what only their readers need."""

import base64
import json
import re
import zlib
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest

from codat_notebook import widgets
from codat_notebook.widgets.notice import Notice
from codat_notebook.widgets.part import FIRST, STATUS_SCRIPT, Part, shared, source
from codat_notebook.widgets.progress import Progress
from codat_notebook.widgets.table import FrameTable
from codat_notebook.widgets.tabs import Tabs

STATIC = Path(widgets.__path__[0]) / "static"


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.*")), ids=lambda path: path.name)
def test_sources_travel_without_comments_and_indentation_and_lose_nothing_else(path):
    """What is left are the same words in the same order; no text of ours spans lines, where that would change it."""
    full, lean = path.read_text("utf-8"), source(path.name).removeprefix(STATUS_SCRIPT)
    assert not re.search(r"^([ \t]|//|/\*)|[ \t]$", lean, re.MULTILINE)
    comments = re.compile(r"^[ \t]*(//[^\n]*$|/\*.*?\*/[ \t]*$)", re.MULTILINE | re.DOTALL)
    assert comments.sub("", full).split() == lean.split()
    assert not [text for text in re.findall(r"`[^`]*`", full) if "\n" in text]


def unpacked(text: str) -> dict[str, Any]:
    """What the browser makes of a packed text."""
    return dict(json.loads(zlib.decompress(base64.b64decode(text))))


def test_parts_share_the_files_that_draw_them() -> None:
    """They travel once, whole, whichever parts need them; each part says by which files it is drawn."""
    first, second = Tabs(), Notice()
    assert first.drawn_by == ["kit.js", "tokens.css", "tabs.js", "tabs.css"]
    assert first.sources == second.sources
    assert first.get_state()["sources"] == [f"IPY_MODEL_{kept.model_id}" for kept in first.sources]
    texts = {name: text for kept in first.sources for name, text in unpacked(kept.packed).items()}
    assert texts == {path.name: source(path.name) for path in STATIC.iterdir()}
    for part in (first, second):
        part.close()


@pytest.mark.parametrize("kind", [FrameTable, Progress])
def test_what_stands_alone_brings_what_it_needs_and_no_more(kind: type[Part]) -> None:
    """A table or a run in a cell does not carry the console's other parts into the saved notebook."""
    assert [kept.name for kept in shared(kind.files)] == ["first"]
    needed = {"clock.js", "loader.js", "kit.js", "tokens.css", *FrameTable.files, *Progress.files}
    assert set(FIRST) == needed


def test_a_large_state_travels_packed_and_a_small_one_as_it_is() -> None:
    """The kernel's side keeps the dict; what is sent and saved is small."""
    part = Tabs({"rows": ["the same text"] * 1000})
    sent = part.get_state("state")["state"]
    assert len(sent) < 200
    assert unpacked(sent) == {**part.state, "as_of": part.as_of}
    part.state = {"rows": []}
    assert part.get_state("state")["state"] == {"rows": [], "as_of": part.as_of}
    part.close()


def test_files_that_were_closed_with_all_widgets_are_made_again() -> None:
    """A reader may close every widget there is and go on."""
    (closed,) = shared(["kit.js"])
    closed.close()
    (again,) = shared(["kit.js"])
    assert again.comm is not None
    assert again is not closed


def test_no_part_carries_a_module_of_its_own() -> None:
    """The loader is all that is repeated, and it is short; every file that a part names exists."""
    modules = [import_module(f"codat_notebook.widgets.{found.name}") for found in iter_modules(widgets.__path__)]
    kinds = {kind for module in modules for kind in vars(module).values() if isinstance(kind, type)}
    parts = {kind for kind in kinds if issubclass(kind, Part) and kind is not Part}
    assert len(parts) > 5
    assert {kind.__name__ for kind in parts if kind._esm is not Part._esm or hasattr(kind, "_css")} == set()
    assert {name for kind in parts for name in kind.files if not (STATIC / name).is_file()} == set()
    assert len(source("part.js")) < 1400
