"""The API key, so wrapped that nothing shows it: not a repr, a log line, a traceback or a pickle.

Users hold either the raw key or the ready ``Authorization`` header; :meth:`Secret.of` takes both. The text
comes out at exactly one place, where a request is handed to the network (``Secret.reveal``), and is masked wherever
something comes in from there (``Scrubber.scrub``), in whatever form it comes back.

Gateways echo the request's headers into error pages, and pages escape what they show. So each letter of the key may
stand as it is, percent-encoded, or escaped as in JSON, Python or HTML, and Base64 may be that of URLs and without its
padding. What is not found: a part of the key, a key that was changed (hashed, packed, reversed, encoded anew), a raw
key of fewer than ``LEAST`` characters, and in more than ``_SMALL`` bytes one whose letters and digits are escaped, too.
"""

import base64
import hashlib
import os
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, NoReturn
from urllib.parse import unquote

from codat_notebook.models import errors
from codat_notebook.models.errors import hides_arguments

#: The variable that names a service of the operating system's keyring, which holds the key of this user there.
KEYRING, _USER = "CODAT_KEYRING", "codat"
#: Variables of the environment that lead to a key, in the order in which they are looked at.
VARIABLES: Final = ("CODAT_AUTH_HEADER", "CODAT_API_KEY", KEYRING)
#: The variable by which what starts the process is named, for texts that say when the key is to be set.
HOST: Final = "CODAT_NOTEBOOK_HOST"
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")
_NO_HEADER: Final = (
    "The API key holds a space, a line break or a character outside ASCII, so it is not a Codat key. "
    "It is not shown here; copy it again, on one line."
)
_QUOTES: Final = "'\"`´‘’‚“”„«»"
#: What was copied along with the key: the beginning of a line of a shell, of an env file, or of a request.
_LABEL: Final = re.compile(r"(?i)(?:export\s+|set\s+|\$env:)?(CODAT_API_KEY|CODAT_AUTH_HEADER|Authorization)\s*[=:]")
MASK: Final = "••••"
_MASK: Final = MASK.encode()
#: A shorter key is a word like any other, and taking it out would shred answers. Its header is masked all the same.
LEAST: Final = 8
#: Bytes up to which a body is looked through letter by letter. A larger one is only searched for the plain letters and
#: digits of the key: nobody escapes those, and it costs a hundredth of reading the body instead of twice as much.
_SMALL: Final = 16 * 1024
_WORD: Final = re.compile(r"[0-9A-Za-z]+")
#: An escaped letter or digit.
_ESCAPED: Final = re.compile(
    rb"(?i)%(?:25)*(?:3[0-9]|[46][1-9a-f]|[57][0-9a])|\\(?:u00|x)(?:3[0-9]|[46][1-9a-f]|[57][0-9a])|&(?:amp;)*#"
)
#: What may stand between the scheme and the key.
_GAP: Final = r"""(?:[\s+:="',]|%(?:25)*20|\\+u0020|&(?:amp;)*(?:#0*32|#x0*20|nbsp|quot);?){1,8}"""
#: Letters of Base64 -> what else stands for them: the alphabet of URLs, and the blank that a form makes of a plus.
_BASE64: Final = {"+": "+- ", "-": "+- ", "/": "/_", "_": "/_"}


