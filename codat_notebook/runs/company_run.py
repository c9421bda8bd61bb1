"""One company of a run: what is wanted of it, its rows, and what is still to be queued.

A :class:`CompanyRun` is changed on the engine thread only, by ``sending`` and ``following``; each change replaces the
tuple of rows, so that any thread may read a consistent snapshot. Whoever drives it (``scheduler``) is told of each
change and what was before, so that nothing has to be counted anew.
"""

import math
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from codat_notebook import frames
from codat_notebook.client.clock import epoch, reach
from codat_notebook.client.lookup import SLACK
from codat_notebook.models.products import caution
from codat_notebook.models.shared import PullOperation
from codat_notebook.models.status import is_running
from codat_notebook.runs import polling
from codat_notebook.runs.cells import at_machine
from codat_notebook.runs.context import CompanyFacts, RunContext
from codat_notebook.runs.records import ErrorRecord, Subject, from_operation, log_error
from codat_notebook.runs.rows import STATES, Latest, Row, phase_of
from codat_notebook.runs.targets import Skipped, Target
from codat_notebook.utils import RetryConfig

if TYPE_CHECKING:
    import pandas as pd

#: How a company and a run may end; before, their phases are ``queueing`` and ``following``.
ENDS = ("done", "stopped", "failed")
#: Stands among the positions for ``data/all``, which has no row of its own.
ALL = -1
#: And for a look, where it is told how long an answer has been waited for.
LOOK = -2
#: State of a row -> its column in ``run.summary``.
COUNTED = {state: "not_queued" if state.startswith("not") else state for state in STATES}


@dataclass(frozen=True, slots=True)
class KeyedIntent:
    """Under which key something was sent, and when at the earliest (server's epoch seconds)."""

    key: str
    at: float
    #: Whether an earlier process sent it, or was about to.
    earlier: bool = False

    @property
    def since(self) -> datetime | None:
        """What the client is told of a send in an earlier process."""
        return datetime.fromtimestamp(self.at, UTC) if self.earlier else None


class Look(NamedTuple):
    """A look at the history: the server's time (epoch) of it, how far it went back, and the ids that it showed."""

    time: float
    reach: float
    shown: frozenset[str]


