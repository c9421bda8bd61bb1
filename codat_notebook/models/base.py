"""What all objects share: how their values travel, in the official SDK's spelling, and what was noted at their reading.

pydantic, and so FastAPI, takes these classes for types of its own; it is never loaded here, and nothing else of it is
imitated.
"""

from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, ClassVar, Self, TypeVar, get_args, get_origin

import msgspec

M = TypeVar("M", bound="Model")


class Dumped:
    """What can be written out and read again."""

    __slots__ = ()

    def model_dump(self, *, by_alias: bool = False) -> dict[str, Any]:
        """The fields as a dictionary, without those that are None: under their names, or as in Codat's JSON.

        >>> HalRef(href="/companies").model_dump()  # doctest: +SKIP
        {'href': '/companies'}
        """
        raise NotImplementedError

    def model_dump_json(self, *, by_alias: bool = False) -> str:
        """The same as JSON."""
        return msgspec.json.encode(self.model_dump(by_alias=by_alias)).decode()

    @classmethod
    def model_validate(cls, obj: Any) -> Self:
        """Make one of a mapping, each field under either of its names; what is one already is given back.

        Words and fields that are new are no mistake. Raises ``ValueError`` where a field is missing or of another kind.
        """
        raise NotImplementedError

    @classmethod
    def _shape(cls, handler: Any) -> Any:
        """What it looks like in JSON, as a schema of pydantic's."""
        raise NotImplementedError

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """For pydantic, which reads and writes it by the methods above."""
        from pydantic_core import core_schema

        return core_schema.no_info_wrap_validator_function(
            lambda value, _: cls.model_validate(value),
            cls._shape(handler),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda value, info: msgspec.to_builtins(value.model_dump(by_alias=bool(info.by_alias))), info_arg=True
            ),
        )


class Model(
    Dumped, msgspec.Struct, frozen=True, gc=False, kw_only=True, rename="camel", repr_omit_defaults=True
):  # fmt: skip
    """Common to all objects. The options are inherited, but for those that are repeated."""

    REQUIRED: ClassVar[tuple[str, ...]] = ()

    @property
    def unread(self) -> tuple[str, ...]:
        """What could not be taken as it came, in words: wrong types, and required fields that are not there."""
        return (*notes_of(self), *(f"{name}: missing" for name in self.REQUIRED if getattr(self, name) == ""))

    def model_dump(self, *, by_alias: bool = False) -> dict[str, Any]:
        """See :class:`Dumped`."""
        return {
            field.encode_name if by_alias else field.name: _dumped(value, by_alias)
            for field in msgspec.structs.fields(self)
            if (value := getattr(self, field.name)) is not None
        }

    @classmethod
    def model_validate(cls, obj: Any) -> Self:
        """See :class:`Dumped`."""
        if isinstance(obj, cls):
            return obj
        if not isinstance(obj, Mapping):
            raise ValueError(f"{cls.__name__}: a mapping of its fields, not {type(obj).__name__}")
        given: dict[str, Any] = {}
        for field in msgspec.structs.fields(cls):
            name = field.encode_name if field.encode_name in obj else field.name
            if name in obj:
                given[field.encode_name] = _validated(obj[name], field.type)
            elif field.name in cls.REQUIRED:
                raise ValueError(f"{cls.__name__}: {field.name} is missing")
        try:
            return msgspec.convert(given, cls)
        except msgspec.ValidationError as error:
            raise ValueError(f"{cls.__name__}: {error}") from None

    @classmethod
    def _shape(cls, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.typed_dict_schema({
            field.encode_name: core_schema.typed_dict_field(
                handler.generate_schema(field.type), required=field.default is not None
            )
            for field in msgspec.structs.fields(cls)
        })  # fmt: skip


def _dumped(value: Any, by_alias: bool) -> Any:
    if isinstance(value, Dumped):
        return value.model_dump(by_alias=by_alias)
    return [_dumped(item, by_alias) for item in value] if isinstance(value, list) else value


def _validated(value: Any, kind: Any) -> Any:
    """A value with the objects in it made; what is no object is judged with the whole."""
    if get_origin(kind) is UnionType:
        kind = next(each for each in get_args(kind) if each is not NoneType)
    if get_origin(kind) is list and isinstance(value, list):
        return [_validated(item, get_args(kind)[0]) for item in value]
    is_model = isinstance(kind, type) and issubclass(kind, Model)
    return kind.model_validate(value) if is_model and value is not None else value


def noted(value: M, notes: tuple[str, ...]) -> M:
    """The same object with notes for ``unread``. They are no field, so that no way of writing it out shows them."""
    made = _noted_kind(type(value))(**{name: getattr(value, name) for name in value.__struct_fields__})
    made.__dict__["notes"] = notes
    return made  # type: ignore[no-any-return]  # of a class that is made at run time


def notes_of(value: Model) -> tuple[str, ...]:
    """The notes of an object that has some."""
    notes: tuple[str, ...] = getattr(value, "__dict__", {}).get("notes", ())
    return notes


@cache
def _noted_kind(kind: type[Model]) -> Any:
    """A kind with room for notes, which hardly any object has: the others are kept small for their sake."""
    return msgspec.defstruct(
        kind.__name__, [], bases=(kind,), module=kind.__module__, frozen=True, kw_only=True, gc=True, dict=True,
        namespace={"__reduce__": lambda self: (noted, (kind(**msgspec.structs.asdict(self)), notes_of(self)))},
    )  # fmt: skip
