"""Codat's webhook events: whether one is genuine, what it says, and whether it was heard before.

:func:`verify` checks the Standard Webhooks signature that Codat sends, :func:`read` gives the :class:`Event` as well,
:func:`parse` reads one that needs no proof (a stored one, one of ``sandbox.events``). Events come late, twice, out of
order or never: an :class:`Inbox` knows them again, and no event names the operation that it speaks of. It says where
to look; Codat's history stays the truth. ``receiver`` answers deliveries. Nothing here needs pandas.

``standardwebhooks`` does the same arithmetic, with the machine's clock, one secret and one tolerance built in, and
raises untyped errors for malformed headers: what would be left of it is one call of ``hmac``.
"""

import base64
import hmac
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, NoReturn

import msgspec

from codat_notebook.forking import Lock
from codat_notebook.models.errors import ConfigurationError, Headers, hides_arguments
from codat_notebook.models.instants import instant, interval
from codat_notebook.models.secret import MASK

#: How far a delivery's time may be from now: Codat names no tolerance, and this is the specification's.
TOLERANCE: Final = timedelta(minutes=5)
_PREFIX: Final = "whsec_"
#: Rule types of before 2025 (written with and without blanks) -> what they say of the status and of changes.
_LEGACY_READS: Final = {
    "datasynccompleted": ("", None),
    "datasetdatachanged": ("Complete", True),
    "datasyncstatuschangedtoerror": ("", None),
}


class EventError(ValueError):
    """A delivery that is not taken. ``status`` is the HTTP status to answer with."""

    status: ClassVar[int] = 401


class MissingHeaderError(EventError):
    """``webhook-id``, ``webhook-timestamp`` or ``webhook-signature`` is missing, or cannot be one."""

    status = 400


class SignatureError(EventError):
    """No signature matches: another secret, a changed body, or not from Codat."""


class StaleTimestampError(EventError):
    """Genuine, but sent too long ago (or in the future): somebody may have kept it and sends it again."""


class UnreadableEventError(EventError):
    """Genuine, but no event: not JSON, or of a wholly different shape."""

    status = 400


class SigningSecret:
    """What a consumer's deliveries are signed with, in no repr, pickle or traceback.

    Made by :meth:`of` from ``"whsec_..."`` (with or without the prefix), or from several while secrets are rotated.
    """

    __slots__ = ("__keys",)

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self.__keys = keys

    @classmethod
    @hides_arguments
    def of(cls, secret: "str | Sequence[str] | SigningSecret") -> "SigningSecret":
        """Wrap a secret, or several. Raises ``ConfigurationError``, which does not show it."""
        if isinstance(secret, SigningSecret):
            return secret
        try:
            texts = [secret] if isinstance(secret, str) else list(secret)
            bare = [text.strip().removeprefix(_PREFIX).rstrip("=") for text in texts]
            keys = [base64.b64decode(text + "=" * (-len(text) % 4), validate=True) for text in bare]
        except (ValueError, AttributeError, TypeError):
            keys = []
        if not keys or not all(keys):
            raise ConfigurationError(
                "This is not a signing secret: one is 'whsec_' followed by Base64, as the Portal shows it for the "
                "endpoint. It is not shown here."
            )
        return cls(tuple(keys))

    def fits(self, signatures: str, signed: bytes) -> bool:
        """Whether one of the signatures in a header is that of one of the secrets."""
        given = [text[3:].encode("utf-8", "replace") for text in signatures.split() if text.startswith("v1,")]
        made = [base64.b64encode(hmac.digest(key, signed, "sha256")) for key in self.__keys]
        return any(hmac.compare_digest(one, other) for one in made for other in given)

    def __repr__(self) -> str:
        return f"SigningSecret('{_PREFIX}{MASK}')"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a SigningSecret cannot be pickled: give it to the other process in its environment")


