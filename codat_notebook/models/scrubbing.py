"""Finds a key in what comes from outside, in whatever form it comes back, and masks it.

Gateways echo the request's headers into error pages, and pages escape what they show. So each letter of the key may
stand as it is, percent-encoded, or escaped as in JSON, Python or HTML, and Base64 may be that of URLs and without its
padding. What is not found: a part of the key, a key that was changed (hashed, packed, reversed, encoded anew), a raw
key of fewer than ``LEAST`` characters, and in more than ``_SMALL`` bytes one whose letters and digits are escaped, too.
"""

import base64
import binascii
import re
from functools import cache
from typing import Final
from urllib.parse import unquote

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
    try:
        text = base64.b64decode(token.translate(str.maketrans("-_", "+/")) + "=" * (-len(token) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    raw = text.decode("latin-1").strip(":")  # as a user name without a password, the way some write it
    return raw if raw.isascii() and raw.isprintable() and raw else None


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
