"""A request and its answer as plain values, on their way through the service; and the answers that are errors.

The world raises an error answer; the service turns it into the ErrorMessage body. Texts in quotes of the published
examples are kept to the letter, because clients read them.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

#: What is said of an id that stands for nothing, and the service that says so.
MISSING: Final = {
    "companyId": ("No company was found with ID {}", "ClientsApi"),
    "connectionId": ("Data connection {} not found", "PublicApi"),
    "datasetId": ("No dataset was found with ID {}", "PullApi"),
}
JSON: Final = "application/json; charset=utf-8"
TOO_MANY: Final = "You have made too many requests in a given amount of time; please retry later."
_NAMES: Final = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?", re.IGNORECASE)
_GZIP_FROM: Final = 1_000
_ACCEPTS: Final = re.compile(r"(?:^|,)\s*gzip\s*(?:;\s*q=(?P<weight>[\d]?(?:\.\d*)?\d))?\s*(?:,|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class HttpRequest:
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
class HttpResponse:
    """What goes back."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, status: int, document: Any) -> HttpResponse:
        """An answer with a JSON body."""
        return cls(status, msgspec.json.encode(document), {"Content-Type": JSON})

    def compress(self) -> None:
        """Compress the body if that pays."""
        if len(self.body) >= _GZIP_FROM and "Content-Encoding" not in self.headers:
            self.body = gzip.compress(self.body, 1, mtime=0)
            self.headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}


class ErrorResponse(Exception):
    """An error answer: HTTP status, Codat's text, the service that speaks, headers beyond the usual."""

    def __init__(
        self, status: int, error: str, service: str = "PublicApi", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.service = service
        self.headers = headers or {}

    def body(self, correlation_id: str) -> dict[str, Any]:
        """The ErrorMessage that Codat sends."""
        return {
            "statusCode": self.status,
            "service": self.service,
            "error": self.error,
            "correlationId": correlation_id,
            "validation": None,
            "canBeRetried": "Unknown",
            "detailedErrorCode": 0,
        }


Problem = ErrorResponse  # the public name


def malformed_query() -> ErrorResponse:
    """A query that the grammar refuses."""
    return ErrorResponse(400, "Error parsing query - Malformed query.", "ClientsApi")


def invalid(what: str) -> ErrorResponse:
    """A request that is not valid for another reason."""
    return ErrorResponse(400, f"Error processing request - {what}")


def missing(what: str, id: str) -> ErrorResponse:
    """Nothing has that id; ``what`` it should be the id of is one of :data:`MISSING`."""
    text, service = MISSING[what]
    return ErrorResponse(404, text.format(id), service)


def is_this_machine(host: str | None) -> bool:
    """Whether a ``Host`` header names this machine, at any port.

    A web site whose own name leads to 127.0.0.1 (DNS rebinding) has the browser send that name in the ``Host`` header;
    a server that looks at it first cannot be reached so.

    >>> is_this_machine("localhost:8765"), is_this_machine("evil.example:8765"), is_this_machine(None)
    (True, False, False)
    """
    return host is not None and _NAMES.fullmatch(host) is not None
