"""The API as bytes, with no I/O: build a request, read an answer into a value or an error, keep the key out of both.

A driver sends a :class:`Request` and gives back an :class:`Answer`, or a :class:`Failure` that says whether
the request ever left. Everything that a flow decides, it decides on these three.
"""

import contextlib
import ipaddress
import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Literal, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from codat_notebook.client import reading
from codat_notebook.models import errors
from codat_notebook.models.secret import Secret

T = TypeVar("T")
#: The statuses for which Codat documents its own body.
DOCUMENTED: Final = frozenset({400, 401, 402, 403, 404, 429, 500, 503})
#: A network that wants a login first answers so, in place of whoever was asked.
LOGIN: Final = 511
_GAP: Final = re.compile(r"[\s{}]")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SECRET_HEADERS: Final = frozenset({"authorization", "proxy-authorization", "cookie"})


class Request(msgspec.Struct, frozen=True):
    """One HTTP request. ``base`` is the server, ``path`` quoted and absolute; the key is added where it is
    sent. ``timeout`` is what the caller allows for it, ``within`` what is left of the call's budget (seconds). A
    ``body`` is JSON.
    """

    method: Literal["GET", "POST"]
    path: str
    query: tuple[tuple[str, str], ...] = ()
    base: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    timeout: float | None = None
    company: str | None = None
    within: float | None = None
    body: bytes = b""

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{urlencode(self.query, quote_via=quote)}" if self.query else self.path

    @property
    def url(self) -> str:
        """The whole address."""
        return self.base + self.target

    def __repr__(self) -> str:
        return f"Request({self.method} {self.base}{self.target})"


class Answer(msgspec.Struct, frozen=True):
    """An answer that came in whole; ``sent`` and ``received`` are monotonic seconds."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent: float
    received: float


class Failure(msgspec.Struct, frozen=True):
    """No whole answer. ``unsent``: the request surely never left; ``fatal``: trying again cannot help.

    ``refused`` says that it is we who stopped reading: the answer is too large or damaged.
    """

    unsent: bool
    error: str
    sent: float
    received: float
    fatal: bool = False
    refused: bool = False


Outcome = Answer | Failure


def path(template: str, **parts: str) -> str:
    """Fill a path template, each part quoted.

    >>> path("/companies/{company_id}/data/queue/{data_type}", company_id="a/b", data_type="bills")
    '/companies/a%2Fb/data/queue/bills'
    """
    return template.format(**{name: quote(str(part), safe="") for name, part in parts.items()})


def server(url: str, *, secrets: Sequence[Secret] = (), allow_insecure: bool = False) -> str:
    """Check the address of a server, and return it without a trailing slash.

    Raises:
        errors.ConfigurationError: it has no scheme or host, holds one of the ``secrets``, or would send the key in the
            clear. The message does not show it: what was taken for an address may be a key.
    """
    if not isinstance(url, str):
        raise errors.ConfigurationError(f"The server address must be text, not {type(url).__name__}.")
    try:
        parts = urlsplit(url.strip())
        readable = parts.port != 0 and not _GAP.search(parts.netloc)
        if (parts.hostname or "").isascii():
            (parts.hostname or "").encode("idna")  # refuses parts of a name that are empty or too long
    except ValueError:  # urlsplit refuses an address, .port a port
        readable = False
    if not readable:
        raise errors.ConfigurationError("The server address is not a valid address: check its host and port.")
    if any(secret.is_in(url) for secret in secrets):
        raise errors.ConfigurationError("The server address contains the API key, which belongs only in the key.")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise errors.ConfigurationError("The server address must hold no user name, query or fragment.")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise errors.ConfigurationError(
            "This is not a server address: write it with its scheme, for example https://api.codat.io. "
            "It is not shown here, for it may be a key in the wrong place."
        )
    if parts.scheme == "http" and not is_loopback(url) and not allow_insecure:
        raise errors.ConfigurationError(
            "This server address would send the API key unencrypted to another machine. "
            "Use https, or pass allow_insecure=True."
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def headers(given: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    """Check headers that a caller adds.

    Raises:
        errors.InvalidRequestError: a name or value that would break the request apart. The value is not shown.
    """
    if not given:
        return ()
    pairs = tuple((str(name), str(text)) for name, text in given.items())
    for name, text in pairs:
        if not _HEADER_NAME.fullmatch(name):
            raise errors.InvalidRequestError("http_headers: one of the names is not a header name. Nothing was sent.")
        if not text.isascii() or not text.isprintable():
            raise errors.InvalidRequestError(f"http_headers: {name[:40]!r} cannot be sent. Nothing was sent.")
    return pairs


@lru_cache(maxsize=64)
def is_loopback(url: str) -> bool:
    """Whether this address is on this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def error(request: Request, outcome: Outcome) -> errors.CodatLendingError:
    """The exception for an outcome that is no answer, an error, or a 2XX answer that cannot be read."""
    where = f"{request.method} {request.path}"
    if isinstance(outcome, Failure):
        if outcome.refused:
            return errors.ResponseValidationError(f"The answer to {where} was not read: {outcome.error}")
        lost = errors.NoResponseError(f"No answer from {request.base} to {where}: {outcome.error}")
        lost.sent = not outcome.unsent
        return lost
    if outcome.status < 300:
        return unreadable(request, outcome)
    data = _error_data(outcome.body)
    told = data.error if data else None
    explanation = told or _extract(outcome.body) or "no explanation"
    hint = " ".join(errors.ADVICE.get(outcome.status, ()))
    if told and outcome.status == 404:
        hint = ""  # Codat says what it does not know; it may be a data type, not an id
    elif 300 <= outcome.status < 400:
        hint = "Redirects are not followed, so that the key goes to no other host: check server_url."
    text = f"{outcome.status} from Codat for {where}: {explanation}"
    text = " ".join(filter(None, (text if text.endswith((".", "!")) else text + ".", hint)))
    correlation = data.correlation_id if data else None
    if correlation:
        text += f" (correlation id {correlation})"
    body = outcome.body.decode("utf-8", "replace")
    raw = detached(request, outcome)
    if data is not None and outcome.status in DOCUMENTED:
        return errors.ErrorMessage(data, raw, body, outcome.status, outcome.headers, message=text)
    refused = errors.SDKError(text, raw, body, outcome.status, outcome.headers)
    refused.correlation_id = correlation
    return refused


