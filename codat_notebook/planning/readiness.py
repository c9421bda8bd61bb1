"""Is a company's data complete enough for what it is for? The question, and the rules that answer it. Pure.

A :class:`Question` has a purpose, a period and limits. :func:`find` holds each needed data type of each
connection that counts against the rules, in the order of their urgency: a cell has one reason at most, the first that
holds. Where several connections can deliver a data type, each of them has to; a source that was never linked, or was
unlinked on purpose, does not count beside one that is, nor does lost accounting software beside other (a company links
one: docs/core-concepts/integrations.md). What does not stand in the way is a note. The answer is made in ``verdict``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from codat_notebook.models.instants import instant, interval
from codat_notebook.models.shared import Connection
from codat_notebook.models.status import STALE, is_failed, is_running, plain_status
from codat_notebook.models.vocabulary import FAMILIES, PURPOSES, Purpose, did_you_mean, family
from codat_notebook.planning.snapshots import CompanySnapshot
from codat_notebook.planning.sync_settings import left_out, months_read
from codat_notebook.runs.cells import Cell
from codat_notebook.words import duration

#: What can stand in the way.
CODES: Final = (
    "never_read", "stale", "failed", "running", "not_linked", "missing_connection", "not_supported", "not_fetched",
    "window_too_short", "read_before_period_end", "period_not_ended", "skew", "validation_error", "expected_failure",
    "unknown",
)  # fmt: skip
#: What a refresh of the data type could mend.
REFRESHED: Final = frozenset({
    "never_read", "stale", "failed", "not_fetched", "read_before_period_end", "skew", "validation_error", "unknown",
})  # fmt: skip
_SOURCES: Final = {"accounting": "Accounting", "bank": "Banking", "banking": "Banking", "commerce": "Commerce"}
#: Kinds of which a company links several, so that a lost one is missed (docs/core-concepts/integrations.md).
_SEVERAL: Final = ("Banking", "Commerce")
_NOTHING_PULLED: Final = ("BankFeed", "Expense")
_REFRESH: Final = "docs/using-the-api/queueing-data-syncs.md"
_CONNECTIONS: Final = "docs/core-concepts/connections.md"
_STATUS: Final = "docs/core-concepts/status.md"
_TYPES: Final = "docs/core-concepts/data-type-settings.md"
_WINDOWS: Final = "docs/knowledge-base/advanced-sync-settings.md"
INFERRED: Final = "inferred"

#: When a data type of a connection was read.
Read = tuple[datetime, str, Connection]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the parameters of ``Session.ready``, read by :func:`ask`. ``end`` is the first moment after the
    period, ``between`` the skew that is allowed between connections (``None``: a larger one is but a note)."""

    name: str
    purpose: Purpose
    sources: tuple[str, ...] | None
    end: datetime | None
    months: int | None
    max_age: timedelta
    max_skew: timedelta
    between: timedelta | None

    @property
    def period(self) -> str:
        """The period in words; ``""`` without one."""
        if self.end is None:
            return f"{self.months} months" if self.months else ""
        last = day(self.end - timedelta.resolution)
        return f"{self.months} months to {last}" if self.months else f"to {last}"

    @property
    def last_day(self) -> str | None:
        """The period's end as it was given: its last day, or a time."""
        if self.end is None:
            return None
        midnight = self.end.time() == datetime.min.time()
        return (self.end - timedelta(days=1)).date().isoformat() if midnight else self.end.isoformat()

    def types(self, kinds: Iterable[str]) -> dict[str, list[str]]:
        """Kind of source -> the data types that are needed of it. Where any one source does, those of ``kinds``."""
        by_kind: dict[str, list[str]] = {}
        for name in self.purpose.data_types:
            if self.sources is None or family(name) in (*self.sources, "Custom"):
                by_kind.setdefault(family(name), []).append(name)
        some = {kind: types for kind, types in by_kind.items() if kind in kinds}
        return some if some and self.purpose.any_source else by_kind

    def needs_settings(self, cells: Iterable[Cell]) -> bool:
        """Whether the sync settings have to be read: for the windows, and for what was never read."""
        types = self.purpose.data_types
        return self.months is not None or any(c.last_success is None and c.data_type in types for c in cells)