class Scrubber:
    """Masks one key, given as its ``Authorization`` header.

    >>> Scrubber("Basic YS1yYXcta2V5").scrub(b"sent: Basic YS1yYXcta2V5, which is a-raw-key").decode()
    'sent: Basic ••••, which is ••••'
    """

    __slots__ = ("__forms", "__texts")

    def __init__(self, header: str) -> None:
        token = header.partition(" ")[2].strip() or header
        raw = decoded(token)
        self.__texts = {token, raw}
        self.__forms = [_Form(token, encoded=True)]
        if raw is not None and len(raw) >= LEAST:
            self.__forms.append(_Form(raw, encoded=False))

    def __repr__(self) -> str:
        return f"Scrubber({MASK!r})"

    def scrub(self, body: bytes) -> bytes:
        """Bytes with the key masked, in whatever form it came back; without the key the very same object."""
        if len(body) > _SMALL:
            for form in self.__forms:
                # One letter of it that does not occur is found out ten times as fast as the whole.
                if all(letter in body for letter in form.letters) and form.word in body:
                    body = form.pattern(thorough=False).sub(_MASK, body)
            return body
        if not self._may_be_in(body):
            return body
        for form in self.__forms:
            body = form.pattern(thorough=True).sub(_MASK, body)
        if b"\0" in body and any(form.pattern(thorough=True).search(body.replace(b"\0", b"")) for form in self.__forms):
            return _MASK  # letters of two or four bytes
        return body

    def scrub_text(self, text: str) -> str:
        """The same for text."""
        body = text.encode("utf-8", "surrogatepass")
        masked = self.scrub(body)
        return text if masked is body else masked.decode("utf-8", "surrogatepass")

    def is_in(self, address: str) -> bool:
        """Whether an address holds the key: anywhere, or (however short it is) as one of its parts."""
        whole = address.encode("utf-8", "surrogatepass")
        parts = re.split(r"[/?#&=@:]+", f"{address.strip()}/{unquote(address.strip())}")
        if not self.__texts.isdisjoint(parts):
            return True
        return self._may_be_in(whole) and any(form.pattern(thorough=True).search(whole) for form in self.__forms)

    def _may_be_in(self, body: bytes) -> bool:
        """Whether it is worth the while to look letter by letter; nearly always it is not."""
        for form in self.__forms:  # a loop, for each call of the client passes here
            if form.word in body:
                return True
        if b"\0" in body:
            return True
        return (b"%" in body or b"\\" in body or b"&" in body) and _ESCAPED.search(body) is not None


class _Form:
    """A form of the key, and the patterns that find it; they are made when it may have come back."""

    __slots__ = ("__encoded", "__patterns", "__text", "letters", "word")

    def __init__(self, text: str, *, encoded: bool) -> None:
        self.__text = text
        self.__encoded = encoded
        self.__patterns: dict[bool, re.Pattern[bytes]] = {}
        #: Where this does not occur the key does not either, unless its letters are escaped. Found as fast as memory.
        self.word = max(_WORD.findall(text), key=len, default=text).encode()
        self.letters = frozenset(self.word)

    def __repr__(self) -> str:
        return f"_Form({MASK!r})"

    def pattern(self, *, thorough: bool) -> re.Pattern[bytes]:
        """Finds it however each letter is spelt; else where letters and digits stand plain, which is much faster."""
        if thorough not in self.__patterns:
            text = self.__text.rstrip("=") if self.__encoded else self.__text
            spelt = _spelt(text, _BASE64 if self.__encoded else {}, thorough)
            if self.__encoded:
                spelt += f"(?:{_letter('=', thorough)}){{0,2}}"
                spelt = spelt if len(self.__text) >= LEAST else f"(?i:basic){_GAP}{spelt}"
            self.__patterns[thorough] = re.compile(spelt.encode())
        return self.__patterns[thorough]


def decoded(token: str) -> str | None:
    """The raw key in its Base64 form; ``None`` where it is no Base64 of text."""
    padded = token.translate(str.maketrans("-_", "+/")) + "=" * (-len(token) % 4)
    raw = _from_base64(padded).strip(":")  # as a user name without a password, the way some write it
    return raw if raw.isascii() and raw.isprintable() and raw else None


def _from_base64(text: str) -> str:
    """What a text holds in Base64; nothing where it is none."""
    try:
        return base64.b64decode(text, validate=True).decode("latin-1")
    except ValueError:
        return ""


