"""What travels to the browser, small: the files that draw the parts, each once, and large states packed.

Every widget keeps its own module in its state, and so in the saved notebook; fifteen parts with their helpers joined in
front of each made a console of 330 kB. So a part's own module is the few lines of ``static/part.js``. The files that
draw it are widgets of their own, one a file in a kernel, to which the parts refer as boxes refer to their children:
what knows how to save and restore widgets saves and restores them. Packed means deflated, as text in base64.
"""

import base64
import functools
import json
import re
import threading
import zlib
from pathlib import Path
from typing import Any

import ipywidgets
import traitlets

#: Characters of JSON from which on a state travels packed.
LARGE = 4096

_STATIC = Path(__file__).with_name("static")

# Comments on lines of their own, indentation, trailing blanks. (No text of ours spans lines: a test looks.)
_DISPENSABLE = re.compile(r"^[ \t]*(?://.*|/\*(?:(?!\*/).|\n)*?\*/[ \t]*)\n|^[ \t]+|[ \t]+$", re.MULTILINE)


@functools.cache
def source(name: str) -> str:
    """A file of ``static/`` without comments and indentation."""
    return _DISPENSABLE.sub("", (_STATIC / name).read_text("utf-8"))


def pack(text: str) -> str:
    """A text deflated, in base64; ``static/part.js`` unpacks it."""
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def packed_state(state: dict[str, Any], _: object = None) -> dict[str, Any] | str:
    """A part's state as it travels and is saved: a large one as its packed JSON, others as they are."""
    text = json.dumps(state, separators=(",", ":"))
    return state if len(text) < LARGE else pack(text)


class Source(ipywidgets.Widget):  # type: ignore[misc]  # ipywidgets has no types
    """One file of ``static/`` on its way to the browser: its ``name``, and its text ``packed``."""

    name = traitlets.Unicode().tag(sync=True)
    packed = traitlets.Unicode().tag(sync=True)

    def __init__(self, name: str) -> None:
        super().__init__(name=name, packed=pack(source(name)))


_made: dict[str, Source] = {}
_lock = threading.Lock()


def shared(*names: str) -> list[Source]:
    """The widgets of the named files; those that are missing, or were closed with all widgets, are made."""
    with _lock:
        for name in names:
            if name not in _made or _made[name].comm is None:
                _made[name] = Source(name)
        return [_made[name] for name in names]