def question_of(
    purpose: str | Iterable[str] = "lending",
    period_end: str | date | None = None,
    months: int | None = None,
    sources: str | Iterable[str] | None = None,
    max_age: str | timedelta | None = None,
    max_skew: str | timedelta | tuple[str | timedelta, str | timedelta] = "1D",
) -> Question:
    """A question from what a user gives; the parameters are those of ``Session.ready``.

    >>> question_of("bank", period_end="2026-10-31", months=12).period
    '12 months to 31 Oct 2026'
    """
    name, needed = purpose_of(purpose)
    kinds = None if sources is None else _kinds(sources)
    within, between = max_skew if isinstance(max_skew, (tuple, list)) and len(max_skew) == 2 else (max_skew, None)
    question = Question(
        name, needed, kinds, None if period_end is None else _end(period_end),
        None if months is None else whole_months(months),
        timedelta(days=STALE) if max_age is None else interval(max_age, "max_age"),
        interval(within, "max_skew"), None if between is None else interval(between, "max_skew"),
    )  # fmt: skip
    if not question.types(()):
        raise ValueError(f"sources: {name} needs no data of {sources!r}.")
    return question


def whole_months(months: Any) -> int:
    """A number of months as users give it. Raises ``ValueError``."""
    if isinstance(months, bool) or not isinstance(months, int) or months < 1:
        raise ValueError(f"months: a whole number of months, at least 1, not {months!r}.")
    return months


def purpose_of(purpose: Any) -> tuple[str, Purpose]:
    """A purpose by its name, or of a list of data types; and what it is called. Raises ``ValueError``."""
    if isinstance(purpose, str):
        name = purpose.strip().lower()
        if name not in PURPOSES:
            there = f"there are {', '.join(PURPOSES)}, or a list of your own."
            raise ValueError(f"There is no purpose {purpose!r}; {there}{did_you_mean(purpose, PURPOSES)}")
        return name, PURPOSES[name]
    types = tuple(dict.fromkeys(purpose)) if isinstance(purpose, Iterable) else ()
    if not types or not all(isinstance(each, str) and each for each in types):
        raise ValueError(f"purpose: one of {', '.join(PURPOSES)}, or a list of data types, not {purpose!r}.")
    return "your own list", Purpose(types, INFERRED)


def _kinds(sources: str | Iterable[str]) -> tuple[str, ...]:
    names = [sources] if isinstance(sources, str) else list(sources) if isinstance(sources, Iterable) else [sources]
    if not names or any(not isinstance(name, str) or name.strip().lower() not in _SOURCES for name in names):
        raise ValueError(f"sources: any of accounting, bank and commerce, not {sources!r}.")
    return tuple(dict.fromkeys(_SOURCES[name.strip().lower()] for name in names))


def _end(given: Any) -> datetime:
    """The first moment after a period. A day ends at midnight UTC: where the company is, no call tells."""
    text = given.strip() if isinstance(given, str) else given.isoformat() if isinstance(given, date) else ""
    at = instant(text)
    if at is None:
        raise ValueError(f'period_end: the last day of the period, such as "2026-10-31", not {given!r}.')
    midnight = isinstance(given, datetime) and given.tzinfo is None and at.time() == datetime.min.time()
    return at + timedelta(days=1) if midnight or len(text) == 10 else at


