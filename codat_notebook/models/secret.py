"""The API key, so wrapped that nothing shows it: not a repr, a log line, a traceback or a pickle.

Users hold either the raw key or the ready ``Authorization`` header; :meth:`Secret.of` takes both. The text
comes out at exactly one place, where a request is handed to the network (``Secret.reveal``), and is masked wherever
something comes in from there (``Secret.scrub``).
"""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from codat_notebook.models import errors
from codat_notebook.models.errors import hides_arguments
from codat_notebook.models.scrubbing import MASK, Scrubber

#: Variables of the environment that may hold a key, in the order in which they are looked at.
VARIABLES: Final = ("CODAT_AUTH_HEADER", "CODAT_API_KEY")
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")
_NO_HEADER: Final = (
    "The API key holds a space, a line break or a character outside ASCII, so it is not a Codat key. "
    "It is not shown here; copy it again, on one line."
)
_QUOTES: Final = "'\"`´‘’‚“”„«»"
#: What was copied along with the key: the beginning of a line of a shell, of an env file, or of a request.
_LABEL: Final = re.compile(r"(?i)(?:export\s+|set\s+|\$env:)?(CODAT_API_KEY|CODAT_AUTH_HEADER|Authorization)\s*[=:]")


class Secret(Scrubber):
    """A key that is only revealed on purpose, and that masks itself in what comes from outside.

    >>> Secret.of("an-api-key")
    Secret('Basic ••••')
    """

    __slots__ = ("__header", "__weakref__")

    @hides_arguments
    def __init__(self, header: str) -> None:
        if not isinstance(header, str):
            raise errors.ConfigurationError(f"The API key is of type {type(header).__name__}, not text.")
        if not header.isascii() or not header.isprintable():  # an encoder's complaint would hold the text
            raise errors.ConfigurationError(_NO_HEADER)
        super().__init__(header)
        self.__header = header

    @classmethod
    @hides_arguments
    def of(cls, key: "str | Secret") -> "Secret":
        """Wrap a raw API key, an encoded one, or a ready ``Basic ...`` header.

        Raises:
            errors.ConfigurationError: the key is no text, is empty, holds characters that no header can carry, came
                with quotes or a label, or is of another scheme. Neither the message nor the traceback shows it.
        """
        if isinstance(key, Secret):
            return key
        if not isinstance(key, str):
            raise errors.ConfigurationError(f"The API key is of type {type(key).__name__}, not text.")
        return cls(f"Basic {_encoded(key)}")

    @classmethod
    @hides_arguments
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Secret | None":
        """The key in the first of :data:`VARIABLES` that is set; None without one."""
        text = next((environ[name] for name in VARIABLES if environ.get(name)), None)
        return cls.of(text) if text else None

    def reveal(self) -> str:
        """The ``Authorization`` header, in the clear. For the network only."""
        return self.__header

    def __repr__(self) -> str:
        return f"Secret('Basic {MASK}')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self.__header

    def __hash__(self) -> int:
        return hash(self.__header)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: give the key to the other process by its environment")

    def __deepcopy__(self, memo: dict[int, Any]) -> "Secret":
        return self


def _encoded(key: str) -> str:
    """The key as it is sent. Runs below ``Secret.of``, which drops its frame."""
    if problem := _problem(key):
        raise errors.ConfigurationError(problem)
    scheme, *rest = key.split(None, 1)
    text = rest[0].strip() if rest else scheme
    return text if rest or _is_encoded(text) else base64.b64encode(text.encode()).decode()


def _problem(key: str) -> str | None:
    """What is wrong with a key, in words that do not show it."""
    scheme, _, text = key.strip().replace("\t", " ").partition(" ")
    ready = scheme.lower() == "basic"
    text = text.strip() if ready else key.strip()
    if not text:
        return (
            "The API key is empty. Set CODAT_API_KEY to the key from Codat's portal, or CODAT_AUTH_HEADER to "
            "the ready header, which starts with 'Basic '."
        )
    if label := _LABEL.match(key.strip().lstrip(_QUOTES)):
        return f"The API key begins with {label[1]!r}, the name of what holds it. Keep only what follows."
    if {key.strip()[0], key.strip()[-1], text[0]} & set(_QUOTES):
        return "The API key begins or ends with a quotation mark, which is no part of it. Remove the quotation marks."
    if scheme.lower() in ("bearer", "bearer:", "basic:"):
        return f"The API key begins with {scheme!r}. Codat takes the bare key, or 'Basic ' and the encoded key."
    if "\r" in key:
        return "The API key holds a carriage return, which comes from a file with Windows line ends. Remove it."
    if "://" in text:
        return "The API key is an address. Are the key and server_url swapped?"
    if not _VISIBLE.fullmatch(text):
        return _NO_HEADER
    return None


def _is_encoded(text: str) -> bool:
    """Whether this is the Base64 form already. A raw key decodes to noise, an encoded one to a key."""
    try:
        inner = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(inner) >= 8 and _VISIBLE.fullmatch(inner.decode("latin-1")) is not None
