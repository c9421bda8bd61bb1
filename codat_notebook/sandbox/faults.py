"""Everything that can be made to be otherwise, or to go wrong: the switches, single answers, the line, the platforms.

The switches are what the documentation leaves open, and what a test or a demo may want to be otherwise. Each default is
the behaviour that the facts call likeliest.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from codat_notebook.forking import Lock
from codat_notebook.models.platforms import Platform
from codat_notebook.models.vocabulary import DATA_TYPES, STATEMENTS
from codat_notebook.sandbox.dialect import Dialect
from codat_notebook.sandbox.exchange import JSON, TOO_MANY, ErrorResponse, HttpRequest, HttpResponse
from codat_notebook.sandbox.pull_operation import OrderedOutcome
from codat_notebook.sandbox.virtual_time import SECOND, span, written

if TYPE_CHECKING:
    from codat_notebook.sandbox.world import World

Count = Annotated[int, Meta(ge=0)]
ClientError = Annotated[int, Meta(ge=400, le=499)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]
Skew = Annotated[float, Meta(ge=-1e9, le=1e9)]
#: Types that are read only when asked for by name (assumed).
_NOT_ON_FIRST_LINK: Final = frozenset(
    {"itemReceipts", "journals", "salesOrders", "commerce-taxComponents", "banking-transactionCategories"}
)
#: Small lists that are always read whole, as the documentation advises.
_WHOLE: Final = frozenset({"company", "commerce-companyInfo", "taxRates", "chartOfAccounts", "trackingCategories"})


@dataclass(slots=True)
class SandboxSettings(Dialect):
    """Switches of a sandbox; all can be changed while it runs. Those of how it writes are the :class:`Dialect`'s."""

    in_progress_status: ClientError = 400  # of DatasetAlreadyInProgressException: 400 or 409
    queue_everywhere: bool = True  # a type without a connection: on each that has it, or on one
    all_in_progress: Literal["skip", "refuse"] = "skip"  # what data/all does with types in progress
    never_synced: Literal["omit", "bare", "null"] = "omit"  # how dataStatus shows a type that was never synced
    unsupported: Literal["404", "operation"] = "404"  # a type that no platform has; "operation": it ends NotSupported
    history_lag: Seconds = 0  # virtual seconds until a queued operation appears in lists and look-ups
    honours_keys: bool = True  # whether Idempotency-Key has any effect
    clock_skew: Skew = 0  # virtual seconds that the Date header is ahead of the sandbox's clock
    max_page_size: Annotated[int, Meta(ge=1)] = 5_000  # above it 400; some deployments take no more than 2,000
    quota: Count | None = None  # requests a day; None: 1,000 x (1 + companies with a linked connection, counted daily)
    per_minute: Count | None = None  # requests a virtual minute; None: not enforced
    concurrent: Count | None = None  # requests at a time for one company; None: not enforced
    time_format: Literal["seconds", "epoch", "iso", "http"] = "iso"  # of X-Rate-Limit-Reset
    retry_after_format: Literal["seconds", "epoch", "iso", "http"] = "seconds"
    payment_required: bool = False  # answer 402 to everything: the plan has ended
    latency: Seconds = 0  # real seconds that every answer takes
    gzip: bool = True  # where the client accepts it
    new_data_types: dict[str, set[str]] = field(default_factory=dict)  # added since: name -> keys of platforms with it
    custom_products: dict[str, list[str]] = field(  # the client's own: identifier -> their data types
        default_factory=lambda: {"credit-monitoring": ["invoices", "bills", "customers", "banking-accounts"]}
    )
    custom_data_types: dict[str, set[str]] = field(default_factory=dict)  # identifier -> keys of the platforms with it
    legal_hold: set[str] = field(default_factory=set)  # keys of platforms whose custom data types are refused with 451
    sync_schedule: Count = 0  # hours after which Codat refreshes each type by itself, as the settings tell; 0: never
    # Data type -> fields of its sync setting that the client has otherwise; None: it has none.
    profile_settings: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    # Company id -> the same, where its settings override the client's; None: its list leaves the type out.
    company_settings: dict[str, dict[str, dict[str, Any] | None]] = field(default_factory=dict)
    maintenance: set[str] = field(default_factory=set)  # keys of platforms that are down: reads end in FetchError
    offline: set[str] = field(default_factory=set)  # ids of on-premise connections whose machine is off: pulls wait

    def types_of(self, platform: Platform) -> tuple[str, ...]:
        """The types that a platform has, those added since included."""
        return platform.types + tuple(name for name, keys in self.new_data_types.items() if platform.key in keys)

    def sync_settings(self, company_id: str | None = None) -> dict[str, dict[str, Any]]:
        """Data type -> the sync setting that holds for the client, or for a company: what is synced when.

        What a company's settings leave out keeps the client's (assumed: that is not documented).
        """
        of_company = self.company_settings.get(company_id or "", {})
        made = {}
        for order, data_type in enumerate(DATA_TYPES):
            own = self.profile_settings.get(data_type, {})
            if own is not None:
                usual = _setting(order, data_type, self.sync_schedule)
                made[data_type] = usual | own | (of_company.get(data_type) or {})
        return made


