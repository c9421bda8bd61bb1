"""Looking at one company: what a look changes, when to look next, and when nothing more is to come.

A look that fails is tried again for as long as waiting can help, in sight; what waiting cannot mend (the company is
gone, the key may not see it) ends the company's part of the run, and what concerns the whole account is raised.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from functools import partial

from codat_notebook.client.clock import epoch
from codat_notebook.client.lookup import NEAR, SLACK
from codat_notebook.client.queue_once import LAGS, QUIET
from codat_notebook.events import DataTypeRead, Event
from codat_notebook.models.errors import CodatLendingError
from codat_notebook.models.instants import instant
from codat_notebook.models.shared import PullOperation
from codat_notebook.models.status import is_running, paused_until
from codat_notebook.runs import polling
from codat_notebook.runs.cells import OVERDUE, is_overdue
from codat_notebook.runs.company_run import ALL, LOOK, CompanyRun
from codat_notebook.runs.context import ITS_OWN
from codat_notebook.runs.durations import Durations, seconds_taken
from codat_notebook.runs.governor import DAY
from codat_notebook.runs.rows import OPEN_STATES, Row, absorb
from codat_notebook.runs.sending import ACCOUNT

#: Real seconds before a failed look is tried again: the first wait and the longest.
BACK_OFF = (2.0, 60.0)
#: Real seconds between two looks at the least, however fast the server's clock runs.
BREATH = 0.25
#: Operations that are asked for singly after one look, at most.
SINGLY = 10
#: Server's seconds after which a product's refresh that was accepted, and of which nothing appears, has queued nothing.
ACCEPTED = 60.0


async def look(company: CompanyRun, durations: Durations) -> None:
    """Look once, take in what is shown, and set the company's phase; ``company.due`` is left to :func:`plan_look`."""
    company.look_began = company.context.client.clock.monotonic()
    try:
        seen = await company.look()
        _learn(company, seen, durations)
        seen = [*seen, *await _absent(company, {operation.id for operation in seen})]
    except CodatLendingError as error:
        _trouble(company, error)
        return
    company.pause = 0.0
    company.note = None
    company.told.pop(ALL, None)
    rows = absorb(company.rows, seen, company.origin)
    appeared = sum(row.operation is not None for row in rows)
    if appeared and company.queued and company.all_done is None and ALL in company.intents:  # it was sent before
        del company.intents[ALL]
        company.all_done = "heard"
    if appeared > company.found:
        company.found = appeared
        company.quiet_looks = 0
        company.quiet_since = company.context.client.clock.monotonic()
    company.quiet_looks += 1
    company.set_rows(_end_discovery(rows, company, seen) if company.queued else rows, seen)
    company.told = {place: at for place, at in company.told.items() if company.rows[place].open}
    if _ended(company):
        return
    if company.queued and company.rows and not any(row.open for row in company.rows):
        company.set_phase(company.phase, "looking for what Codat may have queued anyway")


def _ended(company: CompanyRun) -> bool:
    """End the company's part where no look can show more of it."""
    if not company.queued or _waits(company):
        return False
    stuck = [row.data_type for row in company.rows if row.open and row.operation is not None]
    told = f"no longer waiting for {', '.join(stuck)}: in progress for more than {OVERDUE.days} days" if stuck else None
    company.set_phase("stopped" if company.unsettled or stuck else "done", told)
    return True


def _quiet(company: CompanyRun) -> float:
    """Server's seconds for which nothing new has turned up."""
    clock = company.context.client.clock
    return (clock.monotonic() - company.quiet_since) * clock.speed if company.quiet_looks else 0.0


def _late(company: CompanyRun, seconds: float) -> float:
    """So many seconds, or more where the history was seen to lag."""
    return max(seconds, LAGS * company.context.client.clock.lag.seconds)


def hear(company: CompanyRun, event: Event) -> bool:
    """Take in which reads have ended, as an event tells; whether the company waits for one of them."""
    waits = [
        place
        for place, row in enumerate(company.rows)
        if row.open and any(_speaks_of(company, row, read, event.generated) for read in event.data_types)
    ]
    if event.data_types and not waits and company.queued and _product_discovers(company):
        waits = [ALL]
    for place in waits:
        company.told.setdefault(place, company.context.client.clock.monotonic())
    return bool(waits)


def _speaks_of(company: CompanyRun, row: Row, read: DataTypeRead, generated: datetime | None) -> bool:
    """Whether an event can mean what the row waits for. It names no operation, and may be of an earlier one."""
    connection_id = row.connection_id if row.operation is None else row.operation.connection_id
    if row.data_type != read.data_type or (connection_id and read.connection_id not in (None, connection_id)):
        return False
    since = company.began if row.operation is None else epoch(row.operation.requested)
    return since is None or generated is None or generated.timestamp() >= since - SLACK.total_seconds()