@hides_arguments
def verify(
    headers: Mapping[str, str],
    body: bytes | str,
    secret: str | Sequence[str] | SigningSecret,
    *,
    tolerance: str | timedelta = TOLERANCE,
    now: datetime | None = None,
) -> str:
    """Check that a delivery is Codat's and recent; return its ``webhook-id``, which all its attempts share.

    Parameters
    ----------
    headers : those of the request, in any case. ``webhook-signature`` may hold several; one that fits is enough.
    body : exactly as it came: JSON that was read and written again has another signature.
    secret : the endpoint's, or several while it is rotated.
    tolerance : how far ``webhook-timestamp`` may be from ``now``, to either side: a timedelta, or as ``"5min"``.
    now : an aware datetime; the machine's own clock by default.

    Raises
    ------
    EventError : ``MissingHeaderError``, ``SignatureError`` or ``StaleTimestampError``; none shows the secret.
    ConfigurationError : the secret cannot be one.

    The signature is base64(HMAC-SHA256(key, "{id}.{timestamp}.{body}")), as https://www.standardwebhooks.com says.

    >>> verify(  # the example on Codat's page
    ...     {"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
    ...      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
    ...     b'{"test": 2432232314}', "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    ...     now=datetime(2021, 2, 25, 15, 2, 10, tzinfo=UTC))
    'msg_p5jXN8AQM9LWM0D4loKWxJek'
    """
    secret = SigningSecret.of(secret)  # from here on no frame holds its text
    given = Headers(headers)
    names = "webhook-id", "webhook-timestamp", "webhook-signature"
    if missing := [name for name in names if not given.get(name)]:
        raise MissingHeaderError(f"The delivery has no {' and no '.join(missing)}.")
    id, at, signatures = (given[name] for name in names)
    if not (at.isascii() and at.isdigit() and len(at) <= 11):
        raise MissingHeaderError("The delivery's webhook-timestamp is not a number of seconds.")
    raw = body.encode("utf-8", "replace") if isinstance(body, str) else body
    if not secret.fits(signatures, f"{id}.{at}.".encode("utf-8", "replace") + raw):
        raise SignatureError("No signature matches: another secret, a changed body, or a sender that is not Codat.")
    now = now or datetime.now(UTC)
    apart = abs(now.timestamp() - int(at))
    if apart > (interval(tolerance, "tolerance") if isinstance(tolerance, str) else tolerance).total_seconds():
        raise StaleTimestampError(f"The delivery was sent {apart:.0f} s from now, and may be a copy that was kept.")
    return id


class Issue(msgspec.Struct, frozen=True):
    """What Codat remarks on a read. The only type documented by an example is ``warning.validation``."""

    type: str
    message: str
    links: Mapping[str, Any]


