"""A key, the forms in which gateways and pages give it back, and a search for it in whatever a test can reach."""

import base64
import gc
import html
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, CodeType, FrameType, ModuleType, TracebackType
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec
import numpy as np
import pandas as pd

from codat_notebook.models.secret import Scrubber, Secret

#: Awkward in every form: its Base64 holds a plus and a slash and is padded.
KEY = "q7Lwx~>?0ZpT3/nX+vB5=s'Y&kD2<mJ\"f~>?Rc"
ENCODED = base64.b64encode(KEY.encode()).decode()
assert {"+", "/", "="} <= set(ENCODED)

#: How letters and digits stand plain, whatever happens to the rest.
PLAIN: dict[str, Callable[[str], str]] = {
    "plain": str,
    "percent": lambda text: quote(text, safe=""),
    "percent, lower": lambda text: "".join(c if c.isalnum() else f"%{ord(c):02x}" for c in text),
    "percent, but for slashes": quote,
    "percent, as a form": quote_plus,
    "percent, twice": lambda text: quote(quote(text, safe=""), safe=""),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON of PHP": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "JSON of .NET": lambda text: "".join(c if c.isalnum() else f"\\u{ord(c):04X}" for c in text),
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
    "Python": lambda text: repr(text.encode()),
    "Python, text": lambda text: repr(text)[1:-1],
    "HTML": html.escape,
    "HTML, numbers": lambda text: "".join(c if c.isalnum() else f"&#{ord(c)};" for c in text),
    "HTML, hexadecimal": lambda text: "".join(c if c.isalnum() else f"&#X{ord(c):02x}" for c in text),
    "HTML, names": lambda text: text.replace("&", "&amp;").replace("+", "&plus;").replace("/", "&sol;"),
    "HTML in JSON": lambda text: html.escape(text).replace("&", "\\u0026").replace('"', '\\"'),
}
FORMS = PLAIN | {
    "percent, all of it": lambda text: "".join(f"%{code:02X}" for code in text.encode()),
    "JSON, all of it": lambda text: "".join(f"\\u{ord(c):04x}" for c in text),
    "HTML, all of it": lambda text: "".join(f"&#{ord(c)};" for c in text),
}
SECRETS = {
    "raw": KEY,
    "encoded": ENCODED,
    "without padding": ENCODED.rstrip("="),
    "for URLs": base64.urlsafe_b64encode(KEY.encode()).decode(),
    "header": f"Basic {ENCODED}",
    "another case": f"BASIC {ENCODED}",
}
_PARTS = (KEY[:10], KEY[-16:], ENCODED[:12], ENCODED[8:24])  # of a text that was cut
_SPELT = sorted({form(text) for form in FORMS.values() for text in (KEY, ENCODED.rstrip("="))} | set(_PARTS))
#: What a test may not reach: classes and code, and those whose work it is to know the key.
_KNOWING = (type, ModuleType, CodeType, FrameType, BuiltinFunctionType, Secret, Scrubber)
_DRIVERS = ("SyncDriver", "AsyncDriver")


def leaks(text: object) -> str | None:
    """The form of the key that a text holds, if it holds one."""
    shown = text.decode("utf-8", "replace") if isinstance(text, bytes | bytearray) else str(text)
    return next((each for each in _SPELT if each in shown), None)


def held(*roots: object) -> Iterator[str | bytes]:
    """Every text that can be reached from some objects, through whatever holds it."""
    seen: dict[int, object] = {id(vars(module)): module for module in _modules()} | {id(os.environ): os.environ}
    todo = list(roots)
    while todo:
        one = todo.pop()
        if id(one) in seen or isinstance(one, _KNOWING) or type(one).__name__ in _DRIVERS:
            continue
        seen[id(one)] = one  # kept, or another object might get its id
        if isinstance(one, str | bytes | bytearray):
            yield bytes(one) if isinstance(one, bytearray) else one
        else:
            todo += _inside(one)


def _modules() -> list[ModuleType]:
    return [module for module in list(sys.modules.values()) if isinstance(module, ModuleType)]


def _inside(one: object) -> list[object]:
    if isinstance(one, pd.DataFrame):
        return [*one.columns, *(value for name in one for value in one[name].tolist())]
    if isinstance(one, pd.Series | pd.Index | np.ndarray):
        return list(one.tolist()) if one.ndim else []
    if isinstance(one, msgspec.Struct):  # some of them are not followed by the collector
        return [getattr(one, name) for name in one.__struct_fields__]
    return gc.get_referents(one)


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, what caused it and what it came up in."""
    seen: set[int] = set()
    todo = [error]
    while todo:
        one = todo.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            todo += [one.__cause__, one.__context__]


def frames(trace: TracebackType | None) -> Iterator[FrameType]:
    """The frames of a traceback, without those of tests."""
    while trace is not None:
        if "tests" not in trace.tb_frame.f_code.co_filename.split("/"):
            yield trace.tb_frame
        trace = trace.tb_next


def shown_by(error: BaseException) -> Iterator[str]:
    """What tracebacks with variables print of an error, without tests' frames: every variable, and rich's."""
    from rich.console import Console
    from rich.traceback import Traceback

    for one in chain(error):
        yield from (repr(one), str(one), repr(vars(one)))
        first = one.__traceback__
        while first is not None and "tests" in first.tb_frame.f_code.co_filename.split("/"):
            first = first.tb_next
        yield "".join(traceback.format_exception(type(one), one, first))
        yield "".join(_safe_repr(local) for frame in frames(first) for local in frame.f_locals.values())
        console = Console(width=500, record=True, file=_Nowhere())
        console.print(Traceback.from_exception(type(one), one, first, show_locals=True, locals_max_string=None))
        yield console.export_text()


def _safe_repr(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - of an object that is half made; debuggers say so, too
        return repr(error)


class _Nowhere:
    """A file for what nobody reads."""

    def write(self, text: str) -> Any:
        """Take a text."""

    def flush(self) -> None:
        """Do nothing."""