def _setting(order: int, data_type: str, hours: int) -> dict[str, Any]:
    setting: dict[str, Any] = {
        "dataType": data_type,
        "fetchOnFirstLink": data_type not in _NOT_ON_FIRST_LINK,
        "syncSchedule": max(hours, 0),
        "syncOrder": order,
        "isLocked": False,
    }
    if data_type in STATEMENTS:
        setting["monthsToSync"] = 24
    elif data_type not in _WHOLE:
        setting["syncFromWindow"] = 24
    return setting


ANY: Final = "*"
QUEUEING: Final = "POST /companies/*/data/*"
#: Header names and values that HTTP has: else the answer would not be sent at all.
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")
_TEXTS: Final = {
    402: "Your account has expired.",
    403: "You are using an outdated API key or a key not associated with that resource.",
    429: TOO_MANY,
    500: "There is a problem with our server. Please try again later.",
    503: "The Codat API is temporarily offline for maintenance. Please try again later.",
}


class Gate:
    """Holds a request until it is opened; tells when one has come.

    >>> gate = Gate()
    >>> gate.open(); gate.is_open
    True
    """

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._lock = Lock()
        self._wake: list[Callable[[], object]] = []
        self.is_open = False

    def open(self) -> None:
        """Let through what is held and what comes."""
        with self._lock:
            self.is_open = True
            wake, self._wake = self._wake, []
        for call in wake:
            call()

    def pass_on(self, call: Callable[[], object]) -> None:
        """Call back once the gate is open (from any thread)."""
        with self._lock:
            if not self.is_open:
                self._wake.append(call)
                self.reached.set()
                return
        self.reached.set()
        call()


