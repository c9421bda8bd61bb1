"""A request and its answer as plain values, on their way through the service."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import msgspec

if TYPE_CHECKING:
    from codat_notebook.sandbox.faults import Rule
    from codat_notebook.sandbox.idempotency import Slot

JSON: Final = "application/json; charset=utf-8"
_GZIP_FROM: Final = 1_000
_ACCEPTS: Final = re.compile(r"(?:^|,)\s*gzip\s*(?:;\s*q=(?P<weight>[\d]?(?:\.\d*)?\d))?\s*(?:,|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent. Header names are in lower case, the path is as on the wire."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def takes_gzip(self) -> bool:
        """Whether the client accepts a compressed answer."""
        match = _ACCEPTS.search(self.headers.get("accept-encoding", ""))
        return match is not None and float(match["weight"] or 1) > 0

    def parameters(self) -> dict[str, str]:
        """The query's parameters; of one given twice the first counts."""
        parameters: dict[str, str] = {}
        for name, value in parse_qsl(self.query, keep_blank_values=True):
            parameters.setdefault(name, value)
        return parameters


@dataclass(slots=True)
class Answer:
    """What goes back. ``body`` is bytes once encoded."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, status: int, document: Any) -> Answer:
        """An answer with a JSON body."""
        return cls(status, msgspec.json.encode(document), {"Content-Type": JSON})

    def compress(self) -> None:
        """Compress the body if that pays."""
        if len(self.body) >= _GZIP_FROM and "Content-Encoding" not in self.headers:
            self.body = gzip.compress(self.body, 1, mtime=0)
            self.headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}


@dataclass(slots=True)
class Exchange:
    """One request being answered: the rules that spoil it, its idempotency slot, the answer so far."""

    request: Request
    correlation_id: str
    company: str
    outside: Rule | None = None
    inside: Rule | None = None
    slot: Slot | None = None
    answer: Answer | None = None
