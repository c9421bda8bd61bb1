"""The API key, so wrapped that nothing shows it: not a repr, a log line, a traceback or a pickle.

Users hold either the raw key or the ready ``Authorization`` header; :meth:`Secret.of` takes both. The text
comes out at exactly one place, where a request is handed to the network (``Secret.reveal``).
"""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from codat_notebook.models import errors

#: Variables of the environment that may hold a key, in the order in which they are looked at.
VARIABLES: Final = ("CODAT_AUTH_HEADER", "CODAT_API_KEY")
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")


class Secret:
    """A key that is only revealed on purpose.

    >>> Secret.of("an-api-key")
    Secret('Basic ••••')
    """

    __slots__ = ("__header",)

    def __init__(self, header: str) -> None:
        self.__header = header

    @classmethod
    def of(cls, key: "str | Secret") -> "Secret":
        """Wrap a raw API key, an encoded one, or a ready ``Basic ...`` header.

        Raises:
            errors.ConfigurationError: the key is no text, is empty, holds characters that no header can carry, or is
                of another scheme. The message never shows it.
        """
        if isinstance(key, Secret):
            return key
        if not isinstance(key, str):
            raise errors.ConfigurationError(f"The API key is of type {type(key).__name__}, not text.")
        return cls(f"Basic {_encoded(key)}")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Secret | None":
        """The key in the first of :data:`VARIABLES` that is set; None without one."""
        text = next((environ[name] for name in VARIABLES if environ.get(name)), None)
        return cls.of(text) if text else None

    def reveal(self) -> str:
        """The ``Authorization`` header, in the clear. For the network only."""
        return self.__header

    def __repr__(self) -> str:
        return "Secret('Basic ••••')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self.__header

    def __hash__(self) -> int:
        return hash(self.__header)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: give the key to the other process by its environment")

    def __deepcopy__(self, memo: dict[int, Any]) -> "Secret":
        return self


def _encoded(key: str) -> str:
    scheme, gap, rest = key.strip().partition(" ")
    text = rest.strip() if gap and scheme.lower() == "basic" else key.strip()
    if not text or text.lower() == "basic":
        raise errors.ConfigurationError(
            "The API key is empty. Set CODAT_API_KEY to the key from Codat's portal, or CODAT_AUTH_HEADER to "
            "the ready header, which starts with 'Basic '."
        )
    if not _VISIBLE.fullmatch(text):
        raise errors.ConfigurationError(
            "The API key holds a space, a line break or a character outside ASCII, so it is not a Codat key. "
            "It is not shown here; copy it again, on one line."
        )
    return text if gap or _is_encoded(text) else base64.b64encode(text.encode()).decode()


def _is_encoded(text: str) -> bool:
    """Whether this is the Base64 form already. A raw key decodes to noise, an encoded one to a key."""
    try:
        inner = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(inner) >= 8 and _VISIBLE.fullmatch(inner.decode("latin-1")) is not None