def news_due(company: CompanyRun, price: float) -> float | None:
    """Server's seconds until what events have told is worth a look: at once where nothing else is waited for, else
    when its waiting has grown to the price; ``None`` where nothing is told."""
    clock, told = company.context.client.clock, company.told
    fresh = [(clock.monotonic() - at) * clock.speed for at in told.values() if at > company.look_began]
    if not told:
        return None
    if not fresh:  # the history is behind: looked for at growing distances
        return max((clock.monotonic() - min(told.values())) * clock.speed, polling.SOONEST)
    if ALL in told or len(told) >= sum(row.open for row in company.rows):
        return 0.0
    return max(price - sum(fresh), 0.0) / len(fresh)


def looks_without(company: CompanyRun, durations: Durations, price: float) -> Callable[[], int]:
    """Called before a look, gives what tells afterwards how many looks there would have been since the last plan, had
    they come by the rhythm of polling, until all that ran then had ended."""
    clock, now = company.context.client.clock, company.context.now
    passed = max(clock.monotonic() - company.planned, 0.0) * clock.speed
    running = [replace(one, age=max(one.age - passed, 0.0)) for one in _running(company, durations)]

    def number() -> int:
        ends = [None if row.open else row.operation.told for row in company.rows if row.operation is not None]
        over = max((now - end).total_seconds() for end in ends if end) if all(ends) and ends else 0.0
        return polling.looks_in(running, price, passed - max(over, 0.0))

    return number


def plan_look(company: CompanyRun, durations: Durations, price: float, hears: bool = False) -> float | None:
    """Real seconds until the next look at a company; ``None`` where there is nothing to be seen yet. ``hears``: events
    tell what ends, and looking is for those that are lost."""
    if company.pause:
        return company.pause
    clock, running = company.context.client.clock, _running(company, durations)
    if clock.stands and (running or company.queued):
        return polling.SOONEST  # a paused sandbox may go on at any moment, and faster than this clock can know
    seconds = [polling.safety_net(running) if hears else polling.next_look(running, price)] if running else []
    if (news := news_due(company, price)) is not None:
        seconds.append(news)
    if company.queued and (
        any(row.state in ("queueing", "unknown") for row in company.rows)
        or _siblings_missing(company)
        or _product_discovers(company)
    ):
        # Operations that are not known yet are worth looking for at growing distances.
        seconds.append(min(max(2.0, _quiet(company)), QUIET))
    if not seconds:
        return clock.real(polling.SOONEST) if company.queued else None
    return max(clock.real(min(seconds)), BREATH)


def _running(company: CompanyRun, durations: Durations) -> list[polling.Running]:
    """The operations on their way, as ``polling`` sees them."""
    now, platforms, running = company.context.now, company.platforms, []
    for row in company.rows:
        if (operation := row.operation) is not None and row.open:
            until = paused_until(operation.status_description) or now
            lifetime = durations.of(platforms.get(operation.connection_id, ""), operation.data_type)
            paused = max((until - now).total_seconds(), 0.0)
            running.append(polling.Running(max(_age(operation, now), 0.0), lifetime, paused))
    return running


def _age(operation: PullOperation, now: datetime) -> float:
    """Seconds since it was requested; 0 where that is not told."""
    return (now - (instant(operation.requested) or now)).total_seconds()


def _learn(company: CompanyRun, seen: Iterable[PullOperation], durations: Durations) -> None:
    """Learn durations from what has ended: all of the first look, later the run's own that have ended since."""
    platforms = company.platforms
    mine = {row.operation_id: row.open for row in company.rows}
    for operation in seen:
        if mine.get(operation.id) or not company.quiet_looks:
            seconds = seconds_taken(operation)
            if seconds is not None and not is_running(operation.status, operation.completed):
                durations.learn(platforms.get(operation.connection_id, ""), operation.data_type, seconds)


def _waits(company: CompanyRun) -> bool:
    """Whether to look again: something runs, siblings may lag, or a doubt may still be settled by an operation."""
    now = company.context.now
    states = {row.state for row in company.rows if row.operation is None or not is_overdue(row.operation, now)}
    if states.intersection(OPEN_STATES) or (company.quiet_looks < 2 and company.wanted is None):
        return True
    if _siblings_missing(company) or _product_discovers(company):
        return True
    return "unknown" in states and _quiet(company) < _late(company, polling.SETTLE)