def value(request: Request, answer: Answer, kind: type[T]) -> T:
    """Read a 2XX answer.

    Raises:
        errors.ResponseValidationError: it cannot be read.
    """
    try:
        return reading.read(answer.body, kind)
    except reading.Unreadable as complaint:
        failed = unreadable(request, answer, str(complaint))
    raise failed


def unreadable(request: Request, answer: Answer, complaint: str = "") -> errors.ResponseValidationError:
    """The exception for a 2XX answer that cannot be read."""
    if answer.body.lstrip()[:1] == b"<":
        complaint = "an HTML page instead of Codat's answer: a login page of your network?"
    return errors.ResponseValidationError(
        f"The answer to {request.method} {request.path} (status {answer.status}) cannot be read",
        detached(request, answer),
        ValueError(complaint) if complaint else None,
        answer.body.decode("utf-8", "replace"),
        answer.status,
        answer.headers,
    )


def correlation_id(outcome: Outcome) -> str | None:
    """What Codat's support asks for, if the answer is an error that holds it."""
    if isinstance(outcome, Failure) or outcome.status < 400:
        return None
    data = _error_data(outcome.body)
    return data.correlation_id if data else None


def detached(request: Request, answer: Answer) -> Any:
    """The answer as an ``httpx.Response`` of its own: no connection, and a request without the key."""
    import httpx

    plain = {name: text for name, text in request.headers if name.lower() not in _SECRET_HEADERS}
    # The body is decoded already; the headers that speak of its encoding would have httpx decode it again.
    encoding = ("content-encoding", "content-length", "transfer-encoding")
    headers = [
        (name.encode("utf-8", "replace"), text.encode("utf-8", "replace"))  # httpx takes text in ASCII only
        for name, text in answer.headers.items()
        if name.lower() not in encoding
    ]
    return httpx.Response(
        answer.status,
        headers=headers,
        content=answer.body,
        request=httpx.Request(request.method, request.url, headers=plain),
    )


def _error_data(body: bytes) -> errors.ErrorMessageData | None:
    """Codat's own words, if that is what the body holds."""
    if body.lstrip()[:1] != b"{":
        return None
    try:
        data = reading.read(body, errors.ErrorMessageData)
    except reading.Unreadable:
        return None
    return data if data != errors.ErrorMessageData() else None


def _extract(body: bytes) -> str:
    """The beginning of a body that is not Codat's own form, on one line."""
    text = " ".join(body[:2000].decode("utf-8", "replace").split())
    if text[:1] in ("{", "["):
        with contextlib.suppress(ValueError, RecursionError):  # what only looks like JSON stays as it is
            text = json.dumps(json.loads(body), ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:197]}..."
