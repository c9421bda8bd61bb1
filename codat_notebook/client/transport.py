"""What requests and answers are on the wire: addresses, headers, certificates, bodies, and what a failure means.

httpx and httpcore are imported late, on the first request. Answers are read piece by piece, unpacked under a size
limit, so that neither an endless body nor a small one that unpacks to gigabytes fills the memory.
"""

import logging
import os
import weakref
import zlib
from functools import cache, lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from codat_notebook.client.wire import Failure, Request
from codat_notebook.models.secret import Secret

if TYPE_CHECKING:
    import ssl

    import httpcore
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
        for reference in self.keys.valuerefs():
            if (secret := reference()) is not None:
                text = secret.scrub_text(text)
        if text is not told:
            record.msg = text
            record.args = None
        return True


_masking: Final = _MaskKeys()


def mask_in_logs(secret: Secret) -> None:
    """Have the key masked in what httpx and httpcore log, as long as it lives."""
    _masking.keys[id(secret)] = secret
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_masking)


@cache
def tls_context() -> "ssl.SSLContext":
    """The process's TLS context: the bundle that the environment names, else the operating system's store if
    truststore is installed, else certifi's.

    Raises:
        Unusable: the bundle cannot be read.
    """
    import httpx

    if log := os.environ.get("SSLKEYLOGFILE"):  # Python writes it with every context
        try:
            open(log, "a", encoding="utf-8").close()
        except OSError as error:
            raise Unusable(
                f"SSLKEYLOGFILE is {log}, which cannot be written ({error.strerror or error}): unset it, or name a "
                "file that you may write to"
            ) from None
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


@cache
def no_answer() -> tuple[type[Exception], ...]:
    """What is raised where no whole answer came: by httpcore, by a client of the user's own, and here."""
    import httpcore
    import httpx

    return (
        BadBody,
        TimeoutError,
        Unusable,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.ProxyError,
        httpcore.TimeoutException,
        httpcore.UnsupportedProtocol,
        httpx.HTTPError,
        httpx.InvalidURL,
        httpx.StreamError,
    )


#: Exceptions of httpcore, and those of httpx with the same names: another try would fail as well.
_FATAL: Final = frozenset({"InvalidURL", "LocalProtocolError", "UnsupportedProtocol"})
#: And these: nothing was sent.
_UNSENT: Final = _FATAL | {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError"}


def failure(error: BaseException, sent: float, received: float) -> Failure:
    """What an exception means: did the request leave, and can trying again help?"""
    if isinstance(error, Unusable):
        return Failure(True, str(error), sent, received, fatal=True)
    if isinstance(error, BadBody):
        return Failure(False, str(error), sent, received, error.fatal, refused=True)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return Failure(bool(kinds & _UNSENT), _words(error, kinds), sent, received, bool(kinds & _FATAL))


def _words(error: BaseException, kinds: set[str]) -> str:
    text = str(error).strip()
    if kinds & {"TimeoutException", "TimeoutError"}:
        return f"timed out ({type(error).__name__})"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return f"{text} - behind a company proxy, name its certificates in SSL_CERT_FILE or pip install truststore"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


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
def address(text: str) -> "tuple[httpcore.URL, bytes]":
    """An address and its ``Host``, taken apart once: following a refresh asks the same few over and over."""
    import httpx

    url = httpx.URL(text)
    return core_url(url), url.netloc


def core_url(url: "httpx.URL") -> "httpcore.URL":
    """An address of httpx for httpcore."""
    import httpcore

    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


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
        made.setdefault("content-length", str(len(request.body)))
    if request.body:
        made["content-type"] = "application/json"
    return made


def heard(response: Any) -> dict[str, str]:
    """The headers of an answer, of httpcore's or of httpx's, by lower-case name."""
    pairs = getattr(response.headers, "raw", response.headers)
    return {name.decode("latin-1").lower(): text.decode("latin-1") for name, text in pairs}
