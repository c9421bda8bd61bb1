"""The base of every part of the console: state goes down as one dict, messages come up, nothing else crosses.

A :class:`Part` is an anywidget with a single trait that changes, ``state``. It is written by the kernel only (on the
engine thread, at most five times a second, the newest state winning) and never by the browser, which talks by custom
messages; these are handed to the engine before anything acts on them. Both have types: a state is a ``TypedDict``, a
message a frozen struct, and one that its part does not know is dropped. What draws a part are files of ``static/``,
which all parts share (:mod:`~codat_notebook.widgets.sources`).
"""

import logging
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, TypeVar

import anywidget
import ipywidgets
import msgspec
import traitlets

from codat_notebook.markup import h
from codat_notebook.runs.engine import EVERY, Engine, Throttle, engine, running
from codat_notebook.widgets.sources import packed_state, shared, source

_log = logging.getLogger("codat_notebook")
#: The state of a part.
S = TypeVar("S")


class FromBrowser(
    msgspec.Struct, frozen=True, tag_field="type", tag=lambda name: re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
):
    """A message from the browser; its ``type`` is the name of the class, as in "refresh_all" for RefreshAll."""


class Click(FromBrowser, frozen=True):
    """A message that a state answers by its ``seq``."""

    seq: int = 0


def this_minute() -> str:
    """This machine's time in UTC, without seconds: a table may be of any frame, with no server to tell the time."""
    return datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%MZ")


def not_live(as_of: str) -> str:
    """What is said of a static form."""
    return f"Not live: as of {as_of.replace('T', ' ').removesuffix('Z')} UTC."


class Part(anywidget.AnyWidget, Generic[S]):
    """A view of a dict. Subclasses set ``files``, ``classes``, ``messages``, and a first ``state``.

    ``on_message`` is called on the engine thread with each message from the browser that is one of ``messages``.
    """

    #: What the browser may send, a union of structs; by default nothing.
    messages: ClassVar[Any] = FromBrowser

    #: The scripts and styles of ``static/`` that draw the part, joined in this order behind ``kit.js`` and
    #: ``tokens.css``, which all parts have. The last script exports ``render``, as an anywidget's module does.
    files: tuple[str, ...] = ()
    #: CSS classes of the part's element, beside ``codat-part``.
    classes: tuple[str, ...] = ()
    #: Seconds between two updates of this part.
    interval = EVERY

    _esm = source("part.js")
    drawn_by: traitlets.List[str] = traitlets.List().tag(sync=True)
    sources: traitlets.List[Any] = traitlets.List().tag(sync=True, **ipywidgets.widget_serialization)
    state: Any = traitlets.Dict().tag(sync=True, to_json=packed_state)
    #: When the state was written, to the minute, by this machine's clock: what is shown without a kernel says so.
    as_of = traitlets.Unicode().tag(sync=True)

    def __init__(self, state: S | None = None, **traits: Any) -> None:
        traits |= {"drawn_by": ["kit.js", "tokens.css", *self.files], "sources": shared(self.files)}
        classes = ("codat-part", *self.classes, *traits.pop("_dom_classes", ()))
        super().__init__(state=state or {}, as_of=this_minute(), _dom_classes=classes, **traits)
        self.on_message: Callable[[Any], object] | None = None
        self._made_on = engine()
        self._pending: S | None = None
        self._throttle: Throttle | None = None
        self.on_msg(lambda _, content, __: engine().post(self._receive, content))

    @property
    def _engine(self) -> Engine:
        """The engine of the moment: a part outlives one, where the last session is closed and another is opened.

        A message starts one anew; ``show`` does not, for what ends with an engine draws once more.
        """
        return running() or self._made_on

    @staticmethod
    def text(state: S) -> str:
        """What the part shows, as plain text; "" for those that say nothing without a browser."""
        return ""

    def __repr__(self) -> str:
        first, *_ = self.text(self.state).splitlines() or ["nothing yet"]
        return f"<{type(self).__name__}: {first}>"

    def _repr_html_(self) -> str:
        """For where no widget is drawn: on a web site that shows notebooks, for one."""
        return h("pre", self.text(self.state)) + h("p", not_live(self.as_of))

    def show(self, state: S, *, at_once: bool = False) -> None:
        """Replace what is shown; from any thread. Of states that come faster than they are shown the last one wins.

        ``at_once`` is for the answer to a click, which must not wait for its turn.
        """
        self._engine.post(self._offer, state, at_once)

    def _offer(self, state: S, at_once: bool) -> None:
        self._pending = state
        loop = self._engine.loop
        if self._throttle is None or self._throttle.loop is not loop:  # a timer of an ended loop never fires
            self._throttle = Throttle(loop, self._write, every=self.interval)
        if at_once:
            self._throttle.ring_now()
        else:
            self._engine.expect(("state", id(self)))
            self._throttle.ring()

    def _write(self) -> None:
        self._engine.settled(("state", id(self)))
        state, self._pending = self._pending, None
        if state is not None and self.comm is not None:
            self.state = state
            self.as_of = this_minute()

    def set_state(self, sync_data: Any) -> None:
        """What a browser writes into traits is left out: it talks by messages, and no script of ours writes one."""

    def _receive(self, content: Any) -> None:
        if self.on_message is None:
            return
        try:
            message = msgspec.convert(content, self.messages)
        except msgspec.ValidationError:  # its text may hold what was sent
            _log.warning("A message that %s does not know was dropped.", type(self).__name__)
            return
        self.on_message(message)
