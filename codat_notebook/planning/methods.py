"""What a session does for whole portfolios, and with sync settings.

:class:`PlanningMethods` is a part of :class:`Session`: each method asks for what it needs, in steps that block or are
awaited (``runs.asking``), and hands it to the pure modules beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codat_notebook import frames
from codat_notebook.models.errors import CodatLendingError
from codat_notebook.models.instants import interval
from codat_notebook.models.vocabulary import REPORTS, daily_requests
from codat_notebook.planning import estimate
from codat_notebook.planning.estimate import Load, Prices, estimate_rows
from codat_notebook.planning.health import PortfolioStatus
from codat_notebook.planning.plan import plan_rows
from codat_notebook.planning.readiness import Question, purpose_of, question_of, whole_months
from codat_notebook.planning.selection import Selection, select
from codat_notebook.planning.snapshots import CompanySnapshot, Progress, check_named, read_cells, read_facts
from codat_notebook.planning.sync_settings import audit_rows, read_settings
from codat_notebook.planning.verdict import Readiness, of_answers
from codat_notebook.runs.asking import Asking, Steps, ask, both
from codat_notebook.runs.context import RunContext
from codat_notebook.runs.plans import kinds

if TYPE_CHECKING:
    import pandas as pd

_UNREAD = "The state of the portfolio could not be read"


class PlanningMethods(Asking):
    """The methods; ``context`` is the session's."""

    def _plan(
        self,
        what: pd.DataFrame | Mapping[str, Any] | Iterable[str] | None = None,
        data_types: str | Iterable[str] | None = None,
        *,
        companies: Any = None,
        older_than: str | timedelta | None = None,
        failed: bool = False,
        report: str | Iterable[str] | None = None,
        tags: Mapping[str, str] | None = None,
        platform: str | Iterable[str] | None = None,
        overdue: bool = False,
        settings: bool = False,
        reserve: float = 0.1,
        progress: Progress | None = None,
    ) -> Steps[pd.DataFrame]:
        """What a refresh of many companies would queue, and what it would skip and why. Queues nothing.

        Everything that is given narrows; without anything it is everything. Filter the frame as you like and hand it
        to ``session.refresh``, which queues the rows whose ``action`` is ``"queue"`` or missing.

        Parameters
        ----------
        what : a frame with ``company_id`` (maybe ``data_type``, ``connection_id``), such as ``session.companies()``, a
            part of ``portfolio_status().cells`` or other plans joined; a mapping company id -> data types (``None``:
            all); or ids.
        data_types, companies : only these data types (Codat's keys), only these companies (ids, or a frame of them).
        older_than : only what was not read successfully for so long, such as ``"7D"``; what was never read is older.
        failed : only data whose last attempt failed.
        report : only the data types of Codat's reports of these names: financials, receivables, payables, ...
        tags : only companies with all these tags, such as ``{"region": "uk"}``.
        platform : only connections to these platforms, by name or key.
        overdue : queue anew what has been in progress for more than 7 days and may never end; else it is skipped.
        settings : whether each reason also says what the sync settings do for the data type (one request a company).
        reserve : share of the day's quota at which reading stops; the companies left are rows that say so.
        progress : called with how many companies are read and how many there are.

        Notes
        -----
        Returns a frame with company, data_type, platform, status (of the last attempt), age (since the last success),
        action (``queue`` or ``skip``), reason, requests (that the row takes: the one that queues, and its share of
        following the company), seconds (that the refresh usually takes), seconds_late (that one in twenty exceeds),
        seen, connection_id and company_id. As a cell's last line it says what it comes to. A skip is
        ``not linked``, ``not supported``, ``no longer offered``, ``in progress``, ``fresh``, ``did not fail``,
        ``unknown company``, ``unknown connection``, ``no data type that can be queued``, or says why the company could
        not be read, or how its products are refreshed instead (Bank Feeds, Bill Pay, Spend Insights).

        Raises ``ValueError`` for what makes no sense, and the client's typed errors where the companies cannot be
        listed. Takes one request for 5,000 companies and one or two for each that is meant.

        Examples
        --------
        >>> plan = session.plan(report="financials", older_than="7D", tags={"region": "uk"})  # doctest: +SKIP
        >>> session.refresh(plan[plan.platform == "Xero"])                                    # doctest: +SKIP
        """
        wanted = select(
            what, data_types, companies=companies, older_than=older_than, failed=failed, report=report, tags=tags,
            platform=platform, overdue=overdue,
        )  # fmt: skip
        reading = read_cells(self.context, wanted, reserve=reserve, progress=progress, settings=settings)
        snapshots = yield from ask(reading, _UNREAD)
        from codat_notebook.planning.plan_view import plan_frame

        return plan_frame(plan_rows(snapshots, wanted), self.context.client.quota)

    plan, plan_async = both(_plan)

    def _cells(
        self,
        companies: Any = None,
        data_types: str | Iterable[str] | None = None,
        *,
        report: str | Iterable[str] | None = None,
        tags: Mapping[str, str] | None = None,
        platform: str | Iterable[str] | None = None,
        observed: Any = None,
        known: pd.DataFrame | None = None,
        prices: pd.DataFrame | float | None = None,
        reserve: float = 0.1,
        progress: Progress | None = None,
    ) -> Steps[pd.DataFrame]:
        """The table that a refresh strategy sees, of real companies: a row per company x connection x data type.

        Parameters
        ----------
        companies, data_types, report, tags, platform, reserve, progress : as in ``plan``; by default all.
        observed : what was seen to change, for ``strategies.observe_changes``: webhook events or a frame. Without it
            ``rate`` and ``changed_last`` are missing, for no call of Codat tells them.
        known : what you know better, a frame with ``company_id`` or ``data_type`` (and ``connection_id``), and some of
            ``weight``, ``rate`` (changes a day), ``due``.
        prices : of one refresh, as in ``estimate``.

        Notes
        -----
        Returns the columns of ``strategies.CELLS`` (``company`` and ``connection`` are ids), then ``rate_from``
        (observed, given, assumed), ``name`` of the company, ``obstacle`` (why the cell cannot be refreshed),
        ``latency`` (median days) and ``failure_rate`` as the histories show them, and ``price``. Takes the requests
        of ``plan``.

        Examples
        --------
        >>> strategies.optimal()(session.cells(report="financials")).nlargest(5)  # doctest: +SKIP
        """
        # What strategies need is loaded by the first who asks for cells: no session without a strategy waits for it.
        from codat_notebook.planning.measuring import measured
        from codat_notebook.strategies.learning import observe_changes

        wanted = select(None, data_types, companies=companies, report=report, tags=tags, platform=platform)
        seen = None if observed is None else observe_changes(observed)
        money = Prices.of_frame(prices)
        snapshots = yield from ask(read_cells(self.context, wanted, reserve=reserve, progress=progress), _UNREAD)
        return measured(snapshots, wanted, self.context.now, seen, known, money)

    cells, cells_async = both(_cells)

    def _estimate(
        self,
        companies: Any = None,
        data_types: int | str | Iterable[str] | None = None,
        every: str | timedelta | Iterable[str | timedelta] = "7D",
        prices: pd.DataFrame | float | None = None,
        *,
        report: str | Iterable[str] | None = None,
        tags: Mapping[str, str] | None = None,
        platform: str | Iterable[str] | None = None,
    ) -> Steps[pd.DataFrame]:
        """What refreshing in one or several rhythms takes, beside Codat's own schedule, which takes no requests.

        Parameters
        ----------
        companies : how many, or platform -> how many, and no company is asked for; or ids, a frame of companies, or
            ``None`` for all; or a plan.
        data_types : how many (with numbers of companies), or which; by default all that the connections support.
        every : the rhythm, such as ``"7D"``, or several to compare.
        prices : of one refresh: a frame with ``platform`` and ``price``, maybe ``data_type`` and ``currency``; or one
            number. Where no price is known, money is missing, and never 0.
        report, tags, platform : narrow as in ``plan``.

        Notes
        -----
        Returns a frame with a row in all (``platform`` is ``all``) and one for each platform, for each rhythm and for
        Codat's own schedule: refreshes, requests and share of the day's quota of one round, and the same a day and a
        month, with money; ``minutes_from`` and ``minutes_to`` say when the last operation of a round has usually ended
        (eight rounds in ten; by a plan's histories, else by what platforms usually take). ``note`` says what to
        consider. The arithmetic stands in ``planning.estimate``.

        Examples
        --------
        >>> session.estimate(3000, 5, every=("7D", "1D"))  # doctest: +SKIP
        """
        from codat_notebook.planning.plan_view import EstimateFrame

        several = every if isinstance(every, Iterable) and not isinstance(every, str) else [every]
        rhythms = [interval(each, "every") for each in several]
        price_list = Prices.of_frame(prices)
        wanted, counted = _wanted(companies, data_types, report, tags, platform)
        if counted is None:
            snapshots = yield from ask(read_facts(self.context, wanted), "The companies could not be read")
            counted = estimate.of_companies(snapshots, wanted)
        schedule = yield from ask(_schedule(self.context), "The sync settings could not be read")
        told = None if _is_number(companies) else self.context.client.quota
        limit = told.limit if told and told.limit else daily_requests(counted.total)
        rows = estimate_rows(counted, rhythms, price_list, limit, schedule)
        return EstimateFrame(
            frames.build(frames.ESTIMATE, {name: [row[name] for row in rows] for name in frames.ESTIMATE})
        )

    estimate, estimate_async = both(_estimate)

    def _portfolio_status(
        self,
        companies: Any = None,
        data_types: str | Iterable[str] | None = None,
        *,
        report: str | Iterable[str] | None = None,
        tags: Mapping[str, str] | None = None,
        platform: str | Iterable[str] | None = None,
        goals: Mapping[str, Any] | None = None,
        skew: str | timedelta = "7D",
        purpose: str | Iterable[str] = "lending",
        period_end: str | date | None = None,
        sources: str | Iterable[str] | None = None,
        reserve: float = 0.1,
        progress: Progress | None = None,
    ) -> Steps[PortfolioStatus]:
        """How fresh everything is, whether it is fresh enough, and what would mend it.

        Parameters
        ----------
        companies, data_types, report, tags, platform, reserve, progress : as in ``plan``; by default all.
        goals : data type, report or ``"*"`` (all others) -> the age that passes, twice as much being a warning; or a
            pair of ages that warn and fail. By default a week, and a month for what hardly changes.
        skew : how far apart the data types of one report may have been read.
        purpose, period_end, sources : what companies are to be ready for, as in ``ready``.

        Notes
        -----
        Returns a result with the frames ``companies``, ``cells``, ``goals``, ``skew``, ``tokens`` and ``troubles``, and
        ``plan()``, the plan that would mend it. As a cell's last line it is a heatmap.

        Examples
        --------
        >>> health = session.portfolio_status(goals={"financials": "7D", "bank": ("1D", "3D")})  # doctest: +SKIP
        """
        question = question_of(purpose, period_end, sources=sources)
        wanted = select(None, data_types, companies=companies, report=report, tags=tags, platform=platform)
        snapshots = yield from ask(read_cells(self.context, wanted, reserve=reserve, progress=progress), _UNREAD)
        clock = self.context.client.clock
        now = clock.now()
        status = PortfolioStatus(snapshots, wanted, now, goal=goals, skew=skew, question=question, clock=clock)
        check_named(map(str, goals or ()), snapshots, "*", *REPORTS)
        return status

    portfolio_status, portfolio_status_async = both(_portfolio_status)

    def _ready(
        self,
        company_id: str,
        purpose: str | Iterable[str] = "lending",
        *,
        period_end: str | date | None = None,
        months: int | None = None,
        sources: str | Iterable[str] | None = None,
        max_age: str | timedelta | None = None,
        max_skew: str | timedelta | tuple[str | timedelta, str | timedelta] = "1D",
    ) -> Steps[Readiness]:
        """Whether a company's data is complete enough for what it is for, and what stands in the way.

        Parameters
        ----------
        company_id : the company.
        purpose : ``"lending"`` or ``"expenses"`` (the documented minimum), a report (``"financials"``,
            ``"receivables"``, ``"payables"``, ``"liabilities"``, ``"bank"``, ``"sales"``), or a list of data types.
        period_end : the last day of the period, such as ``"2026-10-31"``; it ends at midnight UTC, or at the time that
            is given. All data has to be read after it. Without it nothing is ever "ready".
        months : of history that are needed before the period's end; held against the windows of the sync settings.
        sources : the kinds of connection that count, of ``"accounting"``, ``"bank"``, ``"commerce"``; by default all
            that the purpose has data types of.
        max_age : how long ago the data may have been read; by default 31 days, as Codat advises at least monthly syncs.
        max_skew : how far apart the data of one connection was read at the most, exclusive; a day apart, says Codat,
            reports are likely to differ (docs/using-the-api/queueing-data-syncs.md). A pair also bounds what was read
            of different connections, which is a note otherwise.

        Notes
        -----
        Returns an answer: ``.state`` (``ready``, ``not_ready``, ``unknown``), ``.ready`` and ``bool()`` (true for the
        first alone), ``.summary``, ``.reasons``, ``.notes``, ``.plan()``, ``.actions``, ``.eta``. A company that
        cannot be read is ``unknown``. Takes two requests, up to six where more has to be known.

        Raises ``ValueError`` for what makes no sense, and the client's typed errors where nothing can be asked.

        Examples
        --------
        >>> answer = session.ready(company_id, "lending", period_end="2026-10-31", months=12)  # doctest: +SKIP
        >>> answer.ready or session.refresh(answer.plan())                                     # doctest: +SKIP
        """
        question = question_of(purpose, period_end, months, sources, max_age, max_skew)
        reading = _read_for(self.context, question, select([company_id]))
        snapshots = yield from ask(reading, "Its data could not be checked", company_id)
        return Readiness(snapshots[0], question, self.context.now)

    ready, ready_async = both(_ready)

    def _portfolio_ready(
        self,
        companies: Any = None,
        purpose: str | Iterable[str] = "lending",
        *,
        period_end: str | date | None = None,
        months: int | None = None,
        sources: str | Iterable[str] | None = None,
        max_age: str | timedelta | None = None,
        max_skew: str | timedelta | tuple[str | timedelta, str | timedelta] = "1D",
        tags: Mapping[str, str] | None = None,
        reserve: float = 0.1,
        progress: Progress | None = None,
    ) -> Steps[pd.DataFrame]:
        """The same for many companies: a row for each, those that are ready last.

        ``companies`` (ids, or a frame of them; by default all), ``tags``, ``reserve`` and ``progress`` are those of
        ``plan``, everything else of ``ready``. Returns a frame with company, state, missing (how many data types have a
        reason), data_types (how many are asked about), reasons (their codes), refreshes (that could mend it), actions
        (of people), summary, checked (when it was looked at) and company_id. Takes the requests of ``plan``, and one or
        two more for a company whose sync settings have to be known.

        >>> found = session.portfolio_ready(tags={"region": "uk"}, period_end="2026-10-31")  # doctest: +SKIP
        >>> found.state.value_counts()                                                       # doctest: +SKIP
        """
        question = question_of(purpose, period_end, months, sources, max_age, max_skew)
        wanted = select(companies=companies, tags=tags)
        reading = _read_for(self.context, question, wanted, reserve=reserve, progress=progress)
        snapshots = yield from ask(reading, _UNREAD)
        return of_answers(Readiness(snapshot, question, self.context.now) for snapshot in snapshots)

    portfolio_ready, portfolio_ready_async = both(_portfolio_ready)

    def _settings(self, company_id: str) -> Steps[pd.DataFrame]:
        """When Codat reads which data types of a company by itself, and how far back. Read only; two requests.

        Returns a frame with a row for each data type, in the order of queueing: ``data_type``, ``fetch_on_first_link``,
        ``schedule`` (a duration; missing: none), ``order``, ``from_utc`` and ``window_months`` (only records changed
        since then are read), ``months_to_sync`` (of financial statements), ``locked``, ``level`` (whose setting it is:
        ``company`` or ``client``) and ``company_id``. Custom data types have no settings. Raises the client's typed
        errors.

        >>> session.settings(company_id).query("schedule.isna()")  # doctest: +SKIP
        """
        reading = read_settings(self.context, company_id, anew=True)
        settings = yield from ask(reading, "The sync settings could not be read", company_id)
        return frames.of_rows(frames.SETTINGS, settings.values())

    settings, settings_async = both(_settings)

    def _settings_audit(
        self, company_id: str, purpose: str | Iterable[str] = "lending", *,
        journal: str | Path | Iterable[str | Path] = (), months: int = 24,
    ) -> Steps[pd.DataFrame]:  # fmt: skip
        """What in a company's sync settings does not go with what its data is for. Three or four requests.

        Parameters
        ----------
        company_id : the company.
        purpose : as in ``ready``. Only data types that the company's connections can deliver are looked for.
        journal : the files of your own regular refreshes: what Codat schedules as well is read, and paid for, twice.
        months : of history that the purpose needs; 24 is what Codat reads of financial statements by itself.

        Notes
        -----
        Returns a frame with a row for each finding: ``finding``, ``data_type``, ``what``, ``action``, ``source`` (the
        page of Codat's documentation), ``level``, ``company_id``. It is empty where nothing was found.

        Raises ``ValueError`` for a purpose that there is not, and naming those that there are, :class:`JournalError`
        for a file that is no journal or is in use, and the client's typed errors.

        Examples
        --------
        >>> session.settings_audit(company_id, "lending", journal="nightly.sqlite")  # doctest: +SKIP
        """
        (_, needed), months = purpose_of(purpose), whole_months(months)
        paths = [journal] if isinstance(journal, (str, Path)) else list(journal)
        ours = {kind for path in paths for kind in kinds(Path(path), company_id)}
        what = "The sync settings could not be judged"
        facts = yield from ask(self.context.company(company_id), what, company_id)
        settings = yield from ask(read_settings(self.context, company_id, anew=True), what, company_id)
        rows = audit_rows(facts, settings, needed, ours, months, self.context.now)
        return frames.build(frames.AUDIT, {name: [row[name] for row in rows] for name in frames.AUDIT})

    settings_audit, settings_audit_async = both(_settings_audit)


