"""What a session remembers of its requests and errors: bounded logs in memory, and errors in plain words.

An :class:`ErrorRecord` says what happened, to what, why, and what to do. It is made from an exception of the client
(:func:`from_exception`) or from a pull operation that ended in a failure (:func:`from_operation`), so that both stand
in one table. The logs keep the newest entries and tell their observers of each new one; the channel ``codat_notebook``
of :mod:`logging` is told the same. Nothing here ever holds the key.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Generic, TypeVar

from codat_notebook.diagnosis import diagnose
from codat_notebook.models import errors
from codat_notebook.models.instants import instant
from codat_notebook.models.shared import Connection, PullOperation
from codat_notebook.models.status import is_running
from codat_notebook.models.vocabulary import plain_name

logger = logging.getLogger("codat_notebook")
logger.addHandler(logging.NullHandler())  # who wants the log configures it; a notebook's output stays clean

R = TypeVar("R")

#: Entries kept per log: enough for a day of clicking, little enough for a kernel that lives for weeks.
KEPT = 2_000
_QUEUED = {
    "no": " Nothing was queued.",
    "unknown": " It may have been queued anyway: check the history before you refresh it again.",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """To what something happened; the parts that are known."""

    company_id: str | None = None
    connection_id: str | None = None
    data_type: str | None = None
    platform: str | None = None
    link_url: str | None = None
    #: The company's name.
    company: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRecord(Subject):
    """One thing that went wrong: a row of ``session.errors``."""

    time: datetime
    what: str
    why: str
    action: str
    status: str | None = None
    retry_at: datetime | None = None
    correlation_id: str | None = None
    operation_id: str | None = None
    cause: str | None = None
    retry: str | None = None
    who: str | None = None
    rule: str | None = None
    source: str | None = None


class RefreshError(errors.CodatLendingError):
    """A refresh that did not complete. ``records`` are what went wrong in it; what the first one says, the error says:
    ``action``, ``retry_at``, ``correlation_id`` and, where it was an answer, ``status_code``."""

    def __init__(self, total: str, records: Sequence[ErrorRecord]) -> None:
        first = next(iter(records), None)
        told = [] if first is None else [_sentence(first.what), _sentence(first.why), first.action]
        super().__init__(" ".join([*told, total]))
        self.records = tuple(records)
        if first is not None:
            self.status_code = int(first.status) if first.status and first.status.isdecimal() else 0
            self.action = first.action
            self.retry_at = first.retry_at
            self.correlation_id = first.correlation_id


class Log(Generic[R]):
    """The newest records, oldest first. Appending is thread-safe; observers are called by the thread that appends."""

    def __init__(self, kept: int = KEPT) -> None:
        self._records: deque[R] = deque(maxlen=kept)
        self._observers: list[Callable[[R], object]] = []
        #: How many records there have ever been, those that are no longer kept included.
        self.appended = 0

    def append(self, record: R) -> None:
        """Add a record and tell the observers."""
        self._records.append(record)
        self.appended += 1
        for observer in tuple(self._observers):
            observer(record)

    def observe(self, observer: Callable[[R], object]) -> Callable[[], None]:
        """Have ``observer`` called with each new record; returns the function that ends it."""
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def __iter__(self) -> Iterator[R]:
        return iter(tuple(self._records))

    def __len__(self) -> int:
        return len(self._records)


def _advice(error: errors.CodatLendingError) -> tuple[str, str]:
    said = errors.shown(error.message)  # without the time to try again, which the action tells
    if error.action is not None:
        return said, error.action
    if error.status_code == 404 and "not supported by platform" in said:
        return "The platform has no such data.", "Leave this data type out, or choose another connection."
    if error.status_code in errors.ADVICE:
        return errors.ADVICE[error.status_code]
    if (error.status_code or 0) >= 500:
        return "Codat had an internal error.", "Try again in a few minutes."
    if isinstance(error, errors.NoResponseError):
        return said, "Check the network and the address, then try again."
    if isinstance(error, errors.ResponseValidationError):
        return (
            "The answer does not look like Codat's.",
            "Check the address, and that no proxy answers instead.",
        )
    return said, "Correct what the message points out and try again."


def _sentence(text: str) -> str:
    return text if not text or text[-1] in ".!?…" else f"{text}."


def from_exception(error: Exception, what: str, now: datetime, subject: Subject | None = None) -> ErrorRecord:
    """An exception in plain words. ``what`` is the action that failed, as a sentence without its full stop."""
    told = error if isinstance(error, errors.CodatLendingError) else errors.CodatLendingError(str(error))
    why, action = _advice(told)
    if told.retry_at is not None and told.queued != "unknown":  # then it is a look of ours that is due
        action = f"Try again at {told.retry_at:%Y-%m-%dT%H:%M:%SZ}."
    detail = getattr(getattr(error, "data", None), "error", None)  # Codat's own words
    return ErrorRecord(
        time=now,
        what=what,
        why=f"{_sentence(why)} Codat says: {_sentence(detail)}" if detail and detail not in why else _sentence(why),
        action=action + _QUEUED.get(told.queued or "", ""),
        status=str(told.status_code or type(error).__name__),
        retry_at=told.retry_at,
        correlation_id=told.correlation_id,
        **asdict(subject or Subject()),
    )


def from_operation(
    operation: PullOperation, connection: Connection | None, history: Sequence[PullOperation], now: datetime,
    company: str | None = None,
) -> ErrorRecord:  # fmt: skip
    """A pull operation that failed or waits: its cause, its remedy, and the relink URL where that is the way; given its
    connection, as far as known, other operations of the company, and the company's name."""
    advice = diagnose(operation, connection, history, now=now)
    platform = connection.platform_name if connection else None
    message = operation.error_message or operation.status_description or ""
    message = "" if repeats(message, advice.cause, platform) else message
    ended = instant(operation.completed) or now
    return ErrorRecord(
        time=ended,
        what=_not_refreshed(operation, platform),
        why=" ".join(filter(None, (advice.cause, message))),
        action=advice.action,
        status=operation.status,
        data_type=operation.data_type,
        platform=platform,
        retry_at=advice.due(ended) if advice.retry == "later" else None,
        link_url=connection.link_url if connection and advice.relink else None,
        operation_id=operation.id,
        connection_id=operation.connection_id,
        company_id=operation.company_id,
        company=company,
        cause=advice.cause,
        retry=advice.retry,
        who=advice.who,
        rule=advice.rule,
        source=advice.source,
    )


def repeats(message: str, cause: str | None, platform: str | None) -> bool:
    """Whether what Codat says of an operation is its cause once more, with the platform's name in it.

    >>> repeats("Xero has no such data.", "The platform has no such data.", "Xero")
    True
    """
    plain = message.replace(platform, "the platform") if platform else message
    return plain.strip(" .").casefold() == (cause or "").strip(" .").casefold()


def _not_refreshed(operation: PullOperation, platform: str | None) -> str:
    """Right of names in the singular and in the plural."""
    source = f" from {platform}" if platform else ""
    yet = " yet" if is_running(operation.status, operation.completed) else ""
    return f"{plain_name(operation.data_type)} could not be refreshed{source}{yet}"


def log_error(log: Log[ErrorRecord], record: ErrorRecord) -> ErrorRecord:
    """Append a record to a log and to the logging channel."""
    logger.warning("%s: %s %s", *map(errors.shown, (record.what, record.why, record.action)))
    log.append(record)
    return record