def _spelt(text: str, others: dict[str, str], thorough: bool) -> str:
    """A pattern for a text, each letter in any of its spellings."""
    letters = ["|".join(_letter(one, thorough) for one in others.get(letter, letter)) for letter in text]
    return "".join(spelt if len(spelt) == 1 else f"(?:{spelt})" for spelt in letters)


def _letter(letter: str, thorough: bool) -> str:
    """A pattern for a letter, plain or escaped; letters and digits are taken as plain unless ``thorough``.

    Backslashes before it belong to it, all of them, or JSON would be broken.
    """
    if letter.isalnum() and not thorough:
        return letter
    code, slashes = ord(letter), r"(?<!\\)\\"
    number = f"(?i:{code:02x})"
    plain = re.escape(letter) if letter.isalnum() else rf"(?:{slashes}+)?{re.escape(letter)}"
    if letter == "\\":
        plain = r"\\{1,4}"
    names = "|".join([f"#0*{code}", f"#[xX]0*{number}", *_names().get(letter, ())])
    ampersand = rf"(?:&|{slashes}+u0026|%26)(?:amp;)*"  # also of HTML that stands in JSON or in an address
    # The plain letter last: of "&amp;" it would take the beginning and leave the rest.
    return rf"{ampersand}(?:{names});?|%(?:25)*{number}|{slashes}+(?:u00|x){number}|{plain}"


@cache
def _names() -> dict[str, list[str]]:
    """Letter -> its names in HTML."""
    from html.entities import html5  # two thousand of them, hardly ever needed

    names: dict[str, list[str]] = {}
    for name, text in html5.items():
        if name.endswith(";"):
            names.setdefault(text, []).append(name[:-1])
    return names


def host(environ: Mapping[str, str] = os.environ) -> str:
    """What one starts to get here: Jupyter, or what ``HOST`` says ("the app").

    >>> host({}), host({"CODAT_NOTEBOOK_HOST": "the app"})
    ('Jupyter', 'the app')
    """
    return environ.get(HOST) or "Jupyter"


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
        """The key in the first of :data:`VARIABLES` that is set, or in the keyring that it names; None without one."""
        name = next((name for name in VARIABLES if environ.get(name)), None)
        if name is None:
            return None
        return cls.of(_from_keyring(environ[name]) if name == KEYRING else environ[name])

    def reveal(self) -> str:
        """The ``Authorization`` header, in the clear. For the network only."""
        return self.__header

    def fingerprint(self, salt: bytes) -> str:
        """What tells this key from others and not what it is, to be kept in a file; slow, so that guessing is, too."""
        return hashlib.scrypt(self.__header.encode(), salt=salt, n=2**14, r=8, p=1, dklen=16).hex()

    def __repr__(self) -> str:
        return f"Secret('Basic {MASK}')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self.__header

    def __hash__(self) -> int:
        return hash(self.__header)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled: give the key to the other process in its environment")

    def __deepcopy__(self, memo: dict[int, Any]) -> "Secret":
        return self


def _from_keyring(service: str) -> str:
    """The key that the operating system keeps. Runs below ``Secret.from_environment``, which drops its frame."""
    try:
        keyring = errors.needed("keyring", "keyring")
    except ModuleNotFoundError as missing:
        raise errors.ConfigurationError(f"{KEYRING} is set, but {missing}") from None
    try:
        key = keyring.get_password(service, _USER)
    except keyring.errors.KeyringError as error:
        raise errors.ConfigurationError(f"The keyring that {KEYRING} names cannot be read: {error}") from None
    if not key:
        raise errors.ConfigurationError(
            f"The keyring has no key under {service!r}. Put it there with  keyring set {service} {_USER}"
        )
    return str(key)


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
        return "The API key begins or ends with a quotation mark, which is not part of it. Remove the quotation marks."
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
    inner = _from_base64(text)
    return len(inner) >= 8 and _VISIBLE.fullmatch(inner) is not None
