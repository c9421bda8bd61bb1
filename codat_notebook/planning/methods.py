"""What a session does for whole portfolios: ``plan``, ``cells``, ``estimate`` and ``portfolio_status``.

:class:`PortfolioMethods` is a part of :class:`Session`: each method reads what it needs through the session's guard and
hands it to the pure modules beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from codat_notebook import frames
from codat_notebook.models.errors import CodatLendingError
from codat_notebook.models.instants import interval
from codat_notebook.planning import estimate
from codat_notebook.planning.estimate import Load, Prices, estimate_rows, limit_of
from codat_notebook.planning.health import PortfolioStatus
from codat_notebook.planning.plan import plan_rows
from codat_notebook.planning.selection import Selection, select
from codat_notebook.planning.snapshots import Progress, read_cells, read_facts
from codat_notebook.runs.context import RunContext

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")
_UNREAD = "The state of the portfolio could not be read"


class PortfolioMethods:
    """The methods; ``context`` and ``_ask`` are the session's."""

    context: RunContext
    _ask: Callable[[Coroutine[Any, Any, Any], str], Any]

    def plan(
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
        settings: bool = False,
        reserve: float = 0.1,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """What a refresh of many companies would queue, and what it would skip and why. Queues nothing.

        Everything that is given narrows; without anything it is everything. Filter the frame as you like and hand it
        to ``session.refresh``, which queues the rows whose ``action`` is ``"queue"`` or missing.

        Parameters
        ----------
        what : a frame with ``company_id`` (maybe ``data_type``, ``connection_id``), such as ``session.companies()``, a
            part of ``portfolio_status().cells`` or other plans joined; a mapping company id -> data types (``None``:
            all); or ids.
        data_types, companies : only these data types (Codat's keys), only these companies (ids, or a frame of them).
        older_than : only what was not read with success for so long, such as ``"7D"``; what was never read is older.
        failed : only what failed at its last attempt.
        report : only the data types of Codat's reports of these names: financials, receivables, payables, ...
        tags : only companies with all these tags, such as ``{"region": "uk"}``.
        platform : only connections to these platforms, by name or key.
        settings : whether each reason also says what the sync settings do for the data type (one request a company).
        reserve : share of the day's quota at which reading stops; the companies left are rows that say so.
        progress : called with how many companies are read and how many there are.

        Returns a frame with company_id, company, connection_id, data_type, platform, status (of the last attempt), age
        (since the last success), action (``queue`` or ``skip``), reason, requests (that the row takes: the one that
        queues, and its share of following the company) and seconds (that the refresh usually takes). A skip is
        ``not linked``, ``not supported``, ``in progress``, ``fresh``, ``did not fail``, ``unknown company``,
        ``unknown connection``, ``no data type that can be queued``, or says why the company could not be read, or how
        its products are refreshed instead (Bank Feeds, Bill Pay, Spend Insights).

        Raises ``ValueError`` for what makes no sense, and the client's typed errors where the companies cannot be
        listed. Takes one request for 5,000 companies and one or two for each that is meant.

        >>> plan = session.plan(report="financials", older_than="7D", tags={"region": "uk"})  # doctest: +SKIP
        >>> session.refresh(plan[plan.platform == "Xero"])                                    # doctest: +SKIP
        """
        wanted = select(
            what, data_types, companies=companies, older_than=older_than, failed=failed, report=report, tags=tags,
            platform=platform,
        )  # fmt: skip
        reading = read_cells(self.context, wanted, reserve=reserve, progress=progress, settings=settings)
        snapshots = self._ask(reading, _UNREAD)
        return frames.of_rows(frames.PLAN, plan_rows(snapshots, wanted))

    def cells(
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
    ) -> pd.DataFrame:
        """The table that a refresh strategy sees, of real companies: a row per company x connection x data type.

        Parameters
        ----------
        companies, data_types, report, tags, platform, reserve, progress : as in ``plan``; by default all.
        observed : what was seen to change, for ``strategies.observe_changes``: webhook events or a frame. Without it
            ``rate`` and ``changed_last`` are missing, for no call of Codat tells them.
        known : what you know better, a frame with ``company_id`` or ``data_type`` (and ``connection_id``), and some of
            ``weight``, ``rate`` (changes a day), ``due``.
        prices : of one refresh, as in ``estimate``.

        Returns the columns of ``strategies.CELLS`` (``company`` and ``connection`` are ids), then ``rate_from``
        (observed, given, assumed), ``name`` of the company, ``obstacle`` (why the cell cannot be refreshed),
        ``latency`` (median days) and ``failure_rate`` as the histories show them, and ``price``. Takes the requests
        of ``plan``.

        >>> strategies.optimal()(session.cells(report="financials")).nlargest(5)  # doctest: +SKIP
        """
        # What strategies need is loaded by the first who asks for cells: no session without a strategy waits for it.
        from codat_notebook.planning.measuring import measured
        from codat_notebook.strategies.learning import observe_changes

        wanted = select(None, data_types, companies=companies, report=report, tags=tags, platform=platform)
        seen = None if observed is None else observe_changes(observed)
        money = Prices.of_frame(prices)
        snapshots = self._ask(read_cells(self.context, wanted, reserve=reserve, progress=progress), _UNREAD)
        return measured(snapshots, wanted, self.context.now, seen, known, money)

    def estimate(
        self,
        companies: Any = None,
        data_types: int | str | Iterable[str] | None = None,
        every: str | timedelta | Iterable[str | timedelta] = "7D",
        prices: pd.DataFrame | float | None = None,
        *,
        report: str | Iterable[str] | None = None,
        tags: Mapping[str, str] | None = None,
        platform: str | Iterable[str] | None = None,
    ) -> pd.DataFrame:
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

        Returns a frame with a row in all (``platform`` is ``all``) and one for each platform, for each rhythm and for
        Codat's own schedule: refreshes, requests, minutes at the limit of 1,000 a minute and share of the day's quota
        of one round, and the same a day and a month, with money. ``note`` says what to consider. The arithmetic
        stands in ``planning.estimate``.

        >>> session.estimate(3000, 5, every=("7D", "1D"))  # doctest: +SKIP
        """
        several = every if isinstance(every, Iterable) and not isinstance(every, str) else [every]
        rhythms = [interval(each, "every") for each in several]
        price_list = Prices.of_frame(prices)
        wanted, counted = _wanted(companies, data_types, report, tags, platform)
        if counted is None:
            snapshots = self._ask(read_facts(self.context, wanted), "The companies could not be read")
            counted = estimate.of_companies(snapshots, wanted)
        schedule = self._ask(_schedule(self.context), "The sync settings could not be read")
        told = None if _is_number(companies) else self.context.client.quota
        rows = estimate_rows(counted, rhythms, price_list, limit_of(counted.total, told), schedule)
        return frames.build(frames.ESTIMATE, {name: [row[name] for row in rows] for name in frames.ESTIMATE})

    def portfolio_status(
        self,
        companies: Any = None,
        data_types: str | Iterable[str] | None = None,
        *,
        report: str | Iterable[str] | None = None,
        tags: Mapping[str, str] | None = None,
        platform: str | Iterable[str] | None = None,
        goals: Mapping[str, Any] | None = None,
        skew: str | timedelta = "7D",
        reserve: float = 0.1,
        progress: Progress | None = None,
    ) -> PortfolioStatus:
        """How fresh everything is, whether it is fresh enough, and what would mend it.

        Parameters
        ----------
        companies, data_types, report, tags, platform, reserve, progress : as in ``plan``; by default all.
        goals : data type, report or ``"*"`` (all others) -> the age that passes, twice as much being a warning; or a
            pair of ages that warn and fail. By default a week, and a month for what hardly changes.
        skew : how far apart the data types of one report may have been read.

        Returns a result with the frames ``cells``, ``goals``, ``skew``, ``tokens`` and ``troubles``, and ``plan()``,
        the plan that would mend it. As a cell's last line it is a heatmap.

        >>> health = session.portfolio_status(goals={"financials": "7D", "bank": ("1D", "3D")})  # doctest: +SKIP
        """
        wanted = select(None, data_types, companies=companies, report=report, tags=tags, platform=platform)
        snapshots = self._ask(read_cells(self.context, wanted, reserve=reserve, progress=progress), _UNREAD)
        clock = self.context.client.clock
        return PortfolioStatus(snapshots, wanted, self.context.now, goal=goals, skew=skew, speed=clock.speed)


def _wanted(companies: Any, data_types: Any, report: Any, tags: Any, platform: Any) -> tuple[Selection, Load | None]:
    """What is to be counted; and the count itself where it needs no company to be asked for."""
    if not _is_number(companies):
        if isinstance(data_types, int):
            raise ValueError("A number of data types goes with a number of companies: name the types of real ones.")
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
