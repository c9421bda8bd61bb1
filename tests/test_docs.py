"""The documentation that lives with the code: each public name explains itself, and the texts' links lead somewhere."""

import importlib
import inspect
import pkgutil
import pydoc
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

import codat_notebook

from .links import ROOT, Link, anchors, leads_out, leads_somewhere, links

#: Modules that promise names.
ROOMS = [
    name
    for name in ["codat_notebook", *(m.name for m in pkgutil.walk_packages(codat_notebook.__path__, "codat_notebook."))]
    if hasattr(importlib.import_module(name), "__all__")
]


def explained(owner: str, thing: Any) -> Iterator[tuple[str, str | None]]:
    """A thing and its public members, each with its own docstring."""
    yield owner, inspect.getdoc(thing)
    if inspect.isclass(thing):
        for name, member in vars(thing).items():
            if not name.startswith("_") and (inspect.isroutine(member) or isinstance(member, property)):
                yield f"{owner}.{name}", inspect.getdoc(getattr(thing, name))


@pytest.mark.parametrize("room", ROOMS)
def test_public_names_explain_themselves(room: str) -> None:
    """Each function, class, method and property that a room promises has a docstring; so has the room."""
    module = importlib.import_module(room)
    assert module.__doc__
    public = {f"{room}.{name}": getattr(module, name) for name in module.__all__}
    documented = {name: thing for name, thing in public.items() if inspect.isroutine(thing) or inspect.isclass(thing)}
    mute = [name for owner, thing in documented.items() for name, text in explained(owner, thing) if not text]
    assert mute == []


def test_pydoc_reads_well() -> None:
    """`python -m pydoc codat_notebook` gives the purpose first, and each public name."""
    text = pydoc.render_doc(codat_notebook, renderer=pydoc.plaintext)
    assert "Refresh and diagnose company data in Codat" in text.splitlines()[3]
    assert [name for name in codat_notebook.__all__ if name not in text and name != "__version__"] == []
    assert f"VERSION\n    {codat_notebook.__version__}" in text


def test_the_picture_of_the_house_is_true() -> None:
    """CONTRIBUTING shows the floors, and the rooms on each, that import-linter holds."""
    picture = re.findall(r"^ ([a-z]+(?: · [a-z]+)*)  +\S", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    floors = project["tool"]["importlinter"]["contracts"][0]["layers"]
    assert [set(line.split(" · ")) for line in picture] == [set(re.findall(r"[a-z]+", floor)) for floor in floors]


def test_links_lead_somewhere() -> None:
    """Files and headings that a text links to are there; what leads out is https."""
    found = links()
    assert len(found) > 8
    assert [link for link in found if not leads_out(link) and not leads_somewhere(link)] == []
    assert [link for link in found if leads_out(link) and not link.target.startswith(("https://", "mailto:"))] == []


def test_a_broken_link_is_seen() -> None:
    """The check above finds a missing file and a missing heading, and knows a heading that is there."""
    readme = next(link.file for link in links() if link.file.name == "README.md")
    assert not leads_somewhere(Link(readme, "gone.md"))
    assert not leads_somewhere(Link(readme, "CHANGELOG.md#gone"))
    assert leads_somewhere(Link(readme, f"#{sorted(anchors(readme))[0]}"))
