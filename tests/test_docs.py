"""The documentation that lives with the code: each public name explains itself, and the texts' links lead somewhere."""

import importlib
import importlib.util
import inspect
import json
import pkgutil
import pydoc
import re
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

import codat_notebook
from codat_notebook.cli import parser
from codat_notebook.diagnosis.rules import RULES
from codat_notebook.models.assumptions import BY_NAME

from .links import ROOT, Link, anchors, leads_out, leads_somewhere, links, texts

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


def bogus_parameters(owner: str, thing: Any) -> list[str]:
    """Lines of a docstring's section "Parameters", as numpydoc reads it, that name no parameter."""
    sections = re.split(r"^(\w+)\n-+\n", inspect.getdoc(thing) or "", flags=re.MULTILINE)
    listed = next((text for name, text in pairwise(sections) if name == "Parameters"), "")
    heads = [line for line in listed.splitlines() if line and not line.startswith(" ")]
    names = set(inspect.signature(thing).parameters) if heads else set()
    named = [re.match(r"[*\w]+(?:, [*\w]+)*(?= : )", line) for line in heads]
    return [
        f"{owner}: {line}"
        for line, match in zip(heads, named, strict=True)
        if not match or not {name.strip("*") for name in match[0].split(", ")} <= names
    ]


def test_parameters_are_parameters() -> None:
    """What a public docstring lists as parameters are parameters of that name, so that tools can show them."""
    listed, bogus = 0, []
    for room in ROOMS:
        for name in importlib.import_module(room).__all__:
            thing = getattr(importlib.import_module(room), name)
            classes = [each for each in getattr(thing, "__mro__", ()) if each.__module__.startswith("codat_notebook")]
            members = {
                f"{name}.{m}": getattr(thing, m) for each in classes for m in vars(each) if not m.startswith("_")
            }
            for owner, each in {name: thing, **members}.items():
                if "\nParameters\n---" in (inspect.getdoc(each) or ""):
                    listed += 1
                    bogus += bogus_parameters(f"{room}.{owner}", each)
    assert bogus == []
    assert listed > 20


@pytest.mark.parametrize(
    "wrong", ["b : no such one.", "Raises ``ValueError``.", ">>> f(1)"], ids=["unknown", "prose", "example"]
)
def test_a_bogus_parameter_is_seen(wrong: str) -> None:
    """The check above finds a name that is no parameter, prose and an example in the list."""

    def f(a: int) -> None: ...

    f.__doc__ = f"Do.\n\nParameters\n----------\na : a number,\n    on two lines.\n{wrong}\n\nNotes\n-----\nFine."
    assert bogus_parameters("f", f) == [f"f: {wrong}"]


def test_the_reference_holds_all() -> None:
    """The site's reference, made of the code, has each public name, frame, command, assumption and rule."""
    spec = importlib.util.spec_from_file_location("build", ROOT / "docs" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    pages = build.reference()
    missing = [
        (room, name)
        for room in ROOMS
        for name in importlib.import_module(room).__all__
        if not re.search(rf"(?::: |`){name}\b", pages[f"api/{room}"])
    ]
    assert missing == []
    commands = next(action for action in parser()._actions if action.dest == "command").choices
    assert re.findall(r"^## (\w+)$", pages["commands"], re.MULTILINE) == [*commands]
    assert json.loads(re.findall(r"```json\n(.*?)```", pages["commands"], re.DOTALL)[0])["exit_code"] == 0
    assert re.findall(r"^## (.+)$", pages["rules"], re.MULTILINE) == [rule.name for rule in RULES]
    assert re.findall(r"^\| `([\w-]+)` \|", pages["assumptions"], re.MULTILINE) == [*BY_NAME]
    assert "| `last_sync` | datetime64[us, UTC] |" in pages["frames"]


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


#: Turns of phrase that no native speaker writes, and that crept in before.
STRANGE = re.compile(
    r"\bshall\b|gone on with|asked for once more|at no other one|is asked is|(?:these|them|those) that is there|"
    r"there is none unless|with another code than|is said twice|is otherwise|with success\b|looks? anew|"
    r"\bof which it is not known|is told so|asks to wait|lets it go|did not end well|stands there twice|"
    r"to hear what is wrong|was ever pulled|is never the way",
    re.IGNORECASE,
)


def test_texts_are_plain_english() -> None:
    """The README, the site, the notebooks, the help and the package have none of the worst turns of phrase."""
    helps = next(action for action in parser()._actions if action.dest == "command").choices
    read = [(path.name, text) for path, text in texts()] + [(name, each.format_help()) for name, each in helps.items()]
    package = ROOT / "codat_notebook"
    read += [(str(path), path.read_text("utf-8")) for kind in ("py", "js") for path in package.rglob(f"*.{kind}")]
    assert len(read) > 200
    assert [(name, found[0]) for name, text in read for found in STRANGE.finditer(" ".join(text.split()))] == []
    assert STRANGE.search("Keys come from the first of these that is there.")


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
