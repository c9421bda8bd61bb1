"""A file on its way from the kernel to the browser: in pieces, by custom messages, at a pace that Jupyter lets through.

A Jupyter server drops what exceeds a megabyte a second (its ``iopub_data_rate_limit``), without a word to the sender.
So texts are compressed, a file goes in pieces, and between two pieces there is a pause. Nothing of it becomes part of
a widget's state: it is not saved with the notebook.
"""

import asyncio
import gzip
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from codat_notebook.tables.exports import FORMATS, ExportError, as_bytes
from codat_notebook.widgets.part import Message

if TYPE_CHECKING:
    import pandas as pd

#: Bytes of a piece and seconds between two: 0.7 of the megabyte a second that a server lets through.
PIECE, PAUSE = 500_000, 0.7
#: Forms whose bytes are compressed already.
_PACKED = ("xlsx",)
#: What each choice of the menu consists of.
CHOICES = {"copy": ("tsv", "html"), "csv": ("csv",), "xlsx": ("xlsx",)}

Send = Callable[[Message, list[bytes]], object]


def pieces(frame: "pd.DataFrame", choice: str, name: str) -> list[tuple[Message, bytes]]:
    """The messages that bring a frame to the browser, each with its bytes; one with an ``error`` where it cannot be.

    A message: ``type`` "file" · ``choice`` · ``form`` and ``mime`` of the file it belongs to · ``name`` · ``gzip`` ·
    ``last`` whether the file is complete · ``done`` whether the choice is.
    """
    try:
        files = [(form, as_bytes(frame, form)) for form in CHOICES[choice]]
    except ExportError as error:
        return [({"type": "file", "choice": choice, "error": str(error), "done": True}, b"")]
    made = [piece for form, content in files for piece in _split(form, content, choice, name)]
    made[-1][0]["done"] = True
    return made


def _split(form: str, content: bytes, choice: str, name: str) -> Iterator[tuple[Message, bytes]]:
    ending, mime, _ = FORMATS[form]
    packed = form in _PACKED
    content = content if packed else gzip.compress(content, 6, mtime=0)
    about = {"type": "file", "choice": choice, "form": form, "mime": mime, "name": f"{name}.{ending}"}
    for start in range(0, len(content), PIECE):
        last = start + PIECE >= len(content)
        yield {**about, "gzip": not packed, "last": last, "done": False}, content[start : start + PIECE]


async def deliver(send: Send, made: list[tuple[Message, bytes]], seq: Any, pause: float = PAUSE) -> None:
    """Send the pieces one after the other; each answers the browser's ``seq``."""
    for number, (message, content) in enumerate(made):
        if number:
            await asyncio.sleep(pause)
        send({**message, "seq": seq}, [content])