@dataclass(slots=True, eq=False)
class CompanyRun:
    """The working state of one company. ``wanted`` is ``None`` where everything is refreshed. With a ``product`` it is
    that which is refreshed, by one request.

    ``waiting`` are the positions of rows that are not queued yet (:data:`ALL` for ``data/all``), ``timed`` those that
    wait for their time, ``under_way`` counts the requests that queue, ``before`` is an attempt at everything that was
    refused before it had rows, ``due`` is when to look next (``None``: not before something happens), ``began`` the
    server's time (epoch) of the first send. ``found`` operations are known; for ``quiet_looks``, since ``quiet_since``
    (real seconds), none was new.
    """

    context: RunContext
    company_id: str
    wanted: tuple[Target, ...] | None
    product: str | None = None
    rows: tuple[Row, ...] = ()
    phase: str = "queueing"
    note: str | None = None
    facts: CompanyFacts | None = None
    began: float | None = None
    waiting: deque[int] = field(default_factory=deque)
    timed: dict[int, datetime] = field(default_factory=dict)
    before: Row | None = None
    #: Whether its facts are those of an earlier handle, to be asked for anew.
    stale: bool = False
    intents: dict[int, KeyedIntent] = field(default_factory=dict)
    tries: dict[int, int] = field(default_factory=dict)
    #: Position (:data:`LOOK`: a look) -> the clock's seconds since when an answer is waited for.
    since: dict[int, float] = field(default_factory=dict)
    #: Position -> the clock's seconds since when Codat refuses it for its limits.
    held: dict[int, float] = field(default_factory=dict)
    under_way: int = 0
    looking: bool = False
    due: float | None = None
    pause: float = 0.0
    #: How long a doubt is cleared up, where that is not the client's own budget.
    retries: RetryConfig | None = None
    page: int = 0
    #: What came of ``data/all``: ``queued`` (confirmed), ``heard`` (its answer was lost, but operations appeared),
    #: ``singly`` (refused, so that each type is queued by itself), ``unknown``, ``refused``; None: it is to be sent.
    all_done: str | None = None
    looked: Look | None = None
    found: int = -1
    quiet_looks: int = 0
    quiet_since: float = 0.0
    #: Position -> the clock's seconds at which an event told that it has ended (:data:`ALL`: something new of a
    #: product), until a look shows it; and when the last look began.
    told: dict[int, float] = field(default_factory=dict)
    look_began: float = -math.inf
    #: The clock's seconds at which it was looked at last, or followed from.
    planned: float = math.inf
    #: Called with the company after each change, and with the rows and the phase before it.
    changed: Callable[["CompanyRun", tuple[Row, ...], str], object] = lambda company, rows, phase: None

    def __post_init__(self) -> None:
        if not self.rows:
            self.rows = tuple(Row(*target, company_id=self.company_id) for target in self.wanted or ())
            self.waiting.extend([ALL] if self.at_once else range(len(self.rows)))
        for row in self.rows:  # of an earlier process: the history must show them
            if row.operation is not None and row.open:
                self.context.client.clock.lag.expect(row.operation)

    def line_up(self, intents: Mapping[int, KeyedIntent]) -> None:
        """Let what is to be queued wait for its turn, or its time; ``intents``: what was sent already, or about to be,
        and has no answer, which goes on under its key."""
        self.waiting.clear()
        singly = not self.at_once or self.all_done == "singly"
        rows = [ALL] if not singly else [place for place, row in enumerate(self.rows) if row.state == "queueing"]
        for place in rows if singly or self.all_done is None else ():
            if (due := self.due_of(place)) is not None:
                self.timed[place] = due
            else:
                self.waiting.append(place)
            if place in intents:
                self.intents[place] = replace(intents[place], earlier=True)

    def due_of(self, position: int) -> datetime | None:
        """From when on it may be queued, where that is told; everything at once when all of it may be."""
        if position != ALL:
            return self.rows[position].due
        dues = [row.due for row in (self.all_types, *self.rows) if row.state == "queueing"]
        return max(filter(None, dues), default=None)

    def rows_at(self, position: int) -> int:
        """How many rows one request queues."""
        return 1 if position != ALL else sum(row.state == "queueing" for row in self.rows) or 1

    def in_doubt(self, position: int) -> bool:
        """Whether it was being sent when the watching ended: it may be sent again under its key, and no other."""
        row = self.rows[position]
        sent = position in self.intents or ALL in self.intents
        return sent and row.operation is None and row.error is None and row.outcome in (None, "unknown")

    @property
    def unsettled(self) -> bool:
        """Whether it was left with something that is not queued, or in doubt: a resumed run goes on with it."""
        return (self.at_once and self.all_done is None) or any(
            row.outcome == "unqueued" or self.in_doubt(place) for place, row in enumerate(self.rows)
        )

    @property
    def over(self) -> bool:
        """Whether it has ended, and not because the watching did."""
        return self.phase in ("done", "failed") and not any(row.open for row in self.rows)

    @property
    def at_once(self) -> bool:
        """Whether one request queues all that is wanted, and names no operation."""
        return self.wanted is None or self.product is not None

    @property
    def caution(self) -> str | None:
        """What its products say against refreshing data types."""
        return caution(self.facts.products) if self.facts is not None and self.product is None else None

    @property
    def waited(self) -> float:
        """For how many real seconds an answer has been waited for."""
        times = tuple(self.since.values())
        return self.context.client.clock.monotonic() - min(times) if times else 0.0

    @property
    def name(self) -> str:
        """The company's name, its id until that is known."""
        return self.facts.name if self.facts else self.context.names.get(self.company_id, self.company_id)

    @property
    def platforms(self) -> dict[str, str]:
        """Connection id -> platform, as far as Codat has told."""
        return self.facts.platforms if self.facts else {}

    @property
    def ended(self) -> bool:
        """Whether nothing more is to come."""
        return self.phase in ENDS

    @property
    def queued(self) -> bool:
        """Whether nothing is left to be queued, nor under way."""
        return not self.waiting and not self.timed and not self.under_way

    def subject(self, row: Row | None = None) -> Subject:
        """What error records say of a row, or of the company."""
        if self.facts is None:
            return Subject(company_id=self.company_id)
        return self.facts.subject(row.data_type, row.connection_id) if row else self.facts.subject()

    def set_rows(self, rows: Iterable[Row], history: Sequence[PullOperation] = ()) -> None:
        """Replace the rows. An operation that has ended gets its time of seeing here, once; one that failed gets its
        error, too, diagnosed anew as others of the company fail. ``history``: the company's newest operations."""
        before, self.rows = self.rows, tuple(map(self._finished, rows))
        failed = [row for row in self.rows if row.state == "failed"]
        if any(row.error is None for row in failed):
            attempts = (each.operation for row in self.rows for each in row.attempts)
            mine = {operation.id: operation for operation in attempts if operation is not None}
            around = [*mine.values(), *(each for each in history if each.id not in mine)]
            self.rows = tuple(self._diagnosed(row, around) if row.state == "failed" else row for row in self.rows)
        queued = [row.operation for row in self.rows if row.operation is not None and row.origin == "queued"]
        self.context.watching.took(self.company_id, queued)
        self.changed(self, before, self.phase)

    def set_phase(self, phase: str, note: str | None = None) -> None:
        """Enter a phase, with a remark for the reader."""
        before, self.phase = self.phase, phase
        self.note = note
        if self.over:
            self.looked = None  # as large as its rows, and of no use any more
        self.changed(self, self.rows, before)

    def replace(self, position: int, row: Row) -> None:
        """Replace one row."""
        self.set_rows(row if place == position else old for place, old in enumerate(self.rows))

    @property
    def at_machine(self) -> int:
        """How many of its operations wait for the customer's machine."""
        connections = self.facts.connections if self.facts else {}
        if not any(connection.on_premise for connection in connections.values()):
            return 0
        open_ones = [row.operation for row in self.rows if row.operation is not None and row.open]
        return sum(at_machine(each, connections.get(each.connection_id)) for each in open_ones)

    @property
    def all_types(self) -> Row:
        """Stands for everything where the rows of ``data/all``, or of a product, are not known."""
        what = f"all of {self.product}" if self.product is not None else "all data types"
        return Row(what, company_id=self.company_id, before=self.before)

    @property
    def latest(self) -> tuple[Row, ...]:
        """The rows as they are by now, where somebody looks at the company, too: others may have read it since."""
        watch = self.context.watching.known(self.company_id)
        if watch is None or watch.status is None:
            return self.rows
        latest, now = Latest(watch.status), self.context.now
        return tuple(latest.of(row, now) for row in self.rows)

    @property
    def failures(self) -> list[tuple[int, ErrorRecord]]:
        """Each attempt that failed, with its error."""
        everything = self.all_types
        known = self.before is None or any(row.data_type == everything.data_type for row in self.rows)
        return [each for row in (*(() if known else (everything,)), *self.rows) for each in row.failures]

    def refuse(self, record: ErrorRecord) -> None:
        """End in failure: close the rows that have no operation yet, and tell why."""
        rows = self.rows or (self.all_types,)
        self.waiting.clear()
        self.timed.clear()
        self.set_rows(replace(row, outcome="refused", error=record) if row.state == "queueing" else row for row in rows)
        self.set_phase("failed", record.why)

    def _finished(self, row: Row) -> Row:
        operation = row.operation
        if operation is None or row.seen is not None or row.open:
            return row
        # One text for all rows of a company or connection, not one each: a portfolio has hundreds of thousands.
        connection_id = sys.intern(operation.connection_id)
        operation = msgspec.structs.replace(operation, company_id=self.company_id, connection_id=connection_id)
        return replace(row, operation=operation, seen=self.context.now)

    def _diagnosed(self, row: Row, history: Sequence[PullOperation]) -> Row:
        if row.operation is None or (row.error is not None and row.error.operation_id is None):
            return row
        connection = self.facts.connections.get(row.operation.connection_id) if self.facts else None
        error = from_operation(row.operation, connection, history, row.seen or self.context.now, self.name)
        if row.error is None:
            log_error(self.context.errors, error)
        return replace(row, error=error)

    def began_by(self, moment: float | None) -> None:
        """It began at ``moment`` (epoch) at the latest: something was sent then, or an operation of ours requested."""
        if moment is not None:
            self.began = moment if self.began is None else min(self.began, moment)

    async def look(self) -> list[PullOperation]:
        """The company's newest operations: one request, which also tells how late the history is (what it does not show
        yet, and what it could not but have shown before)."""
        self.page = max(self.page, polling.page_size(len(self.rows)))
        page = await self.context.client.manage_data.pull_operations.list_async(
            request={"company_id": self.company_id, "order_by": "-requested", "page_size": self.page}
        )
        seen, back, before = page.results, reach(page.results, page.links.next is None), self.looked
        if (watch := self.context.watching.known(self.company_id)) is not None:
            watch.looked_at(seen)
        clock = self.context.client.clock
        now = clock.epoch()
        clock.lag.look(self.company_id, seen, back, now)
        if before is not None:
            for operation in seen:
                if operation.id not in before.shown and (epoch(operation.requested) or now) < before.time:
                    clock.lag.missed(operation, before.reach, before.time)
        self.looked = Look(now, back, frozenset(operation.id for operation in seen))
        return seen

    def origin(self, operation: PullOperation, slack: timedelta = SLACK) -> str | None:
        """The origin of an operation that no row has yet; ``None`` if it is none of this run's. ``slack``: by how much
        the history's times may be earlier than the moment at which something was sent."""
        requested = epoch(operation.requested)
        if requested is None or self.began is None:
            return None
        if requested < self.began - slack.total_seconds():
            return "attached" if self._is_sibling(operation, requested) else None
        if self.wanted is None:
            return "queued"
        kinds = {(operation.data_type, None), (operation.data_type, operation.connection_id)}
        origin = "appeared" if self.product is None else "queued"
        return origin if kinds.intersection(self.wanted) else None

    def _is_sibling(self, operation: PullOperation, requested: float) -> bool:
        """Whether it runs on another connection since the moment of one that was attached to: it belongs to the same
        refresh, whoever began it, and was perhaps begun by a POST of ours whose answer was lost."""
        if (operation.data_type, None) not in (self.wanted or ()):
            return False
        if not is_running(operation.status, operation.completed):
            return False
        attached = (row.operation for row in self.rows if row.origin == "attached" and row.operation is not None)
        same = (epoch(each.requested) for each in attached if each.data_type == operation.data_type)
        return any(each is not None and abs(each - requested) <= SLACK.total_seconds() for each in same)


