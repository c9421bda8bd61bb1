"""What crosses between kernel and browser: each part's state and messages have types, and the scripts keep to them."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

import msgspec
import pytest

from codat_notebook import widgets
from codat_notebook.widgets.part import Part

STATIC = Path(widgets.__path__[0]) / "static"
_PLAIN = {str: "string", int: "number", float: "number", bool: "boolean", Any: "*", NoneType: "null"}
#: What is asked of a button that a script calls "next".
_BUTTONS = {"addEventListener", "focus", "hidden"}


def parts() -> list[type[Part[Any]]]:
    """All parts of the room."""
    modules = [import_module(f"codat_notebook.widgets.{each.name}") for each in iter_modules(widgets.__path__)]
    kinds = {kind for module in modules for kind in vars(module).values() if isinstance(kind, type)}
    return sorted(
        (kind for kind in kinds if issubclass(kind, Part) and kind is not Part), key=lambda kind: kind.__name__
    )


PARTS = pytest.mark.parametrize("part", parts(), ids=lambda part: part.__name__)


def state_of(part: type[Part[Any]]) -> Any:
    """The type of a part's state."""
    return get_args(part.__orig_bases__[0])[0]


def scripts(part: type[Part[Any]]) -> str:
    """The scripts of a part, one behind the other."""
    return "\n".join((STATIC / name).read_text("utf-8") for name in part.files if name.endswith(".js"))


def jsdoc(kind: Any) -> str:
    """A type as JSDoc writes it."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    if is_typeddict(kind):
        return str(kind.__name__)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return "|".join(f'"{word}"' for word in inner)
    if origin in (Union, UnionType):
        return "|".join(map(jsdoc, inner))
    if origin is NotRequired:
        return f"{jsdoc(inner[0])}="
    assert origin is list, kind
    return f"Array<{jsdoc(inner[0])}>"


def typedefs(kind: Any) -> Iterator[tuple[str, dict[str, str]]]:
    """A state and all that it holds: name -> field -> type."""
    if is_typeddict(kind):
        fields = get_type_hints(kind, include_extras=True)
        yield kind.__name__, {name: jsdoc(each) for name, each in fields.items()}
        for each in fields.values():
            yield from typedefs(each)
    for each in get_args(kind):
        yield from typedefs(each)


def named_in(script: str) -> dict[str, dict[str, str]]:
    """The typedefs of a script: name -> field -> type."""
    defined = re.findall(r"@typedef \{\{([^}]*)\}\} (\w+)", re.sub(r"\n \*\s+(?!@)", " ", script))
    return {name: dict(re.findall(r"(\w+): ([^,]+)(?:, |$)", body)) for body, name in defined}


@PARTS
def test_scripts_name_the_fields_of_the_state_as_the_kernel_does(part: type[Part[Any]]) -> None:
    """Each state, with all that it holds, stands in a typedef of the script that draws it, field by field."""
    named = named_in(scripts(part))
    for name, fields in typedefs(state_of(part)):
        assert named.get(name) == fields


@PARTS
def test_scripts_read_fields_that_there_are(part: type[Part[Any]]) -> None:
    """What a script takes out of the state is in the state."""
    script = scripts(part)
    state = r"\b(?:state|next)(?:\(\))?"
    read = set(re.findall(rf"{state}\??\.(\w+)", script))
    for braces in re.findall(rf"const \{{([^}}]*)\}} = {state};", script) + re.findall(
        r"live\(model, \(\{([^}]*)\}", script
    ):
        read |= set(re.findall(r"(?:^|, )\s*(\w+)", re.sub(r" = (?:\[[^\]]*\]|[^,]*)", "", braces)))
    assert read - set(get_type_hints(state_of(part))) - _BUTTONS == set()
    assert read


@PARTS
def test_scripts_send_messages_that_the_part_knows(part: type[Part[Any]]) -> None:
    """Each message of a script is one of the part's, with fields that it has."""
    kinds = get_args(part.messages) or (part.messages,)
    fields_of = {kind.__struct_config__.tag: set(kind.__struct_fields__) for kind in kinds}
    for name, rest in re.findall(r'\b(?:send|ask)\(\{ type: "(\w+)"([^}]*)\}', scripts(part)):
        assert set(re.findall(r", (\w+)", rest)) <= fields_of[name]


def test_a_message_is_the_name_of_its_class() -> None:
    """Its type in the browser is the class's name with underscores, and it cannot be changed."""
    from codat_notebook.widgets.data_types import RefreshAll, RefreshBar

    message = msgspec.convert({"type": "refresh_all", "company": "c", "seq": 3, "more": 1}, RefreshBar.messages)
    assert message == RefreshAll(company="c", seq=3)
    with pytest.raises(AttributeError):
        message.seq = 4