class DataTypeRead(msgspec.Struct, frozen=True):
    """How the read of one data type ended. ``status`` is that of a pull operation; ``""`` where it is not told."""

    data_type: str
    connection_id: str | None = None
    status: str = ""
    records_modified: bool | None = None
    issues: tuple[Issue, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether it succeeded; events of the name ``read.completed`` tell failures, too."""
        return self.status == "Complete"

    @property
    def changed(self) -> bool | None:
        """Whether records changed in Codat's cache; ``None`` where the read did not succeed, though it may say so."""
        return self.records_modified if self.complete else None


class Event(msgspec.Struct, frozen=True):
    """One event, of whatever type, known or not. ``body`` is everything as it came.

    ``id`` is the event's, ``message_id`` the delivery's (``webhook-id``; ``None`` where it was not delivered),
    ``generated`` when Codat made it, ``modified_from`` since when records count as modified (``None`` for the first
    read), ``connection_status`` what connection events say. What is not told is ``""``, ``None`` or empty.
    """

    id: str
    type: str
    company_id: str
    body: Mapping[str, Any]
    company_name: str = ""
    generated: datetime | None = None
    modified_from: datetime | None = None
    data_types: tuple[DataTypeRead, ...] = ()
    connection_id: str | None = None
    connection_status: str = ""
    message_id: str | None = None

    def __str__(self) -> str:
        told = [f"{each.data_type} {each.status}{', changed' * bool(each.changed)}" for each in self.data_types]
        told += [f"{self.connection_id} {self.connection_status}"] if self.connection_status else []
        where = self.company_name or self.company_id
        return ": ".join(filter(None, [f"{self.type} of {where}" if where else self.type, "; ".join(told)]))


@hides_arguments
def read(
    headers: Mapping[str, str],
    body: bytes | str,
    secret: str | Sequence[str] | SigningSecret,
    *,
    tolerance: str | timedelta = TOLERANCE,
    now: datetime | None = None,
) -> Event:
    """:func:`verify` a delivery and read it. Raises what ``verify`` does, and ``UnreadableEventError``.

    >>> event = read(request.headers, await request.body(), os.environ["CODAT_WEBHOOK_SECRET"])  # doctest: +SKIP
    """
    secret = SigningSecret.of(secret)  # from here on no frame holds its text
    id = verify(headers, body, secret, tolerance=tolerance, now=now)
    return msgspec.structs.replace(parse(body), message_id=id)


def parse(body: bytes | str | Mapping[str, Any]) -> Event:
    """Read an event without asking for proof. What is unknown is kept in ``body`` and raises nothing; bodies of the
    legacy rules are read as well. Raises ``UnreadableEventError`` for what is no JSON object with a type.

    >>> event = parse({"eventType": "read.completed", "payload": {"referenceCompany": {"id": "c1"}, "dataTypes": [
    ...     {"dataType": "bills", "connectionId": "x1", "status": "FetchError", "recordsModified": True}]}})
    >>> event.company_id, event.data_types[0].complete, event.data_types[0].changed
    ('c1', False, None)
    """
    try:
        told = body if isinstance(body, Mapping) else msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise UnreadableEventError("The body is not JSON.") from None
    if not isinstance(told, Mapping) or not (_text(told, "eventType") or _text(told, "RuleType")):
        raise UnreadableEventError("The body is not an event: it has no type.")
    if not _text(told, "eventType"):
        return _legacy(told)
    payload = _mapping(told, "payload")
    company = _mapping(payload, "referenceCompany")
    connection = _mapping(payload, "connection")
    type = _text(told, "eventType")
    if type.startswith("company."):
        company = company or payload
    rows = payload.get("dataTypes")
    return Event(
        _text(told, "id"), type, _text(company, "id"), told, _text(company, "name"),
        instant(_text(told, "generatedDate")), instant(_text(payload, "modifiedFromDate")),
        tuple(_data_type(row) for row in rows if _text(row, "dataType")) if isinstance(rows, list) else (),
        _text(connection, "id") or _text(payload, "connectionId") or None, _text(connection, "status"),
    )  # fmt: skip


def _data_type(row: Mapping[str, Any]) -> DataTypeRead:
    modified, issues = row.get("recordsModified"), row.get("issues")
    return DataTypeRead(
        _text(row, "dataType"), _text(row, "connectionId") or None, _text(row, "status"),
        modified if isinstance(modified, bool) else None,
        tuple(Issue(_text(each, "type"), _text(each, "message"), _mapping(each, "links")) for each in issues or ())
        if isinstance(issues, list) else (),
    )  # fmt: skip


def _legacy(told: Mapping[str, Any]) -> Event:
    """A body of the rules of before 2025, whose times and names are not told."""
    rule, data = _text(told, "RuleType"), _mapping(told, "Data")
    connection_id = _text(told, "DataConnectionId") or _text(data, "dataConnectionId") or None
    reads: tuple[DataTypeRead, ...] = ()
    if (known := _LEGACY_READS.get(rule.replace(" ", "").lower())) and _text(data, "dataType"):
        status = _text(data, "datasetStatus") or known[0]
        reads = (DataTypeRead(_text(data, "dataType"), connection_id, status, known[1]),)
    return Event(
        _text(told, "AlertId"), rule, _text(told, "CompanyId"), told, data_types=reads,
        connection_id=connection_id, connection_status=_text(data, "newStatus"),
    )  # fmt: skip


def _text(of: Any, name: str) -> str:
    """A text of an object; empty where there is none."""
    value = of.get(name) if isinstance(of, Mapping) else None
    return value if isinstance(value, str) else ""


def _mapping(of: Any, name: str) -> Mapping[str, Any]:
    value = of.get(name) if isinstance(of, Mapping) else None
    return value if isinstance(value, Mapping) else {}


class Inbox:
    """What was heard: a doubled event is known again, and an older one does not count against a newer one.

    Of the newest ``most`` events the ids are kept, and of each data type of each connection when Codat told of it last.
    May be used from any thread.

    >>> inbox, event = Inbox(), parse({"id": "e1", "eventType": "company.created", "payload": {"id": "c1"}})
    >>> inbox.take(event) is event, inbox.take(event)
    (True, None)
    """

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._newest: dict[tuple[str, str | None, str], datetime] = {}
        self._lock = Lock()

    def take(self, event: Event) -> Event | None:
        """The event, without what a newer one has told already; ``None`` if it was heard before: its ``webhook-id``, or
        its own id, since a message that is replayed may come under a new one."""
        with self._lock:
            ids = [id for id in (event.message_id, event.id) if id]
            again = any(id in self._ids for id in ids)
            self._ids.update(dict.fromkeys(ids))
            while len(self._ids) > self._most:
                self._ids.popitem(last=False)
            if again:
                return None
            told = tuple(each for each in event.data_types if self._is_news(event, each))
            return event if len(told) == len(event.data_types) else msgspec.structs.replace(event, data_types=told)

    def _is_news(self, event: Event, each: DataTypeRead) -> bool:
        if event.generated is None:
            return True
        key = event.company_id.lower(), each.connection_id, each.data_type
        newest = self._newest.setdefault(key, event.generated)
        self._newest[key] = max(newest, event.generated)
        return event.generated >= newest
