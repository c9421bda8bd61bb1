"""The base of every part of the console: state goes down as one dict, messages come up, nothing else crosses.

A :class:`Part` is an anywidget with a single synced trait, ``state``. It is written by the kernel only (on the engine
thread, at most five times a second, the newest state winning) and never by the browser, which talks by custom
messages; these are handed to the engine before anything acts on them. Styles and helpers that all parts share
(``static/tokens.css``, ``static/kit.js``) are joined in front of a part's own, since anywidget sends a module as
one blob.
"""

import asyncio
import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from codat_notebook.runs.engine import Engine, engine

#: Seconds between two updates of one part: five a second look live and cost little.
INTERVAL = 0.2

_STATIC = Path(__file__).with_name("static")

Message = dict[str, Any]


# Comments on lines of their own, indentation, trailing blanks. (No text of ours spans lines: a test looks.)
_DISPENSABLE = re.compile(r"^[ \t]*(?://.*|/\*(?:(?!\*/).|\n)*?\*/[ \t]*)\n|^[ \t]+|[ \t]+$", re.MULTILINE)


@functools.cache
def source(*names: str) -> str:
    """The named files of ``static/``, joined in order, without what only their readers need.

    Every notebook that is saved with its widgets holds them, once for each part.
    """
    return _DISPENSABLE.sub("", "\n".join((_STATIC / name).read_text("utf-8") for name in names))


class Part(anywidget.AnyWidget):
    """A view of a dict. Subclasses set ``_esm`` and ``_css`` by :func:`source`, ``classes``, and a first ``state``.

    ``on_message`` is called on the engine thread with each message from the browser: a dict with a ``type``.
    """

    #: CSS classes of the part's element, beside ``codat-part``.
    classes: tuple[str, ...] = ()
    #: Seconds between two updates of this part.
    interval = INTERVAL

    state = traitlets.Dict().tag(sync=True)

    def __init__(self, state: Message | None = None, **traits: Any) -> None:
        super().__init__(state=state or {}, _dom_classes=("codat-part", *self.classes), **traits)
        self.on_message: Callable[[Message], object] | None = None
        self._engine: Engine = engine()
        self._pending: Message | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._written = -INTERVAL
        self.on_msg(lambda _, content, __: self._engine.post(self._receive, content))

    def show(self, state: Message, *, at_once: bool = False) -> None:
        """Replace what is shown; from any thread. Of states that come faster than they are shown the last one wins.

        ``at_once`` is for the answer to a click, which must not wait for its turn.
        """
        self._engine.post(self._offer, state, at_once)

    def _offer(self, state: Message, at_once: bool) -> None:
        self._pending = state
        if at_once:
            self._write()
        elif self._timer is None:
            loop = self._engine.loop
            self._timer = loop.call_later(max(0.0, self._written + self.interval - loop.time()), self._write)

    def _write(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        state, self._pending = self._pending, None
        self._written = self._engine.loop.time()
        if state is not None and self.comm is not None:
            self.state = state

    def _receive(self, content: Any) -> None:
        if isinstance(content, dict) and self.on_message is not None:
            self.on_message(content)
