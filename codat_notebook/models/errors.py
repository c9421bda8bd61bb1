"""What goes wrong, as exceptions. The tree (the first five are the official SDK's)::

    CodatLendingError             everything below; .message .status_code .headers .body .raw_response
    ├── ErrorMessage              400 401 402 403 404 429 500 503 with Codat's own body: .data
    ├── SDKError                  any other 3XX, 4XX or 5XX, and bodies that are not Codat's
    ├── NoResponseError           no answer came: refused, timed out, broken off
    ├── ResponseValidationError   an answer that cannot be read: .cause
    ├── InvalidRequestError       an id, data type or parameter that is never sent; also a ValueError
    ├── ConfigurationError        a server address or key that cannot be right; also a ValueError
    ├── ReadOnlyError             a POST through a client that was made with read_only=True
    └── NotAvailableError         a part of codat-lending that is not here; also an AttributeError

A run's ``runs.RefreshError`` is one, too. Errors of the two calls that queue say in ``.queued`` whether an operation
may exist: ``"no"`` or ``"unknown"``. Where waiting was asked for longer than the budget, ``.retry_at`` says when to try
again; where it is not known whether something was queued, when the same call may find out: it looks first. All can be
pickled.

A verbose traceback (``%xmode Verbose``, rich, ``pytest --showlocals``) prints the variables of every frame that an
error passed. Where those may be a key, the error leaves without its frames: :func:`bare`, :func:`hides_arguments`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import wraps
from importlib import import_module
from typing import Any, Final, Literal, ParamSpec, TypeVar

from codat_notebook.models.base import Model

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E", bound=BaseException)
Queued = Literal["no", "unknown"]
#: HTTP status -> what it means and what to do, where the answer itself is no help.
ADVICE: Final = {
    401: ("Codat did not accept the key.", "Check the key and connect again."),
    402: ("The Codat plan does not include this.", "Ask your Codat account manager."),
    403: ("This key is not allowed to do this.", "Use a key with the right permissions."),
    404: (
        "Codat finds nothing under this id.",
        "Check the id: it may be of another account, or deleted.",
    ),
    451: ("Codat may not read this platform for legal reasons.", "Ask your Codat account manager."),
    511: ("Your network wants you to log in first.", "Log in to it in a browser, then try again."),
    429: ("Codat's limit on requests is reached.", "Wait, then try again."),
}


#: Control characters (C0, DEL, C1), ends of lines and paragraphs, changes of direction, invisible tags.
_STEERING: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]"
)


class Headers(Mapping[str, str]):
    """The headers of an answer: a read-only mapping that ignores upper and lower case."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, str] | None = None) -> None:
        self._items = {str(k).lower(): str(v) for k, v in (items or {}).items()}

    def __getitem__(self, key: str) -> str:
        return self._items[key.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"Headers({self._items!r})"


def shown(text: str) -> str:
    """A text of a third party on one line, for terminals and logs: what could steer them is written out.

    >>> shown("Toft\\x1b[31m\\nStores")
    'Toft\\\\x1b[31m Stores'
    """
    return text if text.isprintable() else _STEERING.sub(_written_out, text)


def _written_out(match: re.Match[str]) -> str:
    return " " if match[0].isspace() and match[0] < "\x1c" else match[0].encode("unicode_escape").decode("ascii")


class CodatLendingError(Exception):
    """Whatever this client raises. ``message`` says what happened, to what, and what to do."""

    #: Whether an operation may have been queued all the same; None where nothing was to be queued.
    queued: Queued | None = None
    #: When to try again (UTC), where the server asked for a longer pause than the budget allows, or where ``queued`` is
    #: ``"unknown"``: then the same call looks for it first, and may say "unknown" once more, with a later time.
    retry_at: datetime | None = None
    #: What to do, where more is known than the status tells.
    action: str | None = None
    #: What Codat's support asks for.
    correlation_id: str | None = None

    def __init__(
        self,
        message: str,
        raw_response: Any = None,
        body: str | None = None,
        status_code: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.raw_response = raw_response
        self.status_code = status_code or getattr(raw_response, "status_code", 0)
        self.body = body if body is not None else getattr(raw_response, "text", "")
        self.headers = Headers(headers if headers is not None else getattr(raw_response, "headers", None))

    def __str__(self) -> str:
        if self.retry_at is None or self.queued == "unknown":  # then it is when to look
            return shown(self.message)
        at = f"Try again at {self.retry_at:%Y-%m-%dT%H:%M:%SZ}."
        return shown(self.message if at in self.message else f"{self.message} {at}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (type(self), self.args, self.__dict__)


def _revive(cls: type[CodatLendingError], args: tuple[Any, ...], state: dict[str, Any]) -> CodatLendingError:
    """Rebuild a pickled error without running constructors, whose parameters differ."""
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class ErrorValidationItem(Model, frozen=True, kw_only=True):
    """One finding about one record: what is wrong (``message``), with what, and the rule that says so."""

    item_id: str | None = None
    message: str | None = None
    validator_name: str | None = None
    rule_id: str | None = None


class ErrorValidation(Model, frozen=True, kw_only=True):
    """Findings about data or about a request."""

    errors: list[ErrorValidationItem] | None = None
    warnings: list[ErrorValidationItem] | None = None


class ErrorMessageData(Model, frozen=True, kw_only=True):
    """Codat's own words about an error. Where ``status_code`` contradicts the answer's, the answer is right."""

    status_code: int | None = None
    service: str | None = None
    error: str | None = None
    correlation_id: str | None = None
    validation: ErrorValidation | None = None
    can_be_retried: str | None = None
    detailed_error_code: int | None = None


class ErrorMessage(CodatLendingError):
    """Codat refused, and said why: ``data`` holds its words, ``data.correlation_id`` is for its support."""

    def __init__(
        self,
        data: ErrorMessageData,
        raw_response: Any = None,
        body: str | None = None,
        status_code: int | None = None,
        headers: Mapping[str, str] | None = None,
        message: str | None = None,
    ) -> None:
        super().__init__(message or body or str(data), raw_response, body, status_code, headers)
        self.data = data
        self.correlation_id = data.correlation_id


class SDKError(CodatLendingError):
    """An answer that is an error, in a form that Codat does not document."""


class NoResponseError(CodatLendingError):
    """No answer came. ``sent`` is False where the request surely never left, so that nothing happened."""

    sent: bool = True

    def __init__(self, message: str = "No response received") -> None:
        super().__init__(message)


class ResponseValidationError(CodatLendingError):
    """A 2XX answer that cannot be read; ``cause`` is the reader's complaint."""

    def __init__(
        self,
        message: str,
        raw_response: Any = None,
        cause: Exception | None = None,
        body: str | None = None,
        status_code: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        full = f"{message}: {cause}" if cause is not None else message
        super().__init__(full, raw_response, body, status_code, headers)
        self.cause = cause


class InvalidRequestError(CodatLendingError, ValueError):
    """The request cannot be right, so it was not sent: an id of another form, an unknown parameter."""


class ConfigurationError(CodatLendingError, ValueError):
    """The client cannot work like this: no or a malformed key, an address that would expose it."""


class ReadOnlyError(CodatLendingError):
    """The client was made with ``read_only=True``; nothing was sent."""


class NotAvailableError(CodatLendingError, AttributeError):
    """This part of Codat's API is left to the official SDK."""


def get_extra(what: str, extra: str) -> str:
    """What is not installed, and how to get it. The command is right for a wheel and for a checkout alike."""
    return (
        f"{what} is not installed in this Python environment. It comes with the extra {extra!r}: "
        f"run  python -m pip install 'codat-notebook[{extra}]'"
    )


def needed(module: str, extra: str) -> Any:
    """Import a module that an extra brings; where it is missing, ``ModuleNotFoundError`` says how to get it."""
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(get_extra(module.partition(".")[0], extra), name=missing.name) from None


def bare(error: E) -> E:
    """An error without the frames that it passed through and the errors behind it."""
    error.__context__ = error.__cause__ = None
    return error.with_traceback(None)


def hides_arguments(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function that takes a key: its ``ConfigurationError`` comes from a frame that holds nothing.

    Other errors keep their frames, for they are bugs to be found; this one no longer holds the arguments then.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except ConfigurationError as error:
            problem = bare(error)
        except BaseException:
            del args, kwargs
            raise
        del args, kwargs
        raise problem

    return call


__all__ = [
    "CodatLendingError", "ConfigurationError", "ErrorMessage", "ErrorMessageData", "ErrorValidation",
    "ErrorValidationItem", "Headers", "InvalidRequestError", "NoResponseError", "NotAvailableError",
    "ReadOnlyError", "ResponseValidationError", "SDKError",
]  # fmt: skip