def end_of(companies: Sequence[CompanyRun], *, cancelled: bool = False) -> tuple[str, str | None]:
    """The phase in which a run of these companies ends, and a remark: nothing more is to come, or it was left."""
    if cancelled and not all(company.over for company in companies):
        return "stopped", "not watching; this view is out of date"
    if {company.phase for company in companies} == {"failed"}:
        return "failed", companies[0].note
    unqueued = "the rest was never queued: run.watch_again(queue=True) queues it"
    return "done", next((each.note or unqueued for each in companies if each.phase == "stopped"), None)


def summary_of(companies: Sequence[CompanyRun], skipped: Iterable[Skipped]) -> "pd.DataFrame":
    """The frame ``run.summary``."""
    left_out = Counter(line.company_id for line in skipped)
    counted = [Counter(row.state for row in company.rows) for company in companies]
    columns: dict[str, list[object]] = {
        "company": [company.name for company in companies],
        "phase": [phase_of(each.phase, counts) for each, counts in zip(companies, counted, strict=True)],
        "operations": [counts.total() for counts in counted],
        "skipped": [left_out[company.company_id] for company in companies],
        "platforms": [", ".join(sorted({*each.platforms.values()})) if each.facts else None for each in companies],
        "note": [company.note for company in companies],
        "company_id": [company.company_id for company in companies],
    }
    columns |= {column: [counts[state] for counts in counted] for state, column in COUNTED.items()}
    return frames.build(frames.SUMMARY, columns)
