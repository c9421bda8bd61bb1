"""What of a run may be tried again, and when; and its companies as a successor of the run takes them over.

A successor carries all rows of its predecessor. What is done stays done, what no retry can mend stays with its remedy,
and what is tried again is queued as a further attempt (:func:`carried`). The predecessor's companies are left as they
are.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, NamedTuple

from codat_notebook.runs.company_run import ALL, CompanyRun
from codat_notebook.runs.governor import local
from codat_notebook.runs.rows import Row

#: What may be tried again now may whatever the clocks say.
_NOW: Final = datetime.min.replace(tzinfo=UTC)


class Retries(NamedTuple):
    """What may be tried again: ``now`` so many rows, ``later`` so many more, from ``first`` on and all from ``last``.

    >>> str(Retries(2))
    '2 can be retried now'
    """

    now: int = 0
    later: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def words(self, tell: Callable[[datetime], str] = local) -> str:
        """The same as a text; ``tell`` gives that of a time. Empty where nothing may be tried again."""
        parts = [f"{self.now:,} can be retried now"] if self.now else []
        if self.first is not None and self.last is not None:
            until = f", all from {tell(self.last)}" if tell(self.last) != tell(self.first) else ""
            parts.append(f"{self.later:,} can be retried from {tell(self.first)}{until}")
        return "; ".join(parts)

    def __str__(self) -> str:
        return self.words()


def retries_of(rows: Iterable[Row], now: datetime) -> Retries:
    """What of some rows may be tried again."""
    times = [moment for row in rows if (moment := retry_from(row)) is not None]
    later = [moment for moment in times if moment > now]
    return Retries(len(times) - len(later), len(later), min(later, default=None), max(later, default=None))


def retry_from(row: Row) -> datetime | None:
    """From when on a row that failed may be tried again without asking anybody; ``None``: that does not help."""
    error = row.error
    if error is None:
        return None
    if row.state == "failed":
        helps = error.retry in ("now", "later")
    else:
        status = error.status or ""
        helps = int(status) in (408, 429) or int(status) >= 500 if status.isdigit() else status == "NoResponseError"
        helps = helps and row.state == "refused"
    return (error.retry_at or _NOW) if helps else None


def carried(
    company: CompanyRun, now: datetime, *, retry: bool = False, later: bool = False, queue: bool = False
) -> CompanyRun:
    """A company as the successor of its run takes it over at ``now``.

    ``retry``: what failed and may be tried again now is a further attempt, and with ``later`` what may be tried again
    at a later time waits for that. ``queue``: what was not queued when the watching ended is queued; else it stays so.
    """
    times = {place: retry_from(row) if retry else None for place, row in enumerate(company.latest)}
    again = {place: moment for place, moment in times.items() if moment is not None and (later or moment <= now)}
    whole = company.at_once and company.all_done in (None, "refused")  # the one request for everything was refused
    if again and (whole or company.product is not None):
        again = dict.fromkeys(again, max(again.values()))  # it is one request again
    new = CompanyRun(
        company.context, company.company_id, company.wanted, company.product,
        tuple(_carried(company, place, again, now, queue) for place in range(len(company.rows))),
        facts=company.facts, stale=bool(again) or company.stale, began=None if company.over else company.began,
        all_done=company.all_done, before=company.before,
    )  # fmt: skip
    new.waiting.clear()
    if again:
        _want(new, again, whole, company.over)
    elif company.over:
        new.phase = company.phase
        new.note = company.note
        return new
    doubts = {place for place in range(len(new.rows)) if company.in_doubt(place)}
    doubts |= {ALL} if company.all_done is None and not again else set()
    new.intents = {place: replace(company.intents[place], earlier=True) for place in doubts & company.intents.keys()}
    if queue or again:
        new.line_up(new.intents)
    elif new.unsettled and not new.intents and not any(row.open for row in new.rows):
        new.phase = "stopped"  # there is nothing to look at
    return new


def _carried(company: CompanyRun, place: int, again: Mapping[int, datetime], now: datetime, queue: bool) -> Row:
    """A row of a company that is taken over; what is tried ``again`` is the next attempt, which waits for its time."""
    row = company.rows[place]
    if place in again:
        connection_id = row.operation.connection_id if row.operation is not None else row.connection_id
        before = replace(row, next_at=again[place] if again[place] > now else None)
        return Row(row.data_type, connection_id, company_id=row.company_id, before=before)
    if company.over or row.operation or row.error or row.outcome not in (None, "unknown", "unqueued"):
        return row
    if company.at_once and company.all_done not in (None, "singly"):  # it was queued, and has not been found yet
        return replace(row, outcome="unknown") if again else row
    return replace(row, outcome=None if queue else "unknown" if company.in_doubt(place) else "unqueued")


def _want(company: CompanyRun, again: Collection[int], whole: bool, over: bool) -> None:
    """Decide what is queued again: everything, a product's data types, or rows one by one."""
    if whole:
        company.all_done = None
        if company.rows[0].data_type == company.all_types.data_type:  # nothing was known of it
            company.before = company.rows[0].before
            company.rows = ()
        return
    rows = [row for place, row in enumerate(company.rows) if place in again or not (over or company.product)]
    if company.product is not None:
        company.all_done = None
        company.wanted = tuple(dict.fromkeys((row.data_type, None) for row in rows))
    elif over or company.at_once:
        company.all_done = "singly" if company.at_once else None
        company.wanted = tuple((row.data_type, row.connection_id) for row in rows)
