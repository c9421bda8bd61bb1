"""HTTP clients and how they are made: the one place that knows httpx, TLS and proxies.

Clients are made late, on the first request. The loopback gets one that knows no proxy and makes no TLS
context; all other hosts share one context per process. Answers are read piece by piece, unpacked under a size
limit, so that neither an endless body nor a small one that unpacks to gigabytes fills the memory.
"""

import logging
import os
import weakref
import zlib
from collections.abc import Callable
from functools import cache, lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, TypeVar

from codat_notebook.client.wire import Failure, Request
from codat_notebook.models.secret import Secret

if TYPE_CHECKING:
    import ssl

    import httpx

MAX_BODY: Final = 64 * 1024 * 1024
_CHUNK: Final = 64 * 1024
#: Other ways to pack a body that there are.
_PACKINGS: Final = ("br", "compress", "zstd")
#: Loggers of httpx and httpcore that tell what servers send.
_LOGGERS: Final = (
    "httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy", "httpcore.socks",
)  # fmt: skip


class BadBody(Exception):
    """A body that is not read to its end: ``fatal`` if another try would give the same."""

    def __init__(self, text: str, *, fatal: bool = False) -> None:
        super().__init__(text)
        self.fatal = fatal


class Unusable(Exception):
    """The environment names certificates or a proxy that cannot be used."""


