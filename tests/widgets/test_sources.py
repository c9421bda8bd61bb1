"""The files that draw the parts: each once in a kernel, packed, without what only their readers need."""

import base64
import json
import re
import zlib
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from codat_notebook import widgets
from codat_notebook.widgets import sources
from codat_notebook.widgets.notice import Notice
from codat_notebook.widgets.part import Part
from codat_notebook.widgets.sources import source
from codat_notebook.widgets.tabs import Tabs

STATIC = Path(sources.__file__).with_name("static")


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.*")), ids=lambda path: path.name)
def test_sources_travel_without_comments_and_indentation_and_lose_nothing_else(path):
    """What is left are the same words in the same order; no text of ours spans lines, where that would change it."""
    full, lean = path.read_text("utf-8"), source(path.name)
    assert not re.search(r"^([ \t]|//|/\*)|[ \t]$", lean, re.MULTILINE)
    comments = re.compile(r"^[ \t]*(//[^\n]*$|/\*.*?\*/[ \t]*$)", re.MULTILINE | re.DOTALL)
    assert comments.sub("", full).split() == lean.split()
    assert not [text for text in re.findall(r"`[^`]*`", full) if "\n" in text]


def test_parts_share_the_files_that_they_have_in_common() -> None:
    """Loader, kit and tokens are one widget each for all parts; what a part alone needs comes behind them."""
    first, second = Tabs(), Notice()
    assert [file.name for file in first.sources] == ["loader.js", "kit.js", "tokens.css", "tabs.js", "tabs.css"]
    assert first.sources[:3] == second.sources[:3]
    assert first.get_state()["sources"] == [f"IPY_MODEL_{file.model_id}" for file in first.sources]
    for part in (first, second):
        part.close()


def test_a_file_travels_packed_and_whole() -> None:
    """What the browser unpacks is the file."""
    (file,) = sources.shared("kit.js")
    assert zlib.decompress(base64.b64decode(file.packed)).decode() == source("kit.js")


def test_a_large_state_travels_packed_and_a_small_one_as_it_is() -> None:
    """The kernel's side keeps the dict; what is sent and saved is small."""
    part = Tabs({"rows": ["the same text"] * 1000})
    sent = part.get_state("state")["state"]
    assert len(sent) < 200
    assert json.loads(zlib.decompress(base64.b64decode(sent))) == part.state
    part.state = {"rows": []}
    assert part.get_state("state")["state"] == {"rows": []}
    part.close()


def test_files_that_were_closed_with_all_widgets_are_made_again() -> None:
    """A reader may close every widget there is and go on."""
    (closed,) = sources.shared("tokens.css")
    closed.close()
    (again,) = sources.shared("tokens.css")
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
    assert len(source("part.js")) < 1300
