"""What travels to the browser, small: the files that draw the parts, each once, and large states packed.

Every widget keeps its own module in its state, and so in the saved notebook; fifteen parts with their helpers joined in
front of each made a console of 330 kB. So a part's own module is the few lines of ``static/part.js``. The files are
kept by two widgets of a kernel, to which the parts refer as boxes refer to their children: what knows how to save and
restore widgets saves and restores them. Packed means deflated, as text in base64.
"""

import base64
import functools
import json
import re
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import ipywidgets
import traitlets

from codat_notebook.forking import Lock
from codat_notebook.models.status import OLD, STAGE_NAMES, STALE, TONES

#: What every part needs, and what a table or a run needs that is shown by itself. All other files travel together, too:
#: packed one by one they would take half as much again.
FIRST = (
    "loader.js", "kit.js", "tokens.css", "popover.js", "export.js", "facets.js", "table.js", "table.css", "export.css",
    "facets.css", "progress.js", "progress.css",
)  # fmt: skip
#: Characters of JSON from which on a state travels packed.
LARGE = 4096

#: What the browser knows of statuses and ages, in front of ``kit.js``.
STATUS_SCRIPT = "".join(
    f"const {name} = {json.dumps(value, ensure_ascii=False)};\n"
    for name, value in (("TONES", TONES), ("STAGES", STAGE_NAMES), ("OLD", OLD), ("STALE", STALE))
)

_STATIC = Path(__file__).with_name("static")

# Comments on lines of their own, indentation, trailing blanks. (No text of ours spans lines: a test looks.)
_DISPENSABLE = re.compile(r"^[ \t]*(?://.*|/\*(?:(?!\*/).|\n)*?\*/[ \t]*)\n|^[ \t]+|[ \t]+$", re.MULTILINE)


@functools.cache
def source(name: str) -> str:
    """A file of ``static/`` without comments and indentation."""
    text = _DISPENSABLE.sub("", (_STATIC / name).read_text("utf-8"))
    return STATUS_SCRIPT + text if name == "kit.js" else text


def pack(text: str) -> str:
    """A text deflated, in base64; ``static/part.js`` unpacks it."""
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def packed_state(state: dict[str, Any], _: object = None) -> dict[str, Any] | str:
    """A part's state as it travels and is saved: a large one as its packed JSON, others as they are."""
    text = json.dumps(state, separators=(",", ":"))
    return state if len(text) < LARGE else pack(text)


class Source(ipywidgets.Widget):  # type: ignore[misc]  # ipywidgets has no types
    """Several files of ``static/`` on their way to the browser, ``packed`` as one JSON object of names and texts."""

    name = traitlets.Unicode().tag(sync=True)
    packed = traitlets.Unicode().tag(sync=True)

    def __init__(self, name: str) -> None:
        names = FIRST if name == "first" else sorted(file.name for file in _STATIC.iterdir() if file.name not in FIRST)
        super().__init__(name=name, packed=pack(json.dumps({name: source(name) for name in names})))


_made: dict[str, Source] = {}
_lock = Lock()


def shared(files: Iterable[str]) -> list[Source]:
    """The widgets that hold the named files; those that are missing, or were closed with all widgets, are made."""
    names = ("first",) if set(files) <= set(FIRST) else ("first", "others")
    with _lock:
        for name in names:
            if name not in _made or _made[name].comm is None:
                _made[name] = Source(name)
        return [_made[name] for name in names]