class _MaskKeys(logging.Filter):
    """httpcore logs the headers of answers, httpx the first line: keys that come back in them are masked."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: weakref.WeakValueDictionary[int, Secret] = weakref.WeakValueDictionary()

    def filter(self, record: logging.LogRecord) -> bool:
        told = text = record.getMessage()
        for known in self.keys.valuerefs():
            if (secret := known()) is not None:
                text = secret.scrub_text(text)
        if text is not told:
            record.msg, record.args = text, None
        return True


_masking: Final = _MaskKeys()


def mask_in_logs(secret: Secret) -> None:
    """Have the key masked in what httpx and httpcore log, as long as it lives."""
    _masking.keys[id(secret)] = secret
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_masking)


#: What is no exception of httpx and means the same: there is no whole answer.
REFUSALS: Final = (BadBody, Unusable)


@cache
def tls_context() -> "ssl.SSLContext":
    """The process's TLS context: the bundle that the environment names, else the operating system's store if
    truststore is installed, else certifi's.

    Raises:
        Unusable: the bundle cannot be read.
    """
    import httpx

    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if bundle := os.environ.get(name):
            return _believing(name, bundle)
    if find_spec("truststore") is not None:
        import ssl

        # An extra: the operating system's own store, which knows the certificates of company proxies.
        made: ssl.SSLContext = import_module("truststore").SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return made
    return httpx.create_ssl_context()


def _believing(name: str, bundle: str) -> "ssl.SSLContext":
    import ssl

    directory = name == "SSL_CERT_DIR" or os.path.isdir(bundle)  # the former may be several, with a separator
    try:
        return ssl.create_default_context(cafile=None if directory else bundle, capath=bundle if directory else None)
    except OSError as error:  # ssl's own are of this kind
        raise Unusable(f"{name} is {bundle}, where no certificates can be read ({error.strerror or error})") from None


C = TypeVar("C")


def client(kind: Callable[..., C], loopback: bool) -> C:
    """An httpx client, sync or async.

    Raises:
        Unusable: the environment names a proxy or certificates that cannot be used.
    """
    import httpx

    limits = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30.0)
    # verify=False makes no context; this client is only ever used for http:// on this machine.
    trust: dict[str, Any] = {"verify": False, "trust_env": False} if loopback else {"verify": tls_context()}
    try:
        return kind(limits=limits, follow_redirects=False, timeout=None, **trust)
    except ImportError as error:
        raise Unusable(f"the proxy that {_proxies()} names cannot be used: {error}") from None
    except (ValueError, httpx.InvalidURL):  # whose texts quote the address, which may hold a password
        raise Unusable(
            f"the proxy that {_proxies()} names cannot be used: its address must begin with http:// or https:// (with "
            "httpx[socks] also socks5://), and a password in it must be percent-encoded"
        ) from None


def _proxies() -> str:
    """The variables that name a proxy."""
    names = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
    used = [name for name in names if os.environ.get(name) or os.environ.get(name.lower())]
    return " or ".join(used) or "the system"


def transport_for(client: Any, request: "httpx.Request") -> Any:
    """The transport that a client of ours has for an address: direct, or the proxy that the environment names.

    What a client does around its transports (cookies, redirects, hooks, lines in its log) is a fifth of a call's cost
    and nothing that we want. httpx has no public name for the choice; the tests of proxies notice if it moves.
    """
    return client._transport_for_url(request.url)


def failure(error: BaseException, sent: float, received: float) -> Failure:
    """What an exception of httpx means: did the request leave, and can trying again help?"""
    import httpx

    if isinstance(error, Unusable):
        return Failure(True, str(error), sent, received, fatal=True)
    if isinstance(error, BadBody):
        return Failure(False, str(error), sent, received, error.fatal, refused=True)
    unsent = isinstance(
        error,
        httpx.ConnectError
        | httpx.ConnectTimeout
        | httpx.PoolTimeout
        | httpx.ProxyError
        | httpx.UnsupportedProtocol
        | httpx.LocalProtocolError
        | httpx.InvalidURL,
    )
    fatal = isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError | httpx.InvalidURL)
    return Failure(unsent, _words(error), sent, received, fatal)


def _words(error: BaseException) -> str:
    import httpx

    said = str(error).strip()
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return f"timed out ({type(error).__name__})"
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return f"{said} - behind a company proxy, name its certificates in SSL_CERT_FILE or pip install truststore"
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


class Body:
    """Collects a body piece by piece, unpacking it, and refuses what grows beyond the limit."""

    def __init__(self, encoding: str, limit: int = MAX_BODY) -> None:
        name = encoding.strip().lower()
        if name not in ("", "identity", "gzip", "x-gzip", "deflate"):
            way = f"as {name!r}" if name in _PACKINGS else "in an unknown way"  # which may be anything, an echo too
            raise BadBody(f"it is packed {way}", fatal=True)
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32) if name not in ("", "identity") else None
        self._parts: list[bytes] = []
        self._left = limit

    def add(self, piece: bytes) -> None:
        """Take in a piece as it came."""
        if self._inflate is None:
            self._keep(piece)
            return
        try:
            while piece:
                self._keep(self._inflate.decompress(piece, _CHUNK * 16))
                piece = self._inflate.unconsumed_tail
        except zlib.error as error:
            raise BadBody(f"it is damaged ({error})") from None

    def _keep(self, part: bytes) -> None:
        self._left -= len(part)
        if self._left < 0:
            raise BadBody("it is larger than anything that Codat sends", fatal=True)
        self._parts.append(part)

    def whole(self) -> bytes:
        """All of it.

        Raises:
            BadBody: a packed body ended early.
        """
        if self._inflate is not None and self._parts and not self._inflate.eof:
            raise BadBody("it ended early")
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)


@lru_cache(maxsize=512)
def address(text: str) -> "httpx.URL":
    """An address, taken apart once: following a refresh asks the same few over and over."""
    import httpx

    return httpx.URL(text)


def timeouts(seconds: float) -> dict[str, float]:
    """The time-outs of the parts of one request. Those before anything is sent end before the whole does, so that
    it is known that nothing was sent; the connection gets at most 10 s."""
    before = 0.9 * seconds
    return {"connect": min(before, 10.0), "read": seconds, "write": seconds, "pool": before}


def headers(request: Request) -> dict[str, str]:
    """The headers of a request, without the key."""
    made = {"accept": "application/json", "accept-encoding": "gzip", "user-agent": "codat-notebook"}
    for name, text in request.headers:
        made[name.lower()] = text
    if request.method == "POST":
        made.setdefault("content-length", "0")
    return made


def heard(response: "httpx.Response") -> dict[str, str]:
    """The headers of an answer, by lower-case name."""
    return {name.decode("latin-1").lower(): text.decode("latin-1") for name, text in response.headers.raw}
