"""Companies written by hand, and the form in which a company is written or drawn.

A :class:`CompanyTemplate` says in a few declarative lines what a company is like; ages and periods are days before the
world's first instant. :data:`SHOWCASE` holds the companies that a demo shows first, each with one story to tell; their
order is their number in every world, and a world of fewer companies has only the first ones.

:data:`SCENARIOS` are fixed stories for demos: companies, their state and the date are the same every time.
``month-end`` is the last working day of November. The reports need fresh data: most of it is stale, one type fails
until it is refreshed a second time, one connection must be relinked, and then everything adds up (but Xero's
bankTransactions, which always fail). ``situations`` has a company for each of :mod:`codat_notebook.sandbox.situations`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from codat_notebook.models.vocabulary import ACCOUNTING, COMMERCE, did_you_mean
from codat_notebook.sandbox.pull_operation import Outcome
from codat_notebook.sandbox.virtual_time import DAY, MINUTE, SECOND

_ENDLESS: Final = 60 * DAY  # assumed: how long a pull is held whose trouble nobody mends


@dataclass(frozen=True, slots=True)
class Trouble:
    """One reason why pulls of a connection go wrong for a while, or until somebody puts it right.

    While it lasts, every pull that it concerns ends as it says: failures are not drawn anew for each attempt. Times
    are days, counted from the world's first instant.
    """

    status: str  # how they end; "Complete" for those that are only held
    types: tuple[str, ...] = ()  # the data types concerned; none: all
    began: float = 0  # days ago
    lasts: float | Literal["midnight"] | None = None  # days until it is over, or midnight (UTC); None: until mended
    text: str | None = None  # the error message, with {platform}, {plain} (the type in words) and {seconds} (left)
    tries: tuple[float, ...] = ()  # when attempts that met it ended, in days ago
    hold: str | None = None  # "queued", "waiting", "paused" or "slow" (a long Fetching) on the way
    minutes: float | None = None  # how long they are held; None: as long as the trouble lasts
    code: tuple[str, str] | None = None  # the source's HTTP status: the connection shows it among its errors
    info: str | None = None  # what connectionInfo says meanwhile
    relink: bool = False  # whether it is mended by linking again

    def concerns(self, data_type: str) -> bool:
        """Whether pulls of that type meet it."""
        return not self.types or data_type in self.types

    def outcome(self, now: int, until: int) -> Outcome:
        """How a pull ends that is queued ``now``, while it lasts ``until`` then."""
        left = min(until - now, _ENDLESS)
        held = (left if self.minutes is None else round(self.minutes * MINUTE)) if self.hold else None
        text = None if self.text is None else self.text.replace("{seconds}", str(left // SECOND))
        return Outcome(self.status, self.hold, text, held)


@dataclass(frozen=True, slots=True)
class Link:
    """One connection: its platform and how its data types stand."""

    platform: str  # its key
    age: float | None  # days since its types were last read; None if it never was
    ages: Mapping[str, float | None] = field(default_factory=dict)  # types that differ from that; None: never
    period: float = 7.0  # days between two reads in the past
    troubles: tuple[Trouble, ...] = ()  # what went wrong in the past, and goes wrong until it is over or mended
    # How coming operations of a type end: the first, the second, ...; the last one repeats. A status, or "Paused" for
    # one that waits and then completes. Types not named are drawn, or complete where the link is steady.
    next_outcomes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    status: str = "Linked"
    steady: bool = False
    cancelled: bool = False  # whether the customer left the linking

    @property
    def newest(self) -> float | None:
        """Days since any of its types was last read; None if none ever was."""
        return min((age for age in (self.age, *self.ages.values()) if age is not None), default=None)

    def age_of(self, data_type: str) -> float | None:
        """Days since that type was last read successfully; None if never."""
        return self.ages.get(data_type, self.age)


@dataclass(frozen=True, slots=True)
class CompanyTemplate:
    """One company; its history reaches back ``history_days``."""

    name: str
    description: str
    links: tuple[Link, ...]
    tags: Mapping[str, str] = field(default_factory=dict)
    days_old: float = 400.0
    history_days: float = 90.0
    created_by: str | None = "Dan Tzabar"
    parent: int | None = None
    subsidiaries: tuple[int, ...] = ()
    products: tuple[str, ...] = ("lending",)


_NEVER_AT_SALTMARSH: Final = tuple(
    t for t in ACCOUNTING if t not in ("company", "chartOfAccounts", "customers", "invoices", "balanceSheet")
)

SHOWCASE: Final = (
    CompanyTemplate(
        "Toft Stores UK",
        "Convenience stores in the north of England",
        (
            Link(
                "akxx", 1.2, period=1.6,
                ages={
                    "invoices": 0.083, "customers": 0.02, "payments": 8.1, "creditNotes": 31.2, "balanceSheet": 9.0,
                    "profitAndLoss": 9.0, "company": 2.4, "chartOfAccounts": 2.4, "items": 15.5,
                    "journalEntries": None, "paymentMethods": 44.0,
                },
                troubles=(
                    Trouble("PermissionsError", ("creditNotes",), 4.0, tries=(0.12, 1.72, 3.32), relink=True),
                    Trouble("RateLimitError", ("payments",), 3.0, 2.0, tries=(1.1, 2.7)),
                    Trouble("ValidationError", ("items",), 8.0, tries=(2.2, 3.8, 5.4, 7.0)),
                ),
                next_outcomes={
                    "payments": ("Paused", "Complete"),
                    "transfers": ("FetchError", "Complete"),
                    "invoices": ("Complete",), "customers": ("Complete",), "bills": ("Complete",),
                },
            ),
            Link("suuo", 0.21, period=1.9),
            Link("fztf", 62.0, period=3.0, status="Deauthorized"),
        ),
        {"region": "uk", "segment": "retail", "team": "lending"},
        days_old=700, products=("lending", "credit-monitoring"),
    ),
    CompanyTemplate(
        "Technicalium",
        "Technology services, including web and app design and development",
        (Link("gbol", 0.15, period=1.0), Link("upvr", 3.3, period=2.0)),
        {"region": "uk", "segment": "services"},
        days_old=520, parent=5,
    ),
    CompanyTemplate(
        "Bank of Dave",
        "Community lender",
        (
            Link(
                "qhyg", 12.4, period=7.0, ages={"balanceSheet": 14.5, "profitAndLoss": 14.5, "bills": 12.9},
                troubles=(Trouble("MapError", ("journalEntries",), 6.0, 1.0, tries=(5.4,)),),
            ),
        ),
        {"region": "uk", "segment": "finance"},
        days_old=310,
    ),
    CompanyTemplate(
        "Pandle & Sons",
        "Furniture makers since 1962",
        (
            Link(
                "fbrh", 5.3, period=3.5,
                ages={"profitAndLoss": 6.2, "invoices": 6.2, "payments": 6.2, "creditNotes": 6.2},
            ),
            Link("suuo", 1.1, period=2.0),
            Link("upvr", 24.0, period=2.0, troubles=(Trouble("AuthError", began=21.0, tries=(20.0,), relink=True),)),
            Link("zsth", 0.4, period=2.0),
        ),
        {"region": "uk", "segment": "manufacturing"},
        days_old=640,
    ),
    CompanyTemplate(
        "Northwind Traders GmbH",
        "Importers of fine foods",
        (
            Link("pqsw", 28.3, period=7.0, next_outcomes={"invoices": ("Waiting", "Complete")}),
            Link("upvr", 91.0, period=7.0, status="Deauthorized"),
        ),
        {"region": "de", "segment": "wholesale"},
        days_old=810,
    ),
    CompanyTemplate(
        "Technicalium Group", "Holding", (), {"region": "uk"}, days_old=530, subsidiaries=(1,), products=()
    ),
    CompanyTemplate(
        "Harbour & Finch Ltd",
        "CompanyStore agents",
        (Link("gbol", 33.0, period=3.0, status="Deauthorized"), Link("suuo", 0.6, period=1.0)),
        {"region": "uk", "segment": "property"},
        days_old=450,
    ),
    CompanyTemplate(
        "Saltmarsh Roasters",
        "Coffee roasters, linked this morning",
        (
            Link(
                "gbol", 0.06, period=1.0, ages=dict.fromkeys(_NEVER_AT_SALTMARSH),
                next_outcomes={"invoices": ("Complete",)},
            ),
            Link("fztf", None, ages=dict.fromkeys(COMMERCE)),
            Link("exgd", None, status="PendingAuth"),
        ),
        {"region": "uk", "segment": "food", "stage": "onboarding"},
        days_old=0.5,
    ),
)  # fmt: skip


class Scenario(NamedTuple):
    """The companies that come first, the first instant (None: the present), and whether every situation is staged."""

    templates: Sequence[CompanyTemplate] = SHOWCASE
    start: datetime | None = None
    staged: bool = False


_TOFT, _TECHNICALIUM, _HARBOUR = SHOWCASE[0], SHOWCASE[1], SHOWCASE[6]
_MONTH_END: Final = (
    replace(_TOFT, tags={"region": "uk", "segment": "retail"}, products=("lending",), links=(
        Link(
            "akxx", 9.0, period=7.0, steady=True,
            ages={"invoices": 2.1, "customers": 2.1, "creditNotes": 31.0},
            troubles=(Trouble("FetchError", ("payments",), 8.0, 7.5, tries=(0.6, 7.6)),),
            next_outcomes={"payments": ("FetchError", "Complete")},
        ),
        Link("suuo", 8.2, period=7.0, steady=True),
    )),
    replace(_HARBOUR, links=(Link("gbol", 12.0, period=3.0, status="Deauthorized", steady=True),)),
    replace(_TECHNICALIUM, parent=None, links=(
        Link("gbol", 0.2, period=1.0, steady=True), Link("upvr", 0.2, period=1.0, steady=True),
    )),
)  # fmt: skip

_MORNING: Final = datetime(2026, 11, 30, 8, 30, tzinfo=UTC)
SCENARIOS: Final = {
    "month-end": Scenario(_MONTH_END, _MORNING),
    "situations": Scenario(start=_MORNING, staged=True),
}


def scenario(name: str | None) -> Scenario:
    """The story of that name, None for the usual companies at the present; ``ValueError`` where there is none."""
    if name is None:
        return Scenario()
    if name not in SCENARIOS:
        meant = did_you_mean(name, SCENARIOS)
        raise ValueError(f"no scenario {name!r}; there are: {', '.join(SCENARIOS)}.{meant}")
    return SCENARIOS[name]