class Rule(msgspec.Struct, forbid_unknown_fields=True, eq=False, dict=True):
    """One ordered misbehaviour: the arguments of :meth:`Faults.next`; ``n`` counts down."""

    n: int | None = 1
    until: str | float | None = None
    match: str = ANY
    status: int | None = None
    body: Any = None
    headers: dict[str, str | None] = {}
    when: Literal["before", "after"] = "before"
    layer: Literal["inside", "outside"] = "outside"
    delay: float = 0
    gate: Gate | None = None
    reset_after: int | None = None
    close_after: int | None = None
    chance: float = 1

    def __post_init__(self) -> None:
        self.hits = 0
        self.ends: int | None = None
        for name in ("n", "delay", "reset_after", "close_after"):
            if (getattr(self, name) or 0) < 0:
                raise ValueError(f"{name} is 0 or more")
        if not 0 <= self.chance <= 1:
            raise ValueError("chance is a number from 0 to 1")
        if self.status is not None and not 200 <= self.status <= 599:
            raise ValueError("status is a number from 200 to 599")
        for name, value in self.headers.items():
            if not _NAME.fullmatch(name) or (value is not None and not _VALUE.fullmatch(value)):
                raise ValueError(f"no header can be sent as {name!r}: {value!r}")

    @property
    def replaces(self) -> bool:
        """Whether another answer is given than the real one."""
        return self.status is not None or self.body is not None

    @property
    def breaks_line(self) -> bool:
        """Whether the answer does not arrive whole."""
        return self.reset_after is not None or self.close_after is not None

    @property
    def skips_work(self) -> bool:
        """Whether the request is not carried out."""
        return self.when == "before" and (self.replaces or self.breaks_line)

    def forced(self, correlation_id: str) -> HttpResponse:
        """The answer that is given instead."""
        status = self.status or 200
        if self.body is None and status in (204, 304):
            return HttpResponse(status)
        if self.body is None:
            error = ErrorResponse(status, _TEXTS.get(status, "Something went wrong."))
            return HttpResponse.of(status, error.body(correlation_id))
        if isinstance(self.body, str):
            kind = "text/html; charset=utf-8" if self.body.lstrip().startswith("<") else JSON
            return HttpResponse(status, self.body.encode(), {"Content-Type": kind})
        body = self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)
        return HttpResponse(status, body, {"Content-Type": JSON})

    def touched(self, answer: HttpResponse) -> HttpResponse:
        """An answer with the ordered headers (None removes one)."""
        headers = {name: value for name, value in {**answer.headers, **self.headers}.items() if value is not None}
        return HttpResponse(answer.status, answer.body, headers)

    def end(self) -> None:
        """Spoil nothing from now on; let through what is held."""
        self.n = 0
        if self.gate is not None:
            self.gate.open()


