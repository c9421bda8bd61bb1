"""The platforms behind the connections: what each can deliver, how long it takes, how it fails.

*Documented* (codat-docs, docs/integrations/*/overview.md, unless a line names another page) are the keys, names and
kinds of platforms, which ones Codat has withdrawn (blog/251003-deprecation-of-integrations.md), QuickBooks Desktop's
window of 19:00 to 07:00, how long a consent lasts, that unused tokens are revoked after 60 to 100 days on some
platforms, and that Xero's bankTransactions always fail. *Assumed* are the numbers (durations, failure and change
rates), which platforms revoke unused tokens and after how many days, and which types a platform has: plausible, and in
one place. The sandbox draws from these; strategies and planning take them where nothing was measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from codat_notebook.models.vocabulary import ACCOUNTING, BANKING, COMMERCE


@dataclass(frozen=True, slots=True)
class Ending:
    """How long an authorization lasts, in days: at least and at most. ``basis``: ``documented`` or ``inferred``."""

    least: float
    most: float
    basis: str
    source: str


#: Integration key -> when a consent ends that was given, used or not.
CONSENTS: Final[Mapping[str, Ending]] = {
    "suuo": Ending(90, 90, "documented", "docs/integrations/banking/plaid/reauthorize-url-links.md"),
    # No page gives TrueLayer's; the same one names the 90 days of open banking.
    "upvr": Ending(90, 90, "inferred", "docs/integrations/banking/plaid/reauthorize-url-links.md"),
    # 90 days at most, as was chosen; that a sync does not renew it is inferred.
    "jcrp": Ending(90, 90, "inferred", "docs/integrations/accounting/sage200/accounting-sage200-setup.md"),
}
#: When an authorization ends that nobody uses, on some platforms. Which ones, and after how long exactly, no page says:
#: any that is read over the network may be.
UNUSED: Final = Ending(60, 100, "inferred", "docs/configure/portal/companies.md")


@dataclass(frozen=True, slots=True)
class Platform:
    """One integration. Durations are medians in virtual seconds; rates are per operation."""

    key: str
    name: str
    source_type: str
    types: tuple[str, ...]
    pace: float = 1.0  # assumed: its durations against the usual
    failure_rate: float = 0.05  # assumed
    failures: Mapping[str, float] = field(default_factory=dict)  # assumed: weights of the kinds
    refuses: tuple[str, ...] = ()  # assumed: listed as supported, but the pull ends NotSupported
    fails: Mapping[str, str] = field(default_factory=dict)  # documented: types that always fail, and how
    offline: bool = False  # documented: QuickBooks Desktop and Sage 50 run on the customer's machine
    windowed: bool = False  # documented: only QuickBooks Desktop is read at certain hours alone
    token_days: float | None = None  # documented range 60 to 100: unused this long, the token is revoked
    withdrawn: str | None = None  # documented: the day on which Codat removed the integration

    @property
    def consent_days(self) -> float | None:
        """A consent ends that long after it was given, used or not."""
        return CONSENTS[self.key].most if self.key in CONSENTS else None

    @property
    def integration_id(self) -> str:
        """The id of the integration (assumed: any UUID, the same in every world)."""
        return _id("integrations", self.key)

    @property
    def source_id(self) -> str:
        """The id of the source (assumed likewise)."""
        return _id("sources", self.key)


@cache
def _id(kind: str, key: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"https://codat.io/{kind}/{key}"))


_USUAL: Final = {
    "FetchError": 5.0, "RateLimitError": 1.5, "ValidationError": 1.5, "MapError": 0.7, "ProcessingError": 0.5,
    "InternalError": 0.5, "PermissionsError": 1.0,
}  # fmt: skip
_ON_PREMISE: Final = {**_USUAL, "Cancelled": 4.0, "FetchError": 8.0}


def _accounting(*without: str) -> tuple[str, ...]:
    return tuple(data_type for data_type in ACCOUNTING if data_type not in without)


_NETSUITE: Final = _accounting(
    "bankTransactions", "cashFlowStatement", "directCosts", "directIncomes", "itemReceipts", "journals",
    "trackingCategories",
)  # fmt: skip
_DESKTOP: Final = _accounting("bankTransactions", "cashFlowStatement", "journals", "paymentMethods")

_XERO: Final = _accounting("itemReceipts", "salesOrders")
_LARGE: Final = _accounting("itemReceipts", "journals", "bankTransactions")
_SMALL: Final = _accounting(
    "itemReceipts", "journals", "salesOrders", "purchaseOrders", "trackingCategories", "cashFlowStatement"
)

#: What made-up companies have (assumed: the most common ones).
COMMON: Final = (
    Platform("gbol", "Xero", "Accounting", _XERO, 0.8, 0.05, {**_USUAL, "RateLimitError": 6.0},
             fails={"bankTransactions": "FetchError"}, token_days=60),  # xero/xero-faq.md
    Platform("qhyg", "QuickBooks Online", "Accounting", _accounting("itemReceipts", "journals"), 0.9, 0.04,
             _USUAL, token_days=100),
    Platform("pqsw", "QuickBooks Desktop", "Accounting", _DESKTOP, 2.0, 0.09, _ON_PREMISE, offline=True,
             windowed=True),
    Platform("hbql", "Sage 50 (UK)", "Accounting", _DESKTOP, 2.2, 0.10, _ON_PREMISE, offline=True),
    Platform("akxx", "Oracle NetSuite", "Accounting", _NETSUITE, 1.3, 0.05, {**_USUAL, "PermissionsError": 6.0}),
    Platform("fbrh", "FreeAgent", "Accounting", _accounting("itemReceipts", "journals", "salesOrders",
             "purchaseOrders", "trackingCategories"), 0.7, 0.04, _USUAL, token_days=90),
    Platform("suuo", "Plaid", "Banking", BANKING, 0.5, 0.05, {**_USUAL, "FetchError": 9.0},
             refuses=("banking-transactionCategories",)),
    Platform("upvr", "TrueLayer", "Banking", BANKING, 0.5, 0.06, {**_USUAL, "FetchError": 9.0}),
    Platform("fztf", "Shopify", "Commerce", COMMERCE, 0.8, 0.04, _USUAL),
    Platform("exgd", "Stripe", "Commerce", tuple(t for t in COMMERCE if t != "commerce-locations"), 0.7, 0.03,
             _USUAL, refuses=("commerce-taxComponents",)),
    Platform("zsth", "Square", "Commerce", COMMERCE, 0.8, 0.04, _USUAL, refuses=("commerce-disputes",)),
)  # fmt: skip
_FURTHER: Final = (
    Platform("trji", "Dynamics 365 Business Central", "Accounting", _LARGE, 1.2, 0.05, _USUAL),
    Platform("qudb", "Exact (Netherlands)", "Accounting", _SMALL, 1.0, 0.05, {**_USUAL, "RateLimitError": 6.0}),
    Platform("pbbf", "Exact (UK)", "Accounting", _SMALL, 1.0, 0.05, {**_USUAL, "RateLimitError": 6.0}),
    Platform("vxvy", "FreshBooks", "Accounting", _SMALL, 0.8, 0.04, _USUAL),
    Platform("pdvj", "MYOB Business", "Accounting", _LARGE, 1.6, 0.06, {**_USUAL, "FetchError": 8.0}),
    Platform("jcrp", "Sage 200 Standard", "Accounting", _LARGE, 1.2, 0.05, _USUAL),
    Platform("tgff", "Sage Accounting", "Accounting", _SMALL, 0.9, 0.04, _USUAL),
    Platform("knfz", "Sage Intacct", "Accounting", _LARGE, 1.3, 0.05, {**_USUAL, "PermissionsError": 6.0}),
    Platform("pbtz", "Wave", "Accounting", _SMALL, 0.8, 0.04, _USUAL),
    Platform("rwuv", "Zoho Books", "Accounting", _LARGE, 1.1, 0.06, {**_USUAL, "FetchError": 8.0}),
    Platform("qkdj", "Amazon Seller Central", "Commerce", COMMERCE, 2.0, 0.05, {**_USUAL, "RateLimitError": 6.0}),
    Platform("vqzp", "BigCommerce", "Commerce", COMMERCE, 1.0, 0.05, _USUAL),
    Platform("fqly", "Clover", "Commerce", COMMERCE, 0.8, 0.04, _USUAL),
    Platform("ltpp", "WooCommerce", "Commerce", COMMERCE, 1.2, 0.06, _USUAL),
    Platform("ugxp", "Zettle", "Commerce", COMMERCE, 0.8, 0.04, _USUAL),
    Platform("hcws", "QuickBooks Online bank feeds", "BankFeed", ()),  # bank-feeds/qbo-bank-feeds
    Platform("olpr", "Sage bank feeds", "BankFeed", ()),  # bank feeds are written to, not read (inferred)
    # The other withdrawn ones have no documented key, so none here: PayPal, Mollie, PrestaShop, Tide, Reckon, Chargify
    # (2025-10-31); SumUp, Chargebee, Recurly, KashFlow, Clear Books (2026-01-10).
    Platform("dfxm", "Basiq", "Banking", BANKING, 0.5, 0.06, _USUAL, withdrawn="2025-10-31"),
    Platform("vjms", "Pandle", "Accounting", _SMALL, 0.8, 0.04, _USUAL, withdrawn="2026-01-10"),
)  # fmt: skip
PLATFORMS: Final = (*COMMON, *_FURTHER)
BY_KEY: Final = {platform.key: platform for platform in PLATFORMS}
BY_NAME: Final = {platform.name: platform for platform in PLATFORMS}


def platform_of(key: str | None, name: str) -> Platform | None:
    """The platform of a connection, by its key or its name; TrueLayer has a key for each bank."""
    if "truelayer" in f"{key} {name}".lower():
        return BY_KEY["upvr"]
    return BY_KEY.get(key or "") or BY_NAME.get(name)


BY_KIND: Final = {
    kind: tuple(p for p in COMMON if p.source_type == kind) for kind in ("Accounting", "Banking", "Commerce")
}
#: Hours at which QuickBooks Desktop is not read (documented: the window is 19:00 to 07:00 of the customer's time, which
#: no call tells. Assumed: UTC, and every night: the pages disagree about weekends).
WINDOW_CLOSED: Final = range(7, 19)

#: Median seconds from request to end for a platform of pace 1 (assumed); other types take DEFAULT_SECONDS.
SECONDS: Final = {
    "company": 25.0, "commerce-companyInfo": 25.0, "taxRates": 30.0, "chartOfAccounts": 45.0,
    "trackingCategories": 30.0, "paymentMethods": 30.0, "commerce-locations": 35.0, "bankAccounts": 40.0,
    "banking-accounts": 50.0, "accountTransactions": 160.0, "journals": 170.0, "journalEntries": 150.0,
    "banking-transactions": 140.0, "commerce-orders": 140.0, "commerce-transactions": 150.0,
    "balanceSheet": 110.0, "profitAndLoss": 110.0, "cashFlowStatement": 110.0,
}  # fmt: skip
DEFAULT_SECONDS: Final = 85.0
SPREAD: Final = 0.45  # assumed: sigma of the lognormal
LONGEST_SECONDS: Final = 900.0  # assumed
FIRST_SYNC: Final = 2.5  # assumed: how much longer the first sync takes

#: Changes a day at the source (assumed): what read.completed reports as modified follows from it.
CHANGES_A_DAY: Final = {
    "company": 0.01, "commerce-companyInfo": 0.01, "taxRates": 0.01, "chartOfAccounts": 0.03,
    "trackingCategories": 0.02, "paymentMethods": 0.02, "commerce-locations": 0.01, "suppliers": 0.3,
    "customers": 0.6, "invoices": 3.0, "bills": 1.5, "payments": 2.5, "banking-transactions": 12.0,
    "commerce-orders": 25.0, "commerce-transactions": 25.0, "commerce-payments": 25.0,
}  # fmt: skip
DEFAULT_CHANGES: Final = 0.8


def median_seconds(platform: Platform | None, data_type: str) -> float:
    """Median duration of a pull of that type, in virtual seconds; of a platform that is not among these: None."""
    return SECONDS.get(data_type, DEFAULT_SECONDS) * (platform.pace if platform else 1)


def changes_a_day(data_type: str) -> float:
    """How often that type changes at the source, in changes a day."""
    return CHANGES_A_DAY.get(data_type, DEFAULT_CHANGES)
