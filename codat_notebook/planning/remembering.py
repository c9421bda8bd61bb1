"""What a session does with what it remembers: what has changed, what became of connections, who must link again.

:class:`RememberingMethods` is a part of :class:`Session`: each method reads what it needs and hands it to the pure
modules beside it (``changes``, ``timeline``, ``relinks``). What needs a memory says so where there is none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from codat_notebook import frames
from codat_notebook.models.errors import ConfigurationError, InvalidRequestError
from codat_notebook.models.instants import interval
from codat_notebook.models.shared import Connection, PullOperation
from codat_notebook.planning.changes import KINDS, changes
from codat_notebook.planning.plan import plan_rows
from codat_notebook.planning.relinks import relinks
from codat_notebook.planning.selection import Selection, select
from codat_notebook.planning.snapshots import read_cells, read_facts
from codat_notebook.planning.timeline import RELINKED, LinkEvent, story, timeline
from codat_notebook.runs.asking import Asking, Steps, ask, both
from codat_notebook.runs.cells import company_status
from codat_notebook.runs.context import CompanyFacts, RunContext
from codat_notebook.runs.memory import Memory, Sighting, operation_of

if TYPE_CHECKING:
    import pandas as pd

_UNREAD = "The companies could not be read"
_NEVER = datetime.min.replace(tzinfo=UTC)


class RememberingMethods(Asking):
    """The methods."""

    def changes(self, since: str | timedelta = "30D") -> pd.DataFrame:
        """What has changed, of all that sessions with this memory have seen. Asks nothing of Codat.

        ``since``: how far back, such as ``"30D"``. What nobody has looked at is not there: a ``portfolio_status()``
        before brings it up to the present.

        Returns a frame, the newest first: ``change`` (``failed``, ``recovered``; ``lost``, ``relinked``, ``linked``,
        ``removed``; ``began`` and ``ceased`` to be read; ``setting``; ``product added``, ``product removed``),
        ``company`` (its id where the name was not read in this session), ``platform``, ``data_type``, ``what`` (a
        sentence), ``after`` and ``by`` (it happened between these; the same where Codat tells the time),
        ``connection_id``, ``company_id``. A setting is seen where ``plan(settings=True)`` has read it.

        Raises ``ConfigurationError`` where the session has no memory, :class:`runs.JournalError` where that cannot be
        read.

        >>> session.changes("7D").query("change == 'lost'")  # doctest: +SKIP
        """
        back, now = interval(since, "since"), self.context.now
        names = {id.lower(): name for id, name in self.context.names.items()}
        seen = changes(_memory(self.context).sightings(KINDS), names, now - back, now)
        return frames.of_rows(frames.CHANGES, seen)

    def _connection_history(self, company_id: str) -> Steps[pd.DataFrame]:
        """What became of each connection of a company: linked, read, lost, linked again. Three or four requests.

        It is told by the pull history, by the errors of the connection that Codat dates, and by what is remembered;
        without a memory by the first two, which know nothing of a connection that nobody tried to read meanwhile.

        Returns a frame, oldest first: ``platform``, ``event`` (``linked``, ``first sync`` or, where the history may
        begin later, ``first known sync``, ``last good sync``, ``lost``, ``relinked``, ``removed``, ``link copied``,
        ``link reported``), ``what`` (a sentence), ``after`` and ``by`` (it happened between these), ``source`` and
        ``connection_id``. Raises the client's typed errors.

        >>> session.connection_history(company_id).what.tolist()  # doctest: +SKIP
        """
        what = "The history of the connections could not be read"
        status = yield from ask(company_status(self.context, company_id), what, company_id)
        memory = self.context.memory
        look = memory.recall([status.facts]).get(status.facts.id) if memory else None
        told = status.operations if look is None else look.operations or ()
        rows = memory.sightings(("connection", "link"), company_id) if memory else []
        events: list[LinkEvent] = []
        for id, connection in _connections(status.facts.connections, rows).items():
            operations = [each for each in told if each.connection_id == id]
            own = [row for row in rows if row.connection_id == id]
            states, links = ([row for row in own if row.kind == kind] for kind in ("connection", "link"))
            events += story(connection, operations, states, links)
        return frames.of_rows(frames.CONNECTION_HISTORY, events)

    connection_history, connection_history_async = both(_connection_history)

    def _relinks(self, within: str | timedelta = "30D", companies: Any = None) -> Steps[pd.DataFrame]:
        """The connections that will need their customer: which, when, why, and what to send. One request for 5,000
        companies.

        Parameters
        ----------
        within : how far ahead, such as ``"30D"``; what has ended already is there in any case.
        companies : ids, or a frame of companies; by default all.

        Notes
        -----
        Returns a frame, the soonest first: ``company``, ``platform``, ``why`` (``Deauthorized``, ``Unlinked``,
        ``AuthError``, ``consent ends``, or ``not used``: refresh anything of it before then, and nobody is needed),
        ``earliest`` and ``latest`` (it happens between these), ``sure`` (``documented`` or ``inferred``), ``missing``
        (data types that no other connection has), ``action``, ``message`` (one for each customer, with a place for each
        link), ``source``, ``connection_id``, ``company_id``. What is computed from which times:
        ``planning.relinks``. With a memory it knows of links that were renewed, and its ranges are shorter.

        Raises ``ValueError`` for what makes no sense, and the client's typed errors.

        Examples
        --------
        >>> session.relinks(within="14D").drop_duplicates("company_id").message  # doctest: +SKIP
        """
        ahead = interval(within, "within")
        known = yield from _listed(self.context, select(companies=companies))
        rows = relinks(known, _timelines(self.context, known), ahead, self.context.now)
        return frames.build(frames.RELINKS, {name: [row[name] for row in rows] for name in frames.RELINKS})

    relinks, relinks_async = both(_relinks)

    def _link_url(self, company_id: str, connection_id: str) -> Steps[str]:
        """The link URL of a connection, read now, to be sent to the customer at once. One request.

        With one-time passcodes, which are usual, it works once and for a day (blog/250110-secure-linking.md), and
        reading it anew may end the one before. It is stored nowhere; a memory keeps the time. Raises
        ``InvalidRequestError`` for no connection of the company, and the client's typed errors.

        >>> session.link_url(company_id, connection_id)  # doctest: +SKIP
        """
        facts = yield from ask(self.context.company(company_id), "The link URL could not be read", company_id)
        connection = facts.connections.get(connection_id)
        if connection is None:
            raise InvalidRequestError(f"The company {company_id} has no connection {connection_id}.")
        now = self.context.now
        handed_out = self.context.remember(lambda memory: memory.handed_out([(facts.id, connection_id)], "copied", now))
        yield from ask(handed_out, _UNREAD)
        return str(connection.link_url)

    link_url, link_url_async = both(_link_url)

    def _follow_up(self, since: str | timedelta = "30D") -> Steps[pd.DataFrame]:
        """The plan that refreshes what was missed while connections were lost that have been linked again since.

        It takes what was asked for on such a connection before, and not since. Hand it to ``session.refresh``.
        Takes two requests for 5,000 companies, and one or two for each that was linked again.

        Columns as of ``session.plan``. Raises ``ConfigurationError`` where the session has no memory, ``ValueError``
        for no length of time, and the client's typed errors.

        >>> session.refresh(session.follow_up())  # doctest: +SKIP
        """
        start = self.context.now - interval(since, "since")
        _memory(self.context)
        known = yield from _listed(self.context, Selection())
        events = (event for each in _timelines(self.context, known).values() for event in each)
        again = {each.connection_id: each.after for each in events if each.event == RELINKED and each.by >= start}
        lost = [each.id.lower() for each in known if again.keys() & each.connections.keys()]
        read = (yield from ask(read_cells(self.context, select(companies=lost)), _UNREAD)) if lost else []
        targets = {
            snapshot.id.lower(): tuple(
                (cell.data_type, cell.connection_id)
                for cell in snapshot.cells
                if cell.last_requested is not None and cell.last_requested <= again.get(cell.connection_id, _NEVER)
            )
            for snapshot in read
        }
        from codat_notebook.planning.plan_view import plan_frame

        return plan_frame(plan_rows(read, Selection(targets)), self.context.client.quota)

    follow_up, follow_up_async = both(_follow_up)


def _listed(context: RunContext, wanted: Selection) -> Steps[list[CompanyFacts]]:
    """The companies as they are listed."""
    read = yield from ask(read_facts(context, wanted), _UNREAD)
    return [each.facts for each in read if each.facts is not None]


def _memory(context: RunContext) -> Memory:
    if context.memory is None:
        raise ConfigurationError('This session remembers nothing: connect(..., memory="codat.sqlite").')
    return context.memory


def _timelines(context: RunContext, companies: Iterable[CompanyFacts]) -> dict[str, list[LinkEvent]]:
    """Connection id -> what is known of its links: with a memory from all that was seen, else from its errors."""
    operations: dict[str, list[PullOperation]] = defaultdict(list)
    states: dict[str, list[Sighting]] = defaultdict(list)
    for row in context.memory.sightings(("operation", "connection")) if context.memory else ():
        if row.kind == "connection":
            states[row.connection_id].append(row)
        else:
            operations[row.connection_id].append(operation_of(row))
    connections = [each for facts in companies for each in facts.connections.values()]
    return {each.id: timeline(each, operations[each.id], states[each.id]) for each in connections}


def _connections(present: Mapping[str, Connection], rows: Iterable[Sighting]) -> dict[str, Connection]:
    """The connections that there are, and those that are remembered."""
    gone = {row.connection_id: row for row in rows if row.kind == "connection" and row.connection_id not in present}
    made = {id: Connection(id=id, platform_name=row.words or "", created=row.began or "") for id, row in gone.items()}
    return {**present, **made}