def day(at: datetime) -> str:
    """A day in words.

    >>> day(datetime(2026, 10, 31))
    '31 Oct 2026'
    """
    return f"{at.day} {at:%b %Y}"


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that stands in the way, or a note. ``who`` acts: ``refresh`` and ``wait`` need nobody, else
    ``customer``, ``us``, ``codat`` or ``platform``."""

    code: str
    data_type: str | None
    connection: Connection | None
    what: str
    action: str
    who: str
    source: str
    since: datetime | None = None
    link_url: str | None = None


class Found(NamedTuple):
    """What stands in the way of a purpose, what else is to be told, and the data types that were asked about."""

    reasons: list[Reason]
    notes: list[Reason]
    types: list[str]


def find(snapshot: CompanySnapshot, question: Question, now: datetime) -> Found:
    """Hold a company against the rules, as it was read, at a moment."""
    if snapshot.facts is None or snapshot.trouble:
        what = snapshot.trouble or "could not be read"
        how = "Check the id; see session.errors for what went wrong."
        reason = Reason("unknown", None, None, f"{what[0].upper()}{what[1:]}.", how, "us", INFERRED)
        return Found([reason], [], [name for types in question.types(()).values() for name in types])
    return _Examination(snapshot, question, now).found()


class _Examination:
    """One company on its way through the rules."""

    def __init__(self, snapshot: CompanySnapshot, question: Question, now: datetime) -> None:
        self.snapshot = snapshot
        self.question = question
        self.now = now
        self.cells = {(cell.connection_id, cell.data_type): cell for cell in snapshot.cells}
        self.reasons: list[Reason] = []
        self.notes: list[Reason] = []
        #: The cells that are as they should be, with their last success.
        self.fine: list[Read] = []
        self.ended = question.end is not None and question.end <= now

    def found(self) -> Found:
        """All rules."""
        question = self.question
        connections = self.snapshot.connections
        kinds = {id: self._kinds_of(each) for id, each in connections.items()}
        needed = question.types(frozenset().union(*kinds.values()))
        scope = [name for types in needed.values() for name in types]
        for kind in (kind for kind in FAMILIES if kind in needed):
            self._kind(
                kind, [c for id, c in self.snapshot.connections.items() if kind in kinds[id]], needed[kind], scope
            )
        if question.end is not None and not self.ended:
            self._tell(True, Reason("period_not_ended", None, None, "The period has not ended.",
                f"Wait until {day(question.end)}.", "wait", INFERRED))  # fmt: skip
        if question.months is not None and self.snapshot.settings is None and self.fine:
            self._tell(True, Reason("unknown", None, None, "The sync settings could not be read, so it is not known "
                "how far back the data reaches.", "Look again.", "us", _WINDOWS))  # fmt: skip
        self._skew()
        if question.end is None and not self.reasons:
            self._tell(True, Reason("unknown", None, None, "No period was given, so it was not checked.",
                "Say which day the period ends.", "us", INFERRED))  # fmt: skip
        return Found(self.reasons, self.notes, scope)

    def _tell(self, blocks: bool, reason: Reason) -> None:
        (self.reasons if blocks else self.notes).append(reason)

    def _kinds_of(self, connection: Connection) -> frozenset[str]:
        """The kinds of data that a connection is there for: one, unless Codat does not say."""
        if connection.source_type in _SOURCES.values() or connection.source_type in _NOTHING_PULLED:
            return frozenset((str(connection.source_type), "Custom"))
        types = self.snapshot.facts.supported.get(connection.id, ()) if self.snapshot.facts else ()
        return frozenset((*map(family, types), "Custom"))

    def _kind(self, kind: str, connections: list[Connection], types: list[str], scope: list[str]) -> None:
        """The data types of one kind of source."""
        if kind == "Custom":  # each is configured for one platform, which the history tells
            for name in types:
                having = [c for c in connections if (c.id, name) in self.cells]
                self._type(name, [c for c in having if c.is_linked] or having or connections, True)
            return
        linked = [c for c in connections if c.is_linked]
        lost = [c for c in connections if not c.is_linked and c.status != "PendingAuth"]
        if linked:
            lost = [c for c in lost if kind in _SEVERAL and c.status == "Deauthorized"]
        counting = (linked + lost) or connections
        for connection in connections:
            if connection not in counting:
                what = f"Not linked ({plain_status(connection.status).lower()}); another source of this kind is."
                self._tell(False, Reason("not_linked", None, connection, what, "Nothing, if that is intended.", "us",
                    _CONNECTIONS))  # fmt: skip
        purpose = self.question.purpose
        for name in types:
            others = purpose.instead.get(name)
            needed = name not in purpose.optional
            self._type(name, counting, needed, needed and not (others == () or set(others or ()) & set(scope)))

    def _type(self, name: str, connections: list[Connection], needed: bool, irreplaceable: bool = True) -> None:
        """One data type on the connections that count for it."""
        if not connections:
            kind, facts = _plain(family(name)), self.snapshot.facts
            what = f"No {kind.removeprefix('a ')} is connected."
            if facts is not None and facts.only_parent:
                what = f"It is {facts.only_parent}."
            how = f"Ask the customer to link {kind}; leave out of the sources what you do not use."
            self._tell(needed, Reason("missing_connection", name, None, what, how, "customer",
                self.question.purpose.source, link_url=(facts and facts.redirect) or None))  # fmt: skip
            return
        never = {c.id: each for c in connections if (each := self._undelivered(name, c)) is not None}
        for each in never.values():
            self._tell(needed and irreplaceable and len(never) == len(connections), each)
        for connection in connections:
            if connection.id not in never:
                reason = self._reason(name, connection)
                if reason is not None:
                    self._tell(needed, reason)
                elif needed:
                    read = self.cells[connection.id, name].last_success
                    self.fine.append((read or self.now, name, connection))

    def _undelivered(self, name: str, connection: Connection) -> Reason | None:
        """Why a connection can never deliver a data type."""
        cell, facts = self.cells.get((connection.id, name)), self.snapshot.facts
        how = "Link a source that has it, or choose what you can do without."
        if cell is not None and cell.expected and cell.advice is not None and cell.status != "NotSupported":
            return Reason("expected_failure", name, connection, cell.advice.cause, how, "us", cell.advice.source,
                cell.last_requested)  # fmt: skip
        if (cell is not None and cell.status == "NotSupported") or (facts and not facts.offers(connection.id, name)):
            return Reason("not_supported", name, connection, "The platform does not provide it.", how, "us", _STATUS)
        return None

    def _reason(self, name: str, connection: Connection) -> Reason | None:
        """What is wrong with one cell: the first rule that holds."""
        cell = self.cells.get((connection.id, name))
        read = cell.last_success if cell else None
        reason = Reason("never_read", name, connection, "Never read.", "Refresh it.", "refresh", _REFRESH,
            instant(connection.created))  # fmt: skip
        if not connection.is_linked:
            return self._not_linked(reason, connection, read)
        if cell is not None and ((connection.id, name) in self.snapshot.running or _runs(cell)):
            what = "In progress for days; it may never end." if cell.overdue else "Being read now."
            how, who = ("Contact Codat's support.", "codat") if cell.overdue else ("Wait until it has ended.", "wait")
            return replace(reason, code="running", what=what, action=how, who=who, source=_STATUS,
                since=cell.last_requested)  # fmt: skip
        status = (cell.status if cell else None) or ""
        if cell is not None and is_failed(status):
            return self._failed(reason, cell, connection)
        if status not in ("", "Complete"):
            return replace(reason, code="unknown", what=f"Ended as {status}, which this version does not know.",
                since=cell.last_requested if cell else None, source=INFERRED)  # fmt: skip
        if cell is None or read is None:
            if self.snapshot.settings is None or family(name) == "Custom" or not left_out(self.snapshot.settings, name):
                return reason
            return replace(reason, code="not_fetched", what="Never read: the sync settings leave it out.",
                action="Refresh it; switch on “fetch on first link” or a frequency, so that it comes by itself.",
                source=_TYPES)  # fmt: skip
        return self._too_old(replace(reason, since=read), cell, read)

    def _too_old(self, reason: Reason, cell: Cell, read: datetime) -> Reason | None:
        """What is wrong with a success: its time, how far back it reaches, whose it is."""
        question, last = self.question, f"Last read on {day(read)}"
        if question.end is not None and self.ended and read < question.end:
            return replace(reason, code="read_before_period_end", what=f"{last}, before the period ended.",
                source=INFERRED)  # fmt: skip
        if self.now - read > question.max_age:
            limit = duration(question.max_age.total_seconds())
            return replace(reason, code="stale", what=f"{last}, more than {limit} ago.")
        setting = (self.snapshot.settings or {}).get(cell.data_type)
        if question.months is not None and setting is not None:
            end = question.end if question.end is not None and self.ended else self.now
            if (back := months_read(setting, end, read)) < question.months:
                return replace(reason, code="window_too_short", who="us", source=_WINDOWS,
                    what=f"{max(back, 0):g} of the {question.months} months are read.",
                    action="Widen the window in the sync settings; a full sync has to follow.")  # fmt: skip
        others = [c for c in self.snapshot.connections if c != cell.connection_id and (c, cell.data_type) in self.cells]
        if cell.source == "dataStatus" and others:
            return replace(reason, code="unknown", what="Codat says that it was read, but not from which connection.",
                source=INFERRED)  # fmt: skip
        return None

    def _not_linked(self, reason: Reason, connection: Connection, read: datetime | None) -> Reason:
        errors = (instant(e.errored_on_utc) for e in connection.data_connection_errors or () if e.is_active)
        first = min(filter(None, errors), default=None)
        told = [day(at) for at in (read, first) if at is not None]
        when = f" since between {told[0]} and {told[-1]}" if len(set(told)) > 1 else f" since {told[0]}" if told else ""
        pending = connection.status == "PendingAuth"
        what = "The customer has not finished linking." if pending else f"Disconnected{when}."
        return replace(reason, code="not_linked", what=what, action="Ask the customer to link it.", who="customer",
            source=_CONNECTIONS, since=first or read, link_url=connection.link_url or None)  # fmt: skip

    def _failed(self, reason: Reason, cell: Cell, connection: Connection) -> Reason:
        code = "validation_error" if cell.status == "ValidationError" else "failed"
        advice = cell.advice
        if advice is None:
            return replace(reason, code=code, what="Its last refresh failed.", since=cell.last_requested)
        alone = advice.retry in ("now", "later") and not advice.relink
        return replace(reason, code=code, what=advice.cause, action=advice.action, source=advice.source,
            who="refresh" if alone else "us" if advice.who == "nobody" else advice.who, since=cell.last_requested,
            link_url=(connection.link_url or None) if advice.relink else None)  # fmt: skip

    def _skew(self) -> None:
        """Data types that were read too long before others: of one connection, then of all."""
        question = self.question
        self._apart(self.fine, question.max_skew, True, True)
        late = {(r.data_type, r.connection.id) for r in self.reasons if r.code == "skew" and r.connection}
        rest = [cell for cell in self.fine if (cell[1], cell[2].id) not in late]
        limit = question.max_skew if question.between is None else question.between
        self._apart(rest, limit, False, question.between is not None)

    def _apart(self, cells: list[Read], limit: timedelta, same: bool, blocks: bool) -> None:
        """Those that were read a ``limit`` or more before others: of the ``same`` connection, or of others."""
        for read, name, connection in cells:
            newest = max((cell[0] for cell in cells if (cell[2].id == connection.id) == same), default=read)
            if newest - read >= limit:
                apart, of = (
                    duration((newest - read).total_seconds()),
                    "this connection" if same else "other connections",
                )
                self._tell(blocks, Reason("skew", name, connection,
                    f"Read {apart} before other data of {of}, and may not match it.",
                    "Refresh what belongs together at the same time.", "refresh", _REFRESH, read))  # fmt: skip


def _runs(cell: Cell) -> bool:
    return cell.status is not None and is_running(cell.status, cell.completed)


def _plain(kind: str) -> str:
    return {"Accounting": "accounting software", "Banking": "a bank", "Commerce": "a shop"}.get(kind, kind.lower())
