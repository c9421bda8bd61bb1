"""Chance that repeats: every draw is a hash of the seed and of what it is drawn for.

There is no shared generator whose state depends on the order of calls: the third refresh of one company's invoices
is the same whatever else was asked in between.
"""

import struct
from collections.abc import Sequence
from hashlib import blake2b
from statistics import NormalDist
from typing import Final, TypeVar

T = TypeVar("T")

_UNIT: Final = 2.0**-64
_NORMAL: Final = NormalDist()
_EIGHT: Final = struct.Struct("<8Q").unpack


class SeededRandom:
    """Reproducible draws of one seed.

    >>> SeededRandom(7).uuid("company", 0) == SeededRandom(7).uuid("company", 0) != SeededRandom(8).uuid("company", 0)
    True
    """

    __slots__ = ("_root",)

    def __init__(self, seed: int) -> None:
        self._root = blake2b(str(seed).encode(), digest_size=16).digest()

    def _digest(self, size: int, parts: tuple[object, ...]) -> bytes:
        return blake2b(self._root + "\x1f".join(map(str, parts)).encode(), digest_size=size).digest()

    def uuid(self, *parts: object) -> str:
        """A version 4 UUID."""
        return _uuid(self._digest(16, parts).hex())

    def identity(self, *parts: object) -> tuple[str, int]:
        """A UUID and a whole number of 128 bits, for the price of one draw."""
        digest = self._digest(32, parts)
        return _uuid(digest[:16].hex()), int.from_bytes(digest[16:], "big")

    def hex(self, *parts: object) -> str:
        """32 hexadecimal digits, the form of a correlation id."""
        return self._digest(16, parts).hex()

    def uniforms(self, *parts: object) -> tuple[float, ...]:
        """Eight independent numbers, at least 0 and below 1."""
        return _fractions(self._digest(64, parts))

    def occurrence(self, *parts: object) -> tuple[str, tuple[float, ...]]:
        """A UUID and eight numbers for the price of one draw.

        The last two numbers are in the UUID, too: what they decide must not matter, or the id would tell it.
        """
        digest = self._digest(64, parts)
        return _uuid(digest[48:].hex()), _fractions(digest)

    def number(self, *parts: object) -> float:
        """One number, at least 0 and below 1."""
        return int.from_bytes(self._digest(8, parts), "little") * _UNIT


def _fractions(digest: bytes) -> tuple[float, ...]:
    a, b, c, d, e, f, g, h = _EIGHT(digest)
    return (a * _UNIT, b * _UNIT, c * _UNIT, d * _UNIT, e * _UNIT, f * _UNIT, g * _UNIT, h * _UNIT)


def _uuid(text: str) -> str:
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{'89ab'[int(text[16], 16) & 3]}{text[17:20]}-{text[20:]}"


def pick(u: float, options: Sequence[T]) -> T:
    """The option at ``u`` (0 <= u < 1), all equally likely."""
    return options[min(int(u * len(options)), len(options) - 1)]


def lognormal(u: float, median: float, sigma: float) -> float:
    """The value at ``u`` of a lognormal distribution with that median."""
    return float(median * 2.718281828459045 ** (sigma * _NORMAL.inv_cdf(min(max(u, 1e-9), 1 - 1e-9))))
