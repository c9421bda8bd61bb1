"""The methods of a session that begin refreshes, and find them again: a part of :class:`Session`."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, SupportsIndex, overload

from codat_notebook.events import Event
from codat_notebook.models.vocabulary import ID
from codat_notebook.runs.asking import Asking, Steps, ask, both
from codat_notebook.runs.context import CompanyFacts, RunContext, check_ids, facts_of
from codat_notebook.runs.journal import Start
from codat_notebook.runs.polling import PRICE
from codat_notebook.runs.run import RefreshRun
from codat_notebook.runs.store import JournalError
from codat_notebook.runs.targets import Targets, check_types, everything, read_targets, unknown_types

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


class Runs(list[RefreshRun]):
    """Runs of a session, by their place or by their id."""

    @overload
    def __getitem__(self, which: SupportsIndex | str, /) -> RefreshRun: ...
    @overload
    def __getitem__(self, which: slice, /) -> list[RefreshRun]: ...
    def __getitem__(self, which: SupportsIndex | str | slice, /) -> RefreshRun | list[RefreshRun]:
        if not isinstance(which, str):
            return super().__getitem__(which)
        run = next((run for run in self if run.id == which), None)
        if run is None:
            raise KeyError(f"no run {which!r} in this session, or it is no longer kept")
        return run


async def check_words(
    context: RunContext, targets: Targets, allow_unknown: bool, insist: str = "pass allow_unknown=True"
) -> None:
    """Raise ``ValueError`` for a company that is not named by an id, and for a data type that neither Codat nor a
    connection of its company is known to have, with what was probably meant. What is known asks nothing."""
    await check_ids(context.client, targets.companies)
    unknown = {} if allow_unknown else unknown_types(targets)
    facts = await facts_of(context, list(unknown))
    for id, names in unknown.items():
        if not isinstance(told := facts[id], CompanyFacts):
            continue  # the run tells what is wrong with the company
        check_types(names, set().union(*told.supported.values()), f" To refresh it anyway, {insist}.")


def _checked(context: RunContext, targets: Targets, allow_unknown: bool) -> Steps[None]:
    """The same in a method's steps; what is known without a look begins at once."""
    if unknown_types(targets) or not all(map(ID.fullmatch, targets.companies)):
        yield from ask(check_words(context, targets, allow_unknown), "The companies could not be read")


class RefreshingMethods(Asking):
    """The methods."""

    def _refresh(
        self,
        company: "str | Mapping[str, str | Sequence[str]] | pd.DataFrame",
        *data_types: str,
        connection_id: str | None = None,
        product: str | None = None,
        journal: "str | Path | None" = None,
        reserve: float = 0,
        patience: float = PRICE,
        allow_unknown: bool = False,
        events: bool = False,
    ) -> "Steps[RefreshRun]":
        """Have Codat read data types of one company, or of thousands, anew, and return the run at once.

        Parameters
        ----------
        company : a company's UUID; or a mapping UUID -> data types; or a plan: a DataFrame with the columns
            ``company_id`` and ``data_type``, if wanted ``connection_id``, and ``action`` (where it is given, rows other
            than ``"queue"`` are left out, see ``run.skipped``), as ``session.plan`` gives it.
        data_types : Codat's keys, such as ``"invoices"``; at least one beside a UUID, none beside a plan. A custom data
            type is named ``"custom/my-type"``.
        connection_id : only on this connection; without it, on each connection that has the type. A custom data type is
            queued on one: without it the only linked one, or the only one whose history has the type.
        product : a custom product of the company (see the column ``products`` of ``companies()``): its own refresh, by
            its own settings, of these data types, or of all that it has where none is named. It takes no connection.
            Codat's standard products are refreshed as their documents say, and are refused.
        journal : a file that the run is written down in, so that after a crash ``session.resume(journal)`` finishes it
            with nothing lost and nothing queued twice. One whose run has ended is begun anew.
        reserve : requests of the day's quota that are left to others; below 1 a share of it. The run pauses there and
            goes on when the quota starts anew.
        patience : seconds of one operation's waiting to be seen that a request is worth (1): more means fewer
            requests and later news; ``math.inf`` looks once, when all of a company has probably ended.
        allow_unknown : queue a data type that is neither documented nor offered by a connection of the company. Else
            its connections are looked at before anything is sent, and it raises ``ValueError`` with the type that was
            probably meant.
        events : whether Codat's webhook events are handed to :meth:`handle_event`: the run looks when they tell, and
            else only now and then, for those that are lost. ``run.progress`` tells how many requests that saves.

        Notes
        -----
        An operation that runs already is attached to, not queued twice. Raises ``ValueError`` for a plan that cannot
        be read, :class:`runs.JournalError` for a journal that cannot be used; nothing has been sent then.

        Examples
        --------
        >>> session.refresh(company_id, "invoices", "bills")                                  # doctest: +SKIP
        >>> session.refresh(session.plan(older_than="7D"), journal="refresh.sqlite", reserve=0.1)  # doctest: +SKIP
        """
        targets = read_targets(company, data_types, connection_id, product)
        yield from _checked(self.context, targets, allow_unknown)
        return self._begin(lambda: Start.of(self.context, targets, journal, reserve, patience, events=events))

    refresh, refresh_async = both(_refresh)

    def _refresh_all(
        self,
        company: str | Sequence[str],
        *,
        product: str | None = None,
        journal: "str | Path | None" = None,
        reserve: float = 0,
        patience: float = PRICE,
        events: bool = False,
    ) -> "Steps[RefreshRun]":
        """Have Codat read everything of a company (or of several) anew: each type with *fetch on first link*, of all
        connections; or everything of a custom ``product`` of theirs. The keywords are those of :meth:`refresh`.

        >>> session.refresh_all(company_id, product="credit-monitoring")  # doctest: +SKIP
        """
        targets = everything(company, product)
        yield from _checked(self.context, targets, allow_unknown=True)
        return self._begin(lambda: Start.of(self.context, targets, journal, reserve, patience, events=events))

    refresh_all, refresh_all_async = both(_refresh_all)

    def resume(self, journal: "str | Path") -> RefreshRun:
        """Go on with a run from its journal, after a crash or a stop, and return it at once.

        What was queued is followed; what was not is queued, once, what waits to be retried at its time; what was being
        sent when the kernel died is looked for, and sent again under the same key. What cannot be known stays
        ``unknown`` and is counted apart.

        Raises :class:`runs.JournalError`: another kernel works on it (``JournalInUseError``), it is of another
        version (``JournalVersionError``), no journal at all (``NotAJournalError``), or of another server.

        >>> session.resume("refresh.sqlite").wait(tell=print)  # doctest: +SKIP
        """
        return self._begin(lambda: Start.resumed(self.context, journal))

    @property
    def runs(self) -> "Runs":
        """The runs of this session, oldest first: those that somebody holds, and the newest, up to 5,000 rows in all.
        ``session.runs[run.id]`` finds one from another request or cell."""
        return Runs(self.context.held())

    def handle_event(self, event: "Event") -> None:
        """Take in a webhook event that ``codat_notebook.events.read`` gave; from any thread, returns at once.

        The runs and the console that wait for what it tells look at that company, with one request for all that is told
        by then; nothing else does. Doubled, outdated and unknown events change nothing: the history stays the truth.

        >>> session.handle_event(events.read(request.headers, body, secret))  # doctest: +SKIP
        """
        self.context.engine.post(self.context.told, event)

    def _begin(self, start: Callable[[], Start]) -> RefreshRun:
        try:
            return RefreshRun(self.context, start())
        except JournalError as error:
            self.context.report(error, "The journal cannot be used")
            raise
