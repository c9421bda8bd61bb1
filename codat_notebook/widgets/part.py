"""The base of every part of the console: state goes down as one dict, messages come up, nothing else crosses.

A :class:`Part` is an anywidget with a single trait that changes, ``state``. It is written by the kernel only (on the
engine thread, at most five times a second, the newest state winning) and never by the browser, which talks by custom
messages; these are handed to the engine before anything acts on them. Both have types: a state is a ``TypedDict``, a
message a frozen struct, and one that its part does not know is dropped.

What draws the parts are files of ``static/``. Every widget keeps its own module in its state, and so in the saved
notebook: with all helpers in each, a console was 330 kB. So a part's module is the few lines of ``static/part.js``, and
the files are kept by two widgets, to which the parts refer as boxes do to their children: what saves and restores
widgets saves and restores them. Files and large states travel packed: deflated, as text in base64.

Ages are computed at the moment they are read, from times that the states hold: in the browser by one clock for each
session (``static/clock.js``). Each state brings the time at which it was written; a page that was drawn from an older
one, or that slept, asks what time it is, and any part of the session answers.
"""

import base64
import functools
import json
import logging
import re
import time
import zlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Generic, TypedDict, TypeVar

import anywidget
import ipywidgets
import msgspec
import traitlets

from codat_notebook.client.clock import ServerClock
from codat_notebook.forking import Lock
from codat_notebook.markup import h
from codat_notebook.models.errors import shown
from codat_notebook.models.status import OLD, STAGE_NAMES, STALE, TONES
from codat_notebook.runs.engine import EVERY, Engine, Throttle, engine, running

_log = logging.getLogger("codat_notebook")
#: The state of a part.
S = TypeVar("S")

#: What every part needs, and what a table or a run needs that is shown by itself. All other files travel together, too:
#: packed one by one they would take half as much again.
FIRST = (
    "clock.js", "loader.js", "kit.js", "tokens.css", "popover.js", "export.js", "facets.js", "table.js", "table.css",
    "export.css", "facets.css", "progress.js", "progress.css",
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


def packed_state(state: dict[str, Any], part: "Part[Any]") -> dict[str, Any] | str:
    """A part's state as it travels and is saved, with its time: a large one as its packed JSON, others as they are."""
    state = {**state, "as_of": part.as_of}
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


class FromBrowser(
    msgspec.Struct, frozen=True, tag_field="type", tag=lambda name: re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
):
    """A message from the browser; its ``type`` is the name of the class, as in "refresh_all" for RefreshAll."""


class Click(FromBrowser, frozen=True):
    """A message that a state answers by its ``seq``."""

    seq: int = 0


class AskTime(FromBrowser, frozen=True, tag="time"):
    """What time is it? Every part of a session answers, by {"type": "time", "number"} and the moment."""

    number: int


class Copied(FromBrowser, frozen=True):
    """A text that holds an address was copied, from any part."""

    text: str


class ClockTime(TypedDict):
    """A time, the ``name`` of the clock that told it ("" for this machine's), and how many of that clock's seconds pass
    in one."""

    clock: str
    now: str
    speed: float


def this_minute() -> str:
    """This machine's time in UTC, without seconds: a table may be of any frame, with no server to tell the time."""
    return datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%MZ")


def not_live(moment: ClockTime) -> str:
    """What is said of a static form."""
    return f"Not live: as of {moment['now'][:16].replace('T', ' ')} UTC."


def close_all(widgets: Iterable[ipywidgets.Widget]) -> None:
    """Close widgets with all that is in them, which ipywidgets keeps otherwise for as long as the kernel lives."""
    for widget in widgets:
        held = (getattr(widget, name, None) for name in ("layout", "style"))
        close_all([*getattr(widget, "children", ()), *(each for each in held if each is not None)])
        widget.close()


class Part(anywidget.AnyWidget, Generic[S]):
    """A view of a dict. Subclasses set ``files``, ``classes``, ``messages``, and a first ``state``.

    ``on_message`` is called on the engine thread with each message from the browser that is one of ``messages``.
    ``on_copied`` likewise with each text with an address that was copied from it.
    ``clock`` is the server's of the session that the part belongs to; without one it shows no ages.
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
    worn: traitlets.List[str] = traitlets.List().tag(sync=True)
    sources: traitlets.List[Any] = traitlets.List().tag(sync=True, **ipywidgets.widget_serialization)
    state: Any = traitlets.Dict().tag(sync=True, to_json=packed_state)

    def __init__(self, state: S | None = None, *, clock: ServerClock | None = None, **traits: Any) -> None:
        self.clock = clock
        #: When the state was written: what is shown without a kernel says so.
        self.as_of = self.moment
        self._written = this_minute()
        traits |= {"drawn_by": ["kit.js", "tokens.css", *self.files], "sources": shared(self.files)}
        classes = ("codat-part", *self.classes, *traits.pop("_dom_classes", ()))
        super().__init__(state=state or {}, worn=list(classes), _dom_classes=classes, **traits)
        self.on_message: Callable[[Any], object] | None = None
        self.on_copied: Callable[[str], object] | None = None
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

    @property
    def moment(self) -> ClockTime:
        """The server's time; without a session this machine's."""
        if self.clock is None:
            return {"clock": "", "now": this_minute(), "speed": 1.0}
        now = self.clock.now().isoformat(timespec="milliseconds")
        return {"clock": self.clock.name, "now": now, "speed": self.clock.rate}

    @staticmethod
    def text(state: S, now: str) -> str:
        """What the part shows ``now``, as plain text; "" for those that say nothing without a browser."""
        return ""

    def __repr__(self) -> str:
        first = self.text(self.state, self.moment["now"]).partition("\n")[0] or "nothing yet"
        return shown(f"<{type(self).__name__}: {first}>")

    def _repr_html_(self) -> str:
        """For where no widget is drawn: on a web site that shows notebooks, for one."""
        moment = self.moment
        return h("pre", self.text(self.state, moment["now"])) + h("p", not_live(moment))

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
        told, moment, minute = self.as_of, self.moment, this_minute()
        if state is None or self.comm is None:
            return
        if state == self.state and moment["clock"] == told["clock"] and minute == self._written:
            return
        self.as_of = moment
        self._written = minute
        self._engine.drawn.add(self)
        if state != self.state:
            self.state = state
        else:
            self.send_state("state")

    def set_state(self, sync_data: Any) -> None:
        """What a browser writes into traits is left out: it talks by messages, and no script of ours writes one."""

    def _receive(self, content: Any) -> None:
        try:
            message = msgspec.convert(content, self.messages | AskTime | Copied)
        except msgspec.ValidationError:  # its text may hold what was sent
            _log.warning("A message that %s does not know was dropped.", type(self).__name__)
            return
        if isinstance(message, AskTime):
            self.send({"type": "time", "number": message.number, **self.moment})
        elif isinstance(message, Copied):
            if self.on_copied is not None:
                self.on_copied(message.text)
        elif self.on_message is not None:
            self.on_message(message)
