"""Reading an answer's JSON: typed and fast where it is as documented, tolerant where it is not.

The fast way is one pass of msgspec. Where that refuses, the JSON is read without types and each object is built field
by field: what fits is kept, what can be converted is (``"10"`` for a number), what cannot is left out, and each of
these is noted in the object's ``unread``. One bad row never costs the page; only bytes that are no JSON are an error.
"""

import json
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from codat_notebook.models.base import Model, noted
from codat_notebook.models.shared import DataStatus, DataStatuses, Page
from codat_notebook.models.vocabulary import OpenEnum, SchemaDataType

T = TypeVar("T")
_MISSING: Final = object()
#: Objects and lists, and values, in one answer: many times what 5,000 companies with their connections have.
_MOST_OBJECTS, _MOST_VALUES = 500_000, 2_000_000
#: Of what could not be taken as it came, so much is noted.
_MOST_NOTES: Final = 1_000
_DECODERS: Final[dict[Any, msgspec.json.Decoder[Any]]] = {}


class Unreadable(ValueError):
    """The bytes are no JSON, or JSON of a wholly different shape."""


def read(body: bytes, kind: type[T]) -> T:
    """Read ``body`` as ``kind``.

    Raises:
        Unreadable: nothing of that kind can be made of the bytes.
    """
    if body.count(b"{") + body.count(b"[") > _MOST_OBJECTS or body.count(b",") > _MOST_VALUES:
        raise Unreadable("it holds more rows than anything that Codat sends")  # each takes far more memory than bytes
    if kind is DataStatuses:
        return cast(T, _statuses(body))
    value, notes = _decode(body, kind)
    if isinstance(value, Page) and not value.rows and b'"results"' not in body:
        raise Unreadable("it is not a page: it has no results")  # {"message": "..."} must not pass for an empty page
    return cast(T, noted(value, tuple(notes)) if notes and isinstance(value, Model) else value)


def _statuses(body: bytes) -> DataStatuses:
    rows, notes = _decode(body, dict[str, DataStatus])
    # The key names the type even where the row does not.
    by_type = {
        key: row if row.data_type else msgspec.structs.replace(row, data_type=SchemaDataType(key))
        for key, row in rows.items()
    }
    return DataStatuses(by_type, tuple(notes))


def _decode(body: bytes, kind: Any) -> tuple[Any, list[str]]:
    """What the bytes hold, and what of it could not be taken as it came."""
    decoder = _DECODERS.get(kind) or _DECODERS.setdefault(kind, msgspec.json.Decoder(kind))
    notes: list[str] = []
    try:
        return decoder.decode(body), notes
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        value = _convert(_untyped(body), kind, "", notes)
    if value is _MISSING:
        raise Unreadable(notes[0] if notes else "not the documented shape")
    return value, notes


def _untyped(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError) as error:
        raise Unreadable(_short(error) if body.strip() else "it is empty") from None


def _convert(value: Any, kind: Any, where: str, notes: list[str]) -> Any:
    """``value`` as ``kind``, or ``_MISSING`` with a note. A null where nothing else is allowed is missing."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _struct(value, kind, where, notes)
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        inner = next(arg for arg in args if arg is not NoneType)
        return None if value is None else _convert(value, inner, where, notes)
    if origin is list:
        return _list(value, args[0], where, notes)
    if origin is dict:
        return _dict(value, args[1], where, notes)
    return value if kind is Any else _scalar(value, kind, where, notes)


def _struct(value: Any, kind: type[msgspec.Struct], where: str, notes: list[str]) -> Any:
    if not isinstance(value, dict):
        return _lost(value, "an object", where, notes)
    hints = get_type_hints(kind)
    made = {}
    for field in msgspec.structs.fields(kind):
        if field.encode_name in value:
            inner = f"{where}.{field.name}" if where else field.name
            item = _convert(value[field.encode_name], hints[field.name], inner, notes)
            if item is not _MISSING:
                made[field.name] = item
    return kind(**made)


def _list(value: Any, kind: Any, where: str, notes: list[str]) -> Any:
    if not isinstance(value, list):
        return _lost(value, "a list", where, notes)
    convert = _row if where == "results" else _convert
    items = (convert(item, kind, f"{where}[{i}]", notes) for i, item in enumerate(value))
    return [item for item in items if item is not _MISSING]


def _row(value: Any, kind: Any, where: str, notes: list[str]) -> Any:
    """A row of a page: it keeps its own notes, so that they stay with it when the page is gone."""
    own: list[str] = []
    row = _convert(value, kind, "", own)
    if row is _MISSING:
        notes.extend(f"{where}: {note}" for note in own)
        return row
    return noted(row, tuple(own)) if own and isinstance(row, Model) else row


def _dict(value: Any, kind: Any, where: str, notes: list[str]) -> Any:
    if not isinstance(value, dict):
        return _lost(value, "an object", where, notes)
    items = ((_clean(k), _convert(v, kind, f"{where}.{k}" if where else k, notes)) for k, v in value.items())
    return {key: item for key, item in items if item is not _MISSING}


def _scalar(value: Any, kind: type, where: str, notes: list[str]) -> Any:
    if value is None:
        return _lost(value, kind.__name__, where, notes)
    if issubclass(kind, str) and isinstance(value, str):
        return kind(_clean(value))
    if type(value) is kind:
        return value
    try:
        converted = _coerced(value, kind)
    except (ValueError, OverflowError, TypeError, KeyError):
        return _lost(value, kind.__name__, where, notes)
    notes.append(f"{where}: {_short(value)} read as {converted!r}")
    return converted


def _coerced(value: Any, kind: type) -> Any:
    if kind is bool:
        return {"true": True, "false": False, "1": True, "0": False}[str(value).lower()]
    if kind is int:
        return int(float(value))
    if issubclass(kind, str | OpenEnum):
        return kind(json.dumps(value))
    raise TypeError(kind)


def _lost(value: Any, wanted: str, where: str, notes: list[str]) -> Any:
    if len(notes) < _MOST_NOTES:
        notes.append(f"{where or 'answer'}: {_short(value)} is not {wanted}")
    return _MISSING


def _clean(text: str) -> str:
    """Without lone surrogates, which no output could take."""
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text


def _short(value: object) -> str:
    text = "null" if value is None else str(value) if isinstance(value, Exception) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