class Faults(SandboxSettings):
    """The controls of a sandbox: switches as attributes, misbehaviour by request as methods."""

    _world: World

    def __init__(self, **switches: Any) -> None:
        super().__init__(**switches)
        self._rules: list[Rule] = []
        self._lock = Lock()
        self._asked = 0

    def bind(self, world: World) -> None:
        """Connect to the world whose settings these are; done by the sandbox."""
        self._world = world

    def switch(self, wanted: Mapping[str, Any]) -> None:
        """Set several switches by name. Raises ``ValueError`` for one that there is not or a value that it cannot have,
        and sets none then."""
        names = [each.name for each in fields(SandboxSettings)]
        if unknown := wanted.keys() - {*names}:
            raise ValueError(f"no such setting: {', '.join(sorted(unknown))}")
        valid = msgspec.convert({name: getattr(self, name) for name in names} | dict(wanted), SandboxSettings)
        for name in wanted:
            setattr(self, name, getattr(valid, name))

    def next(self, n: int | None = 1, **how: Any) -> Rule:
        """Spoil the next ``n`` requests that match.

        Args:
            n: how many; None: all, until :meth:`Rule.end` or :meth:`clear`.
            how: ``until``: all, for so long in virtual time (``"10m"``, seconds).
                ``match``: method and path with ``*``, for example ``"POST /companies/*/data/queue/*"``.
                ``status``, ``body`` (JSON value, text or bytes), ``headers`` (None as a value removes one): what is
                answered instead; a status alone gives Codat's body for it; headers alone change the real answer.
                ``when``: ``"before"`` the request is carried out (so it is not) or ``"after"``.
                ``layer``: ``"outside"`` the idempotency layer (nothing is kept) or ``"inside"`` (the answer is
                kept and replayed).
                ``delay``: real seconds, before or after the work as ``when`` says; ``gate``: a :class:`Gate`.
                ``reset_after``: reset the connection after that many bytes of the answer.
                ``close_after``: close it after that many bytes of the body, whatever Content-Length says.
                ``chance``: spoil each match only with that probability.

        Returns the rule; its ``hits`` counts. Raises ``ValueError`` for what has another type or name, a number out of
        range and a header that HTTP does not have. Example:
        ``sandbox.faults.next(2, status=503, when="after", layer="inside", match="POST *")``
        """
        try:
            rule = msgspec.convert({"n": n, **how}, Rule)
        except msgspec.ValidationError as error:
            raise ValueError(f"{error}. For two answers with 503, for example: faults.next(2, status=503).") from None
        return self.order(rule)

    def order(self, rule: Rule) -> Rule:
        """Spoil requests as the rule says from now on."""
        if rule.until is not None:
            rule.n = None
            rule.ends = self._world.clock.ticks() + span(rule.until)
        with self._lock:
            self._rules.append(rule)
        return rule

    def rate_limit(self, n: int | None = 1, retry_after: str | float | None = 1, match: str = ANY) -> Rule:
        """Answer 429 to the next ``n`` requests that match (None: all).

        ``retry_after``: seconds, written as ``retry_after_format`` says; text goes out as it is; None: no header.
        """
        if retry_after is not None and not isinstance(retry_after, str):
            now = self._world.clock.ticks()
            retry_after = written(now + round(retry_after * SECOND), now, self.retry_after_format)
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        return self.next(n, status=429, headers=headers, match=match)

    def outage(self, duration: str | float | None = None) -> Rule:
        """Answer 503 to everything, for a virtual time or until the rule's ``end()``."""
        return self.next(None, until=duration, status=503)

    def hold(self, match: str = QUEUEING, when: Literal["before", "after"] = "before") -> Gate:
        """Keep the next matching request waiting until the gate is opened."""
        gate = Gate()
        self.next(1, match=match, when=when, layer="inside", gate=gate)
        return gate

    def end_next(
        self, status: str, n: int = 1, *, data_type: str | None = None, company_id: str | None = None,
        seconds: float | None = None, message: str | None = None,
    ) -> None:  # fmt: skip
        """Decide how the next ``n`` operations end.

        Args:
            status: the last status, known or not, or ``"Paused"``, ``"Waiting"``, ``"Offline"`` for one that is
                held and then completes.
            n: how many operations.
            data_type, company_id: only of this type, only of this company.
            seconds: how long they take, in virtual seconds.
            message: what Codat says of a failure, instead of the sandbox's own words.

        Raises ``ValueError`` for no status, and for a number out of range.
        """
        self._world.orders.append(OrderedOutcome(status, n, data_type, company_id, seconds, message))

    def deauthorize(self, company_id: str, connection_id: str) -> None:
        """Revoke a connection's authorization, as its platform or the customer does."""
        self._world.deauthorize(company_id, connection_id)

    def relink(self, company_id: str, connection_id: str) -> None:
        """Authorize it again, as the customer does through the link URL."""
        self._world.relink(company_id, connection_id)

    def mend(self, company_id: str, connection_id: str) -> None:
        """Put right what is wrong with a connection, at the source or on the customer's machine; no relink."""
        self._world.mend(company_id, connection_id)

    def restart_connector(self, *company_ids: str) -> list[str]:
        """Restart the Sage 50 connector that serves these companies: all that runs there ends Cancelled; its ids."""
        return self._world.restart_connector(company_ids)

    def clear(self) -> None:
        """Forget all ordered misbehaviour (switches stay); let through what is held."""
        with self._lock:
            rules, self._rules = self._rules, []
        self._world.orders.clear()
        for rule in rules:
            rule.end()

    def take(self, request: HttpRequest, layer: str) -> Rule | None:
        """The rule that spoils this request at that layer, if any; for the service."""
        if not self._rules:
            return None
        with self._lock:
            self._asked += 1
            now = self._world.clock.ticks()
            self._rules = [r for r in self._rules if r.n != 0 and (r.ends is None or now < r.ends)]
            line = f"{request.method} {request.path}"
            return next((r for r in self._rules if r.layer == layer and self._applies(r, line)), None)

    def _applies(self, rule: Rule, line: str) -> bool:
        if rule.match != ANY and not fnmatchcase(line, rule.match):
            return False
        if rule.chance < 1 and self._world.draws.number("fault", self._asked, rule.match) >= rule.chance:
            return False
        if rule.n is not None:
            rule.n -= 1
        rule.hits += 1
        return True