async def _read_for(
    context: RunContext, question: Question, wanted: Selection, **options: Any
) -> list[CompanySnapshot]:
    """What has to be known to answer a question. The sync settings are read anew: they may have been mended."""
    context.settings.clear()
    context.profile = None
    snapshots = await read_cells(context, wanted, settings=question.needs_settings, **options)
    check_named(question.purpose.data_types, snapshots)
    return snapshots


def _wanted(companies: Any, data_types: Any, report: Any, tags: Any, platform: Any) -> tuple[Selection, Load | None]:
    """What is to be counted; and the count itself where it needs no company to be asked for."""
    if not _is_number(companies):
        if isinstance(data_types, int):
            raise ValueError("A number of data types goes with a number of companies: name the types for real ones.")
        if "action" in getattr(companies, "columns", ()):
            return Selection(), estimate.of_plan(companies)
        return select(companies, data_types, report=report, tags=tags, platform=platform), None
    if tags is not None or platform is not None:
        raise ValueError("tags and platform narrow real companies, not a number of them.")
    types = data_types if isinstance(data_types, int) else select(None, data_types, report=report).types
    if types is None:
        raise ValueError("Say how many data types, or which: estimate(3000, 5).")
    return Selection(), estimate.of_numbers(companies, types)


def _is_number(companies: Any) -> bool:
    """Whether companies are counted, in all or by platform, and not named."""
    numbers = companies.values() if isinstance(companies, Mapping) and companies else [companies]
    return all(isinstance(number, int) for number in numbers)


async def _schedule(context: RunContext) -> dict[str, int] | None:
    """Data type -> hours of Codat's own schedule; ``None``, and a word in the errors, where they cannot be read."""
    try:
        profile = await context.client.settings.get_profile_sync_settings_async()
    except CodatLendingError as error:
        context.report(error, "The sync settings could not be read")
        return None
    return {str(setting.data_type): setting.sync_schedule or 0 for setting in profile.settings}
