"""The register of what is taken for true of the real Codat: that it is whole, and that what it names exists."""

import importlib
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from codat_notebook.models.assumptions import ASSUMPTIONS, BY_NAME, Assumption
from codat_notebook.sandbox.faults import Faults, SandboxSettings

PACKAGE = Path(__file__).parents[2] / "codat_notebook"
#: How the code says that something was not documented: in comments, docstrings and other texts.
UNCERTAIN = re.compile(r"\b(assume|assumes|assumed|undocumented|not\s+documented)\b")
SWITCHES = tuple(field.name for field in fields(SandboxSettings))


def resolved(name: str) -> Any:
    """What a dotted name below the package stands for."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(["codat_notebook", *parts[:length]]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part, None) or found.__annotations__[part]
        return found
    raise LookupError(name)


def texts(path: Path) -> Iterator[str]:
    """Comments and strings of a module."""
    for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING):
            yield token.string


def uncertain_modules() -> set[str]:
    """Modules that speak of something that is assumed or not documented."""
    found = {path for path in PACKAGE.rglob("*.py") if any(map(UNCERTAIN.search, texts(path)))}
    own = {"models.assumptions", "sandbox.dialect"}
    names = {".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__") for path in found}
    return {name for name in names if name not in own and not name.startswith("checkup")}


def test_there_are_enough_and_none_twice() -> None:
    """At least 45 entries, each under a name of its own."""
    assert len(ASSUMPTIONS) >= 45
    assert [name for name, number in Counter(each.name for each in ASSUMPTIONS).items() if number > 1] == []
    assert set(BY_NAME.values()) == set(ASSUMPTIONS)


@pytest.mark.parametrize("entry", ASSUMPTIONS, ids=lambda entry: entry.name)
def test_an_entry_is_whole(entry: Assumption) -> None:
    """It says something in a sentence, where it is from, what is affected; what it names is there."""
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", entry.name)
    assert entry.statement.endswith(".")
    assert entry.effect.endswith(".")
    assert re.search(r"^(docs/[\w/-]+\.md|oas:\d+|inferred)", entry.source)
    assert entry.used_by
    for name in entry.used_by:
        assert resolved(name) is not None, name


def test_each_switch_has_an_entry() -> None:
    """Whatever the sandbox can vary is an assumption, and an entry names no switch that there is not."""
    named = {entry.switch for entry in ASSUMPTIONS} - {""}
    assert sorted(named ^ set(SWITCHES)) == []
    assert len(named) >= 30
    assert all(hasattr(Faults(), name) for name in named)


def test_each_uncertainty_has_an_entry() -> None:
    """A module that says that it assumes something is named by an entry."""
    named = {name for entry in ASSUMPTIONS for name in entry.used_by}
    unnamed = [
        module
        for module in uncertain_modules()
        if not any(name == module or name.startswith(f"{module}.") for name in named)
    ]
    assert sorted(unnamed) == []