def _product_discovers(company: CompanyRun) -> bool:
    """Whether more of a product's operations may turn up: which data types it has, nothing tells beforehand."""
    if company.product is None or company.wanted is not None:
        return False
    if company.phase == "failed" or company.all_done == "attached":
        return False
    return _quiet(company) < _late(company, QUIET if company.rows else ACCEPTED)


def _siblings_missing(company: CompanyRun) -> bool:
    """Whether a type was queued on whatever connections have it, and not all of these have shown an operation."""
    if company.facts is None or company.wanted is None:
        return False
    if company.quiet_looks >= 2 and _quiet(company) >= _late(company, 0.0):
        return False
    supported = company.facts.supported
    operations = (row.operation for row in company.rows if row.operation is not None)
    shown = {(operation.data_type, operation.connection_id) for operation in operations}
    types = {data_type for data_type, _ in shown}
    return any(
        data_type in supported.get(connection.id, ()) and (data_type, connection.id) not in shown
        for data_type, chosen in company.wanted
        if chosen is None and data_type in types
        for connection in company.facts.linked
    )


def _end_discovery(rows: tuple[Row, ...], company: CompanyRun, seen: list[PullOperation]) -> tuple[Row, ...]:
    """Close the rows that wait for an operation which Codat evidently did not queue. Where the answer was lost, nothing
    at all has appeared or the server tells no time, that is not evident: these are unknown."""
    appeared = any(row.origin not in (None, "attached") for row in rows)
    enough = _late(company, QUIET if appeared else polling.NOTHING)
    if company.product is not None and not rows and company.quiet_looks > 2 and not _product_discovers(company):
        evident = company.all_done == "queued" and company.context.client.clock.known
        return (replace(company.all_types, outcome="not queued by Codat" if evident else "unknown"),)
    if company.quiet_looks < 3 or _quiet(company) < enough or all(row.state != "queueing" for row in rows):
        return rows
    if len(seen) >= company.page and company.page < polling.LARGEST_PAGE:
        company.page = polling.LARGEST_PAGE  # a history that is out of order may hold them further back
        return rows
    if company.wanted is None:  # times may be a little behind the server's clock
        rows = absorb(rows, seen, partial(company.origin, slack=NEAR))
    told = appeared or company.all_done == "attached"
    evident = told and company.all_done != "heard" and company.context.client.clock.known
    outcome = "not queued by Codat" if evident else "unknown"
    return tuple(replace(row, outcome=outcome) if row.state == "queueing" else row for row in rows)


async def _absent(company: CompanyRun, shown: set[str]) -> list[PullOperation]:
    """What the newest page no longer shows: later pages are larger, and at the largest these are asked for singly."""
    now, lag = company.context.now, _late(company, polling.SETTLE)
    open_ones = [row.operation for row in company.rows if row.operation is not None and row.open]
    hidden = [operation for operation in open_ones if operation.id not in shown and _age(operation, now) > lag]
    if hidden and company.page < polling.LARGEST_PAGE:
        company.page = min(company.page * 4, polling.LARGEST_PAGE)
        return []
    records = []
    for operation in hidden[:SINGLY]:
        get = company.context.client.manage_data.pull_operations.get_async
        try:
            records.append(await get(request={"company_id": company.company_id, "dataset_id": operation.id}))
        except CodatLendingError as error:
            if error.status_code != 404:  # else Codat does not show it, for now; the company is there all the same
                raise
    return records


def _trouble(company: CompanyRun, error: CodatLendingError) -> None:
    """A look failed: end the company's part, or look again after a pause, in sight."""
    if error.status_code in ACCOUNT:
        raise error
    what = f"The operations of {company.name} could not be read"
    record = company.context.report(error, what, company.subject())
    if error.status_code in ITS_OWN:
        company.refuse(record)
        return
    if company.rows and not any(row.open for row in company.rows) and _ended(company):
        return
    now = company.context.client.clock.monotonic()
    if now - company.since.get(LOOK, now) > OVERDUE.total_seconds():
        company.set_phase("stopped", f"no answer from Codat for more than {OVERDUE.days} days")
        return
    company.pause = min(company.pause * 2, BACK_OFF[1]) or BACK_OFF[0]
    if error.retry_at is not None:
        left = (error.retry_at - company.context.now).total_seconds()
        if company.context.governor.common:
            company.context.governor.hold_until(error.retry_at, record.action)
        else:
            company.pause = max(company.pause, company.context.client.clock.real(min(left, DAY.total_seconds())))
    company.set_phase(company.phase, f"no answer from Codat, looking again in {company.pause:.0f} s")
